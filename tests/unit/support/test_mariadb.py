from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pymysql
import pytest

from tests.support import mariadb as support
from tests.support.mariadb import MariaDBError, MariaDBServer, find_program

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.mariadb import Database

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def own_server() -> Iterator[MariaDBServer]:
    """A server that a test may stop and kill."""
    with MariaDBServer() as server:
        yield server


def is_running(pid: int) -> bool:
    """Tell whether there is a process of that id."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_stores_any_unicode(database: Database) -> None:
    """A text comes back as it was stored, characters beyond the basic plane included."""
    rows = database.execute(
        "CREATE TABLE message (id INT PRIMARY KEY, text VARCHAR(20))",
        "INSERT INTO message VALUES (1, '🐬 naïve 漢字')",
        "SELECT id, text FROM message",
    )
    assert rows == [(1, "🐬 naïve 漢字")]


def test_each_database_is_new(mariadb: MariaDBServer) -> None:
    """Two databases of one server have different names and neither holds a table."""
    first, second = mariadb.create_database(), mariadb.create_database()
    first.execute("CREATE TABLE t (id INT)")
    assert first.name != second.name
    assert second.execute("SHOW TABLES") == []
    first.drop()
    second.drop()


def test_url_names_user_server_and_database(database: Database) -> None:
    """The URL holds all that SQLAlchemy needs."""
    server = database.server
    assert database.url == f"mysql+pymysql://nanotyped:kept-out-of-every-log@127.0.0.1:{server.port}/{database.name}"


def test_options_of_a_connection_win(mariadb: MariaDBServer) -> None:
    """A connection takes what pymysql takes, before the server's own values."""
    with pytest.raises(pymysql.OperationalError, match=r"Access denied for user 'nanotyped'@'127.0.0.1'"):
        mariadb.connect(password="wrong")


def test_stopped_server_keeps_data_and_port(own_server: MariaDBServer) -> None:
    """What was stored before a stop is there after the next start, at the same address."""
    database = own_server.create_database()
    database.execute("CREATE TABLE t (id INT)", "INSERT INTO t VALUES (7)")
    url = database.url
    own_server.stop()
    assert own_server.pid is None
    own_server.start()
    assert database.url == url
    assert database.execute("SELECT id FROM t") == [(7,)]


def test_killed_server_keeps_what_was_committed(own_server: MariaDBServer) -> None:
    """A SIGKILL loses nothing that a client was told is committed."""
    database = own_server.create_database()
    database.execute("CREATE TABLE t (id INT)", "INSERT INTO t VALUES (1)")
    pid = own_server.pid
    own_server.kill()
    assert pid is not None
    assert not is_running(pid)
    with pytest.raises(pymysql.OperationalError):
        database.connect()
    own_server.start()
    assert database.execute("SELECT id FROM t") == [(1,)]


def test_closed_server_leaves_nothing(own_server: MariaDBServer) -> None:
    """After the close neither its process nor its directory is there, and a second close does nothing."""
    pid = own_server.pid
    own_server.close()
    own_server.close()
    assert pid is not None
    assert not is_running(pid)
    assert not own_server.directory.exists()


def test_server_dies_with_the_process_of_the_tests(tmp_path: Path) -> None:
    """When the process that started the server is killed, the server ends and its directory is deleted."""
    program = (
        "import sys; from tests.support.mariadb import MariaDBServer; server = MariaDBServer(); server.start(); "
        "print(server.port, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=REPOSITORY,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as owner:
        assert owner.stdout is not None
        address = ("127.0.0.1", int(owner.stdout.readline()))
        socket.create_connection(address).close()
        owner.kill()
        # The janitors have the same standard output and close it when their work is done.
        assert owner.stdout.read() == ""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)
    assert list(tmp_path.iterdir()) == []


def test_server_that_does_not_start_shows_its_log() -> None:
    """The error of a failed start holds the end of the server's log."""
    with pytest.raises(MariaDBError, match=r"(?s)^mariadbd ended with exit code \d+; .*unknown option '--no-such'"):
        MariaDBServer("--no-such").__enter__()


def test_running_server_does_not_start_again(mariadb: MariaDBServer) -> None:
    """A second start of a running server is an error."""
    with pytest.raises(MariaDBError, match=r"^the server is already running$"):
        mariadb.start()


def test_missing_program_names_the_package(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a server on the machine the error says what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(support, "PLACES", ())
    with pytest.raises(MariaDBError) as caught:
        find_program("mariadbd")
    assert str(caught.value) == ("`mariadbd` was not found; install the package `mariadb-server`, or run `make test`")


def test_set_up_looks_in_the_same_places() -> None:
    """The script that installs the server for `make test` looks where the tests look."""
    script = (REPOSITORY / "scripts" / "ensure_mariadb.sh").read_text(encoding="utf-8")
    listed = script.partition("places=(")[2].partition(")")[0].split()
    assert listed == list(support.PLACES)
