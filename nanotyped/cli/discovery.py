"""``discover``: the contracts of live tables, as Python or as YAML."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

from nanotyped.cli.output import CommandFailedError, print_error
from nanotyped.config.contracts import TableContract, render_yaml
from nanotyped.config.environment import Redactor
from nanotyped.config.row_module import render_module
from nanotyped.errors import nearest_hint
from nanotyped.nodes.sql.discovery import describe_tables
from nanotyped.nodes.sql.table import check_url

if TYPE_CHECKING:
    from nanotyped.cli.arguments import Arguments

DEFAULT_VARIABLE = "DATABASE_URL"


def discover(arguments: Arguments) -> int:
    """Write the contracts of tables to stdout; 0, or 1 if one cannot be read: then nothing is written."""
    text = _url_of(arguments)
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
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # both are, whatever the terminal's is
    if arguments.format == "python":
        sys.stdout.write(render_module(contracts))
    else:
        node_class = "StreamTable" if url.get_backend_name() == "sqlite" else "StreamMySQLTable"
        sys.stdout.write(render_yaml(contracts, node_class, arguments.url_env or DEFAULT_VARIABLE))
    return 0


def _url_of(arguments: Arguments) -> str:
    name = arguments.url_env
    if name is None:
        return arguments.url or ""
    if name not in os.environ:
        hint = nearest_hint(name, list(os.environ))
        raise CommandFailedError(f"the environment variable `{name}` is not set{'; ' + hint if hint else ''}", 2)
    return os.environ[name]
