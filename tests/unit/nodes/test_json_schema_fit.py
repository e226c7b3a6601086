"""Schemas of what is sent against schemas of what is wanted: what is said to fit is valid, whatever the value."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, localcontext
from ipaddress import IPv4Address, IPv6Address
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from nanotyped.nodes.http.json_schema_fit import Finding, SchemaFit, describe
from nanotyped.nodes.http.openapi_document import OpenApiDocument
from nanotyped.nodes.http.sent_rows import sent_column, sent_row
from nanotyped.row import Column, RowEncoder, Schema, parse_schema
from nanotyped.types import mysql_type
from nanotyped.types.json_numbers import is_number
from tests.unit.types import strategies as any_

FORMATS = FormatChecker(formats=())


@FORMATS.checks("date", raises=ValueError)
def is_date(text: object) -> bool:
    """Return whether it is a full-date of RFC 3339, in years from 1000."""
    return not isinstance(text, str) or str(date.fromisoformat(text)) == text


@FORMATS.checks("date-time", raises=ValueError)
def is_moment(text: object) -> bool:
    """Return whether it is a date-time of RFC 3339, in UTC."""
    if not isinstance(text, str):
        return True
    datetime.fromisoformat(text)
    return re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", text) is not None


for name, read in (("uuid", UUID), ("ipv4", IPv4Address), ("ipv6", IPv6Address), ("decimal", Decimal)):
    FORMATS.checks(name, raises=(ValueError, ArithmeticError))(
        lambda text, read=read: not isinstance(text, str) or bool(str(read(text)))
    )
for name, low, high in (("int64", -(2**63), 2**63 - 1), ("uint64", 0, 2**64 - 1), ("int32", -(2**31), 2**31 - 1)):
    FORMATS.checks(name, raises=ValueError)(
        lambda value, low=low, high=high: not isinstance(value, str | int | Decimal) or low <= int(value) <= high
    )


def document(version: str = "3.1.0", **schemas: Any) -> OpenApiDocument:
    """Return a document with some schemas."""
    return OpenApiDocument("api.yaml", {"openapi": version, "components": {"schemas": schemas}})


def findings(given_schema: Any, wanted: Any, version: str = "3.1.0", **schemas: Any) -> list[Finding]:
    """Return what keeps all values of one schema from being valid against another."""
    fit = SchemaFit(document(version, **schemas))
    return fit.findings(given_schema, fit.flat(wanted))


def told(declaration: Any, wanted: Any, version: str = "3.1.0", **schemas: Any) -> list[tuple[str, str]]:
    """Return kind and reason of what keeps a column from fitting."""
    (column,) = parse_schema({"v": declaration})
    return [(one.kind, one.reason) for one in findings(sent_column(column), wanted, version, **schemas)]


def is_valid(value: Any, schema: Any) -> bool:
    """Return what the validator of others says."""
    with localcontext() as context:
        context.prec = 2000
        return Draft202012Validator(schema, format_checker=FORMATS).is_valid(value)


@st.composite
def sent(draw: st.DrawFn) -> tuple[Any, list[Any]]:
    """Return the schema of a column, and values of it as a service parses them."""
    kind = draw(any_.columns())
    column = Column("v", kind, nullable=draw(st.booleans()))
    number = is_number(kind) and draw(st.booleans())
    cells = st.none() | any_.values(kind) if column.nullable else any_.values(kind)
    row_class: Any = Schema([column]).row_class()
    rows = [row_class(cell) for cell in draw(st.lists(cells, min_size=1, max_size=4))]
    body = RowEncoder(Schema([column]), ["v"] if number else ()).array(rows)
    return sent_column(column, number=number), [row["v"] for row in json.loads(body, parse_float=Decimal)]


@settings(max_examples=100, deadline=None)
@given(sent())
def test_what_is_sent_is_valid_against_its_schema(found: tuple[Any, list[Any]]) -> None:
    """Every bound that a type is said to promise is kept by every value, as a number or a text."""
    schema, values = found
    assert all(is_valid(value, schema) for value in values)


@settings(max_examples=200, deadline=None)
@given(sent())
def test_what_is_sent_fits_its_own_schema(found: tuple[Any, list[Any]]) -> None:
    """A service that wants just what is sent gets it: nothing is refused, and nothing in doubt."""
    schema, _ = found
    assert findings(schema, schema) == []


@pytest.mark.parametrize(
    ("declaration", "shortest", "longest"),
    [
        ("decimal(5,2)", Decimal("0.00"), Decimal("-999.99")),
        ("decimal(5,2) unsigned", Decimal("0.00"), Decimal("999.99")),
        ("decimal(2,2)", Decimal("0.00"), Decimal("-0.99")),
        ("decimal(3,0)", Decimal(0), Decimal(-999)),
        ("bigint", 0, -(2**63)),
        ("bigint unsigned", 0, 2**64 - 1),
        ("time(3)", timedelta(0), -timedelta(hours=838, minutes=59, seconds=59)),
        ("bit(7)", 0, 127),
        ("timestamp(2)", datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 1, tzinfo=UTC)),
        ("datetime", datetime(2024, 1, 1), datetime(2024, 1, 1)),
        ("date", date(1000, 1, 1), date(9999, 12, 31)),
    ],
)
def test_lengths_of_texts_are_those_of_the_longest_values(declaration: str, shortest: Any, longest: Any) -> None:
    """The bounds that a type is said to promise are just those of its shortest and its longest text."""
    schema = parse_schema({"v": declaration})
    (column,) = schema
    row_class: Any = schema.row_class()
    found = json.loads(RowEncoder(schema).array([row_class(shortest), row_class(longest)]))
    sent_as = sent_column(column)
    assert [len(row["v"]) for row in found] == [sent_as["minLength"], sent_as["maxLength"]]


def _nearly(value: Any) -> st.SearchStrategy[Any]:
    """Return values of a keyword that lie about another."""
    if type(value) not in (int, Decimal):
        return st.just(value)
    with localcontext() as context:
        context.prec = 200
        near = [value, value + 1, value * 2, max(value - 1, 0), value // 2 if value > 0 else value]
    return st.sampled_from([one for one in near if one == value or one > 0])


def _plain() -> st.SearchStrategy[dict[str, Any]]:
    """Return schemas of a few keywords that a column may break or not."""
    names = ["string", "integer", "number", "boolean", "null", "array", "object"]
    counts = st.sampled_from([0, 1, 4, 10, 19, 20, 27, 36, 64, 255, 10**6])
    numbers = st.sampled_from([-(2**63), -(2**31), -128, -1, 0, 1, 9, 100, 127, 255, 2**31, 2**32, 2**63, 10**30])
    return st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(names) | st.lists(st.sampled_from(names), min_size=1, max_size=4, unique=True),
            "maxLength": counts,
            "minLength": counts,
            "minimum": numbers,
            "maximum": numbers,
            "exclusiveMinimum": numbers,
            "exclusiveMaximum": numbers,
            "multipleOf": st.sampled_from([1, 2, 10, Decimal("0.1"), Decimal("0.01"), Decimal("0.5")]),
            "enum": st.lists(st.sampled_from(["", "a", "b", "é", True, False, 0, 1, None]), min_size=1, max_size=6),
            "format": st.sampled_from(["date", "date-time", "uuid", "ipv4", "ipv6", "int32", "int64", "decimal"]),
            "maxItems": counts,
            "minItems": counts,
            "uniqueItems": st.booleans(),
            "items": st.sampled_from([True, False, {"type": "string"}, {"type": "number"}, {"enum": ["a", "b"]}]),
            "required": st.sampled_from([["srid"], ["srid", "wkb"], ["other"]]),
            "additionalProperties": st.sampled_from([True, False, {"type": "string"}]),
            "properties": st.sampled_from([{"srid": {"type": "integer"}, "wkb": {}}, {"srid": {"type": "string"}}]),
            "minProperties": st.integers(0, 3),
            "maxProperties": st.integers(0, 3),
        },
    )


@st.composite
def wanted_of(draw: st.DrawFn, schema: Any) -> Any:
    """Return schemas that what is sent may fit: its own, loosened or tightened, and others, put together."""
    alternatives = schema.get("anyOf", [schema])
    near = [
        {key: draw(_nearly(value)) for key, value in one.items() if key == "type" or draw(st.integers(0, 2))}
        for one in alternatives
    ]
    own: Any = near[0] if len(near) == 1 else {draw(st.sampled_from(["anyOf", "oneOf"])): near}
    match draw(st.integers(0, 6)):
        case 0:
            return draw(_plain())
        case 1:
            return {"allOf": [own, draw(_plain())]}
        case 2:
            return {"anyOf": [draw(_plain()), own, {"type": "null"}]}
        case 3:
            return {"oneOf": [own, draw(_plain())]}
        case 4:
            return {**draw(_plain()), "allOf": [own]}
    return own


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_what_is_said_to_fit_is_valid(data: st.DataObject) -> None:
    """No value of a column is refused by a validator where the check has nothing to say against its type."""
    schema, values = data.draw(sent())
    wanted = data.draw(wanted_of(schema))
    if not findings(schema, wanted):
        assert all(is_valid(value, wanted) for value in values)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_what_is_said_of_types_is_true_of_every_value(data: st.DataObject) -> None:
    """Where the JSON type alone clashes, and where a null may not be, a validator refuses each such value too."""
    schema, values = data.draw(sent())
    wanted = data.draw(wanted_of(schema))
    kinds = {one.kind for one in findings(schema, wanted) if one.path == ()}
    if "null" in kinds:
        assert not any(is_valid(value, wanted) for value in values if value is None)
    if "type" in kinds and "anyOf" not in schema:
        assert not any(is_valid(value, wanted) for value in values)


@pytest.mark.parametrize(
    ("declaration", "wanted", "reasons"),
    [
        ("varchar(64)", {"type": "string", "maxLength": 64}, []),
        ("varchar(65)", {"type": "string", "maxLength": 64}, [("value", "it may have 65 characters, 64 fit")]),
        ("longtext", {"maxLength": 64}, [("value", "it may have 4294967295 characters, 64 fit")]),
        ("enum('a','bcd')", {"maxLength": 2}, [("value", "it may have 3 characters, 2 fit")]),
        ("enum('a','b')", {"enum": ["b", "a", "c"]}, []),
        ("enum('a','c')", {"enum": ["a", "b"]}, [("value", "it may be `c`")]),
        ("varchar(9)", {"enum": ["a", "b"]}, [("value", "it may be something else")]),
        ("enum('a')", {"const": "a"}, []),
        ("tinyint", {"enum": [*range(-128, 128)]}, []),
        ("tinyint", {"enum": [*range(128)]}, [("value", "it may be `-128`")]),
        ("int", {"type": "number", "minimum": 0}, [("value", "it may be -2147483648, 0 is the least")]),
        ("int unsigned", {"type": "integer", "minimum": 0, "format": "int64"}, []),
        ("int unsigned", {"type": "integer", "format": "int32"}, [("value", "it may be beyond int32")]),
        ("smallint", {"exclusiveMaximum": 32767}, [("value", "it may be 32767, it is to be below 32767")]),
        ("smallint unsigned", {"exclusiveMinimum": 0}, [("value", "it may be 0, it is to be above 0")]),
        ("double", {"maximum": 100}, [("value", "it may be any number, 100 is the most")]),
        ("int", {"multipleOf": 0.5}, []),
        ("int", {"multipleOf": 2}, [("value", "it may be no multiple of 2")]),
        ("double", {"type": "integer"}, [("type", "it is sent as a number")]),
        ("bigint", {"type": "integer"}, [("type", "it is sent as a string")]),
        ("bigint", {"type": "string", "format": "int64"}, []),
        ("int null", {"type": "integer"}, [("null", "it may be null")]),
        ("int null", {"type": ["integer", "null"]}, []),
        ("int null", {"anyOf": [{"type": "integer"}, {"type": "null"}]}, []),
        ("int null", {"oneOf": [{"type": "null"}, {"type": "integer", "minimum": 0}]},
         [("value", "it may be -2147483648, 0 is the least")]),
        ("int null", {"enum": [None]}, [("value", "it may be something else")]),
        ("date", {"type": "string", "format": "date"}, []),
        ("date", {"format": "date-time"}, [("value", "it may be another text")]),
        ("datetime", {"format": "date-time"}, [("value", "it has no zone")]),
        ("timestamp(3)", {"format": "date-time", "maxLength": 24}, []),
        ("varchar(9)", {"format": "email"}, [("unproven", "format email")]),
        ("varchar(9)", {"format": "password"}, []),
        ("blob", {"type": "string", "format": "byte"}, []),
        ("varchar(9)", {"pattern": "^a", "minLength": 1}, [("unproven", "pattern"), ("unproven", "minLength 1")]),
        ("varchar(9)", {"not": {"const": ""}, "x-mine": 1, "title": "A", "wide": 1},
         [("unproven", "not"), ("unproven", "wide")]),
        ("varchar(9)", {"anyOf": [{"maxLength": 5}, {"maxLength": 9}]}, []),
        ("varchar(9)", {"oneOf": [{"maxLength": 5}, {"maxLength": 9}]}, [("unproven", "oneOf")]),
        ("varchar(9)", {"oneOf": [{"type": "integer"}, {"type": "array"}]}, [("type", "it is sent as a string")]),
        ("varchar(9)", False, [("value", "it may be something else")]),
        ("varchar(9)", True, []),
        ("json", {"type": "object"}, [("unproven", "type object")]),
        ("json", {}, []),
        ("set('a','b')", {"type": "array", "items": {"enum": ["a"]}, "uniqueItems": True},
         [("value", "it may be `b`")]),
        ("set('a','b')", {"maxItems": 1, "minItems": 1},
         [("value", "it may have 2 items, 1 fit"), ("unproven", "minItems 1")]),
    ],
)  # fmt: skip
def test_each_keyword(declaration: str, wanted: Any, reasons: list[tuple[str, str]]) -> None:
    """What a type cannot promise is refused with its reason, and what no type can promise is told as not proven."""
    assert told(declaration, wanted) == reasons


@pytest.mark.parametrize(
    ("declaration", "wanted", "reasons"),
    [
        ("int null", {"type": "integer", "nullable": True}, []),
        ("int null", {"type": "integer", "nullable": False}, [("null", "it may be null")]),
        ("int unsigned", {"minimum": 0, "exclusiveMinimum": False}, []),
        ("int unsigned", {"minimum": 0, "exclusiveMinimum": True},
         [("value", "it may be 0, it is to be above 0")]),
        ("varchar(9)", {"$ref": "#/components/schemas/Name", "maxLength": 1}, []),
        ("varchar(9) null", {"nullable": True, "allOf": [{"$ref": "#/components/schemas/Name"}]},
         [("unproven", "null")]),
        ("enum('a') null", {"type": "string", "nullable": True, "enum": ["a"]}, [("unproven", "null")]),
        ("enum('a') null", {"type": "string", "nullable": True, "enum": ["a", None]}, []),
    ],
)  # fmt: skip
def test_keywords_of_openapi_3_0(declaration: str, wanted: Any, reasons: list[tuple[str, str]]) -> None:
    """There null is a keyword, an exclusive bound is a flag, and nothing counts that stands beside a reference."""
    assert told(declaration, wanted, "3.0.3", Name={"type": "string"}) == reasons


def test_references_are_followed_where_a_value_leads() -> None:
    """All parts of `allOf` hold, what stands beside a reference too (3.1), and a tree may hold trees."""
    tree = {"type": "object", "properties": {"id": {"type": "integer"}, "next": {"$ref": "#/components/schemas/Tree"}}}
    short = {"$ref": "#/components/schemas/Name", "maxLength": 5}
    schemas: dict[str, Any] = {"Tree": tree, "Name": {"allOf": [{"type": "string"}, {"maxLength": 9}]}}
    assert told("varchar(9)", {"$ref": "#/components/schemas/Name"}, **schemas) == []
    assert told("varchar(9)", short, **schemas) == [("value", "it may have 9 characters, 5 fit")]
    assert findings(sent_row(parse_schema({"id": "int"})), {"$ref": "#/components/schemas/Tree"}, **schemas) == []


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ({"$ref": "#/components/schemas/Loop"}, "`#/components/schemas/Loop` leads back to itself"),
        (
            {"$ref": "other.yaml#/A"},
            "`other.yaml#/A` leads to another document, which is not read; bundle them into one",
        ),
        ({"$ref": "#/components/schemas/Lop"}, "`#/components/schemas/Lop` leads to nothing; did you mean `Loop`?"),
        ({"$ref": "#name"}, "`#name` is no JSON pointer (#/…), and nothing else is followed"),
        ({"$ref": 7}, "a $ref is text, not 7"),
        ({"allOf": {}}, "`allOf` is to be a list, not {}"),
        ({"anyOf": []}, "`anyOf` is to be a list of schemas, not []"),
        ({"maxLength": "64"}, "`maxLength: '64'` is no such keyword of JSON Schema"),
        ({"type": "text"}, "`type: text` is none of JSON Schema"),
        ({"type": 7}, "`type` is to be a name or a list of names, not 7"),
        ("string", "a schema is an object, not 'string'"),
    ],
)
def test_what_cannot_be_followed_says_why(wanted: Any, reason: str) -> None:
    """References in a circle, out of the document or to nothing, and words that are none, are no guess."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is looked at
        told("varchar(9)", wanted, Loop={"allOf": [{"$ref": "#/components/schemas/Loop"}]})
    assert str(caught.value) == reason


