"""Nodes by themselves: options, links, flows, declared schemas, and what they show (BEHAVIOUR §2)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest

from nanotyped import INTEGER, Flow, Link, NanoNode, PassThrough, Row, mysql_type, pipeline
from nanotyped.errors import NanotypedError
from nanotyped.node import NodeStatistics, options_of, running

Node = NanoNode[Any, Any]


class Work(NanoNode[object, Any]):
    """Has no constructor of its own."""

    def generator(self) -> Iterator[Any]:
        yield from ()

    def process_item(self, row: Any) -> None: ...


class Special(Work):
    """A subclass: Python asks it first when it is compared with its parent."""


class Optioned(NanoNode[object, Any]):
    """Has an option of its own, set before the parent's constructor."""

    def __init__(self, beats: int = 3, **kwargs: Any) -> None:
        self.beats = beats
        super().__init__(**kwargs)


class Forgetful(NanoNode[object, Any]):
    """Does not call its parent's constructor."""

    def __init__(self) -> None:
        self.beats = 3


def nodes(names: str) -> list[Work]:
    """Return a node for each letter."""
    return [Work(name=name) for name in names]


def edges(*starts: Node) -> set[str]:
    """Return all edges of the pipelines of these nodes, as ``ab``."""
    found = set().union(*(start.all_connected() for start in starts))
    return {source.name + target.name for source in found for target in source.output_node_list}


# -- options ------------------------------------------------------------------------------------------------


def test_defaults() -> None:
    """A node takes all common options and needs none; its name is fresh each time."""
    node, other = Work(), Work()
    assert re.fullmatch("[0-9a-f]{32}", node.name)
    assert node.name != other.name
    assert (node.summary, node.retain_input, node.validate, node.batch_rows) == ("", True, True, 1000)
    assert (node.is_source, node.is_sink, node.status, node.time_running) == (True, True, "stopped", None)
    assert (node.messages_received_counter, node.messages_sent_counter, node.input_queue_size) == (0, 0, 0)
    assert Optioned(5, name="x").beats == 5


def test_options_and_class_attributes() -> None:
    """An option given wins over the class attribute of that name; one not given leaves it."""

    class Declared(Work):
        retain_input = False
        batch_rows = 7
        input_schema = {"n": INTEGER}

    node = Declared()
    assert (node.retain_input, node.batch_rows, node.needed_input()) == (False, 7, Declared().needed_input())
    given = Declared(retain_input=True, batch_rows=9, input_schema={"m": "int"}, summary="s", validate=False)
    assert (given.retain_input, given.batch_rows, given.summary, given.validate) == (True, 9, "s", False)
    needed = given.needed_input()
    assert needed is not None
    assert needed.spelling() == "m int"
    assert Declared.retain_input is False


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"retain_inptu": False},
            "Optioned has no option `retain_inptu` (did you mean `retain_input`?); its options are batch_rows, beats, "
            "dead_letter, get_runtime_attrs, get_runtime_attrs_args, get_runtime_attrs_kwargs, input_mapping, "
            "input_message_keypath, input_schema, keep_alive, key, max_error_rate, max_errors, name, on_error, "
            "output_key, output_schema, partition_by, post_process_function, post_process_function_kwargs, "
            "post_process_keypath, "
            "retain_input, retry, runtime_attrs_destinations, send_batch_markers, summary, throttle, validate, workers",
        ),
        (
            {"beat": 1, "zzz": 2},
            "Optioned has no options `beat` (did you mean `beats`?), `zzz`; its options are batch_rows, beats, "
            "dead_letter, get_runtime_attrs, get_runtime_attrs_args, get_runtime_attrs_kwargs, input_mapping, "
            "input_message_keypath, input_schema, keep_alive, key, max_error_rate, max_errors, name, on_error, "
            "output_key, output_schema, partition_by, post_process_function, post_process_function_kwargs, "
            "post_process_keypath, "
            "retain_input, retry, runtime_attrs_destinations, send_batch_markers, summary, throttle, validate, workers",
        ),
    ],
)
def test_unknown_options(options: dict[str, Any], message: str) -> None:
    """An unknown option is a TypeError with the nearest known one and all there are."""
    with pytest.raises(TypeError) as caught:
        Optioned(**options)
    assert str(caught.value) == message


def test_options_are_keywords() -> None:
    """Common options cannot be given by position."""
    with pytest.raises(TypeError):
        Work("name")  # type: ignore[call-arg]  # what the test is about


