"""What a node may give, what the next one sees of it, and what is sent along (BEHAVIOUR §1 and §3)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any

import pytest

from nanotyped import INTEGER, MYSQL_INTEGER8, NanoNode, NodeFailedError, PassThrough, Row, mysql_type
from nanotyped.engine import start_run
from nanotyped.row import Schema
from tests.unit.engine.nodes import WAIT_S, Doing, Giving, Keeping, Passing, failure, through


class Opaque:
    """A value that no type describes."""


OPAQUE = Opaque()


@pytest.mark.parametrize(
    "message", [0, "", False, [], [1, 2], "rye", 1.5, Decimal("1.50"), b"\0", (1, 2), OPAQUE, float("inf")]
)
def test_a_bare_value_is_seen_as_itself(message: object) -> None:
    """A value that is no mapping travels bare and arrives as the same value of the same class; the falsy are data."""
    [seen] = through(Passing(), message)
    assert seen == message
    assert type(seen) is type(message)


def test_an_opaque_value_is_the_same_object() -> None:
    """What no type describes passes an unchecked edge as the same object, alone and in a column."""
    assert through(Passing(), OPAQUE)[0] is OPAQUE
    assert through(Passing(), {"it": OPAQUE})[0]["it"] is OPAQUE


def test_only_none_is_skipped() -> None:
    """None is nothing; an empty mapping, an empty row and every other falsy value are messages."""
    assert through(Passing(), None, {}, None, Row(), 0, "") == [{}, {}, 0, ""]


def test_mappings_and_rows_become_rows() -> None:
    """A mapping arrives as a Row of its columns; its nested values are columns too."""
    messages = [{"n": 1, "doc": {"a": [1]}}, Row(MYSQL_INTEGER8(2, name="n"))]
    assert through(Passing(), *messages) == [{"n": 1, "doc": {"a": [1]}}, {"n": 2}]


def test_a_row_spread_into_a_mapping_is_data() -> None:
    """Typed values in a mapping, as `{**row, …}` gives them, are their values; with a declared output too."""
    loose = Doing(lambda row: [{**row, "m": row["n"]}])
    assert through(loose, {"n": 1}) == [{"n": 1, "m": 1}]
    declared = Doing(lambda row: [{**row, "m": row["n"]}], output_schema={"n": "int", "m": "int"})
    assert through(declared, {"n": 1}) == [{"n": 1, "m": 1}]


def test_rows_of_one_source_may_differ() -> None:
    """On an unchecked edge each row has a shape of its own, and order is kept."""
    messages = [{"n": 1}, {"n": "one"}, {"m": None}, 3, {"n": 2}]
    assert through(Passing(), *messages) == messages


def test_a_column_name_is_text() -> None:
    """A mapping with a name that is no text fails and says so."""
    error = failure(Passing(), {1: "one"})
    assert str(error) == "node `source` failed: RowError: a column name is text, not 1"


# -- what process_item may look like ---------------------------------------------------------


def test_the_row_is_argument_or_attribute() -> None:
    """`process_item(self)` and `process_item(self, row)` see the same: the argument is `self.__message__`."""

    class ByAttribute(NanoNode[object, Any]):
        def process_item(self) -> Iterator[Any]:
            yield {"twice": 2 * self.__message__.n}

    class ByArgument(NanoNode[object, Any]):
        def process_item(self, row: Any) -> Iterator[Any]:
            assert row is self.__message__
            yield {"twice": 2 * row.n}

    expected = [{"n": 4, "twice": 8}]
    assert through(ByAttribute(), {"n": 4}) == expected
    assert through(ByArgument(), {"n": 4}) == expected


def test_an_iterator_may_be_returned() -> None:
    """What process_item returns is gone through like what it yields; None is nothing."""

    class Twice(NanoNode[object, Any]):
        def process_item(self, row: Any) -> Iterator[Any] | None:
            return iter([row, row]) if row else None

    assert through(Twice(), 0, 1) == [1, 1]


@pytest.mark.parametrize(
    ("returned", "text"),
    [
        (Row.from_dict({"n": 1}), "Row(n=1)"),
        ({"n": 1}, "{'n': 1}"),
        ("text", "'text'"),
        (5, "5"),
    ],
)
def test_a_returned_result_is_an_error(returned: Any, text: str) -> None:
    """A result that is returned and not yielded fails the run and says what to do."""

    class Returns(NanoNode[object, Any]):
        def process_item(self, row: Any) -> Any:
            return returned

    error = failure(Returns(name="r"), 1)
    assert error.cause == (f"RowError: `r`: process_item returned {text}; yield results, or return an iterator of them")


# -- retain_input -----------------------------------------------------------------------------


def test_incoming_columns_come_along() -> None:
    """By default the incoming columns that the result lacks come first, in their order; the result's win."""
    node = Doing(lambda row: [{"c": 3, "a": 1}])
    [seen] = through(node, {"a": 0, "b": 2})
    assert list(seen.items()) == [("a", 1), ("b", 2), ("c", 3)]


