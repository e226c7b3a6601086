"""Row classes in pydantic: a declared Row is a field type of models, with validation, dumps and a JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic_core import PydanticCustomError, core_schema

from nanotyped.errors import RowError
from nanotyped.types.json import json_form

if TYPE_CHECKING:
    from nanotyped.row.rows import RowBase
    from nanotyped.row.schema import Schema


def core_schema_of(cls: type[RowBase]) -> core_schema.CoreSchema:
    """Return how pydantic validates and dumps rows of ``cls``.

    Takes a row, or a mapping of its columns: of Python values, or, in JSON, of the JSON forms of their types. Dumps to
    a dict of Python values, or of JSON forms.
    """

    def validate(value: Any, info: core_schema.ValidationInfo) -> Any:
        if isinstance(value, cls):
            return value
        if not isinstance(value, Mapping):
            raise PydanticCustomError("row_type", "give a row of {name}, or a mapping", {"name": cls.__name__})
        try:
            return cls.from_dict(_decoded(cls.schema, value) if info.mode == "json" else value)
        except (TypeError, RowError) as error:
            raise PydanticCustomError("row_value", "{reason}", {"reason": str(error)}) from error

    def dump(row: Any, info: core_schema.SerializationInfo) -> dict[str, Any]:
        values: dict[str, Any] = row.to_python()
        if info.mode != "json":
            return values
        forms = {column.name: json_form(column.type) for column in cls.schema}
        return {name: None if value is None else forms[name].encode(value) for name, value in values.items()}

    return core_schema.with_info_plain_validator_function(
        validate,
        serialization=core_schema.plain_serializer_function_ser_schema(dump, info_arg=True),
    )


def json_schema_of(cls: type[RowBase]) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of rows of ``cls``, each column in the JSON form of its type."""
    properties: dict[str, Any] = {}
    for column in cls.schema:
        form = dict(json_form(column.type).schema)
        properties[column.name] = {"anyOf": [form, {"type": "null"}]} if column.nullable else form
    return {
        "title": cls.__name__,
        "type": "object",
        "properties": properties,
        "required": list(cls.schema.names),
        "additionalProperties": False,
    }


def _decoded(schema: Schema, values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value if value is None or name not in schema else json_form(schema[name].type).decode(value)
        for name, value in values.items()
    }
