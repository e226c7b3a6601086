"""Markers between rows, triggers, and messages for every edge (BEHAVIOUR §5 and §6)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanotyped import (
    BatchEnd,
    BatchStart,
    Canary,
    Filter,
    InsertData,
    NanoNode,
    NodeFailedError,
    NothingToSeeHere,
    PassThrough,
    PipelineStateError,
    PoisonPill,
    Row,
    RowError,
    Trigger,
)
from nanotyped.engine import start_run
from nanotyped.message import Marker
from tests.support.flows import GivenBatches
from tests.unit.engine.nodes import WAIT_S, Boom, Counting, Doing, Gated, Giving, Keeping, Passing, fail_at
from tests.unit.engine.test_life_cycle import until

POLICIES: list[dict[str, Any]] = [{}, {"on_error": "skip"}]


class Watching(NanoNode[object, Any]):
    """A sink that keeps rows, as their `n` or bare, and markers, in the order in which they come."""

    def __init__(self, **kwargs: Any) -> None:
        self.seen: list[Any] = []
        super().__init__(**kwargs)

    def process_item(self, row: Any) -> None:
        self.seen.append(row.to_python()["n"] if isinstance(row, Row) else row)

    def process_marker(self, marker: Marker) -> None:
        self.seen.append(marker)


def mixed(length: int = 40) -> list[Any]:
    """Return rows with markers before, between and behind them."""
    found: list[Any] = [Canary(n=-1)]
    for n in range(length):
        found.append({"n": n})
        found += [Canary(n=n)] * (n % 3)
    return found


def plain(messages: list[Any]) -> list[Any]:
    """Return messages as ``Watching`` keeps them."""
    return [message if isinstance(message, Marker) else message["n"] for message in messages]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("batch_rows", [1, 3, 1000])
def test_markers_keep_their_place(policy: dict[str, Any], batch_rows: int) -> None:
    """Markers keep their place among the rows over every edge, through nodes by the row and by the batch, unseen."""
    messages = mixed()
    sink = Watching(name="sink")
    options: dict[str, Any] = {"batch_rows": batch_rows, **policy}
    nodes = [
        Giving(messages, name="source", **options),
        Passing(name="pass", **options),
        Doing(lambda row: [{"m": 1}], name="make", **options),
        InsertData(value_dict={"c": 1}, name="insert", **options),
        Filter(test="value_is_not_none", key="n", name="filter", **options),
        sink,
    ]
    for left, right in pairwise(nodes):
        left.add_edge(right, max_queue_size=batch_rows)
    report = start_run(sink).wait(WAIT_S)
    assert sink.seen == plain(messages)
    assert [(node.received, node.sent) for node in report.nodes] == [(0, 40), *[(40, 40)] * 4, (40, 0)]


@pytest.mark.parametrize("policy", POLICIES)
def test_markers_pass_filters_and_splits(policy: dict[str, Any]) -> None:
    """A marker goes on where all rows around it are filtered out, and where each row becomes several."""
    sink = Watching()
    split = Doing(lambda row: [row] * (row.n % 3), **policy)
    _ = Giving(mixed(6)) > split > sink
    start_run(sink).wait(WAIT_S)
    order = [item if isinstance(item, int) else f"m{item.n}" for item in sink.seen]
    assert order == ["m-1", 1, "m1", 2, 2, "m2", "m2", 4, "m4", 5, 5, "m5", "m5"]
    none = Watching()
    _ = Giving(mixed(6)) > Doing(lambda row: [], **policy) > none
    start_run(none).wait(WAIT_S)
    assert [item.n for item in none.seen] == [-1, 1, 2, 2, 4, 5, 5]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.sampled_from(["row", "bad", "marker"]), max_size=30),
    st.integers(1, 5),
    st.integers(1, 5),
    st.sampled_from([{"on_error": "skip", **more} for more in ({}, {"output_key": "o"}, {"key": "n"})]),
)
def test_no_order_is_lost(what: list[str], batch_rows: int, queue: int, policy: dict[str, Any]) -> None:
    """Whatever is rejected, and however rows are batched, rows and markers come out in the order that they had."""

    def check(row: Any) -> Iterator[Any]:
        n = row if isinstance(row, int) else row.n
        if what[n] == "bad":
            raise RowError("bad")
        yield {"m": n}

    messages = [Canary(n=n) if kind == "marker" else {"n": n} for n, kind in enumerate(what)]
    sink = Watching()
    source, node = Giving(messages, batch_rows=batch_rows), Doing(check, batch_rows=batch_rows, **policy)
    source.add_edge(node, max_queue_size=queue)
    node.add_edge(sink, max_queue_size=queue)
    start_run(sink).wait(WAIT_S)
    came = [item if isinstance(item, int) else item.n for item in sink.seen]
    assert came == [n for n, kind in enumerate(what) if kind != "bad"]
    assert [isinstance(item, Marker) for item in sink.seen] == [kind == "marker" for kind in what if kind != "bad"]


def test_every_branch_gets_the_markers() -> None:
    """With fan-out every branch has each marker, the same object, at its place; fan-in keeps each input's order."""
    messages = mixed()
    one, other = Watching(), Watching()
    _ = Giving(messages) > (one, other)
    start_run(one).wait(WAIT_S)
    assert one.seen == other.seen == plain(messages)
    joined = Watching()
    left = [{"n": 1}, BatchStart(of="left"), {"n": 2}, BatchEnd(of="left")]
    _ = (Giving(left), Giving([BatchStart(of="right"), {"n": 9}])) > joined
    start_run(joined).wait(WAIT_S)
    from_left = [item for item in joined.seen if item in (1, 2) or getattr(item, "of", "") == "left"]
    assert from_left == plain(left)


