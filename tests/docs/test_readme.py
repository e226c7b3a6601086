"""Every snippet of the README runs, in order, against a real MariaDB server and a real API, and prints what it says."""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

    from nanotyped.testing import HttpApi
    from tests.support.mariadb import Database

README = Path(__file__).parents[2] / "README.md"
BLOCK = re.compile(
    r"<!-- (?P<kind>file|run): (?P<what>[\w.]+) -->\n```\w+\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)
# What differs from run to run: seconds, and rows in a second.
TIMES = re.compile(r"\d+\.\d{3}(?: +[\d,]+)?")
# The test's own database and server stand for the shop's.
PLACE = re.compile(r"`\w+`\.`orders` on 127\.0\.0\.1:\d+")
ORDERS = 1000
FILL = f"""
    INSERT INTO orders (email, total, placed_at)
    SELECT IF(seq % 10 = 0, NULL, CONCAT('user', seq, '@example.com')), seq * 1.01, '2026-11-21 09:30:00'
    FROM seq_1_to_{ORDERS}"""


@dataclass(frozen=True)
class Snippet:
    kind: str
    what: str
    text: str


def _snippets() -> list[Snippet]:
    found = [Snippet(m["kind"], m["what"], m["text"]) for m in BLOCK.finditer(README.read_text(encoding="utf-8"))]
    assert {snippet.what for snippet in found} == {"sql", "orders.yaml", "console", "python", "doctest"}
    return found


def _run_console(text: str, directory: Path) -> None:
    command, _, expected = text.partition("\n")
    words = shlex.split(command.removeprefix("$ nanotyped "))
    done = subprocess.run(
        [sys.executable, "-m", "nanotyped", *words], cwd=directory, capture_output=True, text=True, check=False
    )
    shown = PLACE.sub("`shop`.`orders` on 127.0.0.1:3306", done.stdout + done.stderr)
    assert TIMES.sub("#", _squeeze(shown)) == TIMES.sub("#", _squeeze(expected))


def _squeeze(text: str) -> str:
    """Fold the blanks of aligned columns, whose widths follow the figures."""
    return re.sub(r" +", " ", text)


def test_every_snippet_of_the_readme_does_what_the_readme_says(
    database: Database, http_api: HttpApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stranger who copies the snippets of the README in order sees what the README shows."""
    monkeypatch.setenv("SHOP_URL", database.url)
    monkeypatch.setenv("API_URL", http_api.url)
    names: dict[str, Any] = {"__name__": "readme"}
    monkeypatch.setitem(sys.modules, "readme", type(os)("readme"))
    vars(sys.modules["readme"]).update(names)
    names = vars(sys.modules["readme"])
    printed = io.StringIO()
    for snippet in _snippets():
        match snippet:
            case Snippet("file", name, text):
                (tmp_path / name).write_text(text, encoding="utf-8")
            case Snippet("run", "sql", text):
                database.execute(text, FILL)
            case Snippet("run", "console", text):
                _run_console(text, tmp_path)
            case Snippet("run", "python", text):
                with contextlib.redirect_stdout(printed):
                    exec(compile(text, "README.md", "exec", dont_inherit=True), names)
            case Snippet("run", "doctest", text):
                test = doctest.DocTestParser().get_doctest(text, names, "README.md", "README.md", 0)
                failed, tried = doctest.DocTestRunner().run(test)
                assert (failed, tried > 5) == (0, True)
    total = sum(round(number * 1.01 * 19) for number in range(1, ORDERS + 1)) / 100
    assert printed.getvalue().splitlines()[0] == "900 orders sent"
    assert abs(float(printed.getvalue().splitlines()[1].removeprefix("tax: ")) - total) < 1
    assert printed.getvalue().splitlines()[2:] == ["EUR 1.0000", "SEK 10.9875"]
    assert len(http_api.rows) == 1800
    assert http_api.rows[0] == {
        "id": "1",
        "email": "user1@example.com",
        "total": "1.01",
        "placed_at": "2026-11-21T09:30:00",
    }


def test_the_readme_names_the_two_commands() -> None:
    """The README shows the two commands that do all the set-up."""
    text = README.read_text(encoding="utf-8")
    assert "$ make demo" in text
    assert "$ make test" in text
