"""Whole columns of text: what ``parse_text`` says of each, at once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanotyped.errors import IncompatibleTypesException, TypeCastError
from nanotyped.types import intermediate as it
from nanotyped.types.text import parse_text, render_text
from nanotyped.types.text_columns import column_parser
from tests.unit.types import strategies as any_

if TYPE_CHECKING:
    from nanotyped.types.text_form import Dialect

DIALECTS: tuple[Dialect, ...] = ("csv", "mysql")
# One number, date or word in many spellings, most of them wrong ones.
NEAR = st.from_regex(
    r"[+-]{0,2}(0|00|7|12|007|128|999)?(\.|_)?(0|5|50|005|25)?(e|E|e-|e\+)?(3|400|0005)?\n?"
    r"|(0000|2024|9999|24)-(00|01|02|12|13|1)-(00|01|29|30|31)[ T]?(00|23|24)?:?(00|59|60)?:?(00|59|60)?"
    r"(\.|\.0|\.12|\.000001|\.1234567)?(Z|\+00:00)?\n?"
    r"|true|false|0|1|null|None|nan|inf|-0|-0\.0|\u0665|-|\.|\n",
    fullmatch=True,
)


def slowly(kind: any_.Type, texts: list[Any], dialect: Dialect) -> str:
    """Return what the parser of single texts makes of each, or that it refuses one."""
    try:
        parse = parse_text(kind, dialect)
        return repr([None if text is None else parse(text) for text in texts])
    except (ValueError, ArithmeticError):
        return "refused"


def at_once(kind: any_.Type, texts: list[Any], dialect: Dialect) -> str:
    """Return what the parser of columns makes of them, brought right by the type; or that one of both refuses."""
    try:
        cast = kind.python_cast_function
        return repr([None if value is None else cast(value) for value in column_parser(kind, dialect)(texts)])
    except (ValueError, ArithmeticError):
        return "refused"


@settings(max_examples=100, deadline=None)
@given(any_.typed_values(), st.data())
def test_a_column_is_read_as_its_texts_are(typed: tuple[any_.Type, Any], data: st.DataObject) -> None:
    """Texts of values of any type, nulls between them, come out as the parser of single texts reads them."""
    kind, value = typed
    others = data.draw(st.lists(st.none() | any_.values(kind), max_size=3))
    texts = [None if one is None else render_text(kind)(one) for one in [value, *others]]
    assert at_once(kind, texts, "csv") == slowly(kind, texts, "csv") != "refused"


@settings(max_examples=250, deadline=None)
@given(any_.columns(), st.lists(NEAR | st.none() | st.text("0123456789-.:TZ eE\n", max_size=6), max_size=3), st.data())
def test_a_column_of_any_text_is_read_as_its_texts_are(
    kind: any_.Type, texts: list[str | None], data: st.DataObject
) -> None:
    """Whatever the texts are, both parsers read the same values, or both refuse."""
    dialect = data.draw(st.sampled_from(DIALECTS))
    assert at_once(kind, texts, dialect) == slowly(kind, texts, dialect)


TRAPS = {
    it.INTEGER: ["1e3", "1.0", "1_0", "+5", " 5", "5 ", "", "\u0665", "--5", "5-", "-", "1\n2"],
    it.DECIMAL.of(precision=5, scale=2): ["NaN", "1_0.00", "1e3", "Infinity", ".50", "-.50", "5.", "1.0.0", "1.-0", ""],
    it.DECIMAL.of(precision=5, scale=0): ["1_0", "+1", "1-1", "", "1\n2"],
    it.FLOAT: ["nan", "inf", "1_0", "0x1", "5.", ".5", "", "1e0005", "1e999", "-", "1.2.3"],
    it.BOOL: ["2", "yes", "TRUE", ""],
    it.DATE: ["20210506", "2021-5-6", "1620259200", "2021-02-30", "0000-00-00", "\u0662021-05-06"],
    it.DATETIME.of(fsp=0): ["2021-05-06", "1620259200", "2021-05-06T07:08:09+01:00", "2021-05-06T24:00:00"],
    it.DATETIME.of(fsp=6): ["2021-05-06T07:08:09.1234567", "2021-05-06T07:08:60.123456"],
    it.TIMESTAMP.of(fsp=0): ["2021-05-06T07:08:09", "2021-05-06T07:08:09z"],
    it.UUID: ["0" * 32, "{00000000-0000-0000-0000-000000000001}"],
}


@pytest.mark.parametrize(("kind", "trap"), [(kind, trap) for kind, traps in TRAPS.items() for trap in traps])
def test_what_is_no_text_of_the_type_is_refused(kind: any_.Type, trap: str) -> None:
    """What readers in C take, and the type has no such text for, is refused; so is what is no text at all."""
    for texts in ([trap], [None, trap], [5], [b"5"]):
        with pytest.raises(TypeCastError):
            column_parser(kind)(texts)


def test_unusual_texts_beside_usual_ones() -> None:
    """Zeros in front, a sign of zero, exponents, short fractions: one such text changes nothing for the others."""
    read = {
        it.INTEGER: (["007", "12", "-0"], [7, 12, 0]),
        it.FLOAT: (["-0", "1e-05", "2.5"], [-0.0, 1e-05, 2.5]),
        it.FLOAT.of(bits=64): (["-0", "2.5"], [-0.0, 2.5]),
    }
    for kind, (texts, values) in read.items():
        assert repr(column_parser(kind)(texts)) == repr(values)
    decimals = column_parser(it.DECIMAL.of(precision=5, scale=2))(["5", "-0.50", None, "007.00"])
    assert list(map(str, decimals)) == ["5", "-0.50", "None", "7.00"]


@pytest.mark.parametrize("fsp", [0, 3, 6])
def test_moments_of_a_session_in_utc(fsp: int) -> None:
    """A timestamp has no zone in what MySQL sends; it is read as UTC, by the very object that rows carry."""
    fraction = f".{'1' * fsp}" if fsp else ""
    values = column_parser(it.TIMESTAMP.of(fsp=fsp), "mysql")([f"2021-05-06 07:08:09{fraction}", None])
    moment = datetime(2021, 5, 6, 7, 8, 9, int("1" * fsp + "0" * (6 - fsp)), UTC)
    assert values == [moment, None]
    assert values[0].tzinfo is UTC


def test_objects_have_no_text() -> None:
    """An opaque object cannot be read."""
    with pytest.raises(IncompatibleTypesException, match=r"^values of `object` have no text$"):
        column_parser(it.OBJECT)
