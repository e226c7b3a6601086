"""Arrow's types as pyarrow spells them, and its arrays."""

import pickle
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanotyped.errors import IncompatibleTypesException, MissingExtraError, TypeCastError, TypeSyntaxError
from nanotyped.types import (
    ARROW_DECIMAL,
    ARROW_INT,
    ARROW_LIST,
    ARROW_TIMESTAMP,
    ArrowTypeSystem,
    MySQLTypeSystem,
    check_assignable,
    convert_to_type_system,
    mysql_type,
)
from nanotyped.types import intermediate as it
from nanotyped.types.arrow import Broken, arrow_type_of, make_array, read_array
from tests.unit.types import strategies as any_

spelled = ArrowTypeSystem.type_mapping

READ: list[tuple[Any, any_.Type]] = [
    (pa.null(), it.NULL),
    (pa.bool_(), it.BOOL),
    (pa.int8(), it.INTEGER.of(bits=8)),
    (pa.int16(), it.INTEGER.of(bits=16)),
    (pa.int32(), it.INTEGER.of(bits=32)),
    (pa.int64(), it.INTEGER.of(bits=64)),
    (pa.uint8(), it.INTEGER.of(bits=8, unsigned=True)),
    (pa.uint16(), it.INTEGER.of(bits=16, unsigned=True)),
    (pa.uint32(), it.INTEGER.of(bits=32, unsigned=True)),
    (pa.uint64(), it.INTEGER.of(bits=64, unsigned=True)),
    (pa.float16(), it.FLOAT.of(bits=32)),
    (pa.float32(), it.FLOAT.of(bits=32)),
    (pa.float64(), it.FLOAT.of(bits=64)),
    (pa.decimal32(5, 2), it.DECIMAL.of(precision=5, scale=2)),
    (pa.decimal64(18, 0), it.DECIMAL.of(precision=18, scale=0)),
    (pa.decimal128(12, 2), it.DECIMAL.of(precision=12, scale=2)),
    (pa.decimal256(65, 30), it.DECIMAL.of(precision=65, scale=30)),
    (pa.decimal128(3, -2), it.DECIMAL.of(precision=5, scale=0)),
    (pa.string(), it.STRING),
    (pa.large_string(), it.STRING),
    (pa.string_view(), it.STRING),
    (pa.binary(), it.BYTES),
    (pa.large_binary(), it.BYTES),
    (pa.binary_view(), it.BYTES),
    (pa.binary(4), it.BYTES.of(max_bytes=4, padded=True)),
    (pa.binary(0), it.BYTES.of(max_bytes=0, padded=True)),
    (pa.date32(), it.DATE),
    (pa.date64(), it.DATE),
    (pa.timestamp("s"), it.DATETIME.of(fsp=0)),
    (pa.timestamp("ms"), it.DATETIME.of(fsp=3)),
    (pa.timestamp("us"), it.DATETIME.of(fsp=6)),
    (pa.timestamp("us", "UTC"), it.TIMESTAMP.of(fsp=6)),
    (pa.timestamp("ms", "+00:00"), it.TIMESTAMP.of(fsp=3)),
    (pa.duration("s"), it.TIME_INTERVAL),
    (pa.duration("ms"), it.TIME_INTERVAL),
    (pa.duration("us"), it.TIME_INTERVAL),
    (pa.list_(pa.string()), it.SET),
    (pa.large_list(pa.large_string()), it.SET),
    (pa.list_(pa.dictionary(pa.int32(), pa.string())), it.SET),
    (pa.list_(pa.field("element", pa.float32(), nullable=False)), it.VECTOR),
    (pa.list_view(pa.float32()), it.VECTOR),
    (pa.large_list_view(pa.float32()), it.VECTOR),
    (pa.list_(pa.float32(), 3), it.VECTOR.of(dimensions=3)),
    (pa.struct([("srid", pa.uint32()), ("wkb", pa.binary())]), it.GEOMETRY),
    (pa.struct([("srid", pa.uint32()), ("wkb", pa.large_binary())]), it.GEOMETRY),
    (pa.dictionary(pa.int32(), pa.string()), it.STRING),
    (pa.dictionary(pa.int8(), pa.large_string(), ordered=True), it.STRING),
    (pa.dictionary(pa.uint16(), pa.timestamp("ms")), it.DATETIME.of(fsp=3)),
    (pa.run_end_encoded(pa.int32(), pa.string()), it.STRING),
    (pa.run_end_encoded(pa.int64(), pa.duration("s")), it.TIME_INTERVAL),
    (pa.uuid(), it.UUID),
    (pa.json_(), it.JSON),
]


