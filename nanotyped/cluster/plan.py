"""Graph -> ``ClusterPlan``: which nodes run on workers and which at the coordinator, why, and what the parts are.

Nothing here knows of Dask. Sources are asked for their parts, which may read statistics and samples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from nanotyped.cluster.recipe import travel_problems
from nanotyped.engine.resumption import resume_problems
from nanotyped.errors import GraphProblem, GraphStructureError, GraphTypeError, IncompatibleTypesException
from nanotyped.graph import Graph
from nanotyped.node import PartSize
from nanotyped.node.passing import sent_origin
from nanotyped.row.arrow import ArrowEncoder

if TYPE_CHECKING:
    from nanotyped.graph.flows import Node
    from nanotyped.node import Split

Where = Literal["workers", "coordinator"]


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a node runs, and what keeps it from the workers or what it takes along there."""

    where: Where
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Segment:
    """A source that is split, with the nodes that its parts go through on workers.

    Attributes:
        source: The source.
        nodes: All of them, the source first, in topological order.
        returning: Those whose rows go on at the coordinator.
        split: The parts.
    """

    source: Node
    nodes: tuple[Node, ...]
    returning: tuple[Node, ...]
    split: Split

    @property
    def edges(self) -> tuple[tuple[int, int, int], ...]:
        """The links among the nodes, by place, each with its bound in rows."""
        place = {node: at for at, node in enumerate(self.nodes)}
        return tuple(
            (place[node], place[target], node.queue_rows(target))
            for node in self.nodes
            for target in node.output_node_list
            if target in place
        )


@dataclass(frozen=True, slots=True)
class ClusterPlan:
    """How a pipeline runs on a cluster.

    Attributes:
        graph: The pipeline.
        placements: Where each node runs, in the order of the graph.
        segments: What runs on workers.
        slots: How many parts are worked on at the same time at the most.
        notices: What whoever runs it should know.
    """

    graph: Graph
    placements: Mapping[Node, Placement]
    segments: tuple[Segment, ...]
    slots: int
    notices: tuple[str, ...] = ()

    @property
    def at_coordinator(self) -> tuple[Node, ...]:
        """The nodes that run at the coordinator."""
        return tuple(node for node, placed in self.placements.items() if placed.where == "coordinator")

    def resume_problems(self) -> list[GraphProblem]:
        """Return why a run cannot be gone on with."""
        return resume_problems_of(self.placements)


def resume_problems_of(placements: Mapping[Node, Placement]) -> list[GraphProblem]:
    """Return why a run cannot be gone on with: parts begin again, so the nodes at the coordinator alone have a say."""
    here = tuple(node for node, placed in placements.items() if placed.where == "coordinator")
    return resume_problems(Graph(here, ()))


def place_nodes(
    graph: Graph, held: Mapping[Node, str] = MappingProxyType({})
) -> tuple[dict[Node, Placement], list[GraphProblem]]:
    """Return where each node runs, and what is wrong with that; nothing is looked at but the nodes themselves.

    Args:
        graph: The pipeline.
        held: Nodes that run at the coordinator for a reason that is known already.
    """
    placements: dict[Node, Placement] = {}
    problems: list[GraphProblem] = []
    for node in graph.nodes:
        reason = held.get(node) or (node.split_problem() if node.is_source else _spread_reason(graph, node, placements))
        problems += [] if reason else travel_problems(node)
        placements[node] = Placement("coordinator", reason) if reason else Placement("workers", _group_words(node))
    if not any(placed.where == "workers" for placed in placements.values()):
        reasons = "; ".join(f"`{node.label}`: {placements[node].reason}" for node in graph.nodes if node.is_source)
        first = next(node for node in graph.nodes if node.is_source)
        text = f"no source can be split, so there is nothing for several workers to do: {reasons}"
        problems.append(GraphStructureError(text, node=first.label, hint="run it without --engine dask"))
    problems += [problem for node in graph.nodes for problem in _unsendable(graph, node, placements)]
    return placements, problems


def _spread_reason(graph: Graph, node: Node, placements: Mapping[Node, Placement]) -> str:
    """Return why a node with inputs does not run on the workers; ``""`` if it does."""
    before = [one.label for one in node.input_node_list if placements[one].where == "coordinator"]
    if before:
        return f"its rows come from `{before[0]}`, at the coordinator"
    reason = node.spread_problem()
    if not reason or not node.partition_by or node.written_files():
        return reason
    origins = [origin for name in node.partition_by for origin in _origins(graph, node, name)]
    if len({source for source, _ in origins}) != 1:
        return "its groups are of rows of several sources"
    if None in (column for _, column in origins):
        return f"{_quoted(node.partition_by)} of `partition_by` is not as the source gives it"
    return ""


def _origins(graph: Graph, node: Node, name: str) -> list[tuple[Node, str | None]]:
    """Return each source and the column there that a column of a node is; ``None`` where it is made on the way."""
    found: list[tuple[Node, str | None]] = []
    for edge in graph.edges:
        if edge.target is not node:
            continue
        before = edge.source
        if before.is_source:
            found.append((before, name))
            continue
        given = [flow for into in graph.edges if into.target is before for flow in into.flows]
        for flow in given:
            origin = sent_origin(before, name, flow)
            if origin.kind == "passed on" and len(origin.columns) == 1:
                found += _origins(graph, before, origin.columns[0])
            else:
                found.append((before, None))
    return list(dict.fromkeys(found))


