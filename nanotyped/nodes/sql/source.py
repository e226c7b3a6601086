"""``TableSource``: looking at a table, reading it by pages or in one pass, and checking what comes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Never

from nanotyped.errors import (
    CellProblem,
    ContractDriftError,
    GraphProblem,
    GraphTypeError,
    Mismatch,
    RowValidationError,
    errors_by_row,
    shown,
)
from nanotyped.message import BatchStart, Checkpoint
from nanotyped.node import FarEnd, NanoNode
from nanotyped.node.running import NO_ROW_VALUES
from nanotyped.nodes.schema_contract import SchemaContract, SchemaContractOption
from nanotyped.nodes.sql.contract import Settlement, Sieve, settle
from nanotyped.nodes.sql.description import TableAlteredError, Unreadable
from nanotyped.nodes.sql.following import Following, LagOption
from nanotyped.nodes.sql.mysql import MySQLReader
from nanotyped.nodes.sql.mysql_columns import guarded_columns, widened_columns
from nanotyped.nodes.sql.paging import Pages
from nanotyped.nodes.sql.policies import (
    BitOption,
    ColumnPolicies,
    Tinyint1Option,
    ZeroDateOption,
    taken_by,
)
from nanotyped.nodes.sql.progress import Reading
from nanotyped.nodes.sql.splitting import KeyRange, split_table
from nanotyped.nodes.sql.statements import Condition, TableQuery, check_parameters
from nanotyped.row import Row, Schema, Validator, parse_schema
from nanotyped.row.compiled import compile_projection
from nanotyped.row.difference import describe_changes
from nanotyped.row.schema import check_schema
from nanotyped.types import InvalidDate
from nanotyped.types.compat import check_assignable
from nanotyped.types.sqlite import SQLiteType
from nanotyped.types.text import INVALID_DATE_REASONS

if TYPE_CHECKING:
    from nanotyped.node import SizeHint
    from nanotyped.node.parts import PartSize, Split
    from nanotyped.nodes.sql.description import Columns, TableDescription, TableReader

logger = logging.getLogger("nanotyped.nodes.sql")


class TableSource(NanoNode[Never, Any]):
    """What the table sources share: look at the table, read it by pages or in one pass, check what comes."""

    rejects_rows = True
    options_that_may_change = ("lag",)
    backslash_escapes = True
    """Whether a backslash escapes in quotes, in the SQL of the server."""

    def __init__(
        self,
        *,
        table: str,
        columns: Sequence[str] | None,
        where: str | None,
        parameters: Mapping[str, Any] | None,
        page_rows: int,
        cursor_column: str | None,
        lag: LagOption,
        zero_date: ZeroDateOption,
        tinyint1: Tinyint1Option,
        bit: BitOption,
        schema_contract: SchemaContractOption,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if not table:
            raise ValueError("table must be named")
        if page_rows < 1:
            raise ValueError(f"page_rows must be at least 1, not {page_rows}")
        if columns is not None and not columns:
            raise ValueError("columns must name a column; leave it out for all of them")
        if twice := [f"`{name}`" for name in dict.fromkeys(columns or ()) if list(columns or ()).count(name) > 1]:
            raise ValueError(f"columns names {', '.join(twice)} twice")
        if problems := check_parameters(where, parameters or {}, backslash_escapes=self.backslash_escapes):
            raise ValueError("; ".join(problems))
        self._modes = SchemaContract.of_option(schema_contract)
        if self._modes is not None and self.output_schema is None:
            raise ValueError("schema_contract needs a contract that it is about: declare output_schema")
        self.table = table
        self.columns = tuple(columns) if columns is not None else None
        self.where = where
        self.parameters = dict(parameters or {})
        self.page_rows = page_rows
        self._following = Following.of_options(cursor_column, lag)
        self.cursor_outlives_run = self._following is not None
        self._policies = ColumnPolicies.of_options(zero_date=zero_date, tinyint1=tinyint1, bit=bit)
        self._description: TableDescription | None = None
        self._sieve: Sieve | None = None
        self._reading: Reading | None = None
        self._make_rows: Callable[[Columns, int], list[Row]] = _unchecked(Schema([]).row_class())

    def open_reader(self) -> TableReader:
        """Return a new connection to where the table is.

        Raises:
            SourceError: If there is none to be had.
        """
        raise NotImplementedError

    # -- what it gives -----------------------------------------------------------------

    def discover_schema(self) -> None:
        """Look at the live table and keep what it is; try the condition on it.

        Raises:
            SourceError: If it cannot be reached, is not there, or the condition does not work on it.
        """
        reader = self.open_reader()
        try:
            self._description = description = self._described(reader)
            if self.where is not None and self._raw_of(description).names:  # without a column there is nothing to read
                reader.try_out(self._query(reader, description))
            self._warn_of_scans(reader, description)
        finally:
            reader.close()

    def _warn_of_scans(self, reader: TableReader, description: TableDescription) -> None:
        if self._following is None or self._following_problems():
            return
        column = self._following.column
        if not reader.leads_index(self.table, column):
            logger.warning(
                "%s: no index of %s begins with `%s`: the server reads all rows for each page",
                self.label,
                description.place,
                column,
                extra=NO_ROW_VALUES,
            )

    def _described(self, reader: TableReader) -> TableDescription:
        """Return what the table is. A column of the contract that is not there is for the check to tell, with the rest.

        Raises:
            SourceError: If it is not there, or a wanted column is of no known type or named by ``columns`` in vain.
        """
        if self.columns is not None or self.output_schema is None:
            return reader.describe(self.table, self.columns)
        found = reader.describe(self.table, ())
        if self._modes is not None:
            return found  # what it says of each column settles what is read
        if refused := [name for name in self._wanted() or () if name in found.refused]:
            return reader.describe(self.table, refused)  # which tells why
        return found

    def get_schema(self) -> Schema:
        """Return the schema of the rows, connecting if the table was not looked at yet.

        Raises:
            SourceError: If the table cannot be reached, or is not there.
        """
        if self._description is None:
            self.discover_schema()
        schema = self.output_schema_for(None)
        assert schema is not None  # the table was looked at
        return schema

    def output_schema_for(self, given: Schema | None) -> Schema | None:
        """Return the declared contract; without one the live table's columns, once it was looked at.

        With ``schema_contract`` it is what the contract and the live table make together, once it was looked at.
        """
        del given  # a source has no input
        if self._modes is not None and self._description is not None:
            return self._settlement(self._modes, self._description).gives
        if self.output_schema is not None:
            return parse_schema(self.output_schema)
        return self._live_schema()

    def live_schema(self) -> Schema | None:
        """Return the columns of the live table that the node could give, as it takes them."""
        return None if self._description is None else self._takeable(self._description)

    def far_end(self, column: str) -> FarEnd:
        """Return the column of the live table, once it was looked at."""
        if self._description is None:
            return FarEnd(f"table `{self.table}`", "column")
        live = self._description.schema
        if column not in live:
            return FarEnd(self._description.place, "column")
        [taken] = self._policies.taken(live.select([column]))
        return FarEnd(self._description.place, "column", live[column], taken, self._policies.words(live[column]))

    def schema_remedy(self) -> str:
        """Return that a look at the live table is enough."""
        return "look at its live table with --connect, or declare its output_schema"

    def check_contract(self) -> list[GraphProblem]:
        """Return how the live table, once it was looked at, differs from the declared contract."""
        live, problems, following = self._live_schema(), self._policy_problems(), self._following_problems()
        if problems or live is None or self.output_schema is None or self._description is None:
            return [*problems, *following]
        return [*self._misfits(self._description), *following]

    def _misfits(self, description: TableDescription) -> list[GraphProblem]:
        """Return how a table differs from the declared contract in what is not settled by ``schema_contract``."""
        if self.output_schema is None:
            return []
        if self._modes is not None:
            return self._settlement(self._modes, description).problems
        contract = parse_schema(self.output_schema)
        problems = check_schema(self._takeable(description), contract, self._edge(description))
        return [self._with_hint(problem, contract, description) for problem in problems]

    def _with_hint(self, problem: Mismatch, contract: Schema, description: TableDescription) -> Mismatch:
        """Return a mismatch of table and contract with what mends it: no node stands between these two."""
        raw, live = description.schema, self._takeable(description)
        name = problem.column or ""
        if name not in live:
            return problem  # it has the nearest name
        fits = (words for words, kind in taken_by(raw[name].type) if not check_assignable(kind, contract[name].type))
        policy = "" if not check_assignable(live[name].type, contract[name].type) else next(fits, "")
        spelled = "sqlite " * issubclass(live[name].type, SQLiteType) + live[name].spelling()
        if policy:
            return problem.at(hint=f"set `{policy}` for it, or declare it `{spelled}`")
        return problem.at(hint=f"declare it `{spelled}`, as the table has it, or leave the contract out")

    def _edge(self, description: TableDescription) -> tuple[str, str]:
        return description.place.replace("`", ""), self.label

    def _takeable(self, description: TableDescription) -> Schema:
        """Return the columns of a table, of those that ``columns`` names, as the node takes them."""
        live = description.schema
        named = live if self.columns is None else live.select(name for name in self.columns if name in live)
        return self._policies.taken(named)

    def _settlement(self, modes: SchemaContract, description: TableDescription) -> Settlement:
        assert self.output_schema is not None  # the constructor saw to it
        refused = description.refused if self.columns is None else {}
        contract = parse_schema(self.output_schema)
        return settle(
            contract,
            self._takeable(description),
            refused,
            modes,
            self._edge(description),
            with_hint=lambda problem: self._with_hint(problem, contract, description),
        )

    def _policy_problems(self) -> list[GraphProblem]:
        """Return the policies of columns that the live table does not have, or that they are not about."""
        raw = self._raw_schema()
        return [] if raw is None else self._policies.problems(raw, self.label)

    def _following_problems(self) -> list[GraphProblem]:
        if self._following is None or self._description is None:
            return []
        return self._following.problems(self._description, self._policies, self.label)

    def _wanted(self) -> tuple[str, ...] | None:
        if self.columns is None and self.output_schema is not None:
            return parse_schema(self.output_schema).names
        return self.columns

    def _raw_schema(self) -> Schema | None:
        """Return the wanted columns as the table has them."""
        return None if self._description is None else self._raw_of(self._description)

    def _raw_of(self, description: TableDescription) -> Schema:
        wanted = self._wanted() if self._modes is None else self._settlement(self._modes, description).reads
        live = description.schema
        return live if wanted is None else live.select(name for name in wanted if name in live)

    def _read_of(self, description: TableDescription) -> Schema:
        """Return the wanted columns as the table has them, and the one that it is followed by."""
        raw, live = self._raw_of(description), description.schema
        name = None if self._following is None else self._following.column
        return raw if name is None or name in raw or name not in live else raw.merge(live.select([name]))

    def _live_schema(self) -> Schema | None:
        """Return the wanted columns as the node takes them."""
        raw = self._raw_schema()
        return None if raw is None else self._policies.taken(raw)

    def batch_start(self) -> BatchStart:
        """Return the marker before all rows, which bears their ``schema``."""
        return BatchStart(schema=self.get_schema())

    def size_hint(self) -> SizeHint | None:
        """Return about how many rows, or keys, this run reads, once it has begun to."""
        return None if self._reading is None else self._reading.size_hint()

    def size_done(self) -> float | None:
        """Return how many of them were read."""
        return None if self._reading is None else self._reading.size_done()

    # -- reading -------------------------------------------------------------------------

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

    def _look_again(self, reader: TableReader, checked: TableDescription) -> TableDescription:
        """Return what the table is now, over a new connection; what is read of it is what was checked.

        Raises:
            ContractDriftError: If it is not.
        """
        self._description = description = self._described(reader)
        if self._read_of(description) != self._read_of(checked):
            raise self._drift(checked, description, "since the pipeline was checked", "check it again")
        return description

    def _about_rows(self, reader: TableReader) -> int | None:
        """Return about how many rows this run reads, where that is known."""
        if self.part is not None:
            return self.part.rows
        whole = self.where is None and self.resume_from is None
        return reader.about_rows(self.table) if whole else None

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

    def _live(self) -> Schema:
        live = self._live_schema()
        assert live is not None  # the table was looked at
        return live

    def _check_unaltered(self, reader: TableReader, description: TableDescription) -> None:
        """Raise if what was read is no longer what it was when reading began.

        A key of another type sorts otherwise, and pages by it skip rows: no such run ends well in silence.
        """
        again = reader.describe(self.table, ())
        read = self._read_of(description)
        changed = (column for column in read if column.name not in again.schema or again.schema[column.name] != column)
        if again.page_key() != description.page_key() or any(changed):
            raise self._drift(description, again, "while it was read, and rows may be missing", "read it again")

    def _drift(self, was: TableDescription, now: TableDescription, when: str, remedy: str) -> ContractDriftError:
        """Return the error for a table whose columns, of those that are read, or whose key are another by now.

        With a contract, what the node would give is the contract, but for columns that no longer fit it.
        """
        before, after = self._read_of(was), self._read_of(now)
        changes = describe_changes(before, after)
        if was.page_key() != now.page_key():
            keys = (f"({', '.join(f'`{name}`' for name in of.page_key() or ())})" for of in (was, now))
            changes.append((None, f"the key that it is read by {' → '.join(keys)}"))
        gave, gives = self._supposed(was), self._supposed(now)
        return ContractDriftError(now.place, when, gave, gives, changes=changes, remedy=remedy)

    def _supposed(self, description: TableDescription) -> Schema:
        """Return what the node would give if columns that do not fit the contract were taken as they are."""
        if self.output_schema is None:
            return self._policies.taken(self._raw_of(description))
        declared, taken = parse_schema(self.output_schema), self._takeable(description)
        if self._modes is not None:
            declared = self._settlement(self._modes, description).gives
        misfits = {getattr(problem, "column", None) for problem in self._misfits(description)}
        kept = Schema(column for column in declared if column.name in taken or column.name not in misfits)
        return kept.merge(Schema(column for column in taken if column.name in misfits))

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
        for columns, cursor in pages.read(None if self.part is not None else self.resume_from):
            yield columns, Checkpoint(cursor)
        self._check_unaltered(reader, description)
        if pages.end is not None:
            yield (), Checkpoint(pages.end, lasting=True)

    def _query(self, reader: TableReader, description: TableDescription) -> TableQuery:
        live = self._raw_schema()
        assert live is not None  # the table was looked at
        is_mysql = isinstance(reader, MySQLReader)
        widened = widened_columns(live) if is_mysql else frozenset()
        guarded = guarded_columns(live) if is_mysql else frozenset()
        where = None if self.where is None else Condition(self.where, self.parameters, self.backslash_escapes)
        collations = description.collations.get(description.page_key() or (), {})
        taken = self._policies.read(description.schema)
        return TableQuery(self.table, live.names, where, widened, guarded, collations, taken)

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
