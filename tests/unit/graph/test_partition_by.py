"""What the graph builder says of ``partition_by``."""

import pytest

from nanotyped import BatchMessages, GraphTypeError, NanoNode, Row, SequenceEmitter
from nanotyped.graph import build_graph


class Order(Row):
    id: int
    customer: str


class Orders(NanoNode[object, Order]):
    def generator(self):  # type: ignore[no-untyped-def]  # nothing of it is run
        yield Order(id=1, customer="a")


def test_a_column_that_does_not_come() -> None:
    """A column of ``partition_by`` that no row has is refused, with the nearest name."""
    orders = Orders(name="orders")
    orders.add_edge(BatchMessages(name="batches", batch_size=2, partition_by=["custmer"]))
    with pytest.raises(GraphTypeError) as caught:
        build_graph(orders)
    [problem] = caught.value.problems
    assert str(problem) == (
        "node `batches`: partition_by names `custmer`, and no such column comes. Hint: did you mean `customer`?"
    )


def test_one_name_is_no_list() -> None:
    """One column is given as a list too: a text would be taken for the names of its letters."""
    with pytest.raises(TypeError, match=r"^partition_by is a list of columns, not 'customer'$"):
        SequenceEmitter([1], partition_by="customer")
