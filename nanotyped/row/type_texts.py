"""The one text by which a contract, a file or a fingerprint knows a type, of whichever system it is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from nanotyped.errors import IncompatibleTypesException, TypeSyntaxError
from nanotyped.row.schema import Schema, parse_column
from nanotyped.types.mysql import MySQLType, MySQLTypeSystem, mysql_type
from nanotyped.types.sqlite import SQLiteType

if TYPE_CHECKING:
    from nanotyped.types.base import DataType


def mysql_twin(kind: type[DataType]) -> type[DataType] | None:
    """Return the MySQL type that is exactly this one, ``None`` if there is none, as for SQLite's text of any length."""
    if issubclass(kind, MySQLType):
        return kind
    try:
        found = MySQLTypeSystem.from_intermediate(kind.intermediate_type, None)
    except IncompatibleTypesException:
        return None
    try:
        exact = found.intermediate_type is kind.intermediate_type and mysql_type(found.spelling()) is found
    except TypeSyntaxError:  # a policy is needed to read it, as for SQLite's boolean
        return None
    return found if exact else None


def mysql_spelling(kind: type[DataType]) -> str | None:
    """Return the text of the MySQL type that is exactly this one, ``None`` if there is none."""
    twin = mysql_twin(kind)
    return None if twin is None else twin.spelling()


def file_spelling(kind: type[DataType]) -> str | None:
    """Return how a file names a type: as MySQL does, else behind ``sqlite`` as SQLite does; ``None`` if it cannot."""
    text = mysql_spelling(kind)
    if text is not None or not issubclass(kind, SQLiteType):
        return text
    text = f"sqlite {kind.spelling()}"
    try:
        return text if parse_column("", text).type is kind else None
    except TypeSyntaxError:  # nothing is declared like that
        return None


def in_mysql_terms(schema: Schema) -> Schema:
    """Return a schema with each type in place of which a file has a MySQL type as that one."""
    return Schema(replace(column, type=mysql_twin(column.type) or column.type) for column in schema)
