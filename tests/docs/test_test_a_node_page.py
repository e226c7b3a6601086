from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nanotyped.cli import main
from nanotyped.registry import temporary_registry

if TYPE_CHECKING:
    import pytest

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "test-a-node.md"
BLOCK = re.compile(
    r"<!-- (?P<kind>file|run): (?P<what>[\w.]+) -->\n```\w+\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)


def test_the_page_does_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its node, its Python and its file run, and the command prints what stands there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    names: dict[str, Any] = {}
    kinds = []
    with temporary_registry():
        for kind, what, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
            kinds.append(what)
            if kind == "file":
                (tmp_path / what).write_text(text)
            elif what == "python":
                exec(compile(text, PAGE.name, "exec", dont_inherit=True), names)
            else:
                command, _, expected = text.partition("\n")
                assert main(command.split()[2:]) == 1
                assert re.sub(r"[\d.]+ s$", "", capsys.readouterr().out) == re.sub(r"[\d.]+ s$", "", expected)
    del sys.modules["shop_nodes"]
    assert kinds == ["shop_nodes.py", "python", "python", "shop.yaml", "console"]
