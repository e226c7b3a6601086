"""What a run remembers beyond its end: the cursors of its sources, in a SQLite file that one run at a time writes."""

from __future__ import annotations

import fcntl
import json
import os
import sqlite3
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from nanotyped.errors import NanotypedError

if TYPE_CHECKING:
    from pathlib import Path

FILE_NAME, LOCK_NAME = "state.sqlite", "state.lock"
FORMAT = "1"
EXHAUSTED = {"$exhausted": True}
"""The cursor behind the last row of a source that came to its end."""
_TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS cursors (source TEXT PRIMARY KEY, cursor TEXT NOT NULL, stretches INTEGER NOT NULL) STRICT;
"""


class StateError(NanotypedError, RuntimeError):
    """The state of a pipeline cannot be used: in use, damaged, of another pipeline, or its disk is full.

    Attributes:
        path: The file.
    """

    def __init__(self, path: Path, reason: str, hint: str = "") -> None:
        self.path = path
        super().__init__(f"state `{path}`: {reason}{f'; {hint}' if hint else ''}")


Contracts: TypeAlias = Mapping[str, Mapping[str, Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class State:
    """What the file of a pipeline holds.

    Attributes:
        pipeline: Name of the pipeline, ``""`` without one.
        fingerprint: Digests of what the pipeline is, by part.
        cursors: By source, the cursor before which every row was dealt with.
        finished: Whether the last run came to its end, so that the next begins anew, but at cursors that last.
        updated_at: When it was written, in UTC.
        runs: Ids of the runs that got there, the first one first.
        contracts: What each source gave, by its name and column by column, as JSON holds it; empty in a file of before
            it was kept.
    """

    pipeline: str
    fingerprint: Mapping[str, str]
    cursors: Mapping[str, Any] = field(default_factory=dict)
    finished: bool = False
    updated_at: datetime | None = None
    runs: Sequence[str] = ()
    contracts: Contracts = field(default_factory=dict)

    @property
    def goes_on_from(self) -> dict[str, Any]:
        """Return by source what the next run goes on from: every cursor, or after a finished run those that last."""
        return {source: cursor for source, cursor in self.cursors.items() if not self.finished or lasts(cursor)}


class StateFile:
    """The state of one pipeline, open for one run. Written by one thread at a time.

    Args:
        directory: Where it is kept; made if it is not there, for its owner alone.
        fingerprint: Digests of what the pipeline is, by part; those of the file must be the same.
        pipeline: Name of the pipeline.
        reset: Whether to forget what is there.
        contracts: What each source gives; kept with the cursors, for people.

    Attributes:
        cursors: What the last run left: where each source goes on. Empty for a run that begins anew.
        run_id: Id of the run that it is open for.
        earlier_runs: Ids of those that this one goes on with, the first one first.

    Raises:
        StateError: If another run uses it, it is damaged, or of another pipeline.
    """

    def __init__(
        self,
        directory: Path,
        fingerprint: Mapping[str, str],
        pipeline: str = "",
        *,
        reset: bool = False,
        contracts: Contracts | None = None,
    ) -> None:
        self.path = directory / FILE_NAME
        self._fingerprint = dict(fingerprint)
        self._pipeline = pipeline
        self.run_id = uuid.uuid4().hex
        self.earlier_runs: Sequence[str] = ()
        self._contracts = contracts or {}
        self._connection: sqlite3.Connection | None = None
        self._lock = _take_lock(directory, self.path)
        try:
            with _reporting(self.path):
                if reset:
                    _forget(self.path)
                self.cursors: Mapping[str, Any] = self._open()
        except BaseException:
            self.close()
            raise

    def _open(self) -> dict[str, Any]:
        if not self.path.exists():
            self._make()
        self._connection = sqlite3.connect(self.path, isolation_level=None, timeout=10.0, check_same_thread=False)
        found = _read(self._connection, self.path)
        changed = differences(found.fingerprint, self._fingerprint)
        if changed:
            reason = f"it is of another pipeline than this one: {', '.join(changed)}"
            raise StateError(self.path, reason, "--reset-state forgets it and begins anew")
        self._connection.execute("PRAGMA synchronous = FULL")
        if not found.finished:
            self.earlier_runs = found.runs
            # Known before its first row, for its dead letters count for whoever goes on after it.
            self._connection.execute("INSERT OR REPLACE INTO meta VALUES ('runs', ?)", (self._runs(),))
        # Left there, they would stand for sources that a killed run had not yet a checkpoint of.
        over = [(source,) for source in found.cursors if source not in found.goes_on_from]
        self._connection.executemany("DELETE FROM cursors WHERE source = ?", over)
        return found.goes_on_from

    def _runs(self) -> str:
        return json.dumps([*self.earlier_runs, self.run_id])

    def _make(self) -> None:
        """Make the file: under another name, so that one that is there is whole, whenever this process is killed."""
        part = self.path.with_name(f"{FILE_NAME}.new")
        _forget(part)
        _forget(self.path)  # what a lost file left beside it would be taken for its own
        os.close(os.open(part, os.O_CREAT | os.O_EXCL, 0o600))  # for its owner alone from the first moment
        with closing(sqlite3.connect(part, isolation_level=None)) as self._connection:
            self._connection.executescript(_TABLES)
            self._write({}, finished=True)
            self._connection.execute("PRAGMA journal_mode = WAL")
        part.replace(self.path)
        directory = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def write(self, cursors: Mapping[str, tuple[Any, int]], *, finished: bool) -> None:
        """Keep the cursors of the sources, each with the number of its stretches; durable once this returns.

        Raises:
            StateError: If it cannot be written.
        """
        with _reporting(self.path):
            self._write(cursors, finished=finished)

    def _write(self, cursors: Mapping[str, tuple[Any, int]], *, finished: bool) -> None:
        assert self._connection is not None  # it is open
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        meta = {
            "format": FORMAT,
            "pipeline": self._pipeline,
            "fingerprint": json.dumps(self._fingerprint, sort_keys=True),
            "finished": str(int(finished)),
            "updated_at": now,
            "runs": self._runs(),
            "contracts": json.dumps(self._contracts),
        }
        with self._connection as transaction:
            transaction.execute("BEGIN IMMEDIATE")
            transaction.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", meta.items())
            transaction.executemany(
                "INSERT OR REPLACE INTO cursors VALUES (?, ?, ?)",
                [(source, json.dumps(cursor), count) for source, (cursor, count) in cursors.items()],
            )

    def close(self) -> None:
        """Let go of the file and its lock. Again: nothing."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def exhausted_at(cursor: Any) -> dict[str, Any]:
    """Return the cursor behind the last row of a source that came to its end, and by the next run goes on at one."""
    return {**EXHAUSTED, "cursor": cursor}


