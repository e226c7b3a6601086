"""Rows made of rows, column by column, by code compiled once for each kind of row that turns up."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from nanotyped.errors import CellProblem, GraphProblem, RowError, RowValidationError, TypeCastError, shown
from nanotyped.node import NanoNode, Origin
from nanotyped.row import Row, Schema, parse_schema
from nanotyped.row.compiled import copy_document
from nanotyped.row.rows import row_info
from nanotyped.row.schema import BARE_VALUE, check_schema

if TYPE_CHECKING:
    from nanotyped.message import Batch


@dataclass(frozen=True, slots=True)
class Taken:
    """A cell that is the value of a column, changed by ``convert`` where that is given and the value is not null."""

    column: str
    convert: Callable[[Any], Any] | None = None


@dataclass(frozen=True, slots=True)
class Constant:
    """A cell that is the same in every row."""

    value: Any


@dataclass(frozen=True, slots=True)
class Filled:
    """A cell that is the value of a column, or another value where that is null."""

    column: str
    value: Any


@dataclass(frozen=True, slots=True)
class Computed:
    """A cell that is made of the values of some columns, in their order; nulls among them."""

    columns: tuple[str, ...]
    function: Callable[..., Any]


Cell = Taken | Constant | Filled | Computed


class Plan(NamedTuple):
    """What becomes of rows of one schema: the schema of the new rows, and the cell of each column."""

    schema: Schema
    cells: Mapping[str, Cell]

    @classmethod
    def keeping(cls, given: Schema, own: Plan) -> Plan:
        """Return the plan that keeps the columns of ``given`` and adds those of ``own``, which win."""
        kept = Schema(column for column in given if column.name != BARE_VALUE)
        return cls(kept.merge(own.schema), {name: Taken(name) for name in kept.names} | {**own.cells})


class RowMaker:
    """Makes the rows of a plan from rows of a class. Compiled once.

    Args:
        source: The class of the rows that come.
        plan: What becomes of them.
    """

    __slots__ = ("_fields", "_make", "_plan")

    def __init__(self, source: type[Row], plan: Plan) -> None:
        self._plan = plan
        self._fields = row_info(source).fields
        names: dict[str, Any] = {"make": plan.schema.row_class()}
        cells = [self._expression(plan.cells[name], names) for name in plan.schema.names]
        # Only fields of Structs, which are identifiers by construction, become code; values never do.
        code = f"lambda rows: [make({', '.join(cells)}) for row in rows]"
        self._make = eval(compile(code, "<compiled for a schema>", "eval"), names)  # noqa: S307 - see above

    def make(self, rows: Sequence[Row], first: int) -> list[Row]:
        """Return the new rows.

        Args:
            rows: Rows of the class.
            first: Number of the first, for the messages.

        Raises:
            RowValidationError: With every value that cannot be converted.
        """
        try:
            made: list[Row] = self._make(rows)
            return made
        except TypeCastError:
            error = RowValidationError(list(self._problems(rows, first)))
            error.row_text = shown(rows[error.problems[0].row - first])
            raise error from None

    def _expression(self, cell: Cell, names: dict[str, Any]) -> str:
        def bound(value: object) -> str:
            name = f"bound_{len(names)}"
            names[name] = value
            return name

        def constant(value: object) -> str:
            # Each row has a document of its own: whoever gets it may change it.
            return f"{bound(copy_document)}({bound(value)})" if isinstance(value, dict | list) else bound(value)

        match cell:
            case Taken(column, None):
                return f"row.{self._fields[column]}"
            case Taken(column, convert):
                value = f"row.{self._fields[column]}"
                return f"(None if {value} is None else {bound(convert)}({value}))"
            case Constant(value):
                return constant(value)
            case Filled(column, value):
                field = f"row.{self._fields[column]}"
                return f"({constant(value)} if {field} is None else {field})"
            case Computed(columns, function):
                return f"{bound(function)}({', '.join(f'row.{self._fields[name]}' for name in columns)})"

    def _problems(self, rows: Sequence[Row], first: int) -> Iterable[CellProblem]:
        for number, row in enumerate(rows, first):
            for name, cell in self._plan.cells.items():
                if not isinstance(cell, Taken) or cell.convert is None:
                    continue
                value = getattr(row, self._fields[cell.column])
                try:
                    _ = value is None or cell.convert(value)
                except TypeCastError as error:
                    expected = self._plan.schema[name].type.spelling()
                    yield CellProblem(number, name, expected, shown(value), error.reason)


class MakingNode(NanoNode[object, Any]):
    """Base of nodes that make each row of one that came, by a plan that the schema alone decides.

    What such a node gives is exact at build. An ``output_schema`` of a user's own is a promise that this is held to.
    """

    rows_are_independent = True

    def __init__(self, **kwargs: Any) -> None:
        self._makers: dict[type[Row], RowMaker] = {}
        super().__init__(**kwargs)

    @abstractmethod
    def plan(self, given: Schema, problems: list[GraphProblem]) -> Plan:
        """Return what becomes of rows of ``given``; what cannot be done is added to ``problems``.

        A column that cannot be made stands in the plan all the same, of the type it was to have or of none, so that
        the check goes on behind this node without complaining of it again.
        """

    def check_input(self, given: Schema) -> list[GraphProblem]:
        """Return what cannot be done with rows of ``given``."""
        problems: list[GraphProblem] = []
        plan = self.plan(given, problems)
        if not problems and self.output_schema is not None:
            promised = parse_schema(self.output_schema)
            problems += [
                problem.at(edge=(self.label, "output_schema")) for problem in check_schema(plan.schema, promised)
            ]
        return problems

    def output_schema_for(self, given: Schema | None) -> Schema | None:
        """Return the schema of what becomes of rows of ``given``; what cannot be done there is ``check_input``'s."""
        return None if given is None else self.plan(given, []).schema

    def column_origin(self, column: str, given: Schema | None) -> Origin:
        """Return what the plan says of the column."""
        problems: list[GraphProblem] = []
        cell = None if given is None else self.plan(given, problems).cells.get(column)
        if problems and cell == Constant(None):
            return Origin("refused")
        match cell:
            case Taken(name):
                return Origin("passed on" if name == column else "renamed", (name,))
            case Constant(value):
                return Origin("constant", detail=shown(value))
            case Filled(name, value):
                return Origin("filled", (name,), f"nulls become {shown(value)}")
            case Computed(names):
                return Origin("made", names)
        return super().column_origin(column, given)

    def process_batch(self, batch: Batch[Row]) -> Sequence[Row]:
        """Return the new rows."""
        first = self.first_row_number
        if batch.row_class is not None:
            return self._maker(batch.row_class, first).make(batch.rows, first)
        made: list[Row] = []
        for number, row in enumerate(batch.rows, first):
            made += self._maker(type(row), number).make([row], number)
        return made

    def _maker(self, row_class: type[Row], number: int) -> RowMaker:
        found = self._makers.get(row_class)
        if found is None:
            problems: list[GraphProblem] = []
            plan = self.plan(row_info(row_class).schema, problems)
            if problems:
                raise RowError(f"row {number}: {problems[0]}", row=number)
            found = self._makers[row_class] = RowMaker(row_class, plan)
        return found
