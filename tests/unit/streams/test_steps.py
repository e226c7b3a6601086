from __future__ import annotations

import itertools
import operator
from collections import deque
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanotyped import Source, Stream


def results(stream: Stream[Any], last: Stream[Any], elements: list[Any]) -> list[Any]:
    """Return what comes out of ``last`` for elements that are emitted into ``stream``."""
    got = last.sink_to_list()
    for x in elements:
        stream.emit(x)
    return got


def test_emit_returns_nothing_and_any_value_is_data() -> None:
    """What is emitted comes to the sinks as it is, ``None`` and other false values too."""
    stream: Stream[Any] = Stream()
    got = stream.sink_to_list()
    values: list[Any] = [None, 0, "", [], {}, False]
    for x in values:
        assert stream.emit(x) is None
    assert got == values


def test_source_is_a_stream() -> None:
    """``Source()`` makes the same as ``Stream()``."""
    assert Source is Stream


def test_map_takes_more_arguments() -> None:
    """``map`` calls with the element first, then the arguments that it was given."""
    stream = Stream[int]()

    def scaled(x: int, by: int, plus: int) -> int:
        return x * by + plus

    assert results(stream, stream.map(scaled, 10, plus=1), [1, 2]) == [11, 21]


def test_filter_passes_the_element_itself() -> None:
    """``filter`` passes what its function is true of; ``None`` passes what is true."""
    stream: Stream[Any] = Stream()

    def is_long(x: str, n: int) -> bool:
        return len(x) >= n

    long = stream.filter(is_long, n=2).sink_to_list()
    some = stream.filter(None).sink_to_list()
    for x in ("", "a", "ab"):
        stream.emit(x)
    assert (long, some) == (["ab"], ["a", "ab"])


def test_scan_begins_with_the_first_element() -> None:
    """Without ``start`` the first element is the state and passes as it is; running sums of 1, 2, 3 are 1, 3, 6."""
    stream = Stream[int]()
    assert results(stream, stream.scan(operator.add), [1, 2, 3]) == [1, 3, 6]


def test_accumulate_is_scan_from_a_start() -> None:
    """With ``start`` nothing passes before an element comes, and the first is added to it."""
    stream = Stream[int]()
    got = stream.accumulate(operator.add, start=10).sink_to_list()
    assert got == []
    stream.emit(1)
    stream.emit(2)
    assert got == [11, 13]


def test_start_may_be_none() -> None:
    """``None`` is a state like any other."""
    stream = Stream[int]()
    pairs: Stream[Any] = stream.scan(lambda state, x: (state, x), start=cast("Any", None))
    assert results(stream, pairs, [1, 2]) == [(None, 1), ((None, 1), 2)]


def test_scan_returns_state_apart() -> None:
    """With ``returns_state`` the function gives the state and, apart from it, what passes; keywords go to it."""
    stream = Stream[int]()

    def weigh(state: tuple[int, int], x: int, weight: int) -> tuple[tuple[int, int], int]:
        return (state[0] + x * weight, state[1] + 1), state[0] + x * weight

    weighed = stream.scan(weigh, (0, 0), returns_state=True, weight=2)
    assert results(stream, weighed, [1, 2, 3]) == [2, 6, 12]


def test_scan_keeps_its_state_when_its_function_fails() -> None:
    """An element that cannot be added leaves the state as it was."""
    stream: Stream[Any] = Stream()
    got = stream.scan(operator.add).sink_to_list()
    stream.emit(1)
    with pytest.raises(TypeError):
        stream.emit("x")
    stream.emit(2)
    assert got == [1, 3]


@given(st.lists(st.integers()), st.integers())
def test_scan_is_itertools_accumulate(elements: list[int], start: int) -> None:
    """What passes is what ``itertools.accumulate`` gives, less its initial value."""
    stream = Stream[int]()
    without, with_start = stream.scan(operator.sub).sink_to_list(), stream.scan(operator.sub, start).sink_to_list()
    for x in elements:
        stream.emit(x)
    assert without == list(itertools.accumulate(elements, operator.sub))
    assert [start, *with_start] == list(itertools.accumulate(elements, operator.sub, initial=start))


def test_flatten_passes_items() -> None:
    """Items of lists, texts and generators pass one by one."""
    stream: Stream[Any] = Stream()
    assert results(stream, stream.flatten(), [[1, 2], "ab", iter([3]), []]) == [1, 2, "a", "b", 3]


def test_pluck_picks() -> None:
    """``pluck`` takes one item of each element, or a tuple of several."""
    stream: Stream[Any] = Stream()
    one, two = stream.pluck("a").sink_to_list(), stream.pluck(["b", "a"]).sink_to_list()
    stream.emit({"a": 1, "b": 2})
    assert (one, two) == ([1], [(2, 1)])


def test_starmap_spreads() -> None:
    """``starmap`` calls with the items of the element, then its own arguments."""
    stream: Stream[Any] = Stream()
    assert results(stream, stream.starmap(lambda *args, k: (*args, k), 9, k=5), [(1, 2)]) == [(1, 2, 9, 5)]


@given(st.lists(st.integers()), st.integers(1, 5))
def test_partition_makes_tuples_of_n(elements: list[int], n: int) -> None:
    """Tuples of ``n`` hold all elements in order but those that are too few for a last one."""
    stream = Stream[int]()
    got = results(stream, stream.partition(n), elements)
    assert got == [tuple(elements[i : i + n]) for i in range(0, len(elements) - len(elements) % n, n)]


