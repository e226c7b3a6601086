"""What a type checker says of the modules that the operator names: the half of ``check`` that no schema shows.

mypy runs where the project's own configuration turns the plugin of this package on; in a process of its own, for it
keeps much in globals and its plugins are code of their own.
"""

from __future__ import annotations

import configparser
import importlib.util
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nanotyped.cli.output import CommandFailedError, printable, stderr_console
from nanotyped.config.codes import Code
from nanotyped.errors import ConfigProblem

if TYPE_CHECKING:
    from nanotyped.cli.arguments import Arguments

PLUGIN = "nanotyped.mypy_plugin"
TIMEOUT_S = 600.0
# Where mypy looks, in this order, in each directory from the working one up to that of the repository.
_FILES = ("mypy.ini", ".mypy.ini", "pyproject.toml", "setup.cfg")
_FLAGS = ("--output", "json", "--no-error-summary", "--hide-error-context", "--show-error-codes")


def type_problems(arguments: Arguments) -> list[ConfigProblem]:
    """Return every error that mypy finds in the named modules that are of the project, and in those they import.

    How strict it is says the project's configuration. There is nothing where that does not turn the plugin on, and with
    ``--no-types``. A project's modules are those below its directory; what is installed is its author's to check.

    Raises:
        CommandFailedError: If mypy cannot do its work, or with ``--strict`` is not there.
    """
    config = None if arguments.no_types else config_with_plugin(Path.cwd())
    files = [] if config is None else sorted(_own_files(arguments.modules, config.parent))
    if config is None or not files:
        return []
    console = stderr_console()
    if importlib.util.find_spec("mypy") is None:
        told = "the types of modules are not checked: mypy is not installed"
        if arguments.strict:
            raise CommandFailedError(f"{told}; --no-types leaves that out", 1)
        console.print(printable(f"{_shown(config)}: note: {told}"))
        return []
    if console.is_terminal:  # it takes seconds when it has no cache yet
        console.print(printable(f"checking the types of {', '.join(map(_shown, files))}"))
    return _read(_run_mypy(config, files))


def config_with_plugin(directory: Path) -> Path | None:
    """Return the configuration that mypy would take in a directory, if it has the plugin on.

    Raises:
        CommandFailedError: If it cannot be read.
    """
    for folder in (directory, *directory.parents):
        for file in (folder / name for name in _FILES):
            if (settings := _settings(file)) is not None:
                plugins = settings.get("plugins", "")
                names = plugins.split(",") if isinstance(plugins, str) else plugins
                return file if PLUGIN in [str(name).partition(":")[0].strip() for name in names] else None
        if any((folder / kept).exists() for kept in (".git", ".hg")):
            return None
    return None


def _settings(file: Path) -> Mapping[str, Any] | None:
    """Return the section of mypy in a file; ``None`` where there is none."""
    try:
        text = file.read_text(encoding="utf-8")
    except (FileNotFoundError, IsADirectoryError):
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise CommandFailedError(f"cannot read {_shown(file)}: {error}", 1) from error
    try:
        if file.suffix == ".toml":
            found: Mapping[str, Any] | None = tomllib.loads(text).get("tool", {}).get("mypy")
            return found
        parser = configparser.RawConfigParser()
        parser.read_string(text)
    except (tomllib.TOMLDecodeError, configparser.Error) as error:
        raise CommandFailedError(f"cannot read {_shown(file)}: {error}", 2) from error
    return dict(parser["mypy"]) if parser.has_section("mypy") else None


def _own_files(modules: Iterable[str], project: Path) -> Iterator[Path]:
    for name in modules:
        place = getattr(sys.modules.get(name), "__file__", None)
        file = Path(place).resolve() if place is not None else None
        if file is not None and file.suffix == ".py" and file.is_relative_to(project.resolve()):
            inside = file.relative_to(project.resolve()).parts
            if not {"site-packages", "dist-packages"} & {*inside}:
                yield file


def _run_mypy(config: Path, files: list[Path]) -> str:
    command = [sys.executable, "-m", "mypy", "--config-file", str(config), *_FLAGS, *map(str, files)]
    try:
        done = subprocess.run(  # noqa: S603 - a fixed program; the files are those that were imported
            command, capture_output=True, encoding="utf-8", errors="replace", check=False, timeout=TIMEOUT_S
        )
    except subprocess.TimeoutExpired as error:
        raise CommandFailedError(f"mypy was not done after {TIMEOUT_S:g} s; --no-types leaves it out", 1) from error
    output = done.stdout + done.stderr  # what is wrong with its configuration it says in the latter
    if done.returncode not in (0, 1) and not any(line.startswith("{") for line in output.splitlines()):
        said = " ".join(output.split())
        raise CommandFailedError(f"mypy could not check types: {said}; --no-types leaves that out", 1)
    return output


def _read(output: str) -> list[ConfigProblem]:
    """Return the errors in the lines that mypy prints, each a JSON object."""
    found = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    problems = [_problem(record) for record in found if record["severity"] == "error"]
    return sorted(problems, key=lambda problem: (problem.file, problem.line, problem.column))


def _problem(record: Mapping[str, Any]) -> ConfigProblem:
    code = f"  [{record['code']}]" if record["code"] else ""
    hint = f". Hint: {' '.join(record['hint'].split())}" if record.get("hint") else ""
    # mypy counts columns from 0, and has none for what it says of a whole line.
    line, column = max(record["line"], 0), max(record["column"], 0) + 1
    reason = f"{record['message']}{hint}{code}"
    return ConfigProblem(_shown(Path(record["file"])), line, column, reason, Code.PYTHON)


def _shown(file: Path) -> str:
    """Return a path as people read it: from the working directory, where it lies below."""
    here = Path.cwd()
    return str(file.relative_to(here) if file.is_absolute() and file.is_relative_to(here) else file)
