"""What becomes of a result before it is sent: post_process_function and output_key (BEHAVIOUR §2 and §3)."""

from __future__ import annotations

import os.path
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from nanotyped import INTEGER, NanoNode, NothingToSeeHere, PassThrough, Row, mysql_type
from nanotyped.engine import start_run
from nanotyped.types.intermediate import JSON
from tests.support.flows import GivenBatches
from tests.unit.engine.nodes import WAIT_S, Doing, Giving, Keeping, failure, through

POLICIES: list[dict[str, Any]] = [{}, {"on_error": "skip"}]


def half(row: Any) -> Iterator[Any]:
    """Yield half of the weight."""
    yield {"half": row.kg / 2}


def received(source: NanoNode[Any, Any]) -> list[Any]:
    """Return the rows, or values, that a source gives."""
    sink = Keeping()
    _ = source > sink
    start_run(source).wait(WAIT_S)
    return [row.to_python() if isinstance(row, Row) else row for row in sink.messages]


@pytest.mark.parametrize("policy", POLICIES)
def test_a_result_becomes_one_column(policy: dict[str, Any]) -> None:
    """With output_key each result is one column, a mapping too, and the message is retained beside it."""
    message = {"kg": 8, "lot": "C"}
    assert through(Doing(half, output_key="o", **policy), message) == [{"kg": 8, "lot": "C", "o": {"half": 4.0}}]
    bare = Doing(lambda row: [row.kg, None, "x"], output_key="o", **policy)
    assert through(bare, message) == [{"kg": 8, "lot": "C", "o": 8}, {"kg": 8, "lot": "C", "o": "x"}]
    alone = Doing(half, output_key="o", retain_input=False, **policy)
    assert through(alone, message) == [{"o": {"half": 4.0}}]


def test_the_result_wins_over_the_column_that_came() -> None:
    """An output_key that the message has already takes its place."""
    assert through(Doing(half, output_key="kg"), {"kg": 8, "lot": "C"}) == [{"kg": {"half": 4.0}, "lot": "C"}]


def test_a_row_as_one_column_is_a_document() -> None:
    """A row that is a result becomes a document of its values; a mapping result's column is JSON."""
    sink = Keeping()
    _ = Giving([{"n": 1}]) > Doing(lambda row: [row], output_key="o", retain_input=False) > sink
    start_run(sink).wait(WAIT_S)
    assert sink.messages[0].to_python() == {"o": {"n": 1}}
    assert sink.messages[0].schema["o"].type is JSON


def test_what_no_document_can_hold_travels_as_it_is() -> None:
    """A mapping with a value that JSON has no form for is one column all the same, opaque."""
    node = Doing(lambda row: [{"on": date(2024, 5, 6)}], output_key="o")
    assert through(node, 1) == [{"o": {"on": date(2024, 5, 6)}}]


def test_a_source_has_an_output_key_too() -> None:
    """What a source gives is put under its output_key; of one that gives batches too."""
    assert received(Giving([1, {"a": 2}], output_key="o")) == [{"o": 1}, {"o": {"a": 2}}]
    batches = GivenBatches([[(1,), (2,)], [(3,)]], {"n": "int"}, output_key="o")
    assert received(batches) == [{"o": {"n": 1}}, {"o": {"n": 2}}, {"o": {"n": 3}}]


def test_a_printer_of_one_column() -> None:
    """A node that passes rows on, with an output_key, sends what it passes on under it, beside what came."""

    class Pass(PassThrough[object]):
        def process_item(self, row: Any) -> Iterator[Any]:
            yield row

    assert through(Pass(key="n", output_key="m"), {"n": 3}) == [{"n": 3, "m": 3}]


def test_a_declared_output_is_of_what_is_sent() -> None:
    """An output_schema that is an option holds what is sent to it, behind the function and the key."""
    node = Doing(half, output_key="o", output_schema={"o": "json"}, name="n")
    assert through(node, {"kg": 8}) == [{"kg": 8, "o": {"half": 4.0}}]
    wrong = Doing(half, output_key="o", output_schema={"p": "json"}, name="n")
    assert failure(wrong, {"kg": 8}).cause == (
        "RowError: `n` gave {'o': {'half': 4.0}}: no column `o` is declared, the columns are `p`; column `p` is missing"
    )


def test_a_bare_output_may_be_declared() -> None:
    """A node that declares the one column of a bare value gives bare values of that type."""
    assert received(Giving([1, 2], output_schema={"__value__": INTEGER})) == [1, 2]
    wrong = Giving(["x"], output_schema={"__value__": mysql_type("int")}, name="g")
    sink = Keeping()
    _ = wrong > sink
    with pytest.raises(Exception, match=r"expected `int`, got 'x'"):
        start_run(wrong).wait(WAIT_S)


