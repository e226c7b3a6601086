"""What a service does not take: rows of a request that is refused, or too large, and what answers say of each row."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from nanotyped import RowError
from nanotyped.engine.run import start_run
from nanotyped.errors import DeliveryError, GraphTypeError, NodeFailedError, RowRefusedError
from nanotyped.nodes import HttpGetRequest, HttpPostRequest, ItemResults, ResponseRule
from nanotyped.testing import HttpApi, Request, Response
from tests.support.flows import GivenBatches, run_batch_into, run_batch_through

if TYPE_CHECKING:
    from pathlib import Path

N = {"n": "int"}


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses that nodes would have made; they make none."""
    made: list[float] = []
    monkeypatch.setattr(HttpPostRequest, "sleep", lambda self, seconds: made.append(seconds))
    return made


def numbers(count: int) -> list[tuple[int]]:
    """Return rows of one column that counts from 1."""
    return [(n,) for n in range(1, count + 1)]


class PickyApi:
    """A service that refuses a request with a row that it does not like, and keeps the rows that it took."""

    def __init__(self, bad: set[int], status: int = 422, most: int = 1000) -> None:
        self.bad = bad
        self.status = status
        self.most = most
        self.taken: list[int] = []
        self.sizes: list[int] = []

    def __call__(self, request: Request) -> Response:
        got = [row["n"] for row in request.rows()]
        self.sizes.append(len(got))
        if len(got) > self.most:
            return Response(413)
        if self.bad & set(got):
            return Response.of_json({"error": "n is bad"}, self.status)
        self.taken += got
        return Response()


def letters(path: Path) -> list[tuple[int, str, str]]:
    """Return the rows of the dead letters of a file, and what they say."""
    found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [(one["row"]["n"], one["code"], one["reason"]) for one in found]


# -- refused, and too large -----------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 409, 422])
def test_a_refused_request_is_halved_down_to_the_bad_rows(http_api: HttpApi, tmp_path: Path, status: int) -> None:
    """Rows that are refused are dead letters, all others arrive once, and each row is one or the other."""
    api = PickyApi({3, 40, 41}, status)
    http_api.play(api)
    node = HttpPostRequest(name="post", url=http_api.url, batch_rows=50, dead_letter=str(tmp_path / "dead.jsonl"))
    report = run_batch_into(node, numbers(100), N)["post"]
    assert sorted(api.taken) == [n for n in range(1, 101) if n not in (3, 40, 41)]
    found = letters(tmp_path / "dead.jsonl")
    assert [(n, code) for n, code, _ in found] == [
        (3, "RowRefusedError"),
        (40, "RowRefusedError"),
        (41, "RowRefusedError"),
    ]
    assert (report.received, report.processed, report.dead) == (100, 97, 3)
    assert len(api.sizes) < 35  # 3 rows of 50 take no more than 2 x 3 x log2(50) requests, and the other 50 one


def test_without_a_policy_the_bad_row_ends_the_run_by_its_number(http_api: HttpApi) -> None:
    """Under `fail` the run ends, and the error names the row, its content and what the service says."""
    http_api.play(PickyApi({3}))
    with pytest.raises(NodeFailedError) as caught:
        run_batch_into(HttpPostRequest(name="post", url=f"{http_api.url}/x", batch_rows=4), numbers(4), N)
    cause = caught.value.__cause__
    assert isinstance(cause, RowRefusedError)
    assert (cause.status, cause.row, cause.row_text) == (422, 3, "Row(n=3)")
    assert str(cause) == (
        f'row 3: {http_api.url}/x refused it, after 1 attempt: 422 Unprocessable Entity: \'{{"error": "n is bad"}}\''
    )


