"""Policies on a real server: zero dates, `tinyint(1)` and bits, by node and by column, out of a table and into one."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import pytest

from nanotyped import (
    Cast,
    GraphTypeError,
    InvalidDate,
    NodeFailedError,
    Row,
    StreamMySQLTable,
    StreamTable,
    WriteMySQLTable,
    WriteRows,
    mysql_type,
    start_run,
)
from nanotyped.config import check_pipeline, parse_pipeline
from nanotyped.row import Column, Schema, parse_schema
from nanotyped.types import SQLiteTypeSystem
from tests.support.flows import run_into
from tests.support.sql import rows_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.mariadb import Database

DATES = [
    ("2021-05-06", "2021-05-06 01:02:03.25", "2021-05-06 01:02:03"),
    ("0000-00-00", "0000-00-00 00:00:00.00", "0000-00-00 00:00:00"),
    ("2021-02-30", "2021-02-30 23:59:59.50", None),
    ("2021-00-31", "0000-01-01 00:00:00.00", None),
]


@pytest.fixture
def dated(database: Database) -> Database:
    """Return a database with a table of valid, zero and impossible dates."""
    database.execute(
        "SET SESSION sql_mode = 'ALLOW_INVALID_DATES'",
        "CREATE TABLE t (id int PRIMARY KEY, d date NOT NULL, dt datetime(2) NOT NULL, ts timestamp NULL)",
        "INSERT INTO t VALUES "
        + ", ".join(
            f"({number}, '{d}', '{dt}', {f'{ts!r}' if ts else 'NULL'})" for number, (d, dt, ts) in enumerate(DATES)
        ),
    )
    return database


def source(database: Database, table: str = "t", **options: Any) -> StreamMySQLTable:
    """Return a source of a table."""
    return StreamMySQLTable(url=database.url, table=table, **options)


KEPT_ROWS = [
    (0, date(2021, 5, 6), datetime(2021, 5, 6, 1, 2, 3, 250_000), datetime(2021, 5, 6, 1, 2, 3, tzinfo=UTC)),
    (1, InvalidDate("0000-00-00"), InvalidDate("0000-00-00 00:00:00"), InvalidDate("0000-00-00 00:00:00")),
    (2, InvalidDate("2021-02-30"), InvalidDate("2021-02-30 23:59:59.5"), None),
    (3, InvalidDate("2021-00-31"), InvalidDate("0000-01-01 00:00:00"), None),
]


def test_kept_dates_are_what_the_server_has(dated: Database) -> None:
    """With `keep` each date comes as a date, or as the text that the server stores, and says so in its type."""
    node = source(dated, zero_date="keep")
    assert node.get_schema().spelling() == (
        "id int(11), d date or invalid, dt datetime(2) or invalid, ts timestamp or invalid null"
    )
    assert rows_of(node) == KEPT_ROWS


def test_null_dates_are_null(dated: Database) -> None:
    """With `null` a date that is on no calendar is null, and so its column may be."""
    node = source(dated, zero_date="null")
    assert node.get_schema().spelling() == "id int(11), d date null, dt datetime(2) null, ts timestamp null"
    expected = [tuple(None if isinstance(value, InvalidDate) else value for value in row) for row in KEPT_ROWS]
    assert rows_of(node) == expected


def test_policies_go_by_column(dated: Database) -> None:
    """A column that is named has its own policy, the others have the default."""
    dated.execute("UPDATE t SET ts = NULL")
    node = source(dated, zero_date={"d": "keep", "dt": None})
    assert node.get_schema().spelling() == "id int(11), d date or invalid, dt datetime(2) null, ts timestamp null"
    assert rows_of(node)[2] == (2, InvalidDate("2021-02-30"), None, None)


def test_an_invalid_date_is_refused_with_its_remedy(dated: Database) -> None:
    """By default it is an error of its row that names table and column, and says what to do."""
    with pytest.raises(NodeFailedError) as caught:
        rows_of(source(dated, columns=["id", "d"], name="t"))
    assert str(caught.value) == (
        "node `t` failed: RowValidationError: "
        "row 2, column `d`: expected `date`, got '0000-00-00' (a zero date, which is on no calendar); "
        "in `t`; `zero_date: null` reads such dates as null, `zero_date: keep` as they are"
    )


@pytest.mark.parametrize("policy", ["keep", "null"])
def test_a_key_of_dates_is_read_by_pages_whatever_they_are(database: Database, policy: Any) -> None:
    """Every row is read once, though the keys that bound the pages are on no calendar."""
    days = ["0000-00-00", "0000-01-01", "2021-00-31", "2021-02-29", "2021-02-30", "2021-02-31", "2021-03-01"]
    database.execute(
        "SET SESSION sql_mode = 'ALLOW_INVALID_DATES'",
        "CREATE TABLE k (d date, n int, PRIMARY KEY (d, n))",
        "INSERT INTO k VALUES " + ", ".join(f"('{day}', {n})" for day in days for n in (1, 2)),
    )
    found = rows_of(source(database, "k", zero_date=policy, page_rows=3))
    if policy == "keep":
        assert [(str(day), n) for day, n in found] == [(day, n) for day in days for n in (1, 2)]
    else:
        assert [n for _, n in found] == [1, 2] * len(days)
        assert [day for day, _ in found] == [None] * 12 + [date(2021, 3, 1)] * 2


def test_a_file_gives_policies_by_node_and_by_column(dated: Database, tmp_path: Path) -> None:
    """YAML's own null means what the word does."""
    for given in ("null", "'null'", "{d: null, dt: 'null', ts: keep}"):
        text = f"""
nodes:
  t: {{class: StreamMySQLTable, options: {{url: "{dated.url}", table: t, zero_date: {given}}}}}
  lines: {{class: WriteRows, options: {{path: "{tmp_path}/t.jsonl"}}}}
paths: [[t, lines]]
"""
        pipeline = parse_pipeline(text, "p.yaml", {})
        start_run(pipeline.anchor).wait()
        third = json.loads((tmp_path / "t.jsonl").read_text().splitlines()[1])
        zero = {"$invalid_date": "0000-00-00 00:00:00"} if "keep" in given else None
        assert third == {"id": 1, "d": None, "dt": None, "ts": zero}


