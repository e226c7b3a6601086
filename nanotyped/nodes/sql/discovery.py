"""Looking at many live tables at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nanotyped.errors import SourceError
from nanotyped.nodes.sql.urls import open_reader

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

    from nanotyped.nodes.sql.description import TableDescription


def describe_tables(url: URL, tables: Sequence[str]) -> dict[str, TableDescription]:
    """Return what the named tables are, by name, in order; all tables and views by name where none is named.

    Columns whose types are none of a contract are in ``refused`` of their table.

    Raises:
        ExceptionGroup: Of ``SourceError``: the database cannot be reached, or one for each table that cannot be read.
    """
    found: dict[str, TableDescription] = {}
    errors: list[SourceError] = []
    try:
        reader = open_reader(url)
    except SourceError as error:
        raise ExceptionGroup("the database cannot be reached", [error]) from error
    try:
        for table in dict.fromkeys(tables or reader.tables()):
            try:
                found[table] = reader.describe(table, ())
            except SourceError as error:
                errors.append(error)
    except SourceError as error:
        errors.append(error)
    finally:
        reader.close()
    if errors:
        raise ExceptionGroup("tables cannot be read", errors)
    return found
