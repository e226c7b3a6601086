"""Files in segments: each whole or not there, none overwritten, and rows delivered once their file is in its place."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from nanotyped.engine.checkpoint import read_state
from nanotyped.engine.run import Run, prepare_run
from nanotyped.errors import NodeFailedError, SourceError
from nanotyped.message import Checkpoint
from nanotyped.node import NanoNode
from nanotyped.nodes.file_writing import WholeFile
from nanotyped.nodes.files import WriteRows
from tests.support.flows import Kept, run_into

if TYPE_CHECKING:
    from pathlib import Path

    from nanotyped.message import Batch
    from nanotyped.row import Row

WAIT_S = 10.0


class Numbers(NanoNode[object, Any]):
    """Gives numbers in batches of ten, a checkpoint behind each; waits in front of one of them."""

    output_schema = {"n": "int"}

    def __init__(self, end: int, stand_at: int | None = None, **options: Any) -> None:
        self.end, self.stand_at = end, stand_at
        self.stands, self.leave, self.ended = threading.Event(), threading.Event(), threading.Event()
        super().__init__(**options)
        self.given_options = {}

    def generate_batches(self) -> Iterator[Any]:
        own = self.own_output()
        assert own is not None
        row_class: Any = own.row_class()
        for n in range(self.resume_from or 0, self.end, 10):
            if n == self.stand_at:
                self.stands.set()
                while not self.leave.wait(0.005) and not self.stop_requested:
                    pass
            yield [row_class(i) for i in range(n, n + 10)]
            yield Checkpoint(n + 10)

    def cleanup(self) -> None:
        self.ended.set()


class Hundred(Kept):
    """Keeps the rows, and tells when there are a hundred."""

    def __init__(self, **options: Any) -> None:
        self.all_arrived = threading.Event()
        super().__init__(**options)

    def process_batch(self, batch: Batch[Row]) -> Sequence[Row]:
        super().process_batch(batch)
        if len(self.rows) >= 100:
            self.all_arrived.set()
        return ()


def segments_of(path: Path) -> dict[str, list[int]]:
    """Return the numbers in each of the files, by their names in order."""
    return {
        file.name: [json.loads(line)["n"] for line in file.read_text().splitlines()]
        for file in sorted(path.parent.glob(f"{path.stem}-*"))
    }


def writer(path: Path, rows: int = 30) -> WriteRows:
    """Return the node."""
    return WriteRows(path=path, segments=True, segment_rows=rows, batch_rows=10, name="file")


def started(source: NanoNode[Any, Any], state: Path) -> Run:
    """Return a run with a state, started."""
    run = prepare_run(source, state_dir=state)
    run.start()
    return run


def test_so_many_rows_a_file(tmp_path: Path) -> None:
    """The last file holds the rest; a run after it goes on behind them; nothing else is left."""
    path = tmp_path / "n.jsonl"
    for _ in range(2):
        source = Numbers(70)
        _ = source > writer(path)
        prepare_run(source).start()
        assert source._run is not None
        source._run.wait(WAIT_S)
    assert {name: (rows[0], len(rows)) for name, rows in segments_of(path).items()} == {
        "n-000001.jsonl": (0, 30),
        "n-000002.jsonl": (30, 30),
        "n-000003.jsonl": (60, 10),
        "n-000004.jsonl": (0, 30),
        "n-000005.jsonl": (30, 30),
        "n-000006.jsonl": (60, 10),
    }
    assert len(list(tmp_path.iterdir())) == 6


def test_each_has_its_header(tmp_path: Path) -> None:
    """Every file of a CSV can be read by itself."""
    source = Numbers(20)
    _ = source > writer(tmp_path / "n.csv", rows=10)
    prepare_run(source).start()
    assert source._run is not None
    source._run.wait(WAIT_S)
    assert [file.read_text()[:8] for file in sorted(tmp_path.iterdir())] == ["n\n0\n1\n2\n", "n\n10\n11\n"]


def test_no_rows_are_no_file(tmp_path: Path) -> None:
    """Also where the last one was full."""
    for end in (0, 30):
        source = Numbers(end)
        _ = source > writer(tmp_path / "n.jsonl")
        prepare_run(source).start()
        assert source._run is not None
        source._run.wait(WAIT_S)
        assert len(list(tmp_path.iterdir())) == end // 30


def test_the_checkpoint_is_behind_whole_files_alone(tmp_path: Path) -> None:
    """Stopped in the middle of a file, a run leaves the whole ones, and the next one writes the rows after them."""
    path = tmp_path / "n.jsonl"
    source, behind = Numbers(200, stand_at=100, name="numbers", batch_rows=10), Hundred(name="behind", batch_rows=10)
    _ = source > writer(path) > behind
    run = started(source, tmp_path / "state")
    assert source.stands.wait(WAIT_S)
    assert behind.all_arrived.wait(WAIT_S)
    run.terminate()
    run.wait(WAIT_S)
    assert read_state(tmp_path / "state").cursors == {"`numbers`": 90}
    assert list(segments_of(path)) == ["n-000001.jsonl", "n-000002.jsonl", "n-000003.jsonl"]
    source.stand_at = None
    started(source, tmp_path / "state").wait(WAIT_S)
    assert [n for rows in segments_of(path).values() for n in rows] == list(range(200))


def test_a_drain_finishes_the_file(tmp_path: Path) -> None:
    """What was taken in is in its place, and nothing is written again."""
    path = tmp_path / "n.jsonl"
    source = Numbers(200, stand_at=100, name="numbers")
    _ = source > writer(path)
    run = started(source, tmp_path / "state")
    assert source.stands.wait(WAIT_S)
    run.drain()
    run.wait(WAIT_S)
    source.stand_at = None
    started(source, tmp_path / "state").wait(WAIT_S)
    assert [n for rows in segments_of(path).values() for n in rows] == list(range(200))


class Broken(NanoNode[Any, Any]):
    """A sink that fails at its last number, once its source is through."""

    def __init__(self, source: Numbers, **options: Any) -> None:
        self.source, self.broken, self.failed = source, True, threading.Event()
        super().__init__(**options)
        self.given_options = {}

    def process_item(self, row: Any) -> None:
        if self.broken and row.n == 199:
            assert self.source.ended.wait(WAIT_S)
            raise OSError("broken")

    def cleanup(self) -> None:
        self.failed.set()


class Waiting(WriteRows):
    """Begins when the sink beside it has failed."""

    beside: Broken

    def setup(self) -> None:
        assert self.beside.failed.wait(WAIT_S)
        super().setup()


def test_a_failure_beside_it_loses_nothing(tmp_path: Path) -> None:
    """The file that was not finished is thrown away, and its rows are given again."""
    path = tmp_path / "n.jsonl"
    source = Numbers(200, name="numbers", batch_rows=10)
    broken = Broken(source, name="broken", batch_rows=10)
    file = Waiting(path=path, segments=True, segment_rows=60, batch_rows=10, name="file")
    file.beside = broken
    _ = source > (file, broken)
    with pytest.raises(NodeFailedError, match="node `broken` failed"):
        started(source, tmp_path / "state").wait(WAIT_S)
    assert all(len(rows) == 60 for rows in segments_of(path).values())
    assert len(segments_of(path)) == 3
    broken.broken = False
    started(source, tmp_path / "state").wait(WAIT_S)
    assert sorted({n for rows in segments_of(path).values() for n in rows}) == list(range(200))


def test_options_that_make_no_sense(tmp_path: Path) -> None:
    """A file of no rows, and a directory that is not there."""
    with pytest.raises(ValueError, match=r"^segment_rows must be at least 1, not 0$"):
        WriteRows(path="n.csv", segments=True, segment_rows=0)
    source = Numbers(10)
    _ = source > writer(tmp_path / "gone" / "n.jsonl")
    prepare_run(source).start()
    assert source._run is not None
    with pytest.raises(NodeFailedError) as caught:
        source._run.wait(WAIT_S)
    assert isinstance(caught.value.__cause__, SourceError)
    assert str(caught.value.__cause__) == f"cannot write {tmp_path / 'gone' / 'n.jsonl'}: No such file or directory"


@pytest.mark.parametrize("segments", [True, False])
def test_what_a_killed_run_left_is_removed_by_the_next(tmp_path: Path, segments: bool) -> None:
    """Parts of its own that nobody writes to any more go; those of a living writer, and other files, stay."""
    own = "n-000003" if segments else "n"
    left = tmp_path / f".{own}.jsonl.{'0af9' * 4}.part"
    sign = "0af9" * 4
    others = [".n.jsonl.part", f".m.jsonl.{sign}.part", f".n.csv.{sign}.part", f".n-1.jsonl.{sign}.part"]
    for name in [left.name, *others]:
        (tmp_path / name).write_text("half a row")
    living = WholeFile(str(tmp_path / f"{own}.jsonl"))
    living.write(b"more")
    run_into(WriteRows(path=tmp_path / "n.jsonl", segments=segments, name="file"), [(1,)], {"n": "int"})
    assert not left.exists()
    assert all((tmp_path / name).read_text() == "half a row" for name in others)
    living.finish()
    assert (tmp_path / f"{own}.jsonl").read_text() == "more"
