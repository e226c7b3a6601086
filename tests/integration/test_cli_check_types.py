"""What `nanotyped check` says of the code of modules: mypy's errors beside those of the file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

import pytest

from nanotyped.cli import main
from nanotyped.cli.output import CommandFailedError
from nanotyped.cli.type_checking import config_with_plugin
from nanotyped.registry import temporary_registry

WITH_PLUGIN = '[tool.mypy]\nstrict = true\nplugins = ["nanotyped.mypy_plugin"]\n'
# Nothing of the package is imported, so that mypy has little to read.
MODULE = "from inner import length\n\nsize: int = length('a')\n"
INNER = "def length(text: str) -> str:\n    return text\n"
OF_TYPES = 'tools.py:3:13: Incompatible types in assignment (expression has type "str", variable has type "int")'
PIPELINE = """\
nodes:
  one: {class: SequenceEmitter, options: {sequence: [{n: 1}]}}
  show: {class: PrinterOfThings, options: {disable: true}}
paths: [[one, show]]
"""


class WithoutMypy(PathFinder):
    """Finds what is installed, but for mypy."""

    @classmethod
    def find_spec(cls, fullname: str, *rest: Any) -> ModuleSpec | None:
        """Return what is known of a module."""
        return None if fullname == "mypy" else super().find_spec(fullname, *rest)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Go to a project with a pipeline, and a module that is wrong for mypy alone."""
    (tmp_path / ".git").mkdir()
    for name, text in {
        "tools.py": MODULE,
        "inner.py": INNER,
        "p.yaml": PIPELINE,
        "pyproject.toml": WITH_PLUGIN,
    }.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    with temporary_registry():
        yield tmp_path
    for module in ("tools", "inner"):
        sys.modules.pop(module, None)


def check(*words: str) -> int:
    """Run the command."""
    return main(["check", "p.yaml", *words])


def test_file_and_code_are_told_together(capsys: pytest.CaptureFixture[str]) -> None:
    """The mistakes of the file come first, then those of the code, by place; the file's do not hide the code's."""
    assert check("--module", "tools") == 2
    assert capsys.readouterr().err == f"{OF_TYPES}  [assignment]\n1 problem\n"
    Path("p.yaml").write_text(PIPELINE.replace("disable", "disalbe"))
    assert check("--module", "tools") == 2
    first, second, count = capsys.readouterr().err.splitlines()
    assert first == "p.yaml:3:44: unknown option of PrinterOfThings `disalbe`; did you mean `disable`?"
    assert (second, count) == (f"{OF_TYPES}  [assignment]", "2 problems")


def test_mypy_is_asked_only_where_the_project_has_the_plugin(capsys: pytest.CaptureFixture[str]) -> None:
    """Without the plugin, with --no-types, and for what is no module of the project, code is not looked at."""
    assert check("--no-types", "--module", "tools") == 0
    assert check() == 0
    assert check("--module", "json") == 0
    Path("pyproject.toml").write_text(WITH_PLUGIN.replace("plugins", "# plugins"))
    assert check("--module", "tools") == 0
    assert capsys.readouterr().err == ""


def test_mypy_that_is_not_there(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """It is told each time, and is a failure with --strict."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "mypy"]:
        monkeypatch.delitem(sys.modules, name)
    finders = [WithoutMypy if finder is PathFinder else finder for finder in sys.meta_path]
    monkeypatch.setattr(sys, "meta_path", finders)
    assert check("--module", "tools") == 0
    told = "the types of modules are not checked: mypy is not installed"
    assert capsys.readouterr().err == f"pyproject.toml: note: {told}\n"
    assert check("--strict", "--module", "tools") == 1
    assert capsys.readouterr().err == f"nanotyped: {told}; --no-types leaves that out\n"


def test_mypy_that_cannot_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    """What it says of its configuration is told as an error there."""
    Path("pyproject.toml").write_text(WITH_PLUGIN.replace('_plugin"', '_plugin", "nowhere"'))
    assert check("--module", "tools") == 2
    first, count = capsys.readouterr().err.splitlines()
    assert first.startswith('pyproject.toml:1:1: Error importing plugin "nowhere": No module named')
    assert count == "1 problem"


@pytest.mark.parametrize(
    ("file", "text", "found"),
    [
        ("mypy.ini", "[mypy]\nplugins = other, nanotyped.mypy_plugin\n", True),
        (".mypy.ini", "[mypy]\nplugins = nanotyped.mypy_plugin:plugin\n", True),
        ("mypy.ini", "[mypy]\nstrict = true\n", False),
        ("setup.cfg", "[mypy]\nplugins = nanotyped.mypy_plugin\n", True),
        ("setup.cfg", "[metadata]\nname = shop\n", False),
        ("pyproject.toml", '[tool.mypy]\nplugins = "nanotyped.mypy_plugin"\n', True),
        ("pyproject.toml", "[tool.black]\n", False),
    ],
)
def test_configuration_is_the_one_that_mypy_takes(tmp_path: Path, file: str, text: str, found: bool) -> None:
    """Any of its files, from the directory up to that of the repository; of files that have its section the first."""
    inner = tmp_path / "repository" / "inner"
    inner.mkdir(parents=True)
    (tmp_path / "repository" / ".git").mkdir()
    (tmp_path / "repository" / file).write_text(text)
    assert config_with_plugin(inner) == (tmp_path / "repository" / file if found else None)
    (inner / "mypy.ini").write_text("[mypy]\n")
    assert config_with_plugin(inner) is None


def test_configuration_that_cannot_be_read(tmp_path: Path) -> None:
    """It is an error of usage, and names the file."""
    (tmp_path / "pyproject.toml").write_text("[tool.mypy\n")
    with pytest.raises(CommandFailedError, match=r"^cannot read pyproject\.toml: ") as caught:
        config_with_plugin(tmp_path)
    assert caught.value.exit_code == 2
