"""What a node is to see of a message: ``input_message_keypath``, ``input_mapping`` and ``key``, in this order.

Here is what that does to schemas; what it does to rows is the engine's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from nanotyped.errors import NodeOptionError
from nanotyped.row import Column, Schema
from nanotyped.row.keypaths import Keypath, Step
from nanotyped.row.schema import BARE_VALUE
from nanotyped.types.intermediate import BOOL, DECIMAL, FLOAT, INTEGER, JSON, NULL, OBJECT, STRING

Key: TypeAlias = str | Sequence[Step]

# What a document can hold as it is.
_OF_JSON = (INTEGER, STRING, BOOL, FLOAT, DECIMAL, JSON, NULL)
# A value of these may be an object, and then is seen as a row.
_ANY_SHAPE = (JSON, OBJECT, NULL)


@dataclass(frozen=True, slots=True)
class Sight:
    """What a node is to see of a message.

    Attributes:
        keypath: Where the message lies in what comes; ``None``: it is all that comes.
        renames: New names of columns by old ones.
        wrap: The one column that the whole message becomes; ``None``: it stays as it is.
        key: What of the message is seen; ``None``: all of it.
    """

    keypath: Keypath | None = None
    renames: Mapping[str, str] | None = None
    wrap: str | None = None
    key: Keypath | None = None

    @classmethod
    def of_options(cls, key: Key | None, mapping: Mapping[str, str] | str | None, keypath: Key | None) -> Sight:
        """Return what the options of a node say.

        Raises:
            ValueError: If one of them is no keypath, or gives two columns one name.
        """
        renames = None if mapping is None or isinstance(mapping, str) else dict(mapping)
        if renames is not None and len(set(renames.values())) < len(renames):
            names = list(renames.values())
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"input_mapping gives two columns the name `{twice}`")
        return cls(
            None if keypath is None else _keypath("input_message_keypath", keypath),
            renames or None,
            mapping if isinstance(mapping, str) else None,
            None if key is None else _keypath("key", key),
        )

    @property
    def is_whole(self) -> bool:
        """Whether the message is seen as it comes."""
        return self.keypath is None and self.renames is None and self.wrap is None and self.key is None

    def seen(self, given: Schema | None, label: str) -> tuple[Schema | None, list[NodeOptionError]]:
        """Return the schema of what is seen of rows of a schema, ``None`` where it is not known, and what is wrong.

        Args:
            given: The schema.
            label: Name of the node.
        """
        problems: list[NodeOptionError] = []
        state = given
        if self.keypath is not None and state is not None:
            state, problems = _at("input_message_keypath", self.keypath, state, label)
        if self.wrap is not None:
            state = None if state is None else _wrapped(state, self.wrap)
        elif self.renames is not None and state is not None and not problems:
            state, problems = self._renamed(self.renames, state, label)
        if self.key is not None and state is not None and not problems:
            state, problems = _at("key", self.key, state, label)
        return state, problems

    def _renamed(
        self, renames: Mapping[str, str], given: Schema, label: str
    ) -> tuple[Schema | None, list[NodeOptionError]]:
        problems = [
            NodeOptionError(f"node `{label}`, input_mapping: {reason}", node=label, hint=hint)
            for reason, hint in rename_problems(renames, given)
        ]
        if problems:
            return None, problems
        return renamed(renames, given), []

    def name_seen(self, column: str) -> str | None:
        """Return the name that a column of the rows that come is seen under; ``None`` where it is seen as no column."""
        if self.keypath is not None or self.wrap is not None or self.key is not None:
            return None
        return column if self.renames is None else self.renames.get(column, column)

    def columns_behind(self, seen: str | None) -> tuple[str, ...]:
        """Return the columns that come and that a column that is seen is made of.

        Args:
            seen: Its name; ``None`` for all that is seen. Nothing is returned where that may be every column.
        """
        if self.keypath is not None:
            return (self.keypath.column,)
        name = self.key.column if self.key is not None else seen
        if name is None or self.wrap is not None:
            return ()
        return (next((old for old, new in (self.renames or {}).items() if new == name), name),)


def rename_problems(renames: Mapping[str, str], given: Schema) -> list[tuple[str, str]]:
    """Return why columns of a schema cannot be renamed, each with a hint."""
    if given.names == (BARE_VALUE,):
        return [("what comes is a bare value, which has no columns", "give it one with `input_mapping: NAME`")]
    found = [(f"there is no column `{old}`", given.missing_column(old)) for old in renames if old not in given]
    kept = {name for name in given.names if name not in renames}
    found += [
        (f"column `{old}` cannot be seen as `{new}`: there is a column of this name", "")
        for old, new in renames.items()
        if new in kept
    ]
    return found


def renamed(renames: Mapping[str, str], given: Schema) -> Schema:
    """Return a schema with columns of other names, in the same order."""
    return Schema(
        Column(renames.get(column.name, column.name), column.type, nullable=column.nullable, key=column.key)
        for column in given
    )


def is_json_column(column: Column) -> bool:
    """Return whether every value of a column can stand in a document as it is."""
    family = column.type.intermediate_type.family
    return family in _OF_JSON or issubclass(family, STRING)


def _keypath(option: str, key: Key) -> Keypath:
    try:
        return Keypath(key)
    except ValueError as error:
        raise ValueError(f"{option}: {error}") from None


def _at(option: str, path: Keypath, given: Schema, label: str) -> tuple[Schema | None, list[NodeOptionError]]:
    if given.names == (BARE_VALUE,):
        reason = f"there is no column `{path.column}`: what comes is a bare value"
        return None, [NodeOptionError(f"node `{label}`, {option}: {reason}", node=label)]
    if problems := path.problems(given, label):
        return None, problems
    column = given[path.column]
    if path.steps or column.type.intermediate_type.family in _ANY_SHAPE:
        return None, []
    return Schema([Column(BARE_VALUE, column.type, nullable=column.nullable)]), []


def _wrapped(given: Schema, name: str) -> Schema | None:
    if given.names == (BARE_VALUE,):
        bare = given[BARE_VALUE]
        return Schema([Column(name, bare.type, nullable=bare.nullable)])
    return Schema([Column(name, JSON)]) if all(map(is_json_column, given)) else None
