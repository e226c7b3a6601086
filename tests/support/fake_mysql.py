"""A fake MySQL server on loopback, as hostile as a test wants it; for what no real server does.

It takes any login, answers every query with OK but those that a test has an answer for, and keeps what it is sent.
Protocol: MySQL internals manual, "Connection Phase" and "Command Phase".
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from tests.support.raw_server import RawServer

if TYPE_CHECKING:
    import socket
    import threading

OK = b"\0\0\0\x02\0\0\0"
# Flags of the server: 4.1 protocol, with database, long passwords, plugins for logging in, LOAD DATA LOCAL.
_CAPABILITIES = 0x1 | 0x8 | 0x80 | 0x200 | 0x8000 | 0x80000
_COM_QUIT, _COM_QUERY = 1, 3


def local_infile(path: str) -> bytes:
    """Return the answer that asks the client for one of its files."""
    return b"\xfb" + path.encode()


class FakeMySQL(RawServer):
    """The server, for one connection after another. A context manager.

    Args:
        answers: By a part of a query's text, the payload of the answer.
        greeting: Sends something else than a greeting, or nothing, to a connection; it ends when this returns.
        login: The payload that answers a login.

    Attributes:
        packets: The payloads that clients sent, logins and queries, in order.
    """

    def __init__(
        self,
        answers: Mapping[str, bytes] | None = None,
        greeting: Callable[[socket.socket, threading.Event], None] | None = None,
        login: bytes = OK,
    ) -> None:
        self._answers = dict(answers or {})
        self._greeting = greeting
        self._login = login
        self.packets: list[bytes] = []
        super().__init__(self._serve_one)

    def _serve_one(self, connection: socket.socket, closing: threading.Event) -> None:
        if self._greeting is not None:
            self._greeting(connection, closing)
        else:
            self._log_in_and_answer(connection)

    def _log_in_and_answer(self, connection: socket.socket) -> None:
        salt = b"12345678" + b"123456789012\0"
        flags = struct.pack("<H", _CAPABILITIES & 0xFFFF), struct.pack("<H", _CAPABILITIES >> 16)
        head = b"\x0a8.0.0-fake\0" + struct.pack("<I", 1) + salt[:8] + b"\0" + flags[0]
        middle = b"\x21" + struct.pack("<H", 2) + flags[1] + bytes([21]) + b"\0" * 10
        _send(connection, 0, head + middle + salt[8:] + b"mysql_native_password\0")
        number, payload = _receive(connection)
        self.packets.append(payload)
        _send(connection, number + 1, self._login)
        while True:
            number, payload = _receive(connection)
            self.packets.append(payload)
            if payload[:1] == bytes([_COM_QUIT]):
                return
            text = payload[1:].decode("utf-8", "replace") if payload[:1] == bytes([_COM_QUERY]) else ""
            answer = next((answer for part, answer in self._answers.items() if part in text), OK)
            _send(connection, number + 1, answer)


def _send(connection: socket.socket, number: int, payload: bytes) -> None:
    connection.sendall(struct.pack("<I", len(payload))[:3] + bytes([number % 256]) + payload)


def _receive(connection: socket.socket) -> tuple[int, bytes]:
    """Return number and payload of a packet; ``OSError`` at the end of the connection."""
    head = _exactly(connection, 4)
    return head[3], _exactly(connection, int.from_bytes(head[:3], "little"))


def _exactly(connection: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        more = connection.recv(size - len(found))
        if not more:
            raise OSError("the client is gone")
        found += more
    return found
