"""Where timed steps and awaitable sinks run: the loop of an asynchronous stream, or one in the background.

The background loop is shared by all streams that have none. Its thread is there while somebody holds a ``Lease`` of it.
Steps behind a timed one are plain code, which may block, so they are called in threads beside that loop, never on it.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
import threading
import weakref
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from nanotyped.errors import StreamStateError
from nanotyped.streams.pushing import DONE, Push, Step, Taken, Waits

R = TypeVar("R")
# Steps that block, side by side: beyond that many, others wait.
_MOST_THREADS = 256
_of_thread = threading.local()
logger = logging.getLogger("nanotyped.streams")


def running_loop() -> asyncio.AbstractEventLoop | None:
    """Return the loop that runs in this thread."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


async def _awaited(waits: Awaitable[Any]) -> None:
    await waits


def as_coroutine(waits: Awaitable[Any]) -> Coroutine[Any, Any, None]:
    """Return a coroutine that awaits something."""
    return waits if inspect.iscoroutine(waits) else _awaited(waits)


class _Background:
    """A loop in a thread of its own, with threads beside it."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.pool = ThreadPoolExecutor(_MOST_THREADS, "nanotyped-streams-step", self._mark_thread)
        self.thread = threading.Thread(target=self._run, name="nanotyped-streams", daemon=True)
        self.thread.start()

    def _mark_thread(self) -> None:
        _of_thread.background = self

    def _run(self) -> None:
        self._mark_thread()
        try:
            self.loop.run_forever()
        finally:
            self.loop.run_until_complete(_cancel_all())
            self.pool.shutdown()
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
            self.loop.close()

    def stop(self, *, wait: bool) -> None:
        """End the thread, after what is at work in those beside it."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        if wait and getattr(_of_thread, "background", None) is not self:
            self.thread.join()


async def _cancel_all() -> None:
    """Cancel all other tasks of the running loop, and wait until they have ended."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


_lock = threading.Lock()
_users = 0
_background: _Background | None = None


def _acquire() -> _Background:
    global _users, _background  # noqa: PLW0603 - there is one for the whole process
    with _lock:
        if _background is None:
            _background = _Background()
        _users += 1
        return _background


def _release(*, wait: bool) -> None:
    global _users, _background  # noqa: PLW0603 - as above
    with _lock:
        _users -= 1
        if _users:
            return
        last, _background = _background, None
    assert last is not None  # the first user made it
    last.stop(wait=wait)


def _release_later() -> None:
    _release(wait=False)


class Lease:
    """The background loop, for as long as the lease lasts; given back by ``release``, or with its owner."""

    def __init__(self, owner: object) -> None:
        self.loop = _acquire().loop
        # A collector may run anywhere, also under the lock: it leaves the work to the loop, which is there until then.
        self._give_back = weakref.finalize(owner, self.loop.call_soon_threadsafe, _release_later)

    def release(self) -> None:
        """Give it back; the last one ends the loop's thread, and waits for that."""
        if self._give_back.detach() is not None:
            _release(wait=True)


def wait_here(waits: Awaitable[Any]) -> None:
    """Block this thread until something that is awaited on the background loop is done."""
    if isinstance(waits, Taken):
        waits.result()
        return
    background = _acquire()
    try:
        future = asyncio.run_coroutine_threadsafe(as_coroutine(waits), background.loop)
        try:
            future.result()
        except BaseException:
            future.cancel()
            raise
    finally:
        _release(wait=True)


