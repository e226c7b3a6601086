"""A service on this machine with the rules of public APIs, for the two pipelines beside it.

``GET /repos/shop/app/issues`` gives issues as GitHub does: pages of at most 100, the next one in a ``Link`` header,
only what was updated ``since``, and so many requests in a window of time, told in ``X-RateLimit`` headers.
``POST /contacts/batch`` takes up to 100 contacts under ``inputs`` and answers 207 with a result for each: what has no
``@`` is refused, some are not taken at the first attempt, and a key that it knows is not stored twice. Both want
``Authorization: Bearer demo-token``.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

ISSUES = 350
TOKEN = "demo-token"  # noqa: S105 - nothing is behind it
MOST_A_PAGE = 100
MOST_A_WINDOW, WINDOW_S = 20, 1.0
_OPENED = datetime(2026, 1, 1, tzinfo=UTC)

Reply = tuple[int, Any, Mapping[str, str]]


def issue(number: int) -> dict[str, Any]:
    """Return an issue, with more members than a pipeline may want."""
    updated = _OPENED + timedelta(hours=number)
    return {
        "id": 10_000_000_000 + number,
        "number": number,
        "title": f"Issue {number} - näher besehen",
        "state": "closed" if number % 3 == 0 else "open",
        "comments": number % 17,
        "updated_at": updated.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "closed_at": updated.strftime("%Y-%m-%dT%H:%M:%SZ") if number % 3 == 0 else None,
        "user": {"login": f"user{number % 9}"},
    }


class Service:
    """What the service has, and what it was asked. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.issues = [issue(number) for number in range(1, ISSUES + 1)]
        self.contacts: dict[str, dict[str, Any]] = {}
        self.keys: set[str] = set()
        self.requests = 0
        self.seen_again = 0
        self.refused: set[str] = set()
        self._tried: set[str] = set()
        self._window = 0.0
        self._left = MOST_A_WINDOW

    def answer(self, method: str, target: str, headers: Any, body: bytes) -> Reply:
        """Return status, body and headers of what a request is answered."""
        with self._lock:
            self.requests += 1
            if headers.get("Authorization") != f"Bearer {TOKEN}":
                return 401, {"message": "Bad credentials"}, {}
            limits, is_over = self._limits()
            if is_over:
                return 403, {"message": "API rate limit exceeded"}, limits
            path = urlsplit(target).path
            if (method, path) == ("GET", "/repos/shop/app/issues"):
                return self._page(target, headers, limits)
            if (method, path) == ("POST", "/contacts/batch"):
                return self._batch(json.loads(body), limits)
            return 404, {"message": "Not Found"}, limits

    def _limits(self) -> tuple[dict[str, str], bool]:
        now = time.time()
        if now >= self._window:
            self._window, self._left = now + WINDOW_S, MOST_A_WINDOW
        is_over = self._left == 0
        self._left = max(0, self._left - 1)
        told = {"Limit": MOST_A_WINDOW, "Remaining": self._left, "Reset": int(self._window) + 1}
        return {f"X-RateLimit-{name}": str(value) for name, value in told.items()}, is_over

    def _page(self, target: str, headers: Any, limits: Mapping[str, str]) -> Reply:
        query = {name: values[-1] for name, values in parse_qs(urlsplit(target).query).items()}
        size = min(MOST_A_PAGE, int(query.get("per_page", "30")))
        number = int(query.get("page", "1"))
        wanted = [one for one in self.issues if one["updated_at"] >= query.get("since", "")]
        wanted.sort(key=lambda one: str(one["updated_at"]))
        pages = max(1, -(-len(wanted) // size))
        root = f"http://{headers['Host']}{urlsplit(target).path}"
        links = {"next": number + 1, "last": pages} if number < pages else {}
        link = ", ".join(f'<{root}?{urlencode({**query, "page": page})}>; rel="{name}"' for name, page in links.items())
        return 200, wanted[(number - 1) * size : number * size], {**limits, **({"Link": link} if link else {})}

    def _batch(self, asked: Any, limits: Mapping[str, str]) -> Reply:
        contacts = asked["inputs"]
        if len(contacts) > MOST_A_PAGE:
            return 413, {"message": f"at most {MOST_A_PAGE} contacts"}, limits
        return 207, {"results": [self._take(contact) for contact in contacts]}, limits

    def _take(self, contact: dict[str, Any]) -> dict[str, Any]:
        reference, key = contact["reference"], contact["key"]
        if "@" not in contact["email"]:
            self.refused.add(reference)
            return {"reference": reference, "status": 422, "error": "email: no address"}
        if reference.endswith("7") and reference not in self._tried:
            self._tried.add(reference)
            return {"reference": reference, "status": 503, "error": "try again"}
        if key in self.keys:
            self.seen_again += 1
        self.keys.add(key)
        self.contacts[reference] = contact
        return {"reference": reference, "status": 201}


@contextmanager
def serve(service: Service) -> Iterator[str]:
    """Serve on a free port of this machine while the block runs; gives the URL."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _handle(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, answer, headers = service.answer(self.command, self.path, self.headers, body)
            text = json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Type": "application/json", "Content-Length": len(text)}.items():
                self.send_header(name, str(value))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = _handle  # noqa: N815 - named by the base class

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named by the base class
            """Say nothing: the pipeline tells what it does."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