def test_kept_dates_are_written_as_they_were(dated: Database, tmp_path: Path) -> None:
    """A copy has the very contents, and JSON lines tell an invalid date from a date and from text."""
    dated.execute("CREATE TABLE copied LIKE t")
    node, lines = source(dated, zero_date="keep"), tmp_path / "t.jsonl"
    node > WriteMySQLTable(url=dated.url, table="copied", zero_date="keep")
    node > WriteRows(path=str(lines))
    start_run(node).wait()
    checks = dated.execute("CHECKSUM TABLE t, copied EXTENDED")
    assert checks[0][1] == checks[1][1]
    assert [json.loads(line)["dt"] for line in lines.read_text().splitlines()] == [
        "2021-05-06T01:02:03.25",
        {"$invalid_date": "0000-00-00 00:00:00"},
        {"$invalid_date": "2021-02-30 23:59:59.5"},
        {"$invalid_date": "0000-01-01 00:00:00"},
    ]


def test_kept_dates_fit_no_date(dated: Database) -> None:
    """What may be on no calendar is refused where a date is needed, before the run, with the words to declare it."""
    node = source(dated, zero_date="keep", columns=["d"], name="t", output_schema={"d": "date"})
    with pytest.raises(GraphTypeError) as caught:
        start_run(node)
    [problem] = caught.value.exceptions
    assert str(problem).partition(" - at ")[0] == (
        "Expected `date`, got `date or invalid` (it may be on no calendar, as 0000-00-00)"
    )
    assert str(problem).endswith("Hint: set `zero_date: error` for it, or declare it `date or invalid`")


@pytest.mark.parametrize(
    ("column", "declared", "hint"),
    [
        ("b", "tinyint(1) as bool", "set `tinyint1: bool` for it, or declare it `tinyint(1)`"),
        ("c", "bit(1) as bool", "set `bit: bool` for it, or declare it `bit(1) null`"),
        ("d", "varbinary(2) null", "set `bit: bytes` for it, or declare it `bit(12) null`"),
        ("d", "bit(12)", "declare it `bit(12) null`, as the table has it, or leave the contract out"),
        ("d", "bit(8)", "declare it `bit(12) null`, as the table has it, or leave the contract out"),
    ],
)
def test_a_contract_that_the_table_does_not_fit_is_told_what_mends_it(
    database: Database, column: str, declared: str, hint: str
) -> None:
    """No node stands between a table and the contract of its source: a policy does it, or another contract."""
    database.execute("CREATE TABLE f (b tinyint(1) NOT NULL, c bit(1), d bit(12))")
    live = {"b": "tinyint(1)", "c": "bit(1) null", "d": "bit(12) null"}
    node = source(database, "f", output_schema={**live, column: declared})
    node.discover_schema()
    [problem] = node.check_contract()
    assert problem.hint == hint


