"""Streams that feed pipelines, and pipelines that feed streams."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from nanotyped import (
    INTEGER,
    STRING,
    Checkpoint,
    GraphTypeError,
    NanoNode,
    NodeFailedError,
    Row,
    Stream,
    StreamSink,
    StreamSource,
    StreamStateError,
    start_run,
)

if TYPE_CHECKING:
    from pathlib import Path

ENDS_S = 10.0


class Order(Row):
    id: int
    note: str | None


class Kept(NanoNode[Any, Any]):
    """A sink that keeps what it sees, and blocks while its gate is shut."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.gate = threading.Event()
        self.gate.set()
        self.kept: list[Any] = []

    def process_item(self) -> None:
        assert self.gate.wait(ENDS_S)
        self.kept.append(self.__message__)


class Numbers(NanoNode[object, Any]):
    """A source that resumes: the numbers from 0 on, a checkpoint behind each."""

    def __init__(self, count: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.count = count

    def generator(self) -> Iterator[Any]:
        for n in range(self.resume_from or 0, self.count):
            yield {"n": n}
            yield Checkpoint(n + 1)


def wait_until(holds: Callable[[], object]) -> None:
    """Wait for what other threads bring about."""
    deadline = time.monotonic() + ENDS_S
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.001)


# -- a stream into a pipeline -------------------------------------------------------------------------


def test_a_stream_feeds_a_pipeline() -> None:
    """Rows, and mappings, that are emitted come through the pipeline in order; it ends when the stream is destroyed."""
    stream: Stream[Any] = Stream()
    source, sink = StreamSource(stream, output_schema=Order, name="orders"), Kept()
    source > sink
    source.global_start()
    stream.emit(Order(id=1, note=None))
    for n in range(2, 50):
        stream.emit({"id": n, "note": str(n)})
    stream.destroy()
    report = source.wait_for_pipeline_finish(ENDS_S)
    assert [row.id for row in sink.kept] == list(range(1, 50))
    assert isinstance(sink.kept[1], Row)
    assert report["orders"].status == "success"


def test_the_schema_of_a_stream_is_checked_before_the_run() -> None:
    """A pipeline whose nodes need other columns than the source declares is refused."""
    stream: Stream[Any] = Stream()
    source = StreamSource(stream, output_schema={"id": INTEGER}, name="orders")
    source > Kept(input_schema={"id": STRING}, name="kept")
    with pytest.raises(GraphTypeError) as refused:
        source.global_start()
    assert "at `orders → kept` $.id" in str(refused.value.exceptions[0])
    stream.destroy()


def test_elements_are_held_to_the_schema() -> None:
    """An element that breaks the contract fails the run, or is skipped, as of every source."""
    stream: Stream[Any] = Stream()
    source = StreamSource(stream, output_schema=Order, name="orders", on_error="skip")
    sink = Kept()
    source > sink
    source.global_start()
    for x in ({"id": 1, "note": None}, {"id": "one", "note": None}, {"id": 2, "note": "x"}):
        stream.emit(x)
    stream.destroy()
    assert source.wait_for_pipeline_finish(ENDS_S)["orders"].skipped == 1
    assert [row.id for row in sink.kept] == [1, 2]

    strict = StreamSource(other := Stream[Any](), output_schema=Order, name="orders")
    strict > Kept()
    strict.global_start()
    other.emit({"id": "one", "note": None})
    with pytest.raises(NodeFailedError, match="row 1, column `id`: expected `integer`, got 'one'"):
        strict.wait_for_pipeline_finish(ENDS_S)
    other.destroy()


def test_emit_blocks_while_the_pipeline_is_full() -> None:
    """With an edge of 5 rows and a sink that does not go on, ``emit`` takes no more than about three times 5."""
    stream: Stream[int] = Stream()
    source, sink = StreamSource(stream), Kept()
    sink.gate.clear()
    source.add_edge(sink, max_queue_size=5)
    taken: list[int] = []

    def emit() -> None:
        for n in range(100):
            stream.emit(n)
            taken.append(n)

    emitter = threading.Thread(target=emit)
    emitter.start()
    emitter.join(0.02)
    assert taken == []  # before the run nothing is taken
    source.global_start()
    wait_until(lambda: len(taken) >= 5)
    emitter.join(0.2)
    assert len(taken) <= 16
    sink.gate.set()
    emitter.join(ENDS_S)
    stream.destroy()
    source.wait_for_pipeline_finish(ENDS_S)
    assert sink.kept == list(range(100))


