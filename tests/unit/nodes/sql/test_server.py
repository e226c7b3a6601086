from __future__ import annotations

import pickle
import socket
import ssl
from typing import Any

import pymysql
import pytest
from pydantic import SecretStr

from nanotyped import SourceError, StreamMySQLTable, StreamTable
from nanotyped.nodes.hosts import is_loopback
from nanotyped.nodes.sql.server import MySQLServer

SECRET = "hunter2-and-more"


def server(**options: Any) -> MySQLServer:
    """Return a server that is not there."""
    given = {"host": "db.example.com", "port": 3306, "user": "u", "password": SecretStr(SECRET), "database": "shop"}
    return MySQLServer(**{**given, **options})


class ConnectedError(Exception):
    """Raised in place of connecting."""


@pytest.fixture
def arguments(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What PyMySQL is asked to connect with."""
    kept: dict[str, Any] = {}

    def connect(**given: Any) -> None:
        kept.update(given)
        raise ConnectedError

    monkeypatch.setattr(pymysql, "connect", connect)
    return kept


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "::1"])
def test_this_machine_needs_no_tls(host: str, arguments: dict[str, Any]) -> None:
    """To a loopback address the connection is in the clear, and no half-hearted TLS is tried either."""
    assert is_loopback(host)
    assert server(host=host).tls_context() is None
    with pytest.raises(ConnectedError):
        server(host=host).connect()
    assert (arguments["ssl"], arguments["ssl_disabled"]) == (None, True)


@pytest.mark.parametrize("options", [{}, {"host": "10.0.0.1"}, {"host": "localhost.evil.example"}, {"tls": "verify"}])
def test_any_other_server_must_prove_who_it_is(options: dict[str, Any], arguments: dict[str, Any]) -> None:
    """To any other host, and to any at all with `verify`, certificate and host name are checked."""
    with pytest.raises(ConnectedError):
        server(**options).connect()
    context = arguments["ssl"]
    assert isinstance(context, ssl.SSLContext)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert not arguments["ssl_disabled"]


def test_verify_holds_for_this_machine_too() -> None:
    """`tls: verify` is for every host."""
    assert server(host="localhost", tls="verify").tls_context() is not None


def test_tls_can_be_turned_off(arguments: dict[str, Any]) -> None:
    """`tls: off` connects in the clear, wherever to."""
    with pytest.raises(ConnectedError):
        server(tls="off").connect()
    assert (arguments["ssl"], arguments["ssl_disabled"]) == (None, True)


def test_a_server_may_not_ask_for_files(arguments: dict[str, Any]) -> None:
    """A server cannot read files of this machine."""
    with pytest.raises(ConnectedError):
        server().connect()
    assert arguments["local_infile"] is False


def test_a_missing_authority_is_an_error_before_anything_is_sent() -> None:
    """A file of certificates that is not there is named with the server."""
    with pytest.raises(SourceError) as caught:
        server(tls_ca="/nowhere/ca.pem").connect()
    assert str(caught.value) == ("cannot connect to u@db.example.com:3306/shop: [Errno 2] No such file or directory")


def test_the_password_is_in_no_text() -> None:
    """Neither the server nor a node that reads from it shows the password."""
    nodes = [
        StreamMySQLTable(host="db", user="u", password=SECRET, database="shop", table="t"),
        StreamMySQLTable(url=f"mysql://u:{SECRET}@db/shop", table="t"),
        StreamTable(url=SecretStr(f"mysql://u:{SECRET}@db/shop"), table="t"),
    ]
    shown = [repr(server()), str(server()), *map(repr, nodes), *(repr(vars(node)) for node in nodes)]
    assert repr(server()) == "u@db.example.com:3306/shop"
    assert not [text for text in shown if SECRET in text]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"port": 0}, "port must be from 1 to 65535, not 0"),
        ({"tls": "on"}, "tls must be auto, verify or off, not 'on'"),
        ({"database": ""}, "database must be named"),
        ({"read_timeout_s": 0}, "read_timeout_s must be above 0 and at most a year, not 0"),
        ({"connect_timeout_s": -1}, "connect_timeout_s must be above 0 and at most a year, not -1"),
        ({"table": ""}, "table must be named"),
        ({"page_rows": 0}, "page_rows must be at least 1, not 0"),
        ({"columns": []}, "columns must name a column; leave it out for all of them"),
        ({"columns": ["a", "b", "a"]}, "columns names `a` twice"),
        ({"where": "a = :a"}, "`where` asks for the parameter `:a`, which is not in `parameters`"),
        ({"parameters": {"a": 1}}, "parameter `a` is given, but there is no `where`"),
        (
            {"url": f"mysql://u:{SECRET}@h/d"},
            "give either `url`, or `host`, `port`, `user`, `password` and `database`, not both",
        ),
    ],
)
def test_wrong_options_are_refused_at_construction(options: dict[str, Any], message: str) -> None:
    """What can be seen to be wrong without a server is refused before there is one."""
    given: dict[str, Any] = {"host": "db", "user": "u", "password": SECRET, "database": "shop", "table": "t"}
    with pytest.raises(ValueError, match=r".") as caught:
        StreamMySQLTable(**{**given, **options})
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "url is not spelled dialect://user:password@host:port/database"),
        (f"mysql://u:a@{SECRET}@h/d", "url: in user and password, `@` is written %40, `/` %2F and `:` %3A"),
        (f"mysql://u:a@{SECRET}/x:y@h/d", "url: in user and password, `@` is written %40, `/` %2F and `:` %3A"),
        (f"mysql://u:x@h:{SECRET}/d", "url is not spelled dialect://user:password@host:port/database"),
        ("postgresql://u@h/d", "url must begin with mysql:// or mariadb://, not postgresql://"),
        ("mysql://u@h", "database must be named"),
        ("mysql://u@h/d?ssl_ca=x", "the url says `ssl_ca`, which is not known here; TLS is set by `tls` and `tls_ca`"),
    ],
)
def test_wrong_urls_are_refused_without_being_shown(url: str, message: str) -> None:
    """A URL that cannot be used is refused at construction; it is not repeated, for it may hold a password."""
    with pytest.raises(ValueError, match=r".") as caught:
        StreamMySQLTable(url=url, table="t")
    assert str(caught.value) == message
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_unknown_dialects_are_refused() -> None:
    """A database whose column types nobody here can read is refused with those that can be."""
    with pytest.raises(ValueError, match=r".") as caught:
        StreamTable(url="oracle://u@h/d", table="t")
    assert str(caught.value) == (
        "no type system reads the column types of `oracle`; these are known: mariadb, mysql, sqlite"
    )


def test_the_password_does_not_go_into_errors(unused_port: int) -> None:
    """A server that is down is named without the password, in the message and in a pickled error."""
    with pytest.raises(SourceError) as caught:
        server(host="127.0.0.1", port=unused_port).connect()
    assert str(caught.value).startswith(
        f"cannot connect to u@127.0.0.1:{unused_port}/shop: Can't connect to MySQL server"
    )
    assert SECRET not in repr(caught.value) + str(caught.value)
    assert SECRET.encode() not in pickle.dumps(caught.value)


@pytest.fixture
def unused_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
