"""Every YAML that the project shows, as a file or in a page: right to an editor, and to the linter."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Never

import pytest
from jsonschema import Draft7Validator

from nanotyped.config import class_factory
from nanotyped.config.json_schema import pipeline_schema
from nanotyped.config.linting import lint_files
from nanotyped.config.yaml_reader import parse_yaml
from nanotyped.config.yaml_text import render_yaml_text
from nanotyped.node import NanoNode
from nanotyped.registry import register_node, temporary_registry

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```ya?ml\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
ENVIRONMENT = {"SHOP_URL": "mysql://u:p@127.0.0.1/shop", "API_URL": "http://127.0.0.1:8080", "API_TOKEN": "t"}
ENVIRONMENT |= {"CLIENT_KEY": "client.key"}
SINK = {"class": "PrinterOfThings"}


class AddTax(NanoNode[Any, Any]):
    """What pages show as a node of the reader's own module."""

    def __init__(self, *, percent: int = 10, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.percent = percent

    def process_item(self, row: Any) -> Iterator[Any]:
        yield row


class Greet(AddTax):
    """Another one."""


class Addresses(NanoNode[Never, Any]):
    """And a source."""

    def generator(self) -> Iterator[Any]:
        yield from ()


class Shown(NamedTuple):
    """A text of YAML, and where it stands."""

    place: str
    text: str


def _shown() -> list[Shown]:
    files = [path for folder in ("examples", "docs") for path in (ROOT / folder).rglob("*.y*ml")]
    found = [Shown(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")) for path in files]
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        text = page.read_text(encoding="utf-8")
        for block in BLOCK.finditer(text):
            line = text.count("\n", 0, block.start()) + 2
            found.append(Shown(f"{page.relative_to(ROOT)}:{line}", textwrap.dedent(block["text"])))
    return sorted(found)


SHOWN = _shown()


def _read(shown: Shown) -> dict[str, Any]:
    document = parse_yaml(shown.text, shown.place)
    assert document.problems == []
    assert isinstance(document.value, dict)
    return document.value


def _whole(value: dict[str, Any]) -> dict[str, Any]:
    """Return the file that a page shows a part of: nodes without links, one node, what stands in one, or a section."""
    if set(value) == {"cluster"}:
        return {
            "nodes": {"before": {"class": "CounterOfThings"}, "behind": SINK},
            "paths": [["before", "behind"]],
            **value,
        }
    if {"paths", "edges", "node_sequence", "name"} & value.keys():
        return value
    if "nodes" not in value:
        if all(isinstance(item, dict) and "class" in item for item in value.values()):
            value = {"nodes": value}
        else:
            value = {"nodes": {"shown": {"class": "ReadRows", "options": {"path": "a.csv"}, **value}}}
    first, *_ = value["nodes"]
    before = {"before": {"class": "SequenceEmitter", "options": {"sequence": []}}}
    is_source = value["nodes"][first]["class"] in ("StreamMySQLTable", "ReadRows", "StreamHttp")
    nodes = {**({} if is_source else before), **value["nodes"], "behind": SINK}
    return {**value, "nodes": nodes, "paths": [list(nodes)]}


@pytest.fixture(autouse=True)
def composites(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make the composites known that are shown, and set the variables that files name."""
    for variable, text in ENVIRONMENT.items():
        monkeypatch.setenv(variable, text)
    with temporary_registry():
        for cls in (AddTax, Greet, Addresses):
            register_node(cls)
        for shown in SHOWN:
            value = _read(shown)
            if isinstance(value.get("nodes"), list):
                class_factory(value)
        yield


def test_there_is_yaml_to_look_at() -> None:
    """Files of each form, and blocks of the README and of pages."""
    places = {shown.place.partition(":")[0] for shown in SHOWN}
    assert {"README.md", "examples/nodes/letters.yaml", "examples/nodes/csv_records.yaml"} <= places
    assert "docs/reference/schema-contract.md" in places


@pytest.mark.parametrize("shown", SHOWN, ids=lambda shown: shown.place)
def test_what_is_shown_is_valid(shown: Shown) -> None:
    """An editor has nothing against it; a part of a file is looked at in one."""
    assert [error.message for error in Draft7Validator(pipeline_schema()).iter_errors(_whole(_read(shown)))] == []


@pytest.mark.parametrize("shown", SHOWN, ids=lambda shown: shown.place)
def test_the_linter_finds_nothing_in_what_is_shown(shown: Shown, tmp_path: Path) -> None:
    """It connects to nothing: `examples/demo/refused.yaml` is refused for what its table is."""
    path = tmp_path / "shown.yaml"
    path.write_text(render_yaml_text(_whole(_read(shown))))
    assert lint_files([str(path)]) == []
