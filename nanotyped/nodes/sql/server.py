"""Connections to MySQL and MariaDB: who, where, over TLS or not, and a session that reads alike on every server."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any, Literal, Never, Protocol, cast
from uuid import UUID

import pymysql
import pymysql.converters
from pymysql.cursors import SSCursor

from nanotyped.errors import SourceError
from nanotyped.nodes.hosts import is_loopback
from nanotyped.types import InvalidDate

if TYPE_CHECKING:
    from pydantic import SecretStr

Tls = Literal["auto", "verify", "off"]

# What differs from server to server and would change what is read: the zone of timestamps, the SQL mode (escapes in
# quotes, padding of CHAR, the empty text as null), how much of a long text is sorted by, limits on rows. Of the modes
# one is on: 2021-02-30 in a column is compared with 2021-02-30 as a bound of a page. A slow consumer must not make the
# server hang up, neither in the middle of a result nor between two pages.
_SESSION = (
    "SET time_zone = '+00:00', sql_mode = 'ALLOW_INVALID_DATES', max_sort_length = 16384, "
    "sql_select_limit = 18446744073709551615, net_write_timeout = 3600, wait_timeout = 28800"
)
# One statement, and one transaction, sees what was committed, once.
_ISOLATION = "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ"
_NOBODY_ANSWERS, _PLUGIN_REFUSED = 2003, 2061  # CR_CONN_HOST_ERROR, CR_AUTH_PLUGIN_ERR
# The second is its word for a server that answers a query by asking for a file of this machine; none is sent.
DRIVER_ERRORS = (pymysql.Error, RuntimeError)
_TLS_IS_MISSING = 2026  # CR_SSL_CONNECTION_ERROR
# What the driver runs into where bytes are none of the protocol.
_NO_PROTOCOL = (ValueError, IndexError, AssertionError, struct.error)
LOST_CONNECTION = (2006, 2013, 4031)  # 4031: closed by the server for being idle (MySQL 8)


class _Wire(Protocol):
    """What is used of PyMySQL's connection and is private: the public way of closing reads the rest of a result."""

    _result: Any

    def _force_close(self) -> None: ...


def _encode_datetime(value: datetime, _mapping: object = None) -> str:
    # The session is in UTC; PyMySQL would drop the zone.
    moment = value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
    return pymysql.converters.escape_datetime(moment)


def _encode_as_text(value: UUID | IPv4Address | IPv6Address | InvalidDate, _mapping: object = None) -> str:
    return f"'{value}'"


# The decoders are turned off, the encoders of bound values stay: they are the entries whose keys are types.
_ENCODERS: dict[Any, Any] = {
    **{key: value for key, value in pymysql.converters.conversions.items() if not isinstance(key, int)},
    datetime: _encode_datetime,
    **dict.fromkeys((UUID, IPv4Address, IPv6Address, InvalidDate), _encode_as_text),
}


