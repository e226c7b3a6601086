"""The command line: one module for each command that is more than a call. Nothing below this prints or exits."""

from __future__ import annotations

import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from nanotyped.cli.arguments import Arguments, UsageError, parse_arguments
from nanotyped.cli.commands import COMMANDS
from nanotyped.cli.output import (
    CommandFailedError,
    abandon_stdout,
    print_error,
    render_traceback,
)
from nanotyped.cli.refusals import tell_failure, tell_problems
from nanotyped.cli.report import ReportPlaceError
from nanotyped.errors import ConfigError, PipelineInterrupted
from nanotyped.registry import ModuleLoadError

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status; prints, but never exits.

    Args:
        argv: The words after the program's name; by default those of the process.
    """
    try:
        arguments = parse_arguments(sys.argv[1:] if argv is None else argv)
    except UsageError as error:
        print_error(f"{error.reason}\n{error.usage}")
        return 2
    except SystemExit as end:  # argparse has printed the help or the version
        return int(end.code or 0)
    try:
        with _signals_raise():
            return _call(arguments)
    except BrokenPipeError:
        abandon_stdout()
        return 1


@contextmanager
def _signals_raise() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the block with an exception, as SIGINT does, so that everything is put away."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's business
        return

    def interrupt(number: int, _: FrameType | None) -> None:
        raise PipelineInterrupted(number)

    # Under `nohup` SIGHUP is ignored, and stays so.
    numbers = [signal.SIGTERM, *([signal.SIGHUP] if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN else [])]
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _call(arguments: Arguments) -> int:
    try:
        code = COMMANDS[arguments.command](arguments)
        if sys.stdout is not None:  # it is None where the caller closed it
            sys.stdout.flush()
        return code
    except ConfigError as error:
        return tell_problems(error.problems, arguments, 2)
    except ReportPlaceError as error:
        return tell_failure(str(error), type(error).__name__, replace(arguments, report=None), error.exit_code)
    except (CommandFailedError, ModuleLoadError) as error:
        cause = error.__cause__
        name = type(error if cause is None else cause).__name__
        exit_code = error.exit_code if isinstance(error, CommandFailedError) else 2
        status = tell_failure(str(error), name, arguments, exit_code)
        if arguments.traceback and cause is not None:
            print_error(render_traceback(cause))
        return status
    except PipelineInterrupted as end:
        return 128 + end.signal_number
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - a fault of this program: one line, and the way to see more
        return _tell_fault(error, arguments)


def _tell_fault(error: Exception, arguments: Arguments) -> int:
    """Tell of a fault of this program; programs get its class and place alone, for its text may quote a row."""
    name = type(error).__name__
    *_, last = traceback.extract_tb(error.__traceback__)
    place = f"internal error: {name} at {Path(last.filename).name}:{last.lineno} in {last.name}"
    status = tell_failure(f"internal error: {name}: {error}", name, arguments, 1, for_programs=place)
    if arguments.log_format != "json":
        print_error(render_traceback(error) if arguments.traceback else "with --traceback it shows where")
    return status
