"""Files -> what type checkers check them by: stubs of composites, and of each pipeline a module with a line an edge.

A line makes the row that a node needs out of the one that it is given, column by column, so that mypy and pyright tell
what is missing, null or of another type, at the line that names the edge. Where a node declares a Row class, the class
itself stands there, and a change of it shows without the module being written again. What only the graph builder knows,
such as widths, stands as a ``Misfit`` in the place of the value.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path as FilePath
from typing import TYPE_CHECKING

from nanotyped.config.composites import load_composite
from nanotyped.config.contracts import TableContract, visible
from nanotyped.config.pipeline import Pipeline, is_composite, load_document
from nanotyped.config.row_module import class_name, field_names, held_by_python, render_module
from nanotyped.config.stubs import render_stub
from nanotyped.config.yaml_reader import load_yaml
from nanotyped.errors import ConfigError, NodeOptionError
from nanotyped.graph import survey_graph
from nanotyped.node.passing import sees_all
from nanotyped.row import Column, Row, Schema
from nanotyped.row.rows import row_info
from nanotyped.row.schema import check_schema

if TYPE_CHECKING:
    from nanotyped.errors import ConfigProblem
    from nanotyped.graph import Edge

_HEAD = '"""The edges of {file}, for type checkers; `nanotyped stubgen` wrote it, and nothing runs it."""'
_TAIL = """
class Misfit:
    \"\"\"Stands for a value whose column does not fit, though its Python type does.\"\"\"

    def __init__(self, reason: str) -> None: ...


def fits(option: None) -> None:
    \"\"\"Stand for an option that fits the rows that the node sees.\"\"\"


def widened(value: object) -> Any:
    \"\"\"Stand for a value whose type the engine widens on the edge.\"\"\"
    raise NotImplementedError
"""


def static_files(paths: Iterable[str], environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the texts of the stubs and check modules of files, by the name of each.

    A composite is known to the files behind it. What the graph finds wrong with a pipeline is no error: it is what the
    module is to show.

    Args:
        paths: Pipelines and composites.
        environment: Where ``${NAME}`` is looked up; by default the environment of the process.

    Raises:
        ConfigError: With every mistake of the files that keeps nodes from being made.
        FileExistsError: If two files would be written under one name.
    """
    variables = os.environ if environment is None else environment
    texts: dict[str, str] = {}
    problems: list[ConfigProblem] = []
    for path in paths:
        stem = re.sub(r"\W", "_", FilePath(path).stem)
        try:
            document = load_yaml(path)
            name = f"{stem}.pyi" if is_composite(document) else f"check_{stem}.py"
            if is_composite(document):
                text = render_stub(load_composite(path))
            else:
                text = render_check(load_document(document, variables))
        except ConfigError as error:
            problems += error.problems
            continue
        if name in texts:
            raise FileExistsError(f"{path}: another of the files is written to {name} too; rename one of them")
        texts[name] = text
    if problems:
        raise ConfigError(problems)
    return texts


def render_check(pipeline: Pipeline) -> str:
    """Return the check module of a pipeline."""
    return _CheckModule(pipeline).render()


