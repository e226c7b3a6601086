from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from nanotyped.errors import GraphTypeError, WrongOptionsError
from nanotyped.node import Origin
from nanotyped.node.passing import sent_origin
from nanotyped.nodes.regex import SubstituteRegex
from nanotyped.nodes.sampling import RandomSample
from nanotyped.row import parse_schema
from nanotyped.types import JSON_NULL
from tests.support.flows import Given, Kept, reject_one, run_through

if TYPE_CHECKING:
    from pathlib import Path


def replaced(text: str, regex: str, substitute: str) -> str:
    """Return what a bare text becomes."""
    [row] = run_through(SubstituteRegex(match_regex=regex, substitute_string=substitute), [text]).dicts
    found: str = row["__value__"]
    return found


# -- SubstituteRegex -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "regex", "substitute", "new"),
    [
        ("a-b-c", "-", "", "abc"),
        ("jo@x, bo@y", r"(\w+)@(\w+)", r"\2 at \1", "x at jo, y at bo"),
        ("jo@x", r"(?P<who>\w+)@", r"<\g<who>\g<1>>", "<jojo>x"),
        ("né 12", r"[0-9]", "€", "né €€"),
        ("ab", "b|(x)", r"[\1]", "a[]"),
        ("a.b", r"\.", r"\\\n\t", "a\\\n\tb"),
        ("aXbx", "(?i)x", r"\0", "aXbx"),
        ("abc", "$", "!", "abc!"),
    ],
)
def test_every_match_is_replaced(text: str, regex: str, substitute: str, new: str) -> None:
    """All matches are replaced; groups of the match stand in the substitute by number or name."""
    assert replaced(text, regex, substitute) == new


def test_the_text_goes_back_where_it_was() -> None:
    """With `key` the new text is in the place of the old one, in a document too, or under `output_key`."""
    schema = {"n": "int", "t": "varchar(9) null", "doc": "json null"}
    rows = [(1, "a-b", {"t": ["x-y", 2]}), (2, None, {"t": [None]})]
    options: dict[str, Any] = {"match_regex": "-", "substitute_string": "+"}
    assert [row["t"] for row in run_through(SubstituteRegex(**options, key="t"), rows, schema).dicts] == ["a+b", None]
    kept = run_through(SubstituteRegex(**options, key="t", output_key="new", retain_input=False), rows, schema)
    assert kept.dicts == [{"new": "a+b"}, {"new": None}]
    kept = run_through(SubstituteRegex(**options, key=["doc", "t", 0]), rows, schema)
    assert kept.dicts == [
        {"n": 1, "t": "a-b", "doc": {"t": ["x+y", 2]}},
        {"n": 2, "t": None, "doc": {"t": [None]}},
    ]
    assert rows[0][2] == {"t": ["x-y", 2]}


def test_a_json_null_stays_null() -> None:
    """What a document has as null is null behind it."""
    node = SubstituteRegex(match_regex="-", substitute_string="+", key="doc", retain_input=False)
    assert run_through(node, [(JSON_NULL,), ("a-b",)], {"doc": "json"}).dicts == [{"doc": None}, {"doc": "a+b"}]


def test_the_contract_of_a_substitution() -> None:
    """The text may be of any length, is null only where the old one may be, and tells where it comes from."""
    node = SubstituteRegex(match_regex="-", substitute_string="+", key="t", name="sub")
    sink = Kept(input_schema={"t": "varchar(99)"}, name="sink")
    _ = Given([], {"t": "varchar(9)"}, name="given") > node > sink
    with pytest.raises(GraphTypeError) as caught:
        node.run()
    assert [str(problem).partition(" (")[0] for problem in caught.value.problems] == [
        "Expected `varchar(99)`, got `string`"
    ]
    assert sent_origin(node, "t", parse_schema({"t": "varchar(9)"})) == Origin("made", ("t",))


