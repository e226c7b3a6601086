"""The state of a run on a cluster while it runs: which parts were dealt with, written now and then by one thread."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nanotyped.cluster.part_state import done_cursor, split_cursor, split_name

if TYPE_CHECKING:
    from nanotyped.cluster.dispatch import Dispatch
    from nanotyped.cluster.inner import InnerRun
    from nanotyped.engine.checkpoint import StateFile
    from nanotyped.graph.flows import Node

INTERVAL_S = 0.1


class PartCheckpoints:
    """Writes how far a run is. Used by one thread; ``lag_s`` by any.

    Args:
        state: Where to; ``None``: nowhere.
        names: How the sources are called from run to run.
        dispatches: The parts of each segment.
        inner: What runs at the coordinator.
    """

    def __init__(
        self,
        state: StateFile | None,
        names: Mapping[Node, str],
        dispatches: Sequence[Dispatch],
        inner: InnerRun,
    ) -> None:
        self._state = state
        self._names = names
        self._dispatches = dispatches
        self._inner = inner
        self._written_at = 0.0
        self._written: object = None

    @property
    def lag_s(self) -> float | None:
        """For how long, in seconds, nothing was written; ``None`` without a state."""
        return None if self._state is None or not self._written_at else time.monotonic() - self._written_at

    @property
    def is_kept(self) -> bool:
        """Whether there is a state."""
        return self._state is not None

    def dealt_with(self) -> list[set[int]]:
        """Return the parts of each segment that are dealt with, in earlier runs too.

        Of one that leads into a shuffle that is none, until all groups were.
        """
        settled = self._inner.settled_parts()
        dispatches = self._dispatches
        found = [one.dealt_with(settled) for one in dispatches]
        for at in reversed(range(len(found))):  # a shuffle leads from earlier segments to a later one
            behind = [one.at for one in dispatches if one.segment.after in dispatches[at].segment.shuffles]
            if any(len(found[later]) < len(dispatches[later].segment.split.parts) for later in behind):
                found[at] = set(dispatches[at].earlier)
        return found

    def write_if_due(self) -> None:
        """Write how far it is, if that has changed and the last time is long enough ago.

        Raises:
            StateError: If it cannot be written.
        """
        if time.monotonic() - self._written_at >= INTERVAL_S:
            self._write(finished=False)

    def finish(self, *, whole: bool) -> None:
        """Write how far it came, and let go of the state.

        Args:
            whole: Whether all rows of all sources were dealt with.

        Raises:
            StateError: If it cannot be written.
        """
        if self._state is None:
            return
        try:
            self._write(finished=whole)
        finally:
            self._state.close()

    def _write(self, *, finished: bool) -> None:
        if self._state is None:
            return
        dealt, local = self.dealt_with(), self._inner.cursors()
        if not finished and self._written == (dealt, local):
            return
        cursors: dict[str, tuple[Any, int]] = {self._names[node]: cursor for node, cursor in local.items()}
        for one, done in zip(self._dispatches, dealt, strict=True):
            if one.segment.after is not None:
                continue  # its parts are not there any more when the run has ended
            name = self._names[one.segment.source]
            cursors[name] = (done_cursor(done, len(one.segment.split.parts)), len(done))
            if self._written is None:
                cursors[split_name(name)] = (split_cursor(one.segment.split), 0)
        self._state.write(cursors, finished=finished)
        self._written, self._written_at = (dealt, local), time.monotonic()
