"""Reading tables of SQLite, whose columns are declared as MySQL's are: what they are, by pages, and in one pass."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nanotyped.errors import (
    CellProblem,
    RowValidationError,
    SourceError,
    TypeCastError,
    TypeSyntaxError,
    UnfitSourceError,
    nearest_hint,
    shown,
)
from nanotyped.nodes.sql.description import Columns, Cut, Lag, TableDescription, Unreadable
from nanotyped.nodes.sql.following import lowered_as_stored
from nanotyped.nodes.sql.loading import sa
from nanotyped.row import Column, Schema
from nanotyped.types.sqlite import SQLiteTypeSystem, decoder

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

    from nanotyped.node.parts import PartSize
    from nanotyped.nodes.sql.statements import TableQuery

_COLLATIONS = ("BINARY", "NOCASE", "RTRIM")
_TABLES = "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite^_%' ESCAPE '^'"
_HIDDEN = 1  # a hidden column of a virtual table; generated columns (2, 3) are data


class SQLiteReader:
    """One connection to a database file, for describing and reading a table. See ``TableReader``."""

    def __init__(self, url: URL) -> None:
        self._place = url.database or ":memory:"
        self._schema = Schema([])
        self._rows_read = 0
        self.keeps_unreadable = False
        with self._reporting("opening"):
            self._engine = _engine_of(url)
            self._connection = self._engine.connect()

    def tables(self) -> list[str]:
        """Return the names of the tables and views of the file, sorted; those of SQLite itself are not among them."""
        with self._reporting("listing the tables of"):
            return sorted(self._connection.execute(sa.text(_TABLES)).scalars())

    def describe(self, table: str, columns: Sequence[str] | None) -> TableDescription:
        """Return what the table is, as its declaration says."""
        place = f"table `{table}` of {self._place}"
        with self._reporting("describing"):
            found = [row for row in self._pragma("table_xinfo", table) if row.hidden != _HIDDEN]
            if not found:
                hint = nearest_hint(table, self.tables())
                raise UnfitSourceError(f"there is no {place}{'; ' + hint if hint else ''}")
            primary = tuple(row.name for row in sorted(found, key=lambda row: row.pk) if row.pk)
            indexes = self._unique_indexes(table)
            # A primary key without an index of its own is the row id, which is never null.
            is_row_id = bool(primary) and all(index.origin != "pk" for index in self._pragma("index_list", table))
        keys = [names for names in [primary] if is_row_id or names in indexes]
        keys += [names for names in indexes if names != primary]
        self._schema, refused = _schema_of(found, set(primary), is_row_id, columns, place)
        unique = [key for key in keys if all(name in self._schema and not self._schema[name].nullable for name in key)]
        return TableDescription(place, self._schema, tuple(unique), indexes, refused)

    def about_rows(self, table: str) -> int | None:
        """Return ``None``: the database would have to count them."""
        del table  # as that says
        return None

    def try_out(self, query: TableQuery) -> None:
        """Let the database look at a query without reading a row."""
        try:
            self._connection.execute(query.select_nothing()).all()
        except sa.exc.SQLAlchemyError as error:
            reason = f"`where` does not work for table `{query.table}` of {self._place}: {error.__cause__ or error}"
            raise UnfitSourceError(reason) from error

    def last_key(self, query: TableQuery, key: Sequence[str]) -> tuple[Any, ...] | None:
        """Return the highest key as it is stored, ``None`` if there is no row."""
        return self._one(query.select_last_key(key))

    def first_key(self, query: TableQuery, key: Sequence[str]) -> tuple[Any, ...] | None:
        """Return the lowest key as it is stored, ``None`` if there is no row."""
        return self._one(query.select_first_key(key))

    def count(self, query: TableQuery, key: Sequence[str], upper: tuple[Any, ...]) -> int:
        """Return how many rows there are, up to and with a key."""
        with self._reporting("reading"):
            statement, values = query.select_count(key), query.page_values(None, upper)
            return int(self._connection.execute(statement, values).scalar_one())

    def _one(self, statement: sa.Select[Any]) -> tuple[Any, ...] | None:
        with self._reporting("reading"):
            row = self._connection.execute(statement).first()
        return tuple(row) if row is not None else None

    def parts(self, query: TableQuery, key: Sequence[str], group: int, size: PartSize) -> list[Cut] | None:
        """Return equal parts of the rows that are wanted: the file is at hand, and its index read at little cost."""
        last = self.last_key(query, key)
        if last is None:
            return []
        total = self.count(query, key, last)
        rows = -(-total // -(-total // size.rows_for(total)))
        with self._reporting("reading"):
            found = self._connection.execute(query.select_quantiles(key, group, total, rows)).all()
        before = [0, *(row[-1] for row in found)]
        return [Cut(tuple(row[:-1]), row[-1] - start) for start, row in zip(before, found, strict=False)]

    def lowered(self, column: str, value: Any, lag: Lag) -> Any:
        """Return what lies so far below a stored value, as it would be stored."""
        return lowered_as_stored(self._schema[column].type.intermediate_type.family, value, lag)

    def leads_index(self, table: str, column: str) -> bool:
        """Return whether an index of all rows begins with a column, or it is the row id."""
        with self._reporting("describing"):
            indexes = self._pragma("index_list", table)
            primary = [row.name for row in self._pragma("table_xinfo", table) if row.pk]
            if primary == [column] and all(index.origin != "pk" for index in indexes):
                return True
            leaders = [self._pragma("index_xinfo", index.name)[0].name for index in indexes if not index.partial]
        return column in leaders

    def page(
        self, query: TableQuery, key: Sequence[str], after: tuple[Any, ...] | None, upper: tuple[Any, ...], rows: int
    ) -> tuple[Columns, tuple[Any, ...] | None]:
        """Return the next rows by key, by columns, and the key of the last of them as it is stored."""
        statement = query.select_page(key, rows, first=after is None)
        with self._reporting("reading"):
            found = self._connection.execute(statement, query.page_values(after, upper)).all()
        if not found:
            return [], None
        last = tuple(found[-1][place] for place in query.key_places(key))
        return self._decoded(query, found), last

    def encode_key(self, key: Sequence[str], values: Sequence[Any]) -> list[Any]:
        """Return a key as JSON holds it: numbers and text as they are stored, bytes as base64 in an object."""
        del key  # what is stored tells its own kind
        return [{"$bytes": base64.b64encode(value).decode()} if isinstance(value, bytes) else value for value in values]

    def decode_key(self, key: Sequence[str], encoded: Sequence[Any]) -> tuple[Any, ...]:
        """Return the key of what ``encode_key`` made."""
        if len(key) != len(encoded):
            raise ValueError(f"{len(encoded)} values for {len(key)} columns")
        return tuple(base64.b64decode(value["$bytes"]) if isinstance(value, dict) else value for value in encoded)

    def stream(self, query: TableQuery, rows: int) -> Iterator[Columns]:
        """Yield all rows, by columns; one statement of SQLite sees one state of the table."""
        with self._reporting("reading"):
            result = self._connection.execution_options(yield_per=rows).execute(query.select_all())
            for some in result.partitions(rows):
                yield self._decoded(query, some)

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()
        self._engine.dispose()

    def _pragma(self, name: str, argument: str) -> Sequence[Any]:
        # A pragma's table-valued function takes its argument as a bound value.
        statement = sa.text(f"SELECT * FROM pragma_{name}(:argument)")  # noqa: S608 - one of our own names
        return self._connection.execute(statement, {"argument": argument}).all()

    def _unique_indexes(self, table: str) -> dict[tuple[str, ...], dict[str, str]]:
        """Return the columns of each unique index with their collations, the shortest first.

        An index may tell `a` from `A` where its column does not, or not tell them where it does: rows are told apart,
        and so can be read in order, by the collation of the index.
        """
        found = {}
        for index in self._pragma("index_list", table):
            if index.unique and not index.partial:
                parts = [part for part in self._pragma("index_xinfo", index.name) if part.key]
                names = tuple(part.name for part in parts)
                # No name: an expression, or the row id. Collations of a program's own are not at hand here.
                if None not in names and all(part.coll in _COLLATIONS for part in parts):
                    found[names] = {part.name: part.coll for part in parts}
        return dict(sorted(found.items(), key=lambda item: len(item[0])))

    def _decoded(self, query: TableQuery, rows: Sequence[Sequence[Any]]) -> Columns:
        columns = [query.taken.get(name) or self._schema[name] for name in query.columns]
        decoders = [decoder(column.type) for column in columns]
        try:
            decoded = [_decode_row(decoders, row) for row in rows]
        except TypeCastError:
            if not self.keeps_unreadable:
                raise self._explain(columns, decoders, rows) from None
            readers = [_lenient(column, decode) for column, decode in zip(columns, decoders, strict=True)]
            decoded = [_decode_row(readers, row) for row in rows]
        self._rows_read += len(decoded)
        return list(zip(*decoded, strict=True))

    def _explain(
        self, columns: Sequence[Column], decoders: list[Callable[[Any], Any]], rows: Sequence[Sequence[Any]]
    ) -> RowValidationError:
        problems = []
        for number, row in enumerate(rows, self._rows_read + 1):
            for column, decode, value in zip(columns, decoders, row, strict=False):
                try:
                    decode(value)
                except TypeCastError as error:
                    problems.append(CellProblem(number, column.name, column.spelling(), shown(value), error.reason))
        return RowValidationError(problems)

    @contextmanager
    def _reporting(self, what: str) -> Iterator[None]:
        try:
            yield
        except sa.exc.SQLAlchemyError as error:
            cause = error.__cause__ or error
            raise SourceError(f"{what} {self._place} failed: {cause}") from error


def _lenient(column: Column, decode: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return what reads a value, or gives it as one that cannot be read."""

    def read(value: Any) -> Any:
        try:
            return decode(value)
        except TypeCastError as error:
            return Unreadable(value, column.spelling(), error.reason)

    return read


