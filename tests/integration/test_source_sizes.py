"""How much sources say that they give, and how far they say that they are."""

from __future__ import annotations

import json
import os
import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any, cast

import pytest

from nanotyped import ReadRows, SizeHint, StreamMySQLTable, StreamTable
from nanotyped.message import Checkpoint
from nanotyped.nodes.sql import paging

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from nanotyped.node import NanoNode
    from tests.support.mariadb import Database

SCHEMA = {"n": "int"}


def sizes_of(source: NanoNode[Any, Any]) -> list[tuple[SizeHint | None, float | None]]:
    """Read a source to its end, and return what it says with each batch, and at its end."""
    found = [
        (source.size_hint(), source.size_done())
        for given in source.generate_batches()
        if not isinstance(given, Checkpoint)
    ]
    return [*found, (source.size_hint(), source.size_done())]


# -- files ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"on_error": "skip"}])
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_a_file_is_measured_in_bytes(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    """Exactly: all of its bytes, and at its end all of them are read; before it is open it says nothing."""
    lines = ["n", *map(str, range(2500))] if name == "a.csv" else [json.dumps({"n": n}) for n in range(2500)]
    (tmp_path / name).write_text("\n".join(lines) + "\n")
    size = (tmp_path / name).stat().st_size
    source = ReadRows(path=tmp_path / name, output_schema=SCHEMA, **options)
    assert (source.size_hint(), source.size_done()) == (None, 0)
    hints, done = zip(*sizes_of(source), strict=True)
    source.cleanup()
    assert set(hints) == {SizeHint(size, "bytes")}
    assert list(done[:-1]) == sorted(set(done))
    assert 0 < done[0] < done[1]
    assert done[-2] == done[-1] == size


def test_a_file_that_is_gone_on_with_is_measured_from_there(tmp_path: Path) -> None:
    """What the run before read is neither in its size nor in what is done."""
    path = tmp_path / "a.jsonl"
    path.write_text("".join(f'{{"n": {n}}}\n' for n in range(2500)))
    before = ReadRows(path=path, output_schema=SCHEMA)
    cursor = next(given.cursor for given in before.generate_batches() if isinstance(given, Checkpoint))
    before.cleanup()
    source = ReadRows(path=path, output_schema=SCHEMA)
    source.resume_from = cursor
    hint, done = sizes_of(source)[-1]
    source.cleanup()
    assert hint == SizeHint(path.stat().st_size - cursor["offset"], "bytes")
    assert done == hint.total


def test_nobody_knows_how_much_comes_through_a_pipe(tmp_path: Path) -> None:
    """What is no regular file says nothing."""
    path = tmp_path / "a.jsonl"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_text, args=('{"n": 1}\n',))
    writer.start()
    source = ReadRows(path=path, output_schema=SCHEMA)
    assert set(sizes_of(source)) == {(None, 0)}
    source.cleanup()
    writer.join()


# -- tables --------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def pages_of_one_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages begin as large as they may be: how they grow is a matter of other tests."""
    monkeypatch.setattr(paging, "FIRST_ROWS", 1_000_000)


@pytest.fixture
def orders(database: Database) -> Database:
    """A table of 3,000 rows, whose keys are the even numbers from 2."""
    database.execute(
        "CREATE TABLE orders (id int PRIMARY KEY, code varchar(20) NOT NULL, at datetime NOT NULL, UNIQUE (at))",
        "INSERT INTO orders SELECT seq * 2, CONCAT('c', seq), TIMESTAMPADD(SECOND, seq, '2024-01-01')"
        " FROM seq_1_to_3000",
        "ANALYZE TABLE orders",
        "CREATE TABLE names (code varchar(20) PRIMARY KEY)",
        "INSERT INTO names SELECT code FROM orders",
        "ANALYZE TABLE names",
        "CREATE VIEW seen AS SELECT * FROM names",
    )
    return database


def test_a_whole_table_is_measured_in_rows_by_the_server_s_estimate(orders: Database) -> None:
    """About as many as there are, of any key; what is done is the rows that were taken."""
    for table in ("orders", "names"):
        sizes = sizes_of(StreamMySQLTable(url=orders.url, table=table, page_rows=1000))
        assert [done for _, done in sizes] == [0, 1000, 2000, 3000]
        for hint, _ in sizes:
            assert hint is not None
            assert (hint.unit, hint.exact) == ("rows", False)
            assert 2000 < hint.total < 4000


def test_a_part_of_a_table_is_measured_by_its_key(orders: Database) -> None:
    """With `where` nobody knows how many rows there are: the key tells, from the end of the first page to the last."""
    source = StreamMySQLTable(url=orders.url, table="orders", page_rows=1000, where="id > 1000")
    assert sizes_of(source) == [
        (None, 0),
        (SizeHint(3000, "keys", exact=False), 0),
        (SizeHint(3000, "keys", exact=False), 2000),
        (SizeHint(3000, "keys", exact=False), 3000),
    ]


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"table": "orders"}, SizeHint(4000, "keys", exact=False)),
        ({"table": "orders", "cursor_column": "at"}, SizeHint(2000, "keys", exact=False)),
        ({"table": "names"}, None),
    ],
)
def test_a_table_that_is_gone_on_with_is_measured_from_there(
    orders: Database, options: dict[str, Any], hint: SizeHint | None
) -> None:
    """By the key, from where the run begins; a moment is as good as a number, and a text tells nothing."""
    before = StreamMySQLTable(url=orders.url, page_rows=1000, **options)
    with closing(cast("Generator[Any]", before.generate_batches())) as reading:
        cursor = next(given.cursor for given in reading if isinstance(given, Checkpoint))
    source = StreamMySQLTable(url=orders.url, page_rows=1000, **options)
    source.resume_from = cursor
    last, done = [found for found in sizes_of(source) if found[0] is not None or hint is None][-1]
    assert last == hint
    assert done == (2000 if hint is None else hint.total)


def test_a_view_of_texts_is_of_no_known_size(orders: Database) -> None:
    """The server has no opinion on it, and there is no key."""
    assert {hint for hint, _ in sizes_of(StreamMySQLTable(url=orders.url, table="seen", page_rows=1000))} == {None}


def test_a_table_of_sqlite_is_measured_by_its_key(tmp_path: Path) -> None:
    """Counting its rows would read it all: how far the key is costs nothing."""
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection, connection:
        connection.execute("CREATE TABLE t (id integer PRIMARY KEY, x text)")
        connection.executemany("INSERT INTO t VALUES (?, 'x')", [(n,) for n in range(100, 400)])
    source = StreamTable(url=f"sqlite:///{tmp_path / 'a.db'}", table="t", page_rows=100)
    assert sizes_of(source) == [
        (None, 0),
        (SizeHint(200, "keys", exact=False), 0),
        (SizeHint(200, "keys", exact=False), 100),
        (SizeHint(200, "keys", exact=False), 200),
    ]
