"""HTTP answers that are read until a moment and no longer, however slowly their bytes drip.

A timeout of a socket is for each wait by itself: a server that sends a byte now and then holds a client for ever. Here
every read of an answer, of its status and its headers too, waits no longer than until the moment.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from http.client import HTTPResponse
from typing import TYPE_CHECKING, Any, cast

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

if TYPE_CHECKING:
    from socket import socket

_ends_at: ContextVar[float] = ContextVar("_ends_at")


@contextmanager
def until(moment: float) -> Iterator[None]:
    """Read answers until a moment of ``time.monotonic`` in this block; a read behind it raises ``TimeoutError``."""
    token = _ends_at.set(moment)
    try:
        yield
    finally:
        _ends_at.reset(token)


class BoundedAdapter(HTTPAdapter):
    """What requests sends through; it tries once, and its answers end at the moment of ``until``."""

    def __init__(self) -> None:
        super().__init__(max_retries=0)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _TlsPool}


class _BoundedStream(io.RawIOBase):
    """The bytes that a socket receives."""

    def __init__(self, connection: socket) -> None:
        self._socket = connection
        self._longest_s = connection.gettimeout()
        self._stream = connection.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left_s = _ends_at.get() - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the answer did not end in time")
        self._socket.settimeout(left_s if self._longest_s is None else min(left_s, self._longest_s))
        return self._stream.readinto(buffer)

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


class _Connection(HTTPConnection):
    response_class = _Answer


class _TlsConnection(HTTPSConnection):
    response_class = _Answer


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection
