"""The bounded hand-off between nodes: rows go in at a ``Channel``, come out of an ``Inbox``. Standard library only.

One inbox belongs to one consumer; a channel leads into it from each producer. A channel is bounded in rows, and a full
one holds its producer back. It ends in one of three ways, and each wakes every side that waits:

- ``close()``: the producer has no more; what is queued is delivered, then the inbox ends.
- ``close(failed=True)``: the producer failed or was stopped; what is queued is delivered, then the inbox ends, failed.
- ``Inbox.cancel()``: the consumer is gone; the queue is dropped, and producers get ``ChannelCancelled``.

Before it is cancelled an inbox may be kept for last words (``Inbox.stop``): the queue is dropped, consumer and
producers get ``ChannelCancelled``, and what comes by ``put_last`` after that can be taken with ``receive_last``.

A consumer that finds nothing is *hungry*: it asks its producers (``pull``) for what they are still gathering, so that a
slow stream is not delayed by batching and a fast one pays the hand-off once a batch.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, Self, TypeVar

# How often a batch that waits to be filled asks for what producers have gathered meanwhile.
_LOOKS = 8
logger = logging.getLogger("nanotyped.channel")


class ChannelCancelled(Exception):  # noqa: N818 - a signal to the producer, no mistake of anyone
    """The consumer is gone; nothing that is sent will be read."""


class SplittableBatch(Protocol):
    """What a channel needs to know of a batch: its length in rows, how to cut it and how to join it."""

    def __len__(self) -> int:
        """Return the number of rows."""

    def split(self, size: int, /) -> tuple[Self, Self]:
        """Return the first ``size`` rows, and the rest."""

    def join(self, others: Sequence[Self], /) -> Self:
        """Return the rows of this batch and then those of the others."""

    @property
    def marks(self) -> Sequence[object]:
        """What stands between the rows; it takes room of its own, so that it cannot pile up either."""


B = TypeVar("B", bound=SplittableBatch)


class Inbox(Generic[B]):
    """Where one consumer receives, in order of arrival, from all its channels.

    Attributes:
        batches_received: How many batches the consumer has taken.
        receiving: Whether the consumer waits for the next one.
    """

    def __init__(self) -> None:
        self.receiving = False
        self._lock = threading.Lock()
        self._readable = threading.Condition(self._lock)
        self._queue: deque[tuple[Channel[B], B]] = deque()
        self._channels: list[Channel[B]] = []
        self._cancelled = False
        self._stopped = False
        self.batches_received = 0

    @property
    def channels(self) -> tuple[Channel[B], ...]:
        """The channels that lead here, in order of opening."""
        return tuple(self._channels)

    @property
    def rows_waiting(self) -> int:
        """Rows that are queued here."""
        return sum(channel.rows_waiting for channel in self._channels)

    @property
    def failed(self) -> bool:
        """Whether a channel ended because its producer did not get to its end."""
        return any(channel.failed for channel in self._channels)

    def open_channel(self, capacity: int, pull: Callable[[], None]) -> Channel[B]:
        """Open a channel that leads here.

        Args:
            capacity: How many rows may wait in it.
            pull: Called, with no lock held, when the consumer found nothing: sends what is still being gathered.
        """
        channel = Channel(self, capacity, pull)
        self._channels.append(channel)
        return channel

    def receive(
        self,
        max_rows: int,
        timeout_s: float | None = None,
        unless: Callable[[], bool] | None = None,
        fill_s: float = 0.0,
    ) -> tuple[Channel[B], B] | None:
        """Return the next batch and its channel, waiting for it; ``None`` when every channel has ended.

        Args:
            max_rows: A longer batch is split, and its rest comes next; shorter ones of one channel are joined.
            timeout_s: Longest wait, in seconds.
            unless: Ends the wait where it says so; asked again at each ``wake``.
            fill_s: How many seconds a batch of fewer rows waits for more of them, once it is there.

        Raises:
            TimeoutError: If nothing came in time, or before ``unless`` said so.
            ChannelCancelled: If the inbox was cancelled.
        """
        if not self._queue and not self._cancelled:
            self._pull()
        with self._lock:
            news = self._has_news if unless is None else lambda: self._has_news() or unless()
            self.receiving = True
            try:
                self._readable.wait_for(news, timeout_s)
            finally:
                self.receiving = False
            if self._cancelled or self._stopped:
                raise ChannelCancelled
            if not self._has_news():
                raise TimeoutError
            if not self._queue:
                return None
            if fill_s <= 0:
                return self._taken(max_rows)
        self._fill(max_rows, fill_s)
        with self._lock:
            if self._cancelled or self._stopped:
                raise ChannelCancelled
            return self._taken(max_rows, fills=True)

    def _pull(self) -> None:
        for channel in self._channels:
            if not channel.ended:
                channel.pull()

    def _fill(self, max_rows: int, fill_s: float) -> None:
        """Wait until the next batch is a whole one, or has waited so long, and ask for its rows meanwhile."""
        ends_at = time.monotonic() + fill_s
        while (left_s := ends_at - time.monotonic()) > 0:
            with self._lock:
                if self._readable.wait_for(lambda: self._is_whole(max_rows), min(left_s, fill_s / _LOOKS)):
                    return
            self._pull()

    def _is_whole(self, max_rows: int) -> bool:
        """Whether the next batch gets no longer by waiting."""
        if self._cancelled or self._stopped or self._has_ended:
            return True
        first, rows = self._queue[0][0], 0
        for channel, batch in self._queue:
            rows += len(batch)
            if channel is not first or rows >= max_rows:
                return True
        return not first._is_open

    def _taken(self, max_rows: int, *, fills: bool = False) -> tuple[Channel[B], B]:
        channel, batch = self._take(max_rows, fills=fills)
        logger.debug("took a batch of %d rows", len(batch))
        return channel, batch

    def wake(self) -> None:
        """Let a ``receive`` that waits ask its ``unless`` again."""
        with self._lock:
            self._readable.notify()

    def receive_last(self, max_rows: int, timeout_s: float) -> tuple[Channel[B], B] | None:
        """Return what a producer has put last, in a stopped inbox; ``None`` when there will be no more, or in time.

        Args:
            max_rows: As in ``receive``.
            timeout_s: Longest wait, in seconds; with 0, what is there is returned all the same.
        """
        with self._lock:
            self._readable.wait_for(lambda: bool(self._queue) or self._has_ended, timeout_s)
            return self._take(max_rows) if self._queue else None

    def _take(self, max_rows: int, *, fills: bool = False) -> tuple[Channel[B], B]:
        channel, batch = self._cut(max_rows, fills=fills)
        channel.rows_waiting -= len(batch)
        channel.marks_waiting -= len(batch.marks)
        channel.writable.notify_all()
        self.batches_received += 1
        return channel, batch

    def _cut(self, max_rows: int, *, fills: bool) -> tuple[Channel[B], B]:
        channel, batch = self._queue.popleft()
        if len(batch) > max_rows:
            batch, rest = batch.split(max_rows)
            self._queue.appendleft((channel, rest))
            return channel, batch
        # Batches that were sent early are small: a consumer that fell behind gets them as one.
        more: list[B] = []
        total = len(batch)
        while self._queue and self._queue[0][0] is channel and total + len(self._queue[0][1]) <= max_rows:
            more.append(self._queue.popleft()[1])
            total += len(more[-1])
        if fills and total < max_rows and self._queue and self._queue[0][0] is channel:
            first, rest = self._queue.popleft()[1].split(max_rows - total)
            self._queue.appendleft((channel, rest))
            more.append(first)
        return channel, batch.join(more) if more else batch

    def cancel(self) -> None:
        """Drop what is queued and wake everybody: the consumer is gone."""
        with self._lock:
            self._cancelled = True
            self._drop()

    def stop(self) -> None:
        """Drop what is queued and wake everybody; only what is put last is taken from now on."""
        with self._lock:
            self._stopped = True
            self._drop()

    def _drop(self) -> None:
        self._queue.clear()
        for channel in self._channels:
            channel.rows_waiting = channel.marks_waiting = 0
            channel.writable.notify_all()
        self._readable.notify_all()

    @property
    def _has_ended(self) -> bool:
        return self._cancelled or all(channel.ended for channel in self._channels)

    def _has_news(self) -> bool:
        return bool(self._queue) or self._stopped or self._has_ended


class Channel(Generic[B]):
    """The sending end of one edge. One producer; made by ``Inbox.open_channel``.

    Attributes:
        capacity: How many rows may wait.
        rows_waiting: How many do.
        marks_waiting: How many markers do; as many may as rows.
        rows_sent: How many were ever sent.
        batches_sent: In how many batches.
        ended: Whether it was closed.
        failed: Whether its producer did not get to its end.
    """

    __slots__ = (
        "_inbox",
        "batches_sent",
        "capacity",
        "ended",
        "failed",
        "marks_waiting",
        "pull",
        "rows_sent",
        "rows_waiting",
        "writable",
    )

    def __init__(self, inbox: Inbox[B], capacity: int, pull: Callable[[], None]) -> None:
        if capacity < 1:
            raise ValueError(f"a channel holds at least one row, not {capacity}")
        self._inbox = inbox
        self.capacity = capacity
        self.pull = pull
        self.writable = threading.Condition(inbox._lock)
        self.rows_waiting = 0
        self.marks_waiting = 0
        self.rows_sent = 0
        self.batches_sent = 0
        self.ended = False
        self.failed = False

    @property
    def room(self) -> int:
        """Rows that may still be sent without waiting."""
        return self.capacity - self.rows_waiting

    @property
    def _is_open(self) -> bool:
        return self.rows_waiting < self.capacity and self.marks_waiting < self.capacity

    def put(self, batch: B) -> None:
        """Queue a batch without waiting. The sender keeps to ``room`` itself and calls ``wait_for_room`` after it.

        Raises:
            ChannelCancelled: If the consumer is gone.
        """
        with self._inbox._lock:
            if self._inbox._cancelled or self._inbox._stopped:
                raise ChannelCancelled
            self._append(batch)

    def put_last(self, batch: B) -> None:
        """Queue a batch though the inbox may be stopped, and whether or not there is room.

        Raises:
            ChannelCancelled: If the consumer is gone.
        """
        with self._inbox._lock:
            if self._inbox._cancelled:
                raise ChannelCancelled
            self._append(batch)

    def _append(self, batch: B) -> None:
        self._inbox._queue.append((self, batch))
        self.batches_sent += 1
        self.rows_waiting += len(batch)
        self.marks_waiting += len(batch.marks)
        self.rows_sent += len(batch)
        self._inbox._readable.notify()

    def wait_for_room(self) -> None:
        """Wait until one more row may be sent.

        Raises:
            ChannelCancelled: If the consumer is gone.
        """
        inbox = self._inbox
        if self._is_open and not inbox._cancelled and not inbox._stopped:
            return
        with inbox._lock:
            self.writable.wait_for(lambda: self._is_open or inbox._cancelled or inbox._stopped)
            if inbox._cancelled or inbox._stopped:
                raise ChannelCancelled

    def close(self, *, failed: bool = False) -> None:
        """End the channel; only the first call counts."""
        with self._inbox._lock:
            if not self.ended:
                self.ended = True
                self.failed = failed
                self._inbox._readable.notify()
