"""Column types of dates and times: DATE, DATETIME, TIMESTAMP, TIME; and the type of a null of no known type.

Source: MySQL 8.4 manual 11.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from nanotyped.types.intermediate import DATE, DATETIME, MAX_FSP, NULL, TIME_INTERVAL, TIMESTAMP
from nanotyped.types.mysql.system import MySQLType, argument

if TYPE_CHECKING:
    from nanotyped.types.base import DataType
    from nanotyped.types.grammar import ColumnType


class MYSQL_DATE(MySQLType, reads="date"):
    """``date``."""

    __slots__ = ()
    python_type = date
    base = "date"

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


class MYSQL_TIMESTAMP(_Fraction, reads="timestamp"):
    """``timestamp(fsp)``: a moment, kept in UTC. Parameter: ``fsp``."""

    __slots__ = ()
    python_type = datetime
    base, means = "timestamp", TIMESTAMP


class MYSQL_TIME(_Fraction, reads="time"):
    """``time(fsp)``: a span up to ±838:59:59. Parameter: ``fsp``."""

    __slots__ = ()
    python_type = timedelta
    base, means = "time", TIME_INTERVAL


class MYSQL_NULL(MySQLType):
    """The type of a null of which nothing else is known; no column has it."""

    __slots__ = ()
    base = "null"

    @classmethod
    def intermediate(cls) -> type[DataType]:
        """Return NULL."""
        return NULL
