from __future__ import annotations

import random
from collections import deque
from contextlib import closing
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pymysql
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nanotyped.errors import RowValidationError, SourceError
from nanotyped.nodes.sql import mysql as reading
from nanotyped.nodes.sql.cells import cell_of
from nanotyped.nodes.sql.mysql import MySQLReader
from nanotyped.nodes.sql.server import hang_up
from nanotyped.nodes.sql.statements import TableQuery
from nanotyped.nodes.sql.wire import can_read_by_buffer, read_columns
from nanotyped.row import parse_schema
from tests.support.mariadb import Database, MariaDBServer
from tests.support.sql import server_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pymysql.cursors import SSCursor

SIZES = (0, 1, 249, 250, 251, 252, 65_534, 65_535, 65_536)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
TABLE = "CREATE TABLE t (id int PRIMARY KEY AUTO_INCREMENT, n bigint, t longtext, b longblob, d decimal(20,6))"
CELL_ROWS = st.lists(
    st.tuples(
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | TEXTS | st.sampled_from(SIZES).map("é".__mul__),
        st.none() | st.binary(max_size=40) | st.sampled_from(SIZES).map(b"\xff".__mul__),
        st.none() | st.decimals(-(10**13), 10**13, places=6),
    ),
    max_size=12,
)
# More than all buffers on the way hold: the server is still at it when it is told to stop.
ENDLESS = "CREATE VIEW t AS SELECT seq AS n FROM seq_1_to_100000000"
LONG_SIZES = (2**24 - 20, 2**24 - 7, 2**24 - 6, 2**24 - 5, 2**24 + 9, 2**25 - 10, 40_000_000)
SCHEMA = parse_schema({"n": "bigint null", "t": "longtext null", "b": "longblob null", "d": "decimal(20,6) null"})
CELLS = tuple(cell_of(column) for column in SCHEMA)


@pytest.fixture
def connection(database: Database) -> Iterator[pymysql.Connection[SSCursor]]:
    """A connection as the reader makes it."""
    connection = server_of(database).connect()
    yield connection
    hang_up(connection)


@pytest.fixture(scope="module")
def large_server() -> Iterator[MariaDBServer]:
    """A server that takes values of 64 MB."""
    with MariaDBServer("--max-allowed-packet=67108864", "--innodb-log-file-size=128M") as server:
        yield server


