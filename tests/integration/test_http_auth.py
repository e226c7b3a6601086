"""Nodes that say who they are, against real servers that ask for it, refuse it, let it end, and repeat it."""

from __future__ import annotations

import base64
import logging
import re
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest
from jsonschema import Draft7Validator
from pydantic import SecretStr, ValidationError

from nanotyped import (
    ConfigError,
    CounterOfThings,
    DeliveryError,
    HttpGetError,
    HttpGetRequest,
    HttpPostRequest,
    NodeFailedError,
    PaginatedHttpGetRequest,
    start_run,
)
from nanotyped.cli import main
from nanotyped.config import load_pipeline, parse_pipeline
from nanotyped.config.json_schema import pipeline_schema
from nanotyped.config.yaml_reader import parse_yaml
from nanotyped.engine.fingerprint import fingerprint_of
from nanotyped.graph import build_graph
from nanotyped.nodes import ApiKeyAuth, BasicAuth, BearerAuth, OAuth2Auth
from nanotyped.testing import HttpApi, Request, Response
from tests.support.flows import Given, GivenBatches, run_into, run_through

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from nanotyped.nodes.http.auth import Auth

SECRET, TOKEN, ID = "s3cr/et+of%tills", "t0ken-number-", "till:7"


class Authority:
    """A service with its tokens: it says 401 to all that it does not know. Several threads may ask.

    Args:
        token: What else it says of a token.
        ends_after: The first token is not known any more behind so many requests.

    Attributes:
        rows: What was taken, in order.
        asked: The requests for tokens.
    """

    def __init__(self, token: Mapping[str, object] | None = None, ends_after: int = 1000) -> None:
        self._token = token or {}
        self._left = ends_after
        self._lock = threading.Lock()
        self.asked: list[Request] = []
        self.rows: list[int] = []

    def __call__(self, request: Request) -> Response:
        with self._lock:
            if request.path == "/token":
                self.asked.append(request)
                text = f"{TOKEN}{len(self.asked)}"
                return Response.of_json({"access_token": text, "token_type": "Bearer", **self._token})
            number = (request.headers["Authorization"] or "").removeprefix(f"Bearer {TOKEN}")
            self._left -= 1
            if not number.isdigit() or (number == "1" and self._left < 0):
                return Response(401, body=f"no: {request.headers['Authorization']}".encode())
            self.rows += [row["n"] for row in request.rows()] if request.body else []
            return Response()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that nodes would have made; they make none."""
    made: list[float] = []
    for cls in (HttpPostRequest, HttpGetRequest):
        monkeypatch.setattr(cls, "sleep", lambda self, seconds: made.append(seconds))
    return made


def client(api: HttpApi, **options: Any) -> OAuth2Auth:
    """Return who asks the API for tokens."""
    given = {"token_url": f"{api.url}/token", "client_id": ID, "client_secret": SecretStr(SECRET), **options}
    return OAuth2Auth(**given)


def post(api: HttpApi, auth: Auth, count: int = 1, **options: Any) -> HttpPostRequest:
    """Send rows, one a request, and return the node."""
    node = HttpPostRequest(url=f"{api.url}/rows", auth=auth, name="post", batch_rows=1, **options)
    run_into(node, [(n,) for n in range(1, count + 1)], {"n": "int"})
    return node


def failure(api: HttpApi, auth: Auth, **options: Any) -> str:
    """Return why a row was not taken."""
    with pytest.raises(NodeFailedError) as caught:
        post(api, auth, **options)
    assert isinstance(caught.value.__cause__, DeliveryError)
    return str(caught.value.__cause__).removeprefix(f"{api.url}/rows did not take row 1, ")


# -- what is sent ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("auth", "target", "header"),
    [
        (BearerAuth(token=SecretStr("a.b-c~d+e/f=")), "/rows?a=1", ("Authorization", "Bearer a.b-c~d+e/f=")),
        (ApiKeyAuth(key=SecretStr("hush"), header="X-Key"), "/rows?a=1", ("X-Key", "hush")),
        (ApiKeyAuth(key=SecretStr("h&s h"), query="k y"), "/rows?a=1&k%20y=h%26s%20h", ("Authorization", None)),
        (
            BasicAuth(user=SecretStr("Ädá"), password=SecretStr("p:w")),
            "/rows?a=1",
            ("Authorization", f"Basic {base64.b64encode('Ädá:p:w'.encode()).decode()}"),
        ),
        (BasicAuth(user=SecretStr("sk_1")), "/rows?a=1", ("Authorization", "Basic c2tfMTo=")),
    ],
    ids=["bearer", "header", "query", "basic", "no password"],
)
def test_every_request_says_who_sends_it(
    auth: Auth, target: str, header: tuple[str, str | None], http_api: HttpApi
) -> None:
    """Rows that are sent, rows that are asked for, and pages without a node: each request, and each attempt."""
    run_into(HttpPostRequest(url=f"{http_api.url}/rows?a=1", auth=auth), [(1,), (2,)], {"n": "int"})
    run_through(HttpGetRequest(url=f"{http_api.url}/rows?a=1", auth=auth), [{"n": 1}, {"n": 2}])
    http_api.play([Response(body=b'{"more": false}')])
    options: dict[str, Any] = {"additional_data_key": "more", "pagination_key": "next"}
    pages = PaginatedHttpGetRequest(
        endpoint_template=f"{http_api.url}/rows?a={{o}}",
        pagination_get_request_key="o",
        default_offset_value=1,
        auth=auth,
        **options,
    )
    assert len(list(pages.responses())) == 1
    assert {request.target for request in http_api.requests} == {target}
    assert {request.headers[header[0]] for request in http_api.requests} == {header[1]}


def test_a_key_is_the_only_parameter(http_api: HttpApi) -> None:
    """Where the URL has no query, it gets one."""
    post(http_api, ApiKeyAuth(key=SecretStr("hush"), query="key"))
    assert http_api.requests[0].target == "/rows?key=hush"


@pytest.mark.parametrize("place", ["basic", "body"])
def test_a_token_is_asked_for_by_the_standard(place: Any, http_api: HttpApi) -> None:
    """A form; the client in a header, where a colon of it is no end, or in the form; and what else is to be said."""
    authority = Authority()
    http_api.play(authority)
    auth = client(
        http_api,
        client_auth=place,
        scopes=["rows:read", "rows:write"],
        audience="https://api.test/",
        parameters={"resource": SecretStr("a b")},
    )
    post(http_api, auth)
    [asked] = authority.asked
    form = {
        "grant_type": ["client_credentials"],
        "scope": ["rows:read rows:write"],
        "audience": ["https://api.test/"],
        "resource": ["a b"],
    }
    proof = {"client_id": [ID], "client_secret": [SECRET]}
    assert parse_qs(asked.body.decode()) == (form | proof if place == "body" else form)
    basic = f"Basic {base64.b64encode(b'till%3A7:s3cr%2Fet%2Bof%25tills').decode()}"
    assert asked.headers["Authorization"] == (None if place == "body" else basic)
    assert (asked.method, asked.headers["Content-Type"]) == ("POST", "application/x-www-form-urlencoded")
    assert authority.rows == [1]


# -- tokens that end ---------------------------------------------------------------------


def test_one_token_serves_all_requests(http_api: HttpApi) -> None:
    """It is asked for when the first row needs it, and not again while it is good."""
    authority = Authority({"expires_in": 3600})
    http_api.play(authority)
    post(http_api, client(http_api), count=20)
    assert authority.rows == list(range(1, 21))
    assert [request.path for request in http_api.requests[:3]] == ["/token", "/rows", "/rows"]
    assert len(authority.asked) == 1
    run_into(HttpPostRequest(url=f"{http_api.url}/rows", auth=client(http_api)), [], {"n": "int"})
    assert len(authority.asked) == 1


def test_a_token_that_ends_in_the_middle_of_a_run_is_replaced(http_api: HttpApi) -> None:
    """Every row arrives once, the token is asked for twice, and the row in hand is the only one that is sent again."""
    authority = Authority({"expires_in": 3600}, ends_after=5)
    http_api.play(authority)
    node = HttpPostRequest(url=f"{http_api.url}/rows", auth=client(http_api), name="post", batch_rows=1, max_attempts=1)
    report = run_into(node, [(n,) for n in range(10)], {"n": "int"})
    assert authority.rows == list(range(10))
    assert len(authority.asked) == 2
    assert (report["post"].received, report["post"].retried) == (10, 1)
    assert len(http_api.requests) == 2 + 11


def test_rows_that_are_asked_for_survive_the_end_of_a_token(http_api: HttpApi) -> None:
    """The same of a node that reads: each row is answered, and none is rejected."""
    authority = Authority(ends_after=3)
    http_api.play(authority)
    node = HttpGetRequest(url=f"{http_api.url}/{{n}}", auth=client(http_api), on_error="skip", name="get")
    kept = run_through(node, [{"n": n} for n in range(6)])
    assert [row["n"] for row in kept.dicts] == list(range(6))
    assert (len(authority.asked), node.statistics.retried) == (2, 1)


def test_the_time_of_a_token_is_kept(http_api: HttpApi) -> None:
    """Before its time has ended another one is asked for, and no request is refused."""
    authority = Authority({"expires_in": 0.2})
    http_api.play(authority)
    node = HttpPostRequest(url=f"{http_api.url}/rows", auth=client(http_api), batch_rows=1)
    gates = {1: threading.Event()}
    _ = Given([(1,), (2,)], {"n": "int"}, gates=gates) > node
    run = start_run(node)
    http_api.wait_for_requests(2)
    time.sleep(0.2)  # the time of the token, by a clock that the node does not let be replaced
    gates[1].set()
    run.wait(10)
    assert [request.path for request in http_api.requests] == ["/token", "/rows", "/token", "/rows"]
    assert authority.rows == [1, 2]


def test_workers_refresh_once(http_api: HttpApi) -> None:
    """Four requests that are refused at once with one token are sent again with one other."""
    authority = Authority()
    together = threading.Barrier(4, timeout=10)
    refused: list[str] = []

    def answer(request: Request) -> Response:
        if request.headers["Authorization"] == f"Bearer {TOKEN}1":
            refused.append(request.target)
            together.wait()
            return Response(401)
        return authority(request)

    http_api.play(answer)
    node = HttpPostRequest(url=f"{http_api.url}/rows", auth=client(http_api), name="post", batch_rows=1, workers=4)
    _ = GivenBatches([[(n,)] for n in range(12)], {"n": "int"}) > node
    report = start_run(node).wait(20)
    assert len(refused) == 4
    assert len(authority.asked) == 2
    assert sorted(authority.rows) == list(range(12))
    assert (report["post"].received, report["post"].retried) == (12, 4)


def test_a_second_401_ends_the_run(http_api: HttpApi, waits: list[float]) -> None:
    """Whom a new token does not help, no third one will; no row is rejected for it."""
    asked: list[str] = []

    def answer(request: Request) -> Response:
        asked.append(request.path)
        if request.path == "/token":
            return Response.of_json({"access_token": f"{TOKEN}{len(asked)}", "token_type": "bearer"})
        return Response(401, body=f"not {request.headers['Authorization']}".encode())

    http_api.play(answer)
    assert failure(http_api, client(http_api), on_error="skip") == (
        "after 2 attempts: 401 Unauthorized: 'not Bearer *****'; the token was a new one"
    )
    assert asked == ["/token", "/rows", "/token", "/rows"]
    assert waits == []


def test_a_token_that_is_renewed_is_no_attempt(http_api: HttpApi, waits: list[float]) -> None:
    """Of two attempts both are left for what may pass."""
    authority = Authority(ends_after=0)
    busy = [Response(503)]

    def answer(request: Request) -> Response:
        is_renewed = request.headers["Authorization"] == f"Bearer {TOKEN}2"
        return busy.pop() if busy and is_renewed else authority(request)

    http_api.play(answer)
    post(http_api, client(http_api), max_attempts=2)
    assert authority.rows == [1]
    assert [request.path for request in http_api.requests] == ["/token", "/rows", "/token", "/rows", "/rows"]
    assert len(waits) == 1


def test_a_401_to_a_token_that_does_not_change_is_final(http_api: HttpApi, waits: list[float]) -> None:
    """A token out of the configuration is no other the second time."""
    http_api.play(lambda _: Response(401))
    assert failure(http_api, BearerAuth(token=SecretStr("x"))) == "after 1 attempt: 401 Unauthorized: '{}'"
    assert len(http_api.requests) == 1


# -- authorities that do not answer well -------------------------------------------------


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (
            Response.of_json({"error": "invalid_client", "error_description": f"{SECRET} is wrong"}, 401),
            "after 1 attempt: 401 Unauthorized: 'invalid_client: ***** is wrong'",
        ),
        (
            Response.of_json({"error": "invalid_scope", "x": SECRET}, 400),
            "after 1 attempt: 400 Bad Request: 'invalid_scope'",
        ),
        (Response(403, body=f"<html>{SECRET}".encode()), "after 1 attempt: 403 Forbidden"),
        (Response(body=b"<html>"), ": the answer is no JSON"),
        (Response.of_json(["a"]), ": the answer has no `access_token`, or one that no header takes"),
        (
            Response.of_json({"access_token": "a\r\nb"}),
            ": the answer has no `access_token`, or one that no header takes",
        ),
        (
            Response.of_json({"access_token": "hush", "token_type": "mac"}),
            ": the token is of type 'mac', and only `bearer` is known",
        ),
        (
            Response(307, {"Location": "http://169.254.169.254/token"}),
            "after 1 attempt: 307 Temporary Redirect to host `169.254.169.254`; redirects are not followed, "
            "give the final url",
        ),
        (Response(body=b" " * (1024 * 1024 + 1)), "after 1 attempt: the answer is longer than 1,048,576 bytes"),
    ],
    ids=["error", "without description", "page", "no json", "no object", "no header", "mac", "redirect", "long"],
)
def test_an_authority_that_gives_no_token_ends_the_run(
    response: Response, reason: str, http_api: HttpApi, waits: list[float]
) -> None:
    """The error says what the authority says, without the secret; nothing is sent to the service."""
    http_api.play([response])
    told = failure(http_api, client(http_api), on_error="skip")
    assert (
        told == f"after 0 attempts: no token from {http_api.url}/token{reason if reason[0] == ':' else f', {reason}'}"
    )
    assert [request.path for request in http_api.requests] == ["/token"]


def test_an_authority_that_is_busy_is_asked_again(http_api: HttpApi, waits: list[float]) -> None:
    """As any service is: after the pause that it asks for, and with a limit to that."""
    authority = Authority()
    busy = [Response(503), Response(429, {"Retry-After": "7"}), Response(drop=True)]

    def answer(request: Request) -> Response:
        return busy.pop(0) if request.path == "/token" and busy else authority(request)

    http_api.play(answer)
    post(http_api, client(http_api))
    assert authority.rows == [1]
    assert (len(waits), waits[1]) == (3, 7.0)
    busy += [Response(503)] * 2
    assert failure(http_api, client(http_api), max_attempts=2) == (
        f"after 0 attempts: no token from {http_api.url}/token, after 2 attempts: 503 Service Unavailable"
    )


def test_an_authority_that_says_nothing_is_not_waited_for_beyond_the_deadline(http_api: HttpApi) -> None:
    """The time of a request is for its token too."""
    http_api.play(lambda _: Response(hold=threading.Event()))
    started = time.monotonic()
    assert failure(http_api, client(http_api), deadline_s=0.3) == (
        f"after 0 attempts: no token from {http_api.url}/token, after 1 attempt: "
        "no whole answer before the deadline of 0.3 s"
    )
    assert time.monotonic() - started < 5


def test_a_stop_ends_the_pause_of_all_who_wait_for_a_token(http_api: HttpApi) -> None:
    """Who asks and who waits for that one end at once, and their rows count as not delivered."""
    http_api.play(lambda _: Response(503, {"Retry-After": "60"}))
    node = HttpPostRequest(url=f"{http_api.url}/rows", auth=client(http_api), batch_rows=1, workers=3)
    _ = GivenBatches([[(n,)] for n in range(9)], {"n": "int"}) > node
    run = start_run(node)
    http_api.wait_for_requests(1)
    started = time.monotonic()
    node.terminate_pipeline()
    report = run.wait(10)
    assert time.monotonic() - started < 3
    assert [entry.status for entry in report.nodes][-1] == "stopped"
    assert {request.path for request in http_api.requests} == {"/token"}


def test_who_waits_fails_as_who_asks(http_api: HttpApi, waits: list[float]) -> None:
    """An authority that is out of order is asked by one worker, not by each in turn."""
    http_api.play(lambda _: Response(400, body=b'{"error": "invalid_grant"}'))
    node = HttpGetRequest(url=f"{http_api.url}/{{n}}", auth=client(http_api), workers=4, on_error="skip")
    with pytest.raises(NodeFailedError) as caught:
        run_through(node, [{"n": n} for n in range(8)])
    assert isinstance(caught.value.__cause__, HttpGetError)
    assert "400 Bad Request: 'invalid_grant'" in str(caught.value.__cause__)
    assert len(http_api.requests) <= 4


# -- what is never shown -----------------------------------------------------------------

AUTHS: Mapping[str, Callable[[HttpApi], Auth]] = {
    "bearer": lambda _: BearerAuth(token=SecretStr(SECRET)),
    "header": lambda _: ApiKeyAuth(key=SecretStr(SECRET), header="X-Key"),
    "query": lambda _: ApiKeyAuth(key=SecretStr(SECRET), query="key"),
    "basic": lambda _: BasicAuth(user=SecretStr("user-" + SECRET), password=SecretStr(SECRET)),
    "oauth2": client,
}
BASICS = [
    base64.b64encode(text.encode()).decode() for text in (f"user-{SECRET}:{SECRET}", "till%3A7:s3cr%2Fet%2Bof%25tills")
]
SPILT = (SECRET, "s3cr", "%2Fet%2Bof", TOKEN, *BASICS)


@pytest.mark.parametrize("kind", AUTHS)
def test_a_service_that_repeats_what_it_was_sent_is_not_repeated(
    kind: str, http_api: HttpApi, caplog: pytest.LogCaptureFixture, waits: list[float]
) -> None:
    """Neither the error of a run nor any log, those of the libraries and of every attempt included, has a secret."""

    def echo(request: Request) -> Response:
        if request.path == "/token":
            return Response.of_json({"access_token": TOKEN + "1", "token_type": "bearer"})
        return Response(503, body=f"{request.target} {request.headers} {request.body!r}".encode())

    http_api.play(echo)
    with caplog.at_level(logging.DEBUG):
        text = failure(http_api, AUTHS[kind](http_api), max_attempts=2)
    assert "503 Service Unavailable" in text
    assert any("POST /rows HTTP/1.1" in message for message in caplog.messages)  # of urllib3
    for spelling in SPILT:
        assert spelling not in text
        assert spelling not in caplog.text


@pytest.mark.parametrize("kind", AUTHS)
def test_no_file_and_no_fingerprint_holds_a_secret(kind: str, http_api: HttpApi) -> None:
    """A file names the variables that hold them, and another secret is the same pipeline."""

    def flow(auth: Auth) -> HttpPostRequest:
        node = HttpPostRequest(url="https://api.test/rows", auth=auth, name="post")
        _ = CounterOfThings(name="given") > node
        return node

    auth = AUTHS[kind](http_api)
    other = auth.model_copy(
        update={name: SecretStr("an://other") for name in type(auth).model_fields if _is_secret(auth, name)}
    )
    assert other.secrets() != auth.secrets()
    assert fingerprint_of(build_graph(flow(auth))) == fingerprint_of(build_graph(flow(other)))
    text = flow(auth).to_yaml()
    variables = {name: f"{name}-of-the-till" for name in re.findall(r"^# Set (\w+):", text, re.MULTILINE)}
    assert variables
    assert f"type: {auth.type}" in text
    loaded = parse_pipeline(text, "f.yaml", variables)
    assert fingerprint_of(build_graph(loaded.anchor)) == fingerprint_of(build_graph(flow(auth)))
    told = text + repr(auth) + str(auth) + repr(flow(auth)) + auth.model_dump_json()
    assert [spelling for spelling in SPILT if spelling in told] == []


def test_another_authority_is_another_pipeline() -> None:
    """What is no secret counts, though its name has a token in it."""
    prints = []
    for host in ("a", "b"):
        auth = OAuth2Auth(token_url=f"https://{host}.test/", client_id=ID, client_secret=SecretStr(SECRET))
        source = Given([], {"n": "int"}, name="given")
        _ = source > HttpPostRequest(url="https://api.test/", auth=auth, name="post")
        prints.append(fingerprint_of(build_graph(source)))
    assert prints[0] != prints[1]


def _is_secret(auth: Auth, name: str) -> bool:
    return isinstance(getattr(auth, name), SecretStr)


def test_credentials_in_the_clear_are_noticed(caplog: pytest.LogCaptureFixture) -> None:
    """Over plain HTTP to another host everybody on the way reads them: a notice, for some networks are one's own."""
    auth = BearerAuth(token=SecretStr(SECRET))
    node = HttpPostRequest(url="http://api.test/rows?a=1", auth=auth, name="post")
    [notice] = node.notices()
    assert notice == (
        "`bearer` credentials go to http://api.test/rows without TLS: whoever is on the way can read them"
    )
    node.setup()
    node.cleanup()
    assert caplog.messages == [f"post: {notice}"]
    for url in ("https://api.test/rows", "http://127.0.0.1/rows", "http://localhost:8000/", "http://[::1]/"):
        assert HttpPostRequest(url=url, auth=auth).notices() == []


