"""Batches: rows on their way, cut and joined without a loss."""

import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanotyped import Canary, NanoStreamMessage, NanoStreamQueue, NothingToSeeHere, Row
from nanotyped.errors import CursorError
from nanotyped.message import Batch, Checkpoint, Mark

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


# -- markers in batches --------------------------------------------------------------------------


def test_a_split_keeps_markers_at_their_rows() -> None:
    """A marker stays before the row that it stood before; between the two parts it goes with the first."""
    canaries = [Canary(n=n) for n in range(4)]
    batch = Batch([1, 2, 3], None, (), tuple(Mark(n, canaries[n]) for n in range(4)))
    head, tail = batch.split(2)
    assert head.marks == tuple(Mark(n, canaries[n]) for n in (0, 1, 2))
    assert tail.marks == (Mark(1, canaries[3]),)
    assert head.join([tail]).marks == batch.marks
    assert batch.head(2).marks == ()


def test_a_batch_of_markers_does_not_change_the_class() -> None:
    """Batches of one class with markers alone between them are one batch of that class."""
    row = Row.from_dict({"a": 1})
    between: Batch[Row] = Batch((), None, (), (Mark(0, Canary()),))
    joined = Batch([row], type(row)).join([between, Batch([row], type(row))])
    assert (joined.row_class, [mark.position for mark in joined.marks]) == (type(row), [1])


# -- envelopes -----------------------------------------------------------------------------------


def test_a_message_knows_of_its_making() -> None:
    """An envelope has its content, a unique id, an aware UTC time and the name of its node, all read-only."""
    before = datetime.now(UTC)
    one, other = NanoStreamMessage({"a": 1}), NanoStreamMessage(None, node="read")
    assert one.message_content == {"a": 1}
    assert one.uuid != other.uuid
    assert before <= one.timestamp <= datetime.now(UTC)
    assert one.timestamp.utcoffset() == timedelta(0)
    assert (one.node, other.node) == (None, "read")
    for name in ("message_content", "uuid", "timestamp", "node"):
        with pytest.raises(AttributeError):
            setattr(one, name, 1)


def test_a_queue_wraps_what_is_put() -> None:
    """A queue gives envelopes, first in, first out; nothing is put for nothing, and an empty one gives None at once."""
    queue = NanoStreamQueue(3)
    envelope = NanoStreamMessage("b")
    emptiness = [queue.empty]
    for message in (None, "a", NothingToSeeHere(), envelope, 0):
        queue.put(message)
    emptiness.append(queue.empty)
    got = [queue.get() for _ in range(4)]
    assert [None if message is None else message.message_content for message in got] == ["a", "b", 0, None]
    assert got[1] is envelope
    assert [*emptiness, queue.empty] == [True, False, True]


def test_a_full_queue_blocks() -> None:
    """Who puts into a full queue waits until there is room; names are fresh, or those given."""
    queue = NanoStreamQueue(1, name="q")
    queue.put(1)
    done = threading.Event()

    def put() -> None:
        queue.put(2)
        done.set()

    thread = threading.Thread(target=put)
    thread.start()
    assert not done.wait(0.02)
    assert queue.get() is not None
    assert done.wait(10)
    thread.join()
    assert queue.name == "q"
    assert NanoStreamQueue(1).name != NanoStreamQueue(1).name
