"""Conversion between systems and from bare values."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from nanotyped.errors import IncompatibleTypesException, TypeCastError
from nanotyped.types import intermediate as it
from nanotyped.types.convert import (
    all_bases,
    convert_to_type_system,
    get_type_system,
    primitive_to_intermediate_type,
)
from nanotyped.types.json import JSONTypeSystem
from nanotyped.types.mysql import MYSQL_BIGINT, MySQLTypeSystem, mysql_type
from nanotyped.types.primitive import PrimitiveTypeSystem
from nanotyped.types.python import PythonTypeSystem
from nanotyped.types.sqlite import SQLiteTypeSystem
from tests.unit.types import strategies as any_


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (True, it.BOOL),
        (5, it.INTEGER),
        (1.5, it.FLOAT),
        ("x", it.STRING),
        (Decimal("1.5"), it.DECIMAL),
        (datetime(2021, 5, 6), it.DATETIME),
        (date(2021, 5, 6), it.DATE),
        (timedelta(1), it.TIME_INTERVAL),
        (b"x", it.BYTES),
        ({"a": 1}, it.JSON),
        ([1], it.JSON),
        (it.JSON_NULL, it.JSON),
        (None, it.NULL),
    ],
)
def test_bare_values_are_of_a_bare_family(value: object, kind: any_.Type) -> None:
    """The class decides, bool before int and datetime before date; the value stays what it is."""
    made = primitive_to_intermediate_type(value, "n")
    assert (type(made), made.value, made.name, made.original_type) == (kind, value, "n", PrimitiveTypeSystem)


@pytest.mark.parametrize("value", [(1,), {1}, object(), 1j, range(3)])
def test_what_no_column_holds_has_no_type(value: object) -> None:
    """Tuples, sets and objects are no columns."""
    with pytest.raises(IncompatibleTypesException, match=r"^no column holds a "):
        primitive_to_intermediate_type(value)


def test_nan_is_no_value_of_a_column() -> None:
    """A float column is finite."""
    with pytest.raises(TypeCastError, match=r"^nan is no `float`: not a finite number$"):
        primitive_to_intermediate_type(float("nan"))


def test_a_typed_value_is_taken_as_what_it_is() -> None:
    """A DataType goes into the intermediate system, under its own name unless given another."""
    value = mysql_type("int(5)")(3, name="n")
    assert primitive_to_intermediate_type(value).name == "n"
    renamed = primitive_to_intermediate_type(value, "m")
    assert (type(renamed), renamed.name) == (it.INTEGER.of(bits=32), "m")


@pytest.mark.parametrize(
    ("system", "kind"),
    [
        (MySQLTypeSystem, mysql_type("decimal(5,2)")),
        (SQLiteTypeSystem, SQLiteTypeSystem.type_mapping("decimal(5,2)")),
        (PythonTypeSystem, PythonTypeSystem.type_mapping("Decimal")),
        (it.IntermediateTypeSystem, it.DECIMAL.of(precision=5, scale=2)),
    ],
)
def test_a_value_goes_into_any_system_and_back(system: Any, kind: any_.Type) -> None:
    """Name and value stay, the class of the way back is the class of the way there."""
    value = mysql_type("decimal(5,2)")("1.5", name="n")
    made = convert_to_type_system(value, system)
    assert (type(made), made.value, made.name) == (kind, Decimal("1.50"), "n")
    assert get_type_system(made) is system
    assert type(convert_to_type_system(made, MySQLTypeSystem)) is type(value)


def test_only_type_systems_are_converted_to() -> None:
    """A class that is no system is a mistake of the program."""
    with pytest.raises(TypeError, match=r"^<class 'int'> is no type system$"):
        convert_to_type_system(it.INTEGER(1), int)  # type: ignore[arg-type]  # what is tested
    assert convert_to_type_system(it.INTEGER(1), PrimitiveTypeSystem) == 1


def test_bases_and_systems_are_found_of_values_and_of_classes() -> None:
    """all_bases and get_type_system take both."""
    assert {MySQLTypeSystem, it.INTEGER} & all_bases(MYSQL_BIGINT) == {MySQLTypeSystem}
    assert all_bases(it.INTEGER.of(bits=8)(1)) >= {it.INTEGER, it.IntermediateTypeSystem}
    assert get_type_system(MYSQL_BIGINT) is MySQLTypeSystem
    with pytest.raises(IncompatibleTypesException, match=r"^5 belongs to no type system$"):
        get_type_system(5)  # type: ignore[arg-type]  # what is tested


def test_json_is_a_system_too() -> None:
    """A value in the JSON system keeps its Python value and knows its JSON text."""
    made = convert_to_type_system(mysql_type("bigint")(5, name="n"), JSONTypeSystem)
    assert (made.value, made.name, made.to_json()) == (5, "n", b'"5"')
    assert type(MySQLTypeSystem.convert(made)) is MYSQL_BIGINT
