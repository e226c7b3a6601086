"""Starting, waiting, draining and ending of runs; setup, cleanup and the state of nodes (BEHAVIOUR §2 and §4)."""

from __future__ import annotations

import io
import logging
import re
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from nanotyped import GraphTypeError, NanoNode, NodeFailedError, PipelineStateError, RunReport, bcolors
from nanotyped.engine import monitor, start_run
from nanotyped.engine.run import prepare_run
from tests.unit.engine.nodes import WAIT_S, Counting, Doing, Gated, Giving, Keeping, Passing


class Terminal(io.StringIO):
    """What is written to a terminal."""

    def isatty(self) -> bool:
        return True


class Held(NanoNode[object, Any]):
    """A source that gives one row and then waits for its gate, deaf to every stop."""

    def __init__(self, **kwargs: Any) -> None:
        self.gate = threading.Event()
        self.calls: list[str] = []
        super().__init__(**kwargs)

    def setup(self) -> None:
        self.calls.append("setup")

    def generator(self) -> Iterator[Any]:
        yield {"n": 0}
        assert self.gate.wait(WAIT_S)
        yield {"n": 1}
        yield {"n": 2}

    def cleanup(self) -> Iterator[Any]:
        self.calls.append("cleanup")
        yield {"n": 99}


class Asleep(NanoNode[object, Any]):
    """A source that sleeps between its rows, a long time."""

    def generator(self) -> Iterator[Any]:
        yield {"n": 0}
        while not self.stop_requested:
            self.sleep(3600)


def until(condition: Any) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


# -- the course of a run ------------------------------------------------------------------------


def test_setup_and_cleanup_run_once_in_the_thread_of_the_node() -> None:
    """In its own thread a node is set up before its first row, and cleaned up once, after its last."""
    calls: list[tuple[str, str]] = []

    class Telling(NanoNode[object, Any]):
        def note(self, what: str) -> None:
            calls.append((what, threading.current_thread().name))

        def setup(self) -> None:
            self.note("setup")

        def process_item(self, row: Any) -> None:
            self.note("row")

        def cleanup(self) -> None:
            self.note("cleanup")

    _ = Counting(2) > (node := Telling(name="t"))
    start_run(node).wait(WAIT_S)
    assert calls == [(what, "nanotyped-t") for what in ("setup", "row", "row", "cleanup")]


def test_cleanup_may_yield() -> None:
    """What cleanup yields at the end of the data is sent downstream, behind everything else; None is nothing."""

    class Total(NanoNode[object, Any]):
        total = 0

        def process_item(self, row: Any) -> None:
            self.total += row.n

        def cleanup(self) -> Iterator[Any]:
            yield None
            yield {"total": self.total}
            yield self.total

    class Last(Counting):
        def cleanup(self) -> Iterator[Any]:
            yield {"n": 100}

    sink = Keeping()
    _ = Last(10) > Total() > sink
    start_run(sink).wait(WAIT_S)
    assert [message if isinstance(message, int) else message.to_python() for message in sink.messages] == [
        {"total": 145},
        145,
    ]


def test_cleanup_of_nodes_by_the_batch_may_yield() -> None:
    """Nodes that work by the batch may yield rows in cleanup too."""

    class Source(NanoNode[object, Any]):
        def generate_batches(self) -> Iterator[Any]:
            yield []

        def cleanup(self) -> Iterator[Any]:
            yield {"n": 1}

    class Middle(NanoNode[object, Any]):
        def process_batch(self, batch: Any) -> Any:
            return batch.rows

        def cleanup(self) -> Iterator[Any]:
            yield {"n": 2}

    sink = Keeping()
    _ = Source() > Middle() > sink
    start_run(sink).wait(WAIT_S)
    assert [row.n for row in sink.messages] == [1, 2]


def test_a_pipeline_may_run_again() -> None:
    """After its end a pipeline can be started anew, with fresh counts."""
    sink = Keeping()
    _ = Giving([{"n": 1}], name="g") > sink
    sink.run()
    report = sink.run()
    assert report["g"].sent == 1
    assert len(sink.messages) == 2
    with pytest.raises(KeyError):
        report["h"]


def test_the_pipeline_name_reaches_every_node() -> None:
    """`pipeline_name` becomes an attribute of every node and stands in the report."""
    source, sink = Counting(1), Keeping()
    _ = source > sink
    report = source.run(pipeline_name="till")
    assert (source.pipeline_name, sink.pipeline_name, report.pipeline_name) == ("till", "till", "till")
    assert Counting().pipeline_name is None


