"""Which types fit which: the relation that the graph builder checks, column by column.

Everything is decided on the intermediate types. A type fits another if every value of the one is a value of the other;
then values pass unchanged, or by a conversion that loses nothing (``convert.value_converter``). The relation is
reflexive and transitive; what is not in it needs an explicit ``Cast``.

A bare family stands for all its members: it takes each of them, and it fits where all of them fit (bare ``FLOAT`` fits
``float64``). ``NULL`` fits every type and ``OBJECT`` takes every type; whether a column takes nulls at all is decided
elsewhere, with the schema.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Any

from nanotyped.errors import IncompatibleTypesException, Mismatch
from nanotyped.types import intermediate as it
from nanotyped.types.base import DataType
from nanotyped.types.text_extent import fits_text, string_of_json


class Verdict(Enum):
    """How a given type stands to a needed one; only the first two pass."""

    EXACT = "exact"
    WIDENING = "widening"
    LOSSY = "lossy"
    INCOMPATIBLE = "incompatible"

    @property
    def passes(self) -> bool:
        """Whether values go over as they are, with nothing lost."""
        return self in (Verdict.EXACT, Verdict.WIDENING)


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict with its reason and a remedy, both ``""`` where the verdict passes."""

    verdict: Verdict
    reason: str = ""
    hint: str = ""


_OTHER_VERSION = "addresses of one version are none of the other"
_ON_NO_CALENDAR = "it may be on no calendar, as 0000-00-00"
_OTHER_MOMENT = "the one is a date, the other a moment"
_ZONED = "the one has a zone, the other has none"

# A rule returns why some value of the given type is none of the needed one, "" if there is no such value.
Rule = Callable[[Any, Any], str]


def _integers(given: Any, needed: Any) -> str:
    if needed.minimum is not None and (given.minimum is None or given.minimum < needed.minimum):
        return f"it may be below {needed.minimum}"
    if needed.maximum is not None and (given.maximum is None or given.maximum > needed.maximum):
        return f"it may be above {needed.maximum}"
    return ""


def _integer_to_decimal(given: Any, needed: Any) -> str:
    if needed.unsigned and not given.unsigned:
        return "it may be below 0"
    if needed.precision is None:
        return ""
    room = needed.precision - needed.scale
    if given.bits is None:
        return f"it may have more than {room} digits before the point"
    digits = len(str(max(abs(given.minimum), given.maximum)))
    return f"it has up to {digits} digits, {room} fit before the point" if digits > room else ""


def _integer_to_float(given: Any, needed: Any) -> str:
    if needed.unsigned and not given.unsigned:
        return "it may be below 0"
    if needed.precision is not None:
        return f"a rounded float has {needed.precision} digits"
    exact_bits = 24 if needed.bits == 32 else 32
    if given.bits is None or given.bits > exact_bits:
        return f"a float of {needed.bits or 64} bits holds integers up to {exact_bits} bits"
    return ""


def _bits_to_number(given: Any, needed: Any) -> str:
    # By way of the integers that hold it, as for bools below.
    rule = _RULES[it.INTEGER, needed.family]
    integers = [it.INTEGER.of(bits=bits, unsigned=unsigned) for bits in it.INTEGER_BITS for unsigned in (True, False)]
    reasons = [rule(kind, needed) for kind in integers if not _integers(given, kind)]
    return "" if "" in reasons else reasons[0]


def _bits(given: Any, needed: Any) -> str:
    if given.maximum <= needed.maximum:
        return ""
    return f"it has {given.bits or it.MAX_BITS} bits, {needed.bits} fit"


def _bool_to_integer(_given: Any, _needed: Any) -> str:
    return ""


def _bool_to_number(_given: Any, needed: Any) -> str:
    # By way of the smallest integers: the relation is the closure of its steps and no more.
    rule = _RULES[it.INTEGER, needed.family]
    return min(rule(it.INTEGER.of(bits=8, unsigned=unsigned), needed) for unsigned in (False, True))


