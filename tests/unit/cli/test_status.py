"""What is shown of a run while it runs: the table on terminals of any size, and the line."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.cells import cell_len

from nanotyped.cli.status import render_line, render_seconds, render_share, render_table
from nanotyped.engine.watch import NodeState, Snapshot
from nanotyped.node import NodeReport

READ = NodeState(NodeReport("read", "StreamMySQLTable", 0, 120_000, 0, 12.0, "running"), 0, 9_990.4)
POST = NodeState(NodeReport("post_日本", "HttpPostRequest", 116_000, 0, 0, 12.0, "running"), 4_000, 9_100.0)
DONE = NodeState(NodeReport("tail", "Show", 7, 0, 0, 3.25, "success"), 0, 0.0)
SEEN = Snapshot(12.2, (READ, POST, DONE), "post_日本", 0.42, exact=False, left_s=80.0)


def shown(snapshot: Snapshot = SEEN, width: int = 100, height: int = 24) -> list[str]:
    """Return the lines of the table."""
    return render_table(snapshot, width, height).plain.split("\n")


def test_the_table_on_a_wide_terminal() -> None:
    """Every column, a mark at the bottleneck, and under it how far it is; no rate of what has ended."""
    assert shown() == [
        "  Node       Class             Received     Sent  Queued  Status   Time  Rows/s",
        "  read       StreamMySQLTable         0  120,000       0  running  12.0   9,990",
        "> post_日本  HttpPostRequest    116,000        0   4,000  running  12.0   9,100",
        "  tail       Show                     7        0       0  success   3.2",
        "  [########............] ~42 % read, 1 min 20 s left",
        "  bottleneck: post_日本",
    ]


def test_the_colours_of_the_table() -> None:
    """Running is yellow, an error red, success green, and the mark of the bottleneck magenta."""
    failed = replace(DONE, report=replace(DONE.report, name="bad", status="error"))
    text = render_table(replace(SEEN, nodes=(*SEEN.nodes, failed)), 100, 24)
    styles = {(text.plain[span.start : span.end].strip(), str(span.style)) for span in text.spans}
    assert {
        ("running", "yellow"),
        ("error", "bold red"),
        ("success", "green"),
        (">", "bold magenta"),
        ("bottleneck: post_日本", "bold magenta"),
    } <= styles


@pytest.mark.parametrize(
    ("width", "head"),
    [
        (79, ["Node", "Class", "Received", "Sent", "Queued", "Status", "Time", "Rows/s"]),
        (78, ["Node", "Received", "Sent", "Queued", "Status", "Time", "Rows/s"]),
        (59, ["Node", "Received", "Sent", "Queued", "Status", "Rows/s"]),
        (53, ["Node", "Received", "Queued", "Status", "Rows/s"]),
        (44, ["Node", "Received", "Status", "Rows/s"]),
        (36, ["Node", "Status", "Rows/s"]),
        (26, ["Node", "Status"]),
        (18, ["Node"]),
    ],
)
def test_a_narrow_terminal_drops_columns_in_an_order(width: int, head: list[str]) -> None:
    """Class first, then the time, what was sent, what is queued, what came, the rate, the status; never the name."""
    assert shown(width=width)[0].split() == head


def test_no_line_of_the_table_is_wider_than_the_terminal() -> None:
    """Down to a dozen cells, whatever the names are; what is cut off is said to be."""
    long = replace(READ, report=replace(READ.report, name="a_node_with_a_long_name_日本日本"))
    for width in range(12, 120):
        for line in shown(replace(SEEN, nodes=(long, DONE), bottleneck=None), width):
            assert cell_len(line) <= width
    assert shown(replace(SEEN, nodes=(long, DONE)), 16)[1] == "  a_node_with_a…"


def test_a_low_terminal_shows_the_nodes_that_matter() -> None:
    """What failed, the bottleneck and what runs stay, in their order; the others are counted."""
    ended = [replace(DONE, report=replace(DONE.report, name=f"done{place}")) for place in range(9)]
    lines = shown(replace(SEEN, nodes=(*ended, READ, POST)), height=7)
    assert [line.split()[:2] for line in lines[1:]] == [
        ["done0", "Show"],
        ["read", "StreamMySQLTable"],
        [">", "post_日本"],
        ["…", "8"],
        ["[########............]", "~42"],
        ["bottleneck:", "post_日本"],
    ]


def test_names_steer_no_terminal() -> None:
    """What would move a cursor stands there as an escape."""
    evil = replace(READ, report=replace(READ.report, name="a\x1b[2Jb"))
    assert "a\\x1b[2Jb" in shown(replace(SEEN, nodes=(evil,), bottleneck="a\x1b[2Jb"))[1]
    assert "\x1b" not in render_line(replace(SEEN, nodes=(evil,), bottleneck="a\x1b[2Jb"))


def test_the_line() -> None:
    """One line holds how far it is, the counts and rates, and the bottleneck; what is nought is left out."""
    assert render_line(SEEN) == (
        "12 s: ~42 % read, 1 min 20 s left; read 120,000 sent, 9,990/s; "
        "post_日本 116,000 received, 4,000 queued, 9,100/s; tail 7 received, success; bottleneck: post_日本"
    )
    assert render_line(Snapshot(4.0, (DONE,), None, None, exact=True, left_s=None)) == "4 s: tail 7 received, success"


@pytest.mark.parametrize(
    ("share", "exact", "left_s", "text"),
    [
        (None, True, None, ""),
        (0.0, True, None, "0 % read"),
        (0.999, True, 8.4, "99 % read, 8 s left"),
        (0.999, False, None, "~99 % read"),
        (1.0, False, None, "100 % read"),
    ],
)
def test_how_far_it_is(share: float | None, exact: bool, left_s: float | None, text: str) -> None:
    """An estimate bears a mark, and what is not read to its end is never 100 %."""
    assert render_share(replace(SEEN, share_read=share, exact=exact, left_s=left_s)) == text


def test_spans_of_time() -> None:
    """The two units that matter."""
    assert [render_seconds(seconds) for seconds in (0.2, 59.4, 80, 7500, 273_600)] == [
        "0 s",
        "59 s",
        "1 min 20 s",
        "2 h 05 min",
        "3 d 04 h",
    ]
