"""Bad rows of a real run, from the first failure to the last dead letter: the program, MariaDB, files and kill -9."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from nanotyped.engine.checkpoint import StateError, read_state

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.support.mariadb import Database

MODULE = """\
import os
import sys
import time
from nanotyped import NanoNode, RowError, register_node
from nanotyped.message import Checkpoint

@register_node
class Count(NanoNode):
    output_schema = {"n": "int"}
    def __init__(self, end: int = 10, bad: list[int] | None = None, **kwargs):
        super().__init__(**kwargs)
        self.end, self.bad = end, bad or []
    def generator(self):
        for n in range(self.resume_from or 0, self.end):
            yield {"n": str(n) if n in self.bad else n}
            yield Checkpoint(n + 1)

@register_node
class Refuse(NanoNode):
    def __init__(self, refused: list[int], slow: float = 0.0, **kwargs):
        super().__init__(**kwargs)
        self.refused, self.slow = refused, slow
    def process_item(self, row):
        time.sleep(self.slow)
        if row.n in self.refused:
            raise ValueError(f"{row.n} is refused")
        yield row

@register_node
class Show(NanoNode):
    def process_item(self, row):
        os.write(1, f"{row.n}\\n".encode())
"""
PIPELINE = """\
nodes:
  count: {{class: Count, options: {{end: {end}, bad: {bad}{source}}}}}
  work: {{class: Refuse, options: {{refused: {refused}{work}}}}}
  show: {{class: Show}}
paths: [[count, work, show]]
"""
TO_FILE = ", dead_letter: dead.jsonl"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a module of nodes."""
    (tmp_path / "own.py").write_text(MODULE)
    return tmp_path


def write(
    folder: Path,
    *,
    end: int = 10,
    bad: Sequence[int] = (),
    refused: Sequence[int] = (),
    source: str = "",
    work: str = "",
) -> None:
    """Write the pipeline."""
    text = PIPELINE.format(end=end, bad=list(bad), refused=list(refused), source=source, work=work)
    (folder / "p.yaml").write_text(text)


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    """Start the program in the folder."""
    command = [sys.executable, "-m", "nanotyped", *words, "--module", "own"]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command, cwd=folder, stdout=pipe, stderr=pipe, text=True, env=os.environ | {"COLUMNS": "200"}
    )


def run(folder: Path, *words: str) -> tuple[int, list[int], str]:
    """Run the program; return its status, the rows that it printed, and stderr without its table."""
    process = start(folder, *words)
    out, err = process.communicate(timeout=60)
    lines = [line for line in err.splitlines() if not re.match(r"Node |\S.*(success|stopped|error) +\d", line)]
    return process.returncode, [int(line) for line in out.split()], re.sub(r"\d+\.\d{3} s", "# s", "\n".join(lines))


def letters(folder: Path) -> list[tuple[str, str]]:
    """Return node and reason of each dead letter."""
    found = map(json.loads, (folder / "dead.jsonl").read_text().splitlines())
    return [(letter["node"], letter["reason"]) for letter in found]


def test_dead_letters_are_replayed_once_where_they_were_rejected(folder: Path) -> None:
    """A run with dead letters exits with 3; once the cause is mended they go in where they were rejected, once."""
    write(folder, bad=[1, 8], refused=[3, 4], source=TO_FILE, work=TO_FILE)
    assert run(folder, "run", "p.yaml") == (
        3,
        [0, 2, 5, 6, 7, 9],
        "p.yaml: running 3 nodes\np.yaml: success in # s, with 4 dead letters in dead.jsonl",
    )
    assert sorted(letters(folder)) == [
        ("count", "row 2, column `n`: expected `int`, got '1' (an int is needed, this is str)"),
        ("count", "row 9, column `n`: expected `int`, got '8' (an int is needed, this is str)"),
        ("work", "3 is refused"),
        ("work", "4 is refused"),
    ]
    write(folder, refused=[4], source=TO_FILE, work=TO_FILE)
    # 4 is rejected again, and so are 1 and 8, which are text still: new letters, behind the old ones.
    assert run(folder, "replay", "dead.jsonl", "p.yaml") == (
        3,
        [3],
        "dead.jsonl: 4 dead letters\np.yaml: running 4 nodes\n"
        "p.yaml: success in # s, with 3 dead letters in dead.jsonl",
    )
    assert len(letters(folder)) == 7
    write(folder, work=TO_FILE, source=", output_schema: {n: varchar(9)}")
    status, shown, err = run(folder, "replay", "dead.jsonl", "p.yaml")
    assert (status, sorted(shown)) == (0, [1, 4, 8])
    assert err.startswith("dead.jsonl: 3 dead letters, 4 were before\n")
    assert run(folder, "replay", "dead.jsonl", "p.yaml") == (
        0,
        [],
        "dead.jsonl: nothing to replay: every letter was given again before",
    )


