from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from ipaddress import IPv6Address
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from nanotyped.engine.run import start_run
from nanotyped.errors import GraphTypeError, NodeFailedError, RowValidationError
from nanotyped.nodes.constants import constant_column
from nanotyped.nodes.values import Cast, InsertData, Remapper
from nanotyped.row import parse_schema
from nanotyped.types import BOOL, DATETIME, JSON_NULL, OBJECT, STRING, TIMESTAMP, InvalidDate
from tests.support.flows import Given, GivenBatches, Kept, run_through

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nanotyped.nodes.making import MakingNode
    from nanotyped.row.schema import ColumnDeclaration, SchemaDeclaration


def given_schema(node: MakingNode, schema: SchemaDeclaration) -> str:
    """Return what a node sends for rows of a schema, as text."""
    found = node.output_schema_for(parse_schema(schema))
    assert found is not None
    return found.spelling()


def refusals(node: MakingNode, schema: SchemaDeclaration) -> list[str]:
    """Build a pipeline that must not be built, and return its problems."""
    with pytest.raises(GraphTypeError) as caught:
        run_through(node, [], schema)
    return [str(problem) for problem in caught.value.problems]


# -- InsertData --------------------------------------------------------------------------


def test_insert_adds_constants() -> None:
    """Constants stand behind the columns that come, typed as narrow as their values are."""
    node = InsertData(value_dict={"land": "NL", "n": 300, "rate": Decimal("1.25")})
    assert run_through(node, [(7,), (8,)], {"id": "int"}).dicts == [
        {"id": 7, "land": "NL", "n": 300, "rate": Decimal("1.25")},
        {"id": 8, "land": "NL", "n": 300, "rate": Decimal("1.25")},
    ]
    text = "id int, land string(2) charset ascii, n uint16, rate decimal(3,2)"
    assert given_schema(InsertData(value_dict=node.value_dict), {"id": "int"}) == text


@pytest.mark.parametrize(
    ("value", "spelling"),
    [
        (0, "uint8"),
        (-1, "int8"),
        (255, "uint8"),
        (-129, "int16"),
        (2**64 - 1, "uint64"),
        (2**64, "integer"),
        (True, "bool"),
        (1.5, "float"),
        ("", "string(0) charset ascii"),
        ("é", "string(1)"),
        (Decimal("0.00"), "decimal(2,2)"),
        (Decimal("1E+3"), "decimal(4,0)"),
        (Decimal("-12.5"), "decimal(3,1)"),
        (date(2024, 1, 2), "date"),
        (datetime(2024, 1, 2, 3, 4, 5, 120_000), "datetime(2)"),
        (datetime(2024, 1, 2, tzinfo=UTC), "timestamp(0)"),
        ([1, {"a": None}], "json"),
        (None, "null null"),
    ],
)
def test_constants_are_typed_by_their_value(value: object, spelling: str) -> None:
    """A constant has the narrowest type that holds it."""
    column = constant_column("c", value)
    assert column.spelling() == spelling
    if value is not None:
        assert column.type.python_cast_function(value) == value


def test_insert_declared_types() -> None:
    """`output_schema` declares the types of the constants, which are cast to them."""
    node = InsertData(value_dict={"day": "2024-05-06", "n": 1, "x": None}, output_schema=DECLARED)
    assert run_through(node, [(7,)], {"id": "int"}).dicts == [
        {"id": 7, "day": date(2024, 5, 6), "n": Decimal("1.00"), "x": None}
    ]
    text = "id int, day date, n decimal(4,2), x int null"
    assert given_schema(InsertData(value_dict=node.value_dict, output_schema=DECLARED), {"id": "int"}) == text


def test_each_row_has_a_constant_document_of_its_own() -> None:
    """What a receiver does to a document that was inserted is not seen in the next row."""
    rows = [(None,), (None,)]
    inserted = run_through(InsertData(value_dict={"doc": {"n": [1]}}), rows, {"id": "int null"})
    filled = run_through(InsertData(value_dict={"d": [1]}, overwrite=False), rows, {"d": "json null"})
    inserted.dicts[0]["doc"]["n"].append(2)
    filled.dicts[0]["d"].append(2)
    assert inserted.dicts[1]["doc"] == {"n": [1]}
    assert filled.dicts[1]["d"] == [1]


