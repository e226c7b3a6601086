"""Servers of MySQL that are not what they ought to be, and what nobody gets out of a client of ours."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from nanotyped import SourceError, StreamMySQLTable
from nanotyped.nodes.sql.server import MySQLServer
from tests.support.certificates import Certificates
from tests.support.fake_mysql import FakeMySQL, local_infile
from tests.support.mariadb import Database, MariaDBServer
from tests.support.sql import server_of

if TYPE_CHECKING:
    import threading
    from pathlib import Path

SECRET = "hunter2-and-more"
NOT_MYSQL = "what answers there does not speak the protocol of MySQL"


def server(port: int, **options: Any) -> MySQLServer:
    """Return a server on loopback."""
    given: dict[str, Any] = {"host": "127.0.0.1", "port": port, "user": "u", "database": "shop", "tls": "auto"}
    return MySQLServer(**{**given, "password": SecretStr(SECRET), **options})


def refusal(server: MySQLServer) -> str:
    """Return why there is no connection to be had."""
    with pytest.raises(SourceError) as caught:
        server.connect()
    return str(caught.value)


# -- slow and wrong greetings ----------------------------------------------------------------


def silent(_: socket.socket, closing: threading.Event) -> None:
    """Say nothing."""
    closing.wait(10)


def dripping(connection: socket.socket, closing: threading.Event) -> None:
    """Promise a greeting of 80 bytes, and send it one by one, a little too slowly for it ever to end."""
    for byte in b"\x50\0\0\0" + b"\x0a" * 80:
        connection.sendall(bytes([byte]))
        if closing.wait(0.05):
            return


@pytest.mark.parametrize("greeting", [silent, dripping])
def test_a_handshake_ends_at_its_timeout(greeting: Callable[[socket.socket, threading.Event], None]) -> None:
    """`connect_timeout_s` is for the whole of it: neither silence nor a byte now and then stretches it."""
    with FakeMySQL(greeting=greeting) as fake:
        started = time.monotonic()
        text = refusal(server(fake.port, connect_timeout_s=0.3, read_timeout_s=60))
        assert time.monotonic() - started < 2
    assert text == (
        f"cannot connect to u@127.0.0.1:{fake.port}/shop: no session within 0.3 s, which is connect_timeout_s"
    )


def test_a_timeout_that_did_not_strike_leaves_the_session_alone() -> None:
    """When the handshake is through, its timeout is no more: a later answer may take longer."""
    with FakeMySQL() as fake:
        connection = server(fake.port, connect_timeout_s=0.3).connect()
        time.sleep(0.4)
        connection.query("SELECT 1")
        connection.close()
    assert [packet[1:] for packet in fake.packets if b"SELECT" in packet] == [b"SELECT 1"]


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "Packet sequence number wrong - got 80 expected 0"),
        (
            b"\1\0\0\0\x0a",
            f"{NOT_MYSQL} (error: unpack requires a buffer of 4 bytes)",
        ),
        (b"\0\0\0\0", f"{NOT_MYSQL} (IndexError: index out of range)"),
        (b"", "Lost connection to MySQL server during query (2013)"),
    ],
)
def test_what_is_no_server_of_mysql_is_told(sent: bytes, reason: str) -> None:
    """Whatever answers on the port, the error is one line about the server."""
    with FakeMySQL(greeting=lambda connection, _: connection.sendall(sent)) as fake:
        assert refusal(server(fake.port)) == f"cannot connect to u@127.0.0.1:{fake.port}/shop: {reason}"


# -- secrets and files ---------------------------------------------------------------------------


@pytest.mark.parametrize("plugin", [b"mysql_clear_password", b"dialog"])
def test_no_password_is_sent_in_the_clear(plugin: bytes) -> None:
    """A server that asks for the password as it is gets none over a connection that anybody can read."""
    prompt = b"\4Password: " if plugin == b"dialog" else b""
    with FakeMySQL(login=b"\xfe" + plugin + b"\0" + prompt) as fake:
        text = refusal(server(fake.port))
    assert text == (
        f"cannot connect to u@127.0.0.1:{fake.port}/shop: the server asks for the password in the clear, "
        "which is sent over TLS alone; set tls: verify (2061)"
    )
    assert not [packet for packet in fake.packets if SECRET.encode() in packet]


@pytest.mark.parametrize("part", ["SET time_zone", "information_schema"])
@pytest.mark.filterwarnings("ignore:.*LOAD_LOCAL.*")
def test_no_byte_of_a_file_is_sent(part: str, tmp_path: Path) -> None:
    """A server that answers a query by asking for a file of this machine gets an error, and nothing of the file."""
    path = tmp_path / "secret.txt"
    path.write_text("for my eyes alone")
    with FakeMySQL({part: local_infile(str(path))}) as fake:
        with pytest.raises(SourceError) as caught:
            StreamMySQLTable(url=f"mysql://u:{SECRET}@127.0.0.1:{fake.port}/shop", table="t").discover_schema()
        place = "cannot connect to" if part == "SET time_zone" else "reading table `shop`.`t` on"
        assert str(caught.value).startswith(place)
        assert str(caught.value).endswith(": the server asked for a file of this machine, which no server gets")
    assert not [packet for packet in fake.packets if b"eyes" in packet]


# -- TLS -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Certificates for a server that is called `db.test`."""
    return Certificates.made(tmp_path_factory.mktemp("tls"), "db.test")


