"""``run``, once the pipeline is checked: signals, the log, the display, and what became of it."""

from __future__ import annotations

import io
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from nanotyped.cli.display import print_summary, show_progress
from nanotyped.cli.logs import JsonLog, TextFormatter, log_to_stderr
from nanotyped.cli.output import (
    CommandFailedError,
    abandon_stdout,
    is_stdout_closed,
    print_error,
    render_traceback,
    stderr_console,
)
from nanotyped.cli.report import report_run
from nanotyped.engine import Run, run_to_end
from nanotyped.engine.metrics import MetricsError, MetricsServer
from nanotyped.engine.run_report import dead_letter_files
from nanotyped.engine.tracing import TracingError, make_provider, trace_run
from nanotyped.errors import ClusterError, DeadLetterError, MissingExtraError, NodeFailedError, PipelineInterrupted
from nanotyped.graph import build_graph
from nanotyped.node import RunReport

if TYPE_CHECKING:
    import logging

    from opentelemetry.sdk.trace import TracerProvider

    from nanotyped.cli.arguments import Arguments
    from nanotyped.config import Pipeline
    from nanotyped.engine.any_run import AnyRun
    from nanotyped.engine.resumption import CursorStore
    from nanotyped.graph import Graph

EXIT_DEAD_LETTERS = 3
CLUSTER = "the cluster"


def run_pipeline(pipeline: Pipeline, state: CursorStore | None, arguments: Arguments) -> int:
    """Run a checked pipeline to its end and return the exit status."""
    return run_graph(pipeline, build_graph(pipeline.anchor), state, arguments)


def run_graph(pipeline: Pipeline, graph: Graph, state: CursorStore | None, arguments: Arguments) -> int:
    """Run a graph of nodes of a pipeline to its end and return the exit status."""
    provider = _provider(arguments, state)
    run = Run(graph, pipeline.name, arguments.grace, state)

    def trace(error: BaseException | None) -> None:
        if provider is not None:
            trace_run(run, provider, error)
            provider.shutdown()  # which sends what is left; that nobody takes it is logged, and fails no run

    resumed = state is not None and bool(state.cursors)
    return follow_run(run, pipeline, state, arguments, resumed=resumed, at_end=trace)


