"""The Arrow type system and its families of single values; ``moments`` and ``nested`` have the others."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

from nanotyped.errors import MissingExtraError, TypeCastError
from nanotyped.types import intermediate as it
from nanotyped.types.base import DataSourceTypeSystem, DataType, cast_error
from nanotyped.types.intermediate.system import check_range

if TYPE_CHECKING:
    import pyarrow as pa

DECIMAL_DIGITS: Mapping[int, int] = {32: 9, 64: 18, 128: 38, 256: 76}  # Columnar.rst, "Decimal"
MAX_OFFSET = 2**31 - 2  # bytes of all values of a string or binary array with offsets of 32 bits; as pyarrow counts
_FLOATS: Mapping[int, str] = {16: "halffloat", 32: "float", 64: "double"}


def load_pyarrow() -> Any:
    """Return the module ``pyarrow``.

    Raises:
        MissingExtraError: If it is not installed; says which extra brings it.
    """
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra: spelling types needs none
        import pyarrow.compute  # noqa: PLC0415 - as above
    except ImportError as error:
        raise MissingExtraError("pyarrow", "arrow") from error
    return pa


class ArrowTypeSystem(DataSourceTypeSystem):
    """The types of Arrow, as ``str(pyarrow.DataType)`` spells them. Spelling them needs no pyarrow."""

    __slots__ = ()
    system_name = "arrow"
    read: ClassVar[Callable[[str], type[ArrowType]]]
    place: ClassVar[Callable[[type[DataType], object], type[ArrowType]]]

    @classmethod
    def type_mapping(cls, text: str) -> type[ArrowType]:
        """Return the type that ``str`` of a ``pyarrow.DataType`` spells, such as ``decimal128(12, 2)``.

        Raises:
            TypeError: If ``text`` is no ``str``.
            TypeSyntaxError: If no type is spelled like that, or if no intermediate type holds its values exactly.
        """
        if not isinstance(text, str):
            raise TypeError(f"an Arrow type is spelled in a str, not in {type(text).__name__}")
        return cls.read(text)

    @classmethod
    def from_intermediate(cls, intermediate: type[DataType], value: object) -> type[ArrowType]:
        """Return the narrowest type for every value of an intermediate type.

        A bare INTEGER has no bound and goes into 64 bits, a bare TIME_INTERVAL into microseconds of 64 bits; a value
        beyond them is refused where it is met.

        Raises:
            IncompatibleTypesException: If Arrow has no such type; says what to declare instead.
        """
        return cls.place(intermediate, value)


ArrowTypeSystem.type_system = ArrowTypeSystem


class ArrowType(DataType, ArrowTypeSystem, family=False):
    """What all Arrow types share. A family without parameters is a real type too: that of its defaults."""

    __slots__ = ()
    word: ClassVar[str]
    means: ClassVar[type[DataType]]
    factory: ClassVar[str] = ""  # the function of pyarrow that makes it, where it is not called as the type is spelled

    @classmethod
    def of(cls, **parameters: Any) -> type[Self]:
        """Return the type with these parameters; one that is the family's default may be left out."""
        defaults = {key: getattr(cls.family, key, None) for key in parameters}
        return super().of(**{key: None if value == defaults[key] else value for key, value in parameters.items()})

    @classmethod
    def python_cast_function(cls, value: Any) -> Any:
        """Return ``value`` as the Python value of the intermediate type.

        Raises:
            TypeCastError: If it cannot be that without loss.
        """
        try:
            return cls.intermediate_type.python_cast_function(value)
        except TypeCastError as error:
            raise TypeCastError(cls.spelling(), error.value, error.reason) from None

    @classmethod
    def arrow_type(cls) -> pa.DataType:
        """Return the type as pyarrow has it.

        Raises:
            MissingExtraError: If pyarrow is not installed.
        """
        made: pa.DataType = cls.make(load_pyarrow())
        return made

    @classmethod
    def spelling(cls) -> str:
        """Return the type as ``str`` of pyarrow's spells it."""
        return cls.word

    @classmethod
    def to_intermediate_class(cls) -> type[DataType]:
        """Return the intermediate type of the same values."""
        return cls.means

    @classmethod
    def make(cls, arrow: Any) -> Any:
        """Return the type out of the module ``pyarrow``."""
        return getattr(arrow, cls.factory or cls.spelling())()


