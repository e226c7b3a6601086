"""What a row holds, as data: ``Column`` and ``Schema``, and every way to write a schema down."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from nanotyped.errors import Mismatch, TypeSyntaxError, nearest_hint
from nanotyped.types.base import DataType, Nullable
from nanotyped.types.compat import check_assignable
from nanotyped.types.intermediate import NULL
from nanotyped.types.mysql import mysql_type
from nanotyped.types.policies import TypePolicies
from nanotyped.types.sqlite import SQLiteTypeSystem

if TYPE_CHECKING:
    from nanotyped.row.rows import Row

ColumnDeclaration: TypeAlias = "type[DataType] | Nullable | str"
SchemaDeclaration: TypeAlias = "Schema | type[Row] | Mapping[str, ColumnDeclaration]"

BARE_VALUE = "__value__"
"""The one column of a row that stands for a value that is no mapping."""

_TAKEN_SUFFIX = re.compile(r"\s+(?P<words>or\s+invalid|as\s+(?P<form>bool|bytes))\s*$", re.IGNORECASE)
_POLICIES_OF: Mapping[str, TypePolicies] = {
    "invalid": TypePolicies(zero_date="keep"),
    "bool": TypePolicies(tinyint1="bool", bit="bool"),
    "bytes": TypePolicies(bit="bytes"),
}
# No type of MySQL begins with this word.
_SQLITE_PREFIX = re.compile(r"\s*sqlite\s+(?=\S)", re.IGNORECASE)
_NULL_SUFFIX = re.compile(r"\s+(?P<no>not\s+)?null\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, its type (a class), whether it may be null, whether it belongs to the key."""

    name: str
    type: type[DataType]
    nullable: bool = False
    key: bool = False

    def spelling(self) -> str:
        """Return the type as people write it, with ``null`` where it may be."""
        return f"{self.type.spelling()} null" if self.nullable else self.type.spelling()


class Schema:
    """The ordered columns of a kind of row. Immutable; equal schemas share one Row class.

    Iterates over its columns; ``schema["id"]`` is a ``Column``, ``"id" in schema`` asks for a name.
    """

    __slots__ = ("__weakref__", "_by_name", "_hash", "columns")

    columns: tuple[Column, ...]

    def __init__(self, columns: Iterable[Column]) -> None:
        found = tuple(columns)
        by_name = {column.name: column for column in found}
        if len(by_name) != len(found):
            names = [column.name for column in found]
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"column `{twice}` stands twice in the schema")
        self.columns = found
        self._by_name = by_name
        self._hash = hash(found)

    @property
    def names(self) -> tuple[str, ...]:
        """The column names, in order."""
        return tuple(self._by_name)

    @property
    def key(self) -> tuple[str, ...]:
        """The names of the key's columns, in order; empty where there is none."""
        return tuple(column.name for column in self.columns if column.key)

    @classmethod
    def from_ddl(cls, text: str, table: str | None = None) -> Schema:
        """Return the schema of a table out of CREATE TABLE text of MySQL or MariaDB, such as a dump.

        It is what introspection gives for the live table. For all tables of a text there is ``parse_dump``, which says
        what is read and how.

        Args:
            text: The statements; whatever else a dump has may stand around.
            table: Name of the table; may be left out where there is one only.

        Raises:
            DdlError: Of every mistake, each with line and column; also where the table is not there.
        """
        from nanotyped.row.ddl.dumps import parse_table  # noqa: PLC0415 - text is made into schemas, not the reverse

        return parse_table(text, table)

    def to_ddl(self, table: str) -> str:
        """Return the CREATE TABLE statement of a table with these columns and this key, without a ``;`` behind it.

        Types of other systems become the narrowest of MySQL that hold all their values, bare ones the widest: no type
        of MySQL holds all texts of SQLite, which have no bound, so rows of them want a ``Cast`` to the type of the
        table, as the check says.
        ``Schema.from_ddl`` gives an equal schema for it, where the types are as introspection gives them: of MySQL,
        and without a collation. ``MYSQL_BOOL`` comes back as the ``tinyint(1)`` that it is to a server.

        Raises:
            DdlError: Of every column that no table can have, the key, and the names.
        """
        from nanotyped.row.ddl.rendering import render_create_table  # noqa: PLC0415 - as above

        return render_create_table(table, self)

    def row_class(self) -> type[Row]:
        """Return the Row class of this schema: one class for all equal schemas, made when first asked for."""
        from nanotyped.row.rows import row_class_of  # noqa: PLC0415 - rows are made of schemas, not the reverse

        return row_class_of(self)

    def merge(self, other: Schema) -> Schema:
        """Return the columns of this schema and then those of ``other``, which wins where both have one."""
        return Schema(
            [
                *(other._by_name.get(column.name, column) for column in self.columns),
                *(column for column in other.columns if column.name not in self._by_name),
            ]
        )

    def without_bare_value(self) -> Schema:
        """Return the columns that a node may retain: all but the one that stands for a bare value."""
        return Schema(column for column in self if column.name != BARE_VALUE) if BARE_VALUE in self else self

    def select(self, names: Iterable[str]) -> Schema:
        """Return the named columns, in the order of the names.

        Raises:
            KeyError: If there is no such column.
        """
        return Schema(self[name] for name in names)

    def spelling(self) -> str:
        """Return all columns as people write them: ``id int unsigned, note varchar(9) null``."""
        return ", ".join(f"{column.name} {column.spelling()}" for column in self.columns)

    def missing_column(self, name: str) -> str:
        """Return the hint for a column that is not here: the nearest name, or all there are."""
        return nearest_hint(name, self.names) or f"the columns are {', '.join(f'`{known}`' for known in self.names)}"

    def __getitem__(self, name: str) -> Column:
        return self._by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[Column]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Schema) and self.columns == other.columns

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return f"Schema({self.spelling()})"

    def __reduce__(self) -> tuple[type[Schema], tuple[tuple[Column, ...]]]:
        return Schema, (self.columns,)


