from __future__ import annotations

import asyncio
import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from nanotyped import Stream, StreamStateError

ENDS_S = 10.0
NEVER_S = 60.0


@pytest.fixture
def stream() -> Iterator[Stream[Any]]:
    """A stream, destroyed after the test."""
    made: Stream[Any] = Stream()
    yield made
    made.destroy()


def wait_until(holds: Callable[[], object]) -> None:
    """Wait for what other threads bring about."""
    deadline = time.monotonic() + ENDS_S
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.001)


class Gate:
    """A sink that blocks in each element until the test lets it go on."""

    def __init__(self) -> None:
        self.came: list[Any] = []
        self.entered = threading.Semaphore(0)
        self.pass_one = threading.Semaphore(0)

    def __call__(self, x: Any) -> None:
        self.came.append(x)
        self.entered.release()
        assert self.pass_one.acquire(timeout=3 * ENDS_S)


class Emitter(threading.Thread):
    """A thread that emits some elements, and counts those that were taken."""

    def __init__(self, stream: Stream[Any], elements: Any) -> None:
        super().__init__()
        self.stream = stream
        self.elements = elements
        self.taken = 0
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        """Emit."""
        try:
            for x in self.elements:
                self.stream.emit(x)
                self.taken += 1
        except StreamStateError as error:
            self.error = error


def test_a_blocking_sink_blocks_emit(stream: Stream[Any]) -> None:
    """An element is not taken while a sink is at it, and nothing comes behind it."""
    gate = Gate()
    stream.map(lambda x: x).sink(gate)
    emitter = Emitter(stream, [1, 2])
    assert gate.entered.acquire(timeout=ENDS_S)
    assert (emitter.taken, gate.came) == (0, [1])
    gate.pass_one.release(2)
    emitter.join(ENDS_S)
    assert (emitter.taken, gate.came) == (2, [1, 2])


def test_a_buffer_takes_n_elements_and_then_blocks(stream: Stream[Any]) -> None:
    """While the sink is at one element, ``n`` more are taken, and the next one waits for room."""
    gate = Gate()
    buffer = stream.buffer(3)
    buffer.sink(gate)
    stream.emit(0)
    assert gate.entered.acquire(timeout=ENDS_S)
    emitter = Emitter(stream, range(1, 6))
    waiting: Any = buffer._step
    wait_until(lambda: waiting._waiting)
    assert (emitter.taken, len(waiting._line)) == (3, 3)
    gate.pass_one.release()
    wait_until(lambda: emitter.taken == 4)
    gate.pass_one.release(10)
    wait_until(lambda: gate.came == [0, 1, 2, 3, 4, 5])
    emitter.join(ENDS_S)


def test_a_buffer_keeps_the_order_of_a_coroutine_too(stream: Stream[Any]) -> None:
    """Elements pass one after the other, each once the one before was taken, whatever the sink is."""
    got: list[int] = []

    async def sink(x: int) -> None:
        await asyncio.sleep(0)
        got.append(x)

    stream.buffer(4).sink(sink)
    for x in range(200):
        stream.emit(x)
    wait_until(lambda: len(got) == 200)
    assert got == list(range(200))


def test_a_blocking_sink_behind_a_window_holds_no_other_stream_up(stream: Stream[Any]) -> None:
    """What stands behind a timed step may block: the loop of all streams goes on meanwhile."""
    gate, other = Gate(), Stream[int]()
    stream.buffer(1).sink(gate)
    stream.emit(1)
    assert gate.entered.acquire(timeout=ENDS_S)
    got = other.delay(0.001).sink_to_list()
    other.emit(7)
    wait_until(lambda: got == [7])
    other.destroy()
    gate.pass_one.release()


def test_a_timed_window_passes_lists_of_all_that_came(stream: Stream[Any]) -> None:
    """Every so often a list passes, empty ones too; together they hold all elements in order."""
    lists = stream.timed_window(0.01).sink_to_list()
    for x in range(300):
        stream.emit(x)
    wait_until(lambda: sum(map(len, lists)) == 300 and lists[-1] == [])
    assert [x for one in lists for x in one] == list(range(300))


