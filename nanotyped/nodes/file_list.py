"""Several files as if they were one: which they are, how far they were read, and how they are cut into parts."""

from __future__ import annotations

import glob
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nanotyped.errors import SourceError, UnfitSourceError
from nanotyped.node import Part, SizeHint, Split
from nanotyped.nodes.file_position import FileMarks, Position

if TYPE_CHECKING:
    from io import BufferedReader

    from nanotyped.node import PartSize
    from nanotyped.nodes.file_reading import FileReader

PathOption = str | Path | Sequence[str | Path]
_PATTERN_LETTERS = "*?["
# Of the first file, so much is looked at to tell how long a row is.
_SAMPLE_BYTES = 64 * 1024
_MOST_SHOWN = 10


class FileNames:
    """The files that an option names, by path or by pattern, in the order in which they are read.

    Args:
        given: The option.

    Attributes:
        texts: The paths and patterns.
        display: What messages call all of them.

    Raises:
        ValueError: If it names none, or one twice.
    """

    def __init__(self, given: PathOption) -> None:
        texts = [given] if isinstance(given, str | Path) else given
        self.texts = tuple(map(str, texts))
        if not self.texts:
            raise ValueError("path names no file")
        if twice := _twice(self.texts):
            raise ValueError(f"path names {twice} twice")
        more = len(self.texts) - 1
        self.display = f"{self.texts[0]} and {more} more" if more else self.texts[0]
        self._is_list = not isinstance(given, str | Path)

    @property
    def is_one(self) -> bool:
        """Whether it is one file, named by its path; a pattern may match others another time."""
        return not self._is_list and not _is_pattern(self.texts[0])

    def found(self) -> list[str]:
        """Return the paths, with what matches a pattern in its place, sorted by name.

        Raises:
            UnfitSourceError: If nothing matches a pattern, or a file is meant twice.
        """
        names: list[str] = []
        problems: list[str] = []
        for text in self.texts:
            matches = _matches(text)
            names += matches
            if not matches:
                problems.append(f"no file matches {text}")
        if twice := _twice(names):
            problems.append(f"{self.display}: {twice} is meant twice")
        if problems:
            raise UnfitSourceError("; ".join(problems))
        return names

    def known(self) -> list[str]:
        """Return the paths that there are now; of a pattern that nothing matches, none."""
        return [name for text in self.texts for name in _matches(text)]


def _is_pattern(text: str) -> bool:
    """Return whether a path is a pattern: one that is there is itself, whatever letters it has."""
    return any(letter in text for letter in _PATTERN_LETTERS) and not Path(text).exists()


def _matches(text: str) -> list[str]:
    if not _is_pattern(text):
        return [text]
    # Of the library, since a pattern of pathlib has to be relative, and drops a "./" in front of names.
    found = glob.glob(text, recursive=True)  # noqa: PTH207 - see above
    return sorted(name for name in found if not Path(name).is_dir())


def _twice(names: Sequence[str]) -> str:
    return ", ".join(name for name in dict.fromkeys(names) if names.count(name) > 1)


def is_pipe(name: str) -> bool:
    """Return whether it is there and no regular file: what is taken out of it is gone."""
    return Path(name).exists() and not Path(name).is_file()


def open_file(name: str) -> BufferedReader:
    """Return a file, open for reading.

    Raises:
        SourceError: If it is not there, or cannot be read.
    """
    try:
        return Path(name).open("rb")
    except (FileNotFoundError, IsADirectoryError) as error:
        raise UnfitSourceError(f"cannot read {name}: {error.strerror}") from None
    except OSError as error:
        raise SourceError(f"cannot read {name}: {error.strerror or error}") from None


def joined_problem(problems: Sequence[SourceError]) -> SourceError:
    """Return one error of what is wrong with several files."""
    if len(problems) == 1:
        return problems[0]
    texts = [str(problem) for problem in problems[:_MOST_SHOWN]]
    if hidden := len(problems) - len(texts):
        texts.append(f"and {hidden} more")
    kind = UnfitSourceError if all(isinstance(problem, UnfitSourceError) for problem in problems) else SourceError
    return kind("; ".join(texts))


