"""Reading a MySQL text result by the buffer: a parser compiled for the columns, instead of one object a packet.

PyMySQL sends the query and reads the column descriptions; from there rows are cut out of large reads of its connection,
and the cells of each column read at once: at three to four times the speed. This uses attributes of PyMySQL that are
private, so it is asked for by ``can_read_by_buffer`` and the cursor's own way stays as a fallback. Protocol: MySQL
internals manual, "Text Resultset": packets of a 3-byte length, a sequence number and a payload; a row is a run of
length-coded strings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

from pymysql import err

from nanotyped.errors import CellProblem, RowValidationError, SourceError, TypeCastError, shown
from nanotyped.nodes.sql.description import Unreadable

if TYPE_CHECKING:
    from pymysql.connections import Connection

    from nanotyped.nodes.sql.description import Columns

CHUNK_BYTES = 1 << 16
HEADER_BYTES = 4
LONGEST_PACKET = 0xFFFFFF  # a payload of this length goes on in the next packet
EOF_HEADER, ERROR_HEADER, NULL_HEADER = 0xFE, 0xFF, 0xFB
MAX_EOF_BYTES = 9
SERVER_MORE_RESULTS = 8

Row = tuple[Any, ...]
# Takes the buffer, the same as Latin-1 text, the position, and the list to append rows of raw cells to; gives the
# position that it came to and the header of the packet there: 0 for "not all of it is here".
Parser = Callable[[bytes, str, int, list[Row]], tuple[int, int]]


class Cell(NamedTuple):
    """How the cells of a column become values.

    ``form`` says what they are: ASCII text, text in UTF-8, or bytes.
    ``read`` makes the values of a column of them, nulls included. ``exact`` makes one, slowly, and says by
    ``TypeCastError`` what is wrong with a text that is no value.
    """

    name: str
    spelling: str
    form: Literal["ascii", "text", "bytes"]
    read: Callable[[Sequence[Any]], Sequence[Any]]
    exact: Callable[[Any], Any]


def can_read_by_buffer(connection: Connection[Any]) -> bool:
    """Return whether this PyMySQL has what ``read_columns`` reaches for."""
    result = getattr(connection, "_result", None)
    return (
        getattr(result, "unbuffered_active", None) is True
        and hasattr(getattr(connection, "_rfile", None), "read1")
        and isinstance(getattr(connection, "_next_seq_id", None), int)
        and hasattr(connection, "_sock")
        and hasattr(connection, "_read_timeout")
    )


def read_columns(connection: Connection[Any], cells: tuple[Cell, ...], first: int = 1) -> Iterator[Columns]:
    """Yield the rows of the query that runs unbuffered on ``connection``, by columns, as many as each read brings.

    Args:
        connection: Where the query runs.
        cells: Its columns.
        first: Number of the first row, for messages.

    Raises:
        RowValidationError: If a text is none of its column's type.
        pymysql.Error: If the server reports an error, or the connection is lost.
    """
    source = _Packets(connection)
    parse = compile_parser(tuple(cell.form == "bytes" for cell in cells))
    while True:
        rows: list[Row] = []
        buffer = source.buffer
        position, header = parse(buffer, str(buffer, "latin-1"), 0, rows)
        source.advance(position, len(rows))
        if rows:
            yield typed_columns(cells, _decoded_columns(cells, rows), first)
            first += len(rows)
        if header == 0:
            source.read_more()
            continue
        payload = source.next_payload()
        if header == LONGEST_PACKET:
            row = tuple(map(_cut, cells, _split_fields(payload, len(cells))))
            yield typed_columns(cells, _decoded_columns(cells, [row]), first)
            first += 1
            continue
        source.finish(payload)
        return


@lru_cache(maxsize=64)
def compile_parser(are_bytes: tuple[bool, ...]) -> Parser:
    """Return a parser of rows of so many columns, of bytes or of text: one straight run of code a row."""
    lines = [
        "def parse(buf, text, pos, out):",
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
    for index, is_bytes in enumerate(are_bytes):
        source = "buf" if is_bytes else "text"
        lines += [
            "  n = buf[p]; p += 1",
            f"  if n < {NULL_HEADER}: q = p + n; v{index} = {source}[p:q]; p = q",
            f"  elif n == {NULL_HEADER}: v{index} = None",
            f"  else: p, q = long(buf, p - 1); v{index} = {source}[p:q]; p = q",
        ]
    values = "".join(f"v{index}, " for index in range(len(are_bytes)))
    lines += [f"  append(({values}))", "  pos = after"]
    names: dict[str, Any] = {"long": _long_string}
    exec("\n".join(lines), names)  # noqa: S102 - made of column numbers alone
    parser: Parser = names["parse"]
    return parser


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


def _cut(cell: Cell, field: bytes | None) -> str | bytes | None:
    """Return a raw cell as the compiled parser cuts it."""
    return field if field is None or cell.form == "bytes" else field.decode("latin-1")


def _decoded_columns(cells: Sequence[Cell], rows: list[Row]) -> Columns:
    """Return the columns of raw rows, in which each character of a text is a byte of it, with texts as they are."""
    return [
        _decoded(texts) if cell.form == "text" else texts
        for cell, texts in zip(cells, zip(*rows, strict=True), strict=True)
    ]


def _decoded(texts: Sequence[str | None]) -> Sequence[str | None]:
    if "".join(filter(None, texts)).isascii():
        return texts
    return [text if text is None or text.isascii() else text.encode("latin-1").decode() for text in texts]


def typed_columns(cells: Sequence[Cell], columns: Columns, first: int) -> Columns:
    """Return columns of texts, bytes and nulls, such as PyMySQL gives without its decoders, as columns of values.

    Raises:
        RowValidationError: If a text is none of its column's type; names every such cell of the first row that has one.
    """
    try:
        return [cell.read(texts) for cell, texts in zip(cells, columns, strict=True)]
    except (ValueError, ArithmeticError):
        raise _explain(cells, columns, first) from None


def _explain(cells: Sequence[Cell], columns: Columns, first: int) -> RowValidationError:
    """Return the error that names every cell that cannot be read of the first row that has one."""
    problems: list[CellProblem] = []
    for number, row in enumerate(zip(*columns, strict=True), first):
        for cell, value in zip(cells, row, strict=True):
            reason = "" if value is None else _problem(cell, value)
            if reason:
                problems.append(CellProblem(number, cell.name, cell.spelling, shown(value), reason))
        if problems:
            break
    return RowValidationError(problems)


def lenient(cell: Cell) -> Cell:
    """Return how a column is read of which nothing is raised: a text that is no value is given as ``Unreadable``."""

    def read(texts: Sequence[Any]) -> Sequence[Any]:
        try:
            return cell.read(texts)
        except (ValueError, ArithmeticError):
            return [None if text is None else read_one(text) for text in texts]

    def read_one(text: Any) -> Any:
        reason = _problem(cell, text)
        return Unreadable(text, cell.spelling, reason) if reason else cell.read([text])[0]

    return cell._replace(read=read)


def _problem(cell: Cell, value: Any) -> str:
    """Return why a text is no value of its column, ``""`` if it is one."""
    try:
        cell.read([value])
    except (ValueError, ArithmeticError) as error:
        try:
            cell.exact(value)
        except TypeCastError as problem:
            return problem.reason
        except (ValueError, ArithmeticError):
            pass
        return str(error) or type(error).__name__
    return ""