def parse_column(name: str, declaration: ColumnDeclaration) -> Column:
    """Return the column that ``declaration`` spells: a type, ``TYPE.nullable()``, or text as ``varchar(9) null``.

    Before ``null``, a text says as what the column is taken, where that is not what the server has it for:
    ``date or invalid``, ``tinyint(1) as bool``, ``bit(8) as bytes`` (see ``TypePolicies``). ``sqlite text`` is what a
    column of SQLite means that is declared ``text``, of any length.

    Raises:
        TypeSyntaxError: If the text is no type, or one that cannot be taken so.
        TypeError: If it is something else, or the name is no text.
    """
    if not isinstance(name, str):
        raise TypeError(f"a column name is text, not {name!r}")
    match declaration:
        case str():
            found = _NULL_SUFFIX.search(declaration)
            text = declaration[: found.start()] if found else declaration
            return Column(name, parse_taken_type(text), nullable=bool(found and not found["no"]))
        case Nullable():
            return Column(name, declaration.type, nullable=True)
        case type() if issubclass(declaration, DataType):
            return Column(name, declaration)
    raise TypeError(f"column `{name}`: {declaration!r} is no type; give a type, TYPE.nullable() or its text")


def parse_taken_type(text: str) -> type[DataType]:
    """Return the type of MySQL, or behind ``sqlite`` of SQLite, that a text spells, taken as the words behind it say.

    Raises:
        TypeSyntaxError: If it is no type, or cannot be taken so.
    """
    found = _TAKEN_SUFFIX.search(text)
    kind: Any
    if found is None:
        return _parse_type(text)
    plain = text[: found.start()]
    kind, taken = _parse_type(plain), (found["form"] or "invalid").lower()
    under: type[DataType] = kind.under(_POLICIES_OF[taken])
    if under is kind:
        reason = {
            "invalid": "only a date, datetime or timestamp may be on no calendar",
            "bool": "only tinyint(1) and bit(1) can be taken as bool",
            "bytes": "only bit(n) can be taken as bytes",
        }[taken]
        raise TypeSyntaxError(text, found.start("words"), reason)
    return under


def _parse_type(text: str) -> type[DataType]:
    prefix = _SQLITE_PREFIX.match(text)
    if prefix is None:
        return mysql_type(text)
    try:
        return SQLiteTypeSystem.type_mapping(text[prefix.end() :])
    except TypeSyntaxError as error:
        raise TypeSyntaxError(text, prefix.end() + error.position, error.reason) from None


def parse_schema(declaration: SchemaDeclaration) -> Schema:
    """Return the schema that a Row class, a ``Schema`` or a mapping of column names to types declares.

    Raises:
        ExceptionGroup: Of ``TypeSyntaxError`` and ``TypeError``, one for each column that is misspelt.
        TypeError: If it is none of these.
    """
    if isinstance(declaration, Schema):
        return declaration
    if isinstance(declaration, Mapping):
        columns: list[Column] = []
        errors: list[TypeSyntaxError | TypeError] = []
        for name, spelled in declaration.items():
            try:
                columns.append(parse_column(name, spelled))
            except (TypeSyntaxError, TypeError) as error:
                errors.append(error)
        if errors:
            raise ExceptionGroup("the schema has columns of no known type", errors)
        return Schema(columns)
    schema = getattr(declaration, "schema", None) if isinstance(declaration, type) else None
    if isinstance(schema, Schema):
        return schema
    raise TypeError(f"{declaration!r} is no schema; give a Row class, a Schema or a mapping of names to types")


def check_schema(given: Schema, needed: Schema, edge: tuple[str, str] | None = None) -> list[Mismatch]:
    """Return every way in which rows of ``given`` do not fit ``needed``: missing, nullable and ill-typed columns.

    Columns that only ``given`` has are no mismatch: a node sees what it asks for.
    """
    found: list[Mismatch] = []
    for want in needed:
        if want.name not in given:
            hint = given.missing_column(want.name)
            found.append(Mismatch(want.spelling(), "nothing", edge=edge, column=want.name, hint=hint))
            continue
        have = given[want.name]
        problems = [] if have.nullable and have.type is NULL else check_assignable(have.type, want.type)
        if have.nullable and not want.nullable:
            hint = f"drop the nulls first: Filter(test='value_is_not_none', key='{want.name}')"
            problems = problems or [Mismatch(want.spelling(), have.spelling(), reason="it may be null", hint=hint)]
        found.extend(problem.at(edge=edge, column=want.name) for problem in problems)
    return found


def narrow_nulls(schema: Schema, names: Iterable[str]) -> Schema:
    """Return the schema with the named columns not null: what a filter on nulls lets pass."""
    dropped = set(names)
    return Schema(Column(c.name, c.type, nullable=False, key=c.key) if c.name in dropped else c for c in schema.columns)
