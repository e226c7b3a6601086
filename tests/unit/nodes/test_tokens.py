"""The token that the workers of a node share, by a clock that is set."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from itertools import count

import pytest

from nanotyped.nodes.http.auth import token_of
from nanotyped.nodes.http.tokens import Token, TokenStore


@dataclass
class Clock:
    """A clock that stands still, and what asks for tokens by it."""

    now: float = 1000.0
    lasts_s: float | None = None
    numbers: count[int] = field(default_factory=lambda: count(1))

    def __call__(self) -> float:
        return self.now

    def fetch(self) -> Token:
        """Return another token."""
        ends_at = None if self.lasts_s is None else self.now + self.lasts_s
        return Token(f"t{next(self.numbers)}", ends_at, self.now)


@pytest.mark.parametrize(("lasts_s", "good_s"), [(3600, 3570), (300, 270), (100, 90), (1, 0.9)])
def test_a_token_is_replaced_before_its_time_ends(lasts_s: float, good_s: float) -> None:
    """Half a minute before, or a tenth of its time if that is less."""
    clock = Clock(lasts_s=lasts_s)
    store = TokenStore(clock)
    for wait_s, text in ((0, "t1"), (good_s - 0.01, "t1"), (0.02, "t2")):
        clock.now += wait_s
        assert store.get(clock.fetch, clock.now).text == text


def test_a_token_without_a_time_is_good_until_it_is_dropped() -> None:
    """Where nobody says for how long, the service says when it is over; only who used it may drop it."""
    clock = Clock()
    store = TokenStore(clock)
    first = store.get(clock.fetch, clock.now)
    clock.now += 10**9
    assert store.get(clock.fetch, clock.now) is first
    store.drop(first)
    second = store.get(clock.fetch, clock.now)
    assert second.text == "t2"
    store.drop(first)
    assert store.get(clock.fetch, clock.now) is second


def test_who_asks_asks_for_all() -> None:
    """While one thread asks, others wait, and get what it gets: a token, or its error; then it is asked anew."""
    store, asked, go_on = TokenStore(), threading.Event(), threading.Event()
    found: list[object] = []

    def fetch() -> Token:
        asked.set()
        assert go_on.wait(10)
        raise ConnectionError("nobody is there")

    def get() -> None:
        try:
            found.append(store.get(fetch, 10**9))
        except ConnectionError as error:
            found.append(error)

    threads = [threading.Thread(target=get) for _ in range(3)]
    threads[0].start()
    assert asked.wait(10)
    with pytest.raises(TimeoutError):
        store.get(Clock().fetch, 0)
    for thread in threads[1:]:
        thread.start()
    go_on.set()
    for thread in threads:
        thread.join(10)
    assert [str(error) for error in found] == ["nobody is there"] * 3
    assert store.get(Clock().fetch, 0).text == "t1"


@pytest.mark.parametrize(
    ("given", "ends_at"),
    [
        ({"expires_in": 60}, 65.0),
        ({"expires_in": "60"}, 65.0),
        ({"expires_in": 0.5}, 5.5),
        ({"expires_in": 1e300}, 5 + 1e9),
        ({}, None),
        ({"expires_in": None}, None),
        ({"expires_in": 0}, None),
        ({"expires_in": -1}, None),
        ({"expires_in": True}, None),
        ({"expires_in": "soon"}, None),
        ({"expires_in": [60]}, None),
        ({"token_type": "BEARER"}, None),
    ],
)
def test_for_how_long_a_token_is_good(given: dict[str, object], ends_at: float | None) -> None:
    """From when it was asked for; what is no number of seconds says nothing."""
    token = token_of(json.dumps({"access_token": "t", "token_type": "bearer", **given}).encode(), 5.0)
    assert token == Token("t", ends_at, 5.0)
    assert repr(token) == f"Token(ends_at={ends_at}, asked_at=5.0)"
