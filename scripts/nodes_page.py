"""Writes ``docs/reference/nodes.md`` out of the docstrings and options of the nodes: ``make docs``."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import BaseModel

from nanotyped import nodes
from nanotyped.node import NanoNode, options_of
from nanotyped.registry import registered_nodes

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "nodes.md"
GROUPS: Mapping[str, tuple[str, ...]] = {
    "Sources": (
        *("ConstantEmitter", "CounterOfThings", "SequenceEmitter", "GetEnvironmentVariables"),
        *("LocalDirectoryWatchdog", "StreamMySQLTable", "StreamTable", "StreamHttp", "ReadRows"),
    ),
    "Files and CSV": ("LocalFileReader", "CSVReader", "CSVToDictionaryList"),
    "Columns": ("InsertData", "Remapper", "Cast", "SubstituteRegex"),
    "Rows that pass": ("Filter", "RandomSample", "PrinterOfThings"),
    "Over time": ("BatchMessages", "TimeWindowAccumulator", "StreamingJoin"),
    "Out of an HTTP API": ("HttpGetRequest", "HttpGetRequestPaginator"),
    "Documents": ("Serializer", "SimpleTransforms", "AggregateValues"),
    "Sinks": ("HttpPostRequest", "WriteMySQLTable", "WriteRows", "KafkaProducer"),
    "Names of the oldest interface": (
        *("NanoStreamProcessor", "NanoStreamGraph", "PrintStreamProcessor", "FileReader", "FileWriter"),
        "WatchdogDirectoryListener",
    ),
}
_HEAD = """\
# Nodes

<!-- Written by `make docs`; a test holds this page to the code. -->

Every node that comes with the package, by its name in Python and YAML. All of them take the
[options of every node](node-options.md) beside their own. *Needs* is what must come, *Gives* is what they send, before
`output_key` and `retain_input` are applied. An error of a row is what `on_error` may skip or keep as a dead letter; all
else ends the run.
"""
_SECTION = re.compile(r"^(Args|Raises|Attributes):\n", re.MULTILINE)
_ENTRY = re.compile(r"^    (\w+): ", re.MULTILINE)


class Described(NamedTuple):
    """What a docstring says: its text, and the entries of its sections."""

    text: str
    arguments: Mapping[str, str]
    errors: Mapping[str, str]


def documented_names() -> set[str]:
    """Return the names of all nodes that come with the package, each once, and of what is linked with them."""
    own = {name: cls for name, cls in registered_nodes().items() if cls.__module__.startswith("nanotyped.nodes")}
    aliases = {name for name, cls in own.items() if cls.__name__ != name}
    return {*own, "NanoStreamProcessor", "NanoStreamGraph"} - aliases


def render_page() -> str:
    """Return the text of the page."""
    parts = [_HEAD]
    for group, names in GROUPS.items():
        links = ", ".join(f"[`{name}`](#{name.lower()})" for name in names)
        parts.append(f"- {group}: {links}")
    for group, names in GROUPS.items():
        parts.append(f"\n## {group}")
        parts += [_node(name) for name in names]
    return "\n".join(parts) + "\n"


def _node(name: str) -> str:
    cls: type[Any] = getattr(nodes, name)
    described = describe(inspect.getdoc(cls) or "")
    parts = [f"\n### {name}\n\n{described.text}"]
    options, meanings = _options(cls), _meanings(cls)
    if options:
        lines = [f"| `{key}` | {_default(given)} | {meanings.get(key, '')} |" for key, given in options.items()]
        parts.append("\n".join(["| option | default | meaning |", "| --- | --- | --- |", *lines]))
    if described.errors:
        parts.append("Refused at construction: " + " ".join(described.errors.values()))
    return "\n\n".join(parts)


def _options(cls: type[Any]) -> dict[str, inspect.Parameter]:
    """Return the options that a class has beside those of every node, and those that mean something else there."""
    if not issubclass(cls, NanoNode):
        return {}
    common = options_of(NanoNode)
    return {name: given for name, given in options_of(cls).items() if common.get(name) != given}


def _meanings(cls: type[Any]) -> dict[str, str]:
    """Return what the docstrings of a class and its bases say of options; each counts before those behind it."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        found |= describe(inspect.cleandoc(base.__doc__ or "")).arguments
    return {name: text.replace("|", "\\|") for name, text in found.items()}


def _default(parameter: inspect.Parameter) -> str:
    if parameter.default is inspect.Parameter.empty:
        return "required"
    if isinstance(parameter.default, BaseModel):
        return f"`{parameter.default.model_dump(mode='json', exclude_none=True)}`"
    return "none" if parameter.default is None else f"`{parameter.default!r}`"


def describe(doc: str) -> Described:
    """Return what a docstring in Google's style says, as Markdown."""
    text, *rest = _SECTION.split(doc)
    sections = dict(zip(rest[::2], rest[1::2], strict=True))
    return Described(
        "\n\n".join(_markdown(paragraph) for paragraph in text.strip().split("\n\n")),
        _entries(sections.get("Args", "")),
        _entries(sections.get("Raises", "")),
    )


def _entries(section: str) -> dict[str, str]:
    found: Iterable[str] = _ENTRY.split(section)[1:]
    pieces = list(found)
    return dict(zip(pieces[::2], map(_markdown, pieces[1::2]), strict=True))


def _markdown(text: str) -> str:
    joined = " ".join(text.split()).replace("``", "`")
    return re.sub(r"\b(Needs|Gives): ", r"*\1*: ", joined)


if __name__ == "__main__":
    PAGE.write_text(render_page(), encoding="utf-8")
