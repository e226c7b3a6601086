"""From what a node's code gives to the rows that are sent, and from the rows that come to what its code sees.

Both are compiled for the row classes that turn up, and then work a batch at a time.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import GeneratorType
from typing import TYPE_CHECKING, Any

from nanotyped.errors import (
    IncompatibleTypesException,
    RowError,
    RowValidationError,
    TypeCastError,
    errors_by_row,
    shown,
)
from nanotyped.message import Aside, Batch
from nanotyped.row import Row, Schema, Validator
from nanotyped.row.compiled import Merger, compile_merger, compile_projection
from nanotyped.row.rows import infer_value, row_info, row_of_values
from nanotyped.row.schema import BARE_VALUE, check_schema
from nanotyped.types.base import plain
from nanotyped.types.intermediate import OBJECT

if TYPE_CHECKING:
    from nanotyped.graph import Edge
    from nanotyped.node import NanoNode

View = Callable[[Sequence[Row], int], Sequence[Any]]


class InputView:
    """What a node's code sees of the rows that come to it; compiled once for each class of rows.

    Args:
        node: The node.
        by_batch: Whether it takes whole batches: then it sees the rows as they come, checked against its need.
    """

    def __init__(self, node: NanoNode[Any, Any], *, by_batch: bool = False) -> None:
        self._label = node.label
        self._needed = node.needed_input()
        self._row_class = None if by_batch else node.input_row_class()
        self._unwraps = self._needed is None and not by_batch
        self._views: dict[type[Row], View | None] = {}

    def of(self, batch: Batch[Row], first: int) -> tuple[Sequence[Any], RowError | None]:
        """Return what the node's code sees of each row, in order, up to a row that is not what the node needs.

        Args:
            batch: The rows.
            first: Number of the first row, for messages.

        Returns:
            What is seen, and the error of the row behind it; ``None`` where all rows are right.
        """
        rows = batch.rows
        if batch.row_class is None:
            return self._one_by_one(rows, first)
        try:
            view = self._view(batch.row_class)
            return rows if view is None else view(rows, first), None
        except RowValidationError as error:
            good = error.problems[0].row - first
            error.row_text = shown(rows[good])
            return self._one_by_one(rows[:good], first)[0], error
        except RowError as error:
            error.row, error.row_text = first, shown(rows[0])
            return (), error

    def _one_by_one(self, rows: Sequence[Row], first: int) -> tuple[Sequence[Any], RowError | None]:
        seen: list[Any] = []
        for number, row in enumerate(rows, first):
            one, error = self.of(Batch([row], type(row)), number)
            if error is not None:
                return seen, error
            seen.append(one[0])
        return seen, None

    def sort_out(self, rows: Sequence[Row], first: int) -> tuple[Mapping[int, Any], Mapping[int, RowError]]:
        """Return what is seen of each right row of one class, and the errors of the others, by index."""
        right = list(range(len(rows)))
        wrong: dict[int, RowError] = {}
        while right:
            # Numbers are the rows' own only where all are there: then the first look finds every wrong cell.
            numbers = {first + place: index for place, index in enumerate(right)}
            try:
                view = self._view(type(rows[0]))
                candidates = [rows[index] for index in right] if len(right) < len(rows) else rows
                seen = candidates if view is None else view(candidates, first)
                return dict(zip(right, seen, strict=True)), dict(sorted(wrong.items()))
            except RowError as error:
                found = errors_by_row(error)
                broken = {numbers[number]: own for number, own in found.items()} or dict.fromkeys(right, error)
            for index, own in broken.items():
                own.row_text = shown(rows[index])
                wrong[index] = own
            right = [index for index in right if index not in wrong]
        return {}, dict(sorted(wrong.items()))

    def _view(self, row_class: type[Row]) -> View | None:
        if row_class not in self._views:
            self._views[row_class] = self._compile(row_class)
        return self._views[row_class]

    def _compile(self, row_class: type[Row]) -> View | None:
        info = row_info(row_class)
        if self._needed is None:
            if not self._unwraps or not is_bare(row_class):
                return None
            field = info.fields[BARE_VALUE]
            return lambda rows, _: [getattr(row, field) for row in rows]
        if row_class is self._row_class:
            return None
        if is_bare(row_class) and BARE_VALUE not in self._needed:
            names = ", ".join(f"`{name}`" for name in self._needed.names)
            raise RowError(f"`{self._label}` needs the columns {names}; what came is a bare value")
        seen = self._row_class or self._needed.row_class()
        project = compile_projection(row_class, seen)
        if not check_schema(info.schema, self._needed):
            return (lambda rows, _: project(rows)) if self._row_class is not None else None
        validator = Validator(self._needed, seen)
        if self._row_class is not None:
            return lambda rows, first: validator.check_rows(project(rows), first)

        def check_only(rows: Sequence[Row], first: int) -> Sequence[Row]:
            validator.check_rows(project(rows), first)
            return rows

        return check_only


class OutputShape:
    """What becomes of the results of a node's code: typed, checked, and merged with the row that they came from.

    Whatever is no row passes through as it is (``Aside``), and ``on_aside`` is called for it.

    A row that has gone through here holds to its class: to the declared output, or, from a node that declares none, to
    the Row class that its author made it of. So a node that gives a row it received need not be checked again.
    """

    def __init__(self, node: NanoNode[Any, Any]) -> None:
        self._label = node.label
        self._passes_rows_on = node.passes_rows_on
        self._own = None if node.passes_rows_on else node.own_output()
        self._validates = node.validate
        self._own_class = None
        if self._own is not None:
            self._own_class = node.output_row_class() or self._own.row_class()
        self.row_class = self._own_class
        self.on_aside: Callable[[], None] = _no_aside
        self.retains = node.retain_input and not node.is_source and not node.passes_rows_on
        self._validators: dict[type[Row], Validator | None] = {}
        self._mergers: dict[tuple[type[Row | None], type[Row]], Merger] = {}
        self._projections: dict[type[Row], Callable[[Sequence[Row]], list[Row]]] = {}

    def may_pass(self, row_class: type[Row] | None) -> bool:
        """Return whether a received row of this class, given again, is right as it is."""
        return self._own is None or row_class is self.row_class

    def to_row(self, result: object) -> Row:
        """Return a result as a row: a mapping by its columns, a bare value under its own name; an aside as it is.

        Raises:
            RowError: If it is no row of the declared output.
        """
        if isinstance(result, Row):
            return result
        if not isinstance(result, Mapping):
            return self._bare_row(result)
        if self._own is None:
            return row_of_anything(result)
        return self._declared_row(result, self._own)

    def _bare_row(self, result: object) -> Row:
        if self._own is not None and self._own.names == (BARE_VALUE,) and not isinstance(result, Aside):
            assert self._own_class is not None  # there is one where there is a schema
            bare: Row = self._own_class(plain(result))
            return bare
        if self._own is not None and not isinstance(result, Aside):
            raise RowError(f"`{self._label}` gave {shown(result)}, which is neither a row nor a mapping of columns")
        try:
            typed = infer_value(result, BARE_VALUE)
        except (IncompatibleTypesException, TypeCastError):  # no type describes a marker: others need not be asked
            if isinstance(result, Aside):
                beside: Row = self.aside(result)
                return beside
            typed = OBJECT(result, name=BARE_VALUE)
        return row_of_values([typed], None)

    def aside(self, aside: Aside) -> Any:
        """Return what is no row as it is, once ``on_aside`` has been told."""
        self.on_aside()
        return aside

    def as_given(self, result: object) -> Row:
        """Return a result that is no row of the declared output as a row of what it is."""
        return row_of_anything(result if isinstance(result, Mapping) else {BARE_VALUE: result})

    def made(self, came: Row, message: object, result: object) -> Row | tuple[Row, Row]:
        """Return what is gathered for a result: the row that came, or a row that was made of it, beside it.

        Raises:
            RowError: If a node that passes rows on gave another than the one that came.
        """
        if not self._passes_rows_on:
            return came, self.to_row(result)  # as it is, where it is a row
        if result is message:  # the node saw no more than it needs, or a bare value
            return came
        if isinstance(result, Aside):
            return came, self.aside(result)
        raise RowError(
            f"`{self._label}` passes rows on, but gave {shown(result)}, which is not the row that came; "
            "a node that changes rows is a NanoNode, not a PassThrough"
        )

    def _declared_row(self, result: Mapping[str, object], own: Schema) -> Row:
        known = [name for name in result if name not in own]
        problems = [f"no column `{name}` is declared, {own.missing_column(str(name))}" for name in known]
        problems += [f"column `{column.name}` is missing" for column in own if column.name not in result]
        if problems:
            raise RowError(f"`{self._label}` gave {shown(dict(result))}: {'; '.join(problems)}")
        assert self._own_class is not None  # there is one where there is a schema
        values: list[Any] = [plain(result[name]) for name in own.names]  # a Row is a mapping of typed values
        return self._own_class(*values)

    def finish(self, gathered: list[Any], first: int) -> Batch[Row]:
        """Return the rows to send of what a node with inputs gave.

        Args:
            gathered: Rows that it received and gave again, as they are; and pairs of the row that came (``None`` for
                what ``cleanup`` gave) and the row that was made of it.
            first: Number of the first row, for messages.

        Raises:
            RowError: If a row breaks the contract.
        """
        kinds = set(map(type, gathered))
        if tuple not in kinds:
            return Batch(gathered, kinds.pop() if len(kinds) == 1 else None)
        if len(kinds) > 1:
            return Batch.of([self.finish([item], number).rows[0] for number, item in enumerate(gathered, first)])
        rows = [row for _, row in gathered]
        if self.retains and self._own is not None and set(map(type, rows)) != {self._own_class}:
            # Of a row that came and is given again, the columns that are not declared are retained below.
            rows = [self._project(row) if row is came else row for came, row in gathered]
        own = self.check(rows, first)
        if not self.retains:
            return own
        pairs = [(came, row) for (came, _), row in zip(gathered, own.rows, strict=True)]
        classes = {(type(came), type(row)) for came, row in pairs}
        if len(classes) == 1:
            return Batch.of(self._merger(*classes.pop())(pairs))
        return Batch.of([self._merger(type(came), type(row))([(came, row)])[0] for came, row in pairs])

    def check(self, rows: list[Row], first: int) -> Batch[Row]:
        """Return the rows of a node's own making, held to their contract: the declared output, or their own class.

        Raises:
            RowError: If a row breaks it; ``first`` is the number of the first row, for the message.
        """
        classes = set(map(type, rows))
        if self._own is not None and classes != {self._own_class}:
            rows = [self._declared(row, self._own) for row in rows]
            classes = {type(row) for row in rows}
        if len(classes) > 1:
            return Batch.of([self.check([row], number).rows[0] for number, row in enumerate(rows, first)])
        row_class = classes.pop()
        validator = self._validator(row_class) if self._validates else None
        if validator is None:
            return Batch(rows, row_class)
        try:
            return Batch(validator.check_rows(rows, first), row_class)
        except RowValidationError as error:
            error.row_text = shown(rows[error.problems[0].row - first])
            raise

    def _validator(self, row_class: type[Row]) -> Validator | None:
        if row_class not in self._validators:
            info = row_info(row_class)
            # A row made of a mapping or a bare value got its types from its values.
            wanted = self._own is not None or info.declared
            self._validators[row_class] = Validator(info.schema, row_class) if wanted else None
        return self._validators[row_class]

    def _declared(self, row: Row, own: Schema) -> Row:
        if type(row) is self._own_class:
            return row
        if added := [f"`{name}`" for name in row if name not in own]:
            raise RowError(f"`{self._label}` gave {shown(row)}: no column {', '.join(added)} is declared")
        return self._project(row)

    def _project(self, row: Row) -> Row:
        assert self._own_class is not None  # there is one where there is a schema
        project = self._projections.get(type(row))
        if project is None:
            project = self._projections[type(row)] = compile_projection(type(row), self._own_class)
        return project([row])[0]

    def _merger(self, came: type[Row | None], own: type[Row]) -> Merger:
        found = self._mergers.get((came, own))
        if found is None:
            found = self._mergers[came, own] = self._compile_merger(came, own)
        return found

    def _compile_merger(self, came: type[Row | None], own: type[Row]) -> Merger:
        if not issubclass(came, Row) or is_bare(came):  # what cleanup gave was made of no row
            return lambda pairs: [row for _, row in pairs]
        if is_bare(own):
            raise RowError(
                f"`{self._label}` gave a bare value for a row of named columns; give output_key or retain_input: false"
            )
        return compile_merger(came, own)


def _no_aside() -> None:
    """Take note of nothing: who shapes results elsewhere looks for itself."""


def takes_row(node: NanoNode[Any, Any]) -> bool:
    """Return whether ``process_item`` of a node takes the row as its argument."""
    parameters = inspect.signature(node.process_item).parameters.values()
    return any(parameter.kind is not parameter.VAR_KEYWORD for parameter in parameters)


def results_of(node: NanoNode[Any, Any], returned: Any) -> Iterator[Any]:
    """Return the results of a ``process_item`` that returned something.

    Raises:
        RowError: If that is no iterator of results.
    """
    if isinstance(returned, GeneratorType):
        return returned
    if isinstance(returned, Row | Mapping | str | bytes) or not hasattr(returned, "__iter__"):
        raise RowError(
            f"`{node.label}`: process_item returned {shown(returned)}; yield results, or return an iterator of them"
        )
    return iter(returned)


def is_bare(row_class: type[Row]) -> bool:
    """Return whether rows of this class stand for one bare value."""
    return tuple(row_info(row_class).fields) == (BARE_VALUE,)


def fitted_row(row: Row, edge: Edge) -> Row:
    """Return a row as rows of an edge are: where their schema is known, a row that holds to it.

    Raises:
        RowError: If it does not.
    """
    error: RowError | None = None
    for flow in edge.flows if edge.is_checked else ():
        if flow is None or set(row) != set(flow.names):
            continue
        target = flow.row_class()
        try:
            return Validator(flow, target).check_rows(compile_projection(type(row), target)([row]), 1)[0]
        except RowError as found:
            error = found
    if edge.is_checked:
        reason = f"; {error}" if error is not None else ""
        raise RowError(f"{shown(row)} is no row of the edge `{edge.label}`{reason}") from error
    return row


def row_of_anything(values: Mapping[Any, object]) -> Row:
    """Return a row of a mapping, typed by its values; what no type describes travels as an opaque object."""
    typed = []
    for name, value in values.items():
        if not isinstance(name, str):
            raise RowError(f"a column name is text, not {name!r}")
        try:
            typed.append(infer_value(value, name))
        except (IncompatibleTypesException, TypeCastError):
            typed.append(OBJECT(value, name=name))
    return row_of_values(typed, None)