@dataclass(frozen=True, slots=True)
class MySQLServer:
    """Where a server is and how to get in. The password is kept out of ``repr``.

    ``tls``: ``auto`` encrypts and verifies the server's identity unless it is on this machine, ``verify`` always does,
    ``off`` never. ``tls_ca`` is the file of the certificate authority to trust beside the system's.

    Raises:
        ValueError: If something is out of range, or no database is named.
    """

    host: str
    port: int
    user: str
    password: SecretStr
    database: str
    tls: Tls = "auto"
    tls_ca: str | None = None
    connect_timeout_s: float = 10.0
    read_timeout_s: float = 60.0

    def __post_init__(self) -> None:
        if not self.database:
            raise ValueError("database must be named")
        if not 0 < self.port < 2**16:
            raise ValueError(f"port must be from 1 to 65535, not {self.port}")
        if self.tls not in ("auto", "verify", "off"):
            raise ValueError(f"tls must be auto, verify or off, not {self.tls!r}")
        for name, seconds in (("connect_timeout_s", self.connect_timeout_s), ("read_timeout_s", self.read_timeout_s)):
            if not 0 < seconds <= 31_536_000:
                raise ValueError(f"{name} must be above 0 and at most a year, not {seconds}")

    def __repr__(self) -> str:
        return f"{self.user}@{self.place}/{self.database}"

    @property
    def place(self) -> str:
        """Host and port."""
        return f"{self.host}:{self.port}"

    def connect(self) -> pymysql.Connection[SSCursor]:
        """Return a new connection whose session is in UTC and whose values come undecoded.

        Raises:
            SourceError: If there is none to be had.
        """
        ends_at = time.monotonic() + self.connect_timeout_s
        try:
            tls = self.tls_context()
            connection = pymysql.connect(
                host=self.host,
                port=self.port,
                user=self.user,
                password=self.password.get_secret_value(),
                database=self.database,
                charset="utf8mb4",
                cursorclass=SSCursor,
                conv=_ENCODERS,
                autocommit=True,
                local_infile=False,
                connect_timeout=self.connect_timeout_s,
                read_timeout=self.read_timeout_s,
                write_timeout=self.read_timeout_s,
                ssl=tls,
                # Left to itself PyMySQL would try TLS without verifying anybody.
                ssl_disabled=tls is None,
                auth_plugin_map=None if tls is not None else _NOT_IN_THE_CLEAR,
                init_command=_SESSION,
                defer_connect=True,
            )
            with self._link() as link, _cut_at(link, ends_at):
                connection.connect(link.dup())
            connection.query(_ISOLATION)
        except (*DRIVER_ERRORS, OSError, *_NO_PROTOCOL) as error:
            if time.monotonic() >= ends_at:
                reason = f"no session within {self.connect_timeout_s:g} s, which is connect_timeout_s"
                raise SourceError(f"cannot connect to {self!r}: {reason}") from error
            raise SourceError(f"cannot connect to {self!r}: {self.explain(error)}") from error
        return connection

    def _link(self) -> socket.socket:
        try:
            link = socket.create_connection((self.host, self.port), self.connect_timeout_s)
        except OSError as error:
            text = f"Can't connect to MySQL server on {self.host!r} ({error})"
            raise pymysql.OperationalError(_NOBODY_ANSWERS, text) from error
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return link

    def tls_context(self) -> ssl.SSLContext | None:
        """Return the context that verifies the server, ``None`` for a connection in the clear.

        Raises:
            OSError: If the file of the certificate authority cannot be read.
        """
        if self.tls == "off" or (self.tls == "auto" and is_loopback(self.host)):
            return None
        context = ssl.create_default_context()
        if self.tls_ca is not None:
            context.load_verify_locations(cafile=self.tls_ca)
        return context

    def explain(self, error: Exception) -> str:
        """Return what an error of the driver says, with the remedy where one is known."""
        text = str(error) or type(error).__name__
        if isinstance(error, pymysql.Error) and len(error.args) > 1:
            text = f"{error.args[1]} ({error.args[0]})"
        if isinstance(error, RuntimeError) and "LOAD_LOCAL" in text:
            return "the server asked for a file of this machine, which no server gets"
        untrusted = getattr(error, "original_exception", None)
        if isinstance(untrusted, ssl.SSLCertVerificationError):
            return f"its certificate is not valid: {untrusted.verify_message}; `tls_ca` names an authority to trust"
        if isinstance(error, pymysql.Error) and error.args[:1] == (_TLS_IS_MISSING,):
            return f"{text}; `tls: off` would send everything in the clear"
        if isinstance(error, _NO_PROTOCOL) and not isinstance(error, ssl.SSLError):
            return f"what answers there does not speak the protocol of MySQL ({type(error).__name__}: {text})"
        if timed_out(error):
            text += f"; read_timeout_s is {self.read_timeout_s:g}, connect_timeout_s is {self.connect_timeout_s:g}"
        return text


class _Refusing:
    """Stands for ways to log in that would send the password as it is: who listens, or poses as the server, has it."""

    def __init__(self, _connection: object) -> None:
        pass

    def authenticate(self, _packet: object) -> Never:
        reason = "the server asks for the password in the clear, which is sent over TLS alone; set tls: verify"
        raise pymysql.OperationalError(_PLUGIN_REFUSED, reason)


_NOT_IN_THE_CLEAR: dict[str, Callable[[pymysql.Connection[Any]], Any]] = {
    "mysql_clear_password": _Refusing,
    "dialog": _Refusing,
}


@contextmanager
def _cut_at(link: socket.socket, moment: float) -> Iterator[None]:
    """Cut a connection at a moment of ``time.monotonic``, if the block is not through with it by then.

    The driver's own timeout is for each wait by itself, so a server that sends a byte now and then would hold it.
    """

    def cut() -> None:
        with suppress(OSError):  # the other side may have been first
            link.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(max(0.0, moment - time.monotonic()), cut)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def timed_out(error: BaseException) -> bool:
    """Return whether an error of the driver came of waiting too long."""
    return isinstance(error.__cause__ or error.__context__, TimeoutError) or "timed out" in str(error)


def is_lost(error: BaseException | None) -> bool:
    """Return whether an error of the driver is a connection that broke, though no answer was late."""
    return (
        isinstance(error, pymysql.Error)
        and bool(error.args)
        and error.args[0] in LOST_CONNECTION
        and not timed_out(error)
    )


def has_open_result(connection: pymysql.Connection[Any]) -> bool:
    """Return whether rows of a result were not read yet."""
    return bool(getattr(cast("_Wire", connection)._result, "unbuffered_active", False))


def hang_up(connection: pymysql.Connection[Any]) -> None:
    """Close a connection at once: what the server still sends is not read. Again: nothing."""
    wire = cast("_Wire", connection)
    if has_open_result(connection):
        wire._result.unbuffered_active = False
        wire._result.connection = None
    wire._force_close()
