"""What is told of a command that ended before anything ran: lines for people, or records of the log for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nanotyped.cli.output import print_error, print_problems, print_record
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
            print_record(describe_problem(problem))
    else:
        print_problems(found)
    return report_refusal(found, "", "", arguments, exit_status)


def tell_failure(
    message: str, code: str, arguments: Arguments, exit_status: int, *, for_programs: str | None = None
) -> int:
    """Tell why a command cannot go on, and return the exit status.

    Args:
        message: What people read.
        code: Class of the error.
        arguments: What was asked for.
        exit_status: What the program is to exit with.
        for_programs: What logs and reports say in place of the message, where that may quote a row.
    """
    told = message if for_programs is None else for_programs
    if arguments.log_format == "json":
        print_record({"code": code, "file": arguments.config, "line": None, "column": None, "message": told})
    else:
        print_error(message)
    return report_refusal([], told, code, arguments, exit_status)
