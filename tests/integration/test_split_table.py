"""Tables as several parts: what they hold together, how large they are, and what it costs to find them."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nanotyped import SizeHint, SourceError, StreamMySQLTable, StreamTable
from nanotyped.errors import ContractDriftError
from nanotyped.message import Checkpoint
from nanotyped.node.parts import Part, PartSize, Split
from nanotyped.nodes.sql.statements import TableQuery
from tests.support.sql import rows_of

if TYPE_CHECKING:
    from pathlib import Path

    from nanotyped.nodes.sql.source import TableSource
    from tests.support.mariadb import Database, MariaDBServer

ROWS = 20_000
Rows = list[tuple[Any, ...]]


def split(source: TableSource, rows: int, together: list[str] | None = None) -> Split:
    """Split a table into parts of so many rows, and return them as they come out of JSON."""
    source.discover_schema()
    found = source.split(PartSize(slots=2, rows=rows), together or [])
    return replace(
        found, parts=tuple(replace(part, bounds=json.loads(json.dumps(part.bounds))) for part in found.parts)
    )


def copy_of(source: TableSource) -> Any:
    """Make a source anew of its options, as another process does."""
    options: dict[str, Any] = dict(source.given_options)
    made = type(source)(**options)
    made.discover_schema()
    return made


def read(source: TableSource, part: Part | None = None) -> Rows:
    """Read a source, or a part of it, to its end."""
    source.part = part
    given = [batch for batch in source.generate_batches() if not isinstance(batch, Checkpoint)]
    return [tuple(row.to_python().values()) for row in chain(*given)]


def parts_of(source: TableSource, found: Split) -> list[Rows]:
    """Read the parts, one after the other with one copy of the source."""
    made = copy_of(source)
    return [read(made, part) for part in found.parts]


def sizes_of(source: TableSource, found: Split) -> list[int]:
    """Let the server count the rows of each part."""
    reader = source.open_reader()
    try:
        key = reader.describe(source.table, None).page_key()
        assert key is not None
        query = TableQuery(source.table, key)
        uppers = [reader.decode_key(key, part.bounds["upper"]) for part in found.parts]
        counts = [0, *(reader.count(query, key, upper) for upper in uppers)]
    finally:
        reader.close()
    return [end - start for start, end in pairwise(counts)]


def create(database: Database, columns: str, select: str, rows: int = ROWS) -> StreamMySQLTable:
    """Make the table `t` of what is selected for numbers from 1."""
    database.execute(f"CREATE TABLE t ({columns})", f"INSERT INTO t SELECT {select} FROM seq_1_to_{rows}")
    return StreamMySQLTable(url=database.url, table="t")


def work_of(server: MariaDBServer) -> tuple[int, int]:
    """Return how many statements a server was sent, and how many rows it went on to, since it was started."""
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SHOW GLOBAL STATUS")
        found = dict(cursor.fetchall())
    steps = ("Handler_read_next", "Handler_read_prev", "Handler_read_rnd_next")
    return int(found["Questions"]), sum(int(found[name]) for name in steps)


# -- the law: all parts are the whole --------------------------------------------------------------------

LETTERS = st.text("abABzZéß _-09漢'\\%", max_size=5)
NUMBERS = st.one_of(st.integers(-9, 9), st.integers(-(2**31), 2**31 - 1))
TEXTS = {
    f"varchar(20) {collation}": LETTERS
    for collation in (
        "",
        "COLLATE utf8mb4_unicode_ci",
        "COLLATE utf8mb4_bin",
        "COLLATE utf8mb4_uca1400_ai_ci",
        "COLLATE utf8mb4_nopad_bin",
    )
}
KEYS: dict[str, st.SearchStrategy[Any]] = {
    **TEXTS,
    "int": NUMBERS,
    "bigint unsigned": st.integers(0, 2**64 - 1),
    "decimal(30,20)": st.decimals(-(10**9), 10**9, places=20),
    "char(6) CHARACTER SET latin1": st.text("abAB€é~", max_size=5),
    "varbinary(9)": st.binary(max_size=9),
    "binary(2)": st.binary(min_size=2, max_size=2),
    "uuid": st.uuids(),
    "inet6": st.ip_addresses(v=6),
    "date": st.dates().map(str) | st.sampled_from(["0000-00-00", "2021-02-30"]),
    "datetime(6)": st.datetimes().map(str),
    "timestamp(3)": st.integers(1, 2**31 - 2).map(
        lambda second: f"1970-01-01 00:00:01' + INTERVAL {second} SECOND + '0"
    ),
    "year": st.integers(1901, 2155),
    "bit(40)": st.integers(0, 2**40 - 1),
}


def literal(value: object) -> str:
    """Write a value of a key as SQL."""
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    text = str(value)
    return f"'{text}'" if "INTERVAL" in text else "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


@pytest.mark.parametrize("kind", KEYS)
@settings(max_examples=3, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), size=st.integers(1, 12), where=st.sampled_from([None, "n % 3 > :rest", "n > 5"]))
def test_all_parts_are_the_whole_table_in_order(
    database: Database, kind: str, data: st.DataObject, size: int, where: str | None
) -> None:
    """No row is missing, none comes twice, whatever the key, alone or with another column before or behind it."""
    values = data.draw(st.lists(st.tuples(KEYS[kind], st.integers(0, 2)), min_size=0, max_size=60))
    key = data.draw(st.sampled_from(["k", "m, k", "k, m"]))
    database.execute("DROP TABLE IF EXISTS t", f"CREATE TABLE t (n int, m int, k {kind}, PRIMARY KEY ({key}))")
    if values:
        rows = ", ".join(f"({n}, {m}, {literal(value)})" for n, (value, m) in enumerate(values))
        database.execute(f"INSERT IGNORE INTO t VALUES {rows}")
    parameters = {"rest": 0} if where is not None and ":" in where else None
    zero_date: Any = "keep" if "date" in kind else "error"
    source = StreamMySQLTable(url=database.url, table="t", where=where, parameters=parameters, zero_date=zero_date)
    whole = read(copy_of(source))
    found = split(source, size)
    parts = parts_of(source, found)
    assert list(chain(*parts)) == whole
    assert found.notice == "" or "is cut no finer" in found.notice
    if where is None and kind not in TEXTS:
        assert all(1 <= len(rows) <= 2 * size + 1 for rows in parts)
    if not whole:
        assert found.parts == ()


SQLITE_KEYS: dict[str, st.SearchStrategy[Any]] = {
    "integer": NUMBERS,
    "text COLLATE NOCASE": LETTERS,
    "text": LETTERS,
    "blob": st.binary(max_size=4),
    "decimal(9,2)": st.decimals(-1000, 1000, places=2).map(str),
    "date": st.dates().map(str),
}


@pytest.mark.parametrize("kind", SQLITE_KEYS)
@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), size=st.integers(1, 12), where=st.sampled_from([None, "n % 3 > :rest"]))
def test_all_parts_are_the_whole_table_of_a_file(
    tmp_path: Path, kind: str, data: st.DataObject, size: int, where: str | None
) -> None:
    """Of SQLite they are equal: none has more rows than are wanted, and all but the last have the same number."""
    values = data.draw(st.lists(st.tuples(SQLITE_KEYS[kind], st.integers(0, 2)), max_size=60))
    key = data.draw(st.sampled_from(["k", '"number", k', 'k, "number"']))
    with closing(sqlite3.connect(tmp_path / "t.db")) as connection, connection:
        connection.execute("DROP TABLE IF EXISTS t")
        declared = f'n int, "number" int NOT NULL, k {kind} NOT NULL'
        connection.execute(f"CREATE TABLE t ({declared}, PRIMARY KEY ({key}))")
        rows = [(n, m, value) for n, (value, m) in enumerate(values)]
        connection.executemany("INSERT OR IGNORE INTO t VALUES (?, ?, ?)", rows)
    parameters = {"rest": 0} if where else None
    source = StreamTable(url=f"sqlite:///{tmp_path}/t.db", table="t", where=where, parameters=parameters)
    whole = read(copy_of(source))
    found = split(source, size)
    parts = parts_of(source, found)
    assert list(chain(*parts)) == whole
    assert len(parts) == -(-len(whole) // size)
    assert len({len(rows) for rows in parts[:-1]}) <= 1
    if where is None:
        assert [part.rows for part in found.parts] == [len(rows) for rows in parts]


# -- sizes, and what they cost ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("columns", "select"),
    [
        ("id int PRIMARY KEY, x varchar(50)", "seq, 'x'"),
        ("id int PRIMARY KEY, x varchar(50)", "IF(seq <= 18000, 1000000000 + seq, seq * 10000), 'x'"),
        (
            "id bigint PRIMARY KEY, x int",
            "CAST(POW(CAST(seq AS SIGNED) - 10000, 4) * SIGN(10000.5 - seq) AS SIGNED), 1",
        ),
        ("a int, b int, x int, PRIMARY KEY (a, b)", "IF(seq <= 18000, 50, seq % 100), seq, 1"),
        ("a varchar(9), b date, c int, PRIMARY KEY (a, b, c)", "IF(seq % 10, 'most', seq), '2024-01-01', seq"),
        ("x int, `a%b``c` decimal(20,6) NOT NULL, UNIQUE `100%s ``i` (`a%b``c`)", "1, seq * seq / 7"),
        ("id varchar(40) PRIMARY KEY", "MD5(seq)"),
        ("id varchar(40) COLLATE utf8mb4_unicode_ci PRIMARY KEY", "CONCAT(ELT(1 + seq % 3, 'Øre', 'ab', 'Z'), seq)"),
        ("id binary(16) PRIMARY KEY", "UNHEX(MD5(seq))"),
        ("id uuid PRIMARY KEY", "CONCAT(LEFT(MD5(seq), 12), '4', MID(MD5(seq), 14, 3), '8', RIGHT(MD5(seq), 15))"),
        ("id datetime(6) PRIMARY KEY", "'2024-05-05' + INTERVAL IF(seq <= 18000, seq, seq * 10000000) MICROSECOND"),
    ],
)
def test_parts_are_of_near_equal_size_however_the_keys_lie(database: Database, columns: str, select: str) -> None:
    """Nine tenths of the rows may lie in a thousandth of the range, or under one value; no row is read to find out."""
    source = create(database, columns, select)
    source.discover_schema()
    before = work_of(database.server)
    found = split(source, 1000)
    statements, steps = (now - then for now, then in zip(work_of(database.server), before, strict=True))
    assert statements < 400
    assert steps < ROWS / 4
    sizes = sizes_of(source, found)
    assert sum(sizes) == ROWS
    assert 16 <= len(sizes) <= 30
    assert max(sizes) <= 2000
    assert found.notice == ""
    assert all(size / 1.5 <= (part.rows or 0) <= size * 1.5 for part, size in zip(found.parts, sizes, strict=True))


def test_the_size_is_that_of_the_rows_where_nobody_says_it(database: Database) -> None:
    """Eight parts for each slot, and none too small to be worth its way."""
    source = create(database, "id int PRIMARY KEY", "seq")
    source.discover_schema()
    assert 12 <= len(source.split(PartSize(slots=2)).parts) <= 20
    assert 16 <= len(source.split(PartSize(slots=50)).parts) <= 24


def test_a_condition_on_the_key_is_where_parts_begin_and_end(database: Database) -> None:
    """Of rows that nobody wants there are no parts; how many a condition leaves in one is not known."""
    create(database, "id int PRIMARY KEY", "seq")
    source = StreamMySQLTable(url=database.url, table="t", where="id BETWEEN 15000 AND 17000")
    found = split(source, 500)
    assert 3 <= len(found.parts) <= 6
    assert {part.rows for part in found.parts} == {None}
    assert [len(rows) > 0 for rows in parts_of(source, found)] == [True] * len(found.parts)
    assert found.parts[-1].name == "`id` up to 17000"


# -- rows of equal values ------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["mysql", "sqlite"])
@pytest.mark.parametrize(
    ("together", "kept"), [(["a"], True), (["c", "a"], True), (["b", "a", "c"], True), (["b"], False), (["c"], False)]
)
def test_rows_of_equal_values_stay_together(
    database: Database, tmp_path: Path, backend: str, together: list[str], kept: bool
) -> None:
    """If the key begins with such columns; else it is said that they do not, and parts are cut as ever."""
    rows = [(n % 40 if n % 2 else 7, n, n % 3) for n in range(1000)]
    columns = "a int NOT NULL, b int NOT NULL, c int, PRIMARY KEY (a, b)"
    if backend == "mysql":
        values = ", ".join(map(str, rows))
        database.execute(f"CREATE TABLE t ({columns})", f"INSERT INTO t VALUES {values}")
        url = database.url
    else:
        url = f"sqlite:///{tmp_path}/t.db"
        with closing(sqlite3.connect(tmp_path / "t.db")) as connection, connection:
            connection.execute(f"CREATE TABLE t ({columns})")
            connection.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
    source = StreamTable(url=url, table="t")
    found = split(source, 100, together)
    parts = parts_of(source, found)
    assert list(chain(*parts)) == sorted(rows)
    assert found.together == (tuple(together) if kept else ())
    assert found.by == "ranges of (`a`, `b`)"
    if kept:
        places = [{tuple(row["abc".index(name)] for name in together) for row in part} for part in parts]
        assert sum(map(len, places)) == len(set().union(*places))
    whole_groups = kept and "b" not in together
    assert (max(map(len, parts)) > 500) == whole_groups
    largest = max(part.rows or 0 for part in found.parts)
    assert abs(largest - max(map(len, parts))) < 50
    large = f"the largest part has about {largest} rows, where 100 were wanted"
    assert found.notice == (f"equal values of `a` stay together: {large}" if whole_groups else "")


def test_what_is_equal_in_rows_alone_is_not_promised(database: Database, tmp_path: Path) -> None:
    """Invalid dates that are null, moments that SQLite holds as several texts, rows that are made other ones."""
    database.execute("CREATE TABLE t (d date, n int, PRIMARY KEY (d, n))", "INSERT INTO t VALUES ('2024-01-01', 1)")
    for options, together in (({}, ("d",)), ({"zero_date": "keep"}, ()), ({"zero_date": {"d": "null"}}, ())):
        source = StreamMySQLTable(url=database.url, table="t", **options)
        assert split(source, 10, ["d"]).together == together
    source = StreamMySQLTable(url=database.url, table="t", output_key="row")
    assert split(source, 10, ["d"]).together == ()
    contract: dict[str, Any] = {"output_schema": {"d": "date", "n": "int"}, "schema_contract": "discard_value"}
    assert split(StreamMySQLTable(url=database.url, table="t", **contract), 10, ["d"]).together == ()
    with closing(sqlite3.connect(tmp_path / "t.db")) as connection, connection:
        connection.execute("CREATE TABLE t (d date NOT NULL, n int NOT NULL, PRIMARY KEY (d, n))")
    assert split(StreamTable(url=f"sqlite:///{tmp_path}/t.db", table="t"), 10, ["d"]).together == ()


# -- tables that are one part, or none --------------------------------------------------------------------------


def test_a_table_without_a_key_is_one_part(database: Database) -> None:
    """It is said why; that one part holds all that belongs together."""
    source = create(database, "n int, x float", "seq, 1", rows=100)
    found = split(source, 10, ["n"])
    place = f"table `{database.name}`.`t` on 127.0.0.1:{database.server.port}"
    notice = f"{place} has no unique key of ordered, non-null columns: one worker reads it, in one pass"
    assert found == Split((Part(None, place, found.parts[0].rows),), "one part", ("n",), notice)
    assert [len(rows) for rows in parts_of(source, found)] == [100]
    assert split(StreamMySQLTable(url=database.url, table="t", where="n < 5"), 10).parts[0].rows is None


@pytest.mark.parametrize("where", [None, "n < 0"])
def test_a_table_of_no_wanted_row_has_no_parts(database: Database, tmp_path: Path, where: str | None) -> None:
    """There is nothing to send a worker for."""
    database.execute("CREATE TABLE t (n int PRIMARY KEY)")
    if where is not None:
        database.execute("INSERT INTO t VALUES (1)")
    assert split(StreamMySQLTable(url=database.url, table="t", where=where), 10) == Split((), "ranges of `n`")
    with closing(sqlite3.connect(tmp_path / "t.db")) as connection, connection:
        connection.execute("CREATE TABLE t (n integer PRIMARY KEY)")
        connection.executemany("INSERT INTO t VALUES (?)", [] if where is None else [(1,)])
    source = StreamTable(url=f"sqlite:///{tmp_path}/t.db", table="t", where=where)
    assert split(source, 10) == Split((), "ranges of `n`")


def test_a_table_that_is_followed_is_not_split(database: Database) -> None:
    """Its cursor is one of the whole."""
    create(database, "n int PRIMARY KEY", "seq", rows=3)
    source = StreamMySQLTable(name="read", url=database.url, table="t", cursor_column="n")
    assert source.split_problem() == "it is followed by `cursor_column`, from run to run"
    assert StreamMySQLTable(url=database.url, table="t").split_problem() == ""
    with pytest.raises(ValueError, match=r"^read cannot be split: it is followed by `cursor_column`, from run to run$"):
        source.split(PartSize(slots=1))


# -- parts on a worker --------------------------------------------------------------------------------------


def test_a_part_is_the_same_however_often_it_is_read(database: Database) -> None:
    """By a run with threads as well, and wherever a state says that a run of the whole went on from."""
    source = create(database, "n int PRIMARY KEY, x int", "seq, 1", rows=1000)
    found = split(source, 300)
    made = copy_of(source)
    again = [read(made, part) for part in reversed(found.parts)][::-1]
    assert again == parts_of(source, found)
    made.part, made.resume_from = found.parts[1], {"key": ["n"], "after": [900]}
    assert rows_of(made) == again[1]
    made.resume_from = {"key": ["n"], "after": [900]}
    assert read(made, found.parts[0]) == again[0]
    assert [row[0] for row in read(made)] == list(range(901, 1001))


def test_rows_that_come_behind_the_last_part_are_left_to_the_next_run(database: Database) -> None:
    """The last part ends with the highest key that there was; a row that comes between keys is of the part around."""
    source = create(database, "n int PRIMARY KEY", "seq * 2", rows=100)
    found = split(source, 30)
    database.execute("INSERT INTO t VALUES (-5), (3), (201)")
    assert [n for rows in parts_of(source, found) for (n,) in rows] == sorted([-5, 3, *range(2, 201, 2)])


def test_a_part_tells_its_own_size(database: Database) -> None:
    """In rows, or between its keys where how many rows it has is not known."""
    create(database, "n int PRIMARY KEY", "seq", rows=1000)
    units: tuple[tuple[str | None, Literal["rows", "keys"]], ...] = ((None, "rows"), ("n > 0", "keys"))
    for where, unit in units:
        source = StreamMySQLTable(url=database.url, table="t", where=where)
        part = split(source, 300).parts[1]
        rows = read(source, part)
        assert source.size_hint() == SizeHint(len(rows), unit, exact=False)
        assert source.size_done() == len(rows)


def test_a_table_of_another_key_is_not_read_by_its_parts(database: Database) -> None:
    """Nor one of a key of another type; whoever runs it is told to split it again."""
    source = create(database, "n int PRIMARY KEY, m int NOT NULL, x varchar(9)", "seq, seq, 'x'", rows=100)
    found = split(source, 30)
    place = f"table `{database.name}`.`t` on 127.0.0.1:{database.server.port}"
    database.execute("ALTER TABLE t DROP PRIMARY KEY")
    with pytest.raises(SourceError) as caught:
        parts_of(source, found)
    assert str(caught.value) == f"{place} was split by the key `n` and has none now; split it again"
    database.execute("ALTER TABLE t ADD PRIMARY KEY (m, n)")
    with pytest.raises(SourceError) as caught:
        parts_of(source, found)
    assert str(caught.value) == f"{place} was split by the key `n` and has (`m`, `n`) now; split it again"
    database.execute("DELETE FROM t", "ALTER TABLE t DROP PRIMARY KEY, MODIFY n date, ADD PRIMARY KEY (n)")
    with pytest.raises(SourceError, match=r"cannot be read by the part `n` up to [0-9]+: .*; split it again$"):
        parts_of(source, found)


def test_a_table_that_changed_after_the_check_is_not_split(database: Database) -> None:
    """Its parts would be of another table than the pipeline was checked for."""
    source = create(database, "n int PRIMARY KEY, x int", "seq, 1", rows=10)
    source.discover_schema()
    database.execute("ALTER TABLE t MODIFY x bigint")
    with pytest.raises(ContractDriftError, match="altered since the pipeline was checked"):
        source.split(PartSize(slots=1))


def test_names_of_parts_are_short(database: Database) -> None:
    """They stand in a terminal: keys are cut, and control characters are spelled."""
    database.execute(
        "CREATE TABLE t (k varchar(200), b varbinary(9), PRIMARY KEY (k, b))",
        r"INSERT INTO t VALUES ('a\nb', x'00ff'), (REPEAT('é', 60), '')",
    )
    names = [part.name for part in split(StreamMySQLTable(url=database.url, table="t"), 1).parts]
    assert names == [
        r"(`k`, `b`) up to ('a\nb', b'\x00\xff')",
        f"(`k`, `b`) up to ('{'é' * 37}…",
    ]


def test_every_boundary_is_a_key_that_was_there(database: Database) -> None:
    """And they rise: a part begins where the one before it ends."""
    source = create(database, "n int PRIMARY KEY", "seq * 7", rows=1000)
    parts = split(source, 100).parts
    assert [part.bounds["after"] for part in parts] == [None, *(part.bounds["upper"] for part in parts[:-1])]
    uppers = [part.bounds["upper"][0] for part in parts]
    assert all(one < other for one, other in pairwise(uppers))
    assert {upper % 7 for upper in uppers} == {0}
