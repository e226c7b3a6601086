"""Files as rows, read by a schema: what the formats share, and CSV."""

from __future__ import annotations

import csv
import io
import logging
import os
import stat
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from nanotyped.errors import RowError, SourceError, nearest_hint
from nanotyped.nodes.columns_of_text import Place, RowsOfColumns, null_texts
from nanotyped.nodes.file_position import Position
from nanotyped.row.raw_line import KEPT_BYTES, RawLine
from nanotyped.row.schema import Column

if TYPE_CHECKING:
    from io import BufferedReader

    from nanotyped.nodes.schema_contract import SchemaContract
    from nanotyped.row import Row, Schema

# Longer is taken for a file that is no text, or a quote that nobody closed: memory stays flat.
MAX_LINE_BYTES = 64 * 1024 * 1024
_FOREIGN = {
    b"\x1f\x8b": "it is compressed by gzip; unpack it first",
    b"PK\x03\x04": "it is a zip archive or a workbook; unpack it, or save it as CSV, first",
    b"\xff\xfe": "it is in UTF-16; save it as UTF-8",
    b"\xfe\xff": "it is in UTF-16; save it as UTF-8",
}
logger = logging.getLogger("nanotyped.nodes.files")


class Piece:
    """What stands in a file where a row is meant to be, as far as it could be taken apart.

    Attributes:
        line: Number of its first line.
        number: Among the rows of the file, wrong ones included; whoever numbers them sets it.
        content: What the reader makes a row of.
        raw: As it stands there.
        error: Why it is no row.
        is_beyond: Whether the contract says that it is let go.
        voided: The columns whose values the contract made null.
    """

    __slots__ = ("content", "error", "is_beyond", "line", "number", "raw", "voided")

    def __init__(self, line: int, content: Any, raw: RawLine, error: RowError | None = None) -> None:
        self.line = line
        self.number = 0
        self.content = content
        self.raw = raw
        self.error = error
        self.is_beyond = False
        self.voided: list[str] = []


class FileReader:
    """Reads a file as rows of a schema, a batch at a time.

    Args:
        path: As messages show it.
        schema: Of the rows.
        row_class: Their class.
        null_text: How a null of a text column is written, where that needs a text.
        modes: What becomes of what lies beyond the schema; by default it is an error.

    Attributes:
        position: Behind the rows that were given so far.
        here: Behind what was taken out of the file so far; its row is not counted.
    """

    batch_rows = 1000

    def __init__(
        self, path: str, schema: Schema, row_class: type[Row], null_text: str, modes: SchemaContract | None = None
    ) -> None:
        self.path = path
        self.schema = schema
        self.modes = modes
        self._null_text = null_text
        self._taken: bytearray | None = None  # what stands in the lines of the record in hand, where that is kept
        self._taken_bytes = 0
        self._problem: RowError | None = None
        self._rows = RowsOfColumns(schema, row_class)
        self._offset = self._line = 0
        self._size = 0
        self._is_whole = True
        self.position = Position()

    @abstractmethod
    def batches(self, file: BufferedReader, start: Position) -> Iterator[Sequence[Row]]:
        """Yield the rows behind a position, at most ``batch_rows`` at a time; ``position`` is behind what was yielded.

        Raises:
            RowError: If a row breaks its contract; names file and line.
            SourceError: If the file is none of the format.
        """

    @abstractmethod
    def pieces(self, file: BufferedReader, start: Position) -> Iterator[Piece]:
        """Yield what stands behind a position, row by row, also what is no row; ``here`` is behind the last of them.

        Raises:
            SourceError: If the file is none of the format.
        """

    @abstractmethod
    def piece_of(self, line: RawLine) -> Piece:
        """Return what a line is that was kept, by the schema of today.

        Raises:
            RowError: If it was not kept whole.
        """

    @abstractmethod
    def rows_of(self, pieces: Sequence[Piece]) -> list[Row]:
        """Return the rows of pieces that could be taken apart.

        Raises:
            RowError: If a row breaks its contract.
        """

    @abstractmethod
    def is_null(self, piece: Piece, column: str) -> bool:
        """Return whether a piece holds nothing in a column."""

    @abstractmethod
    def void(self, piece: Piece, column: str) -> None:
        """Put a null into the place of a value."""

    def head(self, file: BufferedReader) -> tuple[str, ...] | None:
        """Return the names that stand before the first row, ``None`` in a format that has none.

        Raises:
            SourceError: If they do not go with the schema.
        """
        del file
        return None

    @property
    def here(self) -> Position:
        """Behind what was taken out of the file so far."""
        return Position(self._offset, self._line)

    def _take(self, header: tuple[str, ...] | None = None) -> tuple[RawLine, RowError | None]:
        """Return the lines of the record in hand as they stand in the file, and what is wrong with one of them."""
        taken, problem = self._taken or b"", self._problem
        raw = RawLine.of(bytes(taken), self._taken_bytes, header)
        self._taken, self._taken_bytes, self._problem = bytearray(), 0, None
        return raw, problem

    def _wrong(self, reason: str) -> None:
        """Say that the line in hand is wrong: at once, or where lines are kept, with the record that it belongs to."""
        error = RowError(f"{self.path}, line {self._line}: {reason}")
        if self._taken is None:
            raise error
        self._problem = self._problem or error

    def _go_to(self, file: BufferedReader, start: Position) -> None:
        self.position = start
        if start.offset:
            file.seek(start.offset)
            self._offset, self._line = start.offset, start.line

    def _is_cut_off(self, file: BufferedReader) -> bool:
        """Return whether the file grew while it was read, so that what has no end is still being written."""
        if os.fstat(file.fileno()).st_size <= self._size or not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return False
        logger.warning("%s is still being written: its last line is left out", self.path)
        return True

    def reach_end(self, end: Position) -> None:
        """Move behind the last row, unless its line has no end: if more comes, it is another row."""
        if self._is_whole:
            self.position = end

    def _lines(self, file: BufferedReader) -> Iterator[str]:
        self._size = os.fstat(file.fileno()).st_size
        while raw := file.readline(MAX_LINE_BYTES + 1):
            self._is_whole = raw.endswith(b"\n")
            if len(raw) <= MAX_LINE_BYTES and not self._is_whole and self._is_cut_off(file):
                self._is_whole = True  # the one before it
                return
            self._offset += len(raw)
            self._line = number = self._line + 1
            if len(raw) > MAX_LINE_BYTES:
                raise SourceError(f"{self.path}, line {number}: it has more than {MAX_LINE_BYTES} bytes")
            if number == 1 and (reason := _foreign(raw)):
                raise SourceError(f"{self.path}: {reason}")
            if self._taken is not None:
                self._taken_bytes += len(raw)
                if len(self._taken) < KEPT_BYTES:
                    self._taken += raw[:KEPT_BYTES]
            if b"\0" in raw:
                self._wrong("a NUL, which no text file holds")
            try:
                text = raw.decode()
            except UnicodeDecodeError as error:
                self._wrong(f"byte 0x{raw[error.start]:02x} at position {error.start} is not UTF-8")
                text = raw.decode(errors="replace")  # its quotes and commas still part the records
            yield text if number > 1 else text.removeprefix("\ufeff")


