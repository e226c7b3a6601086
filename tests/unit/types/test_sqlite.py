"""SQLite's declared types and what it stores."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings

from nanotyped.errors import IncompatibleTypesException, TypeCastError, TypeSyntaxError
from nanotyped.types import intermediate as it
from nanotyped.types.sqlite import SQLiteTypeSystem, decoder, encoder
from tests.unit.types import strategies as any_

declared = SQLiteTypeSystem.type_mapping


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    """Return a database in memory."""
    made = sqlite3.connect(":memory:")
    yield made
    made.close()


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("INTEGER", it.INTEGER.of(bits=64)),
        ("INT", it.INTEGER.of(bits=32)),
        ("int(11) unsigned", it.INTEGER.of(bits=32, unsigned=True)),
        ("UNSIGNED BIG INT", it.INTEGER.of(bits=64, unsigned=True)),
        ("BOOLEAN", it.BOOL),
        ("TEXT", it.STRING),
        ("CLOB", it.STRING),
        ("VARCHAR", it.STRING),
        ("VARCHAR(100000)", it.STRING.of(max_length=100_000)),
        ("NATIVE CHARACTER(70)", it.STRING.of(max_length=70)),
        ("tinytext", it.STRING.of(max_bytes=255)),
        ("REAL", it.FLOAT.of(bits=64)),
        ("FLOAT", it.FLOAT.of(bits=64)),
        ("double precision", it.FLOAT.of(bits=64)),
        ("NUMERIC", it.DECIMAL),
        ("DECIMAL(12, 2)", it.DECIMAL.of(precision=12, scale=2)),
        ("NUMERIC(12)", it.DECIMAL.of(precision=12, scale=0)),
        ("BLOB", it.BYTES),
        ("varbinary(16)", it.BYTES.of(max_bytes=16)),
        ("DATE", it.DATE),
        ("DATETIME", it.DATETIME.of(fsp=6)),
        ("datetime(3)", it.DATETIME.of(fsp=3)),
        ("TIMESTAMP", it.TIMESTAMP.of(fsp=6)),
        ("TIME", it.TIME_INTERVAL.of(fsp=6)),
        ("enum('a','b')", it.ENUM.of(members=("a", "b"))),
        ("JSON", it.JSON),
        ("YEAR", it.YEAR),
        ("bit(3)", it.BITS.of(bits=3)),
        ("set('a','b')", it.SET.of(members=("a", "b"))),
        ("UUID", it.UUID),
        ("inet", it.INET),
        ("inet4", it.INET.of(version=4)),
        ("point srid 4326", it.GEOMETRY.of(kind="point", srid=4326)),
        ("vector(3)", it.VECTOR.of(dimensions=3)),
        ("", it.OBJECT),
    ],
)
def test_declared_types_mean_what_people_mean_by_them(text: str, meaning: any_.Type) -> None:
    """MySQL's spellings and SQLite's habits are read; the spelling of a type reads back as it."""
    kind = declared(text)
    assert kind.intermediate_type is meaning
    assert declared(kind.spelling()) is kind


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("WHATEVER", "unknown type `whatever` at position 0 of `WHATEVER`"),
        ("TXT", "unknown type `txt` (did you mean `text`?) at position 0 of `TXT`"),
        ("decimal(80,2)", "precision must be a whole number from 1 to 65, not 80 at position 0 of `decimal(80,2)`"),
        ("enum('a','a')", "two members are equal at position 0 of `enum('a','a')`"),
    ],
)
def test_an_unknown_declared_type_is_an_error(text: str, message: str) -> None:
    """SQLite would take any word; a contract does not."""
    with pytest.raises(TypeSyntaxError) as caught:
        declared(text)
    assert str(caught.value) == message
    with pytest.raises(TypeError, match=r"^a declared type is spelled in a str, not in NoneType$"):
        declared(None)  # type: ignore[arg-type]  # what is tested


@settings(max_examples=200, deadline=None)
@given(any_.typed_values())
def test_every_value_survives_sqlite(typed: tuple[any_.Type, Any]) -> None:
    """What is encoded, stored and decoded is the value it was."""
    kind, value = typed
    if kind in (it.DATETIME, it.LENIENT_MOMENT) and isinstance(value, datetime):
        value = value.replace(tzinfo=None)
    if kind is it.TIME_INTERVAL:
        value %= timedelta(hours=838)
    kind = SQLiteTypeSystem.from_intermediate(kind, value)
    with sqlite3.connect(":memory:") as made:
        [stored] = made.execute("select ?", [encoder(kind)(value)]).fetchone()
    made.close()
    found = decoder(kind)(stored)
    assert found == value
    assert type(found) is type(value) or kind.intermediate_type is it.JSON  # as in test_json


@given(any_.columns())
def test_every_column_type_has_its_place_in_sqlite(kind: any_.Type) -> None:
    """The SQLite type of an intermediate type has the very same values, and a null passes."""
    made = SQLiteTypeSystem.from_intermediate(kind, None)
    assert made.intermediate_type is kind
    assert decoder(made)(None) is None
    assert encoder(made)(None) is None


def test_decimals_that_became_real_are_exact_up_to_fifteen_digits(connection: sqlite3.Connection) -> None:
    """NUMERIC affinity makes a REAL or an INTEGER of decimal text: exact as long as a double is, refused beyond."""
    connection.execute("create table t (a decimal(15,2), b decimal(20,2), c text)")
    connection.execute("insert into t values ('1234567890123.45', '123456789012345678.12', '123456789012345678.12')")
    a, b, c = connection.execute("select * from t").fetchone()
    assert decoder(declared("decimal(15,2)"))(a) == Decimal("1234567890123.45")
    assert decoder(declared("decimal(20,2)"))(c) == Decimal("123456789012345678.12")
    with pytest.raises(TypeCastError) as caught:
        decoder(declared("decimal(20,2)"))(b)
    assert str(caught.value) == (
        "123456789012345680 is no `decimal(20,2)`: "
        "SQLite kept it as REAL, exact to 15 digits only; declare the column as TEXT"
    )
    assert decoder(declared("decimal(20,0)"))(2**62) == 2**62


def test_integers_beyond_64_bits_are_not_taken_from_real(connection: sqlite3.Connection) -> None:
    """A uint64 above 2**63 is a rounded REAL in an INTEGER column; as text it is exact."""
    connection.execute("create table t (a bigint unsigned, b text)")
    connection.execute("insert into t values (18446744073709551615, '18446744073709551615')")
    a, b = connection.execute("select * from t").fetchone()
    kind = declared("bigint unsigned")
    assert decoder(kind)(b) == 2**64 - 1
    with pytest.raises(TypeCastError) as caught:
        decoder(kind)(a)
    assert str(caught.value) == (
        "1.8446744073709552e+19 is no `bigint unsigned`: "
        "SQLite kept it as REAL, which rounds integers of 64 bits; declare the column as TEXT"
    )


@pytest.mark.parametrize(
    ("text", "stored", "message"),
    [
        ("integer", "1x", "'1x' is no `integer`: not a whole number"),
        ("text", 5, "5 is no `text`: SQLite stores it as INTEGER"),
        ("blob", "x", "'x' is no `blob`: SQLite stores it as TEXT"),
        ("boolean", 2, "2 is no `boolean`: neither true nor false"),
        ("real", "1.5", "'1.5' is no `real`: SQLite stores it as TEXT"),
        ("datetime", 1620259200, "1620259200 is no `datetime(6)`: SQLite stores it as INTEGER"),
        ("date", "2021-02-31", "'2021-02-31' is no `date`: on no calendar or clock"),
        ("decimal(5,2)", b"1", "b'1' is no `decimal(5,2)`: SQLite stores it as BLOB"),
        (
            "decimal(5,2)",
            1.005,
            "Decimal('1.005') is no `decimal(5,2)`: more than 5 digits, 2 of them behind the point",
        ),
    ],
)
def test_what_is_stored_must_be_of_the_declared_type(text: str, stored: object, message: str) -> None:
    """SQLite stores anything anywhere; reading holds it to the contract."""
    with pytest.raises(TypeCastError) as caught:
        decoder(declared(text))(stored)
    assert str(caught.value) == message


def test_timestamps_are_text_in_utc() -> None:
    """A moment is stored in UTC without a zone, and read as UTC; a datetime with a zone has no place."""
    kind = declared("timestamp(0)")
    moment = datetime(2021, 5, 6, 9, 8, 7, tzinfo=timezone(timedelta(hours=2)))
    assert encoder(kind)(moment) == "2021-05-06 07:08:07"
    assert decoder(kind)("2021-05-06 07:08:07") == moment
    assert decoder(kind)("2021-05-06 07:08:07").tzinfo is UTC
    with pytest.raises(TypeCastError, match=r"it has a zone, which SQLite's text has no place for; use a timestamp$"):
        encoder(it.DATETIME)(moment)


def test_objects_have_no_column() -> None:
    """An untyped column is read as it is; nothing is written as one."""
    assert decoder(declared(""))(b"x") == b"x"
    with pytest.raises(IncompatibleTypesException, match=r"^no SQLite column holds `object`$"):
        SQLiteTypeSystem.convert(it.OBJECT(()))