class Home:
    """Where a stream, all steps of it, does what it does not do in the thread of the caller.

    Args:
        asynchronous: Whether it runs in a loop of its user's.
        loop: Which; by default the one that runs here now, or else where the first element is emitted.
    """

    def __init__(self, *, asynchronous: bool = False, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.asynchronous = asynchronous
        self.loop = loop if loop is not None or not asynchronous else running_loop()
        self._starters: list[Callable[[asyncio.AbstractEventLoop], None]] = []

    def is_here(self) -> bool:
        """Return whether this thread runs a loop that must not be blocked by this stream."""
        here = running_loop()
        return here is not None and (here is self.loop or on_background_loop())

    def when_bound(self, start: Callable[[asyncio.AbstractEventLoop], None]) -> None:
        """Call ``start`` with the loop of an asynchronous stream, now or once it is known."""
        self._starters.append(start)
        if self.loop is not None:
            start(self.loop)

    def _bind(self, here: asyncio.AbstractEventLoop | None) -> asyncio.AbstractEventLoop:
        loop = self.loop
        if loop is None or loop.is_closed():
            if here is None:
                raise StreamStateError(
                    "an asynchronous stream needs a running loop: emit from a coroutine, or leave out asynchronous=True"
                )
            self.loop = loop = here
            for start in self._starters:
                start(here)
        return loop

    async def push(self, push: Push, x: Any) -> None:
        """Push from a coroutine, not blocking the background loop, and await what is to be awaited."""
        waits = await self.call(lambda: push(x))
        if waits is not None:
            await waits

    async def call(self, function: Callable[[], R]) -> R:
        """Call steps from a coroutine: in a thread beside the background loop, in a loop of a user's right here."""
        if self.asynchronous:
            return function()
        background: _Background = _of_thread.background
        context = contextvars.copy_context()
        future = asyncio.get_running_loop().run_in_executor(background.pool, context.run, function)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:  # the stream was destroyed; what is at work comes to its end all the same
            future.add_done_callback(_close_result)
            raise

    def emit(self, step: Step, x: Any) -> Awaitable[None]:
        """Emit into an asynchronous stream, from wherever; blocks only where no loop runs."""
        here = running_loop()
        if here is self.loop and here is not None:
            return settle(step.out(x))
        return self.run(lambda: step.out(x))

    def run(self, push: Callable[[], Waits]) -> Awaitable[None]:
        """Push in the loop of an asynchronous stream, from wherever; blocks only where no loop runs."""
        here = running_loop()
        loop = self._bind(here)
        if here is loop:
            return settle(push())
        future = asyncio.run_coroutine_threadsafe(_run_there(push), loop)
        if here is not None:
            return asyncio.wrap_future(future)
        future.result()
        return DONE


def close_unawaited(waits: object) -> None:
    """Give up what was to be awaited; what has not begun, with all that it would have awaited in turn."""
    if inspect.iscoroutine(waits) and inspect.getcoroutinestate(waits) == inspect.CORO_CREATED:
        for inner in inspect.getcoroutinelocals(waits).values():
            for each in inner if isinstance(inner, list | tuple) else (inner,):
                if inspect.iscoroutine(each):
                    close_unawaited(each)
    close = getattr(waits, "close", None)
    if close is not None:
        close()


def _close_result(future: asyncio.Future[Any]) -> None:
    error = future.exception()
    if error is None:
        close_unawaited(future.result())
    else:
        logger.error("in a step of a stream that was destroyed meanwhile", exc_info=error)


async def _run_there(push: Callable[[], Waits]) -> None:
    waits = push()
    if waits is not None:
        await waits


def settle(waits: Waits) -> Awaitable[None]:
    """Return an awaitable that is under way, whether it is awaited or not."""
    return DONE if waits is None else asyncio.ensure_future(as_coroutine(waits))


def settle_in_background(waits: Waits) -> Awaitable[None]:
    """Return an awaitable, for a coroutine of whatever loop, of what is awaited on the background loop."""
    if waits is None:
        return DONE
    if on_background_loop():
        return asyncio.ensure_future(as_coroutine(waits))
    future = asyncio.run_coroutine_threadsafe(as_coroutine(waits), _acquire().loop)
    future.add_done_callback(lambda _: _release(wait=False))
    return asyncio.wrap_future(future)


def on_background_loop() -> bool:
    """Return whether this thread is that of the background loop, where nothing may block."""
    return _background is not None and running_loop() is _background.loop
