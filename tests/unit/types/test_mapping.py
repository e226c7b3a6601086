from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given

from nanotyped.types import (
    ArrowTypeSystem,
    IncompatibleTypesException,
    MySQLTypeSystem,
    SQLiteTypeSystem,
    json_form,
    mysql_type,
)
from nanotyped.types import intermediate as it
from nanotyped.types.mapping import MAPPED_TYPES, TypeMapping, example_of, json_example, map_type, mapping_table
from tests.unit.types import strategies as any_


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "DECIMAL(12, 2) unsigned",
            TypeMapping(
                "decimal(12,2) unsigned",
                "decimal(12,2) unsigned",
                "decimal.Decimal",
                "decimal(12,2) unsigned",
                "decimal128(12, 2)",
                {"type": "string", "pattern": r"^[0-9]+\.[0-9]{2}$"},
                '"9999999999.99"',
                {"minimum": "0", "maximum": "9999999999.99"},
            ),
        ),
        (
            "tinyint",
            TypeMapping(
                *(
                    "tinyint",
                    "int8",
                    "int",
                    "tinyint",
                    "int8",
                    {"type": "integer", "minimum": -128, "maximum": 127},
                    "127",
                ),
                {"minimum": -128, "maximum": 127},
            ),
        ),
        (
            "varchar(2) character set latin1",
            TypeMapping(
                *("varchar(2) character set latin1", "string(2) charset latin1", "str", "varchar(2)", "string"),
                *({"type": "string", "maxLength": 2}, '"Ad"', {"characters": 2, "charset": "latin1"}),
            ),
        ),
        (
            "time(3)",
            TypeMapping(
                *("time(3)", "time(3)", "datetime.timedelta", "time(3)", "duration[us]"),
                {"type": "string", "pattern": r"^-?[0-9]{1,3}:[0-5][0-9]:[0-5][0-9]\.[0-9]{3}$"},
                '"-23:59:59.123"',
                {"minimum": "-838:59:59.999", "maximum": "838:59:59.999", "fsp": 3},
            ),
        ),
        (
            "set('b','a')",
            TypeMapping(
                *("set('b','a')", "set('b','a')", "frozenset", "set('b','a')", "list<item: string>"),
                {"type": "array", "items": {"type": "string", "enum": ["b", "a"]}, "uniqueItems": True},
                *('["b","a"]', {"members": ["b", "a"]}),
            ),
        ),
        (
            "decimal(2,2)",
            TypeMapping(
                *("decimal(2,2)", "decimal(2,2)", "decimal.Decimal", "decimal(2,2)", "decimal128(2, 2)"),
                {"type": "string", "pattern": r"^-?[0-9]+\.[0-9]{2}$"},
                *('"0.99"', {"minimum": "-0.99", "maximum": "0.99"}),
            ),
        ),
    ],
)
def test_a_type_is_mapped_through_every_system(text: str, expected: TypeMapping) -> None:
    """Spellings, JSON form and limits are those of the type, and what does not apply is not there."""
    assert map_type(mysql_type(text)) == expected


def test_the_table_has_every_type_that_can_be_read() -> None:
    """No column type is missing in the mapping table; a bool is no column type of its own."""
    assert {mysql_type(text).base for text in MAPPED_TYPES} == {*MySQLTypeSystem.families} - {"bool"}
    assert [mapping.mysql for mapping in mapping_table()] == list(MAPPED_TYPES)


@given(any_.columns())
def test_every_column_type_has_a_mapping_whose_example_is_of_the_type(meaning: any_.Type) -> None:
    """Whatever the parameters: the example goes into JSON and back, and what SQLite and Arrow spell can be read."""
    try:
        kind: Any = MySQLTypeSystem.from_intermediate(meaning, None)
    except IncompatibleTypesException:
        return
    found = map_type(kind)
    value = example_of(kind)
    back = json.loads(found.json_example, parse_float=Decimal)
    assert json_form(kind).decode(back) == value
    SQLiteTypeSystem.type_mapping(found.sqlite.removesuffix(" or invalid"))
    if found.arrow:
        ArrowTypeSystem.type_mapping(found.arrow)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (it.INTEGER, '"42"'),
        (it.INTEGER.of(unsigned=True), '"42"'),
        (it.DECIMAL, '"9.90"'),
        (it.BOOL, "true"),
        (it.ENUM, '"new"'),
        (it.SET, '["gift"]'),
        (it.TIMESTAMP, '"2026-11-21T09:30:15.123456Z"'),
        (it.TIME_INTERVAL, '"-23:59:59.123456"'),
    ],
)
def test_families_without_a_size_have_an_example_too(kind: Any, expected: str) -> None:
    """Where no largest value tells most, one that is seen often stands for all."""
    assert json_example(kind) == expected


def test_what_has_no_json_form_has_no_example() -> None:
    """Objects of a user's own are refused, and not shown as something else."""
    with pytest.raises(IncompatibleTypesException, match="values of `object` have no JSON form"):
        json_example(it.OBJECT)


def test_a_column_that_is_taken_otherwise_is_mapped_as_what_it_is_taken_for() -> None:
    """An invalid date has no place in Arrow, and an example of bits has no more of them than the column."""
    dates = map_type(mysql_type("date", zero_date="keep"))
    assert (dates.mysql, dates.python) == ("date or invalid", "datetime.date | nanotyped.InvalidDate")
    assert (dates.arrow, dates.json_example) == ("", '{"$invalid_date":"0000-00-00"}')
    bits = map_type(mysql_type("bit(12)", bit="bytes"))
    assert (bits.mysql, bits.json_example, dict(bits.limits)) == ("bit(12) as bytes", '"D/8="', {"bytes": 2})
