"""Nodes that ask an HTTP API, against a real server that answers by a script."""

from __future__ import annotations

import logging
import threading
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from nanotyped import (
    GraphTypeError,
    HttpGetError,
    HttpGetRequest,
    HttpGetRequestPaginator,
    NodeFailedError,
    PaginatedHttpGetRequest,
    RowError,
)
from nanotyped.graph import build_graph
from nanotyped.testing import HttpApi, Request, Response
from tests.support.flows import Given, Kept, run_through

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that nodes would have made; they make none."""
    made: list[float] = []
    monkeypatch.setattr(HttpGetRequest, "sleep", lambda self, seconds: made.append(seconds))
    return made


def failure(node: HttpGetRequest, messages: list[Any], **options: Any) -> NodeFailedError:
    """Run messages through a node that fails, and return the error of the run."""
    with pytest.raises(NodeFailedError) as caught:
        run_through(node, messages, **options)
    return caught.value


def problems(node: Any, schema: dict[str, Any]) -> list[str]:
    """Return what a node behind a source of this schema is refused for."""
    source = Given([], schema, name="given")
    _ = source > node > Kept(name="kept")
    with pytest.raises(GraphTypeError) as caught:
        build_graph(source)
    return [str(problem) for problem in caught.value.problems]


class TestHttpGetRequest:
    """One request for each message."""

    def test_an_object_spreads_into_columns(self, http_api: HttpApi) -> None:
        """What is answered stands beside the columns that came; numbers that are not whole are decimals."""
        http_api.play([Response.of_json({"name": "Ada", "rate": 1.5, "tags": ["a", None]})])
        kept = run_through(HttpGetRequest(url=f"{http_api.url}/users/{{id}}?all=1"), [{"id": 7}])
        assert kept.dicts == [{"id": 7, "name": "Ada", "rate": Decimal("1.5"), "tags": ["a", None]}]
        [request] = http_api.requests
        assert (request.method, request.target, request.body) == ("GET", "/users/7?all=1", b"")
        assert (request.headers["accept"], request.headers["user-agent"]) == ("application/json", "nanotyped")

    def test_the_message_fills_placeholders_before_endpoint_dict(self, http_api: HttpApi) -> None:
        """A name of both is the message's; every sign of a value is encoded; a bare message fills none."""
        http_api.play(lambda _: Response.of_json({}))
        url = f"{http_api.url}/{{kind}}/{{id}}"
        constants: dict[str, str | int] = {"kind": "a b", "id": 9}
        run_through(HttpGetRequest(url=url, endpoint_dict=constants), [{"id": "x/y?z"}])
        run_through(HttpGetRequest(url=url, endpoint_dict=constants, retain_input=False), ["bare"])
        assert [request.target for request in http_api.requests] == ["/a%20b/x%2Fy%3Fz", "/a%20b/9"]

    def test_a_name_in_neither_is_refused(self) -> None:
        """No request is sent with a placeholder in it."""
        node = HttpGetRequest(url="http://localhost/{idd}", name="get")
        assert problems(node, {"id": "int"}) == [
            "node `get`, url: there is no column `idd` for the placeholder. Hint: did you mean `id`?"
        ]
        error = failure(HttpGetRequest(url="http://localhost/{a}", name="get"), ["bare"])
        assert str(error.__cause__) == "nothing fills the placeholder `{a}` of the url"

    def test_an_encoded_value_is_encoded_again(self, http_api: HttpApi) -> None:
        """What looks encoded is the value's own signs."""
        http_api.play([Response.of_json({})])
        run_through(HttpGetRequest(url=f"{http_api.url}/a/{{id}}"), [{"id": "%2e%2e"}])
        assert http_api.requests[0].target == "/a/%252e%252e"

    @pytest.mark.parametrize("value", ["..", "", None])
    def test_a_value_never_leads_elsewhere(self, value: Any, http_api: HttpApi) -> None:
        """What would change the path, or leave a hole in it, is an error of the row, and nothing is asked for."""
        error = failure(HttpGetRequest(url=f"{http_api.url}/a/{{id}}"), [{"id": value}])
        assert isinstance(error.__cause__, RowError)
        assert not http_api.requests

    def test_placeholders_in_the_host_are_refused(self) -> None:
        """Rows do not say where requests go."""
        with pytest.raises(ValueError, match=r"^url: a placeholder may stand in path and query, not in host or port$"):
            HttpGetRequest(url="http://{host}/")

    def test_what_is_no_object_goes_under_output_key(self, http_api: HttpApi) -> None:
        """A list is one column; without a name for it, it is no row beside the columns that came."""
        http_api.play(lambda _: Response.of_json([1, 2]))
        kept = run_through(HttpGetRequest(url=http_api.url, output_key="found"), [{"id": 1}])
        assert kept.dicts == [{"id": 1, "found": [1, 2]}]
        error = failure(HttpGetRequest(url=http_api.url, name="get"), [{"id": 1}])
        assert "give output_key or retain_input: false" in str(error)

    def test_text_as_it_is(self, http_api: HttpApi) -> None:
        """``json=False`` gives the text, whatever it holds."""
        http_api.play([Response(body="[é".encode())])
        kept = run_through(HttpGetRequest(url=http_api.url, json=False, output_key="text"), [{"id": 1}])
        assert kept.dicts == [{"id": 1, "text": "[é"}]

    def test_members_are_read_by_the_declared_types(self, http_api: HttpApi) -> None:
        """With an output schema a date is a date, and the check behind the node knows it."""
        http_api.play([Response.of_json({"on": "2024-05-06", "big": "18446744073709551615", "note": None})])
        schema = {"on": "date", "big": "bigint unsigned", "note": "varchar(9) null"}
        kept = run_through(HttpGetRequest(url=http_api.url, output_schema=schema), [{"id": 1}], {"id": "int"})
        assert kept.dicts == [{"id": 1, "on": date(2024, 5, 6), "big": 2**64 - 1, "note": None}]

    def test_an_answer_that_does_not_fit_is_an_error_of_the_row(self, http_api: HttpApi) -> None:
        """Every member that is missing, beyond the declaration, null or of another type is named."""
        http_api.play([Response.of_json({"on": "soon", "more": 1, "n": None})])
        node = HttpGetRequest(url=http_api.url, output_schema={"on": "date", "n": "int", "gone": "int"}, name="get")
        error = failure(node, [{"id": 1}])
        assert str(error.__cause__) == (
            f"{http_api.url} answered with an object that does not fit: `more` is not declared; "
            "`on`: 'soon' is no `date`: not spelled YYYY-MM-DD; `n` is null; `gone` is missing"
        )

    @pytest.mark.parametrize("status", [400, 404, 409, 410, 414, 422])
    def test_some_answers_are_about_the_row(self, status: int, http_api: HttpApi) -> None:
        """The row is skipped where the policy says so, and the others go on."""
        http_api.play([Response(status), Response.of_json({"ok": True})])
        kept = run_through(HttpGetRequest(url=http_api.url, on_error="skip"), [{"id": 1}, {"id": 2}])
        assert kept.dicts == [{"id": 2, "ok": True}]
        assert len(http_api.requests) == 2

    @pytest.mark.parametrize("status", [401, 403, 405, 301])
    def test_others_end_the_run_whatever_the_policy(self, status: int, http_api: HttpApi) -> None:
        """Credentials, and a service that does not take such requests, are no fault of a row; none is tried again."""
        http_api.play(lambda _: Response(status))
        error = failure(HttpGetRequest(url=http_api.url, on_error="skip"), [{"id": 1}])
        cause = error.__cause__
        assert isinstance(cause, HttpGetError)
        assert (cause.status, cause.attempts, len(http_api.requests)) == (status, 1, 1)

    def test_what_may_pass_is_tried_again(self, http_api: HttpApi, waits: list[float]) -> None:
        """503, a dropped connection and 429 with a pause: then the answer."""
        answers = [
            Response(503),
            Response(drop=True),
            Response(429, {"Retry-After": "7"}),
            Response.of_json({"ok": True}),
        ]
        http_api.play(answers)
        kept = run_through(HttpGetRequest(url=http_api.url), [{"id": 1}])
        assert kept.dicts == [{"id": 1, "ok": True}]
        assert len(waits) == 3
        assert waits[2] == 7.0

    def test_an_outage_ends_the_run(self, http_api: HttpApi, waits: list[float]) -> None:
        """What does not pass within the attempts is told with the last answer."""
        http_api.play(lambda _: Response(500, body=b"out of order"))
        error = failure(HttpGetRequest(url=http_api.url, max_attempts=3, on_error="skip"), [{"id": 1}])
        assert str(error.__cause__) == (
            f"{http_api.url} did not answer with success, after 3 attempts: 500 Internal Server Error: 'out of order'"
        )
        assert len(waits) == 2

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            (b"<html>", "no JSON"),
            (b"", "no JSON"),
            (b'{"a": 1, "a": 2}', "no JSON"),
            (b"[" * 100_000, "no JSON"),
            (b'"\xff"', "no UTF-8: byte 2"),
        ],
        ids=["html", "nothing", "a key twice", "too deep", "no utf-8"],
    )
    def test_an_answer_that_cannot_be_read(self, body: bytes, reason: str, http_api: HttpApi) -> None:
        """It is an error of the row that names the place and what is wrong, not an empty result."""
        http_api.play([Response(body=body)])
        error = failure(HttpGetRequest(url=http_api.url), [{"id": 1}])
        assert isinstance(error.__cause__, RowError)
        assert str(error.__cause__).startswith(f"{http_api.url} answered with what is {reason}")

    def test_a_long_answer_is_not_read_to_its_end(self, http_api: HttpApi) -> None:
        """More bytes than may be, and bytes that are packed in a way that nobody asked for, end the run."""
        http_api.play([Response(body=b" " * 2000 + b"1")])
        error = failure(HttpGetRequest(url=http_api.url, max_answer_bytes=2000), [{"id": 1}])
        assert str(error.__cause__).endswith("after 1 attempt: the answer is longer than 2,000 bytes")
        http_api.play([Response(headers={"Content-Encoding": "br"}, body=b"\x0b\x02\x80{}\x03")])
        error = failure(HttpGetRequest(url=http_api.url), [{"id": 1}])
        assert str(error.__cause__).endswith("after 1 attempt: the answer is packed ('br'), which was not asked for")

    def test_secrets_stay_hidden(self, http_api: HttpApi) -> None:
        """Neither the query nor a header is in the error of a run."""
        http_api.play(lambda _: Response(403))
        node = HttpGetRequest(url=f"{http_api.url}/x?token=hunter2", headers={"X-Key": "swordfish"})
        text = str(failure(node, [{"id": 1}]))
        assert "hunter2" not in text
        assert "swordfish" not in text
        assert http_api.requests[0].headers["x-key"] == "swordfish"

    def test_workers_ask_side_by_side(self, http_api: HttpApi) -> None:
        """Four requests are on their way at once, over a connection each, and the order is kept."""
        together = threading.Barrier(4)

        def answer(request: Request) -> Response:
            together.wait(10)
            return Response.of_json({"path": request.path})

        http_api.play(answer)
        kept = run_through(HttpGetRequest(url=f"{http_api.url}/{{id}}", workers=4), [{"id": n} for n in range(8)])
        assert [row["path"] for row in kept.dicts] == [f"/{n}" for n in range(8)]
        assert len({request.connection for request in http_api.requests}) == 4


