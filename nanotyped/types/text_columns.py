"""Whole columns of text to values, exactly or not at all: what ``parse_text`` says of each, at a tenth of its time.

A column is joined and looked at in one glance: by the characters it is made of, by its shape once every digit is a
zero, or by a regular expression. Texts that pass are read in C. The glance keeps out whatever the reader in C would
misread in silence, and no more: what the reader refuses, or the glance does not know, is for ``parse_text``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import UUID

import msgspec

from nanotyped.types import intermediate as it
from nanotyped.types.text import parse_text, read_json, text_pattern

if TYPE_CHECKING:
    from nanotyped.types.base import DataType
    from nanotyped.types.text_form import Dialect

Texts: TypeAlias = Sequence[Any]
ColumnParser: TypeAlias = Callable[[Texts], Sequence[Any]]
# Reads the texts, or returns None where it does not know them, or one is null; may raise ``ValueError`` or arithmetic
# instead, and ``TypeError`` for what is no text.
_Quick: TypeAlias = Callable[[Texts], "list[Any] | None"]

_DIGITS = b"0123456789"
_ALL_ZEROS = bytes.maketrans(_DIGITS, b"0" * 10)
_ANY_DECIMAL = r"-?[0-9]+(?:\.[0-9]+)?"


@lru_cache(maxsize=1024)
def column_parser(kind: type[DataType], dialect: Dialect = "csv") -> ColumnParser:
    """Return the function that reads a column of texts of a type; ``None`` in it stays ``None``.

    Its values are those of ``parse_text``, but what the type itself asks of a value (bounds, digits, members, lengths)
    is left to who calls: a ``Validator`` tells. STRING and ENUM come back as they are.

    Raises ``ValueError`` (``TypeCastError`` among them) or ``ArithmeticError`` if a text is none of the type's.

    Raises:
        IncompatibleTypesException: If values of the type have no text.
    """
    meaning: Any = kind.intermediate_type
    parse = parse_text(kind, dialect)
    if meaning.family in (it.STRING, it.ENUM) or (meaning.family is it.BYTES and dialect == "mysql"):
        return lambda texts: texts
    if meaning.family is it.JSON:
        return lambda texts: [None if text is None else read_json(kind, text) for text in texts]
    if meaning.family is it.LENIENT_MOMENT:
        return _lenient(parse, column_parser(meaning.moment, dialect))
    make = _QUICK.get(meaning.family)
    if make is None:
        return lambda texts: [None if text is None else parse(text) for text in texts]
    quick = make(meaning, dialect)

    def attempt(texts: Texts) -> list[Any] | None:
        try:
            return quick(texts)
        except (ValueError, ArithmeticError, TypeError):
            return None

    def read(texts: Texts) -> Sequence[Any]:
        values = attempt(texts)
        if values is not None:
            return values
        present = [text for text in texts if text is not None]
        if len(present) < len(texts) and (values := attempt(present)) is not None:
            following = iter(values)
            return [None if text is None else next(following) for text in texts]
        return [None if text is None else parse(text) for text in texts]

    return read


def _lenient(parse: Callable[[Any], Any], read_moments: ColumnParser) -> ColumnParser:
    """Return what reads a column of moments at once, and one with an invalid date cell by cell."""

    def read(texts: Texts) -> Sequence[Any]:
        try:
            return read_moments(texts)
        except (ValueError, ArithmeticError):
            return [None if text is None else parse(text) for text in texts]

    return read


def _are_made_of(texts: Texts, characters: bytes) -> bool:
    return not "".join(texts).encode("ascii").translate(None, characters)


def _whole_column(pattern: str) -> Callable[[Texts], bool]:
    """Return whether every text matches, which none that holds a line end may do."""
    matches = re.compile(rf"(?:{pattern}\n)*", re.ASCII).fullmatch
    return lambda texts: matches("\n".join([*texts, ""])) is not None


def _reader(kind: type) -> Callable[[Texts], list[Any]]:
    wanted = list[kind]  # type: ignore[valid-type]  # one of the few that msgspec reads out of text
    return lambda texts: msgspec.convert(texts, wanted, strict=False)


def _quick_integers(_meaning: Any, _dialect: Dialect) -> _Quick:
    in_c = _reader(int)

    def read(texts: Texts) -> list[Any] | None:
        if not _are_made_of(texts, _DIGITS + b"-"):
            return None
        try:
            return in_c(texts)
        except msgspec.ValidationError:
            return list(map(int, texts))  # zeros in front

    return read


def _quick_decimals(meaning: Any, _dialect: Dialect) -> _Quick:
    cell = b".\n" if meaning.scale else b"\n"
    is_plain = _whole_column(_ANY_DECIMAL)

    def is_usual(texts: Texts) -> bool:
        # One point in each, and a digit on both sides of it; Decimal itself knows where a sign may stand.
        together = "\n".join(["", *texts, ""])
        marks = together.encode("ascii").translate(None, _DIGITS + b"-")
        return marks == b"\n" + cell * len(texts) and not any(map(together.__contains__, ("\n.", "-.", ".\n")))

    return lambda texts: list(map(Decimal, texts)) if is_usual(texts) or is_plain(texts) else None


def _quick_floats(meaning: Any, dialect: Dialect) -> _Quick:
    in_c = _reader(float)
    is_plain = _whole_column(text_pattern(meaning, dialect))

    def is_usual(texts: Texts) -> bool:
        return _are_made_of(texts, _DIGITS + b".-") and "-0" not in texts  # read as an integer, it loses its sign

    return lambda texts: in_c(texts) if is_usual(texts) or is_plain(texts) else None


def _quick_bools(_meaning: Any, dialect: Dialect) -> _Quick:
    words = {"0": False, "1": True} if dialect == "mysql" else {"false": False, "true": True}
    return lambda texts: list(map(words.__getitem__, texts)) if words.keys() >= set(texts) else None


def _quick_dates(_meaning: Any, _dialect: Dialect) -> _Quick:
    return _reader(date)  # which takes YYYY-MM-DD alone


def _have_shape(texts: Texts, shape: str) -> bool:
    """Return whether every text is ``shape`` with some digit for each of its zeros."""
    together = "\n".join([*texts, ""]).encode("ascii")
    return together.translate(_ALL_ZEROS) == f"{shape}\n".encode("ascii") * len(texts)


def _quick_moments(meaning: Any, dialect: Dialect) -> _Quick:
    in_c = _reader(datetime)
    zoned = meaning.family is it.TIMESTAMP
    if meaning.fsp is None:
        is_plain = _whole_column(text_pattern(meaning, dialect))
        return lambda texts: in_c(texts) if not (zoned and dialect == "mysql") and is_plain(texts) else None
    fraction = f".{'0' * meaning.fsp}" if meaning.fsp else ""
    shape = f"0000-00-00{' ' if dialect == 'mysql' else 'T'}00:00:00{fraction}"
    if not zoned:
        return lambda texts: in_c(texts) if _have_shape(texts, shape) else None
    if dialect == "csv":
        return lambda texts: in_c(texts) if _have_shape(texts, shape + "Z") else None
    # The session's zone is UTC; so marked, texts are read as the very UTC object that rows carry.
    return lambda texts: in_c("Z\n".join([*texts, ""]).split("\n")[:-1]) if _have_shape(texts, shape) else None


def _quick_uuids(meaning: Any, dialect: Dialect) -> _Quick:
    in_c = _reader(UUID)
    is_plain = _whole_column(text_pattern(meaning, dialect))
    return lambda texts: in_c(texts) if is_plain(texts) else None


_QUICK: Mapping[type[DataType], Callable[[Any, Dialect], _Quick]] = {
    it.INTEGER: _quick_integers,
    it.YEAR: _quick_integers,
    it.DECIMAL: _quick_decimals,
    it.FLOAT: _quick_floats,
    it.BOOL: _quick_bools,
    it.DATE: _quick_dates,
    it.DATETIME: _quick_moments,
    it.TIMESTAMP: _quick_moments,
    it.UUID: _quick_uuids,
}
