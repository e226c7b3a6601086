from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from nanotyped.config import parse_pipeline
from nanotyped.errors import ConfigError
from nanotyped.nodes import GetEnvironmentVariables, SequenceEmitter, SimpleTransforms

if TYPE_CHECKING:
    from nanotyped.node import NanoNode


def parsed(cls: str, options: str) -> NanoNode[Any, Any]:
    """Return the node of a file that has it, with options in one line, behind a source."""
    text = f"nodes:\n  s: {{class: CounterOfThings}}\n  n:\n    class: {cls}\n    options: {options}\npaths: [[s, n]]\n"
    return parse_pipeline(text, "f.yaml", {}).nodes["n"]


def problems(cls: str, options: str) -> list[str]:
    """Return what is wrong with the options of a node in a file."""
    with pytest.raises(ConfigError) as caught:
        parsed(cls, options)
    return [str(problem) for problem in caught.value.problems]


def test_options_that_are_lists_and_mappings() -> None:
    """A file gives sequences, mappings and typed values as they stand there."""
    node = parsed("SequenceEmitter", "{sequence: [{value: '12', type: int}, {a: 1}], max_sequences: 2}")
    assert isinstance(node, SequenceEmitter)
    assert (node.sequence, node.max_sequences) == ([12, {"a": 1}], 2)
    node = parsed("GetEnvironmentVariables", "{environment_variables: [A], mappings: {A: a}}")
    assert isinstance(node, GetEnvironmentVariables)
    assert node.own_output().names == ("a",)  # type: ignore[union-attr]  # it has some


def test_transforms_of_a_file() -> None:
    """A file names functions that are registered, and values, null among them."""
    entries = "[{path: a, target_function: int}, {path: [b, c], target_value: null, starting_path: b}]"
    node = parsed("SimpleTransforms", f"{{transform_mapping: {entries}}}")
    assert isinstance(node, SimpleTransforms)
    assert node.transforms[0].function("7") == 7
    assert node.transforms[1].function("7") is None


def test_a_file_cannot_import_a_function() -> None:
    """A name that is not registered is refused at its place, though the module is there: files import nothing."""
    entries = "[{path: a, target_function: os__system}]"
    assert problems("SimpleTransforms", f"{{transform_mapping: {entries}}}") == [
        "f.yaml:5:62: option `transform_mapping`: no function is registered as `os__system`"
    ]


@pytest.mark.parametrize(
    ("cls", "options", "problem"),
    [
        (
            "SimpleTransforms",
            "{transform_mapping: [{path: a}]}",
            "34: SimpleTransforms refuses its options: transform_mapping, entry 1: "
            "give target_value or target_function, not neither",
        ),
        (
            "RandomSample",
            "{sample: 2}",
            "23: RandomSample refuses its options: sample must be a probability from 0 to 1, not 2.0",
        ),
        ("RandomSample", "{smaple: 1}", "15: unknown option of RandomSample `smaple`; did you mean `sample`?"),
        (
            "SubstituteRegex",
            "{match_regex: '(', substitute_string: a}",
            "28: SubstituteRegex refuses its options: match_regex: `(` is no expression of RE2: missing ): (",
        ),
        (
            "LocalDirectoryWatchdog",
            "{check_interval: no}",
            "31: option `check_interval`: expected a number, got the text 'no'",
        ),
        ("LocalFileReader", "{read_mode: w}", "26: option `read_mode`: expected `r` or `rb`, got the text 'w'"),
    ],
)
def test_wrong_options_are_placed(cls: str, options: str, problem: str) -> None:
    """What is wrong with an option of a file is told at its place."""
    assert problems(cls, options) == [f"f.yaml:5:{problem}"]
