"""Rows as files: CSV and JSON lines; and files that are there whole or not at all."""

from __future__ import annotations

import csv
import fcntl
import io
import os
import re
import secrets
import stat
from abc import abstractmethod
from collections.abc import Sequence
from contextlib import suppress
from operator import attrgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nanotyped.errors import RowError, SourceError, TypeCastError, shown
from nanotyped.nodes.columns_of_text import TEXTS, null_texts
from nanotyped.row import RowEncoder
from nanotyped.row.rows import row_info
from nanotyped.row.schema import BARE_VALUE
from nanotyped.types import intermediate as it
from nanotyped.types.text import render_text

if TYPE_CHECKING:
    from nanotyped.row import Column, Row, Schema


class FileWriter:
    """Turns rows into the bytes of a file."""

    def head(self, schema: Schema) -> bytes:
        """Return what stands before the first row."""
        del schema  # most formats have none
        return b""

    @abstractmethod
    def body(self, rows: Sequence[Row], first: int) -> bytes:
        """Return rows of one class as bytes; ``first`` is the number of the first.

        Raises:
            RowError: If a value cannot be written so that it is read back as it is.
        """


class CsvWriter(FileWriter):
    """CSV by RFC 4180: a header, CRLF line ends, quotes where they are needed. A cell with ``=`` in front is data too.

    Args:
        null_text: How a null is written in a text column; in every other column it is an empty cell.
    """

    def __init__(self, null_text: str) -> None:
        self._null_text = null_text
        self._names: tuple[str, ...] | None = None

    def head(self, schema: Schema) -> bytes:
        """Return the header."""
        self._names = schema.names
        return self._encoded([schema.names])

    def body(self, rows: Sequence[Row], first: int) -> bytes:
        """Return a line for each row."""
        info = row_info(type(rows[0]))
        if info.schema.names != self._names:
            names = ", ".join(f"`{name}`" for name in info.schema.names)
            raise RowError(f"row {first}: its columns are {names}, which are not those of the file", row=first)
        columns = []
        for column in info.schema:
            values = list(map(attrgetter(info.fields[column.name]), rows))
            try:
                columns.append(self._cells(column, values))
            except (ValueError, TypeError, AttributeError):
                raise self._error(column, values, rows, first) from None
        try:
            text = self._encoded(zip(*columns, strict=True))
        except UnicodeEncodeError:
            text = b"\0"
        if b"\0" in text:
            for column, cells in zip(info.schema, columns, strict=True):
                self._check_letters(column, cells, rows, first)
        return text

    def _cells(self, column: Column, values: list[Any]) -> list[str]:
        family = column.type.intermediate_type.family
        if family is it.NULL:
            return [""] * len(values)
        cells: list[str | None]
        if family in TEXTS:
            cells = values
        else:
            render = render_text(column.type)
            cells = [None if value is None else render(value) for value in values]
        if not column.nullable:
            return ["" if cell is None else cell for cell in cells]
        nulls = null_texts(column, self._null_text)
        if any(null in cells for null in nulls):
            raise ValueError("it is how a null is written")
        return [nulls[0] if cell is None else cell for cell in cells]

    def _error(self, column: Column, values: list[Any], rows: Sequence[Row], first: int) -> RowError:
        for index, value in enumerate(values):
            try:
                self._cells(column, [value])
            except (ValueError, TypeError, AttributeError) as error:
                reason = error.reason if isinstance(error, TypeCastError) else str(error)
                return _cell_error(first + index, column.name, value, reason, rows[index])
        return RowError(f"row {first}: these rows cannot be written", row=first)

    @staticmethod
    def _check_letters(column: Column, cells: Sequence[str], rows: Sequence[Row], first: int) -> None:
        for index, cell in enumerate(cells):
            try:
                found = b"\0" in cell.encode()
            except UnicodeEncodeError as error:
                raise _cell_error(first + index, column.name, cell, error.reason, rows[index]) from None
            if found:
                raise _cell_error(first + index, column.name, cell, "a CSV file holds no NUL", rows[index])

    @staticmethod
    def _encoded(lines: Any) -> bytes:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\r\n").writerows(lines)
        return text.getvalue().encode()


