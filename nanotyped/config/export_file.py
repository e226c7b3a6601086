"""What was read from a file -> the same pipeline as a file of ``nodes`` and ``edges``, and as a Python program."""

from __future__ import annotations

import json
import keyword
import re
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from uuid import UUID

from pydantic import BaseModel, SecretStr

from nanotyped.config.contracts import visible
from nanotyped.config.environment import split_references
from nanotyped.config.export_yaml import edge_entry
from nanotyped.config.options import NODE_SCHEMAS, SCHEMA_OPTIONS
from nanotyped.config.yaml_text import render_yaml_text
from nanotyped.errors import ExportError
from nanotyped.node.annotations import option_annotation, takes_text
from nanotyped.nodes.composite import DynamicClassMediator

if TYPE_CHECKING:
    from nanotyped.config.building import Built
    from nanotyped.config.entries import NodeEntry
    from nanotyped.config.yaml_reader import Document, Path, Value
    from nanotyped.node import NanoNode

_LINE = 88  # as row_module.py lays out code


def render_file_yaml(document: Document, built: Built) -> str:
    """Return the file in the form of ``nodes`` and ``edges``; that of a composite as it stands."""
    if not built.entries:
        return render_yaml_text(document.value)
    head = {"pipeline_name": built.title, "pipeline_description": built.description}
    found: dict[str, Value] = {key: value for key, value in head.items() if value}
    found["nodes"] = {name: _keyed(entry) for name, entry in built.entries.items()}
    found["edges"] = [edge_entry(link.source, link.target, link.max_queue_size) for link in built.links]
    for section in ("tests", "cluster"):
        if isinstance(document.value, dict) and document.value.get(section):
            found[section] = _every_digit(document, (section,))
    return render_yaml_text(found)


def _every_digit(document: Document, path: Path) -> Value:
    """Return a part of a file, a number that a float does not hold as its text: columns take either."""
    value = document.at(path)
    if isinstance(value, dict):
        return {key: _every_digit(document, (*path, key)) for key in value}
    if isinstance(value, list):
        return [_every_digit(document, (*path, index)) for index in range(len(value))]
    source = document.places[path].source
    return source if isinstance(value, float) and Decimal(source) != Decimal(repr(value)) else value


def _keyed(entry: NodeEntry) -> Value:
    schemas = {**{name: entry.options[name] for name in NODE_SCHEMAS if name in entry.options}, **entry.schemas}
    options = {name: value for name, value in entry.options.items() if name not in NODE_SCHEMAS}
    summary: dict[str, Value] = {"summary": entry.summary} if entry.summary else {}
    found: dict[str, Value] = {"class": entry.class_name, **summary, **schemas}
    return {**found, "options": options} if options else found


def render_file_python(file: str, built: Built) -> str:
    """Return a Python program of the same pipeline, with the same fingerprint.

    Raises:
        ExportError: With everything that no program can say, such as a class inside of a function.
    """
    return _Program(file).render(built)


