"""A step of a column's way in words and as data: what ``explain`` prints of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from nanotyped.errors import IncompatibleTypesException
from nanotyped.types.intermediate import NULL
from nanotyped.types.json import json_form
from nanotyped.types.mapping import example_of, json_example
from nanotyped.types.text import render_text

if TYPE_CHECKING:
    from nanotyped.graph.provenance import Arrival, Leaving, Outside, Step
    from nanotyped.row import Column

# From the best to the worst, each in its colour.
VERDICTS: Mapping[str, str] = MappingProxyType(
    {"exact": "green", "widening": "green", "unchecked": "yellow", "lossy": "bold red", "incompatible": "bold red"}
)


class Fact(NamedTuple):
    """One line about a step: what kind of line it is, a word to see at a glance, and the rest."""

    label: str
    word: str
    text: str
    style: str = ""


def title_of(step: Step) -> str:
    """Return the name and the class of the node."""
    return f"{step.node.label}  {type(step.node).__name__}"


def facts_of(step: Step) -> list[Fact]:
    """Return the lines about a step, in the order of what happens."""
    facts: list[Fact] = []
    is_source = step.node.is_source
    if is_source and step.outside is not None:
        facts.append(_outside_fact("reads", step))
    if step.arrival is not None:
        facts.append(_arrival_fact(step.arrival))
    if step.leaving is not None:
        facts.append(_leaving_fact(step, step.leaving))
    if not is_source and step.outside is not None:
        facts.append(_outside_fact("becomes", step))
    return [*facts, *(Fact("refused", "", problem, "red") for problem in step.problems)]


def _arrival_fact(arrival: Arrival) -> Fact:
    label = "needs" if arrival.need is not None else "uses" if arrival.is_read else "takes"
    text = f"`{arrival.name}`" + (f" as {type_text(arrival.need)}" if arrival.need is not None else "")
    if arrival.verdict == "unchecked":
        text += "; what comes is not known before the run"
    return Fact(label, arrival.verdict, text, VERDICTS[arrival.verdict])


def _leaving_fact(step: Step, leaving: Leaving) -> Fact:
    origin = leaving.origin
    word = f"made by {type(step.node).__name__}" if origin.kind == "made" else origin.kind
    if step.node.is_source and step.outside is not None:
        word = "read"
    if origin.kind == "refused":
        return Fact("gives", "nothing", f"`{leaving.name}` cannot be made")
    text = f"`{origin.columns[0]}` to `{leaving.name}`" if origin.kind == "renamed" else f"`{leaving.name}`"
    text += f": {type_text(leaving.column)}" if leaving.column is not None else f", not known: {leaving.remedy}"
    if origin.kind == "made" and origin.columns:
        text += f"; of {', '.join(f'`{name}`' for name in origin.columns)}"
    if origin.detail:
        text += f"; {origin.detail}"
    if leaving.replaces:
        text += f"; in place of the `{leaving.name}` that came"
    return Fact("gives", word, text)


def _outside_fact(label: str, step: Step) -> Fact:
    outside = step.outside
    assert outside is not None  # asked for where there is one
    place = outside.far.place
    if outside.far.form != "column":
        return Fact(label, outside.far.form.upper(), f"{_example_text(step, outside)}; {place}")
    name = step.leaving.name if step.leaving is not None else step.arrival.name if step.arrival is not None else ""
    verdict = outside.verdict or "unchecked"
    known = outside.far.column
    text = f"`{name}` of {place}" + (f": {type_text(known)}" if known is not None else "; --connect looks at it")
    if outside.far.taken is not None and outside.far.policy:
        text += f"; taken as {type_text(outside.far.taken)}, by `{outside.far.policy}`"
    return Fact(label, verdict, text, VERDICTS[verdict])


def _example_text(step: Step, outside: Outside) -> str:
    column = _column_at(step)
    if column is None:
        return "of a type that is not known"
    found = example(column, outside.far.form)
    if found is None:
        return "always null" if column.type is NULL else "it has no such form"
    kind = f"{_json_kind(column)}, such as {found}" if outside.far.form == "json" else f"text, such as {found}"
    if not column.nullable:
        return kind
    return f"{kind}, or null" if outside.far.form == "json" else f"{kind}; null is {outside.far.null}"


def _column_at(step: Step) -> Column | None:
    """Return the column as a source gives it or a sink gets it; where that is not known, as it is needed."""
    if step.arrival is not None:
        return step.arrival.column or step.arrival.need
    return step.leaving.column if step.leaving is not None else None


def example(column: Column, form: str) -> str | None:
    """Return a value of a column as JSON or as a CSV cell; ``None`` where it has no such form."""
    try:
        return json_example(column.type) if form == "json" else render_text(column.type)(example_of(column.type))
    except (IncompatibleTypesException, KeyError):  # of no value there is no example
        return None


def _json_kind(column: Column) -> str:
    kind = str(json_form(column.type).schema.get("type", "document"))
    return "number" if kind == "integer" else kind


def type_text(column: Column) -> str:
    """Return the type of a column in its own system, in the intermediate one if that has another name, and nulls."""
    own, meaning = column.type.spelling(), column.type.intermediate_type.spelling()
    return f"{own}{f' ({meaning})' if meaning != own else ''}, {'may be null' if column.nullable else 'not null'}"


def worst_verdict(paths: Iterable[Iterable[Step]]) -> str:
    """Return the worst verdict on some paths."""
    order = list(VERDICTS)
    found = ["exact"]
    for path in paths:
        for step in path:
            found += [step.arrival.verdict] if step.arrival is not None else []
            found += [step.outside.verdict] if step.outside is not None and step.outside.verdict else []
    return max(found, key=order.index)


# -- as data ---------------------------------------------------------------------------------


def path_data(path: Iterable[Step]) -> list[dict[str, Any]]:
    """Return a path as programs get it."""
    return [
        {
            "node": step.node.label,
            "class": type(step.node).__name__,
            "arrives": _arrival_data(step.arrival),
            "leaves": _leaving_data(step.leaving),
            "outside": _outside_data(step),
            "problems": list(step.problems),
        }
        for step in path
    ]


def column_data(column: Column | None) -> dict[str, Any] | None:
    """Return the type of a column; ``None`` where it is not known."""
    if column is None:
        return None
    return {
        "type": column.type.spelling(),
        "intermediate": column.type.intermediate_type.spelling(),
        "nullable": column.nullable,
    }


def _arrival_data(arrival: Arrival | None) -> dict[str, Any] | None:
    if arrival is None:
        return None
    return {
        "column": arrival.name,
        "given": column_data(arrival.column),
        "needed": column_data(arrival.need),
        "is_read": arrival.is_read or arrival.need is not None,
        "verdict": arrival.verdict,
    }


def _leaving_data(leaving: Leaving | None) -> dict[str, Any] | None:
    if leaving is None:
        return None
    return {
        "column": leaving.name,
        "given": column_data(leaving.column),
        "origin": leaving.origin.kind,
        "from": list(leaving.origin.columns),
        "detail": leaving.origin.detail,
        "replaces": leaving.replaces,
    }


def _outside_data(step: Step) -> dict[str, Any] | None:
    outside = step.outside
    if outside is None:
        return None
    found: dict[str, Any] = {"place": outside.far.place, "form": outside.far.form}
    if outside.far.form == "column":
        taken = {"taken": column_data(outside.far.taken), "policy": outside.far.policy} if outside.far.policy else {}
        return {**found, "column": column_data(outside.far.column), **taken, "verdict": outside.verdict}
    column = _column_at(step)
    text = example(column, outside.far.form) if column is not None else None
    if outside.far.form == "csv" or column is None or text is None:
        return {**found, "example": text}
    return {**found, "schema": dict(json_form(column.type).schema), "example": msgspec.Raw(text.encode())}