def _foreign(start: bytes) -> str:
    """Return what a file is by its first bytes, and what to do about it, ``""`` where they may be text in UTF-8."""
    for magic, what in _FOREIGN.items():
        if start.startswith(magic):
            return what
    return ""


class CsvReader(FileReader):
    """CSV with a header line (RFC 4180): columns by name, in any order."""

    def __init__(
        self, path: str, schema: Schema, row_class: type[Row], null_text: str, modes: SchemaContract | None = None
    ) -> None:
        super().__init__(path, schema, row_class, null_text, modes)
        self._null_texts = [self._nulls_of(column) for column in schema]
        self._names: tuple[str, ...] = ()
        self._order: list[int | None] = []
        self._extra: list[int] = []

    def _nulls_of(self, column: Column) -> tuple[str, ...]:
        """Return which cells are null; with a contract, an empty one also where it may not be null."""
        if self.modes is None or column.nullable:
            return null_texts(column, self._null_text)
        nulls = null_texts(Column(column.name, column.type, nullable=True), self._null_text)
        return nulls if "" in nulls or self.modes.nullable != "freeze" else ()

    def head(self, file: BufferedReader) -> tuple[str, ...]:
        """Return the names of the header."""
        self._header(self._records(file))
        return self._names

    def batches(self, file: BufferedReader, start: Position) -> Iterator[Sequence[Row]]:
        """Yield the rows."""
        records = self._records(file)
        order = self._header(records)
        width = len(self._names)
        self._go_to(file, start)
        lines: list[int] = []
        cells: list[list[str]] = []
        first = start.row + 1
        offset = number = 0
        for line, record in records:
            lines.append(line)
            cells.append(record)
            if len(record) != width:
                place = Place(self.path, lines, range(first, first + len(lines)))
                if len(cells) > 1:
                    made = self._made(cells[:-1], order, place)
                    self.position = Position(offset, number, first + len(made) - 1)
                    yield made
                raise place.error(len(lines) - 1, self._misfit(record))
            offset, number = self._offset, self._line
            if len(cells) == self.batch_rows:
                made = self._made(cells, order, Place(self.path, lines, range(first, first + len(lines))))
                first += len(cells)
                self.position = Position(offset, number, first - 1)
                yield made
                lines, cells = [], []
        if cells:
            made = self._made(cells, order, Place(self.path, lines, range(first, first + len(lines))))
            self.reach_end(Position(offset, number, first + len(made) - 1))
            yield made

    def pieces(self, file: BufferedReader, start: Position) -> Iterator[Piece]:
        """Yield the records."""
        self._taken = bytearray()
        records = self._records(file)
        self._header(records)
        self._go_to(file, start)
        for line, record in records:
            yield self._piece(line, record)

    def piece_of(self, line: RawLine) -> Piece:
        """Return the record of a line that was kept."""
        names = line.header or self.schema.names
        if problems := self._settle_header(names):
            raise RowError("; ".join(problems))
        try:
            records = list(csv.reader(io.StringIO(line.text, newline=""), strict=True))
        except csv.Error as error:
            raise RowError(f"this is no CSV: {error}") from None
        if len(records) != 1:
            raise RowError(f"expected 1 record, got {len(records)}")
        self._take()
        piece = self._piece(1, records[0])
        piece.raw = line
        return piece

    def _piece(self, line: int, record: list[str] | RowError) -> Piece:
        raw, problem = self._take(self._names)
        if isinstance(record, RowError):
            return Piece(line, [], raw, problem or record)
        if problem is None and len(record) != len(self._names):
            problem = RowError(f"{self.path}, line {line}: {self._misfit(record)}")
        piece = Piece(line, record, raw, problem)
        piece.is_beyond = problem is None and any(record[position] for position in self._extra)
        return piece

    def _misfit(self, record: list[str]) -> str:
        count = f"{len(record)} cell{'s' if len(record) != 1 else ''}" if record else "a blank line"
        return f"expected {len(self._names)} cells, got {count}"

    def rows_of(self, pieces: Sequence[Piece]) -> list[Row]:
        """Return the rows of records."""
        place = Place(self.path, [piece.line for piece in pieces], [piece.number for piece in pieces])
        return self._made([piece.content for piece in pieces], self._order, place)

    def is_null(self, piece: Piece, column: str) -> bool:
        """Return whether a cell is null."""
        index = self.schema.names.index(column)
        position = self._order[index]
        return position is None or piece.content[position] in (None, *self._null_texts[index])

    def void(self, piece: Piece, column: str) -> None:
        """Put a null into the place of a cell."""
        position = self._order[self.schema.names.index(column)]
        if position is not None:
            piece.content[position] = None

    def _records(self, file: BufferedReader) -> Iterator[tuple[int, Any]]:
        """Yield each record with the number of its first line; what is none, where lines are kept, as its error."""
        reader = csv.reader(self._lines(file), strict=True)
        line = 1
        while True:
            try:
                for record in reader:
                    yield line, record
                    line = self._line + 1
                return
            except csv.Error as error:
                if not file.peek(1) and self._is_cut_off(file):
                    return
                found = RowError(f"{self.path}, line {line}: this is no CSV: {error}")
                if self._taken is None:
                    raise found from None
                yield line, found
                line = self._line + 1

    def _header(self, records: Iterator[tuple[int, Any]]) -> list[int | None]:
        """Return at which position each column of the schema stands, ``None`` of one that is not there."""
        try:
            _, names = next(records, (1, []))
        except RowError as error:
            raise SourceError(str(error)) from None
        problem = self._take()[1] if self._taken is not None else None
        if problem is not None or isinstance(names, RowError):
            raise SourceError(str(problem or names))
        if not names:
            raise SourceError(f"{self.path}, line 1: there is no header; expected {_listed(self.schema.names)}")
        problems = self._settle_header(names)
        if problems:
            raise SourceError(f"{self.path}, line 1: {'; '.join(problems)}")
        return self._order

    def _settle_header(self, names: Sequence[str]) -> list[str]:
        """Take the names of a header, and return what does not go with the schema."""
        columns = "freeze" if self.modes is None else self.modes.columns
        problems = [f"column `{name}` stands there twice" for name in dict.fromkeys(names) if names.count(name) > 1]
        for name in names:
            if name not in self.schema and columns in {"freeze", "evolve"}:  # to what it was when it was looked at
                hint = nearest_hint(name, self.schema.names)
                problems.append(f"column `{name}` is not in the schema{f' ({hint})' if hint else ''}")
        for column in self.schema:
            if column.name not in names and not (columns == "discard_value" and column.nullable):
                remedy = f"; declare it `{column.type.spelling()} null`" if columns == "discard_value" else ""
                problems.append(f"column `{column.name}` is missing{remedy}")
        self._names = tuple(names)
        self._order = [names.index(name) if name in names else None for name in self.schema.names]
        if columns == "discard_row":
            self._extra = [position for position, name in enumerate(names) if name not in self.schema]
        return problems

    def _made(self, cells: list[list[str]], order: list[int | None], place: Place) -> list[Row]:
        by_position = list(zip(*cells, strict=False))
        texts = [
            [None] * len(cells) if position is None else _without_nulls(by_position[position], nulls)
            for position, nulls in zip(order, self._null_texts, strict=True)
        ]
        return self._rows.rows_of_text(texts, place)


def _without_nulls(cells: Sequence[str], nulls: tuple[str, ...]) -> Sequence[str | None]:
    if not nulls or not any(null in cells for null in nulls):
        return cells  # in which a null stands where a value was made one
    return [None if cell in nulls else cell for cell in cells]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
