from __future__ import annotations

import os
import secrets
import stat
import threading
import tracemalloc
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nanotyped.engine.run import start_run
from nanotyped.errors import GraphTypeError, NodeFailedError, RowError, SourceError
from nanotyped.message import Checkpoint
from nanotyped.nodes.files import ReadRows, WriteRows
from nanotyped.row import Row, parse_schema
from nanotyped.types import BOOL, BYTES, DATETIME, DECIMAL, FLOAT, INET, INTEGER, JSON, JSON_NULL, STRING
from tests.support.flows import Given, GivenBatches, Kept, run_into, run_through

BILL = {
    "id": "bigint unsigned",
    "who": "varchar(20) null",
    "amount": "decimal(10,2)",
    "day": "date null",
    "n": "int null",
}
BILL_ROWS = [
    (2**64 - 1, 'é\r\n"x",\'', Decimal("9.90"), date(2024, 5, 6), -3),
    (1, None, Decimal("-0.01"), None, None),
    (2, "", Decimal("0.00"), date(1, 1, 1), 0),
]
BILL_CSV = (
    "id,who,amount,day,n\r\n"
    '18446744073709551615,"é\r\n""x"",\'",9.90,2024-05-06,-3\r\n'
    "1,\\N,-0.01,,\r\n"
    "2,,0.00,0001-01-01,0\r\n"
)
BILL_JSONL = (
    '{"id":"18446744073709551615","who":"é\\r\\n\\"x\\",\'","amount":"9.90","day":"2024-05-06","n":-3}\n'
    '{"id":"1","who":null,"amount":"-0.01","day":null,"n":null}\n'
    '{"id":"2","who":"","amount":"0.00","day":"0001-01-01","n":0}\n'
)


def read(path: Path, schema: Any, **options: Any) -> list[tuple[Any, ...]]:
    """Return the rows of a file, as tuples."""
    kept = Kept()
    source = ReadRows(path=path, output_schema=schema, name="read", **options)
    _ = source > kept
    start_run(source).wait(30)
    return [tuple(row.to_python().values()) for row in kept.rows]


def failed_read(path: Path, schema: Any, **options: Any) -> str:
    """Read a file that cannot be read to its end, and return what the error says of it."""
    with pytest.raises((NodeFailedError, SourceError)) as caught:
        read(path, schema, **options)
    return str(caught.value)


