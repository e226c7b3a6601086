"""Whether the counts of a run add up: no row is lost, and none is counted twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nanotyped.errors import ConservationError

if TYPE_CHECKING:
    from nanotyped.engine.worker import Worker
    from nanotyped.graph import Graph


def check_conservation(graph: Graph, workers: Sequence[Worker]) -> ConservationError | None:
    """Return what does not add up among the nodes that came to a regular end, ``None`` if everything does.

    Per source, emitted = sent + skipped + dead, and every row is acknowledged where all of the run ended regularly; per
    node, received = processed + skipped + dead; per edge, sent = received.
    """
    regular = {worker.node: worker for worker in workers if worker.ended_regularly}
    whole = len(regular) == len(workers)
    found = [text for worker in regular.values() for text in _check_node(worker, whole=whole)]
    for edge in graph.edges:
        source, target = regular.get(edge.source), regular.get(edge.target)
        if source is None or target is None:
            continue
        for channel in source.outbox.channels:
            if target.inbox is None or channel not in target.inbox.channels:
                continue
            taken, sent = target.taken.get(channel, 0), source.statistics.sent
            if not taken == channel.rows_sent == sent:
                found.append(f"`{edge.label}`: {sent} sent, {channel.rows_sent} on their way, {taken} received")
    return ConservationError(found) if found else None


def _check_node(worker: Worker, *, whole: bool) -> list[str]:
    counted, label = worker.statistics, worker.node.label
    found = []
    rejected = counted.skipped + counted.dead
    if worker.inbox is not None:
        if counted.received != counted.processed + rejected:
            parts = f"{counted.processed} processed + {counted.skipped} skipped + {counted.dead} dead"
            found.append(f"`{label}`: {counted.received} received, {parts}")
        return found
    if worker.outbox.channels and counted.emitted != counted.sent + rejected:
        parts = f"{counted.sent} sent + {counted.skipped} skipped + {counted.dead} dead"
        found.append(f"`{label}`: {counted.emitted} emitted, {parts}")
    if whole and worker.exhausted and worker.ledger is not None and not worker.ledger.settled:
        found.append(f"`{label}`: not every row is acknowledged")
    return found
