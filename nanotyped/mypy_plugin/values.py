"""What the plugin knows of ``row["name"]``: whether rows have such a column, and the class of its typed value."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mypy.nodes import StrExpr, SymbolTableNode, TypeInfo
from mypy.types import Instance, Type, get_proper_type

from nanotyped.errors import nearest_hint
from nanotyped.mypy_plugin.columns import COLUMN, ROW, columns_of, row_class
from nanotyped.types.base import DataType

if TYPE_CHECKING:
    from mypy.plugin import MethodContext


def typed_value(lookup: Callable[[str], SymbolTableNode | None], ctx: MethodContext) -> Type:
    """Return the class of ``row["name"]``, as near as a class of the package says it."""
    info = row_class(ctx.type)
    key = ctx.args[0][0] if ctx.args and ctx.args[0] else None
    if info is None or not info.has_base(ROW) or not isinstance(key, StrExpr):
        return ctx.default_return_type
    columns = columns_of(info)
    if key.value not in columns:
        hint = nearest_hint(key.value, columns)
        ctx.api.fail(f'{info.name} has no column "{key.value}"{"; " + hint if hint else ""}', ctx.context, code=COLUMN)
        return ctx.default_return_type
    column = columns[key.value]
    return ctx.default_return_type if column is None else _named(lookup, column.type, ctx.default_return_type)


def _named(lookup: Callable[[str], SymbolTableNode | None], kind: type[DataType], otherwise: Type) -> Type:
    base = get_proper_type(otherwise)
    for cls in kind.__mro__:
        found = lookup(f"{cls.__module__}.{cls.__qualname__}")
        if found is not None and isinstance(found.node, TypeInfo) and issubclass(cls, DataType):
            named = Instance(found.node, [])
            return named if isinstance(base, Instance) and found.node.has_base(base.type.fullname) else otherwise
    return otherwise
