"""The SQLite type system and its families, one for each intermediate family."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from nanotyped.errors import IncompatibleTypesException, TypeCastError
from nanotyped.types import intermediate as it
from nanotyped.types.base import DataSourceTypeSystem, DataType

if TYPE_CHECKING:
    from nanotyped.types.policies import TypePolicies


class SQLiteTypeSystem(DataSourceTypeSystem):
    """The declared types of SQLite."""

    __slots__ = ()
    system_name = "sqlite"
    by_intermediate: ClassVar[dict[type[DataType], type[SQLiteType]]] = {}
    spellings: ClassVar[Mapping[type[DataType], Callable[[Any], str]]] = {}
    read: ClassVar[Callable[[str], type[SQLiteType]]]

    @classmethod
    def type_mapping(cls, text: str) -> type[DataType]:
        """Return the type of a column by its declared type; ``""`` is a column without one.

        Raises:
            TypeError: If ``text`` is no ``str``.
            TypeSyntaxError: If no type is spelled like that. SQLite would take it; a contract cannot.
        """
        if not isinstance(text, str):
            raise TypeError(f"a declared type is spelled in a str, not in {type(text).__name__}")
        return cls.read(text)

    @classmethod
    def from_intermediate(cls, intermediate: type[DataType], value: object) -> type[DataType]:
        """Return the type with the same values; SQLite has one for each but OBJECT.

        Raises:
            IncompatibleTypesException: If there is none.
        """
        del value  # SQLite's types are as wide as the intermediate ones
        family = cls.by_intermediate.get(intermediate.family)
        if family is None or family is SQLITE_ANY:
            raise IncompatibleTypesException(f"no SQLite column holds `{intermediate.spelling()}`")
        return family.of(**intermediate.parameters)


SQLiteTypeSystem.type_system = SQLiteTypeSystem


class SQLiteType(DataType, SQLiteTypeSystem, family=False):
    """What all SQLite types share: each has the parameters of the intermediate family that it means."""

    __slots__ = ()
    means: ClassVar[type[DataType]]

    def __init_subclass__(cls, *, family: bool = True, **kwargs: Any) -> None:
        """Take parameters and Python type from the intermediate family."""
        super().__init_subclass__(family=family, **kwargs)
        if family:
            cls.parameter_names = cls.means.parameter_names
            cls.python_type = cls.means.python_type
            for owner in cls.means.__mro__[: cls.means.__mro__.index(it.IntermediateType)]:
                for name in vars(owner).get("__annotations__", ()):
                    if not name.startswith("_"):
                        setattr(cls, name, getattr(cls.means, name))
            SQLiteTypeSystem.by_intermediate[cls.means] = cls

    @classmethod
    def under(cls, policies: TypePolicies) -> type[DataType]:
        """Return what a pipeline with these policies takes the type for: of a moment, one that keeps invalid dates."""
        moment = cls.intermediate_type
        if policies.zero_date != "keep" or moment.family not in (it.DATE, it.DATETIME, it.TIMESTAMP):
            return cls
        return SQLITE_LENIENT_MOMENT.of(moment=moment)

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the intermediate family derives from its parameters."""
        return cls.means.derive(parameters)

    @classmethod
    def to_intermediate_class(cls) -> type[DataType]:
        """Return the intermediate type of the same parameters."""
        return cls.means.of(**cls.parameters)

    @classmethod
    def spelling(cls) -> str:
        """Return a declared type that reads as this type, where there is one."""
        return SQLiteTypeSystem.spellings[cls.family](cls)

    @classmethod
    def python_cast_function(cls, value: Any) -> Any:
        """Return ``value`` as this type's Python value.

        Raises:
            TypeCastError: If it cannot be that without loss.
        """
        try:
            return cls.intermediate_type.python_cast_function(value)
        except TypeCastError as error:
            raise TypeCastError(cls.spelling(), error.value, error.reason) from None


class SQLITE_INTEGER(SQLiteType):
    """Integers. Parameters: ``bits``, ``unsigned``."""

    __slots__ = ()
    means = it.INTEGER


class SQLITE_BOOLEAN(SQLiteType):
    """``boolean``: 0 or 1."""

    __slots__ = ()
    means = it.BOOL


class SQLITE_NUMERIC(SQLiteType):
    """Decimals. Parameters: ``precision``, ``scale``, ``unsigned``."""

    __slots__ = ()
    means = it.DECIMAL


class SQLITE_REAL(SQLiteType):
    """Doubles. Parameters: those of FLOAT."""

    __slots__ = ()
    means = it.FLOAT


class SQLITE_TEXT(SQLiteType):
    """Text. Parameters: those of STRING."""

    __slots__ = ()
    means = it.STRING


class SQLITE_ENUM(SQLiteType):
    """One of some texts. Parameters: ``members``, ``charset``."""

    __slots__ = ()
    means = it.ENUM


class SQLITE_BLOB(SQLiteType):
    """Bytes. Parameters: those of BYTES."""

    __slots__ = ()
    means = it.BYTES


class SQLITE_DATETIME(SQLiteType):
    """A date and time of no zone, as text. Parameter: ``fsp``."""

    __slots__ = ()
    means = it.DATETIME


class SQLITE_TIMESTAMP(SQLiteType):
    """A moment, as text in UTC. Parameter: ``fsp``."""

    __slots__ = ()
    means = it.TIMESTAMP


class SQLITE_DATE(SQLiteType):
    """A date, as text."""

    __slots__ = ()
    means = it.DATE


class SQLITE_LENIENT_MOMENT(SQLiteType):
    """A date or time, as text, that may be on no calendar. Parameter: ``moment``, the intermediate type."""

    __slots__ = ()
    means = it.LENIENT_MOMENT


class SQLITE_TIME(SQLiteType):
    """A span, as text. Parameter: ``fsp``."""

    __slots__ = ()
    means = it.TIME_INTERVAL


class SQLITE_JSON(SQLiteType):
    """A JSON document, as text."""

    __slots__ = ()
    means = it.JSON


class SQLITE_YEAR(SQLiteType):
    """A year, as a number."""

    __slots__ = ()
    means = it.YEAR


class SQLITE_BIT(SQLiteType):
    """A run of bits, as a number; as text, beyond 63 bits. Parameter: ``bits``."""

    __slots__ = ()
    means = it.BITS


class SQLITE_SET(SQLiteType):
    """Some of some texts, as a JSON array. Parameters: ``members``, ``charset``."""

    __slots__ = ()
    means = it.SET


class SQLITE_UUID(SQLiteType):
    """A UUID, as text."""

    __slots__ = ()
    means = it.UUID


class SQLITE_INET(SQLiteType):
    """An IP address, as text. Parameter: ``version``."""

    __slots__ = ()
    means = it.INET


class SQLITE_GEOMETRY(SQLiteType):
    """A geometry, as bytes: its SRID in four of them, little-endian, then its WKB. Parameters: ``kind``, ``srid``."""

    __slots__ = ()
    means = it.GEOMETRY


class SQLITE_VECTOR(SQLiteType):
    """Floats of 32 bits, as bytes, little-endian. Parameter: ``dimensions``."""

    __slots__ = ()
    means = it.VECTOR


class SQLITE_NULL(SQLiteType):
    """The type of a null of which nothing else is known."""

    __slots__ = ()
    means = it.NULL


class SQLITE_ANY(SQLiteType):
    """A column of no declared type: whatever SQLite stored, as it is."""

    __slots__ = ()
    means = it.OBJECT
