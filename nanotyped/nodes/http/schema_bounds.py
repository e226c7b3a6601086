"""The keywords of JSON Schema that bound one value, each compared with what is sent (see ``json_schema_fit``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Context, Decimal, Inexact
from typing import Any, TypeAlias

JsonSchema: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Doubt:
    """What cannot be proven of what is sent; ``keyword`` says it as people write it."""

    keyword: str


# What is sent, the keyword's value; `""` where it holds for every value, else why it does not.
Check: TypeAlias = Callable[[JsonSchema, Any], "str | Doubt"]

# Keywords that say nothing of what is valid.
NOTES = frozenset(
    {
        *("title", "description", "default", "example", "examples", "deprecated", "externalDocs", "xml"),
        *("discriminator", "writeOnly", "$comment", "$id", "$schema", "$anchor", "$defs", "definitions"),
        "contentMediaType",
    }
)
# Formats that some column type has, so that others can be refused; of all else nothing is known.
_FORMATS_OF_TYPES = frozenset({"date", "date-time", "uuid", "ipv4", "ipv6"})
FORMATS_OF_NUMBERS: Mapping[str, tuple[int, int]] = {
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint32": (0, 2**32 - 1),
    "uint64": (0, 2**64 - 1),
}
# Integers of more values than this are not tried one by one against an `enum`.
_MAX_TRIED = 1000
_MAX_SHOWN = 5
_EXACT = Context(prec=2000, traps=[Inexact])


def spelled(key: str, value: Any) -> str:
    """Return a keyword as messages show it."""
    match key:
        case "enum" if isinstance(value, list):
            shown = ", ".join(map(_word, value[:_MAX_SHOWN])).replace("`", "")
            return f"one of {shown}{', …' if len(value) > _MAX_SHOWN else ''}" if value else "nothing"
        case "pattern" | "contentEncoding":
            return key
        case "uniqueItems":
            return key if value is True else ""
    return f"{key} {value}"


def _of(*types: str) -> Callable[[Check], Check]:
    """Make a check one of some types: others the keyword does not bind, and where any may come it is unknown."""

    def wrap(check: Check) -> Check:
        key = check.__name__.lstrip("_")

        def checked(given: JsonSchema, value: Any) -> str | Doubt:
            if given.get("type") is None:
                return Doubt(spelled(key, value))
            return check(given, value) if given["type"] in types else ""

        return checked

    return wrap


def _number(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise TypeError("no number")
    return Decimal(str(value))


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise TypeError("no number of something")
    return value


# -- values ------------------------------------------------------------------------------


def _same(value: Any) -> tuple[str, Any]:
    """Return what is equal for values that JSON has as one: 1 and 1.0, but not 1 and true."""
    if isinstance(value, bool) or value is None:
        return ("word", value)
    if isinstance(value, int | float | Decimal):
        return ("number", Decimal(str(value)))
    return (type(value).__name__, value)


def _enum(given: JsonSchema, value: Any) -> str | Doubt:
    if not isinstance(value, list):
        raise TypeError("no list")
    allowed = [_same(one) for one in value]
    members = _members(given)
    if members is None:
        return Doubt(spelled("enum", value)) if given.get("type") is None else "it may be something else"
    beyond = next((one for one in members if _same(one) not in allowed), allowed)
    if beyond is allowed:
        return ""
    return f"it may be {_word(beyond)}"


def _word(value: Any) -> str:
    words: Mapping[Any, str] = {None: "null", True: "true", False: "false"}
    return words[value] if value is None or isinstance(value, bool) else f"`{value}`"


def _members(given: JsonSchema) -> list[Any] | None:
    """Return all values of what is sent, ``None`` where they are too many."""
    if "enum" in given:
        return list(given["enum"])
    match given.get("type"):
        case "null":
            return [None]
        case "boolean":
            return [True, False]
        case "integer" if "minimum" in given and "maximum" in given:
            low, high = int(given["minimum"]), int(given["maximum"])
            return [*range(low, high + 1)] if high - low < _MAX_TRIED else None
    return None


def _const(given: JsonSchema, value: Any) -> str | Doubt:
    return _enum(given, [value])


# -- numbers -----------------------------------------------------------------------------

_NUMBERS = ("integer", "number")


def _end(given: JsonSchema, key: str, choose: Callable[[list[Decimal]], Decimal]) -> Any:
    """Return the least or the greatest number of what is sent, ``None`` for no bound; of a few known ones by them."""
    return choose([_number(one) for one in given["enum"]]) if given.get("enum") else given.get(key)


@_of(*_NUMBERS)
def _minimum(given: JsonSchema, value: Any) -> str | Doubt:
    bound, low = _number(value), _end(given, "minimum", min)
    if low is not None and low >= bound:
        return ""
    return f"it may be {'any number' if low is None else low}, {bound} is the least"


@_of(*_NUMBERS)
def _exclusiveMinimum(given: JsonSchema, value: Any) -> str | Doubt:  # noqa: N802 - the keyword
    bound, low = _number(value), _end(given, "minimum", min)
    if low is not None and low > bound:
        return ""
    return f"it may be {'any number' if low is None else low}, it is to be above {bound}"


@_of(*_NUMBERS)
def _maximum(given: JsonSchema, value: Any) -> str | Doubt:
    bound, high = _number(value), _end(given, "maximum", max)
    if high is not None and high <= bound:
        return ""
    return f"it may be {'any number' if high is None else high}, {bound} is the most"


@_of(*_NUMBERS)
def _exclusiveMaximum(given: JsonSchema, value: Any) -> str | Doubt:  # noqa: N802 - the keyword
    bound, high = _number(value), _end(given, "maximum", max)
    if high is not None and high < bound:
        return ""
    return f"it may be {'any number' if high is None else high}, it is to be below {bound}"


@_of(*_NUMBERS)
def _multipleOf(given: JsonSchema, value: Any) -> str | Doubt:  # noqa: N802 - the keyword
    unit = _number(value)
    if unit <= 0:
        raise TypeError("no unit")
    unit_of_type = given.get("multipleOf", 1 if given["type"] == "integer" else None)
    owns = given.get("enum", [unit_of_type])
    if None not in owns and all(_EXACT.remainder(_number(own), unit) == 0 for own in owns):
        return ""
    return f"it may be no multiple of {unit}"


# -- texts -------------------------------------------------------------------------------


@_of("string")
def _maxLength(given: JsonSchema, value: Any) -> str | Doubt:  # noqa: N802 - the keyword
    limit = _count(value)
    most = max(map(len, given["enum"]), default=0) if "enum" in given else given.get("maxLength")
    if most is not None and most <= limit:
        return ""
    return f"it may have {'any number of' if most is None else most} characters, {limit} fit"


@_of("string")
def _minLength(given: JsonSchema, value: Any) -> str | Doubt:  # noqa: N802 - the keyword
    limit = _count(value)
    least = min(map(len, given["enum"]), default=0) if "enum" in given else given.get("minLength", 0)
    # No column type promises that a text is not empty.
    return "" if least >= limit else Doubt(f"minLength {limit}")


@_of("string")
def _pattern(given: JsonSchema, value: Any) -> str | Doubt:
    return "" if given.get("pattern") == value else Doubt("pattern")


@_of("string")
def _contentEncoding(given: JsonSchema, value: Any) -> str | Doubt:  # noqa: N802 - the keyword
    return "" if given.get("contentEncoding") == value else Doubt(f"contentEncoding {value}")


def _format(given: JsonSchema, value: Any) -> str | Doubt:
    kind = given.get("type")
    if kind is None:
        return Doubt(f"format {value}")
    if kind in _NUMBERS:
        return _format_of_number(given, value)
    if kind != "string" or value == "password" or given.get("format") == value:
        return ""
    if value == "byte" and given.get("contentEncoding") == "base64":
        return ""
    if value == "decimal" and given.get("format") in ("int64", "uint64"):
        return ""
    if value in _FORMATS_OF_TYPES and "enum" not in given:
        return (
            "it has no zone" if value == "date-time" and "T" in given.get("pattern", "") else "it may be another text"
        )
    return Doubt(f"format {value}")


def _format_of_number(given: JsonSchema, value: Any) -> str:
    bounds = FORMATS_OF_NUMBERS.get(value)
    if bounds is None:
        return ""
    low, high = _end(given, "minimum", min), _end(given, "maximum", max)
    fits = low is not None and high is not None and low >= bounds[0] and high <= bounds[1]
    return "" if fits else f"it may be beyond {value}"


# -- lists and objects -------------------------------------------------------------------


@_of("array")
def _maxItems(given: JsonSchema, value: Any) -> str | Doubt:  # noqa: N802 - the keyword
    limit, most = _count(value), given.get("maxItems")
    if most is not None and most <= limit:
        return ""
    return f"it may have {'any number of' if most is None else most} items, {limit} fit"


@_of("array")
def _minItems(given: JsonSchema, value: Any) -> str | Doubt:  # noqa: N802 - the keyword
    return "" if given.get("minItems", 0) >= _count(value) else Doubt(f"minItems {value}")


@_of("array")
def _uniqueItems(given: JsonSchema, value: Any) -> str | Doubt:  # noqa: N802 - the keyword
    return "" if value is False or given.get("uniqueItems") is True else Doubt("uniqueItems")


@_of("object")
def _maxProperties(given: JsonSchema, value: Any) -> str | Doubt:  # noqa: N802 - the keyword
    most = len(given["properties"])  # all that is sent is closed
    return "" if most <= _count(value) else f"it has {most} members, {value} fit"


@_of("object")
def _minProperties(given: JsonSchema, value: Any) -> str | Doubt:  # noqa: N802 - the keyword
    least = len(given["required"])
    return "" if least >= _count(value) else f"it has {least} members, {value} are needed"


VALUE_CHECKS: Mapping[str, Check] = {
    "enum": _enum,
    "const": _const,
    "minimum": _minimum,
    "exclusiveMinimum": _exclusiveMinimum,
    "maximum": _maximum,
    "exclusiveMaximum": _exclusiveMaximum,
    "multipleOf": _multipleOf,
    "maxLength": _maxLength,
    "minLength": _minLength,
    "pattern": _pattern,
    "contentEncoding": _contentEncoding,
    "format": _format,
    "maxItems": _maxItems,
    "minItems": _minItems,
    "uniqueItems": _uniqueItems,
    "maxProperties": _maxProperties,
    "minProperties": _minProperties,
}
