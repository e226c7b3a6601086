"""Values as text: what MySQL's text protocol sends, and what CSV files hold.

The two differ: a datetime has a blank or a ``T`` between date and time, a timestamp no zone (the session is in UTC) or
a ``Z`` (an offset such as ``+02:00`` is read too), a bool is ``0``/``1`` or ``false``/``true``, bytes are themselves or
base64; bits, geometries and vectors are bytes as the server packs them, or zeros and ones, or JSON; a set is its
members with commas between, or JSON. What is written is always the CSV form, which is the JSON form without quotes.

``text_pattern`` says which texts ``msgspec.convert(strict=False)`` reads right; any other text is for ``parse_text``,
slower, which reads every legal text and refuses all others.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import msgspec

from nanotyped.errors import IncompatibleTypesException
from nanotyped.types import intermediate as it
from nanotyped.types.base import cast_error
from nanotyped.types.convert import json_text
from nanotyped.types.repeated_keys import count_keys, may_repeat_keys, repeated_key
from nanotyped.types.text_form import ANYTHING, Dialect, Parser, Renderer, TextForm, parser_of
from nanotyped.types.text_rarer import RARER_FORMS

if TYPE_CHECKING:
    from nanotyped.types.base import DataType

_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = r"[0-9]{2}:[0-9]{2}:[0-9]{2}"
_WHOLE = r"(?:0|[1-9][0-9]*)"
_SIGN = r"(?:-(?=[1-9]|0\.))?"  # msgspec reads `-0` as an integer, and so drops its sign
_BASE64 = r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"
_READ_INTEGER = re.compile(r"-?[0-9]+")  # zeros in front are there in a zerofill column
_READ_DECIMAL = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_READ_FLOAT = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?")
_READ_DATE = re.compile(_DATE)
_MOST_HOURS, _MOST_MINUTES = 23, 59
_READ_MOMENT = re.compile(rf"({_DATE})[ T]({_TIME})(\.[0-9]{{1,6}})?(Z|[+-][0-9]{{2}}:[0-9]{{2}})?")
_READ_TIME = re.compile(r"-?[0-9]{1,11}:[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?")  # a timedelta has so many hours
# Of a date that a server stores and Python has none for.
INVALID_DATE_REASONS = ("a zero date, which is on no calendar", "on no calendar or clock")
_MICROSECOND = timedelta(microseconds=1)
_json_decoder = msgspec.json.Decoder(float_hook=Decimal)


def text_pattern(kind: type[DataType], dialect: Dialect = "mysql") -> str:
    """Return a regular expression, ASCII, of the texts of a type that ``msgspec.convert`` reads right.

    It is for columns of text joined by a separator and matched in one go; it keeps out what msgspec misreads in
    silence: ``1e3`` as an integer, ``1_0``, ``NaN``, ``-0``, a fraction of seven digits, a bare number as a moment. A
    text that it does not match may still be right; ``parse_text`` decides. TIME and JSON, which msgspec does not read,
    have a pattern all the same.

    Raises:
        IncompatibleTypesException: If values of the type have no text.
    """
    return text_form(kind, dialect).pattern


def parse_text(kind: type[DataType], dialect: Dialect = "mysql") -> Parser:
    """Return the function that reads text of a type (bytes, for BYTES from MySQL), exactly or not at all.

    It raises ``TypeCastError`` with the spelling of ``kind``. A null is no text: it is not for this function.

    Raises:
        IncompatibleTypesException: If values of the type have no text.
    """
    return text_form(kind, dialect).parse


def render_text(kind: type[DataType]) -> Renderer:
    """Return the function that writes a value of a type for CSV: the JSON form without its quotes.

    It raises ``TypeCastError`` for a value that is none of the type's, and never rounds.

    Raises:
        IncompatibleTypesException: If values of the type have no text.
    """
    return text_form(kind, "csv").render


def text_form(kind: type[DataType], dialect: Dialect) -> TextForm:
    """Return pattern, parser and renderer of a type together."""
    meaning = kind.intermediate_type
    make = _FORMS.get(meaning.family)
    if make is None:
        raise IncompatibleTypesException(f"values of `{kind.spelling()}` have no text")
    return make(kind, meaning, dialect)


def _integer(kind: Any, meaning: Any, _dialect: Dialect) -> TextForm:
    pattern = _WHOLE if meaning.unsigned else r"(?:0|-?[1-9][0-9]*)"
    return TextForm(pattern, parser_of(kind, _READ_INTEGER, "not a whole number", str), str)


def _bool(kind: Any, _meaning: Any, dialect: Dialect) -> TextForm:
    words = {"0": False, "1": True} if dialect == "mysql" else {"false": False, "true": True}
    pattern = "|".join(words)
    parse = parser_of(kind, re.compile(pattern), f"neither {' nor '.join(words)}", words.__getitem__)
    return TextForm(f"(?:{pattern})", parse, lambda value: "true" if value else "false")


def _decimal(kind: Any, meaning: Any, _dialect: Dialect) -> TextForm:
    sign = "" if meaning.unsigned else _SIGN
    if meaning.precision is None:
        pattern = rf"{sign}{_WHOLE}(?:\.[0-9]+)?"
    else:
        digits = meaning.precision - meaning.scale
        whole = rf"(?:0|[1-9][0-9]{{0,{digits - 1}}})" if digits else "0"
        pattern = sign + whole + (rf"\.[0-9]{{{meaning.scale}}}" if meaning.scale else "")
    return TextForm(pattern, parser_of(kind, _READ_DECIMAL, "not a decimal number", Decimal), decimal_renderer(kind))


def decimal_renderer(kind: type[DataType]) -> Renderer:
    """Return the function that writes a Decimal at the scale of a type, without an exponent."""
    meaning: Any = kind.intermediate_type
    quantum, context = meaning.quantum, meaning.context

    def render_any(value: Decimal) -> str:
        if not value.is_finite():
            raise cast_error(kind, value, "not finite")
        return format(value, "f")

    def render(value: Decimal) -> str:
        if value.is_nan():  # quantizing would keep it
            raise cast_error(kind, value, "not finite")
        try:
            return format(value.quantize(quantum, context=context), "f")
        except (InvalidOperation, ArithmeticError):
            reason = f"more than {meaning.precision} digits, {meaning.scale} of them behind the point"
            raise cast_error(kind, value, reason) from None

    return render_any if quantum is None else render


def _float(kind: Any, meaning: Any, _dialect: Dialect) -> TextForm:
    sign = "" if meaning.unsigned else _SIGN
    pattern = rf"{sign}{_WHOLE}(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{{1,3}})?"
    return TextForm(pattern, parser_of(kind, _READ_FLOAT, "not a number", float), repr)


def _string(kind: Any, _meaning: Any, _dialect: Dialect) -> TextForm:
    return TextForm(ANYTHING, kind.python_cast_function, str)


def _enum(kind: Any, meaning: Any, _dialect: Dialect) -> TextForm:
    members = meaning.members
    pattern = ANYTHING if members is None else f"(?:{'|'.join(map(re.escape, members))})"
    return TextForm(pattern, kind.python_cast_function, str)


def _bytes(kind: Any, _meaning: Any, dialect: Dialect) -> TextForm:
    if dialect == "mysql":
        return TextForm(ANYTHING, kind.python_cast_function, render_base64)
    return TextForm(_BASE64, lambda text: kind.python_cast_function(read_base64(kind, text)), render_base64)


def render_base64(value: bytes) -> str:
    """Return bytes in base64, with padding (RFC 4648, section 4)."""
    return base64.b64encode(value).decode("ascii")


def read_base64(kind: type[DataType], text: object) -> bytes:
    """Return the bytes of a base64 text; ``kind`` is for the error.

    Raises:
        TypeCastError: If it is not base64, padding included.
    """
    try:
        if isinstance(text, str):
            return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        pass
    raise cast_error(kind, text, "not base64")


def _date(kind: Any, _meaning: Any, _dialect: Dialect) -> TextForm:
    parse = parser_of(kind, _READ_DATE, "not spelled YYYY-MM-DD", lambda text: _calendar(kind, text, text).date())
    return TextForm(_DATE, parse, date.isoformat)


def _calendar(kind: type[DataType], text: str, iso: str) -> datetime:
    """Return a moment without zone, saying which of the server's impossible dates it is."""
    try:
        return datetime.fromisoformat(iso)
    except ValueError:
        year, month, day = iso[:10].split("-")
        zero = "0000" in year or "00" in (month, day)
        reason = INVALID_DATE_REASONS[0 if zero else 1]
        raise cast_error(kind, text, reason) from None