def test_a_batch_has_a_row() -> None:
    """batch_rows is at least 1."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        Work(batch_rows=0)
    assert str(caught.value) == "batch_rows must be at least 1, not 0"


def test_the_options_of_a_class() -> None:
    """options_of lists a class's own options and those that it hands on."""

    class Closed(Optioned):
        def __init__(self, *, only: int) -> None:
            super().__init__(beats=only)

    assert sorted(options_of(Work)) == [
        "batch_rows", "dead_letter", "get_runtime_attrs", "get_runtime_attrs_args", "get_runtime_attrs_kwargs",
        "input_mapping", "input_message_keypath", "input_schema", "keep_alive", "key", "max_error_rate", "max_errors",
        "name", "on_error", "output_key",
        "output_schema", "partition_by", "post_process_function", "post_process_function_kwargs",
        "post_process_keypath",
        "retain_input", "retry", "runtime_attrs_destinations", "send_batch_markers", "summary", "throttle",
        "validate", "workers",
    ]  # fmt: skip
    assert "beats" in options_of(Optioned)
    assert list(options_of(Closed)) == ["only"]


def test_a_forgotten_constructor_is_named() -> None:
    """A node that forgot super().__init__() says so when it is linked, at either end, and can be shown."""
    message = "Forgetful.__init__ did not call super().__init__(); add the call, with **kwargs"
    for link in (lambda: Forgetful() > Work(), lambda: Work() > Forgetful(), lambda: Forgetful().all_connected()):
        with pytest.raises(TypeError) as caught:
            link()
        assert str(caught.value) == message
    assert repr(Forgetful()) == "<Forgetful (not initialised)>"


def test_names_and_labels() -> None:
    """A node is shown by its given name, else by its class and a piece of its id."""
    assert Work(name="read").label == "read"
    node = Work()
    assert node.label == f"Work-{node.name[:4]}"
    assert repr(Work(name="read")) == "<Work read>"


# -- links --------------------------------------------------------------------------------------------------


def test_chains_link_every_pair() -> None:
    """`a > b > c` links both pairs, and `>>` does the same."""
    a, b, c = nodes("abc")
    assert bool(a > b > c) is True
    assert edges(a) == {"ab", "bc"}
    a, b, c = nodes("abc")
    _ = a >> b >> c
    assert edges(a) == {"ab", "bc"}


def test_fan_out_and_fan_in() -> None:
    """Tuples fan out and in, with `>`, `>>` and a chain that goes on."""
    a, b, c, d = nodes("abcd")
    _ = a > (b, c)
    _ = (b, c) > d
    assert edges(a) == {"ab", "ac", "bd", "cd"}
    a, b, c, d = nodes("abcd")
    flow = a >> (b, c) >> d
    assert edges(a) == {"ab", "ac", "bd", "cd"}
    assert (flow.entry_nodes(), flow.exit_nodes()) == ((a,), (d,))
    a, b, c = nodes("abc")
    flow = (a, b) >> c
    assert edges(c) == {"ac", "bc"}
    assert flow.entry_nodes() == (a, b)


def test_a_subclass_on_the_right() -> None:
    """`a > b` links a to b also where Python asks b first because its class is a subclass of a's."""
    a, b = Work(name="a"), Special(name="b")
    link = a > b
    assert isinstance(link, Link)
    assert (link.source, link.target) == (a, b)
    assert edges(a) == {"ab"}
    c, d = Special(name="c"), Work(name="d")
    _ = c > d
    assert edges(c) == {"cd"}
    e, f, g = Work(name="e"), Special(name="f"), Work(name="g")
    _ = e > f > g
    assert edges(e) == {"ef", "fg"}


def test_neighbours() -> None:
    """Neighbours stand in order of linking; who has none on a side is a source or a sink."""
    a, b, c, d = nodes("abcd")
    _ = c > d
    _ = a > d
    _ = a > b
    assert (d.input_node_list, a.output_node_list) == ([c, a], [d, b])
    assert [node.is_source for node in (a, b, c, d)] == [True, False, True, False]
    assert [node.is_sink for node in (a, b, c, d)] == [False, True, False, True]


def test_a_pair_is_one_edge_with_a_bound() -> None:
    """The same pair twice is one edge; a bound that is given stays, the default is 4000 rows."""
    a, b = nodes("ab")
    link = a.add_edge(b)
    assert isinstance(link, Link)
    assert a.queue_rows(b) == 4000
    a.add_edge(b, max_queue_size=7)
    _ = a > b
    assert (a.queue_rows(b), a.output_node_list, b.input_node_list) == (7, [b], [a])


def test_what_cannot_be_linked() -> None:
    """What is no node, the node itself, a bound below one and an empty tuple are refused; nothing is linked."""
    a = Work(name="a")
    wrong: Any = 3
    for link in (lambda: a > wrong, lambda: a.add_edge(wrong), lambda: a >> wrong, lambda: wrong < a):
        with pytest.raises(TypeError) as caught:
            link()
        assert str(caught.value) == "only nodes can be linked, not int (3)"
    with pytest.raises(TypeError) as caught:
        a.add_edge(a)
    assert str(caught.value) == "node `a` cannot be linked to itself"
    with pytest.raises(ValueError) as refused:  # noqa: PT011 - the whole message is compared
        a.add_edge(Work(), max_queue_size=0)
    assert str(refused.value) == "max_queue_size must be at least 1, not 0"
    nothing: Any = ()
    empties: list[Callable[[], object]] = [
        lambda: a > nothing,
        lambda: a >> nothing,
        lambda: nothing > a,
        lambda: nothing >> a,
    ]
    for empty in empties:
        with pytest.raises(TypeError) as caught:
            empty()
        assert str(caught.value) == "an empty tuple has no node to link"
    assert a.all_connected() == {a}


