"""How results become rows where ``post_process_function`` or ``output_key`` say so, and the pace of a source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, nullcontext
from types import GeneratorType
from typing import TYPE_CHECKING, Any

from nanotyped.engine.shaping import OutputShape, is_bare
from nanotyped.message import Aside, Checkpoint, NothingToSeeHere
from nanotyped.node.passing import sent_output, takes_batches
from nanotyped.row import Row
from nanotyped.row.rows import row_of_values
from nanotyped.row.schema import BARE_VALUE

if TYPE_CHECKING:
    from nanotyped.node import NanoNode


class SendingShape(OutputShape):
    """What becomes of the results of a node with options for what it sees or sends."""

    def __init__(self, node: NanoNode[Any, Any]) -> None:
        super().__init__(node)
        self._sending = node.sending
        self._applies = not node.sending.is_plain
        self._passes_rows_on = node.passes_rows_on and not self._applies
        self.retains = node.retain_input and not node.is_source and not self._passes_rows_on
        if self._applies or takes_batches(node):
            # What a node makes of rows by the batch it has checked itself, and it is for those rows alone.
            self._own = None if takes_batches(node) or node.passes_rows_on else sent_output(node, None)
            self._own_class = None if self._own is None else self._own.row_class()
            self.row_class = None  # nothing is sent as it is

    def may_pass(self, row_class: type[Row] | None) -> bool:
        """Return whether a received row of this class, given again, is right as it is."""
        return not self._applies and super().may_pass(row_class)

    def to_row(self, result: object) -> Row:
        """Return what is sent for a result, as a row; an aside as it is.

        Raises:
            RowError: If it is no row of the declared output.
        """
        if not self._applies or isinstance(result, Aside):
            return super().to_row(result)
        key = self._sending.output_key
        if self._own is None and self._sending.function is None and isinstance(result, Row) and is_bare(type(result)):
            assert key is not None  # else nothing was to apply
            return row_of_values([result[BARE_VALUE].named(key)], None)  # of the type that it came with
        sent = self._sending.apply(result)
        if sent is None:
            nothing: Row = self.aside(NothingToSeeHere())
            return nothing
        return super().to_row(sent)


def rows_in_time(node: NanoNode[Any, Any], results: Iterator[Any]) -> Iterator[Any]:
    """Yield what a source gives, row by row as its ``throttle`` says."""
    with closing(results) if isinstance(results, GeneratorType) else nullcontext():
        for result in results:
            if result is not None and not isinstance(result, Checkpoint | Aside):
                node.sleep(node.throttle_s)
            yield result


def batches_in_time(
    node: NanoNode[Any, Any], batches: Iterator[Any], shape: OutputShape | None
) -> Iterator[Sequence[Row] | Checkpoint | Aside]:
    """Yield what a source gives by the batch, as its ``throttle`` and the options for what it sends say.

    Args:
        node: The source.
        batches: What it gives.
        shape: What becomes of each row; ``None``: it is sent as it is.
    """
    given = 1
    with closing(batches) if isinstance(batches, GeneratorType) else nullcontext():
        for batch in batches:
            if isinstance(batch, Checkpoint | Aside):
                yield batch
                continue
            rows = batch if shape is None else _shaped(batch, shape, given)
            given += len(rows)
            start = 0
            while node.throttle_s and start < len(rows):
                node.sleep(node.throttle_s)
                if node.stop_requested:
                    break
                yield rows[start : start + 1]
                start += 1
            if start < len(rows) or not start:  # of a source that is to stop, all at once: then comes its checkpoint
                yield rows[start:]


def _shaped(batch: Sequence[Row], shape: OutputShape, first: int) -> Sequence[Row]:
    rows = [row for row in map(shape.to_row, batch) if not isinstance(row, Aside)]
    return shape.check(rows, first).rows if rows else ()
