from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Any

import pytest

from nanotyped import DECIMAL, Row, column, mysql_type


class Customer(Row):
    id: Annotated[int, mysql_type("int unsigned")]
    name: str | None
    order_id: int = column(name="order id")


class Scored(Customer):
    score: float
    level: int = 3


class Summed(Row):
    id: Annotated[Decimal, DECIMAL.of(precision=12, scale=2)]
    row: str = ""


CUSTOMER = Customer(id=1, name=None, order_id=7)


def test_extended_row_has_the_columns_of_both() -> None:
    """A row of a merged class takes its columns from the row, and the others as keywords; defaults stand."""
    assert Scored.extend(CUSTOMER, score=0.5) == Scored(id=1, name=None, order_id=7, score=0.5, level=3)


def test_what_is_added_wins() -> None:
    """A column that the row brings may be given anew, by its field, and a default too."""
    made = Scored.extend(CUSTOMER, name="x", order_id=8, score=0.5, level=4)
    assert made.to_python() == {"id": 1, "name": "x", "order id": 8, "score": 0.5, "level": 4}


def test_columns_go_by_their_names() -> None:
    """A row of no declared class is extended as well, whatever its fields are called inside."""
    given = Row.from_dict({"order id": 7, "id": 1, "more": 2})
    assert Scored.extend(given, name=None, score=0.5) == Scored(id=1, name=None, order_id=7, score=0.5)


def test_values_whose_python_class_changes_are_converted() -> None:
    """An int becomes the Decimal of a wider column; a field may be called as the parameter is."""
    made = Summed.extend(CUSTOMER, row="r")
    assert (made.id, type(made.id), made.row) == (Decimal(1), Decimal, "r")


def test_every_mistake_is_told_at_once() -> None:
    """A field that the class has not, and columns that are in neither, are one error."""
    scored: Any = Scored  # checkers see it too
    with pytest.raises(
        TypeError,
        match=re.escape(
            "Scored: it has no field `scor`, did you mean `score`?; column `name` is neither in the row nor added; "
            "column `order id` is neither in the row nor added; column `score` is neither in the row nor added"
        ),
    ):
        scored.extend(Summed(id=Decimal(1)), scor=0.5)


def test_only_rows_are_extended() -> None:
    """Anything else is no row."""
    given: Any = {"id": 1}
    with pytest.raises(TypeError, match=r"^Scored\.extend takes a row and columns by keyword, not dict$"):
        Scored.extend(given, score=0.5)


def test_row_itself_extends_rows_of_no_declared_class() -> None:
    """``Row.extend`` keeps every column and its type, and infers the types of what is added."""
    made = Row.extend(CUSTOMER, name="x", score=0.5)
    assert made.to_python() == {"id": 1, "name": "x", "order id": 7, "score": 0.5}
    assert made["id"] == mysql_type("int unsigned")(1)
    assert type(made["id"]) is mysql_type("int unsigned")
