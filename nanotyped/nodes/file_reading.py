"""Files as rows: CSV and JSON lines, read by a schema."""

from __future__ import annotations

import csv
import logging
import os
import re
import stat
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec

from nanotyped.errors import RowError, SourceError, TypeCastError, nearest_hint, shown
from nanotyped.nodes.columns_of_text import ColumnReader, Place, RowsOfColumns, joined_error, null_texts
from nanotyped.nodes.file_position import Position
from nanotyped.row.rows import is_json_key
from nanotyped.types import intermediate as it
from nanotyped.types.json import SAFE_BITS, json_form
from nanotyped.types.repeated_keys import count_keys, may_repeat_keys, repeated_key

if TYPE_CHECKING:
    from io import BufferedReader

    from nanotyped.row import Column, Row, Schema

# Longer is taken for a file that is no text, or a quote that nobody closed: memory stays flat.
MAX_LINE_BYTES = 64 * 1024 * 1024
BATCH_ROWS = 1000
_FOREIGN = {
    b"\x1f\x8b": "it is compressed by gzip; unpack it first",
    b"PK\x03\x04": "it is a zip archive or a workbook; unpack it, or save it as CSV, first",
    b"\xff\xfe": "it is in UTF-16; save it as UTF-8",
    b"\xfe\xff": "it is in UTF-16; save it as UTF-8",
}
# The escapes of half of a character beyond U+FFFF, the other half of which is not beside it.
_HALF = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F]"
)
logger = logging.getLogger("nanotyped.nodes.files")


class FileReader:
    """Reads a file as rows of a schema, a batch at a time.

    Args:
        path: As messages show it.
        schema: Of the rows.
        row_class: Their class.
        null_text: How a null of a text column is written, where that needs a text.

    Attributes:
        position: Behind the rows that were given so far.
    """

    def __init__(self, path: str, schema: Schema, row_class: type[Row], null_text: str) -> None:
        self.path = path
        self.schema = schema
        self._null_text = null_text
        self._rows = RowsOfColumns(schema, row_class)
        self._offset = self._line = 0
        self._size = 0
        self._is_whole = True
        self.position = Position()

    @abstractmethod
    def batches(self, file: BufferedReader, start: Position) -> Iterator[Sequence[Row]]:
        """Yield the rows behind a position, at most ``BATCH_ROWS`` at a time; ``position`` is behind what was yielded.

        Raises:
            RowError: If a row breaks its contract; names file and line.
            SourceError: If the file is none of the format.
        """

    def check_head(self, file: BufferedReader) -> None:
        """Look at what stands before the first row.

        Raises:
            SourceError: If it does not go with the schema.
        """

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

    def _reach_end(self, end: Position) -> None:
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
            if b"\0" in raw:
                raise RowError(f"{self.path}, line {number}: a NUL, which no text file holds", row=None)
            try:
                yield raw.decode() if number > 1 else raw.decode().removeprefix("\ufeff")
            except UnicodeDecodeError as error:
                reason = f"byte 0x{raw[error.start]:02x} at position {error.start} is not UTF-8"
                raise RowError(f"{self.path}, line {number}: {reason}") from None


def _foreign(start: bytes) -> str:
    """Return what a file is by its first bytes, and what to do about it, ``""`` where they may be text in UTF-8."""
    for magic, what in _FOREIGN.items():
        if start.startswith(magic):
            return what
    return ""


