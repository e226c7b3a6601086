"""The Python types: what values are in a program, and the types that annotations stand for.

``PythonTypeSystem`` has a class for each Python type that a column can have; ``PrimitiveTypeSystem`` is bare values
without any class around them.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Any, ClassVar, get_args, get_origin
from uuid import UUID

from nanotyped.errors import IncompatibleTypesException, TypeCastError, nearest_hint
from nanotyped.types import intermediate as it
from nanotyped.types.base import DataSourceTypeSystem, DataType, Nullable
from nanotyped.types.primitive import PrimitiveTypeSystem


class PythonTypeSystem(DataSourceTypeSystem):
    """Types by their Python class; each takes every value of that class."""

    __slots__ = ()
    system_name = "python"
    families: ClassVar[dict[str, type[PythonType]]] = {}
    by_intermediate: ClassVar[dict[type[DataType], type[PythonType]]] = {}

    @classmethod
    def type_mapping(cls, text: str) -> type[DataType]:
        """Return the type of a Python class by its name, such as ``int`` or ``Decimal``.

        Raises:
            TypeError: If ``text`` is no ``str``, or no such class can be a column.
        """
        if not isinstance(text, str):
            raise TypeError(f"a type is spelled in a str, not in {type(text).__name__}")
        found = cls.families.get(text)
        if found is None:
            raise TypeError(f"`{text}` is no Python type of a column{_hint(text)}")
        return found

    @classmethod
    def from_intermediate(cls, intermediate: type[DataType], value: object) -> type[DataType]:
        """Return the type of the Python class that an intermediate type's values have."""
        del value  # the family says it
        found = cls.by_intermediate.get(intermediate) or cls.by_intermediate.get(intermediate.family)
        if found is None:
            raise IncompatibleTypesException(f"no Python type of a column holds `{intermediate.spelling()}`")
        return found


PythonTypeSystem.type_system = PythonTypeSystem


class PythonType(DataType, PythonTypeSystem, family=False):
    """What all Python types share: each is an intermediate type, by the name of its class."""

    __slots__ = ()
    means: ClassVar[type[DataType]]

    def __init_subclass__(cls, *, family: bool = True, **kwargs: Any) -> None:
        """Register a class under the name of its Python type."""
        super().__init_subclass__(family=family, **kwargs)
        cls.python_type = cls.means.python_type
        PythonTypeSystem.families[cls.spelling()] = cls

    @classmethod
    def to_intermediate_class(cls) -> type[DataType]:
        """Return the bare family."""
        return cls.means

    @classmethod
    def spelling(cls) -> str:
        """Return the name of the Python class."""
        return cls.python_type.__name__

    @classmethod
    def python_cast_function(cls, value: Any) -> Any:
        """Return ``value`` as the Python class.

        Raises:
            TypeCastError: If it cannot be that without loss.
        """
        try:
            return cls.means.python_cast_function(value)
        except TypeCastError as error:
            raise TypeCastError(cls.spelling(), error.value, error.reason) from None


class PYTHON_INT(PythonType):
    """``int``."""

    __slots__ = ()
    means = it.INTEGER


class PYTHON_BOOL(PythonType):
    """``bool``."""

    __slots__ = ()
    means = it.BOOL


class PYTHON_FLOAT(PythonType):
    """``float``, finite."""

    __slots__ = ()
    means = it.FLOAT


class PYTHON_DECIMAL(PythonType):
    """``Decimal``, finite."""

    __slots__ = ()
    means = it.DECIMAL


class PYTHON_STR(PythonType):
    """``str``."""

    __slots__ = ()
    means = it.STRING


class PYTHON_BYTES(PythonType):
    """``bytes``."""

    __slots__ = ()
    means = it.BYTES


class PYTHON_DATETIME(PythonType):
    """``datetime``, with or without a zone."""

    __slots__ = ()
    means = it.DATETIME


class PYTHON_DATE(PythonType):
    """``date``."""

    __slots__ = ()
    means = it.DATE


class PYTHON_LENIENT_MOMENT(PythonType):
    """``date``, ``datetime`` or ``InvalidDate``."""

    __slots__ = ()
    means = it.LENIENT_MOMENT

    @classmethod
    def spelling(cls) -> str:
        """Return ``datetime | InvalidDate``."""
        return "datetime | InvalidDate"


