"""What becomes of rows of a file that break the contract: left out by `on_error`, let go by `schema_contract`."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nanotyped.config import check_pipeline, parse_pipeline
from nanotyped.engine.run import prepare_run, start_run
from nanotyped.errors import ConfigError, NodeFailedError, SourceError
from nanotyped.message import Checkpoint
from nanotyped.nodes.files import ReadRows
from nanotyped.row.raw_line import KEPT_BYTES, RawLine
from tests.support.flows import Kept

if TYPE_CHECKING:
    from pathlib import Path

    from nanotyped.node import RunReport

SCHEMA = {"id": "int", "name": "varchar(5) null"}
CSV_LINES = [
    b"1,a\r\n",
    b"x,b\r\n",
    b"3\r\n",
    b"4,d,e\r\n",
    b"\r\n",
    b'5,"\xff,"\r\n',
    b'6,"a"b\r\n',
    b"7,much too long\r\n",
    b"8,a\0\r\n",
    b'9,"\r\n"\r\n',
]
CSV_REASONS = [
    "x.csv, line 3, column `id`: expected `int`, got 'x' (not a whole number)",
    "x.csv, line 4: expected 2 cells, got 1 cell",
    "x.csv, line 5: expected 2 cells, got 3 cells",
    "x.csv, line 6: expected 2 cells, got a blank line",
    "x.csv, line 7: byte 0xff at position 3 is not UTF-8",
    "x.csv, line 8: this is no CSV: ',' expected after '\"'",
    "x.csv, line 9, column `name`: expected `varchar(5) null`, got 'much too long' (13 characters, at most 5 fit)",
    "x.csv, line 10: a NUL, which no text file holds",
]
JSON_LINES = [
    b'{"id":1,"name":"a"}\n',
    b'{"id":"x","name":"b"}\n',
    b'{"id":3}\n',
    b'{"id":4,"name":"d","more":5}\n',
    b"\n",
    b'{"id":5,"name":"\xff"}\n',
    b'{"id":6,"name"\n',
    b'{"id":7,"name":"much too long"}\n',
    b'{"id":8,"id":8,"name":"h"}\n',
    b"[9]\n",
    b'{"id":null,"name":"a"}\n',
    b'{"id":9,"name":"\\r\\n"}\n',
]


def flow(path: Path, content: bytes, **options: Any) -> tuple[list[tuple[Any, ...]], RunReport]:
    """Return the rows that are read of a file, as tuples, and the report."""
    path.write_bytes(content)
    kept = Kept()
    source = ReadRows(path=path, name="read", **{"output_schema": SCHEMA, **options})
    _ = source > kept
    report = start_run(source).wait(30)
    return [tuple(row.to_python().values()) for row in kept.rows], report


def letters(path: Path) -> list[dict[str, Any]]:
    """Return the dead letters of a file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def bytes_of(letter: dict[str, Any]) -> bytes:
    """Return the line that a letter holds."""
    line = letter["line"]
    return base64.b64decode(line["base64"]) if "base64" in line else line["text"].encode()


# -- on_error ---------------------------------------------------------------------------


def test_wrong_rows_of_csv_are_dead_letters_with_their_lines(tmp_path: Path) -> None:
    """Ragged, ill-typed, ill-quoted, undecodable: each is a letter with its line as it stands; the others go on."""
    dead = tmp_path / "dead.jsonl"
    rows, report = flow(tmp_path / "x.csv", b"id,name\r\n" + b"".join(CSV_LINES), dead_letter=dead)
    assert rows == [(1, "a"), (9, "\r\n")]
    found = letters(dead)
    assert [letter["reason"].removeprefix(f"{tmp_path}/") for letter in found] == CSV_REASONS
    assert [bytes_of(letter) for letter in found] == CSV_LINES[1:-1]
    assert [letter["number"] for letter in found] == [*range(2, 10)]
    assert {letter["code"] for letter in found} == {"RowError"}
    assert [letter["column"] for letter in found] == ["id", *[None] * 5, "name", None]
    assert found[0]["line"] == {"text": "x,b\r\n", "header": ["id", "name"]}
    assert found[4]["line"] == {"base64": base64.b64encode(CSV_LINES[5]).decode(), "header": ["id", "name"]}
    assert (report["read"].sent, report["read"].rejected, report["read"].dead) == (2, 8, 8)


