"""Conversion of values: between systems, from bare Python values, and from a type to a wider one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from nanotyped.errors import IncompatibleTypesException, shown
from nanotyped.types import intermediate as it
from nanotyped.types.base import DataSourceTypeSystem, DataType, all_bases, cast_error, get_type_system
from nanotyped.types.compat import judge
from nanotyped.types.primitive import PrimitiveTypeSystem

if TYPE_CHECKING:
    from typing import TypeAlias

    Converter: TypeAlias = Callable[[Any], Any]

# A bool is an int and a datetime is a date: what is looked for first stands first.
_PRIMITIVES: tuple[tuple[type | tuple[type, ...], type[DataType]], ...] = (
    (bool, it.BOOL),
    (int, it.INTEGER),
    (float, it.FLOAT),
    (str, it.STRING),
    (Decimal, it.DECIMAL),
    (datetime, it.DATETIME),
    (date, it.DATE),
    (timedelta, it.TIME_INTERVAL),
    ((bytes, bytearray), it.BYTES),
    (frozenset, it.SET),
    (UUID, it.UUID),
    ((IPv4Address, IPv6Address), it.INET),
    (it.Geometry, it.GEOMETRY),
    (it.InvalidDate, it.LENIENT_MOMENT),
    ((dict, list, it.JsonNull), it.JSON),
    (type(None), it.NULL),
)
_json_encoder = msgspec.json.Encoder(decimal_format="number")


def convert_to_type_system(value: DataType, system: type[DataSourceTypeSystem]) -> Any:
    """Return a typed value in another system; see ``DataSourceTypeSystem.convert``.

    Raises:
        TypeError: If ``value`` is no ``DataType``, or ``system`` no type system.
        IncompatibleTypesException: If that system has no type for it.
    """
    if not (isinstance(system, type) and issubclass(system, DataSourceTypeSystem)):
        raise TypeError(f"{system!r} is no type system")
    return system.convert(value)


def primitive_to_intermediate_type(x: object, name: str | None = None) -> DataType:
    """Return a bare Python value as a value of the bare intermediate family that it belongs to.

    ``None`` becomes a null of unknown type. ``original_type`` is ``PrimitiveTypeSystem``. A ``DataType`` is taken as
    what it is, in the intermediate system.

    Raises:
        IncompatibleTypesException: If no column can hold such a value.
        TypeCastError: If the family can hold such values but not this one (``NaN``).
    """
    if isinstance(x, DataType):
        inner = x.to_intermediate_type()
        return inner if name is None else inner.named(name)
    for python_type, kind in _PRIMITIVES:
        if isinstance(x, python_type):
            return kind(x, original_type=PrimitiveTypeSystem, name=name)
    raise IncompatibleTypesException(f"no column holds a {type(x).__name__}: {shown(x)}")


def json_text(document: Any) -> str:
    """Return a JSON document as compact text; Decimals are numbers, with all their digits.

    Raises:
        TypeCastError: If it is nested deeper than can be written.
    """
    try:
        return _json_encoder.encode(None if document is it.JSON_NULL else document).decode()
    except RecursionError:
        raise cast_error(it.JSON, document, it.TOO_DEEP) from None


def _midnight(value: date) -> datetime:
    return datetime(value.year, value.month, value.day)  # noqa: DTZ001 - a calendar date has no zone


def _to_lenient(given: Any, needed: Any) -> Converter | None:
    moment = given.moment if given.family is it.LENIENT_MOMENT else given
    convert = value_converter(moment, needed.moment)
    if convert is None:
        return None
    return lambda value: value if isinstance(value, it.InvalidDate) else convert(value)


def _to_decimal(_given: Any, needed: Any) -> Converter:
    quantum, context = needed.quantum, needed.context
    if quantum is None:
        return Decimal
    return lambda value: Decimal(value).quantize(quantum, context=context)


def _rescale(given: Any, needed: Any) -> Converter | None:
    if needed.quantum is None or given.scale == needed.scale:
        return None
    return _to_decimal(given, needed)


def _by(function: Converter) -> Callable[[Any, Any], Converter]:
    return lambda _given, _needed: function


# Pairs of which the Python value changes on the way; all others pass it on as it is.
_CONVERTERS: Mapping[tuple[type[DataType], type[DataType]], Callable[[Any, Any], Converter | None]] = {
    (it.INTEGER, it.DECIMAL): _to_decimal,
    (it.INTEGER, it.FLOAT): _by(float),
    (it.BOOL, it.INTEGER): _by(int),
    (it.BOOL, it.DECIMAL): _to_decimal,
    (it.BOOL, it.FLOAT): _by(float),
    (it.DECIMAL, it.DECIMAL): _rescale,
    (it.DATE, it.DATETIME): _by(_midnight),
    **{(family, it.LENIENT_MOMENT): _to_lenient for family in (it.DATE, it.DATETIME, it.TIMESTAMP, it.LENIENT_MOMENT)},
    (it.BOOL, it.BITS): _by(int),
    (it.YEAR, it.DECIMAL): _to_decimal,
    (it.YEAR, it.FLOAT): _by(float),
    (it.BITS, it.DECIMAL): _to_decimal,
    (it.BITS, it.FLOAT): _by(float),
    (it.UUID, it.STRING): _by(str),
    (it.INET, it.STRING): _by(it.address_text),
    (it.JSON, it.STRING): _by(json_text),
}


def value_converter(given: type[DataType], needed: type[DataType]) -> Converter | None:
    """Return what turns values of one type into values of a wider one; ``None`` where they are right already.

    The function takes no ``None``: a null stays a null.

    Raises:
        IncompatibleTypesException: If the one does not fit the other; see ``compat``.
    """
    found = judge(given, needed)
    if not found.verdict.passes:
        reason = f" ({found.reason})" if found.reason else ""
        raise IncompatibleTypesException(f"`{given.spelling()}` does not fit `{needed.spelling()}`{reason}")
    source, target = given.intermediate_type, needed.intermediate_type
    make = _CONVERTERS.get((source.family, target.family))
    return make(source, target) if make else None


__all__ = [
    "all_bases",
    "convert_to_type_system",
    "get_type_system",
    "json_text",
    "primitive_to_intermediate_type",
    "value_converter",
]
