"""Column types of numbers: the integers, MYSQL_BOOL, MYSQL_DECIMAL, MYSQL_FLOAT, MYSQL_DOUBLE.

Sources: MySQL 8.4 manual 11.1 (ranges, the rules of ``float(p)``, deprecated ``float(M,D)``), MariaDB 10.11.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from nanotyped.types.intermediate import BOOL, DECIMAL, FLOAT, INTEGER
from nanotyped.types.mysql.system import MySQLType, argument

if TYPE_CHECKING:
    from nanotyped.types.base import DataType
    from nanotyped.types.grammar import ColumnType
    from nanotyped.types.policies import TypePolicies

MAX_DISPLAY_WIDTH = 255
MAX_PRECISION = 65
MAX_SCALE = 38  # MariaDB; MySQL stops at 30
MAX_FLOAT_SCALE = 30
SINGLE_PRECISION = 24  # float(p): to this p four bytes, above it eight
DOUBLE_PRECISION = 53
DEFAULT_PRECISION = 10


class _Number(MySQLType, family=False):
    """What number columns share: ``unsigned`` and ``zerofill``."""

    __slots__ = ()
    unsigned: ClassVar[bool] = False
    zerofill: ClassVar[bool] = False

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters; ``zerofill`` makes a column unsigned, so it is given with ``unsigned`` only."""
        if parameters.get("zerofill") and not parameters.get("unsigned"):
            raise ValueError("a zerofill column is unsigned too")
        return dict(parameters)

    @classmethod
    def spelled(cls, size: str) -> str:
        """Return the COLUMN_TYPE of this type with a size such as ``(12,2)``."""
        flags = f"{' unsigned' if cls.unsigned else ''}{' zerofill' if cls.zerofill else ''}"
        return f"{cls.base}{size}{flags}"


def _flags(column: ColumnType) -> dict[str, bool]:
    zerofill = "zerofill" in column.flags
    return {"unsigned": zerofill or "unsigned" in column.flags, "zerofill": zerofill}


class MYSQL_INTEGER_BASE(_Number):
    """Every integer column of any size. Parameters: ``display_width``, ``unsigned``, ``zerofill``.

    ``max_length`` is the display width too: the number in parentheses, as of other families.
    """

    __slots__ = ()
    parameter_names = ("display_width", "unsigned", "zerofill")
    python_type = int
    base = "integer"
    bits: ClassVar[int | None] = None
    display_width: ClassVar[int | None] = None
    max_length: ClassVar[int | None] = None
    minimum: ClassVar[int | None] = None
    maximum: ClassVar[int | None] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Set the range of a signed column of this size."""
        super().__init_subclass__(**kwargs)
        kind = INTEGER.of(bits=cls.bits, unsigned=cls.unsigned)
        cls.minimum, cls.maximum = kind.minimum, kind.maximum

    @classmethod
    def from_column(cls, column: ColumnType) -> type[MySQLType]:
        """Return the type with its display width and flags."""
        return cls.of(display_width=argument(column, 0, 0, MAX_DISPLAY_WIDTH), **_flags(column))

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters, a display width checked, which is ``max_length`` too."""
        width = parameters.get("display_width", 0)
        if type(width) is not int or width < 0:
            raise ValueError(f"display_width must be a whole number from 0, not {width!r}")
        return super().derive(parameters) | {"max_length": parameters.get("display_width")}

    @classmethod
    def intermediate(cls) -> type[DataType]:
        """Return INTEGER of this size and sign."""
        return INTEGER.of(bits=cls.bits, unsigned=cls.unsigned)

    @classmethod
    def spelling(cls) -> str:
        """Return ``int(6) unsigned``."""
        return cls.spelled("" if cls.display_width is None else f"({cls.display_width})")


class MYSQL_TINYINT(MYSQL_INTEGER_BASE, reads="tinyint"):
    """``tinyint``: 8 bits."""

    __slots__ = ()
    base, bits = "tinyint", 8

    @classmethod
    def under(cls, policies: TypePolicies) -> type[MySQLType]:
        """Return MYSQL_BOOL for a ``tinyint(1)``, if that is asked for."""
        return MYSQL_BOOL if policies.tinyint1 == "bool" and cls.display_width == 1 else cls


class MYSQL_SMALLINT(MYSQL_INTEGER_BASE, reads="smallint"):
    """``smallint``: 16 bits."""

    __slots__ = ()
    base, bits = "smallint", 16


class MYSQL_MEDIUMINT(MYSQL_INTEGER_BASE, reads="mediumint"):
    """``mediumint``: 24 bits."""

    __slots__ = ()
    base, bits = "mediumint", 24


class MYSQL_INTEGER(MYSQL_INTEGER_BASE, reads="int"):
    """``int``: 32 bits. ``MYSQL_INTEGER8`` is ``int(8)``."""

    __slots__ = ()
    base, bits = "int", 32


