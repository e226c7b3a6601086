"""What checkers say of nodes, rows and links: each ``# E: text`` line of a case gives that error, no other line any."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.checkers import Place, run_mypy, run_pyright, shared_cache, write_mypy_config

if TYPE_CHECKING:
    import pytest

PLAIN = sorted(Path(__file__).with_name("cases").glob("*.py"))
OF_MYPY = [*PLAIN, *sorted((Path(__file__).with_name("cases") / "mypy").glob("*.py"))]
WITH_PLUGIN = sorted((Path(__file__).with_name("cases") / "plugin").glob("*.py"))
EXPECTED = re.compile(r"# E: (?P<text>.*)$")


def expected_in(cases: list[Path]) -> dict[Place, str]:
    """Return the mistakes that the cases say of themselves."""
    return {
        Place(case.name, number): found["text"]
        for case in cases
        for number, line in enumerate(case.read_text(encoding="utf-8").splitlines(), 1)
        if (found := EXPECTED.search(line))
    }


def assert_each_at_its_line(reported: dict[Place, str], cases: list[Path]) -> None:
    """Hold what was reported to what the cases say of themselves."""
    expected = expected_in(cases)
    assert reported.keys() - expected.keys() == set(), {place: reported[place] for place in reported.keys() - expected}
    assert expected.keys() - reported.keys() == set()
    assert {place: reported[place] for place, text in expected.items() if text not in reported[place]} == {}


def test_mypy_finds_each_mistake_at_its_line_and_no_other(pytestconfig: pytest.Config, tmp_path: Path) -> None:
    """Under ``mypy --strict`` a wrong column, value, row or link is an error at its very line; right code has none."""
    with shared_cache(pytestconfig, "typing-plain") as cache:
        assert_each_at_its_line(run_mypy(write_mypy_config(tmp_path, plugin=False), cache, OF_MYPY), OF_MYPY)


def test_plugin_finds_what_plain_typing_cannot(pytestconfig: pytest.Config, tmp_path: Path) -> None:
    """With the plugin widths, signs, charsets and members that do not fit are errors too, and no right line is one."""
    with shared_cache(pytestconfig, "typing-plugin") as cache:
        reported = run_mypy(write_mypy_config(tmp_path, plugin=True), cache, [*OF_MYPY, *WITH_PLUGIN])
    names = {case.name for case in WITH_PLUGIN}
    assert_each_at_its_line({place: text for place, text in reported.items() if place.case in names}, WITH_PLUGIN)
    assert {place for place in reported if place.case not in names} == expected_in(OF_MYPY).keys()


def test_pyright_flags_the_same_lines_as_mypy(tmp_path: Path) -> None:
    """Plain typing needs no plugin and no mypy: pyright refuses the same lines, and no other."""
    lines = run_pyright(tmp_path, PLAIN)
    wanted = expected_in(PLAIN).keys()
    assert {place: text for place, text in lines.items() if place not in wanted} == {}
    assert wanted - lines.keys() == set()


def test_there_are_cases_enough() -> None:
    """The cases hold at least 40 mistakes, and at least 20 lines that say what is inferred."""
    cases = [*OF_MYPY, *WITH_PLUGIN]
    right = [line for case in cases for line in case.read_text(encoding="utf-8").splitlines() if "assert_type" in line]
    assert len(expected_in(cases)) >= 40
    assert len(right) - len(cases) >= 20


PROJECT = {
    "aliases.py": (
        "from typing import Annotated\n\nfrom nanotyped import mysql_type\n\n"
        'Name = Annotated[str, mysql_type("varchar(32)")]\nColumns = {"name": "varchar(40)"}\n'
    ),
    "again.py": "from aliases import *\n",
    "rows.py": "from again import Name as Again\n\nfrom nanotyped import Row\n\n\nclass User(Row):\n    name: Again\n",
    "needs.py": (
        "from typing import Annotated, Any, Protocol\n\nfrom again import *\n\n"
        "from nanotyped import NanoNode, mysql_type\n\n\n"
        "class Needs(Protocol):\n    @property\n"
        '    def name(self) -> Annotated[str, mysql_type("varchar(50)")]: ...\n\n\n'
        "class Listed(NanoNode[Any, Any]):\n    input_schema = Columns\n"
    ),
    "nodes.py": (
        "from needs import Listed, Needs\nfrom rows import User\n\nfrom nanotyped import NanoNode\n\n\n"
        "class Users(NanoNode[object, User]): ...\n\n\nclass Short(NanoNode[Needs, User]): ...\n\n\n"
        "users, short, listed = Users(), Short(), Listed()\n"
    ),
    "links.py": "from nodes import listed, short, users\n\nusers > short\nusers > listed\n",
}
NEED = Place("links.py", 3)
LISTED = Place("links.py", 4)


def write_project(folder: Path) -> None:
    """Write modules of which each takes names from the one before, and whose links are right."""
    folder.mkdir()
    for name, text in PROJECT.items():
        (folder / name).write_text(text, encoding="utf-8")


def edit(path: Path, old: str, new: str) -> None:
    """Change a file, as if some seconds later: mypy takes one of the same size and second for the same."""
    since = path.stat().st_mtime
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    os.utime(path, (since + 10, since + 10))


def test_plugin_sees_widths_change_between_runs(
    pytestconfig: pytest.Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a cache, a link is checked again when a width changes that its modules only import, at any remove."""
    write_project(folder := tmp_path / "project")
    monkeypatch.chdir(folder)
    config, checked = write_mypy_config(tmp_path, plugin=True), [Path("links.py")]
    with shared_cache(pytestconfig, "typing-plugin") as cache:
        assert run_mypy(config, cache, checked) == {}
        edit(folder / "aliases.py", "32", "64")
        reported = run_mypy(config, cache, checked)
        assert reported.keys() == {NEED, LISTED}
        assert 'column "name": varchar(64) does not fit varchar(50)' in reported[NEED]
        assert 'column "name": varchar(64) does not fit varchar(40)' in reported[LISTED]
        edit(folder / "needs.py", "50", "64")
        assert run_mypy(config, cache, checked).keys() == {LISTED}
        edit(folder / "aliases.py", "40", "64")
        assert run_mypy(config, cache, checked) == {}


def test_plugin_judges_a_moved_project_by_its_own_files(
    pytestconfig: pytest.Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy of a project with its cache is read where it is now, whether the old folder changed, stayed or is gone."""
    old, new = tmp_path / "old", tmp_path / "new"
    config, checked = write_mypy_config(tmp_path, plugin=True), [new / "links.py"]
    write_project(old)
    monkeypatch.chdir(tmp_path)
    with shared_cache(pytestconfig, "typing-plugin") as cache:
        assert run_mypy(config, cache, [old / "links.py"]) == {}
        shutil.copytree(old, new)
        shutil.copytree(cache, own := new / ".mypy_cache")
    edit(old / "aliases.py", "32", "64")
    edit(new / "rows.py", "name: Again", "id: int\n    name: Again")  # read again, by an alias out of the cache
    assert run_mypy(config, own, checked) == {}
    shutil.rmtree(old)
    edit(new / "needs.py", "50", "20")
    edit(new / "rows.py", "id: int", "id: str")
    reported = run_mypy(config, own, checked)
    assert reported.keys() == {NEED}
    assert 'column "name": varchar(32) does not fit varchar(20)' in reported[NEED]
    edit(new / "aliases.py", "32", "41")
    assert run_mypy(config, own, checked).keys() == {NEED, LISTED}
