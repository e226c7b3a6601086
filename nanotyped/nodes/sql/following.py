"""The options ``cursor_column`` and ``lag`` of table sources: reading what came since the last run, and a bit before.

A run reads what lies up to the highest cursor at its start, the *upper bound*, in the order of cursor column and key.
What is committed after that start lies within ``lag`` of the upper bound, or is later than it may be. So the next run
begins at ``lag`` before the bound; one that goes on after a stop begins there too, or where that one stopped, if it
had not come so far.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_FLOOR, Context, Decimal
from typing import TYPE_CHECKING, Any, TypeAlias

from nanotyped.errors import GraphProblem, NodeOptionError, nearest_hint
from nanotyped.types import InvalidDate
from nanotyped.types import intermediate as it
from nanotyped.types.mysql.moments import FIRST_TIMESTAMP

if TYPE_CHECKING:
    from nanotyped.nodes.sql.description import Lag, TableDescription
    from nanotyped.nodes.sql.policies import ColumnPolicies
    from nanotyped.row import Column

LagOption: TypeAlias = int | float | str | timedelta

_SPAN = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?) ?(?P<unit>ms|s|min|h|d)")
_UNITS: Mapping[str, timedelta] = {
    "ms": timedelta(milliseconds=1),
    "s": timedelta(seconds=1),
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
}
_GRAMMAR = "a number, or a span such as `90 s`, `10 min`, `2 h` or `1 d` (ms, s, min, h, d)"
_NUMBERS, _MOMENTS = (it.INTEGER, it.DECIMAL), (it.DATE, it.DATETIME, it.TIMESTAMP)
_LONGEST_S = Decimal(10**13)  # beyond all years that there are, and held by a span
# More digits than any column of decimals has, so that no difference is rounded up.
_EXACT = Context(prec=200, rounding=ROUND_FLOOR)
# As SQLite itself writes them. Texts of one form stand in the order of time; of several, they do not.
_STORED: Mapping[Any, re.Pattern[str]] = {
    it.DATE: re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
    it.DATETIME: re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?"),
}


@dataclass(frozen=True, slots=True)
class Following:
    """How a table is followed.

    Attributes:
        column: The cursor column.
        lag: How far before the last cursor a run begins; of dates and times a number is one of seconds.
    """

    column: str
    lag: Lag

    @classmethod
    def of_options(cls, column: str | None, lag: LagOption) -> Following | None:
        """Return what options say, ``None`` without a cursor column.

        Raises:
            ValueError: If ``lag`` is none, or there is one without a column.
        """
        found = parse_lag(lag)
        if column is None:
            if found:
                raise ValueError("lag needs a column that it is about: name it with cursor_column")
            return None
        if not column:
            raise ValueError("cursor_column must name a column; leave it out to read the whole table each time")
        return cls(column, found)

    def order(self, key: tuple[str, ...]) -> tuple[str, ...]:
        """Return the columns by which rows are read: the cursor column, and what tells rows of one cursor apart."""
        return (self.column, *(name for name in key if name != self.column))

    def lag_for(self, column: Column) -> Lag:
        """Return the lag as one of a column: a span, where the column is of dates or times."""
        if isinstance(self.lag, Decimal) and column.type.intermediate_type.family in _MOMENTS:
            return timedelta(seconds=float(min(self.lag, _LONGEST_S)))
        return self.lag

    def problems(self, description: TableDescription, policies: ColumnPolicies, label: str) -> list[GraphProblem]:
        """Return why a table cannot be followed so; ``label`` is the name of the node."""
        live, name = description.schema, self.column
        if name not in live:
            if name in description.refused:
                reason, hint = f"column `{name}` cannot be read: {description.refused[name]}", "name another"
            else:
                reason, hint = f"there is no column `{name}`", nearest_hint(name, live.names)
            return [_problem(label, "cursor_column", reason, hint)]
        found: list[GraphProblem] = []
        column = live[name]
        if wrong := self._order_problems(column, label):
            return [*wrong]
        family = column.type.intermediate_type.family
        if column.nullable:
            reason = f"column `{name}` may be null, and rows of null would never be read"
            found.append(_problem(label, "cursor_column", reason, "declare it NOT NULL, or name another"))
        policy = policies.of(name).zero_date
        if family in _MOMENTS and policy != "error":
            reason = f"`zero_date: {policy}` holds for `{name}`, and dates on no calendar are in no order of time"
            found.append(_problem(label, "cursor_column", reason, "name the columns that zero_date is for"))
        if description.page_key() is None:
            reason = f"{description.place} has no unique key of ordered, non-null columns"
            hint = f"give it one: it tells rows of one `{name}` apart"
            found.append(_problem(label, "cursor_column", reason, hint))
        found += self._lag_problems(column, label)
        return found

    def type_problems(self, column: Column, label: str) -> list[NodeOptionError]:
        """Return why values of a column tell no order, or have none so far below them."""
        return self._order_problems(column, label) or self._lag_problems(column, label)

    def _order_problems(self, column: Column, label: str) -> list[NodeOptionError]:
        if column.type.intermediate_type.family in (*_NUMBERS, *_MOMENTS):
            return []
        spelled = f"column `{column.name}` is `{column.type.spelling()}`"
        reason = f"{spelled}, which is in no order that tells what came later"
        return [_problem(label, "cursor_column", reason, "name one of integers, decimals, dates or times")]

    def _lag_problems(self, column: Column, label: str) -> list[NodeOptionError]:
        family = column.type.intermediate_type.family
        spelled = f"column `{self.column}` is `{column.type.spelling()}`"
        if family in _NUMBERS and isinstance(self.lag, timedelta):
            return [_problem(label, "lag", f"{spelled}, and a span of time is no number of it", "give a number")]
        if family is it.INTEGER and isinstance(self.lag, Decimal) and self.lag % 1:
            return [_problem(label, "lag", f"{spelled}, and {self.lag} is not whole", "give a whole number")]
        return []


def _problem(label: str, option: str, reason: str, hint: str) -> NodeOptionError:
    return NodeOptionError(f"node `{label}`: {option}: {reason}", node=label, hint=hint)


def parse_lag(option: LagOption) -> Lag:
    """Return the number or the span that an option gives.

    Raises:
        ValueError: If it is neither, or below zero.
    """
    found = _lag_of(option)
    if found is None:
        raise ValueError(f"lag must be {_GRAMMAR}, not {option!r}")
    if isinstance(found, Decimal) and not math.isfinite(found):
        raise ValueError(f"lag must be finite, not {option!r}")
    if found.days < 0 if isinstance(found, timedelta) else found < 0:
        raise ValueError(f"lag must not be below zero, not {option!r}")
    return found


def _lag_of(option: LagOption) -> Lag | None:
    if isinstance(option, timedelta):
        return option
    if isinstance(option, int | float) and not isinstance(option, bool):
        return Decimal(str(option))
    found = _SPAN.fullmatch(option) if isinstance(option, str) else None
    if found is None:
        return None
    try:
        return _UNITS[found["unit"]] * float(found["number"])
    except OverflowError:
        return timedelta.max


def lowered(value: Any, lag: Lag) -> Any:
    """Return what lies so far below a value of a column; of dates by whole days, as many as hold the lag.

    Raises:
        ValueError: If the value is a date on no calendar.
    """
    if isinstance(value, InvalidDate):
        raise ValueError(f"{value.text} is on no calendar")  # noqa: TRY004 - the value is wrong, its class is known
    if isinstance(lag, Decimal):
        found = _EXACT.subtract(Decimal(value), lag)
        return math.floor(found) if isinstance(value, int) else found
    first, unit = date.min, timedelta(days=1)
    if isinstance(value, datetime):
        first = datetime(1, 1, 1) if value.tzinfo is None else FIRST_TIMESTAMP  # noqa: DTZ001 - a datetime has no zone
        unit = timedelta(microseconds=1)
    try:
        return max(first, value - -(-lag // unit) * unit)
    except OverflowError:
        return first


def lowered_as_stored(family: Any, value: Any, lag: Lag) -> Any:
    """Return what lies so far below a value of SQLite, as it would be stored; not above it, where that is rounded.

    Raises:
        ValueError: If the value is stored in another form than others of its column, and so not in their order.
    """
    if isinstance(lag, Decimal):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{value!r} is stored as no number")  # noqa: TRY004 - as above
        found = _EXACT.subtract(Decimal(value), lag)
        if found == found.to_integral_value() and -(2**63) <= found < 2**63:
            return int(found)
        return math.nextafter(float(found), -math.inf)
    form = _STORED[it.DATE if family is it.DATE else it.DATETIME]
    if not isinstance(value, str) or not form.fullmatch(value):
        shape = "2024-02-29" if family is it.DATE else "2024-02-29 23:59:58"
        raise ValueError(f"{value!r} is not stored as `{shape}`, and only texts of one form are in the order of time")
    try:
        moment = date.fromisoformat(value) if family is it.DATE else datetime.fromisoformat(value)
    except ValueError:
        raise ValueError(f"{value!r} is on no calendar") from None
    below = lowered(moment, lag)
    # Without its fraction, for with fewer digits it would stand before what it equals, and with more behind it.
    return below.isoformat(" ", "seconds") if isinstance(below, datetime) else below.isoformat()


__all__ = ["Following", "LagOption", "lowered", "lowered_as_stored", "parse_lag"]
