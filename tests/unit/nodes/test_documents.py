from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from nanotyped.errors import GraphTypeError
from nanotyped.node import NanoNode, Origin
from nanotyped.nodes.documents import AggregateValues, Serializer, SimpleTransforms, Transform
from nanotyped.nodes.tail_paths import Replacer
from nanotyped.registry import register_function, temporary_registry
from nanotyped.row import parse_schema
from nanotyped.types import JSON_NULL
from tests.support.flows import Given, Kept, reject_one, run_through

if TYPE_CHECKING:
    from pathlib import Path

ORDER = {"id": 1, "lines": [{"price": "2.50", "box": {"price": "0"}}, {"price": "4"}, {"n": 1}], "price": None}


# -- Serializer ----------------------------------------------------------------------------


def test_items_in_turn() -> None:
    """Each item of a list, tuple, set or generator in turn; mappings spread into columns."""
    kept = run_through(Serializer(), [[1, "x", False], (2, [3]), {"b", "a"}, (n for n in range(2))])
    assert [row["__value__"] for row in kept.dicts] == [1, "x", False, 2, [3], "a", "b", 0, 1]
    assert run_through(Serializer(), [[{"a": 1}, {"b": 2}]]).dicts == [{"a": 1}, {"b": 2}]


def test_items_of_a_column() -> None:
    """With `key` the columns that come stay beside the items, which want `output_key` where they are bare."""
    rows, schema = [("x", [1, None, {"a": 2}])], {"k": "char(1)", "doc": "json"}
    kept = run_through(Serializer(key="doc", output_key="item"), rows, schema)
    assert [row["item"] for row in kept.dicts] == [1, None, {"a": 2}]
    assert {row["k"] for row in kept.dicts} == {"x"}
    node = Serializer(key=["doc", "rows"], retain_input=False)
    assert run_through(node, [("x", {"rows": [{"a": 2}]})], schema).dicts == [{"a": 2}]


def test_nothing_to_take_apart() -> None:
    """Of an empty list, of null and of a JSON null nothing is given."""
    node = Serializer(key="doc", output_key="item")
    assert run_through(node, [([],), (None,), (JSON_NULL,)], {"doc": "json null"}).rows == []
    assert node.statistics.filtered == 3


def test_values_of_an_object() -> None:
    """With `values` the values of an object, or of the whole row, are the items."""
    node = Serializer(values=True, key="doc", output_key="v", retain_input=False)
    assert run_through(node, [({"b": 1, "a": "x"},)], {"doc": "json"}).dicts == [{"v": 1}, {"v": "x"}]
    node = Serializer(values=True, output_key="v", retain_input=False)
    assert run_through(node, [(1, "x")], {"a": "int", "b": "char(1)"}).dicts == [{"v": 1}, {"v": "x"}]


@pytest.mark.parametrize(
    ("options", "message", "reason"),
    [
        ({}, "text", "a list is wanted, got 'text'; key says where in the message it is"),
        ({}, b"text", "a list is wanted, got b'text'; key says where in the message it is"),
        ({}, {"a": 1}, "a list is wanted, got Row(a=1); key says where in the message it is"),
        ({}, 7, "a list is wanted, got 7; key says where in the message it is"),
        ({"values": True, "retain_input": False}, [1], "an object is wanted, got [1]"),
    ],
)
def test_what_is_no_list_is_an_error_of_its_row(
    tmp_path: Path, options: dict[str, Any], message: object, reason: str
) -> None:
    """Text, bytes, an object and a number are no lists, and a list is no object."""
    good: Any = {"k": "v"} if options else ["v"]
    found = reject_one(lambda **more: Serializer(**options, **more), [good, message, good], tmp_path)
    assert found.failure == reason
    assert found.others == [{"__value__": "v"}] * 2


# -- SimpleTransforms ------------------------------------------------------------------------


def transformed(message: Any, *entries: Any, **options: Any) -> Any:
    """Return what a message becomes."""
    [row] = run_through(SimpleTransforms(transform_mapping=entries, **options), [message]).dicts
    return row