def test_states_and_times() -> None:
    """A node is stopped before the start, running, and success in the end; its time runs from start to end."""
    source, sink = Held(), Keeping()
    _ = source > sink
    assert (source.status, source.time_running, sink.input_queue_size) == ("stopped", None, 0)
    source.global_start()
    assert sink.seen.wait(WAIT_S)
    until(lambda: source.status == sink.status == "running")
    first = source.time_running
    assert first is not None
    until(lambda: (source.time_running or 0) > first)
    source.gate.set()
    report = source.wait_for_pipeline_finish(WAIT_S)
    assert isinstance(report, RunReport)
    assert (source.status, sink.status) == ("success", "success")
    assert source.time_running == source.time_running
    assert source.calls == ["setup", "cleanup"]


# -- starting and waiting -----------------------------------------------------------------------


def test_global_start_does_not_block() -> None:
    """`global_start` returns while the pipeline runs; waiting can be limited; any node of the pipeline serves."""
    source, sink = Held(), Keeping()
    _ = source > Passing() > sink
    sink.global_start()
    assert sink.seen.wait(WAIT_S)
    with pytest.raises(TimeoutError) as caught:
        source.wait_for_pipeline_finish(timeout_s=0.01)
    assert str(caught.value) == "the pipeline still runs after 0.01 s"
    source.gate.set()
    sink.wait_for_pipeline_finish(WAIT_S)
    assert [row.n for row in sink.messages] == [0, 1, 2, 99]


def test_a_second_start_while_running_is_an_error() -> None:
    """A running pipeline cannot be started, from no node of it; the run goes on undisturbed."""
    source, sink = Held(), Keeping()
    _ = source > sink
    source.global_start()
    for node in (source, sink):
        with pytest.raises(PipelineStateError) as caught:
            node.global_start()
        assert str(caught.value) == "this pipeline runs already; wait for its end or terminate it first"
    source.gate.set()
    source.wait_for_pipeline_finish(WAIT_S)


def test_waiting_for_what_was_never_started() -> None:
    """To wait for a pipeline that was not started is an error."""
    with pytest.raises(PipelineStateError) as caught:
        Counting().wait_for_pipeline_finish()
    assert str(caught.value) == "the pipeline was not started; call global_start() first"


def test_datadog_is_gone() -> None:
    """`datadog=True` says what is there instead, and starts nothing."""
    source = Counting(1)
    _ = source > Keeping()
    with pytest.raises(PipelineStateError) as caught:
        source.global_start(datadog=True)
    assert str(caught.value) == "datadog reporting is gone; run() and the logger nanotyped.monitor tell the same"
    assert source.status == "stopped"


def test_a_refused_pipeline_stays_stopped() -> None:
    """A pipeline that is refused has started nothing and can still be mended and run."""
    source = Keeping()
    with pytest.raises(GraphTypeError):
        source.run()
    _ = Giving([{"n": 1}]) > source
    source.run()
    assert len(source.messages) == 1


def test_strict_refuses_unchecked_edges() -> None:
    """With strict=True an edge of unknown schema is refused; without, it is in the graph of the run, and unchecked."""
    source, sink = Counting(1, name="a"), Keeping(name="b")
    _ = source > sink
    with pytest.raises(GraphTypeError) as caught:
        start_run(source, strict=True)
    assert [str(problem) for problem in caught.value.problems] == [
        "the edge `a → b` is unchecked: what `a` gives is not known. Hint: declare its output_schema"
    ]
    run = start_run(source)
    run.wait(WAIT_S)
    assert [edge.label for edge in run.graph.unchecked_edges] == ["a → b"]


def test_a_prepared_run_is_not_yet_running() -> None:
    """A run that was prepared and not started holds no pipeline up; drained before its start, it ends at once."""
    source, sink = Counting(), Keeping()
    _ = source > sink
    assert not prepare_run(source).running
    run = prepare_run(source)
    run.drain()
    run.start()
    run.wait(WAIT_S)
    assert not run.running
    assert source.given <= 1


# -- drain -----------------------------------------------------------------------------------------


