"""Graph -> ``ClusterPlan``: which nodes run on workers and which at the coordinator, why, and what the parts are.

Nothing here knows of Dask. Sources are asked for their parts, which may read statistics and samples.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from nanotyped.cluster.recipe import is_importable, travel_problems
from nanotyped.cluster.shuffle import BUCKETS_PER_SLOT, ROWS_PER_BUCKET, SortedRows
from nanotyped.engine.resumption import resume_problems
from nanotyped.errors import (
    GraphProblem,
    GraphStructureError,
    GraphTypeError,
    IncompatibleTypesException,
    NanotypedError,
    shown,
)
from nanotyped.graph import Graph
from nanotyped.node import Part, PartSize, Split
from nanotyped.node.passing import sent_origin
from nanotyped.row.arrow import ArrowEncoder

if TYPE_CHECKING:
    from nanotyped.graph.flows import Node

Where = Literal["workers", "coordinator"]


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a node runs, and what keeps it from the workers or what it takes along there."""

    where: Where
    reason: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Shuffle:
    """Rows of equal values that are brought together before a node, from all parts.

    Attributes:
        giver: The node that gives them.
        target: The node that needs them so.
        buckets: Into how many parts the groups are put.
    """

    giver: Node
    target: Node
    buckets: int


@dataclass(frozen=True, slots=True)
class Segment:
    """A source that is split, with the nodes that its parts go through on workers.

    Attributes:
        source: The source; behind a shuffle a ``SortedRows``, which is no node of the graph.
        nodes: All of them, the source first, in topological order.
        returning: Those whose rows go on at the coordinator.
        split: The parts.
        shuffles: Those that its rows go into.
        after: The one whose buckets its parts are.
    """

    source: Node
    nodes: tuple[Node, ...]
    returning: tuple[Node, ...]
    split: Split
    shuffles: tuple[Shuffle, ...] = ()
    after: Shuffle | None = None

    @property
    def links(self) -> tuple[tuple[Node, Node, int], ...]:
        """The links among the nodes, each with its bound in rows."""
        cut = {(shuffle.giver, shuffle.target) for shuffle in self.shuffles}
        own = [
            (node, target, node.queue_rows(target))
            for node in self.nodes
            for target in node.output_node_list
            if target in self.nodes and (node, target) not in cut
        ]
        if self.after is not None:
            own.insert(0, (self.source, self.after.target, self.after.giver.queue_rows(self.after.target)))
        return tuple(own)


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

    @property
    def shuffles(self) -> tuple[Shuffle, ...]:
        """All shuffles, in the order of the graph."""
        return tuple(segment.after for segment in self.segments if segment.after is not None)

    def resume_problems(self) -> list[GraphProblem]:
        """Return why a run cannot be gone on with."""
        return resume_problems_of(self.placements)


def resume_problems_of(placements: Mapping[Node, Placement]) -> list[GraphProblem]:
    """Return why a run cannot be gone on with: parts begin again, so the nodes at the coordinator alone have a say."""
    here = tuple(node for node, placed in placements.items() if placed.where == "coordinator")
    return resume_problems(Graph(here, ()))


def place_nodes(graph: Graph) -> tuple[dict[Node, Placement], list[GraphProblem]]:
    """Return where each node runs, and what is wrong with that; nothing is looked at but the nodes themselves."""
    placements: dict[Node, Placement] = {}
    problems: list[GraphProblem] = []
    for node in graph.nodes:
        reason = node.split_problem() if node.is_source else _spread_reason(graph, node, placements)
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
    into = [edge for edge in graph.edges if edge.target is node]
    if len(into) > 1:
        return "its groups are of rows of several nodes"
    if len(into[0].flows) != 1 or not into[0].is_checked:
        return (
            f"it is not known what `{into[0].source.label}` gives, or of several kinds, so that its rows cannot travel"
        )
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
    targets = [
        edge
        for edge in graph.edges_from(node)
        if placements[edge.target].where == "coordinator" or _keeps_groups(edge.target)
    ]
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
            text = f"rows of `{node.label}` cannot travel to `{targets[0].target.label}`: {reason}"
            found.append(GraphStructureError(text, node=node.label))
    return found


