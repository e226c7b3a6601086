"""Counts over the parts of a run, and the limits on all of them together."""

from __future__ import annotations

from typing import Any

from nanotyped.cluster.tally import Tally
from nanotyped.node import NodeReport
from tests.support.cluster_nodes import Numbers, Rejects


def told(name: str, **counts: Any) -> NodeReport:
    """Return what a worker tells of a node."""
    return NodeReport(
        name, "Rejects", **{"received": 0, "sent": 0, "rejected": 0, "seconds": 9.0, "status": "success", **counts}
    )


def tally() -> Tally:
    """Return the counts of two nodes."""
    return Tally.of([Numbers(1, name="numbers"), Rejects(1, name="rejects")])


def test_parts_that_ended_and_parts_in_work_are_added_up() -> None:
    """What is told of a part takes the place of what was told before; seconds and status are the run's."""
    counts = tally()
    counts.progress((0, 1), [told("numbers", emitted=50), told("rejects", received=40, sent=30), told("other")])
    counts.progress((0, 1), [told("numbers", emitted=60), told("rejects", received=50, sent=30)])
    counts.ended((0, 0), {"numbers": told("numbers", emitted=100), "rejects": told("rejects", received=100, dead=3)})
    found = counts.report("rejects", 1.23456, "running")
    assert found == told("rejects", received=150, sent=30, dead=3, seconds=1.235, status="running")
    assert counts.report("numbers", 0, "running").emitted == 160


def test_a_part_that_is_begun_again_counts_once() -> None:
    """What its first worker told is forgotten; the end of a part is told once and for all."""
    counts = tally()
    counts.progress((0, 0), [told("numbers", emitted=60)])
    counts.forget((0, 0))
    assert counts.report("numbers", 0, "running").emitted == 0
    counts.progress((0, 0), [told("numbers", emitted=10)])
    counts.ended((0, 0), {"numbers": told("numbers", emitted=100)})
    assert counts.report("numbers", 0, "running").emitted == 100


def excess(counts: Tally, *, at_end: bool = False, **policy: Any) -> str:
    """Return what the tally says of the limits of a node."""
    return str(counts.excess(Rejects(1, name="rejects", **policy), at_end=at_end) or "")


def test_max_errors_is_a_count_over_all_parts() -> None:
    """So many may be rejected, in whatever parts, and one more may not."""
    counts = tally()
    counts.ended((0, 0), {"rejects": told("rejects", received=10, skipped=2)})
    counts.progress((0, 1), [told("rejects", received=10, dead=1)])
    assert excess(counts, max_errors=3) == ""
    assert excess(counts, max_errors=2) == (
        "3 of 20 rows were rejected, which is above `max_errors: 2` on all workers together"
    )


def test_max_error_rate_is_looked_at_from_a_hundred_rows_on_and_at_the_end() -> None:
    """Of fewer rows a share says little."""
    counts = tally()
    counts.progress((0, 0), [told("rejects", received=99, skipped=50)])
    assert excess(counts, max_error_rate=0.5) == ""
    words = "50 of 99 rows were rejected, which is above `max_error_rate: 0.5` on all workers together"
    assert excess(counts, max_error_rate=0.5, at_end=True) == words
    counts.progress((0, 0), [told("rejects", received=100, skipped=51)])
    assert excess(counts, max_error_rate=0.5) == words.replace("50 of 99", "51 of 100")
    assert excess(counts, max_error_rate=0.51, at_end=True) == ""
