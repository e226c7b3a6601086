"""The options ``zero_date``, ``tinyint1`` and ``bit`` of nodes that read or write tables: a policy for each column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from nanotyped.errors import GraphProblem, NodeOptionError, nearest_hint
from nanotyped.row import Column, Schema
from nanotyped.types import check_assignable
from nanotyped.types import intermediate as it
from nanotyped.types.policies import Bit, Tinyint1, TypePolicies, ZeroDate

if TYPE_CHECKING:
    from nanotyped.types import DataType

# One policy for all columns, or by the name of the column; a null in YAML means what the word in quotes does.
ZeroDateOption: TypeAlias = ZeroDate | dict[str, ZeroDate | None] | None
Tinyint1Option: TypeAlias = Tinyint1 | dict[str, Tinyint1]
BitOption: TypeAlias = Bit | dict[str, Bit]
# Of a table that is written: whether a date is null is for the row to say, and a bool fits a bit without a word.
WrittenZeroDate: TypeAlias = Literal["error", "keep"]
WrittenBit: TypeAlias = Literal["int", "bytes"]
WrittenZeroDateOption: TypeAlias = WrittenZeroDate | dict[str, WrittenZeroDate]
WrittenBitOption: TypeAlias = WrittenBit | dict[str, WrittenBit]

_KNOWN: Mapping[str, tuple[str, ...]] = {
    "zero_date": get_args(ZeroDate),
    "tinyint1": get_args(Tinyint1),
    "bit": get_args(Bit),
}
_WRITTEN: Mapping[str, tuple[str, ...]] = {"zero_date": get_args(WrittenZeroDate), "bit": get_args(WrittenBit)}
_APPLIES_TO: Mapping[str, str] = {
    "zero_date": "a date, datetime or timestamp",
    "tinyint1": "a tinyint(1)",
    "bit": "a bit(n), and `bool` for a bit(1)",
}
_MOMENTS = (it.DATE, it.DATETIME, it.TIMESTAMP)


@dataclass(frozen=True, slots=True)
class ColumnPolicies:
    """What columns of a table are taken for.

    Attributes:
        everywhere: The policies of columns that are not named.
        by_column: By option and column, the policy of a named one.
    """

    everywhere: TypePolicies
    by_column: Mapping[str, Mapping[str, str]]

    @classmethod
    def of_written(cls, **options: str | Mapping[str, str]) -> ColumnPolicies:
        """Return the policies of a table that is written; else as ``of_options``."""
        return cls._checked(_WRITTEN, options)

    @classmethod
    def of_options(cls, **options: str | Mapping[str, str | None] | None) -> ColumnPolicies:
        """Return the policies that options give.

        Raises:
            ValueError: If one is none of the known ones; names all such.
        """
        return cls._checked(_KNOWN, options)

    @classmethod
    def _checked(
        cls, known: Mapping[str, tuple[str, ...]], options: Mapping[str, str | Mapping[str, Any] | None]
    ) -> ColumnPolicies:
        everywhere: dict[str, Any] = {}
        by_column: dict[str, dict[str, str]] = {}
        problems = []
        for name, option in options.items():
            named = option if isinstance(option, Mapping) else {None: option}
            for column, given in named.items():
                policy = "null" if given is None and name == "zero_date" else given
                if policy not in known[name]:
                    of = "" if column is None else f" of column `{column}`"
                    problems.append(f"{name}{of} must be one of {', '.join(known[name])}, not {policy!r}")
                elif column is None:
                    everywhere[name] = policy
                else:
                    by_column.setdefault(name, {})[column] = policy
        if problems:
            raise ValueError("; ".join(problems))
        return cls(TypePolicies(**everywhere), by_column)

    def uses(self, option: str, policy: str) -> bool:
        """Return whether any column may be taken so."""
        return policy in (getattr(self.everywhere, option), *self.by_column.get(option, {}).values())

    def of(self, name: str) -> TypePolicies:
        """Return the policies of a column."""
        named: dict[str, Any] = {option: columns[name] for option, columns in self.by_column.items() if name in columns}
        whole = {option: getattr(self.everywhere, option) for option in _KNOWN}
        return TypePolicies(**{**whole, **named})

    def taken(self, live: Schema) -> Schema:
        """Return the columns of a table as they are taken; one whose invalid dates are null may be null."""
        return Schema(
            Column(
                column.name,
                _under(column.type, self.of(column.name)),
                nullable=column.nullable or self._has_nulls(column),
                key=column.key,
            )
            for column in live
        )

    def read(self, live: Schema) -> dict[str, Column]:
        """Return the columns that are read otherwise than the table has them, by name.

        An invalid date that is to be null is still one there.
        """
        found = {}
        for column in live:
            kind = _under(column.type, self.of(column.name))
            if self._has_nulls(column):
                found[column.name] = kept_column(column)
            elif kind is not column.type:
                found[column.name] = Column(column.name, kind, column.nullable, column.key)
        return found

    def words(self, column: Column) -> str:
        """Return the policies that change what a column of a table is taken for: ``bit: bytes``, ``""`` if none."""
        chosen = {option: getattr(self.of(column.name), option) for option in _KNOWN}
        return ", ".join(
            f"{option}: {policy}"
            for option, policy in chosen.items()
            if policy != _KNOWN[option][0] and self._is_about(column, option, policy)
        )

    def null_dates(self, live: Schema) -> tuple[int, ...]:
        """Return the places of the columns whose invalid dates are null."""
        return tuple(index for index, column in enumerate(live) if self._has_nulls(column))

    def problems(self, live: Schema, label: str) -> list[GraphProblem]:
        """Return the columns that policies name and are not about; ``label`` is the name of the node."""
        found: list[GraphProblem] = []
        for option, columns in self.by_column.items():
            for name, policy in columns.items():
                if name not in live:
                    reason, hint = f"there is no column `{name}`", nearest_hint(name, live.names)
                elif policy == _KNOWN[option][0] or self._is_about(live[name], option, policy):
                    continue
                else:
                    spelled = live[name].type.spelling()
                    reason, hint = f"column `{name}` is `{spelled}`; the option is for {_APPLIES_TO[option]}", ""
                found.append(NodeOptionError(f"node `{label}`: {option}: {reason}", node=label, hint=hint))
        return found

    def _has_nulls(self, column: Column) -> bool:
        return self.of(column.name).zero_date == "null" and column.type.intermediate_type.family in _MOMENTS

    def _is_about(self, column: Column, option: str, policy: str) -> bool:
        if option == "zero_date" and policy == "null":
            return self._has_nulls(column)
        policies: dict[str, Any] = {option: policy}
        return _under(column.type, TypePolicies(**policies)) is not column.type


def taken_by(kind: Any) -> Iterator[tuple[str, type[DataType]]]:
    """Yield the policies that are about a type, as ``bit: bytes``, each with what it takes the type for."""
    for option, words in _KNOWN.items():
        policies: dict[str, dict[str, Any]] = {word: {option: word} for word in words}
        taken = {word: _under(kind, TypePolicies(**policy)) for word, policy in policies.items()}
        if any(found is not kind for found in taken.values()):
            yield from ((f"{option}: {word}", found) for word, found in taken.items())


def _under(kind: Any, policies: TypePolicies) -> type[DataType]:
    taken: type[DataType] = kind.under(policies)
    return taken


def kept_column(column: Column) -> Column:
    """Return the column, of a date or time such that its invalid ones are kept."""
    kind = _under(column.type, TypePolicies(zero_date="keep"))
    return column if kind is column.type else Column(column.name, kind, column.nullable, column.key)


def bits_hint(given: type[DataType], live: type[DataType], taken: type[DataType]) -> str:
    """Return what lets values of a type into bits that are written as bytes and would take them as they are."""
    if live is taken or live.intermediate_type.family is not it.BITS:
        return ""
    problems = check_assignable(given, live)
    if problems and not problems[0].hint:
        return ""
    then = f"; then {problems[0].hint}" if problems else f"; it fits `{live.spelling()}`"
    return f"name the columns of bytes alone, as `bit: {{column: bytes}}`{then}"
