"""Rows on their way from a worker to the coordinator: encoded there as Arrow batches, and given by a source here.

A sink on the worker (``Returning``) stands in the place of what follows at the coordinator; a source at the coordinator
(``ReturnedRows``) stands in the place of what came before on the workers.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, ClassVar, Never

from nanotyped.message import Checkpoint
from nanotyped.node import NanoNode
from nanotyped.row.arrow import ArrowDecoder, ArrowEncoder
from nanotyped.row.compiled import compile_projection
from nanotyped.row.rows import row_info
from nanotyped.types.arrow import load_pyarrow

if TYPE_CHECKING:
    from nanotyped.message import Batch, BatchStart
    from nanotyped.row import Row, Schema

RETURNED_ROWS = 10_000
POLL_S = 0.1


class Returning(NanoNode[object, Never]):
    """Takes the rows that go on at the coordinator. A sink; a part of a source fits into memory, encoded.

    Attributes:
        batches: The rows so far, each piece a stream of Arrow's IPC format.
    """

    one_worker_because: ClassVar[str] = "the rows keep their order"

    def __init__(self, **options: Any) -> None:
        super().__init__(batch_rows=RETURNED_ROWS, **options)
        self.batches: list[bytes] = []
        self._encoders: dict[type[Row], ArrowEncoder] = {}

    def setup(self) -> None:
        """Begin with nothing."""
        self.batches = []

    def process_batch(self, batch: Batch[Row]) -> Sequence[Row]:
        """Encode the rows.

        Raises:
            RowError: If a value is none of its column's type, or one that Arrow cannot hold.
        """
        number = self.first_row_number
        for row_class, group in groupby(batch.rows, type):
            rows = list(group)
            self.batches.append(self._encoded(row_class, rows, number))
            number += len(rows)
        return ()

    def _encoded(self, row_class: type[Row], rows: list[Row], first: int) -> bytes:
        if row_class not in self._encoders:
            self._encoders[row_class] = ArrowEncoder(row_info(row_class).schema)
        batch = self._encoders[row_class].batch(rows, first)
        arrow = load_pyarrow()
        sink = arrow.BufferOutputStream()
        with arrow.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        return bytes(sink.getvalue())


class RowReader:
    """Makes rows of what ``Returning`` encoded.

    Args:
        classes: Row classes that are declared in the pipeline: rows of their columns are made of them.
    """

    def __init__(self, classes: Sequence[type[Row]]) -> None:
        self._classes: Mapping[Schema, type[Row]] = {row_info(one).schema: one for one in classes}
        self._readers: dict[bytes, Callable[[Any], list[Row]]] = {}

    def rows(self, encoded: bytes) -> list[Row]:
        """Return the rows of one piece."""
        arrow = load_pyarrow()
        with arrow.ipc.open_stream(encoded) as stream:
            key = bytes(stream.schema.serialize())
            if key not in self._readers:
                self._readers[key] = self._reader(stream.schema)
            return [row for batch in stream for row in self._readers[key](batch)]

    def _reader(self, arrow_schema: Any) -> Callable[[Any], list[Row]]:
        decoder = ArrowDecoder(arrow_schema)
        declared = self._classes.get(decoder.schema)
        if declared is None:
            return decoder.rows
        project = compile_projection(decoder.schema.row_class(), declared)
        return lambda batch: list(project(decoder.rows(batch)))


class ReturnedRows(NanoNode[Never, Any]):
    """Gives the rows that workers return, part by part in the order of the source, as the node there gave them.

    Behind each part stands the number of parts so far as the cursor.

    Args:
        origin: The node on the workers.
        gives: The schema of its rows, where all have one.
        reader: Makes rows of what comes.

    Attributes:
        parts_taken: How many parts were given whole.
    """

    def __init__(self, origin: NanoNode[Any, Any], gives: Schema | None, reader: RowReader) -> None:
        super().__init__(name=origin.label, batch_rows=origin.batch_rows)
        self.origin = origin
        self.parts_taken = 0
        self._gives = gives
        self._reader = reader
        self._parts: queue.SimpleQueue[Sequence[bytes] | None] = queue.SimpleQueue()
        whole = origin.is_source and origin.send_batch_markers
        self.send_batch_markers = whole  # of a part they would say nothing; around all rows they stand as ever

    def output_schema_for(self, given: Schema | None) -> Schema | None:
        """Return what the node on the workers gives."""
        del given  # a source has no input
        return self._gives

    def batch_start(self) -> BatchStart:
        """Return what the source itself sets before all its rows."""
        return self.origin.batch_start()

    def resume_problem(self) -> str:
        """Return nothing: parts that were not dealt with are read again."""
        return ""

    def put(self, batches: Sequence[bytes] | None) -> None:
        """Hand over the rows of the next part; ``None``: there is none any more."""
        self._parts.put(batches)

    def generate_batches(self) -> Iterator[Sequence[Row] | Checkpoint]:
        """Yield the rows of each part, and behind them how many parts there were."""
        while not self.stop_requested:
            try:
                part = self._parts.get(timeout=POLL_S)
            except queue.Empty:
                continue
            if part is None:
                return
            for encoded in part:
                yield self._reader.rows(encoded)
            self.parts_taken += 1
            yield Checkpoint(self.parts_taken)
