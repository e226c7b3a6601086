"""``StreamHttp``: an API as a source, read to its end, stopped and gone on, followed by a cursor."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from nanotyped import (
    CursorPages,
    Filter,
    GraphTypeError,
    HeaderLinkPages,
    HttpGetError,
    HttpPostRequest,
    JsonLinkPages,
    NodeFailedError,
    NumberedPages,
    OffsetPages,
    PagingError,
    Row,
    RowError,
    SinglePage,
    SizeHint,
    StreamHttp,
    WriteRows,
)
from nanotyped.cli import main
from nanotyped.config import load_pipeline
from nanotyped.config.json_schema import pipeline_schema
from nanotyped.engine.checkpoint import read_state
from nanotyped.engine.fingerprint import fingerprint_of
from nanotyped.engine.run import start_run
from nanotyped.graph import build_graph
from nanotyped.message import Checkpoint
from nanotyped.nodes import ApiKeyAuth, ResponseRule
from nanotyped.testing import HttpApi, Request, Response
from tests.support.flows import Kept, run_source

if TYPE_CHECKING:
    from pathlib import Path

ORDERS = {"id": "bigint", "price": "decimal(10,2)", "at": "timestamp", "note": "varchar(9) null"}
SINCE: dict[str, Any] = {"cursor_column": "at", "cursor_parameter": "since"}


def order(number: int, **other: Any) -> dict[str, Any]:
    """Return an order as the API has it, of the day of its number."""
    moment = datetime(2024, 1, 1, 0, number // 60, number % 60, tzinfo=UTC)
    return {"id": number, "price": 9.9, "at": f"{moment:%Y-%m-%dT%H:%M:%SZ}", "note": None, **other}


def paged(records: list[Any], size: int = 3) -> Callable[[Request], Response]:
    """Return what answers with the records of an offset."""

    def answer(request: Request) -> Response:
        offset = int(request.query["offset"][0])
        return Response.of_json({"data": records[offset : offset + size], "total": len(records)})

    return answer


def source(http_api: HttpApi, pagination: Any = None, **options: Any) -> StreamHttp:
    """Return a source of the orders of the API, three to a page."""
    given = {"records": "data", "output_schema": ORDERS, "name": "read", **options}
    return StreamHttp(url=f"{http_api.url}/orders", pagination=pagination or OffsetPages(limit=3), **given)


def failure(node: StreamHttp) -> BaseException | None:
    """Run a source that fails and return why."""
    with pytest.raises(NodeFailedError) as caught:
        run_source(node)
    return caught.value.__cause__


def ids(kept: Kept) -> list[int]:
    """Return the ids of what came, in order."""
    return [row["id"] for row in kept.dicts]


# -- what it gives --------------------------------------------------------------------------------


def test_records_are_typed_rows(http_api: HttpApi) -> None:
    """By the JSON forms of their types; an integer or a decimal may be a number, exact to its last digit."""
    big = 2**63 - 1
    text = (
        f'{{"data": [{{"id": {big}, "price": 12345678.9, "at": "2024-05-06T07:08:09Z", "note": "a"}},'
        f' {{"id": "{big}", "price": "0.10", "at": "2024-05-06T07:08:09Z", "note": null}}]}}'
    )
    http_api.play([Response(body=text.encode())])
    moment = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
    assert run_source(source(http_api, SinglePage())).dicts == [
        {"id": big, "price": Decimal("12345678.90"), "at": moment, "note": "a"},
        {"id": big, "price": Decimal("0.10"), "at": moment, "note": None},
    ]


def test_rows_of_a_declared_class(http_api: HttpApi) -> None:
    """They are instances of it."""

    class Order(Row):
        id: int
        note: str | None

    http_api.play([Response.of_json([{"id": 1, "note": "x"}])])
    [row] = run_source(source(http_api, SinglePage(), records=None, output_schema=Order)).rows
    assert row == Order(id=1, note="x")
    assert type(row) is Order


def test_without_a_schema_rows_are_what_the_json_holds(http_api: HttpApi) -> None:
    """A column for each member, numbers that are not whole exact; what is no object is a bare value."""
    http_api.play([Response.of_json([{"id": 1, "rate": 1.5, "tags": ["a"]}, {"id": "x"}, 7])])
    node = StreamHttp(url=http_api.url, pagination=SinglePage(), records=[])
    assert run_source(node).dicts == [
        {"id": 1, "rate": Decimal("1.5"), "tags": ["a"]},
        {"id": "x"},
        {"__value__": 7},
    ]


def test_a_record_whole_under_output_key(http_api: HttpApi) -> None:
    """As of all nodes; a page may be longer than a batch."""
    http_api.play([Response.of_json([{"n": n} for n in range(2500)])])
    node = StreamHttp(url=http_api.url, pagination=SinglePage(), output_key="found")
    assert run_source(node).dicts == [{"found": {"n": n}} for n in range(2500)]


def test_the_query_is_made_of_all_options(http_api: HttpApi) -> None:
    """That of `url`, `parameters`, the pagination's and the cursor's; headers and retries are those of HTTP nodes."""
    http_api.play([Response(503), Response.of_json({"data": []})])
    node = StreamHttp(
        url=f"{http_api.url}/orders?sort=at",
        parameters={"state": "o&p", "size": 3},
        pagination=OffsetPages(limit=3),
        records="data",
        output_schema=ORDERS,
        initial_cursor="2024-01-01T00:00:00Z",
        headers={"X-Key": "k"},
        name="read",
        **SINCE,
    )
    node.sleep = lambda seconds: None  # type: ignore[method-assign]  # no pause
    run_source(node)
    target = "/orders?sort=at&state=o%26p&size=3&since=2024-01-01T00%3A00%3A00Z&limit=3&offset=0"
    assert [request.target for request in http_api.requests] == [target, target]
    assert http_api.requests[0].headers["x-key"] == "k"
    assert node.statistics.retried == 1


@pytest.mark.parametrize(
    ("pagination", "hints", "done"),
    [
        (OffsetPages(limit=3, total="total"), [7.0, 7.0, 7.0], [0, 3, 6]),
        (NumberedPages(total_pages="pages"), [9.0, 9.0, 9.0], [0, 3, 6]),
        (OffsetPages(limit=3), [None, None, None], [0, 3, 6]),
    ],
)
def test_how_much_there_is(pagination: Any, hints: list[float | None], done: list[int], http_api: HttpApi) -> None:
    """A total, or a number of pages, tells how much there is; what was read counts, right or wrong."""

    def answer(request: Request) -> Response:
        start = int(request.query.get("offset", ["0"])[0]) or 3 * (int(request.query.get("page", ["1"])[0]) - 1)
        return Response.of_json({"data": [{"n": n} for n in range(7)][start : start + 3], "total": 7, "pages": 3})

    http_api.play(answer)
    node = source(http_api, pagination, output_schema={"n": "int"})
    assert (node.size_hint(), node.size_done()) == (None, 0)
    node.setup()
    said = [
        (node.size_hint(), node.size_done()) for given in node.generate_batches() if not isinstance(given, Checkpoint)
    ]
    node.cleanup()
    assert said == [
        (None if hint is None else SizeHint(hint, exact=False), count) for hint, count in zip(hints, done, strict=True)
    ]
    assert node.size_done() == 7


# -- what is wrong ----------------------------------------------------------------------------------


def test_every_wrong_record_of_a_page_is_named(http_api: HttpApi) -> None:
    """By page, record and member; the pages before it have gone on."""
    records = [order(n) for n in range(6)]
    records[3] |= {"id": "x", "price": 1.234}
    records[4]["more"] = 1
    del records[5]["note"]
    http_api.play(paged(records))
    kept = Kept(name="kept")
    node = source(http_api)
    _ = node > kept
    with pytest.raises(NodeFailedError) as caught:
        start_run(node).wait(30)
    cause = caught.value.__cause__
    assert isinstance(cause, RowError)
    place = f"{http_api.url}/orders, page 2, record"
    assert str(cause).split("; ") == [
        f"{place} 1, column `id`: expected `bigint`, got 'x' (not a whole number)",
        f"{place} 2: Object contains unknown field `more`",
        f"{place} 3: Object missing required field `note`",
    ]
    assert ids(kept) == [0, 1, 2]


@pytest.mark.parametrize("value", [True, [], {}, 1.5, 10**400, "", None])
def test_a_number_is_no_other_value(value: Any, http_api: HttpApi) -> None:
    """What is neither a whole number nor the text of one is wrong, however it is spelled."""
    http_api.play([Response.of_json([{"id": value}]), Response(body=b'[{"id": 1e3}]')])
    error = failure(source(http_api, SinglePage(), records=None, output_schema={"id": "bigint"}))
    assert "column `id`: expected `bigint`, got " in str(error)
    assert run_source(source(http_api, SinglePage(), records=None, output_schema={"id": "bigint"})).dicts == [
        {"id": 1000}
    ]


def test_a_number_without_end_is_not_written_out(http_api: HttpApi) -> None:
    """Its exponent would make a text of a billion digits."""
    http_api.play([Response(body=b'[{"p": 1e999999999}]')])
    error = failure(source(http_api, SinglePage(), records=None, output_schema={"p": "decimal(10,2)"}))
    assert "column `p`: expected `decimal(10,2)`, got Decimal('1E+999999999')" in str(error)


def test_wrong_records_are_left_out_and_accounted_for(http_api: HttpApi, tmp_path: Path) -> None:
    """Given, rejected and read add up; a dead letter holds the JSON as it came."""
    records = [order(n) for n in range(7)]
    records[4]["at"] = "never"
    body = json.dumps({"data": [{"id": 7, "nope": 1.50}]}).replace("1.5", "1.50").encode()
    answers = [
        Response.of_json({"data": records[:3]}),
        Response.of_json({"data": records[3:6]}),
        Response(body=body),
        Response.of_json({"data": []}),
    ]
    http_api.play(answers)
    letters = tmp_path / "dead.jsonl"
    node = source(http_api, dead_letter=letters)
    kept = run_source(node)
    assert ids(kept) == [0, 1, 2, 3, 5]
    counted = node.statistics
    assert (counted.emitted, counted.sent, counted.dead, node.size_done()) == (7, 5, 2, 7)
    found = [json.loads(line) for line in letters.read_text().splitlines()]
    assert [letter["line"]["text"] for letter in found] == [json.dumps(records[4]), '{"id": 7, "nope": 1.50}']
    assert [letter["attempt"] for letter in found] == [1, 1]


def test_wrong_records_without_a_schema(http_api: HttpApi) -> None:
    """A key that stands twice would be lost in silence."""
    http_api.play([Response(body=b'[{"a": 1, "a": 2}, {"a": 3}]')] * 2)
    node = StreamHttp(url=http_api.url, pagination=SinglePage(), on_error="skip")
    assert run_source(node).dicts == [{"a": 3}]
    assert node.statistics.skipped == 1
    error = failure(StreamHttp(url=http_api.url, pagination=SinglePage()))
    assert str(error).startswith(f"{http_api.url}, page 1, record 1 answered with what is no JSON: ")


@pytest.mark.parametrize(
    ("contract", "found", "dropped"),
    [
        ("discard_row", [0], 3),
        ({"columns": "discard_value"}, [0, 1, 2], 0),
        ({"columns": "discard_row"}, [0], 2),
        ({"columns": "discard_value", "data_type": "discard_row"}, [0, 1, 2], 1),
        ({"columns": "discard_value", "data_type": "discard_value"}, [0, 1, 2, 3], 0),
    ],
)
def test_what_becomes_of_members_beyond_the_contract(
    contract: Any, found: list[int], dropped: int, http_api: HttpApi, caplog: pytest.LogCaptureFixture
) -> None:
    """Extra and missing members, and values of other types; what is let go is counted and told."""
    records = [order(n) for n in range(4)]
    records[1]["more"] = 1
    del records[2]["note"]
    records[3]["note"] = 5
    http_api.play([Response.of_json({"data": records})])
    node = source(http_api, SinglePage(), schema_contract=contract, on_error="skip")
    with caplog.at_level(logging.WARNING, "nanotyped.nodes.http"):
        assert ids(run_source(node)) == found
    left = 4 - len(found)
    assert (node.statistics.rejected, node.statistics.skipped) == (left, left - dropped)
    values = contract == {"columns": "discard_value", "data_type": "discard_value"}
    told = f"{dropped} rows" if dropped else "1 values of `note`"
    expected = [f"read: discarded, for they do not fit the contract: {told}"] if dropped or values else []
    assert [text for text in caplog.messages if "is left out" not in text] == expected


def test_nulls_may_evolve_and_are_checked_downstream(http_api: HttpApi) -> None:
    """Every column may be null then, and a node that takes none is refused before a request."""
    http_api.play([Response.of_json({"data": [order(1, price=None)]})])
    contract = {"nullable": "evolve"}
    assert run_source(source(http_api, SinglePage(), schema_contract=contract)).dicts[0]["price"] is None
    node = source(http_api, SinglePage(), schema_contract=contract)
    _ = node > Filter(test="value_is_true", key="id", input_schema={"id": "bigint"}, name="keep")
    with pytest.raises(GraphTypeError) as caught:
        build_graph(node)
    [problem] = caught.value.problems
    assert str(problem).startswith("Expected `bigint`, got `bigint null` (it may be null) - at `read → keep` $.id.")


# -- what the service does --------------------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 404, 422, 301])
def test_a_page_that_is_refused_ends_the_run(status: int, http_api: HttpApi) -> None:
    """There is no row that it is about, whatever the policy and the rules say."""
    http_api.play([Response.of_json({"data": [order(n) for n in range(3)]}), Response(status)] * 2)
    for rules in ([], [ResponseRule(status=status, action="reject")]):
        error = failure(source(http_api, on_error="skip", response=rules))
        assert isinstance(error, HttpGetError)
        assert error.status == status
        assert str(error).startswith(f"{http_api.url}/orders, page 2: the service did not answer with success, after 1")


def test_a_circle_ends_the_run(http_api: HttpApi) -> None:
    """Behind the pages that were given."""
    http_api.play(lambda _: Response.of_json({"data": [order(1)], "next": "again"}))
    node, kept = source(http_api, CursorPages(path="next", parameter="c")), Kept(name="kept")
    _ = node > kept
    with pytest.raises(NodeFailedError) as caught:
        start_run(node).wait(30)
    assert isinstance(caught.value.__cause__, PagingError)
    assert ids(kept) == [1, 1]
    assert len(http_api.requests) == 2


def test_a_link_to_another_host_is_refused(http_api: HttpApi) -> None:
    """And asked of nobody."""
    with HttpApi() as other:
        link = other.url.replace("127.0.0.1", "localhost")
        http_api.play([Response.of_json({"data": [order(1)]}, headers={"Link": f'<{link}/>; rel="next"'})])
        error = failure(source(http_api, HeaderLinkPages()))
        assert isinstance(error, PagingError)
        assert not other.requests


@pytest.mark.parametrize("option", [{"output_schema": {"d": "json"}}, {"output_schema": None}])
def test_a_record_that_is_nested_too_deep_is_an_error_of_it(option: dict[str, Any], http_api: HttpApi) -> None:
    """With a contract and without one, as of every answer."""
    deep = b'{"d": %b}' % (b"[" * 150 + b"]" * 150)
    http_api.play([Response(body=b'[{"d": []}, %b]' % deep)] * 2)
    error = failure(source(http_api, SinglePage(), records=None, **option))
    assert str(error).startswith(f"{http_api.url}/orders, page 1, record 2")
    assert str(error).endswith("is nested deeper than 100 levels")
    node = source(http_api, SinglePage(), records=None, on_error="skip", **option)
    assert run_source(node).dicts == [{"d": []}]


def test_a_key_that_links_repeat_is_sent_once_and_kept_nowhere(http_api: HttpApi) -> None:
    """`auth` puts it into each request; a link is taken without it."""
    link = "/orders?page=2&key=s3cret"
    pages = [Response.of_json([{"id": 1}], headers={"Link": f"<{link}>; rel=next"}), Response.of_json([{"id": 2}])]
    http_api.play(pages)
    options: dict[str, Any] = {"records": None, "output_schema": {"id": "int"}}
    auth = ApiKeyAuth(key=SecretStr("s3cret"), query="key")
    node = source(http_api, HeaderLinkPages(), auth=auth, **options)
    found, cursor, *_ = read(node, stop_behind=1)
    assert "s3cret" not in json.dumps(cursor)
    assert found + read(source(http_api, HeaderLinkPages(), auth=auth, **options), cursor).ids == [1, 2]
    assert [request.target for request in http_api.requests] == ["/orders?key=s3cret", link]
    with pytest.raises(ValueError, match=r"^pagination and auth fill in the parameter `key` of the query"):
        source(http_api, NumberedPages(parameter="key"), auth=auth)


# -- going on ---------------------------------------------------------------------------------------


class Read(NamedTuple):
    """What a source gave: ids, its last cursor, whether that is to outlive the run, and whether it came to its end."""

    ids: list[int]
    cursor: Any
    lasting: bool = False
    ended: bool = True


def read(node: StreamHttp, cursor: Any = None, stop_behind: int | None = None) -> Read:
    """Return what a source gives from a cursor on; stopped behind some checkpoints, it goes no further."""
    node.resume_from = cursor
    found = Read([], cursor)
    seen = 0
    node.setup()
    try:
        for given in node.generate_batches():
            if not isinstance(given, Checkpoint):
                found.ids.extend(int(row.to_python()["id"]) for row in given)
                continue
            seen += 1
            found = Read(found.ids, given.cursor, given.lasting, seen != stop_behind)
            if not found.ended:
                break
    finally:
        node.cleanup()
    return found


def every_way(kind: str) -> tuple[Any, Callable[[list[int]], Callable[[Request], Response]]]:
    """Return a pagination, and what answers in its way with ids, two to a page."""

    def serve(numbers: list[int]) -> Callable[[Request], Response]:
        def answer(request: Request) -> Response:
            query = {name: values[0] for name, values in request.query.items()}
            start = int(query.get("offset", query.get("c", 2 * (int(query.get("page", 1)) - 1))))
            data = [{"id": number} for number in numbers[start : start + 2]]
            behind = start + 2 < len(numbers)
            link = f"/orders?key=s3cret&page={start // 2 + 2}"
            headers = {"Link": f"<{link}>; rel=next"} if behind else {}
            more = {"next": str(start + 2) if behind else None, "link": link if behind else None}
            return Response.of_json({"data": data, **more}, headers=headers)

        return answer

    pagination: Any = {
        "header_link": HeaderLinkPages(),
        "json_link": JsonLinkPages(path="link"),
        "cursor": CursorPages(path="next", parameter="c"),
        "offset": OffsetPages(limit=2),
        "page_number": NumberedPages(),
    }[kind]
    return pagination, serve


KINDS = ["header_link", "json_link", "cursor", "offset", "page_number"]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(count=st.integers(0, 9), stops=st.lists(st.integers(1, 4), max_size=4))
def test_every_checkpoint_is_a_place_to_go_on_from(kind: str, count: int, stops: list[int], http_api: HttpApi) -> None:
    """Stopped behind any checkpoints, all runs together give each record once; no state has the key of the URL."""
    pagination, serve = every_way(kind)
    http_api.play(serve(list(range(count))))

    def made() -> StreamHttp:
        return StreamHttp(
            url=f"{http_api.url}/orders?key=s3cret",
            pagination=pagination,
            records="data",
            output_schema={"id": "int"},
            name="read",
        )

    found: list[int] = []
    last = Read([], None, ended=False)
    for stop in [*stops, None]:
        if not last.ended:
            last = read(made(), last.cursor, stop)
            found += last.ids
            assert "s3cret" not in json.dumps(last.cursor)
    assert found == list(range(count))


def test_a_run_goes_on_at_the_page_behind_the_last_one(http_api: HttpApi) -> None:
    """Messages number it as it is numbered, and it is asked for with the same query."""
    http_api.play(paged([order(n) for n in range(8)]))
    found, cursor, lasting, _ = read(source(http_api), stop_behind=2)
    assert (found, lasting) == ([0, 1, 2, 3, 4, 5], False)
    assert cursor == {"next": 6, "page": 3, "since": None, "highest": None}
    found, *_ = read(source(http_api), cursor)
    assert found == [6, 7]
    assert [request.target for request in http_api.requests[-2:]] == [
        "/orders?limit=3&offset=6",
        "/orders?limit=3&offset=8",
    ]


# -- following --------------------------------------------------------------------------------------


def served(records: list[dict[str, Any]]) -> Callable[[Request], Response]:
    """Return what answers with the records since a cursor, two to a page, in no order of it."""

    def answer(request: Request) -> Response:
        since = request.query.get("since", [""])[0]
        wanted = [record for record in records if record["at"] >= since]
        offset = int(request.query["offset"][0])
        return Response.of_json({"data": wanted[offset : offset + 2]})

    return answer


def asked_since(http_api: HttpApi) -> list[str | None]:
    """Return the cursor of each request."""
    return [request.query.get("since", [None])[0] for request in http_api.requests]


def test_the_highest_cursor_counts_at_the_end_of_the_pages(http_api: HttpApi) -> None:
    """Pages may be in any order: while they are read the run asks for what it asked for at first, stopped or not."""
    records = [order(n) for n in (50, 10, 40, 20, 30)]
    http_api.play(served(records))
    followed = {"pagination": OffsetPages(limit=2), **SINCE}
    found, cursor, lasting, _ = read(source(http_api, **followed), stop_behind=1)
    assert (found, lasting) == ([50, 10], False)
    assert cursor == {"next": 2, "page": 2, "since": None, "highest": "2024-01-01T00:00:50Z"}
    found, cursor, lasting, _ = read(source(http_api, **followed), cursor)
    assert (found, lasting) == ([40, 20, 30], True)
    assert cursor == {"highest": "2024-01-01T00:00:50Z"}
    assert asked_since(http_api) == [None, None, None, None]
    records += [order(55), order(45), order(60)]
    found, cursor, _, _ = read(source(http_api, **followed), cursor)
    assert found == [50, 55, 60]
    assert cursor == {"highest": "2024-01-01T00:01:00Z"}
    found, cursor, _, _ = read(source(http_api, lag="20 s", **followed), cursor)
    assert found == [50, 40, 55, 45, 60]
    assert asked_since(http_api)[-1] == "2024-01-01T00:00:40Z"
    http_api.play(lambda _: Response.of_json({"data": []}))
    assert read(source(http_api, **followed), cursor) == Read([], cursor, lasting=True)


def test_a_stop_keeps_what_is_asked_for(http_api: HttpApi) -> None:
    """Also where `lag` is another by then: pages of another question are other pages."""
    http_api.play(served([order(n) for n in range(10, 16)]))
    begun = {"highest": "2024-01-01T00:00:12Z"}
    options = {"pagination": OffsetPages(limit=2), **SINCE}
    found, cursor, _, _ = read(source(http_api, lag=1, **options), begun, stop_behind=1)
    assert found == [11, 12]
    found, *_ = read(source(http_api, lag=9, **options), cursor)
    assert found == [13, 14, 15]
    assert set(asked_since(http_api)) == {"2024-01-01T00:00:11Z"}


@pytest.mark.parametrize(
    ("kind", "values", "first", "asked"),
    [
        ("bigint", [7, 2**62, 9], 5, ["5", str(2**62 - 3)]),
        ("int", [7, 12, 9], "5", ["5", "9"]),
        ("decimal(6,2)", ["7.00", "12.50"], "1.00", ["1.00", "9.50"]),
        ("date", ["2024-03-01", "2024-02-01"], "2024-01-01", ["2024-01-01", "2024-02-29"]),
        (
            "datetime(3)",
            ["2024-03-01T00:00:02.500"],
            "2024-01-01T00:00:00.000",
            ["2024-01-01T00:00:00.000", "2024-02-29T23:59:59.500"],
        ),
    ],
)
def test_cursors_of_every_kind(kind: str, values: list[Any], first: Any, asked: list[str], http_api: HttpApi) -> None:
    """They go into the query in the JSON form of their type, lowered by the lag; nulls are below all."""
    http_api.play(lambda _: Response.of_json([{"c": value} for value in [*values, None]]))
    lag: Any = "1 d" if kind == "date" else 3
    options = {"cursor_column": "c", "cursor_parameter": "q", "initial_cursor": first, "lag": lag, "records": None}
    schema = {"c": f"{kind} null"}
    cursor: Any = None
    for _ in range(2):
        node = source(http_api, SinglePage(), output_schema=schema, **options)
        node.resume_from = cursor
        node.setup()
        [*_, last] = node.generate_batches()
        node.cleanup()
        assert isinstance(last, Checkpoint)
        cursor = last.cursor
    assert [request.query["q"][0] for request in http_api.requests] == asked


def test_a_limit_of_pages_goes_on_in_the_next_run(http_api: HttpApi) -> None:
    """A followed API is read on where the run before it was to end, and its cursor waits for the last page."""
    http_api.play(served([order(n) for n in (5, 4, 3, 2, 1)]))
    options: dict[str, Any] = {"pagination": OffsetPages(limit=2, max_pages=2), **SINCE}
    found, cursor, lasting, _ = read(source(http_api, **options))
    assert (found, lasting) == ([5, 4, 3, 2], True)
    assert cursor["next"] == 4
    found, cursor, lasting, _ = read(source(http_api, **options), cursor)
    assert (found, cursor, lasting) == ([1], {"highest": "2024-01-01T00:00:05Z"}, True)


def test_runs_with_a_state_ask_for_what_came_since(http_api: HttpApi, tmp_path: Path) -> None:
    """The state of a run that came to its end keeps the cursor; the next run begins there."""
    records = [order(n) for n in range(1, 6)]
    http_api.play(served(records))
    given: list[list[int]] = []
    for _ in range(2):
        node, kept = source(http_api, OffsetPages(limit=2), **SINCE), Kept(name="kept")
        _flow = node > kept
        start_run(node, "orders", state_dir=tmp_path / "state").wait(30)
        given.append(ids(kept))
        records.append(order(9))
    assert given == [[1, 2, 3, 4, 5], [5, 9]]
    assert read_state(tmp_path / "state").finished


# -- stops and kills --------------------------------------------------------------------------------

PIPELINE = """
pipeline_name: orders
nodes:
  read:
    class: StreamHttp
    options:
      url: "{url}/orders?key=${{KEY}}"
      pagination: {pagination}
      records: data
    output_schema: {{id: int}}
  post:
    class: HttpPostRequest
    options: {{url: "{sink}/rows", batch_rows: 5, idempotency_key: {{field: key}}}}
