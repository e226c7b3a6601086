"""From a table of MariaDB to an HTTP API: what was inserted is what arrives, to the last digit."""

from __future__ import annotations

import base64
import random
import struct
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from nanotyped import HttpPostRequest, StreamMySQLTable

if TYPE_CHECKING:
    from nanotyped.testing import HttpApi
    from tests.support.mariadb import Database

ROWS = 100_000
BATCH_ROWS = 500
DAYS = (date(9999, 12, 31) - date(1000, 1, 1)).days
LETTERS = "abc xyz 0129 äßçñ €漢字 🐬👩‍🚀 \"\\'%`\n\t\0"


class Kind(NamedTuple):
    """A column: how it is declared, and a maker of pairs, what is inserted and what must arrive as JSON."""

    declared: str
    make: Callable[[random.Random], tuple[Any, Any]]
    extremes: tuple[tuple[Any, Any], ...]


def same(value: Any) -> tuple[Any, Any]:
    """Return a value that arrives as it was inserted."""
    return value, value


def single(value: float) -> float:
    """Return the float of 32 bits that is nearest."""
    return float(struct.unpack("f", struct.pack("f", value))[0])


def number(value: float) -> tuple[Any, Any]:
    """Return a float; it is compared by its bits."""
    return value, value.hex()


def encoded(value: bytes) -> tuple[Any, Any]:
    """Return bytes, which arrive in base64."""
    return value, base64.b64encode(value).decode()


def moment(text: str, zone: str = "") -> tuple[Any, Any]:
    """Return a moment by its text in SQL; in JSON it has a T, and a zone if it is a timestamp."""
    return text, text.replace(" ", "T") + zone


def random_day(rng: random.Random, first: date = date(1000, 1, 1), days: int = DAYS) -> str:
    """Return a day by its text."""
    return (first + timedelta(days=rng.randint(0, days))).isoformat()


def random_clock(rng: random.Random, digits: int) -> str:
    """Return a time of day with so many digits behind the point."""
    clock = f"{rng.randrange(24):02d}:{rng.randrange(60):02d}:{rng.randrange(60):02d}"
    return f"{clock}.{rng.randrange(10**digits):0{digits}d}"


def random_timestamp(rng: random.Random) -> tuple[Any, Any]:
    """Return a moment that four bytes of seconds can hold."""
    return moment(f"{random_day(rng, date(1970, 1, 2), 24_000)} {random_clock(rng, 3)}", "Z")


def random_span(rng: random.Random) -> tuple[Any, Any]:
    """Return a span of up to 838 hours; JSON has no zero in front of the hours."""
    hours, clock = rng.randrange(839), random_clock(rng, 6)[2:]
    sign = "-" if rng.random() < 0.5 and (hours or clock.strip(":0.")) else ""
    return f"{sign}{hours}{clock}", f"{sign}{hours}{clock}"


KINDS = {
    "id": Kind("bigint unsigned NOT NULL", lambda rng: (0, ""), ()),
    "whole": Kind(
        "int NOT NULL", lambda rng: same(rng.randint(-(2**31), 2**31 - 1)), (same(-(2**31)), same(2**31 - 1), same(0))
    ),
    "small": Kind(
        "smallint NULL",
        lambda rng: same(rng.randint(-(2**15), 2**15 - 1)),
        (same(-(2**15)), same(2**15 - 1), same(None)),
    ),
    "money": Kind(
        "decimal(20,6) NULL",
        lambda rng: same(f"{Decimal(rng.randint(-(10**20) + 1, 10**20 - 1)).scaleb(-6):.6f}"),
        (same("99999999999999.999999"), same("-99999999999999.999999"), same("0.000000"), same("0.000001"), same(None)),
    ),
    "exact": Kind(
        "double NOT NULL",
        lambda rng: number(rng.uniform(-1, 1) * 10.0 ** rng.randint(-300, 300)),
        (number(1.7976931348623157e308), number(2.2250738585072014e-308), number(0.1), number(5e-324), number(1e22)),
    ),
    "half": Kind(
        "float NULL",
        lambda rng: number(single(rng.uniform(-1, 1) * 10.0 ** rng.randint(-35, 37))),
        (
            number(single(3.4028234663852886e38)),
            number(single(1e-45)),
            number(single(0.1)),
            same(None),
        ),
    ),
    "words": Kind(
        "varchar(40) NOT NULL",
        lambda rng: same("".join(rng.choices(LETTERS, k=rng.randrange(41)))),
        (same(""), same("🐬" * 40), same("null"), same("2024-01-01"), same("\x7f\u2028\ufeff\U0010ffff")),
    ),
    "octets": Kind(
        "varbinary(300) NULL",
        lambda rng: encoded(rng.randbytes(rng.randrange(20))),
        (encoded(bytes(range(256))), encoded(b""), encoded(b"\xff" * 300), same(None)),
    ),
    "made": Kind(
        "datetime(6) NOT NULL",
        lambda rng: moment(f"{random_day(rng)} {random_clock(rng, 6)}"),
        (moment("1000-01-01 00:00:00.000000"), moment("9999-12-31 23:59:59.999999")),
    ),
    "seen": Kind(
        "timestamp(3) NULL",
        random_timestamp,
        (moment("1970-01-01 00:00:01.000", "Z"), moment("2038-01-19 03:14:07.999", "Z"), same(None)),
    ),
    "day": Kind("date NULL", lambda rng: same(random_day(rng)), (same("1000-01-01"), same("9999-12-31"), same(None))),
    "span": Kind(
        "time(6) NOT NULL",
        random_span,
        (same("838:59:59.999999"), same("-838:59:59.999999"), same("0:00:00.000000"), same("-0:30:00.000001")),
    ),
}


