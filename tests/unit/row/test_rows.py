"""Rows: declared classes, bare rows, rows of mappings, and what all of them can do (BEHAVIOUR §9, DESIGN §5)."""

from __future__ import annotations

import copy
import gc
import pickle
import subprocess
import sys
import threading
import types
import weakref
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, ClassVar

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from nanotyped import (
    DECIMAL,
    INTEGER,
    STRING,
    IncompatibleTypesException,
    IntermediateTypeSystem,
    MySQLTypeSystem,
    NanoNode,
    PrimitiveTypeSystem,
    PythonTypeSystem,
    Row,
    RowValidationError,
    column,
    mysql_type,
)
from nanotyped.row import Column, Schema, row_class_of, rows
from nanotyped.row.rows import RowBase, row_info

INT8 = mysql_type("int(8)")
VARCHAR16 = mysql_type("varchar(16)")


class Customer(Row):
    id: Annotated[int, mysql_type("int unsigned")]
    email: Annotated[str, mysql_type("varchar(255)")]
    balance: Annotated[Decimal, DECIMAL.of(precision=12, scale=2)] = Decimal("0.00")
    created_at: datetime
    note: str | None = None

    limit: ClassVar[int] = 3

    @property
    def domain(self) -> str:
        """Part of the address behind the sign."""
        return self.email.partition("@")[2]


class Shopper(Customer):
    basket: int = column()
    order_id: int = column(name="order id", key=True)
    keys_: str = column(name="keys", default="none")

    def keys(self) -> tuple[str, ...]:
        """Return the names, by way of the parent."""
        assert __class__ is Shopper  # type: ignore[name-defined]  # a cell that the compiler makes for super()
        return super().keys()


def make_class(name: str, namespace: dict[str, Any]) -> Any:
    """Return what a class statement with this body gives."""
    return types.new_class(name, (Row,), {}, lambda body: body.update(namespace, __module__=__name__))


NOW = datetime(2024, 5, 6, 7, 8, 9)


def spread(**columns: Any) -> dict[str, Any]:
    """Return the keywords."""
    return columns


def customer() -> Customer:
    """Return a customer."""
    return Customer(id=1, email="a@b.c", created_at=NOW)


# -- declared rows ---------------------------------------------------------------------------------


def test_a_declared_row_is_its_columns() -> None:
    """Annotations are the columns, in order; keywords make a row; defaults fill; attributes read Python values."""
    row = customer()
    assert Customer.schema.spelling() == (
        "id int unsigned, email varchar(255), balance decimal(12,2), created_at datetime, note string null"
    )
    assert (row.id, row.email, row.balance, row.created_at, row.note) == (1, "a@b.c", Decimal("0.00"), NOW, None)
    assert (row.domain, row.limit, Customer.limit) == ("b.c", 3, 3)
    assert row["id"] == 1
    assert type(row["id"]) is mysql_type("int unsigned")
    assert row["id"].name == "id"


def test_a_child_adds_columns() -> None:
    """A child has the parent's columns first; ``column()`` may stand behind a default; super() works in methods."""
    row = Shopper(id=1, email="a@b.c", created_at=NOW, basket=2, order_id=3)
    assert Shopper.schema.names == ("id", "email", "balance", "created_at", "note", "basket", "order id", "keys")
    assert Shopper.schema.key == ("order id",)
    assert (row.basket, row.order_id, row.keys_) == (2, 3, "none")
    assert [row["order id"].value, row["keys"].value] == [3, "none"]
    assert row.keys() == Shopper.schema.names
    assert isinstance(row, Customer)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"email": "x", "created_at": NOW, "basket": 1, "order_id": 1}, "Missing required argument 'id'"),
        ({"id": 1, "email": "x", "basket": 1, "order_id": 1}, "Missing required argument 'created_at'"),
        ({"id": 1, "email": "x", "created_at": NOW, "order_id": 1}, "Missing required argument of a column()"),
        ({"id": 1, "email": "x", "created_at": NOW, "basket": 1}, "Missing required argument 'order id'"),
    ],
)
def test_a_column_without_default_is_required(given: dict[str, Any], message: str) -> None:
    """A column without default must be given, wherever it stands."""
    with pytest.raises(TypeError) as caught:
        Shopper(**given)
    assert str(caught.value) == message


