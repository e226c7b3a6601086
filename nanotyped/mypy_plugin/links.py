"""What the plugin says of a link: every column of the rows that does not fit what the next node needs."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from mypy.maptype import map_instance_to_supertype
from mypy.types import AnyType, CallableType, Instance, TupleType, Type, TypeOfAny, get_proper_type

from nanotyped.mypy_plugin.columns import LINK, NODE, columns_of, row_class
from nanotyped.mypy_plugin.fit import misfits, sentence

if TYPE_CHECKING:
    from mypy.nodes import Context
    from mypy.plugin import CheckerPluginInterface, FunctionSigContext, MethodSigContext


def link_signature(ctx: MethodSigContext, *, reverse: bool) -> CallableType:
    """Check a link; where it is refused here, mypy is not to refuse it once more."""
    signature = ctx.default_signature
    if not ends_of(ctx.type) or not ctx.args or not ctx.args[0]:
        return signature
    other = ctx.api.get_expression_type(ctx.args[0][0], signature.arg_types[0])
    left, right = (other, ctx.type) if reverse else (ctx.type, other)
    return _excused(signature) if _report(ctx.api, ctx.context, left, right) else signature


def check_pipeline(ctx: FunctionSigContext) -> CallableType:
    """Check each link of ``pipeline(a, b, c)``."""
    signature = ctx.default_signature
    nodes = [ctx.api.get_expression_type(argument) for given in ctx.args for argument in given]
    reported = [_report(ctx.api, ctx.context, left, right) for left, right in pairwise(nodes)]
    return _excused(signature) if any(reported) else signature


def _excused(signature: CallableType) -> CallableType:
    return signature.copy_modified(arg_types=[AnyType(TypeOfAny.from_error)] * len(signature.arg_types))


def ends_of(kind: Type) -> list[tuple[str, Type, Type]]:
    """Return class name, need and output of a node or a chain, or of each in a tuple."""
    proper = get_proper_type(kind)
    if isinstance(proper, TupleType):
        return [end for item in proper.items for end in ends_of(item)]
    if not isinstance(proper, Instance):
        return []
    linkable = next((base for base in proper.type.mro if base.fullname == NODE), None)
    if linkable is None:
        return []
    needed, given = map_instance_to_supertype(proper, linkable).args
    return [(proper.type.name, needed, given)]


def _report(api: CheckerPluginInterface, place: Context, left: Type, right: Type) -> bool:
    """Report every pair of ends whose rows do not fit, and return whether there was one."""
    failed = False
    for source, _, output in ends_of(left):
        for target, need, _ in ends_of(right):
            given, needed = row_class(output), row_class(need)
            if given is None or needed is None:
                continue
            problems = [sentence(mismatch) for mismatch in misfits(columns_of(given), columns_of(needed))]
            if problems:
                failed = True
                message = f"{source} > {target}: `{given.name}` does not fit `{needed.name}`: {'; '.join(problems)}"
                api.fail(message, place, code=LINK)
    return failed
