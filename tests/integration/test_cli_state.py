"""`run --state`, `check --state` and `state show`, by the real program."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from nanotyped.engine.checkpoint import FILE_NAME, StateFile, read_state

if TYPE_CHECKING:
    from pathlib import Path

PIPELINE = """
pipeline_name: copy
nodes:
  read: {class: StreamTable, options: {url: "sqlite:///shop.db", table: orders}}
  file: {class: WriteRows, options: {path: out.jsonl, segments: true, segment_rows: 1000}}
paths: [[read, file]]
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Return a directory with a pipeline and its table of 2500 rows."""
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection, connection:
        connection.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY)")
        connection.executemany("INSERT INTO orders VALUES (?)", [(n,) for n in range(1, 2501)])
    (tmp_path / "p.yaml").write_text(PIPELINE)
    return tmp_path


def program(directory: Path, *words: str) -> tuple[int, str, str]:
    """Return the exit status of the program, and what it wrote to stdout and stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "nanotyped", *words], cwd=directory, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_from_no_state_to_a_run_that_goes_on(shop: Path) -> None:
    """Each command says what the next run does, and the run goes on from the cursor that is shown."""
    assert program(shop, "state", "show", "state") == (
        2,
        "",
        f"nanotyped: state `state/{FILE_NAME}`: there is none; `nanotyped run FILE --state DIR` makes one\n",
    )
    assert program(shop, "check", "p.yaml", "--state", "state")[1].endswith("p.yaml: a run begins anew\n")
    assert program(shop, "run", "p.yaml", "--state", "state")[0] == 0
    code, out, _ = program(shop, "state", "show", "state")
    said = r"pipeline  copy\nupdated   \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+00:00\nnext run  begins anew\n"
    assert code == 0
    assert re.fullmatch(said + r'`read`  \{"\$exhausted": true\}\n', out)
    fingerprint = read_state(shop / "state").fingerprint
    with closing(StateFile(shop / "state", fingerprint, "copy")) as state:
        state.write({"`read`": ({"key": ["id"], "after": ["2400"]}, 1)}, finished=False)
    assert program(shop, "check", "p.yaml", "--state", "state")[1].endswith(
        "p.yaml: a run goes on where the last one was stopped\n"
    )
    _, out, _ = program(shop, "state", "show", "state")
    assert out.endswith('next run  goes on from the cursors\n`read`  {"key": ["id"], "after": ["2400"]}\n')
    code, _, err = program(shop, "run", "p.yaml", "--state", "state")
    assert code == 0
    assert "p.yaml: running 2 nodes, from where it was stopped\n" in err
    assert len((shop / "out-000004.jsonl").read_text().splitlines()) == 100


def test_a_state_of_another_pipeline(shop: Path) -> None:
    """`check` and `run` refuse it alike, with the part that is another; a reset is the way past."""
    assert program(shop, "run", "p.yaml", "--state", "state")[0] == 0
    (shop / "p.yaml").write_text(PIPELINE.replace("1000", "500"))
    reason = f"state `state/{FILE_NAME}` is of another pipeline: `file` is another\n"
    code, _, err = program(shop, "check", "p.yaml", "--state", "state")
    assert (code, err) == (2, f"nanotyped: {reason}")
    code, _, err = program(shop, "run", "p.yaml", "--state", "state")
    assert code == 2
    assert err.endswith("`file` is another; --reset-state forgets it and begins anew\n")
    assert program(shop, "run", "p.yaml", "--state", "state", "--reset-state")[0] == 0


def test_a_pipeline_that_cannot_be_resumed(shop: Path) -> None:
    """`check` says so with the place in the file, before there is a state."""
    (shop / "p.yaml").write_text(PIPELINE.replace("segments: true, segment_rows: 1000", "null_text: ''"))
    code, _, err = program(shop, "check", "p.yaml", "--state", "state")
    assert code == 2
    said = "node `file` cannot be resumed: it writes what it got as a whole, at the end of a run; `segments: true` lets"
    assert re.search(r"p\.yaml:\d+:\d+: " + re.escape(said), err)
    assert not (shop / "state").exists()
