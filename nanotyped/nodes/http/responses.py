"""What goes on of an answer to rows that were sent: the columns of ``response_schema``, beside those of the row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nanotyped.errors import RowError, shown
from nanotyped.nodes.http.records import typed_members
from nanotyped.row.compiled import Merger, compile_merger

if TYPE_CHECKING:
    from nanotyped.row import Row, Schema


class ResponseReader:
    """Makes the rows that go on. Safe to use from several threads.

    Args:
        schema: The columns to read.
        keeps_row: Whether the columns of the row that was sent go on with them.
        place: The URL as messages show it.
    """

    def __init__(self, schema: Schema, place: str, *, keeps_row: bool) -> None:
        self.schema = schema
        self._place = place
        self._keeps_row = keeps_row
        self._row_class: type[Any] = schema.row_class()
        self._mergers: dict[type[Row], Merger] = {}

    def output_schema_for(self, given: Schema | None) -> Schema | None:
        """Return the schema of what goes on for rows of ``given``."""
        if not self._keeps_row:
            return self.schema
        return None if given is None else given.merge(self.schema)

    def read(self, sent: Row, document: Any) -> Row:
        """Return the row that goes on.

        Args:
            sent: The row that was sent.
            document: What was answered to it, parsed.

        Raises:
            RowError: If that does not fit; names every member that does not.
        """
        if not isinstance(document, dict):
            raise RowError(f"{self._place} answered with {shown(document)}, and an object is declared")
        members = {name: document[name] for name in self.schema.names if name in document}
        typed = typed_members(members, self.schema, self._place)
        answered: Row = self._row_class(*[typed[name] for name in self.schema.names])
        if not self._keeps_row:
            return answered
        merge = self._mergers.get(type(sent))
        if merge is None:
            merge = self._mergers[type(sent)] = compile_merger(type(sent), self._row_class)
        [merged] = merge([(sent, answered)])
        return merged