class PYTHON_TIMEDELTA(PythonType):
    """``timedelta``."""

    __slots__ = ()
    means = it.TIME_INTERVAL


class PYTHON_JSON(PythonType):
    """A JSON document: ``dict``, ``list`` and what they hold."""

    __slots__ = ()
    means = it.JSON

    @classmethod
    def spelling(cls) -> str:
        """Return ``dict``, which stands for every document."""
        return "dict"


class PYTHON_FROZENSET(PythonType):
    """``frozenset`` of ``str``."""

    __slots__ = ()
    means = it.SET


class PYTHON_UUID(PythonType):
    """``uuid.UUID``."""

    __slots__ = ()
    means = it.UUID


class PYTHON_IPV4ADDRESS(PythonType):
    """``ipaddress.IPv4Address``."""

    __slots__ = ()
    means = it.INET.of(version=4)


class PYTHON_IPV6ADDRESS(PythonType):
    """``ipaddress.IPv6Address``."""

    __slots__ = ()
    means = it.INET.of(version=6)


class PYTHON_GEOMETRY(PythonType):
    """``nanotyped.types.Geometry``."""

    __slots__ = ()
    means = it.GEOMETRY


class PYTHON_TUPLE(PythonType):
    """``tuple`` of ``float``, each of which 32 bits hold: a vector."""

    __slots__ = ()
    means = it.VECTOR


class PYTHON_NONE(PythonType):
    """The type of a ``None`` of which nothing else is known."""

    __slots__ = ()
    means = it.NULL

    @classmethod
    def spelling(cls) -> str:
        """Return ``None``."""
        return "None"


PythonTypeSystem.by_intermediate.update({family.means: family for family in PythonTypeSystem.families.values()})
PythonTypeSystem.by_intermediate.update(
    {it.ENUM: PYTHON_STR, it.TIMESTAMP: PYTHON_DATETIME, it.YEAR: PYTHON_INT, it.BITS: PYTHON_INT}
)

# Classes that an annotation may name, and the type that each stands for where nothing else is said.
_ANNOTATIONS: Mapping[Any, type[DataType]] = {
    int: it.INTEGER,
    bool: it.BOOL,
    float: it.FLOAT,
    Decimal: it.DECIMAL,
    str: it.STRING,
    bytes: it.BYTES,
    datetime: it.DATETIME,
    date: it.DATE,
    timedelta: it.TIME_INTERVAL,
    frozenset: it.SET,
    UUID: it.UUID,
    IPv4Address: it.INET.of(version=4),
    IPv6Address: it.INET.of(version=6),
    it.Geometry: it.GEOMETRY,
    dict: it.JSON,
    list: it.JSON,
    Any: it.OBJECT,
    object: it.OBJECT,
    type(None): it.NULL,
}
_NAMES: Mapping[str, type[DataType]] = {getattr(key, "__name__", str(key)): kind for key, kind in _ANNOTATIONS.items()}
# What stands beside InvalidDate in an annotation, and the type of both.
_BESIDE_INVALID: Mapping[Any, type[DataType]] = {
    date: it.LENIENT_MOMENT.of(moment=it.DATE),
    datetime: it.LENIENT_MOMENT.of(moment=it.DATETIME),
}
_GENERIC: Mapping[Any, type[DataType]] = {frozenset[str]: it.SET, tuple[float, ...]: it.VECTOR}
# What people write for a class that no column has, and what they may mean.
_INSTEAD: Mapping[str, str] = {
    "time": "`timedelta`, for a TIME is a span",
    "complex": "two float columns",
    "tuple": "`list`, for a JSON array, or `tuple[float, ...]`, for a vector",
    "set": "`frozenset[str]`, or `list`, for a JSON array",
    "frozenset": "`frozenset[str]`",
    "bytearray": "`bytes`",
    "memoryview": "`bytes`",
    "Fraction": "`Decimal`",
    "InvalidDate": "`date | InvalidDate` or `datetime | InvalidDate`",
    "float32": "Annotated[float, FLOAT.of(bits=32)]",
}


def _hint(name: str) -> str:
    instead = _INSTEAD.get(name)
    hint = f"did you mean {instead}?" if instead else nearest_hint(name, PythonTypeSystem.families)
    return f" ({hint})" if hint else ""