def test_partition_by_key() -> None:
    """With ``key``, a function or what to look up, only elements of equal keys go together."""
    numbers, dicts = Stream[int](), Stream[dict[str, int]]()
    assert results(numbers, numbers.partition(2, key=lambda x: x % 2), list(range(6))) == [(0, 2), (1, 3)]
    one, two = {"a": 1}, {"a": 2}
    assert results(dicts, dicts.partition(2, key="a"), [one, two, one]) == [(one, one)]


def test_sliding_window() -> None:
    """Each element passes with those before it; fewer than ``n`` only if that is asked for."""
    stream = Stream[int]()
    partial = stream.sliding_window(2).sink_to_list()
    whole = stream.sliding_window(2, return_partial=False).sink_to_list()
    for x in (1, 2, 3):
        stream.emit(x)
    assert (partial, whole) == ([(1,), (1, 2), (2, 3)], [(1, 2), (2, 3)])


@pytest.mark.parametrize("hashable", [True, False])
@pytest.mark.parametrize(
    ("maxsize", "passed"), [(None, [1, 2, 3]), (1, [1, 2, 1, 3, 1, 2]), (2, [1, 2, 3, 2]), (9, [1, 2, 3])]
)
def test_unique_remembers_what_was_seen_last(maxsize: int | None, passed: list[int], hashable: bool) -> None:
    """What came among the ``maxsize`` keys that were seen last does not pass again."""
    stream = Stream[int]()
    assert results(stream, stream.unique(maxsize, hashable=hashable), [1, 2, 1, 3, 1, 2]) == passed


def test_unique_of_keys_and_of_what_has_no_hash() -> None:
    """``key`` tells elements apart; with ``hashable=False`` lists do."""
    numbers, lists = Stream[int](), Stream[list[int]]()
    assert results(numbers, numbers.unique(key=lambda x: x % 2), [1, 3, 2]) == [1, 2]
    assert results(lists, lists.unique(hashable=False), [[1], [1], [2]]) == [[1], [2]]


def test_collect_passes_on_when_told() -> None:
    """``flush`` passes on all that came since the last one as a tuple, also as the sink of another stream."""
    stream, bell = Stream[int](), Stream[str]()
    collected = stream.collect()
    got = collected.sink_to_list()
    bell.sink(collected.flush)
    stream.emit(1)
    stream.emit(2)
    assert got == []
    bell.emit("now")
    collected.flush()
    assert got == [(1, 2), ()]


def test_collect_in_a_cache_of_the_users() -> None:
    """With ``cache`` it holds what that keeps."""
    stream = Stream[int]()
    collected = stream.collect(cache=deque(maxlen=2))
    got = collected.sink_to_list()
    for x in (1, 2, 3):
        stream.emit(x)
    collected.flush()
    assert got == [(2, 3)]


def test_zip_pairs_by_position() -> None:
    """The n-th elements of all streams go together; what is no stream stands in each tuple at its place."""
    one, two = Stream[int](), Stream[str]()
    pairs, triples = one.zip(two).sink_to_list(), one.zip("-", two).sink_to_list()
    one.emit(1)
    one.emit(2)
    two.emit("a")
    assert (pairs, triples) == ([(1, "a")], [(1, "-", "a")])
    two.emit("b")
    assert pairs == [(1, "a"), (2, "b")]


def test_combine_latest_passes_the_last_of_all() -> None:
    """With each element the last of all streams pass, once all have one; ``emit_on`` says with whose."""
    one, two = Stream[int](), Stream[str]()
    every = one.combine_latest(two).sink_to_list()
    by_stream, by_place = (one.combine_latest(two, emit_on=on).sink_to_list() for on in (two, [0]))
    one.emit(1)
    two.emit("a")
    one.emit(2)
    assert every == [(1, "a"), (2, "a")]
    assert by_stream == [(1, "a")]
    assert by_place == [(2, "a")]


def test_combine_latest_refuses_a_stranger() -> None:
    """``emit_on`` that is none of the streams is refused."""
    with pytest.raises(ValueError, match=r"^emit_on must be one of the streams, or its place from 0 to 1, not 2$"):
        Stream[int]().combine_latest(Stream[int](), emit_on=2)


def test_union_takes_from_all() -> None:
    """The elements of all streams pass as they come."""
    one, two, three = Stream[int](), Stream[int](), Stream[int]()
    got = one.union(two, three).sink_to_list()
    for stream, x in ((two, 1), (one, 2), (three, 3)):
        stream.emit(x)
    assert got == [1, 2, 3]


def test_a_stream_may_be_joined_with_itself() -> None:
    """Two ways from one stream to one step bring each element twice."""
    stream = Stream[int]()
    assert results(stream, stream.map(lambda x: x + 1).zip(stream), [1, 2]) == [(2, 1), (3, 2)]
    other = Stream[int]()
    assert results(other, other.union(other), [1]) == [1, 1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: s.partition(0), "n must be a number of elements from 1, not 0"),
        (lambda s: s.buffer(0), "n must be a number of elements from 1, not 0"),
        (lambda s: s.sliding_window(-1), "n must be a number of elements from 1, not -1"),
        (lambda s: s.unique(maxsize=0), "maxsize must be a number of elements from 1, not 0"),
        (lambda s: s.zip(s, maxsize=True), "maxsize must be a number of elements from 1, not True"),
        (lambda s: s.timed_window(0), "interval must be a number of seconds above 0, not 0"),
        (lambda s: s.delay(float("inf")), "interval must be a number of seconds above 0, not inf"),
        (lambda s: s.rate_limit("1s"), "interval must be a number of seconds above 0, not '1s'"),
        (lambda s: s.partition(2, timeout=-1), "timeout must be a number of seconds above 0, not -1"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(call: Any, message: str) -> None:
    """A number of elements is at least 1, one of seconds is above 0; nothing is left behind by a refusal."""
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the whole message is looked at
        call(Stream[int]())
    assert str(refused.value) == message
