"""Rows of 8 columns through 4 nodes in 4 threads: nanotyped beside streamz and a thread and a queue a step.

Every peer makes each row anew, drops rows without an id (there are none), passes the row on once more and counts it.
nanotyped also holds each row to its schema. ``own`` does the two steps in the middle with nodes written in Python, as a
user would write them, instead of with those of the library.
"""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

from benchmarks.measure import measure
from nanotyped import DECIMAL, Filter, NanoNode, PrinterOfThings, Row, mysql_type

START = datetime(2024, 1, 1)
POOL = [
    (
        f"name-{i}",
        f"city-{i % 50}",
        i % 97,
        Decimal(i * 37).scaleb(-2),
        START + timedelta(seconds=i * 61),
        f"a note {i}",
    )
    for i in range(1000)
]


class Order(Row):
    id: Annotated[int, mysql_type("bigint")]
    account: Annotated[int, mysql_type("bigint")]
    name: Annotated[str, mysql_type("varchar(64)")]
    city: Annotated[str, mysql_type("varchar(64)")]
    quantity: Annotated[int, mysql_type("int")]
    amount: Annotated[Decimal, DECIMAL.of(precision=12, scale=2)]
    created: Annotated[datetime, mysql_type("datetime")]
    note: Annotated[str, mysql_type("varchar(255)")]


class Orders(NanoNode[object, Order]):
    def __init__(self, rows: int) -> None:
        super().__init__()
        self.rows = rows

    def generator(self) -> Iterator[Order]:
        for i in range(self.rows):
            name, city, quantity, amount, created, note = POOL[i % 1000]
            yield Order(
                id=i,
                account=i * 7,
                name=name,
                city=city,
                quantity=quantity,
                amount=amount,
                created=created,
                note=note,
            )


class KeepKnown(NanoNode[Order, Order]):
    def process_item(self, row: Order) -> Iterator[Order]:
        if row.id is not None:
            yield row


class Pass(NanoNode[Order, Order]):
    def process_item(self, row: Order) -> Iterator[Order]:
        yield row


class Count(NanoNode[Order, Order]):
    seen = 0

    def process_item(self, row: Order) -> None:
        self.seen += 1


def nanotyped(rows: int) -> int:
    first, sink = Orders(rows), Count()
    first > Filter(test="value_is_not_none", key="id") > PrinterOfThings(disable=True) > sink
    first.run()
    return sink.seen


def own(rows: int) -> int:
    first, sink = Orders(rows), Count()
    first > KeepKnown() > Pass() > sink
    first.run()
    return sink.seen


def dicts(rows: int) -> Iterator[dict[str, Any]]:
    for i in range(rows):
        name, city, quantity, amount, created, note = POOL[i % 1000]
        yield {
            "id": i,
            "account": i * 7,
            "name": name,
            "city": city,
            "quantity": quantity,
            "amount": amount,
            "created": created,
            "note": note,
        }


def streamz(rows: int) -> int:
    from streamz import Stream  # noqa: PLC0415 - of the bench extra, and only this job needs it

    seen = [0]

    def count(_: object) -> None:
        seen[0] += 1

    source = Stream()
    source.filter(lambda row: row["id"] is not None).map(lambda row: row).sink(count)
    for row in dicts(rows):
        source.emit(row)
    return seen[0]


def threads(rows: int) -> int:
    """A thread a step, a bounded ``queue.Queue`` between them, an item at a time."""
    queues: list[queue.Queue[dict[str, Any] | None]] = [queue.Queue(4000) for _ in range(3)]
    seen = [0]

    def read() -> None:
        for row in dicts(rows):
            queues[0].put(row)
        queues[0].put(None)

    def keep_known() -> None:
        while (row := queues[0].get()) is not None:
            if row["id"] is not None:
                queues[1].put(row)
        queues[1].put(None)

    def pass_on() -> None:
        while (row := queues[1].get()) is not None:
            queues[2].put(row)
        queues[2].put(None)

    def count() -> None:
        while queues[2].get() is not None:
            seen[0] += 1

    steps = [threading.Thread(target=step) for step in (read, keep_known, pass_on, count)]
    for thread in steps:
        thread.start()
    for thread in steps:
        thread.join()
    return seen[0]


PEERS = {"nanotyped": nanotyped, "own": own, "streamz": streamz, "threads": threads}

if __name__ == "__main__":
    peer, count_ = sys.argv[1], int(sys.argv[2])
    PEERS[peer](100)  # first use: imports, caches
    measure(count_, lambda: PEERS[peer](count_))
