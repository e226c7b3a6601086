"""A pipeline in a process of its own, from a table to an API, with a state: for tests that hurt it and go on."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nanotyped.engine.checkpoint import StateError, read_state

if TYPE_CHECKING:
    from pathlib import Path

    from nanotyped.testing import HttpApi
    from tests.support.mariadb import Database

WAIT_S = 60.0
TABLE = "CREATE TABLE orders (id int unsigned PRIMARY KEY, odd tinyint(1) NOT NULL, note varchar(60) NOT NULL)"
PIPELINE = """
pipeline_name: orders
nodes:
  read:
    class: StreamMySQLTable
    options: {{url: "{url}", table: orders, page_rows: {page}, read_timeout_s: {late}{source}}}
  wanted: {{class: Filter, options: {{test: value_is_true, key: {wanted}}}}}
  post:
    class: HttpPostRequest
    options: {{url: "{api}/orders{path}", batch_rows: {batch}, timeout_s: {patience},
      idempotency_key: {{field: key}}{more}}}
paths: [[read, wanted, post]]
"""


@dataclass(frozen=True)
class Ended:
    """How a process ended: exit status, what it said, and after how many seconds."""

    code: int
    said: str
    seconds: float


class OrdersPipeline:
    """Reads `orders` of a database, keeps those that are wanted, and posts them in small batches.

    Args:
        directory: Where `p.yaml` and the state are.
        url: Of the database.
        api: Where the orders go.
        **settings: `page` and `batch` (rows), `late` (read timeout in seconds), `wanted` (the column that says so),
            `path` (of the API, behind `/orders`), `patience` (timeout of the API in seconds), `more` and `source`
            (options of the sink and of the source, as text behind a comma).
    """

    def __init__(self, directory: Path, url: str, api: HttpApi, **settings: Any) -> None:
        self.directory = directory
        self.state = directory / "state"
        self._api = api
        usual = {
            "page": 200,
            "batch": 50,
            "late": 60.0,
            "wanted": "id",
            "path": "",
            "patience": 2.0,
            "more": "",
            "source": "",
        }
        settings = {**usual, **settings}
        (directory / "p.yaml").write_text(PIPELINE.format(url=url, api=api.url, **settings))

    def start(
        self, *more: str, limit: Callable[[], None] | None = None, variables: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Start the program; ``limit`` is called in it before it begins, ``variables`` are of its environment."""
        command = [sys.executable, "-m", "nanotyped", "run", "p.yaml", "--state", "state", *more]
        return subprocess.Popen(
            command,
            cwd=self.directory,
            env=os.environ | {"PYTHONUNBUFFERED": "1"} | dict(variables or {}),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=limit,  # noqa: PLW1509 - sets limits of the process, and takes no lock
        )

    def start_and_reach(self, requests: int, *more: str, **options: Any) -> subprocess.Popen[str]:
        """Start it and wait until the API has got so many requests more."""
        wanted = len(self._api.requests) + requests
        process = self.start(*more, **options)
        self._api.wait_for_requests(wanted, WAIT_S)
        return process

    def run(self, *more: str, **options: Any) -> Ended:
        """Run it to its end."""
        return end_of(self.start(*more, **options))

    def cursors(self) -> Mapping[str, Any]:
        """Return the cursors that the state holds by now; none where there is no state."""
        try:
            return read_state(self.state).cursors
        except StateError:
            return {}

    @property
    def delivered(self) -> Counter[int]:
        """How often each order came to the API."""
        return Counter(int(order["id"]) for order in self._api.rows)

    @property
    def keys(self) -> Mapping[int, set[str]]:
        """The idempotency keys under which each order came to the API."""
        found: dict[int, set[str]] = {}
        for order in self._api.rows:
            found.setdefault(int(order["id"]), set()).add(order["key"])
        return found

    @property
    def sent_again(self) -> int:
        """How many rows came to the API beyond the first time."""
        delivered = self.delivered
        return delivered.total() - len(delivered)


def end_of(process: subprocess.Popen[str], wait_s: float = WAIT_S) -> Ended:
    """Wait for the end of a process."""
    since = time.monotonic()
    try:
        _, said = process.communicate(timeout=wait_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return Ended(process.returncode, said, time.monotonic() - since)


def fill_orders(database: Database, rows: int) -> None:
    """Make the table of orders 1 to ``rows``, every second of them odd."""
    database.execute(TABLE, f"INSERT INTO orders SELECT seq, seq % 2, REPEAT('x', 50) FROM seq_1_to_{rows}")
