from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich.console import Console

from nanotyped.cli.display import HELD_CHARACTERS, _AboveTable, print_summary
from nanotyped.node import NodeReport, RunReport

if TYPE_CHECKING:
    import pytest


def above_table() -> tuple[_AboveTable, io.StringIO]:
    """Return a stream, and where it prints."""
    screen = io.StringIO()
    return _AboveTable(Console(file=screen, width=20), screen), screen


def test_the_summary_gives_rows_seconds_and_rates(capsys: pytest.CaptureFixture[str]) -> None:
    """Numbers stand to the right under their headings; the rate is that of the rows that a node handled."""
    read = NodeReport("read", "StreamMySQLTable", 0, 120_000, 0, 2.0, "success")
    show = NodeReport("show_all", "Show", 119_999, 0, 3, 0.0, "error", filtered=120, skipped=1, dead=1)
    print_summary(RunReport((read, show), 2.0))
    assert capsys.readouterr().err == (
        "Node      Class             Received     Sent  Filtered  Rejected  Skipped  Dead  Status   Seconds  Rows/s\n"
        "read      StreamMySQLTable         0  120,000         0         0        0     0  success    2.000  60,000\n"
        "show_all  Show               119,999        0       120         3        1     1  error      0.000\n"
    )


def test_whole_lines_are_printed_above_the_table_as_they_are() -> None:
    """Lines are neither wrapped nor read as markup; the last piece waits for its end."""
    stream, screen = above_table()
    stream.write("[bold]x[/bold] :smile: and much more than twenty characters\npie")
    assert screen.getvalue() == ""
    stream.flush()
    stream.print_held()
    assert screen.getvalue() == "[bold]x[/bold] :smile: and much more than twenty characters\n"
    stream.write("ce\n")
    stream.write("end")
    stream.print_held(everything=True)
    assert screen.getvalue().endswith("\npiece\nend\n")


def test_what_is_held_is_bounded() -> None:
    """A node that prints faster than the table is drawn does not fill the memory."""
    stream, screen = above_table()
    stream.write("x" * HELD_CHARACTERS)
    assert screen.getvalue() == ""
    stream.write("\n")
    assert screen.getvalue() == "x" * HELD_CHARACTERS + "\n"