def test_a_node_may_ask_for_markers() -> None:
    """process_marker gets a marker at its place and yields what is to go on: rows, the marker, both, or nothing."""

    class Summing(NanoNode[object, Any]):
        total = 0

        def process_item(self, row: Any) -> None:
            self.total += row.n

        def process_marker(self, marker: Marker) -> Iterator[Any]:
            if isinstance(marker, BatchEnd):
                yield {"n": self.total}
                yield None
                yield marker
            self.total = 0

    sink = Watching()
    end = BatchEnd()
    batches = [BatchStart(), {"n": 1}, {"n": 2}, end, BatchStart(), end, {"n": 50}]
    _ = Giving(batches) > Summing(output_key=None) > sink
    start_run(sink).wait(WAIT_S)
    assert sink.seen == [3, end, 0, end]


def test_what_a_marker_gives_is_sent_as_any_result() -> None:
    """What process_marker yields retains nothing, and goes through output_key and the declared output."""

    class Marked(NanoNode[object, Any]):
        def process_item(self, row: Any) -> Iterator[Any]:
            yield 1

        def process_marker(self, marker: Marker) -> Iterator[Any]:
            yield 2

    sink = Keeping()
    _ = Giving([{"n": 0}, Canary()]) > Marked(output_key="o") > sink
    start_run(sink).wait(WAIT_S)
    assert [row.to_python() for row in sink.messages] == [{"n": 0, "o": 1}, {"o": 2}]


def test_a_failing_process_marker_fails_the_run() -> None:
    """What process_marker raises ends the run; the rows before the marker were processed."""

    class Failing(Watching):
        def process_marker(self, marker: Marker) -> None:
            raise Boom("at the marker")

    node = Failing(name="f")
    _ = Giving([{"n": 0}, Canary(), {"n": 1}]) > node
    with pytest.raises(NodeFailedError) as caught:
        start_run(node).wait(WAIT_S)
    assert caught.value.cause == "Boom: at the marker"
    assert node.seen == [0]


@pytest.mark.parametrize("policy", POLICIES)
def test_a_node_may_yield_markers(policy: dict[str, Any]) -> None:
    """Markers may be yielded by process_item, cleanup and nodes that pass rows on; nothing is retained into them."""
    middle, end = Canary(), BatchEnd()

    class Pass(PassThrough[object]):
        def process_item(self, row: Any) -> Iterator[Any]:
            yield row
            yield middle

        def cleanup(self) -> Iterator[Any]:
            yield end

    sink = Watching()
    _ = Giving([{"n": 0}, {"n": 1}]) > Doing(lambda row: [row, middle, row], **policy) > Pass(**policy) > sink
    start_run(sink).wait(WAIT_S)
    once = [middle, middle, 0, middle]
    assert sink.seen == [0, *once, 1, middle, middle, 1, middle, end]


def test_markers_of_a_declared_source() -> None:
    """A source with a declared output may yield markers; a source of batches may too."""
    marker = Canary()
    sink = Watching()
    _ = Giving([{"n": 1}, marker, {"n": 2}], output_schema={"n": "int"}) > sink
    start_run(sink).wait(WAIT_S)
    assert sink.seen == [1, marker, 2]

    class Batches(GivenBatches):
        def generate_batches(self) -> Iterator[Any]:
            for batch in super().generate_batches():
                yield batch
                yield marker

    other = Watching()
    _ = Batches([[(1,), (2,)], [(3,)]], {"n": "int"}) > other
    start_run(other).wait(WAIT_S)
    assert other.seen == [1, 2, marker, 3, marker]


