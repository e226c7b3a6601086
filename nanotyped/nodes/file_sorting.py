"""Reading a file whose wrong rows do not end the run: they are told from the right ones, and handed over as they stand.

It costs more than ``FileReader.batches``, which ends at the first error: every line is kept until its batch is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from nanotyped.errors import RowError
from nanotyped.nodes.columns_of_text import joined_error
from nanotyped.nodes.schema_contract import ContractMode, Discarded

if TYPE_CHECKING:
    from io import BufferedReader

    from nanotyped.nodes.file_position import Position
    from nanotyped.nodes.file_reading import FileReader, Piece
    from nanotyped.row import Row
    from nanotyped.row.raw_line import RawLine


class RowSorter:
    """Gives the rows of a file that are right, and hands over the others. Used by one thread.

    Args:
        reader: Reads the file.
        reject: Takes what is wrong; ``None`` where that ends the run.
        discarded: Where what the contract lets go is counted, of other files too.

    Attributes:
        discarded: What the contract let go.
    """

    def __init__(
        self,
        reader: FileReader,
        reject: Callable[[RawLine, RowError], None] | None,
        discarded: Discarded | None = None,
    ) -> None:
        self._reader = reader
        self._reject = reject
        self.discarded = discarded or Discarded()

    def batches(self, file: BufferedReader, start: Position) -> Iterator[Sequence[Row]]:
        """Yield the right rows behind a position, as ``FileReader.batches`` does.

        Raises:
            RowError: Of every wrong row of a batch, where nobody takes them.
            SourceError: If the file is none of the format.
        """
        reader, number = self._reader, start.row
        pieces: list[Piece] = []
        here = start
        for piece in reader.pieces(file, start):
            number += 1
            piece.number = number
            pieces.append(piece)
            here = reader.here  # behind a record that is still being written there is nothing to go on from
            if len(pieces) == reader.batch_rows:
                rows = self.right_rows(pieces)
                reader.position = here._replace(row=number)
                yield rows
                pieces = []
        if pieces:
            rows = self.right_rows(pieces)
            reader.reach_end(here._replace(row=number))
            yield rows

    def row_of(self, line: RawLine) -> Row | None:
        """Return the row of a line that was rejected, ``None`` where the contract lets it go.

        Raises:
            RowError: If it is still wrong.
        """
        piece = self._reader.piece_of(line)
        rows = self.right_rows([piece])
        return rows[0] if rows else None

    def right_rows(self, pieces: Sequence[Piece]) -> list[Row]:
        """Return the rows of the pieces that are right, and hand over those that are wrong.

        Raises:
            RowError: Of every wrong one, where nobody takes them.
        """
        rows = self._made([piece for piece in pieces if piece.error is None and not piece.is_beyond])
        wrong = [(piece, piece.error) for piece in pieces if piece.error is not None]
        if wrong and self._reject is None:
            first, error = wrong[0]
            raise joined_error([str(found) for _, found in wrong], first.number, error.column)
        for piece, error in wrong:
            error.row = piece.number
            if self._reject is not None:
                self._reject(piece.raw, error)
        for piece in pieces:
            if piece.error is None and piece.is_beyond:
                self.discarded.rows += 1
            elif piece.error is None:
                for column in piece.voided:
                    self.discarded.count_value(column)
        return rows

    def _made(self, pieces: Sequence[Piece]) -> list[Row]:
        """Return the rows of what is right, by halves: few rows of many are wrong."""
        if not pieces:
            return []
        try:
            return self._reader.rows_of(pieces)
        except RowError as error:
            if len(pieces) == 1:
                return self._settled(pieces[0], error)
        half = len(pieces) // 2
        return self._made(pieces[:half]) + self._made(pieces[half:])

    def _settled(self, piece: Piece, error: RowError) -> list[Row]:
        """Do with a wrong row what the contract says; return it if it is right then."""
        while True:
            mode = self._mode_of(piece, error)
            if mode == "discard_row":
                piece.is_beyond = True
                return []
            if mode != "discard_value" or error.column is None:
                piece.error = error
                return []
            self._reader.void(piece, error.column)
            piece.voided.append(error.column)
            try:
                return self._reader.rows_of([piece])
            except RowError as next_error:
                error = next_error

    def _mode_of(self, piece: Piece, error: RowError) -> ContractMode:
        modes, schema = self._reader.modes, self._reader.schema
        if modes is None or error.column is None or error.column not in schema:
            return "freeze"
        if self._reader.is_null(piece, error.column):
            return modes.nullable
        if modes.data_type == "discard_value" and not schema[error.column].nullable:
            return "freeze"
        return modes.data_type
