"""SIGINT, SIGTERM and SIGHUP while a run is waited for: the first drains it, the second ends it, or its grace time."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from nanotyped.node.running import NO_ROW_VALUES

if TYPE_CHECKING:
    from types import FrameType

    from nanotyped.engine.any_run import AnyRun

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
logger = logging.getLogger("nanotyped.signals")


@contextmanager
def drain_on_signals(run: AnyRun) -> Iterator[list[int]]:
    """Handle the signals while the block runs; gives the list of those that came.

    What becomes of the run is logged at INFO. A SIGHUP that is ignored, as under ``nohup``, stays so.

    Outside of the main thread Python delivers no signals, and this does nothing.
    """
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return

    def handle(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        again = "Ctrl-C again" if number == signal.SIGINT else "a second signal"
        if len(received) == 1:
            run.drain(within_s=run.grace_s)
            logger.info("finishing what is in flight; %s to stop now", again, extra=NO_ROW_VALUES)
        else:
            run.kill()
            logger.info("stopping now")

    hung_up_on = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN
    handled = [number for number in SIGNALS if number != signal.SIGHUP or hung_up_on]
    before: dict[signal.Signals, Any] = {number: signal.signal(number, handle) for number in handled}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