def _engine_of(url: URL) -> sa.Engine:
    """Return an engine that opens a file and never makes one.

    Raises:
        SourceError: If there is no such file.
    """
    path = url.database
    if path and path != ":memory:" and not path.startswith("file:"):
        if not Path(path).is_file():
            raise UnfitSourceError(f"there is no database file `{path}`")
        url = url.set(database=Path(path).absolute().as_uri()).update_query_dict({"uri": "true"})
    if url.database and url.database.startswith("file:"):
        # Between the look and the opening the file may go.
        url = url.update_query_dict({"mode": url.query.get("mode", "rw"), "uri": "true"})
    return sa.create_engine(url, poolclass=sa.pool.NullPool)


def _decode_row(decoders: list[Callable[[Any], Any]], row: Sequence[Any]) -> tuple[Any, ...]:
    # A row may bear key columns behind the ones that are wanted.
    return tuple([None if value is None else decode(value) for decode, value in zip(decoders, row, strict=False)])


def _schema_of(
    found: Sequence[Any], primary: set[str], is_row_id: bool, wanted: Sequence[str] | None, place: str
) -> tuple[Schema, dict[str, str]]:
    problems: list[str] = []
    refused: dict[str, str] = {}
    columns: list[Column] = []
    names = [row.name for row in found]
    for name in wanted or ():
        if name not in names:
            hint = nearest_hint(name, names)
            problems.append(f"it has no column `{name}`{'; ' + hint if hint else ''}")
    for row in found:
        try:
            kind = SQLiteTypeSystem.type_mapping(row.type)
        except TypeSyntaxError as error:
            refused[row.name] = str(error)
            if wanted is None or row.name in wanted:
                problems.append(f"column `{row.name}`: {error}; leave it out with `columns`")
            continue
        not_null = row.notnull or (is_row_id and row.name in primary)
        columns.append(Column(row.name, kind, nullable=not not_null, key=row.name in primary))
    if problems:
        raise UnfitSourceError(f"{place} cannot be read: {'; '.join(problems)}")
    return Schema(columns), refused
