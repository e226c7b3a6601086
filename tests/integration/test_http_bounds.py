"""Services that behave badly, and what a node takes from them at the most: time, bytes, levels, redirects, trust.

Each of them accounts for every row: what was received is delivered, rejected, or what the run failed with.
"""

from __future__ import annotations

import gzip
import json
import re
import socket
import time
import tracemalloc
import zlib
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from nanotyped import (
    DeliveryError,
    HttpGetError,
    HttpGetRequest,
    HttpPostRequest,
    NodeFailedError,
    RowError,
    UnfitSourceError,
)
from nanotyped.nodes import ApiKeyAuth, BearerAuth, OAuth2Auth, ResponseRule
from nanotyped.nodes.http.answers import MAX_JSON_DEPTH
from nanotyped.testing import HttpApi, Request, Response
from tests.support.certificates import Certificates
from tests.support.flows import run_into, run_through
from tests.support.raw_server import RawServer, Talk

if TYPE_CHECKING:
    import threading
    from collections.abc import Sequence
    from pathlib import Path

MANY = 100_000_000


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that nodes would have made; they make none."""
    made: list[float] = []
    for cls in (HttpPostRequest, HttpGetRequest):
        monkeypatch.setattr(cls, "sleep", lambda self, seconds: made.append(seconds))
    return made


def ask(url: str, count: int = 1, **options: Any) -> list[Any]:
    """Ask for something for each row, and return what was answered; every row is accounted for."""
    node = HttpGetRequest(url=url, name="get", output_key="found", **options)
    kept = run_through(node, [{"n": n} for n in range(count)])
    report = node.statistics
    assert len(kept.rows) + report.skipped + report.filtered == count
    return [row["found"] for row in kept.dicts]


def failure(url: str, cause: type[Exception] = HttpGetError, **options: Any) -> str:
    """Return why nothing was answered."""
    with pytest.raises(NodeFailedError) as caught:
        ask(url, **options)
    assert type(caught.value.__cause__) is cause
    return str(caught.value.__cause__).removeprefix(url).removeprefix(" did not answer with success, ")


def packed(data: bytes, coding: str = "gzip") -> Response:
    """Return a response that says how it is packed."""
    return Response(headers={"Content-Encoding": coding}, body=data)


def read_request(connection: socket.socket) -> bytes:
    """Return the next request of a connection; empty at its end."""
    got = b""
    while b"\r\n\r\n" not in got:
        more = connection.recv(65536)
        if not more:
            return b""
        got += more
    head, _, body = got.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)content-length: *([0-9]+)", head)
    while length and len(body) < int(length[1]):
        body += connection.recv(65536)
    return head + b"\r\n\r\n" + body


def speaking(*answers: bytes, heard: list[bytes] | None = None, close: bool = True) -> Talk:
    """Return what gives these answers in turn, whoever connects, and then the last one again.

    An empty one closes the connection without a word; ``close``: so do all, when they were given.
    """
    waiting = list(answers)

    def talk(connection: socket.socket, _: threading.Event) -> None:
        while request := read_request(connection):
            if heard is not None:
                heard.append(request)
            answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            connection.sendall(answer)
            if close or not answer:
                return

    return talk


def whole(body: bytes, *headers: str) -> bytes:
    """Return an answer with its true length."""
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


# -- redirects -----------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "location", ["/there?b=2#top", "there?b=2", "HTTP://127.0.0.1:PORT/there?b=2", "//127.0.0.1:PORT/there?b=2"]
)
def test_a_redirect_at_home_is_followed(status: int, location: str, http_api: HttpApi) -> None:
    """To another path of the same host, with what says who asks, and the headers."""
    port = http_api.url.rpartition(":")[2]

    def answer(request: Request) -> Response:
        if request.path == "/there":
            return Response.of_json({"ok": 1})
        return Response(status, {"Location": location.replace("PORT", port)})

    http_api.play(answer)
    auth = ApiKeyAuth(key=SecretStr("hush"), query="key")
    assert ask(f"{http_api.url}/here?a=1", auth=auth, headers={"X-A": "b"}, max_attempts=1) == [{"ok": 1}]
    assert [request.target for request in http_api.requests] == ["/here?a=1&key=hush", "/there?b=2&key=hush"]
    assert [request.headers["X-A"] for request in http_api.requests] == ["b", "b"]
    assert len({request.connection for request in http_api.requests}) == 1


def test_redirects_are_followed_five_times(http_api: HttpApi) -> None:
    """A service that goes on and on, or in a circle, is left."""
    http_api.play(
        lambda request: Response(302, {"Location": str(int(request.path[1:]) - 1)}, body=request.path.encode())
    )
    assert failure(f"{http_api.url}/6") == (
        "after 1 attempt: 302 Found to host `127.0.0.1`; no more than 5 redirects in a row are followed"
    )
    assert [request.path for request in http_api.requests] == ["/6", "/5", "/4", "/3", "/2", "/1"]
    http_api.play([*[Response(302, {"Location": "/x"})] * 5, Response(body=b"7")] * 2)
    assert ask(f"{http_api.url}/x", count=2) == [7, 7]


@pytest.mark.parametrize(
    ("location", "host"),
    [
        ("http://OTHER/x", "127.0.0.1"),
        ("https://127.0.0.1:PORT/x", "127.0.0.1"),
        ("http://169.254.169.254/latest/meta-data/", "169.254.169.254"),
        ("//[fe80::1]:PORT/x", "fe80::1"),
        ("http://localhost:PORT/x", "localhost"),
        ("http://u:p@127.0.0.1:PORT/x", "127.0.0.1"),
        ("http://127.0.0.1.evil.test:PORT/", "127.0.0.1.evil.test"),
        ("file:///etc/passwd", None),
        ("http://[", None),
        ("", "127.0.0.1"),
    ],
)
def test_a_redirect_elsewhere_is_not_followed(location: str, host: str | None, http_api: HttpApi) -> None:
    """Another host, port or scheme, link-local ones among them, are asked for nothing; the error names the host."""
    port = http_api.url.rpartition(":")[2]
    with HttpApi() as other:
        there = location.replace("OTHER", other.url.removeprefix("http://")).replace("PORT", port)
        http_api.play([Response(302, {"Location": there, "X-Key": "hush"}), Response(500)])
        told = failure(f"{http_api.url}/x", auth=BearerAuth(token=SecretStr("hush")), on_error="skip", max_attempts=1)
        assert other.requests == []
    if not location:  # to where it came from, which says 500 then
        assert told == "after 1 attempt: 500 Internal Server Error: '{}'"
        return
    where = "" if host is None else f" to host `{host}`"
    assert told == (
        f"after 1 attempt: 302 Found{where}; redirects to another host, port or scheme are not followed, "
        "give the final url"
    )
    assert len(http_api.requests) == 1


@pytest.mark.parametrize("location", [r"/\evil.test/x", r"\\evil.test\x", "/%0d%0aX: y", "/a b", "/../../x", "/é"])
def test_a_redirect_of_odd_letters_stays_at_home(location: str, http_api: HttpApi) -> None:
    """However libraries read such a place: host and port are those that were asked."""
    answers = [Response(302, {"Location": location.encode().decode("latin-1")}), Response(body=b"7")]
    http_api.play(answers)
    assert ask(f"{http_api.url}/x") == [7]
    assert {request.headers["Host"] for request in http_api.requests} == {http_api.url.removeprefix("http://")}


def test_what_sends_rows_follows_no_redirect(http_api: HttpApi) -> None:
    """Not even at home: whether rows have arrived is not known then."""
    http_api.play([Response(302, {"Location": "/there"})])
    with pytest.raises(NodeFailedError, match="redirects are not followed, give the final url") as caught:
        run_into(HttpPostRequest(url=f"{http_api.url}/here", max_attempts=1), [(1,)], {"n": "int"})
    assert isinstance(caught.value.__cause__, DeliveryError)
    assert [request.path for request in http_api.requests] == ["/here"]


def test_a_rule_says_what_a_redirect_means(http_api: HttpApi) -> None:
    """Where the pipeline says it, no redirect is followed."""
    http_api.play(lambda _: Response(302, {"Location": "/there"}))
    assert ask(f"{http_api.url}/x", count=2, response=[ResponseRule(action="ignore", status=302)]) == []
    rule = ResponseRule(action="fail", status="3xx", message="moved")
    assert failure(f"{http_api.url}/x", response=[rule]) == "after 1 attempt: 302: moved"
    assert {request.path for request in http_api.requests} == {"/x"}


def test_a_circle_of_slow_redirects_ends_at_the_deadline(http_api: HttpApi) -> None:
    """All of them are one attempt, and its time does not begin anew."""
    http_api.play(lambda _: Response(302, {"Location": "/x"}, delay_s=0.15))
    started = time.monotonic()
    assert failure(f"{http_api.url}/x", deadline_s=0.4) == (
        "after 1 attempt: no whole answer before the deadline of 0.4 s"
    )
    assert time.monotonic() - started < 3


# -- packed answers ------------------------------------------------------------------------

DOCUMENT = json.dumps({"text": "x" * 200_000}).encode()


@pytest.mark.parametrize(
    ("data", "coding"),
    [
        (gzip.compress(DOCUMENT), "gzip"),
        (gzip.compress(DOCUMENT), " X-GZIP "),
        (zlib.compress(DOCUMENT), "deflate"),
        (gzip.compress(DOCUMENT[:70_000]) + gzip.compress(DOCUMENT[70_000:]), "gzip"),
        (gzip.compress(DOCUMENT[:9]) + gzip.compress(b"") + gzip.compress(DOCUMENT[9:], 0), "gzip"),
        (DOCUMENT, "identity"),
    ],
    ids=["gzip", "x-gzip", "deflate", "two files", "a file of nothing", "identity"],
)
def test_a_packed_answer_is_unpacked(data: bytes, coding: str, http_api: HttpApi) -> None:
    """It is asked for where the whole of an answer is needed; what is sent is not asked to be answered so."""
    http_api.play([packed(data, coding), packed(b"", coding)])
    assert ask(http_api.url) == [json.loads(DOCUMENT)]
    assert ask(http_api.url, json=False) == [""]
    run_into(HttpPostRequest(url=http_api.url), [(1,)], {"n": "int"})
    assert [request.headers["Accept-Encoding"] for request in http_api.requests] == ["gzip", "gzip", "identity"]


BOMBS = [
    pytest.param(gzip.compress(b"\0" * MANY), 1_000_000, id="bomb"),
    pytest.param(gzip.compress(b" " * 999_999) * 500, 1_000_000, id="many files"),
    pytest.param(gzip.compress(b"") * 500_000, 1_000_000, id="files of nothing"),
    pytest.param(gzip.compress(b" " * 1001), 1000, id="a byte"),
]


@pytest.mark.parametrize(("data", "most"), BOMBS)
def test_a_bomb_is_not_unpacked_to_its_end(data: bytes, most: int, http_api: HttpApi) -> None:
    """The cap is for what it unpacks to, and for memory; the run ends with an error that says so."""
    http_api.play([packed(data)])
    ask(http_api.url, count=0)  # what is loaded late is loaded
    tracemalloc.start()
    try:
        told = failure(http_api.url, max_answer_bytes=most, on_error="skip")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert told == f"after 1 attempt: the answer is longer than {most:,} bytes unpacked"
    assert peak < 1.5 * most + 1_500_000


def test_an_answer_of_just_so_many_bytes(http_api: HttpApi) -> None:
    """The cap itself is not beyond it, packed or not."""
    text = b'"' + b"x" * 998 + b'"'
    http_api.play([packed(gzip.compress(text)), Response(body=text)])
    assert ask(http_api.url, count=2, max_answer_bytes=1000) == ["x" * 998] * 2


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (gzip.compress(DOCUMENT)[:-9], "the answer broke off"),
        (gzip.compress(DOCUMENT)[:5], "the answer broke off"),
        (b"{}", "the answer is not packed as it says"),
        (gzip.compress(DOCUMENT)[:-8] + b"\0" * 8, "the answer is not packed as it says"),
        (gzip.compress(DOCUMENT) + b"more", "the answer is not packed as it says"),
    ],
    ids=["cut", "cut early", "plain", "checksum", "more behind it"],
)
def test_a_packed_answer_that_is_broken_is_asked_for_again(
    data: bytes, reason: str, http_api: HttpApi, waits: list[float]
) -> None:
    """Whatever is wrong with it, nothing of it is taken."""
    http_api.play([packed(data), Response.of_json({"ok": 1})])
    assert ask(http_api.url) == [{"ok": 1}]
    http_api.play(lambda _: packed(data))
    assert failure(http_api.url, max_attempts=2, on_error="skip") == f"after 2 attempts: {reason}"
    assert len(waits) == 2


def test_an_error_that_is_packed_is_told(http_api: HttpApi) -> None:
    """What a service says of why it is no success is read as any answer."""
    http_api.play([Response(403, {"Content-Encoding": "gzip"}, body=gzip.compress(b"not you"))])
    assert failure(http_api.url) == "after 1 attempt: 403 Forbidden: 'not you'"


# -- bodies that are not as long as they say ---------------------------------------------


def test_an_answer_that_breaks_off_is_asked_for_again(http_api: HttpApi, waits: list[float]) -> None:
    """Fewer bytes than were promised are no answer, though they may look like one."""
    cut = [Response(body=b'{"a": 1}          ', truncate_at=8)]
    http_api.play([*cut, Response(body=b'{"a": 2}'), *cut, Response(body=b'{"a": 3}')])
    assert ask(http_api.url, count=2) == [{"a": 2}, {"a": 3}]
    http_api.play(lambda _: cut[0])
    assert failure(http_api.url, max_attempts=3, on_error="skip") == "after 3 attempts: the answer broke off"


@pytest.mark.parametrize(
    "answer",
    [
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n{"a": 1\r\n',
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{"a": 1}',
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nmuch\r\n{"a": 1}',
        b'HTTP/1.1 200 OK\r\nContent-Length: 8, 9\r\n\r\n{"a": 1}',
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/9.9 yes\r\n\r\n{}",
        b"\0\0\0\0",
    ],
    ids=["no last chunk", "a short chunk", "no number", "two lengths", "no end of headers", "no status", "no http"],
)
def test_what_is_no_whole_answer_is_asked_for_again(answer: bytes, waits: list[float]) -> None:
    """However it is framed."""
    with RawServer(speaking(answer, whole(b'{"a": 2}'))) as server:
        assert ask(f"http://127.0.0.1:{server.port}/x") == [{"a": 2}]
    assert len(waits) == 1


def test_more_bytes_than_were_promised_are_not_taken(waits: list[float]) -> None:
    """What is cut by its own length is no JSON; what stands behind it is no part of the next answer."""
    long = b'HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{"a": 1}' + whole(b'{"a": 666}')
    with RawServer(speaking(long, whole(b'{"a": 2}'), close=False)) as server:
        url = f"http://127.0.0.1:{server.port}/x"
        assert ask(url, count=3, on_error="skip") == [{"a": 2}, {"a": 2}]


@pytest.mark.parametrize("body", [b"<html>", b"", b'{"a": 1', b'{"a": NaN}', b"{}{}"])
def test_what_is_no_json_is_an_error_of_its_row(body: bytes, http_api: HttpApi) -> None:
    """The other rows are answered."""
    http_api.play([Response(body=b"1"), Response(body=body), Response(body=b"3")])
    assert ask(http_api.url, count=3, on_error="skip") == [1, 3]


# -- depth -------------------------------------------------------------------------------


@pytest.mark.parametrize("begin", ["[", '{"a":'])
def test_the_depth_of_json_is_bounded(begin: str, http_api: HttpApi) -> None:
    """A hundred levels are read, one more is an error of the row, and so are a million."""
    end = "]" if begin == "[" else "}"

    def nested(levels: int) -> Response:
        return Response(body=(begin * levels + "1" + end * levels).encode())

    flat = Response(body=json.dumps([[{"a": []}, {}]] * 1000).encode())
    http_api.play([nested(MAX_JSON_DEPTH), nested(MAX_JSON_DEPTH + 1), nested(200_000), flat])
    assert [_depth(found) for found in ask(http_api.url, count=4, on_error="skip")] == [MAX_JSON_DEPTH, 4]
    http_api.play([nested(MAX_JSON_DEPTH + 1)])
    assert failure(http_api.url, RowError) == " answered with JSON that is nested deeper than 100 levels"


def _depth(found: Any) -> int:
    levels = 0
    while isinstance(found, dict | list):
        found = next(iter(found.values() if isinstance(found, dict) else found), None)
        levels += 1
    return levels


# -- time --------------------------------------------------------------------------------


def test_a_connection_that_is_not_made_in_time(waits: list[float]) -> None:
    """`connect_timeout_s` is for the connection alone: the host is there, and takes nobody."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        with closing(socket.create_connection(address)):  # the one that there is room for
            waiting = [socket.socket() for _ in range(4)]
            for one in waiting:
                one.setblocking(False)
                one.connect_ex(address)
            told = failure(f"http://127.0.0.1:{address[1]}/x", connect_timeout_s=0.2, timeout_s=9, max_attempts=2)
            for one in waiting:
                one.close()
    assert told == "after 2 attempts: no connection within 0.2 s"


