"""What a node is to see of a message: input_message_keypath, input_mapping and key (BEHAVIOUR §2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from nanotyped import InsertData, NanoNode, PassThrough, PrinterOfThings, Row, mysql_type
from nanotyped.engine import start_run
from tests.unit.engine.nodes import WAIT_S, Doing, Giving, Keeping, failure, through


class Half(NanoNode[object, Any]):
    """Yields half of its message."""

    def process_item(self) -> Iterator[Any]:
        yield {"half": self.__message__ / 2}


class Noting(NanoNode[object, Any]):
    """Keeps what it sees: the message, the state before the key, and who sent it."""

    def __init__(self, **kwargs: Any) -> None:
        self.noted: list[tuple[Any, Any, str]] = []
        super().__init__(**kwargs)

    def process_item(self, row: Any) -> None:
        source = self.message_source
        assert source is not None
        self.noted.append((row, self.message, source.name))


def noted(*messages: Any, **options: Any) -> list[tuple[Any, Any, str]]:
    """Return what a node with these options notes, rows as dictionaries."""
    node = Noting(name="node", **options)
    _ = Giving(messages, name="source") > node
    start_run(node).wait(WAIT_S)
    return [(python(seen), python(state), name) for seen, state, name in node.noted]


def python(value: Any) -> Any:
    """Return a row as a dictionary, anything else as it is."""
    return value.to_python() if isinstance(value, Row) else value


def test_a_key_shows_one_column() -> None:
    """With key the node sees the Python value of that column, and the whole message is retained."""
    assert through(Half(key="kg"), {"kg": 8, "lot": "C"}) == [{"kg": 8, "lot": "C", "half": 4.0}]
    assert through(Half(key="kg", retain_input=False), {"kg": 8, "lot": "C"}) == [{"half": 4.0}]


def test_a_key_may_be_a_path() -> None:
    """A list is a path into nested values: column, keys, positions."""
    message = {"doc": {"items": [{"kg": 1}, {"kg": 6}]}}
    assert through(Half(key=["doc", "items", 1, "kg"]), message) == [{**message, "half": 3.0}]


def test_a_dot_in_a_key_is_part_of_a_name() -> None:
    """A plain string is one column even if it holds a dot."""
    assert through(Half(key="a.b"), {"a.b": 4}) == [{"a.b": 4, "half": 2.0}]


def test_a_key_shows_whatever_is_there() -> None:
    """A key may show a null, an object or a list, each as the Python value that it is."""
    seen = noted({"x": None}, {"x": {"a": 1}}, {"x": [1]}, key="x")
    assert [value for value, _, _ in seen] == [None, {"a": 1}, [1]]


def test_the_state_before_the_key() -> None:
    """`message` is what the key was looked up in, and `message_source` the node that sent it."""
    assert noted({"a": 1, "b": 2}, key="c", input_mapping={"a": "c"}) == [(1, {"c": 1, "b": 2}, "source")]
    assert noted({"a": 1}, 5) == [({"a": 1}, {"a": 1}, "source"), (5, 5, "source")]


def test_each_input_is_a_source_of_its_own() -> None:
    """With several inputs `message_source` is the one that sent the row in hand."""
    node = Noting()
    _ = (Giving(["a"] * 3, name="a"), Giving(["b"] * 3, name="b")) > node
    start_run(node).wait(WAIT_S)
    assert sorted((seen, name) for seen, _, name in node.noted) == [("a", "a")] * 3 + [("b", "b")] * 3


@pytest.mark.parametrize("policy", [{}, {"on_error": "skip"}])
def test_columns_are_seen_under_new_names(policy: dict[str, Any]) -> None:
    """input_mapping shows columns under their new names alone, in their places; what is sent has the old ones."""
    assert noted({"a": 1, "b": 2}, input_mapping={"a": "x"}, **policy)[0][0] == {"x": 1, "b": 2}
    node = Doing(lambda row: [{"y": row.x + 1}], input_mapping={"a": "x"}, **policy)
    assert through(node, {"a": 1, "b": 2}) == [{"a": 1, "b": 2, "y": 2}]


def test_names_may_be_swapped() -> None:
    """Two columns may take each other's name."""
    assert noted({"a": 1, "b": 2}, input_mapping={"a": "b", "b": "a"})[0][0] == {"b": 1, "a": 2}


