"""Batches: rows on their way, cut and joined without a loss."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanotyped import Row
from nanotyped.errors import CursorError
from nanotyped.message import Batch, Checkpoint

A, B = Row.from_dict({"a": 1}), Row.from_dict({"b": 1})
ROWS = st.lists(st.sampled_from([A, B]), max_size=8)


def test_the_class_of_a_batch() -> None:
    """A batch of rows of one class knows that class; of several, or of none, it knows none."""
    assert Batch.of([A, A]).row_class is type(A)
    assert Batch.of([A, B]).row_class is None
    assert Batch.of([]).row_class is None


@given(ROWS, st.integers(0, 9))
def test_splitting_and_joining(rows: list[Row], size: int) -> None:
    """What is cut in two and joined is what it was; neither changes the batch."""
    batch = Batch.of(rows)
    first, rest = batch.split(size)
    assert (len(first), len(rest)) == (min(size, len(rows)), max(0, len(rows) - size))
    joined = first.join([rest])
    assert joined.rows == rows == list(batch.rows)
    assert joined.row_class is batch.row_class
    assert len(joined) == len(batch) == len(rows)


@given(st.lists(ROWS, min_size=1, max_size=4))
def test_a_join_of_many(lists: list[list[Row]]) -> None:
    """Joined batches hold all rows in order; they have a class if all of them have the same."""
    first, *others = map(Batch.of, lists)
    joined = first.join(others)
    assert joined.rows == [row for rows in lists for row in rows]
    classes = {batch.row_class for batch in (first, *others)}
    assert joined.row_class is (classes.pop() if len(classes) == 1 else None)


def test_a_checkpoint_keeps_a_copy() -> None:
    """A source may go on changing what it counts in: its earlier checkpoints stay where they were."""
    cursor: dict[str, Any] = {"file": "a", "lines": [1]}
    checkpoint = Checkpoint(cursor)
    cursor["lines"].append(2)
    assert checkpoint.cursor == {"file": "a", "lines": [1]}


@pytest.mark.parametrize(
    ("cursor", "reason"),
    [
        ((1, 2), "JSON gives it back as [1, 2]"),
        ({1: 2}, "JSON gives it back as {'1': 2}"),
        (date(2024, 5, 6), "Object of type date is not JSON serializable"),
        (float("nan"), "Out of range float values are not JSON compliant"),
    ],
)
def test_a_cursor_that_would_not_come_back(cursor: Any, reason: str) -> None:
    """It is refused where it is made: a resumed run would go on from something else."""
    with pytest.raises(CursorError) as caught:
        Checkpoint(cursor)
    assert str(caught.value).startswith(f"Checkpoint({cursor!r}) cannot be kept: {reason}")
