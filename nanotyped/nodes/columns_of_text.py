"""Columns of text to columns of values, a batch at a time, exactly or not at all."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from nanotyped.errors import RowError, RowValidationError, TypeCastError, shown
from nanotyped.row import Validator
from nanotyped.types import intermediate as it
from nanotyped.types.text import parse_text, text_pattern

if TYPE_CHECKING:
    from nanotyped.row import Column, Row, Schema
    from nanotyped.types import DataType

# What reads a text that the type's pattern has let through. Impossible dates get here, and raise ``ValueError``.
_QUICK: dict[type[DataType], Callable[[str], Any]] = {
    it.INTEGER: int,
    it.DECIMAL: Decimal,
    it.FLOAT: float,
    it.BOOL: {"true": True, "false": False}.__getitem__,
    it.DATE: date.fromisoformat,
    it.DATETIME: datetime.fromisoformat,
    it.TIMESTAMP: datetime.fromisoformat,
}
TEXTS = (it.STRING, it.ENUM)


class Place(NamedTuple):
    """Where rows of a batch stand: the file, the line of each, and the number of the first."""

    path: str
    lines: Sequence[int]
    first: int

    def error(self, index: int, reason: str, column: str | None = None) -> RowError:
        """Return the error of one row of the batch."""
        middle = f", column `{column}`" if column is not None else ""
        text = f"{self.path}, line {self.lines[index]}{middle}: {reason}"
        return RowError(text, row=self.first + index, column=column)


class ColumnReader:
    """Reads the texts of one column.

    Args:
        column: Its name, type and nullability.
    """

    __slots__ = ("_all_plain", "_parse", "_quick", "column")

    def __init__(self, column: Column) -> None:
        self.column = column
        kind = column.type.intermediate_type
        self._parse = parse_text(column.type, "csv")
        self._quick = _QUICK.get(kind.family)
        # No type that is read quickly has a line end in its text.
        self._all_plain = (
            re.compile(rf"(?:{text_pattern(kind, 'csv')}\n)*", re.ASCII).fullmatch if self._quick else None
        )

    def read(self, texts: Sequence[str | None]) -> Sequence[Any]:
        """Return the values; ``None`` stays ``None``. Texts of text columns are left to the validator.

        Raises:
            TypeCastError: If a text is none of the type's.
            ValueError: The same.
        """
        if self.column.type.intermediate_type.family in TEXTS:
            return texts
        present = [text for text in texts if text is not None]
        if self._quick is not None and self._all_plain is not None and self._all_plain("\n".join([*present, ""])):
            read = self._quick
            return list(map(read, present)) if len(present) == len(texts) else _but_nulls(texts, read)
        return _but_nulls(texts, self._parse)

    def problem(self, text: str | None) -> str:
        """Return why one text is no value of the column, ``""`` if it is one."""
        if text is None:
            return "" if self.column.nullable else f"expected `{self.column.spelling()}`, got nothing"
        try:
            self._parse(text)
        except TypeCastError as error:
            return f"expected `{self.column.spelling()}`, got {shown(text)} ({error.reason})"
        except ValueError:  # Python reads no number of more than 4300 digits
            return f"expected `{self.column.spelling()}`, got {shown(text)} (too many digits)"
        return ""


def null_texts(column: Column, null_text: str) -> tuple[str, ...]:
    """Return which cells of a CSV column are null; the first of them is the one to write.

    Where an empty cell is a value of the type (text, bytes), this is ``null_text`` alone; elsewhere it is the empty
    cell, and ``null_text`` too if it could be nothing else.
    """
    if not column.nullable:
        return ()
    problem = ColumnReader(column).problem
    if not problem(""):
        return (null_text,)
    return ("", null_text) if problem(null_text) else ("",)


def _but_nulls(texts: Sequence[str | None], read: Callable[[str], Any]) -> list[Any]:
    return [None if text is None else read(text) for text in texts]


class RowsOfColumns:
    """Makes rows of columns of values, held to a schema.

    Args:
        schema: The schema.
        row_class: The class of the rows.
    """

    def __init__(self, schema: Schema, row_class: type[Row]) -> None:
        self._validator = Validator(schema, row_class)

    def rows(self, columns: Sequence[Sequence[Any]], place: Place) -> list[Row]:
        """Return the rows.

        Raises:
            RowError: With every cell that breaks its contract, by line.
        """
        try:
            return self._validator.rows(list(zip(*columns, strict=True)))
        except RowValidationError as error:
            texts = [
                f"{place.path}, line {place.lines[found.row - 1]}, column `{found.column}`: "
                f"expected `{found.expected}`, got {found.actual}{f' ({found.reason})' if found.reason else ''}"
                for found in error.problems
            ]
            raise joined_error(texts, place.first + error.problems[0].row - 1, error.problems[0].column) from None


def joined_error(texts: Sequence[str], row: int, column: str | None) -> RowError:
    """Return one error of all that is wrong with a batch; ``row`` and ``column`` are those of the first."""
    most = RowValidationError.MAX_SHOWN
    hidden = len(texts) - most
    return RowError("; ".join([*texts[:most], *([f"and {hidden} more"] if hidden > 0 else [])]), row=row, column=column)
