"""What all workers did together: counts over parts, and the limits of the whole run on rejected rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

from nanotyped.engine.rejection import RATE_SAMPLE_ROWS
from nanotyped.errors import TooManyErrorsError
from nanotyped.node import NodeReport

if TYPE_CHECKING:
    from nanotyped.graph.flows import Node
    from nanotyped.node import Status

_COUNTS = tuple(field.name for field in fields(NodeReport) if field.type == "int")
PartKey = tuple[int, int]
"""The place of a segment, and that of a part in it."""


@dataclass(slots=True)
class Tally:
    """Counts of the parts of a run: of those that have ended, and of those that are worked on, as far as told.

    Attributes:
        done: By node, the sums over the parts that have ended.
        live: By part, what the nodes did that are at it.
    """

    done: dict[str, NodeReport]
    live: dict[PartKey, Mapping[str, NodeReport]]

    @classmethod
    def of(cls, nodes: Iterable[Node]) -> Tally:
        """Return the counts of nodes that have done nothing yet."""
        empty = {node.label: NodeReport(node.label, type(node).__name__, 0, 0, 0, 0.0, "stopped") for node in nodes}
        return cls(empty, {})

    def progress(self, key: PartKey, nodes: Iterable[NodeReport]) -> None:
        """Take what nodes have done so far of a part."""
        self.live[key] = {told.name: told for told in nodes if told.name in self.done}

    def ended(self, key: PartKey, nodes: Mapping[str, NodeReport]) -> None:
        """Take what nodes have done of a part that has ended."""
        self.live.pop(key, None)
        for name, told in nodes.items():
            if name in self.done:  # what gives the buckets of a shuffle is no node of the pipeline
                self.done[name] = _sum(self.done[name], told)

    def forget(self, key: PartKey) -> None:
        """Take notice that a part is worked on no more."""
        self.live.pop(key, None)

    def report(self, name: str, seconds: float, status: Status) -> NodeReport:
        """Return what a node did, of parts that are worked on too."""
        found = self.done[name]
        for nodes in list(self.live.values()):
            if name in nodes:
                found = _sum(found, nodes[name])
        return replace(found, seconds=round(seconds, 3), status=status)

    def excess(self, node: Node, *, at_end: bool) -> TooManyErrorsError | None:
        """Return that a node has rejected more rows than it may, over all parts; ``None`` where it has not."""
        policy = node.error_policy
        told = self.report(node.label, 0.0, "running")
        rejected, seen = told.skipped + told.dead, told.received or told.emitted
        if policy.max_errors is not None and rejected > policy.max_errors:
            return TooManyErrorsError(rejected, seen, f"max_errors: {policy.max_errors}", " on all workers together")
        rate = policy.max_error_rate
        if rate is not None and (at_end or seen >= RATE_SAMPLE_ROWS) and rejected > rate * seen:
            return TooManyErrorsError(rejected, seen, f"max_error_rate: {rate:g}", " on all workers together")
        return None


def _sum(one: NodeReport, other: NodeReport) -> NodeReport:
    return replace(one, **{name: getattr(one, name) + getattr(other, name) for name in _COUNTS})
