"""What ``process_item`` may be annotated with; asked when the class is made."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import pytest

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


def test_a_row_of_another_class_is_refused() -> None:
    """A parameter that says another Row class than the base class does is refused when the class is made."""
    with pytest.raises(TypeError) as refused:

        class Wrong(NanoNode[Order, Tax]):
            def process_item(self, row: Tax) -> Iterator[Tax]:  # type: ignore[override]  # what is tested
                yield row

    assert str(refused.value) == (
        "Wrong.process_item takes `row: Tax`, but the class needs `Order`, another class; "
        "annotate it `Order`, or name `Tax` in the base class"
    )


def test_a_subclass_of_what_is_needed_is_refused() -> None:
    """Rows that have what the class needs need not have what its subclass adds."""
    with pytest.raises(TypeError, match=r"takes `row: Paid`, but the class needs `Order`, another class"):

        class Wrong(NanoNode[Order, Tax]):
            def process_item(self, row: Paid) -> None: ...  # type: ignore[override]  # what is tested


def test_a_protocol_that_the_rows_do_not_fit_is_refused() -> None:
    """A parameter that says a Protocol is held to its columns, and each that does not fit is named."""
    with pytest.raises(TypeError) as refused:

        class Wrong(NanoNode[Order, Tax]):
            def process_item(self, row: HasText) -> None: ...  # type: ignore[override]  # what is tested

    assert str(refused.value) == (
        "Wrong.process_item takes `row: HasText`, but the class needs `Order`: Expected `string`, got `integer` - at "
        "$.id. Hint: put a Cast to `string` between them; annotate it `Order`, or name `HasText` in the base class"
    )


def test_whatever_the_rows_are_may_be_said() -> None:
    """No parameter, no annotation, the class itself, a class above it, a Protocol that fits, and a key's value pass."""

    class None_(NanoNode[Order, Tax]):
        def process_item(self) -> None: ...

    class Same(NanoNode[Order, Tax]):
        def process_item(self, row: Order) -> None: ...

    class Above(NanoNode[Paid, Tax]):
        def process_item(self, row: Order) -> None: ...

    class Structure(NanoNode[Order, Tax]):
        def process_item(self, row: HasId) -> None: ...

    class AnyRow(NanoNode[Order, Tax]):
        def process_item(self, row: Row) -> None: ...

    class Key(NanoNode[Any, Tax]):
        input_schema = Order

        def process_item(self, n: int) -> None: ...

    class NotKnownYet(NanoNode[Order, Tax]):
        def process_item(self, row: Later) -> None: ...  # type: ignore[override]  # mypy knows it already

    class Later(Order): ...

    assert {cls.process_item.__name__ for cls in (None_, Same, Above, Structure, AnyRow, Key)} == {"process_item"}
