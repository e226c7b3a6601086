from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from email.utils import format_datetime
from typing import Any
from urllib.parse import unquote

import pytest
import requests
from pydantic import SecretStr

from nanotyped.engine.run import start_run
from nanotyped.errors import DeliveryError, GraphTypeError, NodeFailedError, RowError
from nanotyped.nodes.http import HttpPostRequest
from nanotyped.testing import HttpApi, Response
from tests.support.flows import Given, GivenBatches, Kept, run_into

BILL = {
    "id": "bigint unsigned",
    "who": "varchar(20) null",
    "amount": "decimal(10,2)",
    "day": "date",
    "at": "datetime(3)",
    "n": "int",
}
ROW = (2**64 - 1, "é", Decimal("9.90"), date(2024, 5, 6), datetime(2024, 5, 6, 7, 8, 9, 10_000), 3)
ROW_JSON = {
    "id": "18446744073709551615",
    "who": "é",
    "amount": "9.90",
    "day": "2024-05-06",
    "at": "2024-05-06T07:08:09.010",
    "n": 3,
}


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that nodes would have made; they make none."""
    made: list[float] = []
    monkeypatch.setattr(HttpPostRequest, "sleep", lambda self, seconds: made.append(seconds))
    return made


def numbers(count: int) -> list[tuple[int]]:
    """Return rows of one column that counts from 1."""
    return [(n,) for n in range(1, count + 1)]


def failure(node: HttpPostRequest, messages: list[Any], schema: dict[str, Any] | None = None) -> NodeFailedError:
    """Run messages into a node that fails, and return the error of the run."""
    with pytest.raises(NodeFailedError) as caught:
        run_into(node, messages, schema)
    return caught.value


# -- what is sent ------------------------------------------------------------------------


def test_posts_rows_as_json_by_their_types(http_api: HttpApi) -> None:
    """Rows arrive as a JSON array of objects, each value in the form of its column's type."""
    run_into(HttpPostRequest(url=f"{http_api.url}/bills?v=1"), [ROW, (1, None, *ROW[2:])], BILL)
    [request] = http_api.requests
    assert (request.method, request.target) == ("POST", "/bills?v=1")
    assert request.headers["Content-Type"] == "application/json"
    assert request.json() == [ROW_JSON, {**ROW_JSON, "id": "1", "who": None}]


def test_envelopes(http_api: HttpApi) -> None:
    """`ndjson` is an object a line, `object` an object that holds the array under a key."""
    run_into(HttpPostRequest(url=http_api.url, envelope="ndjson"), numbers(2), {"n": "int"})
    run_into(HttpPostRequest(url=http_api.url, envelope="object", envelope_key='a"b'), numbers(2), {"n": "int"})
    lines, nested = http_api.requests
    assert (lines.body, lines.headers["Content-Type"]) == (b'{"n":1}\n{"n":2}\n', "application/x-ndjson")
    assert (nested.body, nested.headers["Content-Type"]) == (b'{"a\\"b":[{"n":1},{"n":2}]}', "application/json")


def test_batches(http_api: HttpApi) -> None:
    """A request holds at most `batch_rows` rows, all rows arrive once and in order, over one connection."""
    node = HttpPostRequest(url=http_api.url, batch_rows=100, name="post")
    _ = GivenBatches([numbers(1050)], {"n": "int"}) > node
    report = start_run(node).wait(10)
    assert [len(request.rows()) for request in http_api.requests] == [100] * 10 + [50]
    assert [row["n"] for row in http_api.rows] == list(range(1, 1051))
    assert {request.connection for request in http_api.requests} == {1}
    assert (report["post"].received, report["post"].sent, report["post"].status) == (1050, 0, "success")


def test_default_batch_is_500_rows(http_api: HttpApi) -> None:
    """Without an option a request holds 500 rows."""
    node = HttpPostRequest(url=http_api.url)
    _ = GivenBatches([numbers(1000)], {"n": "int"}) > node
    start_run(node).wait(10)
    assert [len(request.rows()) for request in http_api.requests] == [500, 500]


