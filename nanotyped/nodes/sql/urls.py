"""What a URL, or the options of a node, name: the server, and how its tables are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pydantic import SecretStr

from nanotyped.nodes.sql.loading import sa
from nanotyped.nodes.sql.mysql import MySQLReader
from nanotyped.nodes.sql.server import MySQLServer, Tls
from nanotyped.nodes.sql.sqlite import SQLiteReader

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

    from nanotyped.nodes.sql.description import TableReader

CONNECT_TIMEOUT_S, READ_TIMEOUT_S = 10.0, 60.0


def check_url(url: SecretStr | str) -> URL:
    """Return the URL of a database whose tables can be read.

    Raises:
        ValueError: If it is misspelt, or of a database that is not known here; does not repeat what it holds.
    """
    found = _parse_url(url)
    backend = found.get_backend_name()
    if backend not in _READERS:
        known = ", ".join(sorted(_READERS))
        raise ValueError(f"no type system reads the column types of `{backend}`; these are known: {known}")
    if backend != "sqlite":
        _server_of(found)  # says now what is wrong with it
    return found


def open_reader(url: URL) -> TableReader:
    """Return a new connection to where a checked URL points.

    Raises:
        SourceError: If there is none to be had.
    """
    return _READERS[url.get_backend_name()](url)


def server_of_options(
    url: SecretStr | str | None,
    *,
    host: str,
    port: int,
    user: str,
    password: SecretStr | str,
    database: str,
    tls: Tls,
    tls_ca: str | None,
    connect_timeout_s: float,
    read_timeout_s: float,
) -> MySQLServer:
    """Return the server that the options of a node name, by its parts or by a URL.

    Raises:
        ValueError: If they name it twice, or something in them is wrong.
    """
    if url is None:
        secret = SecretStr(_reveal(password))
        return MySQLServer(host, port, user, secret, database, tls, tls_ca, connect_timeout_s, read_timeout_s)
    if (host, port, user, database, _reveal(password)) != ("localhost", 3306, "", "", ""):
        raise ValueError("give either `url`, or `host`, `port`, `user`, `password` and `database`, not both")
    return _server_of(_parse_url(url), tls, tls_ca, connect_timeout_s, read_timeout_s)


def _reveal(secret: SecretStr | str) -> str:
    return secret.get_secret_value() if isinstance(secret, SecretStr) else secret


def _parse_url(url: SecretStr | str) -> URL:
    try:
        found = sa.make_url(_reveal(url))
    except (sa.exc.ArgumentError, ValueError):
        # The text may hold a password: it is not repeated.
        raise ValueError("url is not spelled dialect://user:password@host:port/database") from None
    if found.get_backend_name() != "sqlite" and "@" in f"{found.host}{found.database}":
        raise ValueError("url: in user and password, `@` is written %40, `/` %2F and `:` %3A")
    return found


def _server_of(
    url: URL,
    tls: Tls = "auto",
    tls_ca: str | None = None,
    connect_timeout_s: float = CONNECT_TIMEOUT_S,
    read_timeout_s: float = READ_TIMEOUT_S,
) -> MySQLServer:
    if url.get_backend_name() not in ("mysql", "mariadb"):
        raise ValueError(f"url must begin with mysql:// or mariadb://, not {url.drivername}://")
    if url.query.keys() - {"charset"}:
        # Such as ssl_ca: to ignore it would be to read without it.
        names = ", ".join(f"`{name}`" for name in url.query if name != "charset")
        raise ValueError(f"the url says {names}, which is not known here; TLS is set by `tls` and `tls_ca`")
    return MySQLServer(
        url.host or "localhost",
        url.port or 3306,
        url.username or "",
        SecretStr(url.password or ""),
        url.database or "",
        tls,
        tls_ca,
        connect_timeout_s,
        read_timeout_s,
    )


def _mysql_reader(url: URL) -> TableReader:
    return MySQLReader(_server_of(url))


_READERS: dict[str, Callable[[URL], TableReader]] = {
    "sqlite": SQLiteReader,
    "mysql": _mysql_reader,
    "mariadb": _mysql_reader,
}