def _moment(kind: Any, meaning: Any, dialect: Dialect) -> TextForm:
    digits = it.MAX_FSP if meaning.fsp is None else meaning.fsp
    fraction = rf"\.[0-9]{{{digits}}}" if digits else ""
    zoned = meaning.family is it.TIMESTAMP
    bare = meaning.is_bare() and not zoned
    zone = "" if dialect == "mysql" else "Z" if zoned else "Z?" if bare else ""
    pattern = f"{_DATE}{' ' if dialect == 'mysql' else 'T'}{_TIME}{fraction}{zone}"
    wanted = f"not spelled YYYY-MM-DD{' ' if dialect == 'mysql' else 'T'}HH:MM:SS{'[.f]' if digits else ''}{zone}"
    may_have_zone = dialect == "csv" and (zoned or bare)
    must_have_zone = dialect == "csv" and zoned

    def parse(text: Any) -> Any:
        found = _READ_MOMENT.fullmatch(text) if isinstance(text, str) else None
        zone = found[4] if found else None
        has_wrong_zone = not may_have_zone if zone else must_have_zone
        if not found or has_wrong_zone or (bare and zone not in (None, "Z")):
            raise cast_error(kind, text, wanted)
        moment = _calendar(kind, text, f"{found[1]}T{found[2]}{(found[3] or '').ljust(7, '0') if found[3] else ''}")
        if zoned or zone:
            moment = _in_utc(kind, text, moment, zone)
        return kind.python_cast_function(moment)

    return TextForm(pattern, parse, moment_renderer(kind))


