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
    from nanotyped.node.running import RunHandle
    from nanotyped.row import Row, Schema

RETURNED_ROWS = 10_000
POLL_S = 0.1


class Encoders:
    """Makes streams of Arrow's IPC format of rows, one encoder for each class of them."""

    def __init__(self) -> None:
        self._by_class: dict[type[Row], ArrowEncoder] = {}

    def encoded(self, row_class: type[Row], rows: list[Row], first: int) -> bytes:
        """Return rows of a class as bytes; ``first`` is the number of the first of them.

        Raises:
            RowError: If a value is none of its column's type, or one that Arrow cannot hold.
        """
        if row_class not in self._by_class:
            self._by_class[row_class] = ArrowEncoder(row_info(row_class).schema)
        batch = self._by_class[row_class].batch(rows, first)
        arrow = load_pyarrow()
        sink = arrow.BufferOutputStream()
        with arrow.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        return bytes(sink.getvalue())


class Returning(NanoNode[object, Never]):
    """Takes the rows that go on at the coordinator. A sink; a part of a source fits into memory, encoded.

    Attributes:
        batches: The rows so far, each piece a stream of Arrow's IPC format.
    """

    one_worker_because: ClassVar[str] = "the rows keep their order"

    def __init__(self, **options: Any) -> None:
        super().__init__(batch_rows=RETURNED_ROWS, **options)
        self.batches: list[bytes] = []
        self._encoders = Encoders()

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
            self.batches.append(self._encoders.encoded(row_class, rows, number))
            number += len(rows)
        return ()


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
    """Gives the rows that workers return, part by part, as the node there gave them.

    The parts of one segment come in the order of its source. Behind each part stands, as the cursor, how many parts of
    each segment there were.

    Args:
        origin: The node on the workers.
        gives: The schema of its rows, where all have one.
        reader: Makes rows of what comes.

    Attributes:
        parts_taken: How many parts of each segment were given whole, by its place.
    """

    def __init__(self, origin: NanoNode[Any, Any], gives: Schema | None, reader: RowReader) -> None:
        self.origin = origin
        super().__init__(name=origin.label, batch_rows=origin.batch_rows)
        self.parts_taken: dict[int, int] = {}
        self._gives = gives
        self._reader = reader
        self._parts: queue.SimpleQueue[tuple[int, Sequence[bytes]] | None] = queue.SimpleQueue()
        whole = origin.is_source and origin.send_batch_markers
        self.send_batch_markers = whole  # of a part they would say nothing; around all rows they stand as ever

    @property
    def _run(self) -> RunHandle | None:
        """The run of all of it: until that is over, what is linked to this node is a part of a running pipeline."""
        return self.origin._run

    @_run.setter
    def _run(self, run: RunHandle | None) -> None:
        """Keep nothing: the run at the coordinator is a part of that one."""

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

    def put(self, segment: int, batches: Sequence[bytes]) -> None:
        """Hand over the rows of the next part of a segment."""
        self._parts.put((segment, batches))

    def close(self) -> None:
        """Say that there is no part any more."""
        self._parts.put(None)

    def generate_batches(self) -> Iterator[Sequence[Row] | Checkpoint]:
        """Yield the rows of each part, and behind them how many parts there were."""
        while not self.stop_requested:
            try:
                part = self._parts.get(timeout=POLL_S)
            except queue.Empty:
                continue
            if part is None:
                return
            segment, batches = part
            for encoded in batches:
                yield self._reader.rows(encoded)
            taken = {**self.parts_taken, segment: self.parts_taken.get(segment, 0) + 1}
            yield Checkpoint({str(place): count for place, count in taken.items()})
            self.parts_taken = taken  # not before: whoever sees it may stop this source
