"""``StreamMySQLTable`` and ``StreamTable``: all rows of a table, typed by the table itself, checked, in key order."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import starmap
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from nanotyped.errors import GraphProblem, RowValidationError, SourceError
from nanotyped.node import NanoNode
from nanotyped.nodes.sql.mysql import MySQLReader, widened_columns
from nanotyped.nodes.sql.policies import (
    BitOption,
    ColumnPolicies,
    Tinyint1Option,
    ZeroDateOption,
)
from nanotyped.nodes.sql.server import MySQLServer, Tls
from nanotyped.nodes.sql.sqlite import SQLiteReader
from nanotyped.nodes.sql.statements import Condition, TableQuery, check_parameters
from nanotyped.registry import register_node
from nanotyped.row import Row, Schema, Validator, parse_schema
from nanotyped.row.compiled import compile_projection
from nanotyped.row.schema import check_schema
from nanotyped.types import InvalidDate
from nanotyped.types.text import INVALID_DATE_REASONS

if TYPE_CHECKING:
    from nanotyped.nodes.sql.description import TableDescription, TableReader

DEFAULT_PAGE_ROWS = 1000
# A page of a server costs a round trip: larger ones pay it less often, and still hold a few MB at the most.
SERVER_PAGE_ROWS = 5000
CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 10.0, 60.0
logger = logging.getLogger("nanotyped.nodes.sql")


class TableSource(NanoNode[object, Any]):
    """What the table sources share: look at the table, read it by pages or in one pass, check what comes."""

    backslash_escapes = True
    """Whether a backslash escapes in quotes, in the SQL of the server."""

    def __init__(
        self,
        *,
        table: str,
        columns: Sequence[str] | None,
        where: str | None,
        parameters: Mapping[str, Any] | None,
        page_rows: int,
        zero_date: ZeroDateOption,
        tinyint1: Tinyint1Option,
        bit: BitOption,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if not table:
            raise ValueError("table must be named")
        if page_rows < 1:
            raise ValueError(f"page_rows must be at least 1, not {page_rows}")
        if columns is not None and not columns:
            raise ValueError("columns must name a column; leave it out for all of them")
        if twice := [f"`{name}`" for name in dict.fromkeys(columns or ()) if list(columns or ()).count(name) > 1]:
            raise ValueError(f"columns names {', '.join(twice)} twice")
        if problems := check_parameters(where, parameters or {}, backslash_escapes=self.backslash_escapes):
            raise ValueError("; ".join(problems))
        self.table = table
        self.columns = tuple(columns) if columns is not None else None
        self.where = where
        self.parameters = dict(parameters or {})
        self.page_rows = page_rows
        self._policies = ColumnPolicies.of_options(zero_date=zero_date, tinyint1=tinyint1, bit=bit)
        self._description: TableDescription | None = None

    def open_reader(self) -> TableReader:
        """Return a new connection to where the table is.

        Raises:
            SourceError: If there is none to be had.
        """
        raise NotImplementedError

    # -- what it gives -----------------------------------------------------------------

    def discover_schema(self) -> None:
        """Look at the live table and keep what it is; try the condition on it.

        Raises:
            SourceError: If it cannot be reached, is not there, or the condition does not work on it.
        """
        reader = self.open_reader()
        try:
            self._description = description = reader.describe(self.table, self._wanted())
            if self.where is not None:
                reader.try_out(self._query(reader, description))
        finally:
            reader.close()

    def get_schema(self) -> Schema:
        """Return the schema of the rows, connecting if the table was not looked at yet.

        Raises:
            SourceError: If the table cannot be reached, or is not there.
        """
        if self._description is None:
            self.discover_schema()
        schema = self.output_schema_for(None)
        assert schema is not None  # the table was looked at
        return schema

    def output_schema_for(self, given: Schema | None) -> Schema | None:
        """Return the declared contract; without one the live table's columns, once it was looked at."""
        del given  # a source has no input
        if self.output_schema is not None:
            return parse_schema(self.output_schema)
        return self._live_schema()

    def check_contract(self) -> list[GraphProblem]:
        """Return how the live table, once it was looked at, differs from the declared contract."""
        live, problems = self._live_schema(), self._policy_problems()
        if problems or live is None or self.output_schema is None or self._description is None:
            return problems
        edge = (self._description.place.replace("`", ""), self.label)
        return [*check_schema(live, parse_schema(self.output_schema), edge)]

    def _policy_problems(self) -> list[GraphProblem]:
        """Return the policies of columns that the live table does not have, or that they are not about."""
        raw = self._raw_schema()
        return [] if raw is None else self._policies.problems(raw, self.label)

    def _wanted(self) -> tuple[str, ...] | None:
        if self.columns is None and self.output_schema is not None:
            return parse_schema(self.output_schema).names
        return self.columns

    def _raw_schema(self) -> Schema | None:
        """Return the wanted columns as the table has them."""
        if self._description is None:
            return None
        wanted = self._wanted()
        live = self._description.schema
        return live if wanted is None else live.select(name for name in wanted if name in live)

    def _live_schema(self) -> Schema | None:
        """Return the wanted columns as the node takes them."""
        raw = self._raw_schema()
        return None if raw is None else self._policies.taken(raw)

    # -- reading -------------------------------------------------------------------------

    def generate_batches(self) -> Iterator[Sequence[Row]]:
        """Yield the rows of the table, checked against the contract.

        Raises:
            SourceError: If the table is no longer what it was when the run was checked, or the connection is lost.
            RowValidationError: If a value breaks its column's contract.
        """
        if self._description is None:
            self.discover_schema()
        reader = self.open_reader()
        try:
            checked = self._live_schema()
            self._description = description = reader.describe(self.table, self._wanted())
            if self._live_schema() != checked:
                raise SourceError(f"{description.place} was altered since the pipeline was checked; check it again")
            shape = self._shape()
            raw = self._raw_schema()
            assert raw is not None  # it was described just now
            nulls = self._policies.null_dates(raw)
            first = 1
            for tuples in self._tuples(reader, description):
                yield shape(_without_invalid_dates(tuples, nulls), first)
                first += len(tuples)
            self._check_unaltered(reader, description)
        except RowValidationError as error:
            error.add_note(f"in `{self.table}`")
            if any(problem.reason in INVALID_DATE_REASONS for problem in error.problems):
                error.add_note("`zero_date: null` reads such dates as null, `zero_date: keep` as they are")
            raise
        finally:
            reader.close()

    def _check_unaltered(self, reader: TableReader, description: TableDescription) -> None:
        """Raise if what was read is no longer what it was when reading began.

        A key of another type sorts otherwise, and pages by it skip rows: no such run ends well in silence.
        """
        again = reader.describe(self.table, self._wanted())
        read = self._raw_schema()
        assert read is not None  # the table was looked at
        changed = (column for column in read if column.name not in again.schema or again.schema[column.name] != column)
        if again.page_key() != description.page_key() or any(changed):
            place = description.place
            raise SourceError(f"{place} was altered while it was read, and rows may be missing; read it again")

    def _tuples(self, reader: TableReader, description: TableDescription) -> Iterator[list[tuple[Any, ...]]]:
        key = description.page_key()
        query = self._query(reader, description)
        if key is None:
            logger.warning(
                "%s: %s has no unique key of ordered, non-null columns: read in one pass, which cannot be resumed",
                self.label,
                description.place,
            )
            yield from reader.stream(query, self.page_rows)
            return
        upper = reader.last_key(query, key)
        after: tuple[Any, ...] | None = None
        while upper is not None:
            rows, last = reader.page(query, key, after, upper, self.page_rows)
            if rows:
                yield rows
            if last is None or len(rows) < self.page_rows:
                return
            after = last

    def _query(self, reader: TableReader, description: TableDescription) -> TableQuery:
        live = self._raw_schema()
        assert live is not None  # the table was looked at
        widened = widened_columns(live) if isinstance(reader, MySQLReader) else frozenset()
        where = None if self.where is None else Condition(self.where, self.parameters, self.backslash_escapes)
        collations = description.collations.get(description.page_key() or (), {})
        taken = self._policies.read(description.schema)
        return TableQuery(self.table, live.names, where, widened, collations, taken)

    def _shape(self) -> Callable[[list[tuple[Any, ...]], int], list[Row]]:
        """Return what makes rows of the declared contract of tuples of the live columns."""
        live = self._live_schema()
        assert live is not None  # the table was looked at
        contract = self.output_schema_for(None)
        row_class = self.output_row_class()
        if contract is None or contract == live:
            return Validator(live, row_class).rows if self.validate else _unchecked(row_class or live.row_class())
        read = Validator(live)
        project = compile_projection(read.row_class, row_class or contract.row_class())
        return lambda tuples, first: project(read.rows(tuples, first))


