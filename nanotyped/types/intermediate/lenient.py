"""Dates as MySQL stores them, those that are on no calendar among them: LENIENT_MOMENT and ``InvalidDate``.

A column is of this family where a pipeline asked to keep what other systems refuse: ``zero_date: keep``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, ClassVar, Self, TypeAlias

from nanotyped.types.base import cast_error
from nanotyped.types.intermediate.moments import DATE, DATETIME, MAX_FSP, TIMESTAMP
from nanotyped.types.intermediate.system import IntermediateType

# MySQL 8.4 manual 11.2 and 5.1.11 (ALLOW_INVALID_DATES): months from 0 to 12, days from 0 to 31, whatever the month.
_TEXT = re.compile(
    r"(?P<date>[0-9]{4}-(?:0[0-9]|1[0-2])-(?:[0-2][0-9]|3[01]))"
    r"(?P<time>[ T](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.(?P<fraction>[0-9]{1,6}))?)?",
    re.ASCII,
)
_ZERO = "0000-00-00 00:00:00"


class InvalidDate:
    """A date, with or without a time, that a server stores and no calendar has: ``0000-00-00``, ``2021-02-30``.

    Equal where the text is; zeros at the end of a second's fraction do not count. Immutable.

    Args:
        text: ``YYYY-MM-DD``, and ``HH:MM:SS[.f]`` behind a blank or a ``T`` if there is a time.

    Raises:
        ValueError: If it is not spelled so, or is on the calendar.
    """

    __slots__ = ("text",)
    text: str

    def __init__(self, text: str) -> None:
        found = _TEXT.fullmatch(text)
        if not found:
            raise ValueError(f"{text!r} is no date that a server stores, spelled YYYY-MM-DD[ HH:MM:SS[.f]]")
        try:
            date.fromisoformat(found["date"])
        except ValueError:
            plain = text.replace("T", " ")
            object.__setattr__(self, "text", plain.rstrip("0").rstrip(".") if found["fraction"] else plain)
            return
        raise ValueError(f"{text!r} is on the calendar; give a date or a datetime")

    @property
    def has_time(self) -> bool:
        """Whether a time of day stands behind the date."""
        return " " in self.text

    @property
    def fraction_digits(self) -> int:
        """How many digits the fraction of the second has, without zeros at its end."""
        return len(self.text.partition(".")[2])

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("an InvalidDate cannot be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("an InvalidDate cannot be changed")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, InvalidDate) and self.text == other.text

    def __hash__(self) -> int:
        return hash((InvalidDate, self.text))

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"InvalidDate({self.text!r})"

    def __reduce__(self) -> tuple[type[InvalidDate], tuple[str]]:
        return InvalidDate, (self.text,)


def read_invalid_date(text: object) -> InvalidDate | None:
    """Return the invalid date that a text spells, ``None`` if it spells none."""
    if not isinstance(text, str):
        return None
    try:
        return InvalidDate(text)
    except ValueError:
        return None


Moment: TypeAlias = date | datetime | InvalidDate


class LENIENT_MOMENT(IntermediateType):
    """A date or time, or an ``InvalidDate``. Parameter: ``moment``, a DATE, DATETIME or TIMESTAMP type.

    Python: what ``moment`` has, or ``InvalidDate``. Bare, it takes the moments of bare DATETIME and every
    ``InvalidDate``.
    """

    __slots__ = ()
    parameter_names = ("moment",)
    python_type: ClassVar[type] = object
    moment: ClassVar[Any] = DATETIME

    @classmethod
    def of(cls, **parameters: Any) -> type[Self]:
        """Return the type of these moments; those of bare DATETIME are what the bare family has."""
        if parameters.get("moment") is DATETIME:
            parameters["moment"] = None
        return super().of(**parameters)

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the type of the moments, checked."""
        moment = parameters["moment"]
        if getattr(moment, "family", None) not in (DATE, DATETIME, TIMESTAMP):
            raise ValueError(f"moment must be a DATE, DATETIME or TIMESTAMP type, not {moment!r}")
        return {"moment": moment}

    @classmethod
    def type_name(cls, parameters: Mapping[str, Any]) -> str:
        """Return a name such as ``LENIENT_DATETIME_6``."""
        return f"LENIENT_{parameters['moment'].__name__}"

    @classmethod
    def spelling(cls) -> str:
        """Return ``datetime(6) or invalid``."""
        return f"{cls.moment.spelling()} or invalid"

    @classmethod
    def python_cast_function(cls, value: Any) -> Moment:
        """Return a moment or an ``InvalidDate``: of what ``moment`` takes, of an ``InvalidDate``, or of its text."""
        found = value if isinstance(value, InvalidDate) else read_invalid_date(value)
        if found is None:
            moment: Moment = cls.moment.python_cast_function(value)
            return moment
        if reason := cls.problem(found):
            raise cast_error(cls, value, reason)
        return found

    @classmethod
    def problem(cls, value: InvalidDate) -> str:
        """Return why this date is none of a column of the type, ``""`` if it is one."""
        if cls.is_bare():
            return ""
        if value.has_time is (cls.moment.family is DATE):
            return "it has a time of day" if value.has_time else "it has no time of day"
        digits = 0 if cls.moment.family is DATE else MAX_FSP if cls.moment.fsp is None else cls.moment.fsp
        if value.fraction_digits > digits:
            return f"more than {digits} digits of a second's fraction"
        if cls.moment.family is TIMESTAMP and value.text != _ZERO:
            return "the only invalid timestamp is 0000-00-00 00:00:00"
        return ""
