"""From the text that a MySQL server sends to Python values, by the type of the column."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Literal

from nanotyped.nodes.sql.wire import Cell
from nanotyped.types import MYSQL_BIT
from nanotyped.types import intermediate as it
from nanotyped.types.text import parse_text
from nanotyped.types.text_columns import column_parser

if TYPE_CHECKING:
    from nanotyped.row import Column
    from nanotyped.types.base import DataType

Form = Literal["ascii", "text", "bytes"]
# What the server sends as bytes, or packs into some.
_PACKED = (it.BYTES, it.BITS, it.GEOMETRY, it.VECTOR)
# What may have letters beyond ASCII.
_ANY_TEXT = (it.STRING, it.ENUM, it.SET, it.JSON)


# Of a set that is read as a number: a double, which is what `+ 0e0` makes of it, holds these exactly.
_MAX_NUMBERED = 53


def is_read_as_number(kind: type[DataType]) -> bool:
    """Return whether a column is read as its number: a set whose text does not always tell its empty member."""
    members = getattr(kind.intermediate_type, "members", None) or ()
    return kind.intermediate_type.family is it.SET and "" in members and len(members) <= _MAX_NUMBERED


def _one_bit(kind: Any, packed: bytes) -> bool:
    found: bool = kind.python_cast_function(int.from_bytes(packed, "big"))
    return found


def _numbered_set(kind: Any, text: str) -> frozenset[str]:
    found: frozenset[str] = kind.of_number(int(float(text)))
    return found


@lru_cache(maxsize=1024)
def cell_of(column: Column) -> Cell:
    """Return how the text of a column, as a MySQL server sends it, becomes its value.

    Zero dates (``0000-00-00``) are no dates: reading one raises ``TypeCastError``, but for a type that keeps them.
    """
    kind = column.type.intermediate_type
    if kind.family is it.BOOL and issubclass(column.type, MYSQL_BIT):
        return _of_cells(column, "bytes", partial(_one_bit, kind))
    form: Form = "bytes" if kind.family in _PACKED else "text" if kind.family in _ANY_TEXT else "ascii"
    if not is_read_as_number(column.type):
        return Cell(column.name, column.spelling(), form, column_parser(kind, "mysql"), parse_text(kind))
    return _of_cells(column, "ascii", partial(_numbered_set, kind))


def _of_cells(column: Column, form: Form, exact: Callable[[Any], Any]) -> Cell:
    """Return how a column is read of which each cell is read by itself."""

    def read(texts: Sequence[Any]) -> list[Any]:
        return [None if text is None else exact(text) for text in texts]

    return Cell(column.name, column.spelling(), form, read, exact)
