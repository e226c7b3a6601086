"""Tests of a pipeline file, held to the pipeline: whose rows they give, and the typed values of each cell.

A cell is what its column's type says: text in its CSV form, in quotes or not (``total: 20.00`` keeps its digits), a
list or a mapping in its JSON form, ``null`` a null.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nanotyped.config.codes import Code
from nanotyped.config.explain import describe, unknown
from nanotyped.errors import IncompatibleTypesException, RowValidationError, TypeCastError
from nanotyped.graph import survey_graph
from nanotyped.row import Schema, Validator
from nanotyped.types.intermediate import ENUM, JSON, STRING
from nanotyped.types.json import json_form
from nanotyped.types.text import parse_text

if TYPE_CHECKING:
    from nanotyped.config.cases import Case
    from nanotyped.config.pipeline import Pipeline
    from nanotyped.config.yaml_reader import Document, Path
    from nanotyped.errors import ConfigProblem
    from nanotyped.graph import Survey
    from nanotyped.node import NanoNode
    from nanotyped.row import Column, Row

_SCHEMA_HINT = "say in `input_schema` which columns, and of which types"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a test needs to be run.

    Attributes:
        inputs: The rows, by the name of the node that is to have given them.
        leaves: The nodes that run.
        replaced: Those sources whose rows are given.
        tail: Whose rows are looked at.
        gives: What it gives in the pipeline; nothing where that is not known.
    """

    inputs: Mapping[str, tuple[Schema, Sequence[Row]]]
    leaves: frozenset[NanoNode[Any, Any]]
    replaced: frozenset[NanoNode[Any, Any]]
    tail: tuple[NanoNode[Any, Any], ...]
    gives: Sequence[Schema]


def check_cases(pipeline: Pipeline, survey: Survey | None = None) -> list[ConfigProblem]:
    """Return what is wrong with the tests of a pipeline: of its links, of its columns and of their types.

    Args:
        pipeline: The pipeline; no problem of its graph is told.
        survey: Its survey, where there is one.
    """
    found = survey if survey is not None else survey_graph(*pipeline.nodes.values())
    problems: list[ConfigProblem] = []
    for case in pipeline.cases:
        plan_case(case, pipeline, found, problems)
    return problems


def plan_case(case: Case, pipeline: Pipeline, survey: Survey, problems: list[ConfigProblem]) -> Plan | None:
    """Return what a test needs to be run on the nodes of a pipeline; ``None`` after a report."""
    before = len(problems)
    plan = _Planner(case, pipeline, survey, problems).plan()
    return plan if len(problems) == before else None


