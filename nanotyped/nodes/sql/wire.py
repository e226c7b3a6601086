"""Reading a MySQL text result by the buffer: a parser compiled for the columns, instead of one object a packet.

PyMySQL sends the query and reads the column descriptions; from there rows are cut out of large reads of its connection
and come out typed, at three to four times the speed. This uses attributes of PyMySQL that are private, so it is asked
for by ``can_read_by_buffer`` and the cursor's own way stays as a fallback. Protocol: MySQL internals manual, "Text
Resultset": packets of a 3-byte length, a sequence number and a payload; a row is a run of length-coded strings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

from pymysql import err

from nanotyped.errors import CellProblem, RowValidationError, SourceError, TypeCastError, shown

if TYPE_CHECKING:
    from pymysql.connections import Connection

CHUNK_BYTES = 1 << 16
HEADER_BYTES = 4
LONGEST_PACKET = 0xFFFFFF  # a payload of this length goes on in the next packet
EOF_HEADER, ERROR_HEADER, NULL_HEADER = 0xFE, 0xFF, 0xFB
MAX_EOF_BYTES = 9
SERVER_MORE_RESULTS = 8

Row = tuple[Any, ...]
# Takes the buffer, its text, whether that is all ASCII, the position, and the list to append to; gives the position
# that it came to and the header of the packet there: 0 for "not all of it is here".
Parser = Callable[[bytes, str, bool, int, list[Row]], tuple[int, int]]


class Cell(NamedTuple):
    """How the text of a column becomes its value.

    ``form`` says what is cut out: ASCII text, text in UTF-8, or bytes; ``convert`` makes the value of it. ``exact``
    does the same slowly, and says by ``TypeCastError`` what is wrong with a text that is no value.
    """

    name: str
    spelling: str
    form: Literal["ascii", "text", "bytes"]
    convert: Callable[[Any], Any] | None
    exact: Callable[[Any], Any]


def can_read_by_buffer(connection: Connection[Any]) -> bool:
    """Return whether this PyMySQL has what ``read_rows`` reaches for."""
    result = getattr(connection, "_result", None)
    return (
        getattr(result, "unbuffered_active", None) is True
        and hasattr(getattr(connection, "_rfile", None), "read1")
        and isinstance(getattr(connection, "_next_seq_id", None), int)
        and hasattr(connection, "_sock")
        and hasattr(connection, "_read_timeout")
    )


def read_rows(connection: Connection[Any], cells: tuple[Cell, ...], first: int = 1) -> Iterator[list[Row]]:
    """Yield the rows of the query that runs unbuffered on ``connection``, typed, as many as each read brings.

    Args:
        connection: Where the query runs.
        cells: Its columns.
        first: Number of the first row, for messages.

    Raises:
        RowValidationError: If a text is none of its column's type.
        pymysql.Error: If the server reports an error, or the connection is lost.
    """
    source = _Packets(connection)
    parse = compile_parser(cells)
    while True:
        rows: list[Row] = []
        buffer = source.buffer
        try:
            position, header = parse(buffer, str(buffer, "latin-1"), buffer.isascii(), 0, rows)
        except (ValueError, ArithmeticError):
            source.advance(_end_of_good_rows(buffer, len(rows)), len(rows))
            raise _explain(cells, _decode_row(cells, source.next_payload()), first + len(rows)) from None
        source.advance(position, len(rows))
        if rows:
            yield rows
            first += len(rows)
        if header == 0:
            source.read_more()
            continue
        payload = source.next_payload()
        if header == LONGEST_PACKET:
            yield [convert_row(cells, _decode_row(cells, payload), first)]
            first += 1
            continue
        source.finish(payload)
        return


@lru_cache(maxsize=64)
def compile_parser(cells: tuple[Cell, ...]) -> Parser:
    """Return a parser of rows of these columns: one straight run of code a row."""
    names: dict[str, Any] = {"long": _long_string}
    lines = [
        "def parse(buf, text, plain, pos, out):",
        " append = out.append",
        " end = len(buf)",
        " while True:",
        "  if end - pos < 4: return pos, 0",
        "  p = pos + 4",
        "  size = buf[pos] | buf[pos + 1] << 8 | buf[pos + 2] << 16",
        f"  if size == {LONGEST_PACKET}: return pos, size",
        "  after = p + size",
        "  if after > end: return pos, 0",
        "  head = buf[p]",
        f"  if head >= {EOF_HEADER} and (head == {ERROR_HEADER} or size < {MAX_EOF_BYTES}): return pos, head",
    ]
    for index, cell in enumerate(cells):
        value = _cut_expression(cell)
        if cell.convert is not None:
            names[f"convert{index}"] = cell.convert
            value = f"convert{index}({value})"
        lines += [
            "  n = buf[p]",
            f"  if n < {NULL_HEADER}:",
            f"   p += 1; q = p + n; v{index} = {value}; p = q",
            f"  elif n == {NULL_HEADER}: p += 1; v{index} = None",
            "  else:",
            f"   p, q = long(buf, p); v{index} = {value}; p = q",
        ]
    values = "".join(f"v{index}, " for index in range(len(cells)))
    lines += [f"  append(({values}))", "  pos = after"]
    exec("\n".join(lines), names)  # noqa: S102 - made of column numbers alone
    parser: Parser = names["parse"]
    return parser


def _cut_expression(cell: Cell) -> str:
    match cell.form:
        case "ascii":
            return "text[p:q]"
        case "text":
            return "text[p:q] if plain else str(buf[p:q], 'utf-8')"
        case "bytes":
            return "buf[p:q]"


def _long_string(buffer: bytes, position: int) -> tuple[int, int]:
    """Return start and end of a length-coded string whose first byte is 252, 253 or 254."""
    width = {252: 2, 253: 3, 254: 8}[buffer[position]]
    start = position + 1 + width
    return start, start + int.from_bytes(buffer[position + 1 : start], "little")


class _Packets:
    """What was read from a connection and not yet used; keeps the sequence numbers of PyMySQL right."""

    def __init__(self, connection: Connection[Any]) -> None:
        self.buffer = b""
        self._connection = cast("Any", connection)  # most of what is used of it is private
        self._sequence: int = self._connection._next_seq_id

    def advance(self, position: int, packets: int) -> None:
        """Drop what was used: so many bytes, so many packets."""
        self.buffer = self.buffer[position:]
        self._sequence = (self._sequence + packets) % 256
        if len(self.buffer) >= HEADER_BYTES and self.buffer[3] != self._sequence:
            raise err.InternalError(f"packet sequence number wrong: got {self.buffer[3]}, expected {self._sequence}")

    def read_more(self) -> None:
        """Wait for more bytes: all that are missing of a long packet, else what one read brings."""
        missing = 0
        if len(self.buffer) >= HEADER_BYTES:
            missing = HEADER_BYTES + int.from_bytes(self.buffer[:3], "little") - len(self.buffer)
        self._connection._sock.settimeout(self._connection._read_timeout)
        try:
            if missing > CHUNK_BYTES:
                more = self._connection._rfile.read(missing)
            else:
                more = self._connection._rfile.read1(CHUNK_BYTES)
        except OSError as error:
            self._connection._force_close()
            raise err.OperationalError(2013, f"lost connection to the server during a query ({error})") from error
        if not more:
            self._connection._force_close()
            raise err.OperationalError(2013, "lost connection to the server during a query")
        self.buffer += more

    def next_payload(self) -> bytes:
        """Return the payload of the next packet, joined where it goes on in further packets."""
        parts: list[bytes] = []
        while True:
            while len(self.buffer) < HEADER_BYTES:
                self.read_more()
            size = int.from_bytes(self.buffer[:3], "little")
            while len(self.buffer) < HEADER_BYTES + size:
                self.read_more()
            parts.append(self.buffer[HEADER_BYTES : HEADER_BYTES + size])
            self.advance(HEADER_BYTES + size, 1)
            if size < LONGEST_PACKET:
                return b"".join(parts)

    def finish(self, payload: bytes) -> None:
        """Take the packet after the last row: hand the connection back to PyMySQL, or raise the server's error."""
        result = self._connection._result
        result.unbuffered_active = False
        result.connection = None
        self._connection._next_seq_id = self._sequence
        if payload[0] == ERROR_HEADER:
            err.raise_mysql_exception(payload)
        if int.from_bytes(payload[3:5], "little") & SERVER_MORE_RESULTS:
            raise SourceError("the server sent a second result, which no query asked for")