def test_empty_windows_may_be_dropped(stream: Stream[Any]) -> None:
    """``.filter(len)`` leaves the lists that hold something."""
    lists = stream.timed_window(0.005).filter(len).sink_to_list()
    stream.emit(1)
    wait_until(lambda: lists == [[1]])


def test_a_window_that_is_being_taken_holds_emit_back(stream: Stream[Any]) -> None:
    """While the sink is at a list, an element goes into the next one, and its caller waits."""
    gate = Gate()
    stream.timed_window(0.005).filter(len).sink(gate)
    stream.emit(1)
    assert gate.entered.acquire(timeout=ENDS_S)
    emitter = Emitter(stream, [2, 3])
    emitter.join(0.05)
    assert emitter.taken == 0
    gate.pass_one.release(9)
    emitter.join(ENDS_S)
    assert emitter.taken == 2
    wait_until(lambda: [x for one in gate.came for x in one] == [1, 2, 3])


def test_delay_passes_each_element_so_much_later(stream: Stream[Any]) -> None:
    """No element passes earlier than ``interval`` seconds after it came, and the order is kept."""
    came: dict[int, float] = {}
    passed: list[tuple[int, float]] = []
    stream.delay(0.02).sink(lambda x: passed.append((x, time.monotonic())))
    for x in range(5):
        came[x] = time.monotonic()
        stream.emit(x)
    wait_until(lambda: len(passed) == 5)
    assert [x for x, _ in passed] == list(range(5))
    assert all(at - came[x] >= 0.02 for x, at in passed)


def test_rate_limit_holds_the_caller_back(stream: Stream[Any]) -> None:
    """Two elements are never closer than ``interval``, and the caller waits for his turn."""
    passed: list[float] = []
    stream.rate_limit(0.02).sink(lambda _: passed.append(time.monotonic()))
    for x in range(4):
        stream.emit(x)
        assert len(passed) == x + 1
    assert all(later - earlier >= 0.019 for earlier, later in itertools.pairwise(passed))


def test_latest_drops_what_came_while_the_sink_was_busy(stream: Stream[Any]) -> None:
    """``emit`` never waits; the sink gets the last element that came since."""
    gate = Gate()
    stream.latest().sink(gate)
    stream.emit(0)
    assert gate.entered.acquire(timeout=ENDS_S)
    for x in range(1, 5):
        stream.emit(x)
    gate.pass_one.release(9)
    wait_until(lambda: gate.came == [0, 4])


def test_a_partition_does_not_wait_for_ever(stream: Stream[Any]) -> None:
    """With ``timeout`` fewer than ``n`` elements pass once the first has waited so long; whole ones pass at once."""
    tuples = stream.partition(2, timeout=0.02).sink_to_list()
    for x in (1, 2, 3):
        stream.emit(x)
    assert tuples == [(1, 2)]
    wait_until(lambda: tuples == [(1, 2), (3,)])


def test_zip_holds_back_who_is_ahead(stream: Stream[Any]) -> None:
    """Of one stream ``maxsize`` elements wait for the other; the next caller waits until there is a pair."""
    other = Stream[str]()
    zipped = stream.zip(other, maxsize=2)
    pairs = zipped.sink_to_list()
    emitter = Emitter(stream, [1, 2, 3, 4])
    step: Any = zipped._step
    wait_until(lambda: len(step._queues[0]) == 3)
    assert emitter.taken == 2
    for x in "abcd":
        other.emit(x) if x != "d" else wait_until(lambda: emitter.taken >= 3)
    other.emit("d")
    emitter.join(ENDS_S)
    wait_until(lambda: pairs == [(1, "a"), (2, "b"), (3, "c"), (4, "d")])