def written(path: Path, content: str | bytes) -> Path:
    """Write a file as it is and return its path."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


# -- both ways --------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "content"), [("bills.csv", BILL_CSV), ("bills.jsonl", BILL_JSONL)])
def test_there_and_back(tmp_path: Path, name: str, content: str) -> None:
    """Rows are written by the types of their columns, passed on, and read back equal; null and empty text differ."""
    path = tmp_path / name
    kept = run_through(WriteRows(path=path), BILL_ROWS, BILL)
    assert path.read_bytes().decode() == content
    assert [tuple(row.to_python().values()) for row in kept.rows] == BILL_ROWS
    assert read(path, BILL) == BILL_ROWS


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12)
INTERESTING = st.sampled_from(
    ["", " ", "\\N", '"', "\r", "\n", "\r\n", ",", "null", "=1+1", "'", "\ufeff", "é\u2028", "NaN"]
)
DOCUMENT = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
MICROSECONDS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(lambda moment: moment.replace(fold=0))
VALUES: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "tiny": ("tinyint", st.integers(-128, 127)),
    "big": ("bigint unsigned", st.integers(0, 2**64 - 1)),
    "whole": (INTEGER, st.integers()),
    "amount": ("decimal(10,2)", st.decimals("-99999999.99", "99999999.99", places=2)),
    "exact": (DECIMAL, st.decimals(-(10**20), 10**20, places=12)),
    "double": ("double", st.floats(allow_nan=False, allow_infinity=False)),
    "single": ("float", st.floats(allow_nan=False, allow_infinity=False, width=32)),
    "real": (FLOAT, st.floats(allow_nan=False, allow_infinity=False)),
    "flag": (BOOL, st.booleans()),
    "text": (STRING, TEXT | INTERESTING),
    "name": ("varchar(12)", TEXT | INTERESTING),
    "pick": ("enum('a,b','\"','')", st.sampled_from(["a,b", '"', ""])),
    "blob": (BYTES, st.binary(max_size=12)),
    "day": ("date", st.dates()),
    "at": ("datetime(6)", MICROSECONDS),
    "second": ("datetime", MICROSECONDS.map(lambda moment: moment.replace(microsecond=0))),
    "stamp": (
        "timestamp(3)",
        st.datetimes(datetime(1970, 1, 1, 0, 0, 1), datetime(2106, 2, 7)).map(
            lambda m: m.replace(microsecond=m.microsecond // 1000 * 1000, tzinfo=UTC)
        ),
    ),
    "moment": (DATETIME, MICROSECONDS),
    "span": ("time(6)", st.timedeltas(timedelta(hours=-838), timedelta(hours=838))),
    "year": ("year", st.just(0) | st.integers(1901, 2155)),
    "bits": ("bit(9)", st.integers(0, 511)),
    "picks": ("set('a','b','c d')", st.frozensets(st.sampled_from(["a", "b", "c d"]))),
    "number": ("uuid", st.uuids()),
    "address": ("inet6", st.ip_addresses(v=6)),
    "either": (INET, st.ip_addresses()),
    "doc": (JSON, DOCUMENT.map(lambda document: JSON_NULL if document is None else document)),
}


# From here on five columns of numbers: equal ones may still differ in their digits, or in the sign of a zero.
AMOUNT = [*VALUES].index("amount")


def schema_of(nullable: bool) -> dict[str, Any]:
    """Return a schema of all types."""
    if not nullable:
        return {name: kind for name, (kind, _) in VALUES.items()}
    return {name: f"{kind} null" if isinstance(kind, str) else kind.nullable() for name, (kind, _) in VALUES.items()}


@pytest.mark.parametrize("nullable", [False, True], ids=["not null", "null"])
@pytest.mark.parametrize("format", ["csv", "jsonl"])
@given(data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_every_type_comes_back_equal(tmp_path: Path, format: str, nullable: bool, data: st.DataObject) -> None:  # noqa: A002 - the option's name
    """Whatever rows hold, they are read back equal, value by value and type by type."""
    cells = [values for _, values in VALUES.values()]
    if nullable:
        # What a format cannot tell from a null is refused by a test of its own.
        cells = [st.none() | values.filter(lambda value: value != "\\N" and value is not JSON_NULL) for values in cells]
    rows = data.draw(st.lists(st.tuples(*cells), max_size=4))
    path = tmp_path / f"rows.{format}"
    run_into(WriteRows(path=path), rows, schema_of(nullable))
    found = read(path, schema_of(nullable))
    assert found == rows
    assert [[*map(type, row)] for row in found] == [[*map(type, row)] for row in rows]
    assert [str(row[AMOUNT : AMOUNT + 5]) for row in found] == [str(row[AMOUNT : AMOUNT + 5]) for row in rows]


def test_json_null_in_csv(tmp_path: Path) -> None:
    """In CSV a JSON null is `null` and a null an empty cell, so that both come back."""
    rows = [(1, JSON_NULL), (2, None), (3, {"a": None})]
    run_into(WriteRows(path=tmp_path / "x.csv"), rows, {"n": "int", "doc": "json null"})
    assert (tmp_path / "x.csv").read_bytes() == b'n,doc\r\n1,null\r\n2,\r\n3,"{""a"":null}"\r\n'
    assert read(tmp_path / "x.csv", {"n": "int", "doc": "json null"}) == rows


@pytest.mark.parametrize(
    ("name", "schema", "row", "problem"),
    [
        ("x.csv", {"a": "varchar(9) null"}, ("\\N",), "'\\\\N' cannot be written: it is how a null is written"),
        ("x.csv", {"a": "varchar(9)"}, ("a\0",), "'a\\x00' cannot be written: a CSV file holds no NUL"),
        (
            "x.jsonl",
            {"a": "json null"},
            (JSON_NULL,),
            "JSON_NULL cannot be written: in JSON lines it could not be told from a null; write CSV",
        ),
    ],
)
def test_what_would_not_come_back_is_not_written(
    tmp_path: Path, name: str, schema: dict[str, str], row: tuple[Any], problem: str
) -> None:
    """A value that would be read back as another is an error of its row, and no file is left."""
    node = WriteRows(path=tmp_path / name, name="write")
    good: Any = ({"x": 1},) if "json null" in schema.values() else ("good",)
    with pytest.raises(NodeFailedError) as caught:
        run_into(node, [good, row], schema)
    text = f"row 2, column `a`: {problem}"
    assert str(caught.value).startswith(f"node `write` failed: RowError: {text} - at row Row(a=")
    assert list(tmp_path.iterdir()) == []


def test_null_text(tmp_path: Path) -> None:
    """`null_text` says how a null text is written; where it is empty, empty cells are null and empty text refused."""
    schema = {"a": "varchar(9) null", "b": "int"}
    run_into(WriteRows(path=tmp_path / "x.csv", null_text="-"), [(None, 1), ("", 2)], schema)
    assert (tmp_path / "x.csv").read_bytes() == b"a,b\r\n-,1\r\n,2\r\n"
    assert read(tmp_path / "x.csv", schema, null_text="-") == [(None, 1), ("", 2)]
    assert read(tmp_path / "x.csv", schema) == [("-", 1), ("", 2)]
    assert read(tmp_path / "x.csv", schema, null_text="") == [("-", 1), (None, 2)]
    with pytest.raises(NodeFailedError, match="it is how a null is written"):
        run_into(WriteRows(path=tmp_path / "y.csv", null_text=""), [("", 2)], schema)


def test_null_text_that_is_a_value_elsewhere(tmp_path: Path) -> None:
    """Where `null_text` is a value of a column, it is one there; elsewhere it is a null beside the empty cell."""
    schema = {"n": "int null", "day": "date null", "doc": "json null"}
    path = written(tmp_path / "x.csv", "n,day,doc\n0,0,0\n,,\n")
    assert read(path, schema, null_text="0") == [(0, None, 0), (None, None, None)]
    run_into(WriteRows(path=path, null_text="0"), [(0, None, 0)], schema)
    assert path.read_bytes() == b"n,day,doc\r\n0,,0\r\n"


def test_empty_bytes_are_no_null(tmp_path: Path) -> None:
    """Bytes have empty values, as texts have, so that their nulls are written as those of texts."""
    run_into(WriteRows(path=tmp_path / "x.csv"), [(b"", 1), (None, 2)], {"a": "blob null", "n": "int"})
    assert (tmp_path / "x.csv").read_bytes() == b"a,n\r\n,1\r\n\\N,2\r\n"
    assert read(tmp_path / "x.csv", {"a": "blob null", "n": "int"}) == [(b"", 1), (None, 2)]


def test_one_column(tmp_path: Path) -> None:
    """A lone empty cell is quoted, so that it is no blank line."""
    run_into(WriteRows(path=tmp_path / "x.csv"), [("",), ("a",)], {"a": "varchar(9)"})
    assert (tmp_path / "x.csv").read_bytes() == b'a\r\n""\r\na\r\n'
    assert read(tmp_path / "x.csv", {"a": "varchar(9)"}) == [("",), ("a",)]


@pytest.mark.parametrize(("name", "content"), [("x.csv", b"a,b\r\n"), ("x.jsonl", b"")])
def test_no_rows(tmp_path: Path, name: str, content: bytes) -> None:
    """A file of no rows has its header, and is read as no rows."""
    schema = {"a": "int", "b": "int"}
    run_into(WriteRows(path=tmp_path / name), [], schema)
    assert (tmp_path / name).read_bytes() == content
    assert read(tmp_path / name, schema) == []


# -- reading -------------------------------------------------------------------------------


class Bill(Row):
    n: int
    who: str | None


def test_reads_declared_rows(tmp_path: Path) -> None:
    """Rows are of the declared class."""
    kept = Kept()
    source = ReadRows(path=written(tmp_path / "x.csv", "who,n\nann,1\n"), output_schema=Bill)
    _ = source > kept
    start_run(source).wait(10)
    assert kept.rows == [Bill(n=1, who="ann")]
    assert type(kept.rows[0]) is Bill


def test_reads_any_spelling_of_csv(tmp_path: Path) -> None:
    """Columns stand in any order, lines end in LF, the last in nothing, and a byte order mark may stand first."""
    content = '\ufeffn,"id",amount,day,who\n7,1,1.5,2024-05-06,"a\nb"\n\\N,2,-1,,x"y'
    assert read(written(tmp_path / "x.csv", content), BILL) == [
        (1, "a\nb", Decimal("1.50"), date(2024, 5, 6), 7),
        (2, 'x"y', Decimal("-1.00"), None, None),
    ]


def test_reads_any_spelling_of_json_lines(tmp_path: Path) -> None:
    """Keys may stand in any order, with blanks between; a 64-bit integer is text; numbers keep their digits."""
    content = '{ "b": "18446744073709551615", "a": 1e0, "c": {"x": 1.10} }\r\n{"a": 2, "b": "3", "c": null}'
    schema = {"a": "double", "b": "bigint unsigned", "c": "json"}
    assert repr(read(written(tmp_path / "x.ndjson", content), schema)) == repr(
        [(1.0, 2**64 - 1, {"x": Decimal("1.10")}), (2.0, 3, JSON_NULL)]
    )


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "line 1: there is no header; expected `n`, `who`"),
        ("\n1,a\n", "line 1: there is no header; expected `n`, `who`"),
        ("n\n", "line 1: column `who` is missing"),
        ("n,who,n\n", "line 1: column `n` stands there twice"),
        ("n,whom\n", "line 1: column `whom` is not in the schema (did you mean `who`?); column `who` is missing"),
        ("n;who\n", "line 1: column `n;who` is not in the schema (did you mean `who`?); "
         "column `n` is missing; column `who` is missing"),
        (b"n,wh\xff\n", "line 1: byte 0xff at position 4 is not UTF-8"),
    ],
)  # fmt: skip
def test_wrong_headers(tmp_path: Path, content: str | bytes, problem: str) -> None:
    """A header that is not the schema's columns is refused before the run, with file and line."""
    path = written(tmp_path / "x.csv", content)
    with pytest.raises(SourceError) as caught:
        read(path, Bill)
    assert str(caught.value) == f"{path}, {problem}"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("1,a\n2\n", "line 3: expected 2 cells, got 1 cell"),
        ("1,a\n2,b,c\n", "line 3: expected 2 cells, got 3 cells"),
        ("1,a\n\n2,b\n", "line 3: expected 2 cells, got a blank line"),
        ('1,"a\nb"\n2\n', "line 4: expected 2 cells, got 1 cell"),
        (b"1,a\n2,\xe9\n", "line 3: byte 0xe9 at position 2 is not UTF-8"),
        (b"1,a\n2,\0\n", "line 3: a NUL, which no text file holds"),
        ('1,a\n2,"b\n3,c\n', "line 3: this is no CSV: unexpected end of data"),
        ('1,a\n2,"b"c\n', "line 3: this is no CSV: ',' expected after '\"'"),
        ("1,a\nx,b\n", "line 3, column `n`: expected `integer`, got 'x' (not a whole number)"),
        ("1,a\n,b\n", "line 3, column `n`: expected `integer`, got '' (not a whole number)"),
        ("1_0,a\n", "line 2, column `n`: expected `integer`, got '1_0' (not a whole number)"),
        (" 1,a\n", "line 2, column `n`: expected `integer`, got ' 1' (not a whole number)"),
    ],
)
def test_wrong_lines(tmp_path: Path, content: str | bytes, problem: str) -> None:
    """A line that breaks the contract fails the run, with file, line, column and value; what stands before is sent."""
    content = content if isinstance(content, bytes) else content.encode()
    path = written(tmp_path / "x.csv", b"n,who\n" + content)
    assert failed_read(path, Bill) == f"node `read` failed: RowError: {path}, {problem}"


