"""JSON lines as rows, read by a schema."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from nanotyped.errors import RowError, TypeCastError, shown
from nanotyped.nodes.columns_of_text import ColumnReader, Place, joined_error
from nanotyped.nodes.file_position import Position
from nanotyped.nodes.file_reading import FileReader, Piece
from nanotyped.row.rows import is_json_key
from nanotyped.types import intermediate as it
from nanotyped.types.json import SAFE_BITS, json_form
from nanotyped.types.repeated_keys import count_keys, may_repeat_keys, repeated_key

if TYPE_CHECKING:
    from io import BufferedReader

    from nanotyped.nodes.schema_contract import ContractMode, SchemaContract
    from nanotyped.row import Column, Row, Schema
    from nanotyped.row.raw_line import RawLine

# The escapes of half of a character beyond U+FFFF, the other half of which is not beside it.
_HALF = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F]"
)

LONGEST_NUMBER = 400  # digits before the point, or places behind it: more than any column has
_TAKE_APART = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class JsonLinesReader(FileReader):
    """JSON lines (NDJSON): an object a line, of exactly the columns, each in the JSON form of its type.

    Attributes:
        unit: What messages call a line.
        takes_numbers: Whether a number may stand where the form of an integer or a decimal is text.
    """

    unit: ClassVar[str] = "line"
    takes_numbers: ClassVar[bool] = False

    def __init__(
        self, path: str, schema: Schema, row_class: type[Row], null_text: str, modes: SchemaContract | None = None
    ) -> None:
        super().__init__(path, schema, row_class, null_text, modes)
        self._readers = {column.name: _reader_of(column, numbers=self.takes_numbers) for column in schema}
        self._fields = [f"c{index}" for index in range(len(schema))]
        annotations = [_annotation(column, numbers=self.takes_numbers) for column in schema]
        self._decode = _line_decoder(schema, self._fields, annotations)
        self._documents = [field for field, kind in zip(self._fields, annotations, strict=True) if kind is Any]
        self._cells = {
            name: msgspec.json.Decoder(kind, float_hook=Decimal).decode
            for name, kind in zip(schema.names, annotations, strict=True)
        }

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
                    made = self._made(decoded, texts, Place(self.path, lines, range(first, first + len(lines))))
                    self.position = Position(offset, number - 1, first + len(made) - 1)
                    yield made
                text = f"{self.path}, line {number}: {_line_problem(line, error)}"
                raise RowError(text, row=first + len(decoded)) from None
            lines.append(number)
            texts.append(line)
            offset = self._offset
            if len(decoded) == self.batch_rows:
                made = self._made(decoded, texts, Place(self.path, lines, range(first, first + len(lines))))
                first += len(decoded)
                self.position = Position(offset, number, first - 1)
                yield made
                decoded, lines, texts = [], [], []
        if decoded:
            made = self._made(decoded, texts, Place(self.path, lines, range(first, first + len(lines))))
            self.reach_end(Position(offset, lines[-1], first + len(made) - 1))
            yield made

    def pieces(self, file: BufferedReader, start: Position) -> Iterator[Piece]:
        """Yield the lines."""
        self._taken = bytearray()
        self._go_to(file, start)
        for text in self._lines(file):
            raw, problem = self._take()
            yield self._piece(text, raw, self._line, problem)

    def piece_of(self, line: RawLine) -> Piece:
        """Return the object of a line that was kept."""
        return self._piece(line.text.removeprefix("\ufeff"), line, 1, None)

    def _piece(self, text: str, raw: RawLine, line: int, problem: RowError | None) -> Piece:
        piece = Piece(line, None, raw, problem)
        if problem is not None:
            return piece
        try:
            piece.content = text, self._decode(text)
        except msgspec.ValidationError as error:
            if self.modes is None or not self._take_apart(text, piece, self.modes):
                piece.error = RowError(f"{self.path}, {self.unit} {line}: {_line_problem(text, error)}")
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            piece.error = RowError(f"{self.path}, {self.unit} {line}: {_line_problem(text, error)}")
        return piece

    def _take_apart(self, text: str, piece: Piece, modes: SchemaContract) -> bool:
        """Take an object apart that does not fit, key by key; return whether the contract says what becomes of it."""
        try:
            found = _TAKE_APART(text)
        except msgspec.DecodeError:
            return False  # it is no object
        values = {}
        for field, column in zip(self._fields, self.schema, strict=True):
            mode, values[field] = self._cell(column, found.get(column.name), modes)
            if mode == "freeze" or (mode == "discard_value" and not column.nullable):
                return False
            piece.is_beyond = piece.is_beyond or mode == "discard_row"
            if mode == "discard_value" and column.name in found:
                piece.voided.append(column.name)
        for name in found.keys() - set(self.schema.names):
            if modes.columns == "freeze":
                return False
            piece.is_beyond = piece.is_beyond or (modes.columns == "discard_row" and bytes(found[name]) != b"null")
        piece.content = text, SimpleNamespace(**values)
        return True

    def _cell(self, column: Column, raw: msgspec.Raw | None, modes: SchemaContract) -> tuple[ContractMode | None, Any]:
        """Return the value of one key, or what becomes of what is none."""
        if raw is None:
            return modes.columns, None
        if bytes(raw) == b"null" and not column.nullable and column.type.intermediate_type.family is not it.JSON:
            return modes.nullable, None
        try:
            return None, self._cells[column.name](raw)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return modes.data_type, None

    def rows_of(self, pieces: Sequence[Piece]) -> list[Row]:
        """Return the rows of objects."""
        lines, numbers = [piece.line for piece in pieces], [piece.number for piece in pieces]
        place = Place(self.path, lines, numbers, self.unit)
        return self._made([piece.content[1] for piece in pieces], [piece.content[0] for piece in pieces], place)

    def is_null(self, piece: Piece, column: str) -> bool:
        """Return whether a key holds null."""
        return getattr(piece.content[1], self._field(column)) is None

    def void(self, piece: Piece, column: str) -> None:
        """Put a null into the place of what a key holds."""
        setattr(piece.content[1], self._field(column), None)

    def _field(self, column: str) -> str:
        return self._fields[self.schema.names.index(column)]

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
                raise joined_error(texts, place.numbers[found[0][0]], column.name) from None
        return self._rows.rows(columns, place)


def _line_problem(line: str, error: Exception) -> str:
    if not line.strip():
        return "a blank line"
    if isinstance(error, RecursionError):
        return "nested too deep"
    if "truncated" in str(error) and _HALF.search(line):
        return "half of a surrogate pair, which is no character"  # which the decoder takes for the end of the text
    return str(error)


def _line_decoder(schema: Schema, fields: list[str], annotations: list[Any]) -> Callable[[str], Any]:
    """Return what takes a line apart: into an object with the named fields, which stand for the columns in order."""
    names = schema.names if all(map(is_json_key, schema.names)) else fields
    described = [
        (field, kind, msgspec.field(name=name)) for field, kind, name in zip(fields, annotations, names, strict=True)
    ]
    line = msgspec.defstruct("Line", described, forbid_unknown_fields=True, gc=False)
    decode = msgspec.json.Decoder(line, float_hook=Decimal).decode
    if names is not fields:
        return decode
    # Names that JSON must escape are none that msgspec takes: they are brought to the names of the fields.
    inside = dict(zip(schema.names, fields, strict=True))

    def decode_renamed(text: str) -> Any:
        renamed = {inside.get(name, f"?{name}"): value for name, value in _TAKE_APART(text).items()}
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


class _NumberReader:
    """Reads a column of integers or decimals whose form is text, where a number with all its digits may stand too."""

    def __init__(self, column: Column) -> None:
        self.column = column
        self._texts = ColumnReader(column)

    def read(self, values: Sequence[Any]) -> Sequence[Any]:
        """Return the values; ``ValueError`` if one is none of the type's."""
        return self._texts.read([digits_of(value) for value in values])

    def problem(self, value: Any) -> str:
        """Return why one value is none of the column's, ``""`` if it is one."""
        try:
            return "" if value is None else self._texts.problem(digits_of(value))
        except ValueError:
            return f"expected `{self.column.spelling()}`, got {shown(value)}"


