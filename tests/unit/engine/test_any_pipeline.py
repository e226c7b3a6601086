"""Pipelines of any shape within a diamond: what is delivered is what a program without threads would deliver."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from nanotyped.engine import start_run
from tests.unit.engine.nodes import WAIT_S, Counting, Doing, Keeping


@dataclass(frozen=True)
class Step:
    """A node in the middle: which rows it drops, doubles and refuses, and how it is run."""

    drops: int
    doubles: int
    refuses: int
    workers: int
    batch_rows: int
    marks: bool

    def of(self, n: int) -> list[int]:
        """Return what becomes of a row, without any engine."""
        if (self.refuses and n % self.refuses == 0) or (self.drops and n % self.drops == 1):
            return []
        return [n, n] if self.doubles and n % self.doubles == 2 else [n]

    def node(self) -> Doing:
        """Return the node."""

        def make(row: Any) -> Iterator[Any]:
            if self.refuses and row.n % self.refuses == 0:
                raise ValueError("refused")
            yield from [row] * len(self.of(row.n))

        return Doing(
            make,
            on_error="skip" if self.refuses else "fail",
            workers=self.workers,
            batch_rows=self.batch_rows,
            send_batch_markers=self.marks,
        )


SIZES = st.sampled_from([1, 3, 50, 1000])
STEPS = st.builds(
    Step,
    drops=st.sampled_from([0, 4]),
    doubles=st.sampled_from([0, 7]),
    refuses=st.sampled_from([0, 5]),
    workers=st.sampled_from([1, 1, 2, 4]),
    batch_rows=SIZES,
    marks=st.booleans(),
)


@settings(max_examples=40)
@given(
    rows=st.sampled_from([0, 1, 6, 90, 1500]),
    steps=st.tuples(STEPS, STEPS, STEPS),
    rooms=st.tuples(*[st.sampled_from([1, 5, 4000])] * 6),
    workers=st.sampled_from([1, 3]),
)
def test_what_is_delivered_is_what_was_to_be(
    rows: int, steps: tuple[Step, Step, Step], rooms: tuple[int, ...], workers: int
) -> None:
    """Fan-out, fan-in, drops, doubles, refusals, markers, several workers and narrow edges lose and add no row.

    Each edge keeps the order of its rows, and the engine's own counts add up, which every run asks of itself.
    """
    source, left, right = Counting(rows), Keeping(workers=workers), Keeping()
    first, second, third = (step.node() for step in steps)
    edges = [(source, first), (first, second), (first, third), (second, left), (third, left), (third, right)]
    for (start, end), room in zip(edges, rooms, strict=True):
        start.add_edge(end, max_queue_size=room)
    start_run(source).wait(WAIT_S)
    came = through(range(rows), steps[0].of)
    expected = through(came, steps[2].of)
    assert [row.n for row in right.messages] == expected
    assert Counter(row.n for row in left.messages) == Counter(through(came, steps[1].of) + expected)


def through(numbers: Any, step: Callable[[int], list[int]]) -> list[int]:
    """Return what a step makes of all rows, in order."""
    return [made for n in numbers for made in step(n)]
