"""A file -> a ``Pipeline`` of linked nodes, or every mistake in the file at once."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from nanotyped import nodes as _built_in_nodes  # noqa: F401 - importing them registers them
from nanotyped.config.environment import Redactor, Substitution
from nanotyped.config.links import LinkReader
from nanotyped.config.models import OTHER_FORMS, NodeForm, PipelineForm, read_form
from nanotyped.config.options import SCHEMA_OPTIONS, CheckedOptions, OptionChecker
from nanotyped.config.unmade import unmade
from nanotyped.config.yaml_reader import Document, Spot, load_yaml, parse_yaml
from nanotyped.errors import (
    ConfigError,
    ConfigProblem,
    GraphProblem,
    Mismatch,
    NanotypedError,
    SourceError,
    UnfitSourceError,
    WrongOptionsError,
)
from nanotyped.graph import survey_graph
from nanotyped.node import NanoNode
from nanotyped.registry import UnknownNameError, find_node_class

if TYPE_CHECKING:
    from nanotyped.config.annotations import NodeClass
    from nanotyped.config.yaml_reader import Path, Value

_CLASSES = "`nanotyped nodes` lists the classes; those of a module of your own are known with `--module NAME`"


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline out of a file: its nodes made and linked, nothing connected or started.

    Attributes:
        file: Path of the file as it was given.
        name: ``pipeline_name``, ``None`` where the file has none.
        description: ``pipeline_description``, ``""`` where the file has none.
        nodes: The nodes by name, in the order of the file.
        positions: Line and column of each node, by name.
        redactor: Takes the secrets of this pipeline out of text.
        problems: What is wrong with the file, where the pipeline was to be made as far as it can be.
    """

    file: str
    name: str | None
    description: str
    nodes: Mapping[str, NanoNode[Any, Any]]
    positions: Mapping[str, Spot]
    redactor: Redactor = field(repr=False)
    problems: tuple[ConfigProblem, ...] = ()

    @property
    def anchor(self) -> NanoNode[Any, Any]:
        """The first node; every other is connected to it."""
        return next(iter(self.nodes.values()))

    def place(self, problems: Iterable[GraphProblem]) -> list[ConfigProblem]:
        """Return problems of the graph at the places of the nodes that they are about, in the order of the file."""
        placed = []
        for problem in problems:
            spot = self.positions.get(self._node_of(problem), Spot(0, 0))
            reason = self.redactor.redact(str(problem))
            code = type(problem).__name__
            placed.append(ConfigProblem(self.file, spot.line, spot.column, reason, code=code))
        return sorted(placed, key=lambda problem: (problem.line, problem.column))

    def _node_of(self, problem: GraphProblem) -> str:
        """Return the node that a problem is about: of an edge out of the graph, into a table, the one before it."""
        if isinstance(problem, Mismatch) and problem.edge is not None and problem.node not in self.positions:
            return problem.edge[0]
        return problem.node or ""


class Discovery(NamedTuple):
    """What came of a look at everything live: the problems, and whether one of them is that a table is unfit."""

    problems: tuple[ConfigProblem, ...]
    is_unfit: bool


def load_pipeline(
    path: str | os.PathLike[str], environment: Mapping[str, str] | None = None, *, partial: bool = False
) -> Pipeline:
    """Return the pipeline that a file describes.

    Args:
        path: The file.
        environment: Where ``${NAME}`` is looked up; by default the environment of the process.
        partial: Whether to return what can be made of a file with mistakes, with its ``problems``, to look at it:
            nodes that cannot be made are stood for, and it cannot run.

    Raises:
        ConfigError: With every mistake of the file, in its order.
    """
    return _build(load_yaml(os.fspath(path)), os.environ if environment is None else environment, partial=partial)


def parse_pipeline(text: str, file: str = "<text>", environment: Mapping[str, str] | None = None) -> Pipeline:
    """Return the pipeline that a text describes; else as ``load_pipeline``."""
    return _build(parse_yaml(text, file), os.environ if environment is None else environment)


