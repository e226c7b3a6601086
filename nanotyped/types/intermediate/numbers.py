"""Intermediate families of numbers: INTEGER, YEAR, BITS, BOOL, DECIMAL, FLOAT."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Mapping
from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation
from typing import Any, ClassVar

from nanotyped.types.base import cast_error
from nanotyped.types.intermediate.system import IntermediateType, check_range

MAX_DECIMAL_DIGITS = 65  # MySQL 8.4 manual 11.1.3, MariaDB knowledge base "DECIMAL"
MAX_SCALE = 38  # MariaDB; MySQL stops at 30
INTEGER_BITS = (8, 16, 24, 32, 64)
FLOAT_BITS = (32, 64)
MAX_BITS = 64  # of a BIT column
FIRST_YEAR, LAST_YEAR = 1901, 2155

_INTEGER_TEXT = re.compile(r"[+-]?[0-9]+", re.ASCII)
_BITS_TEXT = re.compile(r"[01]{1,64}", re.ASCII)
_DECIMAL_TEXT = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?", re.ASCII)
_EXACT = Context(prec=200, traps=[InvalidOperation])


def _is_whole(value: float | Decimal) -> bool:
    # Asked of a signaling NaN, `math.isfinite` and comparisons raise.
    if isinstance(value, int):
        return True  # there are ints that no float is as large as
    finite = value.is_finite() if isinstance(value, Decimal) else math.isfinite(value)
    return finite and value == int(value)


class INTEGER(IntermediateType):
    """Whole numbers. Parameters: ``bits`` (8, 16, 24, 32, 64), ``unsigned``. Python: ``int``."""

    __slots__ = ()
    parameter_names: ClassVar[tuple[str, ...]] = ("bits", "unsigned")
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
            case float() | Decimal() if _is_whole(value):
                number = int(value)
            case str() if _INTEGER_TEXT.fullmatch(value.strip(" ")):
                try:
                    number = int(value)
                except ValueError:  # Python reads no number of more than 4300 digits
                    raise cast_error(cls, value, "too many digits") from None
            case _:
                raise cast_error(cls, value, "not a whole number")
        if cls.minimum is not None and number < cls.minimum:
            raise cast_error(cls, value, f"below {cls.minimum}")
        if cls.maximum is not None and number > cls.maximum:
            raise cast_error(cls, value, f"above {cls.maximum}")
        return number


class YEAR(INTEGER):
    """A year from 1901 to 2155, or 0, the year that is none. Python: ``int``.

    The number 0 is the year 0000; a server makes 2000 of the text ``'0'``, and 19… and 20… of numbers below 100, so
    those are refused.
    """

    __slots__ = ()
    parameter_names = ()
    bits = 16
    unsigned = True
    minimum = 0
    maximum = LAST_YEAR

    @classmethod
    def spelling(cls) -> str:
        """Return ``year``."""
        return "year"

    @classmethod
    def python_cast_function(cls, value: Any) -> int:
        """Return an int, as INTEGER does."""
        number = super().python_cast_function(value)
        if 0 < number < FIRST_YEAR:
            raise cast_error(cls, value, f"neither 0 nor from {FIRST_YEAR}")
        return number


class BITS(IntermediateType):
    """A run of bits. Parameter: ``bits`` (1 to 64). Python: ``int``, the bits as a number without sign."""

    __slots__ = ()
    parameter_names = ("bits",)
    python_type = int
    bits: ClassVar[int | None] = None
    unsigned: ClassVar[bool] = True
    minimum: ClassVar[int] = 0
    maximum: ClassVar[int] = 2**MAX_BITS - 1

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the number of bits and the largest number that they are."""
        check_range(parameters, "bits", 1, MAX_BITS)
        return {"bits": parameters["bits"], "maximum": 2 ** parameters["bits"] - 1}

    @classmethod
    def spelling(cls) -> str:
        """Return ``bits(8)`` or ``bits``."""
        return "bits" if cls.bits is None else f"bits({cls.bits})"

    @classmethod
    def python_cast_function(cls, value: Any) -> int:
        """Return an int: of a whole number, or of a text of zeros and ones, as many as the type has."""
        match value:
            case int():
                number = int(value)
            case float() | Decimal() if _is_whole(value):
                number = int(value)
            case str() if _BITS_TEXT.fullmatch(value) and cls.bits in (None, len(value)):
                number = int(value, 2)
            case _:
                raise cast_error(
                    cls, value, "not a run of bits" if cls.bits is None else f"not a run of {cls.bits} bits"
                )
        if not 0 <= number <= cls.maximum:
            raise cast_error(cls, value, "below 0" if number < 0 else f"above {cls.maximum}")
        return number


