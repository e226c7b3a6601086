"""What ``HttpPostRequest`` sends by its options, and what goes on of the answers."""

from __future__ import annotations

import gzip
import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanotyped.engine.run import start_run
from nanotyped.errors import GraphTypeError, NodeFailedError
from nanotyped.nodes import HttpPostRequest, IdempotencyKey, ItemResults
from nanotyped.nodes.http.bodies import BodyTemplate
from nanotyped.row import parse_schema
from nanotyped.testing import HttpApi, Request, Response
from tests.support.flows import GivenBatches, Kept, run_batch_into, run_batch_through

SHOP = {"id": "bigint", "name": "varchar(9) null", "price": "decimal(6,2)", "since": "date", "more": "json null"}
ROWS = [(7, 'a"{b}', Decimal("1.50"), date(2024, 5, 6), {"x": [1]}), (8, None, Decimal(2), date(2024, 5, 7), None)]


# -- methods and envelopes ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "bodies"),
    [
        ({"method": "POST"}, ['[{"id":"1"},{"id":"2"}]']),
        ({"method": "POST", "envelope": "single"}, ['{"id":"1"}', '{"id":"2"}']),
        ({"method": "PUT"}, ['{"id":"1"}', '{"id":"2"}']),
        ({"method": "PATCH", "envelope": "ndjson"}, ['{"id":"1"}\n{"id":"2"}\n']),
        ({"method": "DELETE"}, ["", ""]),
        ({"method": "DELETE", "envelope": "array"}, ['[{"id":"1"},{"id":"2"}]']),
    ],
)
def test_each_method_sends_what_it_is_used_for(http_api: HttpApi, options: dict[str, Any], bodies: list[str]) -> None:
    """PUT and PATCH send an object each, DELETE nothing, and an envelope of one's own counts before that."""
    run_batch_into(HttpPostRequest(url=http_api.url, **options), [(1,), (2,)], {"id": "bigint"})
    assert [request.method for request in http_api.requests] == [options["method"]] * len(bodies)
    assert [request.body.decode() for request in http_api.requests] == bodies
    typed = [request.headers["Content-Type"] for request in http_api.requests]
    kind = "application/x-ndjson" if options.get("envelope") == "ndjson" else "application/json"
    assert typed == [kind if body else None for body in bodies]


def test_bodies_are_packed_on_request(http_api: HttpApi) -> None:
    """With `compress: gzip` the body is gzip, says so, and is the same bytes whenever it is sent."""
    for _ in range(2):
        run_batch_into(HttpPostRequest(url=http_api.url, compress="gzip"), [(1,), (2,)], {"id": "int"})
    first, second = http_api.requests
    assert first.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(first.body) == b'[{"id":1},{"id":2}]'
    assert first.body == second.body


def test_a_body_that_is_too_long_is_sent_in_parts(http_api: HttpApi) -> None:
    """No body is longer than `max_body_bytes`, and all rows arrive in order."""
    rows = [(n, "x" * (n % 50)) for n in range(200)]
    run_batch_into(HttpPostRequest(url=http_api.url, max_body_bytes=500), rows, {"id": "int", "text": "varchar(50)"})
    assert max(len(request.body) for request in http_api.requests) <= 500
    assert [row["id"] for row in http_api.rows] == list(range(200))
    assert len(http_api.requests) < 50


def test_a_row_longer_than_any_body_is_rejected(http_api: HttpApi) -> None:
    """A single row beyond `max_body_bytes` is an error of the row, with both sizes."""
    node = HttpPostRequest(name="post", url=http_api.url, max_body_bytes=30)
    with pytest.raises(NodeFailedError) as caught:
        run_batch_into(node, [("a",), ("b" * 1000,)], {"text": "varchar(1000)"})
    assert str(caught.value.__cause__) == "row 2: its body has 1,013 bytes, and max_body_bytes is 30"
    assert http_api.rows == [{"text": "a"}]


# -- templates -----------------------------------------------------------------------------------


