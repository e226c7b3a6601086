"""Declared types of SQLite: text to type and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from nanotyped.types import intermediate as it
from nanotyped.types.grammar import ColumnType, parse_column_type
from nanotyped.types.sqlite.families import (
    SQLITE_ANY,
    SQLITE_BIT,
    SQLITE_BLOB,
    SQLITE_BOOLEAN,
    SQLITE_DATE,
    SQLITE_DATETIME,
    SQLITE_ENUM,
    SQLITE_GEOMETRY,
    SQLITE_INET,
    SQLITE_INTEGER,
    SQLITE_JSON,
    SQLITE_LENIENT_MOMENT,
    SQLITE_NULL,
    SQLITE_NUMERIC,
    SQLITE_REAL,
    SQLITE_SET,
    SQLITE_TEXT,
    SQLITE_TIME,
    SQLITE_TIMESTAMP,
    SQLITE_UUID,
    SQLITE_VECTOR,
    SQLITE_YEAR,
    SQLiteType,
    SQLiteTypeSystem,
)
from nanotyped.types.type_names import SHAPES, SPELLINGS, Shape, Spelling

if TYPE_CHECKING:
    from nanotyped.types.base import DataType

_SPELLINGS: Mapping[str, Spelling] = {
    **SPELLINGS,
    "integer": Spelling("integer"),
    "bool": Spelling("boolean"),
    "boolean": Spelling("boolean"),
    "clob": Spelling("text"),
    "string": Spelling("text"),
    "native character": Spelling("varchar"),
    "unsigned big int": Spelling("bigint", flags=frozenset({"unsigned"})),
    "numeric": Spelling("numeric"),
    "inet": Spelling("inet"),
    "any": Spelling("any"),  # of STRICT tables
}
_SHAPES: Mapping[str, Shape] = {
    **SHAPES,
    "integer": SHAPES["int"],
    "boolean": Shape(),
    "any": Shape(),
    "numeric": SHAPES["decimal"],
    "varchar": SHAPES["char"],
    "varbinary": SHAPES["binary"],
    "inet": Shape(),
}


@lru_cache(maxsize=4096)
def _read(text: str) -> type[SQLiteType]:
    if not text.strip(" \t\r\n"):
        return SQLITE_ANY
    column = parse_column_type(text, _SPELLINGS, _SHAPES)
    read = _READERS.get(column.name)
    if read is None:
        raise column.error(f"`{column.spelling}` columns are not supported")
    try:
        return read(column)
    except ValueError as error:
        raise column.error(str(error)) from None


def _numbers(column: ColumnType) -> tuple[int, ...]:
    return tuple(argument.value for argument in column.arguments)


def _unsigned(column: ColumnType) -> bool:
    return bool(column.flags & {"unsigned", "zerofill"})


def _integer(bits: int) -> Callable[[ColumnType], type[SQLiteType]]:
    return lambda column: SQLITE_INTEGER.of(bits=bits, unsigned=_unsigned(column))


def _numeric(column: ColumnType) -> type[SQLiteType]:
    if not column.arguments:
        return SQLITE_NUMERIC.of(unsigned=_unsigned(column))
    precision, scale = (*_numbers(column), 0)[:2]
    return SQLITE_NUMERIC.of(precision=precision, scale=scale, unsigned=_unsigned(column))


def _real(column: ColumnType) -> type[SQLiteType]:
    return SQLITE_REAL.of(bits=64, unsigned=_unsigned(column))


def _sized_text(column: ColumnType) -> type[SQLiteType]:
    return SQLITE_TEXT.of(max_length=column.arguments[0].value if column.arguments else None)


def _long_text(max_bytes: int) -> Callable[[ColumnType], type[SQLiteType]]:
    return lambda _column: SQLITE_TEXT.of(max_bytes=max_bytes)


def _sized_bytes(column: ColumnType) -> type[SQLiteType]:
    return SQLITE_BLOB.of(max_bytes=column.arguments[0].value if column.arguments else None)


def _long_bytes(max_bytes: int) -> Callable[[ColumnType], type[SQLiteType]]:
    return lambda _column: SQLITE_BLOB.of(max_bytes=max_bytes)


def _moment(family: type[SQLiteType]) -> Callable[[ColumnType], type[SQLiteType]]:
    return lambda column: family.of(fsp=column.arguments[0].value if column.arguments else it.MAX_FSP)


def _enum(column: ColumnType) -> type[SQLiteType]:
    return SQLITE_ENUM.of(members=tuple(member.value for member in column.members or ()))


def _set(column: ColumnType) -> type[SQLiteType]:
    return SQLITE_SET.of(members=tuple(member.value for member in column.members or ()))


def _bit(column: ColumnType) -> type[SQLiteType]:
    return SQLITE_BIT.of(bits=column.arguments[0].value if column.arguments else 1)


def _geometry(column: ColumnType) -> type[SQLiteType]:
    srid = None if column.srid is None else column.srid.value
    return SQLITE_GEOMETRY.of(kind=None if column.name == "geometry" else column.name, srid=srid)


def _vector(column: ColumnType) -> type[SQLiteType]:
    return SQLITE_VECTOR.of(dimensions=column.arguments[0].value if column.arguments else None)


def _plain(found: type[SQLiteType]) -> Callable[[ColumnType], type[SQLiteType]]:
    return lambda _column: found


_READERS: Mapping[str, Callable[[ColumnType], type[SQLiteType]]] = {
    "tinyint": _integer(8),
    "smallint": _integer(16),
    "mediumint": _integer(24),
    "int": _integer(32),
    "integer": _integer(64),
    "bigint": _integer(64),
    "boolean": _plain(SQLITE_BOOLEAN),
    "decimal": _numeric,
    "numeric": _numeric,
    "float": _real,
    "double": _real,
    "char": _sized_text,
    "varchar": _sized_text,
    "text": _sized_text,
    "tinytext": _long_text(2**8 - 1),
    "mediumtext": _long_text(2**24 - 1),
    "longtext": _long_text(2**32 - 1),
    "binary": _sized_bytes,
    "varbinary": _sized_bytes,
    "blob": _sized_bytes,
    "tinyblob": _long_bytes(2**8 - 1),
    "mediumblob": _long_bytes(2**24 - 1),
    "longblob": _long_bytes(2**32 - 1),
    "date": _plain(SQLITE_DATE),
    "datetime": _moment(SQLITE_DATETIME),
    "timestamp": _moment(SQLITE_TIMESTAMP),
    "time": _moment(SQLITE_TIME),
    "enum": _enum,
    "year": _plain(SQLITE_YEAR),
    "bit": _bit,
    "set": _set,
    "uuid": _plain(SQLITE_UUID),
    "inet": _plain(SQLITE_INET),
    "inet4": _plain(SQLITE_INET.of(version=4)),
    "inet6": _plain(SQLITE_INET.of(version=6)),
    **dict.fromkeys(("geometry", *it.GEOMETRY_CODES), _geometry),
    "vector": _vector,
    "json": _plain(SQLITE_JSON),
    "any": _plain(SQLITE_ANY),
}

_INTEGER_WORDS = {8: "tinyint", 16: "smallint", 24: "mediumint", 32: "int", 64: "bigint", None: "integer"}
_BYTES_WORDS = {2**8 - 1: "tiny", 2**24 - 1: "medium", 2**32 - 1: "long"}


def _spell_number(word: str, kind: Any) -> str:
    return f"{word} unsigned" if kind.unsigned else word


def _spell_integer(kind: Any) -> str:
    if kind.bits == 64 and not kind.unsigned:
        return "integer"
    return _spell_number(_INTEGER_WORDS[kind.bits], kind)


def _spell_numeric(kind: Any) -> str:
    return _spell_number("numeric" if kind.precision is None else f"decimal({kind.precision},{kind.scale})", kind)


def _spell_text(kind: Any) -> str:
    if kind.max_length is not None:
        return f"varchar({kind.max_length})"
    return _BYTES_WORDS.get(kind.max_bytes, "") + "text"


def _spell_bytes(kind: Any) -> str:
    if kind.max_bytes in _BYTES_WORDS:
        return _BYTES_WORDS[kind.max_bytes] + "blob"
    return "blob" if kind.max_bytes is None else f"varbinary({kind.max_bytes})"


def _spell_moment(word: str) -> Callable[[Any], str]:
    return lambda kind: word if kind.fsp is None else f"{word}({kind.fsp})"


def _word(word: str) -> Callable[[Any], str]:
    return lambda _kind: word


_SPELLED: Mapping[type[DataType], Callable[[Any], str]] = {
    SQLITE_INTEGER: _spell_integer,
    SQLITE_BOOLEAN: _word("boolean"),
    SQLITE_NUMERIC: _spell_numeric,
    SQLITE_REAL: lambda kind: _spell_number("real", kind),
    SQLITE_TEXT: _spell_text,
    SQLITE_ENUM: lambda kind: it.ENUM.of(members=kind.members).spelling(),
    SQLITE_BLOB: _spell_bytes,
    SQLITE_DATETIME: _spell_moment("datetime"),
    SQLITE_TIMESTAMP: _spell_moment("timestamp"),
    SQLITE_DATE: _word("date"),
    SQLITE_LENIENT_MOMENT: lambda kind: kind.intermediate_type.spelling(),
    SQLITE_TIME: _spell_moment("time"),
    SQLITE_YEAR: _word("year"),
    SQLITE_BIT: lambda kind: f"bit({kind.bits or it.MAX_BITS})",
    SQLITE_SET: lambda kind: it.SET.of(members=kind.members).spelling(),
    SQLITE_UUID: _word("uuid"),
    SQLITE_INET: lambda kind: kind.intermediate_type.spelling(),
    SQLITE_GEOMETRY: lambda kind: kind.intermediate_type.spelling(),
    SQLITE_VECTOR: lambda kind: kind.intermediate_type.spelling(),
    SQLITE_JSON: _word("json"),
    SQLITE_NULL: _word("null"),
    SQLITE_ANY: _word("any"),
}

SQLiteTypeSystem.read = staticmethod(_read)
SQLiteTypeSystem.spellings = _SPELLED
