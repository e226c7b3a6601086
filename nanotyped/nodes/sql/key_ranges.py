"""What the index of a key tells of ranges on MySQL and MariaDB: the keys at their ends, and about how many rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from sqlalchemy.sql import Select

    from nanotyped.nodes.sql.description import Key
    from nanotyped.nodes.sql.statements import TableQuery


class Server(Protocol):
    """A connection that keeps statements compiled."""

    def ask_key(self, statement: Select[Any], values: Mapping[str, Any], key: Sequence[str]) -> Key | None:
        """Return the key that a statement finds, ``None`` if it finds none."""

    def explain_rows(self, statement: Select[Any], values: Mapping[str, Any]) -> int | None:
        """Return about how many rows a server would read for a statement, if it says so."""


class KeyRanges:
    """Answers what a ``Bisection`` asks, out of the index of a key alone.

    ``EXPLAIN`` reads no row: the server looks at a few pages of the index at both ends of a range (MySQL 8.4 manual
    10.8.2 and 10.2.1.2). What the rows are wanted for (``where``) is left out of all of this: to look for the next row
    that is wanted could be to read many that are not.

    Args:
        server: The connection.
        query: What is to be read.
        key: The columns by which it is read.
        index: The index of these columns.
    """

    def __init__(self, server: Server, query: TableQuery, key: Sequence[str], index: str) -> None:
        self._server = server
        self._query = query = replace(query, where=None, index=index)
        self._key = tuple(key)
        self._counts = {
            (after, upper): query.select_range(key, after=after, upper=upper)
            for after in (True, False)
            for upper in (True, False)
        }
        lengths = range(1, len(key) + 1)
        self._lasts = {
            (columns, after): query.select_last_before(key, columns, after=after)
            for columns in lengths
            for after in (True, False)
        }
        self._firsts = {columns: query.select_first_from(key, columns) for columns in lengths}

    def rows(self, after: Key | None, upper: Key | None) -> int | None:
        """Return about how many rows lie behind a key, up to and with another."""
        statement = self._counts[after is not None, upper is not None]
        return self._server.explain_rows(statement, self._query.page_values(after, upper))

    def last_before(self, after: Key | None, edge: Key) -> Key | None:
        """Return the highest key behind ``after`` whose first columns are below ``edge``."""
        statement = self._lasts[len(edge), after is not None]
        return self._server.ask_key(statement, self._query.page_values(after, None, edge), self._key)

    def first_from(self, edge: Key, upper: Key) -> Key | None:
        """Return the lowest key, up to ``upper``, whose first columns are ``edge`` or above."""
        values = self._query.page_values(None, upper, edge)
        return self._server.ask_key(self._firsts[len(edge)], values, self._key)
