"""Links -> ``Graph``: order, structure, and the schema of the rows on every edge along every path.

Nothing here connects, reads or starts anything.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from nanotyped.errors import GraphProblem, GraphStructureError, GraphTypeError, NodeOptionError, nearest_hint
from nanotyped.graph.drift import judge_contracts
from nanotyped.graph.flows import Flow, FlowTracer, Node, Passage, unknown_since
from nanotyped.node import NanoNode
from nanotyped.node.passing import sees_all, takes_batches


@dataclass(frozen=True, slots=True)
class Edge:
    """One edge: its ends, its bound in rows, and the schemas of the rows on it (``None``: not known)."""

    source: Node
    target: Node
    queue_rows: int
    flows: tuple[Flow, ...] = ()

    @property
    def is_checked(self) -> bool:
        """Whether the schema of every row on this edge is known."""
        return bool(self.flows) and None not in self.flows

    @property
    def label(self) -> str:
        """Both names: ``read → post``."""
        return f"{self.source.label} → {self.target.label}"


@dataclass(frozen=True, slots=True)
class Graph:
    """A pipeline that can run: nodes in topological order, sources first, and their edges."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    @property
    def unchecked_edges(self) -> tuple[Edge, ...]:
        """The edges on which rows of unknown schema pass."""
        return tuple(edge for edge in self.edges if not edge.is_checked)

    def edges_from(self, node: Node) -> tuple[Edge, ...]:
        """Return the edges out of a node, in order of linking."""
        return tuple(edge for edge in self.edges if edge.source is node)


@dataclass(frozen=True, slots=True)
class Survey:
    """A graph as far as it can be made, and everything that is wrong with it.

    Attributes:
        graph: The graph.
        problems: What is wrong, along the paths.
        passages: What each node does to each kind of row that reaches it; of nodes in and behind a cycle nothing.
    """

    graph: Graph
    problems: tuple[GraphProblem, ...]
    passages: Mapping[Node, tuple[Passage, ...]]


def build_graph(node: Node, *, strict: bool = False) -> Graph:
    """Return the graph of everything that is connected to ``node``.

    Args:
        node: Any node of the pipeline.
        strict: Whether an edge of unknown schema is a problem too.

    Raises:
        GraphTypeError: With every problem at once.
    """
    survey = survey_graph(node, strict=strict)
    if survey.problems:
        raise GraphTypeError(survey.problems)
    return survey.graph


def survey_graph(*nodes: Node, strict: bool = False) -> Survey:
    """Return the graph of everything connected to ``nodes`` and every problem in it; raises nothing."""
    found = _connected(nodes)
    problems: list[GraphProblem] = [*_check_names(found), *_check_methods(found)]
    problems += [*_check_files(found), *_check_policies(found), *_check_workers(found), *_check_sight(found)]
    problems += _check_declarations(found)
    ordered = _topological(found)
    tracer = judge_contracts(FlowTracer(ordered))
    graph = Graph(tuple(ordered), tuple(_edges(ordered, tracer)))
    if len(ordered) < len(found):  # what stands before the cycles was traced, what stands in and behind them cannot be
        problems += _cycle_problems(set(found) - set(ordered), found)
        graph = Graph(tuple(found), tuple(_edges(found)))
        return Survey(graph, (*problems, *tracer.problems), tracer.passages)
    problems += tracer.problems
    if strict:
        problems += [_unchecked_problem(edge, tracer.passages) for edge in graph.unchecked_edges]
    return Survey(graph, tuple(problems), tracer.passages)


def _unchecked_problem(edge: Edge, passages: Mapping[Node, tuple[Passage, ...]]) -> GraphProblem:
    reason = f"the edge `{edge.label}` is unchecked: what `{edge.source.label}` gives is not known"
    cause = unknown_since(edge.source, passages)
    hint = cause.schema_remedy() if cause is edge.source else f"of `{cause.label}`, {cause.schema_remedy()}"
    return GraphStructureError(reason, node=edge.source.label, hint=hint)


