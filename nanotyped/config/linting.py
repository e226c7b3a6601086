"""Everything that a file by itself shows to be wrong, at once: its text, its nodes, its links and its columns."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from nanotyped.config.case_rows import check_cases
from nanotyped.config.codes import Code
from nanotyped.config.composites import CompositeReader, register_composite
from nanotyped.config.environment import Substitution
from nanotyped.config.pipeline import is_composite, load_document
from nanotyped.config.unmade import Unmade
from nanotyped.config.yaml_reader import load_yaml
from nanotyped.errors import ConfigError, ConfigProblem
from nanotyped.graph import survey_graph
from nanotyped.redaction import Redactor
from nanotyped.registry import RegistrationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from nanotyped.config.yaml_reader import Document
    from nanotyped.errors import GraphProblem
    from nanotyped.node import NanoNode


def lint_files(paths: Iterable[str], environment: Mapping[str, str] | None = None) -> list[ConfigProblem]:
    """Return every mistake of some files, file by file, in the order of each; connects to nothing, runs nothing.

    A composite that one of them describes is known to the others, in whichever order they are given.

    Args:
        paths: Pipelines and composites.
        environment: Where ``${NAME}`` is looked up; by default the environment of the process.
    """
    variables = os.environ if environment is None else environment
    documents = [load_yaml(path) for path in paths]
    found = {id(document): list(document.problems) for document in documents}
    composites = [document for document in documents if is_composite(document)]
    _read_composites(composites, variables, found)
    for document in documents:
        if document not in composites:
            found[id(document)] = _lint_pipeline(document, variables)
    return [problem for document in documents for problem in sorted(found[id(document)], key=_order)]


def _order(problem: ConfigProblem) -> tuple[int, int]:
    return problem.line, problem.column


def _read_composites(
    documents: list[Document], variables: Mapping[str, str], found: dict[int, list[ConfigProblem]]
) -> None:
    """Register each composite; those that are made of others of them behind these."""
    waiting = documents
    while waiting:
        left = [document for document in waiting if not _register(document, variables, found)]
        if len(left) == len(waiting):
            return
        waiting = left


def _register(document: Document, variables: Mapping[str, str], found: dict[int, list[ConfigProblem]]) -> bool:
    problems = list(document.problems)
    unread = set(document.unread)
    cls = CompositeReader(document, Substitution(document, variables), problems, Redactor()).read()
    if cls is not None:
        try:
            register_composite(cls)
        except RegistrationError as error:
            problems.append(document.problem(document.value_spot(("name",)), str(error), Code.TWICE))
    document.unread = unread  # it may be read once more
    found[id(document)] = problems
    return cls is not None


def _lint_pipeline(document: Document, variables: Mapping[str, str]) -> list[ConfigProblem]:
    try:
        pipeline = load_document(document, variables, partial=True)
    except ConfigError as error:
        return list(error.problems)
    survey = survey_graph(*pipeline.nodes.values())
    nodes = {node.label: node for node in pipeline.nodes.values()}
    problems = [problem for problem in survey.problems if not _is_told(problem, nodes)]
    cycles = any(problem.code == Code.CYCLE for problem in pipeline.problems)
    placed = [problem for problem in pipeline.place(problems) if not (cycles and problem.reason.startswith("cycle: "))]
    if any(problem.code in (Code.UNKNOWN_NODE, Code.LINKS, Code.MISSING_KEY) for problem in pipeline.problems):
        placed = [problem for problem in placed if problem.code != Code.GRAPH]  # they would miss what is not linked
    # What is wrong with the pipeline may be why a test does not fit it.
    tested = [] if pipeline.problems or placed else check_cases(pipeline, survey)
    return [*pipeline.problems, *placed, *tested]


def _is_told(problem: GraphProblem, nodes: Mapping[str, NanoNode[object, object]]) -> bool:
    """Return whether a problem is that a node could not be made, which the file was told of."""
    return isinstance(nodes.get(problem.node or ""), Unmade)
