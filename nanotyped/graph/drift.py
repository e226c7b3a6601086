"""What a change of what a source gives does downstream: which nodes each column breaks, and to which it is harmless.

Nothing is guessed: the schemas are threaded down the graph once more for each changed column, as they are for the
check, and what does not fit then that did fit before is what the column breaks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nanotyped.errors import Mismatch
from nanotyped.graph.flows import FlowTracer, Passage
from nanotyped.row import Schema

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nanotyped.errors import GraphProblem
    from nanotyped.graph.flows import Node
    from nanotyped.row import Column


@dataclass(frozen=True, slots=True)
class Impact:
    """What the change of one column does.

    Attributes:
        broken: The nodes that do not take it, each with why.
        harmless: The nodes that it reaches and that take it.
    """

    broken: tuple[tuple[Node, str], ...]
    harmless: tuple[Node, ...]

    def __str__(self) -> str:
        """Render as ``breaks `post` (needs `int`), harmless to `log```; ``""`` where it reaches nobody."""
        parts = []
        if self.broken:
            parts.append("breaks " + ", ".join(f"`{node.label}` ({reason})" for node, reason in self.broken))
        if self.harmless:
            parts.append("harmless to " + ", ".join(f"`{node.label}`" for node in self.harmless))
        return ", ".join(parts)


def impacts_of(ordered: Iterable[Node], source: Node, before: Schema, after: Schema) -> dict[str, Impact]:
    """Return what each column that differs does to the nodes downstream, by its name.

    Args:
        ordered: The nodes in topological order.
        source: The node of which it is supposed that it gives other columns.
        before: What it gave.
        after: What it is supposed to give.
    """
    nodes = tuple(ordered)
    names = [name for name in dict.fromkeys((*before.names, *after.names)) if _get(before, name) != _get(after, name)]
    if not names:
        return {}
    variants = {name: FlowTracer(nodes, {source: _with(before, name, _get(after, name))}) for name in names}
    # Last, for a node may keep what it was asked about.
    base = FlowTracer(nodes, {source: before})
    return {name: _impact(base, variant, name) for name, variant in variants.items()}


def judge_contracts(tracer: FlowTracer) -> FlowTracer:
    """Return the tracer with what contracts that the live tables do not fit would do downstream, told in the hints."""
    told: dict[str, GraphProblem] = {}
    for node, passages in tracer.passages.items():
        live = node.live_schema()
        problems = [found for found in node.check_contract() if isinstance(found, Mismatch)]
        gives = passages[0].gives
        if live is None or gives is None or not problems:
            continue
        after = gives
        for column in {problem.column for problem in problems if problem.column is not None}:
            after = _with(after, column, _get(live, column))
        impacts = impacts_of(tracer.passages, node, gives, after)
        for problem in problems:
            impact = str(impacts[problem.column]) if problem.column in impacts else ""
            if impact:
                hint = f"{problem.hint}; taken as it is: {impact}" if problem.hint else f"taken as it is: {impact}"
                told[str(problem)] = problem.at(hint=hint)
    if told:
        tracer.problems = [told.get(str(problem), problem) for problem in tracer.problems]
        tracer.passages = {
            node: tuple(
                Passage(p.source, p.given, p.gives, tuple(told.get(str(problem), problem) for problem in p.problems))
                for p in passages
            )
            for node, passages in tracer.passages.items()
        }
    return tracer


def _impact(base: FlowTracer, variant: FlowTracer, name: str) -> Impact:
    broken: list[tuple[Node, str]] = []
    harmless: list[Node] = []
    for node, passages in variant.passages.items():
        known = {str(problem) for passage in base.passages[node] for problem in passage.problems}
        new = [problem for passage in passages for problem in passage.problems if str(problem) not in known]
        came = {passage.given for passage in base.passages[node]}
        if new:
            broken.append((node, "; ".join(dict.fromkeys(_reason(problem, name) for problem in new))))
        elif any(passage.given is not None and passage.given not in came for passage in passages):
            harmless.append(node)
    return Impact(tuple(broken), tuple(harmless))


def _reason(problem: GraphProblem, name: str) -> str:
    if not isinstance(problem, Mismatch):
        return str(problem)
    named = "" if problem.column == name else f"`{problem.column}` as "
    return f"needs {named}`{problem.expected}`"


def _get(schema: Schema, name: str) -> Column | None:
    return schema[name] if name in schema else None  # noqa: SIM401 - a schema has no `get`


def _with(schema: Schema, name: str, column: Column | None) -> Schema:
    """Return the schema with another column of a name: in its place, at the end where it is new, or none."""
    if column is None:
        return Schema(own for own in schema if own.name != name)
    return schema.merge(Schema([column]))
