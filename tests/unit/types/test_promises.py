"""What the description of the types promises, line by line."""

import copy
import datetime as dt
import pickle
import uuid
from decimal import Decimal
from ipaddress import IPv4Address
from typing import Any

import pytest

import nanotyped
from nanotyped import types
from nanotyped.errors import IncompatibleTypesException, TypeCastError, TypeSyntaxError
from nanotyped.types import (
    BOOL,
    BYTES,
    DATE,
    DATETIME,
    DECIMAL,
    ENUM,
    FLOAT,
    INET,
    INTEGER,
    JSON,
    JSON_NULL,
    MYSQL_BOOL,
    MYSQL_DATE,
    MYSQL_ENUM,
    MYSQL_INTEGER,
    MYSQL_INTEGER_BASE,
    MYSQL_VARCHAR,
    MYSQL_VARCHAR_BASE,
    STRING,
    TIME_INTERVAL,
    TIMESTAMP,
    UUID,
    DataSourceTypeSystem,
    DataType,
    IntermediateTypeSystem,
    JSONTypeSystem,
    MySQLTypeSystem,
    PrimitiveTypeSystem,
    PythonTypeSystem,
    SQLiteTypeSystem,
    all_bases,
    convert_to_type_system,
    get_type_system,
    make_types,
    mysql_type,
    primitive_to_intermediate_type,
    render_ddl,
)

NOON = dt.datetime(2021, 5, 6, 12)
SYSTEMS = (MySQLTypeSystem, IntermediateTypeSystem, PythonTypeSystem, PrimitiveTypeSystem)


def named(name: str) -> Any:
    """Return a type by its name."""
    return getattr(types, name)


# -- values ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "given", "value"),
    [
        ("MYSQL_INTEGER8", "41", 41),
        ("MYSQL_VARCHAR16", 41, "41"),
        ("MYSQL_DATE", "2021-05-06", dt.date(2021, 5, 6)),
        ("MYSQL_BOOL", 1, True),
        ("MYSQL_BOOL", 0, False),
        ("INTEGER", "3", 3),
        ("FLOAT", 3, 3.0),
        ("STRING", "3", "3"),
        ("BOOL", 1, True),
        ("DATETIME", NOON, NOON),
        ("DATETIME", NOON.replace(tzinfo=dt.UTC), NOON.replace(tzinfo=dt.UTC)),
    ],
)
def test_constructing_casts_once(name: str, given: Any, value: Any) -> None:
    """The Python value of a type is exactly of the type's class."""
    typed = named(name)(given)
    assert (typed.to_python(), type(typed.to_python())) == (value, type(value))
    assert typed.value is typed.to_python()
    assert named(name).python_cast_function(given) == value


@pytest.mark.parametrize(
    ("name", "given"),
    [
        *(("MYSQL_INTEGER8", text) for text in ("1x", "", "1_0", "٣", "1.5", 1.5, 2**31, b"1")),
        *(("MYSQL_DATE", value) for value in ("2021-02-30", "0000-00-00", NOON, 5)),
        *(("MYSQL_BOOL", value) for value in (2, "yes", -1, 0.5)),
        *(("INTEGER", value) for value in (1.5, "nan", object(), {})),
        *(("FLOAT", value) for value in (float("nan"), float("inf"), "1_0", 2**53 + 1)),
        ("MYSQL_VARCHAR2", "abc"),
        ("STRING", True),
        ("DATETIME", "yesterday"),
    ],
)
def test_what_cannot_be_cast_without_loss_raises(name: str, given: object) -> None:
    """It raises a cast error, and nothing of the driver's or Python's own."""
    with pytest.raises(TypeCastError):
        named(name)(given)


