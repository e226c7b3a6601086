"""Rows that came and rows that were expected -> what differs, column by column."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from nanotyped.errors import shown
from nanotyped.row import Row

ABSENT = object()


def assert_rows(
    actual: Iterable[Row | Mapping[str, object]],
    expected: Iterable[Row | Mapping[str, object]],
    *,
    any_order: bool = False,
) -> None:
    """Hold rows to what is expected of them.

    Args:
        actual: The rows.
        expected: As many rows, or mappings of column to Python value. A column that an expected row does not name is
            not looked at. ``True`` is not 1; a NaN is a NaN.
        any_order: Whether they may come in another order.

    Raises:
        AssertionError: With a line for every difference.
    """
    differences = compare_rows(actual, expected, any_order=any_order)
    if differences:
        raise AssertionError("\n".join(differences))


def compare_rows(
    actual: Iterable[Row | Mapping[str, object]],
    expected: Iterable[Row | Mapping[str, object]],
    *,
    any_order: bool = False,
) -> list[str]:
    """Return every difference as a line, rows counted from 1; arguments as of ``assert_rows``."""
    came, wanted = [_mapping(row) for row in actual], [_mapping(row) for row in expected]
    in_order = [(index, index) for index in range(min(len(came), len(wanted)))]
    pairs = _paired(came, wanted) if any_order else in_order
    lines = [line for want, got in pairs for line in _differences(want + 1, came[got], wanted[want])]
    seen, met = {got for _, got in pairs}, {want for want, _ in pairs}
    lines += [f"row {index + 1}: missing: {_shown(row)}" for index, row in enumerate(wanted) if index not in met]
    lines += [f"row {index + 1}: not expected: {_shown(row)}" for index, row in enumerate(came) if index not in seen]
    return lines


def same(actual: object, expected: object) -> bool:
    """Return whether two Python values are one, as a test means it."""
    if isinstance(actual, bool) is not isinstance(expected, bool):
        return False
    if isinstance(actual, float) and isinstance(expected, float) and actual != actual:  # noqa: PLR0124 - a NaN
        return expected != expected  # noqa: PLR0124 - a NaN too
    return bool(actual == expected)


def _paired(came: Sequence[Mapping[str, Any]], wanted: Sequence[Mapping[str, Any]]) -> list[tuple[int, int]]:
    """Return which row is which: equal ones by a matching that leaves as few as can be, the rest in order."""
    fits = [[got for got, row in enumerate(came) if not _differences(1, row, want)] for want in wanted]
    owner: dict[int, int] = {}

    def place(want: int, tried: set[int]) -> bool:
        for got in fits[want]:
            if got not in tried:
                tried.add(got)
                if got not in owner or place(owner[got], tried):
                    owner[got] = want
                    return True
        return False

    for want in range(len(wanted)):
        place(want, set())
    pairs = sorted((want, got) for got, want in owner.items())
    taken = {want for want, _ in pairs}
    left = [want for want in range(len(wanted)) if want not in taken]
    others = [got for got in range(len(came)) if got not in owner]
    return sorted([*pairs, *zip(left, others, strict=False)])


def _differences(number: int, came: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    lines = []
    for name, value in wanted.items():
        got = came.get(name, ABSENT)
        if got is ABSENT:
            columns = ", ".join(f"`{column}`" for column in came)
            lines.append(f"row {number}, column `{name}`: expected {shown(value)}, but its columns are {columns}")
        elif not same(got, value):
            lines.append(f"row {number}, column `{name}`: expected {shown(value)}, got {shown(got)}")
    return lines


def _mapping(row: Row | Mapping[str, object]) -> Mapping[str, Any]:
    return row.to_python() if isinstance(row, Row) else row


def _shown(row: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={shown(value)}" for name, value in row.items())
