"""A source in its own thread: what it gives, by rows or by batches, and how far it has got.

Its rows are cut into stretches, each ending where it yields a ``Checkpoint``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from nanotyped.channel import ChannelCancelled
from nanotyped.engine.checkpoint import EXHAUSTED, exhausted_at
from nanotyped.engine.ledger import SourceLedger
from nanotyped.engine.outbox import Finish, Origin
from nanotyped.engine.sending import batches_in_time, rows_in_time
from nanotyped.engine.worker import OnEnd, OnFailure, Worker
from nanotyped.errors import RowError
from nanotyped.message import Aside, BatchEnd, BatchStart, Checkpoint

if TYPE_CHECKING:
    from nanotyped.engine.rejection import Rejections
    from nanotyped.node import NanoNode
    from nanotyped.row import Row
    from nanotyped.row.raw_line import RawLine


class SourceWorker(Worker):
    """Runs a source. Arguments as of ``Worker``.

    Args:
        on_advance: Called whenever rows up to a later checkpoint have been dealt with.
    """

    ledger: SourceLedger

    def __init__(
        self,
        node: NanoNode[Any, Any],
        on_failure: OnFailure,
        on_end: OnEnd,
        rejections: Rejections | None,
        on_advance: Callable[[], None],
    ) -> None:
        super().__init__(node, on_failure, on_end, rejections)
        self._shape.on_aside = self.outbox.expect_aside
        self.outbox.keeps_origins = not self._batches and rejections is not None
        node._reject = None if rejections is None else self._reject
        self.ledger = SourceLedger(on_advance, time.monotonic)
        self._last_checkpoint: Checkpoint | None = None

    @property
    def _finish(self) -> Finish:
        return self._shape.check

    @property
    def _is_told_to_stop(self) -> bool:
        """Whether a source that returns may have done so because it saw that it is to stop."""
        return self._draining or self._aborted

    def drain(self) -> None:
        """Let it stop after the row in its hand."""
        self._draining = True
        self.node._stop.set()
        self.outbox.stop()

    def _take_last(self) -> None:
        """Take nothing: there is no node before it."""

    def _settle(self) -> None:
        """Say that it gave all it has, if it did."""
        if self.exhausted:
            last = self._last_checkpoint
            self._close_stretch(exhausted_at(last.cursor) if last is not None and last.lasting else EXHAUSTED)

    def _count_emitted(self) -> None:
        self.statistics.emitted = self.rows_given

    def _work(self) -> bool:
        self._open_stretch()
        if self.node.resume_from == EXHAUSTED:  # others of the run had not come to their end
            self.exhausted = True
            return True
        generator = self._generator()
        try:
            self._mark(BatchStart)
            if self._batches:
                self._send_batches(generator)
            elif self._rejections is not None:
                self._send_rows_guarded(generator, self._rejections)
            else:
                self._send_rows(generator)
            self._mark(BatchEnd)
        except ChannelCancelled:
            raise
        except BaseException:
            self._mark(BatchEnd)  # sent with what was given before the failure
            raise
        finally:
            close = getattr(generator, "close", None)
            if close is not None:
                close()
        return True

    def _generator(self) -> Iterator[Any]:
        node = self.node
        if not self._batches:
            return rows_in_time(node, node.generator()) if node.throttle_s else node.generator()
        if not node.throttle_s and node.sending.is_plain:
            return node.generate_batches()
        return batches_in_time(node, node.generate_batches(), None if node.sending.is_plain else self._shape)

    def _send_batches(self, batches: Iterator[Sequence[Row] | Checkpoint]) -> None:
        outbox = self.outbox
        resumes = stopping = False
        for given in batches:
            if isinstance(given, Checkpoint):
                resumes = True
                if outbox.rows:  # gathered with rows behind it, they would count only when those were dealt with
                    outbox.flush()
                self._checkpoint(given)
                if self._draining:
                    return
                continue
            if isinstance(given, Aside):
                outbox.add_aside(given)
                continue
            outbox.send_batch(given)
            if outbox.limit <= 0:
                outbox.flush()
            if self._draining and (stopping or not resumes):
                return
            stopping = self._draining  # one step more: without the checkpoint of what was sent, it is sent again
        self.exhausted = not self._is_told_to_stop

    def _send_rows_guarded(self, results: Iterator[Any], rejections: Rejections) -> None:
        outbox, number = self.outbox, 0
        for result in results:
            if result.__class__ is Checkpoint:
                self._checkpoint(result)
            elif result is not None:
                number += 1
                try:
                    row = self._shape.to_row(result)
                except RowError as error:
                    self._rejected_as_read += 1
                    rejections.reject(self._shape.as_given(result), error, number)
                else:
                    outbox.add([row], Origin(number, row))
            if self._draining or outbox.cancelled:
                outbox.flush()
                return
        self.exhausted = not self._is_told_to_stop

    def _reject(self, row: Row | RawLine, error: RowError) -> None:
        """Take a row that a source read and that is wrong."""
        assert self._rejections is not None  # else the node was given no way to reject
        self._rejected_as_read += 1
        self._count_emitted()
        self._rejections.reject(row, error, error.row or self.statistics.emitted)

    def _send_rows(self, results: Iterator[Any]) -> None:
        outbox = self.outbox
        gathered = outbox.rows
        append = gathered.append
        to_row = self._shape.to_row
        row_class = self._shape.row_class
        for result in results:
            if result.__class__ is row_class:
                append(result)
            elif result.__class__ is Checkpoint:
                self._checkpoint(result)
            elif result is not None:
                append(to_row(result))
            if len(gathered) >= outbox.limit:
                outbox.flush()
                if self._draining:
                    return
        self.exhausted = not self._is_told_to_stop  # one that looks at stop_requested ends by itself, and may have more

    def _open_stretch(self) -> None:
        self._stretch = self.ledger.open()
        self.outbox.begin((self._stretch,))

    def _checkpoint(self, checkpoint: Checkpoint) -> None:
        """End the stretch of rows that the source has given, and begin another."""
        self._last_checkpoint = checkpoint
        self._close_stretch(checkpoint.cursor)
        self._open_stretch()

    def _close_stretch(self, cursor: Any) -> None:
        self.ledger.close(self._stretch, cursor)
        self.outbox.end()
