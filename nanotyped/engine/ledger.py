"""Which rows of a source have been dealt with: stretches between its checkpoints, and the mark up to which all are.

Pure bookkeeping: no threads, no files, no clock of its own. A source's rows are cut into *stretches*, each ending at a
checkpoint with a cursor. Every batch that holds rows of a stretch, or rows made of them, *holds* the stretch; a stretch
nobody holds any more is *settled*. The mark moves over settled stretches in the order of the source and stops at the
first that is not: what lies behind it may be done or not, and is given again after a crash.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from nanotyped.errors import NanotypedError


class LedgerError(NanotypedError, RuntimeError):
    """A stretch was held or released after it was settled: a fault of the engine, never of a pipeline."""


class Stretch:
    """The rows of a source between two of its checkpoints. Made by ``SourceLedger.open``; a ``Token`` of batches.

    Attributes:
        number: Its place among the stretches of the source, from 1.
        opened_at: When it was opened, in seconds of the ledger's clock.
        cursor: Where the source goes on after it; only once it is ``closed``.
        closed: Whether the source has given all of its rows.
    """

    __slots__ = ("_holds", "_ledger", "closed", "cursor", "number", "opened_at")

    def __init__(self, ledger: SourceLedger, number: int, opened_at: float) -> None:
        self._ledger = ledger
        self._holds = 1  # the source's own
        self.number = number
        self.opened_at = opened_at
        self.cursor: Any = None
        self.closed = False

    def hold(self) -> None:
        """Count one more holder.

        Raises:
            LedgerError: If nobody held it any more.
        """
        with self._ledger.lock:
            if self._holds < 1:
                raise LedgerError(f"stretch {self.number} was held again after it was settled")
            self._holds += 1

    def release(self) -> None:
        """Count one holder less; the last one settles the stretch.

        Raises:
            LedgerError: If nobody held it any more.
        """
        with self._ledger.lock:
            if self._holds < 1:
                raise LedgerError(f"stretch {self.number} was released more often than it was held")
            self._holds -= 1
            moved = self._holds == 0 and self._ledger.advance()
        if moved:
            self._ledger.on_advance()

    @property
    def settled(self) -> bool:
        """Whether the source has given all of it and nobody holds it."""
        return self.closed and self._holds == 0


class SourceLedger:
    """The stretches of one source, in order. Safe to use from several threads.

    Args:
        on_advance: Called, with no lock held, whenever the mark has moved.
        clock: What ``opened_at`` is read from.

    Attributes:
        lock: Guards all of it.
        mark: The cursor up to which every row is settled; ``None`` while there is none.
        marked: How many stretches lie before the mark.
    """

    def __init__(self, on_advance: Callable[[], None], clock: Callable[[], float]) -> None:
        self.lock = threading.Lock()
        self.on_advance = on_advance
        self.mark: Any = None
        self.marked = 0
        self._clock = clock
        self._opened = 0
        self._waiting: deque[Stretch] = deque()

    def open(self) -> Stretch:
        """Return the next stretch, held once, by the source."""
        with self.lock:
            self._opened += 1
            stretch = Stretch(self, self._opened, self._clock())
            self._waiting.append(stretch)
            return stretch

    def close(self, stretch: Stretch, cursor: Any) -> None:
        """Say where the source goes on after a stretch: all of its rows were given. The source's hold stays.

        Raises:
            LedgerError: If it was closed before.
        """
        with self.lock:
            if stretch.closed:
                raise LedgerError(f"stretch {stretch.number} was closed twice")
            stretch.cursor = cursor
            stretch.closed = True

    def advance(self) -> bool:
        """Move the mark over what is settled; the lock must be held. Return whether it moved."""
        moved = False
        while self._waiting and self._waiting[0].settled:
            stretch = self._waiting.popleft()
            self.mark, self.marked = stretch.cursor, stretch.number
            moved = True
        return moved

    @property
    def oldest_s(self) -> float:
        """How long, in seconds, the oldest stretch that is not settled has been open; 0 without one."""
        with self.lock:
            return self._clock() - self._waiting[0].opened_at if self._waiting else 0.0

    @property
    def settled(self) -> bool:
        """Whether every stretch that was opened is settled."""
        with self.lock:
            return not self._waiting
