"""Reading a table by pages: where a run begins, the pages in the order of a key, and the cursors that it leaves."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from nanotyped.errors import SourceError
from nanotyped.node.running import NO_ROW_VALUES
from nanotyped.nodes.page_size import PageSize
from nanotyped.nodes.sql.description import Columns, Unreadable

if TYPE_CHECKING:
    from nanotyped.nodes.sql.description import Lag, TableReader
    from nanotyped.nodes.sql.progress import Reading
    from nanotyped.nodes.sql.splitting import KeyRange
    from nanotyped.nodes.sql.statements import TableQuery

# Rows of the first page, and of the smallest that a slow run comes to: each is a query.
FIRST_ROWS, LEAST_ROWS = 500, 100
logger = logging.getLogger("nanotyped.nodes.sql")


@dataclass(slots=True)
class Pages:
    """The pages of one run. Used by one thread, once.

    Attributes:
        reader: The connection.
        query: What is read.
        key: The columns by which it is read, the cursor column first where there is one.
        rows: Rows to a page at the most.
        place: How messages name the table.
        label: How messages name the node.
        reading: Is told how far it is.
        within: The part of the table that is read; ``None``: all of it.
        lag: How far before its last cursor the table is begun again; ``None`` for one that is not followed.
        end: Of a table that is followed, where the next run goes on if this one comes to its end; ``None`` before the
            first row of all.
    """

    reader: TableReader
    query: TableQuery
    key: tuple[str, ...]
    rows: int
    place: str
    label: str
    reading: Reading
    within: KeyRange | None = None
    lag: Lag | None = None
    end: Any = None

    def read(self, cursor: Any) -> Iterator[tuple[Columns, dict[str, Any]]]:
        """Yield columns of rows from a cursor on, ``None`` for the start, each page with the cursor behind it.

        A part has its own start, and no cursor.

        Raises:
            SourceError: If the table cannot be read on.
        """
        if self.lag is not None and (lowest := self.reader.first_key(self.query, self.key)) is not None:
            self._lowered(lowest[0])  # what is in no order would never be read once a run has begun behind it
        if self.within is None:
            after = None if cursor is None else self._start(cursor)
            upper = self.reader.last_key(self.query, self.key)
        else:
            after, upper = self.within.after, self.within.upper
        if self.lag is not None:
            self.end = cursor
            if upper is not None:
                self._lowered(upper[0])
                self.end = self._cursor(upper, upper)
            elif cursor is not None:
                self._warn_of_loss()
        if upper is not None:
            since = None if self.query.since is None else self.query.since[1]
            self.reading.begin(since if after is None else after[0], upper[0])
        size = PageSize(FIRST_ROWS, LEAST_ROWS, self.rows)
        while upper is not None:
            rows = size.rows
            columns, last = self.reader.page(self.query, self.key, after, upper, rows)
            if last is None:
                return
            self._check(last)
            offered_at = time.monotonic()
            yield columns, self._cursor(last, upper)
            self.reading.reach(last[0])  # now that it was taken
            if len(columns[0]) < rows:
                return
            after = last
            size.adapt(time.monotonic() - offered_at)

    def _start(self, cursor: Any) -> tuple[Any, ...] | None:
        """Return the key behind which this run begins; ``None`` if it begins with the first row of its query.

        What the run before this one read up to ``after`` was all there at its start. What was committed since lies
        within the lag of its upper bound, so this run begins there, or where that one stopped before it.
        """
        if tuple(cursor["key"]) != self.key:
            was, now = (", ".join(f"`{name}`" for name in names) for names in (cursor["key"], self.key))
            table = self.query.table
            raise SourceError(
                f"`{table}` was read by the key ({was}) and has the key ({now}) now; --reset-state begins anew"
            )
        after = self._decoded(cursor["after"])
        if self.lag is None:
            return after
        floor = self._lowered(self._decoded(cursor["upper"])[0])
        if after[0] < floor:
            return after
        self.query = replace(self.query, since=(self.key[0], floor))
        again = self.reader.count(self.query, self.key, after)
        logger.info("%s: %d rows up to the last cursor are read again", self.label, again, extra=NO_ROW_VALUES)
        return None

    def _decoded(self, values: list[Any]) -> tuple[Any, ...]:
        try:
            return self.reader.decode_key(self.key, values)
        except ValueError as error:
            raise SourceError(f"`{self.query.table}` cannot be read on from where it was: {error}") from error

    def _lowered(self, value: Any) -> Any:
        assert self.lag is not None  # else no table is followed
        try:
            return self.reader.lowered(self.key[0], value, self.lag)
        except ValueError as error:
            remedy = "mend such rows, or leave them out with `where`"
            raise SourceError(f"{self.place} cannot be followed by `{self.key[0]}`: {error}; {remedy}") from error

    def _check(self, last: tuple[Any, ...]) -> None:
        for name, value in zip(self.key, last, strict=True):
            if type(value) is Unreadable:  # such a row can be rejected; the page behind it cannot be found
                raise SourceError(f"{self.place} cannot be read on: {value.reason} in its key `{name}`")
        if self.lag is not None:
            self._lowered(last[0])

    def _cursor(self, after: tuple[Any, ...], upper: tuple[Any, ...]) -> dict[str, Any]:
        found = {"key": list(self.key), "after": self.reader.encode_key(self.key, after)}
        if self.lag is not None:
            found["upper"] = self.reader.encode_key(self.key, upper)
        return found

    def _warn_of_loss(self) -> None:
        """Say that the rows by which the next cursor was found are there no more, nor any later ones."""
        logger.warning(
            "%s: no row of %s is where reading goes on by `%s`: rows were deleted, or it is another table by now; "
            "--reset-state reads it from its start",
            self.label,
            self.place,
            self.key[0],
            extra=NO_ROW_VALUES,
        )
