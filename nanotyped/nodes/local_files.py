"""Files whose names come as messages, read whole or line by line: ``LocalFileReader``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from nanotyped.errors import RowError, nearest_hint, shown
from nanotyped.node import NanoNode
from nanotyped.registry import register_node
from nanotyped.row import Column, Schema
from nanotyped.row.schema import BARE_VALUE
from nanotyped.types.intermediate import BYTES, STRING

if TYPE_CHECKING:
    from nanotyped.types.base import DataType

ReadMode = Literal["r", "rb"]
FILES_HERE = "it reads files of this machine"
_TYPES: dict[str, type[DataType]] = {"r": STRING, "rb": BYTES}


@register_node
class LocalFileReader(NanoNode[object, Any]):
    """Reads the files whose names come, each whole or line by line.

    Text is UTF-8; line ends stay as they are. A file that is not there, or cannot be read as text, is an error of the
    row that names it.

    Needs: a file name, usually by ``key``. Gives: its text, or bytes.

    Args:
        directory: Where names that are not absolute begin.
        serialize: Whether each line is a message of its own, its line end included.
        read_mode: ``r`` for text, ``rb`` for bytes.

    Raises:
        ValueError: If ``read_mode`` is neither.
    """

    send_batch_markers = True

    def __init__(
        self, *, directory: str | Path = ".", serialize: bool = False, read_mode: ReadMode = "r", **kwargs: Any
    ) -> None:
        if read_mode not in _TYPES:
            hint = nearest_hint(str(read_mode), _TYPES)
            raise ValueError(f"read_mode must be r or rb, not {read_mode!r}{'; ' + hint if hint else ''}")
        self.directory = str(directory)
        self.serialize = serialize
        self.read_mode: ReadMode = read_mode
        super().__init__(**kwargs)

    def own_output(self) -> Schema | None:
        """Return that it is a text, or bytes."""
        return super().own_output() or Schema([Column(BARE_VALUE, _TYPES[self.read_mode])])

    def spread_problem(self) -> str:
        """Return that another machine has other files."""
        return super().spread_problem() and FILES_HERE

    def process_item(self) -> Iterator[Any]:
        """Yield the file, or its lines."""
        path = path_of_message(self.__message__, self.directory)
        with opened(path, self.read_mode) as file:
            try:
                if self.serialize:
                    yield from file
                else:
                    yield file.read()
            except UnicodeDecodeError as error:
                raise RowError(f"{path} is no UTF-8 text: {error.reason} at byte {error.start}") from None


def path_of_message(message: object, directory: str = ".") -> str:
    """Return the path that a message names.

    Raises:
        RowError: If it is no file name.
    """
    if not isinstance(message, str | Path) or not str(message):
        raise RowError(f"a file name is wanted, got {shown(message)}; key says where in the message it is")
    return os.path.join(directory, message)  # noqa: PTH118 - as it is given, with a "./" in front too


def opened(path: str, mode: ReadMode = "r") -> IO[Any]:
    """Return a file, open for reading.

    Raises:
        RowError: If it is not there, or may not be read.
    """
    text = {"encoding": "utf-8", "newline": ""} if mode == "r" else {}
    try:
        return Path(path).open(mode, **text)  # type: ignore[call-overload,no-any-return]  # of either kind, by the mode
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError) as error:
        raise RowError(f"cannot read {path}: {error.strerror}") from None
