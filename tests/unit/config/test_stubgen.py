from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from nanotyped.cli import main
from nanotyped.registry import temporary_registry
from tests.support.checkers import ROOT, Place, run_mypy, run_pyright, shared_cache, write_mypy_config

NODES = """\
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any

from nanotyped import NanoNode, Row, mysql_type, register_node


class Order(Row):
    id: Annotated[int, mysql_type("int unsigned")]
    total: Decimal
    code: Annotated[str, mysql_type("varchar(8)")]


class Taxed(Row):
    tax: Decimal


@register_node
class TaxOfStubs(NanoNode[Order, Taxed]):
    def process_item(self, row: Order) -> Iterator[Taxed]:
        yield Taxed(tax=row.total)
"""
PIPELINE = """\
nodes:
  read: {class: ReadRows, options: {path: a.csv}, output_schema: {COLUMNS}}
  tax: {class: TaxOfStubs}
  more: {class: TaxOfStubs, input_schema: {code: varchar(9)}}
  show: {class: PrinterOfThings}
paths: [[read, tax, show], [tax, more]]
"""
RIGHT = 'id: int unsigned, total: "decimal(12,2)", code: varchar(4)'
TIDY = "name: TidyOfStubs\nnodes:\n- {name: show, class: PrinterOfThings, arg_mapping: {prepend: before}}\n"
MERGE = """\
name: MergeOfStubs
nodes:
- {name: left, class: Filter, frozen_arguments: {test: value_is_not_none, key: id}}
- {name: right, class: RandomSample, arg_mapping: {sample: share}}
- {name: tax, class: TaxOfStubs}
edges: [{from: left, to: tax}, {from: right, to: tax}]
"""
MERGED = f"""\
nodes:
  a: {{class: ReadRows, options: {{path: a.csv}}, output_schema: {{{RIGHT}}}}}
  b: {{class: ReadRows, options: {{path: b.csv}}, output_schema: {{id: int unsigned, code: varchar(4)}}}}
  merge: {{class: MergeOfStubs, options: {{share: 0.5}}}}
  more: {{class: TaxOfStubs}}
paths: [[a, merge, more], [b, merge]]
"""
JOINED = f"""\
nodes:
  orders: {{class: ReadRows, options: {{path: a.csv}}, output_schema: {{{RIGHT}}}}}
  people: {{class: ReadRows, options: {{path: b.csv}}, output_schema: {{person: int unsigned, name: varchar(9) null}}}}
  join: {{class: StreamingJoin, options: {{streams: {{orders: id, people: person}}}}}}
  tax: {{class: TaxOfStubs}}
  due: {{class: TaxOfStubs, input_schema: {{name: varchar(8), note: text}}}}
  fax: {{class: TaxOfStubs, input_schema: {{name: varchar(9)}}}}
paths: [[orders, join, tax], [people, join], [join, due], [join, fax]]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A directory with the nodes of a project."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    Path("nodes_of_stubs.py").write_text(NODES)
    with temporary_registry():
        import_module("nodes_of_stubs")
        yield
        del sys.modules["nodes_of_stubs"]


def write(name: str, columns: str) -> None:
    """Write a pipeline whose source gives some columns."""
    Path(name).write_text(PIPELINE.replace("COLUMNS", columns))


def line_of(place: Place) -> str:
    """Return the text of a line that a checker names."""
    return Path("stubs", place.case).read_text().splitlines()[place.line - 1]


def test_checkers_find_the_bad_edges_of_files_and_no_other(
    capsys: pytest.CaptureFixture[str], pytestconfig: pytest.Config, tmp_path: Path
) -> None:
    """A missing column, a null, another type and another width are errors at the line of the edge, to mypy and pyright.

    So they are behind a fan-in, inside and behind a composite, and behind a join.
    """
    write("right.yaml", RIGHT)
    write("wide.yaml", "id: tinyint unsigned, total: int, code: varchar(4), more: int")
    write("missing.yaml", "id: int unsigned, code: varchar(4)")
    write("kinds.yaml", "id: varchar(9), total: double, code: varchar(8) null")
    write("widths.yaml", 'id: bigint, total: "decimal(12,2)", code: varchar(9)')
    tax = 'tax: {class: Filter, options: {test: value_is_true, key: "no\\"such"}}'
    Path("option.yaml").write_text(Path("right.yaml").read_text().replace("tax: {class: TaxOfStubs}", tax))
    Path("tidy.yaml").write_text(TIDY)
    Path("merge.yaml").write_text(MERGE)
    Path("merged.yaml").write_text(MERGED)
    Path("joined.yaml").write_text(JOINED)
    composites = ["tidy", "merge"]
    pipelines = ["right", "wide", "missing", "kinds", "widths", "option", "merged", "joined"]
    assert main(["stubgen", *(f"{name}.yaml" for name in composites + pipelines), "-o", "stubs"]) == 0
    written = capsys.readouterr().out.splitlines()
    modules = [Path(f"stubs/check_{name}.py") for name in pipelines]
    assert written == [*(f"stubs/{name}.pyi" for name in composites), *map(str, modules)]
    with shared_cache(pytestconfig, "typing-plain") as cache:
        by_mypy = run_mypy(write_mypy_config(tmp_path, plugin=False), cache, map(Path, written))
    assert {f"{place.case}: {text}" for place, found in by_mypy.items() for text in found.splitlines()} == {
        'check_missing.py: "ReadGives" has no attribute "total"  [attr-defined]',
        'check_kinds.py: Argument "id" to "Order" has incompatible type "str"; expected "int"  [arg-type]',
        'check_kinds.py: Argument "total" to "Order" has incompatible type "float"; expected "Decimal"  [arg-type]',
        'check_kinds.py: Argument "code" to "Order" has incompatible type "str | None"; expected "str"  [arg-type]',
        'check_kinds.py: Argument "code" to "MoreNeeds" has incompatible type "str | None"; expected "str"  [arg-type]',
        'check_option.py: Argument 1 to "fits" has incompatible type "Misfit"; expected "None"  [arg-type]',
        'check_widths.py: Argument "id" to "Order" has incompatible type "Misfit"; expected "int"  [arg-type]',
        'check_widths.py: Argument "code" to "Order" has incompatible type "Misfit"; expected "str"  [arg-type]',
        'check_merged.py: "MergeLeftGives2" has no attribute "total"  [attr-defined]',
        'check_merged.py: "MergeRightGives2" has no attribute "total"  [attr-defined]',
        'check_merged.py: "MergeTaxGives2" has no attribute "total"  [attr-defined]',
        'check_joined.py: "JoinGives" has no attribute "note"  [attr-defined]',
        'check_joined.py: Argument "name" to "FaxNeeds" has incompatible type "str | None"; expected "str"  [arg-type]',
        'check_joined.py: Argument "name" to "DueNeeds" has incompatible type "str | None"; expected "str"  [arg-type]',
    }
    assert {f"{place.case}: {line_of(place).rpartition('# ')[2]}" for place in by_mypy} == {
        "check_missing.py: read -> tax",
        "check_kinds.py: read -> tax",
        "check_kinds.py: tax -> more",
        "check_option.py: tax",
        "check_widths.py: read -> tax",
        "check_merged.py: merge.left -> merge.tax",
        "check_merged.py: merge.right -> merge.tax",
        "check_merged.py: merge.tax -> more",
        "check_joined.py: join -> due",
        "check_joined.py: join -> fax",
    }
    checked = [tmp_path / module for module in modules]
    assert run_pyright(tmp_path, checked, [ROOT, tmp_path]).keys() == by_mypy.keys()
    lines = Path("stubs/check_widths.py").read_text().splitlines()
    assert [line.strip() for line in lines if "->" in line and line.startswith("    ") and "def" not in line] == [
        'Order(id=Misfit("expected int unsigned, got bigint"), total=read_gives.total,'
        ' code=Misfit("expected varchar(8), got varchar(9)"))  # read -> tax',
        "# tax -> show: no column is declared to be needed",
        "MoreNeeds(code=tax_gives.code)  # tax -> more",
    ]


def test_check_says_which_file_is_stale(capsys: pytest.CaptureFixture[str]) -> None:
    """Exit status 1 for one that is missing or says something else; comments in the YAML file are of no matter."""
    write("right.yaml", RIGHT)
    Path("tidy.yaml").write_text(TIDY)
    command = ["stubgen", "right.yaml", "tidy.yaml", "-o", "stubs"]
    assert main([*command, "--check"]) == 1
    assert main(command) == 0
    capsys.readouterr()
    Path("right.yaml").write_text("# more\n" + Path("right.yaml").read_text())
    assert main([*command, "--check"]) == 0
    assert capsys.readouterr() == ("", "")
    write("right.yaml", RIGHT.replace("varchar(4)", "varchar(5)"))
    Path("stubs/tidy.pyi").unlink()
    assert main([*command, "--check"]) == 1
    assert capsys.readouterr() == (
        "stubs/check_right.py: is stale; write it again with `nanotyped stubgen`\n"
        "stubs/tidy.pyi: is missing; write it again with `nanotyped stubgen`\n",
        "2 of 2 stale\n",
    )


def test_wrong_files_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    """A file that cannot be loaded is a mistake with its place; two of one name cannot both be written."""
    Path("wrong.yaml").write_text("nodes: 3\n")
    assert main(["stubgen", "wrong.yaml"]) == 2
    assert capsys.readouterr().err.startswith("wrong.yaml:1:8: ")
    write("right.yaml", RIGHT)
    assert main(["stubgen", "right.yaml", "./right.yaml"]) == 2
    told = "nanotyped: ./right.yaml: another of the files is written to check_right.py too; rename one of them\n"
    assert capsys.readouterr().err == told
    assert not Path("stubs").exists()
