"""The JSON form of every type."""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings

from nanotyped.errors import IncompatibleTypesException, TypeCastError
from nanotyped.types import intermediate as it
from nanotyped.types.json import JSON_VALUE, JSONTypeSystem, json_form
from nanotyped.types.mysql import mysql_type
from tests.unit.types import strategies as any_

decode_exact = msgspec.json.Decoder(float_hook=Decimal).decode


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        ("int", 5, "5"),
        ("int unsigned", 2**32 - 1, "4294967295"),
        ("bigint", 5, '"5"'),
        ("bigint unsigned", 2**64 - 1, '"18446744073709551615"'),
        ("tinyint(1)", 1, "1"),
        ("decimal(12,2)", Decimal("9.9"), '"9.90"'),
        ("decimal(20,10)", Decimal(0), '"0.0000000000"'),
        ("double", 1e16, "1e16"),
        ("double", 1.0, "1.0"),
        ("varchar(9)", 'a"é', '"a\\"é"'),
        ("blob", b"\0\1", '"AAE="'),
        ("date", date(1, 2, 3), '"0001-02-03"'),
        ("datetime", datetime(2021, 5, 6, 7, 8, 9), '"2021-05-06T07:08:09"'),
        ("datetime(3)", datetime(2021, 5, 6, 7, 8, 9), '"2021-05-06T07:08:09.000"'),
        ("timestamp", datetime(2021, 5, 6, 7, 8, 9, tzinfo=UTC), '"2021-05-06T07:08:09Z"'),
        ("timestamp(6)", datetime(2021, 5, 6, 7, 8, 9, tzinfo=UTC), '"2021-05-06T07:08:09.000000Z"'),
        ("time", -timedelta(hours=838, minutes=59, seconds=59), '"-838:59:59"'),
        ("time(2)", timedelta(seconds=1), '"0:00:01.00"'),
        ("enum('a')", "a", '"a"'),
        ("json", {"a": [Decimal("1.10"), None, 2**70]}, '{"a":[1.10,null,1180591620717411303424]}'),
        ("json", it.JSON_NULL, "null"),
        ("year", 0, "0"),
        ("bit(4)", 5, '"0101"'),
        ("set('b','a')", frozenset("ab"), '["b","a"]'),
        ("uuid", UUID(int=1), '"00000000-0000-0000-0000-000000000001"'),
        ("inet4", IPv4Address("10.0.0.1"), '"10.0.0.1"'),
        ("inet6", IPv6Address("::ffff:1.2.3.4"), '"::ffff:1.2.3.4"'),
        ("point", it.Geometry(4326, b"\0\1"), '{"srid":4326,"wkb":"AAE="}'),
        ("vector(2)", (1.0, 0.5), "[1.0,0.5]"),
    ],
)
def test_each_type_has_one_form(kind: str, value: object, text: str) -> None:
    """The column type decides what a value looks like in JSON."""
    assert msgspec.json.encode(json_form(mysql_type(kind)).encode(value)).decode() == text


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (it.INTEGER, 5, '"5"'),
        (it.DECIMAL, Decimal("1E+3"), '"1000"'),
        (it.DATETIME, datetime(2021, 5, 6), '"2021-05-06T00:00:00.000000"'),
        (it.DATETIME, datetime(2021, 5, 6, tzinfo=UTC), '"2021-05-06T00:00:00.000000Z"'),
        (it.BOOL, True, "true"),
        (it.TIME_INTERVAL, timedelta(days=100), '"2400:00:00.000000"'),
    ],
)
def test_bare_families_have_one_form_too(kind: any_.Type, value: object, text: str) -> None:
    """What has no bound is a string, with all its digits."""
    assert msgspec.json.encode(json_form(kind).encode(value)).decode() == text