paths: [[read, post]]
"""


def start(directory: Path) -> subprocess.Popen[str]:
    """Start the program on the pipeline of a directory."""
    return subprocess.Popen(
        [sys.executable, "-m", "nanotyped", "run", "p.yaml", "--state", "state"],
        cwd=directory,
        env=os.environ | {"KEY": "s3cret-key", "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize(
    ("kind", "count", "kills"),
    [
        ("json_link", 60, 2),
        *(pytest.param(kind, 120, 4, marks=[pytest.mark.fault, pytest.mark.timeout(120)]) for kind in KINDS),
    ],
)
def test_a_killed_run_goes_on_and_loses_nothing(
    kind: str, count: int, kills: int, http_api: HttpApi, tmp_path: Path
) -> None:
    """Every record is delivered, and what comes twice is bounded by what was on its way; the state holds no secret."""
    pagination, serve = every_way(kind)
    numbers = list(range(count))
    fields = json.dumps(pagination.model_dump(exclude_none=True))
    with HttpApi() as sink:
        (tmp_path / "p.yaml").write_text(PIPELINE.format(url=http_api.url, sink=sink.url, pagination=fields))
        answer = serve(numbers)
        for round_ in range(kills):
            wanted = len(sink.requests) + 2
            held = threading.Event()
            limit = len(http_api.requests) + count // 2 // (kills + 1) + 1

            def slow(
                request: Request, limit: int = limit, held: threading.Event = held
            ) -> Response:  # the pages beyond some are not answered before the kill
                response = answer(request)
                if len(http_api.requests) > limit:
                    return Response(response.status, response.headers, response.body, hold=held)
                return response

            http_api.play(slow)
            process = start(tmp_path)
            sink.wait_for_requests(wanted, 30)
            process.send_signal(signal.SIGKILL)
            _, said = process.communicate(timeout=60)
            held.set()
            assert process.returncode == -signal.SIGKILL, (round_, said)
        http_api.play(answer)
        process = start(tmp_path)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said
        delivered = Counter(row["id"] for row in sink.rows)
        keys = {row["key"] for row in sink.rows}
    assert sorted(delivered) == numbers
    assert len(keys) == count
    assert delivered.total() - count <= kills * count
    assert all(b"s3cret" not in file.read_bytes() for file in (tmp_path / "state").iterdir() if file.is_file())
    assert read_state(tmp_path / "state").finished


def test_a_drained_run_delivers_what_it_has_and_goes_on(http_api: HttpApi, tmp_path: Path) -> None:
    """SIGTERM in the pause before another attempt: rows that were read go out, and no page counts that was not."""
    pagination, serve = every_way("cursor")
    answer = serve(list(range(6)))

    def busy(request: Request) -> Response:
        return Response(503, {"Retry-After": "50"}) if request.query.get("c") == ["4"] else answer(request)

    http_api.play(busy)
    fields = json.dumps(pagination.model_dump(exclude_none=True))
    with HttpApi([Response(delay_s=1.0)]) as sink:
        (tmp_path / "p.yaml").write_text(PIPELINE.format(url=http_api.url, sink=sink.url, pagination=fields))
        process = start(tmp_path)
        http_api.wait_for_requests(3, 30)  # while the sink waits for its first answer
        sink.wait_for_requests(1, 30)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 143, said
        assert [row["id"] for row in sink.rows] == [0, 1, 2, 3]
        http_api.play(answer)
        process = start(tmp_path)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said
        assert [row["id"] for row in sink.rows] == [0, 1, 2, 3, 4, 5]


def test_rejected_records_are_read_again(http_api: HttpApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`replay` gives the JSON of a dead letter to the contract of today."""
    monkeypatch.chdir(tmp_path)
    http_api.play([Response.of_json({"data": [{"id": 1}, {"id": "2"}]})])
    text = PIPELINE.format(url=http_api.url, sink=http_api.url, pagination="{type: single_page}")
    text = text.replace("records: data", "records: data\n      dead_letter: dead.jsonl")
    monkeypatch.setenv("KEY", "k")
    (tmp_path / "p.yaml").write_text(text)
    assert main(["run", "p.yaml"]) == 3
    (tmp_path / "p.yaml").write_text(text.replace("{id: int}", "{id: bigint}"))
    assert main(["replay", "dead.jsonl", "p.yaml"]) == 0
    posted = [request for request in http_api.requests if request.method == "POST"]
    assert [row["id"] for request in posted for row in request.rows()] == [1, "2"]


# -- options and files ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"url": "http://h.test/{id}"}, "url: a source has no column to fill `{id}` with"),
        ({"url": "ftp://h.test/"}, "url: it must start with http:// or https://"),
        (
            {"cursor_column": "at"},
            "cursor_column and cursor_parameter are given together: what is asked for, and where",
        ),
        ({"initial_cursor": 1}, "initial_cursor needs a cursor_column that it is a value of"),
        ({"lag": 5}, "lag needs a column that it is about: name it with cursor_column"),
        (
            {"output_schema": None, **SINCE},
            "cursor_column needs a contract that it is about: declare output_schema",
        ),
        (
            {"output_schema": None, "schema_contract": "freeze"},
            "schema_contract needs a contract that it is about: declare output_schema",
        ),
        (
            {"schema_contract": "evolve"},
            "schema_contract of data_type: JSON does not say its types; freeze, discard_row, discard_value;"
            " schema_contract of columns: an API does not say its columns before it is read; freeze, discard_row,"
            " discard_value",
        ),
        (
            {"parameters": {"limit": 5}},
            "parameters and pagination fill in the parameter `limit` of the query; one of them is enough",
        ),
        (
            {"parameters": {"since": 5}, **SINCE},
            "parameters and cursor_parameter fill in the parameter `since` of the query; one of them is enough",
        ),
        ({"records": [0]}, "records: a keypath starts with the name of a column, not with [0]"),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    """Each says what is wrong with it, and what to do."""
    given = {"url": "http://h.test/", "pagination": OffsetPages(limit=3), "output_schema": ORDERS, **options}
    with pytest.raises(ValueError, match=r".") as caught:
        StreamHttp(**given)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (
            {**SINCE, "cursor_column": "att"},
            "node `read`: cursor_column: there is no column `att`. Hint: did you mean `at`?",
        ),
        (
            {**SINCE, "cursor_column": "note"},
            "node `read`: cursor_column: column `note` is `varchar(9)`, which is in no order that tells what came"
            " later. Hint: name one of integers, decimals, dates or times",
        ),
        (
            {**SINCE, "cursor_column": "id", "lag": "5 min"},
            "node `read`: lag: column `id` is `bigint`, and a span of time is no number of it. Hint: give a number",
        ),
        (
            {**SINCE, "initial_cursor": "yesterday"},
            "node `read`: initial_cursor: 'yesterday' is no `timestamp`: not spelled YYYY-MM-DDTHH:MM:SSZ",
        ),
    ],
)
def test_a_cursor_that_tells_no_order_is_refused_before_a_request(options: dict[str, Any], problem: str) -> None:
    """By the types of the contract."""
    node = StreamHttp(url="http://h.test/", pagination=SinglePage(), output_schema=ORDERS, name="read", **options)
    _ = node > Kept(name="kept")
    with pytest.raises(GraphTypeError) as caught:
        build_graph(node)
    assert [str(found) for found in caught.value.problems] == [problem]


