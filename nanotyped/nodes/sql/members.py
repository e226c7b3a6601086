"""The members of ENUM and SET columns as they are, where a server prints some of their characters as ``?``.

MariaDB and MySQL print COLUMN_TYPE in a charset without the characters beyond U+FFFF, and put a ``?`` for each. Two
members may so look alike, and a member that is a ``?`` looks like one that is not. MariaDB tells the members all the
same, to a variable of the type of the column (``TYPE OF``, MariaDB 10.3).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from nanotyped.errors import TypeSyntaxError
from nanotyped.types.charsets import UNICODE
from nanotyped.types.grammar import ColumnType, parse_column_type
from nanotyped.types.mysql.members import quoted as quoted_text

_BEYOND = re.compile("[\U00010000-\U0010ffff]")
_BLOCK = """
    BEGIN NOT ATOMIC
        DECLARE member TYPE OF {column};
        DECLARE place INT DEFAULT 0;
        DECLARE found LONGTEXT DEFAULT '';
        WHILE place < {count} DO
            SET member = {number};
            SET found = CONCAT(found, HEX(CONVERT(member USING utf8mb4)), ',');
            SET place = place + 1;
        END WHILE;
        SELECT found;
    END"""
_NUMBERS = {"enum": "place + 1", "set": "1 << place"}

Ask = Callable[[str], Sequence[tuple[Any, ...]]]


class UntoldMembersError(Exception):
    """Members of a column that the server does not tell apart."""


def is_doubtful(text: str, charset: str | None) -> bool:
    """Return whether a ``?`` in a COLUMN_TYPE may stand for another character."""
    return text.startswith(("enum(", "set(")) and "?" in text and charset in UNICODE


def untold(text: str) -> UntoldMembersError:
    """Return the error for a column whose COLUMN_TYPE is all that the server tells."""
    return UntoldMembersError(
        "the server prints characters beyond U+FFFF as `?` in the members of an enum or a set, and does not tell what "
        f"`{text}` stands for"
    )


def told_members(text: str, table: str, name: str, ask: Ask) -> str:
    """Return a doubtful COLUMN_TYPE with the members as they are.

    Args:
        text: The COLUMN_TYPE.
        table: Name of the table or view, in the database of the connection.
        name: Name of the column.
        ask: Runs a query and returns its rows.

    Raises:
        UntoldMembersError: If the server says otherwise than it prints.
    """
    printed = _parsed(text)
    written = [member.value for member in printed.members or ()]
    column = f"{_quoted(table)}.{_quoted(name)}"
    block = _BLOCK.format(column=column, count=len(written), number=_NUMBERS[printed.name])
    [(found,)] = ask(block)
    members = [bytes.fromhex(text).decode() for text in found.split(",")[:-1]]
    if [_BEYOND.sub("?", member) for member in members] != [member.rstrip(" ") for member in written]:
        raise untold(text)
    return f"{printed.name}({','.join(map(quoted_text, members))})"


def _parsed(text: str) -> ColumnType:
    try:
        return parse_column_type(text)
    except TypeSyntaxError as error:
        raise untold(text) from error


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"
