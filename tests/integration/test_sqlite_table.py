from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import URL, make_url

from nanotyped import Checkpoint, GraphTypeError, NodeFailedError, RowValidationError, SourceError, StreamTable
from nanotyped.nodes import page_size
from nanotyped.nodes.sql.sqlite import SQLiteReader
from nanotyped.types.sqlite import SQLiteTypeSystem
from tests.support.flows import Kept
from tests.support.sql import rows_of

if TYPE_CHECKING:
    from pathlib import Path

    from nanotyped.nodes.sql.description import TableDescription


class File:
    """A database file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.url = URL.create("sqlite", database=str(path)).render_as_string()

    def execute(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            for statement in statements:
                connection.execute(statement)

    def insert(self, table: str, rows: list[tuple[Any, ...]]) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", rows)

    def describe(self, table: str, columns: list[str] | None = None) -> TableDescription:
        reader = SQLiteReader(make_url(self.url))
        try:
            return reader.describe(table, columns)
        finally:
            reader.close()

    def rows(self, table: str, **options: Any) -> list[tuple[Any, ...]]:
        return rows_of(StreamTable(url=self.url, table=table, name="source", **options))

    def failure(self, table: str, **options: Any) -> BaseException:
        with pytest.raises(NodeFailedError) as caught:
            self.rows(table, **options)
        assert caught.value.__cause__ is not None
        return caught.value.__cause__


@pytest.fixture
def file(tmp_path: Path) -> File:
    """An empty database."""
    found = File(tmp_path / "a b%20ü#?.db")
    found.execute("PRAGMA user_version = 1")
    return found


# -- what a table is --------------------------------------------------------------------------


def test_columns_are_declared_as_those_of_mysql_are(file: File) -> None:
    """Declared types are read as MySQL spells them; values come by them, exactly."""
    file.execute(
        "CREATE TABLE t (id bigint unsigned PRIMARY KEY NOT NULL, n int(11), flag tinyint(1), price decimal(12,2), "
        "x double, v varchar(9) NOT NULL, b varbinary(5), day date, dt datetime(3), ts timestamp, ti time(6), "
        "doc json, any)"
    )
    moment = "2024-02-29 23:59:58.123"
    row = (
        1,
        -5,
        1,
        9.5,
        0.1,
        "🐬",
        b"\0\xff",
        "2024-02-29",
        moment,
        "2024-01-01 00:00:00",
        "-838:59:59",
        "[0.10]",
        7,
    )
    file.insert("t", [row, (2, None, None, None, None, "", None, None, None, None, None, None, None)])
    found = file.describe("t")
    assert found.schema.spelling() == (
        "id bigint unsigned, n int null, flag tinyint null, price decimal(12,2) null, x real null, v varchar(9), "
        "b varbinary(5) null, day date null, dt datetime(3) null, ts timestamp(6) null, ti time(6) null, "
        "doc json null, any any null"
    )
    assert found.schema.key == found.page_key() == ("id",)
    assert found.place == f"table `t` of {file.path}"
    (first, second) = file.rows("t")
    assert first == (
        *(
            1,
            -5,
            1,
            Decimal("9.50"),
            0.1,
            "🐬",
            b"\0\xff",
            date(2024, 2, 29),
            datetime(2024, 2, 29, 23, 59, 58, 123_000),
        ),
        *(datetime(2024, 1, 1, tzinfo=UTC), -timedelta(hours=838, minutes=59, seconds=59), [Decimal("0.10")], 7),
    )
    assert second == (2, None, None, None, None, "", None, None, None, None, None, None, None)


@pytest.mark.parametrize(
    ("statement", "key"),
    [
        ("CREATE TABLE t (id INTEGER PRIMARY KEY, v int)", ("id",)),
        ("CREATE TABLE t (v int, id INTEGER, PRIMARY KEY (id))", ("id",)),
        ("CREATE TABLE t (id INTEGER PRIMARY KEY DESC)", None),
        ("CREATE TABLE t (id int PRIMARY KEY)", None),
        ("CREATE TABLE t (id int NOT NULL PRIMARY KEY)", ("id",)),
        ("CREATE TABLE t (a int, b int, PRIMARY KEY (b, a)) WITHOUT ROWID", ("b", "a")),
        ("CREATE TABLE t (a int, b int NOT NULL UNIQUE)", ("b",)),
        ("CREATE TABLE t (a int NOT NULL, b int NOT NULL, c int NOT NULL, UNIQUE (a, b), UNIQUE (c))", ("c",)),
        ("CREATE TABLE t (a int UNIQUE)", None),
        ("CREATE TABLE t (a double NOT NULL PRIMARY KEY)", None),
        ("CREATE TABLE t (a int NOT NULL); CREATE UNIQUE INDEX i ON t (a) WHERE a > 5", None),
        ("CREATE TABLE t (a int NOT NULL); CREATE UNIQUE INDEX i ON t (abs(a))", None),
        ("CREATE TABLE t (a int NOT NULL); CREATE INDEX i ON t (a)", None),
        ("CREATE TABLE t (a varchar(9) NOT NULL); CREATE UNIQUE INDEX i ON t (a COLLATE NOCASE DESC)", ("a",)),
        ("CREATE TABLE s (a int PRIMARY KEY NOT NULL); CREATE VIEW t AS SELECT a FROM s", None),
    ],
)
def test_keys_are_whole_unique_and_never_null(file: File, statement: str, key: tuple[str, ...] | None) -> None:
    """Pages go by keys that hold no null: the row id, a key that was declared so, or a whole unique index."""
    file.execute(*statement.split("; "))
    assert file.describe("t").page_key() == key


def test_generated_columns_are_columns(file: File) -> None:
    """What the database computes is read as what it stores."""
    file.execute(
        "CREATE TABLE t (a INTEGER PRIMARY KEY, b int AS (a * 2) STORED, c int GENERATED ALWAYS AS (a + 1) VIRTUAL)",
        "INSERT INTO t (a) VALUES (3)",
    )
    assert file.describe("t").schema.names == ("a", "b", "c")
    assert file.rows("t") == [(3, 6, 4)]


def test_a_view_is_read_in_one_pass(file: File, caplog: pytest.LogCaptureFixture) -> None:
    """A view has no key: all its rows come in one pass, with a warning."""
    file.execute("CREATE TABLE s (a int, b int)", "CREATE VIEW t AS SELECT a, b FROM s WHERE a > 1")
    file.insert("s", [(n, n) for n in range(2500)])
    with caplog.at_level(logging.WARNING, "nanotyped.nodes.sql"):
        assert sorted(file.rows("t")) == [(n, n) for n in range(2, 2500)]
    assert caplog.messages == [
        f"source: table `t` of {file.path} has no unique key of ordered, non-null columns: "
        "read in one pass, which cannot be resumed"
    ]


def test_a_missing_file_is_an_error_and_is_not_made(tmp_path: Path) -> None:
    """A file that is not there is named, and is still not there afterwards, however the URL is written."""
    path = tmp_path / "missing.db"
    for url in (f"sqlite:///{path}", f"sqlite:///{path}?timeout=5"):
        with pytest.raises(SourceError) as caught:
            StreamTable(url=url, table="t").get_schema()
        assert str(caught.value) == f"there is no database file `{path}`"
    with pytest.raises(SourceError) as caught:
        StreamTable(url=f"sqlite:///file:{path}?uri=true", table="t").get_schema()
    assert str(caught.value) == f"opening file:{path} failed: unable to open database file"
    assert not path.exists()


def test_a_file_that_is_no_database_is_an_error(tmp_path: Path) -> None:
    """A file of something else is named, with what SQLite says of it."""
    path = tmp_path / "letter.txt"
    path.write_text("Dear database, " * 100)
    with pytest.raises(SourceError) as caught:
        StreamTable(url=f"sqlite:///{path}", table="t").get_schema()
    assert str(caught.value) == f"describing {path} failed: file is not a database"


def test_what_cannot_be_read_is_told_all_at_once(file: File) -> None:
    """A missing table is told with the nearest name; missing columns and unknown types are named together."""
    file.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, p money, name varchar(9))")
    with pytest.raises(SourceError) as caught:
        file.describe("order")
    assert str(caught.value) == f"there is no table `order` of {file.path}; did you mean `orders`?"
    with pytest.raises(SourceError) as caught:
        file.describe("orders", ["nmae", "p"])
    assert str(caught.value) == (
        f"table `orders` of {file.path} cannot be read: it has no column `nmae`; did you mean `name`?; "
        "column `p`: unknown type `money` (did you mean `decimal(19,4)`?) at position 0 of `money`; "
        "leave it out with `columns`"
    )
    assert file.rows("orders", columns=["name"]) == []


# -- order, and every row once -------------------------------------------------------------


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    keys=st.sets(st.tuples(st.integers(-2, 2), st.sampled_from(["", "a", "A", "ü"])), max_size=16),
    page_rows=st.integers(1, 17),
)
def test_no_row_is_lost_between_pages(file: File, keys: set[tuple[int, str]], page_rows: int) -> None:
    """However pages cut a composite key, its rows come once each, in its order."""
    file.execute(
        "DROP TABLE IF EXISTS t", "CREATE TABLE t (x int, b text NOT NULL, a int NOT NULL, PRIMARY KEY (a, b))"
    )
    if keys:
        file.insert("t", [(7, b, a) for a, b in keys])
    assert file.rows("t", page_rows=page_rows, columns=["x", "b"]) == [(7, b) for _, b in sorted(keys)]


@pytest.mark.parametrize(("column", "index"), [("NOCASE", "BINARY"), ("BINARY", "NOCASE"), ("RTRIM", "BINARY")])
@pytest.mark.parametrize("page_rows", [1, 2, 3])
def test_a_key_is_ordered_as_its_index_orders_it(file: File, column: str, index: str, page_rows: int) -> None:
    """Names that the column takes for equal, and the index of the key does not, come all the same."""
    names = ["B", "a", "a ", "b"] if index == "BINARY" else ["B", "a", "a "]
    file.execute(
        f"CREATE TABLE t (name varchar(9) NOT NULL COLLATE {column})",
        f"CREATE UNIQUE INDEX i ON t (name COLLATE {index})",
    )
    file.insert("t", [(name,) for name in reversed(names)])
    assert sorted(name for (name,) in file.rows("t", page_rows=page_rows)) == names


KEYS: dict[str, list[Any]] = {
    "INTEGER": [-(2**63), -1, 0, 2**63 - 1],
    "decimal(20,6)": [-1.5, 0, 0.000001, 3],
    "varbinary(5)": [b"", b"\0", b"a", b"\xff"],
    "date": ["1000-01-01", "2024-02-29"],
    "datetime(6)": ["2024-02-29 00:00:00.000001", "2024-02-29 00:00:00.000002"],
    "varchar(9)": ["", "'", "\\", "a", "🐬"],
}


@pytest.mark.parametrize("kind", KEYS)
def test_every_key_gives_every_row_once_in_order(file: File, kind: str) -> None:
    """Keys of all types that have an order lead through the whole table, a row to a page."""
    file.execute(f"CREATE TABLE t (n int, k {kind} NOT NULL PRIMARY KEY) WITHOUT ROWID")
    file.insert("t", [(n, key) for n, key in reversed(list(enumerate(KEYS[kind])))])
    assert [n for n, _ in file.rows("t", page_rows=1)] == list(range(len(KEYS[kind])))


def test_columns_and_condition(file: File) -> None:
    """Only the named columns come, in that order, of the rows that fit; a backslash is a letter, a colon may be."""
    file.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, v varchar(20))")
    file.insert("t", [(1, "\\"), (2, "50%"), (3, ":x"), (4, "x' OR 1=1")])

    def found(where: str, **parameters: Any) -> list[tuple[Any, ...]]:
        return file.rows("t", columns=["v", "id"], where=where, parameters=parameters, page_rows=1)

    assert found("v LIKE '5_%'") == [("50%", 2)]
    assert found(r"v = '\' OR v = ':x' OR id = :id", id=4) == [("\\", 1), (":x", 3), ("x' OR 1=1", 4)]
    assert found("v = :v", v="x' OR 1=1") == [("x' OR 1=1", 4)]


@pytest.mark.parametrize("name", ["select", "a`b", 'c"d', "50% off", "ü ñ", "it's", "x.y", ":p", "?", "[z]"])
def test_any_name_works(file: File, name: str) -> None:
    """Tables and columns may be named as SQLite lets them, key columns too."""
    quoted = '"' + name.replace('"', '""') + '"'
    file.execute(f"CREATE TABLE {quoted} ({quoted} INTEGER PRIMARY KEY, v int)")
    file.insert(quoted, [(1, 1), (2, None), (3, 3)])
    assert file.rows(name, page_rows=2) == [(1, 1), (2, None), (3, 3)]


# -- values ------------------------------------------------------------------------------------


def test_decimals_are_exact_or_refused(file: File) -> None:
    """A decimal that SQLite kept as a double is exact to 15 digits; of more, it is an error that says what to do."""
    file.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, price decimal(20,2))")
    file.insert("t", [(1, "0.10"), (2, 12), (3, "1234567890123.45")])
    assert file.rows("t") == [(1, Decimal("0.10")), (2, Decimal(12)), (3, Decimal("1234567890123.45"))]
    assert [str(price) for _, price in file.rows("t")] == ["0.10", "12.00", "1234567890123.45"]
    file.insert("t", [(4, "123456789012345678.91")])
    assert str(file.failure("t")) == (
        "row 4, column `price`: expected `decimal(20,2) null`, got 123456789012345680 "
        "(SQLite kept it as REAL, exact to 15 digits only; declare the column as TEXT)"
    )


def test_integers_beyond_64_bits_are_exact_or_refused(file: File) -> None:
    """SQLite keeps an integer of 2^63 or more as a double: that is an error, never a rounded number."""
    file.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, n bigint unsigned)")
    file.insert("t", [(1, 2**63 - 1)])
    assert file.rows("t") == [(1, 2**63 - 1)]
    file.execute(f"INSERT INTO t VALUES (2, {2**64 - 1})")
    assert str(file.failure("t")) == (
        "row 2, column `n`: expected `bigint unsigned null`, got 1.8446744073709552e+19 "
        "(SQLite kept it as REAL, which rounds integers of 64 bits; declare the column as TEXT)"
    )


@pytest.mark.parametrize("key", ["INTEGER PRIMARY KEY", "int"])
def test_a_wrong_value_is_named_by_its_row(file: File, key: str) -> None:
    """What is stored as something else than was declared is named by row, column and table, on later pages too."""
    file.execute(f"CREATE TABLE t (id {key}, n int, v varchar(3))")
    file.insert("t", [(n, n, "abc") for n in range(1, 26)])
    file.insert("t", [(26, "x", "abcd"), (27, None, b"abc"), (28, 300, "abc")])
    error = file.failure("t", page_rows=10)
    assert isinstance(error, RowValidationError)
    assert str(error) == (
        "row 26, column `n`: expected `int null`, got 'x' (not a whole number); "
        "row 26, column `v`: expected `varchar(3) null`, got 'abcd' (4 characters, at most 3 fit); "
        "row 27, column `v`: expected `varchar(3) null`, got b'abc' (SQLite stores it as BLOB)"
    )
    assert error.__notes__ == ["in `t`"]


def test_rows_are_of_the_types_of_sqlite(file: File) -> None:
    """Rows bear the declared types; the schema is told without a run."""
    file.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
    file.insert("t", [(1,)])
    source, sink = StreamTable(url=file.url, table="t"), Kept()
    assert source.get_schema().spelling() == "id integer"
    _ = source > sink
    source.run()
    assert sink.rows[0].type_system is SQLiteTypeSystem


def test_the_table_must_fit_its_contract(file: File) -> None:
    """A wider contract converts; a narrower one is refused before a row moves."""
    file.execute("CREATE TABLE t (id int NOT NULL PRIMARY KEY, day date NOT NULL)")
    file.insert("t", [(1, "2024-02-29")])
    assert file.rows("t", output_schema={"day": "datetime(0)", "id": "bigint"}) == [(datetime(2024, 2, 29), 1)]
    with pytest.raises(GraphTypeError) as caught:
        file.rows("t", output_schema={"id": "smallint"})
    assert [str(problem) for problem in caught.value.problems] == [
        f"Expected `smallint`, got `int` (it may be below -32768) - at `table t of {file.path} → source` $.id. "
        "Hint: declare it `sqlite int`, as the table has it, or leave the contract out; "
        "taken as it is: harmless to `kept`"
    ]


def test_the_file_is_let_go(file: File) -> None:
    """After a run, and after a failure, the file can be changed and its table dropped."""
    file.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)", "CREATE TABLE u (id int)")
    file.insert("t", [(n,) for n in range(3000)])
    file.insert("u", [("x",)])
    assert len(file.rows("t")) == 3000
    assert "not a whole number" in str(file.failure("u"))
    file.execute("DROP TABLE t", "DROP TABLE u", "VACUUM")


def test_pages_follow_how_fast_rows_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They begin small and grow where they are taken fast; taken slowly they shrink, and checkpoints stay close."""
    file = File(tmp_path / "t.db")
    file.execute("CREATE TABLE t (n INTEGER PRIMARY KEY)")
    file.insert("t", [(n,) for n in range(20_000)])

    def pages() -> list[int]:
        source = StreamTable(url=file.url, table="t", page_rows=5000)
        source.discover_schema()
        return [len(given) for given in source.generate_batches() if not isinstance(given, Checkpoint)]

    grown = pages()
    assert grown[:5] == [500, 1000, 2000, 4000, 5000]
    assert sum(grown) == 20_000
    monkeypatch.setattr(page_size, "SLOW_S", -1.0)  # everything is slow
    shrunk = pages()
    assert shrunk[:4] == [500, 250, 125, 100]
    assert set(shrunk[3:-1]) == {100}
    assert sum(shrunk) == 20_000