def _without_invalid_dates(rows: list[tuple[Any, ...]], places: tuple[int, ...]) -> list[tuple[Any, ...]]:
    """Return the rows with nulls for the invalid dates in some of their places."""
    for place in places:
        if any(type(row[place]) is InvalidDate for row in rows):
            rows = [(*row[:place], None, *row[place + 1 :]) if type(row[place]) is InvalidDate else row for row in rows]
    return rows


def _unchecked(row_class: type[Row]) -> Callable[[list[tuple[Any, ...]], int], list[Row]]:
    return lambda tuples, _first: list(starmap(row_class, tuples))


@register_node
class StreamMySQLTable(TableSource):
    """All rows of a table of MySQL or MariaDB, in the order of its key, typed by its columns.

    A table with a primary key, or a unique key of non-null columns, is read by pages behind the last key, up to the
    highest key at the start; any other in one pass, out of one snapshot. Needs no input. Gives the table's columns, or
    those of ``output_schema``, which the live table must fit.

    Args:
        table: Name of the table or view.
        host: Host of the server.
        port: Its port.
        user: Who to log in as.
        password: The password.
        database: Name of the database.
        url: All of these at once, as ``mysql://user:password@host:port/database``.
        columns: Names of the columns to read, in this order; default all.
        where: SQL condition, with parameters as ``:name``; a colon in quotes is data.
        parameters: Values of the parameters.
        page_rows: Rows to a page.
        zero_date: What becomes of dates that are on no calendar (``0000-00-00``, ``2021-02-30``): ``error``, ``null``,
            or ``keep``, as an ``InvalidDate``; for all columns, or by column.
        tinyint1: What ``tinyint(1)`` is: ``int`` or ``bool``; for all columns, or by column.
        bit: What ``bit(n)`` is: ``int``, ``bytes``, or ``bool``, which leaves longer ones than ``bit(1)`` numbers; for
            all columns, or by column.
        tls: ``auto`` encrypts and verifies unless the server is on this machine; ``verify`` always does; ``off`` never.
        tls_ca: File of the certificate authority to trust beside the system's.
        connect_timeout_s: Longest wait for a connection, in seconds.
        read_timeout_s: Longest wait for an answer, in seconds.
        to_row_obj: Accepted for old pipelines; every message is a row.
    """

    def __init__(
        self,
        *,
        table: str,
        host: str = "localhost",
        port: int = 3306,
        user: str = "",
        password: SecretStr | str = "",
        database: str = "",
        url: SecretStr | str | None = None,
        columns: list[str] | None = None,
        where: str | None = None,
        parameters: dict[str, Any] | None = None,
        page_rows: int = SERVER_PAGE_ROWS,
        zero_date: ZeroDateOption = "error",
        tinyint1: Tinyint1Option = "int",
        bit: BitOption = "int",
        tls: Tls = "auto",
        tls_ca: str | None = None,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        read_timeout_s: float = READ_TIMEOUT_S,
        to_row_obj: bool = False,  # noqa: ARG002 - accepted for old pipelines, see above
        **options: Any,
    ) -> None:
        super().__init__(
            table=table,
            columns=columns,
            where=where,
            parameters=parameters,
            page_rows=page_rows,
            zero_date=zero_date,
            tinyint1=tinyint1,
            bit=bit,
            **options,
        )
        self._server = server_of_options(
            url,
            host=host,
            port=port,
            user=user,
            password=password,
            database=database,
            tls=tls,
            tls_ca=tls_ca,
            connect_timeout_s=connect_timeout_s,
            read_timeout_s=read_timeout_s,
        )

    def open_reader(self) -> TableReader:
        """Return a new connection to the server."""
        return MySQLReader(self._server)