class _CheckModule:
    """Collects the Row classes of a pipeline, and its edges as lines."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.contracts: list[TableContract] = []
        self.imports: dict[type[Row], str] = {}
        self.classes: dict[str, str] = {}
        self.taken: set[str] = {"Any", "Misfit", "fits", "widened"}
        self.parameters: dict[str, str] = {}
        self.lines: list[str] = []

    def render(self) -> str:
        """Return the text of the module."""
        survey = survey_graph(*self.pipeline.nodes.values())
        for edge in survey.graph.edges:
            self._add(edge)
        for problem in survey.problems:
            if isinstance(problem, NodeOptionError):
                self.lines.append(f"    fits({_misfit(str(problem))})  # {visible(problem.node or '')}")
        file = visible(FilePath(self.pipeline.file).name.replace("\\", "\\\\").replace('"', "'"))
        head, *blocks = render_module(self.contracts, _HEAD.format(file=file)).rstrip("\n").split("\n\n\n")
        imports = [
            f"from {cls.__module__} import {cls.__name__}{'' if alias == cls.__name__ else f' as {alias}'}"
            for cls, alias in self.imports.items()
        ]
        head = "\n".join([head, "", "from typing import Any", *sorted(imports)])
        parameters = [f"    {name}: {kind}," for name, kind in self.parameters.items()]
        signature = ["def edges(", *parameters, ") -> None:"] if parameters else ["def edges() -> None:"]
        body = [*signature, '    """Hold each edge to what its ends say."""', *self.lines]
        return "\n\n\n".join([head, *blocks, _TAIL.strip("\n"), "\n".join(body)]) + "\n"

    def _add(self, edge: Edge) -> None:
        # Without line numbers: a line put in elsewhere in the file would make the module stale.
        place = visible(f"{edge.source.label} -> {edge.target.label}")
        needed = edge.target.needed_input()
        if needed is None or not needed.columns:
            self.lines.append(f"    # {place}: no column is declared to be needed")
        elif not edge.is_checked:
            self.lines.append(f"    # {place}: not checked, for what comes is not known")
        elif not sees_all(edge.target):
            self.lines.append(f"    # {place}: seen through options; `nanotyped check` judges it")
        else:
            for number, flow in enumerate(edge.flows, 1):
                assert flow is not None  # it is a checked edge
                suffix = f" {number}" if len(edge.flows) > 1 else ""
                self._add_flow(edge, flow, needed, f"{edge.source.label} gives{suffix}", place)

    def _add_flow(self, edge: Edge, flow: Schema, needed: Schema, title: str, place: str) -> None:
        own = edge.source.output_row_class()
        given, given_fields = self._class(title, flow, own)
        wanted, wanted_fields = self._class(f"{edge.target.label} needs", needed, edge.target.input_row_class())
        if not wanted_fields:
            self.lines.append(f"    # {place}: no column that Python has a type for")
            return
        parameter = re.sub(r"(?<!^)(?=[A-Z])", "_", given).lower()
        self.parameters.setdefault(parameter, given)
        arguments = []
        for name, field in wanted_fields.items():
            value = f"{parameter}.{given_fields.get(name, field)}"
            column = flow[name] if name in flow and name in given_fields else None
            arguments.append(f"{field}={_argument(value, column, needed[name])}")
        self.lines.append(f"    {wanted}({', '.join(arguments)})  # {place}")

    def _class(self, title: str, schema: Schema, declared: type[Row] | None) -> tuple[str, Mapping[str, str]]:
        """Return the name of a Row class of a schema, the declared one if it is one of a module, and its fields."""
        if declared is not None and declared.schema == schema and declared.__qualname__.isidentifier():
            if declared not in self.imports:
                name = class_name(declared.__name__, self.taken)
                self.imports[declared] = name
            return self.imports[declared], row_info(declared).fields
        contract = held_by_python(TableContract(title, schema))
        plain = TableContract(title, Schema(Column(c.name, c.type, nullable=c.nullable) for c in contract.schema))
        if title not in self.classes:
            self.classes[title] = class_name(title, self.taken) if plain.schema.columns else "object"
            if plain.schema.columns:
                self.contracts.append(plain)
        return self.classes[title], field_names(plain)


def _argument(value: str, given: Column | None, needed: Column) -> str:
    """Return what stands for a column that is needed."""
    if given is None:
        return value  # there is no such field, which is what the checker is to say
    one, other = Schema([given]), Schema([needed])
    mismatches = check_schema(one, other)
    kinds = given.type.python_type, needed.type.python_type
    if not mismatches:
        return value if kinds[0] is kinds[1] else f"widened({value})"
    if issubclass(*kinds) and (not given.nullable or needed.nullable):  # a checker would see nothing wrong
        return _misfit(f"expected {needed.spelling()}, got {given.spelling()}")
    return value


def _misfit(reason: str) -> str:
    escaped = reason.replace("\\", "\\\\").replace('"', '\\"')
    return f'Misfit("{visible(escaped)}")'
