"""From the text that a MySQL server sends to Python values, by the type of the column."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from nanotyped.nodes.sql.wire import Cell
from nanotyped.types import intermediate as it
from nanotyped.types.text import parse_text

if TYPE_CHECKING:
    from nanotyped.row import Column
    from nanotyped.types.base import DataType

Form = Literal["ascii", "text", "bytes"]


def _timestamp(text: str) -> datetime:
    # The session's zone is UTC; with the offset the parser gives the very UTC object that rows carry.
    return datetime.fromisoformat(text + "+00:00")


def _document(text: str) -> Any:
    return json.loads(text, parse_float=Decimal)


_SIMPLE: dict[type[DataType], tuple[Form, Callable[[Any], Any] | None]] = {
    it.INTEGER: ("ascii", int),
    it.DECIMAL: ("ascii", Decimal),
    it.FLOAT: ("ascii", float),
    it.STRING: ("text", None),
    it.ENUM: ("text", None),
    it.BYTES: ("bytes", None),
    it.DATE: ("ascii", date.fromisoformat),
    it.DATETIME: ("ascii", datetime.fromisoformat),
    it.TIMESTAMP: ("ascii", _timestamp),
    it.JSON: ("text", _document),
}


@lru_cache(maxsize=1024)
def cell_of(column: Column) -> Cell:
    """Return how the text of a column, as a MySQL server sends it, becomes its value.

    Zero dates (``0000-00-00``) are no dates: reading one raises ``ValueError``.
    """
    kind = column.type.intermediate_type
    if kind.family is it.TIME_INTERVAL:
        return Cell(column.name, column.spelling(), "ascii", parse_text(kind))
    form, convert = _SIMPLE[kind.family]
    return Cell(column.name, column.spelling(), form, convert)
