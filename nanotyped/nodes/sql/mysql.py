"""Reading tables of MySQL and MariaDB through PyMySQL: what they are, by pages, and in one pass."""

from __future__ import annotations

import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Literal

import pymysql
import pymysql.converters
from pymysql.cursors import SSCursor
from sqlalchemy.dialects.mysql.pymysql import MySQLDialect_pymysql
from sqlalchemy.sql import ClauseElement

from nanotyped.errors import SourceError, TypeSyntaxError, nearest_hint
from nanotyped.nodes.sql.cells import cell_of
from nanotyped.nodes.sql.description import TableDescription
from nanotyped.nodes.sql.statements import TableQuery
from nanotyped.nodes.sql.wire import Cell, can_read_by_buffer, read_rows
from nanotyped.row import Column, Schema
from nanotyped.types import intermediate as it
from nanotyped.types.base import DataType
from nanotyped.types.mysql import mysql_type

Tls = Literal["auto", "verify", "off"]
# All of Unicode: columns of these need no mention of their charset.
_WHOLE_UNICODE = ("utf8mb4", "utf16", "utf16le", "utf32")
# The decoders are turned off, the encoders of bound values stay: they are the entries whose keys are types.
_ENCODERS: dict[Any, Any] = {
    key: value for key, value in pymysql.converters.conversions.items() if not isinstance(key, int)
}
_DIALECT = MySQLDialect_pymysql(paramstyle="pyformat")

_TABLES = "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s"
_COLUMNS = """
    SELECT COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, CHARACTER_SET_NAME
    FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = %s AND BINARY TABLE_NAME = %s ORDER BY ORDINAL_POSITION"""
_KEYS = """
    SELECT INDEX_NAME, COLUMN_NAME, SUB_PART FROM information_schema.STATISTICS
    WHERE TABLE_SCHEMA = %s AND BINARY TABLE_NAME = %s AND NON_UNIQUE = 0 AND INDEX_TYPE = 'BTREE'
    ORDER BY INDEX_NAME <> 'PRIMARY', INDEX_NAME, SEQ_IN_INDEX"""


