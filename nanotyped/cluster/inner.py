"""The part of a pipeline that runs at the coordinator: a run in threads, fed with the rows that workers return."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nanotyped.cluster.part_state import InnerState
from nanotyped.cluster.returning import ReturnedRows, RowReader
from nanotyped.engine import Run
from nanotyped.engine.checkpoint import is_exhausted
from nanotyped.engine.fingerprint import part_names
from nanotyped.errors import NodeFailedError
from nanotyped.graph import survey_graph

if TYPE_CHECKING:
    from nanotyped.cluster.plan import ClusterPlan
    from nanotyped.graph.flows import Node
    from nanotyped.node import NodeReport


class InnerRun:
    """The nodes at the coordinator, cut loose from those on the workers, until ``restore``; there may be none.

    Args:
        plan: What runs where.
        run_id: Id of the whole run.
        earlier_runs: Ids of those that it goes on with.
        cursors: Of the sources here, where they go on.
        pipeline_name: Becomes an attribute of every node.
        grace_s: How long the nodes may take to end after a failure or a stop.

    Attributes:
        sources: What gives the rows of each node on the workers that are needed here.
    """

    def __init__(
        self,
        plan: ClusterPlan,
        *,
        run_id: str,
        earlier_runs: Sequence[str],
        cursors: Mapping[Node, Any],
        pipeline_name: str | None,
        grace_s: float,
    ) -> None:
        self._plan = plan
        returning = dict.fromkeys(node for segment in plan.segments for node in segment.returning)
        declared = (node.output_row_class() for node in plan.graph.nodes)
        reader = RowReader([one for one in declared if one is not None])
        self.sources = {node: ReturnedRows(node, _one_flow(plan, node), reader) for node in returning}
        self._cut: list[Node] = []
        self._run: Run | None = None
        if not plan.at_coordinator:
            return
        self._cut_loose()
        here = [*self.sources.values(), *plan.at_coordinator]
        graph = survey_graph(*here).graph
        names = part_names(graph)
        own = {names[node]: cursor for node, cursor in cursors.items() if node in names}
        self._state = InnerState(run_id, earlier_runs, own)
        self._names = names
        self._run = Run(graph, pipeline_name, grace_s, self._state, logs_status=False)

    def _cut_loose(self) -> None:
        here = set(self._plan.at_coordinator)
        self._cut = [node for node in here if any(before in self.sources for before in node.input_node_list)]
        self._relink(self.sources)

    def restore(self) -> None:
        """Link the nodes as they were before."""
        self._relink({source: node for node, source in self.sources.items()})
        self._cut = []

    def _relink(self, stand_ins: Mapping[Any, Node]) -> None:
        """Link other nodes in the places of some, in order: that of a node's inputs is a part of what it is."""
        for target in self._cut:
            for before in target.input_node_list:
                rows = before.queue_rows(target)
                before.unlink(target)
                stand_ins.get(before, before)._link_to(target, rows)

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._run is not None and self._run.running

    @property
    def failure(self) -> NodeFailedError | None:
        """What failed here, once all of it has ended."""
        if self._run is None or not self._run.failed or self._run.running:
            return None
        try:
            self._run.wait()
        except NodeFailedError as error:
            return error
        return None

    @property
    def is_whole(self) -> bool:
        """Whether every source here came to its end."""
        if self._run is None:
            return True
        sources = {node for node in self._run.graph.nodes if node.is_source}
        return all(is_exhausted(self._state.latest.get(self._names[node], (None, 0))[0]) for node in sources)

    def start(self) -> None:
        """Start it, if there is something."""
        if self._run is not None:
            self._run.start()

    def close_sources(self) -> None:
        """Say that workers return no more rows."""
        for source in self.sources.values():
            source.close()

    def drain(self) -> None:
        """Let it end after what is in flight."""
        if self._run is not None:
            self._run.drain()

    def kill(self) -> None:
        """End it at once."""
        if self._run is not None and self._run.running:
            self._run.kill()

    def wait(self) -> None:
        """Wait for its end; ``failure`` tells how that was."""
        if self._run is None or not self._run.running:
            return
        try:
            self._run.wait()
        except NodeFailedError:
            return  # told by `failure`

    def rows_waiting(self, node: Node) -> int:
        """Return how many rows wait on the inputs of a node, if it is here."""
        return self._run.rows_waiting(node) if self._run is not None and node in self._plan.at_coordinator else 0

    def oldest_s(self, node: Node) -> float | None:
        """Return for how long rows of a source have been on their way at most, if it is here."""
        return self._run.oldest_s(node) if self._run is not None and node in self._plan.at_coordinator else None

    def rows_given(self, source: ReturnedRows) -> int:
        """Return how many rows of the workers were given on here."""
        return source.statistics.emitted

    def work_of(self, thread_name: str) -> tuple[str, int] | None:
        """Return the node of a thread and the number of its batch."""
        return None if self._run is None else self._run.work_of(thread_name)

    def report(self) -> dict[str, NodeReport]:
        """Return what each node here has done so far, by its label."""
        if self._run is None:
            return {}
        told = {one.name: one for one in self._run.report().nodes}
        return {node.label: told[node.label] for node in self._plan.at_coordinator}

    def differences(self) -> list[str]:
        """Return where the counts here do not add up."""
        if self._run is None:
            return []
        return self._run.differences()

    def settled_parts(self) -> dict[str, dict[int, int]]:
        """Return how many parts of each segment are done with, by the label of the node on the workers."""
        if self._run is None:
            return {}
        found: dict[str, dict[int, int]] = {}
        for node, source in self.sources.items():
            cursor = self._state.latest.get(self._names[source], ({}, 0))[0] or {}
            counts = source.parts_taken if is_exhausted(cursor) else cursor
            found[node.label] = {int(place): int(count) for place, count in counts.items()}
        return found

    def cursors(self) -> dict[Node, tuple[Any, int]]:
        """Return where each source here is that no worker feeds."""
        if self._run is None:
            return {}
        sources = set(self.sources.values())
        latest = self._state.latest
        own = (node for node in self._run.graph.nodes if node.is_source and node not in sources)
        return {node: latest[self._names[node]] for node in own if self._names[node] in latest}


def _one_flow(plan: ClusterPlan, node: Node) -> Any:
    flows = {flow for edge in plan.graph.edges_from(node) for flow in edge.flows}
    return flows.pop() if len(flows) == 1 else None