class BOOL(IntermediateType):
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
        elif isinstance(value, int | float | Decimal) and _is_whole(value) and value in (0, 1):
            return bool(value)
        raise cast_error(cls, value, "neither true nor false")


class DECIMAL(IntermediateType):
    """Exact decimals. Parameters: ``precision`` (digits), ``scale`` (of them behind the point), ``unsigned``.

    Python: ``Decimal``, brought to the scale of the type. An unsigned zero has no sign: ``-0.00`` is ``0.00``.
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
        check_range(parameters, "precision", 1, MAX_DECIMAL_DIGITS)
        precision, scale = parameters["precision"], parameters.get("scale", 0)
        check_range({"scale": scale}, "scale", 0, min(precision, MAX_SCALE))
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
        if cls.unsigned:
            number = number.copy_abs()
        if cls.quantum is None:
            return number
        try:
            return number.quantize(cls.quantum, context=cls.context)
        except DecimalException:
            raise cast_error(
                cls, value, f"more than {cls.precision} digits, {cls.scale} of them behind the point"
            ) from None


class FLOAT(IntermediateType):
    """Binary floating point, finite. Parameters: ``bits`` (32, 64), ``precision`` and ``scale``, ``unsigned``.

    Python: ``float``. ``precision`` and ``scale`` are those of MySQL's ``float(M,D)``, which rounds to D decimals.
    NaN and the infinities are refused: no MySQL column and no JSON text can hold them. An unsigned zero has no sign.
    """

    __slots__ = ()
    parameter_names = ("bits", "precision", "scale", "unsigned")
    python_type = float
    bits: ClassVar[int | None] = None
    precision: ClassVar[int | None] = None
    scale: ClassVar[int | None] = None
    unsigned: ClassVar[bool] = False

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters, checked."""
        if parameters.get("bits", 64) not in FLOAT_BITS:
            raise ValueError(f"bits must be one of {FLOAT_BITS}, not {parameters['bits']!r}")
        if ("precision" in parameters) != ("scale" in parameters):
            raise ValueError("precision and scale go together")
        check_range(parameters, "precision", 1, 255)
        check_range(parameters, "scale", 0, 30)
        if parameters.get("scale", 0) > parameters.get("precision", 255):
            raise ValueError(f"scale {parameters['scale']} is above precision {parameters['precision']}")
        return dict(parameters)

    @classmethod
    def spelling(cls) -> str:
        """Return ``float32``, ``float64(10,2)`` or ``float``."""
        size = "" if cls.precision is None else f"({cls.precision},{cls.scale})"
        return f"float{cls.bits or ''}{size}{' unsigned' if cls.unsigned else ''}"

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
        if cls.bits == 32 and not is_float32(number):
            raise cast_error(cls, value, "more digits than 32 bits hold")
        if cls.unsigned and number < 0:
            raise cast_error(cls, value, "below 0")
        if cls.precision is not None and not cls._is_rounded(number):
            raise cast_error(cls, value, f"more than {cls.precision} digits, {cls.scale} of them behind the point")
        return abs(number) if cls.unsigned else number

    @classmethod
    def _is_rounded(cls, number: float) -> bool:
        """Return whether rounding to the digits of the type leaves a number what it is."""
        text = f"{number:.{cls.scale}f}"
        rounded = float(text)
        if cls.bits == 32:
            rounded = struct.unpack("f", struct.pack("f", rounded))[0]
        return rounded == number and abs(Decimal(text)) < 10 ** ((cls.precision or 0) - (cls.scale or 0))


def is_float32(number: float) -> bool:
    """Return whether a finite float survives a pass through 32 bits."""
    try:
        return bool(struct.unpack("f", struct.pack("f", number))[0] == number)
    except OverflowError:
        return False
