"""The state of a run on stderr: a table that redraws itself on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import io
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING, Any, Protocol, Self, TextIO, cast

from rich.live import Live
from rich.text import Text

from nanotyped.cli.output import CommandFailedError, is_stdout_piped, stderr_console
from nanotyped.cli.status import aligned, render_line, render_table, summary_cells
from nanotyped.engine.watch import SAMPLE_S

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console

    from nanotyped.engine.any_run import AnyRun, Looking
    from nanotyped.engine.watch import Snapshot
    from nanotyped.node import RunReport

LINE_INTERVAL_S = 4.0
HELD_CHARACTERS = 32 * 1024


def check_progress(how: str) -> None:
    """Find out before the run whether it can be shown so.

    Raises:
        CommandFailedError: If it is to be a table, and stderr is no terminal that can be redrawn.
    """
    if how == "table" and not _can_be_redrawn(stderr_console()):
        raise CommandFailedError("--progress table: stderr is no terminal that can be redrawn; use lines", 2)


def _can_be_redrawn(console: Console) -> bool:
    return console.is_terminal and not console.is_dumb_terminal


@contextmanager
def show_progress(run: AnyRun, how: str = "auto") -> Iterator[None]:
    """Show how a run is getting on, while the block runs.

    Args:
        run: The run.
        how: ``table``, ``lines``, ``none``, or ``auto``: a table where it can be shown.
    """
    console = stderr_console()
    if how == "none":
        yield
        return
    # What reads our stdout through a pipe mostly writes to the same terminal, right into a table.
    shows_table = how == "table" or (how == "auto" and _can_be_redrawn(console) and not is_stdout_piped())
    display: _Table | _Lines = _Table(console) if shows_table else _Lines(console)
    with display, _Ticker(run.watch(), display):
        yield


def print_summary(report: RunReport) -> None:
    """Print what each node did: rows, seconds, and rows a second."""
    rows = []
    for node in report.nodes:
        handled = max(node.received, node.sent)
        rate = f"{handled / node.seconds:,.0f}" if node.seconds else ""
        rows.append([*summary_cells(node), f"{node.seconds:.3f}", rate])
    head = [
        "Node",
        "Class",
        "Received",
        "Sent",
        "Filtered",
        "Rejected",
        "Skipped",
        "Dead",
        "Status",
        "Seconds",
        "Rows/s",
    ]
    console = stderr_console()
    for line in aligned(head, rows):
        console.print(line)


class _Display(Protocol):
    def update(self, snapshot: Snapshot) -> None: ...


class _Ticker:
    """Looks at a run now and then, in a thread of its own, and has a display show it, while the block runs."""

    def __init__(self, watch: Looking, display: _Display) -> None:
        self._watch = watch
        self._display = display
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="nanotyped-display", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *exception: object) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._end.wait(SAMPLE_S):
            self._display.update(self._watch.look())


class _Lines:
    """One line at an interval, for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._due = time.monotonic() + LINE_INTERVAL_S

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def update(self, snapshot: Snapshot) -> None:
        if time.monotonic() >= self._due:
            self._due += LINE_INTERVAL_S
            self._console.print(Text(render_line(snapshot)))


class _Table:
    """A table at the foot of a terminal; what is printed meanwhile goes above it."""

    def __init__(self, console: Console) -> None:
        self._live = Live(
            console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        self._console = console
        console.file = sys.stderr  # the terminal itself, also while sys.stderr leads to the console
        self._streams = [_AboveTable(console, sys.stderr)]
        if sys.stdout.isatty():
            self._streams.append(_AboveTable(console, sys.stdout))
        self._open = ExitStack()

    def __enter__(self) -> Self:
        self._live.start()
        self._open.enter_context(redirect_stderr(cast("TextIO", self._streams[0])))
        for stream in self._streams[1:]:
            self._open.enter_context(redirect_stdout(cast("TextIO", stream)))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._open.close()
        for stream in self._streams:
            stream.print_held(everything=True)
        self._live.stop()

    def update(self, snapshot: Snapshot) -> None:
        for stream in self._streams:
            stream.print_held()
        width, height = self._console.size
        self._live.update(render_table(snapshot, width, height), refresh=True)


class _AboveTable(io.TextIOBase):
    """Stands for stdout or stderr while a table is on the terminal: prints whole lines above it.

    Lines are held for at most one interval of the table, so that a fast printer does not redraw it for each line.
    """

    def __init__(self, console: Console, stream: TextIO) -> None:
        self._console = console
        self._stream = stream
        self._lock = threading.Lock()
        self._held = ""

    def write(self, text: str) -> int:
        with self._lock:
            self._held += text
        if len(self._held) > HELD_CHARACTERS:
            self.print_held()
        return len(text)

    def flush(self) -> None:
        """Do nothing: the next redrawing of the table prints what is held."""

    def print_held(self, *, everything: bool = False) -> None:
        """Print the whole lines that are held; with ``everything`` a last line without its end too."""
        with self._lock:
            lines, end, rest = self._held.rpartition("\n")
            if everything and rest:
                lines, end, rest = self._held, "\n", ""
            self._held = rest
            if end:
                self._console.out(lines, highlight=False)

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._stream.fileno()

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a plain attribute there, which cannot be handed on
        return self._stream.encoding

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
