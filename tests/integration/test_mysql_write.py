"""`WriteMySQLTable` on a real server: what is written is what was given, whole batches, and nothing of a failed one."""

from __future__ import annotations

import contextlib
import logging
import re
import sqlite3
import threading
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanotyped import (
    JSON_NULL,
    Cast,
    DeliveryError,
    GraphTypeError,
    NodeFailedError,
    RowError,
    RowValidationError,
    SourceError,
    StreamMySQLTable,
    StreamTable,
    WriteMySQLTable,
    start_run,
)
from nanotyped.engine.run import prepare_run
from nanotyped.errors import ContractDriftError
from nanotyped.types.mysql import mysql_type, render_ddl
from tests.integration.test_mysql_types import COLUMNS, exactly, storable, store
from tests.support.flows import Given, GivenBatches, run_into
from tests.support.mariadb import Database, MariaDBServer
from tests.support.sql import rows_of
from tests.support.tcp_proxy import TcpProxy
from tests.unit.types import strategies as any_

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nanotyped.node import NanoNode

SMALL = {"id": "int", "v": "varchar(20)"}


def place(database: Database, table: str = "t") -> str:
    """Return how messages name a table."""
    return f"table `{database.name}`.`{table}` on {database.server.host}:{database.server.port}"


def checksum(database: Database, table: str) -> Any:
    """Return the server's own checksum of the contents of a table."""
    return database.execute(f"CHECKSUM TABLE `{table}` EXTENDED")[0][1]


def failure(node: NanoNode[Any, Any], rows: list[tuple[Any, ...]], schema: Any = None) -> NodeFailedError:
    """Run rows into a sink that fails and return how."""
    with pytest.raises(NodeFailedError) as caught:
        run_into(node, rows, schema or SMALL)
    return caught.value


def connections(database: Database) -> list[Any]:
    """Return the other connections to a database and the open transactions."""
    return database.execute(
        "SELECT p.ID FROM information_schema.PROCESSLIST p "
        "LEFT JOIN information_schema.INNODB_TRX t ON t.trx_mysql_thread_id = p.ID "
        "WHERE (p.DB = DATABASE() OR t.trx_id IS NOT NULL) AND p.ID <> CONNECTION_ID()"
    )


def wait_until(true: Any, seconds: float = 10.0) -> bool:
    """Wait for what a server does by itself, of which nothing tells."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.15)  # information_schema refreshes its view of transactions when nobody has looked for 0.1 s
    return True


# -- values ------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", COLUMNS)
def test_what_is_read_is_written(database: Database, text: str) -> None:
    """Values of every type, extremes and nulls among them, copied to a like table, are equal by checksum and value."""
    kind = mysql_type(text)
    drawn = mysql_type("blob") if text in ("mediumblob", "longblob") else kind
    column = st.lists(any_.values(drawn).filter(lambda value: storable(kind, value)), min_size=1, max_size=20)

    @settings(max_examples=4, deadline=None, database=None)
    @given(column)
    def check(values: list[Any]) -> None:
        store(database, kind, [*values, None])
        database.execute(f"CREATE OR REPLACE TABLE u (id int PRIMARY KEY, v {render_ddl(kind)} NULL)")
        source = StreamMySQLTable(url=database.url, table="t")
        _ = source > WriteMySQLTable(url=database.url, table="u")
        source.run()
        found = [value for _, value in rows_of(StreamMySQLTable(url=database.url, table="u"))]
        assert list(map(exactly, found)) == list(map(exactly, [*values, None]))
        assert checksum(database, "u") == checksum(database, "t")

    check()


def test_values_that_servers_and_drivers_get_wrong(database: Database) -> None:
    """Zones, long spans, an auto_increment of 0, emoji, the null of JSON and early dates arrive as they are."""
    columns = {
        "id": ("int AUTO_INCREMENT PRIMARY KEY", "int"),
        "at": ("timestamp(6) NULL", "timestamp(6)"),
        "span": ("time(6)", "time(6)"),
        "text": ("varchar(20)", "varchar(20)"),
        "doc": ("json", "json null"),
        "early": ("date", "date"),
        "single": ("float", "float"),
        "bits": ("bit(64)", "bit(64)"),
    }
    database.execute(f"CREATE TABLE t ({', '.join(f'`{name}` {ddl}' for name, (ddl, _) in columns.items())})")
    moment = datetime(2024, 2, 29, 12, 30, 15, 1, UTC)
    longest = timedelta(hours=838, minutes=59, seconds=59, microseconds=999_999)
    rows = [
        (0, moment, longest, "100% 'q' \\ \0 😀", JSON_NULL, date(1, 1, 1), 0.10000000149011612, 2**64 - 1),
        (7, moment, -timedelta(microseconds=1), "", None, date(9999, 12, 31), -3.4028234663852886e38, 0),
    ]
    run_into(WriteMySQLTable(url=database.url, table="t"), rows, {name: kind for name, (_, kind) in columns.items()})
    assert rows_of(StreamMySQLTable(url=database.url, table="t")) == rows


def test_a_wider_column_gets_its_own_spelling(database: Database) -> None:
    """Where the table is wider than the rows, values are brought up to it: int to decimal, uuid and JSON to text."""
    database.execute("CREATE TABLE t (id bigint PRIMARY KEY, n decimal(12,2), day datetime(3), doc longtext)")
    schema = {"doc": "json", "id": "int", "day": "date", "n": "int"}
    run_into(WriteMySQLTable(url=database.url, table="t"), [({"a": Decimal("1.10")}, 1, date(2024, 2, 29), 5)], schema)
    assert rows_of(StreamMySQLTable(url=database.url, table="t")) == [
        (1, Decimal("5.00"), datetime(2024, 2, 29), '{"a":1.10}')
    ]


def test_what_a_server_would_round_is_refused_with_its_cell(database: Database) -> None:
    """Rows of types that are not known before the run are held to the table's own, and none of the batch is kept."""
    database.execute("CREATE TABLE t (id int PRIMARY KEY, n decimal(5,2), at datetime(0))")
    messages = [
        {"id": 1, "n": Decimal("1.50"), "at": None},
        {"id": 2, "n": Decimal("1.555"), "at": datetime(2024, 1, 1)},
    ]
    with pytest.raises(NodeFailedError) as caught:
        run_into(WriteMySQLTable(url=database.url, table="t", name="write"), messages)
    cause = caught.value.__cause__
    assert isinstance(cause, RowValidationError)
    assert str(cause) == (
        "row 2, column `n`: expected `decimal(5,2) null`, got Decimal('1.555') "
        "(more than 5 digits, 2 of them behind the point)"
    )
    assert cause.__notes__ == ["for `t`"]


