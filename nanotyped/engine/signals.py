"""SIGINT and SIGTERM while a run is waited for: the first drains it, the second ends it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import FrameType

    from nanotyped.engine.run import Run

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def drain_on_signals(run: Run) -> Iterator[list[int]]:
    """Handle both signals while the block runs; gives the list of those that came.

    Outside of the main thread Python delivers no signals, and this does nothing.
    """
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return

    def handle(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        if len(received) == 1:
            run.drain()
        else:
            run.kill()

    before: dict[signal.Signals, Any] = {number: signal.signal(number, handle) for number in SIGNALS}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
