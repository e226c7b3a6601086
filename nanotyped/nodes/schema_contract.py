"""The option ``schema_contract`` of sources: what becomes of what is read and lies beyond the declared contract.

The words are dlt's. What each means is in ``docs/reference/schema-contract.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

from nanotyped.errors import nearest_hint

ContractMode: TypeAlias = Literal["evolve", "freeze", "discard_row", "discard_value"]
ContractPart: TypeAlias = Literal["columns", "data_type", "nullable"]
# One mode for all parts, or by part.
SchemaContractOption: TypeAlias = ContractMode | dict[ContractPart, ContractMode] | None


@dataclass(frozen=True, slots=True)
class SchemaContract:
    """What becomes of columns that are new or gone, of values of other types, and of nulls."""

    columns: ContractMode = "freeze"
    data_type: ContractMode = "freeze"
    nullable: ContractMode = "freeze"

    @classmethod
    def of_option(cls, option: SchemaContractOption) -> SchemaContract | None:
        """Return what an option says, ``None`` without one.

        Raises:
            ValueError: Of everything in it that is not known.
        """
        if option is None:
            return None
        parts, modes = get_args(ContractPart), get_args(ContractMode)
        given: dict[str, Any] = dict(option.items()) if isinstance(option, Mapping) else dict.fromkeys(parts, option)
        if option == "discard_value":
            given = {"columns": option, "data_type": option}  # a null is no value that could go
        problems = []
        for part, mode in given.items():
            if part not in parts:
                known = nearest_hint(part, parts) or f"there are {', '.join(parts)}"
                problems.append(f"schema_contract has no part `{part}`; {known}")
            elif mode not in modes:
                problems.append(f"schema_contract of {part} must be one of {', '.join(modes)}, not {mode!r}")
        if given.get("nullable") == "discard_value":
            problems.append("schema_contract of nullable: a null has no value to discard; discard_row drops its row")
        if problems:
            raise ValueError("; ".join(problems))
        return cls(**given)


@dataclass(slots=True)
class Discarded:
    """What did not fit a contract and was let go. Counted by one thread.

    Attributes:
        rows: How many rows were dropped.
        values: By column, how many values were made null.
    """

    rows: int = 0
    values: dict[str, int] = field(default_factory=dict)

    def count_value(self, column: str) -> None:
        """Count one value of a column that was made null."""
        self.values[column] = self.values.get(column, 0) + 1

    @property
    def told(self) -> str:
        """What was discarded, in words without a value; ``""`` if nothing was."""
        parts = [f"{self.rows} rows"] if self.rows else []
        parts += [f"{count} values of `{name}`" for name, count in self.values.items()]
        return f"discarded, for they do not fit the contract: {', '.join(parts)}" if parts else ""


def contract_of_file(option: SchemaContractOption, form: str) -> SchemaContract | None:
    """Return what ``schema_contract`` says of a file, which tells its columns at the most before it is read.

    Raises:
        ValueError: If it is not known, or asks for more.
    """
    modes = SchemaContract.of_option({"columns": "evolve", "nullable": "evolve"} if option == "evolve" else option)
    if modes is None:
        return None
    cannot = {"data_type": "a file does not say its types"}
    if form == "jsonl":
        cannot["columns"] = "JSON lines have no header, and do not say their columns before they are read"
    return _without_evolution(modes, cannot)


def contract_of_records(option: SchemaContractOption) -> SchemaContract | None:
    """Return what ``schema_contract`` says of the records of an API, which tells neither columns nor types.

    Raises:
        ValueError: If it is not known, or asks for more.
    """
    modes = SchemaContract.of_option(option)
    if modes is None:
        return None
    cannot = {
        "data_type": "JSON does not say its types",
        "columns": "an API does not say its columns before it is read",
    }
    return _without_evolution(modes, cannot)


def _without_evolution(modes: SchemaContract, cannot: Mapping[str, str]) -> SchemaContract:
    """Return the modes.

    Raises:
        ValueError: If a part that cannot evolve is to; names each with its reason.
    """
    problems = [
        f"schema_contract of {part}: {reason}; freeze, discard_row, discard_value"
        for part, reason in cannot.items()
        if getattr(modes, part) == "evolve"
    ]
    if problems:
        raise ValueError("; ".join(problems))
    return modes
