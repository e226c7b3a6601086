"""`cursor_column` and `lag`: each run reads what came since the last one, and what was committed late."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nanotyped import Checkpoint, GraphTypeError, NodeFailedError, SourceError, StreamMySQLTable, StreamTable
from nanotyped.engine.checkpoint import read_state
from nanotyped.engine.run import prepare_run
from tests.support.flows import Kept

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nanotyped.nodes.sql.source import TableSource
    from tests.support.mariadb import Database

WAIT_S = 20.0


def run(source: TableSource, state: Path, *, reset: bool = False) -> list[Any]:
    """Run a source with a state to its end, and return the first value of each row."""
    kept = Kept(name="kept")
    _ = source > kept
    started = prepare_run(source, state_dir=state, reset_state=reset)
    started.start()
    started.wait(WAIT_S)
    return [next(iter(row.to_python().values())) for row in kept.rows]


def refusals(source: TableSource) -> list[str]:
    """Return what the check of a source says, once it has looked at its table."""
    with pytest.raises(GraphTypeError) as caught:
        prepare_run(source)
    return [str(problem) for problem in caught.value.exceptions]


class Shop:
    """A table `t` in a database file, with rows of an id and a cursor."""

    def __init__(self, path: Path, declared: str = "id INTEGER PRIMARY KEY, c int NOT NULL") -> None:
        self.url = f"sqlite:///{path}"
        self.path = path
        self.execute(f"CREATE TABLE t ({declared})", "CREATE INDEX c ON t (c)")

    def execute(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            for statement in statements:
                connection.execute(statement)

    def insert(self, *rows: tuple[Any, ...]) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.executemany(f"INSERT INTO t VALUES ({', '.join('?' * len(rows[0]))})", rows)

    def source(self, **options: Any) -> StreamTable:
        given = {"table": "t", "cursor_column": "c", "name": "read", "page_rows": 2, **options}
        return StreamTable(url=self.url, **given)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    """A table of SQLite with nothing in it."""
    return Shop(tmp_path / "shop.db")


# -- what a run reads ---------------------------------------------------------------------------


def test_a_run_reads_what_came_since_the_last_one(shop: Shop, tmp_path: Path) -> None:
    """In the order of the cursor and then of the key; rows of the last cursor itself come again."""
    shop.insert((1, 30), (2, 10), (3, 20), (4, 30))
    assert run(shop.source(), tmp_path) == [2, 3, 1, 4]
    assert run(shop.source(), tmp_path) == [1, 4]
    shop.insert((5, 30), (6, 40), (7, 29))
    assert run(shop.source(), tmp_path) == [1, 4, 5, 6]
    state = read_state(tmp_path)
    last = {"key": ["c", "id"], "after": [40, 6], "upper": [40, 6]}
    assert state.cursors == {"`read`": {"$exhausted": True, "cursor": last}}
    assert (state.finished, state.goes_on_from == state.cursors) == (True, True)


def test_lag_is_how_far_before_the_last_cursor_a_run_begins(shop: Shop, tmp_path: Path) -> None:
    """What was committed late comes within it and not beyond it; another lag goes on from the same state."""
    shop.insert((1, 100))
    assert run(shop.source(lag=10), tmp_path) == [1]
    shop.insert((2, 90), (3, 89))
    assert run(shop.source(lag=10), tmp_path) == [2, 1]
    assert run(shop.source(lag=11), tmp_path) == [3, 2, 1]
    assert run(shop.source(lag=0), tmp_path) == [1]
    assert run(shop.source(), tmp_path, reset=True) == [3, 2, 1]


def test_how_many_rows_come_again_is_told(shop: Shop, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Those that were there and those that came late, up to where the last run was."""
    caplog.set_level(logging.INFO, "nanotyped.nodes.sql")
    shop.insert((1, 80), (2, 90), (3, 100))
    run(shop.source(lag=10), tmp_path)
    assert caplog.messages == []
    shop.insert((4, 95), (5, 110))
    run(shop.source(lag=10), tmp_path)
    assert caplog.messages == ["read: 3 rows up to the last cursor are read again"]


