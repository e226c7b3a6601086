"""JSON numbers with all their digits, for columns that ask for them: 64-bit integers and decimals.

Their own form is a string (``nanotyped.types.json``), since many readers of JSON keep 53 bits of a number (RFC 8259,
section 6). A service that wants numbers gets them whole: a decimal as a literal at its scale, ``9.90``.
"""

from __future__ import annotations

from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec

from nanotyped.errors import IncompatibleTypesException
from nanotyped.types import intermediate as it
from nanotyped.types.base import cast_error
from nanotyped.types.json import JsonForm, json_form
from nanotyped.types.text import text_form

if TYPE_CHECKING:
    from nanotyped.types.base import DataType

_FAMILIES = (it.INTEGER, it.YEAR, it.DECIMAL, it.FLOAT)
# What msgspec writes by itself; wider integers are brought into text.
_NATIVE_BITS = 64


def is_number(kind: type[DataType]) -> bool:
    """Return whether the values of a type of any system can be numbers in JSON."""
    return kind.intermediate_type.family in _FAMILIES


@lru_cache(maxsize=4096)
def json_number_form(kind: type[DataType]) -> JsonForm:
    """Return the form of a type whose values are to be JSON numbers; of floats and narrow integers their own form.

    ``decode`` takes what a parser gives that keeps digits (``Decimal`` for whatever is no integer), and no float.

    Raises:
        IncompatibleTypesException: If the values of the type are no numbers.
    """
    meaning: Any = kind.intermediate_type
    if not is_number(kind):
        raise IncompatibleTypesException(f"values of `{kind.spelling()}` are no numbers in JSON")
    if meaning.family is it.DECIMAL:
        return _decimal(kind, meaning)
    if meaning.family is it.INTEGER and json_form(kind).schema["type"] != "integer":
        return _integer(kind, meaning)
    return json_form(kind)


def _integer(kind: type[DataType], meaning: Any) -> JsonForm:
    def decode(value: Any) -> Any:
        if type(value) is not int:
            raise cast_error(kind, value, "not a JSON integer")
        return kind.python_cast_function(value)

    bounds = {"minimum": meaning.minimum, "maximum": meaning.maximum}
    schema = {"type": "integer", **{key: bound for key, bound in bounds.items() if bound is not None}}
    if meaning.bits is not None and meaning.bits <= _NATIVE_BITS:
        return JsonForm(True, int, "{value}", decode, schema)
    return JsonForm(False, _digits, "_encode_digits({value})", decode, schema, {"_encode_digits": _digits})


def _digits(value: int) -> msgspec.Raw:
    return msgspec.Raw(str(value).encode())


def _decimal(kind: type[DataType], meaning: Any) -> JsonForm:
    render = text_form(kind, "csv").render

    def encode(value: Decimal) -> msgspec.Raw:
        return msgspec.Raw(render(value).encode())

    def decode(value: Any) -> Any:
        if type(value) not in (int, Decimal):
            raise cast_error(kind, value, "not a JSON number with all its digits")
        return kind.python_cast_function(Decimal(value))

    name = f"_encode_number_{kind.__name__}"
    return JsonForm(False, encode, f"{name}({{value}})", decode, _decimal_schema(meaning), {name: encode})


def _decimal_schema(meaning: Any) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "integer" if meaning.scale == 0 else "number"}
    if meaning.unsigned:
        schema["minimum"] = 0
    if meaning.scale is not None:
        unit = Decimal((0, (1,), -meaning.scale)) if meaning.scale else 1
        nines = (9,) * meaning.precision
        # Made of digits: arithmetic would round to those of the context.
        low, high = (Decimal((sign, nines, -meaning.scale)) for sign in (1, 0))
        bounds = (low, high) if meaning.scale else (int(low), int(high))
        schema = {**schema, "minimum": 0 if meaning.unsigned else bounds[0], "maximum": bounds[1], "multipleOf": unit}
    return schema