def test_a_slow_stream_is_sent_as_it_comes(http_api: HttpApi) -> None:
    """A row is sent when it is there, not when a batch is full."""
    gate = threading.Event()
    node = HttpPostRequest(url=http_api.url)
    _ = Given(numbers(2), {"n": "int"}, gates={1: gate}) > node
    run = start_run(node)
    assert http_api.wait_for_requests(1)[0].json() == [{"n": 1}]
    gate.set()
    run.wait(10)
    assert http_api.rows == [{"n": 1}, {"n": 2}]


def test_cookies_of_the_service_go_back_to_it(http_api: HttpApi) -> None:
    """A cookie is sent from the answer that set it to the one that ends it, beside the headers of every request."""
    ended = {"Set-Cookie": "node=2; Max-Age=0"}
    http_api.play([Response(), Response(headers={"Set-Cookie": "node=2"}), Response(), Response(headers=ended)])
    node = HttpPostRequest(url=http_api.url, batch_rows=1, headers={"X-Key": "hush"})
    _ = GivenBatches([[row] for row in numbers(6)], {"n": "int"}) > node
    node.run()
    assert [request.headers["Cookie"] for request in http_api.requests] == [None, None, "node=2", "node=2", None, None]
    assert [request.json() for request in http_api.requests] == [[{"n": n}] for n in range(1, 7)]
    assert {request.headers["X-Key"] for request in http_api.requests} == {"hush"}


def test_no_rows_no_request(http_api: HttpApi) -> None:
    """An empty stream sends nothing."""
    run_into(HttpPostRequest(url=http_api.url), [], {"n": "int"})
    assert http_api.requests == []


def test_rows_of_unknown_schema(http_api: HttpApi) -> None:
    """On an unchecked edge rows are sent by the types of their values, bare values bare, all in order."""
    run_into(HttpPostRequest(url=http_api.url), [{"a": 1.5}, {"a": 2.5}, {"b": "x"}, "rye", 1.0])
    assert http_api.rows == [{"a": Decimal("1.5")}, {"a": Decimal("2.5")}, {"b": "x"}, "rye", Decimal("1.0")]


def test_headers(http_api: HttpApi) -> None:
    """Headers go with every request, may be secrets, and win over the node's own."""
    node = HttpPostRequest(
        url=http_api.url, headers={"X-Key": SecretStr("hush"), "content-type": "application/vnd.bills+json"}
    )
    run_into(node, numbers(1), {"n": "int"})
    [request] = http_api.requests
    assert request.headers["X-Key"] == "hush"
    assert request.headers.get_all("Content-Type") == ["application/vnd.bills+json"]


# -- placeholders -------------------------------------------------------------------------


def test_rows_of_one_url_share_a_request(http_api: HttpApi) -> None:
    """Consecutive rows with the same URL go in one request, in order; another URL in between begins a new one."""
    rows = [("a", 1), ("a", 2), ("b", 3), ("a", 4)]
    run_into(HttpPostRequest(url=f"{http_api.url}/shop/{{who}}/bills"), rows, {"who": "varchar(9)", "n": "int"})
    assert [(request.target, [row["n"] for row in request.rows()]) for request in http_api.requests] == [
        ("/shop/a/bills", [1, 2]),
        ("/shop/b/bills", [3]),
        ("/shop/a/bills", [4]),
    ]


@pytest.mark.parametrize(
    "value", ["a/b", "../x", "?q=1&r#f", "é ü", "100%", "%2F", "a+b", "{n}", "...", "\\", "http://evil.test", "\x00\n"]
)
def test_values_stay_where_their_placeholder_stands(http_api: HttpApi, value: str) -> None:
    """Whatever a value holds, it arrives whole, in its segment and in its query value, and changes nothing else."""
    run_into(HttpPostRequest(url=f"{http_api.url}/x/{{who}}/y?q={{who}}&z=1"), [(value,)], {"who": "varchar(30)"})
    [request] = http_api.requests
    before, path, segment, after = request.path.split("/")
    assert (before, path, after) == ("", "x", "y")
    assert unquote(segment) == value
    assert request.query == {"q": [value], "z": ["1"]}


