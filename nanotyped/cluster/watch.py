"""A run on a cluster as it looks to whoever watches it: rates, and how far it is by its parts."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from nanotyped.engine.watch import FEWEST_SECONDS, RATE_WINDOW_S, NodeState, Samples, Snapshot

if TYPE_CHECKING:
    from nanotyped.cluster.run import ClusterRun


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
        self._samples: Samples[_Sample] = Samples()

    def look(self) -> Snapshot:
        """Look at the run once more, and return what is to be seen."""
        run, now = self._run, self._clock()
        report = run.report()
        rows = [told.emitted or told.received for told in report.nodes]
        self._samples.keep(_Sample(now, rows, run.share_done))
        before, latest = self._samples.before(now - RATE_WINDOW_S), self._samples[-1]
        seconds = latest.moment - before.moment
        nodes = [
            NodeState(told, run.rows_waiting(node), max(0, new - old) / seconds if seconds else 0.0)
            for told, node, new, old in zip(report.nodes, run.graph.nodes, latest.rows, before.rows, strict=True)
        ]
        return Snapshot(report.seconds, nodes, None, latest.share, False, self._left_s(latest))

    def _left_s(self, latest: _Sample) -> float | None:
        first = self._samples[0]
        if latest.share is None or first.share is None or latest.share <= first.share:
            return None
        seconds = latest.moment - first.moment
        return None if seconds < FEWEST_SECONDS else (1.0 - latest.share) * seconds / (latest.share - first.share)