def test_the_result_alone() -> None:
    """With retain_input=False the result is sent alone; so it is from a source."""
    node = Doing(lambda row: [{"half": row.kg / 2}], retain_input=False)
    assert through(node, {"kg": 8, "lot": "C"}) == [{"half": 4.0}]


def test_a_bare_value_is_not_retained() -> None:
    """Of a bare message nothing is retained, be the result bare or named."""
    assert through(Doing(lambda _: [False, {"letters": 3}]), "rye") == [False, {"letters": 3}]


def test_a_bare_result_to_named_columns_is_an_error() -> None:
    """A bare result for a row of named columns fails unless retain_input is off; results before it are delivered."""
    sink = Keeping()
    node = Doing(lambda row: [row.n] if row.n == 3 else [{"m": row.n}], name="bare")
    _ = Giving([{"n": n} for n in range(5)]) > node > sink
    with pytest.raises(NodeFailedError) as caught:
        start_run(node).wait(WAIT_S)
    assert caught.value.cause == (
        "RowError: `bare` gave a bare value for a row of named columns; give output_key or retain_input: false"
    )
    assert [row.m for row in sink.messages] == [0, 1, 2]
    assert through(Doing(lambda row: [row.n], retain_input=False), {"n": 7}) == [7]


def test_many_results_each_retain() -> None:
    """Each of several results is sent with the columns of its own input, in order."""
    node = Doing(lambda row: [{"m": m} for m in range(row.n)])
    assert through(node, {"n": 2}, {"n": 0}, {"n": 1}) == [{"n": 2, "m": 0}, {"n": 2, "m": 1}, {"n": 1, "m": 0}]


# -- declared rows ---------------------------------------------------------------------------


class Order(Row):
    n: Annotated[int, mysql_type("int")]


class Priced(Row):
    price: Annotated[Decimal, mysql_type("decimal(8,2)")]


class Price(NanoNode[Order, Priced]):
    def process_item(self, row: Order) -> Iterator[Priced]:
        assert type(row) is Order
        yield Priced(price=Decimal(row.n))


def test_a_declared_node_sees_its_class_and_retains_the_rest() -> None:
    """A node with a declared input sees that class; columns it does not know travel along; its values are exacted."""
    schema = {"lot": "varchar(4)", "n": "int"}
    seen = through(Price(), {"lot": "C", "n": 5}, source={"output_schema": schema})
    assert seen == [{"lot": "C", "n": 5, "price": Decimal("5.00")}]
    assert str(seen[0]["price"]) == "5.00"


def test_a_declared_node_behind_an_unchecked_edge_checks_values() -> None:
    """Behind an unchecked edge values decide: an int that fits passes, though its column's type alone would not."""
    assert through(Price(), {"n": 5, "x": None}) == [{"n": 5, "x": None, "price": Decimal("5.00")}]


@pytest.mark.parametrize(
    ("message", "cause", "row"),
    [
        (
            {"n": 2**31},
            "RowValidationError: row 3, column `n`: expected `int`, got 2147483648 (above 2147483647)",
            "Row(n=2147483648)",
        ),
        ({"n": None}, "RowValidationError: row 3, column `n`: expected `int`, got None", "Row(n=None)"),
        ({"m": 1}, "RowError: the row has no column `n`; the columns are `m`", "Row(m=1)"),
        (5, "RowError: `price` needs the columns `n`; what came is a bare value", "5"),
    ],
)
def test_a_row_that_breaks_the_need(message: Any, cause: str, row: str) -> None:
    """A row that lacks what the node needs fails with its number; the good rows before it were processed."""
    sink = Keeping()
    node = Price(name="price")
    _ = Giving([{"n": 1}, {"n": 2}, message, {"n": 3}]) > node > sink
    with pytest.raises(NodeFailedError) as caught:
        start_run(node).wait(WAIT_S)
    assert caught.value.cause.startswith(cause)
    assert caught.value.row == row
    assert [seen.price for seen in sink.messages] == [1, 2]


def test_a_node_that_takes_batches_is_held_to_its_need_too() -> None:
    """A declared input of a node with process_batch is checked behind an unchecked edge; good rows come before."""

    class Batches(NanoNode[object, Any]):
        input_schema = {"n": INTEGER}
        taken: list[int]

        def process_batch(self, batch: Any) -> Any:
            self.taken = [*getattr(self, "taken", []), *(row.n for row in batch.rows)]
            return ()

    node = Batches()
    _ = Giving([{"n": 1}, {"n": 2}, {"n": "3"}]) > node
    with pytest.raises(NodeFailedError) as caught:
        start_run(node).wait(WAIT_S)
    assert caught.value.cause == (
        "RowValidationError: row 3, column `n`: expected `integer`, got '3' (an int is needed, this is str)"
    )
    assert node.taken == [1, 2]


