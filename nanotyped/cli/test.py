"""``test``: the tests that stand in pipeline files, run; a line each, and what differs, column by column."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.text import Text

from nanotyped.cli.loading import load_modules
from nanotyped.cli.output import CommandFailedError, printable, stdout_console
from nanotyped.config import Pipeline, check_cases, check_pipeline, load_pipeline
from nanotyped.errors import ConfigError, ConfigProblem
from nanotyped.testing import CaseResult, run_cases

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nanotyped.cli.arguments import Arguments


def test(arguments: Arguments) -> int:
    """Run the tests of all files; 0 if all pass, 1 if one fails.

    Raises:
        ConfigError: With every mistake of every file; before any test runs, unless only a run shows it.
        CommandFailedError: If there is no test in any file.
    """
    load_modules(arguments)
    began = time.monotonic()
    pipelines = _load(arguments.words)
    if not any(pipeline.cases for pipeline in pipelines):
        raise CommandFailedError(f"no tests in {', '.join(arguments.words)}: a pipeline has them under `tests`", 2)
    passed = failed = 0
    for pipeline in pipelines:
        for result in run_cases(pipeline):
            _tell(pipeline, result)
            passed, failed = passed + result.passed, failed + (not result.passed)
    parts = [f"{failed} failed"] if failed else []
    parts += [f"{passed} passed"] if passed else []
    summary = f"{', '.join(parts)} in {time.monotonic() - began:.2f} s"
    stdout_console().print(Text(summary, style="bold red" if failed else "bold green"))
    return 1 if failed else 0


def _load(paths: Iterable[str]) -> list[Pipeline]:
    """Return the pipelines of files, with nothing wrong in any of them."""
    problems: list[ConfigProblem] = []
    pipelines = []
    for path in paths:
        try:
            pipeline = load_pipeline(path)
        except ConfigError as error:
            problems += error.problems
            continue
        pipelines.append(pipeline)
        problems += check_pipeline(pipeline) or check_cases(pipeline)
    if problems:
        raise ConfigError(problems)
    return pipelines


def _tell(pipeline: Pipeline, result: CaseResult) -> None:
    console = stdout_console()
    place = f"{pipeline.file}:{result.case.spot.line}: "
    word, style = ("ok", "green") if result.passed else ("FAILED", "bold red")
    console.print(Text(place) + Text(printable(f"{result.case.name}: ")) + Text(word, style=style))
    for line in result.differences:
        console.print(Text(printable(f"    {' '.join(line.split())}")))