def test_a_constant_at_every_place() -> None:
    """Every value at a place whose path of names ends in `path` is replaced, in lists and deep inside too."""
    assert transformed(ORDER, {"path": "price", "target_value": 0}) == {
        "id": 1,
        "lines": [{"price": 0, "box": {"price": 0}}, {"price": 0}, {"n": 1}],
        "price": 0,
    }
    assert transformed(ORDER, {"path": ["box", "price"], "target_value": None})["lines"] == [
        {"price": "2.50", "box": {"price": None}},
        *ORDER["lines"][1:],  # type: ignore[index]  # it is a list
    ]


@pytest.mark.parametrize("falsy", [0, "", False, None, []])
def test_a_falsy_constant_counts(falsy: Any) -> None:
    """A constant that is false is one."""
    assert transformed({"a": {"b": 1}}, {"path": "b", "target_value": falsy}) == {"a": {"b": falsy}}


def test_functions() -> None:
    """A function gets the old value and its arguments; transforms follow each other in order."""
    assert transformed(
        {"a": "7", "doc": {"a": "8"}},
        {"path": "a", "target_function": int},
        {"path": "a", "target_function": pow, "function_args": [2], "function_kwargs": {"mod": 10}},
    ) == {"a": 9, "doc": {"a": 4}}


def test_functions_by_name() -> None:
    """A registered function may be given by its name, as files do; code may also name one of any module."""
    with temporary_registry():
        register_function("shout")(str.upper)
        assert transformed({"a": {"b": "x"}}, {"path": "b", "target_function": "shout"}) == {"a": {"b": "X"}}
        named = {"path": "b", "target_function": "os__path__basename"}
        assert transformed({"b": "x/y"}, named) == {"b": "y"}
        with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
            SimpleTransforms(transform_mapping=[{"path": "b", "target_function": "shuot"}])
    assert str(caught.value) == (
        "transform_mapping, entry 1: target_function: no function is registered as `shuot`; did you mean `shout`?"
    )


def test_below_a_path_only() -> None:
    """With `starting_path` only places below it count."""
    message = {"a": {"x": 1, "b": {"x": 2}}, "x": 3}
    assert transformed(message, {"path": "x", "starting_path": ["a", "b"], "target_value": 0}) == {
        "a": {"x": 1, "b": {"x": 0}},
        "x": 3,
    }
    assert transformed(message, {"path": "x", "starting_path": "a", "target_value": 0})["x"] == 3


def test_a_place_inside_of_a_place() -> None:
    """What lies inside is replaced first, and the function for the outer place sees it."""
    assert transformed({"a": {"a": [1, 2]}}, {"path": "a", "target_function": len}) == {"a": 1}
    seen: list[Any] = []

    def note(old: Any) -> int:
        seen.append(old)
        return 5

    transformed({"d": {"a": {"a": 1}}}, {"path": "a", "target_function": note})
    assert seen == [1, {"a": 5}]


def test_the_message_that_came_is_not_changed() -> None:
    """Another branch sees the message as it was, also where a function changes what it gets."""

    def add_two(old: list[int]) -> list[int]:
        old.append(2)
        return old

    source = Given([{"doc": {"items": [1], "n": {"m": 1}}}])
    node = SimpleTransforms(
        transform_mapping=[
            {"path": "items", "target_function": add_two},
            {"path": "m", "target_value": 9},
        ]
    )
    plain, changed = Kept(), Kept()
    _ = source > (plain, node)
    _ = node > changed
    source.run()
    assert plain.dicts == [{"doc": {"items": [1], "n": {"m": 1}}}]
    assert changed.dicts == [{"doc": {"items": [1, 2], "n": {"m": 9}}}]


def test_a_function_may_change_what_it_gets() -> None:
    """A function gets a value of its own, and the document is not changed by what it does to it."""
    document = {"a": {"items": [1]}}
    replacer = Replacer(("items",), (), lambda old: old.append(2) or old)
    assert replacer.inside(document, ()) == {"a": {"items": [1, 2]}}
    assert document == {"a": {"items": [1]}}


