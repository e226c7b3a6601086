"""The parts of one segment on their way: which wait, which workers are at, and which are handed on, in order."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nanotyped.cluster.recipe import ModuleSource, SegmentRecipe, Versions, pack_nodes, spelled_flows
from nanotyped.cluster.tasks import run_part

if TYPE_CHECKING:
    from nanotyped.cluster.plan import ClusterPlan, Segment, Shuffle
    from nanotyped.cluster.returning import ReturnedRows
    from nanotyped.cluster.shuffle import Spool
    from nanotyped.cluster.tasks import Outcome
    from nanotyped.graph.flows import Node


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What workers are told of a run: its id and name, how long it may take to end, and the modules that travel."""

    run_id: str
    pipeline_name: str | None
    grace_s: float
    modules: tuple[ModuleSource, ...]


PARTS_AHEAD = 2
"""So many parts for each that can be worked on at once may be there before the coordinator has taken their rows."""


def recipe_of(plan: ClusterPlan, at: int, facts: RunFacts) -> SegmentRecipe:
    """Return what workers make a segment of."""
    segment = plan.segments[at]
    nodes, links = segment.nodes, segment.links
    return SegmentRecipe(
        run_id=facts.run_id,
        pipeline_name=facts.pipeline_name,
        nodes=pack_nodes(nodes),
        edges=tuple((nodes.index(source), nodes.index(target), rows) for source, target, rows in links),
        schemas=spelled_flows(plan.graph, [_in_graph(segment, source, target) for source, target, _ in links]),
        returning=tuple(nodes.index(node) for node in segment.returning),
        sorting=tuple(
            (nodes.index(one.giver), tuple(one.target.partition_by), one.buckets) for one in segment.shuffles
        ),
        copies=plan.slots,
        grace_s=facts.grace_s,
        modules=facts.modules,
        versions=Versions.here(),
        topic=f"{facts.run_id}/{at}",
    )


def _in_graph(segment: Segment, source: Node, target: Node) -> tuple[Node, Node]:
    """Return the link of the graph that a link of a segment is, or stands for behind a shuffle."""
    after = segment.after
    return (after.giver, target) if after is not None and source is segment.source else (source, target)


class Dispatch:
    """The parts of a segment in one run. Used by one thread.

    Args:
        at: The place of the segment.
        segment: The segment.
        recipe: What workers make it of.
        sources: What gives the rows that come back, by the label of the node that gave them.
        spools: Where the rows of shuffles are kept.
        done: The parts that earlier runs dealt with.

    Attributes:
        ended: The parts that came to their end on the workers.
        running: What is submitted, by the place of the part.
    """

    def __init__(
        self,
        at: int,
        segment: Segment,
        recipe: SegmentRecipe,
        *,
        sources: Mapping[str, ReturnedRows],
        spools: Mapping[Shuffle, Spool],
        done: Collection[int],
    ) -> None:
        self.at = at
        self.segment = segment
        self.recipe = recipe
        self.sources = sources
        self._spools = spools
        self.earlier = set(done)
        self.order = [place for place in range(len(segment.split.parts)) if place not in self.earlier]
        self.ended: set[int] = set()
        self.running: dict[int, Any] = {}
        self._waiting = deque(self.order)
        self._handed_on = 0
        self._held: dict[int, Outcome] = {}

    @property
    def is_through(self) -> bool:
        """Whether every part has ended."""
        return len(self.ended) == len(self.order)

    def name_of(self, place: int) -> str:
        """Return how people know a part."""
        return f"part {place + 1} of `{self.segment.source.label}`"

    def submit(self, client: Any, room: int) -> list[tuple[int, Any]]:
        """Submit parts as far as there is room, here and for their rows at the coordinator; return their futures."""
        made: list[tuple[int, Any]] = []
        taken = min((source.parts_taken.get(self.at, 0) for source in self.sources.values()), default=len(self.ended))
        ahead = PARTS_AHEAD * self.recipe.copies
        while self._waiting and len(made) < room and len(self.order) - len(self._waiting) - taken < ahead + room:
            place = self._waiting.popleft()
            future = self._submitted(client, place)
            self.running[place] = future
            made.append((place, future))
        return made

    def _submitted(self, client: Any, place: int) -> Any:
        part = self.segment.split.parts[place]
        key = f"{self.segment.source.label} part {place + 1} {self.recipe.topic}"
        after = self.segment.after
        pieces = [] if after is None else self._spools[after].read(part.bounds)
        with warnings.catch_warnings():
            # Rows of a shuffle are large, and are to pass the scheduler: what is kept on a worker is lost with it.
            warnings.filterwarnings("ignore", message="Sending large graph", category=UserWarning)
            return client.submit(run_part, self.recipe, part, place, pieces, key=key, pure=False)

    def accept(self, place: int, outcome: Outcome) -> None:
        """Take the outcome of a part that came to its end, and hand on what is in its turn."""
        self.ended.add(place)
        if not self.sources and not self.segment.shuffles:
            return
        self._held[place] = outcome
        while self._handed_on < len(self.order) and self.order[self._handed_on] in self._held:
            given = self._held.pop(self.order[self._handed_on])
            for label, source in self.sources.items():
                source.put(self.at, given.returned.get(label, ()))
            for number, shuffle in enumerate(self.segment.shuffles):
                self._spools[shuffle].add(given.sorted_rows[number])
            self._handed_on += 1

    @property
    def is_taken(self) -> bool:
        """Whether the coordinator has taken all rows that were handed on."""
        return all(source.parts_taken.get(self.at, 0) >= self._handed_on for source in self.sources.values())

    def dealt_with(self, settled: Mapping[str, Mapping[int, int]]) -> set[int]:
        """Return the parts of which nothing is on its way any more, but for what is in a shuffle.

        Args:
            settled: How many parts of those given on are done with, by the label of the node that gave the rows and the
                place of the segment.
        """
        if not self.sources:
            return self.earlier | self.ended
        count = min(settled.get(label, {}).get(self.at, 0) for label in self.sources)
        return self.earlier | set(self.order[:count])
