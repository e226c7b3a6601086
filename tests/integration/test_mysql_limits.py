"""What one server refuses or changes although the type of the column would take it, found before it is sent."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from nanotyped import NodeFailedError, RowValidationError, StreamMySQLTable, WriteMySQLTable
from nanotyped.nodes.sql.limits import LONGEST_WHOLE_TIME, ServerLimits, ask_limits
from nanotyped.types.mysql.moments import (
    FIRST_TIMESTAMP,
    FIRST_WHOLE_TIMESTAMP,
    LAST_SIGNED_TIMESTAMP,
    LAST_TIMESTAMP,
)
from tests.integration.test_mysql_types import exactly
from tests.support.flows import run_into
from tests.support.sql import describe, rows_of

if TYPE_CHECKING:
    from tests.support.mariadb import Database

HELD = "not from 1970-01-01 00:00:00.000001 to 2038-01-19 03:14:07.999999 UTC, as this server holds"
UUID_REASON = "this server takes no UUID of a version above 7 with a ninth byte of 01 to 80; make the column a char(36)"


def refused(database: Database, rows: list[tuple[Any, ...]], kind: str) -> list[tuple[int, str, str]]:
    """Write rows that are refused and return row, column and reason of each cell; nothing of them is kept."""
    with pytest.raises(NodeFailedError) as caught:
        run_into(WriteMySQLTable(url=database.url, table="t"), rows, {"id": "int", "v": kind})
    cause = caught.value.__cause__
    assert isinstance(cause, RowValidationError)
    assert database.execute("SELECT COUNT(*) FROM t") == [(0,)]
    return [(problem.row, problem.column, problem.reason) for problem in cause.problems]


def written(database: Database, values: list[Any], kind: str) -> list[Any]:
    """Write values of a type and return what is read back."""
    run_into(WriteMySQLTable(url=database.url, table="t"), list(enumerate(values)), {"id": "int", "v": kind})
    return [value for _, value in rows_of(StreamMySQLTable(url=database.url, table="t"))]


def test_a_timestamp_that_the_server_cannot_hold_is_refused_with_its_cell(database: Database) -> None:
    """Too early and too late moments are named, all of them, before anything of the batch is sent."""
    database.execute("CREATE TABLE t (id int PRIMARY KEY, v timestamp(6) NULL)")
    values = [
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(2038, 1, 19, 3, 14, 8, tzinfo=UTC),
        datetime(2024, 1, 1, tzinfo=UTC),
        None,
        datetime(1900, 1, 1, tzinfo=UTC),
    ]
    widest = "not from 1970-01-01 00:00:00.000001 to 2106-02-07 06:28:15.999999 UTC"
    given = "timestamp(6) null"
    assert refused(database, [(1, values[1]), (2, values[2]), (3, None)], given) == [
        (1, "v", f"{HELD}; make the column a datetime")
    ]
    assert refused(database, list(enumerate(values)), given) == [(1, "v", widest), (5, "v", widest)]


def test_timestamps_are_kept_to_their_ends(database: Database) -> None:
    """The first and the last one that the server has go in and come out."""
    database.execute("CREATE TABLE t (id int PRIMARY KEY, v timestamp(6) NULL)")
    values = [FIRST_TIMESTAMP, FIRST_WHOLE_TIMESTAMP, LAST_SIGNED_TIMESTAMP]
    assert written(database, values, "timestamp(6)") == values


def test_a_kept_timestamp_is_held_to_the_server_too(database: Database) -> None:
    """With `zero_date: keep` a moment beyond the server's is refused like any other."""
    database.execute("CREATE TABLE t (id int PRIMARY KEY, v timestamp NULL)")
    late = datetime(2050, 1, 1, tzinfo=UTC)
    with pytest.raises(NodeFailedError) as caught:
        run_into(
            WriteMySQLTable(url=database.url, table="t", zero_date="keep"), [(1, late)], {"id": "int", "v": "timestamp"}
        )
    assert isinstance(caught.value.__cause__, RowValidationError)
    assert caught.value.__cause__.problems[0].reason == f"{HELD}; make the column a datetime"


@pytest.mark.parametrize(
    ("answers", "limits"),
    [
        (
            [(0, 1)],
            ServerLimits(
                (FIRST_WHOLE_TIMESTAMP, LAST_SIGNED_TIMESTAMP),
                every_uuid=True,
                longest_time=LONGEST_WHOLE_TIME,
                exact_json=False,
                every_geometry=False,
            ),
        ),
        ([(1, 1)], ServerLimits((FIRST_TIMESTAMP, LAST_TIMESTAMP), every_uuid=True)),
        ([(1, 0)], ServerLimits((FIRST_TIMESTAMP, LAST_SIGNED_TIMESTAMP), every_uuid=True)),
    ],
)
def test_what_hangs_on_the_server_is_asked_of_it(
    database: Database, answers: list[tuple[int, int]], limits: ServerLimits
) -> None:
    """MySQL ends in 2038 though it knows later moments; a MariaDB that knows later ones holds them to 2106.

    MySQL alone adds no fraction to the longest time, makes doubles of numbers in documents, and looks into geometries.
    """
    database.execute("CREATE TABLE t (v timestamp)")
    assert ask_limits(lambda _: answers, describe(database, "t").schema) == limits


