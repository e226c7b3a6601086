"""Rows as record batches and back."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanotyped import Column, Row, Schema, column, mysql_type
from nanotyped.errors import IncompatibleTypesException, RowError, RowValidationError
from nanotyped.row import ArrowDecoder, ArrowEncoder, parse_schema
from nanotyped.row.arrow_label import LABEL, parse_label, render_label
from nanotyped.types import (
    ARROW_FLOAT,
    JSON_VALUE,
    ArrowTypeSystem,
    DataType,
    MySQLTypeSystem,
    SQLiteTypeSystem,
)
from nanotyped.types import intermediate as it
from nanotyped.types.arrow import arrow_type_of
from nanotyped.types.mapping import MAPPED_TYPES, example_of
from tests.unit.types import strategies as any_


class Order(Row):
    id: Annotated[int, mysql_type("bigint unsigned")] = column(key=True)
    total: Annotated[Decimal, mysql_type("decimal(12,2) unsigned")]
    state: Annotated[str, mysql_type("enum('new','paid')")]
    note: Annotated[str, mysql_type("varchar(9)")] | None


ORDERS = [
    Order(id=2**64 - 1, total=Decimal("9.90"), state="paid", note=None),
    Order(id=1, total=Decimal("0.00"), state="new", note="emoji 😀"),
]


def label(**spelled: object) -> dict[bytes, bytes]:
    """Return metadata of a field that says this."""
    return {LABEL: json.dumps(spelled).encode()}


def held(kind: any_.Type) -> bool:
    """Return whether Arrow has a type for it."""
    try:
        arrow_type_of(kind)
    except IncompatibleTypesException:
        return False
    return True


# -- schemas ---------------------------------------------------------------------


def test_a_schema_goes_to_arrow_with_its_types_and_their_labels() -> None:
    """Fields have Arrow's types and say whether they may be null; their metadata says what they stand for."""
    made = ArrowEncoder(Order.schema).arrow_schema
    assert [(field.name, str(field.type), field.nullable) for field in made] == [
        ("id", "uint64", False),
        ("total", "decimal128(12, 2)", False),
        ("state", "dictionary<values=string, indices=int32, ordered=0>", False),
        ("note", "string", True),
    ]
    assert [(field.metadata or {})[LABEL].decode() for field in made] == [
        '{"system":"mysql","type":"bigint unsigned","key":true}',
        '{"system":"mysql","type":"decimal(12,2) unsigned"}',
        """{"system":"mysql","type":"enum('new','paid')"}""",
        '{"system":"mysql","type":"varchar(9)"}',
    ]
    assert ArrowDecoder(made).schema == Order.schema


@settings(max_examples=200)
@given(
    st.lists(st.tuples(any_.columns().filter(held), st.booleans(), st.booleans()), min_size=1, max_size=4), st.data()
)
def test_every_schema_comes_back_as_it_was(columns: list[tuple[Any, bool, bool]], data: st.DataObject) -> None:
    """Whatever the type system of a column, it comes back as the very class, with its nulls and its key."""
    systems = st.sampled_from([None, MySQLTypeSystem, SQLiteTypeSystem, ArrowTypeSystem])
    made = []
    for index, (kind, nullable, key) in enumerate(columns):
        system = data.draw(systems)
        try:
            found = kind if system is None else system.from_intermediate(kind, None)
        except IncompatibleTypesException:
            found = kind
        made.append(Column(f"c{index}", found if held(found) else it.BOOL, nullable=nullable, key=key))
    schema = Schema(made)
    assert ArrowDecoder(ArrowEncoder(schema).arrow_schema).schema == schema


