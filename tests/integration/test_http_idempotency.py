"""Requests whose keys let a service take each row once: over retries, crashes, resumptions and replays."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from nanotyped import Checkpoint, HttpPostRequest, IdempotencyKey
from nanotyped.cli import main
from nanotyped.engine.run import Run, start_run
from nanotyped.errors import GraphTypeError, NodeFailedError
from nanotyped.node import NanoNode
from nanotyped.testing import HttpApi, Response
from tests.support.flows import GivenBatches, run_into

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOTE = {"id": "int", "text": "varchar(9)"}
CELLS = [(number, "abc"[number % 3]) for number in range(6)]
# SHA-256 of `[null,"post"]`, a line end, and the object; the first half of it.
KEYS = (b"8ebe5062c7e202fdeeea4c77fa16fd83", b"934bb602783ba3a5bdfbe42a5a4febb2")
HEADER = IdempotencyKey(header="Idempotency-Key")


def sink(api: HttpApi, **options: Any) -> HttpPostRequest:
    """Return a sink."""
    return HttpPostRequest(url=api.url, name="post", **options)


def keys_by_row(api: HttpApi) -> dict[int, set[str]]:
    """Return the keys in the header that each row came under; every request has one row."""
    found: dict[int, set[str]] = {}
    for request in api.requests:
        (row,) = request.rows()
        found.setdefault(row["id"], set()).add(request.headers["Idempotency-Key"])
    return found


def test_a_key_in_the_header(http_api: HttpApi) -> None:
    """Rows go out one by one, each with its key, and another run has the same keys."""
    run_into(sink(http_api, idempotency_key=HEADER), CELLS, NOTE)
    run_into(sink(http_api, idempotency_key=HEADER), CELLS[::-1], NOTE)
    keys = keys_by_row(http_api)
    assert len(http_api.requests) == 12
    assert [len(keys[number]) for number, _ in CELLS] == [1] * 6
    assert len(set().union(*keys.values())) == 6


@pytest.mark.parametrize(
    ("options", "bodies"),
    [
        ({}, [b'[{"id":0,"text":"a","k":"KEY0"},{"id":1,"text":"b","k":"KEY1"}]']),
        ({"envelope": "ndjson"}, [b'{"id":0,"text":"a","k":"KEY0"}\n{"id":1,"text":"b","k":"KEY1"}\n']),
        (
            {"envelope": "object", "envelope_key": "all"},
            [b'{"all":[{"id":0,"text":"a","k":"KEY0"},{"id":1,"text":"b","k":"KEY1"}]}'],
        ),
        ({"batch_rows": 1}, [b'[{"id":0,"text":"a","k":"KEY0"}]', b'[{"id":1,"text":"b","k":"KEY1"}]']),
    ],
)
def test_a_key_in_each_object(http_api: HttpApi, options: dict[str, Any], bodies: list[bytes]) -> None:
    """The key of a row stands in its object, the same in every envelope and batch, and in no header."""
    run_into(sink(http_api, idempotency_key=IdempotencyKey(field="k"), **options), CELLS[:2], NOTE)
    expected = [body.replace(b"KEY0", KEYS[0]).replace(b"KEY1", KEYS[1]) for body in bodies]
    assert [request.body for request in http_api.requests] == expected
    assert "Idempotency-Key" not in http_api.requests[0].headers


def test_every_attempt_of_a_request_has_its_key(http_api: HttpApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that is tried again is the same request; the next one has a key of its own."""
    monkeypatch.setattr(HttpPostRequest, "sleep", lambda self, seconds: None)
    http_api.play([Response(status=503), Response(drop=True), Response(headers={"Set-Cookie": "a=1"}), Response(429)])
    node = sink(http_api, idempotency_key=HEADER, batch_rows=3)
    _ = GivenBatches([CELLS[:3], CELLS[3:]], NOTE, batch_rows=3) > node
    start_run(node).wait(30)
    keys = [request.headers["Idempotency-Key"] for request in http_api.requests]
    assert keys == [keys[0]] * 3 + [keys[3]] * 2
    assert keys[0] != keys[3]


