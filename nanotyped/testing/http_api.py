"""A real HTTP server on loopback, in place of an API: it records what it is sent and answers by a script."""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping
    from email.message import Message
    from types import TracebackType

# How soon a thread that waits looks whether the server is closing.
_POLL_S = 0.01


@dataclass(frozen=True)
class Request:
    """A request as it came over the wire.

    Attributes:
        method: In capitals.
        target: Path and query, still percent-encoded.
        headers: Found in any case: ``headers["content-type"]``.
        body: Without its transfer encoding.
        connection: Number of the connection that it came over, from 1: two requests with one number shared it.
        received_s: When it had come whole, by ``time.monotonic``.
    """

    method: str
    target: str
    headers: Message
    body: bytes
    connection: int
    received_s: float

    @property
    def path(self) -> str:
        """The target without its query, still percent-encoded."""
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        """The decoded query: every value of every name, empty ones too."""
        return parse_qs(urlsplit(self.target).query, keep_blank_values=True)

    def json(self) -> Any:
        """Return the body as one JSON value, non-integers as ``Decimal``."""
        return _parse_json(self.body)

    def rows(self) -> list[Any]:
        """Return the rows of a body that is a JSON array, or NDJSON: one JSON value a line."""
        if self.body.lstrip()[:1] == b"[":
            rows = self.json()
            return list(rows)
        return [_parse_json(line) for line in self.body.splitlines() if line.strip()]


@dataclass(frozen=True)
class Response:
    """An answer, or the lack of one.

    Attributes:
        status: Of HTTP.
        headers: Beside ``Content-Length``, which is always sent; ``{"Connection": "close"}`` ends the connection in
            order.
        body: As it is sent.
        delay_s: Seconds to wait before anything is sent.
        hold: An event to wait for before anything is sent; set it to let the answer go.
        drop: Close the connection instead of answering.
        truncate_at: Send so many bytes of the body, though the headers promise all, and close the connection.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    delay_s: float = 0.0
    hold: threading.Event | None = None
    drop: bool = False
    truncate_at: int | None = None

    @classmethod
    def of_json(cls, value: object, status: int = 200, **options: Any) -> Self:
        """Return a response that carries a value as JSON; ``options`` are other attributes."""
        headers = {"Content-Type": "application/json", **options.pop("headers", {})}
        return cls(status=status, headers=headers, body=json.dumps(value).encode(), **options)


Script = Callable[[Request], Response] | Iterable[Response]


class HttpApi:
    """The server; a context manager. Every attribute and method may be used from any thread.

    Args:
        script: A function from request to response, which several threads may call at once, or the responses in order.
            When they are used up, and from the start without a script, the answer is 200 and ``{}``.
    """

    def __init__(self, script: Script = ()) -> None:
        self._lock = threading.Condition()
        self._requests: list[Request] = []
        self._errors: list[Exception] = []
        self._closing = threading.Event()
        self.play(script)
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL_S,), name="http-api")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
        if kind is None and self._errors:
            raise ExceptionGroup("the HTTP server of the test failed", self._errors)

    @property
    def url(self) -> str:
        """The root, without a slash at the end: ``http://127.0.0.1:12345``."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    @property
    def requests(self) -> list[Request]:
        """All requests so far, in the order in which they had come whole; a copy."""
        with self._lock:
            return list(self._requests)

    @property
    def rows(self) -> list[Any]:
        """The rows of all requests so far, as ``Request.rows`` reads them."""
        return [row for request in self.requests for row in request.rows()]

    def play(self, script: Script) -> None:
        """Answer by another script from the next request on."""
        with self._lock:
            if callable(script):
                self._respond = script
            else:
                self._respond = _responses_in_order(script)

    def wait_for_requests(self, count: int, timeout_s: float = 10.0) -> list[Request]:
        """Wait until that many requests have come, and return all so far.

        Raises:
            TimeoutError: They did not come in time.
        """
        with self._lock:
            if not self._lock.wait_for(lambda: len(self._requests) >= count, timeout_s):
                raise TimeoutError(f"{len(self._requests)} of {count} requests came within {timeout_s:g} s")
            return list(self._requests)

    def close(self) -> None:
        """Close every connection, let go every answer that is held, and join all threads. Again: nothing."""
        if self._closing.is_set():
            return
        self._closing.set()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    # ---------------------------------------------------------------- for the handlers

    def answer(self, request: Request) -> Response:
        """Record a request, ask the script, and wait as long as the response says."""
        with self._lock:
            self._requests.append(request)
            respond = self._respond
            self._lock.notify_all()
        response = respond(request)
        self._closing.wait(response.delay_s)
        while response.hold is not None and not self._closing.is_set():
            if response.hold.wait(_POLL_S):
                break
        return response

    def fail(self, error: Exception) -> None:
        """Keep an error of the script or of a handler, to be raised where the test leaves the server."""
        with self._lock:
            self._errors.append(error)