def test_what_only_the_server_knows_is_its_error(database: Database) -> None:
    """A value that breaks a constraint of the table is refused by the server, and nothing of its batch is kept."""
    database.execute("CREATE TABLE t (id int PRIMARY KEY, n int, CONSTRAINT small CHECK (n < 5))")
    node = WriteMySQLTable(url=database.url, table="t", name="write")
    assert str(failure(node, [(1, 4), (2, 5)], {"id": "int", "n": "int"}).__cause__) == (
        f"{place(database)} did not take row 2, after 1 attempt: "
        f"CONSTRAINT `small` failed for `{database.name}`.`t` (4025); none of rows 1 to 2 was kept"
    )
    assert database.execute("SELECT * FROM t") == []


def test_names_of_any_kind(database: Database) -> None:
    """Percent signs, backticks, blanks, quotes, keywords and emoji in names are names."""
    names = ["100%", "%s", "%(a)s", "a`b", "with blank", "select", "qu\"o'te", "é漢", "back\\slash"]
    quoted = ["`" + name.replace("`", "``") + "`" for name in names]
    table = "t%s`x"
    columns = ", ".join(f"{name} int NOT NULL" for name in quoted)
    with database.connect() as connection:
        connection.query(f"CREATE TABLE `t%s``x` ({columns}, UNIQUE KEY ({quoted[0]}, {quoted[3]}))")
    schema = dict.fromkeys(names, "int")
    row = tuple(range(len(names)))
    run_into(WriteMySQLTable(url=database.url, table=table), [row], schema)
    changed = (0, 11, 12, 3, *row[4:])
    run_into(WriteMySQLTable(url=database.url, table=table, mode="upsert", key=["100%", "a`b"]), [changed], schema)
    assert rows_of(StreamMySQLTable(url=database.url, table=table)) == [changed]


# -- modes -------------------------------------------------------------------------------------


def test_columns_that_are_not_given_get_their_default(database: Database) -> None:
    """Numbers of the server's own, defaults and computed columns are left to the server."""
    database.execute(
        "CREATE TABLE t (id int AUTO_INCREMENT PRIMARY KEY, v varchar(20), n int NOT NULL DEFAULT 5, w int AS (n + 1))"
    )
    run_into(WriteMySQLTable(url=database.url, table="t"), [("a",), ("b",)], {"v": "varchar(20)"})
    assert database.execute("SELECT * FROM t") == [(1, "a", 5, 6), (2, "b", 5, 6)]


def test_replace_puts_whole_rows_into_the_place_of_others(database: Database) -> None:
    """A row with the key of another takes its place, and what it does not give is the default again."""
    database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, v varchar(20), n int DEFAULT 5)", "INSERT INTO t VALUES (1, 'x', 9)"
    )
    run_into(WriteMySQLTable(url=database.url, table="t", mode="replace"), [(1, "a"), (2, "b"), (2, "c")], SMALL)
    assert database.execute("SELECT * FROM t ORDER BY id") == [(1, "a", 5), (2, "c", 5)]


