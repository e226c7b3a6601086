"""Schemas that classes of nodes declare in attributes: ``input_schema = {"id": INTEGER}``; noted with the class.

What is no literal is not known, and nothing is said of it; so are options of an instance that say otherwise.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mypy.nodes import AssignmentStmt, MemberExpr, NameExpr, RefExpr, TypeInfo

from nanotyped.errors import TypeSyntaxError
from nanotyped.mypy_plugin.columns import (
    COLUMN,
    NANO_NODE,
    annotations_of,
    columns_of,
    columns_of_texts,
    paths_of,
    row_class,
)
from nanotyped.mypy_plugin.declared import Speller
from nanotyped.mypy_plugin.made import declared_column

if TYPE_CHECKING:
    from mypy.nodes import Expression
    from mypy.plugin import ClassDefContext
    from mypy.types import Type

    from nanotyped.mypy_plugin.fit import Columns

_NOTED = "nanotyped-node"
_READ = ("input_schema", "output_schema", "retain_input")
_COMPUTED = {
    "input_schema": frozenset({"needed_input"}),
    "output_schema": frozenset({"own_output", "own_output_for", "output_schema_for"}),
}
_SOURCES = ("generator", "generate_batches")
_OTHERS = ("process_item", "process_batch")


@dataclass(frozen=True, slots=True)
class Rows:
    """What a node needs or gives: how messages name it, and its columns; the class, where it is a type argument."""

    title: str
    columns: Columns
    by_class: TypeInfo | None = None


def collect_schemas(paths: Mapping[str, str], ctx: ClassDefContext) -> None:
    """Note the schemas that a class of nodes declares in its attributes, and whether it retains its input.

    Args:
        paths: Where modules are that may come out of the cache.
        ctx: The class, by mypy, its body known.
    """
    info = ctx.cls.info
    speller = Speller(info.module_name, paths_of(paths, ctx))
    declared = speller.class_at(info.name, ctx.cls.line)
    if declared is None:
        return
    noted: dict[str, Any] = {}
    for statement in ctx.cls.defs.body:
        if not isinstance(statement, AssignmentStmt) or not isinstance(statement.lvalues[0], NameExpr):
            continue
        name = statement.lvalues[0].name
        if name in _READ:
            noted[name] = _note_of(speller, declared, name, statement.rvalue)
            for wrong, reason in _misspelt((noted[name] or {}).get("columns", ())):
                ctx.api.fail(f'Column "{wrong}" of {info.name}.{name}: {reason}', statement, code=COLUMN)
    # What a method sets is nowhere a literal of the class.
    noted |= dict.fromkeys(speller.attributes_set_in_methods(declared).intersection(_READ))
    if noted:
        info.metadata[_NOTED] = noted


def _note_of(speller: Speller, declared: ast.ClassDef, name: str, value: Expression) -> dict[str, Any] | None:
    """Return what is noted of an attribute; ``None`` where it cannot be read."""
    spelled = speller.class_attribute(declared, name)
    if isinstance(spelled, ast.Constant):
        return {} if spelled.value is None else {"value": spelled.value} if isinstance(spelled.value, bool) else None
    if isinstance(value, MemberExpr) and value.name == "schema":
        value = value.expr
    if isinstance(value, RefExpr) and isinstance(value.node, TypeInfo):
        # Their types, not the name of the class: a change of them is to change what is noted here.
        columns = annotations_of(value.node)
        return {"row": [list(column) for column in columns.items()]} if columns else None
    found = speller.columns_of_schema(spelled) if spelled is not None else None
    return None if found is None else {"columns": [list(column) for column in found]}


def _misspelt(columns: Iterable[tuple[str, str | None]]) -> list[tuple[str, str]]:
    found = []
    for name, text in columns:
        try:
            if text is not None:
                declared_column(name, text)
        except TypeSyntaxError as error:
            found.append((name, str(error)))
    return found


def declared_rows(info: TypeInfo, attribute: str, argument: Type) -> Rows | None:
    """Return the rows that a class of nodes declares in an attribute, or else as an argument of its base.

    Args:
        info: The class.
        attribute: ``input_schema`` or ``output_schema``.
        argument: The type that the base has for it.
    """
    base = _base_with(info, attribute)
    if base is not None:
        noted: Any = base.metadata.get(_NOTED, {})
        note = noted.get(attribute)
        if note is None:  # it stands there, and cannot be read
            return None
        title = f"`{base.name}.{attribute}`"
        if "row" in note:
            return Rows(title, columns_of_texts(dict(note["row"])))
        if "columns" in note:
            return Rows(title, columns_of_texts(dict(note["columns"]), declared_column))
    found = row_class(argument)
    return Rows(f"`{found.name}`", columns_of(found), found) if found is not None else None


def _base_with(info: TypeInfo, attribute: str) -> TypeInfo | None:
    """Return the class that says what an attribute is, below ``NanoNode``; ``None`` where a method says it, or none."""
    for base in info.mro:
        if base.fullname == NANO_NODE or base.names.keys() & _COMPUTED.get(attribute, frozenset()):
            break
        noted: Any = base.metadata.get(_NOTED, {})
        if attribute in base.names or attribute in noted:
            return base
    return None


def retains_nothing(info: TypeInfo) -> bool:
    """Return whether the rows of a node have the columns alone that it says: of a source, or by ``retain_input``."""
    base = _base_with(info, "retain_input")
    noted: Any = base.metadata.get(_NOTED, {}) if base is not None else {}
    if (noted.get("retain_input") or {}).get("value") is False:
        return True
    return any(_is_own(info, name) for name in _SOURCES) and not any(_is_own(info, name) for name in _OTHERS)


def _is_own(info: TypeInfo, method: str) -> bool:
    found = next((base for base in info.mro if method in base.names), None)
    return found is not None and found.fullname != NANO_NODE
