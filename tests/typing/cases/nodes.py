"""What plain typing finds inside of nodes and at links beyond pairs, in mypy and pyright alike."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Protocol, assert_type

from nanotyped import (
    Cast,
    ConstantEmitter,
    Filter,
    Flow,
    HttpPostRequest,
    Link,
    NanoNode,
    PassThrough,
    PrinterOfThings,
    RandomSample,
    ReadRows,
    Row,
    StreamTable,
    WriteMySQLTable,
    WriteRows,
    pipeline,
)


class Order(Row):
    id: int
    total: Decimal
    note: str | None


class Paid(Order):
    paid: bool


class Taxed(Row):
    tax: Decimal


class HasTotal(Protocol):
    @property
    def total(self) -> Decimal: ...


class HasNote(Protocol):
    @property
    def note(self) -> str: ...


class HasLongNote(HasNote, Protocol):
    @property
    def length(self) -> int: ...


class Orders(NanoNode[object, Order]):
    def generator(self) -> Iterator[Order]:
        yield Order(id=1, total="1", note=None)  # E: Argument "total" to "Order" has incompatible type "str"
        yield Order(id=1, total=Decimal(1), note=3)  # E: Argument "note" to "Order" has incompatible type "int"
        yield Order(1, Decimal(1), None)  # E: Too many positional arguments for "Order"


class PaidOrders(NanoNode[object, Paid]): ...


class WrongSource(NanoNode[object, Order]):
    def generator(self) -> Iterator[Taxed]:  # E: Return type "Iterator[Taxed]" of "generator" incompatible with return type "Iterator[Order]"
        yield Taxed(tax=Decimal(1))


class Tax(NanoNode[HasTotal, Taxed]):
    def process_item(self, row: HasTotal) -> Iterator[Taxed]:
        assert_type(row.total, Decimal)
        row.total = Decimal(2)  # E: Property "total" defined in "HasTotal" is read-only
        row.note  # E: "HasTotal" has no attribute "note"
        yield Taxed(tax=row.total)
        yield Taxed(tax=row)  # E: Argument "tax" to "Taxed" has incompatible type "HasTotal"


class ByMessage(NanoNode[Order, Taxed]):
    def process_item(self) -> Iterator[Taxed]:
        yield Taxed(tax=Decimal(1))


class ByAnyRow(NanoNode[Order, Taxed]):
    def process_item(self, row: object) -> Iterator[Taxed]:
        yield Taxed(tax=Decimal(1))


class BySuperclass(NanoNode[Paid, Taxed]):
    def process_item(self, row: Order) -> Iterator[Taxed]:
        assert_type(row.note, str | None)
        yield Taxed(tax=row.total)


class Sink(NanoNode[Taxed, Taxed]):
    def process_item(self, row: Taxed) -> None: ...


class NotIterated(NanoNode[Order, Taxed]):
    def process_item(self, row: Order) -> Taxed:  # E: Signature of "process_item" incompatible with supertype "NanoNode"
        return Taxed(tax=row.total)


class Notes(NanoNode[HasNote, Taxed]): ...


class LongNotes(NanoNode[HasLongNote, Taxed]): ...


class Log(PassThrough[HasTotal]): ...


orders, paid, tax, sink, notes, log = Orders(), PaidOrders(), Tax(), Sink(), Notes(), Log()
table = StreamTable(url="sqlite://", table="t")

assert_type(orders > tax, Link)
assert_type(paid > tax, Link)
assert_type(orders > (tax, log), Link)
assert_type((orders, paid) > tax, Link)
assert_type(orders.add_edge(tax), Link)
assert_type(orders >> tax, Flow[object, Taxed])
assert_type(orders >> tax >> sink, Flow[object, Taxed])
assert_type(orders >> log, Flow[object, Order])
assert_type(orders >> log >> Filter(test="key_exists", key="id"), Flow[object, Order])
assert_type(paid >> log >> RandomSample(sample_size=3), Flow[object, Paid])
assert_type(paid >> PrinterOfThings() >> BySuperclass(), Flow[object, Taxed])
assert_type(pipeline(orders, tax), Flow[object, Taxed])
assert_type(pipeline(orders, tax, sink), Flow[object, Taxed])
assert_type((orders, paid) >> tax, Flow[object, Taxed])
assert_type(orders >> WriteRows(path="o.jsonl"), Flow[object, Order])
orders > ByMessage() > sink
paid > ByAnyRow() > sink
orders > HttpPostRequest(url="https://localhost/")
orders > WriteMySQLTable(url="mysql://localhost/db", table="t", mode="insert")
table > tax

orders > BySuperclass()  # E: Unsupported operand types for > ("Orders" and "BySuperclass")
orders > sink  # E: Unsupported operand types for > ("Orders" and "Sink")
orders > notes  # E: Unsupported operand types for > ("Orders" and "Notes")
orders > LongNotes()  # E: Unsupported operand types for > ("Orders" and "LongNotes")
tax > log  # E: Unsupported operand types for > ("Tax" and "Log")
tax > tax  # E: Unsupported operand types for > ("Tax" and "Tax")
paid > (tax, sink)  # E: Unsupported operand types for > ("PaidOrders" and "tuple[Tax, Sink]")
(orders, tax) > tax  # E: Unsupported operand types for > ("tuple[Orders, Tax]" and "Tax")
(orders, tax) >> tax  # E: Unsupported operand types for >> ("tuple[Orders, Tax]" and "Tax")
orders >> (tax, sink)  # E: Unsupported operand types for >> ("Orders" and "tuple[Tax, Sink]")
orders >> log >> sink  # E: Unsupported operand types for >> ("Flow[object, Order]" and "Sink")
orders >> Filter(test="key_exists", key="id") >> sink  # E: Unsupported operand types for >> ("Flow[object, Order]" and "Sink")
orders >> PrinterOfThings() >> notes  # E: Unsupported operand types for >> ("Flow[object, Order]" and "Notes")
paid >> RandomSample(sample_size=3) >> sink  # E: Unsupported operand types for >> ("Flow[object, Paid]" and "Sink")
orders >> WriteRows(path="o.jsonl") >> sink  # E: Unsupported operand types for >> ("Flow[object, Order]" and "Sink")
tax >> log  # E: Unsupported operand types for >> ("Tax" and "Log")
pipeline(orders, tax, tax)  # E: Cannot infer value of type parameter "C" of "pipeline"
pipeline(orders, log, tax, tax)  # E: Cannot infer value of type parameter "D" of "pipeline"
orders.add_edge(notes)  # E: Argument 1 to "add_edge" of "Linkable" has incompatible type "Notes"
orders >> tax >> notes  # E: Unsupported operand types for >> ("Flow[object, Taxed]" and "Notes")
orders > None  # E: Unsupported operand types for > ("Orders" and "None")
orders >> "sink"  # E: No overload variant of "__rshift__" of "Linkable" matches argument type "str"
