"""Character sets of MySQL and MariaDB, by the Python codec that has the same repertoire.

Where no codec of Python has it, one is made here (``mysql_latin1`` and so on): it encodes only, and what matters of its
bytes is their number. Found by converting every character of the basic plane on MariaDB 10.11 and comparing.
"""

from __future__ import annotations

import codecs
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import cache

# Base codec, characters that the server has beside it, characters that the server lacks.
_ADJUSTED: Mapping[str, tuple[str, str, str]] = {
    # Data that was once UTF-8 and read as latin1 is full of the first five.
    "mysql_latin1": ("cp1252", "\x81\x8d\x8f\x90\x9d", ""),
    "mysql_greek": ("iso8859_7", "\u02bc\u02bd", "\u037a\u2018\u2019\u20ac\u20af"),
    "mysql_hebrew": ("iso8859_8", "\u203e", "\xaf"),
    "mysql_cp1256": ("cp1256", "", "\u0679\u0688\u0691\u06a9\u06ba\u06be\u06c1\u06d2"),
    "mysql_cp866": ("cp866", "\xb2\u207f", "\xa4\u2116"),
    "mysql_koi8u": ("koi8_u", "\u2022", "\u2219"),
    "mysql_big5": ("big5", "\u58bb\u5afa\u6052\u7881\u7ca7\u88cf\u92b9", "\u02cd\u2574\uffe3"),
    "mysql_sjis": ("shift_jis", "", "\xa5\u203e\uff3c"),
    "mysql_cp932": ("cp932", "", "\x80\xa2\xa3\xac\u2016\u2212\u301c\uf8f0\uf8f1\uf8f2\uf8f3"),
}

# No codec says what these hold.
UNSUPPORTED_CHARSETS = frozenset({"armscii8", "dec8", "eucjpms", "gb18030", "geostd8", "keybcs2", "swe7", "ujis"})
# Name: codec, and the bytes of its widest character.
CHARSETS: Mapping[str, tuple[str, int]] = {
    "ascii": ("ascii", 1),
    "latin1": ("mysql_latin1", 1),
    "latin2": ("iso8859_2", 1),
    "latin5": ("iso8859_9", 1),
    "latin7": ("iso8859_13", 1),
    "greek": ("mysql_greek", 1),
    "hebrew": ("mysql_hebrew", 1),
    "hp8": ("hp_roman8", 1),
    "koi8r": ("koi8_r", 1),
    "koi8u": ("mysql_koi8u", 1),
    "macce": ("mac_latin2", 1),
    "macroman": ("mac_roman", 1),
    "tis620": ("tis_620", 1),
    "cp850": ("cp850", 1),
    "cp852": ("cp852", 1),
    "cp866": ("mysql_cp866", 1),
    "cp1250": ("cp1250", 1),
    "cp1251": ("cp1251", 1),
    "cp1256": ("mysql_cp1256", 1),
    "cp1257": ("cp1257", 1),
    "big5": ("mysql_big5", 2),
    "cp932": ("mysql_cp932", 2),
    "euckr": ("cp949", 2),
    "gb2312": ("gb2312", 2),
    "gbk": ("gbk", 2),
    "sjis": ("mysql_sjis", 2),
    "utf8mb3": ("utf-8", 3),
    "utf8mb4": ("utf-8", 4),
    "ucs2": ("utf-16-be", 2),
    "utf16": ("utf-16-be", 4),
    "utf16le": ("utf-16-le", 4),
    "utf32": ("utf-32-be", 4),
}
# Of what the names of collations are made, behind that of their character set: those of MySQL 5.7 to 9 and of MariaDB
# 10 to 11 in information_schema.COLLATIONS. New servers make new names of the same words.
_COLLATION_WORDS = frozenset(
    {
        *("0900", "520", "ai", "as", "bin", "ci", "cs", "general", "ks", "mysql500", "mysql561", "nopad", "tolower"),
        *("uca1400", "unicode", "w2"),
        *("bulgarian", "chinese", "croatian", "czech", "danish", "english", "esperanto", "estonian", "german1"),
        *("german2", "hungarian", "icelandic", "japanese", "korean", "latvian", "lithuanian", "myanmar", "persian"),
        *("polish", "roman", "romanian", "sinhala", "slovak", "slovenian", "spanish", "spanish2", "swedish", "thai"),
        *("turkish", "ukrainian", "vietnamese"),
        *("bg", "bs", "cs", "da", "de", "eo", "es", "et", "gl", "hr", "hu", "is", "ja", "la", "latn", "lt", "lv"),
        *("mn", "nb", "nn", "pb", "pl", "ro", "ru", "sk", "sl", "sr", "sv", "tr", "trad", "vi", "zh"),
    }
)
# Of MariaDB: for whatever character set of Unicode the column has.
ANY_UNICODE = "uca1400"
BASIC_PLANE_ONLY = frozenset({"utf8mb3", "ucs2"})
UNICODE = frozenset({"utf8mb4", "utf16", "utf16le", "utf32"})


