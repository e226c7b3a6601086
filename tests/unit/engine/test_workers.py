"""Nodes with several workers: what runs side by side, and that order, counts, policies and checkpoints hold."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanotyped import GraphTypeError, NanoNode, NodeFailedError, RetriableError, Retry, Row, RowError
from nanotyped.engine import start_run
from nanotyped.engine.run import prepare_run
from nanotyped.graph import build_graph
from nanotyped.message import Batch, BatchEnd, BatchStart, Checkpoint
from nanotyped.nodes.files import WriteRows
from nanotyped.types import INTEGER
from tests.support.flows import GivenBatches
from tests.unit.engine.nodes import WAIT_S, Counting, Doing, Gated, Giving, Keeping, Waiting, fail_at

if TYPE_CHECKING:
    from pathlib import Path

    from nanotyped.node import RunReport


def run(*nodes: NanoNode[Any, Any]) -> RunReport:
    """Run nodes linked in a row."""
    for left, right in pairwise(nodes):
        left.add_edge(right)
    return start_run(nodes[0]).wait(WAIT_S)


class Meeting(NanoNode[object, Any]):
    """Passes a row on once as many rows as there are workers have met in its code."""

    def __init__(self, parties: int, **options: Any) -> None:
        self.barrier = threading.Barrier(parties)
        super().__init__(workers=parties, **options)

    def process_item(self) -> Iterator[Any]:
        before = self.__message__
        self.barrier.wait(WAIT_S)
        yield {"same": self.__message__ is before, "m": before.n}


def test_rows_are_worked_on_side_by_side() -> None:
    """So many rows as there are workers are in the code at once, and each sees its own message."""
    sink = Keeping()
    run(Counting(12), Meeting(4), sink)
    assert [(row.n, row.m, row.same) for row in sink.messages] == [(n, n, True) for n in range(12)]


def test_what_is_done_is_sent_on_though_nothing_more_comes() -> None:
    """A row is sent on when it is done, not when the next one arrives, and one after the other too."""
    source, sink = Waiting(), Keeping()
    source > Doing(lambda row: [row], workers=3) > sink
    started = start_run(source)
    for count in range(1, 4):
        source.turns.release()
        deadline = time.monotonic() + WAIT_S
        while len(sink.messages) < count and time.monotonic() < deadline:
            sink.seen.wait(0.005)
            time.sleep(0.001)
        assert len(sink.messages) == count
    started.wait(WAIT_S)


def test_rows_of_a_slow_stream_overlap() -> None:
    """A row that is still worked on does not keep the next one, of a later batch, from being begun."""
    source, sink, work = Waiting(), Keeping(), Meeting(3)
    source > work > sink
    started = start_run(source)
    for n in range(3):
        source.turns.release()
        deadline = time.monotonic() + WAIT_S
        while work.barrier.n_waiting < n + 1 < 3 and time.monotonic() < deadline:
            time.sleep(0.001)
    started.wait(WAIT_S)
    assert [row.m for row in sink.messages] == [0, 1, 2]


def test_the_order_is_kept() -> None:
    """A row that takes long is sent before those behind it, which were done earlier."""
    late = threading.Event()

    def make(row: Any) -> Iterator[Any]:
        if row.n == 0 and not late.wait(WAIT_S):
            raise TimeoutError("the others were never done")
        if row.n == 3:
            late.set()
        yield row

    sink = Keeping()
    run(Counting(100), Doing(make, workers=2), sink)
    assert [row.n for row in sink.messages] == list(range(100))


def test_the_first_error_in_order_ends_the_run() -> None:
    """What was made of the rows before it is delivered, and nothing of those behind it."""
    sink = Keeping()
    with pytest.raises(NodeFailedError) as caught:
        run(Counting(100), Doing(fail_at(30), name="work", workers=4), sink)
    assert str(caught.value) == "node `work` failed: Boom: at 30 - at row Row(n=30)"
    assert [row.n for row in sink.messages] == list(range(30))


def test_rows_are_rejected_and_tried_again_as_with_one_worker() -> None:
    """Each worker retries by itself; a row that fails to the end is skipped, in its place, and counted."""
    tried: dict[int, int] = {}

    def make(row: Any) -> Iterator[Any]:
        tried[row.n] = tried.get(row.n, 0) + 1
        if row.n % 10 == 3 and tried[row.n] < 2:
            raise RetriableError("busy")
        if row.n % 10 == 7:
            raise RetriableError("never")
        if row.n % 10 != 5:
            yield row

    sink = Keeping()
    retry = Retry(attempts=2, backoff_s=0.001)
    report = run(Counting(100), Doing(make, name="work", workers=4, on_error="skip", retry=retry), sink)
    assert [row.n for row in sink.messages] == [n for n in range(100) if n % 10 not in (5, 7)]
    work = report["work"]
    assert (work.received, work.sent, work.skipped, work.filtered) == (100, 80, 10, 10)
    assert {n: count for n, count in tried.items() if count > 1} == {n: 2 for n in range(100) if n % 10 in (3, 7)}


class Marked(NanoNode[object, Any]):
    """A sink that keeps what it sees and the markers between."""

    def __init__(self, **options: Any) -> None:
        self.seen: list[Any] = []
        super().__init__(**options)

    def process_item(self) -> None:
        self.seen.append(self.__message__.m)

    def process_marker(self, marker: Any) -> Iterator[Any]:
        self.seen.append(type(marker).__name__)
        yield from ()


def test_markers_keys_and_senders_are_as_with_one_worker() -> None:
    """A marker keeps its place among rows; each thread sees the value at the key, the message, and who sent it."""
    seen: list[str] = []

    class Seeing(NanoNode[object, Any]):
        barrier = threading.Barrier(2)

        def process_item(self) -> Iterator[Any]:
            self.barrier.wait(WAIT_S)
            assert self.message_source is not None
            seen.append(self.message_source.label)
            yield {"m": (self.__message__, self.message.n)}

    sink = Marked()
    run(
        Giving([{"n": 0}, BatchStart(), {"n": 1}, {"n": 2}, BatchEnd(), {"n": 3}], name="give"),
        Seeing(workers=2, key="n", throttle=0.001),
        sink,
    )
    assert sink.seen == [(0, 0), "BatchStart", (1, 1), (2, 2), "BatchEnd", (3, 3)]
    assert seen == ["give"] * 4


def test_each_input_s_outputs_lie_between_markers() -> None:
    """``send_batch_markers`` marks what was made of each row, in order, and of a row of which nothing was."""
    sink = Marked()
    run(
        Counting(3),
        Doing(lambda row: [{"m": row.n}] * row.n, workers=3, send_batch_markers=True, on_error="skip"),
        sink,
    )
    assert sink.seen == ["BatchStart", "BatchEnd", "BatchStart", 1, "BatchEnd", "BatchStart", 2, 2, "BatchEnd"]


class Numbering(NanoNode[object, Any]):
    """Gives batches as they come, once several have met in its code, and refuses one row by its number."""

    def __init__(self, parties: int, refused: int, **options: Any) -> None:
        self.barrier = threading.Barrier(parties)
        self.refused = refused
        self.firsts: list[tuple[int, int]] = []
        super().__init__(workers=parties, **options)

    def process_batch(self, batch: Batch[Row]) -> Sequence[Row]:
        if len(batch) == self.batch_rows:
            self.barrier.wait(WAIT_S)
        first = self.first_row_number
        self.firsts.append((first, len(batch)))
        if first <= self.refused < first + len(batch):
            raise RowError("not this one", row=self.refused)
        return batch.rows


def test_batches_are_worked_on_side_by_side() -> None:
    """Code that takes batches gets one a worker, each with the number of its first row; one bad row is left out."""
    sink, work = Keeping(), Numbering(2, refused=13, batch_rows=5, on_error="skip", name="work")
    batches = [[(n,) for n in range(start, start + 5)] for start in range(0, 40, 5)]
    report = run(GivenBatches(batches, {"n": INTEGER}, batch_rows=5), work, sink)
    assert [row.n for row in sink.messages] == [n for n in range(40) if n != 12]
    whole = [(first, count) for first, count in work.firsts if count == 5]
    assert sorted(whole) == [(first, 5) for first in range(1, 41, 5)]
    assert (report["work"].sent, report["work"].skipped) == (39, 1)


def test_a_run_that_is_terminated_leaves_no_thread() -> None:
    """Workers end after the row in their hand, and rows that were handed out are not begun."""
    source, sink = Counting(), Gated()
    source > Doing(lambda row: [row], workers=4) > sink
    started = start_run(source)
    assert sink.reached.wait(WAIT_S)
    source.terminate_pipeline()
    sink.gate.set()
    started.wait(WAIT_S)
    assert not [thread.name for thread in threading.enumerate() if thread.name.startswith("nanotyped")]


@settings(max_examples=60)
@given(
    outcomes=st.lists(st.sampled_from(["pass", "drop", "twice", "refuse"]), max_size=60),
    workers=st.integers(2, 5),
    batch_rows=st.integers(1, 20),
)
def test_several_workers_give_what_one_gives(outcomes: list[str], workers: int, batch_rows: int) -> None:
    """However many workers, the rows sent, their order and all counts are those of one worker."""

    def make(row: Any) -> Iterator[Any]:
        outcome = outcomes[row.n]
        if outcome == "refuse":
            raise ValueError("refused")
        yield from [row] * {"pass": 1, "drop": 0, "twice": 2}[outcome]

    found = []
    for count in (1, workers):
        sink = Keeping()
        work = Doing(make, name="work", workers=count, on_error="skip", batch_rows=batch_rows)
        node = run(Counting(len(outcomes)), work, sink)["work"]
        counts = (node.received, node.sent, node.filtered, node.skipped)
        found.append(([row.n for row in sink.messages], counts))
    assert found[0] == found[1]


class Stretches(NanoNode[object, Any]):
    """Gives numbers with a checkpoint behind each of them."""

    def generator(self) -> Iterator[Any]:
        for n in range(self.resume_from or 0, 200):
            yield {"n": n}
            yield Checkpoint(n + 1)


def test_no_row_is_lost_when_a_run_of_several_workers_fails_in_the_middle(tmp_path: Path) -> None:
    """The checkpoint lies before the first row that was not dealt with, and not far before it."""
    begins = []
    delivered: set[int] = set()
    for fails_at in (20, 70, 150, -1):
        source, sink = Stretches(name="source", batch_rows=1), Keeping(name="sink", batch_rows=1)
        work = Doing(fail_at(fails_at), name="work", workers=4, batch_rows=1)
        for node in (source, sink, work):
            node.given_options = {}  # they hold functions, which say that it is another pipeline
        source > work > sink
        started = prepare_run(source, state_dir=tmp_path)
        begins.append(source.resume_from or 0)
        started.start()
        if fails_at < 0:
            started.wait(WAIT_S)
        else:
            with pytest.raises(NodeFailedError):
                started.wait(WAIT_S)
        delivered.update(row.n for row in sink.messages)
    assert delivered == set(range(200))
    assert begins == [0, 20, 70, 150]


def problems(*nodes: NanoNode[Any, Any]) -> list[str]:
    """Return what the graph of nodes linked in a row is refused for."""
    for left, right in pairwise(nodes):
        left.add_edge(right)
    with pytest.raises(GraphTypeError) as caught:
        build_graph(nodes[0])
    return [str(problem) for problem in caught.value.problems]


def test_nodes_that_work_in_one_thread_alone_are_refused_several(tmp_path: Path) -> None:
    """Sources, and what writes one file, say why before the run."""
    found = problems(
        Giving([], name="give", workers=2),
        WriteRows(path=str(tmp_path / "a.jsonl"), name="write", workers=3),
    )
    assert found == [
        "node `give` cannot have 2 workers: it is a source, whose rows come one after the other. "
        "Hint: leave out workers",
        "node `write` cannot have 3 workers: the rows of a file are written one after the other. "
        "Hint: leave out workers",
    ]


@pytest.mark.parametrize("workers", [0, -1, 257])
def test_a_number_of_workers_has_bounds(workers: int) -> None:
    """None, fewer, or hundreds of workers are a mistake."""
    with pytest.raises(ValueError, match=f"^workers must be 1 to 256, not {workers}$"):
        Keeping(workers=workers)
