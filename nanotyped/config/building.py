"""The nodes of a pipeline file -> linked nodes, or every mistake in them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from nanotyped.config.codes import Code
from nanotyped.config.composites import hide_secrets
from nanotyped.config.entries import Entries, KeyedNodes, NodeEntry, SequencedNodes, find_class
from nanotyped.config.environment import Substitution
from nanotyped.config.links import LinkReader
from nanotyped.config.models import PipelineForm, SequenceForm, read_form
from nanotyped.config.options import CheckedOptions, OptionChecker
from nanotyped.config.unmade import unmade
from nanotyped.errors import NanotypedError, WrongOptionsError

if TYPE_CHECKING:
    from nanotyped.config.annotations import NodeClass
    from nanotyped.config.links import NamedLink
    from nanotyped.config.yaml_reader import Document, Path, Spot
    from nanotyped.errors import ConfigProblem
    from nanotyped.node import NanoNode
    from nanotyped.redaction import Redactor


@dataclass(frozen=True, slots=True)
class Built:
    """What was made of a file.

    Attributes:
        title: Name of the pipeline.
        description: Text for people.
        nodes: The nodes, linked, by the names that the file has for them.
        places: Where each stands.
        entries: What the file says of each; not of a composite.
        values: The options of each, as its constructor got them.
        links: Each link, by the names of its ends.
    """

    title: str | None
    description: str
    nodes: Mapping[str, NanoNode[Any, Any]]
    places: Mapping[str, Path]
    entries: Mapping[str, NodeEntry] = field(default_factory=dict)
    values: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    links: Sequence[NamedLink] = ()


class Builder:
    """Makes the pipeline of one file if nothing is wrong with it, or as far as it can be.

    Args:
        document: The file.
        environment: Where ``${NAME}`` is looked up.
        problems: Takes every problem; those of the document are there already.
        redactor: Learns the secrets.
        partial: Whether nodes that cannot be made are stood for.
    """

    def __init__(
        self,
        document: Document,
        environment: Mapping[str, str],
        problems: list[ConfigProblem],
        redactor: Redactor,
        *,
        partial: bool,
    ) -> None:
        self.document = document
        self.partial = partial
        self.problems = problems
        self.substitution = Substitution(document, environment)
        self.redactor = redactor
        self.nodes: dict[str, NanoNode[Any, Any]] = {}
        self.values: dict[str, Mapping[str, Any]] = {}
        self.entries: dict[str, NodeEntry] = {}

    def build(self) -> Built | None:
        """Return the nodes, linked; ``None`` where there is nothing to be made of the file."""
        entries = self._entries()
        if entries is None:
            return None
        for name in entries.places:
            before = len(self.problems), len(self.substitution.problems)
            node = self._node(entries, name)
            if node is None and self.partial:
                found = [*self.problems[before[0] :], *self.substitution.problems[before[1] :]]
                node = self._stand_in(name, entries.places[name], [problem.reason for problem in found])
            if node is not None:
                self.nodes[name] = node
        self.problems += self.substitution.problems
        if not entries.has_links:
            return None
        reader = LinkReader(self.document, entries.places)
        links = entries.links(reader)
        self.problems += reader.problems
        if not self.nodes or (self.problems and not self.partial):
            return None
        for link in links:
            self.nodes[link.source].add_edge(self.nodes[link.target], max_queue_size=link.max_queue_size)
        return Built(entries.title, entries.description, self.nodes, entries.places, self.entries, self.values, links)

    def _entries(self) -> Entries | None:
        root = self.document.value
        before = len(self.problems)
        if isinstance(root, dict) and "node_sequence" in root:
            sequence = read_form(SequenceForm, self.document, (), self.problems)
            if sequence is None:
                return None
            if not sequence.node_sequence and not self.document.is_unread(("node_sequence",)):
                self._report(("node_sequence",), "a sequence has at least one node")
            return SequencedNodes(sequence, self.document, self.problems)
        form = read_form(PipelineForm, self.document, (), self.problems)
        if form is None:
            return None
        if not form.nodes and not self.document.is_unread(("nodes",)):
            self._report(("nodes",), "a pipeline has at least two nodes")
        return KeyedNodes(form, self.document, is_whole=len(self.problems) == before)

    def _report(self, place: Path, reason: str) -> None:
        self.problems.append(self.document.problem(self.document.value_spot(place), reason))

    def _node(self, entries: Entries, name: str) -> NanoNode[Any, Any] | None:
        entry = entries.read(name, self.problems)
        if entry is None:
            return None
        self.entries[name] = entry
        cls = find_class(entry.class_name, (*entry.place, "class"), self.document, self.problems)
        if cls is None:
            return None
        hide_secrets(cls, self.redactor)
        checked = self._options(cls, entry)
        self.values[name] = checked.values
        self.problems += checked.problems
        self.redactor.hide(checked.secrets)
        self.redactor.hide_variables(self.substitution.used)
        unread = any(place[: len(entry.place)] == entry.place for place in self.document.unread)
        if not entry.has_options or checked.problems or unread:
            return None
        return self._make(cls, entry, checked.values)

    def _stand_in(self, name: str, place: Path, reasons: list[str]) -> NanoNode[Any, Any]:
        node = self.document.at(place)
        class_name = node.get("class") if isinstance(node, dict) else None
        return unmade(class_name if isinstance(class_name, str) else "?", name, reasons, self.values.get(name, {}))

    def _options(self, cls: NodeClass, entry: NodeEntry) -> CheckedOptions:
        checker = OptionChecker(cls, self.document, self.substitution)
        if entry.has_options:
            checker.check(entry.options, entry.options_place, beside=entry.beside)
        for option, schema in entry.schemas.items():
            place = (*entry.place, option)
            if option in entry.options:
                spot = self.document.key_spot(place)
                reason = f"`{option}` stands in `options` too; keep one"
                checker.checked.problems.append(self.document.problem(spot, reason, Code.TWICE))
            else:
                checker.check_schema(option, schema, place)
        return checker.checked

    def _make(self, cls: NodeClass, entry: NodeEntry, options: Mapping[str, Any]) -> NanoNode[Any, Any] | None:
        try:
            made = cls(name=entry.name, summary=entry.summary, **options)
            _ = made.is_sink  # which raises where the class forgot to call the constructor of its base
            return made
        except Exception as error:  # noqa: BLE001 - the constructor is the user's, and what it raises is said to them
            text = str(error) if isinstance(error, ValueError | TypeError | NanotypedError) else ""
            hint = self.substitution.bare_hint(dict(entry.options))
            for part in error.problems if isinstance(error, WrongOptionsError) else [text]:
                reason = f"{cls.__name__} refuses its options: {part or f'{type(error).__name__}: {error}'}"
                reason = self.redactor.redact(reason, shortest=1) + (f"; {hint}" if hint else "")
                spot = spot_of_option(self.document, entry.place, entry.options_place, part)
                self.problems.append(self.document.problem(spot, reason, Code.REFUSED))
            return None


def spot_of_option(document: Document, node: Path, options: Path, reason: str) -> Spot:
    """Return where the option stands that a reason names first; where it names none of the file, the node."""
    found = _named_first(document, options, r"\b{}\b", reason) or _named_first(document, node, r"\b{}\b", reason)
    if found is None or found in ((*node, "class"), (*node, "name")):
        return document.key_spot(node)
    # Such as a column of `columns`, which stands there in backticks.
    return document.value_spot(_named_first(document, found, "`{}`", reason) or found)


def spot_of_finding(document: Document, node: Path, reason: str) -> Spot:
    """Return where, below a node, the first name stands that a reason has in backticks; else where the node does.

    The name of the node itself, with which a reason begins, is not meant.
    """
    below = [place for place in document.places if place[: len(node)] == node and len(place) > len(node)]
    options = [place for place in below if place[len(node)] not in ("class", "name", "summary")]
    for word in re.findall(r"`([^`]+)`", re.sub(r"^node `[^`]*`", "", reason)):
        for place in options:
            value = document.at(place)
            if isinstance(value, str) and word in (value, value.split(".")[0]):
                return document.value_spot(place)
            if place[-1] == word:
                return document.key_spot(place)
    return document.key_spot(node)


def _named_first(document: Document, parent: Path, pattern: str, reason: str) -> Path | None:
    """Return the part of a mapping whose key a reason names before those of the others."""
    named = [
        (found.start(), place)
        for place in document.places
        if place[:-1] == parent and (found := re.search(pattern.format(re.escape(str(place[-1]))), reason))
    ]
    return min(named, key=itemgetter(0))[1] if named else None
