"""Column types beside numbers, texts and moments: BIT, YEAR, UUID, INET4, INET6, the geometries, VECTOR.

Sources: MySQL 8.4 manual 11.1.5, 11.2.4 and 11.4, MySQL 9 manual 13.3.5, MariaDB 10.11 and its knowledge base.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any, ClassVar

from nanotyped.types.base import cast_error
from nanotyped.types.intermediate import (
    BITS,
    BOOL,
    BYTES,
    GEOMETRY,
    INET,
    MAX_BITS,
    MAX_DIMENSIONS,
    MAX_SRID,
    UUID,
    VECTOR,
    YEAR,
    Geometry,
)
from nanotyped.types.mysql.numbers import MAX_DISPLAY_WIDTH
from nanotyped.types.mysql.system import MySQLType, argument

if TYPE_CHECKING:
    from nanotyped.types.base import DataType
    from nanotyped.types.grammar import ColumnType
    from nanotyped.types.policies import TypePolicies

DEFAULT_DIMENSIONS = 2048  # of MySQL 9; MariaDB wants a number
_FORMS_OF_BITS: Mapping[str | None, type] = {None: int, "bytes": bytes, "bool": bool}


class MYSQL_BIT(MySQLType, reads="bit"):
    """``bit(n)``: a run of bits, as a number without sign.

    Parameters: ``max_length``, the number of bits; ``form``, where a pipeline takes it for ``bytes`` (so many that the
    bits fit, the most significant first) or for a ``bool``.
    """

    __slots__ = ()
    parameter_names = ("max_length", "form")
    python_type = int
    base = "bit"
    form: ClassVar[str | None] = None
    bits: ClassVar[int | None] = None
    max_length: ClassVar[int | None] = None
    minimum: ClassVar[int | None] = BITS.minimum
    maximum: ClassVar[int | None] = BITS.maximum

    @classmethod
    def from_column(cls, column: ColumnType) -> type[MySQLType]:
        """Return the type; without a length, or with 0, it is 1."""
        return cls.of(max_length=argument(column, 0, 0, MAX_BITS) or 1)

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the number of bits, checked, and the largest number."""
        bits, form = parameters.get("max_length"), parameters.get("form")
        kind = BITS.of(bits=bits)
        if form not in _FORMS_OF_BITS:
            raise ValueError(f"form must be bytes or bool, not {form!r}")
        if form is not None and (bits is None or (form == "bool" and bits != 1)):
            raise ValueError("only bits of a known number are bytes, and only one bit is a bool")
        attributes = {**parameters, "bits": bits, "maximum": kind.maximum, "python_type": _FORMS_OF_BITS[form]}
        if form == "bytes":
            size = -(-parameters["max_length"] // 8)
            attributes["bounds"] = (bytes(size), kind.maximum.to_bytes(size, "big"))
        return attributes

    @classmethod
    def python_cast_function(cls, value: Any) -> Any:
        """Return ``value`` as a number, bytes or a bool, whichever the column is taken for."""
        found = super().python_cast_function(value)
        if cls.bounds is not None and found > cls.bounds[1]:
            raise cast_error(cls, value, f"it has more than {cls.bits} bits")
        return found

    @classmethod
    def under(cls, policies: TypePolicies) -> type[MySQLType]:
        """Return the same bits as bytes or a bool, if that is asked for and they can be."""
        if policies.bit == "int" or cls.bits is None or (policies.bit == "bool" and cls.bits != 1):
            return cls
        return cls.of(form=policies.bit)

    @classmethod
    def intermediate(cls) -> type[DataType]:
        """Return BITS of this number; BYTES or BOOL where they are taken for that."""
        if cls.form == "bytes":
            return BYTES.of(max_bytes=-(-(cls.bits or MAX_BITS) // 8), padded=True)
        return BOOL if cls.form == "bool" else BITS.of(bits=cls.bits)

    @classmethod
    def ddl(cls) -> str:
        """Return ``bit(8)``."""
        return cls.base if cls.bits is None else f"{cls.base}({cls.bits})"

    @classmethod
    def spelling(cls) -> str:
        """Return ``bit(8)``, ``bit(8) as bytes``."""
        return cls.ddl() if cls.form is None else f"{cls.ddl()} as {cls.form}"


class MYSQL_YEAR(MySQLType, reads="year"):
    """``year``: 1901 to 2155 and 0000."""

    __slots__ = ()
    python_type = int
    base = "year"
    minimum: ClassVar[int | None] = YEAR.minimum
    maximum: ClassVar[int | None] = YEAR.maximum

    @classmethod
    def from_column(cls, column: ColumnType) -> type[MySQLType]:
        """Return the type, whatever its display width; two digits do not tell 0000 from 2000."""
        if argument(column, 0, 0, MAX_DISPLAY_WIDTH) == 2:
            reason = "year(2) is not supported, for it shows 0000 and 2000 alike; make it year(4)"
            raise column.error(reason, column.arguments[0].position)
        return cls

    @classmethod
    def intermediate(cls) -> type[DataType]:
        """Return YEAR."""
        return YEAR


class MYSQL_UUID(MySQLType, reads="uuid"):
    """``uuid`` of MariaDB 10.7."""

    __slots__ = ()
    python_type = uuid.UUID
    base = "uuid"

    @classmethod
    def intermediate(cls) -> type[DataType]:
        """Return UUID."""
        return UUID


class MYSQL_INET4(MySQLType, reads="inet4"):
    """``inet4`` of MariaDB 10.10."""

    __slots__ = ()
    python_type = IPv4Address
    base = "inet4"

    @classmethod
    def intermediate(cls) -> type[DataType]:
        """Return INET of version 4."""
        return INET.of(version=4)


class MYSQL_INET6(MySQLType, reads="inet6"):
    """``inet6`` of MariaDB 10.5."""

    __slots__ = ()
    python_type = IPv6Address
    base = "inet6"

    @classmethod
    def intermediate(cls) -> type[DataType]:
        """Return INET of version 6."""
        return INET.of(version=6)


class MYSQL_GEOMETRY(MySQLType, reads="geometry"):
    """``geometry``: of any kind. Parameter: ``srid``, the one spatial reference system of the column, if it has one."""

    __slots__ = ()
    parameter_names = ("srid",)
    python_type = Geometry
    base = "geometry"
    srid: ClassVar[int | None] = None

    @classmethod
    def from_column(cls, column: ColumnType) -> type[MySQLType]:
        """Return the type with its spatial reference system."""
        if column.srid is not None and column.srid.value > MAX_SRID:
            raise column.error(f"{column.srid.value} is not from 0 to {MAX_SRID}", column.srid.position)
        return cls.of(srid=None if column.srid is None else column.srid.value)

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameter, checked."""
        GEOMETRY.of(**parameters)
        return dict(parameters)

    @classmethod
    def intermediate(cls) -> type[DataType]:
        """Return GEOMETRY of this kind and spatial reference system."""
        return GEOMETRY.of(kind=None if cls.base == "geometry" else cls.base, srid=cls.srid)

    @classmethod
    def spelling(cls) -> str:
        """Return ``point srid 4326``."""
        return cls.base if cls.srid is None else f"{cls.base} srid {cls.srid}"

    @classmethod
    def ddl(cls) -> str:
        """Return what MySQL 8 reads as the spatial reference system, and other servers as a comment."""
        return cls.base if cls.srid is None else f"{cls.base} /*!80003 srid {cls.srid} */"


class MYSQL_POINT(MYSQL_GEOMETRY, reads="point"):
    """``point``. Parameter: ``srid``."""

    __slots__ = ()
    base = "point"


class MYSQL_LINESTRING(MYSQL_GEOMETRY, reads="linestring"):
    """``linestring``. Parameter: ``srid``."""

    __slots__ = ()
    base = "linestring"


class MYSQL_POLYGON(MYSQL_GEOMETRY, reads="polygon"):
    """``polygon``. Parameter: ``srid``."""

    __slots__ = ()
    base = "polygon"


class MYSQL_MULTIPOINT(MYSQL_GEOMETRY, reads="multipoint"):
    """``multipoint``. Parameter: ``srid``."""

    __slots__ = ()
    base = "multipoint"


class MYSQL_MULTILINESTRING(MYSQL_GEOMETRY, reads="multilinestring"):
    """``multilinestring``. Parameter: ``srid``."""

    __slots__ = ()
    base = "multilinestring"


class MYSQL_MULTIPOLYGON(MYSQL_GEOMETRY, reads="multipolygon"):
    """``multipolygon``. Parameter: ``srid``."""

    __slots__ = ()
    base = "multipolygon"


class MYSQL_GEOMETRYCOLLECTION(MYSQL_GEOMETRY, reads="geometrycollection"):
    """``geometrycollection``. Parameter: ``srid``."""

    __slots__ = ()
    base = "geometrycollection"


class MYSQL_VECTOR(MySQLType, reads="vector"):
    """``vector(n)`` of MySQL 9 and MariaDB 11.7. Parameter: ``dimensions``."""

    __slots__ = ()
    parameter_names = ("dimensions",)
    python_type = tuple
    base = "vector"
    dimensions: ClassVar[int | None] = None

    @classmethod
    def from_column(cls, column: ColumnType) -> type[MySQLType]:
        """Return the type; without a number it is that of MySQL, 2048."""
        return cls.of(dimensions=argument(column, 0, 1, MAX_DIMENSIONS) or DEFAULT_DIMENSIONS)

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameter, checked."""
        VECTOR.of(**parameters)
        return dict(parameters)

    @classmethod
    def intermediate(cls) -> type[DataType]:
        """Return VECTOR of so many dimensions."""
        return VECTOR.of(dimensions=cls.dimensions)

    @classmethod
    def spelling(cls) -> str:
        """Return ``vector(3)``."""
        return cls.base if cls.dimensions is None else f"{cls.base}({cls.dimensions})"


GEOMETRY_FAMILIES: Mapping[str | None, type[MYSQL_GEOMETRY]] = {
    None: MYSQL_GEOMETRY,
    **{
        family.base: family
        for family in (
            MYSQL_POINT,
            MYSQL_LINESTRING,
            MYSQL_POLYGON,
            MYSQL_MULTIPOINT,
            MYSQL_MULTILINESTRING,
            MYSQL_MULTIPOLYGON,
            MYSQL_GEOMETRYCOLLECTION,
        )
    },
}
