"""``run --report FILE``: what became of a run as one JSON file, written whole or not at all."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nanotyped.cli.logs import facts_of
from nanotyped.cli.output import CommandFailedError, print_error, print_record
from nanotyped.engine.run_report import FORMAT, describe_run
from nanotyped.errors import NodeFailedError, SourceError
from nanotyped.nodes.file_writing import WholeFile, write_whole_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nanotyped.cli.arguments import Arguments
    from nanotyped.config import Pipeline
    from nanotyped.engine.any_run import AnyRun
    from nanotyped.errors import ConfigProblem, PipelineInterrupted

_STATUSES = {0: "success", 2: "refused", 3: "dead_letters"}


class ReportPlaceError(CommandFailedError):
    """The report cannot be written where it is wanted."""


def check_place(arguments: Arguments) -> None:
    """Refuse, before anything runs, a report that could not be written at the end.

    Raises:
        ReportPlaceError: If nothing can be written there.
    """
    if arguments.report is None:
        return
    place = Path(arguments.report).resolve()
    state = None if arguments.state is None else Path(arguments.state).resolve()
    if place == Path(arguments.config).resolve() or (state is not None and place.is_relative_to(state)):
        what = "is in the state" if state is not None and place.is_relative_to(state) else "is the pipeline's own file"
        raise ReportPlaceError(f"--report: {arguments.report} {what}; give the report a file of its own", 2)
    try:
        WholeFile(arguments.report).abandon()
    except SourceError as error:
        raise ReportPlaceError(f"--report: {error}", 2) from error


def check_files(arguments: Arguments, pipeline: Pipeline) -> None:
    """Refuse a report that would take the place of a file of a node.

    Raises:
        ReportPlaceError: If it would.
    """
    if arguments.report is None:
        return
    place = os.path.realpath(arguments.report)
    for node in pipeline.nodes.values():
        letters = node.error_policy.dead_letter
        own = [*node.read_files(), *node.written_files(), *([] if letters is None else [os.path.realpath(letters)])]
        if place in own:
            reason = f"{arguments.report} is a file of node `{node.label}`; give the report a file of its own"
            raise ReportPlaceError(f"--report: {reason}", 2)


def report_run(
    run: AnyRun,
    pipeline: Pipeline,
    arguments: Arguments,
    exit_status: int,
    *,
    resumed: bool,
    end: NodeFailedError | PipelineInterrupted | None,
) -> int:
    """Write the report of a run that has ended, if one is wanted, and return the exit status.

    That is 1 where the run was a success, and the report cannot be written: who waits for it must know.
    """
    if arguments.report is None:
        return exit_status
    failure = end if isinstance(end, NodeFailedError) else None if end is None else end.__cause__
    number = None if end is None or isinstance(end, NodeFailedError) else end.signal_number
    found = {
        **describe_run(run),
        "file": pipeline.file,
        "status": _status(exit_status, number),
        "exit_status": exit_status,
        "signal": None if number is None else signal.Signals(number).name,
        "error": _describe_failure(failure, pipeline) if isinstance(failure, NodeFailedError) else None,
        "problems": [],
        "state": None if arguments.state is None else {"directory": arguments.state, "resumed": resumed},
    }
    return _write(arguments.report, found, exit_status, arguments)


def report_refusal(
    problems: Sequence[ConfigProblem], message: str, code: str, arguments: Arguments, exit_status: int
) -> int:
    """Write the report of a run that did not begin, if one is wanted, and return the exit status."""
    if arguments.report is None:
        return exit_status
    found = {
        "format": FORMAT,
        "run": None,
        "pipeline": None,
        "file": arguments.config,
        "status": _status(exit_status, None),
        "exit_status": exit_status,
        "nodes": [],
        "error": None if problems else {"node": None, "error": code, "reason": message},
        "problems": [describe_problem(problem) for problem in problems],
    }
    return _write(arguments.report, found, exit_status, arguments)


def describe_problem(problem: ConfigProblem) -> dict[str, Any]:
    """Return one mistake of a file as JSON holds it."""
    return {
        "code": problem.code,
        "file": problem.file,
        "line": problem.line or None,
        "column": problem.column if problem.line else None,
        "message": problem.reason,
    }


def _status(exit_status: int, number: int | None) -> str:
    return "interrupted" if number is not None else _STATUSES.get(exit_status, "failed")


def _describe_failure(error: NodeFailedError, pipeline: Pipeline) -> dict[str, Any]:
    facts = facts_of(error.__cause__)
    if "reason" in facts:
        facts["reason"] = pipeline.redactor.redact(facts["reason"])
    return {"node": error.node, "error": type(error.__cause__).__name__, **facts, "stuck": list(error.stuck)}


def _write(path: str, found: dict[str, Any], exit_status: int, arguments: Arguments) -> int:
    data = (json.dumps(found, indent=2, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")
    try:
        write_whole_file(path, data)
    except SourceError as error:
        message = f"--report: {error}"
        if arguments.log_format == "json":
            print_record({"code": type(error).__name__, "file": path, "line": None, "column": None, "message": message})
        else:
            print_error(message)
        return exit_status or 1
    return exit_status
