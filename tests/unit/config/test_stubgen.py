from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from mypy import api

from nanotyped.cli import main
from nanotyped.registry import temporary_registry

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


def test_mypy_finds_the_bad_edges_of_files_and_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    """A missing column, a null, another type and another width are errors at the line of the edge."""
    write("right.yaml", RIGHT)
    write("wide.yaml", "id: tinyint unsigned, total: int, code: varchar(4), more: int")
    write("missing.yaml", "id: int unsigned, code: varchar(4)")
    write("kinds.yaml", "id: varchar(9), total: double, code: varchar(8) null")
    write("widths.yaml", 'id: bigint, total: "decimal(12,2)", code: varchar(9)')
    tax = 'tax: {class: Filter, options: {test: value_is_true, key: "no\\"such"}}'
    Path("option.yaml").write_text(Path("right.yaml").read_text().replace("tax: {class: TaxOfStubs}", tax))
    Path("tidy.yaml").write_text(TIDY)
    files = ["tidy.yaml", "right.yaml", "wide.yaml", "missing.yaml", "kinds.yaml", "widths.yaml", "option.yaml"]
    assert main(["stubgen", *files, "-o", "stubs"]) == 0
    written = capsys.readouterr().out.splitlines()
    assert written == ["stubs/tidy.pyi", *(f"stubs/check_{name.removesuffix('.yaml')}.py" for name in files[1:])]
    out, err, _ = api.run(
        ["--strict", "--config-file=", "--cache-dir=.mypy", "--no-error-summary", "--follow-imports=silent", *written]
    )
    assert err == ""
    assert {re.sub(r":\d+: error", "", line.removeprefix("stubs/")) for line in out.splitlines()} == {
        'check_missing.py: "ReadGives" has no attribute "total"  [attr-defined]',
        'check_kinds.py: Argument "id" to "Order" has incompatible type "str"; expected "int"  [arg-type]',
        'check_kinds.py: Argument "total" to "Order" has incompatible type "float"; expected "Decimal"  [arg-type]',
        'check_kinds.py: Argument "code" to "Order" has incompatible type "str | None"; expected "str"  [arg-type]',
        'check_kinds.py: Argument "code" to "MoreNeeds" has incompatible type "str | None"; expected "str"  [arg-type]',
        'check_option.py: Argument 1 to "fits" has incompatible type "Misfit"; expected "None"  [arg-type]',
        'check_widths.py: Argument "id" to "Order" has incompatible type "Misfit"; expected "int"  [arg-type]',
        'check_widths.py: Argument "code" to "Order" has incompatible type "Misfit"; expected "str"  [arg-type]',
    }
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
