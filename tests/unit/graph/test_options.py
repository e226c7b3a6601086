"""What the graph knows of columns through the options of every node, and what it refuses (BEHAVIOUR §2 and §3)."""

from __future__ import annotations

from typing import Any

import pytest

from nanotyped import InsertData, NanoNode, PassThrough, PrinterOfThings, Remapper, Row
from nanotyped.graph import survey_graph
from nanotyped.graph.provenance import trace_column
from tests.support.flows import Given, GivenBatches, Kept

TABLE = {"id": "int unsigned", "kg": "int", "doc": "json", "note": "varchar(9) null"}


class Doing(NanoNode[object, Any]):
    def process_item(self, row: Any) -> None: ...


class Passing(PassThrough[object]):
    def process_item(self, row: Any) -> None: ...


class Made(Row):
    n: int


class Making(NanoNode[object, Made]):
    def process_item(self, row: Any) -> None: ...


def surveyed(node: NanoNode[Any, Any], schema: Any = None) -> tuple[str | None, list[str]]:
    """Return the schema behind a node, spelled, and all problems."""
    _ = Given([], TABLE if schema is None else schema, name="given") > node > Kept(name="kept")
    survey = survey_graph(node)
    flow = survey.graph.edges_from(node)[0].flows[0]
    return None if flow is None else flow.spelling(), [str(problem) for problem in survey.problems]


GIVEN = "id int unsigned, kg int, doc json, note varchar(9) null"


@pytest.mark.parametrize(
    ("node", "flow"),
    [
        (lambda: Making(key="kg"), f"{GIVEN}, n integer"),
        (lambda: Making(input_mapping={"kg": "mass"}), f"{GIVEN}, n integer"),
        (lambda: Making(key="kg", retain_input=False), "n integer"),
        (lambda: Making(output_key="o"), f"{GIVEN}, o json"),
        (lambda: Making(output_key="kg"), "id int unsigned, kg json, doc json, note varchar(9) null"),
        (lambda: Making(output_key="o", retain_input=False), "o json"),
        (lambda: Making(post_process_function=str), None),
        (lambda: Making(post_process_function=str, post_process_keypath="n"), None),
        (lambda: Making(post_process_function=str, output_key="o", output_schema={"o": "int"}), f"{GIVEN}, o int"),
        (lambda: Doing(output_key="o"), None),
        (lambda: Doing(output_key="o", output_schema={"o": "int"}, retain_input=False), "o int"),
        (lambda: Passing(key="kg"), GIVEN),
        (lambda: Passing(key="kg", output_key="o"), None),
        (lambda: PrinterOfThings(disable=True, key="kg", output_key="o"), f"{GIVEN}, o int"),
        (lambda: PrinterOfThings(key="note", output_key="o", retain_input=False), "o varchar(9) null"),
        (lambda: Passing(key=["doc", "a"], output_key="o"), None),
        (
            lambda: InsertData(value_dict={"x": "N"}, input_mapping={"kg": "mass"}),
            "id int unsigned, kg int, doc json, note varchar(9) null, mass int, x string(1) charset ascii",
        ),
        (lambda: Remapper(mapping={"m": "mass"}, input_mapping={"kg": "mass"}, retain_input=False), "m int"),
        (lambda: Remapper(mapping={"m": "mass"}, input_mapping={"kg": "mass"}), f"{GIVEN}, mass int, m int"),
    ],
)
def test_the_schema_behind_the_options(node: Any, flow: str | None) -> None:
    """What is sent is known through key, mapping and output_key; what a function makes only where it is declared."""
    assert surveyed(node()) == (flow, [])


