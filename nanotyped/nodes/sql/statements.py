"""The SELECT statements that read a table: its columns, a filter with bound parameters, and pages by key.

Statements are SQLAlchemy expressions, so that quoting and parameters are the dialect's; columns carry no SQLAlchemy
type, so that values come as the driver gives them. The keys that bound a page are parameters: one statement, compiled
once, reads all pages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from nanotyped.nodes.sql.loading import sa
from nanotyped.types.intermediate import in_utc

if TYPE_CHECKING:
    from sqlalchemy.sql.elements import ColumnElement, TextClause

    from nanotyped.row import Column

# What stands in quotes or comments holds no parameters. A backslash escapes in MySQL and is a letter in SQLite.
_QUOTED = r"""'(?:[^'\\]|\\.|'')*'|"(?:[^"\\]|\\.|"")*"|`(?:[^`]|``)*`|/\*.*?\*/|--\s[^\n]*|\#[^\n]*"""
_QUOTED_PLAIN = r"""'[^']*'|"[^"]*"|`[^`]*`|\[[^\]]*\]|/\*.*?\*/|--[^\n]*"""
_PARAMETER = r"(?<![:\w]):(?P<name>[^\W\d]\w*)"
_TOKENS = {
    True: re.compile(f"{_QUOTED}|{_PARAMETER}", re.DOTALL),
    False: re.compile(f"{_QUOTED_PLAIN}|{_PARAMETER}", re.DOTALL),
}
# What an enum is read as where it holds no member: index 0, which servers print as an empty text. No member ends with
# a blank, so this is none.
_NO_MEMBER = "'index 0, the error value '"


@dataclass(frozen=True, slots=True)
class Condition:
    """An SQL condition with parameters as ``:name``; colons in quotes are data.

    Attributes:
        text: The condition as it was written.
        parameters: Values of its parameters.
        backslash_escapes: Whether a backslash escapes in quotes, as it does in MySQL.
    """

    text: str
    parameters: Mapping[str, Any]
    backslash_escapes: bool = True

    def names(self) -> set[str]:
        """Return the names of the parameters that stand in the text."""
        found = _TOKENS[self.backslash_escapes].finditer(self.text)
        return {match["name"] for match in found if match["name"]}

    def problems(self) -> list[str]:
        """Return what is wrong: parameters that are missing or stand nowhere, parentheses that have no partner."""
        wanted = self.names()
        missing, unused = sorted(wanted - set(self.parameters)), sorted(set(self.parameters) - wanted)
        return [
            *([] if self._is_balanced() else ["`where` has a parenthesis without its partner"]),
            *(f"`where` asks for the parameter `:{name}`, which is not in `parameters`" for name in missing),
            *(f"parameter `{name}` does not stand in `where`" for name in unused),
        ]

    def _is_balanced(self) -> bool:
        """Return whether parentheses close where they opened: what left them would be no part of the condition."""
        depth = 0
        for sign in re.findall("[()]", _TOKENS[self.backslash_escapes].sub("", self.text)):
            depth += 1 if sign == "(" else -1
            if depth < 0:
                return False
        return depth == 0

    def clause(self) -> TextClause:
        """Return the condition in parentheses; a line end keeps a comment at its end from taking the closing one."""
        escaped = _TOKENS[self.backslash_escapes].sub(_escape_colons, self.text)
        return sa.text(f"({escaped}\n)").bindparams(**self.parameters)


def _escape_colons(match: re.Match[str]) -> str:
    return match[0] if match["name"] else match[0].replace(":", "\\:")


def check_parameters(where: str | None, parameters: Mapping[str, Any], *, backslash_escapes: bool = True) -> list[str]:
    """Return what is wrong with the parameters of a condition: some missing, some not in it, some that none can be."""
    if where is None:
        return [f"parameter `{name}` is given, but there is no `where`" for name in parameters]
    # Moments are bound in UTC.
    outside = [
        f"parameter `{name}` is not in the years 1 to 9999 in UTC"
        for name, value in parameters.items()
        if isinstance(value, datetime) and value.tzinfo is not None and in_utc(value) is None
    ]
    return Condition(where, parameters, backslash_escapes).problems() + outside


