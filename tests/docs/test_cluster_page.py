"""What `docs/reference/cluster.md` shows, run: the plan of the file, and the source that can be split."""

from __future__ import annotations

import re
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nanotyped import PartSize
from nanotyped.cli import main
from nanotyped.testing import KeptRows

if TYPE_CHECKING:
    import pytest

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "cluster.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(?P<language>\w+)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
SHOWN = dict(reversed(BLOCK.findall(PAGE)))


def test_the_plan_is_as_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """For a table of 40,000 orders."""
    with closing(sqlite3.connect(tmp_path / "shop.db")) as shop, shop:
        shop.execute("CREATE TABLE orders (id integer PRIMARY KEY, total integer NOT NULL, paid_at datetime)")
        shop.executemany("INSERT INTO orders VALUES (?, ?, NULL)", ((n, n * 3) for n in range(1, 40_001)))
    (tmp_path / "orders.yaml").write_text(SHOWN["yaml"])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("API_URL", "http://127.0.0.1:8080")
    [command, *_] = [line.removeprefix("$ nanotyped ") for line in SHOWN["console"].splitlines() if line[0] == "$"]
    assert main(command.split()) == 0
    expected = SHOWN["console"].split("\n", 1)[1].partition("\n$")[0]
    assert capsys.readouterr().out.rstrip() == expected


def test_the_parts_of_the_source_are_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One after the other they give what all of it gives."""
    (tmp_path / "stations.py").write_text(SHOWN["python"])
    monkeypatch.syspath_prepend(tmp_path)
    module: Any = __import__("stations")
    try:
        split = module.Readings(stations=7).split(PartSize(2, 3000))
        assert [part.name for part in split.parts] == [f"stations from {at}" for at in (0, 2, 4, 6)]
        found = []
        for part in (None, *split.parts):
            source, kept = module.Readings(stations=7), KeptRows()
            source.part = part
            source.add_edge(kept)
            source.run()
            found.append(kept.rows)
        whole, *parts = found
        assert [row for rows in parts for row in rows] == whole
        assert len(whole) == 7 * 1440
    finally:
        del sys.modules["stations"]
