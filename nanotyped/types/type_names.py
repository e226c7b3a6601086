"""The words that SQL column types begin with, and the shape of what may follow each of them.

Every spelling leads to one canonical name, the one that ``information_schema.COLUMNS.DATA_TYPE`` prints (MySQL 8.4
manual 11.9 and 11.1; MariaDB knowledge base, "Data Types").
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

NUMBER_FLAGS = frozenset({"unsigned", "signed", "zerofill"})
TEXT_FLAGS = frozenset({"binary", "byte", "compressed"})
NO_FLAGS: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Shape:
    """What may follow the name of a type.

    Attributes:
        counts: How many whole numbers may stand in parentheses; 0 = no parentheses.
        members: Whether a list of quoted members must follow instead.
        flags: The words that may follow.
        text: Whether a character set and a collation may follow.
        srid: Whether a spatial reference system may follow.
    """

    counts: tuple[int, ...] = (0,)
    members: bool = False
    flags: frozenset[str] = NO_FLAGS
    text: bool = False
    srid: bool = False


@dataclass(frozen=True, slots=True)
class Spelling:
    """What one spelling stands for: a canonical name, and what it brings along.

    Attributes:
        name: The canonical name.
        numbers: The arguments that the spelling implies.
        flags: The flags that it implies.
        charset: The character set that it implies.
        closed: Whether nothing at all may follow it, as for ``boolean``.
    """

    name: str
    numbers: tuple[int, ...] = ()
    flags: frozenset[str] = NO_FLAGS
    charset: str | None = None
    closed: bool = False


_NUMBER = Shape((0, 1), flags=NUMBER_FLAGS)
_FLOATING = Shape((0, 2), flags=NUMBER_FLAGS)
_TEXT = Shape(flags=TEXT_FLAGS, text=True)
_MEMBERS = Shape((), members=True, flags=TEXT_FLAGS, text=True)
_FRACTION = Shape((0, 1))
_PLAIN = Shape()

SHAPES: Mapping[str, Shape] = MappingProxyType(
    {
        **dict.fromkeys(("tinyint", "smallint", "mediumint", "int", "bigint"), _NUMBER),
        "decimal": Shape((0, 1, 2), flags=NUMBER_FLAGS),
        "float": Shape((0, 1, 2), flags=NUMBER_FLAGS),
        "double": _FLOATING,
        "bit": _FRACTION,
        "char": Shape((0, 1), flags=TEXT_FLAGS, text=True),
        "varchar": Shape((1,), flags=TEXT_FLAGS, text=True),
        "text": Shape((0, 1), flags=TEXT_FLAGS, text=True),
        **dict.fromkeys(("tinytext", "mediumtext", "longtext"), _TEXT),
        "binary": _FRACTION,
        "varbinary": Shape((1,), flags=frozenset({"compressed"})),
        "blob": Shape((0, 1), flags=frozenset({"compressed"})),
        **dict.fromkeys(("tinyblob", "mediumblob", "longblob"), Shape(flags=frozenset({"compressed"}))),
        **dict.fromkeys(("date", "uuid", "inet4", "inet6"), _PLAIN),
        "json": Shape(flags=frozenset({"compressed"})),
        **dict.fromkeys(("datetime", "timestamp", "time"), _FRACTION),
        "year": _NUMBER,
        "enum": _MEMBERS,
        "set": _MEMBERS,
        "vector": _FRACTION,
        **dict.fromkeys(
            (
                "geometry",
                "point",
                "linestring",
                "polygon",
                "multipoint",
                "multilinestring",
                "multipolygon",
                "geometrycollection",
            ),
            Shape(srid=True),
        ),
    }
)

_NATIONAL = "utf8mb3"
_VARCHAR_PHRASES = ("character varying", "char varying", "varcharacter")
_NATIONAL_CHAR_PHRASES = ("nchar", "national char", "national character")
_NATIONAL_VARCHAR_PHRASES = (
    "nvarchar",
    "nchar varchar",
    "nchar varcharacter",
    "nchar varying",
    "national varchar",
    "national varcharacter",
    "national char varying",
    "national character varying",
)
_LONG_PHRASES = ("long", "long varchar", "long char varying", "long character varying", "long varcharacter")

# Checked against MariaDB 10.11, which prints the canonical name for each.
SPELLINGS: Mapping[str, Spelling] = MappingProxyType(
    {
        **{name: Spelling(name) for name in SHAPES},
        "int1": Spelling("tinyint"),
        "int2": Spelling("smallint"),
        **dict.fromkeys(("int3", "middleint"), Spelling("mediumint")),
        **dict.fromkeys(("int4", "integer"), Spelling("int")),
        "int8": Spelling("bigint"),
        "serial": Spelling("bigint", flags=frozenset({"unsigned"}), closed=True),
        **dict.fromkeys(("bool", "boolean"), Spelling("tinyint", numbers=(1,), closed=True)),
        **dict.fromkeys(("dec", "fixed", "numeric"), Spelling("decimal")),
        "float4": Spelling("float"),
        **dict.fromkeys(("float8", "real", "double precision"), Spelling("double")),
        "character": Spelling("char"),
        **dict.fromkeys(_VARCHAR_PHRASES, Spelling("varchar")),
        **dict.fromkeys(_NATIONAL_CHAR_PHRASES, Spelling("char", charset=_NATIONAL)),
        **dict.fromkeys(_NATIONAL_VARCHAR_PHRASES, Spelling("varchar", charset=_NATIONAL)),
        **dict.fromkeys(_LONG_PHRASES, Spelling("mediumtext")),
        "long varbinary": Spelling("mediumblob"),
        "geomcollection": Spelling("geometrycollection"),
        "sql_tsi_year": Spelling("year"),
    }
)

_DATETIME = "datetime(6)"
_NUMBER_OF_ANY = "decimal(p,s)"
_TEXT_OF_ANY = "varchar(n)` or `text"
# What people write who come from Python, Arrow, pandas, DuckDB, Postgres, SQL Server, Oracle or TypeScript, and what it
# is here. A word that is a spelling above means what that says, whoever writes it: `int8` has eight bytes.
ELSEWHERE: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("sbyte", "int8_t", "i8"), "tinyint"),
        **dict.fromkeys(("int16", "short", "i16", "int16_t", "smallserial", "serial2"), "smallint"),
        **dict.fromkeys(("int32", "i32", "int32_t", "int_", "serial4"), "int"),
        **dict.fromkeys(("int64", "i64", "int64_t", "serial8", "bigserial"), "bigint"),
        **dict.fromkeys(("uint8", "utinyint", "u8", "uint8_t"), "tinyint unsigned"),
        **dict.fromkeys(("uint16", "usmallint", "u16", "uint16_t"), "smallint unsigned"),
        **dict.fromkeys(("uint32", "uint", "uinteger", "u32", "uint32_t", "oid"), "int unsigned"),
        **dict.fromkeys(("uint64", "ubigint", "u64", "uint64_t", "ulong"), "bigint unsigned"),
        **dict.fromkeys(("int128", "uint128", "hugeint", "uhugeint"), "decimal(39,0)"),
        **dict.fromkeys(("float16", "float32", "half", "halffloat", "single", "f32", "binary_float"), "float"),
        **dict.fromkeys(("float64", "f64", "float_", "float128", "binary_double"), "double"),
        "number": f"double` or `{_NUMBER_OF_ANY}",
        **dict.fromkeys(("decimal32", "decimal64", "decimal128", "decimal256", "bignumeric"), _NUMBER_OF_ANY),
        **dict.fromkeys(("money", "smallmoney", "currency"), "decimal(19,4)"),
        **dict.fromkeys(("bool_", "bool8"), "boolean"),
        **dict.fromkeys(("str", "str_", "string", "utf8", "unicode", "category"), _TEXT_OF_ANY),
        **dict.fromkeys(("varchar2", "nvarchar2", "bpchar", "citext"), "varchar(n)"),
        **dict.fromkeys(("large_string", "large_utf8", "clob", "nclob", "ntext", "xml", "tsvector"), "longtext"),
        **dict.fromkeys(("bytea", "bytes", "bytes_", "bytearray", "buffer"), "blob"),
        **dict.fromkeys(("large_binary", "image", "raw"), "longblob"),
        **dict.fromkeys(("jsonb", "hstore", "dict", "map", "struct", "record", "list", "array", "object"), "json"),
        **dict.fromkeys(("timestamptz", "datetimeoffset", "timestamp_tz", "instant"), "timestamp(6)"),
        **dict.fromkeys(("datetime2", "datetime64", "datetimetz", "timestamp_ntz"), _DATETIME),
        "smalldatetime": "datetime",
        **dict.fromkeys(("date32", "date64"), "date"),
        **dict.fromkeys(("timedelta", "timedelta64", "duration", "time32", "time64", "timetz"), "time(6)"),
        "interval": "time",
        **dict.fromkeys(("inet", "cidr"), "inet6"),
        **dict.fromkeys(("macaddr", "macaddr8"), "char(17)"),
        **dict.fromkeys(("guid", "uniqueidentifier"), "uuid"),
        **dict.fromkeys(("varbit", "bitarray"), "bit(n)"),
    }
)
