"""How far below a value a run begins: what `lag` may be, and what is lowered by it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanotyped.nodes.sql.following import Following, lowered, lowered_as_stored, parse_lag
from nanotyped.types import InvalidDate
from nanotyped.types import intermediate as it

GRAMMAR = "a number, or a span such as `90 s`, `10 min`, `2 h` or `1 d` (ms, s, min, h, d)"


@pytest.mark.parametrize(
    ("option", "lag"),
    [
        (0, Decimal(0)),
        (100, Decimal(100)),
        (0.1, Decimal("0.1")),
        ("5s", timedelta(seconds=5)),
        ("10 min", timedelta(minutes=10)),
        ("1.5 h", timedelta(minutes=90)),
        ("250 ms", timedelta(milliseconds=250)),
        ("2 d", timedelta(days=2)),
        ("9999999999 d", timedelta.max),
        (timedelta(hours=1), timedelta(hours=1)),
    ],
)
def test_a_lag_is_a_number_or_a_span(option: Any, lag: Any) -> None:
    """A number as it is written, or a number and a unit, with one blank or none between them."""
    assert parse_lag(option) == lag


@pytest.mark.parametrize("option", ["10", "ten", "10 m", "10  s", "-1 s", "PT10M", "1e3 s", "", "s", True, None, "٣ s"])
def test_another_lag_is_refused_with_the_grammar(option: Any) -> None:
    """No unit is guessed."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the message is asserted below
        parse_lag(option)
    assert str(caught.value) == f"lag must be {GRAMMAR}, not {option!r}"


@pytest.mark.parametrize(
    ("option", "reason"),
    [
        (-1, "lag must not be below zero, not -1"),
        (timedelta(seconds=-1), "lag must not be below zero, not datetime.timedelta(days=-1, seconds=86399)"),
        (float("nan"), "lag must be finite, not nan"),
        (float("inf"), "lag must be finite, not inf"),
    ],
)
def test_a_lag_that_is_none_is_refused(option: Any, reason: str) -> None:
    """A run begins before the last cursor, at a place that there is."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - as above
        parse_lag(option)
    assert str(caught.value) == reason


def test_options_that_say_nothing_together() -> None:
    """A lag is about a column, and a column has a name."""
    assert Following.of_options(None, 0) is None
    with pytest.raises(ValueError, match=r"^lag needs a column that it is about: name it with cursor_column$"):
        Following.of_options(None, 5)
    with pytest.raises(ValueError, match=r"^cursor_column must name a column; leave it out"):
        Following.of_options("", 0)


def test_the_cursor_column_leads_the_key() -> None:
    """Whatever stands beside it in the key tells rows of one cursor apart."""
    following = Following("at", Decimal(0))
    assert following.order(("id",)) == ("at", "id")
    assert following.order(("shop", "at", "n")) == ("at", "shop", "n")
    assert following.order(("at",)) == ("at",)


@pytest.mark.parametrize(
    ("value", "lag", "below"),
    [
        (100, Decimal(10), 90),
        (3, Decimal(10), -7),
        (Decimal("9" * 35 + "." + "9" * 30), Decimal("0.5"), Decimal("9" * 35 + ".4" + "9" * 29)),
        (date(2024, 3, 1), timedelta(minutes=1), date(2024, 2, 29)),
        (date(2024, 3, 1), timedelta(0), date(2024, 3, 1)),
        (date(2024, 3, 1), timedelta(days=1), date(2024, 2, 29)),
        (date(2024, 3, 1), timedelta.max, date.min),
        (datetime(2024, 3, 1), timedelta(microseconds=1), datetime(2024, 2, 29, 23, 59, 59, 999_999)),
        (datetime(1, 1, 1, 5), timedelta(days=1), datetime(1, 1, 1)),
        (datetime(2024, 3, 1), timedelta.max, datetime(1, 1, 1)),
        (datetime(2024, 3, 1, tzinfo=UTC), timedelta(days=1), datetime(2024, 2, 29, tzinfo=UTC)),
        (datetime(1971, 1, 1, tzinfo=UTC), timedelta(days=999), datetime(1970, 1, 1, 0, 0, 0, 1, tzinfo=UTC)),
    ],
)
def test_a_value_is_lowered_exactly(value: Any, lag: Any, below: Any) -> None:
    """Of dates by whole days, as many as hold the lag; not below the first of all."""
    found = lowered(value, lag)
    assert (found, type(found)) == (below, type(below))


def test_a_date_on_no_calendar_has_no_place() -> None:
    """What lies so far before it is not known."""
    with pytest.raises(ValueError, match=r"^0000-00-00 is on no calendar$"):
        lowered(InvalidDate("0000-00-00"), timedelta(0))


@pytest.mark.parametrize(
    ("family", "value", "lag", "below"),
    [
        (it.INTEGER, 100, Decimal(10), 90),
        (it.INTEGER, -(2**63), Decimal(0), -(2**63)),
        (it.DECIMAL, 10, Decimal("0.5"), 9.499999999999998),
        (it.DATE, "2024-03-01", timedelta(minutes=1), "2024-02-29"),
        (it.DATETIME, "2024-03-01 00:00:00", timedelta(0), "2024-03-01 00:00:00"),
        (it.DATETIME, "2024-03-01 00:00:00.750", timedelta(milliseconds=500), "2024-03-01 00:00:00"),
        (it.TIMESTAMP, "0001-01-01 00:00:00", timedelta(1), "0001-01-01 00:00:00"),
    ],
)
def test_a_stored_value_is_lowered_as_it_would_be_stored(family: Any, value: Any, lag: Any, below: Any) -> None:
    """Rounded down where it is rounded: to whole seconds, and to the double before."""
    assert lowered_as_stored(family, value, lag) == below


@pytest.mark.parametrize(
    ("family", "value", "reason"),
    [
        (it.INTEGER, "12", "'12' is stored as no number"),
        (it.DECIMAL, b"1", "b'1' is stored as no number"),
        (it.DATE, "2024-2-1", "'2024-2-1' is not stored as `2024-02-29`, and only"),
        (it.DATE, "2024-02-30", "'2024-02-30' is on no calendar"),
        (it.DATETIME, 1709164800, "1709164800 is not stored as `2024-02-29 23:59:58`, and only"),
        (it.DATETIME, "2024-02-29T00:00:00", "'2024-02-29T00:00:00' is not stored as `2024-02-29 23:59:58`, and only"),
        (it.TIMESTAMP, "2024-02-29 00:00:00Z", "'2024-02-29 00:00:00Z' is not stored as"),
    ],
)
def test_another_form_of_a_stored_value_is_refused(family: Any, value: Any, reason: str) -> None:
    """Texts of several forms are in no order of time, and what is in no order cannot be followed."""
    lag = Decimal(0) if family in (it.INTEGER, it.DECIMAL) else timedelta(0)
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - as above
        lowered_as_stored(family, value, lag)
    assert str(caught.value).startswith(reason)


@given(st.datetimes(), st.datetimes(), st.timedeltas(min_value=timedelta(0)))
def test_texts_within_the_lag_are_not_below_what_is_lowered(last: datetime, late: datetime, lag: timedelta) -> None:
    """However many digits of a second are written, a moment at most so long before the last one is not left out."""
    if last - late <= lag:
        below = lowered_as_stored(it.DATETIME, last.isoformat(" "), lag)
        assert below <= late.isoformat(" ")