def pages(**by_offset: Any) -> Callable[[Request], Response]:
    """Return what answers with the page of an offset in the query."""
    return lambda request: Response.of_json(by_offset[request.query["after"][0] or "first"])


PAGING: dict[str, Any] = {
    "additional_data_key": "has_more",
    "pagination_key": "next",
    "pagination_get_request_key": "offset",
}


class TestPaginator:
    """One output for each page."""

    def paginator(self, http_api: HttpApi, **options: Any) -> HttpGetRequestPaginator:
        """Return a paginator of the API, whose pages are asked for by ``after``."""
        template = f"{http_api.url}/{{kind}}?after={{offset}}"
        given = {
            "endpoint_template": template,
            "endpoint_dict": {"kind": "users"},
            "name": "pages",
            **PAGING,
            **options,
        }
        return HttpGetRequestPaginator(**given)

    def test_every_page_the_last_one_included(self, http_api: HttpApi) -> None:
        """The first offset is empty, the others stand in the pages; the columns of the message stay."""
        http_api.play(
            pages(
                first={"users": [1], "has_more": True, "next": 20},
                **{"20": {"users": [2], "has_more": True, "next": "a&b"}},
                **{"a&b": {"users": [3], "has_more": False, "next": 99}},
            )
        )
        kept = run_through(self.paginator(http_api), [{"id": 1}])
        assert [row["users"] for row in kept.dicts] == [[1], [2], [3]]
        assert {row["id"] for row in kept.dicts} == {1}
        assert [request.target for request in http_api.requests] == [
            "/users?after=",
            "/users?after=20",
            "/users?after=a%26b",
        ]

    def test_each_message_has_its_pages(self, http_api: HttpApi) -> None:
        """For each of them the offset begins anew, and its columns fill placeholders."""
        http_api.play(lambda request: Response.of_json({"of": request.path, "has_more": False}))
        kept = run_through(self.paginator(http_api), [{"kind": "a"}, {"kind": "b"}])
        assert [row["of"] for row in kept.dicts] == ["/a", "/b"]

    @pytest.mark.parametrize(
        "last",
        [{"next": 2}, {"has_more": None, "next": 2}, {"has_more": True}, {"has_more": True, "next": None}],
        ids=["says nothing of more", "null", "names no next", "null next"],
    )
    def test_a_page_that_does_not_say_how_to_go_on_is_the_last(self, last: dict[str, Any], http_api: HttpApi) -> None:
        """It is given, and nothing is asked for behind it."""
        http_api.play([Response.of_json({"n": 1, **last})])
        assert [row["n"] for row in run_through(self.paginator(http_api), [{"id": 1}]).dicts] == [1]

    def test_an_offset_for_the_second_time_ends_it(self, http_api: HttpApi, caplog: pytest.LogCaptureFixture) -> None:
        """A service that goes in a circle is not followed for ever, and the log says so."""
        http_api.play(lambda _: Response.of_json({"has_more": True, "next": "same"}))
        with caplog.at_level(logging.WARNING, "nanotyped.nodes.http"):
            kept = run_through(self.paginator(http_api), [{"id": 1}])
        assert len(kept.rows) == len(http_api.requests) == 2
        assert caplog.messages == ["pages: the service gave an offset for the second time; there the pages end"]

    def test_a_page_that_cannot_be_read_is_no_end(self, http_api: HttpApi) -> None:
        """It is an error of the row: the pages before it count for nothing where the policy skips it."""
        http_api.play([Response.of_json({"has_more": True, "next": 1}), Response(body=b"<html>")])
        kept = run_through(self.paginator(http_api, on_error="skip"), [{"id": 1}])
        assert kept.rows == []

    def test_places_deep_in_a_page_and_a_test_of_one_s_own(self, http_api: HttpApi) -> None:
        """Keys may be lists of steps, and what says whether there are more a function."""
        http_api.play([Response.of_json({"meta": {"left": 3, "at": [5]}}), Response.of_json({"meta": {"left": 0}})])
        node = self.paginator(
            http_api,
            additional_data_key=["meta", "left"],
            pagination_key=["meta", "at", 0],
            additional_data_test=lambda left: left > 0,
            default_offset_value=0,
        )
        assert len(run_through(node, [{"id": 1}]).rows) == 2
        assert [request.query["after"] for request in http_api.requests] == [["0"], ["5"]]

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (
                {"pagination_get_request_key": "ofset"},
                r"there is no placeholder `{ofset}` for the offset \(pagination_get_request_key\) in the url",
            ),
            ({"json": False}, "json must be true: where the next page is stands in the JSON of a page"),
            (
                {"additional_data_key": []},
                r"additional_data_key: a keypath starts with the name of a column, not with \[\]",
            ),
        ],
    )
    def test_wrong_options(self, options: dict[str, Any], message: str, http_api: HttpApi) -> None:
        """Each says what is wrong with it."""
        with pytest.raises(ValueError, match=f"^{message}$"):
            self.paginator(http_api, **options)