DECLARED = {"day": "date", "n": "decimal(4,2)", "x": "int null"}


@pytest.mark.parametrize(
    ("overwrite", "overwrite_if_null", "values"),
    [(True, True, [9, 9]), (True, False, [9, 9]), (False, True, [1, 9]), (False, False, [1, None])],
)
def test_insert_where_the_column_is_there(overwrite: bool, overwrite_if_null: bool, values: list[int | None]) -> None:
    """A column that is there is replaced, filled where it is null, or left alone; it keeps its place."""
    node = InsertData(value_dict={"v": 9}, overwrite=overwrite, overwrite_if_null=overwrite_if_null)
    kept = run_through(node, [(1, "a"), (None, "b")], {"v": "int null", "w": "varchar(9)"})
    assert kept.dicts == [{"v": values[0], "w": "a"}, {"v": values[1], "w": "b"}]


@pytest.mark.parametrize(
    ("options", "spelling"),
    [
        ({}, "v uint8, w int null"),
        ({"overwrite": False}, "v int, w int null"),
        ({"overwrite": False, "overwrite_if_null": False}, "v int null, w int null"),
        ({"retain_input": False}, "v uint8"),
        ({"retain_input": False, "overwrite": False}, "v int"),
    ],
)
def test_insert_schema(options: dict[str, Any], spelling: str) -> None:
    """A replaced column has the constant's type; one that is filled keeps its own and is null no more."""
    assert given_schema(InsertData(value_dict={"v": 9}, **options), {"v": "int null", "w": "int null"}) == spelling


def test_insert_into_rows_of_unknown_schema() -> None:
    """Each row gets the constants by its own columns; a bare value is no column that could be kept."""
    node = InsertData(value_dict={"v": 1}, overwrite=False)
    messages = [{"a": 1}, {"v": 2}, {"v": None}, "rye"]
    assert run_through(node, messages).dicts == [{"a": 1, "v": 1}, {"v": 2}, {"v": 1}, {"v": 1}]
    assert InsertData(value_dict={"v": 1}).output_schema_for(None) is None


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (
            {"value_dict": {"v": "x"}, "overwrite": False},
            "node `add`: the constant cannot fill the nulls of column `v`: 'x' is no `int`: not a whole number",
        ),
        (
            {"value_dict": {"a": 1}, "output_schema": {"b": "int"}},
            "node `add`, value_dict: output_schema declares `b`, but value_dict holds `a`",
        ),
        (
            {"value_dict": {"a": "x"}, "output_schema": {"a": "int"}},
            "node `add`, value_dict: 'x' is no `int`: not a whole number",
        ),
        (
            {"value_dict": {"a": None}, "output_schema": {"a": "int"}},
            "node `add`, value_dict: column `a` is `int`, and its constant is null",
        ),
        ({"value_dict": {"a": {1}}}, "node `add`, value_dict: no column holds a set: {1}"),
    ],
)
def test_insert_refusals(options: dict[str, Any], problem: str) -> None:
    """Constants that do not fit their types, or the column they are to fill, are refused at build."""
    assert refusals(InsertData(name="add", **options), {"v": "int null"}) == [problem]


# -- Remapper ---------------------------------------------------------------------------------

ORDER = {
    "id": "bigint",
    "who": "varchar(9) null",
    "doc": "json null",
    "day": "date",
    "raw": "blob",
    "amount": "decimal(6,2)",
    "a.b": "int",
}
ORDER_ROW = (
    2**40,
    "ann",
    {"street": {"name": "Elm"}, "items": [{"n": 1}, {"n": None}], "0": "zero"},
    date(2024, 5, 6),
    b"\x00\x01",
    Decimal("9.90"),
    3,
)


