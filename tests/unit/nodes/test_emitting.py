from __future__ import annotations

from datetime import date, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

import pytest

from nanotyped.engine.run import start_run
from nanotyped.errors import GraphTypeError, NodeFailedError
from nanotyped.node.progress import SizeHint
from nanotyped.nodes.emitting import ConstantEmitter, CounterOfThings, GetEnvironmentVariables, SequenceEmitter
from tests.support.flows import Given, Kept, run_source, run_through
from tests.unit.engine.nodes import WAIT_S, Keeping

if TYPE_CHECKING:
    from nanotyped.node import NanoNode


def spelled(node: NanoNode[Any, Any]) -> str | None:
    """Return the schema of what a source gives, as text."""
    found = node.output_schema_for(None)
    return None if found is None else found.spelling()


class Some(Keeping):
    """A sink that ends the run once it has so many messages."""

    def __init__(self, count: int) -> None:
        self.count = count
        super().__init__()

    def process_item(self, row: Any) -> None:
        super().process_item(row)
        if len(self.messages) == self.count:
            self.drain_pipeline()


def first_of(node: NanoNode[Any, Any], count: int) -> list[Any]:
    """Run a source that has no end and return the first messages that it gave."""
    sink = Some(count)
    _ = node > sink
    start_run(node).wait(WAIT_S)
    return sink.messages[:count]


# -- ConstantEmitter ---------------------------------------------------------------------


def test_the_same_thing_for_ever() -> None:
    """A constant comes again and again, bare, as columns, or under `output_key`, until the run is told to end."""
    assert first_of(ConstantEmitter(thing="rye", delay=0), 3) == ["rye"] * 3
    assert first_of(ConstantEmitter(thing="rye", delay=0, output_key="grain"), 1)[0].to_python() == {"grain": "rye"}
    assert first_of(ConstantEmitter(thing={"a": 1, "b": None}, delay=0), 1)[0].to_python() == {"a": 1, "b": None}


def test_a_constant_is_copied_each_time() -> None:
    """What one receiver does to a document is not seen by the next."""
    one, other = first_of(ConstantEmitter(thing={"doc": {"n": [1]}}, delay=0), 2)
    one.doc["n"].append(2)
    assert other.doc == {"n": [1]}


def test_a_stop_ends_the_pause() -> None:
    """A pause of hours is no reason to wait for hours, and nothing is sent behind it."""
    node, sink = ConstantEmitter(thing=1, delay=10_000), Keeping()
    _ = node > sink
    run = start_run(node)
    run.terminate()
    run.wait(WAIT_S)
    assert sink.messages == []


@pytest.mark.parametrize(
    ("thing", "schema"),
    [
        (7, "__value__ uint8"),
        ({"a": "é", "b": None}, "a string(1), b null null"),
        (None, None),
        ((1, 2), None),
        ({1: 2}, None),
    ],
)
def test_a_constant_is_typed_by_its_value(thing: Any, schema: str | None) -> None:
    """What a constant gives is known before the run, as narrow as it is; what no type describes is not."""
    assert spelled(ConstantEmitter(thing=thing)) == schema


@pytest.mark.parametrize("delay", [-1, float("nan"), float("inf")])
def test_a_delay_is_a_number_of_seconds(delay: float) -> None:
    """A delay that no one can wait for is refused."""
    with pytest.raises(ValueError, match=r"^delay must be a number of seconds from 0 on, not "):
        ConstantEmitter(thing=1, delay=delay)


# -- CounterOfThings -----------------------------------------------------------------------


def test_counting() -> None:
    """The integers from `start` on, `end` excluded; none where the end lies before the start."""
    assert [row.to_python() for row in run_source(CounterOfThings(start=8, end=12)).rows] == [
        {"__value__": n} for n in (8, 9, 10, 11)
    ]
    assert run_source(CounterOfThings(start=3, end=1)).rows == []
    assert run_source(CounterOfThings(end=2, output_key="n")).dicts == [{"n": 0}, {"n": 1}]


def test_how_many_there_are_is_known_where_there_is_an_end() -> None:
    """Progress is reckoned from it: of numbers, and of the items of a sequence."""
    assert CounterOfThings(start=8, end=12).size_hint() == SizeHint(4)
    assert CounterOfThings(start=8, end=1).size_hint() == SizeHint(0)
    assert CounterOfThings().size_hint() is None
    assert SequenceEmitter([1, None, 2], max_sequences=3).size_hint() == SizeHint(6)
    assert SequenceEmitter([1], max_sequences=None).size_hint() is None


