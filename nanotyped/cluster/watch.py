"""A run on a cluster as it looks to whoever watches it: rates, and how far it is by its parts."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from nanotyped.engine.watch import RATE_WINDOW_S, TIME_LEFT_WINDOW_S, NodeState, Snapshot

if TYPE_CHECKING:
    from nanotyped.cluster.run import ClusterRun

# Fewer seconds tell no time left.
_FEWEST_SECONDS = 1.0


class _Sample(NamedTuple):
    moment: float
    rows: Sequence[int]
    share: float | None


class ClusterWatch:
    """Looks at a run on a cluster. Used by one thread. Which node holds up the others is not told of many machines.

    Args:
        run: The run.
        clock: Seconds that do not jump.
    """

    def __init__(self, run: ClusterRun, clock: Callable[[], float] = time.monotonic) -> None:
        self._run = run
        self._clock = clock
        self._samples: deque[_Sample] = deque()

    def look(self) -> Snapshot:
        """Look at the run once more, and return what is to be seen."""
        run, now = self._run, self._clock()
        report = run.report()
        rows = [told.emitted or told.received for told in report.nodes]
        self._samples.append(_Sample(now, rows, run.share_done))
        while now - self._samples[0].moment > TIME_LEFT_WINDOW_S:
            self._samples.popleft()
        before, latest = self._before(now - RATE_WINDOW_S), self._samples[-1]
        seconds = latest.moment - before.moment
        nodes = [
            NodeState(told, run.rows_waiting(node), max(0, new - old) / seconds if seconds else 0.0)
            for told, node, new, old in zip(report.nodes, run.graph.nodes, latest.rows, before.rows, strict=True)
        ]
        return Snapshot(report.seconds, nodes, None, latest.share, False, self._left_s(latest))

    def _before(self, moment: float) -> _Sample:
        """Return the last sample of before a moment, else the first of all."""
        found = self._samples[0]
        for sample in self._samples:
            if sample.moment > moment:
                break
            found = sample
        return found

    def _left_s(self, latest: _Sample) -> float | None:
        first = self._samples[0]
        if latest.share is None or first.share is None or latest.share <= first.share:
            return None
        seconds = latest.moment - first.moment
        return None if seconds < _FEWEST_SECONDS else (1.0 - latest.share) * seconds / (latest.share - first.share)