def test_of_a_rejected_row_no_marker_is_left() -> None:
    """With an error policy the markers that a row's code yielded go with the row; those that only passed stay."""

    def make(row: Any) -> Iterator[Any]:
        yield {"m": row.n}
        yield Canary(n=row.n)
        if row.n == 1:
            raise RowError("no")
        if row.n == 3:
            yield {"m": "x"}

    sink = Watching(retain_input=False)
    node = Doing(make, output_schema={"m": "int"}, on_error="skip", retain_input=True)
    _ = Giving([{"n": 0}, {"n": 1}, BatchEnd(n="end"), {"n": 2}, {"n": 3}, BatchEnd(n="last")]) > node > sink
    report = start_run(sink).wait(WAIT_S)
    assert [item if isinstance(item, int) else item.n for item in sink.seen] == [0, 0, "end", 2, 2, "last"]
    assert [node.skipped for node in report.nodes] == [0, 2, 0]


# -- send_batch_markers ------------------------------------------------------------------------


def kinds(sink: Watching) -> list[Any]:
    """Return what a sink saw, markers as their initial."""
    return [type(item).__name__.removeprefix("Batch")[0] if isinstance(item, Marker) else item for item in sink.seen]


@pytest.mark.parametrize("policy", POLICIES)
def test_markers_around_the_outputs_of_each_input(policy: dict[str, Any]) -> None:
    """With send_batch_markers each input's outputs lie between one BatchStart and one BatchEnd, also when none are."""
    sink = Watching()
    _ = Counting(3) > Doing(lambda row: [row] * row.n, send_batch_markers=True, **policy) > sink
    report = start_run(sink).wait(WAIT_S)
    assert kinds(sink) == ["S", "E", "S", 1, "E", "S", 2, 2, "E"]
    assert [(node.received, node.sent, node.filtered) for node in report.nodes] == [(0, 3, 0), (3, 3, 1), (3, 0, 0)]


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("limit", [1, 2, 1000])
def test_a_row_that_yields_no_row_is_filtered(policy: dict[str, Any], limit: int) -> None:
    """Markers and NothingToSeeHere are no rows: what gives nothing else is counted as filtered, once."""
    barren: list[list[Any]] = [[], [NothingToSeeHere()], [BatchEnd()] * 3]

    def make(row: Any) -> list[Any]:
        return barren[row.n] if row.n < 3 else [Trigger(), row, Trigger()] if row.n == 3 else [row, NothingToSeeHere()]

    sink = Watching()
    _ = Counting(5) > Doing(make, batch_rows=limit, **policy) > sink
    report = start_run(sink).wait(WAIT_S)
    assert [(node.received, node.sent, node.filtered) for node in report.nodes] == [(0, 5, 0), (5, 2, 3), (2, 0, 0)]
    assert kinds(sink) == ["E", "E", "E", "T", 3, "T", 4]


def test_a_function_that_makes_nothing_filters() -> None:
    """Of rows that `post_process_function` returns None for, nothing is sent, and they are counted."""
    sink = Keeping()
    _ = Counting(4) > Doing(lambda row: [row], post_process_function=lambda row: row if row.n % 2 else None) > sink
    report = start_run(sink).wait(WAIT_S)
    assert [(node.sent, node.filtered) for node in report.nodes] == [(4, 0), (2, 2), (0, 0)]


def test_markers_around_a_row_that_fails() -> None:
    """A row that is skipped has its pair of markers too, and so has the one that ends the run."""
    sink = Watching()
    node = Doing(fail_row, send_batch_markers=True, on_error="skip")
    _ = Counting(3) > node > sink
    start_run(sink).wait(WAIT_S)
    assert kinds(sink) == ["S", 0, "E", "S", "E", "S", 2, "E"]
    sink = Watching()
    _ = Counting(3) > Doing(fail_at(1), send_batch_markers=True) > sink
    with pytest.raises(NodeFailedError):
        start_run(sink).wait(WAIT_S)
    assert kinds(sink) == ["S", 0, "E", "S", "E"]


def fail_row(row: Any) -> Iterator[Any]:
    """Yield a row, and then fail at the one of number 1."""
    yield row
    if row.n == 1:
        raise RowError("no")


def test_markers_around_all_rows_of_a_source() -> None:
    """A source sends one pair around all its rows, also one of batches, and one that fails."""
    for source in (
        Counting(3, send_batch_markers=True),
        GivenBatches([[(0,), (1,)], [(2,)]], {"n": "int"}, send_batch_markers=True),
    ):
        sink = Watching()
        _ = source > sink
        start_run(sink).wait(WAIT_S)
        assert kinds(sink) == ["S", 0, 1, 2, "E"]

    class Failing(NanoNode[object, Any]):
        def generator(self) -> Iterator[Any]:
            yield {"n": 0}
            raise Boom("no")

    sink = Watching()
    _ = Failing(send_batch_markers=True) > sink
    with pytest.raises(NodeFailedError):
        start_run(sink).wait(WAIT_S)
    assert kinds(sink) == ["S", 0, "E"]


