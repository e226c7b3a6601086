"""Composites -> stubs, from which type checkers learn their options and what they need and give."""

from __future__ import annotations

import inspect
import types
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

from nanotyped.node import declared_row_class, options_of
from nanotyped.node.annotations import AnnotationError, option_annotation

if TYPE_CHECKING:
    from nanotyped.nodes.composite import DynamicClassMediator
    from nanotyped.row import Row

_PLAIN = frozenset({int, float, str, bool, bytes, object})
_CONTAINERS: Mapping[object, str] = {list: "list", dict: "dict", tuple: "tuple", set: "set", frozenset: "frozenset"}


def render_stub(cls: type[DynamicClassMediator[Any, Any]]) -> str:
    """Return a stub module of a composite.

    The Row classes are those that its ends declare; what else they declare, and annotations that are made of classes
    of others, is ``Any`` to a checker.
    """
    imports: dict[str, set[str]] = {"typing": {"Any"}, "nanotyped": {"DynamicClassMediator"}}
    ends = ", ".join(_row_name(row, imports) for row in _row_classes(cls))
    lines = []
    for name, found in options_of(cls).items():
        default = "" if found.default is inspect.Parameter.empty else " = ..."
        lines.append(f"        {name}: {_annotation(cls, name, imports)}{default},")
    heads = [f"from {module} import {', '.join(sorted(names))}" for module, names in sorted(imports.items())]
    body = [f"class {cls.__name__}(DynamicClassMediator[{ends}]):", "    def __init__(", "        self,", "        *,"]
    return "\n".join([*heads, "", *body, *lines, "    ) -> None: ..."]) + "\n"


def _row_classes(cls: type[DynamicClassMediator[Any, Any]]) -> tuple[type[Row] | None, type[Row] | None]:
    """Return the Row classes of a composite's head and tail, where each is one part that declares one."""
    targets = {target for _, target in cls.wiring}
    sources = {source for source, _ in cls.wiring}
    heads = [part.cls for part in cls.parts if part.name not in targets]
    tails = [part.cls for part in cls.parts if part.name not in sources]
    needed = declared_row_class(heads[0], "input_schema", 0) if len(heads) == 1 else None
    given = declared_row_class(tails[0], "output_schema", 1) if len(tails) == 1 else None
    return needed, given


def _row_name(row: type[Row] | None, imports: dict[str, set[str]]) -> str:
    if row is None or not row.__qualname__.isidentifier():
        return "Any"
    imports.setdefault(row.__module__, set()).add(row.__name__)
    return row.__name__


def _annotation(cls: type[DynamicClassMediator[Any, Any]], option: str, imports: dict[str, set[str]]) -> str:
    try:
        return _spelled(option_annotation(cls, option), imports)
    except AnnotationError:
        return "Any"


def _spelled(annotation: Any, imports: dict[str, set[str]]) -> str:
    """Return an annotation as text; ``Any`` where it is made of something else than what Python itself has."""
    arguments, origin = get_args(annotation), get_origin(annotation)
    if annotation is None or annotation is types.NoneType:
        return "None"
    if annotation in _PLAIN:
        return str(annotation.__name__)
    if annotation in _CONTAINERS:
        more = {dict: ", Any", tuple: ", ..."}.get(annotation, "")
        return f"{_CONTAINERS[annotation]}[Any{more}]"
    if origin is Literal:
        imports["typing"].add("Literal")
        return f"Literal[{', '.join(map(repr, arguments))}]"
    inner = ["..." if argument is ... else _spelled(argument, imports) for argument in arguments]
    if origin in (Union, types.UnionType):
        return "Any" if "Any" in inner else " | ".join(dict.fromkeys(inner))
    if origin in _CONTAINERS:
        return f"{_CONTAINERS[origin]}[{', '.join(inner)}]"
    return "Any"
