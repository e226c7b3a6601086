"""Column types of dates and times: DATE, DATETIME, TIMESTAMP, TIME; and the type of a null of no known type.

Source: MySQL 8.4 manual 11.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from nanotyped.types.intermediate import DATE, DATETIME, LENIENT_MOMENT, MAX_FSP, NULL, TIME_INTERVAL, TIMESTAMP
from nanotyped.types.mysql.system import MySQLType, argument

if TYPE_CHECKING:
    from nanotyped.types.base import DataType
    from nanotyped.types.grammar import ColumnType
    from nanotyped.types.policies import TypePolicies


class MYSQL_DATE(MySQLType, reads="date"):
    """``date``."""

    __slots__ = ()
    python_type = date
    base = "date"

    @classmethod
    def under(cls, policies: TypePolicies) -> type[MySQLType]:
        """Return the type that keeps invalid dates, if that is asked for."""
        return _kept(cls, policies)

    @classmethod
    def intermediate(cls) -> type[DataType]:
        """Return DATE."""
        return DATE


class _Fraction(MySQLType, family=False):
    """Types with a fraction of a second; the family without one takes every fraction."""

    __slots__ = ()
    parameter_names = ("fsp",)
    fsp: ClassVar[int | None] = None
    means: ClassVar[type[DataType]]

    @classmethod
    def from_column(cls, column: ColumnType) -> type[MySQLType]:
        """Return the type; without digits it has none."""
        return cls.of(fsp=argument(column, 0, 0, MAX_FSP) or 0)

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the digits, checked."""
        cls.means.of(fsp=parameters["fsp"])
        return dict(parameters)

    @classmethod
    def intermediate(cls) -> type[DataType]:
        """Return the intermediate type with so many digits."""
        return cls.means.of(fsp=MAX_FSP if cls.fsp is None else cls.fsp)

    @classmethod
    def spelling(cls) -> str:
        """Return ``datetime(6)``, ``datetime``."""
        digits = MAX_FSP if cls.fsp is None else cls.fsp
        return f"{cls.base}({digits})" if digits else cls.base


class MYSQL_DATETIME(_Fraction, reads="datetime"):
    """``datetime(fsp)``: no zone. Parameter: ``fsp``."""

    __slots__ = ()
    python_type = datetime
    base, means = "datetime", DATETIME

    @classmethod
    def under(cls, policies: TypePolicies) -> type[MySQLType]:
        """Return the type that keeps invalid dates, if that is asked for."""
        return _kept(cls, policies)


class MYSQL_TIMESTAMP(_Fraction, reads="timestamp"):
    """``timestamp(fsp)``: a moment, kept in UTC. Parameter: ``fsp``."""

    __slots__ = ()
    python_type = datetime
    base, means = "timestamp", TIMESTAMP

    @classmethod
    def under(cls, policies: TypePolicies) -> type[MySQLType]:
        """Return the type that keeps invalid dates, if that is asked for."""
        return _kept(cls, policies)


class MYSQL_TIME(_Fraction, reads="time"):
    """``time(fsp)``: a span up to ±838:59:59. Parameter: ``fsp``."""

    __slots__ = ()
    python_type = timedelta
    base, means = "time", TIME_INTERVAL


def _kept(kind: type[MySQLType], policies: TypePolicies) -> type[MySQLType]:
    return MYSQL_LENIENT_MOMENT.of(moment=kind) if policies.zero_date == "keep" else kind


class MYSQL_LENIENT_MOMENT(MySQLType):
    """A date or time of which a pipeline keeps the values that are on no calendar.

    Parameter: ``moment``, the DATE, DATETIME or TIMESTAMP column.
    """

    __slots__ = ()
    parameter_names = ("moment",)
    python_type: ClassVar[type] = object
    base = "datetime"
    moment: ClassVar[type[MySQLType]] = MYSQL_DATETIME

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the type of the column, checked, with its base and digits."""
        moment = parameters["moment"]
        if not (isinstance(moment, type) and issubclass(moment, MYSQL_DATE | MYSQL_DATETIME | MYSQL_TIMESTAMP)):
            raise ValueError(f"moment must be a DATE, DATETIME or TIMESTAMP column, not {moment!r}")  # noqa: TRY004 - as of other parameters
        return {"moment": moment, "base": moment.base, "fsp": getattr(moment, "fsp", None)}

    @classmethod
    def type_name(cls, parameters: Mapping[str, Any]) -> str:
        """Return a name such as ``MYSQL_LENIENT_DATETIME6``."""
        name: str = parameters["moment"].__name__
        return name.replace("MYSQL_", "MYSQL_LENIENT_", 1)

    @classmethod
    def intermediate(cls) -> type[DataType]:
        """Return LENIENT_MOMENT of the same digits."""
        return LENIENT_MOMENT if cls.is_bare() else LENIENT_MOMENT.of(moment=cls.moment.intermediate_type)

    @classmethod
    def ddl(cls) -> str:
        """Return ``datetime(6)``."""
        return cls.moment.ddl()

    @classmethod
    def spelling(cls) -> str:
        """Return ``datetime(6) or invalid``."""
        return f"{cls.ddl()} or invalid"


class MYSQL_NULL(MySQLType):
    """The type of a null of which nothing else is known; no column has it."""

    __slots__ = ()
    base = "null"

    @classmethod
    def intermediate(cls) -> type[DataType]:
        """Return NULL."""
        return NULL
