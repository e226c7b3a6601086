from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nanotyped.errors import TypeCastError
from nanotyped.nodes.casting import Caster, make_caster
from nanotyped.types import JSON_NULL, TIMESTAMP, mysql_type

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


# -- documents and text --------------------------------------------------------------------------


@pytest.mark.parametrize("target", ["varchar(20)", "tinytext", "longtext"])
@pytest.mark.parametrize(
    ("document", "text"),
    [(5, "5"), ("5", '"5"'), (JSON_NULL, "null"), ("null", '"null"'), (True, "true"), ("true", '"true"'), ([], "[]")],
)
def test_a_document_becomes_its_json_text_whatever_the_width(target: str, document: object, text: str) -> None:
    """No two documents become one text, and what a document becomes does not hang on how wide the column is."""
    assert caster("json", target)(document) == text


@settings(max_examples=50)
@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3)))
def test_a_document_cast_to_text_and_back_is_what_it_was(document: object) -> None:
    """Text and JSON cast to each other without loss."""
    document = JSON_NULL if document is None else document
    back = caster("longtext", "json")(caster("json", "varchar(9999)")(document))
    assert repr(back) == repr(document)


@pytest.mark.parametrize("target", ["varchar(20)", "longtext"])
def test_strings_of_documents_are_asked_for(target: str) -> None:
    """With `json_strings` a document that is a string becomes what it says, and any other is an error."""
    cast = make_caster(mysql_type("json"), mysql_type(target), "fail", json_strings=True)
    assert cast is not None
    assert cast("plain") == "plain"
    with pytest.raises(TypeCastError, match="no JSON string"):
        cast(5)


def test_a_member_of_an_enum_is_a_string_of_a_document() -> None:
    """A number in a document is not the member that is written like it."""
    assert refusal("json", "enum('5')", 5) == "5 is no `enum('5')`: no JSON string"


# -- floats --------------------------------------------------------------------------------------

_BEYOND = "more digits than a float keeps: the nearest is 9007199254740992.0"


@pytest.mark.parametrize("lossy", ["fail", "saturate", "truncate"])
@pytest.mark.parametrize(
    ("source", "value", "reason"),
    [
        ("varchar(40)", "9007199254740993", _BEYOND),
        ("json", "9007199254740993", _BEYOND),
        ("json", 9007199254740993, _BEYOND),
        ("bigint", 9007199254740993, "no float is exactly this number"),
        ("decimal(20,0)", Decimal(9007199254740993), "no float is exactly this number"),
        ("varchar(40)", "0.1000000000000000000001", "more digits than a float keeps: the nearest is 0.1"),
        ("varchar(40)", "1e-400", "more digits than a float keeps: the nearest is 0.0"),
    ],
)
def test_only_round_rounds_to_a_float(lossy: str, source: str, value: object, reason: str) -> None:
    """A number of more digits than a float keeps is refused, wherever it comes from, but by `round`."""
    assert refusal(source, "double", value, lossy).endswith(f": {reason}")
    assert isinstance(caster(source, "double", "round")(value), float)


@pytest.mark.parametrize("source", ["varchar(40)", "json"])
@pytest.mark.parametrize("lossy", ["fail", "saturate"])
@example(number=2.0**-24, digits=0)  # a power of two, whose shortest text is not its rounding
@given(number=st.floats(allow_nan=False, allow_infinity=False), digits=st.integers(0, 16))
def test_a_float_is_read_as_it_is_written(source: str, lossy: str, number: float, digits: int) -> None:
    """What a float prints as is the float again; so is any text of up to 17 digits that it is written as."""
    cast = caster(source, "double", lossy)
    assert cast(repr(number)) == number
    written = f"{number:.{digits}e}"
    if math.isfinite(float(written)) and f"{float(written):.{digits}e}" == written:
        assert cast(written) == float(written)


@pytest.mark.parametrize(
    ("source", "target", "value", "cast"),
    [
        ("varchar(40)", "double", "1e400", 1.7976931348623157e308),
        ("varchar(40)", "double", "-1e400", -1.7976931348623157e308),
        ("json", "float", Decimal("1e39"), 3.4028234663852886e38),
        ("json", "double", Decimal("0.1"), 0.1),
        ("bigint", "double unsigned", -1, 0.0),
    ],
)
def test_saturate_brings_numbers_into_the_range_of_a_float(
    source: str, target: str, value: object, cast: float
) -> None:
    """A number out of range becomes the bound; one in range is what it is."""
    assert repr(caster(source, target, "saturate")(value)) == repr(cast)


# -- bits and bytes ------------------------------------------------------------------------------


@given(bits=st.integers(1, 64), data=st.data())
def test_bits_are_bytes_and_bytes_bits(bits: int, data: st.DataObject) -> None:
    """Bits become so many bytes that they fit, the most significant first, and are bits again."""
    number = data.draw(st.integers(0, 2**bits - 1))
    packed = caster(f"bit({bits})", f"binary({-(-bits // 8)})")(number)
    assert packed == number.to_bytes(-(-bits // 8), "big")
    assert caster("varbinary(8)", f"bit({bits})")(packed) == number


@pytest.mark.parametrize(
    ("source", "target", "value", "problem"),
    [
        ("varbinary(8)", "bit(12)", b"\x01", "b'\\x01' is no `bits(12)`: 1 bytes, 12 bits are 2"),
        ("varbinary(8)", "bit(12)", b"\xff\xff", "65535 is no `bit(12)`: above 4095"),
        ("bit(12)", "binary(3)", 5, "b'\\x00\\x05' is no `binary(3)`: 2 bytes, it holds exactly 3"),
    ],
)
def test_bytes_of_another_length_are_no_bits(source: str, target: str, value: object, problem: str) -> None:
    """Neither bytes nor bits are filled up or cut."""
    assert refusal(source, target, value) == problem


def test_a_column_that_holds_less_than_its_meaning_is_held_to_that() -> None:
    """Two bytes are not always twelve bits, nor is every moment one of a timestamp column."""
    assert refusal("binary(2)", mysql_type("bit(12)", bit="bytes"), b"\xff\xff") == (
        "b'\\xff\\xff' is no `bit(12) as bytes`: it has more than 12 bits"
    )
    assert refusal(TIMESTAMP.of(fsp=0), "timestamp", datetime(1969, 1, 1, tzinfo=UTC)).endswith(
        "not from 1970-01-01 00:00:01 to 2106-02-07 06:28:15 UTC"
    )


def test_zero_dates_of_text_are_kept_where_that_is_asked_for() -> None:
    """A text that is no date, not even of a server, is none of a type that keeps those either."""
    assert refusal("varchar(20)", mysql_type("date", zero_date="keep"), "soon") == (
        "'soon' is no `date or invalid`: not a date"
    )
