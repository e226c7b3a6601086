"""Files of each form, through the real commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from nanotyped.cli import main
from nanotyped.registry import temporary_registry

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SEQUENCE = """\
pipeline_name: letters
node_sequence:
  - {name: show, class: PrinterOfThings, prepend: "", parents: [keep]}
  - {name: keep, class: Filter, test: value_is_not_none, key: line, parents: [read]}
  - {name: read, class: ReadRows, path: in.csv, output_schema: {line: varchar(9) null}}
"""
KEYED = """\
nodes:
  read: {class: ReadRows, options: {path: in.csv}, output_schema: {line: varchar(9) null}}
  tidy: {class: Tidy, options: {column: line}}
edges: [{source: read, target: tidy}]
"""
TIDY = """\
name: Tidy
nodes:
  - {name: keep, class: Filter, frozen_arguments: {test: value_is_not_none}, arg_mapping: {key: column}}
  - {name: show, class: PrinterOfThings, frozen_arguments: {prepend: ""}, arg_mapping: null}
edges:
  - {from: keep, to: show}
"""
ALONE = """\
name: Alone
nodes:
  - {name: read, class: ReadRows, frozen_arguments: {path: in.csv, output_schema: {line: varchar(9) null}}}
  - {name: tidy, class: Tidy, frozen_arguments: {column: line}}
"""
PRINTED = "{'line': 'a'}\n{'line': 'b'}\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with each form of file, and a registry that forgets its composites."""
    texts = {"sequence": SEQUENCE, "keyed": KEYED, "tidy": TIDY, "alone": ALONE}
    for name, text in texts.items():
        (tmp_path / f"{name}.yaml").write_text(text)
    (tmp_path / "in.csv").write_text("line\na\n\\N\nb\n")
    monkeypatch.chdir(tmp_path)
    with temporary_registry():
        yield tmp_path


@pytest.mark.parametrize(
    "words", ["sequence.yaml", "keyed.yaml --composite tidy.yaml", "alone.yaml --composite tidy.yaml"]
)
def test_run_takes_each_form(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Paths are relative to the working directory, and the rows are the same."""
    assert main(["check", *words.split()]) == 0
    assert "ok (3 nodes, 2 edges)" in capsys.readouterr().out
    assert main(["run", *words.split()]) == 0
    assert capsys.readouterr().out == PRINTED


def test_draw_and_explain_know_the_parts_of_a_composite(capsys: pytest.CaptureFixture[str]) -> None:
    """The picture frames them, and a column is followed through them by the names that they have."""
    assert main(["draw", "keyed.yaml", "--composite", "tidy.yaml"]) == 0
    drawn = capsys.readouterr().out
    assert 'label="tidy: Tidy"' in drawn
    assert 'label="tidy.keep\\nFilter"' in drawn
    assert main(["explain", "keyed.yaml", "tidy.show.line", "--composite", "tidy.yaml"]) == 0
    explained = capsys.readouterr().out
    assert "tidy.keep  Filter\n" in explained
    assert "tidy.show  PrinterOfThings\n  takes  exact      `line`\n" in explained


def test_a_composite_that_is_not_made_known_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    """Without `--composite` its name is no class, and a wrong file of one is refused as such."""
    assert main(["check", "keyed.yaml"]) == 2
    assert "keyed.yaml:3:17: no node class is registered as `Tidy`" in capsys.readouterr().err
    assert main(["check", "keyed.yaml", "--composite", "keyed.yaml"]) == 2
    assert "keyed.yaml:1:1: `name` is missing" in capsys.readouterr().err


def test_two_composites_of_one_name_are_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The second file is told, by its name."""
    (folder / "other.yaml").write_text(TIDY.replace("column}", "by}"))
    assert main(["check", "keyed.yaml", "--composite", "tidy.yaml", "--composite", "other.yaml"]) == 2
    assert capsys.readouterr().err.startswith("nanotyped: other.yaml: two node classes bear the name `Tidy`")


def test_lint_needs_files(capsys: pytest.CaptureFixture[str]) -> None:
    """Without any it is a usage error."""
    assert main(["lint"]) == 2
    assert capsys.readouterr().err.startswith("nanotyped: the files are missing: lint FILE...\n")


def test_the_name_of_a_composite_leads_to_its_parts(capsys: pytest.CaptureFixture[str]) -> None:
    """Columns are those of nodes that run: who names the composite is told what its parts are called."""
    hint = "`tidy` is a composite: name one of its parts, `tidy.keep`, `tidy.show`"
    for target in ("tidy.line", "tidy"):
        assert main(["explain", "keyed.yaml", target, "--composite", "tidy.yaml"]) == 2
        assert capsys.readouterr().err == f"nanotyped: there is no node `tidy`; {hint}\n"
    assert main(["contract", "diff", "keyed.yaml:tidy", "keyed.yaml:read", "--composite", "tidy.yaml"]) == 2
    assert capsys.readouterr().err == f"nanotyped: keyed.yaml: there is no node `tidy`; {hint}\n"