def test_wrong_rows_of_json_lines_are_dead_letters_with_their_lines(tmp_path: Path) -> None:
    """No object, no JSON, keys that are missing, too many or twice, values of another type: each is a letter."""
    dead = tmp_path / "dead.jsonl"
    rows, report = flow(tmp_path / "x.jsonl", b"".join(JSON_LINES), dead_letter=dead)
    assert rows == [(1, "a"), (9, "\r\n")]
    found = letters(dead)
    assert [bytes_of(letter) for letter in found] == JSON_LINES[1:-1]
    assert [letter["reason"].removeprefix(f"{tmp_path}/") for letter in found] == [
        "x.jsonl, line 2: Expected `int`, got `str` - at `$.id`",
        "x.jsonl, line 3: Object missing required field `name`",
        "x.jsonl, line 4: Object contains unknown field `more`",
        "x.jsonl, line 5: a blank line",
        "x.jsonl, line 6: byte 0xff at position 16 is not UTF-8",
        "x.jsonl, line 7: Input data was truncated",
        CSV_REASONS[6].replace("x.csv, line 9", "x.jsonl, line 8"),
        "x.jsonl, line 9: the key 'id' is there twice",
        "x.jsonl, line 10: Expected `object`, got `array`",
        "x.jsonl, line 11: Expected `int`, got `null` - at `$.id`",
    ]
    assert found[0]["line"] == {"text": '{"id":"x","name":"b"}\n'}
    assert (report["read"].sent, report["read"].dead) == (2, 10)


def test_wrong_rows_of_a_file_are_skipped_up_to_a_cap(tmp_path: Path) -> None:
    """`skip` counts them; one more than `max_errors` ends the run, and the message shows the line."""
    content = b"id,name\n1,a\nx,b\n3\n"
    rows, report = flow(tmp_path / "x.csv", content, on_error="skip")
    assert (rows, report["read"].skipped) == ([(1, "a")], 2)
    with pytest.raises(NodeFailedError) as caught:
        flow(tmp_path / "x.csv", content, max_errors=1)
    reason = f"the last: RowError: {tmp_path}/x.csv, line 4: expected 2 cells, got 1 cell - at row line '3\\n'"
    assert "max_errors: 1" in str(caught.value)
    assert str(caught.value).endswith(reason)


@pytest.mark.parametrize("name", ["x.csv", "x.jsonl"])
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data(), batch=st.integers(1, 4))
def test_every_line_is_a_row_or_a_letter(tmp_path: Path, name: str, data: st.DataObject, batch: int) -> None:
    """Right rows come in order, wrong lines are letters in order, whatever the batches; and nothing is lost."""
    lines = CSV_LINES if name.endswith("csv") else JSON_LINES
    drawn = data.draw(st.lists(st.sampled_from(lines), max_size=12))
    dead = tmp_path / f"dead-{name}"
    dead.unlink(missing_ok=True)
    head = b"id,name\r\n" if name.endswith("csv") else b""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ReadRows, "batch_rows", batch)
        rows, report = flow(tmp_path / name, head + b"".join(drawn), dead_letter=dead)
    right = {lines[0]: (1, "a"), lines[-1]: (9, "\r\n")}
    assert rows == [right[line] for line in drawn if line in right]
    assert [bytes_of(letter) for letter in letters(dead)] == [line for line in drawn if line not in right]
    assert report["read"].sent + report["read"].dead == len(drawn)