def test_a_request_that_is_too_large_is_halved(http_api: HttpApi) -> None:
    """After 413 the halves are sent, the rows keep their order, and no more are sent at once from then on."""
    api = PickyApi(set(), most=3)
    http_api.play(api)
    node = HttpPostRequest(name="post", url=http_api.url, batch_rows=10)
    _ = GivenBatches([numbers(20)], N) > node
    start_run(node).wait(10)
    assert api.taken == list(range(1, 21))
    assert api.sizes == [10, 5, 3, 2, 3, 2, 3, 3, 3, 1]


def test_a_single_row_that_is_too_large_is_refused(http_api: HttpApi, tmp_path: Path) -> None:
    """A row that is too large by itself is a dead letter."""
    http_api.play(PickyApi(set(), most=0))
    node = HttpPostRequest(name="post", url=f"{http_api.url}/x", dead_letter=str(tmp_path / "dead.jsonl"))
    run_batch_into(node, numbers(1), N)
    text = f"row 1: {http_api.url}/x refused it, after 1 attempt: 413 Request Entity Too Large: '{{}}'"
    assert letters(tmp_path / "dead.jsonl") == [(1, "RowRefusedError", text)]


def test_several_workers_reject_the_same_rows(http_api: HttpApi, tmp_path: Path) -> None:
    """With `workers` each bad row is a letter all the same, once, and in the order of the rows."""
    api = PickyApi({7, 8, 31})
    http_api.play(api)
    path = tmp_path / "dead.jsonl"
    node = HttpPostRequest(name="post", url=http_api.url, batch_rows=5, workers=4, dead_letter=str(path))
    report = run_batch_into(node, numbers(60), N)["post"]
    assert [n for n, _, _ in letters(path)] == [7, 8, 31]
    assert (sorted(api.taken), report.processed, report.dead) == (sorted({*range(1, 61)} - api.bad), 57, 3)


def test_of_urls_that_are_a_rows_own_404_is_about_the_row(http_api: HttpApi, tmp_path: Path) -> None:
    """Where a placeholder stands in the url, 404 and 410 reject the row; else they end the run."""
    http_api.play(lambda request: Response(404 if request.target == "/2" else 410 if request.target == "/3" else 200))
    node = HttpPostRequest(name="put", method="PUT", url=http_api.url + "/{n}", dead_letter=str(tmp_path / "d.jsonl"))
    report = run_batch_into(node, numbers(4), N)["put"]
    assert (report.processed, report.dead, [n for n, _, _ in letters(tmp_path / "d.jsonl")]) == (2, 2, [2, 3])


# -- rules ----------------------------------------------------------------------------------


def test_rules_come_before_the_meaning_of_a_status(http_api: HttpApi, waits: list[float]) -> None:
    """A rule makes a retry of 409, a success of 404, and the first one that fits counts."""
    http_api.play([Response(409), Response(404)])
    rules = [
        ResponseRule(status=[409, "500-503"], action="retry"),
        ResponseRule(status="4xx", action="success"),
        ResponseRule(status=404, action="fail"),
    ]
    report = run_batch_into(HttpPostRequest(name="post", url=http_api.url, response=rules), numbers(3), N)["post"]
    assert (len(http_api.requests), len(waits), report.processed, report.retried) == (2, 1, 3, 3)


def test_an_ignored_answer_is_no_delivery_and_no_error(http_api: HttpApi) -> None:
    """What is ignored counts as filtered."""
    http_api.play(lambda request: Response(410 if request.rows() == [{"n": 2}] else 200))
    node = HttpPostRequest(
        name="post", url=http_api.url, batch_rows=1, response=[ResponseRule(status=410, action="ignore")]
    )
    report = run_batch_into(node, numbers(3), N)["post"]
    assert (report.processed, report.filtered, report.dead) == (3, 1, 0)


