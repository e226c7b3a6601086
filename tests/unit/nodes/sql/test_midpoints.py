"""Guesses at what lies between two values of a key, and cutting keys by them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction
from ipaddress import IPv4Address, IPv6Address
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanotyped.nodes.sql.bisection import Bisection
from nanotyped.nodes.sql.midpoints import anywhere, between
from nanotyped.types import InvalidDate

if TYPE_CHECKING:
    from collections.abc import Callable

    from nanotyped.nodes.sql.description import Key

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "int": st.integers(-(2**63), 2**64),
    "decimal": st.decimals(allow_nan=False, allow_infinity=False, places=3),
    "date": st.dates(),
    "datetime": st.datetimes(),
    "timestamp": st.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=st.just(UTC)),
    "bytes": st.binary(max_size=12),
    "IPv4": st.ip_addresses(v=4),
    "IPv6": st.ip_addresses(v=6),
    "UUID": st.uuids(),
}
SHARES = st.fractions(0, 1).filter(lambda share: 0 < share < 1)


@pytest.mark.parametrize("kind", VALUES)
@given(st.data())
def test_what_lies_between_is_above_the_lower_and_not_above_the_upper(kind: str, data: st.DataObject) -> None:
    """So there is something on both sides of it: the lower value before it, and the upper one not."""
    low, high = sorted(data.draw(st.tuples(VALUES[kind], VALUES[kind])))
    guesses = list(between(low, high, data.draw(SHARES)))
    if low == high:
        assert guesses == []
    elif kind == "UUID":
        assert any(low < guess <= high for guess in guesses)
    else:
        [guess] = guesses
        assert low < guess <= high
        assert type(guess) is type(low)


@pytest.mark.parametrize(
    ("low", "high", "guesses"),
    [
        (-3, 5, [1]),
        (7, 8, [8]),
        (Decimal("0.00"), Decimal("0.5"), [Decimal("0.25")]),
        (Decimal("0.1"), Decimal("0.2"), [Decimal("0.2")]),
        (Decimal("1E+3"), Decimal(2000), [Decimal(1500)]),
        (date(2024, 2, 1), date(2024, 3, 1), [date(2024, 2, 16)]),
        (InvalidDate("0000-00-00"), date(1, 1, 3), [date(1, 1, 2)]),
        (InvalidDate("2021-02-30"), InvalidDate("2021-04-31"), [date(2021, 3, 30)]),
        (InvalidDate("0000-00-00 00:00:00"), datetime(1, 1, 3), [datetime(1, 1, 2)]),
        (IPv4Address("10.0.0.0"), IPv4Address("10.0.0.9"), [IPv4Address("10.0.0.5")]),
        (IPv4Address("10.0.0.0"), IPv6Address("::9"), []),
        (b"ab", b"ab\0\0\0\0\0\0\0\1", [b"ab\0\0\0\0\0\0\0\1"]),
        ("user-1", "user-9", ["user-5"]),
        ("1", "f", ["8", "L"]),
        ("Ab", "ad", ["ac", "Q"]),
        ("Zz", "ab", ["^"]),
        ("Äpfel", "o", ["h"]),
        ("-a", "z", ["h", "T"]),
        ("\u0431", "\u044d", ["\u043f"]),
        ("a", "A", []),
        ("a", "aB", ["a5", "a1"]),
        (UUID(int=0), UUID(int=0), []),
        (True, "x", []),
    ],
)
def test_guesses(low: Any, high: Any, guesses: list[Any]) -> None:
    """Half way by value; of texts by the first character that differs, without case and accents, and by its code."""
    assert list(between(low, high, Fraction(1, 2))) == guesses


def test_a_guess_is_in_the_charset_of_the_column() -> None:
    """A server refuses to compare a column with what its charset does not have, or reads all of it to do so."""
    assert list(between("a", "\u20ac", Fraction(1, 2), "utf-8")) == ["\u1089", "\u1087"]
    assert list(between("a", "\u20ac", Fraction(1, 2), "cp1252")) == ["\u20ac"]
    assert set(anywhere("a\u20ac", "a", "ascii")) == {f"a{sign}" for sign in "048cgkosw"}
    assert list(anywhere("\u20aca", "\u20acb", "ascii")) == []


def test_a_guess_is_no_half_of_a_character() -> None:
    """Surrogates are no characters: what they stand for has a code of its own."""
    assert list(between("a", "\U0001b000", Fraction(1, 2))) == ["\U0001b000"]


class KeysInMemory:
    """Keys in some order of their own, of which everything is known."""

    def __init__(self, keys: list[Key], order: Callable[[Key], Any]) -> None:
        self.keys, self.order = sorted(keys, key=order), order
        self.asked = 0

    def place(self, key: Key, *, after: bool = True) -> int:
        cut = bisect_right if after else bisect_left
        return cut(self.keys, self.order(key), key=lambda other: self.order(other[: len(key)]))

    def rows(self, after: Key | None, upper: Key | None) -> int:
        self.asked += 1
        last = len(self.keys) if upper is None else self.place(upper)
        return max(0, last - (0 if after is None else self.place(after)))

    def last_before(self, after: Key | None, edge: Key) -> Key | None:
        self.asked += 1
        place = self.place(edge, after=False) - 1
        return self.keys[place] if place >= (0 if after is None else self.place(after)) else None

    def first_from(self, edge: Key, upper: Key) -> Key | None:
        self.asked += 1
        place = self.place(edge, after=False)
        return self.keys[place] if place < self.place(upper) else None


def without_case(key: Key) -> Any:
    """Return by what keys are sorted where case is nothing."""
    return tuple(value.casefold() if isinstance(value, str) else value for value in key)


LETTERS = st.text("abCDzZ09-é漢", max_size=5)
MIXED = st.one_of(st.integers(-20, 20), st.integers(-(2**31), 2**31))


@given(
    st.one_of(
        st.lists(st.tuples(MIXED), min_size=1, unique=True),
        st.lists(st.tuples(LETTERS, st.integers(-3, 3)), min_size=1, unique_by=without_case),
        st.lists(st.tuples(st.integers(0, 1), LETTERS), min_size=1, unique_by=without_case),
    ),
    st.integers(1, 9),
    st.data(),
)
def test_parts_are_all_keys_in_order(keys: list[Key], size: int, data: st.DataObject) -> None:
    """Their ends rise, the last is the last key, each has as many as it says, and numbers are cut to what is wanted."""
    known = KeysInMemory(keys, without_case)
    group = data.draw(st.integers(1, len(keys[0])))
    bisection = Bisection(known, ["utf-8"] * len(keys[0]), group)
    first, last = known.keys[0], known.keys[-1]
    assert bisection.about_rows(first, last) == len(keys)
    cuts = bisection.cuts(first, last, size)
    places = [0, *(known.place(cut.upper) for cut in cuts)]
    assert places == sorted(set(places))
    assert places[-1] == len(keys)
    assert [cut.rows for cut in cuts] == [end - start for start, end in pairwise(places)]
    groups = [without_case(key)[:group] for key in known.keys]
    assert all(groups[place - 1] != groups[place] for place in places[1:-1])
    if len(keys[0]) == 1:
        assert max(cut.rows for cut in cuts) <= max(1, 1.5 * size)


@pytest.mark.parametrize("skewed", [False, True])
def test_few_questions_for_many_parts(skewed: bool) -> None:
    """Some eight to a part of an even table, and of one that lies mostly in a millionth of its range not many more."""
    keys = [(n if not skewed or n < 90_000 else n * 10**6,) for n in range(100_000)]
    known = KeysInMemory(keys, lambda key: key)
    bisection = Bisection(known, ["utf-8"], 1)
    bisection.about_rows(keys[0], keys[-1])
    cuts = bisection.cuts(keys[0], keys[-1], 1000)
    assert 90 <= len(cuts) <= 110
    assert max(cut.rows for cut in cuts) <= 1500
    assert known.asked <= 10 * len(cuts)


def test_what_cannot_be_cut_costs_no_more_than_so_many_questions() -> None:
    """Texts of which no guess is right are left as they are: one part, larger than was wanted."""
    keys: list[Key] = [("ab"[n % 2] * 3 + chr(0x1F600 + n),) for n in range(50)]
    known = KeysInMemory(keys, lambda key: tuple(reversed(key[0])))
    bisection = Bisection(known, ["ascii"], 1)
    bisection.about_rows(known.keys[0], known.keys[-1])
    cuts = bisection.cuts(known.keys[0], known.keys[-1], 5)
    assert known.place(cuts[-1].upper) == len(keys)
    assert known.asked < 4000
