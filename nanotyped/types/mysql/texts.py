"""Column types of text and bytes: CHAR to LONGTEXT, BINARY to LONGBLOB, JSON.

Sources: MySQL 8.4 manual 11.3 and 11.5, MariaDB 10.11.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from nanotyped.types.charsets import CHARSETS, UNSUPPORTED_CHARSETS, collation_problem
from nanotyped.types.intermediate import BYTES, JSON, STRING
from nanotyped.types.mysql.system import MySQLType, argument

if TYPE_CHECKING:
    from nanotyped.types.base import DataType
    from nanotyped.types.grammar import ColumnType

MAX_CHAR = 255
MAX_VARCHAR = 65535
MAX_BLOB = 2**32 - 1
_ALIASES = {"utf8": "utf8mb3"}
_WIDEST = 4  # bytes of a character where the charset is not known


def charset_of(column: ColumnType) -> dict[str, str | None]:
    """Return charset and collation of a column, as far as the text tells; a collation tells its charset.

    Raises:
        TypeSyntaxError: If they contradict each other, or one is unknown.
    """
    charset = _ALIASES.get(column.charset or "", column.charset)
    collation = column.collation
    if collation and (problem := collation_problem(collation)):
        raise column.error(problem, column.collation_position or None)
    if collation and collation.startswith("utf8_"):
        collation = "utf8mb3" + collation.removeprefix("utf8")
    known = CHARSETS.keys() | UNSUPPORTED_CHARSETS | {"binary"}
    if collation:
        owner = collation.partition("_")[0]
        if charset is None and owner in known:
            charset = owner
        if owner in known and owner != charset:
            raise column.error(f"collation `{collation}` is none of `{charset}`")
    if charset in UNSUPPORTED_CHARSETS:
        raise column.error(f"character set `{charset}` is not supported", column.charset_position or None)
    if charset is not None and charset not in known:
        raise column.error(f"unknown character set `{charset}`", column.charset_position or None)
    if "binary" in column.flags and charset not in (None, "binary"):
        collation = collation or f"{charset}_bin"
    return {"charset": charset, "collation": collation}


def is_binary(column: ColumnType) -> bool:
    """Return whether a column of characters is one of bytes by what follows its name.

    Raises:
        TypeSyntaxError: If it is one of another charset too, as of ``nchar``.
    """
    if "byte" in column.flags and column.charset is not None:
        raise column.error(f"`{column.spelling}` of `{column.charset}` cannot be `byte`")
    return "byte" in column.flags or charset_of(column)["charset"] == "binary"


class TextColumn(MySQLType, family=False):
    """What text columns share: ``charset`` and ``collation``."""

    __slots__ = ()
    python_type: ClassVar[type] = str
    charset: ClassVar[str | None] = None
    collation: ClassVar[str | None] = None

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters, the charset checked."""
        STRING.of(charset=parameters.get("charset"))
        return dict(parameters)

    @classmethod
    def ddl(cls) -> str:
        """Return the COLUMN_TYPE and, where they are known, charset and collation."""
        charset = f" character set {cls.charset}" if cls.charset else ""
        collation = f" collate {cls.collation}" if cls.collation else ""
        return f"{cls.column_type()}{charset}{collation}"

    @classmethod
    def column_type(cls) -> str:
        """Return the COLUMN_TYPE text."""
        return cls.base

    @classmethod
    def spelling(cls) -> str:
        """Return what ``CREATE TABLE`` takes: a charset is part of the type."""
        return cls.ddl()