def _connected(nodes: Iterable[Node]) -> list[Node]:
    found: dict[Node, None] = {}
    waiting = [member for node in nodes for member in node.member_nodes()][::-1]
    while waiting:
        node = waiting.pop()
        if node not in found:
            found[node] = None
            waiting += [*node.output_node_list[::-1], *node.input_node_list[::-1]]
    return list(found)


def _edges(nodes: Iterable[Node], tracer: FlowTracer | None = None) -> list[Edge]:
    return [
        Edge(node, target, node.queue_rows(target), tracer.flows_out[node] if tracer is not None else ())
        for node in nodes
        for target in node.output_node_list
    ]


def _topological(nodes: list[Node]) -> list[Node]:
    missing = {node: len(node.input_node_list) for node in nodes}
    ready = [node for node in nodes if not missing[node]]
    ordered: list[Node] = []
    for node in ready:  # grows while it is read
        ordered.append(node)
        for target in node.output_node_list:
            missing[target] -= 1
            if not missing[target]:
                ready.append(target)
    return ordered


def _cycle_problems(among: set[Node], order: list[Node]) -> list[GraphProblem]:
    """Name cycles among nodes of which each has an input from another of them, until none is left without a cut."""
    problems: list[GraphProblem] = []
    left = set(among)
    while left:
        circle = _cycle(next(node for node in order if node in left), left)
        names = " → ".join(f"`{node.label}`" for node in [*circle, circle[0]])
        problems.append(GraphStructureError(f"cycle: {names}", node=circle[0].label))
        left -= set(circle)
        while loose := {node for node in left if not any(source in left for source in node.input_node_list)}:
            left -= loose
    return problems


def _cycle(start: Node, among: set[Node]) -> list[Node]:
    """Return the nodes of a cycle, in the direction of the links, that is found by going up from a node."""
    path: dict[Node, None] = {start: None}
    node = start
    while True:
        node = next(source for source in node.input_node_list if source in among)
        if node in path:
            walked = list(path)
            circle = walked[walked.index(node) :][::-1]
            first = next(index for index, member in enumerate(circle) if member is node)
            return [*circle[first:], *circle[:first]]
        path[node] = None


def _check_names(nodes: list[Node]) -> list[GraphProblem]:
    seen: dict[str, int] = {}
    for node in nodes:
        seen[node.name] = seen.get(node.name, 0) + 1
    return [
        GraphStructureError(f"{count} nodes bear the name `{name}`", node=name, hint="give each a name of its own")
        for name, count in seen.items()
        if count > 1
    ]


def _check_methods(nodes: list[Node]) -> list[GraphProblem]:
    problems: list[GraphProblem] = []
    for node in nodes:
        cls = type(node)
        if node.is_source and not _overrides(cls, "generator", "generate_batches"):
            reason = f"node `{node.label}` has no input, and {cls.__name__} has no generator to be a source with"
            remedy = f"link a source to `{node.label}`"
            if not cls.__module__.startswith("nanotyped."):  # a class of the user's own
                remedy = f"define generator() in {cls.__name__}, or {remedy}"
            problems.append(GraphStructureError(reason, node=node.label, hint=remedy))
        elif not node.is_source and not _overrides(cls, "process_item", "process_batch"):
            reason = f"node `{node.label}` has inputs, and {cls.__name__} has no process_item to take rows with"
            remedy = "a source cannot be linked to"
            if not (cls.__module__.startswith("nanotyped.") or _overrides(cls, "generator", "generate_batches")):
                remedy = _near_method(cls) or f"define process_item() in {cls.__name__}"
            problems.append(GraphStructureError(reason, node=node.label, hint=remedy))
    return problems


def _near_method(cls: type[Node]) -> str:
    """Return which of its own methods may be a misspelt one, ``""`` if none is near."""
    for name in sorted(set(dir(cls)) - set(dir(NanoNode))):
        if callable(getattr(cls, name)) and (hint := nearest_hint(name, ("process_item", "process_batch"))):
            return f"{cls.__name__} has `{name}`; {hint}"
    return ""