class _Code(str):
    """An expression; its ``repr`` is the expression."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class _Program:
    """Collects imports, names and lines.

    Args:
        file: The file that the program is made of.
    """

    def __init__(self, file: str) -> None:
        self.file = file
        self.imports: dict[str, set[str]] = {}
        self.modules: set[str] = set()
        self.problems: list[str] = []
        self.composites: dict[str, str] = {}

    def render(self, built: Built) -> str:
        body = self._pipeline(built) if built.entries else self._composite_file(built)
        if self.problems:
            raise ExportError(self.problems)
        told = f"{built.title or 'A pipeline'}, as `nanotyped export` wrote it out of {self.file}."
        doc = '"""' + visible(told.replace("\\", "\\\\")).replace('"', "'") + '"""'
        imports = [f"import {name}" for name in sorted(self.modules)]
        ordered = sorted(self.imports.items(), key=lambda item: (item[0].startswith("nanotyped"), item[0]))
        imports += [f"from {module} import {', '.join(sorted(names))}" for module, names in ordered]
        made = list(self.composites.values())
        return "\n\n".join([doc, "\n".join(imports), *made, *body]) + "\n"

    def _composite_file(self, built: Built) -> list[str]:
        """Return the lines behind the class of a composite: one instance that runs."""
        whole = next(iter(built.nodes.values())).part_of
        assert isinstance(whole, DynamicClassMediator)
        name = self._composite(type(whole))
        return [_main(f"{name}(name={_quoted(name)})", built.title)]

    def _pipeline(self, built: Built) -> list[str]:
        classes = {type(node).__name__ for node in built.nodes.values()}
        variables: dict[str, str] = {}
        taken = {"os", "json", "SecretStr", "Retry", *classes}
        for name in built.nodes:
            variables[name] = _identifier(name, {*taken, *variables.values()})
        nodes = [self._node(variables[name], built.nodes[name], entry, built) for name, entry in built.entries.items()]
        links = [_linking(variables[link.source], variables[link.target], link.max_queue_size) for link in built.links]
        first = variables[next(iter(built.nodes))]
        return ["\n".join(nodes), *(["\n".join(links)] if links else []), _main(first, built.title)]

    def _node(self, variable: str, node: NanoNode[Any, Any], entry: NodeEntry, built: Built) -> str:
        cls = type(node)
        options: dict[str, Any] = {"name": entry.name, **({"summary": entry.summary} if entry.summary else {})}
        raw = {**entry.options, **entry.schemas}
        for name, value in built.values[entry.name].items():
            if name in SCHEMA_OPTIONS:
                options[name] = raw[name]
                continue
            plain = isinstance(value, SecretStr) and takes_text(option_annotation(cls, name))
            # A URL is the same pipeline as text, without what is secret in it; any other secret is known by its kind.
            plain = plain and "://" in value.get_secret_value() and str(raw[name]) != value.get_secret_value()
            options[name] = self._expression(value.get_secret_value() if plain else value, raw[name])
        lines = [f"    {name}={_layout(value, 4, len(name) + 1)}," for name, value in options.items()]
        return "\n".join([f"{variable} = {self._class(cls)}(", *lines, ")"])

    def _class(self, cls: type[NanoNode[Any, Any]]) -> str:
        if issubclass(cls, DynamicClassMediator) and cls.parts:
            return self._composite(cls)
        if cls.__qualname__ != cls.__name__:
            self.problems.append(f"{cls.__name__} cannot be imported: it is defined inside of something else")
        package = "nanotyped.nodes"
        self._from(package if cls.__module__.startswith(f"{package}.") else cls.__module__, cls.__name__)
        return cls.__name__

    def _composite(self, cls: type[DynamicClassMediator[Any, Any]]) -> str:
        """Return the name of a composite, which the program makes before its nodes."""
        if cls.__name__ not in self.composites:
            nodes = []
            for part in cls.parts:
                self._class_of_part(part.cls)
                frozen = {name: self._expression(value, part.written.get(name)) for name, value in part.frozen.items()}
                more = {"frozen_arguments": frozen} if frozen else {}
                mapping = {"arg_mapping": dict(part.remapping)} if part.remapping else {}
                nodes.append({"name": part.name, "class": part.cls.__name__, **more, **mapping})
            edges = [{"from": source, "to": target} for source, target in cls.wiring]
            config = {"name": cls.__name__, "nodes": nodes, **({"edges": edges} if len(nodes) > 1 else {})}
            self._from("nanotyped", "class_factory")
            self.composites[cls.__name__] = f"{cls.__name__} = class_factory({_layout(config, 0)})"
        return cls.__name__

    def _class_of_part(self, cls: type[NanoNode[Any, Any]]) -> None:
        """See to it that the class of a part is registered where the program runs."""
        if issubclass(cls, DynamicClassMediator) and cls.parts:
            self._composite(cls)
        elif not cls.__module__.startswith("nanotyped."):
            self.modules.add(cls.__module__)

    def _from(self, module: str, name: str) -> None:
        self.imports.setdefault(module, set()).add(name)

    # -- values ------------------------------------------------------------------------

    def _expression(self, value: Any, raw: Any) -> Any:
        """Return what gives a value: itself, or code; ``raw`` is how it stands in the file, references and all."""
        if isinstance(raw, str) and any(is_name for _, is_name in split_references(raw)):
            return self._of_environment(value, raw)
        match value:
            case None | bool() | int() | float():
                return value
            case str():
                return _Code(_quoted(value))
            case SecretStr():
                if not isinstance(raw, str):
                    self.problems.append("a secret of which it is not known where it comes from is in no program")
                    return None
                self._from("pydantic", "SecretStr")
                return _Code(f"SecretStr({_quoted(raw)})")
            case Mapping():
                inner = raw if isinstance(raw, Mapping) else {}
                return {key: self._expression(item, inner.get(key)) for key, item in value.items()}
            case list() | tuple():
                items = raw if isinstance(raw, list) and len(raw) == len(value) else [None] * len(value)
                found = [self._expression(item, inner) for item, inner in zip(value, items, strict=True)]
                return found if isinstance(value, list) else tuple(found)
        return self._object(value, raw)

    def _object(self, value: Any, raw: Any) -> Any:
        match value:
            case set() | frozenset():
                items = ", ".join(repr(self._expression(item, None)) for item in sorted(value, key=str))
                return _Code(f"{type(value).__name__}([{items}])")
            case BaseModel():
                inner = raw if isinstance(raw, Mapping) else {}
                fields = {key: getattr(value, key) for key in type(value).model_fields if key in value.model_fields_set}
                given = [f"{key}={self._expression(item, inner.get(key))!r}" for key, item in fields.items()]
                self._from(type(value).__module__, type(value).__qualname__)
                return _Code(f"{type(value).__qualname__}({', '.join(given)})")
            case PurePath():
                self._from("pathlib", "Path")
                return _Code(f"Path({_quoted(str(value))})")
            case Decimal() | UUID():
                self._from(type(value).__module__, type(value).__name__)
                return _Code(f"{type(value).__name__}({_quoted(str(value))})")
            case datetime() | date() | time() | timedelta():
                self.modules.add("datetime")
                return _Code(repr(value))
        return self._function(value)

    def _function(self, value: Any) -> Any:
        module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", "")
        if module == "builtins":
            return _Code(name)
        if callable(value) and isinstance(module, str) and name.isidentifier():
            self._from(module, name)
            return _Code(name)
        self.problems.append(f"no program can say {value!r}")
        return None

    def _of_environment(self, value: Any, raw: str) -> _Code:
        self.modules.add("os")
        parts = [
            f"os.environ[{_quoted(part)}]" if is_name else _quoted(part) for part, is_name in split_references(raw)
        ]
        text = " + ".join(parts)
        match value:
            case str():
                return _Code(text)
            case SecretStr():
                self._from("pydantic", "SecretStr")
                return _Code(f"SecretStr({text})")
            case bool() | int() | float():
                self.modules.add("json")
                return _Code(f"json.loads({text})")
            case PurePath():
                self._from("pathlib", "Path")
                return _Code(f"Path({text})")
            case Decimal() | UUID():
                self._from(type(value).__module__, type(value).__name__)
                return _Code(f"{type(value).__name__}({text})")
        self.problems.append(f"no program can make a {type(value).__name__} of `{raw}`")
        return _Code("None")


def _linking(source: str, target: str, max_queue_size: int | None) -> str:
    bound = "" if max_queue_size is None else f", max_queue_size={max_queue_size}"
    return f"{source}.add_edge({target}{bound})"


def _main(node: str, title: str | None) -> str:
    given = f"pipeline_name={_quoted(title)}" if title else ""
    return f'\nif __name__ == "__main__":\n    {node}.run({given})'


def _identifier(name: str, taken: set[str]) -> str:
    found = re.sub(r"\W", "_", name) or "_"
    found = f"node_{found}" if found[0].isdigit() or keyword.iskeyword(found) else found
    while found in taken:
        found += "_"
    return found


def _quoted(text: str) -> str:
    """Return a text as Python and JSON both write it."""
    return json.dumps(text, ensure_ascii=False) if text.isprintable() else json.dumps(text)


def _layout(value: Any, indent: int, used: int = 0) -> str:
    """Return the code of a value, broken over lines where one is too short for it."""
    flat = _flat(value)
    if not isinstance(value, dict | list | tuple) or not value or indent + used + len(flat) < _LINE:
        return flat
    inner = " " * (indent + 4)
    if isinstance(value, dict):
        items = [f"{_flat(key)}: {_layout(item, indent + 4, len(_flat(key)) + 2)}" for key, item in value.items()]
    else:
        items = [_layout(item, indent + 4) for item in value]
    opening, closing = {dict: ("{", "}"), list: ("[", "]"), tuple: ("(", ")")}[type(value)]
    return "\n".join([opening, *(f"{inner}{item}," for item in items), " " * indent + closing])


def _flat(value: Any) -> str:
    match value:
        case _Code():
            return str(value)
        case str():
            return _quoted(value)
        case dict():
            return "{" + ", ".join(f"{_flat(key)}: {_flat(item)}" for key, item in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(_flat, value)) + "]"
        case tuple():
            return "(" + ", ".join(map(_flat, value)) + ("," if len(value) == 1 else "") + ")"
    return repr(value)
