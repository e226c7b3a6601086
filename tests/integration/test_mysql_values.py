from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from ipaddress import IPv6Address
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nanotyped import NodeFailedError, RowValidationError, StreamMySQLTable
from nanotyped.types import JSON_NULL, Geometry
from tests.support.mariadb import Database, MariaDBServer
from tests.support.sql import rows_of

if TYPE_CHECKING:
    from collections.abc import Sequence

NINES = "9" * 35 + "." + "9" * 30
POINT = struct.pack("<BIdd", 1, 1, 1.0, 2.0)
LONGEST = timedelta(hours=838, minutes=59, seconds=59, microseconds=999_999)


def stored(database: Database, kind: str, *literals: str, mode: str = "STRICT_ALL_TABLES") -> list[Any]:
    """Store SQL literals in a column of a type, as UTC, and return what the node gives."""
    database.execute(
        f"CREATE OR REPLACE TABLE v (id int PRIMARY KEY AUTO_INCREMENT, v {kind})",
        f"SET time_zone = '+00:00', sql_mode = '{mode}'",
        f"INSERT INTO v (v) VALUES {', '.join(f'({literal})' for literal in literals)}",
    )
    return [value for _, value in rows_of(StreamMySQLTable(url=database.url, table="v"))]


@pytest.mark.parametrize(
    ("kind", "literals", "values"),
    [
        ("tinyint(1)", ["0", "1", "-128", "NULL"], [0, 1, -128, None]),
        ("bigint", ["-9223372036854775808", "9223372036854775807"], [-(2**63), 2**63 - 1]),
        ("bigint unsigned", ["0", "9223372036854775808", "18446744073709551615"], [0, 2**63, 2**64 - 1]),
        ("int(8) unsigned zerofill", ["42", "4294967295"], [42, 2**32 - 1]),
        ("decimal(65,30)", [NINES, f"-{NINES}", "0", "1e-30"], [NINES, f"-{NINES}", "0." + "0" * 30, f"0.{'0' * 29}1"]),
        ("decimal(5,0)", ["99999", "-7"], ["99999", "-7"]),
        ("decimal(4,4) unsigned zerofill", ["0.5"], ["0.5000"]),
        ("double", ["0.1", "1.7976931348623157e308", "5e-324", "-1e22"], [0.1, 1.7976931348623157e308, 5e-324, -1e22]),
        ("float(7,4)", ["999.0001", "0.1"], [999.0001220703125, 0.10000000149011612]),
        ("char(5)", ["'a  '", "'  a'", "''", "'🐬'"], ["a", "  a", "", "🐬"]),
        ("varchar(5)", ["'a  '", "'\\\\\\''", "'\\0\\n%'"], ["a  ", "\\'", "\0\n%"]),
        ("text", [f"REPEAT('x', {2**16 - 1})", "'null'", "NULL"], ["x" * (2**16 - 1), "null", None]),
        ("binary(4)", ["0x01", "0xff00ff00"], [b"\x01\0\0\0", b"\xff\0\xff\0"]),
        ("varbinary(9)", ["''", "0x27005c25"], [b"", b"'\0\\%"]),
        ("enum('it''s', 'a,b', '', 'é')", ["1", "2", "3", "4", "NULL"], ["it's", "a,b", "", "é", None]),
        ("year", ["1901", "2155", "0"], [1901, 2155, 0]),
        ("bit(64)", ["b'0'", "b'101'", "18446744073709551615"], [0, 5, 2**64 - 1]),
        ("set('a', 'é')", ["''", "'a'", "'a,é'", "NULL"], [frozenset(), {"a"}, {"a", "é"}, None]),
        ("uuid", ["'5b2c0a4e-9c5e-11ee-8c90-0242ac120002'"], [UUID("5b2c0a4e-9c5e-11ee-8c90-0242ac120002")]),
        ("inet6", ["'::1'", "'fe80::1'"], [IPv6Address("::1"), IPv6Address("fe80::1")]),
        ("point", ["ST_GeomFromText('POINT(1 2)', 4326)", "NULL"], [Geometry(4326, POINT), None]),
        ("date", ["'1000-01-01'", "'9999-12-31'"], [date(1000, 1, 1), date(9999, 12, 31)]),
        ("time(6)", ["'838:59:59.999999'", "'-838:59:59.999999'"], [LONGEST, -LONGEST]),
        ("time", ["'-00:30:00'", "'-0:00:01'"], [timedelta(minutes=-30), timedelta(seconds=-1)]),
        ("datetime", ["'9999-12-31 23:59:59'"], [datetime(9999, 12, 31, 23, 59, 59)]),
        ("timestamp NULL", ["'1970-01-01 00:00:01'"], [datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)]),
        ("timestamp(6) NULL", ["'2038-01-19 03:14:07.999999'"], [datetime(2038, 1, 19, 3, 14, 7, 999_999, UTC)]),
    ],
)
def test_every_value_is_itself(database: Database, kind: str, literals: list[str], values: list[Any]) -> None:
    """Values of every type come exactly, from the one end of its range to the other."""
    found = stored(database, kind, *literals)
    if kind.startswith("decimal"):
        assert [format(value, "f") for value in found] == values
    else:
        assert found == values
    assert {type(value) for value in found} <= {type(value) for value in values} | {Decimal, frozenset}


