"""Runs that go on where the last one was stopped: what is delivered again, and what is not."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from nanotyped.engine.checkpoint import EXHAUSTED, FILE_NAME, exhausted_at, read_state
from nanotyped.engine.outbox import Outbox
from nanotyped.engine.run import Run, prepare_run
from nanotyped.errors import CursorError, GraphTypeError, NodeFailedError
from nanotyped.message import Checkpoint
from nanotyped.node import NanoNode, PassThrough
from nanotyped.nodes.files import WriteRows

if TYPE_CHECKING:
    from pathlib import Path

WAIT_S = 10.0


class Range(NanoNode[object, Any]):
    """Gives numbered rows with a checkpoint behind every few of them; stands still where it is to."""

    output_schema = {"n": "int"}

    def __init__(self, first: int, end: int, *, every: int = 1, stand_at: int | None = None, **options: Any) -> None:
        self.first, self.end, self.every, self.stand_at = first, end, every, stand_at
        self.began_at: object = "never"
        self.stands, self.leave = threading.Event(), threading.Event()
        super().__init__(**options)
        self.given_options = {}  # the tests change these from run to run

    def generator(self) -> Iterator[Any]:
        self.began_at = self.resume_from
        start = self.first if self.resume_from is None else self.resume_from
        for n in range(start, self.end):
            if n == self.stand_at:
                self.stands.set()
                while not self.leave.wait(0.005) and not self.stop_requested:
                    pass
            yield {"n": n}
            if (n + 1) % self.every == 0:
                yield Checkpoint(n + 1)


class Keep(NanoNode[Any, Any]):
    """Keeps the numbers that it gets; ``reached`` is set when it has so many of them."""

    def __init__(self, enough: int = 1, **options: Any) -> None:
        self.numbers: list[int] = []
        self.enough = enough
        self.reached = threading.Event()
        super().__init__(**options)
        self.given_options = {}

    def process_item(self, row: Any) -> None:
        self.numbers.append(row.n)
        if len(self.numbers) >= self.enough:
            self.reached.set()


class Log(NanoNode[object, Any]):
    """Gives the numbers of a list that grows, from where it was the last time."""

    output_schema = {"n": "int"}
    cursor_outlives_run = True

    def __init__(self, numbers: list[int], **options: Any) -> None:
        self.numbers = numbers
        super().__init__(**options)
        self.given_options = {}

    def generator(self) -> Iterator[Any]:
        place = self.resume_from or 0
        for n in self.numbers[place:]:
            yield {"n": n}
            place += 1
            yield Checkpoint(place, lasting=True)
        if self.numbers:
            yield Checkpoint(place, lasting=True)


class Drop(PassThrough[object]):
    """Passes nothing on."""

    def process_item(self, row: Any) -> Iterator[Any]:
        yield from ()


def started(node: NanoNode[Any, Any], state: Path) -> Run:
    """Return a run of the pipeline, started."""
    run = prepare_run(node, state_dir=state)
    run.start()
    return run


def ended(node: NanoNode[Any, Any], state: Path) -> None:
    """Run the pipeline to its end."""
    started(node, state).wait(WAIT_S)


def stopped(run: Run) -> None:
    """Stop a run where it is, as a failure elsewhere would."""
    run.terminate()
    run.wait(WAIT_S)


def test_a_source_of_ones_own_goes_on(tmp_path: Path) -> None:
    """Stopped in the middle, it begins at its last checkpoint before which all was delivered."""
    source, sink = Range(0, 100, every=10, stand_at=57, name="source"), Keep(50, name="sink", batch_rows=1)
    _ = source > sink
    run = started(source, tmp_path)
    assert source.stands.wait(WAIT_S)
    assert sink.reached.wait(WAIT_S)
    stopped(run)
    cursor = read_state(tmp_path).cursors["`source`"]
    assert cursor in (40, 50)  # the row that completed ten may have been in hand
    before = list(sink.numbers)
    assert before == list(range(len(before)))
    source.stand_at, sink.numbers = None, []
    ended(source, tmp_path)
    assert source.began_at == cursor
    assert sink.numbers == list(range(cursor, 100))
    assert read_state(tmp_path).finished


def test_a_drained_run_sends_nothing_again(tmp_path: Path) -> None:
    """What was given before the drain is delivered and behind the checkpoint."""
    source, sink = Range(0, 1000, stand_at=300, name="source"), Keep(name="sink")
    _ = source > sink
    run = started(source, tmp_path)
    assert source.stands.wait(WAIT_S)
    run.drain()
    run.wait(WAIT_S)
    source.stand_at = None
    ended(source, tmp_path)
    # The row that was in hand when the drain came may be the one that has no checkpoint behind it.
    again = len(sink.numbers) - 1000
    assert again in (0, 1)
    assert sorted(set(sink.numbers)) == list(range(1000))


def test_a_source_at_its_end_is_not_read_again(tmp_path: Path) -> None:
    """One of two sources has come to its end when the run is stopped: the next run reads the other one alone."""
    short, long = Range(0, 10, name="short"), Range(100, 200, stand_at=150, name="long")
    sink = Keep(60, name="sink", batch_rows=1)
    _ = (short, long) > sink
    run = started(sink, tmp_path)
    assert long.stands.wait(WAIT_S)
    assert sink.reached.wait(WAIT_S)
    run.drain()
    run.wait(WAIT_S)
    assert read_state(tmp_path).cursors["`short`"] == EXHAUSTED
    short.began_at, long.stand_at = "never", None
    ended(sink, tmp_path)
    assert short.began_at == "never"
    assert sorted(set(sink.numbers)) == [*range(10), *range(100, 200)]
    assert len(sink.numbers) <= 111
    assert read_state(tmp_path).finished


def test_a_run_after_a_finished_one_reads_every_source(tmp_path: Path) -> None:
    """Also where it is stopped before one of them has a checkpoint: the end of the run before says nothing of it."""
    early, late, sink = Range(0, 10, name="early"), Range(100, 110, name="late"), Keep(name="sink")
    _ = (early, late) > sink
    ended(sink, tmp_path)
    late.stand_at, sink.numbers, sink.enough = 100, [], 10
    sink.reached.clear()
    run = started(sink, tmp_path)
    assert late.stands.wait(WAIT_S)
    assert sink.reached.wait(WAIT_S)
    stopped(run)
    assert "`early`" in read_state(tmp_path).cursors
    late.stand_at = None
    ended(sink, tmp_path)
    assert late.began_at is None
    assert sorted(set(sink.numbers)) == [*range(10), *range(100, 110)]


def test_rows_that_are_filtered_out_are_dealt_with(tmp_path: Path) -> None:
    """The checkpoint moves over a table of which nothing is wanted."""
    source, sink = Range(0, 500, every=50, stand_at=450, name="source"), Keep(name="sink")
    _ = source > Drop(name="none") > sink
    run = started(source, tmp_path)
    assert source.stands.wait(WAIT_S)
    run.drain()
    run.wait(WAIT_S)
    assert read_state(tmp_path).cursors == {"`source`": 450}
    assert sink.numbers == []


def test_a_node_runs_without_a_state_again(tmp_path: Path) -> None:
    """It begins at the start: where a run with a state went on is not kept in it."""
    source, sink = Range(0, 100, stand_at=50, name="source"), Keep(name="sink")
    _ = source > sink
    run = started(source, tmp_path)
    assert source.stands.wait(WAIT_S)
    run.drain()
    run.wait(WAIT_S)
    source.stand_at = None
    ended(source, tmp_path)
    assert source.began_at is not None
    prepare_run(source).start()
    assert source._run is not None
    source._run.wait(WAIT_S)
    assert source.began_at is None


class Failing(Keep):
    """Fails at a number, while it is to."""

    at: int | None = None

    def process_item(self, row: Any) -> None:
        if row.n == self.at:
            raise OSError("out of order")
        super().process_item(row)


def test_one_of_two_sinks_dies(tmp_path: Path) -> None:
    """The run ends; what the other one had of it already is given to both again, and neither lacks a row."""
    source, sound, dying = Range(0, 300, name="source"), Keep(name="sound"), Failing(name="dying", batch_rows=10)
    _ = source > (sound, dying)
    dying.at = 123
    with pytest.raises(NodeFailedError, match="node `dying` failed: OSError: out of order"):
        ended(source, tmp_path)
    assert read_state(tmp_path).cursors.get("`source`", 0) <= 123
    assert dying.numbers == list(range(123))
    dying.at = None
    ended(source, tmp_path)
    assert set(sound.numbers) == set(dying.numbers) == set(range(300))


class Pass(PassThrough[object]):
    """Passes every row on."""

    def process_item(self, row: Any) -> Iterator[Any]:
        yield row


def test_a_diamond_with_room_for_one_row(tmp_path: Path) -> None:
    """Both ways of a row are accounted for, however narrow they are."""
    source, left, right = Range(0, 60, stand_at=40, name="source"), Pass(name="left"), Pass(name="right")
    sink = Keep(80, name="sink", batch_rows=1)
    for one, other in ((source, left), (source, right), (left, sink), (right, sink)):
        one.add_edge(other, max_queue_size=1)
    run = started(source, tmp_path)
    assert source.stands.wait(WAIT_S)
    assert sink.reached.wait(WAIT_S)
    run.drain()
    run.wait(WAIT_S)
    cursor = read_state(tmp_path).cursors["`source`"]
    assert cursor in (40, 41)  # one row more may have been in hand
    source.stand_at, sink.numbers = None, []
    ended(source, tmp_path)
    assert sorted(sink.numbers) == sorted([*range(cursor, 60)] * 2)


class NoCheckpoint(NanoNode[object, Any]):
    output_schema = {"n": "int"}

    def generator(self) -> Iterator[Any]:
        yield {"n": 1}


def test_what_cannot_go_on_is_refused(tmp_path: Path) -> None:
    """All nodes that cannot are named, before anything starts, and nothing is made in the directory."""
    source, sink = NoCheckpoint(name="source"), WriteRows(path=tmp_path / "out.jsonl", name="file")
    _ = source > sink
    with pytest.raises(GraphTypeError) as caught:
        prepare_run(source, state_dir=tmp_path / "state")
    assert [str(problem) for problem in caught.value.exceptions] == [
        "node `source` cannot be resumed: it does not go on from `self.resume_from`, nor yield Checkpoint(cursor)",
        "node `file` cannot be resumed: it writes what it got as a whole, at the end of a run; "
        "`segments: true` lets it go on",
    ]
    assert list(tmp_path.iterdir()) == []


class BadCursor(Range):
    def generator(self) -> Iterator[Any]:
        yield {"n": self.first if self.resume_from is None else 0}
        yield Checkpoint((1, 2))


def test_a_cursor_that_cannot_be_kept_fails_its_source(tmp_path: Path) -> None:
    """The run ends with the source named; it does not hang in what writes checkpoints."""
    source, sink = BadCursor(0, 1, name="source"), Keep(name="sink")
    _ = source > sink
    with pytest.raises(NodeFailedError) as caught:
        ended(source, tmp_path)
    assert caught.value.node == "source"
    assert isinstance(caught.value.__cause__, CursorError)
    assert sink.numbers == [0]


def test_a_checkpoint_that_cannot_be_written_ends_the_run(tmp_path: Path) -> None:
    """It could not be resumed; the state is let go of, so that the next run may say what is wrong with it."""
    source, sink = Range(0, 100, stand_at=50, name="source"), Keep(50, name="sink")
    _ = source > sink
    run = prepare_run(source, state_dir=tmp_path)
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection, connection:
        connection.execute("DROP TABLE cursors")
    run.start()
    with pytest.raises(NodeFailedError) as caught:
        run.wait(WAIT_S)
    said = (
        f"node `checkpoints` failed: StateError: state `{tmp_path / FILE_NAME}`: it is damaged, or no state of a "
        "pipeline: no such table: cursors; --reset-state forgets it"
    )
    assert str(caught.value) == said
    source.stand_at = None
    prepare_run(source, state_dir=tmp_path, reset_state=True).start()
    assert source._run is not None
    source._run.wait(WAIT_S)
    assert sorted(set(sink.numbers)) == list(range(100))


def test_a_cursor_that_lasts_is_gone_on_from_after_a_finished_run(tmp_path: Path) -> None:
    """A source that came to its end gives what came since; one with nothing to say of it begins anew."""
    log, again, sink = Log([], name="log"), Range(0, 2, name="again"), Keep(name="sink")
    _ = (log, again) > sink
    for numbers, comes in (([], []), ([7, 8], [7, 8]), ([7, 8], []), ([7, 8, 9], [9])):
        log.numbers = numbers
        sink.numbers.clear()
        ended(log, tmp_path)
        assert sorted(sink.numbers) == [0, 1, *comes]
        found = read_state(tmp_path)
        last = exhausted_at(len(numbers)) if numbers else EXHAUSTED
        assert (found.finished, found.cursors) == (True, {"`log`": last, "`again`": EXHAUSTED})


def test_a_source_that_ended_before_the_run_was_stopped_goes_on_where_it_ended(tmp_path: Path) -> None:
    """Its cursor lasts, whatever became of the other sources."""
    log, other, sink = Log([1007, 1008], name="log"), Range(0, 100, stand_at=50, name="other"), Keep(52, name="sink")
    _ = (log, other) > sink
    run = started(log, tmp_path)
    assert other.stands.wait(WAIT_S)
    assert sink.reached.wait(WAIT_S)
    stopped(run)
    found = read_state(tmp_path)
    assert not found.finished
    assert found.cursors["`log`"] == exhausted_at(2)
    log.numbers, other.stand_at = [1007, 1008, 1009], None
    sink.numbers.clear()
    ended(log, tmp_path)
    assert [n for n in sink.numbers if n > 1000] == [1009]
    assert read_state(tmp_path).finished


def test_what_a_sink_gives_or_passes_on_holds_nothing(tmp_path: Path) -> None:
    """Rows and markers that nobody takes do not keep a checkpoint from being written while the run goes on."""

    class Seeing(PassThrough[object]):
        seen = threading.Event()

        def process_item(self, row: Any) -> Iterator[Any]:
            yield row
            if row.n == 4:
                self.seen.set()

    source = Range(0, 10, stand_at=5, name="source", send_batch_markers=True)
    sink = Seeing(name="sink")
    source > sink
    run = started(source, tmp_path)
    assert source.stands.wait(WAIT_S)
    assert sink.seen.wait(WAIT_S)
    deadline = time.monotonic() + WAIT_S
    while not read_state(tmp_path).cursors:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert read_state(tmp_path).cursors == {"`source`": 5}
    source.leave.set()
    run.wait(WAIT_S)


def test_a_source_that_ends_because_it_is_told_to_has_more(tmp_path: Path) -> None:
    """One that returns once ``stop_requested`` is set has not come to its end: the next run goes on where it was."""

    class Obedient(Range):
        def generator(self) -> Iterator[Any]:
            for result in super().generator():
                yield result
                if self.stop_requested:
                    return

    source, sink = Obedient(0, 10, stand_at=5, name="source"), Keep(name="sink")
    source > sink
    run = started(source, tmp_path)
    assert source.stands.wait(WAIT_S)
    run.drain()
    run.wait(WAIT_S)
    assert not read_state(tmp_path).finished
    again, rest = Obedient(0, 10, name="source"), Keep(name="sink")
    again > rest
    started(again, tmp_path).wait(WAIT_S)
    assert sorted({*sink.numbers, *rest.numbers}) == list(range(10))


def test_a_source_that_waits_for_more_ends_when_it_is_ended() -> None:
    """One that yields nothing but ``None`` between looks is asked no more after a terminate, whatever its policy."""

    class Looking(NanoNode[object, Any]):
        looks = threading.Event()

        def generator(self) -> Iterator[Any]:
            while True:
                self.looks.set()
                yield None

    for max_errors in (None, 3):
        source = Looking(name="source", max_errors=max_errors)
        source > Keep(name="sink")
        run = prepare_run(source)
        run.start()
        assert source.looks.wait(WAIT_S)
        source.terminate_pipeline()
        run.wait(WAIT_S)


def test_a_source_that_returns_since_it_is_to_stop_has_not_come_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even in the moment of an abort in which it sees that, and nobody has cut off what it sends over."""
    returned = threading.Event()
    cancel = Outbox.cancel

    class Waits(NanoNode[object, Any]):
        output_schema = {"n": "int"}

        def generator(self) -> Iterator[Any]:
            yield {"n": self.resume_from or 0}
            yield Checkpoint(1)
            while not self.stop_requested:
                self.sleep(WAIT_S)

        def cleanup(self) -> None:
            returned.set()

    source, keep = Waits(name="waits"), Keep(name="keep")
    _ = source > keep
    run = prepare_run(source, state_dir=tmp_path)
    run.start()
    assert keep.reached.wait(WAIT_S)

    def cancel_late(outbox: Outbox) -> None:
        returned.wait(WAIT_S)
        cancel(outbox)

    monkeypatch.setattr(Outbox, "cancel", cancel_late)
    run.terminate()
    run.wait(WAIT_S)
    assert read_state(tmp_path).cursors == {"`waits`": 1}
