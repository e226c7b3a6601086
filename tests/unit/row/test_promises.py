"""What the description of rows and schemas promises, line by line."""

import copy
import datetime as dt
import pickle
from decimal import Decimal
from typing import Annotated, Any

import pytest

from nanotyped import Row
from nanotyped.errors import IncompatibleTypesException
from nanotyped.row import Schema, parse_schema
from nanotyped.row.schema import check_schema
from nanotyped.types import (
    DECIMAL,
    INTEGER,
    MYSQL_BIGINT,
    MYSQL_LONGTEXT,
    IntermediateTypeSystem,
    MySQLTypeSystem,
    PythonTypeSystem,
    mysql_type,
)
from nanotyped.types.mysql import __getattr__ as mysql_name

VARCHAR16, INTEGER8 = mysql_name("MYSQL_VARCHAR16"), mysql_name("MYSQL_INTEGER8")


class Customer(Row):
    """The declared row of the description."""

    id: Annotated[int, mysql_type("int unsigned")]
    balance: Annotated[Decimal, DECIMAL.of(precision=12, scale=2)]
    created_at: dt.datetime
    note: str | None


CUSTOMER: dict[str, Any] = {"id": 1, "balance": Decimal("9.90"), "created_at": dt.datetime(2021, 5, 6), "note": None}


def harvest() -> Any:
    """Return the bare row of the description."""
    return Row(VARCHAR16("rye", name="grain"), INTEGER8("3", name="sacks"), type_system=MySQLTypeSystem)


def test_a_bare_row_is_python_values_by_attribute_and_typed_ones_by_item() -> None:
    """The two are equal to each other."""
    row = harvest()
    assert (row.sacks, type(row.sacks)) == (3, int)
    assert (row["sacks"], type(row["sacks"])) == (3, INTEGER8)
    assert repr(row["sacks"]) == "MYSQL_INTEGER8(3)"
    assert dict(row) == {"grain": VARCHAR16("rye"), "sacks": INTEGER8(3)} == {"grain": "rye", "sacks": 3}
    assert row.to_python() == {"grain": "rye", "sacks": 3}
    assert [type(value) for value in row.to_python().values()] == [str, int]
    assert row.type_system is MySQLTypeSystem


def test_adding_gives_a_new_row() -> None:
    """The row that was there is what it was."""
    row = before = harvest()
    row += Row(INTEGER8(1, name="carts"), type_system=MySQLTypeSystem)
    assert row.to_python() == {"grain": "rye", "sacks": 3, "carts": 1}
    assert before.to_python() == {"grain": "rye", "sacks": 3}
    with pytest.raises(AttributeError):
        row.sacks = 4


def test_a_row_is_a_mapping_of_column_names() -> None:
    """Keys, iteration, membership, length and unpacking."""
    row = harvest()
    assert list(row.keys()) == list(row) == ["grain", "sacks"]
    assert len(row) == 2
    assert "sacks" in row
    assert "carts" not in row
    assert {**row} == {"grain": "rye", "sacks": 3}
    assert repr(row).count("rye") == 1
    assert "3" in repr(row)


@pytest.mark.parametrize("name", ["carts", "", "Sacks", "to_pythons"])
def test_what_is_not_there(name: str) -> None:
    """It is a KeyError by item and an AttributeError by attribute, of bare and of declared rows."""
    for row in (harvest(), Customer(**CUSTOMER)):
        with pytest.raises(KeyError):
            row[name]
        with pytest.raises(AttributeError):
            getattr(row, name)


@pytest.mark.parametrize("name", ["keys", "to_python", "schema", "two words", "class", "`", "ä", "__init__", "", "1"])
def test_a_column_of_any_name_is_read_by_item(name: str) -> None:
    """Names that are no identifiers, and names of methods; the method stays one."""
    row: Any = Row(INTEGER8(3, name=name), type_system=MySQLTypeSystem)
    assert row[name] == 3
    assert row.to_python() == {name: 3}
    assert list(row.keys()) == [name]
    assert Row.from_dict({name: 3})[name] == 3
    make: Any = parse_schema({name: "int"}).row_class()
    assert make(3)[name] == 3


