"""The commands: each takes the arguments and returns the exit status."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from nanotyped.cli.cluster import plan, run_on_cluster
from nanotyped.cli.contract import compare_contracts
from nanotyped.cli.discovery import discover
from nanotyped.cli.display import check_progress
from nanotyped.cli.explain import explain
from nanotyped.cli.export import export
from nanotyped.cli.lint import lint
from nanotyped.cli.loading import load, load_modules, look_at_live, refuse
from nanotyped.cli.nodes import nodes
from nanotyped.cli.output import CommandFailedError, printable, stderr_console
from nanotyped.cli.project import new_project
from nanotyped.cli.replaying import replay
from nanotyped.cli.report import check_files, check_place
from nanotyped.cli.running import run_pipeline
from nanotyped.cli.schema import schema
from nanotyped.cli.state import show_state
from nanotyped.cli.stubgen import stubgen
from nanotyped.cli.test import test
from nanotyped.cli.type_checking import type_problems
from nanotyped.cli.types import types
from nanotyped.cluster.part_state import is_of_parts
from nanotyped.config import load_pipeline
from nanotyped.engine.checkpoint import FILE_NAME, StateError, differences, read_state
from nanotyped.engine.fingerprint import fingerprint_of
from nanotyped.engine.resumption import open_state, resume_problems, without_state
from nanotyped.errors import ConfigError, SourceError
from nanotyped.graph import build_graph, render_dot, render_mermaid, survey_graph
from nanotyped.nodes.file_writing import write_whole_file

if TYPE_CHECKING:
    from nanotyped.cli.arguments import Arguments
    from nanotyped.config import Pipeline
    from nanotyped.graph import Graph

DOT_TIMEOUT_S = 60.0


def run(arguments: Arguments) -> int:
    """Check the pipeline, run it to its end; 0, or the status of its failure."""
    check_place(arguments)
    check_progress(arguments.progress)
    pipeline = load(arguments)
    check_files(arguments, pipeline)
    refuse(pipeline, strict=False)
    if code := look_at_live(pipeline, arguments):
        return code
    refuse(pipeline, strict=arguments.strict)
    if arguments.engine == "dask":
        return run_on_cluster(pipeline, arguments)
    state = None
    if arguments.state is not None:
        graph = build_graph(pipeline.anchor)
        _refuse_to_resume(pipeline, graph)
        try:
            state = open_state(graph, Path(arguments.state), pipeline.name, reset=arguments.reset_state)
        except StateError as error:
            raise CommandFailedError(f"{pipeline.file}: {error}", 2) from error
    return run_pipeline(pipeline, state, arguments)


def check(arguments: Arguments) -> int:
    """Check the pipeline: 0 with one line on stdout, 1 if something live is out of reach, 2 if it is refused."""
    load_modules(arguments)
    of_types = type_problems(arguments)
    try:
        pipeline = load_pipeline(arguments.config)
        refuse(pipeline, strict=arguments.strict and not arguments.connect)
    except ConfigError as error:
        raise ConfigError([*error.problems, *of_types]) from None
    if of_types:
        raise ConfigError(of_types)
    if arguments.connect:
        if code := look_at_live(pipeline, arguments):
            return code
        refuse(pipeline, strict=arguments.strict)
    graph = survey_graph(pipeline.anchor).graph
    print(f"{pipeline.file}: ok ({_summary(graph)})")
    for node in graph.nodes:
        for notice in node.notices():
            stderr_console().print(printable(f"{pipeline.file}: note: node `{node.label}`: {notice}"))
    if arguments.state is not None:
        _refuse_to_resume(pipeline, graph)
        print(f"{pipeline.file}: {_resumption(graph, Path(arguments.state))}")
    for node in graph.nodes:
        if arguments.state is None and node.cursor_outlives_run:
            print(f"{pipeline.file}: {without_state(node)}")
    return 0


def draw(arguments: Arguments) -> int:
    """Write the graph of the pipeline, also of one that cannot run, to stdout or a file."""
    pipeline = load(arguments)
    if arguments.connect and (code := look_at_live(pipeline, arguments)):
        return code
    text = RENDERERS[arguments.format](survey_graph(pipeline.anchor).graph)
    if arguments.output is None:
        sys.stdout.write(text)
        return 0
    try:
        _write_whole(Path(arguments.output), text)
    except OSError as error:
        raise CommandFailedError(f"cannot write {arguments.output}: {error.strerror}", 1) from error
    except SourceError as error:
        raise CommandFailedError(str(error), 1) from error
    return 0


COMMANDS: Mapping[str, Callable[[Arguments], int]] = MappingProxyType(
    {
        "run": run,
        "check": check,
        "plan": plan,
        "lint": lint,
        "test": test,
        "schema": schema,
        "export": export,
        "stubgen": stubgen,
        "draw": draw,
        "explain": explain,
        "nodes": nodes,
        "types": types,
        "discover": discover,
        "contract": compare_contracts,
        "state": show_state,
        "new": new_project,
        "replay": replay,
    }
)


def _refuse_to_resume(pipeline: Pipeline, graph: Graph) -> None:
    problems = resume_problems(graph)
    if problems:
        raise ConfigError(pipeline.place(problems))


def _resumption(graph: Graph, directory: Path) -> str:
    if not (directory / FILE_NAME).exists():
        return "a run begins anew"
    try:
        state = read_state(directory)
    except StateError as error:
        raise CommandFailedError(str(error), 2) from error
    changed = differences(state.fingerprint, fingerprint_of(graph))
    if is_of_parts(state.fingerprint):
        goes_on = "`nanotyped run` goes on with it with --engine dask"
        raise CommandFailedError(f"state `{directory / FILE_NAME}` is of a run with --engine dask: {goes_on}", 2)
    if changed:
        raise CommandFailedError(f"state `{directory / FILE_NAME}` is of another pipeline: {', '.join(changed)}", 2)
    if state.finished:
        names = ", ".join(state.goes_on_from)
        return f"a run goes on where the last one ended, of {names}" if names else "a run begins anew"
    return "a run goes on where the last one was stopped"


def _summary(graph: Graph) -> str:
    parts = [_count(len(graph.nodes), "node"), _count(len(graph.edges), "edge")]
    if graph.unchecked_edges:
        labels = ", ".join(edge.label for edge in graph.unchecked_edges)
        parts.append(f"{len(graph.unchecked_edges)} unchecked: {labels}")
    return ", ".join(parts)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


# -- drawing -----------------------------------------------------------------------


def _render_svg(graph: Graph) -> str:
    program = shutil.which("dot")
    if program is None:
        raise CommandFailedError("svg needs the program `dot` of graphviz, which was not found; install graphviz", 1)
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command; the graph goes in as its input
            [program, "-Tsvg"],
            input=render_dot(graph),
            capture_output=True,
            encoding="utf-8",
            timeout=DOT_TIMEOUT_S,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        raise CommandFailedError(
            f"`dot` failed: {error.stderr.strip() or f'exit status {error.returncode}'}", 1
        ) from error
    except subprocess.TimeoutExpired as error:
        raise CommandFailedError(f"`dot` was not done after {DOT_TIMEOUT_S:g} s", 1) from error
    return done.stdout


RENDERERS: Mapping[str, Callable[[Graph], str]] = MappingProxyType(
    {"dot": render_dot, "mermaid": render_mermaid, "svg": _render_svg}
)


def _write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all; what is no regular file (a pipe, a device) is written to as it is."""
    if path.exists() and not path.is_file():
        path.write_text(text, encoding="utf-8")
        return
    write_whole_file(str(path), text.encode())