@pytest.mark.parametrize(
    ("schema", "cell", "problem"),
    [
        ("tinyint", "300", "expected `tinyint`, got '300' (above 127)"),
        ("varchar(2)", "abc", "expected `varchar(2)`, got 'abc' (3 characters, at most 2 fit)"),
        ("enum('a','b')", "c", "expected `enum('a','b')`, got 'c' (not one of the members)"),
        ("date", "2024-02-30", "expected `date`, got '2024-02-30' (on no calendar or clock)"),
        ("datetime", "2024-02-03 04:05:06.5", "expected `datetime`, got '2024-02-03 04:05:06.5' "
         "(more than 0 digits of a second's fraction)"),
        ("decimal(4,2)", "1.234", "expected `decimal(4,2)`, got '1.234' "
         "(more than 4 digits, 2 of them behind the point)"),
        ("double", "NaN", "expected `double`, got 'NaN' (not a number)"),
        ("blob", "a", "expected `blob`, got 'a' (not base64)"),
        ("json", "{", "expected `json`, got '{' (no JSON)"),
    ],
)  # fmt: skip
def test_wrong_cells(tmp_path: Path, schema: str, cell: str, problem: str) -> None:
    """A cell that is no value of its type is named with its line, its type and the reason."""
    path = written(tmp_path / "x.csv", f'n,v\n1,"{cell}"\n')
    text = failed_read(path, {"n": "int", "v": schema})
    assert text == f"node `read` failed: RowError: {path}, line 2, column `v`: {problem}"


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("x.csv", b"1,a\n", b"1\n"),
        ("x.csv", b"1,a\n", b"x,a\n"),
        ("x.jsonl", b'{"n":"1","who":"a"}\n', b"{}\n"),
        ("x.jsonl", b'{"n":"1","who":"a"}\n', b'{"n":"x","who":"a"}\n'),
    ],
)
def test_numbers_of_rows(tmp_path: Path, name: str, good: bytes, bad: bytes) -> None:
    """An error bears the number of its row; batches before it, and rows before a line that is no row, are given."""
    head = b"n,who\n" if name == "x.csv" else b""
    path = written(tmp_path / name, head + good * 1205 + bad + good)
    source = ReadRows(path=path, output_schema=Bill, batch_rows=10)
    seen = 0

    def read_on() -> None:
        nonlocal seen
        for some in source.generate_batches():
            seen += 0 if isinstance(some, Checkpoint) else len(some)

    with pytest.raises(RowError) as caught:
        read_on()
    source.cleanup()
    assert caught.value.row == 1206
    assert f"{path}, line {1207 if head else 1206}" in str(caught.value)
    assert seen == (1200 if b"x" in bad else 1205)


