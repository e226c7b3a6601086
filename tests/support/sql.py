"""Ways to the tables of a test's database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from nanotyped.nodes.sql.mysql import MySQLReader
from nanotyped.nodes.sql.server import MySQLServer
from tests.support.flows import Kept

if TYPE_CHECKING:
    from nanotyped.node import NanoNode
    from nanotyped.nodes.sql.description import TableDescription
    from tests.support.mariadb import Database


def server_of(database: Database, **options: Any) -> MySQLServer:
    """Return the server of a database as the nodes know it; ``options`` win."""
    server = database.server
    given: dict[str, Any] = {
        "host": server.host,
        "port": server.port,
        "user": server.user,
        "password": SecretStr(server.password),
        "database": database.name,
    }
    return MySQLServer(**{**given, **options})


def describe(database: Database, table: str, columns: list[str] | None = None, **options: Any) -> TableDescription:
    """Return what a table is, over a connection of its own."""
    reader = MySQLReader(server_of(database, **options))
    try:
        return reader.describe(table, columns)
    finally:
        reader.close()


def rows_of(source: NanoNode[Any, Any]) -> list[tuple[Any, ...]]:
    """Run a source to its end and return its rows as tuples of Python values."""
    kept = Kept(name="kept")
    _ = source > kept
    source.run()
    return [tuple(row.to_python().values()) for row in kept.rows]