class CsvReader(FileReader):
    """CSV with a header line (RFC 4180): columns by name, in any order."""

    def __init__(self, path: str, schema: Schema, row_class: type[Row], null_text: str) -> None:
        super().__init__(path, schema, row_class, null_text)
        self._null_texts = [null_texts(column, null_text) for column in schema]

    def check_head(self, file: BufferedReader) -> None:
        """Read the header."""
        self._header(self._records(file))

    def batches(self, file: BufferedReader, start: Position) -> Iterator[Sequence[Row]]:
        """Yield the rows."""
        records = self._records(file)
        order = self._header(records)
        self._go_to(file, start)
        lines: list[int] = []
        cells: list[list[str]] = []
        first = start.row + 1
        offset = number = 0
        for line, record in records:
            lines.append(line)
            cells.append(record)
            if len(record) != len(order):
                place = Place(self.path, lines, first)
                if len(cells) > 1:
                    made = self._made(cells[:-1], order, place)
                    self.position = Position(offset, number, first + len(made) - 1)
                    yield made
                count = f"{len(record)} cell{'s' if len(record) != 1 else ''}" if record else "a blank line"
                raise place.error(len(lines) - 1, f"expected {len(order)} cells, got {count}")
            offset, number = self._offset, self._line
            if len(cells) == BATCH_ROWS:
                made = self._made(cells, order, Place(self.path, lines, first))
                first += len(cells)
                self.position = Position(offset, number, first - 1)
                yield made
                lines, cells = [], []
        if cells:
            made = self._made(cells, order, Place(self.path, lines, first))
            self._reach_end(Position(offset, number, first + len(made) - 1))
            yield made

    def _records(self, file: BufferedReader) -> Iterator[tuple[int, list[str]]]:
        """Yield each record with the number of its first line."""
        reader = csv.reader(self._lines(file), strict=True)
        line = 1
        try:
            for record in reader:
                yield line, record
                line = self._line + 1
        except csv.Error as error:
            if not file.peek(1) and self._is_cut_off(file):
                return
            raise RowError(f"{self.path}, line {line}: this is no CSV: {error}") from None

    def _header(self, records: Iterator[tuple[int, list[str]]]) -> list[int]:
        """Return at which position each column of the schema stands."""
        try:
            _, names = next(records, (1, []))
        except RowError as error:
            raise SourceError(str(error)) from None
        if not names:
            raise SourceError(f"{self.path}, line 1: there is no header; expected {_listed(self.schema.names)}")
        problems = [f"column `{name}` stands there twice" for name in dict.fromkeys(names) if names.count(name) > 1]
        for name in names:
            if name not in self.schema:
                hint = nearest_hint(name, self.schema.names)
                problems.append(f"column `{name}` is not in the schema{f' ({hint})' if hint else ''}")
        problems += [f"column `{name}` is missing" for name in self.schema.names if name not in names]
        if problems:
            raise SourceError(f"{self.path}, line 1: {'; '.join(problems)}")
        return [names.index(name) for name in self.schema.names]

    def _made(self, cells: list[list[str]], order: list[int], place: Place) -> list[Row]:
        by_position = list(zip(*cells, strict=False))
        texts = [
            _without_nulls(by_position[position], nulls)
            for position, nulls in zip(order, self._null_texts, strict=True)
        ]
        return self._rows.rows_of_text(texts, place)


def _without_nulls(cells: Sequence[str], nulls: tuple[str, ...]) -> Sequence[str | None]:
    if not nulls or not any(null in cells for null in nulls):
        return cells
    return [None if cell in nulls else cell for cell in cells]


class JsonLinesReader(FileReader):
    """JSON lines (NDJSON): an object a line, of exactly the columns, each in the JSON form of its type."""

    def __init__(self, path: str, schema: Schema, row_class: type[Row], null_text: str) -> None:
        super().__init__(path, schema, row_class, null_text)
        self._readers = {column.name: _reader_of(column) for column in schema}
        self._fields = [f"c{index}" for index in range(len(schema))]
        self._decode = _line_decoder(schema, self._fields)
        annotated = zip(self._fields, schema, strict=True)
        self._documents = [field for field, column in annotated if _annotation(column) is Any]

    def batches(self, file: BufferedReader, start: Position) -> Iterator[Sequence[Row]]:
        """Yield the rows."""
        self._go_to(file, start)
        decode = self._decode
        decoded: list[Any] = []
        lines: list[int] = []
        texts: list[str] = []
        first = start.row + 1
        offset = 0
        for line in self._lines(file):
            number = self._line
            try:
                decoded.append(decode(line))
            except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
                if decoded:
                    made = self._made(decoded, texts, Place(self.path, lines, first))
                    self.position = Position(offset, number - 1, first + len(made) - 1)
                    yield made
                text = f"{self.path}, line {number}: {_line_problem(line, error)}"
                raise RowError(text, row=first + len(decoded)) from None
            lines.append(number)
            texts.append(line)
            offset = self._offset
            if len(decoded) == BATCH_ROWS:
                made = self._made(decoded, texts, Place(self.path, lines, first))
                first += len(decoded)
                self.position = Position(offset, number, first - 1)
                yield made
                decoded, lines, texts = [], [], []
        if decoded:
            made = self._made(decoded, texts, Place(self.path, lines, first))
            self._reach_end(Position(offset, lines[-1], first + len(made) - 1))
            yield made

    def _check_keys(self, decoded: list[Any], texts: list[str], place: Place) -> None:
        """Raise ``RowError`` for the first line in which an object has a key twice; the decoder keeps the last."""
        nested = sum(count_keys(getattr(line, field)) for field in self._documents for line in decoded)
        if not may_repeat_keys("".join(texts), nested + len(self._fields) * len(decoded)):
            return
        for index, text in enumerate(texts):
            if (key := repeated_key(text)) is not None:
                raise place.error(index, f"the key {key!r} is there twice")

    def _made(self, decoded: list[Any], texts: list[str], place: Place) -> list[Row]:
        self._check_keys(decoded, texts, place)
        columns = []
        for field, column in zip(self._fields, self.schema, strict=True):
            values = [getattr(line, field) for line in decoded]
            if column.type.intermediate_type.family is it.JSON and not column.nullable:
                values = [it.JSON_NULL if value is None else value for value in values]
            reader = self._readers[column.name]
            try:
                columns.append(values if reader is None else reader.read(values))
            except ValueError:
                reasons = [reader.problem(value) for value in values] if reader is not None else []
                found = [(index, reason) for index, reason in enumerate(reasons) if reason]
                texts = [str(place.error(index, reason, column.name)) for index, reason in found]
                raise joined_error(texts, place.first + found[0][0], column.name) from None
        return self._rows.rows(columns, place)


