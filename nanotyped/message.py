"""What passes over a channel: a ``Batch`` of rows, with the tokens of where they came from, and markers between them.

Also what a node may yield beside rows: ``Checkpoint``, markers, ``NothingToSeeHere``.
"""

from __future__ import annotations

import json
import queue
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

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


class Aside:
    """What a node may yield and what is no row: it stands between rows, and is counted nowhere."""


class NothingToSeeHere(Aside):
    """Yielded, it sends nothing, as ``None`` does."""


class Marker(Aside):
    """What keeps its place among rows and is no data: nodes that do not ask for markers pass it on unseen.

    A node asks for them with ``process_marker(self, marker)``, which yields what is to go on. Attributes are never
    changed by the engine, and branches share one marker.
    """

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)

    # Attributes are the user's: without this, checkers refuse to read them.
    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={shown(value)}' for name, value in vars(self).items())})"


class BatchStart(Marker):
    """Stands before rows that belong together; its keywords become its attributes."""


class BatchEnd(Marker):
    """Stands behind rows that belong together; its keywords become its attributes."""


class Canary(Marker):
    """A marker without effect, to see how long the way is."""


class PoisonPill(Marker):
    """Broadcast, it ends every node of a pipeline after the rows that were sent before it."""


class Trigger(Marker):
    """Says that it is time for something.

    Args:
        previous_trigger_time: When the one before was sent, in seconds since the epoch; ``None`` for the first.
        trigger_name: Its name; by default a fresh id.

    Attributes:
        time_sent: When it was made, in seconds since the epoch.
    """

    def __init__(self, previous_trigger_time: float | None = None, trigger_name: str | None = None) -> None:
        super().__init__(
            previous_trigger_time=previous_trigger_time,
            trigger_name=uuid.uuid4().hex if trigger_name is None else trigger_name,
            time_sent=time.time(),
        )


class Mark(NamedTuple):
    """A marker, and the number of rows of its batch that stand before it."""

    position: int
    marker: Marker


class Batch(Generic[Item_co]):
    """Some rows on their way, in order. Nobody changes a batch or its list: branches share them.

    Attributes:
        rows: The rows.
        row_class: The class of each of them; ``None`` where they may differ.
        tokens: Each is held once by this batch, as often as it stands here.
        marks: The markers among the rows, in order.
    """

    __slots__ = ("marks", "row_class", "rows", "tokens")

    def __init__(
        self,
        rows: Sequence[Item_co],
        row_class: type[Row] | None = None,
        tokens: tuple[Token, ...] = (),
        marks: tuple[Mark, ...] = (),
    ) -> None:
        self.rows = rows
        self.row_class = row_class
        self.tokens = tokens
        self.marks = marks

    @classmethod
    def of(cls, rows: Sequence[Item_co]) -> Batch[Item_co]:
        """Return a batch of these rows, of one class or of several."""
        classes = set(map(type, rows))
        return cls(rows, classes.pop() if len(classes) == 1 else None)

    def __len__(self) -> int:
        return len(self.rows)

    def parts(self) -> Iterator[tuple[int, Batch[Item_co] | Marker]]:
        """Yield the runs of rows between markers, holding no token, and the markers, in order, each with its place."""
        start = 0
        for end, marker in self.marks:
            if end > start:
                yield start, Batch(self.rows[start:end], self.row_class)
                start = end
            yield start, marker
        if start < len(self):
            yield start, Batch(self.rows[start:], self.row_class)

    def split(self, size: int) -> tuple[Batch[Item_co], Batch[Item_co]]:
        """Return the first ``size`` rows and the rest, as batches of their own, each of which holds the tokens.

        A marker between the two goes with the first.
        """
        for token in self.tokens:
            token.hold()
        early = tuple(mark for mark in self.marks if mark.position <= size)
        late = tuple(Mark(mark.position - size, mark.marker) for mark in self.marks[len(early) :])
        return (
            Batch(self.rows[:size], self.row_class, self.tokens, early),
            Batch(self.rows[size:], self.row_class, self.tokens, late),
        )

    def head(self, size: int) -> Batch[Item_co]:
        """Return the first ``size`` rows, holding no token, without markers."""
        return Batch(self.rows[:size], self.row_class)

    def join(self, others: Sequence[Batch[Item_co]]) -> Batch[Item_co]:
        """Return the rows of this batch and then those of the others, as one batch."""
        parts = (self, *others)
        rows = [row for batch in parts for row in batch.rows]
        classes = {batch.row_class for batch in parts if batch.rows or not batch.marks}  # markers are of no class
        tokens = tuple(token for batch in parts for token in batch.tokens)
        marks, before = [], 0
        for batch in parts:
            marks += [Mark(before + mark.position, mark.marker) for mark in batch.marks]
            before += len(batch.rows)
        return Batch(rows, classes.pop() if len(classes) == 1 else None, tokens, tuple(marks))


class NanoStreamMessage:
    """One message with what is known of its making. Read-only.

    Attributes:
        message_content: The message.
        uuid: Its id, unlike that of any other.
        timestamp: When it was wrapped, an aware UTC time.
        node: Name of the node that made it, ``None`` where that is not known.
    """

    __slots__ = ("_content", "_node", "_timestamp", "_uuid")

    def __init__(self, content: Any, node: str | None = None) -> None:
        self._content = content
        self._node = node
        self._uuid = uuid.uuid4().hex
        self._timestamp = datetime.now(UTC)

    @property
    def message_content(self) -> Any:
        """The message."""
        return self._content

    @property
    def uuid(self) -> str:
        """Its id, unlike that of any other."""
        return self._uuid

    @property
    def timestamp(self) -> datetime:
        """When it was wrapped, an aware UTC time."""
        return self._timestamp

    @property
    def node(self) -> str | None:
        """Name of the node that made it; ``None`` where that is not known."""
        return self._node


class NanoStreamQueue:
    """Messages one by one, first in, first out; for tests, tools and old code. Safe between threads.

    Args:
        max_queue_size: How many messages it holds; below 1 for any number.
        name: Its name; by default a fresh id.
    """

    def __init__(self, max_queue_size: int, name: str | None = None) -> None:
        self.name = uuid.uuid4().hex if name is None else name
        self._queue: queue.Queue[NanoStreamMessage] = queue.Queue(max_queue_size)

    def put(self, message: object) -> None:
        """Add a message, wrapped if it is not, and wait while the queue is full; nothing is added for nothing."""
        if message is None or isinstance(message, NothingToSeeHere):
            return
        self._queue.put(message if isinstance(message, NanoStreamMessage) else NanoStreamMessage(message))

    def get(self) -> NanoStreamMessage | None:
        """Return the oldest message; ``None``, at once, where there is none."""
        try:
            return self._queue.get_nowait()
        except queue.Empty:
            return None

    @property
    def empty(self) -> bool:
        """Whether no message is there."""
        return self._queue.empty()
