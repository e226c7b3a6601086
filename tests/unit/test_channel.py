"""The bounded hand-off: order, bounds, and every way to end, each waking whoever waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanotyped.channel import Channel, ChannelCancelled, Inbox
from nanotyped.message import Batch, Canary, Mark

WAIT_S = 10.0
Numbers = Batch[int]


def nothing() -> None:
    """Have nothing to send."""


def numbers(*values: int) -> Numbers:
    """Return a batch of numbers."""
    return Batch(values)


def opened(*capacities: int) -> tuple[Inbox[Numbers], list[Channel[Numbers]]]:
    """Return an inbox with channels of these capacities."""
    inbox: Inbox[Numbers] = Inbox()
    return inbox, [inbox.open_channel(capacity, nothing) for capacity in capacities]


class Waiter:
    """Runs something that waits in a thread of its own, and tells how it ended."""

    def __init__(self, what: Callable[[], object]) -> None:
        self.result: object = None
        self.error: BaseException | None = None
        self._what = what
        self._entered = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        assert self._entered.wait(WAIT_S)

    def _run(self) -> None:
        self._entered.set()
        try:
            self.result = self._what()
        except BaseException as error:  # noqa: BLE001 - it is compared by the test
            self.error = error

    def ended(self) -> Waiter:
        """Wait for the end."""
        self.thread.join(WAIT_S)
        assert not self.thread.is_alive()
        return self


def until_blocked(condition: threading.Condition) -> None:
    """Wait until a thread waits at a condition."""
    deadline = time.monotonic() + WAIT_S
    while not condition._waiters:  # type: ignore[attr-defined]  # the deque of the standard library
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_a_capacity_is_at_least_one() -> None:
    """A channel that could hold nothing is refused."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        opened(0)
    assert str(caught.value) == "a channel holds at least one row, not 0"


def test_what_goes_in_comes_out() -> None:
    """Batches come out in the order of arrival with the channel that they came by; counts are in rows."""
    inbox, [a, b] = opened(10, 10)
    a.put(numbers(1, 2))
    b.put(numbers(3))
    a.put(numbers(4))
    assert (a.rows_waiting, b.rows_waiting, inbox.rows_waiting, a.room) == (3, 1, 4, 7)
    assert [
        (channel, list(batch.rows)) for channel, batch in [inbox.receive(9) or (a, numbers()) for _ in range(3)]
    ] == [
        (a, [1, 2]),
        (b, [3]),
        (a, [4]),
    ]
    assert (a.rows_sent, b.rows_sent, inbox.rows_waiting) == (3, 1, 0)
    assert inbox.channels == (a, b)


@given(st.lists(st.integers(1, 6), max_size=8), st.integers(1, 8))
def test_batches_are_cut_and_joined_to_max_rows(sizes: list[int], max_rows: int) -> None:
    """A longer batch is split, shorter ones of one channel are joined; no row is lost, and order is kept."""
    inbox, [channel] = opened(100)
    sent = list(range(sum(sizes)))
    start = 0
    for size in sizes:
        channel.put(Batch(sent[start : start + size]))
        start += size
    channel.close()
    received: list[int] = []
    while (got := inbox.receive(max_rows)) is not None:
        assert 1 <= len(got[1]) <= max_rows
        received += got[1].rows
    assert received == sent
    assert channel.rows_waiting == 0


def test_batches_of_two_channels_are_not_joined() -> None:
    """Batches are joined within their channel only, as far as they stand side by side."""
    inbox, [a, b] = opened(10, 10)
    for channel, value in ((a, 1), (a, 2), (b, 3), (a, 4)):
        channel.put(numbers(value))
    taken = [inbox.receive(10) for _ in range(3)]
    assert [list(got[1].rows) for got in taken if got is not None] == [[1, 2], [3], [4]]


def test_a_full_channel_holds_its_producer() -> None:
    """`wait_for_room` waits while the channel is full, and goes on when the consumer takes a row."""
    inbox, [channel] = opened(2)
    channel.put(numbers(1, 2))
    waiter = Waiter(channel.wait_for_room)
    until_blocked(channel.writable)
    assert inbox.receive(1) is not None
    assert waiter.ended().error is None


def test_close_delivers_and_then_ends() -> None:
    """After close what is queued is delivered, then the inbox ends; it ends with the last of its channels."""
    inbox, [a, b] = opened(5, 5)
    a.put(numbers(1))
    a.close()
    b.put(numbers(2))
    first, second = inbox.receive(5), inbox.receive(5)
    assert first is not None
    assert second is not None
    waiter = Waiter(lambda: inbox.receive(5))
    until_blocked(inbox._readable)
    b.close()
    assert waiter.ended().result is None
    assert waiter.error is None
    assert not inbox.failed
    assert inbox.receive(5) is None


def test_a_failed_channel_is_told() -> None:
    """A channel closed as failed delivers, ends, and the inbox knows; only the first close counts."""
    inbox, [a, b] = opened(5, 5)
    a.put(numbers(1))
    b.close()
    a.close(failed=True)
    b.close(failed=True)
    assert (a.failed, b.failed) == (True, False)
    assert inbox.receive(5) is not None
    assert inbox.receive(5) is None
    assert inbox.failed


