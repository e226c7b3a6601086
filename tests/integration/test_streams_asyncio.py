"""Streams in the loop of their user: asyncio and Tornado coroutines alike."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Generator
from typing import Any

import pytest
from tornado import gen
from tornado.ioloop import IOLoop

from nanotyped import Stream, StreamStateError


def run_in_asyncio(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine in a loop of asyncio."""
    asyncio.run(main())


def run_in_tornado(main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine in a loop of Tornado."""
    loop = IOLoop(make_current=False)
    try:
        loop.run_sync(main)
    finally:
        loop.close(all_fds=True)


either_loop = pytest.mark.parametrize("run", [run_in_asyncio, run_in_tornado])
Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], None]


@either_loop
def test_await_emit_is_done_when_all_sinks_took_it(run: Run) -> None:
    """All coroutines behind have come to their end, in this thread and loop, when ``await emit`` returns."""
    got: list[tuple[str, int, bool]] = []

    async def main() -> None:
        here = asyncio.get_running_loop()

        async def sink(x: int) -> None:
            await asyncio.sleep(0.001)
            got.append(("awaited", x, asyncio.get_running_loop() is here))

        stream = Stream[int](asynchronous=True)
        stream.map(lambda x: x + 1).sink(sink)
        stream.sink(lambda x: got.append(("called", x, asyncio.get_running_loop() is here)))
        for x in (1, 2):
            await stream.emit(x)
            assert len(got) == 2 * x
        await stream.destroy()

    run(main)
    assert got == [("called", 1, True), ("awaited", 2, True), ("called", 2, True), ("awaited", 3, True)]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("nanotyped-streams")]


@either_loop
def test_back_pressure_holds_the_coroutine(run: Run) -> None:
    """An awaitable sink holds ``await emit``; a buffer of ``n`` lets so many go on, and then holds it too."""

    async def main() -> None:
        may_go_on = asyncio.Semaphore(0)
        entered: asyncio.Queue[int] = asyncio.Queue()

        async def sink(x: int) -> None:
            entered.put_nowait(x)
            await may_go_on.acquire()

        stream = Stream[int](asynchronous=True)
        stream.buffer(2).sink(sink)
        await stream.emit(0)
        assert await entered.get() == 0
        await stream.emit(1)
        await stream.emit(2)
        held = stream.emit(3)
        done, _ = await asyncio.wait([held], timeout=0.02)
        assert done == set()
        may_go_on.release()
        await asyncio.wait_for(held, 10)
        for x in (1, 2, 3):
            assert await asyncio.wait_for(entered.get(), 10) == x
            may_go_on.release()
        await stream.destroy()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main)


@either_loop
def test_timed_steps_run_in_the_loop_of_the_user(run: Run) -> None:
    """Windows, delays, rates and partitions work by the loop that runs, and leave no task behind."""

    async def main() -> None:
        here = threading.get_ident()
        threads: set[int] = set()
        stream = Stream[int](asynchronous=True)
        lists = stream.timed_window(0.005).filter(len).sink_to_list()
        late = stream.delay(0.001).sink_to_list()
        last = stream.latest().sink_to_list()
        tuples = stream.partition(2, timeout=0.005).sink_to_list()
        stream.rate_limit(0.002).buffer(5).sink(lambda _: threads.add(threading.get_ident()))
        for x in range(5):
            await stream.emit(x)
        while not (len(late) == 5 and sum(map(len, lists)) == 5 and sum(map(len, tuples)) == 5 and last[-1:] == [4]):
            await asyncio.sleep(0.001)
        assert late == [x for one in lists for x in one] == [x for one in tuples for x in one] == [0, 1, 2, 3, 4]
        await stream.destroy()
        assert threads == {here}
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(main)


def test_tornado_coroutines_emit_and_are_sinks() -> None:
    """``yield stream.emit(x)`` waits in a coroutine of Tornado's own kind, which may be a sink, too."""
    got: list[int] = []

    @gen.coroutine
    def sink(x: int) -> Generator[Any, Any, None]:
        yield gen.sleep(0.001)
        got.append(x)

    @gen.coroutine
    def main() -> Generator[Any, Any, None]:
        stream = Stream[int](loop=IOLoop.current())
        stream.map(lambda x: x * 10).sink(sink)
        plain = Stream[int](asynchronous=True)
        plain.sink(got.append)
        for x in (1, 2):
            yield stream.emit(x)
            yield plain.emit(-x)
        yield stream.destroy()

    loop = IOLoop(make_current=False)
    loop.run_sync(main)
    loop.close(all_fds=True)
    assert got == [10, -1, 20, -2]


def test_tornado_sinks_run_in_the_background_too() -> None:
    """Without a loop a coroutine of Tornado as the sink runs on the background loop."""
    got: list[int] = []

    @gen.coroutine
    def sink(x: int) -> Generator[Any, Any, None]:
        yield gen.sleep(0.001)
        got.append(1 // x)

    stream = Stream[int]()
    stream.sink(sink)
    for x in (1, 2):
        stream.emit(x)
        assert len(got) == x
    with pytest.raises(ZeroDivisionError) as raised:
        stream.emit(0)
    stream.destroy()
    assert got == [1, 0]
    assert raised.value.__notes__ == ["in step `sink(sink)` of a stream"]


def test_elements_go_on_though_nobody_awaits() -> None:
    """``emit`` begins at once: an awaitable that is left alone is still carried out."""

    async def main() -> None:
        taken = asyncio.Event()

        async def sink(x: int) -> None:
            await asyncio.sleep(0)
            taken.set()

        stream = Stream[int](asynchronous=True)
        got = stream.sink_to_list()
        stream.sink(sink)
        stream.emit(1)
        assert got == [1]
        await asyncio.wait_for(taken.wait(), 10)

    asyncio.run(main())


def test_errors_come_to_who_awaits() -> None:
    """An error of a coroutine is raised by ``await``, with the step named; the stream goes on."""

    async def main() -> None:
        async def sink(x: int) -> None:
            await asyncio.sleep(0)
            1 // x

        stream = Stream[int](asynchronous=True)
        got = stream.sink_to_list()
        stream.sink(sink)
        with pytest.raises(ZeroDivisionError) as raised:
            await stream.emit(0)
        assert raised.value.__notes__ == ["in step `sink(sink)` of a stream"]
        await stream.emit(1)
        assert got == [0, 1]

    asyncio.run(main())


def test_threads_emit_into_the_loop() -> None:
    """From a thread without a loop ``emit`` blocks until the sinks are done; in another loop it is awaited."""

    async def main() -> None:
        here = threading.get_ident()
        seen: list[tuple[int, bool]] = []

        async def sink(x: int) -> None:
            await asyncio.sleep(0.001)
            seen.append((x, threading.get_ident() == here))

        stream = Stream[int](asynchronous=True)
        stream.sink(sink)

        def from_thread() -> int:
            stream.emit(1)
            return len(seen)

        async def from_loop() -> None:
            await stream.emit(2)

        assert await asyncio.to_thread(from_thread) == 1
        await asyncio.to_thread(asyncio.run, from_loop())
        assert seen == [(1, True), (2, True)]

    asyncio.run(main())


def test_a_stream_made_before_the_loop_joins_it() -> None:
    """One that was made before any loop ran belongs to the first that emits; one whose loop was closed, to the next."""
    stream = Stream[int](asynchronous=True)
    lists = stream.timed_window(0.001).filter(len).sink_to_list()
    with pytest.raises(StreamStateError) as refused:
        stream.emit(0)
    text = "an asynchronous stream needs a running loop: emit from a coroutine, or leave out asynchronous=True"
    assert str(refused.value) == text

    async def main(x: int) -> None:
        await stream.emit(x)
        while [x] not in lists:
            await asyncio.sleep(0.001)

    asyncio.run(main(1))
    asyncio.run(main(2))
    stream.destroy()
    assert lists == [[1], [2]]


def test_cancelling_a_wait_takes_the_element_back() -> None:
    """Who stops waiting for room in a buffer has not emitted; later elements pass."""

    async def main() -> None:
        gate = asyncio.Event()
        got: list[int] = []

        async def sink(x: int) -> None:
            await gate.wait()
            got.append(x)

        stream = Stream[int](asynchronous=True)
        stream.buffer(1).sink(sink)
        await stream.emit(0)
        await asyncio.sleep(0.005)
        await stream.emit(1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(stream.emit(2), 0.005)
        last = stream.emit(3)
        gate.set()
        await last
        while len(got) < 3:
            await asyncio.sleep(0.001)
        assert got == [0, 1, 3]
        await stream.destroy()

    asyncio.run(main())


def test_destroy_wakes_coroutines_that_wait_for_a_turn() -> None:
    """Whoever awaits his turn, or room, in a stream that is destroyed gets an error at once."""

    async def main() -> None:
        stream = Stream[int](asynchronous=True)
        stream.rate_limit(60).sink_to_list()
        await stream.emit(1)
        held = asyncio.ensure_future(stream.emit(2))
        await asyncio.sleep(0)
        await stream.destroy()
        with pytest.raises(StreamStateError) as raised:
            await held
        assert str(raised.value) == "the stream was destroyed at step `rate_limit(60)`, where an element waited"

    asyncio.run(main())
