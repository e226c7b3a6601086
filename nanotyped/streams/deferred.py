"""``Deferred``, the base of steps that pass elements on later than they come.

Each of them has a task on the loop of its stream. An error behind such a step has no caller to come to: the next one
who pushes into the step gets it, before his own element is taken. One that nobody got is logged.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from abc import abstractmethod
from collections.abc import Awaitable, Sequence
from contextvars import ContextVar
from typing import Any

from nanotyped.streams.loops import Home, Lease, running_loop
from nanotyped.streams.pushing import (
    HOLDS,
    Delivery,
    Holds,
    Step,
    Taken,
    Waits,
)

logger = logging.getLogger("nanotyped.streams")
# What ends a task, or the process: no error of an element.
ENDING = (asyncio.CancelledError, GeneratorExit, KeyboardInterrupt, SystemExit)


_DELIVERING: ContextVar[tuple[Deferred, ...]] = ContextVar("nanotyped_stream_delivering", default=())


class Deferred(Step):
    """A step with a task."""

    passes_on_by_itself = True

    def __init__(self, label: str, home: Home) -> None:
        super().__init__(label, home)
        self._lock = threading.Lock()
        self._news = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lease: Lease | None = None
        self._task: asyncio.Task[None] | None = None
        self._over = Taken()
        self._error: BaseException | None = None
        self._delivery: Delivery | None = None

    def start(self) -> None:
        """Begin to work, or do so once the loop is known."""
        if self.home.asynchronous:
            self.home.when_bound(self._start)
        else:
            self._lease = Lease(self)
            self._start(self._lease.loop)

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        if self.ended:
            return
        self._loop, self._news, self._over = loop, asyncio.Event(), Taken()
        if running_loop() is loop:
            self._begin()
        else:
            loop.call_soon_threadsafe(self._begin)

    def _begin(self) -> None:
        self._task = asyncio.ensure_future(self._work())
        over = self._over
        self._task.add_done_callback(lambda _: over.set_result(None))

    @abstractmethod
    async def _work(self) -> None:
        """Pass elements on until the task is cancelled."""

    def _tell(self) -> None:
        """Let the task know, from any thread, that there is something to do."""
        loop = self._loop
        if loop is None:
            return
        if running_loop() is loop:
            self._news.set()
            return
        try:
            loop.call_soon_threadsafe(self._news.set)
        except RuntimeError:  # the loop was closed by its user, and its tasks have ended with it
            if not loop.is_closed():
                raise

    # -- what is delivered -------------------------------------------------------------------------

    async def _deliver(self, x: Any, holds: Holds) -> None:
        """Pass an element on and wait until it has been taken; an error is kept for the next caller."""
        token = HOLDS.set(holds)
        try:
            await self._attempt(self.home.push(self.down, x), holds)
        finally:
            HOLDS.reset(token)

    async def _attempt(self, waits: Awaitable[Any], holds: Holds) -> None:
        self._delivery = delivery = Delivery()
        token = _DELIVERING.set((*_DELIVERING.get(), self))
        try:
            await waits
        except ENDING:
            raise
        except BaseException as error:  # noqa: BLE001 - steps may raise anything; it is raised at the next push
            self._keep(error, holds)
        else:
            self.let_go(holds)
        finally:
            _DELIVERING.reset(token)
            self._delivery = None
            delivery.set_result(None)

    def _under_way(self) -> Waits:
        """Return what ends with the delivery that is going on; nothing for whoever is part of it."""
        delivery = self._delivery
        return None if delivery is None or self in _DELIVERING.get() else delivery

    def _keep(self, error: BaseException, holds: Holds = ()) -> None:
        if holds:  # who waits for the elements learns of it
            self.give_up(holds, error)
            return
        with self._lock:
            kept, self._error = self._error, self._error or error
        if kept is not None:
            logger.error("behind step %s of a stream, after an error that nobody has seen yet", self, exc_info=error)

    def raise_kept(self) -> None:
        """Raise the error of an element that came before."""
        if self._error is None:
            return
        with self._lock:
            error, self._error = self._error, None
        if error is not None:
            error.add_note(f"raised behind step {self}, for an element that came before")
            raise error

    # -- the end -----------------------------------------------------------------------------------

    def end(self) -> Sequence[Taken]:
        """End the task, and drop what is stored."""
        dropped = self._drop()
        if dropped:
            logger.warning("destroyed: step %s of a stream drops %d elements that waited in it", self, dropped)
        if self._error is not None:
            logger.error("behind step %s of a stream, and nobody has seen it", self, exc_info=self._error)
        loop = self._loop
        if loop is None or loop.is_closed():
            return ()
        if running_loop() is loop:
            self._cancel()
        else:
            loop.call_soon_threadsafe(self._cancel)
        return (self._over,) if loop.is_running() else ()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def give_lease_back(self) -> None:
        """Give the background loop back, once the task has ended."""
        if self._lease is not None:
            self._lease.release()

    @abstractmethod
    def _drop(self) -> int:
        """Forget what is stored, and return how many elements that were."""