# -- what is refused before a run --------------------------------------------------------


@pytest.mark.parametrize(
    ("auth", "options", "message"),
    [
        (
            BearerAuth(token=SecretStr("x")),
            {"headers": {"authorization": "Basic x"}},
            "headers: `authorization` is what auth makes; give one of both",
        ),
        (
            OAuth2Auth(token_url="https://a.test/t", client_id="c", client_secret=SecretStr("s")),
            {"headers": {"Authorization": "Basic x"}},
            "headers: `Authorization` is what auth makes; give one of both",
        ),
        (
            ApiKeyAuth(key=SecretStr("x"), header="X-Key"),
            {"headers": {"x-key": "y"}},
            "headers: `x-key` is what auth makes; give one of both",
        ),
        (
            ApiKeyAuth(key=SecretStr("x"), query="key"),
            {"url": "https://api.test/?a=1&key=y"},
            "url: `key` is what auth puts into the query; give one of both",
        ),
        ({"type": "bearer"}, {}, "auth must be a BearerAuth, an ApiKeyAuth, a BasicAuth or an OAuth2Auth"),
    ],
)
def test_two_who_say_who_it_is(auth: Any, options: dict[str, Any], message: str) -> None:
    """A header, or a parameter, that says it too is refused; which one is meant is not known."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        HttpPostRequest(auth=auth, **{"url": "https://api.test/rows", **options})
    assert str(caught.value) == message


OAUTH2 = "type: oauth2, token_url: 'https://a.test/t', client_id: c, client_secret: s"


@pytest.mark.parametrize(
    ("auth", "problem"),
    [
        ("{token: hush-hush}", "5:15: `type` is missing"),
        (
            "{type: baerer, token: hush-hush}",
            "5:28: option `auth`: expected `bearer`, `api_key`, `basic`, `oauth2`, got the text 'baerer'",
        ),
        ("{type: bearer, token: 77777}", "5:43: option `auth`: expected text, got a secret of another kind"),
        ("{type: bearer, tokn: hush-hush, token: x}", "5:36: unknown key `tokn`; did you mean `token`?"),
        ("{type: bearer, token: x, key: hush-hush}", "5:46: unknown key `key`; known are `type`, `token`"),
        (
            '{type: bearer, token: "hush\\nhush"}',
            "5:43: option `auth`: token is empty, or holds a blank, a line end or letters beyond ASCII",
        ),
        ("hush-hush", "5:21: option `auth`: expected a mapping, got a secret of another kind"),
        ("{type: api_key, key: hush-hush}", "5:21: option `auth`: a key stands in one place: give header or query"),
        (
            "{type: api_key, key: hush-hush, header: Content-Type}",
            "5:21: option `auth`: `Content-Type` is no header for a key",
        ),
        (
            '{type: api_key, key: "hush\\nhush", header: X}',
            "5:21: option `auth`: key holds a line end, a blank at an end, or letters beyond ASCII: no header takes it",
        ),
        ("{type: api_key, key: '', header: X}", "5:21: option `auth`: key is empty"),
        ("{type: basic, user: 'hush:hush'}", "5:21: option `auth`: user holds a colon, which ends the name on its way"),
        (
            '{type: basic, user: u, password: "hush\\nhush"}',
            "5:21: option `auth`: user or password holds a line end or another control character",
        ),
        (
            f"{{{OAUTH2.replace('https', 'http')}}}",
            "5:47: option `auth`: token_url: it must start with https://, "
            "or everybody on the way has the client_secret",
        ),
        (
            f"{{{OAUTH2.replace('a.test/t', 'a.test/{n}')}}}",
            "5:47: option `auth`: token_url: no row fills a placeholder of it",
        ),
        (
            f"{{{OAUTH2.replace('https://', 'ftp://')}}}",
            "5:47: option `auth`: token_url: it must start with http:// or https://",
        ),
        (
            f"{{{OAUTH2}, scopes: ['a b']}}",
            "5:107: option `auth`: scopes: 'a b' is no scope: it is empty, or holds a blank, a quote or a backslash",
        ),
        (
            f"{{{OAUTH2}, parameters: {{scope: x}}}}",
            "5:111: option `auth`: parameters: `scope` is no parameter to give here; it has an option or is made",
        ),
        (
            f"{{{OAUTH2}, parameters: {{x: 77777}}}}",
            "5:115: option `auth`: expected text, got a secret of another kind",
        ),
    ],
)
def test_what_is_wrong_in_a_file_is_named_at_its_place(auth: str, problem: str) -> None:
    """Each mistake has its line and column, and no message shows what may be a secret."""
    text = (
        "nodes:\n  c: {class: CounterOfThings}\n  post:\n    class: HttpPostRequest\n"
        f"    options: {{auth: {auth}, url: 'https://api.test/'}}\npaths: [[c, post]]\n"
    )
    with pytest.raises(ConfigError) as caught:
        parse_pipeline(text, "f.yaml", {})
    [found] = [str(one) for one in caught.value.problems]
    assert found == f"f.yaml:{problem}"
    assert "hush" not in found
    assert "77777" not in found


def test_all_that_is_wrong_with_it_is_named_at_once() -> None:
    """However deep it stands."""
    auth = "{type: oauth2, token_url: 'http://a.test/', client_id: c, client_secret: 77777, scopes: [1]}"
    text = (
        f"nodes:\n  c: {{class: CounterOfThings}}\n  p:\n    class: HttpPostRequest\n    options:\n      auth: {auth}\n"
    )
    with pytest.raises(ConfigError) as caught:
        parse_pipeline(text + "      url: https://api.test/\npaths: [[c, p]]\n", "f.yaml", {})
    assert [str(problem) for problem in caught.value.problems] == [
        "f.yaml:6:39: option `auth`: token_url: it must start with https://, "
        "or everybody on the way has the client_secret",
        "f.yaml:6:86: option `auth`: expected text, got a secret of another kind",
        'f.yaml:6:102: option `auth`: expected text, got the number 1; in quotes it is text: "1"',
    ]


def test_python_is_told_without_what_it_gave() -> None:
    """The error of a model that is refused does not show the values of its call."""
    with pytest.raises(ValidationError) as caught:
        ApiKeyAuth(key="hush-hush")  # type: ignore[arg-type]  # as one writes it without a checker
    assert "give header or query" in str(caught.value)
    assert "hush" not in str(caught.value)


# -- files -------------------------------------------------------------------------------

FILE = """\
nodes:
  count: {class: CounterOfThings, options: {end: 3}}
  ask:
    class: HttpGetRequest
    options:
      url: "http://api.test/x"
      output_key: found
      auth: {type: api_key, key: "${API_KEY}", query: key}
  post:
    class: HttpPostRequest
    options:
      url: "${API}/rows"
      auth:
        type: oauth2
        token_url: "${API}/token"
        client_id: till
        client_secret: "${CLIENT_SECRET}"
        scopes: [rows]
        parameters: {resource: "${API}"}
