"""A file -> a ``Pipeline`` of linked nodes, or every mistake in the file at once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from nanotyped.config.building import Builder, Built, spot_of_finding
from nanotyped.config.cases import Case, read_cases
from nanotyped.config.cluster_section import ClusterSection, read_cluster
from nanotyped.config.codes import Code
from nanotyped.config.composites import CompositeReader
from nanotyped.config.environment import Substitution
from nanotyped.config.export_file import render_file_yaml
from nanotyped.config.yaml_reader import Document, Spot, load_yaml, parse_yaml
from nanotyped.errors import (
    ConfigError,
    ConfigProblem,
    GraphProblem,
    Mismatch,
    NodeOptionError,
    SourceError,
    UnfitSourceError,
)
from nanotyped.graph import survey_graph
from nanotyped.redaction import Redactor

if TYPE_CHECKING:
    from nanotyped.config.yaml_reader import Path
    from nanotyped.node import NanoNode


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline out of a file: its nodes made and linked, nothing connected or started.

    Attributes:
        file: Path of the file as it was given.
        name: ``pipeline_name``, ``None`` where the file has none.
        description: ``pipeline_description``, ``""`` where the file has none.
        nodes: The nodes that run, by name, in the order of the file; of a composite its parts, ``composite.part``.
        positions: Line and column of each of them, by name.
        redactor: Takes the secrets of this pipeline out of text.
        problems: What is wrong with the file, where the pipeline was to be made as far as it can be.
        document: What the file holds.
        places: Where each of the nodes stands in it.
        built: What was made of the file, before composites were taken apart.
        cases: Its tests.
        cluster: What it says of the cluster that it may run on.
    """

    file: str
    name: str | None
    description: str
    nodes: Mapping[str, NanoNode[Any, Any]]
    positions: Mapping[str, Spot]
    redactor: Redactor = field(repr=False)
    problems: tuple[ConfigProblem, ...] = ()
    document: Document = field(default_factory=lambda: Document(""), repr=False)
    places: Mapping[str, Path] = field(default_factory=dict, repr=False)
    built: Built = field(default_factory=lambda: Built(None, "", {}, {}), repr=False)
    cases: tuple[Case, ...] = ()
    cluster: ClusterSection = field(default_factory=ClusterSection)

    @property
    def anchor(self) -> NanoNode[Any, Any]:
        """The first node; every other is connected to it."""
        return next(iter(self.nodes.values()))

    def to_yaml(self) -> str:
        """Return the file in the form of ``nodes`` and ``edges``, references to the environment as they are.

        That of a composite is as it stands, without comments.
        """
        return render_file_yaml(self.document, self.built)

    def place(self, problems: Iterable[GraphProblem]) -> list[ConfigProblem]:
        """Return problems of the graph at the places of the nodes that they are about, in the order of the file."""
        placed = []
        for problem in problems:
            name = self._node_of(problem)
            spot = self.positions.get(name, Spot(0, 0))
            if isinstance(problem, NodeOptionError) and name in self.places:
                spot = spot_of_finding(self.document, self.places[name], str(problem))
            reason = self.redactor.redact(str(problem))
            placed.append(ConfigProblem(self.file, spot.line, spot.column, reason, _code(problem)))
        return sorted(placed, key=lambda problem: (problem.line, problem.column))

    def _node_of(self, problem: GraphProblem) -> str:
        """Return the node that a problem is about: of an edge out of the graph, into a table, the one before it."""
        if isinstance(problem, Mismatch) and problem.edge is not None and problem.node not in self.positions:
            return problem.edge[0]
        return problem.node or ""


def _code(problem: GraphProblem) -> Code:
    match problem:
        case Mismatch():
            return Code.CONTRACT
        case NodeOptionError():
            return Code.OPTION_MISFIT
    return Code.GRAPH


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
    variables = os.environ if environment is None else environment
    return load_document(load_yaml(os.fspath(path)), variables, partial=partial)


def parse_pipeline(text: str, file: str = "<text>", environment: Mapping[str, str] | None = None) -> Pipeline:
    """Return the pipeline that a text describes; else as ``load_pipeline``."""
    return load_document(parse_yaml(text, file), os.environ if environment is None else environment)


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
            problems.append(ConfigProblem(pipeline.file, spot.line, spot.column, reason, Code.LIVE))
            is_unfit = is_unfit or isinstance(error, UnfitSourceError)
    return Discovery(tuple(problems), is_unfit)


def is_composite(document: Document) -> bool:
    """Return whether a file describes a composite: its nodes are a list."""
    root = document.value
    return isinstance(root, dict) and isinstance(root.get("nodes"), list) and "name" in root


def load_document(document: Document, environment: Mapping[str, str], *, partial: bool = False) -> Pipeline:
    """Return the pipeline that a document describes; else as ``load_pipeline``."""
    problems = list(document.problems)
    redactor = Redactor()
    root = document.value
    cases: tuple[Case, ...] = ()
    cluster = ClusterSection()
    if is_composite(document):
        built = _of_composite(document, Substitution(document, environment), problems, redactor)
    elif isinstance(root, dict) and isinstance(root.get("nodes"), list):
        reason = (
            "a list of nodes describes a composite, which has a `name`; in a pipeline `nodes` is a mapping,"
            " with the name of each node for its key"
        )
        problems.append(document.problem(document.key_spot(("nodes",)), reason))
        built = None
    else:
        builder = Builder(document, environment, problems, redactor, partial=partial)
        built = builder.build()
        cases = read_cases(document, problems)
        cluster = read_cluster(document, environment, problems)
    problems.sort(key=lambda problem: (problem.line, problem.column))
    if built is None or (problems and not partial):
        raise ConfigError(problems)
    nodes = {leaf.name: leaf for node in built.nodes.values() for leaf in node.member_nodes()}
    places = {leaf.name: built.places[name] for name, node in built.nodes.items() for leaf in node.member_nodes()}
    positions = {name: document.key_spot(place) for name, place in places.items()}
    found = tuple(problems)
    return Pipeline(
        document.file,
        built.title,
        built.description,
        nodes,
        positions,
        redactor,
        found,
        document,
        places,
        built,
        cases,
        cluster,
    )


def _of_composite(
    document: Document, substitution: Substitution, problems: list[ConfigProblem], redactor: Redactor
) -> Built | None:
    """Return one instance of the composite of a file, under the name of its class."""
    reader = CompositeReader(document, substitution, problems, redactor)
    cls = reader.read()
    if cls is None or problems:
        return None
    try:
        made = cls(name=cls.__name__)
    except (TypeError, ValueError) as error:
        reason = redactor.redact(f"no {cls.__name__} can be made: {error}", shortest=1)
        problems.append(document.problem(document.value_spot(("name",)), reason, Code.MISSING_OPTION))
        return None
    return Built(cls.__name__, cls.__doc__ or "", dict(made.inner), reader.places)
