"""Casts of values from type to type, and how much each may lose: what the node ``Cast`` is made of."""

from __future__ import annotations

import math
import re
import struct
import sys
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal
from typing import Any, Literal, get_args

from nanotyped.types.base import DataType, cast_error
from nanotyped.types.charsets import CHARSETS
from nanotyped.types.compat import Verdict, judge
from nanotyped.types.convert import json_text, value_converter
from nanotyped.types.intermediate import (
    BITS,
    BOOL,
    BYTES,
    DATE,
    DATETIME,
    DECIMAL,
    ENUM,
    FLOAT,
    INET,
    INTEGER,
    JSON,
    LENIENT_MOMENT,
    MAX_BITS,
    MAX_FSP,
    MAX_TIME,
    OBJECT,
    SET,
    STRING,
    TIME_INTERVAL,
    TIMESTAMP,
    UUID,
    YEAR,
)
from nanotyped.types.text import read_json, render_text

Lossy = Literal["fail", "round", "truncate", "saturate"]
Caster = Callable[[Any], Any]
Family = type[DataType]

LOSSY_MODES: tuple[str, ...] = get_args(Lossy)
# Wide enough for every decimal that a column can hold, and every float.
_WIDE = Context(prec=1200)
_MICROSECOND = timedelta(microseconds=1)
_FLOAT32_MAX = struct.unpack("f", b"\xff\xff\x7f\x7f")[0]
_FLOAT64_MAX = sys.float_info.max

# The digits of a fraction behind the sixth, which no Python value has; an offset behind them stays as it is.
_SURPLUS_OF_MOMENT = re.compile(r"[0-9W-]{7,10}.[0-9]{2}:?[0-9]{2}:?[0-9]{2}[.,][0-9]{6}(?P<surplus>[0-9]+)", re.ASCII)
_SURPLUS_OF_SPAN = re.compile(r"-?[0-9]{1,11}:[0-9]{2}:[0-9]{2}\.[0-9]{6}(?P<surplus>[0-9]+)", re.ASCII)

# What each way of losing means for a type; other types can only fail.
_MEANS: Mapping[str, frozenset[Family]] = {
    "round": frozenset({INTEGER, DECIMAL, FLOAT, DATETIME, TIMESTAMP, TIME_INTERVAL}),
    "truncate": frozenset({INTEGER, DECIMAL, STRING, BYTES, DATE, DATETIME, TIMESTAMP, TIME_INTERVAL}),
    "saturate": frozenset({INTEGER, DECIMAL, FLOAT, TIME_INTERVAL}),
}
_NUMBERS = (INTEGER, DECIMAL, FLOAT)
_MOMENTS = (DATE, DATETIME, TIMESTAMP, TIME_INTERVAL)
# Pairs that no type fits, although some of its values can be cast; what `compat` calls lossy can be cast too.
_BY_VALUE: Mapping[Family, frozenset[Family]] = {
    STRING: frozenset({*_NUMBERS, BOOL, YEAR, BITS, *_MOMENTS, LENIENT_MOMENT, SET}),
    ENUM: frozenset({*_NUMBERS, BOOL, YEAR, BITS, *_MOMENTS, LENIENT_MOMENT, UUID, INET, JSON}),
    JSON: frozenset({*_NUMBERS, BOOL, YEAR, *_MOMENTS, LENIENT_MOMENT, ENUM, SET, UUID, INET}),
    OBJECT: frozenset({*_NUMBERS, BOOL, YEAR, *_MOMENTS, LENIENT_MOMENT, ENUM, SET, STRING, BYTES, UUID, INET, JSON}),
    YEAR: frozenset({STRING, ENUM, JSON}),
    BITS: frozenset({STRING, ENUM, BYTES}),
    BYTES: frozenset({BITS}),
    INTEGER: frozenset({STRING, ENUM, JSON}),
    DECIMAL: frozenset({STRING, ENUM, JSON}),
    FLOAT: frozenset({STRING, ENUM, JSON}),
    BOOL: frozenset({STRING, ENUM, JSON}),
    DATE: frozenset({STRING}),
    DATETIME: frozenset({STRING}),
    TIMESTAMP: frozenset({STRING}),
    TIME_INTERVAL: frozenset({STRING}),
    LENIENT_MOMENT: frozenset({STRING}),
}


def has_meaning(mode: str, needed: Family) -> bool:
    """Return whether values of a type can be made to fit in this way."""
    return mode == "fail" or needed.intermediate_type.family in _MEANS[mode]


def cast_problem(given: Family, needed: Family, *, json_strings: bool = False) -> str:
    """Return why no value of one type can be cast to the other, ``""`` if some can."""
    found = judge(given, needed)
    source, target = given.intermediate_type.family, needed.intermediate_type.family
    if json_strings and source is not JSON:
        return "`json: string` is for documents"
    if found.verdict is not Verdict.INCOMPATIBLE or target in _BY_VALUE.get(source, ()):
        return ""
    if TIMESTAMP in (source, target) and {source, target} <= {DATE, DATETIME, TIMESTAMP}:
        return "only one of them has a zone, and a cast cannot know which"
    return "no value of the one is a value of the other"