def make_rows(rng: random.Random) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Return the rows to insert, in no order, and what must arrive, by their key."""
    keys = {0, 1, 2**63 - 1, 2**63, 2**64 - 1}
    while len(keys) < ROWS:
        keys.add(rng.getrandbits(64))
    kinds = list(KINDS.values())[1:]
    inserted, expected = [], []
    for index, key in enumerate(sorted(keys)):
        # Each extreme comes beside others, on the first pages and on the last.
        edge = min(index, ROWS - 1 - index)
        cells = [
            kind.extremes[edge % len(kind.extremes)]
            if edge < 100
            else kind.extremes[-1]
            if rng.random() < 0.02
            else kind.make(rng)
            for kind in kinds
        ]
        inserted.append((key, *(cell[0] for cell in cells)))
        expected.append((str(key), *(cell[1] for cell in cells)))
    rng.shuffle(inserted)
    return inserted, expected


def fill(database: Database, rows: list[tuple[Any, ...]]) -> None:
    """Make the table and insert the rows, moments as UTC."""
    columns = ", ".join(f"{name} {kind.declared}" for name, kind in KINDS.items())
    marks = ", ".join(["%s"] * len(KINDS))
    with database.connect(autocommit=False) as connection, connection.cursor() as cursor:
        cursor.execute("SET time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES'")
        cursor.execute(f"CREATE TABLE things ({columns}, PRIMARY KEY (id))")
        cursor.executemany(f"INSERT INTO things VALUES ({marks})", rows)
        connection.commit()


def comparable(row: dict[str, Any]) -> tuple[Any, ...]:
    """Return the values of a row that arrived; floats by their bits."""
    for name in ("exact", "half"):
        if row[name] is not None:
            row[name] = float(row[name]).hex()
    return tuple(row.values())


def test_every_value_of_a_table_arrives_exactly(database: Database, http_api: HttpApi) -> None:
    """A hundred thousand rows of twelve types, extremes and nulls among them, arrive once each, in order, unaltered."""
    inserted, expected = make_rows(random.Random(20240229))
    fill(database, inserted)
    source = StreamMySQLTable(url=database.url, table="things", name="things")
    sink = HttpPostRequest(url=f"{http_api.url}/things", batch_rows=BATCH_ROWS, name="api")

    _ = source > sink
    report = source.run()

    assert (report["things"].sent, report["api"].received, report["api"].rejected) == (ROWS, ROWS, 0)
    arrived = http_api.rows
    assert all(list(row) == list(KINDS) for row in arrived)
    assert len(arrived) == ROWS
    for got, wanted in zip(map(comparable, arrived), expected, strict=True):
        assert got == wanted
    assert max(len(request.rows()) for request in http_api.requests[:20]) <= BATCH_ROWS
    assert source.get_schema().spelling() == (
        "id bigint(20) unsigned, whole int(11), small smallint(6) null, money decimal(20,6) null, exact double, "
        "half float null, words varchar(40), octets varbinary(300) null, made datetime(6), seen timestamp(3) null, "
        "day date null, span time(6)"
    )