def _end_of_good_rows(buffer: bytes, rows: int) -> int:
    position = 0
    for _ in range(rows):
        position += HEADER_BYTES + int.from_bytes(buffer[position : position + 3], "little")
    return position


def _split_fields(payload: bytes, count: int) -> list[bytes | None]:
    fields: list[bytes | None] = []
    position = 0
    for _ in range(count):
        head = payload[position]
        if head == NULL_HEADER:
            fields.append(None)
            position += 1
            continue
        start, end = (position + 1, position + 1 + head) if head < NULL_HEADER else _long_string(payload, position)
        fields.append(payload[start:end])
        position = end
    return fields


def _decoded(cell: Cell, field: bytes | None) -> Any:
    if field is None or cell.form == "bytes":
        return field
    return field.decode("ascii" if cell.form == "ascii" else "utf-8")


def convert_row(cells: Sequence[Cell], values: Sequence[Any], number: int) -> Row:
    """Return a row of texts, bytes and nulls, such as PyMySQL gives without its decoders, as values.

    Raises:
        RowValidationError: If one of them is none of its column's type.
    """
    try:
        return tuple(
            value if value is None or cell.convert is None else cell.convert(value)
            for cell, value in zip(cells, values, strict=True)
        )
    except (ValueError, ArithmeticError):
        raise _explain(cells, values, number) from None


def _decode_row(cells: Sequence[Cell], payload: bytes) -> list[Any]:
    return list(map(_decoded, cells, _split_fields(payload, len(cells))))


def _explain(cells: Sequence[Cell], values: Sequence[Any], number: int) -> RowValidationError:
    """Return the error that names every cell of a row that could not be read."""
    problems = []
    for cell, value in zip(cells, values, strict=True):
        reason = "" if value is None else _problem(cell, value)
        if reason:
            problems.append(CellProblem(number, cell.name, cell.spelling, shown(value), reason))
    return RowValidationError(problems)


def _problem(cell: Cell, value: Any) -> str:
    """Return why a text is no value of its column, ``""`` if it is one."""
    try:
        if cell.convert is not None:
            cell.convert(value)
    except (ValueError, ArithmeticError) as error:
        try:
            cell.exact(value)
        except TypeCastError as problem:
            return problem.reason
        except (ValueError, ArithmeticError):
            pass
        return str(error) or type(error).__name__
    return ""
