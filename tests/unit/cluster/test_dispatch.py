"""Parts on their way: what is submitted when, and what is handed on in which order."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from nanotyped.cluster.dispatch import PARTS_AHEAD, Dispatch
from nanotyped.cluster.tasks import Outcome
from nanotyped.node import Part, Split

AT = 3
"""The place of the segment."""


@dataclass
class Source:
    """Stands for what gives the rows that come back: a real one needs a run that takes them."""

    parts_taken: dict[int, int] = field(default_factory=dict)
    given: list[Any] = field(default_factory=list)

    def put(self, segment: int, batches: Any) -> None:
        assert segment == AT
        self.given.append(batches)


class Client:
    """Stands for Dask: it notes what is submitted."""

    def __init__(self) -> None:
        self.keys: list[str] = []

    def submit(self, task: Any, recipe: Any, part: Part, place: int, pieces: Any, *, key: str, pure: bool) -> str:
        self.keys.append(key)
        return key


def dispatch_of(parts: int, source: Source | None = None, done: tuple[int, ...] = (), copies: int = 2) -> Dispatch:
    """Return the dispatch of so many parts, of which some were done."""
    split = Split(tuple(Part(place, str(place)) for place in range(parts)), "numbers")
    segment: Any = SimpleNamespace(split=split, source=SimpleNamespace(label="numbers"), shuffles=(), after=None)
    recipe: Any = SimpleNamespace(copies=copies, topic="run/0")
    sources: Any = {} if source is None else {"last": source}
    return Dispatch(AT, segment, recipe, sources=sources, spools={}, done=done)


def outcome(place: int) -> Outcome:
    """Return what became of a part: one piece of rows."""
    return Outcome("tcp://here:1", {}, {"last": [b"%d" % place]}, (), {})


@given(st.permutations(range(8)), st.sets(st.integers(0, 7)))
def test_rows_are_handed_on_in_the_order_of_the_parts(ends: list[int], done: set[int]) -> None:
    """In whatever order they end, and whatever earlier runs had dealt with."""
    source = Source()
    dispatch = dispatch_of(8, source, tuple(done))
    for place in [place for place in ends if place not in done]:
        dispatch.accept(place, outcome(place))
    assert dispatch.is_through
    assert source.given == [*([b"%d" % place] for place in range(8) if place not in done)]


@given(st.integers(0, 12), st.integers(1, 4), st.integers(0, 12))
def test_no_more_parts_are_submitted_than_may_be_ahead_of_the_coordinator(parts: int, copies: int, taken: int) -> None:
    """However much room there is on the workers, again and again."""
    source = Source()
    dispatch = dispatch_of(parts, source, copies=copies)
    client = Client()
    source.parts_taken = {AT: min(taken, parts)}
    while dispatch.submit(client, copies):
        pass
    assert len(client.keys) == min(parts, source.parts_taken[AT] + PARTS_AHEAD * copies + copies)


def test_parts_are_submitted_in_order_under_names_that_people_know() -> None:
    """As far as there is room; those of earlier runs are not."""
    client = Client()
    dispatch = dispatch_of(5, None, (1,))
    assert [place for place, _ in dispatch.submit(client, 2)] == [0, 2]
    assert [place for place, _ in dispatch.submit(client, 5)] == [3, 4]
    assert dispatch.submit(client, 5) == []
    assert client.keys[:2] == ["numbers part 1 run/0", "numbers part 3 run/0"]
    assert dispatch.name_of(4) == "part 5 of `numbers`"


def test_a_part_is_dealt_with_when_nothing_of_it_is_on_its_way() -> None:
    """Where no rows come back, with its end on the worker; else once the coordinator has dealt with them, in order."""
    without = dispatch_of(4, None, (1,))
    without.accept(3, outcome(3))
    assert without.dealt_with({}) == {1, 3}
    source = Source()
    returning = dispatch_of(4, source, (1,))
    returning.accept(3, outcome(3))
    returning.accept(0, outcome(0))
    assert source.given == [[b"0"]]
    assert returning.dealt_with({}) == {1}
    assert returning.dealt_with({"last": {AT: 1}}) == {0, 1}
    assert not returning.is_taken
    source.parts_taken = {AT: 1}
    assert returning.is_taken
