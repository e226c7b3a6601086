"""A run as it looks to whoever watches it: rates, how far it is, and which node the others wait for.

Everything is read from outside, a few times a second: nothing is added to what happens for a row or a batch.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from nanotyped.node.running import NO_ROW_VALUES

if TYPE_CHECKING:
    from nanotyped.engine.run import Run
    from nanotyped.engine.worker import Worker
    from nanotyped.node import NodeReport, SizeHint

SAMPLE_S = 0.25
"""How often a run is to be looked at, in seconds."""
RATE_WINDOW_S = 3.0
LOAD_WINDOW_S = 2.0
TIME_LEFT_WINDOW_S = 30.0
# Of fewer samples no node is said to be the bottleneck, and no time left is told after fewer seconds.
_FEWEST_SAMPLES = 4
FEWEST_SECONDS = 1.0
# Of the samples of the window, in how many a node is at work that others wait for.
_BUSY_SHARE = 0.5
# What is left, at the least, of a source that has not said that it is at its end.
_MOST_SHARE = 0.9999
logger = logging.getLogger("nanotyped.watch")


class Load(NamedTuple):
    """What one look at a node found.

    Attributes:
        at_work: Whether it waited neither for rows nor for room.
        queued: How full the fullest of its inputs was, from 0 to 1; of a source, which always has more, 1.
        blocked: How full the fullest of its outputs was, from 0 to 1.
        rows: How many rows it had taken, or as a source given.
    """

    at_work: bool
    queued: float
    blocked: float
    rows: int


@dataclass(frozen=True, slots=True)
class NodeState:
    """What one node did so far: its report, the rows that wait on its inputs, and its rows a second of late."""

    report: NodeReport
    queued: int
    rows_per_s: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A run at one moment.

    Attributes:
        seconds: Since its start.
        nodes: In the order of the graph.
        bottleneck: The name of the node that the others wait for, as reports call it; ``None`` where there is none.
        share_read: How much of what there is was read, from 0 to 1: that of the source that is least far. ``None``
            unless every source that has not ended knows its size.
        exact: Whether that was counted, and not estimated.
        left_s: In how many seconds the sources will have ended, as it goes now; ``None`` where that is unknown.
    """

    seconds: float
    nodes: Sequence[NodeState]
    bottleneck: str | None
    share_read: float | None
    exact: bool
    left_s: float | None


class _Sample(NamedTuple):
    moment: float
    loads: Sequence[Load]
    shares: Sequence[float | None]


class _Timed(Protocol):
    @property
    def moment(self) -> float: ...


Seen = TypeVar("Seen", bound=_Timed)


class Samples(deque[Seen]):
    """What the looks at a run found, as long as it tells something."""

    def keep(self, sample: Seen) -> None:
        """Add what was found last, and let go of what is too old."""
        self.append(sample)
        while sample.moment - self[0].moment > TIME_LEFT_WINDOW_S:
            self.popleft()

    def before(self, moment: float) -> Seen:
        """Return the last sample of before a moment, else the first of all."""
        found = self[0]
        for sample in self:
            if sample.moment > moment:
                break
            found = sample
        return found


