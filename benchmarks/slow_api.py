"""Rows to an API that takes 20 ms to answer, a request after the other and several at once, beside a plain script."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import requests

from benchmarks.measure import measure
from nanotyped import HttpPostRequest
from nanotyped.testing import InMemoryTable

BATCH_ROWS = 10


def _rows(rows: int) -> list[dict[str, object]]:
    return [{"id": number, "name": f"customer {number}"} for number in range(rows)]


def workers(count: int, api: str, rows: int) -> int:
    source: InMemoryTable[Any] = InMemoryTable(_rows(rows), {"id": "int", "name": "varchar(40)"})
    sink = HttpPostRequest(url=api, batch_rows=BATCH_ROWS, workers=count)
    source > sink
    source.run()
    return sink.messages_received_counter


def script(api: str, rows: int) -> int:
    given = _rows(rows)
    with requests.Session() as session:
        session.trust_env = False
        for start in range(0, rows, BATCH_ROWS):
            body = json.dumps(given[start : start + BATCH_ROWS])
            session.post(api, data=body, headers={"Content-Type": "application/json"}, timeout=30).raise_for_status()
    return rows


PEERS: dict[str, Callable[[str, int], int]] = {
    "workers_1": partial(workers, 1),
    "workers_8": partial(workers, 8),
    "script": script,
}

if __name__ == "__main__":
    peer, api_, rows_ = sys.argv[1], sys.argv[2], int(sys.argv[3])
    measure(rows_, lambda: PEERS[peer](api_, rows_))
