"""The column types of MySQL and MariaDB."""

import copy
import pickle
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

import nanotyped.types
from nanotyped.errors import IncompatibleTypesException, TypeCastError, TypeSyntaxError
from nanotyped.types import intermediate as it
from nanotyped.types import mysql
from nanotyped.types.compat import verdict
from nanotyped.types.convert import primitive_to_intermediate_type
from nanotyped.types.mysql import MySQLTypeSystem, make_types, mysql_type, render_ddl
from tests.unit.types import strategies as any_


def test_equal_texts_give_the_same_class() -> None:
    """Types are interned: any spelling, `of` and the name give one object."""
    assert mysql_type("INT(6)") is mysql.MYSQL_INTEGER6
    assert mysql_type("varchar(40)") is mysql.MYSQL_VARCHAR40
    assert mysql_type("character varying( 40 )") is mysql.MYSQL_VARCHAR.of(max_length=40)
    assert nanotyped.types.MYSQL_VARCHAR40 is mysql.MYSQL_VARCHAR40
    assert mysql_type("int unsigned") is mysql.MYSQL_INTEGER_UNSIGNED
    assert mysql.MYSQL_VARCHAR40.__name__ == "MYSQL_VARCHAR40"


def test_values_print_by_the_name_of_their_type() -> None:
    """The repr of a value names the type with its size and flags."""
    assert repr(mysql.MYSQL_INTEGER8(3)) == "MYSQL_INTEGER8(3)"
    assert repr(mysql_type("int unsigned")(1)) == "MYSQL_INTEGER_UNSIGNED(1)"
    assert repr(mysql_type("decimal(12,2) unsigned")("9.9")) == "MYSQL_DECIMAL12_2_UNSIGNED(Decimal('9.90'))"
    assert repr(mysql_type("datetime")(None)) == "MYSQL_DATETIME0(None)"


def test_values_are_cast_once_and_exactly() -> None:
    """Constructing casts to the Python value; what would lose something raises."""
    assert mysql.MYSQL_INTEGER8("41").to_python() == 41
    assert mysql.MYSQL_VARCHAR16(41).to_python() == "41"
    assert mysql.MYSQL_BOOL(1).to_python() is True
    assert mysql.MYSQL_DATE("2021-05-06").to_python() == date(2021, 5, 6)
    with pytest.raises(TypeCastError, match=r"^'1x' is no `int\(8\)`: not a whole number$"):
        mysql.MYSQL_INTEGER8("1x")


@pytest.mark.parametrize(
    ("text", "attributes"),
    [
        (
            "int(6) unsigned",
            {"base": "int", "bits": 32, "display_width": 6, "unsigned": True, "minimum": 0, "maximum": 2**32 - 1},
        ),
        ("tinyint", {"base": "tinyint", "bits": 8, "display_width": None, "minimum": -128, "maximum": 127}),
        ("int(5) zerofill", {"unsigned": True, "zerofill": True}),
        ("decimal", {"base": "decimal", "precision": 10, "scale": 0, "unsigned": False}),
        ("decimal(0)", {"precision": 10, "scale": 0}),
        ("float(7,3)", {"base": "float", "bits": 32, "precision": 7, "scale": 3}),
        ("float(25)", {"base": "double", "bits": 64, "precision": None}),
        ("float(24)", {"base": "float", "bits": 32}),
        ("varchar(40) charset latin1", {"base": "varchar", "max_length": 40, "charset": "latin1", "collation": None}),
        ("varchar(4) collate utf8_bin", {"charset": "utf8mb3", "collation": "utf8mb3_bin"}),
        ("char(4) charset latin1 binary", {"base": "char", "charset": "latin1", "collation": "latin1_bin"}),
        ("char", {"base": "char", "max_length": 1}),
        ("char(10) byte", {"base": "binary", "max_length": 10, "max_bytes": 10}),
        ("text charset binary", {"base": "blob", "max_bytes": 65535}),
        ("text(10)", {"base": "tinytext", "max_bytes": 255}),
        ("text(70000)", {"base": "mediumtext"}),
        ("blob(300)", {"base": "blob"}),
        ("longtext", {"max_bytes": 2**32 - 1}),
        ("enum('b','a ')", {"base": "enum", "members": ("b", "a"), "max_length": 1}),
        ("datetime", {"base": "datetime", "fsp": 0}),
        ("timestamp(6)", {"base": "timestamp", "fsp": 6}),
        ("bit", {"base": "bit", "bits": 1, "max_length": 1, "minimum": 0, "maximum": 1}),
        ("bit(0)", {"bits": 1}),
        ("bit(64)", {"bits": 64, "maximum": 2**64 - 1}),
        ("year(4)", {"base": "year", "minimum": 0, "maximum": 2155}),
        ("year(4) unsigned zerofill", {"base": "year"}),
        ("set('b','a ') charset latin1", {"base": "set", "members": ("b", "a"), "charset": "latin1"}),
        ("point srid 4326", {"base": "point", "srid": 4326}),
        ("geometry /*!80003 SRID 0 */", {"base": "geometry", "srid": 0}),
        ("polygon ref_system_id=7", {"base": "polygon", "srid": 7}),
        ("geomcollection", {"base": "geometrycollection", "srid": None}),
        ("vector", {"base": "vector", "dimensions": 2048}),
        ("vector(3)", {"dimensions": 3}),
    ],
)
def test_a_type_bears_what_its_text_says(text: str, attributes: dict[str, Any]) -> None:
    """Sizes, flags, members and charsets are attributes of the class."""
    kind = mysql_type(text)
    assert {name: getattr(kind, name) for name in attributes} == attributes


