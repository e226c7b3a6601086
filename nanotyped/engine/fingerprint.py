"""What a pipeline is, as digests: classes, options, contracts and links, without secrets and generated names."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pydantic import BaseModel, SecretBytes, SecretStr

from nanotyped.node.annotations import AnnotationError, holds_secrets, option_annotation, takes_function
from nanotyped.node.functions import named_function
from nanotyped.row import Row, Schema, parse_schema
from nanotyped.row.type_texts import in_mysql_terms, mysql_spelling
from nanotyped.types.base import DataType, Nullable

if TYPE_CHECKING:
    from nanotyped.graph import Graph
    from nanotyped.node import NanoNode

# What another password or token does not change.
_PASSWORD_IN_URL = re.compile(r"(://[^:/@\s]*):[^@\s]*@")
_SECRET_NAME = re.compile(r"pass(word|wd)|secret|token|authorization|api[-_]?key|cookie", re.IGNORECASE)
# Of the pipeline, that is; a node is known by its name elsewhere. A run that a bad row ended is resumed with a policy
# for such rows, and goes on where it was.
_NO_CHANGE = (
    "name",
    "summary",
    "throttle",
    "keep_alive",
    "on_error",
    "max_errors",
    "max_error_rate",
    "dead_letter",
    "retry",
    "workers",
    "partition_by",
)


def part_names(graph: Graph) -> dict[NanoNode[Any, Any], str]:
    """Return how each node is called from run to run: its own name, or its class and place."""
    return {
        node: f"`{node.name}`" if node.has_given_name else f"node {place} ({type(node).__name__})"
        for place, node in enumerate(graph.nodes, 1)
    }


def fingerprint_of(graph: Graph) -> dict[str, str]:
    """Return a digest of each node, and one of the links; equal pipelines have equal ones in every process."""
    names = part_names(graph)
    found = {name: digest_of(node) for node, name in names.items()}
    edges = sorted((names[edge.source], names[edge.target]) for edge in graph.edges)
    return {**found, "the graph": _digest(edges)}


def digest_of(node: NanoNode[Any, Any]) -> str:
    """Return a digest of what a node is: its class, its options and its schemas, without its name."""
    return _digest(_node_parts(node))


def _node_parts(node: NanoNode[Any, Any]) -> dict[str, Any]:
    cls = type(node)
    no_change = (*_NO_CHANGE, *cls.options_that_may_change)
    options = {name: _declared(cls, name, value) for name, value in node.given_options.items() if name not in no_change}
    declared = (node.needed_input(), node.own_output())
    schemas = [None if schema is None else in_mysql_terms(schema).spelling() for schema in declared]
    return {"class": f"{cls.__module__}.{cls.__qualname__}", "options": _plain(options), "schemas": schemas}


def _declared(cls: type[NanoNode[Any, Any]], name: str, value: Any) -> Any:
    """Return an option as a file would give it: a schema by what it says, a function for its name, a secret as one."""
    if name in ("input_schema", "output_schema") and value is not None:
        return parse_schema(value)
    try:
        annotation = option_annotation(cls, name)
    except AnnotationError:  # nothing that a file can give
        return value
    if takes_function(annotation):
        return named_function(value)
    return _hidden(value) if holds_secrets(annotation) else value


def _hidden(value: Any) -> Any:
    """Return secrets that Python gave as plain text as what a file gives."""
    if isinstance(value, Mapping):
        return {key: _hidden(item) for key, item in value.items()}
    return SecretStr(value) if isinstance(value, str) else value


def _plain(value: Any, name: str = "") -> Any:
    """Return an option as JSON holds it; a secret as the word, an object by its class."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item, str(key)) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((_plain(item, name) for item in value), key=str)
    if isinstance(value, list | tuple):
        return [_plain(item, name) for item in value]
    if isinstance(value, BaseModel):
        # A model says by its annotations what is secret: names, such as `token_url`, say nothing.
        return {key: "secret" if isinstance(item, SecretStr) else _plain(item) for key, item in value}
    if isinstance(value, str | SecretStr | SecretBytes):
        return _without_secret(value, name)
    return _text(value)


def _without_secret(value: str | SecretStr | SecretBytes, name: str) -> str:
    text = value if isinstance(value, str) else str(value.get_secret_value())
    is_secret = not isinstance(value, str) and "://" not in text  # of a secret URL, another server is another pipeline
    return "secret" if is_secret or _SECRET_NAME.search(name) else _PASSWORD_IN_URL.sub(r"\1@", text)


def _text(value: Any) -> str:
    match value:
        case Schema():
            return in_mysql_terms(value).spelling()
        case Nullable():
            return f"{_text(value.type)} null"
        case PurePath():
            return str(value)
        case Decimal() | date() | time() | timedelta() | bytes() | UUID() | Enum():
            return repr(value)
        case type() if issubclass(value, DataType):
            return mysql_spelling(value) or value.spelling()
        case type() if issubclass(value, Row):
            return in_mysql_terms(value.schema).spelling()
    named = value if hasattr(value, "__qualname__") else type(value)
    return f"{named.__module__}.{named.__qualname__}"


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
