"""Intermediate families of dates, times and spans: DATETIME, TIMESTAMP, DATE, TIME_INTERVAL."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, ClassVar

from nanotyped.types.base import DataType, cast_error
from nanotyped.types.intermediate.system import IntermediateType, check_range

MAX_FSP = 6
# MySQL 8.4 manual 11.2.3: TIME is an interval of at most 838:59:59; MariaDB adds the fraction to that.
MAX_TIME = timedelta(hours=838, minutes=59, seconds=59, microseconds=999_999)

# Behind so many digits `datetime.fromisoformat` drops all that follow, in the time of day and in the offset.
_BEYOND_MICROSECONDS = re.compile(r"[.,][0-9]{6}0*[1-9]", re.ASCII)
_TIME_TEXT = re.compile(r"(-?)([0-9]{1,11}):([0-5][0-9]):([0-5][0-9])(?:\.([0-9]{1,6}))?", re.ASCII)


def in_utc(moment: datetime) -> datetime | None:
    """Return an aware moment in UTC, ``None`` where it lies before the year 1 or after 9999 there."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return None


class DATETIME(IntermediateType):
    """A calendar date and time. Parameter: ``fsp``, the digits of a second's fraction. Python: ``datetime``.

    With an ``fsp`` it has no zone, as MySQL's DATETIME; the bare family takes dates and timestamps too.
    """

    __slots__ = ()
    parameter_names: ClassVar[tuple[str, ...]] = ("fsp",)
    python_type: ClassVar[type] = datetime
    fsp: ClassVar[int | None] = None

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters, checked."""
        check_range(parameters, "fsp", 0, MAX_FSP)
        return dict(parameters)

    @classmethod
    def spelling(cls) -> str:
        """Return ``datetime(6)`` or ``datetime``."""
        name = cls.family.__name__.lower()
        return name if cls.fsp is None else f"{name}({cls.fsp})"

    @classmethod
    def python_cast_function(cls, value: Any) -> Any:
        """Return a datetime: of a datetime, of a date (its midnight), or of ISO text."""
        return cls.check_moment(value, cls._read_moment(value))

    @classmethod
    def _read_moment(cls, value: Any) -> datetime:
        if isinstance(value, datetime):
            return value
        if isinstance(value, date):
            return datetime(value.year, value.month, value.day)  # noqa: DTZ001 - a calendar date has no zone
        if isinstance(value, str):
            try:
                moment = datetime.fromisoformat(value)
            except ValueError:
                raise cast_error(cls, value, "not a date and time") from None
            if _BEYOND_MICROSECONDS.search(value):
                raise cast_error(cls, value, f"more than {MAX_FSP} digits of a second's fraction")
            return moment
        raise cast_error(cls, value, "not a date and time")

    @classmethod
    def check_moment(cls, value: Any, moment: datetime) -> datetime:
        """Return the moment if its zone and fraction fit the type."""
        if cls.fsp is not None:
            if moment.tzinfo is not None:
                raise cast_error(cls, value, "it has a zone; a datetime has none")
            check_fraction(cls, value, moment.microsecond, cls.fsp)
        return moment


def check_fraction(cls: type[DataType], value: Any, microsecond: int, fsp: int) -> None:
    """Raise if a fraction of a second has more digits than ``fsp``."""
    if microsecond % 10 ** (MAX_FSP - fsp):
        raise cast_error(cls, value, f"more than {fsp} digits of a second's fraction")


class TIMESTAMP(DATETIME):
    """A moment, kept in UTC. Parameter: ``fsp``. Python: ``datetime`` with zone UTC."""

    __slots__ = ()
    parameter_names = ("fsp",)

    @classmethod
    def check_moment(cls, value: Any, moment: datetime) -> datetime:
        """Return the moment in UTC if it has a zone and its fraction fits."""
        if moment.tzinfo is None:
            raise cast_error(cls, value, "it has no zone; a timestamp needs one")
        found = in_utc(moment)
        if found is None:
            raise cast_error(cls, value, "in UTC it is not in the years 1 to 9999")
        if cls.fsp is not None:  # of the moment in UTC: an offset may have a fraction too
            check_fraction(cls, value, found.microsecond, cls.fsp)
        return found


class DATE(DATETIME):
    """A calendar date. Python: ``date``."""

    __slots__ = ()
    parameter_names = ()
    python_type = date

    @classmethod
    def python_cast_function(cls, value: Any) -> date:
        """Return a date: of a date, of a midnight without zone, or of ISO text."""
        if isinstance(value, datetime):
            if value.tzinfo is None and value.time() == time():
                return value.date()
            raise cast_error(cls, value, "it has a time of day")
        if isinstance(value, date):
            return value
        if isinstance(value, str) and len(value) == len("YYYY-MM-DD"):
            try:
                return date.fromisoformat(value)
            except ValueError:
                pass
        raise cast_error(cls, value, "not a date")


class TIME_INTERVAL(IntermediateType):
    """A span of time. Parameter: ``fsp``. Python: ``timedelta``.

    With an ``fsp`` it is up to ±838:59:59, as MySQL's TIME; the bare family takes every ``timedelta``.
    """

    __slots__ = ()
    parameter_names = ("fsp",)
    python_type = timedelta
    fsp: ClassVar[int | None] = None

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters, checked."""
        check_range(parameters, "fsp", 0, MAX_FSP)
        return dict(parameters)

    @classmethod
    def spelling(cls) -> str:
        """Return ``time(6)`` or ``time``."""
        return "time" if cls.fsp is None else f"time({cls.fsp})"

    @classmethod
    def python_cast_function(cls, value: Any) -> timedelta:
        """Return a timedelta: of a timedelta, a time of day, or ``[-]H:MM:SS[.f]``."""
        match value:
            case timedelta():
                span = value
            case time() if value.tzinfo is None:
                span = timedelta(
                    hours=value.hour, minutes=value.minute, seconds=value.second, microseconds=value.microsecond
                )
            case str():
                span = cls._parse(value)
            case _:
                raise cast_error(cls, value, "not a span of time")
        if cls.fsp is not None:
            if abs(span) > MAX_TIME:
                raise cast_error(cls, value, "beyond 838:59:59")
            check_fraction(cls, value, span.microseconds, cls.fsp)
        return span

    @classmethod
    def _parse(cls, text: str) -> timedelta:
        found = _TIME_TEXT.fullmatch(text)
        if not found:
            raise cast_error(cls, text, "not spelled [-]H:MM:SS[.f]")
        sign, *parts, fraction = found.groups()
        hours, minutes, seconds = map(int, parts)
        count = (hours * 3600 + minutes * 60 + seconds) * 10**MAX_FSP + int((fraction or "").ljust(MAX_FSP, "0"))
        try:
            return timedelta(microseconds=-count if sign else count)
        except OverflowError:
            raise cast_error(cls, text, "more than 999999999 days") from None