@settings(max_examples=200, deadline=None)
@given(any_.typed_values())
def test_every_value_survives_json(typed: tuple[any_.Type, Any]) -> None:
    """Encoded by its form and decoded by its type, a value is what it was; the source does what encode does."""
    kind, value = typed
    if kind is it.TIME_INTERVAL:
        value %= timedelta(hours=838)  # the bare family is read back as far as MySQL goes
    form = json_form(kind)
    text = msgspec.json.encode(form.encode(value))
    json.loads(text)
    found = form.decode(decode_exact(text))
    if value is not it.JSON_NULL:
        assert found == value
        assert type(found) is type(value) or kind is it.JSON  # a whole Decimal in a document comes back as an int
    generated = eval(form.source.format(value="v"), {"v": value, **form.names})
    assert msgspec.json.encode(generated) == text
    if form.native:
        assert msgspec.json.encode(value) == text


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        ("int", True, "True is no `int`: not a JSON integer"),
        ("int", "5", "'5' is no `int`: not a JSON integer"),
        ("int", 2**31, "2147483648 is no `int`: above 2147483647"),
        ("bigint", 5, "5 is no `bigint`: not a JSON string"),
        ("bigint", "5.0", "'5.0' is no `bigint`: not a whole number"),
        ("decimal(5,2)", Decimal("1.5"), "Decimal('1.5') is no `decimal(5,2)`: not a JSON string"),
        ("double", "1.5", "'1.5' is no `double`: not a JSON number"),
        ("varchar(9)", 5, "5 is no `varchar(9)`: not a JSON string"),
        ("blob", "AAE", "'AAE' is no `blob`: not base64"),
        ("date", "2021-05-06T00:00:00", "'2021-05-06T00:00:00' is no `date`: not spelled YYYY-MM-DD"),
        ("bit(4)", 5, "5 is no `bit(4)`: not a JSON string"),
        ("bit(4)", "101", "'101' is no `bit(4)`: not 4 zeros and ones"),
        ("set('a')", "a", "'a' is no `set('a')`: not a JSON array of texts"),
        ("uuid", 1, "1 is no `uuid`: not a JSON string"),
        ("point", [0, ""], "[0, ''] is no `point`: not a JSON object of `srid` and `wkb`"),
        ("vector(2)", [True], "'True' is no `float`: not a finite number"),
        ("datetime", 1620259200, "1620259200 is no `datetime`: not a JSON string"),
    ],
)
def test_another_form_is_refused(kind: str, value: object, message: str) -> None:
    """Decoding goes by the type: what has not its form is no value of it."""
    with pytest.raises(TypeCastError) as caught:
        json_form(mysql_type(kind)).decode(value)
    assert str(caught.value) == message


def test_text_that_looks_like_a_date_stays_text() -> None:
    """A string column is a string whatever it says."""
    assert json_form(mysql_type("varchar(20)")).decode("2021-05-06") == "2021-05-06"


@pytest.mark.parametrize(
    ("kind", "schema"),
    [
        ("tinyint", {"type": "integer", "minimum": -128, "maximum": 127}),
        ("bigint unsigned", {"type": "string", "pattern": "^[0-9]+$"}),
        ("decimal(5,2) unsigned", {"type": "string", "pattern": r"^[0-9]+\.[0-9]{2}$"}),
        ("varchar(9)", {"type": "string", "maxLength": 9}),
        ("varbinary(4)", {"type": "string", "contentEncoding": "base64", "maxLength": 8}),
        ("enum('a','b')", {"type": "string", "enum": ["a", "b"]}),
        ("timestamp", {"type": "string", "format": "date-time"}),
        ("json", {}),
        ("year", {"type": "integer", "minimum": 0, "maximum": 2155}),
        ("bit(4)", {"type": "string", "pattern": "^[01]{4}$"}),
        ("set('a')", {"type": "array", "items": {"type": "string", "enum": ["a"]}, "uniqueItems": True}),
        ("uuid", {"type": "string", "format": "uuid"}),
        ("inet6", {"type": "string", "format": "ipv6"}),
        ("vector(2)", {"type": "array", "items": {"type": "number"}, "minItems": 1, "maxItems": 2}),
    ],
)
def test_the_form_is_described_by_a_schema(kind: str, schema: dict[str, object]) -> None:
    """A JSON Schema says what the form looks like."""
    assert json_form(mysql_type(kind)).schema == schema


def test_objects_have_no_json() -> None:
    """An opaque object has no JSON form, and no JSON type."""
    for refused in (lambda: json_form(it.OBJECT), lambda: JSONTypeSystem.convert(it.OBJECT(()))):
        with pytest.raises(IncompatibleTypesException, match=r"^values of `object` have no JSON form$"):
            refused()


def test_a_json_type_takes_the_json_form() -> None:
    """JSON_VALUE is made of a Python value or of its JSON form, and prints what it means."""
    kind = JSON_VALUE.of(means=it.BYTES)
    assert kind("AAE=") == kind(b"\0\1") == b"\0\1"
    assert repr(kind(b"\0")) == "JSON_BYTES(b'\\x00')"
    assert kind(None).to_json() == b"null"
    with pytest.raises(TypeCastError, match=r"^'A' is no `json of bytes`: not base64$"):
        kind("A")
    with pytest.raises(ValueError, match=r"^means must be an intermediate type, not <class 'int'>$"):
        JSON_VALUE.of(means=int)
