from __future__ import annotations

from pathlib import Path

import pytest

from nanotyped.cli import main
from nanotyped.config import lint_files
from nanotyped.config.codes import Code

FIXTURES = sorted((Path(__file__).parent / "lint").glob("*.yaml"))
DEMO = Path(__file__).parents[3] / "examples/demo"
PIPELINE = """\
nodes:
  read: {class: ReadRows, options: {path: a.csv}, output_schema: {line: text}}
  tidy: {class: Tidy, options: {before: "> "}}
paths: [[read, tidy]]
"""
TIDY = "name: Tidy\nnodes:\n- {name: show, class: PrinterOfThings, arg_mapping: {prepend: before}}\n"
OUTER = "name: Outer\nnodes:\n- {name: tidy, class: Tidy}\n"


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_a_wrong_file_is_told_all_at_once(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every mistake is a line on stdout with place, code and remedy, as the fixture says at its end; exit status 2."""
    expected = [line.removeprefix("#! ") for line in path.read_text().splitlines() if line.startswith("#! ")]
    assert main(["lint", str(path)]) == 2
    out, err = capsys.readouterr()
    assert [line.removeprefix(f"{path}:") for line in out.splitlines()] == expected
    assert err == f"{len(expected)} problem{'' if len(expected) == 1 else 's'}\n"


def test_the_fixtures_have_a_mistake_of_each_kind_that_a_file_shows() -> None:
    """Each code but those of unreadable files, of graphs, of what is live and of code is in a fixture."""
    text = "".join(path.read_text() for path in FIXTURES)
    missing = {code.name for code in Code if f" {code} " not in text}
    assert missing == {"FILE", "GRAPH", "LIVE", "PYTHON"}


def test_a_file_that_is_not_there_is_told_at_its_head(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also a problem of the whole file is of the form `file:line:col CODE message`."""
    assert main(["lint", f"{tmp_path}/p.yaml"]) == 2
    assert capsys.readouterr().out == f"{tmp_path}/p.yaml:1:1 NT001 no such file\n"


def test_files_without_mistakes_say_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit status 0, and no line."""
    monkeypatch.setenv("SHOP_URL", "sqlite:///shop.db")
    monkeypatch.setenv("API_URL", "http://127.0.0.1/")
    assert main(["lint", str(DEMO / "shop_to_api.yaml"), str(DEMO / "shop_to_api.yaml")]) == 0
    assert capsys.readouterr() == ("", "")


def test_files_know_the_composites_of_each_other(tmp_path: Path) -> None:
    """In whichever order they are given, and composites those that they are made of."""
    texts = {"p.yaml": PIPELINE, "outer.yaml": OUTER, "tidy.yaml": TIDY}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    paths = [f"{tmp_path}/{name}" for name in texts]
    assert lint_files(paths, {}) == []
    (tmp_path / "tidy.yaml").write_text(TIDY.replace("prepend", "pretty"))
    found = [(Path(problem.file).name, problem.code, problem.reason) for problem in lint_files(paths, {})]
    assert found == [
        (
            "tidy.yaml",
            Code.TWICE,
            "two node classes bear the name `Tidy`: nanotyped.nodes.composite.Tidy and nanotyped.nodes.composite.Tidy",
        )
    ]


def test_a_finding_is_placed_at_the_name_that_is_wrong_and_not_at_that_of_the_node(tmp_path: Path) -> None:
    """Also where the node is called like one of its options."""
    path = tmp_path / "p.yaml"
    test = "test: {class: Filter, options: {test: value_is_true, key: nope}}"
    path.write_text(PIPELINE.replace('tidy: {class: Tidy, options: {before: "> "}}', test).replace("tidy]", "test]"))
    found = [(problem.line, problem.column, problem.reason) for problem in lint_files([str(path)], {})]
    assert found == [(3, 61, "node `test`: there is no column `nope`. Hint: the columns are `line`")]


def test_a_composite_that_needs_an_option_is_no_mistake(tmp_path: Path) -> None:
    """A composite is linted as one, which others give its options to."""
    path = tmp_path / "c.yaml"
    path.write_text("name: Needy\nnodes:\n- {name: read, class: ReadRows, arg_mapping: {path: file}}\n")
    assert lint_files([str(path)], {}) == []


@pytest.fixture(autouse=True)
def no_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the variable that fixtures want unset be so."""
    monkeypatch.delenv("UNSET_SWITCH", raising=False)