def test_a_template_says_what_a_row_becomes(http_api: HttpApi) -> None:
    """A placeholder alone is the value in its JSON form, within a text its text, and all else is as it stands."""
    body = {
        "ref": "shop-{id}/{since}",
        "value": {"price": "{price}", "name": "{name}", "on": "{since}", "more": "{more}"},
        "tags": ["{{raw}}", "{id}", 1, 2.5, True, None],
    }
    run_batch_into(HttpPostRequest(url=http_api.url, body=body), ROWS, SHOP)
    assert http_api.rows == [
        {
            "ref": "shop-7/2024-05-06",
            "value": {"price": "1.50", "name": 'a"{b}', "on": "2024-05-06", "more": {"x": [1]}},
            "tags": ["{raw}", "7", 1, Decimal("2.5"), True, None],
        },
        {
            "ref": "shop-8/2024-05-07",
            "value": {"price": "2.00", "name": None, "on": "2024-05-07", "more": None},
            "tags": ["{raw}", "8", 1, Decimal("2.5"), True, None],
        },
    ]


@pytest.mark.parametrize("envelope", ["array", "ndjson", "object", "single"])
def test_a_template_stands_in_every_envelope_beside_a_key(http_api: HttpApi, envelope: Any) -> None:
    """Template, envelope and key of a row go together."""
    more: dict[str, Any] = {"envelope_key": "all"} if envelope == "object" else {}
    key = IdempotencyKey(field="key")
    node = HttpPostRequest(
        name="post", url=http_api.url, body={"n": "{id}"}, envelope=envelope, idempotency_key=key, **more
    )
    run_batch_into(node, [(1,)], {"id": "int"})
    [request] = http_api.requests
    found = json.loads(request.body)
    [row] = found["all"] if envelope == "object" else found if envelope == "array" else [found]
    assert (row["n"], len(row["key"])) == (1, 32)


def test_a_template_is_checked_before_the_run(http_api: HttpApi) -> None:
    """Columns that are not there, and documents within a text, are refused at build, all at once."""
    body = {"a": "{idd}", "b": ["x{more}"], "c": "{{id}}", "d": "{more}"}
    with pytest.raises(GraphTypeError) as caught:
        run_batch_into(HttpPostRequest(name="post", url=http_api.url, body=body), ROWS, SHOP)
    assert [str(one) for one in caught.value.problems] == [
        "node `post`, body: there is no column `idd`. Hint: did you mean `id`?",
        'node `post`, body, `b.0`: column `more` is `json null`, which has no text. Hint: let it stand alone: "{more}"',
    ]


def test_a_null_within_a_text_is_an_error_of_the_row(http_api: HttpApi) -> None:
    """Nobody wants `shop-None`; the row is rejected, and the others arrive."""
    node = HttpPostRequest(name="post", url=http_api.url, body={"ref": "shop-{name}"}, on_error="skip")
    report = run_batch_into(node, ROWS, SHOP)["post"]
    assert (http_api.rows, report.processed, report.skipped) == ([{"ref": 'shop-a"{b}'}], 1, 1)


