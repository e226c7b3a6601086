"""``StreamMySQLTable`` and ``StreamTable``: all rows of a table, typed by the table itself, checked, in key order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import SecretStr  # noqa: TC002 - files are read by the annotations of options

from nanotyped.nodes.schema_contract import SchemaContractOption  # noqa: TC001 - as above
from nanotyped.nodes.sql.following import LagOption  # noqa: TC001 - as above
from nanotyped.nodes.sql.mysql import MySQLReader
from nanotyped.nodes.sql.policies import (  # noqa: TC001 - as above
    BitOption,
    Tinyint1Option,
    ZeroDateOption,
)
from nanotyped.nodes.sql.server import Tls  # noqa: TC001 - as above
from nanotyped.nodes.sql.source import TableSource
from nanotyped.nodes.sql.urls import CONNECT_TIMEOUT_S, READ_TIMEOUT_S, check_url, open_reader, server_of_options
from nanotyped.registry import register_node

if TYPE_CHECKING:
    from nanotyped.nodes.sql.description import TableReader

DEFAULT_PAGE_ROWS = 1000
# A page of a server costs a round trip: larger ones pay it less often, and still hold a few MB at the most.
SERVER_PAGE_ROWS = 5000


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
        page_rows: Rows to a page at the most; where rows go on slowly, pages are smaller (`--state`).
        cursor_column: Column by which a run with a state goes on where the last one ended, and reads only what came
            since: a non-null one of integers, decimals, dates, datetimes or timestamps that grows, best indexed.
        lag: How far before the last cursor each run begins, for rows that are committed later than higher ones: a
            number, or of dates and times a span, such as ``90 s``, ``10 min``, ``2 h`` or ``1 d``. Rows within it are
            given again.
        zero_date: What becomes of dates that are on no calendar (``0000-00-00``, ``2021-02-30``): ``error``, ``null``,
            or ``keep``, as an ``InvalidDate``; for all columns, or by column.
        tinyint1: What ``tinyint(1)`` is: ``int`` or ``bool``; for all columns, or by column.
        bit: What ``bit(n)`` is: ``int``, ``bytes``, or ``bool``, which leaves longer ones than ``bit(1)`` numbers; for
            all columns, or by column.
        schema_contract: What becomes of what the table has beyond ``output_schema``: ``freeze``, ``evolve``,
            ``discard_row`` or ``discard_value``, for all, or for each of ``columns``, ``data_type`` and ``nullable``.
            Without it columns beside the contract are not looked at, and the rest is as with ``freeze``.
        tls: ``auto`` encrypts and verifies unless the server is on this machine; ``verify`` always does; ``off`` never.
        tls_ca: File of the certificate authority to trust beside the system's.
        connect_timeout_s: Longest wait for a connection, in seconds.
        read_timeout_s: Longest wait for an answer, in seconds.
        to_row_obj: Accepted for old pipelines; every message is a row.
        send_batch_markers: Whether a ``BatchStart``, which bears the ``schema`` of the rows, stands before all rows and
            a ``BatchEnd`` behind them.
    """

    send_batch_markers = True

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
        cursor_column: str | None = None,
        lag: LagOption = 0,
        zero_date: ZeroDateOption = "error",
        tinyint1: Tinyint1Option = "int",
        bit: BitOption = "int",
        schema_contract: SchemaContractOption = None,
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
            cursor_column=cursor_column,
            lag=lag,
            zero_date=zero_date,
            tinyint1=tinyint1,
            bit=bit,
            schema_contract=schema_contract,
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
        page_rows: Rows to a page at the most; where rows go on slowly, pages are smaller (`--state`).
        cursor_column: Column by which a run with a state goes on where the last one ended, and reads only what came
            since: a non-null one of integers, decimals, dates, datetimes or timestamps that grows, best indexed.
        lag: How far before the last cursor each run begins, for rows that are committed later than higher ones: a
            number, or of dates and times a span, such as ``90 s``, ``10 min``, ``2 h`` or ``1 d``. Rows within it are
            given again.
        zero_date: What becomes of dates that are on no calendar: ``error``, ``null`` or ``keep``; for all columns, or
            by column.
        tinyint1: What a ``tinyint(1)`` of MySQL is: ``int`` or ``bool``; for all columns, or by column.
        bit: What a ``bit(n)`` of MySQL is: ``int``, ``bytes`` or ``bool``; for all columns, or by column.
        schema_contract: What becomes of what the table has beyond ``output_schema``, as of ``StreamMySQLTable``.
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
        cursor_column: str | None = None,
        lag: LagOption = 0,
        zero_date: ZeroDateOption = "error",
        tinyint1: Tinyint1Option = "int",
        bit: BitOption = "int",
        schema_contract: SchemaContractOption = None,
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
            cursor_column=cursor_column,
            lag=lag,
            zero_date=zero_date,
            tinyint1=tinyint1,
            bit=bit,
            schema_contract=schema_contract,
            **options,
        )

    def open_reader(self) -> TableReader:
        """Return a new connection to where the URL points."""
        return open_reader(self._url)


__all__ = ["DEFAULT_PAGE_ROWS", "SERVER_PAGE_ROWS", "StreamMySQLTable", "StreamTable"]