@pytest.mark.parametrize(("arrow_type", "meaning"), READ, ids=[str(arrow_type) for arrow_type, _ in READ])
def test_what_pyarrow_spells_is_read_and_made_again(arrow_type: Any, meaning: any_.Type) -> None:
    """Each type means what its values are, is one class however often it is read, and gives pyarrow's type back."""
    kind = spelled(str(arrow_type))
    assert kind.intermediate_type is meaning
    assert kind.python_type is meaning.python_type
    assert kind.spelling() == str(arrow_type)
    assert kind.arrow_type() == arrow_type
    assert spelled(str(arrow_type)) is kind
    assert pickle.loads(pickle.dumps(kind)) is kind


@pytest.mark.parametrize(("arrow_type", "meaning"), READ, ids=[str(arrow_type) for arrow_type, _ in READ])
def test_every_arrow_type_stores_and_gives_back_its_values(arrow_type: Any, meaning: any_.Type) -> None:
    """An array is of the very type, and has the values and the nulls that went in, also where it is cut."""
    kind = spelled(str(arrow_type))
    values: list[Any] = [None, *SAMPLES.get(str(arrow_type), SAMPLES.get(meaning.family.__name__, [])), None]
    made = make_array(kind, values)
    made.validate(full=True)
    assert made.type == arrow_type
    assert read_array(kind, kind, made) == values
    assert read_array(kind, kind, made.slice(1, len(values) - 1)) == values[1:]
    assert read_array(kind, kind, make_array(kind, [])) == []


