"""From Python values to the SQL literals that a MySQL server keeps exactly, by the type of the column.

Escaping is PyMySQL's. Where its spelling of a value leaves the server room to choose (a decimal's digits, the sign of a
zero, a set with an empty member), another one is taken that leaves none. The session must be as ``insertion`` sets it:
in UTC, with backslashes that escape.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pymysql import converters

from nanotyped.errors import CellProblem, RowValidationError, shown
from nanotyped.row.rows import astuple
from nanotyped.types import intermediate as it
from nanotyped.types.convert import json_text
from nanotyped.types.text import render_text

if TYPE_CHECKING:
    from nanotyped.nodes.sql.limits import ServerLimits
    from nanotyped.row import Row, Schema
    from nanotyped.types.base import DataType

Literal = Callable[[Any], str]
NULL = "NULL"


def _quoted(render: Callable[[Any], str]) -> Literal:
    """Return the literal of a value whose text needs no escapes."""
    return lambda value: f"'{render(value)}'"


def _timestamp(value: datetime) -> str:
    # The session is in UTC; PyMySQL would drop the zone.
    return converters.escape_datetime(value.astimezone(UTC).replace(tzinfo=None))


def _lenient(moment: Literal) -> Literal:
    return lambda value: f"'{value}'" if isinstance(value, it.InvalidDate) else moment(value)


def _set(kind: Any) -> Literal:
    # By its number: the text of a set does not always tell its empty member.
    bits = {member: 1 << place for place, member in enumerate(kind.members)}
    return lambda value: str(sum(map(bits.__getitem__, value)))


_LITERALS: Mapping[type[DataType], Callable[[Any], Literal]] = {
    it.INTEGER: lambda _: str,
    it.YEAR: lambda _: str,
    it.BITS: lambda _: str,
    it.BOOL: lambda _: lambda value: str(int(value)),
    it.DECIMAL: lambda kind: _quoted(render_text(kind)),
    it.FLOAT: lambda _: _quoted(repr),
    it.STRING: lambda _: converters.escape_str,
    it.ENUM: lambda _: converters.escape_str,
    it.BYTES: lambda _: converters.escape_bytes,
    it.DATE: lambda _: converters.escape_date,
    it.DATETIME: lambda _: converters.escape_datetime,
    it.TIMESTAMP: lambda _: _timestamp,
    it.LENIENT_MOMENT: lambda kind: _lenient(_LITERALS[kind.moment.family](kind.moment)),
    it.TIME_INTERVAL: lambda kind: _quoted(render_text(kind)),
    it.UUID: lambda _: _quoted(str),
    it.INET: lambda _: _quoted(it.address_text),
    it.SET: _set,
    it.JSON: lambda _: lambda value: converters.escape_str(json_text(value)),
    it.GEOMETRY: lambda _: lambda value: converters.escape_bytes(it.pack_geometry(value)),
    it.VECTOR: lambda _: lambda value: converters.escape_bytes(it.pack_vector(value)),
}


def literal_of(kind: type[DataType]) -> Literal:
    """Return what writes a value of a column type as SQL; a null is not for it."""
    inner = kind.intermediate_type
    return _LITERALS[inner.family](inner)


class RowLiterals:
    """Writes rows of a schema of MySQL types as they stand behind ``VALUES``. Safe to use from several threads.

    The rows must have gone through a ``Validator`` of the schema.

    Args:
        schema: The columns of the table that the rows fill, in order.
        limits: What the server of the table takes.
    """

    def __init__(self, schema: Schema, limits: ServerLimits) -> None:
        self._columns = [(column, literal_of(column.type)) for column in schema]
        problems = [(index, column, limits.problem_of(column)) for index, column in enumerate(schema)]
        self._limited = [(index, column, problem) for index, column, problem in problems if problem is not None]

    def encode(self, rows: Sequence[Row], first: int) -> list[bytes]:
        """Return each row as ``(1,'a',NULL)`` in UTF-8.

        Args:
            rows: The rows.
            first: Number of the first row, for messages.

        Raises:
            RowValidationError: If the server would refuse a value, or a text within a document is none in UTF-8; with
                every such cell.
        """
        values = list(map(astuple, rows))
        if self._limited and (refused := self._refused(values, first)):
            raise RowValidationError(refused)
        try:
            columns = [
                [NULL if value is None else write(value) for value in cells]
                for (_, write), cells in zip(self._columns, zip(*values, strict=True), strict=True)
            ]
            return [f"({','.join(cells)})".encode() for cells in zip(*columns, strict=True)]
        except UnicodeEncodeError:
            raise RowValidationError(self._problems(values, first)) from None

    def _refused(self, values: list[tuple[Any, ...]], first: int) -> list[CellProblem]:
        return [
            CellProblem(number, column.name, column.spelling(), shown(cells[index]), reason)
            for number, cells in enumerate(values, first)
            for index, column, problem in self._limited
            if cells[index] is not None and (reason := problem(cells[index]))
        ]

    def _problems(self, values: list[tuple[Any, ...]], first: int) -> list[CellProblem]:
        return [
            CellProblem(number, column.name, column.spelling(), shown(value), "a text in it has no UTF-8 form")
            for number, cells in enumerate(values, first)
            for (column, write), value in zip(self._columns, cells, strict=True)
            if value is not None and not _is_writable(write, value)
        ]


def _is_writable(write: Literal, value: Any) -> bool:
    try:
        write(value).encode()
    except UnicodeEncodeError:
        return False
    return True
