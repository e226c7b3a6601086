from __future__ import annotations

import doctest
import re
import time
from pathlib import Path
from typing import Any

from nanotyped import Stream
from nanotyped.streams.operators import Operators

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "streams.md"
LINE = re.compile(r"^\|.*\| `(?P<step>s\..*?)`: (?P<elements>`.*?`) → (?P<passed>`.*`) \|$", re.MULTILINE)
WAIT_S = 10.0


def values(text: str) -> list[Any]:
    """Return the values that stand in backquotes."""
    return [eval(value) for value in re.findall(r"`([^`]*)`", text)]


def test_every_line_of_the_table_is_so() -> None:
    """Each step passes on what the page says, for the elements that it says."""
    lines = LINE.findall(PAGE.read_text(encoding="utf-8"))
    for step, elements, passed in lines:
        stream: Stream[Any] = Stream()
        got = eval(step, {"s": stream}).sink_to_list()
        for x in values(elements):
            stream.emit(x)
        deadline = time.monotonic() + WAIT_S
        while len(got) < len(values(passed)):
            assert time.monotonic() < deadline, step
            time.sleep(0.001)
        stream.destroy()
        assert got == values(passed), step
    assert len(lines) == 18


def test_the_table_has_every_step() -> None:
    """What can be put behind a stream is in the table by its name."""
    table = "\n".join(line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `s."))
    steps = {name for name in (*vars(Operators), *vars(Stream)) if not name.startswith("_")}
    assert {name for name in steps - {"emit", "destroy", "name", "from_node"} if f"`s.{name}(" not in table} == {
        "accumulate"  # which stands beside scan
    }


def test_the_snippets_print_what_they_say() -> None:
    """The doctests of the page hold."""
    text = PAGE.read_text(encoding="utf-8")
    snippets = re.findall(r"<!-- run: doctest -->\n```pycon\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    test = doctest.DocTestParser().get_doctest("\n".join(snippets), {}, PAGE.name, str(PAGE), 0)
    assert len(snippets) == 2
    assert doctest.DocTestRunner().run(test).failed == 0
