"""Column types of dates and times: DATE, DATETIME, TIMESTAMP, TIME; and the type of a null of no known type.

Sources: MySQL 8.4 manual 11.2; MariaDB knowledge base "TIMESTAMP", and MariaDB 10.11 for its first second.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from nanotyped.types.base import cast_error
from nanotyped.types.intermediate import DATE, DATETIME, LENIENT_MOMENT, MAX_FSP, NULL, TIME_INTERVAL, TIMESTAMP
from nanotyped.types.mysql.system import MySQLType, argument

if TYPE_CHECKING:
    from nanotyped.types.base import DataType
    from nanotyped.types.grammar import ColumnType
    from nanotyped.types.policies import TypePolicies

# The number 0 is the zero timestamp: MySQL begins a second later, MariaDB with the first fraction of that second.
FIRST_TIMESTAMP = datetime(1970, 1, 1, 0, 0, 0, 1, UTC)
FIRST_WHOLE_TIMESTAMP = datetime(1970, 1, 1, 0, 0, 1, 0, UTC)
LAST_TIMESTAMP = datetime(2106, 2, 7, 6, 28, 15, 999_999, UTC)  # MariaDB 11.5, where a number has 64 bits
LAST_SIGNED_TIMESTAMP = datetime(2038, 1, 19, 3, 14, 7, 999_999, UTC)  # all other servers


class _Calendar(MySQLType, family=False):
    """Types of which a server stores dates that are on no calendar."""

    __slots__ = ()

    @classmethod
    def under(cls, policies: TypePolicies) -> type[MySQLType]:
        """Return the type that keeps invalid dates, if that is asked for."""
        return MYSQL_LENIENT_MOMENT.of(moment=cls) if policies.zero_date == "keep" else cls


class MYSQL_DATE(_Calendar, reads="date"):
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


class MYSQL_DATETIME(_Calendar, _Fraction, reads="datetime"):
    """``datetime(fsp)``: no zone. Parameter: ``fsp``."""

    __slots__ = ()
    python_type = datetime
    base, means = "datetime", DATETIME


class MYSQL_TIMESTAMP(_Calendar, _Fraction, reads="timestamp"):
    """``timestamp(fsp)``: a moment, kept in UTC, from 1970 on. Parameter: ``fsp``.

    It takes what any server holds: up to 2106. Most servers end in 2038; ``WriteMySQLTable`` asks the one it writes to.
    """

    __slots__ = ()
    python_type = datetime
    base, means = "timestamp", TIMESTAMP
    bounds: ClassVar[tuple[datetime, datetime]] = (FIRST_TIMESTAMP, LAST_TIMESTAMP)

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the digits, checked, and the first and the last moment of so many digits."""
        attributes = super().derive(parameters)
        unit = timedelta(microseconds=10 ** (MAX_FSP - parameters["fsp"]))
        microsecond = timedelta(microseconds=1)
        attributes["bounds"] = (FIRST_TIMESTAMP + unit - microsecond, LAST_TIMESTAMP - unit + microsecond)
        return attributes

    @classmethod
    def python_cast_function(cls, value: Any) -> datetime:
        """Return a datetime in UTC: of an aware datetime, or of ISO text with a zone."""
        moment: datetime = super().python_cast_function(value)
        low, high = cls.bounds
        if not low <= moment <= high:
            raise cast_error(cls, value, range_reason(low, high))
        return moment


class MYSQL_TIME(_Fraction, reads="time"):
    """``time(fsp)``: a span up to ±838:59:59. Parameter: ``fsp``."""

    __slots__ = ()
    python_type = timedelta
    base, means = "time", TIME_INTERVAL


def range_reason(low: datetime, high: datetime) -> str:
    """Return what a message says of a moment that is not between two others."""
    first, last = (moment.replace(tzinfo=None).isoformat(" ") for moment in (low, high))
    return f"not from {first} to {last} UTC"


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
    def python_cast_function(cls, value: Any) -> Any:
        """Return an ``InvalidDate``, or what the column takes."""
        found = super().python_cast_function(value)
        if isinstance(found, date):
            cls.moment.python_cast_function(found)
        return found

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