def test_upsert_changes_the_given_columns_alone(database: Database) -> None:
    """A row with the key of another changes what it gives of it, letter case of the key included; others are added."""
    database.execute(
        "CREATE TABLE t (id int AUTO_INCREMENT PRIMARY KEY, v varchar(20) NOT NULL UNIQUE, n int, m int DEFAULT 5)",
        "INSERT INTO t VALUES (1, 'x', 9, 9)",
    )
    node = WriteMySQLTable(url=database.url, table="t", mode="upsert", key=["v"])
    run_into(node, [("X", 1), ("y", 2), ("y", 3)], {"v": "varchar(20)", "n": "int"})
    assert database.execute("SELECT v, n, m FROM t ORDER BY v") == [("X", 1, 9), ("y", 3, 5)]


def test_upsert_never_overwrites_a_stranger(database: Database) -> None:
    """A row that equals another one in a unique key that is not its own is an error, and nothing is changed."""
    database.execute("CREATE TABLE t (id int PRIMARY KEY, v varchar(20) UNIQUE)", "INSERT INTO t VALUES (1, 'x')")
    node = WriteMySQLTable(url=database.url, table="t", mode="upsert", key=["id"], name="write")
    assert str(failure(node, [(2, "y"), (3, "x")])) == (
        f"node `write` failed: DeliveryError: {place(database)} did not take row 2, after 1 attempt: "
        "a row that is there has another key and the same values in another unique key; "
        "none of rows 1 to 2 was kept - at row Row(id=3, v='x')"
    )
    assert database.execute("SELECT * FROM t") == [(1, "x")]


# -- refusals before the run ---------------------------------------------------------------------


def refusals(node: WriteMySQLTable, schema: Any) -> list[str]:
    """Return the problems for which a pipeline into a sink is refused."""
    with pytest.raises(GraphTypeError) as caught:
        run_into(node, [], schema)
    return [str(problem) for problem in caught.value.problems]


def test_rows_that_do_not_fit_are_refused_before_the_run(database: Database) -> None:
    """Every column that is not there, computed, missing, too wide or nullable is named at once, with the table."""
    database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, name varchar(9) NOT NULL, total decimal(5,2), "
        "tax decimal(5,2) AS (total), born date NOT NULL, kind enum('a') NOT NULL DEFAULT 'a', "
        "at timestamp NOT NULL DEFAULT now())"
    )
    node = WriteMySQLTable(url=database.url, table="t", name="write")
    schema = {
        "id": "bigint",
        "name": "varchar(9) null",
        "totl": "decimal(5,2)",
        "tax": "decimal(5,2)",
        "kind": "enum('b')",
    }
    edge = f"write → table {database.name}.t on {database.server.host}:{database.server.port}"
    assert refusals(node, schema) == [
        f"node `write`: {place(database)} has no column `totl`. Hint: did you mean `total`?",
        f"node `write`: column `tax` of {place(database)} is computed by the server and cannot be written. "
        "Hint: leave it out before, with Remapper(retain_input=False)",
        f"Expected `int(11)`, got `bigint` (it may be below -2147483648) - at `{edge}` $.id. "
        "Hint: declare it `bigint`, or put a Cast to `int(11)` between them that says what may be lost",
        f"Expected `varchar(9)`, got `varchar(9) null` (it may be null) - at `{edge}` $.name. "
        "Hint: drop the nulls first: Filter(test='value_is_not_none', key='name')",
        f"Expected `date`, got nothing - at `{edge}` $.born. Hint: the columns are `id`, `name`, `totl`, `tax`, `kind`",
        f"Expected `enum('a')`, got `enum('b')` (`b` is no member) - at `{edge}` $.kind. "
        "Hint: declare it `enum('b')`, or put a Cast to `enum('a')` between them that says what may be lost",
    ]
    assert connections(database) == []