def test_names_that_need_escapes(tmp_path: Path) -> None:
    """Columns may bear any name."""
    schema = {'a"b\\': "int", "c,d\n": "varchar(9)", "é": "date null", "class": "bigint"}
    for name in ("x.csv", "x.jsonl"):
        run_into(WriteRows(path=tmp_path / name), [(1, "x", None, 2)], schema)
        assert read(tmp_path / name, schema) == [(1, "x", None, 2)]
    for line, problem in (
        ('{"a\\"b\\\\": "1"}', 'Expected `int`, got `str` - at `$.a"b\\`'),
        ("{}", 'Object missing required field `a"b\\`'),
        ('{"x": 1}', "Object contains unknown field `x`"),
    ):
        path = written(tmp_path / "y.jsonl", line)
        assert failed_read(path, {'a"b\\': "int"}) == f"node `read` failed: RowError: {path}, line 1: {problem}"


def test_all_wrong_cells_of_a_batch(tmp_path: Path) -> None:
    """One error names every wrong cell, the first ten in full."""
    path = written(tmp_path / "x.csv", "n,who\n" + "1,a\n" * 30 + "1,a\nx,b\n" * 12)
    text = failed_read(path, Bill)
    assert text.count("not a whole number") == 10
    assert text.endswith("line 51, column `n`: expected `integer`, got 'x' (not a whole number); and 2 more")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"n": "1", "who": 1}', "line 2: Expected `str | null`, got `int` - at `$.who`"),
        ('{"n": "1"}', "line 2: Object missing required field `who`"),
        ('{"n": "1", "who": null, "x": 1}', "line 2: Object contains unknown field `x`"),
        ('{"n": "1", "who": nul}', "line 2: JSON is malformed: invalid character (byte 21)"),
        ("", "line 2: a blank line"),
        ("[]", "line 2: Expected `object`, got `array`"),
        ('{"n": "x", "who": null}', "line 2, column `n`: expected `integer`, got 'x' (not a whole number)"),
        ('{"n": null, "who": null}', "line 2: Expected `str`, got `null` - at `$.n`"),
    ],
)
def test_wrong_json_lines(tmp_path: Path, line: str, problem: str) -> None:
    """A line that is no object of exactly the columns fails the run, with file, line and place."""
    path = written(tmp_path / "x.jsonl", f'{{"n": "1", "who": null}}\n{line}\n')
    text = failed_read(path, Bill)
    if "malformed" in problem:
        text, problem = text.partition(" (byte")[0], problem.partition(" (byte")[0]
    assert text == f"node `read` failed: RowError: {path}, {problem}"


