"""What one server refuses of the values of a column type: bounds that hang on its make and version, asked of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from nanotyped.types import MYSQL_LENIENT_MOMENT, MYSQL_TIMESTAMP, MYSQL_UUID
from nanotyped.types.mysql.moments import (
    FIRST_TIMESTAMP,
    FIRST_WHOLE_TIMESTAMP,
    LAST_SIGNED_TIMESTAMP,
    LAST_TIMESTAMP,
    range_reason,
)

if TYPE_CHECKING:
    from uuid import UUID

    from nanotyped.row import Column, Schema

Problem = Callable[[Any], str]

_MADE_BY_MARIADB = "INSTR(VERSION(), 'MariaDB') > 0"
# Only a MariaDB that counts timestamps in more than 31 bits gives a date here; MySQL does for no column's sake.
_IS_UNSIGNED = "FROM_UNIXTIME(2147483648) IS NOT NULL"
# Taken by a server that takes every UUID.
_TAKES_EVERY_UUID = "CAST('00000000-0000-8000-8000-000000000000' AS UUID) IS NOT NULL"


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """What a server takes of the types of a table, as far as servers differ.

    Attributes:
        timestamps: The first and the last TIMESTAMP.
        every_uuid: Whether it takes every UUID. MariaDB 10.11 refuses those whose seventh byte is 0x80 or more (a
            version from 8 on) and whose ninth byte is from 0x01 to 0x80.
    """

    timestamps: tuple[datetime, datetime]
    every_uuid: bool

    def problem_of(self, column: Column) -> Problem | None:
        """Return what says why the server refuses a value of a column, ``""`` if it does not; ``None``: it never does.

        The function takes values that are of the column's type, and no nulls.
        """
        kind: Any = column.type
        if issubclass(kind, MYSQL_UUID):
            return None if self.every_uuid else _uuid_problem
        if issubclass(kind, MYSQL_LENIENT_MOMENT):
            kind = kind.moment
        return self._timestamp_problem if issubclass(kind, MYSQL_TIMESTAMP) else None

    def _timestamp_problem(self, value: Any) -> str:
        low, high = self.timestamps
        if not isinstance(value, datetime) or low <= value <= high:
            return ""
        return f"{range_reason(low, high)}, as this server holds; make the column a datetime"


def _uuid_problem(value: UUID) -> str:
    packed = value.bytes
    if packed[6] < 0x80 or not 0x01 <= packed[8] <= 0x80:
        return ""
    return "this server takes no UUID of a version above 7 with a ninth byte of 01 to 80; make the column a char(36)"


def ask_limits(ask: Callable[[str], Sequence[tuple[Any, ...]]], schema: Schema) -> ServerLimits:
    """Return what a server takes of the types of these columns.

    Args:
        ask: Runs a query and returns its rows.
        schema: The columns; what is about none of them is not asked.
    """
    [(is_mariadb, unsigned)] = ask(f"SELECT {_MADE_BY_MARIADB}, {_IS_UNSIGNED}")
    first = FIRST_TIMESTAMP if int(is_mariadb) else FIRST_WHOLE_TIMESTAMP
    last = LAST_TIMESTAMP if int(is_mariadb) and int(unsigned) else LAST_SIGNED_TIMESTAMP
    every_uuid = True
    if any(issubclass(column.type, MYSQL_UUID) for column in schema):  # elsewhere the word may be unknown
        [(takes_it,)] = ask(f"SELECT {_TAKES_EVERY_UUID}")
        every_uuid = bool(int(takes_it))
    return ServerLimits((first, last), every_uuid)
