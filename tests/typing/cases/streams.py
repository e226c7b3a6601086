"""What plain typing finds of streams: what each step passes on, and functions that do not take it."""

from collections.abc import Iterator
from typing import Annotated, Any, TypeGuard, assert_type

from nanotyped import NanoNode, Row, Stream, StreamSink, StreamSource, mysql_type


class Order(Row):
    id: Annotated[int, mysql_type("int unsigned")]
    note: str | None


class Other(Row):
    name: str


class Orders(NanoNode[object, Order]):
    def generator(self) -> Iterator[Order]:
        yield Order(id=1, note=None)


class Bill(NanoNode[Order, Order]):
    def process_item(self, row: Order) -> Iterator[Order]:
        yield row


class Name(NanoNode[Other, Other]):
    def process_item(self, row: Other) -> Iterator[Other]:
        yield row


def half(x: int) -> float:
    return x / 2


def scaled(x: int, by: int, *, plus: float = 0) -> float:
    return x * by + plus


def is_text(x: object) -> TypeGuard[str]:
    return isinstance(x, str)


def add(total: float, x: int) -> float:
    return total + x


def count(state: int, x: str) -> tuple[int, str]:
    return state + 1, f"{state}: {x}"


async def send(x: float) -> None: ...


numbers = Stream[int]()
texts = Stream[str]("texts", asynchronous=True)

# -- in ------------------------------------------------------------------------------------------------

numbers.emit(1)
numbers.emit("1")  # E: "str"

# -- element by element --------------------------------------------------------------------------------

assert_type(numbers.map(half), Stream[float])
assert_type(numbers.map(str), Stream[str])
assert_type(numbers.map(scaled, 2, plus=0.5), Stream[float])
assert_type(numbers.map(lambda x: [x]), Stream[list[int]])
assert_type(numbers.filter(lambda x: x > 1), Stream[int])
assert_type(numbers.filter(None), Stream[int])
assert_type(Stream[object]().filter(is_text), Stream[str])
assert_type(Stream[list[int]]().flatten(), Stream[int])
assert_type(numbers.starmap(half), Stream[float])
texts.map(half)  # E: "map" of "Operators"
numbers.map(half, 2)  # E: "map" of "Operators"
numbers.map(scaled)  # E: "map" of "Operators"
numbers.map(scaled, 2, minus=1)  # E: "map" of "Operators"
texts.filter(half)  # E: "filter" of "Operators"
numbers.flatten()  # E: Invalid self argument
assert_type(Stream[tuple[str, ...]]().flatten().map(len), Stream[int])
numbers.map(half).map(scaled, 2)  # E: "map" of "Operators"

# -- with a memory -------------------------------------------------------------------------------------

assert_type(numbers.scan(lambda a, b: a + b), Stream[int])
assert_type(numbers.scan(add, start=0.5), Stream[float])
assert_type(numbers.accumulate(add, 0.5), Stream[float])
assert_type(numbers.scan(lambda total, x: total + x, start=0), Stream[int])
assert_type(numbers.scan(lambda total, x: (total + x, str(total)), 0, returns_state=True), Stream[str])
assert_type(texts.scan(count, 0, returns_state=True), Stream[str])
assert_type(numbers.partition(2), Stream[tuple[int, ...]])
assert_type(numbers.partition(2, timeout=1.5, key=half), Stream[tuple[int, ...]])
assert_type(numbers.sliding_window(3), Stream[tuple[int, ...]])
assert_type(numbers.unique(maxsize=3), Stream[int])
assert_type(numbers.timed_window(0.5), Stream[list[int]])
assert_type(numbers.buffer(3).delay(1).rate_limit(1).latest(), Stream[int])
texts.scan(add, start=0.5)  # E: incompatible type
numbers.scan(add, start="0")  # E: incompatible type
numbers.partition("2")  # E: "str"
numbers.unique(key=len)  # E: "key"

# -- several -------------------------------------------------------------------------------------------

assert_type(numbers.zip(texts), Stream[tuple[int, str]])
assert_type(numbers.zip(texts, numbers.map(half)), Stream[tuple[int, str, float]])
assert_type(numbers.combine_latest(texts, emit_on=texts), Stream[tuple[int, str]])
assert_type(numbers.union(texts), Stream[int | str])
numbers.union([1])  # E: "union" of "Operators"

# -- out -----------------------------------------------------------------------------------------------

assert_type(numbers.sink_to_list(), list[int])
assert_type(numbers.collect().sink_to_list(), list[tuple[int, ...]])
numbers.sink(print)
numbers.map(half).sink(send)
texts.sink(send)  # E: "sink" of "Stream"

# -- pipelines and Dask --------------------------------------------------------------------------------

orders = Stream.from_node(Orders())
assert_type(orders, Stream[Order])
assert_type(orders.map(lambda row: row.id), Stream[int])
orders.map(lambda row: row.total)  # E: "total"
StreamSource(Stream[Order]()) > Bill()
StreamSource(Stream[Order]()) > Name()  # E: Unsupported operand types for >
Orders() > StreamSink(orders)

assert_type(numbers.scatter().map(half).gather(), Stream[float])
assert_type(numbers.to_dask().scatter().scan(add, start=0.5).gather(), Stream[float])
texts.scatter().map(half)  # E: "map" of "DaskStream"