@pytest.mark.parametrize("digits", range(7))
def test_fractions_of_a_second_keep_their_digits(database: Database, digits: int) -> None:
    """Datetimes, timestamps and times of every precision come to the last digit."""
    micros = int("123456"[:digits].ljust(6, "0"))
    text = f"2024-02-29 23:59:58.{micros:06d}"
    moment = datetime(2024, 2, 29, 23, 59, 58, micros)
    assert stored(database, f"datetime({digits})", f"'{text}'") == [moment]
    assert stored(database, f"timestamp({digits}) NULL", f"'{text}'") == [moment.replace(tzinfo=UTC)]
    span = timedelta(hours=23, minutes=59, seconds=58, microseconds=micros)
    assert stored(database, f"time({digits})", f"'-{text[11:]}'") == [-span]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=40))
def test_no_digit_of_a_float_is_lost(database: Database, values: Sequence[float]) -> None:
    """Whatever single float is stored, its very bits come back, though the server prints six digits by default."""
    database.execute("CREATE TABLE IF NOT EXISTS f (id int PRIMARY KEY AUTO_INCREMENT, f float)", "TRUNCATE f")
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.executemany("INSERT INTO f (f) VALUES (%s)", [(value,) for value in values])
    found = [value for _, value in rows_of(StreamMySQLTable(url=database.url, table="f"))]
    # The server has no negative zero.
    assert [struct.pack("f", value) for value in found] == [struct.pack("f", value + 0.0) for value in values]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=40))
def test_no_digit_of_a_double_is_lost(database: Database, values: Sequence[float]) -> None:
    """Whatever double is stored, its very bits come back."""
    database.execute("CREATE TABLE IF NOT EXISTS d (id int PRIMARY KEY AUTO_INCREMENT, d double)", "TRUNCATE d")
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.executemany("INSERT INTO d (d) VALUES (%s)", [(value,) for value in values])
    found = [value for _, value in rows_of(StreamMySQLTable(url=database.url, table="d"))]
    assert [value.hex() for value in found] == [(value + 0.0).hex() for value in values]


@pytest.fixture(scope="module")
def odd_server() -> Iterator[MariaDBServer]:
    """A server whose settings change what sessions read."""
    options = (
        "--default-time-zone=-07:30",
        "--sql-mode=PAD_CHAR_TO_FULL_LENGTH,NO_BACKSLASH_ESCAPES,ANSI_QUOTES,EMPTY_STRING_IS_NULL",
        "--transaction-isolation=READ-UNCOMMITTED",
        "--max-sort-length=8",
        "--init-connect=SET sql_select_limit = 2",
    )
    with MariaDBServer(*options) as server:
        # init_connect is for those who are not all-powerful.
        with server.connect() as connection, connection.cursor() as cursor:
            cursor.execute("CREATE USER 'reader'@'127.0.0.1' IDENTIFIED BY 'x'")
            cursor.execute("GRANT SELECT ON *.* TO 'reader'@'127.0.0.1'")
        yield server


