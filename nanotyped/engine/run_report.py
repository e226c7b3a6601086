"""What became of a run, as one document for programs: what measurements and logs say of it, gathered at its end."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from nanotyped.engine.conservation import check_conservation
from nanotyped.engine.fingerprint import fingerprint_of

if TYPE_CHECKING:
    from nanotyped.engine.run import Run
    from nanotyped.engine.worker import Worker

FORMAT = 1


def describe_run(run: Run) -> dict[str, Any]:
    """Return what a run was and did, as JSON holds it; no value of a row is in it.

    What it is called where, and in which units, is in ``docs/reference/run-report.md``.
    """
    report = run.report()
    unequal = check_conservation(run.graph, run.workers)
    began = run.began_at
    return {
        "format": FORMAT,
        "run": run.run_id,
        "pipeline": run.pipeline_name,
        "fingerprint": fingerprint_of(run.graph),
        "started_at": began.isoformat(timespec="milliseconds"),
        "ended_at": (began + timedelta(seconds=report.seconds)).isoformat(timespec="milliseconds"),
        "seconds": report.seconds,
        "nodes": [_describe_node(run, worker) for worker in run.workers],
        "conservation": {"holds": unequal is None, "differences": [] if unequal is None else list(unequal.differences)},
        "dead_letters": {"rows": report.dead, "files": dead_letter_files(run)},
    }


def dead_letter_files(run: Run) -> list[str]:
    """Return the files that got dead letters."""
    paths = [worker.node.error_policy.dead_letter for worker in run.workers if worker.statistics.dead]
    return list(dict.fromkeys(str(path) for path in paths))


def _describe_node(run: Run, worker: Worker) -> dict[str, Any]:
    told = worker.report()
    rows = told.emitted if worker.node.is_source else told.received
    return {
        **asdict(told),
        "queue_rows": run.rows_waiting(worker.node),
        "rows_per_s": round(rows / told.seconds, 1) if told.seconds else None,
    }