def test_a_value_has_a_value_a_name_and_an_origin() -> None:
    """All three can be given, by position or by name, and survive copies and pickling."""
    value: DataType = INTEGER(3, MySQLTypeSystem, "n")
    assert (value.value, value.original_type, value.name) == (3, MySQLTypeSystem, "n")
    for twin in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert (twin, twin.original_type, twin.name, type(twin)) == (value, MySQLTypeSystem, "n", INTEGER)
    bare = INTEGER(3)
    assert (bare.original_type, bare.name) == (None, None)


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        (INTEGER(3), 3),
        (INTEGER(0), 0),
        (STRING(""), ""),
        (STRING("x"), "x"),
        (DECIMAL("1.10"), Decimal("1.10")),
        (BOOL(False), False),
        (DATETIME(NOON), NOON),
        (INTEGER(None), None),
    ],
)
def test_a_value_behaves_as_its_python_value(typed: DataType, plain: Any) -> None:
    """It compares, hashes, prints and is true as that one is."""
    assert typed == plain
    assert (typed != plain) is False
    assert hash(typed) == hash(plain)
    assert typed in {plain, "another"}
    assert plain in {typed, "another"}
    assert bool(typed) is bool(plain)
    assert str(typed) == str(plain)


def test_values_print_the_name_of_their_type() -> None:
    """As they can be made again."""
    assert repr(named("MYSQL_INTEGER8")(3)) == "MYSQL_INTEGER8(3)"
    assert repr(INTEGER(3)) == "INTEGER(3)"
    assert repr(named("MYSQL_VARCHAR40")("x")) == "MYSQL_VARCHAR40('x')"


@pytest.mark.parametrize("system", [*SYSTEMS, SQLiteTypeSystem, JSONTypeSystem])
@pytest.mark.parametrize("kind", [INTEGER, DATETIME, STRING, MYSQL_DATE, mysql_type("int"), mysql_type("json")])
def test_a_typed_null_is_null_in_every_system(kind: type[DataType], system: Any) -> None:
    """It equals None wherever it goes."""
    null = kind(None, name="n")
    assert null == None  # noqa: E711 - it equals, and is not, None
    assert null.to_python() is None
    found = system.convert(null)
    assert found is None if system is PrimitiveTypeSystem else (found.to_python(), found.name) == (None, "n")


# -- conversion --------------------------------------------------------------------------------


def test_into_the_intermediate_system_and_back() -> None:
    """The name stays, the origin is kept, and the very class comes back."""
    value = named("MYSQL_INTEGER8")(5, name="n")
    inner = value.to_intermediate_type()
    assert (inner, inner.name, inner.original_type) == (5, "n", named("MYSQL_INTEGER8"))
    assert type(inner) is named("MYSQL_INTEGER8").intermediate_type
    assert isinstance(inner, INTEGER)
    back = MySQLTypeSystem.convert(inner)
    assert type(back) is named("MYSQL_INTEGER8")
    assert (back.value, back.name) == (5, "n")
    assert type(convert_to_type_system(inner, MySQLTypeSystem)) is named("MYSQL_INTEGER8")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (INTEGER.of(bits=8)(5), "tinyint"),
        (INTEGER.of(bits=32, unsigned=True)(5), "int unsigned"),
        (INTEGER(5), "bigint"),
        (INTEGER(2**63), "bigint unsigned"),
        (STRING.of(max_length=9)("x"), "varchar(9)"),
        (STRING("x"), "longtext"),
        (DECIMAL.of(precision=12, scale=2)("1"), "decimal(12,2)"),
        (DATE("2021-05-06"), "date"),
        (DATETIME(NOON), "datetime(6)"),
        (TIMESTAMP(NOON.replace(tzinfo=dt.UTC)), "timestamp(6)"),
        (UUID(uuid.UUID(int=1)), "uuid"),
    ],
)
def test_without_origin_the_narrowest_type_that_holds_every_value_is_taken(value: DataType, text: str) -> None:
    """It is by the type, never by how large the one value is."""
    assert type(MySQLTypeSystem.convert(value)) is mysql_type(text)