def make_caster(given: Family, needed: Family, mode: str, *, json_strings: bool = False) -> Caster | None:
    """Return what casts values of one type to another, ``None`` where they are right as they are.

    The function raises ``TypeCastError`` for a value that does not fit, and takes no ``None``.

    Args:
        given: The type of the values.
        needed: What they are cast to.
        mode: How they may lose.
        json_strings: Whether JSON documents become text as the strings that they are, and no other document does;
            else each becomes its JSON text.
    """
    source, target = given.intermediate_type, needed.intermediate_type
    strings = json_strings and source.family is JSON
    if judge(given, needed).verdict.passes and not strings:
        convert = value_converter(given, needed)
        if needed.bounds is None or given is needed:
            return convert
        # A column may hold less than what it means: twelve bits in two bytes.
        return needed.python_cast_function if convert is None else _chain([convert, needed.python_cast_function])
    read = _json_string(target) if strings else _reader(source, target, mode)
    steps = (read, _bender(target, mode), _settler(source, target, mode), needed.python_cast_function)
    found = [step for step in steps if step is not None]
    return found[0] if len(found) == 1 else _chain(found)


def _chain(steps: list[Caster]) -> Caster:
    def run(value: Any) -> Any:
        for step in steps:
            value = step(value)
        return value

    return run


def _reader(source: Any, target: Any, mode: str) -> Caster | None:
    """Return the first step: from a value to one of the target's kind, not yet of its size."""
    make = _READERS.get((source.family, target.family))
    if make is not None:
        return make(source, target)
    if issubclass(target.family, STRING):
        return None if issubclass(source.family, STRING) or source.family is OBJECT else render_text(source)
    if mode == "fail" or not has_meaning(mode, target):
        return None
    # What is to be bent must be a value of the kind first; a bare family takes all of them.
    if target.family in (INTEGER, DECIMAL):
        return _exact_number
    if target.family is FLOAT:
        return _nearest_float if mode == "round" else None
    if target.family in _MOMENTS and mode != "saturate":
        return _read_fraction(target, half=mode == "round")
    return None if target.family is BYTES else target.family.python_cast_function


def _json_string(target: Any) -> Caster:
    """Return what takes documents that are strings: a number is not the text that it is written as."""

    def run(document: Any) -> str:
        if not isinstance(document, str):
            raise cast_error(target, document, "no JSON string")
        return document

    return run


