"""One node in its own thread: its life cycle, its loop over rows, and how it ends."""

from __future__ import annotations

import functools
import inspect
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from nanotyped.channel import Channel, ChannelCancelled, Inbox
from nanotyped.engine.checkpoint import EXHAUSTED, exhausted_at
from nanotyped.engine.guarded import BatchCode, GuardedWork, Made, Outcome, RowWork
from nanotyped.engine.ledger import SourceLedger
from nanotyped.engine.outbox import Finish, Origin, Outbox, aside_of
from nanotyped.engine.pool import Pool
from nanotyped.engine.sending import SendingShape, batches_in_time, rows_in_time
from nanotyped.engine.shaping import InputView, OutputShape, results_of, takes_row
from nanotyped.engine.sight import Looking, SeeingWork, SeenBatches, unpaired
from nanotyped.errors import CellProblem, DeadLetterError, RowError, TooManyErrorsError, shown
from nanotyped.message import Aside, Batch, BatchEnd, BatchStart, Checkpoint, Marker
from nanotyped.node import NanoNode, NodeReport
from nanotyped.node.passing import sees_all, takes_batches

if TYPE_CHECKING:
    from nanotyped.engine.rejection import Rejections
    from nanotyped.row import Row
    from nanotyped.row.raw_line import RawLine

LAST_WORDS_S = 0.5
"""How long a node that was told to end waits, at the most, for what the cleanup of those before it yields."""

OnFailure = Callable[["Worker", BaseException, "str | None"], None]