@pytest.mark.parametrize("policy", POLICIES)
def test_a_function_gets_the_whole_result(policy: dict[str, Any]) -> None:
    """post_process_function makes of each result what is sent; its keywords go along; None sends nothing."""

    def raised(result: Any, by: int = 0) -> Any:
        return None if result["half"] > 10 else {"half": result["half"] + by}

    node = Doing(half, post_process_function=raised, post_process_function_kwargs={"by": 1}, **policy)
    assert through(node, {"kg": 8}, {"kg": 80}, {"kg": 2}) == [{"kg": 8, "half": 5.0}, {"kg": 2, "half": 2.0}]


@pytest.mark.parametrize("policy", POLICIES)
def test_a_function_gets_the_value_at_a_place(policy: dict[str, Any]) -> None:
    """post_process_keypath, spelled with dots, is where the value lies that is replaced, the rest staying as it was."""
    given = {"doc": {"items": [{"p": "a/b.txt"}, {"p": "c/d.txt", "q": 1}]}, "n": 1}
    options: dict[str, Any] = {"post_process_function": "os__path__basename", **policy}
    node = Doing(lambda _: [given], post_process_keypath="doc.items.1.p", **options)
    assert through(node, 0) == [{"doc": {"items": [{"p": "a/b.txt"}, {"p": "d.txt", "q": 1}]}, "n": 1}]
    assert given == {"doc": {"items": [{"p": "a/b.txt"}, {"p": "c/d.txt", "q": 1}]}, "n": 1}
    node = Doing(lambda row: [row], post_process_keypath="p", **options)
    assert through(node, {"p": "a/b", "q": 1}) == [{"p": "b", "q": 1}]


def test_the_function_comes_before_the_key() -> None:
    """First the function, then the key."""
    node = Doing(half, post_process_function=lambda result: result["half"], output_key="o")
    assert through(node, {"kg": 8}) == [{"kg": 8, "o": 4.0}]


@pytest.mark.parametrize(
    ("path", "result", "shown"),
    [
        ("q", {"p": 1}, "`q` of the result {'p': 1}"),
        ("p.x", {"p": {"y": 1}}, "`p.x` of the result {'p': {'y': 1}}"),
        ("p.3", {"p": [1]}, "`p.3` of the result {'p': [1]}"),
        ("p", 5, "`p` of the result 5"),
    ],
)
def test_nothing_at_the_place(path: str, result: Any, shown: str) -> None:
    """A place that is not there is an error of the row, which can be skipped."""
    options: dict[str, Any] = {"post_process_function": str, "post_process_keypath": path}
    error = failure(Doing(lambda _: [result], **options), 0)
    assert error.cause == f"RowError: there is nothing at post_process_keypath {shown}"
    assert through(Doing(lambda row: [row or result], on_error="skip", **options), 0) == []


def test_a_function_that_fails() -> None:
    """What the function raises is an error of the row."""
    node = Doing(lambda row: [row], post_process_function=int, on_error="skip")
    assert through(node, "1", "x", "2") == [1, 2]
    assert failure(Doing(lambda row: [row], post_process_function=int), "x").cause.startswith("ValueError: invalid lit")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing", "post_process_function: a function is named package__module__function, not `nothing`"),
        ("os__path__basenam", "post_process_function: module `posixpath` has no `basenam`"),
        (
            "no_such__thing",
            "post_process_function: `no_such__thing` is in no module that can be imported: No module named 'no_such'",
        ),
    ],
)
def test_names_of_functions(name: str, message: str) -> None:
    """A name of a function that is not there is refused at construction; `builtins__int` and its like are there."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        Keeping(post_process_function=name)
    assert str(caught.value) == message
    assert Keeping(post_process_function="builtins__int").sending.function is int
    assert Keeping(post_process_function="os__path__basename").sending.function is os.path.basename


def test_what_goes_with_a_function() -> None:
    """A place or keywords without a function, no function, and a key that is no name are refused."""
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"post_process_keypath": "a"}, "post_process_keypath goes with post_process_function"),
        ({"post_process_function_kwargs": {"a": 1}}, "post_process_function_kwargs goes with post_process_function"),
        ({"post_process_function": 3}, "post_process_function takes a function or the name of one, not 3"),
        ({"output_key": ""}, "output_key is the name of a column, not ''"),
    ]
    for options, message in wrong:
        with pytest.raises((ValueError, TypeError)) as caught:
            Keeping(**options)
        assert str(caught.value) == message


@pytest.mark.parametrize("policy", POLICIES)
def test_nothing_to_see_here(policy: dict[str, Any]) -> None:
    """A NothingToSeeHere sends nothing, from a source, from a node, and among other results."""
    nothing = NothingToSeeHere()
    node = Doing(lambda row: [nothing, row, nothing] if row else [nothing], **policy)
    assert through(node, 1, nothing, 0, 2, source=policy) == [1, 2]
    declared = Doing(lambda row: [nothing, {"n": row}], output_schema={"n": "int"}, **policy)
    assert through(declared, 1) == [{"n": 1}]


def test_nothing_is_counted_for_nothing() -> None:
    """What sends nothing is in no counter."""
    source, sink = Giving([1, NothingToSeeHere(), 2], name="s"), Keeping(name="k")
    _ = source > sink
    report = start_run(source).wait(WAIT_S)
    assert (report["s"].sent, report["k"].received) == (2, 2)