def test_missing_file(tmp_path: Path) -> None:
    """A file that cannot be opened is refused before the run."""
    with pytest.raises(SourceError) as caught:
        read(tmp_path / "x.csv", Bill)
    assert str(caught.value) == f"cannot read {tmp_path / 'x.csv'}: No such file or directory"


def test_no_schema(tmp_path: Path) -> None:
    """Without a schema the pipeline is refused at build."""
    source = ReadRows(path=written(tmp_path / "x.csv", "n\n1\n"), name="read")
    _ = source > Kept()
    with pytest.raises(GraphTypeError) as caught:
        start_run(source)
    assert [str(problem) for problem in caught.value.problems] == [
        "node `read`, output_schema: the file does not say what it holds: declare its columns and their types"
    ]


def test_formats() -> None:
    """The name tells the format, or the option does."""
    assert ReadRows(path="x.CSV").format == "csv"
    assert WriteRows(path="x.ndjson").format == "jsonl"
    assert ReadRows(path="x.txt", format="csv").format == "csv"
    with pytest.raises(ValueError, match=r"^the name `x.txt` does not tell the format; give format: csv or jsonl$"):
        ReadRows(path="x.txt")
    options: Any = {"format": "xml"}
    with pytest.raises(ValueError, match=r"^format must be csv or jsonl, not 'xml'$"):
        WriteRows(path="x.csv", **options)


