"""The access token that the workers of a node share: asked for once, by whoever needs it first."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

# A token is not used any more when so little of its time is left, or a tenth of it if that is less: what is sent with
# it takes its time to arrive.
_SPARE_S = 30.0


@dataclass(frozen=True, slots=True)
class Token:
    """A token, and how long it is good, by ``time.monotonic``.

    Attributes:
        text: What is sent.
        ends_at: When it ends; ``None`` where nobody said.
        asked_at: When it was asked for.
    """

    text: str = field(repr=False)
    ends_at: float | None
    asked_at: float

    def is_good(self, now: float) -> bool:
        """Return whether it can be sent now."""
        if self.ends_at is None:
            return True
        return now < self.ends_at - min(_SPARE_S, (self.ends_at - self.asked_at) / 10)


class _Fetching:
    """A token that somebody is asking for, while others wait for it."""

    def __init__(self) -> None:
        self.is_done = threading.Event()
        self.token: Token | None = None
        self.error: BaseException | None = None


class TokenStore:
    """Keeps the token. Safe to use from several threads.

    Args:
        clock: Tells the seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._token: Token | None = None
        self._fetching: _Fetching | None = None

    def get(self, fetch: Callable[[], Token], ends_at: float) -> Token:
        """Return the token, asked for by one thread if there is none that is good, and shared with all that wait.

        Args:
            fetch: Asks for one.
            ends_at: Until when to wait for another thread.

        Raises:
            TimeoutError: If another thread has not got it by then.
            BaseException: What ``fetch`` raises, in this thread or in the one that was waited for.
        """
        with self._lock:
            if self._token is not None and self._token.is_good(self._clock()):
                return self._token
            others = self._fetching
            mine = None if others is not None else _Fetching()
            self._fetching = others or mine
        if mine is not None:
            return self._fetch(mine, fetch)
        assert others is not None  # one of both is there
        if not others.is_done.wait(max(0.0, ends_at - self._clock())):
            raise TimeoutError
        if others.token is None:
            assert others.error is not None  # what is done has brought one of both
            raise others.error
        return others.token

    def drop(self, used: Token) -> None:
        """Let go of a token that the service does not take; one that another thread has got since then stays."""
        with self._lock:
            if self._token is used:
                self._token = None

    def _fetch(self, mine: _Fetching, fetch: Callable[[], Token]) -> Token:
        try:
            mine.token = fetch()
        except BaseException as error:
            mine.error = error
            raise
        finally:
            with self._lock:
                self._token, self._fetching = mine.token, None
            mine.is_done.set()
        return mine.token
