"""The schemas of rows along every path: what reaches each node, what it gives for it, and what does not fit.

The real schemas are threaded from the sources down: a node with several inputs has one *flow* for each kind of row that
reaches it, and every flow is checked. Kinds of row that are equal are one, however they came.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from nanotyped.errors import GraphProblem, GraphStructureError, NodeOptionError
from nanotyped.node import NanoNode
from nanotyped.node.passing import input_problems, retention_problems, seen_schema, sent_schema
from nanotyped.row import Schema
from nanotyped.row.schema import check_schema

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nanotyped.errors import Mismatch

Node: TypeAlias = NanoNode[Any, Any]
Flow: TypeAlias = "Schema | None"

# Branches that meet and give different columns double the kinds of row, each time.
MAX_FLOWS = 128


@dataclass(frozen=True, slots=True)
class Passage:
    """What happens at a node to one kind of row that one of its inputs sends.

    Attributes:
        source: The input; ``None`` at a source.
        given: The schema of the rows that come; ``None`` where it is not known, and at a source.
        gives: The schema of what the node sends for them; ``None`` where it is not known.
        problems: What does not fit.
    """

    source: Node | None
    given: Flow
    gives: Flow
    problems: tuple[GraphProblem, ...] = ()


class FlowTracer:
    """Threads schemas down the graph and collects what does not fit.

    Args:
        ordered: The nodes in topological order.
        supposed: What some nodes are supposed to give, whatever they say themselves.

    Attributes:
        problems: Everything that does not fit, each once.
        passages: What each node does to each kind of row that reaches it.
        flows_out: The kinds of row that each node sends, each once.
    """

    def __init__(self, ordered: Iterable[Node], supposed: Mapping[Node, Schema] | None = None) -> None:
        self.problems: list[GraphProblem] = []
        self.passages: dict[Node, tuple[Passage, ...]] = {}
        self.flows_out: dict[Node, tuple[Flow, ...]] = {}
        self._seen: set[str] = set()
        for node in ordered:
            found = tuple(self._passages(node))
            if supposed is not None and node in supposed:
                found = (Passage(None, None, supposed[node]),)
            self.passages[node] = found
            self.flows_out[node] = tuple(dict.fromkeys(passage.gives for passage in found))
            for passage in found:
                self._add(passage.problems)

    def _passages(self, node: Node) -> Iterator[Passage]:
        incoming: list[tuple[Node | None, Flow]] = [
            (source, flow) for source in node.input_node_list for flow in self.flows_out[source]
        ]
        common: list[GraphProblem] = []
        need = _need(node, common)
        common += node.check_contract()
        seen = {flow: seen_schema(node, flow) for _, flow in incoming}
        known = [
            (source.label, sight)
            for source, flow in incoming
            if source is not None and (sight := seen[flow]) is not None
        ]
        if known:
            common += node.check_flows(known)
        if len({flow for _, flow in incoming}) > MAX_FLOWS:
            common.append(_too_many_flows(node, incoming))
            incoming = [(source, None) for source in node.input_node_list]
        joined = _joined(node, incoming) if node.joins_inputs else None
        done: dict[Flow, tuple[Flow, list[GraphProblem]]] = {}
        for source, flow in incoming or [(None, None)]:
            if flow not in done:
                done[flow] = _result(node, flow)
            gives, own = done[flow]
            misfits: list[Mismatch] = []
            sight = seen.get(flow)
            if sight is not None and source is not None and need is not None:
                misfits = check_schema(sight, need, (source.label, node.label))
            yield Passage(source, flow, joined if node.joins_inputs else gives, (*common, *misfits, *own))

    def _add(self, problems: Iterable[GraphProblem]) -> None:
        for problem in problems:
            if str(problem) not in self._seen:  # two paths may bring the same rows
                self._seen.add(str(problem))
                self.problems.append(problem)


def _need(node: Node, problems: list[GraphProblem]) -> Flow:
    try:
        return node.needed_input()
    except Exception as error:  # noqa: BLE001 - whatever a declaration raises is a problem of that declaration
        problems += _option_problems(node, "input_schema", error)
        return None


def _result(node: Node, given: Flow) -> tuple[Flow, list[GraphProblem]]:
    """Return what a node gives for rows of a schema, and what its options have against them."""
    problems = [] if given is None else input_problems(node, given)
    try:
        return sent_schema(node, given), [*problems, *retention_problems(node, given)]
    except Exception as error:  # noqa: BLE001 - whatever a declaration raises is a problem of that declaration
        return None, problems or _option_problems(node, "output_schema", error)


def _joined(node: Node, incoming: Iterable[tuple[Node | None, Flow]]) -> Flow:
    """Return what a node makes of one row of each input; not known where an input sends several kinds of row."""
    given: dict[str, Schema] = {}
    for source, flow in incoming:
        if source is None or flow is None or source.name in given:
            return None
        given[source.name] = flow
    return node.sending.schema_of(node.joined_schema(given))


def _option_problems(node: Node, option: str, error: Exception) -> list[GraphProblem]:
    causes = error.exceptions if isinstance(error, ExceptionGroup) else [error]
    return [NodeOptionError(f"node `{node.label}`, {option}: {cause}", node=node.label) for cause in causes]


def _too_many_flows(node: Node, incoming: Iterable[tuple[Node | None, Flow]]) -> GraphProblem:
    count = len({flow for _, flow in incoming})
    return GraphStructureError(
        f"rows of {count} different schemas reach `{node.label}`, and {MAX_FLOWS} are the most that are followed",
        node=node.label,
        hint="let branches that meet give the same columns",
    )


def unknown_since(node: Node, passages: Mapping[Node, tuple[Passage, ...]]) -> Node:
    """Return the node because of which it is not known what a node gives: itself, or one above it."""
    while True:
        gives_unknown = (
            passage.source
            for passage in passages.get(node, ())
            if passage.source is not None and passage.gives is None and passage.given is None
        )
        above = (source for source in gives_unknown if any(found.gives is None for found in passages[source]))
        source = next(above, None)
        if source is None or not _follows_its_input(node):
            return node
        node = source


def _follows_its_input(node: Node) -> bool:
    """Return whether it would be known what a node gives if it were known what it gets."""
    return _result(node, Schema([]))[0] is not None
