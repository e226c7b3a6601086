"""Nodes that hold rows back for a time: what they give, when, and that nothing they hold is lost."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanotyped import (
    BatchMessages,
    Checkpoint,
    Filter,
    GraphTypeError,
    NanoNode,
    NodeFailedError,
    StreamingJoin,
    TimeWindowAccumulator,
)
from nanotyped.engine import start_run
from nanotyped.engine.run import prepare_run
from nanotyped.graph import build_graph, survey_graph
from tests.support.flows import Given, GivenBatches
from tests.unit.engine.nodes import WAIT_S, Counting, Giving, Keeping, Waiting

if TYPE_CHECKING:
    from pathlib import Path

    from nanotyped.node import RunReport


def run(*nodes: NanoNode[Any, Any]) -> RunReport:
    """Run nodes linked in a row."""
    for left, right in pairwise(nodes):
        left.add_edge(right)
    return start_run(nodes[0]).wait(WAIT_S)


def lists_of(window: NanoNode[Any, Any], *messages: Any) -> list[Any]:
    """Return what a window gives for messages."""
    sink = Keeping()
    run(Giving(messages), window, sink)
    return sink.messages


def until(condition: Callable[[], bool]) -> None:
    """Wait for what another thread does."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def schema_given(node: NanoNode[Any, Any]) -> str:
    """Return the schema of what a node of a sound graph gives."""
    survey = survey_graph(node)
    assert not survey.problems
    [flow] = {flow for edge in survey.graph.edges_from(node) for flow in edge.flows}
    assert flow is not None
    return flow.spelling()


class TestBatchMessages:
    """Lists by number, and by the clock."""

    def test_lists_by_number(self) -> None:
        """A list is given once it is full, and what is left at the end; an object of each row."""
        found = lists_of(BatchMessages(batch_size=2), {"n": 1}, {"n": 2}, {"n": 3})
        assert found == [[{"n": 1}, {"n": 2}], [{"n": 3}]]

    def test_no_list_is_empty(self) -> None:
        """Of no messages, or of as many as fill the lists, no empty one is left."""
        assert lists_of(BatchMessages(batch_size=2)) == []
        assert lists_of(BatchMessages(batch_size=1), 1, 2) == [[1], [2]]

    def test_what_the_key_shows(self) -> None:
        """With ``key`` the list holds these values, and ``output_key`` names its column."""
        [row] = lists_of(BatchMessages(key="n", output_key="all"), {"n": Decimal("1.50")}, {"n": None})
        assert row.to_python() == {"all": [Decimal("1.50"), None]}

    def test_a_list_does_not_wait_for_another_message(self) -> None:
        """The timeout of the oldest message gives the list, though no more comes."""
        source, sink = Waiting(), Keeping()
        source > BatchMessages(batch_size=100, timeout=0.02) > sink
        started = start_run(source)
        source.turns.release(2)
        until(lambda: sum(map(len, sink.messages)) == 2)
        source.turns.release()
        started.wait(WAIT_S)
        assert [item["n"] for found in sink.messages for item in found] == [0, 1, 2]
        assert len(sink.messages) >= 2

    def test_an_idle_window_takes_no_processor(self) -> None:
        """While it waits for messages, or for its timeout, it sleeps."""
        source, sink = Waiting(), Keeping()
        source > BatchMessages(timeout=60.0) > sink
        started = start_run(source)
        source.turns.release(2)
        until(lambda: source.messages_sent_counter == 2)
        before = time.process_time()
        time.sleep(0.5)
        assert time.process_time() - before < 0.05
        source.turns.release()
        started.wait(WAIT_S)
        assert len(sink.messages) == 1

    def test_messages_in_a_list_are_no_filtered_rows(self) -> None:
        """Every message counts as processed, and none as filtered."""
        sink = Keeping()
        report = run(Counting(10), BatchMessages(batch_size=4, name="batch"), sink)
        batch = report["batch"]
        assert (batch.received, batch.sent, batch.filtered) == (10, 3, 0)

    def test_what_it_gives(self) -> None:
        """A list of what JSON holds is JSON; another is of Python's own objects, which no contract takes."""
        source = GivenBatches([], {"n": "int", "note": "varchar(9) null"})
        batch = BatchMessages(output_key="all")
        source > batch > Keeping()
        assert schema_given(batch) == "all json"
        source = GivenBatches([], {"on": "date"})
        batch = BatchMessages()
        source > batch > Keeping()
        assert schema_given(batch) == "__value__ object"

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"batch_size": 0}, "batch_size is a number of messages from 1, not 0"),
            ({"timeout": 0}, "timeout is a number of seconds above 0, not 0"),
            ({"timeout": float("nan")}, "timeout is a number of seconds above 0, not nan"),
            ({"retain_input": True}, "BatchMessages makes one list of many rows, so retain_input can only be false"),
        ],
    )
    def test_wrong_options(self, options: dict[str, Any], message: str) -> None:
        """Numbers that make no sense, and columns of one row beside a list of many, are refused."""
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            BatchMessages(**options)

    def test_two_instances_share_nothing(self) -> None:
        """What one holds is its own."""
        assert lists_of(BatchMessages(), 1) == [[1]]
        assert lists_of(BatchMessages(), 2) == [[2]]

    @settings(max_examples=50)
    @given(st.lists(st.integers(), max_size=40), st.integers(1, 9), st.integers(1, 9))
    def test_every_message_stands_in_one_list(self, messages: list[int], size: int, rows: int) -> None:
        """All lists but the last are full, and together they are what came."""
        found = lists_of(BatchMessages(batch_size=size, batch_rows=rows), *messages)
        assert [item for batch in found for item in batch] == messages
        assert all(len(batch) == size for batch in found[:-1])


