"""Column types of given members: ENUM and SET.

Sources: MySQL 8.4 manual 11.3.6 and 11.3.7, MariaDB 10.11.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from nanotyped.types.intermediate import ENUM, MAX_SET_MEMBERS, SET, STRING
from nanotyped.types.mysql.texts import TextColumn, charset_of, is_binary

if TYPE_CHECKING:
    from nanotyped.types.base import DataType
    from nanotyped.types.grammar import ColumnType
    from nanotyped.types.mysql.system import MySQLType

MAX_MEMBERS = 65535
MAX_MEMBER_LENGTH = 255  # MySQL 8.4 manual 11.3.6; in characters
# As the servers print members (append_unescaped); `%` and `_` need no escape.
_ESCAPES = str.maketrans({"'": "''", "\\": "\\\\", "\0": "\\0", "\n": "\\n", "\r": "\\r", "\x1a": "\\Z"})


def quoted(text: str) -> str:
    """Return a text in quotes, as servers print members."""
    return f"'{text.translate(_ESCAPES)}'"


def member_problem(members: tuple[str, ...], charset: str | None = None) -> tuple[int, str] | None:
    """Return index and fault of the first member that no ENUM can have, ``None`` if all can be."""
    if len(members) > MAX_MEMBERS:
        return MAX_MEMBERS, f"at most {MAX_MEMBERS} members"
    text = STRING.of(charset=charset)
    seen: set[str] = set()
    for index, member in enumerate(members):
        if member in seen:
            return index, f"the member {quoted(member)} is there twice"
        if len(member) > MAX_MEMBER_LENGTH:
            return index, f"a member has at most {MAX_MEMBER_LENGTH} characters"
        if member.endswith(" "):
            return index, "servers drop trailing blanks of members"
        if problem := text.text_problem(member):
            return index, problem
        seen.add(member)
    return None


def set_member_problem(members: tuple[str, ...], charset: str | None = None) -> tuple[int, str] | None:
    """Return index and fault of the first member that no SET can have, ``None`` if all can be."""
    if len(members) > MAX_SET_MEMBERS:
        return MAX_SET_MEMBERS, f"a set has at most {MAX_SET_MEMBERS} members"
    commas = (index for index, member in enumerate(members) if "," in member)
    index = next(commas, None)
    return member_problem(members, charset) if index is None else (index, "a comma stands between members")


class _Members(TextColumn, family=False):
    """What ENUM and SET share. Parameters: ``members`` (in order), ``charset``, ``collation``."""

    __slots__ = ()
    article: ClassVar[str] = ""
    parameter_names = ("members", "charset", "collation")
    members: ClassVar[tuple[str, ...] | None] = None

    @classmethod
    def problem(cls, members: tuple[str, ...], charset: str | None) -> tuple[int, str] | None:
        """Return index and fault of the first member that the column cannot have, ``None`` if it can have all."""
        return member_problem(members, charset)

    @classmethod
    def from_column(cls, column: ColumnType) -> type[MySQLType]:
        """Return the type; trailing blanks of members are dropped, as the servers do."""
        if is_binary(column):
            raise column.error(f"{cls.article} {cls.base} of bytes is not supported", column.charset_position or None)
        written = column.members or ()
        members = tuple(member.value.rstrip(" ") for member in written)
        charset = charset_of(column)
        if problem := cls.problem(members, charset["charset"]):
            raise column.error(problem[1], written[problem[0]].position)
        return cls.of(members=members, **charset)

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the members, checked."""
        attributes = super().derive(parameters)
        if "members" in parameters:
            members = tuple(parameters["members"])
            if problem := cls.problem(members, parameters.get("charset")):
                raise ValueError(problem[1])
            ENUM.of(members=members)
            attributes["members"] = members
        return attributes

    @classmethod
    def column_type(cls) -> str:
        """Return ``enum('a','b')``."""
        return cls.base if cls.members is None else f"{cls.base}({','.join(map(quoted, cls.members))})"

    @classmethod
    def type_name(cls, parameters: Mapping[str, Any]) -> str:
        """Return the name with a digest of the members, the same in every process."""
        members = parameters.get("members")
        digest = f"_{zlib.crc32(repr(members).encode()):08X}" if members else ""
        rest = {key: value for key, value in parameters.items() if key != "members"}
        return super().type_name(rest).replace(cls.family.__name__, cls.family.__name__ + digest, 1)


class MYSQL_ENUM(_Members, reads="enum"):
    """``enum('a','b')``. Parameters: ``members`` (in order), ``charset``, ``collation``."""

    __slots__ = ()
    base, article = "enum", "an"
    max_length: ClassVar[int | None] = None

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the members, checked, and the length of the longest of them."""
        attributes = super().derive(parameters)
        if "members" in attributes:
            attributes["max_length"] = max(map(len, attributes["members"]))
        return attributes

    @classmethod
    def intermediate(cls) -> type[DataType]:
        """Return ENUM of the same members."""
        return ENUM.of(members=cls.members, charset=cls.charset)


class MYSQL_SET(_Members, reads="set"):
    """``set('a','b')``. Parameters: ``members`` (in order, at most 64), ``charset``, ``collation``."""

    __slots__ = ()
    python_type = frozenset
    base, article = "set", "a"

    @classmethod
    def problem(cls, members: tuple[str, ...], charset: str | None) -> tuple[int, str] | None:
        """Return index and fault of the first member that a SET cannot have, ``None`` if it can have all."""
        return set_member_problem(members, charset)

    @classmethod
    def intermediate(cls) -> type[DataType]:
        """Return SET of the same members."""
        return SET if cls.members is None else SET.of(members=cls.members, charset=cls.charset)
