"""What one column type is in every system, as data: its spellings, its limits, and a value in its JSON form."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from ipaddress import ip_address
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from uuid import UUID

from nanotyped.errors import IncompatibleTypesException
from nanotyped.types import intermediate as it
from nanotyped.types.arrow import ArrowTypeSystem
from nanotyped.types.charsets import CHARSETS
from nanotyped.types.json import JSONTypeSystem, json_form
from nanotyped.types.mysql import mysql_type
from nanotyped.types.sqlite import SQLiteTypeSystem
from nanotyped.types.text import render_text

if TYPE_CHECKING:
    from nanotyped.types.base import DataType

# One of each kind, in the order of the manual; where the size decides the form, one on each side.
MAPPED_TYPES: tuple[str, ...] = (
    *("tinyint", "smallint", "mediumint", "int", "int unsigned", "bigint", "bigint unsigned"),
    *("decimal(12,2)", "decimal(12,2) unsigned", "float", "double", "bit(8)"),
    *("char(3)", "varchar(255)", "varchar(255) character set latin1", "tinytext", "text", "mediumtext", "longtext"),
    *("binary(4)", "varbinary(255)", "tinyblob", "blob", "mediumblob", "longblob"),
    *("date", "datetime", "datetime(6)", "timestamp", "timestamp(6)", "time", "time(6)", "year"),
    *("enum('new','paid')", "set('gift','express')", "json"),
    *("uuid", "inet4", "inet6"),
    *("geometry", *it.GEOMETRY_CODES, "point srid 4326", "vector(3)"),
)
_MOMENT = datetime(2026, 11, 21, 9, 30, 15, 123456)  # noqa: DTZ001 - a DATETIME has no zone
_SPAN = timedelta(hours=23, minutes=59, seconds=59, microseconds=123456)
_POINT = struct.pack("<2d", 1.0, 2.0)
_LARGEST_FLOAT = {32: "3.4028234663852886e+38", 64: "1.7976931348623157e+308"}


@dataclass(frozen=True, slots=True)
class TypeMapping:
    """A column type through all systems.

    Attributes:
        mysql: Its spelling in MySQL and MariaDB.
        intermediate: That of the intermediate type, in which systems meet.
        python: The Python class of its values, with its module unless that is ``builtins``.
        sqlite: The declared type of SQLite with the same values.
        arrow: The type of Arrow that holds them, as pyarrow spells it; ``""`` where there is none.
        json_schema: JSON Schema (2020-12) of its JSON form, without null.
        json_example: A value of the type as JSON text.
        limits: What it holds, by what is limited; only what applies: ``minimum`` and ``maximum`` (numbers, and the
            text of decimals, floats, timestamps and spans), ``characters``, ``bytes``, ``charset``, ``fsp``,
            ``members``, ``dimensions``, ``srid``.
    """

    mysql: str
    intermediate: str
    python: str
    sqlite: str
    arrow: str
    json_schema: Mapping[str, Any]
    json_example: str
    limits: Mapping[str, Any] = field(default_factory=dict)


def map_type(kind: type[DataType]) -> TypeMapping:
    """Return what a column type of MySQL is in every system."""
    meaning = kind.intermediate_type
    return TypeMapping(
        mysql=kind.spelling(),
        intermediate=meaning.spelling(),
        python=_python_name(kind),
        sqlite=SQLiteTypeSystem.from_intermediate(meaning, None).spelling(),
        arrow=_arrow_spelling(meaning),
        json_schema=json_form(kind).schema,
        json_example=json_example(kind),
        limits=MappingProxyType(_limits_of(kind)),
    )


def json_example(kind: type[DataType]) -> str:
    """Return a value of a type of any system as JSON text.

    Raises:
        IncompatibleTypesException: If values of the type have no JSON form.
    """
    json_form(kind)  # raises for what has no example either
    value = JSONTypeSystem.convert(kind(example_of(kind)))
    return value.to_json().decode()  # type: ignore[attr-defined,no-any-return]  # it is a JSON_VALUE


def _arrow_spelling(meaning: type[DataType]) -> str:
    try:
        return ArrowTypeSystem.from_intermediate(meaning, None).spelling()
    except IncompatibleTypesException:
        return ""


def mapping_table() -> list[TypeMapping]:
    """Return the mapping of one type of each kind."""
    return [map_type(mysql_type(text)) for text in MAPPED_TYPES]


def _python_name(kind: Any) -> str:
    meaning = kind.intermediate_type
    if meaning.family is it.LENIENT_MOMENT:
        return f"{_class_name(meaning.moment.python_type)} | nanotyped.InvalidDate"
    return _class_name(kind.python_type)


def _class_name(cls: type) -> str:
    if cls is it.Geometry:
        return "nanotyped.Geometry"
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


# -- limits ------------------------------------------------------------------------


def _limits_of(kind: Any) -> dict[str, Any]:
    meaning: Any = kind.intermediate_type
    ranged = _RANGES.get(meaning.family)
    has_text = kind.bounds is not None and meaning.family is not it.BYTES  # those of bytes would be in base64
    ends = map(render_text(kind), kind.bounds) if has_text else ranged(meaning) if ranged else ()
    found: dict[str, Any] = dict(zip(("minimum", "maximum"), ends, strict=False))
    for name, attribute in (
        *(("characters", "max_length"), ("bytes", "max_bytes"), ("charset", "charset"), ("fsp", "fsp")),
        *(("dimensions", "dimensions"), ("srid", "srid")),
    ):
        limit = getattr(meaning, attribute, None)
        if limit is not None:
            found[name] = limit
    members = getattr(meaning, "members", None)
    if members is not None:
        found["members"] = list(members)
    return found


def _decimal_range(meaning: Any) -> tuple[str, str]:
    digits = "9" * meaning.precision
    point = meaning.precision - meaning.scale
    largest = f"{digits[:point] or '0'}.{digits[point:]}" if meaning.scale else digits
    return "0" if meaning.unsigned else f"-{largest}", largest


def _float_range(meaning: Any) -> tuple[str, str]:
    largest = _LARGEST_FLOAT[meaning.bits]
    if meaning.precision is not None:
        largest = _decimal_range(meaning)[1]
    return "0" if meaning.unsigned else f"-{largest}", largest


def _span_range(meaning: Any) -> tuple[str, str]:
    largest = "838:59:59" + (f".{'9' * meaning.fsp}" if meaning.fsp else "")
    return f"-{largest}", largest


def _number_range(meaning: Any) -> tuple[int, int]:
    return meaning.minimum, meaning.maximum


_RANGES: Mapping[type[DataType], Callable[[Any], tuple[Any, Any]]] = {
    it.INTEGER: _number_range,
    it.YEAR: _number_range,
    it.BITS: _number_range,
    it.DECIMAL: _decimal_range,
    it.FLOAT: _float_range,
    it.TIME_INTERVAL: _span_range,
}


# -- examples ----------------------------------------------------------------------


def example_of(kind: type[DataType]) -> Any:
    """Return a Python value of a type: the largest where that tells most, else one that is seen often."""
    meaning = kind.intermediate_type
    if meaning.family is it.BYTES and kind.bounds is not None:
        return kind.bounds[1]
    return _EXAMPLES[meaning.family](meaning)


def _cut(microsecond: int, fsp: int | None) -> int:
    unit: int = 10 ** (it.MAX_FSP - (it.MAX_FSP if fsp is None else fsp))
    return microsecond // unit * unit


def _moment_example(meaning: Any) -> datetime:
    return _MOMENT.replace(microsecond=_cut(_MOMENT.microsecond, meaning.fsp))


def _lenient_example(meaning: Any) -> it.InvalidDate:
    return it.InvalidDate("0000-00-00" if meaning.moment.family is it.DATE else "0000-00-00 00:00:00")


def _span_example(meaning: Any) -> timedelta:
    return -timedelta(seconds=_SPAN.seconds, microseconds=_cut(_SPAN.microseconds, meaning.fsp))


def _text_example(meaning: Any) -> str:
    room = min((limit for limit in (meaning.max_length, meaning.max_bytes) if limit is not None), default=3)
    widest = CHARSETS[meaning.charset][1] if meaning.charset and meaning.max_bytes is not None else 1
    return "Ada"[: room // widest]


def _bytes_example(meaning: Any) -> bytes:
    size = 2 if meaning.max_bytes is None else meaning.max_bytes if meaning.padded else min(meaning.max_bytes, 2)
    return bytes(range(255, 255 - size, -1)) if size < 256 else bytes(size)


def _geometry_example(meaning: Any) -> it.Geometry:
    def head(code: int, count: int | None = None) -> bytes:
        return struct.pack("<BI", 1, code) + (b"" if count is None else struct.pack("<I", count))

    point, line = head(1) + _POINT, head(2, 2) + _POINT + _POINT
    polygon = head(3, 1) + struct.pack("<I", 4) + _POINT * 4
    parts = {
        "point": point,
        "linestring": line,
        "polygon": polygon,
        "multipoint": head(4, 1) + point,
        "multilinestring": head(5, 1) + line,
        "multipolygon": head(6, 1) + polygon,
        "geometrycollection": head(7, 1) + point,
    }
    return it.Geometry(meaning.srid or 0, parts[meaning.kind or "point"])


_EXAMPLES: Mapping[type[DataType], Callable[[Any], Any]] = {
    it.INTEGER: lambda meaning: 42 if meaning.maximum is None else meaning.maximum,
    it.BOOL: lambda _: True,
    it.YEAR: lambda _: 2026,
    it.BITS: lambda meaning: 5 & meaning.maximum,
    it.DECIMAL: lambda meaning: Decimal("9.90" if meaning.precision is None else _decimal_range(meaning)[1]),
    it.FLOAT: lambda meaning: 0.5 if meaning.scale is None else 0.0,
    it.STRING: _text_example,
    it.ENUM: lambda meaning: (meaning.members or ("new",))[-1],
    it.SET: lambda meaning: frozenset((meaning.members or ("gift",))[:2]),
    it.BYTES: _bytes_example,
    it.DATE: lambda _: date(2026, 11, 21),
    it.DATETIME: _moment_example,
    it.TIMESTAMP: lambda meaning: _moment_example(meaning).replace(tzinfo=UTC),
    it.LENIENT_MOMENT: _lenient_example,
    it.TIME_INTERVAL: _span_example,
    it.JSON: lambda _: {"price": Decimal("9.90")},
    it.UUID: lambda _: UUID("0190d5a4-7c1e-7abc-8def-0123456789ab"),
    it.INET: lambda meaning: ip_address("192.0.2.1" if meaning.version == 4 else "2001:db8::1"),
    it.GEOMETRY: _geometry_example,
    it.VECTOR: lambda meaning: (0.5, -1.0, 2.0)[: meaning.dimensions],
}

__all__ = ["MAPPED_TYPES", "TypeMapping", "example_of", "json_example", "map_type", "mapping_table"]