def test_a_type_whose_spelling_does_not_lead_back_is_labelled_by_its_parameters() -> None:
    """A label names family and parameters where the text alone would be another type."""
    kinds: list[type[DataType]] = [
        it.STRING.of(max_length=9, charset="latin1", padded=True),
        SQLiteTypeSystem.from_intermediate(it.STRING.of(max_length=9, charset="latin1"), None),
        JSON_VALUE.of(means=it.ENUM.of(members=("a", "b"))),
        it.SET.of(members=("a,".replace(",", ""), "")),
    ]
    for kind in kinds:
        assert parse_label(render_label(Column("c", kind, key=True))) == (kind, True)
    assert json.loads(render_label(Column("c", kinds[2]))) == {
        "system": "json",
        "type": "json of enum('a','b')",
        "family": "JSON_VALUE",
        "parameters": {
            "means": {
                "system": "intermediate",
                "type": "enum('a','b')",
                "family": "ENUM",
                "parameters": {"members": ["a", "b"]},
            }
        },
    }


def test_a_schema_from_elsewhere_is_read_by_its_arrow_types() -> None:
    """Without labels, columns are of Arrow's own types, and go back as the very same fields."""
    fields: list[Any] = [
        pa.field("n", pa.int32(), nullable=False),
        pa.field("half", pa.float16()),
        pa.field("at", pa.timestamp("ms")),
        pa.field("kind", pa.dictionary(pa.int8(), pa.string())),
    ]
    given_ = pa.schema(fields, metadata={b"pandas": b"{}"})
    schema = ArrowDecoder(given_).schema
    assert schema.spelling() == (
        "n int32, half halffloat null, at timestamp[ms] null, "
        "kind dictionary<values=string, indices=int8, ordered=0> null"
    )
    assert schema["half"].type is ARROW_FLOAT.of(bits=16)
    assert ArrowEncoder(schema).arrow_schema.equals(given_)


def test_every_column_that_arrow_cannot_hold_is_told_at_once() -> None:
    """A schema is refused with all of its columns that have no Arrow type, each by name."""
    schema = Schema([Column("a", it.DECIMAL), Column("b", it.BOOL), Column("c", it.OBJECT)])
    with pytest.raises(ExceptionGroup) as caught:
        ArrowEncoder(schema)
    assert caught.value.message == "the schema has columns that Arrow cannot hold"
    assert list(map(str, caught.value.exceptions)) == [
        "column `a`: no Arrow type holds `decimal`: it has no digits; declare them, as in decimal(12,2)",
        "column `c`: no Arrow type holds `object`: it may be anything; declare what it is",
    ]
    with pytest.raises(IncompatibleTypesException) as refused:
        ArrowEncoder(Schema([]))
    assert str(refused.value) == "rows of no columns have no place in Arrow, which counts rows by columns"


@pytest.mark.parametrize(
    ("field", "message"),
    [
        (
            pa.field("c", pa.time64("us")),
            "no column type holds `time64[us]` exactly: `time64` is refused: a time of day is no span of time; give "
            "the time since midnight, as duration[us]",
        ),
        (
            pa.field("c", pa.int64(), metadata=label(system="mysql", type="int unsigned")),
            "its metadata says `int unsigned`, which is `uint32` in Arrow, but the field is `int64`; "
            "cast it to `uint32`",
        ),
        (
            pa.field("c", pa.string(), metadata=label(system="mysql", type="int")),
            "its metadata says `int`, which is `int32` in Arrow, but the field is `string`; cast it to `int32`",
        ),
        (
            pa.field("c", pa.bool_(), metadata=label(system="mysql", type="int")),
            "its metadata says `int`, which is `int32` in Arrow, but the field is `bool`; cast it to `int32`",
        ),
        (
            pa.field("c", pa.int32(), metadata=label(system="mysql", type="intt")),
            "its metadata names no type of mysql: unknown type `intt` (did you mean `int`?) at position 0 of `intt`; "
            "remove it to read the field as `int32`",
        ),
        (
            pa.field("c", pa.int32(), metadata=label(system="intermediate", type="int32")),
            "its metadata names no type of intermediate: IntermediateTypeSystem has no spelling of types; "
            "remove it to read the field as `int32`",
        ),
        (
            pa.field("c", pa.int32(), metadata=label(system="intermediate", type="int32", family="INT")),
            "its metadata names no type of intermediate: there is no family `INT`; "
            "remove it to read the field as `int32`",
        ),
        (
            pa.field(
                "c",
                pa.int32(),
                metadata=label(system="intermediate", type="int32", family="INTEGER", parameters={"bits": 8}),
            ),
            "its metadata contradicts itself: it says `int32`, and parameters that make `int8`; "
            "remove it to read the field as `int32`",
        ),
        (
            pa.field("c", pa.int32(), metadata={LABEL: b"int"}),
            "its metadata `nanotyped` is no label: JSON is malformed: invalid character (byte 0); "
            "remove it to read the field as `int32`",
        ),
        (
            pa.field("c", pa.int32(), metadata=label(type="int")),
            "its metadata `nanotyped` is no label: Object missing required field `system`; "
            "remove it to read the field as `int32`",
        ),
        (
            pa.field(
                "c", pa.int32(), metadata={LABEL: b'{"system":"json","type":"x","parameters":' + b'{"means":' * 9999}
            ),
            "its metadata `nanotyped` is no label: maximum recursion depth exceeded while deserializing an object; "
            "remove it to read the field as `int32`",
        ),
    ],
)
def test_a_field_that_cannot_be_read_is_refused_by_name(field: Any, message: str) -> None:
    """A type that nothing holds, and metadata that contradicts the field or itself, name the column and a remedy."""
    with pytest.raises(ExceptionGroup) as caught:
        ArrowDecoder(pa.schema([pa.field("b", pa.bool_()), field]))
    assert caught.value.message == "the Arrow schema has columns that cannot be read"
    assert list(map(str, caught.value.exceptions)) == [f"column `c`: {message}"]