def test_a_drain_delivers_what_is_in_flight() -> None:
    """After a drain the sources stop, everything they gave is delivered, and cleanup speaks; nothing is lost."""

    class Last(Counting):
        def cleanup(self) -> Iterator[Any]:
            yield {"n": -1}

    source, sink = Last(), Keeping()
    _ = source > Passing() > sink
    source.global_start()
    assert sink.seen.wait(WAIT_S)
    sink.drain_pipeline()
    source.wait_for_pipeline_finish(WAIT_S)
    assert [row.n for row in sink.messages] == [*range(source.given), -1]
    assert (source.status, sink.status) == ("stopped", "success")


def test_a_drain_wakes_a_sleeping_source() -> None:
    """`sleep` ends early when the node is to end."""
    source, sink = Asleep(), Keeping()
    _ = source > sink
    run = start_run(source)
    assert sink.seen.wait(WAIT_S)
    run.drain()
    run.wait(WAIT_S)
    assert [row.n for row in sink.messages] == [0]


@pytest.mark.parametrize("gives", [{"n": 1}, None])
def test_the_engine_looks_between_two_yields(gives: Any) -> None:
    """A source that never asks whether to stop is stopped at its next yield, be it of None, and is closed."""
    closed = threading.Event()
    going = threading.Event()

    class Endless(NanoNode[object, Any]):
        def generator(self) -> Iterator[Any]:
            try:
                while True:
                    yield gives
                    going.set()
            finally:
                closed.set()

    source = Endless()
    _ = source > Keeping()
    run = start_run(source)
    assert going.wait(WAIT_S)
    run.drain()
    run.wait(WAIT_S)
    assert closed.is_set()


@pytest.mark.parametrize("how", ["drain", "terminate"])
@pytest.mark.parametrize("rows", [0, 3])
def test_a_source_by_the_batch_stops(how: str, rows: int) -> None:
    """A source of batches stops between two of them, be they empty, and its generator is closed."""
    closed, going = threading.Event(), threading.Event()

    class Batches(NanoNode[object, Any]):
        output_schema = {"n": "int"}

        def generate_batches(self) -> Iterator[Any]:
            row_class: Any = self.own_output().row_class()  # type: ignore[union-attr]  # it has one
            try:
                while True:
                    yield [row_class(n) for n in range(rows)]
                    going.set()
            finally:
                closed.set()

    source = Batches()
    _ = source > Keeping()
    run = start_run(source)
    assert going.wait(WAIT_S)
    getattr(run, how)()
    run.wait(WAIT_S)
    assert closed.is_set()


# -- terminate and kill ------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["terminate_pipeline", "kill_pipeline", "drain_pipeline"])
def test_stopping_in_every_state(how: str) -> None:
    """A pipeline may be stopped before its start, while it runs, again, and after its end."""
    source, sink = Asleep(), Keeping()
    _ = source > sink
    stop = getattr(sink, how)
    stop()
    source.global_start()
    assert sink.seen.wait(WAIT_S)
    stop()
    stop()
    source.wait_for_pipeline_finish(WAIT_S)
    stop()
    assert source.status == "stopped"
    source.wait_for_pipeline_finish(WAIT_S)


def test_terminate_wakes_everything_blocked_or_asleep() -> None:
    """After a terminate all threads are gone within a second: sleepers, blocked producers and waiting consumers."""
    asleep, blocked, sink, gated = Asleep(), Counting(), Keeping(), Gated()
    waiting = Passing()
    _ = asleep > (sink, waiting)
    blocked.add_edge(gated, max_queue_size=2)
    _ = waiting > Keeping()
    _ = blocked > sink
    run = start_run(sink)
    assert gated.reached.wait(WAIT_S)
    started = time.monotonic()
    run.terminate()
    gated.gate.set()
    run.wait(WAIT_S)
    assert time.monotonic() - started < 1
    assert {node.status for node in (asleep, blocked, sink, waiting, gated)} == {"stopped"}


@pytest.mark.parametrize("generates", [False, True])
def test_terminate_ends_a_node_after_the_row_in_its_hand(generates: bool) -> None:
    """A terminated node processes no row after the one that it has, whichever way its code is written."""
    seen: list[int] = []
    reached, gate = threading.Event(), threading.Event()

    def take(row: Any) -> None:
        seen.append(row.n)
        reached.set()
        assert gate.wait(WAIT_S)

    class Returning(NanoNode[object, Any]):
        def process_item(self, row: Any) -> None:
            take(row)

    class Yielding(NanoNode[object, Any]):
        def process_item(self, row: Any) -> Iterator[Any]:
            take(row)
            yield from ()

    _ = Counting(500) > (node := Yielding() if generates else Returning())
    run = start_run(node)
    assert reached.wait(WAIT_S)
    run.terminate()
    gate.set()
    run.wait(WAIT_S)
    assert seen == [0]