@pytest.mark.parametrize(
    ("text", "intermediate"),
    [
        ("tinyint(1)", it.INTEGER.of(bits=8)),
        ("boolean", it.INTEGER.of(bits=8)),
        ("bigint unsigned", it.INTEGER.of(bits=64, unsigned=True)),
        ("decimal(12,2)", it.DECIMAL.of(precision=12, scale=2)),
        ("float", it.FLOAT.of(bits=32)),
        ("double", it.FLOAT.of(bits=64)),
        ("varchar(9)", it.STRING.of(max_length=9)),
        ("char(9)", it.STRING.of(max_length=9, padded=True)),
        ("text", it.STRING.of(max_bytes=65535)),
        ("varbinary(9)", it.BYTES.of(max_bytes=9)),
        ("binary(9)", it.BYTES.of(max_bytes=9, padded=True)),
        ("enum('a')", it.ENUM.of(members=("a",))),
        ("json", it.JSON),
        ("date", it.DATE),
        ("datetime(3)", it.DATETIME.of(fsp=3)),
        ("timestamp", it.TIMESTAMP.of(fsp=0)),
        ("time(6)", it.TIME_INTERVAL.of(fsp=6)),
        ("year", it.YEAR),
        ("bit(9)", it.BITS.of(bits=9)),
        ("set('a')", it.SET.of(members=("a",))),
        ("uuid", it.UUID),
        ("inet4", it.INET.of(version=4)),
        ("inet6", it.INET.of(version=6)),
        ("geometry", it.GEOMETRY),
        ("multipolygon srid 1", it.GEOMETRY.of(kind="multipolygon", srid=1)),
        ("vector(3)", it.VECTOR.of(dimensions=3)),
    ],
)
def test_a_type_maps_into_an_intermediate_one(text: str, intermediate: any_.Type) -> None:
    """Each column type has one meaning, of which it is a member of the family."""
    assert mysql_type(text).intermediate_type is intermediate
    assert issubclass(mysql_type(text).intermediate_type, intermediate.family)