def test_what_another_system_has_no_type_for_is_refused() -> None:
    """Opaque objects, endless integers, and values that are none."""
    with pytest.raises(IncompatibleTypesException):
        MySQLTypeSystem.convert(types.OBJECT(object()))
    with pytest.raises(IncompatibleTypesException):
        MySQLTypeSystem.convert(INTEGER(10**65))
    for wrong in (3, "x", None):
        with pytest.raises(TypeError):
            MySQLTypeSystem.convert(wrong)  # type: ignore[arg-type]  # that it is refused is the test
    with pytest.raises(TypeError):
        convert_to_type_system(INTEGER(3), int)  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (True, BOOL),
        (3, INTEGER),
        (1.5, FLOAT),
        ("x", STRING),
        (Decimal("1.10"), DECIMAL),
        (NOON, DATETIME),
        (NOON.date(), DATE),
        (dt.timedelta(1), TIME_INTERVAL),
        (b"x", BYTES),
        (uuid.UUID(int=1), UUID),
        (IPv4Address("10.0.0.1"), INET),
        ({"a": [1]}, JSON),
        ([1, "a"], JSON),
        (JSON_NULL, JSON),
    ],
)
def test_bare_values_have_a_type(value: Any, kind: type[DataType]) -> None:
    """A bool is a BOOL before it is an integer; the origin is the primitive system."""
    found = primitive_to_intermediate_type(value, name="n")
    assert (type(found), found.original_type, found.name) == (kind, PrimitiveTypeSystem, "n")
    assert found == value
    assert primitive_to_intermediate_type(value).name is None


@pytest.mark.parametrize("value", [object(), (1, 2), {1, 2}, 1j, range(3), dt.time(1), print, int])
def test_other_bare_values_have_none(value: Any) -> None:
    """Anything else raises, and is never text."""
    with pytest.raises(IncompatibleTypesException):
        primitive_to_intermediate_type(value)


# -- systems -----------------------------------------------------------------------------------


@pytest.mark.parametrize("system", [*SYSTEMS, SQLiteTypeSystem, JSONTypeSystem])
def test_systems_have_one_base(system: Any) -> None:
    """Which itself spells nothing."""
    assert issubclass(system, DataSourceTypeSystem)
    with pytest.raises(NotImplementedError):
        DataSourceTypeSystem.type_mapping("int")


def test_every_type_class_inherits_from_its_system() -> None:
    """And from DataType; the system of a value is that of its class."""
    for name, kind in make_types().items():
        assert issubclass(kind, DataType), name
        assert issubclass(kind, MySQLTypeSystem), name
    for value, system in (
        (named("MYSQL_INTEGER8")(3), MySQLTypeSystem),
        (INTEGER(3), IntermediateTypeSystem),
        (PythonTypeSystem.convert(INTEGER(3)), PythonTypeSystem),
    ):
        assert value.type_system is get_type_system(value) is get_type_system(type(value)) is system
    for wrong in (3, int, None, "int", MySQLTypeSystem, object()):
        with pytest.raises((IncompatibleTypesException, TypeError)):
            get_type_system(wrong)  # type: ignore[arg-type]  # that it is refused is the test


def test_all_bases_of_classes_and_values() -> None:
    """All of them, the class itself not among them."""
    bases = all_bases(named("MYSQL_INTEGER8"))
    assert {MYSQL_INTEGER, MYSQL_INTEGER_BASE, DataType, MySQLTypeSystem, DataSourceTypeSystem, object} <= bases
    assert all_bases(named("MYSQL_INTEGER8")(3)) == bases
    assert named("MYSQL_INTEGER8") not in bases


@pytest.mark.parametrize(
    ("kind", "families"),
    [
        (MYSQL_BOOL, (BOOL,)),
        (MYSQL_DATE, (DATE, DATETIME)),
        (MYSQL_ENUM, (ENUM, STRING)),
        (mysql_type("timestamp"), (TIMESTAMP, DATETIME)),
        (mysql_type("datetime"), (DATETIME,)),
        (mysql_type("tinyint(1)"), (INTEGER,)),
        (mysql_type("year"), (INTEGER,)),
        (mysql_type("varchar(9)"), (STRING,)),
    ],
)
def test_types_map_into_families(kind: type[DataType], families: tuple[type[DataType], ...]) -> None:
    """A finer family is part of the one that stood for it."""
    assert all(issubclass(kind.intermediate_type, family) for family in families)


# -- names and texts ---------------------------------------------------------------------------