def test_markers_do_not_pile_up() -> None:
    """Markers take room on an edge too: a node that gives nothing else is held back by a consumer that stands still."""
    node = Doing(lambda row: [], send_batch_markers=True)
    source = Counting()
    sink = Gated()
    first = Giving([{"n": 0}])
    source.add_edge(node, max_queue_size=5)
    node.add_edge(sink, max_queue_size=5)
    _ = first > sink
    run = start_run(source)
    assert sink.reached.wait(WAIT_S)
    until(lambda: run.rows_waiting(node) == 5)
    given = source.given
    assert given < 40
    sink.gate.set()
    until(lambda: source.given > given + 20)
    run.terminate()
    run.wait(WAIT_S)


# -- broadcast ---------------------------------------------------------------------------------


class Standing(NanoNode[object, Any]):
    """A source that gives a row, waits for its gate, and goes on for ever unless it is told to end."""

    def __init__(self, **kwargs: Any) -> None:
        self.gate = threading.Event()
        super().__init__(**kwargs)

    def generator(self) -> Iterator[Any]:
        yield {"n": 0}
        while not self.gate.wait(0.01) and not self.stop_requested:
            pass
        yield {"n": 1}


def test_a_message_for_every_edge() -> None:
    """Broadcast puts a message into each edge, behind what was sent over it, from any node and any thread."""
    source, middle, sink = Standing(name="s"), Watching(name="m"), Watching(name="k")
    passing = Passing(name="p")
    _ = source > passing > sink
    _ = source > middle
    run = start_run(source)
    until(lambda: sink.seen == [0] == middle.seen)
    sink.broadcast(canary := Canary())
    until(lambda: sink.seen == [0, canary, canary])
    source.broadcast({"n": 7})
    source.broadcast(None)
    until(lambda: sorted(sink.seen[3:]) == [7, 7])
    source.gate.set()
    report = run.wait(WAIT_S)
    assert middle.seen == [0, canary, 7, 1]
    assert [(node.name, node.received, node.sent) for node in report.nodes] == [
        ("s", 0, 3),
        ("p", 3, 4),
        ("m", 3, 0),
        ("k", 4, 0),
    ]


def test_a_broadcast_row_holds_to_the_edges() -> None:
    """A message is refused, and put nowhere, where rows of an edge have a schema that it does not hold to."""
    source, sink = Gate(output_schema={"n": "int"}, name="s"), Watching(name="k")
    _ = source > sink
    run = start_run(source)
    until(lambda: sink.seen == [0])
    with pytest.raises(RowError) as caught:
        source.broadcast({"m": 1})
    assert str(caught.value) == "Row(m=1) is no row of the edge `s → k`"
    with pytest.raises(RowError) as caught:
        source.broadcast({"n": "x"})
    assert str(caught.value).startswith("Row(n='x') is no row of the edge `s → k`; row 1, column `n`: expected `int`")
    source.broadcast({"n": 5})
    until(lambda: sink.seen == [0, 5])
    run.drain()
    run.wait(WAIT_S)


class Gate(Standing):
    """The same, with another name in messages."""


def test_a_poison_pill_ends_every_node() -> None:
    """A broadcast pill ends every node, sources too, after the rows sent before it; it never reaches process_item."""
    source, sink = Counting(), Watching()
    _ = source > Passing() > sink
    run = start_run(source)
    until(lambda: len(sink.seen) > 10)
    sink.broadcast(PoisonPill())
    run.wait(WAIT_S)
    assert [item for item in sink.seen if isinstance(item, int)] == list(range(source.given))
    assert any(isinstance(item, PoisonPill) for item in sink.seen)


def test_there_is_nothing_to_broadcast_to() -> None:
    """Broadcast before the start and after the end is an error."""
    source, sink = Counting(1), Keeping()
    _ = source > sink
    for _ in range(2):
        with pytest.raises(PipelineStateError) as caught:
            source.broadcast({"n": 1})
        assert str(caught.value) == "the pipeline is not running; broadcast() reaches the edges of a run"
        start_run(source).wait(WAIT_S)


def test_attributes_of_markers() -> None:
    """Keywords of a marker are its attributes; a trigger knows when it was sent, its name, and the time before."""
    assert BatchStart(schema=3, of="x").of == "x"
    assert repr(BatchStart(schema=3, of="x")) == "BatchStart(schema=3, of='x')"
    with pytest.raises(AttributeError):
        _ = BatchEnd().schema
    first = Trigger()
    second = Trigger(previous_trigger_time=first.time_sent, trigger_name="tick")
    assert (first.previous_trigger_time, second.previous_trigger_time) == (None, first.time_sent)
    assert second.trigger_name == "tick"
    assert isinstance(first.time_sent, float)
    assert first.trigger_name != Trigger().trigger_name