def test_rows_are_not_keyword_only() -> None:
    """The kw_only of msgspec is refused, with the remedy, where the columns are first asked for."""

    class Late(Customer, kw_only=True):
        basket: int

    with pytest.raises(TypeError) as caught:
        len(Late.schema)
    assert str(caught.value) == (
        "Late: rows are made by position too, so kw_only=True is out; give columns `= column()`"
    )


def test_a_row_made_by_keywords_costs_no_call_in_python() -> None:
    """Declared classes, and their children, have msgspec's own metaclass: one of ours is slow on CPython 3.11."""
    assert {type(Customer), type(Shopper)} == {type(msgspec.Struct)}


def test_an_unknown_keyword_is_refused() -> None:
    """A row takes no keyword that is no column."""
    with pytest.raises(TypeError) as caught:
        Customer(id=1, email="x", created_at=NOW, nope=1)  # type: ignore[call-arg]  # what the test is about
    assert str(caught.value) == "Unexpected keyword argument 'nope'"


def test_a_child_may_declare_a_column_anew() -> None:
    """A column that a child declares anew has the child's type, and keeps the name that the parent gave it."""

    class Parent(Row):
        number: int = column(name="the number", key=True)

    class Child(Parent):
        number: Annotated[int, mysql_type("bigint")]

    assert Parent.schema.spelling() == "the number integer"
    assert Child.schema.spelling() == "the number bigint"
    assert Child.schema.key == ()


def test_rows_are_frozen() -> None:
    """Neither a column nor anything else can be set on a row or deleted from it."""
    row = customer()
    with pytest.raises(AttributeError):
        row.id = 2  # type: ignore[misc]  # what the test is about
    with pytest.raises(AttributeError):
        row.fresh = 2  # type: ignore[attr-defined]  # what the test is about
    with pytest.raises(AttributeError):
        del row.id
    with pytest.raises(TypeError):
        row["id"] = 2  # type: ignore[index]  # what the test is about
    assert row == customer()


RESERVED = ["keys", "to_python", "convert", "concat", "is_empty", "schema", "type_system", "from_dict", "extend"]


@pytest.mark.parametrize("name", RESERVED)
def test_names_of_methods_are_no_fields(name: str) -> None:
    """A field that bears the name of a method is refused, with the way to keep the column."""
    with pytest.raises(TypeError) as caught:
        make_class("Bad", {"__annotations__": {name: int}})
    assert str(caught.value) == (
        f"Bad: `{name}` is a method of every row; name the field otherwise and keep the column: "
        f'{name}_: ... = column(name="{name}")'
    )


def test_forward_references_are_read_when_first_needed() -> None:
    """An annotation may name what is defined later in its module; the class is read when it is first asked for."""
    namespace: dict[str, Any] = {"__name__": "later"}
    module = type(sys)("later")
    sys.modules["later"] = module
    try:
        exec(  # a module of its own, whose names come later
            "from nanotyped import Row\n"
            "class Early(Row):\n    n: 'Annotated[Late, INT]'\n"
            "from typing import Annotated\nfrom nanotyped import mysql_type\n"
            "Late = int\nINT = mysql_type('int')\n",
            module.__dict__,
        )
        assert module.Early.schema.spelling() == "n int"
    finally:
        del sys.modules["later"], namespace


def test_bad_annotations_are_reported_all_at_once() -> None:
    """Every column of no known type is named, in one error, when the class is first looked at."""

    class Bad(Row):
        a: complex
        b: int
        c: Annotated[str, mysql_type("int")]
        d: int | str

    with pytest.raises(TypeError) as caught:
        _ = Bad.schema
    assert str(caught.value) == (
        "Bad has columns of no known type: `a`: `complex` is no type of a column (did you mean two float columns?); "
        "`c`: `str` is not the Python type of `int`, which is `int`; "
        "`d`: `int | str` is no type of a column: a column has one type, and None beside it at most"
    )


def test_two_fields_cannot_be_one_column() -> None:
    """Two fields that are given one column name are refused."""

    class Twice(Row):
        a: int = column(name="x\n")
        b: int = column(name="x\n")

    with pytest.raises(TypeError) as caught:
        _ = Twice.schema
    assert str(caught.value) == "Twice has columns of no known type: `a` and `b` are both column `x\n`"


