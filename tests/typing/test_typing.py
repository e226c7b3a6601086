"""What checkers say of nodes, rows and links: each ``# E: text`` line of a case gives that error, no other line any."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mypy import api

if TYPE_CHECKING:
    import pytest

ROOT = Path(__file__).parents[2]
PLAIN = sorted(Path(__file__).with_name("cases").glob("*.py"))
OF_MYPY = [*PLAIN, *sorted((Path(__file__).with_name("cases") / "mypy").glob("*.py"))]
WITH_PLUGIN = sorted((Path(__file__).with_name("cases") / "plugin").glob("*.py"))
EXPECTED = re.compile(r"# E: (?P<text>.*)$")
REPORTED = re.compile(r"^(?P<file>[^:]+):(?P<line>\d+): error: (?P<text>.*)$")


@dataclass(frozen=True)
class Place:
    """A line of a case."""

    case: str
    line: int


def expected_in(cases: list[Path]) -> dict[Place, str]:
    """Return the mistakes that the cases say of themselves."""
    return {
        Place(case.name, number): found["text"]
        for case in cases
        for number, line in enumerate(case.read_text(encoding="utf-8").splitlines(), 1)
        if (found := EXPECTED.search(line))
    }


def run_mypy(config: Path, cache: Path, paths: list[Path], *, root: Path = ROOT) -> dict[Place, str]:
    """Return what mypy reports, by its place."""
    flags = ["--no-error-summary", "--show-traceback", "--no-pretty", "--follow-imports=silent"]
    out, err, _ = api.run(["--config-file", str(config), "--cache-dir", str(cache), *flags, *map(str, paths)])
    assert err == ""
    reported: dict[Place, str] = {}
    for found in filter(None, map(REPORTED.match, out.splitlines())):
        place = Place(Path(found["file"]).name, int(found["line"]))
        reported[place] = reported.get(place, "") + found["text"]
    return reported


def plain_config(folder: Path) -> Path:
    """Return a new file of the options of this project, without the plugin."""
    config = folder / "pyproject.toml"
    options = (ROOT / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    config.write_text("\n".join(line for line in options if not line.startswith("plugins = ")), encoding="utf-8")
    return config


def plugin_config(folder: Path) -> Path:
    """Return a new file of options for mypy with the plugin."""
    config = folder / "mypy.ini"
    config.write_text(
        f"[mypy]\nstrict = true\nplugins = nanotyped.mypy_plugin\nmypy_path = {ROOT}/stubs\n"
        "[mypy-nanotyped.*]\nfollow_imports = silent\n",
        encoding="utf-8",
    )
    return config


def assert_each_at_its_line(reported: dict[Place, str], cases: list[Path]) -> None:
    """Hold what was reported to what the cases say of themselves."""
    expected = expected_in(cases)
    assert reported.keys() - expected.keys() == set(), {place: reported[place] for place in reported.keys() - expected}
    assert expected.keys() - reported.keys() == set()
    assert {place: reported[place] for place, text in expected.items() if text not in reported[place]} == {}


def test_mypy_finds_each_mistake_at_its_line_and_no_other(pytestconfig: pytest.Config, tmp_path: Path) -> None:
    """Under ``mypy --strict`` a wrong column, value, row or link is an error at its very line; right code has none."""
    assert pytestconfig.cache is not None
    cache = pytestconfig.cache.mkdir("typing-plain")
    assert_each_at_its_line(run_mypy(plain_config(tmp_path), cache, OF_MYPY), OF_MYPY)


def test_plugin_finds_what_plain_typing_cannot(pytestconfig: pytest.Config, tmp_path: Path) -> None:
    """With the plugin widths, signs, charsets and members that do not fit are errors too, and no right line is one."""
    assert pytestconfig.cache is not None
    cache = pytestconfig.cache.mkdir("typing-plugin")
    reported = run_mypy(plugin_config(tmp_path), cache, [*OF_MYPY, *WITH_PLUGIN])
    names = {case.name for case in WITH_PLUGIN}
    assert_each_at_its_line({place: text for place, text in reported.items() if place.case in names}, WITH_PLUGIN)
    assert {place for place in reported if place.case not in names} == expected_in(OF_MYPY).keys()


def test_pyright_flags_the_same_lines_as_mypy(tmp_path: Path) -> None:
    """Plain typing needs no plugin and no mypy: pyright refuses the same lines, and no other."""
    config = {
        "typeCheckingMode": "standard",
        "include": list(map(str, PLAIN)),
        "extraPaths": [str(ROOT)],
        "stubPath": str(ROOT / "stubs"),
        "pythonVersion": "3.11",
        "reportUnusedExpression": "none",  # `a > b` links two nodes
    }
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(config), encoding="utf-8")
    pyright = shutil.which("basedpyright", path=str(Path(sys.executable).parent))
    assert pyright is not None
    command = [pyright, "--project", str(tmp_path), "--pythonpath", sys.executable, "--outputjson"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    found = json.loads(run.stdout)["generalDiagnostics"]
    lines = {
        Place(Path(one["file"]).name, one["range"]["start"]["line"] + 1): one["message"]
        for one in found
        if one["severity"] == "error"
    }
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
        'Name = Annotated[str, mysql_type("varchar(32)")]\n'
    ),
    "again.py": "from aliases import Name as Again\n\n__all__ = ['Again']\n",
    "rows.py": "from again import Again\n\nfrom nanotyped import Row\n\n\nclass User(Row):\n    name: Again\n",
    "needs.py": (
        "from typing import Annotated, Protocol\n\nfrom nanotyped import mysql_type\n\n\n"
        "class Needs(Protocol):\n    @property\n"
        '    def name(self) -> Annotated[str, mysql_type("varchar(40)")]: ...\n'
    ),
    "links.py": (
        "from needs import Needs\nfrom rows import User\n\nfrom nanotyped import NanoNode\n\n\n"
        "class Users(NanoNode[object, User]): ...\n\n\nclass Short(NanoNode[Needs, User]): ...\n\n\nUsers() > Short()\n"
    ),
}


def rewrite(path: Path, text: str, seconds: int) -> None:
    """Write a file as if so much later: mypy takes one of the same size and second for the same."""
    since = path.stat().st_mtime
    path.write_text(text, encoding="utf-8")
    os.utime(path, (since + seconds, since + seconds))


def test_plugin_sees_widths_change_between_runs(
    pytestconfig: pytest.Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a cache, a link is checked again when a width changes that its modules only import, at any remove."""
    assert pytestconfig.cache is not None
    cache = pytestconfig.cache.mkdir("typing-plugin")
    monkeypatch.chdir(tmp_path)
    for name, text in PROJECT.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    config = plugin_config(tmp_path)
    checked = [tmp_path / "links.py"]
    assert run_mypy(config, cache, checked) == {}
    rewrite(tmp_path / "aliases.py", PROJECT["aliases.py"].replace("32", "64"), seconds=10)
    (text,) = run_mypy(config, cache, checked).values()
    assert 'column "name": varchar(64) does not fit varchar(40)' in text
    rewrite(tmp_path / "needs.py", PROJECT["needs.py"].replace("40", "64"), seconds=20)
    assert run_mypy(config, cache, checked) == {}
