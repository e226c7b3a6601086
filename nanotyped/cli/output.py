"""Where the command line prints: problems, failures and the end of a pipe."""

from __future__ import annotations

import io
import json
import os
import re
import select
import stat
import sys
import traceback
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from nanotyped.errors import NanotypedError

if TYPE_CHECKING:
    from nanotyped.errors import ConfigProblem


# What moves a cursor, colours, or turns the direction of text: a name or a message of others must not do that here.
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class CommandFailedError(NanotypedError):
    """A command that cannot go on. ``str`` of it is what the user reads.

    Attributes:
        exit_code: What the program exits with.
    """

    def __init__(self, message: str, exit_code: int) -> None:
        self.exit_code = exit_code
        super().__init__(message)


def stderr_console() -> Console:
    """Return a console on stderr: colours on a terminal only, and none where NO_COLOR is set."""
    return Console(stderr=True, highlight=False, soft_wrap=True, emoji=False, markup=False)


def stdout_console() -> Console:
    """Return a console on stdout, else as ``stderr_console``; a letter that it cannot show is an escape."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    return Console(highlight=False, soft_wrap=True, emoji=False, markup=False)


def printable(text: str) -> str:
    """Return text that steers no terminal: control characters, but for tabs and line ends, are spelled as escapes."""
    return STEERING.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def print_error(message: str) -> None:
    """Print one message on stderr."""
    stderr_console().print(Text("nanotyped: ", style="bold red") + Text(printable(message), style=""))


def print_problems(problems: Iterable[ConfigProblem]) -> None:
    """Print every problem on a line of its own as ``file:line:col: message``, and their count."""
    found = list(problems)
    console = stderr_console()
    for problem in found:
        place = str(problem).removesuffix(f": {problem.reason}")
        reason = printable(" ".join(problem.reason.split("\n")))
        console.print(Text(f"{printable(place)}: ", style="bold") + Text(reason, style=""))
    console.print(Text(f"{len(found)} problem{'' if len(found) == 1 else 's'}", style="bold red"))


def print_record(facts: Mapping[str, Any]) -> None:
    """Print one error on stderr as a record of the log, for programs."""
    record = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "level": "error",
        "logger": "nanotyped.check",
        "run": None,
        **facts,
    }
    text = json.dumps(record, ensure_ascii=False).encode("utf-8", "backslashreplace").decode()
    sys.stderr.write(STEERING.sub(lambda at: f"\\u{ord(at[0]):04x}", text) + "\n")


def render_traceback(error: BaseException) -> str:
    """Return the traceback of an error and its causes."""
    return "".join(traceback.format_exception(error)).rstrip()


def is_stdout_piped() -> bool:
    """Whether another program reads our stdout."""
    try:
        return stat.S_ISFIFO(os.fstat(sys.stdout.fileno()).st_mode)
    except (OSError, ValueError):
        return False


def is_stdout_closed() -> bool:
    """Whether the reader of our stdout is gone, as after ``| head``."""
    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
        return any(event & (select.POLLERR | select.POLLNVAL) for _, event in poll.poll(0))
    except (OSError, ValueError, AttributeError):
        return False


def abandon_stdout() -> None:
    """Let what is still buffered for a stdout that nobody reads go nowhere, rather than fail at the exit."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)
