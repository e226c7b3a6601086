"""A node with inputs in its own thread: its loop over batches, rows and markers.

The plain way ends at the first error. Where each row counts for itself, by an error policy or with several workers,
the work is that of ``guarded`` and ``pool``.
"""

from __future__ import annotations

import functools
import inspect
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from nanotyped.channel import Channel, ChannelCancelled, Inbox
from nanotyped.engine.guarded import BatchCode, GuardedWork, Made, Outcome, RowWork
from nanotyped.engine.outbox import Finish, aside_of
from nanotyped.engine.pool import Pool
from nanotyped.engine.shaping import InputView, results_of, takes_row
from nanotyped.engine.sight import Looking, SeeingWork, SeenBatches, unpaired
from nanotyped.engine.worker import OnEnd, OnFailure, Worker
from nanotyped.errors import RowError
from nanotyped.message import Batch, BatchEnd, BatchStart, Marker
from nanotyped.node import NanoNode
from nanotyped.node.passing import sees_all

if TYPE_CHECKING:
    from nanotyped.engine.rejection import Rejections
    from nanotyped.row import Row


class ProcessingWorker(Worker):
    """Runs a node with inputs. Arguments as of ``Worker``."""

    inbox: Inbox[Batch[Row]]

    def __init__(
        self, node: NanoNode[Any, Any], on_failure: OnFailure, on_end: OnEnd, rejections: Rejections | None
    ) -> None:
        super().__init__(node, on_failure, on_end, rejections)
        self.inbox = Inbox()
        self._view = (InputView if node.sight.is_whole else Looking)(node, by_batch=self._batches)
        self._process_whole = self._batch_code(node)
        self._has_pairs = node.sight.key is not None and not self._batches
        self._has_pace = node.throttle_s > 0 or node.send_batch_markers
        self._asks_for_markers = _has_own(node, "process_marker")
        self._timed = _has_own(node, "process_due")
        # What it holds back, or makes one row of, is not filtered.
        self._filters = not (node.is_sink or node.holds_rows_back or node.gathers_rows)
        self._arrange_work(rejections)

    @property
    def _finish(self) -> Finish:
        return self._shape.finish

    def _item(self, row: Any) -> Any:
        return row if self._batches else (None, row)

    def _work(self) -> bool:
        return self._process(self.inbox) if self._pool is None else self._process_side_by_side(self._pool)

    @property
    def _waits_for_rows(self) -> bool:
        return self.inbox.receiving and (self._pool is None or self._pool.is_idle)

    def drain(self) -> None:
        """Go on: it ends when its input does."""

    def _count_emitted(self) -> None:
        """Count nothing: what it gives was made of what it received."""

    def _settle(self) -> None:
        """Let go of what was held back."""
        if self.node.ended_regularly:  # else it may have thrown away what it held
            self.outbox.end_kept()

    def _arrange_work(self, rejections: Rejections | None) -> None:
        """Get ready what sees to each row by itself, where something is to."""
        node = self.node
        self._guarded: GuardedWork | None = None
        is_parallel = node.workers > 1
        if is_parallel or rejections is not None or node.error_policy.retry is not None:
            self._guarded = GuardedWork(node, self.outbox, rejections)
            self._row_work = self._new_work(node)
        self._pool = self._new_pool() if is_parallel else None
        self._shape.on_aside = self._expect_aside
        self._asides: list[None] = []  # one, where there were any since this was last looked at
        self.outbox.keeps_origins = not self._batches and self._guarded is not None

    def _expect_aside(self) -> None:
        """Let the outbox know that what comes next is no row; of what other threads make, when that is settled."""
        if self._pool is None or threading.current_thread() is self.thread:
            self.outbox.expect_aside()
            self._asides[:] = (None,)

    def _batch_code(self, local: object) -> BatchCode:
        return self.node.process_batch if sees_all(self.node) else SeenBatches(self.node, local).process

    def _new_work(self, local: object) -> RowWork:
        work = SeeingWork if self._has_pairs else RowWork
        process_batch = self._batch_code(local) if self._batches else None
        return work(self.node, self._view, self._shape, self.outbox, process_batch=process_batch, local=local)

    def _new_pool(self) -> Pool:
        new_work = functools.partial(self._new_work, self.node._of_thread)
        return Pool(self.node, self._thread_name, new_work, self._settle_outcome, self.outbox, by_batch=self._batches)

    def _process(self, inbox: Inbox[Batch[Row]]) -> bool:
        batch_rows = self.node.batch_rows
        by_argument = takes_row(self.node)
        while True:
            if self._timed:
                got = self._receive_in_time(inbox, batch_rows)
            else:
                got = inbox.receive(batch_rows, fill_s=self.node.batch_wait_s)
            if got is None:
                return not inbox.failed
            batch = got[1]
            first = self._count_taken(*got)
            self.outbox.begin(batch.tokens)
            self.node.message_source = self.senders.get(got[0])
            if batch.marks:
                self._process_marked(batch, first, by_argument)
            else:
                self._process_part(batch, first, by_argument)
            if self._aborted or self.outbox.cancelled:
                return False
            self._let_go()

    def _let_go(self) -> None:
        """Let go of the input in hand, and of what was held back, as far as the node is done with it."""
        node, received = self.node, self.statistics.received
        if not node.holds_rows_back:
            self.outbox.end_kept()
            return
        self.outbox.keep(received)
        if node.rows_held is not None:
            self.outbox.end_kept(received - node.rows_held)

    def _receive_in_time(
        self, inbox: Inbox[Batch[Row]], max_rows: int
    ) -> tuple[Channel[Batch[Row]], Batch[Row]] | None:
        """Receive as ``inbox`` does, and let the node do what is due until then."""
        while True:
            due_in_s = self.node.due_in_s()
            if due_in_s is None or due_in_s > 0:
                try:
                    return inbox.receive(max_rows, due_in_s)
                except TimeoutError:
                    continue
            self._gather(self.node.process_due())
            if self.outbox.rows:
                self.outbox.flush()
            self._let_go()

    def _gather(self, results: Iterator[Any] | None) -> None:
        """Gather what a node gives that it made of no row alone."""
        for result in results or ():
            if result is not None and not self.outbox.cancelled:
                self._give(result)

    def _count_taken(self, channel: Channel[Batch[Row]], batch: Batch[Row]) -> int:
        """Count a batch that was received, and return the number of its first row."""
        self.taken[channel] = self.taken.get(channel, 0) + len(batch)
        first = self.statistics.received + 1
        self.statistics.received += len(batch)
        return first

    def _process_side_by_side(self, pool: Pool) -> bool:
        pause = (lambda: self.node.sleep(self.node.throttle_s)) if self.node.throttle_s else None
        pool.start()
        try:
            while (got := pool.receive(self.inbox, self.node.batch_rows, self.node.batch_wait_s)) is not None:
                first = self._count_taken(*got)
                pool.give(got[1], first, self.senders.get(got[0]), pause)
            pool.finish()
        except ChannelCancelled:
            raise
        except BaseException as error:
            self._fail(error, pool.came)
            raise ChannelCancelled from error
        finally:
            pool.stop()
        return not self.inbox.failed

    def _settle_outcome(self, outcome: Outcome | Marker) -> None:
        assert self._guarded is not None  # there is one beside a pool
        if isinstance(outcome, Marker):
            self._take_marker(outcome)
            return
        self._mark(BatchStart)
        try:
            if isinstance(outcome, Made):
                for _ in filter(aside_of, outcome.items):
                    self.outbox.expect_aside()
            self._guarded.settle(outcome)
        finally:
            self._mark(BatchEnd)

    def _process_marked(self, batch: Batch[Row], first: int, by_argument: bool) -> None:
        """Process the rows of a batch and, each in its place, the markers among them."""
        for place, part in batch.parts():
            if isinstance(part, Marker):
                self._take_marker(part)
                continue
            self._process_part(part, first + place, by_argument)
            if self.outbox.cancelled:
                return

    def _take_marker(self, marker: Marker) -> None:
        if not self._asks_for_markers:
            self.outbox.add_aside(marker)
            return
        for result in self.node.process_marker(marker) or ():
            if result is not None:
                self._give(result)

    def _process_part(self, batch: Batch[Row], first: int, by_argument: bool) -> None:
        if self._has_pace:
            for number, row in enumerate(batch.rows, first):
                if self.node.throttle_s:
                    self.node.sleep(self.node.throttle_s)
                if self.outbox.cancelled:
                    return
                self._process_between_marks(Batch([row], type(row)), number, by_argument)
        else:
            self._process_run(batch, first, by_argument)

    def _process_run(self, batch: Batch[Row], first: int, by_argument: bool) -> None:
        if self._guarded is not None:
            self._process_guarded(batch, first, self._guarded)
        else:
            self._process_plainly(batch, first, by_argument)

    def _process_between_marks(self, batch: Batch[Row], number: int, by_argument: bool) -> None:
        self._mark(BatchStart)
        try:
            self._process_run(batch, number, by_argument)
        except BaseException:
            if not self.outbox.cancelled:  # what ends the run is no reason to leave a batch open
                self._mark(BatchEnd)
                self.outbox.flush()
            raise
        self._mark(BatchEnd)

    def _process_plainly(self, batch: Batch[Row], first: int, by_argument: bool) -> None:
        seen, problem = self._view.of(batch, first)
        if self._batches:
            self._process_batch(batch if problem is None else batch.head(len(seen)), first)
        else:
            self._process_rows(batch, unpaired(self.node, seen) if self._has_pairs else seen, by_argument)
        if problem is not None:
            raise problem
        self.statistics.processed += len(batch)

    def _process_guarded(self, batch: Batch[Row], first: int, guarded: GuardedWork) -> None:
        try:
            for outcome in self._row_work.outcomes(batch, first):
                guarded.settle(outcome)
        except ChannelCancelled:
            raise
        except BaseException as error:
            self._fail(error, self._row_work.came)
            raise ChannelCancelled from error

    def _process_batch(self, batch: Batch[Row], first: int) -> None:
        if not len(batch):
            return
        self.node.first_row_number = first
        try:
            made = self._process_whole(batch)
        except RowError as error:
            good = 0 if error.row is None else error.row - first
            if self.node.rows_are_independent and 0 < good < len(batch):
                self.outbox.send_batch(self._process_whole(batch.head(good)))
            raise
        self.outbox.send_batch(made)
        if not (self.node.is_sink or self.node.gathers_rows):
            self.statistics.filtered += max(0, len(batch) - len(made))

    # The innermost loop of every node of one's own: a call more for each row would cost it a tenth of its speed.
    def _process_rows(self, batch: Batch[Row], seen: Iterable[Any], by_argument: bool) -> None:  # noqa: C901, PLR0912, PLR0915 - as above
        node = self.node
        outbox = self.outbox
        gathered = outbox.rows
        append = gathered.append
        row_class = self._shape.row_class
        passes = self._shape.may_pass(batch.row_class)
        process: Callable[..., Any] = node.process_item
        always_yields = inspect.isgeneratorfunction(process)
        came: Row | None = None
        barren = 0
        asides = self._asides
        asides.clear()
        try:
            for came, message in zip(batch.rows, seen, strict=False):  # seen ends before a row that breaks the contract
                if outbox.cancelled:
                    return
                node.__message__ = message
                results: Any = process(message) if by_argument else process()
                if not always_yields:
                    if results is None:
                        barren += 1
                        continue
                    results = results_of(node, results)
                gave = False
                for result in results:
                    if result is came and passes:
                        append(came)
                    elif result.__class__ is row_class:
                        append((came, result))
                    elif result is not None:
                        append(self._shape.made(came, message, result))
                        if asides:  # cheaper than to ask of each row what was made of it
                            asides.clear()
                            if len(gathered) >= outbox.limit:
                                outbox.flush()
                            continue
                    else:
                        continue
                    gave = True
                    if len(gathered) >= outbox.limit:
                        outbox.flush()
                if not gave:
                    barren += 1
        except ChannelCancelled:
            raise
        except BaseException as error:
            self._fail(error, came)
            raise ChannelCancelled from error
        self.statistics.filtered += barren * self._filters

    def _take_last(self) -> None:
        """Process what ``cleanup`` of the nodes before this one yields, after an abort."""
        by_argument = takes_row(self.node)
        while not self.outbox.cancelled:
            got = self.inbox.receive_last(self.node.batch_rows, max(0.0, self._last_until - time.monotonic()))
            if got is None:
                return
            channel, batch = got
            self.outbox.begin(batch.tokens)
            self.statistics.received += len(batch)
            self.node.message_source = self.senders.get(channel)
            self._process_marked(batch, self.statistics.received - len(batch) + 1, by_argument)
            self.outbox.keep(self.statistics.received)  # of a run that was cut off nothing more counts as dealt with


def _has_own(node: NanoNode[Any, Any], method: str) -> bool:
    return getattr(type(node), method) is not getattr(NanoNode, method)
