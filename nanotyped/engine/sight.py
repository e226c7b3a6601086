"""What a node's code sees of rows, where ``key``, ``input_mapping`` or ``input_message_keypath`` say so.

The plain view of ``shaping`` comes behind it: what is seen is held to the node's need.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from nanotyped.engine.guarded import GuardedWork
from nanotyped.engine.sending import SendingShape
from nanotyped.engine.shaping import InputView, is_bare, row_of_anything
from nanotyped.errors import RowError, shown
from nanotyped.message import Aside, Batch
from nanotyped.node.sending import as_document
from nanotyped.node.sight import Sight, rename_problems, renamed
from nanotyped.row import Row
from nanotyped.row.keypaths import MISSING, Keypath
from nanotyped.row.rows import astuple, row_info
from nanotyped.row.schema import BARE_VALUE

if TYPE_CHECKING:
    from nanotyped.node import NanoNode


class Seen(NamedTuple):
    """What a node with a ``key`` sees of a row.

    Attributes:
        message: The state before the key: a row, or a value.
        value: What the key shows of it.
    """

    message: Any
    value: Any


class Looking(InputView):
    """The view of a node that sees something else than what comes.

    With a ``key`` each item is a ``Seen``, but for a node that takes whole batches, which always sees rows.
    """

    def __init__(self, node: NanoNode[Any, Any], *, by_batch: bool = False) -> None:
        super().__init__(node, by_batch=by_batch)
        self._sight = node.sight
        self._by_batch = by_batch
        self._pairs = node.sight.key is not None and not by_batch
        self._seen_classes: dict[tuple[bool, type[Row]], type[Row] | None] = {}
        self._readers: dict[tuple[str, type[Row]], Callable[[Row], Any]] = {}
        self._renamed_classes: dict[type[Row], type[Row]] = {}

    def of(self, batch: Batch[Row], first: int) -> tuple[Sequence[Any], RowError | None]:
        """Return what is seen of each row, and the error of the row behind it, as the plain view does."""
        if batch.row_class is None or not batch.rows:
            return self._one_by_one(batch.rows, first)
        try:
            return self.look(batch.row_class, batch.rows, first), None
        except RowError as error:
            if len(batch) > 1:  # one of them is wrong, or all are
                return self._one_by_one(batch.rows, first)
            error.row, error.row_text = first, shown(batch.rows[0])
            return (), error

    def sort_out(self, rows: Sequence[Row], first: int) -> tuple[Mapping[int, Any], Mapping[int, RowError]]:
        """Return what is seen of each right row, and the errors of the others, by index."""
        right: dict[int, Any] = {}
        wrong: dict[int, RowError] = {}
        for index, row in enumerate(rows):
            seen, error = self.of(Batch([row], type(row)), first + index)
            if error is None:
                right[index] = seen[0]
            else:
                wrong[index] = error
        return right, wrong

    def look(self, row_class: type[Row], rows: Sequence[Row], first: int) -> list[Any]:
        """Return what is seen of rows of one class.

        Raises:
            RowError: If there is nothing to see, of one of them or of all.
        """
        states = self._states(row_class, rows, first)
        key = self._sight.key
        seen = states if key is None else [self._read("key", key, state, n) for n, state in enumerate(states, first)]
        if self._needed is not None or self._by_batch:
            typed = self._seen_class(self._sight, row_class)
            seen = [self._as_needed(value, typed, number) for number, value in enumerate(seen, first)]
        return list(map(Seen, states, seen)) if self._pairs else list(seen)

    def _states(self, row_class: type[Row], rows: Sequence[Row], first: int) -> Sequence[Any]:
        """Return the messages as they are before the key: rows, or values."""
        sight = self._sight
        states: Sequence[Any] = rows
        if sight.keypath is not None:
            found = [
                self._read("input_message_keypath", sight.keypath, row, number)
                for number, row in enumerate(rows, first)
            ]
            states = [row_of_anything(value) if isinstance(value, Mapping) else value for value in found]
        elif is_bare(row_class):
            field = row_info(row_class).fields[BARE_VALUE]
            states = [getattr(row, field) for row in rows]
        if sight.wrap is not None:
            typed = self._seen_class(replace(sight, key=None), row_class)
            found = [as_document(state) for state in states]
            return [row_of_anything({sight.wrap: one}) if typed is None else typed(one) for one in found]
        if sight.renames is not None:
            return [self._rename(state, sight.renames, number) for number, state in enumerate(states, first)]
        return states

    def _read(self, option: str, path: Keypath, state: Any, number: int) -> Any:
        if not isinstance(state, Row):
            reason = f"there is no column `{path.column}` in the bare value {shown(state)}"
            raise RowError(f"row {number}, {option}: {reason}", row=number, column=path.column)
        reader = self._readers.get((option, type(state)))
        if reader is None:
            reader = path.reader(type(state))
            if reader is None:
                hint = row_info(type(state)).schema.missing_column(path.column)
                reason = f"there is no column `{path.column}`; {hint}"
                raise RowError(f"row {number}, {option}: {reason}", row=number, column=path.column)
            self._readers[option, type(state)] = reader
        value = reader(state)
        if value is MISSING:
            raise RowError(f"row {number}, {option}: there is nothing at `{path}`", row=number, column=path.column)
        return value

    def _rename(self, state: Any, renames: Mapping[str, str], number: int) -> Row:
        if not isinstance(state, Row):
            reason = f"the bare value {shown(state)} has no columns"
            raise RowError(f"row {number}, input_mapping: {reason}", row=number)
        made = self._renamed_classes.get(type(state))
        if made is None:
            schema = row_info(type(state)).schema
            if problems := rename_problems(renames, schema):
                reasons = "; ".join("; ".join(filter(None, problem)) for problem in problems)
                raise RowError(f"row {number}, input_mapping: {reasons}", row=number)
            made = self._renamed_classes[type(state)] = renamed(renames, schema).row_class()
        row: Row = made(*astuple(state))
        return row

    def _seen_class(self, sight: Sight, row_class: type[Row]) -> Callable[..., Row] | None:
        """Return the class of the one column that is seen of rows, where it is known: as the graph knows it."""
        key = (sight is self._sight, row_class)
        if key not in self._seen_classes:
            schema = sight.seen(row_info(row_class).schema, self._label)[0]
            is_one = schema is not None and schema.names in ((BARE_VALUE,), (sight.wrap,))
            self._seen_classes[key] = schema.row_class() if schema is not None and is_one else None
        return self._seen_classes[key]

    def _as_needed(self, value: Any, typed: Callable[..., Row] | None, number: int) -> Any:
        """Return what is seen as the row that the node needs, and, where it takes batches, as a row in any case."""
        if not isinstance(value, Row) and typed is not None:
            value = typed(value)
        elif not isinstance(value, Row):
            value = row_of_anything(value if isinstance(value, Mapping) else {BARE_VALUE: value})
        view = self._view(type(value))
        return value if view is None else view([value], number)[0]


def unpaired(node: NanoNode[Any, Any], seen: Sequence[Seen]) -> Iterator[Any]:
    """Yield what the key shows of each row, the node knowing the message meanwhile."""
    for message, value in seen:
        node._before_key = message
        yield value


class SeeingWork(GuardedWork):
    """The work of a node with a ``key`` and an error policy."""

    def _items(self, came: Row, message: Any, *, passes: bool) -> list[Any]:
        self._node._before_key = message.message
        return super()._items(came, message.value, passes=passes)


class SeenBatches:
    """``process_batch`` of a node for which rows are seen otherwise, or whose results are sent otherwise.

    Args:
        node: The node.
    """

    def __init__(self, node: NanoNode[Any, Any]) -> None:
        self._node = node
        self._shape = SendingShape(node)
        self._view = InputView(node, by_batch=True) if node.sight.is_whole else Looking(node, by_batch=True)
        self._at_once = node.sending.is_plain and (node.passes_rows_on or node.is_sink)

    def process(self, batch: Batch[Row]) -> Sequence[Row]:
        """Return the rows to send.

        Raises:
            RowError: If the node, or its contract, does not take a row.
        """
        first = self._node.first_row_number
        seen, problem = self._view.of(batch, first)
        if problem is not None:
            raise problem
        if not self._at_once:
            return self._one_by_one(batch.rows, seen, first)
        made = self._node.process_batch(Batch.of(seen))
        came = {id(row): row_came for row, row_came in zip(seen, batch.rows, strict=True)}
        return [came.get(id(row), row) for row in made]

    def _one_by_one(self, rows: Sequence[Row], seen: Sequence[Row], first: int) -> Sequence[Row]:
        gathered: list[Any] = []
        for number, (came, row) in enumerate(zip(rows, seen, strict=True), first):
            self._node.first_row_number = number
            for result in self._node.process_batch(Batch([row], type(row))):
                sent = self._shape.to_row(result)
                if not isinstance(sent, Aside):
                    gathered.append((came, sent))
        self._node.first_row_number = first
        return self._shape.finish(gathered, first).rows if gathered else ()
