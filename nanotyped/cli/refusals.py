"""What is told of a command that ended before anything ran: lines for people, or records of the log for programs."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from nanotyped.cli.output import STEERING, print_error, print_problems
from nanotyped.cli.report import describe_problem, report_refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nanotyped.cli.arguments import Arguments
    from nanotyped.errors import ConfigProblem


def tell_problems(problems: Iterable[ConfigProblem], arguments: Arguments, exit_status: int) -> int:
    """Tell every problem of a file, each by itself, and return the exit status."""
    found = list(problems)
    if arguments.log_format == "json":
        for problem in found:
            _write_record(describe_problem(problem))
    else:
        print_problems(found)
    return report_refusal(found, "", "", arguments, exit_status)


def tell_failure(message: str, code: str, arguments: Arguments, exit_status: int) -> int:
    """Tell why a command cannot go on, and return the exit status.

    Args:
        message: What people read.
        code: Class of the error.
        arguments: What was asked for.
        exit_status: What the program is to exit with.
    """
    if arguments.log_format == "json":
        _write_record({"code": code, "file": arguments.config, "line": None, "column": None, "message": message})
    else:
        print_error(message)
    return report_refusal([], message, code, arguments, exit_status)


def _write_record(facts: dict[str, Any]) -> None:
    record = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "level": "error",
        "logger": "nanotyped.check",
        "run": None,
        **facts,
    }
    text = json.dumps(record, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()
    sys.stderr.write(STEERING.sub(lambda at: f"\\u{ord(at[0]):04x}", text) + "\n")
