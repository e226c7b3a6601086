from __future__ import annotations

import logging
import threading
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nanotyped import (
    GraphTypeError,
    MySQLTypeSystem,
    NanoNode,
    NodeFailedError,
    Row,
    SourceError,
    StreamMySQLTable,
    StreamTable,
    start_run,
)
from nanotyped.types import INTEGER
from tests.support.flows import KeepingMarkers, Kept
from tests.support.sql import rows_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from nanotyped.message import Batch
    from tests.support.mariadb import Database

ROWS = 30_000


class Gated(NanoNode[Any, Any]):
    """A sink that says when the first rows came, and then waits for leave."""

    def __init__(self, **options: Any) -> None:
        self.rows: list[Row] = []
        self.came, self.leave = threading.Event(), threading.Event()
        super().__init__(**options)

    def process_batch(self, batch: Batch[Row]) -> Sequence[Row]:
        self.rows += batch.rows
        self.came.set()
        assert self.leave.wait(20)
        return ()


class Failing(NanoNode[Any, Any]):
    def process_item(self, row: Row) -> Iterator[Any]:
        yield from map(self.write, [row])

    def write(self, row: Row) -> Row:
        raise OSError("full")


def connections(database: Database) -> list[str]:
    """Return what the connections to a database are doing, but for the one that asks, and its open transactions."""
    sql = (
        "SELECT COALESCE(p.INFO, p.COMMAND) FROM information_schema.PROCESSLIST p LEFT JOIN "
        "information_schema.INNODB_TRX t ON t.trx_mysql_thread_id = p.ID "
        "WHERE (p.DB = DATABASE() OR t.trx_id IS NOT NULL) AND p.ID <> CONNECTION_ID()"
    )
    return [what for (what,) in database.execute(sql)]


def wait_until(test: Callable[[], bool]) -> bool:
    """Return whether something comes true within a few seconds; servers take a moment to see who has gone."""
    pause = threading.Event()
    return any(test() or pause.wait(0.02) for _ in range(300)) and test()


def fill(database: Database, columns: str = "n int PRIMARY KEY, pad varchar(100)", rows: int = ROWS) -> None:
    """Make the table `t` of many rows."""
    database.execute(f"CREATE TABLE t ({columns})", f"INSERT INTO t SELECT seq, 'x' FROM seq_1_to_{rows}")


# -- order, and every row once -------------------------------------------------------------


