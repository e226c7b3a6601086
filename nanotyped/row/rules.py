"""How the values of each type are checked, a column at a time: what msgspec checks, and what it cannot.

A ``Rule`` is made once for a type; ``validation`` puts the rules of a schema together.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from ipaddress import IPv4Address, IPv6Address
from itertools import chain, repeat
from math import copysign, isfinite
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple
from uuid import UUID

import msgspec

from nanotyped.errors import TypeCastError
from nanotyped.types import intermediate as it

if TYPE_CHECKING:
    from nanotyped.types.base import DataType

ColumnCheck = Callable[[list[Any]], bool]

_INT64 = 2**63 - 1
_FINITE = msgspec.Meta(ge=-1.7976931348623157e308, le=1.7976931348623157e308)


class Rule(NamedTuple):
    """How the values of a column are checked.

    ``annotation`` is what ``msgspec`` checks. ``check`` takes the values that are not null and says whether all of them
    are right as they are; where it says no, each is cast by its type, which corrects it or raises. ``correct`` is the
    same cast for many values, where there is a faster one; it may raise anything arithmetic. ``classes`` are those of
    the values where ``msgspec`` cannot tell them, and ``annotation`` is ``Any``; a subclass is none of them.
    """

    annotation: Any
    check: ColumnCheck | None = None
    correct: Callable[[list[Any]], list[Any]] | None = None
    classes: tuple[type, ...] = ()


def _all_exactly(kind: type) -> ColumnCheck:
    return lambda values: set(map(type, values)) <= {kind}


def _integer_rule(kind: Any) -> Rule:
    low, high = kind.minimum, kind.maximum
    bounds = {"ge": low, "le": high if high is not None and high <= _INT64 else None}
    limits = {key: bound for key, bound in bounds.items() if bound is not None}
    annotation = Annotated[int, msgspec.Meta(**limits)] if limits else int
    if high is not None and high > _INT64:
        return Rule(annotation, lambda values: max(values) <= high)
    return Rule(annotation)


def _decimal_rule(kind: Any) -> Rule:
    if kind.quantum is None:
        unsigned = kind.unsigned
        return Rule(Decimal, lambda values: all(v.is_finite() and not (unsigned and v.is_signed()) for v in values))
    quantum, context, limit = kind.quantum, kind.context, Decimal(10) ** (kind.precision - kind.scale)
    floor = Decimal(0) if kind.unsigned else (1 - limit * 10**kind.scale).scaleb(-kind.scale)

    whole_digits = kind.precision - kind.scale

    def check(values: list[Any]) -> bool:
        # No NaN has this scale; a number of this scale fits when its first digit does.
        if not all(map(quantum.same_quantum, values)) or max(map(Decimal.adjusted, values)) >= max(whole_digits, 0):
            return False
        return not (kind.unsigned and any(map(Decimal.is_signed, values)))  # a negative zero has a sign too

    def correct(values: list[Any]) -> list[Any]:
        # The context traps what would round or overflow; comparing traps NaN.
        exact = [value.quantize(quantum, context=context) for value in values]
        if min(exact) < floor or max(exact) >= limit:
            raise InvalidOperation
        return list(map(Decimal.copy_abs, exact)) if kind.unsigned else exact

    return Rule(Decimal, check, correct)


def _float_rule(kind: Any) -> Rule:
    annotation = Annotated[float, msgspec.Meta(ge=0.0, le=1.7976931348623157e308) if kind.unsigned else _FINITE]
    right_class = _all_exactly(float)
    exact = right_class
    if kind.unsigned:  # whose zero has no sign

        def exact(values: list[Any]) -> bool:
            return right_class(values) and min(map(copysign, repeat(1.0), values)) > 0

    def correct(values: list[Any]) -> list[Any]:
        if not set(map(type, values)) <= {float, int}:  # msgspec takes a Decimal for a float
            raise ArithmeticError
        return list(map(kind.python_cast_function, values))

    if kind.bits != 32 and kind.precision is None:
        return Rule(annotation, exact, correct)
    narrow, scale = kind.bits == 32, kind.scale
    limit = None if kind.precision is None else 10 ** (kind.precision - scale)

    def check(values: list[Any]) -> bool:
        try:
            if not exact(values) or (narrow and array("f", values).tolist() != values):
                return False
            if limit is None:
                return True
            rounded = list(map(round, values, repeat(scale)))
            if narrow:
                rounded = array("f", rounded).tolist()
            return rounded == values and max(map(abs, values)) < limit
        except OverflowError:
            return False

    return Rule(annotation, check, correct)


def _string_rule(kind: Any) -> Rule:
    annotation = str if kind.max_length is None else Annotated[str, msgspec.Meta(max_length=kind.max_length)]
    codec, width = it.CHARSETS[kind.charset] if kind.charset else ("utf-8", 4)
    narrow = kind.charset in ("utf8mb3", "ucs2")
    max_bytes = kind.max_bytes
    separator = "\0" if kind.padded else ""

    def check(values: list[Any]) -> bool:
        together = separator.join((*values, "")) if separator else "".join(values)
        if separator and " \0" in together and any([value.endswith(" ") for value in values]):
            return False
        if not together.isascii():
            try:
                together.encode(codec)
            except UnicodeEncodeError:
                return False
            if narrow and max(together) > "\uffff":
                return False
        if max_bytes is None or max(map(len, values)) * width <= max_bytes:
            return True
        return all(len(value.encode(codec)) <= max_bytes for value in values)

    return Rule(annotation, check)


def _enum_rule(kind: Any) -> Rule:
    return _string_rule(kind) if kind.members is None else Rule(Literal[kind.members])


def _bytes_rule(kind: Any) -> Rule:
    if kind.max_bytes is None:
        return Rule(bytes, _all_exactly(bytes))
    length = msgspec.Meta(min_length=kind.max_bytes if kind.padded else 0, max_length=kind.max_bytes)
    return Rule(Annotated[bytes, length], _all_exactly(bytes))


def _fraction_check(fsp: int | None) -> ColumnCheck | None:
    if fsp is None or fsp == it.MAX_FSP:
        return None
    step = 10 ** (it.MAX_FSP - fsp)
    if step == 10**it.MAX_FSP:
        return lambda values: not any(map(attrgetter("microsecond"), values))
    return lambda values: not any([value.microsecond % step for value in values])


def _datetime_rule(kind: Any) -> Rule:
    annotation = datetime if kind.fsp is None else Annotated[datetime, msgspec.Meta(tz=False)]
    return Rule(annotation, _fraction_check(kind.fsp))


def _timestamp_rule(kind: Any) -> Rule:
    fraction = _fraction_check(kind.fsp)

    def check(values: list[Any]) -> bool:
        return not [value for value in values if value.tzinfo is not UTC] and (fraction is None or fraction(values))

    return Rule(Annotated[datetime, msgspec.Meta(tz=True)], check)


def _lenient_rule(kind: Any) -> Rule:
    cast = kind.python_cast_function

    def check(values: list[Any]) -> bool:
        try:
            return all([cast(value) is value for value in values])  # what is right as it is is cast to itself
        except TypeCastError:
            return False

    return Rule(Any, check, classes=(date, datetime, it.InvalidDate))


def _time_rule(kind: Any) -> Rule:
    if kind.fsp is None:
        return Rule(timedelta)
    step = 10 ** (it.MAX_FSP - kind.fsp)
    low, high = -it.MAX_TIME, it.MAX_TIME
    return Rule(
        timedelta, lambda values: all([low <= value <= high and not value.microseconds % step for value in values])
    )


def _year_rule(kind: Any) -> Rule:
    annotation = Annotated[int, msgspec.Meta(ge=kind.minimum, le=kind.maximum)]
    return Rule(annotation, lambda values: not any([0 < value < it.FIRST_YEAR for value in values]))


def _set_rule(kind: Any) -> Rule:
    exact = _all_exactly(frozenset)
    if kind.members is not None:
        return Rule(frozenset[Literal[kind.members]], exact)  # type: ignore[valid-type]  # made of data
    return Rule(frozenset[str], lambda values: exact(values) and not any(map(kind.member_problem, values)))


def _inet_rule(kind: Any) -> Rule:
    if kind.version == 4:
        return Rule(IPv4Address)

    def check(values: list[Any]) -> bool:
        if set(map(type, values)) <= {IPv4Address}:
            return True
        # Only addresses of version 6 may have a zone.
        return all([type(value) is IPv4Address or getattr(value, "scope_id", "") is None for value in values])

    if kind.version == 6:
        return Rule(IPv6Address, check)
    return Rule(Any, check, classes=(IPv4Address, IPv6Address))


def _geometry_rule(kind: Any) -> Rule:
    exact = _all_exactly(it.Geometry)
    return Rule(it.Geometry, lambda values: exact(values) and not any(map(kind.problem, values)))


def _vector_rule(kind: Any) -> Rule:
    annotation = Annotated[tuple[float, ...], msgspec.Meta(min_length=1, max_length=kind.dimensions)]
    exact, exact_number = _all_exactly(tuple), _all_exactly(float)

    def check(values: list[Any]) -> bool:
        numbers = list(chain.from_iterable(values))
        try:
            right = exact(values) and exact_number(numbers) and array("f", numbers).tolist() == numbers
        except OverflowError:
            return False
        return right and all(map(isfinite, numbers))

    return Rule(annotation, check)


_RULES: dict[type[DataType], Callable[[Any], Rule]] = {
    it.INTEGER: _integer_rule,
    it.BOOL: lambda _: Rule(bool),
    it.DECIMAL: _decimal_rule,
    it.FLOAT: _float_rule,
    it.STRING: _string_rule,
    it.ENUM: _enum_rule,
    it.BYTES: _bytes_rule,
    it.DATETIME: _datetime_rule,
    it.TIMESTAMP: _timestamp_rule,
    it.DATE: lambda _: Rule(date),
    it.LENIENT_MOMENT: _lenient_rule,
    it.TIME_INTERVAL: _time_rule,
    it.YEAR: _year_rule,
    it.BITS: _integer_rule,
    it.SET: _set_rule,
    it.UUID: lambda _: Rule(UUID),
    it.INET: _inet_rule,
    it.GEOMETRY: _geometry_rule,
    it.VECTOR: _vector_rule,
    it.JSON: lambda _: Rule(Any, lambda values: not any(map(it.json_problem, values))),
    it.OBJECT: lambda _: Rule(Any),
    it.NULL: lambda _: Rule(None),
}


def rule_of(kind: type[DataType]) -> Rule:
    """Return how values of a type are checked."""
    inner = kind.intermediate_type
    rule = _RULES[inner.family](inner)
    return rule if kind.bounds is None else _bounded(rule, *kind.bounds)


def _bounded(rule: Rule, low: Any, high: Any) -> Rule:
    inner = rule.check

    def check(values: list[Any]) -> bool:
        return (inner is None or inner(values)) and low <= min(values) and max(values) <= high

    return rule._replace(check=check)


def cast_of(kind: type[DataType]) -> Callable[[Any], Any]:
    """Return the cast that says of values what the rule of the type does."""
    return (kind.intermediate_type if kind.bounds is None else kind).python_cast_function
