"""``LiveTable``: looking at a table, what it gives by that, and how that goes together with what is declared."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Never

from nanotyped.errors import (
    ContractDriftError,
    GraphProblem,
    Mismatch,
)
from nanotyped.node import FarEnd, NanoNode
from nanotyped.node.running import NO_ROW_VALUES
from nanotyped.nodes.schema_contract import SchemaContract, SchemaContractOption
from nanotyped.nodes.sql.contract import Settlement, settle
from nanotyped.nodes.sql.following import Following, LagOption
from nanotyped.nodes.sql.mysql import MySQLReader
from nanotyped.nodes.sql.mysql_columns import guarded_columns, widened_columns
from nanotyped.nodes.sql.policies import (
    BitOption,
    ColumnPolicies,
    Tinyint1Option,
    ZeroDateOption,
    taken_by,
)
from nanotyped.nodes.sql.statements import Condition, TableQuery, check_parameters
from nanotyped.row import Schema, parse_schema
from nanotyped.row.difference import describe_changes
from nanotyped.row.schema import check_schema
from nanotyped.types.compat import check_assignable
from nanotyped.types.sqlite import SQLiteType

if TYPE_CHECKING:
    from nanotyped.nodes.sql.description import TableDescription, TableReader

logger = logging.getLogger("nanotyped.nodes.sql")


class LiveTable(NanoNode[Never, Any]):
    """What table sources know of their table, before and while it is read."""

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

    # -- the contract ------------------------------------------------------------------

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

    # -- what is read ------------------------------------------------------------------

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

    def _live(self) -> Schema:
        live = self._live_schema()
        assert live is not None  # the table was looked at
        return live

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

    # -- what it was -------------------------------------------------------------------

    def _look_again(self, reader: TableReader, checked: TableDescription) -> TableDescription:
        """Return what the table is now, over a new connection; what is read of it is what was checked.

        Raises:
            ContractDriftError: If it is not.
        """
        self._description = description = self._described(reader)
        if self._read_of(description) != self._read_of(checked):
            raise self._drift(checked, description, "since the pipeline was checked", "check it again")
        return description

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