@pytest.mark.parametrize(
    ("options", "schema", "message"),
    [
        (
            {"mode": "upsert", "key": ["n"]},
            {"id": "int", "n": "int"},
            "{place} has no unique key of whole, non-null columns (`n`). Hint: it has (`id`), (`a`, `b`)",
        ),
        (
            {"mode": "upsert", "key": ["a"]},
            {"a": "int", "b": "int"},
            "{place} has no unique key of whole, non-null columns (`a`). Hint: it has (`id`), (`a`, `b`)",
        ),
        (
            {"mode": "upsert", "key": ["id", "a"]},
            {"id": "int", "a": "int"},
            "{place} has no unique key of whole, non-null columns (`id`, `a`). Hint: it has (`id`), (`a`, `b`)",
        ),
        (
            {"mode": "upsert", "key": ["idd"]},
            {"id": "int"},
            "{place} has no column `idd` for its key. Hint: did you mean `id`?",
        ),
        ({"mode": "upsert", "key": ["b", "a"]}, {"a": "int"}, "column `b` of the key is not given"),
        (
            {"mode": "replace"},
            {"n": "int"},
            "no unique key of {place} is given whole, so nothing would ever be replaced. Hint: use mode: insert",
        ),
    ],
)
def test_keys_that_are_none_are_refused(database: Database, options: Any, schema: Any, message: str) -> None:
    """A key that does not tell a row, is not there, or is not given is refused before the run."""
    database.execute(
        "CREATE TABLE t (id int AUTO_INCREMENT PRIMARY KEY, a int NOT NULL DEFAULT 0, b int NOT NULL DEFAULT 0, "
        "n int, UNIQUE (a, b), UNIQUE (n))"
    )
    node = WriteMySQLTable(url=database.url, table="t", name="write", **options)
    assert refusals(node, schema) == [f"node `write`: {message.format(place=place(database))}"]


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        (
            "CREATE TABLE u (id int) ENGINE=MyISAM",
            "its engine MyISAM has no transactions, so a batch that fails would be written in part; "
            "make it one of InnoDB",
        ),
        ("CREATE VIEW u AS SELECT 1 AS id", "it is a view; name a table"),
    ],
)
def test_tables_that_take_no_transactions_are_refused(database: Database, statement: str, reason: str) -> None:
    """Where a failed batch could not be taken back, none is begun."""
    database.execute(statement)
    with pytest.raises(SourceError) as caught:
        run_into(WriteMySQLTable(url=database.url, table="u"), [(1,)], {"id": "int"})
    assert str(caught.value) == f"{place(database, 'u')} cannot be written: {reason}"


def test_a_column_of_an_unknown_type_matters_only_where_it_is_given(database: Database) -> None:
    """A table may have a column whose type nobody here can read; to write it is refused before the run."""
    database.execute("CREATE TABLE t (id int PRIMARY KEY, y year(2) DEFAULT 70)")
    run_into(WriteMySQLTable(url=database.url, table="t"), [(1,)], {"id": "int"})
    assert database.execute("SELECT id FROM t") == [(1,)]
    assert refusals(WriteMySQLTable(url=database.url, table="t", name="write"), {"id": "int", "y": "year"}) == [
        f"node `write`: column `y` of {place(database)} is of a type that is not known here: "
        "year(2) is not supported, for it shows 0000 and 2000 alike; make it year(4) at position 5 of `year(2)`. "
        "Hint: leave it out before, with Remapper(retain_input=False)"
    ]


def test_nothing_stands_behind_a_sink(database: Database) -> None:
    """A link out of the sink is refused."""
    database.execute("CREATE TABLE t (id int PRIMARY KEY, v varchar(20))")
    node = WriteMySQLTable(url=database.url, table="t", name="write")
    _ = node > WriteMySQLTable(url=database.url, table="t", name="behind")
    assert refusals(node, SMALL) == [
        "node `write` gives nothing, and nothing can be linked behind it. Hint: link both to the node before it"
    ]


# -- failures ----------------------------------------------------------------------------------


def test_a_duplicate_key_takes_its_batch_back_and_no_other(database: Database) -> None:
    """The batches before a row that the server refuses are kept, its own batch and what follows are not."""
    database.execute("CREATE TABLE t (id int PRIMARY KEY, v varchar(20))")
    node = WriteMySQLTable(url=database.url, table="t", name="write", batch_rows=2)
    batches = [[(1, "a"), (2, "b")], [(3, "c"), (2, "d")], [(4, "e")]]
    _ = GivenBatches(batches, SMALL, batch_rows=2) > node
    with pytest.raises(NodeFailedError) as caught:
        start_run(node).wait(30)
    cause = caught.value.__cause__
    assert isinstance(cause, DeliveryError)
    assert cause.rows == (3, 4)
    assert str(cause) == (
        f"{place(database)} did not take row 4, after 1 attempt: Duplicate entry '2' for key 'PRIMARY' (1062); "
        "none of rows 3 to 4 was kept"
    )
    assert (cause.row, cause.row_text) == (4, str(caught.value).partition(" - at row ")[2])
    assert "id=2, v='d'" in str(cause.row_text)
    assert database.execute("SELECT id FROM t ORDER BY id") == [(1,), (2,)]
    assert wait_until(lambda: connections(database) == [])
    assert database.server.password not in repr(cause) + str(caught.value)


