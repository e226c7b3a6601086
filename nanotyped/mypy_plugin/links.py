"""What the plugin says of a link: every column of the rows that does not fit what the next node needs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mypy.types import AnyType, CallableType, Instance, TypeOfAny, get_proper_type

from nanotyped.mypy_plugin.columns import LINK, PASSING, ROW, columns_of, row_class
from nanotyped.mypy_plugin.ends import End, entries, exits, operands
from nanotyped.mypy_plugin.fit import is_missing, misfits, sentence

if TYPE_CHECKING:
    from mypy.nodes import Context
    from mypy.plugin import CheckerPluginInterface, FunctionSigContext, MethodSigContext
    from mypy.types import Type

    from nanotyped.errors import Mismatch


def link_signature(ctx: MethodSigContext, *, reverse: bool) -> CallableType:
    """Check a link; where it is refused here, mypy is not to refuse it once more."""
    signature = ctx.default_signature
    if not ctx.args or not ctx.args[0] or not exits(ctx.api, ctx.type, None):
        return signature
    argument = ctx.args[0][0]
    other = ctx.api.get_expression_type(argument, signature.arg_types[0])
    left, right = (other, ctx.type) if reverse else (ctx.type, other)
    source, target = operands(ctx.api, ctx.context, (left, right), argument)
    failed = _report(ctx.api, ctx.context, exits(ctx.api, left, source), entries(ctx.api, right, target))
    return _excused(signature) if failed else signature


def check_pipeline(ctx: FunctionSigContext) -> CallableType:
    """Check each link of ``pipeline(a, b, c)``."""
    signature, api = ctx.default_signature, ctx.api
    nodes = [(api.get_expression_type(argument), argument) for given in ctx.args for argument in given]
    failed, sources = False, exits(api, *nodes[0]) if nodes else []
    for node in nodes[1:]:
        failed |= _report(api, ctx.context, sources, entries(api, *node))
        sources = [_behind(sources, end, node[0]) for end in exits(api, *node)]
    return _excused(signature) if failed else signature


def _behind(sources: list[End], end: End, kind: Type) -> End:
    """Return an end as it is behind others: a node that passes rows on gives what came, whatever it needs itself."""
    proper = get_proper_type(kind)
    is_such = isinstance(proper, Instance) and proper.type.has_base(PASSING)  # and no chain that ends in one
    if is_such and len(sources) == 1:
        return replace(end, given=sources[0].given)
    return end


def _excused(signature: CallableType) -> CallableType:
    return signature.copy_modified(arg_types=[AnyType(TypeOfAny.from_error)] * len(signature.arg_types))


def _report(api: CheckerPluginInterface, place: Context, sources: list[End], targets: list[End]) -> bool:
    """Report every pair of ends whose rows do not fit, and return whether there was one."""
    failed = False
    for source in sources:
        for target in targets:
            given, needed = source.given_rows(), target.needed_rows()
            if given is None or needed is None:
                continue
            found = misfits(given.columns, needed.columns)
            # Rows keep the columns of the input, of which nobody knows all; by type arguments they are not asked for.
            if not source.retains_nothing() and (given.by_class is None or needed.by_class is None):
                found = [mismatch for mismatch in found if not is_missing(mismatch)]
            if found:
                failed = True
                problems = "; ".join([*map(sentence, found), *_remedy(source, found)])
                ends = f"{source.info.name} > {target.info.name}"
                api.fail(f"{ends}: {given.title} does not fit {needed.title}: {problems}", place, code=LINK)
    return failed


def _remedy(source: End, found: list[Mismatch]) -> list[str]:
    """Return what to declare, where the missing columns are those of the input, which rows keep."""
    own, kept = row_class(source.given), row_class(source.needed)
    if source.is_chain or source.retains_nothing() or own is None or kept is None or not own.has_base(ROW):
        return []
    columns = columns_of(kept)
    names = [f'"{mismatch.column}"' for mismatch in found if is_missing(mismatch) and mismatch.column in columns]
    if not names:
        return []
    declared = f"class {own.name}({kept.name})" if kept.has_base(ROW) else f"{' and '.join(names)} in `{own.name}` too"
    shown = f"`{declared}`" if kept.has_base(ROW) else declared
    return [f"the rows keep {' and '.join(names)} of `{kept.name}` in a run: declare {shown} to promise it"]