class Stretches(NanoNode[object, Any]):
    """Gives numbers with a checkpoint behind each of them, and fails at one."""

    def __init__(self, fail_at: int, **options: Any) -> None:
        self.fail_at = fail_at
        self.waits = threading.Event()
        super().__init__(**options)
        self.given_options = {}

    def generator(self) -> Iterator[Any]:
        for n in range(self.resume_from or 0, 20):
            if n == self.fail_at:
                self.waits.wait(WAIT_S)
                raise ValueError("gone")
            yield {"n": n}
            yield Checkpoint(n + 1)


def ends_with(sink: Keeping, last: int) -> bool:
    """Return whether the last list that came ends with this number."""
    return bool(sink.messages) and sink.messages[-1][-1]["n"] == last


def test_what_a_window_holds_is_given_again(tmp_path: Path) -> None:
    """A run that ended with two messages in the window begins at the first of them, and at none before."""
    begins, lists = [], []
    for fail_at in (11, 19, -1):
        source, sink = Stretches(fail_at, name="source", batch_rows=1), Keeping()
        window = BatchMessages(batch_size=3, batch_rows=1)
        for node in (window, sink):
            node.given_options = {}
        source > window > sink
        started = prepare_run(source, state_dir=tmp_path)
        begins.append(source.resume_from or 0)
        started.start()
        if fail_at < 0:
            started.wait(WAIT_S)
        else:
            until(partial(ends_with, sink, fail_at - fail_at % 3 - 1))
            source.waits.set()
            with pytest.raises(NodeFailedError):
                started.wait(WAIT_S)
        lists += [[item["n"] for item in found] for found in sink.messages]
    assert begins == [0, 9, 18]
    assert lists == [[n, n + 1, n + 2] for n in range(0, 18, 3)] + [[18, 19]]


