"""``run --engine dask`` and ``plan``: a pipeline on several processes, and what would run where."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nanotyped.cli.loading import load, look_at_live, refuse
from nanotyped.cli.output import CommandFailedError, print_error, printable, stderr_console
from nanotyped.cli.running import follow_run
from nanotyped.cluster import (
    Cluster,
    ClusterPlan,
    ClusterRun,
    check_extra,
    check_files,
    check_scheduler,
    default_workers,
    open_part_state,
    place_nodes,
    plan_graph,
    prepare_on,
    resume_problems_of,
)
from nanotyped.engine.checkpoint import StateError
from nanotyped.errors import ClusterError, ConfigError, GraphTypeError, MissingExtraError, SourceError
from nanotyped.graph import build_graph

if TYPE_CHECKING:
    from nanotyped.cli.arguments import Arguments
    from nanotyped.cluster import Segment
    from nanotyped.config import Pipeline
    from nanotyped.engine.checkpoint import StateFile
    from nanotyped.graph import Graph
    from nanotyped.graph.flows import Node


def run_on_cluster(pipeline: Pipeline, arguments: Arguments) -> int:
    """Run a pipeline, which was checked and whose nodes were looked at, on a cluster, and return the exit status."""
    _check_setting(pipeline, arguments)
    graph = build_graph(pipeline.anchor)
    placements, problems = place_nodes(graph)
    if not problems and arguments.state is not None:
        problems = resume_problems_of(placements)
    if problems:
        raise ConfigError(pipeline.place(problems))
    state = _state(pipeline, graph, arguments)
    try:
        run = _prepared(pipeline, graph, state, arguments)
    except BaseException as error:
        if state is not None:
            state.close()
        if isinstance(error, KeyboardInterrupt):
            print_error("ended by SIGINT, before anything was read")
        raise
    found, dashboard = run.plan, run.cluster.dashboard
    if arguments.log_format == "text":
        _tell_plan(pipeline, found, dashboard)
    facts = {
        "engine": "dask",
        "slots": found.slots,
        "parts": {segment.source.label: len(segment.split.parts) for segment in found.segments},
        "notices": list(found.notices),
        "dashboard": dashboard or None,
    }
    return follow_run(run, pipeline, state, arguments, resumed=run.is_resumed, facts=facts)


def _check_setting(pipeline: Pipeline, arguments: Arguments) -> None:
    """Refuse what can be seen without a look at anything.

    Raises:
        CommandFailedError: If Dask is not installed, an option does not go with it, or a scheduler is not to be used.
    """
    if arguments.trace:
        raise CommandFailedError("--trace tells of one process, and goes with --engine threads", 2)
    _check_extra(arguments)
    scheduler = arguments.scheduler
    if scheduler is not None and (reason := check_scheduler(scheduler, pipeline.cluster.security)):
        raise CommandFailedError(f"--scheduler: {reason}", 2)
    if reason := check_files(pipeline.cluster.security):
        raise CommandFailedError(f"{pipeline.file}: cluster: {reason}", 2)


def _check_extra(arguments: Arguments) -> None:
    try:
        check_extra()
    except MissingExtraError as error:
        what = "plan" if arguments.command == "plan" else "--engine dask"
        raise CommandFailedError(f"{what}: {error}", 2) from error


def _tell_plan(pipeline: Pipeline, found: ClusterPlan, dashboard: str) -> None:
    console = stderr_console()
    for segment in found.segments:
        what = f"`{segment.source.label}`: {_parts(segment)}, {found.slots} at a time"
        console.print(printable(f"{pipeline.file}: {what}"))
    for notice in found.notices:
        console.print(printable(f"{pipeline.file}: note: {notice}"))
    if dashboard:
        console.print(f"{pipeline.file}: Dask's dashboard is at {dashboard}")


def _state(pipeline: Pipeline, graph: Graph, arguments: Arguments) -> StateFile | None:
    if arguments.state is None:
        return None
    try:
        return open_part_state(graph, Path(arguments.state), pipeline.name, reset=arguments.reset_state)
    except StateError as error:
        raise CommandFailedError(f"{pipeline.file}: {error}", 2) from error


def _prepared(pipeline: Pipeline, graph: Graph, state: StateFile | None, arguments: Arguments) -> ClusterRun:
    options = pipeline.cluster
    scheduler = arguments.scheduler or options.scheduler
    workers = arguments.workers or options.workers
    if scheduler is not None and arguments.log_format == "text":
        stderr_console().print(f"{pipeline.file}: looking for workers at {scheduler}")
    elif arguments.log_format == "text":
        count = workers or default_workers()
        stderr_console().print(f"{pipeline.file}: starting {count} worker process{'' if count == 1 else 'es'}")
    try:
        cluster = Cluster(scheduler, workers, options.security)
        return prepare_on(
            cluster,
            graph,
            pipeline_name=pipeline.name,
            grace_s=arguments.grace,
            modules=arguments.modules,
            part_rows=arguments.part_rows or options.part_rows,
            state=state,
        )
    except ClusterError as error:
        raise CommandFailedError(f"{pipeline.file}: {pipeline.redactor.redact(str(error))}", 1) from error
    except GraphTypeError as error:
        raise ConfigError(pipeline.place(error.problems)) from error
    except SourceError as error:
        raise CommandFailedError(f"{pipeline.file}: {pipeline.redactor.redact(str(error))}", 1) from error


# -- plan ------------------------------------------------------------------------------


def plan(arguments: Arguments) -> int:
    """Print what would run where on a cluster: 0, 1 if something live is out of reach, 2 if it is refused."""
    _check_extra(arguments)
    pipeline = load(arguments)
    refuse(pipeline, strict=False)
    if problems := place_nodes(build_graph(pipeline.anchor))[1]:
        raise ConfigError(pipeline.place(problems))
    if code := look_at_live(pipeline, arguments):
        return code
    refuse(pipeline, strict=False)
    options = pipeline.cluster
    workers = arguments.workers or options.workers or default_workers()
    try:
        found = plan_graph(build_graph(pipeline.anchor), workers, arguments.part_rows or options.part_rows)
    except GraphTypeError as error:
        raise ConfigError(pipeline.place(error.problems)) from error
    except SourceError as error:
        raise CommandFailedError(f"{pipeline.file}: {pipeline.redactor.redact(str(error))}", 1) from error
    if arguments.format == "json":
        print(json.dumps(_described(pipeline, found), indent=2, ensure_ascii=False))
        return 0
    _print_plan(pipeline, found)
    return 0


def _print_plan(pipeline: Pipeline, found: ClusterPlan) -> None:
    head = ["Node", "Class", "Runs", "Because"]
    rows = []
    for node, placed in found.placements.items():
        where = "on workers" if placed.where == "workers" else "here"
        rows.append([printable(node.label), type(node).__name__, where, printable(_why(found, node) or placed.reason)])
    widths = [max(len(row[at]) for row in [head, *rows]) for at in range(3)]
    print(f"{pipeline.file}: {len(found.graph.nodes)} nodes, {found.slots} parts at a time")
    for row in [head, *rows]:
        print("  ".join([*(cell.ljust(width) for cell, width in zip(row[:3], widths, strict=True)), row[3]]).rstrip())
    print(f"moved: {'; '.join(_moves(found)) or 'nothing'}")
    problems = found.resume_problems()
    print(f"resumes: {'no: ' + '; '.join(map(str, problems)) if problems else _resumption(found)}")
    for notice in found.notices:
        print(printable(f"note: {notice}"))


def _resumption(found: ClusterPlan) -> str:
    if not found.shuffles:
        return "by the part, with --state"
    names = ", ".join(f"`{shuffle.target.label}`" for shuffle in found.shuffles)
    return f"with --state by the part, but what leads into a shuffle begins anew until {names} had all groups"


def _why(found: ClusterPlan, node: Node) -> str:
    return next((_parts(segment) for segment in found.segments if segment.source is node), "")


def _parts(segment: Segment) -> str:
    split = segment.split
    count = len(split.parts)
    rows = [part.rows for part in split.parts if part.rows is not None]
    about = f" of about {sum(rows) / len(rows):,.0f} rows" if rows else ""
    return f"1 part{about}" if count == 1 else f"{count:,} parts{about}, by {split.by}"


def _moves(found: ClusterPlan) -> list[str]:
    here = set(found.at_coordinator)
    moves = []
    for node in dict.fromkeys(node for segment in found.segments for node in segment.returning):
        targets = ", ".join(f"`{target.label}`" for target in node.output_node_list if target in here)
        moves.append(f"rows of `{node.label}` come here, for {targets}")
    for shuffle in found.shuffles:
        names = ", ".join(f"`{name}`" for name in shuffle.target.partition_by)
        moves.append(f"rows of `{shuffle.giver.label}` are shuffled by {names}, for `{shuffle.target.label}`")
    return moves


def _described(pipeline: Pipeline, found: ClusterPlan) -> dict[str, Any]:
    """Return a plan as JSON holds it."""
    problems = found.resume_problems()
    return {
        "file": pipeline.file,
        "slots": found.slots,
        "nodes": [
            {"node": node.label, "class": type(node).__name__, "where": placed.where, "reason": placed.reason or None}
            for node, placed in found.placements.items()
        ],
        "segments": [
            {
                "source": segment.source.label,
                "by": segment.split.by,
                "together": list(segment.split.together),
                "shuffled_from": None if segment.after is None else segment.after.giver.label,
                "returning": [node.label for node in segment.returning],
                "parts": [{"name": part.name, "rows": part.rows} for part in segment.split.parts],
            }
            for segment in found.segments
        ],
        "resumes": not problems,
        "resume_problems": [str(problem) for problem in problems],
        "notices": list(found.notices),
    }
