"""The intermediate types: what values mean, apart from how a database or a language spells them.

Every other type maps into one of these (``intermediate_type``), and all comparison of types (``compat``) is done here.
A bare family (``INTEGER``) stands for any of its members; ``INTEGER.of(bits=32)`` is one of them.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation
from typing import Any, ClassVar
from uuid import UUID as PythonUUID

from nanotyped.types.base import DataSourceTypeSystem, DataType, cast_error

MAX_DECIMAL_DIGITS = 65
MAX_FSP = 6
INTEGER_BITS = (8, 16, 24, 32, 64)
FLOAT_BITS = (32, 64)
# MySQL 8.4 manual 11.2.3: TIME is an interval of at most 838:59:59; MariaDB adds the fraction to that.
MAX_TIME = timedelta(hours=838, minutes=59, seconds=59, microseconds=999_999)
# Charsets of MySQL and MariaDB by the Python codec that has the same repertoire, and their widest character in bytes.
CHARSETS: Mapping[str, tuple[str, int]] = {
    "ascii": ("ascii", 1),
    "latin1": ("cp1252", 1),
    "latin2": ("iso8859_2", 1),
    "cp1250": ("cp1250", 1),
    "cp1251": ("cp1251", 1),
    "utf8mb3": ("utf-8", 3),
    "utf8mb4": ("utf-8", 4),
    "ucs2": ("utf-16-be", 2),
    "utf16": ("utf-16-be", 4),
    "utf32": ("utf-32-be", 4),
}

_INTEGER_TEXT = re.compile(r"[+-]?[0-9]+", re.ASCII)
_DECIMAL_TEXT = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", re.ASCII)
_TIME_TEXT = re.compile(r"(-?)([0-9]{1,3}):([0-5][0-9]):([0-5][0-9])(?:\.([0-9]{1,6}))?", re.ASCII)
_EXACT = Context(prec=200, traps=[InvalidOperation])


class IntermediateTypeSystem(DataSourceTypeSystem):
    """The system that all others meet in."""

    __slots__ = ()
    system_name = "intermediate"

    @classmethod
    def from_intermediate(cls, intermediate: type[DataType], value: object) -> type[DataType]:
        """Return the type itself: this is the intermediate system."""
        return intermediate

    @classmethod
    def convert(cls, value: DataType) -> DataType:
        """Return ``value`` as an intermediate value; ``name`` stays, ``original_type`` is set."""
        return value.to_intermediate_type()


IntermediateTypeSystem.type_system = IntermediateTypeSystem


class _Intermediate(DataType, IntermediateTypeSystem, family=False):
    """What all intermediate families share: each is its own intermediate type."""

    __slots__ = ()

    def to_intermediate_type(self) -> DataType:
        """Return this very value."""
        return self


def _in_range(parameters: Mapping[str, Any], name: str, low: int, high: int) -> None:
    value = parameters.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high):
        raise ValueError(f"{name} must be a whole number from {low} to {high}, not {value!r}")


class INTEGER(_Intermediate):
    """Whole numbers. Parameters: ``bits`` (8, 16, 24, 32, 64), ``unsigned``. Python: ``int``."""

    __slots__ = ()
    parameter_names = ("bits", "unsigned")
    python_type = int
    bits: ClassVar[int | None] = None
    unsigned: ClassVar[bool] = False
    minimum: ClassVar[int | None] = None
    maximum: ClassVar[int | None] = None

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return bits, sign and range."""
        bits = parameters.get("bits")
        unsigned = bool(parameters.get("unsigned"))
        if bits is None:
            return {"unsigned": unsigned, "minimum": 0 if unsigned else None}
        if bits not in INTEGER_BITS:
            raise ValueError(f"bits must be one of {INTEGER_BITS}, not {bits!r}")
        low, high = (0, 2**bits - 1) if unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        return {"bits": bits, "unsigned": unsigned, "minimum": low, "maximum": high}

    @classmethod
    def spelling(cls) -> str:
        """Return ``int32``, ``uint64`` or ``integer``."""
        if cls.bits is None:
            return "integer unsigned" if cls.unsigned else "integer"
        return f"{'u' if cls.unsigned else ''}int{cls.bits}"

    @classmethod
    def python_cast_function(cls, value: Any) -> int:
        """Return an int: of an int, a whole float or Decimal, or digits."""
        match value:
            case int():
                number = int(value)
            case float() | Decimal() if math.isfinite(value) and value == int(value):
                number = int(value)
            case str() if _INTEGER_TEXT.fullmatch(value.strip(" ")):
                number = int(value)
            case _:
                raise cast_error(cls, value, "not a whole number")
        if cls.minimum is not None and number < cls.minimum:
            raise cast_error(cls, value, f"below {cls.minimum}")
        if cls.maximum is not None and number > cls.maximum:
            raise cast_error(cls, value, f"above {cls.maximum}")
        return number