@pytest.mark.parametrize("size", [*range(32), 40, 64, 255, 32768, 65535, 10**9])
def test_names_with_a_size_resolve(size: int) -> None:
    """Any size has a class, which is the one of its parameter; the text gives it too, within the server's limits."""
    integer, varchar = named(f"MYSQL_INTEGER{size}"), named(f"MYSQL_VARCHAR{size}")
    assert varchar is MYSQL_VARCHAR.of(max_length=size)
    assert (integer.max_length, integer.display_width, varchar.max_length) == (size, size, size)
    assert (integer.__name__, varchar.__name__) == (f"MYSQL_INTEGER{size}", f"MYSQL_VARCHAR{size}")
    assert issubclass(integer, MYSQL_INTEGER_BASE)
    assert issubclass(varchar, MYSQL_VARCHAR_BASE)
    if size <= 255:
        assert mysql_type(f"INT({size})") is integer
    if size <= 65535:
        assert mysql_type(f"varchar({size})") is varchar
    for made in (integer, varchar):
        assert pickle.loads(pickle.dumps(made)) is made
    assert make_types().get(f"MYSQL_INTEGER{size}", integer) is integer


def test_make_types_lists_the_usual_sizes() -> None:
    """0 to 31 and the powers of two to 32768, the same objects as by name."""
    made = make_types()
    for family in ("MYSQL_INTEGER", "MYSQL_VARCHAR"):
        sizes = {name.removeprefix(family) for name in made if name.removeprefix(family).isdigit() and family in name}
        assert sizes == {*map(str, range(32)), *(str(2**power) for power in range(5, 16))}
        assert all(made[f"{family}{size}"] is named(f"{family}{size}") for size in sizes)


def test_names_that_are_none() -> None:
    """They are attribute errors, of the types and of the package."""
    for name in ("MYSQL_INTEGER-1", "MYSQL_INTEGER08", "MYSQL_NOTHING", "MYSQL_DATE8", "MYSQL_", "INTEGER8"):
        with pytest.raises(AttributeError):
            named(name)


@pytest.mark.parametrize("wrong", [None, 3, b"int", ["int"], INTEGER])
def test_only_text_is_a_type(wrong: Any) -> None:
    """Anything else is a TypeError."""
    for read in (mysql_type, MySQLTypeSystem.type_mapping):
        with pytest.raises(TypeError):
            read(wrong)
    assert MySQLTypeSystem.type_mapping("int") is mysql_type("int")


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("", 0),
        ("   ", 3),
        ("varchar", 7),
        ("varchar(", 8),
        ("varchar(40", 10),
        ("varchar(40))", 11),
        ("varchar 40)", 8),
        ("decimal(5,10)", 10),
        ("enum()", 5),
        ("enum", 4),
        ("set('a'", 7),
        ("int(٣)", 4),
        ("int(\uff13)", 4),
        ("int(1_0)", 4),
        ("int not null", 4),
        ("int; drop table t", 3),
        ("int -- x", 4),
        ("int default 3", 4),
        ("interval", 0),
        ("integerish", 0),
        ("inte", 0),
        ("varchar(40) utf8mb4", 12),
        ("bit(65)", 4),
        ("datetime(7)", 9),
        ("varchar(65536)", 8),
    ],
)
def test_malformed_text_is_refused_with_its_position(text: str, position: int) -> None:
    """A whole word decides, and nothing ever falls back to a string."""
    with pytest.raises(TypeSyntaxError) as caught:
        mysql_type(text)
    assert (caught.value.text, caught.value.position) == (text, position)
    assert f"at position {position} of `{text}`" in str(caught.value)
    assert isinstance(caught.value, ValueError)


# -- what a class carries ----------------------------------------------------------------------