def check_pipeline(pipeline: Pipeline, *, strict: bool = False, connect: bool = False) -> list[ConfigProblem]:
    """Return everything that the graph of a pipeline finds wrong, each at the place of its node.

    Args:
        pipeline: The pipeline.
        strict: Whether edges of unknown schema are problems too.
        connect: Whether live tables and services are looked at first; one that cannot be is a problem.
    """
    problems = discover_schemas(pipeline).problems if connect else ()
    survey = survey_graph(*pipeline.nodes.values(), strict=strict)
    return sorted([*problems, *pipeline.place(survey.problems)], key=lambda problem: (problem.line, problem.column))


def discover_schemas(pipeline: Pipeline) -> Discovery:
    """Let every node look at its live table or service; return those that could not, with their causes."""
    problems: list[ConfigProblem] = []
    is_unfit = False
    for name, node in pipeline.nodes.items():
        try:
            node.discover_schema()
        except SourceError as error:
            spot = pipeline.positions[name]
            reason = pipeline.redactor.redact(f"node `{name}`: {error}")
            code = type(error).__name__
            problems.append(ConfigProblem(pipeline.file, spot.line, spot.column, reason, code=code))
            is_unfit = is_unfit or isinstance(error, UnfitSourceError)
    return Discovery(tuple(problems), is_unfit)


def _build(document: Document, environment: Mapping[str, str], *, partial: bool = False) -> Pipeline:
    builder = _Builder(document, environment, partial=partial)
    pipeline = builder.build()
    problems = sorted(builder.problems, key=lambda problem: (problem.line, problem.column))
    if pipeline is None or (problems and not partial):
        raise ConfigError(problems)
    return replace(pipeline, problems=tuple(problems))


