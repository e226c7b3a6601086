"""What became of a schema, and whom it breaks."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanotyped.row import Column, Schema, parse_schema
from nanotyped.row.difference import compare_schemas
from nanotyped.row.schema import check_schema
from nanotyped.types.mysql import mysql_type

TYPES = ["int", "int(11)", "bigint", "varchar(9)", "varchar(20)", "decimal(12,2)", "date", "json"]
SCHEMAS = st.lists(
    st.builds(Column, st.sampled_from("abcd"), st.sampled_from(TYPES).map(mysql_type), st.booleans(), st.booleans()),
    unique_by=lambda column: column.name,
    max_size=4,
).map(Schema)


@pytest.mark.parametrize(
    ("before", "after", "kinds", "breaks", "text"),
    [
        ("int", "bigint", ("type",), ("readers",), "column `n` `int` → `bigint`"),
        ("bigint", "int", ("type",), ("writers",), "column `n` `bigint` → `int`"),
        ("int", "date", ("type",), ("readers", "writers"), "column `n` `int` → `date`"),
        ("int", "int null", ("nullable",), ("readers",), "column `n` `int` → `int null`"),
        ("int null", "int", ("nullable",), ("writers",), "column `n` `int null` → `int`"),
        ("int", "bigint null", ("type", "nullable"), ("readers",), "column `n` `int` → `bigint null`"),
        ("int", None, ("dropped",), ("readers", "writers"), "column `n` is gone"),
        (None, "int", ("added",), ("writers",), "column `n` `int` is new"),
        (None, "int null", ("added",), (), "column `n` `int null` is new"),
    ],
)
def test_each_change_breaks_whom_it_breaks(
    before: str | None, after: str | None, kinds: tuple[str, ...], breaks: tuple[str, ...], text: str
) -> None:
    """Readers hold what is there to what was, writers put what was into what is there."""
    old, new = (parse_schema({} if spelled is None else {"n": spelled}) for spelled in (before, after))
    (change,) = compare_schemas(old, new).changes
    assert (change.kinds, change.breaks, change.spelling()) == (kinds, breaks, text)


def test_another_key_breaks_writers() -> None:
    """A column that enters or leaves the key is told, unless a side cannot say what its key is."""
    kind = mysql_type("int")
    plain, keyed = Schema([Column("n", kind)]), Schema([Column("n", kind, key=True)])
    (entered,) = compare_schemas(plain, keyed).changes
    (left,) = compare_schemas(keyed, plain).changes
    assert (entered.kinds, entered.breaks) == (("key",), ("writers",))
    assert (entered.spelling(), left.spelling()) == ("column `n` belongs to the key now", "column `n` left the key")
    assert not compare_schemas(plain, keyed, keys=False)


def test_another_order_is_a_difference_that_breaks_nobody() -> None:
    """Rows go by name; columns that only one side has are no other order."""
    before, after = parse_schema({"a": "int", "b": "int"}), parse_schema({"b": "int", "x": "int null", "a": "int"})
    found = compare_schemas(before, after)
    assert found.reordered
    assert [change.name for change in found.changes] == ["x"]
    assert found.breaking == ()


def test_types_of_the_same_values_are_no_difference() -> None:
    """A display width says nothing about values."""
    assert not compare_schemas(parse_schema({"n": "int"}), parse_schema({"n": "int(11)"}))


@settings(max_examples=100)
@given(SCHEMAS, SCHEMAS)
def test_readers_are_broken_by_what_the_check_of_pipelines_refuses(before: Schema, after: Schema) -> None:
    """What breaks readers is exactly what is refused where rows after go to a node that needs those before."""
    found = {change.name for change in compare_schemas(before, after).changes if "readers" in change.breaks}
    assert found == {problem.column for problem in check_schema(after, before)}


@settings(max_examples=100)
@given(SCHEMAS, SCHEMAS)
def test_a_change_and_its_reverse_mirror_each_other(before: Schema, after: Schema) -> None:
    """The same columns differ both ways, and the verdicts change places; nothing differs from itself."""
    there, back = compare_schemas(before, after), compare_schemas(after, before)
    assert {(c.name, c.forward, c.back) for c in there.changes} == {(c.name, c.back, c.forward) for c in back.changes}
    assert there.reordered == back.reordered
    assert not compare_schemas(before, before)
