from __future__ import annotations

import doctest
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nanotyped.cli import main
from nanotyped.config.codes import Code
from nanotyped.registry import temporary_registry

if TYPE_CHECKING:
    import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "how-to" / "build-a-composite.md"
BLOCK = re.compile(
    r"<!-- (?P<kind>file|run): (?P<what>[\w.]+) -->\n```\w+\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE
)


def test_the_page_does_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its files make a composite that runs in a pipeline, and its Python makes the same one."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    kinds = []
    with temporary_registry():
        for kind, what, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
            kinds.append(what)
            if kind == "file":
                (tmp_path / what).write_text(text)
            elif what == "console":
                command, _, expected = text.partition("\n")
                assert main(command.split()[2:]) == 0
                assert capsys.readouterr().out == expected
            elif what == "python":
                exec(compile(text, PAGE.name, "exec", dont_inherit=True), names)
            else:
                test = doctest.DocTestParser().get_doctest(text, names, PAGE.name, PAGE.name, 0)
                result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, clear_globs=False)
                assert (result.failed, result.attempted) == (0, 4)
    assert kinds == ["tidy.yaml", "names.yaml", "names.csv", "console", "python", "doctest"]


def test_the_page_of_files_has_every_code() -> None:
    """Each code stands there with what it means, in order."""
    text = (DOCS / "reference" / "files.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| (NT\d+) \| (.*) \|$", text, re.MULTILINE) == [(str(code), code.meaning) for code in Code]
