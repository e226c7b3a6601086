"""The text of BITS, SET, UUID, INET, GEOMETRY and VECTOR; see ``text``."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from nanotyped.types import intermediate as it
from nanotyped.types.base import cast_error
from nanotyped.types.text_form import ANYTHING, Dialect, TextForm, parser_of

if TYPE_CHECKING:
    from nanotyped.types.base import DataType

_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_READ_UUID = re.compile(_UUID, re.ASCII | re.IGNORECASE)
_INET = r"[0-9a-f.:]{2,39}"
_READ_INET = re.compile(r"[0-9A-Fa-f.:]{2,45}", re.ASCII)
_JSON_OBJECT = r"\{(?s:.*)\}"
_JSON_ARRAY = r"\[(?s:.*)\]"
_encode = msgspec.json.encode
_decode = msgspec.json.decode


def bits_text(meaning: Any) -> Callable[[int], str]:
    """Return the function that writes a number as the bits of a type: all of them; from the first 1, for a bare one."""
    pattern = f"0{meaning.bits}b" if meaning.bits else "b"
    return lambda value: format(value, pattern)


def _packed(kind: type[DataType], unpack: Callable[[bytes], Any]) -> Callable[[Any], Any]:
    """Return a parser of what the server sends as bytes."""

    def parse(packed: Any) -> Any:
        if not isinstance(packed, bytes):
            raise cast_error(kind, packed, "not bytes, as the server sends it")
        value = unpack(packed)
        if value is None:
            raise cast_error(kind, packed, "not a whole number of 32-bit floats")
        return kind.python_cast_function(value)

    return parse


def _bits(kind: Any, meaning: Any, dialect: Dialect) -> TextForm:
    render = bits_text(meaning)
    if dialect == "mysql":
        return TextForm(ANYTHING, _packed(kind, lambda packed: int.from_bytes(packed, "big")), render)
    pattern = rf"[01]{{{meaning.bits or f'1,{it.MAX_BITS}'}}}"
    wanted = f"not {meaning.bits or 'some'} zeros and ones"
    return TextForm(pattern, parser_of(kind, re.compile(pattern), wanted, lambda text: int(text, 2)), render)


def _set(kind: Any, meaning: Any, dialect: Dialect) -> TextForm:
    def render(value: frozenset[str]) -> str:
        return _encode(meaning.ordered(value)).decode()

    if dialect == "mysql":
        return TextForm(ANYTHING, parser_of(kind, re.compile(ANYTHING), "not text", str), render)
    return TextForm(_JSON_ARRAY, lambda text: kind.python_cast_function(read_members(kind, _json(kind, text))), render)


def read_members(kind: type[DataType], found: Any) -> Any:
    """Return the members out of a JSON array, if that is what it is and none is there twice.

    Raises:
        TypeCastError: If it is not.
    """
    if not isinstance(found, list) or not all(isinstance(member, str) for member in found):
        raise cast_error(kind, found, "not a JSON array of texts")
    if len(set(found)) != len(found):
        raise cast_error(kind, found, "a member is there twice")
    return found


def _uuid(kind: Any, _meaning: Any, _dialect: Dialect) -> TextForm:
    return TextForm(_UUID, parser_of(kind, _READ_UUID, "not a UUID in 32 digits and four hyphens", str), str)


def _inet(kind: Any, _meaning: Any, _dialect: Dialect) -> TextForm:
    return TextForm(_INET, parser_of(kind, _READ_INET, "not an IP address", str), it.address_text)


def _geometry(kind: Any, _meaning: Any, dialect: Dialect) -> TextForm:
    def render(value: it.Geometry) -> str:
        return _encode(geometry_object(value)).decode()

    if dialect == "mysql":
        return TextForm(ANYTHING, _packed(kind, it.unpack_geometry), render)
    return TextForm(_JSON_OBJECT, lambda text: read_geometry(kind, _json(kind, text)), render)


def geometry_object(value: it.Geometry) -> dict[str, Any]:
    """Return the JSON object of a geometry; its bytes are left for msgspec to write in base64."""
    return {"srid": value.srid, "wkb": value.wkb}


def read_geometry(kind: type[DataType], found: Any) -> Any:
    """Return the geometry of a JSON object.

    Raises:
        TypeCastError: If it is not of ``srid`` and ``wkb`` alone, the one a number and the other base64.
    """
    if not isinstance(found, dict) or found.keys() != {"srid", "wkb"} or type(found["srid"]) is not int:
        raise cast_error(kind, found, "not a JSON object of `srid` and `wkb`")
    try:
        wkb = base64.b64decode(found["wkb"], validate=True)
    except (binascii.Error, ValueError, TypeError):
        raise cast_error(kind, found, "its `wkb` is not base64") from None
    return kind.python_cast_function(it.Geometry(found["srid"], wkb))


def _vector(kind: Any, _meaning: Any, dialect: Dialect) -> TextForm:
    def render(value: tuple[float, ...]) -> str:
        return _encode(kind.python_cast_function(value)).decode()

    if dialect == "mysql":
        return TextForm(ANYTHING, _packed(kind, it.unpack_vector), render)
    return TextForm(_JSON_ARRAY, lambda text: read_vector(kind, _json(kind, text)), render)


def read_vector(kind: type[DataType], found: Any) -> Any:
    """Return the vector of a JSON array; as any decimal text, a number stands for the float nearest to it.

    Raises:
        TypeCastError: If it is no array of numbers.
    """
    if not isinstance(found, list):
        raise cast_error(kind, found, "not a JSON array of numbers")
    return kind.python_cast_function([it.FLOAT.python_cast_function(str(number)) for number in found])


def _json(kind: type[DataType], text: Any) -> Any:
    try:
        if isinstance(text, str):
            return _decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        pass
    raise cast_error(kind, text, "no JSON")


RARER_FORMS: Mapping[type[DataType], Callable[[Any, Any, Dialect], TextForm]] = {
    it.BITS: _bits,
    it.SET: _set,
    it.UUID: _uuid,
    it.INET: _inet,
    it.GEOMETRY: _geometry,
    it.VECTOR: _vector,
}
