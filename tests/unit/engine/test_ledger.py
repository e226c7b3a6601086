"""The ledger: whatever the order of things and wherever a crash cuts in, no row before the mark is undelivered."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from nanotyped.channel import Inbox
from nanotyped.engine.ledger import LedgerError, SourceLedger
from nanotyped.engine.outbox import Outbox
from nanotyped.message import Batch
from nanotyped.node import NodeStatistics
from nanotyped.row import Row, parse_schema

Number: Any = parse_schema({"n": "bigint"}).row_class()


def ledger_of(clock: Any = lambda: 0.0) -> tuple[SourceLedger, list[None]]:
    """Return a ledger and a list that grows with every move of its mark."""
    moves: list[None] = []
    return SourceLedger(lambda: moves.append(None), clock), moves


def test_the_mark_stops_at_the_first_stretch_that_is_not_settled() -> None:
    """What was settled behind it counts only once that one is."""
    ledger, moves = ledger_of()
    first, second, third = (ledger.open() for _ in range(3))
    for cursor, stretch in enumerate((first, second, third), 1):
        ledger.close(stretch, cursor)
    third.release()
    second.release()
    assert (ledger.mark, ledger.marked, moves) == (None, 0, [])
    first.release()
    assert (ledger.mark, ledger.marked, moves) == (3, 3, [None])
    assert ledger.settled


def test_a_stretch_that_goes_on_is_not_settled() -> None:
    """A source may still give rows of it, though nobody holds one."""
    ledger, _ = ledger_of()
    stretch = ledger.open()
    stretch.release()
    assert (ledger.mark, ledger.settled) == (None, False)


def test_a_fault_of_the_engine_is_none_in_silence() -> None:
    """Who releases what nobody holds, or holds it again, would move the mark too far."""
    ledger, _ = ledger_of()
    stretch = ledger.open()
    ledger.close(stretch, 1)
    with pytest.raises(LedgerError, match=r"^stretch 1 was closed twice$"):
        ledger.close(stretch, 2)
    stretch.release()
    with pytest.raises(LedgerError, match=r"^stretch 1 was released more often than it was held$"):
        stretch.release()
    with pytest.raises(LedgerError, match=r"^stretch 1 was held again after it was settled$"):
        stretch.hold()


def test_the_oldest_stretch_tells_how_long_it_has_been_open() -> None:
    """The age is that of the first one that is not settled, 0 where all are."""
    now = [10.0]
    ledger, _ = ledger_of(lambda: now[0])
    assert ledger.oldest_s == 0.0
    first = ledger.open()
    now[0] = 15.0
    ledger.open()
    assert ledger.oldest_s == 5.0
    ledger.close(first, 1)
    first.release()
    now[0] = 17.0
    assert ledger.oldest_s == 2.0


class Stage:
    """A node as the engine drives it, without a thread: what it takes in, and its outbox."""

    def __init__(self) -> None:
        self.inbox: Inbox[Batch[Row]] = Inbox()
        self.outbox = Outbox(7, NodeStatistics(), lambda rows, _first: Batch.of(rows), _never)

    def link(self, target: Stage) -> None:
        """Send to another stage."""
        self.outbox.connect(target.inbox.open_channel(10_000, lambda: None))

    def receive(self, rows: int) -> Batch[Row]:
        """Take in some rows, as a worker does."""
        got = self.inbox.receive(rows)
        assert got is not None  # asked only where something waits
        self.outbox.begin(got[1].tokens)
        return got[1]


def _never(error: BaseException) -> None:
    raise error


class Pipeline(RuleBasedStateMachine):
    """A source, a filter that also doubles rows, a node that holds rows back, and two sinks behind a fan-out.

    The source numbers its rows; a checkpoint's cursor is the number of the last row before it. At any moment the
    process may die: what counts then is the mark, and what was delivered.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ledger, _ = ledger_of()
        self.given = 0
        self.filtered: set[int] = set()
        self.source, self.work, self.window, self.left, self.right = (Stage() for _ in range(5))
        self.source.link(self.work)
        self.work.link(self.window)
        self.window.link(self.left)
        self.window.link(self.right)
        self.delivered: dict[Stage, set[int]] = {self.left: set(), self.right: set()}
        self.held: list[Any] = []
        self.gathered = 0
        self.open_stretch()

    def open_stretch(self) -> None:
        self.stretch = self.ledger.open()
        self.source.outbox.begin((self.stretch,))

    @rule(count=st.integers(1, 9))
    def give(self, count: int) -> None:
        """The source gathers rows, and sends them when its batch is full."""
        for _ in range(count):
            self.given += 1
            self.source.outbox.rows.append(Number(self.given))
        if len(self.source.outbox.rows) >= 7:
            self.source.outbox.flush()

    @rule()
    def checkpoint(self) -> None:
        """All that the source gave lies before this."""
        self.ledger.close(self.stretch, self.given)
        self.source.outbox.end()
        self.open_stretch()

    @rule(stage=st.sampled_from(["source", "work", "window"]))
    def pull(self, stage: str) -> None:
        """A hungry consumer takes what is gathered, in the middle of anything."""
        getattr(self, stage).outbox.flush()

    @precondition(lambda self: self.work.inbox.rows_waiting)
    @rule(data=st.data(), rows=st.integers(1, 9))
    def work_on(self, data: st.DataObject, rows: int) -> None:
        """The worker drops some rows, doubles others, and may be pulled from between two."""
        for row in self.work.receive(rows).rows:
            copies = data.draw(st.integers(0, 2))
            if not copies:
                self.filtered.add(row["n"].value)
            self.work.outbox.rows += [row] * copies
            if data.draw(st.booleans()):
                self.work.outbox.flush()
        self.work.outbox.end()

    @precondition(lambda self: self.window.inbox.rows_waiting)
    @rule(rows=st.integers(1, 9))
    def gather(self, rows: int) -> None:
        """The window keeps what it gets."""
        got = self.window.receive(rows).rows
        self.held += got
        self.gathered += len(got)
        self.window.outbox.keep(self.gathered)

    @precondition(lambda self: len(self.held) > 1)
    @rule(rows=st.integers(1, 2))
    def emit(self, rows: int) -> None:
        """The window gives the first of what it kept."""
        self.window.outbox.rows += self.held[:rows]
        del self.held[:rows]
        self.window.outbox.end_kept(self.gathered - len(self.held))

    @precondition(lambda self: self.left.inbox.rows_waiting or self.right.inbox.rows_waiting)
    @rule(left=st.booleans(), rows=st.integers(1, 9))
    def deliver(self, left: bool, rows: int) -> None:
        """A sink delivers what it gets, and only then lets go of it."""
        sink = self.left if left else self.right
        if sink.inbox.rows_waiting:
            self.delivered[sink] |= {row["n"].value for row in sink.receive(rows).rows}
            sink.outbox.end()

    @invariant()
    def nothing_before_the_mark_is_undelivered(self) -> None:
        """Whoever starts again behind the mark misses no row."""
        before = set(range(1, (self.ledger.mark or 0) + 1))
        for delivered in self.delivered.values():
            assert before <= delivered | self.filtered

    def teardown(self) -> None:
        """Once all is delivered, the mark is at the end: nothing is held for ever."""
        self.checkpoint()
        last = self.given
        for stage in (self.source, self.work, self.window):
            stage.outbox.flush()
            if stage is self.source and self.work.inbox.rows_waiting:
                while self.work.inbox.rows_waiting:
                    self.work.outbox.rows += self.work.receive(100).rows
                    self.work.outbox.end()
            if stage is self.work:
                while self.window.inbox.rows_waiting:
                    self.gather(100)
                self.emit(len(self.held))
        for sink in (self.left, self.right):
            while sink.inbox.rows_waiting:
                self.delivered[sink] |= {row["n"].value for row in sink.receive(100).rows}
                sink.outbox.end()
        self.nothing_before_the_mark_is_undelivered()
        assert self.ledger.mark == last


TestPipeline = Pipeline.TestCase
TestPipeline.settings = settings(max_examples=200, stateful_step_count=60, deadline=None)