def test_what_is_not_replaced_keeps_its_type() -> None:
    """Columns beside keep their types, whether the columns that come are retained or not."""
    schema = {"id": "int unsigned", "day": "date null", "doc": "json"}
    rows = [(1, None, {"p": 1}), (2, date(2026, 1, 2), {"q": 1})]
    for retain_input in (True, False):
        node = SimpleTransforms(transform_mapping=[{"path": "p", "target_value": 0}], retain_input=retain_input)
        assert run_through(node, rows, schema).dicts == [
            {"id": 1, "day": None, "doc": {"p": 0}},
            {"id": 2, "day": date(2026, 1, 2), "doc": {"q": 1}},
        ]
    kept = run_through(SimpleTransforms(transform_mapping=[{"path": "p", "target_value": 0}]), rows, schema)
    assert kept.rows[0].schema["id"].type.spelling() == "int unsigned"
    node = SimpleTransforms(transform_mapping=[{"path": "id", "target_value": 7}], retain_input=False)
    kept = run_through(node, rows, schema)
    assert kept.rows[1].schema.spelling() == "id uint8, day date, doc json"


def test_bare_documents_and_keys() -> None:
    """A bare document is transformed as it is, and with `key` what the key shows."""
    assert transformed([{"a": 1}], {"path": "a", "target_value": 2}) == {"__value__": [{"a": 2}]}
    node = SimpleTransforms(transform_mapping=[{"path": "a", "target_value": 2}], key="doc", output_key="new")
    assert run_through(node, [({"a": 1},)], {"doc": "json"}).dicts == [{"doc": {"a": 1}, "new": {"a": 2}}]


def test_the_schema_behind_transforms() -> None:
    """A constant gives its column its type; of what a function gives for a column nothing is known; documents stay."""
    given = parse_schema({"id": "int", "doc": "json null"})

    def behind(*entries: Any) -> str | None:
        found = SimpleTransforms(transform_mapping=entries).output_schema_for(given)
        return None if found is None else found.spelling()

    assert behind({"path": "p", "target_value": 0}) == "id int, doc json null"
    assert behind({"path": "id", "target_value": "x"}) == "id string(1) charset ascii, doc json null"
    assert behind({"path": "id", "target_function": str}) is None
    assert behind({"path": ["doc", "id"], "target_function": str}) == "id int, doc json null"
    node = SimpleTransforms(transform_mapping=[{"path": "id", "target_value": "x"}])
    assert node.column_origin("id", given) == Origin("constant", detail="'x'")
    assert node.column_origin("doc", given) == Origin("made", ("doc",))
    node = SimpleTransforms(transform_mapping=[{"path": "id", "target_function": str}])
    assert node.column_origin("id", given) == Origin("made", ("id",))


def test_a_missing_place(tmp_path: Path) -> None:
    """A row without such a place passes as it is, or is an error, as `missing_keypath_action` says."""
    entry = {"path": ["a", "b"], "target_value": 0}
    assert transformed({"x": {"b": 1}}, entry) == {"x": {"b": 1}}

    def make(**more: Any) -> SimpleTransforms:
        return SimpleTransforms(transform_mapping=[entry], missing_keypath_action="error", **more)

    found = reject_one(make, [{"a": {"b": 1}}, {"x": {"b": 1}}, {"a": [{"b": 2}]}], tmp_path)
    assert found.failure == "nothing lies at `a.b`"
    assert found.others == [{"a": {"b": 0}}, {"a": [{"b": 0}]}]


def test_a_function_that_fails_is_an_error_of_its_row(tmp_path: Path) -> None:
    """A value that a function does not take is an error of its row."""

    def make(**more: Any) -> SimpleTransforms:
        return SimpleTransforms(transform_mapping=[Transform(path="n", target_function=int)], **more)

    found = reject_one(make, [{"n": "1"}, {"n": "x"}, {"n": "3"}], tmp_path)
    assert found.failure == "invalid literal for int() with base 10: 'x'"
    assert found.others == [{"n": 1}, {"n": 3}]
    assert found.letters == [{"n": "x"}]