def test_cells_of_any_length(tmp_path: Path) -> None:
    """A cell may be longer than the csv module would have it."""
    text = "x" * 300_000
    assert read(written(tmp_path / "x.csv", f"n,who\n1,{text}\n"), Bill) == [(1, text)]


@pytest.mark.parametrize("name", ["x.csv", "x.jsonl"])
def test_reading_takes_little_memory(tmp_path: Path, name: str) -> None:
    """Memory is flat in the length of the file."""
    schema = {"n": "int", "who": "varchar(99)"}
    path = tmp_path / name
    run_into(WriteRows(path=path), [(n, "x" * 90) for n in range(60_000)], schema)
    assert path.stat().st_size > 5_000_000
    source = ReadRows(path=path, output_schema=schema)
    counted = 0
    tracemalloc.start()
    try:
        for some in source.generate_batches():
            counted += 0 if isinstance(some, Checkpoint) else len(some)
            del some
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        source.cleanup()
    assert counted == 60_000
    assert peak < 2_500_000


# -- writing -------------------------------------------------------------------------------


def test_a_file_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    """Until the end of the data nothing stands in the file's place but what stood there before."""
    path, gate = written(tmp_path / "x.csv", "old"), threading.Event()
    node, kept = WriteRows(path=path), Kept()
    _ = Given([(1,), (2,)], {"n": "int"}, gates={1: gate}) > node > kept
    run = start_run(node)
    assert kept.arrived.wait(10)
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 2
    gate.set()
    run.wait(10)
    assert path.read_bytes() == b"n\r\n1\r\n2\r\n"
    assert list(tmp_path.iterdir()) == [path]


