"""What a live table is: its schema, and the keys by which its rows can be read in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from nanotyped.errors import SourceError
from nanotyped.types import intermediate as it

if TYPE_CHECKING:
    from nanotyped.node.parts import PartSize
    from nanotyped.nodes.sql.statements import TableQuery
    from nanotyped.row import Schema

# The rows of a page, a sequence of values for each column, equally long.
Columns: TypeAlias = Sequence[Sequence[Any]]
# The values of the columns of a key, as the driver takes them.
Key: TypeAlias = tuple[Any, ...]
# How far below a value another lies: so much of a number, or of dates and times so long before.
Lag: TypeAlias = Decimal | timedelta


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What a reader gives in the place of a value that is none of its column: the value, and why it is none."""

    value: Any
    expected: str
    reason: str


# Types by whose values a server both sorts and compares in one order. Not among them: floats (compared by
# approximation), enums and sets (sorted by number, compared as text), documents.
_ORDERED = frozenset(
    {
        *(it.INTEGER, it.YEAR, it.BITS, it.DECIMAL, it.STRING, it.BYTES, it.UUID, it.INET),
        *(it.DATE, it.DATETIME, it.TIMESTAMP),
    }
)


@dataclass(frozen=True, slots=True)
class TableDescription:
    """A live table.

    Attributes:
        place: How messages name it, such as ``table `shop`.`orders` on 127.0.0.1:3306``.
        schema: Its columns, in order; those of the primary key are marked.
        unique_keys: Column names of each unique key of whole, non-null columns; the primary key first.
        collations: By key, what it compares its text columns by, where that may not be what the column says.
        refused: By column, why its type is none of a contract; such columns are not in the schema.
    """

    place: str
    schema: Schema
    unique_keys: tuple[tuple[str, ...], ...] = ()
    collations: Mapping[tuple[str, ...], Mapping[str, str]] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)

    def page_key(self) -> tuple[str, ...] | None:
        """Return the key to read pages by: the primary key, else the shortest unique one; ``None`` without any."""
        usable = [key for key in self.unique_keys if all(self._is_ordered(name) for name in key)]
        return usable[0] if usable else None

    def _is_ordered(self, name: str) -> bool:
        column = self.schema[name]
        return column.type.intermediate_type.family in _ORDERED and not column.nullable


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a part of a table ends; it begins behind the one before it.

    Attributes:
        upper: The highest key that is within it.
        rows: About how many rows it has.
    """

    upper: Key
    rows: int


class TableAlteredError(SourceError):
    """A table was altered while it was read, which a reader found out over a new connection.

    Attributes:
        description: What it is now.
    """

    def __init__(self, description: TableDescription) -> None:
        self.description = description
        super().__init__(f"{description.place} was altered while it was read")


class TableReader(Protocol):
    """An open connection that can describe and read one table. Used by one thread.

    Attributes:
        keeps_unreadable: Whether a value that is none of its column is given as ``Unreadable``; else it is raised.
    """

    keeps_unreadable: bool

    def tables(self) -> list[str]:
        """Return the names of the tables and views, sorted.

        Raises:
            SourceError: If they cannot be listed.
        """

    def describe(self, table: str, columns: Sequence[str] | None) -> TableDescription:
        """Return what the table is; of ``columns``, or of all where that is ``None``, each must be of a known type.

        Raises:
            SourceError: If there is no such table, or no access to it, or a wanted column is of no known type.
        """

    def about_rows(self, table: str) -> int | None:
        """Return about how many rows a table has, ``None`` where that is unknown or costs more than next to nothing."""

    def try_out(self, query: TableQuery) -> None:
        """Let the server look at a query without reading a row.

        Raises:
            SourceError: If the query does not work: its condition is misspelt, or names what is not there.
        """

    def last_key(self, query: TableQuery, key: Sequence[str]) -> tuple[Any, ...] | None:
        """Return the highest key as the driver takes it back, ``None`` if there is no row."""

    def first_key(self, query: TableQuery, key: Sequence[str]) -> tuple[Any, ...] | None:
        """Return the lowest key as the driver takes it back, ``None`` if there is no row."""

    def count(self, query: TableQuery, key: Sequence[str], upper: tuple[Any, ...]) -> int:
        """Return how many rows there are, up to and with a key."""

    def lowered(self, column: str, value: Any, lag: Lag) -> Any:
        """Return the value of a key that lies so far below another; both as the driver takes them.

        Raises:
            ValueError: If the value is none of the column, or does not stand in the order of those that are.
        """

    def leads_index(self, table: str, column: str) -> bool:
        """Return whether an index begins with a column."""

    def page(
        self, query: TableQuery, key: Sequence[str], after: tuple[Any, ...] | None, upper: tuple[Any, ...], rows: int
    ) -> tuple[Columns, tuple[Any, ...] | None]:
        """Return the next rows by key, as columns of values, and the key of the last (``None`` if there is none).

        Raises:
            TableAlteredError: If it goes on over a new connection, and what is read is no longer what was described.
        """

    def parts(self, query: TableQuery, key: Sequence[str], group: int, size: PartSize) -> list[Cut] | None:
        """Return the parts of a table, of near-equal size, from its first key to its last.

        Args:
            query: What is to be read.
            key: The columns by which it is read.
            group: How many leading columns of the key no two parts have equal values of.
            size: How large parts are to be.

        Returns:
            The parts in the order of their keys, none where there is no row; ``None`` where it is not known how rows
            lie.
        """

    def encode_key(self, key: Sequence[str], values: Sequence[Any]) -> list[Any]:
        """Return a key that ``page`` gave as JSON holds it."""

    def decode_key(self, key: Sequence[str], encoded: Sequence[Any]) -> tuple[Any, ...]:
        """Return the key of what ``encode_key`` made.

        Raises:
            ValueError: If it is none of the columns as they are now.
        """

    def stream(self, query: TableQuery, rows: int) -> Iterator[Columns]:
        """Yield all rows, as columns of values, in one pass that sees one state of the table."""

    def close(self) -> None:
        """Let go of the connection, whatever state it is in."""
