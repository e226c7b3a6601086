from __future__ import annotations

import doctest
import importlib.util
import re
from pathlib import Path
from typing import Any

from nanotyped.types import DECIMAL, INTEGER, STRING, check_assignable, get_type_system, mysql_type

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "add-a-type-system.md"
BLOCK = re.compile(r"<!-- run: (\w+) -->\n```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def the_file_of_the_page(directory: Path) -> dict[str, Any]:
    """Write the file that the page shows, import it, and return its names."""
    path = directory / "sheet.py"
    path.write_text(dict(BLOCK.findall(PAGE.read_text(encoding="utf-8")))["file"], encoding="utf-8")
    spec = importlib.util.spec_from_file_location("sheet", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return vars(module)


def test_the_page_does_what_it_says(tmp_path: Path) -> None:
    """The example of the page is a type system by itself, and prints what the page prints."""
    names = the_file_of_the_page(tmp_path)
    text = dict(BLOCK.findall(PAGE.read_text(encoding="utf-8")))["doctest"]
    test = doctest.DocTestParser().get_doctest(text, names, PAGE.name, PAGE.name, 0)
    failed, tried = doctest.DocTestRunner().run(test)
    assert (failed, tried) == (0, 11)


def test_the_types_of_the_page_meet_those_of_every_other_system(tmp_path: Path) -> None:
    """One file and one registration are enough for the system of a value, for the lattice, and for a way back."""
    names = the_file_of_the_page(tmp_path)
    system = names["SheetTypeSystem"]
    assert get_type_system(names["SHEET_MONEY"](1)) is system
    assert check_assignable(names["SHEET_WHOLE"], mysql_type("int")) == []
    for meaning, family in ((INTEGER.of(bits=8), "WHOLE"), (DECIMAL.of(precision=4, scale=1), "MONEY")):
        assert system.from_intermediate(meaning, None) is names[f"SHEET_{family}"]
    value = names["SHEET_NOTE"]("rye", name="grain")
    back = system.convert(value.to_intermediate_type())
    assert (type(back), back.value, back.name) == (names["SHEET_NOTE"], "rye", "grain")
    assert names["SHEET_NOTE"].intermediate_type is STRING.of(max_length=200)
