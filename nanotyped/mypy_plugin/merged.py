"""What the plugin knows of ``Scored.extend(row, score=0.5)``: the columns that the row brings, and those to add."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mypy.nodes import ARG_NAMED_OPT, ARG_POS, ARG_STAR2, CallExpr
from mypy.types import CallableType, Instance, get_proper_type

from nanotyped.mypy_plugin.columns import COLUMN, ROW, column_names, columns_of, row_class
from nanotyped.mypy_plugin.fit import misfits, sentence

if TYPE_CHECKING:
    from mypy.plugin import MethodSigContext


def extend_signature(ctx: MethodSigContext) -> CallableType:
    """Return what ``extend`` of a class takes: its fields by keyword, those alone needed that the row does not bring.

    What the row brings, and does not fit, is reported.
    """
    signature = ctx.default_signature
    target = get_proper_type(signature.ret_type)
    is_ours = signature.arg_kinds == [ARG_POS, ARG_STAR2]  # a class may have a method of its own
    if not is_ours or not isinstance(target, Instance) or not target.type.has_base(ROW) or not ctx.args[0]:
        return signature
    init = target.type.get_method("__init__")
    made = get_proper_type(init.type) if init is not None else None
    if not isinstance(made, CallableType) or row_class(target) is None:
        return signature
    row = row_class(ctx.api.get_expression_type(ctx.args[0][0], signature.arg_types[0]))
    brought = columns_of(row) if row is not None else {}
    names = column_names(target.type)
    kinds, types, fields = signature.arg_kinds[:1], signature.arg_types[:1], signature.arg_names[:1]
    for field, kind, needed in zip(made.arg_names, made.arg_kinds, made.arg_types, strict=True):
        if kind.is_named():
            is_brought = row is None or names.get(field or "", field) in brought
            kinds.append(ARG_NAMED_OPT if is_brought else kind)
            types.append(needed)
            fields.append(field)
    call = ctx.context
    if row is not None and isinstance(call, CallExpr) and ARG_STAR2 not in call.arg_kinds:
        added = {names.get(name, name) for name in call.arg_names if name is not None}
        kept = {name: column for name, column in columns_of(target.type).items() if name in brought.keys() - added}
        problems = [sentence(mismatch) for mismatch in misfits(brought, kept)]
        if problems:
            message = f"`{row.name}` cannot be extended to `{target.type.name}`: {'; '.join(problems)}"
            ctx.api.fail(message, call, code=COLUMN)
    return signature.copy_modified(arg_types=types, arg_kinds=kinds, arg_names=fields)