def test_a_message_may_be_wrapped() -> None:
    """A text as input_mapping is the one column that the whole message becomes, be it bare or a row."""
    assert noted({"a": 1}, "rye", input_mapping="it") == [
        ({"it": {"a": 1}}, {"it": {"a": 1}}, "source"),
        ({"it": "rye"}, {"it": "rye"}, "source"),
    ]


def test_a_message_may_lie_inside() -> None:
    """input_message_keypath shows only what lies there: an object as a row, anything else bare."""
    messages = [{"doc": {"in": {"a": 1}}}, {"doc": {"in": 7}}]
    assert [seen for seen, _, _ in noted(*messages, input_message_keypath=["doc", "in"])] == [{"a": 1}, 7]
    assert noted({"n": 3, "m": 4}, input_message_keypath="n")[0][0] == 3


def test_the_options_apply_in_order() -> None:
    """The keypath comes first, then the mapping, then the key; what is retained is the message as it came."""
    node = Half(input_message_keypath=["doc"], input_mapping={"kg": "mass"}, key="mass")
    assert through(node, {"doc": {"kg": 8}, "n": 1}) == [{"doc": {"kg": 8}, "n": 1, "half": 4.0}]


@pytest.mark.parametrize(
    ("options", "message", "cause"),
    [
        ({"key": "kg"}, {"lb": 8}, "row 2, key: there is no column `kg`; the columns are `lb`"),
        ({"key": ["kg", "a"]}, {"kg": {"b": 1}}, "row 2, key: there is nothing at `kg.a`"),
        ({"key": "kg"}, 8, "row 2, key: there is no column `kg` in the bare value 8"),
        (
            {"input_message_keypath": "doc"},
            {"n": 1},
            "row 2, input_message_keypath: there is no column `doc`; the columns are `n`",
        ),
        (
            {"input_mapping": {"a": "b"}},
            {"b": 1, "c": 2},
            "row 2, input_mapping: there is no column `a`; the columns are `b`, `c`; "
            "column `a` cannot be seen as `b`: there is a column of this name",
        ),
        ({"input_mapping": {"a": "b"}}, 8, "row 2, input_mapping: the bare value 8 has no columns"),
    ],
)
def test_what_is_not_there_is_an_error_of_the_row(options: dict[str, Any], message: Any, cause: str) -> None:
    """What is to be seen and is not there fails, named by row and option, behind the rows before; it can be skipped."""
    good: dict[str, Any] = {"kg": {"a": 4}, "doc": {"kg": 4}, "a": 1}
    sink = Keeping()
    _ = Giving([good, message, good]) > (node := Noting(name="node", **options)) > sink
    with pytest.raises(Exception, match="node `node` failed") as caught:
        start_run(node).wait(WAIT_S)
    assert str(caught.value).startswith(f"node `node` failed: RowError: {cause} - at row ")
    assert len(node.noted) == 1
    assert len(noted(good, message, good, on_error="skip", **options)) == 2


def test_two_columns_cannot_become_one() -> None:
    """input_mapping that gives two columns one name, and a key of nothing, are refused at construction."""
    with pytest.raises(ValueError, match=r"^input_mapping gives two columns the name `c`$"):
        Noting(input_mapping={"a": "c", "b": "c"})
    with pytest.raises(ValueError, match=r"^key: a keypath starts with the name of a column, not with \[\]$"):
        Noting(key=[])


class Order(Row):
    n: int