SAMPLES: dict[str, list[Any]] = {
    "BOOL": [True, False],
    "INTEGER": [0, 127],
    "FLOAT": [0.5, -2.0],
    "DECIMAL": [Decimal(0), Decimal(5)],
    "decimal128(12, 2)": [Decimal("-9999999999.99"), Decimal("0.01")],
    "decimal256(65, 30)": [Decimal("9" * 35 + "." + "9" * 30), Decimal("-" + "9" * 35 + "." + "9" * 30)],
    "decimal128(3, -2)": [Decimal(99900), Decimal(-100)],
    "STRING": ["", "a", "emoji 😀"],
    "BYTES": [b"", bytes(range(256))],
    "fixed_size_binary[4]": [b"\0\0\0\0", b"\xff\0\xff\0"],
    "fixed_size_binary[0]": [b""],
    "DATE": [date(1, 1, 1), date(9999, 12, 31)],
    "DATETIME": [datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59)],
    "timestamp[us]": [datetime(1, 1, 1, 0, 0, 0, 1), datetime(9999, 12, 31, 23, 59, 59, 999999)],
    "TIMESTAMP": [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)],
    "TIME_INTERVAL": [timedelta(seconds=-1), timedelta(hours=900)],
    "duration[us]": [-it.MAX_TIME, timedelta(microseconds=-1)],
    "SET": [frozenset(), frozenset({"a", "b"})],
    "VECTOR": [(0.5, -1.0, 2.0)],
    "GEOMETRY": [it.Geometry(4326, b"\1\1\0\0\0" + bytes(16))],
    "UUID": [it.UUID.python_type(int=2**128 - 1)],
    "JSON": [it.JSON_NULL, {"a": [1, None, Decimal("0.10")]}, "null"],
}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no type at position 0 of ``"),
        ("strin", "unknown type `strin` (did you mean `string`?) at position 0 of `strin`"),
        ("int8 ", "unexpected ` ` at position 4 of `int8 `"),
        ("Int8", "expected a type at position 0 of `Int8`"),
        ("decimal128(12,2)", "expected `, ` at position 13 of `decimal128(12,2)`"),
        ("decimal128(39, 2)", "decimal128 has from 1 to 38 digits, not 39 at position 0 of `decimal128(39, 2)`"),
        (
            "decimal256(76, 2)",
            "no type holds more than 65 digits, 38 of them behind the point; cast it to a narrower decimal, or to "
            "string at position 0 of `decimal256(76, 2)`",
        ),
        (
            "decimal128(2, 5)",
            "more digits behind the point than in all; cast it to decimal128(5, 5) at position 0 of `decimal128(2, 5)`",
        ),
        (
            "timestamp[ns]",
            "nanoseconds are finer than any type; cast it to timestamp[us] at position 0 of `timestamp[ns]`",
        ),
        (
            "timestamp[us, tz=Europe/Berlin]",
            "its zone, Europe/Berlin, would be lost; cast it to timestamp[us, tz=UTC] "
            "at position 0 of `timestamp[us, tz=Europe/Berlin]`",
        ),
        (
            "duration[ns]",
            "nanoseconds are finer than any type; cast it to duration[us] at position 0 of `duration[ns]`",
        ),
        (
            "time64[us]",
            "`time64` is refused: a time of day is no span of time; give the time since midnight, as duration[us] "
            "at position 0 of `time64[us]`",
        ),
        (
            "month_day_nano_interval",
            "`month_day_nano_interval` is refused: months and days have no fixed length; give a span, as duration[us] "
            "at position 0 of `month_day_nano_interval`",
        ),
        (
            "map<string, int64>",
            "`map` is refused: no column type holds it exactly; give JSON text, as extension<arrow.json> "
            "at position 0 of `map<string, int64>`",
        ),
        (
            "struct<a: int8>",
            "`struct` is refused, but for a geometry, struct<srid: uint32, wkb: binary>: no column type holds it "
            "exactly; give JSON text, as extension<arrow.json> at position 0 of `struct<a: int8>`",
        ),
        (
            "struct<srid: uint32, wkb: string>",
            "the wkb of a geometry is bytes of any length at position 0 of `struct<srid: uint32, wkb: string>`",
        ),
        (
            "list<item: int8>",
            "only a list of string (a set) or of float (a vector) has a type; give JSON text, as "
            "extension<arrow.json> at position 0 of `list<item: int8>`",
        ),
        (
            "dictionary<values=list<item: string>, indices=int32, ordered=0>",
            "its values are of `list<item: string>`; decode it first at position 0 of "
            "`dictionary<values=list<item: string>, indices=int32, ordered=0>`",
        ),
        (
            "extension<arrow.bool8>",
            "this extension type is not known; cast it to its storage type at position 0 of `extension<arrow.bool8>`",
        ),
        (
            f"{'list<a: ' * 9}int8{'>' * 9}",
            f"more than 6 types in one at position 48 of `{'list<a: ' * 9}int8{'>' * 9}`",
        ),
    ],
)
def test_what_no_type_holds_exactly_is_refused_with_a_remedy(text: str, message: str) -> None:
    """A type is never read as one that would lose something: the text, the place and what to do are in the error."""
    with pytest.raises(TypeSyntaxError) as caught:
        spelled(text)
    assert str(caught.value) == message


