"""What stands beside the columns of a CREATE TABLE: keys, constraints and periods; and the options behind them all.

Sources: MySQL 8.4 manual 13.1.20 and MariaDB knowledge base, "CREATE TABLE".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nanotyped.row.ddl.columns import read_check, read_references
from nanotyped.types.charsets import ANY_UNICODE, UNSUPPORTED_CHARSETS
from nanotyped.types.grammar import ColumnType
from nanotyped.types.mysql.texts import charset_of

if TYPE_CHECKING:
    from nanotyped.row.ddl.cursor import Cursor
    from nanotyped.types.sql_tokens import Token

_KEY_WORDS = ("key", "index")
_KEY_OPTIONS = (
    *("key_block_size", "using", "with", "comment", "visible", "invisible", "ignored", "not", "clustering"),
    *("engine_attribute", "secondary_engine_attribute", "distance", "m"),
)
# Options that say nothing about what a column holds. Those of two words are joined by a blank.
_OPTIONS = frozenset(
    {
        *("auto_increment", "autoextend_size", "avg_row_length", "checksum", "comment", "compression", "connection"),
        *("data directory", "delay_key_write", "encryption", "encryption_key_id", "encrypted", "engine"),
        *("engine_attribute", "ietf_quotes", "index directory", "insert_method", "key_block_size", "max_rows"),
        *("min_rows", "pack_keys", "page_checksum", "page_compressed", "page_compression_level", "password"),
        *("row_format", "secondary_engine", "secondary_engine_attribute", "sequence", "stats_auto_recalc"),
        *("stats_persistent", "stats_sample_pages", "storage", "table_checksum", "tablespace", "transactional"),
        *("type", "union"),
    }
)
_CHARSET_OPTIONS = ("charset", "character", "collate", "default")


@dataclass(slots=True)
class TableDefinition:
    """What a table is beside its columns.

    Attributes:
        primary: The columns of the primary key, in order; ``None`` where it is not given here.
        named: Names in keys, each of which must be that of a column.
        periods: By name, the columns that bound a period: none of them is null.
        documents: Names of the columns that a check holds to JSON, in lower case.
        versioned: Whether the server keeps old versions of its rows.
        charset: The character set of columns that say none; ``None`` where it is not told.
    """

    primary: list[str] | None = None
    named: list[Token] = field(default_factory=list)
    periods: dict[str, tuple[str, str]] = field(default_factory=dict)
    documents: set[str] = field(default_factory=set)
    versioned: bool = False
    charset: str | None = None


def is_key(cursor: Cursor) -> bool:
    """Return whether a definition is a key, a constraint or a period rather than a column."""
    token, following = cursor.token, cursor.tokens[min(cursor.index + 1, len(cursor.tokens) - 1)]
    if token.kind != "word":
        return False
    if token.text in ("period", "vector"):
        return following.kind == "word" and following.text in ("for", *_KEY_WORDS)
    return token.text in ("primary", "unique", "key", "index", "fulltext", "spatial", "foreign", "check", "constraint")


def read_key(cursor: Cursor, table: TableDefinition) -> None:
    """Read a definition for which ``is_key`` is true into what the table is.

    Raises:
        TypeSyntaxError: At the first that is wrong.
    """
    if cursor.take("word", "constraint") and not (
        cursor.token.kind == "word" and cursor.token.text in ("primary", "unique", "foreign", "check")
    ):
        cursor.name("a constraint")
    start = cursor.token
    word = cursor.expect(
        *("primary", "unique", "foreign", "check", "key", "index", "fulltext", "spatial", "vector", "period")
    )
    if word == "check":
        table.documents |= read_check(cursor)
    elif word == "period":
        _read_period(cursor, table)
    elif word == "foreign":
        cursor.expect("key")
        _take_key_name(cursor)
        table.named += _read_parts(cursor, table)
        cursor.expect("references")
        read_references(cursor)
    else:
        _read_index(cursor, table, word, start)
    cursor.expect_end(_KEY_OPTIONS)


def _read_index(cursor: Cursor, table: TableDefinition, word: str, start: Token) -> None:
    if word == "primary":
        cursor.expect("key")
    elif word not in _KEY_WORDS:
        _ = cursor.take_words("key") or cursor.take_words("index")
    _take_key_name(cursor)
    parts = _read_parts(cursor, table)
    while not cursor.is_done():
        _read_key_option(cursor)
    if word != "primary":
        table.named += parts
        return
    if table.primary is not None:
        raise cursor.error("a table has one primary key", start)
    names = [token.text for token in parts]
    # A name of a period stands for the columns that bound it.
    table.primary = [name for part in names for name in table.periods.get(part.lower(), (part,))]
    table.named += [token for token in parts if token.text.lower() not in table.periods]


def _take_key_name(cursor: Cursor) -> None:
    cursor.take_words("if", "not", "exists")
    if not cursor.is_next("using") and not (cursor.token.kind == "mark" and cursor.token.text == "("):
        cursor.name("a key")
    if cursor.take("word", "using"):
        cursor.expect("btree", "hash", "rtree")


def _read_parts(cursor: Cursor, table: TableDefinition) -> list[Token]:
    """Return the names of the columns of a key, in order; an expression has none."""
    found: list[Token] = []
    for part in cursor.definitions()[0]:
        if part.parenthesised() is None:
            name = part.name("a column")
            length = part.parenthesised()
            if length is not None and [token.kind for token in length] != ["number"]:
                raise part.error("expected the length of a prefix", name)
            if part.take_words("without", "overlaps") and name.text.lower() not in table.periods:
                raise part.error(f"there is no period `{name.text}`", name)
            found.append(name)
        _ = part.take_words("asc") or part.take_words("desc")
        part.expect_end(("asc", "desc"))
    return found


def _read_key_option(cursor: Cursor) -> None:
    if cursor.token.kind == "name":  # an option of an engine of MariaDB
        cursor.index += 1
        cursor.value()
        return
    if cursor.token.kind != "word" or cursor.token.text not in _KEY_OPTIONS:
        raise cursor.unexpected(_KEY_OPTIONS)
    word = cursor.expect(*_KEY_OPTIONS)
    if word == "not":
        cursor.expect("ignored")
    elif word == "with":
        cursor.expect("parser")
        cursor.name("a parser")
    elif word not in ("visible", "invisible", "ignored"):
        cursor.value()


def _read_period(cursor: Cursor, table: TableDefinition) -> None:
    cursor.expect("for")
    name = cursor.name("a period")
    bounds = [part.name("a column") for part in cursor.definitions()[0]]
    if len(bounds) != 2:
        raise cursor.error("a period has two bounds", name)
    table.named += bounds
    table.periods[name.text.lower()] = (bounds[0].text, bounds[1].text)


# -- options ---------------------------------------------------------------------------


def read_option(cursor: Cursor, table: TableDefinition) -> None:
    """Read one option of a table.

    Raises:
        TypeSyntaxError: If nobody knows it, or its value is none.
    """
    if cursor.take("name"):  # an option of an engine of MariaDB
        cursor.value()
        return
    if cursor.take_words("with", "system", "versioning"):
        table.versioned = True
        return
    if cursor.take_words("start", "transaction"):
        return
    default = cursor.take_words("default")
    if cursor.take_words("charset") or cursor.take_words("character", "set") or cursor.take_words("char", "set"):
        name = cursor.value()
        if name.text.lower() != "default":
            table.charset = _charset(cursor, name, name.text.lower())
        return
    if cursor.take_words("collate"):
        name = cursor.value()
        table.charset = _charset(cursor, name, table.charset, name.text.lower())
        return
    words = _option_words(cursor)
    if default or words is None:
        raise cursor.unexpected(_CHARSET_OPTIONS if default else [*_OPTIONS, *_CHARSET_OPTIONS])
    cursor.index += words
    cursor.take("mark", "=")
    if cursor.parenthesised() is None:
        cursor.value()


def _option_words(cursor: Cursor) -> int | None:
    first, second = cursor.token, cursor.tokens[min(cursor.index + 1, len(cursor.tokens) - 1)]
    if first.kind != "word":
        return None
    if f"{first.text} {second.text}" in _OPTIONS:
        return 2
    return 1 if first.text in _OPTIONS else None


def _charset(cursor: Cursor, name: Token, charset: str | None, collation: str | None = None) -> str | None:
    """Return a character set of the table, in the spelling of its columns, by its own name or that of a collation."""
    if charset in UNSUPPORTED_CHARSETS:
        return charset  # each column that has it says so
    place = name.position
    column = ColumnType(
        cursor.text, "char", "char", place, charset=charset, collation=collation, charset_position=place
    )
    found = charset_of(column)["charset"]
    if found is None and (collation or "").partition("_")[0] != ANY_UNICODE:
        raise cursor.error(f"unknown collation `{name.text}`", name)
    return found
