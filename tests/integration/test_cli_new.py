"""``nanotyped new``: what it starts passes its own check and its own tests."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from nanotyped.cli import main

if TYPE_CHECKING:
    from pathlib import Path

# All in one process, which is what takes the time. What mypy says is in tests/typing.
COMMANDS = """\
import contextlib, io, json, os, pytest
from jsonschema import Draft7Validator
from nanotyped.cli import main
from nanotyped.config.yaml_reader import load_yaml
module = ["--module", "my_shop_nodes"]
print(main(["new", "my-shop"]))
os.chdir("my-shop")
print(main(["check", "--strict", "--no-types", "pipeline.yaml", *module]))
print(main(["lint", "pipeline.yaml", *module]))
with contextlib.redirect_stdout(io.StringIO()) as schema:
    main(["schema", *module])
validator = Draft7Validator(json.loads(schema.getvalue()))
print([error.message for error in validator.iter_errors(load_yaml("pipeline.yaml").value)])
with contextlib.redirect_stdout(io.StringIO()) as tested:
    status = main(["test", "pipeline.yaml", *module])
print(status, tested.getvalue().splitlines()[-1].split(" in ")[0])
with contextlib.redirect_stdout(io.StringIO()) as told:
    # That a plugin of a package is imported by now is of no matter to these tests.
    pytest.main(["-q", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning"])
print(told.getvalue().splitlines()[-1].split(" in ")[0])
"""


def test_a_new_project_passes_its_own_check_and_tests(tmp_path: Path) -> None:
    """The commands of its README do what they say, one after the other."""
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS], cwd=tmp_path, capture_output=True, text=True, check=False, env=os.environ
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "cd my-shop",
        "nanotyped check pipeline.yaml --module my_shop_nodes",
        "0",
        "pipeline.yaml: ok (4 nodes, 3 edges)",
        "0",
        "0",
        "[]",
        "0 2 passed",
        "4 passed",
    ]


@pytest.mark.parametrize("name", ["1shop", "class", "--", "..", "-x", ""])
def test_a_name_that_is_none_is_refused(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules are called after it: it begins with a letter and is no keyword. Nothing is written."""
    monkeypatch.chdir(tmp_path)
    assert main(["new", name]) == 2
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A project begins in a directory of its own."""
    folder = tmp_path / "shop"
    folder.mkdir()
    assert main(["new", str(folder)]) == 2
    expected = f"nanotyped: {folder}: is there already; a project begins in a directory of its own\n"
    assert capsys.readouterr().err == expected
    assert list(folder.iterdir()) == []


def test_one_name_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    """None, and two, are usage errors."""
    assert main(["new"]) == 2
    assert capsys.readouterr().err.startswith("nanotyped: one name is needed: new NAME\n")
    assert main(["new", "a", "b"]) == 2