def test_a_session_reads_alike_on_every_server(odd_server: MariaDBServer) -> None:
    """Zone, SQL mode, isolation, sort length and limits of a server do not change what is read."""
    database = odd_server.create_database()
    long = "x" * 30
    keys = [b"", b"'", b"\\", b"\\'", b"a\0"]
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET time_zone = '+05:00', sql_mode = ''")
        cursor.execute("CREATE TABLE t (k varbinary(9) PRIMARY KEY, c char(9), ts timestamp NOT NULL)")
        cursor.executemany("INSERT INTO t VALUES (%s, 'abc', '2024-01-01 05:00:00')", [(key,) for key in keys])
        # The rows wanted lie together in an index, in another order than that of the key: they have to be sorted.
        cursor.execute("CREATE TABLE s (name varchar(50) PRIMARY KEY, n int, m int, KEY (n, m))")
        cursor.execute(f"INSERT INTO s SELECT CONCAT('{long}', seq), 0, 0 FROM seq_1000_to_5000")
        cursor.executemany("INSERT INTO s VALUES (%s, 1, %s)", [(f"{long}{n:02d}", n * 37 % 50) for n in range(50)])
        cursor.execute("ANALYZE TABLE s")
    given: dict[str, Any] = {"host": odd_server.host, "port": odd_server.port, "user": "reader", "password": "x"}
    given["database"] = database.name
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    rows = rows_of(StreamMySQLTable(table="t", page_rows=2, **given))
    assert rows == [(key, "abc", moment) for key in sorted(keys)]
    names = [name for name, *_ in rows_of(StreamMySQLTable(table="s", page_rows=3, where="n = 1", **given))]
    assert names == [f"{long}{n:02d}" for n in range(50)]
    found = rows_of(StreamMySQLTable(table="t", where="c = 'abc' AND k = :k", parameters={"k": b"\\'"}, **given))
    assert [row[0] for row in found] == [b"\\'"]
    database.drop()


def test_moments_with_a_zone_are_compared_as_moments(database: Database) -> None:
    """A parameter with a zone is the moment that it is, not its digits."""
    database.execute(
        "SET time_zone = '+00:00'",
        "CREATE TABLE t (id int PRIMARY KEY, ts timestamp NOT NULL)",
        "INSERT INTO t VALUES (1, '2024-01-01 10:00:00'), (2, '2024-01-01 12:00:00')",
    )
    eleven = datetime.fromisoformat("2024-01-01T13:00:00+02:00")
    source = StreamMySQLTable(url=database.url, table="t", where="ts > :since", parameters={"since": eleven})
    assert [row[0] for row in rows_of(source)] == [2]


def test_documents_are_parsed_with_all_digits(database: Database) -> None:
    """A JSON column gives documents, whose numbers keep their digits, and a null in JSON is no null of SQL."""
    found = stored(database, "json", '\'{"a": 0.10, "b": [null]}\'', "'null'", "NULL", "'12345678901234567890.5'")
    assert found == [{"a": Decimal("0.10"), "b": [None]}, JSON_NULL, None, Decimal("12345678901234567890.5")]
    assert str(found[0]["a"]) == "0.10"


def test_text_that_need_not_be_a_document_stays_text(database: Database) -> None:
    """Only a column that the server holds to be JSON is one, not any long text, nor one with another check."""
    assert stored(database, "longtext", "'{}'") == ["{}"]
    assert stored(database, "longtext CHECK (json_valid(v) OR v = '')", "''", "'{}'") == ["", "{}"]


def test_a_zero_date_fails_the_run_with_its_row(database: Database) -> None:
    """A date that is on no calendar fails the run; row, column, type, value and table are named."""
    with pytest.raises(NodeFailedError) as caught:
        stored(database, "date NOT NULL", "'2024-01-01'", "'0000-00-00'", mode="")
    cause = caught.value.__cause__
    assert isinstance(cause, RowValidationError)
    assert str(cause) == ("row 2, column `v`: expected `date`, got '0000-00-00' (a zero date, which is on no calendar)")
    assert cause.__notes__[0] == "in `v`"
