"""Where a node gathers what it gives, until a batch is full or a consumer is hungry.

The node's thread appends to ``rows`` without a lock; whoever sends takes the lock and cuts the first rows off. That may
be the node, when the batch is full, or a consumer that found nothing to do (``pull``), while the node is still busy
with its next row. Rows are checked and shaped when they are sent, a batch at a time.

What goes out holds the tokens of what it may have been made of: of the input in hand, and of inputs that were done
with while some of what they gave was still gathered here. An input's own holds end when all it gave has been sent,
and the rows of it that were rejected are kept.

At a node that rejects rows what was made of one row stays together: it is sent, or rejected, as a whole.

What is no row (``Aside``) is gathered among the rows, and so keeps its place. Whoever appends it says so before
(``expect_aside``): only then is what was gathered looked through.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from nanotyped.channel import Channel, ChannelCancelled
from nanotyped.errors import RowError, RowValidationError, TooManyErrorsError
from nanotyped.message import Aside, Batch, Mark, Marker
from nanotyped.row import Row
from nanotyped.row.compiled import Projection, compile_copier

if TYPE_CHECKING:
    from nanotyped.engine.rejection import Rejections
    from nanotyped.message import Token
    from nanotyped.node import NodeStatistics

Finish = Callable[[list[Any], int], Batch[Row]]


class Origin(NamedTuple):
    """The row that something was made of, and its number at the node."""

    number: int
    row: Row


def aside_of(item: object) -> Aside | None:
    """Return what was gathered if that is no row: alone, or beside the row that it was made of."""
    given = item[1] if isinstance(item, tuple) else item
    return given if isinstance(given, Aside) else None


class Outbox:
    """The sending side of one node.

    Args:
        batch_rows: How many rows a batch has at the most.
        statistics: Where rows are counted.
        finish: Makes the rows to send of what was gathered.
        on_error: Told what goes wrong in the thread of a consumer.
        rejections: Who takes the rows that ``finish`` refuses; ``None``: they are errors.

    Attributes:
        given: How many rows the node gave.
        rows: What was gathered and not sent; the node's thread appends here and nothing else.
        limit: How many may be gathered before ``flush`` is due: 1 while a consumer is hungry, 0 to stop the node.
        keeps_origins: Whether each row is gathered with the row that it was made of (``add``).
        cancelled: Whether a consumer is gone or the run was ended, so that ``flush`` raises.
    """

    __slots__ = (
        "_asides_expected",
        "_asides_found",
        "_batch_rows",
        "_channels",
        "_copiers",
        "_done",
        "_finish",
        "_hungry",
        "_in_hand",
        "_kept",
        "_last",
        "_lock",
        "_on_error",
        "_origins",
        "_rejections",
        "_statistics",
        "_stopping",
        "cancelled",
        "given",
        "keeps_origins",
        "limit",
        "rows",
    )

    def __init__(
        self,
        batch_rows: int,
        statistics: NodeStatistics,
        finish: Finish,
        on_error: Callable[[BaseException], None],
        rejections: Rejections | None = None,
    ) -> None:
        self.rows: list[Any] = []
        self.cancelled = False
        self._hungry = False
        self._stopping = False
        self._last = False
        self._batch_rows = batch_rows
        self.limit = batch_rows
        self._channels: list[Channel[Batch[Row]]] = []
        self._copiers: dict[type[Row], Projection | None] = {}
        self._finish = finish
        self._statistics = statistics
        self._on_error = on_error
        self._rejections = rejections
        self._origins: list[Origin | None] = []
        self.keeps_origins = False
        self.given = 0
        self._in_hand: tuple[Token, ...] = ()
        self._done: list[Token] = []
        self._kept: deque[tuple[int, tuple[Token, ...]]] = deque()
        self._lock = threading.Lock()
        # Counted apart, by the node's thread and by whoever sends: neither waits for the other.
        self._asides_expected = 0
        self._asides_found = 0

    def connect(self, channel: Channel[Batch[Row]]) -> None:
        """Send over this channel too."""
        self._channels.append(channel)
        self._set_limit()

    @property
    def channels(self) -> tuple[Channel[Batch[Row]], ...]:
        """The channels it sends over."""
        return tuple(self._channels)

    def begin(self, tokens: tuple[Token, ...]) -> None:
        """Take over the holds of the input that the node is about to work on."""
        with self._lock:
            self._in_hand = tokens

    def end(self) -> None:
        """Let go of the input in hand once all that it gave has been sent.

        Raises:
            RowError: If what a sink gave, which nobody behind it asks for, breaks its contract.
        """
        with self._lock:
            if self.rows and not self._channels:
                self._send(len(self.rows))
            self._done += self._in_hand
            self._in_hand = ()
            if not self.rows:
                self._release_done()

    def keep(self, number: int) -> None:
        """Keep the input in hand, whose last row has this number, until ``end_kept``: the node holds its rows back."""
        with self._lock:
            self._kept.append((number, self._in_hand))
            self._in_hand = ()

    def end_kept(self, number: int | None = None) -> None:
        """Let go of what was kept, up to the row of this number, once all that was given has been sent.

        Args:
            number: What has later rows stays; ``None``: nothing does.
        """
        with self._lock:
            while self._kept and (number is None or self._kept[0][0] <= number):
                self._in_hand = (*self._kept.popleft()[1], *self._in_hand)
        self.end()

    def _release_done(self) -> None:
        if self._rejections is not None and self._done:
            self._rejections.sync()  # a row is let go of only once its dead letter is on the disk
        done, self._done = self._done, []
        for token in done:
            token.release()

    def flush(self) -> None:
        """Send what was gathered and wait until more may be; called by the node's own thread.

        Raises:
            ChannelCancelled: If a consumer is gone.
            RowError: If what the node gave breaks its contract.
        """
        with self._lock:
            self._send(len(self.rows))
        self._wait_for_room()

    def add(self, items: list[Any], origin: Origin | None) -> None:
        """Gather all that was made of one row, and send what is due; for a node with an error policy.

        Raises:
            ChannelCancelled: If a consumer is gone.
        """
        if len(self.rows) + len(items) > self.limit and len(self.rows) + len(items) > max(1, self._room()):
            self.flush()
        if len(items) > 1 and len(items) > self._room() and not any(map(aside_of, items)):
            with self._lock:
                rows = self._finished_whole(items, origin)
            self._send_in_pieces(rows)
            return
        # Origins first: whoever pulls finds one for every row.
        if len(items) == 1:
            self._origins.append(origin)
            self.rows.append(items[0])
        else:
            self._origins += [origin] * len(items)
            self.rows += items
        if len(self.rows) >= self.limit:
            self.flush()

    def expect_aside(self) -> None:
        """Say that the next item may be no row; called by the node's own thread."""
        self._asides_expected += 1

    def add_aside(self, aside: Aside) -> None:
        """Gather what is no row, behind what was gathered; called by the node's own thread.

        Raises:
            ChannelCancelled: If a consumer is gone.
        """
        self.expect_aside()
        if self.keeps_origins:
            self._origins.append(None)
        self.rows.append(aside)
        if len(self.rows) >= self.limit:
            self.flush()

    def put_in(self, row: Row | None, marker: Marker | None) -> None:
        """Send a row or a marker behind all that was gathered, without waiting; called by any thread."""
        with self._lock:
            try:
                self._send(len(self.rows))
                if row is not None:
                    self.given += 1
                    self._put(Batch([row], type(row)))
                if marker is not None:
                    self._put(Batch((), None, (), (Mark(0, marker),)))
            except ChannelCancelled:
                self.cancel()
            except BaseException as error:  # noqa: BLE001 - it belongs to the producer, whose failure this reports
                self.cancel()
                self._on_error(error)

    def send_batch(self, rows: Sequence[Row]) -> None:
        """Send rows that are right as they are: at once, or gathered while they are few.

        Raises:
            ChannelCancelled: If a consumer is gone.
        """
        if len(rows) * 2 < self.limit:
            self.rows += rows
            if len(self.rows) >= self.limit:
                self.flush()
            return
        if self.rows:
            self.flush()
        self.given += len(rows)
        self._send_in_pieces(rows)

    def _send_in_pieces(self, rows: Sequence[Row]) -> None:
        start = 0
        while start < len(rows):
            size = self._room()
            part = rows if not start and len(rows) <= size else rows[start : start + size]
            start += len(part)
            with self._lock:
                self._hungry = False
                self._put(Batch.of(part))
            self._wait_for_room()

    def stop(self) -> None:
        """Make ``flush`` due at once, so that a source sees that it is to stop; called by any thread."""
        self._stopping = True
        self.limit = 0

    def cancel(self) -> None:
        """Make ``flush`` due at once, and raise; called by any thread."""
        self.cancelled = True
        self.stop()

    def reopen(self) -> None:
        """Drop what was gathered, and send once more, over channels that are stopped: for the last words of a node."""
        with self._lock:
            self.rows.clear()
            self._origins.clear()
            self._last = True
            self.cancelled = self._stopping = self._hungry = False
            self._set_limit()

    def pull(self) -> None:
        """Send what was gathered, if that needs no waiting; called by the thread of a consumer with nothing to do."""
        self._hungry = True
        self.limit = min(self.limit, 1)
        if not self.rows or not self._lock.acquire(blocking=False):
            return
        try:
            count = len(self.rows)
            if all(count < channel.room for channel in self._channels):
                self._send(count)
                self._set_limit()
        except ChannelCancelled:
            self.cancel()
        except BaseException as error:  # noqa: BLE001 - it belongs to the producer, whose failure this reports
            self.cancel()
            self._on_error(error)
        finally:
            self._lock.release()

    def close(self, *, failed: bool) -> None:
        """End every channel."""
        for channel in self._channels:
            channel.close(failed=failed)

    def _send(self, count: int) -> None:
        gathered = self.rows[:count]
        del self.rows[:count]
        if gathered:
            self._hungry = False
            if self._asides_expected != self._asides_found:
                self._send_with_asides(gathered)
                return
            if self._origins:
                origins = self._origins[:count]
                del self._origins[:count]
                if self._rejections is not None:
                    self._put(self._right_of(gathered, origins, self._rejections))
                    self._release_done()
                    return
                self._statistics.processed += len({origin.number for origin in origins if origin is not None})
            first = self.given + 1
            self.given += len(gathered)
            try:
                batch = self._finish(gathered, first)
            except Exception as error:
                good = self._count_good(gathered, first, error)
                if good:
                    self._put(self._finish(gathered[:good], first))
                raise
            self._put(batch)
            self._release_done()

    def _send_with_asides(self, items: list[Any]) -> None:
        """Send rows with the markers among them; of a row that is rejected, none of what was made of it."""
        origins: list[Origin | None] = self._origins[: len(items)] or [None] * len(items)
        del self._origins[: len(items)]
        asides = [aside_of(item) for item in items]
        self._asides_found += len(items) - asides.count(None)
        rows = [item for item, aside in zip(items, asides, strict=True) if aside is None]
        own = [origin for origin, aside in zip(origins, asides, strict=True) if aside is None]
        counted = {origin.number for origin in own if origin is not None}
        # Of these there are asides alone.
        barren = {origin.number for origin in origins if origin is not None} - counted
        self._statistics.processed += len(barren)
        refused: set[int] = set()
        if not rows:
            batch: Batch[Row] = Batch(())
        elif self._rejections is not None:
            batch = self._right_of(rows, own, self._rejections, refused)
        else:
            self._statistics.processed += len(counted)
            first = self.given + 1
            self.given += len(rows)
            try:
                batch = self._finish(rows, first)
            except Exception as error:
                good = self._count_good(rows, first, error)
                head = self._finish(rows[:good], first) if good else Batch(())
                self._put_marked(head, asides, origins, refused)
                raise
        self._put_marked(batch, asides, origins, refused)
        self._release_done()

    def _put_marked(
        self, batch: Batch[Row], asides: Sequence[Aside | None], origins: Sequence[Origin | None], refused: set[int]
    ) -> None:
        """Send rows with the markers that stood among them, up to the first row that is not there and not refused."""
        marks: list[Mark] = []
        before = 0
        for aside, origin in zip(asides, origins, strict=True):
            if origin is not None and origin.number in refused:
                continue
            if aside is None and before == len(batch):
                break
            if isinstance(aside, Marker):
                marks.append(Mark(before, aside))
            before += aside is None
        self._put(Batch(batch.rows, batch.row_class, (), tuple(marks)))

    def _finished_whole(self, items: list[Any], origin: Origin | None) -> Sequence[Row]:
        if self._rejections is not None:
            return self._right_of(items, [origin] * len(items), self._rejections).rows
        first = self.given + 1
        self.given += len(items)
        self._statistics.processed += 1
        return self._finish(items, first).rows

    def _right_of(
        self,
        gathered: list[Any],
        origins: Sequence[Origin | None],
        rejections: Rejections,
        numbers_refused: set[int] | None = None,
    ) -> Batch[Row]:
        """Return the rows to send of what was gathered, and reject each row of which something is refused.

        The numbers of these are added to ``numbers_refused``.

        Raises:
            TooManyErrorsError: If that was one too many; what was made of the rows before it was sent.
        """
        first = self.given + 1
        self.given += len(gathered)
        numbers = [origin.number if origin is not None else 0 for origin in origins]
        refused: dict[int, RowError] = {}
        try:
            batch = self._finish(gathered, first)
        except RowError as error:
            refused = self._refused(gathered, numbers, first)
            if 0 in refused or not refused:  # of what cleanup gave there is no row to reject
                raise refused.get(0, error) from None
            batch = self._finished_of(gathered, numbers, set(numbers) - {*refused})
        rows = {number: origin.row for number, origin in zip(numbers, origins, strict=True) if origin is not None}
        for number, reason in refused.items():
            try:
                rejections.reject(rows[number], reason, number)
            except TooManyErrorsError:
                before = {other for other in rows if other < number} - {*refused}
                self._put(self._finished_of(gathered, numbers, before))
                raise
        self._statistics.processed += len(rows) - len(refused)
        if numbers_refused is not None:
            numbers_refused |= {*refused}
        return batch

    def _finished_of(self, gathered: list[Any], numbers: list[int], wanted: set[int]) -> Batch[Row]:
        right = [item for item, number in zip(gathered, numbers, strict=True) if number in wanted]
        return self._finish(right, 1) if right else Batch(())

    def _refused(self, gathered: list[Any], numbers: list[int], first: int) -> dict[int, RowError]:
        found: dict[int, RowError] = {}
        for place, (item, number) in enumerate(zip(gathered, numbers, strict=True), first):
            try:
                self._finish([item], place)
            except RowError as error:
                found.setdefault(number, error)
        return found

    def _count_good(self, gathered: list[Any], first: int, error: Exception) -> int:
        if isinstance(error, RowValidationError):
            return error.problems[0].row - first
        for index, item in enumerate(gathered):
            try:
                self._finish([item], first + index)
            except Exception:  # noqa: BLE001 - the same error, at its row
                return index
        return len(gathered)

    def _put(self, batch: Batch[Row]) -> None:
        if not self._channels or not (len(batch) or batch.marks):
            return
        self._statistics.sent += len(batch)
        # A consumer may do with a document what it likes: each branch has its own, copied before anyone has the first.
        branches = [batch, *(self._copied(batch) for _ in self._channels[1:])]
        kept = chain.from_iterable([held for _, held in self._kept]) if self._kept else ()
        tokens = tuple({*self._done, *kept, *self._in_hand})
        gone: ChannelCancelled | None = None
        for channel, own in zip(self._channels, branches, strict=True):
            for token in tokens:
                token.hold()
            try:
                put = channel.put_last if self._last else channel.put
                put(Batch(own.rows, own.row_class, tokens, batch.marks))
            except ChannelCancelled as cancelled:
                gone = cancelled  # the siblings get it all the same
        if gone is not None:
            raise gone

    def _copied(self, batch: Batch[Row]) -> Batch[Row]:
        if batch.row_class is None:
            return Batch([self._copied(Batch([row], type(row))).rows[0] for row in batch.rows])
        if batch.row_class not in self._copiers:
            self._copiers[batch.row_class] = compile_copier(batch.row_class)
        copy = self._copiers[batch.row_class]
        return batch if copy is None else Batch(copy(batch.rows), batch.row_class)

    def _wait_for_room(self) -> None:
        if self.cancelled:
            raise ChannelCancelled
        if not self._last:
            for channel in self._channels:
                channel.wait_for_room()
        self._set_limit()

    def _room(self) -> int:
        """Return how many rows the next batch may have: at least one, for whoever sends has waited for that."""
        return max(1, min([self._batch_rows, *(channel.room for channel in self._channels)]))

    def _set_limit(self) -> None:
        self.limit = self._room()
        # Whoever got hungry or stopped this while the room was measured set the limit too early.
        if self._hungry:
            self.limit = 1
        if self._stopping:
            self.limit = 0
