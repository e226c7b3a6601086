"""Arrow types as pyarrow spells them: text to type."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from nanotyped.errors import TypeSyntaxError, nearest_hint
from nanotyped.types.arrow.families import (
    ARROW_BINARY,
    ARROW_BOOL,
    ARROW_DECIMAL,
    ARROW_FLOAT,
    ARROW_INT,
    ARROW_JSON,
    ARROW_NULL,
    ARROW_STRING,
    ARROW_UUID,
    ArrowType,
    ArrowTypeSystem,
)
from nanotyped.types.arrow.moments import ARROW_DATE, ARROW_DURATION, ARROW_TIMESTAMP
from nanotyped.types.arrow.nested import ARROW_DICTIONARY, ARROW_GEOMETRY, ARROW_LIST, ARROW_RUN_END_ENCODED

_WORD = re.compile(r"[a-z][a-z0-9_]*")
_NUMBER = re.compile(r"-?[0-9]{1,10}")
_UNIT = re.compile(r"[a-z]+")
_ZONE = re.compile(r"[^\]]*")
_FIELD = re.compile(r"[^:<>,]*")
_ORDER = re.compile("[01]")

_MAX_TYPES = 6  # in one text: a list of dictionaries is four
_TIME_OF_DAY = "a time of day is no span of time; give the time since midnight, as duration[us]"
_CALENDAR = "months and days have no fixed length; give a span, as duration[us]"
_NESTED = "no column type holds it exactly; give JSON text, as extension<arrow.json>"
_REFUSED: Mapping[str, str] = {
    "time32": _TIME_OF_DAY,
    "time64": _TIME_OF_DAY,
    "month_interval": _CALENDAR,
    "day_time_interval": _CALENDAR,
    "month_day_nano_interval": _CALENDAR,
    "sparse_union": _NESTED,
    "dense_union": _NESTED,
    "map": _NESTED,
}


class _Reader:
    """A text, and how far it has been read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.depth = 0

    def error(self, reason: str, position: int | None = None) -> TypeSyntaxError:
        return TypeSyntaxError(self.text, self.position if position is None else position, reason)

    def has(self, text: str) -> bool:
        """Read a text if it comes next, and return whether it did."""
        found = self.text.startswith(text, self.position)
        self.position += len(text) if found else 0
        return found

    def expect(self, text: str) -> None:
        if not self.has(text):
            raise self.error(f"expected `{text}`")

    def take(self, pattern: re.Pattern[str], what: str) -> str:
        found = pattern.match(self.text, self.position)
        if found is None:
            raise self.error(f"expected {what}")
        self.position = found.end()
        return found[0]

    def number(self) -> int:
        return int(self.take(_NUMBER, "a whole number"))

    def type(self) -> type[ArrowType]:
        start = self.position
        self.depth += 1
        if self.depth > _MAX_TYPES:
            raise self.error(f"more than {_MAX_TYPES} types in one")
        word = self.take(_WORD, "a type")
        if word in _REFUSED:
            raise self.error(f"`{word}` is refused: {_REFUSED[word]}", start)
        read = _READERS.get(word)
        if read is None:
            hint = nearest_hint(word, [*_READERS])
            raise self.error(f"unknown type `{word}`{f' ({hint})' if hint else ''}", start)
        try:
            return read(self)
        except TypeSyntaxError:
            raise
        except ValueError as error:
            raise self.error(str(error), start) from None


@lru_cache(maxsize=4096)
def read_type(text: str) -> type[ArrowType]:
    """Return the type that a text spells, all of it.

    Raises:
        TypeSyntaxError: If it spells none, or one whose values no intermediate type holds exactly.
    """
    if not text:
        raise TypeSyntaxError(text, 0, "no type")
    reader = _Reader(text)
    found = reader.type()
    if reader.position != len(text):
        raise reader.error(f"unexpected `{text[reader.position :]}`")
    return found


def _plain(found: type[ArrowType]) -> Callable[[_Reader], type[ArrowType]]:
    return lambda _reader: found


def _decimal(bits: int) -> Callable[[_Reader], type[ArrowType]]:
    def read(reader: _Reader) -> type[ArrowType]:
        reader.expect("(")
        precision = reader.number()
        reader.expect(", ")
        scale = reader.number()
        reader.expect(")")
        return ARROW_DECIMAL.of(bits=bits, precision=precision, scale=scale)

    return read