@pytest.mark.parametrize(("how", "sent"), [("terminate", [0, 99]), ("kill", [0])])
def test_cleanup_runs_after_a_stop_and_a_kill_discards_it(how: str, sent: list[int]) -> None:
    """Cleanup runs after a terminate and after a kill, once; after a terminate it is sent, after a kill nothing is."""
    source, sink = Held(), Keeping()
    _ = source > sink
    run = start_run(source)
    assert sink.seen.wait(WAIT_S)
    getattr(run, how)()
    source.gate.set()
    run.wait(WAIT_S)
    assert source.calls == ["setup", "cleanup"]
    assert [row.n for row in sink.messages] == sent


class Rest(NanoNode[object, Any]):
    """Takes rows, and in cleanup gives how many."""

    def __init__(self, **kwargs: Any) -> None:
        self.taken = 0
        self.busy = threading.Event()
        self.gate = threading.Event()
        super().__init__(**kwargs)

    def process_item(self, row: Any) -> None:
        self.taken += 1
        self.busy.set()
        assert self.gate.wait(WAIT_S)

    def cleanup(self) -> Iterator[Any]:
        yield {"taken": self.taken}


@pytest.mark.parametrize("policy", [{}, {"on_error": "skip"}])
def test_a_terminate_lets_cleanup_speak_down_the_chain(policy: dict[str, Any]) -> None:
    """After a terminate what cleanup yields passes the nodes behind, each in turn; queued rows are not processed."""
    source, rest, sink = Counting(), Rest(**policy), Keeping(**policy)

    class More(NanoNode[object, Any]):
        def process_item(self, row: Any) -> Iterator[Any]:
            yield {"passed": True}

        def cleanup(self) -> Iterator[Any]:
            yield {"more": True}

    _ = source > rest > More(**policy) > sink
    run = start_run(source)
    assert rest.busy.wait(WAIT_S)
    for _ in range(3):  # repeatedly, from whichever node
        sink.terminate_pipeline()
    rest.gate.set()
    run.wait(WAIT_S)
    assert rest.taken == 1
    assert [row.to_python() for row in sink.messages] == [{"taken": 1, "passed": True}, {"more": True}]
    assert {node.status for node in (source, rest, sink)} == {"stopped"}


@pytest.mark.parametrize("how", ["fail", "kill_after_terminate"])
def test_after_a_failure_or_a_kill_cleanup_is_discarded(how: str) -> None:
    """What cleanup yields after a failure, or after a kill, be it behind a terminate, is thrown away."""
    source, rest, sink = Counting(), Rest(), Keeping()
    _ = source > rest > sink
    _ = source > (other := Gated())
    run = start_run(source)
    assert rest.busy.wait(WAIT_S)
    assert other.reached.wait(WAIT_S)
    if how == "fail":
        rest.taken = "no number"  # type: ignore[assignment]  # the next row fails
    else:
        run.terminate()
        run.kill()
    rest.gate.set()
    other.gate.set()
    if how == "fail":
        with pytest.raises(NodeFailedError):
            run.wait(WAIT_S)
    else:
        run.wait(WAIT_S)
    assert sink.messages == []


def test_a_terminate_does_not_wait_for_a_source_that_is_deaf() -> None:
    """Nodes leave within a second of a terminate though a source goes on with the row in its hand."""
    source, sink = Held(), Keeping()
    _ = source > sink
    run = start_run(source)
    assert sink.seen.wait(WAIT_S)
    before = time.monotonic()
    run.terminate()
    until(lambda: sink.status == "stopped")
    assert time.monotonic() - before < 1.0
    source.gate.set()
    run.wait(WAIT_S)
    assert [row.n for row in sink.messages] == [0]


def test_a_node_that_does_not_end_is_stuck() -> None:
    """A terminated run whose node goes on beyond the grace time fails, and names it."""
    sink = Gated(name="deaf")
    _ = Counting(1) > sink
    run = start_run(sink, grace_s=0.1)
    assert sink.reached.wait(WAIT_S)
    run.terminate()
    with pytest.raises(NodeFailedError) as caught:
        run.wait(WAIT_S)
    sink.gate.set()
    assert str(caught.value) == (
        "node `deaf` failed: TimeoutError: still busy 0.1 s after the stop (still busy after the grace time: `deaf`)"
    )
    assert caught.value.stuck == ("deaf",)


