"""Cells of files to values: which of them are null, what is wrong with one, and in which line of which file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from nanotyped.errors import RowError, RowValidationError, TypeCastError, shown
from nanotyped.row import Validator
from nanotyped.types import intermediate as it
from nanotyped.types.text import parse_text
from nanotyped.types.text_columns import column_parser

if TYPE_CHECKING:
    from nanotyped.row import Column, Row, Schema

TEXTS = (it.STRING, it.ENUM)


class Place(NamedTuple):
    """Where rows of a batch stand: the file, and of each its line and its number among the rows of the file.

    Attributes:
        unit: What a line is called.
    """

    path: str
    lines: Sequence[int]
    numbers: Sequence[int]
    unit: str = "line"

    def error(self, index: int, reason: str, column: str | None = None) -> RowError:
        """Return the error of one row of the batch."""
        middle = f", column `{column}`" if column is not None else ""
        text = f"{self.path}, {self.unit} {self.lines[index]}{middle}: {reason}"
        return RowError(text, row=self.numbers[index], column=column)


class ColumnReader:
    """Reads the texts of one column; the values are left to a validator.

    Args:
        column: Its name, type and nullability.
    """

    __slots__ = ("_parse", "column", "read")

    def __init__(self, column: Column) -> None:
        self.column = column
        self.read = column_parser(column.type)
        self._parse = parse_text(column.type, "csv")

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


class RowsOfColumns:
    """Makes rows of columns of values, or of texts, held to a schema.

    Args:
        schema: The schema.
        row_class: The class of the rows.
    """

    def __init__(self, schema: Schema, row_class: type[Row]) -> None:
        self._validator = Validator(schema, row_class)

    def rows(self, columns: Sequence[Sequence[Any]], place: Place) -> list[Row]:
        """Return the rows of values.

        Raises:
            RowError: With every cell that breaks its contract, by line.
        """
        return self._placed(lambda: self._validator.rows_of_columns(columns), place)

    def rows_of_text(self, columns: Sequence[Sequence[str | None]], place: Place) -> list[Row]:
        """Return the rows of texts; errors as of ``rows``."""
        return self._placed(lambda: self._validator.rows_of_text(list(zip(*columns, strict=True))), place)

    @staticmethod
    def _placed(make: Callable[[], list[Row]], place: Place) -> list[Row]:
        try:
            return make()
        except RowValidationError as error:
            texts = [
                f"{place.path}, {place.unit} {place.lines[found.row - 1]}, column `{found.column}`: "
                f"expected `{found.expected}`, got {found.actual}{f' ({found.reason})' if found.reason else ''}"
                for found in error.problems
            ]
            raise joined_error(texts, place.numbers[error.problems[0].row - 1], error.problems[0].column) from None


def joined_error(texts: Sequence[str], row: int, column: str | None) -> RowError:
    """Return one error of all that is wrong with a batch; ``row`` and ``column`` are those of the first."""
    most = RowValidationError.MAX_SHOWN
    hidden = len(texts) - most
    return RowError("; ".join([*texts[:most], *([f"and {hidden} more"] if hidden > 0 else [])]), row=row, column=column)
