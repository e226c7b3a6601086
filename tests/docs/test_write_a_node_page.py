from __future__ import annotations

import doctest
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nanotyped.cli import main
from nanotyped.registry import temporary_registry

if TYPE_CHECKING:
    import pytest

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "write-a-node.md"
BLOCK = re.compile(
    r"<!-- (?P<kind>file|run): (?P<what>[\w.]+) -->\n```\w+\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)


def test_the_page_does_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], pytestconfig: pytest.Config
) -> None:
    """Its pipeline runs, and each mistake gives the very text that stands there, of mypy, the graph and the run."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert pytestconfig.cache is not None
    monkeypatch.setenv("MYPY_CACHE_DIR", str(pytestconfig.cache.mkdir("typing-project")))
    names: dict[str, Any] = {}
    kinds = []
    with temporary_registry():
        for kind, what, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
            kinds.append(what)
            command, _, expected = text.partition("\n")
            if kind == "file":
                (tmp_path / what).write_text(text)
            elif what == "console":
                assert main(command.split()[2:]) == 0
                assert capsys.readouterr().out == expected
            elif what == "check":
                assert main(command.split()[2:]) == 2
                assert capsys.readouterr().err == expected
            elif what == "mypy":
                run = [sys.executable, "-m", *command.split()[1:]]
                assert subprocess.run(run, capture_output=True, text=True, check=False).stdout == expected
            else:
                test = doctest.DocTestParser().get_doctest(text, names, PAGE.name, PAGE.name, 0)
                result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, clear_globs=False)
                names |= test.globs
                assert result.failed == 0
    for module in ("shop_nodes", "wrong_nodes"):
        del sys.modules[module]
    files = ["shop_nodes.py", "shop.yaml", "orders.csv", "console", "pyproject.toml", "wrong_nodes.py", "mypy"]
    assert kinds == [*files, "wrong.yaml", "check", "doctest", "doctest"]
