"""What passes over a channel: a ``Batch`` of rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from nanotyped.row import Row

Item_co = TypeVar("Item_co", covariant=True)


class Batch(Generic[Item_co]):
    """Some rows on their way, in order. Nobody changes a batch or its list: branches share them.

    Attributes:
        rows: The rows.
        row_class: The class of each of them; ``None`` where they may differ.
    """

    __slots__ = ("row_class", "rows")

    def __init__(self, rows: Sequence[Item_co], row_class: type[Row] | None = None) -> None:
        self.rows = rows
        self.row_class = row_class

    @classmethod
    def of(cls, rows: Sequence[Item_co]) -> Batch[Item_co]:
        """Return a batch of these rows, of one class or of several."""
        classes = set(map(type, rows))
        return cls(rows, classes.pop() if len(classes) == 1 else None)

    def __len__(self) -> int:
        return len(self.rows)

    def split(self, size: int) -> tuple[Batch[Item_co], Batch[Item_co]]:
        """Return the first ``size`` rows and the rest, as batches of their own."""
        return Batch(self.rows[:size], self.row_class), Batch(self.rows[size:], self.row_class)

    def join(self, others: Sequence[Batch[Item_co]]) -> Batch[Item_co]:
        """Return the rows of this batch and then those of the others, as one batch."""
        rows = [row for batch in (self, *others) for row in batch.rows]
        same = all(batch.row_class is self.row_class for batch in others)
        return Batch(rows, self.row_class if same else None)