class FileWalk:
    """Goes from file to file, and knows how far it is. Used by one thread; how far it is may be asked by others.

    A cursor holds what ``FileMarks`` says of the file in hand and, unless there is one file by its own name, that name
    and a digest of all files before it, so that it is as long for a thousand files as for two.

    Args:
        names: The files.
        display: What messages call all of them.
        is_one: Whether cursors are of one file that is known by its path.

    Attributes:
        size: How many bytes it reads, once it has begun; ``None`` where nobody knows.
        can_go_on: Whether there are cursors: what is no regular file cannot be read again.
    """

    def __init__(self, names: Sequence[str], display: str, *, is_one: bool) -> None:
        self._names = names
        self._display = display
        self._is_one = is_one
        self._file: BufferedReader | None = None
        self._marks: FileMarks | None = None
        self._passed = 0
        self._digest = ""
        self._progress: tuple[int, int, FileReader | None] = (0, 0, None)
        self.size: SizeHint | None = None
        self.can_go_on = not any(map(is_pipe, names))

    def files(self, cursor: dict[str, Any] | None) -> Iterator[tuple[str, BufferedReader, Position]]:
        """Yield each file, open, and where in it to begin; it was read to its end when the next one is asked for.

        Args:
            cursor: Where to go on; ``None``: at the very start.

        Raises:
            SourceError: If a file cannot be read, or those up to the cursor are not the ones that were read.
        """
        self._pass_read(cursor)
        for name in self._names[self._passed :]:
            with open_file(name) as self._file:
                start = Position()
                if self.can_go_on:
                    self._marks = FileMarks(name, self._file.fileno())
                    start = start if cursor is None else self._marks.position(cursor)
                    self._measure(start)
                cursor = None
                self._progress = (self.done, start.offset, None)
                yield name, self._file, start
                self._pass(name)

    def follow(self, reader: FileReader) -> None:
        """Look from now on at how far a reader is in the file in hand."""
        before, start, _ = self._progress
        self._progress = (before, start, reader)

    @property
    def done(self) -> int:
        """How many bytes were read, of those that ``size`` counts."""
        before, start, reader = self._progress
        return before if reader is None or not self.can_go_on else before + max(0, reader.here.offset - start)

    def cursor(self, position: Position) -> dict[str, Any]:
        """Return a position in the file in hand as JSON holds it."""
        assert self._marks is not None  # a file that can be gone on with is in hand
        found = self._marks.cursor(position)
        if self._is_one:
            return found
        return {**found, "file": self._names[self._passed], "files_before": self._passed, "before": self._digest}

    def close(self) -> None:
        """Close the file in hand."""
        if self._file is not None:
            self._file.close()

    def _measure(self, start: Position) -> None:
        if self.size is None:
            sizes = [_size_of(name) for name in self._names[self._passed :]]
            self.size = SizeHint(max(0, sum(sizes) - start.offset), "bytes")

    def _pass(self, name: str) -> None:
        reader = self._progress[2]
        if self._marks is not None and reader is not None:
            self._digest = _chained(self._digest, name, self._marks, reader.here.offset)
        self._passed += 1

    def _pass_read(self, cursor: dict[str, Any] | None) -> None:
        """Pass the files that were read before the one of a cursor.

        Raises:
            SourceError: If they are not the ones that were read.
        """
        self._passed, self._digest, self._progress, self.size = 0, "", (0, 0, None), None
        if cursor is None or "file" not in cursor:  # what read one file said nothing of others
            return
        name, before = cursor["file"], cursor["files_before"]
        if name not in self._names:
            raise self._other_list(name, "it is no longer in it")
        place = list(self._names).index(name)
        if place != before:
            raise self._other_list(name, f"it was file {before + 1}, and is file {place + 1} now")
        for passed in self._names[:before]:
            with open_file(passed) as file:
                size = os.fstat(file.fileno()).st_size
                self._digest = _chained(self._digest, passed, FileMarks(passed, file.fileno()), size)
        if self._digest != cursor["before"]:
            files = "the file" if before == 1 else f"one of the {before} files"
            raise self._other_list(name, f"{files} before it is another, or was changed")
        self._passed = before

    def _other_list(self, name: str, reason: str) -> SourceError:
        return SourceError(
            f"{self._display}: these are not the files that were read up to {name}: {reason}; "
            "put them back, or begin anew with --reset-state"
        )


def _chained(before: str, name: str, marks: FileMarks, size: int) -> str:
    """Return a digest of files that were read, of a digest of those before the last, and of that one."""
    said = json.dumps([before, name, marks.cursor(Position(size))])
    return hashlib.sha256(said.encode()).hexdigest()


def _size_of(name: str) -> int:
    try:
        return Path(name).stat().st_size
    except OSError as error:
        raise UnfitSourceError(f"cannot read {name}: {error.strerror}") from None


def split_files(names: Sequence[str], size: PartSize) -> Split:
    """Return the parts: each file is one, or several small ones that follow each other are.

    Raises:
        SourceError: If one cannot be looked at.
    """
    sizes = [_size_of(name) for name in names]
    row_bytes = _row_bytes(names, sizes)
    most = size.rows_for(round(sum(sizes) / row_bytes)) * row_bytes
    groups: list[list[int]] = []
    in_last = 0
    for index, in_file in enumerate(sizes):
        if not groups or in_last + in_file > most:
            groups.append([])
            in_last = 0
        groups[-1].append(index)
        in_last += in_file
    parts = []
    for group in groups:
        first, last = names[group[0]], names[group[-1]]
        name = first if len(group) == 1 else f"{first} to {last} ({len(group)} files)"
        rows = round(sum(sizes[index] for index in group) / row_bytes)
        parts.append(Part({"files": [names[index] for index in group]}, name, rows))
    notice = ""
    if len(names) == 1:
        notice = f"{names[0]} is one file, and so one part; several files are read side by side"
    elif len(parts) == 1:
        notice = f"{len(names)} files of {sum(sizes):,} bytes together are not worth more than one part"
    return Split(tuple(parts), "files", (), notice)


def _row_bytes(names: Sequence[str], sizes: Sequence[int]) -> float:
    """Return about how many bytes a row has, by the beginning of the first file that has one."""
    name = next((name for name, size in zip(names, sizes, strict=True) if size), None)
    if name is None:
        return 1.0
    with open_file(name) as file:
        sample = file.read(_SAMPLE_BYTES)
    return len(sample) / max(1, sample.count(b"\n"))
