"""What rows are once they are sent: the JSON Schema of a schema's rows, with every bound that the types promise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from nanotyped.errors import IncompatibleTypesException
from nanotyped.row.encoding import Numbers, form_of, number_columns
from nanotyped.row.schema import BARE_VALUE
from nanotyped.types import intermediate as it
from nanotyped.types.text_extent import max_characters

if TYPE_CHECKING:
    from nanotyped.row import Schema
    from nanotyped.row.schema import Column

JsonSchema = Mapping[str, Any]


def sent_row(schema: Schema, numbers: Numbers = (), more: Mapping[str, JsonSchema] | None = None) -> JsonSchema:
    """Return the JSON Schema (2020-12) that every row is valid against, as ``RowEncoder`` writes it.

    Args:
        schema: Of the rows.
        numbers: As of ``RowEncoder``.
        more: Members that are added to each row's object, by name.
    """
    as_numbers = number_columns(schema, numbers)
    columns = {column.name: sent_column(column, number=column.name in as_numbers) for column in schema}
    if schema.names == (BARE_VALUE,):
        return columns[BARE_VALUE]
    return object_of({**columns, **(more or {})})


def object_of(members: Mapping[str, JsonSchema]) -> JsonSchema:
    """Return the JSON Schema of an object with these members, all of them, and no others."""
    return {"type": "object", "properties": members, "required": list(members), "additionalProperties": False}


def sent_column(column: Column, *, number: bool = False) -> JsonSchema:
    """Return the JSON Schema of a column's values, null among them where there are such.

    Of a column that cannot be sent, which is a problem of its own, any value is.
    """
    try:
        form = form_of(column, number=number)
    except IncompatibleTypesException:
        return {}
    if form is None:
        return {"type": "null"}
    schema = form.schema if number else _bounded(column.type.intermediate_type, form.schema)
    return {"anyOf": [schema, {"type": "null"}]} if column.nullable and schema else schema


def _bounded(meaning: Any, schema: JsonSchema) -> JsonSchema:
    """Return a form's schema with what else is true of the values of its type."""
    if meaning.family is it.LENIENT_MOMENT:
        moment, invalid = schema["anyOf"]
        return {"anyOf": [_bounded(meaning.moment, moment), invalid]}
    bounds = _BOUNDS.get(meaning.family)
    if bounds is None:
        return schema
    found = {key: value for key, value in bounds(meaning).items() if value is not None and key not in schema}
    return {**schema, **found}


def _of_length(least: int, most: int) -> dict[str, Any]:
    return {"minLength": least, "maxLength": most}


def _integer(meaning: Any) -> dict[str, Any]:
    if meaning.bits is None or meaning.bits <= 32:  # without bounds, or a number
        return {}
    most = max(len(str(meaning.minimum)), len(str(meaning.maximum)))
    return {**_of_length(1, most), "format": "uint64" if meaning.unsigned else "int64"}


def _decimal(meaning: Any) -> dict[str, Any]:
    if meaning.scale is None:
        return {"format": "decimal", "minLength": 1}
    tail = meaning.scale + 1 if meaning.scale else 0
    whole = max(meaning.precision - meaning.scale, 1)
    return {"format": "decimal", **_of_length(1 + tail, whole + tail + (not meaning.unsigned))}


def _string(meaning: Any) -> dict[str, Any]:
    return {"maxLength": max_characters(meaning)}


def _moment(meaning: Any) -> dict[str, Any]:
    if meaning.fsp is None:
        return {}
    length = 19 + _fraction(meaning.fsp) + (meaning.family is it.TIMESTAMP)
    return _of_length(length, length)


def _span(meaning: Any) -> dict[str, Any]:
    return {} if meaning.fsp is None else _of_length(7 + _fraction(meaning.fsp), 10 + _fraction(meaning.fsp))


def _fraction(digits: int) -> int:
    return digits + 1 if digits else 0


def _bits(meaning: Any) -> dict[str, Any]:
    return _of_length(meaning.bits or 1, meaning.bits or it.MAX_BITS)


def _set(meaning: Any) -> dict[str, Any]:
    return {"maxItems": None if meaning.members is None else len(meaning.members)}


_BOUNDS: Mapping[Any, Callable[[Any], dict[str, Any]]] = {
    it.INTEGER: _integer,
    it.DECIMAL: _decimal,
    it.STRING: _string,
    it.DATE: lambda _meaning: _of_length(10, 10),
    it.DATETIME: _moment,
    it.TIMESTAMP: _moment,
    it.TIME_INTERVAL: _span,
    it.BITS: _bits,
    it.UUID: lambda _meaning: _of_length(36, 36),
    it.SET: _set,
}
