"""A table that is to be written and was altered since the check: what changed, and what that does to the rows given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from nanotyped.errors import ContractDriftError, GraphProblem, Mismatch
from nanotyped.nodes.sql.target import check_key, check_key_given, check_names, check_types
from nanotyped.row.difference import describe_changes

if TYPE_CHECKING:
    from nanotyped.nodes.sql.target import TargetTable, WriteMode
    from nanotyped.row import Schema

_WHEN = "since the pipeline was checked"


def target_drift(
    was: TargetTable, now: TargetTable, flows: Sequence[Schema], label: str, *, mode: WriteMode, key: Sequence[str]
) -> ContractDriftError:
    """Return the error for a table that is no longer what it was, with what each change does to its writer.

    Args:
        was: The table as it was checked.
        now: The table as it is.
        flows: What the rows are that arrive, as far as it is known.
        label: Name of the writer.
        mode: What it does.
        key: By which key.
    """
    changes = describe_changes(was.live, now.live)
    told = {name for name, _ in changes}
    if was.description.unique_keys != now.description.unique_keys:
        changes.append((None, "its unique keys are others"))
    for what, before, after in (
        ("needs a value now", was.required, now.required),
        ("has a default now", now.required, was.required),
        ("is computed by the server now", was.generated, now.generated),
        ("is not computed by the server any more", now.generated, was.generated),
    ):
        changes += [(name, f"column `{name}` {what}") for name in sorted(after - before - told)]
    if not changes:
        changes.append((None, "it has other columns of types that are not known here, or another server's limits"))
    impacts: dict[str, str] = {}
    if flows:
        broken = _broken_columns(was, now, flows, lambda target, given: _problems(target, given, label, mode, key))
        for name, _ in changes:
            if name is not None:
                reasons = "; ".join(dict.fromkeys(_got(given, name) for given in flows if (given, name) in broken))
                impacts[name] = f"breaks `{label}` ({reasons})" if reasons else f"harmless to `{label}`"
    return ContractDriftError(now.place, _WHEN, was.live, now.live, changes=changes, impacts=impacts)


def _got(given: Schema, column: str) -> str:
    return f"gets `{given[column].spelling()}`" if column in given else "does not get it"


def _broken_columns(
    was: TargetTable,
    now: TargetTable,
    flows: Sequence[Schema],
    problems_of: Callable[[TargetTable, Schema], list[GraphProblem]],
) -> set[tuple[Schema, str]]:
    """Return the columns with which something is wrong now that was right, each with the rows that have it so."""
    found: set[tuple[Schema, str]] = set()
    names = dict.fromkeys((*was.names, *now.names))
    for given in flows:
        known = {str(problem) for problem in problems_of(was, given)}
        for problem in problems_of(now, given):
            if str(problem) in known:
                continue
            if isinstance(problem, Mismatch):
                about: list[str | None] = [problem.column]
            else:
                told = str(problem).removesuffix(f". Hint: {problem.hint}")
                about = [name for name in names if f"`{name}`" in told]
            found |= {(given, name) for name in about if name is not None}
    return found


def _problems(
    target: TargetTable, given: Schema, label: str, mode: WriteMode, key: Sequence[str]
) -> list[GraphProblem]:
    return [
        *check_names(target, given, label),
        *check_types(target, given, label),
        *check_key(target, key, label),
        *check_key_given(target, given, mode, key, label),
    ]