def test_methods_and_names_of_the_outside_are_no_columns() -> None:
    """A row has no attribute beyond its columns and methods: a typo is an AttributeError, in a child's methods too."""

    class Typo(Row):
        n: int

        def twice(self) -> int:
            """Return what is not there."""
            return 2 * self.nn  # type: ignore[attr-defined, no-any-return]  # what the test is about

    with pytest.raises(AttributeError, match="'Typo' object has no attribute 'nn'"):
        Typo(n=1).twice()


# -- a row is a mapping ----------------------------------------------------------------------------------


def test_a_row_is_a_mapping_of_typed_values() -> None:
    """dict(row), **row, len, in, iter and keys are those of a mapping of names to typed values."""
    row: Any = Row(VARCHAR16("rye", name="grain"), INT8("3", name="sacks"), type_system=MySQLTypeSystem)
    assert row.sacks == 3
    assert type(row.sacks) is int
    assert repr(row["sacks"]) == "MYSQL_INTEGER8(3)"
    assert dict(row) == {"grain": "rye", "sacks": 3}
    assert [type(value) for value in dict(row).values()] == [VARCHAR16, INT8]
    assert spread(**row) == {"grain": "rye", "sacks": 3}
    assert row.to_python() == {"grain": "rye", "sacks": 3}
    assert (len(row), list(row), row.keys()) == (2, ["grain", "sacks"], ("grain", "sacks"))
    assert "grain" in row
    assert "bread" not in row
    assert 3 not in row
    assert row.type_system is MySQLTypeSystem
    assert repr(row) == "Row(grain='rye', sacks=3)"
    assert repr(customer()) == (
        f"Customer(id=1, email='a@b.c', balance=Decimal('0.00'), created_at={NOW!r}, note=None)"
    )


@pytest.mark.parametrize("key", ["nope", "keys", "__class__", 0, None])
def test_what_is_not_there_is_a_key_error(key: Any) -> None:
    """A name that is no column is a KeyError of that name, be it a method's."""
    with pytest.raises(KeyError) as caught:
        customer()[key]
    assert caught.value.args == (key,)


def test_an_attribute_that_is_not_there() -> None:
    """A name that is no column is an AttributeError."""
    with pytest.raises(AttributeError):
        _ = Row.from_dict({"n": 1}).m  # type: ignore[attr-defined]  # what the test is about


def test_equality_and_hash() -> None:
    """Rows of one class are equal when their values are, and then their hashes are; they are always true."""
    assert customer() == customer()
    assert hash(customer()) == hash(customer())
    assert customer() != Customer(id=2, email="a@b.c", created_at=NOW)
    assert Row.from_dict({"n": 1}) == Row.from_dict({"n": 1})
    assert Row.from_dict({"n": 1}) != Row.from_dict({"m": 1})
    other: object = {"n": 1}
    assert Row.from_dict({"n": 1}) != other
    assert len({Row.from_dict({"n": 1}), Row.from_dict({"n": 1}), Row.from_dict({"n": 2})}) == 2
    assert bool(Row())
    assert Row().is_empty()
    assert not customer().is_empty()


def test_every_row_is_a_row() -> None:
    """Both isinstance and issubclass hold for declared rows, for bare ones and their classes, and for nothing else."""
    assert isinstance(customer(), Row)
    assert isinstance(Row.from_dict({"n": 1}), Row)
    assert issubclass(Customer, Row)
    assert issubclass(Shopper, Customer)
    assert issubclass(Row, Row)
    assert issubclass(row_class_of(Customer.schema), Row)
    assert not isinstance({}, Row)
    assert not issubclass(dict, Row)
    assert not isinstance(Row.from_dict({"n": 1}), Customer)


# -- bare rows and mappings --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "options", "error", "message"),
    [
        ([3], {}, TypeError, "a row is made of typed values, not of 3; Row.from_dict takes Python values"),
        ([INT8(3)], {}, TypeError, "MYSQL_INTEGER8(3) has no name; a column needs one: MYSQL_INTEGER8(…, name='…')"),
        (
            [INT8(3, name="n"), INT8(4, name="n")],
            {},
            ValueError,
            "column `n` stands twice in the schema",
        ),
        (
            [INTEGER(3, name="n")],
            {"type_system": MySQLTypeSystem},
            IncompatibleTypesException,
            "column `n` is of IntermediateTypeSystem, not of MySQLTypeSystem",
        ),
    ],
)
def test_what_is_no_bare_row(values: list[Any], options: Any, error: type[Exception], message: str) -> None:
    """A bare row is made of named typed values of one system, no two of one name."""
    with pytest.raises(error) as caught:
        Row(*values, **options)
    assert str(caught.value) == message