def digits_of(value: Any) -> str | None:
    """Return the text of a number; a text as it is.

    Raises:
        ValueError: If it is neither, or too long to be written out.
    """
    if value is None or type(value) is str:
        return value
    if type(value) is int:
        return str(value)
    if type(value) is Decimal and abs(value.adjusted()) <= LONGEST_NUMBER:
        return format(value, "f")
    raise ValueError(f"{shown(value)} is neither a number nor the text of one")


# Types whose JSON form is their Python value, and types whose form is text, as in CSV.
_ITSELF = frozenset({it.STRING, it.ENUM, it.BOOL, it.FLOAT, it.JSON, it.NULL})
_TEXTUAL = frozenset({it.INTEGER, it.DECIMAL, it.BYTES, it.DATE, it.DATETIME, it.TIMESTAMP, it.TIME_INTERVAL})


def _is_itself(column: Column) -> bool:
    kind: Any = column.type.intermediate_type
    small = kind.family is it.INTEGER and kind.bits is not None and kind.bits <= SAFE_BITS
    return small or kind.family in _ITSELF


def is_text_of_number(column: Column) -> bool:
    """Return whether the JSON form of a column is text that spells a number."""
    return column.type.intermediate_type.family in (it.INTEGER, it.DECIMAL) and not _is_itself(column)


def _reader_of(column: Column, *, numbers: bool) -> ColumnReader | _FormReader | _NumberReader | None:
    if _is_itself(column):
        return None
    if numbers and is_text_of_number(column):
        return _NumberReader(column)
    return (ColumnReader if column.type.intermediate_type.family in _TEXTUAL else _FormReader)(column)


def _annotation(column: Column, *, numbers: bool) -> Any:
    kind = column.type.intermediate_type
    if kind.family is it.NULL:
        return None
    is_open = kind.family is it.JSON or kind.family not in _ITSELF | _TEXTUAL
    if is_open or (numbers and is_text_of_number(column)):
        return Any
    plain = kind.python_type if _is_itself(column) else str
    return plain | None if column.nullable else plain