class BOOL(_Intermediate):
    """True or false. Python: ``bool``."""

    __slots__ = ()
    python_type = bool
    _words: ClassVar[Mapping[str, bool]] = {"0": False, "1": True, "false": False, "true": True}

    @classmethod
    def python_cast_function(cls, value: Any) -> bool:
        """Return a bool: of a bool, 0 or 1, or the words true and false."""
        if isinstance(value, str):
            found = cls._words.get(value.strip().lower())
            if found is not None:
                return found
        elif isinstance(value, int | float | Decimal) and value in (0, 1):
            return bool(value)
        raise cast_error(cls, value, "neither true nor false")


class DECIMAL(_Intermediate):
    """Exact decimals. Parameters: ``precision`` (digits), ``scale`` (of them behind the point), ``unsigned``.

    Python: ``Decimal``, brought to the scale of the type.
    """

    __slots__ = ()
    parameter_names = ("precision", "scale", "unsigned")
    python_type = Decimal
    precision: ClassVar[int | None] = None
    scale: ClassVar[int | None] = None
    unsigned: ClassVar[bool] = False
    quantum: ClassVar[Decimal | None] = None
    context: ClassVar[Context] = _EXACT

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return precision, scale, sign, and the context that refuses to round."""
        attributes = dict(parameters)
        if "precision" not in parameters:
            if "scale" in parameters:
                raise ValueError("a scale needs a precision")
            return attributes
        _in_range(parameters, "precision", 1, MAX_DECIMAL_DIGITS)
        precision, scale = parameters["precision"], parameters.get("scale", 0)
        _in_range({"scale": scale}, "scale", 0, 30 if precision > 30 else precision)
        attributes["scale"] = scale
        attributes["quantum"] = Decimal((0, (1,), -scale))
        attributes["context"] = Context(prec=precision, traps=[Inexact, InvalidOperation])
        return attributes

    @classmethod
    def spelling(cls) -> str:
        """Return ``decimal(12,2) unsigned`` or ``decimal``."""
        size = "" if cls.precision is None else f"({cls.precision},{cls.scale})"
        return f"decimal{size}{' unsigned' if cls.unsigned else ''}"

    @classmethod
    def python_cast_function(cls, value: Any) -> Decimal:
        """Return a Decimal at the type's scale: of an int, a Decimal, digits, or a float that is exactly one."""
        match value:
            case Decimal():
                number = value
            case int():
                number = Decimal(int(value))
            case float() if math.isfinite(value) and Decimal(repr(value)) == Decimal(value):
                number = Decimal(repr(value))
            case float():
                raise cast_error(cls, value, "this float is no exact decimal")
            case str() if _DECIMAL_TEXT.fullmatch(value.strip(" ")):
                number = Decimal(value.strip(" "))
            case _:
                raise cast_error(cls, value, "not a decimal number")
        if not number.is_finite():
            raise cast_error(cls, value, "not finite")
        if cls.unsigned and number < 0:
            raise cast_error(cls, value, "below 0")
        if cls.quantum is None:
            return number
        try:
            return number.quantize(cls.quantum, context=cls.context)
        except DecimalException:
            raise cast_error(
                cls, value, f"more than {cls.precision} digits, {cls.scale} of them behind the point"
            ) from None


