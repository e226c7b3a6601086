"""What a type is: ``DataType`` classes, their parameters and interning, and the base of type systems.

A type is a class, a value its instance. ``FAMILY.of(**parameters)`` makes a parametrised subclass once and gives the
same class ever after. Nothing here knows MySQL, JSON or Python in particular.
"""

from __future__ import annotations

import copyreg
import threading
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Self

from nanotyped.errors import IncompatibleTypesException, TypeCastError, nearest_hint

_intern_lock = threading.Lock()
_intermediate_types: dict[type[DataType], type[DataType]] = {}  # asked for once a value, so kept


class DataSourceTypeSystem:
    """Base of the type systems: a way to spell types (``type_mapping``) and to take values in (``convert``)."""

    __slots__ = ()
    type_system: ClassVar[type[DataSourceTypeSystem]]
    system_name: ClassVar[str] = ""

    @classmethod
    def type_mapping(cls, text: str) -> type[DataType]:
        """Return the type that ``text`` spells in this system.

        Raises:
            TypeSyntaxError: If no type is spelled like that.
        """
        raise NotImplementedError(f"{cls.__name__} has no spelling of types")

    @classmethod
    def from_intermediate(cls, intermediate: type[DataType], value: object) -> type[DataType]:
        """Return this system's narrowest type for every value of an intermediate type.

        ``value`` is looked at for a bare family only ("any integer"), which no single type of a server may hold.

        Raises:
            IncompatibleTypesException: If this system has no such type.
        """
        raise NotImplementedError(f"{cls.__name__} takes no values")

    @classmethod
    def convert(cls, value: DataType) -> DataType:
        """Return ``value`` as a value of this system; ``name`` stays, ``original_type`` is set.

        A value that came out of this system goes back to the very class it had.

        Raises:
            IncompatibleTypesException: If this system has no type for it.
        """
        if not isinstance(value, DataType):
            raise TypeError(f"{cls.__name__}.convert needs a DataType, not {type(value).__name__}")
        if value.type_system is cls:
            return value
        origin = value.original_type
        if isinstance(origin, type) and issubclass(origin, DataType) and origin.type_system is cls:
            target = origin
        else:
            inner = value.to_intermediate_type()
            target = cls.from_intermediate(type(inner), inner.value)
        return target(value.value, original_type=type(value), name=value.name)


@dataclass(frozen=True, slots=True)
class Nullable:
    """A type and SQL NULL beside it, as ``STRING.nullable()`` spells it in a schema."""

    type: type[DataType]


class DataTypeMeta(type):
    """Metaclass of types: makes parametrised classes print their spelling and survive pickling."""

    def __repr__(cls) -> str:
        return f"<type {cls.__name__}>"

    @property
    def intermediate_type(cls: type[DataType]) -> type[DataType]:  # type: ignore[misc]  # every class of it is one
        """The intermediate type that values of this type are values of."""
        found = _intermediate_types.get(cls)
        if found is None:
            found = _intermediate_types[cls] = cls.to_intermediate_class()
        return found


