"""``TableSource``: looking at a table, reading it by pages or in one pass, and checking what comes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nanotyped.errors import GraphProblem, RowValidationError, SourceError
from nanotyped.node import FarEnd, NanoNode
from nanotyped.nodes.sql.mysql import MySQLReader, guarded_columns, widened_columns
from nanotyped.nodes.sql.policies import (
    BitOption,
    ColumnPolicies,
    Tinyint1Option,
    ZeroDateOption,
)
from nanotyped.nodes.sql.statements import Condition, TableQuery, check_parameters
from nanotyped.row import Row, Schema, Validator, parse_schema
from nanotyped.row.compiled import compile_projection
from nanotyped.row.schema import check_schema
from nanotyped.types import InvalidDate
from nanotyped.types.text import INVALID_DATE_REASONS

if TYPE_CHECKING:
    from nanotyped.nodes.sql.description import Columns, TableDescription, TableReader

logger = logging.getLogger("nanotyped.nodes.sql")


class TableSource(NanoNode[object, Any]):
    """What the table sources share: look at the table, read it by pages or in one pass, check what comes."""

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
        zero_date: ZeroDateOption,
        tinyint1: Tinyint1Option,
        bit: BitOption,
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
        self.table = table
        self.columns = tuple(columns) if columns is not None else None
        self.where = where
        self.parameters = dict(parameters or {})
        self.page_rows = page_rows
        self._policies = ColumnPolicies.of_options(zero_date=zero_date, tinyint1=tinyint1, bit=bit)
        self._description: TableDescription | None = None

    def open_reader(self) -> TableReader:
        """Return a new connection to where the table is.

        Raises:
            SourceError: If there is none to be had.
        """
        raise NotImplementedError

    # -- what it gives -----------------------------------------------------------------

    def discover_schema(self) -> None:
        """Look at the live table and keep what it is.

        Raises:
            SourceError: If it cannot be reached, or is not there.
        """
        reader = self.open_reader()
        try:
            self._description = reader.describe(self.table, self._wanted())
        finally:
            reader.close()

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
        """Return the declared contract; without one the live table's columns, once it was looked at."""
        del given  # a source has no input
        if self.output_schema is not None:
            return parse_schema(self.output_schema)
        return self._live_schema()

    def far_end(self, column: str) -> FarEnd:
        """Return the column of the live table, once it was looked at."""
        if self._description is None:
            return FarEnd(f"table `{self.table}`", "column")
        live = self._description.schema
        known = live[column] if column in live else None  # noqa: SIM401 - a schema has no `get`
        return FarEnd(self._description.place, "column", known)

    def schema_remedy(self) -> str:
        """Return that a look at the live table is enough."""
        return "look at its live table with --connect, or declare its output_schema"

    def check_contract(self) -> list[GraphProblem]:
        """Return how the live table, once it was looked at, differs from the declared contract."""
        live, problems = self._live_schema(), self._policy_problems()
        if problems or live is None or self.output_schema is None or self._description is None:
            return problems
        edge = (self._description.place.replace("`", ""), self.label)
        return [*check_schema(live, parse_schema(self.output_schema), edge)]

    def _policy_problems(self) -> list[GraphProblem]:
        """Return the policies of columns that the live table does not have, or that they are not about."""
        raw = self._raw_schema()
        return [] if raw is None else self._policies.problems(raw, self.label)

    def _wanted(self) -> tuple[str, ...] | None:
        if self.columns is None and self.output_schema is not None:
            return parse_schema(self.output_schema).names
        return self.columns

    def _raw_schema(self) -> Schema | None:
        """Return the wanted columns as the table has them."""
        if self._description is None:
            return None
        wanted = self._wanted()
        live = self._description.schema
        return live if wanted is None else live.select(name for name in wanted if name in live)

    def _live_schema(self) -> Schema | None:
        """Return the wanted columns as the node takes them."""
        raw = self._raw_schema()
        return None if raw is None else self._policies.taken(raw)

    # -- reading -------------------------------------------------------------------------

    def generate_batches(self) -> Iterator[Sequence[Row]]:
        """Yield the rows of the table, checked against the contract.

        Raises:
            SourceError: If the table is no longer what it was when the run was checked, or the connection is lost.
            RowValidationError: If a value breaks its column's contract.
        """
        if self._description is None:
            self.discover_schema()
        reader = self.open_reader()
        try:
            checked = self._live_schema()
            self._description = description = reader.describe(self.table, self._wanted())
            if self._live_schema() != checked:
                raise SourceError(f"{description.place} was altered since the pipeline was checked; check it again")
            shape = self._shape()
            raw = self._raw_schema()
            assert raw is not None  # it was described just now
            nulls = self._policies.null_dates(raw)
            first = 1
            for columns in self._columns(reader, description):
                rows = shape(_without_invalid_dates(columns, nulls), first)
                first += len(rows)
                yield rows
            self._check_unaltered(reader, description)
        except RowValidationError as error:
            error.add_note(f"in `{self.table}`")
            if any(problem.reason in INVALID_DATE_REASONS for problem in error.problems):
                error.add_note("`zero_date: null` reads such dates as null, `zero_date: keep` as they are")
            raise
        finally:
            reader.close()

    def _check_unaltered(self, reader: TableReader, description: TableDescription) -> None:
        """Raise if what was read is no longer what it was when reading began.

        A key of another type sorts otherwise, and pages by it skip rows: no such run ends well in silence.
        """
        again = reader.describe(self.table, self._wanted())
        read = self._raw_schema()
        assert read is not None  # the table was looked at
        changed = (column for column in read if column.name not in again.schema or again.schema[column.name] != column)
        if again.page_key() != description.page_key() or any(changed):
            place = description.place
            raise SourceError(f"{place} was altered while it was read, and rows may be missing; read it again")

    def _columns(self, reader: TableReader, description: TableDescription) -> Iterator[Columns]:
        live = self._raw_schema()
        assert live is not None  # the table was looked at
        is_mysql = isinstance(reader, MySQLReader)
        widened = widened_columns(live) if is_mysql else frozenset()
        guarded = guarded_columns(live) if is_mysql else frozenset()
        where = None if self.where is None else Condition(self.where, self.parameters, self.backslash_escapes)
        key = description.page_key()
        collations = description.collations.get(key or (), {})
        taken = self._policies.read(description.schema)
        query = TableQuery(self.table, live.names, where, widened, guarded, collations, taken)
        if key is None:
            logger.warning(
                "%s: %s has no unique key of ordered, non-null columns: read in one pass, which cannot be resumed",
                self.label,
                description.place,
            )
            yield from reader.stream(query, self.page_rows)
            return
        upper = reader.last_key(query, key)
        after: tuple[Any, ...] | None = None
        while upper is not None:
            columns, last = reader.page(query, key, after, upper, self.page_rows)
            if last is None:
                return
            yield columns
            if len(columns[0]) < self.page_rows:
                return
            after = last

    def _shape(self) -> Callable[[Columns, int], list[Row]]:
        """Return what makes rows of the declared contract of the live columns."""
        live = self._live_schema()
        assert live is not None  # the table was looked at
        contract = self.output_schema_for(None)
        row_class = self.output_row_class()
        if contract is None or contract == live:
            return (
                Validator(live, row_class).rows_of_columns
                if self.validate
                else _unchecked(row_class or live.row_class())
            )
        read = Validator(live)
        project = compile_projection(read.row_class, row_class or contract.row_class())
        return lambda columns, first: project(read.rows_of_columns(columns, first))


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