def test_a_row_of_a_mapping_infers_types() -> None:
    """from_dict types values by what they are; a null is one of unknown type, which has a name and is None."""
    row: Any = Row.from_dict({"n": 3, "t": None, "d": Decimal("1.5"), "x": INT8(4)})
    assert (row.n, row.t, row.d, row.x) == (3, None, Decimal("1.5"), 4)
    assert [repr(column.type) for column in row.schema] == [
        "<type INTEGER>",
        "<type NULL>",
        "<type DECIMAL>",
        "<type INTEGER_32>",
    ]
    assert row["n"].name == "n"
    assert row["t"] == None  # noqa: E711 - a typed null equals None
    assert row.type_system is IntermediateTypeSystem
    assert row.schema["t"].nullable


def test_a_row_of_a_mapping_in_another_system() -> None:
    """from_dict brings the inferred types to the system that is asked for; a null stays one of unknown type."""
    row = Row.from_dict({"n": 3, "s": "x", "t": None}, type_system=MySQLTypeSystem)
    assert row.type_system is MySQLTypeSystem
    assert row["n"].type_system is MySQLTypeSystem
    assert row["t"] == None  # noqa: E711 - a typed null equals None


@pytest.mark.parametrize("given", [[("n", 1)], "n", None, 3])
def test_only_a_mapping_makes_a_row(given: Any) -> None:
    """What is no mapping is refused; so is a column name that is no text."""
    with pytest.raises(TypeError) as caught:
        Row.from_dict(given)
    assert str(caught.value) == (f"a row is made of a mapping of column names to values, not of {type(given).__name__}")
    with pytest.raises(TypeError) as caught:
        Row.from_dict({1: 2})  # type: ignore[dict-item]  # what the test is about
    assert str(caught.value) == "a column name is text, not 1"


def test_a_declared_row_of_a_mapping_casts() -> None:
    """Of a declared class from_dict casts the values to the columns; a column with a default may be missing."""
    row = Customer.from_dict({"id": "7", "email": "x@y", "created_at": "2024-05-06 07:08:09", "balance": "1.5"})
    assert row == Customer(id=7, email="x@y", created_at=NOW, balance=Decimal("1.50"))
    assert str(row.balance) == "1.50"


@pytest.mark.parametrize(
    ("values", "error", "message"),
    [
        (
            {"id": 1, "emial": "x", "created_at": NOW},
            TypeError,
            "Customer: it has no column `emial`, did you mean `email`?; column `email` is missing",
        ),
        (
            {"id": -1, "email": None, "created_at": NOW},
            RowValidationError,
            "row 1, column `id`: expected `int unsigned`, got -1 (below 0); "
            "row 1, column `email`: expected `varchar(255)`, got None (it may not be null)",
        ),
    ],
)
def test_a_declared_row_of_a_wrong_mapping(values: Any, error: type[Exception], message: str) -> None:
    """Columns that are missing or unknown, and all values that do not fit, are named at once."""
    with pytest.raises(error) as caught:
        Customer.from_dict(values)
    assert str(caught.value) == message


def test_a_required_column_of_a_child_is_missed_in_a_mapping_too() -> None:
    """A column without default that stands behind one with default is required of a mapping as well."""
    with pytest.raises(TypeError) as caught:
        Shopper.from_dict({"id": 1, "email": "x", "created_at": NOW})
    assert str(caught.value) == "Shopper: column `basket` is missing; column `order id` is missing"


# -- joining and converting ----------------------------------------------------------------------------------


def test_concat() -> None:
    """It gives a new row: these columns, then the other's; a shared one raises, or the other's value is taken."""
    left, right = Row.from_dict({"a": 1, "b": 2}), Row.from_dict({"b": 3, "c": 4})
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        left.concat(right)
    assert str(caught.value) == "both rows have `b`"
    joined = left.concat(right, fail_on_duplicate=False)
    assert list(joined.to_python().items()) == [("a", 1), ("b", 3), ("c", 4)]
    assert left.to_python() == {"a": 1, "b": 2}