def test_rules_by_body_and_by_header(http_api: HttpApi, waits: list[float]) -> None:
    """A 200 that says in its body that it failed is no success, and a header may tell what another attempt is worth."""
    http_api.play(
        [
            Response.of_json({"ok": False, "error": {"code": "quota", "text": "too many today"}}),
            Response(403, {"X-Remaining": "0"}),
            Response.of_json({"ok": True}),
        ]
    )
    rules = [
        ResponseRule(body=["error", "code"], equals="quota", action="retry"),
        ResponseRule(body="ok", equals=False, action="fail"),
        ResponseRule(status=403, header="x-remaining", equals="0", action="retry"),
    ]
    run_batch_into(HttpPostRequest(name="post", url=http_api.url, response=rules), numbers(1), N)
    assert (len(http_api.requests), len(waits)) == (3, 2)


def test_a_rule_says_its_own_words(http_api: HttpApi) -> None:
    """The message of a rule stands in the place of the answer's text."""
    http_api.play([Response(200, body=b'{"error": "secret text"}')])
    rule = ResponseRule(body="error", contains="text", action="fail", message="the shop is closed for writes")
    with pytest.raises(NodeFailedError) as caught:
        run_batch_into(HttpPostRequest(name="post", url=f"{http_api.url}/x", response=[rule]), numbers(1), N)
    assert str(caught.value) == (
        f"node `post` failed: DeliveryError: {http_api.url}/x did not take row 1, after 1 attempt:"
        " 200: the shop is closed for writes"
    )


def test_rules_hold_for_what_is_asked_for_too(http_api: HttpApi) -> None:
    """An ignored answer to a GET gives nothing, and one that is rejected is an error of the row."""
    answers = {"/1": Response.of_json({"a": 1}), "/2": Response(404), "/3": Response.of_json({"gone": True})}
    http_api.play(lambda request: answers[request.target])
    rules = [ResponseRule(status=404, action="ignore"), ResponseRule(body="gone", action="reject")]
    node = HttpGetRequest(name="get", url=http_api.url + "/{n}", response=rules, on_error="skip")
    assert run_batch_through(node, numbers(3), N).dicts == [{"n": 1, "a": 1}]
    report = node.statistics
    assert (report.processed, report.filtered, report.skipped) == (2, 1, 1)


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({}, "it fits every answer: give status, header or body"),
        ({"status": "6xx"}, "`6xx` is no status; write 409, `500-503` or `4xx`"),
        ({"status": "503-500"}, "`503-500` is no range: it ends before it begins"),
        ({"status": []}, "status names none; leave it out for any"),
        ({"header": "A B"}, "'A B' is no name of a header"),
        ({"header": "A", "body": "b"}, "header and body are two rules"),
        ({"body": "b", "equals": 1, "contains": "c"}, "equals and contains are two rules"),
        ({"status": 1000}, "`1000` is no status; write 409, `500-503` or `4xx`"),
        ({"status": 400, "equals": 1}, "equals and contains are about a header or a body: name it"),
    ],
)
def test_wrong_rules(rule: dict[str, Any], reason: str) -> None:
    """A rule that can never be meant so is refused, with what to write."""
    with pytest.raises(ValueError, match="validation error") as caught:
        ResponseRule(action="fail", **rule)
    assert reason in str(caught.value)


# -- what is said of each row ---------------------------------------------------------------


def by_status(statuses: dict[int, list[int]], taken: list[int]) -> Any:
    """Return a service that answers each row of a request with its next status, 200 where there is none left."""

    def answer(request: Request) -> Response:
        results = []
        for row in request.rows():
            status = statuses[row["n"]].pop(0) if statuses.get(row["n"]) else 200
            taken.extend([row["n"]] if status == 200 else [])
            results.append({"status": status} if status == 200 else {"status": status, "error": f"n {row['n']}"})
        return Response.of_json({"results": results}, 207)

    return answer