def test_a_source_that_breaks_its_contract() -> None:
    """A cell of a source against its schema fails the run, named by row and column, after the good rows before it."""
    sink = Keeping()
    source = Giving([{"n": 1}, {"n": 2}, {"n": "x"}], output_schema={"n": "int"}, name="read")
    _ = source > sink
    with pytest.raises(NodeFailedError) as caught:
        start_run(sink).wait(WAIT_S)
    assert str(caught.value) == (
        "node `read` failed: RowValidationError: row 3, column `n`: expected `int`, got 'x' "
        "(an int is needed, this is str) - at row Row(n='x')"
    )
    assert [row.n for row in sink.messages] == [1, 2]


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        (
            {"m": 1},
            "RowError: `source` gave {'m': 1}: no column `m` is declared, the columns are `n`; column `n` is missing",
        ),
        (
            Row.from_dict({"n": 1, "more": 2}),
            "RowError: `source` gave Row(n=1, more=2): no column `more` is declared",
        ),
        (5, "RowError: `source` gave 5, which is neither a row nor a mapping of columns"),
        (Row.from_dict({"m": 1}), "RowError: `source` gave Row(m=1): no column `m` is declared"),
    ],
)
def test_columns_against_the_declaration(given: Any, cause: str) -> None:
    """A result with other columns than declared is refused, be it a mapping or a row: nothing is dropped in silence."""
    assert failure(Passing(), given, source={"output_schema": {"n": "int"}}).cause == cause


def test_a_received_row_given_again_keeps_its_columns() -> None:
    """A node that declares an output and gives the row it received retains that row's other columns."""
    node = Doing(lambda row: [row], output_schema={"n": "int"})
    assert through(node, {"a": 1, "n": 2}) == [{"a": 1, "n": 2}]


def test_validation_can_be_turned_off_by_name() -> None:
    """With validate=False what the node's code gives is sent as it is."""
    seen = through(Passing(), {"n": "x"}, source={"output_schema": {"n": "int"}, "validate": False})
    assert seen == [{"n": "x"}]


# -- nodes that pass rows on ------------------------------------------------------------------


def test_a_pass_through_sends_what_came() -> None:
    """A PassThrough that gives what it saw sends the row that came, whole: a bare value, or a row it saw part of."""

    class Part(PassThrough[Order]):
        def process_item(self, row: Order) -> Iterator[Order]:
            yield row

    assert through(Passing(), "rye", 3) == ["rye", 3]
    assert through(Part(), {"lot": "C", "n": 5}) == [{"lot": "C", "n": 5}]


def test_a_pass_through_that_changes_a_row_is_an_error() -> None:
    """A PassThrough that gives another row than it received fails, for the graph counted on the columns."""

    class Changes(PassThrough[object]):
        def process_item(self, row: Any) -> Iterator[Any]:
            yield {"m": row.n}

    assert failure(Changes(name="c"), {"n": 1}).cause == (
        "RowError: `c` passes rows on, but gave {'m': 1}, which is not the row that came; a node that changes rows "
        "is a NanoNode, not a PassThrough"
    )


# -- branches ---------------------------------------------------------------------------------


@pytest.mark.parametrize("declared", [False, True])
def test_branches_do_not_share_documents(declared: bool) -> None:
    """What one branch does to a nested value is never seen by another."""
    changed = threading.Event()

    class Change(NanoNode[object, Any]):
        def process_item(self, row: Any) -> None:
            row.doc["list"].append("mine")
            row.doc["mine"] = True
            changed.set()

    class Late(Keeping):
        def process_item(self, row: Any) -> None:
            assert changed.wait(WAIT_S)
            super().process_item(row)

    options: dict[str, Any] = {"output_schema": {"doc": "json"}} if declared else {}
    source, late = Giving([{"doc": {"list": [{"a": 1}]}}], **options), Late()
    _ = source > (Change(), late)
    _ = source > Change()
    start_run(source).wait(WAIT_S)
    assert [row.doc for row in late.messages] == [{"list": [{"a": 1}]}]


def test_the_engine_adds_no_columns() -> None:
    """A message crosses many nodes with the columns that it had, and the schema of its class."""
    schema = Schema(Row.from_dict({"n": 1}).schema)
    nodes = [Passing() for _ in range(5)]
    sink = Keeping()
    source = Giving([{"n": 1}])
    last: NanoNode[Any, Any] = source
    for node in (*nodes, sink):
        last.add_edge(node)
        last = node
    start_run(source).wait(WAIT_S)
    assert [row.schema for row in sink.messages] == [schema]
