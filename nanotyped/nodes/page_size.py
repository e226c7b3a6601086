"""How many rows a source reads at a time where a checkpoint stands behind them: few while they go on slowly."""

from __future__ import annotations

from dataclasses import dataclass

# Seconds in which a page is taken where rows go on slowly, or fast.
SLOW_S, FAST_S = 1.0, 0.25


@dataclass(slots=True)
class PageSize:
    """The size of the next page. Where rows go on slowly it shrinks, so that a run killed again and again gets on.

    Where they go fast it grows: a page has a cost of its own.

    Attributes:
        rows: So many rows has the next page.
        least: It does not shrink below.
        most: It does not grow beyond, nor begin beyond.
    """

    rows: int
    least: int
    most: int

    def __post_init__(self) -> None:
        self.rows = min(self.rows, self.most)

    def adapt(self, taken_s: float) -> None:
        """Shrink or grow, by how many seconds it took to be rid of the last page."""
        if taken_s > SLOW_S:
            self.rows = min(self.most, max(self.least, self.rows // 2))
        elif taken_s < FAST_S:
            self.rows = min(self.most, self.rows * 2)
