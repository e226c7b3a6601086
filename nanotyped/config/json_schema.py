"""The JSON Schema of files, out of the models that read them and the node classes that are registered.

Editors complete and check with it (``# yaml-language-server: $schema=FILE``). It knows a file by itself: what hangs
together over several places, such as the names in ``paths`` and the columns, is the linter's.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

from nanotyped import nodes as _built_in_nodes  # noqa: F401 - importing them registers them
from nanotyped.config.annotations import option_adapter
from nanotyped.config.models import (
    CaseForm,
    ClusterForm,
    CompositeForm,
    EdgeForm,
    NodeForm,
    PartEdgeForm,
    PartForm,
    PipelineForm,
    RejectForm,
    SecurityForm,
    SequenceForm,
    SequenceNodeForm,
)
from nanotyped.config.options import NODE_SCHEMAS, SCHEMA_OPTIONS
from nanotyped.node import NanoNode, options_of
from nanotyped.node.annotations import AnnotationError, option_annotation
from nanotyped.registry import registered_nodes

if TYPE_CHECKING:
    from pydantic import BaseModel, TypeAdapter

    from nanotyped.config.annotations import NodeClass

JsonSchema: TypeAlias = dict[str, Any]

_DIALECT = "http://json-schema.org/draft-07/schema#"  # the one that editors of YAML know best
_REFERENCE: JsonSchema = {"type": "string", "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*\}"}
_COLUMNS: JsonSchema = {
    "type": "object",
    "additionalProperties": {"type": "string"},
    "description": "Columns, each with the text of its type, such as `int unsigned` or `varchar(9) null`.",
}
_ELSEWHERE = ("name", "summary")
_SCALARS = frozenset({"integer", "number", "boolean"})


def pipeline_schema() -> JsonSchema:
    """Return the JSON Schema of pipelines and composites, with the options of every class that is registered."""
    classes = {name: cls for name, cls in registered_nodes().items() if _is_node_class(cls)}
    definitions: dict[str, JsonSchema] = {"columns": _COLUMNS, "reference": _REFERENCE}
    for name, cls in classes.items():
        definitions[f"options of {name}"] = _options(cls, definitions)
    keyed = _model(PipelineForm)
    keyed["properties"]["nodes"] = {"type": "object", "additionalProperties": _keyed_node(classes), "minProperties": 1}
    keyed["properties"]["paths"] = _list_of({"type": "array", "items": {"type": "string"}, "minItems": 2}, null=True)
    keyed["properties"]["edges"] = _list_of(_model(EdgeForm), null=True)
    keyed["properties"]["tests"] = _list_of(_ref("test"), null=True)
    keyed["properties"]["cluster"] = _cluster()
    keyed["anyOf"] = [{"required": ["paths"]}, {"required": ["edges"]}]
    sequence = _model(SequenceForm)
    sequence["properties"]["node_sequence"] = _list_of(_sequence_node(classes, definitions), least=1)
    sequence["properties"]["tests"] = keyed["properties"]["tests"]
    sequence["properties"]["cluster"] = keyed["properties"]["cluster"]
    composite = _model(CompositeForm)
    composite["properties"]["nodes"] = _list_of(_part(classes), least=1)
    composite["properties"]["edges"] = _list_of(_model(PartEdgeForm), null=True)
    definitions["test"] = _case()
    definitions |= {"pipeline": keyed, "sequence": sequence, "composite": composite}
    return {
        "$schema": _DIALECT,
        "title": "nanotyped pipeline",
        "type": "object",
        "if": {"required": ["node_sequence"]},
        "then": _ref("sequence"),
        "else": {
            "if": {"properties": {"nodes": {"type": "array"}}, "required": ["nodes"]},
            "then": _ref("composite"),
            "else": _ref("pipeline"),
        },
        "$defs": definitions,
    }


def _cluster() -> JsonSchema:
    found = _model(ClusterForm)
    found["properties"]["security"] = _or_null(_model(SecurityForm))
    return _or_null(found)


def _is_node_class(cls: object) -> bool:
    return isinstance(cls, type) and issubclass(cls, NanoNode)


def _ref(name: str) -> JsonSchema:
    return {"$ref": f"#/$defs/{name.replace(' ', '%20')}"}


def _list_of(items: JsonSchema, *, null: bool = False, least: int = 0) -> JsonSchema:
    found: JsonSchema = {"type": ["array", "null"] if null else "array", "items": items}
    return {**found, "minItems": least} if least else found


def _model(form: type[BaseModel]) -> JsonSchema:
    """Return what pydantic says of a form, without titles."""
    found = form.model_json_schema(by_alias=True)
    tidy: JsonSchema = _tidy({key: value for key, value in found.items() if key != "description"})
    return tidy


def _keyed_node(classes: Mapping[str, NodeClass]) -> JsonSchema:
    found = _model(NodeForm)
    found["properties"] |= {name: _or_null(_ref("columns")) for name in NODE_SCHEMAS}
    by_class: dict[str, JsonSchema] = {}
    for name, cls in classes.items():
        by_class[name] = {"properties": {"options": _ref(f"options of {name}")}}
        if _needed(cls):
            by_class[name]["required"] = ["options"]
    return _by_class(found, classes, by_class)


def _sequence_node(classes: Mapping[str, NodeClass], definitions: Mapping[str, JsonSchema]) -> JsonSchema:
    found = _model(SequenceNodeForm)
    found["properties"]["parents"] = _list_of({"type": "string"}, null=True)
    by_class: dict[str, JsonSchema] = {}
    for name in classes:
        own = definitions[f"options of {name}"]
        by_class[name] = {**own, "properties": {**own["properties"], **dict.fromkeys(found["properties"], True)}}
    return _by_class(found, classes, by_class)


def _part(classes: Mapping[str, NodeClass]) -> JsonSchema:
    found = _model(PartForm)
    by_class = {}
    for name, cls in classes.items():
        # What is frozen need not be all that the class cannot do without: the rest may have outer names.
        options: JsonSchema = {"propertyNames": {"enum": _options_of(cls)}}
        outer = {**options, "type": ["object", "null"], "additionalProperties": {"type": "string"}}
        by_class[name] = {"properties": {"frozen_arguments": options, "arg_mapping": outer}}
    return _by_class(found, classes, by_class)


def _case() -> JsonSchema:
    """Return the schema of a test."""
    rows = _list_of({"type": "object"})
    found = _model(CaseForm)
    found["properties"] |= {
        "path": _or_null(_list_of({"type": "string"}, least=1)),
        "given": {"anyOf": [rows, {"type": "object", "additionalProperties": rows, "minProperties": 1}]},
        "input_schema": _or_null(_ref("columns")),
        "expect": _or_null(rows),
        "rejects": _list_of(_model(RejectForm), null=True),
    }
    found["anyOf"] = [{"required": [name]} for name in ("expect", "rejects", "error")]
    found["oneOf"] = [{"required": [name]} for name in ("node", "path")]
    return found


def _by_class(node: JsonSchema, classes: Mapping[str, NodeClass], then: Mapping[str, JsonSchema]) -> JsonSchema:
    """Return the schema of a node, with what its class asks for."""
    node["properties"]["class"] = {
        "anyOf": [{"const": name, "description": _summary(cls)} for name, cls in classes.items()]
    }
    node["allOf"] = [
        {"if": {"properties": {"class": {"const": name}}, "required": ["class"]}, "then": more}
        for name, more in then.items()
    ]
    return node


# -- options -----------------------------------------------------------------------


def _options_of(cls: NodeClass) -> list[str]:
    return [name for name in options_of(cls) if name not in _ELSEWHERE]


def _needed(cls: NodeClass) -> list[str]:
    empty = inspect.Parameter.empty
    return [name for name, found in options_of(cls).items() if name not in _ELSEWHERE and found.default is empty]


def _options(cls: NodeClass, definitions: dict[str, JsonSchema]) -> JsonSchema:
    known, common = options_of(cls), options_of(NanoNode)
    texts = _option_texts(cls)
    properties: dict[str, JsonSchema] = {}
    for name in _options_of(cls):
        if known[name] == common.get(name):  # of every node: written down once
            shared = f"option {name}"
            if shared not in definitions:
                definitions[shared] = _described(NanoNode, known[name], _option_texts(NanoNode), definitions)
            properties[name] = _ref(shared)
        else:
            properties[name] = _described(cls, known[name], texts, definitions)
    needed = _needed(cls)
    # An empty `options:` is one without options.
    kind: JsonSchema = {"type": "object", "required": needed} if needed else {"type": ["object", "null"]}
    return {**kind, "properties": properties, "additionalProperties": False}


def _described(
    cls: NodeClass, parameter: inspect.Parameter, texts: Mapping[str, str], definitions: dict[str, JsonSchema]
) -> JsonSchema:
    """Return the schema of an option, with what it means and its default."""
    name = parameter.name
    found = _ref("columns") if name in SCHEMA_OPTIONS else _option(cls, name, definitions)
    if name in texts:
        found = {**({"allOf": [found]} if "$ref" in found else found), "description": texts[name]}
    default = parameter.default
    return {**found, "default": default} if isinstance(default, str | bool | int | float) else found


def _option(cls: NodeClass, name: str, definitions: dict[str, JsonSchema]) -> JsonSchema:
    """Return the schema of an option: what its validator takes, or a reference to the environment in its place."""
    try:
        adapter: TypeAdapter[Any] = option_adapter(option_annotation(cls, name))
    except AnnotationError:
        return {"not": {}, "description": "This option can be given from Python only."}
    found = adapter.json_schema(ref_template="#/$defs/{model}")
    definitions |= {key: _referable(_tidy(value)) for key, value in found.pop("$defs", {}).items()}
    return _referable(_tidy(found))


def _tidy(schema: Any) -> Any:
    """Return a schema of pydantic without what says nothing here: titles, and formats that only Python knows."""
    if isinstance(schema, list):
        return [_tidy(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    left = {key: _tidy(value) for key, value in schema.items() if key not in ("format", "writeOnly")}
    if isinstance(left.get("title"), str):
        del left["title"]
    return left


def _referable(schema: JsonSchema) -> JsonSchema:
    """Return a schema that takes ``${NAME}`` wherever it takes something else than text."""
    if "anyOf" in schema:
        members = [_referable(member) for member in schema["anyOf"]]
        plain = [member for found in members for member in (found["anyOf"] if set(found) == {"anyOf"} else [found])]
        unique = [member for index, member in enumerate(plain) if member not in plain[:index]]
        return {**schema, "anyOf": unique}
    if "enum" in schema or "const" in schema or schema.get("type") in _SCALARS:
        return {"anyOf": [schema, _ref("reference")]}
    inner = dict(schema)
    for key in ("items", "additionalProperties"):
        if isinstance(inner.get(key), dict):
            inner[key] = _referable(inner[key])
    if "properties" in inner:
        inner["properties"] = {name: _referable(found) for name, found in inner["properties"].items()}
    if "prefixItems" in inner:
        inner["prefixItems"] = [_referable(found) for found in inner["prefixItems"]]
    return inner


def _or_null(schema: JsonSchema) -> JsonSchema:
    return {"anyOf": [schema, {"type": "null"}]}


# -- texts -------------------------------------------------------------------------


def _summary(cls: NodeClass) -> str:
    return re.split(r"\n\s*\n", inspect.getdoc(cls) or "", maxsplit=1)[0].replace("\n", " ")


def _option_texts(cls: NodeClass) -> dict[str, str]:
    """Return what the docstrings of a class and its bases say of options, by name."""
    found: dict[str, str] = {}
    for base in cls.__mro__:
        doc = inspect.cleandoc(base.__doc__ or "")
        section = re.search(r"^Args:\n(?P<body>(?:[ \t]+.*\n?|\n)+)", doc, re.MULTILINE)
        for name, text in _entries(section["body"].splitlines() if section else ()):
            found.setdefault(name, text)
    return found


def _entries(lines: Iterable[str]) -> list[tuple[str, str]]:
    entries: list[tuple[str, str]] = []
    for line in lines:
        begins = re.fullmatch(r"    (\w+): (.*)", line)
        if begins:
            entries.append((begins[1], begins[2]))
        elif entries and line.strip():
            name, text = entries.pop()
            entries.append((name, f"{text} {line.strip()}"))
    return entries


def render_schema() -> str:
    """Return ``pipeline_schema()`` as JSON text."""
    return json.dumps(pipeline_schema(), indent=2, ensure_ascii=False) + "\n"
