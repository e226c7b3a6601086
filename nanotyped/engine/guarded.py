"""What becomes of a node's rows where each row counts for itself: with an error policy, or with several workers.

``RowWork`` does the work and says what became of each row; it touches nothing that is shared, so several threads may
each have one. ``GuardedWork`` sends what was made and rejects what was refused, in the order of the rows.

It costs more than the plain way of ``worker``, which ends at the first error: what is made of one row is gathered
whole before any of it is sent, so that a row is either dealt with or rejected, and never both.
"""

from __future__ import annotations

import inspect
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from nanotyped.channel import ChannelCancelled
from nanotyped.engine.outbox import Origin, Outbox, aside_of
from nanotyped.engine.shaping import InputView, OutputShape, results_of, takes_row
from nanotyped.errors import RowError, errors_by_row, shown
from nanotyped.message import Batch
from nanotyped.node import NanoNode, is_row_error

if TYPE_CHECKING:
    from nanotyped.engine.rejection import Rejections
    from nanotyped.row import Row

Answer = TypeVar("Answer")
BatchCode = Callable[["Batch[Row]"], "Sequence[Row]"]
logger = logging.getLogger("nanotyped.engine")
_counting = threading.Lock()  # several workers of a node may try again at once


class Made(NamedTuple):
    """What ``process_item`` made of one row, as the outbox gathers it."""

    came: Row
    number: int
    items: list[Any]


class Taken(NamedTuple):
    """What ``process_batch`` made of so many rows."""

    rows: Sequence[Row]
    taken: int


class Refused(NamedTuple):
    """A row that is wrong, or that the node's code does not take."""

    row: Row
    number: int
    error: Exception
    attempts: int


Outcome = Made | Taken | Refused


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

    def of(self, work: Callable[[], Answer], rows: int = 1) -> Answer:
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
            with _counting:
                self._node.statistics.retried += rows


class RowWork:
    """A node's code at work in one thread.

    Args:
        node: The node.
        view: What its code sees of the rows.
        shape: What becomes of its results.
        outbox: Asked whether the node is to end.
        process_batch: What takes whole batches; ``None``: ``process_item`` takes the rows.
        local: Where the code finds what belongs to the row or batch in hand: the node, or what a thread has of its own.

    Attributes:
        came: The row in hand.
    """

    def __init__(
        self,
        node: NanoNode[Any, Any],
        view: InputView,
        shape: OutputShape,
        outbox: Outbox,
        *,
        process_batch: BatchCode | None,
        local: object,
    ) -> None:
        self.came: Row | None = None
        self._node = node
        self._view = view
        self._shape = shape
        self._outbox = outbox
        # Written plainly: on a node these are attributes, and of a thread they are the node's as that thread sees it.
        self._local: Any = local
        self._attempts = Attempts(node)
        self._rejects = node.error_policy.rejects
        self._retries = node.error_policy.retry is not None
        self._process: Callable[..., Any] = node.process_item
        self._process_batch = process_batch
        self._takes_row = takes_row(node)
        self._always_yields = inspect.isgeneratorfunction(node.process_item)
        self._refused: dict[int, RowError] = {}

    def outcomes(self, batch: Batch[Row], first: int) -> Iterator[Outcome]:
        """Yield what becomes of the rows of a batch, in order; it is settled before the next row is begun.

        Raises:
            ChannelCancelled: If the node is to end.
            Exception: What the code raised, where that is no error of a row.
        """
        for rows, number in _alike(batch, first):
            if self._process_batch is None:
                yield from self._of_rows(rows, number)
            else:
                yield from self._of_batch(rows, number, self._process_batch)

    def _of_rows(self, rows: Sequence[Row], first: int) -> Iterator[Outcome]:
        """Give rows of one class to ``process_item``, one by one."""
        messages, wrong = self._view.sort_out(rows, first)
        passes = self._shape.may_pass(type(rows[0]))
        for index, came in enumerate(rows):
            if self._outbox.cancelled:
                raise ChannelCancelled
            self.came = came
            if index in wrong:
                yield Refused(came, first + index, wrong[index], self._attempts.made)
            else:
                yield self._of_row(came, messages[index], first + index, passes=passes)

    def _of_row(self, came: Row, message: Any, number: int, *, passes: bool) -> Outcome:
        try:
            if self._retries:
                items = self._attempts.of(lambda: self._items(came, message, passes=passes))
            else:
                items = self._items(came, message, passes=passes)
        except ChannelCancelled:
            raise
        except Exception as error:  # which of them are errors of the row is asked below
            if not is_row_error(error):
                if self._rejects:
                    error.add_note("on_error is for errors of a row; raise RowError where this is one")
                raise
            return Refused(came, number, error, self._attempts.made)
        return Made(came, number, items)

    def _items(self, came: Row, message: Any, *, passes: bool) -> list[Any]:
        """Return all that the node's code makes of a row, as it is gathered."""
        self._local.__message__ = message
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

    def _of_batch(self, rows: Sequence[Row], first: int, process: BatchCode) -> Iterator[Outcome]:
        """Give rows of one class to ``process_batch``, without what is wrong."""
        _, wrong = self._view.sort_out(rows, first)
        start = 0
        for index in [*wrong, len(rows)]:
            yield from self._of_run(rows[start:index], first + start, process)
            if index in wrong:
                yield Refused(rows[index], first + index, wrong[index], self._attempts.made)
            start = index + 1

    def _of_run(self, rows: Sequence[Row], first: int, process: BatchCode) -> Iterator[Outcome]:
        """Process rows, and where some of them are wrong, each run of rows between those."""
        waiting = [(rows, first)]
        while waiting:
            rows, first = waiting.pop()
            if not rows:
                continue
            if self._outbox.cancelled:
                raise ChannelCancelled
            self._local.first_row_number = first
            part = Batch(rows, type(rows[0]))
            try:
                made = self._attempts.of(partial(self._process_part, process, part), len(rows))
            except RowError as error:
                wrong, runs = self._without_wrong(rows, first, error)
                yield from wrong
                waiting += reversed(runs) if self._rejects else []
                continue
            for number in sorted(self._refused):
                yield Refused(rows[number - first], number, self._refused[number], self._attempts.made)
            yield Taken(made, len(rows) - len(self._refused))

    def _process_part(self, process: BatchCode, part: Batch[Row]) -> Sequence[Row]:
        """Call the node's code, which may reject some of the rows and has then dealt with the others."""
        self._refused = {}
        self._local._reject = self._refuse if self._rejects else None
        return process(part)

    def _refuse(self, row: Row, error: RowError) -> None:
        if error.row is None:
            raise error
        if error.row_text is None:
            error.row_text = shown(row)
        self._refused[error.row] = error

    def _without_wrong(
        self, rows: Sequence[Row], first: int, error: RowError
    ) -> tuple[list[Refused], list[tuple[Sequence[Row], int]]]:
        """Return the rows that an error is about, refused, and the runs between them."""
        wrong = {number - first: own for number, own in errors_by_row(error).items()}
        if not wrong and len(rows) > 1:  # one of them is, and the halves tell which
            half = len(rows) // 2
            return [], [(rows[:half], first), (rows[half:], first + half)]
        if not wrong:
            wrong = {0: error}
        if not all(0 <= index < len(rows) for index in wrong):
            raise error
        refused, runs, start = [], [], 0
        for index in sorted(wrong):
            refused.append(Refused(rows[index], first + index, wrong[index], self._attempts.made))
            runs.append((rows[start:index], first + start))
            start = index + 1
        return refused, [*runs, (rows[start:], first + start)]