def test_a_template_that_json_cannot_spell_is_refused() -> None:
    """Malformed texts, keys and values are refused at construction, all at once."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        BodyTemplate({"a": "{", "b": ["{}"], "c": float("nan"), "d": {1: 2}, "e": date(2024, 1, 1)})
    brace = "a brace has no partner, or nothing stands between; write {{ or }} for a brace itself"
    assert str(caught.value).split("; body, ") == [
        f"body, `a`: {brace}",
        f"`b.0`: {brace}",
        "`c`: nan has no JSON form",
        "`d`: a key is text, not 1",
        "`e`: datetime.date(2024, 1, 1) has no JSON form",
    ]


DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(DOCUMENTS)
def test_constants_go_through_a_template_as_they_are(document: Any) -> None:
    """With each brace doubled, any JSON document comes out of a template as it was put in."""
    template = BodyTemplate({"it": doubled(document)})
    row_class: Any = parse_schema({"id": "int"}).row_class()
    assert template.compile(row_class)(row_class(1)) == {"it": document}


def doubled(document: Any) -> Any:
    """Return a document with every brace in its texts doubled."""
    match document:
        case str():
            return document.replace("{", "{{").replace("}", "}}")
        case dict():
            return {key: doubled(value) for key, value in document.items()}
        case list():
            return [doubled(value) for value in document]
    return document


# -- what goes on ----------------------------------------------------------------------------------


def test_the_answer_goes_on_with_the_row(http_api: HttpApi) -> None:
    """With a `response_schema` each row goes on with what is answered to it, typed, and nothing else."""
    http_api.play(lambda request: Response.of_json({"id": "17", "score": request.json()["n"] / 4, "x": 1}))
    node = HttpPostRequest(url=http_api.url, envelope="single", response_schema={"id": "bigint", "score": "double"})
    kept = run_batch_through(node, [(1,), (2,)], {"n": "int"})
    assert kept.dicts == [{"n": 1, "id": 17, "score": 0.25}, {"n": 2, "id": 17, "score": 0.5}]


def test_the_items_of_an_answer_go_on_with_their_rows(http_api: HttpApi) -> None:
    """Of per-item results each row gets its own item, also when the rows are sent in one request."""

    def answer(request: Request) -> Response:
        items = [{"key": row["n"], "id": f"id-{row['n']}", "bad": row["n"] == 2} for row in request.rows()]
        return Response.of_json({"items": items[::-1]})

    http_api.play(answer)
    node = HttpPostRequest(
        name="post",
        url=http_api.url,
        items=ItemResults(path="items", key="key", column="n", error="bad"),
        response_schema={"id": "varchar(9)"},
        on_error="skip",
    )
    kept = run_batch_through(node, [(1,), (2,), (3,)], {"n": "int"})
    assert kept.dicts == [{"n": 1, "id": "id-1"}, {"n": 3, "id": "id-3"}]
    assert len(http_api.requests) == 1


def test_one_answer_for_many_rows_goes_on_once(http_api: HttpApi) -> None:
    """With `retain_input: false` a row goes on for each request."""
    http_api.play(lambda request: Response.of_json({"job": len(request.rows())}))
    node = HttpPostRequest(url=http_api.url, batch_rows=2, response_schema={"job": "int"}, retain_input=False)
    source = GivenBatches([[(1,), (2,)], [(3,)]], {"n": "int"})

    kept = Kept()
    _ = source > node > kept
    start_run(node).wait(30)
    assert kept.dicts == [{"job": 2}, {"job": 1}]
    assert (node.statistics.processed, node.statistics.filtered) == (3, 0)  # none of them was left out


def test_an_answer_that_does_not_fit_is_an_error_of_the_row(http_api: HttpApi) -> None:
    """The message says that the row was taken all the same, and each member that is wrong."""
    http_api.play([Response.of_json({"id": "x"}), Response.of_json([]), Response(body=b"<html>")])
    node = HttpPostRequest(
        name="post", url=f"{http_api.url}/x", batch_rows=1, response_schema={"id": "int", "at": "date"}, max_errors=3
    )
    kept = run_batch_through(node, [(1,), (2,), (3,)], {"n": "int"})
    assert (kept.dicts, node.statistics.skipped) == ([], 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "GET"}, "method must be one of POST, PUT, PATCH, DELETE, not 'GET'"),
        ({"envelope": "single", "batch_rows": 5}, "`envelope: single` is for one row: leave batch_rows out"),
        ({"method": "DELETE", "body": {"a": 1}}, "with `envelope: none` there is no body to put anything into"),
        ({"max_body_bytes": 0}, "max_body_bytes must be at least 1, not 0"),
        ({"batch_wait_s": -1}, "batch_wait_s is a number of seconds from 0, not -1"),
        (
            {"output_schema": {"a": "int"}},
            "what the service answers is declared by response_schema, not by output_schema",
        ),
        (
            {"response_schema": {"a": "int"}},
            "the answer to a request of many rows belongs to none of them: give items, batch_rows: 1 or"
            " retain_input: false beside response_schema",
        ),
        (
            {"rate_limit": {"rows_per_s": 1}},
            "rate_limit must be of class RateLimit, not {'rows_per_s': 1}",
        ),
        (
            {"response": [{"status": 409, "action": "retry"}]},
            "each of response must be of class ResponseRule, not {'status': 409, 'action': 'retry'}",
        ),
        (
            {"items": {"error": "e"}},
            "items must be of class ItemResults, not {'error': 'e'}",
        ),
        (
            {"name": "p", "body": {"k": 1}, "idempotency_key": IdempotencyKey(field="k")},
            "idempotency_key: field `k` stands in body already",
        ),
    ],
)
def test_options_that_contradict_each_other(options: dict[str, Any], message: str) -> None:
    """What cannot be meant together is refused at construction."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        HttpPostRequest(url="http://api.test/", **options)
    assert str(caught.value) == message
