"""``tests`` of a pipeline file: each one's form, and the nodes that it is about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nanotyped.config.codes import Code
from nanotyped.config.explain import describe, unknown
from nanotyped.config.models import CaseForm, RejectForm, read_form
from nanotyped.errors import TypeSyntaxError
from nanotyped.row import Schema
from nanotyped.row.schema import parse_column

if TYPE_CHECKING:
    from nanotyped.config.yaml_reader import Document, Path, Spot
    from nanotyped.errors import ConfigProblem

_WHAT = "a test says what it expects: `expect`, `rejects` or `error`"


@dataclass(frozen=True, slots=True)
class Case:
    """One test, as its file has it.

    Attributes:
        name: Its name.
        place: Where it stands.
        spot: The same, for people.
        nodes: The names of the nodes that rows go through, in order.
        given: Where the lists of rows stand, by the node that is to have given them; ``""`` for the one before the
            first node.
        input_schema: Of which columns they are; ``None``: those of the pipeline.
        expect: Where the expected rows stand, ``None`` if what comes out is not looked at.
        rejects: The rows that are to be rejected; by their places.
        error: A part of the message that the run is to fail with.
        any_order: Whether rows may come in another order.
    """

    name: str
    place: Path
    spot: Spot
    nodes: tuple[str, ...]
    given: Mapping[str, Sequence[Path]]
    input_schema: Schema | None = None
    expect: Sequence[Path] | None = None
    rejects: Mapping[Path, RejectForm] = field(default_factory=dict)
    error: str | None = None
    any_order: bool = False


def read_cases(document: Document, problems: list[ConfigProblem]) -> tuple[Case, ...]:
    """Return the tests of a file; what is wrong with their form is added to ``problems``."""
    root = document.value
    tests = root.get("tests") if isinstance(root, dict) else None
    if not isinstance(tests, list):
        return ()
    reader = _CaseReader(document, _names(root), problems)
    found = (reader.read(("tests", index)) for index in range(len(tests)))
    return tuple(case for case in found if case is not None)


def _names(root: Any) -> tuple[str, ...]:
    nodes, sequence = root.get("nodes"), root.get("node_sequence")
    if isinstance(nodes, dict):
        return tuple(nodes)
    listed = sequence if isinstance(sequence, list) else []
    return tuple(node["name"] for node in listed if isinstance(node, dict) and isinstance(node.get("name"), str))


class _CaseReader:
    """Reads the tests of one file."""

    def __init__(self, document: Document, names: tuple[str, ...], problems: list[ConfigProblem]) -> None:
        self.document = document
        self.names = names
        self.problems = problems
        self.lines: dict[str, int] = {}

    def read(self, place: Path) -> Case | None:
        """Return a test, ``None`` if it is not wholly right."""
        before = len(self.problems)
        form = read_form(CaseForm, self.document, place, self.problems)
        if form is None:
            return None
        spot = self.document.key_spot(place)
        if form.name in self.lines:
            reason = f"two tests bear the name `{form.name}`; the first is on line {self.lines[form.name]}"
            self._report((*place, "name"), reason, Code.TWICE)
        self.lines.setdefault(form.name, spot.line)
        nodes = self._nodes(form, place)
        self._check_expectation(form, place)
        schema = self._schema(form, place)
        given = self._given(form, place)
        expect = None if form.expect is None else self._rows((*place, "expect"))
        rejects = self._rejects(form, place)
        if len(self.problems) > before:
            return None
        return Case(form.name, place, spot, nodes, given, schema, expect, rejects, form.error, form.any_order)

    def _report(self, path: Path, reason: str, code: Code = Code.WRONG_VALUE) -> None:
        self.problems.append(self.document.problem(self.document.value_spot(path), reason, code))

    def _nodes(self, form: CaseForm, place: Path) -> tuple[str, ...]:
        if (form.node is None) is (form.path is None):
            told = "both `node` and `path` stand here; keep one" if form.node is not None else "`node` is missing"
            self._report(place, f"{told}: a test is of one node, or of a `path` of several", Code.MISSING_KEY)
            return ()
        places = {(*place, "node"): form.node} if form.path is None else {}
        places |= {(*place, "path", index): name for index, name in enumerate(form.path or ())}
        if not places:
            self._report((*place, "path"), "a path has one name or more")
        for path, name in places.items():
            self._check_name(path, name)
        return tuple(name for name in places.values() if isinstance(name, str))

    def _check_name(self, path: Path, name: Any) -> None:
        if not isinstance(name, str):
            self._report(path, f"expected the name of a node, got {describe(name)}")
        elif name not in self.names:
            self._report(path, unknown("node", name, self.names), Code.UNKNOWN_NODE)

    def _check_expectation(self, form: CaseForm, place: Path) -> None:
        if form.expect is None and form.rejects is None and form.error is None:
            self._report(place, _WHAT, Code.MISSING_KEY)
        if form.error is not None and (form.expect is not None or form.rejects is not None):
            reason = "where a run is to fail, what came of it by then is by chance; keep `error` alone"
            self._report((*place, "error"), reason)

    def _schema(self, form: CaseForm, place: Path) -> Schema | None:
        if form.input_schema is None:
            return None
        columns = {}
        for name, text in form.input_schema.items():
            path = (*place, "input_schema", name)
            try:
                columns[name] = parse_column(name, text)
            except TypeSyntaxError as error:
                self._report(path, f"column `{name}`: {error}", Code.TYPE)
            except TypeError:
                self._report(path, f"expected the text of a type, got {describe(text)}", Code.TYPE)
        return Schema(columns.values())

    def _given(self, form: CaseForm, place: Path) -> dict[str, list[Path]]:
        path = (*place, "given")
        if isinstance(form.given, list):
            return {"": self._rows(path)}
        if not isinstance(form.given, dict) or not form.given:
            self._report(path, f"expected a list of rows, or such a list by node, got {describe(form.given)}")
            return {}
        found = {}
        for name, rows in form.given.items():
            if name not in self.names:
                spot = self.document.key_spot((*path, name))
                self.problems.append(self.document.problem(spot, unknown("node", name, self.names), Code.UNKNOWN_NODE))
            elif isinstance(rows, list):
                found[name] = self._rows((*path, name))
            else:
                self._report((*path, name), f"expected a list of rows, got {describe(rows)}")
        return found

    def _rows(self, path: Path) -> list[Path]:
        """Return the places of the rows of a list."""
        found: list[Path] = []
        for index, row in enumerate(self.document.at(path)):
            place = (*path, index)
            if self.document.is_unread(place):
                continue
            if isinstance(row, dict):
                found.append(place)
            else:
                self._report(place, f"a row is a mapping of column to value, got {describe(row)}")
        return found

    def _rejects(self, form: CaseForm, place: Path) -> dict[Path, RejectForm]:
        found = {}
        for index in range(len(form.rejects or ())):
            path = (*place, "rejects", index)
            reject = read_form(RejectForm, self.document, path, self.problems)
            if reject is None:
                continue
            if reject.node is not None and reject.node.split(".")[0] not in self.names:
                self._report((*path, "node"), unknown("node", reject.node, self.names), Code.UNKNOWN_NODE)
            found[path] = reject
        return found
