"""How a run fails: once, at once, and with everything that was given before still delivered (BEHAVIOUR §4)."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from nanotyped import NanoNode, NodeFailedError
from nanotyped.engine import Run, start_run
from tests.unit.engine.nodes import WAIT_S, Boom, Counting, Doing, Gated, Giving, Keeping, Passing, fail_at


def failed(run: Run) -> NodeFailedError:
    """Wait for a run that is to fail and return its failure."""
    with pytest.raises(NodeFailedError) as caught:
        run.wait(WAIT_S)
    return caught.value


def engine_threads() -> list[str]:
    """Return the names of the threads of runs that still live."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("nanotyped-")]


def test_the_failure_names_node_cause_and_row() -> None:
    """The failure says which node, why and at which row; the cause itself is its `__cause__`; it carries the report."""
    source, sink = Counting(name="read"), Keeping(name="keep")
    node = Doing(fail_at(1500), name="work")
    _ = source > node > sink
    started = time.monotonic()
    error = failed(start_run(source))
    assert time.monotonic() - started < 5
    assert str(error) == "node `work` failed: Boom: at 1500 - at row Row(n=1500)"
    assert (error.node, error.cause, error.row, error.stuck) == ("work", "Boom: at 1500", "Row(n=1500)", ())
    assert isinstance(error.__cause__, Boom)
    assert engine_threads() == []
    assert [row.n for row in sink.messages] == list(range(1500))
    assert {report.name: report.status for report in error.report.nodes} == {  # type: ignore[attr-defined]  # a RunReport
        "read": "stopped",
        "work": "error",
        "keep": "stopped",
    }
    assert (node.status, node.statistics.rejected) == ("error", 1)


def test_rows_behind_the_failing_one_are_not_processed() -> None:
    """A node that failed sees no further row."""
    seen: list[int] = []

    def make(row: Any) -> list[Any]:
        seen.append(row.n)
        if row.n == 3:
            raise Boom
        return []

    _ = Counting(100) > (node := Doing(make))
    failed(start_run(node))
    assert seen == [0, 1, 2, 3]


def test_siblings_get_what_was_sent_before() -> None:
    """A failure on one branch lets the others have what was sent, through nodes that still have it in hand."""
    gate = threading.Event()
    started = threading.Event()

    def fail(row: Any) -> list[Any]:
        assert started.wait(WAIT_S)
        raise Boom

    sink = Gated()
    source = Giving([{"n": n} for n in range(10)])
    bad = Doing(fail, name="bad")
    _ = source > (bad, Passing())
    source.output_node_list[1].add_edge(sink, max_queue_size=1)
    run = start_run(source)
    assert sink.reached.wait(WAIT_S)
    started.set()
    for _ in range(1000):
        if bad.status == "error":
            break
        gate.wait(0.005)
    sink.gate.set()
    assert failed(run).node == "bad"
    assert [row.n for row in sink.messages] == list(range(10))


def test_nodes_behind_deliver_what_they_gathered() -> None:
    """Rows that a node behind the failing one had gathered for a busy sink reach it."""
    sink = Gated()
    middle = Passing(name="middle")
    _ = Counting(100) > Doing(fail_at(50)) > middle > sink
    run = start_run(sink)
    assert sink.reached.wait(WAIT_S)
    for _ in range(1000):
        if run.failed and middle.statistics.received == 50:
            break
        time.sleep(0.005)
    sink.gate.set()
    failed(run)
    assert [row.n for row in sink.messages] == list(range(50))


def test_the_source_of_another_chain_ends_too() -> None:
    """A failure ends nodes that are another source's, and asks every source to stop."""
    other = Counting(name="other")
    other_sink = Keeping()
    bad = Doing(fail_at(0), name="bad")
    joint = Keeping()
    _ = Counting(1) > bad > joint
    _ = other > (other_sink, joint)
    assert failed(start_run(bad)).node == "bad"
    assert other.stop_requested
    assert other.status == "stopped"
    assert [row.n for row in other_sink.messages] == list(range(len(other_sink.messages)))


