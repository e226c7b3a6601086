"""What every point of a stream has to go on with: ``map``, ``filter``, ``scan``, windows, and several streams as one.

Names and arguments are those of streamz.
"""

from __future__ import annotations

import math
import operator
from abc import abstractmethod
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Generic,
    Literal,
    ParamSpec,
    Protocol,
    TypeGuard,
    TypeVar,
    cast,
    overload,
)

from nanotyped.streams import joining, steps, waiting
from nanotyped.streams.steps import NOT_GIVEN, bound, name_of

if TYPE_CHECKING:
    from nanotyped.streams.loops import Home
    from nanotyped.streams.pushing import Step
    from nanotyped.streams.stream import Stream

T = TypeVar("T")
U = TypeVar("U")
V = TypeVar("V")
W = TypeVar("W")
S = TypeVar("S")
P = ParamSpec("P")


T_co = TypeVar("T_co", covariant=True)


class _Passing(Protocol[T_co]):
    """A stream, as of what it passes on: one of lists is one of iterables."""

    if TYPE_CHECKING:

        def _passed_on(self) -> T_co: ...


class Operators(Generic[T]):
    """The steps that may stand behind a point of a stream. Each call adds one subscriber, behind those there are.

    A function that raises ends the emission: the caller of ``emit`` gets the error, with the step named in a note, and
    subscribers behind the failing one do not get the element. The stream stays as it was, and takes the next element.

    Steps without a memory may work for several threads at once. The others (``scan``, ``partition``, ``unique`` and
    their like) serve one at a time, and pass on in the order in which they worked.
    """

    _step: Step

    if TYPE_CHECKING:

        def _passed_on(self) -> T: ...

    @property
    @abstractmethod
    def _home(self) -> Home: ...

    @abstractmethod
    def _behind(self, step: Step) -> Stream[Any]: ...

    @abstractmethod
    def _join(self, step: Step, streams: Sequence[Operators[Any]]) -> Stream[Any]: ...

    # -- element by element ------------------------------------------------------------------------

    def map(self, func: Callable[Concatenate[T, P], U], *args: P.args, **kwargs: P.kwargs) -> Stream[U]:
        """Pass on ``func(x, *args, **kwargs)``."""
        return self._behind(steps.Map(self._home, bound(func, args, kwargs), f"map({name_of(func)})"))

    def starmap(self, func: Callable[..., U], *args: Any, **kwargs: Any) -> Stream[U]:
        """Pass on ``func(*x, *args, **kwargs)``."""
        label = f"starmap({name_of(func)})"
        return self._behind(steps.Map(self._home, lambda x: func(*x, *args, **kwargs), label))

    @overload
    def filter(self, predicate: None) -> Stream[T]: ...
    @overload
    def filter(self, predicate: Callable[[T], TypeGuard[U]]) -> Stream[U]: ...
    @overload
    def filter(
        self, predicate: Callable[Concatenate[T, P], object], *args: P.args, **kwargs: P.kwargs
    ) -> Stream[T]: ...
    def filter(self, predicate: Callable[..., object] | None, *args: Any, **kwargs: Any) -> Stream[Any]:
        """Pass on the elements of which ``predicate(x, *args, **kwargs)`` is true; ``None``: those that are true."""
        function = bool if predicate is None else bound(predicate, args, kwargs)
        label = "filter(None)" if predicate is None else f"filter({name_of(predicate)})"
        return self._behind(steps.Keep(self._home, function, label))

    def pluck(self, pick: Any) -> Stream[Any]:
        """Pass on ``x[pick]``; of a list of picks, the tuple of them."""
        if isinstance(pick, list):
            picks = tuple(pick)
            return self._behind(steps.Map(self._home, lambda x: tuple(x[one] for one in picks), f"pluck({pick!r})"))
        return self._behind(steps.Map(self._home, operator.itemgetter(pick), f"pluck({pick!r})"))

    def flatten(self: _Passing[Iterable[U]]) -> Stream[U]:
        """Pass on the items of each element, one by one, each once the one before was taken."""
        stream: Any = self
        return cast("Stream[U]", stream._behind(steps.Flatten("flatten()", stream._home)))

    # -- with a memory -----------------------------------------------------------------------------

    # A function of two, and one that takes keywords too: of lambdas mypy infers the first kind alone.
    @overload
    def accumulate(self, func: Callable[[T, T], T]) -> Stream[T]: ...
    @overload
    def accumulate(self, func: Callable[[S, T], S], start: S, returns_state: Literal[False] = False) -> Stream[S]: ...
    @overload
    def accumulate(self, func: Callable[[S, T], tuple[S, U]], start: S, returns_state: Literal[True]) -> Stream[U]: ...
    @overload
    def accumulate(
        self, func: Callable[Concatenate[S, T, ...], S], start: S, returns_state: Literal[False] = False, **kwargs: Any
    ) -> Stream[S]: ...
    @overload
    def accumulate(
        self, func: Callable[Concatenate[S, T, ...], tuple[S, U]], start: S, returns_state: Literal[True], **kwargs: Any
    ) -> Stream[U]: ...
    @overload
    def accumulate(
        self,
        func: Callable[Concatenate[T, T, ...], tuple[T, U]],
        *,
        returns_state: Literal[True],
        **kwargs: Any,
    ) -> Stream[T | U]: ...
    @overload
    def accumulate(
        self, func: Callable[Concatenate[T, T, ...], T], *, returns_state: Literal[False] = False, **kwargs: Any
    ) -> Stream[T]: ...
    def accumulate(
        self, func: Callable[..., Any], start: Any = NOT_GIVEN, returns_state: bool = False, **kwargs: Any
    ) -> Stream[Any]:
        """Pass on ``func(state, x, **kwargs)``, which is the next state: a running sum, for one.

        Args:
            func: Makes the next state. One that raises leaves the state as it was.
            start: The first state. Without it the first element is that, and is passed on as it is.
            returns_state: Whether ``func`` returns the state and, apart from it, what is passed on.
            **kwargs: More arguments of ``func``.
        """
        function = (lambda state, x: func(state, x, **kwargs)) if kwargs else func
        label = f"scan({name_of(func)})"
        return self._behind(steps.Scan(self._home, function, label, start, returns_state=returns_state))

    scan = accumulate

    def partition(
        self, n: int, timeout: float | None = None, key: Callable[[T], Hashable] | Hashable | None = None
    ) -> Stream[tuple[T, ...]]:
        """Pass on tuples of ``n`` elements.

        Args:
            n: How many.
            timeout: After how many seconds fewer are passed on; ``None``: never.
            key: Of a function of the element, or of ``x[key]``: only elements of equal keys go together.
        """
        _check_count("n", n)
        key_of = key if key is None or callable(key) else operator.itemgetter(key)
        label = f"partition({n})"
        if timeout is None:
            return self._behind(steps.Partition(self._home, n, key_of, label))
        _check_seconds("timeout", timeout)
        return self._behind(waiting.TimedPartition(self._home, n, timeout, key_of, label))

    def sliding_window(self, n: int, return_partial: bool = True) -> Stream[tuple[T, ...]]:
        """Pass on, with each element, the last ``n`` as a tuple; with ``return_partial`` also while there are fewer."""
        _check_count("n", n)
        return self._behind(steps.SlidingWindow(self._home, n, return_partial=return_partial))

    def unique(
        self, maxsize: int | None = None, key: Callable[[T], Any] | None = None, hashable: bool = True
    ) -> Stream[T]:
        """Pass on what was not there before.

        Args:
            maxsize: How many keys are remembered, those seen last; ``None``: all, for ever.
            key: What tells elements apart; by default they do themselves.
            hashable: Whether keys are; others are compared one by one.
        """
        if maxsize is not None:
            _check_count("maxsize", maxsize)
        return self._behind(steps.Unique(self._home, maxsize, key, hashable=hashable))

    # -- by the clock ------------------------------------------------------------------------------

    def timed_window(self, interval: float) -> Stream[list[T]]:
        """Pass on, every ``interval`` seconds, the list of what came since, empty or not.

        While one list is being taken, whoever emits waits.
        """
        return self._behind(waiting.TimedWindow(self._home, _check_seconds("interval", interval)))

    def delay(self, interval: float) -> Stream[T]:
        """Pass each element on ``interval`` seconds after it came.

        While one element is being taken, whoever emits waits.
        """
        return self._behind(waiting.Delay(self._home, _check_seconds("interval", interval)))

    def rate_limit(self, interval: float) -> Stream[T]:
        """Pass on at most one element in ``interval`` seconds; whoever emits waits for his turn."""
        return self._behind(waiting.RateLimit(self._home, _check_seconds("interval", interval)))

    def buffer(self, n: int) -> Stream[T]:
        """Let up to ``n`` elements wait here for those behind; whoever emits one more waits."""
        _check_count("n", n)
        return self._behind(waiting.Buffer(self._home, n))

    def latest(self) -> Stream[T]:
        """Pass on the last element that came, once those behind are through with the one before; drop the others."""
        return self._behind(waiting.Latest(self._home))

    # -- several streams ---------------------------------------------------------------------------

    @overload
    def zip(self, other: Stream[U], /, *, maxsize: int = 10) -> Stream[tuple[T, U]]: ...
    @overload
    def zip(self, other: Stream[U], third: Stream[V], /, *, maxsize: int = 10) -> Stream[tuple[T, U, V]]: ...
    @overload
    def zip(
        self, other: Stream[U], third: Stream[V], fourth: Stream[W], /, *, maxsize: int = 10
    ) -> Stream[tuple[T, U, V, W]]: ...
    @overload
    def zip(self, *upstreams: Any, maxsize: int = 10) -> Stream[tuple[Any, ...]]: ...
    def zip(self, *upstreams: Any, maxsize: int = 10) -> Stream[Any]:
        """Pass on tuples of the first elements of all streams, then of the second, and so on.

        Args:
            *upstreams: The other streams; what is none stands in each tuple as it is.
            maxsize: How many elements of one stream may wait for the others; whoever emits one more waits until
                another thread, or task, emits those.
        """
        _check_count("maxsize", maxsize)
        streams = [self, *(one for one in upstreams if isinstance(one, Operators))]
        literals = {place: one for place, one in enumerate(upstreams, 1) if not isinstance(one, Operators)}
        return self._join(joining.Zip(self._home, len(streams), literals, maxsize), streams)

    @overload
    def combine_latest(self, other: Stream[U], /, *, emit_on: Any = None) -> Stream[tuple[T, U]]: ...
    @overload
    def combine_latest(
        self, other: Stream[U], third: Stream[V], /, *, emit_on: Any = None
    ) -> Stream[tuple[T, U, V]]: ...
    @overload
    def combine_latest(self, *upstreams: Stream[Any], emit_on: Any = None) -> Stream[tuple[Any, ...]]: ...
    def combine_latest(self, *upstreams: Stream[Any], emit_on: Any = None) -> Stream[Any]:
        """Pass on the last elements of all streams as a tuple, with each that comes, once all have one.

        Args:
            *upstreams: The other streams.
            emit_on: The stream, or the list of them, or of their places from 0, with whose elements only a tuple is
                passed on; ``None``: with all.

        Raises:
            ValueError: If ``emit_on`` is none of them.
        """
        streams: list[Operators[Any]] = [self, *upstreams]
        places = range(len(streams)) if emit_on is None else [_place(one, streams) for one in _listed(emit_on)]
        return self._join(joining.CombineLatest(self._home, len(streams), frozenset(places)), streams)

    def union(self, *upstreams: Stream[U]) -> Stream[T | U]:
        """Pass on the elements of this stream and the others, as they come."""
        return self._join(joining.Union("union()", self._home), [self, *upstreams])


def _listed(given: Any) -> Sequence[Any]:
    return given if isinstance(given, list | tuple) else [given]


def _place(given: Any, streams: Sequence[Operators[Any]]) -> int:
    for place, stream in enumerate(streams):
        if stream is given or (isinstance(given, int) and given == place):
            return place
    raise ValueError(f"emit_on must be one of the streams, or its place from 0 to {len(streams) - 1}, not {given!r}")


def _check_count(option: str, given: int) -> None:
    if isinstance(given, bool) or not isinstance(given, int) or given < 1:
        raise ValueError(f"{option} must be a number of elements from 1, not {given!r}")


def _check_seconds(option: str, given: float) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 < given < math.inf:
        raise ValueError(f"{option} must be a number of seconds above 0, not {given!r}")
    return given
