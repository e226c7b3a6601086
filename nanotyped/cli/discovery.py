"""``discover``: the contracts of live tables, or of a dump, as Python, as YAML or as SQL."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from nanotyped.cli.output import CommandFailedError, print_error
from nanotyped.cli.words import is_sql_file
from nanotyped.config.contracts import TableContract, held_by_sql, held_by_yaml, render_sql, render_yaml, visible
from nanotyped.config.row_module import held_by_python, render_module
from nanotyped.errors import ConfigError, ConfigProblem, DdlError, nearest_hint
from nanotyped.nodes.sql.discovery import describe_tables
from nanotyped.nodes.sql.urls import check_url
from nanotyped.redaction import Redactor
from nanotyped.row.ddl import parse_dump_tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from nanotyped.cli.arguments import Arguments

DEFAULT_VARIABLE = "DATABASE_URL"


def discover(arguments: Arguments) -> int:
    """Write the contracts of tables to stdout.

    Returns:
        0; 2 if something is left out of what is written, for a contract that lacks a column is no contract of the
        table: stderr says what and why. 1 if a live table cannot be read: then nothing is written.
    """
    node_class = "StreamMySQLTable"
    places: dict[tuple[str, str], str] = {}
    if arguments.url is not None and is_sql_file(arguments.url):
        contracts, places = contracts_of_file(arguments.url, arguments.words)
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
    left_out = _left_out(map(_HELD[arguments.format], contracts), places)
    for line in left_out:
        print_error(line)
    return 2 if left_out else 0


_HELD: Mapping[str, Callable[[TableContract], TableContract]] = {
    "python": held_by_python,
    "yaml": held_by_yaml,
    "sql": held_by_sql,
}


def _left_out(contracts: Iterable[TableContract], places: Mapping[tuple[str, str], str]) -> list[str]:
    """Return a line for everything that is not in what was written: its place in the file, table, column and reason."""
    lines = []
    for contract in contracts:
        table = f"table `{contract.table}`: "
        lines += [
            f"{places.get((contract.table, name), '')}{table}column `{name}` is left out: {reason}"
            for name, reason in contract.refused.items()
        ]
        lines += [f"{table}{note}" for note in contract.notes]
    return [visible(line) for line in lines]


def contracts_of_file(file: str, tables: Sequence[str]) -> tuple[list[TableContract], dict[tuple[str, str], str]]:
    """Return the tables of a file of SQL, and by table and column the place of what is left out of them.

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
        found = parse_dump_tables(text, tables)
    except DdlError as error:
        problems = [ConfigProblem(file, problem.line, problem.column, problem.reason) for problem in error.problems]
        raise ConfigError(problems) from error
    if not found:
        raise CommandFailedError(f"there are no tables in `{file}`", 1)
    refused = {(table, name): why for table, read in found.items() for name, why in read.refused.items()}
    places = {key: f"{file}:{problem.line}:{problem.column}: " for key, problem in refused.items()}
    contracts = [
        TableContract(name, table.schema, {column: problem.reason for column, problem in table.refused.items()})
        for name, table in found.items()
    ]
    return contracts, places


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
