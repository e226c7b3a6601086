"""Columns of the classes that mypy knows: noted with the class, so that they are in mypy's cache; and made of that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mypy.errorcodes import ErrorCode
from mypy.nodes import RefExpr, TypeInfo
from mypy.types import Instance, Type, get_proper_type

from nanotyped.errors import TypeSyntaxError
from nanotyped.mypy_plugin.declared import Speller, column_of
from nanotyped.row.schema import Column, Schema

if TYPE_CHECKING:
    from mypy.nodes import MypyFile
    from mypy.plugin import ClassDefContext

ROW = "nanotyped.row.rows.RowBase"
NODE = "nanotyped.node.links.Linkable"
PIPELINE = "nanotyped.node.links.pipeline"
_NOTED = "nanotyped"
_PROTOCOLS = frozenset({"typing.Protocol", "typing_extensions.Protocol"})

LINK = ErrorCode("nanotyped-link", "Rows that do not fit the node they are linked to", "nanotyped")
COLUMN = ErrorCode("nanotyped-column", "Columns of no known type, or that are not there", "nanotyped")


def collect_columns(paths: Mapping[str, str], ctx: ClassDefContext) -> None:
    """Note the columns that a Row class or a Protocol itself declares, with the class.

    Args:
        paths: Where modules are that may come out of the cache.
        ctx: The class, by mypy.
    """
    info = ctx.cls.info
    is_row = info.has_base(ROW)
    if not is_row and not _is_protocol(ctx):
        return
    modules: dict[str, MypyFile] = ctx.api.modules

    def path_of(module: str) -> str | None:
        return paths.get(module, modules[module].path) if module in modules else None

    path = path_of(info.module_name)
    if path is None or "typeshed" in path:
        return
    speller = Speller(info.module_name, path_of)
    declared = speller.class_at(info.name, ctx.cls.line)
    if declared is None:
        return
    columns = speller.columns_of_row(declared) if is_row else speller.columns_of_protocol(declared)
    info.metadata[_NOTED] = {"columns": [[column.name, column.annotation] for column in columns]}
    for column in columns:
        try:
            if column.annotation is not None:
                column_of(column.name, column.annotation)
        except TypeSyntaxError as error:
            place = next((statement for statement in ctx.cls.defs.body if statement.line == column.line), ctx.cls)
            ctx.api.fail(f'Column "{column.name}" of {info.name}: {error}', place, code=COLUMN)


def _is_protocol(ctx: ClassDefContext) -> bool:
    # Of the class itself it is noted only after the hooks have run.
    bases = [*ctx.cls.base_type_exprs, *ctx.cls.removed_base_type_exprs]
    return any(isinstance(base, RefExpr) and base.fullname in _PROTOCOLS for base in bases)


def columns_of(info: TypeInfo) -> dict[str, Column | None]:
    """Return the columns of a class and its bases, by name, in order; ``None``: of a type that cannot be read."""
    found: dict[str, Column | None] = {}
    for base in reversed(info.mro):
        noted: Any = base.metadata.get(_NOTED, {})
        for name, annotation in noted.get("columns", ()):
            try:
                found[name] = None if annotation is None else column_of(name, annotation)
            except TypeSyntaxError:  # it was reported where it stands
                found[name] = None
    return found


def row_class(kind: Type) -> TypeInfo | None:
    """Return the class of a type, if it declares columns."""
    proper = get_proper_type(kind)
    if not isinstance(proper, Instance) or not any(_NOTED in base.metadata for base in proper.type.mro):
        return None
    return proper.type


def comparable_schemas(given: TypeInfo, needed: TypeInfo) -> tuple[Schema, Schema]:
    """Return the schemas of two classes, without the columns whose type is unknown on either side."""
    have, want = columns_of(given), columns_of(needed)
    unread = {name for columns in (have, want) for name, column in columns.items() if column is None}
    return (
        Schema(column for column in have.values() if column is not None and column.name not in unread),
        Schema(column for column in want.values() if column is not None and column.name not in unread),
    )
