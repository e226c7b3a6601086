"""Schemas: how they are written down, compared, merged, and held against each other."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanotyped import DECIMAL, INTEGER, STRING, Row, mysql_type
from nanotyped.errors import Mismatch, TypeSyntaxError
from nanotyped.row import Column, Schema, parse_schema
from nanotyped.row.schema import check_schema, narrow_nulls, parse_column
from nanotyped.types.intermediate import NULL
from tests.unit.types import strategies as any_

INT, BIGINT = mysql_type("int"), mysql_type("bigint")
NAMES = st.sampled_from(["a", "b", "c", "d", "e f"])
COLUMNS = st.builds(Column, NAMES, any_.columns(), nullable=st.booleans(), key=st.booleans())
SCHEMAS = st.builds(Schema, st.lists(COLUMNS, max_size=5, unique_by=lambda column: column.name))


class Customer(Row):
    id: int
    note: str | None


# -- writing one down -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "kind", "nullable"),
    [
        ("int unsigned", "int unsigned", False),
        ("varchar(9) null", "varchar(9)", True),
        ("varchar(9)  NULL ", "varchar(9)", True),
        ("varchar(9) not null", "varchar(9)", False),
        ("decimal(9,2)\tNot  Null", "decimal(9,2)", False),
        ("enum('a null','null') null", "enum('a null','null')", True),
    ],
)
def test_text(text: str, kind: str, nullable: bool) -> None:
    """A column is the text of a type, `null` behind it where it may be null."""
    assert parse_column("c", text) == Column("c", mysql_type(kind), nullable=nullable)


def test_every_declaration() -> None:
    """A schema is itself, a Row class, or a mapping of names to types, texts and nullable types."""
    expected = Schema([Column("id", INTEGER), Column("note", STRING, nullable=True), Column("n", INT)])
    assert parse_schema({"id": INTEGER, "note": STRING.nullable(), "n": "int"}) == expected
    assert parse_schema(expected) is expected
    assert parse_schema(Customer) is Customer.schema
    assert [repr(column) for column in Customer.schema] == [
        "Column(name='id', type=<type INTEGER>, nullable=False, key=False)",
        "Column(name='note', type=<type STRING>, nullable=True, key=False)",
    ]


def test_all_mistakes_at_once() -> None:
    """Every column that is misspelt is reported, in one group."""
    wrong: Any = {"a": "intt", "b": INT, "c": 3, 4: INT, "d": "varchar", "e": int}
    with pytest.raises(ExceptionGroup) as caught:
        parse_schema(wrong)
    assert str(caught.value) == "the schema has columns of no known type (5 sub-exceptions)"
    assert [(type(error), str(error)) for error in caught.value.exceptions] == [
        (TypeSyntaxError, "unknown type `intt` (did you mean `int`?) at position 0 of `intt`"),
        (TypeError, "column `c`: 3 is no type; give a type, TYPE.nullable() or its text"),
        (TypeError, "a column name is text, not 4"),
        (TypeSyntaxError, "`varchar` needs a length at position 7 of `varchar`"),
        (TypeError, "column `e`: <class 'int'> is no type; give a type, TYPE.nullable() or its text"),
    ]


@pytest.mark.parametrize("wrong", [3, "int", int, ["id"], Row.from_dict({"id": 1})])
def test_what_is_no_schema(wrong: Any) -> None:
    """Anything else is refused."""
    with pytest.raises(TypeError) as caught:
        parse_schema(wrong)
    assert str(caught.value) == f"{wrong!r} is no schema; give a Row class, a Schema or a mapping of names to types"


def test_a_column_stands_once() -> None:
    """Two columns of one name are refused."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        Schema([Column("a", INT), Column("b", INT), Column("a", BIGINT)])
    assert str(caught.value) == "column `a` stands twice in the schema"


# -- as data ------------------------------------------------------------------------------------------------


def test_a_schema_is_its_columns() -> None:
    """It iterates in order, is asked by name, and knows its key."""
    schema = Schema([Column("b", INT, key=True), Column("a", STRING, nullable=True), Column("k", INT, key=True)])
    assert schema.names == ("b", "a", "k")
    assert schema.key == ("b", "k")
    assert [column.name for column in schema] == ["b", "a", "k"]
    assert schema["a"].nullable
    assert "a" in schema
    assert "x" not in schema
    assert len(schema) == 3
    assert schema.spelling() == "b int, a string null, k int"
    assert repr(schema) == "Schema(b int, a string null, k int)"
    with pytest.raises(KeyError):
        schema["x"]
    assert schema.select(["k", "b"]).names == ("k", "b")
    with pytest.raises(KeyError):
        schema.select(["k", "x"])


