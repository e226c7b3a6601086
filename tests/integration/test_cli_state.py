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
    assert re.fullmatch(said + "`read`  came to its end\n", out)
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
    assert len(max(shop.glob("out-*.jsonl")).read_text().splitlines()) == 100


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


FOLLOW = """
pipeline_name: follow
nodes:
  read:
    class: StreamTable
    options: {url: "sqlite:///shop.db", table: orders, cursor_column: id, lag: 2}
  file: {class: WriteRows, options: {path: out.jsonl, segments: true}}
paths: [[read, file]]
"""


def test_a_table_that_is_followed(shop: Path) -> None:
    """Each command says that the next run goes on where the last one ended, and another lag is no other pipeline."""
    (shop / "p.yaml").write_text(FOLLOW)
    said = (
        "p.yaml: node `read` has nowhere to keep its cursor, so that a run reads all of it; run it with --state DIR\n"
    )
    assert program(shop, "check", "p.yaml")[1].endswith(said)
    assert program(shop, "run", "p.yaml", "--state", "state")[0] == 0
    _, out, _ = program(shop, "state", "show", "state")
    assert out.endswith(
        "next run  goes on from the cursors\n"
        '`read`  came to its end, at {"key": ["id"], "after": [2500], "upper": [2500]}\n'
    )
    (shop / "p.yaml").write_text(FOLLOW.replace("lag: 2", "lag: 1"))
    _, out, _ = program(shop, "check", "p.yaml", "--state", "state")
    assert out.endswith("p.yaml: a run goes on where the last one ended, of `read`\n")
    code, _, err = program(shop, "run", "p.yaml", "--state", "state")
    assert (code, "p.yaml: running 2 nodes, from where it was stopped\n" in err) == (0, True)
    assert (shop / "out-000002.jsonl").read_text() == '{"id":"2499"}\n{"id":"2500"}\n'


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        (
            "lag: 2",
            "lag: 2 minutes",
            "6:80: StreamTable refuses its options: lag must be a number, or a span such as `90 s`, `10 min`, `2 h` or "
            "`1 d` (ms, s, min, h, d), not '2 minutes'",
        ),
        (
            "lag: 2",
            "lag: 2 min",
            "6:71: node `read`: lag: column `id` is `integer`, and a span of time is no number of it. "
            "Hint: give a number",
        ),
        (
            "cursor_column: id, ",
            "",
            "6:61: StreamTable refuses its options: lag needs a column that it is about: name it with cursor_column",
        ),
    ],
)
def test_a_lag_of_the_wrong_kind(shop: Path, was: str, now: str, said: str) -> None:
    """It is refused with its place and what mends it."""
    (shop / "p.yaml").write_text(FOLLOW.replace(was, now))
    code, _, err = program(shop, "check", "p.yaml", "--connect")
    assert (code, said in err) == (2, True), err
