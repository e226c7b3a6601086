"""A schema as the text of a CREATE TABLE statement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nanotyped.errors import DdlError, DdlProblem, IncompatibleTypesException
from nanotyped.types.charsets import CHARSETS
from nanotyped.types.intermediate import GEOMETRY, JSON, VECTOR
from nanotyped.types.mysql import MySQLType, MySQLTypeSystem, render_ddl
from nanotyped.types.mysql.texts import MYSQL_BINARY, MYSQL_CHAR

if TYPE_CHECKING:
    from nanotyped.row.schema import Column, Schema
    from nanotyped.types.base import DataType

MAX_NAME = 64  # MySQL 8.4 manual 9.2.1; in characters
MAX_KEY_BYTES = 3072  # of InnoDB; MySQL 8.4 manual 15.22
# A text without a character set of its own is one of all Unicode, whatever the server's default is.
_OPTIONS = "DEFAULT CHARSET=utf8mb4"


def render_create_table(table: str, schema: Schema) -> str:
    """Return the statement that makes a table; see ``Schema.to_ddl``."""
    problems = [*_name_problems(table, "a table")]
    if not schema.columns:
        problems.append("a table has a column at least")
    seen: dict[str, str] = {}
    for column in schema:
        if reason := column_problem(column):
            problems.append(f"column `{column.name}`: {reason}")
        if (other := seen.setdefault(column.name.lower(), column.name)) != column.name:
            problems.append(f"columns `{other}` and `{column.name}` are one to a server, which minds no case")
    if not problems and (reason := key_problem(schema)):
        problems.append(reason)
    if problems:
        raise DdlError([DdlProblem(0, 0, reason, table) for reason in problems], f"`{table}` cannot be a table")
    lines = [
        f"{quoted_name(column.name)} {render_ddl(_mysql(column.type))} {'NULL' if column.nullable else 'NOT NULL'}"
        for column in schema
    ]
    if schema.key:
        lines.append(f"PRIMARY KEY ({', '.join(map(quoted_name, schema.key))})")
    body = ",\n".join(f"  {line}" for line in lines)
    return f"CREATE TABLE {quoted_name(table)} (\n{body}\n) {_OPTIONS}"


def column_problem(column: Column) -> str:
    """Return why no table can have a column, by its name and its type; ``""`` if one can."""
    if reason := next(iter(_name_problems(column.name, "a column")), ""):
        return reason
    try:
        render_ddl(_mysql(column.type))
    except IncompatibleTypesException as error:
        return str(error)
    return ""


def key_problem(schema: Schema) -> str:
    """Return why no table can have the key of a schema; ``""`` if one can, or there is none."""
    size = 0
    for column in (column for column in schema if column.key):
        place = f"column `{column.name}` of the key"
        if column.nullable:
            return f"{place} may be null"
        bytes_ = _key_bytes(_mysql(column.type))
        if bytes_ is None:
            return f"{place}: `{column.type.spelling()}` has no length that a key can have; declare it varchar(n)"
        if not bytes_:
            return f"{place}: `{column.type.spelling()}` holds nothing, and no key can be made of it"
        size += bytes_
    return f"the key has {size} bytes, of which servers take {MAX_KEY_BYTES}" if size > MAX_KEY_BYTES else ""


def quoted_name(name: str) -> str:
    """Return a name in backticks."""
    return "`" + name.replace("`", "``") + "`"


def _mysql(kind: type[DataType]) -> type[DataType]:
    if issubclass(kind, MySQLType):
        return kind
    return MySQLTypeSystem.from_intermediate(kind.intermediate_type, None)


def _key_bytes(kind: type[DataType]) -> int | None:
    """Return how many bytes of a key a column takes, about; ``None`` if it can be in none."""
    if issubclass(kind, MYSQL_CHAR):
        return (kind.max_length or 0) * CHARSETS[kind.charset or "utf8mb4"][1]
    if issubclass(kind, MYSQL_BINARY):
        return kind.max_length or 0
    meaning = kind.intermediate_type
    if issubclass(meaning, GEOMETRY | JSON | VECTOR) or "max_bytes" in meaning.parameters:
        return None
    return 8


def _name_problems(name: str, what: str) -> list[str]:
    """Return what is wrong with a name (MySQL 8.4 manual 9.2)."""
    if not name:
        return [f"the name of {what} is empty"]
    if len(name) > MAX_NAME:
        return [f"the name of {what} has at most {MAX_NAME} characters, not {len(name)}: `{name}`"]
    if name.endswith(" "):
        return [f"the name of {what} does not end with a blank: `{name}`"]
    if any(character == "\0" or ord(character) > 0xFFFF or 0xD800 <= ord(character) < 0xE000 for character in name):
        return [f"the name of {what} has characters of Unicode's basic plane only, and no NUL: {name!r}"]
    return []