def test_a_replay_takes_the_place_of_no_file_of_the_run(folder: Path) -> None:
    """A file that is written whole would hold the replayed rows alone: it is refused until it was moved away."""
    write(folder, refused=[3], work=TO_FILE)
    text = (folder / "p.yaml").read_text().replace("{class: Show}", "{class: WriteRows, options: {path: out.jsonl}}")
    (folder / "p.yaml").write_text(text)
    assert run(folder, "run", "p.yaml")[0] == 3
    whole = (folder / "out.jsonl").read_text()
    (folder / "p.yaml").write_text(text.replace("[3]", "[]"))
    status, _, err = run(folder, "replay", "dead.jsonl", "p.yaml")
    assert (status, err) == (
        2,
        f"p.yaml:4:3: node `show` would replace {folder.resolve()}/out.jsonl by the rows of these dead letters alone. "
        "Hint: move the file away first, or write part files with segments: true\n1 problem",
    )
    assert (folder / "out.jsonl").read_text() == whole
    (folder / "out.jsonl").rename(folder / "first.jsonl")
    assert run(folder, "replay", "dead.jsonl", "p.yaml")[0] == 0
    assert json.loads((folder / "out.jsonl").read_text()) == {"n": 3}


def test_a_letter_of_no_node_is_refused(folder: Path) -> None:
    """Letters that name a node which the pipeline does not have are refused, and nothing is run."""
    write(folder, refused=[3], work=TO_FILE)
    run(folder, "run", "p.yaml")
    path = folder / "dead.jsonl"
    path.write_text(path.read_text().replace('"node":"work"', '"node":"wrok"'))
    status, _, err = run(folder, "replay", "dead.jsonl", "p.yaml")
    assert (status, err) == (
        2,
        "nanotyped: dead letters `dead.jsonl`: it names `wrok`, and the nodes of this pipeline are "
        "`count`, `work`, `show`",
    )


def test_options_of_a_policy_stand_in_the_file(folder: Path) -> None:
    """They are read out of a file, and an error output that leads nowhere is refused with its place."""
    write(folder, work=", on_error: dead_letter, retry: {attempts: 3, backoff_s: 1}")
    status, _, err = run(folder, "check", "p.yaml")
    assert (status, err) == (
        2,
        "p.yaml:3:3: node `work` has no file for its dead letters, and on_error is dead_letter. "
        "Hint: name one with dead_letter: rejected.jsonl\n1 problem",
    )


def test_a_run_that_a_bad_row_ended_goes_on_under_a_policy(folder: Path) -> None:
    """Another on_error is no other pipeline: the state is taken, and the row that ended the run is left out."""
    write(folder, refused=[3])
    assert run(folder, "run", "p.yaml", "--state", "state")[:2] == (1, [0, 1, 2])
    write(folder, refused=[3], work=", on_error: skip")
    status, shown, _ = run(folder, "run", "p.yaml", "--state", "state")
    assert (status, shown[-6:]) == (0, [4, 5, 6, 7, 8, 9])


