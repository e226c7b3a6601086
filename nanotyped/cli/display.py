"""The state of a run on stderr: a table that redraws itself on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import io
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, TextIO, cast

from rich.live import Live
from rich.text import Text

from nanotyped.cli.output import is_stdout_piped, printable, stderr_console

if TYPE_CHECKING:
    from rich.console import Console

    from nanotyped.engine import Run
    from nanotyped.node import NodeReport, RunReport

TABLE_INTERVAL_S = 0.2
LINE_INTERVAL_S = 4.0
RATE_WINDOW_S = 1.0
HELD_CHARACTERS = 32 * 1024

STYLES: Mapping[str, str] = MappingProxyType(
    {"running": "yellow", "error": "bold red", "success": "green", "stopped": "dim"}
)
_LEFT_COLUMNS = ("Node", "Class", "Status")


@contextmanager
def show_progress(run: Run) -> Iterator[None]:
    """Show how a run is getting on, while the block runs."""
    console = stderr_console()
    # What reads our stdout through a pipe mostly writes to the same terminal, right into a table.
    shows_table = console.is_terminal and not is_stdout_piped()
    display: _Table | _Lines = _Table(run, console) if shows_table else _Lines(run, console)
    with display, _Ticker(display):
        yield


def print_summary(report: RunReport) -> None:
    """Print what each node did: rows, seconds, and rows a second."""
    rows = []
    for node in report.nodes:
        handled = max(node.received, node.sent)
        rate = f"{handled / node.seconds:,.0f}" if node.seconds else ""
        cells = [*_cells(node), f"{node.seconds:.3f}", rate]
        rows.append(cells)
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
    for line in _aligned(head, rows):
        console.print(line)


def _cells(node: NodeReport) -> list[str]:
    counts = (node.received, node.sent, node.filtered, node.rejected, node.skipped, node.dead)
    return [printable(node.name), node.class_name, *(f"{count:,}" for count in counts), node.status]


def _aligned(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[Text]:
    """Return a heading and rows as lines of text, numbers to the right, each status in its colour."""
    widths = [max(len(line[index]) for line in [head, *rows]) for index in range(len(head))]
    lines = []
    for number, row in enumerate([head, *rows]):
        line = Text()
        for name, cell, width in zip(head, row, widths, strict=True):
            style = "bold" if number == 0 else STYLES.get(cell, "") if name == "Status" else ""
            padded = cell.ljust(width) if name in _LEFT_COLUMNS else cell.rjust(width)
            line.append("  " if line else "").append(padded, style)
        line.rstrip()
        lines.append(line)
    return lines


class _Display(Protocol):
    interval_s: float

    def update(self) -> None: ...


class _Ticker:
    """Calls ``update`` of a display at its interval, in a thread of its own, while the block runs."""

    def __init__(self, display: _Display) -> None:
        self._display = display
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="nanotyped-display", daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *exception: object) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._end.wait(self._display.interval_s):
            self._display.update()


class _Rates:
    """Rows a second of each node, over the last window."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._before: dict[str, int] = {}
        self._rates: dict[str, float] = {}

    def of(self, nodes: Sequence[NodeReport]) -> Mapping[str, float]:
        now = time.monotonic()
        seconds = now - self._since
        if seconds >= RATE_WINDOW_S:
            rows = {node.name: max(node.received, node.sent) for node in nodes}
            self._rates = {name: (count - self._before.get(name, 0)) / seconds for name, count in rows.items()}
            self._before, self._since = rows, now
        return self._rates


class _Lines:
    """One line at an interval, for logs and pipes."""

    interval_s = LINE_INTERVAL_S

    def __init__(self, run: Run, console: Console) -> None:
        self._run = run
        self._console = console
        self._rates = _Rates()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def update(self) -> None:
        report = self._run.report()
        rates = self._rates.of(report.nodes)
        parts = [self._part(node, rates.get(node.name, 0.0)) for node in report.nodes]
        self._console.print(Text(f"{report.seconds:.0f} s: {'; '.join(parts)}"))

    def _part(self, node: NodeReport, rate: float) -> str:
        queued = self._run.rows_queued(node.name)
        counts = [f"{node.received:,} received" if node.received else "", f"{node.sent:,} sent" if node.sent else ""]
        more = [f"{queued:,} queued" if queued else "", f"{rate:,.0f}/s" if node.status == "running" else node.status]
        return f"{printable(node.name)} " + ", ".join(filter(None, [*counts, *more]))


class _Table:
    """A table at the foot of a terminal; what is printed meanwhile goes above it."""

    interval_s = TABLE_INTERVAL_S

    def __init__(self, run: Run, console: Console) -> None:
        self._run = run
        self._rates = _Rates()
        self._live = Live(
            console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        )
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

    def update(self) -> None:
        for stream in self._streams:
            stream.print_held()
        self._live.update(self._render(), refresh=True)

    def _render(self) -> Text:
        nodes = self._run.report().nodes
        rates = self._rates.of(nodes)
        head = ["Node", "Class", "Received", "Sent", "Queued", "Status", "Time", "Rows/s"]
        rows = []
        for node in nodes:
            name, class_name, received, sent, *_, status = _cells(node)
            queued, rate = f"{self._run.rows_queued(name):,}", f"{rates.get(name, 0.0):,.0f}"
            rows.append([name, class_name, received, sent, queued, status, f"{node.seconds:.1f}", rate])
        return Text("\n", no_wrap=True, overflow="ellipsis").join(_aligned(head, rows))


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
