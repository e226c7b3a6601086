from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanotyped.errors import TypeCastError
from nanotyped.nodes.casting import Caster, make_caster
from nanotyped.types import mysql_type

if TYPE_CHECKING:
    from nanotyped.types.base import DataType


def caster(source: type[DataType] | str, target: type[DataType] | str, lossy: str = "fail") -> Caster:
    """Return what casts values of one type to another."""
    given, needed = (mysql_type(kind) if isinstance(kind, str) else kind for kind in (source, target))
    found = make_caster(given, needed, lossy)
    assert found is not None
    return found


def refusal(source: type[DataType] | str, target: type[DataType] | str, value: object, lossy: str = "fail") -> str:
    """Return why a value is not cast."""
    with pytest.raises(TypeCastError) as caught:
        caster(source, target, lossy)(value)
    return str(caught.value)


# -- moments out of text -----------------------------------------------------------------------


@pytest.mark.parametrize("source", ["varchar(60)", "json"])
@pytest.mark.parametrize(
    ("target", "text", "reason"),
    [
        ("datetime(6)", "2024-01-01T00:00:00.9999999", "more than 6 digits of a second's fraction"),
        ("timestamp(6)", "2024-01-01T00:00:00.9999999Z", "more than 6 digits of a second's fraction"),
        ("timestamp(6)", "2024-01-01T00:00:00+01:00:00.0000001", "more than 6 digits of a second's fraction"),
        ("timestamp", "2024-01-01T00:00:00+01:00:00.5", "more than 0 digits of a second's fraction"),
        ("time(6)", "0:00:00.1234567", "not spelled [-]H:MM:SS[.f]"),
    ],
)
def test_text_of_a_moment_is_exact_or_refused(source: str, target: str, text: str, reason: str) -> None:
    """Digits that the type has no room for are an error, not cut; so are those of an offset."""
    assert refusal(source, target, text) == f"{text!r} is no `{target}`: {reason}"


def test_zeros_behind_the_sixth_digit_say_nothing() -> None:
    """A text with more digits than six, all of them zeros, is exactly what it says."""
    assert caster("text", "datetime(6)")("2024-01-01T00:00:00.123456000") == datetime(2024, 1, 1, 0, 0, 0, 123456)


@pytest.mark.parametrize("lossy", ["round", "truncate"])
@given(
    fsp=st.integers(0, 6),
    fraction=st.text("0123456789", min_size=1, max_size=12) | st.text("459", min_size=6, max_size=9),
    kind=st.sampled_from(["datetime", "timestamp", "time", "-time"]),
)
def test_fractions_of_text_are_rounded_once(lossy: str, fsp: int, fraction: str, kind: str) -> None:
    """A fraction of any length is rounded half away from zero, or cut, as the decimal that it is."""
    rounding = ROUND_HALF_UP if lossy == "round" else ROUND_DOWN
    wanted = Decimal(f"0.{fraction}").quantize(Decimal(1).scaleb(-fsp), rounding=rounding)
    span = timedelta(microseconds=int(wanted * 10**6))
    cast = caster("varchar(60)", f"{kind.lstrip('-')}({fsp})", lossy)
    match kind:
        case "datetime":
            assert cast(f"2024-12-31T23:59:59.{fraction}") == datetime(2024, 12, 31, 23, 59, 59) + span
        case "timestamp":
            text = f"2024-12-31T23:59:59.{fraction}-01:00"
            assert cast(text) == datetime(2025, 1, 1, 0, 59, 59, tzinfo=UTC) + span
        case "time":
            assert cast(f"1:00:00.{fraction}") == timedelta(hours=1) + span
        case _:
            assert cast(f"-1:00:00.{fraction}") == -timedelta(hours=1) - span


def test_what_has_no_room_above_is_not_rounded_up() -> None:
    """The last microsecond there is has none behind it; an offset is not rounded at all."""
    assert refusal("text", "datetime(6)", "9999-12-31T23:59:59.9999995", "round") == (
        "datetime.datetime(9999, 12, 31, 23, 59, 59, 999999) is no `datetime(6)`: rounded up it is beyond the year 9999"
    )
    text = "2024-01-01T00:00:00+01:00:00.0000009"
    assert refusal("text", "timestamp(6)", text, "round") == (
        f"{text!r} is no `timestamp`: more than 6 digits of a second's fraction"
    )


def test_truncate_drops_any_time_of_day_for_a_date() -> None:
    """A date is cut out of a text with a fraction of any length."""
    assert str(caster("text", "date", "truncate")("2024-01-01T23:59:59.9999999")) == "2024-01-01"
