"""``discover``: the contracts of live tables, or of a dump, as Python, as YAML or as SQL."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from nanotyped.cli.arguments import is_sql_file
from nanotyped.cli.output import CommandFailedError, print_error
from nanotyped.config.contracts import TableContract, render_sql, render_yaml
from nanotyped.config.environment import Redactor
from nanotyped.config.row_module import render_module
from nanotyped.errors import ConfigError, ConfigProblem, DdlError, nearest_hint
from nanotyped.nodes.sql.discovery import describe_tables
from nanotyped.nodes.sql.urls import check_url
from nanotyped.row import parse_dump

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nanotyped.cli.arguments import Arguments

DEFAULT_VARIABLE = "DATABASE_URL"


def discover(arguments: Arguments) -> int:
    """Write the contracts of tables to stdout; 0, or 1 if a live one cannot be read: then nothing is written."""
    node_class = "StreamMySQLTable"
    if arguments.url is not None and is_sql_file(arguments.url):
        contracts = contracts_of_file(arguments.url, arguments.words)
    else:
        text = (arguments.url or "") if arguments.url_env is None else url_of_variable(arguments.url_env)
        try:
            url = check_url(text)
        except ValueError as error:
            raise CommandFailedError(f"{arguments.url_env or 'URL'}: {error}", 2) from None
        redactor = Redactor()
        redactor.hide([url.password or ""])
        try:
            found = describe_tables(url, arguments.words)
        except ExceptionGroup as group:
            for reason in group.exceptions:
                print_error(redactor.redact(str(reason)))
            return 1
        if not found:
            raise CommandFailedError(f"there are no tables in `{url.database or ':memory:'}`", 1)
        contracts = [TableContract(name, table.schema, table.refused) for name, table in found.items()]
        if url.get_backend_name() == "sqlite":
            node_class = "StreamTable"
    _write(contracts, arguments, node_class)
    return 0


def contracts_of_file(file: str, tables: Sequence[str]) -> list[TableContract]:
    """Return the tables of a file of SQL.

    Raises:
        CommandFailedError: If it cannot be read, or has none.
        ConfigError: Of every mistake in it.
    """
    try:
        content = Path(file).read_bytes()
    except OSError as error:
        raise CommandFailedError(f"{file}: cannot be read: {error.strerror}", 2) from error
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise CommandFailedError(f"{file}: this is UTF-16; save it as UTF-8", 2)
    # Rows of a dump may hold any bytes, and are passed over; in the text of a table such bytes are refused.
    text = content.decode("utf-8-sig", "surrogateescape")
    try:
        found = parse_dump(text, tables)
    except DdlError as error:
        problems = [ConfigProblem(file, problem.line, problem.column, problem.reason) for problem in error.problems]
        raise ConfigError(problems) from error
    if not found:
        raise CommandFailedError(f"there are no tables in `{file}`", 1)
    return [TableContract(name, schema) for name, schema in found.items()]


def _write(contracts: Sequence[TableContract], arguments: Arguments, node_class: str) -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # all are, whatever the terminal's is
    match arguments.format:
        case "python":
            sys.stdout.write(render_module(contracts))
        case "sql":
            sys.stdout.write(render_sql(contracts))
        case _:
            sys.stdout.write(render_yaml(contracts, node_class, arguments.url_env or DEFAULT_VARIABLE))


def url_of_variable(name: str) -> str:
    """Return what an environment variable holds.

    Raises:
        CommandFailedError: If it is not set.
    """
    if name not in os.environ:
        hint = nearest_hint(name, list(os.environ))
        raise CommandFailedError(f"the environment variable `{name}` is not set{'; ' + hint if hint else ''}", 2)
    return os.environ[name]