class FLOAT(_Intermediate):
    """Binary floating point, finite. Parameters: ``bits`` (32, 64), ``unsigned``. Python: ``float``.

    NaN and the infinities are refused: no MySQL column and no JSON text can hold them.
    """

    __slots__ = ()
    parameter_names = ("bits", "unsigned")
    python_type = float
    bits: ClassVar[int | None] = None
    unsigned: ClassVar[bool] = False

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters, checked."""
        if parameters.get("bits", 64) not in FLOAT_BITS:
            raise ValueError(f"bits must be one of {FLOAT_BITS}, not {parameters['bits']!r}")
        return dict(parameters)

    @classmethod
    def spelling(cls) -> str:
        """Return ``float32``, ``float64`` or ``float``."""
        return f"float{cls.bits or ''}{' unsigned' if cls.unsigned else ''}"

    @classmethod
    def python_cast_function(cls, value: Any) -> float:
        """Return a float: of a float, of a number that is exactly one, or of text."""
        try:
            number = float(value) if isinstance(value, int | float | Decimal | str) else math.nan
        except (ValueError, OverflowError):
            number = math.nan
        if isinstance(value, str) and not _DECIMAL_TEXT.fullmatch(value.strip(" ")):
            number = math.nan
        if not math.isfinite(number):
            raise cast_error(cls, value, "not a finite number")
        if not isinstance(value, str) and number != value:
            raise cast_error(cls, value, "no float is exactly this number")
        if cls.bits == 32 and not is_float32(number):  # noqa: PLR2004 - the width of the type
            raise cast_error(cls, value, "more digits than 32 bits hold")
        if cls.unsigned and number < 0:
            raise cast_error(cls, value, "below 0")
        return number


def is_float32(number: float) -> bool:
    """Return whether a finite float survives a pass through 32 bits."""
    try:
        return bool(struct.unpack("f", struct.pack("f", number))[0] == number)
    except OverflowError:
        return False


class STRING(_Intermediate):
    """Text. Parameters: ``max_length`` (characters), ``max_bytes`` (in the charset), ``charset``. Python: ``str``."""

    __slots__ = ()
    parameter_names: ClassVar[tuple[str, ...]] = ("max_length", "max_bytes", "charset")
    python_type = str
    max_length: ClassVar[int | None] = None
    max_bytes: ClassVar[int | None] = None
    charset: ClassVar[str | None] = None

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters, checked."""
        _in_range(parameters, "max_length", 0, 2**32 - 1)
        _in_range(parameters, "max_bytes", 0, 2**32 - 1)
        if "charset" in parameters and parameters["charset"] not in CHARSETS:
            raise ValueError(f"charset `{parameters['charset']}` is not known ({', '.join(CHARSETS)})")
        return dict(parameters)

    @classmethod
    def spelling(cls) -> str:
        """Return ``string(64)``, ``string(65535 bytes)`` or ``string``, with a charset where one is set."""
        size = ""
        if cls.max_length is not None:
            size = f"({cls.max_length})"
        elif cls.max_bytes is not None:
            size = f"({cls.max_bytes} bytes)"
        return f"string{size}{' charset ' + cls.charset if cls.charset else ''}"

    @classmethod
    def python_cast_function(cls, value: Any) -> str:
        """Return text: of text, or of a number, date or UUID as it is written."""
        match value:
            case str():
                text = str(value)
            case bool():
                raise cast_error(cls, value, "a bool has no one spelling")
            case Decimal():
                text = format(value, "f")
            case datetime():
                text = value.isoformat(sep=" ")
            case int() | float() | date() | PythonUUID():
                text = str(value)
            case _:
                raise cast_error(cls, value, "not text")
        reason = cls.text_problem(text)
        if reason:
            raise cast_error(cls, value, reason)
        return text

    @classmethod
    def text_problem(cls, text: str) -> str:
        """Return why this text does not fit, ``""`` if it does."""
        if cls.max_length is not None and len(text) > cls.max_length:
            return f"{len(text)} characters, at most {cls.max_length} fit"
        codec = CHARSETS[cls.charset][0] if cls.charset else "utf-8"
        try:
            encoded = text.encode(codec)
        except UnicodeEncodeError as error:
            return f"character {text[error.start]!r} is not in {cls.charset or 'utf-8'}"
        if cls.charset in ("utf8mb3", "ucs2") and text and max(text) > "\uffff":
            return f"character {max(text)!r} is not in {cls.charset}"
        if cls.max_bytes is not None and len(encoded) > cls.max_bytes:
            return f"{len(encoded)} bytes, at most {cls.max_bytes} fit"
        return ""


