"""How far the reading of a table is: by the rows that it is said to have, else by the place of the last key."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from nanotyped.node import SizeHint


class Reading:
    """One reading of a table. Written by the thread of the source, asked by whoever watches.

    How many rows there are is known of a whole table alone, and only about. Of a part of one (``where``, a run that
    goes on) there are the keys: how far the last one lies between where the reading began and where it ends. Keys that
    are no numbers or moments tell nothing.

    Args:
        rows: How many rows there are, about; ``None`` where that is not known.

    Attributes:
        rows_read: Rows that were read and taken so far.
    """

    def __init__(self, rows: int | None) -> None:
        self._rows = rows
        self.rows_read = 0
        self._start: float | None = None
        self._last: float | None = None
        self._upper: float | None = None

    def begin(self, start: object, upper: object) -> None:
        """Take the first value of the key that is read behind (``None``: not known) and the last one that is read."""
        self._start = self._last = place_of(start)
        self._upper = place_of(upper)

    def reach(self, last: object) -> None:
        """Take the value of the key behind a page; where the start is not known, it stands for that at first."""
        self._last = place_of(last)
        if self._start is None:
            self._start = self._last

    def size_hint(self) -> SizeHint | None:
        """Return how much there is, as ``NanoNode.size_hint``."""
        if self._rows:
            return SizeHint(self._rows, exact=False)
        start, upper = self._start, self._upper
        if start is None or upper is None or upper <= start:
            return None
        return SizeHint(upper - start, "keys", exact=False)

    def size_done(self) -> float:
        """Return how much of it was read."""
        if self._rows or self._start is None or self._last is None:
            return self.rows_read
        return self._last - self._start


def place_of(value: Any) -> float | None:
    """Return where a value of a key lies among others of its column, as a number; ``None`` where none tells that."""
    match value:
        case bool():
            return None
        case int() | Decimal():
            return float(value)
        case datetime():
            return (value if value.tzinfo is not None else value.replace(tzinfo=UTC)).timestamp()
        case date():
            return float(value.toordinal())
    return None
