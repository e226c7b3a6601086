"""``paths``, ``edges`` and ``parents`` of a file: names -> pairs of names, each with its place."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from nanotyped.config.codes import Code
from nanotyped.config.explain import describe, unknown
from nanotyped.config.models import CompositeForm, EdgeForm, PartEdgeForm, PipelineForm, read_form

if TYPE_CHECKING:
    from nanotyped.config.yaml_reader import Document, Path, Spot
    from nanotyped.errors import ConfigProblem


class NamedLink(NamedTuple):
    """One edge by the names of its ends, the place of its target, and how many rows may wait on it."""

    source: str
    target: str
    spot: Spot
    max_queue_size: int | None = None


class LinkReader:
    """Reads the links of a file.

    Args:
        document: The file.
        names: The names of all nodes, and where each stands.
    """

    def __init__(self, document: Document, names: Mapping[str, Path]) -> None:
        self.document = document
        self.names = names
        self.problems: list[ConfigProblem] = []
        self.mentioned: set[str] = set()

    def read_pipeline(self, form: PipelineForm) -> list[NamedLink]:
        """Return every link of ``paths`` and ``edges`` once, in the order of the file.

        What is wrong with them is in ``problems``; so it is with the other forms.
        """
        found = [*self._paths(form.paths or []), *self._edges(form.edges or [], EdgeForm)]
        if form.paths is None and form.edges is None and not self._is_cut_off():
            reason = "`paths` is missing: lists of the names of nodes, in the order that rows take"
            self.problems.append(self.document.problem(self.document.key_spot(()), reason, Code.MISSING_KEY))
            return []
        return self._checked(found, "is in no path")

    def read_parents(self, parents: Mapping[str, Any]) -> list[NamedLink]:
        """Return the links to every node from those that it names as its parents."""
        found = [link for name, given in parents.items() for link in self._parents(name, given)]
        return self._checked(found, "has no parents, and is a parent of none" if len(self.names) > 1 else "")

    def read_parts(self, form: CompositeForm) -> list[NamedLink]:
        """Return the links between the nodes of a composite; without ``edges`` in the order that they are listed in."""
        if form.edges is None:
            spot = self.document.key_spot(("nodes",))
            return [NamedLink(source, target, spot) for source, target in pairwise(self.names)]
        found = list(self._edges(form.edges, PartEdgeForm))
        return self._checked(found, "is in no edge" if len(self.names) > 1 else "")

    def _parents(self, name: str, parents: Any) -> Iterable[NamedLink]:
        if parents:
            self.mentioned.add(name)  # also where none of them is right
        for index, parent in enumerate(parents if isinstance(parents, list) else ()):
            place = (*self.names[name], "parents", index)
            if self._is_node(parent, place):
                yield from self._link(parent, name, place)

    def _checked(self, found: list[NamedLink], unmentioned: str) -> list[NamedLink]:
        links: dict[tuple[str, str], NamedLink] = {}
        for link in found:
            first = links.setdefault((link.source, link.target), link)
            if link.max_queue_size is not None:  # of a pair that is named twice, also by a path
                links[link.source, link.target] = first._replace(max_queue_size=link.max_queue_size)
        if unmentioned and not self._is_cut_off():
            self._check_mentioned(unmentioned)
        self._check_circles(list(links.values()))
        self._check_connected(list(links.values()))
        return list(links.values())

    def _is_cut_off(self) -> bool:
        """Return whether links could not be read at all, so that nothing follows from what is not there."""
        return any(not place or place[0] in ("paths", "edges") or "parents" in place for place in self.document.unread)

    def _paths(self, paths: list[Any]) -> Iterable[NamedLink]:
        for number, path in enumerate(paths):
            place = ("paths", number)
            if self.document.is_unread(place):
                continue
            if not isinstance(path, list):
                self._report(place, f"a path is a list of names, got {describe(path)}")
                continue
            if len(path) < 2:
                named = f"`{path[0]}` alone" if path else "nothing"
                self._report(place, f"a path has two names or more, got {named}", Code.LINKS)
            known = [self._is_node(name, (*place, index)) for index, name in enumerate(path)]
            for index in range(1, len(path)):
                if known[index - 1] and known[index]:
                    yield from self._link(path[index - 1], path[index], (*place, index))

    def _edges(self, edges: list[Any], form: type[EdgeForm | PartEdgeForm]) -> Iterable[NamedLink]:
        keys = [form.model_fields[end].alias or end for end in ("source", "target")]
        for number in range(len(edges)):
            place = ("edges", number)
            edge = read_form(form, self.document, place, self.problems)
            if edge is None:
                continue
            source, target = ((*place, key) for key in keys)
            known = [self._is_node(edge.source, source), self._is_node(edge.target, target)]
            if all(known):
                bound = edge.max_queue_size if isinstance(edge, EdgeForm) else None
                for link in self._link(edge.source, edge.target, target):
                    yield link._replace(max_queue_size=bound)

    def _link(self, source: str, target: str, place: Path) -> Iterable[NamedLink]:
        if source == target:
            self._report(place, f"`{source}` cannot be linked to itself", Code.LINKS)
        else:
            yield NamedLink(source, target, self.document.value_spot(place))

    def _is_node(self, name: Any, place: Path) -> bool:
        if self.document.is_unread(place):
            return False
        if not isinstance(name, str):
            self._report(place, f"expected the name of a node, got {describe(name)}")
            return False
        if name not in self.names:
            self._report(place, unknown("node", name, list(self.names)), Code.UNKNOWN_NODE)
            self.mentioned.update(get_close_matches(name, self.names, n=1))  # it was meant: one slip, one problem
            return False
        self.mentioned.add(name)
        return True

    def _check_mentioned(self, unmentioned: str) -> None:
        for name, place in self.names.items():
            if name not in self.mentioned:
                spot = self.document.key_spot(place)
                self.problems.append(self.document.problem(spot, f"node `{name}` {unmentioned}", Code.LINKS))

    def _check_circles(self, links: list[NamedLink]) -> None:
        """Report the first circle, at the link that closes it."""
        targets: dict[str, list[str]] = {}
        for link in links:
            circle = _way(targets, link.target, link.source)
            if circle:
                names = " → ".join(f"`{name}`" for name in [link.source, *circle])
                self.problems.append(self.document.problem(link.spot, f"cycle: {names}", Code.CYCLE))
                return
            targets.setdefault(link.source, []).append(link.target)

    def _check_connected(self, links: list[NamedLink]) -> None:
        """Report parts that nothing links: a run is of one pipeline, and would leave the others out."""
        neighbours: dict[str, list[str]] = {}
        for link in links:
            neighbours.setdefault(link.source, []).append(link.target)
            neighbours.setdefault(link.target, []).append(link.source)
        parts: list[set[str]] = []
        for name in neighbours:
            if not any(name in part for part in parts):
                parts.append(_reachable(neighbours, name))
        if self.problems or len(parts) < 2:
            return
        first = next(iter(neighbours))
        for part in parts[1:]:
            name = next(name for name in self.names if name in part)
            reason = f"nothing links `{name}` to `{first}`; two pipelines are two files"
            self.problems.append(self.document.problem(self.document.key_spot(self.names[name]), reason, Code.LINKS))

    def _report(self, path: Path, reason: str, code: Code = Code.WRONG_VALUE) -> None:
        self.problems.append(self.document.problem(self.document.value_spot(path), reason, code))


def _way(targets: Mapping[str, list[str]], start: str, end: str) -> list[str]:
    """Return a way from ``start`` to ``end``, both included; empty if there is none."""
    before: dict[str, str | None] = {start: None}
    waiting = [start]
    while waiting and end not in before:
        name = waiting.pop()
        for target in targets.get(name, []):
            if target not in before:
                before[target] = name
                waiting.append(target)
    way: list[str] = []
    step: str | None = end if end in before else None
    while step is not None:
        way.append(step)
        step = before[step]
    return way[::-1]


def _reachable(neighbours: Mapping[str, list[str]], start: str) -> set[str]:
    found = {start}
    waiting = [start]
    while waiting:
        new = [name for name in neighbours[waiting.pop()] if name not in found]
        found.update(new)
        waiting += new
    return found
