"""What became of a run, as one document for programs: what measurements and logs say of it, gathered at its end."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from nanotyped.engine.fingerprint import fingerprint_of

if TYPE_CHECKING:
    from nanotyped.engine.any_run import AnyRun
    from nanotyped.node import NanoNode, NodeReport

FORMAT = 1


def describe_run(run: AnyRun) -> dict[str, Any]:
    """Return what a run was and did, as JSON holds it; no value of a row is in it.

    What it is called where, and in which units, is in ``docs/reference/run-report.md``.
    """
    report = run.report()
    unequal = run.differences()
    began = run.began_at
    nodes = zip(report.nodes, run.graph.nodes, strict=True)
    return {
        "format": FORMAT,
        "run": run.run_id,
        "pipeline": run.pipeline_name,
        "fingerprint": fingerprint_of(run.graph),
        "started_at": began.isoformat(timespec="milliseconds"),
        "ended_at": (began + timedelta(seconds=report.seconds)).isoformat(timespec="milliseconds"),
        "seconds": report.seconds,
        "nodes": [_describe_node(run, told, node) for told, node in nodes],
        "conservation": {"holds": not unequal, "differences": unequal},
        "dead_letters": {"rows": report.dead, "files": dead_letter_files(run)},
    }


def dead_letter_files(run: AnyRun) -> list[str]:
    """Return the files that got dead letters."""
    told = zip(run.report().nodes, run.graph.nodes, strict=True)
    return list(dict.fromkeys(str(node.error_policy.dead_letter) for report, node in told if report.dead))


def _describe_node(run: AnyRun, told: NodeReport, node: NanoNode[Any, Any]) -> dict[str, Any]:
    rows = told.emitted if node.is_source else told.received
    return {
        **asdict(told),
        "queue_rows": run.rows_waiting(node),
        "rows_per_s": round(rows / told.seconds, 1) if told.seconds else None,
    }