def test_members_of_objects() -> None:
    """Members that are needed, not known, set by the service, or unreadable are told, each by itself."""
    row = sent_row(parse_schema({"id": "int", "extra": "int", "odd": "int", "made": "int"}))
    wanted = {
        "allOf": [{"type": "object", "required": ["id", "at", "made_at"]}, {"required": ["name"]}],
        "additionalProperties": False,
        "required": ["name"],
        "properties": {
            "id": {"type": "integer"},
            "odd": {"$ref": "x.yaml"},
            "made": {"type": "integer", "readOnly": True},
            "made_at": {"readOnly": True},
            "name": {"type": "string"},
            "at": {"type": "string", "format": "date-time"},
        },
    }
    assert [(one.path, one.kind, one.expected) for one in findings(row, wanted)] == [
        (("extra",), "unknown", "nothing"),
        (("odd",), "unreadable", ""),
        (("made",), "unproven", "integer"),
        (("at",), "missing", "string, format date-time"),
        (("name",), "missing", "string"),
    ]


@pytest.mark.parametrize(
    ("wanted", "kinds"),
    [
        ({"properties": {"a": {}}, "unevaluatedProperties": False}, {"b": "unknown"}),
        ({"allOf": [{"properties": {"a": {}, "b": {}}}], "unevaluatedProperties": False}, {}),
        ({"allOf": [{"properties": {"a": {}}, "unevaluatedProperties": False}], "properties": {"b": {}}},
         {"b": "unknown"}),
        ({"anyOf": [{"properties": {"a": {}, "b": {}}}], "unevaluatedProperties": False},
         {"a": "unproven", "b": "unproven"}),
        ({"additionalProperties": {"type": "string"}, "properties": {"a": {}}}, {"b": "type"}),
        ({"additionalProperties": False, "patternProperties": {"^a": {}}}, {"a": "unproven", "b": "unproven"}),
        ({"allOf": [{"properties": {"a": {}}, "additionalProperties": False}], "properties": {"b": {}}},
         {"b": "unknown"}),
    ],
)  # fmt: skip
def test_what_else_an_object_may_hold(wanted: Any, kinds: dict[str, str]) -> None:
    """A schema that is closed knows its own members alone, and `unevaluatedProperties` those of its parts too."""
    row = sent_row(parse_schema({"a": "int", "b": "int"}))
    assert {one.path[0]: one.kind for one in findings(row, wanted)} == kinds