def test_a_contract_of_sqlite_is_told_the_type_that_a_file_can_name(tmp_path: Path) -> None:
    """The `text` of SQLite is not that of MySQL, which a file means by the word alone."""
    with contextlib.closing(sqlite3.connect(tmp_path / "c.db")) as connection:
        connection.execute("CREATE TABLE t (a text)")
    node = StreamTable(url=f"sqlite:///{tmp_path}/c.db", table="t", output_schema={"a": "text null"})
    node.discover_schema()
    [problem] = node.check_contract()
    assert problem.hint == "declare it `sqlite text null`, as the table has it, or leave the contract out"
    assert StreamTable(
        url=f"sqlite:///{tmp_path}/c.db", table="t", output_schema={"a": "sqlite text null"}
    ).get_schema() == Schema([Column("a", SQLiteTypeSystem.type_mapping("text"), nullable=True)])


def test_a_row_class_says_that_dates_may_be_invalid(dated: Database) -> None:
    """`date | InvalidDate` is the annotation of a column whose invalid dates are kept."""

    class Dated(Row):
        id: Annotated[int, mysql_type("int")]
        d: Annotated[date | InvalidDate, mysql_type("date", zero_date="keep")]
        dt: datetime | InvalidDate

    node = source(dated, zero_date="keep", output_schema=Dated)
    assert rows_of(node) == [row[:3] for row in KEPT_ROWS]


@pytest.fixture
def flagged(database: Database) -> Database:
    """Return a database with flags and bits."""
    database.execute(
        "CREATE TABLE f (id int PRIMARY KEY, a tinyint(1), b tinyint(1) NOT NULL, c bit(1), d bit(12), e tinyint)",
        "INSERT INTO f VALUES (1, 0, 1, 0, 0, 7), (2, NULL, 0, 1, 4095, 0), (3, 1, 1, NULL, 256, -1)",
    )
    return database


@pytest.mark.parametrize(
    ("options", "spelled", "rows"),
    [
        ({}, "a tinyint(1) null, b tinyint(1), c bit(1) null, d bit(12) null", [(0, 1, 0, 0), (1, 1, None, 256)]),
        (
            {"tinyint1": "bool", "bit": "bool"},
            "a tinyint(1) as bool null, b tinyint(1) as bool, c bit(1) as bool null, d bit(12) null",
            [(False, True, False, 0), (True, True, None, 256)],
        ),
        (
            {"tinyint1": {"b": "bool"}, "bit": "bytes"},
            "a tinyint(1) null, b tinyint(1) as bool, c bit(1) as bytes null, d bit(12) as bytes null",
            [(0, True, b"\0", b"\0\0"), (1, True, None, b"\1\0")],
        ),
    ],
)
def test_flags_and_bits_are_what_they_are_taken_for(
    flagged: Database, options: Any, spelled: str, rows: list[tuple[Any, ...]]
) -> None:
    """Types and values change together, by node and by column; a longer run of bits is no bool."""
    node = source(flagged, "f", columns=["a", "b", "c", "d"], **options)
    assert node.get_schema().spelling() == spelled
    found = rows_of(node)
    assert repr([found[0], found[2]]) == repr(rows)
    assert node.get_schema() == parse_schema(dict(zip("abcd", spelled_columns(spelled), strict=True)))


def spelled_columns(spelled: str) -> list[str]:
    """Return the types of a spelled schema, without the names."""
    return [part.partition(" ")[2] for part in spelled.split(", ")]


def test_a_number_that_is_no_bool_is_refused(database: Database) -> None:
    """A tinyint(1) holds -128 to 127: taken as a bool, 2 is an error and never true."""
    database.execute("CREATE TABLE f (a tinyint(1) PRIMARY KEY)", "INSERT INTO f VALUES (0), (1), (2)")
    with pytest.raises(NodeFailedError, match=r"row 3, column `a`: expected `tinyint\(1\) as bool`, got '2'"):
        rows_of(source(database, "f", tinyint1="bool"))


