"""The parts of a table, for several workers: ranges of the key that it is read by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nanotyped.errors import SourceError
from nanotyped.node.parts import Part, Split
from nanotyped.types import intermediate as it
from nanotyped.types.sqlite import SQLiteType

if TYPE_CHECKING:
    from nanotyped.node.parts import PartSize
    from nanotyped.nodes.sql.description import Key, TableDescription, TableReader
    from nanotyped.nodes.sql.statements import TableQuery
    from nanotyped.row import Column

SHOWN_KEY_CHARACTERS = 40
# A part is large if it has so many times the rows that were wanted.
_LARGE = 2
# Of SQLite: whose equal values are stored as one. A moment or a decimal may be stored as several texts.
_STORED_ONCE = (it.INTEGER, it.STRING)


@dataclass(frozen=True, slots=True)
class KeyRange:
    """A part of a table.

    Attributes:
        after: The key behind which it begins; ``None``: with the first row.
        upper: The highest key that is within it.
    """

    after: Key | None
    upper: Key

    def encoded(self, reader: TableReader, key: Sequence[str]) -> dict[str, Any]:
        """Return the range as JSON holds it."""
        after = None if self.after is None else reader.encode_key(key, self.after)
        return {"key": list(key), "after": after, "upper": reader.encode_key(key, self.upper)}

    @classmethod
    def of_part(cls, part: Part, reader: TableReader, key: Sequence[str] | None, place: str) -> KeyRange | None:
        """Return the range that a part is; ``None`` for all of a table.

        Raises:
            SourceError: If the table has another key than it was split by, or one of other types.
        """
        if part.bounds is None:
            return None
        names, after, upper = (part.bounds[name] for name in ("key", "after", "upper"))
        if key is None or tuple(names) != tuple(key):
            now = "none" if key is None else _columns(key)
            raise SourceError(f"{place} was split by the key {_columns(names)} and has {now} now; split it again")
        try:
            decoded = None if after is None else reader.decode_key(key, after)
            return cls(decoded, reader.decode_key(key, upper))
        except ValueError as error:
            raise SourceError(f"{place} cannot be read by the part {part.name}: {error}; split it again") from error


def split_table(
    reader: TableReader, query: TableQuery, description: TableDescription, size: PartSize, together: Sequence[str]
) -> Split:
    """Return the parts of a table.

    Args:
        reader: The connection.
        query: What is to be read.
        description: What the table is.
        size: How large parts are to be.
        together: Columns whose equal values, as the table has them, are to be in one part.

    Raises:
        SourceError: If the table cannot be read.
    """
    key = description.page_key()
    if key is None:
        notice = f"{description.place} has no unique key of ordered, non-null columns: one worker reads it, in one pass"
        return _in_one(reader, query, description, together, notice)
    group = _group(key, together, description, query.taken)
    cuts = reader.parts(query, key, group or len(key), size)
    if cuts is None:
        notice = f"the server does not tell how the rows of {description.place} lie: one worker reads it"
        return _in_one(reader, query, description, together, notice)
    parts = []
    after = None
    for cut in cuts:
        bounds = KeyRange(after, cut.upper).encoded(reader, key)
        parts.append(
            Part(bounds, f"{_columns(key)} up to {_shown(cut.upper)}", cut.rows if query.where is None else None)
        )
        after = cut.upper
    wanted = size.rows_for(sum(cut.rows for cut in cuts))
    largest = max((cut.rows for cut in cuts), default=0)
    notice = ""
    if largest > _LARGE * wanted:
        stay = 0 < group < len(key)
        cause = f"equal values of {_columns(key[:group])} stay together" if stay else f"{_columns(key)} is cut no finer"
        notice = f"{cause}: the largest part has about {largest} rows, where {wanted} were wanted"
    return Split(tuple(parts), f"ranges of {_columns(key)}", tuple(together) if group else (), notice)


def _in_one(
    reader: TableReader, query: TableQuery, description: TableDescription, together: Sequence[str], notice: str
) -> Split:
    rows = None if query.where is not None else reader.about_rows(query.table)
    return Split((Part(None, description.place, rows),), "one part", tuple(together), notice)


def _group(
    key: Sequence[str], together: Sequence[str], description: TableDescription, taken: Mapping[str, Column]
) -> int:
    """Return by how many leading columns of a key rows of equal values in ``together`` lie together; 0: by none.

    They are columns of ``together`` whose values are equal for the server where they are equal in rows. Those that are
    taken for another type are none of them: two invalid dates may both be null.
    """
    found = 0
    for name in key:
        kind = description.schema[name].type
        is_one = not issubclass(kind, SQLiteType) or kind.intermediate_type.family in _STORED_ONCE
        if name not in together or name in taken or not is_one:
            break
        found += 1
    return found


def _columns(names: Sequence[str]) -> str:
    quoted = [f"`{name}`" for name in names]
    return quoted[0] if len(quoted) == 1 else f"({', '.join(quoted)})"


def _shown(key: Key) -> str:
    texts = [repr(value) if isinstance(value, str | bytes) else str(value) for value in key]
    found = texts[0] if len(texts) == 1 else f"({', '.join(texts)})"
    return found if len(found) <= SHOWN_KEY_CHARACTERS else found[: SHOWN_KEY_CHARACTERS - 1] + "…"
