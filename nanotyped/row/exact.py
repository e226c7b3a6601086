"""A row as JSON that leads back to the very row, its types included, also where values are none of their columns.

``columns`` holds the type of each column, ``row`` the values in the JSON form of that type. A value that has none
(it breaks its column's contract, or is a NaN) stands in ``misfits`` instead, with a type of its own; one that JSON
cannot hold at all stands there as text, to be read by people, and such a row does not come back.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypedDict

import msgspec

from nanotyped.errors import IncompatibleTypesException, RowError, TypeCastError, shown
from nanotyped.row.arrow_label import parse_label, render_label
from nanotyped.row.rows import Row, astuple, infer_value, row_class_of, row_info
from nanotyped.row.schema import Column, Schema
from nanotyped.types.intermediate import JSON, JSON_NULL, NULL
from nanotyped.types.json import json_form

if TYPE_CHECKING:
    from nanotyped.types.base import DataType

_json = msgspec.json.Encoder()
# What a cast, a form or the encoder raises for a value that is none of a type.
_NO_FORM = (IncompatibleTypesException, TypeCastError, UnicodeEncodeError, ValueError, TypeError, ArithmeticError)
_UNFIT = (*_NO_FORM, AttributeError, RecursionError)


class ExactRow(TypedDict):
    """A row as JSON."""

    columns: dict[str, Any]
    row: dict[str, Any]
    misfits: dict[str, Any]


def render_exact(row: Row) -> ExactRow:
    """Return a row as what ``msgspec.json`` encodes."""
    schema = row_info(type(row)).schema
    made: ExactRow = {"columns": {}, "row": {}, "misfits": {}}
    for column, value in zip(schema, astuple(row), strict=True):
        made["columns"][column.name] = render_column(column)
        if value is None or (form := _form_of(column.type, value)) is None:
            made["row"][column.name] = None
            if value is not None:
                made["misfits"][column.name] = _misfit(value)
        else:
            made["row"][column.name] = form
    return made


def parse_exact(found: Mapping[str, Any]) -> Row:
    """Return the row of its JSON, as a parser gives it that keeps all digits of numbers.

    Raises:
        RowError: If a value of it was no more than text, or it is no such JSON.
    """
    try:
        columns = [parse_column(name, label) for name, label in found["columns"].items()]
        cells, misfits = found["row"], found["misfits"]
        values = [
            _misfit_value(column.name, misfits[column.name])
            if column.name in misfits
            else None
            if cells[column.name] is None
            else json_form(column.type).decode(cells[column.name])
            for column in columns
        ]
    except (KeyError, AttributeError, *_NO_FORM) as error:
        if isinstance(error, RowError):
            raise
        raise RowError(f"this is no row that can be read back: {type(error).__name__}: {error}") from error
    row_class: Any = row_class_of(Schema(columns))  # made by position, of Python values
    made: Row = row_class(*values)
    return made


def render_column(column: Column) -> dict[str, Any]:
    """Return what a column is, but for its name, as JSON holds it."""
    label: dict[str, Any] = msgspec.json.decode(render_label(column))
    return {**label, "null": True} if column.nullable else label


def parse_column(name: str, label: Mapping[str, Any]) -> Column:
    """Return the column of a name and its JSON.

    Raises:
        IncompatibleTypesException: If it is no such JSON.
    """
    nullable = bool(label.get("null", False))
    found = parse_label(_json.encode({key: value for key, value in label.items() if key != "null"}))
    return Column(name, found.type, nullable=nullable, key=found.key)


def _form_of(kind: type[DataType], value: Any) -> Any:
    """Return the JSON form of a value, ``None`` where it does not lead back to the value."""
    if kind.intermediate_type is NULL:
        return None
    try:
        form = json_form(kind)
        text = _json.encode(form.encode(value))
        back = form.decode(_read(text))
        # Within a document a float is a decimal number with the same digits.
        meant = form.decode(value) if kind.intermediate_type.family is JSON else value
    except _UNFIT:
        return None
    same = type(back) is type(value) and bool(back == meant)
    if same and isinstance(value, Decimal):
        same = value.as_tuple() == back.as_tuple()
    return msgspec.Raw(text) if same and text != b"null" else None


def _misfit(value: Any) -> dict[str, Any]:
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    if value is JSON_NULL:
        return {"json": "null"}
    try:
        kind = type(infer_value(value, "value"))
    except _UNFIT:
        return {"text": shown(value)}
    form = _form_of(kind, value)
    return {"text": shown(value)} if form is None else {"type": render_column(Column("value", kind)), "value": form}


def _misfit_value(name: str, found: Mapping[str, Any]) -> Any:
    if "text" in found:
        raise RowError(f"column `{name}` held {found['text']}, which JSON cannot hold", column=name)
    if "float" in found:
        return float(found["float"])
    if "json" in found:
        return JSON_NULL
    return json_form(parse_column(name, found["type"]).type).decode(found["value"])


def _read(text: bytes) -> Any:
    """Return parsed JSON, every digit of its numbers kept."""
    return json.loads(text, parse_float=Decimal)
