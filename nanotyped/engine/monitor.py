"""The status of a running pipeline in the log: a table, every few seconds and once at the end."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nanotyped.engine.any_run import AnyRun

INTERVAL_S = 4.0
COLUMNS = ("Node", "Class", "Received", "Sent", "Queued", "Status", "Time")
logger = logging.getLogger("nanotyped.monitor")


class bcolors:  # noqa: N801 - the name that old pipelines know
    """ANSI codes for what is written to a terminal."""

    HEADER = "\033[95m"
    OKBLUE = "\033[94m"
    OKGREEN = "\033[92m"
    WARNING = "\033[93m"
    FAIL = "\033[91m"
    ENDC = "\033[0m"
    BOLD = "\033[1m"
    UNDERLINE = "\033[4m"


_COLOURS = {"running": bcolors.WARNING, "error": bcolors.FAIL, "success": bcolors.OKGREEN}


class Monitor:
    """Logs the status of all nodes of a run at INFO, from the thread of the supervisor.

    Args:
        run: The run.
        is_silent: Whether nothing is logged: of a run that is a part of one, which logs for all of it.
    """

    def __init__(self, run: AnyRun, *, is_silent: bool = False) -> None:
        self._run = run
        self._is_silent = is_silent
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
        if logger.isEnabledFor(logging.INFO) and not self._is_silent:
            logger.info(
                "%s", render_status(self._run, coloured=goes_to_terminals()), extra={"report": self._run.report()}
            )


def goes_to_terminals() -> bool:
    """Whether all that takes what is logged here writes to terminals, and NO_COLOR is not set."""
    if os.environ.get("NO_COLOR"):
        return False
    found: list[logging.Handler] = []
    at: logging.Logger | None = logger
    while at is not None:
        found += at.handlers
        at = at.parent if at.propagate else None
    takes = [handler for handler in found if handler.level <= logging.INFO]
    return bool(takes) and all(_is_of_terminal(handler) for handler in takes)


def _is_of_terminal(handler: logging.Handler) -> bool:
    stream = getattr(handler, "stream", None)
    return isinstance(handler, logging.StreamHandler) and stream is not None and bool(stream.isatty())


def render_status(run: AnyRun, *, coloured: bool = False) -> str:
    """Return the status of all nodes as a table of aligned columns; ``coloured``: with the codes of ``bcolors``."""
    lines: list[Sequence[str]] = [COLUMNS]
    for node, origin in zip(run.report().nodes, run.graph.nodes, strict=True):
        queued = run.rows_waiting(origin)
        told = (node.name, node.class_name, node.received, node.sent, queued, node.status, f"{node.seconds:.1f}")
        lines.append([str(cell) for cell in told])
    widths = [max(len(line[index]) for line in lines) for index in range(len(COLUMNS))]
    place = COLUMNS.index("Status")
    padded: list[list[str]] = [[cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines]
    if coloured:
        for line, cells in zip(lines[1:], padded[1:], strict=True):
            code = _COLOURS.get(line[place])
            cells[place] = cells[place] if code is None else f"{code}{cells[place]}{bcolors.ENDC}"
        padded[0] = [f"{bcolors.BOLD}{padded[0][0]}", *padded[0][1:-1], f"{padded[0][-1]}{bcolors.ENDC}"]
    return "\n".join("  ".join(cells) for cells in padded)
