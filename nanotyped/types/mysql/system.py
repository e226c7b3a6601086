"""The MySQL type system, and what all column types of MySQL and MariaDB share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, ClassVar

from nanotyped.errors import IncompatibleTypesException, TypeCastError
from nanotyped.types.base import DataSourceTypeSystem, DataType
from nanotyped.types.grammar import ColumnType, parse_column_type
from nanotyped.types.policies import Bit, Tinyint1, TypePolicies, ZeroDate

Narrowest = Callable[[Any, Any], "type[MySQLType]"]


class MySQLTypeSystem(DataSourceTypeSystem):
    """The column types of MySQL 5.7-9 and MariaDB 10-11."""

    __slots__ = ()
    system_name = "mysql"
    families: ClassVar[dict[str, type[MySQLType]]] = {}
    narrowest: ClassVar[dict[type[DataType], Narrowest]] = {}

    @classmethod
    def type_mapping(
        cls, text: str, *, zero_date: ZeroDate = "error", tinyint1: Tinyint1 = "int", bit: Bit = "int"
    ) -> type[MySQLType]:
        """Return the type that a COLUMN_TYPE spells, in any case; equal types are the same class.

        Args:
            text: What ``information_schema.COLUMNS.COLUMN_TYPE`` prints or ``CREATE TABLE`` accepts, without what
                may follow a type (``NOT NULL``, ``DEFAULT`` …).
            zero_date: With ``keep``, a date or time is one that may be on no calendar. Whether such a one is an error
                or read as null is for who reads, not for the type.
            tinyint1: What ``tinyint(1)`` is: the small integer that it is to the server, or a ``MYSQL_BOOL``.
            bit: What ``bit(n)`` is: a number, its bytes, or, for ``bit(1)``, a bool; a longer one stays a number then.

        Raises:
            TypeError: If ``text`` is no ``str``.
            TypeSyntaxError: If it is no column type, or one that the servers refuse; says where and why.
        """
        if not isinstance(text, str):
            raise TypeError(f"a column type is spelled in a str, not in {type(text).__name__}")
        return _read(text).under(TypePolicies(zero_date, tinyint1, bit))

    @classmethod
    def from_intermediate(cls, intermediate: type[DataType], value: object) -> type[DataType]:
        """Return the narrowest column type for every value of an intermediate type.

        A bare family takes the widest type there is, and ``value`` is looked at where there is no one widest: an
        integer beyond ``bigint``, a datetime with or without zone.

        Raises:
            IncompatibleTypesException: If no column type can hold it.
        """
        find = cls.narrowest.get(intermediate.family)
        if find is None:
            raise IncompatibleTypesException(f"no MySQL column holds `{intermediate.spelling()}`")
        return find(intermediate, value)


MySQLTypeSystem.type_system = MySQLTypeSystem


class MySQLType(DataType, MySQLTypeSystem, family=False):
    """What all column types share. Casting is the intermediate type's, errors name the column type.

    Attributes:
        base: The canonical name of the type, such as ``int``: DATA_TYPE of ``information_schema``.
    """

    __slots__ = ()
    base: ClassVar[str] = ""
    # Declared here for type checkers; each family has those that apply.
    display_width: ClassVar[int | None]
    bits: ClassVar[int | None]
    minimum: ClassVar[int | None]
    maximum: ClassVar[int | None]
    unsigned: ClassVar[bool]
    zerofill: ClassVar[bool]
    precision: ClassVar[int | None]
    scale: ClassVar[int | None]
    fsp: ClassVar[int | None]
    max_length: ClassVar[int | None]
    max_bytes: ClassVar[int | None]
    members: ClassVar[tuple[str, ...] | None]
    charset: ClassVar[str | None]
    collation: ClassVar[str | None]
    srid: ClassVar[int | None]
    dimensions: ClassVar[int | None]

    def __init_subclass__(cls, *, family: bool = True, reads: str | None = None, **kwargs: Any) -> None:
        """Register a family under the canonical name that it reads."""
        super().__init_subclass__(family=family, **kwargs)
        if reads is not None:
            MySQLTypeSystem.families[reads] = cls

    @classmethod
    def from_column(cls, column: ColumnType) -> type[MySQLType]:
        """Return the type of a parsed column, held to the limits of the servers.

        Raises:
            TypeSyntaxError: If a server would refuse it.
        """
        del column  # a family without parameters needs no more than the name
        return cls

    @classmethod
    def under(cls, policies: TypePolicies) -> type[MySQLType]:
        """Return what a pipeline with these policies takes the type for; itself where none of them is about it."""
        del policies
        return cls

    @classmethod
    def intermediate(cls) -> type[DataType]:
        """Return the intermediate type; what a family defines."""
        raise NotImplementedError(f"{cls.__name__} has no intermediate type")

    @classmethod
    def to_intermediate_class(cls) -> type[DataType]:
        """Return the intermediate type that this type maps into."""
        return cls.intermediate()

    @classmethod
    def python_cast_function(cls, value: Any) -> Any:
        """Return ``value`` as this type's Python value.

        Raises:
            TypeCastError: If the column cannot hold it without loss.
        """
        try:
            return cls.intermediate_type.python_cast_function(value)
        except TypeCastError as error:
            raise TypeCastError(cls.spelling(), error.value, error.reason) from None

    @classmethod
    def spelling(cls) -> str:
        """Return the COLUMN_TYPE text."""
        return cls.base

    @classmethod
    def ddl(cls) -> str:
        """Return what ``CREATE TABLE`` takes, for a type that can be spelled."""
        return cls.spelling()

    @classmethod
    def type_name(cls, parameters: Mapping[str, Any]) -> str:
        """Return a name such as ``MYSQL_DECIMAL12_2_UNSIGNED``."""
        numbers = [str(value) for value in parameters.values() if type(value) is int]
        words = [
            key if value is True else str(value)
            for key, value in parameters.items()
            if value is True or isinstance(value, str)
        ]
        return "_".join([cls.family.__name__ + "_".join(numbers), *words]).upper()


@lru_cache(maxsize=4096)
def _read(text: str) -> type[MySQLType]:
    return type_of_column(parse_column_type(text))


def type_of_column(column: ColumnType) -> type[MySQLType]:
    """Return the type of a parsed column type.

    Raises:
        TypeSyntaxError: If a server would refuse it, or no contract can hold it.
    """
    family = MySQLTypeSystem.families.get(column.name)
    if family is None:
        raise column.error(f"`{column.spelling}` columns are not supported")
    return family.from_column(column)


def argument(column: ColumnType, index: int, low: int, high: int) -> int | None:
    """Return an argument of a column, ``None`` if it was not given.

    Raises:
        TypeSyntaxError: If it is not from ``low`` to ``high``.
    """
    if index >= len(column.arguments):
        return None
    found = column.arguments[index]
    if not low <= found.value <= high:
        raise column.error(f"{found.value} is not from {low} to {high}", found.position)
    return found.value