@dataclass(frozen=True, slots=True)
class MySQLServer:
    """Where a server is and how to get in. The password is kept out of ``repr``.

    ``tls``: ``auto`` encrypts and verifies the server's identity unless it is on this machine, ``verify`` always does,
    ``off`` never. ``tls_ca`` is the file of the certificate authority to trust beside the system's.
    """

    host: str
    port: int
    user: str
    password: str
    database: str
    tls: Tls = "auto"
    tls_ca: str | None = None
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 60.0

    def __repr__(self) -> str:
        return f"{self.user}@{self.place}/{self.database}"

    @property
    def place(self) -> str:
        """Host and port."""
        return f"{self.host}:{self.port}"

    def connect(self) -> pymysql.Connection[SSCursor]:
        """Return a new connection whose session is in UTC and whose values come undecoded.

        Raises:
            SourceError: If there is none to be had.
        """
        try:
            tls = self._tls_context()
            return pymysql.connect(
                host=self.host,
                port=self.port,
                user=self.user,
                password=self.password,
                database=self.database,
                charset="utf8mb4",
                cursorclass=SSCursor,
                conv=_ENCODERS,
                autocommit=True,
                local_infile=False,
                connect_timeout=self.connect_timeout_s,
                read_timeout=self.read_timeout_s,
                write_timeout=self.read_timeout_s,
                ssl=tls,
                # Left to itself PyMySQL would try TLS without verifying anybody.
                ssl_disabled=tls is None,
                # A slow consumer must not make the server hang up in the middle of a result.
                init_command="SET time_zone = '+00:00', net_write_timeout = 3600",
            )
        except (pymysql.Error, OSError, RuntimeError) as error:
            raise SourceError(f"cannot connect to {self!r}: {_text(error)}") from error

    def _tls_context(self) -> ssl.SSLContext | None:
        if self.tls == "off" or (self.tls == "auto" and is_loopback(self.host)):
            return None
        return ssl.create_default_context(cafile=self.tls_ca)


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine: a loopback address, ``localhost``, or a socket's path."""
    if host == "localhost" or host.startswith("/"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


class MySQLReader:
    """One connection to a server, for describing and reading a table. See ``TableReader``."""

    def __init__(self, server: MySQLServer) -> None:
        self._server = server
        self._connection = server.connect()
        self._schema = Schema([])
        self._rows_read = 0

    def describe(self, table: str, columns: Sequence[str] | None) -> TableDescription:
        """Return what the table is, as ``information_schema`` has it for this database alone."""
        database = self._server.database
        place = f"table `{database}`.`{table}` on {self._server.place}"
        with self._reporting(place):
            found = self._rows(_COLUMNS, (database, table))
            if not found:
                tables = [name for (name,) in self._rows(_TABLES, (database,))]
                hint = nearest_hint(table, tables)
                raise SourceError(f"there is no {place}, or `{self._server.user}` may not see it{_sentence(hint)}")
            keys: dict[str, list[tuple[str | None, str | None]]] = {}
            for index, name, part in self._rows(_KEYS, (database, table)):
                keys.setdefault(index, []).append((name, part))
        primary = {name for name, _ in keys.get("PRIMARY", [])}
        self._schema = _schema_of(found, primary, columns, place)
        nullable = {name for name, _, null, _ in found if null == "YES"}
        unique = [
            tuple(name for name, _ in parts if name is not None)
            for parts in keys.values()
            if all(name in self._schema and part is None and name not in nullable for name, part in parts)
        ]
        unique.sort(key=lambda key: (set(key) != primary, len(key)))
        return TableDescription(place, self._schema, tuple(unique))

    def last_key(self, query: TableQuery, key: Sequence[str]) -> tuple[Any, ...] | None:
        """Return the highest key, ``None`` if there is no row."""
        rows = list(self._read(query.select_last_key(key), self._cells(key)))
        return rows[0][0] if rows else None

    def page(
        self, query: TableQuery, key: Sequence[str], after: tuple[Any, ...] | None, upper: tuple[Any, ...], rows: int
    ) -> tuple[list[tuple[Any, ...]], tuple[Any, ...] | None]:
        """Return the next rows by key, typed, and the key of the last of them."""
        names = [*query.columns, *(name for name in key if name not in query.columns)]
        found = [
            row for rows_ in self._read(query.select_page(key, after, upper, rows), self._cells(names)) for row in rows_
        ]
        if not found:
            return [], None
        self._rows_read += len(found)
        places = [names.index(name) for name in key]
        last = tuple(found[-1][place] for place in places)
        if len(names) > len(query.columns):
            found = [row[: len(query.columns)] for row in found]
        return found, last

    def stream(self, query: TableQuery, rows: int) -> Iterator[list[tuple[Any, ...]]]:
        """Yield all rows, typed, out of one consistent snapshot."""
        with self._reporting("the snapshot"):
            self._connection.query("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        waiting: list[tuple[Any, ...]] = []
        for some in self._read(query.select_all(), self._cells(query.columns)):
            waiting += some
            while len(waiting) >= rows:
                yield waiting[:rows]
                del waiting[:rows]
        if waiting:
            yield waiting

    def close(self) -> None:
        """Let go of the connection; an unfinished result is not waited for."""
        result = getattr(self._connection, "_result", None)
        if getattr(result, "unbuffered_active", False):
            # Closing politely would read the rest of the table first.
            result.unbuffered_active = False  # type: ignore[union-attr]  # there is one: it is active
            self._connection._force_close()  # type: ignore[attr-defined]  # PyMySQL's own way of hanging up
        elif self._connection.open:
            self._connection.close()

    # -- statements --------------------------------------------------------------------

    def _cells(self, names: Sequence[str]) -> tuple[Cell, ...]:
        return tuple(cell_of(self._schema[name]) for name in names)

    def _rows(self, sql: str, parameters: tuple[object, ...]) -> list[tuple[Any, ...]]:
        with self._connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return list(cursor.fetchall())

    def _read(self, statement: ClauseElement, cells: tuple[Cell, ...]) -> Iterator[list[tuple[Any, ...]]]:
        compiled = statement.compile(dialect=_DIALECT, compile_kwargs={"render_postcompile": True})
        cursor = self._connection.cursor()
        with self._reporting("the query"):
            cursor.execute(str(compiled), compiled.params)
            if can_read_by_buffer(self._connection):
                yield from read_rows(self._connection, cells, self._rows_read + 1)
            else:
                while some := cursor.fetchmany(1000):
                    yield [_convert_row(cells, row) for row in some]

    @contextmanager
    def _reporting(self, what: str) -> Iterator[None]:
        try:
            yield
        except pymysql.Error as error:
            raise SourceError(f"{what} at {self._server!r} failed: {_text(error)}") from error


def _convert_row(cells: tuple[Cell, ...], row: Sequence[Any]) -> tuple[Any, ...]:
    return tuple(
        cell.convert(value) if value is not None and cell.convert is not None else value
        for cell, value in zip(cells, row, strict=True)
    )


def _schema_of(
    found: list[tuple[Any, ...]], primary: set[str | None], wanted: Sequence[str] | None, place: str
) -> Schema:
    problems: list[str] = []
    columns: list[Column] = []
    names = [name for name, *_ in found]
    for name in wanted or ():
        if name not in names:
            problems.append(f"it has no column `{name}`{_sentence(nearest_hint(name, names))}")
    for name, text, nullable, charset in found:
        try:
            kind = column_type(text, charset)
        except TypeSyntaxError as error:
            if wanted is None or name in wanted:
                problems.append(f"column `{name}`: {error}; leave it out with `columns`")
            continue
        columns.append(Column(name, kind, nullable=nullable == "YES", key=name in primary))
    if problems:
        raise SourceError(f"{place} cannot be read: {'; '.join(problems)}")
    return Schema(columns)


def column_type(text: str, charset: str | None) -> type[DataType]:
    """Return the type of a COLUMN_TYPE and CHARACTER_SET_NAME of ``information_schema``.

    Raises:
        TypeSyntaxError: If it is of no known type.
    """
    kind = mysql_type(text)
    if charset is None or charset in _WHOLE_UNICODE or not issubclass(kind.intermediate_type, it.STRING):
        return kind
    return mysql_type(f"{text} character set {charset}")


def widened_columns(schema: Schema) -> frozenset[str]:
    """Return the columns of single-precision floats, which a server prints with six digits unless asked to add 0e0."""
    return frozenset(
        column.name
        for column in schema
        if issubclass(column.type.intermediate_type, it.FLOAT)
        and getattr(column.type.intermediate_type, "bits", 64) == 32
    )


def _text(error: Exception) -> str:
    if isinstance(error, pymysql.Error) and len(error.args) > 1:
        return f"{error.args[1]} ({error.args[0]})"
    return str(error) or type(error).__name__


def _sentence(hint: str) -> str:
    return f"; {hint}" if hint else ""
