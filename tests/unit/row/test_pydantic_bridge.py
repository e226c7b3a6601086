"""Declared rows as fields of pydantic models."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

import pytest
from pydantic import BaseModel, ValidationError

from nanotyped import Row, mysql_type


class Account(Row):
    id: Annotated[int, mysql_type("bigint unsigned")]
    balance: Annotated[Decimal, mysql_type("decimal(12,2)")]
    opened: Annotated[datetime, mysql_type("datetime")]
    note: str | None


class Statement(BaseModel):
    account: Account


VALUES = {"id": 2**64 - 1, "balance": "9.9", "opened": "2026-01-02T03:04:05", "note": None}


def test_a_model_makes_rows_of_mappings_and_takes_rows_as_they_are() -> None:
    """A field whose type is a Row class becomes a row of that class."""
    made = Statement.model_validate({"account": VALUES}).account
    assert made == Account(id=2**64 - 1, balance=Decimal("9.90"), opened=datetime(2026, 1, 2, 3, 4, 5), note=None)
    assert Statement(account=made).account is made


def test_a_dump_to_json_uses_the_json_forms_and_comes_back_equal() -> None:
    """What a model dumps as JSON keeps 64 bits and every digit, and validates to an equal row."""
    statement = Statement.model_validate({"account": VALUES})
    text = statement.model_dump_json()
    assert text == (
        '{"account":{"id":"18446744073709551615","balance":"9.90","opened":"2026-01-02T03:04:05","note":null}}'
    )
    assert Statement.model_validate_json(text) == statement


def test_every_broken_cell_stands_in_the_error_of_the_model() -> None:
    """A row that breaks its contract is one validation error that names each cell."""
    with pytest.raises(ValidationError) as caught:
        Statement.model_validate({"account": VALUES | {"id": -1, "balance": None}})
    assert caught.value.errors()[0]["msg"] == (
        "row 1, column `id`: expected `bigint unsigned`, got -1 (below 0); "
        "row 1, column `balance`: expected `decimal(12,2)`, got None (it may not be null)"
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (3, "give a row of Account, or a mapping"),
        (
            {"id": 1, "nte": None},
            "Account: it has no column `nte`, did you mean `note`?; column `balance` is missing; "
            "column `opened` is missing; column `note` is missing",
        ),
    ],
)
def test_what_is_no_row_is_refused_with_the_reason(given: object, message: str) -> None:
    """Something of another shape is refused by name of what is missing and what is too much."""
    with pytest.raises(ValidationError) as caught:
        Statement.model_validate({"account": given})
    assert caught.value.errors()[0]["msg"] == message


def test_the_json_schema_of_a_model_holds_the_columns() -> None:
    """A model's JSON Schema describes each column in the JSON form of its type, nullable where it is."""
    schema = Statement.model_json_schema()["properties"]["account"]
    assert schema["required"] == ["id", "balance", "opened", "note"]
    assert schema["properties"]["id"] == {"type": "string", "pattern": "^[0-9]+$"}
    assert schema["properties"]["note"] == {"anyOf": [{"type": "string"}, {"type": "null"}]}
