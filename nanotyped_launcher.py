"""The command ``nanotyped`` before there is a package: half a second of imports in which Ctrl-C is quiet too.

It stands outside of the package, whose own import is most of that time.
"""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType


def main() -> int:
    """Run the command line and return its exit status."""
    handler = signal.getsignal(signal.SIGINT)
    # Where the shell has it ignored, as behind `&` in a script, it stays so.
    if handler is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
    from nanotyped.cli import main as run_command_line  # noqa: PLC0415 - this import is what takes the time

    if handler is signal.default_int_handler:
        signal.signal(signal.SIGINT, handler)
    return run_command_line()


def _leave(number: int, _frame: FrameType | None) -> None:
    # Nothing has begun, and an exception might be taken for one of the module that is being imported.
    os._exit(128 + number)
