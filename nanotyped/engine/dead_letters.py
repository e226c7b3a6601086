"""Files of dead letters: rows that a node rejected, as JSON lines, on the disk before anyone lets go of the rows."""

from __future__ import annotations

import fcntl
import json
import os
import stat
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from nanotyped.errors import DeadLetterError, RowError
from nanotyped.row.exact import parse_exact, render_exact
from nanotyped.row.raw_line import RawLine

if TYPE_CHECKING:
    from pathlib import Path

    from nanotyped.node import NanoNode
    from nanotyped.row import Row

_TAIL_BYTES = 64 * 1024
_FIELDS = ("id", "run", "node", "number", "attempt", "code", "column", "reason", "at")


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A row that a node rejected, and why.

    Attributes:
        id: Its own, in all files.
        run: Id of the run.
        node: Name of the node.
        number: Number of the row at the node in that run, from 1.
        attempt: How often it was tried.
        code: Class of the error.
        column: The column it is about; ``None`` for the whole row.
        reason: Its text.
        at: When, in UTC, in ISO form.
        row: The row as it came to the node; of a source, as the source gave it, or a line of a file that is no row.
    """

    id: str
    run: str
    node: str
    number: int
    attempt: int
    code: str
    column: str | None
    reason: str
    at: str
    row: Row | RawLine

    def render(self) -> bytes:
        """Return the letter as a line of JSON, with its line end."""
        facts = {name: getattr(self, name) for name in _FIELDS}
        # What cannot be encoded as UTF-8 stands in no text of a letter but as an escape.
        safe = {name: _printable(value) if isinstance(value, str) else value for name, value in facts.items()}
        rendered = {"line": self.row.render()} if isinstance(self.row, RawLine) else render_exact(self.row)
        return msgspec.json.encode({**safe, **rendered}) + b"\n"


def _printable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def now_text() -> str:
    """Return the time for a letter."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class DeadLetterFile:
    """A file of dead letters, open for one run; its nodes may share it. New letters come behind those that are there.

    Args:
        path: The file; made for its owner alone if it is not there.

    Raises:
        DeadLetterError: If it cannot be opened, or another run writes to it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        try:
            is_new = not path.exists()
            self._file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise DeadLetterError(str(path), f"it cannot be opened: {error.strerror}") from error
        try:
            self._is_regular = stat.S_ISREG(os.fstat(self._file).st_mode)
            if self._is_regular:
                self._own(is_new=is_new)
        except BaseException as error:
            os.close(self._file)
            if isinstance(error, OSError):
                raise DeadLetterError(str(path), f"it cannot be used: {error.strerror}") from error
            raise

    def _own(self, *, is_new: bool) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            reason = "another run writes to it; wait for its end, or give this one a file of its own"
            raise DeadLetterError(str(self.path), reason) from None
        os.fchmod(self._file, 0o600)
        whole = _whole_bytes(self._file)
        if whole < os.fstat(self._file).st_size:
            # A process that was killed while it wrote: no row was let go of for such a letter.
            os.ftruncate(self._file, whole)
        if is_new:
            directory = os.open(self.path.absolute().parent, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)

    def append(self, letters: Sequence[bytes]) -> None:
        """Write letters; they are on the disk once this returns.

        Raises:
            DeadLetterError: If they cannot be written; no part of a letter stays then.
        """
        with self._lock:
            before = os.fstat(self._file).st_size
            try:
                left = memoryview(b"".join(letters))
                while left:
                    left = left[os.write(self._file, left) :]
                if self._is_regular:
                    os.fsync(self._file)
            except OSError as error:
                if self._is_regular:
                    with suppress(OSError):  # the one that counts is raised below; a torn end is cut off when opened
                        os.ftruncate(self._file, before)
                raise DeadLetterError(str(self.path), f"it cannot be written: {error.strerror}") from error

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._file)


def _whole_bytes(file: int) -> int:
    """Return the size of a file up to its last line end."""
    end = os.fstat(file).st_size
    while end:
        start = max(0, end - _TAIL_BYTES)
        piece = os.pread(file, end - start, start)
        if (found := piece.rfind(b"\n")) >= 0:
            return start + found + 1
        end = start
    return 0


class LetterFile(Protocol):
    """Where dead letters of one path go."""

    def append(self, letters: Sequence[bytes]) -> None:
        """Keep letters; they are safe once this returns."""


class LetterFiles(Protocol):
    """Where the dead letters of one run go."""

    def open(self, path: Path) -> LetterFile:
        """Return what keeps those of a path."""

    def close(self) -> None:
        """Let go of all of them."""


class DeadLetterFiles:
    """The files of one run, by path: each is opened once, however many nodes name it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._files: dict[Path, DeadLetterFile] = {}

    def open(self, path: Path) -> DeadLetterFile:
        """Return the file of a path.

        Raises:
            DeadLetterError: If it cannot be opened.
        """
        key = path.resolve()
        with self._lock:
            if key not in self._files:
                self._files[key] = DeadLetterFile(path)
            return self._files[key]

    def close(self) -> None:
        """Let go of all of them."""
        with self._lock:
            for file in self._files.values():
                file.close()
            self._files.clear()


def read_dead_letters(path: Path, end: int | None = None) -> Iterator[DeadLetter]:
    """Yield the letters of a file, in order, one line of it in memory at a time.

    Args:
        path: The file.
        end: Up to which byte of it; what comes behind is not read.

    Raises:
        DeadLetterError: If it cannot be read, or a line of it is no letter, or one whose row cannot be read back.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if end is not None and (end := end - len(line)) < 0:
                    return
                if line.endswith(b"\n"):  # what was torn off is written again by the run that goes on
                    yield _parse_letter(path, number, line)
    except OSError as error:
        raise DeadLetterError(str(path), f"it cannot be read: {error.strerror}") from error


def count_letters(path: Path, runs: Collection[str]) -> int:
    """Return how many letters of some runs a file holds; what is no letter is of none of them.

    Raises:
        DeadLetterError: If it is there and cannot be read.
    """
    try:
        if not path.is_file():
            return 0
        with path.open("rb") as file:
            return sum(_run_of(line) in runs for line in file)
    except OSError as error:
        raise DeadLetterError(str(path), f"it cannot be read: {error.strerror}") from error


def letters_of(nodes: Iterable[NanoNode[Any, Any]], runs: Collection[str]) -> dict[Path, int]:
    """Return how many letters of some runs are in the files that nodes name, of files that have some.

    Raises:
        DeadLetterError: If such a file cannot be read.
    """
    paths = {node.error_policy.dead_letter for node in nodes} if runs else set()
    found = {path: count_letters(path, runs) for path in paths if path is not None}
    return {path: count for path, count in found.items() if count}


def _run_of(line: bytes) -> str | None:
    try:
        return msgspec.json.decode(line, type=_OfRun).run
    except msgspec.DecodeError:
        return None


class _OfRun(msgspec.Struct):
    """What a letter says of its run; the rest of it is skipped."""

    run: str


def _parse_letter(path: Path, number: int, line: bytes) -> DeadLetter:
    try:
        found: dict[str, Any] = json.loads(line, parse_float=Decimal)
        facts = {name: found[name] for name in _FIELDS}
        row = RawLine.parse(found["line"]) if "line" in found else parse_exact(found)
        return DeadLetter(**facts, row=row)
    except RowError as error:
        raise DeadLetterError(str(path), f"line {number}: {error}") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        reason = f"line {number} is no dead letter: {type(error).__name__}: {error}"
        raise DeadLetterError(str(path), reason) from error