def test_tinyint_of_one_digit_is_an_integer_unless_asked() -> None:
    """tinyint(1) keeps 2 and -1; a pipeline that knows better opts in."""
    assert mysql_type("tinyint(1)").python_type is int
    assert mysql_type("tinyint(1)", tinyint1="bool") is mysql.MYSQL_BOOL
    assert mysql_type("tinyint(2)", tinyint1="bool") is mysql.MYSQL_TINYINT2
    assert render_ddl(mysql.MYSQL_BOOL) == "tinyint(1)"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("int(256)", "256 is not from 0 to 255 at position 4 of `int(256)`"),
        ("varchar(65536)", "65536 is not from 0 to 65535 at position 8 of `varchar(65536)`"),
        ("char(256)", "256 is not from 0 to 255 at position 5 of `char(256)`"),
        ("decimal(66,0)", "66 is not from 0 to 65 at position 8 of `decimal(66,0)`"),
        ("decimal(65,39)", "39 is not from 0 to 38 at position 11 of `decimal(65,39)`"),
        ("decimal(5,10)", "scale 10 is above precision 5 at position 10 of `decimal(5,10)`"),
        ("float(54)", "54 is not from 0 to 53 at position 6 of `float(54)`"),
        ("bit(65)", "65 is not from 0 to 64 at position 4 of `bit(65)`"),
        (
            "year(2)",
            "year(2) is not supported, for it shows 0000 and 2000 alike; make it year(4) at position 5 of `year(2)`",
        ),
        ("set('a','b,c')", "a comma stands between members at position 8 of `set('a','b,c')`"),
        ("set('a','a')", "the member 'a' is there twice at position 8 of `set('a','a')`"),
        ("set('a') charset binary", "a set of bytes is not supported at position 17 of `set('a') charset binary`"),
        ("point srid 4294967296", "4294967296 is not from 0 to 4294967295 at position 11 of `point srid 4294967296`"),
        (
            "point srid 1 srid 2",
            "its spatial reference system is given already at position 13 of `point srid 1 srid 2`",
        ),
        ("vector(0)", "0 is not from 1 to 16383 at position 7 of `vector(0)`"),
        ("uuid(16)", "`uuid` takes no arguments at position 4 of `uuid(16)`"),
        ("datetime(7)", "7 is not from 0 to 6 at position 9 of `datetime(7)`"),
        ("enum('a','a')", "the member 'a' is there twice at position 9 of `enum('a','a')`"),
        ("enum('a','a ')", "the member 'a' is there twice at position 9 of `enum('a','a ')`"),
        ("enum('я') charset latin1", "character 'я' is not in latin1 at position 5 of `enum('я') charset latin1`"),
        ("char(5) charset klingon", "unknown character set `klingon` at position 16 of `char(5) charset klingon`"),
        ("char(5) charset swe7", "character set `swe7` is not supported at position 16 of `char(5) charset swe7`"),
        (
            "char(5) charset latin1 collate utf8mb4_bin",
            "collation `utf8mb4_bin` is none of `latin1` at position 0 of `char(5) charset latin1 collate utf8mb4_bin`",
        ),
        (
            "varchar(9) collate koi9_bin",
            "unknown collation `koi9_bin` (did you mean `koi8u_bin`?) at position 19 of `varchar(9) collate koi9_bin`",
        ),
        (
            "text collate utf8mb4_germn2_ci",
            "unknown collation `utf8mb4_germn2_ci` (did you mean `utf8mb4_german2_ci`?) at position 13 of "
            "`text collate utf8mb4_germn2_ci`",
        ),
        ("text collate latin1", "unknown collation `latin1` at position 13 of `text collate latin1`"),
        ("text collate klingon_bin", "unknown collation `klingon_bin` at position 13 of `text collate klingon_bin`"),
    ],
)
def test_text_that_servers_refuse_is_refused(text: str, message: str) -> None:
    """The parser holds to the limits of the servers."""
    with pytest.raises(TypeSyntaxError) as caught:
        mysql_type(text)
    assert str(caught.value) == message


def test_names_take_any_size() -> None:
    """The limits of servers are the parser's; a class may be asked for with any size."""
    assert mysql.MYSQL_VARCHAR70000.max_length == 70000
    assert mysql.MYSQL_INTEGER0.display_width == 0
    with pytest.raises(AttributeError, match=r"has no attribute 'MYSQL_INTEGR'"):
        _ = mysql.MYSQL_INTEGR
    for wrong in ("MYSQL_INTEGER08", "MYSQL_DATE5", "MYSQL_VARCHAR_UNSIGNED", "MYSQL_INTEGER-1"):
        with pytest.raises(AttributeError):
            getattr(mysql, wrong)


def test_the_families_are_bases_of_their_members() -> None:
    """Every integer column is a MYSQL_INTEGER_BASE, every varchar a MYSQL_VARCHAR_BASE."""
    assert issubclass(mysql_type("bigint(20) unsigned"), mysql.MYSQL_INTEGER_BASE)
    assert issubclass(mysql_type("varchar(3)"), mysql.MYSQL_VARCHAR_BASE)
    assert mysql.MYSQL_INTEGER_BASE.intermediate_type is it.INTEGER
    assert mysql_type("int").type_system is MySQLTypeSystem


def test_make_types_lists_the_usual_sizes() -> None:
    """The classes of the listing are the ones that resolve by name."""
    made = make_types()
    assert all(getattr(mysql, name) is kind for name, kind in made.items())
    assert {
        f"MYSQL_{word}{size}" for word in ("INTEGER", "VARCHAR") for size in (*range(32), 32, 64, 32768)
    } <= made.keys()


@st.composite
def column_types(draw: st.DrawFn) -> any_.Type:
    """Return column types of every family."""
    meaning = draw(any_.columns())
    try:
        return MySQLTypeSystem.from_intermediate(meaning, None)
    except IncompatibleTypesException:
        return mysql_type("int(5) unsigned zerofill")