def test_tls_that_is_not_agreed_on_in_time(waits: list[float]) -> None:
    """It is a part of the connection."""

    def silent(_: socket.socket, closing: threading.Event) -> None:
        closing.wait(10)

    with RawServer(silent) as server:
        told = failure(f"https://127.0.0.1:{server.port}/x", connect_timeout_s=0.2, timeout_s=9, max_attempts=1)
    assert told == "after 1 attempt: no connection within 0.2 s"


def test_a_slow_answer_is_none_of_the_connection(http_api: HttpApi) -> None:
    """What comes after `connect_timeout_s` and before `timeout_s` is in time."""
    http_api.play([Response(body=b"1", delay_s=0.3)])
    assert ask(http_api.url, connect_timeout_s=0.1, timeout_s=9) == [1]


# -- trust -------------------------------------------------------------------------------


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    """Certificates for a server that is called `localhost`."""
    return Certificates.made(tmp_path, "localhost")


def test_an_authority_of_one_s_own(certificates: Certificates) -> None:
    """With `tls_ca` its servers are trusted, for rows out and in and for tokens; under another name they are not."""
    heard: list[bytes] = []
    token = whole(b'{"access_token": "t", "token_type": "bearer"}')
    with RawServer(speaking(token, whole(b"7"), heard=heard), certificates.server_context()) as server:
        url, authority = f"https://localhost:{server.port}", str(certificates.authority)
        auth = OAuth2Auth(token_url=f"{url}/token", client_id="c", client_secret=SecretStr("s"))
        assert ask(f"{url}/x", auth=auth, tls_ca=authority) == [7]
        run_into(HttpPostRequest(url=f"{url}/x", tls_ca=authority), [(1,)], {"n": "int"})
        assert [request.split(b" HTTP")[0] for request in heard] == [b"POST /token", b"GET /x", b"POST /x"]
        told = failure(f"https://127.0.0.1:{server.port}/x", tls_ca=authority)
        assert told == (
            "after 1 attempt: the certificate is not valid: IP address mismatch, certificate is not valid for "
            "'127.0.0.1'."
        )
        assert len(heard) == 3


