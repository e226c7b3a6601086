"""The SELECT statements that read a table: its columns, a filter with bound parameters, and pages by key.

Statements are SQLAlchemy expressions, so that quoting and parameters are the dialect's; columns carry no SQLAlchemy
type, so that values come as the driver gives them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql.elements import ColumnElement, TextClause


@dataclass(frozen=True, slots=True)
class TableQuery:
    """What is to be read.

    Attributes:
        table: Name of the table.
        columns: Names of the columns, in the order wanted.
        where: SQL condition with ``:name`` parameters, or ``None``.
        parameters: Their values.
        widened: Columns that are read as ``column + 0e0``, so that the server prints every digit of a FLOAT.
        schema: Name of the database the table stands in, where the dialect has several.
    """

    table: str
    columns: tuple[str, ...]
    where: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    widened: frozenset[str] = frozenset()
    schema: str | None = None

    def _from(self) -> sa.TableClause:
        return sa.table(self.table, *(sa.column(name) for name in self.columns), schema=self.schema)

    def _column(self, name: str) -> ColumnElement[Any]:
        column: ColumnElement[Any] = sa.column(name)
        return column + sa.literal_column("0e0") if name in self.widened else column

    def _conditions(self) -> list[TextClause]:
        if self.where is None:
            return []
        return [sa.text(f"({self.where}\n)").bindparams(**self.parameters)]

    def select_all(self) -> sa.Select[Any]:
        """Return the SELECT of all rows, in no order."""
        return sa.select(*map(self._column, self.columns)).select_from(self._from()).where(*self._conditions())

    def select_page(
        self, key: Sequence[str], after: Sequence[Any] | None, upper: Sequence[Any], rows: int
    ) -> sa.Select[Any]:
        """Return the SELECT of the next rows by key: behind ``after``, up to and with ``upper``."""
        conditions: list[Any] = [*self._conditions(), _not_above(key, upper)]
        if after is not None:
            conditions.append(_above(key, after))
        names = [*self.columns, *(name for name in key if name not in self.columns)]
        return (
            sa.select(*map(self._column, names))
            .select_from(self._from())
            .where(*conditions)
            .order_by(*(sa.column(name) for name in key))
            .limit(rows)
        )

    def select_last_key(self, key: Sequence[str]) -> sa.Select[Any]:
        """Return the SELECT of the highest key."""
        return (
            sa.select(*(sa.column(name) for name in key))
            .select_from(self._from())
            .where(*self._conditions())
            .order_by(*(sa.column(name).desc() for name in key))
            .limit(1)
        )


def _above(key: Sequence[str], values: Sequence[Any]) -> ColumnElement[bool]:
    """Return ``a > x OR (a = x AND b > y)``: servers use the index for this, and not for ``(a, b) > (x, y)``."""
    head, rest = sa.column(key[0]), key[1:]
    if not rest:
        return head > values[0]
    return sa.or_(head > values[0], sa.and_(head == values[0], _above(rest, values[1:])))


def _not_above(key: Sequence[str], values: Sequence[Any]) -> ColumnElement[bool]:
    head, rest = sa.column(key[0]), key[1:]
    if not rest:
        return head <= values[0]
    return sa.or_(head < values[0], sa.and_(head == values[0], _not_above(rest, values[1:])))


def check_parameters(where: str | None, parameters: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with the parameters of a condition: some missing, some not in it."""
    if where is None:
        return [f"parameter `{name}` is given, but there is no `where`" for name in parameters]
    wanted = set(sa.text(where).compile().params)
    missing = sorted(wanted - set(parameters))
    unused = sorted(set(parameters) - wanted)
    return [
        *(f"`where` asks for the parameter `:{name}`, which is not in `parameters`" for name in missing),
        *(f"parameter `{name}` does not stand in `where`" for name in unused),
    ]