def test_adding_makes_a_new_row_of_one_system() -> None:
    """`a += b` binds a new row; rows of two systems do not go together; an empty row goes with all; no row does not."""
    row = before = Row(INT8(1, name="a"), type_system=MySQLTypeSystem)
    row += Row(INT8(2, name="b"), type_system=MySQLTypeSystem)
    assert (row.to_python(), before.to_python()) == ({"a": 1, "b": 2}, {"a": 1})
    with pytest.raises(IncompatibleTypesException) as caught:
        row += Row.from_dict({"c": 3})
    assert str(caught.value) == (
        "rows of MySQLTypeSystem and IntermediateTypeSystem do not go together; convert one of them first"
    )
    assert (Row() + row) == row == (row + Row())
    with pytest.raises(TypeError):
        row + {"d": 4}


@pytest.mark.parametrize("system", [IntermediateTypeSystem, PythonTypeSystem])
def test_a_converted_row_goes_back_to_its_classes(system: Any) -> None:
    """A row that is converted and converted back has the very classes it came with, after pickling too."""
    row = Row(
        INT8(5, name="n"),
        mysql_type("varchar(40)")("x", name="s"),
        mysql_type("decimal(9,3)")("1.5", name="d"),
        mysql_type("tinyint(3) unsigned")(None, name="t"),
        mysql_type("date")("2021-05-06", name="day"),
        type_system=MySQLTypeSystem,
    )
    there = row.convert(system)
    assert there.type_system is system
    assert there.to_python() == row.to_python()
    for between in (there, pickle.loads(pickle.dumps(there)), copy.deepcopy(there)):
        assert between == there
        assert between["n"].original_type is INT8
        back = between.convert(MySQLTypeSystem)
        assert [type(back[name]) for name in back] == [type(row[name]) for name in row]
        assert back.to_python() == row.to_python()


def test_conversion_by_the_classes_themselves() -> None:
    """Values inferred from Python find the narrowest types of a server; a system without types of its own says so."""
    row = Row.from_dict({"n": 3}).convert(MySQLTypeSystem)
    assert row["n"].type_system is MySQLTypeSystem
    with pytest.raises(IncompatibleTypesException) as caught:
        row.convert(PrimitiveTypeSystem)
    assert str(caught.value) == "PrimitiveTypeSystem has bare values, no types; use to_python()"


# -- copying -----------------------------------------------------------------------------------------------


def some_rows() -> list[Row]:
    """Return rows of all makes."""
    return [
        customer(),
        Shopper(id=1, email="a", created_at=NOW, basket=1, order_id=2),
        Row(),
        Row(INT8(None, name="n"), VARCHAR16("x", name="a b")),
        Row.from_dict({"n": 1, "doc": {"a": [1]}, "keys": 1, "class": date(2024, 1, 1), "t": timedelta(1), "z": None}),
        Row.from_dict({"moment": datetime(2024, 1, 1, tzinfo=UTC)}).convert(PythonTypeSystem),
    ]


@pytest.mark.parametrize("index", range(6))
def test_copies_are_equal(index: int) -> None:
    """copy, deepcopy and pickle, of any protocol, give an equal row of the same class and schema."""
    row = some_rows()[index]
    copies = [copy.copy(row), copy.deepcopy(row)]
    copies += [pickle.loads(pickle.dumps(row, protocol)) for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1)]
    for other in copies:
        assert other == row
        assert type(other) is type(row)
        assert other.schema == row.schema
        assert other.to_python() == row.to_python()


def test_a_deep_copy_has_documents_of_its_own() -> None:
    """A deep copy copies nested values, a copy does not."""
    row: Any = Row.from_dict({"doc": {"a": []}})
    assert copy.deepcopy(row).doc is not row.doc
    assert copy.copy(row).doc is row.doc


def test_rows_go_to_another_process_and_back() -> None:
    """A row of a class made on the fly is the same row in a process that never saw its class."""
    code = (
        "import pickle, sys; row = pickle.load(sys.stdin.buffer); "
        "sys.stdout.buffer.write(pickle.dumps((row, repr(row), row['a b'])))"
    )
    row = Row(VARCHAR16("x", name="a b"), INTEGER(3, name="n"))
    done = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps(row), capture_output=True, check=True, timeout=60
    )
    back, text, value = pickle.loads(done.stdout)
    assert back == row
    assert text == "Row(a b='x', n=3)"
    assert (value, type(value)) == ("x", VARCHAR16)


# -- names of any kind ----------------------------------------------------------------------------------------

