"""A fresh project, and six mistakes put into it: who finds each, and where."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from string import Template

import pytest
from mypy import api

from nanotyped.cli import main
from nanotyped.registry import temporary_registry

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "typing.md"

_LINKED = """\
from collections.abc import Iterator
from typing import Annotated, Never, Protocol

from nanotyped import NanoNode, Row, mysql_type, register_node


class Given$name(Row):
    $column: $given


class Needed$name(Protocol):
    @property
    def $needed_column(self) -> $needed: ...


@register_node
class Give$name(NanoNode[Never, Given$name]):
    def generator(self) -> Iterator[Given$name]:
        yield from ()


@register_node
class Take$name(NanoNode[Needed$name, Never]):
    def process_item(self, row: Needed$name) -> None: ...


def link() -> None:
    Give$name() > Take$name()  # here
"""
_LINKED_FILE = """\
nodes:
  give: {class: Give$name}
  take: {class: Take$name}
paths: [[give, take]]
"""
# What is given and what is needed at a link, each a column and its type.
LINKS = {
    "a nullable fed to a non-null": (
        ("note", 'Annotated[str, mysql_type("varchar(64)")] | None'),
        ("note", 'Annotated[str, mysql_type("varchar(64)")]'),
    ),
    "`varchar(255)` into `varchar(64)`": (
        ("note", 'Annotated[str, mysql_type("varchar(255)")]'),
        ("note", 'Annotated[str, mysql_type("varchar(64)")]'),
    ),
    "uint64 into int64": (
        ("id", 'Annotated[int, mysql_type("bigint unsigned")]'),
        ("id", 'Annotated[int, mysql_type("bigint")]'),
    ),
    "an edge between strangers": (("id", "int"), ("code", "str")),
}
# What stands in the code of the node that a project begins with, and what is put in its place.
EDITS = {
    "a misspelt column, `row.totle`": ("row.total", "row.totle"),
    "a missing field in a yielded row": ('tax=(row.total * self.percent / 100).quantize(Decimal("0.01"))', ""),
}
OF_THE_GRAPH = {
    "a nullable fed to a non-null": "Expected `varchar(64)`, got `varchar(64) null` (it may be null) - at `give → take`"
    " $.note. Hint: drop the nulls first: Filter(test='value_is_not_none', key='note')",
    "`varchar(255)` into `varchar(64)`": "Expected `varchar(64)`, got `varchar(255)` (it may have 255 characters, 64"
    " fit) - at `give → take` $.note. Hint: declare it `varchar(255)`, or put a Cast to `varchar(64)` between them that"
    " says what may be lost",
    "uint64 into int64": "Expected `bigint`, got `bigint unsigned` (it may be above 9223372036854775807) - at"
    " `give → take` $.id. Hint: declare it `bigint unsigned`, or put a Cast to `bigint` between them that says what may"
    " be lost",
    "an edge between strangers": "Expected `string`, got nothing - at `give → take` $.code. Hint: the columns are `id`",
}
MISTAKES = [*EDITS, *LINKS]


def module_of(mistake: str) -> str:
    """Return the name of the module that a mistake is in."""
    return f"wrong_{MISTAKES.index(mistake)}"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pytestconfig: pytest.Config) -> Path:
    """Return a fresh project, with a module and a file beside its own for each mistake."""
    folder = tmp_path / "shop"
    assert main(["new", str(folder)]) == 0
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    assert pytestconfig.cache is not None
    monkeypatch.setenv("MYPY_CACHE_DIR", str(pytestconfig.cache.mkdir("typing-project")))
    nodes, file = Path("shop_nodes.py").read_text(), Path("pipeline.yaml").read_text()
    for mistake in MISTAKES:
        module = module_of(mistake)
        name = module.title().replace("_", "")
        if mistake in LINKS:
            (column, given), (needed_column, needed) = LINKS[mistake]
            code = Template(_LINKED).substitute(
                name=name, column=column, given=given, needed_column=needed_column, needed=needed
            )
            pipeline = Template(_LINKED_FILE).substitute(name=name)
        else:
            right, wrong = EDITS[mistake]
            code = re.sub("(yield .*)", r"\1  # here", nodes.replace(right, wrong).replace("AddTax", name))
            pipeline = file.replace("AddTax", name)
        Path(f"{module}.py").write_text(code)
        Path(f"{module}.yaml").write_text(pipeline)
    return folder


def line_of(mistake: str) -> tuple[str, int]:
    """Return where a mistake stands."""
    name = f"{module_of(mistake)}.py"
    (line,) = [number for number, text in enumerate(Path(name).read_text().splitlines(), 1) if "# here" in text]
    return name, line


def places(output: str) -> set[tuple[str, int]]:
    """Return the places of errors in lines as mypy and `check` print them."""
    found = re.findall(r"^([\w/.]+\.py):(\d+):(?:\d+:)? (?!note)", output, re.MULTILINE)
    return {(name, int(line)) for name, line in found}


def of_plain_mypy(folder: Path) -> set[tuple[str, int]]:
    """Return where mypy finds errors without the plugin; parts of the package that no mistake is about are left out."""
    options = folder.parent / "plain.toml"
    parts = ", ".join(f'"nanotyped.{part}.*"' for part in ("nodes", "engine", "config", "graph", "testing"))
    others = ", ".join(f'"{name}.*"' for name in ("pydantic", "sqlalchemy", "requests", "urllib3", "msgspec", "rich"))
    options.write_text(
        f'[tool.mypy]\nstrict = true\n[[tool.mypy.overrides]]\nmodule = [{parts}, {others}]\nfollow_imports = "skip"\n'
    )
    modules = [f"{module_of(mistake)}.py" for mistake in MISTAKES]
    cache = str(folder.parent / "plain")
    output, told, _ = api.run(["--config-file", str(options), "--cache-dir", cache, *modules])
    assert told == ""
    return places(output)


def of_pyright() -> set[tuple[str, int]]:
    """Return where pyright finds errors, by the configuration of the project."""
    pyright = shutil.which("basedpyright", path=str(Path(sys.executable).parent))
    assert pyright is not None
    command = [pyright, "--pythonpath", sys.executable, "--outputjson"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    found = [one for one in json.loads(run.stdout)["generalDiagnostics"] if one["severity"] == "error"]
    return {(Path(one["file"]).name, one["range"]["start"]["line"] + 1) for one in found}


def test_each_mistake_is_found_in_a_fresh_project(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each is an error of mypy at its line, and of `nanotyped check`, and the page says right who else finds it."""
    modules = [word for mistake in MISTAKES for word in ("--module", module_of(mistake))]
    lines = {mistake: line_of(mistake) for mistake in MISTAKES}
    with_plugin = subprocess.run([sys.executable, "-m", "mypy", "."], capture_output=True, text=True, check=False)
    # All that the project begins with is right: there is no other error.
    assert places(with_plugin.stdout) == {*lines.values()}, with_plugin.stdout

    capsys.readouterr()
    with temporary_registry():
        status = main(["check", "pipeline.yaml", "--module", "shop_nodes", *modules])
        told = capsys.readouterr().err
        assert (status, places(told)) == (2, {*lines.values()})
        graph: dict[str, str] = {}
        for mistake in MISTAKES:
            main(["check", "--no-types", f"{module_of(mistake)}.yaml", *modules])
            graph[mistake] = capsys.readouterr().err
    assert graph == {
        mistake: f"{module_of(mistake)}.yaml:3:3: {OF_THE_GRAPH[mistake]}\n1 problem\n" if mistake in LINKS else ""
        for mistake in MISTAKES
    }
    for name in (*map(module_of, MISTAKES), "shop_nodes", "shop_contract"):
        del sys.modules[name]
    plain, pyright = of_plain_mypy(project), of_pyright()
    found = {
        mistake: [lines[mistake] in plain, True, lines[mistake] in pyright, mistake in OF_THE_GRAPH, True]
        for mistake in MISTAKES
    }
    rows = re.findall(r"^\| (.*?) \| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    table = {name: [cell.strip() == "yes" for cell in cells.split("|")] for name, cells in rows if name in MISTAKES}
    assert table == found