def check_choice(parameters: Mapping[str, Any], name: str, known: Any) -> None:
    """Raise ``ValueError`` if a parameter is given and is none of the known."""
    if name in parameters and parameters[name] not in known:
        raise ValueError(f"{name} must be one of {tuple(known)}, not {parameters[name]!r}")


class ARROW_NULL(ArrowType):
    """``null``: nothing but nulls."""

    __slots__ = ()
    word = "null"
    means = it.NULL
    factory = "null"


class ARROW_BOOL(ArrowType):
    """``bool``."""

    __slots__ = ()
    python_type = bool
    word = "bool"
    means = it.BOOL
    factory = "bool_"


class ARROW_INT(ArrowType):
    """``int8`` to ``uint64``. Parameters: ``bits`` (8, 16, 32, 64), ``unsigned``."""

    __slots__ = ()
    parameter_names = ("bits", "unsigned")
    python_type = int
    bits: ClassVar[int] = 64
    unsigned: ClassVar[bool] = False

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters, checked."""
        check_choice(parameters, "bits", (8, 16, 32, 64))
        return dict(parameters)

    @classmethod
    def spelling(cls) -> str:
        """Return the type as ``str`` of pyarrow's spells it."""
        return f"{'u' if cls.unsigned else ''}int{cls.bits}"

    @classmethod
    def to_intermediate_class(cls) -> type[DataType]:
        """Return the intermediate type of the same values."""
        return it.INTEGER.of(bits=cls.bits, unsigned=cls.unsigned)


class ARROW_FLOAT(ArrowType):
    """``halffloat``, ``float``, ``double``. Parameter: ``bits`` (16, 32, 64)."""

    __slots__ = ()
    parameter_names = ("bits",)
    python_type = float
    bits: ClassVar[int] = 64

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters, checked."""
        check_choice(parameters, "bits", _FLOATS)
        return dict(parameters)

    @classmethod
    def spelling(cls) -> str:
        """Return the type as ``str`` of pyarrow's spells it."""
        return _FLOATS[cls.bits]

    @classmethod
    def to_intermediate_class(cls) -> type[DataType]:
        """Return the intermediate type of the same values."""
        return it.FLOAT.of(bits=max(cls.bits, 32))

    @classmethod
    def python_cast_function(cls, value: Any) -> float:
        """Return a float, as FLOAT does, if the bits of the type hold it exactly."""
        number: float = super().python_cast_function(value)
        if cls.bits == 16 and not _is_half(number):
            raise cast_error(cls, value, "more digits than 16 bits hold")
        return number

    @classmethod
    def make(cls, arrow: Any) -> Any:
        """Return the type out of the module ``pyarrow``."""
        return getattr(arrow, f"float{cls.bits}")()


def _is_half(number: float) -> bool:
    try:
        return bool(struct.unpack("e", struct.pack("e", number))[0] == number)
    except OverflowError:
        return False


