"""A transform that takes its time in Python, 50 µs a row, in threads and on worker processes; and what a part costs.

The worker processes are started before the clock is. ``cost`` runs parts of no rows at all: what is left is what it
takes to send one out and to hear of its end, and its rows are its parts.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial

from benchmarks.measure import measure
from benchmarks.pricing import Orders, Price, Ship
from nanotyped.cluster import Cluster, prepare_on
from nanotyped.graph import build_graph


def threads(rows: int) -> None:
    orders = Orders(count=rows, name="orders")
    orders.add_edge(price := Price(name="price"))
    price.add_edge(Ship(name="ship"))
    measure(rows, lambda: orders.run()["ship"].processed)


def dask(workers: int, rows: int, empty_parts: int = 0) -> None:
    orders = Orders(count=rows, empty_parts=empty_parts, name="orders")
    orders.add_edge(price := Price(name="price"))
    price.add_edge(Ship(name="ship"))
    cluster = Cluster(None, workers)
    run = prepare_on(cluster, build_graph(orders))

    def job() -> int:
        run.start()
        report = run.wait()
        return run.parts[0] if empty_parts else report["ship"].processed

    measure(empty_parts or rows, job)


PEERS: dict[str, Callable[[int], None]] = {
    "threads": threads,
    "workers_1": partial(dask, 1),
    "workers_2": partial(dask, 2),
    "cost": lambda parts: dask(2, 0, parts),
}

if __name__ == "__main__":
    PEERS[sys.argv[1]](int(sys.argv[2]))