def collation_problem(collation: str) -> str:
    """Return that no server has a collation, with the nearest that one may have; ``""`` if one may."""
    owner, _, rest = collation.partition("_")
    words = rest.split("_")
    owners = [*CHARSETS, *sorted(UNSUPPORTED_CHARSETS), "utf8", ANY_UNICODE]
    if collation in ("binary", "default") or (owner in owners and _COLLATION_WORDS.issuperset(words)):
        return ""
    nearest = [_nearest(owner, owners), *(_nearest(word, sorted(_COLLATION_WORDS)) for word in words)]
    hint = f" (did you mean `{'_'.join(nearest)}`?)" if all(nearest) else ""
    return f"unknown collation `{collation}`{hint}"


def _nearest(word: str, known: Sequence[str]) -> str:
    return word if word in known else next(iter(get_close_matches(word, known, n=1)), "")


def _encoder(base: str, added: str, missing: str, name: str) -> Callable[[str, str], tuple[bytes, int]]:
    width = CHARSETS[name.removeprefix("mysql_")][1]
    stand_in = str.maketrans(dict.fromkeys(added, "?" * width))
    gone = frozenset(missing)

    def encode(text: str, errors: str = "strict") -> tuple[bytes, int]:
        if gone and not text.isascii():
            for index, character in enumerate(text):
                if character in gone:
                    raise UnicodeEncodeError(name, text, index, index + 1, "not in this character set")
        try:
            return text.encode(base, errors), len(text)
        except UnicodeEncodeError as error:
            if text[error.start] not in added:
                raise
        return b"".join(encode(character.translate(stand_in), errors)[0] for character in text), len(text)

    return encode


def _decode(_data: bytes, _errors: str = "strict") -> tuple[str, int]:
    raise UnicodeError("this codec measures text; only servers decode it")


@cache
def _find_codec(name: str) -> codecs.CodecInfo | None:
    if name not in _ADJUSTED:
        return None
    return codecs.CodecInfo(_encoder(*_ADJUSTED[name], name), _decode, name=name)  # type: ignore[arg-type]  # typeshed wants names, positions do


codecs.register(_find_codec)


@cache
def repertoire(charset: str) -> frozenset[str] | None:
    """Return every character of a charset; ``None`` for all of Unicode."""
    if charset in UNICODE:
        return None
    codec = CHARSETS[charset][0]
    plane = (chr(code) for code in range(0x10000) if not 0xD800 <= code < 0xE000)
    if charset in BASIC_PLANE_ONLY:
        return frozenset(plane)
    return frozenset(character for character in plane if _encodes(character, codec))


def _encodes(character: str, codec: str) -> bool:
    try:
        character.encode(codec)
    except UnicodeEncodeError:
        return False
    return True


@cache
def widths(charset: str | None, other: str | None) -> frozenset[tuple[int, int]]:
    """Return the pairs of byte lengths that characters of ``charset`` take in it and in ``other``; ``None`` is UTF-8.

    Only characters that both have are looked at.
    """
    first, second = CHARSETS[charset or "utf8mb4"][0], CHARSETS[other or "utf8mb4"][0]
    known = repertoire(charset or "utf8mb4")
    characters = "\x20\xe9\u20ac\U0001f600" if known is None else known  # one of each length in every Unicode encoding
    allowed = repertoire(other or "utf8mb4")
    return frozenset(
        (len(character.encode(first)), len(character.encode(second)))
        for character in characters
        if allowed is None or character in allowed
    )
