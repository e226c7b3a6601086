"""The state file: written whole or not at all, by one run at a time, and never taken for what it is not."""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import stat
import subprocess
import sys
import textwrap
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from nanotyped.engine.checkpoint import (
    EXHAUSTED,
    FILE_NAME,
    StateError,
    StateFile,
    differences,
    exhausted_at,
    read_state,
)

if TYPE_CHECKING:
    from pathlib import Path

PRINT = {"`read`": "aa", "the graph": "bb"}
DAMAGED = "it is damaged, or no state of a pipeline"
HINT = "--reset-state forgets it"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Return where a state may be made."""
    return tmp_path / "state"


def written(directory: Path, cursors: dict[str, object], *, finished: bool = False) -> None:
    """Open the state, write cursors, and close it."""
    with closing(StateFile(directory, PRINT, "p")) as state:
        state.write({source: (cursor, 1) for source, cursor in cursors.items()}, finished=finished)


def refused(directory: Path) -> str:
    """Return what is said of a state that cannot be opened; the second try is the first one over again."""
    said = []
    for _ in range(2):
        with pytest.raises(StateError) as caught:
            StateFile(directory, PRINT)
        assert caught.value.path == directory / FILE_NAME
        said.append(str(caught.value))
    assert said[0] == said[1]
    return said[0].removeprefix(f"state `{directory / FILE_NAME}`: ")


def test_a_stopped_run_leaves_its_cursors(directory: Path) -> None:
    """The next run gets them, and whoever looks sees them, with when they were written and of what they are."""
    written(directory, {"`read`": {"key": ["é", None, 1.5]}})
    found = read_state(directory)
    assert (found.pipeline, dict(found.fingerprint), found.finished) == ("p", PRINT, False)
    assert found.cursors == {"`read`": {"key": ["é", None, 1.5]}}
    assert found.updated_at is not None
    with closing(StateFile(directory, PRINT)) as state:
        assert state.cursors == {"`read`": {"key": ["é", None, 1.5]}}


def test_a_run_after_a_finished_one_begins_anew(directory: Path) -> None:
    """There is nothing to go on from, for any of its sources, also once one of them has a checkpoint again."""
    written(directory, {"`read`": 9, "`other`": 9}, finished=True)
    with closing(StateFile(directory, PRINT)) as state:
        assert state.cursors == {}
        state.write({"`read`": (1, 1)}, finished=False)
    assert read_state(directory).cursors == {"`read`": 1}


def test_a_cursor_that_lasts_outlives_a_finished_run(directory: Path) -> None:
    """Its source goes on from there, the others begin anew; of a stopped run all of them go on."""
    lasting = exhausted_at({"after": 9})
    written(directory, {"`read`": EXHAUSTED, "`follow`": lasting}, finished=True)
    assert read_state(directory).goes_on_from == {"`follow`": lasting}
    with closing(StateFile(directory, PRINT)) as state:
        assert state.cursors == {"`follow`": lasting}
        assert read_state(directory).cursors == {"`follow`": lasting}  # kept, should this run be killed
        state.write({"`read`": (1, 1)}, finished=False)
    assert read_state(directory).goes_on_from == {"`read`": 1, "`follow`": lasting}


def test_a_cursor_that_did_not_move_stays(directory: Path) -> None:
    """A run writes those that moved; those of the run before it stand for the others."""
    written(directory, {"`read`": 1, "`other`": 2})
    written(directory, {"`read`": 3})
    assert read_state(directory).cursors == {"`read`": 3, "`other`": 2}


def test_one_run_at_a_time(directory: Path) -> None:
    """The second is refused, also with a reset; looking is free; the end of the first lets the next one in."""
    with closing(StateFile(directory, PRINT)):
        said = "another run uses it; wait for its end, or give this one a directory of its own"
        assert refused(directory) == said
        with pytest.raises(StateError, match="another run uses it"):
            StateFile(directory, PRINT, reset=True)
        assert read_state(directory).finished
    StateFile(directory, PRINT).close()


def test_the_lock_ends_with_the_process(directory: Path) -> None:
    """A run that is killed with -9 leaves a state that the next one opens, and anyone can look at before that."""
    program = textwrap.dedent("""
        import os, signal, sys
        from pathlib import Path
        from nanotyped.engine.checkpoint import StateFile
        state = StateFile(Path(sys.argv[1]), {"a": "b"})
        state.write({"a": (7, 1)}, finished=False)
        os.kill(os.getpid(), signal.SIGKILL)
    """)
    assert subprocess.run([sys.executable, "-c", program, directory], check=False).returncode == -9
    assert read_state(directory).cursors == {"a": 7}
    with closing(StateFile(directory, {"a": "b"})) as state:
        assert state.cursors == {"a": 7}


def test_only_the_owner_may_look(directory: Path) -> None:
    """Cursors may be names and mails: directory 0700, files 0600, whatever the umask."""
    before = os.umask(0)
    try:
        with closing(StateFile(directory, PRINT)) as state:
            state.write({"`read`": (1, 1)}, finished=False)
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in [directory, *directory.iterdir()]}
    finally:
        os.umask(before)
    assert modes.pop("state") == 0o700
    assert {FILE_NAME, f"{FILE_NAME}-wal", "state.lock"} <= set(modes)
    assert set(modes.values()) == {0o600}


@pytest.mark.parametrize("size", [0, 1, 100, 4096, 5000, 8192])
def test_a_truncated_state_is_refused(directory: Path, size: int) -> None:
    """However much of it is left: nothing is guessed out of a part."""
    written(directory, {"`read`": 1})
    whole = (directory / FILE_NAME).read_bytes()
    assert len(whole) > size
    (directory / FILE_NAME).write_bytes(whole[:size])
    assert refused(directory).startswith(DAMAGED)
    with pytest.raises(StateError, match=DAMAGED):
        read_state(directory)
    with closing(StateFile(directory, PRINT, reset=True)) as state:
        assert state.cursors == {}


def test_a_file_of_someone_else_is_refused_and_left_as_it_is(directory: Path) -> None:
    """Neither a text nor a database of another program is a state, and neither is changed by looking at it."""
    directory.mkdir()
    path = directory / FILE_NAME
    path.write_text("dear diary " * 100)
    assert refused(directory) == f"{DAMAGED}: file is not a database; {HINT}"
    path.unlink()
    with closing(sqlite3.connect(path)) as other, other:
        other.execute("CREATE TABLE songs (name TEXT)")
    content = path.read_bytes()
    assert refused(directory) == f"{DAMAGED}: no such table: meta; {HINT}"
    with pytest.raises(StateError, match="no such table: meta"):
        read_state(directory)
    assert path.read_bytes() == content
    assert {file.name for file in directory.iterdir()} == {FILE_NAME, "state.lock"}


def changed(directory: Path, statement: str) -> None:
    """Change the file of the state behind its back."""
    with closing(sqlite3.connect(directory / FILE_NAME)) as connection, connection:
        connection.execute(statement)


def test_another_format_is_refused(directory: Path) -> None:
    """A state of a later version may mean something else by the same names."""
    written(directory, {})
    changed(directory, "UPDATE meta SET value = '2' WHERE name = 'format'")
    assert refused(directory) == "it is of the format '2', not '1'; use --reset-state"


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("DELETE FROM meta WHERE name = 'pipeline'", "'pipeline'"),
        ("UPDATE meta SET value = 'soon' WHERE name = 'updated_at'", "Invalid isoformat string: 'soon'"),
        ("UPDATE cursors SET cursor = '{'", "Expecting property name enclosed in double quotes"),
        ("DROP TABLE cursors", "no such table: cursors"),
    ],
)
def test_damage_inside_is_refused(directory: Path, statement: str, reason: str) -> None:
    """What a write of ours cannot have left there is damage."""
    written(directory, {"`read`": 1})
    changed(directory, statement)
    assert refused(directory).startswith(f"{DAMAGED}: {reason}")


def test_another_pipeline_is_refused_with_what_is_different(directory: Path) -> None:
    """Each part that is gone, new or another is named."""
    written(directory, {"`read`": 1})
    with pytest.raises(StateError) as caught:
        StateFile(directory, {"`read`": "cc", "`post`": "dd"})
    assert str(caught.value) == (
        f"state `{directory / FILE_NAME}`: it is of another pipeline than this one: the graph is gone, `post` is new, "
        "`read` is another; --reset-state forgets it and begins anew"
    )
    assert differences(PRINT, PRINT) == []
    StateFile(directory, PRINT).close()  # nothing was kept open


def test_a_reset_forgets_all_of_it(directory: Path) -> None:
    """Also the log of a killed run, which would bring the old cursors back."""
    written(directory, {"`read`": 1})
    with closing(sqlite3.connect(directory / FILE_NAME)) as connection:  # keeps the log from being put away
        connection.execute("SELECT * FROM meta").fetchall()
        written(directory, {"`read`": 2})
        assert (directory / f"{FILE_NAME}-wal").exists()
        with closing(StateFile(directory, {"new": "one"}, reset=True)) as state:
            assert state.cursors == {}
    found = read_state(directory)
    assert (found.cursors, found.fingerprint, found.finished) == ({}, {"new": "one"}, True)


def test_a_log_that_lost_its_file_is_not_taken_for_a_new_one(directory: Path) -> None:
    """Where the file was removed and its log was not, the next state begins with nothing."""
    with closing(StateFile(directory, PRINT)) as state:
        state.write({"`read`": (1, 1)}, finished=False)
        (directory / FILE_NAME).unlink()
    (directory / f"{FILE_NAME}-wal").write_bytes(b"left over")
    with closing(StateFile(directory, PRINT)) as state:
        assert state.cursors == {}


def test_a_state_in_the_making_is_none(directory: Path) -> None:
    """A process killed while it made the file has left no half of one in its place."""
    directory.mkdir()
    (directory / f"{FILE_NAME}.new").write_bytes(b"half of it")
    with pytest.raises(StateError) as caught:
        read_state(directory)
    assert str(caught.value).endswith("there is none; `nanotyped run FILE --state DIR` makes one")
    written(directory, {"`read`": 1})
    assert read_state(directory).cursors == {"`read`": 1}


def test_a_directory_that_cannot_be_one(tmp_path: Path) -> None:
    """A file stands in its place."""
    (tmp_path / "state").write_text("")
    with pytest.raises(StateError) as caught:
        StateFile(tmp_path / "state", PRINT)
    assert str(caught.value) == f"state `{tmp_path / 'state' / FILE_NAME}`: its directory cannot be used: File exists"


def test_a_directory_in_place_of_the_file(directory: Path) -> None:
    """It is no state, and nothing is removed to make room for one."""
    (directory / FILE_NAME).mkdir(parents=True)
    assert refused(directory) == "it cannot be used: unable to open database file"
    with pytest.raises(StateError, match=r"it cannot be used: (Is a directory|Operation not permitted)$"):
        StateFile(directory, PRINT, reset=True)


def test_a_full_disk(directory: Path) -> None:
    """A checkpoint that finds no room is an error, and the one before it stays as it was."""
    program = textwrap.dedent("""
        import json, resource, sys
        from pathlib import Path
        from nanotyped.engine.checkpoint import StateError, StateFile, read_state
        directory = Path(sys.argv[1])
        state = StateFile(directory, {"a": "b"})
        state.write({"a": (1, 1)}, finished=False)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
        try:
            state.write({"a": ("x" * 200_000, 2)}, finished=False)
        except StateError as error:
            print(json.dumps([str(error), read_state(directory).cursors]))
        state.close()
    """)
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    done = subprocess.run([sys.executable, "-c", program, directory], check=True, capture_output=True, text=True)
    said, cursors = json.loads(done.stdout)
    assert said.startswith(f"state `{directory / FILE_NAME}`: it cannot be used: disk")
    assert cursors == {"a": 1} == read_state(directory).cursors