def test_a_buffer_before_a_pipeline_lets_elements_wait(caplog: pytest.LogCaptureFixture) -> None:
    """``buffer(n)`` takes elements before the run begins; they come through in order, and ``destroy`` needs no run."""
    stream: Stream[int] = Stream()
    source, sink = StreamSource(stream.buffer(50)), Kept()
    source > sink
    for n in range(50):
        stream.emit(n)
    source.global_start()
    wait_until(lambda: len(sink.kept) == 50)
    stream.destroy()
    source.wait_for_pipeline_finish(ENDS_S)
    assert sink.kept == list(range(50))

    idle: Stream[int] = Stream()
    StreamSource(idle.buffer(5))
    for n in range(3):
        idle.emit(n)
    idle.destroy()
    assert caplog.messages[-1].startswith("destroyed: step `buffer(5)` of a stream drops")


def test_coroutines_wait_for_the_pipeline_too() -> None:
    """``await emit`` of an asynchronous stream is done once the pipeline has the element, and blocks no loop."""

    async def main() -> None:
        stream: Stream[int] = Stream(asynchronous=True)
        source, sink = StreamSource(stream), Kept()
        source > sink
        early = asyncio.ensure_future(stream.emit(0))
        done, _ = await asyncio.wait([early], timeout=0.01)
        assert done == set()
        source.global_start()
        for n in range(1, 5):
            await asyncio.wait_for(stream.emit(n), ENDS_S)
        await stream.destroy()
        await asyncio.to_thread(source.wait_for_pipeline_finish, ENDS_S)
        assert sink.kept == [0, 1, 2, 3, 4]

    asyncio.run(main())


def test_after_the_end_of_the_run_elements_are_refused() -> None:
    """Who waits, or emits, when the run has ended gets an error; other subscribers before it still get the element."""
    stream: Stream[int] = Stream()
    got = stream.sink_to_list()
    source = StreamSource(stream, name="numbers")
    source > Kept()
    source.global_start()
    stream.emit(1)
    source.drain_pipeline()
    source.wait_for_pipeline_finish(ENDS_S)
    with pytest.raises(StreamStateError) as refused:
        stream.emit(2)
    assert str(refused.value) == ("the pipeline of `numbers`, StreamSource has ended, and takes no more elements")
    assert got == [1, 2]
    stream.destroy()


# -- a pipeline into a stream --------------------------------------------------------------------------


def test_a_pipeline_feeds_a_stream() -> None:
    """``Stream.from_node`` gives the rows of a node, in order, in the threads of the run."""
    source = Numbers(2500)
    stream = Stream.from_node(source)
    sums = stream.map(lambda row: row.n).scan(lambda total, n: total + n).sink_to_list()
    source.run()
    assert sums[-1] == sum(range(2500))
    assert len(sums) == 2500


def test_stream_sink_passes_rows_on() -> None:
    """In the middle of a pipeline it passes each row on, unchanged, once the sinks have it; coroutines are awaited."""
    stream: Stream[Any] = Stream()
    got: list[int] = []

    async def sink(row: Any) -> None:
        await asyncio.sleep(0)
        got.append(row.n)

    stream.sink(sink)
    source, last = Numbers(20), Kept()
    source > StreamSink(stream) > last
    source.run()
    stream.destroy()
    assert got == [row.n for row in last.kept] == list(range(20))


