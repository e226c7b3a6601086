from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from nanotyped import NanoNode, Row, RowError, register_node
from nanotyped.cli import main
from nanotyped.registry import temporary_registry

HEAD = """\
nodes:
  read:
    class: ReadRows
    output_schema: {id: int unsigned, total: "decimal(12,2)", tags: "set('a','b') null", doc: json null}
    options: {path: missing.csv}
  keep: {class: Filter, options: {test: value_is_not_none, key: tags}}
  tax: {class: TaxOfCases, options: {dead_letter: dead.jsonl}}
  show: {class: PrinterOfThings, options: {prepend: ""}}
paths: [[read, keep, tax, show]]
tests:
"""
RIGHT = """\
- name: tax is a tenth
  node: tax
  given:
  - {id: 1, total: 20.00}
  - {id: 2, total: "-1.00"}
  expect:
  - {id: 1, tax: 2}
  rejects:
  - {node: tax, row: {id: 2}, error: no tax on debts}
- name: orders without tags are left out
  path: [read, keep]
  given:
  - {id: 1, tags: [a, b], doc: {n: [0.1]}}
  - {id: 2}
  - {id: 3, tags: null}
  expect:
  - {id: 1, tags: [b, a], doc: {n: [0.10]}}
- name: in any order
  path: [read, keep, tax]
  given: {read: [{id: 1, total: 1, tags: []}, {id: 2, total: 2, tags: []}]}
  any_order: true
  expect: [{id: 2}, {id: 1}]
"""


class Order(Row):
    id: int
    total: Decimal


class Taxed(Row):
    tax: Decimal


@pytest.fixture(autouse=True)
def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Files may name the node."""
    monkeypatch.chdir(tmp_path)
    with temporary_registry():

        @register_node
        class TaxOfCases(NanoNode[Order, Taxed]):
            def process_item(self, row: Order) -> Iterator[Taxed]:
                if row.total == 99:
                    raise OSError("the tax office is closed")
                if row.total < 0:
                    raise RowError("no tax on debts")
                yield Taxed(tax=row.total / 10)

        yield


def outcome(text: str, capsys: pytest.CaptureFixture[Any]) -> tuple[int, list[str]]:
    """Return the exit status and the lines of ``test`` on a file, without the time."""
    Path("p.yaml").write_text(HEAD + text)
    status = main(["test", "p.yaml"])
    out, err = capsys.readouterr()
    return status, [line.rpartition(" in ")[0] if line.endswith(" s") else line for line in (out + err).splitlines()]


def test_right_tests_pass(capsys: pytest.CaptureFixture[str]) -> None:
    """A node or a path gets typed rows, the source does not read its file, and no dead letter is written."""
    assert outcome(RIGHT, capsys) == (
        0,
        [
            "p.yaml:11: tax is a tenth: ok",
            "p.yaml:20: orders without tags are left out: ok",
            "p.yaml:28: in any order: ok",
            "3 passed",
        ],
    )
    assert [path.name for path in Path.cwd().iterdir()] == ["p.yaml"]
    assert main(["lint", "p.yaml"]) == 0


def test_what_differs_is_told_column_by_column(capsys: pytest.CaptureFixture[str]) -> None:
    """Rows and rejects, with what was expected and what came; exit status 1."""
    text = """\
- name: wrong in all ways
  node: tax
  given: [{id: 1, total: 20}, {id: 2, total: -1}, {id: 3, total: 5}, {id: 4, total: -2}]
  expect: [{id: 1, tax: 3}]
  rejects: [{node: keep, row: {id: 1}, error: no row}]
- name: no reject is expected
  node: tax
  given: [{id: 2, total: -1}]
  expect: [{id: 2}]
- name: a failure
  node: tax
  given: [{id: 2, total: 99}]
  error: closed
- name: another failure
  node: tax
  given: [{id: 2, total: 99}]
  error: open
- name: a failure that nobody expects
  node: tax
  given: [{id: 2, total: 99}]
  expect: []
- name: no failure
  node: tax
  given: []
  error: closed
- name: rejects that do not come
  node: tax
  given: []
  rejects: [{row: {id: 7}}]