def test_a_blocked_producer_is_woken() -> None:
    """A source that waits for room in front of the failing node ends with it."""
    source = Counting()
    reached, gate = threading.Event(), threading.Event()

    def make(row: Any) -> list[Any]:
        reached.set()
        assert gate.wait(WAIT_S)
        raise Boom

    node = Doing(make)
    source.add_edge(node, max_queue_size=2)
    run = start_run(node)
    assert reached.wait(WAIT_S)
    given = -1
    while given != source.given:
        given = source.given
        time.sleep(0.02)
    gate.set()
    failed(run)
    assert source.status == "stopped"


class Moody(NanoNode[object, Any]):
    """Fails where it is told to."""

    def __init__(self, where: str, **kwargs: Any) -> None:
        self.where = where
        self.calls: list[str] = []
        super().__init__(**kwargs)

    def _at(self, where: str) -> None:
        self.calls.append(where)
        if where == self.where:
            raise Boom(where)

    def setup(self) -> None:
        self._at("setup")

    def generator(self) -> Iterator[Any]:
        yield {"n": 1}
        self._at("generator")

    def process_item(self, row: Any) -> Iterator[Any]:
        self._at("process_item")
        yield row

    def cleanup(self) -> Iterator[Any]:
        self._at("cleanup")
        yield {"n": -1}


@pytest.mark.parametrize(
    ("where", "calls", "delivered"),
    [
        ("setup", ["setup", "cleanup"], []),
        ("generator", ["setup", "generator", "cleanup"], [1]),
        ("cleanup", ["setup", "generator", "cleanup"], [1]),
    ],
)
def test_a_source_fails_anywhere(where: str, calls: list[str], delivered: list[int]) -> None:
    """A failure in setup, generator or cleanup fails the run; cleanup runs once all the same, and is discarded."""
    node, sink = Moody(where, name="moody"), Keeping()
    _ = node > sink
    assert str(failed(start_run(node))) == f"node `moody` failed: Boom: {where}"
    assert node.calls == calls
    assert [row.n for row in sink.messages] == delivered


@pytest.mark.parametrize("where", ["setup", "process_item", "cleanup"])
def test_a_worker_fails_anywhere(where: str) -> None:
    """A worker that fails in setup, at a row or in cleanup fails the run; its cleanup runs once."""
    node, sink = Moody(where, name="moody"), Keeping()
    _ = Giving([{"n": 1}]) > node > sink
    assert failed(start_run(node)).cause == f"Boom: {where}"
    assert node.calls.count("cleanup") == node.calls.count("setup") == 1
    assert [row.n for row in sink.messages] == ([1] if where == "cleanup" else [])


def test_after_a_failure_no_cleanup_is_delivered() -> None:
    """What other nodes yield in cleanup after a failure is discarded, also of a source that was asked to stop."""

    class Last(Counting):
        def cleanup(self) -> Iterator[Any]:
            yield {"n": -1}

    sink, source = Keeping(), Last()
    bad = Doing(fail_at(0))
    _ = Counting(1) > bad > Keeping()
    _ = source > sink
    bad.output_node_list[0].add_edge(joint := Passing())
    _ = source > joint
    failed(start_run(source))
    assert -1 not in [row.n for row in sink.messages]


@pytest.mark.parametrize("raised", [KeyboardInterrupt, SystemExit, GeneratorExit, StopIteration])
def test_any_exception_fails_the_node(raised: type[BaseException]) -> None:
    """A node may raise anything at all: it is a failure of that node, and no thread dies in silence."""

    def make(row: Any) -> list[Any]:
        raise raised("now")

    class Raises(NanoNode[object, Any]):
        def process_item(self, row: Any) -> None:
            make(row)

    _ = Counting(3) > (node := Raises(name="r"))
    assert failed(start_run(node)).cause == f"{raised.__name__}: now"


