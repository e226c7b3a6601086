"""Values at the ends of their types: moments far from UTC, spans of years, zeros with a sign."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanotyped.errors import RowValidationError, TypeCastError
from nanotyped.row import Column, Schema
from nanotyped.row.validation import Validator
from nanotyped.types import intermediate as it
from nanotyped.types.base import DataType
from nanotyped.types.convert import primitive_to_intermediate_type
from nanotyped.types.json import json_form
from nanotyped.types.mysql import MYSQL_TIME, MySQLTypeSystem, mysql_type
from nanotyped.types.mysql.moments import FIRST_TIMESTAMP, LAST_TIMESTAMP
from nanotyped.types.sqlite import SQLiteTypeSystem
from nanotyped.types.text import parse_text, render_text, text_pattern

EAST, WEST = (timezone(timedelta(hours=hours)) for hours in (14, -12))
OUTSIDE = (datetime.min.replace(tzinfo=EAST), datetime.max.replace(tzinfo=WEST))
NOT_IN_UTC = "in UTC it is not in the years 1 to 9999"
ANY_TIMESTAMP = (it.TIMESTAMP, it.TIMESTAMP.of(fsp=6), it.TIMESTAMP.of(fsp=0))


def validated(kind: type[DataType], values: list[Any]) -> list[Any]:
    """Return what a validator makes of values of a column."""
    rows = Validator(Schema([Column("c", kind)])).rows([(value,) for value in values])
    return [row.to_python()["c"] for row in rows]


# -- moments -----------------------------------------------------------------------------------


@pytest.mark.parametrize("value", OUTSIDE)
@pytest.mark.parametrize("kind", [*ANY_TIMESTAMP, mysql_type("timestamp(6)")])
def test_a_moment_that_utc_has_not_is_refused_with_its_reason(kind: Any, value: datetime) -> None:
    """A moment before the year 1 or after 9999 in UTC is a cast error and a wrong cell, never an overflow."""
    value = value.replace(microsecond=0)
    with pytest.raises(TypeCastError) as caught:
        kind(value)
    assert caught.value.reason == NOT_IN_UTC
    with pytest.raises(RowValidationError) as wrong:
        validated(kind, [value])
    assert [problem.reason for problem in wrong.value.problems] == [NOT_IN_UTC]


@pytest.mark.parametrize("value", OUTSIDE)
def test_a_moment_that_utc_has_not_has_no_text(value: datetime) -> None:
    """Bare DATETIME takes it as it is; its text, its JSON and other systems, which are in UTC, refuse it."""
    typed = primitive_to_intermediate_type(value)
    assert (typed.value, validated(it.DATETIME, [value])) == (value, [value])
    for write in (
        render_text(it.DATETIME),
        json_form(it.DATETIME).encode,
        render_text(it.TIMESTAMP),
        lambda _: MySQLTypeSystem.convert(typed),
    ):
        with pytest.raises(TypeCastError) as caught:
            write(value)
        assert caught.value.reason == NOT_IN_UTC


@pytest.mark.parametrize(
    ("kind", "first", "last"),
    [
        ("timestamp", "00:00:01", "06:28:15"),
        ("timestamp(1)", "00:00:00.100000", "06:28:15.900000"),
        ("timestamp(6)", "00:00:00.000001", "06:28:15.999999"),
    ],
)
def test_a_mysql_timestamp_is_one_that_a_server_holds(kind: str, first: str, last: str) -> None:
    """From the first fraction of 1970 to the last second of 32 bits; what is outside is named, by cast and by row."""
    found = mysql_type(kind)
    right = [FIRST_TIMESTAMP.replace(microsecond=0, second=1), LAST_TIMESTAMP.replace(microsecond=0)]
    wrong = [datetime(1970, 1, 1, tzinfo=UTC), LAST_TIMESTAMP.replace(microsecond=0) + timedelta(seconds=1)]
    reason = f"not from 1970-01-01 {first} to 2106-02-07 {last} UTC"
    assert [found(value).value for value in right] == validated(found, right) == right
    for value in wrong:
        with pytest.raises(TypeCastError) as caught:
            found(value)
        assert caught.value.reason == reason
    with pytest.raises(RowValidationError) as refused:
        validated(found, [*right, *wrong])
    assert [(problem.row, problem.reason) for problem in refused.value.problems] == [(3, reason), (4, reason)]


def test_a_kept_timestamp_has_the_same_ends() -> None:
    """A type that keeps invalid dates takes no later moments for it."""
    kept = mysql_type("timestamp", zero_date="keep")
    assert kept(it.InvalidDate("0000-00-00 00:00:00")).value == it.InvalidDate("0000-00-00 00:00:00")
    with pytest.raises(TypeCastError, match="not from 1970"):
        kept(datetime(2200, 1, 1, tzinfo=UTC))


# -- spans -------------------------------------------------------------------------------------


@given(st.timedeltas() | st.sampled_from([timedelta.min, timedelta.max]))
def test_every_span_comes_back_out_of_its_text(span: timedelta) -> None:
    """Bare TIME_INTERVAL takes any timedelta, through text, JSON, a cast and SQLite alike."""
    text = render_text(it.TIME_INTERVAL)(span)
    form = json_form(it.TIME_INTERVAL)
    assert parse_text(it.TIME_INTERVAL, "csv")(text) == span
    assert it.TIME_INTERVAL(text).value == span
    assert form.decode(form.encode(span)) == span
    assert validated(it.TIME_INTERVAL, [span]) == [span]
    assert SQLiteTypeSystem.convert(it.TIME_INTERVAL(span)).value == span


@pytest.mark.parametrize("text", ["24000000000:00:00", "99999999999:59:59.999999", "-23999999999:59:59.999999"])
def test_a_span_of_more_than_python_holds_is_a_cast_error(text: str) -> None:
    """It is spelled rightly and yet no timedelta."""
    with pytest.raises(TypeCastError) as caught:
        parse_text(it.TIME_INTERVAL, "csv")(text)
    assert caught.value.reason == "more than 999999999 days"


@pytest.mark.parametrize("kind", [it.TIME_INTERVAL.of(fsp=0), mysql_type("time"), MYSQL_TIME])
def test_a_span_of_a_column_ends_at_838_hours(kind: Any) -> None:
    """What a server would clip is refused, as text and as a value."""
    for value in ("839:00:00", "1000:00:00", timedelta(hours=839)):
        with pytest.raises(TypeCastError) as caught:
            kind(value)
        assert caught.value.reason == "beyond 838:59:59"


def test_patterns_of_spans_are_as_wide_as_their_types() -> None:
    """Eleven digits of hours for a bare span, three for one of a column."""
    assert text_pattern(it.TIME_INTERVAL).startswith("-?[0-9]{1,11}:")
    assert text_pattern(mysql_type("time")).startswith("-?[0-9]{1,3}:")
    assert json_form(it.TIME_INTERVAL).schema["pattern"].startswith("^-?[0-9]{1,11}:")
    assert json_form(mysql_type("time")).schema["pattern"].startswith("^-?[0-9]{1,3}:")


# -- zeros -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind",
    [
        *(it.DECIMAL.of(unsigned=True), mysql_type("decimal(5,2) unsigned"), mysql_type("decimal(5) zerofill")),
        *(it.FLOAT.of(unsigned=True), mysql_type("float unsigned"), mysql_type("double(5,2) unsigned")),
    ],
)
def test_a_zero_without_sign_has_none(kind: Any) -> None:
    """A negative zero is equal to zero, which is what an unsigned type makes of it, in casts, rows and text."""
    for zero in (Decimal("-0.00"), -0.0, "-0", "-0.0"):
        assert not str(kind(zero).value).startswith("-")
        assert not str(parse_text(kind, "csv")("-0.0")).startswith("-")
    zero = kind.python_type("-0")
    for values in ([zero], [kind.python_type("1"), zero]):
        assert not any(str(value).startswith("-") for value in validated(kind, values))


@pytest.mark.parametrize("kind", ["decimal(5,2)", "double"])
def test_a_zero_with_a_sign_keeps_it_here(kind: str) -> None:
    """Only servers drop it."""
    found = mysql_type(kind)
    assert str(validated(found, [found.python_type("-0")])[0]).startswith("-0")


@pytest.mark.parametrize("kind", ["decimal(5,2) unsigned", "double unsigned"])
def test_what_is_below_zero_is_still_refused(kind: str) -> None:
    """The sign is dropped of a zero alone."""
    found = mysql_type(kind)
    with pytest.raises(RowValidationError) as caught:
        validated(found, [found.python_type("-0.01"), found.python_type("-0.0")])
    assert [(problem.row, problem.reason) for problem in caught.value.problems] == [(1, "below 0")]
