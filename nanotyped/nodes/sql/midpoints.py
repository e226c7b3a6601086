"""Values between two values of a key column: guesses at where to cut a range of keys.

A guess need not be right: where it lies, and what lies on either side of it, is for the server to say, whose order of
texts or UUIDs may be another than the one that is guessed with.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from ipaddress import IPv4Address, IPv6Address
from string import ascii_lowercase, digits
from typing import Any
from unicodedata import combining, normalize
from uuid import UUID

from nanotyped.types import InvalidDate

# So many bytes behind those that two values share tell where between them a third one lies.
_WINDOW_BYTES = 8
_UUID_WINDOW_BYTES = 4
_ALPHABET = digits + ascii_lowercase
_MICROSECOND = timedelta(microseconds=1)


def between(low: Any, high: Any, share: Fraction, codec: str = "utf-8") -> Iterator[Any]:
    """Yield values above ``low``, up to ``high``, that may have such a share of what lies between the two below them.

    There is one where the order of the values is known, and one for each order that a server may have of texts and
    UUIDs. There is none of values that nothing lies between.

    Args:
        low: A value of a column, as the driver takes it.
        high: A value behind it, in the server's order.
        share: From 0 to 1, exclusive.
        codec: The codec of a text's character set: a server does not compare texts with what is not in it.
    """
    low, high = _on_calendar(low, high), _on_calendar(high, low)
    match low, high:
        case int(), int():
            yield from _some(_number(low, high, share))
        case Decimal(), Decimal():
            yield from _some(_decimal(low, high, share))
        case datetime(), datetime():
            number = _number(0, (high - low) // _MICROSECOND, share)
            yield from () if number is None else [low + number * _MICROSECOND]
        case date(), date():
            number = _number(low.toordinal(), high.toordinal(), share)
            yield from () if number is None else [date.fromordinal(number)]
        case str(), str():
            yield from _texts(low, high, share, codec)
        case bytes(), bytes():
            yield from _some(_bytes(low, high, share))
        case UUID(), UUID():
            yield from _uuids(low, high, share)
        case (IPv4Address(), IPv4Address()) | (IPv6Address(), IPv6Address()):
            number = _number(int(low), int(high), share)
            yield from () if number is None else [type(low)(number)]


def anywhere(low: Any, high: Any, codec: str) -> Iterator[Any]:
    """Yield values that may lie between two texts of whose order nothing is known, where no guess was right."""
    if isinstance(low, str) and isinstance(high, str):
        below, above = _plain(low), _plain(high)
        for prefix in dict.fromkeys([above[: _shared(below, above)], low[: _shared(low, high)]]):
            if _is_encodable(prefix, codec):
                yield from (prefix + character for character in _ALPHABET[::4])


def _some(value: Any) -> Iterator[Any]:
    if value is not None:
        yield value


def _number(low: int, high: int, share: Fraction) -> int | None:
    return low + math.ceil((high - low) * share) if low < high else None


def _decimal(low: Decimal, high: Decimal, share: Fraction) -> Decimal | None:
    """Return one of no more digits behind the point than the two have."""
    (_, _, below), (_, _, above) = low.as_tuple(), high.as_tuple()
    assert isinstance(below, int)  # no column holds NaN or Infinity
    assert isinstance(above, int)
    digits = -min(below, above, 0)
    unit = 10**digits
    number = _number(int(Fraction(low) * unit), int(Fraction(high) * unit), share)
    return None if number is None else Decimal(f"{number}E-{digits}")


def _texts(low: str, high: str, share: Fraction, codec: str) -> Iterator[str]:
    """Yield a text between two in the order of most collations, and one in that of the characters' codes."""
    found = (
        _text(_plain(low), _plain(high), share, (_rank, _of_rank), codec),
        _text(low, high, share, (ord, chr), codec),
    )
    yield from dict.fromkeys(text for text in found if text is not None)


def _text(
    low: str, high: str, share: Fraction, order: tuple[Callable[[str], int], Callable[[int], str]], codec: str
) -> str | None:
    """Return a text between two that stand in an order of characters; ``None`` if they do not."""
    place, character = order
    at = _shared(low, high)
    below = place(low[at]) if at < len(low) else place(" ") - 1
    if at == len(high) or (number := _number(below, place(high[at]), share)) is None:
        return None
    found = (high[:at] + character(number), high[: at + 1])
    return next((text for text in found if _is_encodable(text, codec)), None)


def _plain(text: str) -> str:
    """Return a text without what many collations take no heed of: case and accents."""
    return "".join(sign for sign in normalize("NFD", text.casefold()) if not combining(sign))


def _rank(character: str) -> int:
    """Return where a character stands for most collations: signs, digits, letters of ASCII, all other letters."""
    found = _ALPHABET.find(character)
    return found if character in _ALPHABET or character.isascii() else len(_ALPHABET) + ord(character) - 128


def _of_rank(rank: int) -> str:
    return _ALPHABET[rank] if rank < len(_ALPHABET) else chr(rank - len(_ALPHABET) + 128)


def _shared(low: str | bytes, high: str | bytes) -> int:
    """Return with how many characters or bytes both begin."""
    pairs = enumerate(zip(low, high, strict=False))
    return next((at for at, (one, other) in pairs if one != other), min(len(low), len(high)))


def _is_encodable(text: str, codec: str) -> bool:
    try:
        text.encode(codec)
    except UnicodeEncodeError:
        return False
    return True


def _bytes(low: bytes, high: bytes, share: Fraction) -> bytes | None:
    at = _shared(low, high)
    windows = [
        int.from_bytes(value[at : at + _WINDOW_BYTES].ljust(_WINDOW_BYTES, b"\0"), "big") for value in (low, high)
    ]
    number = _number(windows[0], windows[1], share)
    if number is None:
        return None
    if number == windows[1]:
        return high[: at + _WINDOW_BYTES]  # no zeros behind its end, which would be above it
    return high[:at] + number.to_bytes(_WINDOW_BYTES, "big")


def _uuids(low: UUID, high: UUID, share: Fraction) -> Iterator[UUID]:
    """Yield one in the order in which MariaDB sorts UUIDs, from the last group to the first, and in that of texts."""
    for turn, turn_back in ((_from_last_group, _from_first_group), (bytes, bytes)):
        below, above = turn(low.bytes), turn(high.bytes)
        at = _shared(below, above)
        end = at + _UUID_WINDOW_BYTES
        top = int.from_bytes(above[at:end], "big")
        number = _number(int.from_bytes(below[at:end], "big"), top, share)
        if number is not None:
            window = number.to_bytes(len(above[at:end]), "big")
            # The digit that tells the version, by which newer servers choose an order, is that of a real one.
            rest = below[end:] if number < top else bytes(len(above[end:]))
            yield UUID(bytes=turn_back(above[:at] + window + rest))


def _from_last_group(value: bytes) -> bytes:
    return value[10:] + value[8:10] + value[6:8] + value[4:6] + value[:4]


def _from_first_group(value: bytes) -> bytes:
    return value[12:] + value[10:12] + value[8:10] + value[6:8] + value[:6]


def _on_calendar(value: Any, other: Any) -> Any:
    """Return a date near one that is on no calendar, with a time of day where ``other`` has one; else the value."""
    if not isinstance(value, InvalidDate):
        return value
    year, month, day = map(int, value.text.partition(" ")[0].split("-"))
    near = date(max(year, 1), max(month, 1), min(max(day, 1), 28))
    has_time = value.has_time if isinstance(other, InvalidDate) else isinstance(other, datetime)
    return datetime.combine(near, time(), getattr(other, "tzinfo", None)) if has_time else near