def test_values_are_written_by_their_types(http_api: HttpApi) -> None:
    """In a URL values are spelled as in JSON, without quotes."""
    url = f"{http_api.url}/{{id}}/{{amount}}/{{day}}/{{at}}"
    run_into(HttpPostRequest(url=url), [ROW], BILL)
    assert http_api.requests[0].path == "/18446744073709551615/9.90/2024-05-06/2024-05-06T07%3A08%3A09.010"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, "row 3: column `who` is null and cannot fill the placeholder of the url"),
        ("", "row 3: column `who` is empty and cannot fill the placeholder of the url"),
        (".", "row 3: the path of the url would have the segment `.`, which leads elsewhere"),
        ("..", "row 3: the path of the url would have the segment `..`, which leads elsewhere"),
    ],
)
def test_values_that_fill_no_placeholder(http_api: HttpApi, value: str | None, message: str) -> None:
    """A null, empty text and a segment that leads elsewhere are errors of their row; the rows before it are sent."""
    node = HttpPostRequest(url=f"{http_api.url}/{{who}}?key=hush", name="post")
    error = failure(node, [("a",), ("a",), (value,), ("b",)], {"who": "varchar(9) null"})
    assert str(error) == f"node `post` failed: RowError: {message} - at row Row(who={value!r})"
    assert isinstance(error.__cause__, RowError)
    assert http_api.rows == [{"who": "a"}, {"who": "a"}]


@pytest.mark.parametrize("path", ["{a}{b}", "%2E{b}", "{a}%2e"])
def test_segments_made_of_pieces(http_api: HttpApi, path: str) -> None:
    """Two dots that come together in a segment, encoded or not, are refused like one value of two dots."""
    node = HttpPostRequest(url=f"{http_api.url}/x/{path}/y", name="post")
    error = failure(node, [(".", ".")], {"a": "varchar(9)", "b": "varchar(9)"})
    assert "would have the segment `..`" in str(error)
    assert http_api.requests == []


def test_placeholder_without_column_on_an_unchecked_edge(http_api: HttpApi) -> None:
    """A row that lacks the column is an error of the row."""
    node = HttpPostRequest(url=f"{http_api.url}/{{who}}", name="post")
    text = "row 1: url: there is no column `who` for the placeholder. Hint: did you mean `how`?"
    assert str(failure(node, [{"how": 1}])) == f"node `post` failed: RowError: {text} - at row Row(how=1)"


# -- attempts ---------------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_passing_failures_are_tried_again(http_api: HttpApi, waits: list[float], status: int) -> None:
    """What may pass is tried again after pauses that grow, each at least half of its length, until it is taken."""
    http_api.play([Response(status)] * 4)
    run_into(HttpPostRequest(url=http_api.url), numbers(1), {"n": "int"})
    assert [request.json() for request in http_api.requests] == [[{"n": 1}]] * 5
    assert len(waits) == 4
    for wait_s, longest in zip(waits, [0.5, 1.0, 2.0, 4.0], strict=True):
        assert longest / 2 <= wait_s <= longest


def test_gives_up_after_the_last_attempt(http_api: HttpApi, waits: list[float]) -> None:
    """After the last attempt the error names where to, the rows, the status and what the service said; no secret."""
    http_api.play(lambda _: Response(503, body=b"busy\n" + b"x" * 300))
    node = HttpPostRequest(
        url=f"{http_api.url}/{{n}}/bills?key=hush", headers={"X-Key": "hush"}, max_attempts=3, name="post"
    )
    error = failure(node, [(7,), (7,)], {"n": "int"})
    said = "'busy\\n" + "x" * 195 + "'…"
    text = f"{http_api.url}/{{n}}/bills did not take rows 1 to 2, after 3 attempts: 503 Service Unavailable: {said}"
    assert str(error) == f"node `post` failed: DeliveryError: {text}"
    cause = error.__cause__
    assert isinstance(cause, DeliveryError)
    assert (cause.status, cause.attempts, cause.rows) == (503, 3, (1, 2))
    assert len(waits) == 2


