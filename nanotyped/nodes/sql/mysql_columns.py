"""The columns of a table of MySQL or MariaDB: their types, and which of them are read otherwise than by their name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nanotyped.errors import TypeSyntaxError, UnfitSourceError, nearest_hint
from nanotyped.nodes.sql.cells import is_read_as_number
from nanotyped.nodes.sql.members import UntoldMembersError
from nanotyped.row import Column, Schema
from nanotyped.types import intermediate as it
from nanotyped.types.mysql import mysql_type

if TYPE_CHECKING:
    from nanotyped.types.base import DataType


def schema_of(
    found: list[tuple[Any, ...]],
    untold_columns: Mapping[str, UntoldMembersError],
    primary: set[str | None],
    wanted: Sequence[str] | None,
    place: str,
) -> tuple[Schema, dict[str, str]]:
    """Return the columns of a table, and by name why the type of a column is none of a contract.

    Args:
        found: Of each column its name, COLUMN_TYPE, IS_NULLABLE and CHARACTER_SET_NAME.
        untold_columns: By name, those whose members nobody tells.
        primary: The columns of the primary key.
        wanted: The columns that must be of a known type; ``None`` for all.
        place: How messages name the table.

    Raises:
        UnfitSourceError: If a wanted one is not there, or of no known type.
    """
    columns: list[Column] = []
    refused: dict[str, str] = {}
    names = [name for name, *_ in found]
    problems = [
        f"it has no column `{name}`{sentence(nearest_hint(name, names))}" for name in wanted or () if name not in names
    ]
    for name, text, nullable, charset in found:
        try:
            if name in untold_columns:
                raise untold_columns[name]
            kind = _column_type(text, charset)
        except (TypeSyntaxError, UntoldMembersError) as error:
            refused[name] = str(error)
            if wanted is None or name in wanted:
                problems.append(f"column `{name}`: {error}; leave it out with `columns`")
            continue
        columns.append(Column(name, kind, nullable=nullable == "YES", key=name in primary))
    if problems:
        raise UnfitSourceError(f"{place} cannot be read: {'; '.join(problems)}")
    return Schema(columns), refused


def _column_type(text: str, charset: str | None) -> type[DataType]:
    """Return the type of a COLUMN_TYPE and CHARACTER_SET_NAME of ``information_schema``.

    Raises:
        TypeSyntaxError: If it is of no known type.
    """
    kind = mysql_type(text)
    if charset in (None, "utf8mb4") or not issubclass(kind.intermediate_type, it.STRING | it.SET):
        return kind
    return mysql_type(f"{text} character set {charset}")


def widened_columns(schema: Schema) -> frozenset[str]:
    """Return the columns that are read with 0e0 added to them.

    They are single-precision floats, of which a server prints six digits else, and sets that are read as numbers.
    """
    return frozenset(
        column.name
        for column in schema
        if is_read_as_number(column.type)
        or (
            issubclass(column.type.intermediate_type, it.FLOAT)
            and getattr(column.type.intermediate_type, "bits", 64) == 32
        )
    )


def guarded_columns(schema: Schema) -> frozenset[str]:
    """Return the enums with an empty member: a server prints it and the error value, index 0, alike."""
    kinds = {column.name: column.type.intermediate_type for column in schema}
    return frozenset(
        name for name, kind in kinds.items() if kind.family is it.ENUM and "" in (getattr(kind, "members", None) or ())
    )


def sentence(hint: str) -> str:
    """Return a hint as it stands behind a message."""
    return f"; {hint}" if hint else ""
