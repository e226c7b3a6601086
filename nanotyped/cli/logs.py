"""The log of a run on stderr: lines for people, or JSON for programs, in which no value of a row stands."""

from __future__ import annotations

import json
import logging
import signal
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from nanotyped.cli.output import STEERING, printable
from nanotyped.engine.checkpoint import StateError
from nanotyped.errors import (
    ContractDriftError,
    DeliveryError,
    NodeFailedError,
    RowError,
    RowRefusedError,
    RowValidationError,
    UnfitSourceError,
)
from nanotyped.node import RunReport

if TYPE_CHECKING:
    from nanotyped.cli.arguments import Arguments
    from nanotyped.cli.running import Left
    from nanotyped.config import Pipeline
    from nanotyped.engine.any_run import AnyRun
    from nanotyped.errors import PipelineInterrupted
    from nanotyped.redaction import Redactor

# What is told anyway: of the status by a display, of a failure by whoever waits for the run.
_TOLD_ANYWAY = {"nanotyped.monitor": logging.WARNING, "nanotyped.engine": logging.CRITICAL}
# Of all errors these alone say nothing of what rows hold; drivers and services quote it.
_SPEAK_OF_NO_ROW = (ContractDriftError, UnfitSourceError, StateError)
logger = logging.getLogger("nanotyped.run")


