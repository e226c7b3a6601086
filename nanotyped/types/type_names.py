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
