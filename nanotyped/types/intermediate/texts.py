"""Intermediate families of text and bytes: STRING, ENUM, SET, BYTES."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping
from datetime import date, datetime
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address
from typing import Any, ClassVar
from uuid import UUID

from nanotyped.types.base import cast_error
from nanotyped.types.charsets import BASIC_PLANE_ONLY, CHARSETS
from nanotyped.types.intermediate.identifiers import address_text
from nanotyped.types.intermediate.system import IntermediateType, check_range

MAX_LENGTH = 2**32 - 1  # of LONGTEXT and LONGBLOB, in bytes
MAX_SET_MEMBERS = 64


class STRING(IntermediateType):
    """Text. Parameters: ``max_length`` (characters) or ``max_bytes`` (in the charset), ``charset``, ``padded``.

    ``padded`` text has no trailing blanks: a server that pads with them (CHAR) drops them. Python: ``str``.
    """

    __slots__ = ()
    parameter_names: ClassVar[tuple[str, ...]] = ("max_length", "max_bytes", "charset", "padded")
    python_type = str
    max_length: ClassVar[int | None] = None
    max_bytes: ClassVar[int | None] = None
    charset: ClassVar[str | None] = None
    padded: ClassVar[bool] = False

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters, checked."""
        if "max_length" in parameters and "max_bytes" in parameters:
            raise ValueError("a length is given in characters or in bytes, not in both")
        check_range(parameters, "max_length", 0, MAX_LENGTH)
        check_range(parameters, "max_bytes", 0, MAX_LENGTH)
        if "charset" in parameters and parameters["charset"] not in CHARSETS:
            raise ValueError(f"charset `{parameters['charset']}` is not known ({', '.join(CHARSETS)})")
        return dict(parameters)

    @classmethod
    def spelling(cls) -> str:
        """Return ``string(64)``, ``string(65535 bytes)`` or ``string``, with a charset where one is set."""
        size = ""
        if cls.max_length is not None:
            size = f"({cls.max_length})"
        elif cls.max_bytes is not None:
            size = f"({cls.max_bytes} bytes)"
        return f"string{size}{' padded' if cls.padded else ''}{' charset ' + cls.charset if cls.charset else ''}"

    @classmethod
    def python_cast_function(cls, value: Any) -> str:
        """Return text: of text, or of a number, date, UUID or IP address as it is written."""
        match value:
            case str():
                text = str(value)
            case bool():
                raise cast_error(cls, value, "a bool has no one spelling")
            case Decimal():
                text = format(value, "f")
            case datetime():
                text = value.isoformat(sep=" ")
            case int() | float() | date() | UUID():
                text = str(value)
            case IPv4Address() | IPv6Address():
                text = address_text(value)
            case _:
                raise cast_error(cls, value, "not text")
        reason = cls.text_problem(text)
        if reason:
            raise cast_error(cls, value, reason)
        return text

    @classmethod
    def text_problem(cls, text: str) -> str:
        """Return why this text does not fit, ``""`` if it does."""
        if cls.padded and text.endswith(" "):
            return "trailing blanks would be dropped"
        if cls.max_length is not None and len(text) > cls.max_length:
            return f"{len(text)} characters, at most {cls.max_length} fit"
        codec = CHARSETS[cls.charset][0] if cls.charset else "utf-8"
        try:
            encoded = text.encode(codec)
        except UnicodeEncodeError as error:
            return f"character {text[error.start]!r} is not in {cls.charset or 'utf-8'}"
        if cls.charset in BASIC_PLANE_ONLY and text and max(text) > "\uffff":
            return f"character {max(text)!r} is not in {cls.charset}"
        if cls.max_bytes is not None and len(encoded) > cls.max_bytes:
            return f"{len(encoded)} bytes, at most {cls.max_bytes} fit"
        return ""