def test_a_declared_need_is_of_what_is_seen() -> None:
    """A node with a declared input sees its class after the options: columns by new names, an object by the key."""

    class Doubling(NanoNode[Order, Any]):
        def process_item(self, row: Order) -> Iterator[Any]:
            assert type(row) is Order
            yield {"twice": 2 * row.n}

    assert through(Doubling(input_mapping={"m": "n"}), {"m": 4}) == [{"m": 4, "twice": 8}]
    assert through(Doubling(key="doc"), {"doc": {"n": 4, "more": 1}}) == [{"doc": {"n": 4, "more": 1}, "twice": 8}]
    assert failure(Doubling(name="d", key="m"), {"m": 4}).cause == (
        "RowError: `d` needs the columns `n`; what came is a bare value"
    )


def test_a_pass_through_with_a_key_passes_the_message() -> None:
    """A node that passes on what it sees by a key sends the whole message."""

    class Even(PassThrough[object]):
        def process_item(self, row: Any) -> Iterator[Any]:
            if row % 2 == 0:
                yield row

    assert through(Even(key="n"), *({"n": n, "m": 0} for n in range(4))) == [{"n": 0, "m": 0}, {"n": 2, "m": 0}]


@pytest.mark.parametrize("policy", [{}, {"on_error": "skip"}])
def test_nodes_by_the_batch_see_it_too(policy: dict[str, Any]) -> None:
    """Nodes of the library that work by the batch see what the options say, and what they give is retained into."""
    node = InsertData(value_dict={"c": 1}, input_mapping={"a": "b"}, retain_input=False, **policy)
    assert through(node, {"a": 5}) == [{"c": 1}]
    node = InsertData(value_dict={"c": 1}, input_message_keypath="doc", **policy)
    assert through(node, {"doc": {"x": 1}, "n": 2}) == [{"doc": {"x": 1}, "n": 2, "x": 1, "c": 1}]


def test_a_sink_by_the_batch_sees_batches() -> None:
    """A sink by the batch gets what it is to see in batches, as rows."""

    class Batches(NanoNode[object, Any]):
        seen: list[Any] = []

        def process_batch(self, batch: Any) -> Any:
            self.seen = [*self.seen, *(row.to_python() for row in batch.rows)]
            return ()

    node = Batches(key="doc")
    _ = Giving([{"doc": {"n": n}} for n in range(3)]) > node
    start_run(node).wait(WAIT_S)
    assert node.seen == [{"n": 0}, {"n": 1}, {"n": 2}]


def test_the_type_of_what_is_seen() -> None:
    """Types stay with renamed columns."""
    node = Noting(input_mapping={"n": "m"})
    _ = Giving([{"n": 1}], output_schema={"n": "int unsigned"}) > node
    start_run(node).wait(WAIT_S)
    assert node.noted[0][0].schema["m"].type is mysql_type("int unsigned")


@pytest.mark.parametrize(
    "options",
    [
        {"key": "n", "output_key": "o"},
        {"input_message_keypath": "n", "output_key": "o"},
        {"input_message_keypath": "n", "input_mapping": "m", "key": "m", "output_key": "o"},
        {"input_mapping": {"n": "m"}, "key": "m", "output_key": "o", "retain_input": False},
    ],
)
@pytest.mark.parametrize("value", [2**63, None])
def test_rows_hold_the_types_that_the_graph_knows(options: dict[str, Any], value: Any) -> None:
    """What a node by the batch sees of a typed column has its type, and so has what it sends: as the check said."""
    source = Giving([{"n": value}], output_schema={"n": "bigint unsigned null"})
    node, sink = PrinterOfThings(disable=True, **options), Keeping()
    _ = source > node > sink
    run = start_run(sink)
    run.wait(WAIT_S)
    [flow] = run.graph.edges_from(node)[0].flows
    assert flow is not None
    assert sink.messages[0].to_python()["o"] == value
    assert sink.messages[0].schema["o"].type is flow["o"].type is mysql_type("bigint unsigned")


def test_a_wrapped_value_has_its_type() -> None:
    """A bare value that is wrapped keeps the type of its column."""
    node = Noting(input_message_keypath="n", input_mapping="it")
    _ = Giving([{"n": 1}], output_schema={"n": "int unsigned"}) > node
    start_run(node).wait(WAIT_S)
    assert node.noted[0][0].schema["it"].type is mysql_type("int unsigned")