class _Builder:
    """Collects the problems of one file; makes the pipeline if there are none, or as far as it can be."""

    def __init__(self, document: Document, environment: Mapping[str, str], *, partial: bool) -> None:
        self.document = document
        self.partial = partial
        self.problems = list(document.problems)
        self.substitution = Substitution(document, environment)
        self.redactor = Redactor()
        self.nodes: dict[str, NanoNode[Any, Any]] = {}
        self.values: dict[str, Mapping[str, Any]] = {}

    def build(self) -> Pipeline | None:
        form = self._form()
        if form is None:
            return None
        whole_is_wrong = len(self.problems) > len(self.document.problems)
        for name in form.nodes:
            before = len(self.problems), len(self.substitution.problems)
            node = self._node(name)
            if node is None and self.partial:
                found = [*self.problems[before[0] :], *self.substitution.problems[before[1] :]]
                node = self._stand_in(name, [problem.reason for problem in found])
            if node is not None:
                self.nodes[name] = node
        self.problems += self.substitution.problems
        if form.paths is None and form.edges is None and whole_is_wrong:
            return None  # the links may be under a misspelt key
        reader = LinkReader(self.document, form.nodes)
        links = reader.read(form)
        self.problems += reader.problems
        if not self.nodes or (self.problems and not self.partial):
            return None
        for link in links:
            self.nodes[link.source].add_edge(self.nodes[link.target])
        positions = {name: self.document.key_spot(("nodes", name)) for name in self.nodes}
        description = form.pipeline_description or ""
        return Pipeline(self.document.file, form.pipeline_name, description, self.nodes, positions, self.redactor)

    def _form(self) -> PipelineForm | None:
        root = self.document.value
        for key, reason in self._other_forms(root):
            self.problems.append(self.document.problem(self.document.key_spot((key,)), reason))
            return None
        form = read_form(PipelineForm, self.document, (), self.problems)
        if form is not None and not form.nodes and not self.document.is_unread(("nodes",)):
            spot = self.document.value_spot(("nodes",))
            self.problems.append(self.document.problem(spot, "a pipeline has at least two nodes"))
        return form

    @staticmethod
    def _other_forms(root: Value) -> list[tuple[str, str]]:
        if not isinstance(root, dict):
            return []
        if "node_sequence" in root:
            return [("node_sequence", OTHER_FORMS["node_sequence"])]
        return [("nodes", OTHER_FORMS["list of nodes"])] if isinstance(root.get("nodes"), list) else []

    def _node(self, name: str) -> NanoNode[Any, Any] | None:
        path = ("nodes", name)
        before = len(self.problems)
        form = read_form(NodeForm, self.document, path, self.problems)
        if form is None:
            return None
        cls = self._class(form.class_name, name)
        if cls is None:
            return None
        # Where a key is misspelt it may be that of the options; none of them is missing then.
        has_options = form.options is not None or len(self.problems) == before
        checked = self._options(cls, form, name, has_options=has_options)
        self.values[name] = checked.values
        self.problems += checked.problems
        self.redactor.hide(checked.secrets)
        self.redactor.hide_variables(self.substitution.used)
        if (
            not has_options
            or checked.problems
            or any(self.document.is_unread(place) for place in self._places_below(path))
        ):
            return None
        return self._make(cls, name, form, checked.values)

    def _stand_in(self, name: str, reasons: list[str]) -> NanoNode[Any, Any]:
        value: Any = self.document.value
        node = value["nodes"][name]
        class_name = node.get("class") if isinstance(node, dict) else None
        return unmade(class_name if isinstance(class_name, str) else "?", name, reasons, self.values.get(name, {}))

    def _places_below(self, path: tuple[str, str]) -> list[tuple[str | int, ...]]:
        return [place for place in self.document.unread if place[:2] == path]

    def _class(self, class_name: str, name: str) -> NodeClass | None:
        spot = self.document.value_spot(("nodes", name, "class"))
        try:
            cls = find_node_class(class_name)
        except UnknownNameError as error:
            remedy = "" if error.hint else f"; {_CLASSES}"
            self.problems.append(self.document.problem(spot, f"{error}{remedy}"))
            return None
        if issubclass(cls, NanoNode):
            return cls
        self.problems.append(self.document.problem(spot, f"`{class_name}` is registered, but is no node class"))  # type: ignore[unreachable]  # whoever registers it may not run mypy
        return None

    def _options(self, cls: NodeClass, form: NodeForm, name: str, *, has_options: bool) -> CheckedOptions:
        path = ("nodes", name)
        checker = OptionChecker(cls, self.document, self.substitution)
        options = form.options or {}
        checked = checker.check(options, (*path, "options")) if has_options else checker.checked
        for option in SCHEMA_OPTIONS:
            beside = getattr(form, option)
            if beside is None:
                continue
            if option in options:
                spot = self.document.key_spot((*path, option))
                checked.problems.append(self.document.problem(spot, f"`{option}` stands in `options` too; keep one"))
            else:
                checker.check_schema(option, beside, (*path, option))
        return checked

    def _make(self, cls: NodeClass, name: str, form: NodeForm, options: Mapping[str, Any]) -> NanoNode[Any, Any] | None:
        try:
            return cls(name=name, summary=form.summary or "", **options)
        except Exception as error:  # noqa: BLE001 - the constructor is the user's, and what it raises is said to them
            text = str(error) if isinstance(error, ValueError | TypeError | NanotypedError) else ""
            hint = self.substitution.bare_hint(form.options)
            for part in error.problems if isinstance(error, WrongOptionsError) else [text]:
                reason = f"{cls.__name__} refuses its options: {part or f'{type(error).__name__}: {error}'}"
                reason = self.redactor.redact(reason, shortest=1) + (f"; {hint}" if hint else "")
                self.problems.append(self.document.problem(self._spot_of_option(name, part), reason))
            return None

    def _spot_of_option(self, name: str, reason: str) -> Spot:
        """Return where the option stands that a reason names first; where it names none of the file, the node."""
        node: Path = ("nodes", name)
        found = self._named_first((*node, "options"), r"\b{}\b", reason) or self._named_first(node, r"\b{}\b", reason)
        if found is None or found == (*node, "class"):
            return self.document.key_spot(node)
        # Such as a column of `columns`, which stands there in backticks.
        return self.document.value_spot(self._named_first(found, "`{}`", reason) or found)

    def _named_first(self, parent: Path, pattern: str, reason: str) -> Path | None:
        """Return the part of a mapping whose key a reason names before those of the others."""
        named = [
            (found.start(), place)
            for place in self.document.places
            if place[:-1] == parent and (found := re.search(pattern.format(re.escape(str(place[-1]))), reason))
        ]
        return min(named, key=itemgetter(0))[1] if named else None