@pytest.mark.parametrize(
    ("table", "schema", "cells"),
    [
        ("id int PRIMARY KEY, v int", {"id": "int", "v": "int"}, {600: (17, 0)}),  # twice in the batch
        ("id int PRIMARY KEY, v int CHECK (v < 5)", {"id": "int", "v": "int"}, {1: (0, 5), 999: (998, 5)}),
        ("id int PRIMARY KEY, v int REFERENCES p (n)", {"id": "int", "v": "int"}, {1000: (999, 7)}),
        ("id int PRIMARY KEY, v int, w int AS (v / IF(v = 9, 0, 1)) STORED", {"id": "int", "v": "int"}, {3: (2, 9)}),
    ],
)
def test_the_row_that_a_server_refuses_is_named(
    database: Database, table: str, schema: Any, cells: dict[int, tuple[int, int]]
) -> None:
    """Of a batch the first refused row is found, whatever rule it breaks; nothing of the search stays in the table."""
    database.execute("CREATE TABLE p (n int PRIMARY KEY)", "INSERT INTO p VALUES (0)", f"CREATE TABLE t ({table})")
    rows = [cells.get(number, (number - 1, 0)) for number in range(1, 1001)]
    first = min(cells)
    cause = failure(WriteMySQLTable(url=database.url, table="t", name="write"), rows, schema).__cause__
    assert isinstance(cause, DeliveryError)
    assert cause.row == first
    assert str(cause).startswith(f"{place(database)} did not take row {first}, after 1 attempt: ")
    assert str(cause).endswith("; none of rows 1 to 1000 was kept")
    assert f"id={cells[first][0]}, v={cells[first][1]}" in str(cause.row_text)
    assert database.execute("SELECT COUNT(*) FROM t") == [(0,)]
    assert wait_until(lambda: connections(database) == [])


def test_the_row_is_found_behind_statements_that_went_well(database: Database) -> None:
    """A row that repeats one of an earlier statement of its batch is found, for that one is sent again before it."""
    database.execute("CREATE TABLE t (id int PRIMARY KEY, v longtext)")
    rows = [(number, "x" * 1_100_000) for number in (1, 2, 3, 4, 5, 1, 7)]
    cause = failure(
        WriteMySQLTable(url=database.url, table="t", name="w"), rows, {"id": "int", "v": "longtext"}
    ).__cause__
    assert isinstance(cause, DeliveryError)
    assert (cause.row, cause.rows) == (6, (1, 7))
    assert database.execute("SELECT COUNT(*) FROM t") == [(0,)]


def test_a_table_made_of_one_of_sqlite_is_filled_by_way_of_the_casts_that_the_check_names(
    database: Database, tmp_path: Path
) -> None:
    """SQLite bounds neither texts nor numbers, MySQL does: each such column is named, with the Cast that bridges it."""
    with contextlib.closing(sqlite3.connect(tmp_path / "c.db")) as connection, connection:
        connection.execute(
            "CREATE TABLE t (id integer PRIMARY KEY, a text, c blob, d numeric, f decimal(9,2) NOT NULL)"
        )
        connection.execute("INSERT INTO t VALUES (1, 'x', x'00', 2.5, 3.5)")
    url = f"sqlite:///{tmp_path}/c.db"
    schema = StreamTable(url=url, table="t").get_schema()
    database.execute(schema.to_ddl("t"))
    hints = [
        re.search(r"put a Cast to `(.*)` between", str(problem))
        for problem in refusals_of(StreamTable(url=url, table="t"), WriteMySQLTable(url=database.url, table="t"))
    ]
    casts = {name: hint[1] for name, hint in zip("acd", hints, strict=True) if hint}
    assert casts == {"a": "longtext", "c": "longblob", "d": "decimal(65,30)"}
    source = StreamTable(url=url, table="t")
    _ = source > Cast(columns=dict(casts)) > WriteMySQLTable(url=database.url, table="t")
    source.run()
    assert database.execute("SELECT * FROM t") == [(1, "x", b"\0", Decimal("2.5"), Decimal("3.5"))]


def refusals_of(source: StreamTable, sink: WriteMySQLTable) -> list[Exception]:
    """Return the problems for which a source does not go into a sink."""
    _ = source > sink
    with pytest.raises(GraphTypeError) as caught:
        source.run()
    return list(caught.value.problems)


def test_a_foreign_key_that_is_not_there_is_an_error(database: Database) -> None:
    """Foreign keys are checked, whatever the server's default is."""
    database.execute(
        "CREATE TABLE p (id int PRIMARY KEY)",
        "CREATE TABLE t (id int PRIMARY KEY, v int, CONSTRAINT c FOREIGN KEY (v) REFERENCES p (id))",
    )
    node = WriteMySQLTable(url=database.url, table="t", name="write")
    assert str(failure(node, [(1, 5)], {"id": "int", "v": "int"}).__cause__) == (
        f"{place(database)} did not take row 1, after 1 attempt: Cannot add or update a child row: a foreign key "
        f"constraint fails (`{database.name}`.`t`, CONSTRAINT `c` FOREIGN KEY (`v`) REFERENCES `p` (`id`)) (1452)"
    )