@pytest.mark.parametrize(
    ("wanted", "reasons"),
    [
        ({"minimum": 2, "maximum": 6, "format": "int32"}, []),
        ({"exclusiveMinimum": 1, "exclusiveMaximum": 7, "multipleOf": 2}, []),
        ({"minimum": 3}, ["it may be 2, 3 is the least"]),
        ({"exclusiveMaximum": 6}, ["it may be 6, it is to be below 6"]),
        ({"multipleOf": 4}, ["it may be no multiple of 4"]),
    ],
)
def test_numbers_that_are_known_one_by_one(wanted: Any, reasons: list[str]) -> None:
    """A literal of a template is held to bounds by its own value."""
    assert [one.reason for one in findings({"type": "integer", "enum": [2, 6]}, wanted)] == reasons


def test_what_else_an_object_may_hold_is_a_schema() -> None:
    """A word in its place is unreadable, and not as good as nothing."""
    (found,) = findings(sent_row(parse_schema({"a": "int"})), {"additionalProperties": 0})
    assert (found.kind, found.reason) == ("unreadable", "a schema is an object, not 0")


def test_descriptions() -> None:
    """What is wanted is told in the words of the document."""
    fit = SchemaFit(document())
    assert describe(fit.flat({})) == "anything"
    assert describe(fit.flat({"type": ["null", "number"], "minimum": 0})) == "number or null, minimum 0"
    assert describe(fit.flat({"enum": ["a", None, True, 1, 2, 3]})) == "one of a, null, true, 1, 2, …"
    assert describe(fit.flat({"type": "string", "pattern": "^a$", "maxLength": 9})) == "string, pattern, maxLength 9"


def test_a_row_of_a_column_that_has_no_form_is_anything() -> None:
    """What cannot be sent at all is a problem of its own, and no second one here."""
    kind = mysql_type("varchar(9)")
    assert sent_row(Schema([Column("__value__", kind)])) == {"type": "string", "maxLength": 9}
