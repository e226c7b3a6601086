"""How fast a node asks a service: a rate and a number that its workers share, and a pause once nothing gets through."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from nanotyped.node.running import NO_ROW_VALUES

_LOOK_S = 0.1
Pause = Callable[[float], bool]
"""Waits so many seconds and returns whether to go on."""
logger = logging.getLogger("nanotyped.nodes.http")


class RateLimit(BaseModel):
    """How much a node sends to a service at the most, over all its workers; attempts count like first requests.

    On a cluster each copy of the node has its share of both. One that begins has nothing saved up, and copies do not
    know of each other, so that as many requests as there are copies may go at once even where ``burst`` is less.

    Args:
        requests_per_s: Requests a second; 0.5 is one every two seconds.
        rows_per_s: Rows a second; at least one of both is needed.
        burst: How many requests (or rows) may go at once after a time without any; by default what goes in a second.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    requests_per_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    rows_per_s: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    burst: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _check_whole(self) -> Self:
        if self.requests_per_s is None and self.rows_per_s is None:
            raise ValueError("it limits nothing: give requests_per_s, rows_per_s or both")
        return self


class CircuitBreaker(BaseModel):
    """When a node stops asking a service that does not answer; all of its workers stop together.

    Args:
        failures: So many attempts in a row without an answer, or with one of 5xx, open the circuit.
        pause_s: Seconds in which nothing is sent then; after them one request is tried, and if that gets through, all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    failures: int = Field(default=10, ge=1)
    pause_s: float = Field(default=30.0, gt=0, allow_inf_nan=False)


class Pace:
    """Waits so that a rate is kept. Safe to use from several threads.

    Args:
        limit: The rates.
        clock: Tells the seconds.
        copies: Over how many at the same time the rates hold, each of which knows of itself alone. Such a one begins
            with nothing saved up: it is made anew for each part, and what each of them could send at once would add up.
            ``None``: it is the only one there ever is.
    """

    def __init__(
        self, limit: RateLimit, clock: Callable[[], float] = time.monotonic, copies: int | None = None
    ) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        rates = (limit.requests_per_s, limit.rows_per_s)
        self._buckets = [None if rate is None else _Bucket(rate, limit.burst, clock(), copies) for rate in rates]

    def wait(self, rows: int, pause: Pause) -> bool:
        """Wait until a request of so many rows may go, and return whether to send it."""
        with self._lock:
            now = self._clock()
            amounts = zip(self._buckets, (1, rows), strict=True)
            wait_s = max(bucket.take(amount, now) for bucket, amount in amounts if bucket is not None)
        return wait_s <= 0 or pause(wait_s)


class _Bucket:
    """What may go at once: it fills with time, and what takes more than there is waits for the rest."""

    def __init__(self, rate: float, burst: int | None, now: float, copies: int | None) -> None:
        share = copies or 1
        self._rate = rate / share
        # Below 1 it never holds a whole request: each waits for what it lacks, and the rate is kept all the same.
        self._size = (float(burst) if burst is not None else max(1.0, rate)) / share
        self._left = self._size if copies is None else 0.0
        self._at = now

    def take(self, amount: int, now: float) -> float:
        """Take an amount and return the seconds until it is there."""
        self._left = min(self._size, self._left + (now - self._at) * self._rate) - amount
        self._at = now
        return max(0.0, -self._left / self._rate)


class Places:
    """Lets so many requests be out at the same time. Safe to use from several threads.

    Args:
        most: How many.
    """

    def __init__(self, most: int) -> None:
        self._free = threading.BoundedSemaphore(most)

    @contextmanager
    def taken(self, pause: Pause) -> Iterator[bool]:
        """Wait for a free place and have it; gives whether there is one, and not an end of the waiting."""
        has_place, goes_on = self._free.acquire(blocking=False), True
        while goes_on and not has_place:
            has_place, goes_on = self._free.acquire(timeout=_LOOK_S), pause(0)
        try:
            yield goes_on
        finally:
            if has_place:
                self._free.release()


class Circuit:
    """Holds requests back once so many attempts in a row have failed. Safe to use from several threads.

    Args:
        breaker: When, and how long.
        clock: Tells the seconds.
    """

    def __init__(self, breaker: CircuitBreaker, clock: Callable[[], float] = time.monotonic) -> None:
        self._breaker = breaker
        self._clock = clock
        self._lock = threading.Lock()
        self._failures = 0
        self._opens_at = 0.0
        self._is_open = False
        self._is_tried = False

    def wait_s(self) -> float:
        """Return the seconds until a request may go; with 0 it goes, and what becomes of it is to be told."""
        with self._lock:
            if not self._is_open:
                return 0.0
            left_s = self._opens_at - self._clock()
            if left_s > 0:
                return left_s
            if self._is_tried:  # one is out to try; what it says is known before long
                return min(1.0, self._breaker.pause_s)
            self._is_tried = True
            return 0.0

    def tell(self, place: str, *, failed: bool) -> None:
        """Take notice of what became of an attempt."""
        with self._lock:
            was_open, was_tried, self._is_tried = self._is_open, self._is_tried, False
            self._failures = self._failures + 1 if failed else 0
            self._is_open = (was_open and failed) or self._failures >= self._breaker.failures
            if self._is_open and failed:
                self._opens_at = self._clock() + self._breaker.pause_s
            failures, is_open = self._failures, self._is_open
        if is_open:
            if not was_open or was_tried:
                text = "%s: circuit open: %d attempts in a row failed; nothing is sent for %g s"
                logger.warning(text, place, failures, self._breaker.pause_s, extra=NO_ROW_VALUES)
        elif was_open:
            logger.warning("%s: circuit closed: the service answers again", place, extra=NO_ROW_VALUES)