def test_a_label_of_an_unknown_system_says_which_are_known() -> None:
    """The types of a system are found once its module has been imported."""
    with pytest.raises(ExceptionGroup) as caught:
        ArrowDecoder(pa.schema([pa.field("c", pa.int32(), metadata=label(system="oracle", type="NUMBER"))]))
    [error] = caught.value.exceptions
    assert str(error).startswith(
        "column `c`: its metadata names the type system `oracle`, which is not known (known are arrow, intermediate, "
    )
    assert str(error).endswith("; import the module that has it; remove it to read the field as `int32`")


def test_a_column_that_stands_twice_is_refused() -> None:
    """Arrow lets two fields bear one name; rows do not."""
    with pytest.raises(ExceptionGroup) as caught:
        ArrowDecoder(pa.schema([pa.field("c", pa.int8()), pa.field("c", pa.int8())]))
    [error] = caught.value.exceptions
    assert str(error) == "column `c`: it stands 2 times in the Arrow schema, not once"


# -- rows ------------------------------------------------------------------------


def test_rows_come_back_as_they_were() -> None:
    """A batch of rows, of none too, gives equal rows of the very schema."""
    encoder = ArrowEncoder(Order.schema)
    decoder = ArrowDecoder(encoder.arrow_schema)
    for rows in (ORDERS, ORDERS[:1], []):
        batch = encoder.batch(rows)
        batch.validate(full=True)
        assert batch.schema.equals(encoder.arrow_schema, check_metadata=True)
        found = decoder.rows(batch)
        assert [row.to_python() for row in found] == [row.to_python() for row in rows]
        assert [row.schema for row in found] == [Order.schema] * len(rows)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_rows_of_any_columns_come_back(data: st.DataObject) -> None:
    """Whatever the types of the columns: equal rows, with nulls where there were nulls."""
    unbounded = {it.INTEGER, it.INTEGER.of(unsigned=True), it.TIME_INTERVAL}
    kinds = data.draw(
        st.lists(any_.columns().filter(lambda kind: held(kind) and kind not in unbounded), min_size=1, max_size=3)
    )
    schema = Schema(Column(f"c{index}", kind, nullable=True) for index, kind in enumerate(kinds))
    make: Any = schema.row_class()
    rows = [make(*(data.draw(st.none() | any_.values(kind)) for kind in kinds)) for _ in range(2)]
    encoder = ArrowEncoder(schema)
    assert ArrowDecoder(encoder.arrow_schema).rows(encoder.batch(rows)) == rows


