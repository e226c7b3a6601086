"""What every command on a pipeline begins with: its modules, its file, and a look at what is live."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nanotyped.cli.output import CommandFailedError
from nanotyped.cli.refusals import tell_problems
from nanotyped.config import check_pipeline, discover_schemas, load_composite, load_pipeline
from nanotyped.errors import ConfigError, nearest_hint
from nanotyped.registry import RegistrationError, load_module

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nanotyped.cli.arguments import Arguments
    from nanotyped.config import Pipeline
    from nanotyped.node import NanoNode


def load(arguments: Arguments, *, partial: bool = False) -> Pipeline:
    """Return the pipeline of the file, once the operator's modules are imported; ``partial`` as of ``load_pipeline``.

    Raises:
        ModuleLoadError: If a module cannot be imported.
        ConfigError: With every mistake of the file.
    """
    load_modules(arguments)
    return load_pipeline(arguments.config, partial=partial)


def load_modules(arguments: Arguments) -> None:
    """Import the modules that the operator names, and make the composites of the files that they name.

    Raises:
        ModuleLoadError: If a module cannot be imported.
        ConfigError: With every mistake of a file.
        CommandFailedError: If a name is taken by another class.
    """
    names = arguments.modules
    if names and not {"", str(Path.cwd())} & set(sys.path):
        # `python -m nanotyped` looks in the working directory, and so does the command; behind what is installed.
        sys.path.append(str(Path.cwd()))
    for name in names:
        load_module(name)
    for path in arguments.composites:
        try:
            load_composite(path)
        except RegistrationError as error:
            raise CommandFailedError(f"{path}: {error}", 2) from error


def node_hint(name: str, nodes: Mapping[str, NanoNode[Any, Any]], whole: str = "") -> str:
    """Return which node may be meant by a name that none bears: a part of a composite, the nearest, or ``""``.

    Args:
        name: The name.
        nodes: The nodes that there are.
        whole: The text that the name was the beginning of, which may be a name too.
    """
    parts = [f"`{known}`" for known, node in nodes.items() if known.startswith(f"{name}.") and node.part_of is not None]
    if parts:
        return f"`{name}` is a composite: name one of its parts, {', '.join(parts)}"
    return nearest_hint(whole, list(nodes)) or nearest_hint(name, list(nodes))


def refuse(pipeline: Pipeline, *, strict: bool) -> None:
    """Raise what the graph finds wrong with a pipeline.

    Raises:
        ConfigError: With every problem.
    """
    problems = check_pipeline(pipeline, strict=strict)
    if problems:
        raise ConfigError(problems)


def look_at_live(pipeline: Pipeline, arguments: Arguments) -> int:
    """Let the nodes look at what is live and print what they could not; 0, 1 if out of reach, 2 if unfit."""
    found = discover_schemas(pipeline)
    if not found.problems:
        return 0
    return tell_problems(found.problems, arguments, 2 if found.is_unfit else 1)
