"""One node in its own thread: its life cycle, and how it ends.

What it does between ``setup`` and ``cleanup`` is the business of ``giving`` (sources) and ``processing`` (all others).
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from nanotyped.channel import Channel, ChannelCancelled, Inbox
from nanotyped.engine.outbox import Finish, Outbox
from nanotyped.engine.sending import SendingShape
from nanotyped.engine.shaping import OutputShape
from nanotyped.errors import CellProblem, DeadLetterError, RowError, TooManyErrorsError, shown
from nanotyped.message import Batch, BatchEnd, BatchStart
from nanotyped.node import NanoNode, NodeReport
from nanotyped.node.passing import sees_all, takes_batches

if TYPE_CHECKING:
    from nanotyped.engine.ledger import SourceLedger
    from nanotyped.engine.rejection import Rejections
    from nanotyped.row import Row

LAST_WORDS_S = 0.5
"""How long a node that was told to end waits, at the most, for what the cleanup of those before it yields."""

OnFailure = Callable[["Worker", BaseException, "str | None"], None]
OnEnd = Callable[["Worker"], None]


class Worker(ABC):
    """Runs one node. Made before the threads start; ``thread`` is started by the run.

    Args:
        node: The node.
        on_failure: Told what failed, with the row as text.
        on_end: Told that the thread is about to end.
        rejections: Who takes rows that are wrong; ``None``: they end the run.

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

    inbox: Inbox[Batch[Row]] | None = None
    ledger: SourceLedger | None = None
    exhausted = False
    _rejected_as_read = 0

    def __init__(
        self, node: NanoNode[Any, Any], on_failure: OnFailure, on_end: OnEnd, rejections: Rejections | None
    ) -> None:
        self.node = node
        self._thread_name = f"nanotyped-{node.label}"
        self.statistics = node.statistics
        # What the options ask for is chosen once, here and in the subclasses: nodes without them go the plain way.
        self._batches = takes_batches(node)
        self._shape = OutputShape(node) if sees_all(node) else SendingShape(node)
        self.senders: dict[Channel[Batch[Row]], NanoNode[Any, Any]] = {}
        self._rejections = rejections
        finish = _as_they_are if self._batches else self._finish
        self.outbox = Outbox(node.batch_rows, node.statistics, finish, self._failed_while_sending, rejections)
        self.taken: dict[Channel[Batch[Row]], int] = {}
        self.ended_regularly = False
        self._on_failure = on_failure
        self._on_end = on_end
        self._draining = False
        self._aborted = False
        self._silent = False
        self._last_until = 0.0
        self.all_told = threading.Event()
        self._failed = False
        self.thread = threading.Thread(target=self._run, name=self._thread_name, daemon=True)

    @property
    @abstractmethod
    def _finish(self) -> Finish:
        """What makes the rows to send of what was gathered."""

    @property
    def _waits_for_rows(self) -> bool:
        """Whether nothing is there for it to work on."""
        return False

    @abstractmethod
    def _work(self) -> bool:
        """Do the node's work; return whether it got to the regular end of its data, or drained."""

    @abstractmethod
    def _settle(self) -> None:
        """Let go of what was held to the regular end."""

    @abstractmethod
    def _take_last(self) -> None:
        """Process, after an abort, what ``cleanup`` of the nodes before this one yields."""

    @abstractmethod
    def _count_emitted(self) -> None:
        """Count what a source has given."""

    def _item(self, row: Any) -> Any:
        """Return a row that was made of no other as it is gathered."""
        return row

    # -- told from outside, by any thread ----------------------------------------------

    @abstractmethod
    def drain(self) -> None:
        """Let a source stop after the row in its hand; other nodes end when their input does."""

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

    @property
    def is_at_work(self) -> bool:
        """Whether the node waits neither for rows nor for room."""
        return not self._waits_for_rows and all(channel.room > 0 for channel in self.outbox.channels)

    @property
    def rows_given(self) -> int:
        """How many rows a source gave so far; of rows in hand some may be counted twice, or not yet."""
        return self.outbox.given + len(self.outbox.rows) + self._rejected_as_read

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
            regular = self._work()
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
                self.all_told.wait(LAST_WORDS_S)
                self.outbox.reopen()
                self._take_last()
            self._clean_up()
        except ChannelCancelled:
            regular = False
        if regular and not self._failed:
            self._settle()
        elif self._rejections is not None:
            self._rejections.sync()  # what was counted is there to be read, though its rows are given again
        return regular and not self._failed

    @property
    def _may_speak_last(self) -> bool:
        run = self.node._run
        return self._aborted and not (self._silent or self._failed or (run is not None and run.failed))

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
        item = self._item(self._shape.to_row(result))
        if self.outbox.keeps_origins:
            self.outbox.add([item], None)
            return
        self.outbox.rows.append(item)
        if len(self.outbox.rows) >= self.outbox.limit:
            self.outbox.flush()

    def _mark(self, marker: type[BatchStart | BatchEnd]) -> None:
        """Set a marker before or behind what is made of an input, or all that a source gives."""
        if self.node.send_batch_markers:
            self.outbox.add_aside(self.node.batch_start() if marker is BatchStart else marker())

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
        at_a_row = isinstance(error, RowError) or (isinstance(error, TooManyErrorsError) and text is not None)
        if row is not None or at_a_row:
            problems: Sequence[CellProblem] = getattr(error, "problems", ())
            self.statistics.rejected += len({problem.row for problem in problems}) or 1
        self._on_failure(self, error, text)


def _as_they_are(rows: list[Any], _first: int) -> Batch[Row]:
    return Batch.of(rows)
