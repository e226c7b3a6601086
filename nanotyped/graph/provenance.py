"""Where a column comes from: its way through a surveyed graph, step by step, along every path.

What is told here is what the check saw: the passages of the survey, with their problems. A node adds only how it comes
by a column (``column_origin``) and what that is outside (``far_end``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeAlias

from nanotyped.errors import GraphProblem, Mismatch
from nanotyped.graph.flows import Passage, unknown_since
from nanotyped.node import Origin
from nanotyped.node.passing import input_problems, sent_origin
from nanotyped.row import Schema
from nanotyped.row.schema import check_schema
from nanotyped.types.compat import judge
from nanotyped.types.intermediate import NULL

if TYPE_CHECKING:
    from nanotyped.graph.build import Survey
    from nanotyped.graph.flows import Flow, Node
    from nanotyped.node import FarEnd
    from nanotyped.row import Column

MAX_PATHS = 32
# Of many diamonds most ways differ in nothing that is told: so many are looked at.
MAX_WAYS = 10_000

FitVerdict: TypeAlias = Literal["exact", "widening", "lossy", "incompatible", "unchecked"]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A column as it comes to a node.

    Attributes:
        name: Its name there.
        column: It; ``None`` where what comes is not known.
        need: What the node declares to need under this name.
        is_read: Whether the node's options cannot do without it.
        verdict: How what comes stands to the need; ``exact`` where none is declared.
    """

    name: str
    column: Column | None
    need: Column | None
    is_read: bool
    verdict: FitVerdict


@dataclass(frozen=True, slots=True)
class Leaving:
    """A column as a node sends it.

    Attributes:
        name: Its name.
        column: It; ``None`` where what the node gives is not known.
        origin: How the node comes by it.
        replaces: Whether it takes the place of one of its name that came.
        remedy: What would let it be known; ``""`` where it is.
    """

    name: str
    column: Column | None
    origin: Origin
    replaces: bool = False
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Outside:
    """What a column is beyond a node, and how the two stand to each other."""

    far: FarEnd
    verdict: FitVerdict | None


@dataclass(frozen=True, slots=True)
class Step:
    """What happens to a column at one node.

    Attributes:
        node: The node.
        arrival: How it comes; ``None`` where the column begins here.
        leaving: How it goes on; ``None`` at the end of the path, in a sink.
        outside: What it is in what a source reads or a sink writes.
        problems: What the check has against this step, in its words.
    """

    node: Node
    arrival: Arrival | None
    leaving: Leaving | None
    outside: Outside | None
    problems: tuple[str, ...] = ()


class Provenance(NamedTuple):
    """Every path of a column to a node, each from where it begins; whether there are more that are not told."""

    paths: tuple[tuple[Step, ...], ...]
    has_more: bool


class LastSeen(NamedTuple):
    """The node that last gave a column, what it was, and the node behind it that did not pass it on."""

    giver: Node
    column: Column
    dropper: Node


def flows_of(survey: Survey, node: Node) -> tuple[Flow, ...]:
    """Return the kinds of row that columns of a node are columns of: of a sink what arrives, of others what leaves."""
    found = [passage.given if is_end_of_rows(node) else passage.gives for passage in survey.passages.get(node, ())]
    return tuple(dict.fromkeys(found))


def trace_column(survey: Survey, node: Node, column: str) -> Provenance:
    """Return how a column comes to be what it is at a node: as it arrives at a sink, as it leaves any other.

    Where schemas are not known the column is followed by its name. Without any path the column is not there.
    """
    found: dict[tuple[Step, ...], None] = {}
    nothing: tuple[Step, ...] = ()
    waiting = [(node, passage, column, is_end_of_rows(node), nothing) for passage in _passages(survey, node, column)][
        ::-1
    ]
    looked_at = 0
    while waiting and len(found) < MAX_PATHS and looked_at < MAX_WAYS:
        here, passage, name, is_end, tail = waiting.pop()
        looked_at += 1
        step = _step(survey.passages, here, passage, name, is_end=is_end)
        path: tuple[Step, ...] = (step, *tail)
        above: list[tuple[Node, Passage, str, bool, tuple[Step, ...]]] = []
        if step.arrival is not None and passage.source is not None:
            above = [
                (passage.source, before, step.arrival.name, False, path)
                for before in survey.passages[passage.source]
                if before.gives == passage.given
            ]
        if not above:
            found[path] = None
        waiting += above[::-1]
    return Provenance(tuple(found), bool(waiting))


def last_seen(survey: Survey, node: Node, column: str) -> LastSeen | None:
    """Return where a column that is not at a node was given last on the way there; ``None`` where it never was."""
    waiting, seen = [node], {node}
    for dropper in waiting:  # grows while it is read: the nearest come first
        for passage in survey.passages.get(dropper, ()):
            if passage.source is not None and passage.given is not None and column in passage.given:
                return LastSeen(passage.source, passage.given[column], dropper)
            if passage.source is not None and passage.source not in seen:
                seen.add(passage.source)
                waiting.append(passage.source)
    return None