class ENUM(STRING):
    """One of some texts. Parameters: ``members`` (a tuple, in order of definition), ``charset``. Python: ``str``."""

    __slots__ = ()
    parameter_names = ("members", "charset")
    members: ClassVar[tuple[str, ...] | None] = None

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the members and the length of the longest of them."""
        attributes = super().derive(parameters)
        if "members" in parameters:
            members = tuple(parameters["members"])
            if len(set(members)) != len(members):
                raise ValueError("two members are equal")
            attributes |= {"members": members, "max_length": max(map(len, members), default=0)}
        return attributes

    @classmethod
    def spelling(cls) -> str:
        """Return ``enum('a','b')`` or ``enum``."""
        if cls.members is None:
            return "enum"
        return "enum(" + ",".join("'" + member.replace("'", "''") + "'" for member in cls.members) + ")"

    @classmethod
    def text_problem(cls, text: str) -> str:
        """Return why this text is no member, ``""`` if it is one."""
        return "" if cls.members is None or text in cls.members else "not one of the members"


class BYTES(_Intermediate):
    """Bytes. Parameter: ``max_bytes``. Python: ``bytes``."""

    __slots__ = ()
    parameter_names = ("max_bytes",)
    python_type = bytes
    max_bytes: ClassVar[int | None] = None

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters, checked."""
        _in_range(parameters, "max_bytes", 0, 2**32 - 1)
        return dict(parameters)

    @classmethod
    def spelling(cls) -> str:
        """Return ``bytes(16)`` or ``bytes``."""
        return "bytes" if cls.max_bytes is None else f"bytes({cls.max_bytes})"

    @classmethod
    def python_cast_function(cls, value: Any) -> bytes:
        """Return bytes: of bytes, a bytearray or a memoryview."""
        if not isinstance(value, bytes | bytearray | memoryview):
            raise cast_error(cls, value, "not bytes")
        if cls.max_bytes is not None and len(value) > cls.max_bytes:
            raise cast_error(cls, value, f"{len(value)} bytes, at most {cls.max_bytes} fit")
        return bytes(value)


class DATETIME(_Intermediate):
    """A calendar date and time. Parameter: ``fsp``, the digits of a second's fraction. Python: ``datetime``.

    With an ``fsp`` it has no zone, as MySQL's DATETIME; the bare family takes dates and timestamps too.
    """

    __slots__ = ()
    parameter_names: ClassVar[tuple[str, ...]] = ("fsp",)
    python_type: ClassVar[type] = datetime
    fsp: ClassVar[int | None] = None

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters, checked."""
        _in_range(parameters, "fsp", 0, MAX_FSP)
        return dict(parameters)

    @classmethod
    def spelling(cls) -> str:
        """Return ``datetime(6)`` or ``datetime``."""
        name = cls.family.__name__.lower()
        return name if cls.fsp is None else f"{name}({cls.fsp})"

    @classmethod
    def python_cast_function(cls, value: Any) -> Any:
        """Return a datetime: of a datetime, of a date (its midnight), or of ISO text."""
        return cls.check_moment(value, cls._read_moment(value))

    @classmethod
    def _read_moment(cls, value: Any) -> datetime:
        if isinstance(value, datetime):
            return value
        if isinstance(value, date):
            return datetime(value.year, value.month, value.day)  # noqa: DTZ001 - a calendar date has no zone
        if isinstance(value, str):
            try:
                return datetime.fromisoformat(value)
            except ValueError:
                pass
        raise cast_error(cls, value, "not a date and time")

    @classmethod
    def check_moment(cls, value: Any, moment: datetime) -> datetime:
        """Return the moment if its zone and fraction fit the type."""
        if cls.fsp is not None:
            if moment.tzinfo is not None:
                raise cast_error(cls, value, "it has a zone; a datetime has none")
            check_fraction(cls, value, moment.microsecond, cls.fsp)
        return moment


def check_fraction(cls: type[DataType], value: Any, microsecond: int, fsp: int) -> None:
    """Raise if a fraction of a second has more digits than ``fsp``."""
    if microsecond % 10 ** (MAX_FSP - fsp):
        raise cast_error(cls, value, f"more than {fsp} digits of a second's fraction")


class TIMESTAMP(DATETIME):
    """A moment, kept in UTC. Parameter: ``fsp``. Python: ``datetime`` with zone UTC."""

    __slots__ = ()
    parameter_names = ("fsp",)

    @classmethod
    def check_moment(cls, value: Any, moment: datetime) -> datetime:
        """Return the moment in UTC if it has a zone and its fraction fits."""
        if moment.tzinfo is None:
            raise cast_error(cls, value, "it has no zone; a timestamp needs one")
        if cls.fsp is not None:
            check_fraction(cls, value, moment.microsecond, cls.fsp)
        return moment.astimezone(UTC)


class DATE(DATETIME):
    """A calendar date. Python: ``date``."""

    __slots__ = ()
    parameter_names = ()
    python_type = date

    @classmethod
    def python_cast_function(cls, value: Any) -> date:
        """Return a date: of a date, of a midnight without zone, or of ISO text."""
        if isinstance(value, datetime):
            if value.tzinfo is None and value.time() == time():
                return value.date()
            raise cast_error(cls, value, "it has a time of day")
        if isinstance(value, date):
            return value
        if isinstance(value, str) and len(value) == len("YYYY-MM-DD"):
            try:
                return date.fromisoformat(value)
            except ValueError:
                pass
        raise cast_error(cls, value, "not a date")


class TIME_INTERVAL(_Intermediate):
    """A span of time, up to ±838:59:59. Parameter: ``fsp``. Python: ``timedelta``."""

    __slots__ = ()
    parameter_names = ("fsp",)
    python_type = timedelta
    fsp: ClassVar[int | None] = None

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters, checked."""
        _in_range(parameters, "fsp", 0, MAX_FSP)
        return dict(parameters)

    @classmethod
    def spelling(cls) -> str:
        """Return ``time(6)`` or ``time``."""
        return "time" if cls.fsp is None else f"time({cls.fsp})"

    @classmethod
    def python_cast_function(cls, value: Any) -> timedelta:
        """Return a timedelta: of a timedelta, a time of day, or ``[-]H:MM:SS[.f]``."""
        match value:
            case timedelta():
                span = value
            case time() if value.tzinfo is None:
                span = timedelta(
                    hours=value.hour, minutes=value.minute, seconds=value.second, microseconds=value.microsecond
                )
            case str():
                span = cls._parse(value)
            case _:
                raise cast_error(cls, value, "not a span of time")
        if cls.fsp is not None:
            if abs(span) > MAX_TIME:
                raise cast_error(cls, value, "beyond 838:59:59")
            check_fraction(cls, value, span.microseconds, cls.fsp)
        return span

    @classmethod
    def _parse(cls, text: str) -> timedelta:
        found = _TIME_TEXT.fullmatch(text)
        if not found:
            raise cast_error(cls, text, "not spelled [-]H:MM:SS[.f]")
        sign, hours, minutes, seconds, fraction = found.groups()
        span = timedelta(
            hours=int(hours),
            minutes=int(minutes),
            seconds=int(seconds),
            microseconds=int((fraction or "").ljust(MAX_FSP, "0")),
        )
        return -span if sign else span