def test_bytes_are_written_as_bits(flagged: Database) -> None:
    """A copy by way of bytes has the very contents."""
    flagged.execute("CREATE TABLE copied LIKE f")
    node = source(flagged, "f", bit="bytes", tinyint1="bool")
    node > WriteMySQLTable(url=flagged.url, table="copied", bit="bytes")
    start_run(node).wait()
    checks = flagged.execute("CHECKSUM TABLE f, copied EXTENDED")
    assert checks[0][1] == checks[1][1]


def test_policies_of_a_writer_go_by_column(database: Database) -> None:
    """Beside a column that takes bytes and one that keeps zero dates, others take numbers and dates alone."""
    database.execute(
        "CREATE TABLE g (id int PRIMARY KEY, d bit(12), e bit(12), z date, y date)",
        "CREATE TABLE copied LIKE g",
        "SET sql_mode = 'ALLOW_INVALID_DATES'",
        "INSERT INTO g VALUES (1, 2748, 7, '2021-02-30', '2021-02-28')",
    )
    node = source(database, "g", bit={"d": "bytes"}, zero_date={"z": "keep"})
    node > WriteMySQLTable(url=database.url, table="copied", bit={"d": "bytes"}, zero_date={"z": "keep"})
    start_run(node).wait()
    checks = database.execute("CHECKSUM TABLE g, copied EXTENDED")
    assert checks[0][1] == checks[1][1]


def test_bits_that_take_bytes_alone_say_how_they_take_others(flagged: Database) -> None:
    """What fits a bit(n) is refused where it takes bytes, with what to change; so is a policy that is about nothing."""
    node = source(flagged, "f", columns=["id", "b", "c", "d", "e"], bit={"c": "bool"}, name="f")
    writer = WriteMySQLTable(
        url=flagged.url, table="f", mode="replace", bit="bytes", zero_date={"a": "keep", "zz": "keep"}, name="w"
    )
    node > writer
    with pytest.raises(GraphTypeError) as caught:
        start_run(node)
    place = f"at `w → table {flagged.name}.f on {flagged.server.host}:{flagged.server.port}`"
    hint = "Hint: name the columns of bytes alone, as `bit: {column: bytes}`; it fits"
    assert sorted(str(problem) for problem in caught.value.exceptions) == [
        f"Expected `bit(1) as bytes`, got `bit(1) as bool` - {place} $.c. {hint} `bit(1)`",
        f"Expected `bit(12) as bytes`, got `bit(12)` - {place} $.d. {hint} `bit(12)`",
        "node `w`: zero_date: column `a` is `tinyint(1)`; the option is for a date, datetime or timestamp",
        "node `w`: zero_date: there is no column `zz`",
    ]


def test_a_cast_leads_from_bytes_to_bits_and_back(flagged: Database) -> None:
    """Bytes go into a column of bits by a Cast, which the refusal names; and so do bits into one that takes bytes."""
    flagged.execute("CREATE TABLE copied LIKE f")
    node = source(flagged, "f", bit={"d": "bytes"}, name="f")
    writer = WriteMySQLTable(url=flagged.url, table="copied", bit={"c": "bytes"})
    node > writer
    with pytest.raises(GraphTypeError) as caught:
        start_run(node)
    [_, problem] = caught.value.problems
    assert problem.hint == "set `bit: bytes` for the writer"
    node = source(flagged, "f", bit={"d": "bytes"})
    writer = WriteMySQLTable(url=flagged.url, table="copied", bit={"c": "bytes"})
    node > Cast(columns={"c": "bit(1) as bytes", "d": "bit(12)"}) > writer
    start_run(node).wait()
    checks = flagged.execute("CHECKSUM TABLE f, copied EXTENDED")
    assert checks[0][1] == checks[1][1]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"bit": "bool"}, "bit must be one of int, bytes, not 'bool'"),
        ({"bit": {"d": "bool"}}, "bit of column `d` must be one of int, bytes, not 'bool'"),
        (
            {"zero_date": {"z": None}, "bit": "x"},
            "zero_date of column `z` must be one of error, keep, not 'null'; bit must be one of int, bytes, not 'x'",
        ),
    ],
)
def test_a_policy_that_a_writer_has_not_is_refused_at_once(options: Any, problem: str) -> None:
    """A writer takes those alone that say something of what it writes."""
    with pytest.raises(ValueError, match="must be one of") as caught:
        WriteMySQLTable(table="t", **options)
    assert str(caught.value) == problem