def read(connection: pymysql.Connection[SSCursor], sql: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Run a query and return its rows by the buffer."""
    cursor = connection.cursor()
    cursor.execute(sql, values)
    assert can_read_by_buffer(connection)
    return [row for columns in read_columns(connection, CELLS) for row in zip(*columns, strict=True)]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=CELL_ROWS)
def test_reads_what_pymysql_reads(database: Database, rows: list[tuple[Any, ...]]) -> None:
    """Of any rows the parser gives what PyMySQL's own cursor gives, and what was inserted."""
    database.execute("DROP TABLE IF EXISTS t", TABLE)
    with database.connect() as plain, plain.cursor() as cursor:
        cursor.executemany("INSERT INTO t (n, t, b, d) VALUES (%s, %s, %s, %s)", rows)
        cursor.execute("SELECT n, t, b, d FROM t ORDER BY id")
        theirs = list(cursor.fetchall())
    connection = server_of(database).connect()
    ours = read(connection, "SELECT n, t, b, d FROM t ORDER BY id")
    assert ours == theirs == rows
    assert read(connection, "SELECT 1, 'again', NULL, 0.5") == [(1, "again", None, Decimal("0.5"))]
    connection.close()


def test_every_byte_comes_as_it_is(connection: pymysql.Connection[SSCursor]) -> None:
    """Blobs of all bytes, and text of each length of UTF-8 between plain rows, are not altered."""
    blob = bytes(range(256))
    rows = [(1, "plain", blob, None), (2, "é€🐬\0\x7f", blob[::-1], None), (3, "", b"", None), (4, None, None, None)]
    sql = " UNION ALL ".join(["SELECT %s, %s, %s, NULL"] * len(rows))
    assert read(connection, sql, tuple(value for row in rows for value in row[:3])) == rows


@pytest.mark.parametrize("size", LONG_SIZES)
def test_long_values_go_over_several_packets(large_server: MariaDBServer, size: int) -> None:
    """Values that fill a packet of 16 MB to the byte, or go over two and three of them, come whole; so do others."""
    connection = server_of(Database(large_server, "mysql")).connect()
    long = "SELECT 2, NULL, CONCAT('<', REPEAT('x', %s), '>'), NULL"
    sql = f"SELECT 1, 'a', 'b', 0 UNION ALL {long} UNION ALL SELECT 3, 'é', '', 1"
    first, second, third = read(connection, sql, (size,))
    assert (first, third) == ((1, "a", b"b", 0), (3, "é", b"", 1))
    assert second[:2] == (2, None)
    is_whole = second[2] == b"<" + b"x" * size + b">"
    assert is_whole, len(second[2])
    assert read(connection, "SELECT 7, NULL, NULL, NULL") == [(7, None, None, None)]
    connection.close()


def test_the_fallback_gives_identical_rows(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without PyMySQL's private attributes rows come by its cursor, with the same values and the same errors."""
    database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, f float, t text, b blob, d date, ts timestamp(3) NULL, j time(6), "
        "e enum('é', 'b'))",
        "SET time_zone = '+00:00'",
        "INSERT INTO t VALUES (1, 0.1, 'é🐬', 0x00ff, '2024-02-29', NULL, '-00:30:00.5', 'é'), (2, NULL, '', '', NULL, "
        "'2024-02-29 10:00:00.25', NULL, NULL), (3, 16777216, NULL, NULL, '1000-01-01', NULL, '838:59:59', 'b')",
        "CREATE TABLE zero (id int PRIMARY KEY, d date, dt datetime)",
        "SET sql_mode = ''",
        "INSERT INTO zero VALUES (1, '2024-01-01', '2024-01-01'), (2, '2024-00-10', '0000-00-00')",
    )
    fast, fast_error = _all_rows(database, "t"), _error(database, "zero")
    monkeypatch.setattr(reading, "can_read_by_buffer", lambda connection: False)
    assert _all_rows(database, "t") == fast
    assert len(fast) == 3
    assert _error(database, "zero") == fast_error


def _all_rows(database: Database, table: str) -> list[tuple[Any, ...]]:
    reader = MySQLReader(server_of(database))
    description = reader.describe(table, None)
    query = TableQuery(table, description.schema.names)
    key = description.page_key()
    assert key is not None
    upper = reader.last_key(query, key)
    assert upper is not None
    columns, last = reader.page(query, key, None, upper, 100)
    assert last == upper
    reader.close()
    return list(zip(*columns, strict=True))


def _error(database: Database, table: str) -> str:
    with pytest.raises(RowValidationError) as caught:
        _all_rows(database, table)
    return str(caught.value)


def test_zero_dates_are_errors_of_their_row(database: Database) -> None:
    """Zero and impossible dates are named by row, column and type, all cells of the row at once."""
    database.execute(
        "CREATE TABLE zero (id int PRIMARY KEY, d date NOT NULL, dt datetime(3))",
        "SET sql_mode = 'ALLOW_INVALID_DATES'",
        "INSERT INTO zero VALUES (1, '2024-01-01', NULL), (7, '0000-00-00', '2024-02-30 01:02:03.5'), "
        "(9, '2024-00-10', NULL)",
    )
    assert _error(database, "zero") == (
        "row 2, column `d`: expected `date`, got '0000-00-00' (a zero date, which is on no calendar); "
        "row 2, column `dt`: expected `datetime(3) null`, got '2024-02-30 01:02:03.500' (on no calendar or clock)"
    )


def test_an_error_in_mid_stream_ends_the_stream(database: Database) -> None:
    """A query that the server ends when rows are under way raises the server's own words, not a short result."""
    database.execute(ENDLESS)
    reader = MySQLReader(server_of(database))
    reader.describe("t", None)
    connection: Any = reader._connection
    stream = reader.stream(TableQuery("t", ("n",)), 1000)
    assert next(stream)[0][0] == 1
    with database.connect() as other, other.cursor() as cursor:
        cursor.execute(f"KILL QUERY {connection.thread_id()}")
    with pytest.raises(SourceError) as caught, closing(reader):
        deque(stream, 0)
    assert str(caught.value) == (
        f"reading table `{database.name}`.`t` on {database.server.host}:{database.server.port} as `nanotyped` failed: "
        "Query execution was interrupted (1317)"
    )


def test_a_connection_cut_in_mid_stream_is_an_error(database: Database) -> None:
    """A connection that the server closes when rows are under way is an error, not the end of the rows."""
    database.execute(ENDLESS)
    reader = MySQLReader(server_of(database))
    reader.describe("t", None)
    connection: Any = reader._connection
    stream = reader.stream(TableQuery("t", ("n",)), 1000)
    next(stream)
    with database.connect() as other, other.cursor() as cursor:
        cursor.execute(f"KILL CONNECTION {connection.thread_id()}")
    # The server may say so before it goes, or may just go.
    words = r"failed: (lost connection to the server during a query.* \(2013\)|Connection was killed \(1927\))$"
    with pytest.raises(SourceError, match=words), closing(reader):
        deque(stream, 0)


def test_a_server_that_says_nothing_is_not_waited_for_for_ever(database: Database) -> None:
    """An answer that is later than read_timeout_s is an error that names this option."""
    reader = MySQLReader(server_of(database, read_timeout_s=0.3))
    database.execute("CREATE TABLE t (n int PRIMARY KEY)", "INSERT INTO t VALUES (1)")
    reader.describe("t", None)
    with database.connect() as other, other.cursor() as cursor:
        cursor.execute("LOCK TABLES t WRITE")
        with pytest.raises(SourceError) as caught:
            reader.last_key(TableQuery("t", ("n",)), ("n",))
    place = f"`{database.name}`.`t` on {database.server.host}:{database.server.port}"
    assert str(caught.value) == (
        f"reading table {place} as `nanotyped` failed: Lost connection to MySQL server during query (timed out) "
        "(2013); read_timeout_s is 0.3, connect_timeout_s is 10"
    )
    reader.close()


def test_a_packet_out_of_sequence_is_an_error(connection: Any) -> None:
    """A packet whose number is not the next one means that something was lost: nothing more is read."""
    cursor = connection.cursor()
    cursor.execute("SELECT 1, 'a', 'b', 2.5")
    connection._next_seq_id += 1
    with pytest.raises(pymysql.InternalError) as caught:
        list(read_columns(connection, CELLS))
    assert str(caught.value) == "packet sequence number wrong: got 8, expected 9"


def test_sequence_numbers_wrap(connection: pymysql.Connection[SSCursor]) -> None:
    """Numbers of packets go round at 256, over many reads, and the connection is in step afterwards."""
    rows = read(connection, "SELECT seq, REPEAT('x', MOD(seq, 300)), NULL, seq FROM seq_1_to_5000")
    assert rows == [(n, "x" * (n % 300), None, n) for n in range(1, 5001)]
    assert read(connection, "SELECT 1, 'a', NULL, NULL") == [(1, "a", None, None)]


def test_rows_cut_anywhere_are_joined(connection: Any) -> None:
    """However the bytes are cut into reads, the rows are the same."""
    rng = random.Random(1)

    class Cut:
        """Gives a few bytes a time."""

        def __init__(self, file: Any) -> None:
            self.file = file

        def read1(self, size: int) -> bytes:
            return bytes(self.file.read1(rng.randint(1, 9)))

        def __getattr__(self, name: str) -> Any:
            return getattr(self.file, name)

    connection._rfile = Cut(connection._rfile)
    assert read(connection, "SELECT seq, REPEAT('é', seq), NULL, 1.5 FROM seq_1_to_300") == [
        (n, "é" * n, None, Decimal("1.5")) for n in range(1, 301)
    ]


def test_stopping_in_the_middle_does_not_read_the_rest(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that is closed in the middle of a result hangs up instead of reading the rest of the table."""
    database.execute("CREATE TABLE t (n int, pad char(200))", "INSERT INTO t SELECT seq, 'x' FROM seq_1_to_50000")
    reader = MySQLReader(server_of(database))
    reader.describe("t", None)
    connection: Any = reader._connection
    stream: Any = reader.stream(TableQuery("t", ("n", "pad")), 10)
    next(stream)
    reads: list[int] = []
    monkeypatch.setattr(connection, "_read_bytes", reads.append)
    stream.close()
    reader.close()
    assert not connection.open
    assert reads == []
