from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from nanotyped import Cast, Checkpoint, GraphTypeError, NanoNode, NodeFailedError, Row, RowError, RowValidationError
from nanotyped.testing import InMemoryTable, KeptRows, assert_rows, compare_rows, run_node

if TYPE_CHECKING:
    from pathlib import Path


class Order(Row):
    id: int
    total: Decimal


class Taxed(Row):
    tax: Decimal


class AddTax(NanoNode[Order, Taxed]):
    def process_item(self, row: Order) -> Iterator[Taxed]:
        if row.total < 0:
            raise RowError("no tax on debts")
        yield Taxed(tax=row.total / 10)


class Upper(NanoNode[Any, Any]):
    def process_item(self, text: str) -> Iterator[str]:
        if text:
            yield text.upper()


ORDERS = [Order(id=1, total=Decimal(20)), Order(id=2, total=Decimal(-1)), Order(id=3, total=Decimal(5))]


def test_run_node_gives_rows_schema_rejects_and_counts() -> None:
    """Rows go through the engine: merged with what came, bad ones rejected as the node's policy says."""
    node = AddTax(on_error="skip", name="tax")
    done = run_node(node, ORDERS)
    assert [row.tax for row in done.rows] == [Decimal(2), Decimal("0.5")]
    assert_rows(done.dicts, [{"id": 1, "tax": Decimal(2)}, {"id": 3, "tax": Decimal("0.5")}])
    assert done.schema is not None
    assert done.schema.names == ("id", "total", "tax")
    [rejected] = done.rejected
    assert (rejected.node, rejected.row, str(rejected.error)) == ("tax", ORDERS[1], "no tax on debts")
    assert (done.report.received, done.report.skipped, done.report.sent) == (3, 1, 2)
    assert len(run_node(node, ORDERS[:1]).rows) == 1
    assert (node.input_node_list, node.output_node_list) == ([], [])


def test_a_dead_letter_is_seen_and_written(tmp_path: Path) -> None:
    """What a node writes it writes in a test too."""
    file = tmp_path / "dead.jsonl"
    done = run_node(AddTax(dead_letter=str(file)), ORDERS)
    assert len(done.rejected) == done.report.dead == len(file.read_text().splitlines()) == 1


def test_a_failure_is_that_of_a_run() -> None:
    """Without a policy the first bad row ends it."""
    with pytest.raises(NodeFailedError, match="no tax on debts"):
        run_node(AddTax(name="tax"), ORDERS)


def test_rows_that_the_node_does_not_take_are_refused_before_it_runs() -> None:
    """The graph is checked as any is, and the node is free again."""
    node = AddTax(name="tax")
    with pytest.raises(GraphTypeError) as caught:
        run_node(node, [{"id": 1, "total": "x"}], {"id": "bigint", "total": "varchar(9)"})
    assert [problem.column for problem in caught.value.problems if hasattr(problem, "column")] == ["total"]
    with pytest.raises(RowValidationError, match="row 1, column `id`"):
        run_node(node, [{"id": "x"}], {"id": "int"})
    assert (node.input_node_list, node.output_node_list) == ([], [])


def test_a_linked_node_is_refused() -> None:
    """Its pipeline would run with it."""
    node = AddTax(name="tax")
    _ = node > KeptRows()
    message = r"node `tax` is linked; give run_node\(\) one that is not"
    with pytest.raises(ValueError, match=message):
        run_node(node, ORDERS)


def test_sources_and_nodes_of_messages_run_too() -> None:
    """A source gets nothing; what is no row goes in as it is."""
    assert run_node(InMemoryTable(ORDERS)).rows == ORDERS
    assert len(run_node(Upper(), ["a", "", "b"]).rows) == 2
    assert run_node(Cast(columns={"id": "bigint"}), ORDERS[:1]).dicts == [{"id": 1, "total": Decimal(20)}]


def test_an_in_memory_table_is_checked_when_it_is_made() -> None:
    """Cells by their types, columns by their names."""
    schema = {"id": "tinyint", "note": "varchar(9) null"}
    assert [row.to_python() for row in InMemoryTable([{"id": 1}], schema).rows] == [{"id": 1, "note": None}]
    with pytest.raises(RowValidationError, match="row 2, column `id`"):
        InMemoryTable([{"id": 1}, {"id": 300}], schema)
    with pytest.raises(ValueError, match="row 1: column `id` is missing, and may not be null"):
        InMemoryTable([{"note": ""}], schema)
    with pytest.raises(ValueError, match=r"row 1: there is no column `nte`; did you mean `note`\?"):
        InMemoryTable([{"id": 1, "nte": ""}], schema)
    with pytest.raises(TypeError, match="the columns are not known: give a schema, or rows of one Row class"):
        InMemoryTable([])
    with pytest.raises(TypeError, match="row 1: a row is a Row or a mapping, not int"):
        InMemoryTable([3], schema)  # type: ignore[list-item]  # on purpose


def test_differences_are_told_column_by_column() -> None:
    """Rows are counted from 1; columns that nobody expects are not looked at."""
    came: list[dict[str, object]] = [{"id": 1, "n": 1}, {"id": 2, "n": float("nan")}, {"id": 3, "n": True}]
    assert compare_rows(came, [{"id": 1}, {"n": float("nan")}, {"n": True, "id": 3}]) == []
    assert compare_rows(came, [{"id": 2, "m": 1}, {"id": 2}]) == [
        "row 1, column `id`: expected 2, got 1",
        "row 1, column `m`: expected 1, but its columns are `id`, `n`",
        "row 3: not expected: id=3, n=True",
    ]
    assert compare_rows(came[2:], [{"n": 1}, {"id": 9}]) == [
        "row 1, column `n`: expected 1, got True",
        "row 2: missing: id=9",
    ]
    with pytest.raises(AssertionError, match="row 1: not expected: id=1, n=1"):
        assert_rows(came[:1], [])


def test_in_any_order_each_row_is_matched_by_one() -> None:
    """A loose expectation leaves the row that a narrow one needs."""
    came: list[dict[str, object]] = [{"id": 1, "n": 1}, {"id": 2, "n": 1}]
    assert compare_rows(came, [{"n": 1}, {"id": 1}], any_order=True) == []
    assert compare_rows(came, [{"id": 1}, {"id": 1}], any_order=True) == ["row 2, column `id`: expected 1, got 2"]


def test_an_in_memory_table_goes_on_behind_what_was_dealt_with() -> None:
    """Behind each batch it says how many rows went before; with a cursor it gives the others."""
    table = InMemoryTable(ORDERS, batch_rows=2)
    assert list(table.generate_batches()) == [ORDERS[:2], Checkpoint(2), ORDERS[2:], Checkpoint(3)]
    table.resume_from = 2
    assert list(table.generate_batches()) == [ORDERS[2:], Checkpoint(3)]
    assert table.resume_problem() == ""
