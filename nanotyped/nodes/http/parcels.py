"""Rows that are sent together, or in parts, with their numbers: what ``HttpPostRequest`` cuts a batch into."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from nanotyped.row import Row


class Parcel(NamedTuple):
    """Rows of one class and one URL that are sent together, or in parts.

    Attributes:
        url: Where to.
        rows: The rows.
        numbers: Their numbers at the node.
        attempt: How often they were sent before this time, because an answer asked for that.
        ends_at: When they are not sent again any more; 0 before the first time.
    """

    url: str
    rows: Sequence[Row]
    numbers: Sequence[int]
    attempt: int = 0
    ends_at: float = 0.0

    def __str__(self) -> str:
        first, last = self.numbers[0], self.numbers[-1]
        return f"row {first}" if len(self.rows) == 1 else f"rows {first} to {last}"

    def part(self, start: int, stop: int) -> Parcel:
        """Return the rows at some positions."""
        return self._replace(rows=self.rows[start:stop], numbers=self.numbers[start:stop])

    def parts(self, size: int) -> list[Parcel]:
        """Return all rows, so many at a time."""
        return [self.part(at, at + size) for at in range(0, len(self.rows), size)]