UUID_OF_LATER = "5b2c0a4f-9c5e-11ee-8c90-0242ac120002"
KEYS: dict[str, list[Any]] = {
    "bigint unsigned": [0, 1, 2**63 - 1, 2**63, 2**64 - 1],
    "int": [-(2**31), -1, 0, 1, 2**31 - 1],
    "decimal(30,20)": [
        "-1.5",
        "0",
        "0.00000000000000000001",
        "0.00000000000000000002",
        "0.00000001",
        "1",
        "9999999999.5",
    ],
    "decimal(30,30)": [f"0.0000000012345678901234567890{n:02d}" for n in range(1, 9)],
    "varchar(20)": ["", "a", "B", "c", "Ü", "z'", "z\\", "漢", "🐬"],
    "varchar(21) COLLATE utf8mb4_bin": ["", "A", "B", "a", "b", "Ü", "漢", "🐬"],
    "varchar(20) COLLATE utf8mb4_nopad_bin": ["", "a", "a ", "a  ", "b"],
    "varchar(22) CHARACTER SET latin1 COLLATE latin1_german1_ci": ["", "a", "Ö", "ß", "z", "ÿ"],
    "char(5)": ["", "a", "b c", "é"],
    "year": ["1901", "2024", "2155"],
    "bit(40)": [0, 1, 2**39],
    "uuid": ["00000000-0000-0000-0000-000000000001", "5b2c0a4e-9c5e-11ee-8c90-0242ac120002", UUID_OF_LATER],
    "inet6": ["::", "::1", "::ffff:10.0.0.1", "fe80::1"],
    "varbinary(20)": [b"", b"\0", b"\0\0", b"'", b"\\", b"\xff", b"\xff\0"],
    "binary(3)": [b"\0\0\0", b"a\0\0", b"a\0b", b"\xff\xff\xff"],
    "date": ["1000-01-01", "2024-02-29", "9999-12-31"],
    "datetime(6)": ["1000-01-01 00:00:00.000001", "2024-02-29 00:00:00.000000", "9999-12-31 23:59:59.999999"],
    "timestamp(3)": ["1970-01-01 00:00:01.001", "2024-02-29 00:00:00.000", "2024-02-29 00:00:00.001"],
}


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("page_rows", [1, 2, 100])
def test_every_key_gives_every_row_once_in_order(database: Database, kind: str, page_rows: int) -> None:
    """Keys of all types that have an order lead through the whole table, as the server itself orders it."""
    database.execute(f"CREATE TABLE t (n int, k {kind} PRIMARY KEY)")
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET time_zone = '+00:00'")
        cursor.executemany("INSERT INTO t VALUES (%s, %s)", list(enumerate(KEYS[kind])))
        cursor.execute("SELECT n FROM t ORDER BY k")
        order = [n for (n,) in cursor.fetchall()]
    source = StreamMySQLTable(url=database.url, table="t", page_rows=page_rows)
    assert [n for n, _ in rows_of(source)] == order
    assert len(order) == len(KEYS[kind])


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    keys=st.sets(st.tuples(st.integers(0, 3), st.sampled_from(["", "a", "b", "ü"]), st.integers(-1, 1)), max_size=20),
    page_rows=st.integers(1, 21),
)
def test_composite_keys_lead_through_every_row(
    database: Database, keys: set[tuple[int, str, int]], page_rows: int
) -> None:
    """However pages cut a key of three columns, its rows come once each, in its order; key columns need not be read."""
    database.execute(
        "CREATE TABLE IF NOT EXISTS t (c int, a int, x int, b varchar(5) COLLATE utf8mb4_bin, PRIMARY KEY (a, b, c))",
        "TRUNCATE t",
    )
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.executemany("INSERT INTO t (a, b, c, x) VALUES (%s, %s, %s, 7)", list(keys))
    source = StreamMySQLTable(url=database.url, table="t", page_rows=page_rows, columns=["x", "c", "b"])
    assert rows_of(source) == [(7, c, b) for _, b, c in sorted(keys)]


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.integers(0, 25), page_rows=st.integers(1, 26), batch_rows=st.integers(1, 30))
def test_no_row_is_lost_between_pages(database: Database, rows: int, page_rows: int, batch_rows: int) -> None:
    """Full pages, short pages and empty ones give all rows, whatever the batches are."""
    database.execute("CREATE TABLE IF NOT EXISTS t (n int PRIMARY KEY)", "TRUNCATE t")
    if rows:
        database.execute(f"INSERT INTO t SELECT seq FROM seq_1_to_{rows}")
    source = StreamMySQLTable(url=database.url, table="t", page_rows=page_rows, batch_rows=batch_rows)
    assert rows_of(source) == [(n,) for n in range(1, rows + 1)]


def test_many_rows_over_many_pages(database: Database) -> None:
    """A table of many pages comes whole, and in order."""
    fill(database)
    source = StreamMySQLTable(url=database.url, table="t", page_rows=700)
    assert [n for n, _ in rows_of(source)] == list(range(1, ROWS + 1))


def test_rows_added_during_the_run(database: Database) -> None:
    """Rows behind the highest key of the start do not come; rows before it break nothing, nor do rows that go."""
    fill(database, rows=20_000)
    database.execute("DELETE FROM t WHERE n = 15000")
    source, sink = StreamMySQLTable(url=database.url, table="t", page_rows=100), Gated()
    _ = source > sink
    run = start_run(source)
    assert sink.came.wait(10)
    database.execute(
        "INSERT INTO t VALUES (-5, 'x'), (15000, 'x'), (20001, 'x'), (30000, 'x')", "DELETE FROM t WHERE n = 19999"
    )
    sink.leave.set()
    run.wait(20)
    assert [row.to_python()["n"] for row in sink.rows] == [n for n in range(1, 20_001) if n != 19_999]


