"""A private MariaDB server for tests.

It has its own data directory, port and user, listens on loopback alone, and leaves nothing behind: not a process and
not a file, even when the process that runs the tests is killed.
"""

from __future__ import annotations

import atexit
import functools
import itertools
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast
from urllib.parse import quote

import pymysql

if TYPE_CHECKING:
    from types import TracebackType

    from pymysql.connections import Connection
    from pymysql.cursors import Cursor

HOST = "127.0.0.1"

# Where servers lie, beside PATH: distributions put them where an ordinary user does not look.
# scripts/ensure_mariadb.sh looks in the same places.
PLACES = (
    "/usr/sbin",
    "/usr/libexec",
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/local/libexec",
    "/usr/local/mysql/bin",
    "/opt/homebrew/opt/mariadb/bin",
)

# Below the ports that systems hand out to clients (from 32768 on Linux, 49152 elsewhere). While the server is down, a
# client that tries again and again to reach a port of that range may in the end be given this very port for itself.
_PORTS = range(15_000, 32_000)

# A small server that starts fast. Each file is as small as the server lets it be.
_STORAGE_OPTIONS = (
    "--aria-pagecache-buffer-size=8M",
    "--innodb-buffer-pool-size=32M",
    "--innodb-doublewrite=0",
    "--innodb-log-file-size=8M",
    "--innodb-use-native-aio=0",
    # Handed to the system at each commit, to the disk later: what is committed outlives a SIGKILL, as fault tests need.
    "--innodb-flush-log-at-trx-commit=2",
)
_SERVER_OPTIONS = (
    *_STORAGE_OPTIONS,
    f"--bind-address={HOST}",
    "--character-set-server=utf8mb4",
    "--innodb-buffer-pool-dump-at-shutdown=0",
    "--innodb-buffer-pool-load-at-startup=0",
    "--key-buffer-size=1M",
    "--skip-log-bin",
    "--skip-name-resolve",
    "--skip-networking=0",
)

_START_TIMEOUT_S = 60.0
_STOP_TIMEOUT_S = 20.0
_LOG_TAIL_BYTES = 2_000


class MariaDBError(RuntimeError):
    """A server that is not there, does not start, or is asked for what its state does not allow."""


def find_program(name: str) -> str:
    """Return the path of a program of the MariaDB server.

    Raises:
        MariaDBError: It is not on this machine. Tests never skip for that: what they check would then be unchecked.
    """
    search = os.pathsep.join([os.environ.get("PATH", os.defpath), *PLACES])
    path = shutil.which(name, path=search)
    if path is None:
        raise MariaDBError(f"`{name}` was not found; install the package `mariadb-server`, or run `make test`")
    return path


class _Janitor:
    """Deletes a directory, and kills the server that works in it, when this process closes it or dies.

    A process of its own, which waits for the end of its standard input: that comes with `close` as it comes with the
    end of this process, however violent. Unlike a parent-death signal it is not bound to the thread that started it.
    """

    _PROGRAM = """
import os, select, shutil, signal, sys
pid = 0
for line in sys.stdin:
    pid = int(line)
if pid:
    try:
        os.kill(pid, signal.SIGKILL)
        # Until it is gone, so that it makes no file behind our back; a process that nobody reaps counts as gone.
        select.select([os.pidfd_open(pid)], [], [], 5)
    except (OSError, AttributeError):
        # It was gone already, or this system has no handles of processes to wait for.
        pass
shutil.rmtree(sys.argv[1], ignore_errors=True)
"""

    def __init__(self, directory: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", self._PROGRAM, str(directory)],
            stdin=subprocess.PIPE,
            text=True,
            # A Ctrl-C in the terminal goes to the whole session of the tests; the janitor must outlive it.
            start_new_session=True,
        )

    def guard(self, pid: int) -> None:
        """Name the process to be killed at the end, 0 for none; it takes the place of the one named before."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{pid}\n")
        self._process.stdin.flush()

    def close(self) -> None:
        """Kill the process, delete the directory, and wait until that is done."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


