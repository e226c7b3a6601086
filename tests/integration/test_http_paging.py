"""Pages of every kind, and services that page wrongly, against a real server."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any

import pytest

from nanotyped import (
    CursorPages,
    HeaderLinkPages,
    HttpGetRequest,
    HttpGetRequestPaginator,
    JsonLinkPages,
    NodeFailedError,
    NumberedPages,
    OffsetPages,
    PagingError,
    RowError,
    SinglePage,
)
from nanotyped.nodes import ResponseRule
from nanotyped.nodes.http.client import asked_pause_s
from nanotyped.testing import HttpApi, Request, Response
from tests.support.flows import run_through

Script = Callable[[Request], Response]
ROWS = [{"n": n} for n in range(1, 8)]


def paginator(http_api: HttpApi, pagination: Any, path: str = "/rows", **options: Any) -> HttpGetRequestPaginator:
    """Return a paginator of the API that gives a message for each record."""
    given = {"records": "data", "name": "pages", **options}
    return HttpGetRequestPaginator(url=f"{http_api.url}{path}", pagination=pagination, **given)


def numbers(node: HttpGetRequestPaginator) -> list[int]:
    """Run one message through a paginator and return the number of each record."""
    return [row["n"] for row in run_through(node, [{"id": 1}]).dicts]


def failure(node: HttpGetRequestPaginator) -> BaseException | None:
    """Run one message through a paginator that fails, and return why."""
    with pytest.raises(NodeFailedError) as caught:
        run_through(node, [{"id": 1}])
    return caught.value.__cause__


def targets(http_api: HttpApi) -> list[str]:
    """Return what was asked for, in order."""
    return [request.target for request in http_api.requests]


# -- every kind -----------------------------------------------------------------------------------


def by_offset(rows: list[Any] = ROWS, **more: Any) -> Script:
    """Return what answers with the rows of an offset."""

    def answer(request: Request) -> Response:
        offset, limit = int(request.query["offset"][0]), int(request.query["limit"][0])
        return Response.of_json({"data": rows[offset : offset + limit], **more})

    return answer


def by_page(rows: list[Any] = ROWS, size: int = 3, first: int = 1, **more: Any) -> Script:
    """Return what answers with the rows of a page."""

    def answer(request: Request) -> Response:
        start = (int(request.query["page"][0]) - first) * size
        return Response.of_json({"data": rows[start : start + size], **more})

    return answer


def test_the_link_of_the_header_is_followed(http_api: HttpApi) -> None:
    """Relative links too, as they stand there; the last page has none and is there."""

    def answer(request: Request) -> Response:
        page = int(request.query.get("page", ["1"])[0])
        links = [f'</rows?page={page - 1}>; rel="prev"'] if page > 1 else []
        links += [f'<?page={page + 1}&x=a%2Cb>; rel="next"'] if page == 1 else []
        links += [f'<{http_api.url}/rows?page={page + 1}>; rel="next"'] if page == 2 else []
        return Response.of_json({"data": [{"n": page}]}, headers={"Link": ", ".join(links)})

    http_api.play(answer)
    assert numbers(paginator(http_api, HeaderLinkPages(), "/rows?size=1")) == [1, 2, 3]
    assert targets(http_api) == ["/rows?size=1", "/rows?page=2&x=a%2Cb", "/rows?page=3"]


@pytest.mark.parametrize("last", [{"next": None}, {"next": ""}, {}, {"next": False}])
def test_the_link_in_the_page_is_followed(last: dict[str, Any], http_api: HttpApi) -> None:
    """Until it is null, empty or not there."""
    http_api.play(
        [
            Response.of_json({"data": [{"n": 1}], "links": {"next": "/rows/2"}}),
            Response.of_json({"data": [{"n": 2}], "links": last}),
        ]
    )
    assert numbers(paginator(http_api, JsonLinkPages(path=["links", "next"]))) == [1, 2]
    assert targets(http_api) == ["/rows", "/rows/2"]


def test_the_cursor_goes_into_the_query(http_api: HttpApi) -> None:
    """Encoded; the first request has none, and the rest of the query stays as it is."""
    http_api.play(
        [
            Response.of_json({"data": [{"n": 1}], "next": "a&b="}),
            Response.of_json({"data": [{"n": 2}], "next": 7}),
            Response.of_json({"data": [{"n": 3}], "next": None}),
        ]
    )
    assert numbers(paginator(http_api, CursorPages(path="next", parameter="after"), "/rows?a=%20")) == [1, 2, 3]
    assert targets(http_api) == ["/rows?a=%20", "/rows?a=%20&after=a%26b%3D", "/rows?a=%20&after=7"]


def test_the_cursor_may_be_in_the_last_record_and_more_elsewhere(http_api: HttpApi) -> None:
    """`has_more` decides, whatever cursor there is."""
    http_api.play(
        [
            Response.of_json({"data": [{"n": 1}, {"n": 2}], "has_more": True}),
            Response.of_json({"data": [{"n": 3}], "has_more": False}),
        ]
    )
    pagination = CursorPages(path=["data", -1, "n"], parameter="starting_after", has_more="has_more")
    assert numbers(paginator(http_api, pagination)) == [1, 2, 3]
    assert targets(http_api) == ["/rows", "/rows?starting_after=2"]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"has_more": True}, "says that there are more pages, and has no cursor for the next one"),
        ({"has_more": "yes", "next": 1}, "has a string at `has_more`, and true or false is wanted"),
        ({"has_more": True, "next": [1]}, "has an array where the cursor of the next page should be"),
    ],
)
def test_a_page_that_contradicts_itself_is_no_end(more: dict[str, Any], reason: str, http_api: HttpApi) -> None:
    """It is an error that names the page."""
    http_api.play([Response.of_json({"data": [{"n": 1}], **more})])
    error = failure(paginator(http_api, CursorPages(path="next", parameter="after", has_more="has_more")))
    assert isinstance(error, PagingError)
    assert str(error) == f"{http_api.url}/rows, page 1 {reason}"


def test_offsets_end_at_a_page_without_records(http_api: HttpApi) -> None:
    """Fewer records than the limit may be all that a service gives at a time, which loses nothing."""
    http_api.play(by_offset())
    assert numbers(paginator(http_api, OffsetPages(limit=3))) == [1, 2, 3, 4, 5, 6, 7]
    assert targets(http_api) == [f"/rows?limit=3&offset={offset}" for offset in (0, 3, 6, 7)]

    def capped(request: Request) -> Response:
        offset = int(request.query["offset"][0])
        return Response.of_json({"data": ROWS[offset : offset + 2]})

    http_api.play(capped)
    assert numbers(paginator(http_api, OffsetPages(limit=3))) == [1, 2, 3, 4, 5, 6, 7]


def test_an_empty_last_page_is_no_error(http_api: HttpApi) -> None:
    """Where the rows fill all pages, the one behind them has none: of offsets and of numbers."""
    http_api.play(by_offset(ROWS[:6]))
    assert numbers(paginator(http_api, OffsetPages(limit=3))) == [1, 2, 3, 4, 5, 6]
    http_api.play(by_page(ROWS[:6]))
    assert numbers(paginator(http_api, NumberedPages())) == [1, 2, 3, 4, 5, 6]
    assert [request.query["page"] for request in http_api.requests[3:]] == [["1"], ["2"], ["3"]]


def test_a_total_ends_offsets_and_nothing_else_does(http_api: HttpApi) -> None:
    """The page behind it is not asked for, and a service that gives fewer than were asked for loses nothing."""
    http_api.play(by_offset(ROWS[:6], total=6))
    assert numbers(paginator(http_api, OffsetPages(limit=3, total="total"))) == [1, 2, 3, 4, 5, 6]
    assert len(http_api.requests) == 2

    def short(request: Request) -> Response:
        offset = int(request.query["skip"][0])
        return Response.of_json({"data": ROWS[offset : offset + 2], "meta": {"total": 7}})

    http_api.play(short)
    pagination = OffsetPages(limit=3, limit_parameter="top", parameter="skip", total=["meta", "total"])
    assert numbers(paginator(http_api, pagination)) == [1, 2, 3, 4, 5, 6, 7]
    assert targets(http_api)[2:] == [f"/rows?top=3&skip={offset}" for offset in (0, 2, 4, 6)]


def test_numbers_end_at_the_number_of_pages(http_api: HttpApi) -> None:
    """Also where the first page is number 0."""
    http_api.play(by_page(first=0, pages=3))
    pagination = NumberedPages(first_page=0, total_pages="pages")
    assert numbers(paginator(http_api, pagination, "/rows?sort=n")) == [1, 2, 3, 4, 5, 6, 7]
    assert targets(http_api) == [f"/rows?sort=n&page={page}" for page in (0, 1, 2)]


@pytest.mark.parametrize(
    ("found", "what"), [({}, "nothing"), ({"total": "7"}, "a string"), ({"total": -1}, "a number")]
)
def test_a_total_that_is_none_is_no_end(found: dict[str, Any], what: str, http_api: HttpApi) -> None:
    """It is named with the page."""
    http_api.play(by_offset(**found))
    error = failure(paginator(http_api, OffsetPages(limit=3, total="total")))
    assert str(error) == f"{http_api.url}/rows, page 1 has {what} at `total`, and a whole number is wanted"


def test_a_single_page_is_one(http_api: HttpApi) -> None:
    """Whatever it says of others."""
    http_api.play([Response.of_json([{"n": 1}, {"n": 2}], headers={"Link": "</2>; rel=next"})])
    assert numbers(paginator(http_api, SinglePage(), records=[])) == [1, 2]
    assert len(http_api.requests) == 1


def test_pages_or_their_records(http_api: HttpApi) -> None:
    """Without `records` each page is one message, beside the columns that came; each message has its own walk."""
    http_api.play(lambda request: Response.of_json({"of": request.path, "data": []}))
    node = HttpGetRequestPaginator(
        url=f"{http_api.url}/{{kind}}/{{id}}",
        endpoint_dict={"kind": "users"},
        pagination=CursorPages(path="next", parameter="after"),
    )
    assert run_through(node, [{"id": 1}, {"id": 2}]).dicts == [
        {"id": 1, "of": "/users/1", "data": []},
        {"id": 2, "of": "/users/2", "data": []},
    ]


def test_records_of_classic_pages(http_api: HttpApi) -> None:
    """The option holds for the classic ones too."""
    http_api.play(
        [Response.of_json({"data": [{"n": 1}, {"n": 2}], "more": True, "at": 9}), Response.of_json({"data": []})]
    )
    node = HttpGetRequestPaginator(
        endpoint_template=f"{http_api.url}/?o={{o}}",
        additional_data_key="more",
        pagination_key="at",
        pagination_get_request_key="o",
        records="data",
    )
    assert numbers(node) == [1, 2]


def test_a_limit_of_pages_is_told(http_api: HttpApi, caplog: pytest.LogCaptureFixture) -> None:
    """What lies behind it is left, and the log says so; where nothing does it is silent."""
    http_api.play(by_offset())
    with caplog.at_level(logging.WARNING, "nanotyped.nodes.http"):
        assert numbers(paginator(http_api, OffsetPages(limit=3, max_pages=2))) == [1, 2, 3, 4, 5, 6]
        assert numbers(paginator(http_api, OffsetPages(limit=3, max_pages=4))) == [1, 2, 3, 4, 5, 6, 7]
    assert caplog.messages == ["pages: max_pages: 2 were read, and there may be more"]


def test_an_answer_without_a_page_is_the_end(http_api: HttpApi) -> None:
    """204, and what a rule ignores: some services answer so behind the last page."""
    http_api.play([Response.of_json({"data": [{"n": 1}]}), Response(204, body=b"")])
    assert numbers(paginator(http_api, NumberedPages())) == [1]
    http_api.play([Response.of_json({"data": [{"n": 1}]}), Response(404)])
    rules = [ResponseRule(status=404, action="ignore")]
    assert numbers(paginator(http_api, NumberedPages(), response=rules)) == [1]


def test_the_only_page_that_says_nothing_of_others_is_told(http_api: HttpApi, caplog: pytest.LogCaptureFixture) -> None:
    """A place that is misspelt would end every walk at its first page."""
    http_api.play(lambda _: Response.of_json({"data": [{"n": 1}], "next": None}))
    with caplog.at_level(logging.WARNING, "nanotyped.nodes.http"):
        numbers(paginator(http_api, JsonLinkPages(path="next")))
        numbers(paginator(http_api, JsonLinkPages(path="nxt")))
    text = "pages: page 1 has nothing at `path` of pagination, and so is taken for the only one"
    assert caplog.messages == [text]


# -- circles --------------------------------------------------------------------------------------


def test_a_repeated_cursor_stops_with_an_error(http_api: HttpApi) -> None:
    """It names the cursor and both pages, and nothing is asked for a second time."""
    following = {"": "a", "a": "b", "b": "a"}
    http_api.play(
        lambda request: Response.of_json({"data": [{"n": 1}], "next": following[request.query.get("c", [""])[0]]})
    )
    error = failure(paginator(http_api, CursorPages(path="next", parameter="c")))
    assert isinstance(error, PagingError)
    assert str(error) == f"{http_api.url}/rows, page 3 gives the cursor 'a' for the next page, which was that of page 2"
    assert len(http_api.requests) == 3


@pytest.mark.parametrize("pagination", [HeaderLinkPages(), JsonLinkPages(path="next")], ids=["header", "json"])
def test_a_repeated_link_stops_with_an_error(pagination: Any, http_api: HttpApi) -> None:
    """It is named without its query, which may hold a secret."""
    link = "/rows?page=2&key=hunter2"
    http_api.play(
        lambda _: Response.of_json({"data": [{"n": 1}], "next": link}, headers={"Link": f"<{link}>; rel=next"})
    )
    error = failure(paginator(http_api, pagination))
    assert str(error) == (
        f"{http_api.url}/rows, page 2 gives the link {http_api.url}/rows for the next page, which was that of page 2"
    )


@pytest.mark.parametrize(
    ("pagination", "asked"),
    [(OffsetPages(limit=1), "offset=1"), (NumberedPages(), "page=2")],
    ids=["offset", "page_number"],
)
def test_a_page_equal_to_the_last_stops_with_an_error(pagination: Any, asked: str, http_api: HttpApi) -> None:
    """A service that does not know the parameter gives the first page for ever; other members may change."""
    http_api.play(lambda _: Response.of_json({"data": [{"n": 1}], "at": time.monotonic()}))
    error = failure(paginator(http_api, pagination))
    assert isinstance(error, PagingError)
    assert str(error) == f"{http_api.url}/rows, page 2, asked for by `{asked}`, has the records of the page before it"
    assert len(http_api.requests) == 2


def test_a_circle_ends_the_run_whatever_the_policy(http_api: HttpApi) -> None:
    """It is no fault of the message."""
    http_api.play(lambda _: Response.of_json({"data": [], "next": "same"}))
    error = failure(paginator(http_api, CursorPages(path="next", parameter="c"), on_error="skip"))
    assert isinstance(error, PagingError)


# -- links elsewhere ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("link", "shown"),
    [
        ("http://other.test/rows?key=hunter2", "http://other.test"),
        ("//169.254.169.254/latest/meta-data", "http://169.254.169.254"),
        ("https://127.0.0.1:PORT/rows", "https://127.0.0.1:PORT"),
        ("http://127.0.0.1:1/rows", "http://127.0.0.1:1"),
        ("http://localhost:PORT/rows", "http://localhost:PORT"),
        ("http://me:hunter2@127.0.0.1:PORT/rows", "http://127.0.0.1:PORT"),
        ("file:///etc/passwd", "file://"),
    ],
)
@pytest.mark.parametrize("kind", ["header", "json"])
def test_links_to_another_place_are_refused(link: str, shown: str, kind: str, http_api: HttpApi) -> None:
    """Another host, scheme or port, a user, what is link-local: never followed, and named without the query."""
    port = http_api.url.rpartition(":")[2]
    link, shown = link.replace("PORT", port), shown.replace("PORT", port)
    http_api.play(
        lambda _: Response.of_json({"data": [{"n": 1}], "next": link}, headers={"Link": f"<{link}>; rel=next"})
    )
    pagination: Any = HeaderLinkPages() if kind == "header" else JsonLinkPages(path="next")
    error = failure(paginator(http_api, pagination))
    assert isinstance(error, PagingError)
    assert str(error) == (
        f"{http_api.url}/rows, page 1: the next page is said to be at {shown};"
        f" links are followed on {http_api.url} alone"
    )
    assert len(http_api.requests) == 1


@pytest.mark.parametrize("link", ["http://[::1/rows", "/rows page", "/r\u00f6ws", "/rows\\..\\x"])
def test_links_that_are_none_are_refused(link: str, http_api: HttpApi) -> None:
    """They are no end."""
    http_api.play([Response.of_json({"data": [], "next": link})])
    error = failure(paginator(http_api, JsonLinkPages(path="next")))
    assert str(error).startswith(f"{http_api.url}/rows, page 1: the link to the next page is no URL")


def test_a_link_that_is_no_text_is_refused(http_api: HttpApi) -> None:
    """So is a header that cannot be read."""
    http_api.play([Response.of_json({"data": [], "next": {"href": "/2"}}, headers={"Link": "nonsense"})] * 2)
    error = failure(paginator(http_api, JsonLinkPages(path="next")))
    assert str(error) == f"{http_api.url}/rows, page 1 has an object where the link to the next page should be"
    error = failure(paginator(http_api, HeaderLinkPages()))
    assert str(error) == (
        f"{http_api.url}/rows, page 1: the header `Link` cannot be read: a link is spelled <URL>, which is not so at"
        " position 0"
    )


# -- pages that are none --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<html>", " answered with what is no JSON"),
        (b'{"data": [{}], "next"', " answered with what is no JSON"),
        (b"[" * 100_000, " answered with what is no JSON"),
        (b'{"data": "\xff"}', " answered with what is no UTF-8: byte 11"),
        (b"{}", " has nothing at `records`, which is ['data']"),
        (b'{"data": {"n": 1}}', " has an object at `records`, which is ['data'], and a list is wanted"),
    ],
)
def test_a_page_without_records_is_an_error_of_the_row(body: bytes, reason: str, http_api: HttpApi) -> None:
    """It is no end, and nothing of the message goes on where the policy skips it."""
    http_api.play([Response.of_json({"data": [{"n": 1}], "next": 1}), Response(body=body)] * 2)
    pagination = CursorPages(path="next", parameter="after")
    error = failure(paginator(http_api, pagination))
    assert isinstance(error, RowError)
    assert str(error) == f"{http_api.url}/rows, page 2{reason}"
    assert numbers(paginator(http_api, pagination, on_error="skip")) == []


def test_a_page_that_is_no_list_names_the_option(http_api: HttpApi) -> None:
    """Pages are counted by their records."""
    http_api.play([Response.of_json({"data": []})])
    error = failure(paginator(http_api, NumberedPages(), records=None))
    assert str(error) == (
        f"{http_api.url}/rows, page 1 is an object, and a list is wanted; name the member that is one with `records`"
    )


# -- options --------------------------------------------------------------------------------------

CLASSIC = {
    "endpoint_template": "http://h.test/?o={o}",
    "additional_data_key": "more",
    "pagination_key": "next",
    "pagination_get_request_key": "o",
}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {},
            "endpoint_template, additional_data_key, pagination_key, pagination_get_request_key must be given;"
            " or give url and pagination, and none of the classic options",
        ),
        (
            {name: value for name, value in CLASSIC.items() if name != "pagination_key"},
            "pagination_key must be given; or give url and pagination, and none of the classic options",
        ),
        (
            {**CLASSIC, "url": "http://h.test/", "pagination": SinglePage()},
            "url and pagination stand in the place of endpoint_template, additional_data_key, pagination_key,"
            " pagination_get_request_key: give these or those",
        ),
        (
            {"url": "http://h.test/", "pagination": SinglePage(), "default_offset_value": 1},
            "url and pagination stand in the place of default_offset_value: give these or those",
        ),
        ({"url": "http://h.test/"}, "pagination is missing: they are given together"),
        ({"pagination": SinglePage()}, "url is missing: they are given together"),
        (
            {"url": "http://h.test/?page=1", "pagination": NumberedPages()},
            "url and pagination fill in the parameter `page` of the query; one of them is enough",
        ),
        (
            {"url": "http://h.test/", "pagination": OffsetPages(limit=1, limit_parameter="x", parameter="x")},
            "pagination, twice, fill in the parameter `x` of the query; one of them is enough",
        ),
        ({**CLASSIC, "records": [1]}, "records: a keypath starts with the name of a column, not with [1]"),
    ],
)
def test_the_pages_are_told_in_one_way(options: dict[str, Any], message: str) -> None:
    """Whole, and with nothing said twice."""
    with pytest.raises(ValueError, match=r".") as caught:
        HttpGetRequestPaginator(**options)
    assert str(caught.value) == message


# -- when the service says that it is enough ------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "pause_s"),
    [
        ({}, None),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1700000060"}, 60.0),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1700000060", "Retry-After": "5"}, 5.0),
        ({"X-RateLimit-Remaining": "1", "X-RateLimit-Reset": "1700000060"}, None),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "60"}, None),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "soon"}, None),
        ({"X-RateLimit-Reset": "1700000060"}, None),
    ],
)
def test_the_reset_of_a_rate_is_reckoned_by_the_clock_of_the_service(
    headers: dict[str, str], pause_s: float | None
) -> None:
    """However wrong the own one is; `Retry-After` comes first, and a moment that is over says nothing."""
    assert asked_pause_s({**headers, "Date": formatdate(1_700_000_000, usegmt=True)}) == pause_s


def test_a_spent_rate_is_waited_for(http_api: HttpApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """403 with nothing remaining is no refusal where a rule says so: what was asked for comes after the reset."""
    waits: list[float] = []
    monkeypatch.setattr(HttpGetRequest, "sleep", lambda self, seconds: waits.append(seconds))
    spent = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 30)}
    http_api.play([Response(403, spent), Response.of_json({"ok": True})])
    rule = ResponseRule(status=403, header="X-RateLimit-Remaining", equals="0", action="retry")
    kept = run_through(HttpGetRequest(url=http_api.url, response=[rule]), [{"id": 1}])
    assert kept.dicts == [{"id": 1, "ok": True}]
    assert len(waits) == 1
    assert 25 <= waits[0] <= 31


def test_a_reset_that_is_too_far_off_ends_the_run(http_api: HttpApi) -> None:
    """As with `Retry-After`: to come back earlier is no use to anybody."""
    http_api.play([Response(429, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(time.time()) + 3600)})])
    error = failure(paginator(http_api, SinglePage()))
    assert "; it asks for a pause of 3" in str(error)
    assert str(error).endswith(" s, and max_retry_after_s is 60")