def test_a_run_goes_on_behind_rejected_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Checkpoints count wrong rows as well: from each of them on, the rest of the file is read, numbers and all."""
    monkeypatch.setattr(ReadRows, "batch_rows", 2)
    path = tmp_path / "x.csv"
    path.write_bytes(b"id,name\n1,a\nx,b\n3\n4,d\n5,e\n")
    node = ReadRows(path=path, output_schema=SCHEMA, on_error="skip")
    found: list[Any] = []
    node._reject = lambda line, error: found.append((line, error.row))
    cursors = [one.cursor for one in node.generate_batches() if isinstance(one, Checkpoint)]
    node.cleanup()
    assert [(cursor["offset"], cursor["line"], cursor["row"]) for cursor in cursors] == [
        (16, 3, 2),
        (22, 5, 4),
        (26, 6, 5),
    ]
    assert [number for _, number in found] == [2, 3]
    again = ReadRows(path=path, output_schema=SCHEMA, on_error="skip")
    again.resume_from = cursors[0]
    found.clear()
    again._reject = node._reject
    rows: list[Any] = [row for one in again.generate_batches() if isinstance(one, list) for row in one]
    again.cleanup()
    assert [row.id for row in rows] == [4, 5]
    assert [number for _, number in found] == [3]


def test_of_a_quote_that_nobody_closed_the_beginning_is_kept(tmp_path: Path) -> None:
    """It takes the rest of the file for one record: one letter, with its size and no half of a letter."""
    dead = tmp_path / "dead.jsonl"
    rest = '2,"' + "é" * KEPT_BYTES + "\n"
    rows, _ = flow(tmp_path / "x.csv", b"id,name\n1,a\n" + rest.encode(), dead_letter=dead)
    assert rows == [(1, "a")]
    [letter] = letters(dead)
    assert letter["reason"] == f"{tmp_path}/x.csv, line 3: this is no CSV: unexpected end of data"
    assert letter["line"]["size_bytes"] == len(rest.encode())
    assert rest.startswith(letter["line"]["text"])
    assert KEPT_BYTES - 4 < len(letter["line"]["text"].encode()) <= KEPT_BYTES


@given(st.binary(max_size=20), st.integers(0, 3), st.none() | st.lists(st.text(max_size=3), max_size=3).map(tuple))
def test_a_raw_line_comes_back_from_json(data: bytes, more: int, header: tuple[str, ...] | None) -> None:
    """Bytes, size and header are the same, whether it is UTF-8 or not."""
    line = RawLine.of(data, len(data) + more, header)
    assert RawLine.parse(json.loads(json.dumps(line.render()))) == line


# -- schema_contract ----------------------------------------------------------------------


def rows_of(path: Path, content: str, option: Any, **options: Any) -> list[tuple[Any, ...]]:
    """Return what is read with a `schema_contract`."""
    return flow(path, content.encode(), schema_contract=option, **options)[0]


def refused(path: Path, content: str, option: Any, **options: Any) -> str:
    """Return why a file is refused, or its run ends."""
    with pytest.raises((SourceError, NodeFailedError)) as caught:
        rows_of(path, content, option, **options)
    cause = caught.value.__cause__ if isinstance(caught.value, NodeFailedError) else caught.value
    return str(cause).removeprefix(f"{path.parent}/")


MODES = ["freeze", "discard_row", "discard_value", {"columns": "discard_value", "data_type": "discard_row"}]


@pytest.mark.parametrize("option", [None, "evolve", *MODES])
def test_a_file_that_is_its_contract_is_read_whatever_the_mode(tmp_path: Path, option: Any) -> None:
    """Where nothing differs, no mode does anything."""
    assert rows_of(tmp_path / "x.csv", "id,name\n1,a\n2,\\N\n", option) == [(1, "a"), (2, None)]
    if option != "evolve":
        content = '{"id":1,"name":"a"}\n{"id":2,"name":null}\n'
        assert rows_of(tmp_path / "x.jsonl", content, option) == [(1, "a"), (2, None)]


def test_new_columns_of_a_header(tmp_path: Path) -> None:
    """Refused, given as text, not read, or their rows dropped, unless the cell is empty."""
    path, content = tmp_path / "x.csv", "id,more,name\n1,z,a\n2,,b\n"
    assert refused(path, content, "freeze") == "x.csv, line 1: column `more` is not in the schema"
    assert rows_of(path, content, "evolve") == [(1, "a", "z"), (2, "b", "")]
    assert rows_of(path, content, "discard_value") == [(1, "a"), (2, "b")]
    assert rows_of(path, content, "discard_row") == [(2, "b")]


def test_new_keys_of_json_lines(tmp_path: Path) -> None:
    """Line by line: an error, not read, or their rows dropped, unless they hold null."""
    path = tmp_path / "x.jsonl"
    content = '{"id":1,"name":"a","more":"z"}\n{"id":2,"name":"b","more":null}\n{"id":3,"name":"c"}\n'
    assert refused(path, content, "freeze") == "x.jsonl, line 1: Object contains unknown field `more`; " + (
        f"{path}, line 2: Object contains unknown field `more`"
    )
    assert rows_of(path, content, "discard_value") == [(1, "a"), (2, "b"), (3, "c")]
    assert rows_of(path, content, "discard_row") == [(2, "b"), (3, "c")]


def test_columns_that_are_gone(tmp_path: Path) -> None:
    """Of a header: refused, not given, or null where the contract allows it. Of an object: its row may go."""
    path = tmp_path / "x.csv"
    missing = "x.csv, line 1: column `name` is missing"
    assert refused(path, "id\n1\n", "freeze") == missing
    assert refused(path, "id\n1\n", "discard_row") == missing
    assert rows_of(path, "id\n1\n", "evolve") == [(1,)]
    assert rows_of(path, "id\n1\n", "discard_value") == [(1, None)]
    assert refused(path, "name\na\n", "discard_value") == (
        "x.csv, line 1: column `id` is missing; declare it `int null`"
    )
    assert refused(path, "z\na\n", "evolve") == "x.csv, line 1: no column of the contract is there"
    path, content = tmp_path / "x.jsonl", '{"id":1}\n{"id":2,"name":"b"}\n{"name":"c"}\n'
    assert rows_of(path, content, "discard_row") == [(2, "b")]
    assert rows_of(path, content, "discard_value", on_error="skip") == [(1, None), (2, "b")]


def test_values_of_another_type(tmp_path: Path) -> None:
    """An error, or null where the contract allows it, or their rows dropped; other columns keep what they hold."""
    schema = {"id": "int", "n": "tinyint null", "at": "date null"}
    csv, jsonl = "id,n,at\n1,300,2024-02-30\n2,7,2024-02-29\nx,8,\n", tmp_path / "x.jsonl"
    lines = (
        '{"id":1,"n":300,"at":"2024-02-30"}\n{"id":2,"n":7,"at":"2024-02-29"}\n{"id":"x","n":8,"at":null}\n'
        '{"id":4,"n":"7","at":5}\n'
    )
    options = {"output_schema": schema, "on_error": "skip"}
    [right] = rows_of(tmp_path / "x.csv", csv, "freeze", **options)
    assert right[:2] == (2, 7)
    assert rows_of(tmp_path / "x.csv", csv, {"data_type": "discard_row"}, output_schema=schema) == [right]
    assert rows_of(tmp_path / "x.csv", csv, "discard_value", **options) == [(1, None, None), right]
    assert rows_of(jsonl, lines, "freeze", **options) == [right]
    assert rows_of(jsonl, lines, {"data_type": "discard_row"}, output_schema=schema) == [right]
    assert rows_of(jsonl, lines, "discard_value", **options) == [(1, None, None), right, (4, None, None)]


def test_nulls_where_none_may_be(tmp_path: Path) -> None:
    """An error, or their rows dropped, or given as columns that may be null; no type is to blame."""
    csv, lines = "id,name\n,a\n2,b\n", '{"id":null,"name":"a"}\n{"id":2,"name":"b"}\n'
    for name, content in (("x.csv", csv), ("x.jsonl", lines)):
        path = tmp_path / name
        assert rows_of(path, content, {"nullable": "discard_row"}) == [(2, "b")]
        assert rows_of(path, content, {"nullable": "evolve"}) == [(None, "a"), (2, "b")]
        assert "line" in refused(path, content, {"data_type": "discard_row"})
    assert rows_of(
        tmp_path / "x.csv",
        "id,name\n1,\\N\n2,b\n",
        {"nullable": "discard_row"},
        output_schema={"id": "int", "name": "varchar(5)"},
    ) == [(2, "b")]


def test_what_is_discarded_is_counted_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Dropped rows are rejected ones, for no cap and no letter; one warning tells how many, without a value."""
    schema = {"id": "int", "n": "tinyint null"}
    option = {"columns": "discard_row", "data_type": "discard_value"}
    content = b"id,n,more\n1,300,\n2,7,z\n3,8,\n4,999,\n"
    rows, report = flow(tmp_path / "x.csv", content, schema_contract=option, output_schema=schema, max_errors=0)
    assert rows == [(1, None), (3, 8), (4, None)]
    assert (report["read"].rejected, report["read"].skipped, report["read"].sent) == (1, 0, 3)
    assert [record.getMessage() for record in caplog.records if record.name == "nanotyped.nodes.files"] == [
        "read: discarded, for they do not fit the contract: 1 rows, 2 values of `n`"
    ]


