"""What stands at the ends of a link: nodes, by the types and the expressions that mypy has for them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from mypy.maptype import map_instance_to_supertype
from mypy.nodes import CallExpr, ComparisonExpr, Expression, MemberExpr, OpExpr, TupleExpr, TypeInfo
from mypy.subtypes import is_same_type
from mypy.types import Instance, TupleType, Type, get_proper_type

from nanotyped.mypy_plugin.columns import NODE, PASSING
from nanotyped.mypy_plugin.schemas import Rows, declared_rows, retains_nothing

if TYPE_CHECKING:
    from mypy.nodes import Context
    from mypy.plugin import CheckerPluginInterface

_FLOW = "nanotyped.node.links.Flow"


@dataclass(frozen=True, slots=True)
class End:
    """One end of a link: the class of a node, or of a chain of which no node is known; what it needs and gives."""

    info: TypeInfo
    needed: Type
    given: Type

    @property
    def is_chain(self) -> bool:
        """Whether no node is known, and so nothing of what it does beside its types."""
        return self.info.fullname == _FLOW

    def needed_rows(self) -> Rows | None:
        """Return what it needs, ``None`` where that is not known."""
        return declared_rows(self.info, "input_schema", self.needed)

    def given_rows(self) -> Rows | None:
        """Return what its own code gives, ``None`` where that is not known."""
        if self.info.has_base(PASSING):
            return declared_rows(self.info, "", self.given)
        return declared_rows(self.info, "output_schema", self.given)

    def retains_nothing(self) -> bool:
        """Return whether the rows that it gives have no other columns than it says."""
        return not self.info.has_base(PASSING) and retains_nothing(self.info)


def exits(api: CheckerPluginInterface, kind: Type, expression: Expression | None) -> list[End]:
    """Return the nodes from which a link leads: a node, each in a tuple, the last of a chain that is written out.

    Args:
        api: What knows the types.
        kind: The type of what is linked.
        expression: The same as it is written, where that is known.
    """
    match expression:
        case OpExpr(op=">>"):
            last = exits(api, api.get_expression_type(expression.right), expression.right)
            ends = _ends(kind)
            if len(last) == 1 and len(ends) == 1:  # what a node passes on is known of the chain
                return [End(last[0].info, last[0].needed, ends[0].given)]
            return last or ends
        case TupleExpr():
            return [end for item in expression.items for end in exits(api, api.get_expression_type(item), item)]
        case _:
            return _ends(kind)


def entries(api: CheckerPluginInterface, kind: Type, expression: Expression | None) -> list[End]:
    """Return the nodes to which a link leads; as ``exits``."""
    match expression:
        case OpExpr(op=">>"):
            first = entries(api, api.get_expression_type(expression.left), expression.left)
            return first or _ends(kind)
        case TupleExpr():
            return [end for item in expression.items for end in entries(api, api.get_expression_type(item), item)]
        case _:
            return _ends(kind)


def _ends(kind: Type) -> list[End]:
    proper = get_proper_type(kind)
    if isinstance(proper, TupleType):
        return [end for item in proper.items for end in _ends(item)]
    if not isinstance(proper, Instance):
        return []
    linkable = next((base for base in proper.type.mro if base.fullname == NODE), None)
    if linkable is None:
        return []
    needed, given = map_instance_to_supertype(proper, linkable).args
    return [End(proper.type, needed, given)]


def operands(
    api: CheckerPluginInterface, context: Context, types: tuple[Type, Type], argument: Expression
) -> tuple[Expression | None, Expression | None]:
    """Return how both ends are written in ``a > b``, ``a >> b`` or ``a.add_edge(b)``; ``None`` where that is not known.

    Args:
        api: What knows the types.
        context: The whole.
        types: Of both ends.
        argument: What the method of one end was called with: mypy tries both, and gives but the type of a left one.
    """
    match context:
        case OpExpr():
            return context.left, context.right
        case CallExpr(callee=MemberExpr() as method):
            return method.expr, argument
        case ComparisonExpr():
            pairs = [*pairwise(context.operands)]
            found = [pair for pair in pairs if pair[1] is argument]
            if not found and len(pairs) > 1:
                pairs = [
                    pair
                    for pair in pairs
                    if all(
                        is_same_type(api.get_expression_type(part), kind)
                        for part, kind in zip(pair, types, strict=True)
                    )
                ]
            return (found or pairs)[0] if len(found or pairs) == 1 else (None, None)
        case _:
            return None, None