EXTREMES: dict[str, list[Any]] = {
    "bigint unsigned": [0, 2**64 - 1],
    "bigint": [-(2**63), 2**63 - 1],
    "decimal(65,30)": [Decimal("9" * 35 + "." + "9" * 30), Decimal("-" + "9" * 35 + "." + "9" * 30)],
    "float": [0.10000000149011612, -3.4028234663852886e38],
    "double": [5e-324, -1.7976931348623157e308],
    "bit(64)": [0, 2**64 - 1],
    "varchar(9)": ["", "𐍈😀漢é"],
    "binary(3)": [b"\0\0\0", b"\xff\0 "],
    "blob": [b"", bytes(range(256))],
    "date": [date(1, 1, 1), date(9999, 12, 31)],
    "datetime(6)": [datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999)],
    "timestamp(6)": [
        datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC),
        datetime(2106, 2, 7, 6, 28, 15, 999999, tzinfo=UTC),
    ],
    "time(6)": [-it.MAX_TIME, it.MAX_TIME],
    "year": [0, 2155],
    "enum('','it''s','😀')": ["", "😀"],
    "set('b','a','')": [frozenset(), frozenset({"b", "", "a"})],
    "json": [it.JSON_NULL, {"a": [None, Decimal("1.10"), 2**70], "": ""}],
    "inet6": [it.INET("::").value, it.INET("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff").value],
    "vector(2)": [(-0.5,), (3.4028234663852886e38, 0.0)],
}


def test_the_ends_of_every_range_survive_parquet(tmp_path: Path) -> None:
    """Extremes, nulls and JSON's null come back out of a Parquet file, and so does the contract."""
    texts = dict.fromkeys((*EXTREMES, *MAPPED_TYPES))
    schema = Schema(
        Column(text, mysql_type(text), nullable=bool(index % 3), key=index == 0) for index, text in enumerate(texts)
    )
    make: Any = schema.row_class()
    examples = {text: [example_of(mysql_type(text))] * 2 for text in texts} | EXTREMES
    rows = [make(*(examples[text][end] for text in texts)) for end in (0, 1)]
    rows.append(make(*(None if schema[text].nullable else examples[text][0] for text in texts)))
    table = pa.Table.from_batches([ArrowEncoder(schema).batch(rows)])
    pq.write_table(table, tmp_path / "rows.parquet", row_group_size=2)
    found = pq.read_table(tmp_path / "rows.parquet")
    decoder = ArrowDecoder(found.schema)
    assert decoder.schema == schema
    assert list(decoder.read(found)) == rows
    [sql_null] = [row["json"] for row in rows if row["json"].value is None]
    assert (rows[0]["json"].value is it.JSON_NULL, sql_null.value) == (True, None)


def test_tables_batches_and_readers_are_read_alike() -> None:
    """Chunks of a table follow each other, each with a dictionary of its own; a reader is read as it goes."""
    encoder = ArrowEncoder(Order.schema)
    batches = [encoder.batch(ORDERS), encoder.batch(ORDERS[:1])]
    decoder = ArrowDecoder(encoder.arrow_schema)
    wanted = [row.to_python() for row in [*ORDERS, ORDERS[0]]]
    table = pa.Table.from_batches(batches)
    for data in (table, pa.RecordBatchReader.from_batches(encoder.arrow_schema, batches), table.combine_chunks()):
        assert [row.to_python() for row in decoder.read(data)] == wanted
    assert [row.to_python() for row in decoder.read(batches[0])] == wanted[:2]