@pytest.mark.parametrize(
    ("node", "problems"),
    [
        (lambda: Doing(key="notes", name="n"), ["node `n`: there is no column `notes`. Hint: did you mean `note`?"]),
        (
            lambda: Doing(key=["kg", "a"], name="n"),
            ["node `n`: `kg.a` reaches into column `kg`, which is `int` and no JSON"],
        ),
        (lambda: Doing(input_message_keypath="docs", name="n"), [
            "node `n`: there is no column `docs`. Hint: did you mean `doc`?"
        ]),
        (
            lambda: Doing(input_mapping={"notes": "x", "id": "kg"}, name="n"),
            [
                "node `n`, input_mapping: there is no column `notes`. Hint: did you mean `note`?",
                "node `n`, input_mapping: column `id` cannot be seen as `kg`: there is a column of this name",
            ],
        ),
        (
            lambda: Doing(input_message_keypath="kg", key="a", name="n"),
            ["node `n`, key: there is no column `a`: what comes is a bare value"],
        ),
        (
            lambda: Doing(input_mapping={"id": "n"}, input_schema={"n": "int"}, name="n"),
            [
                "Expected `int`, got `int unsigned` (it may be above 2147483647) - at `given → n` $.n. "
                "Hint: declare it `int unsigned`, or put a Cast to `int` between them that says what may be lost"
            ],
        ),
        (
            lambda: Doing(output_schema={"__value__": "int"}, name="n"),
            [
                "node `n` gives a bare value for rows of named columns. "
                "Hint: give output_key, or retain_input: false"
            ],
        ),
        (lambda: Doing(output_schema={"__value__": "int"}, retain_input=False), []),
        (lambda: Doing(key="kg", input_schema={"__value__": "int"}), []),
    ],
)  # fmt: skip
def test_what_is_refused(node: Any, problems: list[str]) -> None:
    """What cannot be seen, or not be retained, is refused before the run where the schema is known."""
    assert surveyed(node())[1] == problems


def test_a_bare_value_is_not_retained() -> None:
    """Behind a bare message only the result is known to be there."""
    assert surveyed(Making(), {"__value__": "int"}) == ("n integer", [])
    assert surveyed(Making(output_key="o"), {"__value__": "int"}) == ("o json", [])


def test_sources_have_the_options_too() -> None:
    """What a source sends under an output_key is known, and what a function makes of it is not."""
    for schema, options, expected in (
        ({"n": "int"}, {"output_key": "o"}, "o json"),
        ({"on": "date"}, {"output_key": "o"}, None),
        ({"n": "int"}, {"post_process_function": str}, None),
    ):
        source = GivenBatches([], schema, **options)
        _ = source > Kept()
        [flow] = survey_graph(source).graph.edges_from(source)[0].flows
        assert (flow.spelling() if flow is not None else None) == expected


def test_nodes_by_the_batch_that_cannot_tell() -> None:
    """A node that takes batches and gives rows of its own cannot have the options, except at the end."""

    class Batches(NanoNode[object, Any]):
        def process_batch(self, batch: Any) -> Any:
            return batch.rows

    assert surveyed(Batches(key="kg", name="b"))[1] == [
        "node `b`: Batches takes rows by the batch and gives others, so that no one result is of one row. "
        "Hint: leave out key, input_mapping, input_message_keypath, output_key and post_process_function"
    ]
    sink = Batches(key="doc")
    _ = Given([], TABLE) > sink
    assert survey_graph(sink).problems == ()


def test_where_columns_come_from() -> None:
    """The way of a column leads through renaming, a key and an output_key."""
    source = Given([], TABLE, name="given")
    renaming = Remapper(mapping={"m": "mass"}, input_mapping={"kg": "mass"}, name="remap")
    keyed = Making(key="m", output_key="o", name="keyed")
    sink = Doing(input_mapping={"o": "x"}, input_schema={"x": "json"}, name="sink")
    _ = source > renaming > keyed > sink
    survey = survey_graph(sink)
    assert survey.problems == ()
    [path] = trace_column(survey, sink, "o").paths
    steps = [(step.node.name, step.leaving and (step.leaving.name, step.leaving.origin.kind)) for step in path]
    assert steps == [("given", ("kg", "made")), ("remap", ("m", "renamed")), ("keyed", ("o", "made")), ("sink", None)]
    arrival = path[-1].arrival
    assert arrival is not None
    assert arrival.need is not None
    assert (arrival.name, arrival.need.name, arrival.verdict) == ("o", "x", "exact")
    [kept] = trace_column(survey, keyed, "note").paths
    assert [step.leaving.origin.kind for step in kept if step.leaving is not None] == ["made", "passed on", "passed on"]
