"""Code compiled for pairs of row classes: projections, mergers and copies."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanotyped import DECIMAL, Row, RowError, mysql_type
from nanotyped.row import Column, Schema, column, parse_schema
from nanotyped.row.compiled import compile_copier, compile_merger, compile_projection
from tests.unit.row.test_rows import NAMES


class Wide(Row):
    amount: Annotated[Decimal, DECIMAL.of(precision=14, scale=3)]
    day: datetime
    order_id: int = column(name="order id")


def row(schema: dict[str, Any], *values: Any) -> Any:
    """Return a row of a schema."""
    made: Any = parse_schema(schema).row_class()
    return made(*values)


def test_a_projection_takes_columns_by_name() -> None:
    """Rows of another class are made of the columns of the same name; the others are left out."""
    source = row(
        {"order id": "int", "x": "int", "day": "date", "amount": "decimal(9,2)"},
        7,
        8,
        date(2024, 1, 2),
        Decimal("1.50"),
    )
    [made] = compile_projection(type(source), Wide)([source])
    assert made == Wide(amount=Decimal("1.500"), day=datetime(2024, 1, 2), order_id=7)
    assert (
        repr(made.to_python())
        == "{'amount': Decimal('1.500'), 'day': datetime.datetime(2024, 1, 2, 0, 0), 'order id': 7}"
    )


def test_a_projection_leaves_nulls_and_misfits_as_they_are() -> None:
    """A null is converted to nothing; a value of a type that does not fit is left for a validator to judge."""
    source = row({"a": "int null", "b": "varchar(9)"}, None, "x")
    target: Any = parse_schema({"b": "int", "a": "decimal(12,2) null"}).row_class()
    assert compile_projection(type(source), target)([source]) == [target("x", None)]


def test_a_projection_needs_every_column() -> None:
    """A column that is not there is a row error with the nearest name."""
    with pytest.raises(RowError) as caught:
        compile_projection(parse_schema({"amuont": "int", "day": "date"}).row_class(), Wide)
    assert str(caught.value) == "the row has no column `amount`; did you mean `amuont`?"
    assert caught.value.column == "amount"


@given(st.lists(NAMES, unique=True, max_size=5), st.lists(NAMES, unique=True, max_size=5))
def test_merged_rows_are_merged_mappings(first: list[str], second: list[str]) -> None:
    """Merging rows is merging their mappings, in order, whatever the columns are named; the second wins."""
    a = Row.from_dict({name: index for index, name in enumerate(first)})
    b = Row.from_dict({name: str(index) for index, name in enumerate(second)})
    [merged] = compile_merger(type(a), type(b))([(a, b)])
    assert list(merged.to_python().items()) == list((a.to_python() | b.to_python()).items())
    assert merged.schema == a.schema.merge(b.schema)


def test_rows_that_have_it_all_are_not_made_anew() -> None:
    """Where the second row has all columns, in order, it is itself what is sent."""
    came, own = Row.from_dict({"a": 1}), Row.from_dict({"a": 2, "b": 3})
    [merged] = compile_merger(type(came), type(own))([(came, own)])
    assert merged is own


def test_copies_have_documents_of_their_own() -> None:
    """A copied row is equal, and shares no object or list with the first; without documents nothing is copied."""
    document = {"a": [{"b": 1}, (1, [2])], "c": "text"}
    source: Any = Row.from_dict({"n": 1, "doc": document, "list": [[]], "none": None})
    copier = compile_copier(type(source))
    assert copier is not None
    made: Any = copier([source])[0]
    assert made.doc == {"a": [{"b": 1}, [1, [2]]], "c": "text"}
    made.doc["a"][0]["b"] = 2
    made.doc["a"][1][1].append(3)
    made.list[0].append(1)
    assert source.to_python() == {"n": 1, "doc": {"a": [{"b": 1}, (1, [2])], "c": "text"}, "list": [[]], "none": None}
    assert compile_copier(Wide) is None
    assert compile_copier(Schema([Column("d", mysql_type("json"), nullable=True)]).row_class()) is not None