class MYSQL_CHAR(TextColumn, reads="char"):
    """``char(n)``. Parameters: ``max_length``, ``charset``, ``collation``. It drops trailing blanks."""

    __slots__ = ()
    parameter_names = ("max_length", "charset", "collation")
    base = "char"
    max_length: ClassVar[int | None] = None
    longest: ClassVar[int] = MAX_CHAR

    @classmethod
    def from_column(cls, column: ColumnType) -> type[MySQLType]:
        """Return the type, or one of bytes where the column is one; without a length it is 1."""
        length = argument(column, 0, 0, cls.longest)
        length = 1 if length is None else length
        if is_binary(column):
            binary = MYSQL_BINARY if cls.base == "char" else MYSQL_VARBINARY
            return binary.of(max_length=length)
        return cls.of(max_length=length, **charset_of(column))

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters, the length checked."""
        STRING.of(max_length=parameters.get("max_length"))
        return super().derive(parameters)

    @classmethod
    def intermediate(cls) -> type[DataType]:
        """Return STRING of this length, without trailing blanks."""
        return STRING.of(max_length=cls.max_length, charset=cls.charset, padded=True)

    @classmethod
    def column_type(cls) -> str:
        """Return ``char(10)``."""
        return cls.base if cls.max_length is None else f"{cls.base}({cls.max_length})"


class MYSQL_VARCHAR(MYSQL_CHAR, reads="varchar"):
    """``varchar(n)``. Parameters: ``max_length``, ``charset``, ``collation``."""

    __slots__ = ()
    base = "varchar"
    longest = MAX_VARCHAR

    @classmethod
    def intermediate(cls) -> type[DataType]:
        """Return STRING of this length."""
        return STRING.of(max_length=cls.max_length, charset=cls.charset)


class _LongText(TextColumn, family=False):
    """Text columns that are limited in bytes."""

    __slots__ = ()
    parameter_names = ("charset", "collation")
    max_bytes: ClassVar[int] = 0

    @classmethod
    def from_column(cls, column: ColumnType) -> type[MySQLType]:
        """Return the type; ``text(n)`` is the smallest that holds n characters."""
        length = argument(column, 0, 0, MAX_BLOB)
        if is_binary(column):
            blob = MySQLType.families[cls.base.replace("text", "blob")]
            return smallest(_BLOBS, length) if length else blob
        charset = charset_of(column)
        if not length:
            return cls.of(**charset)
        width = CHARSETS[charset["charset"]][1] if charset["charset"] else _WIDEST
        return smallest(_TEXTS, length * width).of(**charset)

    @classmethod
    def intermediate(cls) -> type[DataType]:
        """Return STRING of so many bytes."""
        return STRING.of(max_bytes=cls.max_bytes, charset=cls.charset)


class MYSQL_TINYTEXT(_LongText, reads="tinytext"):
    """``tinytext``: 255 bytes. Parameters: ``charset``, ``collation``."""

    __slots__ = ()
    base, max_bytes = "tinytext", 2**8 - 1


class MYSQL_TEXT(_LongText, reads="text"):
    """``text``: 65535 bytes. Parameters: ``charset``, ``collation``."""

    __slots__ = ()
    base, max_bytes = "text", 2**16 - 1


class MYSQL_MEDIUMTEXT(_LongText, reads="mediumtext"):
    """``mediumtext``: 16 MB less one byte. Parameters: ``charset``, ``collation``."""

    __slots__ = ()
    base, max_bytes = "mediumtext", 2**24 - 1


class MYSQL_LONGTEXT(_LongText, reads="longtext"):
    """``longtext``: 4 GB less one byte. Parameters: ``charset``, ``collation``."""

    __slots__ = ()
    base, max_bytes = "longtext", MAX_BLOB


class _Bytes(MySQLType, family=False):
    """What columns of bytes share."""

    __slots__ = ()
    python_type = bytes
    max_bytes: ClassVar[int | None] = None

    @classmethod
    def intermediate(cls) -> type[DataType]:
        """Return BYTES of this length."""
        return BYTES.of(max_bytes=cls.max_bytes)


class MYSQL_BINARY(_Bytes, reads="binary"):
    """``binary(n)``. Parameter: ``max_length``. It fills up shorter values with zeros, so they are refused."""

    __slots__ = ()
    parameter_names = ("max_length",)
    base = "binary"
    max_length: ClassVar[int | None] = None
    longest: ClassVar[int] = MAX_CHAR

    @classmethod
    def from_column(cls, column: ColumnType) -> type[MySQLType]:
        """Return the type; without a length it is 1."""
        length = argument(column, 0, 0, cls.longest)
        return cls.of(max_length=1 if length is None else length)

    @classmethod
    def derive(cls, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the length, as ``max_bytes`` too."""
        BYTES.of(max_bytes=parameters["max_length"])
        return {**parameters, "max_bytes": parameters["max_length"]}

    @classmethod
    def intermediate(cls) -> type[DataType]:
        """Return BYTES of exactly this length."""
        return BYTES.of(max_bytes=cls.max_bytes, padded=cls.max_bytes is not None)

    @classmethod
    def spelling(cls) -> str:
        """Return ``binary(16)``."""
        return cls.base if cls.max_length is None else f"{cls.base}({cls.max_length})"


