"""What requests sends through: answers that end in time, keys that no library sees, authorities that are trusted.

A timeout of a socket is for each wait by itself: a server that sends a byte now and then holds a client for ever. Here
every read of an answer, of its status and its headers too, waits no longer than until the moment.
"""

from __future__ import annotations

import io
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from http.client import HTTPResponse, RemoteDisconnected
from typing import TYPE_CHECKING, Any, cast

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import ConnectTimeoutError
from urllib3.util.ssl_ import create_urllib3_context

from nanotyped.errors import UnfitSourceError

if TYPE_CHECKING:
    from socket import socket

_ends_at: ContextVar[float] = ContextVar("_ends_at")
_secret_query: ContextVar[str] = ContextVar("_secret_query")


@contextmanager
def until(moment: float, secret_query: str = "") -> Iterator[None]:
    """Read answers until a moment of ``time.monotonic`` in this block; a read behind it raises ``TimeoutError``.

    Args:
        moment: When they end.
        secret_query: What every request has in its query beside what its URL says, percent-encoded. It is put in on
            its way out, for requests and urllib3 keep URLs in their errors and write them to their log.
    """
    tokens = _ends_at.set(moment), _secret_query.set(secret_query)
    try:
        yield
    finally:
        _ends_at.reset(tokens[0])
        _secret_query.reset(tokens[1])


class BoundedAdapter(HTTPAdapter):
    """What requests sends through; it tries once, and its answers end at the moment of ``until``.

    Args:
        tls_ca: File of a certificate authority to trust beside those that requests trusts.

    Raises:
        OSError: If that cannot be read.
    """

    def __init__(self, tls_ca: str | None = None) -> None:
        super().__init__(max_retries=0)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}
        if tls_ca is not None:
            self.poolmanager.connection_pool_kw["ssl_context"] = _context_of(tls_ca)

    def close(self) -> None:
        """Close every connection, also of a pool that the traceback of an error still holds."""
        keys = self.poolmanager.pools.keys()  # they cannot be iterated otherwise
        for key in keys:
            self.poolmanager.pools[key].close()
        super().close()


def check_authority(tls_ca: str | None) -> None:
    """Raise ``UnfitSourceError`` if ``tls_ca`` is not the file of a certificate authority."""
    if tls_ca is None:
        return
    try:
        _context_of(tls_ca)
    except ssl.SSLError:
        raise UnfitSourceError(f"tls_ca: `{tls_ca}` holds no certificate") from None
    except OSError as error:
        raise UnfitSourceError(f"tls_ca: `{tls_ca}` cannot be read: {error.strerror}") from error


def _context_of(tls_ca: str) -> ssl.SSLContext:
    context = create_urllib3_context()
    context.load_verify_locations(cafile=tls_ca)
    return context


class _BoundedStream(io.RawIOBase):
    """The bytes that a socket receives."""

    def __init__(self, connection: socket) -> None:
        self._socket = connection
        self._longest_s = connection.gettimeout()
        self._stream = connection.makefile("rb", buffering=0)
        self.has_ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left_s = _ends_at.get() - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the answer did not end in time")
        self._socket.settimeout(left_s if self._longest_s is None else min(left_s, self._longest_s))
        found = self._stream.readinto(buffer)
        self.has_ended = found == 0
        return found

    def close(self) -> None:
        self._stream.close()
        super().close()


class _BoundedSocket:
    """What ``http.client`` takes for a socket: it asks for a file to read from, and for nothing else."""

    def __init__(self, connection: socket) -> None:
        self._connection = connection

    def makefile(self, mode: str) -> io.BufferedReader:
        del mode  # always to read bytes
        return io.BufferedReader(_BoundedStream(self._connection))


class _Answer(HTTPResponse):
    def __init__(self, sock: socket, *arguments: Any, **options: Any) -> None:
        super().__init__(cast("socket", _BoundedSocket(sock)), *arguments, **options)

    def begin(self) -> None:
        stream = cast("_BoundedStream", self.fp.raw)
        super().begin()
        if stream.has_ended:  # http.client takes headers without an end for all of them
            raise RemoteDisconnected("the headers broke off")


class _Connection(HTTPConnection):
    response_class = _Answer

    def request(self, method: str, url: str, *arguments: Any, **options: Any) -> None:
        super().request(method, _with_secret(url), *arguments, **options)


class _TlsConnection(HTTPSConnection):
    response_class = _Answer

    def connect(self) -> None:
        try:
            super().connect()
        except TimeoutError as error:  # of TLS, which urllib3 takes for an answer that is late
            raise ConnectTimeoutError(self, "TLS was not agreed on in time") from error

    def request(self, method: str, url: str, *arguments: Any, **options: Any) -> None:
        super().request(method, _with_secret(url), *arguments, **options)


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


def _with_secret(url: str) -> str:
    secret = _secret_query.get()
    return f"{url}{'&' if '?' in url else '?'}{secret}" if secret else url