class TestTimeWindowAccumulator:
    """The messages of the last seconds, every few seconds."""

    def test_windows_that_overlap(self) -> None:
        """A message stands in each list while it is in the window, in order."""
        source, sink = Waiting(), Keeping()
        source > TimeWindowAccumulator(time_window=60.0, send_interval=0.05, key="n") > sink
        started = start_run(source)
        source.turns.release()
        until(lambda: len(sink.messages) >= 2)
        source.turns.release()
        until(lambda: sink.messages[-1] == [0, 1])
        source.turns.release()
        started.wait(WAIT_S)
        assert sink.messages[:2] == [[0], [0]]
        assert sink.messages[-1][-1] == 2

    def test_what_was_not_sent_comes_at_the_end(self) -> None:
        """The end of the data comes before the interval is over: nothing is lost."""
        assert lists_of(TimeWindowAccumulator(time_window=60, send_interval=60), 1, 2) == [[1, 2]]
        assert lists_of(TimeWindowAccumulator(time_window=60, send_interval=60)) == []

    def test_what_left_the_window_is_filtered(self) -> None:
        """With a window shorter than the interval, what leaves before a list is due is counted, and in none."""
        source, sink = Waiting(), Keeping()
        source > TimeWindowAccumulator(time_window=0.02, send_interval=0.2, name="window") > sink
        started = start_run(source)
        source.turns.release(3)
        report = started.wait(WAIT_S)
        given_items = sum(map(len, sink.messages))
        assert given_items + report["window"].filtered == 3

    @pytest.mark.parametrize("name", ["time_window", "send_interval"])
    def test_wrong_numbers(self, name: str) -> None:
        """A window, or an interval, of no time is refused."""
        with pytest.raises(ValueError, match=f"^{name} is a number of seconds above 0, not 0$"):
            TimeWindowAccumulator(**{"time_window": 1, "send_interval": 1, name: 0})


