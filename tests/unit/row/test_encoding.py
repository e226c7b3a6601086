from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanotyped.errors import IncompatibleTypesException, RowError, shown
from nanotyped.row import Row, RowEncoder, column, parse_schema
from nanotyped.row.encoding import checked_numbers
from nanotyped.types import BOOL, DECIMAL, FLOAT, INTEGER, JSON_NULL, NULL, OBJECT, STRING, mysql_type
from nanotyped.types.json import json_form
from tests.unit.types import strategies as any_


class Order(Row):
    order_id: int = column(name="order id")
    total: Annotated[Decimal, mysql_type("decimal(8,2)")]


def rows_of(schema: dict[str, Any], *values: tuple[Any, ...]) -> tuple[RowEncoder, list[Row]]:
    """Return the encoder of a schema, and rows of it."""
    parsed = parse_schema(schema)
    row_class: Any = parsed.row_class()
    return RowEncoder(parsed), [row_class(*one) for one in values]


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("int", -1, "-1"),
        ("int unsigned", 2**32 - 1, "4294967295"),
        ("bigint", 7, '"7"'),
        ("bigint unsigned", 2**64 - 1, '"18446744073709551615"'),
        (INTEGER, 10**30, f'"{10**30}"'),
        (BOOL, True, "true"),
        ("decimal(12,2)", Decimal("-9.90"), '"-9.90"'),
        ("decimal(12,2)", Decimal("9.9"), '"9.90"'),
        ("decimal(12,6)", Decimal("0.000000"), '"0.000000"'),
        ("decimal(12,8)", Decimal("0.00000001"), '"0.00000001"'),
        ("decimal(12,0)", Decimal("1E+3"), '"1000"'),
        (DECIMAL, Decimal("1E-8"), '"0.00000001"'),
        ("double", 0.1, "0.1"),
        ("varchar(9)", 'é"\n', '"é\\"\\n"'),
        ("enum('a','b')", "a", '"a"'),
        ("blob", b"\x00\xff", '"AP8="'),
        ("date", date(2024, 5, 6), '"2024-05-06"'),
        ("datetime", datetime(2024, 5, 6, 7, 8, 9), '"2024-05-06T07:08:09"'),
        ("datetime(6)", datetime(2024, 5, 6, 7, 8, 9), '"2024-05-06T07:08:09.000000"'),
        ("datetime(6)", datetime(2024, 5, 6, 7, 8, 9, 10), '"2024-05-06T07:08:09.000010"'),
        ("timestamp(3)", datetime(2024, 5, 6, 7, 8, 9, 10_000, UTC), '"2024-05-06T07:08:09.010Z"'),
        ("timestamp(6)", datetime(2024, 5, 6, 7, 8, 9, 0, UTC), '"2024-05-06T07:08:09.000000Z"'),
        ("timestamp(6)", datetime(2024, 5, 6, 7, 8, 9, 120_000, UTC), '"2024-05-06T07:08:09.120000Z"'),
        ("time", -timedelta(hours=100), '"-100:00:00"'),
        ("json", {"a": [Decimal("1.10"), None, {"b": True}]}, '{"a":[1.10,null,{"b":true}]}'),
        ("json", JSON_NULL, "null"),
        (NULL, None, "null"),
        ("bigint null", None, "null"),
        ("decimal(4,2) null", None, "null"),
        ("json null", None, "null"),
    ],
)
def test_each_value_has_the_form_of_its_type(kind: Any, value: object, text: str) -> None:
    """A value is written in the JSON form of its column's type, beside columns that need no code and such that do."""
    for other in ("int", "bigint"):
        encoder, rows = rows_of({"v": kind, "other": other}, (value, 1))
        wanted = f'[{{"v":{text},"other":{1 if other == "int" else chr(34) + "1" + chr(34)}}}]'
        assert encoder.array(rows).decode() == wanted


@settings(max_examples=100, deadline=None)
@given(any_.typed_values(), st.data())
def test_rows_are_written_in_the_forms_of_their_types(typed: tuple[any_.Type, Any], data: st.DataObject) -> None:
    """Whatever short way is taken, each value of a column is written in the form that its type alone would give it."""
    kind, value = typed
    values = [value, *data.draw(st.lists(any_.values(kind), max_size=3))]
    encoder, rows = rows_of({"v": kind, "other": "bigint"}, *((one, 1) for one in values))
    wanted = [b'{"v":%b,"other":"1"}' % msgspec.json.encode(json_form(kind).encode(one)) for one in values]
    assert encoder.array(rows) == b"[%b]" % b",".join(wanted)