_INT = {"python_type": int, "unsigned": False, "zerofill": False}
CARRIED: dict[str, dict[str, Any]] = {
    "tinyint(1)": {"base": "tinyint", "bits": 8, "max_length": 1, "minimum": -128, "maximum": 127, **_INT},
    "smallint": {"base": "smallint", "bits": 16, "max_length": None, "minimum": -(2**15), "maximum": 2**15 - 1, **_INT},
    "mediumint(9)": {"base": "mediumint", "bits": 24, "max_length": 9, "minimum": -(2**23), "maximum": 2**23 - 1},
    "int(11)": {"base": "int", "bits": 32, "max_length": 11, "minimum": -(2**31), "maximum": 2**31 - 1, **_INT},
    "int(5) unsigned zerofill": {"max_length": 5, "unsigned": True, "zerofill": True, "minimum": 0},
    "bigint unsigned": {"base": "bigint", "bits": 64, "unsigned": True, "minimum": 0, "maximum": 2**64 - 1},
    "decimal(12,2) unsigned": {
        "base": "decimal",
        "precision": 12,
        "scale": 2,
        "unsigned": True,
        "zerofill": False,
        "python_type": Decimal,
    },
    "float(7,3)": {"base": "float", "bits": 32, "precision": 7, "scale": 3, "unsigned": False, "python_type": float},
    "double zerofill": {"base": "double", "bits": 64, "unsigned": True, "zerofill": True, "precision": None},
    "char(9) character set latin1 collate latin1_bin": {
        "base": "char",
        "max_length": 9,
        "charset": "latin1",
        "collation": "latin1_bin",
        "python_type": str,
    },
    "varchar(40)": {"base": "varchar", "max_length": 40, "charset": None, "collation": None, "python_type": str},
    "text": {"base": "text", "max_bytes": 65535, "charset": None, "python_type": str},
    "longtext": {"base": "longtext", "max_bytes": 2**32 - 1},
    "binary(16)": {"base": "binary", "max_length": 16, "max_bytes": 16, "python_type": bytes},
    "varbinary(300)": {"base": "varbinary", "max_length": 300, "max_bytes": 300, "python_type": bytes},
    "mediumblob": {"base": "mediumblob", "max_bytes": 2**24 - 1, "python_type": bytes},
    "bit(8)": {"base": "bit", "bits": 8, "max_length": 8, "minimum": 0, "maximum": 255, "python_type": int},
    "date": {"base": "date", "python_type": dt.date},
    "datetime(3)": {"base": "datetime", "fsp": 3, "python_type": dt.datetime},
    "timestamp": {"base": "timestamp", "fsp": 0, "python_type": dt.datetime},
    "time(6)": {"base": "time", "fsp": 6, "python_type": dt.timedelta},
    "year": {"base": "year", "minimum": 0, "maximum": 2155, "python_type": int},
    "enum('b','a') charset latin1": {"base": "enum", "members": ("b", "a"), "charset": "latin1", "python_type": str},
    "set('b','a')": {"base": "set", "members": ("b", "a"), "python_type": frozenset},
    "json": {"base": "json"},
    "point srid 4326": {"base": "point", "srid": 4326, "python_type": nanotyped.Geometry},
    "geometry": {"base": "geometry", "srid": None},
    "uuid": {"base": "uuid", "python_type": uuid.UUID},
}


@pytest.mark.parametrize(("text", "carried"), CARRIED.items())
def test_a_type_carries_what_applies(text: str, carried: dict[str, Any]) -> None:
    """Its base, sizes, flags, members, charset and range; and the intermediate type, whose Python type is its own."""
    kind = mysql_type(text)
    assert {name: getattr(kind, name) for name in carried} == carried
    assert issubclass(kind.intermediate_type, DataType)
    assert kind.intermediate_type.python_type is kind.python_type


@pytest.mark.parametrize("text", CARRIED)
def test_rendering_is_the_inverse_of_reading(text: str) -> None:
    """What is rendered is the same class again, and so is any other spelling of the text."""
    kind = mysql_type(text)
    assert mysql_type(render_ddl(kind)) is kind
    assert mysql_type(f"  {text}  ") is kind
    assert mysql_type(text.replace("(", " ( ").replace(",", " , ").replace(" ( '", "('")) is kind
    upper = text.upper() if "'" not in text else text.replace("enum", "ENUM").replace("set(", "SET(")
    assert mysql_type(upper) is kind
