"""What passes over a channel: a ``Batch`` of rows, with the tokens of where they came from; and ``Checkpoint``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from nanotyped.errors import CursorError, shown

if TYPE_CHECKING:
    from nanotyped.row import Row

Item_co = TypeVar("Item_co", covariant=True)


class Token(Protocol):
    """A stretch of a source's rows, held by each batch that has some of them or what was made of them."""

    def hold(self) -> None:
        """Count one more holder."""

    def release(self) -> None:
        """Count one holder less: its part was dealt with."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a source yields to say that everything it gave so far lies before ``cursor``.

    A run that is resumed starts the source with ``resume_from`` set to the last cursor before which every row was
    dealt with.

    Args:
        cursor: Anything that JSON can hold and gives back equal. It is copied: the source may go on changing it.
        lasting: Whether a source that came to its end behind it is started at it by the next run, which begins anew
            else.

    Raises:
        CursorError: If it is something else, such as a tuple or a date.
    """

    cursor: Any
    lasting: bool = False

    def __post_init__(self) -> None:
        """Copy the cursor as a resumed run will see it."""
        try:
            copy = json.loads(json.dumps(self.cursor, allow_nan=False))
        except (TypeError, ValueError, RecursionError) as error:
            raise CursorError(self.cursor, str(error)) from None
        if copy != self.cursor:
            raise CursorError(self.cursor, f"JSON gives it back as {shown(copy)}")
        object.__setattr__(self, "cursor", copy)


class Batch(Generic[Item_co]):
    """Some rows on their way, in order. Nobody changes a batch or its list: branches share them.

    Attributes:
        rows: The rows.
        row_class: The class of each of them; ``None`` where they may differ.
        tokens: Each is held once by this batch, as often as it stands here.
    """

    __slots__ = ("row_class", "rows", "tokens")

    def __init__(
        self, rows: Sequence[Item_co], row_class: type[Row] | None = None, tokens: tuple[Token, ...] = ()
    ) -> None:
        self.rows = rows
        self.row_class = row_class
        self.tokens = tokens

    @classmethod
    def of(cls, rows: Sequence[Item_co]) -> Batch[Item_co]:
        """Return a batch of these rows, of one class or of several."""
        classes = set(map(type, rows))
        return cls(rows, classes.pop() if len(classes) == 1 else None)

    def __len__(self) -> int:
        return len(self.rows)

    def split(self, size: int) -> tuple[Batch[Item_co], Batch[Item_co]]:
        """Return the first ``size`` rows and the rest, as batches of their own, each of which holds the tokens."""
        for token in self.tokens:
            token.hold()
        return Batch(self.rows[:size], self.row_class, self.tokens), Batch(
            self.rows[size:], self.row_class, self.tokens
        )

    def head(self, size: int) -> Batch[Item_co]:
        """Return the first ``size`` rows, holding no token."""
        return Batch(self.rows[:size], self.row_class)

    def join(self, others: Sequence[Batch[Item_co]]) -> Batch[Item_co]:
        """Return the rows of this batch and then those of the others, as one batch."""
        rows = [row for batch in (self, *others) for row in batch.rows]
        same = all(batch.row_class is self.row_class for batch in others)
        tokens = tuple(token for batch in (self, *others) for token in batch.tokens)
        return Batch(rows, self.row_class if same else None, tokens)