class Broken(Kept):
    """A sink that fails at the first row."""

    def process_batch(self, batch: Any) -> Any:
        raise RuntimeError("broken")


@pytest.mark.parametrize("where", ["before", "behind", "beside"])
def test_nothing_is_left_after_a_failure(tmp_path: Path, where: str) -> None:
    """A failure before, behind or beside the node removes what was written, and the old file stays."""
    path = written(tmp_path / "x.csv", "old")
    node = WriteRows(path=path)
    failed = threading.Event()

    class Telling(Broken):
        def cleanup(self) -> None:
            failed.set()

    if where == "before":
        messages: list[Any] = [(1,), ("x",)]
        source = Given(messages, {"n": "int"})
        _ = source > node
    else:
        source = Given([(1,), (2,)], {"n": "int"}, gates={1: failed})
        _ = source > node
        _ = (node if where == "behind" else source) > Telling()
    with pytest.raises(NodeFailedError):
        start_run(source).wait(10)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_nothing_is_left_after_a_stop(tmp_path: Path) -> None:
    """A pipeline that is terminated leaves no file."""
    gate = threading.Event()
    node, kept = WriteRows(path=tmp_path / "x.csv"), Kept()
    _ = Given([(1,), (2,)], {"n": "int"}, gates={1: gate}) > node > kept
    run = start_run(node)
    kept.arrived.wait(10)
    node.terminate_pipeline()
    gate.set()
    run.wait(10)
    assert list(tmp_path.iterdir()) == []


def test_a_drained_run_keeps_its_file(tmp_path: Path) -> None:
    """When the run is drained, what was delivered by then is kept."""
    gate = threading.Event()
    node, kept = WriteRows(path=tmp_path / "x.csv"), Kept()
    _ = Given([(1,), (2,), (3,)], {"n": "int"}, gates={1: gate}) > node > kept
    run = start_run(node)
    kept.arrived.wait(10)
    node.drain_pipeline()
    gate.set()
    run.wait(10)
    assert (tmp_path / "x.csv").read_bytes() in (b"n\r\n1\r\n", b"n\r\n1\r\n2\r\n", b"n\r\n1\r\n2\r\n3\r\n")


def test_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    """The mask of the process decides who may read the file."""
    before = os.umask(0o027)
    try:
        run_into(WriteRows(path=tmp_path / "x.csv"), [(1,)], {"n": "int"})
    finally:
        os.umask(before)
    assert (tmp_path / "x.csv").stat().st_mode & 0o777 == 0o640


def test_through_a_link(tmp_path: Path) -> None:
    """A symbolic link stays one: the file that it leads to is replaced."""
    (tmp_path / "real").mkdir()
    (tmp_path / "x.csv").symlink_to(tmp_path / "real" / "y.csv")
    run_into(WriteRows(path=tmp_path / "x.csv"), [(1,)], {"n": "int"})
    assert (tmp_path / "x.csv").is_symlink()
    assert (tmp_path / "real" / "y.csv").read_bytes() == b"n\r\n1\r\n"


def test_nothing_is_written_through_a_link_that_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who may write into the folder, and could guess the other name, leads no byte into a file of their choice."""
    victim = written(tmp_path / "victim", "mine")
    monkeypatch.setattr(secrets, "token_hex", lambda size: "0" * size)
    (tmp_path / f".x.csv.{'0' * 8}.part").symlink_to(victim)
    with pytest.raises(NodeFailedError) as caught:
        run_into(WriteRows(path=tmp_path / "x.csv", name="write"), [(1,)], {"n": "int"})
    assert str(caught.value) == (f"node `write` failed: SourceError: cannot write {tmp_path / 'x.csv'}: File exists")
    assert victim.read_text() == "mine"


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its bytes go to the disk, then it gets its name, then the folder goes there: a power cut keeps one."""
    path, seen = tmp_path / "x.csv", list[tuple[str, bool]]()
    to_disk, kinds = os.fsync, {stat.S_IFREG: "file", stat.S_IFDIR: "folder"}

    def fsync(number: int) -> None:
        seen.append((kinds[stat.S_IFMT(os.fstat(number).st_mode)], path.exists()))
        to_disk(number)

    monkeypatch.setattr(os, "fsync", fsync)
    run_into(WriteRows(path=path), [(1,)], {"n": "int"})
    assert seen == [("file", False), ("folder", True)]


