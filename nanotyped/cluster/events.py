"""What a cluster tells a run: outcomes of parts, how far workers are and what they log, and workers that are gone.

All of it comes in threads of Dask's, and is put into one queue, which the run's own thread takes from.
"""

from __future__ import annotations

import logging
import queue
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from nanotyped.node import NodeReport
from nanotyped.node.running import NO_ROW_VALUES

if TYPE_CHECKING:
    from nanotyped.cluster.connection import Cluster
    from nanotyped.cluster.dispatch import Dispatch
    from nanotyped.cluster.tally import Tally
    from nanotyped.cluster.tasks import Outcome

POLL_S = 0.05
MOST_TOLD = 200
logger = logging.getLogger("nanotyped.cluster")


class Ended(NamedTuple):
    """What became of a part: its outcome, or what Dask has in its place."""

    segment: int
    place: int
    outcome: Outcome | Exception


class Told(NamedTuple):
    """What a worker says of a part."""

    segment: int
    facts: Mapping[str, Any]


class Gone(NamedTuple):
    """A worker that is there no more, and the keys of the tasks that it had."""

    worker: str
    keys: frozenset[str]


Event: TypeAlias = Ended | Told | Gone


class Events:
    """Hears of a run on a cluster. ``take`` and ``note`` belong to the thread of the run.

    Args:
        cluster: The cluster.
        dispatches: The parts of each segment.
        tally: The counts over all parts.
    """

    def __init__(self, cluster: Cluster, dispatches: Sequence[Dispatch], tally: Tally) -> None:
        self._cluster = cluster
        self._dispatches = dispatches
        self._tally = tally
        self._queue: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._told: set[tuple[str, str]] = set()

    def listen(self) -> None:
        """Begin to hear."""
        self._cluster.hear_of_lost_workers(lambda worker, keys: self._queue.put(Gone(worker, keys)))
        for at, dispatch in enumerate(self._dispatches):
            self._cluster.client.subscribe_topic(dispatch.recipe.topic, self._hearing(at))

    def _hearing(self, segment: int) -> Any:
        return lambda event: self._queue.put(Told(segment, event[1]))

    def expect(self, segment: int, place: int, future: Any) -> None:
        """Hear of the outcome of a part, once there is one."""
        self._cluster.client.loop.add_callback(self._fetch, segment, place, future)

    async def _fetch(self, segment: int, place: int, future: Any) -> None:
        """Wait for the outcome of a part, in the loop of the client; of one that is gone with its worker, for another.

        Not in the thread that calls back for all futures of the process: whoever waits there when a client is closed
        waits for ever, and so do all that come after it.
        """
        found: Outcome | Exception
        try:
            [found] = await self._cluster.client.gather([future], asynchronous=True)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what became of the part
            found = error
        future.release()
        self._queue.put(Ended(segment, place, found))

    def take(self) -> Iterator[Event]:
        """Yield what has come, waiting a moment for the first."""
        with suppress(queue.Empty):
            yield self._queue.get(timeout=POLL_S)
            while True:
                yield self._queue.get_nowait()

    def note(self, event: Told | Gone) -> None:
        """Take notice of what is no outcome: counts, and what is to be logged."""
        if isinstance(event, Gone):
            self._miss(event)
            return
        facts, key = event.facts, (event.segment, int(event.facts["place"]))
        match facts["kind"]:
            case "progress" if key[1] in self._dispatches[event.segment].running:
                self._tally.progress(key, (NodeReport(*told) for told in facts["nodes"]))
            case "log":
                self._log(facts)

    def _miss(self, event: Gone) -> None:
        """Say what becomes of the parts that a worker had which is gone."""
        for segment, dispatch in enumerate(self._dispatches):
            for place in [place for place, future in dispatch.running.items() if future.key in event.keys]:
                self._tally.forget((segment, place))
                text = "worker %s is gone; %s, which it had, is begun again on another one"
                logger.warning(text, event.worker, dispatch.name_of(place), extra=NO_ROW_VALUES)
        if self._cluster.is_alive and not self._cluster.workers:
            text = "no worker is left at %s; the run waits for one"
            logger.warning(text, self._cluster.address, extra=NO_ROW_VALUES)

    def _log(self, facts: Mapping[str, Any]) -> None:
        """Log what a worker logged; what is the same of many parts is said once."""
        told = (facts["logger"], facts["about"])
        if told in self._told or len(self._told) >= MOST_TOLD:
            return
        self._told.add(told)
        extra = NO_ROW_VALUES if facts["has_no_row_values"] else {}
        origin = logging.getLogger(facts["logger"])
        origin.log(facts["level"], "%s (on worker %s)", facts["text"], facts["worker"], extra=extra)
