from __future__ import annotations

import asyncio
import gc
import inspect
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from nanotyped import Stream, StreamStateError
from nanotyped.streams.loops import as_coroutine, close_unawaited
from nanotyped.streams.pushing import together

ENDS_S = 10.0


def wait_until(holds: Any) -> None:
    """Wait for what other threads bring about."""
    deadline = time.monotonic() + ENDS_S
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.001)


@pytest.fixture
def stream() -> Iterator[Stream[Any]]:
    """A stream, destroyed after the test."""
    made: Stream[Any] = Stream()
    yield made
    made.destroy()


def notes(error: BaseException) -> list[str]:
    """Return the notes of an error."""
    return getattr(error, "__notes__", [])


# -- order -------------------------------------------------------------------------------------------


def test_subscribers_are_served_in_order(stream: Stream[Any]) -> None:
    """Of several subscribers, at every point, the earlier gets an element with all that is behind it first."""
    got: list[str] = []
    doubled = stream.map(lambda x: 2 * x)
    doubled.sink(lambda x: got.append(f"first {x}"))
    stream.sink(lambda x: got.append(f"beside {x}"))
    doubled.sink(lambda x: got.append(f"second {x}"))
    stream.emit(1)
    assert got == ["first 2", "second 2", "beside 1"]


def test_any_point_may_be_emitted_into(stream: Stream[Any]) -> None:
    """What is emitted into a step goes to what is behind it."""
    mapped = stream.map(lambda x: -x)
    got = mapped.sink_to_list()
    mapped.emit(5)
    assert got == [5]


def test_subscribing_while_elements_pass(stream: Stream[Any]) -> None:
    """A sink may subscribe another, which gets the elements after that."""
    late: list[int] = []
    stream.sink(lambda x: stream.sink(late.append) if x == 1 else None)
    for x in (1, 2):
        stream.emit(x)
    assert late == [2]


def test_many_threads_lose_nothing(stream: Stream[Any]) -> None:
    """From several threads at once every element comes through, each thread's in order, and sums are right."""
    last = stream.scan(lambda total, x: total + x[1], start=0).sink_to_list()
    got = stream.sink_to_list()
    pairs = stream.partition(2).sink_to_list()

    def emit(thread: int) -> None:
        for n in range(2000):
            stream.emit((thread, n))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(emit, range(4)))
    assert len(got) == 8000
    for thread in range(4):
        assert [n for which, n in got if which == thread] == list(range(2000))
    assert last == sorted(last)
    assert last[-1] == 4 * sum(range(2000))
    assert sorted(x for pair in pairs for x in pair) == sorted(got)


# -- errors --------------------------------------------------------------------------------------------


def test_errors_come_to_the_caller_with_the_step_named(stream: Stream[Any]) -> None:
    """What a step raises is raised by ``emit``, with a note of its step; the stream goes on with the next element."""

    def inverse(x: int) -> float:
        return 1 / x

    got = stream.map(lambda x: x - 1).map(inverse).filter(None).sink_to_list()
    with pytest.raises(ZeroDivisionError) as raised:
        stream.emit(1)
    assert notes(raised.value) == ["in step `map(inverse)` of a stream"]
    stream.emit(2)
    assert got == [1.0]


@pytest.mark.parametrize(
    ("build", "x", "step"),
    [
        (lambda s: s.map(int), "a", "`map(int)`"),
        (lambda s: s.filter(lambda x: x.no), 1, "`filter(<lambda>)`"),
        (lambda s: s.starmap(max), 5, "`starmap(<lambda>)`"),
        (lambda s: s.pluck("a"), {}, "`pluck('a')`"),
        (lambda s: s.flatten(), 5, "`flatten()`"),
        (lambda s: s.flatten(), (1 / x for x in (0,)), "`flatten()`"),
        (lambda s: s.partition(2, key="a"), {}, "`partition(2)`"),
        (lambda s: s.unique(), [], "`unique()`"),
        (lambda s: s.unique(key=len), 5, "`unique(len)`"),
        (lambda s: s.scan(divmod, 1), 0, "`scan(divmod)`"),
        (lambda s: s.sink(int), "a", "`sink(int)`"),
    ],
)
def test_every_step_names_itself(stream: Stream[Any], build: Any, x: Any, step: str) -> None:
    """Each kind of step says that it was it."""
    build(stream)
    with pytest.raises(Exception) as raised:  # noqa: PT011 - each step fails in its own way
        stream.emit(x)
    assert notes(raised.value)[0].replace("`starmap(max)`", "`starmap(<lambda>)`") == f"in step {step} of a stream"


