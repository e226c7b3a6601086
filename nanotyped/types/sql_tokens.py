"""The tokens of SQL, of a column type by itself or of a whole statement.

Sources: MySQL 8.4 manual 9.1.1 (escapes in quoted text), 9.2 (names), 9.7 (comments, and those that are read).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from nanotyped.errors import TypeSyntaxError

# A comment for servers of version 99.99.99 is one for none of them: MariaDB's dumps begin with it.
_COMMENT = r"/\*(?!M?!)(?s:.*?)\*/|/\*M?!999999(?s:.*?)\*/"
_SKIPPED = re.compile(rf"[ \t\r\n\f\v]+|{_COMMENT}")
SKIPPED_IN_STATEMENT = re.compile(rf"[ \t\r\n\f\v]+|{_COMMENT}|--(?:[ \t\r\f\v][^\n]*|(?=\n)|\Z)|\#[^\n]*")
_OPEN_COMMENT = re.compile(r"/\*M?!(?:[0-9]{5,6}(?![0-9]))?")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_$]*")
_WORD_IN_STATEMENT = re.compile(r"[A-Za-z_$\u0080-\U0010ffff][A-Za-z0-9_$\u0080-\U0010ffff]*")
_NUMBER = re.compile(r"[0-9][A-Za-z0-9_.$]*")
_QUOTED = re.compile(r"'(?:[^'\\]|''|\\.)*'|\"(?:[^\"\\]|\"\"|\\.)*\"", re.DOTALL)
_NAME = re.compile(r"`(?:[^`]|``)*`")
_ESCAPED = re.compile(r"\\(.)|''|\"\"", re.DOTALL)
_ESCAPES: Mapping[str, str] = {
    "0": "\0",
    "b": "\b",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "Z": "\x1a",
    "%": "\\%",
    "_": "\\_",
}

Kind = Literal["word", "number", "text", "name", "mark", "end"]


@dataclass(frozen=True, slots=True)
class Token:
    """One token: its kind, its text (words in lower case, quotes undone), and where it begins and ends."""

    kind: Kind
    text: str
    position: int
    end: int


def tokens(text: str, *, statement: bool = False) -> Iterator[Token]:
    """Yield the tokens of a text, the last of kind ``end``.

    Comments are skipped, but for ``/*!50000 … */`` and ``/*M!100301 … */``, whose content servers read.

    Args:
        text: What is read.
        statement: Whether it is a statement: then names in backticks and words of any letters are tokens too, comments
            go to the end of a line as well, and whatever else there is, is a mark.

    Raises:
        TypeSyntaxError: At a character that begins no token.
    """
    skipping = SKIPPED_IN_STATEMENT if statement else _SKIPPED
    position = 0
    inside = False  # of a comment that is read
    while position < len(text):
        if skipped := skipping.match(text, position):
            position = skipped.end()
        elif not inside and (opened := _OPEN_COMMENT.match(text, position)):
            inside, position = True, opened.end()
        elif inside and text.startswith("*/", position):
            inside, position = False, position + 2
        else:
            token = _token_at(text, position, statement=statement)
            position = token.end
            yield token
    if inside:
        raise TypeSyntaxError(text, len(text), "a comment is not closed")
    yield Token("end", "", len(text), len(text))


def _token_at(text: str, position: int, *, statement: bool) -> Token:
    if word := (_WORD_IN_STATEMENT if statement else _WORD).match(text, position):
        return Token("word", word[0].lower(), position, word.end())
    if number := _NUMBER.match(text, position):
        return Token("number", number[0], position, number.end())
    character = text[position]
    if character in "'\"" or (statement and character == "`"):
        return _quoted_at(text, position)
    if text.startswith("/*", position):
        raise TypeSyntaxError(text, position, "a comment is not closed")
    if statement or character in "(),=[]":
        return Token("mark", character, position, position + 1)
    raise TypeSyntaxError(text, position, f"unexpected character {character!r}")


def _quoted_at(text: str, position: int) -> Token:
    named = text[position] == "`"
    quoted = (_NAME if named else _QUOTED).match(text, position)
    if not quoted:
        raise TypeSyntaxError(text, position, "a quote is not closed")
    if named:
        return Token("name", quoted[0][1:-1].replace("``", "`"), position, quoted.end())
    return Token("text", _unquoted(quoted[0]), position, quoted.end())


def _unquoted(quoted: str) -> str:
    quote = quoted[0]

    def undo(found: re.Match[str]) -> str:
        if found[1] is not None:
            return _ESCAPES.get(found[1], found[1])
        return quote if found[0] == quote * 2 else found[0]

    return _ESCAPED.sub(undo, quoted[1:-1])
