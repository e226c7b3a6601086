"""Ends of pipelines in memory: a source that stands in for a table, and a sink that keeps what it gets."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from nanotyped.errors import nearest_hint
from nanotyped.message import Checkpoint
from nanotyped.node import NanoNode
from nanotyped.row import Row, Schema, Validator, parse_schema

if TYPE_CHECKING:
    from nanotyped.message import Batch
    from nanotyped.row.schema import SchemaDeclaration

R = TypeVar("R", bound=Row)


class InMemoryTable(NanoNode[object, R]):
    """Gives the rows of a table that is a list, checked as those of a real one are; it can be resumed.

    Needs: nothing. Gives: the columns of ``schema``.

    Args:
        rows: Rows, or mappings of column to Python value; a nullable column may be left out of a mapping. They are
            copied into rows when the node is made.
        schema: A Row class, a ``Schema``, or ``{"id": INTEGER}``; by default the Row class of the rows.

    Raises:
        RowValidationError: With every cell that is not of its column's type.
        TypeError: If the columns cannot be known: no schema, and the rows are not of one Row class.
        ValueError: If a mapping lacks a column, or has one too many.
    """

    def __init__(
        self,
        rows: Iterable[R | Mapping[str, object]],
        schema: type[R] | SchemaDeclaration | None = None,
        **kwargs: Any,
    ) -> None:
        given = list(rows)
        declared: Any = schema if schema is not None else _class_of(given)
        super().__init__(output_schema=declared, **kwargs)
        own = parse_schema(declared)
        validator = Validator(own, self.output_row_class() or own.row_class())
        self.rows: Sequence[Row] = validator.rows([_values(row, own, number) for number, row in enumerate(given, 1)])

    def generate_batches(self) -> Iterator[Sequence[Row] | Checkpoint]:
        """Yield the rows, and behind each batch how many of them went before."""
        done = self.resume_from or 0
        left = iter(self.rows[done:])
        while batch := list(islice(left, self.batch_rows)):
            yield batch
            done += len(batch)
            yield Checkpoint(done)


class Messages(NanoNode[object, Any]):
    """Gives messages of no declared columns, each as it is."""

    def __init__(self, messages: Iterable[object], **kwargs: Any) -> None:
        self.messages = messages
        super().__init__(**kwargs)

    def generator(self) -> Iterator[Any]:
        """Yield the messages."""
        yield from self.messages


class KeptRows(NanoNode[object, Any]):
    """Keeps the rows that it gets, in order.

    Attributes:
        rows: All so far.
        arrived: Set with the first of them.
    """

    def __init__(self, **kwargs: Any) -> None:
        self.rows: list[Row] = []
        self.arrived = threading.Event()
        super().__init__(**kwargs)

    def process_batch(self, batch: Batch[Row]) -> Sequence[Row]:
        """Keep a batch."""
        self.rows += batch.rows
        self.arrived.set()
        return ()

    @property
    def dicts(self) -> list[dict[str, Any]]:
        """The rows as dictionaries of Python values."""
        return [row.to_python() for row in self.rows]


def _class_of(rows: Sequence[object]) -> type[Row]:
    classes = {type(row) for row in rows}
    if len(classes) != 1 or not isinstance(rows[0], Row):
        raise TypeError("the columns are not known: give a schema, or rows of one Row class")
    return type(rows[0])


def _values(row: object, schema: Schema, number: int) -> tuple[Any, ...]:
    """Return the values of a row in the order of the schema."""
    values: Mapping[str, object] = row.to_python() if isinstance(row, Row) else row  # type: ignore[assignment]  # asked below
    if not isinstance(values, Mapping):
        raise TypeError(f"row {number}: a row is a Row or a mapping, not {type(row).__name__}")
    for name in values:
        if name not in schema:
            hint = nearest_hint(str(name), schema.names) or f"the columns are {', '.join(schema.names)}"
            raise ValueError(f"row {number}: there is no column `{name}`; {hint}")
    for column in schema:
        if column.name not in values and not column.nullable:
            raise ValueError(f"row {number}: column `{column.name}` is missing, and may not be null")
    return tuple(values.get(column.name) for column in schema)
