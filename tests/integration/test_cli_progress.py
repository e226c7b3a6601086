"""How `run` shows what it is at: on terminals of any width, in lines, or not at all."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

NODES = """\
from nanotyped.cli import display
from nanotyped.node import NanoNode, SizeHint
from nanotyped.registry import register_node

display.LINE_INTERVAL_S = 0.4

@register_node
class Count(NanoNode):
    output_schema = {"n": "int"}
    def size_hint(self):
        return SizeHint(2500)
    def generator(self):
        for n in range(2500):
            yield {"n": n}

@register_node
class Slow(NanoNode):
    def process_item(self):
        self.sleep(0.0004)
        yield self.__message__

@register_node
class End(NanoNode):
    def process_item(self):
        pass
"""
PIPELINE = """\
nodes:
  count: {class: Count, options: {batch_rows: 100}}
  slow_one: {class: Slow, options: {batch_rows: 100}}
  end: {class: End, options: {batch_rows: 100}}
edges:
- {source: count, target: slow_one}
- {source: slow_one, target: end}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a pipeline of more than a second, of which the node in the middle is the slow one."""
    (tmp_path / "mill.py").write_text(NODES)
    (tmp_path / "p.yaml").write_text(PIPELINE)
    return tmp_path


def words_of(*more: str) -> list[str]:
    """Return the command line."""
    return [sys.executable, "-m", "nanotyped", "run", "p.yaml", "--module", "mill", *more]


def environment(**variables: str) -> dict[str, str]:
    """Return the environment of the program: nothing in it colours or widens what is printed."""
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
    return {**kept, **variables}


def run(folder: Path, *more: str) -> tuple[int, str, str]:
    """Run the pipeline without a terminal; return status, stdout and stderr."""
    done = subprocess.run(
        words_of(*more), cwd=folder, env=environment(), capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout, done.stderr


def shown_on(folder: Path, cells: int, *more: str, term: str = "xterm", **variables: str) -> str:
    """Return all that a run writes to a terminal of a width."""
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 24, cells, 0, 0))
    found = b""
    with subprocess.Popen(
        words_of(*more),
        cwd=folder,
        env=environment(TERM=term, **variables),
        stdin=subprocess.DEVNULL,
        stdout=end,
        stderr=end,
    ) as process:
        os.close(end)
        try:
            while piece := os.read(terminal, 65536):
                found += piece
        except OSError:  # Linux's way to say that the last writer is gone
            pass
        finally:
            process.kill()
            os.close(terminal)
    return found.decode()


def pictures_of(shown: str) -> list[list[str]]:
    """Return the tables that were drawn, one after the other, each as its lines without colours."""
    plain = re.sub(r"\x1b\[[0-9;?]*m", "", shown)
    drawn = [re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", part) for part in re.split(r"\x1b\[2K", plain)]
    return [
        part.replace("\r", "").rstrip("\n").split("\n") for part in drawn if re.match(r" *Node (?!.*Filtered)", part)
    ]


def test_lines_tell_how_far_it_is_and_what_holds_it_up(folder: Path) -> None:
    """Without a terminal it is one line now and then, with the share, counts, rates and the bottleneck."""
    status, out, err = run(folder)
    assert (status, out) == (0, "")
    lines = [line for line in err.splitlines() if re.match(r"\d+ s: ", line)]
    assert len(lines) >= 2
    last = [line for line in lines if "bottleneck" in line][-1]
    assert re.fullmatch(
        r"\d+ s: \d+ % read(, \d+ s left)?; count [\d,]+ sent, ([\d,]+/s|success);"
        r" slow_one [\d,]+ received, [\d,]+ sent, ([\d,]+ queued, )?[\d,]+/s;"
        r" end [\d,]+ received, ([\d,]+ queued, )?[\d,]+/s; bottleneck: slow_one",
        last,
    )


def test_none_tells_the_beginning_and_the_end_alone(folder: Path) -> None:
    """Neither a table nor lines; errors and the summary are told all the same."""
    status, _, err = run(folder, "--progress", "none")
    assert status == 0
    assert [line.split()[0] for line in err.splitlines()] == ["p.yaml:", "Node", "count", "slow_one", "end", "p.yaml:"]


def test_a_table_needs_a_terminal(folder: Path) -> None:
    """Asked for where none can be drawn it is refused before anything runs."""
    assert run(folder, "--progress", "table") == (
        2,
        "",
        "nanotyped: --progress table: stderr is no terminal that can be redrawn; use lines\n",
    )


@pytest.mark.parametrize("cells", [59, 30])
def test_a_table_fits_its_terminal(folder: Path, cells: int) -> None:
    """It marks the bottleneck, has no line wider than the terminal, and is redrawn four times a second at the most."""
    shown = shown_on(folder, cells)
    pictures = pictures_of(shown)
    assert 3 <= len(pictures) <= 20
    for lines in pictures:
        assert len(lines) in (4, 5, 6)
        assert all(len(line) <= cells for line in lines)
    marked = [line for lines in pictures for line in lines if line.startswith("> ")]
    assert marked
    assert {line.split()[1] for line in marked} == {"slow_one"}
    assert any("% read" in line for lines in pictures for line in lines)


def test_a_terminal_that_cannot_be_redrawn_gets_lines(folder: Path) -> None:
    """As a `dumb` one, on which the codes that move and erase would stand as they are."""
    shown = shown_on(folder, 80, term="dumb")
    assert re.search(r"\d+ s: \d+ % read", shown)
    assert not re.search(r"\x1b\[[0-9;?]*[A-HJKhl]", shown)
