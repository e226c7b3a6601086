"""A text of many statements, as mysqldump writes it or people do: its tables, by name.

Only the statements that make, change and drop tables are read; all others are passed over, as fast as their quotes and
comments let one see where they end.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import islice, takewhile
from typing import TYPE_CHECKING, TypeAlias

from nanotyped.errors import DdlError, DdlProblem, TypeSyntaxError, nearest_hint
from nanotyped.row.ddl.cursor import Cursor
from nanotyped.row.ddl.tables import Table, check_characters, read_alter, read_create
from nanotyped.types.sql_tokens import SKIPPED_IN_STATEMENT, tokens

if TYPE_CHECKING:
    from nanotyped.row.schema import Schema

_HEAD_CHARACTERS = 2000  # of a statement: the words that say what it is, and comments between them
_HEAD_WORDS = 6
# What may be made beside tables (MySQL 8.4 manual 13.1, MariaDB knowledge base), and words that may stand before it.
_OTHER_OBJECTS = frozenset(
    {
        *("aggregate", "algorithm", "database", "definer", "event", "fulltext", "function", "index", "json"),
        *(
            "library",
            "logfile",
            "materialized",
            "package",
            "procedure",
            "resource",
            "role",
            "schema",
            "sequence",
            "server",
        ),
        *("spatial", "sql", "tablespace", "trigger", "undo", "unique", "user", "vector", "view"),
    }
)
_BEFORE_TABLE = ("create", "or", "replace", "temporary", "global", "alter", "online", "ignore", "drop", "rename")
_VERBS_OF_TABLES = (
    *("create", "alter", "drop", "rename", "truncate", "lock", "unlock", "analyze", "optimize", "check", "repair"),
    *("checksum", "flush", "import", "backup"),
)
_BETWEEN = re.compile(rf"(?:{SKIPPED_IN_STATEMENT.pattern})+")
# What is passed over as a whole, then what is left open, then what a client reads itself.
_PIECES = r"""
    '(?:[^'\\]++|\\.)*+' | "(?:[^"\\]++|\\.)*+" | `[^`]*+`
    | /\*.*?\*/ | --(?:[ \t\r\f\v][^\n]*|(?=\n)|\Z) | \#[^\n]*
    | (?P<open>['"`]|/\*)
    | (?P<end>{delimiter})
"""
_DELIMITER = re.compile(r"delimiter[ \t]+(\S+)[^\n]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class DumpedTable:
    """A table out of a text.

    Attributes:
        schema: Its columns of types that a contract holds.
        refused: By column, why it is in no contract, with its place in the text.
    """

    schema: Schema
    refused: Mapping[str, DdlProblem]


@dataclass(frozen=True, slots=True)
class _Statement:
    """One statement of a text: where it begins, its own text, and where a quote in it is open, if one is."""

    start: int
    text: str
    open: int | None = None


def parse_dump(text: str, tables: Collection[str] = ()) -> dict[str, Schema]:
    """Return the schemas of the tables that a text of SQL leaves behind, by name, in order.

    The text is that of MySQL 5.7-9 or MariaDB 10-11: a dump with all that stands around tables, or what people write.
    A table that is dropped again is left out, and so are views, whose text tells no types. The schemas are what
    introspection gives for the live tables: keys are those of the primary key alone, collations and the character set
    utf8mb4 are not part of a type, and a ``longtext`` that a check holds to ``json_valid`` is MariaDB's ``json``.
    A text column of a table that names no character set is taken for one of all Unicode.

    Args:
        text: The statements, each but the last with its delimiter.
        tables: Names of the tables that are wanted; without any, all. Mistakes in others are not looked for.

    Raises:
        DdlError: Of every mistake, each with line and column; also where a wanted table is not there.
    """
    return {name: found.schema for name, found in _parse(text, tables, leaves_out=False).items()}


def parse_dump_tables(text: str, tables: Collection[str] = ()) -> dict[str, DumpedTable]:
    """Return the tables that a text of SQL leaves behind, by name, in order; else as ``parse_dump``.

    A column whose type was read and is none of a contract, such as one of a character set that is not known here, is
    no mistake of the text: it is left out, as introspection leaves it out.

    Raises:
        DdlError: Of every other mistake, each with line and column; also where a wanted table is not there.
    """
    return _parse(text, tables, leaves_out=True)


def _parse(text: str, tables: Collection[str], *, leaves_out: bool) -> dict[str, DumpedTable]:
    reader = _Reader(text, frozenset(tables), leaves_out=leaves_out)
    for statement in _statements(text):
        reader.read(statement)
    return reader.finish(tables)


def parse_table(text: str, table: str | None = None) -> Schema:
    """Return the schema of one table of a text; without a name, of the only one.

    Raises:
        DdlError: Of every mistake, each with line and column; also where the table is not there, or not the only one.
    """
    found = parse_dump(text, () if table is None else (table,))
    if len(found) != 1:
        names = ", ".join(f"`{name}`" for name in found)
        reason = f"there are {len(found)} tables: {names}; say which" if found else "there is no CREATE TABLE"
        raise DdlError([DdlProblem(0, 0, reason)])
    return next(iter(found.values()))


@cache
def _pieces(delimiter: str) -> re.Pattern[str]:
    return re.compile(_PIECES.replace("{delimiter}", re.escape(delimiter)), re.DOTALL | re.VERBOSE)


def _statements(text: str) -> Iterator[_Statement]:
    """Yield the statements of a text that are not empty, comments before them left out."""
    delimiter, position = ";", 0
    while True:
        between = _BETWEEN.match(text, position)
        start = position = between.end() if between else position
        if position >= len(text):
            return
        if changed := _DELIMITER.match(text, position):
            delimiter, position = changed[1], changed.end()
            continue
        found = _pieces(delimiter).finditer(text, position)
        end = next((piece for piece in found if piece.lastgroup is not None), None)
        if end is None or end["open"]:
            yield _Statement(start, text[start:], end.start() if end else None)
            return
        if end.start() > start:
            yield _Statement(start, text[start : end.start()])
        position = end.end()


_Read: TypeAlias = Callable[[Cursor, _Statement], None]


def _first_words(text: str) -> list[str]:
    """Return the words that a statement begins with, in lower case."""
    try:
        found = list(islice(tokens(text[:_HEAD_CHARACTERS], statement=True), _HEAD_WORDS))
    except TypeSyntaxError:
        return []  # it is cut in the middle of what is no word
    return [token.text for token in takewhile(lambda token: token.kind == "word", found)]


def _is_of_table(words: list[str]) -> bool:
    """Return whether CREATE and these words make a table, or what is misspelt: nothing else that is known."""
    word = next((word for word in words if word not in _BEFORE_TABLE), "")
    return bool(words) and word not in _OTHER_OBJECTS


def _pass_to_table(cursor: Cursor) -> list[str]:
    """Pass the words up to TABLE and that itself, and return them."""
    while cursor.token.text in _BEFORE_TABLE:
        cursor.index += 1
    if not cursor.take_words("tables"):
        cursor.expect("table")
    return [token.text for token in cursor.tokens[: cursor.index]]


class _Reader:
    """What the statements of a text have made so far."""

    def __init__(self, text: str, wanted: frozenset[str], *, leaves_out: bool) -> None:
        self.text = text
        self.wanted = wanted
        self.leaves_out = leaves_out
        self.database: str | None = None
        self.tables: dict[tuple[str | None, str], Table] = {}
        self.seen: set[str] = set()
        self.mistakes: list[tuple[int, str, str | None]] = []

    def read(self, statement: _Statement) -> None:
        """Read one statement, if it is about tables."""
        if statement.open is not None:
            self.add(statement.open, "this is not closed, so that nothing behind it can be read")
            return
        words = _first_words(statement.text)
        match words:
            case ["create", *rest] if _is_of_table(rest):
                self._guarded(statement, self._create)
            case ["alter" | "drop" | "rename" as verb, *rest] if {"table", "tables"} & {*rest[:3]}:
                change = {"alter": self._alter, "drop": self._drop, "rename": self._rename}[verb]
                self._guarded(statement, change)
            case ["use", *_]:
                self._guarded(statement, self._use)
            case [word, *rest] if "table" in rest[:2] and word not in _VERBS_OF_TABLES:
                hint = nearest_hint(word, _VERBS_OF_TABLES)
                self.add(statement.start, f"unknown statement `{word} table`{f' ({hint})' if hint else ''}")

    def finish(self, names: Collection[str]) -> dict[str, DumpedTable]:
        """Return the tables, in the order of the names or of the text; or raise all that is wrong."""
        problems = list(self._placed())
        for name in sorted(self.wanted - {table.name for table in self.tables.values()}):
            hint = nearest_hint(name, sorted(self.seen)) or "its text tells none of views"
            problems.append(DdlProblem(0, 0, f"there is no table `{name}`; {hint}", name))
        if problems:
            raise DdlError(problems)
        found = {table.name: DumpedTable(table.schema(), self._refused(table)) for table in self.tables.values()}
        return {name: found[name] for name in names} if names else found

    def add(self, position: int, reason: str, table: str | None = None) -> None:
        """Add a mistake at a position of the text."""
        self.mistakes.append((position, reason, table))

    def _placed(self) -> Iterator[DdlProblem]:
        """Yield the mistakes in the order of the text, with their lines and columns."""
        yield from _at_places(self.text, sorted(self.mistakes, key=lambda found: found[0]))

    def _refused(self, table: Table) -> dict[str, DdlProblem]:
        """Return the columns of a table that are left out, in the order of the text."""
        columns = sorted(table.refused.items(), key=lambda found: found[1][0])
        problems = _at_places(self.text, [(position, reason, table.name) for _, (position, reason) in columns])
        return {name: problem for (name, _), problem in zip(columns, problems, strict=True)}

    # -- statements --------------------------------------------------------------------

    def _guarded(self, statement: _Statement, read: _Read) -> None:
        try:
            read(Cursor(statement.text, list(tokens(statement.text, statement=True))), statement)
        except TypeSyntaxError as error:
            self.add(statement.start + error.position, error.reason)

    def _use(self, cursor: Cursor, _statement: _Statement) -> None:
        cursor.expect("use")
        self.database = cursor.name("a database").text

    def _name(self, cursor: Cursor) -> tuple[tuple[str | None, str], int]:
        database, name = cursor.qualified_name("a table")
        return (database or self.database, name.text), name.position

    def _create(self, cursor: Cursor, statement: _Statement) -> None:
        replaces = "replace" in _pass_to_table(cursor)
        keeps = cursor.take_words("if", "not", "exists")
        key, position = self._name(cursor)
        name = key[1]
        if self.wanted and name not in self.wanted:
            self.seen.add(name)
            return
        table = Table(name)
        try:
            read_create(cursor, table)
        except TypeSyntaxError as error:
            table.mistakes.append(error)
        self._tell(statement, table)
        self.seen.add(name)
        if key in self.tables and keeps:
            return
        if not replaces and any(known[1] == name for known in self.tables):
            reason = f"table `{name}` is there already; give the text of one database, in which each name stands once"
            self.add(statement.start + position, reason, name)
            return
        self.tables[key] = table

    def _alter(self, cursor: Cursor, statement: _Statement) -> None:
        _pass_to_table(cursor)
        cursor.take_words("if", "exists")
        key, _ = self._name(cursor)
        table = self.tables.get(key)
        if table is not None:
            read_alter(cursor, table)
            self._tell(statement, table)

    def _drop(self, cursor: Cursor, _statement: _Statement) -> None:
        _pass_to_table(cursor)
        cursor.take_words("if", "exists")
        while not cursor.is_done():
            key, _ = self._name(cursor)
            self.tables.pop(key, None)
            self.seen.discard(key[1])
            if not cursor.take("mark", ","):
                return

    def _rename(self, cursor: Cursor, _statement: _Statement) -> None:
        _pass_to_table(cursor)
        cursor.take_words("if", "exists")
        start = cursor.token
        key, _ = self._name(cursor)
        if key in self.tables:
            raise cursor.error("a table that is renamed is not followed; dump it as it is now", start)

    def _tell(self, statement: _Statement, table: Table) -> None:
        for name, error in table.unfit.items():
            if self.leaves_out:
                table.refused[name] = (statement.start + error.position, error.reason)
            else:
                table.mistakes.append(error)
        for mistake in [*table.mistakes, *check_characters(statement.text)]:
            self.add(statement.start + mistake.position, mistake.reason, table.name)
        table.unfit.clear()
        table.mistakes.clear()


def _at_places(text: str, found: Iterable[tuple[int, str, str | None]]) -> Iterator[DdlProblem]:
    """Yield what is said of positions of a text, which ascend, with their lines and columns."""
    line, before = 1, 0
    for position, reason, table in found:
        line += text.count("\n", before, position)
        before = position
        yield DdlProblem(line, position - text.rfind("\n", 0, position), reason, table)
