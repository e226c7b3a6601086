"""How much text a STRING type holds, and whether one holds all that another does; exactly, for any charsets.

A type is a set of texts: at most so many characters, or bytes in its charset; of the charset's repertoire; with or
without trailing blanks. One fits the other if the set is a part of the other's. Deciding that exactly, and not by a
rough bound, is what makes the relation transitive.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from nanotyped.types import intermediate as it
from nanotyped.types.charsets import repertoire, widths

if TYPE_CHECKING:
    from nanotyped.types.base import DataType

_COMMON_WIDTH = 12  # of characters of 1 to 4 bytes: what repeats in the best filling of a number of bytes


def string_of_json() -> type[DataType]:
    """Return the type of every JSON document as text: no server keeps one longer than a LONGTEXT."""
    return it.STRING.of(max_bytes=it.MAX_LENGTH)


def fits_text(given: Any, needed: Any) -> str:
    """Return why some text of one STRING type is none of another, ``""`` if there is no such text."""
    characters = max_characters(given)
    if characters == 0:
        return ""
    if needed.max_length is not None and (characters is None or characters > needed.max_length):
        return f"it may have {_more(characters)} characters, {needed.max_length} fit"
    if not has_repertoire(given.charset, needed.charset):
        return f"it may have characters that are not in {needed.charset}"
    if needed.padded and not given.padded:
        return "its trailing blanks would be dropped"
    if needed.max_bytes is not None:
        size = max_bytes(given, needed.charset)
        if size is None or size > needed.max_bytes:
            return f"it may have {_more(size)} bytes, {needed.max_bytes} fit"
    return ""


def _more(number: int | None) -> str:
    return "any number of" if number is None else str(number)


def max_characters(kind: Any) -> int | None:
    """Return the length of the longest text of a STRING type, ``None`` for no limit."""
    if kind.max_bytes is None:
        length: int | None = kind.max_length
        return length
    narrowest = min(width for width, _ in widths(kind.charset, kind.charset))
    size: int = kind.max_bytes
    return size // narrowest


@lru_cache(maxsize=1024)
def has_repertoire(given: str | None, needed: str | None) -> bool:
    """Return whether every character of a charset is one of another; ``None`` is all of Unicode."""
    if needed is None or needed == given:
        return True
    wide = repertoire(needed)
    if wide is None:
        return True
    narrow = None if given is None else repertoire(given)
    return narrow is not None and narrow <= wide


@lru_cache(maxsize=1024)
def max_bytes(kind: Any, charset: str | None) -> int | None:
    """Return the most bytes that a text of a STRING type takes in a charset (``None``: UTF-8); ``None``: no limit."""
    pairs = widths(kind.charset, charset)
    if kind.max_bytes is None:
        return None if kind.max_length is None else kind.max_length * max(width for _, width in pairs)
    return _fullest(kind.max_bytes, pairs)


def _fullest(budget: int, pairs: frozenset[tuple[int, int]]) -> int:
    """Return the largest sum of second widths while the sum of the first stays in the budget.

    The best kind of character fills all but a small rest, which is tried out.
    """
    cost, gain = max(pairs, key=lambda pair: pair[1] / pair[0])
    rest = budget if budget < 3 * _COMMON_WIDTH else 2 * _COMMON_WIDTH + budget % _COMMON_WIDTH
    best = [0] * (rest + 1)
    for size in range(1, rest + 1):
        best[size] = max((best[size - first] + second for first, second in pairs if first <= size), default=0)
    return (budget - rest) // cost * gain + best[rest]
