"""A whole CREATE TABLE or ALTER TABLE: from text to the columns of a schema, with every mistake in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from nanotyped.errors import TypeSyntaxError, nearest_hint
from nanotyped.row.ddl.columns import ColumnDefinition, read_column
from nanotyped.row.ddl.keys import TableDefinition, is_key, read_key, read_option
from nanotyped.row.schema import Column, Schema
from nanotyped.types.mysql.system import MySQLType, MySQLTypeSystem, type_of_column
from nanotyped.types.mysql.texts import MYSQL_LONGTEXT, charset_of
from nanotyped.types.type_names import SHAPES

if TYPE_CHECKING:
    from nanotyped.row.ddl.cursor import Cursor
    from nanotyped.types.grammar import ColumnType
    from nanotyped.types.sql_tokens import Token

_SURROGATE = re.compile("[\ud800-\udfff]")
_SELECT = ("select", "with", "values", "ignore", "replace", "as", "(")


@dataclass(slots=True)
class Table:
    """A table as its statements make it.

    Attributes:
        name: Its name.
        columns: Its columns of known types, as they were written, in order.
        types: By column, its type.
        definition: What it is beside them.
        names: Names of all columns in lower case, of those too that could not be read: keys may name them.
        mistakes: What is wrong in the statement that is being read, each with its position in that.
        unfit: By column, why what is written of its type is none of a contract, with its position in the same.
        refused: The same for all statements, with its position in the text.
    """

    name: str
    columns: list[ColumnDefinition] = field(default_factory=list)
    types: dict[str, type[MySQLType]] = field(default_factory=dict)
    definition: TableDefinition = field(default_factory=TableDefinition)
    names: set[str] = field(default_factory=set)
    mistakes: list[TypeSyntaxError] = field(default_factory=list)
    unfit: dict[str, TypeSyntaxError] = field(default_factory=dict)
    refused: dict[str, tuple[int, str]] = field(default_factory=dict)

    def schema(self) -> Schema:
        """Return its schema, as introspection of the live table gives it: no collations, no charset that is Unicode."""
        table = self.definition
        primary = {name.lower() for name in table.primary or ()}
        if primary and table.versioned:  # the server adds it
            primary |= {column.name.lower() for column in self.columns if column.row_end}
        never_null = primary | {bound.lower() for bounds in table.periods.values() for bound in bounds}
        documents = table.documents.union(*(column.documents for column in self.columns))
        found: list[Column] = []
        for column in self.columns:
            name, kind = column.name.lower(), self.types[column.name]
            if name in documents and issubclass(kind, MYSQL_LONGTEXT):
                kind = MySQLTypeSystem.families["json"]  # MariaDB has no other
            nullable = column.nullable and name not in never_null
            found.append(Column(column.name, kind, nullable=nullable, key=name in primary))
        return Schema(found)


def read_create(cursor: Cursor, table: Table) -> None:
    """Read what follows the name of a table that is created; what is wrong goes into its mistakes."""
    if cursor.is_next("like") or (len(cursor.tokens) > cursor.index + 1 and _is_like_in_parentheses(cursor)):
        raise cursor.error("its columns are those of another table (LIKE), which its own text does not tell")
    if not (cursor.token.kind == "mark" and cursor.token.text == "("):
        raise _missing_columns(cursor)
    opened = cursor.token
    parts, _ = cursor.definitions()
    if parts and parts[0].is_next("select"):
        raise _missing_columns(cursor, opened)
    keys = [part for part in parts if is_key(part)]
    for part in (part for part in parts if not is_key(part)):
        try:
            _add_column(table, read_column(part))
        except TypeSyntaxError as error:
            table.mistakes.append(error)
            table.names.add(part.tokens[0].text.lower())
    # A key may stand before the period that it names.
    for part in sorted(keys, key=lambda part: not part.is_next("period")):
        with _Collecting(table):
            read_key(part, table.definition)
    with _Collecting(table):
        _read_options(cursor, table)
    _finish(cursor.text, table)


def read_alter(cursor: Cursor, table: Table) -> None:
    """Read what follows the name of a table that is altered: the keys and options that dumps give it afterwards."""
    for part in cursor.parts():
        with _Collecting(table):
            _read_alteration(part, table)
    _finish(cursor.text, table)


def _read_alteration(cursor: Cursor, table: Table) -> None:
    if cursor.take_words("disable", "keys") or cursor.take_words("enable", "keys"):
        cursor.expect_end()
        return
    start = cursor.token
    if cursor.take("word", "add") and is_key(cursor):
        read_key(cursor, table.definition)
        return
    if cursor.take("word", "modify"):
        cursor.take_words("column")
        _replace_column(table, read_column(cursor))
        return
    if start.kind == "word" and start.text in ("auto_increment", "engine", "comment"):
        while not cursor.is_done():
            read_option(cursor, table.definition)
        return
    raise cursor.error(
        "this change of a table is not read (known are ADD of a key, MODIFY of a column, AUTO_INCREMENT); "
        "dump the table as it is now",
        start,
    )


def _replace_column(table: Table, column: ColumnDefinition) -> None:
    name = column.name.lower()
    if name not in table.names:
        raise column.type.error(f"table `{table.name}` has no column `{column.name}`", column.position)
    for place, known in enumerate(table.columns):
        if known.name.lower() == name:
            column.name = known.name
            table.columns[place] = column
            del table.types[known.name]


class _Collecting:
    """Puts a mistake of a block among those of a table, and goes on behind the block."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _traceback: object) -> bool:
        if isinstance(error, TypeSyntaxError):
            self.table.mistakes.append(error)
            return True
        return False


