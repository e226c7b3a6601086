"""Built-in nodes that pass rows on, made with the class of their rows: ``Filter[Vip](…)``."""

from __future__ import annotations

from typing import Annotated, Any, Generic, Protocol, TypeVar

import pytest

from nanotyped import (
    FileWriter,
    Filter,
    KafkaProducer,
    NanoNode,
    PassThrough,
    PrinterOfThings,
    PrintStreamProcessor,
    RandomSample,
    ReadRows,
    Row,
    WriteRows,
    mysql_type,
)
from nanotyped.engine.fingerprint import fingerprint_of
from nanotyped.errors import GraphTypeError
from nanotyped.graph import build_graph
from nanotyped.registry import find_node_class
from tests.support.flows import Given, run_through

T = TypeVar("T")


class Vip(Row):
    id: Annotated[int, mysql_type("int unsigned")]
    level: Annotated[int, mysql_type("tinyint")]


class HasNothing(Protocol): ...


class HasLevel(Protocol):
    @property
    def level(self) -> Annotated[int, mysql_type("tinyint")]: ...


OF_VIPS: list[PassThrough[Vip, Vip]] = [
    Filter[Vip](test="key_exists", key="id", name="n"),
    PrinterOfThings[Vip](name="n"),
    PrintStreamProcessor[Vip](name="n"),
    RandomSample[Vip](name="n"),
    WriteRows[Vip](path="vips.jsonl", name="n"),
    FileWriter[Vip](name="n"),
    KafkaProducer[Vip](topic="t", bootstrap_servers="localhost:1", name="n"),
]


@pytest.mark.parametrize("node", OF_VIPS, ids=lambda node: type(node).__name__)
def test_node_of_a_row_class_needs_its_columns(node: PassThrough[Vip, Vip]) -> None:
    """It is of the registered class, and the graph refuses rows without a column of the row class."""
    assert find_node_class(type(node).__name__) is type(node)
    _ = Given([], {"id": "int unsigned"}, name="g") > node
    with pytest.raises(GraphTypeError) as caught:
        build_graph(node)
    assert str(caught.value) == (
        "this pipeline cannot run: 1 problem\n"
        "  1. Expected `tinyint`, got nothing - at `g → n` $.level. Hint: the columns are `id`"
    )


def test_node_of_a_row_class_keeps_all_columns() -> None:
    """Rows go through as they are, also columns that the row class does not have."""
    kept = run_through(
        Filter[Vip](test="value_is_true", key="level"),
        [(1, 0, "a"), (2, 3, "b")],
        {"id": "int unsigned", "level": "tinyint", "note": "varchar(9)"},
    )
    assert [row.to_python() for row in kept.rows] == [{"id": 2, "level": 3, "note": "b"}]


def test_need_of_a_protocol_and_of_nothing() -> None:
    """A Protocol names columns as it does in a class; ``Any``, ``object`` and no argument name none."""
    needed = Filter[HasLevel](test="key_exists", key="id").needed_input()
    assert needed is not None
    assert needed.spelling() == "level tinyint"
    for node in (
        Filter[HasNothing](test="key_exists", key="id"),
        Filter[Any](test="key_exists", key="id"),
        Filter[object](test="key_exists", key="id"),
        Filter(test="key_exists", key="id"),
    ):
        assert node.needed_input() is None
        assert list(node.given_options) == ["test", "key"]


def test_input_schema_says_it_of_itself() -> None:
    """What an option declares is what the node needs, whatever it is to a checker."""
    node = Filter[Vip](test="key_exists", key="id", input_schema={"id": "int unsigned"})
    needed = node.needed_input()
    assert needed is not None
    assert needed.spelling() == "id int unsigned"


def test_row_class_is_told_as_input_schema() -> None:
    """A file of the pipeline, and its fingerprint, say what ``input_schema=Vip`` says."""
    texts, prints = [], []
    for node in (
        Filter[Vip](test="key_exists", key="id", name="n"),
        Filter(test="key_exists", key="id", name="n", input_schema=Vip),
    ):
        read = ReadRows(name="r", path="v.csv", output_schema={"id": "int unsigned", "level": "tinyint"})
        texts.append((read >> node).to_yaml())
        prints.append(fingerprint_of(build_graph(node)))
    assert texts[0] == texts[1]
    assert "input_schema: {id: int unsigned, level: tinyint}" in texts[0]
    assert prints[0] == prints[1]


def test_subclass_of_a_node_of_a_row_class() -> None:
    """It needs the row class; the class of what it gives is told by what comes, and not declared."""

    class Levelled(Filter[Vip]): ...

    node = Levelled(test="key_exists", key="id")
    assert node.needed_input() == Vip.schema
    assert node.own_output() is None
    assert node.output_row_class() is None


def test_generic_node_of_ones_own() -> None:
    """A generic class of a program is told its need in the same way, and its output by its class alone."""

    class Seen(NanoNode[T, Vip], Generic[T]): ...

    node = Seen[Vip]()
    assert (node.needed_input(), node.input_row_class()) == (Vip.schema, Vip)
    assert node.output_row_class() is Vip
    assert Seen[Vip]().__orig_class__ == Seen[Vip]
    assert not hasattr(Seen(), "__orig_class__")
