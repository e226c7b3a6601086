"""Values as text."""

import re
import struct
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanotyped.errors import IncompatibleTypesException, TypeCastError
from nanotyped.types import intermediate as it
from nanotyped.types.mysql import mysql_type
from nanotyped.types.text import parse_text, render_text, text_pattern
from tests.unit.types import strategies as any_

POINT = b"\1\1\0\0\0" + struct.pack("<2d", 1, 2)
# What msgspec reads from text; TIMESTAMP of MySQL has no zone there, spans and documents are not its own.
_NUMBERS = (it.INTEGER, it.YEAR, it.BOOL, it.DECIMAL, it.FLOAT)
READ_BY_MSGSPEC = (*_NUMBERS, it.STRING, it.ENUM, it.BYTES, it.DATE, it.DATETIME, it.UUID)


@settings(max_examples=200, deadline=None)
@given(any_.typed_values())
def test_what_is_rendered_is_read_back(typed: tuple[any_.Type, Any]) -> None:
    """CSV text of a value matches the pattern of its type and parses to the very value."""
    kind, value = typed
    text = render_text(kind)(value)
    found = parse_text(kind, "csv")(text)
    assert found == value
    assert type(found) is type(value) or kind is it.JSON  # a whole Decimal in a document comes back as an int
    assert repr(found) == repr(value) or kind.family in (it.JSON, it.DECIMAL, it.SET)
    if kind.family is not it.FLOAT:  # repr of a float may be `-0.0` or `1e+16`, both read
        assert re.fullmatch(text_pattern(kind, "csv"), text, re.ASCII)


@settings(max_examples=200, deadline=None)
@given(any_.columns(), st.text(max_size=12) | st.from_regex(r"-?[0-9.eE:_+TZ -]{1,30}", fullmatch=True))
def test_msgspec_reads_a_text_of_the_pattern_as_the_parser_does(kind: any_.Type, text: str) -> None:
    """Whatever matches the pattern is read alike by both, or refused by one of them."""
    if kind.family not in READ_BY_MSGSPEC or not re.fullmatch(text_pattern(kind, "csv"), text, re.ASCII):
        return
    try:
        fast: object = msgspec.convert(text, kind.python_type, strict=False)
        exact = parse_text(kind, "csv")(text)
    except (msgspec.ValidationError, TypeCastError):
        return
    assert (repr(fast), type(fast)) == (repr(exact), type(exact))


@pytest.mark.parametrize(
    ("kind", "traps"),
    [
        (it.INTEGER, ["1e3", "1.0", "1_0", "+5", "-0", " 5", "5 ", "", "\u0665", "007"]),
        (it.INTEGER.of(bits=8, unsigned=True), ["-1"]),
        (it.DECIMAL.of(precision=5, scale=2), ["NaN", "1_0.00", "1e3", "1.5", "1.500", "1234.00", "Infinity", ".50"]),
        (it.FLOAT, ["nan", "inf", "Infinity", "-0", "1_0", "0x1", "5.", ".5", ""]),
        (it.BOOL, ["2", "yes", "TRUE", ""]),
        (it.DATE, ["20210506", "2021-5-6", "1620259200"]),
        (it.DATETIME.of(fsp=0), ["2021-05-06", "1620259200", "2021-05-06 07:08:09.1", "2021-05-06 07:08:09Z"]),
        (it.DATETIME.of(fsp=6), ["2021-05-06 07:08:09.1234567", "2021-05-06 07:08:09"]),
        (it.TIME_INTERVAL.of(fsp=0), ["1", "12:60:00", "1000:00:00", "12:00"]),
        (it.ENUM.of(members=("a", "b.c")), ["A", "bxc", "ab", ""]),
    ],
)
def test_patterns_keep_out_what_msgspec_would_misread(kind: any_.Type, traps: list[str]) -> None:
    """The silent traps of lax conversion do not match."""
    pattern = re.compile(text_pattern(kind, "mysql"), re.ASCII)
    assert [trap for trap in traps if pattern.fullmatch(trap)] == []