def test_batches_of_any_members_go_into_one_file(tmp_path: Path) -> None:
    """Arrow's own file format has one dictionary a column; labels of extension types survive it too."""
    schema = parse_schema({"state": "enum('new','paid')", "doc": "json null", "id": "uuid"})
    make: Any = schema.row_class()
    rows = [make("paid", it.JSON_NULL, it.UUID.python_type(int=1)), make("new", None, it.UUID.python_type(int=2))]
    encoder = ArrowEncoder(schema)
    with pa.OSFile(str(tmp_path / "rows.arrow"), "wb") as file, pa.ipc.new_file(file, encoder.arrow_schema) as writer:
        for row in rows:
            writer.write_batch(encoder.batch([row]))
    with pa.OSFile(str(tmp_path / "rows.arrow"), "rb") as file:
        table = pa.ipc.open_file(file).read_all()
    decoder = ArrowDecoder(table.schema)
    assert decoder.schema == schema
    assert list(decoder.read(table)) == rows


def test_rows_of_a_large_batch_are_made_in_parts() -> None:
    """However large the batches of the data are, rows are numbered through."""
    numbers: Any = pa.array([*range(70_000), None], pa.int32())
    batch = pa.RecordBatch.from_arrays([numbers], schema=pa.schema([pa.field("n", pa.int32(), nullable=False)]))
    decoder = ArrowDecoder(batch.schema)
    rows = decoder.read(pa.RecordBatchReader.from_batches(batch.schema, [batch]))
    assert sum(1 for _ in zip(range(65_536), rows, strict=False)) == 65_536
    with pytest.raises(RowValidationError) as caught:
        next(rows)
    assert str(caught.value) == "row 70001, column `n`: expected `int32`, got None (it may not be null)"


def test_every_broken_cell_is_told() -> None:
    """What cannot be read and what breaks its contract are told together, by row and then by column."""
    schema = parse_schema({"at": "datetime(3)", "n": "tinyint", "doc": "json null", "tags": "set('a','b') null"})
    arrow_schema = ArrowEncoder(schema).arrow_schema.set(
        1, pa.field("n", pa.int8(), metadata=label(system="mysql", type="tinyint"))
    )
    columns: list[Any] = [
        pa.array([0, 1, 2**60], pa.timestamp("us")),
        pa.array([None, 1, 2], pa.int8()),
        pa.ExtensionArray.from_storage(pa.json_(), pa.array(["{", "null", None])),
        pa.array([["a", "a"], ["b", "a"], ["c"]], pa.list_(pa.string())),
    ]
    decoder = ArrowDecoder(arrow_schema, schema)
    with pytest.raises(RowValidationError) as caught:
        decoder.rows(pa.RecordBatch.from_arrays(columns, schema=arrow_schema), first=5)
    assert list(map(str, caught.value.problems)) == [
        "row 5, column `n`: expected `tinyint`, got None (it may not be null)",
        "row 5, column `doc`: expected `json null`, got '{' (no JSON)",
        "row 5, column `tags`: expected `set('a','b') null`, got ['a', 'a'] (a member stands twice in it)",
        "row 6, column `at`: expected `datetime(3)`, got datetime.datetime(1970, 1, 1, 0, 0, 0, 1) "
        "(more than 3 digits of a second's fraction)",
        "row 7, column `at`: expected `datetime(3)`, got 1152921504606846976 (not from the year 1 to 9999)",
        "row 7, column `tags`: expected `set('a','b') null`, got ['c'] ('c' is not one of the members)",
    ]


def test_rows_that_break_their_contract_make_no_batch() -> None:
    """Rows are checked before pyarrow sees them: it would cut off what does not fit."""
    naive: Any = datetime(2021, 5, 6, 7, 8, 9)
    schema = parse_schema({"day": "date", "at": "timestamp"})
    make: Any = schema.row_class()
    rows = [make(naive, naive), make(date(2021, 5, 6), naive.replace(tzinfo=UTC))]
    with pytest.raises(RowValidationError) as caught:
        ArrowEncoder(schema).batch(rows, first=3)
    assert str(caught.value) == (
        "row 3, column `day`: expected `date`, got datetime.datetime(2021, 5, 6, 7, 8, 9) "
        "(it has a time of day); "
        "row 3, column `at`: expected `timestamp`, got datetime.datetime(2021, 5, 6, 7, 8, 9) "
        "(it has no zone; a timestamp needs one)"
    )