class Watch:
    """Looks at a run. Used by one thread, which calls ``look`` every ``SAMPLE_S``.

    Args:
        run: The run.
        clock: Seconds that do not jump.
    """

    def __init__(self, run: Run, clock: Callable[[], float] = time.monotonic) -> None:
        self._run = run
        self._clock = clock
        self._samples: Samples[_Sample] = Samples()
        self._exact = True
        self._mute: set[Worker] = set()

    def look(self) -> Snapshot:
        """Look at the run once more, and return what is to be seen."""
        run = self._run
        now = self._clock()
        self._exact = True
        shares = [self._share_of(worker) if worker.inbox is None else 1.0 for worker in run.workers]
        self._samples.keep(_Sample(now, [load_of(worker) for worker in run.workers], shares))
        report = run.report()
        before, latest = self._samples.before(now - RATE_WINDOW_S), self._samples[-1]
        seconds = latest.moment - before.moment
        nodes = [
            NodeState(told, run.rows_waiting(worker.node), max(0, new.rows - old.rows) / seconds if seconds else 0.0)
            for told, worker, new, old in zip(report.nodes, run.workers, latest.loads, before.loads, strict=True)
        ]
        known = [share for share in shares if share is not None]
        share = min(known) if len(known) == len(shares) else None
        return Snapshot(report.seconds, nodes, self._bottleneck(now), share, self._exact, self._left_s(latest))

    # -- which node the others wait for -----------------------------------------------

    def _bottleneck(self, now: float) -> str | None:
        samples = [sample.loads for sample in self._samples if now - sample.moment <= LOAD_WINDOW_S]
        running = [worker.statistics.status == "running" for worker in self._run.workers]
        sources = [worker.inbox is None for worker in self._run.workers]
        place = find_bottleneck(samples, running, sources)
        return None if place is None else self._run.workers[place].node.label

    # -- how far it is ------------------------------------------------------------------

    def _share_of(self, worker: Worker) -> float | None:
        """Return how much of a source was read; ``None`` where that is unknown, or more came than was expected."""
        if worker.exhausted:
            return 1.0
        hint, done = self._size_of(worker)
        if hint is None or done > hint.total:
            return None
        self._exact = self._exact and hint.exact
        return min(done / hint.total, _MOST_SHARE) if hint.total else 0.0

    def _size_of(self, worker: Worker) -> tuple[SizeHint | None, float]:
        node = worker.node
        if worker in self._mute:
            return None, 0
        try:
            hint, done = node.size_hint(), node.size_done()
        except Exception as error:  # noqa: BLE001 - the node's own code; a display is no reason to end its run
            self._mute.add(worker)
            text = "%s: how much it gives is not known: %s"
            logger.warning(text, node.label, type(error).__name__, extra=NO_ROW_VALUES)
            return None, 0
        return hint, worker.rows_given if done is None else done

    def _left_s(self, latest: _Sample) -> float | None:
        """Return the seconds that the last of the sources will take, at the pace of the last seconds."""
        left: list[float] = []
        for place, share in enumerate(latest.shares):
            if share is None:
                return None
            if share == 1.0:
                continue
            moment, was = next((old.moment, told) for old in self._samples if (told := old.shares[place]) is not None)
            seconds = latest.moment - moment
            if share <= was or seconds < FEWEST_SECONDS:
                return None
            left.append((1.0 - share) * seconds / (share - was))
        return max(left, default=None)


def load_of(worker: Worker) -> Load:
    """Return how it is with one node now."""
    inbox = worker.inbox
    blocked = _fullest(worker.outbox.channels)
    if inbox is None:
        return Load(worker.is_at_work, 1.0, blocked, worker.rows_given)
    return Load(worker.is_at_work, _fullest(inbox.channels), blocked, worker.statistics.received)


def _fullest(channels: Sequence[Any]) -> float:
    return max((channel.rows_waiting / channel.capacity for channel in channels), default=0.0)


def find_bottleneck(samples: Sequence[Sequence[Load]], running: Sequence[bool], sources: Sequence[bool]) -> int | None:
    """Return the place of the node that the others wait for, ``None`` where there is none.

    It is one that was at work in half of the samples at least: it waited neither for rows nor for room. Of several it
    is the one behind which the queues empty: its inputs are fuller than its outputs by the most, and of equals it is
    the last. A source that gave nothing of late waits itself, and so does a node to which nothing ever came.

    Args:
        samples: What looks at all nodes found, the last one last.
        running: Which nodes still run.
        sources: Which are sources.
    """
    if len(samples) < _FEWEST_SAMPLES:
        return None
    found: tuple[float, int] | None = None
    for place, is_running in enumerate(running):
        loads = [sample[place] for sample in samples]
        moved = loads[-1].rows > (loads[0].rows if sources[place] else 0) or (
            not sources[place] and loads[-1].queued > 0
        )
        if not is_running or not moved or sum(load.at_work for load in loads) < _BUSY_SHARE * len(loads):
            continue
        drop = sum(load.queued - load.blocked for load in loads) / len(loads)
        if found is None or (round(drop, 6), place) > found:
            found = (round(drop, 6), place)
    return None if found is None else found[1]
