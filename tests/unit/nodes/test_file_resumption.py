"""Reading a file from where the last run stopped: the same rows in the end, and no other file taken for it."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nanotyped.engine.checkpoint import read_state
from nanotyped.engine.run import prepare_run
from nanotyped.errors import GraphTypeError, RowError, SourceError
from nanotyped.message import Checkpoint
from nanotyped.nodes.file_writing import CsvWriter, JsonLinesWriter
from nanotyped.nodes.files import ReadRows
from nanotyped.row import parse_schema
from tests.support.flows import Kept

if TYPE_CHECKING:
    from pathlib import Path

TEXTS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=6)
SCHEMA = parse_schema({"id": "int", "text": "varchar(6000)"})
Note: Any = SCHEMA.row_class()


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a batch, and so the way from checkpoint to checkpoint, be two rows."""
    monkeypatch.setattr(ReadRows, "batch_rows", 2)


def write(path: Path, rows: list[Any]) -> Path:
    """Write rows to a file, as the format is that its name tells."""
    writer = CsvWriter("\\N") if path.suffix == ".csv" else JsonLinesWriter()
    path.write_bytes(writer.head(SCHEMA) + (writer.body(rows, 1) if rows else b""))
    return path


def notes(count: int, text: str = "x") -> list[Any]:
    """Return rows from 1."""
    return [Note(n, text) for n in range(1, count + 1)]


def read(path: Path, cursor: Any = None, **options: Any) -> list[Any]:
    """Return all that the node gives, set to go on from a cursor: rows one by one, and checkpoints."""
    node = ReadRows(path=path, output_schema=SCHEMA, **options)
    node.resume_from = cursor
    found: list[Any] = []
    try:
        for some in node.generate_batches():
            found += [some] if isinstance(some, Checkpoint) else some
    finally:
        node.cleanup()
    return found


def rows_of(found: list[Any]) -> list[Any]:
    """Return what is no checkpoint."""
    return [one for one in found if not isinstance(one, Checkpoint)]


def first_cursor(path: Path) -> Any:
    """Return the cursor behind the first two rows."""
    return read(path)[2].cursor


@pytest.mark.parametrize("options", [{}, {"on_error": "skip"}], ids=["plain", "guarded"])
@pytest.mark.parametrize("name", ["x.csv", "x.jsonl"])
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(TEXTS, max_size=9), st.booleans())
def test_every_checkpoint_is_a_place_to_go_on_from(
    tmp_path: Path, name: str, options: dict[str, Any], texts: list[str], ends: bool
) -> None:
    """What was given before it and what is given from there on is the whole file, whatever stands in it."""
    rows = [Note(n, text) for n, text in enumerate(texts)]
    path = write(tmp_path / name, rows)
    if not ends:
        path.write_bytes(path.read_bytes().removesuffix(b"\n").removesuffix(b"\r"))
    found = read(path, **options)
    assert rows_of(found) == rows
    for index, one in enumerate(found):
        if isinstance(one, Checkpoint):
            assert read(path, one.cursor, **options) == found[index + 1 :]


@pytest.mark.parametrize("name", ["x.csv", "x.jsonl"])
def test_an_error_after_it_names_the_line_of_the_file(tmp_path: Path, name: str) -> None:
    """Lines and rows are counted from the start of the file, wherever reading began."""
    path = write(tmp_path / name, notes(5))
    cursor = first_cursor(path)
    with path.open("ab") as file:
        file.write(b'{"id":"x"}\n')
    errors = []
    for start in (None, cursor):
        with pytest.raises(RowError) as caught:
            read(path, start)
        errors.append((str(caught.value), caught.value.row))
    assert errors[0] == errors[1]
    assert errors[0][1] == 6
    assert f"{path}, line {7 if name == 'x.csv' else 6}: " in errors[0][0]


@pytest.mark.parametrize("name", ["x.csv", "x.jsonl"])
def test_a_wrong_line_is_not_behind_a_checkpoint(tmp_path: Path, name: str) -> None:
    """The rows before it are; once the line is mended, reading goes on with it."""
    path = write(tmp_path / name, notes(4))
    wrong = path.read_bytes().replace(b"4", b"4,4")
    right = path.read_bytes()
    path.write_bytes(wrong)
    node = ReadRows(path=path, output_schema=SCHEMA)
    found: list[Any] = []

    def read_on() -> None:
        found.extend(node.generate_batches())

    with pytest.raises(RowError):
        read_on()
    node.cleanup()
    path.write_bytes(right)
    assert isinstance(found[-1], Checkpoint)
    assert found[-2] == [Note(3, "x")]
    assert rows_of(read(path, found[-1].cursor)) == [Note(4, "x")]


@pytest.mark.parametrize("name", ["x.csv", "x.jsonl"])
def test_a_file_that_is_another_is_refused(tmp_path: Path, name: str) -> None:
    """Shorter, with another beginning, or with other bytes where reading stopped: each is said."""
    path = write(tmp_path / name, notes(40, "y" * 5000))
    cursor = [one for one in read(path) if isinstance(one, Checkpoint)][15].cursor
    whole, offset = path.read_bytes(), cursor["offset"]
    assert offset > 150_000
    start = f"{path} is not the file that was read up to byte {offset}: "
    end = "; put that one back, or begin anew with --reset-state"
    for content, reason in (
        (whole[:1000], "it has 1000 bytes"),
        (whole.replace(b"1", b"2", 1), "its first bytes are others"),
        (whole[: offset - 9] + b"z" + whole[offset - 8 :], "the bytes before that are others"),
    ):
        path.write_bytes(content)
        with pytest.raises(SourceError) as caught:
            read(path, cursor)
        assert str(caught.value) == start + reason + end
    path.write_bytes(whole + whole[offset:])
    assert len(rows_of(read(path, cursor))) == 16


