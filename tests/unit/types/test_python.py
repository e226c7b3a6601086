"""Python types, and what annotations stand for."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Any, Literal, Optional
from uuid import UUID

import pytest
from typing_extensions import TypeAliasType

from nanotyped.errors import IncompatibleTypesException, TypeCastError
from nanotyped.types import intermediate as it
from nanotyped.types import python as py
from nanotyped.types.mysql import mysql_type
from nanotyped.types.python import PrimitiveTypeSystem, PythonTypeSystem, annotation_type
from tests.unit.types import strategies as any_

UINT = mysql_type("int unsigned")
INET6 = it.INET.of(version=6)
MONEY = it.DECIMAL.of(precision=12, scale=2)


# As `type MoneyAlias = …` makes it, which Python 3.11 has no syntax for.
MoneyAlias = TypeAliasType("MoneyAlias", Annotated[Decimal, MONEY])


@pytest.mark.parametrize(
    ("annotation", "kind", "nullable"),
    [
        (MoneyAlias, MONEY, False),
        (TypeAliasType("Again", MoneyAlias | None), MONEY, True),
        (int, it.INTEGER, False),
        (bool, it.BOOL, False),
        (float, it.FLOAT, False),
        (Decimal, it.DECIMAL, False),
        (str, it.STRING, False),
        (bytes, it.BYTES, False),
        (datetime, it.DATETIME, False),
        (date, it.DATE, False),
        (timedelta, it.TIME_INTERVAL, False),
        (frozenset, it.SET, False),
        (frozenset[str], it.SET, False),
        (UUID, it.UUID, False),
        (IPv4Address, it.INET.of(version=4), False),
        (IPv6Address | None, INET6, True),
        (Annotated[IPv4Address, it.INET], it.INET, False),
        (tuple[float, ...], it.VECTOR, False),
        (Annotated[tuple[float, ...], it.VECTOR.of(dimensions=3)], it.VECTOR.of(dimensions=3), False),
        (it.Geometry, it.GEOMETRY, False),
        (Annotated[it.Geometry, mysql_type("point")], mysql_type("point"), False),
        (Annotated[frozenset[str] | None, mysql_type("set('a')")], mysql_type("set('a')"), True),
        (Annotated[int, mysql_type("bit(8)")], mysql_type("bit(8)"), False),
        (Annotated[int, mysql_type("year")], mysql_type("year"), False),
        (dict, it.JSON, False),
        (list[int], it.JSON, False),
        (dict[str, Any], it.JSON, False),
        (Any, it.OBJECT, False),
        (object, it.OBJECT, False),
        (None, it.NULL, True),
        (str | None, it.STRING, True),
        (Optional[str], it.STRING, True),  # noqa: UP045 - what is tested
        (Annotated[str, "a note for people"], it.STRING, False),
        (Annotated[int, UINT], UINT, False),
        (Annotated[int | None, UINT], UINT, True),
        (Annotated[int, UINT] | None, UINT, True),
        (Annotated[int, UINT.nullable()], UINT, True),
        (Annotated[Decimal, MONEY], MONEY, False),
        (Annotated[Annotated[int, UINT], "a note"], UINT, False),
        (Annotated[dict[str, Any] | None, it.JSON], it.JSON, True),
        (Annotated[list[int], mysql_type("json")], mysql_type("json"), False),
        (Annotated[datetime, mysql_type("timestamp")], mysql_type("timestamp"), False),
        (UINT, UINT, False),
        (it.STRING.nullable(), it.STRING, True),
        (py.PYTHON_INT, py.PYTHON_INT, False),
    ],
)
def test_an_annotation_stands_for_a_type(annotation: Any, kind: any_.Type, nullable: bool) -> None:
    """Python classes are bare families; Annotated, around or inside of an Optional, says more."""
    assert annotation_type(annotation) == (kind, nullable)


@pytest.mark.parametrize(
    ("annotation", "message"),
    [
        (Annotated[str, UINT], "`str` is not the Python type of `int unsigned`, which is `int`"),
        (Annotated[bool, mysql_type("tinyint(1)")], "`bool` is not the Python type of `tinyint(1)`, which is `int`"),
        (Annotated[datetime, it.DATE], "`datetime` is not the Python type of `date`, which is `date`"),
        (Annotated[float | None, MONEY], "`float` is not the Python type of `decimal(12,2)`, which is `Decimal`"),
        (Annotated[int, UINT, it.INTEGER], "one column has one type, not `int unsigned` and `integer`"),
        (int | str, "`int | str` is no type of a column: a column has one type, and None beside it at most"),
        (time, "`time` is no type of a column (did you mean `timedelta`, for a TIME is a span?)"),
        (set[str], "`set` is no type of a column (did you mean `frozenset[str]`, or `list`, for a JSON array?)"),
        (frozenset[int], "`frozenset` is no type of a column (did you mean `frozenset[str]`?)"),
        (
            tuple[int, str],
            "`tuple` is no type of a column "
            "(did you mean `list`, for a JSON array, or `tuple[float, ...]`, for a vector?)",
        ),
        (Annotated[IPv4Address, INET6], "`IPv4Address` is not the Python type of `inet6`, which is `IPv6Address`"),
        (Literal["a"], "`Literal` is no type of a column"),
        (5, "`5` is no type of a column"),
    ],
)
def test_what_is_no_type_of_a_column_says_so(annotation: Any, message: str) -> None:
    """A contradiction names both sides; an unknown annotation says what may be meant."""
    with pytest.raises(TypeError) as caught:
        annotation_type(annotation)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (mysql_type("varchar(3)")("x", name="n"), py.PYTHON_STR),
        (mysql_type("enum('x')")("x", name="n"), py.PYTHON_STR),
        (mysql_type("bigint")(5, name="n"), py.PYTHON_INT),
        (it.TIMESTAMP("2021-05-06T00:00:00+00:00", name="n"), py.PYTHON_DATETIME),
        (it.JSON([1], name="n"), py.PYTHON_JSON),
        (mysql_type("set('x')")("x", name="n"), py.PYTHON_FROZENSET),
        (mysql_type("year")(2024, name="n"), py.PYTHON_INT),
        (mysql_type("bit(8)")(5, name="n"), py.PYTHON_INT),
        (mysql_type("uuid")("0" * 32, name="n"), py.PYTHON_UUID),
        (mysql_type("inet4")("10.0.0.1", name="n"), py.PYTHON_IPV4ADDRESS),
        (mysql_type("inet6")("::1", name="n"), py.PYTHON_IPV6ADDRESS),
        (it.NULL(None, name="n"), py.PYTHON_NONE),
    ],
)
def test_every_value_has_a_python_type(value: Any, kind: any_.Type) -> None:
    """Conversion keeps value and name, and remembers where it came from."""
    made = PythonTypeSystem.convert(value)
    assert (type(made), made.value, made.name, made.original_type) == (kind, value.value, "n", type(value))
    assert type(type(value).type_system.convert(made)) is type(value)


def test_python_types_are_spelled_as_their_classes() -> None:
    """The spelling is the name in a program, and reads back."""
    for kind in (py.PYTHON_INT, py.PYTHON_DECIMAL, py.PYTHON_DATETIME, py.PYTHON_NONE):
        assert PythonTypeSystem.type_mapping(kind.spelling()) is kind
    with pytest.raises(TypeError, match=r"^`flaot` is no Python type of a column \(did you mean `float`\?\)$"):
        PythonTypeSystem.type_mapping("flaot")
    with pytest.raises(TypeCastError, match=r"^'x' is no `int`: not a whole number$"):
        py.PYTHON_INT("x")


def test_objects_have_no_python_type_of_a_column() -> None:
    """An opaque object passes unchecked edges only."""
    with pytest.raises(IncompatibleTypesException, match=r"^no Python type of a column holds `object`$"):
        PythonTypeSystem.convert(it.OBJECT(()))


def test_the_primitive_system_is_the_bare_value() -> None:
    """Converting to it unwraps."""
    assert type(PrimitiveTypeSystem.convert(it.INTEGER(3))) is int