def test_all_connected_of_any_size() -> None:
    """All nodes reachable in either direction are found, itself included; there is no recursion."""
    a, b, c, d = nodes("abcd")
    _ = (a, c) > b
    assert a.all_connected() == b.all_connected() == {a, b, c}
    assert d.all_connected() == {d}
    chain = [Work() for _ in range(5000)]
    for left, right in pairwise(chain):
        left.add_edge(right)
    assert chain[2500].all_connected() == set(chain)


# -- flows --------------------------------------------------------------------------------------------------


def test_a_flow_is_linked_like_a_node() -> None:
    """pipeline() gives a chain that can be linked on at both ends, and into another."""
    a, b, c, d, e, f = nodes("abcdef")
    inner = pipeline(b, c)
    whole = pipeline(a, inner, d)
    assert isinstance(whole, Flow)
    assert (whole.entry_nodes(), whole.exit_nodes()) == ((a,), (d,))
    assert edges(a) == {"ab", "bc", "cd"}
    _ = whole > (e, f)
    assert edges(a) == {"ab", "bc", "cd", "de", "df"}
    assert whole.all_connected() == {a, b, c, d, e, f}


def test_a_pipeline_has_two_nodes() -> None:
    """pipeline() of less than two nodes, or of what is no node, is refused."""
    with pytest.raises(TypeError) as caught:
        pipeline(Work())  # type: ignore[call-overload]  # what the test is about
    assert str(caught.value) == "a pipeline has at least two nodes"
    with pytest.raises(TypeError) as caught:
        pipeline(Work(), 3)  # type: ignore[call-overload]  # what the test is about
    assert str(caught.value) == "only nodes can be linked, not int (3)"


def test_a_flow_runs_and_draws() -> None:
    """A flow can be run and drawn as a whole."""
    flow = pipeline(Work(name="a"), Work(name="b"), Work(name="c"))
    assert [report.name for report in flow.run().nodes] == ["a", "b", "c"]
    assert flow.draw_pipeline().count("->") == 2


# -- schemas ------------------------------------------------------------------------------------------------


class A(Row):
    n: int


class B(Row):
    m: int


def test_declared_schemas() -> None:
    """What a node needs and gives comes from its options, its class or its type arguments, in this order."""

    class Typed(NanoNode[A, B]): ...

    node = Typed()
    assert (node.needed_input(), node.own_output()) == (A.schema, B.schema)
    assert (node.input_row_class(), node.output_row_class()) == (A, B)
    told = Typed(input_schema={"x": "int"}, output_schema=A)
    assert (told.input_row_class(), told.output_row_class()) == (None, A)
    assert Work().needed_input() is Work().own_output() is None
    bare: Node = NanoNode()
    assert (bare.needed_input(), bare.own_output(), bare.input_row_class()) == (None, None, None)


def test_what_is_given_for_what_comes() -> None:
    """output_schema_for is the input with the own columns over it; the own alone without retain_input; else unknown."""
    given = B.schema
    source = Work()
    told = Work(output_schema={"n": mysql_type("int")})
    _ = source > told
    names = [None if found is None else found.names for found in (
        told.output_schema_for(given),
        told.output_schema_for(None),
        Work(output_schema=A, retain_input=False).output_schema_for(given),
        Work(output_schema=A).output_schema_for(None),
        told.output_schema_for(A.schema),
        Work().output_schema_for(given),
        PassThrough[Any]().output_schema_for(given),
        PassThrough[Any]().output_schema_for(None),
    )]  # fmt: skip
    assert names == [("m", "n"), None, ("n",), ("n",), ("n",), None, ("m",), None]


def test_what_a_node_has_to_write() -> None:
    """A plain node has neither generator nor process methods; its setup, cleanup and checks do nothing."""
    bare: Node = NanoNode()
    process: Callable[..., object] = bare.process_item
    for call in (bare.generator, process, bare.generate_batches, lambda: bare.process_batch([])):  # type: ignore[arg-type]  # never looked at
        with pytest.raises(NotImplementedError):
            call()
    bare.setup()
    bare.discover_schema()
    assert bare.cleanup() is None
    assert (bare.check_input(A.schema), bare.check_contract()) == ([], [])


def test_statistics_of_time() -> None:
    """Seconds count from the start until the end."""
    assert NodeStatistics().seconds is None
    assert NodeStatistics(started_at=1.0, ended_at=3.5).seconds == 2.5
    assert (NodeStatistics(started_at=0.0).seconds or 0) > 0


def test_without_an_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no engine is installed, running says what to import."""
    monkeypatch.setattr(running, "_runner", [])
    with pytest.raises(NanotypedError) as caught:
        Work().run()
    assert str(caught.value) == "no engine is installed; import nanotyped, not nanotyped.node alone"