def test_long_batches_go_in_several_statements_of_one_transaction(database: Database) -> None:
    """Rows of more bytes than one statement holds go in several, and all of them are taken back together."""
    database.execute("CREATE TABLE t (id int PRIMARY KEY, v longblob)")
    schema = {"id": "int", "v": "longblob"}
    long = b"\0" * 1_500_000
    rows = [(number, long) for number in range(1, 7)]
    run_into(WriteMySQLTable(url=database.url, table="t"), rows, schema)
    assert database.execute("SELECT COUNT(*), SUM(LENGTH(v)) FROM t") == [(6, 9_000_000)]
    database.execute("DELETE FROM t", "INSERT INTO t VALUES (3, '')")
    node = WriteMySQLTable(url=database.url, table="t", name="write")
    _ = GivenBatches([rows], schema) > node
    with pytest.raises(NodeFailedError) as caught:
        start_run(node).wait(30)
    assert str(caught.value.__cause__) == (
        f"{place(database)} did not take row 3, after 1 attempt: Duplicate entry '3' for key 'PRIMARY' (1062); "
        "none of rows 1 to 6 was kept"
    )
    assert database.execute("SELECT id FROM t") == [(3,)]


def test_a_row_longer_than_the_server_takes_is_an_error_of_that_row(database: Database) -> None:
    """What max_allowed_packet cannot hold is refused here with its number, and nothing of the batch is kept."""
    database.execute("CREATE TABLE t (id int PRIMARY KEY, v longblob)")
    node = WriteMySQLTable(url=database.url, table="t", name="write")
    _ = GivenBatches([[(1, b""), (2, b"\0" * 9_000_000)]], {"id": "int", "v": "longblob"}) > node
    with pytest.raises(NodeFailedError) as caught:
        start_run(node).wait(30)
    assert isinstance(caught.value.__cause__, RowError)
    assert str(caught.value.__cause__) == (
        "row 2 takes 18000050 bytes as a statement, and the server takes at most 16776192 for "
        f"{place(database)}: raise its max_allowed_packet"
    )
    assert database.execute("SELECT * FROM t") == []


def test_a_text_without_utf_8_within_a_document_is_an_error_of_its_cell(database: Database) -> None:
    """Half a surrogate pair cannot be sent, and is named."""
    database.execute("CREATE TABLE t (id int PRIMARY KEY, v json)")
    node = WriteMySQLTable(url=database.url, table="t", name="write")
    assert str(failure(node, [(1, ["\ud800"])], {"id": "int", "v": "json"}).__cause__) == (
        r"row 1, column `v`: expected `json null`, got ['\ud800'] (a text in it has no UTF-8 form)"
    )


def test_a_killed_connection_loses_and_doubles_nothing(database: Database) -> None:
    """When the server drops the connection between two batches, the next goes over a new one."""
    database.execute("CREATE TABLE t (id int PRIMARY KEY, v varchar(20))")
    gate = threading.Event()
    node = WriteMySQLTable(url=database.url, table="t")
    source = Given([(number, "x") for number in range(2000)], SMALL, {1000: gate})
    _ = source > node
    run = start_run(node)
    assert wait_until(lambda: database.execute("SELECT COUNT(*) FROM t") == [(1000,)])
    [(number,)] = connections(database)
    database.execute(f"KILL {number}")
    gate.set()
    run.wait(30)
    assert database.execute("SELECT COUNT(*), SUM(id) FROM t") == [(2000, 1999 * 1000)]


def test_a_server_that_dies_and_comes_back_loses_and_doubles_nothing() -> None:
    """A server that is killed in the middle of a run and started again has every row once."""
    with MariaDBServer() as server:
        database = server.create_database()
        database.execute("CREATE TABLE t (id int PRIMARY KEY, v varchar(20))")
        gate = threading.Event()
        node = WriteMySQLTable(url=database.url, table="t", max_attempts=10)
        _ = Given([(number, "x") for number in range(3000)], SMALL, {1500: gate}) > node
        run = start_run(node)
        assert wait_until(lambda: database.execute("SELECT COUNT(*) FROM t") == [(1500,)])
        server.kill()
        gate.set()
        server.start()
        run.wait(60)
        assert database.execute("SELECT COUNT(*), SUM(id) FROM t") == [(3000, 2999 * 1500)]


def test_a_server_that_stays_away_is_an_error_after_so_many_attempts() -> None:
    """Attempts are bounded, and the message names the server and no password."""
    with MariaDBServer() as server:
        database = server.create_database()
        database.execute("CREATE TABLE t (id int PRIMARY KEY, v varchar(20))")
        gate = threading.Event()
        node = WriteMySQLTable(url=database.url, table="t", max_attempts=2, name="write")
        _ = Given([(1, "x")], SMALL, {0: gate}) > node
        run = start_run(node)
        assert wait_until(lambda: len(connections(database)) == 1)
        server.kill()
        gate.set()
        with pytest.raises(NodeFailedError) as caught:
            run.wait(60)
    assert str(caught.value).startswith(
        f"node `write` failed: DeliveryError: {place(database)} did not take row 1, after 2 attempts: "
        f"cannot connect to {server.user}@{server.host}:{server.port}/{database.name}: Can't connect to MySQL server"
    )
    assert server.password not in repr(caught.value.__cause__) + str(caught.value)