def _line_problem(line: str, error: Exception) -> str:
    if not line.strip():
        return "a blank line"
    if isinstance(error, RecursionError):
        return "nested too deep"
    if "truncated" in str(error) and _HALF.search(line):
        return "half of a surrogate pair, which is no character"  # which the decoder takes for the end of the text
    return str(error)


def _line_decoder(schema: Schema, fields: list[str]) -> Callable[[str], Any]:
    """Return what takes a line apart: into an object with the named fields, which stand for the columns in order."""
    names = schema.names if all(map(is_json_key, schema.names)) else fields
    described = [
        (field, _annotation(column), msgspec.field(name=name))
        for field, column, name in zip(fields, schema, names, strict=True)
    ]
    line = msgspec.defstruct("Line", described, forbid_unknown_fields=True, gc=False)
    decode = msgspec.json.Decoder(line, float_hook=Decimal).decode
    if names is not fields:
        return decode
    # Names that JSON must escape are none that msgspec takes: they are brought to the names of the fields.
    take_apart = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
    inside = dict(zip(schema.names, fields, strict=True))

    def decode_renamed(text: str) -> Any:
        renamed = {inside.get(name, f"?{name}"): value for name, value in take_apart(text).items()}
        try:
            return decode(msgspec.json.encode(renamed))
        except msgspec.ValidationError as error:
            shown_name = re.compile(r"(?<=[.`])c([0-9]+)(?=`)")
            reason = shown_name.sub(lambda found: schema.names[int(found[1])], str(error))
            raise msgspec.ValidationError(reason.replace("`?", "`")) from None

    return decode_renamed


class _FormReader:
    """Reads a column of a type with a JSON form of its own; what ``ColumnReader`` is for text."""

    def __init__(self, column: Column) -> None:
        self.column = column
        self._decode = json_form(column.type).decode

    def read(self, values: Sequence[Any]) -> Sequence[Any]:
        """Return the values; ``TypeCastError`` if one is none of the type's."""
        return [None if value is None else self._decode(value) for value in values]

    def problem(self, value: Any) -> str:
        """Return why one value is none of the column's, ``""`` if it is one."""
        try:
            _ = value is None or self._decode(value)
        except TypeCastError as error:
            return f"expected `{self.column.spelling()}`, got {shown(value)} ({error.reason})"
        return ""


# Types whose JSON form is their Python value, and types whose form is text, as in CSV.
_ITSELF = frozenset({it.STRING, it.ENUM, it.BOOL, it.FLOAT, it.JSON, it.NULL})
_TEXTUAL = frozenset({it.INTEGER, it.DECIMAL, it.BYTES, it.DATE, it.DATETIME, it.TIMESTAMP, it.TIME_INTERVAL})


def _is_itself(column: Column) -> bool:
    kind: Any = column.type.intermediate_type
    small = kind.family is it.INTEGER and kind.bits is not None and kind.bits <= SAFE_BITS
    return small or kind.family in _ITSELF


def _reader_of(column: Column) -> ColumnReader | _FormReader | None:
    if _is_itself(column):
        return None
    return (ColumnReader if column.type.intermediate_type.family in _TEXTUAL else _FormReader)(column)


def _annotation(column: Column) -> Any:
    kind = column.type.intermediate_type
    if kind.family is it.NULL:
        return None
    if kind.family is it.JSON or kind.family not in _ITSELF | _TEXTUAL:
        return Any
    plain = kind.python_type if _is_itself(column) else str
    return plain | None if column.nullable else plain


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