paths: [[count, ask, post]]
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file with two nodes that say who they are, and the variables that it names."""
    monkeypatch.chdir(tmp_path)
    for name, value in {"API": "http://127.0.0.1:9", "API_KEY": "k3y-of-it", "CLIENT_SECRET": SECRET}.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "p.yaml").write_text(FILE)
    return "p.yaml"


def test_a_file_is_checked_and_noted(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`check` passes it, notes what goes in the clear, and `schema` gives editors what it is held to."""
    assert main(["check", file]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("p.yaml: ok (")
    assert " ".join(err.split()) == (
        "p.yaml: note: node `ask`: `api_key` credentials go to http://api.test/x without TLS: whoever is on the way "
        "can read them"
    )
    assert main(["lint", file]) == 0
    validator = Draft7Validator(pipeline_schema())
    assert list(validator.iter_errors(parse_yaml(FILE, file).value)) == []
    for wrong in ("type: oauth3", "clientid: till", "scopes: 5"):
        text = FILE.replace("type: oauth2", wrong) if "type" in wrong else FILE.replace("client_id: till", wrong)
        assert list(validator.iter_errors(parse_yaml(text, file).value)) != []
    assert list(validator.iter_errors(parse_yaml(FILE.replace("        type: oauth2\n", ""), file).value)) != []


def test_a_file_and_what_is_made_of_it_are_one_pipeline(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As a file of nodes and edges, as a program, and out of that as a file again, with variables for secrets."""
    before = fingerprint_of(build_graph(load_pipeline(file).anchor))
    exported = []
    for words in (["export", file, "--yaml"], ["export", file, "--python"]):
        capsys.readouterr()
        assert main(words) == 0
        exported.append(capsys.readouterr().out)
    as_file, program = exported
    assert fingerprint_of(build_graph(parse_pipeline(as_file, "f.yaml", _variables()).anchor)) == before
    names: dict[str, Any] = {"__name__": "exported"}
    exec(compile(program, "exported.py", "exec"), names)
    node = names["post"]
    assert fingerprint_of(build_graph(node)) == before
    again = node.to_yaml()
    assert fingerprint_of(build_graph(parse_pipeline(again, "f.yaml", _variables()).anchor)) == before
    assert "type: oauth2" in again
    assert 'client_secret: "${CLIENT_SECRET}"' in again
    assert [secret for secret in (SECRET, "k3y-of-it") for text in (as_file, program, again) if secret in text] == []


def _variables() -> dict[str, str]:
    return {"API": "http://127.0.0.1:9", "API_KEY": "k3y-of-it", "CLIENT_SECRET": SECRET}
