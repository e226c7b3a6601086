"""MySQL and MariaDB: column types as classes, read from and rendered to their COLUMN_TYPE.

``MYSQL_INTEGERn`` (display width) and ``MYSQL_VARCHARn`` (length) resolve for any ``n``, as do other families with a
number, and ``MYSQL_INTEGER_UNSIGNED`` and its like.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from nanotyped.errors import IncompatibleTypesException, nearest_hint
from nanotyped.types.mysql import narrowest as _narrowest  # noqa: F401 - it fills the table of the system
from nanotyped.types.mysql.members import MYSQL_ENUM, MYSQL_SET
from nanotyped.types.mysql.moments import (
    MYSQL_DATE,
    MYSQL_DATETIME,
    MYSQL_LENIENT_MOMENT,
    MYSQL_NULL,
    MYSQL_TIME,
    MYSQL_TIMESTAMP,
)
from nanotyped.types.mysql.numbers import (
    MYSQL_BIGINT,
    MYSQL_BOOL,
    MYSQL_DECIMAL,
    MYSQL_DOUBLE,
    MYSQL_FLOAT,
    MYSQL_INTEGER,
    MYSQL_INTEGER_BASE,
    MYSQL_MEDIUMINT,
    MYSQL_SMALLINT,
    MYSQL_TINYINT,
)
from nanotyped.types.mysql.rarer import (
    MYSQL_BIT,
    MYSQL_GEOMETRY,
    MYSQL_GEOMETRYCOLLECTION,
    MYSQL_INET4,
    MYSQL_INET6,
    MYSQL_LINESTRING,
    MYSQL_MULTILINESTRING,
    MYSQL_MULTIPOINT,
    MYSQL_MULTIPOLYGON,
    MYSQL_POINT,
    MYSQL_POLYGON,
    MYSQL_UUID,
    MYSQL_VECTOR,
    MYSQL_YEAR,
)
from nanotyped.types.mysql.system import MySQLType, MySQLTypeSystem
from nanotyped.types.mysql.texts import (
    MYSQL_BINARY,
    MYSQL_BLOB,
    MYSQL_CHAR,
    MYSQL_JSON,
    MYSQL_LONGBLOB,
    MYSQL_LONGTEXT,
    MYSQL_MEDIUMBLOB,
    MYSQL_MEDIUMTEXT,
    MYSQL_TEXT,
    MYSQL_TINYBLOB,
    MYSQL_TINYTEXT,
    MYSQL_VARBINARY,
    MYSQL_VARCHAR,
)

if TYPE_CHECKING:
    from nanotyped.types.base import DataType

MYSQL_VARCHAR_BASE = MYSQL_VARCHAR
mysql_type = MySQLTypeSystem.type_mapping

_NAMED: list[type[MySQLType]] = [*MySQLTypeSystem.families.values(), MYSQL_NULL, MYSQL_LENIENT_MOMENT]
_FAMILIES: Mapping[str, type[MySQLType]] = {family.__name__: family for family in _NAMED}
_SIZED_NAME = re.compile(r"(MYSQL_[A-Z]+?)(0|[1-9][0-9]{0,9})?(_UNSIGNED)?(_ZEROFILL)?")
_MADE_SIZES = (*range(32), *(2**power for power in range(5, 16)))


def __getattr__(name: str) -> type[MySQLType]:
    """Return the type of a name such as ``MYSQL_VARCHAR40``, ``MYSQL_INTEGER6_UNSIGNED``."""
    found = _SIZED_NAME.fullmatch(name)
    if found and found[1] in _FAMILIES:
        family = _FAMILIES[found[1]]
        given: dict[str, int | bool] = {}
        if found[2] is not None and family.parameter_names:
            given[family.parameter_names[0]] = int(found[2])
        given |= {flag: True for flag, there in (("unsigned", found[3]), ("zerofill", found[4])) if there}
        if len(given) == sum(part is not None for part in found.groups()[1:]) and given.keys() <= {
            *family.parameter_names
        }:
            return family.of(**given)
    hint = nearest_hint(name, _FAMILIES) if name.startswith("MYSQL_") else ""
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}{f' ({hint})' if hint else ''}")


def render_ddl(kind: type[DataType]) -> str:
    """Return what ``CREATE TABLE`` takes for a MySQL type; the inverse of ``mysql_type``.

    Raises:
        IncompatibleTypesException: For a type of another system, or a family that no single column type stands for.
    """
    if not (isinstance(kind, type) and issubclass(kind, MySQLType)):
        raise IncompatibleTypesException(f"{kind!r} is no MySQL type")
    text = kind.ddl()
    if kind.is_bare() and kind in (MYSQL_INTEGER_BASE, MYSQL_NULL, *_UNSIZED):
        raise IncompatibleTypesException(f"{kind.__name__} stands for many column types; give it parameters")
    return text


_UNSIZED: tuple[type[MySQLType], ...] = (
    MYSQL_CHAR,
    MYSQL_VARCHAR,
    MYSQL_BINARY,
    MYSQL_VARBINARY,
    MYSQL_DECIMAL,
    MYSQL_ENUM,
    MYSQL_SET,
    MYSQL_BIT,
    MYSQL_VECTOR,
    MYSQL_LENIENT_MOMENT,
)


def make_types() -> dict[str, type[DataType]]:
    """Return types by name: every family, and integers and varchars of the usual sizes.

    The sizes are 0 to 31 and the powers of two to 32768; the classes are the ones that resolve by name.
    """
    sized = {
        f"{family.__name__}{size}": __getattr__(f"{family.__name__}{size}")
        for family in (MYSQL_INTEGER, MYSQL_VARCHAR)
        for size in _MADE_SIZES
    }
    return {**_FAMILIES, "MYSQL_INTEGER_BASE": MYSQL_INTEGER_BASE, "MYSQL_VARCHAR_BASE": MYSQL_VARCHAR, **sized}


__all__ = [
    "MYSQL_BIGINT",
    "MYSQL_BINARY",
    "MYSQL_BIT",
    "MYSQL_BLOB",
    "MYSQL_BOOL",
    "MYSQL_CHAR",
    "MYSQL_DATE",
    "MYSQL_DATETIME",
    "MYSQL_DECIMAL",
    "MYSQL_DOUBLE",
    "MYSQL_ENUM",
    "MYSQL_FLOAT",
    "MYSQL_GEOMETRY",
    "MYSQL_GEOMETRYCOLLECTION",
    "MYSQL_INET4",
    "MYSQL_INET6",
    "MYSQL_INTEGER",
    "MYSQL_INTEGER_BASE",
    "MYSQL_JSON",
    "MYSQL_LENIENT_MOMENT",
    "MYSQL_LINESTRING",
    "MYSQL_LONGBLOB",
    "MYSQL_LONGTEXT",
    "MYSQL_MEDIUMBLOB",
    "MYSQL_MEDIUMINT",
    "MYSQL_MEDIUMTEXT",
    "MYSQL_MULTILINESTRING",
    "MYSQL_MULTIPOINT",
    "MYSQL_MULTIPOLYGON",
    "MYSQL_NULL",
    "MYSQL_POINT",
    "MYSQL_POLYGON",
    "MYSQL_SET",
    "MYSQL_SMALLINT",
    "MYSQL_TEXT",
    "MYSQL_TIME",
    "MYSQL_TIMESTAMP",
    "MYSQL_TINYBLOB",
    "MYSQL_TINYINT",
    "MYSQL_TINYTEXT",
    "MYSQL_UUID",
    "MYSQL_VARBINARY",
    "MYSQL_VARCHAR",
    "MYSQL_VARCHAR_BASE",
    "MYSQL_VECTOR",
    "MYSQL_YEAR",
    "MySQLType",
    "MySQLTypeSystem",
    "make_types",
    "mysql_type",
    "render_ddl",
]
