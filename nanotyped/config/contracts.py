"""Contracts of live tables as nodes of a pipeline file or as SQL, and what a contract cannot hold of them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from nanotyped.errors import DdlError, IncompatibleTypesException, TypeSyntaxError
from nanotyped.row import Column, Schema
from nanotyped.row.ddl import column_problem, key_problem
from nanotyped.types import MySQLType, MySQLTypeSystem, mysql_type

if TYPE_CHECKING:
    from nanotyped.types import DataType

_PLAIN_TEXT = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:\([0-9]+(?:,[0-9]+)?\))?(?: [A-Za-z][A-Za-z0-9_]*)*")
# Words that some reader of YAML takes for something else than text.
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


@dataclass(frozen=True, slots=True)
class TableContract:
    """What is to be written down of a live table.

    Attributes:
        table: Its name.
        schema: Its columns of known types.
        refused: By column, why it is in no contract.
    """

    table: str
    schema: Schema
    refused: Mapping[str, str] = field(default_factory=dict)


def mysql_spelling(kind: type[DataType]) -> str | None:
    """Return the MySQL type that is exactly this one, ``None`` if there is none, as for SQLite's text of any length."""
    if issubclass(kind, MySQLType):
        return kind.spelling()
    try:
        found = MySQLTypeSystem.from_intermediate(kind.intermediate_type, None)
    except IncompatibleTypesException:
        return None
    try:
        exact = found.intermediate_type is kind.intermediate_type and mysql_type(found.spelling()) is found
    except TypeSyntaxError:  # a policy is needed to read it, as for SQLite's boolean
        return None
    return found.spelling() if exact else None


def render_yaml(contracts: Sequence[TableContract], node_class: str, variable: str) -> str:
    """Return a source node for each table, with its contract, as the ``nodes`` of a pipeline file.

    Args:
        contracts: The tables.
        node_class: The class of the nodes.
        variable: Name of the environment variable that holds the URL.
    """
    lines = ["nodes:"]
    for contract in contracts:
        spelled = {column.name: mysql_spelling(column.type) for column in contract.schema}
        refused = dict(contract.refused)
        for column in contract.schema:
            if spelled[column.name] is None:
                refused[column.name] = f"no type that a file can name is exactly `{column.type.spelling()}`"
        comments = [f"# {visible(f'`{name}`: {reason}')}" for name, reason in refused.items()]
        if len(refused) == len(contract.schema) + len(contract.refused):
            lines += [f"  # {visible(f'`{contract.table}` has no column that a contract holds')}"]
            lines += [f"  {comment}" for comment in comments]
            continue
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
            text = spelled[column.name]
            if text is not None:
                lines.append(f"      {_scalar(column.name)}: {_scalar(f'{text} null' if column.nullable else text)}")
    return "\n".join(lines) + "\n"


def render_sql(contracts: Sequence[TableContract]) -> str:
    """Return a CREATE TABLE statement for each table, behind comments on what no table of MySQL can have."""
    return "\n".join("\n".join(_sql_lines(contract)) + "\n" for contract in contracts)


def _sql_lines(contract: TableContract) -> list[str]:
    refused = {column.name: reason for column in contract.schema if (reason := column_problem(column))}
    schema = Schema(column for column in contract.schema if column.name not in refused)
    comments = [f"`{name}`: {reason}" for name, reason in {**contract.refused, **refused}.items()]
    if any(column.key for column in contract.schema if column.name in refused):
        reason = "a column of it is left out"  # the rest of a key is none
    else:
        reason = key_problem(schema)
    if reason:
        comments.append(f"the primary key is left out: {reason}")
        schema = Schema(Column(column.name, column.type, nullable=column.nullable) for column in schema)
    try:
        statement = [f"{schema.to_ddl(contract.table)};"]
    except DdlError as error:
        statement = []
        comments += [f"`{contract.table}` is left out: {problem}" for problem in error.problems]
    return [*(f"-- {visible(comment)}" for comment in comments), *statement]


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
