"""The definition of one column: its name, its type, and all that may stand behind a type.

Sources: MySQL 8.4 manual 13.1.20 and MariaDB knowledge base, "CREATE TABLE".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from nanotyped.types.grammar import Argument, ColumnType, read_column_type

if TYPE_CHECKING:
    from nanotyped.row.ddl.cursor import Cursor
    from nanotyped.types.sql_tokens import Token

_CONSTANTS = frozenset(
    {
        *("null", "true", "false", "current_timestamp", "localtime", "localtimestamp", "current_date", "current_time"),
        *("current_user", "current_role", "utc_date", "utc_time", "utc_timestamp"),
    }
)
_NOW = ("current_timestamp", "now", "localtime", "localtimestamp", "current_date", "curdate")


@dataclass(slots=True)
class ColumnDefinition:
    """A column as it was written.

    Attributes:
        name: Its name.
        position: Where the name begins.
        type: Its type, with what stands of it behind other words.
        nullable: Whether it may be null, as far as it says so itself.
        primary: Where it says that it is the primary key; ``None`` where it does not.
        row_end: Whether it is the end of the period in which a row of a versioned table is valid.
        never_null: Whether it is not null whatever it says itself.
        documents: Names of the columns that its checks hold to JSON, in lower case.
        named: Names in its default, each of which must be that of a column.
    """

    name: str
    position: int
    type: ColumnType
    nullable: bool = True
    primary: int | None = None
    row_end: bool = False
    never_null: bool = False
    documents: set[str] = field(default_factory=set)
    named: list[Token] = field(default_factory=list)


def read_column(cursor: Cursor) -> ColumnDefinition:
    """Return the column that all the tokens of a definition are.

    Raises:
        TypeSyntaxError: At the first that is wrong.
    """
    name = cursor.name("a column")
    if cursor.is_done():
        raise cursor.error(f"column `{name.text}` has no type")
    kind, cursor.index = read_column_type(cursor.text, cursor.tokens, cursor.index, ATTRIBUTES)
    column = ColumnDefinition(name.text, name.position, kind, never_null=kind.spelling == "serial")
    while not cursor.is_done():
        if cursor.token.kind in ("word", "name") and _is_assignment(cursor):
            cursor.index += 1  # an option of an engine of MariaDB: any name
            cursor.value()
            continue
        word = cursor.take("word")
        read = ATTRIBUTES.get(word.text) if word else None
        if read is None:
            cursor.index -= word is not None
            raise cursor.unexpected(list(ATTRIBUTES))
        read(cursor, column)
    column.nullable = column.nullable and not column.never_null
    return column


def read_check(cursor: Cursor) -> set[str]:
    """Pass a condition, and return the columns that it holds to JSON, in lower case: one or none."""
    condition = cursor.expect_parenthesised()
    if cursor.take_words("not", "enforced"):
        return set()
    cursor.take_words("enforced")
    while len(condition) > 2 and condition[0].text == "(" and condition[-1].text == ")":
        condition = condition[1:-1]
    match [(token.kind, token.text) for token in condition]:
        case [("word", "json_valid"), ("mark", "("), ("name" | "word", name), ("mark", ")")]:
            return {name.lower()}
    return set()


def read_references(cursor: Cursor) -> None:
    """Pass what follows the word REFERENCES."""
    cursor.qualified_name("a table")
    cursor.parenthesised()
    if cursor.take("word", "match"):
        cursor.expect("full", "partial", "simple")
    while cursor.take("word", "on"):
        cursor.expect("delete", "update")
        if cursor.take("word", "set"):
            cursor.expect("null", "default")
        elif cursor.take("word", "no"):
            cursor.expect("action")
        else:
            cursor.expect("restrict", "cascade", "set", "no")


def _is_assignment(cursor: Cursor) -> bool:
    following = cursor.tokens[cursor.index + 1]
    return (
        following.kind == "mark"
        and following.text == "="
        and (cursor.token.kind == "name" or cursor.token.text not in ATTRIBUTES)
    )


# -- what may stand behind a type ------------------------------------------------------


def _not(cursor: Cursor, column: ColumnDefinition) -> None:
    if cursor.expect("null", "secondary") == "null":
        column.nullable = False


def _null(_cursor: Cursor, column: ColumnDefinition) -> None:
    column.nullable = True  # of two that contradict each other servers take the last


def _default(cursor: Cursor, column: ColumnDefinition) -> None:
    if cursor.parenthesised() is not None:
        return
    if cursor.take_words("next", "value", "for"):
        cursor.qualified_name("a sequence")
        return
    signed = cursor.take("mark", "-") or cursor.take("mark", "+")
    point = cursor.take("mark", ".")
    if number := cursor.take("number"):
        _exponent(cursor, number)
    elif signed or point:
        raise cursor.error("expected a number")
    elif cursor.take("text"):
        while cursor.take("text"):
            pass
    elif token := cursor.take("word") or cursor.take("name"):
        _default_word(cursor, column, token)
    else:
        raise cursor.error("expected a default value")


def _default_word(cursor: Cursor, column: ColumnDefinition, token: Token) -> None:
    """Pass what follows a word: of a function, or before a quoted text as in b'1', _utf8mb4'é', DATE '2020-01-01'."""
    start = cursor.index
    while cursor.take("text"):
        pass
    while cursor.take("mark", "."):
        cursor.name("a function")
    if (
        cursor.parenthesised() is None
        and cursor.index == start
        and not (token.kind == "word" and token.text in _CONSTANTS)
    ):
        column.named.append(token)  # in MariaDB the default may be what another column holds


def _exponent(cursor: Cursor, number: Token) -> None:
    if number.text[-1] in "eE" and not number.text.startswith(("0x", "0X")):
        _ = cursor.take("mark", "-") or cursor.take("mark", "+")
        if not cursor.take("number"):
            raise cursor.error("expected an exponent")


def _on(cursor: Cursor, _column: ColumnDefinition) -> None:
    cursor.expect("update")
    cursor.expect(*_NOW)
    cursor.parenthesised()


def _never_null(_cursor: Cursor, column: ColumnDefinition) -> None:
    column.never_null = True


def _serial(cursor: Cursor, column: ColumnDefinition) -> None:
    cursor.expect("default")
    cursor.expect("value")
    column.never_null = True


def _primary(cursor: Cursor, column: ColumnDefinition) -> None:
    position = cursor.tokens[cursor.index - 1].position
    cursor.expect("key")
    column.primary = position


def _key(cursor: Cursor, column: ColumnDefinition) -> None:
    column.primary = cursor.tokens[cursor.index - 1].position


def _unique(cursor: Cursor, _column: ColumnDefinition) -> None:
    cursor.take_words("key")


def _comment(cursor: Cursor, _column: ColumnDefinition) -> None:
    cursor.expect_text("a comment")


def _collate(cursor: Cursor, column: ColumnDefinition) -> None:
    token = cursor.value()
    column.type = replace(column.type, collation=token.text.lower())


def _srid(cursor: Cursor, column: ColumnDefinition) -> None:
    token = cursor.value()
    if token.kind != "number" or not token.text.isdigit():
        raise cursor.error("expected a whole number", token)
    column.type = replace(column.type, srid=Argument(int(token.text), token.position))


def _value(cursor: Cursor, _column: ColumnDefinition) -> None:
    cursor.value()


def _constraint(cursor: Cursor, column: ColumnDefinition) -> None:
    if not cursor.is_next("check"):
        cursor.name("a constraint")
    cursor.expect("check")
    _check(cursor, column)


def _check(cursor: Cursor, column: ColumnDefinition) -> None:
    column.documents |= read_check(cursor)


def _generated(cursor: Cursor, column: ColumnDefinition) -> None:
    cursor.expect("always")
    cursor.expect("as")
    _as(cursor, column)


def _as(cursor: Cursor, column: ColumnDefinition) -> None:
    if cursor.take("word", "row"):
        column.row_end = cursor.expect("start", "end") == "end"
        column.never_null = True
        return
    cursor.expect_parenthesised()
    _ = cursor.take_words("virtual") or cursor.take_words("stored") or cursor.take_words("persistent")


def _versioning(cursor: Cursor, _column: ColumnDefinition) -> None:
    cursor.expect("system")
    cursor.expect("versioning")


def _references(cursor: Cursor, _column: ColumnDefinition) -> None:
    read_references(cursor)


def _nothing(_cursor: Cursor, _column: ColumnDefinition) -> None:
    """Take the word alone."""


ATTRIBUTES: Mapping[str, Callable[[Cursor, ColumnDefinition], None]] = MappingProxyType(
    {
        "not": _not,
        "null": _null,
        "default": _default,
        "on": _on,
        "auto_increment": _never_null,
        "primary": _primary,
        "key": _key,
        "unique": _unique,
        "comment": _comment,
        "collate": _collate,
        "generated": _generated,
        "as": _as,
        "check": _check,
        "constraint": _constraint,
        "references": _references,
        "invisible": _nothing,
        "visible": _nothing,
        "srid": _srid,
        "ref_system_id": _srid,
        "serial": _serial,
        "with": _versioning,
        "without": _versioning,
        **dict.fromkeys(("column_format", "storage", "engine_attribute", "secondary_engine_attribute"), _value),
    }
)
