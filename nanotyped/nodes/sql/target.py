"""What a live table takes: which columns must be given, which can't be, and how given rows differ from that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from pymysql.cursors import Cursor

from nanotyped.errors import GraphProblem, Mismatch, NodeOptionError, SourceError, UnfitSourceError, nearest_hint
from nanotyped.nodes.sql.limits import ask_limits
from nanotyped.nodes.sql.mysql import MySQLReader
from nanotyped.nodes.sql.policies import bits_hint, taken_by
from nanotyped.nodes.sql.server import DRIVER_ERRORS
from nanotyped.row import Schema
from nanotyped.row.schema import check_schema
from nanotyped.types.compat import check_assignable

if TYPE_CHECKING:
    from nanotyped.nodes.sql.description import TableDescription
    from nanotyped.nodes.sql.limits import ServerLimits
    from nanotyped.nodes.sql.policies import ColumnPolicies
    from nanotyped.nodes.sql.server import MySQLServer

WriteMode = Literal["insert", "replace", "upsert"]

_WHERE = "WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s AND CAST(TABLE_NAME AS BINARY) = %s"
_TABLE = f"""
    SELECT TABLE_TYPE, ENGINE,
        (SELECT TRANSACTIONS FROM information_schema.ENGINES WHERE ENGINES.ENGINE = TABLES.ENGINE)
    FROM information_schema.TABLES {_WHERE}"""  # noqa: S608 - of constants
# A default that is an expression is told by EXTRA in MySQL too, as `DEFAULT_GENERATED`: what is computed is told by its
# expression. MariaDB spells the default of a nullable column `NULL`, and has none where there is none.
_COLUMNS = f"""
    SELECT COLUMN_NAME, COALESCE(GENERATION_EXPRESSION, '') <> '',
        IS_NULLABLE = 'NO' AND COLUMN_DEFAULT IS NULL AND EXTRA NOT LIKE '%%auto_increment%%'
    FROM information_schema.COLUMNS {_WHERE} ORDER BY ORDINAL_POSITION"""  # noqa: S608 - of constants


@dataclass(frozen=True, slots=True)
class TargetTable:
    """A live table that is to be written.

    Attributes:
        description: What it is, its columns as the policies take them.
        live: Its columns as the server has them.
        names: Its columns, those of unknown types too.
        generated: The columns that the server computes.
        required: The columns that have no value unless one is given.
        limits: What its server takes of their types.
    """

    description: TableDescription
    live: Schema
    names: tuple[str, ...]
    generated: frozenset[str]
    required: frozenset[str]
    limits: ServerLimits

    @property
    def place(self) -> str:
        """How messages name it."""
        return self.description.place

    def written(self, given: Schema) -> Schema:
        """Return the columns of the table that rows of ``given`` fill, in the order of ``given``."""
        return self.description.schema.select(given.names)

    def has_key(self, key: Sequence[str]) -> bool:
        """Return whether these columns, in any order, are a unique key."""
        return any(set(known) == set(key) for known in self.description.unique_keys)


def look_at(server: MySQLServer, table: str, policies: ColumnPolicies) -> TargetTable:
    """Return what a live table takes under some policies, over connections of its own.

    Raises:
        SourceError: If it cannot be reached, is not there, or is none that transactions can write.
    """
    reader = MySQLReader(server)
    try:
        # No column is wanted by name: one of an unknown type matters only where it is given.
        description = reader.describe(table, ())
    finally:
        reader.close()
    where = (server.database, table, table)
    try:
        [(kind, engine, transactions)] = _rows(server, _TABLE, where)
        columns = _rows(server, _COLUMNS, where)
        limits = ask_limits(lambda sql: _rows(server, sql, ()), description.schema)
    except DRIVER_ERRORS as error:
        raise SourceError(f"reading {description.place} failed: {server.explain(error)}") from error
    if kind not in ("BASE TABLE", "SYSTEM VERSIONED"):
        raise UnfitSourceError(f"{description.place} cannot be written: it is a {kind.lower()}; name a table")
    if transactions != "YES":
        reason = f"its engine {engine} has no transactions, so a batch that fails would be written in part"
        raise UnfitSourceError(f"{description.place} cannot be written: {reason}; make it one of InnoDB")
    generated = frozenset(name for name, is_generated, _ in columns if int(is_generated))
    required = frozenset(name for name, _, is_required in columns if int(is_required)) - generated
    live = description.schema
    description = replace(description, schema=policies.taken(live))
    return TargetTable(description, live, tuple(name for name, *_ in columns), generated, required, limits)


def _rows(server: MySQLServer, sql: str, parameters: tuple[str, ...]) -> list[tuple[Any, ...]]:
    connection = server.connect()
    try:
        with connection.cursor(Cursor) as cursor:
            cursor.execute(sql, parameters)
            return list(cursor.fetchall())
    finally:
        connection.close()


def check_names(target: TargetTable, given: Schema, label: str) -> list[GraphProblem]:
    """Return the given columns that cannot be written: not there, computed by the server, or of an unknown type."""
    problems: list[GraphProblem] = []
    for name in given.names:
        hint = "leave it out before, with Remapper(retain_input=False)"
        if name not in target.names:
            reason = f"{target.place} has no column `{name}`"
            known = ", ".join(f"`{column}`" for column in target.names)
            hint = nearest_hint(name, target.names) or f"its columns are {known}"
        elif name in target.generated:
            reason = f"column `{name}` of {target.place} is computed by the server and cannot be written"
        elif name not in target.description.schema:
            why = target.description.refused.get(name)
            reason = f"column `{name}` of {target.place} is of a type that is not known here{f': {why}' if why else ''}"
        else:
            continue
        problems.append(NodeOptionError(f"node `{label}`: {reason}", node=label, hint=hint))
    return problems


def check_types(target: TargetTable, given: Schema, label: str) -> list[GraphProblem]:
    """Return the columns whose types or nulls do not fit, and those that are needed and not given."""
    needed = Schema(
        column
        for column in target.description.schema
        if column.name not in target.generated and (column.name in given or column.name in target.required)
    )
    problems: list[GraphProblem] = []
    for problem in check_schema(given, needed, (label, target.place.replace("`", ""))):
        name = problem.column or ""
        hint = bits_hint(given[name].type, target.live[name].type, needed[name].type) if name in given else ""
        problems.append(problem.at(hint=hint) if hint else _with_policy(problem, given, needed))
    for name in target.names:  # in the order of the table, though of a type that is not known
        if name in target.required and name not in target.description.schema and name not in given:
            reason = f"column `{name}` of {target.place} has no default, and its type is not known here"
            problems.append(NodeOptionError(f"node `{label}`: {reason}", node=label))
    return problems


def _with_policy(problem: Mismatch, given: Schema, needed: Schema) -> Mismatch:
    """Return a mismatch with the policy of the writer that mends it, if there is one."""
    name = problem.column or ""
    if name not in given:
        return problem
    policies = taken_by(needed[name].type)
    policy = next((words for words, kind in policies if not check_assignable(given[name].type, kind)), "")
    if not policy or not check_assignable(given[name].type, needed[name].type):  # or it is a matter of nulls
        return problem
    return problem.at(hint=f"set `{policy}` for the writer")


def check_key(target: TargetTable, key: Sequence[str], label: str) -> list[GraphProblem]:
    """Return what keeps the columns of ``key`` from being a unique key of the table."""
    if not key or target.has_key(key):
        return []
    names = ", ".join(f"`{name}`" for name in key)
    unknown = [name for name in key if name not in target.names]
    if unknown:
        reasons = [(f"has no column `{name}` for its key", nearest_hint(name, target.names)) for name in unknown]
    else:
        known = [f"({', '.join(f'`{name}`' for name in unique)})" for unique in target.description.unique_keys]
        hint = f"it has {', '.join(known)}" if known else "add one; an upsert is not possible without"
        reasons = [(f"has no unique key of whole, non-null columns ({names})", hint)]
    return [
        NodeOptionError(f"node `{label}`: {target.place} {reason}", node=label, hint=hint) for reason, hint in reasons
    ]


def check_key_given(
    target: TargetTable, given: Schema, mode: WriteMode, key: Sequence[str], label: str
) -> list[GraphProblem]:
    """Return the columns by which rows would be found again and that are not given."""
    if mode == "upsert":
        # Of the others, what is missing was said already.
        silent = set(target.names) - target.required - set(given.names)
        missing = [name for name in key if name in silent]
        return [
            NodeOptionError(f"node `{label}`: column `{name}` of the key is not given", node=label) for name in missing
        ]
    if mode == "insert" or any(all(name in given for name in unique) for unique in target.description.unique_keys):
        return []
    reason = f"no unique key of {target.place} is given whole, so nothing would ever be replaced"
    return [NodeOptionError(f"node `{label}`: {reason}", node=label, hint="use mode: insert")]
