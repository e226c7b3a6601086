"""The exact values behind what SQLite stores, and what to store for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

from nanotyped.errors import IncompatibleTypesException
from nanotyped.types import intermediate as it
from nanotyped.types.base import DataType, cast_error
from nanotyped.types.convert import json_text
from nanotyped.types.text import moment_renderer, parse_text, span_renderer, text_form

if TYPE_CHECKING:
    from nanotyped.types.text_form import Dialect

EXACT_DIGITS = 15  # of a decimal that a double gives back (DBL_DIG)
_TEXTUAL: Dialect = "mysql"  # the text of moments and spans in SQLite is that of MySQL
Coder: TypeAlias = Callable[[Any], Any]


@cache
def decoder(kind: type[DataType]) -> Coder:
    """Return the function that makes a Python value of what ``sqlite3`` gives: ``None``, int, float, str or bytes.

    It raises ``TypeCastError`` for what is not exactly a value of the type.

    Raises:
        IncompatibleTypesException: If no SQLite column holds the type.
    """
    return _nullable(_coders(kind)[0](kind, kind.intermediate_type))


@cache
def encoder(kind: type[DataType]) -> Coder:
    """Return the function that makes of a Python value what ``sqlite3`` is to store; ``decoder`` gives it back.

    The column should be declared as of ``spelling()``, decimals as ``TEXT``: a NUMERIC one would make them REAL.

    Raises:
        IncompatibleTypesException: If no SQLite column holds the type.
    """
    return _nullable(_coders(kind)[1](kind, kind.intermediate_type))


def _coders(kind: type[DataType]) -> tuple[Callable[[Any, Any], Coder], Callable[[Any, Any], Coder]]:
    found = _CODERS.get(kind.intermediate_type.family)
    if found is None:
        raise IncompatibleTypesException(f"no SQLite column holds `{kind.spelling()}`")
    return found


def _nullable(code: Coder) -> Coder:
    return lambda value: None if value is None else code(value)


def _stored_as(*classes: type) -> Callable[[Any, Any], Coder]:
    """Return a maker of decoders that take values of these storage classes and cast them."""

    def make(kind: Any, _meaning: Any) -> Coder:
        cast: Coder = kind.python_cast_function

        def decode(value: Any) -> Any:
            if type(value) not in classes:
                raise cast_error(kind, value, f"SQLite stores it as {_storage(value)}")
            return cast(value)

        return decode

    return make


def _storage(value: object) -> str:
    return {int: "INTEGER", float: "REAL", str: "TEXT", bytes: "BLOB"}.get(type(value), type(value).__name__)


def _decode_integer(kind: Any, meaning: Any) -> Coder:
    decode = _stored_as(int, str)(kind, meaning)

    def exact(value: Any) -> Any:
        if type(value) is float:
            reason = "SQLite kept it as REAL, which rounds integers of 64 bits; declare the column as TEXT"
            raise cast_error(kind, value, reason)
        return decode(value)

    return exact


def _decode_bits(kind: Any, meaning: Any) -> Coder:
    decode = _decode_integer(kind, meaning)
    # Text is not zeros and ones here but the decimal digits of what an INTEGER cannot hold.
    return lambda value: decode(int(value) if type(value) is str and value.isdecimal() else value)


def _decode_decimal(kind: Any, meaning: Any) -> Coder:
    parse = parse_text(kind, _TEXTUAL)
    cast = kind.python_cast_function

    def decode(value: Any) -> Any:
        if type(value) is str:
            return parse(value)
        if type(value) not in (int, float):
            raise cast_error(kind, value, f"SQLite stores it as {_storage(value)}")
        number = Decimal(repr(value))
        # NUMERIC affinity makes text a REAL, and that an INTEGER where it is whole: more digits than a double gives
        # back may have been rounded, but for integers that had no digits behind the point to begin with.
        if _digits(number, meaning.scale) > EXACT_DIGITS and not (type(value) is int and meaning.scale == 0):
            reason = f"SQLite kept it as REAL, exact to {EXACT_DIGITS} digits only; declare the column as TEXT"
            raise cast_error(kind, value, reason)
        return cast(number)

    return decode


def _digits(number: Decimal, scale: int | None) -> int:
    """Return how many digits a number was written with, as far as its type tells."""
    if scale is None or not number.is_finite():
        return len(number.as_tuple().digits)
    return max(number.adjusted() + 1 + scale, 1)


def _decode_float(kind: Any, _meaning: Any) -> Coder:
    cast = kind.python_cast_function

    def decode(value: Any) -> Any:
        if type(value) not in (float, int):
            raise cast_error(kind, value, f"SQLite stores it as {_storage(value)}")
        return cast(value)

    return decode


def _decode_text(kind: Any, _meaning: Any) -> Coder:
    parse = parse_text(kind, _TEXTUAL)

    def decode(value: Any) -> Any:
        if type(value) is not str:
            raise cast_error(kind, value, f"SQLite stores it as {_storage(value)}")
        return parse(value)

    return decode


def _encode_integer(_kind: Any, _meaning: Any) -> Coder:
    # Beyond 64 bits sqlite3 refuses an int; as text it stays exact in a TEXT column.
    return lambda value: value if -(2**63) <= value < 2**63 else str(value)


def _encode_moment(kind: Any, _meaning: Any) -> Coder:
    render = moment_renderer(kind)
    return lambda value: render(value).removesuffix("Z").replace("T", " ")


def _encode_bare_datetime(kind: Any, meaning: Any) -> Coder:
    encode = _encode_moment(kind, meaning)

    def refuse_zone(value: datetime) -> Any:
        if value.tzinfo is not None:
            raise cast_error(kind, value, "it has a zone, which SQLite's text has no place for; use a timestamp")
        return encode(value)

    return refuse_zone


def _encode_datetime(kind: Any, meaning: Any) -> Coder:
    return (_encode_bare_datetime if meaning.is_bare() else _encode_moment)(kind, meaning)


def _encode_decimal(kind: Any, _meaning: Any) -> Coder:
    return text_form(kind, _TEXTUAL).render


def _encode_lenient(_kind: Any, meaning: Any) -> Coder:
    encode = encoder(meaning.moment)
    return lambda value: value.text if isinstance(value, it.InvalidDate) else encode(value)


def _decode_json_text(kind: Any, _meaning: Any) -> Coder:
    parse = parse_text(kind, "csv")  # which is the JSON form

    def decode(value: Any) -> Any:
        if type(value) is not str:
            raise cast_error(kind, value, f"SQLite stores it as {_storage(value)}")
        return parse(value)

    return decode


def _encode_json_text(kind: Any, _meaning: Any) -> Coder:
    return text_form(kind, "csv").render


def _decode_packed(kind: Any, _meaning: Any) -> Coder:
    parse = parse_text(kind, "mysql")  # which is bytes

    def decode(value: Any) -> Any:
        if type(value) is not bytes:
            raise cast_error(kind, value, f"SQLite stores it as {_storage(value)}")
        return parse(value)

    return decode


def _always(code: Coder) -> Callable[[Any, Any], Coder]:
    return lambda _kind, _meaning: code


def _same(value: Any) -> Any:
    return value


_CODERS: Mapping[type[DataType], tuple[Callable[[Any, Any], Coder], Callable[[Any, Any], Coder]]] = {
    it.INTEGER: (_decode_integer, _encode_integer),
    it.BOOL: (_stored_as(int), _always(int)),
    it.DECIMAL: (_decode_decimal, _encode_decimal),
    it.FLOAT: (_decode_float, _always(_same)),
    it.STRING: (_stored_as(str), _always(_same)),
    it.ENUM: (_stored_as(str), _always(_same)),
    it.BYTES: (_stored_as(bytes), _always(_same)),
    it.DATETIME: (_decode_text, _encode_datetime),
    it.TIMESTAMP: (_decode_text, _encode_moment),
    it.DATE: (_decode_text, _always(date.isoformat)),
    it.LENIENT_MOMENT: (_decode_text, _encode_lenient),
    it.TIME_INTERVAL: (_decode_text, lambda kind, _meaning: span_renderer(kind)),
    it.YEAR: (_decode_integer, _encode_integer),
    it.BITS: (_decode_bits, _encode_integer),
    it.SET: (_decode_json_text, _encode_json_text),
    it.UUID: (_decode_text, _always(str)),
    it.INET: (_decode_text, _always(it.address_text)),
    it.GEOMETRY: (_decode_packed, _always(it.pack_geometry)),
    it.VECTOR: (_decode_packed, _always(it.pack_vector)),
    it.JSON: (_decode_text, _always(json_text)),
    it.OBJECT: (_always(_same), _always(_same)),
    it.NULL: (lambda kind, _meaning: kind.python_cast_function, lambda kind, _meaning: kind.python_cast_function),
}