def _decimals(given: Any, needed: Any) -> str:
    if needed.unsigned and not given.unsigned:
        return "it may be below 0"
    if needed.precision is None:
        return ""
    room = needed.precision - needed.scale
    if given.precision is None:
        return f"it may have more than {room} digits before the point or {needed.scale} behind it"
    if given.scale > needed.scale:
        return f"it has {given.scale} digits behind the point, {needed.scale} fit"
    if given.precision - given.scale > room:
        return f"it has {given.precision - given.scale} digits before the point, {room} fit"
    return ""


def _floats(given: Any, needed: Any) -> str:
    if needed.unsigned and not given.unsigned:
        return "it may be below 0"
    if needed.precision is not None:
        if given.bits != needed.bits or given.precision is None:
            return f"it would be rounded to {needed.scale} digits behind the point"
        if given.scale > needed.scale or given.precision - given.scale > needed.precision - needed.scale:
            return f"it would be rounded to {needed.scale} digits behind the point"
    if needed.bits == 32 and given.bits != 32:
        return "it may have more digits than 32 bits hold"
    return ""


def _enums(given: Any, needed: Any) -> str:
    if needed.members is None:
        return _enum_to_string(given, needed)
    if given.members is None:
        return "it may be a text that is no member"
    missing = [member for member in given.members if member not in needed.members]
    return f"`{missing[0]}` is no member" if missing else ""


def _enum_to_string(given: Any, needed: Any) -> str:
    if given.members is None:
        return fits_text(given, needed)
    problems = ((member, needed.text_problem(member)) for member in given.members)
    return next((f"`{member}`: {problem}" for member, problem in problems if problem), "")


def _sets(given: Any, needed: Any) -> str:
    if needed.members is None:
        return ""
    if given.members is None:
        return "it may have a text in it that is no member"
    missing = [member for member in given.members if member not in needed.members]
    return f"`{missing[0]}` is no member" if missing else ""


def _uuid_to_string(_given: Any, needed: Any) -> str:
    return fits_text(_plain_text(it.UUID_LENGTH), needed)


def _inet_to_string(given: Any, needed: Any) -> str:
    return fits_text(_plain_text(it.INET_LENGTHS[given.version]), needed)


def _plain_text(length: int) -> type[DataType]:
    return it.STRING.of(max_length=length, charset="ascii", padded=True)


def _inets(given: Any, needed: Any) -> str:
    if needed.version in (None, given.version):
        return ""
    if given.version is None:
        return f"it may be an address of version {10 - needed.version}"
    return _OTHER_VERSION


def _geometries(given: Any, needed: Any) -> str:
    if given.kind != needed.kind and needed.kind is not None:
        is_collection = given.kind is not None and given.kind.startswith("multi")
        if not (needed.kind == "geometrycollection" and is_collection):
            return f"it may be no {needed.kind}"
    if needed.srid not in (None, given.srid):
        return f"its SRID may be another than {needed.srid}"
    return ""


def _vectors(given: Any, needed: Any) -> str:
    if needed.dimensions in (None, given.dimensions):
        return ""
    if given.dimensions is None:
        return f"it may have other than {needed.dimensions} dimensions"
    return f"it has {given.dimensions} dimensions, not {needed.dimensions}"


def _json_to_string(_given: Any, needed: Any) -> str:
    return fits_text(string_of_json(), needed)


def _bytes(given: Any, needed: Any) -> str:
    if needed.max_bytes is None:
        return ""
    same_length = given.max_bytes == needed.max_bytes and (given.padded or needed.max_bytes == 0)
    if needed.padded and not same_length:
        return f"bytes of another length than {needed.max_bytes} would be filled up"
    if given.max_bytes is None or given.max_bytes > needed.max_bytes:
        return f"it may have more than {needed.max_bytes} bytes"
    return ""


def _fractions(given: Any, needed: Any) -> str:
    digits = it.MAX_FSP if given.fsp is None else given.fsp
    if needed.fsp is not None and digits > needed.fsp:
        return f"it has {digits} digits of a second's fraction, {needed.fsp} fit"
    return ""


def _datetimes(given: Any, needed: Any) -> str:
    if needed.fsp is not None and given.fsp is None:
        return "it may have a zone"
    return _fractions(given, needed)


def _to_lenient(given: Any, needed: Any) -> str:
    found = judge(given, needed.moment)
    return "" if found.verdict.passes else found.reason or _OTHER_MOMENT


