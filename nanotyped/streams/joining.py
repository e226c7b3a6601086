"""The steps that make one stream of several: ``union``, ``zip`` and ``combine_latest``."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nanotyped.streams.pushing import Holds, Push, Step, Taken, Waits, accept_waiting, refuse_waiting
from nanotyped.streams.steps import NOT_GIVEN

if TYPE_CHECKING:
    from nanotyped.streams.loops import Home


class Union(Step):
    """Passes on the elements of all streams, as they come."""

    def take(self, x: Any) -> Waits:
        """Pass an element on."""
        return self.down(x)


class Zip(Step):
    """Passes on tuples of the first elements of all streams, then of the second, and so on.

    Args:
        streams: How many there are.
        literals: What stands in each tuple as it is, by its place.
        maxsize: How many elements of a stream may wait for the others; whoever emits one more waits.
    """

    needs_all = True

    def __init__(self, home: Home, streams: int, literals: Mapping[int, Any], maxsize: int) -> None:
        super().__init__("zip()", home)
        self._lock = threading.RLock()
        self._queues: list[deque[tuple[Any, Holds]]] = [deque() for _ in range(streams)]
        self._waiting: list[deque[Taken]] = [deque() for _ in range(streams)]
        self._literals = sorted(literals.items())
        self._maxsize = maxsize

    def entry(self, port: int) -> Push:
        """Return what takes the elements of one stream."""
        return lambda x: self._take_from(port, x)

    def _take_from(self, port: int, x: Any) -> Waits:
        with self._lock:
            queue = self._queues[port]
            queue.append((x, self.hold()))
            if all(self._queues):
                return self._pass_tuple_on()
            if len(queue) <= self._maxsize:
                return None
            taken = Taken()
            self._waiting[port].append(taken)
            return taken

    def _pass_tuple_on(self) -> Waits:
        firsts = [queue.popleft() for queue in self._queues]
        for queue, waiting in zip(self._queues, self._waiting, strict=True):
            while waiting and len(queue) <= self._maxsize:
                taken = waiting.popleft()
                accept_waiting(taken)
        items = [x for x, _ in firsts]
        for place, literal in self._literals:
            items.insert(place, literal)
        return self.pass_on(tuple(items), tuple(one for _, holds in firsts for one in holds))

    def end(self) -> Sequence[Taken]:
        """Wake those that wait."""
        for waiting in self._waiting:
            while waiting:
                refuse_waiting(self, waiting.popleft())
        return ()


class CombineLatest(Step):
    """Passes on the last elements of all streams as a tuple, with each that comes of the streams of ``emit_on``."""

    def __init__(self, home: Home, streams: int, emit_on: frozenset[int]) -> None:
        super().__init__("combine_latest()", home)
        self._lock = threading.RLock()
        self._last: list[Any] = [NOT_GIVEN] * streams
        self._holds: list[Holds] = [()] * streams
        self._emit_on = emit_on

    def entry(self, port: int) -> Push:
        """Return what takes the elements of one stream."""
        return lambda x: self._take_from(port, x)

    def _take_from(self, port: int, x: Any) -> Waits:
        with self._lock:
            self.let_go(self._holds[port])  # its element has been replaced
            self._last[port], self._holds[port] = x, self.hold()
            if port not in self._emit_on or any(last is NOT_GIVEN for last in self._last):
                return None
            holds = tuple(one for holds in self._holds for one in holds)
            self._holds = [()] * len(self._holds)
            return self.pass_on(tuple(self._last), holds)
