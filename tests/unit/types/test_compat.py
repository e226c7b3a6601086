"""Which types fit which."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanotyped.types import intermediate as it
from nanotyped.types.compat import Verdict, check_assignable, judge, verdict
from nanotyped.types.convert import value_converter
from nanotyped.types.mysql import mysql_type
from tests.unit.types import strategies as any_

EXAMPLES = settings(max_examples=60, deadline=None)


def fits(given_: any_.Type, needed: any_.Type) -> bool:
    """Return whether values go over as they are."""
    return verdict(given_, needed).passes


@EXAMPLES
@given(any_.any_type())
def test_every_type_fits_itself(kind: any_.Type) -> None:
    """A type is exactly itself."""
    assert verdict(kind, kind) is Verdict.EXACT
    assert check_assignable(kind, kind) == []


def assert_transitive(kinds: list[any_.Type]) -> None:
    """Check every way of two steps among some types."""
    wider = {kind: {other for other in kinds if fits(kind, other)} for kind in kinds}
    for first, found in wider.items():
        for second in found:
            missing = wider[second] - found
            assert not missing, (first.spelling(), second.spelling(), [kind.spelling() for kind in missing])


@EXAMPLES
@given(st.lists(any_.any_type(), max_size=25))
def test_fitting_is_transitive(kinds: list[any_.Type]) -> None:
    """If one type fits a second and that a third, the one fits the third."""
    assert_transitive(kinds)


@EXAMPLES
@given(st.lists(any_.strings() | any_.enums() | st.just(it.JSON), min_size=12, max_size=20))
def test_fitting_is_transitive_among_texts(kinds: list[any_.Type]) -> None:
    """Lengths in characters and in bytes, charsets and padding compare without a gap between them."""
    assert_transitive(kinds)


@EXAMPLES
@given(st.lists(any_.integers() | any_.decimals() | any_.floats() | st.just(it.BOOL), min_size=12, max_size=20))
def test_fitting_is_transitive_among_numbers(kinds: list[any_.Type]) -> None:
    """Steps from bool over integers to decimals and floats are steps of one relation."""
    assert_transitive(kinds)


def test_fitting_is_transitive_over_every_small_text_type() -> None:
    """All texts of up to five characters or bytes, in every charset, padded or not, form one order."""
    sizes = [{}, *({key: size} for key in ("max_length", "max_bytes") for size in range(6))]
    assert_transitive(
        [
            it.STRING.of(charset=charset, padded=padded, **size)
            for charset in any_.CHARSETS
            for padded in (False, True)
            for size in sizes
        ]
    )


@st.composite
def fitting_pairs(draw: st.DrawFn) -> tuple[any_.Type, any_.Type, Any]:
    """Return a type, one that it fits, and a value of the first."""
    kind = draw(any_.columns())
    others = draw(st.lists(any_.columns(), min_size=10, max_size=20))
    fitting = [other for other in others if fits(kind, other)]
    return kind, draw(st.sampled_from(fitting or [kind.family])), draw(any_.values(kind))


@settings(max_examples=300, deadline=None)
@given(fitting_pairs())
def test_a_value_of_a_fitting_type_comes_back_equal(pair: tuple[any_.Type, any_.Type, Any]) -> None:
    """What fits loses nothing: the value as the wider type holds it, cast back, is the value."""
    kind, wider, value = pair
    convert = value_converter(kind, wider)
    there = convert(value) if convert else value
    assert wider.python_cast_function(there) == there
    if (kind.family, wider.family) == (it.JSON, it.STRING):
        return  # read back by parse_text, see test_text
    assert kind.python_cast_function(there) == value
    assert isinstance(there, wider.python_type)


@pytest.mark.parametrize(
    ("given_", "needed"),
    [
        ("int", "bigint"),
        ("int unsigned", "bigint"),
        ("tinyint unsigned", "smallint"),
        ("bigint", "decimal(19,0)"),
        ("bigint unsigned", "decimal(20,0) unsigned"),
        ("mediumint", "float"),
        ("int unsigned", "double"),
        ("decimal(10,2)", "decimal(12,4)"),
        ("float", "double"),
        ("varchar(64)", "varchar(65)"),
        ("varchar(64)", "varchar(64) charset utf8mb4"),
        ("varchar(16383)", "text"),
        ("varchar(65534) charset latin1", "text charset latin1"),
        ("char(10)", "varchar(10)"),
        ("varchar(9) charset ascii", "varchar(9) charset latin1"),
        ("varchar(9) charset latin1", "varchar(9) charset utf8mb3"),
        ("enum('a','b')", "enum('b','a','c')"),
        ("enum('a','bcd')", "varchar(3)"),
        ("enum('a','bcd')", "char(3)"),
        ("binary(16)", "varbinary(16)"),
        ("varbinary(254)", "tinyblob"),
        ("date", "datetime"),
        ("datetime(3)", "datetime(6)"),
        ("timestamp", "timestamp(6)"),
        ("time(1)", "time(2)"),
        ("json", "longtext"),
        ("year", "smallint"),
        ("year", "decimal(4,0)"),
        ("bit(7)", "bit(8)"),
        ("bit(8)", "tinyint unsigned"),
        ("bit(1)", "float"),
        ("bit(64)", "decimal(20,0)"),
        ("set('a')", "set('b','a')"),
        ("uuid", "char(36)"),
        ("inet4", "varchar(15) character set ascii"),
        ("inet6", "char(39)"),
        ("point", "geometry"),
        ("multipoint", "geometrycollection"),
        ("geometrycollection", "geometry"),
        ("point srid 4326", "point"),
    ],
)
def test_wider_types_take_narrower_ones(given_: str, needed: str) -> None:
    """Every value of the one is a value of the other; the way back is refused."""
    assert verdict(mysql_type(given_), mysql_type(needed)) is Verdict.WIDENING
    back = verdict(mysql_type(needed), mysql_type(given_))
    assert not back.passes or given_ == "varchar(64)"


@pytest.mark.parametrize(
    ("given_", "needed", "found", "reason"),
    [
        ("int", "int unsigned", Verdict.LOSSY, "it may be below 0"),
        ("bigint unsigned", "bigint", Verdict.LOSSY, "it may be above 9223372036854775807"),
        ("bigint", "decimal(18,0)", Verdict.LOSSY, "it has up to 19 digits, 18 fit before the point"),
        ("int", "float", Verdict.LOSSY, "a float of 32 bits holds integers up to 24 bits"),
        ("bigint", "double", Verdict.LOSSY, "a float of 64 bits holds integers up to 32 bits"),
        ("decimal(12,2)", "double", Verdict.LOSSY, "a float does not hold every decimal exactly"),
        ("decimal(12,2)", "decimal(12,4)", Verdict.LOSSY, "it has 10 digits before the point, 8 fit"),
        ("decimal(12,2)", "decimal(20,1)", Verdict.LOSSY, "it has 2 digits behind the point, 1 fit"),
        ("decimal(12,2)", "decimal(12,2) unsigned", Verdict.LOSSY, "it may be below 0"),
        ("double", "float", Verdict.LOSSY, "it may have more digits than 32 bits hold"),
        ("double", "double(10,2)", Verdict.LOSSY, "it would be rounded to 2 digits behind the point"),
        ("varchar(5)", "char(5)", Verdict.LOSSY, "its trailing blanks would be dropped"),
        ("varchar(6)", "varchar(5)", Verdict.LOSSY, "it may have 6 characters, 5 fit"),
        ("varchar(16384)", "text", Verdict.LOSSY, "it may have 65536 bytes, 65535 fit"),
        ("varchar(5)", "varchar(5) charset latin1", Verdict.LOSSY, "it may have characters that are not in latin1"),
        ("varchar(5)", "enum('a')", Verdict.LOSSY, "it may be a text that is no member"),
        ("enum('a','b')", "enum('a')", Verdict.LOSSY, "`b` is no member"),
        ("varbinary(16)", "binary(16)", Verdict.LOSSY, "bytes of another length than 16 would be filled up"),
        ("datetime", "date", Verdict.LOSSY, "it may have a time of day"),
        ("datetime(6)", "datetime", Verdict.LOSSY, "it has 6 digits of a second's fraction, 0 fit"),
        ("datetime", "timestamp", Verdict.INCOMPATIBLE, "the one has a zone, the other has none"),
        ("timestamp", "datetime", Verdict.INCOMPATIBLE, "the one has a zone, the other has none"),
        ("time", "datetime", Verdict.INCOMPATIBLE, ""),
        ("text", "json", Verdict.LOSSY, "it may be a text that is no JSON"),
        ("varchar(64)", "int", Verdict.INCOMPATIBLE, ""),
        ("int", "varchar(64)", Verdict.INCOMPATIBLE, ""),
        ("blob", "text", Verdict.INCOMPATIBLE, ""),
        ("int", "year", Verdict.LOSSY, "it may be no year from 1901 to 2155"),
        ("bit(8)", "tinyint", Verdict.LOSSY, "it may be above 127"),
        ("bit(8)", "bit(7)", Verdict.LOSSY, "it has 8 bits, 7 fit"),
        ("bit(1)", "decimal(2,0)", Verdict.LOSSY, "it has up to 3 digits, 2 fit before the point"),
        ("tinyint unsigned", "bit(8)", Verdict.LOSSY, "a number is no run of bits, and it may be below 0"),
        ("set('a','b')", "set('a')", Verdict.LOSSY, "`b` is no member"),
        ("set('a')", "varchar(9)", Verdict.INCOMPATIBLE, ""),
        ("uuid", "char(35)", Verdict.LOSSY, "it may have 36 characters, 35 fit"),
        ("varchar(36)", "uuid", Verdict.LOSSY, "it may be a text that is no UUID"),
        ("inet4", "inet6", Verdict.INCOMPATIBLE, "addresses of one version are none of the other"),
        ("geometry", "point", Verdict.LOSSY, "it may be no point"),
        ("point", "geometrycollection", Verdict.LOSSY, "it may be no geometrycollection"),
        ("point", "point srid 0", Verdict.LOSSY, "its SRID may be another than 0"),
        ("vector(3)", "vector(4)", Verdict.LOSSY, "it has 3 dimensions, not 4"),
    ],
)
def test_what_does_not_fit_says_why(given_: str, needed: str, found: Verdict, reason: str) -> None:
    """Types that do not fit are lossy, if some values could go over, or incompatible; with the reason."""
    judged = judge(mysql_type(given_), mysql_type(needed))
    assert (judged.verdict, judged.reason) == (found, reason)


@given(any_.columns())
def test_a_bare_family_takes_all_its_members(kind: any_.Type) -> None:
    """A parametrised type fits its family."""
    assert fits(kind, kind.family)


def test_bare_datetime_takes_dates_and_timestamps_which_do_not_take_each_other() -> None:
    """DATETIME stands over DATE, DATETIME(f) and TIMESTAMP(f)."""
    assert all(fits(kind, it.DATETIME) for kind in (it.DATE, it.TIMESTAMP.of(fsp=6), it.DATETIME.of(fsp=3)))
    assert not fits(it.DATE, it.TIMESTAMP)
    assert not fits(it.TIMESTAMP, it.DATE)
    assert not fits(it.DATETIME, it.DATETIME.of(fsp=6))


def test_bool_is_an_integer_but_not_the_other_way() -> None:
    """BOOL fits every INTEGER; an INTEGER is no BOOL."""
    assert fits(it.BOOL, it.INTEGER.of(bits=8, unsigned=True))
    assert fits(it.BOOL, it.DECIMAL.of(precision=3, scale=0))
    assert judge(it.INTEGER, it.BOOL).reason == "it may be neither 0 nor 1"


@given(any_.columns())
def test_null_fits_everything_and_object_takes_everything(kind: any_.Type) -> None:
    """A null of unknown type fits any type; nothing else is a NULL; an OBJECT is nothing else."""
    assert fits(it.NULL, kind)
    assert fits(kind, it.OBJECT)
    assert verdict(kind, it.NULL) is Verdict.INCOMPATIBLE
    assert verdict(it.OBJECT, kind) is Verdict.INCOMPATIBLE


def test_a_mismatch_names_both_sides_as_they_are_spelled_and_a_remedy() -> None:
    """The message has the spelling of both systems, the reason and a hint."""
    [lossy] = check_assignable(mysql_type("bigint"), mysql_type("int unsigned"))
    assert str(lossy) == (
        "Expected `int unsigned`, got `bigint` (it may be below 0). "
        "Hint: declare it `bigint`, or put a Cast to `int unsigned` between them that says what may be lost"
    )
    [other] = check_assignable(mysql_type("varchar(64)"), it.INTEGER.of(bits=32, unsigned=True))
    assert str(other) == "Expected `uint32`, got `varchar(64)`. Hint: put a Cast to `uint32` between them"
    [bare] = check_assignable(it.STRING, mysql_type("varchar(5)"))
    assert str(bare) == (
        "Expected `varchar(5)`, got `string` (it may have any number of characters, 5 fit). "
        "Hint: put a Cast to `varchar(5)` between them that says what may be lost"
    )
    assert [str(found) for found in check_assignable(mysql_type("blob"), it.BOOL)] == ["Expected `bool`, got `blob`"]


def test_only_types_are_compared() -> None:
    """A value or a Python class is no type."""
    with pytest.raises(TypeError, match=r"^<class 'int'> is no type$"):
        check_assignable(int, it.INTEGER)  # type: ignore[arg-type]  # what is tested


@pytest.mark.parametrize(
    ("given_", "needed", "value", "converted"),
    [
        (it.INTEGER, it.DECIMAL, 5, Decimal(5)),
        (it.INTEGER.of(bits=8), it.DECIMAL.of(precision=5, scale=2), 5, Decimal("5.00")),
        (it.INTEGER.of(bits=8), it.FLOAT.of(bits=32), 5, 5.0),
        (it.BOOL, it.INTEGER, True, 1),
        (it.DECIMAL.of(precision=5, scale=1), it.DECIMAL.of(precision=6, scale=2), Decimal("1.5"), Decimal("1.50")),
        (it.JSON, it.STRING, {"a": [Decimal("1.10")]}, '{"a":[1.10]}'),
    ],
)
def test_a_wider_type_may_need_another_python_value(
    given_: any_.Type, needed: any_.Type, value: object, converted: object
) -> None:
    """The converter of a pair gives the class and the digits of the wider type."""
    convert = value_converter(given_, needed)
    assert convert is not None
    found = convert(value)
    assert (type(found), repr(found)) == (type(converted), repr(converted))


def test_a_date_becomes_its_midnight() -> None:
    """A date in a datetime column is the midnight it begins with."""
    convert = value_converter(it.DATE, it.DATETIME.of(fsp=0))
    assert convert is not None
    assert convert(date(2021, 5, 6)).isoformat() == "2021-05-06T00:00:00"


def test_most_values_go_over_as_they_are() -> None:
    """Where the Python value is right already there is no converter; where types do not fit there is an error."""
    assert value_converter(mysql_type("varchar(3)"), it.STRING) is None
    assert value_converter(it.FLOAT.of(bits=32), it.FLOAT) is None
    with pytest.raises(TypeError, match=r"^`int64` does not fit `int8` \(it may be below -128\)$"):
        value_converter(it.INTEGER.of(bits=64), it.INTEGER.of(bits=8))