def _group_words(node: Node) -> str:
    if node.is_source or not node.spread_problem():
        return ""
    return f"by groups of {_quoted(node.partition_by)}"


def _unsendable(graph: Graph, node: Node, placements: Mapping[Node, Placement]) -> list[GraphProblem]:
    """Return the columns that cannot travel from a worker to the coordinator."""
    targets = [edge for edge in graph.edges_from(node) if placements[edge.target].where == "coordinator"]
    if placements[node].where == "coordinator" or not targets:
        return []
    found: list[GraphProblem] = []
    for flow in targets[0].flows:
        try:
            if flow is not None:
                ArrowEncoder(flow)
        except (ExceptionGroup, IncompatibleTypesException) as error:
            causes = error.exceptions if isinstance(error, ExceptionGroup) else [error]
            reason = "; ".join(map(str, causes))
            text = f"rows of `{node.label}` cannot travel to `{targets[0].target.label}` at the coordinator: {reason}"
            found.append(GraphStructureError(text, node=node.label))
    return found


def plan_graph(
    graph: Graph, workers: int, part_rows: int | None = None, kept: Mapping[Node, Split] = MappingProxyType({})
) -> ClusterPlan:
    """Return how a graph runs on so many workers, asking its sources, which were looked at, for their parts.

    Args:
        graph: The pipeline.
        workers: How many parts could be worked on at the same time.
        part_rows: Rows to a part, about; by default as many as keep all workers busy to the end.
        kept: The parts of sources as an earlier run, which this one goes on with, had them.

    Raises:
        GraphTypeError: With every reason why it cannot.
        SourceError: If a source cannot be looked at.
    """
    held: dict[Node, str] = {}
    splits: dict[tuple[Node, tuple[str, ...]], Split] = {}
    while True:
        placements, problems = place_nodes(graph, held)
        if problems:
            raise GraphTypeError(problems)
        limits = [node.most_copies for node, placed in placements.items() if placed.where == "workers"]
        slots = min([workers, *(limit for limit in limits if limit is not None)])
        size = PartSize(slots, part_rows)
        segments = []
        loose: dict[Node, str] = {}
        for source in _sources_on_workers(graph, placements):
            together = _together(graph, source, placements, loose)
            key = (source, together)
            splits[key] = split = kept.get(source) or splits.get(key) or source.split(size, together)
            segment = _segment(graph, source, placements, split)
            if together and not split.together:
                text = f"rows of equal {_quoted(together)} may be in several parts, which are cut by {split.by}"
                loose |= dict.fromkeys(_grouped(segment.nodes), text)
            segments.append(segment)
        if not loose:
            break
        held |= loose
    notices = [f"`{one.source.label}`: {one.split.notice}" for one in segments if one.split.notice]
    if slots < workers:
        notices.append(f"{slots} of {workers} workers are used at a time: a limit of the whole run allows no more")
    return ClusterPlan(graph, placements, tuple(segments), slots, tuple(notices))


def _sources_on_workers(graph: Graph, placements: Mapping[Node, Placement]) -> list[Node]:
    return [node for node in graph.nodes if node.is_source and placements[node].where == "workers"]


def _together(
    graph: Graph, source: Node, placements: Mapping[Node, Placement], loose: dict[Node, str]
) -> tuple[str, ...]:
    """Return the columns of a source whose equal values its groups need together; other groups are loose."""
    wanted: list[str] = []
    first: Node | None = None
    for node in _grouped(_reached(graph, source, placements)):
        own = [column for name in node.partition_by for _, column in _origins(graph, node, name) if column is not None]
        common = [column for column in wanted if column in own] if first is not None else own
        if common:
            wanted, first = common, first or node
        elif first is not None:
            loose[node] = f"its groups have no column in common with those of `{first.label}`"
    return tuple(wanted)


def _grouped(nodes: Sequence[Node]) -> list[Node]:
    """Return the nodes that keep something of rows, for groups of them."""
    return [node for node in nodes if not node.is_source and node.partition_by and node.spread_problem()]


def _reached(graph: Graph, source: Node, placements: Mapping[Node, Placement]) -> tuple[Node, ...]:
    """Return the nodes on workers that rows of a source come to, itself first, in topological order."""
    found = {source}
    for node in graph.nodes:
        if placements[node].where == "workers" and found & set(node.input_node_list):
            found.add(node)
    return tuple(node for node in graph.nodes if node in found)


def _segment(graph: Graph, source: Node, placements: Mapping[Node, Placement], split: Split) -> Segment:
    nodes = _reached(graph, source, placements)
    ordered = (source, *(node for node in nodes if node is not source))
    returning = [
        node for node in ordered if any(placements[target].where == "coordinator" for target in node.output_node_list)
    ]
    return Segment(source, ordered, tuple(returning), split)


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
