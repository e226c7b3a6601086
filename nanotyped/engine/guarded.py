"""A node's work on its rows where it has an error policy: what is wrong is left out, row by row, and the rest goes on.

It costs more than the plain way of ``worker``, which ends at the first error: what is made of one row is gathered
whole before any of it is sent, so that a row is either dealt with or rejected, and never both.
"""

from __future__ import annotations

import inspect
import logging
import random
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeVar

from nanotyped.channel import ChannelCancelled
from nanotyped.engine.outbox import Origin, Outbox
from nanotyped.engine.shaping import InputView, OutputShape, results_of, takes_row
from nanotyped.errors import RowError, errors_by_row, shown
from nanotyped.message import Batch
from nanotyped.node import NanoNode, is_row_error

if TYPE_CHECKING:
    from nanotyped.engine.rejection import Rejections
    from nanotyped.row import Row

Made = TypeVar("Made")
logger = logging.getLogger("nanotyped.engine")


class Attempts:
    """Calls a node's code again as its ``retry`` says.

    Attributes:
        made: How often it was called for the last row, or batch.
    """

    def __init__(self, node: NanoNode[Any, Any]) -> None:
        self._node = node
        self._retry = node.error_policy.retry
        self._retriable = node.retriable_errors
        self.made = 1

    def of(self, work: Callable[[], Made], rows: int = 1) -> Made:
        """Return what the work on so many rows returns, once it does.

        Raises:
            ChannelCancelled: If the node is to end; the row was not dealt with.
            Exception: Whatever the last attempt raised.
        """
        self.made = 1
        if self._retry is None:
            return work()
        ends_at = time.monotonic() + self._retry.deadline_s
        while True:
            try:
                return work()
            except self._retriable as error:
                pause_s = self._retry.pause_s(self.made) * random.uniform(0.5, 1.0)  # noqa: S311 - no secret hangs on it
                if self.made >= self._retry.attempts or time.monotonic() + pause_s >= ends_at:
                    error.add_note(f"after {self.made} attempt{'' if self.made == 1 else 's'}")
                    raise
                logger.warning("%s: attempt %d: %s; the next in %.1f s", self._node.label, self.made, error, pause_s)
            self._node.sleep(pause_s)
            if self._node.stop_requested:
                raise ChannelCancelled
            self.made += 1
            self._node.statistics.retried += rows


class GuardedWork:
    """What a worker does with the batches of a node that has an error policy.

    Args:
        node: The node.
        view: What its code sees of the rows.
        shape: What becomes of its results.
        outbox: Where they go.
        rejections: Who takes what is rejected; ``None`` where an error ends the run, behind the last attempt.

    Attributes:
        came: The row in hand.
    """

    def __init__(
        self,
        node: NanoNode[Any, Any],
        view: InputView,
        shape: OutputShape,
        outbox: Outbox,
        rejections: Rejections | None,
    ) -> None:
        self.came: Row | None = None
        self._node = node
        self._view = view
        self._shape = shape
        self._outbox = outbox
        self._rejections = rejections
        self._attempts = Attempts(node)
        self._retries = node.error_policy.retry is not None
        self._counted = node.statistics
        self._filters = not node.is_sink
        self._process: Callable[..., Any] = node.process_item
        self._takes_row = takes_row(node)
        self._always_yields = inspect.isgeneratorfunction(node.process_item)

    def process_rows(self, batch: Batch[Row], first: int) -> None:
        """Give the rows of a batch to ``process_item``, one by one."""
        for rows, number in _alike(batch, first):
            messages, wrong = self._view.sort_out(rows, number)
            passes = self._shape.may_pass(type(rows[0]))
            for index, came in enumerate(rows):
                if self._outbox.cancelled:
                    return
                self.came = came
                if index in wrong:
                    self._reject(came, wrong[index], number + index)
                else:
                    self._process_row(came, messages[index], number + index, passes=passes)

    def _process_row(self, came: Row, message: Any, number: int, *, passes: bool) -> None:
        try:
            if self._retries:
                items = self._attempts.of(lambda: self._items(came, message, passes=passes))
            else:
                items = self._items(came, message, passes=passes)
        except ChannelCancelled:
            raise
        except Exception as error:  # which of them are errors of the row is asked below
            if not is_row_error(error):
                if self._rejections is not None:
                    error.add_note("on_error is for errors of a row; raise RowError where this is one")
                raise
            self._reject(came, error, number)
            return
        if items:
            self._outbox.add(items, Origin(number, came))
        else:
            self._counted.processed += 1
            self._counted.filtered += self._filters

    def _items(self, came: Row, message: Any, *, passes: bool) -> list[Any]:
        """Return all that the node's code makes of a row, as it is gathered."""
        self._node.__message__ = message
        results = self._process(message) if self._takes_row else self._process()
        if results is None:
            return []
        if not self._always_yields:
            results = results_of(self._node, results)
        return [
            came if result is came and passes else self._shape.made(came, message, result)
            for result in results
            if result is not None
        ]

    def process_batches(self, batch: Batch[Row], first: int) -> None:
        """Give the rows of a batch to ``process_batch``: those of one class at a time, without what is wrong."""
        for rows, number in _alike(batch, first):
            _, wrong = self._view.sort_out(rows, number)
            start = 0
            for index in [*wrong, len(rows)]:
                self._process_run(rows[start:index], number + start)
                if index in wrong:
                    self._reject(rows[index], wrong[index], number + index)
                start = index + 1

    def _process_run(self, rows: Sequence[Row], first: int) -> None:
        """Process rows, and where some of them are wrong, each run of rows between those."""
        waiting = [(rows, first)]
        while waiting:
            rows, first = waiting.pop()
            if not rows:
                continue
            if self._outbox.cancelled:
                raise ChannelCancelled
            self._node.first_row_number = first
            part = Batch(rows, type(rows[0]))
            try:
                made = self._attempts.of(partial(self._node.process_batch, part), len(rows))
            except RowError as error:
                waiting += reversed(self._without_wrong(rows, first, error))
                continue
            self._outbox.send_batch(made)
            self._counted.processed += len(rows)
            self._counted.filtered += max(0, len(rows) - len(made)) if self._filters else 0

    def _without_wrong(self, rows: Sequence[Row], first: int, error: RowError) -> list[tuple[Sequence[Row], int]]:
        """Reject the rows that an error is about and return the runs between them."""
        wrong = {number - first: own for number, own in errors_by_row(error).items()}
        if not wrong and len(rows) > 1:  # one of them is, and the halves tell which
            half = len(rows) // 2
            return [(rows[:half], first), (rows[half:], first + half)]
        if not wrong:
            wrong = {0: error}
        if not all(0 <= index < len(rows) for index in wrong):
            raise error
        runs, start = [], 0
        for index in sorted(wrong):
            self._reject(rows[index], wrong[index], first + index)
            runs.append((rows[start:index], first + start))
            start = index + 1
        return [*runs, (rows[start:], first + start)]

    def _reject(self, row: Row, error: Exception, number: int) -> None:
        if self._rejections is None:
            if isinstance(error, RowError) and error.row_text is None:
                error.row_text = shown(row)
            raise error
        self._rejections.reject(row, error, number, self._attempts.made)


def _alike(batch: Batch[Row], first: int) -> Iterator[tuple[Sequence[Row], int]]:
    """Yield the runs of rows of one class, each with the number of its first row."""
    if batch.row_class is not None:
        yield batch.rows, first
        return
    for _, group in groupby(batch.rows, type):
        rows = list(group)
        yield rows, first
        first += len(rows)