def test_a_document_that_is_too_deep_to_write_is_named_by_row_and_column() -> None:
    """Rows that nobody checked may hold one; to write it is an error of that row."""
    document: list[Any] = []
    for _ in range(5000):
        document = [document]
    encoder, rows = rows_of({"v": "json", "n": "bigint"}, ([], 1), (document, 2))
    with pytest.raises(RowError) as caught:
        encoder.array(rows, 7)
    assert (caught.value.row, caught.value.column) == (8, "v")
    assert str(caught.value) == (
        "row 8, column `v`: <list, whose repr raises RecursionError> has no JSON form: nested more than 200 deep"
    )


def test_forms_of_a_body() -> None:
    """Rows are written as an array, as lines, as an object, and under a key."""
    encoder, rows = rows_of({"a b": "int", "keys": "bigint"}, (1, 2), (3, 4))
    assert encoder.array(rows) == b'[{"a b":1,"keys":"2"},{"a b":3,"keys":"4"}]'
    assert encoder.lines(rows) == b'{"a b":1,"keys":"2"}\n{"a b":3,"keys":"4"}\n'
    assert encoder.object(rows[1]) == b'{"a b":3,"keys":"4"}'
    assert encoder.array_under('x"y', rows[:1]) == b'{"x\\"y":[{"a b":1,"keys":"2"}]}'


def test_no_rows() -> None:
    """No rows are an empty array and no line."""
    for kind in ("int", "bigint", "double"):
        encoder, _ = rows_of({"v": kind})
        assert (encoder.array([]), encoder.lines([])) == (b"[]", b"")


def test_any_class_of_the_schema() -> None:
    """Rows of a declared class and rows made on the fly are written alike."""
    declared = RowEncoder(Order.schema)
    made: Any = Order.schema.row_class()
    wanted = b'[{"order id":"7","total":"1.50"}]'
    assert declared.array([Order(order_id=7, total=Decimal("1.50"))]) == wanted
    assert declared.array([made(7, Decimal("1.50"))]) == wanted


def test_bare_values_are_written_bare() -> None:
    """The wrapper of a bare value is not shown."""
    encoder, rows = rows_of({"__value__": STRING}, ("a",), ("b",))
    assert encoder.array(rows) == b'["a","b"]'
    encoder, rows = rows_of({"__value__": INTEGER}, (1,))
    assert encoder.lines(rows) == b'"1"\n'