class JSON(_Intermediate):
    """A JSON document as Python objects: ``dict``, ``list``, ``str``, ``int``, ``Decimal``, ``float``, ``bool``."""

    __slots__ = ()

    @classmethod
    def python_cast_function(cls, value: Any) -> Any:
        """Return the document as it is, if JSON can spell all of it."""
        reason = json_problem(value)
        if reason:
            raise cast_error(cls, value, reason)
        return value


def json_problem(value: object, place: str = "$") -> str:
    """Return the first place at which a document is no JSON, ``""`` if there is none."""
    match value:
        case None | str() | int() | Decimal():
            return "" if not isinstance(value, Decimal) or value.is_finite() else f"{value} at {place} is not finite"
        case float():
            return "" if math.isfinite(value) else f"{value} at {place} is not finite"
        case Mapping():
            for key, item in value.items():
                if not isinstance(key, str):
                    return f"the key {key!r} at {place} is not text"
                if reason := json_problem(item, f"{place}.{key}"):
                    return reason
            return ""
        case list() | tuple():
            for index, item in enumerate(value):
                if reason := json_problem(item, f"{place}[{index}]"):
                    return reason
            return ""
    return f"{type(value).__name__} at {place} has no JSON form"


class OBJECT(_Intermediate):
    """Any Python object, as it is. Only unchecked edges carry it: no contract, file or service can hold it."""

    __slots__ = ()

    @classmethod
    def python_cast_function(cls, value: Any) -> Any:
        """Return the very object."""
        return value


class NULL(_Intermediate):
    """The type of a null of which nothing else is known; it fits every nullable column."""

    __slots__ = ()

    @classmethod
    def python_cast_function(cls, value: Any) -> Any:
        """Raise: the only value is null."""
        raise cast_error(cls, value, "only null is")


_FAMILIES: tuple[type[_Intermediate], ...] = (
    INTEGER,
    BOOL,
    DECIMAL,
    FLOAT,
    STRING,
    ENUM,
    BYTES,
    DATETIME,
    TIMESTAMP,
    DATE,
    TIME_INTERVAL,
    JSON,
    OBJECT,
    NULL,
)
INTERMEDIATE_FAMILIES: Mapping[str, type[DataType]] = {family.__name__: family for family in _FAMILIES}
