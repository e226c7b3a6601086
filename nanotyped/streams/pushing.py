"""How an element goes from step to step: a ``Step`` is called with it, and calls what stands behind.

A push returns ``None`` once all behind it took the element, or else what is to be awaited until they have (``Waits``).
So a stream whose sinks are plain functions is a chain of plain calls.

What a step stores it holds on behalf of whoever waits for it (``Hold``): a pipeline acknowledges a row only when no
step of a stream stores what was made of it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Generator, Iterator, Sequence
from concurrent.futures import Future
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias

from nanotyped.errors import StreamStateError

if TYPE_CHECKING:
    from nanotyped.streams.loops import Home

Waits: TypeAlias = "Awaitable[Any] | None"
Push: TypeAlias = "Callable[[Any], Waits]"


class Hold(Protocol):
    """What wants to know which steps store what was made of an element."""

    def hold(self, step: Step) -> None:
        """Count one element that a step stores."""

    def release(self, step: Step) -> None:
        """Count one less: it was taken by all behind the step."""

    def fail(self, error: BaseException) -> None:
        """Learn that it was not."""


Holds: TypeAlias = "tuple[Hold, ...]"
HOLDS: ContextVar[Holds] = ContextVar("nanotyped_stream_holds", default=())
"""Who waits for what is being pushed."""


class Taken(Future[None]):
    """Done once an element has been taken. Threads wait for its ``result``, coroutines await it."""

    def __await__(self) -> Generator[Any, None, None]:
        return asyncio.wrap_future(self).__await__()


class Delivery(Taken):
    """Done once a step is through with what it delivers; many wait for it, and none of them can cancel it."""

    def cancel(self) -> bool:
        """Do nothing: others wait too."""
        return False


class Done:
    """An awaitable that is done."""

    def __await__(self) -> Generator[Any, None, None]:
        yield from ()


DONE = Done()


def nothing(_x: object) -> None:
    """Take an element where nobody has subscribed."""


# One lock for all changes of who subscribes to what: they are rare, and may touch any number of steps.
_WIRING = threading.RLock()


class Step:
    """One point of a stream: what comes in by ``take`` goes, changed or not, to ``down``.

    Attributes:
        label: What it is, in messages: ``map(double)``.
        name: The name that a user gave it.
        home: Where its timed steps and awaitable sinks run.
        take: Takes an element; set, or defined, by each kind of step.
        down: Gives an element to all subscribers, in order of subscription.
        out: The same for whoever emits from outside; refuses once the step was destroyed.
    """

    take: Push
    passes_on_by_itself: ClassVar[bool] = False
    """Whether what it stores goes on after some time, whatever comes."""
    needs_all: ClassVar[bool] = False
    """Whether it can pass nothing on without one of the streams that lead here."""

    def __init__(self, label: str, home: Home) -> None:
        self.label = label
        self.name: str | None = None
        self.home = home
        self.ended = False
        self.down: Push = nothing
        self.out: Push = nothing
        self._ups: list[Step] = []
        self._downs: list[tuple[Step, int]] = []

    def __str__(self) -> str:
        return f"`{self.label}`" if self.name is None else f"`{self.name}`, {self.label}"

    # -- wiring --------------------------------------------------------------------------------

    def entry(self, port: int) -> Push:  # noqa: ARG002 - for the steps that join streams
        """Return what takes the elements of the ``port``-th stream that leads here."""
        return self.take

    def subscribe(self, step: Step, port: int = 0) -> None:
        """Give all elements to ``step`` from now on, behind those that subscribed before.

        Raises:
            StreamStateError: If this step was destroyed.
        """
        with _WIRING:
            if self.ended:
                raise StreamStateError(f"the stream was destroyed at step {self}, and takes no subscriber")
            self._downs.append((step, port))
            step._ups.append(self)
            self._rewire()

    def _rewire(self) -> None:
        self.down = self.out = fan_out([step.entry(port) for step, port in self._downs])

    def detach(self) -> list[Step]:
        """Take the step out of its stream, with all that can get nothing any more; return these, upstream first."""
        with _WIRING:
            found, left = [], [self]
            while left:
                step = left.pop()
                if step.ended:
                    continue
                found.append(step)
                step.ended, step.down, step.out = True, nothing, step._refuse
                step._leave()
                for below, _ in step._downs:
                    below._ups = [up for up in below._ups if up is not step]
                left += [below for below, _ in step._downs if below.needs_all or not below._ups]
                step._downs.clear()
            return found

    def _leave(self) -> None:
        for up in self._ups:
            up._downs = [(step, port) for step, port in up._downs if step is not self]
            if not up.ended:
                up._rewire()
        self._ups.clear()

    def _refuse(self, _x: object) -> None:
        raise StreamStateError(f"the stream was destroyed at step {self}, and takes no more elements")

    def end(self) -> Sequence[Taken]:
        """Let go of what the step has at work, after it was detached; return what is to be waited for."""
        return ()

    # -- elements ------------------------------------------------------------------------------

    def note(self, error: BaseException) -> None:
        """Write on an error at which step it was raised; once."""
        text = f"in step {self} of a stream"
        if text not in getattr(error, "__notes__", ()):
            error.add_note(text)

    def hold(self) -> Holds:
        """Say that the step stores what is being pushed; return who was told."""
        holds = HOLDS.get()
        for one in holds:
            one.hold(self)
        return holds

    def let_go(self, holds: Holds) -> None:
        """Say that what it stored has been taken."""
        for one in holds:
            one.release(self)

    def give_up(self, holds: Holds, error: BaseException) -> None:
        """Say that what it stored has not been taken, and will not be."""
        for one in holds:
            one.fail(error)
            one.release(self)

    def pass_on(self, x: Any, holds: Holds) -> Waits:
        """Give an element on that was made of stored ones, and let go of these once it has been taken."""
        if not holds:
            return self.down(x)
        token = HOLDS.set(tuple(dict.fromkeys((*HOLDS.get(), *holds))))
        try:
            waits = self.down(x)
        except BaseException as error:
            self.give_up(holds, error)
            raise
        finally:
            HOLDS.reset(token)
        if waits is not None:
            return self._let_go_after(waits, holds)
        self.let_go(holds)
        return None

    async def _let_go_after(self, waits: Awaitable[Any], holds: Holds) -> None:
        try:
            await waits
        except BaseException as error:
            self.give_up(holds, error)
            raise
        self.let_go(holds)


def fan_out(pushes: Sequence[Push]) -> Push:
    """Return what gives an element to several in turn.

    An error ends the turn: it is raised once those before it have taken the element.
    """
    if not pushes:
        return nothing
    if len(pushes) == 1:
        return pushes[0]
    all_of_them = tuple(pushes)

    def push(x: Any) -> Waits:
        waiting: list[Awaitable[Any]] = []
        for one in all_of_them:
            try:
                waits = one(x)
            except Exception as error:
                if not waiting:
                    raise
                return together(waiting, error)
            if waits is not None:
                waiting.append(waits)
        if not waiting:
            return None
        return waiting[0] if len(waiting) == 1 else together(waiting)

    return push


async def together(waiting: Sequence[Awaitable[Any]], error: Exception | None = None) -> None:
    """Await all side by side, and then raise what went wrong.

    Raises:
        ExceptionGroup: If several went wrong; a single error is raised as it is.
    """
    results = await asyncio.gather(*waiting, return_exceptions=True)
    errors = [result for result in (*results, error) if isinstance(result, BaseException)]
    if len(errors) > 1:
        raise BaseExceptionGroup(f"{len(errors)} subscribers of one step failed", errors)
    if errors:
        raise errors[0]


def push_each(step: Step, items: Iterator[Any]) -> Waits:
    """Give items on one after the other, each once the one before was taken."""
    for item in items:
        waits = step.down(item)
        if waits is not None:
            return _push_rest(step, waits, items)
    return None


async def _push_rest(step: Step, waits: Awaitable[Any], items: Iterator[Any]) -> None:
    await waits
    for item in items:
        await step.home.push(step.down, item)


def accept_waiting(taken: Taken) -> bool:
    """Let whoever waits to give an element go on; ``False`` if it no longer waits."""
    if not taken.set_running_or_notify_cancel():
        return False
    taken.set_result(None)
    return True


def refuse_waiting(step: Step, taken: Taken) -> None:
    """Tell whoever waits to give an element that it will not be taken."""
    if taken.set_running_or_notify_cancel():
        taken.set_exception(StreamStateError(f"the stream was destroyed at step {step}, where an element waited"))
