"""The outbox: what it may send for whom, and what it does when one of several consumers is full or gone."""

from __future__ import annotations

from typing import Any

import pytest

from nanotyped import Row, RowError
from nanotyped.channel import Channel, ChannelCancelled, Inbox
from nanotyped.engine.outbox import Outbox
from nanotyped.message import Batch
from nanotyped.node import NodeStatistics

ROWS = [Row.from_dict({"n": n}) for n in range(10)]
BAD = "bad"


class Wired:
    """An outbox with a channel to each of several inboxes."""

    def __init__(self, *capacities: int, batch_rows: int = 5) -> None:
        self.statistics = NodeStatistics()
        self.errors: list[BaseException] = []
        self.outbox = Outbox(batch_rows, self.statistics, self._finish, self.errors.append)
        self.inboxes: list[Inbox[Batch[Row]]] = [Inbox() for _ in capacities]
        self.channels: list[Channel[Batch[Row]]] = []
        for inbox, capacity in zip(self.inboxes, capacities, strict=True):
            self.channels.append(inbox.open_channel(capacity, self.outbox.pull))
            self.outbox.connect(self.channels[-1])

    @staticmethod
    def _finish(gathered: list[Any], first: int) -> Batch[Row]:
        if BAD in gathered:
            raise RowError(f"bad, of the batch from row {first}")
        return Batch.of(list(gathered))

    def received(self, index: int) -> list[Row]:
        """Return what waits at an inbox."""
        found: list[Row] = []
        while self.inboxes[index].rows_waiting:
            got = self.inboxes[index].receive(100, 0)
            assert got is not None
            found += got[1].rows
        return found


def test_a_hungry_consumer_gets_what_was_gathered() -> None:
    """A pull sends what is gathered, to every consumer; with nothing gathered the next row is due at once."""
    wired = Wired(9, 9)
    wired.outbox.rows += ROWS[:2]
    wired.outbox.pull()
    assert wired.received(0) == wired.received(1) == ROWS[:2]
    assert wired.statistics.sent == 2
    assert wired.outbox.limit == 5
    wired.outbox.pull()
    assert wired.outbox.limit == 1


def test_a_pull_never_exceeds_a_bound() -> None:
    """A pull sends nothing while a sibling has no room for all of it; the rows stay gathered, in order."""
    wired = Wired(9, 2)
    wired.outbox.rows += ROWS[:1]
    wired.outbox.flush()
    wired.outbox.rows += ROWS[1:2]
    wired.outbox.pull()
    assert [channel.rows_waiting for channel in wired.channels] == [1, 1]
    assert wired.received(1) == ROWS[:1]
    wired.outbox.pull()
    assert wired.received(0) == ROWS[:2]


def test_a_branch_that_is_gone_does_not_take_from_its_siblings() -> None:
    """When a consumer is gone the sender learns of it, and its siblings have got the rows all the same."""
    wired = Wired(9, 9, 9)
    wired.inboxes[1].cancel()
    wired.outbox.rows += ROWS[:3]
    with pytest.raises(ChannelCancelled):
        wired.outbox.flush()
    assert wired.received(0) == wired.received(2) == ROWS[:3]
    wired.outbox.rows += ROWS[3:4]
    wired.outbox.pull()
    assert wired.received(0) == wired.received(2) == ROWS[3:4]
    assert wired.outbox.cancelled


def test_good_rows_before_a_bad_one_are_sent() -> None:
    """Whatever is wrong with a row of what was gathered, the rows before it are sent; a pull reports it as its own."""
    wired = Wired(9)
    wired.outbox.rows += [*ROWS[:3], BAD, *ROWS[3:5]]
    with pytest.raises(RowError) as caught:
        wired.outbox.flush()
    assert str(caught.value) == "bad, of the batch from row 1"
    assert wired.received(0) == ROWS[:3]
    wired.outbox.rows += [ROWS[5], BAD]
    wired.outbox.pull()
    assert [str(error) for error in wired.errors] == ["bad, of the batch from row 7"]
    assert wired.received(0) == ROWS[5:6]


def test_batches_are_cut_to_the_room_there_is() -> None:
    """Rows by the batch are gathered while few, sent at once when many, and cut to batch_rows."""
    wired = Wired(9, batch_rows=3)
    wired.outbox.send_batch(ROWS[:1])
    assert wired.received(0) == []
    wired.outbox.send_batch(ROWS[1:8])
    sizes: list[int] = []
    while wired.inboxes[0].rows_waiting:
        sizes.append(len(wired.inboxes[0]._queue[0][1]))
        assert wired.inboxes[0].receive(sizes[-1], 0) is not None
    assert sizes == [1, 3, 3, 1]
