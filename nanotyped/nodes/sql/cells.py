"""From the text that a MySQL server sends to Python values, by the type of the column."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Literal

from nanotyped.nodes.sql.wire import Cell
from nanotyped.types import MYSQL_BIT
from nanotyped.types import intermediate as it
from nanotyped.types.text import parse_text, read_json

if TYPE_CHECKING:
    from nanotyped.row import Column
    from nanotyped.types.base import DataType

Form = Literal["ascii", "text", "bytes"]
# What the server packs into bytes of its own.
_PACKED = (it.BITS, it.GEOMETRY, it.VECTOR)


# Of a set that is read as a number: a double, which is what `+ 0e0` makes of it, holds these exactly.
_MAX_NUMBERED = 53


def is_read_as_number(kind: type[DataType]) -> bool:
    """Return whether a column is read as its number: a set whose text does not always tell its empty member."""
    members = getattr(kind.intermediate_type, "members", None) or ()
    return kind.intermediate_type.family is it.SET and "" in members and len(members) <= _MAX_NUMBERED


def _timestamp(text: str) -> datetime:
    # The session's zone is UTC; with the offset the parser gives the very UTC object that rows carry.
    return datetime.fromisoformat(text + "+00:00")


def _one_bit(kind: Any, packed: bytes) -> bool:
    found: bool = kind.python_cast_function(int.from_bytes(packed, "big"))
    return found


def _numbered_set(kind: Any, text: str) -> frozenset[str]:
    found: frozenset[str] = kind.of_number(int(float(text)))
    return found


_SIMPLE: dict[type[DataType], tuple[Form, Callable[[Any], Any] | None]] = {
    it.INTEGER: ("ascii", int),
    it.YEAR: ("ascii", int),
    it.DECIMAL: ("ascii", Decimal),
    it.FLOAT: ("ascii", float),
    it.STRING: ("text", None),
    it.ENUM: ("text", None),
    it.BYTES: ("bytes", None),
    it.DATE: ("ascii", date.fromisoformat),
    it.DATETIME: ("ascii", datetime.fromisoformat),
    it.TIMESTAMP: ("ascii", _timestamp),
}


def _lenient(kind: Any, exact: Callable[[Any], Any]) -> Callable[[str], Any]:
    quick = _SIMPLE[kind.moment.family][1]
    assert quick is not None  # moments are converted

    def read(text: str) -> Any:
        try:
            return quick(text)
        except ValueError:
            return exact(text)

    return read


@lru_cache(maxsize=1024)
def cell_of(column: Column) -> Cell:
    """Return how the text of a column, as a MySQL server sends it, becomes its value.

    Zero dates (``0000-00-00``) are no dates: reading one raises ``ValueError``, but for a type that keeps them.
    """
    kind = column.type.intermediate_type
    exact = parse_text(kind)
    form: Form
    convert: Callable[[Any], Any] | None
    if kind.family is it.JSON:
        form, convert = "text", partial(read_json, kind)
    elif kind.family in _SIMPLE:
        form, convert = _SIMPLE[kind.family]
    elif kind.family is it.LENIENT_MOMENT:
        form, convert = "ascii", _lenient(kind, exact)
    elif kind.family is it.BOOL and issubclass(column.type, MYSQL_BIT):
        form, exact = "bytes", partial(_one_bit, kind)
        convert = exact
    elif is_read_as_number(column.type):
        form, exact = "ascii", partial(_numbered_set, kind)
        convert = exact
    else:
        form, convert = "bytes" if kind.family in _PACKED else "text", exact
    return Cell(column.name, column.spelling(), form, convert, exact)