def test_counting_without_end() -> None:
    """Without an end it goes on, also behind ten."""
    assert first_of(CounterOfThings(start=-2), 30) == list(range(-2, 28))
    assert list(islice(CounterOfThings(start=10**20).generator(), 2)) == [10**20, 10**20 + 1]


def test_a_count_is_an_integer() -> None:
    """What it gives is known before the run, under `output_key` too."""
    assert spelled(CounterOfThings()) == "__value__ integer"
    sink = Kept(name="sink", input_schema={"n": "varchar(9)"})
    node = CounterOfThings(name="count", end=1, output_key="n")
    _ = node > sink
    with pytest.raises(GraphTypeError) as caught:
        start_run(node)
    assert "Expected `varchar(9)`, got `integer`" in str(caught.value)


# -- SequenceEmitter -----------------------------------------------------------------------


def test_a_sequence() -> None:
    """Each item in turn, all of them as often as is said: mappings as columns, others bare, both under `output_key`."""
    assert run_source(SequenceEmitter(["a", 2], max_sequences=2)).dicts == [
        {"__value__": value} for value in ("a", 2, "a", 2)
    ]
    assert run_source(SequenceEmitter([{"a": 1}, {"b": 2}])).dicts == [{"a": 1}, {"b": 2}]
    assert run_source(SequenceEmitter([{"a": 1}, 5], output_key="o")).dicts == [{"o": {"a": 1}}, {"o": 5}]
    assert run_source(SequenceEmitter([1], max_sequences=0)).dicts == []
    assert run_source(SequenceEmitter(sequence=[0, "", False, None])).dicts == [
        {"__value__": value} for value in (0, "", False)
    ]


def test_a_sequence_for_ever() -> None:
    """With `max_sequences` null it begins again each time; of nothing at all there is no for ever."""
    assert first_of(SequenceEmitter([1, 2, 3], max_sequences=None), 7) == [1, 2, 3, 1, 2, 3, 1]
    assert run_source(SequenceEmitter([], max_sequences=None)).rows == []
    assert run_source(SequenceEmitter([None], max_sequences=None)).rows == []


@pytest.mark.parametrize("items", [[1, True], [1, 2.5], [True, 1.5], [date(2021, 1, 1), datetime(2021, 1, 1, 3)]])
def test_items_of_several_kinds_arrive_as_they_are(items: list[Any]) -> None:
    """They have no type in common: no number becomes another, and a bool is no number; the edge is unchecked."""
    for sequence, got in ((items, items), ([{"a": item} for item in items], items)):
        node = SequenceEmitter(sequence)
        found = [*run_source(node).rows]
        values = [next(iter(row.to_python().values())) for row in found]
        assert list(zip(map(type, values), values, strict=True)) == list(zip(map(type, got), got, strict=True))
        assert spelled(node) is None


def test_values_that_are_cast() -> None:
    """A mapping of exactly `value` and `type` is the bare value, cast; `bool` reads words as `Filter` does."""
    items = [
        {"value": "12", "type": "int"},
        {"value": 3, "type": "integer"},
        {"value": "1.5", "type": "float"},
        {"value": 7, "type": "str"},
        {"value": "x", "type": "string"},
        {"value": "Off", "type": "bool"},
        {"value": 2, "type": "bool"},
        {"value": "12", "type": "int", "more": 1},
    ]
    assert [row.to_python() for row in run_source(SequenceEmitter(items)).rows] == [
        *({"__value__": value} for value in (12, 3, 1.5, "7", "x", False, True)),
        {"value": "12", "type": "int", "more": 1},
    ]


def test_all_items_that_cannot_be_cast_are_told() -> None:
    """A type that is none, a value that is none of it, and null are refused at construction, all at once."""
    items = [
        {"value": "1.5", "type": "int"},
        {"value": 1, "type": "itn"},
        {"value": "maybe", "type": "bool"},
        {"value": None, "type": "str"},
    ]
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        SequenceEmitter(items)
    assert str(caught.value) == (
        "sequence, item 1: '1.5' is no `integer`: not a whole number; "
        "sequence, item 2: there is no type `itn`, the types are int, integer, float, str, string, bool; "
        "did you mean `int`?; "
        "sequence, item 3: 'maybe' is no `bool`: 'maybe' is neither true nor false; "
        "sequence, item 4: None is no `str`: a null has no value to cast"
    )


@pytest.mark.parametrize("sequence", ["abc", {"a": 1}, 7, None])
def test_a_sequence_is_a_list(sequence: Any) -> None:
    """Text, a mapping and a number are no sequence of items."""
    with pytest.raises(TypeError) as caught:
        SequenceEmitter(sequence)
    assert str(caught.value) == f"sequence must be a list of items, not {sequence!r}"


