from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
import requests

from nanotyped.testing import HttpApi, Request, Response


@pytest.fixture
def client() -> Iterator[requests.Session]:
    """A session that keeps its connections and knows nothing of the machine's proxies."""
    with requests.Session() as session:
        session.trust_env = False
        yield session


def test_records_each_request(http_api: HttpApi, client: requests.Session) -> None:
    """A request is recorded with method, path, query, headers and body."""
    response = client.post(f"{http_api.url}/bills/a%2Fb?page=2&page=&q=%C3%A9", data=b"\x00{", headers={"X-Key": "k"})
    assert (response.status_code, response.content) == (200, b"{}")
    [request] = http_api.requests
    assert request.method == "POST"
    assert request.target == "/bills/a%2Fb?page=2&page=&q=%C3%A9"
    assert request.path == "/bills/a%2Fb"
    assert request.query == {"page": ["2", ""], "q": ["é"]}
    assert request.headers["x-key"] == "k"
    assert request.body == b"\x00{"


def test_answers_in_the_order_of_the_script(client: requests.Session) -> None:
    """The responses of a list are given in order, then 200 and an empty object."""
    script = [Response(503, {"Retry-After": "1"}, b"busy"), Response.of_json({"id": 7}, 201)]
    with HttpApi(script) as api:
        first, second, third = (client.get(api.url) for _ in range(3))
    assert (first.status_code, first.headers["Retry-After"], first.text) == (503, "1", "busy")
    assert (second.status_code, second.headers["Content-Type"], second.json()) == (201, "application/json", {"id": 7})
    assert (third.status_code, third.text) == (200, "{}")


def test_answers_by_function(http_api: HttpApi, client: requests.Session) -> None:
    """A function makes each response from its request, from the moment it is given."""
    http_api.play(lambda request: Response(body=request.body.upper()))
    assert client.put(http_api.url, data=b"abc").text == "ABC"


@pytest.mark.parametrize(
    "body",
    [b'[{"n": 1}, {"n": 2.50}]', b'{"n": 1}\n{"n": 2.50}\n', b' \n[{"n":1},{"n":2.50}]'],
    ids=["array", "ndjson", "array after space"],
)
def test_reads_rows(http_api: HttpApi, client: requests.Session, body: bytes) -> None:
    """The rows of a JSON array and of NDJSON are read alike, with every digit."""
    client.post(http_api.url, data=body)
    assert http_api.requests[0].rows() == [{"n": 1}, {"n": Decimal("2.50")}]
    assert http_api.rows == [{"n": 1}, {"n": Decimal("2.50")}]


def test_reads_chunked_bodies(http_api: HttpApi, client: requests.Session) -> None:
    """A body sent in chunks is recorded as one."""
    client.post(http_api.url, data=iter([b"one ", b"two ", b"three"]))
    assert http_api.requests[0].body == b"one two three"


def test_keeps_connections(http_api: HttpApi, client: requests.Session) -> None:
    """Requests of one session share a connection, those of two do not."""
    client.get(http_api.url)
    client.get(http_api.url)
    with requests.Session() as other:
        other.trust_env = False
        other.get(http_api.url)
    assert [request.connection for request in http_api.requests] == [1, 1, 2]


def test_drops_connections(http_api: HttpApi, client: requests.Session) -> None:
    """A dropped request is recorded and gets no byte of an answer."""
    http_api.play([Response(drop=True)])
    with pytest.raises(requests.ConnectionError, match="Remote end closed connection without response"):
        client.get(http_api.url)
    assert len(http_api.requests) == 1


def test_truncates_bodies(http_api: HttpApi, client: requests.Session) -> None:
    """A truncated answer promises its whole length and ends early."""
    http_api.play([Response(body=b"0123456789", truncate_at=4)])
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match=r"4 bytes read, 6 more expected"):
        client.get(http_api.url)


def test_holds_an_answer(http_api: HttpApi, client: requests.Session) -> None:
    """A held answer is sent when its event is set, not before."""
    hold = threading.Event()
    http_api.play([Response(body=b"at last", hold=hold)])
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(client.get, http_api.url)
        http_api.wait_for_requests(1)
        assert not answer.done()
        hold.set()
        assert answer.result(10).text == "at last"


def test_delays_an_answer(http_api: HttpApi, client: requests.Session) -> None:
    """A delayed answer comes too late for a client that waits less."""
    http_api.play([Response(delay_s=30)])
    with pytest.raises(requests.ReadTimeout):
        client.get(http_api.url, timeout=0.05)


def test_close_lets_held_answers_go(client: requests.Session) -> None:
    """Closing waits neither for a held nor for a delayed answer, nor for a client that says nothing."""
    threads = threading.active_count()
    with HttpApi([Response(hold=threading.Event()), Response(delay_s=60)]) as api, ThreadPoolExecutor(2) as pool:
        host, port = api.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))):
            answers = [pool.submit(requests.get, api.url, timeout=30) for _ in range(2)]
            api.wait_for_requests(2)
            api.close()
        for answer in answers:
            answer.exception(10)
    assert threading.active_count() == threads


def test_waiting_for_requests_ends(http_api: HttpApi) -> None:
    """Waiting for requests that do not come ends with their number."""
    with pytest.raises(TimeoutError) as caught:
        http_api.wait_for_requests(2, timeout_s=0.01)
    assert str(caught.value) == "0 of 2 requests came within 0.01 s"


def test_request_that_breaks_off_is_none(http_api: HttpApi) -> None:
    """A request whose body does not come whole is not recorded."""
    host, port = http_api.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n12345")
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(1) == b""
    assert http_api.requests == []


def test_failing_script_fails_the_test(client: requests.Session) -> None:
    """An error of the script is a 500 for the client and is raised where the server is left."""

    def fail(request: Request) -> Response:
        raise KeyError(request.path)

    with pytest.raises(ExceptionGroup) as caught, HttpApi(fail) as api:
        assert client.get(f"{api.url}/lost").status_code == 500
    assert [repr(error) for error in caught.value.exceptions] == ["KeyError('/lost')"]
