from __future__ import annotations

import doctest
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

    from tests.support.mariadb import Database

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "mysql-to-arrow-and-parquet.md"
BLOCK = re.compile(r"<!-- run: (\w+) -->\n```\w+\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def test_the_page_does_what_it_says(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table becomes a Parquet file and comes back as the same contract and the same rows, as the page has it."""
    monkeypatch.setenv("SHOP_URL", database.url)
    monkeypatch.chdir(tmp_path)
    module = ModuleType("arrow_page")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    names = vars(module)
    tried = 0
    for kind, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if kind == "sql":
            database.execute(*text.split(";\n"))
        elif kind == "python":
            exec(compile(text, PAGE.name, "exec", dont_inherit=True), names)
        else:
            test = doctest.DocTestParser().get_doctest(text, names, PAGE.name, PAGE.name, 0)
            result = doctest.DocTestRunner().run(test, clear_globs=False)
            assert result.failed == 0
            names |= test.globs
            tried += result.attempted
    assert tried == 6
