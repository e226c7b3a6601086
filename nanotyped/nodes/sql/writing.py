"""``WriteMySQLTable``: rows into a table of MySQL or MariaDB, a transaction a batch, held to the table's own types."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, ClassVar, Never, get_args

from pydantic import SecretStr  # noqa: TC002 - files are read by the annotations of options

from nanotyped.channel import ChannelCancelled
from nanotyped.errors import (
    DeliveryError,
    GraphProblem,
    GraphStructureError,
    PipelineStateError,
    RowError,
    RowValidationError,
    shown,
)
from nanotyped.node import FarEnd, NanoNode
from nanotyped.node.parts import kept_in_order
from nanotyped.nodes.sql.insertion import Insertion, TableWriter, WritingStopped, statement_ends
from nanotyped.nodes.sql.literals import RowLiterals
from nanotyped.nodes.sql.policies import ColumnPolicies, WrittenBitOption, WrittenZeroDateOption
from nanotyped.nodes.sql.server import Tls  # noqa: TC001 - as above
from nanotyped.nodes.sql.target import WriteMode, check_key, check_key_given, check_names, check_types, look_at
from nanotyped.nodes.sql.target_drift import target_drift
from nanotyped.nodes.sql.urls import CONNECT_TIMEOUT_S, READ_TIMEOUT_S, server_of_options
from nanotyped.registry import register_node
from nanotyped.row import Validator
from nanotyped.row.compiled import Projection, compile_projection
from nanotyped.row.rows import row_info

if TYPE_CHECKING:
    from nanotyped.errors import ContractDriftError
    from nanotyped.message import Batch
    from nanotyped.nodes.sql.target import TargetTable
    from nanotyped.row import Row, Schema


@register_node
class WriteMySQLTable(NanoNode[object, Never]):
    """Writes rows into a table of MySQL or MariaDB, each batch in one transaction. A sink.

    Every column of the rows is written to the column of its name; columns of the table that are not among them get
    their default. Rows are held to the table's own types before they are sent, since a server, even a strict one,
    rounds moments and decimals in silence, and to what this very server holds of them: how far its timestamps go, and
    which UUIDs it takes. What it does change is the sign of a zero, which it drops. A batch is kept whole or not at
    all. Where the connection is lost, or another transaction is in the way (deadlock, lock wait timeout), the batch is
    sent again over a new connection, with growing pauses. If the connection is lost during the COMMIT itself, nobody
    knows whether the batch was kept: then ``replace`` and ``upsert`` send it again, which leaves the same rows, and
    ``insert`` ends the run with an error that says so, for rows without a key of their own would be there twice.
    Triggers run as for any statement. MySQL (not MariaDB) keeps fractions and very long integers within JSON documents
    as doubles.

    Needs: rows that fit the table, which is looked at before the run. Gives: nothing.

    Args:
        table: Name of the table; its engine must have transactions.
        mode: ``insert`` adds rows, and a key that is there already is an error; ``replace`` deletes the rows that are
            equal in any unique key before it adds one; ``upsert`` replaces the given columns of the row with the same
            ``key``, or adds one; a row equal in another unique key alone is an error.
        key: Columns of a unique key of the table, which tell a row for ``upsert``.
        host: Host of the server.
        port: Its port.
        user: Who to log in as.
        password: The password.
        database: Name of the database.
        url: All of these at once, as ``mysql://user:password@host:port/database``.
        max_attempts: How often a batch is sent at the most.
        zero_date: With ``keep``, columns of dates take dates that are on no calendar, such as ``0000-00-00``; for all
            columns, or by column.
        bit: With ``bytes``, columns of bits take bytes, the most significant first, and nothing else; for all columns,
            or by column.
        tls: ``auto`` encrypts and verifies unless the server is on this machine; ``verify`` always does; ``off`` never.
        tls_ca: File of the certificate authority to trust beside the system's.
        connect_timeout_s: Longest wait for a connection, in seconds.
        read_timeout_s: Longest wait for an answer, in seconds.

    Raises:
        TypeError: If ``key`` is a text.
        ValueError: If another option is wrong.
    """

    stateless = True
    one_worker_because: ClassVar[str] = "a connection is in one transaction at a time"

    def __init__(
        self,
        *,
        table: str,
        mode: WriteMode = "insert",
        key: list[str] | None = None,
        host: str = "localhost",
        port: int = 3306,
        user: str = "",
        password: SecretStr | str = "",
        database: str = "",
        url: SecretStr | str | None = None,
        max_attempts: int = 5,
        zero_date: WrittenZeroDateOption = "error",
        bit: WrittenBitOption = "int",
        tls: Tls = "auto",
        tls_ca: str | None = None,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        read_timeout_s: float = READ_TIMEOUT_S,
        **options: Any,
    ) -> None:
        super().__init__(**options)
        if not table:
            raise ValueError("table must be named")
        if mode not in get_args(WriteMode):
            raise ValueError(f"mode must be one of {', '.join(get_args(WriteMode))}, not {mode!r}")
        if isinstance(key, str):
            raise TypeError(f"key is a list of columns, not the text {key!r}: write [{key!r}]")
        if mode == "upsert" and not key:
            raise ValueError("key is missing: `mode: upsert` tells a row by the columns of a unique key of the table")
        if mode != "upsert" and key:
            raise ValueError(f"key goes with `mode: upsert` alone, and this is `mode: {mode}`; leave it out")
        if twice := [f"`{name}`" for name in dict.fromkeys(key or ()) if list(key or ()).count(name) > 1]:
            raise ValueError(f"key names {', '.join(twice)} twice")
        if max_attempts < 1:
            raise ValueError(f"max_attempts must be at least 1, not {max_attempts}")
        self._policies = ColumnPolicies.of_written(zero_date=zero_date, bit=bit)
        self.table = table
        self.mode: WriteMode = mode
        self.key = tuple(key or ())
        self.max_attempts = max_attempts
        self._server = server_of_options(
            url,
            host=host,
            port=port,
            user=user,
            password=password,
            database=database,
            tls=tls,
            tls_ca=tls_ca,
            connect_timeout_s=connect_timeout_s,
            read_timeout_s=read_timeout_s,
        )
        self._target: TargetTable | None = None
        self._writer: TableWriter | None = None
        self._shapes: dict[type[Row], _Shape] = {}
        self._flows: tuple[Schema, ...] = ()
        self._rows_in_hand = 0

    # -- before the run ---------------------------------------------------------------

    def discover_schema(self) -> None:
        """Look at the live table and keep what it takes.

        Raises:
            SourceError: If it cannot be reached, is not there, or has no transactions.
        """
        self._target = look_at(self._server, self.table, self._policies)

    def check_contract(self) -> list[GraphProblem]:
        """Return what is wrong with ``key`` and with options by column for the live table, once it was looked at."""
        if self._target is None:
            return []
        return [
            *check_key(self._target, self.key, self.label),
            *self._policies.problems(self._target.live, self.label),
        ]

    def check_input(self, given: Schema) -> list[GraphProblem]:
        """Return how rows of ``given`` differ from what the live table takes, and links out of this sink."""
        problems: list[GraphProblem] = []
        if not self.is_sink:
            reason = f"node `{self.label}` gives nothing, and nothing can be linked behind it"
            problems.append(GraphStructureError(reason, node=self.label, hint="link both to the node before it"))
        if self._target is None:
            return problems
        problems += check_names(self._target, given, self.label)
        problems += check_types(self._target, given, self.label)
        return problems + check_key_given(self._target, given, self.mode, self.key, self.label)

    def check_flows(self, given: Sequence[tuple[str, Schema]]) -> list[GraphProblem]:
        """Keep what arrives: what an altered table does to it is told. There is nothing wrong with several inputs."""
        self._flows = tuple(schema for _, schema in given)
        return []

    def spread_problem(self) -> str:
        """Return that of rows of one key the last one is to stay, where they may be in the table already."""
        kept = kept_in_order(f"with `mode: {self.mode}` the last row of a key", self.key, "stays")
        return super().spread_problem() or ("" if self.mode == "insert" else kept)

    def _drift(self, now: TargetTable) -> ContractDriftError:
        assert self._target is not None  # setup() looked at it
        return target_drift(self._target, now, self._flows, self.label, mode=self.mode, key=self.key)

    def far_end(self, column: str) -> FarEnd:
        """Return the column of the live table that is filled, once it was looked at."""
        if self._target is None:
            return FarEnd(f"table `{self.table}`", "column")
        live = self._target.description.schema
        known = live[column] if column in live else None  # noqa: SIM401 - a schema has no `get`
        return FarEnd(self._target.place, "column", known)

    # -- the run -----------------------------------------------------------------------

    def setup(self) -> None:
        """Connect.

        Raises:
            SourceError: If there is no connection to be had, or the table is no longer what it was.
        """
        if self._target is None:
            self.discover_schema()
        assert self._target is not None  # it was looked at
        self._shapes = {}
        self._writer = TableWriter(
            self._server,
            self._target,
            self.table,
            policies=self._policies,
            mode=self.mode,
            max_attempts=self.max_attempts,
            pause=self._pause_and_go_on,
            drift=self._drift,
        )
        self._writer.open()

    def cleanup(self) -> None:
        """Let go of the connection."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def process_batch(self, batch: Batch[Row]) -> Sequence[Row]:
        """Write the rows in one transaction.

        Raises:
            RowError: If a row does not fit the table, or, where there is a policy for such, the server refuses it.
            DeliveryError: If the server does not take them.
        """
        writer = self._writer
        if writer is None:
            raise PipelineStateError("nothing can be written before setup() and after cleanup()")
        first = number = self.first_row_number
        self._rows_in_hand = len(batch)
        insertions: list[Insertion] = []
        for row_class, group in groupby(batch.rows, type):
            rows = list(group)
            insertions.append(self._insertion(row_class, rows, number))
            number += len(rows)
        try:
            writer.write(insertions, (first, number - 1))
        except (RowError, DeliveryError) as error:
            _show_row(error, batch.rows, first)
            if isinstance(error, DeliveryError) and error.row is not None and self.error_policy.rejects:
                # None of the batch was kept; without this row it is given again.
                raise RowError(str(error), row=error.row) from error
            raise
        except WritingStopped:
            # The rows were not taken: to leave in silence is how a node that was stopped does not vouch for them.
            raise ChannelCancelled from None
        return ()

    def _insertion(self, row_class: type[Row], rows: list[Row], first: int) -> Insertion:
        try:
            shape = self._shapes.get(row_class)
            if shape is None:
                shape = self._shapes[row_class] = self._shape(row_class, first)
            return Insertion(shape.head, shape.tail, shape.encode(rows, first), first)
        except RowError as error:
            if isinstance(error, RowValidationError):
                error.add_note(f"for `{self.table}`")
            _show_row(error, rows, first)
            raise

    def _shape(self, row_class: type[Row], first: int) -> _Shape:
        target = self._target
        assert target is not None  # setup() looked at it
        given = row_info(row_class).schema
        # Where a type was not known before the run, each value is held to the table's.
        missing = [name for name in target.names if name in target.required and name not in given]
        problems = [str(problem) for problem in check_names(target, given, self.label)]
        problems += [f"{target.place} needs the column `{name}`" for name in missing]
        problems += [str(problem) for problem in check_key_given(target, given, self.mode, self.key, self.label)]
        if problems:
            raise RowError(f"row {first}: {'; '.join(problems)}", row=first)
        written = target.written(given)
        validator = Validator(written)
        project = compile_projection(row_class, validator.row_class)
        head, tail = statement_ends(self.table, written.names, self.mode, self.key)
        return _Shape(head, tail, project, validator, RowLiterals(written, target.limits).encode)

    def _pause_and_go_on(self, seconds: float) -> bool:
        self.sleep(seconds)
        if self.stop_requested:
            return False
        self.statistics.retried += self._rows_in_hand
        return True


@dataclass(frozen=True, slots=True)
class _Shape:
    """How rows of one class become rows of the table, and their SQL."""

    head: bytes
    tail: bytes
    project: Projection
    validator: Validator
    literals: Callable[[Sequence[Row], int], list[bytes]]

    def encode(self, rows: Sequence[Row], first: int) -> list[bytes]:
        return self.literals(self.validator.check_rows(self.project(rows), first), first)


def _show_row(error: RowError | DeliveryError, rows: Sequence[Row], first: int) -> None:
    """Let an error show the row that it is about."""
    if error.row_text is None and error.row is not None and 0 <= error.row - first < len(rows):
        error.row_text = shown(rows[error.row - first])