@pytest.mark.parametrize(
    ("sequence", "schema"),
    [
        ([1, 300], "__value__ uint16"),
        ([-1, 200], "__value__ integer"),
        ([{"a": 1, "b": "x"}, {"a": 2, "b": None}], "a uint8, b string(1) charset ascii null"),
        ([1, "x"], None),
        ([{"a": 1}, {"b": 1}], None),
        ([], None),
    ],
)
def test_the_schema_of_a_sequence(sequence: list[Any], schema: str | None) -> None:
    """Items that have their columns in common have a schema: the narrowest types that hold all of them."""
    assert spelled(SequenceEmitter(sequence)) == schema


def test_a_sequence_as_a_worker() -> None:
    """As a worker it gives all items for each row, beside the columns that come."""
    kept = run_through(SequenceEmitter([{"n": 1}, {"n": 2}]), [("a",), ("b",)], {"k": "char(1)"})
    assert kept.dicts == [{"k": k, "n": n} for k in "ab" for n in (1, 2)]
    assert run_through(SequenceEmitter([{"n": 1}], retain_input=False), [("a",)], {"k": "char(1)"}).dicts == [{"n": 1}]


def test_a_worker_cannot_go_on_for_ever() -> None:
    """A worker that would never get to its second row is refused before the run."""
    with pytest.raises(GraphTypeError) as caught:
        run_through(SequenceEmitter([1], max_sequences=None, name="more"), [1])
    assert [str(problem) for problem in caught.value.problems] == [
        "node `more`, output_schema: max_sequences is null, and a worker would never get to its second row; "
        "give a number"
    ]


# -- GetEnvironmentVariables -----------------------------------------------------------------


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set two variables, and see that a third is not there."""
    monkeypatch.setenv("SHOP_CITY", "Łódź")
    monkeypatch.setenv("SHOP_EMPTY", "")
    monkeypatch.delenv("SHOP_NOT_THERE", raising=False)


@pytest.mark.usefixtures("variables")
def test_variables_as_a_source() -> None:
    """One message with a text for each variable, under its name or another; null where it is not set."""
    node = GetEnvironmentVariables(
        environment_variables=["SHOP_CITY", "SHOP_EMPTY", "SHOP_NOT_THERE"], mappings={"SHOP_CITY": "city"}
    )
    assert spelled(node) == "city string null, SHOP_EMPTY string null, SHOP_NOT_THERE string null"
    assert run_source(node).dicts == [{"city": "Łódź", "SHOP_EMPTY": "", "SHOP_NOT_THERE": None}]


@pytest.mark.usefixtures("variables")
def test_variables_as_a_worker() -> None:
    """The same columns beside those of each message, or under `output_key`."""
    options: dict[str, Any] = {"environment_variables": ["SHOP_CITY"], "mappings": {"SHOP_CITY": "city"}}
    kept = run_through(GetEnvironmentVariables(**options), [(1,), (2,)], {"n": "int"})
    assert kept.dicts == [{"n": 1, "city": "Łódź"}, {"n": 2, "city": "Łódź"}]
    kept = run_through(GetEnvironmentVariables(**options, output_key="env"), [(1,)], {"n": "int"})
    assert kept.dicts == [{"n": 1, "env": {"city": "Łódź"}}]


def test_no_variables() -> None:
    """Without variables the message has no column, and is a message all the same."""
    assert run_source(GetEnvironmentVariables()).dicts == [{}]


def test_wrong_mappings() -> None:
    """A mapping of a variable that is not asked for, and two variables for one column, are refused at once."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        GetEnvironmentVariables(environment_variables=["USER", "HOME"], mappings={"USRE": "a", "HOME": "USER"})
    assert str(caught.value) == (
        "mappings: `USRE` is not one of environment_variables; did you mean `USER`?; "
        "`USER` and `HOME` would both be column `USER`"
    )


def test_a_failure_downstream_ends_an_emitter_without_end() -> None:
    """An emitter that has no end, and waits, ends with the run."""

    class Failing(Keeping):
        def process_item(self, row: Any) -> None:
            raise RuntimeError("no")

    node = SequenceEmitter([1], max_sequences=None)
    constant = ConstantEmitter(thing=1, delay=10_000)
    sink = Failing()
    _ = (node, constant) > sink
    with pytest.raises(NodeFailedError):
        start_run(node).wait(WAIT_S)


def test_what_comes_is_known_at_the_next_node() -> None:
    """A need for a column that an emitter does not give is refused before the run."""
    source = Given([], {"k": "char(1)"})
    node = SequenceEmitter([{"n": 1}], retain_input=False)
    _ = source > node > Kept(input_schema={"k": "char(1)"})
    with pytest.raises(GraphTypeError):
        start_run(source)