class GuardedWork:
    """Sends what was made of the rows of a node, and rejects what was refused. Belongs to the node's thread.

    Args:
        node: The node.
        outbox: Where what was made goes.
        rejections: Who takes what was refused; ``None`` where that ends the run.
    """

    def __init__(self, node: NanoNode[Any, Any], outbox: Outbox, rejections: Rejections | None) -> None:
        self._outbox = outbox
        self._rejections = rejections
        self._counted = node.statistics
        self._filters = not (node.is_sink or node.holds_rows_back or node.gathers_rows)

    def settle(self, outcome: Outcome) -> None:
        """Do with some rows what their outcome asks for.

        Raises:
            ChannelCancelled: If a consumer is gone.
            Exception: Why a row was refused, where nobody takes it; ``TooManyErrorsError`` where too many were.
        """
        match outcome:
            case Made(came, number, items) if items:
                self._outbox.add(items, Origin(number, came))
                if aside_of(items[0]) is not None and all(map(aside_of, items)):
                    self._counted.filtered += self._filters
            case Made():
                self._counted.processed += 1
                self._counted.filtered += self._filters
            case Taken(rows, taken):
                self._outbox.send_batch(rows)
                self._counted.processed += taken
                self._counted.filtered += max(0, taken - len(rows)) if self._filters else 0
            case Refused():
                self._reject(outcome)

    def _reject(self, refused: Refused) -> None:
        row, number, error, attempts = refused
        if self._rejections is None:
            if isinstance(error, RowError) and error.row_text is None:
                error.row_text = shown(row)
            raise error
        self._rejections.reject(row, error, number, attempts)


def _alike(batch: Batch[Row], first: int) -> Iterator[tuple[Sequence[Row], int]]:
    """Yield the runs of rows of one class, each with the number of its first row."""
    if batch.row_class is not None:
        yield batch.rows, first
        return
    for _, group in groupby(batch.rows, type):
        rows = list(group)
        yield rows, first
        first += len(rows)