@pytest.mark.parametrize("status", [401, 403, 404, 451])
def test_other_refusals_end_the_run_at_once(http_api: HttpApi, waits: list[float], status: int) -> None:
    """Any other 4xx is final: one attempt, and the rows by their numbers in the stream."""
    http_api.play([Response(), Response(status, body=b"no")])
    node = HttpPostRequest(url=f"{http_api.url}/x", batch_rows=2, name="post")
    _ = GivenBatches([numbers(5)], {"n": "int"}) > node
    with pytest.raises(NodeFailedError) as caught:
        start_run(node).wait(10)
    error = caught.value
    assert str(error).startswith(
        f"node `post` failed: DeliveryError: {http_api.url}/x did not take rows 3 to 4, after 1 attempt: {status} "
    )
    assert str(error).endswith(": 'no'")
    assert (len(http_api.requests), waits) == (2, [])


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(http_api: HttpApi, waits: list[float], status: int) -> None:
    """A redirect is final, and the error names the host that it leads to."""
    http_api.play([Response(status, {"Location": f"{http_api.url}/elsewhere?key=hush"})])
    error = failure(HttpPostRequest(url=f"{http_api.url}/x", name="post"), numbers(1), {"n": "int"})
    assert f"DeliveryError: {http_api.url}/x did not take row 1, after 1 attempt: {status} " in str(error)
    assert str(error).endswith(" to host `127.0.0.1`; redirects are not followed, give the final url")
    assert (len(http_api.requests), waits) == (1, [])


def test_retry_after_seconds(http_api: HttpApi, waits: list[float]) -> None:
    """The pause is as long as the service asks for; one above the cap is not made, and ends the run."""
    http_api.play([Response(503, {"Retry-After": "7"}), Response(429, {"Retry-After": "3600"})])
    node = HttpPostRequest(url=f"{http_api.url}/x", max_retry_after_s=20, name="post")
    text = (
        f"{http_api.url}/x did not take row 1, after 2 attempts: 429 Too Many Requests: '{{}}'; "
        "it asks for a pause of 3600 s, and max_retry_after_s is 20"
    )
    assert str(failure(node, numbers(1), {"n": "int"})) == f"node `post` failed: DeliveryError: {text}"
    assert waits == [7.0]


def test_retry_after_date(http_api: HttpApi, waits: list[float]) -> None:
    """The service may name a moment; one that has passed asks for no pause."""
    soon, past = datetime.now(UTC) + timedelta(seconds=30), datetime.now(UTC) - timedelta(days=1)
    dates = [format_datetime(moment, usegmt=True) for moment in (soon, past)]
    http_api.play([Response(503, {"Retry-After": text}) for text in dates])
    run_into(HttpPostRequest(url=http_api.url), numbers(1), {"n": "int"})
    assert 25 < waits[0] <= 30
    assert waits[1] == 0.0


def test_retry_after_nonsense(http_api: HttpApi, waits: list[float]) -> None:
    """What cannot be read is as if it were not there."""
    http_api.play([Response(503, {"Retry-After": text}) for text in ("soon", "-5", "")])
    run_into(HttpPostRequest(url=http_api.url), numbers(1), {"n": "int"})
    assert all(0.25 <= wait_s <= 2.0 for wait_s in waits)
    assert len(waits) == 3


def test_connection_errors_are_tried_again(http_api: HttpApi, waits: list[float]) -> None:
    """A connection that is dropped, and an answer that breaks off, are tried again: the rows may arrive twice."""
    http_api.play([Response(drop=True), Response(body=b"0123456789", truncate_at=4)])
    run_into(HttpPostRequest(url=http_api.url), numbers(1), {"n": "int"})
    assert http_api.rows == [{"n": 1}] * 3
    assert len(waits) == 2


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (Response(drop=True), "the connection was closed before an answer"),
        (Response(body=b"0123456789", truncate_at=4), "the answer broke off"),
    ],
)
def test_broken_connections(http_api: HttpApi, waits: list[float], response: Response, reason: str) -> None:
    """The error says how the connection broke, without the query of the URL."""
    http_api.play(lambda _: response)
    node = HttpPostRequest(url=f"{http_api.url}/x?key=hush", max_attempts=2, name="post")
    error = failure(node, numbers(1), {"n": "int"})
    text = f"{http_api.url}/x did not take row 1, after 2 attempts: {reason}"
    assert str(error) == f"node `post` failed: DeliveryError: {text}"


