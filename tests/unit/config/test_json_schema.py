from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from nanotyped.cli import main
from nanotyped.config import class_factory
from nanotyped.config.json_schema import pipeline_schema
from nanotyped.config.yaml_reader import load_yaml, parse_yaml
from nanotyped.registry import registered_nodes
from tests.unit.config.test_pipeline import GOOD
from tests.unit.config.test_sequences import KEYED, TEXT

FIXTURES = sorted((Path(__file__).parent / "lint").glob("*.yaml"))
# Of these only the linter knows what is wrong: names, columns, the environment, what a class refuses.
FOR_THE_LINTER = {"contract", "tests"}


def errors(value: Any) -> list[str]:
    """Return what the schema has against a file: where, and what."""
    validator = Draft7Validator(pipeline_schema())
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]


def of(text: str) -> list[str]:
    """Return what the schema has against a text."""
    return errors(parse_yaml(text, "f.yaml").value)


def test_the_schema_is_one() -> None:
    """It holds to the dialect that it names, and has the options of every class."""
    schema = pipeline_schema()
    Draft7Validator.check_schema(schema)
    assert {f"options of {name}" for name in registered_nodes() if name != "NotANode"} <= set(schema["$defs"])


@pytest.mark.parametrize("text", [GOOD, TEXT, KEYED], ids=["pipeline", "sequence", "keyed"])
def test_what_loads_is_valid(text: str) -> None:
    """Files of each form, with references to the environment and keys that hold nothing."""
    assert of(text) == []


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_a_wrong_file_fails_the_schema_or_the_linter(path: Path) -> None:
    """Each fixture fails the linter; the schema finds what is wrong with it wherever a file by itself shows it."""
    document = load_yaml(str(path))
    known_to_yaml = bool(document.problems)
    assert bool(errors(document.value)) or known_to_yaml or path.stem in FOR_THE_LINTER


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        ("{class: Count, options: {start: 3, rate: 2.5, flag: true, sizes: [1], columns: {a: 1}}}", ""),
        ('{class: Count, options: {start: "${N}", flag: "${N}", mode: "${N}", columns: {a: "${N}"}}}', ""),
        ("{class: Count, options: {key: [a, 1], price: 5, convert: int, password: x}}", ""),
        ("{class: Count, options: {output_schema: {n: int}, on_error: skip, retry: {attempts: 5}}}", ""),
        ("{class: Count, options: }", ""),
        ("{class: Reader, options: {host: h, table: t}}", ""),
        ("{class: Reader}", "$.nodes.a: 'options' is a required property"),
        ("{class: Reader, options: {host: h}}", "$.nodes.a.options: 'table' is a required property"),
        ("{class: Count, options: {start: three}}", "$.nodes.a.options.start: 'three' is not valid under any"),
        ("{class: Count, options: {host: 5}}", "$.nodes.a.options.host: 5 is not of type 'string'"),
        ("{class: Count, options: {strat: 5}}", "$.nodes.a.options: Additional properties are not allowed ('strat'"),
        ("{class: Count, options: {mode: fats}}", "$.nodes.a.options.mode: 'fats' is not valid under any"),
        ("{class: Count, options: {retry: {atempts: 5}}}", "$.nodes.a.options.retry: {'atempts': 5} is not valid"),
        ("{class: Count, output_schema: {n: 5}}", "$.nodes.a.output_schema: {'n': 5} is not valid under any"),
        ("{class: Cuont}", "$.nodes.a.class: 'Cuont' is not valid under any"),
        ("{clas: Count}", "$.nodes.a: 'class' is a required property"),
        ("{class: Count, option: {}}", "$.nodes.a: Additional properties are not allowed ('option' was unexpected)"),
    ],
)
def test_an_editor_knows_the_options_of_a_node(node: str, expected: str) -> None:
    """Types, choices, names and what is needed are in the schema; `${NAME}` may stand for any of them."""
    found = of(f"nodes:\n  a: {node}\n  b: {{class: Show}}\npaths: [[a, b]]\n")
    assert any(error.startswith(expected) for error in found) if expected else found == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("node_sequence:\n- {name: a, class: Count, start: x}\n", "$.node_sequence[0].start: 'x' is not valid"),
        ("node_sequence:\n- {name: a, class: Count, parent: [b]}\n", "$.node_sequence[0]: Additional properties"),
        ("node_sequence:\n- {class: Count}\n", "$.node_sequence[0]: 'name' is a required property"),
        ("name: X\nnodes:\n- {name: a, class: Count, arg_mapping: {strat: x}}\n", "$.nodes[0].arg_mapping: 'strat'"),
        ("name: X\nnodes:\n- {name: a, class: Count, frozen_arguments: {x: 1}}\n", "$.nodes[0].frozen_arguments: 'x'"),
        ("name: X\nnodes:\n- {name: a, class: Count}\nedges: [{from: a}]\n", "$.edges[0]: 'to' is a required"),
        ("nodes: {a: {class: Count}}\n", "$: {'nodes': {'a': {'class': 'Count'}}} is not valid under any"),
        ("nodes: {a: {class: Count}}\npaths: [[a]]\n", "$.paths[0]: ['a'] is too short"),
    ],
)
def test_an_editor_knows_each_form(text: str, expected: str) -> None:
    """The keys of each form, and what stands under them."""
    assert any(error.startswith(expected) for error in of(text)), of(text)


def test_an_editor_shows_what_classes_and_options_mean() -> None:
    """Descriptions come from the docstrings, defaults from the constructors."""
    schema = pipeline_schema()
    option = schema["$defs"]["options of PrinterOfThings"]["properties"]["prepend"]
    assert option == {"type": "string", "description": "Text before each message.", "default": "printer: "}
    classes = schema["$defs"]["pipeline"]["properties"]["nodes"]["additionalProperties"]["properties"]["class"]["anyOf"]
    assert {"const": "Show", "description": "A sink."} in classes


def test_a_composite_is_in_the_schema() -> None:
    """Its outer names are its options, with the types of the inner ones."""
    mapping = {"start": "first"}
    class_factory({"name": "Made", "nodes": [{"name": "a", "class": "Count", "arg_mapping": mapping}]})
    start = "nodes:\n  a: {class: Made, options: {%s}}\n  b: {class: Show}\npaths: [[a, b]]\n"
    assert of(start % "first: 3") == []
    assert of(start % "first: x")[0].startswith("$.nodes.a.options.first: 'x' is not valid")
    assert of(start % "start: 3")[0].startswith("$.nodes.a.options: Additional properties")


def test_the_command_prints_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    """JSON on stdout."""
    assert main(["schema"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(pipeline_schema()))