def test_the_victim_of_a_deadlock_is_sent_again(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    """A batch that is rolled back for the sake of another transaction goes again, whole."""
    database.execute("CREATE TABLE t (id int PRIMARY KEY, v varchar(20))", "INSERT INTO t VALUES (1, 'o'), (2, 'o')")
    node = WriteMySQLTable(url=database.url, table="t", mode="upsert", key=["id"])
    with database.connect(autocommit=False) as other, other.cursor() as cursor:
        # Heavier than the batch, so that the batch is the victim.
        cursor.execute("INSERT INTO t SELECT seq, 'heavy' FROM seq_100_to_3000")
        cursor.execute("UPDATE t SET v = 'other' WHERE id = 2")
        _ = Given([(1, "a"), (2, "b")], SMALL) > node
        run = start_run(node)
        waiting = "SELECT 1 FROM information_schema.INNODB_TRX WHERE trx_state = 'LOCK WAIT'"
        assert wait_until(lambda: database.execute(waiting) != [])
        cursor.execute("UPDATE t SET v = 'other' WHERE id = 1")
        other.commit()
        report = run.wait(30)
    assert report[node.label].retried == 2
    assert database.execute("SELECT v FROM t WHERE id < 3 ORDER BY id") == [("a",), ("b",)]
    reason = "attempt 1: Deadlock found when trying to get lock; try restarting transaction (1213); the next in"
    assert [message.rpartition(" in ")[0] + " in" for message in caplog.messages] == [f"{place(database)}: {reason}"]


def test_a_lock_that_is_not_let_go_is_an_error(database: Database) -> None:
    """A batch that waits for a lock too long, so often as it is tried, is refused, and the connection is let go."""
    database.execute("CREATE TABLE t (id int PRIMARY KEY, v varchar(20))", "INSERT INTO t VALUES (1, 'o')")
    node = WriteMySQLTable(url=database.url, table="t", mode="replace", name="write", max_attempts=2)
    with database.connect(autocommit=False) as other, other.cursor() as cursor:
        cursor.execute("SET GLOBAL innodb_lock_wait_timeout = 1")
        try:
            cursor.execute("UPDATE t SET v = 'other'")
            assert str(failure(node, [(1, "a")])) == (
                f"node `write` failed: DeliveryError: {place(database)} did not take row 1, after 2 attempts: "
                "Lock wait timeout exceeded; try restarting transaction (1205)"
            )
        finally:
            cursor.execute("SET GLOBAL innodb_lock_wait_timeout = 50")
    assert wait_until(lambda: connections(database) == [])


@pytest.fixture
def proxy(database: Database) -> Iterator[TcpProxy]:
    """A relay before the server that can lose a connection in a chosen moment."""
    with TcpProxy(database.server.host, database.server.port) as proxy:
        yield proxy


@pytest.mark.parametrize("arrives", [True, False])
@pytest.mark.parametrize("mode", ["insert", "replace", "upsert"])
def test_a_connection_that_breaks_in_a_commit(database: Database, proxy: TcpProxy, mode: str, arrives: bool) -> None:
    """With a key the batch is sent again, whether the COMMIT arrived or not; without one it is said to be open."""
    database.execute("CREATE TABLE t (id int PRIMARY KEY, v varchar(20))")
    server, key = database.server, {"key": ["id"]} if mode == "upsert" else {}
    given: dict[str, Any] = {"host": server.host, "user": server.user, "password": server.password, "mode": mode, **key}
    node = WriteMySQLTable(port=proxy.port, database=database.name, table="t", name="write", **given)
    proxy.cut_at(b"COMMIT", arrives=arrives)
    _ = GivenBatches([[(1, "a"), (2, "b")]], SMALL) > node
    run = start_run(node)
    if mode != "insert":
        run.wait(30)
        assert database.execute("SELECT * FROM t") == [(1, "a"), (2, "b")]
        return
    with pytest.raises(NodeFailedError) as caught:
        run.wait(30)
    assert str(caught.value) == (
        f"node `write` failed: DeliveryError: table `{database.name}`.`t` on {server.host}:{proxy.port}: the "
        "connection was lost while rows 1 to 2 were being committed: Lost connection to MySQL server during query "
        "(2013); whether they were kept is not known; look before you send them again, or use mode: upsert or "
        "replace, which may be sent twice"
    )
    assert wait_until(lambda: len(database.execute("SELECT * FROM t")) == (2 if arrives else 0))


def test_a_connection_that_breaks_in_an_insert_is_mended(database: Database, proxy: TcpProxy) -> None:
    """Before the COMMIT nothing was kept, so the batch is sent again in every mode."""
    database.execute("CREATE TABLE t (id int, v varchar(20))")
    server = database.server
    given: dict[str, Any] = {"host": server.host, "user": server.user, "password": server.password}
    node = WriteMySQLTable(port=proxy.port, database=database.name, table="t", **given)
    proxy.cut_at(b"INSERT INTO", arrives=True)
    run_into(node, [(1, "a")], SMALL)
    assert database.execute("SELECT * FROM t") == [(1, "a")]


def test_a_stop_ends_the_wait_for_another_attempt(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    """A node that is told to end while a batch is tried again ends, and lets go of its connection."""
    database.execute("CREATE TABLE t (id int PRIMARY KEY, v varchar(20))")
    gate = threading.Event()
    node = WriteMySQLTable(url=database.url, table="t", max_attempts=1000)
    _ = Given([(1, "x")], SMALL, {0: gate}) > node
    run = start_run(node)
    assert wait_until(lambda: len(connections(database)) == 1)
    with database.connect(autocommit=False) as other, other.cursor() as cursor:
        cursor.execute("SET GLOBAL innodb_lock_wait_timeout = 1")
        try:
            cursor.execute("INSERT INTO t VALUES (1, 'o')")
            with caplog.at_level(logging.WARNING, "nanotyped.nodes.sql"):
                gate.set()
                assert wait_until(lambda: caplog.messages)
            run.terminate()
            run.wait(30)
        finally:
            cursor.execute("SET GLOBAL innodb_lock_wait_timeout = 50")
        other.rollback()
    assert wait_until(lambda: connections(database) == [])
    assert database.execute("SELECT * FROM t") == []


def test_a_table_altered_after_the_check_is_not_written(database: Database) -> None:
    """What was checked must be what is written; each change is told with what it does to the rows that arrive."""
    database.execute("CREATE TABLE t (id int PRIMARY KEY, v varchar(20), w varchar(20), x int)")
    source = Given([(1, "a", "b", 2)], {"id": "int", "v": "varchar(20)", "w": "varchar(20)", "x": "int"}, name="give")
    node = WriteMySQLTable(url=database.url, table="t", name="write")
    _ = source > node
    run = prepare_run(source)
    database.execute("ALTER TABLE t MODIFY v varchar(21), MODIFY w varchar(19), DROP x, ADD y int NOT NULL")
    run.start()
    with pytest.raises(NodeFailedError) as caught:
        run.wait(30)
    assert str(caught.value) == (
        f"node `write` failed: ContractDriftError: {place(database)} was altered since the pipeline was checked - "
        "column `v` `varchar(20) null` → `varchar(21) null`: harmless to `write`; "
        "column `w` `varchar(20) null` → `varchar(19) null`: breaks `write` (gets `varchar(20)`); "
        "column `x` is gone: breaks `write` (gets `int`); "
        "column `y` `int(11)` is new: breaks `write` (does not get it); check it again"
    )
    assert connections(database) == []


def test_a_table_that_is_altered_in_no_column_says_what_else(database: Database) -> None:
    """Keys and defaults are part of what was checked."""
    database.execute("CREATE TABLE t (id int PRIMARY KEY, v int NOT NULL DEFAULT 1)")
    node = WriteMySQLTable(url=database.url, table="t", name="write")
    node.discover_schema()
    database.execute("ALTER TABLE t ALTER v DROP DEFAULT, ADD UNIQUE (v)")
    with pytest.raises(ContractDriftError) as caught:
        node.setup()
    assert str(caught.value) == (
        f"{place(database)} was altered since the pipeline was checked - its unique keys are others; "
        "column `v` needs a value now; check it again"
    )


def test_fifty_thousand_rows(database: Database) -> None:
    """50,000 rows of eight columns are copied in less than ten seconds."""
    database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, a bigint, b varchar(40), c decimal(12,2), d datetime, e double, "
        "f json, g date)",
        "INSERT INTO t SELECT seq, seq * 1000003, CONCAT('row ', seq), seq * 1.01, '2024-02-29 12:30:00', seq / 7, "
        "CONCAT('{\"n\": ', seq, '}'), '2024-02-29' FROM seq_1_to_50000",
        "CREATE TABLE u LIKE t",
    )
    source = StreamMySQLTable(url=database.url, table="t")
    _ = source > WriteMySQLTable(url=database.url, table="u")
    start = time.monotonic()
    source.run()
    assert time.monotonic() - start < 10
    # Blanks within documents are not kept: they are compared by value above.
    same = "SELECT COUNT(*) FROM t JOIN u USING (id, a, b, c, d, e, g) WHERE "
    assert database.execute(f"{same} JSON_VALUE(t.f, '$.n') = JSON_VALUE(u.f, '$.n')") == [(50_000,)]


def test_strings_of_sql_are_data(database: Database) -> None:
    """No text ends its literal."""
    database.execute("CREATE TABLE t (id int PRIMARY KEY, v varchar(20))")
    rows = [(1, "'); DROP TABLE t; --"), (2, "\\'), (9, 'x"), (3, "\\"), (4, '"'), (5, "\x1a\r\n\0")]
    run_into(WriteMySQLTable(url=database.url, table="t"), rows, SMALL)
    assert rows_of(StreamMySQLTable(url=database.url, table="t")) == rows