def problems_about(survey: Survey, node: Node, column: str) -> tuple[str, ...]:
    """Return what the check has against a column at a node, though it may not be there."""
    passages = survey.passages.get(node, ())
    found = [problem for passage in passages for problem in passage.problems]
    return tuple(dict.fromkeys(str(problem) for problem in found if getattr(problem, "column", None) == column))


def is_end_of_rows(node: Node) -> bool:
    """Return whether a node only takes rows: then its columns are those that arrive."""
    return node.is_sink and not node.is_source


def _passages(survey: Survey, node: Node, column: str) -> Iterator[Passage]:
    for passage in survey.passages.get(node, ()):
        flow = passage.given if is_end_of_rows(node) else passage.gives
        if flow is None or column in flow:
            yield passage


def _step(
    passages: Mapping[Node, tuple[Passage, ...]], node: Node, passage: Passage, name: str, *, is_end: bool
) -> Step:
    leaving = None if is_end else _leaving(passages, node, passage, name)
    before: str | None = name
    if leaving is not None:
        columns = leaving.origin.columns
        is_one = len(columns) == 1 and (passage.given is None or columns[0] in passage.given)
        before = columns[0] if is_one else None
    arrival = None if before is None or node.is_source else _arrival(node, passage, before)
    problems = tuple(dict.fromkeys(str(found) for found in passage.problems if _is_about(found, (name, before))))
    return Step(node, arrival, leaving, _outside(node, name, arrival, leaving), problems)


def _is_about(problem: GraphProblem, names: tuple[str | None, ...]) -> bool:
    """Return whether a problem concerns one of some columns: one that names none concerns all that pass."""
    return not isinstance(problem, Mismatch) or problem.column is None or problem.column in names


def _leaving(passages: Mapping[Node, tuple[Passage, ...]], node: Node, passage: Passage, name: str) -> Leaving:
    came = passage.given[name] if passage.given is not None and name in passage.given else None
    column = passage.gives[name] if passage.gives is not None else None
    origin = _origin(node, name, passage.given)
    if origin.kind == "unknown" and column is not None:  # then the schemas tell: it stayed as it was, or did not
        is_same = came is not None and came.type is column.type
        origin = Origin("passed on", (name,)) if is_same else Origin("made")
    cause = unknown_since(node, passages) if column is None else node
    remedy = "" if column is not None else cause.schema_remedy()
    if column is None and cause is not node:
        remedy = f"it follows `{cause.label}`"
    return Leaving(name, column, origin, came is not None and name not in origin.columns, remedy)


def _origin(node: Node, name: str, given: Flow) -> Origin:
    try:
        return sent_origin(node, name, given)
    except Exception:  # noqa: BLE001 - whatever a declaration raises is among the passage's problems already
        return Origin("unknown")


def _arrival(node: Node, passage: Passage, name: str) -> Arrival:
    try:
        needed = node.needed_input()
    except Exception:  # noqa: BLE001 - whatever a declaration raises is among the passage's problems already
        needed = None
    seen = node.sight.name_seen(name)
    need = needed[seen] if needed is not None and seen is not None and seen in needed else None
    if passage.given is None:
        return Arrival(name, None, need, is_read=False, verdict="unchecked")
    column = passage.given[name]
    verdict: FitVerdict = "exact" if need is None else _fit(replace(column, name=need.name), need)
    return Arrival(name, column, need, _reads(node, passage.given, name), verdict)


def _reads(node: Node, given: Schema, name: str) -> bool:
    """Return whether a node's options need a column: they have something else against rows without it."""
    without = Schema(column for column in given if column.name != name)
    try:
        return bool(_complaints(node, without) - _complaints(node, given))
    except Exception:  # noqa: BLE001 - a node that cannot even look at rows without the column reads it
        return True
    finally:
        input_problems(node, given)  # some keep the schema that they were asked about last


def _complaints(node: Node, given: Schema) -> set[str]:
    """Return what a node has against rows; without the hints, which name other columns of the rows."""
    return {str(problem).removesuffix(f". Hint: {problem.hint}") for problem in input_problems(node, given)}


def _fit(given: Column, needed: Column) -> FitVerdict:
    problems = check_schema(Schema([given]), Schema([needed]))
    if problems:
        return "lossy" if problems[0].verdict == "lossy" else "incompatible"
    if given.type is NULL:
        return "widening"
    return "exact" if judge(given.type, needed.type).verdict.value == "exact" else "widening"


def _outside(node: Node, name: str, arrival: Arrival | None, leaving: Leaving | None) -> Outside | None:
    seen = name if node.is_source else node.sight.name_seen(name)
    far = None if seen is None else node.far_end(seen)
    if far is None or far.form != "column":
        return None if far is None else Outside(far, None)
    here = leaving.column if node.is_source and leaving is not None else arrival.column if arrival is not None else None
    if far.column is None or here is None:
        return Outside(far, "unchecked")
    # As what a policy takes a column is no assignment, to be judged: what is taken is held to the contract.
    return Outside(far, _fit(far.taken or far.column, here) if node.is_source else _fit(here, far.column))