def _add_column(table: Table, column: ColumnDefinition) -> None:
    if column.name.lower() in table.names:
        raise column.type.error(f"column `{column.name}` stands twice in the table", column.position)
    table.columns.append(column)
    table.names.add(column.name.lower())


def _read_options(cursor: Cursor, table: Table) -> None:
    while not cursor.is_done():
        if cursor.take("mark", ","):
            continue
        if cursor.take_words("partition", "by"):
            return  # how rows are spread says nothing about them
        if cursor.token.text in _SELECT and not cursor.is_next("with", "system"):
            raise cursor.error("its text does not tell all columns: others come out of a SELECT")
        read_option(cursor, table.definition)


def _is_like_in_parentheses(cursor: Cursor) -> bool:
    following = cursor.tokens[cursor.index + 1]
    return cursor.token.text == "(" and (following.kind, following.text) == ("word", "like")


def _missing_columns(cursor: Cursor, token: Token | None = None) -> TypeSyntaxError:
    if any((found.kind, found.text) == ("word", "select") for found in cursor.tokens[cursor.index :]) or token:
        return cursor.error("its columns come out of a SELECT, which its text does not tell", token)
    return cursor.error("expected `(` and the columns of the table", token)


# -- what needs all of it --------------------------------------------------------------


def _finish(text: str, table: Table) -> None:
    """Give the columns their types, and hold the keys to the columns."""
    known = [column.name for column in table.columns]
    for column in table.columns:
        if column.name not in table.types:
            try:
                table.types[column.name] = _type_of(column.type, table.definition.charset)
            except TypeSyntaxError as error:
                table.unfit[column.name] = error
        if column.primary is not None:
            if table.definition.primary is not None:
                table.mistakes.append(column.type.error("a table has one primary key", column.primary))
            table.definition.primary, column.primary = [column.name], None
        table.definition.named += column.named
        column.named.clear()
    table.columns = [column for column in table.columns if column.name in table.types]
    for token in table.definition.named:
        if token.text.lower() not in table.names:
            hint = nearest_hint(token.text, [*known, *sorted(table.names - {name.lower() for name in known})])
            reason = f"there is no column `{token.text}`{f' ({hint})' if hint else ''}"
            table.mistakes.append(TypeSyntaxError(text, token.position, reason))
    table.definition.named.clear()
    if not (table.names or table.mistakes):
        table.mistakes.append(TypeSyntaxError(text, 0, "a table has a column at least"))


def _type_of(column: ColumnType, charset: str | None) -> type[MySQLType]:
    if SHAPES[column.name].text and "byte" not in column.flags and charset_of(column)["charset"] is None:
        column = replace(column, charset=charset, charset_position=column.position)
    kind = type_of_column(column)
    if "collation" not in kind.family.parameter_names:
        return kind
    # How a server compares texts is not what they hold; nor does introspection tell it.
    return kind.of(collation=None, charset=None if kind.charset == "utf8mb4" else kind.charset)


def check_characters(text: str) -> Iterator[TypeSyntaxError]:
    """Yield the mistake of a statement whose bytes were no UTF-8."""
    if found := _SURROGATE.search(text):
        yield TypeSyntaxError(text, found.start(), "this is no UTF-8; convert the file, or dump with utf8mb4")
