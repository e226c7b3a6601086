"""Where reading a file goes on, and what tells that it is still the file that was read so far."""

from __future__ import annotations

import hashlib
import os
from typing import Any, NamedTuple

from nanotyped.errors import SourceError

# Enough to tell two exports with the same header apart, and little enough to be read at every checkpoint.
HEAD_BYTES, TAIL_BYTES = 64 * 1024, 4 * 1024


class Position(NamedTuple):
    """What lies before a place in a file: bytes, lines, and rows."""

    offset: int = 0
    line: int = 0
    row: int = 0


class FileMarks:
    """Makes cursors of positions in an open file, and takes them back. Moves nothing in it.

    Args:
        path: As messages show it.
        descriptor: Of a regular file.
    """

    def __init__(self, path: str, descriptor: int) -> None:
        self._path = path
        self._descriptor = descriptor
        self._head: tuple[int, str] = (0, "")

    def cursor(self, position: Position) -> dict[str, Any]:
        """Return a position as JSON holds it, with digests of the first bytes, and of the last ones before it."""
        return {**position._asdict(), **self._digests(position.offset)}

    def position(self, cursor: dict[str, Any]) -> Position:
        """Return the position of a cursor.

        Raises:
            SourceError: If the file is not the one that was read.
        """
        found = Position(cursor["offset"], cursor["line"], cursor["row"])
        size = os.fstat(self._descriptor).st_size
        digests = self._digests(found.offset)
        if size < found.offset:
            reason = f"it has {size} bytes"
        elif digests["head"] != cursor["head"]:
            reason = "its first bytes are others"
        elif digests["tail"] != cursor["tail"]:
            reason = "the bytes before that are others"
        else:
            return found
        raise SourceError(
            f"{self._path} is not the file that was read up to byte {found.offset}: {reason}; "
            "put that one back, or begin anew with --reset-state"
        )

    def _digests(self, offset: int) -> dict[str, str]:
        size = min(offset, HEAD_BYTES)
        if self._head[0] != size or not size:
            self._head = size, _digest(os.pread(self._descriptor, size, 0))
        start = max(0, offset - TAIL_BYTES)
        return {"head": self._head[1], "tail": _digest(os.pread(self._descriptor, offset - start, start))}


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