FILE = """\
pipeline_name: orders
nodes:
  read:
    class: StreamHttp
    options:
      url: "https://api.test/orders"
      headers: {X-Key: "${KEY}"}
      pagination: {type: cursor, path: [meta, next], parameter: after, has_more: [meta, more]}
      parameters: {state: open, size: 3}
      records: [data, rows]
      schema_contract: {columns: discard_value}
      cursor_column: at
      cursor_parameter: since
      initial_cursor: "2024-01-01T00:00:00Z"
      lag: 10 min
      rate_limit: {requests_per_s: 2}
      on_error: skip
    output_schema: {id: bigint, at: timestamp}
  write:
    class: WriteRows
    options: {path: out.csv, segments: true}
paths: [[read, write]]
"""


def test_a_file_says_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Checked, exported to Python and back to a file it is one pipeline."""
    monkeypatch.setenv("KEY", "swordfish")
    (tmp_path / "p.yaml").write_text(FILE)
    made = load_pipeline(tmp_path / "p.yaml")
    fingerprint = fingerprint_of(build_graph(made.anchor))
    text = made.anchor.to_yaml("orders")
    assert "type: cursor" in text
    assert "swordfish" not in text
    (tmp_path / "again.yaml").write_text(text)
    assert fingerprint_of(build_graph(load_pipeline(tmp_path / "again.yaml").anchor)) == fingerprint
    assert main(["export", str(tmp_path / "p.yaml"), "--python"]) == 0
    names: dict[str, Any] = {"__name__": "exported"}
    exec(compile(capsys.readouterr().out, "exported", "exec", dont_inherit=True), names)
    assert fingerprint_of(build_graph(names["read"])) == fingerprint
    assert isinstance(names["read"].pagination, CursorPages)


def test_a_pipeline_of_python_is_a_file(tmp_path: Path) -> None:
    """The type stands in the file, though nobody gave it in Python."""
    node = StreamHttp(url="http://h.test/", pagination=OffsetPages(limit=5), output_schema={"id": "int"}, name="read")
    _ = node > WriteRows(path="out.csv", name="write")
    (tmp_path / "p.yaml").write_text(node.to_yaml("orders"))
    again = load_pipeline(tmp_path / "p.yaml")
    assert fingerprint_of(build_graph(again.anchor)) == fingerprint_of(build_graph(node))


def test_wrong_options_of_a_file_are_told_with_their_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All of them at once, without a request."""
    monkeypatch.setenv("KEY", "swordfish")
    monkeypatch.chdir(tmp_path)
    text = FILE.replace("path: [meta, next], parameter: after", "pth: [meta, next], parameter: after")
    (tmp_path / "p.yaml").write_text(text.replace("lag: 10 min", "lagg: 10 min"))
    assert main(["check", "p.yaml"]) == 2
    said = capsys.readouterr().err
    assert "p.yaml:8:7: `path` is missing\n" in said
    assert "p.yaml:8:34: unknown key `pth`; did you mean `path`?\n" in said
    assert "p.yaml:15:7: unknown option of StreamHttp `lagg`; did you mean `lag`?\n" in said
    assert "swordfish" not in said
    (tmp_path / "p.yaml").write_text(FILE.replace("cursor_column: at", "cursor_column: att"))
    assert main(["check", "p.yaml"]) == 2
    assert "p.yaml:12:22: node `read`: cursor_column: there is no column `att`. Hint: did you mean `at`?\n" in (
        capsys.readouterr().err
    )