class ARROW_DECIMAL(ArrowType):
    """``decimal128(12, 2)``. Parameters: ``bits`` (32, 64, 128, 256), ``precision``, ``scale`` (also below 0)."""

    __slots__ = ()
    parameter_names = ("bits", "precision", "scale")
    python_type = it.DECIMAL.python_type
    bits: ClassVar[int] = 128
    precision: ClassVar[int] = 38
    scale: ClassVar[int] = 0

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters, checked."""
        check_choice(parameters, "bits", DECIMAL_DIGITS)
        bits, digits = parameters.get("bits", cls.bits), parameters.get("precision", cls.precision)
        if not 1 <= digits <= DECIMAL_DIGITS[bits]:
            raise ValueError(f"decimal{bits} has from 1 to {DECIMAL_DIGITS[bits]} digits, not {digits}")
        precision, scale = _exact_digits(digits, parameters.get("scale", cls.scale))
        if scale > precision:
            raise ValueError(f"more digits behind the point than in all; cast it to decimal{bits}({scale}, {scale})")
        if precision > it.MAX_DECIMAL_DIGITS or scale > it.MAX_SCALE:
            raise ValueError(
                f"no type holds more than {it.MAX_DECIMAL_DIGITS} digits, {it.MAX_SCALE} of them behind the point; "
                "cast it to a narrower decimal, or to string"
            )
        return dict(parameters)

    @classmethod
    def spelling(cls) -> str:
        """Return the type as ``str`` of pyarrow's spells it."""
        return f"decimal{cls.bits}({cls.precision}, {cls.scale})"

    @classmethod
    def to_intermediate_class(cls) -> type[DataType]:
        """Return the intermediate type of the same values."""
        precision, scale = _exact_digits(cls.precision, cls.scale)
        return it.DECIMAL.of(precision=precision, scale=scale)

    @classmethod
    def make(cls, arrow: Any) -> Any:
        """Return the type out of the module ``pyarrow``."""
        return getattr(arrow, f"decimal{cls.bits}")(cls.precision, cls.scale)


def _exact_digits(precision: int, scale: int) -> tuple[int, int]:
    """Return precision and scale as intermediate types have them: no scale is below 0."""
    return (precision - scale, 0) if scale < 0 else (precision, scale)


class ARROW_STRING(ArrowType):
    """``string``, ``large_string``, ``string_view``. Parameter: ``layout`` (``large``, ``view``)."""

    __slots__ = ()
    parameter_names = ("layout",)
    python_type = str
    means = it.STRING
    layout: ClassVar[str | None] = None

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters, checked."""
        check_choice(parameters, "layout", ("large", "view"))
        return dict(parameters)

    @classmethod
    def spelling(cls) -> str:
        """Return the type as ``str`` of pyarrow's spells it."""
        return _laid_out("string", cls.layout)


class ARROW_BINARY(ArrowType):
    """``binary``, ``large_binary``, ``binary_view``, ``fixed_size_binary[16]``.

    Parameters: ``layout`` (``large``, ``view``) or ``byte_width``.
    """

    __slots__ = ()
    parameter_names = ("layout", "byte_width")
    python_type = bytes
    layout: ClassVar[str | None] = None
    byte_width: ClassVar[int | None] = None

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters, checked."""
        check_choice(parameters, "layout", ("large", "view"))
        if len(parameters) > 1:
            raise ValueError("bytes of one width have no layout")
        check_range(parameters, "byte_width", 0, MAX_OFFSET)
        return dict(parameters)

    @classmethod
    def spelling(cls) -> str:
        """Return the type as ``str`` of pyarrow's spells it."""
        if cls.byte_width is not None:
            return f"fixed_size_binary[{cls.byte_width}]"
        return _laid_out("binary", cls.layout)

    @classmethod
    def to_intermediate_class(cls) -> type[DataType]:
        """Return the intermediate type of the same values."""
        return it.BYTES.of(max_bytes=cls.byte_width, padded=cls.byte_width is not None)

    @classmethod
    def make(cls, arrow: Any) -> Any:
        """Return the type out of the module ``pyarrow``."""
        if cls.byte_width is not None:
            return arrow.binary(cls.byte_width)
        return getattr(arrow, cls.spelling())()


def _laid_out(word: str, layout: str | None) -> str:
    return f"large_{word}" if layout == "large" else f"{word}_view" if layout == "view" else word


class ARROW_UUID(ArrowType):
    """``extension<arrow.uuid>``, a canonical extension: 16 bytes."""

    __slots__ = ()
    python_type = it.UUID.python_type
    word = "extension<arrow.uuid>"
    means = it.UUID
    factory = "uuid"


class ARROW_JSON(ArrowType):
    """``extension<arrow.json>``, a canonical extension: JSON text. The text ``null`` is a document, not a null."""

    __slots__ = ()
    word = "extension<arrow.json>"
    means = it.JSON
    factory = "json_"