def test_a_header_that_changed_since_the_check_ends_the_run(tmp_path: Path) -> None:
    """What evolves is what the header was when it was looked at."""
    path = tmp_path / "x.csv"
    path.write_text("id,name\n1,a\n")
    source, kept = ReadRows(path=path, output_schema=SCHEMA, schema_contract="evolve", name="read"), Kept()
    _ = source > kept
    run = prepare_run(source)
    path.write_text("id,name,late\n1,a,b\n")
    run.start()
    with pytest.raises(NodeFailedError) as caught:
        run.wait(30)
    assert str(caught.value).endswith("line 1: column `late` is not in the schema")


def test_what_a_file_cannot_say_is_refused() -> None:
    """Types, and of JSON lines columns, are not known before a file is read: to evolve them is refused at its place."""
    text = (
        "nodes:\n"
        "  read: {class: ReadRows, options: {path: x.jsonl, schema_contract: {columns: evolve, data_type: evolve}},"
        " output_schema: {id: int}}\n"
        "  print: {class: PrinterOfThings}\npaths: [[read, print]]\n"
    )
    with pytest.raises(ConfigError) as caught:
        check_pipeline(parse_pipeline(text, "p.yaml"))
    [problem] = caught.value.problems
    for part in ("data_type: a file does not say its types", "columns: JSON lines have no header"):
        assert f"schema_contract of {part}" in str(problem)