def _size_of_bits(kind: Any) -> int:
    return -(-(kind.bits or MAX_BITS) // 8)


def _write_bits(source: Any) -> Caster:
    size = _size_of_bits(source)
    return lambda value: value.to_bytes(size, "big")


def _read_bits(target: Any) -> Caster:
    size = _size_of_bits(target)

    def run(value: bytes) -> int:
        if len(value) != size:
            raise cast_error(target, value, f"{len(value)} bytes, {target.bits or MAX_BITS} bits are {size}")
        return int.from_bytes(value, "big")

    return run


# Pairs that are read in a way of their own, however a value may lose.
_READERS: Mapping[tuple[Family, Family], Callable[[Any, Any], Caster]] = {
    (STRING, JSON): lambda _, target: lambda text: read_json(target, text),
    (JSON, STRING): lambda _, __: json_text,
    (JSON, ENUM): lambda _, target: _json_string(target),
    (BITS, BYTES): lambda source, _: _write_bits(source),
    (BYTES, BITS): lambda _, target: _read_bits(target),
}


def _read_fraction(target: Any, *, half: bool) -> Caster:
    """Return what reads a moment or a span, of a text with as many digits of a fraction as it has.

    Only the first digit that is dropped decides what is rounded up. So those behind the sixth are rounded here where
    the type has six, and cut where it has fewer: to round twice would make ``0.49999996`` of a second a whole one.
    """
    is_span = target.family is TIME_INTERVAL
    surplus_of = (_SURPLUS_OF_SPAN if is_span else _SURPLUS_OF_MOMENT).match
    read = (DATETIME if target.family is DATE else target.family).python_cast_function
    rounds = half and target.fsp in (None, MAX_FSP)

    def run(value: Any) -> Any:
        found = surplus_of(value) if isinstance(value, str) else None
        if found is None:
            return read(value)
        moment = read(value[: found.start("surplus")] + value[found.end("surplus") :])
        if not rounds or found["surplus"] < "5":
            return moment
        return _later(target, moment, -_MICROSECOND if is_span and value.startswith("-") else _MICROSECOND)

    return run


def _later(target: Any, moment: Any, step: timedelta) -> Any:
    try:
        return moment + step
    except OverflowError:
        raise cast_error(target, moment, "rounded up it is beyond the year 9999") from None


def _exact_number(value: Any) -> Decimal:
    # A float is taken for what it prints as: 2.675 is meant, though the float lies a little below it.
    return DECIMAL.python_cast_function(repr(value) if isinstance(value, float) else value)


def _nearest_float(value: Any) -> float:
    return value if isinstance(value, float) else float(_exact_number(value))


def _settler(source: Any, target: Any, mode: str) -> Caster | None:
    """Return the step that takes written numbers for floats, where they are not to be rounded."""
    if target.family is not FLOAT or mode == "round" or source.family in _NUMBERS:
        return None
    written = (str, int, Decimal) if source.family is JSON else str

    def run(value: Any) -> Any:
        if not isinstance(value, written) or isinstance(value, bool):
            return value
        number = _exact_number(value)
        found = float(number)
        if math.isfinite(found) and not _tells(found, number):
            raise cast_error(target, value, f"more digits than a float keeps: the nearest is {found!r}")
        return found

    return run


def _tells(found: float, number: Decimal) -> bool:
    """Return whether a float, written with as many digits as a number has, is that number again.

    ``0.1`` is no float, but of one that it is written for; ``9007199254740993`` is written for none.
    """
    if number in (Decimal(found), Decimal(repr(found))):  # the shortest text of a float may not be its rounding
        return True
    digits = len(number.normalize(_WIDE).as_tuple().digits)
    return number == Decimal(f"{found:.{digits - 1}e}")


def _bender(target: Any, mode: str) -> Caster | None:
    """Return the step that makes a value fit, and leaves alone what fits."""
    if not has_meaning(mode, target) or mode == "fail":
        return None
    if mode == "saturate":
        return _saturate(target)
    family = target.family
    if family in (INTEGER, DECIMAL):
        return _to_quantum(target, ROUND_HALF_UP if mode == "round" else ROUND_DOWN)
    if family is FLOAT:
        return _to_float32 if target.bits == 32 else None
    if family is STRING:
        return lambda text: cut_text(text, target)
    if family is BYTES:
        return lambda value: value if target.max_bytes is None else value[: target.max_bytes]
    if family is DATE:
        return _without_time
    return _to_fraction(target, half=mode == "round")


def _to_quantum(target: Any, rounding: str) -> Caster:
    quantum = Decimal(1) if target.family is INTEGER else target.quantum
    if quantum is None:
        return lambda number: number
    return lambda number: number.quantize(quantum, rounding=rounding, context=_WIDE)


def _to_float32(number: float) -> float:
    try:
        return float(struct.unpack("f", struct.pack("f", number))[0])
    except OverflowError:
        return number  # beyond its range: the cast says so


def _without_time(moment: date) -> date:
    # One with a zone stays as it is: the cast says that its day is not known.
    return moment.date() if isinstance(moment, datetime) and moment.tzinfo is None else moment


def _to_fraction(target: Any, *, half: bool) -> Caster:
    if target.fsp is None:
        return lambda moment: moment
    step = 10 ** (MAX_FSP - target.fsp)

    def of_moment(moment: datetime) -> datetime:
        rest = moment.microsecond % step
        up = half and rest * 2 >= step and rest
        moved: datetime = _later(target, moment, timedelta(microseconds=step - rest if up else -rest))
        return moved

    def of_span(span: timedelta) -> timedelta:
        count = abs(span) // _MICROSECOND
        rest = count % step
        count += step - rest if half and rest * 2 >= step and rest else -rest
        return timedelta(microseconds=count if span >= timedelta() else -count)

    return of_span if target.family is TIME_INTERVAL else of_moment


def _saturate(target: Any) -> Caster:
    low, high = _bounds(target)

    def clamp(value: Any) -> Any:
        # What is in range goes on as it is: that a text is written with too many digits is seen later.
        number = _exact_number(value) if target.family is FLOAT and not isinstance(value, float) else value
        if low is not None and number < low:
            return low
        return high if high is not None and number > high else value

    return clamp


def _bounds(target: Any) -> tuple[Any, Any]:
    if target.family is INTEGER:
        return target.minimum, target.maximum
    if target.family is DECIMAL:
        high = None if target.precision is None else (Decimal(10) ** target.precision - 1).scaleb(-target.scale, _WIDE)
        return (Decimal(0) if target.unsigned else None if high is None else high.copy_negate()), high
    if target.family is FLOAT:
        high = _FLOAT32_MAX if target.bits == 32 else _FLOAT64_MAX
        return 0.0 if target.unsigned else -high, high
    step = timedelta(microseconds=10 ** (MAX_FSP - (MAX_FSP if target.fsp is None else target.fsp)))
    longest = MAX_TIME // step * step
    return -longest, longest


def cut_text(text: str, kind: Any) -> str:
    """Return as much of a text's beginning as a text type holds; never a part of a character."""
    if kind.max_length is not None:
        text = text[: kind.max_length]
    if kind.max_bytes is not None:
        codec = CHARSETS[kind.charset][0] if kind.charset else "utf-8"
        low, high = 0, min(len(text), kind.max_bytes)
        while low < high:  # the most characters whose bytes still fit
            middle = (low + high + 1) // 2
            low, high = (middle, high) if _bytes_of(text[:middle], codec) <= kind.max_bytes else (low, middle - 1)
        text = text[:low]
    return text.rstrip(" ") if kind.padded else text


def _bytes_of(text: str, codec: str) -> int:
    return len(text.encode(codec, "replace"))