def remapped(mapping: dict[str, Any], row: tuple[Any, ...] = ORDER_ROW) -> dict[str, Any]:
    """Return what a Remapper builds of one order, its own columns alone."""
    kept = run_through(Remapper(mapping=mapping, retain_input=False), [row], ORDER)
    return kept.dicts[0]


def test_remapper_renames() -> None:
    """A column under a new name keeps type, value and nullability, and the old columns stay beside it."""
    node = Remapper(mapping={"number": "id", "name": "who"})
    assert run_through(node, [(1, None)], {"id": "bigint", "who": "varchar(9) null"}).dicts == [
        {"id": 1, "who": None, "number": 1, "name": None}
    ]
    alone = Remapper(mapping={"number": "id", "name": "who"}, retain_input=False)
    assert given_schema(alone, ORDER) == "number bigint, name varchar(9) null"


def test_remapper_takes_the_place_of_a_column() -> None:
    """A target that is a column already replaces it, in its place; two columns can change names."""
    node = Remapper(mapping={"a": "b", "b": "a"})
    assert run_through(node, [(1, "x")], {"a": "int", "b": "varchar(9)"}).dicts == [{"a": "x", "b": 1}]
    assert given_schema(Remapper(mapping={"a": "b", "b": "a"}), {"a": "int", "b": "date"}) == "a date, b int"


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("doc.street.name", "Elm"),
        (["doc", "street", "name"], "Elm"),
        ("doc.items.0.n", 1),
        (["doc", "items", 0, "n"], 1),
        (["doc", "items", -1], {"n": None}),
        ("doc.items.1.n", JSON_NULL),
        ("doc.items.7.n", None),
        ("doc.street.number", None),
        ("doc.0", "zero"),
        ("a.b", 3),
    ],
)
def test_remapper_reaches_into_json(source: str | list[str | int], value: object) -> None:
    """A path leads into JSON; what is missing there gives null, a null there is a JSON null; a column's name wins."""
    found = remapped({"x": source})["x"]
    assert (found, type(found)) == (value, type(value))


def test_remapper_reaches_into_null() -> None:
    """Where the document is null, so is everything in it."""
    assert remapped({"x": "doc.a"}, (*ORDER_ROW[:2], None, *ORDER_ROW[3:])) == {"x": None}


def test_remapper_nests() -> None:
    """Nested mappings build a JSON column, in which each value is in the JSON form of its type."""
    mapping = {"order": {"id": "id", "of": {"day": "day", "raw": "raw"}, "amount": "amount", "item": "doc.items.0"}}
    assert remapped(mapping) == {
        "order": {
            "id": "1099511627776",
            "of": {"day": "2024-05-06", "raw": "AAE="},
            "amount": "9.90",
            "item": {"n": 1},
        }
    }
    assert given_schema(Remapper(mapping=mapping, retain_input=False), ORDER) == "order json"


def test_remapper_nests_nulls() -> None:
    """A null column is a null in the document that is built."""
    row = (1, None, JSON_NULL, *ORDER_ROW[3:])
    assert remapped({"x": {"who": "who", "doc": "doc", "deep": "doc.a"}}, row) == {
        "x": {"who": None, "doc": None, "deep": None}
    }


def test_remapper_on_rows_of_unknown_schema() -> None:
    """Each row is mapped by its own columns, and a missing one is an error of its row."""
    node = Remapper(mapping={"x": "a"}, retain_input=False, name="map")
    assert run_through(Remapper(mapping={"x": "a"}, retain_input=False), [{"a": 1}, {"a": "y"}]).dicts == [
        {"x": 1},
        {"x": "y"},
    ]
    with pytest.raises(NodeFailedError) as caught:
        run_through(node, [{"a": 1}, {"b": 1}])
    assert str(caught.value) == (
        "node `map` failed: RowError: row 2: node `map`: there is no column `a`. Hint: the columns are `b`"
    )