def test_rows_of_other_columns_make_no_batch() -> None:
    """Columns go by their place, so rows that have them in another order are refused."""
    make: Any = parse_schema({"b": "int", "a": "int"}).row_class()
    with pytest.raises(RowError) as caught:
        ArrowEncoder(parse_schema({"a": "int", "b": "int"})).batch([make(1, 2)])
    assert str(caught.value) == "the rows have the columns `b`, `a`, not `a`, `b`"


def test_values_beyond_what_arrow_holds_are_all_told() -> None:
    """A bare integer has no bound, and Arrow's have 64 bits; each value beyond them is an error, not a wrong number."""
    schema = Schema([Column("n", it.INTEGER), Column("t", it.TIME_INTERVAL)])
    make: Any = schema.row_class()
    with pytest.raises(RowValidationError) as caught:
        ArrowEncoder(schema).batch([make(2**63, timedelta.max), make(1, timedelta(1)), make(-(2**70), timedelta(1))])
    assert [(problem.row, problem.column, problem.actual) for problem in caught.value.problems] == [
        (1, "n", "9223372036854775808"),
        (1, "t", "datetime.timedelta(days=999999999, seconds=86399, microseconds=999999)"),
        (3, "n", "-1180591620717411303424"),
    ]


def test_a_contract_of_ones_own_reads_a_table_from_elsewhere() -> None:
    """Columns are looked for by name, held to the contract, and others are left out."""
    table = pa.table({"note": ["x", None], "more": [1.5, 2.5], "id": pa.array([1, 2], pa.uint16())})
    schema = Order.schema.select(["id", "note"])
    rows = ArrowDecoder(table.schema, schema).read(table)
    assert [row.to_python() for row in rows] == [{"id": 1, "note": "x"}, {"id": 2, "note": None}]
    with pytest.raises(ExceptionGroup) as caught:
        ArrowDecoder(table.schema, parse_schema({"id": "tinyint", "total": "double", "more": "decimal(5,2)"}))
    assert list(map(str, caught.value.exceptions)) == [
        "column `id`: `tinyint` is needed, which is `int8` in Arrow, but the field is `uint16`; cast it to `int8`",
        "column `total`: it stands 0 times in the Arrow schema, not once",
        "column `more`: `decimal(5,2)` is needed, which is `decimal128(5, 2)` in Arrow, but the field is `double`; "
        "cast it to `decimal128(5, 2)`",
    ]


def test_other_layouts_of_the_same_values_keep_their_label() -> None:
    """What tools make of a column on the way (large or plain text for a category) is read as the type that it was."""
    made = ArrowEncoder(Order.schema).batch(ORDERS)
    for target in (pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())):
        field = made.schema.field("state").with_type(target)
        changed: Any = made.column("state").cast(pa.string()).cast(target)
        batch = made.set_column(2, field, changed)
        decoder = ArrowDecoder(batch.schema)
        assert decoder.schema == Order.schema
        assert [row.to_python() for row in decoder.rows(batch)] == [row.to_python() for row in ORDERS]


def test_a_batch_of_another_schema_is_refused() -> None:
    """A decoder was made for one schema; a batch of another one is not guessed at."""
    decoder = ArrowDecoder(pa.schema([pa.field("n", pa.int8(), nullable=False)]))
    with pytest.raises(IncompatibleTypesException) as caught:
        decoder.rows(pa.record_batch({"n": pa.array([1], pa.int16())}))
    assert str(caught.value) == "the batch has the columns `n` int16, not `n` int8 not null"


def test_a_column_of_nothing_but_nulls_is_read_as_what_it_stands_for() -> None:
    """Tools make Arrow's null type of a column without values; its label still says what it was."""
    field = pa.field("note", pa.null(), metadata=label(system="mysql", type="varchar(9)"))
    batch = pa.RecordBatch.from_arrays([pa.nulls(2)], schema=pa.schema([field]))
    decoder = ArrowDecoder(batch.schema)
    assert decoder.schema == parse_schema({"note": "varchar(9) null"})
    assert [row.to_python() for row in decoder.rows(batch)] == [{"note": None}] * 2