class TestStreamingJoin:
    """Rows of several inputs with an equal value."""

    def joined(self, left: list[Any], right: list[Any], window: float = 30.0, **options: Any) -> tuple[Any, RunReport]:
        """Join two streams, all of the left one before the right one."""
        gate = threading.Event()
        first, second = Giving(left, name="left"), Given(right, gates={0: gate}, name="right")
        join = StreamingJoin(streams={"left": "id", "right": "of"}, window=window, name="join", **options)
        sink = Keeping()
        (first, second) > join
        join > sink
        started = start_run(first)
        until(lambda: join.messages_received_counter == len(left))
        gate.set()
        report = started.wait(WAIT_S)
        return [row.to_python() for row in sink.messages], report

    def test_every_combination(self) -> None:
        """Each row meets all rows of the other stream that have its value; columns in the order of the streams."""
        found, report = self.joined(
            [{"id": 1, "a": "x"}, {"id": 1, "a": "y"}, {"id": 2, "a": "z"}],
            [{"of": 1, "b": 10}, {"of": 3, "b": 30}, {"of": 2, "b": 20}],
        )
        assert found == [
            {"id": 1, "a": "x", "of": 1, "b": 10},
            {"id": 1, "a": "y", "of": 1, "b": 10},
            {"id": 2, "a": "z", "of": 2, "b": 20},
        ]
        assert list(found[0]) == ["id", "a", "of", "b"]
        assert report["join"].filtered == 1

    @pytest.mark.parametrize(("left", "right"), [(1, True), (1, "1"), (1, 1.0), (None, None)])
    def test_only_the_exact_value_matches(self, left: Any, right: Any) -> None:
        """A value of another type is another value, and null is none."""
        found, report = self.joined([{"id": left, "a": 0}], [{"of": right, "b": 0}])
        assert found == []
        assert report["join"].filtered == 2

    def test_documents_match_by_what_they_hold(self) -> None:
        """Objects are equal whatever the order of their keys."""
        found, _ = self.joined([{"id": {"x": 1, "y": [2]}}], [{"of": {"y": [2], "x": 1}}])
        assert len(found) == 1

    def test_the_window_passes(self) -> None:
        """What came longer ago than the window matches no more, and is forgotten and counted."""
        gate = threading.Event()
        first, second = Giving([{"id": 1}], name="left"), Given([{"of": 1}], gates={0: gate}, name="right")
        join = StreamingJoin(streams={"left": "id", "right": "of"}, window=0.01, name="join")
        sink = Keeping()
        (first, second) > join
        join > sink
        started = start_run(first)
        until(lambda: started.report()["join"].filtered == 1)
        assert join.rows_held == 0
        gate.set()
        report = started.wait(WAIT_S)
        assert sink.messages == []
        assert report["join"].filtered == 2

    def test_a_join_column_of_one_name(self) -> None:
        """Both may call it alike; then it is one column."""
        first, second = Giving([{"id": 1, "a": 2}], name="left"), Giving([{"id": 1, "b": 3}], name="right")
        join, sink = StreamingJoin(streams={"left": "id", "right": "id"}), Keeping()
        (first, second) > join
        join > sink
        start_run(first).wait(WAIT_S)
        assert [row.to_python() for row in sink.messages] == [{"id": 1, "a": 2, "b": 3}]

    def graph(self, left: dict[str, Any], right: dict[str, Any], **options: Any) -> StreamingJoin:
        """Return a join of two sources of these schemas, with a sink behind it."""
        options = {"streams": {"left": "id", "right": "of"}, "name": "join", **options}
        join = StreamingJoin(**options)
        (GivenBatches([], left, name="left"), GivenBatches([], right, name="right")) > join
        join > Keeping(name="sink")
        return join

    def problems(self, join: StreamingJoin) -> list[str]:
        """Return what a graph is refused for."""
        with pytest.raises(GraphTypeError) as caught:
            build_graph(join)
        return [str(problem) for problem in caught.value.problems]

    def test_what_it_gives_is_known(self) -> None:
        """The columns of all inputs, in the order of the streams; a join value is not null."""
        join = self.graph({"id": "int null", "a": "text"}, {"of": "int", "b": "date null"})
        assert schema_given(join) == "id int, a text, of int, b date null"

    def test_a_column_of_two_streams_is_refused(self) -> None:
        """It could be either's."""
        assert self.problems(self.graph({"id": "int", "a": "text"}, {"of": "int", "a": "text"})) == [
            "node `join`: inputs `left` and `right` both have a column `a`. "
            "Hint: give one of them another name with a Remapper before it"
        ]

    def test_streams_and_inputs_are_the_same(self) -> None:
        """A stream that is no input, an input that is no stream, and a join value that is not there are all told."""
        join = self.graph({"ids": "int"}, {"of": "int"}, streams={"left": "id", "rigth": "of"})
        assert self.problems(join) == [
            "node `join`: streams names `rigth`, which is no input of it. Hint: did you mean `right`?",
            "node `join`: streams does not say where the join value of its input `right` is",
            "node `join`: there is no column `id`. Hint: did you mean `ids`?",
        ]

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"streams": {"one": "id"}}, "streams names two inputs or more, not 1"),
            ({"window": 0}, "window is a number of seconds above 0, not 0"),
            (
                {"retain_input": True},
                "StreamingJoin gives the columns of all inputs, so retain_input can only be false",
            ),
            ({"key": "id"}, "StreamingJoin sees whole rows: streams says where the join values are"),
        ],
    )
    def test_wrong_options(self, options: dict[str, Any], message: str) -> None:
        """What makes no sense is refused when it is made."""
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            StreamingJoin(**{"streams": {"left": "id", "right": "of"}, **options})

    @settings(max_examples=60)
    @given(
        left=st.lists(st.integers(0, 3), max_size=12),
        right=st.lists(st.integers(0, 3), max_size=12),
    )
    def test_it_is_the_join_of_a_database(self, left: list[int], right: list[int]) -> None:
        """While the window is open, what is given is every pair of equal values, each once, however they interleave."""
        first = Giving([{"id": value, "l": n} for n, value in enumerate(left)], name="left", batch_rows=2)
        second = Giving([{"of": value, "r": n} for n, value in enumerate(right)], name="right", batch_rows=3)
        join, sink = StreamingJoin(streams={"left": "id", "right": "of"}, name="join"), Keeping()
        (first, second) > join
        join > sink
        report = start_run(first).wait(WAIT_S)
        found = sorted((row.l, row.r) for row in sink.messages)
        assert found == [(n, m) for n, a in enumerate(left) for m, b in enumerate(right) if a == b]
        unmatched = sum(a not in right for a in left) + sum(b not in left for b in right)
        assert report["join"].filtered == unmatched


def test_a_window_has_one_worker() -> None:
    """Several would each have a part of the rows."""
    source, window = Counting(1), BatchMessages(workers=2, name="batch")
    source > Filter(test="key_exists", key="n") > window > Keeping()
    with pytest.raises(GraphTypeError) as caught:
        build_graph(source)
    assert [str(problem) for problem in caught.value.problems] == [
        "node `batch` cannot have 2 workers: it gathers the rows of all. Hint: leave out workers"
    ]