def _lenients(given: Any, needed: Any) -> str:
    if given.moment.family is not needed.moment.family and not needed.is_bare():
        return "it may be on no calendar, and a type of other moments does not keep that"
    return _to_lenient(given.moment, needed)


def _spans(given: Any, needed: Any) -> str:
    if needed.fsp is not None and given.fsp is None:
        return "it may be beyond 838:59:59"
    return _fractions(given, needed)


def _always(_given: Any, _needed: Any) -> str:
    return ""


def _timestamp_to_datetime(_given: Any, needed: Any) -> str:
    return "" if needed.is_bare() else _ZONED


# What is not in this table does not fit, and no single value of the one is one of the other.
_RULES: Mapping[tuple[type[DataType], type[DataType]], Rule] = {
    (it.INTEGER, it.INTEGER): _integers,
    (it.INTEGER, it.DECIMAL): _integer_to_decimal,
    (it.INTEGER, it.FLOAT): _integer_to_float,
    (it.BOOL, it.BOOL): _always,
    (it.BOOL, it.INTEGER): _bool_to_integer,
    (it.BOOL, it.DECIMAL): _bool_to_number,
    (it.BOOL, it.FLOAT): _bool_to_number,
    (it.DECIMAL, it.DECIMAL): _decimals,
    (it.FLOAT, it.FLOAT): _floats,
    (it.STRING, it.STRING): fits_text,
    (it.ENUM, it.STRING): _enum_to_string,
    (it.ENUM, it.ENUM): _enums,
    (it.BYTES, it.BYTES): _bytes,
    (it.DATETIME, it.DATETIME): _datetimes,
    (it.TIMESTAMP, it.TIMESTAMP): _fractions,
    (it.TIMESTAMP, it.DATETIME): _timestamp_to_datetime,
    (it.DATE, it.DATE): _always,
    (it.DATE, it.DATETIME): _always,
    (it.DATE, it.LENIENT_MOMENT): _to_lenient,
    (it.DATETIME, it.LENIENT_MOMENT): _to_lenient,
    (it.TIMESTAMP, it.LENIENT_MOMENT): _to_lenient,
    (it.LENIENT_MOMENT, it.LENIENT_MOMENT): _lenients,
    (it.TIME_INTERVAL, it.TIME_INTERVAL): _spans,
    (it.YEAR, it.YEAR): _always,
    (it.YEAR, it.INTEGER): _integers,
    (it.YEAR, it.DECIMAL): _integer_to_decimal,
    (it.YEAR, it.FLOAT): _integer_to_float,
    (it.BITS, it.BITS): _bits,
    (it.BITS, it.INTEGER): _integers,
    (it.BITS, it.DECIMAL): _bits_to_number,
    (it.BITS, it.FLOAT): _bits_to_number,
    (it.BOOL, it.BITS): _always,
    (it.SET, it.SET): _sets,
    (it.UUID, it.UUID): _always,
    (it.UUID, it.STRING): _uuid_to_string,
    (it.INET, it.INET): _inets,
    (it.INET, it.STRING): _inet_to_string,
    (it.GEOMETRY, it.GEOMETRY): _geometries,
    (it.VECTOR, it.VECTOR): _vectors,
    (it.JSON, it.JSON): _always,
    (it.JSON, it.STRING): _json_to_string,
}