def test_a_table_without_a_key_is_read_in_one_state(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    """Without a usable key the table comes in one pass that sees none of the changes made meanwhile, and a warning."""
    fill(database, "n int, pad varchar(100)", rows=50_000)
    source, sink = StreamMySQLTable(url=database.url, table="t", name="things"), Gated()
    _ = source > sink
    with caplog.at_level(logging.WARNING, "nanotyped.nodes.sql"):
        run = start_run(source)
        assert sink.came.wait(10)
        database.execute("UPDATE t SET n = -n", "DELETE FROM t WHERE n < -25000", "INSERT INTO t VALUES (7, 'new')")
        sink.leave.set()
        run.wait(20)
    assert sorted(row.to_python()["n"] for row in sink.rows) == list(range(1, 50_001))
    place = f"table `{database.name}`.`t` on {database.server.host}:{database.server.port}"
    assert caplog.messages == [
        f"things: {place} has no unique key of ordered, non-null columns: read in one pass, which cannot be resumed"
    ]


def test_a_connection_that_breaks_between_pages_is_made_anew(database: Database) -> None:
    """When the server drops the connection between two pages, reading goes on over a new one, with no row lost."""
    fill(database)
    source, sink = StreamMySQLTable(url=database.url, table="t", page_rows=500), Gated()
    _ = source > sink
    run = start_run(source)
    assert sink.came.wait(10)
    sleeping = f"SELECT ID FROM information_schema.PROCESSLIST WHERE DB = '{database.name}' AND COMMAND = 'Sleep'"
    assert wait_until(lambda: len(database.execute(sleeping)) == 1)
    database.execute(f"KILL {database.execute(sleeping)[0][0]}")
    sink.leave.set()
    run.wait(20)
    assert [row.to_python()["n"] for row in sink.rows] == list(range(1, ROWS + 1))


def test_a_table_altered_behind_a_lost_connection_fails_the_run(database: Database) -> None:
    """Over the new connection the table is looked at again: what is another by now is told, with whom it breaks."""
    fill(database)
    source, sink = StreamMySQLTable(url=database.url, table="t", page_rows=500, name="read"), Gated(name="post")
    sink.input_schema = {"n": "int"}
    _ = source > (sink, Kept(name="log"))
    run = start_run(source)
    assert sink.came.wait(10)
    sleeping = f"SELECT ID FROM information_schema.PROCESSLIST WHERE DB = '{database.name}' AND COMMAND = 'Sleep'"
    assert wait_until(lambda: len(database.execute(sleeping)) == 1)
    database.execute("ALTER TABLE t MODIFY n bigint NOT NULL", f"KILL {database.execute(sleeping)[0][0]}")
    sink.leave.set()
    with pytest.raises(NodeFailedError) as caught:
        run.wait(20)
    place = f"table `{database.name}`.`t` on {database.server.host}:{database.server.port}"
    assert str(caught.value) == (
        f"node `read` failed: ContractDriftError: {place} was altered while it was read - column `n` `int(11)` → "
        "`bigint(20)`: breaks `post` (needs `int`), harmless to `log`; read it again"
    )


def test_columns_that_are_not_read_may_change_behind_a_lost_connection(database: Database) -> None:
    """A new column beside those that are read is no reason to end a run."""
    fill(database)
    source, sink = StreamMySQLTable(url=database.url, table="t", page_rows=500, columns=["n"]), Gated()
    _ = source > sink
    run = start_run(source)
    assert sink.came.wait(10)
    sleeping = f"SELECT ID FROM information_schema.PROCESSLIST WHERE DB = '{database.name}' AND COMMAND = 'Sleep'"
    assert wait_until(lambda: len(database.execute(sleeping)) == 1)
    database.execute("ALTER TABLE t ADD other int", f"KILL {database.execute(sleeping)[0][0]}")
    sink.leave.set()
    run.wait(20)
    assert [row.to_python()["n"] for row in sink.rows] == list(range(1, ROWS + 1))


# -- what is asked for -------------------------------------------------------------------------


def test_columns_and_condition(database: Database) -> None:
    """Only the named columns come, in that order, of the rows that fit; values of parameters are never SQL."""
    database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, a varchar(20), b decimal(5,2))",
        "INSERT INTO t VALUES (1, 'x', 1), (2, '50%', 2), (3, 'O''Hara', 3), (4, 'x'' OR 1=1', NULL), (5, '12:30', 5)",
    )

    def found(where: str, **parameters: Any) -> list[Any]:
        given: dict[str, Any] = {"url": database.url, "table": "t", "page_rows": 2}
        source = StreamMySQLTable(columns=["b", "id"], where=where, parameters=parameters, **given)
        return [key for _, key in rows_of(source)]

    assert found("a LIKE '5_%'") == [2]
    assert found("a = :a", a="x' OR 1=1") == [4]
    assert found("a IN :names OR id > :id", names=["x", "O'Hara"], id=4) == [1, 3, 5]
    assert found("a = '12:30' -- :nothing") == [5]
    assert found("b = :b OR id = 1 OR id = 2", b=Decimal("3.00")) == [1, 2, 3]
    assert found("id < 0") == []