@pytest.mark.parametrize(
    ("kind", "good", "bad", "reason"),
    [
        ("double", 1.5, math.nan, "nan has no JSON form: not finite"),
        (FLOAT.nullable(), None, -math.inf, "-inf has no JSON form: not finite"),
        ("decimal(4,2)", Decimal("1.50"), Decimal("NaN"), "Decimal('NaN') has no JSON form: not finite"),
        (DECIMAL, Decimal("1.50"), Decimal("-Infinity"), "Decimal('-Infinity') has no JSON form: not finite"),
        ("decimal(4,2)", Decimal("1.50"), Decimal("1.505"), "Decimal('1.505') has no JSON form: more than 4 digits, "
         "2 of them behind the point"),
        ("datetime(6)", datetime(2024, 1, 2, 3, 4, 5, 6), datetime(2024, 1, 2, 3, 4, 5, 6, UTC),
         "datetime.datetime(2024, 1, 2, 3, 4, 5, 6, tzinfo=datetime.timezone.utc) has no JSON form: it has a zone"),
        ("timestamp(6)", datetime(2024, 1, 2, 3, 4, 5, 6, UTC), datetime(2024, 1, 2, 3, 4, 5, 6),
         "datetime.datetime(2024, 1, 2, 3, 4, 5, 6) has no JSON form: it has no zone"),
        ("varchar(9)", "a", "\ud800", "'\\ud800' has no JSON form: 'utf-8' codec can't encode character '\\ud800' "
         "in position 0: surrogates not allowed"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("other", ["int", "bigint"])
def test_what_json_cannot_spell(kind: Any, good: object, bad: object, reason: str, other: str) -> None:
    """NaN, the infinities, digits beyond the scale and half characters are errors that name row and column."""
    encoder, rows = rows_of({"n": other, "v": kind}, (1, good), (2, bad))
    for encode in (encoder.array, encoder.lines):
        with pytest.raises(RowError) as caught:
            encode(rows, 11)
        assert str(caught.value) == f"row 12, column `v`: {reason}"
        assert (caught.value.row, caught.value.column) == (12, "v")
        assert caught.value.row_text == shown(rows[1])


def test_large_floats_are_finite() -> None:
    """A sum that overflows is no reason to refuse its summands."""
    encoder, rows = rows_of({"v": "double"}, (1.7e308,), (1.7e308,))
    assert json.loads(encoder.array(rows)) == [{"v": 1.7e308}, {"v": 1.7e308}]


def test_types_without_a_form() -> None:
    """An opaque object has no JSON form: the encoder is refused, and `problems` says it before the run."""
    schema = parse_schema({"n": "int", "thing": OBJECT})
    with pytest.raises(IncompatibleTypesException) as caught:
        RowEncoder(schema)
    assert str(caught.value) == "column `thing`: values of `object` have no JSON form"
    assert [str(problem) for problem in RowEncoder.problems(schema, "post")] == [
        "node `post`: column `thing`: values of `object` have no JSON form"
    ]


NUMBERS = {
    "big": "bigint null",
    "total": "decimal(12,2)",
    "rate": "decimal(30,12)",
    "n": "int",
    "text": "varchar(9)",
}


def test_columns_that_are_numbers() -> None:
    """What is asked for is a number with all its digits; the other columns stay as they are."""
    _, rows = rows_of(
        NUMBERS, (2**63 - 1, Decimal("0.10"), Decimal("1E-12"), 1, "a"), (None, Decimal(-5), Decimal(0), 2, "")
    )
    wanted = [
        ((), b'{"big":"9223372036854775807","total":"0.10","rate":"0.000000000001","n":1,"text":"a"}'),
        (("total",), b'{"big":"9223372036854775807","total":0.10,"rate":"0.000000000001","n":1,"text":"a"}'),
        (("big", "n"), b'{"big":9223372036854775807,"total":"0.10","rate":"0.000000000001","n":1,"text":"a"}'),
        ("all", b'{"big":9223372036854775807,"total":0.10,"rate":0.000000000001,"n":1,"text":"a"}'),
    ]
    for numbers, line in wanted:
        encoder = RowEncoder(parse_schema(NUMBERS), numbers)
        assert encoder.object(rows[0]) == line
    assert RowEncoder(parse_schema(NUMBERS), "all").object(rows[1]) == (
        b'{"big":null,"total":-5.00,"rate":0.000000000000,"n":2,"text":""}'
    )


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_numbers_are_exact_whatever_short_way_is_taken(data: st.DataObject) -> None:
    """A parser that keeps digits reads the values themselves, and a decimal with the scale of its type."""
    kind = data.draw(any_.integers() | any_.decimals())
    values = data.draw(st.lists(any_.values(kind), min_size=1, max_size=4))
    _, rows = rows_of({"v": kind}, *((one,) for one in values))
    found = json.loads(RowEncoder(parse_schema({"v": kind}), ["v"]).array(rows), parse_float=Decimal)
    assert [one["v"] for one in found] == values
    scale = getattr(kind, "scale", None)
    if scale:
        assert {one["v"].as_tuple().exponent for one in found} == {-scale}


@pytest.mark.parametrize("bad", [Decimal("NaN"), Decimal("Infinity"), Decimal("1.505")])
@pytest.mark.parametrize("kind", ["decimal(4,2)", "decimal(30,12)"])
def test_what_is_no_number_of_its_type_is_named(kind: str, bad: Decimal) -> None:
    """A value that nobody checked is an error of its row; what the type could hold is not."""
    if bad.is_finite() and kind != "decimal(4,2)":
        bad = Decimal(1).scaleb(20)
    _, rows = rows_of({"v": kind}, (Decimal(1),), (bad,))
    with pytest.raises(RowError) as caught:
        RowEncoder(parse_schema({"v": kind}), "all").array(rows)
    assert (caught.value.row, caught.value.column) == (2, "v")


def test_numbers_that_cannot_be() -> None:
    """A column that is not there, and one that is no number, are told before the run; a text but `all` at once."""
    schema = parse_schema(NUMBERS)
    assert [str(problem) for problem in RowEncoder.problems(schema, "post", ["totl", "text", "n"])] == [
        "node `post`, numbers: there is no column `totl`. Hint: did you mean `total`?",
        "node `post`, numbers: column `text` is `varchar(9)`, which is no number in JSON. Hint: put a Cast of `text` "
        "to a number before it",
    ]
    assert RowEncoder.problems(schema, "post", "all") == []
    with pytest.raises(ValueError, match=r"^numbers is a list of columns, or `all`, not 'total'$"):
        checked_numbers("total")
