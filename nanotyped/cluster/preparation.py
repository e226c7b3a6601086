"""From a pipeline to its run on a cluster: checked here, planned, and tried on every worker before a row is read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from nanotyped.cluster.connection import Cluster, ClusterSecurity, check_extra
from nanotyped.cluster.part_state import SPLIT, open_part_state, split_name, split_of
from nanotyped.cluster.plan import place_nodes, plan_graph, resume_problems_of
from nanotyped.cluster.run import ClusterRun
from nanotyped.engine import run_to_end
from nanotyped.engine.fingerprint import part_names
from nanotyped.engine.run import refuse_second_run
from nanotyped.errors import GraphTypeError, shown
from nanotyped.graph import build_graph
from nanotyped.node import install_cluster_runner
from nanotyped.node.running import DEFAULT_GRACE_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nanotyped.engine.checkpoint import StateFile
    from nanotyped.errors import GraphProblem
    from nanotyped.graph import Graph
    from nanotyped.graph.flows import Node
    from nanotyped.node import NanoNode, RunReport, Split
    from nanotyped.node.running import ClusterOptions


def prepare_cluster_run(
    node: NanoNode[Any, Any],
    pipeline_name: str | None = None,
    *,
    grace_s: float = DEFAULT_GRACE_S,
    scheduler: str | None = None,
    workers: int | None = None,
    security: ClusterSecurity | None = None,
    modules: Sequence[str] = (),
    part_rows: int | None = None,
    state_dir: str | Path | None = None,
    reset_state: bool = False,
) -> ClusterRun:
    """Check everything connected to ``node`` and return its run on a cluster, not yet started.

    Args:
        node: Any node of the pipeline.
        pipeline_name: Becomes an attribute of every node.
        grace_s: How long, in seconds, parts and nodes may take to end after a failure, a stop or a signal.
        scheduler: Address of a scheduler of Dask; without it worker processes are started here.
        workers: How many workers there are to be, or to be used at the most.
        security: How a scheduler on another machine is reached.
        modules: Modules that travel to the workers.
        part_rows: Rows to a part, about; by default as many as keep all workers busy to the end.
        state_dir: Directory of the state: where the run goes on if the last one was stopped.
        reset_state: Whether to forget the state that is there.

    Raises:
        GraphTypeError: If it cannot run, not be split, or not be resumed where there is a ``state_dir``.
        ClusterError: If there is no cluster to be had, or a worker is not as it must be.
        StateError: If the state is in use, damaged, of another pipeline, or of the engine of threads.
        SourceError: If a source cannot be looked at.
        PipelineStateError: If it runs already.
        MissingExtraError: If Dask is not installed.
    """
    check_extra()
    if security is not None and not isinstance(security, ClusterSecurity):
        raise TypeError(f"security must be of class ClusterSecurity, not {shown(security)}")
    refuse_second_run(node)
    graph = build_graph(node)
    placements, problems = place_nodes(graph)
    _refuse(problems or (resume_problems_of(placements) if state_dir is not None else []))
    for other in graph.nodes:
        other.discover_schema()
    graph = build_graph(node)
    state = None
    if state_dir is not None:
        state = open_part_state(graph, Path(state_dir), pipeline_name, reset=reset_state)
    try:
        cluster = Cluster(scheduler, workers, security)
        return prepare_on(
            cluster,
            graph,
            pipeline_name=pipeline_name,
            grace_s=grace_s,
            modules=modules,
            part_rows=part_rows,
            state=state,
        )
    except BaseException:
        if state is not None:
            state.close()
        raise


def prepare_on(
    cluster: Cluster,
    graph: Graph,
    *,
    pipeline_name: str | None = None,
    grace_s: float = DEFAULT_GRACE_S,
    modules: Sequence[str] = (),
    part_rows: int | None = None,
    state: StateFile | None = None,
) -> ClusterRun:
    """Return the run of a checked graph, whose nodes were looked at, on a cluster, which is let go of if there is none.

    Raises:
        GraphTypeError: If it cannot be split, or not be resumed where there is a state.
        ClusterError: If a worker is not as it must be.
        SourceError: If a source cannot be looked at.
    """
    try:
        plan = plan_graph(graph, cluster.slots, part_rows, kept_splits(graph, state))
        _refuse([] if state is None else plan.resume_problems())  # whoever comes here by another way was not asked yet
        return ClusterRun(plan, cluster, pipeline_name=pipeline_name, grace_s=grace_s, state=state, modules=modules)
    except BaseException:
        cluster.close()
        raise


def _refuse(problems: Sequence[GraphProblem]) -> None:
    if problems:
        raise GraphTypeError(problems)


def kept_splits(graph: Graph, state: StateFile | None) -> dict[Node, Split]:
    """Return the parts of the sources of a graph that a state holds: a run that goes on has the same."""
    found: dict[Node, Split] = {}
    for node, name in part_names(graph).items():
        cursor = None if state is None else state.cursors.get(split_name(name))
        if isinstance(cursor, dict) and SPLIT in cursor:
            found[node] = split_of(cursor)
    return found


def start_cluster_run(node: NanoNode[Any, Any], pipeline_name: str | None = None, **options: Any) -> ClusterRun:
    """Check everything connected to ``node`` and start it; the rest is as of ``prepare_cluster_run``."""
    run = prepare_cluster_run(node, pipeline_name, **options)
    run.start()
    return run


def _run(node: NanoNode[Any, Any], pipeline_name: str | None, grace_s: float, options: ClusterOptions) -> RunReport:
    return run_to_end(prepare_cluster_run(node, pipeline_name, grace_s=grace_s, **options))


install_cluster_runner(_run)