@pytest.mark.parametrize("options", [{}, {"on_error": "skip"}], ids=["plain", "guarded"])
@pytest.mark.parametrize("name", ["x.csv", "x.jsonl"])
def test_a_file_that_grows_is_read_up_to_a_whole_line(
    tmp_path: Path, name: str, options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    """A line, or a quoted cell, that is still being written is left out, and a warning says so."""
    path = write(tmp_path / name, notes(3))
    more = write(tmp_path / f"more{path.suffix}", [Note(4, 'a\n"b')]).read_bytes()
    more = more[more.index(b"4" if name == "x.csv" else b"{") :]
    for size in range(1, len(more)):
        write(path, notes(3))
        node = ReadRows(path=path, output_schema=SCHEMA, **options)
        steps = node.generate_batches()
        found: list[Any] = list(next(steps))  # type: ignore[arg-type]  # the first is a batch
        with path.open("ab") as file:
            file.write(more[:size])
        for some in steps:
            found += [some] if isinstance(some, Checkpoint) else some
        node.cleanup()
        assert rows_of(found) == notes(3)
        cursor = [one for one in found if isinstance(one, Checkpoint)][-1].cursor
        with path.open("ab") as file:
            file.write(more[size:])
        assert rows_of(read(path, cursor)) == [Note(4, 'a\n"b')]
    assert f"{path} is still being written: its last line is left out" in caplog.text


def test_a_pipe_cannot_be_read_again(tmp_path: Path) -> None:
    """It is refused with a state."""
    os.mkfifo(tmp_path / "x.jsonl")
    node = ReadRows(path=tmp_path / "x.jsonl", output_schema=SCHEMA, name="read")
    _ = node > Kept()
    with pytest.raises(GraphTypeError) as caught:
        prepare_run(node, state_dir=tmp_path / "state")
    said = f"node `read` cannot be resumed: {tmp_path / 'x.jsonl'} is no regular file, and cannot be read again"
    assert [str(problem) for problem in caught.value.exceptions] == [said]


@pytest.mark.parametrize("name", ["x.csv", "x.jsonl"])
@pytest.mark.parametrize("options", [{}, {"on_error": "skip"}], ids=["plain", "guarded"])
def test_the_first_position_is_behind_few_rows(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    """So that a run whose rows go on slowly gets on, however early it is stopped."""
    path = write(tmp_path / name, notes(1000))
    cursors = [one.cursor for one in read(path, batch_rows=1000, **options) if isinstance(one, Checkpoint)]
    assert cursors[0]["row"] == 100
    assert cursors[-1]["row"] == 1000
    cursors = [one.cursor for one in read(path, batch_rows=40, **options) if isinstance(one, Checkpoint)]
    assert [cursor["row"] for cursor in cursors] == list(range(40, 1001, 40))


class Slow(Kept):
    """Takes rows one by one, and stands still at the 250th until it is let go."""

    def __init__(self, **options: Any) -> None:
        super().__init__(batch_rows=1, **options)
        self.stands, self.leave = threading.Event(), threading.Event()

    def process_batch(self, batch: Any) -> Any:
        if len(self.rows) == 249:
            self.stands.set()
            assert self.leave.wait(10)
        return super().process_batch(batch)


def test_a_position_is_kept_though_few_rows_were_delivered(tmp_path: Path) -> None:
    """Rows that were read with others count when they are dealt with, and need not wait for those behind them."""
    path = write(tmp_path / "x.csv", notes(3000))
    source, sink = ReadRows(path=path, output_schema=SCHEMA, name="read", batch_rows=1000), Slow(name="sink")
    _ = source > sink
    run = prepare_run(source, state_dir=tmp_path / "state")
    run.start()
    assert sink.stands.wait(10)
    run.terminate()
    sink.leave.set()
    run.wait(10)
    assert 100 <= read_state(tmp_path / "state").cursors["`read`"]["row"] <= len(sink.rows)


class Gated(Kept):
    """Stands still at its second batch until it is let go."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.batches, self.stands, self.leave = 0, threading.Event(), threading.Event()

    def process_batch(self, batch: Any) -> Any:
        self.batches += 1
        if self.batches == 2:
            self.stands.set()
            assert self.leave.wait(10)
        return super().process_batch(batch)


def test_a_run_that_was_stopped_goes_on_in_the_file(tmp_path: Path) -> None:
    """What was delivered is not read again."""
    path = write(tmp_path / "x.csv", notes(100))
    source, sink = ReadRows(path=path, output_schema=SCHEMA, name="read"), Gated(name="sink", batch_rows=10)
    _ = source > sink
    run = prepare_run(source, state_dir=tmp_path / "state")
    run.start()
    assert sink.stands.wait(10)
    run.terminate()
    sink.leave.set()
    run.wait(10)
    delivered = len(sink.rows)
    assert 0 < delivered < 100
    row = read_state(tmp_path / "state").cursors["`read`"]["row"]
    assert 0 < row <= delivered
    run = prepare_run(source, state_dir=tmp_path / "state")
    run.start()
    run.wait(10)
    assert [note.id for note in sink.rows[delivered:]] == list(range(row + 1, 101))  # type: ignore[attr-defined]