def test_values_that_cannot_be_shown() -> None:
    """A row whose repr raises, and an exception whose text does, are reported all the same."""

    class Mute:
        def __repr__(self) -> str:
            raise Boom("repr")

    class Unspeakable(Exception):  # noqa: N818 - it is what a node throws
        def __str__(self) -> str:
            raise Boom("str")

    def make(row: Any) -> list[Any]:
        raise Unspeakable

    _ = Giving([{"it": Mute()}]) > (node := Doing(make, name="d"))
    error = failed(start_run(node))
    assert (error.cause, error.row) == ("Unspeakable: ", "<Row, whose repr raises Boom>")


def test_the_first_failure_is_the_one() -> None:
    """Of several failures the first is reported; the others cannot replace it."""
    first = threading.Event()

    def late(row: Any) -> list[Any]:
        assert first.wait(WAIT_S)
        time.sleep(0.02)
        raise Boom("second")

    def early(row: Any) -> list[Any]:
        first.set()
        raise Boom("first")

    source = Giving([{"n": 1}])
    _ = source > (Doing(early), Doing(late))
    run = start_run(source)
    assert failed(run).cause == "Boom: first"


def test_a_stuck_node_is_reported() -> None:
    """A node that does not end within the grace time is named as stuck, and the caller gets the failure."""
    gate = threading.Event()
    reached = threading.Event()

    def stand(row: Any) -> list[Any]:
        reached.set()
        assert gate.wait(WAIT_S)
        return []

    def fail(row: Any) -> list[Any]:
        assert reached.wait(WAIT_S)
        raise Boom

    source = Giving([{"n": 1}])
    _ = source > (Doing(fail, name="bad"), Doing(stand, name="stands"))
    error = failed(start_run(source, grace_s=0.1))
    gate.set()
    assert str(error) == ("node `bad` failed: Boom:  - at row Row(n=1) (still busy after the grace time: `stands`)")
    assert (error.stuck, type(error.__cause__)) == (("stands",), Boom)


def test_a_run_that_nobody_waits_for_logs_its_failure(caplog: pytest.LogCaptureFixture) -> None:
    """The failure of a run that nobody waits for is logged at ERROR with node, cause and row; once."""
    node = Doing(fail_at(2), name="work")
    _ = Counting(5) > node
    node.global_start()
    for _ in range(1000):
        if not engine_threads():
            break
        time.sleep(0.005)
    records = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert [record.getMessage() for record in records] == ["node `work` failed: Boom: at 2 - at row Row(n=2)"]
    assert records[0].name == "nanotyped.engine"
    assert records[0].exc_info is not None
    assert isinstance(records[0].exc_info[1], Boom)


def test_who_waited_in_vain_does_not_silence_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """A wait that ran out of time is over: the failure that comes later is logged."""
    gate = threading.Event()

    def make(row: Any) -> list[Any]:
        assert gate.wait(WAIT_S)
        raise Boom

    _ = Counting(1) > (node := Doing(make, name="work"))
    run = start_run(node)
    with pytest.raises(TimeoutError) as caught:
        run.wait(0.01)
    assert str(caught.value) == "the pipeline still runs after 0.01 s"
    gate.set()
    for _ in range(1000):
        if not engine_threads():
            break
        time.sleep(0.005)
    assert "node `work` failed" in caplog.text


def test_who_waits_gets_it_and_the_log_does_not(caplog: pytest.LogCaptureFixture) -> None:
    """A failure that is raised is not logged beside; whoever waits again gets it again."""
    gate = threading.Event()

    class Late(Counting):
        def generator(self) -> Iterator[Any]:
            assert gate.wait(WAIT_S)
            yield from super().generator()

    source = Late(1)
    _ = source > (node := Doing(fail_at(0)))
    run = start_run(source)
    results: list[NodeFailedError] = []
    waiter = threading.Thread(target=lambda: results.append(failed(run)))
    waiter.start()
    while not run._waiting:
        time.sleep(0.001)
    gate.set()
    waiter.join(WAIT_S)
    assert failed(run) is results[0]
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []
    assert node.status == "error"