@pytest.mark.parametrize(
    ("text_type", "text", "value"),
    [
        ("int unsigned", "4294967295", 4294967295),
        ("int(5) zerofill", "00042", 42),
        ("bigint unsigned", "18446744073709551615", 2**64 - 1),
        ("decimal(5,2)", "-0.50", Decimal("-0.50")),
        ("decimal(5,2)", "1.5", Decimal("1.50")),
        ("double", "1.7976931348623157e308", 1.7976931348623157e308),
        ("float", "0.10000000149011612", 0.10000000149011612),
        ("date", "1000-01-01", date(1000, 1, 1)),
        ("datetime(3)", "2021-05-06 07:08:09.120", datetime(2021, 5, 6, 7, 8, 9, 120_000)),
        ("timestamp", "2021-05-06 07:08:09", datetime(2021, 5, 6, 7, 8, 9, tzinfo=UTC)),
        ("time(6)", "-838:59:59.000000", -timedelta(hours=838, minutes=59, seconds=59)),
        ("time", "00:00:01", timedelta(seconds=1)),
        ("json", '{"a": 1.10, "b": null}', {"a": Decimal("1.10"), "b": None}),
        ("json", "null", it.JSON_NULL),
        ("blob", b"\0\xff", b"\0\xff"),
        ("varchar(3)", "", ""),
        ("bit(1)", b"\1", 1),
        ("bit(10)", b"\3\xff", 1023),
        ("bit(64)", b"\xff" * 8, 2**64 - 1),
        ("year", "0000", 0),
        ("year(4)", "2155", 2155),
        ("set('a','b')", "", frozenset()),
        ("set('a','b')", "a,b", frozenset("ab")),
        ("set('a','','b')", "a,,b", frozenset({"a", "", "b"})),
        ("set('a','')", "a,", frozenset({"a", ""})),
        ("set('a','')", "a", frozenset({"a"})),
        ("uuid", "01b63b22-e565-11f1-9374-02fc00000001", UUID("01b63b22-e565-11f1-9374-02fc00000001")),
        ("inet4", "10.0.0.1", IPv4Address("10.0.0.1")),
        ("inet6", "::ffff:1.2.3.4", IPv6Address("::ffff:102:304")),
        ("point", b"\xe6\x10\0\0" + POINT, it.Geometry(4326, POINT)),
        ("vector(2)", b"\0\0\x80?\0\0\0\0", (1.0, 0.0)),
    ],
)
def test_text_of_mysql_is_read_exactly(text_type: str, text: Any, value: object) -> None:
    """Each type reads what the text protocol sends for it."""
    found = parse_text(mysql_type(text_type))(text)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text_type", "text", "message"),
    [
        ("int", "1e3", "'1e3' is no `int`: not a whole number"),
        ("tinyint", "128", "'128' is no `tinyint`: above 127"),
        ("decimal(5,2)", "NaN", "'NaN' is no `decimal(5,2)`: not a decimal number"),
        ("double", "nan", "'nan' is no `double`: not a number"),
        ("double", "9e999", "inf is no `double`: not a finite number"),
        ("date", "0000-00-00", "'0000-00-00' is no `date`: a zero date, which is on no calendar"),
        ("date", "2021-00-01", "'2021-00-01' is no `date`: a zero date, which is on no calendar"),
        ("date", "2021-02-31", "'2021-02-31' is no `date`: on no calendar or clock"),
        (
            "datetime",
            "0000-00-00 00:00:00",
            "'0000-00-00 00:00:00' is no `datetime`: a zero date, which is on no calendar",
        ),
        ("datetime", "20210506", "'20210506' is no `datetime`: not spelled YYYY-MM-DD HH:MM:SS"),
        (
            "datetime",
            "2021-05-06 07:08:09Z",
            "'2021-05-06 07:08:09Z' is no `datetime`: not spelled YYYY-MM-DD HH:MM:SS",
        ),
        ("time", "12:61:00", "'12:61:00' is no `time`: not spelled [-]H:MM:SS[.f]"),
        ("enum('a')", "b", "'b' is no `enum('a')`: not one of the members"),
        ("json", "{", "'{' is no `json`: no JSON"),
        ("varchar(2)", "abc", "'abc' is no `varchar(2)`: 3 characters, at most 2 fit"),
        ("bit(3)", b"\x08", "8 is no `bit(3)`: above 7"),
        ("bit(3)", "101", "'101' is no `bit(3)`: not bytes, as the server sends it"),
        ("year", "1900", "'1900' is no `year`: neither 0 nor from 1901"),
        ("set('a','b')", "a,c", "'a,c' is no `set('a','b')`: 'c' is not one of the members"),
        (
            "set('a','')",
            "",
            "'' is no `set('a','')`: servers print it with and without the empty member alike",
        ),
        (
            "set('a','','b')",
            "b",
            "'b' is no `set('a','','b')`: servers print it with and without the empty member alike",
        ),
        ("uuid", "1", "'1' is no `uuid`: not a UUID in 32 digits and four hyphens"),
        ("inet4", "::1", "'::1' is no `inet4`: an address of version 6"),
        ("inet4", "1.2.3", "'1.2.3' is no `inet4`: not an IP address"),
        ("vector(1)", b"\0", "b'\\x00' is no `vector(1)`: not a whole number of 32-bit floats"),
        (
            "vector(1)",
            b"\0" * 8,
            "(0.0, 0.0) is no `vector(1)`: 2 numbers, at most 1 fit",
        ),
    ],
)
def test_text_that_is_no_value_says_so(text_type: str, text: Any, message: str) -> None:
    """The error names the column type, the text and the reason."""
    with pytest.raises(TypeCastError) as caught:
        parse_text(mysql_type(text_type))(text)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (it.BYTES, "AAE"),
        (it.BYTES, "AA\nE="),
        (it.TIMESTAMP, "2021-05-06T07:08:09"),
        (it.DATETIME.of(fsp=0), "2021-05-06T07:08:09Z"),
        (it.BOOL, "1"),
        (it.BITS.of(bits=3), "11"),
        (it.BITS.of(bits=3), "0b1"),
        (it.SET, "a,b"),
        (it.SET, '["a","a"]'),
        (it.SET, '["a",1]'),
        (it.UUID, "00000000000000000000000000000001"),
        (it.GEOMETRY, '{"srid":1}'),
        (it.GEOMETRY, '{"srid":1,"wkb":"AAE"}'),
        (it.GEOMETRY, '{"srid":true,"wkb":""}'),
        (it.VECTOR, "1.0"),
        (it.VECTOR, "[true]"),
        (it.VECTOR, "[0.1]"),
    ],
)
def test_csv_has_forms_of_its_own(kind: any_.Type, text: str) -> None:
    """Bytes are base64 with padding, timestamps end in Z and datetimes do not, bools are words."""
    with pytest.raises(TypeCastError):
        parse_text(kind, "csv")(text)


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (it.BOOL, True, "true"),
        (it.BYTES, b"\0\1", "AAE="),
        (it.DECIMAL.of(precision=20, scale=10), Decimal(0), "0.0000000000"),
        (it.DECIMAL, Decimal("1E+3"), "1000"),
        (it.DATETIME.of(fsp=0), datetime(2021, 5, 6, 7, 8, 9), "2021-05-06T07:08:09"),
        (it.DATETIME.of(fsp=2), datetime(2021, 5, 6, 7, 8, 9, 120_000), "2021-05-06T07:08:09.12"),
        (it.TIMESTAMP.of(fsp=3), datetime(2021, 5, 6, 7, 8, 9, tzinfo=UTC), "2021-05-06T07:08:09.000Z"),
        (it.DATETIME, datetime(2021, 5, 6, 7, 8, 9, tzinfo=UTC), "2021-05-06T07:08:09.000000Z"),
        (it.TIME_INTERVAL.of(fsp=0), -timedelta(hours=1, seconds=2), "-1:00:02"),
        (it.TIME_INTERVAL.of(fsp=1), timedelta(days=30), "720:00:00.0"),
        (it.BITS.of(bits=5), 5, "00101"),
        (it.BITS, 5, "101"),
        (it.YEAR, 0, "0"),
        (it.SET.of(members=("b", "a")), frozenset("ab"), '["b","a"]'),
        (it.SET, frozenset("ba"), '["a","b"]'),
        (it.UUID, UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (it.INET, IPv6Address("::ffff:1.2.3.4"), "::ffff:1.2.3.4"),
        (it.GEOMETRY, it.Geometry(1, b"\0\1"), '{"srid":1,"wkb":"AAE="}'),
        (it.VECTOR, (1.0, 0.10000000149011612), "[1.0,0.10000000149011612]"),
    ],
)
def test_csv_text_has_one_form_a_type(kind: any_.Type, value: object, text: str) -> None:
    """Scale, fraction digits and zone are written as the type says, whatever the value has."""
    assert render_text(kind)(value) == text


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (it.DECIMAL.of(precision=5, scale=2), Decimal("1.005")),
        (it.DATETIME.of(fsp=0), datetime(2021, 5, 6, 7, 8, 9, 1)),
        (it.DATETIME.of(fsp=6), datetime(2021, 5, 6, tzinfo=UTC)),
        (it.TIMESTAMP.of(fsp=6), datetime(2021, 5, 6)),
        (it.TIME_INTERVAL.of(fsp=3), timedelta(microseconds=1)),
    ],
)
def test_nothing_is_rounded_on_the_way_out(kind: any_.Type, value: object) -> None:
    """A value that is none of the type's raises instead."""
    with pytest.raises(TypeCastError):
        render_text(kind)(value)


