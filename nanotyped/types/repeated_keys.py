"""Keys that an object of a JSON text has twice: decoders keep the last one in silence, and what stood first is lost."""

from __future__ import annotations

import json
import re
from typing import Any

_KEY_END = re.compile(r'"[ \t\r\n]*:')
# Without these no key stands apart from its colon. Text within quotes may look like the end of a key, never the other
# way round: more keys may be counted than there are, and no fewer.
_SPACED = ("\t", "\r", " :", "\n:")


class _RepeatedKeyError(ValueError):
    """An object has a key twice; the key is its argument."""


def count_keys(document: object) -> int:
    """Return how many keys all objects of a document hold."""
    found = 0
    waiting = [document]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            found += len(one)
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one
    return found


def may_repeat_keys(text: str, keys: int) -> bool:
    """Return whether JSON text may have more keys than were decoded; if not, none is there twice. Quick.

    Args:
        text: The text, of any number of values.
        keys: How many keys the objects of the values hold.
    """
    if text.count(":") <= keys:  # each key has one
        return False
    if any(sign in text for sign in _SPACED):
        return len(_KEY_END.findall(text)) > keys
    return text.count('":') > keys


def repeated_key(text: str) -> str | None:
    """Return a key that an object in a JSON text has twice, ``None`` if there is none. Slow."""
    try:
        # Numbers are left as they stand: Python reads none of more than 4300 digits.
        json.loads(text, object_pairs_hook=_unique, parse_int=str, parse_float=str, parse_constant=str)
    except _RepeatedKeyError as error:
        return str(error)
    return None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _RepeatedKeyError(next(name for name in names if names.count(name) > 1))
    return found
