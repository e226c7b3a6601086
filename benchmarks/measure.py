"""Timing one job in this process: seconds, rows a second, and how far the resident memory rose."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

STATUS = Path("/proc/self/status")
CLEAR_REFS = Path("/proc/self/clear_refs")


def resident_mb(field: str) -> float:
    """Return ``VmRSS`` (now) or ``VmHWM`` (peak) of this process, in MB."""
    for line in STATUS.read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / 1024
    raise KeyError(field)


def measure(rows: int, job: Callable[[], int]) -> None:
    """Run ``job``, which returns how many rows it saw, and print one line of JSON about it.

    Raises:
        ValueError: If it did not see all rows: a wrong job is not fast.
    """
    CLEAR_REFS.write_text("5")  # the peak starts from here
    before = resident_mb("VmRSS")
    cpu, start = time.process_time(), time.perf_counter()
    seen = job()
    seconds = time.perf_counter() - start
    if seen != rows:
        raise ValueError(f"saw {seen} rows of {rows}")
    print(
        json.dumps(
            {
                "rows": rows,
                "seconds": round(seconds, 4),
                "cpu": round(time.process_time() - cpu, 4),
                "peak_mb": round(resident_mb("VmHWM"), 1),
                "grown_mb": round(resident_mb("VmHWM") - before, 1),
            }
        )
    )
