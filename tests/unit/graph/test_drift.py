"""What a change of what a source gives does to the nodes downstream."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import pytest

from nanotyped import Cast, Filter, Remapper
from nanotyped.engine.run import start_run
from nanotyped.errors import ContractDriftError, GraphTypeError, Mismatch, NodeFailedError
from nanotyped.graph import build_graph, survey_graph
from nanotyped.graph.drift import impacts_of
from nanotyped.node import NanoNode
from nanotyped.row import Schema, parse_schema
from nanotyped.row.schema import check_schema
from tests.support.flows import Given, Kept


class Live(NanoNode[object, Any]):
    """A source of a contract and of what is live."""

    def __init__(self, live: dict[str, str], **options: Any) -> None:
        self.live = parse_schema(live)
        super().__init__(**options)

    def live_schema(self) -> Schema:
        return self.live

    def check_contract(self) -> list[Any]:
        own = self.own_output()
        assert own is not None
        return [*check_schema(self.live, own, ("table", self.label))]

    def generator(self) -> Iterator[Any]:
        yield from ()


def impacts(source: NanoNode[Any, Any], before: dict[str, str], after: dict[str, str]) -> dict[str, str]:
    """Return the impacts as text."""
    found = impacts_of(build_graph(source).nodes, source, parse_schema(before), parse_schema(after))
    return {name: str(impact) for name, impact in found.items()}


def test_a_column_breaks_who_needs_it_and_is_harmless_to_who_does_not() -> None:
    """Each changed column is judged by itself, by what each node needs; one that did not change is not told."""
    before = {"id": "int", "amount": "int", "note": "text null"}
    source = Given([], before, name="read")
    post, log = Kept(name="post", input_schema={"amount": "int"}), Kept(name="log")
    _ = source > (post, log)
    after = {"id": "int", "amount": "bigint", "extra": "date"}
    assert impacts(source, before, after) == {
        "amount": "breaks `post` (needs `int`), harmless to `log`",
        "note": "harmless to `post`, `log`",
        "extra": "harmless to `post`, `log`",
    }


def test_a_column_is_followed_where_it_is_renamed_and_cast() -> None:
    """A node that needs the column under another name is broken; behind a cast to the old type nobody sees it."""
    before = {"amount": "int"}
    source = Given([], before, name="read")
    rename = Remapper(mapping={"total": "amount"}, retain_input=False, name="rename")
    cast = Cast(columns={"amount": "int"}, lossy="saturate", name="cast")
    _ = source > rename > Kept(name="post", input_schema={"total": "int"})
    _ = source > cast > Kept(name="behind", input_schema={"amount": "int"})
    assert impacts(source, before, {"amount": "bigint"}) == {
        "amount": "breaks `post` (needs `total` as `int`), harmless to `rename`, `cast`"
    }


def test_a_column_that_is_gone_breaks_the_options_that_name_it() -> None:
    """What a node's options have against it is told in the words of the check."""
    before = {"id": "int", "paid": "int"}
    source = Given([], before, name="read")
    _ = source > Filter(test="value_is_true", key="paid", name="keep") > Kept(name="log")
    found = impacts(source, before, {"id": "int"})
    assert found["paid"].startswith("breaks `keep` (")
    assert "`paid`" in found["paid"]


def test_what_was_wrong_before_is_no_impact() -> None:
    """A node that another column breaks anyway is not broken by this one; and the same schema changes nothing."""
    source = Given([], {"id": "int"}, name="read")
    _ = source > Kept(name="log", input_schema={"day": "date"})
    nodes = survey_graph(source).graph.nodes
    before, after = parse_schema({"id": "int"}), parse_schema({"id": "bigint"})
    assert {name: str(found) for name, found in impacts_of(nodes, source, before, after).items()} == {
        "id": "harmless to `log`"
    }
    assert impacts_of(nodes, source, before, before) == {}


def test_the_check_says_what_a_table_that_left_its_contract_would_do_downstream() -> None:
    """Behind the remedy stands which nodes the live column breaks, and to which it is harmless."""
    source = Live({"amount": "bigint"}, output_schema={"amount": "int"}, name="read")
    _ = source > (Kept(name="post", input_schema={"amount": "int"}), Kept(name="log"))
    with pytest.raises(GraphTypeError) as caught:
        build_graph(source)
    assert [str(problem) for problem in caught.value.problems] == [
        "Expected `int`, got `bigint` (it may be below -2147483648) - at `table → read` $.amount. Hint: declare it "
        "`bigint`, or put a Cast to `int` between them that says what may be lost; taken as it is: "
        "breaks `post` (needs `int`), harmless to `log`"
    ]
    assert isinstance(caught.value.problems[0], Mismatch)


def test_drift_that_a_source_finds_is_told_with_its_impact() -> None:
    """The run ends with the source's error, and with what each column does to each node."""
    drift = ContractDriftError(
        "table `t`",
        "while it was read",
        parse_schema({"amount": "int", "id": "int"}),
        parse_schema({"amount": "bigint", "id": "int"}),
        changes=[("amount", "column `amount` `int` → `bigint`")],
        remedy="read it again",
    )

    class Drifting(NanoNode[object, Any]):
        output_schema = {"amount": "int", "id": "int"}

        def generator(self) -> Iterator[Any]:
            yield {"amount": 1, "id": 2}
            raise drift

    source = Drifting(name="read")
    _ = source > (Kept(name="post", input_schema={"amount": "int"}), Kept(name="log"))
    with pytest.raises(NodeFailedError) as caught:
        start_run(source).wait(10)
    assert str(caught.value) == (
        "node `read` failed: ContractDriftError: table `t` was altered while it was read - column `amount` `int` → "
        "`bigint`: breaks `post` (needs `int`), harmless to `log`; read it again"
    )
    cause = caught.value.__cause__
    assert isinstance(cause, ContractDriftError)
    assert str(pickle.loads(pickle.dumps(cause))) == str(cause)
