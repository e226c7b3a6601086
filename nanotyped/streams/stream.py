"""``Stream``: elements are pushed into it, one by one, and go through all that was put behind it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableSequence, Sequence
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar

from nanotyped.errors import StreamStateError
from nanotyped.streams import loops, steps
from nanotyped.streams.bridges import StreamSink
from nanotyped.streams.dask_stream import DaskStream
from nanotyped.streams.deferred import Deferred
from nanotyped.streams.operators import Operators
from nanotyped.streams.pushing import DONE, Step
from nanotyped.streams.steps import bound, name_of

if TYPE_CHECKING:
    from nanotyped.node import NanoNode
    from nanotyped.streams.loops import Home
    from nanotyped.streams.pushing import Waits

T = TypeVar("T")
R = TypeVar("R")
P = ParamSpec("P")


class Stream(Operators[T]):
    """A push stream: what is emitted goes at once, in this thread, through everything that was put behind it.

    Any value is data, ``None`` too. Several subscribers of one point get each element in order of subscription. A sink
    that blocks holds ``emit`` back; one that returns an awaitable is awaited, side by side with others, before ``emit``
    is through: nothing piles up but in buffers and windows.

    Without a loop of one's own, timed steps and awaitable sinks run on a loop in the background, one for all streams,
    and ``emit`` blocks until the sinks are done. What stands behind a timed step, or a buffer, is called in a thread
    beside that loop. In a loop of one's own, of asyncio or Tornado, ``Stream(asynchronous=True)`` has all in that loop,
    and ``await stream.emit(x)`` holds the coroutine back.

    ``emit`` is safe from any thread, and also from several at once.

    Args:
        stream_name: Its name in error messages.
        asynchronous: Whether it belongs to a running loop, so that ``emit`` returns an awaitable.
        loop: That loop (of asyncio, or an ``IOLoop``); by default the one that runs when it is made, or else first
            emitted into. With a loop the stream is asynchronous.
    """

    def __init__(
        self, stream_name: str | None = None, *, asynchronous: bool = False, loop: object | None = None
    ) -> None:
        own_loop: Any = getattr(loop, "asyncio_loop", loop)  # an IOLoop of Tornado is one of asyncio
        home = loops.Home(asynchronous=asynchronous or loop is not None, loop=own_loop)
        self._step: Step = Step("source", home)
        self._step.name = stream_name

    @property
    def _home(self) -> Home:
        return self._step.home

    def _behind(self, step: Step) -> Stream[Any]:
        return self._join(step, [self])

    def _join(self, step: Step, streams: Sequence[Operators[Any]]) -> Stream[Any]:
        return _subscribed(Stream, step, streams)

    @property
    def name(self) -> str | None:
        """What messages call this point of the stream, beside what it is; may be set."""
        return self._step.name

    @name.setter
    def name(self, name: str | None) -> None:
        self._step.name = name

    def __repr__(self) -> str:
        return f"<Stream {self._step}>"

    # -- in ------------------------------------------------------------------------------------------

    def emit(self, x: T, asynchronous: bool = False) -> Any:
        """Push an element through everything behind this point; it has been taken by all sinks at the end.

        Several threads may emit at once; the elements of each keep their order.

        Args:
            x: The element.
            asynchronous: Whether an awaitable is returned, also of a stream that has no loop of its own.

        Returns:
            ``None``, or of an asynchronous stream an awaitable that is done when all sinks took the element. The
            element is under way whether that is awaited or not. A thread that runs no loop waits instead.

        Raises:
            StreamStateError: If the stream was destroyed, or an asynchronous one has no loop.
            Exception: What a step raised, with a note that names the step.
        """
        step = self._step
        if step.home.asynchronous:
            return step.home.emit(step, x)
        waits = step.out(x)
        if waits is None and not asynchronous:
            return None
        return loops.settle_in_background(waits) if asynchronous else _waited_for(waits)

    # -- out -----------------------------------------------------------------------------------------

    def sink(self, func: Callable[Concatenate[T, P], object], *args: P.args, **kwargs: P.kwargs) -> Stream[T]:
        """Call ``func(x, *args, **kwargs)`` with each element; if it returns an awaitable, that is awaited.

        Returns:
            What can be destroyed to end it. It passes nothing on.
        """
        function, label = bound(func, args, kwargs), f"sink({name_of(func)})"
        is_tornados = getattr(func, "__tornado_coroutine__", False)  # it begins where it is called
        return self._behind(steps.Call(self._home, function, label, in_loop=is_tornados))

    def sink_to_list(self) -> list[T]:
        """Return a list that all elements are added to."""
        gathered: list[T] = []
        self._behind(steps.Call(self._home, gathered.append, "sink_to_list()"))
        return gathered

    def collect(self, cache: MutableSequence[T] | None = None) -> Collected[T]:
        """Gather elements until ``flush`` is called, which passes them on as a tuple.

        Args:
            cache: Where they are gathered, such as a ``deque`` that keeps only so many; by default all are kept.
        """
        return _subscribed(Collected, steps.Collect(self._home, cache), [self])

    def destroy(self) -> Any:
        """End this point of the stream and all that hangs on it alone: no thread, task or timer of it is left.

        What waits in buffers and windows is dropped, and counted in a warning of the logger ``nanotyped.streams``;
        whoever waits to emit gets a ``StreamStateError``. A step that is at work is waited for. To call it again does
        nothing. Safe from any thread.

        Returns:
            ``None``, or in the loop of an asynchronous stream an awaitable: its tasks have ended then.
        """
        ended = self._step.detach()
        over = [taken for step in ended for taken in step.end()]
        if self._home.is_here():
            if self._home.asynchronous:
                return asyncio.gather(*map(asyncio.wrap_future, over)) if over else DONE
        else:
            for taken in over:
                taken.result()
        for step in ended:
            if isinstance(step, Deferred):
                step.give_lease_back()
        return DONE if self._home.asynchronous else None

    # -- to other machinery --------------------------------------------------------------------------

    @staticmethod
    def from_node(node: NanoNode[Any, R]) -> Stream[R]:
        """Return a stream of the rows that a node of a pipeline gives, while the pipeline runs.

        The node gets a ``StreamSink``: a row counts as delivered once all that is behind the stream took it, and an
        error of a step fails the run.
        """
        stream: Stream[R] = Stream()
        node.add_edge(StreamSink(stream, name=f"stream of {node.label}"))
        return stream

    def to_dask(self, client: Any = None) -> DaskStream[T]:
        """Return the stream for work on a Dask cluster: ``.scatter().map(f).gather()``.

        Args:
            client: The client of the cluster (``distributed.Client``); by default the current one.

        Raises:
            MissingExtraError: If ``distributed`` is not installed (``nanotyped[dask]``).
            StreamStateError: If there is no client.
        """
        return DaskStream(self, client)

    def scatter(self, client: Any = None) -> DaskStream[T]:
        """Send each element to a Dask cluster; the same as ``to_dask().scatter()``."""
        return self.to_dask(client).scatter()


Source = Stream


class Collected(Stream[tuple[T, ...]], Generic[T]):
    """What ``collect`` returns: a stream of tuples, one for each ``flush``."""

    def flush(self, _: object = None) -> Any:
        """Pass on what was gathered since the last time; waits, and returns, as ``emit`` does.

        It takes, and leaves, an argument, so that it can be the sink of another stream.
        """
        step = self._step
        assert isinstance(step, steps.Collect)
        return step.home.run(step.flush) if step.home.asynchronous else _waited_for(step.flush())


def _waited_for(waits: Waits) -> Awaitable[None] | None:
    """Wait here until all is taken; on the background loop, where that would be for ever, return what is awaited."""
    if waits is None:
        return None
    if loops.on_background_loop():
        return loops.settle_in_background(waits)
    loops.wait_here(waits)
    return None


AnyStream = TypeVar("AnyStream", bound=Stream[Any])


def _subscribed(kind: type[AnyStream], step: Step, streams: Sequence[Operators[Any]]) -> AnyStream:
    """Return a stream of what a step passes on, which gets the elements of others."""
    homes = {stream._step.home.asynchronous for stream in streams}
    if len(homes) > 1:
        raise StreamStateError(f"{step.label} cannot join an asynchronous stream with one that is not")
    made = kind.__new__(kind)
    made._step = step
    for port, stream in enumerate(streams):
        stream._step.subscribe(step, port)
    if isinstance(step, Deferred):
        step.start()
    return made
