"""Services that are slow, endless, or not who they ought to be, and an environment that would lead elsewhere."""

from __future__ import annotations

import gzip
import re
import time
import tracemalloc
from typing import TYPE_CHECKING

import pytest
import requests.adapters

from nanotyped import HttpPostRequest, NodeFailedError
from tests.support.certificates import Certificates
from tests.support.flows import run_into
from tests.support.raw_server import RawServer, Talk

if TYPE_CHECKING:
    import socket
    import threading
    from pathlib import Path

    from nanotyped.testing import HttpApi

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def post(url: str, **options: float) -> None:
    """Send one row."""
    node = HttpPostRequest(url=url, name="post", max_attempts=1, **options)  # type: ignore[arg-type]  # numbers alone
    run_into(node, [(1,)], {"n": "int"})


def failure(url: str, **options: float) -> str:
    """Return why one row was not taken."""
    with pytest.raises(NodeFailedError) as caught:
        post(url, **options)
    return str(caught.value).partition("after 1 attempt: ")[2]


def _read_request(connection: socket.socket) -> None:
    """Read a request to its end: who closes with some of it unread resets the connection, answer and all."""
    got = connection.recv(65536)
    while b"\r\n\r\n" not in got:
        got += connection.recv(65536) or b"\r\n\r\n"
    head, _, body = got.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: *([0-9]+)", head)
    while length and len(body) < int(length[1]) and (more := connection.recv(65536)):
        body += more


def saying(*pieces: bytes, between_s: float = 0.0, endless: bytes = b"") -> Talk:
    """Return what answers a request with these pieces, and then with one more for ever."""

    def talk(connection: socket.socket, closing: threading.Event) -> None:
        _read_request(connection)
        for piece in pieces:
            connection.sendall(piece)
        while endless and not closing.wait(between_s):
            connection.sendall(endless)

    return talk


# -- answers without end ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("begin", "endless"),
    [
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"y"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n", b"z"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nz\r\n"),
    ],
    ids=["status", "header", "body", "interim answers", "chunks"],
)
def test_an_answer_that_drips_ends_at_the_deadline(begin: bytes, endless: bytes) -> None:
    """A byte now and then keeps no node beyond `deadline_s`, wherever in the answer it comes."""
    with RawServer(saying(begin, endless=endless, between_s=0.02)) as server:
        started = time.monotonic()
        reason = failure(f"http://127.0.0.1:{server.port}/x", deadline_s=0.3, timeout_s=5)
        assert time.monotonic() - started < 1.5
    assert reason == "no whole answer before the deadline of 0.3 s"


def test_headers_without_end_are_not_read_to_their_end() -> None:
    """More headers, or a longer one, than any service sends are an error."""
    with RawServer(saying(b"HTTP/1.1 200 OK\r\n", endless=b"X: y\r\n" * 999)) as server:
        assert failure(f"http://127.0.0.1:{server.port}/x") == "the connection was closed before an answer"
    with RawServer(saying(b"HTTP/1.1 200 OK\r\nX: ", endless=b"y" * 9999)) as server:
        assert failure(f"http://127.0.0.1:{server.port}/x") == "the connection was closed before an answer"


def test_a_packed_answer_is_not_unpacked(http_api: HttpApi) -> None:
    """A few bytes that would unpack to a hundred million stay a few bytes."""
    bomb = gzip.compress(b"\0" * 100_000_000, compresslevel=9)
    head = b"HTTP/1.1 400 Bad Request\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    with RawServer(saying(head + bomb)) as server:
        tracemalloc.start()
        try:
            reason = failure(f"http://127.0.0.1:{server.port}/x")
            assert tracemalloc.get_traced_memory()[1] < 5_000_000
        finally:
            tracemalloc.stop()
    assert reason.startswith("400 Bad Request: '\\x1f")
    assert len(reason) < 1000


# -- who it is ----------------------------------------------------------------------------------------


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    """Certificates for a server that is called `localhost`."""
    return Certificates.made(tmp_path, "localhost")


def test_a_certificate_that_nobody_vouches_for_is_final(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing in the environment makes an authority trusted; it is not tried again."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(certificates.authority))
    with RawServer(saying(OK), certificates.server_context()) as server:
        reason = failure(f"https://localhost:{server.port}/x")
        assert server.connections == 1
    assert reason == (
        "the certificate is not valid: unable to get local issuer certificate; `tls_ca` names an authority to trust"
    )


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("localhost", ""),
        ("127.0.0.1", "IP address mismatch, certificate is not valid for '127.0.0.1'."),
    ],
)
def test_a_certificate_of_another_name_is_refused(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch, host: str, reason: str
) -> None:
    """An authority that is trusted vouches for a name, and for no other."""
    # What the system trusts is not this test's to change.
    monkeypatch.setattr(requests.adapters, "DEFAULT_CA_BUNDLE_PATH", str(certificates.authority))
    with RawServer(saying(OK), certificates.server_context()) as server:
        url = f"https://{host}:{server.port}/x"
        if reason:
            assert failure(url) == f"the certificate is not valid: {reason}"
        else:
            post(url)


def test_a_service_that_speaks_no_tls_gets_nothing() -> None:
    """Where the URL says https, a server in the clear is sent no request."""

    def in_the_clear(connection: socket.socket, _: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(OK)

    with RawServer(in_the_clear) as server:
        told = failure(f"https://127.0.0.1:{server.port}/x")
    assert told == "TLS failed: WRONG_VERSION_NUMBER; is it a port of `http`?"


# -- where to -------------------------------------------------------------------------------------------


def test_the_environment_leads_nowhere(http_api: HttpApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Proxies, and passwords in .netrc, are for other programs."""
    (tmp_path / ".netrc").write_text("default login mallory password hush\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    post(http_api.url)
    [request] = http_api.requests
    assert request.headers.get("Authorization") is None
