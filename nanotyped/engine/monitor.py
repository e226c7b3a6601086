"""The status of a running pipeline in the log: a table, every few seconds and once at the end."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nanotyped.engine.run import Run

INTERVAL_S = 4.0
COLUMNS = ("Node", "Class", "Received", "Sent", "Queued", "Status", "Time")
logger = logging.getLogger("nanotyped.monitor")


class Monitor:
    """Logs the status of all nodes of a run at INFO, from the thread of the supervisor."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._due = time.monotonic() + INTERVAL_S

    def seconds_left(self) -> float:
        """Return the seconds until the next table is due."""
        return max(0.0, self._due - time.monotonic())

    def log_if_due(self) -> None:
        """Log the table if it is time to."""
        if not self.seconds_left():
            self._due = time.monotonic() + INTERVAL_S
            self.log()

    def log(self) -> None:
        """Log the table now."""
        if logger.isEnabledFor(logging.INFO):
            logger.info("%s", render_status(self._run), extra={"report": self._run.report()})


def render_status(run: Run) -> str:
    """Return the status of all nodes as a table of aligned columns."""
    lines = [COLUMNS]
    for node, worker in zip(run.report().nodes, run.workers, strict=True):
        queued = run.rows_waiting(worker.node)
        cells = (node.name, node.class_name, node.received, node.sent, queued, node.status, f"{node.seconds:.1f}")
        lines.append(tuple(map(str, cells)))  # type: ignore[arg-type]  # seven cells, as COLUMNS
    widths = [max(len(line[index]) for line in lines) for index in range(len(COLUMNS))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in lines)
