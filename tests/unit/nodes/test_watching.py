from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest

from nanotyped.engine.run import start_run
from nanotyped.errors import NodeFailedError, UnfitSourceError
from nanotyped.message import Checkpoint
from nanotyped.nodes.watching import LocalDirectoryWatchdog
from tests.support.flows import Kept, run_source
from tests.unit.engine.nodes import WAIT_S, Keeping

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from nanotyped.engine.run import Run

QUICK = {"check_interval": 0.05, "settle_s": 0.02}


class Arrivals(Keeping):
    """A sink that tells when so many paths have come."""

    def __init__(self) -> None:
        self._more = threading.Condition()
        super().__init__()

    def process_item(self, row: Any) -> None:
        with self._more:
            self.messages.append(row)
            self._more.notify_all()

    def wait_for(self, count: int) -> list[Any]:
        """Wait for so many and return all."""
        with self._more:
            assert self._more.wait_for(lambda: len(self.messages) >= count, WAIT_S), self.messages
            return list(self.messages)


class Watched:
    """A run that watches a directory."""

    def __init__(self, directory: Path, **options: Any) -> None:
        self.node = LocalDirectoryWatchdog(directory=directory, **{**QUICK, **options})
        self.sink = Arrivals()
        _ = self.node > self.sink
        self.run: Run = start_run(self.node)

    def stop(self) -> list[Any]:
        """Drain the run and return all that came."""
        self.run.drain()
        self.run.wait(WAIT_S)
        return self.sink.messages


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    """Watch a directory with one old file and a directory below."""
    (tmp_path / "old.txt").write_text("old")
    (tmp_path / "below").mkdir()
    found = Watched(tmp_path)
    yield found
    found.run.terminate()
    found.run.wait(WAIT_S)


def test_new_and_modified_files(watched: Watched, tmp_path: Path) -> None:
    """A file that is new, or modified, is given by its path; old ones, directories and what lies below are not."""
    (tmp_path / "new.txt").write_text("new")
    assert watched.sink.wait_for(1) == [f"{tmp_path}/new.txt"]
    (tmp_path / "below" / "deep.txt").write_text("deep")
    (tmp_path / "old.txt").write_text("older")
    assert watched.sink.wait_for(2)[1] == f"{tmp_path}/old.txt"
    (tmp_path / "new.txt").write_text("newer")
    assert watched.sink.wait_for(3)[2] == f"{tmp_path}/new.txt"
    assert len(watched.stop()) == 3


def test_two_files_with_one_stamp(watched: Watched, tmp_path: Path) -> None:
    """Files of equal size and time are both seen, each once, in the order of time and then of name."""
    staging = tmp_path / "below"
    for name, stamp in (("b", 50), ("a", 50), ("c", 40)):
        (staging / name).write_text("x")
        os.utime(staging / name, ns=(stamp, stamp))
    for name in "bac":
        (staging / name).rename(tmp_path / name)
    assert sorted(watched.sink.wait_for(3)) == [f"{tmp_path}/{name}" for name in "abc"]
    assert len(watched.stop()) == 3


def test_files_of_one_look_are_in_order(tmp_path: Path) -> None:
    """Of one look the files come by their time, and by name where that is equal."""
    node = LocalDirectoryWatchdog(directory=tmp_path, settle_s=0)
    for name, stamp in (("b", 50), ("a", 50), ("c", 40)):
        (tmp_path / name).write_text("x")
        os.utime(tmp_path / name, ns=(stamp, stamp))
    found = [given for given in node._report({}) if not isinstance(given, Checkpoint)]
    assert found == [f"{tmp_path}/{name}" for name in "cab"]


def test_a_file_that_is_being_written_is_waited_for(tmp_path: Path) -> None:
    """A file is given once, when it has stayed the same for a while, and whole."""
    found = Watched(tmp_path, settle_s=0.2)
    with (tmp_path / "slow").open("w") as file:
        for _ in range(8):
            file.write("x" * 10)
            file.flush()
            time.sleep(0.05)  # the writer is slow: this is what the test is about
    found.sink.wait_for(1)
    assert (tmp_path / "slow").read_text() == "x" * 80
    assert found.stop() == [f"{tmp_path}/slow"]


def test_a_file_that_vanishes_is_no_error(tmp_path: Path) -> None:
    """A file that is gone before it has settled, or later, or a link to nowhere, is nothing."""
    node = LocalDirectoryWatchdog(directory=tmp_path)
    known: dict[str, Any] = {}
    (tmp_path / "brief").write_text("x")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    assert list(node._report(known)) == []
    (tmp_path / "brief").unlink()
    assert list(node._report(known)) == []
    assert node._unsettled == {}


def test_a_file_that_comes_back_is_new(tmp_path: Path) -> None:
    """A file that was gone at one look is new at the next, though its size and time are what they were."""
    node, known = LocalDirectoryWatchdog(directory=tmp_path, settle_s=0), dict[str, Any]()
    for _ in range(2):
        (tmp_path / "a").write_text("x")
        os.utime(tmp_path / "a", ns=(50, 50))
        assert next(node._report(known)) == f"{tmp_path}/a"
        (tmp_path / "a").unlink()
        assert list(node._report(known)) == []


