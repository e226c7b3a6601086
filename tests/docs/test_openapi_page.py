from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from nanotyped.cli import main

if TYPE_CHECKING:
    import pytest

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "post-to-an-api-with-openapi.md"
# `YAML`, since these files are of no use alone: the test of all other YAML has them one by one.
BLOCK = re.compile(
    r"<!-- (?P<kind>file|refused|passed): (?P<what>[\w.]+) -->\n```\w+\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)


def test_the_page_does_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One pipeline is refused with what stands there, and the one that is mended passes with its note."""
    monkeypatch.chdir(tmp_path)
    kinds = []
    for kind, what, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        kinds.append(kind)
        if kind == "file":
            (tmp_path / what).write_text(text)
            continue
        command, _, expected = text.partition("\n")
        assert main(command.split()[2:]) == (2 if kind == "refused" else 0)
        found = capsys.readouterr()
        assert found.out + found.err == expected
    assert kinds == ["file", "file", "refused", "file", "passed"]
