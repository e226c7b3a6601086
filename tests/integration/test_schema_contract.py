"""`schema_contract` of a table source, on a real server, with tables that are altered between runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from nanotyped import Filter, StreamMySQLTable
from nanotyped.config import check_pipeline, parse_pipeline
from nanotyped.errors import GraphTypeError
from tests.support.flows import Kept

if TYPE_CHECKING:
    from nanotyped.nodes.schema_contract import ContractMode, SchemaContractOption
    from tests.support.mariadb import Database

CONTRACT = {"id": "int", "amount": "int null", "name": "varchar(5)"}
NEW = "declare it, or say with `schema_contract` what becomes of new columns: evolve, discard_row, discard_value"


@pytest.fixture
def shop(database: Database) -> Database:
    """A table that fits the contract."""
    database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, amount int, name varchar(5) NOT NULL)",
        "INSERT INTO t VALUES (1, 10, 'a'), (2, NULL, 'b')",
    )
    return database


def source_of(database: Database, option: SchemaContractOption, **options: Any) -> StreamMySQLTable:
    """Return a source of the contract."""
    given = {"output_schema": CONTRACT, "name": "read", **options}
    return StreamMySQLTable(url=database.url, table="t", schema_contract=option, **given)


def rows(database: Database, option: SchemaContractOption, **options: Any) -> list[tuple[Any, ...]]:
    """Return what a run gives, as tuples."""
    sink = Kept(name="kept")
    _ = source_of(database, option, **options) > sink
    sink.run()
    return [tuple(row.to_python().values()) for row in sink.rows]


def refusals(database: Database, option: SchemaContractOption, **options: Any) -> list[str]:
    """Return what is wrong, each without its place."""
    with pytest.raises(GraphTypeError) as caught:
        rows(database, option, **options)
    edge = f"table {database.name}.t on {database.server.host}:{database.server.port} → read"
    return [str(problem).replace(f" - at `{edge}`", "") for problem in caught.value.problems]


@pytest.mark.parametrize("option", [None, "freeze", "evolve", "discard_row", "discard_value"])
def test_a_table_that_is_its_contract_is_read_whatever_the_mode(shop: Database, option: Any) -> None:
    """Where nothing differs, no mode does anything."""
    assert rows(shop, option) == [(1, 10, "a"), (2, None, "b")]


def test_a_new_column(shop: Database) -> None:
    """Frozen it is refused, unasked it is not looked at; else it comes along, is left out, or drops its rows."""
    shop.execute("ALTER TABLE t ADD extra varchar(9)", "UPDATE t SET extra = 'x' WHERE id = 2")
    assert rows(shop, None) == [(1, 10, "a"), (2, None, "b")]
    assert refusals(shop, "freeze") == [
        f"Expected `nothing beside the contract`, got `varchar(9) null` $.extra. Hint: {NEW}; "
        "taken as it is: harmless to `kept`"
    ]
    assert rows(shop, {"columns": "evolve"}) == [(1, 10, "a", None), (2, None, "b", "x")]
    assert rows(shop, {"columns": "discard_value"}) == [(1, 10, "a"), (2, None, "b")]
    assert rows(shop, {"columns": "discard_row"}) == [(1, 10, "a")]
    assert rows(shop, {"columns": "freeze"}, columns=["id", "amount", "name"]) == [(1, 10, "a"), (2, None, "b")]


def test_a_column_that_is_gone(shop: Database) -> None:
    """It is refused, left out of what the node gives, or null where that may be; no mode drops every row."""
    shop.execute("ALTER TABLE t DROP amount")
    missing = "Expected `int null`, got nothing $.amount. Hint: the columns are `id`, `name`; taken as it is: "
    assert refusals(shop, None) == [f"{missing}harmless to `kept`"]
    assert refusals(shop, "freeze") == [f"{missing}harmless to `kept`"]
    assert refusals(shop, {"columns": "discard_row"}) == [f"{missing}harmless to `kept`"]
    assert rows(shop, {"columns": "evolve"}) == [(1, "a"), (2, "b")]
    assert rows(shop, {"columns": "discard_value"}) == [(1, None, "a"), (2, None, "b")]
    shop.execute("ALTER TABLE t DROP name, ADD amount int")
    assert refusals(shop, {"columns": "discard_value"}) == [
        "Expected `varchar(5)`, got nothing $.name. Hint: the columns are `id`, `amount`; declare it "
        "`varchar(5) null`: a value that is discarded is a null; taken as it is: harmless to `kept`"
    ]


def test_a_table_that_shares_no_column_with_its_contract_is_refused(shop: Database) -> None:
    """There would be nothing to read, whatever is to be discarded or to follow the table."""
    shop.execute("ALTER TABLE t CHANGE id ident int, CHANGE amount total int, DROP name")
    contract = {"id": "int null", "amount": "int null"}
    assert refusals(shop, {"columns": "discard_value"}, output_schema=contract) == [
        "node `read`: schema_contract: the table has no column that could be read. Hint: declare a column that it has"
    ]
    assert rows(shop, {"columns": "evolve"}, output_schema=contract) == [(1, 10), (2, None)]


def test_a_column_of_another_type(shop: Database, caplog: pytest.LogCaptureFixture) -> None:
    """It is refused, taken as it is, or each value is held to the contract and its row or itself discarded."""
    shop.execute("ALTER TABLE t MODIFY amount bigint", "INSERT INTO t VALUES (3, 3000000000, 'c')")
    assert [text.partition(" (")[0] for text in refusals(shop, "freeze")] == ["Expected `int`, got `bigint(20)`"]
    assert rows(shop, {"data_type": "evolve"}) == [(1, 10, "a"), (2, None, "b"), (3, 3000000000, "c")]
    assert rows(shop, {"data_type": "discard_row"}) == [(1, 10, "a"), (2, None, "b")]
    assert rows(shop, {"data_type": "discard_value"}) == [(1, 10, "a"), (2, None, "b"), (3, None, "c")]
    assert [text for text in caplog.messages if "discarded" in text] == [
        "read: discarded, for they do not fit the contract: 1 rows",
        "read: discarded, for they do not fit the contract: 1 values of `amount`",
    ]


def test_discarded_rows_are_counted_as_rejected(shop: Database) -> None:
    """What was read is what was sent and what was rejected, over many pages."""
    shop.execute("ALTER TABLE t MODIFY name varchar(9) NOT NULL")
    shop.execute("INSERT INTO t SELECT seq, seq, IF(seq % 3, 'short', 'too long') FROM seq_3_to_1000")
    source = source_of(shop, {"data_type": "discard_row"}, page_rows=7)
    sink = Kept(name="kept")
    _ = source > sink
    report = sink.run()
    assert (report["read"].sent, report["read"].rejected) == (667, 333)
    assert [row.to_python()["id"] for row in sink.rows] == [n for n in range(1, 1001) if n < 3 or n % 3]


def test_discarded_rows_count_for_no_cap_on_errors(shop: Database) -> None:
    """Rows that are wrong are left out beside rows that are discarded, and of these alone ``max_errors`` speaks."""
    shop.execute("ALTER TABLE t MODIFY name varchar(9) NOT NULL, ADD day date NOT NULL DEFAULT '2024-02-29'")
    shop.execute("SET sql_mode = ''", "INSERT INTO t VALUES (3, 3, 'c', 0), (4, 4, 'too long', 0)")
    shop.execute("INSERT INTO t SELECT seq, seq, IF(seq % 2, 'short', 'too long'), '2024-02-29' FROM seq_5_to_20")
    contract = {**CONTRACT, "day": "date"}
    source = source_of(shop, {"data_type": "discard_row"}, page_rows=7, max_errors=2, output_schema=contract)
    sink = Kept(name="kept")
    _ = source > sink
    read = sink.run()["read"]
    assert (read.sent, read.skipped, read.rejected) == (10, 2, 10)
    assert [row.to_python()["id"] for row in sink.rows] == [1, 2, *range(5, 20, 2)]


def test_a_type_that_shares_no_value_is_refused_whatever_is_to_be_discarded(shop: Database) -> None:
    """To discard every row or value is no way to read a table."""
    shop.execute("ALTER TABLE t DROP amount", "ALTER TABLE t ADD amount date")
    modes: list[ContractMode] = ["freeze", "discard_row", "discard_value"]
    for mode in modes:
        (refusal,) = refusals(shop, {"data_type": mode})
        assert refusal.startswith("Expected `int`, got `date` $.amount")
    assert rows(shop, {"data_type": "evolve"}) == [(1, None, "a"), (2, None, "b")]


def test_values_of_a_column_that_may_not_be_null_are_not_discarded(shop: Database) -> None:
    """There is nothing to put in their place, and the refusal says how there could be."""
    shop.execute("ALTER TABLE t MODIFY name varchar(9) NOT NULL")
    (refusal,) = refusals(shop, {"data_type": "discard_value"})
    assert refusal.startswith("Expected `varchar(5)`, got `varchar(9)` (it may have 9 characters, 5 fit) $.name. Hint:")
    assert "declare it `varchar(5) null`: a value that is discarded is a null" in refusal


def test_a_column_that_may_be_null_now(shop: Database) -> None:
    """It is refused, given as it is, or drops the rows with a null."""
    shop.execute("ALTER TABLE t MODIFY name varchar(5)", "INSERT INTO t VALUES (3, 1, NULL)")
    assert [text.partition(". Hint")[0] for text in refusals(shop, "freeze")] == [
        "Expected `varchar(5)`, got `varchar(5) null` (it may be null) $.name"
    ]
    assert rows(shop, {"nullable": "evolve"}) == [(1, 10, "a"), (2, None, "b"), (3, 1, None)]
    assert rows(shop, {"nullable": "discard_row"}) == [(1, 10, "a"), (2, None, "b")]
    with pytest.raises(ValueError, match="a null has no value to discard; discard_row drops its row"):
        rows(shop, {"nullable": "discard_value"})


def test_what_evolves_is_checked_downstream(shop: Database) -> None:
    """A contract that follows the table is followed by the check: who needs the old type is told before a row moves."""
    shop.execute("ALTER TABLE t MODIFY amount bigint")
    source = source_of(shop, {"data_type": "evolve"})
    keep = Filter(test="value_is_not_none", key="amount", name="keep")
    _ = source > keep > Kept(name="post", input_schema={"amount": "int"})
    with pytest.raises(GraphTypeError) as caught:
        source.run()
    assert [str(problem) for problem in caught.value.problems] == [
        "Expected `int`, got `bigint(20)` (it may be below -2147483648) - at `keep → post` $.amount. Hint: declare it "
        "`bigint`, or put a Cast to `int` between them that says what may be lost"
    ]


def test_it_stands_in_a_file(shop: Database) -> None:
    """In YAML it is a word or a mapping, and what is misspelt is told at its place."""
    text = (
        "nodes:\n  read:\n    class: StreamMySQLTable\n"
        "    options: {url: '${SHOP}', table: t, schema_contract: {columns: evolve}}\n"
        "    output_schema: {id: int, name: varchar(5)}\n"
        "  show: {class: PrinterOfThings}\npaths: [[read, show]]\n"
    )
    pipeline = parse_pipeline(text, environment={"SHOP": shop.url})
    assert check_pipeline(pipeline, connect=True) == []
    assert pipeline.nodes["read"].output_schema_for(None) is not None
    assert [column.name for column in pipeline.nodes["read"].output_schema_for(None) or ()] == ["id", "name", "amount"]


def test_what_is_no_schema_contract_is_refused(shop: Database) -> None:
    """Every mistake is told at once; without a contract there is nothing that it is about."""
    with pytest.raises(ValueError, match="schema_contract") as caught:
        source_of(shop, {"colums": "evolve", "data_type": "melt"})  # type: ignore[dict-item]  # that is the test
    assert str(caught.value) == (
        "schema_contract has no part `colums`; did you mean `columns`?; "
        "schema_contract of data_type must be one of evolve, freeze, discard_row, discard_value, not 'melt'"
    )
    with pytest.raises(ValueError, match="schema_contract needs a contract that it is about: declare output_schema"):
        source_of(shop, "evolve", output_schema=None)
