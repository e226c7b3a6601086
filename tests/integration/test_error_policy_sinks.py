"""Bad rows at the sinks: what an API or a table cannot be given is left out, and nothing is sent or written twice."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from nanotyped import HttpPostRequest, WriteMySQLTable
from tests.support.flows import run_into

if TYPE_CHECKING:
    from pathlib import Path

    from nanotyped.testing import HttpApi
    from tests.support.mariadb import Database

SCHEMA = {"id": "int", "place": "varchar(9) null", "weight": "double"}
ROWS: list[Any] = [
    (1, "a", 1.0),
    (2, None, 1.0),
    (3, "a", math.nan),
    (4, "b", 4.0),
    (5, "b", 5.0),
    (6, "", 6.0),
    (7, "a", 7.0),
]


def rejected(path: Path) -> list[tuple[int, str | None]]:
    """Return id and column of each dead letter, by id."""
    letters = [json.loads(line) for line in path.read_text().splitlines()]
    return sorted((letter["row"]["id"], letter["column"]) for letter in letters)


def test_rows_that_cannot_be_sent_are_left_out_of_their_requests(http_api: HttpApi, tmp_path: Path) -> None:
    """A row without a URL, or without a JSON form, is a dead letter; each of the others is sent once."""
    path = tmp_path / "dead.jsonl"
    node = HttpPostRequest(name="post", url=http_api.url + "/{place}", dead_letter=path)
    report = run_into(node, ROWS, SCHEMA, validate=False)
    sent = [order["id"] for request in http_api.requests for order in request.json()]
    assert sent == [1, 4, 5, 7]
    assert rejected(path) == [(2, "place"), (3, "weight"), (6, "place")]
    assert (report["post"].received, report["post"].dead, report.dead) == (7, 3, 3)


def test_rows_that_do_not_fit_the_table_are_left_out_of_their_transaction(database: Database, tmp_path: Path) -> None:
    """A row that a table cannot hold is a dead letter, and the rest of its batch is written, once."""
    database.execute("CREATE TABLE things (id int PRIMARY KEY, place varchar(3))")
    path = tmp_path / "dead.jsonl"
    node = WriteMySQLTable(name="write", url=database.url, table="things", dead_letter=path)
    rows = [{"id": n, "place": "long" if n in (2, 3, 9) else "abc"} for n in range(10)]
    report = run_into(node, rows)
    assert database.execute("SELECT id FROM things ORDER BY id") == [(n,) for n in range(10) if n not in (2, 3, 9)]
    letters = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(letter["row"]["id"], letter["column"]) for letter in letters] == [
        ("2", "place"),
        ("3", "place"),
        ("9", "place"),
    ]
    assert (report["write"].received, report["write"].dead) == (10, 3)


def test_rows_that_the_server_refuses_are_left_out_too(database: Database, tmp_path: Path) -> None:
    """A key that is there is known to the server alone: the row is a dead letter, and the rest is written, once."""
    database.execute("CREATE TABLE things (id int PRIMARY KEY)", "INSERT INTO things VALUES (3), (7)")
    path = tmp_path / "dead.jsonl"
    node = WriteMySQLTable(name="write", url=database.url, table="things", dead_letter=path)
    report = run_into(node, [(n,) for n in range(10)], {"id": "int"})
    assert database.execute("SELECT id FROM things ORDER BY id") == [(n,) for n in range(10)]
    letters = [json.loads(line) for line in path.read_text().splitlines()]
    assert [letter["row"]["id"] for letter in letters] == [3, 7]
    assert "Duplicate entry '3' for key 'PRIMARY'" in letters[0]["reason"]
    assert (report["write"].received, report["write"].dead) == (10, 2)
