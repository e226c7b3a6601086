"""A pipeline from a file into files: killed, out of room, and with a file that is still being written."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from nanotyped.engine.checkpoint import read_state
from tests.support.resumed import Ended, end_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROWS, SEGMENT_ROWS = 300_000, 20_000
PIPELINE = f"""
pipeline_name: files
nodes:
  read: {{class: ReadRows, options: {{path: in.csv, output_schema: {{id: int, note: varchar(40)}}}}}}
  file: {{class: WriteRows, options: {{path: out.jsonl, segments: true, segment_rows: {SEGMENT_ROWS}}}}}
paths: [[read, file]]
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return a directory with the pipeline and its input."""
    (tmp_path / "in.csv").write_text("note,id\n" + "".join(f'"a ""note""\n of {n}",{n}\n' for n in range(ROWS)))
    (tmp_path / "p.yaml").write_text(PIPELINE)
    return tmp_path


def start(directory: Path, limit: Callable[[], None] | None = None) -> subprocess.Popen[str]:
    """Start the program."""
    return subprocess.Popen(
        [sys.executable, "-m", "nanotyped", "run", "p.yaml", "--state", "state"],
        cwd=directory,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=limit,  # noqa: PLW1509 - sets limits of the process, and takes no lock
    )


def written(directory: Path) -> Counter[int]:
    """Return how often each row stands in the files; a file that is not whole fails here."""
    found: Counter[int] = Counter()
    for file in directory.glob("out-*.jsonl"):
        rows = [json.loads(line) for line in file.read_text().splitlines()]
        assert all(row["note"] == f'a "note"\n of {row["id"]}' for row in rows)
        found.update(row["id"] for row in rows)
    return found


def nothing_lost(directory: Path, ended: Ended, again: int) -> None:
    """Every row stands in a file, and at most ``again`` of them once more."""
    assert ended.code == 0, ended.said
    found = written(directory)
    assert sorted(found) == list(range(ROWS))
    assert found.total() - ROWS <= again
    assert read_state(directory / "state").finished


@pytest.mark.fault
def test_killed_on_the_way_from_file_to_files(directory: Path) -> None:
    """Rows of a file that was in its place before the checkpoint may be written again; none is missing."""
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    kills = 0
    while True:
        process = start(directory)
        try:
            process.wait(chance.uniform(0.5, 1.3) if kills < 12 else 60)
        except subprocess.TimeoutExpired:
            process.kill()
            kills += 1
        ended = end_of(process)
        assert ended.code in (0, -signal.SIGKILL), (seed, ended.said)
        if ended.code == 0:
            break
    assert not [path.name for path in directory.glob(".*.part")]
    # A tenth of a second may lie between a file and its checkpoint.
    nothing_lost(directory, ended, kills * 4 * SEGMENT_ROWS)


def limit_file_size() -> None:
    """Let this process write half of a file of the output, as a disk without room would."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (SEGMENT_ROWS * 20, SEGMENT_ROWS * 20))


@pytest.mark.fault
def test_no_room_for_the_output(directory: Path) -> None:
    """The run ends, leaves no half of a file, and goes on once there is room."""
    ended = end_of(start(directory, limit_file_size))
    assert ended.code == 1
    assert "node `file` failed: SourceError: cannot write out-000001.jsonl: File too large" in ended.said
    assert sorted(path.name for path in directory.iterdir()) == ["in.csv", "p.yaml", "state"]
    nothing_lost(directory, end_of(start(directory)), 0)


@pytest.mark.fault
def test_a_file_that_another_process_writes(directory: Path) -> None:
    """What is there when the reader gets to the end is read, whole rows of it alone."""
    whole = (directory / "in.csv").read_bytes()
    with (directory / "in.csv").open("wb", buffering=0) as file:
        file.write(whole[: len(whole) // 2])
        process = start(directory)
        # Line by line, in pieces that end anywhere, until the reader has got to the end of what there is.
        for place in range(len(whole) // 2, len(whole) - 1, 777):
            if process.poll() is not None:
                break
            file.write(whole[place : place + 777])
        ended = end_of(process)
    assert ended.code == 0, ended.said
    found = written(directory)
    assert sorted(found) == list(range(len(found)))
    assert found.total() == len(found) > ROWS // 3


@pytest.mark.fault
def test_killed_while_wrong_lines_are_left_out(directory: Path) -> None:
    """Each line is delivered or a dead letter, however often the run is killed; a letter may be there twice."""
    wrong = range(0, ROWS, 7)
    lines = (f"x{n},{n}\n" if n % 7 else f"ragged {n}\n" for n in range(ROWS))
    (directory / "in.csv").write_text("note,id\n" + "".join(lines))
    (directory / "p.yaml").write_text(PIPELINE.replace("in.csv,", "in.csv, dead_letter: dead.jsonl,"))
    kills = 0
    while True:
        process = start(directory)
        try:
            process.wait(random.uniform(0.8, 3.0) if kills < 6 else 60)
        except subprocess.TimeoutExpired:
            process.kill()
            kills += 1
        ended = end_of(process)
        if ended.code != -signal.SIGKILL:
            break
    assert (ended.code in {0, 3}, kills > 0) == (True, True), ended.said
    delivered = {
        json.loads(line)["id"] for file in directory.glob("out-*.jsonl") for line in file.read_text().splitlines()
    }
    letters = [json.loads(line) for line in (directory / "dead.jsonl").read_text().splitlines()]
    dead = {int(letter["line"]["text"].split()[1]) for letter in letters}
    assert dead == set(wrong)
    assert delivered == set(range(ROWS)) - dead
    assert all(letter["number"] == int(letter["line"]["text"].split()[1]) + 1 for letter in letters)