def _in_utc(kind: Any, text: str, moment: datetime, zone: str | None) -> datetime:
    """Return a moment as it is in UTC; ``zone`` is ``Z`` or an offset such as ``+02:00`` (RFC 3339, section 4.2)."""
    if zone in (None, "Z"):
        return moment.replace(tzinfo=UTC)
    assert zone is not None  # seen above
    hours, minutes = int(zone[1:3]), int(zone[4:])
    if hours > _MOST_HOURS or minutes > _MOST_MINUTES:
        raise cast_error(kind, text, f"no offset from UTC is `{zone}`")
    offset = timedelta(hours=hours, minutes=minutes)
    try:
        return (moment - (-offset if zone[0] == "-" else offset)).replace(tzinfo=UTC)
    except OverflowError:
        raise cast_error(kind, text, "in UTC it is not in the years 1 to 9999") from None


def moment_renderer(kind: type[DataType]) -> Renderer:
    """Return the function that writes a moment in ISO form with the digits of a type, ``Z`` behind a UTC one.

    A bare DATETIME is written with six digits, and with ``Z`` if it has a zone.
    """
    meaning: Any = kind.intermediate_type
    digits = it.MAX_FSP if meaning.fsp is None else meaning.fsp
    cut = (it.MAX_FSP - digits if digits else it.MAX_FSP + 1) or None
    unit = 10 ** (it.MAX_FSP - digits)
    zoned = meaning.family is it.TIMESTAMP
    bare = meaning.is_bare() and not zoned

    def render(value: datetime) -> str:
        if value.microsecond % unit:
            raise cast_error(kind, value, f"more than {digits} digits of a second's fraction")
        has_zone = value.tzinfo is not None
        if has_zone is not zoned and not bare:
            raise cast_error(kind, value, "it has a zone" if has_zone else "it has no zone")
        if not has_zone:
            return value.isoformat("T", "microseconds")[: -cut if cut else None]
        moment = it.in_utc(value)
        if moment is None:
            raise cast_error(kind, value, "in UTC it is not in the years 1 to 9999")
        text = moment.replace(tzinfo=None).isoformat("T", "microseconds")
        return text[: -cut if cut else None] + "Z"

    return render