def test_the_directory_is_looked_at_even_if_the_system_tells_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the system has no notices to give, a warning says so, and the interval does."""

    def no_notices(*_: object, **__: object) -> Iterator[object]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("watchfiles.watch", no_notices)
    found = Watched(tmp_path)
    (tmp_path / "new").write_text("x")
    assert found.sink.wait_for(1) == [f"{tmp_path}/new"]
    found.stop()
    assert [record.getMessage().partition(": ")[2] for record in caplog.records if record.levelname == "WARNING"] == [
        "the system does not tell of changes (OSError); the directory is looked at every 0.05 s"
    ]


def test_the_system_tells_before_the_interval_is_over(tmp_path: Path) -> None:
    """A change is seen at once, however long the interval is."""
    found = Watched(tmp_path, check_interval=10_000)
    for number in range(50):  # until the watch stands
        (tmp_path / f"new{number}").write_text("x")
        time.sleep(0.05)
        if found.sink.messages:
            break
    assert found.sink.wait_for(1)
    found.stop()


def test_it_stops_at_once(tmp_path: Path) -> None:
    """A watch that waits for hours ends within a second, and idle it takes no CPU."""
    found = Watched(tmp_path, check_interval=10_000)
    began, used = time.monotonic(), time.process_time()
    found.sink.seen.wait(0.5)
    assert time.process_time() - used < 0.25 * (time.monotonic() - began)
    began = time.monotonic()
    found.run.terminate()
    found.run.wait(WAIT_S)
    assert time.monotonic() - began < 1


def test_one_look(tmp_path: Path) -> None:
    """With `keep_alive` false there is one look, after the interval, and then the end."""
    (tmp_path / "old").write_text("x")

    class Meanwhile(LocalDirectoryWatchdog):
        def setup(self) -> None:
            (tmp_path / "new").write_text("x")

    node = Meanwhile(directory=tmp_path, keep_alive=False, output_key="path", **QUICK)
    assert run_source(node).dicts == [{"path": f"{tmp_path}/new"}]
    assert node.status == "success"


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    """A directory that is not there, or goes, is told with its name, before the run where that can be."""
    node = LocalDirectoryWatchdog(directory=tmp_path / "no")
    message = f"cannot watch `{tmp_path}/no`: No such file or directory"
    with pytest.raises(UnfitSourceError, match=message):
        node.discover_schema()
    _ = node > Kept()
    with pytest.raises(UnfitSourceError, match=message):
        start_run(node)
    (tmp_path / "gone").mkdir()
    found = Watched(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    with pytest.raises(NodeFailedError, match=f"cannot watch `{tmp_path}/gone`: No such file or directory"):
        found.run.wait(WAIT_S)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"check_interval": 0}, "check_interval must be a number of seconds above 0, not 0"),
        ({"check_interval": float("nan")}, "check_interval must be a number of seconds above 0, not nan"),
        ({"settle_s": -1}, "settle_s must be a number of seconds from 0 on, not -1"),
    ],
)
def test_wrong_intervals(options: dict[str, Any], message: str) -> None:
    """Times that are none are refused."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        LocalDirectoryWatchdog(**options)
    assert str(caught.value) == message


def test_what_a_watch_gives_is_known() -> None:
    """A path is a text."""
    schema = LocalDirectoryWatchdog().output_schema_for(None)
    assert schema is not None
    assert schema.spelling() == "__value__ string"


# -- going on ------------------------------------------------------------------------------


def watch_with_state(directory: Path, state: Path, **options: Any) -> tuple[Run, Arrivals]:
    """Start a watch that keeps how far it got."""
    node = LocalDirectoryWatchdog(directory=directory, name="watch", **{**QUICK, **options})
    sink = Arrivals()
    _ = node > sink
    return start_run(node, state_dir=state), sink


def test_a_resumed_watch_gives_what_came_in_between(tmp_path: Path) -> None:
    """Behind a stop, files that came or were modified meanwhile are given, and those that were given are not again."""
    directory, state = tmp_path / "in", tmp_path / "state"
    directory.mkdir()
    (directory / "old").write_text("x")
    run, sink = watch_with_state(directory, state)
    (directory / "first").write_text("x")
    sink.wait_for(1)
    run.drain()
    run.wait(WAIT_S)
    assert sink.messages == [f"{directory}/first"]

    (directory / "second").write_text("x")
    (directory / "old").write_text("xx")
    run, sink = watch_with_state(directory, state)
    assert sorted(sink.wait_for(2)) == [f"{directory}/old", f"{directory}/second"]
    (directory / "third").write_text("x")
    sink.wait_for(3)
    run.drain()
    run.wait(WAIT_S)
    assert sink.messages[2:] == [f"{directory}/third"]


def test_a_run_that_failed_loses_no_file(tmp_path: Path) -> None:
    """A file whose message was not dealt with when the run failed is given again."""
    directory, state = tmp_path / "in", tmp_path / "state"
    directory.mkdir()

    class Telling(LocalDirectoryWatchdog):
        def setup(self) -> None:
            if not (directory / "a").exists():
                (directory / "a").touch()

    class Failing(Arrivals):
        fails = True

        def process_item(self, row: Any) -> None:
            if self.fails:
                raise RuntimeError("no")
            super().process_item(row)

    def start() -> tuple[Run, Failing]:
        node, sink = Telling(directory=directory, name="watch", **QUICK), Failing()
        _ = node > sink
        return start_run(node, state_dir=state), sink

    run, _ = start()
    with pytest.raises(NodeFailedError):
        run.wait(WAIT_S)
    Failing.fails = False
    run, sink = start()
    assert sink.wait_for(1) == [f"{directory}/a"]
    run.drain()
    run.wait(WAIT_S)
