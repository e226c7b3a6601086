"""JSON numbers with all their digits, of the types that have such."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanotyped.errors import IncompatibleTypesException, TypeCastError
from nanotyped.types import DECIMAL, INTEGER, mysql_type
from nanotyped.types.json import json_form
from nanotyped.types.json_numbers import is_number, json_number_form
from tests.unit.types import strategies as any_


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_number_comes_back_with_every_digit(data: st.DataObject) -> None:
    """What a parser reads that keeps digits is the value, of any type of integers and decimals."""
    kind = data.draw(any_.integers() | any_.decimals())
    value = data.draw(any_.values(kind))
    form = json_number_form(kind)
    text = msgspec.json.encode(form.encode(value))
    assert not text.startswith(b'"')
    assert b"e" not in text.lower()
    assert form.decode(json.loads(text, parse_float=Decimal)) == value


@pytest.mark.parametrize(
    ("kind", "value", "text", "schema"),
    [
        (mysql_type("bigint"), -(2**63), "-9223372036854775808",
         {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1}),
        (mysql_type("bigint unsigned"), 2**64 - 1, "18446744073709551615",
         {"type": "integer", "minimum": 0, "maximum": 2**64 - 1}),
        (INTEGER, 2**70, "1180591620717411303424", {"type": "integer"}),
        (mysql_type("decimal(5,2)"), Decimal("9.90"), "9.90",
         {"type": "number", "minimum": Decimal("-999.99"), "maximum": Decimal("999.99"),
          "multipleOf": Decimal("0.01")}),
        (mysql_type("decimal(38,1)"), Decimal("0.1"), "0.1",
         {"type": "number", "minimum": Decimal("-" + "9" * 37 + ".9"), "maximum": Decimal("9" * 37 + ".9"),
          "multipleOf": Decimal("0.1")}),
        (mysql_type("decimal(3,0) unsigned"), Decimal(7), "7",
         {"type": "integer", "minimum": 0, "maximum": 999, "multipleOf": 1}),
        (DECIMAL, Decimal("1E-8"), "0.00000001", {"type": "number"}),
    ],
)  # fmt: skip
def test_the_form_of_each_type(kind: Any, value: Any, text: str, schema: dict[str, Any]) -> None:
    """A number is written as a literal without an exponent, a decimal at its scale, and the schema has its bounds."""
    form = json_number_form(kind)
    assert msgspec.json.encode(form.encode(value)).decode() == text
    assert form.schema == schema


@pytest.mark.parametrize("text", ["int", "double", "year", "float unsigned"])
def test_what_is_a_number_anyway_keeps_its_form(text: str) -> None:
    """Types that JSON has numbers for have one form only."""
    assert json_number_form(mysql_type(text)) is json_form(mysql_type(text))


@pytest.mark.parametrize("text", ["varchar(9)", "date", "bit(8)", "json", "enum('1')"])
def test_what_is_no_number_has_no_such_form(text: str) -> None:
    """Texts, moments and the like are refused, by name."""
    kind = mysql_type(text)
    assert not is_number(kind)
    with pytest.raises(IncompatibleTypesException) as caught:
        json_number_form(kind)
    assert str(caught.value) == f"values of `{kind.spelling()}` are no numbers in JSON"


@pytest.mark.parametrize(
    ("text", "value", "reason"),
    [
        ("bigint", "1", "'1' is no `bigint`: not a JSON integer"),
        ("bigint", True, "True is no `bigint`: not a JSON integer"),
        ("decimal(5,2)", 1.5, "1.5 is no `decimal(5,2)`: not a JSON number with all its digits"),
        ("decimal(5,2)", "1.50", "'1.50' is no `decimal(5,2)`: not a JSON number with all its digits"),
    ],
)
def test_only_numbers_with_all_their_digits_are_read(text: str, value: Any, reason: str) -> None:
    """A text is no number, and a float may have lost digits before it came here."""
    with pytest.raises(TypeCastError) as caught:
        json_number_form(mysql_type(text)).decode(value)
    assert str(caught.value) == reason