def test_of_a_207_only_what_failed_is_sent_again_or_rejected(
    http_api: HttpApi, waits: list[float], tmp_path: Path
) -> None:
    """Of ten rows one that may pass is sent again alone, and one that is wrong is a dead letter: none arrives twice."""
    taken: list[int] = []
    http_api.play(by_status({4: [503, 429], 9: [422]}, taken))
    items = ItemResults(path="results", status="status", error="error")
    path = tmp_path / "dead.jsonl"
    node = HttpPostRequest(name="post", url=f"{http_api.url}/x", items=items, dead_letter=str(path))
    report = run_batch_into(node, numbers(10), N)["post"]
    assert taken == [1, 2, 3, 5, 6, 7, 8, 10, 4]
    assert [[row["n"] for row in request.rows()] for request in http_api.requests] == [list(range(1, 11)), [4], [4]]
    text = f"row 9: {http_api.url}/x refused it, after 1 attempt: 422: n 9"
    assert letters(path) == [(9, "RowRefusedError", text)]
    assert (report.processed, report.dead, report.retried, len(waits)) == (9, 1, 2, 2)


def test_an_item_that_never_passes_is_rejected_in_the_end(http_api: HttpApi, waits: list[float]) -> None:
    """After the last attempt a row that could have passed is an error of the row: the others were taken."""
    http_api.play(by_status({2: [503] * 9}, []))
    items = ItemResults(path="results", status="status")
    node = HttpPostRequest(name="post", url=http_api.url, items=items, max_attempts=3, on_error="skip")
    report = run_batch_into(node, numbers(3), N)["post"]
    assert (len(http_api.requests), report.processed, report.skipped, len(waits)) == (3, 2, 1, 2)


@pytest.mark.parametrize(
    ("items", "answer"),
    [
        ({"path": "errors", "only_errors": True, "index": "i"}, {"errors": [{"i": 1}]}),
        ({"path": "errors", "only_errors": True, "key": "who", "column": "n"}, {"errors": [{"who": "2"}]}),
        ({"path": [], "error": "e"}, [{}, {"e": "no"}, {"e": None}]),
        (
            {"path": "r", "status": "s", "success": ["ok", "was there"]},
            {"r": [{"s": "ok"}, {"s": "bad"}, {"s": "was there"}]},
        ),
        (
            {"path": "r", "key": ["of", "id"], "column": "n", "error": "e"},
            {"r": [{"of": {"id": 3}}, {"of": {"id": 2}, "e": 1}, {"of": {"id": 1}}]},
        ),
    ],
)
def test_items_are_of_rows_by_place_index_or_key(http_api: HttpApi, items: dict[str, Any], answer: Any) -> None:
    """However a service says which row is meant, the second of three is the one that is rejected."""
    http_api.play(lambda _: Response.of_json(answer))
    node = HttpPostRequest(name="post", url=http_api.url, items=ItemResults(**items), on_error="skip")
    report = run_batch_into(node, numbers(3), N)["post"]
    assert (report.processed, report.skipped) == (2, 1)


def test_no_errors_listed_means_none(http_api: HttpApi, caplog: pytest.LogCaptureFixture) -> None:
    """A list of errors that is not there is one of none; that is told once, for a misspelt path looks the same."""
    http_api.play(lambda _: Response.of_json({"taken": 3, "errosr": []}))
    items = ItemResults(path="errors", only_errors=True, index="i")
    report = run_batch_into(HttpPostRequest(name="post", url=http_api.url, items=items), numbers(3), N)["post"]
    assert report.processed == 3
    assert caplog.messages == [
        f"{http_api.url}: the answer has nothing at `items`, errors, which is taken for no errors;"
        " it has `taken`, `errosr`"
    ]