class MYSQL_VARBINARY(MYSQL_BINARY, reads="varbinary"):
    """``varbinary(n)``. Parameter: ``max_length``."""

    __slots__ = ()
    base = "varbinary"
    longest = MAX_VARCHAR

    @classmethod
    def intermediate(cls) -> type[DataType]:
        """Return BYTES of at most this length."""
        return BYTES.of(max_bytes=cls.max_bytes)


class MYSQL_TINYBLOB(_Bytes, reads="tinyblob"):
    """``tinyblob``: 255 bytes."""

    __slots__ = ()
    base, max_bytes = "tinyblob", 2**8 - 1


class MYSQL_BLOB(_Bytes, reads="blob"):
    """``blob``: 65535 bytes."""

    __slots__ = ()
    base, max_bytes = "blob", 2**16 - 1

    @classmethod
    def from_column(cls, column: ColumnType) -> type[MySQLType]:
        """Return the smallest blob of so many bytes."""
        length = argument(column, 0, 0, MAX_BLOB)
        return smallest(_BLOBS, length) if length else cls


class MYSQL_MEDIUMBLOB(_Bytes, reads="mediumblob"):
    """``mediumblob``: 16 MB less one byte."""

    __slots__ = ()
    base, max_bytes = "mediumblob", 2**24 - 1


class MYSQL_LONGBLOB(_Bytes, reads="longblob"):
    """``longblob``: 4 GB less one byte."""

    __slots__ = ()
    base, max_bytes = "longblob", MAX_BLOB


_TEXTS = (MYSQL_TINYTEXT, MYSQL_TEXT, MYSQL_MEDIUMTEXT, MYSQL_LONGTEXT)
_BLOBS = (MYSQL_TINYBLOB, MYSQL_BLOB, MYSQL_MEDIUMBLOB, MYSQL_LONGBLOB)


def smallest(types: tuple[type[_LongText | _Bytes], ...], size_bytes: int) -> type[MySQLType]:
    """Return the first of some types, in order of size, that holds so many bytes; the last if none does."""
    return next((kind for kind in types if (kind.max_bytes or 0) >= size_bytes), types[-1])


def smallest_text(size_bytes: int) -> type[MySQLType]:
    """Return the smallest of TINYTEXT to LONGTEXT for so many bytes."""
    return smallest(_TEXTS, size_bytes)


def smallest_blob(size_bytes: int) -> type[MySQLType]:
    """Return the smallest of TINYBLOB to LONGBLOB for so many bytes."""
    return smallest(_BLOBS, size_bytes)


class MYSQL_JSON(MySQLType, reads="json"):
    """``json``. On MariaDB a JSON column is a ``longtext`` with a check, and is read as one unless told."""

    __slots__ = ()
    base = "json"

    @classmethod
    def intermediate(cls) -> type[DataType]:
        """Return JSON."""
        return JSON