def test_a_policy_of_a_column_that_it_is_not_about_is_refused(flagged: Database) -> None:
    """All such columns are named at once, before the run."""
    node = source(
        flagged, "f", name="f", zero_date={"a": "keep"}, tinyint1={"e": "bool", "bb": "bool"}, bit={"d": "bool"}
    )
    with pytest.raises(GraphTypeError) as caught:
        start_run(node)
    assert [str(problem) for problem in caught.value.exceptions] == [
        "node `f`: zero_date: column `a` is `tinyint(1)`; the option is for a date, datetime or timestamp",
        "node `f`: tinyint1: column `e` is `tinyint(4)`; the option is for a tinyint(1)",
        "node `f`: tinyint1: there is no column `bb`. Hint: did you mean `b`?",
        "node `f`: bit: column `d` is `bit(12)`; the option is for a bit(n), and `bool` for a bit(1)",
    ]


def test_a_policy_that_is_none_is_refused_at_once() -> None:
    """Each wrong word is named, with its column and the right ones."""
    with pytest.raises(ValueError, match="zero_date") as caught:
        StreamTable(url="mysql://u@h/d", table="t", zero_date="skip", bit={"c": "number"})  # type: ignore[arg-type, dict-item]  # what is tested
    assert str(caught.value) == (
        "zero_date must be one of error, null, keep, not 'skip'; "
        "bit of column `c` must be one of int, bytes, bool, not 'number'"
    )


def test_a_writer_without_the_policy_takes_no_invalid_date(dated: Database) -> None:
    """What may be on no calendar does not fit a column of dates."""
    dated.execute("CREATE TABLE one (d date)")
    with pytest.raises(GraphTypeError) as caught:
        run_into(WriteMySQLTable(url=dated.url, table="one"), [(InvalidDate("0000-00-00"),)], {"d": "date or invalid"})
    [problem] = caught.value.exceptions
    assert str(problem).startswith("Expected `date`, got `date or invalid` (it may be on no calendar, as 0000-00-00)")
    assert str(problem).endswith("$.d. Hint: set `zero_date: keep` for the writer")


def test_what_a_table_does_not_take_stands_at_its_writer_in_a_file(dated: Database) -> None:
    """The edge leads out of the graph into the table, and the place is that of the node before it."""
    dated.execute("CREATE TABLE one (d date)")
    pipeline = parse_pipeline(
        "nodes:\n"
        "  read: {class: StreamMySQLTable, options: {url: '${U}', table: t, columns: [d], zero_date: keep}}\n"
        "  write: {class: WriteMySQLTable, options: {url: '${U}', table: one}}\n"
        "paths: [[read, write]]\n",
        "z.yaml",
        {"U": dated.url},
    )
    [problem] = check_pipeline(pipeline, connect=True)
    assert str(problem).startswith("z.yaml:3:3: Expected `date`, got `date or invalid` (it may be on no calendar")
    assert str(problem).endswith("$.d. Hint: set `zero_date: keep` for the writer")


def test_a_key_that_is_taken_otherwise_is_paged_by_what_it_is(database: Database) -> None:
    """Pages are bounded by the numbers that the server compares, whatever the rows make of them."""
    database.execute(
        "CREATE TABLE k (b bit(12), f tinyint(1), PRIMARY KEY (b, f))",
        "INSERT INTO k VALUES " + ", ".join(f"({b}, {f})" for b in (0, 1, 255, 256, 4095) for f in (0, 1)),
    )
    found = rows_of(source(database, "k", bit="bytes", tinyint1="bool", page_rows=3))
    assert found == [(b.to_bytes(2, "big"), f) for b in (0, 1, 255, 256, 4095) for f in (False, True)]


def test_bytes_of_more_bits_than_the_column_has_are_refused(database: Database) -> None:
    """A bit(12) as bytes has two of them, of which four bits are none of its own."""
    database.execute("CREATE TABLE b (v bit(12))")
    with pytest.raises(NodeFailedError) as caught:
        run_into(
            WriteMySQLTable(url=database.url, table="b", bit="bytes", name="b"),
            [(b"\x0f\xff",), (b"\x10\x00",)],
            {"v": "binary(2)"},
        )
    assert "row 2, column `v`: expected `bit(12) as bytes null`, got b'\\x10\\x00' (it has more than 12 bits)" in str(
        caught.value
    )