class MYSQL_BIGINT(MYSQL_INTEGER_BASE, reads="bigint"):
    """``bigint``: 64 bits."""

    __slots__ = ()
    base, bits = "bigint", 64


class MYSQL_BOOL(MySQLType, reads="bool"):
    """A ``tinyint(1)`` that a pipeline took for a bool; no text is read as one unless asked to."""

    __slots__ = ()
    python_type = bool
    base = "tinyint"
    display_width: ClassVar[int] = 1
    max_length: ClassVar[int] = 1

    @classmethod
    def intermediate(cls) -> type[DataType]:
        """Return BOOL."""
        return BOOL

    @classmethod
    def spelling(cls) -> str:
        """Return ``tinyint(1) as bool``."""
        return f"{cls.ddl()} as bool"

    @classmethod
    def ddl(cls) -> str:
        """Return ``tinyint(1)``."""
        return "tinyint(1)"


class MYSQL_DECIMAL(_Number, reads="decimal"):
    """``decimal(p,s)``. Parameters: ``precision``, ``scale``, ``unsigned``, ``zerofill``."""

    __slots__ = ()
    parameter_names = ("precision", "scale", "unsigned", "zerofill")
    python_type = Decimal
    base = "decimal"
    precision: ClassVar[int | None] = None
    scale: ClassVar[int | None] = None

    @classmethod
    def from_column(cls, column: ColumnType) -> type[MySQLType]:
        """Return the type; a missing or zero precision is 10, a missing scale 0."""
        precision = argument(column, 0, 0, MAX_PRECISION) or DEFAULT_PRECISION
        scale = argument(column, 1, 0, MAX_SCALE) or 0
        if scale > precision:
            raise column.error(f"scale {scale} is above precision {precision}", column.arguments[1].position)
        return cls.of(precision=precision, scale=scale, **_flags(column))

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters, checked as those of DECIMAL are."""
        kind = DECIMAL.of(**{key: parameters.get(key) for key in DECIMAL.parameter_names})
        return super().derive(parameters) | {"precision": kind.precision, "scale": kind.scale}

    @classmethod
    def intermediate(cls) -> type[DataType]:
        """Return DECIMAL of the same digits and sign."""
        return DECIMAL.of(precision=cls.precision, scale=cls.scale, unsigned=cls.unsigned)

    @classmethod
    def spelling(cls) -> str:
        """Return ``decimal(12,2) unsigned``."""
        return cls.spelled("" if cls.precision is None else f"({cls.precision},{cls.scale})")


class _Floating(_Number, family=False):
    """Floating point columns; ``(M,D)``, deprecated, rounds values to D decimals."""

    __slots__ = ()
    parameter_names = ("precision", "scale", "unsigned", "zerofill")
    python_type = float
    bits: ClassVar[int] = 64
    precision: ClassVar[int | None] = None
    scale: ClassVar[int | None] = None

    @classmethod
    def from_column(cls, column: ColumnType) -> type[MySQLType]:
        """Return the type; ``float(p)`` is float or double by its p."""
        if len(column.arguments) == 1:
            bits = argument(column, 0, 0, DOUBLE_PRECISION) or 0
            family = MYSQL_FLOAT if bits <= SINGLE_PRECISION else MYSQL_DOUBLE
            return family.of(**_flags(column))
        precision, scale = argument(column, 0, 0, MAX_DISPLAY_WIDTH), argument(column, 1, 0, MAX_FLOAT_SCALE)
        if precision is not None and scale is not None and scale > precision:
            raise column.error(f"scale {scale} is above precision {precision}", column.arguments[1].position)
        if not precision:  # `float(0,0)` rounds nothing
            precision = scale = None
        return cls.of(precision=precision, scale=scale, **_flags(column))

    @classmethod
    def intermediate(cls) -> type[DataType]:
        """Return FLOAT of this width, sign and rounding."""
        return FLOAT.of(bits=cls.bits, precision=cls.precision, scale=cls.scale, unsigned=cls.unsigned)

    @classmethod
    def spelling(cls) -> str:
        """Return ``float``, ``double(10,2) unsigned``."""
        return cls.spelled("" if cls.precision is None else f"({cls.precision},{cls.scale})")


class MYSQL_FLOAT(_Floating, reads="float"):
    """``float``: 32 bits. Parameters: ``precision`` and ``scale`` (deprecated), ``unsigned``, ``zerofill``."""

    __slots__ = ()
    base, bits = "float", 32


class MYSQL_DOUBLE(_Floating, reads="double"):
    """``double``: 64 bits. Parameters as of MYSQL_FLOAT."""

    __slots__ = ()
    base, bits = "double", 64
