"""What of a pipeline several processes can do side by side: parts of a source, nodes that take each row alone."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nanotyped.node.nano_node import NanoNode

PARTS_PER_SLOT = 8
LEAST_PART_ROWS, MOST_PART_ROWS = 1_000, 100_000
_CODE = ("process_item", "process_batch")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of what a source gives: one process reads it from its beginning to its end.

    Attributes:
        bounds: What tells the source which part it is; anything that JSON holds.
        name: How people know it: `` `id` up to 5000``, ``orders-3.csv``.
        rows: About how many rows it has; ``None`` where that is not known.
    """

    bounds: Any
    name: str
    rows: int | None = None


@dataclass(frozen=True, slots=True)
class PartSize:
    """How large parts are to be.

    Attributes:
        slots: How many parts are worked on at the same time.
        rows: Rows to a part, where somebody said so.
    """

    slots: int
    rows: int | None = None

    def rows_for(self, total: int) -> int:
        """Return how many rows a part is to have, of about so many in all.

        Several parts for each slot, so that all end at about the same time, none of which is not worth its way.
        """
        if self.rows is not None:
            return self.rows
        return max(LEAST_PART_ROWS, min(MOST_PART_ROWS, -(-total // (self.slots * PARTS_PER_SLOT))))


@dataclass(frozen=True, slots=True)
class Split:
    """The parts of a source, in the order of its rows. Together they are all that it gives, and no row is in two.

    Attributes:
        parts: The parts; none of a source that has nothing to give.
        by: What they are cut by, for people: ``ranges of `id` ``, ``files``.
        together: The columns whose equal values are in one part: those that were asked for, or none.
        notice: What whoever runs it should know, such as why there is one part alone.
    """

    parts: tuple[Part, ...]
    by: str
    together: tuple[str, ...] = ()
    notice: str = ""


def kept_in_order(what: str, columns: Sequence[str], verb: str = "keep their order") -> str:
    """Return why a node whose rows of equal values must follow each other has no copies, and what lets it have some.

    Args:
        what: What must; ends before the verb.
        columns: The columns of these values; none where they are not known.
        verb: What it does.
    """
    named = f"[{', '.join(columns)}]" if columns else "COLUMNS"
    return f"{what} {verb}; `partition_by: {named}` lets it go, where parts keep equal values together"


def vouches_for_rows(cls: type[NanoNode[Any, Any]]) -> bool:
    """Return whether a class says of its own code, not of that of a base, that it is ``stateless``."""
    for base in cls.__mro__:
        if "stateless" in vars(base):
            return bool(vars(base)["stateless"])
        if any(inspect.isfunction(vars(base).get(method)) for method in _CODE):
            return False
    return False
