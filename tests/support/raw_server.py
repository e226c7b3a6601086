"""A TCP server on loopback that says what a test lets it say, byte by byte, to each who connects."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import ssl
    from types import TracebackType

# Gets the connection and an event that is set when the server is to end; when it returns, the connection is closed.
Talk = Callable[[socket.socket, threading.Event], None]


class RawServer:
    """The server, for one connection after another. A context manager.

    Args:
        talk: What it does with each connection.
        context: With it, it speaks TLS.

    Attributes:
        port: Where it listens.
        connections: How many there were.
    """

    def __init__(self, talk: Talk, context: ssl.SSLContext | None = None) -> None:
        self._talk = talk
        self._context = context
        self._closing = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self._thread = threading.Thread(target=self._serve, name="raw-server")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._closing.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                connection.settimeout(10)
                with connection, suppress(OSError):
                    if self._context is None:
                        self._talk(connection, self._closing)
                        continue
                    with self._context.wrap_socket(connection, server_side=True) as safe:
                        self._talk(safe, self._closing)