@given(column_types())
def test_rendering_is_the_inverse_of_reading(kind: any_.Type) -> None:
    """What is rendered reads as the very class."""
    if kind is not mysql.MYSQL_BOOL and not issubclass(kind, mysql.MYSQL_LENIENT_MOMENT):
        assert mysql_type(render_ddl(kind)) is kind
        assert mysql_type(render_ddl(kind) if hasattr(kind, "members") else render_ddl(kind).upper()) is kind
    assert pickle.loads(pickle.dumps(kind)) is kind


def test_a_spatial_reference_system_is_rendered_for_mysql_alone() -> None:
    """MariaDB, which has another word for it, reads a comment; both read the type."""
    assert render_ddl(mysql_type("point srid 4326")) == "point /*!80003 srid 4326 */"


@given(st.lists(st.text(max_size=20).map(lambda text: text.rstrip(" ")), min_size=1, max_size=5, unique=True))
def test_members_of_any_text_survive_rendering(members: list[str]) -> None:
    """Quotes, backslashes, control characters and emoji come back."""
    kind = mysql.MYSQL_ENUM.of(members=tuple(members))
    assert mysql_type(render_ddl(kind)) is kind


@given(any_.columns())
def test_the_narrowest_type_holds_every_value(meaning: any_.Type) -> None:
    """A parametrised type fits the column type that is found for it."""
    if meaning in (it.INTEGER, it.STRING, it.DECIMAL, it.BYTES, it.DATETIME) or meaning.is_bare():
        return
    try:
        found = MySQLTypeSystem.from_intermediate(meaning, None)
    except IncompatibleTypesException:
        return
    kind: Any = meaning
    if kind.family in (it.INTEGER, it.DECIMAL, it.ENUM, it.STRING, it.TIME_INTERVAL) and len(kind.parameters) < 2:
        return  # `integer unsigned`, `string charset x` and their like have no bound
    if kind.family is it.STRING and kind.max_length is None and kind.max_bytes is None:
        return
    assert verdict(meaning, found).passes, (meaning.spelling(), found.spelling())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5, "bigint"),
        (2**63, "bigint unsigned"),
        (2**64, "decimal(65,0)"),
        (-(2**63) - 1, "decimal(65,0)"),
        ("x", "longtext"),
        (1.5, "double"),
        (Decimal("1.5"), "decimal(65,30)"),
        (Decimal("1E+40"), "decimal(65,24)"),
        (datetime(2021, 5, 6), "datetime(6)"),
        (datetime(2021, 5, 6, tzinfo=UTC), "timestamp(6)"),
        (date(2021, 5, 6), "date"),
        (timedelta(1), "time(6)"),
        (b"x", "longblob"),
        ({"a": 1}, "json"),
        (UUID(int=5), "uuid"),
        (IPv4Address("10.0.0.1"), "inet4"),
        (IPv6Address("::1"), "inet6"),
        (it.Geometry(1, b"\1\1\0\0\0" + b"\0" * 16), "geometry"),
    ],
)
def test_bare_values_take_the_widest_type(value: object, text: str) -> None:
    """A value of which only its Python class is known goes where all of its kind go."""
    made = MySQLTypeSystem.convert(primitive_to_intermediate_type(value, "n"))
    assert type(made) is mysql_type(text)
    assert (made.value, made.name) == (value, "n")


@pytest.mark.parametrize(
    ("meaning", "text"),
    [
        (it.INTEGER.of(bits=24, unsigned=True), "mediumint unsigned"),
        (it.DECIMAL.of(precision=9, scale=3), "decimal(9,3)"),
        (it.FLOAT.of(bits=32), "float"),
        (it.STRING.of(max_length=16383), "varchar(16383)"),
        (it.STRING.of(max_length=16384), "mediumtext"),
        (it.STRING.of(max_length=65532, charset="latin1"), "varchar(65532) character set latin1"),
        (it.STRING.of(max_length=65533, charset="latin1"), "text character set latin1"),
        (it.STRING.of(max_bytes=255), "tinytext"),
        (it.STRING.of(max_bytes=256), "text"),
        (it.STRING.of(max_length=9, padded=True), "char(9)"),
        (it.STRING.of(max_length=256, padded=True), "varchar(256)"),
        (it.BYTES.of(max_bytes=16, padded=True), "binary(16)"),
        (it.BYTES.of(max_bytes=65532), "varbinary(65532)"),
        (it.BYTES.of(max_bytes=65533), "blob"),
        (it.ENUM.of(members=("a", "b")), "enum('a','b')"),
        (it.ENUM.of(members=("a ", "bc")), "varchar(2)"),
        (it.TIMESTAMP, "timestamp(6)"),
        (it.TIME_INTERVAL.of(fsp=2), "time(2)"),
        (it.YEAR, "year"),
        (it.BITS, "bit(64)"),
        (it.BITS.of(bits=3), "bit(3)"),
        (it.SET.of(members=("a", "b")), "set('a','b')"),
        (it.INET, "varchar(39) charset ascii"),
        (it.GEOMETRY.of(kind="point", srid=4326), "point srid 4326"),
        (it.VECTOR, "vector(16383)"),
    ],
)
def test_an_intermediate_type_takes_the_narrowest_column(meaning: any_.Type, text: str) -> None:
    """As wide as the values need, and within the 65535 bytes of a row."""
    assert MySQLTypeSystem.from_intermediate(meaning, None) is mysql_type(text)