def test_cancel_wakes_everyone() -> None:
    """After cancel the queue is gone, producers and the consumer are woken, and each later call raises."""
    inbox, [full, other] = opened(1, 5)
    full.put(numbers(1))
    other.put(numbers(2))
    producer = Waiter(full.wait_for_room)
    until_blocked(full.writable)
    inbox.cancel()
    assert isinstance(producer.ended().error, ChannelCancelled)
    assert inbox.rows_waiting == 0
    calls: list[Callable[[], object]] = [
        full.wait_for_room,
        other.wait_for_room,
        lambda: other.put(numbers(3)),
        lambda: inbox.receive(1),
    ]
    for call in calls:
        with pytest.raises(ChannelCancelled):
            call()
    another, _ = opened(1)
    consumer = Waiter(lambda: another.receive(1))
    until_blocked(another._readable)
    another.cancel()
    assert isinstance(consumer.ended().error, ChannelCancelled)


def test_waiting_has_a_limit() -> None:
    """With timeout_s the wait ends with a TimeoutError; what comes in time is received."""
    inbox, [channel] = opened(1)
    with pytest.raises(TimeoutError):
        inbox.receive(1, timeout_s=0.01)
    channel.put(numbers(1))
    assert inbox.receive(1, timeout_s=0) is not None


def test_an_inbox_without_channels_has_ended() -> None:
    """Without channels there is nothing to wait for."""
    assert Inbox[Numbers]().receive(1) is None


def test_a_hungry_consumer_pulls() -> None:
    """A consumer that finds nothing asks each producer that has not ended for what it has, before it waits."""
    inbox: Inbox[Numbers] = Inbox()
    asked: list[str] = []
    channels: list[Channel[Numbers]] = []

    def give(name: str) -> Callable[[], None]:
        def pull() -> None:
            asked.append(name)
            if name == "a":
                channels[0].put(numbers(1))

        return pull

    channels += [inbox.open_channel(5, give(name)) for name in "abc"]
    channels[2].close()
    assert inbox.receive(5, timeout_s=WAIT_S) is not None
    assert asked == ["a", "b"]
    channels[1].put(numbers(2))
    assert inbox.receive(5) is not None
    assert asked == ["a", "b"]


@pytest.mark.parametrize("capacity", [1, 3, 50])
def test_a_bound_is_never_exceeded(capacity: int) -> None:
    """Three producers and three consumers: no channel ever holds more than its bound, nothing is lost or reordered."""
    inboxes: list[Inbox[Numbers]] = [Inbox() for _ in range(3)]
    channels = [[inbox.open_channel(capacity, nothing) for _ in range(3)] for inbox in inboxes]
    most: list[int] = []
    received: list[list[tuple[Channel[Numbers], int]]] = [[], [], []]

    def produce(number: int) -> None:
        mine = [row[number] for row in channels]
        value = 0
        while value < 600:
            size = min([1 + value % 7, *(channel.room for channel in mine)])
            batch = Batch(range(value, value + size))
            for channel in mine:
                channel.put(batch)
                most.append(channel.rows_waiting)
            for channel in mine:
                channel.wait_for_room()
            value += size
        for channel in mine:
            channel.close()

    def consume(number: int) -> None:
        while (got := inboxes[number].receive(1 + number * 4, WAIT_S)) is not None:
            received[number] += [(got[0], value) for value in got[1].rows]

    threads = [threading.Thread(target=work, args=(n,), daemon=True) for work in (produce, consume) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert max(most) <= capacity
    for row, seen in zip(channels, received, strict=True):
        for channel in row:
            values = [value for by, value in seen if by is channel]
            assert values == list(range(channel.rows_sent))
            assert channel.rows_sent >= 600


# -- markers and last words ---------------------------------------------------------------------------------


def marks(count: int) -> Numbers:
    """Return a batch of markers alone."""
    return Batch((), None, (), tuple(Mark(0, Canary(n=n)) for n in range(count)))


def test_markers_take_room_of_their_own() -> None:
    """As many markers as rows may wait; the sender waits for either, and neither counts as the other."""
    inbox, [channel] = opened(2)
    channel.put(numbers(1))
    channel.put(marks(2))
    assert (channel.rows_waiting, channel.marks_waiting, channel.room, channel.rows_sent) == (1, 2, 1, 1)
    waiter = Waiter(channel.wait_for_room)
    waiter.thread.join(0.02)
    assert waiter.thread.is_alive()
    got = inbox.receive(10)
    assert got is not None
    assert (list(got[1].rows), len(got[1].marks)) == ([1], 2)
    assert waiter.ended().error is None
    assert channel.marks_waiting == 0


def test_a_stopped_inbox_takes_only_last_words() -> None:
    """A stop drops what is queued and wakes both sides; what is put last comes, until every channel has ended."""
    inbox, [channel, other] = opened(1, 1)
    channel.put(numbers(1))
    producer = Waiter(channel.wait_for_room)
    inbox.stop()
    assert isinstance(producer.ended().error, ChannelCancelled)
    with pytest.raises(ChannelCancelled):
        channel.put(numbers(2))
    with pytest.raises(ChannelCancelled):
        inbox.receive(10)
    consumer = Waiter(lambda: inbox.receive_last(10, WAIT_S))
    channel.put_last(numbers(3, 4))
    got: Any = consumer.ended().result
    assert (got[0], list(got[1].rows)) == (channel, [3, 4])
    assert inbox.receive_last(10, 0) is None
    consumer = Waiter(lambda: inbox.receive_last(10, WAIT_S))
    channel.close()
    other.close()
    assert consumer.ended().result is None
    inbox.cancel()
    with pytest.raises(ChannelCancelled):
        channel.put_last(numbers(5))


def test_a_stop_wakes_the_consumer() -> None:
    """A consumer that waits learns of a stop at once."""
    inbox, _ = opened(1)
    consumer = Waiter(lambda: inbox.receive(10))
    inbox.stop()
    assert isinstance(consumer.ended().error, ChannelCancelled)