def test_an_empty_table_gives_no_row(database: Database) -> None:
    """Nothing comes of an empty table, of a key or without one, and the run succeeds."""
    database.execute("CREATE TABLE t (id int PRIMARY KEY)", "CREATE TABLE u (id int)")
    assert rows_of(StreamMySQLTable(url=database.url, table="t")) == []
    assert rows_of(StreamMySQLTable(url=database.url, table="u")) == []


def test_host_and_url_are_two_ways_to_one_table(database: Database) -> None:
    """A table is named by host, port and so on, or by a URL; `StreamTable` takes the URL too."""
    database.execute("CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t VALUES (5)")
    server = database.server
    parts: dict[str, Any] = {"host": server.host, "port": server.port, "user": server.user, "database": database.name}
    assert rows_of(StreamMySQLTable(table="t", password=server.password, **parts)) == [(5,)]
    assert rows_of(StreamMySQLTable(table="t", url=database.url)) == [(5,)]
    assert rows_of(StreamTable(table="t", url=database.url.replace("mysql+pymysql", "mariadb"))) == [(5,)]


def test_rows_are_of_the_mysql_types(database: Database) -> None:
    """Rows bear the types of the server's own columns; the schema is told without a run."""
    database.execute("CREATE TABLE t (id int unsigned PRIMARY KEY, v varchar(3))", "INSERT INTO t VALUES (1, 'a')")
    source, sink = StreamMySQLTable(url=database.url, table="t", to_row_obj=True), Kept()
    schema = source.get_schema()
    assert schema.spelling() == "id int(10) unsigned, v varchar(3) null"
    _ = source > sink
    source.run()
    (row,) = sink.rows
    assert row.type_system is MySQLTypeSystem
    assert type(row).schema == schema
    assert connections(database) == []


# -- contracts --------------------------------------------------------------------------------


def test_a_wider_contract_converts(database: Database) -> None:
    """Where the contract is wider than the table, values are brought up to it: int to bigint, date to datetime."""
    database.execute(
        "CREATE TABLE t (x int, day date NOT NULL, id int PRIMARY KEY, n int NOT NULL)",
        "INSERT INTO t VALUES (1, '2024-02-29', 7, 12)",
    )
    contract = {"id": "bigint", "n": "decimal(12,2)", "day": "datetime(3)"}
    source, sink = StreamMySQLTable(url=database.url, table="t", output_schema=contract), Kept()
    _ = source > sink
    source.run()
    assert sink.dicts == [{"id": 7, "n": Decimal(12), "day": datetime(2024, 2, 29)}]
    assert type(sink.rows[0]).schema.spelling() == "id bigint, n decimal(12,2), day datetime(3)"