def test_a_type_is_spelled_in_text() -> None:
    """An object of pyarrow is no spelling; its `str` is one."""
    with pytest.raises(TypeError, match=r"^an Arrow type is spelled in a str, not in DataType$"):
        spelled(pa.int8())  # type: ignore[arg-type]  # what is tested


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (it.INTEGER.of(bits=24), "int32"),
        (it.INTEGER, "int64"),
        (it.INTEGER.of(unsigned=True), "uint64"),
        (it.FLOAT, "double"),
        (it.DECIMAL.of(precision=38, scale=2), "decimal128(38, 2)"),
        (it.DECIMAL.of(precision=39, scale=2), "decimal256(39, 2)"),
        (it.STRING, "string"),
        (mysql_type("mediumtext"), "string"),
        (mysql_type("longtext"), "large_string"),
        (mysql_type("longblob"), "large_binary"),
        (it.STRING.of(max_bytes=2**30, charset="latin1"), "large_string"),
        (it.ENUM, "string"),
        (it.BITS.of(bits=9), "uint16"),
        (it.BITS, "uint64"),
        (it.YEAR, "uint16"),
        (it.DATETIME.of(fsp=0), "timestamp[us]"),
        (it.TIMESTAMP, "timestamp[us, tz=UTC]"),
        (it.TIME_INTERVAL.of(fsp=3), "duration[us]"),
        (it.INET.of(version=4), "string"),
        (it.VECTOR.of(dimensions=3), "list<item: float>"),
        (it.NULL, "null"),
    ],
)
def test_a_column_type_has_one_arrow_type(kind: any_.Type, expected: str) -> None:
    """The narrowest type that holds every value, and what tools on Arrow expect."""
    assert arrow_type_of(kind).spelling() == expected


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (it.DECIMAL, "no Arrow type holds `decimal`: it has no digits; declare them, as in decimal(12,2)"),
        (
            it.DATETIME,
            "no Arrow type holds `datetime`: it may have a zone or none; "
            "declare a timestamp or a datetime with its digits",
        ),
        (it.OBJECT, "no Arrow type holds `object`: it may be anything; declare what it is"),
    ],
)
def test_a_type_that_arrow_cannot_hold_says_why(kind: any_.Type, message: str) -> None:
    """What has no bound that Arrow needs is refused, with what to declare instead."""
    with pytest.raises(IncompatibleTypesException) as caught:
        arrow_type_of(kind)
    assert str(caught.value) == message


def test_bare_values_go_where_they_fit() -> None:
    """A value of a bare family is looked at: its zone and its width decide, and what fits nowhere is refused."""
    naive, aware = datetime(2021, 5, 6), datetime(2021, 5, 6, tzinfo=UTC)
    assert type(ArrowTypeSystem.convert(it.DATETIME(naive))) is ARROW_TIMESTAMP
    assert type(ArrowTypeSystem.convert(it.DATETIME(aware))) is ARROW_TIMESTAMP.of(tz="UTC")
    assert type(ArrowTypeSystem.convert(it.INTEGER(2**64 - 1))) is ARROW_INT.of(unsigned=True)
    with pytest.raises(
        IncompatibleTypesException,
        match=r"^no Arrow type holds `integer`: it has more than 64 bits; declare a decimal$",
    ):
        ArrowTypeSystem.convert(it.INTEGER(2**64))


@given(any_.columns())
def test_an_arrow_type_takes_every_value_of_what_it_is_for(kind: any_.Type) -> None:
    """The Arrow type of a type fits it by the rules of all types; so does Arrow's own type of that one."""
    try:
        place = arrow_type_of(kind)
    except IncompatibleTypesException:
        assert kind in (it.DECIMAL, it.DECIMAL.of(unsigned=True), it.DATETIME) or kind.family is it.LENIENT_MOMENT
        return
    unbounded = kind.family in (it.INTEGER, it.TIME_INTERVAL) and getattr(kind, "bits", None) is None
    if not unbounded:
        assert check_assignable(kind, place) == []
    assert spelled(place.spelling()) is place
    assert check_assignable(place, arrow_type_of(place.intermediate_type)) == []


@given(st.sampled_from(READ), any_.columns(), any_.columns())
def test_fitting_is_transitive_through_arrow(read: tuple[Any, any_.Type], given_: any_.Type, needed: any_.Type) -> None:
    """What fits an Arrow type fits whatever that type fits."""
    place = spelled(str(read[0]))
    assert check_assignable(place, place) == []
    if not check_assignable(given_, place) and not check_assignable(place, needed):
        assert check_assignable(given_, needed) == []


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_every_value_survives_arrow(data: st.DataObject) -> None:
    """What becomes an array and is read again is the value it was, beside nulls."""
    kind: Any = data.draw(any_.columns())
    if kind.family is it.LENIENT_MOMENT:
        kind = kind.moment
    if kind in (it.DATETIME, it.TIME_INTERVAL):  # a bare span may have more microseconds than 64 bits count
        kind = kind.of(fsp=6)
    if kind.family is it.DECIMAL and kind.is_bare():
        kind = it.DECIMAL.of(precision=65, scale=38)
    if kind is it.DECIMAL.of(unsigned=True):
        kind = it.DECIMAL.of(precision=65, scale=38, unsigned=True)
    if kind.family is it.INTEGER and kind.bits is None:
        kind = it.INTEGER.of(bits=64, unsigned=kind.unsigned)
    values = data.draw(st.lists(st.none() | any_.values(kind), max_size=4))
    place = arrow_type_of(kind)
    made = make_array(kind, values)
    made.validate(full=True)
    assert made.type == place.arrow_type()
    found = read_array(kind, place, made)
    assert found == values
    for value, before in zip(found, values, strict=True):
        assert type(value) is type(before) or kind is it.JSON  # as in test_json