def _lenient(kind: Any, meaning: Any, dialect: Dialect) -> TextForm:
    form = text_form(meaning.moment, dialect)

    def parse(text: Any) -> Any:
        invalid = it.read_invalid_date(text)
        return form.parse(text) if invalid is None else kind.python_cast_function(invalid)

    def render(value: Any) -> str:
        return value.text if isinstance(value, it.InvalidDate) else form.render(value)

    return TextForm(ANYTHING, parse, render)


def _span(kind: Any, meaning: Any, _dialect: Dialect) -> TextForm:
    digits = it.MAX_FSP if meaning.fsp is None else meaning.fsp
    hours = 11 if meaning.fsp is None else 3
    pattern = rf"-?[0-9]{{1,{hours}}}:[0-5][0-9]:[0-5][0-9]" + (rf"\.[0-9]{{{digits}}}" if digits else "")
    parse = parser_of(kind, _READ_TIME, "not spelled [-]H:MM:SS[.f]", str)
    return TextForm(pattern, parse, span_renderer(kind))


def span_renderer(kind: type[DataType]) -> Renderer:
    """Return the function that writes a span as ``[-]H:MM:SS.f`` with the digits of a type."""
    meaning: Any = kind.intermediate_type
    digits = it.MAX_FSP if meaning.fsp is None else meaning.fsp
    unit = 10 ** (it.MAX_FSP - digits)

    def render(value: timedelta) -> str:
        total = value // _MICROSECOND
        if total % unit:
            raise cast_error(kind, value, f"more than {digits} digits of a second's fraction")
        seconds, microseconds = divmod(abs(total), 10**it.MAX_FSP)
        minutes, second = divmod(seconds, 60)
        hours, minute = divmod(minutes, 60)
        fraction = f".{microseconds // unit:0{digits}d}" if digits else ""
        return f"{'-' if total < 0 else ''}{hours}:{minute:02d}:{second:02d}{fraction}"

    return render


def read_json(kind: type[DataType], text: object) -> Any:
    """Return the document of a JSON text, Decimal for numbers that are no integers, ``JSON_NULL`` for ``null``.

    Raises:
        TypeCastError: If it is no JSON, or an object in it has a key twice.
    """
    reason = "no JSON"
    try:
        if isinstance(text, str):
            document = _json_decoder.decode(text)
            if not isinstance(document, dict | list) or not may_repeat_keys(text, count_keys(document)):
                return it.JSON_NULL if document is None else document
            key = repeated_key(text)
            if key is None:
                return document
            reason = f"an object in it has the key {key!r} twice"
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError):
        pass
    raise cast_error(kind, text, reason)


def _json(kind: Any, _meaning: Any, _dialect: Dialect) -> TextForm:
    return TextForm(r"(?s:.+)", lambda text: kind.python_cast_function(read_json(kind, text)), json_text)


_FORMS: Mapping[type[DataType], Callable[[Any, Any, Dialect], TextForm]] = {
    it.INTEGER: _integer,
    it.YEAR: _integer,
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
    it.JSON: _json,
    **RARER_FORMS,
}
