"""One node at work in several threads: ``workers: N``, for code that waits on something else than the processor.

The node's own thread receives, hands the rows out, a row (or, to ``process_batch``, a batch) at a time, and settles
what became of them in the order in which they came. So the order is kept, the outbox has one writer, and the rows'
holds are let go of as in a node of one thread.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from nanotyped.channel import Channel, ChannelCancelled, Inbox
from nanotyped.message import Batch

if TYPE_CHECKING:
    from nanotyped.engine.guarded import GuardedWork, Outcome, RowWork
    from nanotyped.engine.outbox import Outbox
    from nanotyped.message import Token
    from nanotyped.row import Row

# A slow row holds up what came behind it: so many rows a worker may be done with, or at, before that.
_AHEAD = 4


class Task:
    """Some rows to work on, and once ``done``, what became of them.

    Attributes:
        batch: The rows.
        number: Number of the first of them.
        tokens: The holds of the batch that it is a part of.
        is_last: Whether it is the last part of it, behind which the holds end.
        done: Whether a worker is through with it.
        outcomes: What became of the rows, up to an error.
        error: The error, and the row that was in hand.
    """

    __slots__ = ("batch", "came", "done", "error", "is_last", "number", "outcomes", "tokens")

    def __init__(self, batch: Batch[Row], number: int, tokens: tuple[Token, ...], *, is_last: bool) -> None:
        self.batch = batch
        self.number = number
        self.tokens = tokens
        self.is_last = is_last
        self.done = False
        self.outcomes: list[Outcome] = []
        self.error: BaseException | None = None
        self.came: Row | None = None


class Pool:
    """The threads of one node beside its own, and what they are at. All methods belong to the node's own thread.

    Args:
        names: Of the threads, as many as there are to be.
        new_work: Makes what one thread works with.
        guarded: Settles what became of the rows.
        outbox: Where that goes; holds the rows' holds.
        inbox: Where rows come in; woken when a task is done.
        by_batch: Whether a worker takes a batch at a time.

    Attributes:
        came: The row at which the code failed.
    """

    def __init__(
        self,
        names: Sequence[str],
        new_work: Callable[[], RowWork],
        guarded: GuardedWork,
        outbox: Outbox,
        inbox: Inbox[Batch[Row]],
        *,
        by_batch: bool,
    ) -> None:
        self._new_work = new_work
        self._guarded = guarded
        self._outbox = outbox
        self._inbox = inbox
        self._by_batch = by_batch
        self._most = len(names) * (1 if by_batch else _AHEAD)
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._pending: deque[Task] = deque()
        self._changed = threading.Condition()
        self._cancelled = False
        self.came: Row | None = None
        self._threads = [threading.Thread(target=self._work, name=name, daemon=True) for name in names]

    def start(self) -> None:
        """Start the threads."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let the threads end after what they are at, and wait for them."""
        self._cancelled = True
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads:
            thread.join()

    def receive(self, max_rows: int) -> tuple[Channel[Batch[Row]], Batch[Row]] | None:
        """Return what comes in next, as ``Inbox.receive``; what is done with meanwhile is settled.

        Raises:
            ChannelCancelled: If the node is to end.
        """
        while True:
            self._settle_done()
            try:
                return self._inbox.receive(max_rows, unless=self._oldest_is_done)
            except TimeoutError:
                continue

    def give(self, batch: Batch[Row], first: int) -> None:
        """Hand the rows of a batch out, waiting for room, and settle what is done with meanwhile.

        Raises:
            ChannelCancelled: If the node is to end.
        """
        size = len(batch) if self._by_batch else 1
        for start in range(0, len(batch), size):
            while len(self._pending) >= self._most:
                self._settle_oldest()
            part = Batch(batch.rows[start : start + size], batch.row_class)
            task = Task(part, first + start, batch.tokens, is_last=start + size >= len(batch))
            self._pending.append(task)
            self._tasks.put(task)
        self._settle_done()

    def finish(self) -> None:
        """Settle all that is not settled yet."""
        while self._pending:
            self._settle_oldest()

    def _oldest_is_done(self) -> bool:
        return bool(self._pending) and self._pending[0].done

    def _settle_done(self) -> None:
        while self._oldest_is_done():
            self._settle_oldest()

    def _settle_oldest(self) -> None:
        task = self._pending[0]
        with self._changed:
            self._changed.wait_for(lambda: task.done)
        self._pending.popleft()
        self._outbox.begin(task.tokens)
        for outcome in task.outcomes:
            self._guarded.settle(outcome)
        if task.error is not None:
            self._cancelled = True
            self.came = task.came
            raise task.error
        if task.is_last:
            self._outbox.end()

    def _work(self) -> None:
        work = self._new_work()
        while (task := self._tasks.get()) is not None:
            if self._cancelled or self._outbox.cancelled:
                task.error = ChannelCancelled()
            else:
                self._do(task, work)
            with self._changed:
                task.done = True
                self._changed.notify_all()
            self._inbox.wake()

    @staticmethod
    def _do(task: Task, work: RowWork) -> None:
        try:
            for outcome in work.outcomes(task.batch, task.number):
                task.outcomes.append(outcome)
        except BaseException as error:  # noqa: BLE001 - it belongs to the node's own thread, which raises it
            task.error, task.came = error, work.came
