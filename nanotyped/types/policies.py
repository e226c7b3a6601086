"""What a pipeline takes some column types for: zero dates, ``tinyint(1)`` and bits, each lossless unless asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

ZeroDate: TypeAlias = Literal["error", "null", "keep"]
Tinyint1: TypeAlias = Literal["int", "bool"]
Bit: TypeAlias = Literal["int", "bytes", "bool"]


@dataclass(frozen=True, slots=True)
class TypePolicies:
    """What values of some column types become.

    Attributes:
        zero_date: A date that is on no calendar (``0000-00-00``, ``2021-02-30``) is an error, a null, or kept as an
            ``InvalidDate``.
        tinyint1: A ``tinyint(1)`` is the small integer that it is to the server, or a bool: then another number than
            0 and 1 is an error.
        bit: A ``bit(n)`` is a number, its bytes (most significant first), or, where ``n`` is 1, a bool.
    """

    zero_date: ZeroDate = "error"
    tinyint1: Tinyint1 = "int"
    bit: Bit = "int"


DEFAULT_POLICIES = TypePolicies()