@pytest.fixture(scope="module")
def tls_server(certificates: Certificates) -> Iterator[MariaDBServer]:
    """A server that offers TLS."""
    with MariaDBServer(f"--ssl-cert={certificates.chain}", f"--ssl-key={certificates.key}") as server:
        yield server


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every name be that of this machine: to the client they are hosts like any other."""
    look_up = socket.getaddrinfo

    def here(host: Any, *arguments: Any, **options: Any) -> Any:
        return look_up("127.0.0.1" if str(host).endswith(".test") else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", here)


def at(database: Database, **options: Any) -> MySQLServer:
    """Return the server of a database, by another name."""
    return server_of(database, **options)


@pytest.mark.usefixtures("names")
def test_a_server_that_proves_who_it_is_is_read_over_tls(tls_server: MariaDBServer, certificates: Certificates) -> None:
    """With its authority in `tls_ca`, and its own name, a server is connected to, and the session is encrypted."""
    database = tls_server.create_database()
    connection = at(database, host="db.test", tls_ca=str(certificates.authority)).connect()
    with connection.cursor() as cursor:
        cursor.execute("SHOW STATUS LIKE 'Ssl_version'")
        assert [value for _, value in cursor.fetchall()] == ["TLSv1.3"]
    connection.close()


@pytest.mark.usefixtures("names")
@pytest.mark.parametrize(
    ("host", "knows_authority", "reason"),
    [
        ("db.test", False, "unable to get local issuer certificate"),
        ("other.test", True, "Hostname mismatch, certificate is not valid for 'other.test'."),
    ],
)
def test_a_server_that_does_not_is_refused(
    tls_server: MariaDBServer, certificates: Certificates, host: str, knows_authority: bool, reason: str
) -> None:
    """A certificate that nobody vouches for, or of another name, ends the handshake before anything is sent."""
    database = tls_server.create_database()
    authority = str(certificates.authority) if knows_authority else None
    assert refusal(at(database, host=host, tls_ca=authority)) == (
        f"cannot connect to nanotyped@{host}:{database.server.port}/{database.name}: "
        f"its certificate is not valid: {reason}; `tls_ca` names an authority to trust"
    )


@pytest.mark.usefixtures("names")
def test_a_remote_server_without_tls_is_refused(database: Database) -> None:
    """A server of another machine that offers no TLS is sent no login."""
    text = refusal(at(database, host="db.test"))
    assert text == (
        f"cannot connect to nanotyped@db.test:{database.server.port}/{database.name}: "
        "SSL is required but the server doesn't support it (2026); `tls: off` would send everything in the clear"
    )


def test_verify_is_for_this_machine_too(database: Database) -> None:
    """With `tls: verify` a server on loopback must offer TLS as well."""
    assert "SSL is required but the server doesn't support it" in refusal(at(database, tls="verify"))


def test_the_environment_names_no_authority(
    tls_server: MariaDBServer, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What other programs take for the authorities to trust changes nothing."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "MYSQL_SSL_CA"):
        monkeypatch.setenv(name, str(certificates.authority))
    database = tls_server.create_database()
    text = refusal(at(database, tls="verify"))
    assert text.endswith(
        ": its certificate is not valid: unable to get local issuer certificate; `tls_ca` names an authority to trust"
    )
