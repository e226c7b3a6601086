"""A piece of a file that is no row: what stands there, for a dead letter that can be read again."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypedDict

from nanotyped.errors import RowError

KEPT_BYTES = 64 * 1024
"""More than a row is long; of what is longer (a quote that nobody closed) the beginning is enough to find it."""
_LONGEST_LETTER = 4


class RenderedLine(TypedDict, total=False):
    """A raw line as JSON: ``text``, or ``base64`` where it is no UTF-8; ``size_bytes`` where that is not all of it."""

    text: str
    base64: str
    size_bytes: int
    header: list[str]


@dataclass(frozen=True, slots=True)
class RawLine:
    """What stands in a file where a row should be: a line with its end, or the lines of one record.

    Attributes:
        data: Its bytes, ``KEPT_BYTES`` of them at the most.
        size_bytes: How many there are in all.
        header: The names that stand over its cells; ``None`` in a format without a header.
    """

    data: bytes
    size_bytes: int
    header: tuple[str, ...] | None = None

    @classmethod
    def of(cls, data: bytes, size_bytes: int, header: tuple[str, ...] | None = None) -> RawLine:
        """Return the line of its bytes, no more of them kept than ``KEPT_BYTES``, and no half of a letter."""
        kept = data[:KEPT_BYTES]
        if len(kept) < size_bytes:
            for missing in range(_LONGEST_LETTER):
                if _text_of(kept[: len(kept) - missing]) is not None:
                    kept = kept[: len(kept) - missing]
                    break
        return cls(kept, size_bytes, header)

    @property
    def text(self) -> str:
        """The whole of it.

        Raises:
            RowError: If it was cut, or is no UTF-8.
        """
        if len(self.data) < self.size_bytes:
            raise RowError(f"of the {self.size_bytes} bytes of this line only {len(self.data)} were kept")
        text = _text_of(self.data)
        if text is None:
            raise RowError("this line is not UTF-8")
        return text

    def render(self) -> RenderedLine:
        """Return it as what JSON holds."""
        text = _text_of(self.data)
        made: RenderedLine = {"base64": base64.b64encode(self.data).decode()} if text is None else {"text": text}
        if len(self.data) < self.size_bytes:
            made["size_bytes"] = self.size_bytes
        if self.header is not None:
            made["header"] = list(self.header)
        return made

    @classmethod
    def parse(cls, found: Mapping[str, Any]) -> RawLine:
        """Return the line of its JSON.

        Raises:
            ValueError: If it is no such JSON; ``KeyError`` and ``TypeError`` too.
        """
        encoded = "text" not in found
        data = base64.b64decode(found["base64"], validate=True) if encoded else found["text"].encode()
        header = found.get("header")
        return cls(data, found.get("size_bytes", len(data)), None if header is None else tuple(header))

    def __repr__(self) -> str:
        text = _text_of(self.data)
        return f"line {self.data!r}" if text is None else f"line {text!r}"


def _text_of(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None