class DataType(metaclass=DataTypeMeta):
    """A typed value; the base of every type of every system.

    Constructing casts ``value`` to the type's Python value, once; what cannot be cast without loss raises
    ``TypeCastError``. ``None`` makes a typed null. A value compares, hashes and prints like its Python value.

    Attributes:
        value: The Python value, or ``None``.
        name: Name of its column, or ``None``.
        original_type: The class (or the system) it was converted from, or ``None``.
    """

    __slots__ = ("name", "original_type", "value")

    type_system: ClassVar[type[DataSourceTypeSystem]]
    python_type: ClassVar[type] = object
    family: ClassVar[type[DataType]]
    parameters: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    parameter_names: ClassVar[tuple[str, ...]] = ()
    # The lowest and the highest value, of a type that holds fewer values than its intermediate type.
    bounds: ClassVar[tuple[Any, Any] | None] = None
    _interned: ClassVar[dict[tuple[object, ...], type[DataType]]] = {}

    def __init_subclass__(cls, *, family: bool = True, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if family:
            cls.family = cls

    def __init__(
        self,
        value: object,
        original_type: type[DataType | DataSourceTypeSystem] | None = None,
        name: str | None = None,
    ) -> None:
        self.value: Any = None if value is None else type(self).python_cast_function(plain(value))
        self.original_type = original_type
        self.name = name

    # -- what a family defines ------------------------------------------------

    @classmethod
    def spelling(cls) -> str:
        """Return the type as people write it, such as ``decimal(12,2) unsigned``."""
        return cls.__name__.lower()

    @classmethod
    def python_cast_function(cls, value: Any) -> Any:
        """Return ``value`` as this type's Python value.

        Raises:
            TypeCastError: If it cannot be that without loss.
        """
        raise NotImplementedError(f"{cls.__name__} holds no values")

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Check the parameters of a new type and return its class attributes (at least the parameters).

        Raises:
            ValueError: If the parameters do not go together.
        """
        return dict(parameters)

    @classmethod
    def to_intermediate_class(cls) -> type[DataType]:
        """Return the intermediate type that this type maps into; an intermediate type is its own."""
        return cls

    @classmethod
    def type_name(cls, parameters: Mapping[str, Any]) -> str:
        """Return the ``__name__`` of the parametrised class."""
        return "_".join([cls.family.__name__, *(_name_part(key, value) for key, value in parameters.items())])

    # -- parametrised types ---------------------------------------------------

    @classmethod
    def of(cls, **parameters: Any) -> type[Self]:
        """Return the type of this family with these parameters; equal calls give the same class.

        Called on a parametrised class, the given parameters replace the ones it has. ``None`` means "any".

        Raises:
            TypeError: If the family has no such parameter.
            ValueError: If the parameters do not go together.
        """
        family = cls.family
        for key in parameters:
            if key not in family.parameter_names:
                hint = nearest_hint(key, family.parameter_names)
                known = ", ".join(family.parameter_names) or "none"
                raise TypeError(
                    f"{family.__name__} has no parameter `{key}` (it has: {known}){' ' + hint if hint else ''}"
                )
        merged = {**cls.parameters, **parameters}
        kept = {
            key: merged[key]
            for key in family.parameter_names
            if merged.get(key) is not None and merged[key] is not False  # 0 is a length, a scale, an fsp
        }
        if not kept:
            return family  # type: ignore[return-value]  # the root of cls is a supertype in name only
        key_ = (family, tuple(kept.items()))
        with _intern_lock:
            found = DataType._interned.get(key_)
        if found is None:
            attributes = family.derive(MappingProxyType(kept))
            attributes |= {"__slots__": (), "parameters": MappingProxyType(kept), "__module__": family.__module__}
            made: type[DataType] = DataTypeMeta(family.type_name(kept), (family,), attributes, family=False)  # type: ignore[assignment]  # its base is one
            with _intern_lock:
                found = DataType._interned.setdefault(key_, made)
        return found  # type: ignore[return-value]  # a subclass of the family, which is what cls stands for

    @classmethod
    def nullable(cls) -> Nullable:
        """Return this type marked as nullable, for use in a schema."""
        return Nullable(cls)

    @classmethod
    def is_bare(cls) -> bool:
        """Return whether this is a family as a whole: any member of it."""
        return not cls.parameters

    # -- conversions ----------------------------------------------------------

    def to_python(self) -> Any:
        """Return the Python value; ``None`` for a null."""
        return self.value

    def to_intermediate_type(self) -> DataType:
        """Return the value in the intermediate system; ``name`` stays, ``original_type`` is this class."""
        target = type(self).intermediate_type
        if target is type(self):
            return self
        return target(self.value, original_type=type(self), name=self.name)

    def named(self, name: str) -> Self:
        """Return this value under another column name."""
        return type(self)(self.value, original_type=self.original_type, name=name)

    # -- a value behaves like its Python value ----------------------------------

    def __eq__(self, other: object) -> bool:
        return bool(self.value == plain(other))

    def __lt__(self, other: object) -> bool:
        return bool(self.value < plain(other))

    def __le__(self, other: object) -> bool:
        return bool(self.value <= plain(other))

    def __gt__(self, other: object) -> bool:
        return bool(self.value > plain(other))

    def __ge__(self, other: object) -> bool:
        return bool(self.value >= plain(other))

    def __hash__(self) -> int:
        return hash(self.value)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __str__(self) -> str:
        return str(self.value)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.value!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild_value, (type(self), self.value, self.original_type, self.name)


DataType.family = DataType


def plain(value: object) -> Any:
    """Return the Python value of a ``DataType``; anything else as it is."""
    return value.value if isinstance(value, DataType) else value


def _name_part(key: str, value: object) -> str:
    if value is True:
        return key.upper()
    if isinstance(value, tuple):  # members: a digest, the same in every process
        return f"{key.upper()}_{zlib.crc32(repr(value).encode()):08X}"
    if isinstance(value, type):
        return value.__name__
    return str(value).upper()


def _rebuild_value(
    cls: type[DataType], value: object, original_type: type[DataType] | None, name: str | None
) -> DataType:
    made = cls.__new__(cls)
    made.value = value  # it was cast when it was first made
    made.original_type = original_type
    made.name = name
    return made


def _rebuild_type(family: type[DataType], parameters: dict[str, Any]) -> type[DataType]:
    return family.of(**parameters)


def _reduce_type(cls: type[DataType]) -> str | tuple[Callable[..., type[DataType]], tuple[object, ...]]:
    if cls.parameters:
        return _rebuild_type, (cls.family, dict(cls.parameters))
    return cls.__qualname__


# A parametrised class stands in no module: pickle it by its family and parameters.
copyreg.pickle(DataTypeMeta, _reduce_type)  # type: ignore[arg-type]  # typeshed wants an instance, a class is one here


def get_type_system(item: DataType | type[DataType]) -> type[DataSourceTypeSystem]:
    """Return the type system of a value or of a type.

    Raises:
        IncompatibleTypesException: If ``item`` is neither.
    """
    cls = item if isinstance(item, type) else type(item)
    if not issubclass(cls, DataType) or not hasattr(cls, "type_system"):
        raise IncompatibleTypesException(f"{item!r} belongs to no type system")
    return cls.type_system


def all_bases(item: object) -> set[type]:
    """Return every base class of a class, or of the class of a value."""
    cls = item if isinstance(item, type) else type(item)
    return set(cls.__mro__) - {cls}


def cast_error(cls: type[DataType], value: object, reason: str) -> TypeCastError:
    """Return the error for a value that ``cls`` cannot hold."""
    return TypeCastError(cls.spelling(), value, reason)
