"""The API of the demo: takes POST /orders, an array of orders, and refuses whatever is not exactly what it wants."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Check = Callable[[Any], bool]


def _text(pattern: str) -> Check:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value, re.DOTALL) is not None


WANTED: dict[str, Check] = {
    "order_id": _text(r"[0-9]{1,20}"),  # 64 bits travel as text: many a JSON reader would round the number
    "customer": lambda value: isinstance(value, int) and 0 < value < 2**32,
    "total": _text(r"[0-9]{1,10}\.[0-9]{2}"),
    "currency": _text(r"[A-Z]{3}"),
    "paid_at": _text(r"[0-9-]{10}T[0-9:]{8}\.[0-9]{6}Z"),
    "note": lambda value: value is None or (isinstance(value, str) and len(value) <= 200),
}


class Orders:
    """What the API has taken."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.requests = 0
        self.count = 0
        self.ids: set[str] = set()
        self.total = Decimal(0)
        self.first: dict[str, Any] | None = None

    def take(self, body: bytes) -> tuple[int, dict[str, Any]]:
        """Check and keep the orders of one request; return the status and the answer."""
        orders = json.loads(body)
        wrong = [
            f"order {number}: {name}"
            for number, order in enumerate(orders)
            for name, check in WANTED.items()
            if set(order) != set(WANTED) or not check(order[name])
        ]
        if wrong:
            return 422, {"errors": wrong[:10]}
        with self._lock:
            self.requests += 1
            self.count += len(orders)
            self.first = self.first or orders[0]
            self.ids |= {order["order_id"] for order in orders}
            self.total += sum(Decimal(order["total"]) for order in orders)
        return 200, {"taken": len(orders)}


@contextmanager
def serve_orders() -> Iterator[tuple[str, Orders]]:
    """Serve the API on a free port of this machine while the block runs; gives its URL and what it takes."""
    taken = Orders()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            status, answer = taken.take(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the signature of http.server
            """Say nothing: the pipeline tells what it sends."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", taken
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