@register_node
class StreamTable(TableSource):
    """All rows of a table behind a SQLAlchemy URL, in the order of its key, typed by its declared column types.

    SQLite (``sqlite:///shop.db``), whose columns may be declared as MySQL's are, and MySQL and MariaDB
    (``mysql://…``, ``mariadb://…``). Needs no input. Gives the table's columns, or those of ``output_schema``.

    Args:
        url: Where the table is.
        table: Its name.
        columns: Names of the columns to read, in this order; default all.
        where: SQL condition, with parameters as ``:name``; a colon in quotes is data.
        parameters: Values of the parameters.
        page_rows: Rows to a page.
        zero_date: What becomes of dates that are on no calendar: ``error``, ``null`` or ``keep``; for all columns, or
            by column.
        tinyint1: What a ``tinyint(1)`` of MySQL is: ``int`` or ``bool``; for all columns, or by column.
        bit: What a ``bit(n)`` of MySQL is: ``int``, ``bytes`` or ``bool``; for all columns, or by column.
    """

    def __init__(
        self,
        *,
        url: SecretStr | str,
        table: str,
        columns: list[str] | None = None,
        where: str | None = None,
        parameters: dict[str, Any] | None = None,
        page_rows: int = DEFAULT_PAGE_ROWS,
        zero_date: ZeroDateOption = "error",
        tinyint1: Tinyint1Option = "int",
        bit: BitOption = "int",
        **options: Any,
    ) -> None:
        self._url = check_url(url)
        if self._url.get_backend_name() == "sqlite":
            self.backslash_escapes = False
        super().__init__(
            table=table,
            columns=columns,
            where=where,
            parameters=parameters,
            page_rows=page_rows,
            zero_date=zero_date,
            tinyint1=tinyint1,
            bit=bit,
            **options,
        )

    def open_reader(self) -> TableReader:
        """Return a new connection to where the URL points."""
        return open_reader(self._url)


