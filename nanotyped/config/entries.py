"""The nodes of a file, in whichever form: each one's name, place, class and options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from nanotyped.config.codes import Code
from nanotyped.config.explain import describe
from nanotyped.config.models import NodeForm, PipelineForm, SequenceForm, SequenceNodeForm, read_form
from nanotyped.errors import nearest_hint
from nanotyped.node import NanoNode
from nanotyped.registry import UnknownNameError, find_node_class

if TYPE_CHECKING:
    from nanotyped.config.annotations import NodeClass
    from nanotyped.config.links import LinkReader, NamedLink
    from nanotyped.config.yaml_reader import Document, Path, Value
    from nanotyped.errors import ConfigProblem

_CLASSES = (
    "`nanotyped nodes` lists the classes; those of a module of your own are known with `--module NAME`, composites with"
    " `--composite FILE`"
)


@dataclass(frozen=True, slots=True)
class NodeEntry:
    """One node, as a file has it.

    Attributes:
        name: Its name.
        place: Where it stands.
        class_name: The name of its class.
        summary: Text for people.
        options: Its options.
        options_place: Where these stand.
        has_options: Whether what is not in ``options`` is missing; not where their key may be misspelt.
        schemas: ``input_schema`` and ``output_schema`` where they stand beside the options.
        beside: The other keys that may stand where the options do.
    """

    name: str
    place: Path
    class_name: str
    summary: str
    options: Mapping[str, Value]
    options_place: Path
    has_options: bool = True
    schemas: Mapping[str, Value] = field(default_factory=dict)
    beside: tuple[str, ...] = ()


class Entries(Protocol):
    """The nodes of a file, and their links.

    Attributes:
        title: Name of the pipeline.
        description: Text for people.
        places: The names of the nodes, in the order of the file, and where each stands.
        has_links: Whether the links can be read; not where their key may be misspelt.
    """

    title: str | None
    description: str
    places: Mapping[str, Path]
    has_links: bool

    def read(self, name: str, problems: list[ConfigProblem]) -> NodeEntry | None:
        """Return a node; ``None`` where so much is wrong with it that it is none."""

    def links(self, reader: LinkReader) -> list[NamedLink]:
        """Return the links."""


class KeyedNodes:
    """The nodes of a file that has each under its name: ``nodes``, with ``paths`` or ``edges``."""

    def __init__(self, form: PipelineForm, document: Document, *, is_whole: bool) -> None:
        self._form = form
        self._document = document
        self.title = form.pipeline_name
        self.description = form.pipeline_description or ""
        self.places: Mapping[str, Path] = {name: ("nodes", name) for name in form.nodes}
        self.has_links = is_whole or form.paths is not None or form.edges is not None

    def read(self, name: str, problems: list[ConfigProblem]) -> NodeEntry | None:
        """Return a node."""
        place = self.places[name]
        before = len(problems)
        form = read_form(NodeForm, self._document, place, problems)
        if form is None:
            return None
        beside = {"input_schema": form.input_schema, "output_schema": form.output_schema}
        return NodeEntry(
            name,
            place,
            form.class_name,
            form.summary or "",
            form.options or {},
            (*place, "options"),
            # Where a key is misspelt it may be that of the options; none of them is missing then.
            has_options=form.options is not None or len(problems) == before,
            schemas={option: schema for option, schema in beside.items() if schema is not None},
        )

    def links(self, reader: LinkReader) -> list[NamedLink]:
        """Return the links of ``paths`` and ``edges``."""
        return reader.read_pipeline(self._form)


class SequencedNodes:
    """The nodes of a file that lists them, each with its options inline and the names of its ``parents``."""

    has_links = True
    _KEYS = ("name", "class", "summary", "parents")

    def __init__(self, form: SequenceForm, document: Document, problems: list[ConfigProblem]) -> None:
        self._document = document
        self.title = form.pipeline_name
        self.description = form.pipeline_description or ""
        self.places: Mapping[str, Path] = named_places(document, "node_sequence", problems)
        self._parents: dict[str, Any] = {}

    def read(self, name: str, problems: list[ConfigProblem]) -> NodeEntry | None:
        """Return a node."""
        place = self.places[name]
        value = self._document.at(place)
        self._parents[name] = value.get("parents")
        if "class" not in value and (hint := nearest_hint("class", [key for key in value if key != "name"])):
            wrong = hint.split("`")[1]
            spot = self._document.key_spot((*place, wrong))
            problems.append(
                self._document.problem(spot, f"unknown key `{wrong}`; did you mean `class`?", Code.UNKNOWN_KEY)
            )
            return None
        form = read_form(SequenceNodeForm, self._document, place, problems)
        if form is None:
            return None
        options = {key: item for key, item in value.items() if key not in self._KEYS}
        return NodeEntry(name, place, form.class_name, form.summary or "", options, place, beside=self._KEYS)

    def links(self, reader: LinkReader) -> list[NamedLink]:
        """Return the links from parents."""
        return reader.read_parents(self._parents)


def named_places(document: Document, key: str, problems: list[ConfigProblem]) -> dict[str, Path]:
    """Return the names of the nodes of a list, and where each stands; those without a name are problems."""
    found: dict[str, Path] = {}
    for index, item in enumerate(document.at((key,))):
        place: Path = (key, index)
        if document.is_unread(place):
            continue
        if not isinstance(item, dict):
            reason = f"a node is a mapping with `name` and `class`, got {describe(item)}"
            problems.append(document.problem(document.value_spot(place), reason))
        elif document.is_unread((*place, "name")):
            continue
        elif not isinstance(name := item.get("name"), str):
            got = f"expected text, got {describe(name)}" if "name" in item else "`name` is missing"
            spot = document.value_spot((*place, "name")) if "name" in item else document.key_spot(place)
            if "name" in item:
                problems.append(document.problem(spot, f"`name`: {got}"))
            else:
                problems.append(document.problem(spot, got, Code.MISSING_KEY))
        elif name in found:
            first = document.key_spot(found[name])
            reason = f"two nodes bear the name `{name}`; the first is on line {first.line}"
            problems.append(document.problem(document.value_spot((*place, "name")), reason, Code.TWICE))
        else:
            found[name] = place
    return found


def find_class(class_name: str, place: Path, document: Document, problems: list[ConfigProblem]) -> NodeClass | None:
    """Return the node class of a name that stands in a file; ``None`` after a report."""
    spot = document.value_spot(place)
    try:
        cls = find_node_class(class_name)
    except UnknownNameError as error:
        remedy = "" if error.hint else f"; {_CLASSES}"
        problems.append(document.problem(spot, f"{error}{remedy}", Code.UNKNOWN_CLASS))
        return None
    if issubclass(cls, NanoNode):
        return cls
    reason = f"`{class_name}` is registered, but is no node class"  # type: ignore[unreachable]  # whoever registers it may not run mypy
    problems.append(document.problem(spot, reason, Code.UNKNOWN_CLASS))
    return None