class Worker:
    """Runs one node. Made before the threads start; ``thread`` is started by the run.

    Attributes:
        node: The node.
        inbox: Where its rows come in; ``None`` for a source.
        outbox: Where its rows go out.
        ledger: Which of a source's rows have been dealt with; ``None`` for other nodes.
        senders: The node at the other end of each channel.
        taken: How many rows came over each channel.
        ended_regularly: Whether it got to the end of its data, or drained.
        exhausted: Whether a source gave all it has.
        all_told: Set once every node of the run was told to abort.
    """

    def __init__(
        self,
        node: NanoNode[Any, Any],
        on_failure: OnFailure,
        on_end: Callable[[Worker], None],
        on_advance: Callable[[], None],
        rejections: Rejections | None = None,
    ) -> None:
        self.node = node
        self._thread_name = f"nanotyped-{node.label}"
        self.inbox: Inbox[Batch[Row]] | None = None if node.is_source else Inbox()
        self.statistics = node.statistics
        self._choose_ways(node)
        self.senders: dict[Channel[Batch[Row]], NanoNode[Any, Any]] = {}
        finish: Finish = self._shape.check if self.inbox is None else self._shape.finish
        if self._batches:
            finish = _as_they_are
        self._rejections = rejections
        self.outbox = Outbox(node.batch_rows, node.statistics, finish, self._failed_while_sending, rejections)
        self._arrange_work(rejections)
        node._reject = None if rejections is None else self._reject
        self._rejected_as_read = 0
        self.taken: dict[Channel[Batch[Row]], int] = {}
        self.ended_regularly = False
        self.ledger = SourceLedger(on_advance, time.monotonic) if self.inbox is None else None
        self._on_failure = on_failure
        self._on_end = on_end
        self.exhausted = False
        self._last_checkpoint: Checkpoint | None = None
        self._draining = False
        self._aborted = False
        self._silent = False
        self._last_until = 0.0
        self.all_told = threading.Event()
        self._failed = False
        self.thread = threading.Thread(target=self._run, name=self._thread_name, daemon=True)

    def _choose_ways(self, node: NanoNode[Any, Any]) -> None:
        """Choose once what the options ask for, so that nodes without them go the plain way."""
        self._batches = takes_batches(node)
        self._shape = OutputShape(node) if sees_all(node) else SendingShape(node)
        self._view = (InputView if node.sight.is_whole else Looking)(node, by_batch=self._batches)
        self._process_whole = self._batch_code(node)
        self._has_pairs = node.sight.key is not None and not self._batches
        self._has_pace = node.throttle_s > 0 or node.send_batch_markers
        self._asks_for_markers = _has_own(node, "process_marker")
        self._timed = _has_own(node, "process_due")
        self._filters = not node.is_sink and not node.holds_rows_back  # what it holds back is not filtered

    def _arrange_work(self, rejections: Rejections | None) -> None:
        """Get ready what sees to each row by itself, where something is to."""
        node = self.node
        self._guarded: GuardedWork | None = None
        is_parallel = self.inbox is not None and node.workers > 1
        if self.inbox is not None and (is_parallel or rejections is not None or node.error_policy.retry is not None):
            self._guarded = GuardedWork(node, self.outbox, rejections)
            self._work = self._new_work(node)
        self._pool = self._new_pool() if is_parallel else None
        self._shape.on_aside = self._expect_aside
        self._asides: list[None] = []  # one, where there were any since this was last looked at
        self.outbox.keeps_origins = not self._batches and (self._guarded is not None or rejections is not None)

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
        names = [f"{self._thread_name}#{place}" for place in range(1, self.node.workers + 1)]
        local = self.node._of_thread
        new_work = functools.partial(self._new_work, local)
        return Pool(names, local, new_work, self._settle_outcome, self.outbox, by_batch=self._batches)

    # -- told from outside, by any thread ----------------------------------------------

    def drain(self) -> None:
        """Let a source stop after the row in its hand; other nodes end when their input does."""
        if self.inbox is None:
            self._draining = True
            self.node._stop.set()
            self.outbox.stop()

    def abort(self, *, silent: bool = False) -> None:
        """Let the node end after the row in its hand; its queue is dropped.

        Args:
            silent: Whether what ``cleanup`` yields is thrown away. Else nodes stay, for a moment, to take what the
                ``cleanup`` of those before them yields; the run sets ``all_told`` once all of them know.
        """
        self._silent = self._silent or silent
        self._last_until = time.monotonic() + LAST_WORDS_S
        self._aborted = True
        self.node._stop.set()
        self.outbox.cancel()
        if self.inbox is not None:
            (self.inbox.cancel if silent else self.inbox.stop)()

    def report(self) -> NodeReport:
        """Return what the node has done so far."""
        counted = self.statistics
        return NodeReport(
            self.node.label,
            type(self.node).__name__,
            counted.received,
            counted.sent,
            counted.rejected,
            round(counted.seconds or 0.0, 3),
            counted.status,
            counted.filtered,
            counted.skipped,
            counted.dead,
            counted.emitted,
            counted.processed,
            counted.retried,
        )

    # -- the thread ------------------------------------------------------------------------

    def _run(self) -> None:
        self.statistics.status = "running"
        self.statistics.started_at = time.monotonic()
        regular = False
        try:
            regular = self._work_and_clean_up()
        except BaseException as error:  # noqa: BLE001 - a node may raise anything, and all of it ends the run
            self._fail(error, None)
        finally:
            self.statistics.ended_at = time.monotonic()
            if self._failed:
                self.statistics.status = "error"
            else:
                self.statistics.status = "success" if regular and not self._draining else "stopped"
            self.ended_regularly = regular
            self._count_emitted()
            if self.inbox is not None:
                self.inbox.cancel()
            self.outbox.close(failed=not regular)
            self._on_end(self)

    def _work_and_clean_up(self) -> bool:
        """Return whether the node got to the regular end of its data, or drained."""
        regular = False
        try:
            if self._rejections is not None:
                self._rejections.open()
            self.node.runtime_attributes.set_on(self.node)
            self.node.setup()
            if self.inbox is None:
                regular = self._generate()
            else:
                regular = self._process(self.inbox) if self._pool is None else self._process_side_by_side(self._pool)
            self.outbox.flush()  # of an irregular end too: it was given before what ended the run
            if regular and self._rejections is not None:
                self._count_emitted()
                self._rejections.check_rate()
        except ChannelCancelled:
            regular = False  # the consumer is gone: the run has failed or was stopped, and this node ends with it
        except BaseException as error:  # noqa: BLE001 - a node may raise anything, and all of it ends the run
            regular = False
            self._fail(error, None)
        run = self.node._run
        self.node.ended_regularly = regular and not self._failed and not (run is not None and run.failed)
        try:
            if self._may_speak_last:
                self._take_last()
            self._clean_up()
        except ChannelCancelled:
            regular = False
        if regular and not self._failed:
            self._settle()
        elif self._rejections is not None:
            self._rejections.sync()  # what was counted is there to be read, though its rows are given again
        return regular and not self._failed

    def _settle(self) -> None:
        """Let go of what was held to the end; a source that gave all it has says so."""
        if self.inbox is not None:
            if self.node.ended_regularly:  # else it may have thrown away what it held
                self.outbox.end_kept()
        elif self.exhausted:
            last = self._last_checkpoint
            self._close_stretch(exhausted_at(last.cursor) if last is not None and last.lasting else EXHAUSTED)

    def _count_emitted(self) -> None:
        if self.inbox is None:
            self.statistics.emitted = self.outbox.given + len(self.outbox.rows) + self._rejected_as_read

    @property
    def _may_speak_last(self) -> bool:
        run = self.node._run
        return self._aborted and not (self._silent or self._failed or (run is not None and run.failed))

    def _take_last(self) -> None:
        """Process what ``cleanup`` of the nodes before this one yields, after an abort."""
        self.all_told.wait(LAST_WORDS_S)
        self.outbox.reopen()
        by_argument = takes_row(self.node)
        while self.inbox is not None and not self.outbox.cancelled:
            got = self.inbox.receive_last(self.node.batch_rows, max(0.0, self._last_until - time.monotonic()))
            if got is None:
                return
            channel, batch = got
            self.outbox.begin(batch.tokens)
            self.statistics.received += len(batch)
            self.node.message_source = self.senders.get(channel)
            self._process_marked(batch, self.statistics.received - len(batch) + 1, by_argument)
            self.outbox.keep(self.statistics.received)  # of a run that was cut off nothing more counts as dealt with

    def _clean_up(self) -> None:
        for result in self.node.cleanup() or ():
            speaks = self.node.ended_regularly or self._may_speak_last
            if not speaks or self.outbox.cancelled or result is None:
                continue
            self._give(result)
        if self.node.ended_regularly or (self._may_speak_last and not self.outbox.cancelled):
            self.outbox.flush()

    def _give(self, result: Any) -> None:
        """Gather a result that was made of no row."""
        row = self._shape.to_row(result)
        item = row if self.inbox is None or self._batches else (None, row)
        if self.outbox.keeps_origins:
            self.outbox.add([item], None)
            return
        self.outbox.rows.append(item)
        if len(self.outbox.rows) >= self.outbox.limit:
            self.outbox.flush()

    def _generate(self) -> bool:
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

    def _mark(self, marker: type[BatchStart | BatchEnd]) -> None:
        """Set a marker before or behind what is made of an input, or all that a source gives."""
        if self.node.send_batch_markers:
            self.outbox.add_aside(self.node.batch_start() if marker is BatchStart else marker())

    def _send_batches(self, batches: Iterator[Sequence[Row] | Checkpoint]) -> None:
        outbox = self.outbox
        resumes = stopping = False
        for given in batches:
            if isinstance(given, Checkpoint):
                resumes = True
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
        self.exhausted = not self._draining

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
        self.exhausted = not self._draining

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
        self.exhausted = not self._draining  # one that looks at stop_requested ends by itself, and may have more

    def _open_stretch(self) -> None:
        assert self.ledger is not None  # only a source has rows of its own
        self._stretch = self.ledger.open()
        self.outbox.begin((self._stretch,))

    def _checkpoint(self, checkpoint: Checkpoint) -> None:
        """End the stretch of rows that the source has given, and begin another."""
        self._last_checkpoint = checkpoint
        self._close_stretch(checkpoint.cursor)
        self._open_stretch()

    def _close_stretch(self, cursor: Any) -> None:
        assert self.ledger is not None  # as above
        self.ledger.close(self._stretch, cursor)
        self.outbox.end()

    def _process(self, inbox: Inbox[Batch[Row]]) -> bool:
        batch_rows = self.node.batch_rows
        by_argument = takes_row(self.node)
        while True:
            got = inbox.receive(batch_rows) if not self._timed else self._receive_in_time(inbox, batch_rows)
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
        assert self.inbox is not None  # a source has no pool
        pause = (lambda: self.node.sleep(self.node.throttle_s)) if self.node.throttle_s else None
        pool.start()
        try:
            while (got := pool.receive(self.inbox, self.node.batch_rows)) is not None:
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
        start = 0
        ends: list[tuple[int, Marker | None]] = [*batch.marks, (len(batch), None)]
        for end, marker in ends:
            if end > start:
                rows = batch.rows[start:end]
                self._process_part(Batch(rows, batch.row_class), first + start, by_argument)
                start = end
            if self.outbox.cancelled:
                return
            if marker is not None:
                self._take_marker(marker)

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
        elif self._guarded is not None:
            self._process_guarded(batch, first, self._guarded)
        else:
            self._process_plainly(batch, first, by_argument)

    def _process_between_marks(self, batch: Batch[Row], number: int, by_argument: bool) -> None:
        self._mark(BatchStart)
        try:
            if self._guarded is not None:
                self._process_guarded(batch, number, self._guarded)
            else:
                self._process_plainly(batch, number, by_argument)
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
            for outcome in self._work.outcomes(batch, first):
                guarded.settle(outcome)
        except ChannelCancelled:
            raise
        except BaseException as error:
            self._fail(error, self._work.came)
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
        if not self.node.is_sink:
            self.statistics.filtered += max(0, len(batch) - len(made))

    # The innermost loop of every node of one's own: a call more for each row would cost it a tenth of its speed.
    def _process_rows(self, batch: Batch[Row], seen: Iterable[Any], by_argument: bool) -> None:  # noqa: C901, PLR0912, PLR0915 - as above
        node = self.node
        outbox = self.outbox
        gathered = outbox.rows
        append = gathered.append
        row_class = self._shape.row_class
        passes = self._shape.may_pass(batch.row_class)
        process = node.process_item
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

    # -- failure ---------------------------------------------------------------------------------

    def _failed_while_sending(self, error: BaseException) -> None:
        self._report_failure(error, None)

    def _fail(self, error: BaseException, row: Row | None) -> None:
        try:
            self.outbox.flush()  # what was given before the failure is still delivered
        except ChannelCancelled:
            pass
        except (RowError, TooManyErrorsError) as earlier:
            error, row = earlier, None
        except DeadLetterError as later:  # its rows are held, and given again
            if error is not later:
                error.add_note(str(later))
        self._report_failure(error, row)

    def _report_failure(self, error: BaseException, row: Row | None) -> None:
        text = getattr(error, "row_text", None)
        if text is None and row is not None:
            text = shown(row)
        self._failed = True
        if row is not None or isinstance(error, RowError | TooManyErrorsError):
            problems: Sequence[CellProblem] = getattr(error, "problems", ())
            self.statistics.rejected += len({problem.row for problem in problems}) or 1
        self._on_failure(self, error, text)


def _as_they_are(rows: list[Any], _first: int) -> Batch[Row]:
    return Batch.of(rows)


def _has_own(node: NanoNode[Any, Any], method: str) -> bool:
    return getattr(type(node), method) is not getattr(NanoNode, method)
