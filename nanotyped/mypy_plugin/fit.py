"""How columns fit columns, for the plugin of mypy: by the check that comes before a run, in the words of a checker."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

from nanotyped.row.schema import Column, Schema, check_schema

if TYPE_CHECKING:
    from nanotyped.errors import Mismatch

Columns: TypeAlias = "Mapping[str, Column | None]"
"""Columns by name, in order; ``None``: of a type that cannot be read."""


def misfits(given: Columns, needed: Columns) -> list[Mismatch]:
    """Return how rows with some columns do not fit others; a column whose type is unknown on either side fits."""
    unread = {name for columns in (given, needed) for name, column in columns.items() if column is None}
    have, want = (
        Schema(column for column in columns.values() if column is not None and column.name not in unread)
        for columns in (given, needed)
    )
    return check_schema(have, want)


def is_missing(mismatch: Mismatch) -> bool:
    """Return whether it is about a column that is not there."""
    return mismatch.actual == "nothing"


def sentence(mismatch: Mismatch) -> str:
    """Return a mismatch as part of a message."""
    if is_missing(mismatch):
        return f'column "{mismatch.column}" is missing, {mismatch.expected} is needed ({mismatch.hint})'
    return f'column "{mismatch.column}": {mismatch.actual} does not fit {mismatch.expected}{reason(mismatch)}'


def reason(mismatch: Mismatch) -> str:
    """Return why it does not fit, in brackets; or nothing."""
    return f" ({mismatch.reason})" if mismatch.reason else ""