def test_the_json_schema_knows_every_kind_of_pages() -> None:
    """Editors complete the options of each."""
    definitions = pipeline_schema()["$defs"]
    properties = definitions["options of StreamHttp"]["properties"]
    assert {"url", "pagination", "cursor_column", "rate_limit", "headers"} <= set(properties)
    pages = ["SinglePage", "HeaderLinkPages", "JsonLinkPages", "CursorPages", "OffsetPages", "NumberedPages"]
    assert all("max_pages" in definitions[name]["properties"] for name in pages)
    assert definitions["CursorPages"]["required"] == ["path", "parameter"]


def test_without_a_state_a_follower_says_so(http_api: HttpApi, capsys: pytest.CaptureFixture[str]) -> None:
    """There is nowhere to keep its cursor."""
    http_api.play(lambda _: Response.of_json({"data": []}))
    del capsys
    run_source(source(http_api, **SINCE))
    assert asked_since(http_api) == [None]


def test_rows_go_to_another_api(http_api: HttpApi) -> None:
    """In and out: what one API pages the other is sent in batches."""
    with HttpApi() as sink:
        http_api.play(paged([order(n) for n in range(7)]))
        node = source(http_api)
        _ = node > HttpPostRequest(url=f"{sink.url}/rows", name="post")
        start_run(node).wait(30)
        assert [row["id"] for row in sink.rows] == [str(n) for n in range(7)]
        assert sink.rows[0]["price"] == "9.90"