def test_a_step_may_bear_a_name(stream: Stream[Any]) -> None:
    """A name that a user gave stands in the note."""
    step = stream.map(int)
    step.name = "to numbers"
    with pytest.raises(ValueError, match="invalid literal") as raised:
        stream.emit("a")
    assert notes(raised.value) == ["in step `to numbers`, map(int) of a stream"]
    assert step.name == "to numbers"
    assert Stream("prices").name == "prices"
    assert repr(step) == "<Stream `to numbers`, map(int)>"


def test_an_error_ends_the_turn_of_the_subscribers(stream: Stream[Any]) -> None:
    """Subscribers before a failing one have got the element, those behind it do not get it."""
    before = stream.sink_to_list()
    stream.sink(lambda x: 1 / x)
    behind = stream.sink_to_list()
    with pytest.raises(ZeroDivisionError):
        stream.emit(0)
    stream.emit(1)
    assert (before, behind) == ([0, 1], [1])


def test_awaitable_sinks_are_awaited_though_a_later_one_fails(stream: Stream[Any]) -> None:
    """A coroutine that was called before the failing subscriber comes to its end before ``emit`` raises."""
    got: list[int] = []

    async def sink(x: int) -> None:
        await asyncio.sleep(0)
        got.append(x)

    stream.sink(sink)
    stream.sink(lambda x: 1 / x)
    with pytest.raises(ZeroDivisionError):
        stream.emit(0)
    assert got == [0]


def test_errors_of_several_coroutines_come_together(stream: Stream[Any]) -> None:
    """Sinks that are awaited side by side may all fail: then all is told, each with its step."""

    async def one(x: int) -> None:
        raise KeyError(x)

    async def two(x: int) -> None:
        raise ValueError(x)

    stream.sink(one)
    stream.sink(two)
    with pytest.raises(ExceptionGroup, match="2 subscribers of one step failed") as raised:
        stream.emit(1)
    found = [(type(error), notes(error)) for error in raised.value.exceptions]
    assert found == [(KeyError, ["in step `sink(one)` of a stream"]), (ValueError, ["in step `sink(two)` of a stream"])]


# -- awaitable sinks, without a loop --------------------------------------------------------------------


def test_emit_blocks_until_a_coroutine_is_done(stream: Stream[Any]) -> None:
    """Without a loop an awaitable sink runs in the background, and ``emit`` waits for it."""
    got: list[tuple[int, str]] = []

    async def sink(x: int) -> None:
        await asyncio.sleep(0.001)
        got.append((x, threading.current_thread().name))

    stream.map(lambda x: x + 1).sink(sink)
    for x in range(3):
        assert stream.emit(x) is None
        assert len(got) == x + 1
    assert got == [(x, "nanotyped-streams") for x in (1, 2, 3)]


def test_items_of_one_element_keep_their_order_with_a_coroutine(stream: Stream[Any]) -> None:
    """``flatten`` gives an item to an awaitable sink once the one before was taken."""
    got: list[int] = []

    async def sink(x: int) -> None:
        await asyncio.sleep(0.01 / (1 + len(got)))
        got.append(x)

    stream.flatten().sink(sink)
    stream.emit(range(5))
    assert got == [0, 1, 2, 3, 4]


