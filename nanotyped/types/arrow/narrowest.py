"""The Arrow type for every value of an intermediate type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from nanotyped.errors import IncompatibleTypesException
from nanotyped.types import intermediate as it
from nanotyped.types.arrow.families import (
    ARROW_BINARY,
    ARROW_BOOL,
    ARROW_DECIMAL,
    ARROW_FLOAT,
    ARROW_INT,
    ARROW_JSON,
    ARROW_NULL,
    ARROW_STRING,
    ARROW_UUID,
    DECIMAL_DIGITS,
    MAX_OFFSET,
    ArrowType,
    ArrowTypeSystem,
)
from nanotyped.types.arrow.moments import ARROW_DATE, ARROW_DURATION, ARROW_TIMESTAMP
from nanotyped.types.arrow.nested import ARROW_DICTIONARY, ARROW_GEOMETRY, ARROW_LIST

if TYPE_CHECKING:
    from nanotyped.types.base import DataType

_UTC = ARROW_TIMESTAMP.of(tz="UTC")
_UTF8_CHARSETS = (None, "ascii", "utf8mb3", "utf8mb4")  # whose bytes are those of UTF-8
_WIDEST_IN_UTF8 = 3  # bytes of UTF-8 for one byte of any other character set, at most


def narrowest(intermediate: type[DataType], value: object) -> type[ArrowType]:
    """Return the type for every value of an intermediate type; see ``ArrowTypeSystem.from_intermediate``."""
    return _PLACES[intermediate.family](intermediate, value)


def _refuse(reason: str) -> Callable[[Any, Any], type[ArrowType]]:
    def refuse(kind: Any, _value: Any) -> type[ArrowType]:
        raise IncompatibleTypesException(f"no Arrow type holds `{kind.spelling()}`: {reason}")

    return refuse


_refuse_bare_decimal = _refuse("it has no digits; declare them, as in decimal(12,2)")
_refuse_bare_datetime = _refuse("it may have a zone or none; declare a timestamp or a datetime with its digits")
_refuse_wide_integer = _refuse("it has more than 64 bits; declare a decimal")


def _always(found: type[ArrowType]) -> Callable[[Any, Any], type[ArrowType]]:
    return lambda _kind, _value: found


def _integer(kind: Any, value: Any) -> type[ArrowType]:
    if kind.bits is not None:
        return ARROW_INT.of(bits=32 if kind.bits == 24 else kind.bits, unsigned=kind.unsigned)
    if value is not None and not -(2**63) <= value < 2**64:
        return _refuse_wide_integer(kind, value)
    return ARROW_INT.of(unsigned=kind.unsigned or (value or 0) >= 2**63)


def _bits(kind: Any, _value: Any) -> type[ArrowType]:
    return ARROW_INT.of(bits=next(bits for bits in (8, 16, 32, 64) if kind.maximum < 2**bits), unsigned=True)


def _decimal(kind: Any, value: Any) -> type[ArrowType]:
    if kind.precision is None:
        return _refuse_bare_decimal(kind, value)
    bits = 128 if kind.precision <= DECIMAL_DIGITS[128] else 256
    return ARROW_DECIMAL.of(bits=bits, precision=kind.precision, scale=kind.scale)


def _string(kind: Any, _value: Any) -> type[ArrowType]:
    size = 0 if kind.max_length is None else kind.max_length * 4
    if kind.max_bytes is not None:
        size = kind.max_bytes * (1 if kind.charset in _UTF8_CHARSETS else _WIDEST_IN_UTF8)
    return ARROW_STRING.of(layout="large" if size > MAX_OFFSET else None)


def _enum(kind: Any, value: Any) -> type[ArrowType]:
    return _string(kind, value) if kind.members is None else ARROW_DICTIONARY


def _bytes(kind: Any, _value: Any) -> type[ArrowType]:
    if kind.max_bytes is not None and kind.max_bytes > MAX_OFFSET:
        return ARROW_BINARY.of(layout="large")
    return ARROW_BINARY.of(byte_width=kind.max_bytes if kind.padded else None)


def _datetime(kind: Any, value: Any) -> type[ArrowType]:
    if kind.fsp is not None:
        return ARROW_TIMESTAMP
    if value is None:
        return _refuse_bare_datetime(kind, value)
    return ARROW_TIMESTAMP if value.tzinfo is None else _UTC


_PLACES: Mapping[type[DataType], Callable[[Any, Any], type[ArrowType]]] = {
    it.INTEGER: _integer,
    it.BOOL: _always(ARROW_BOOL),
    it.DECIMAL: _decimal,
    it.FLOAT: lambda kind, _value: ARROW_FLOAT.of(bits=kind.bits or 64),
    it.STRING: _string,
    it.ENUM: _enum,
    it.BYTES: _bytes,
    it.DATETIME: _datetime,
    it.TIMESTAMP: _always(_UTC),
    it.DATE: _always(ARROW_DATE),
    it.LENIENT_MOMENT: _refuse("its date may be on no calendar; read it with zero_date: error or null"),
    it.TIME_INTERVAL: _always(ARROW_DURATION),
    it.YEAR: _always(ARROW_INT.of(bits=16, unsigned=True)),
    it.BITS: _bits,
    it.SET: _always(ARROW_LIST),
    it.UUID: _always(ARROW_UUID),
    it.INET: _always(ARROW_STRING),
    it.GEOMETRY: _always(ARROW_GEOMETRY),
    it.VECTOR: _always(ARROW_LIST.of(item=ARROW_FLOAT.of(bits=32))),
    it.JSON: _always(ARROW_JSON),
    it.OBJECT: _refuse("it may be anything; declare what it is"),
    it.NULL: _always(ARROW_NULL),
}

ArrowTypeSystem.place = staticmethod(narrowest)
