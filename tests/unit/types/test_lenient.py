"""Dates that are on no calendar: the values, their types, and the words that ask for them."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, date, datetime
from typing import Any

import pytest

from nanotyped.errors import TypeCastError, TypeSyntaxError
from nanotyped.row.schema import parse_column
from nanotyped.types import (
    DATE,
    DATETIME,
    LENIENT_MOMENT,
    TIMESTAMP,
    InvalidDate,
    Verdict,
    annotation_type,
    judge,
    mysql_type,
    primitive_to_intermediate_type,
    render_ddl,
)


def test_an_invalid_date_is_its_text() -> None:
    """It compares, hashes, prints, copies and pickles by what the server stores; zeros of a fraction do not count."""
    zero = InvalidDate("0000-00-00 00:00:00.000000")
    assert zero == InvalidDate("0000-00-00T00:00:00")
    assert hash(zero) == hash(InvalidDate("0000-00-00 00:00:00"))
    assert zero != InvalidDate("0000-00-00")
    assert zero != "0000-00-00 00:00:00"
    assert (str(zero), repr(zero)) == ("0000-00-00 00:00:00", "InvalidDate('0000-00-00 00:00:00')")
    assert pickle.loads(pickle.dumps(zero)) == copy.deepcopy(zero) == zero
    assert str(InvalidDate("2021-02-30 10:00:00.250")) == "2021-02-30 10:00:00.25"
    with pytest.raises(AttributeError, match="cannot be changed"):
        zero.text = "x"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("2021-02-28", "'2021-02-28' is on the calendar; give a date or a datetime"),
        ("2021-13-01", "'2021-13-01' is no date that a server stores, spelled YYYY-MM-DD[ HH:MM:SS[.f]]"),
        ("0000-00-32", "'0000-00-32' is no date that a server stores, spelled YYYY-MM-DD[ HH:MM:SS[.f]]"),
        (
            "0000-00-00 24:00:00",
            "'0000-00-00 24:00:00' is no date that a server stores, spelled YYYY-MM-DD[ HH:MM:SS[.f]]",
        ),
        ("\u0660000-00-00", "'\u0660000-00-00' is no date that a server stores, spelled YYYY-MM-DD[ HH:MM:SS[.f]]"),
    ],
)
def test_what_no_server_stores_or_every_calendar_has_is_none(text: str, reason: str) -> None:
    """The text must be one that a column can hold and a `date` cannot."""
    with pytest.raises(ValueError, match="date") as caught:
        InvalidDate(text)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("moment", "value", "reason"),
    [
        (DATE, "0000-00-00 00:00:00", "it has a time of day"),
        (DATETIME.of(fsp=1), "0000-00-00", "it has no time of day"),
        (DATETIME.of(fsp=1), "0000-00-00 00:00:00.25", "more than 1 digits of a second's fraction"),
        (TIMESTAMP.of(fsp=0), "2021-02-30 00:00:00", "the only invalid timestamp is 0000-00-00 00:00:00"),
    ],
)
def test_a_column_keeps_what_it_can_hold(moment: Any, value: str, reason: str) -> None:
    """A date has no time, a moment has one, and a timestamp is invalid in one way only."""
    with pytest.raises(TypeCastError) as caught:
        LENIENT_MOMENT.of(moment=moment)(InvalidDate(value))
    assert caught.value.reason == reason


def test_the_bare_family_takes_every_moment() -> None:
    """Dates, datetimes with a zone or none, and every invalid one; and a bare value is of it."""
    assert LENIENT_MOMENT.of(moment=DATETIME) is LENIENT_MOMENT
    for value in (datetime(2021, 1, 1), datetime(2021, 1, 1, tzinfo=UTC), InvalidDate("0000-00-00")):
        assert LENIENT_MOMENT(value).to_python() is value
    assert type(primitive_to_intermediate_type(InvalidDate("0000-00-00"))) is LENIENT_MOMENT


def test_what_may_be_invalid_fits_no_calendar() -> None:
    """A date fits where invalid ones are kept; the reverse needs a cast, and other moments do not mix."""
    kept = LENIENT_MOMENT.of(moment=DATE)
    assert judge(DATE, kept).verdict is Verdict.WIDENING
    found = judge(kept, DATE)
    assert (found.verdict, found.reason) == (Verdict.LOSSY, "it may be on no calendar, as 0000-00-00")
    assert judge(TIMESTAMP.of(fsp=0), kept).verdict is Verdict.INCOMPATIBLE
    assert not judge(kept, LENIENT_MOMENT.of(moment=DATETIME.of(fsp=0))).verdict.passes


def test_annotations_name_both_classes() -> None:
    """`date | InvalidDate`, with or without None; InvalidDate alone is no column."""
    assert annotation_type(date | InvalidDate) == (LENIENT_MOMENT.of(moment=DATE), False)
    assert annotation_type(datetime | InvalidDate | None) == (LENIENT_MOMENT, True)
    with pytest.raises(TypeError, match=r"did you mean `date \| InvalidDate`"):
        annotation_type(InvalidDate)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("date or invalid", mysql_type("date", zero_date="keep")),
        ("DATETIME(6)  OR  INVALID null", mysql_type("datetime(6)", zero_date="keep")),
        ("tinyint(1) as bool", mysql_type("tinyint(1)", tinyint1="bool")),
        ("bit(1) as bool not null", mysql_type("bit(1)", bit="bool")),
        ("bit(12) as bytes", mysql_type("bit(12)", bit="bytes")),
    ],
)
def test_a_contract_says_what_a_column_is_taken_for(text: str, kind: Any) -> None:
    """The words stand behind the type, and what is printed reads as the same column."""
    column = parse_column("c", text)
    assert column.type is kind
    assert parse_column("c", column.spelling()) == column
    assert render_ddl(kind) == text.lower().split(" as ")[0].split("  or ")[0].split(" or ")[0]
    assert pickle.loads(pickle.dumps(kind)) is kind


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "int or invalid",
            "only a date, datetime or timestamp may be on no calendar at position 4 of `int or invalid`",
        ),
        ("bit(2) as bool", "only tinyint(1) and bit(1) can be taken as bool at position 7 of `bit(2) as bool`"),
        ("int as bytes", "only bit(n) can be taken as bytes at position 4 of `int as bytes`"),
        ("dat or invalid", "unknown type `dat` (did you mean `date`?) at position 0 of `dat`"),
    ],
)
def test_what_cannot_be_taken_so_is_refused(text: str, reason: str) -> None:
    """The place is where the words stand."""
    with pytest.raises(TypeSyntaxError) as caught:
        parse_column("c", text)
    assert str(caught.value) == reason