NAMES = st.text(max_size=12) | st.sampled_from(
    [
        *RESERVED, "", " ", "a b", "a.b", "`", '"', "'", "\\", "\n", "\0", "class", "None", "self", "cls", "__class__",
        "__x__", "__value__", "_x", "_", "column_0_", "column_1_", "column_0__", "é", "e\u0301", "ﬁ", "名", "😀", "{x}",
        "%s", "row", "make", "a", "b", "__init__", "__dict__", "__slots__", "__struct_fields__", "__described__", "1a",
        "__annotations__", "__weakref__", "mro", "print", "type", "weakref",
    ]
)  # fmt: skip


@given(st.lists(NAMES, unique=True, max_size=6))
@example(["column_1_", "x y"])
@example(['"', "\\", "\n"])
def test_any_text_is_a_column_name(names: list[str]) -> None:
    """Whatever text columns are named by, every way to read, copy, join, convert and rebuild the row works."""
    values = dict(zip(names, range(len(names)), strict=True))
    row = Row.from_dict(values)
    assert row.to_python() == values
    assert list(row) == names
    assert {name: row[name].value for name in row} == values
    assert all(name in row for name in names)
    assert pickle.loads(pickle.dumps(row)) == row == copy.copy(row) == copy.deepcopy(row)
    assert row.convert(MySQLTypeSystem).convert(IntermediateTypeSystem).to_python() == values
    assert Row().concat(row).to_python() == values
    assert spread(**row) == values
    for name in names:
        if name in row_info(type(row)).fields.values():
            assert row_info(type(row)).fields[name] == name
            assert getattr(row, name) == values[name]


@given(st.lists(NAMES.filter(lambda name: name != ""), unique=True, min_size=1, max_size=4))
def test_any_text_is_a_name_of_a_declared_column(names: list[str]) -> None:
    """`column(name=…)` takes any text too."""
    namespace: dict[str, Any] = {f"f{index}": column(name=name) for index, name in enumerate(names)}
    annotations = dict.fromkeys(namespace, int)
    made = make_class("Made", {**namespace, "__annotations__": annotations})
    row = made(*range(len(names)))
    assert made.schema.names == tuple(names)
    assert row.to_python() == dict(zip(names, range(len(names)), strict=True))
    assert made.from_dict(row.to_python()) == row


# -- classes made on the fly -----------------------------------------------------------------------------------


def test_equal_schemas_share_a_class() -> None:
    """Equal schemas have one row class, wherever they come from; other ones have another."""
    one = Schema([Column("n", INT8), Column("s", VARCHAR16, nullable=True)])
    other = Schema([Column("n", mysql_type("INT(8)")), Column("s", VARCHAR16, nullable=True)])
    assert one.row_class() is other.row_class() is row_class_of(one)
    assert one.row_class() is not Schema([Column("n", INT8), Column("s", VARCHAR16)]).row_class()
    assert (
        one.row_class() is not Schema([Column("n", INT8, key=True), Column("s", VARCHAR16, nullable=True)]).row_class()
    )


def test_classes_are_let_go() -> None:
    """A class made on the fly lives as long as it is used."""
    reference = weakref.ref(Schema([Column("only here", INT8)]).row_class())
    gc.collect()
    assert reference() is None


def test_many_threads_get_one_class(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that ask at once for the class of a schema get the same one: it is made once."""
    start = threading.Barrier(4)
    second = threading.Event()
    found: list[type] = []
    made: list[type] = []
    make = rows._make_class

    def make_slowly(schema: Schema, origins: rows.Origins) -> type[RowBase]:
        made.append(make(schema, origins))
        if len(made) > 1:
            second.set()
        second.wait(0.1)  # a second thread that got in here would do so by now
        return made[-1]

    monkeypatch.setattr(rows, "_make_class", make_slowly)

    def ask() -> None:
        start.wait(10)
        found.append(Schema([Column("raced", INT8), Column("for", VARCHAR16)]).row_class())

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert len(made) == 1
    assert found == made * 4


def test_row_itself_has_no_schema() -> None:
    """Row is no declaration: it has no schema and cannot stand for one in a node."""
    assert not hasattr(Row, "schema")
    node: NanoNode[Any, Any] = NanoNode(output_schema=Row)
    with pytest.raises(TypeError) as caught:
        node.own_output()
    assert str(caught.value) == (
        "<class 'nanotyped.row.rows.Row'> is no schema; give a Row class, a Schema or a mapping of names to types"
    )
    assert RowBase is not Row
    assert STRING.family is STRING