def test_errors_of_coroutines_come_to_the_caller(stream: Stream[Any]) -> None:
    """What a coroutine raises is raised by ``emit``, with the step named, and the stream goes on."""
    got: list[int] = []

    async def sink(x: int) -> None:
        await asyncio.sleep(0)
        got.append(1 // x)

    stream.sink(sink)
    with pytest.raises(ZeroDivisionError) as raised:
        stream.emit(0)
    assert notes(raised.value) == ["in step `sink(sink)` of a stream"]
    stream.emit(1)
    assert got == [1]


def test_a_coroutine_may_emit_into_another_stream(stream: Stream[Any]) -> None:
    """A sink on the background loop awaits ``emit(x, asynchronous=True)`` of another stream, which must not block."""
    other: Stream[int] = Stream()
    got: list[int] = []

    async def last(x: int) -> None:
        await asyncio.sleep(0)
        got.append(x)

    async def middle(x: int) -> None:
        await other.emit(x, asynchronous=True)
        got.append(-x)

    other.sink(last)
    stream.sink(middle)
    stream.sink(other.emit)  # of a plain sink it blocks
    stream.emit(1)
    other.destroy()
    assert sorted(got) == [-1, 1, 1]


def test_a_stream_without_a_loop_is_awaited_too(stream: Stream[Any]) -> None:
    """``emit(x, asynchronous=True)`` of a stream in the background can be awaited in whatever loop."""
    got: list[int] = []

    async def sink(x: int) -> None:
        await asyncio.sleep(0.001)
        got.append(x)

    async def main() -> None:
        await stream.emit(1, asynchronous=True)
        assert got == [1]

    stream.sink(sink)
    asyncio.run(main())


# -- the end ---------------------------------------------------------------------------------------------


def background_threads() -> list[str]:
    """Return the names of the threads that streams have made."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("nanotyped-streams")]


def test_destroy_leaves_no_thread() -> None:
    """After ``destroy`` of the source no loop, thread or task is left of its timed steps and awaitable sinks."""

    async def sink(x: object) -> None:
        await asyncio.sleep(0)

    stream: Stream[Any] = Stream()
    stream.timed_window(0.001).filter(None).sink(sink)
    stream.buffer(2).delay(0.001).latest().sink(sink)
    stream.partition(2, timeout=0.001).rate_limit(0.001).sink(sink)
    for x in range(3):
        stream.emit(x)
    assert background_threads() != []
    stream.destroy()
    assert background_threads() == []
    stream.destroy()


def test_what_is_given_up_before_it_begins_is_closed_to_the_last() -> None:
    """A sink's coroutine within what steps wrap around it would else be told of as never awaited."""

    async def sink() -> None:
        raise AssertionError("nobody awaits it")

    sinks = [sink(), sink()]
    close_unawaited(together([as_coroutine(each) for each in sinks]))
    assert [inspect.getcoroutinestate(each) for each in sinks] == [inspect.CORO_CLOSED] * 2


def test_destroy_of_the_one_step_that_waits_ends_the_loop() -> None:
    """The loop is there for the steps that need it, and ends with the last of them, also while the source lives on."""
    stream: Stream[Any] = Stream()
    window, other = stream.timed_window(60), stream.timed_window(60)
    window.destroy()
    assert len(background_threads()) == 1
    other.destroy()
    assert background_threads() == []
    stream.emit(1)


def test_a_stream_that_is_forgotten_gives_its_thread_back() -> None:
    """A stream with an awaitable sink that nobody refers to any more leaves no thread either."""

    async def sink(x: object) -> None:
        await asyncio.sleep(0)

    stream: Stream[Any] = Stream()
    stream.sink(sink)
    stream.emit(1)
    assert background_threads() == ["nanotyped-streams"]
    del stream
    gc.collect()
    wait_until(lambda: background_threads() == [])


def test_destroyed_streams_refuse_elements_and_subscribers() -> None:
    """To emit into a destroyed stream, or to go on behind it, is an error that says so."""
    stream: Stream[Any] = Stream("prices")
    mapped = stream.map(int)
    got = mapped.sink_to_list()
    stream.destroy()
    with pytest.raises(StreamStateError) as refused:
        stream.emit(1)
    assert str(refused.value) == "the stream was destroyed at step `prices`, source, and takes no more elements"
    with pytest.raises(StreamStateError) as refused:
        mapped.map(int)
    assert str(refused.value) == "the stream was destroyed at step `map(int)`, and takes no subscriber"
    assert got == []


def test_destroy_of_one_branch_leaves_the_others() -> None:
    """A step that is destroyed gets nothing more, nor does what hangs on it alone; the rest is as it was."""
    stream, other = Stream[int](), Stream[int]()
    doubled = stream.map(lambda x: 2 * x)
    cut, kept = doubled.sink_to_list(), stream.sink_to_list()
    joined = doubled.union(other).sink_to_list()
    stream.emit(1)
    doubled.destroy()
    stream.emit(2)
    other.emit(3)
    assert (cut, kept, joined) == ([2], [1, 2], [2, 3])


def test_a_step_may_destroy_its_stream(stream: Stream[Any]) -> None:
    """A sink, in whatever thread, can end the stream that it is in."""
    ended = threading.Event()

    def end(_: object) -> None:
        stream.destroy()
        ended.set()

    stream.buffer(1).sink(end)
    stream.emit(1)
    assert ended.wait(ENDS_S)
    wait_until(lambda: background_threads() == [])


def test_streams_of_two_kinds_are_not_joined() -> None:
    """An asynchronous stream and one that is not go together in no step."""
    with pytest.raises(StreamStateError) as refused:
        Stream[int]().union(Stream[int](asynchronous=True))
    assert str(refused.value) == "union() cannot join an asynchronous stream with one that is not"
