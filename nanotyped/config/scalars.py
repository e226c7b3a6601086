"""Plain scalars: what unquoted YAML text stands for.

The rule is the JSON schema of YAML 1.2.2, 10.2: what JSON reads as ``null``, ``true``, ``false`` or a number is that,
and an empty scalar and ``~`` are null. Everything else is text, where that schema knows an error and YAML 1.1 a guess:
``no``, ``on``, ``012``, ``1_000``, ``0x1F``, ``12:30:00`` and ``2024-05-06`` are text as they stand.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias

Scalar: TypeAlias = "str | int | float | bool | None"

MAX_DIGITS = 1000
_WORDS: Mapping[str, Scalar] = MappingProxyType({"": None, "~": None, "null": None, "true": True, "false": False})
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?P<fraction>(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)")


def parse_scalar(text: str) -> Scalar:
    """Return what unquoted text stands for.

    Raises:
        ValueError: If it is a number that cannot be held.
    """
    if text in _WORDS:
        return _WORDS[text]
    number = _NUMBER.fullmatch(text)
    if number is None:
        return text
    if len(text) > MAX_DIGITS:
        raise ValueError(f"a number of more than {MAX_DIGITS} characters")
    if not number["fraction"]:
        return int(text)
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"the number {text} is too large for a float")
    return value
