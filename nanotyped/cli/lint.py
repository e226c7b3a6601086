"""``lint``: every mistake that files show by themselves, a line each, for people and editors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nanotyped.cli.loading import load_modules
from nanotyped.cli.output import printable, stderr_console
from nanotyped.config import lint_files

if TYPE_CHECKING:
    from nanotyped.cli.arguments import Arguments


def lint(arguments: Arguments) -> int:
    """Print every mistake of the files as ``file:line:col CODE message``; 0 if there is none, else 2."""
    load_modules(arguments)
    problems = lint_files(arguments.words)
    for problem in problems:
        # What a file as a whole is told stands at its head, so that every line is of one form.
        place = f"{problem.file}:{max(problem.line, 1)}:{max(problem.column, 1)}"
        print(printable(f"{place} {problem.code} {' '.join(problem.reason.split())}"))
    if problems:
        count = len(problems)
        stderr_console().print(f"{count} problem{'' if count == 1 else 's'}")
    return 2 if problems else 0
