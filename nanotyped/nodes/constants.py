"""The columns of things whose values are known before the run: the narrowest types that hold them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nanotyped.errors import IncompatibleTypesException, TypeCastError
from nanotyped.row import Column, Schema
from nanotyped.row.rows import infer_value
from nanotyped.row.schema import BARE_VALUE
from nanotyped.types.compat import check_assignable
from nanotyped.types.intermediate import (
    DATETIME,
    DECIMAL,
    INTEGER,
    INTEGER_BITS,
    MAX_DECIMAL_DIGITS,
    MAX_FSP,
    MAX_SCALE,
    NULL,
    STRING,
    TIMESTAMP,
)

if TYPE_CHECKING:
    from decimal import Decimal

    from nanotyped.types.base import DataType


def schema_of_things(things: Iterable[Any]) -> Schema | None:
    """Return the one schema of all things, mappings by their columns and others as bare values.

    ``None`` where they have no schema in common, or no type describes one of them. Of ``None`` nothing is sent.
    """
    rows = [thing if isinstance(thing, Mapping) else {BARE_VALUE: thing} for thing in things if thing is not None]
    if not rows or any(list(row) != list(rows[0]) for row in rows):
        return None
    columns = [_common_column(name, [row[name] for row in rows]) for name in rows[0]]
    known = [column for column in columns if column is not None]
    return Schema(known) if len(known) == len(columns) else None


def _common_column(name: object, values: Sequence[Any]) -> Column | None:
    """Return the column of the narrowest type that holds all values."""
    if not isinstance(name, str):
        return None
    try:
        found = [constant_column(name, value) for value in values]
    except (IncompatibleTypesException, TypeCastError):
        return None
    kinds = list(dict.fromkeys(column.type for column in found if column.type is not NULL)) or [NULL]
    families = {kind.family for kind in kinds}
    if len(families) > 1:  # one type for both would make 1.0 of a 1, and refuse a bool among numbers
        return None
    widest = (kind for kind in kinds if not any(check_assignable(other, kind) for other in kinds))
    return Column(name, next(widest, families.pop()), nullable=any(column.nullable for column in found))


def constant_column(name: str, value: object) -> Column:
    """Return the column of a constant: the narrowest type that holds it.

    Raises:
        IncompatibleTypesException: If no type describes the value.
    """
    typed = infer_value(value, name)
    return Column(name, _narrowest(typed), nullable=typed.value is None)


def _narrowest(typed: DataType) -> type[DataType]:
    value = typed.value
    match typed:
        case INTEGER() if type(typed) is INTEGER:
            unsigned = value >= 0
            needed = value.bit_length() + (not unsigned)
            bits = next((bits for bits in INTEGER_BITS if bits >= needed), None)
            return INTEGER if bits is None else INTEGER.of(bits=bits, unsigned=unsigned)
        case DECIMAL() if type(typed) is DECIMAL:
            return _narrowest_decimal(value)
        case STRING() if type(typed) is STRING:
            return STRING.of(max_length=len(value), charset="ascii" if value.isascii() else None)
        case DATETIME() if type(typed) is DATETIME:
            digits = len(f"{value.microsecond:06}".rstrip("0")) if value.microsecond else 0
            family = DATETIME if value.tzinfo is None else TIMESTAMP
            return family.of(fsp=min(digits, MAX_FSP))
    return type(typed)


def _narrowest_decimal(value: Decimal) -> type[DataType]:
    _, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        return DECIMAL
    scale = max(0, -exponent)
    precision = max(1, scale, len(digits) + max(0, exponent))
    fits = precision <= MAX_DECIMAL_DIGITS and scale <= MAX_SCALE
    return DECIMAL.of(precision=precision, scale=scale) if fits else DECIMAL