def test_objects_have_no_text() -> None:
    """An opaque object cannot be written."""
    with pytest.raises(IncompatibleTypesException, match=r"^values of `object` have no text$"):
        render_text(it.OBJECT)


@given(st.datetimes(datetime(1970, 1, 3), datetime(2100, 1, 1)), st.integers(-23, 23), st.integers(0, 59))
def test_a_timestamp_with_an_offset_is_the_moment_in_utc(moment: datetime, hours: int, minutes: int) -> None:
    """What APIs write with an offset is read as the same moment in UTC, to the microsecond."""
    zone = timezone(timedelta(hours=hours, minutes=minutes if hours >= 0 else -minutes))
    text = moment.replace(tzinfo=zone).isoformat(timespec="microseconds")
    found = parse_text(it.TIMESTAMP, "csv")(text if text[-6] in "+-" else f"{text}+00:00")
    assert (found, found.tzinfo) == (moment.replace(tzinfo=zone), UTC)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2021-05-06T07:08:09+24:00", "no offset from UTC is `+24:00`"),
        ("2021-05-06T07:08:09+02:60", "no offset from UTC is `+02:60`"),
        ("0001-01-01T00:00:00+00:01", "in UTC it is not in the years 1 to 9999"),
        ("2021-05-06T07:08:09+0200", "not spelled YYYY-MM-DDTHH:MM:SS[.f]Z"),
    ],
)
def test_an_offset_that_is_none_is_refused(text: str, reason: str) -> None:
    """The message says what is wrong with it."""
    with pytest.raises(TypeCastError) as caught:
        parse_text(it.TIMESTAMP, "csv")(text)
    assert caught.value.reason == reason
