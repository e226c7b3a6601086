"""Keypaths: a column, and the steps from it into the JSON document that it holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from nanotyped.errors import NodeOptionError
from nanotyped.row.rows import row_info
from nanotyped.types.intermediate import JSON, OBJECT

if TYPE_CHECKING:
    from nanotyped.row import Row, Schema
    from nanotyped.row.schema import Column

Step = str | int


class Missing:
    """The type of ``MISSING``: what stands at a keypath that leads nowhere."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()


class Keypath:
    """A column name and the steps behind it: keys of objects, positions in lists.

    Args:
        key: A column name, or a list of steps of which the first is one.

    Raises:
        ValueError: If the list is empty, or its first step is no column name.
    """

    __slots__ = ("column", "steps")

    def __init__(self, key: str | Sequence[Step]) -> None:
        steps = [key] if isinstance(key, str) else list(key)
        if not steps or not isinstance(steps[0], str):
            raise ValueError(f"a keypath starts with the name of a column, not with {key!r}")
        if wrong := [step for step in steps if isinstance(step, bool) or not isinstance(step, str | int)]:
            raise ValueError(f"a step of a keypath is a key or a position in a list, not {wrong[0]!r}")
        self.column: str = steps[0]
        self.steps: tuple[Step, ...] = tuple(steps[1:])

    @classmethod
    def dotted(cls, path: str) -> Keypath:
        """Return the keypath that is spelled with dots: ``address.street``, ``items.0.price``."""
        return cls(path.split("."))

    def __str__(self) -> str:
        return ".".join(map(str, (self.column, *self.steps)))

    def problems(self, given: Schema, label: str) -> list[NodeOptionError]:
        """Return why the path cannot lead anywhere in rows of ``given``; ``label`` is the node's name."""
        if self.column not in given:
            hint = given.missing_column(self.column)
            return [NodeOptionError(f"node `{label}`: there is no column `{self.column}`", node=label, hint=hint)]
        column = given[self.column]
        if self.steps and not _holds_json(column):
            reason = f"`{self}` reaches into column `{self.column}`, which is `{column.spelling()}` and no JSON"
            return [NodeOptionError(f"node `{label}`: {reason}", node=label)]
        return []

    def reaches_json(self, row_class: type[Row]) -> bool:
        """Return whether what lies at the path, in rows of a class with the column, may be a document."""
        return bool(self.steps) or _holds_json(row_info(row_class).schema[self.column])

    def reader(self, row_class: type[Row]) -> Callable[[Row], Any] | None:
        """Return what reads the value at the path out of a row of a class; ``None`` if it has no such column."""
        field = row_info(row_class).fields.get(self.column)
        if field is None:
            return None
        read = attrgetter(field)
        if not self.steps:
            return read
        return lambda row: reach(read(row), self.steps)


def _holds_json(column: Column) -> bool:
    return column.type.intermediate_type.family in (JSON, OBJECT)


def reach(value: Any, steps: Sequence[Step]) -> Any:
    """Return what lies at the end of ``steps`` in a JSON document; ``MISSING`` where they lead nowhere.

    A position in a list may be given as digits, as dotted paths spell it.
    """
    for step in steps:
        if isinstance(value, Mapping):
            value = value.get(step, MISSING)
        elif isinstance(value, list | tuple):
            position = int(step) if isinstance(step, int) or step.isdecimal() else None
            value = MISSING if position is None or not -len(value) <= position < len(value) else value[position]
        else:
            return MISSING
    return value