def test_kill_9_loses_no_dead_letter(folder: Path) -> None:
    """Killed at any moment and resumed, every refused row has a letter, maybe two, and every other row arrives."""
    refused, end = list(range(0, 400, 3)), 400
    write(folder, end=end, refused=refused, work=TO_FILE + ", slow: 0.0005, batch_rows: 7")
    shown: list[int] = []
    status, kills = -signal.SIGKILL, 0
    while status == -signal.SIGKILL:
        process = start(folder, "run", "p.yaml", "--state", "state")
        if kills < 2:
            before = size(folder)
            while process.poll() is None and size(folder) <= before + 6000:
                time.sleep(0.001)
            process.kill()
            kills += 1
        out, err = process.communicate(timeout=60)
        status = process.returncode
        assert status in (-signal.SIGKILL, 3), err
        shown += [int(line) for line in out.split()]
    assert set(shown) == set(range(end)) - set(refused)
    found = [int(json.loads(line)["row"]["n"]) for line in (folder / "dead.jsonl").read_text().splitlines()]
    assert set(found) == set(refused)


def test_dead_letters_of_before_a_crash_count_at_the_end(folder: Path) -> None:
    """A run that goes on exits with 3 for the letters of the runs before it; a new one counts its own."""
    write(folder, end=300, refused=[3], source=", batch_rows: 10", work=TO_FILE + ", slow: 0.004, batch_rows: 1")
    process = start(folder, "run", "p.yaml", "--state", "state")
    while read_after(folder) < 10:
        assert process.poll() is None
    process.kill()
    process.communicate()
    assert len(letters(folder)) == 1
    shutil.copytree(folder / "state", folder / "copy")
    status, shown, said = run(folder, "run", "p.yaml", "--state", "state")
    assert (status, shown[-1]) == (3, 299)
    assert 3 not in shown
    assert said.splitlines()[-1] == (
        "p.yaml: success in # s, with 1 dead letter of the runs that it went on with in dead.jsonl"
    )
    process = start(folder, "run", "p.yaml", "--state", "copy", "--log-format", "json")
    last = json.loads(process.communicate(timeout=60)[1].splitlines()[-1])
    assert (process.returncode, last["earlier_dead_letters"]) == (3, {"dead.jsonl": 1})
    # The next one begins anew, and has a letter of its own.
    status, _, said = run(folder, "run", "p.yaml", "--state", "state")
    assert (status, said.splitlines()[-1]) == (3, "p.yaml: success in # s, with 1 dead letter in dead.jsonl")


def test_dead_letters_that_were_taken_away_do_not_count(folder: Path) -> None:
    """Whoever has dealt with the file has dealt with its letters."""
    write(folder, end=300, refused=[3], source=", batch_rows: 10", work=TO_FILE + ", slow: 0.004, batch_rows: 1")
    process = start(folder, "run", "p.yaml", "--state", "state")
    while read_after(folder) < 10:
        assert process.poll() is None
    process.kill()
    process.communicate()
    (folder / "dead.jsonl").write_text("no letter\n")
    status, _, said = run(folder, "run", "p.yaml", "--state", "state")
    assert (status, said.splitlines()[-1]) == (0, "p.yaml: success in # s")


def read_after(folder: Path) -> int:
    """Return how far the source is by the state."""
    try:
        found = read_state(folder / "state").cursors.get("`count`", 0)
    except StateError:
        return 0
    return found if isinstance(found, int) else 0


def size(folder: Path) -> int:
    """Return the size of the dead letters."""
    path = folder / "dead.jsonl"
    return path.stat().st_size if path.exists() else 0


def test_rows_of_a_table_that_break_the_contract_are_dead_letters(database: Database, folder: Path) -> None:
    """Zero dates are rejected row by row, and the rest of their page goes on."""
    database.execute(
        "SET sql_mode = ''",
        "CREATE TABLE visits (n int PRIMARY KEY, day date NOT NULL)",
        "INSERT INTO visits SELECT seq, IF(seq % 4, '2024-01-31', '0000-00-00') FROM seq_1_to_20",
    )
    (folder / "p.yaml").write_text(
        f"nodes:\n  read: {{class: StreamMySQLTable, options: {{url: '{database.url}', table: visits, page_rows: 6"
        f"{TO_FILE}}}}}\n  show: {{class: Show}}\npaths: [[read, show]]\n"
    )
    status, shown, err = run(folder, "run", "p.yaml")
    assert (status, shown) == (3, [n for n in range(1, 21) if n % 4]), err
    found = [json.loads(line) for line in (folder / "dead.jsonl").read_text().splitlines()]
    assert [letter["row"]["n"] for letter in found] == [4, 8, 12, 16, 20]
    assert found[0]["reason"].startswith("row 4, column `day`: expected `date`, got ")