class JsonLinesWriter(FileWriter):
    """JSON lines (NDJSON): an object a line, each value in the JSON form of its type."""

    def __init__(self) -> None:
        self._encoders: dict[type[Row], tuple[RowEncoder, list[tuple[str, attrgetter[Any]]]]] = {}

    def body(self, rows: Sequence[Row], first: int) -> bytes:
        """Return a line for each row."""
        row_class = type(rows[0])
        if row_class not in self._encoders:
            info = row_info(row_class)
            documents = [
                (column.name, attrgetter(info.fields[column.name]))
                for column in info.schema
                if column.nullable and column.type.intermediate_type.family is it.JSON
            ]
            self._encoders[row_class] = RowEncoder(info.schema), documents
        encoder, documents = self._encoders[row_class]
        for name, read in documents:
            for index, row in enumerate(rows):
                if read(row) is it.JSON_NULL:
                    reason = "in JSON lines it could not be told from a null; write CSV"
                    raise _cell_error(first + index, name, it.JSON_NULL, reason, row)
        return encoder.lines(rows, first)


def _cell_error(number: int, column: str, value: object, reason: str, row: Row) -> RowError:
    error = RowError(
        f"row {number}, column `{column}`: {shown(value)} cannot be written: {reason}", row=number, column=column
    )
    error.row_text = shown(row)
    return error


def is_bare(schema: Schema) -> bool:
    """Return whether rows of a schema stand for one bare value."""
    return schema.names == (BARE_VALUE,)


def next_segment(path: str) -> str:
    """Return the name of the next of the files ``name-000001.csv``, ``name-000002.csv``, … of ``name.csv``.

    Raises:
        SourceError: If there is no such directory.
    """
    place = Path(path)
    pattern = re.compile(re.escape(place.stem) + r"-(\d{6,})" + re.escape(place.suffix))
    try:
        found = [int(match[1]) for file in place.parent.iterdir() if (match := pattern.fullmatch(file.name))]
    except OSError as error:
        raise SourceError(f"cannot write {path}: {error.strerror or error}") from None
    return str(place.with_name(f"{place.stem}-{max(found, default=0) + 1:06}{place.suffix}"))


def remove_abandoned(path: str, *, segments: bool) -> None:
    """Remove what writers of a file, or of its segments, left that were killed before it was in its place.

    A file that is being written is locked, and stays. Names that ``WholeFile`` does not give are not touched.
    """
    place = Path(path) if segments else Path(os.path.realpath(path))
    number = r"-\d{6,}" if segments else ""
    name = f"{re.escape(place.stem)}{number}{re.escape(place.suffix)}"
    pattern = re.compile(rf"\.{name}\.[0-9a-f]{{16}}\.part")
    with suppress(OSError):  # a directory that cannot be read, or written to, is an error of the file to come
        for part in [found for found in place.parent.iterdir() if pattern.fullmatch(found.name)]:
            _remove_unless_locked(part)


def _remove_unless_locked(part: Path) -> None:
    file = os.open(part, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        with suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            part.unlink(missing_ok=True)
    finally:
        os.close(file)


def write_whole_file(path: str, data: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        SourceError: If nothing can be written there; what stood there stays.
    """
    file = WholeFile(path)
    try:
        file.write(data)
        file.finish()
    except BaseException:
        file.abandon()
        raise


class WholeFile:
    """A file that is written beside its place and put there when it is whole. Use from one thread.

    Args:
        path: Its place. What stands there is replaced, and stays as it was if the new file is not finished.

    Raises:
        SourceError: If nothing can be written there.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        # Through a link the file that it leads to is replaced, not the link.
        self._place = Path(os.path.realpath(path))
        self._part = self._place.with_name(f".{self._place.name}.{secrets.token_hex(8)}.part")
        try:
            if self._place.exists() and not stat.S_ISREG(self._place.stat().st_mode):
                raise SourceError(f"cannot write {path}: something that is no regular file stands there")
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._file = os.fdopen(os.open(self._part, flags, 0o666), "wb")
            # Held by the open file, and so by a living process: what nobody holds was left behind.
            with suppress(OSError):  # where a file system has no locks, nothing that was left behind is removed
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise self._error(error) from None

    def write(self, data: bytes) -> None:
        """Write on.

        Raises:
            SourceError: If that fails.
        """
        try:
            self._file.write(data)
        except OSError as error:
            raise self._error(error) from None

    def finish(self) -> None:
        """Put the file into its place, on the disk itself.

        Raises:
            SourceError: If that fails; nothing is left of the file then.
        """
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            self._part.replace(self._place)
            directory = os.open(self._place.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        except OSError as error:
            self.abandon()
            raise self._error(error) from None

    def abandon(self) -> None:
        """Remove what was written. Raises nothing."""
        with suppress(OSError):
            self._file.close()
        with suppress(OSError):
            self._part.unlink(missing_ok=True)

    def _error(self, error: OSError) -> SourceError:
        return SourceError(f"cannot write {self.path}: {error.strerror or error}")
