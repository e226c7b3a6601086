"""What helps a column that does not fit the body of an operation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nanotyped.errors import nearest_hint
from nanotyped.nodes.casting import cast_problem
from nanotyped.nodes.http.json_schema_fit import Finding, types_of
from nanotyped.nodes.http.schema_bounds import FORMATS_OF_NUMBERS
from nanotyped.row.schema import parse_column
from nanotyped.types.compat import Verdict, judge
from nanotyped.types.json import json_form
from nanotyped.types.json_numbers import is_number

if TYPE_CHECKING:
    from nanotyped.nodes.http.json_schema_fit import Flat
    from nanotyped.row import Schema
    from nanotyped.types.base import DataType

_MAX_SHOWN = 5
_MAX_VARCHAR = 16383
_FORMATS: Mapping[str, str] = {
    "date": "date",
    "date-time": "timestamp(6)",
    "uuid": "uuid",
    "ipv4": "inet4",
    "ipv6": "inet6",
}
# From the widest, with the values that they hold. The first two are numbers only where they are asked for.
_INTEGERS: Sequence[tuple[str, int, int]] = (
    ("bigint unsigned", 0, 2**64 - 1),
    ("bigint", -(2**63), 2**63 - 1),
    ("int unsigned", 0, 2**32 - 1),
    ("int", -(2**31), 2**31 - 1),
    ("smallint unsigned", 0, 2**16 - 1),
    ("smallint", -(2**15), 2**15 - 1),
    ("tinyint unsigned", 0, 2**8 - 1),
    ("tinyint", -(2**7), 2**7 - 1),
)


def hint_of(findings: Sequence[Finding], name: str, given: Schema) -> str:
    """Return what would mend what is wrong with one member of the rows; ``""`` where nothing is known.

    Args:
        findings: What is wrong with it.
        name: Its name, or that of the column that it is a part of.
        given: The columns that come.
    """
    kinds = {one.kind for one in findings}
    if "missing" in kinds:
        return given.missing_column(name)
    if "unknown" in kinds:
        return _of_unknown(findings[0].wanted, name)
    if name not in given:
        return ""
    steps = []
    if found := [one for one in findings if one.kind in ("type", "value")]:
        steps.append(_of_values(found, given[name].type, name))
    if "null" in kinds:
        steps.append(f"drop the nulls first: Filter(test='value_is_not_none', key='{name}')")
    return ", and ".join(filter(None, steps))


def _of_unknown(wanted: Iterable[Flat], name: str) -> str:
    known = list(dict.fromkeys(one for part in wanted for one in part.get("properties", {})))
    if hint := nearest_hint(name, known):
        return hint
    more = ", …" if len(known) > _MAX_SHOWN else ""
    return f"leave it out; the members are {', '.join(f'`{one}`' for one in known[:_MAX_SHOWN])}{more}" if known else ""


def _of_values(findings: Sequence[Finding], kind: type[DataType], name: str) -> str:
    wanted = findings[0].wanted
    types = types_of(wanted)
    sends_text = is_number(kind) and json_form(kind).schema["type"] == "string"
    if findings[0].kind == "type" and sends_text and types & {"integer", "number"}:
        return f"`numbers: [{name}]` sends it as a number"
    if findings[0].kind == "type" and sends_text and "string" in types:
        return "leave it out of `numbers`"
    ways = [_cast(kind, text) for text in [_column_type(wanted, wide=sends_text)] if text]
    if all(one.kind == "value" for one in findings):
        ways.append(f"`openapi_trust: [{name}]` leaves its values to the service")
    return ", or ".join(filter(None, ways))


def _cast(kind: type[DataType], text: str) -> str:
    target = parse_column("target", text).type
    found = judge(kind, target).verdict
    if found.passes or cast_problem(kind, target):
        return ""
    more = " that says what may be lost" if found is Verdict.LOSSY else ""
    return f"put a Cast to `{text}` between them{more}"


def _column_type(wanted: Sequence[Flat], *, wide: bool) -> str:
    """Return the widest plain column type whose values are valid, as text; ``""`` where there is none."""
    types = types_of(wanted)
    if "string" in types:
        return _text_type(wanted)
    if "integer" in types and "number" not in types:
        formats = [FORMATS_OF_NUMBERS[one["format"]] for one in wanted if one.get("format") in FORMATS_OF_NUMBERS]
        low = _bound([*wanted, *({"minimum": least} for least, _ in formats)], "minimum", max)
        high = _bound([*wanted, *({"maximum": most} for _, most in formats)], "maximum", min)
        fitting = (
            text
            for text, least, most in _INTEGERS[0 if wide else 2 :]
            if (low is None or least >= low) and (high is None or most <= high)
        )
        return next(fitting, "")
    return "tinyint(1) as bool" if "boolean" in types else ""


def _text_type(wanted: Sequence[Flat]) -> str:
    for one in wanted:
        if one.get("format") in _FORMATS:
            return _FORMATS[one["format"]]
        members = one.get("enum")
        if members and all(isinstance(member, str) for member in members):
            quoted = ",".join("'{}'".format(member.replace("\\", "\\\\").replace("'", "''")) for member in members)
            return f"enum({quoted})"
    length = _bound(wanted, "maxLength", min)
    if length is None:
        return "longtext"
    return f"varchar({length})" if length <= _MAX_VARCHAR else ""


def _bound(wanted: Iterable[Flat], key: str, choose: Callable[[list[Any]], Any]) -> Any:
    found = [one[key] for one in wanted if isinstance(one.get(key), int | float | Decimal)]
    return choose(found) if found else None
