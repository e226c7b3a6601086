"""``schema_contract`` of nodes that read tables: what becomes of what a live table has beyond its contract."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import TYPE_CHECKING, Any

from nanotyped.errors import GraphProblem, Mismatch, NodeOptionError, TypeCastError
from nanotyped.nodes.casting import make_caster
from nanotyped.nodes.schema_contract import ContractMode, Discarded, SchemaContract
from nanotyped.row import Column, Row, Schema, Validator
from nanotyped.row.rows import astuple
from nanotyped.row.schema import check_schema
from nanotyped.types.compat import Verdict, judge

if TYPE_CHECKING:
    from nanotyped.nodes.casting import Caster
    from nanotyped.nodes.sql.description import Columns

_NEW_COLUMN = (
    "declare it, or say with `schema_contract` what becomes of new columns: evolve, discard_row, discard_value"
)


@dataclass(slots=True)
class Settlement:
    """What a contract and a live table make together.

    Attributes:
        edge: Names of the table and of the node, for messages.
        columns: What the node gives.
        reads: The columns that are read, in order.
        problems: What does not go together.
        casts: Columns whose values are held to the contract's type, with what becomes of those that do not fit.
        no_nulls: Columns in which a null drops the row.
        only_nulls: Columns in which anything else than a null drops the row.
        absent: Columns of the contract that the table lacks, and that are null.
    """

    edge: tuple[str, str]
    columns: list[Column] = field(default_factory=list)
    reads: tuple[str, ...] = ()
    problems: list[GraphProblem] = field(default_factory=list)
    casts: dict[str, ContractMode] = field(default_factory=dict)
    no_nulls: set[str] = field(default_factory=set)
    only_nulls: set[str] = field(default_factory=set)
    absent: set[str] = field(default_factory=set)

    @property
    def gives(self) -> Schema:
        """What the node gives, as a schema."""
        return Schema(self.columns)

    @property
    def discards(self) -> bool:
        """Whether values or rows may have to go."""
        return bool(self.casts or self.no_nulls or self.only_nulls or self.absent)


def settle(
    contract: Schema,
    live: Schema,
    refused: Mapping[str, str],
    modes: SchemaContract,
    edge: tuple[str, str],
    *,
    with_hint: Callable[[Mismatch], Mismatch],
) -> Settlement:
    """Return what a contract and a live table make together.

    Args:
        contract: What is declared.
        live: The columns of the table, as the node takes them.
        refused: The columns of no known type, with why.
        modes: What becomes of what is beyond the contract.
        edge: Names of the table and of the node, for messages.
        with_hint: Says of a column that does not fit what mends it.
    """
    found = Settlement(edge)
    for want in contract:
        if want.name in refused:
            found.problems.append(_of_no_type(want.name, refused[want.name], edge))
        elif want.name not in live:
            _settle_absent(want, live, modes, found)
        else:
            _settle_present(want, live[want.name], modes, found, with_hint)
    reads = [want.name for want in contract if want.name in live]
    for name in (*live.names, *refused):
        if name in contract or modes.columns == "discard_value":
            continue
        if modes.columns == "freeze":
            spelled = refused[name] if name in refused else live[name].spelling()
            found.problems.append(
                Mismatch("nothing beside the contract", spelled, edge=edge, column=name, hint=_NEW_COLUMN)
            )
        elif name in refused:
            found.problems.append(_of_no_type(name, refused[name], edge))
        else:
            reads.append(name)
            if modes.columns == "evolve":
                found.columns.append(live[name])
            else:
                found.only_nulls.add(name)
    if not reads and not found.problems:
        reason = f"node `{edge[1]}`: schema_contract: the table has no column that could be read"
        found.problems.append(NodeOptionError(reason, node=edge[1], hint="declare a column that it has"))
    found.reads = tuple(reads)
    return found


def _of_no_type(name: str, reason: str, edge: tuple[str, str]) -> GraphProblem:
    return NodeOptionError(f"node `{edge[1]}`: column `{name}` cannot be read: {reason}", node=edge[1])


def _settle_absent(want: Column, live: Schema, modes: SchemaContract, found: Settlement) -> None:
    if modes.columns == "evolve":
        return
    found.columns.append(want)
    if modes.columns == "discard_value" and want.nullable:
        found.absent.add(want.name)
        return
    for problem in check_schema(live, Schema([want]), found.edge):
        hints = [problem.hint, _nulls_hint(want) if modes.columns == "discard_value" else ""]
        found.problems.append(problem.at(hint="; ".join(filter(None, hints))))


def _settle_present(
    want: Column,
    have: Column,
    modes: SchemaContract,
    found: Settlement,
    with_hint: Callable[[Mismatch], Mismatch],
) -> None:
    kind, nullable = want.type, want.nullable
    verdict = judge(have.type, want.type).verdict
    fits = verdict.passes
    if not fits and modes.data_type == "evolve":
        kind, fits = have.type, True
    elif verdict is Verdict.LOSSY and modes.data_type == "discard_row":
        found.casts[want.name], fits = "discard_row", True
    elif verdict is Verdict.LOSSY and modes.data_type == "discard_value" and want.nullable:
        found.casts[want.name], fits = "discard_value", True
    may_be_null = have.nullable
    if have.nullable and not want.nullable and modes.nullable == "evolve":
        nullable = True
        may_be_null = False
    elif have.nullable and not want.nullable and modes.nullable == "discard_row":
        found.no_nulls.add(want.name)
        may_be_null = False
    # What is settled by now is put in as the contract has it: what is left does not fit.
    left = Column(want.name, want.type if fits else have.type, nullable=may_be_null)
    for problem in check_schema(Schema([left]), Schema([want]), found.edge):
        lacks_null = not fits and verdict is Verdict.LOSSY and modes.data_type == "discard_value"
        found.problems.append(problem.at(hint=_nulls_hint(want)) if lacks_null else with_hint(problem))
    found.columns.append(Column(want.name, kind, nullable=nullable, key=want.key))


def _nulls_hint(want: Column) -> str:
    return f"declare it `{want.type.spelling()} null`: a value that is discarded is a null"


class Sieve:
    """Lets through what fits a contract of the rows of a table, and counts what it discards. Used by one thread.

    Args:
        settlement: What the contract and the table make together.
        live: The columns that are read, as the node takes them, in the order in which they are read.

    Attributes:
        schema: Of the rows that it gives: those of the settlement, but for types that only need widening.
        discarded: How many rows it dropped, and how many values it made null.
    """

    def __init__(self, settlement: Settlement, contract: Schema, live: Schema) -> None:
        self._settlement = settlement
        self._live = live
        self._casts: dict[str, Caster | None] = {
            name: make_caster(live[name].type, contract[name].type, "fail") for name in settlement.casts
        }
        self.schema = Schema(self._column(column, contract) for column in settlement.gives)
        self._make = Validator(self.schema).rows_of_columns
        self.discarded = Discarded()

    def _column(self, gives: Column, contract: Schema) -> Column:
        name = gives.name
        if name in self._settlement.absent:
            return gives
        have = self._live[name]
        kind = contract[name].type if name in self._casts else have.type
        may_be_null = have.nullable or self._settlement.casts.get(name) == "discard_value"
        return Column(name, kind, nullable=may_be_null and name not in self._settlement.no_nulls, key=gives.key)

    def rows(self, read: Sequence[Row], first: int) -> list[Row]:
        """Return the rows that fit, of ``schema``.

        Args:
            read: The rows as they were read.
            first: Number of the first of them, from 1.
        """
        if not read:
            return []
        by_name: dict[str, Sequence[Any]] = dict(
            zip(self._live.names, zip(*map(astuple, read), strict=True), strict=True)
        )
        keep = [True] * len(read)
        for name in self._settlement.no_nulls:
            keep = [kept and value is not None for kept, value in zip(keep, by_name[name], strict=True)]
        for name in self._settlement.only_nulls:
            keep = [kept and value is None for kept, value in zip(keep, by_name[name], strict=True)]
        for name, mode in self._settlement.casts.items():
            by_name[name] = self._cast(name, mode, by_name[name], keep)
        absent = [None] * len(read)
        columns: Columns = [list(compress(by_name.get(name, absent), keep)) for name in self.schema.names]
        self.discarded.rows += keep.count(False)
        return self._make(columns, first)

    def _cast(self, name: str, mode: ContractMode, values: Sequence[Any], keep: list[bool]) -> list[Any]:
        cast = self._casts[name]
        done: list[Any] = []
        for place, value in enumerate(values):
            try:
                done.append(value if value is None or cast is None else cast(value))
            except TypeCastError:
                done.append(None)
                if mode == "discard_row":
                    keep[place] = False
                elif keep[place]:
                    self.discarded.count_value(name)
        return done