class TestPaginatedHttpGetRequest:
    """The same without a node."""

    def test_responses_come_as_they_are_asked_for(self, http_api: HttpApi) -> None:
        """Nothing is asked for before it is wanted; the last page is there."""
        http_api.play([Response.of_json({"has_more": True, "next": n, "n": n}) for n in range(1, 4)])
        api = PaginatedHttpGetRequest(endpoint_template=f"{http_api.url}/?o={{offset}}", **PAGING)
        responses = api.responses()
        assert not http_api.requests
        assert next(responses)["n"] == 1
        assert len(http_api.requests) == 1
        responses.close()  # type: ignore[attr-defined]  # it is a generator

    def test_all_of_them(self, http_api: HttpApi) -> None:
        """Each call begins anew."""
        answers = [{"has_more": True, "next": 1}, {"has_more": False}]
        http_api.play([Response.of_json(answer) for answer in answers * 2])
        api = PaginatedHttpGetRequest(endpoint_template=f"{http_api.url}/?o={{offset}}", **PAGING)
        assert list(api.responses()) == list(api.responses()) == answers

    def test_a_failure_is_raised(self, http_api: HttpApi) -> None:
        """A page that is refused, and one that cannot be read."""
        http_api.play([Response(403, body=b"no"), Response(body=b"<")])
        api = PaginatedHttpGetRequest(endpoint_template=f"{http_api.url}/?o={{offset}}", **PAGING)
        with pytest.raises(HttpGetError, match=r"did not answer with success, after 1 attempt: 403 Forbidden: 'no'$"):
            list(api.responses())
        with pytest.raises(RowError, match="answered with what is no JSON"):
            list(api.responses())