def test_a_table_that_does_not_fit_its_contract_is_refused(database: Database) -> None:
    """Before a row moves, every column of the table that does not fit the contract is named."""
    database.execute(
        "CREATE TABLE t (id bigint PRIMARY KEY, v varchar(9), d date NOT NULL)", "INSERT INTO t VALUES (1, 'a', NOW())"
    )
    contract = {"id": "int", "v": "varchar(9)", "d": "date"}
    source, sink = (
        StreamMySQLTable(url=database.url, table="t", output_schema=contract, name="things"),
        Kept(name="kept"),
    )
    _ = source > sink
    with pytest.raises(GraphTypeError) as caught:
        source.run()
    edge = f"table {database.name}.t on {database.server.host}:{database.server.port} → things"
    assert [str(problem) for problem in caught.value.problems] == [
        f"Expected `int`, got `bigint(20)` (it may be below -2147483648) - at `{edge}` $.id. "
        "Hint: declare it `bigint(20)`, as the table has it, or leave the contract out; "
        "taken as it is: harmless to `kept`",
        f"Expected `varchar(9)`, got `varchar(9) null` (it may be null) - at `{edge}` $.v. "
        "Hint: declare it `varchar(9) null`, as the table has it, or leave the contract out; "
        "taken as it is: harmless to `kept`",
    ]
    assert sink.rows == []
    assert connections(database) == []


def test_a_column_of_the_contract_that_is_not_there_is_an_error(database: Database) -> None:
    """A contract that names a column which the table lacks is refused before a row moves."""
    database.execute("CREATE TABLE t (id int PRIMARY KEY, city varchar(9))")
    source = StreamMySQLTable(url=database.url, table="t", output_schema={"id": INTEGER, "ctiy": "varchar(9)"})
    with pytest.raises(GraphTypeError) as caught:
        rows_of(source)
    edge = f"table {database.name}.t on {database.server.host}:{database.server.port} → {source.label}"
    assert [str(problem) for problem in caught.value.problems] == [
        f"Expected `varchar(9)`, got nothing - at `{edge}` $.ctiy. Hint: did you mean `city`?; "
        "taken as it is: harmless to `kept`"
    ]


def test_a_table_altered_while_it_is_read_fails_the_run(database: Database) -> None:
    """A key whose type changes in mid-read sorts otherwise, so the run must not end as if nothing were missing."""
    database.execute("CREATE TABLE t (id int NOT NULL PRIMARY KEY)", "INSERT INTO t SELECT seq FROM seq_1_to_100")
    batches = StreamMySQLTable(url=database.url, table="t", page_rows=10).generate_batches()
    assert len(list(next(batches))) == 10  # type: ignore[arg-type]  # rows come first
    database.execute("ALTER TABLE t MODIFY id varchar(20) NOT NULL")
    with pytest.raises(SourceError) as caught:
        list(batches)
    place = f"table `{database.name}`.`t` on {database.server.host}:{database.server.port}"
    assert str(caught.value) == (
        f"{place} was altered while it was read, and rows may be missing - "
        "column `id` `int(11)` → `varchar(20)`; read it again"
    )


