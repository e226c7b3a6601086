"""The command ``nanotyped`` before there is a package: half a second of imports in which Ctrl-C is quiet too.

It stands outside of the package, whose own import is most of that time. ``python -m nanotyped`` imports the package
first, and that imports this before anything else.
"""

from __future__ import annotations

import os
import signal
import sys
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType


def main() -> int:
    """Run the command line and return its exit status."""
    handler = signal.getsignal(signal.SIGINT)
    if handler is _leave:  # since the package began to be imported
        handler = signal.default_int_handler
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


def _is_command_being_imported() -> bool:
    """Whether this process is ``python -m nanotyped``, and Python is still looking for what to run."""
    words = sys.orig_argv
    return sys.argv[:1] == ["-m"] and (("-m", "nanotyped") in pairwise(words) or "-mnanotyped" in words)


if _is_command_being_imported() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, _leave)
