"""Reading tables of MySQL and MariaDB through PyMySQL: what they are, by pages, and in one pass."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from nanotyped.errors import SourceError, UnfitSourceError, nearest_hint
from nanotyped.nodes.sql.bisection import Bisection
from nanotyped.nodes.sql.cells import cell_of
from nanotyped.nodes.sql.description import Columns, Cut, Lag, TableAlteredError, TableDescription
from nanotyped.nodes.sql.following import lowered
from nanotyped.nodes.sql.key_ranges import KeyRanges
from nanotyped.nodes.sql.loading import LazyModule
from nanotyped.nodes.sql.members import UntoldMembersError, is_doubtful, told_members, untold
from nanotyped.nodes.sql.mysql_columns import schema_of, sentence
from nanotyped.nodes.sql.policies import kept_column
from nanotyped.nodes.sql.server import DRIVER_ERRORS, MySQLServer, hang_up, has_open_result, is_lost
from nanotyped.nodes.sql.wire import Cell, can_read_by_buffer, lenient, read_columns, typed_columns
from nanotyped.row import Schema
from nanotyped.types import intermediate as it
from nanotyped.types.charsets import CHARSETS
from nanotyped.types.json import json_form

if TYPE_CHECKING:
    from sqlalchemy.sql import ClauseElement, Select

    from nanotyped.node.parts import PartSize
    from nanotyped.nodes.sql.statements import TableQuery
    from nanotyped.types.base import DataType

FALLBACK_ROWS = 1000

# MariaDB lists its sequences too.
_TABLES = "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_TYPE <> 'SEQUENCE'"
# Of InnoDB an estimate out of its statistics, which may be old (MySQL 8.4 manual 28.3.38).
_ABOUT_ROWS = """
    SELECT TABLE_ROWS FROM information_schema.TABLES
    WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s AND CAST(TABLE_NAME AS BINARY) = %s"""
# The first condition lets the server open one table instead of all, the second tells `Orders` from `orders`.
_COLUMNS = """
    SELECT COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, CHARACTER_SET_NAME
    FROM information_schema.COLUMNS
    WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s AND CAST(TABLE_NAME AS BINARY) = %s ORDER BY ORDINAL_POSITION"""
_KEYS = """
    SELECT INDEX_NAME, COLUMN_NAME, SUB_PART FROM information_schema.STATISTICS
    WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s AND CAST(TABLE_NAME AS BINARY) = %s
        AND NON_UNIQUE = 0 AND (INDEX_TYPE = 'BTREE' OR INDEX_NAME = 'PRIMARY')
    ORDER BY INDEX_NAME <> 'PRIMARY', INDEX_NAME, SEQ_IN_INDEX"""
_LEADERS = """
    SELECT INDEX_NAME FROM information_schema.STATISTICS
    WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s AND CAST(TABLE_NAME AS BINARY) = %s
        AND COLUMN_NAME = %s AND SEQ_IN_INDEX = 1 AND (INDEX_TYPE = 'BTREE' OR INDEX_NAME = 'PRIMARY')"""

# MySQL 8 (manual 28.3.8): MariaDB has no such column, and holds no column to one spatial reference system.
_SYSTEMS = """
    SELECT COLUMN_NAME, SRS_ID FROM information_schema.COLUMNS
    WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s AND CAST(TABLE_NAME AS BINARY) = %s AND SRS_ID IS NOT NULL"""
# MariaDB has no JSON type of its own: `json` is a longtext with this check.
_CHECKS = """
    SELECT CHECK_CLAUSE FROM information_schema.CHECK_CONSTRAINTS
    WHERE CONSTRAINT_SCHEMA = %s AND TABLE_NAME = %s AND CAST(TABLE_NAME AS BINARY) = %s"""


class MySQLReader:
    """One connection to a server, for describing and reading a table. See ``TableReader``."""

    def __init__(self, server: MySQLServer) -> None:
        self._server = server
        self._connection = server.connect()
        self._schema = Schema([])
        self._place = server.place
        self._compiled: dict[object, tuple[str, Mapping[str, Any]]] = {}
        self._page_key: tuple[str, ...] | None = None
        self._indexes: dict[tuple[str, ...], str] = {}
        self._rows_read = 0
        self.keeps_unreadable = False

    def tables(self) -> list[str]:
        """Return the names of the tables and views of the database, sorted."""
        with self._reporting():
            return sorted(name for (name,) in self._rows(_TABLES, (self._server.database,)))

    def describe(self, table: str, columns: Sequence[str] | None) -> TableDescription:
        """Return what the table is, as ``information_schema`` has it for this database alone."""
        database = self._server.database
        place = self._place = f"table `{database}`.`{table}` on {self._server.place}"
        with self._reporting():
            found = self._rows(_COLUMNS, (database, table, table))
            if not found:
                tables = [name for (name,) in self._rows(_TABLES, (database,))]
                hint = nearest_hint(table, tables)
                raise UnfitSourceError(f"there is no {place}, or `{self._server.user}` may not see it{sentence(hint)}")
            found = self._with_documents(found, (database, table, table))
            found = self._with_systems(found, (database, table, table))
            found, untold_columns = self._with_members(found, table)
            keys: dict[str, list[tuple[str | None, str | None]]] = {}
            for index, name, part in self._rows(_KEYS, (database, table, table)):
                keys.setdefault(index, []).append((name, part))
        primary = {name for name, _ in keys.get("PRIMARY", [])}
        self._schema, refused = schema_of(found, untold_columns, primary, columns, place)
        nullable = {name for name, _, null, _ in found if null == "YES"}
        self._indexes = {}
        for index, parts in keys.items():
            if all(name in self._schema and part is None and name not in nullable for name, part in parts):
                self._indexes.setdefault(tuple(name for name, _ in parts if name is not None), index)
        unique = sorted(self._indexes, key=lambda key: (set(key) != primary, len(key)))
        description = TableDescription(place, self._schema, tuple(unique), refused=refused)
        self._page_key = description.page_key()
        return description

    def _with_documents(self, found: list[tuple[Any, ...]], where: tuple[str, ...]) -> list[tuple[Any, ...]]:
        """Return the columns, those of MariaDB that must hold JSON as JSON."""
        if not self._is_mariadb or not any(_is_longtext(text) for _, text, *_ in found):
            return found
        checks = {clause for (clause,) in self._rows(_CHECKS, where)}
        return [
            (name, "json", null, None) if _is_longtext(text) and f"json_valid({_quoted(name)})" in checks else column
            for column in found
            for name, text, null, _ in [column]
        ]

    def _with_systems(self, found: list[tuple[Any, ...]], where: tuple[str, ...]) -> list[tuple[Any, ...]]:
        """Return the columns, the geometries of MySQL 8 with the spatial reference system that they are held to."""
        kinds = ("geometry", "geomcollection", *it.GEOMETRY_CODES)
        version = str(getattr(self._connection, "server_version", "")).split(".", maxsplit=1)[0]
        if self._is_mariadb or not version.isdigit() or int(version) < 8 or not any(row[1] in kinds for row in found):
            return found
        systems = {name: int(number) for name, number in self._rows(_SYSTEMS, where)}
        return [
            (name, f"{text} srid {systems[name]}" if name in systems else text, *rest) for name, text, *rest in found
        ]

    @property
    def _is_mariadb(self) -> bool:
        return "MariaDB" in str(getattr(self._connection, "server_version", ""))

    def _with_members(
        self, found: list[tuple[Any, ...]], table: str
    ) -> tuple[list[tuple[Any, ...]], dict[str, UntoldMembersError]]:
        """Return the columns with the members that they have, and by name those whose members nobody tells."""
        told: list[tuple[Any, ...]] = []
        errors: dict[str, UntoldMembersError] = {}
        for name, text, null, charset in found:
            members = text
            if is_doubtful(text, charset):
                try:
                    if self._is_mariadb:
                        members = told_members(text, table, name, self._asked)
                    elif not text.startswith("enum("):  # an enum goes by its text, and a wrong one is no member
                        raise untold(text)
                except DRIVER_ERRORS as error:
                    if is_lost(error):
                        raise
                    errors[name] = untold(text)
                except UntoldMembersError as error:
                    errors[name] = error
            told.append((name, members, null, charset))
        return told, errors

    def about_rows(self, table: str) -> int | None:
        """Return how many rows the server takes a table to have; of a view it has no opinion."""
        database = self._server.database
        with self._reporting():
            found = self._rows(_ABOUT_ROWS, (database, table, table))
        return int(found[0][0]) if found and found[0][0] is not None else None

    def try_out(self, query: TableQuery) -> None:
        """Let the server look at a query without reading a row."""
        sql, values = _compile(query.select_nothing())
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(sql, dict(values))
                cursor.fetchall()
        except DRIVER_ERRORS as error:
            reason = self._server.explain(error)
            raise UnfitSourceError(f"`where` does not work for {self._place}: {reason}") from error

    def last_key(self, query: TableQuery, key: Sequence[str]) -> tuple[Any, ...] | None:
        """Return the highest key, ``None`` if there is no row."""
        return self._one(query.select_last_key(key), key)

    def first_key(self, query: TableQuery, key: Sequence[str]) -> tuple[Any, ...] | None:
        """Return the lowest key, ``None`` if there is no row."""
        return self._one(query.select_first_key(key), key)

    def _one(self, statement: ClauseElement, key: Sequence[str]) -> tuple[Any, ...] | None:
        found = list(self._read(*_compile(statement), self._key_cells(key)))
        return tuple(values[0] for values in found[0]) if found else None

    def count(self, query: TableQuery, key: Sequence[str], upper: tuple[Any, ...]) -> int:
        """Return how many rows there are, up to and with a key."""
        sql, values = _compile(query.select_count(key))
        with self._reporting():
            [(found,)] = self._rows(sql, {**values, **query.page_values(None, upper)})
        return int(found)

    def parts(self, query: TableQuery, key: Sequence[str], group: int, size: PartSize) -> list[Cut] | None:
        """Return near-equal parts, by what the index of the key tells of ranges, which is of all rows of the table."""
        first = self.first_key(query, key)
        last = None if first is None else self.last_key(query, key)
        if first is None or last is None:
            return []
        ranges = KeyRanges(self, query, key, self._indexes[tuple(key)])
        bisection = Bisection(ranges, [_codec(self._schema[name].type) for name in key], group)
        rows = bisection.about_rows(first, last)
        return None if rows is None else bisection.cuts(first, last, size.rows_for(rows))

    def ask_key(self, statement: Select[Any], values: Mapping[str, Any], key: Sequence[str]) -> tuple[Any, ...] | None:
        """Return the key that a statement finds, ``None`` if it finds none. It is kept compiled."""
        sql, given = self._kept(statement)
        found = list(self._read(sql, {**given, **values}, self._key_cells(key)))
        return tuple(column[0] for column in found[0]) if found else None

    def explain_rows(self, statement: Select[Any], values: Mapping[str, Any]) -> int | None:
        """Return about how many rows a server would read for a statement, if it says so. It is kept compiled."""
        sql, given = self._kept(statement)
        with self._reporting(), self._connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN FORMAT=TRADITIONAL {sql}", {**given, **values})
            names = [column[0].casefold() for column in cursor.description]
            [row] = cursor.fetchall()
        plan = dict(zip(names, row, strict=True))
        if plan["rows"] is None:
            return 0 if plan["table"] is None else None  # of no table: there is no such row
        return int(plan["rows"])

    def lowered(self, column: str, value: Any, lag: Lag) -> Any:
        """Return what lies so far below a value."""
        del column  # a value is of its column's type
        return lowered(value, lag)

    def leads_index(self, table: str, column: str) -> bool:
        """Return whether an index that is in order begins with a column."""
        database = self._server.database
        with self._reporting():
            return bool(self._rows(_LEADERS, (database, table, table, column)))

    def page(
        self, query: TableQuery, key: Sequence[str], after: tuple[Any, ...] | None, upper: tuple[Any, ...], rows: int
    ) -> tuple[Columns, tuple[Any, ...] | None]:
        """Return the next rows by key, by columns, and the last key; once more if the connection broke."""
        try:
            return self._page(query, key, after, upper, rows)
        except SourceError as error:
            if not is_lost(error.__cause__):
                raise
        self._reconnect(query, key)
        return self._page(query, key, after, upper, rows)

    def _page(
        self, query: TableQuery, key: Sequence[str], after: tuple[Any, ...] | None, upper: tuple[Any, ...], rows: int
    ) -> tuple[Columns, tuple[Any, ...] | None]:
        statement = (id(query), tuple(key), rows, after is None)
        if statement not in self._compiled:
            self._compiled[statement] = _compile(query.select_page(key, rows, first=after is None))
        sql, values = self._compiled[statement]
        cells = (*self._cells(query), *self._key_cells(query.page_columns(key)[len(query.columns) :]))
        found: list[list[Any]] = [[] for _ in cells]
        for some in self._read(sql, {**values, **query.page_values(after, upper)}, cells):
            for gathered, more in zip(found, some, strict=True):
                gathered.extend(more)
        if not found[0]:
            return found[: len(query.columns)], None
        self._rows_read += len(found[0])
        return found[: len(query.columns)], tuple(found[place][-1] for place in query.key_places(key))

    def encode_key(self, key: Sequence[str], values: Sequence[Any]) -> list[Any]:
        """Return a key as JSON holds it, each value in the form of its column's type."""
        kinds = [kept_column(self._schema[name]).type for name in key]
        return [
            json.loads(msgspec.json.encode(json_form(kind).encode(value)))
            for kind, value in zip(kinds, values, strict=True)
        ]

    def decode_key(self, key: Sequence[str], encoded: Sequence[Any]) -> tuple[Any, ...]:
        """Return the key of what ``encode_key`` made."""
        kinds = [kept_column(self._schema[name]).type for name in key]
        return tuple(_decoded(kind, value) for kind, value in zip(kinds, encoded, strict=True))

    def stream(self, query: TableQuery, rows: int) -> Iterator[Columns]:
        """Yield all rows, by columns, out of one consistent snapshot."""
        with self._reporting():
            self._connection.query("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        waiting: Columns = [() for _ in query.columns]
        for some in self._read(*_compile(query.select_all()), self._cells(query)):
            together = [[*column, *more] for column, more in zip(waiting, some, strict=True)]
            whole = len(together[0]) // rows * rows
            for start in range(0, whole, rows):
                yield [column[start : start + rows] for column in together]
            waiting = [column[whole:] for column in together]
        if waiting[0]:
            yield waiting

    def close(self) -> None:
        """Let go of the connection; an unfinished result is not waited for."""
        if has_open_result(self._connection):
            hang_up(self._connection)
        elif self._connection.open:
            self._connection.close()

    def _reconnect(self, query: TableQuery, key: Sequence[str]) -> None:
        """Go on over a new connection, if what is read is still what it was.

        Raises:
            TableAlteredError: If it is not.
        """
        hang_up(self._connection)
        self._connection = self._server.connect()
        before, key_before = self._schema, self._page_key
        found = self.describe(query.table, ())
        names = query.page_columns(key)
        changed = any(name not in found.schema or found.schema[name] != before[name] for name in names)
        if changed or found.page_key() != key_before:
            raise TableAlteredError(found)

    # -- statements --------------------------------------------------------------------

    def _cells(self, query: TableQuery) -> tuple[Cell, ...]:
        cells = tuple(cell_of(query.taken.get(name) or self._schema[name]) for name in query.columns)
        return tuple(map(lenient, cells)) if self.keeps_unreadable else cells

    def _key_cells(self, key: Sequence[str]) -> tuple[Cell, ...]:
        # Whatever the key holds bounds a page; what of it is no value of its column is for the page itself to say.
        return tuple(cell_of(kept_column(self._schema[name])) for name in key)

    def _kept(self, statement: Select[Any]) -> tuple[str, Mapping[str, Any]]:
        if statement not in self._compiled:
            self._compiled[statement] = _compile(statement)
        return self._compiled[statement]

    def _asked(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a statement that may hold percent signs."""
        with self._connection.cursor() as cursor:
            cursor.execute(sql)
            return list(cursor.fetchall())

    def _rows(self, sql: str, parameters: tuple[object, ...] | dict[str, Any]) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return list(cursor.fetchall())

    def _read(self, sql: str, values: Mapping[str, Any], cells: tuple[Cell, ...]) -> Iterator[Columns]:
        connection = self._connection
        cursor = connection.cursor()
        first = self._rows_read + 1
        try:
            with self._reporting():
                cursor.execute(sql, dict(values))
                if can_read_by_buffer(connection):
                    yield from read_columns(connection, cells, first)
                    return
                while some := cursor.fetchmany(FALLBACK_ROWS):
                    yield typed_columns(cells, list(zip(*some, strict=True)), first)
                    first += len(some)
        finally:
            if has_open_result(connection):
                # The cursor would read the rest of the table when it is thrown away.
                hang_up(connection)

    @contextmanager
    def _reporting(self) -> Iterator[None]:
        try:
            yield
        except DRIVER_ERRORS as error:
            user = f"`{self._server.user}`"
            raise SourceError(f"reading {self._place} as {user} failed: {self._server.explain(error)}") from error


def _decoded(kind: type[DataType], encoded: Any) -> Any:
    """Return a value of a key; an integer also as one of fewer bits is kept, for the column may have been widened."""
    if kind.intermediate_type.family is it.INTEGER and isinstance(encoded, int | str):
        return kind.python_cast_function(int(encoded))
    return json_form(kind).decode(encoded)


def _codec(kind: type[DataType]) -> str:
    charset = getattr(kind.intermediate_type, "charset", None)
    return CHARSETS[charset][0] if charset else "utf-8"


@functools.cache
def _dialect() -> Any:
    return LazyModule("sqlalchemy.dialects.mysql.pymysql").MySQLDialect_pymysql(paramstyle="pyformat")


def _compile(statement: ClauseElement) -> tuple[str, Mapping[str, Any]]:
    compiled = statement.compile(dialect=_dialect(), compile_kwargs={"render_postcompile": True})
    return str(compiled), compiled.params


def _is_longtext(text: str) -> bool:
    return text.partition(" ")[0] == "longtext"  # which may be compressed


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