def test_keys_of_requests_of_many_rows_are_told_about(
    http_api: HttpApi, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """``check`` says that they do not last, and so does the log of a run; a pipeline that has others is not told."""
    notice = (
        "a request of up to 3 rows has the same `Idempotency-Key` when it is tried again, but after a stop requests are"
        " cut elsewhere and have others; batch_rows: 1, or idempotency_key: {field: NAME}, holds then too"
    )
    (tmp_path / "in.csv").write_text("id\n1\n")
    text = f"""
nodes:
  read: {{class: ReadRows, options: {{path: {tmp_path}/in.csv, output_schema: {{id: int}}}}}}
  post: {{class: HttpPostRequest, options: {{url: "{http_api.url}", OPTIONS}}}}
paths: [[read, post]]
"""
    file = tmp_path / "p.yaml"
    file.write_text(text.replace("OPTIONS", "batch_rows: 3, idempotency_key: {header: Idempotency-Key}"))
    assert main(["check", str(file)]) == 0
    assert capsys.readouterr().err == f"{file}: note: node `post`: {notice}\n"
    assert main(["run", str(file)]) == 0
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [f"post: {notice}"]
    capsys.readouterr()
    for options in ("idempotency_key: {header: Idempotency-Key}", "batch_rows: 3, idempotency_key: {field: k}"):
        file.write_text(text.replace("OPTIONS", options))
        assert main(["check", str(file)]) == 0
        assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("option", "problem"),
    [
        (
            {"header": "K", "columns": ["id", "txt"]},
            "node `post`, idempotency_key: there is no column `txt`. Hint: did you mean `text`?",
        ),
        (
            {"field": "text"},
            "node `post`, idempotency_key: field `text` would take the place of the column of that name."
            " Hint: choose a name that no column has",
        ),
    ],
)
def test_keys_are_held_to_the_columns_before_the_run(http_api: HttpApi, option: dict[str, Any], problem: str) -> None:
    """A column that is not there, and a field that a column has the name of, are refused at build."""
    with pytest.raises(GraphTypeError) as caught:
        run_into(sink(http_api, idempotency_key=IdempotencyKey(**option)), CELLS, NOTE)
    assert [str(found) for found in caught.value.problems] == [problem]
    assert not http_api.requests


def test_a_bare_value_has_no_field(http_api: HttpApi) -> None:
    """It is no object, and the builder says so."""
    with pytest.raises(GraphTypeError) as caught:
        run_into(sink(http_api, idempotency_key=IdempotencyKey(field="k")), [(1,)], {"__value__": "int"})
    assert [str(found) for found in caught.value.problems] == [
        "node `post`, idempotency_key: a bare value has no place for field `k`"
    ]


class Numbers(NanoNode[object, Any]):
    """Counts, and says where it is."""

    output_schema = NOTE

    def generator(self) -> Iterator[Any]:
        for number in range(self.resume_from or 0, 6):
            yield {"id": number, "text": "abc"[number % 3]}
            yield Checkpoint(number + 1)


def test_a_run_that_goes_on_sends_what_it_sends_again_under_the_same_keys(http_api: HttpApi, tmp_path: Path) -> None:
    """A service that knows its keys has each row once."""
    http_api.play(lambda request: Response(status=400 if len(http_api.requests) == 4 else 200))

    def started() -> Run:
        node = sink(http_api, idempotency_key=HEADER)
        _ = Numbers(name="numbers") > node
        return start_run(node, "notes", state_dir=tmp_path)

    with pytest.raises(NodeFailedError, match="400 Bad Request"):
        started().wait(30)
    started().wait(30)
    keys = keys_by_row(http_api)
    assert len(http_api.requests) > 6
    assert sorted(keys) == list(range(6))
    assert all(len(found) == 1 for found in keys.values())


def test_a_dead_letter_that_is_replayed_has_the_key_of_its_row(
    http_api: HttpApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row comes back out of its letter as it was, so its key is that of a run that took it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in.csv").write_text("id,at,sum,way\n1,2024-05-06T07:08:09.010,9.90,up\n2,2024-05-06T07:08:09,1.00,\n")
    schema = '{id: bigint, at: "datetime(3)", sum: "decimal(9,2)", way: varchar(9)}'
    (tmp_path / "p.yaml").write_text(
        f"""
pipeline_name: ways
nodes:
  read: {{class: ReadRows, options: {{path: in.csv, output_schema: {schema}}}}}
  post: {{class: HttpPostRequest, options: {{url: "{http_api.url}/{{way}}", dead_letter: dead.jsonl,
    idempotency_key: {{header: Idempotency-Key, columns: [id, at, sum]}}}}}}
paths: [[read, post]]
"""
    )
    assert main(["run", "p.yaml"]) == 3
    before = http_api.requests
    letter = json.loads((tmp_path / "dead.jsonl").read_text())
    assert letter["row"]["id"] == "2"
    letter["row"]["way"] = "down"  # the cause is mended
    (tmp_path / "dead.jsonl").write_text(json.dumps(letter) + "\n")
    assert main(["replay", "dead.jsonl", "p.yaml"]) == 0
    (tmp_path / "in.csv").write_text("id,at,sum,way\n2,2024-05-06T07:08:09,1.00,down\n")
    assert main(["run", "p.yaml"]) == 0
    replayed, read = (request.headers["Idempotency-Key"] for request in http_api.requests[len(before) :])
    assert replayed == read
    assert before[0].headers["Idempotency-Key"] != read