def test_a_table_altered_after_the_check_is_refused(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the columns that are read are no longer what they were when the run was checked, nothing is read."""
    database.execute("CREATE TABLE t (id int PRIMARY KEY, v int, other int)", "INSERT INTO t VALUES (1, 2, 3)")

    def altered(statement: str) -> StreamMySQLTable:
        source = StreamMySQLTable(url=database.url, table="t", columns=["id", "v"], name="things")
        opened = source.open_reader
        statements = iter(["SELECT 1", statement])  # before the look of the check, and before that of the run

        def open_reader() -> Any:
            database.execute(next(statements))
            return opened()

        monkeypatch.setattr(source, "open_reader", open_reader)
        return source

    assert rows_of(altered("ALTER TABLE t DROP COLUMN other")) == [(1, 2)]
    with pytest.raises(NodeFailedError) as caught:
        rows_of(altered("ALTER TABLE t MODIFY v bigint"))
    place = f"table `{database.name}`.`t` on {database.server.host}:{database.server.port}"
    assert str(caught.value) == (
        f"node `things` failed: ContractDriftError: {place} was altered since the pipeline was checked - "
        "column `v` `int(11) null` → `bigint(20) null`: harmless to `kept`; check it again"
    )


# -- the end --------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", ["n int PRIMARY KEY, pad varchar(100)", "n int, pad varchar(100)"])
@pytest.mark.parametrize("stop", ["drain", "terminate"])
def test_stopping_early_lets_go_of_the_server(database: Database, columns: str, stop: str) -> None:
    """A source that is stopped leaves no connection and no transaction behind, by pages and in one pass."""
    fill(database, columns, rows=200_000)
    source, sink = StreamMySQLTable(url=database.url, table="t", page_rows=1000), Gated()
    _ = source > sink
    run = start_run(source)
    assert sink.came.wait(10)
    getattr(run, stop)()
    sink.leave.set()
    run.wait(20)
    assert len(sink.rows) < 100_000
    assert wait_until(lambda: connections(database) == [])


@pytest.mark.parametrize("columns", ["n int PRIMARY KEY, pad varchar(100)", "n int, pad varchar(100)"])
def test_a_failure_downstream_lets_go_of_the_server(database: Database, columns: str) -> None:
    """When another node fails, the source leaves no connection and no transaction behind."""
    fill(database, columns, rows=200_000)
    source, sink = StreamMySQLTable(url=database.url, table="t"), Failing(name="sink")
    _ = source > sink
    with pytest.raises(NodeFailedError, match="node `sink` failed: OSError: full"):
        source.run()
    assert wait_until(lambda: connections(database) == [])


def test_a_node_can_run_twice(database: Database) -> None:
    """Each run looks at the table anew."""
    database.execute("CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t VALUES (1)")
    source, sink = StreamMySQLTable(url=database.url, table="t"), Kept()
    _ = source > sink
    source.run()
    database.execute("ALTER TABLE t ADD v varchar(3)", "INSERT INTO t VALUES (2, 'b')")
    source.run()
    assert sink.dicts == [{"id": 1}, {"id": 1, "v": None}, {"id": 2, "v": "b"}]


def test_all_rows_stand_between_markers_that_bear_the_schema(database: Database) -> None:
    """One `BatchStart` with the schema of the rows stands before all of them, one `BatchEnd` behind; or neither."""
    database.execute(
        "CREATE TABLE t (id int unsigned PRIMARY KEY, note varchar(9))", "INSERT INTO t VALUES (1, 'é'), (2, NULL)"
    )
    for marked in (True, False):
        options: dict[str, Any] = {} if marked else {"send_batch_markers": False}
        source, sink = StreamMySQLTable(url=database.url, table="t", page_rows=1, **options), KeepingMarkers()
        _ = source > sink
        start_run(source).wait(20)
        rows = [row.to_python() for row in sink.seen if not isinstance(row, str)]
        assert rows == [{"id": 1, "note": "é"}, {"id": 2, "note": None}]
        assert [seen for seen in sink.seen if isinstance(seen, str)] == ["BatchStart", "BatchEnd"] * marked
        if marked:
            assert (sink.seen[0], sink.seen[-1]) == ("BatchStart", "BatchEnd")
            assert sink.markers[0].schema == source.get_schema()
            assert sink.markers[0].schema.spelling() == "id int(10) unsigned, note varchar(9) null"


def test_an_empty_table_gives_its_markers_alone(database: Database) -> None:
    """The schema of a table without rows is told all the same."""
    database.execute("CREATE TABLE t (id int PRIMARY KEY)")
    source, sink = StreamMySQLTable(url=database.url, table="t"), KeepingMarkers()
    _ = source > sink
    start_run(source).wait(20)
    assert sink.seen == ["BatchStart", "BatchEnd"]
    assert sink.markers[0].schema.names == ("id",)