# -- what is told of a run --------------------------------------------------------------------------


def test_the_status_is_logged_as_a_table(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """While it runs and at the end the status of all nodes is logged at INFO: a table of seven columns, no colours."""
    monkeypatch.setattr(monitor, "INTERVAL_S", 0.02)
    caplog.set_level(logging.INFO, "nanotyped.monitor")
    source, sink = Held(name="read"), Keeping(name="post")
    _ = source > sink
    run = start_run(source)
    until(lambda: len(caplog.records) >= 3)
    source.gate.set()
    run.wait(WAIT_S)
    tables = [record.getMessage() for record in caplog.records if record.name == "nanotyped.monitor"]
    lines = [re.split(r" {2,}", line.strip()) for line in tables[-1].splitlines()]
    assert lines[0] == ["Node", "Class", "Received", "Sent", "Queued", "Status", "Time"]
    assert [line[:6] for line in lines[1:]] == [
        ["read", "Held", "0", "4", "0", "success"],
        ["post", "Keeping", "4", "0", "0", "success"],
    ]
    assert all(re.fullmatch(r"[0-9]+\.[0-9]", line[6]) for line in lines[1:])
    assert "running" in tables[0]
    assert "\x1b" not in "".join(tables)


def test_the_status_has_colours_where_nothing_but_terminals_takes_it(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the codes of `bcolors`: on a terminal alone, not beside a file, and not with NO_COLOR."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    caplog.set_level(logging.INFO, "nanotyped.monitor")
    logger = logging.getLogger("nanotyped.monitor")
    screen, file = Terminal(), io.StringIO()
    on_screen, in_file = logging.StreamHandler(screen), logging.StreamHandler(file)
    monkeypatch.setattr(logger, "propagate", False)  # the handlers of pytest are no terminals

    def status_of(*handlers: logging.Handler) -> str:
        screen.truncate(0)
        screen.seek(0)
        monkeypatch.setattr(logger, "handlers", list(handlers))
        source = Counting(1, name="read")
        _ = source > Keeping(name="post")
        start_run(source).wait(WAIT_S)
        return screen.getvalue()

    coloured = status_of(on_screen)
    assert f"{bcolors.OKGREEN}success{bcolors.ENDC}  0.0" in coloured
    assert coloured.startswith(f"{bcolors.BOLD}Node  Class")
    assert (
        re.sub(r"\x1b\[[0-9]+m", "", coloured).splitlines()[0]
        == "Node  Class     Received  Sent  Queued  Status   Time"
    )
    assert "\x1b" not in status_of(on_screen, in_file)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in status_of(on_screen)
    assert "success" in file.getvalue()


def test_the_codes_of_colours() -> None:
    """They are the ANSI codes under the names that old pipelines know."""
    assert {name: code for name, code in vars(bcolors).items() if name.isupper()} == {
        "HEADER": "\x1b[95m",
        "OKBLUE": "\x1b[94m",
        "OKGREEN": "\x1b[92m",
        "WARNING": "\x1b[93m",
        "FAIL": "\x1b[91m",
        "ENDC": "\x1b[0m",
        "BOLD": "\x1b[1m",
        "UNDERLINE": "\x1b[4m",
    }


def test_log_info_bears_the_name(caplog: pytest.LogCaptureFixture) -> None:
    """`log_info` logs at INFO with the name of the node."""
    caplog.set_level(logging.INFO, "nanotyped.node")
    Counting(name="read").log_info("ready")
    assert caplog.messages == ["read: ready"]


def test_rows_queued_by_name() -> None:
    """A run tells how many rows wait in front of a node, by its name."""
    sink = Gated(name="sink")
    _ = Counting(10, name="read") > Doing(lambda row: [row], name="work") > sink
    run = start_run(sink)
    assert sink.reached.wait(WAIT_S)
    until(lambda: run.rows_queued("sink") + 1 >= 1)
    assert run.rows_queued("read") == 0
    with pytest.raises(KeyError):
        run.rows_queued("nobody")
    sink.gate.set()
    run.wait(WAIT_S)
    assert run.rows_queued("sink") == 0
