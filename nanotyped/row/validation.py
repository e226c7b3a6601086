"""Holding rows to their schema, a column of a batch at a time: values, or the texts of values.

A ``Validator`` is compiled once for a schema. A batch that is right costs one call in C a column, and a pass over the
columns that need more (``rules``); a batch that is wrong is gone through cell by cell, so that the error names every
broken cell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import starmap
from operator import itemgetter
from types import GenericAlias
from typing import TYPE_CHECKING, Any, NamedTuple, Union
from uuid import UUID

import msgspec

from nanotyped.errors import CellProblem, RowValidationError, TypeCastError, shown
from nanotyped.row.rows import astuple, row_info
from nanotyped.row.rules import Rule, cast_of, rule_of
from nanotyped.types import intermediate as it
from nanotyped.types.text import parse_text
from nanotyped.types.text_columns import ColumnParser, column_parser

if TYPE_CHECKING:
    from nanotyped.row.rows import Row
    from nanotyped.row.schema import Column, Schema
    from nanotyped.types.base import DataType

# Given as the protocol's own, none of these is read out of text: "aGk=" is no bytes, "1" no Decimal.
_NATIVE = (bytes, bytearray, datetime, date, timedelta, UUID, Decimal)

# What msgspec, a cast, an encoding or arithmetic raises for a value that is wrong (a signaling NaN: ValueError).
_BROKEN = (msgspec.ValidationError, ValueError, ArithmeticError)


class _ColumnRule(NamedTuple):
    """The rule of one column: what msgspec checks of a value, null or not, and of a column of them."""

    column: Column
    rule: Rule
    annotation: Any
    list_annotation: Any


def _column_rule(column: Column) -> _ColumnRule:
    rule = rule_of(column.type)
    annotation = _or_none(rule.annotation) if column.nullable else rule.annotation
    return _ColumnRule(column, rule, annotation, GenericAlias(list, (annotation,)))


class Validator:
    """Checks rows, tuples of Python values and tuples of texts against a schema. Safe to use from several threads.

    Args:
        schema: What the rows are held to; rows that are made are of its ``row_class()``.
        row_class: The class of rows to make instead, with equal columns.
    """

    __slots__ = ("_annotation", "_parsers", "_rules", "row_class", "schema")

    def __init__(self, schema: Schema, row_class: type[Row] | None = None) -> None:
        self.schema = schema
        self.row_class = row_class or schema.row_class()
        self._rules = list(map(_column_rule, schema))
        row = GenericAlias(tuple, tuple(rule.annotation for rule in self._rules) or ((),))
        self._annotation = GenericAlias(list, (row,))
        self._parsers: list[ColumnParser] | None = None

    def check_rows(self, rows: list[Row], first: int = 1) -> list[Row]:
        """Return the rows, right to the last digit: the same list, or rows made anew where a value had to be exacted.

        Args:
            rows: Rows whose columns are those of the schema, in order.
            first: Number of the first row, for the messages.

        Raises:
            RowValidationError: With every broken cell.
        """
        tuples = list(map(astuple, rows))
        exact = self._exact(tuples, first)
        return rows if exact is tuples else list(starmap(self.row_class, exact))

    def rows(self, tuples: list[tuple[Any, ...]], first: int = 1) -> list[Row]:
        """Return rows of tuples of Python values in the order of the schema, checked.

        Raises:
            RowValidationError: With every broken cell.
        """
        return list(starmap(self.row_class, self._exact(tuples, first)))

    def rows_of_columns(self, columns: Sequence[Sequence[Any]], first: int = 1) -> list[Row]:
        """Return rows of columns of Python values, equally long, in the order of the schema, checked.

        Raises:
            RowValidationError: With every broken cell.
            ValueError: If there are not as many columns as in the schema, or not equally many values in each.
        """
        if len(columns) != len(self._rules) or len(set(map(len, columns))) > 1:
            raise ValueError(f"{len(self._rules)} columns of equal length are needed")
        try:
            return self._made(columns)
        except _BROKEN:
            tuples = list(zip(*columns, strict=True))
            raise RowValidationError(list(self._problems(tuples, first, _cell_problem))) from None

    def rows_of_text(self, tuples: Sequence[Sequence[str | None]], first: int = 1) -> list[Row]:
        """Return rows of tuples of texts in the order of the schema, read and checked: what a CSV file holds.

        Each text is in the CSV form of its column's type (``nanotyped.types.text``): ``2024-01-31T12:00:00Z``,
        ``12.50``, ``true``. ``None`` alone is null; an empty text is none. Nothing is stripped, rounded or guessed.

        Raises:
            RowValidationError: With every broken cell.
            IncompatibleTypesException: If values of a column have no text.
        """
        if self._parsers is None:
            self._parsers = [column_parser(column.type) for column in self.schema]
        if not tuples or not self._parsers:
            return self.rows(list(map(tuple, tuples)), first)
        try:
            if not all([issubclass(kind, tuple | list) for kind in set(map(type, tuples))]):
                raise ValueError("not a tuple")
            columns = zip(*tuples, strict=True)
            return self._made([read(texts) for read, texts in zip(self._parsers, columns, strict=True)])
        except _BROKEN:
            raise RowValidationError(list(self._problems(tuples, first, _text_problem))) from None

    def _made(self, columns: Sequence[Sequence[Any]]) -> list[Row]:
        for values, rule in zip(columns, self._rules, strict=True):
            msgspec.convert(values, rule.list_annotation, builtin_types=_NATIVE)
        exact = dict(enumerate(columns)) | self._corrected(columns.__getitem__)
        return list(map(self.row_class, *exact.values()))

    def _exact(self, tuples: list[tuple[Any, ...]], first: int) -> list[tuple[Any, ...]]:
        """Return the tuples with every value exact: the same list, or another where a value had to be corrected."""

        def values_of(index: int) -> Iterable[Any]:
            return map(itemgetter(index), tuples)

        try:
            msgspec.convert(tuples, self._annotation, builtin_types=_NATIVE)
            corrected = self._corrected(values_of)
        except _BROKEN:
            raise RowValidationError(list(self._problems(tuples, first, _cell_problem))) from None
        if not corrected:
            return tuples
        columns = dict(enumerate(zip(*tuples, strict=True))) | corrected
        return list(zip(*columns.values(), strict=True))

    def _corrected(self, values_of: Callable[[int], Iterable[Any]]) -> dict[int, Sequence[Any]]:
        """Return the columns, by index, in which a value had to be corrected."""
        corrected: dict[int, Sequence[Any]] = {}
        for index, (column, rule, annotation, _) in enumerate(self._rules):
            # Where msgspec takes anything, it takes None too.
            if annotation is Any and not column.nullable and any([value is None for value in values_of(index)]):
                raise ValueError("null")
            if rule.check is None:
                continue
            values = values_of(index)
            present = [value for value in values if value is not None] if column.nullable else list(values)
            if rule.classes and not {*map(type, present)} <= {*rule.classes}:
                raise ValueError("another class")
            if not present or rule.check(present):
                continue
            exact = map(cast_of(column.type), present) if rule.correct is None else iter(rule.correct(present))
            corrected[index] = [None if value is None else next(exact) for value in values_of(index)]
        return corrected

    def _problems(
        self, tuples: Sequence[Sequence[Any]], first: int, problem: Callable[[_ColumnRule, Any], str | None]
    ) -> Iterator[CellProblem]:
        width = len(self.schema)
        for number, values in enumerate(tuples, first):
            if not isinstance(values, tuple | list):
                yield CellProblem(number, "*", f"{width} columns", shown(values), "a tuple is needed")
                continue
            if len(values) != width:
                yield CellProblem(number, "*", f"{width} columns", f"{len(values)} columns")
                continue
            for rule, value in zip(self._rules, values, strict=True):
                column = rule.column
                if value is None and column.nullable:
                    continue
                reason = "it may not be null" if value is None else problem(rule, value)
                if reason is not None:
                    yield CellProblem(number, column.name, column.spelling(), shown(value), reason)


def _cell_problem(column_rule: _ColumnRule, value: Any) -> str | None:
    """Return why a value is none of its column, ``None`` if it is one."""
    column, rule, _, wanted = column_rule
    try:
        msgspec.convert((value,), wanted, builtin_types=_NATIVE)
    except _BROKEN:
        return _why(column.type, value)
    if rule.classes and type(value) not in rule.classes:
        names = " or ".join(wanted.__name__ for wanted in rule.classes)
        return f"{names} is needed, this is {type(value).__name__}"
    if rule.check is None or rule.check([value]):
        return None
    inner = column.type.intermediate_type
    if inner.family is it.FLOAT and not isinstance(value, float | int):
        return _why(column.type, value)
    try:
        cast_of(column.type)(value)
    except _BROKEN as error:
        return _reason(inner, error)
    return None


def _text_problem(column_rule: _ColumnRule, text: Any) -> str | None:
    """Return why a text is no value of its column, ``None`` if it is one."""
    if not isinstance(text, str):
        return f"text is needed, this is {type(text).__name__}"
    kind = column_rule.column.type
    try:
        parse_text(kind, "csv")(text)
    except _BROKEN as error:
        return _reason(kind, error)
    return None


def _or_none(annotation: Any) -> Any:
    return annotation if annotation is None or annotation is Any else Union[annotation, None]  # noqa: UP007 - of data


def _why(kind: type[DataType], value: Any) -> str:
    """Return why a value is wrong: of another Python type, or what its own type has against it."""
    inner = kind.intermediate_type
    wanted = inner.python_type
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        article = "an" if wanted.__name__[0] in "aeiou" else "a"
        return f"{article} {wanted.__name__} is needed, this is {type(value).__name__}"
    try:
        cast_of(kind)(value)
    except _BROKEN as error:
        return _reason(inner, error)
    return f"no {inner.spelling()}"


def _reason(kind: type[DataType], error: Exception) -> str:
    return error.reason if isinstance(error, TypeCastError) else f"no {kind.spelling()}: {error}"


def validator_of(cls: type[Row]) -> Validator:
    """Return the validator of a declared row class: rows that it makes are of that class."""
    return Validator(row_info(cls).schema, cls)