def test_another_cursor_column_is_another_pipeline(shop: Shop, tmp_path: Path) -> None:
    """Where the one was is no place of the other."""
    shop.insert((1, 100))
    run(shop.source(), tmp_path)
    with pytest.raises(RuntimeError, match="it is of another pipeline than this one: `read` is another"):
        run(shop.source(cursor_column="id"), tmp_path)


def test_without_a_state_all_is_read_and_told(shop: Shop, caplog: pytest.LogCaptureFixture) -> None:
    """There is nowhere to keep a cursor."""
    shop.insert((1, 10), (2, 20))
    for _ in range(2):
        source, kept = shop.source(), Kept(name="kept")
        _ = source > kept
        source.run()
        assert len(kept.rows) == 2
    said = "node `read` has nowhere to keep its cursor, so that a run reads all of it; run it with --state DIR"
    assert caplog.messages == [said, said]


def test_a_table_with_no_row_yet(shop: Shop, tmp_path: Path) -> None:
    """Its first rows come once they are there, whatever their cursor."""
    assert run(shop.source(), tmp_path) == []
    shop.insert((1, -5))
    assert run(shop.source(), tmp_path) == [1]


def test_rows_that_are_there_no_more(shop: Shop, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """That the rows at the cursor were deleted is told, and the cursor stays."""
    shop.insert((1, 10), (2, 20))
    run(shop.source(), tmp_path)
    shop.execute("DELETE FROM t WHERE id = 2")
    assert run(shop.source(), tmp_path) == []
    assert caplog.messages == [
        f"read: no row of table `t` of {shop.path} is where reading goes on by `c`: rows were deleted, or it is "
        "another table by now; --reset-state reads it from its start"
    ]
    shop.insert((3, 20))
    assert run(shop.source(), tmp_path) == [3]


def test_an_index_that_is_missing_is_told(shop: Shop, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Not of the row id, and not where an index begins with the column."""
    shop.execute("DROP INDEX c")
    run(shop.source(cursor_column="id"), tmp_path / "1")
    shop.execute("CREATE INDEX c ON t (c, id)")
    run(shop.source(), tmp_path / "2")
    assert caplog.messages == []
    shop.execute("DROP INDEX c", "CREATE INDEX other ON t (id, c)", "CREATE INDEX some ON t (c) WHERE c > 5")
    run(shop.source(), tmp_path / "3")
    assert caplog.messages == [
        f"read: no index of table `t` of {shop.path} begins with `c`: the server reads all rows for each page"
    ]


# -- the law: what is late by no more than the lag is delivered -------------------------------------


class Runs:
    """Runs of a source, one after the other, that a test takes page by page and kills where it likes."""

    def __init__(self, shop: Shop, lag: int) -> None:
        self._shop, self._lag = shop, lag
        self._cursor: Any = None
        self._going: Iterator[Any] | None = None
        self.delivered: set[int] = set()

    def step(self) -> bool:
        """Take one page of the run that goes, or of a new one; return whether that came to its end."""
        if self._going is None:
            source = self._shop.source(lag=self._lag, columns=["id"])
            source.resume_from = self._cursor
            self._going = source.generate_batches()
        for some in self._going:
            if isinstance(some, Checkpoint):
                self._cursor = some.cursor
                return False
            self.delivered |= {row.to_python()["id"] for row in some}
        self._going = None
        return True

    def finish(self) -> None:
        """Take the run that goes, or a new one, to its end."""
        while not self.step():
            pass

    def kill(self) -> None:
        """End the run that goes where it is."""
        if self._going is not None:
            self._going.close()  # type: ignore[attr-defined]  # it is a generator
            self._going = None


class Writers:
    """Transactions that insert a row each, two to a cursor, and are committed in the order that a test likes."""

    def __init__(self, shop: Shop, lag: int) -> None:
        self._shop, self._lag = shop, lag
        self._begun = self._highest = 0
        self._open: list[int] = []
        self.in_time: set[int] = set()

    def begin(self) -> None:
        self._begun += 1
        self._open.append(self._begun)

    def commit(self, number: int) -> None:
        """Commit one of those that are open; it is in time if the table is ahead of it by no more than the lag."""
        if self._open:
            row = self._open.pop(number % len(self._open))
            self._shop.insert((row, row // 2))
            if self._highest - row // 2 <= self._lag:
                self.in_time.add(row)
            self._highest = max(self._highest, row // 2)

    def commit_all(self) -> None:
        while self._open:
            self.commit(0)


OPERATIONS = st.lists(
    st.sampled_from(["begin", "begin", "commit 0", "commit 1", "commit 3", "step", "step", "kill", "end"]),
    min_size=5,
    max_size=40,
)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(OPERATIONS, st.integers(0, 2))
def test_what_is_late_by_no_more_than_the_lag_is_delivered(shop: Shop, operations: list[str], lag: int) -> None:
    """Whatever the order of transactions, of the pages of runs, and of kills."""
    shop.execute("DELETE FROM t")
    runs, writers = Runs(shop, lag), Writers(shop, lag)
    for operation in operations:
        match operation.split():
            case ["begin"]:
                writers.begin()
            case ["commit", number]:
                writers.commit(int(number))
            case ["step"]:
                runs.step()
            case ["kill"]:
                runs.kill()
            case ["end"]:
                runs.finish()
    writers.commit_all()
    runs.finish()  # the one that goes
    runs.finish()  # and one that begins when all is there
    assert writers.in_time <= runs.delivered


def test_a_killed_run_goes_on_where_it_was(shop: Shop) -> None:
    """Before the lag of its upper bound it reads no row again, however often it is killed; behind it the lag alone."""
    shop.insert(*((n, n) for n in range(1, 31)))
    runs = Runs(shop, lag=10)
    for page in range(15):
        runs.delivered.clear()
        runs.step()
        runs.kill()
        first = min(page * 2 + 1, 20)
        assert runs.delivered == ({first, first + 1} if page < 10 else {20, 21}), page
        if page >= 10:  # from here on each begins at the lag
            break


# -- what cannot be followed ---------------------------------------------------------------------


def test_columns_that_cannot_be_followed(tmp_path: Path) -> None:
    """Each is refused before the run, with what mends it."""
    shop = Shop(
        tmp_path / "other.db",
        "id INTEGER PRIMARY KEY, c int NOT NULL, note varchar(9) NOT NULL, maybe int, day date NOT NULL, x double",
    )
    assert refusals(shop.source(cursor_column="dayy")) == [
        "node `read`: cursor_column: there is no column `dayy`. Hint: did you mean `day`?"
    ]
    for name, spelled in {"note": "varchar(9)", "x": "real"}.items():
        assert refusals(shop.source(cursor_column=name)) == [
            f"node `read`: cursor_column: column `{name}` is `{spelled}`, which is in no order that tells what came "
            "later. Hint: name one of integers, decimals, dates or times"
        ]
    assert refusals(shop.source(cursor_column="maybe", lag="5 min")) == [
        "node `read`: cursor_column: column `maybe` may be null, and rows of null would never be read. "
        "Hint: declare it NOT NULL, or name another",
        "node `read`: lag: column `maybe` is `int`, and a span of time is no number of it. Hint: give a number",
    ]
    assert refusals(shop.source(lag=1.5)) == [
        "node `read`: lag: column `c` is `int`, and 1.5 is not whole. Hint: give a whole number"
    ]
    assert refusals(shop.source(cursor_column="day", zero_date="null")) == [
        "node `read`: cursor_column: `zero_date: null` holds for `day`, and dates on no calendar are in no order of "
        "time. Hint: name the columns that zero_date is for"
    ]
    shop.execute("CREATE VIEW v AS SELECT c FROM t")
    (without_key,) = refusals(shop.source(table="v", cursor_column="c"))[-1:]
    assert without_key == (
        f"node `read`: cursor_column: table `v` of {shop.path} has no unique key of ordered, non-null columns. "
        "Hint: give it one: it tells rows of one `c` apart"
    )


@pytest.mark.parametrize("value", [1704067200, "2024-01-01T00:00:00", "soon"])
def test_times_of_sqlite_of_another_form_are_refused(tmp_path: Path, value: Any) -> None:
    """They would stand before or behind all others, and later ones would not be seen."""
    shop = Shop(tmp_path / "other.db", "id INTEGER PRIMARY KEY, c datetime NOT NULL")
    shop.insert((1, "2024-01-01 00:00:00"), (2, value))
    with pytest.raises(NodeFailedError) as caught:
        run(shop.source(), tmp_path)
    assert isinstance(caught.value.__cause__, SourceError)
    assert str(caught.value.__cause__) == (
        f"table `t` of {shop.path} cannot be followed by `c`: {value!r} is not stored as `2024-02-29 23:59:58`, and "
        "only texts of one form are in the order of time; mend such rows, or leave them out with `where`"
    )


# -- a real server -------------------------------------------------------------------------------


def follow(database: Database, state: Path, **options: Any) -> list[Any]:
    """Run a source of the table `t` of a database to its end, and return the first value of each row."""
    return run(StreamMySQLTable(url=database.url, table="t", name="read", **{"page_rows": 2, **options}), state)


def test_a_lower_id_that_is_committed_late(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The next run delivers it within the lag, and not beyond it: how long transactions take is the user's to say."""
    caplog.set_level(logging.INFO, "nanotyped.nodes.sql")
    database.execute("CREATE TABLE t (id int unsigned AUTO_INCREMENT PRIMARY KEY, who varchar(9))")
    for lag, comes in ((10, True), (1, False)):
        state = tmp_path / str(lag)
        with database.connect(autocommit=False) as slow, slow.cursor() as cursor:
            cursor.execute("INSERT INTO t (who) VALUES ('slow')")
            late = cursor.lastrowid
            database.execute(*["INSERT INTO t (who) VALUES ('quick')"] * 3)
            before = follow(database, state, cursor_column="id", lag=lag)
            assert late not in before
            assert before[-3:] == [late + 1, late + 2, late + 3]
            slow.commit()
        assert (late in follow(database, state, cursor_column="id", lag=lag)) is comes
    said = [f"read: {rows} rows up to the last cursor are read again" for rows in (4, 2)]
    assert caplog.messages == said


CURSORS: dict[str, tuple[list[Any], Any, int]] = {  # values in order, a lag, and from which value on it reads again
    "int unsigned": ([1, 2, 3, 4], 2**40, 0),
    "bigint unsigned": ([0, 2**63, 2**64 - 2, 2**64 - 1], 1, 2),
    "bigint": ([-(2**63), -1, 0, 2**63 - 1], 2**63, 1),
    "decimal(65,30)": ([Decimal(n) for n in ("-1", "0.5", "0.9", "1.000000000000000000000000000001")], 0.1, 3),
    "date": ([date(1, 1, 1), date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 1)], "10 min", 2),
    "datetime(6)": ([datetime(2024, 3, 1, 0, 0, 0, n) for n in (0, 1, 999, 1000)], "1 ms", 0),
    "timestamp(3)": ([datetime(2024, 3, 1, h, 0, 0, 1000, UTC) for h in (0, 1, 2, 3)], "2 h", 1),
    "timestamp": ([datetime(1971, 1, 1, h, tzinfo=UTC) for h in (0, 1, 2, 3)], "9999 d", 0),
    "datetime": ([datetime(2024, 3, 1, h) for h in (0, 1, 2, 3)], 3600, 2),
}


@pytest.mark.parametrize("kind", CURSORS)
def test_every_kind_of_cursor(database: Database, tmp_path: Path, kind: str) -> None:
    """A run begins exactly so far before the last one; the lag may reach before the first value there can be."""
    values, lag, again = CURSORS[kind]
    database.execute(f"CREATE TABLE t (id varchar(9) PRIMARY KEY, c {kind} NOT NULL DEFAULT '2024-01-01', KEY (c))"
                     if not kind.endswith("int") and "int" not in kind and "decimal" not in kind
                     else f"CREATE TABLE t (id varchar(9) PRIMARY KEY, c {kind} NOT NULL, KEY (c))")  # fmt: skip
    with database.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SET time_zone = '+00:00'")
        plain = [value.replace(tzinfo=None) if isinstance(value, datetime) else value for value in values]
        cursor.executemany("INSERT INTO t VALUES (%s, %s)", [(f"r{n}", value) for n, value in enumerate(plain)])
        connection.commit()
    options: dict[str, Any] = {"cursor_column": "c", "lag": lag, "columns": ["id"]}
    assert follow(database, tmp_path, **options) == ["r0", "r1", "r2", "r3"]
    assert follow(database, tmp_path, **options) == [f"r{n}" for n in range(again, 4)]


def test_equal_cursors_over_the_borders_of_pages(database: Database, tmp_path: Path) -> None:
    """However many rows share a cursor, each is read once in a run."""
    database.execute(
        "CREATE TABLE t (id int PRIMARY KEY, at datetime NOT NULL, KEY (at))",
        "INSERT INTO t SELECT seq, '2024-01-01' + INTERVAL (seq % 3) SECOND FROM seq_1_to_100",
    )
    expected = sorted(range(1, 101), key=lambda n: (n % 3, n))
    assert follow(database, tmp_path, cursor_column="at", page_rows=7) == expected
    assert follow(database, tmp_path, cursor_column="at", page_rows=7) == [n for n in expected if n % 3 == 2]


def test_a_row_that_is_updated_while_it_is_read(database: Database, tmp_path: Path) -> None:
    """It has left the pages to come, and is read by the next run, with its new cursor."""
    database.execute("CREATE TABLE t (id int PRIMARY KEY, at int NOT NULL, KEY (at))")
    database.execute("INSERT INTO t SELECT seq, seq FROM seq_1_to_10")
    source = StreamMySQLTable(url=database.url, table="t", name="read", cursor_column="at", page_rows=4)
    seen, last = [], None
    for given_now in source.generate_batches():
        if isinstance(given_now, Checkpoint):
            last = given_now
        else:
            seen += [row.to_python()["id"] for row in given_now]
            database.execute("UPDATE t SET at = 11 WHERE id = 7", "UPDATE t SET at = 12 WHERE id = 2")
    assert seen == [1, 2, 3, 4, 5, 6, 8, 9, 10]
    assert last is not None
    assert last.lasting
    source.resume_from = last.cursor
    again = [
        row.to_python()["id"] for some in source.generate_batches() if not isinstance(some, Checkpoint) for row in some
    ]
    assert again == [10, 7, 2]


@pytest.mark.parametrize("columns", [["id"], None])
def test_zero_dates_are_told_and_not_passed_over(database: Database, tmp_path: Path, columns: list[str] | None) -> None:
    """They lie before every cursor: a row that came with one after the first run would never be read."""
    database.execute("CREATE TABLE t (id int PRIMARY KEY, at datetime NOT NULL, KEY (at))")
    database.execute("INSERT INTO t VALUES (1, '2024-01-01')")
    assert follow(database, tmp_path, cursor_column="at", columns=columns) == [1]
    database.execute("SET sql_mode = ''", "INSERT INTO t VALUES (2, 0)")
    with pytest.raises(NodeFailedError) as caught:
        follow(database, tmp_path, cursor_column="at", columns=columns)
    assert str(caught.value.__cause__).endswith(
        "cannot be followed by `at`: 0000-00-00 00:00:00 is on no calendar; mend such rows, or leave them out with "
        "`where`"
    )


def test_an_index_of_a_server_that_is_missing_is_told(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The primary key is one, and so is any that begins with the column."""
    caplog.set_level(logging.WARNING)
    database.execute("CREATE TABLE t (id int PRIMARY KEY, at int NOT NULL, KEY (at, id))")
    follow(database, tmp_path / "1", cursor_column="id")
    follow(database, tmp_path / "2", cursor_column="at")
    assert caplog.messages == []
    database.execute("ALTER TABLE t DROP KEY at, ADD KEY (id, at)")
    follow(database, tmp_path / "3", cursor_column="at")
    (said,) = caplog.messages
    assert said.endswith("begins with `at`: the server reads all rows for each page")


@pytest.mark.parametrize("columns", [["id"], None])
def test_a_cursor_column_that_is_altered_between_runs(
    database: Database, tmp_path: Path, columns: list[str] | None
) -> None:
    """Widened, it goes on; the check sees what it is by now."""
    database.execute("CREATE TABLE t (id int PRIMARY KEY, at int NOT NULL, KEY (at))", "INSERT INTO t VALUES (1, 5)")
    assert follow(database, tmp_path, cursor_column="at", columns=columns) == [1]
    database.execute("ALTER TABLE t MODIFY at bigint NOT NULL", f"INSERT INTO t VALUES (2, {2**40})")
    assert follow(database, tmp_path, cursor_column="at", columns=columns) == [1, 2]
