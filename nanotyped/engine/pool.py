"""One node at work in several threads: ``workers: N``, for code that waits on something else than the processor.

The node's own thread receives, hands the rows out, a row (or, to ``process_batch``, a batch) at a time, and settles
what became of them in the order in which they came. So the order is kept, the outbox has one writer, and the rows'
holds are let go of as in a node of one thread.
"""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

from nanotyped.channel import Channel, ChannelCancelled, Inbox
from nanotyped.message import Batch, Marker
from nanotyped.row.rows import row_info

if TYPE_CHECKING:
    from nanotyped.engine.guarded import Outcome, RowWork
    from nanotyped.engine.outbox import Outbox
    from nanotyped.message import Token
    from nanotyped.node import NanoNode
    from nanotyped.row import Row

# A slow row holds up what came behind it: so many rows a worker may be done with, or at, before that.
_AHEAD = 4


class Task:
    """Some rows to work on, and once ``done``, what became of them; or a marker among rows, which is done at once.

    Attributes:
        batch: The rows.
        number: Number of the first of them.
        sender: The node that sent them.
        tokens: The holds of the batch that it is a part of.
        marker: The marker, where there are no rows.
        is_last: Whether it is the last part of the batch, behind which the holds end.
        done: Whether a worker is through with it.
        outcomes: What became of the rows, up to an error.
        error: The error, and the row that was in hand.
        keys: What no other row may have that is worked on at the same time.
    """

    __slots__ = (
        "batch",
        "came",
        "done",
        "error",
        "is_last",
        "keys",
        "marker",
        "number",
        "outcomes",
        "sender",
        "tokens",
    )

    def __init__(self, batch: Batch[Row], number: int, sender: object, marker: Marker | None = None) -> None:
        self.batch = batch
        self.number = number
        self.sender = sender
        self.tokens: tuple[Token, ...] = ()
        self.keys: frozenset[tuple[object, ...]] = frozenset()
        self.marker = marker
        self.is_last = False
        self.done = marker is not None
        self.outcomes: list[Outcome] = []
        self.error: BaseException | None = None
        self.came: Row | None = None


class Pool:
    """The threads of one node beside its own, and what they are at. All methods belong to the node's own thread.

    Args:
        node: The node; says how many threads there are to be, and of which rows the order is to be kept outside.
        name: Of the node's own thread; those of the others begin with it.
        new_work: Makes what one thread works with.
        settle: Does with an outcome what it asks for, or passes a marker on.
        outbox: Where that goes; holds the rows' holds.
        by_batch: Whether a worker takes a batch at a time.

    Attributes:
        came: The row at which the code failed.
    """

    def __init__(
        self,
        node: NanoNode[Any, Any],
        name: str,
        new_work: Callable[[], RowWork],
        settle: Callable[[Outcome | Marker], None],
        outbox: Outbox,
        *,
        by_batch: bool,
    ) -> None:
        self._local = node._of_thread
        self._new_work = new_work
        self._settle = settle
        self._outbox = outbox
        self._in_order_of = node.in_order_of
        self._by_batch = by_batch
        self._most = node.workers * (1 if by_batch else _AHEAD)
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._pending: deque[Task] = deque()
        self._changed = threading.Condition()
        self._cancelled = False
        self._wake: Callable[[], None] = _nobody_waits
        self.came: Row | None = None
        names = [f"{name}#{place}" for place in range(1, node.workers + 1)]
        self._threads = [threading.Thread(target=self._work, name=each, daemon=True) for each in names]

    @property
    def is_idle(self) -> bool:
        """Whether all that was handed out is settled; asked by any thread."""
        return not self._pending

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

    def receive(
        self, inbox: Inbox[Batch[Row]], max_rows: int, fill_s: float
    ) -> tuple[Channel[Batch[Row]], Batch[Row]] | None:
        """Return what comes in next, as ``Inbox.receive``; what is done with meanwhile is settled.

        Raises:
            ChannelCancelled: If the node is to end.
        """
        self._wake = inbox.wake
        while True:
            self._settle_done()
            try:
                return inbox.receive(max_rows, unless=self._oldest_is_done, fill_s=fill_s)
            except TimeoutError:
                continue

    def give(self, batch: Batch[Row], first: int, sender: object, pause: Callable[[], None] | None) -> None:
        """Hand the rows of a batch out, waiting for room, and settle what is done with meanwhile.

        Args:
            batch: The rows, and the markers among them.
            first: Number of the first row.
            sender: The node that sent them.
            pause: Waits before each row; ``None``: a batch may be handed out as a whole.

        Raises:
            ChannelCancelled: If the node is to end.
        """
        tasks = list(self._tasks_of(batch, first, sender, one_by_one=pause is not None or not self._by_batch))
        for task in tasks:
            task.tokens = batch.tokens
            task.is_last = task is tasks[-1]
            if self._in_order_of:
                task.keys = _keys(task.batch, self._in_order_of)
            while len(self._pending) >= self._most or self._must_wait(task):
                self._settle_oldest()
            if pause is not None and task.marker is None:
                pause()
            self._pending.append(task)
            if not task.done:
                self._tasks.put(task)
        self._settle_done()

    def _must_wait(self, task: Task) -> bool:
        """Whether a row of equal key is being worked on; its turn was before."""
        return bool(task.keys) and any(not one.done and not one.keys.isdisjoint(task.keys) for one in self._pending)

    @staticmethod
    def _tasks_of(batch: Batch[Row], first: int, sender: object, *, one_by_one: bool) -> Iterator[Task]:
        for place, part in batch.parts():
            if isinstance(part, Marker):
                yield Task(Batch(()), first + place, sender, part)
                continue
            size = 1 if one_by_one else len(part)
            for at in range(0, len(part), size):
                yield Task(Batch(part.rows[at : at + size], part.row_class), first + place + at, sender)

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
        if task.marker is not None:
            self._settle(task.marker)
        for outcome in task.outcomes:
            self._settle(outcome)
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
                self._local.message_source = task.sender
                _do(task, work)
            with self._changed:
                task.done = True
                self._changed.notify_all()
            self._wake()


def _do(task: Task, work: RowWork) -> None:
    try:
        for outcome in work.outcomes(task.batch, task.number):
            task.outcomes.append(outcome)
    except BaseException as error:  # noqa: BLE001 - it belongs to the node's own thread, which raises it
        task.error, task.came = error, work.came


def _keys(batch: Batch[Row], columns: Sequence[str]) -> frozenset[tuple[object, ...]]:
    """Return the values that the rows have in some columns; ``None`` in the place of one that a row has not."""
    found: set[tuple[object, ...]] = set()
    for row_class, rows in groupby(batch.rows, type):
        fields = row_info(row_class).fields
        names = [fields.get(name) for name in columns]
        found.update(tuple(None if name is None else getattr(row, name) for name in names) for row in rows)
    return frozenset(found)


def _nobody_waits() -> None:
    """Wake nobody: nothing was received yet."""