def test_a_certificate_that_signs_itself_is_refused(certificates: Certificates) -> None:
    """The error says what is wrong and what would mend it; nothing is sent."""
    heard: list[bytes] = []
    with RawServer(speaking(whole(b"7"), heard=heard), certificates.server_context()) as server:
        told = failure(f"https://localhost:{server.port}/x", on_error="skip")
        assert server.connections == 1
    assert told == (
        "after 1 attempt: the certificate is not valid: unable to get local issuer certificate; "
        "`tls_ca` names an authority to trust"
    )
    assert heard == []


def test_an_authority_that_cannot_be_read(tmp_path: Path) -> None:
    """It is known before anything is sent."""
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    for path, reason in (
        ("/nowhere/ca.pem", "tls_ca: `/nowhere/ca.pem` cannot be read: No such file or directory"),
        (str(empty), f"tls_ca: `{empty}` holds no certificate"),
    ):
        with pytest.raises(NodeFailedError) as caught:
            ask("https://localhost:9/", tls_ca=path)
        assert isinstance(caught.value.__cause__, UnfitSourceError)
        assert str(caught.value.__cause__) == reason


# -- connections that end between requests ---------------------------------------------------


def sent(heard: Sequence[bytes]) -> list[int]:
    """Return the numbers in the bodies that were heard."""
    return [row["n"] for request in heard for row in json.loads(request.partition(b"\r\n\r\n")[2])]


