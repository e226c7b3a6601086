"""Streams over a Dask cluster: one for the whole module, in this process."""

from __future__ import annotations

import asyncio
import operator
import sys
import threading
from collections.abc import Iterator
from typing import Any

import distributed
import pytest
from distributed import Client, Future

from nanotyped import Stream, StreamStateError
from nanotyped.errors import MissingExtraError

ENDS_S = 30.0


# Neither has annotations.
new_cluster: Any = distributed.LocalCluster
new_client: Any = Client
# The workers are threads of this process: they find what a test changes here.
MEETING = threading.Barrier(4, timeout=ENDS_S)


def meet(x: int) -> int:
    """Wait until as many are here as there are threads on the cluster."""
    MEETING.wait()
    return x


@pytest.fixture(scope="module")
def cluster() -> Iterator[Client]:
    """A blocking client of a cluster of two workers, all of whose threads are there."""
    with (
        new_cluster(n_workers=2, threads_per_worker=2, processes=False, dashboard_address=None) as cluster,
        new_client(cluster, set_as_default=False) as made,
    ):
        made.gather(made.map(meet, range(4), pure=False))
        yield made


@pytest.fixture
def client(cluster: Client) -> Iterator[Client]:
    """The client, which is the current one during the test."""
    with cluster.as_current():
        yield cluster


@pytest.fixture
def stream() -> Iterator[Stream[Any]]:
    """A stream, destroyed after the test."""
    made: Stream[Any] = Stream()
    yield made
    made.destroy()


def double(x: int) -> int:
    """Double a number."""
    return 2 * x


def test_elements_go_to_the_cluster_and_back(client: Client, stream: Stream[Any]) -> None:
    """What is scattered, mapped, added up and gathered comes in order, and equal elements are all there."""
    sums = stream.to_dask().scatter().map(double).scan(operator.add).gather().sink_to_list()
    for x in (1, 1, 2, 2, 3):
        stream.emit(x)
    assert sums == [2, 4, 8, 12, 18]


def test_scatter_is_short_for_to_dask(client: Client, stream: Stream[Any]) -> None:
    """``scatter()`` of a stream goes to the current cluster; keywords may bear names that the client has too."""

    def gathered(x: object, key: str, workers: int) -> tuple[object, str, int]:
        return x, key, workers

    got = stream.scatter().map(gathered, "k", workers=7).gather().sink_to_list()
    for x in ("a", None, [1]):
        stream.emit(x)
    assert got == [("a", "k", 7), (None, "k", 7), ([1], "k", 7)]


def test_between_scatter_and_gather_elements_are_futures(client: Client, stream: Stream[Any]) -> None:
    """A step there passes futures on, each the one of its element."""
    mapped = stream.scatter().map(double)
    futures = mapped._stream.sink_to_list()
    stream.emit(4)
    stream.emit(4)
    assert all(isinstance(future, Future) for future in futures)
    assert [future.result() for future in futures] == [8, 8]
    assert futures[0].key != futures[1].key


def test_equal_elements_are_worked_on_one_by_one(client: Client, stream: Stream[Any]) -> None:
    """Elements that go to the cluster as they are, equal ones too, are each a task of their own."""
    futures = stream.to_dask().map(double)._stream.sink_to_list()
    stream.emit(4)
    stream.emit(4)
    assert [future.result() for future in futures] == [8, 8]
    assert futures[0].key != futures[1].key


def test_scan_takes_a_start_and_returns_its_state_apart(client: Client, stream: Stream[Any]) -> None:
    """``scan`` on the cluster has the arguments of ``scan`` here."""
    scattered = stream.scatter()

    def add_scaled(state: int, x: int, by: int) -> int:
        return state + by * x

    def add_apart(state: int, x: int) -> tuple[int, tuple[int, int]]:
        return state + x, (state, x)

    totals = scattered.scan(add_scaled, start=100, by=10).gather().sink_to_list()
    pairs = scattered.accumulate(add_apart, 0, returns_state=True).gather().sink_to_list()
    for x in (1, 2):
        stream.emit(x)
    assert totals == [110, 130]
    assert pairs == [(0, 1), (1, 2)]


def test_a_buffer_lets_elements_be_worked_on_side_by_side(client: Client, stream: Stream[Any]) -> None:
    """With ``buffer(n)`` before ``gather`` several are on the cluster at once; they come back in order all the same."""
    got: list[int] = []
    done = threading.Event()

    def sink(x: int) -> None:
        got.append(x)
        if len(got) == 4:
            done.set()

    stream.scatter().map(meet).buffer(5).gather().sink(sink)
    for x in range(4):
        stream.emit(x)
    assert done.wait(ENDS_S)
    assert got == [0, 1, 2, 3]


def test_starmap_spreads(client: Client, stream: Stream[Any]) -> None:
    """``starmap`` on the cluster calls with the items of an element."""
    got = stream.scatter().starmap(operator.sub).gather().sink_to_list()
    stream.emit((5, 3))
    assert got == [2]


def test_an_error_on_a_worker_comes_back_with_its_step(client: Client, stream: Stream[Any]) -> None:
    """It is raised by ``emit``, with the step that failed and the one that waited; the stream goes on."""

    def inverse(x: int) -> float:
        return 1 / x

    got = stream.scatter().map(inverse).gather().sink_to_list()
    with pytest.raises(ZeroDivisionError) as raised:
        stream.emit(0)
    assert raised.value.__notes__ == [
        "in step `map(inverse)` of a stream, on a Dask worker",
        "in step `gather()` of a stream",
    ]
    stream.emit(2)
    assert got == [0.5]


def test_an_error_of_scan_leaves_its_state(client: Client, stream: Stream[Any]) -> None:
    """An element that ``scan`` cannot add fails alone: the next is added to the state before it."""
    got = stream.scatter().scan(operator.add).gather().sink_to_list()
    stream.emit(1)
    with pytest.raises(TypeError):
        stream.emit("x")
    stream.emit(2)
    assert got == [1, 3]


def test_an_asynchronous_stream_takes_an_asynchronous_client(client: Client) -> None:
    """In a loop of the user's all of it is awaited, order kept though nobody waits in between."""

    async def main() -> None:
        assert client.scheduler is not None
        async with new_client(client.scheduler.address, asynchronous=True) as own:
            stream: Stream[int] = Stream(asynchronous=True)
            sums = stream.scatter(own).map(double).scan(operator.add).gather().sink_to_list()
            await asyncio.gather(*(stream.emit(x) for x in (1, 2, 2, 3)))
            assert sums == [2, 6, 10, 16]
            await stream.destroy()
            with pytest.raises(StreamStateError) as refused:
                Stream[int]().to_dask(own)
            assert str(refused.value) == (
                "a blocking stream needs a blocking client of Dask, and this is an asynchronous one"
            )

    asyncio.run(main())


def test_no_client_and_no_package_are_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a client, and without the extra, ``to_dask`` says what to do."""
    with pytest.raises(StreamStateError) as refused:
        Stream[int]().to_dask()
    assert str(refused.value) == "there is no client of Dask here; make a distributed.Client first"
    with pytest.raises(TypeError) as wrong:
        Stream[int]().to_dask("localhost:8786")
    assert str(wrong.value) == "the client must be a distributed.Client, not 'localhost:8786'"
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtraError) as missing:
        Stream[int]().to_dask()
    assert str(missing.value) == "distributed is not installed; `pip install nanotyped[dask]` brings it"
