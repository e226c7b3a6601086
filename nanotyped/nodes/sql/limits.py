"""What one server refuses or changes of the values of a column type: it hangs on its make and version, asked of it."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from nanotyped.types import MYSQL_JSON, MYSQL_LENIENT_MOMENT, MYSQL_TIME, MYSQL_TIMESTAMP, MYSQL_UUID
from nanotyped.types.intermediate import GEOMETRY, GEOMETRY_CODES, MAX_TIME
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
    from nanotyped.types.intermediate import Geometry

Problem = Callable[[Any], str]

_MADE_BY_MARIADB = "INSTR(VERSION(), 'MariaDB') > 0"
# Only a MariaDB that counts timestamps in more than 31 bits gives a date here; MySQL does for no column's sake.
_IS_UNSIGNED = "FROM_UNIXTIME(2147483648) IS NOT NULL"
# Taken by a server that takes every UUID.
_TAKES_EVERY_UUID = "CAST('00000000-0000-8000-8000-000000000000' AS UUID) IS NOT NULL"
# MySQL adds no fraction to the longest time (MySQL 8.4 manual 11.2.3; 9.7 refuses one), MariaDB does.
LONGEST_WHOLE_TIME = timedelta(hours=838, minutes=59, seconds=59)
# The whole numbers that MySQL keeps in a document as such; every other number becomes a double.
_WHOLE_IN_JSON = range(-(2**63), 2**64)
# Of how many parts a geometry is at the least, by its code in well-known binary; and of how many points a ring.
_FEWEST_PARTS = {2: 2, 3: 1, 4: 1, 5: 1, 6: 1, 7: 0}
_FEWEST_IN_RING = 4
_KINDS = {code: kind for kind, code in GEOMETRY_CODES.items()}
_POINT_BYTES = 16
_HEAD = struct.Struct("<BI")
_COUNT = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """What a server takes of the types of a table, as far as servers differ.

    Attributes:
        timestamps: The first and the last TIMESTAMP.
        every_uuid: Whether it takes every UUID. MariaDB 10.11 refuses those whose seventh byte is 0x80 or more (a
            version from 8 on) and whose ninth byte is from 0x01 to 0x80.
        longest_time: The longest TIME, of either sign.
        exact_json: Whether a document keeps all digits of its numbers. MariaDB keeps its text; MySQL makes doubles of
            what is no integer of 64 bits, and says nothing.
        every_geometry: Whether it takes all well-known binary. MySQL takes none with too few parts to be what it says,
            and in a collection's column collections alone.
    """

    timestamps: tuple[datetime, datetime]
    every_uuid: bool
    longest_time: timedelta = MAX_TIME
    exact_json: bool = True
    every_geometry: bool = True

    def problem_of(self, column: Column) -> Problem | None:
        """Return what says why the server refuses a value of a column, ``""`` if it does not; ``None``: it never does.

        The function takes values that are of the column's type, and no nulls.
        """
        kind: Any = column.type
        if issubclass(kind, MYSQL_UUID):
            return None if self.every_uuid else _uuid_problem
        if issubclass(kind, MYSQL_TIME):
            return None if self.longest_time == MAX_TIME else self._time_problem
        if issubclass(kind, MYSQL_JSON):
            return None if self.exact_json else _number_problem
        if kind.intermediate_type.family is GEOMETRY:
            collections = kind.intermediate_type.kind == "geometrycollection"
            return None if self.every_geometry else partial(_geometry_problem, collections=collections)
        if issubclass(kind, MYSQL_LENIENT_MOMENT):
            kind = kind.moment
        return self._timestamp_problem if issubclass(kind, MYSQL_TIMESTAMP) else None

    def _timestamp_problem(self, value: Any) -> str:
        low, high = self.timestamps
        if not isinstance(value, datetime) or low <= value <= high:
            return ""
        return f"{range_reason(low, high)}, as this server holds; make the column a datetime"

    def _time_problem(self, value: timedelta) -> str:
        if abs(value) <= self.longest_time:
            return ""
        return "beyond 838:59:59, to which this server adds no fraction"


def _number_problem(document: Any, place: str = "$") -> str:
    """Return the first number of a document that a double does not keep, ``""`` if there is none."""
    match document:
        case bool():
            return ""
        case int() | Decimal():
            if _is_kept_in_json(document):
                return ""
            number = str(Decimal(document))[:80]
            kept = "integers of 64 bits and doubles are all that this server keeps in json"
            return f"{number} at {place} would become another number: {kept}; make it a text"
        case Mapping():
            parts = [(item, f"{place}.{key}") for key, item in document.items()]
        case list() | tuple():
            parts = [(item, f"{place}[{index}]") for index, item in enumerate(document)]
        case _:
            return ""
    return next(filter(None, (_number_problem(item, inner) for item, inner in parts)), "")


def _is_kept_in_json(number: int | Decimal) -> bool:
    """Return whether MySQL prints a number of a document with the value that it was given."""
    whole = isinstance(number, int) or number.as_tuple().exponent == 0  # such a one is spelled without a point
    if whole and int(number) in _WHOLE_IN_JSON:
        return True
    exact = Decimal(number)
    # Of a double it prints the shortest digits that are no other double's, as Python does.
    return Decimal(repr(float(exact))) == exact


def _geometry_problem(value: Geometry, *, collections: bool) -> str:
    [_, code] = _HEAD.unpack_from(value.wkb)
    if collections and code < GEOMETRY_CODES["multipoint"]:
        return f"it is a {_KINDS[code]}, and this server takes collections alone here"
    return _parts_problem(value.wkb, 0)[0]


def _parts_problem(wkb: bytes, position: int) -> tuple[str, int]:
    """Return which part of a geometry that begins at a position is too small, ``""`` if none is, and where it ends."""
    [_, code] = _HEAD.unpack_from(wkb, position)
    position += _HEAD.size
    if code == GEOMETRY_CODES["point"]:
        return "", position + _POINT_BYTES
    [count] = _COUNT.unpack_from(wkb, position)
    position += _COUNT.size
    if count < _FEWEST_PARTS[code]:
        what = "points" if code == GEOMETRY_CODES["linestring"] else "rings" if _KINDS[code] == "polygon" else "parts"
        return f"this server takes no {_KINDS[code]} of {count} {what}", position
    if code == GEOMETRY_CODES["linestring"]:
        return "", position + count * _POINT_BYTES
    problem = ""
    for _ in range(count):
        if code == GEOMETRY_CODES["polygon"]:
            [points] = _COUNT.unpack_from(wkb, position)
            position += _COUNT.size + points * _POINT_BYTES
            problem = "" if points >= _FEWEST_IN_RING else f"this server takes no ring of {points} points"
        else:
            problem, position = _parts_problem(wkb, position)
        if problem:
            break
    return problem, position


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
    if int(is_mariadb):
        return ServerLimits((first, last), every_uuid)
    return ServerLimits((first, last), every_uuid, LONGEST_WHOLE_TIME, exact_json=False, every_geometry=False)
