"""``DaskStream``: a stretch of a stream whose elements are on a Dask cluster. Needs ``nanotyped[dask]``."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Concatenate, Generic, Literal, NamedTuple, ParamSpec, TypeVar, overload

from nanotyped.errors import MissingExtraError, StreamStateError, shown
from nanotyped.streams.pushing import Step, Waits
from nanotyped.streams.steps import NOT_GIVEN, name_of

if TYPE_CHECKING:
    from nanotyped.streams.loops import Home
    from nanotyped.streams.stream import Stream

T = TypeVar("T")
U = TypeVar("U")
S = TypeVar("S")
P = ParamSpec("P")


def call_noted(label: str, function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Call a function of a step, on a worker, and write on an error at which step it was raised."""
    try:
        return function(*args, **kwargs)
    except Exception as error:
        error.add_note(f"in step `{label}` of a stream, on a Dask worker")
        raise


def _mapped(label: str, function: Callable[..., Any], x: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return call_noted(label, function, (x, *args), kwargs)


def _star_mapped(
    label: str, function: Callable[..., Any], x: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    return call_noted(label, function, (*x, *args), kwargs)


class _Outcome(NamedTuple):
    """The state after an element, and what is passed on for it, or why nothing is."""

    state: Any
    result: Any
    error: Exception | None = None


def _scanned(
    label: str, function: Callable[..., Any], state_and_x: tuple[Any, Any], kwargs: dict[str, Any], *, apart: bool
) -> _Outcome:
    state = state_and_x[0]
    try:
        made = call_noted(label, function, state_and_x, kwargs)
        return _Outcome(*made) if apart else _Outcome(made, made)
    except Exception as error:  # noqa: BLE001 - it is raised for this element; the next one has the state before it
        return _Outcome(state, None, error)


def _state_of(outcome: _Outcome) -> Any:
    return outcome.state


def _result_of(outcome: _Outcome) -> Any:
    if outcome.error is not None:
        raise outcome.error
    return outcome.result


class _OnCluster(Step):
    """A step that asks the cluster, one element after the other. Clients may be blocking or asynchronous."""

    def __init__(self, home: Home, label: str, ask: Callable[[Any], Any]) -> None:
        super().__init__(label, home)
        self._lock = threading.RLock()
        self._turn = asyncio.Lock()
        self._ask = ask

    def take(self, x: Any) -> Waits:
        """Ask, and pass on what the cluster has for it."""
        if self.home.asynchronous:
            return self._take_in_loop(x)
        with self._lock:
            return self.down(self._noting(self._ask, x))

    def _noting(self, ask: Callable[[Any], Any], x: Any) -> Any:
        try:
            return ask(x)
        except Exception as error:
            self.note(error)
            raise

    async def _take_in_loop(self, x: Any) -> None:
        async with self._turn:  # served in order of coming
            try:
                got = self._ask(x)
                if isinstance(got, Awaitable):
                    got = await got
            except Exception as error:
                self.note(error)
                raise
            waits = self.down(got)
        if waits is not None:
            await waits


class DaskStream(Generic[T]):
    """A stretch of a stream between ``scatter`` and ``gather``: its elements are futures of a Dask cluster.

    The order is kept, and equal elements are all processed. Each step submits its work and goes on; only ``gather``
    waits. So that several elements are worked on at once, put a ``buffer(n)`` before ``gather``. An error on a worker
    comes out of ``gather``, with the step named, to whoever waits there: the caller of ``emit``, or, behind a buffer,
    the next one.

    Args:
        stream: The stream. An asynchronous one needs an asynchronous client.
        client: The client of the cluster; by default the current one.
    """

    def __init__(self, stream: Stream[Any], client: Any = None) -> None:
        self._stream = stream
        self._client = _client(client)
        if bool(self._client.asynchronous) is not stream._home.asynchronous:
            kinds = {True: "an asynchronous", False: "a blocking"}
            raise StreamStateError(
                f"{kinds[stream._home.asynchronous]} stream needs {kinds[stream._home.asynchronous]} client of Dask, "
                f"and this is {kinds[not stream._home.asynchronous]} one"
            )

    def _behind(self, step: Step) -> DaskStream[Any]:
        return DaskStream(self._stream._behind(step), self._client)

    @property
    def _home(self) -> Home:
        return self._stream._home

    def _submitting(
        self,
        label: str,
        kind: Callable[..., Any],
        func: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> DaskStream[Any]:
        # Keywords travel as one argument: some of them are names of `submit` itself.
        submit = self._client.submit
        given = dict(kwargs)
        return self._behind(
            _OnCluster(self._home, label, lambda x: submit(kind, label, func, x, args, given, pure=False))
        )

    def scatter(self) -> DaskStream[T]:
        """Send each element to the cluster, and pass on its future."""
        client = self._client

        def send(x: Any) -> Any:
            sent = client.scatter([x], hash=False)
            return _first_of(sent) if isinstance(sent, Awaitable) else sent[0]

        return self._behind(_OnCluster(self._home, "scatter()", send))

    def map(self, func: Callable[Concatenate[T, P], U], *args: P.args, **kwargs: P.kwargs) -> DaskStream[U]:
        """Pass on the future of ``func(x, *args, **kwargs)``."""
        label = f"map({name_of(func)})"
        return self._submitting(label, _mapped, func, args, kwargs)

    def starmap(self, func: Callable[..., U], *args: Any, **kwargs: Any) -> DaskStream[U]:
        """Pass on the future of ``func(*x, *args, **kwargs)``."""
        label = f"starmap({name_of(func)})"
        return self._submitting(label, _star_mapped, func, args, kwargs)

    # A function of two, and one that takes keywords too: of lambdas mypy infers the first kind alone.
    @overload
    def accumulate(self, func: Callable[[T, T], T]) -> DaskStream[T]: ...
    @overload
    def accumulate(
        self, func: Callable[[S, T], S], start: S, returns_state: Literal[False] = False
    ) -> DaskStream[S]: ...
    @overload
    def accumulate(
        self, func: Callable[[S, T], tuple[S, U]], start: S, returns_state: Literal[True]
    ) -> DaskStream[U]: ...
    @overload
    def accumulate(
        self, func: Callable[Concatenate[S, T, ...], S], start: S, returns_state: Literal[False] = False, **kwargs: Any
    ) -> DaskStream[S]: ...
    @overload
    def accumulate(
        self, func: Callable[Concatenate[S, T, ...], tuple[S, U]], start: S, returns_state: Literal[True], **kwargs: Any
    ) -> DaskStream[U]: ...
    def accumulate(
        self, func: Callable[..., Any], start: Any = NOT_GIVEN, returns_state: bool = False, **kwargs: Any
    ) -> DaskStream[Any]:
        """Pass on the futures of what ``func`` makes of its state and each element, as ``Stream.accumulate`` does.

        An element that failed before it came here has no value: the state is lost with it, and all later ones fail.
        """
        submit = self._client.submit
        label = f"scan({name_of(func)})"
        state = start

        def scan(x: Any) -> Any:
            nonlocal state
            if state is NOT_GIVEN:
                state = x
                return x
            outcome = submit(_scanned, label, func, (state, x), kwargs, apart=returns_state, pure=False)
            state = submit(_state_of, outcome, pure=False)
            return submit(_result_of, outcome, pure=False)

        return self._behind(_OnCluster(self._home, label, scan))

    scan = accumulate

    def buffer(self, n: int) -> DaskStream[T]:
        """Let up to ``n`` futures wait here, so that as many elements are worked on at once."""
        return DaskStream(self._stream.buffer(n), self._client)

    def gather(self) -> Stream[T]:
        """Wait for each result, in order, and pass it on."""
        return self._stream._behind(_OnCluster(self._home, "gather()", self._client.gather))

    def destroy(self) -> Any:
        """End this point of the stream, as ``Stream.destroy`` does; the client is left as it is."""
        return self._stream.destroy()


async def _first_of(sent: Awaitable[Any]) -> Any:
    return (await sent)[0]


def _client(given: Any) -> Any:
    try:
        import distributed  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise MissingExtraError("distributed", "dask") from error
    if given is not None:
        if not isinstance(given, distributed.Client):
            raise TypeError(f"the client must be a distributed.Client, not {shown(given)}")
        return given
    current: Any = distributed.default_client  # it has no annotations
    try:
        return current()
    except ValueError:
        raise StreamStateError("there is no client of Dask here; make a distributed.Client first") from None