class TextFormatter(logging.Formatter):
    """Makes a line for people of a record: level, logger and message."""

    def __init__(self) -> None:
        super().__init__("%(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end; what becomes of the run is the program's own word."""
        return f"nanotyped: {record.getMessage()}" if record.name == "nanotyped.signals" else super().format(record)


class JsonFormatter(logging.Formatter):
    """Makes a line of JSON of a record: time, level, logger, run, node, batch, and what happened.

    What a message is filled with may be out of a row: it is shown where the call says that it is not, where it is a
    whole number, and nowhere else. Of loggers of others the bare template and the place in the code are shown.

    Args:
        run: The run.
        redactor: Takes the secrets of the pipeline out.
    """

    def __init__(self, run: AnyRun, redactor: Redactor) -> None:
        super().__init__()
        self._run = run
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end."""
        found: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._redactor.redact(_message(record)),
            "run": self._run.run_id,
            "pipeline": self._run.pipeline_name,
        }
        work = self._run.work_of(record.threadName or "")
        if work is not None:
            found["node"], found["batch"] = work
        report = getattr(record, "report", None)
        if isinstance(report, RunReport):
            found["message"] = "status"
            found["seconds"] = report.seconds
            found["nodes"] = [asdict(node) for node in report.nodes]
        found |= getattr(record, "facts", {})
        known = facts_of(getattr(record, "cause", None))
        found |= {name: value for name, value in known.items() if found.get(name) is None}
        if record.exc_info and record.exc_info[0] is not None:
            found["error"] = record.exc_info[0].__name__
        return STEERING.sub(lambda at: f"\\u{ord(at[0]):04x}", json.dumps(found, ensure_ascii=False))


def _message(record: logging.LogRecord) -> str:
    if getattr(record, "has_no_row_values", False) or not record.args:
        if record.name.partition(".")[0] == "nanotyped":
            return record.getMessage()
        return f"a message of {record.module}:{record.lineno}"
    if record.name.partition(".")[0] != "nanotyped":
        return str(record.msg)
    given = record.args if isinstance(record.args, tuple) else (record.args,)
    return str(record.msg) % tuple(value if isinstance(value, int | float) else "…" for value in given)


class JsonLog:
    """Tells programs what becomes of a run, as records of the log."""

    def __init__(self, run: AnyRun, pipeline: Pipeline) -> None:
        self._run = run
        self._pipeline = pipeline
        self.formatter = JsonFormatter(run, pipeline.redactor)

    def started(self, *, resumed: bool, metrics: str | None, facts: Mapping[str, Any]) -> None:
        """Tell that it begins, and how."""
        more = {**facts, **({} if metrics is None else {"metrics": metrics})}
        self._tell(logging.INFO, "started", file=self._pipeline.file, resumed=resumed, **more)

    def progress(self) -> AbstractContextManager[None]:
        """Show nothing: the status of the nodes is a record of its own, every few seconds."""
        return nullcontext()

    def failed(self, error: NodeFailedError, *, show_traceback: bool) -> None:
        """Tell which node failed and of what, without what it was working on."""
        cause = error.__cause__
        facts = {"failed_node": error.node, "error": type(cause).__name__, **facts_of(cause)}
        if "reason" in facts:
            facts["reason"] = self._pipeline.redactor.redact(facts["reason"])
        if error.stuck:
            facts["stuck"] = error.stuck
        if show_traceback and cause is not None:
            facts["at"] = [f"{at.filename}:{at.lineno} {at.name}" for at in traceback.extract_tb(cause.__traceback__)]
        self._tell(logging.ERROR, "failed", **facts, **_report_of(error.report))

    def abandoned(self, error: NodeFailedError) -> None:
        """Tell that nobody reads stdout any more."""
        self._tell(logging.ERROR, "stdout was closed by its reader", failed_node=error.node)

    def interrupted(self, end: PipelineInterrupted, left: Left | None) -> None:
        """Tell which signal ended it, and what that cut off."""
        facts = _report_of(end.report)
        if left is not None:
            facts |= {"dropped_rows": left.dropped_rows, "unfinished_rows": dict(left.unfinished_rows)}
            facts["stuck"] = list(left.stuck)
        self._tell(logging.WARNING, "interrupted", signal=signal.Signals(end.signal_number).name, **facts)

    def finished(self, report: RunReport, dead_letters: Sequence[str], earlier: Mapping[str, int]) -> None:
        """Tell what each node did, and in which files the dead letters are, also those of the runs before it."""
        more: dict[str, Any] = {"dead": report.dead, "dead_letters": list(dead_letters)} if report.dead else {}
        if earlier:
            more["earlier_dead_letters"] = dict(earlier)
        self._tell(logging.INFO, "finished", **more, **_report_of(report))

    def _tell(self, level: int, message: str, **facts: Any) -> None:
        logger.log(level, message, extra={"facts": facts})


def _report_of(report: object) -> dict[str, Any]:
    if not isinstance(report, RunReport):
        return {}
    return {"seconds": report.seconds, "nodes": [asdict(node) for node in report.nodes]}


def facts_of(cause: BaseException | None) -> dict[str, Any]:
    """Return what is known of an error and is not out of a row."""
    match cause:
        case RowValidationError():
            cells = [{"row": cell.row, "column": cell.column, "expected": cell.expected} for cell in cause.problems]
            return {"cells": cells[: RowValidationError.MAX_SHOWN], "cells_in_all": len(cells)}
        case RowRefusedError():
            return {"row": cause.row, "column": cause.column, "status": cause.status}
        case RowError():
            return {"row": cause.row, "column": cause.column}
        case DeliveryError():
            return {"status": cause.status, "attempts": cause.attempts, "rows": cause.rows}
    if isinstance(cause, _SPEAK_OF_NO_ROW):
        return {"reason": str(cause)}
    code = cause.__cause__.args[:1] if cause is not None and cause.__cause__ is not None else ()
    return {"code": code[0]} if code and isinstance(code[0], int) else {}


class _StderrHandler(logging.Handler):
    """Writes to ``sys.stderr`` as it is at that moment, without the secrets of the pipeline."""

    def __init__(self, formatter: logging.Formatter, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor
        self.setFormatter(formatter)

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING or record.name.startswith("nanotyped.")

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(printable(self._redactor.redact(self.format(record))) + "\n")
        except Exception:  # noqa: BLE001 - logging's own way: a record that cannot be written ends nothing
            self.handleError(record)


@contextmanager
def log_to_stderr(formatter: logging.Formatter, redactor: Redactor, arguments: Arguments) -> Iterator[None]:
    """Show warnings of everybody and notes of nodes (``log_info``), unless a module has set logging up itself."""
    root, own = logging.getLogger(), logging.getLogger("nanotyped")
    quiet = {"nanotyped.engine": logging.CRITICAL} if arguments.log_format == "json" else _TOLD_ANYWAY
    loggers = [own, *map(logging.getLogger, _TOLD_ANYWAY)]
    levels = [logger.level for logger in loggers]
    handler = None if root.handlers and arguments.log_format != "json" else _StderrHandler(formatter, redactor)
    if handler:
        root.addHandler(handler)
    own.setLevel(arguments.log_level.upper())
    for name, level in quiet.items():
        logging.getLogger(name).setLevel(level)
    try:
        yield
    finally:
        for changed, level in zip(loggers, levels, strict=True):
            changed.setLevel(level)
        if handler:
            root.removeHandler(handler)
