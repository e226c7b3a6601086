"""The nodes of ``many_workers``: in a module of their own, for workers do not import the program that runs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

from nanotyped import NanoNode, Part, PartSize, Row, Split
from nanotyped.types import mysql_type

ROUNDS = 900


class Order(Row):
    id: Annotated[int, mysql_type("int unsigned")]
    total: Annotated[int, mysql_type("bigint")]


class Priced(Row):
    price: Annotated[int, mysql_type("bigint")]


class Orders(NanoNode[object, Order]):
    """Gives so many orders, in so many parts."""

    def __init__(self, *, count: int, empty_parts: int = 0, **options: Any) -> None:
        self.count = count
        self.empty_parts = empty_parts
        super().__init__(**options)

    def split(self, size: PartSize, together: Any = ()) -> Split:
        if self.empty_parts:
            return Split(tuple(Part([at, at], f"nothing, {at}", 0) for at in range(self.empty_parts)), "nothing")
        rows = size.rows_for(self.count)
        starts = range(0, self.count, rows)
        parts = [Part([start, min(start + rows, self.count)], f"from {start}", rows) for start in starts]
        return Split(tuple(parts), "ranges")

    def generator(self) -> Iterator[Order]:
        start, end = self.part.bounds if self.part is not None else (0, self.count)
        for number in range(start, end):
            yield Order(id=number, total=number * 7)


class Price(NanoNode[Order, Priced]):
    """Computes for about 50 µs; what it gives is checked against its column."""

    stateless = True

    def process_item(self, order: Order) -> Iterator[Priced]:
        found = order.total
        for _ in range(ROUNDS):
            found = (found * 1103515245 + 12345) & 0x7FFFFFFF
        yield Priced(price=found)


class Ship(NanoNode[Priced, object]):
    """Takes the rows, where they are."""

    stateless = True

    def process_item(self) -> None:
        return None
