"""Holding rows to their schema: what passes, what is brought right, and what an error says (DESIGN §5)."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanotyped import JSON_NULL, Row, RowValidationError, mysql_type
from nanotyped.errors import CellProblem, TypeCastError
from nanotyped.row import Column, Schema, Validator
from nanotyped.row.validation import validator_of
from nanotyped.types import intermediate as it
from nanotyped.types.text import parse_text, render_text
from tests.unit.types import strategies as any_

Kind = any_.Type


def of(*kinds: Kind, nullable: bool = False) -> Validator:
    """Return the validator of columns ``a``, ``b``, … of these types."""
    return Validator(Schema(Column(chr(97 + index), kind, nullable=nullable) for index, kind in enumerate(kinds)))


def refused(validator: Validator, *rows: tuple[Any, ...], first: int = 1) -> str:
    """Return what is said of rows that are wrong."""
    with pytest.raises(RowValidationError) as caught:
        validator.rows(list(rows), first)
    return str(caught.value)


# -- what passes ------------------------------------------------------------------------------------------------


@settings(max_examples=300)
@given(any_.typed_values(), st.integers(1, 4))
def test_right_values_pass_untouched(pair: tuple[Kind, Any], count: int) -> None:
    """Rows of values that the type keeps as they are come back as the same list of the same rows."""
    kind, value = pair
    kept = kind.python_cast_function(value)
    validator = of(kind)
    row_class: Any = validator.row_class
    rows = [row_class(kept) for _ in range(count)]
    checked = validator.check_rows(rows)
    if kind.family is not it.JSON:  # JSON_NULL is cast, for the check knows documents alone
        assert checked is rows
    assert [repr(row) for row in checked] == [repr(row) for row in rows]


@given(any_.columns(), st.booleans())
def test_nulls(kind: Kind, nullable: bool) -> None:
    """A null passes where the column may be null, in every family, and nowhere else."""
    validator = of(kind, nullable=nullable)
    if nullable:
        row_class: Any = validator.row_class
        rows = [row_class(None)]
        assert validator.check_rows(rows) is rows
    else:
        text = refused(validator, (None,))
        assert text == f"row 1, column `a`: expected `{kind.spelling()}`, got None (it may not be null)"


def test_objects_and_nulls_of_unknown_type() -> None:
    """An opaque column takes every object, and None where it may be null; a NULL column takes None alone."""
    thing = object()
    assert of(it.OBJECT).rows([(thing,)])[0]["a"].value is thing
    assert refused(of(it.OBJECT), (None,)) == "row 1, column `a`: expected `object`, got None (it may not be null)"
    assert of(it.NULL, nullable=True).rows([(None,)])[0].to_python() == {"a": None}
    assert refused(of(it.NULL, nullable=True), (1,)).startswith("row 1, column `a`: expected `null null`, got 1 (")


def test_no_rows_and_no_columns() -> None:
    """No rows are right; so are rows of no columns."""
    assert of(it.INTEGER).rows([]) == []
    assert of(it.INTEGER).check_rows([]) == []
    assert of().rows([(), ()]) == [Row(), Row()]
    assert refused(of(), (1,)) == "row 1, column `*`: expected `0 columns`, got 1 columns"


# -- what is brought right ----------------------------------------------------------------------------------------

PLUS_5 = timezone(timedelta(hours=5))


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (it.DECIMAL.of(precision=5, scale=2), Decimal("1.5"), "Decimal('1.50')"),
        (it.DECIMAL.of(precision=5, scale=2), Decimal("1.500"), "Decimal('1.50')"),
        (it.DECIMAL.of(precision=5, scale=2), Decimal("1E+2"), "Decimal('100.00')"),
        (it.DECIMAL.of(precision=65, scale=30), Decimal("-" + "9" * 35), f"Decimal('-{'9' * 35}.{'0' * 30}')"),
        (it.TIMESTAMP, datetime(2024, 1, 1, 5, tzinfo=PLUS_5), repr(datetime(2024, 1, 1, tzinfo=UTC))),
        (it.TIMESTAMP.of(fsp=0), datetime(2024, 1, 1, tzinfo=timezone.utc), repr(datetime(2024, 1, 1, tzinfo=UTC))),  # noqa: UP017 - the same
        (it.FLOAT, 3, "3.0"),
        (it.FLOAT.of(bits=32), 2**24, "16777216.0"),
        (it.FLOAT, -(2**53), "-9007199254740992.0"),
        (it.BYTES, bytearray(b"ab"), "b'ab'"),
    ],
)
def test_exact_values_are_brought_to_their_form(kind: Kind, value: Any, expected: str) -> None:
    """Decimals come to their scale, moments to UTC, whole numbers to floats that are exactly them; no others change."""
    validator = of(kind, it.STRING, nullable=True)
    right = kind.python_cast_function(value)
    rows = validator.rows([(value, "x"), (right, "y"), (None, "z")])
    assert [repr(row["a"].value) for row in rows] == [expected, repr(right), "None"]
    assert [row["b"].value for row in rows] == ["x", "y", "z"]
    row_class: Any = validator.row_class
    given_rows = [row_class(value, "x")]
    assert [repr(row["a"].value) for row in validator.check_rows(given_rows)] == [expected]
    assert repr(given_rows[0].to_python()["a"]) == repr(value)  # the row that was given is what it was


# -- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        (it.INTEGER, True, "an int is needed, this is bool"),
        (it.INTEGER, 3.0, "an int is needed, this is float"),
        (it.INTEGER, "3", "an int is needed, this is str"),
        (it.INTEGER, Decimal(3), "an int is needed, this is Decimal"),
        (it.INTEGER.of(bits=8), 128, "above 127"),
        (it.INTEGER.of(bits=8), -129, "below -128"),
        (it.INTEGER.of(bits=64), 2**63, f"above {2**63 - 1}"),
        (it.INTEGER.of(bits=64), -(2**70), f"below {-(2**63)}"),
        (it.INTEGER.of(bits=64, unsigned=True), 2**64, f"above {2**64 - 1}"),
        (it.INTEGER.of(bits=64, unsigned=True), -1, "below 0"),
        (it.INTEGER.of(unsigned=True), -1, "below 0"),
        (it.BOOL, 1, "a bool is needed, this is int"),
        (it.BOOL, "true", "a bool is needed, this is str"),
        (it.DECIMAL, 1, "a Decimal is needed, this is int"),
        (it.DECIMAL, 1.5, "a Decimal is needed, this is float"),
        (it.DECIMAL, Decimal("NaN"), "not finite"),
        (it.DECIMAL, Decimal("sNaN"), "not finite"),
        (it.DECIMAL, Decimal("-Infinity"), "not finite"),
        (it.DECIMAL.of(precision=5, scale=2), Decimal("sNaN"), "not finite"),
        (it.DECIMAL.of(precision=5, scale=2), Decimal("NaN"), "not finite"),
        (it.DECIMAL.of(precision=5, scale=2), Decimal("1.005"), "more than 5 digits, 2 of them behind the point"),
        (it.DECIMAL.of(precision=5, scale=2), Decimal(1000), "more than 5 digits, 2 of them behind the point"),
        (it.DECIMAL.of(precision=5, scale=2), Decimal("999.999"), "more than 5 digits, 2 of them behind the point"),
        (it.DECIMAL.of(precision=2, scale=2), Decimal("1.00"), "more than 2 digits, 2 of them behind the point"),
        (it.DECIMAL.of(precision=5, scale=2, unsigned=True), Decimal("-0.01"), "below 0"),
        (it.FLOAT, math.nan, "not a finite number"),
        (it.FLOAT, math.inf, "not a finite number"),
        (it.FLOAT, 2**53 + 1, "no float is exactly this number"),
        (it.FLOAT, 10**400, "a float is needed, this is int"),
        (it.FLOAT, Decimal(1), "a float is needed, this is Decimal"),
        (it.FLOAT, True, "a float is needed, this is bool"),
        (it.FLOAT.of(unsigned=True), -1.0, "below 0"),
        (it.FLOAT.of(bits=32), 0.1, "more digits than 32 bits hold"),
        (it.FLOAT.of(bits=32), 1e300, "more digits than 32 bits hold"),
        (it.STRING, b"x", "a str is needed, this is bytes"),
        (it.STRING, 5, "a str is needed, this is int"),
        (it.STRING, "a\ud800", "character '\\ud800' is not in utf-8"),
        (it.STRING.of(max_length=2), "äöü", "3 characters, at most 2 fit"),
        (it.STRING.of(max_bytes=5), "äöü", "6 bytes, at most 5 fit"),
        (it.STRING.of(charset="latin1"), "ж", "character 'ж' is not in latin1"),
        (it.STRING.of(charset="utf8mb3"), "😀", "character '😀' is not in utf8mb3"),
        (it.STRING.of(charset="ascii", max_length=9), "é", "character 'é' is not in ascii"),
        (it.ENUM.of(members=("a", "b")), "c", "not one of the members"),
        (it.ENUM.of(members=("a", "b")), "A", "not one of the members"),
        (it.BYTES, "aGk=", "a bytes is needed, this is str"),
        (it.BYTES.of(max_bytes=2), b"abc", "3 bytes, at most 2 fit"),
        (it.DATETIME, date(2024, 1, 1), "a datetime is needed, this is date"),
        (it.DATETIME, "2024-01-01T00:00:00", "a datetime is needed, this is str"),
        (it.DATETIME.of(fsp=0), datetime(2024, 1, 1, tzinfo=UTC), "it has a zone; a datetime has none"),
        (it.DATETIME.of(fsp=0), datetime(2024, 1, 1, 0, 0, 0, 1), "more than 0 digits of a second's fraction"),
        (it.DATETIME.of(fsp=3), datetime(2024, 1, 1, 0, 0, 0, 1), "more than 3 digits of a second's fraction"),
        (it.TIMESTAMP, datetime(2024, 1, 1), "it has no zone; a timestamp needs one"),
        (it.TIMESTAMP.of(fsp=3), datetime(2024, 1, 1, 0, 0, 0, 1, UTC), "more than 3 digits of a second's fraction"),
        (it.DATE, datetime(2024, 1, 1, 5), "it has a time of day"),
        (it.TIME_INTERVAL, time(5), "a timedelta is needed, this is time"),
        (it.TIME_INTERVAL.of(fsp=0), timedelta(hours=839), "beyond 838:59:59"),
        (it.TIME_INTERVAL.of(fsp=0), -timedelta(hours=839), "beyond 838:59:59"),
        (it.TIME_INTERVAL.of(fsp=2), timedelta(microseconds=-1), "more than 2 digits of a second's fraction"),
        (it.JSON, {"a": math.nan}, "nan at $.a is not finite"),
        (it.JSON, {"a": [{1: 2}]}, "the key 1 at $.a[0] is not text"),
        (it.JSON, object, "type at $ has no JSON form"),
    ],
)
def test_what_no_column_of_the_type_can_hold(kind: Kind, value: Any, reason: str) -> None:
    """A value that is none of the type is refused by row, column, what was expected, what came, and why."""
    shown = repr(value)
    shown = shown if len(shown) <= 80 else shown[:80] + "…"
    validator = of(it.BOOL, kind)
    right = next(iter([True]))
    with pytest.raises(RowValidationError) as caught:
        validator.rows([(right, value)], 7)
    assert caught.value.problems == (CellProblem(7, "b", kind.spelling(), shown, reason),)
    assert str(caught.value) == f"row 7, column `b`: expected `{kind.spelling()}`, got {shown} ({reason})"
    assert (caught.value.row, caught.value.column) == (7, "b")


@pytest.mark.parametrize("zone", [PLUS_5, timezone(timedelta(hours=-5))])
def test_moments_off_the_calendar(zone: timezone) -> None:
    """A moment that UTC has no date for is refused like any other value."""
    moment = (datetime.min if zone is PLUS_5 else datetime.max).replace(tzinfo=zone)
    assert refused(of(it.TIMESTAMP), (moment,)).startswith("row 1, column `a`: expected `timestamp`, got ")


def test_every_broken_cell_of_a_batch() -> None:
    """All broken cells are reported, by row and then by column; ten are shown, the rest is counted."""
    validator = of(mysql_type("int"), mysql_type("varchar(3)"), it.DECIMAL.of(precision=4, scale=2))
    good = (1, "a", Decimal("1.00"))
    rows: list[Any] = [good, ("x", "abcd", Decimal("1.00")), good, (1, None, Decimal(100)), (1, "a")]
    with pytest.raises(RowValidationError) as caught:
        validator.rows(rows, 101)
    assert [str(problem) for problem in caught.value.problems] == [
        "row 102, column `a`: expected `int`, got 'x' (an int is needed, this is str)",
        "row 102, column `b`: expected `varchar(3)`, got 'abcd' (4 characters, at most 3 fit)",
        "row 104, column `b`: expected `varchar(3)`, got None (it may not be null)",
        "row 104, column `c`: expected `decimal(4,2)`, got Decimal('100') (more than 4 digits, 2 of them behind the "
        "point)",
        "row 105, column `*`: expected `3 columns`, got 2 columns",
    ]
    many = [("x", "a", Decimal(1))] * 25
    text = refused(validator, *many)
    assert text.count("row ") == 10
    assert text.endswith("; and 15 more")


def test_a_long_value_is_cut() -> None:
    """Of the value the first 80 characters are shown."""
    assert refused(of(it.INTEGER), ("x" * 200,)) == (
        f"row 1, column `a`: expected `integer`, got '{'x' * 79}… (an int is needed, this is str)"
    )


@settings(max_examples=300)
@given(any_.columns(), st.data())
def test_every_refusal_names_a_cell(kind: Kind, data: st.DataObject) -> None:
    """Any value at all either passes or is refused with its row and column; nothing else is ever raised."""
    odd: st.SearchStrategy[Any] = st.one_of(
        any_.columns().flatmap(any_.values),
        st.decimals(),
        st.floats(),
        st.integers(),
        st.datetimes(timezones=st.none() | st.timezones()),
        st.sampled_from([None, True, object(), (), [], {}, "\ud800", JSON_NULL, bytearray(b"x"), memoryview(b"y")]),
    )
    value = data.draw(odd)
    validator = of(it.BOOL, kind)
    found: tuple[CellProblem, ...] = ()
    try:
        [row] = validator.rows([(True, value)], 3)
    except RowValidationError as error:
        found = error.problems
    else:
        kind.python_cast_function(row.to_python()["b"])
    assert [(problem.row, problem.column) for problem in found] in ([], [(3, "b")])


class Customer(Row):
    id: Annotated[int, mysql_type("int unsigned")]
    note: str | None = None


def test_the_validator_of_a_declared_class() -> None:
    """Rows that it makes are of that class."""
    validator = validator_of(Customer)
    assert validator.rows([(1, None)]) == [Customer(id=1)]
    assert refused(validator, (-1, None)) == "row 1, column `id`: expected `int unsigned`, got -1 (below 0)"


# -- rows of columns and of text ----------------------------------------------------------------------------------


SHOP = Schema(
    [
        Column("id", mysql_type("int unsigned")),
        Column("price", mysql_type("decimal(6,2)"), nullable=True),
        Column("created", mysql_type("timestamp")),
        Column("status", mysql_type("enum('new','paid')")),
    ]
)


@settings(max_examples=100, deadline=None)
@given(any_.columns(), any_.columns(), st.data())
def test_columns_are_checked_as_rows_are(kind: Kind, other: Kind, data: st.DataObject) -> None:
    """Columns make the rows that their tuples make, or are refused with the same words."""
    values = data.draw(st.lists(any_.values(kind) | any_.values(other) | st.none(), max_size=4))
    validator = of(kind, it.STRING, nullable=data.draw(st.booleans()))
    try:
        expected = repr(validator.rows([(value, "x") for value in values], 5))
    except RowValidationError as error:
        expected = str(error)
    try:
        found = repr(validator.rows_of_columns([values, ["x"] * len(values)], 5))
    except RowValidationError as error:
        found = str(error)
    assert found == expected


def test_columns_of_other_numbers() -> None:
    """Too few columns, and columns of several lengths, are a mistake of the caller: no row is dropped in silence."""
    wrong: list[list[list[Any]]] = [[[1]], [[1], ["x"], ["y"]], [[1, 2], ["x"]]]
    for columns in wrong:
        with pytest.raises(ValueError, match=r"^2 columns of equal length are needed$"):
            of(it.INTEGER, it.STRING).rows_of_columns(columns)


def test_rows_of_text() -> None:
    """Texts in the CSV form of their types are read, checked and brought to the form of the type; None is null."""
    validator = Validator(SHOP)
    texts = [("7", "12.5", "2024-01-31T12:00:00Z", "new"), ["007", None, "2024-01-31T12:00:01Z", "paid"]]
    rows = validator.rows_of_text(texts)
    assert [repr(list(row.to_python().values())) for row in rows] == [
        "[7, Decimal('12.50'), datetime.datetime(2024, 1, 31, 12, 0, tzinfo=datetime.timezone.utc), 'new']",
        "[7, None, datetime.datetime(2024, 1, 31, 12, 0, 1, tzinfo=datetime.timezone.utc), 'paid']",
    ]
    assert {type(row) for row in rows} == {validator.row_class}
    assert validator.rows_of_text([]) == []
    assert of().rows_of_text([(), ()]) == [Row(), Row()]


def test_every_broken_text_is_named() -> None:
    """Each cell that is no text of its column is named, with what stands there and why; nothing else is."""
    wrong: list[Any] = [
        ("-1", "1e3", "2024-01-31T12:00:00", "old"),
        ("7", "12345.00", "2024-02-30T12:00:00Z", "new"),
        (None, None, "2024-01-31T12:00:00Z", 5),
        ("7", None, "2024-01-31T12:00:00Z"),
        "7abc",
    ]
    with pytest.raises(RowValidationError) as caught:
        Validator(SHOP).rows_of_text(wrong, 11)
    assert [str(problem) for problem in caught.value.problems] == [
        "row 11, column `id`: expected `int unsigned`, got '-1' (below 0)",
        "row 11, column `price`: expected `decimal(6,2) null`, got '1e3' (not a decimal number)",
        "row 11, column `created`: expected `timestamp`, got '2024-01-31T12:00:00' (not spelled YYYY-MM-DDTHH:MM:SSZ)",
        "row 11, column `status`: expected `enum('new','paid')`, got 'old' (not one of the members)",
        "row 12, column `price`: expected `decimal(6,2) null`, got '12345.00' "
        "(more than 6 digits, 2 of them behind the point)",
        "row 12, column `created`: expected `timestamp`, got '2024-02-30T12:00:00Z' (on no calendar or clock)",
        "row 13, column `id`: expected `int unsigned`, got None (it may not be null)",
        "row 13, column `status`: expected `enum('new','paid')`, got 5 (text is needed, this is int)",
        "row 14, column `*`: expected `4 columns`, got 3 columns",
        "row 15, column `*`: expected `4 columns`, got '7abc' (a tuple is needed)",
    ]


@settings(max_examples=150, deadline=None)
@given(any_.typed_values(), st.booleans(), st.data())
def test_text_is_read_as_its_value_is_checked(pair: tuple[Kind, Any], nullable: bool, data: st.DataObject) -> None:
    """Rows of the texts of values, whatever the type, are the rows of those values."""
    kind, value = pair
    values = [value, *data.draw(st.lists(any_.values(kind) | (st.none() if nullable else st.nothing()), max_size=3))]
    validator = of(kind, nullable=nullable)
    render = render_text(kind)
    read = validator.rows_of_text([(None if one is None else render(one),) for one in values])
    assert read == validator.rows([(one,) for one in values])


@settings(max_examples=150, deadline=None)
@given(any_.columns(), any_.columns(), st.data())
def test_text_is_refused_where_the_parser_refuses_it(kind: Kind, other: Kind, data: st.DataObject) -> None:
    """Texts of another type are refused if, and only if, one of them is no text of the column's type."""
    texts = [render_text(other)(value) for value in data.draw(st.lists(any_.values(other), min_size=1, max_size=3))]
    try:
        expected = repr([parse_text(kind, "csv")(text) for text in texts])
    except TypeCastError:
        expected = "refused"
    try:
        found = repr([row.to_python()["a"] for row in of(kind).rows_of_text([(text,) for text in texts])])
    except RowValidationError:
        found = "refused"
    assert found == expected