def follow_run(
    run: AnyRun,
    pipeline: Pipeline,
    state: CursorStore | None,
    arguments: Arguments,
    *,
    resumed: bool,
    at_end: Callable[[BaseException | None], None] | None = None,
    facts: Mapping[str, Any] = MappingProxyType({}),
) -> int:
    """Run to the end, tell of it as it was asked for, and return the exit status.

    Args:
        run: The run, not yet started.
        pipeline: The pipeline.
        state: Let go of where the run cannot begin.
        arguments: What was asked for.
        resumed: Whether it goes on with a run before it.
        facts: What a record of the beginning holds beside what it always does.
        at_end: Told what ended the run before its time, if anything, while the log is still open.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # nodes that print are seen at once, also through a pipe
    teller: _Teller = (
        JsonLog(run, pipeline) if arguments.log_format == "json" else _Text(run, pipeline, arguments.progress)
    )
    with ExitStack() as open_until_the_end:
        open_until_the_end.enter_context(log_to_stderr(teller.formatter, pipeline.redactor, arguments))
        url = open_until_the_end.enter_context(_measured(run, arguments.metrics, state))
        teller.started(resumed=resumed, metrics=url, facts=facts)
        status, end = _run_to_its_end(run, teller, arguments)
        if at_end is not None:
            at_end(None if end is None else end.__cause__ or end)
    return report_run(run, pipeline, arguments, status, resumed=resumed, end=end)


def _provider(arguments: Arguments, state: CursorStore | None) -> TracerProvider | None:
    """Return what exports the spans of the run, if they are asked for."""
    if not arguments.trace:
        return None
    try:
        return make_provider()
    except (MissingExtraError, TracingError) as error:
        if state is not None:
            state.close()
        raise CommandFailedError(f"--trace: {error}", 2) from error


def _run_to_its_end(
    run: AnyRun, teller: _Teller, arguments: Arguments
) -> tuple[int, NodeFailedError | PipelineInterrupted | None]:
    """Run, tell what became of it, and return the exit status with what ended it before its time."""
    try:
        with teller.progress():
            report = run_to_end(run)
    except NodeFailedError as error:
        return _tell_failure(error, teller, arguments), error
    except ClusterError as error:
        failure = NodeFailedError(CLUSTER, error)
        failure.__cause__, failure.report = error, run.report()
        return _tell_failure(failure, teller, arguments), failure
    except PipelineInterrupted as end:
        cause = end.__cause__
        left = None
        if isinstance(cause, NodeFailedError) and cause.node not in cause.stuck:
            _tell_failure(cause, teller, arguments)
        elif isinstance(end.report, RunReport):
            left = _what_was_left(run, end.report, cause.stuck if isinstance(cause, NodeFailedError) else ())
        teller.interrupted(end, left)
        return 128 + end.signal_number, end
    earlier = _earlier_letters_of(run)
    teller.finished(report, dead_letter_files(run), earlier)
    return EXIT_DEAD_LETTERS if report.dead or earlier else 0, None


@dataclass(frozen=True, slots=True)
class Left:
    """What a stop cut off: rows on their way from node to node, rows in hand by node, and nodes that did not listen."""

    dropped_rows: int
    unfinished_rows: Mapping[str, int]
    stuck: Sequence[str]


def _what_was_left(run: AnyRun, report: RunReport, stuck: Sequence[str]) -> Left:
    dropped = sum(
        max(0, sum(report[source.label].sent for source in node.input_node_list) - report[node.label].received)
        for node in run.graph.nodes
        if not node.is_source
    )
    unfinished = {
        found.name: left
        for found in (report[node.label] for node in run.graph.nodes if not node.is_source)
        if (left := found.received - found.processed - found.skipped - found.dead) > 0
    }
    return Left(dropped, unfinished, stuck)


def _earlier_letters_of(run: AnyRun) -> Mapping[str, int]:
    """Return how many letters of the runs that this one went on with are in its files, by file."""
    try:
        return {str(path): count for path, count in run.earlier_dead_letters().items()}
    except DeadLetterError as error:
        raise CommandFailedError(str(error), 1) from error


@contextmanager
def _measured(run: AnyRun, address: tuple[str, int] | None, state: CursorStore | None) -> Iterator[str | None]:
    """Hand out measurements of the run while the block runs, if it is asked for; give where they are."""
    if address is None:
        yield None
        return
    try:
        server = MetricsServer(run, *address)
    except MetricsError as error:
        if state is not None:
            state.close()
        raise CommandFailedError(str(error), 2) from error
    with server:
        yield server.url


def _tell_failure(error: NodeFailedError, teller: _Teller, arguments: Arguments) -> int:
    if isinstance(error.__cause__, BrokenPipeError) and is_stdout_closed():
        abandon_stdout()
        teller.abandoned(error)
    else:
        teller.failed(error, show_traceback=arguments.traceback)
    return 1


class _Teller(Protocol):
    """Tells people, or programs, what becomes of a run."""

    @property
    def formatter(self) -> logging.Formatter: ...
    def started(self, *, resumed: bool, metrics: str | None, facts: Mapping[str, Any]) -> None: ...
    def progress(self) -> AbstractContextManager[None]: ...
    def failed(self, error: NodeFailedError, *, show_traceback: bool) -> None: ...
    def abandoned(self, error: NodeFailedError) -> None: ...
    def interrupted(self, end: PipelineInterrupted, left: Left | None) -> None: ...
    def finished(self, report: RunReport, dead_letters: Sequence[str], earlier: Mapping[str, int]) -> None: ...


class _Text:
    """Tells people, on stderr."""

    formatter = TextFormatter()

    def __init__(self, run: AnyRun, pipeline: Pipeline, how: str) -> None:
        self._how = how
        self._run = run
        self._pipeline = pipeline
        self._console = stderr_console()

    def started(self, *, resumed: bool, metrics: str | None, facts: Mapping[str, Any]) -> None:
        del facts  # people were told them by then
        how = ", from where it was stopped" if resumed else ""
        self._console.print(f"{self._pipeline.file}: running {len(self._run.graph.nodes)} nodes{how}")
        if metrics is not None:
            self._console.print(f"{self._pipeline.file}: measurements are at {metrics}")

    def progress(self) -> AbstractContextManager[None]:
        return show_progress(self._run, self._how)

    def failed(self, error: NodeFailedError, *, show_traceback: bool) -> None:
        self._summary(error)
        pipeline = self._pipeline
        spot = pipeline.positions.get(error.node)
        place = f"{pipeline.file}:{spot.line}:{spot.column}: " if spot else f"{pipeline.file}: "
        # The cluster is no node; what ended it is told by itself.
        told = error.__cause__ if error.node == CLUSTER and error.__cause__ is not None else error
        print_error(place + pipeline.redactor.redact(str(told)))
        if show_traceback and error.__cause__ is not None:
            print_error(pipeline.redactor.redact(render_traceback(error.__cause__)))

    def abandoned(self, error: NodeFailedError) -> None:
        self._summary(error)
        print_error("stdout was closed by its reader; the run ended there")

    def _summary(self, error: NodeFailedError) -> None:
        if isinstance(error.report, RunReport):
            print_summary(error.report)

    def interrupted(self, end: PipelineInterrupted, left: Left | None) -> None:
        if left is not None and isinstance(end.report, RunReport):
            print_summary(end.report)
            self._tell_what_was_left(left)
        print_error(f"ended by {signal.Signals(end.signal_number).name}")

    def _tell_what_was_left(self, left: Left) -> None:
        dropped = left.dropped_rows
        if dropped:
            rows = "1 row on its way to a node was" if dropped == 1 else f"{dropped:,} rows on their way to a node were"
            print_error(f"{rows} dropped")
        for name, count in left.unfinished_rows.items():
            rows, they = ("1 row", "it") if count == 1 else (f"{count:,} rows", "they")
            print_error(f"node `{name}` was not done with {rows} that it had received; {they} may be sent on or not")
        for name in left.stuck:
            print_error(f"node `{name}` was left behind: it did not end within {self._run.grace_s:g} s")

    def finished(self, report: RunReport, dead_letters: Sequence[str], earlier: Mapping[str, int]) -> None:
        print_summary(report)
        with_letters = f", with {_letters(report.dead)} in {', '.join(dead_letters)}" if report.dead else ""
        if earlier:
            before = f"{_letters(sum(earlier.values()))} of the runs that it went on with in {', '.join(earlier)}"
            with_letters += f"{' and' if with_letters else ', with'} {before}"
        self._console.print(f"{self._pipeline.file}: success in {report.seconds:.3f} s{with_letters}")


def _letters(count: int) -> str:
    return "1 dead letter" if count == 1 else f"{count:,} dead letters"