@dataclass(frozen=True, slots=True)
class TableQuery:
    """What is to be read.

    Attributes:
        table: Name of the table.
        columns: Names of the columns, in the order wanted.
        where: The rows wanted; ``None`` for all.
        widened: Columns that are read as ``column + 0e0``, so that the server prints every digit of a FLOAT.
        collations: Of columns of the key, where the key does not compare them as their column does.
        guarded: Enums with an empty member, of which the error value is read as another text than that member's.
        taken: Columns, by name, that are read as of another type than the table has them.
        since: A column and the lowest value of it that is wanted; ``None`` for all of them.
        index: Of MySQL, the index to read by; ``None``: what the server finds best.
    """

    table: str
    columns: tuple[str, ...]
    where: Condition | None = None
    widened: frozenset[str] = frozenset()
    guarded: frozenset[str] = frozenset()
    collations: Mapping[str, str] = field(default_factory=dict)
    taken: Mapping[str, Column] = field(default_factory=dict)
    since: tuple[str, Any] | None = None
    index: str | None = None

    def page_columns(self, key: Sequence[str]) -> tuple[str, ...]:
        """Return the columns of a page: the wanted ones, then those of the key that are not among them as they are."""
        return (*self.columns, *(name for name in key if name not in self.columns or name in self.taken))

    def key_places(self, key: Sequence[str]) -> tuple[int, ...]:
        """Return where in a row of a page the values of its key stand, as the table has them."""
        names = self.page_columns(key)
        last = {name: place for place, name in enumerate(names)}
        return tuple(last[name] for name in key)

    def select_all(self) -> sa.Select[Any]:
        """Return the SELECT of all rows, in no order."""
        return self._select(self.columns)

    def select_nothing(self) -> sa.Select[Any]:
        """Return the SELECT of no row, which a server refuses where it would refuse that of some."""
        return self._select(self.columns).limit(0)

    def select_page(self, key: Sequence[str], rows: int, *, first: bool) -> sa.Select[Any]:
        """Return the SELECT of the next rows by key; its bounds are the parameters that ``page_values`` gives."""
        found = self._select(self.page_columns(key)).where(*self._within(key, after=not first, upper=True))
        return found.order_by(*map(self._key, key)).limit(rows)

    def page_values(
        self, after: Sequence[Any] | None, upper: Sequence[Any] | None, edge: Sequence[Any] = ()
    ) -> dict[str, Any]:
        """Return the parameters of ``select_page`` for the rows behind ``after``, up to and with ``upper``.

        With ``edge`` they are those of the statements that have one.
        """
        bounds = {"after": after or (), "upper": upper or (), "edge": edge}
        return {self._bound(which, place): value for which, key in bounds.items() for place, value in enumerate(key)}

    def select_range(self, key: Sequence[str], *, after: bool, upper: bool) -> sa.Select[Any]:
        """Return the SELECT of the keys within bounds, of which each may be missing, in no order."""
        return self._select(tuple(key)).where(*self._within(key, after=after, upper=upper))

    def select_last_before(self, key: Sequence[str], columns: int, *, after: bool) -> sa.Select[Any]:
        """Return the SELECT of the highest key whose first so many columns are below an edge, behind a bound if any."""
        below = self._beyond(key[:columns], "edge", below=True, inclusive=False)
        found = self._select(tuple(key)).where(below, *self._within(key, after=after, upper=False))
        return found.order_by(*(self._key(name).desc() for name in key)).limit(1)

    def select_first_from(self, key: Sequence[str], columns: int) -> sa.Select[Any]:
        """Return the SELECT of the lowest key whose first so many columns are not below an edge, up to a bound."""
        above = self._beyond(key[:columns], "edge", below=False, inclusive=True)
        found = self._select(tuple(key)).where(above, *self._within(key, after=False, upper=True))
        return found.order_by(*map(self._key, key)).limit(1)

    def select_quantiles(self, key: Sequence[str], group: int, total: int, rows: int) -> sa.Select[Any]:
        """Return the SELECT of the last key of each part, and of how many rows lie up to it.

        A part has so many of ``total`` rows, and as many more as it takes to end with the last one of equal values in
        the first ``group`` columns of the key. For databases where reading the whole index costs little.
        """
        number, place, size, before = (self._unlike(key, name) for name in ("number", "place", "size", "before"))
        order = [*map(self._key, key)]
        numbered = self._select(tuple(key)).add_columns(sa.func.row_number().over(order_by=order).label(number))
        if group < len(key):
            numbered = numbered.add_columns(
                sa.func.row_number().over(partition_by=order[:group], order_by=order).label(place),
                sa.func.count().over(partition_by=order[:group]).label(size),
            )
        every = numbered.subquery()
        ends = sa.select(every, sa.func.lag(every.c[number], 1, 0).over(order_by=every.c[number]).label(before))
        if group < len(key):
            ends = ends.where(every.c[place] == every.c[size])
        last = ends.subquery()
        is_wanted = sa.or_(last.c[number] // rows > last.c[before] // rows, last.c[number] == total)
        return sa.select(*(last.c[name] for name in (*key, number))).where(is_wanted).order_by(last.c[number])

    def select_last_key(self, key: Sequence[str]) -> sa.Select[Any]:
        """Return the SELECT of the highest key."""
        return self._select(tuple(key)).order_by(*(self._key(name).desc() for name in key)).limit(1)

    def select_count(self, key: Sequence[str]) -> sa.Select[Any]:
        """Return the SELECT of how many rows there are up to a key, given as the upper bound of a page."""
        found = self._select(tuple(key)).where(*self._within(key, after=False, upper=True))
        return sa.select(sa.func.count()).select_from(found.subquery())

    def select_first_key(self, key: Sequence[str]) -> sa.Select[Any]:
        """Return the SELECT of the lowest key."""
        return self._select(tuple(key)).order_by(*map(self._key, key)).limit(1)

    def _select(self, names: Sequence[str]) -> sa.Select[Any]:
        table = sa.table(self.table, *(sa.column(name) for name in names))
        found = sa.select(*map(self._column, names)).select_from(table)
        if self.index is not None:
            # Both SQLAlchemy and the driver take a percent sign for their own.
            quoted = self.index.replace("`", "``").replace("%", "%%%%")
            found = found.with_hint(table, f"FORCE INDEX (`{quoted}`)")
        if self.since is not None:
            column, value = self.since
            bound: ColumnElement[Any] = sa.bindparam(self._bound("since", 0), value, type_=sa.types.NullType())
            found = found.where(self._key(column) >= bound)
        return found if self.where is None else found.where(self.where.clause())

    def _column(self, name: str) -> ColumnElement[Any]:
        column: ColumnElement[Any] = sa.column(name)
        if name in self.guarded:
            number = column + sa.literal_column("0")
            return sa.case((number == sa.literal_column("0"), sa.literal_column(_NO_MEMBER)), else_=column)
        return column + sa.literal_column("0e0") if name in self.widened else column

    def _key(self, name: str) -> ColumnElement[Any]:
        column: ColumnElement[Any] = sa.column(name)
        return sa.collate(column, self.collations[name]) if name in self.collations else column

    def _bound(self, which: str, place: int) -> str:
        """Return the name of a bound's parameter, which is the name of no parameter of the condition."""
        mark = "_"
        while self.where is not None and any(name.startswith(mark) for name in self.where.parameters):
            mark += "_"
        return f"{mark}{which}_{place}"

    def _unlike(self, key: Sequence[str], name: str) -> str:
        """Return a name that no column of the key has; letters' case does not tell names apart."""
        while name in {column.casefold() for column in key}:
            name += "_"
        return name

    def _within(self, key: Sequence[str], *, after: bool, upper: bool) -> list[ColumnElement[bool]]:
        """Return the conditions that a row lies behind a bound, and up to and with another."""
        return [
            *([self._beyond(key, "upper", below=True, inclusive=True)] if upper else []),
            *([self._beyond(key, "after", below=False, inclusive=False)] if after else []),
        ]

    def _beyond(
        self, key: Sequence[str], which: str, place: int = 0, *, below: bool, inclusive: bool
    ) -> ColumnElement[bool]:
        """Return ``a > x OR (a = x AND b > y)``, or with ``below`` ``a < x OR (a = x AND b < y)``.

        The last sign is ``>=`` or ``<=`` where that is ``inclusive``. Servers use the index for these, and not for
        ``(a, b) > (x, y)``.
        """
        column = self._key(key[place])
        value: ColumnElement[Any] = sa.bindparam(self._bound(which, place), type_=sa.types.NullType())
        if place == len(key) - 1 and inclusive:
            return column <= value if below else column >= value
        outside = column < value if below else column > value
        if place == len(key) - 1:
            return outside
        further = self._beyond(key, which, place + 1, below=below, inclusive=inclusive)
        return sa.or_(outside, sa.and_(column == value, further))
