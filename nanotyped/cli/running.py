"""``run``, once the pipeline is checked: signals, the log, the display, and what became of it."""

from __future__ import annotations

import io
import logging
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from nanotyped.cli.display import print_summary, show_progress
from nanotyped.cli.output import (
    abandon_stdout,
    is_stdout_closed,
    print_error,
    printable,
    render_traceback,
    stderr_console,
)
from nanotyped.engine import Run, run_to_end
from nanotyped.errors import NodeFailedError, PipelineInterrupted
from nanotyped.graph import build_graph
from nanotyped.node import RunReport

if TYPE_CHECKING:
    from nanotyped.config import Pipeline
    from nanotyped.engine.checkpoint import StateFile

# What the display shows anyway, and what is raised here anyway.
_SILENT_LOGGERS = {"nanotyped.monitor": logging.WARNING, "nanotyped.engine": logging.CRITICAL}


def run_pipeline(pipeline: Pipeline, state: StateFile | None, *, show_traceback: bool) -> int:
    """Run a checked pipeline to its end and return the exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # nodes that print are seen at once, also through a pipe
    run = Run(build_graph(pipeline.anchor), pipeline.name, state=state)
    console = stderr_console()
    with _log_to_stderr(pipeline):
        resumed = ", from where it was stopped" if state is not None and state.cursors else ""
        console.print(f"{pipeline.file}: running {len(run.graph.nodes)} nodes{resumed}")
        try:
            with show_progress(run):
                report = run_to_end(run)
        except NodeFailedError as error:
            return _explain_failure(error, pipeline, show_traceback=show_traceback)
        except PipelineInterrupted as end:
            cause = end.__cause__
            if isinstance(cause, NodeFailedError) and cause.node not in cause.stuck:
                _explain_failure(cause, pipeline, show_traceback=show_traceback)
            elif isinstance(end.report, RunReport):
                print_summary(end.report)
                _tell_what_was_left(run, end.report, cause.stuck if isinstance(cause, NodeFailedError) else ())
            print_error(f"ended by {signal.Signals(end.signal_number).name}")
            return 128 + end.signal_number
    print_summary(report)
    console.print(f"{pipeline.file}: success in {report.seconds:.3f} s")
    return 0


def _tell_what_was_left(run: Run, report: RunReport, stuck: Sequence[str]) -> None:
    """Say what a second signal cut off: rows on their way from node to node, and nodes that did not listen."""
    dropped = sum(
        max(0, sum(report[source.label].sent for source in node.input_node_list) - report[node.label].received)
        for node in run.graph.nodes
        if not node.is_source
    )
    if dropped:
        rows = "1 row on its way to a node was" if dropped == 1 else f"{dropped:,} rows on their way to a node were"
        print_error(f"{rows} dropped")
    for name in stuck:
        print_error(f"node `{name}` was left behind: it did not end within {run.grace_s:g} s")


def _explain_failure(error: NodeFailedError, pipeline: Pipeline, *, show_traceback: bool) -> int:
    if isinstance(error.report, RunReport):
        print_summary(error.report)
    if isinstance(error.__cause__, BrokenPipeError) and is_stdout_closed():
        abandon_stdout()
        print_error("stdout was closed by its reader; the run ended there")
        return 1
    spot = pipeline.positions.get(error.node)
    place = f"{pipeline.file}:{spot.line}:{spot.column}: " if spot else f"{pipeline.file}: "
    print_error(place + pipeline.redactor.redact(str(error)))
    if show_traceback and error.__cause__ is not None:
        print_error(pipeline.redactor.redact(render_traceback(error.__cause__)))
    return 1


class _StderrHandler(logging.Handler):
    """Writes to ``sys.stderr`` as it is at that moment, without the secrets of the pipeline."""

    def __init__(self, pipeline: Pipeline) -> None:
        super().__init__()
        self._redactor = pipeline.redactor
        self.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING or record.name.startswith("nanotyped.")

    def emit(self, record: logging.LogRecord) -> None:
        try:
            # What becomes of the run is the program's own word.
            text = f"nanotyped: {record.getMessage()}" if record.name == "nanotyped.signals" else self.format(record)
            sys.stderr.write(printable(self._redactor.redact(text)) + "\n")
        except Exception:  # noqa: BLE001 - logging's own way: a record that cannot be written ends nothing
            self.handleError(record)


@contextmanager
def _log_to_stderr(pipeline: Pipeline) -> Iterator[None]:
    """Show warnings of everybody and notes of nodes (``log_info``), unless a module has set logging up itself."""
    root, own = logging.getLogger(), logging.getLogger("nanotyped")
    loggers = [own, *map(logging.getLogger, _SILENT_LOGGERS)]
    levels = [logger.level for logger in loggers]
    handler = None if root.handlers else _StderrHandler(pipeline)
    if handler:
        root.addHandler(handler)
    own.setLevel(logging.INFO)
    for name, level in _SILENT_LOGGERS.items():
        logging.getLogger(name).setLevel(level)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        if handler:
            root.removeHandler(handler)