def _timestamp(reader: _Reader) -> type[ArrowType]:
    reader.expect("[")
    unit = reader.take(_UNIT, "a unit")
    tz = reader.take(_ZONE, "a zone") if reader.has(", tz=") else None
    reader.expect("]")
    return ARROW_TIMESTAMP.of(unit=unit, tz=tz)


def _duration(reader: _Reader) -> type[ArrowType]:
    reader.expect("[")
    unit = reader.take(_UNIT, "a unit")
    reader.expect("]")
    return ARROW_DURATION.of(unit=unit)


def _date(bits: int, unit: str) -> Callable[[_Reader], type[ArrowType]]:
    def read(reader: _Reader) -> type[ArrowType]:
        reader.expect(f"[{unit}]")
        return ARROW_DATE.of(bits=bits)

    return read


def _length(reader: _Reader) -> int:
    reader.expect("[")
    length = reader.number()
    reader.expect("]")
    return length


def _list(layout: str | None) -> Callable[[_Reader], type[ArrowType]]:
    return lambda reader: ARROW_LIST.of(layout=layout, **_item(reader))


def _fixed_size_list(reader: _Reader) -> type[ArrowType]:
    item = _item(reader)
    return ARROW_LIST.of(length=_length(reader), **item)


def _item(reader: _Reader) -> dict[str, Any]:
    reader.expect("<")
    name = reader.take(_FIELD, "a name")
    reader.expect(": ")
    item = reader.type()
    required = reader.has(" not null")
    reader.expect(">")
    return {"item_name": name, "item": item, "required": required}


def _struct(reader: _Reader) -> type[ArrowType]:
    if not reader.has("<srid: uint32, wkb: "):
        raise ValueError(f"`struct` is refused, but for a geometry, {ARROW_GEOMETRY.spelling()}: {_NESTED}")
    wkb = reader.type()
    reader.expect(">")
    return ARROW_GEOMETRY.of(wkb=wkb)


def _dictionary(reader: _Reader) -> type[ArrowType]:
    reader.expect("<values=")
    values = reader.type()
    reader.expect(", indices=")
    indices = reader.type()
    reader.expect(", ordered=")
    ordered = reader.take(_ORDER, "0 or 1") == "1"
    reader.expect(">")
    return ARROW_DICTIONARY.of(values=values, indices=indices, ordered=ordered)


def _run_end_encoded(reader: _Reader) -> type[ArrowType]:
    reader.expect("<run_ends: ")
    run_ends = reader.type()
    reader.expect(", values: ")
    values = reader.type()
    reader.expect(">")
    return ARROW_RUN_END_ENCODED.of(run_ends=run_ends, values=values)


def _extension(reader: _Reader) -> type[ArrowType]:
    for known in (ARROW_UUID, ARROW_JSON):
        if reader.has(known.word.removeprefix("extension")):
            return known
    raise ValueError("this extension type is not known; cast it to its storage type")


_READERS: Mapping[str, Callable[[_Reader], type[ArrowType]]] = {
    "null": _plain(ARROW_NULL),
    "bool": _plain(ARROW_BOOL),
    **{f"int{bits}": _plain(ARROW_INT.of(bits=bits)) for bits in (8, 16, 32, 64)},
    **{f"uint{bits}": _plain(ARROW_INT.of(bits=bits, unsigned=True)) for bits in (8, 16, 32, 64)},
    **{ARROW_FLOAT.of(bits=bits).spelling(): _plain(ARROW_FLOAT.of(bits=bits)) for bits in (16, 32, 64)},
    **{f"decimal{bits}": _decimal(bits) for bits in (32, 64, 128, 256)},
    **{
        ARROW_STRING.of(layout=layout).spelling(): _plain(ARROW_STRING.of(layout=layout))
        for layout in (None, "large", "view")
    },
    **{
        ARROW_BINARY.of(layout=layout).spelling(): _plain(ARROW_BINARY.of(layout=layout))
        for layout in (None, "large", "view")
    },
    "fixed_size_binary": lambda reader: ARROW_BINARY.of(byte_width=_length(reader)),
    "date32": _date(32, "day"),
    "date64": _date(64, "ms"),
    "timestamp": _timestamp,
    "duration": _duration,
    "list": _list(None),
    "large_list": _list("large"),
    "list_view": _list("view"),
    "large_list_view": _list("large_view"),
    "fixed_size_list": _fixed_size_list,
    "struct": _struct,
    "dictionary": _dictionary,
    "run_end_encoded": _run_end_encoded,
    "extension": _extension,
}

ArrowTypeSystem.read = staticmethod(read_type)