def test_what_is_no_text_is_an_error_of_its_row(tmp_path: Path) -> None:
    """A number and a row of columns are no text."""

    def make(**more: Any) -> SubstituteRegex:
        return SubstituteRegex(match_regex="a", substitute_string="b", **more)

    found = reject_one(make, ["a", 7, "ca"], tmp_path)
    assert found.failure == "text is wanted, got 7; key says where in the message it is"
    assert found.others == [{"__value__": "b"}, {"__value__": "cb"}]
    found = reject_one(make, ["a", {"a": "a"}], tmp_path)
    assert found.failure == "text is wanted, got Row(a='a'); key says where in the message it is"


@pytest.mark.parametrize(
    ("regex", "substitute", "message"),
    [
        ("(", "", "match_regex: `(` is no expression of RE2: missing ): ("),
        ("a(?=b)", "", "match_regex: `a(?=b)` is no expression of RE2: invalid perl operator: (?="),
        (r"(a)\1", "", r"match_regex: `(a)\1` is no expression of RE2: invalid escape sequence: \1"),
        (
            "(a)",
            r"\2\g<b>\d",
            r"substitute_string: `\2` is no group of the expression; a backslash itself is written twice; "
            r"substitute_string: `\g<b>` is no group of the expression; a backslash itself is written twice; "
            r"substitute_string: `\d` means nothing; a backslash itself is written twice",
        ),
        ("a", "\\", "substitute_string: `\\` means nothing; a backslash itself is written twice"),
    ],
)
def test_bad_expressions_are_refused(regex: str, substitute: str, message: str) -> None:
    """An expression that RE2 does not have, and a group that is not there, are told at construction."""
    with pytest.raises(WrongOptionsError) as caught:
        SubstituteRegex(match_regex=regex, substitute_string=substitute)
    assert str(caught.value) == message


def test_no_expression_takes_for_ever() -> None:
    """An expression that costs a backtracking engine years takes no time that anyone sees."""
    start = time.monotonic()
    assert replaced("a" * 50_000, "(a*)*b", "x") == "a" * 50_000
    assert time.monotonic() - start < 5


# -- RandomSample ----------------------------------------------------------------------------


def sampled(sample: float, seed: int | None, batches: int = 1) -> list[int]:
    """Return which of 2000 rows pass."""
    node = RandomSample(sample=sample, seed=seed, batch_rows=2000 // batches)
    kept = run_through(node, [(n,) for n in range(2000)], {"n": "int"})
    assert node.statistics.filtered == 2000 - len(kept.rows)
    return [row["n"] for row in kept.dicts]


def test_a_sample() -> None:
    """Each row passes with the probability, in order; none with 0 and all with 1."""
    found = sampled(0.3, 7)
    assert found == sorted(found)
    assert 500 < len(found) < 700
    assert sampled(0, None) == []
    assert len(sampled(1, None)) == 2000


def test_a_sample_with_a_seed_is_the_same_each_time() -> None:
    """The same rows pass with the same seed, however they are batched; without a seed others do."""
    assert sampled(0.5, 3) == sampled(0.5, 3, batches=20)
    assert sampled(0.5, 3) != sampled(0.5, 4)
    assert sampled(0.5, None) != sampled(0.5, None)


def test_a_node_that_runs_again_samples_anew() -> None:
    """`setup` begins the random numbers again, so that a second run of a node is as the first."""
    node = RandomSample(sample=0.5, seed=1)
    numbers = []
    for _ in range(2):
        node.setup()
        numbers.append([node._random.random() for _ in range(3)])
    assert numbers[0] == numbers[1]


def test_what_passes_is_the_row_itself() -> None:
    """The contract of what passes is that of what comes, with every common option of nodes that pass rows on."""
    node = RandomSample(sample=1, key="n")
    kept = Kept(input_schema={"n": "int"})
    _ = Given([(1,)], {"n": "int"}) > node > kept
    node.run()
    assert kept.dicts == [{"n": 1}]


@pytest.mark.parametrize("sample", [-0.1, 1.1, float("nan")])
def test_a_sample_is_a_probability(sample: float) -> None:
    """What is no probability is refused."""
    with pytest.raises(ValueError, match=r"^sample must be a probability from 0 to 1, not "):
        RandomSample(sample=sample)
