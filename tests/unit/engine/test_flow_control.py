"""Back-pressure, early delivery, order, fan-out and fan-in (BEHAVIOUR §4)."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanotyped import NanoNode
from nanotyped.engine import start_run
from tests.unit.engine.nodes import WAIT_S, Counting, Doing, Gated, Giving, Keeping, Passing


def numbers(sink: Keeping) -> list[int]:
    """Return the column ``n`` of what a sink saw."""
    return [row.n for row in sink.messages]


@pytest.mark.parametrize(("rows", "links"), [(0, 1), (1, 1), (999, 2), (5001, 8)])
def test_every_row_gets_through_in_order(rows: int, links: int) -> None:
    """All rows reach the end of a long chain, in order, and every count is exact."""
    source, sink = Counting(rows, name="source"), Keeping(name="sink")
    middle = [Passing(name=f"p{number}") for number in range(links)]
    chain: list[NanoNode[Any, Any]] = [source, *middle, sink]
    for left, right in pairwise(chain):
        left.add_edge(right)
    report = start_run(source).wait(30)
    assert numbers(sink) == list(range(rows))
    assert [(node.name, node.received, node.sent, node.rejected, node.status) for node in report.nodes] == [
        ("source", 0, rows, 0, "success"),
        *((node.name, rows, rows, 0, "success") for node in middle),
        ("sink", rows, 0, 0, "success"),
    ]
    assert (source.messages_sent_counter, sink.messages_received_counter) == (rows, rows)


@pytest.mark.parametrize("bound", [1, 2, 5])
def test_a_blocked_sink_holds_the_source_back(bound: int) -> None:
    """With a bound of n rows a source is at most 3 n rows ahead of a consumer that takes none."""
    source, sink = Counting(), Gated()
    source.add_edge(sink, max_queue_size=bound)
    run = start_run(source)
    assert sink.reached.wait(WAIT_S)
    seen = -1
    while seen != source.given:  # until it stands still
        seen = source.given
        time.sleep(0.05)
    assert bound <= seen <= 3 * bound
    assert sink.input_queue_size <= bound
    sink.gate.set()
    run.drain()
    run.wait(WAIT_S)
    assert numbers(sink) == list(range(source.given))


def test_cleanup_is_held_back_too() -> None:
    """What a cleanup yields goes through the same bounds: it is not gathered as a whole."""

    class Rest(NanoNode[object, Any]):
        given = 0

        def process_item(self, row: Any) -> None: ...

        def cleanup(self) -> Iterator[Any]:
            for self.given in range(1, 1001):
                yield {"n": self.given}

    node, sink = Rest(), Gated()
    _ = Giving([{"n": 0}]) > node
    node.add_edge(sink, max_queue_size=5)
    run = start_run(node)
    assert sink.reached.wait(WAIT_S)
    seen = -1
    while seen != node.given:
        seen = node.given
        time.sleep(0.05)
    assert seen <= 15
    sink.gate.set()
    run.wait(WAIT_S)
    assert numbers(sink) == list(range(1, 1001))


def test_a_slow_stream_is_not_delayed() -> None:
    """A row arrives at the end of a chain while its source is still busy with the next one."""
    gate = threading.Event()
    sink = Keeping()

    class Slow(NanoNode[object, Any]):
        def generator(self) -> Iterator[Any]:
            yield {"n": 1}
            assert gate.wait(WAIT_S)
            yield {"n": 2}

    source = Slow()
    _ = source > Passing() > Doing(lambda row: [row]) > sink
    run = start_run(source)
    assert sink.seen.wait(WAIT_S)
    assert numbers(sink) == [1]
    gate.set()
    run.wait(WAIT_S)
    assert numbers(sink) == [1, 2]


def test_a_slow_node_in_the_middle_gives_what_it_has() -> None:
    """Results arrive while the node that gave them is still busy with a later row of the same batch."""
    gate = threading.Event()
    sink = Keeping()

    def make(row: Any) -> Iterator[Any]:
        yield row
        if row.n == 3:
            assert gate.wait(WAIT_S)

    _ = Giving([{"n": n} for n in range(5)]) > Doing(make) > sink
    run = start_run(sink)
    assert sink.seen.wait(WAIT_S)
    for _ in range(1000):
        if len(sink.messages) == 4:
            break
        time.sleep(0.005)
    assert numbers(sink) == [0, 1, 2, 3]
    gate.set()
    run.wait(WAIT_S)


def test_an_idle_pipeline_takes_no_cpu() -> None:
    """While all nodes wait, the process does next to nothing."""
    gate = threading.Event()

    class Waiting(NanoNode[object, Any]):
        def generator(self) -> Iterator[Any]:
            yield {"n": 0}
            gate.wait(WAIT_S)

    source, sink = Waiting(), Keeping()
    _ = source > (Passing(), Passing())
    for branch in source.output_node_list:
        branch.add_edge(sink)
    run = start_run(source)
    assert sink.seen.wait(WAIT_S)
    before = time.process_time()
    gate.wait(0.5)
    used = time.process_time() - before
    gate.set()
    run.wait(WAIT_S)
    assert used < 0.1


def test_fan_out_gives_every_branch_every_row() -> None:
    """Each branch gets each row, in order; the source counts it once."""
    source, sinks = Counting(3000, name="source"), (Keeping(), Keeping(), Keeping())
    _ = source > sinks
    report = start_run(source).wait(WAIT_S)
    assert [numbers(sink) for sink in sinks] == [list(range(3000))] * 3
    assert report["source"].sent == 3000


def test_fan_in_keeps_the_order_of_each_input() -> None:
    """All rows of all inputs arrive; each input keeps its own order."""
    sources = tuple(Giving([{"s": s, "n": n} for n in range(2500)]) for s in range(3))
    sink = Keeping()
    _ = sources > sink
    start_run(sink).wait(WAIT_S)
    assert [[row.n for row in sink.messages if row.s == s] for s in range(3)] == [list(range(2500))] * 3


def test_a_diamond_of_tiny_queues_ends() -> None:
    """Two branches of unequal speed that meet again do not block each other, even with bounds of one row."""
    source, sink = Counting(200), Keeping()
    for branch in (Passing(), Doing(lambda row: [row, row] if row.n % 3 else [])):
        source.add_edge(branch, max_queue_size=1)
        branch.add_edge(sink, max_queue_size=1)
    start_run(source).wait(WAIT_S)
    assert sorted(numbers(sink)) == sorted([*range(200), *(n for n in range(200) if n % 3 for _ in "ab")])


def test_every_node_has_a_thread_of_its_own() -> None:
    """No two nodes share a thread, and none works in the one that started the run."""
    threads: dict[str, threading.Thread] = {}

    class Where(NanoNode[object, Any]):
        def setup(self) -> None:
            threads[self.name] = threading.current_thread()

        def generator(self) -> Iterator[Any]:
            yield 1

        def process_item(self, row: Any) -> Iterator[Any]:
            yield row

    a, b, c = Where(name="a"), Where(name="b"), Where(name="c")
    _ = a > b > c
    start_run(b).wait(WAIT_S)
    assert sorted(threads) == ["a", "b", "c"]
    assert len({*threads.values(), threading.current_thread()}) == 4


@pytest.mark.parametrize("batch_rows", [1, 3, 1000])
def test_batches_are_no_longer_than_asked(batch_rows: int) -> None:
    """A node takes at most batch_rows rows at a time, and loses none."""
    sizes: list[int] = []

    class Sized(NanoNode[object, Any]):
        def process_batch(self, batch: Any) -> Any:
            sizes.append(len(batch))
            return ()

    sink = Sized(batch_rows=batch_rows)
    _ = Counting(2500) > sink
    start_run(sink).wait(WAIT_S)
    assert sum(sizes) == 2500
    assert max(sizes) <= batch_rows


# -- conservation ------------------------------------------------------------------------------

Kind = st.sampled_from(["pass", "drop", "double", "batch"])


class Conserving(NanoNode[object, Any]):
    """Passes, drops or doubles its rows, row by row."""

    def __init__(self, kind: str, **kwargs: Any) -> None:
        self.kind = kind
        super().__init__(**kwargs)

    def process_item(self, row: Any) -> Iterator[Any]:
        if self.kind != "drop" or row.n % 2:
            yield row
        if self.kind == "double":
            yield {"n": row.n}


class ByBatch(NanoNode[object, Any]):
    """Passes its rows, a batch at a time."""

    def process_batch(self, batch: Any) -> Any:
        return batch.rows


@st.composite
def dags(draw: st.DrawFn) -> tuple[list[tuple[str, int]], list[tuple[int, int, int]]]:
    """Return nodes (kind, rows where it is a source) and edges (from, to, bound) from lower numbers to higher ones."""
    kinds = draw(st.lists(Kind, min_size=2, max_size=6))
    edges = [(0, 1, draw(st.sampled_from([1, 2, 7, 4000])))]
    for target in range(2, len(kinds)):
        sources = draw(st.lists(st.integers(0, target - 1), min_size=1, max_size=2, unique=True))
        edges += [(source, target, draw(st.sampled_from([1, 2, 7, 4000]))) for source in sources]
    return [(kind, draw(st.integers(0, 40))) for kind in kinds], edges


@settings(max_examples=40)
@given(dags())
def test_no_row_is_lost_or_made(dag: tuple[list[tuple[str, int]], list[tuple[int, int, int]]]) -> None:
    """On any graph: a node receives what its sources sent, and sends what its kind makes of it."""
    kinds, edges = dag
    targets = {target for _, target, _ in edges}
    nodes: list[NanoNode[Any, Any]] = []
    for index, (kind, rows) in enumerate(kinds):
        if index not in targets:
            nodes.append(Counting(rows, name=str(index)))
        else:
            nodes.append(ByBatch(name=str(index)) if kind == "batch" else Conserving(kind, name=str(index)))
    for source, target, bound in edges:
        nodes[source].add_edge(nodes[target], max_queue_size=bound)
    report = start_run(nodes[0]).wait(WAIT_S)

    expected: list[list[int]] = []
    for index, (kind, rows) in enumerate(kinds):
        came = list(range(rows)) if index not in targets else []
        came += [n for source, target, _ in edges if target == index for n in expected[source]]
        given = [n for n in came if n % 2] if kind == "drop" else came * 2 if kind == "double" else came
        expected.append(came if index not in targets else given)
        found = report[str(index)]
        assert found.received == (0 if index not in targets else len(came))
        has_outputs = any(source == index for source, _, _ in edges)
        assert found.sent == (len(expected[index]) if has_outputs else 0)
