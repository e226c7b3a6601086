"""The steps that do their work at once, in the thread that pushes: ``map``, ``scan``, ``partition`` and their like.

Those that keep something hold a lock while they push, so that what comes from several threads leaves in the order in
which it was worked on. The others have none.
"""

from __future__ import annotations

import inspect
import math
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from nanotyped.streams.loops import Home, Lease
from nanotyped.streams.pushing import (
    Holds,
    Step,
    Taken,
    Waits,
    push_each,
    together,
)

if TYPE_CHECKING:
    from collections.abc import MutableSequence

NOT_GIVEN: Final = object()


def name_of(function: object) -> str:
    """Return the name of a function, for a message."""
    return str(getattr(function, "__name__", type(function).__name__))


def bound(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Callable[[Any], Any]:
    """Return ``function`` as one of the element alone."""
    return (lambda x: function(x, *args, **kwargs)) if args or kwargs else function


class Map(Step):
    """Passes on what a function makes of each element."""

    def __init__(self, home: Home, function: Callable[[Any], Any], label: str) -> None:
        super().__init__(label, home)

        def take(x: Any) -> Waits:
            try:
                made = function(x)
            except Exception as error:
                self.note(error)
                raise
            return self.down(made)

        self.take = take


class Keep(Step):
    """Passes on the elements of which a function says so; without a function, those that are true."""

    def __init__(self, home: Home, function: Callable[[Any], Any], label: str) -> None:
        super().__init__(label, home)

        def take(x: Any) -> Waits:
            try:
                if not function(x):
                    return None
            except Exception as error:
                self.note(error)
                raise
            return self.down(x)

        self.take = take


class Call(Step):
    """Calls a function with each element, and passes nothing on. What it returns is awaited if it can be.

    Args:
        home: Where that is done.
        function: The function.
        label: What the step is, in messages.
        in_loop: Whether the function itself must be called where a loop runs.
    """

    def __init__(self, home: Home, function: Callable[[Any], Any], label: str, *, in_loop: bool = False) -> None:
        super().__init__(label, home)
        self._lock = threading.Lock()
        self._lease: Lease | None = None
        if in_loop and not home.asynchronous:
            self.take = lambda x: self._awaited(_calling(function, x))
            return

        def take(x: Any) -> Waits:
            try:
                result = function(x)
            except Exception as error:
                self.note(error)
                raise
            return None if result is None or not inspect.isawaitable(result) else self._awaited(result)

        self.take = take

    def _awaited(self, result: Awaitable[Any]) -> Waits:
        if self._lease is None and not self.home.asynchronous:
            with self._lock:
                if self._lease is None and not self.ended:
                    self._lease = Lease(self)
        return self._noting(result)

    async def _noting(self, result: Awaitable[Any]) -> None:
        try:
            await result
        except Exception as error:
            self.note(error)
            raise

    def end(self) -> Sequence[Taken]:
        """Give the background loop back."""
        with self._lock:
            lease, self._lease = self._lease, None
        if lease is not None:
            lease.release()
        return ()


async def _calling(function: Callable[[Any], Any], x: Any) -> None:
    await function(x)


class Scan(Step):
    """Passes on what a function makes of its state and each element."""

    def __init__(
        self, home: Home, function: Callable[..., Any], label: str, start: Any, *, returns_state: bool
    ) -> None:
        super().__init__(label, home)
        self._lock = threading.RLock()
        self._function = function
        self._state = start
        self._returns_state = returns_state

    def take(self, x: Any) -> Waits:
        """Work on an element."""
        with self._lock:
            if self._state is NOT_GIVEN:
                self._state = x
                return self.down(x)
            try:
                made = self._function(self._state, x)
                self._state, made = made if self._returns_state else (made, made)
            except Exception as error:
                self.note(error)
                raise
            return self.down(made)


class Flatten(Step):
    """Passes on the items of each element, one by one."""

    def take(self, x: Any) -> Waits:
        """Pass the items on."""
        try:
            items = iter(x)
        except TypeError as error:
            self.note(error)
            raise
        return push_each(self, self._noting(items))

    def _noting(self, items: Iterable[Any]) -> Any:
        iterator = iter(items)
        while True:
            try:
                item = next(iterator)
            except StopIteration:
                return
            except Exception as error:
                self.note(error)
                raise
            yield item


class Groups:
    """Elements that are gathered into tuples of ``n``, for a step; by key, where there is one."""

    def __init__(self, step: Step, n: int, key: Callable[[Any], Hashable] | None) -> None:
        self._step = step
        self._lock = threading.RLock()
        self._n = n
        self._key = key
        self._groups: dict[Hashable, list[tuple[Any, Holds]]] = {}
        self._began: dict[Hashable, float] = {}

    def take(self, x: Any) -> Waits:
        """Gather an element, and pass its tuple on if it is whole."""
        try:
            key = None if self._key is None else self._key(x)
            hash(key)
        except Exception as error:
            self._step.note(error)
            raise
        with self._lock:
            group = self._groups.get(key)
            if group is None:
                group = self._groups[key] = []
                self._began[key] = time.monotonic()
            group.append((x, self._step.hold()))
            return self._pass_on(key) if len(group) == self._n else None

    def first_came(self) -> float:
        """Return when the oldest of the elements that wait came, of the monotonic clock; infinity: none waits."""
        with self._lock:
            return min(self._began.values(), default=math.inf)

    def pass_old_on(self, until: float) -> Waits:
        """Pass on the groups that began until then, as they are."""
        with self._lock:
            old = [key for key, began in self._began.items() if began <= until]
            waiting = [waits for waits in map(self._pass_on, old) if waits is not None]
        return together(waiting) if waiting else None

    def drop(self) -> int:
        """Forget what was gathered; return how many elements that were."""
        with self._lock:
            dropped = sum(map(len, self._groups.values()))
            self._groups.clear()
            self._began.clear()
            return dropped

    def _pass_on(self, key: Hashable) -> Waits:
        group = self._groups.pop(key)
        del self._began[key]
        holds = tuple(one for _, holds in group for one in holds)
        return self._step.pass_on(tuple(x for x, _ in group), holds)


class Partition(Step):
    """Gathers elements into tuples."""

    def __init__(self, home: Home, n: int, key: Callable[[Any], Hashable] | None, label: str) -> None:
        super().__init__(label, home)
        self._groups = Groups(self, n, key)
        self.take = self._groups.take


class SlidingWindow(Step):
    """Passes on, with each element, the last ``n`` as a tuple."""

    def __init__(self, home: Home, n: int, *, return_partial: bool) -> None:
        super().__init__(f"sliding_window({n})", home)
        self._lock = threading.RLock()
        self._window: deque[Any] = deque(maxlen=n)
        self._holds: list[Holds] = []
        self._return_partial = return_partial

    def take(self, x: Any) -> Waits:
        """Add an element, and pass the window on."""
        with self._lock:
            self._window.append(x)
            if not self._return_partial and len(self._window) < (self._window.maxlen or 0):
                self._holds.append(self.hold())
                return None
            holds = tuple(one for holds in self._holds for one in holds)
            self._holds.clear()
            return self.pass_on(tuple(self._window), holds)


class Unique(Step):
    """Passes on what was not there before, as far as it remembers."""

    def __init__(self, home: Home, maxsize: int | None, key: Callable[[Any], Any] | None, *, hashable: bool) -> None:
        super().__init__("unique()" if key is None else f"unique({name_of(key)})", home)
        self._lock = threading.RLock()
        self._maxsize = maxsize
        self._key = key
        self._seen: dict[Hashable, None] | None = {} if hashable else None
        self._listed: list[Any] = []

    def take(self, x: Any) -> Waits:
        """Pass an element on if it is new."""
        with self._lock:
            try:
                key = x if self._key is None else self._key(x)
                is_new = self._is_new_in_list(key) if self._seen is None else self._is_new(self._seen, key)
            except Exception as error:
                self.note(error)
                raise
            return self.down(x) if is_new else None

    def _is_new(self, seen: dict[Hashable, None], key: Hashable) -> bool:
        is_new = key not in seen
        if self._maxsize is not None:  # what was seen last is forgotten last
            seen.pop(key, None)
        seen[key] = None
        if self._maxsize is not None and len(seen) > self._maxsize:
            del seen[next(iter(seen))]
        return is_new

    def _is_new_in_list(self, key: Any) -> bool:
        is_new = key not in self._listed
        if not is_new:
            self._listed.remove(key)
        self._listed.append(key)
        if self._maxsize is not None and len(self._listed) > self._maxsize:
            del self._listed[0]
        return is_new


class Collect(Step):
    """Gathers elements until it is told to pass them on."""

    def __init__(self, home: Home, cache: MutableSequence[Any] | None) -> None:
        super().__init__("collect()", home)
        self._lock = threading.RLock()
        self._cache: MutableSequence[Any] = deque() if cache is None else cache
        self._holds: list[Holds] = []

    def take(self, x: Any) -> Waits:
        """Gather an element."""
        with self._lock:
            self._cache.append(x)
            self._holds.append(self.hold())
            return None

    def flush(self) -> Waits:
        """Pass on what was gathered, as a tuple."""
        with self._lock:
            gathered = tuple(self._cache)
            holds = tuple(one for holds in self._holds for one in holds)
            self._cache.clear()
            self._holds.clear()
            return self.pass_on(gathered, holds)