"""
    failed = "node `tax` failed: OSError: the tax office is closed"
    status, lines = outcome(text, capsys)
    assert status == 1
    assert [line.partition("; on_error is for errors of a row")[0] for line in lines] == [
        "p.yaml:11: wrong in all ways: FAILED",
        "    row 1, column `tax`: expected Decimal('3'), got Decimal('2.00')",
        "    row 2: not expected: id=3, total=Decimal('5.00'), tax=Decimal('0.50')",
        "    reject 1: expected of `keep`, got `tax`",
        "    reject 1: expected 'no row' in its error, got: no tax on debts",
        "    reject 1, column `id`: expected 1, got 2",
        "    reject 2: not expected: `tax` rejected id=4, total=Decimal('-2.00'): no tax on debts",
        "p.yaml:16: no reject is expected: FAILED",
        "    row 1: missing: id=2",
        "    reject 1: not expected: `tax` rejected id=2, total=Decimal('-1.00'): no tax on debts",
        "p.yaml:20: a failure: ok",
        "p.yaml:24: another failure: FAILED",
        f"    error: expected 'open' in it, got: {failed}",
        "p.yaml:28: a failure that nobody expects: FAILED",
        f"    the run failed: {failed}",
        "p.yaml:32: no failure: FAILED",
        "    error: expected one with 'closed' in it, but the run came to its end",
        "p.yaml:36: rejects that do not come: FAILED",
        "    reject 1: missing: {'id': 7}",
        "6 failed, 1 passed",
    ]


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("- {name: a, node: txa, given: [], expect: []}", ["11:19: unknown node `txa`; did you mean `tax`?"]),
        ("- {name: a, node: tax, given: []}", ["11:3: a test says what it expects: `expect`, `rejects` or `error`"]),
        ("- {name: a, node: tax, given: [], expct: []}", ["11:3: a test says", "11:35: unknown key `expct`; did you"]),
        ("- {name: a, given: [], expect: []}", ["11:3: `node` is missing: a test is of one node, or of a `path` of"]),
        (
            "- {name: a, node: tax, path: [tax], given: [], expect: []}",
            ["11:3: both `node` and `path` stand here; keep"],
        ),
        ("- {name: a, path: [read, tax], given: [], expect: []}", ["11:26: nothing links `read` to `tax`"]),
        (
            "- {name: a, node: read, given: [], expect: []}",
            ["11:3: `read` is a source, so nothing runs; name the nodes"],
        ),
        ("- {name: a, node: tax, given: {read: []}, expect: []}", ["11:32: unknown input `read`; known are `keep`"]),
        (
            "- {name: a, node: tax, given: [3], expect: []}",
            ["11:32: a row is a mapping of column to value, got the num"],
        ),
        (
            "- {name: a, node: tax, given: 3, expect: []}",
            ["11:31: expected a list of rows, or such a list by node, got"],
        ),
        (
            "- {name: a, node: tax, given: [{di: 1}], expect: []}",
            ["11:33: unknown column `di`; known are `id`, `total`, `tags`, `doc`"],
        ),
        (
            "- {name: a, node: tax, given: [{id: -1, total: 1}, {id: 1}], expect: [{tax: x}]}",
            [
                "11:37: column `id`: expected `int unsigned`, got the number -1 (below 0)",
                "11:52: column `total` is missing, which other rows have; it may not be null",
                "11:77: column `tax`: expected `decimal`, got the text 'x' (",
            ],
        ),
        ("- {name: a, node: tax, given: [{id: -1}], expect: []}", ["11:37: column `id`: expected `int unsigned`, got"]),
        (
            "- {name: a, node: tax, given: [], error: x, expect: []}",
            ["11:42: where a run is to fail, what came of it by"],
        ),
        ("- {name: a, node: tax, given: [{id: 1}], expect: []}", ["11:3: test `a`: Expected `decimal`"]),
        (
            "- {name: a, node: tax, given: [], expect: []}\n- {name: a, node: tax, given: [], expect: []}",
            ["12:10: two tests bear the name `a`; the first is on line 11"],
        ),
        ("- {name: a, node: tax, given: [], input_schema: {id: itn}, expect: []}", ["11:54: column `id`: "]),
    ],
)
def test_mistakes_in_a_test_have_their_place(
    text: str, problems: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 2, and each mistake a line."""
    status, lines = outcome(text + "\n", capsys)
    assert status == 2
    told = [line.removeprefix("p.yaml:") for line in lines[:-1]]
    assert len(told) == len(problems), told
    assert [line for line, start in zip(told, problems, strict=True) if not line.startswith(start)] == []


def test_files_without_tests_are_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing that was tested is no success."""
    assert outcome("", capsys) == (2, ["nanotyped: no tests in p.yaml: a pipeline has them under `tests`"])


def test_tests_go_along_into_other_forms(capsys: pytest.CaptureFixture[str]) -> None:
    """``export --yaml`` keeps them, and every digit of their numbers."""
    Path("p.yaml").write_text(HEAD + RIGHT.replace("20.00", "20.000000000000000000"))
    assert main(["export", "--yaml", "p.yaml"]) == 0
    text = capsys.readouterr().out
    assert 'total: "20.000000000000000000"' not in text
    Path("q.yaml").write_text(text)
    assert main(["test", "q.yaml"]) == 0