def test_a_sink_behind_a_window_may_emit_into_it(stream: Stream[Any]) -> None:
    """What emits from within a delivery does not wait for its end, which would be for ever."""
    seen: list[Any] = []
    lists = stream.timed_window(0.002).filter(len)
    lists.sink(lambda xs: stream.emit(xs[0] + 1) if xs[0] < 3 else None)
    lists.sink(seen.append)
    stream.emit(0)
    wait_until(lambda: seen == [[0], [1], [2], [3]])


# -- errors behind them ------------------------------------------------------------------------------


def test_an_error_behind_a_buffer_comes_to_the_next_caller(stream: Stream[Any]) -> None:
    """It has no caller of its own, so the next ``emit`` raises it, with both steps named, before it takes anything."""
    buffer = stream.buffer(2)
    got = buffer.map(lambda x: 1 // x).sink_to_list()
    stream.emit(0)
    step: Any = buffer._step
    wait_until(lambda: step._error)
    with pytest.raises(ZeroDivisionError) as raised:
        stream.emit(1)
    assert raised.value.__notes__ == [
        "in step `map(<lambda>)` of a stream",
        "raised behind step `buffer(2)`, for an element that came before",
    ]
    stream.emit(1)
    wait_until(lambda: got == [1])


def test_errors_that_nobody_gets_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A second error before the next caller, and one that is there at the end, are logged with their step."""
    stream: Stream[Any] = Stream()
    window = stream.timed_window(0.001)
    window.sink(lambda x: x[0])
    caplog.set_level(logging.ERROR, "nanotyped.streams")
    wait_until(lambda: caplog.records)
    stream.destroy()
    texts = {record.getMessage() for record in caplog.records}
    texts.discard("in a step of a stream that was destroyed meanwhile")  # the list that was just being passed on
    assert texts == {
        "behind step `timed_window(0.001)` of a stream, after an error that nobody has seen yet",
        "behind step `timed_window(0.001)` of a stream, and nobody has seen it",
    }


# -- the end of them -----------------------------------------------------------------------------------


def test_destroy_wakes_who_waits_and_tells_what_it_drops(caplog: pytest.LogCaptureFixture) -> None:
    """Who waits for room gets an error, and what waited in the buffer is counted in a warning."""
    stream, gate = Stream[int](), Gate()
    buffer = stream.buffer(2)
    buffer.sink(gate)
    stream.emit(0)
    assert gate.entered.acquire(timeout=ENDS_S)
    emitter = Emitter(stream, [1, 2, 3])
    step: Any = buffer._step
    wait_until(lambda: step._waiting)
    gate.pass_one.release()  # after it has begun to end, the step that is at work ends too
    step.ended = True
    wait_until(lambda: gate.came == [0])
    step.ended = False
    stream.destroy()
    emitter.join(ENDS_S)
    assert str(emitter.error) == "the stream was destroyed at step `buffer(2)`, where an element waited"
    assert (emitter.taken, gate.came) == (2, [0])
    assert caplog.messages == ["destroyed: step `buffer(2)` of a stream drops 2 elements that waited in it"]


@pytest.mark.parametrize(
    ("build", "where"),
    [
        (lambda s: s.rate_limit(NEVER_S), "`rate_limit(60)`"),
        (lambda s: s.zip(Stream[int](), maxsize=1), "`zip()`"),
    ],
)
def test_destroy_wakes_who_waits_for_a_turn(build: Any, where: str) -> None:
    """Nobody waits for a turn in a stream that has ended."""
    stream: Stream[Any] = Stream()
    build(stream)
    stream.emit(0)
    emitter = Emitter(stream, [1])
    emitter.join(0.02)
    stream.destroy()
    emitter.join(ENDS_S)
    assert str(emitter.error) == f"the stream was destroyed at step {where}, where an element waited"


def test_two_ends_at_once_are_one() -> None:
    """``destroy`` from several threads at once ends the stream once, and all of them return."""
    stream: Stream[Any] = Stream()
    stream.timed_window(0.001).sink(lambda _: None)
    threads = [threading.Thread(target=stream.destroy) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(ENDS_S)
    assert not any(thread.is_alive() for thread in threads)