class _Planner:
    """Makes the plan of one test."""

    def __init__(self, case: Case, pipeline: Pipeline, survey: Survey, problems: list[ConfigProblem]) -> None:
        self.case = case
        self.document = pipeline.document
        self.survey = survey
        self.problems = problems
        self.nodes = pipeline.built.nodes
        self.owner = {leaf: name for name, node in self.nodes.items() for leaf in node.member_nodes()}
        self.selected = [leaf for leaf, name in self.owner.items() if name in case.nodes]

    def plan(self) -> Plan | None:
        if not all(name in self.nodes for name in self.case.nodes):
            return None  # what could not be made was told
        self._check_links()
        places = self._places_by_input()
        if places is None:
            return None
        self._check_covered(places)
        inputs = {}
        for name, rows in places.items():
            schema = self._schema_of(name)
            if schema is not None and (read := self._typed(schema, rows)) is not None:
                inputs[name] = read
        tail = self.nodes[self.case.nodes[-1]].exit_nodes()
        flows = [passage.gives for leaf in tail for passage in self.survey.passages.get(leaf, ())]
        gives = [] if None in flows else list(dict.fromkeys(flow for flow in flows if flow is not None))
        for place in self.case.expect or ():
            read_values(self.document, place, gives, self.problems)
        replaced = frozenset(leaf for leaf in self.selected if self.owner[leaf] in places)
        return Plan(inputs, frozenset(self.selected) - replaced, replaced, tail, gives)

    def _report(self, path: Path, reason: str) -> None:
        self.problems.append(self.document.problem(self.document.value_spot(path), reason, Code.TEST))

    def _sources_of(self, name: str) -> list[str]:
        """Return the names of the nodes before one, of a composite of those before its parts."""
        found = [self.owner[source] for leaf in self.nodes[name].member_nodes() for source in leaf.input_node_list]
        return [source for source in dict.fromkeys(found) if source != name]

    def _check_links(self) -> None:
        for index, name in enumerate(self.case.nodes[1:], 1):
            before = self.case.nodes[index - 1]
            if before not in self._sources_of(name):
                self._report((*self.case.place, "path", index), f"nothing links `{before}` to `{name}`")

    def _places_by_input(self) -> Mapping[str, Sequence[Path]] | None:
        """Return where the rows of each input stand, by the name of the node that gives them in the pipeline."""
        path = (*self.case.place, "given")
        if "" not in self.case.given:
            outside = [source for name in self.case.nodes for source in self._sources_of(name)]
            known = [name for name in outside if name not in self.case.nodes]
            known += [name for name in self.case.nodes if not self._sources_of(name)]
            for name in self.case.given:
                if name not in known:
                    spot = self.document.key_spot((*path, name))
                    reason = unknown("input", name, list(dict.fromkeys(known)))
                    self.problems.append(self.document.problem(spot, reason, Code.TEST))
            return self.case.given if all(name in known for name in self.case.given) else None
        head = self.case.nodes[0]
        inputs = self._sources_of(head) or [head]
        joins = any(leaf.joins_inputs for leaf in self.nodes[head].entry_nodes())
        if len(inputs) > 1 and (joins or len({self._flows_of(name) for name in inputs}) > 1):
            names = ", ".join(f"`{name}`" for name in inputs)
            self._report(path, f"`{head}` has several inputs; give each its rows under its name: {names}")
            return None
        return {inputs[0]: self.case.given[""]}

    def _check_covered(self, places: Mapping[str, Sequence[Path]]) -> None:
        for name in self.case.nodes:
            sources = self._sources_of(name)
            if not sources and name not in places:
                self._report(self.case.place, f"`{name}` is a source; what it gives is to be in `given`")
            elif not sources and len(self.case.nodes) == 1:
                self._report(self.case.place, f"`{name}` is a source, so nothing runs; name the nodes behind it too")
            missing = [source for source in sources if source not in places and source not in self.case.nodes]
            if missing and any(leaf.joins_inputs for leaf in self.nodes[name].member_nodes()):
                reason = f"`{name}` joins its inputs, and `{'`, `'.join(missing)}` is not given"
                self._report((*self.case.place, "given"), reason)

    def _flows_of(self, name: str) -> tuple[Schema | None, ...]:
        """Return the kinds of row that a node sends."""
        leaves = self.nodes[name].exit_nodes()
        flows = [passage.gives for leaf in leaves for passage in self.survey.passages.get(leaf, ())]
        return tuple(dict.fromkeys(flows))

    def _schema_of(self, name: str) -> Schema | None:
        if self.case.input_schema is not None:
            return self.case.input_schema
        flows = self._flows_of(name)
        if len(flows) == 1 and flows[0] is not None:
            return flows[0]
        why = "sends rows of several kinds" if len(flows) > 1 else "sends rows of columns that are not known"
        self._report((*self.case.place, "given"), f"`{name}` {why}; {_SCHEMA_HINT}")
        return None

    def _typed(self, schema: Schema, places: Sequence[Path]) -> tuple[Schema, Sequence[Row]] | None:
        """Return rows and their schema: the columns that one of them names."""
        before = len(self.problems)
        read = [read_values(self.document, place, [schema], self.problems) for place in places]
        named = {name for row in read for name in row} if places else set(schema.names)
        kept = schema.select([name for name in schema.names if name in named])
        for place, row in zip(places, read, strict=True):
            for column in kept:
                if column.name not in self.document.at(place) and not column.nullable:
                    self._report(place, f"column `{column.name}` is missing, which other rows have; it may not be null")
                elif column.name in row and row[column.name] is None and not column.nullable:
                    self._report((*place, column.name), f"column `{column.name}`: it may not be null")
        if len(self.problems) > before:
            return None
        try:
            rows = Validator(kept).rows([tuple(row.get(name) for name in kept.names) for row in read])
        except RowValidationError as error:
            for problem in error.problems:
                path = (*places[problem.row - 1], problem.column)
                self._report(path, str(problem).removeprefix(f"row {problem.row}, "))
            return None
        return kept, rows


def read_values(
    document: Document, place: Path, schemas: Sequence[Schema], problems: list[ConfigProblem]
) -> dict[str, Any]:
    """Return the Python values of a row of a file, by column.

    Args:
        document: The file.
        place: The row.
        schemas: The kinds of row that it may be; nothing: not known, then values are what YAML says.
        problems: Takes what is wrong with cells.
    """
    found = {}
    columns = {column.name: column for schema in schemas for column in schema}
    for name, value in document.at(place).items():
        path = (*place, name)
        if not schemas:
            found[name] = value
        elif name not in columns:
            spot = document.key_spot(path)
            problems.append(document.problem(spot, unknown("column", name, list(columns)), Code.TEST))
        elif not document.is_unread(path):
            try:
                found[name] = _cell(document, path, columns[name])
            except (TypeCastError, IncompatibleTypesException) as error:
                reason = getattr(error, "reason", str(error))
                told = f"column `{name}`: expected `{columns[name].spelling()}`, got {describe(value)} ({reason})"
                problems.append(document.problem(document.value_spot(path), told, Code.TEST))
    return found


def _cell(document: Document, path: Path, column: Column) -> Any:
    value, kind = document.at(path), column.type
    if value is None:
        return None
    family = kind.intermediate_type
    if isinstance(value, list | dict) or issubclass(family, JSON):
        return json_form(kind).decode(_exact(document, path))
    if isinstance(value, str):
        return parse_text(kind, "csv")(value)
    source = document.places[path].source
    if issubclass(family, STRING | ENUM):
        raise TypeCastError(kind.spelling(), value, f'in quotes it is text: "{source}"')
    return parse_text(kind, "csv")(source)


def _exact(document: Document, path: Path) -> Any:
    """Return a value as a JSON parser gives it that keeps every digit."""
    value = document.at(path)
    if isinstance(value, dict):
        return {key: _exact(document, (*path, key)) for key in value}
    if isinstance(value, list):
        return [_exact(document, (*path, index)) for index in range(len(value))]
    return Decimal(document.places[path].source) if isinstance(value, float) else value