def _check_files(nodes: list[Node]) -> list[GraphProblem]:
    """Return the files that two nodes write, and those that a node would destroy for another."""
    writers: dict[str, list[Node]] = {}
    readers = {path: node for node in nodes for path in node.read_files()}
    for node in nodes:
        for path in node.written_files():
            writers.setdefault(path, []).append(node)
    found = [
        _file_problem(f"nodes `{first.label}` and `{node.label}` write one file, {path}", node, _ONE_WRITER)
        for path, (first, *others) in writers.items()
        for node in others
    ]
    for node in nodes:
        for path in node.replaced_files():
            if path in readers:
                reason = f"node `{node.label}` would take the place of {path}, which node `{readers[path].label}` reads"
                found.append(_file_problem(reason, node, "give it another path"))
        letters = node.error_policy.dead_letter
        path = "" if letters is None else os.path.realpath(letters)
        user = readers.get(path) or next(iter(writers.get(path, ())), None)
        if user is not None:
            reason = f"node `{node.label}` would write its dead letters into {path}, which is a file of `{user.label}`"
            found.append(_file_problem(reason, node, "give them a file of their own"))
    return found


_ONE_WRITER = "give each a path of its own, or link both inputs to one of them"


def _file_problem(reason: str, node: Node, hint: str) -> GraphProblem:
    return GraphStructureError(reason, node=node.label, hint=hint)


def _check_declarations(nodes: list[Node]) -> list[GraphProblem]:
    """Return the outputs that are declared of nodes that give none of their own."""
    return [
        NodeOptionError(
            f"node `{node.label}` passes rows on as they come, and has no output to declare",
            node=node.label,
            hint="declare input_schema, which every row is held to",
        )
        for node in nodes
        if node.passes_rows_on and node.promises_output
    ]


def _check_workers(nodes: list[Node]) -> list[GraphProblem]:
    problems: list[GraphProblem] = []
    for node in nodes:
        if node.workers == 1:
            continue
        because = node.one_worker_because
        if node.is_source:
            because = "it is a source, whose rows come one after the other"
        elif node.holds_rows_back:
            because = because or "it holds rows back"
        if because:
            reason = f"node `{node.label}` cannot have {node.workers} workers: {because}"
            problems.append(NodeOptionError(reason, node=node.label, hint="leave out workers"))
    return problems


def _check_policies(nodes: list[Node]) -> list[GraphProblem]:
    """Return the error outputs that lead nowhere, and the policies that would have no effect."""
    problems: list[GraphProblem] = []
    for node in nodes:
        policy, cls = node.error_policy, type(node)
        if policy.on_error == "dead_letter" and policy.dead_letter is None:
            reason = f"node `{node.label}` has no file for its dead letters, and on_error is dead_letter"
            hint = "name one with dead_letter: rejected.jsonl"
            problems.append(GraphStructureError(reason, node=node.label, hint=hint))
        if not node.is_source:
            continue
        if policy.rejects and _overrides(cls, "generate_batches") and not cls.rejects_rows:
            reason = f"node `{node.label}`: {cls.__name__} ends the run at a row that is wrong, whatever on_error says"
            problems.append(NodeOptionError(reason, node=node.label, hint="leave out on_error and its caps"))
        if policy.retry is not None:
            reason = f"node `{node.label}` is a source, whose code cannot be called again at a row"
            problems.append(NodeOptionError(reason, node=node.label, hint="leave out retry"))
    return problems


def _check_sight(nodes: list[Node]) -> list[GraphProblem]:
    """Return the nodes of which it cannot be told which of the rows that they got a result is of."""
    return [
        NodeOptionError(
            f"node `{node.label}`: {type(node).__name__} takes rows by the batch and gives others, "
            "so that no one result is of one row",
            node=node.label,
            hint="leave out key, input_mapping, input_message_keypath, output_key and post_process_function",
        )
        for node in nodes
        if takes_batches(node)
        and not sees_all(node)
        and not (node.is_source or node.is_sink or node.passes_rows_on or node.rows_are_independent)
    ]


def _overrides(cls: type[Node], *methods: str) -> bool:
    return any(getattr(cls, method) is not getattr(NanoNode, method) for method in methods)