def is_exhausted(cursor: Any) -> bool:
    """Return whether a cursor says that its source came to its end."""
    return cursor == EXHAUSTED or lasts(cursor)


def lasts(cursor: Any) -> bool:
    """Return whether a cursor is one of ``exhausted_at``."""
    return isinstance(cursor, dict) and cursor.keys() == {*EXHAUSTED, "cursor"}


def start_of(cursor: Any) -> Any:
    """Return what a source whose cursor was kept is to go on from."""
    return cursor["cursor"] if lasts(cursor) else cursor


def read_state(directory: Path) -> State:
    """Return what the state in a directory holds, also while a run uses it.

    Raises:
        StateError: If there is none, or it cannot be read.
    """
    path = directory / FILE_NAME
    if not path.is_file():
        raise StateError(path, "there is none", "`nanotyped run FILE --state DIR` makes one")
    with _reporting(path), closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        return _read(connection, path)


def _take_lock(directory: Path, path: Path) -> int | None:
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        # Held by the open file: it ends with the process, however that ends.
        lock = os.open(directory / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StateError(path, f"its directory cannot be used: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise StateError(
            path, "another run uses it", "wait for its end, or give this one a directory of its own"
        ) from error
    return lock


def _forget(path: Path) -> None:
    """Remove a database; its log first, which a database that is made anew would take for its own."""
    for suffix in ("-wal", "-shm", ""):
        path.with_name(f"{path.name}{suffix}").unlink(missing_ok=True)


def _read(connection: sqlite3.Connection, path: Path) -> State:
    damage = [row[0] for row in connection.execute("PRAGMA quick_check(1)")]
    if damage != ["ok"]:
        raise sqlite3.DatabaseError(damage[0])
    meta = dict(connection.execute("SELECT name, value FROM meta"))
    if meta.get("format") != FORMAT:
        raise StateError(path, f"it is of the format {meta.get('format')!r}, not {FORMAT!r}", "use --reset-state")
    cursors = {
        source: json.loads(cursor) for source, cursor in connection.execute("SELECT source, cursor FROM cursors")
    }
    return State(
        meta["pipeline"],
        json.loads(meta["fingerprint"]),
        cursors,
        meta["finished"] == "1",
        datetime.fromisoformat(meta["updated_at"]),
        json.loads(meta.get("runs", "[]")),  # earlier releases kept none
        json.loads(meta.get("contracts", "{}")),
    )


def differences(kept: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Return in which parts two fingerprints are not the same, in words."""
    return [
        *(f"{part} is gone" for part in kept if part not in now),
        *(f"{part} is new" for part in now if part not in kept),
        *(f"{part} is another" for part in now if part in kept and kept[part] != now[part]),
    ]


@contextmanager
def _reporting(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StateError(path, f"it cannot be used: {error.strerror}") from error
    except (sqlite3.DatabaseError, KeyError, ValueError) as error:
        # No such table is an operational error too, beside full disks and locks.
        outside = isinstance(error, sqlite3.OperationalError) and error.sqlite_errorcode != sqlite3.SQLITE_ERROR
        if outside:
            raise StateError(path, f"it cannot be used: {error}") from error
        reason = f"it is damaged, or no state of a pipeline: {error}"
        raise StateError(path, reason, "--reset-state forgets it") from error
