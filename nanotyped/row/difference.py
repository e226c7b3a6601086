"""What became of a schema: the differences between two of them, column by column, and for whom each is breaking."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from nanotyped.row.schema import check_schema
from nanotyped.types.compat import Judgement, judge

if TYPE_CHECKING:
    from nanotyped.row.schema import Column, Schema

ChangeKind: TypeAlias = Literal["added", "dropped", "type", "nullable", "key"]
Side: TypeAlias = Literal["readers", "writers"]


@dataclass(frozen=True, slots=True)
class ColumnChange:
    """What became of one column.

    Attributes:
        name: Its name.
        before: What it was; ``None`` where it was added.
        after: What it is; ``None`` where it was dropped.
        kinds: In what the two differ, or that there is one alone.
        forward: How the type before stands to the one after; ``None`` where there is one alone.
        back: How the type after stands to the one before.
        breaks: Whom it breaks: those who *read* what is there now and hold it to what was, and those who *write* what
            was into what is there now.
    """

    name: str
    before: Column | None
    after: Column | None
    kinds: tuple[ChangeKind, ...]
    forward: Judgement | None
    back: Judgement | None
    breaks: tuple[Side, ...]

    def spelling(self) -> str:
        """Return what it was and is, as messages show it: ``column `n` `int` → `bigint` ``, or that it is new or gone.

        Where the types are spelled alike, what differs is the key.
        """
        if self.before is None and self.after is not None:
            return f"column `{self.name}` `{self.after.spelling()}` is new"
        if self.after is None or self.before is None:
            return f"column `{self.name}` is gone"
        if self.kinds == ("key",):
            return f"column `{self.name}` {'belongs to the key now' if self.after.key else 'left the key'}"
        return f"column `{self.name}` `{self.before.spelling()}` → `{self.after.spelling()}`"


@dataclass(frozen=True, slots=True)
class SchemaDifference:
    """What became of a schema.

    Attributes:
        changes: Of columns, in the order of the schema before, then the new ones.
        reordered: Whether the columns that both have stand in another order, which breaks nobody: rows go by name.
    """

    changes: tuple[ColumnChange, ...]
    reordered: bool = False

    def __bool__(self) -> bool:
        return bool(self.changes) or self.reordered

    @property
    def breaking(self) -> tuple[ColumnChange, ...]:
        """The changes that break somebody."""
        return tuple(change for change in self.changes if change.breaks)


def compare_schemas(before: Schema, after: Schema, *, keys: bool = True) -> SchemaDifference:
    """Return what became of a schema.

    Types that hold the same values are no difference, however they are spelled: ``int`` and ``int(11)``.

    Readers are broken by a column that is gone, one that may be null now, and a type that does not fit what it was.
    Writers are broken by a column that is gone, a new one that must be given (a default is no part of a schema), one
    that may no longer be null, a type that does not take what it did, and another key, which is what replacing and
    updating go by.

    Args:
        before: What was.
        after: What is.
        keys: Whether keys are compared; not where a side cannot say what its key is.
    """
    unread = {problem.column for problem in check_schema(after, before)}
    unwritten = {problem.column for problem in check_schema(before, after)}
    changes: list[ColumnChange] = []
    for name in dict.fromkeys((*before.names, *after.names)):
        was = before[name] if name in before else None  # noqa: SIM401 - a schema has no `get`
        now = after[name] if name in after else None  # noqa: SIM401 - as above
        kinds = _kinds(was, now, keys=keys)
        if not kinds:
            continue
        forward = judge(was.type, now.type) if was is not None and now is not None else None
        back = judge(now.type, was.type) if was is not None and now is not None else None
        must_be_given = name in unwritten and not (was is None and now is not None and now.nullable)
        breaks: list[Side] = ["readers"] if name in unread else []
        if must_be_given or now is None or "key" in kinds:
            breaks.append("writers")
        changes.append(ColumnChange(name, was, now, kinds, forward, back, tuple(breaks)))
    kept = [name for name in before.names if name in after]
    return SchemaDifference(tuple(changes), kept != [name for name in after.names if name in before])


def _kinds(was: Column | None, now: Column | None, *, keys: bool) -> tuple[ChangeKind, ...]:
    if was is None:
        return ("added",)
    if now is None:
        return ("dropped",)
    found: list[ChangeKind] = []
    if was.type.intermediate_type is not now.type.intermediate_type:
        found.append("type")
    if was.nullable != now.nullable:
        found.append("nullable")
    if keys and was.key != now.key:
        found.append("key")
    return tuple(found)


def describe_changes(before: Schema, after: Schema) -> list[tuple[str | None, str]]:
    """Return each change in words, with the column that it is about; ``None`` where it is about their order."""
    found = compare_schemas(before, after)
    order = [(None, "the columns stand in another order")] if found.reordered and not found.changes else []
    return [*((change.name, change.spelling()) for change in found.changes), *order]