@pytest.mark.parametrize(
    ("mapping", "problem"),
    [
        ({"x": "idd"}, "node `map`: there is no column `idd`. Hint: did you mean `id`?"),
        ({"x": "dok.a"}, "node `map`: there is no column `dok`. Hint: did you mean `doc`?"),
        ({"x": {"y": "dok"}}, "node `map`: there is no column `dok`. Hint: did you mean `doc`?"),
        ({"x": "who.a"}, "node `map`: `who.a` reaches into column `who`, which is `varchar(9) null` and no JSON"),
    ],
)
def test_remapper_refusals(mapping: dict[str, Any], problem: str) -> None:
    """A missing column, and a path into what is no JSON, are refused at build with the nearest name."""
    assert refusals(Remapper(mapping=mapping, name="map"), ORDER) == [problem]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (7, "mapping, `x`: a source is a column, a path or a mapping, not 7"),
        ({}, "mapping, `x`: a source is a column, a path or a mapping, not {}"),
        ({"y": None}, "mapping, `x.y`: a source is a column, a path or a mapping, not None"),
        ([], "a keypath starts with the name of a column, not with []"),
    ],
)
def test_remapper_wrong_sources(source: object, message: str) -> None:
    """What is no source is refused at construction, with its place."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        Remapper(mapping={"x": source})
    assert str(caught.value) == message


# -- Cast ----------------------------------------------------------------------------------------


def cast_all(given: ColumnDeclaration, needed: ColumnDeclaration, values: Sequence[Any], lossy: str = "fail") -> Any:
    """Run values of one type through a Cast and return what becomes of them."""
    options: Any = {"columns": {"v": needed}, "lossy": lossy}
    kept = run_through(Cast(**options), [(value,) for value in values], {"v": given})
    return [row["v"].value for row in kept.rows]


MOMENT = datetime(2024, 5, 6, 7, 8, 9, 500_000)


@pytest.mark.parametrize(
    ("given", "needed", "values", "cast"),
    [
        ("int", "bigint", [1], [1]),
        ("int null", "decimal(12,2)", [1, None], [Decimal("1.00"), None]),
        ("int", "tinyint", [-128, 127], [-128, 127]),
        ("int", "varchar(3)", [-12, 999], ["-12", "999"]),
        ("decimal(6,2)", "int", [Decimal("7.00")], [7]),
        ("decimal(6,2)", "decimal(3,1)", [Decimal("1.50")], [Decimal("1.5")]),
        ("decimal(6,2)", "varchar(9)", [Decimal("1.50")], ["1.50"]),
        ("decimal(6,2)", "double", [Decimal("1.50")], [1.5]),
        ("double", "decimal(6,2)", [1.5], [Decimal("1.50")]),
        ("double", "int", [3.0], [3]),
        ("varchar(9)", "int", ["12", "-7"], [12, -7]),
        ("varchar(9)", "decimal(6,2)", ["12.5"], [Decimal("12.50")]),
        ("varchar(9)", "double", ["0.1"], [0.1]),
        ("varchar(20)", "date", ["2024-05-06"], [date(2024, 5, 6)]),
        ("varchar(20)", "date or invalid", ["0000-00-00"], [InvalidDate("0000-00-00")]),
        ("varchar(20)", "date or invalid", ["2024-05-06"], [date(2024, 5, 6)]),
        ("json", "datetime or invalid", ["2021-02-30T00:00:00"], [InvalidDate("2021-02-30 00:00:00")]),
        ("date or invalid", "varchar(10)", [InvalidDate("0000-00-00")], ["0000-00-00"]),
        ("varchar(20)", "datetime", ["2024-05-06T07:08:09"], [datetime(2024, 5, 6, 7, 8, 9)]),
        ("varchar(20)", "time", ["-12:00:01"], [-timedelta(hours=12, seconds=1)]),
        ("varchar(9)", BOOL, ["true", "0"], [True, False]),
        ("varchar(9)", "varchar(2)", ["ab"], ["ab"]),
        ("varchar(9)", "enum('a','b')", ["b"], ["b"]),
        ("varchar(20)", "json", ['{"a": [1.50]}', "null"], [{"a": [Decimal("1.50")]}, JSON_NULL]),
        ("json", "varchar(20)", [{"a": Decimal("1.50")}, "plain"], ['{"a":1.50}', '"plain"']),
        ("json", "enum('a','5')", ["a", "5"], ["a", "5"]),
        ("json", "int", [7, "8"], [7, 8]),
        (BOOL, "varchar(5)", [True, False], ["true", "false"]),
        ("int", BOOL, [1, 0], [True, False]),
        ("datetime(6)", "date", [datetime(2024, 5, 6)], [date(2024, 5, 6)]),
        ("datetime(6)", "varchar(30)", [MOMENT], ["2024-05-06T07:08:09.500000"]),
        ("timestamp", "varchar(30)", [datetime(2024, 5, 6, tzinfo=UTC)], ["2024-05-06T00:00:00Z"]),
        ("time(1)", "varchar(30)", [-timedelta(milliseconds=500)], ["-0:00:00.5"]),
        (DATETIME, TIMESTAMP, [datetime(2024, 5, 6, tzinfo=UTC)], [datetime(2024, 5, 6, tzinfo=UTC)]),
        (OBJECT, "int", [7, "8"], [7, 8]),
        ("varchar(9)", "year", ["2024"], [2024]),
        ("year", "varchar(4)", [2024], ["2024"]),
        ("year", "smallint", [2024], [2024]),
        ("int", "year", [2024], [2024]),
        ("bit(3)", "varchar(9)", [5], ["101"]),
        ("varchar(9)", "bit(3)", ["101"], [5]),
        ("bit(12)", "binary(2)", [0xABC], [b"\x0a\xbc"]),
        ("binary(2)", "bit(12)", [b"\x0a\xbc"], [0xABC]),
        ("bit(12)", "bit(12) as bytes", [0xABC], [b"\x0a\xbc"]),
        ("bit(12) as bytes", "bit(12)", [b"\x0a\xbc"], [0xABC]),
        ("varchar(9)", "set('a','b')", ["a,b"], [frozenset({"a", "b"})]),
        ("varchar(40)", "uuid", [str(UUID(int=7))], [UUID(int=7)]),
        ("uuid", "varchar(36)", [UUID(int=7)], [str(UUID(int=7))]),
        ("varchar(40)", "inet6", ["::1"], [IPv6Address("::1")]),
    ],
)
def test_casts_without_loss(
    given: ColumnDeclaration, needed: ColumnDeclaration, values: list[Any], cast: list[Any]
) -> None:
    """A value that the new type holds passes, exactly; a null stays null."""
    found = cast_all(given, needed, values)
    assert found == cast
    assert [*map(type, found)] == [*map(type, cast)]
    assert [*map(str, found)] == [*map(str, cast)] or isinstance(cast[0], frozenset)


@pytest.mark.parametrize(
    ("given", "needed", "value", "problem"),
    [
        ("decimal(6,2)", "int", Decimal("1.50"), "expected `int`, got Decimal('1.50') (not a whole number)"),
        ("int", "tinyint", 128, "expected `tinyint`, got 128 (above 127)"),
        ("varchar(9)", "int", "x", "expected `int`, got 'x' (not a whole number)"),
        ("varchar(9)", "varchar(2)", "abc", "expected `varchar(2)`, got 'abc' (3 characters, at most 2 fit)"),
        ("datetime(6)", "date", MOMENT, f"expected `date`, got {MOMENT!r} (it has a time of day)"),
        (
            "datetime(6)",
            "datetime",
            MOMENT,
            f"expected `datetime`, got {MOMENT!r} (more than 0 digits of a second's fraction)",
        ),
        ("double", "decimal(6,2)", 0.1, "expected `decimal(6,2)`, got 0.1 (this float is no exact decimal)"),
        ("varchar(9)", "json", "{", "expected `json`, got '{' (no JSON)"),
    ],
)
def test_losses_are_row_errors(given: str, needed: str, value: object, problem: str) -> None:
    """With `fail` a value that would lose anything is an error that names row, column, type and value."""
    good: Any = {"decimal(6,2)": Decimal("1.00"), "double": 1.5, "int": 1}.get(given, "1")
    good = datetime(2024, 5, 6) if given == "datetime(6)" else good
    node = Cast(columns={"v": needed}, name="cast")
    with pytest.raises(NodeFailedError) as caught:
        run_through(node, [(good,), (value,)], {"v": given})
    assert str(caught.value).startswith(
        f"node `cast` failed: RowValidationError: row 2, column `v`: {problem} - at row "
    )
    assert isinstance(caught.value.__cause__, RowValidationError)


def test_every_loss_of_a_batch_is_named() -> None:
    """The error holds all cells of the batch that do not fit; the rows before the first of them go on."""
    node, kept = Cast(columns={"a": "tinyint", "b": "int"}), Kept()
    _ = GivenBatches([[(1, "1"), (200, "x"), (3, "y")]], {"a": "int", "b": "varchar(9)"}) > node > kept
    with pytest.raises(NodeFailedError) as caught:
        start_run(node).wait(10)
    cause = caught.value.__cause__
    assert isinstance(cause, RowValidationError)
    assert [(problem.row, problem.column, problem.actual) for problem in cause.problems] == [
        (2, "a", "200"),
        (2, "b", "'x'"),
        (3, "b", "'y'"),
    ]
    assert kept.dicts == [{"a": 1, "b": 1}]


@pytest.mark.parametrize(
    ("lossy", "given", "needed", "values", "cast"),
    [
        ("round", "decimal(6,3)", "decimal(6,2)", ["1.005", "-1.005", "1.004"], ["1.01", "-1.01", "1.00"]),
        ("truncate", "decimal(6,3)", "decimal(6,2)", ["1.009", "-1.009"], ["1.00", "-1.00"]),
        ("round", "decimal(6,3)", "int", ["2.500", "-2.500", "2.499"], [3, -3, 2]),
        ("truncate", "decimal(6,3)", "int", ["2.999", "-2.999"], [2, -2]),
        ("saturate", "decimal(6,0)", "tinyint", ["200", "-200", "5"], [127, -128, 5]),
        ("saturate", "decimal(6,0)", "tinyint unsigned", ["300", "-1"], [255, 0]),
        ("saturate", "decimal(6,2)", "decimal(3,2)", ["10.00", "-99.99", "1.25"], ["9.99", "-9.99", "1.25"]),
        ("saturate", "decimal(6,2)", "decimal(3,2) unsigned", ["10.00", "-0.01"], ["9.99", "0.00"]),
    ],
)
def test_lossy_decimals(lossy: str, given: str, needed: str, values: list[str], cast: list[str | int]) -> None:
    """Numbers are rounded half away from zero, cut towards zero, or held to the bounds of their type."""
    wanted = [Decimal(value) if isinstance(value, str) else value for value in cast]
    found = cast_all(given, needed, [Decimal(value) for value in values], lossy)
    assert [*map(repr, found)] == [*map(repr, wanted)]


@pytest.mark.parametrize(
    ("lossy", "given", "needed", "values", "cast"),
    [
        ("round", "double", "decimal(6,2)", [2.675, 0.1, -0.005], [Decimal("2.68"), Decimal("0.10"), Decimal("-0.01")]),
        ("round", "double", "int", [0.5, 1e9], [1, 10**9]),
        ("round", "double", "float", [0.1], [0.10000000149011612]),
        ("round", "decimal(6,2)", "double", [Decimal("0.10")], [0.1]),
        ("round", "bigint", "double", [2**53 + 1], [float(2**53)]),
        ("round", "varchar(9)", "decimal(6,2)", ["1.005"], [Decimal("1.01")]),
        ("saturate", "double", "float", [1e300, -1e300, 0.5], [3.4028234663852886e38, -3.4028234663852886e38, 0.5]),
        ("saturate", "bigint", "int", [2**40, -(2**40), 7], [2**31 - 1, -(2**31), 7]),
        ("truncate", "varchar(9)", "varchar(2)", ["abc", "é€x", "a"], ["ab", "é€", "a"]),
        ("truncate", "text", "tinytext", ["é" * 200], ["é" * 127]),
        ("truncate", "varchar(9)", "char(2)", ["a b"], ["a"]),
        ("truncate", "blob", "varbinary(2)", [b"abc"], [b"ab"]),
        ("truncate", "datetime(6)", "date", [MOMENT], [date(2024, 5, 6)]),
        ("truncate", "datetime(6)", "datetime", [MOMENT], [datetime(2024, 5, 6, 7, 8, 9)]),
        ("round", "datetime(6)", "datetime", [MOMENT, datetime(2024, 12, 31, 23, 59, 59, 499_999)],
         [datetime(2024, 5, 6, 7, 8, 10), datetime(2024, 12, 31, 23, 59, 59)]),
        ("round", "time(3)", "time", [timedelta(milliseconds=-1500), timedelta(milliseconds=1499)],
         [timedelta(seconds=-2), timedelta(seconds=1)]),
        ("truncate", "time(3)", "time", [timedelta(milliseconds=-1500)], [timedelta(seconds=-1)]),
        ("round", "int", "bigint", [1], [1]),
        ("truncate", "int null", "varchar(2)", [12, None], ["12", None]),
    ],
)  # fmt: skip
def test_lossy_values(lossy: str, given: str, needed: str, values: list[Any], cast: list[Any]) -> None:
    """Each way of losing bends the values of its types, and only those that do not fit."""
    found = cast_all(given, needed, values, lossy)
    assert [*map(repr, found)] == [*map(repr, cast)]


@pytest.mark.parametrize(
    ("lossy", "given", "needed", "value", "reason"),
    [
        ("round", "decimal(6,2)", "tinyint", Decimal("300.25"), "above 127"),
        ("saturate", "decimal(6,2)", "tinyint", Decimal("1.25"), "not a whole number"),
        ("truncate", "varchar(9)", "int", "x", "not a decimal number"),
        ("round", "varchar(9)", "varchar(2)", "abc", "3 characters, at most 2 fit"),
        ("round", "datetime(6)", "datetime", datetime.max, "rounded up it is beyond the year 9999"),
    ],
)
def test_each_way_mends_its_own_loss_alone(lossy: str, given: str, needed: str, value: object, reason: str) -> None:
    """What a way of losing does not cover still fails."""
    with pytest.raises(NodeFailedError, match=f"{reason}"):
        cast_all(given, needed, [value], lossy)


def test_cast_schema() -> None:
    """The new types are exact at build: other columns, nullability and key stay, and nothing is retained unasked."""
    node = Cast(columns={"a": "bigint", "b": {"type": "decimal(3,1)", "lossy": "round"}})
    assert given_schema(node, {"a": "int null", "b": "double", "c": "date"}) == "a bigint null, b decimal(3,1), c date"
    alone = Cast(columns={"a": "bigint"}, retain_input=False)
    assert given_schema(alone, {"a": "int", "c": "date"}) == "a bigint"


def test_cast_per_column() -> None:
    """A column may have a way of its own."""
    node = Cast(columns={"a": {"type": "int", "lossy": "truncate"}, "b": "int"}, lossy="round")
    assert run_through(node, [(1.9, 1.9)], {"a": "double", "b": "double"}).dicts == [{"a": 1, "b": 2}]


@pytest.mark.parametrize(
    ("needed", "given", "problem"),
    [
        (
            "int",
            "date",
            "node `cast`: column `v` cannot be cast from `date` to `int`: no value of the one is a value of the other",
        ),
        (
            "timestamp",
            "datetime",
            "node `cast`: column `v` cannot be cast from `datetime` to `timestamp`: "
            "only one of them has a zone, and a cast cannot know which",
        ),
        (
            "varchar(9)",
            "blob",
            "node `cast`: column `v` cannot be cast from `blob` to `varchar(9)`: "
            "no value of the one is a value of the other",
        ),
    ],
)
def test_casts_that_never_work(needed: str, given: str, problem: str) -> None:
    """A cast of which no value can work is refused at build."""
    assert refusals(Cast(columns={"v": needed}, name="cast"), {"v": given}) == [problem]


def test_strings_out_of_documents() -> None:
    """With `json: string` a column of documents becomes the text of its strings; no other column can."""
    node = Cast(columns={"v": {"type": "varchar(9)", "json": "string"}}, name="cast")
    assert run_through(node, [("ab",), (None,)], {"v": "json null"}).dicts == [{"v": "ab"}, {"v": None}]
    node = Cast(columns={"v": {"type": "varchar(9)", "json": "string"}}, name="cast")
    assert refusals(node, {"v": "int"}) == [
        "node `cast`: column `v` cannot be cast from `int` to `varchar(9)`: `json: string` is for documents"
    ]


def test_cast_of_a_missing_column() -> None:
    """A column that is not there is refused at build, with the nearest name."""
    assert refusals(Cast(columns={"amuont": "int"}, name="cast"), {"amount": "int"}) == [
        "node `cast`: there is no column `amuont` to cast. Hint: did you mean `amount`?"
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"columns": {}, "lossy": "guess"},
            "lossy must be one of `fail`, `round`, `truncate`, `saturate`, not 'guess'",
        ),
        (
            {"columns": {"a": {"type": "varchar(2)", "lossy": "round"}}},
            "columns, `a`: `round` means nothing for `varchar(2)`; it takes `fail`, `truncate`",
        ),
        ({"columns": {"a": {"lossy": "round"}}}, "columns, `a`: it needs a `type`"),
        (
            {"columns": {"a": {"type": "int", "lossi": "round"}}},
            "columns, `a`: no option `lossi`; it has `type`, `lossy`, `json`; did you mean `lossy`?",
        ),
        (
            {"columns": {"a": "int null"}},
            "columns, `a`: whether it may be null stays as it is; leave `null` out",
        ),
        (
            {"columns": {"a": {"type": "int", "json": "string"}, "b": {"type": "text", "json": "bare"}}},
            "columns, `a`: `json: string` is for a text, not for `int`; "
            "columns, `b`, json must be one of `text`, `string`, not 'bare'",
        ),
        (
            {"columns": {"a": "intt", "b": {"type": "int", "lossy": "rond"}, "c": 5, "d": "date"}, "lossy": "guess"},
            "lossy must be one of `fail`, `round`, `truncate`, `saturate`, not 'guess'; "
            "columns, `a`: unknown type `intt` (did you mean `int`?) at position 0 of `intt`; "
            "columns, `b`, lossy must be one of `fail`, `round`, `truncate`, `saturate`, not 'rond'; "
            "columns, `c`: 5 is no type; give a type or its text",
        ),
    ],
)
def test_cast_wrong_options(options: dict[str, Any], message: str) -> None:
    """Types and ways of losing that are none are refused at construction: all at once, each with its column."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        Cast(**options)
    assert str(caught.value) == message