# Pairs of which some values could be cast, but not all.
_LOSSY: Mapping[tuple[type[DataType], type[DataType]], str] = {
    (it.INTEGER, it.YEAR): "it may be no year from 1901 to 2155",
    (it.DECIMAL, it.YEAR): "it may be no year from 1901 to 2155",
    (it.INTEGER, it.BITS): "a number is no run of bits, and it may be below 0",
    (it.BITS, it.BOOL): "it may be neither 0 nor 1",
    (it.STRING, it.UUID): "it may be a text that is no UUID",
    (it.STRING, it.INET): "it may be a text that is no IP address",
    (it.INTEGER, it.BOOL): "it may be neither 0 nor 1",
    (it.DECIMAL, it.INTEGER): "it may have digits behind the point",
    (it.DECIMAL, it.FLOAT): "a float does not hold every decimal exactly",
    (it.DECIMAL, it.BOOL): "it may be neither 0 nor 1",
    (it.FLOAT, it.INTEGER): "it may have digits behind the point",
    (it.FLOAT, it.DECIMAL): "a decimal does not hold every float exactly",
    (it.FLOAT, it.BOOL): "it may be neither 0 nor 1",
    (it.STRING, it.ENUM): "it may be a text that is no member",
    (it.STRING, it.JSON): "it may be a text that is no JSON",
    (it.DATETIME, it.DATE): "it may have a time of day",
    (it.DATETIME, it.TIMESTAMP): _ZONED,
    (it.LENIENT_MOMENT, it.DATE): _ON_NO_CALENDAR,
    (it.LENIENT_MOMENT, it.DATETIME): _ON_NO_CALENDAR,
    (it.LENIENT_MOMENT, it.TIMESTAMP): _ON_NO_CALENDAR,
}


@lru_cache(maxsize=8192)
def judge(given: type[DataType], needed: type[DataType]) -> Judgement:
    """Return how a given type stands to a needed one, with reason and hint; types of any system.

    Raises:
        TypeError: If either is no type.
    """
    for kind in (given, needed):
        if not (isinstance(kind, type) and issubclass(kind, DataType)):
            raise TypeError(f"{kind!r} is no type")
    source, target = given.intermediate_type, needed.intermediate_type
    if source is target:
        return Judgement(Verdict.EXACT)
    if source.family is it.NULL or target.family is it.OBJECT:
        return Judgement(Verdict.WIDENING)
    pair = (source.family, target.family)
    if pair not in _RULES and pair not in _LOSSY:
        return Judgement(Verdict.INCOMPATIBLE, "", _cast_hint(needed) if _castable(source, target) else "")
    reason = _RULES[pair](source, target) if pair in _RULES else _LOSSY[pair]
    if not reason:
        return Judgement(Verdict.WIDENING)
    if reason in (_OTHER_VERSION, _OTHER_MOMENT) or (reason == _ZONED and not source.is_bare()):
        return Judgement(Verdict.INCOMPATIBLE, reason, _cast_hint(needed))
    return Judgement(Verdict.LOSSY, reason, _lossy_hint(given, needed))


def verdict(given: type[DataType], needed: type[DataType]) -> Verdict:
    """Return the verdict alone; see ``judge``."""
    return judge(given, needed).verdict


def check_assignable(given: type[DataType], needed: type[DataType]) -> list[Mismatch]:
    """Return what keeps values of one type from being values of another: nothing, or one ``Mismatch``.

    Pure. Both sides are spelled as their own systems spell them.

    Raises:
        TypeError: If either is no type.
    """
    found = judge(given, needed)
    if found.verdict.passes:
        return []
    mismatch = Mismatch(
        needed.spelling(), given.spelling(), verdict=found.verdict.value, reason=found.reason, hint=found.hint
    )
    return [mismatch]


def _castable(given: type[DataType], needed: type[DataType]) -> bool:
    """Return whether a Cast between two unrelated families could mean anything: text says most things."""
    closed = (it.OBJECT, it.NULL)
    if {given.family, needed.family} == {it.BITS, it.BYTES}:
        return True
    return given not in closed and needed not in closed and it.STRING in (given.family, needed.family)


def _cast_hint(needed: type[DataType]) -> str:
    return f"put a Cast to `{needed.spelling()}` between them"


def _lossy_hint(given: type[DataType], needed: type[DataType]) -> str:
    wider = _in_system_of(given, needed)
    declare = f"declare it `{wider.spelling()}`, or " if wider is not None and wider is not needed else ""
    return f"{declare}{_cast_hint(needed)} that says what may be lost"


def _in_system_of(given: type[DataType], needed: type[DataType]) -> type[DataType] | None:
    """Return the given type as the system of the needed one would have it."""
    try:
        wider = needed.type_system.from_intermediate(given.intermediate_type, None)
    except (IncompatibleTypesException, NotImplementedError):
        return None
    source, target = given.intermediate_type, wider.intermediate_type
    rule = _RULES.get((source.family, target.family))
    return wider if source is target or (rule is not None and not rule(source, target)) else None
