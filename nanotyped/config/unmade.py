"""What stands for a node of a file that cannot be made, so that the way of rows can be told up to it and beyond."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nanotyped.errors import GraphProblem, NodeOptionError
from nanotyped.node import NanoNode, Origin

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nanotyped.row import Schema


class Unmade(NanoNode[Any, Any]):
    """A node that gives nobody knows what, and has against every row what the file has against the node.

    Args:
        reasons: What is wrong with it.
    """

    def __init__(self, *, reasons: Sequence[str], **kwargs: Any) -> None:
        self.reasons = tuple(reasons)
        super().__init__(**kwargs)

    def check_contract(self) -> list[GraphProblem]:
        """Return what is wrong with the node."""
        return [NodeOptionError(reason, node=self.label) for reason in self.reasons]

    def output_schema_for(self, given: Schema | None) -> Schema | None:
        """Return what a source declares; what becomes of rows in any other is not known."""
        del given
        return self.own_output() if self.is_source else None

    def column_origin(self, column: str, given: Schema | None) -> Origin:
        """Return that it is not known; behind the node a column is followed by its name."""
        del given
        return Origin("unknown", () if self.is_source else (column,))

    def schema_remedy(self) -> str:
        """Return that the node comes first."""
        return "mend it first"


def unmade(class_name: str, name: str, reasons: Sequence[str], options: Mapping[str, Any]) -> Unmade:
    """Return what stands for a node, under the name of its class, with the schemas of it that could be read."""
    cls: type[Unmade] = type(class_name if class_name.isidentifier() else "?", (Unmade,), {})
    schemas = {key: options[key] for key in ("input_schema", "output_schema") if key in options}
    return cls(name=name, reasons=reasons, **schemas)