def test_what_is_cast_fits_what_needs_it() -> None:
    """Behind a cast a node may need the new type; without it the pipeline is refused."""

    def link(*nodes: MakingNode) -> Kept:
        kept = Kept(input_schema={"v": "decimal(12,2)"})
        last: Any = Given([(1.5,)], {"v": "double"})
        for node in (*nodes, kept):
            _ = last > node
            last = node
        return kept

    with pytest.raises(GraphTypeError):
        start_run(link())
    kept = link(Cast(columns={"v": "decimal(12,2)"}, lossy="round"))
    start_run(kept).wait(10)
    assert kept.dicts == [{"v": Decimal("1.50")}]


def test_a_promised_schema_is_held() -> None:
    """An `output_schema` of a user's own is checked against what the node gives."""
    node = Remapper(mapping={"x": "a"}, output_schema={"x": "varchar(9)"}, name="map")
    [problem] = refusals(node, {"a": "int"})
    assert problem.startswith("Expected `varchar(9)`, got `int`")
    assert "`map → output_schema` $.x" in problem


def test_types_of_python_as_well() -> None:
    """In Python a type may be given as its class."""
    assert cast_all("int", STRING, [1]) == ["1"]
    assert given_schema(Cast(columns={"v": STRING}), {"v": "int"}) == "v string"
