"""What mypy finds of ``process_item`` without the plugin, and pyright does not: it compares methods as written."""

from collections.abc import Iterator
from typing import Any, Protocol

from nanotyped import NanoNode, Row


class Order(Row):
    id: int


class Paid(Order):
    paid: bool


class Tax(Row):
    tax: int


class HasId(Protocol):
    @property
    def id(self) -> int: ...


class HasText(Protocol):
    @property
    def id(self) -> str: ...


class ByStructure(NanoNode[Order, Tax]):
    def process_item(self, row: HasId) -> Iterator[Tax]:
        yield Tax(tax=row.id)


class ByKey(NanoNode[Any, Tax]):
    def process_item(self, n: int) -> Iterator[Tax]:
        yield Tax(tax=n)


class Unannotated(NanoNode[Order, Tax]):
    def process_item(self, row):  # type: ignore[no-untyped-def]  # as some write it
        yield Tax(tax=row.id)


class Again(ByStructure):
    def process_item(self, row: HasId) -> Iterator[Tax]:
        yield from super().process_item(row)


class OfAnotherClass(NanoNode[Order, Tax]):
    def process_item(self, row: Tax) -> Iterator[Tax]:  # E: Signature of "process_item" incompatible with supertype
        yield row


class OfASubclass(NanoNode[Order, Tax]):
    def process_item(self, row: Paid) -> None: ...  # E: Signature of "process_item" incompatible with supertype


class OfAProtocol(NanoNode[Order, Tax]):
    def process_item(self, row: HasText) -> None: ...  # E: Signature of "process_item" incompatible with supertype


class OfTwoRows(NanoNode[Order, Tax]):
    def process_item(self, row: Order, other: Order) -> None: ...  # E: Signature of "process_item" incompatible


class OfUnknownRows(NanoNode[object, Tax]):
    def process_item(self, row: Order) -> None: ...  # E: Signature of "process_item" incompatible with supertype
