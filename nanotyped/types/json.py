"""The JSON form of every type: one type, one form, by the column's type and never by the value.

Integers of up to 32 bits are numbers; wider ones, and bare INTEGER, which has no bound, are strings, since a number
in JSON keeps 53 bits only (RFC 8259, section 6). Decimals are strings at their scale; floats, bools and texts are
themselves; bytes are base64; moments are ISO with the digits of the type, ``Z`` behind a timestamp (a bare DATETIME
has six digits, and ``Z`` if it has a zone); spans are ``[-]H:MM:SS.f``; bits are a string of zeros and ones, sets an
array in the order of definition, geometries ``{"srid": …, "wkb": base64}``, vectors an array, UUIDs and IP addresses
strings; a date on no calendar, where a pipeline keeps such, is ``{"$invalid_date": "0000-00-00"}``; documents are
nested, their Decimals as numbers with all digits. A null is ``null``; a document that is
``null`` is so too, and JSON cannot tell the two apart.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from nanotyped.errors import IncompatibleTypesException, TypeCastError
from nanotyped.types import intermediate as it
from nanotyped.types.base import DataSourceTypeSystem, DataType, cast_error
from nanotyped.types.convert import json_text
from nanotyped.types.text import text_form
from nanotyped.types.text_rarer import geometry_object, read_geometry, read_members, read_vector

if TYPE_CHECKING:
    from nanotyped.types.text_form import Dialect

SAFE_BITS = 32  # the widest integer type that is sure to be exact as a JSON number (53 bits)
_CSV: Dialect = "csv"
_INVALID = "$invalid_date"


@dataclass(frozen=True, slots=True)
class JsonForm:
    """How the values of one type are written in JSON. Nulls are not for these functions.

    Attributes:
        native: Whether msgspec's own encoding of a value that is of the type is right already.
        encode: Python value to what msgspec then encodes rightly; the identity where ``native``.
        source: The same as Python source, for generated code: an expression with ``{value}`` in it. Free names in it
            are those of ``names``.
        names: The objects that ``source`` needs, by name; the same names in every form of one kind.
        schema: A JSON Schema (2020-12) of the form, without null.
        decode: Value out of a JSON parser (Decimal or float for numbers that are no integers) to the Python value;
            by the type, so that a text is never taken for a date that it looks like. Raises ``TypeCastError``.
    """

    native: bool
    encode: Callable[[Any], Any]
    source: str
    decode: Callable[[Any], Any]
    schema: Mapping[str, Any]
    names: Mapping[str, Any] = field(default_factory=dict)


def json_form(kind: type[DataType]) -> JsonForm:
    """Return the JSON form of a type of any system; equal types give the same object.

    Raises:
        IncompatibleTypesException: If values of the type have no JSON form.
    """
    make = _FORMS.get(kind.intermediate_type.family)
    if make is None:
        raise IncompatibleTypesException(f"values of `{kind.spelling()}` have no JSON form")
    return _made(kind)


@lru_cache(maxsize=4096)
def _made(kind: type[DataType]) -> JsonForm:
    meaning = kind.intermediate_type
    return _FORMS[meaning.family](kind, meaning)


def _same(value: Any) -> Any:
    return value


def _native(kind: type[DataType], accepted: tuple[type, ...], schema: Mapping[str, Any]) -> JsonForm:
    """Return the form of a type whose JSON values are what Python has, of exactly these classes."""

    def decode(value: Any) -> Any:
        if type(value) not in accepted:
            raise cast_error(kind, value, f"not a JSON {schema['type']}")
        return kind.python_cast_function(value)

    return JsonForm(True, _same, "{value}", decode, schema)


def _textual(kind: type[DataType], schema: Mapping[str, Any], *, native: bool = False) -> JsonForm:
    """Return the form of a type that is a JSON string, written and read as in CSV."""
    form = text_form(kind, _CSV)

    def decode(value: Any) -> Any:
        if not isinstance(value, str):
            raise cast_error(kind, value, "not a JSON string")
        return form.parse(value)

    schema = {"type": "string", **schema}
    if native:
        return JsonForm(True, _same, "{value}", decode, schema)
    name = f"_encode_{kind.__name__}"
    return JsonForm(False, form.render, f"{name}({{value}})", decode, schema, {name: form.render})


def _integer(kind: Any, meaning: Any) -> JsonForm:
    if meaning.bits is not None and meaning.bits <= SAFE_BITS:
        bounds = {"minimum": meaning.minimum, "maximum": meaning.maximum}
        return _native(kind, (int,), {"type": "integer", **bounds})
    form = _textual(kind, {"pattern": "^[0-9]+$" if meaning.unsigned else "^-?[0-9]+$"})
    return JsonForm(False, str, "str({value})", form.decode, form.schema)


def _bool(kind: Any, _meaning: Any) -> JsonForm:
    return _native(kind, (bool,), {"type": "boolean"})


def _decimal(kind: Any, meaning: Any) -> JsonForm:
    sign = "" if meaning.unsigned else "-?"
    fraction = r"(\.[0-9]+)?"
    if meaning.scale is not None:
        fraction = rf"\.[0-9]{{{meaning.scale}}}" if meaning.scale else ""
    return _textual(kind, {"pattern": f"^{sign}[0-9]+{fraction}$"})


def _float(kind: Any, meaning: Any) -> JsonForm:
    def decode(value: Any) -> float:
        if type(value) not in (int, float, Decimal):
            raise cast_error(kind, value, "not a JSON number")
        # Any decimal text stands for the float nearest to it.
        cast: float = kind.python_cast_function(str(value))
        return cast

    schema = {"type": "number", "minimum": 0} if meaning.unsigned else {"type": "number"}
    return JsonForm(True, _same, "{value}", decode, schema)


def _string(kind: Any, meaning: Any) -> JsonForm:
    schema: dict[str, Any] = {"type": "string"}
    if meaning.max_length is not None:
        schema["maxLength"] = meaning.max_length
    return _native(kind, (str,), schema)


def _enum(kind: Any, meaning: Any) -> JsonForm:
    return _native(kind, (str,), {"type": "string"} | ({"enum": list(meaning.members)} if meaning.members else {}))


def _bytes(kind: Any, meaning: Any) -> JsonForm:
    schema: dict[str, Any] = {"contentEncoding": "base64"}
    if meaning.max_bytes is not None:
        schema["maxLength"] = -(-meaning.max_bytes // 3) * 4
    return _textual(kind, schema, native=True)


def _date(kind: Any, _meaning: Any) -> JsonForm:
    return _textual(kind, {"format": "date"}, native=True)


def _moment(kind: Any, meaning: Any) -> JsonForm:
    schema = {"format": "date-time"} if meaning.family is it.TIMESTAMP else {"pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T"}
    # Without a fraction msgspec writes what we do, for a value that is of the type.
    return _textual(kind, schema, native=meaning.fsp == 0)


def _lenient(kind: Any, meaning: Any) -> JsonForm:
    form = _made(meaning.moment)

    def encode(value: Any) -> Any:
        return {_INVALID: value.text} if isinstance(value, it.InvalidDate) else form.encode(value)

    def decode(value: Any) -> Any:
        if not isinstance(value, dict):
            return form.decode(value)
        invalid = it.read_invalid_date(value.get(_INVALID)) if len(value) == 1 else None
        if invalid is None:
            raise cast_error(kind, value, f'not {{"{_INVALID}": …}} of a date that is on no calendar')
        return kind.python_cast_function(invalid)

    invalid = {"type": "object", "properties": {_INVALID: {"type": "string"}}, "required": [_INVALID]}
    schema = {"anyOf": [form.schema, {**invalid, "additionalProperties": False}]}
    name = f"_encode_{kind.__name__}"
    return JsonForm(False, encode, f"{name}({{value}})", decode, schema, {name: encode})


def _span(kind: Any, meaning: Any) -> JsonForm:
    digits = it.MAX_FSP if meaning.fsp is None else meaning.fsp
    hours = 11 if meaning.fsp is None else 3
    pattern = rf"^-?[0-9]{{1,{hours}}}:[0-5][0-9]:[0-5][0-9]" + (rf"\.[0-9]{{{digits}}}$" if digits else "$")
    return _textual(kind, {"pattern": pattern})


def _bits(kind: Any, meaning: Any) -> JsonForm:
    return _textual(kind, {"pattern": f"^[01]{{{meaning.bits or f'1,{it.MAX_BITS}'}}}$"})


def _set(kind: Any, meaning: Any) -> JsonForm:
    def decode(value: Any) -> Any:
        return kind.python_cast_function(read_members(kind, value))

    items = {"type": "string"} | ({"enum": list(meaning.members)} if meaning.members else {})
    schema = {"type": "array", "items": items, "uniqueItems": True}
    name = f"_encode_{kind.__name__}"
    return JsonForm(False, meaning.ordered, f"{name}({{value}})", decode, schema, {name: meaning.ordered})


def _uuid(kind: Any, _meaning: Any) -> JsonForm:
    return _textual(kind, {"format": "uuid"}, native=True)


def _inet(kind: Any, meaning: Any) -> JsonForm:
    return _textual(kind, {"format": f"ipv{meaning.version}"} if meaning.version else {})


def _geometry(kind: Any, _meaning: Any) -> JsonForm:
    def decode(value: Any) -> Any:
        return read_geometry(kind, value)

    properties = {"srid": {"type": "integer"}, "wkb": {"type": "string", "contentEncoding": "base64"}}
    schema = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    source, names = "_encode_geometry({value})", {"_encode_geometry": geometry_object}
    return JsonForm(False, geometry_object, source, decode, schema, names)


def _vector(kind: Any, meaning: Any) -> JsonForm:
    def decode(value: Any) -> Any:
        return read_vector(kind, value)

    limit = {} if meaning.dimensions is None else {"maxItems": meaning.dimensions}
    schema = {"type": "array", "items": {"type": "number"}, "minItems": 1, **limit}
    # Cast once more, for msgspec would write a NaN as null.
    name = f"_encode_{kind.__name__}"
    encode = meaning.python_cast_function
    return JsonForm(False, encode, f"{name}({{value}})", decode, schema, {name: encode})


def _document(kind: Any, _meaning: Any) -> JsonForm:
    def encode(value: Any) -> msgspec.Raw:
        return msgspec.Raw(json_text(value).encode())

    def decode(value: Any) -> Any:
        return kind.python_cast_function(_exact(value))

    return JsonForm(False, encode, "_encode_document({value})", decode, {}, {"_encode_document": encode})


def _exact(value: Any) -> Any:
    """Return a parsed document with Decimals for floats; a parser that keeps digits gives none of those."""
    match value:
        case float():
            return Decimal(repr(value))
        case dict():
            return {key: _exact(item) for key, item in value.items()}
        case list():
            return [_exact(item) for item in value]
    return value


_FORMS: Mapping[type[DataType], Callable[[Any, Any], JsonForm]] = {
    it.INTEGER: _integer,
    it.BOOL: _bool,
    it.DECIMAL: _decimal,
    it.FLOAT: _float,
    it.STRING: _string,
    it.ENUM: _enum,
    it.BYTES: _bytes,
    it.DATETIME: _moment,
    it.TIMESTAMP: _moment,
    it.DATE: _date,
    it.LENIENT_MOMENT: _lenient,
    it.TIME_INTERVAL: _span,
    it.YEAR: _integer,
    it.BITS: _bits,
    it.SET: _set,
    it.UUID: _uuid,
    it.INET: _inet,
    it.GEOMETRY: _geometry,
    it.VECTOR: _vector,
    it.JSON: _document,
}


class JSONTypeSystem(DataSourceTypeSystem):
    """Values on their way into JSON or out of it: every intermediate type, in its JSON form."""

    __slots__ = ()
    system_name = "json"

    @classmethod
    def from_intermediate(cls, intermediate: type[DataType], value: object) -> type[DataType]:
        """Return the JSON type of an intermediate type.

        Raises:
            IncompatibleTypesException: If its values have no JSON form.
        """
        del value  # the type decides, never the value
        if intermediate.family is not it.NULL:
            json_form(intermediate)
        return JSON_VALUE.of(means=intermediate)


JSONTypeSystem.type_system = JSONTypeSystem


class JSON_VALUE(DataType, JSONTypeSystem):
    """A value with a JSON form. Parameter: ``means``, the intermediate type. Python: that type's.

    Besides Python values, constructing takes the JSON form: ``JSON_VALUE.of(means=BYTES)("AAE=")``.
    """

    __slots__ = ()
    parameter_names = ("means",)
    means: ClassVar[type[DataType]] = it.JSON

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the intermediate type and its Python type."""
        means = parameters["means"]
        if not (isinstance(means, type) and issubclass(means, it.IntermediateType)):
            raise ValueError(f"means must be an intermediate type, not {means!r}")  # noqa: TRY004 - as of other parameters
        return {"means": means, "python_type": means.python_type}

    @classmethod
    def type_name(cls, parameters: Mapping[str, Any]) -> str:
        """Return a name such as ``JSON_INTEGER_64``."""
        return f"JSON_{parameters['means'].__name__}"

    @classmethod
    def to_intermediate_class(cls) -> type[DataType]:
        """Return the intermediate type."""
        return cls.means

    @classmethod
    def spelling(cls) -> str:
        """Return ``json of int64``."""
        return f"json of {cls.means.spelling()}"

    @classmethod
    def python_cast_function(cls, value: Any) -> Any:
        """Return the Python value: of a Python value, or of its JSON form.

        Raises:
            TypeCastError: If it is neither.
        """
        try:
            if isinstance(value, str) and cls.means.python_type is not str:
                return json_form(cls.means).decode(value)
            return cls.means.python_cast_function(value)
        except TypeCastError as error:
            raise TypeCastError(cls.spelling(), error.value, error.reason) from None

    def to_json(self) -> bytes:
        """Return the value as JSON text, in UTF-8."""
        if self.value is None:
            return b"null"
        return msgspec.json.encode(json_form(self.means).encode(self.value))