@pytest.mark.parametrize("value", [10**65, Decimal("1e-31"), Decimal(10) ** 65])
def test_what_no_column_holds_is_refused(value: object) -> None:
    """Beyond 65 digits, or 30 behind the point, there is no column type."""
    with pytest.raises(IncompatibleTypesException, match=r"^no MySQL column holds a"):
        MySQLTypeSystem.convert(primitive_to_intermediate_type(value))


def test_a_value_goes_back_to_the_class_it_came_from() -> None:
    """Name and original_type survive conversion, pickling and copying."""
    value = mysql.MYSQL_INTEGER8(5, name="sacks")
    there = value.to_intermediate_type()
    assert (there.name, there.original_type) == ("sacks", mysql.MYSQL_INTEGER8)
    back = MySQLTypeSystem.convert(there)
    assert (type(back), back.name, back.original_type) == (mysql.MYSQL_INTEGER8, "sacks", it.INTEGER.of(bits=32))
    for copied in (copy.copy(back), copy.deepcopy(back), pickle.loads(pickle.dumps(back))):
        assert (type(copied), copied, copied.name, copied.original_type) == (type(back), 5, "sacks", back.original_type)


def test_a_null_is_a_null_in_every_system() -> None:
    """cls(None) equals None, also where nothing but the null is known."""
    assert mysql.MYSQL_INTEGER8(None).to_python() is None
    assert MySQLTypeSystem.convert(primitive_to_intermediate_type(None, "t")).to_python() is None


def test_families_that_are_no_one_column_cannot_be_rendered() -> None:
    """A varchar without a length is a family, not a column type."""
    with pytest.raises(
        IncompatibleTypesException, match=r"^MYSQL_VARCHAR stands for many column types; give it parameters$"
    ):
        render_ddl(mysql.MYSQL_VARCHAR)
    with pytest.raises(IncompatibleTypesException, match=r"is no MySQL type$"):
        render_ddl(it.INTEGER)


def test_char_and_binary_refuse_what_they_would_change() -> None:
    """CHAR drops trailing blanks, BINARY fills up with zeros: such values are refused."""
    with pytest.raises(TypeCastError, match=r"^'a ' is no `char\(5\)`: trailing blanks would be dropped$"):
        mysql_type("char(5)")("a ")
    with pytest.raises(TypeCastError, match=r"^b'a' is no `binary\(2\)`: 1 bytes, it holds exactly 2$"):
        mysql_type("binary(2)")(b"a")


def test_a_rounded_float_refuses_what_it_would_round() -> None:
    """float(7,3) holds numbers of three decimals, as its 32 bits have them."""
    kind = mysql_type("double(5,2)")
    assert kind(1.25).to_python() == 1.25
    for wrong in (1.255, 1000.0):
        with pytest.raises(
            TypeCastError, match=r"is no `double\(5,2\)`: more than 5 digits, 2 of them behind the point$"
        ):
            kind(wrong)


@pytest.mark.parametrize(
    "collation",
    [
        *("utf8mb4_0900_ai_ci", "utf8mb4_ja_0900_as_cs_ks", "utf8mb4_de_pb_0900_as_cs", "utf8mb4_sr_latn_0900_ai_ci"),
        *("utf8mb4_0900_bin", "utf8_general_mysql500_ci", "utf8mb3_tolower_ci", "ucs2_unicode_520_nopad_ci"),
        *("uca1400_as_cs", "utf8mb4_uca1400_german2_nopad_as_cs", "utf8mb4_thai_520_w2", "latin1_swedish_ci"),
    ],
)
def test_collations_of_all_servers_are_known(collation: str) -> None:
    """Those of MySQL 8, which no server at hand has, and of MariaDB."""
    assert mysql_type(f"text collate {collation}").family is mysql_type("text")