def test_nobody_listens(waits: list[float]) -> None:
    """A refused connection is tried again, and the error says so."""
    with HttpApi() as api:
        url = api.url
    error = failure(HttpPostRequest(url=f"{url}/x?key=hush", max_attempts=2, name="post"), numbers(1), {"n": "int"})
    text = f"{url}/x did not take row 1, after 2 attempts: no connection: Connection refused"
    assert str(error) == f"node `post` failed: DeliveryError: {text}"
    assert len(waits) == 1


def test_timeout(http_api: HttpApi, waits: list[float]) -> None:
    """An answer that does not come in time is tried again."""
    http_api.play([Response(hold=threading.Event())])
    run_into(HttpPostRequest(url=http_api.url, timeout_s=0.05), numbers(1), {"n": "int"})
    assert http_api.rows == [{"n": 1}] * 2
    http_api.play(lambda _: Response(hold=threading.Event()))
    node = HttpPostRequest(url=f"{http_api.url}/x", timeout_s=0.05, max_attempts=1, name="post")
    text = f"{http_api.url}/x did not take row 1, after 1 attempt: no whole answer within 0.05 s"
    assert str(failure(node, numbers(1), {"n": "int"})) == f"node `post` failed: DeliveryError: {text}"


def test_deadline(http_api: HttpApi, waits: list[float]) -> None:
    """No attempt begins after the deadline: a pause that would end behind it is not made."""
    http_api.play(lambda _: Response(503, {"Retry-After": "50"}))
    node = HttpPostRequest(url=f"{http_api.url}/x", deadline_s=40, name="post")
    text = (
        f"{http_api.url}/x did not take row 1, after 1 attempt: 503 Service Unavailable: '{{}}'; "
        "the next attempt would come after the deadline of 40 s"
    )
    assert str(failure(node, numbers(1), {"n": "int"})) == f"node `post` failed: DeliveryError: {text}"
    assert waits == []


def test_a_stop_ends_a_pause_at_once(http_api: HttpApi) -> None:
    """A pipeline that is terminated during a pause ends at once; the rows count as not delivered."""
    http_api.play(lambda _: Response(503, {"Retry-After": "60"}))
    node = HttpPostRequest(url=http_api.url)
    _ = Given(numbers(1), {"n": "int"}) > node
    run = start_run(node)
    http_api.wait_for_requests(1)
    started = time.monotonic()
    node.terminate_pipeline()
    report = run.wait(10)
    assert time.monotonic() - started < 2
    assert [entry.status for entry in report.nodes][-1] == "stopped"
    assert len(http_api.requests) == 1


def test_long_answers_are_not_read_to_their_end(http_api: HttpApi) -> None:
    """Of an answer no more than a megabyte is read: the status has said it all."""
    http_api.play(lambda _: Response(body=b"x" * (32 * 1024 * 1024)))
    run_into(HttpPostRequest(url=http_api.url, batch_rows=1), numbers(2), {"n": "int"})
    assert http_api.rows == [{"n": 1}, {"n": 2}]
    # With bytes left in it a connection is of no more use.
    assert [request.connection for request in http_api.requests] == [1, 2]


def test_pauses_are_logged(http_api: HttpApi, waits: list[float], caplog: pytest.LogCaptureFixture) -> None:
    """Each failed attempt is a warning that names the place, without the query."""
    http_api.play([Response(503, {"Retry-After": "7"}, b"busy")])
    with caplog.at_level(logging.WARNING, logger="nanotyped.nodes.http"):
        run_into(HttpPostRequest(url=f"{http_api.url}/x?key=hush"), numbers(1), {"n": "int"})
    text = f"{http_api.url}/x: attempt 1: 503 Service Unavailable: 'busy'; the next in 7.0 s"
    assert caplog.messages == [text]