def check_url(url: SecretStr | str) -> URL:
    """Return the URL of a database whose tables can be read.

    Raises:
        ValueError: If it is misspelt, or of a database that is not known here; does not repeat what it holds.
    """
    found = _parse_url(url)
    backend = found.get_backend_name()
    if backend not in _READERS:
        known = ", ".join(sorted(_READERS))
        raise ValueError(f"no type system reads the column types of `{backend}`; these are known: {known}")
    if backend != "sqlite":
        _server_of(found)  # says now what is wrong with it
    return found


def open_reader(url: URL) -> TableReader:
    """Return a new connection to where a checked URL points.

    Raises:
        SourceError: If there is none to be had.
    """
    return _READERS[url.get_backend_name()](url)


def server_of_options(
    url: SecretStr | str | None,
    *,
    host: str,
    port: int,
    user: str,
    password: SecretStr | str,
    database: str,
    tls: Tls,
    tls_ca: str | None,
    connect_timeout_s: float,
    read_timeout_s: float,
) -> MySQLServer:
    """Return the server that the options of a node name, by its parts or by a URL.

    Raises:
        ValueError: If they name it twice, or something in them is wrong.
    """
    if url is None:
        secret = SecretStr(_reveal(password))
        return MySQLServer(host, port, user, secret, database, tls, tls_ca, connect_timeout_s, read_timeout_s)
    if (host, port, user, database, _reveal(password)) != ("localhost", 3306, "", "", ""):
        raise ValueError("give either `url`, or `host`, `port`, `user`, `password` and `database`, not both")
    return _server_of(_parse_url(url), tls, tls_ca, connect_timeout_s, read_timeout_s)


def _reveal(secret: SecretStr | str) -> str:
    return secret.get_secret_value() if isinstance(secret, SecretStr) else secret


def _parse_url(url: SecretStr | str) -> URL:
    try:
        found = make_url(_reveal(url))
    except (ArgumentError, ValueError):
        # The text may hold a password: it is not repeated.
        raise ValueError("url is not spelled dialect://user:password@host:port/database") from None
    if found.get_backend_name() != "sqlite" and "@" in f"{found.host}{found.database}":
        raise ValueError("url: in user and password, `@` is written %40, `/` %2F and `:` %3A")
    return found


def _server_of(
    url: URL,
    tls: Tls = "auto",
    tls_ca: str | None = None,
    connect_timeout_s: float = CONNECT_TIMEOUT_S,
    read_timeout_s: float = READ_TIMEOUT_S,
) -> MySQLServer:
    if url.get_backend_name() not in ("mysql", "mariadb"):
        raise ValueError(f"url must begin with mysql:// or mariadb://, not {url.drivername}://")
    if url.query.keys() - {"charset"}:
        # Such as ssl_ca: to ignore it would be to read without it.
        names = ", ".join(f"`{name}`" for name in url.query if name != "charset")
        raise ValueError(f"the url says {names}, which is not known here; TLS is set by `tls` and `tls_ca`")
    return MySQLServer(
        url.host or "localhost",
        url.port or 3306,
        url.username or "",
        SecretStr(url.password or ""),
        url.database or "",
        tls,
        tls_ca,
        connect_timeout_s,
        read_timeout_s,
    )


def _mysql_reader(url: URL) -> TableReader:
    return MySQLReader(_server_of(url))


_READERS: dict[str, Callable[[URL], TableReader]] = {
    "sqlite": SQLiteReader,
    "mysql": _mysql_reader,
    "mariadb": _mysql_reader,
}
__all__ = [
    "DEFAULT_PAGE_ROWS",
    "StreamMySQLTable",
    "StreamTable",
    "TableSource",
    "check_url",
    "open_reader",
    "server_of_options",
]