def test_wrong_transforms_are_told_at_once() -> None:
    """Everything that is wrong with the option is told, with the number of the entry."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        SimpleTransforms(
            transform_mapping=[
                {"path": "a"},
                {"path": "a", "target_value": 1, "target_function": int},
                {"path": [], "target_value": 1},
                {"paht": "a", "target_value": 1},
                {"target_value": 1},
                {"path": "a", "target_value": 1, "function_args": [1]},
                {"path": "a", "target_function": 7},
                "a",  # type: ignore[list-item]  # on purpose
            ],
            missing_keypath_action="erorr",  # type: ignore[arg-type]  # on purpose
        )
    assert str(caught.value).split("; transform_mapping, ") == [
        "missing_keypath_action must be ignore or error, not 'erorr'; did you mean `error`?",
        "entry 1: give target_value or target_function, not neither",
        "entry 2: give target_value or target_function, not both",
        "entry 3: path must be a name, or a list of names, not []; positions in lists do not count",
        "entry 4 has no option `paht` (did you mean `path`?)",
        "entry 5 needs a path",
        "entry 6: function_args and function_kwargs go with target_function",
        "entry 7: target_function: 7 is no function",
        "entry 8: a mapping is wanted, not 'a'",
    ]


# -- AggregateValues -------------------------------------------------------------------------


def aggregated(message: Any, **options: Any) -> Any:
    """Return the list that is gathered of a message."""
    [row] = run_through(AggregateValues(output_key="found", **options), [message]).dicts
    return row["found"]


def test_values_are_gathered() -> None:
    """All values at places whose path ends in the names, in document order; an empty list where there are none."""
    assert aggregated(ORDER, tail_path="price") == ["2.50", "0", "4", None]
    assert aggregated(ORDER, tail_path=["lines", "price"]) == ["2.50", "4"]
    assert aggregated(ORDER, tail_path="nothing") == []
    assert aggregated([{"a": 1}, {"a": [2, 3]}], tail_path="a") == [1, [2, 3]]


def test_values_of_objects_are_strung_together() -> None:
    """With `values` the values of the objects found there, of lists of them too, are one list."""
    message = {"a": {"box": {"x": 1, "y": [2]}}, "box": {"z": None}, "b": {"box": None}}
    assert aggregated(message, tail_path="box", values=True) == [1, [2], None]
    assert aggregated(ORDER, tail_path="lines", values=True) == ["2.50", {"price": "0"}, "4", 1]


def test_columns_are_gathered_in_their_json_form() -> None:
    """A column of a type that a document cannot hold is gathered as JSON has it; numbers stay what they are."""
    node = AggregateValues(tail_path="day", output_key="found", retain_input=False)
    kept = run_through(node, [(date(2026, 1, 2), {"day": 1})], {"day": "date", "doc": "json"})
    assert kept.dicts == [{"found": ["2026-01-02", 1]}]
    node = AggregateValues(tail_path="sum", output_key="found", retain_input=False)
    assert run_through(node, [(Decimal("1.50"),)], {"sum": "decimal(4,2)"}).dicts == [{"found": [Decimal("1.50")]}]


def test_an_object_is_wanted_where_values_are(tmp_path: Path) -> None:
    """With `values` a place that holds no object is an error of its row."""

    def make(**more: Any) -> NanoNode[Any, Any]:
        return AggregateValues(tail_path="a", values=True, output_key="found", retain_input=False, **more)

    found = reject_one(make, [{"a": {"x": 1}}, {"a": 7}], tmp_path)
    assert found.failure == "an object is wanted at `a`, got 7"
    assert found.others == [{"found": [1]}]
    assert found.letters == [{"a": "7"}]


def test_the_contract_of_a_gathered_list() -> None:
    """What is gathered is a document, beside the columns that come."""
    node = AggregateValues(tail_path="a", output_key="found", name="gather")
    _ = Given([], {"a": "int"}) > node > Kept(input_schema={"a": "int", "found": "int"})
    with pytest.raises(GraphTypeError) as caught:
        node.run()
    assert "Expected `int`, got `json`" in str(caught.value)


@pytest.mark.parametrize("path", ["", [], ["a", 1]])
def test_a_tail_path_is_a_list_of_names(path: Any) -> None:
    """A path of nothing, or with positions, is refused."""
    if path == "":
        assert AggregateValues(tail_path=path).tail_path == ("",)  # a key of JSON may be empty
        return
    with pytest.raises(ValueError, match=r"^tail_path must be a name, or a list of names, not "):
        AggregateValues(tail_path=path)