class MariaDBServer:
    """One server with its data directory; a context manager that starts it and removes every trace of it.

    `stop` and `kill` keep the data and the port, so that `start` afterwards stands for a server that comes back. The
    methods are for one thread; connections may be made from any.

    Args:
        *options: More options of `mariadbd`, such as `--wait-timeout=1`.

    Attributes:
        host: Always the loopback address.
        port: The same for the whole life of the object.
        user: A user with all privileges.
        password: Its password, a text that is found nowhere else: search logs and messages for it.
        directory: Where data, socket and log (`server.log`) lie.
    """

    host = HOST
    user = "nanotyped"
    password = "kept-out-of-every-log"

    def __init__(self, *options: str) -> None:
        self._program = find_program("mariadbd")
        self._options = options
        self.directory = Path(tempfile.mkdtemp(prefix="nanotyped-mariadb-"))
        self._janitor = _Janitor(self.directory)
        self._process: subprocess.Popen[bytes] | None = None
        self._database_numbers = itertools.count(1)
        self.port = _free_port()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    # ---------------------------------------------------------------- life

    @property
    def pid(self) -> int | None:
        """The server's process id, `None` while it is down."""
        if self._process is None or self._process.poll() is not None:
            return None
        return self._process.pid

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            MariaDBError: It is running, ended at once, or does not answer in time; the text holds the end of its log.
        """
        if self.pid is not None:
            raise MariaDBError("the server is already running")
        if not self._data.exists():
            shutil.copytree(_template(), self._data)
        # A user that is not root, who may log in without a password; run before the server takes connections.
        account = f"'{self.user}'@'{self.host}'"
        init_file = self.directory / "init.sql"
        init_file.write_text(
            f"CREATE USER IF NOT EXISTS {account} IDENTIFIED BY '{self.password}';\n"
            f"GRANT ALL PRIVILEGES ON *.* TO {account} WITH GRANT OPTION;\n",
            encoding="utf-8",
        )
        command = [
            self._program,
            "--no-defaults",
            f"--datadir={self._data}",
            f"--tmpdir={self.directory}",
            f"--init-file={init_file}",
            f"--socket={self.directory / 'socket'}",
            f"--pid-file={self.directory / 'pid'}",
            f"--port={self.port}",
            *_SERVER_OPTIONS,
            *self._options,
        ]
        if os.geteuid() == 0:
            # The server refuses to run as root unless it is told to.
            command.append("--user=root")
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._janitor.guard(self._process.pid)
        self._wait_until_ready(self._process)

    def stop(self) -> None:
        """Shut the server down in order, by force if that takes too long; the data stay. Again: nothing."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._forget()

    def kill(self) -> None:
        """End the server with SIGKILL, as a power cut would; what was committed stays. Again: nothing."""
        if self._process is None:
            return
        self._process.kill()
        self._forget()

    def close(self) -> None:
        """Kill the server and delete its directory, for good. Again: nothing."""
        self.kill()
        self._janitor.close()

    def _forget(self) -> None:
        assert self._process is not None
        self._process.wait()
        self._process = None
        self._janitor.guard(0)

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < deadline:
            try:
                self.connect().close()
            except pymysql.OperationalError as error:
                if process.poll() is not None:
                    raise MariaDBError(self._failure(f"ended with exit code {process.returncode}")) from error
                time.sleep(0.005)
            else:
                return
        self.kill()
        raise MariaDBError(self._failure(f"did not answer within {_START_TIMEOUT_S:g} s"))

    def _failure(self, what: str) -> str:
        tail = self._log.read_bytes()[-_LOG_TAIL_BYTES:].decode("utf-8", errors="replace")
        return f"mariadbd {what}; the end of its log:\n{tail}"

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    @property
    def _log(self) -> Path:
        return self.directory / "server.log"

    # ---------------------------------------------------------------- use

    def url(self, database: str = "") -> str:
        """Return the SQLAlchemy URL of a database, with user and password."""
        return f"mysql+pymysql://{self.user}:{quote(self.password)}@{self.host}:{self.port}/{quote(database)}"

    def connect(self, database: str | None = None, **options: Any) -> Connection[Cursor]:
        """Return a new connection; it commits by itself unless `autocommit=False`.

        Args:
            database: The database to use, `None` for none.
            **options: As `pymysql.connect` takes them; they win over the defaults.
        """
        defaults: dict[str, Any] = {
            "host": self.host,
            "port": self.port,
            "user": self.user,
            "password": self.password,
            "database": database,
            "autocommit": True,
        }
        return cast("Connection[Cursor]", pymysql.connect(**{**defaults, **options}))

    def create_database(self) -> Database:
        """Return a new, empty utf8mb4 database; each has a name that no other one of this server had."""
        name = f"test_{next(self._database_numbers)}"
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
        return Database(self, name)


@dataclass(frozen=True)
class Database:
    """A database of a server.

    Attributes:
        server: Where it lives: host, port, user and password.
        name: Its name, which needs no quoting.
    """

    server: MariaDBServer
    name: str

    @property
    def url(self) -> str:
        """The SQLAlchemy URL, with user and password."""
        return self.server.url(self.name)

    def connect(self, **options: Any) -> Connection[Cursor]:
        """Return a new connection to this database; `options` as for `MariaDBServer.connect`."""
        return self.server.connect(self.name, **options)

    def execute(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run statements over a connection of their own and return the rows of the last one."""
        with self.connect() as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())

    def drop(self) -> None:
        """Delete the database with all its tables."""
        with self.server.connect() as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS `{self.name}`")


@functools.cache
def _template() -> Path:
    """Return a fresh data directory to copy: copying takes a tenth of the time that making one takes."""
    directory = Path(tempfile.mkdtemp(prefix="nanotyped-mariadb-template-"))
    atexit.register(_Janitor(directory).close)
    data = directory / "data"
    done = subprocess.run(
        [
            find_program("mariadb-install-db"),
            "--no-defaults",
            f"--datadir={data}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            # Asks no name server for this machine's name.
            "--force",
            *_STORAGE_OPTIONS,
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        # A server removes at its start what lies in its folder for temporary tables, those of another that starts too.
        env={**os.environ, "TMPDIR": str(directory)},
    )
    if done.returncode != 0:
        raise MariaDBError(f"mariadb-install-db failed:\n{done.stdout[-_LOG_TAIL_BYTES:]}")
    return data


def _free_port() -> int:
    for port in random.sample(_PORTS, len(_PORTS)):
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
        return port
    raise MariaDBError(f"no port of {_PORTS.start} to {_PORTS.stop - 1} is free")