@pytest.mark.parametrize("name", ["no/x.csv", "folder.csv"])
def test_places_that_cannot_be_written(tmp_path: Path, name: str) -> None:
    """Where nothing can be written the run fails at once, with the path."""
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(NodeFailedError) as caught:
        run_into(WriteRows(path=tmp_path / name, name="write"), [(1,)], {"n": "int"})
    reasons = {
        "no/x.csv": "No such file or directory",
        "folder.csv": "something that is no regular file stands there",
    }
    text = f"node `write` failed: SourceError: cannot write {tmp_path / name}: {reasons[name]}"
    assert str(caught.value) == text


def test_a_full_disk(tmp_path: Path) -> None:
    """An error of the disk fails the run, with the path."""
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    node = WriteRows(path=tmp_path / "x.csv", name="write")
    node_setup = node.setup

    def setup() -> None:
        node_setup()
        assert node._file is not None
        node._file._file.close()
        node._file._file = Path("/dev/full").open("wb")  # noqa: SIM115 - the node closes it

    node.setup = setup  # type: ignore[method-assign]  # a disk that fills up
    with pytest.raises(NodeFailedError) as caught:
        run_into(node, [(1,)], {"n": "int"})
    text = f"node `write` failed: SourceError: cannot write {tmp_path / 'x.csv'}: No space left on device"
    assert str(caught.value) == text
    assert list(tmp_path.iterdir()) == []


def test_formulas_are_data(tmp_path: Path) -> None:
    """A text that a spreadsheet would take for a formula is written as it is."""
    run_into(WriteRows(path=tmp_path / "x.csv"), [("=1+1",), ("@x",)], {"a": "varchar(9)"})
    assert (tmp_path / "x.csv").read_bytes() == b"a\r\n=1+1\r\n@x\r\n"


def test_csv_rows_have_one_set_of_columns(tmp_path: Path) -> None:
    """On an edge of unknown schema rows with other columns than the first are errors; in JSON lines they are not."""
    messages = [{"a": 1.5}, {"a": 2.5}, {"b": "x"}]
    node = WriteRows(path=tmp_path / "x.csv", name="write")
    with pytest.raises(NodeFailedError) as caught:
        run_into(node, messages)
    text = "node `write` failed: RowError: row 3: its columns are `b`, which are not those of the file"
    assert str(caught.value) == text
    run_into(WriteRows(path=tmp_path / "x.jsonl"), messages)
    assert (tmp_path / "x.jsonl").read_bytes() == b'{"a":1.5}\n{"a":2.5}\n{"b":"x"}\n'


def test_a_node_runs_again(tmp_path: Path) -> None:
    """A second run of the same pipeline writes and reads the file anew."""
    node = WriteRows(path=tmp_path / "x.csv")
    _ = GivenBatches([[(1,)]], {"n": "int"}) > node
    source = ReadRows(path=tmp_path / "x.csv", output_schema={"n": "int"})
    kept = Kept()
    _ = source > kept
    for _ in range(2):
        start_run(node).wait(10)
        start_run(source).wait(10)
    assert (tmp_path / "x.csv").read_bytes() == b"n\r\n1\r\n"
    assert kept.dicts == [{"n": 1}, {"n": 1}]


def test_given_schema_is_what_passes() -> None:
    """The node gives what it gets."""
    schema = parse_schema({"n": "int"})
    assert WriteRows(path="x.csv").output_schema_for(schema) == schema
