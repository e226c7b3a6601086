"""Which parts were dealt with, as a state keeps it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanotyped.cluster.part_state import InnerState, done_cursor, done_of, open_part_state, split_cursor, split_of
from nanotyped.engine.checkpoint import StateError
from nanotyped.graph import build_graph
from nanotyped.node import Part, Split
from tests.support.cluster_nodes import Double, Numbers, OnlyMultiples

if TYPE_CHECKING:
    from pathlib import Path

# Whatever JSON holds, and text that no UTF-8 has.
bounds = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
parts = st.builds(Part, bounds, st.text(), st.none() | st.integers(0))


@given(st.integers(0, 200).flatmap(lambda count: st.tuples(st.just(count), st.sets(st.integers(0, max(0, count - 1))))))
def test_parts_that_were_dealt_with_come_back(drawn: tuple[int, set[int]]) -> None:
    """Any set of them goes through JSON and back; all of them are the end of the source."""
    count, done = drawn[0], drawn[1] if drawn[0] else set()
    cursor = json.loads(json.dumps(done_cursor(done, count)))
    assert done_of(cursor, count) == done
    assert (cursor == {"$exhausted": True}) == (len(done) == count)


def test_parts_that_were_dealt_with_are_kept_as_ranges() -> None:
    """Few characters, of however many parts; nothing kept is nothing done."""
    assert done_cursor({*range(58), 59, 61, 62}, 100) == {"$parts": 100, "done": "0-57,59,61-62"}
    assert done_cursor(set(), 100) == {"$parts": 100, "done": ""}
    assert done_of(None, 100) == set()


@given(st.lists(parts, max_size=5), st.text(), st.lists(st.text(), max_size=2))
def test_the_parts_of_a_source_come_back(drawn: list[Part], by: str, together: list[str]) -> None:
    """As they were, through JSON; what was said of them once is not kept."""
    split = Split(tuple(drawn), by, tuple(together), "one part alone")
    kept = split_of(json.loads(json.dumps(split_cursor(split))))
    assert kept == Split(tuple(drawn), by, tuple(together))


def test_a_state_is_of_one_engine_and_one_pipeline(tmp_path: Path) -> None:
    """Another pipeline is refused, as by the engine of threads."""

    def graph_of(last: Any) -> Any:
        source = Numbers(10, name="numbers")
        _ = source > last
        return build_graph(source)

    open_part_state(graph_of(Double(name="last")), tmp_path, None).close()
    open_part_state(graph_of(Double(name="last")), tmp_path, None).close()
    with pytest.raises(StateError) as caught:
        open_part_state(graph_of(OnlyMultiples(2, name="last")), tmp_path, None)
    assert str(caught.value) == (
        f"state `{tmp_path}/state.sqlite`: it is of another pipeline than this one: `last` is another;"
        " --reset-state forgets it and begins anew"
    )
    open_part_state(graph_of(OnlyMultiples(2, name="last")), tmp_path, None, reset=True).close()


def test_cursors_at_the_coordinator_are_kept_until_somebody_writes_them() -> None:
    """The last one of each source counts."""
    state = InnerState("run", ("before",), {"a": 1})
    state.write({"a": (2, 1), "b": (7, 1)}, finished=False)
    state.write({"a": (3, 2)}, finished=True)
    state.close()
    assert (state.cursors, state.latest) == ({"a": 1}, {"a": (3, 2), "b": (7, 1)})