def test_session_is_closed(http_api: HttpApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """The session is closed at the end of the data, and after a failure."""
    closed: list[requests.Session] = []

    def close(session: requests.Session) -> None:
        closed.append(session)

    monkeypatch.setattr(requests.Session, "close", close)
    run_into(HttpPostRequest(url=http_api.url), numbers(1), {"n": "int"})
    assert len(closed) == 1
    http_api.play([Response(400)])
    failure(HttpPostRequest(url=http_api.url), numbers(1), {"n": "int"})
    assert len(closed) == 2
    monkeypatch.undo()
    for session in closed:
        session.close()


# -- refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("api.test/x", "url: it must start with http:// or https://"),
        ("ftp://api.test/x", "url: it must start with http:// or https://"),
        ("{scheme}://api.test", "url: a placeholder may stand in path and query, not in the scheme"),
        ("http://{host}/x", "url: a placeholder may stand in path and query, not in host or port"),
        ("http://api.test{tail}/x", "url: a placeholder may stand in path and query, not in host or port"),
        ("http://api.test:{port}/x", "url: a placeholder may stand in path and query, not in host or port"),
        ("http://u:hush@api.test/", "url: a user and password do not belong into it; send them in a header"),
        ("http://api.test:99999/", "url: its port is no number from 0 to 65535, or its host is malformed"),
        ("http:///x", "url: it names no host"),
        ("http://api.test/x#part", "url: it has a fragment (#…), which no server gets to see"),
        ("http://api.test/a b", "url: it holds a blank, a backslash or a control character; percent-encode it"),
        (
            "http://api.test/{",
            "url: a brace has no partner, or nothing stands between; placeholders are spelled {column}",
        ),
        (
            "http://api.test/{}",
            "url: a brace has no partner, or nothing stands between; placeholders are spelled {column}",
        ),
    ],
)
def test_wrong_urls(url: str, message: str) -> None:
    """A URL that is none, or in which a row could choose the host, is refused at construction."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        HttpPostRequest(url=url)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"headers": {"X": "a\r\nY: b"}}, "headers: the value of `X` holds a line end or a NUL, or a blank at an end"),
        ({"headers": {"X": "hüsh"}}, "headers: the value of `X` holds letters beyond ASCII"),
        ({"headers": {"X Y": "hush"}}, "headers: 'X Y' is no name of a header"),
        ({"headers": {"Host": "hush"}}, "headers: `Host` is made by the client and cannot be given"),
        ({"envelope": "xml"}, "envelope must be one of array, ndjson, object, single, none, not 'xml'"),
        (
            {"envelope": "object"},
            "envelope_key is the key of the rows with `envelope: object`, and goes with nothing else",
        ),
        (
            {"envelope_key": "items"},
            "envelope_key is the key of the rows with `envelope: object`, and goes with nothing else",
        ),
        ({"timeout_s": 0}, "timeout_s must be above 0, not 0"),
        ({"max_attempts": 0}, "max_attempts must be at least 1, not 0"),
        ({"max_retry_after_s": -1}, "max_retry_after_s must not be below 0, not -1"),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    """Options that make no sense are refused at construction, and no message holds a header's value."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        HttpPostRequest(url="http://api.test/", **options)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        (
            "http://api.test/{whom}",
            "node `post`, url: there is no column `whom` for the placeholder. Hint: did you mean `who`?",
        ),
        (
            "http://api.test/?d={doc}",
            "node `post`, url: column `doc` is `json`, which has no place in a URL",
        ),
    ],
)
def test_placeholders_are_checked_before_the_run(url: str, problem: str) -> None:
    """A placeholder that no column fills is refused at build."""
    with pytest.raises(GraphTypeError) as caught:
        run_into(HttpPostRequest(url=url, name="post"), [], {"who": "varchar(9)", "doc": "json"})
    assert [str(found) for found in caught.value.problems] == [problem]


def test_nothing_can_follow(http_api: HttpApi) -> None:
    """A node behind this sink would get nothing, and is refused at build."""
    node = HttpPostRequest(url=http_api.url, name="post")
    _ = Given([], {"n": "int"}) > node > Kept()
    with pytest.raises(GraphTypeError) as caught:
        start_run(node)
    assert [str(found) for found in caught.value.problems] == [
        "node `post` gives nothing, and nothing can be linked behind it."
        " Hint: link both to the node before it, or give response_schema"
    ]


def test_secrets_are_not_shown() -> None:
    """Neither the text of the node nor its attributes show what a header holds."""
    node = HttpPostRequest(url="http://api.test/", headers={"Authorization": "hush"})
    assert "hush" not in f"{node!r} {vars(node)}"
