"""What is shown of a run while it runs, as text: a table that fits a terminal of any width, or one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from nanotyped.cli.output import printable

if TYPE_CHECKING:
    from nanotyped.engine.watch import NodeState, Snapshot
    from nanotyped.node import NodeReport

STYLES: Mapping[str, str] = MappingProxyType(
    {"running": "yellow", "error": "bold red", "success": "green", "stopped": "dim"}
)
LEFT_COLUMNS = ("Node", "Class", "Status")
# What a terminal that is too narrow goes without, first of all the first.
_DROPPED = ("Class", "Time", "Sent", "Queued", "Received", "Rows/s", "Status")
_MARK, _NO_MARK = "> ", "  "
_BOTTLENECK = "bold magenta"
_FEWEST_LETTERS = 4
_BAR = 20
_FEWEST_CELLS_FOR_BAR = 60


def render_table(snapshot: Snapshot, width: int, height: int) -> Text:
    """Return the status of all nodes as a table, and under it how far the run is.

    The node that the others wait for bears a ``>``, so that it is seen without colours too.

    Args:
        snapshot: The run.
        width: How many cells a line has. Where that is too few, columns are left out, then ends of names.
        height: How many lines there are. Where that is too few, nodes are left out, and counted.
    """
    foot = _foot(snapshot, width)
    shown = _nodes_that_fit(snapshot, height - len(foot) - 1)
    head = ["Node", "Class", "Received", "Sent", "Queued", "Status", "Time", "Rows/s"]
    rows = [_row(node) for node in shown]
    head, rows = _narrowed(head, rows, width - len(_MARK))
    marks = [_NO_MARK, *(_MARK if node.report.name == snapshot.bottleneck else _NO_MARK for node in shown)]
    lines = [
        Text().append(mark, _BOTTLENECK).append_text(line)
        for mark, line in zip(marks, aligned(head, rows), strict=True)
    ]
    left_out = len(snapshot.nodes) - len(shown)
    if left_out:
        foot.insert(0, Text(f"  … {left_out} more"))
    return Text("\n", no_wrap=True, overflow="ellipsis").join([*lines, *foot])


def _row(node: NodeState) -> list[str]:
    told = node.report
    rate = f"{node.rows_per_s:,.0f}" if told.status == "running" else ""
    counts = (f"{told.received:,}", f"{told.sent:,}", f"{node.queued:,}")
    return [printable(told.name), told.class_name, *counts, told.status, f"{told.seconds:.1f}", rate]


def _nodes_that_fit(snapshot: Snapshot, height: int) -> list[NodeState]:
    """Return the nodes for so many lines: all, or those that run before the others, in their order."""
    nodes = list(snapshot.nodes)
    if len(nodes) <= height:
        return nodes
    rank = {"error": 0, "running": 2, "success": 3, "stopped": 3}
    ranked = sorted(
        range(len(nodes)),
        key=lambda at: 1 if nodes[at].report.name == snapshot.bottleneck else rank[nodes[at].report.status],
    )
    return [nodes[at] for at in sorted(ranked[: max(1, height - 1)])]  # a line tells how many are left out


def _narrowed(head: list[str], rows: Sequence[list[str]], width: int) -> tuple[list[str], list[list[str]]]:
    """Return what of a table fits into a width: without some columns, and if need be with names cut off."""
    lines = [head, *map(list, rows)]
    for name in _DROPPED:
        if _width(lines) <= width:
            break
        place = lines[0].index(name)
        lines = [[*line[:place], *line[place + 1 :]] for line in lines]
    over = _width(lines) - width
    if over > 0:
        room = max(_FEWEST_LETTERS, max(cell_len(line[0]) for line in lines) - over)
        lines = [[_cut(line[0], room), *line[1:]] for line in lines]
    return lines[0], lines[1:]


def _width(lines: Sequence[Sequence[str]]) -> int:
    widths = [max(map(cell_len, column)) for column in zip(*lines, strict=True)]
    return sum(widths) + 2 * (len(widths) - 1)


def _cut(text: str, room: int) -> str:
    return text if cell_len(text) <= room else set_cell_size(text, room - 1).rstrip() + "…"


def aligned(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[Text]:
    """Return a heading and rows as lines of text, numbers to the right, each status in its colour."""
    widths = [max(cell_len(line[index]) for line in [head, *rows]) for index in range(len(head))]
    lines = []
    for number, row in enumerate([head, *rows]):
        line = Text()
        for name, cell, width in zip(head, row, widths, strict=True):
            style = "bold" if number == 0 else STYLES.get(cell, "") if name == "Status" else ""
            blanks = " " * (width - cell_len(cell))
            padded = cell + blanks if name in LEFT_COLUMNS else blanks + cell
            line.append("  " if line else "").append(padded, style)
        line.rstrip()
        lines.append(line)
    return lines


# -- how far it is ------------------------------------------------------------------------


def _foot(snapshot: Snapshot, width: int) -> list[Text]:
    found: list[Text] = []
    if snapshot.share_read is not None:
        done = int(snapshot.share_read * _BAR)
        bar = f"[{'#' * done}{'.' * (_BAR - done)}] " if width >= _FEWEST_CELLS_FOR_BAR else ""
        found.append(Text(_cut(f"  {bar}{render_share(snapshot)}", width)))
    if snapshot.bottleneck is not None:
        found.append(Text(_cut(f"  bottleneck: {printable(snapshot.bottleneck)}", width), _BOTTLENECK))
    return found


def render_share(snapshot: Snapshot) -> str:
    """Return how much of what there is was read, and in what time the rest will be; ``""`` where nobody knows.

    What is not read to its end is never 100 %.
    """
    share = snapshot.share_read
    if share is None:
        return ""
    about = "" if snapshot.exact else "~"
    percent = int(share * 100)
    left = "" if snapshot.left_s is None else f", {render_seconds(snapshot.left_s)} left"
    return f"{about if percent < 100 else ''}{percent} % read{left}"


def render_seconds(seconds: float) -> str:
    """Return a span of time in the two units that matter: ``8 s``, ``1 min 20 s``, ``2 h 05 min``, ``3 d 04 h``."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    if whole < 24 * 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02} min"
    return f"{whole // 86400} d {whole % 86400 // 3600:02} h"


def render_line(snapshot: Snapshot) -> str:
    """Return the status of all nodes as one line: how far it is, counts and rates, the bottleneck."""
    parts = [_part(node) for node in snapshot.nodes]
    share = render_share(snapshot)
    if share:
        parts.insert(0, share)
    if snapshot.bottleneck is not None:
        parts.append(f"bottleneck: {printable(snapshot.bottleneck)}")
    return f"{snapshot.seconds:.0f} s: {'; '.join(parts)}"


def _part(node: NodeState) -> str:
    told = node.report
    counts = [
        f"{told.received:,} received" if told.received else "",
        f"{told.sent:,} sent" if told.sent else "",
        f"{node.queued:,} queued" if node.queued else "",
        f"{node.rows_per_s:,.0f}/s" if told.status == "running" else told.status,
    ]
    return f"{printable(told.name)} {', '.join(filter(None, counts))}"


def summary_cells(node: NodeReport) -> list[str]:
    """Return what a node did in all, but for its time: name, class, rows, status."""
    counts = (node.received, node.sent, node.filtered, node.rejected, node.skipped, node.dead)
    return [printable(node.name), node.class_name, *(f"{count:,}" for count in counts), node.status]
