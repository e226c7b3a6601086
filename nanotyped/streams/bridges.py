"""Between streams and pipelines: ``StreamSource``, which a stream feeds, and ``StreamSink``, which feeds one."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from nanotyped.errors import StreamStateError
from nanotyped.node import NanoNode, PassThrough
from nanotyped.node.links import In_contra, Out_co
from nanotyped.streams.pushing import HOLDS, Step, Taken, Waits, accept_waiting, refuse_waiting

if TYPE_CHECKING:
    from nanotyped.streams.loops import Home
    from nanotyped.streams.stream import Stream

# How often a source that waits looks whether it is to end, and a sink whether its rows were taken meanwhile.
_SOURCE_LOOK_S = 0.1
_SINK_LOOK_S = 0.02


class _Offer(NamedTuple):
    """An element that waits for the pipeline, and whoever waits for that."""

    x: Any
    taken: Taken


class _HandOver(Step):
    """Where elements wait, each with whoever emitted it, until a source takes them."""

    def __init__(self, home: Home) -> None:
        super().__init__("StreamSource", home)
        self._offers: deque[_Offer] = deque()
        self._news = threading.Condition()
        self._closed = False

    def take(self, x: Any) -> Waits:
        """Offer an element, which is taken once the pipeline has it."""
        offer = _Offer(x, Taken())
        with self._news:
            if self._closed:
                raise StreamStateError(f"the pipeline of {self} has ended, and takes no more elements")
            self._offers.append(offer)
            self._news.notify()
        return offer.taken

    def open(self) -> None:
        """Take elements, of a run that begins."""
        with self._news:
            self._closed = False

    def close(self) -> None:
        """Take no more; whoever waits learns that."""
        with self._news:
            self._closed = True
            for offer in self._offers:
                if offer.taken.set_running_or_notify_cancel():
                    text = f"the pipeline of {self} has ended, and did not take the element"
                    offer.taken.set_exception(StreamStateError(text))
            self._offers.clear()

    def next(self, wait_s: float) -> _Offer | None:
        """Return the oldest element, waiting so long for one."""
        with self._news:
            self._news.wait_for(lambda: bool(self._offers) or self.ended, wait_s)
            return self._offers.popleft() if self._offers else None

    def end(self) -> tuple[Taken, ...]:
        """Refuse what waits, and wake the source."""
        with self._news:
            while self._offers:
                refuse_waiting(self, self._offers.popleft().taken)
            self._news.notify_all()
        return ()


class StreamSource(NanoNode[object, Out_co]):
    """Gives the elements of a stream as rows. A source.

    Whoever emits waits until the pipeline has the element: before the run begins, and while the channels behind the
    source are full. A ``buffer(n)`` in the stream lets so many wait instead. ``None`` is no row. The source ends when
    the stream, or the part of it that leads here, is destroyed; an element that comes after the end of the run is
    refused with a ``StreamStateError``.

    Needs: nothing. Gives: the columns of ``output_schema``, to which each element is held.

    Args:
        stream: The stream. Its elements may be emitted from any thread; their order is kept.
    """

    def __init__(self, stream: Stream[Out_co], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._hand_over = _HandOver(stream._home)
        self._hand_over.name = self.label
        stream._step.subscribe(self._hand_over)

    def setup(self) -> None:
        """Take elements from now on."""
        self._hand_over.open()

    def generator(self) -> Iterator[Out_co]:
        """Yield the elements."""
        hand_over = self._hand_over
        while not self.stop_requested:
            offer = hand_over.next(_SOURCE_LOOK_S)
            if offer is None:
                if hand_over.ended:
                    return
                continue
            try:
                yield offer.x
            finally:
                accept_waiting(offer.taken)

    def cleanup(self) -> None:
        """Refuse what comes now."""
        self._hand_over.close()


class _Held:
    """A row that went into a stream: who stores what was made of it."""

    __slots__ = ("_failures", "_lock", "number", "steps")

    def __init__(self, number: int, failures: deque[BaseException]) -> None:
        self.number = number
        self.steps: Counter[Step] = Counter()
        self._lock = threading.Lock()
        self._failures = failures

    def hold(self, step: Step) -> None:
        with self._lock:
            self.steps[step] += 1

    def release(self, step: Step) -> None:
        with self._lock:
            self.steps[step] -= 1
            if not self.steps[step]:
                del self.steps[step]

    def fail(self, error: BaseException) -> None:
        self._failures.append(error)


class StreamSink(PassThrough[In_contra]):
    """Emits each message into a stream, and passes it on once the sinks there have it.

    A row counts as delivered only when all sinks of the stream took what was made of it, also where a buffer or a
    window held it for a time: at the end of the data the node waits for those. Where rows then still wait for more
    elements (in ``partition``, ``zip``, …) the run fails, and a resumed one gives them again. An error of a step is one
    of the node, or, behind a buffer or a window, ends the run; either names the step.

    Needs: nothing. Gives: what it gets.

    Args:
        stream: The stream.
    """

    holds_rows_back = True
    rows_held: int | None = 0
    one_worker_because: ClassVar[str] = "the stream gets the rows in their order"

    def __init__(self, stream: Stream[Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._stream = stream
        self._came = 0
        self._held: deque[_Held] = deque()
        self._failures: deque[BaseException] = deque()

    def spread_problem(self) -> str:
        """Return that nobody else has the stream."""
        return super().spread_problem() and "its stream is one of this process"

    def setup(self) -> None:
        """Begin anew."""
        self._came = self.rows_held = 0
        self._held.clear()
        self._failures.clear()

    def process_item(self) -> Iterator[Any]:
        """Emit the message."""
        self._came += 1
        held = _Held(self._came, self._failures)
        token = HOLDS.set((held,))
        try:
            self._stream.emit(self.__message__)
        finally:
            HOLDS.reset(token)
        if held.steps:
            self._held.append(held)
        self._look()
        yield self.message

    def due_in_s(self) -> float | None:
        """Return when to look whether rows were taken."""
        return _SINK_LOOK_S if self._held or self._failures else None

    def process_due(self) -> Iterator[Any]:
        """Let go of the rows that were taken."""
        self._look()
        return iter(())

    def _look(self) -> None:
        """Let go of the rows up to the first that is still stored somewhere.

        Raises:
            StreamStateError: If a step was destroyed that stored one.
            Exception: What a step raised behind a buffer or a window.
        """
        while self._held and not self._held[0].steps:
            self._held.popleft()
        self.rows_held = self._came - self._held[0].number + 1 if self._held else 0
        if self._failures:
            raise self._failures[0]
        for step in self._storing():
            if step.ended:
                raise StreamStateError(f"the stream was destroyed at step {step}, where rows of the pipeline waited")

    def _storing(self) -> set[Step]:
        return {step for held in self._held for step in tuple(held.steps)}

    def cleanup(self) -> None:
        """Wait until the rows were taken that will be.

        Raises:
            StreamStateError: If others are left.
        """
        if not self.ended_regularly:
            return
        while True:
            self._look()
            steps = self._storing()
            if self.stop_requested or not any(step.passes_on_by_itself for step in steps):
                break
            self.sleep(_SINK_LOOK_S)
        if self._held and not self.stop_requested:
            where = ", ".join(sorted(map(str, steps)))
            raise StreamStateError(
                f"{len(self._held)} rows wait at the end in step {where} of the stream for more elements, so no sink "
                "took them; `partition` takes a timeout, `collect` passes on what it has by `flush`"
            )