def checked_split(source: Node, size: PartSize, together: tuple[str, ...]) -> Split:
    """Return the parts of a source, which its own code tells.

    Raises:
        GraphTypeError: If they are no parts, or that code fails.
        SourceError: If the source cannot be looked at.
    """
    try:
        found = source.split(size, together)
    except NanotypedError:
        raise
    except Exception as error:
        reason = f"its split() failed: {type(error).__name__}: {error}"
        raise GraphTypeError([_split_problem(source, reason)]) from error
    if not isinstance(found, Split):
        raise GraphTypeError([_split_problem(source, f"its split() gave {shown(found)}, which is no Split")])
    parts = tuple(found.parts)
    if reason := _parts_problem(parts):
        raise GraphTypeError([_split_problem(source, reason)])
    return replace(found, parts=parts, together=tuple(found.together))


def _parts_problem(parts: tuple[object, ...]) -> str:
    """Return what is wrong with the parts that a source's own code gave; ``""`` if nothing is."""
    seen: dict[str, str] = {}
    for part in parts:
        if not isinstance(part, Part):
            return f"its split() gave {shown(part)} among the parts, which is no Part"
        try:
            text = json.dumps(part.bounds, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            return f"the bounds of its part {part.name} are nothing that JSON holds: {error}"
        if json.loads(text) != part.bounds:
            return f"the bounds of its part {part.name} come back from JSON as {text}; use lists and texts"
        if text in seen:
            return f"its parts {seen[text]} and {part.name} have the same bounds: their rows would come twice"
        seen[text] = part.name
    return ""


def _split_problem(source: Node, reason: str) -> GraphProblem:
    return GraphStructureError(f"node `{source.label}` cannot be split: {reason}", node=source.label)


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
    placements, problems = place_nodes(graph)
    if problems:
        raise GraphTypeError(problems)
    limits = [node.most_copies for node, placed in placements.items() if placed.where == "workers"]
    slots = min([workers, *(limit for limit in limits if limit is not None)])
    size = PartSize(slots, part_rows)
    segments: list[Segment] = []
    whole: set[Node] = set()
    splits: dict[Node, Split] = {}
    for source in (node for node in graph.nodes if node.is_source and placements[node].where == "workers"):
        together = _together(graph, source, placements)
        splits[source] = split = kept.get(source) or checked_split(source, size, together)
        whole |= _whole(_grouped(graph, source, placements), split)
    total = sum(part.rows or 0 for split in splits.values() for part in split.parts)
    buckets = max(slots * BUCKETS_PER_SLOT, -(-total // ROWS_PER_BUCKET))
    shuffles = {
        node: Shuffle(node.input_node_list[0], node, buckets)
        for node, placed in placements.items()
        if placed.where == "workers" and _keeps_groups(node) and node not in whole
    }
    segments += [_segment(graph, source, placements, shuffles, split) for source, split in splits.items()]
    for node in (node for node in graph.nodes if node in shuffles):
        segments.append(_behind(graph, shuffles[node], placements, shuffles))
        names = _quoted(node.partition_by)
        placements[node] = Placement("workers", f"by groups of {names}, which are brought together before it")
    notices = [f"`{source.label}`: {split.notice}" for source, split in splits.items() if split.notice]
    notices += [
        f"`{node.label}` gathers rows of all groups that come to a copy of it: its lists are others than in one process"
        for node, placed in placements.items()
        if placed.where == "workers" and node.mixes_groups
    ]
    if slots < workers:
        names = _quoted([node.label for node, placed in placements.items() if _limits(node, placed, slots)])
        notices.append(f"{slots} of {workers} workers are used at a time: the limits of {names} allow no more")
    return ClusterPlan(graph, placements, tuple(segments), slots, tuple(notices))


def _limits(node: Node, placed: Placement, slots: int) -> bool:
    """Return whether a node is why there are no more slots."""
    return placed.where == "workers" and node.most_copies == slots


def _keeps_groups(node: Node) -> bool:
    """Return whether a node on the workers keeps something of rows, for groups of them."""
    return not node.is_source and bool(node.partition_by) and bool(node.spread_problem())


def _grouped(graph: Graph, source: Node, placements: Mapping[Node, Placement]) -> list[tuple[Node, tuple[str, ...]]]:
    """Return the nodes with groups of rows of a source alone, each with the columns there that make its groups."""
    found = []
    for node in _reached(graph, source, placements, {}):
        if not _keeps_groups(node):
            continue
        origins = [origin for name in node.partition_by for origin in _origins(graph, node, name)]
        columns = [column for before, column in origins if before is source and column is not None]
        if len(columns) == len(origins):
            found.append((node, tuple(columns)))
    return found


def _whole(grouped: Sequence[tuple[Node, tuple[str, ...]]], split: Split) -> set[Node]:
    """Return the nodes whose groups each lie in one part: of equal values there, and with no shuffle before them."""
    found: set[Node] = set()
    shuffled: set[Node] = set()
    for node, columns in grouped:  # in topological order
        if split.together and {*columns} >= {*split.together} and not _before(node) & shuffled:
            found.add(node)
        else:
            shuffled.add(node)
    return found


def _before(node: Node) -> set[Node]:
    """Return all nodes that rows come through on their way to a node."""
    found: set[Node] = set()
    waiting = [*node.input_node_list]
    while waiting:
        before = waiting.pop()
        if before not in found:
            found.add(before)
            waiting += before.input_node_list
    return found


def _together(graph: Graph, source: Node, placements: Mapping[Node, Placement]) -> tuple[str, ...]:
    """Return the columns of a source whose equal values it is asked to keep in one part."""
    wanted: tuple[str, ...] = ()
    for _, columns in _grouped(graph, source, placements):
        common = tuple(column for column in wanted if column in columns) if wanted else columns
        wanted = common or wanted
    return wanted


def _reached(
    graph: Graph, start: Node, placements: Mapping[Node, Placement], shuffles: Mapping[Node, Shuffle]
) -> tuple[Node, ...]:
    """Return the nodes on workers that rows come to from a node, itself first, up to shuffles, in topological order."""
    found = {start}
    for node in graph.nodes:
        if node not in shuffles and placements[node].where == "workers" and found & set(node.input_node_list):
            found.add(node)
    return (start, *(node for node in graph.nodes if node in found and node is not start))


def _segment(
    graph: Graph,
    source: Node,
    placements: Mapping[Node, Placement],
    shuffles: Mapping[Node, Shuffle],
    split: Split,
) -> Segment:
    nodes = _reached(graph, source, placements, shuffles)
    return Segment(source, nodes, _returning(nodes, placements), split, _into(nodes, shuffles))


def _behind(
    graph: Graph, shuffle: Shuffle, placements: Mapping[Node, Placement], shuffles: Mapping[Node, Shuffle]
) -> Segment:
    """Return the segment whose parts are the buckets of a shuffle."""
    nodes = _reached(graph, shuffle.target, placements, shuffles)
    [flow] = next(edge.flows for edge in graph.edges_from(shuffle.giver) if edge.target is shuffle.target)
    classes = [node.output_row_class() for node in graph.nodes]
    declared = [one for one in dict.fromkeys(classes) if one is not None and is_importable(one)]
    source = SortedRows(gives=flow, classes=declared, name=f"groups for {shuffle.target.label}")
    parts = tuple(Part(bucket, f"groups {bucket + 1} of {shuffle.buckets}") for bucket in range(shuffle.buckets))
    split = Split(parts, f"groups of {_quoted(shuffle.target.partition_by)}", tuple(shuffle.target.partition_by))
    return Segment(source, (source, *nodes), _returning(nodes, placements), split, _into(nodes, shuffles), shuffle)


def _returning(nodes: Sequence[Node], placements: Mapping[Node, Placement]) -> tuple[Node, ...]:
    return tuple(
        node for node in nodes if any(placements[target].where == "coordinator" for target in node.output_node_list)
    )


def _into(nodes: Sequence[Node], shuffles: Mapping[Node, Shuffle]) -> tuple[Shuffle, ...]:
    return tuple(shuffle for shuffle in shuffles.values() if shuffle.giver in nodes)


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