def test_an_error_in_a_step_fails_the_node_and_names_the_step() -> None:
    """The run fails at the node that feeds the stream, with the row and the step."""
    source = Numbers(10, name="numbers")
    stream = Stream.from_node(source)
    stream.map(lambda row: 1 / (3 - row.n)).sink_to_list()
    with pytest.raises(NodeFailedError) as failed:
        source.run()
    text = "ZeroDivisionError: division by zero; in step `map(<lambda>)` of a stream"
    assert (failed.value.node, failed.value.cause) == ("stream of numbers", text)
    assert failed.value.row is not None
    assert "3" in failed.value.row


def test_an_error_behind_a_buffer_fails_the_node_too() -> None:
    """The row was emitted before: still the run fails, and names the step."""
    source = Numbers(3)
    stream = Stream.from_node(source)
    stream.buffer(10).map(lambda row: 1 / row.n).sink_to_list()
    with pytest.raises(NodeFailedError, match=r"in step `map\(<lambda>\)` of a stream"):
        source.run()
    stream.destroy()


@pytest.mark.parametrize(
    "held_by",
    [
        lambda s: s.buffer(50),
        lambda s: s.timed_window(0.02).flatten(),
        lambda s: s.delay(0.01),
        lambda s: s.partition(3, timeout=0.02).flatten(),
        lambda s: s.buffer(5).partition(2).flatten(),
    ],
)
def test_the_node_ends_only_when_the_sinks_took_all(held_by: Any) -> None:
    """What waits in buffers and windows at the end of the data is waited for."""
    source = Numbers(20)
    stream = Stream.from_node(source)
    got = held_by(stream).sink_to_list()
    source.run()
    assert [row.n for row in got] == list(range(20))
    stream.destroy()


def test_rows_that_no_sink_took_fail_the_run() -> None:
    """What waits in a partition at the end for more elements does not count as delivered, and the run says so."""
    source = Numbers(5, name="numbers")
    stream = Stream.from_node(source)
    got = stream.partition(3).sink_to_list()
    with pytest.raises(NodeFailedError) as failed:
        source.run()
    assert [[row.n for row in one] for one in got] == [[0, 1, 2]]
    assert failed.value.node == "stream of numbers"
    assert failed.value.cause == (
        "StreamStateError: 2 rows wait at the end in step `partition(3)` of the stream for more elements, so no sink "
        "took them; `partition` takes a timeout, `collect` passes on what it has by `flush`"
    )
    stream.destroy()


def test_destroying_a_stream_that_holds_rows_fails_the_run() -> None:
    """Rows that waited in a step are lost with it, so the run does not succeed."""
    source = Numbers(3)
    stream = Stream.from_node(source)
    stream.delay(60).sink_to_list()
    source.global_start()
    sink = source.output_node_list[0]
    wait_until(lambda: sink.messages_received_counter == 3)
    stream.destroy()
    with pytest.raises(NodeFailedError, match=r"the stream was destroyed at step `delay\(60\)`, where rows"):
        source.wait_for_pipeline_finish(ENDS_S)


def given_by_a_run(state: Path, held_by: Callable[[Stream[Any]], Stream[Any]]) -> list[Any]:
    """Run five numbers into a stream, with a state, and return what came out of it."""
    source = Numbers(5, name="numbers", batch_rows=1)  # of a batch all rows come again, or none
    stream: Stream[Any] = Stream()
    source > StreamSink(stream, name="into the stream", batch_rows=1)
    got = held_by(stream.map(lambda row: row.n)).sink_to_list()
    run = start_run(source, state_dir=state)
    with contextlib.suppress(NodeFailedError):  # where rows are left
        run.wait(ENDS_S)
    stream.destroy()
    return got


def test_a_resumed_run_gives_again_what_no_sink_took(tmp_path: Path) -> None:
    """Only rows that the sinks took are behind the checkpoint: the others come again, and no others."""
    assert given_by_a_run(tmp_path, lambda stream: stream.partition(3)) == [(0, 1, 2)]
    assert given_by_a_run(tmp_path, lambda stream: stream.partition(2)) == [(3, 4)]
    windows = given_by_a_run(tmp_path, lambda stream: stream.sliding_window(4, return_partial=False))
    assert windows == [(0, 1, 2, 3), (1, 2, 3, 4)]