@given(SCHEMAS)
def test_equal_schemas(schema: Schema) -> None:
    """A copy of a schema is equal to it, has its hash and its row class; another order is another schema."""
    for other in (pickle.loads(pickle.dumps(schema)), copy.deepcopy(schema), Schema(list(schema))):
        assert other == schema
        assert hash(other) == hash(schema)
        assert other.row_class() is schema.row_class()
    assert schema != schema.names
    if len(schema) > 1:
        assert Schema(reversed(list(schema))) != schema


@given(SCHEMAS, SCHEMAS, SCHEMAS)
def test_merging(a: Schema, b: Schema, c: Schema) -> None:
    """Merging keeps the first one's order, lets the second win, adds the rest behind, and is associative."""
    merged = a.merge(b)
    assert merged.names == a.names + tuple(name for name in b.names if name not in a)
    assert all(merged[name] == b[name] for name in b.names)
    assert all(merged[name] == a[name] for name in a.names if name not in b)
    assert a.merge(b).merge(c) == a.merge(b.merge(c))
    assert a.merge(a) == a
    assert a.merge(Schema([])) == a == Schema([]).merge(a)


@given(SCHEMAS, st.lists(NAMES))
def test_narrowing_nulls(schema: Schema, names: list[str]) -> None:
    """The named columns are not null, and nothing else is changed; names that are no columns mean nothing."""
    narrowed = narrow_nulls(schema, names)
    for before, after in zip(schema, narrowed, strict=True):
        assert (after.name, after.type, after.key) == (before.name, before.type, before.key)
        assert after.nullable == (before.nullable and before.name not in names)


# -- one held against another --------------------------------------------------------------------------------


def test_what_does_not_fit() -> None:
    """Missing columns, nulls and types that do not fit are named, each with a remedy; more columns are no problem."""
    given_ = parse_schema({"id": "bigint", "nmae": "varchar(9)", "note": "varchar(9) null", "more": "json", "n": "int"})
    needed = parse_schema({"id": "int", "name": "varchar(9)", "note": "varchar(9)", "zip": "int", "n": "int null"})
    found = check_schema(given_, needed, ("a", "b"))
    assert [str(problem) for problem in found] == [
        "Expected `int`, got `bigint` (it may be below -2147483648) - at `a → b` $.id. Hint: declare it `bigint`, or "
        "put a Cast to `int` between them that says what may be lost",
        "Expected `varchar(9)`, got nothing - at `a → b` $.name. Hint: did you mean `nmae`?",
        "Expected `varchar(9)`, got `varchar(9) null` (it may be null) - at `a → b` $.note. Hint: drop the nulls "
        "first: Filter(test='value_is_not_none', key='note')",
        "Expected `int`, got nothing - at `a → b` $.zip. Hint: the columns are `id`, `nmae`, `note`, `more`, `n`",
    ]
    assert [(problem.edge, problem.column, problem.expected, problem.actual) for problem in found] == [
        (("a", "b"), "id", "int", "bigint"),
        (("a", "b"), "name", "varchar(9)", "nothing"),
        (("a", "b"), "note", "varchar(9)", "varchar(9) null"),
        (("a", "b"), "zip", "int", "nothing"),
    ]
    assert all(type(problem) is Mismatch for problem in found)


def test_nulls_of_unknown_type() -> None:
    """A null of unknown type fits every nullable column and no other."""
    nulls = Schema([Column("c", NULL, nullable=True)])
    assert check_schema(nulls, parse_schema({"c": "int null"})) == []
    assert [problem.reason for problem in check_schema(nulls, parse_schema({"c": "int"}))] == ["it may be null"]


def test_a_column_of_a_server_fits_what_it_means() -> None:
    """A column of a MySQL type satisfies the intermediate type that it maps to."""
    needed: dict[str, Any] = {"n": INTEGER, "d": DECIMAL.of(precision=12, scale=2), "s": STRING}
    assert check_schema(parse_schema({"n": "int", "d": "decimal(12,2)", "s": "varchar(9)"}), parse_schema(needed)) == []


@given(SCHEMAS)
def test_a_schema_fits_itself(schema: Schema) -> None:
    """Every schema fits itself, and a subset of its columns in any order."""
    assert check_schema(schema, schema) == []
    assert check_schema(schema, schema.select(reversed(schema.names[1:]))) == []