def annotation_type(annotation: Any) -> tuple[type[DataType], bool]:
    """Return the type that a row annotation stands for, and whether it takes ``None``.

    Args:
        annotation: Resolved, as ``typing.get_type_hints(…, include_extras=True)`` gives it: a Python class, a
            ``DataType`` class or ``….nullable()``, ``X | None``, or ``Annotated[X, <DataType class>]`` around or
            inside of that; or ``type X = …`` of any of these. What else stands in ``Annotated`` is not looked at.

    Raises:
        TypeError: If no type is meant by it, or the Python class is not that of the type in ``Annotated``.
    """
    if hasattr(annotation, "__value__"):  # `type X = …`, of typing or typing_extensions
        return annotation_type(annotation.__value__)
    if isinstance(annotation, Nullable):
        return annotation.type, True
    if isinstance(annotation, type) and issubclass(annotation, DataType):
        return annotation, False
    if annotation is None:
        return it.NULL, True
    origin = get_origin(annotation)
    if origin is Annotated:
        return _annotated(annotation)
    if origin in (typing.Union, types.UnionType):
        return _union(annotation)
    kind = _GENERIC.get(annotation) or _ANNOTATIONS.get(origin if origin in (dict, list) else annotation)
    if kind is None:
        name = getattr(annotation, "__name__", str(annotation))
        raise TypeError(f"`{name}` is no type of a column{_hint(name)}")
    return kind, kind is it.NULL


def _annotated(annotation: Any) -> tuple[type[DataType], bool]:
    inner, *extras = get_args(annotation)
    plain, nullable = annotation_type(inner)
    given = [extra for extra in extras if _is_type(extra)]
    if not given:
        return plain, nullable
    if len(given) > 1:
        names = " and ".join(f"`{_type_of(extra).spelling()}`" for extra in given)
        raise TypeError(f"one column has one type, not {names}")
    kind = _type_of(given[0])
    if not _agree(plain, kind):
        raise TypeError(
            f"`{plain.python_type.__name__}` is not the Python type of `{kind.spelling()}`, "
            f"which is `{kind.python_type.__name__}`"
        )
    return kind, nullable or isinstance(given[0], Nullable)


def _is_type(extra: object) -> bool:
    return isinstance(extra, Nullable) or (isinstance(extra, type) and issubclass(extra, DataType))


def _type_of(extra: Any) -> type[DataType]:
    found: type[DataType] = extra.type if isinstance(extra, Nullable) else extra
    return found


def _agree(plain: type[DataType], kind: type[DataType]) -> bool:
    """Return whether values of ``kind`` are what the annotation's own class says."""
    if plain in (it.OBJECT, it.JSON) and kind.intermediate_type.family in (it.OBJECT, it.JSON):
        return True
    if plain.family is it.INET and kind.intermediate_type is it.INET:
        return True
    if plain.family is it.LENIENT_MOMENT:
        meant: Any = kind.intermediate_type
        return meant.family is it.LENIENT_MOMENT and plain.moment.python_type is meant.moment.python_type  # type: ignore[attr-defined]  # so has its family
    return plain is it.OBJECT or plain.python_type is kind.python_type


def _union(annotation: Any) -> tuple[type[DataType], bool]:
    members = get_args(annotation)
    others = [member for member in members if member is not type(None)]
    if it.InvalidDate in others and len(others) == 2:
        kind = _BESIDE_INVALID.get(next(member for member in others if member is not it.InvalidDate))
        if kind is not None:
            return kind, len(others) < len(members)
    if len(others) != 1 or len(others) == len(members):
        raise TypeError(f"`{annotation}` is no type of a column: a column has one type, and None beside it at most")
    kind, _ = annotation_type(others[0])
    return kind, True


__all__ = [
    "PYTHON_BOOL",
    "PYTHON_BYTES",
    "PYTHON_DATE",
    "PYTHON_DATETIME",
    "PYTHON_DECIMAL",
    "PYTHON_FLOAT",
    "PYTHON_FROZENSET",
    "PYTHON_GEOMETRY",
    "PYTHON_INT",
    "PYTHON_IPV4ADDRESS",
    "PYTHON_IPV6ADDRESS",
    "PYTHON_JSON",
    "PYTHON_LENIENT_MOMENT",
    "PYTHON_NONE",
    "PYTHON_STR",
    "PYTHON_TIMEDELTA",
    "PYTHON_TUPLE",
    "PYTHON_UUID",
    "PrimitiveTypeSystem",
    "PythonType",
    "PythonTypeSystem",
    "annotation_type",
]