def test_a_row_of_a_mapping() -> None:
    """Types are inferred; a null is one of unknown type, and fits every nullable column."""
    row: Any = Row.from_dict({"n": 3, "t": None})
    assert (row.n, row["n"].name, row.t) == (3, "n", None)
    assert (type(row["n"]), row.type_system) == (INTEGER, IntermediateTypeSystem)
    assert row["t"] == None  # noqa: E711 - it equals, and is not, None
    mysql: Any = Row.from_dict({"n": 3, "t": None, "s": "x"}, type_system=MySQLTypeSystem)
    assert [type(mysql[name]) for name in ("n", "s")] == [MYSQL_BIGINT, MYSQL_LONGTEXT]
    assert (mysql.n, mysql["n"].name, mysql.t) == (3, "n", None)
    for wrong in (None, 3, "ab", [("n", 3)], object()):
        with pytest.raises(TypeError):
            Row.from_dict(wrong)  # type: ignore[arg-type]  # that it is refused is the test


def test_nulls_of_unknown_type_fit_nullable_columns() -> None:
    """And no others."""
    given = type(Row.from_dict({"a": None})).schema
    assert check_schema(given, parse_schema({"a": "int null"})) == []
    assert len(check_schema(given, parse_schema({"a": "int"}))) == 1


def test_two_nameless_values_do_not_collide() -> None:
    """A row takes both or says that it cannot."""
    with pytest.raises((ValueError, TypeError)):
        Row(INTEGER8(1), INTEGER8(2), type_system=MySQLTypeSystem)


def test_joining_rows() -> None:
    """Own columns first; a shared one raises, or is the other's; two systems never join."""
    one, two = Row.from_dict({"a": 1, "b": 2}), Row.from_dict({"b": 3, "c": 4})
    with pytest.raises(ValueError, match="b"):
        one.concat(two)
    with pytest.raises(ValueError, match="b"):
        one.concat(two, fail_on_duplicate=True)
    joined = one.concat(two, fail_on_duplicate=False)
    assert list(joined.to_python().items()) == [("a", 1), ("b", 3), ("c", 4)]
    assert list((one + two).to_python().items()) == [("a", 1), ("b", 3), ("c", 4)]
    assert (one.to_python(), two.to_python()) == ({"a": 1, "b": 2}, {"b": 3, "c": 4})
    for other in (harvest(), Row.from_dict({"x": 1}, type_system=PythonTypeSystem)):
        with pytest.raises(IncompatibleTypesException):
            _ = one + other


def test_an_empty_row() -> None:
    """It is a row, of no columns, and says so."""
    empty = Row.from_dict({})
    assert empty.is_empty()
    assert (len(empty), dict(empty), empty.to_python()) == (0, {}, {})
    assert not harvest().is_empty()
    assert Customer(**CUSTOMER).is_empty() is False


@pytest.mark.parametrize(
    "row", [harvest(), Row.from_dict({"a": [1], "b": None}), Customer(**CUSTOMER), Row.from_dict({})]
)
def test_copies_are_equal_rows(row: Any) -> None:
    """Copy, deep copy and pickle, also of a class made on the fly."""
    for twin in (copy.copy(row), copy.deepcopy(row), pickle.loads(pickle.dumps(row))):
        assert twin == row
        assert type(twin) is type(row)
        assert twin.type_system is row.type_system
        assert twin.to_python() == row.to_python()


def test_a_declared_row_is_its_columns_and_its_schema() -> None:
    """Typed by attribute as a checker sees it, and by item as the server has it."""
    row = Customer(**CUSTOMER)
    assert row.id == row["id"] == 1
    assert type(row["id"]) is mysql_type("int unsigned")
    assert row.to_python() == CUSTOMER
    converted = row.convert(IntermediateTypeSystem)
    assert type(converted["id"]) is INTEGER.of(bits=32, unsigned=True)
    assert type(converted.convert(MySQLTypeSystem)["id"]) is mysql_type("int unsigned")
    assert [column.name for column in Customer.schema] == list(CUSTOMER)


def test_a_schema_is_its_columns_in_order() -> None:
    """Each with name, type, nullability and key; by name too."""
    schema = parse_schema({"b": "int unsigned", "a": "varchar(9) null"})
    assert isinstance(schema, Schema)
    assert [(column.name, column.type, column.nullable, column.key) for column in schema] == [
        ("b", mysql_type("int unsigned"), False, False),
        ("a", mysql_type("varchar(9)"), True, False),
    ]
    assert schema["a"].type is mysql_type("varchar(9)")
    assert list(schema.names) == ["b", "a"]
    assert schema.row_class() is schema.row_class()
    make: Any = schema.row_class()
    assert make(1, None).to_python() == {"b": 1, "a": None}
    with pytest.raises(KeyError):
        schema["c"]
