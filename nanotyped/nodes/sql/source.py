"""``TableSource``: reading a table by pages or in one pass, all of it or a part, and checking what comes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nanotyped.errors import (
    CellProblem,
    GraphTypeError,
    RowValidationError,
    errors_by_row,
    shown,
)
from nanotyped.message import BatchStart, Checkpoint
from nanotyped.node.running import NO_ROW_VALUES
from nanotyped.nodes.sql.contract import Settlement, Sieve
from nanotyped.nodes.sql.description import TableAlteredError, Unreadable
from nanotyped.nodes.sql.live_table import LiveTable
from nanotyped.nodes.sql.paging import Pages
from nanotyped.nodes.sql.progress import Reading
from nanotyped.nodes.sql.splitting import KeyRange, split_table
from nanotyped.row import Row, Schema, Validator, parse_schema
from nanotyped.row.compiled import compile_projection
from nanotyped.types import InvalidDate
from nanotyped.types.text import INVALID_DATE_REASONS

if TYPE_CHECKING:
    from nanotyped.node import SizeHint
    from nanotyped.node.parts import PartSize, Split
    from nanotyped.nodes.sql.description import Columns, TableDescription, TableReader

logger = logging.getLogger("nanotyped.nodes.sql")


class TableSource(LiveTable):
    """What the table sources share: look at the table, read it by pages or in one pass, check what comes."""

    rejects_rows = True

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._sieve: Sieve | None = None
        self._reading: Reading | None = None
        self._make_rows: Callable[[Columns, int], list[Row]] = _unchecked(Schema([]).row_class())

    def batch_start(self) -> BatchStart:
        """Return the marker before all rows, which bears their ``schema``."""
        return BatchStart(schema=self.get_schema())

    def size_hint(self) -> SizeHint | None:
        """Return about how many rows, or keys, this run reads, once it has begun to."""
        return None if self._reading is None else self._reading.size_hint()

    def size_done(self) -> float | None:
        """Return how many of them were read."""
        return None if self._reading is None else self._reading.size_done()

    def resume_problem(self) -> str:
        """Return why reading cannot go on where it stopped: a table of no usable key, once it was looked at."""
        if self._description is None or self._description.page_key() is not None:
            return ""
        return f"{self._description.place} has no unique key of ordered, non-null columns to go on by"

    def split_problem(self) -> str:
        """Return why the table cannot be split; ``""`` if it can."""
        return "" if self._following is None else "it is followed by `cursor_column`, from run to run"

    def split(self, size: PartSize, together: Sequence[str] = ()) -> Split:
        """Return ranges of the key that the table is read by, of near-equal size; of no such key, all of it.

        Of MySQL and MariaDB, how many rows lie in a range is what the index of the key tells by ``EXPLAIN``, which
        reads none; so it is about all rows, whatever ``where`` says. That takes about eight statements a part, and more
        where keys lie unevenly: as many again for each halving that leads to where they are crowded. Of SQLite, all
        rows that are wanted are counted.

        Columns of ``together`` with which the key begins keep rows of equal values in one part, however many they are.
        """
        if problem := self.split_problem():
            raise ValueError(f"{self.label} cannot be split: {problem}")
        if self._description is None:
            self.discover_schema()
        checked = self._description
        assert checked is not None  # it was looked at
        reader = self.open_reader()
        try:
            description = self._look_again(reader, checked)
            # Values that a contract changes, or the pipeline, are not equal where those of the table are.
            as_they_are = self._modes is None and self.sending.is_plain
            return split_table(
                reader, self._query(reader, description), description, size, together if as_they_are else ()
            )
        finally:
            reader.close()

    # -- reading -----------------------------------------------------------------------

    def generate_batches(self) -> Iterator[Sequence[Row] | Checkpoint]:
        """Yield the rows of the table, checked against the contract, and behind each page where to go on.

        Raises:
            SourceError: If the table is no longer what it was when the run was checked, or the connection is lost.
            RowValidationError: If a value breaks its column's contract.
        """
        self._reading = None  # of an earlier run
        if self._description is None:
            self.discover_schema()
        reader = self.open_reader()
        try:
            yield from self._batches(reader)
        except RowValidationError as error:
            self._note(error)
            raise
        finally:
            reader.close()

    def _batches(self, reader: TableReader) -> Iterator[Sequence[Row] | Checkpoint]:
        checked = self._description
        assert checked is not None  # it was looked at
        description = self._look_again(reader, checked)
        if problems := self.check_contract():
            raise GraphTypeError(problems)
        reader.keeps_unreadable = self.error_policy.rejects
        self._make_rows = shape = self._shape()
        self._reading = reading = Reading(self._about_rows(reader))
        nulls = self._policies.null_dates(self._raw_of(description))
        first = 1
        try:
            for page, checkpoint in self._pages(reader, description, reading):
                if page:
                    columns = _without_invalid_dates(page, nulls)
                    rows = (self._right_rows if self.error_policy.rejects else shape)(columns, first)
                    first += len(columns[0])
                    yield rows
                    reading.rows_read = first - 1
                if checkpoint is not None:
                    yield checkpoint
        except TableAlteredError as error:
            raise self._drift(description, error.description, "while it was read", "read it again") from None
        if self._sieve is not None and self._sieve.discarded.told:
            logger.warning("%s: %s", self.label, self._sieve.discarded.told, extra=NO_ROW_VALUES)

    def _about_rows(self, reader: TableReader) -> int | None:
        """Return about how many rows this run reads, where that is known."""
        if self.part is not None:
            return self.part.rows
        whole = self.where is None and self.resume_from is None
        return reader.about_rows(self.table) if whole else None

    def _pages(
        self, reader: TableReader, description: TableDescription, reading: Reading
    ) -> Iterator[tuple[Columns, Checkpoint | None]]:
        """Yield columns of rows, each with the checkpoint behind them; ``None`` where they are in no order."""
        key = description.page_key()
        query = self._query(reader, description)
        within = None if self.part is None else KeyRange.of_part(self.part, reader, key, description.place)
        if key is None:
            logger.warning(
                "%s: %s has no unique key of ordered, non-null columns: read in one pass, which cannot be resumed",
                self.label,
                description.place,
                extra=NO_ROW_VALUES,
            )
            for columns in reader.stream(query, self.page_rows):
                yield columns, None
            self._check_unaltered(reader, description)
            return
        pages = Pages(reader, query, key, self.page_rows, description.place, self.label, reading, within)
        if self._following is not None:
            pages.key = self._following.order(key)
            pages.lag = self._following.lag_for(description.schema[self._following.column])
        for columns, cursor in pages.read(self.resume_from):
            yield columns, Checkpoint(cursor)
        self._check_unaltered(reader, description)
        if pages.end is not None:
            yield (), Checkpoint(pages.end, lasting=True)

    # -- rows --------------------------------------------------------------------------

    def _note(self, error: RowValidationError) -> None:
        """Say where a row is wrong, and what would let its dates be read."""
        error.add_note(f"in `{self.table}`")
        if any(problem.reason in INVALID_DATE_REASONS for problem in error.problems):
            error.add_note("`zero_date: null` reads such dates as null, `zero_date: keep` as they are")

    def _right_rows(self, columns: Columns, first: int) -> list[Row]:
        """Hand over the rows of a page that break the contract and return the others."""
        numbers = list(range(first, first + len(columns[0])))
        if problems := _unreadable(columns, self._live().names, first):
            plain = [[cell.value if type(cell) is Unreadable else cell for cell in column] for column in columns]
            columns, numbers = self._without_wrong(plain, columns, numbers, RowValidationError(problems))
        try:
            return self._make_rows(columns, numbers[0] if numbers else first)
        except RowValidationError as error:
            place = {numbers[0] + index: number for index, number in enumerate(numbers)}
            moved = [replace(problem, row=place[problem.row]) for problem in error.problems]
            columns, _ = self._without_wrong(columns, columns, numbers, RowValidationError(moved))
            return self._make_rows(columns, first)

    def _without_wrong(
        self, shown: Columns, columns: Columns, numbers: list[int], error: RowValidationError
    ) -> tuple[Columns, list[int]]:
        """Hand over the rows that an error is about, as ``shown`` has them, and return the others."""
        self._note(error)
        wrong = errors_by_row(error)
        row_class: Any = self._live().row_class()  # whose rows are made by position, of whatever the server gave
        for index, number in enumerate(numbers):
            if number in wrong:
                self.reject(row_class(*(column[index] for column in shown)), wrong[number])
        kept = [index for index, number in enumerate(numbers) if number not in wrong]
        return [[column[index] for index in kept] for column in columns], [numbers[index] for index in kept]

    def _shape(self) -> Callable[[Columns, int], list[Row]]:
        """Return what makes rows of the declared contract of the live columns."""
        self._sieve = None
        live = self._live_schema()
        assert live is not None  # the table was looked at
        contract = self.output_schema_for(None)
        is_as_declared = self.output_schema is None or contract == parse_schema(self.output_schema)
        row_class = self.output_row_class() if is_as_declared else None
        if self._modes is not None and self._description is not None:
            settled = self._settlement(self._modes, self._description)
            if settled.discards:
                return self._sieving(settled, live, row_class)
        if contract is None or contract == live:
            return (
                Validator(live, row_class).rows_of_columns
                if self.validate
                else _unchecked(row_class or live.row_class())
            )
        read = Validator(live)
        project = compile_projection(read.row_class, row_class or contract.row_class())
        return lambda columns, first: project(read.rows_of_columns(columns, first))

    def _sieving(
        self, settled: Settlement, live: Schema, row_class: type[Row] | None
    ) -> Callable[[Columns, int], list[Row]]:
        """Return what makes rows of what fits the contract, and counts the others as rejected."""
        assert self.output_schema is not None  # it is what is settled
        read = Validator(live)
        self._sieve = sieve = Sieve(settled, parse_schema(self.output_schema), live)
        project = compile_projection(sieve.schema.row_class(), row_class or settled.gives.row_class())

        def shape(columns: Columns, first: int) -> list[Row]:
            before = sieve.discarded.rows
            rows = project(sieve.rows(read.rows_of_columns(columns, first), first))
            self.statistics.rejected += sieve.discarded.rows - before
            return rows

        return shape


def _unreadable(columns: Columns, names: Sequence[str], first: int) -> list[CellProblem]:
    """Return every cell that could not be read."""
    found = [
        CellProblem(number, name, cell.expected, shown(cell.value), cell.reason)
        for name, column in zip(names, columns, strict=True)
        for number, cell in enumerate(column, first)
        if type(cell) is Unreadable
    ]
    return sorted(found, key=lambda problem: problem.row)


def _without_invalid_dates(columns: Columns, places: tuple[int, ...]) -> Columns:
    """Return the columns with nulls for the invalid dates in some of them."""
    if not places:
        return columns
    return [
        [None if type(value) is InvalidDate else value for value in column] if place in places else column
        for place, column in enumerate(columns)
    ]


def _unchecked(row_class: type[Row]) -> Callable[[Columns, int], list[Row]]:
    return lambda columns, _first: list(map(row_class, *columns))