class _Server(ThreadingHTTPServer):
    """Joins the threads of its connections when it is closed, also of those that nobody uses."""

    daemon_threads = False
    block_on_close = True
    # Many clients may come at once.
    request_queue_size = 128

    def __init__(self, api: HttpApi) -> None:
        self.api = api
        self._sockets_lock = threading.Lock()
        self._sockets: dict[socket.socket, int] = {}
        self._connections = 0
        super().__init__(("127.0.0.1", 0), _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Number the connection."""
        connection, address = super().get_request()
        with self._sockets_lock:
            self._connections += 1
            self._sockets[connection] = self._connections
        return connection, address

    def number_of(self, connection: socket.socket) -> int:
        """Return the number of an open connection, from 1."""
        with self._sockets_lock:
            return self._sockets[connection]

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection and close it."""
        with self._sockets_lock:
            self._sockets.pop(request, None)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """Wake the threads that wait for a client's next request, and join them."""
        with self._sockets_lock:
            for connection in self._sockets:
                _shut(connection)
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the base class's signature
        """Let clients go away in the middle, which is what tests are about; keep every other error."""
        error = sys.exception()
        if isinstance(error, Exception) and not isinstance(error, OSError):
            self.api.fail(error)


class _Handler(BaseHTTPRequestHandler):
    """Reads the requests of one connection and sends what the script says."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    # Headers and body leave together.
    wbufsize = -1
    server: _Server

    def _handle(self) -> None:
        request = Request(
            method=self.command,
            target=self.path,
            headers=self.headers,
            body=self._read_body(),
            connection=self.server.number_of(self.connection),
            received_s=time.monotonic(),
        )
        try:
            response = self.server.api.answer(request)
        except Exception as error:  # noqa: BLE001 - a script is a test's code; the test gets the error back
            self.server.api.fail(error)
            response = Response(500, body=b"the script failed")
        if response.drop:
            self.close_connection = True
            return
        body = response.body if response.truncate_at is None else response.body[: response.truncate_at]
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        if response.truncate_at is not None:
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _handle  # noqa: N815 - named by the base class

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return b"".join(iter(self._read_chunk, b""))
        return self._read_whole(int(self.headers.get("Content-Length", 0)))

    def _read_chunk(self) -> bytes:
        head = self.rfile.readline()
        if not head.endswith(b"\n"):
            raise ConnectionError("the client went away before a chunk")
        # The chunk, and the line end behind it.
        size = int(head.split(b";")[0], 16)
        return self._read_whole(size + 2)[:size]

    def _read_whole(self, size_bytes: int) -> bytes:
        body = self.rfile.read(size_bytes)
        if len(body) < size_bytes:
            # What did not come whole is no request: a client that sends it again would seem to have sent it twice.
            raise ConnectionError("the client went away in the middle of its request")
        return body

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named by the base class
        """Write nothing to the terminal."""


def _responses_in_order(responses: Iterable[Response]) -> Callable[[Request], Response]:
    waiting = deque(responses)
    lock = threading.Lock()

    def respond(_: Request) -> Response:
        with lock:
            return waiting.popleft() if waiting else Response()

    return respond


def _parse_json(text: bytes) -> Any:
    return json.loads(text, parse_float=Decimal)


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        # The client was faster.
        return