def test_dates_and_datetimes_of_every_year_are_kept(database: Database) -> None:
    """Python's years, 1 to 9999, are all the server's; its year 0 is none of Python's, and reading it says so."""
    database.execute("CREATE TABLE t (id int PRIMARY KEY, v datetime(6))")
    values = [datetime.min, datetime.max, datetime(999, 12, 31, 23, 59, 59, 1)]
    assert written(database, values, "datetime(6)") == values
    database.execute("CREATE OR REPLACE TABLE t (id int PRIMARY KEY, v date)")
    assert written(database, [date.min, date.max], "date") == [date.min, date.max]
    database.execute("INSERT INTO t VALUES (9, '0000-01-01')")
    with pytest.raises(NodeFailedError) as caught:
        rows_of(StreamMySQLTable(url=database.url, table="t"))
    assert "a zero date, which is on no calendar" in str(caught.value)


def uuids() -> list[UUID]:
    """Return UUIDs of all bytes that tell version and variant, and both ends."""
    draw = random.Random(5)
    found = [UUID(int=0), UUID(int=2**128 - 1)]
    for version in range(0, 256, 5):
        for variant in (0x00, 0x01, 0x40, 0x7F, 0x80, 0x81, 0xBF, 0xFF):
            packed = bytearray(draw.randbytes(16))
            packed[6], packed[8] = version, variant
            found.append(UUID(bytes=bytes(packed)))
    return found


def test_uuids_that_the_server_refuses_are_exactly_those_that_are_refused_before(database: Database) -> None:
    """What passes the check is kept as it is, nil and max too; what does not is an error of the server."""
    database.execute("CREATE TABLE t (id int PRIMARY KEY, v uuid)")
    values = uuids()
    cells = refused(database, list(enumerate(values)), "uuid")
    assert {reason for *_, reason in cells} == {UUID_REASON}
    wrong = {row - 1 for row, *_ in cells}
    right = [value for index, value in enumerate(values) if index not in wrong]
    assert written(database, right, "uuid") == right
    texts = ",".join(f"({index}, '{value}')" for index, value in enumerate(values))
    database.execute("CREATE TABLE u (id int, v text)", f"INSERT INTO u VALUES {texts}")
    taken = database.execute("SELECT id FROM u WHERE CAST(v AS UUID) IS NULL")
    assert {index for (index,) in taken} == wrong


@pytest.mark.parametrize("kind", ["decimal(5,2) unsigned", "float unsigned", "double unsigned", "double(7,2) unsigned"])
def test_an_unsigned_zero_has_no_sign(database: Database, kind: str) -> None:
    """A negative zero becomes the zero that the server would make of it, before it is sent."""
    database.execute(f"CREATE TABLE t (id int PRIMARY KEY, v {kind})")
    decimal = kind.startswith("decimal")
    given, kept = (Decimal("-0.00"), Decimal("0.00")) if decimal else (-0.0, 0.0)
    assert list(map(exactly, written(database, [given], kind))) == [exactly(kept)]


def test_a_zone_far_from_utc_is_no_moment_out_of_the_calendar(database: Database) -> None:
    """The last hour of the year 9999 in the west is past the calendar in UTC: the cell says so, and nothing breaks."""
    database.execute("CREATE TABLE t (id int PRIMARY KEY, v timestamp(6) NULL)")
    west = datetime.max.replace(tzinfo=timezone(-timedelta(hours=1)))
    assert refused(database, [(1, west)], "timestamp(6)") == [(1, "v", "in UTC it is not in the years 1 to 9999")]


def test_addresses_are_kept_whatever_the_server_prints_for_them(database: Database) -> None:
    """The ends, the loopback, IPv4 within IPv6 in every form, and what the server prints with dots or without."""
    texts = ("::", "::1", "::2", "::1.2.3.4", "::0.1.0.0", "::ffff:1.2.3.4", "::ffff:0:1.2.3.4", "64:ff9b::1.2.3.4")
    addresses = [*map(IPv6Address, (*texts, "fe80::1", "0:1::", "1:0:0:2::3", "1::2:0:0:3")), IPv6Address(2**128 - 1)]
    database.execute("CREATE TABLE t (id int PRIMARY KEY, v inet6)")
    assert written(database, addresses, "inet6") == addresses
    database.execute("CREATE OR REPLACE TABLE t (id int PRIMARY KEY, v inet4)")
    assert written(database, [IPv4Address(0), IPv4Address(2**32 - 1)], "inet4") == [
        IPv4Address(0),
        IPv4Address(2**32 - 1),
    ]
