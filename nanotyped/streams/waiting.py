"""The steps that pass elements on later than they come: ``buffer``, ``delay``, ``timed_window``, ``latest``, …."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Any, NamedTuple

from nanotyped.errors import StreamStateError
from nanotyped.streams.deferred import ENDING, Deferred
from nanotyped.streams.loops import Home, close_unawaited
from nanotyped.streams.pushing import HOLDS, Delivery, Holds, Step, Taken, Waits, accept_waiting, refuse_waiting
from nanotyped.streams.steps import Groups

# How many elements of a buffer are passed on in one go: each go costs a change of threads, and cannot be interrupted.
_BURST = 100


class Stored(NamedTuple):
    """An element that waits, who waits for it, and when it came (or is due)."""

    x: Any
    holds: Holds
    at: float


class Awaited(NamedTuple):
    """What is to be awaited until an element has been taken, and who waits for that."""

    waits: Awaitable[Any]
    holds: Holds

    def close(self) -> None:
        """Give it up."""
        close_unawaited(self.waits)


class _Line(Deferred):
    """Elements in line."""

    def __init__(self, label: str, home: Home) -> None:
        super().__init__(label, home)
        self._line: deque[Stored] = deque()

    def _drop(self) -> int:
        dropped = len(self._line)
        self._line.clear()
        return dropped


class Buffer(_Line):
    """Holds up to ``n`` elements; whoever pushes one more waits."""

    def __init__(self, home: Home, n: int) -> None:
        super().__init__(f"buffer({n})", home)
        self._n = n
        self._waiting: deque[tuple[Stored, Taken]] = deque()
        self._idle = True

    def take(self, x: Any) -> Waits:
        """Put an element in line."""
        self.raise_kept()
        stored = Stored(x, self.hold(), 0.0)
        with self._lock:
            if len(self._line) >= self._n or self._waiting:
                taken = Taken()
                self._waiting.append((stored, taken))
                return taken
            self._line.append(stored)
            idle, self._idle = self._idle, False
        if idle:
            self._tell()
        return None

    async def _work(self) -> None:
        most = 1 if self.home.asynchronous else _BURST
        while True:
            with self._lock:
                self._idle = not self._line
            if self._idle:
                await self._news.wait()
                self._news.clear()
                continue
            found = await self.home.call(lambda: self._pass_some_on(most))
            if found is not None:
                await self._attempt(found.waits, found.holds)
            elif self.home.asynchronous:
                await asyncio.sleep(0)  # others of the user's loop have their turn

    def _pass_some_on(self, most: int) -> Awaited | None:
        """Pass elements on until one of them is to be awaited."""
        for _ in range(most):
            stored = self._next()
            if stored is None:
                return None
            token = HOLDS.set(stored.holds)
            try:
                waits = self.down(stored.x)
                if isinstance(waits, Taken) and not self.home.asynchronous:
                    waits = waits.result()  # this thread may block: a way over the loop would cost far more
            except ENDING:
                raise
            except BaseException as error:  # noqa: BLE001 - steps may raise anything; it is raised at the next push
                self._keep(error, stored.holds)
                continue
            finally:
                HOLDS.reset(token)
            if waits is not None:
                return Awaited(waits, stored.holds)
            self.let_go(stored.holds)
        return None

    def _next(self) -> Stored | None:
        with self._lock:
            if not self._line or self.ended:
                return None
            stored = self._line.popleft()
            while self._waiting and len(self._line) < self._n:
                waiting, taken = self._waiting.popleft()
                if accept_waiting(taken):
                    self._line.append(waiting)
                else:
                    self.give_up(waiting.holds, StreamStateError("whoever emitted an element stopped waiting for room"))
            return stored

    def _drop(self) -> int:
        with self._lock:
            while self._waiting:
                refuse_waiting(self, self._waiting.popleft()[1])
            return super()._drop()


class Delay(_Line):
    """Passes each element on some seconds after it came. While one is being taken, whoever pushes waits."""

    def __init__(self, home: Home, interval: float) -> None:
        super().__init__(f"delay({interval:g})", home)
        self._interval = interval

    def take(self, x: Any) -> Waits:
        """Put an element in line."""
        self.raise_kept()
        with self._lock:
            self._line.append(Stored(x, self.hold(), time.monotonic() + self._interval))
            is_first = len(self._line) == 1
        if is_first:
            self._tell()
        return self._under_way()

    async def _work(self) -> None:
        while True:
            if not self._line:
                await self._news.wait()
                self._news.clear()
                continue
            stored = self._line[0]
            await asyncio.sleep(max(0.0, stored.at - time.monotonic()))
            with self._lock:
                if self.ended:
                    return
                self._line.popleft()
            await self._deliver(stored.x, stored.holds)


class TimedWindow(_Line):
    """Passes on, every few seconds, the list of what came since."""

    def __init__(self, home: Home, interval: float) -> None:
        super().__init__(f"timed_window({interval:g})", home)
        self._interval = interval

    def take(self, x: Any) -> Waits:
        """Put an element into the window."""
        self.raise_kept()
        with self._lock:
            self._line.append(Stored(x, self.hold(), 0.0))
        return self._under_way()

    async def _work(self) -> None:
        due = time.monotonic()
        while True:
            due = max(due + self._interval, time.monotonic())
            await asyncio.sleep(due - time.monotonic())
            with self._lock:
                window = list(self._line)
                self._line.clear()
            holds = tuple(one for stored in window for one in stored.holds)
            await self._deliver([stored.x for stored in window], holds)


class Latest(_Line):
    """Passes on the last element that came, once those behind are through with the one before."""

    def __init__(self, home: Home) -> None:
        super().__init__("latest()", home)

    def take(self, x: Any) -> Waits:
        """Take the place of what waits."""
        self.raise_kept()
        with self._lock:
            replaced = list(self._line)
            self._line.clear()
            self._line.append(Stored(x, self.hold(), 0.0))
        for stored in replaced:
            self.let_go(stored.holds)
        self._tell()
        return None

    async def _work(self) -> None:
        while True:
            if not self._line:
                await self._news.wait()
                self._news.clear()
            with self._lock:
                stored = self._line.popleft() if self._line else None
            if stored is not None:
                await self._deliver(stored.x, stored.holds)


class TimedPartition(Deferred):
    """Gathers elements into tuples of ``n``, and passes on fewer once the first of them has waited long enough."""

    def __init__(self, home: Home, n: int, timeout: float, key: Callable[[Any], Hashable] | None, label: str) -> None:
        super().__init__(label, home)
        self._groups = Groups(self, n, key)
        self._timeout = timeout

    def take(self, x: Any) -> Waits:
        """Gather an element."""
        self.raise_kept()
        waits = self._groups.take(x)
        self._tell()
        return waits

    async def _work(self) -> None:
        while True:
            wait_s = self._groups.first_came() + self._timeout - time.monotonic()
            try:
                await asyncio.wait_for(self._news.wait(), None if math.isinf(wait_s) else wait_s)
            except TimeoutError:
                await self._attempt(self.home.push(self._groups.pass_old_on, time.monotonic() - self._timeout), ())
            else:
                self._news.clear()

    def _drop(self) -> int:
        return self._groups.drop()


class RateLimit(Step):
    """Passes on at most one element in some seconds; whoever pushes waits for its turn."""

    def __init__(self, home: Home, interval: float) -> None:
        super().__init__(f"rate_limit({interval:g})", home)
        self._turn = threading.RLock()
        self._turn_in_loop = asyncio.Lock()
        self._interval = interval
        self._next = 0.0
        self._over = threading.Event()
        self._end = Delivery()

    def _refusal(self) -> StreamStateError:
        return StreamStateError(f"the stream was destroyed at step {self}, where an element waited")

    def take(self, x: Any) -> Waits:
        """Wait for the turn of an element, and pass it on."""
        if self.home.is_here():
            return self._take_in_loop(x)
        with self._turn:
            if self._over.wait(max(0.0, self._next - time.monotonic())):
                raise self._refusal()
            self._next = time.monotonic() + self._interval
            return self.down(x)

    async def _take_in_loop(self, x: Any) -> None:
        async with self._turn_in_loop:  # which is given in order of asking
            try:
                await asyncio.wait_for(asyncio.wrap_future(self._end), max(0.0, self._next - time.monotonic()))
            except TimeoutError:
                pass  # its turn has come
            else:
                raise self._refusal()
            self._next = time.monotonic() + self._interval
        await self.home.push(self.down, x)

    def end(self) -> Sequence[Taken]:
        """Wake those that wait."""
        self._over.set()
        self._end.set_result(None)
        return ()