@pytest.mark.parametrize(
    ("items", "answer", "reason"),
    [
        ({"path": "r", "error": "e"}, {"r": [{}]}, "it has an item for 1 of the 2 rows, and none for the others"),
        ({"path": "r", "error": "e"}, {"r": [{}] * 3}, "it has 3 items for 2 rows"),
        ({"path": "r", "error": "e"}, {}, "`r` is no list of items"),
        ({"path": [], "error": "e"}, {}, "the answer is no list of items"),
        (
            {"path": "r", "status": "stat"},
            {"r": [{"status": 201}] * 2},
            "an item has nothing at `stat`: {'status': 201}, which is to be its status",
        ),
        (
            {"path": [], "error": "e", "index": "at"},
            [{"i": 0}, {"i": 1}],
            "an item has nothing at `at`: {'i': 0}, which is to tell whose it is",
        ),
        ({"path": [], "error": "e", "index": "i"}, [{"i": 0}, {"i": 0}], "two items are about row 1 of the request"),
        (
            {"path": [], "error": "e", "index": "i"},
            [{"i": 2}],
            "an item is about the row at 2, and the request has 2, from 0",
        ),
        (
            {"path": [], "error": "e", "key": "k", "column": "n"},
            [{"k": 7}],
            "an item is about 7, and no row of the request has that",
        ),
    ],
)
def test_an_answer_that_does_not_tell_of_every_row_ends_the_run(
    http_api: HttpApi, items: dict[str, Any], answer: Any, reason: str
) -> None:
    """Nobody knows then what was taken: nothing of it counts as delivered."""
    http_api.play(lambda _: Response.of_json(answer))
    node = HttpPostRequest(name="post", url=f"{http_api.url}/x", items=ItemResults(**items), on_error="skip")
    with pytest.raises(NodeFailedError) as caught:
        run_batch_into(node, numbers(2), N)
    assert isinstance(caught.value.__cause__, DeliveryError)
    assert str(caught.value.__cause__) == (
        f"{http_api.url}/x answered 200 to rows 1 to 2, but does not say what became of them: {reason}"
    )


@pytest.mark.parametrize(
    ("items", "reason"),
    [
        ({"path": "r"}, "it does not say which items failed: give status, error or only_errors"),
        ({"path": "r", "only_errors": True}, "only_errors needs index or key: which rows are the ones that failed?"),
        (
            {"path": "r", "error": "e", "key": "k"},
            "key and column go together: which member of an item is which column of its row",
        ),
        (
            {"error": "e", "key": "k", "column": "c", "index": "i"},
            "index and key are two ways to say whose an item is; give one",
        ),
        ({"error": "e", "success": [1]}, "success and retry are about the status of an item: give status"),
    ],
)
def test_wrong_items(items: dict[str, Any], reason: str) -> None:
    """What does not say whose an item is, or which failed, is refused."""
    with pytest.raises(ValueError, match="validation error") as caught:
        ItemResults(**items)
    assert reason in str(caught.value)


def test_the_column_of_items_is_checked_before_the_run(http_api: HttpApi) -> None:
    """A column that no row has is refused at build."""
    items = ItemResults(error="e", key="k", column="m")
    with pytest.raises(GraphTypeError) as caught:
        run_batch_into(HttpPostRequest(name="post", url=http_api.url, items=items), numbers(1), N)
    assert [str(one) for one in caught.value.problems] == [
        "node `post`, items: there is no column `m`. Hint: the columns are `n`"
    ]


# -- a node of one's own that rejects rows of a batch ---------------------------------------


def test_rejected_rows_of_a_batch_are_not_given_again(http_api: HttpApi) -> None:
    """`reject` in `process_batch` sets single rows aside, and the batch is not processed once more without them."""
    seen: list[int] = []

    class Picky(HttpPostRequest):
        def process_batch(self, batch: Any) -> Any:
            for number, row in enumerate(batch.rows, self.first_row_number):
                seen.append(row.n)
                if row.n % 3 == 0:
                    self.reject(row, RowError(f"row {number}: no", row=number))
            return ()

    report = run_batch_into(Picky(name="picky", url=http_api.url, on_error="skip"), numbers(10), N)["picky"]
    assert (seen, report.processed, report.skipped) == (list(range(1, 11)), 7, 3)
