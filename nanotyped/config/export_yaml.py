"""A pipeline of Python -> the text of its file, with the same fingerprint."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from datetime import date, time
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pydantic import BaseModel, SecretStr

from nanotyped.config.contracts import visible
from nanotyped.config.options import NODE_SCHEMAS, SCHEMA_OPTIONS
from nanotyped.config.yaml_text import render_yaml_text
from nanotyped.errors import ExportError
from nanotyped.graph import survey_graph
from nanotyped.node import DEFAULT_QUEUE_ROWS, NanoNode, install_yaml_renderer, options_of
from nanotyped.node.annotations import AnnotationError, is_secret, option_annotation, takes_function
from nanotyped.node.functions import named_function
from nanotyped.redaction import SHORTEST_SECRET
from nanotyped.registry import UnknownNameError, find_function, function_names, registered_nodes
from nanotyped.row import parse_schema
from nanotyped.row.type_texts import file_spelling
from nanotyped.types import DataType
from nanotyped.types.base import Nullable

if TYPE_CHECKING:
    from nanotyped.config.yaml_reader import Value

AnyNode = NanoNode[Any, Any]
# As the names of headers and parameters say it.
_SECRET_NAME = re.compile(r"pass(word|wd)|secret|token|authorization|api[-_]?key|cookie", re.IGNORECASE)


def render_pipeline_yaml(node: AnyNode, pipeline_name: str | None = None) -> str:
    """Return the file of everything that is connected to a node, in the form of ``nodes`` and ``edges``.

    Loaded again it has the same fingerprint, where each node bears a name of its own. Secrets are not in it: each is
    ``${NAME}``, the variable that holds it now, or one to be set, which a comment at the head names.

    Raises:
        ExportError: With everything in the pipeline that no file can hold.
    """
    exporter = _Exporter()
    text = render_yaml_text(exporter.export(node, pipeline_name))
    if exporter.problems:
        raise ExportError(exporter.problems)
    return "".join(f"# Set {name}: {what}.\n" for name, what in exporter.unset.items()) + text


class _Exporter:
    """Collects what no file can hold, and the variables that are to be set."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.unset: dict[str, str] = {}
        self._classes = {cls: name for name, cls in registered_nodes().items()}

    def export(self, node: AnyNode, pipeline_name: str | None) -> Value:
        graph = survey_graph(node).graph
        names: dict[AnyNode, str] = {}
        for member in graph.nodes:
            names.setdefault(_whole(member), "")
        for place, whole in enumerate(names, 1):
            names[whole] = whole.name if whole.has_given_name else f"{_snake(type(whole).__name__)}_{place}"
        links: dict[tuple[str, str], int] = {}
        for edge in graph.edges:
            ends = names[_whole(edge.source)], names[_whole(edge.target)]
            if ends[0] != ends[1] and links.setdefault(ends, edge.queue_rows) != edge.queue_rows:
                self.problems.append(f"the edges from `{ends[0]}` to `{ends[1]}` have more than one max_queue_size")
        title: dict[str, Value] = {} if pipeline_name is None else {"pipeline_name": pipeline_name}
        return {
            **title,
            "nodes": {name: self._node(whole, name) for whole, name in names.items()},
            "edges": [edge_entry(*ends, None if rows == DEFAULT_QUEUE_ROWS else rows) for ends, rows in links.items()],
        }

    def _node(self, node: AnyNode, name: str) -> Value:
        cls = type(node)
        if cls not in self._classes:
            self.problems.append(f"node `{name}`: {cls.__name__} is not registered; put @register_node before it")
        found: dict[str, Value] = {"class": self._classes.get(cls, cls.__name__)}
        if node.summary:
            found["summary"] = node.summary
        given = {option: value for option, value in node.given_options.items() if option not in ("name", "summary")}
        for option, parameter in options_of(cls).items():
            if parameter.default is parameter.empty and option not in given:
                self.problems.append(f"node `{name}`: give the option `{option}` by its name, not by its place")
        options: dict[str, Value] = {}
        for option, value in given.items():
            if option in SCHEMA_OPTIONS:
                if value is not None:
                    beside = found if option in NODE_SCHEMAS else options
                    beside[option] = self._schema(value, f"node `{name}`, {option}")
            else:
                options[option] = self._option(cls, option, value, name)
        return {**found, "options": options} if options else found

    def _schema(self, declared: Any, where: str) -> Value:
        schema = parse_schema(declared)
        found: dict[str, Value] = {}
        for column in schema:
            text = file_spelling(column.type)
            if text is None:
                self.problems.append(f"{where}: no type of a file is exactly `{column.type.spelling()}`")
            found[column.name] = f"{text} null" if column.nullable else f"{text}"
        return found

    def _option(self, cls: type[AnyNode], option: str, value: Any, name: str) -> Value:
        try:
            annotation = option_annotation(cls, option)
        except AnnotationError as error:
            self.problems.append(f"node `{name}`: {error}")
            return None
        where = f"node `{name}`, option `{option}`"
        if takes_function(annotation):
            value = named_function(value)
        elif is_secret(annotation) and isinstance(value, str):
            value = SecretStr(value)
        return self._plain(value, where, f"{name}_{option}")

    def _plain(self, value: Any, where: str, variable: str) -> Value:
        """Return a value as a file holds it; what none can hold is a problem."""
        match value:
            case SecretStr():
                return self._reference(value.get_secret_value(), where, variable)
            case None | bool() | int() | float():
                return value
            case Enum():
                return self._plain(value.value, where, variable)
            case str():
                return value.replace("${", "$${")
            case Mapping():
                return {str(key): self._item(str(key), item, where, variable) for key, item in value.items()}
            case list() | tuple() | set() | frozenset():
                items = sorted(value, key=str) if isinstance(value, set | frozenset) else value
                return [self._plain(item, where, variable) for item in items]
        return self._object(value, where, variable)

    def _object(self, value: Any, where: str, variable: str) -> Value:
        match value:
            case BaseModel():
                # A model says by its annotations what is secret: names, such as `token_url`, say nothing.
                given = {key: getattr(value, key) for key in type(value).model_fields if key in value.model_fields_set}
                return {key: self._plain(item, f"{where}, `{key}`", f"{variable}_{key}") for key, item in given.items()}
            case PurePath() | Decimal() | UUID():
                return str(value)
            case date() | time():
                return value.isoformat()
        return self._named(value, where)

    def _item(self, key: str, value: Any, where: str, variable: str) -> Value:
        inner = f"{variable}_{key}"
        hidden = isinstance(value, str) and _SECRET_NAME.search(key)
        return self._plain(SecretStr(value) if hidden else value, f"{where}, `{key}`", inner)

    def _named(self, value: Any, where: str) -> Value:
        """Return what a file says for a type or a function: its name."""
        kind = value.type if isinstance(value, Nullable) else value
        if isinstance(kind, type) and issubclass(kind, DataType):
            text = file_spelling(kind)
            if text is not None:
                return f"{text} null" if isinstance(value, Nullable) else text
        elif callable(value) and (name := _function_name(value)) is not None:
            return name
        self.problems.append(f"{where}: {_shown(value)} cannot stand in a file")
        return None

    def _reference(self, secret: str, where: str, variable: str) -> str:
        for name, found in os.environ.items():
            if found == secret and len(secret) >= SHORTEST_SECRET and name.isidentifier():
                return f"${{{name}}}"
        name = re.sub(r"\W", "_", variable, flags=re.ASCII).upper()
        name = name if re.match(r"[A-Z_]", name) else f"_{name}"
        self.unset[name] = visible(where)  # a comment ends where its line does
        return f"${{{name}}}"


def edge_entry(source: str, target: str, max_queue_size: int | None) -> Value:
    """Return an edge as a file has it; without a bound where that is the usual one."""
    bound: dict[str, Value] = {} if max_queue_size is None else {"max_queue_size": max_queue_size}
    return {"source": source, "target": target, **bound}


def _whole(node: AnyNode) -> AnyNode:
    """Return the outermost composite that a node is a part of, or itself."""
    while node.part_of is not None:
        node = node.part_of
    return node


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _function_name(function: Callable[..., Any]) -> str | None:
    """Return the name by which files know a function."""
    for name in function_names():
        if find_function(name) is function:
            return name
    name = f"{getattr(function, '__module__', '')}.{getattr(function, '__qualname__', '')}".replace(".", "__")
    try:
        return name if find_function(name) is function else None
    except UnknownNameError:
        return None


def _shown(value: object) -> str:
    name = getattr(value, "__qualname__", None)
    return f"`{name}`, which is not registered," if isinstance(name, str) else f"a {type(value).__name__}"


install_yaml_renderer(render_pipeline_yaml)
