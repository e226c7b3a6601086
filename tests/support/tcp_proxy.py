"""A relay on loopback between a client and a server that loses a connection in a chosen moment, for real."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, Self

if TYPE_CHECKING:
    from types import TracebackType

Fault = Literal["close", "reset", "stall"]


class TcpProxy:
    """Passes bytes both ways until a client sends a mark, or the server so many bytes; then something happens, once.

    Attributes:
        port: Where it listens, on loopback.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._mark = b""
        self._arrives = False
        self._budget: int | None = None
        self._fault: Fault = "close"
        self._delay_s = 0.0
        self._bytes_per_s: float | None = None
        self._reset: socket.socket | None = None
        self._ending = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def cut_at(self, mark: bytes, *, arrives: bool) -> None:
        """Cut the connection whose client sends ``mark``, after the server has answered it or before it gets it."""
        self._mark, self._arrives = mark, arrives

    def fail_after(self, size_bytes: int, fault: Fault) -> None:
        """Let so many bytes more come from the server, and then close, reset, or stall the connection.

        One that is stalled stays open, and nothing more passes.
        """
        self._fault = fault
        self._budget = size_bytes

    def slow_down(self, delay_s: float = 0.0, bytes_per_s: float | None = None) -> None:
        """Let every piece that the server sends wait from now on, and no more than so many bytes a second pass."""
        self._delay_s, self._bytes_per_s = delay_s, bytes_per_s

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ending.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join()
        self._cut(*self._sockets)
        for thread in self._threads:
            thread.join()
        for end in self._sockets:
            end.close()

    def _start(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type]  # a bound method
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                self._sockets += [client, server]
                muted = threading.Event()
                self._start(self._pass_on, client, server, muted, True)
                self._start(self._pass_on, server, client, muted, False)

    def _pass_on(self, source: socket.socket, target: socket.socket, muted: threading.Event, from_client: bool) -> None:
        with suppress(OSError):
            # Slowed down it takes small pieces, so that what it holds back is held back in the server.
            while data := source.recv(65536 if from_client or self._bytes_per_s is None else 4096):
                if from_client and self._mark and self._mark in data:
                    self._mark = b""
                    if not self._arrives:
                        break
                    muted.set()  # the answer is the end
                elif not from_client and (muted.is_set() or self._is_spent(len(data))):
                    break
                if not from_client and self._ending.wait(self._pause_s(len(data))):
                    break
                target.sendall(data)
        self._cut(source, target)

    def _pause_s(self, size_bytes: int) -> float:
        return self._delay_s + (0.0 if self._bytes_per_s is None else size_bytes / self._bytes_per_s)

    def _is_spent(self, size_bytes: int) -> bool:
        """Count bytes of the server, and return whether the connection is to end here; reset it, or stall, first."""
        if self._budget is None:
            return False
        self._budget -= size_bytes
        if self._budget > 0:
            return False
        self._budget = None
        if self._fault == "stall":
            self._ending.wait()
        elif self._fault == "reset":
            client = self._sockets[-2]
            # Closed with no time to linger: the other side gets a reset instead of an end.
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._reset = client
            client.shutdown(socket.SHUT_RD)  # wakes the thread that reads from it
        return True

    def _cut(self, *ends: socket.socket) -> None:
        for end in ends:
            with suppress(OSError):
                if end is self._reset:
                    end.close()
                else:
                    end.shutdown(socket.SHUT_RDWR)
