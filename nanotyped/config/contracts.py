"""Contracts of tables as nodes of a pipeline file or as SQL, and what a contract cannot hold of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from nanotyped.errors import DdlError
from nanotyped.row import Column, Schema
from nanotyped.row.ddl import column_problem, key_problem
from nanotyped.row.type_texts import file_spelling

_PLAIN_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:\([0-9]+(?:,[0-9]+)?\))?(?: [A-Za-z][A-Za-z0-9_]*)*")
# Words that some reader of YAML takes for something else than text.
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


@dataclass(frozen=True, slots=True)
class TableContract:
    """What is to be written down of a table.

    Attributes:
        table: Its name.
        schema: Its columns of known types.
        refused: By column, why it is in no contract.
        notes: What else of it is left out, such as its key, and why.
    """

    table: str
    schema: Schema
    refused: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def without(self, refused: Mapping[str, str]) -> TableContract:
        """Return the contract without some columns, each with why it is left out."""
        kept = Schema(column for column in self.schema if column.name not in refused)
        return replace(self, schema=kept, refused={**self.refused, **refused})

    def comments(self) -> list[str]:
        """Return everything that is left out, with its reason, a line each."""
        return [visible(line) for line in (*(f"`{name}`: {why}" for name, why in self.refused.items()), *self.notes)]


def held_by_yaml(contract: TableContract) -> TableContract:
    """Return what a file can say of a contract."""
    unnamed = (column for column in contract.schema if file_spelling(column.type) is None)
    return contract.without(
        {column.name: f"no type that a file can name is exactly `{column.type.spelling()}`" for column in unnamed}
    )


def render_yaml(contracts: Sequence[TableContract], node_class: str, variable: str) -> str:
    """Return a source node for each table, with its contract, as the ``nodes`` of a pipeline file.

    Args:
        contracts: The tables.
        node_class: The class of the nodes.
        variable: Name of the environment variable that holds the URL.
    """
    lines = ["nodes:"]
    first = None
    for contract in map(held_by_yaml, contracts):
        comments = [f"# {comment}" for comment in contract.comments()]
        if not contract.schema.columns:
            lines += [f"  # {visible(f'`{contract.table}` has no column that a contract holds')}"]
            lines += [f"  {comment}" for comment in comments]
            continue
        first = first or _scalar(contract.table)
        table = contract.table.replace("${", "$${")
        lines += [
            f"  {_scalar(contract.table)}:",
            f"    class: {node_class}",
            "    options:",
            f'      url: "${{{variable}}}"',
            f"      table: {_scalar(table)}",
            "    output_schema:",
            *(f"      {comment}" for comment in comments),
        ]
        for column in contract.schema:
            text = f"{file_spelling(column.type)} null" if column.nullable else f"{file_spelling(column.type)}"
            lines.append(f"      {_scalar(column.name)}: {_scalar(text)}")
    if first is not None:
        lines += [
            "# A pipeline also has nodes that take the rows, and paths, such as:",
            "#  show: {class: PrinterOfThings}",
            "#paths:",
            f"#  - [{first}, show]",
        ]
    return "\n".join(lines) + "\n"


def held_by_sql(contract: TableContract) -> TableContract:
    """Return what a CREATE TABLE statement of MySQL can say of a contract: without columns where it can say nothing."""
    refused = {column.name: reason for column in contract.schema if (reason := column_problem(column))}
    held = contract.without(refused)
    if any(contract.schema[name].key for name in refused):
        reason = "a column of it is left out"  # the rest of a key is none
    else:
        reason = key_problem(held.schema)
    if reason:
        keyless = Schema(Column(column.name, column.type, nullable=column.nullable) for column in held.schema)
        held = replace(held, schema=keyless, notes=(*held.notes, f"the primary key is left out: {reason}"))
    try:
        held.schema.to_ddl(held.table)
    except DdlError as error:
        whole = tuple(f"`{held.table}` is left out: {problem}" for problem in error.problems)
        return replace(held, schema=Schema([]), notes=(*held.notes, *whole))
    return held


def render_sql(contracts: Sequence[TableContract]) -> str:
    """Return a CREATE TABLE statement for each table, behind comments on what no table of MySQL can have."""
    return "\n".join("\n".join(_sql_lines(held_by_sql(contract))) + "\n" for contract in contracts)


def _sql_lines(contract: TableContract) -> list[str]:
    comments = [f"-- {comment}" for comment in contract.comments()]
    return [*comments, f"{contract.schema.to_ddl(contract.table)};"] if contract.schema.columns else comments


def visible(text: str) -> str:
    """Return text with what cannot be printed as an escape that Python and YAML share."""
    return "".join(character if character.isprintable() else _escape(character) for character in text)


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _scalar(text: str) -> str:
    if _PLAIN_TEXT.fullmatch(text) and text.lower() not in _WORDS:
        return text
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{visible(quoted)}"'