def post_each(port: int, count: int, **options: Any) -> HttpPostRequest:
    """Send rows, each in a request of its own."""
    node = HttpPostRequest(url=f"http://127.0.0.1:{port}/x", batch_rows=1, name="post", **options)
    report = run_into(node, [(n,) for n in range(count)], {"n": "int"})
    assert (report["post"].received, report["post"].processed) == (count, count)
    return node


def test_a_connection_that_is_closed_behind_each_answer(waits: list[float]) -> None:
    """Though the service did not say so: rows that are sent and rows that are asked for all get their answer."""
    heard: list[bytes] = []
    with RawServer(speaking(whole(b"7"), heard=heard)) as server:
        assert ask(f"http://127.0.0.1:{server.port}/x", count=20) == [7] * 20
        heard.clear()
        post_each(server.port, 20)
    assert sorted(set(sent(heard))) == list(range(20))


def test_a_connection_that_ends_while_a_request_is_on_its_way(waits: list[float]) -> None:
    """It is as any connection that breaks: the request is sent again, and none is open once the run has ended."""
    started = time.monotonic()
    heard: list[bytes] = []
    with RawServer(speaking(whole(b"7"), b"", whole(b"7"), heard=heard, close=False)) as server:
        node = post_each(server.port, 3)
        assert server.connections == 2
    assert sent(heard) == [0, 1, 1, 2]
    assert node.statistics.retried == 1
    with RawServer(speaking(whole(b"7"), b"", whole(b"8"), close=False)) as server:
        assert ask(f"http://127.0.0.1:{server.port}/x", count=3) == [7, 8, 8]
    assert len(waits) == 2
    assert time.monotonic() - started < 8  # the server waits for 10 s for a request that may come