def test_rows_of_a_sqlite_table_that_break_the_contract_are_dead_letters(folder: Path) -> None:
    """What SQLite let into a column is rejected where it is none of its type, with what is there."""
    with closing(sqlite3.connect(folder / "t.db")) as connection:
        connection.execute("CREATE TABLE t (n int PRIMARY KEY NOT NULL, note varchar(5))")
        connection.executemany("INSERT INTO t VALUES (?, ?)", [(1, "a"), (2, "much too long"), (3, None), (4, b"x")])
        connection.commit()
    (folder / "p.yaml").write_text(
        f"nodes:\n  read: {{class: StreamTable, options: {{url: 'sqlite:///t.db', table: t{TO_FILE}}}}}\n"
        "  show: {class: Show}\npaths: [[read, show]]\n"
    )
    status, shown, err = run(folder, "run", "p.yaml")
    assert (status, shown) == (3, [1, 3]), err
    found = [json.loads(line) for line in (folder / "dead.jsonl").read_text().splitlines()]
    assert [(letter["number"], letter["column"]) for letter in found] == [(2, "note"), (4, "note")]


def test_a_key_that_cannot_be_read_ends_the_run(database: Database, folder: Path) -> None:
    """A row whose key is no date cannot be left out: what lies behind it would not be found."""
    database.execute(
        "SET sql_mode = ''",
        "CREATE TABLE days (n date PRIMARY KEY)",
        "INSERT INTO days VALUES ('0000-00-00'), ('2024-01-31')",
    )
    (folder / "p.yaml").write_text(
        f"nodes:\n  read: {{class: StreamMySQLTable, options: {{url: '{database.url}', table: days, page_rows: 1"
        f"{TO_FILE}}}}}\n  show: {{class: Show}}\npaths: [[read, show]]\n"
    )
    status, _, err = run(folder, "run", "p.yaml")
    assert status == 1
    assert "cannot be read on: a zero date, which is on no calendar in its key `n`" in err


def test_lines_of_a_file_are_read_again_by_the_contract_of_today(tmp_path: Path) -> None:
    """A line that was no row is one once the contract, or the letter, is mended; what is not is rejected again."""
    (tmp_path / "x.csv").write_text('n,name\n1,a\nx,b\n3\n4,"much\ntoo long"\n')
    pipeline = (
        "nodes:\n  read: {{class: ReadRows, options: {{path: x.csv, dead_letter: dead.jsonl}},"
        " output_schema: {{n: int, name: varchar({size})}}}}\n"
        "  write: {{class: WriteRows, options: {{path: {out}}}}}\npaths: [[read, write]]\n"
    )
    (tmp_path / "p.yaml").write_text(pipeline.format(size=5, out="first.csv"))
    command = [sys.executable, "-m", "nanotyped"]
    done = subprocess.run([*command, "run", "p.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, (tmp_path / "first.csv").read_text()) == (3, "n,name\n1,a\n")
    letters = (tmp_path / "dead.jsonl").read_text()
    assert letters.count("\n") == 3
    (tmp_path / "dead.jsonl").write_text(letters.replace('"x,b\\n"', '"2,b\\n"'))
    (tmp_path / "p.yaml").write_text(pipeline.format(size=20, out="again.csv"))
    done = subprocess.run(
        [*command, "replay", "dead.jsonl", "p.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, (tmp_path / "again.csv").read_bytes()) == (
        3,
        b'n,name\r\n2,b\r\n4,"much\ntoo long"\r\n',
    ), done.stderr
    last = json.loads((tmp_path / "dead.jsonl").read_text().splitlines()[-1])
    assert (last["line"], last["reason"]) == (
        {"text": "3\n", "header": ["n", "name"]},
        "x.csv, a rejected line, line 1: expected 2 cells, got 1 cell",
    )
