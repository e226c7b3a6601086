"""The grammar of SQL column types, as MySQL 5.7-9 and MariaDB 10-11 print and accept them.

``parse_column_type`` turns text into a ``ColumnType``, a small frozen tree with positions. It knows how types are
written, not what they mean nor how long a column may be: that is the business of each type system. Sources: MySQL 8.4
manual 11.1-11.5 and 11.9 (types and their synonyms).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from nanotyped.errors import TypeSyntaxError, nearest_hint
from nanotyped.types.sql_tokens import Kind, Token, tokens
from nanotyped.types.type_names import ELSEWHERE, SHAPES, SPELLINGS, TEXT_FLAGS, Shape, Spelling

MAX_DIGITS = 12  # far more than any argument has, far fewer than Python takes long to read

# How a type is printed that a pipeline takes for another, and the argument of `mysql_type` that asks for it.
_TAKEN: Mapping[tuple[str, ...], str] = {
    ("tinyint", "as", "bool"): 'tinyint1="bool"',
    ("bit", "as", "bool"): 'bit="bool"',
    ("bit", "as", "bytes"): 'bit="bytes"',
    **{(name, "or", "invalid"): 'zero_date="keep"' for name in ("date", "datetime", "timestamp")},
}
_WHOLE = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True)
class Argument:
    """A whole number in parentheses."""

    value: int
    position: int


@dataclass(frozen=True, slots=True)
class Member:
    """A quoted member of an ``enum`` or a ``set``, quotes and escapes undone."""

    value: str
    position: int


@dataclass(frozen=True, slots=True)
class ColumnType:
    """A column type as it was written.

    Attributes:
        text: The whole text.
        name: The canonical name, such as ``varchar``, whatever the spelling.
        spelling: The words that were written, in lower case with single blanks, such as ``character varying``.
        position: Where the name begins.
        arguments: The whole numbers in parentheses, in order.
        members: The members, in order; ``None`` for other types.
        flags: ``unsigned``, ``signed``, ``zerofill``, ``binary``, ``byte``, ``compressed``, as far as they were given.
        charset: The character set, in lower case, or ``None``.
        collation: The collation, in lower case, or ``None``.
        charset_position: Where the character set begins.
        srid: The number of the spatial reference system, or ``None``.
    """

    text: str
    name: str
    spelling: str
    position: int
    arguments: tuple[Argument, ...] = ()
    members: tuple[Member, ...] | None = None
    flags: frozenset[str] = frozenset()
    charset: str | None = None
    collation: str | None = None
    charset_position: int = 0
    collation_position: int = 0
    srid: Argument | None = None

    def error(self, reason: str, position: int | None = None) -> TypeSyntaxError:
        """Return the error that says what is wrong with this type, by default at its name."""
        return TypeSyntaxError(self.text, self.position if position is None else position, reason)


def parse_column_type(
    text: str, spellings: Mapping[str, Spelling] = SPELLINGS, shapes: Mapping[str, Shape] = SHAPES
) -> ColumnType:
    """Return the tree of a column type.

    Args:
        text: The type, such as ``varchar(64) CHARACTER SET latin1``; nothing may follow it (no ``NOT NULL``).
        spellings: The spellings that are known, words in lower case with single blanks between.
        shapes: What may follow each canonical name.

    Raises:
        TypeError: If ``text`` is no ``str``.
        TypeSyntaxError: If it is no column type; says where and why.
    """
    if not isinstance(text, str):
        raise TypeError(f"a column type is spelled in a str, not in {type(text).__name__}")
    return _Parser(text, list(tokens(text)), 0, spellings=spellings, shapes=shapes).column_type()


def read_column_type(
    text: str, found: Sequence[Token], index: int, following: Collection[str]
) -> tuple[ColumnType, int]:
    """Return the tree of a column type that stands among other tokens, and the index of the first one behind it.

    Args:
        text: What the tokens are of; positions of the tree point into it.
        found: The tokens, the last of kind ``end``.
        index: Where the type begins.
        following: The words that may stand behind a type. It ends before one of them, or before what is no word.

    Raises:
        TypeSyntaxError: If it is no column type; says where and why.
    """
    parser = _Parser(text, found, index, spellings=SPELLINGS, shapes=SHAPES, following=following)
    return parser.column_type(), parser.index


class _Parser:
    """Recursive descent over the tokens of one text."""

    def __init__(
        self,
        text: str,
        found: Sequence[Token],
        index: int,
        *,
        spellings: Mapping[str, Spelling],
        shapes: Mapping[str, Shape],
        following: Collection[str] | None = None,
    ) -> None:
        self.text = text
        self.tokens = found
        self.index = index
        self.spellings = spellings
        self.shapes = shapes
        self.following = following
        self.flags: set[str] = set()
        self.charset: str | None = None
        self.charset_position = 0
        self.collation: str | None = None
        self.collation_position = 0
        self.srid: Argument | None = None

    @property
    def token(self) -> Token:
        return self.tokens[self.index]

    def error(self, reason: str, position: int | None = None) -> TypeSyntaxError:
        return TypeSyntaxError(self.text, self.token.position if position is None else position, reason)

    def take(self, kind: Kind, text: str | None = None) -> Token | None:
        """Return the token and pass it, if it is of this kind (and text)."""
        token = self.token
        if token.kind != kind or (text is not None and token.text != text):
            return None
        self.index += 1
        return token

    def column_type(self) -> ColumnType:
        first = self.token
        written, spelling = self.name()
        shape = self.shapes[spelling.name]
        self.flags |= spelling.flags
        self.charset = spelling.charset
        arguments: tuple[Argument, ...] = ()
        members: tuple[Member, ...] | None = None
        if spelling.closed:
            arguments = tuple(Argument(value, first.position) for value in spelling.numbers)
        else:
            members = self.members(written) if shape.members else None
            arguments = self.arguments(written, shape) if members is None else ()
            while self.token.kind == "word" and self.option(written, shape):
                pass
        if self.following is None and self.token.kind != "end":
            raise self.error(self.surplus(written))
        if {"signed", "unsigned"} <= self.flags or {"signed", "zerofill"} <= self.flags:
            raise self.error(f"`{written}` cannot be both signed and unsigned", first.position)
        return ColumnType(
            text=self.text,
            name=spelling.name,
            spelling=written,
            position=first.position,
            arguments=arguments,
            members=members,
            flags=frozenset(self.flags),
            charset=self.charset,
            collation=self.collation,
            charset_position=self.charset_position,
            collation_position=self.collation_position,
            srid=self.srid,
        )

    def name(self) -> tuple[str, Spelling]:
        """Read the longest run of words that is a name."""
        first = self.token
        if first.kind == "end":
            raise self.error("no type")
        if first.kind != "word":
            raise self.error("a type begins with a word")
        words: list[str] = []
        for token in self.tokens[self.index :]:
            if token.kind != "word":
                break
            words.append(token.text)
        for count in range(len(words), 0, -1):
            phrase = " ".join(words[:count])
            if phrase in self.spellings:
                self.index += count
                return phrase, self.spellings[phrase]
        known = ELSEWHERE.get(first.text)
        hint = f"did you mean `{known}`?" if known else nearest_hint(first.text, self.spellings)
        raise self.error(f"unknown type `{first.text}`{f' ({hint})' if hint else ''}")

    def surplus(self, written: str) -> str:
        """Return what is wrong with the token behind a type that should have ended."""
        if self.token.text == "null":
            return "unexpected `null` (in Python it is TYPE.nullable(); the columns of a schema mapping are spelled so)"
        if self.token.text == "not":
            return "unexpected `not` (a type is not null unless it is told)"
        if taken := self.taken(written):
            reason = f"unexpected `{self.token.text}`"
            return f"{reason} (in Python it is mysql_type(…, {taken}); the columns of a schema mapping are spelled so)"
        if self.token.text == "[":
            return f"no column holds a list of `{written}`; `json` holds one"
        return f"nothing may follow `{written}` here"

    def taken(self, written: str) -> str:
        """Return the argument of ``mysql_type`` that the next two words stand for, ``""`` if they stand for none."""
        words = [token.text for token in self.tokens[self.index : self.index + 2]]
        return _TAKEN.get((self.spellings[written].name, *words), "") if len(words) == 2 else ""

    def arguments(self, written: str, shape: Shape) -> tuple[Argument, ...]:
        found: list[Argument] = []
        opened = self.take("mark", "(")
        if opened:
            if shape.counts == (0,):
                raise self.error(f"`{written}` takes no arguments", opened.position)
            found.append(self.argument())
            while self.take("mark", ","):
                found.append(self.argument())
            if not self.take("mark", ")"):
                raise self.error("a parenthesis is not closed" if self.token.kind == "end" else "expected `,` or `)`")
        if len(found) not in shape.counts:
            if not found:
                raise self.error(f"`{written}` needs a length")
            takes = " or ".join(map(str, shape.counts))
            raise self.error(f"`{written}` takes {takes} arguments, not {len(found)}", found[-1].position)
        return tuple(found)

    def argument(self) -> Argument:
        token = self.token
        if token.kind != "number":
            raise self.error("expected a whole number")
        if not _WHOLE.fullmatch(token.text):
            raise self.error(f"`{token.text}` is no whole number")
        if len(token.text) > MAX_DIGITS:
            raise self.error("a number of too many digits")
        self.index += 1
        return Argument(int(token.text), token.position)

    def members(self, written: str) -> tuple[Member, ...]:
        if not self.take("mark", "("):
            raise self.error(f"`{written}` needs a list of members")
        found: list[Member] = []
        while not found or self.take("mark", ","):
            token = self.take("text")
            if not token:
                raise self.error(f"expected a quoted member of `{written}`")
            found.append(Member(token.text, token.position))
        if not self.take("mark", ")"):
            raise self.error("a parenthesis is not closed" if self.token.kind == "end" else "expected `,` or `)`")
        return tuple(found)

    def option(self, written: str, shape: Shape) -> bool:
        """Read one of the words that may follow: a flag, a character set or a collation; false where the type ends."""
        token = self.token
        if (shape.text and self.text_option()) or (shape.srid and self.srid_option()):
            return True
        following = self.following or ()
        if token.text in following:
            return False
        if token.text in ("null", "not") or self.taken(written):
            raise self.error(self.surplus(written))
        if token.text not in shape.flags:
            number = token.text in ("unsigned", "signed", "zerofill")
            if number or token.text in TEXT_FLAGS:
                raise self.error(f"`{written}` cannot be `{token.text}`")
            others = ({"charset", "collate"} if shape.text else set()) | ({"srid"} if shape.srid else set())
            hint = nearest_hint(token.text, sorted(shape.flags | others | {*following}))
            raise self.error(f"unexpected `{token.text}`{f' ({hint})' if hint else ''}")
        self.index += 1
        self.flags.add(token.text)
        if token.text == "compressed" and self.take("mark", "=") and not (self.take("word") or self.take("text")):
            raise self.error("expected the name of a compression")
        return True

    def text_option(self) -> bool:
        """Read a character set or a collation, if one stands here."""
        token = self.token
        if token.text in ("ascii", "unicode"):  # MySQL 8.4 manual 11.3.1: short for latin1 and ucs2
            self.index += 1
            self.set_charset("latin1" if token.text == "ascii" else "ucs2", token.position)
            return True
        if token.text == "charset":
            self.index += 1
        elif token.text in ("character", "char") and self.tokens[self.index + 1].text == "set":
            self.index += 2
        elif token.text == "collate":
            self.index += 1
            found = self.option_name("a collation")
            self.collation, self.collation_position = found.text, found.position
            return True
        else:
            return False
        name = self.option_name("a character set")
        self.set_charset(name.text, name.position)
        return True

    def srid_option(self) -> bool:
        """Read a spatial reference system, if one stands here: SRID of MySQL 8, REF_SYSTEM_ID of MariaDB."""
        if self.token.text not in ("srid", "ref_system_id"):
            return False
        if self.srid is not None:
            raise self.error("its spatial reference system is given already")
        self.index += 1
        self.take("mark", "=")
        self.srid = self.argument()
        return True

    def option_name(self, what: str) -> Token:
        self.take("mark", "=")
        token = self.take("word") or self.take("text")
        if not token:
            raise self.error(f"expected the name of {what}")
        return Token(token.kind, token.text.lower(), token.position, token.end)

    def set_charset(self, name: str, position: int) -> None:
        if self.charset is not None:
            raise self.error(f"its character set is `{self.charset}` already", position)
        self.charset, self.charset_position = name, position