class ENUM(STRING):
    """One of some texts. Parameters: ``members`` (a tuple, in order of definition), ``charset``. Python: ``str``."""

    __slots__ = ()
    parameter_names = ("members", "charset")
    members: ClassVar[tuple[str, ...] | None] = None

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the members and the length of the longest of them."""
        attributes = super().derive(parameters)
        if "members" in parameters:
            members = tuple(parameters["members"])
            if not members:
                raise ValueError("an enum needs members")
            if len(set(members)) != len(members):
                raise ValueError("two members are equal")
            charset = STRING.of(charset=parameters.get("charset"))
            for member in members:
                if problem := charset.text_problem(member):
                    raise ValueError(f"member {member!r}: {problem}")
            attributes |= {"members": members, "max_length": max(map(len, members), default=0)}
        return attributes

    @classmethod
    def spelling(cls) -> str:
        """Return ``enum('a','b')`` or ``enum``."""
        if cls.members is None:
            return "enum"
        return "enum(" + ",".join("'" + member.replace("'", "''") + "'" for member in cls.members) + ")"

    @classmethod
    def text_problem(cls, text: str) -> str:
        """Return why this text is no member, ``""`` if it is one."""
        if cls.members is None:
            return super().text_problem(text)
        return "" if text in cls.members else "not one of the members"


class SET(IntermediateType):
    """Some of some texts. Parameters: ``members`` (a tuple, in order of definition), ``charset``.

    Python: ``frozenset`` of ``str``. No member has a comma in it: it stands between them in SQL.
    """

    __slots__ = ()
    parameter_names = ("members", "charset")
    python_type = frozenset
    members: ClassVar[tuple[str, ...] | None] = None
    charset: ClassVar[str | None] = None

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the members, checked as those of an ENUM are."""
        if "members" not in parameters:
            raise ValueError("a charset needs members")
        members = ENUM.of(**parameters).members or ()
        if len(members) > MAX_SET_MEMBERS:
            raise ValueError(f"a set has at most {MAX_SET_MEMBERS} members")
        for member in members:
            if "," in member:
                raise ValueError(f"member {member!r}: a comma stands between members")
        return {**parameters, "members": members}

    @classmethod
    def spelling(cls) -> str:
        """Return ``set('a','b')`` or ``set``."""
        return "set" if cls.members is None else ENUM.of(members=cls.members).spelling().replace("enum", "set", 1)

    @classmethod
    def python_cast_function(cls, value: Any) -> frozenset[str]:
        """Return a frozenset: of a collection of members, or of their text with commas between, as in SQL.

        Servers print the empty member only where another one stands before it. So where the empty text is a member, a
        text without it and without any of the members before it may be either of two sets, and is refused.
        """
        members = value
        if isinstance(value, str):
            members = value.split(",") if value else ()
            if cls.is_ambiguous(members):
                raise cast_error(cls, value, "servers print it with and without the empty member alike")
        if not isinstance(members, frozenset | set | list | tuple):
            raise cast_error(cls, value, "not a set of texts")
        if not all(isinstance(member, str) for member in members):
            raise cast_error(cls, value, "a member is not text")
        if reason := cls.member_problem(members):
            raise cast_error(cls, value, reason)
        return frozenset(members)

    @classmethod
    def member_problem(cls, members: Collection[str]) -> str:
        """Return what is wrong with the members of a value, ``""`` if all may be in it."""
        if cls.members is None:
            wrong = [member for member in members if "," in member]
            return f"a comma in the member {wrong[0]!r}" if wrong else ""
        wrong = [member for member in members if member not in cls.members]
        return f"{min(wrong)!r} is not one of the members" if wrong else ""

    @classmethod
    def is_ambiguous(cls, members: Collection[str]) -> bool:
        """Return whether servers print a set of these members and the same with the empty member alike."""
        if "" not in (cls.members or ()) or "" in members:
            return False
        return not any(member in members for member in itertools.takewhile(bool, cls.members or ()))

    @classmethod
    def of_number(cls, number: int) -> frozenset[str]:
        """Return the set of a number as servers count: the lowest bit is the first member.

        Raises:
            TypeCastError: If a bit is none of a member.
        """
        if cls.members is None or not 0 <= number < 2 ** len(cls.members):
            raise cast_error(cls, number, "a bit of it is none of a member")
        return frozenset(member for place, member in enumerate(cls.members) if number >> place & 1)

    @classmethod
    def ordered(cls, value: frozenset[str]) -> list[str]:
        """Return the members of a value in the order of definition; sorted, for a bare SET."""
        return sorted(value) if cls.members is None else [member for member in cls.members if member in value]


class BYTES(IntermediateType):
    """Bytes. Parameters: ``max_bytes``, ``padded``. Python: ``bytes``.

    ``padded`` bytes are always ``max_bytes`` long: a server (BINARY) would fill up shorter ones with zeros.
    """

    __slots__ = ()
    parameter_names = ("max_bytes", "padded")
    python_type = bytes
    max_bytes: ClassVar[int | None] = None
    padded: ClassVar[bool] = False

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters, checked."""
        if "padded" in parameters and "max_bytes" not in parameters:
            raise ValueError("padded bytes need max_bytes")
        check_range(parameters, "max_bytes", 0, MAX_LENGTH)
        return dict(parameters)

    @classmethod
    def spelling(cls) -> str:
        """Return ``bytes(16)``, ``bytes(16) padded`` or ``bytes``."""
        return "bytes" if cls.max_bytes is None else f"bytes({cls.max_bytes}){' padded' if cls.padded else ''}"

    @classmethod
    def python_cast_function(cls, value: Any) -> bytes:
        """Return bytes: of bytes, a bytearray or a memoryview."""
        if not isinstance(value, bytes | bytearray | memoryview):
            raise cast_error(cls, value, "not bytes")
        if cls.max_bytes is not None and len(value) > cls.max_bytes:
            raise cast_error(cls, value, f"{len(value)} bytes, at most {cls.max_bytes} fit")
        if cls.padded and len(value) != cls.max_bytes:
            raise cast_error(cls, value, f"{len(value)} bytes, it holds exactly {cls.max_bytes}")
        return bytes(value)