@given(any_.typed_values())
def test_values_convert_to_arrow_and_back_into_their_own_system(typed: tuple[any_.Type, Any]) -> None:
    """A value of MySQL that went by way of Arrow is of the very class that it had."""
    try:
        kind = MySQLTypeSystem.from_intermediate(*typed)
        before = kind(typed[1], name="n")
        in_arrow = ArrowTypeSystem.convert(before)
    except (IncompatibleTypesException, TypeCastError):
        return
    assert in_arrow.name == "n"
    back = convert_to_type_system(in_arrow, MySQLTypeSystem)
    assert (type(back), back.name, back) == (kind, "n", before)


@pytest.mark.parametrize(
    ("text", "value", "message"),
    [
        ("int8", 128, "128 is no `int8`: above 127"),
        ("halffloat", 0.1, "0.1 is no `halffloat`: more digits than 32 bits hold"),
        ("halffloat", 2.0**-30, "9.313225746154785e-10 is no `halffloat`: more digits than 16 bits hold"),
        ("halffloat", 65536.0, "65536.0 is no `halffloat`: more digits than 16 bits hold"),
        (
            "duration[ms]",
            timedelta(microseconds=1),
            "datetime.timedelta(microseconds=1) is no `duration[ms]`: more than 3 digits of a second's fraction",
        ),
        ("string", b"x", "b'x' is no `string`: not text"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(text: str, value: object, message: str) -> None:
    """Arrow types cast as all types do: exactly or not at all. Nor does an array take what pyarrow would cut."""
    with pytest.raises(TypeCastError) as caught:
        spelled(text)(value)
    assert str(caught.value) == message


@pytest.mark.parametrize("text", ["halffloat", "duration[s]", "decimal128(3, -2)", "fixed_size_list<item: float>[3]"])
def test_no_array_is_made_of_what_would_be_cut(text: str) -> None:
    """A value that is of the meaning of a type, but none that Arrow's type holds, makes no array."""
    values: dict[str, Any] = {
        "halffloat": 2.0**-30,
        "duration[s]": timedelta(milliseconds=1),
        "decimal128(3, -2)": Decimal(99950),
        "fixed_size_list<item: float>[3]": (0.5,),
    }
    with pytest.raises(ValueError):  # noqa: PT011 - pyarrow's own words
        make_array(spelled(text), [values[text]])


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (pa.array([0, 2**62], pa.timestamp("us")), Broken("4611686018427387904", "not from the year 1 to 9999")),
        (pa.array([0, -(2**62)], pa.timestamp("s")), Broken("-4611686018427387904", "not from the year 1 to 9999")),
        (
            pa.array([0, 253402300800000000], pa.timestamp("us", "UTC")),
            Broken("253402300800000000", "not from the year 1 to 9999"),
        ),
        (pa.array([0, 2**31 - 1], pa.date32()), Broken("2147483647", "no whole day from the year 1 to 9999")),
        (pa.array([0, -719163], pa.date32()), Broken("-719163", "no whole day from the year 1 to 9999")),
        (
            pa.array([0, 1], pa.int64()).view(pa.date64()),
            Broken("datetime.date(1970, 1, 1)", "no whole day from the year 1 to 9999"),
        ),
        (pa.array([0, 2**62], pa.duration("s")), Broken("4611686018427387904", "beyond a billion days")),
        (
            pa.array([[], ["b", "a"]], pa.list_(pa.string())),
            Broken("['b', 'a']", "a set has no order; sort its members"),
        ),
        (pa.array([[], ["a", "a"]], pa.list_(pa.string())), Broken("['a', 'a']", "a member stands twice in it")),
        (pa.array([[], [None]], pa.list_(pa.string())), Broken("[None]", "a member is not text")),
        (pa.array([[1.0], [None]], pa.list_(pa.float32())), Broken("[None]", "not a list of numbers")),
        (
            pa.array([None, {"srid": None, "wkb": b""}], pa.struct([("srid", pa.uint32()), ("wkb", pa.binary())])),
            Broken("{'srid': None, 'wkb': b''}", "not a pair of an SRID and well-known binary"),
        ),
        (pa.ExtensionArray.from_storage(pa.json_(), pa.array(["1", "{"])), Broken("'{'", "no JSON")),
    ],
)
def test_what_is_none_of_the_type_is_told_cell_by_cell(stored: Any, expected: Broken) -> None:
    """A cell that cannot be read spoils no other one, and says what stands there and why it is wrong."""
    kind = spelled(str(stored.type))
    first, second = read_array(kind, kind, stored)
    assert not isinstance(first, Broken)
    assert second == expected


def test_text_that_is_no_utf_8_is_told() -> None:
    """Bytes that another program wrote into a column of text are not read as text."""
    stored = pa.array([b"a", b"\xff"]).view(pa.string())
    reason = "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"
    assert read_array(it.STRING, spelled("string"), stored) == ["a", Broken("b'\\xff'", reason)]


def test_an_enum_lists_all_members_in_every_array() -> None:
    """Arrays of one column have one dictionary, whatever members they hold: so they go into one file."""
    kind = mysql_type("enum('b','a','c')")
    first, second = make_array(kind, ["a", None]), make_array(kind, [])
    assert isinstance(first, pa.DictionaryArray)
    assert isinstance(second, pa.DictionaryArray)
    assert first.dictionary.to_pylist() == second.dictionary.to_pylist() == ["b", "a", "c"]
    assert first.indices.to_pylist() == [1, None]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ARROW_INT.of(bits=24), "bits must be one of (8, 16, 32, 64), not 24"),
        (lambda: ARROW_DECIMAL.of(bits=16), "bits must be one of (32, 64, 128, 256), not 16"),
        (lambda: spelled("binary").of(layout="large", byte_width=2), "bytes of one width have no layout"),
        (
            lambda: ARROW_LIST.of(layout="large", length=3),
            "layout must be one of ('large', 'view', 'large_view'), for lists of any length",
        ),
        (lambda: spelled("timestamp[us]").of(unit="m"), "unit must be one of ('s', 'ms', 'us'), not 'm'"),
    ],
)
def test_parameters_that_do_not_go_together_are_refused(make: Any, message: str) -> None:
    """A family makes only types that Arrow has."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is asserted
        make()
    assert str(caught.value) == message


def test_a_parameter_at_its_default_makes_no_other_type() -> None:
    """A family without parameters is the type of its defaults, so that each type is one class."""
    assert ARROW_INT.of(bits=64) is ARROW_INT
    assert ARROW_INT.of(bits=8).of(bits=64) is ARROW_INT
    assert spelled("timestamp[us]") is ARROW_TIMESTAMP


def test_spelling_types_needs_no_pyarrow() -> None:
    """Without pyarrow all of this can be imported, types are read and mapped; making one says what to install."""
    code = """
import sys
sys.modules["pyarrow"] = None  # as Python has it where an import is to fail
from nanotyped.errors import MissingExtraError
from nanotyped.row import ArrowDecoder, ArrowEncoder, parse_schema
from nanotyped.types import ArrowTypeSystem
from scripts.types_page import PAGE, render_page
assert PAGE.read_text(encoding="utf-8") == render_page()
kind = ArrowTypeSystem.type_mapping("decimal128(12, 2)")
for make in (kind.arrow_type, lambda: ArrowEncoder(parse_schema({"n": "int"})), lambda: ArrowDecoder(None)):
    try:
        make()
    except MissingExtraError as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    wanted = "pyarrow is not installed; `pip install nanotyped[arrow]` brings it\n"
    assert (done.stdout, done.stderr) == (wanted * 3, "")


def test_the_error_of_a_missing_extra_is_an_import_error() -> None:
    """It keeps package and extra, also when it is pickled."""
    error = pickle.loads(pickle.dumps(MissingExtraError("pyarrow", "arrow")))
    assert (error.package, error.extra, isinstance(error, ImportError)) == ("pyarrow", "arrow", True)
