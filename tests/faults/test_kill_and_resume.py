"""A run that is killed with -9 goes on from its last checkpoint: no row is lost, and few are sent twice."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

from nanotyped.engine.checkpoint import read_state

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.http_api import HttpApi
    from tests.support.mariadb import Database

ROWS, PAGE_ROWS, BATCH_ROWS, QUEUE_ROWS = 20_000, 200, 100, 4000
PIPELINE = """
pipeline_name: killed
nodes:
  read: {{class: StreamMySQLTable, options: {{url: "{url}", table: orders, page_rows: {page}}}}}
  odd: {{class: Filter, options: {{test: value_is_true, key: odd}}}}
  post: {{class: HttpPostRequest, options: {{url: "{api}/orders", batch_rows: {batch}}}}}
paths: [[read, odd, post]]
"""


def start(tmp_path: Path, *more: str) -> subprocess.Popen[str]:
    """Start the program on the pipeline, with its state in the directory `state`."""
    command = [sys.executable, "-m", "nanotyped", "run", "p.yaml", "--state", "state", *more]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)


def test_a_killed_run_goes_on_and_loses_nothing(database: Database, http_api: HttpApi, tmp_path: Path) -> None:
    """Killed at random moments until it gets to its end, it delivers every row that the filter passes."""
    database.execute(
        "CREATE TABLE orders (id int unsigned PRIMARY KEY, odd tinyint(1) NOT NULL, note varchar(60) NOT NULL)",
        f"INSERT INTO orders SELECT seq, seq % 2, REPEAT('x', 50) FROM seq_1_to_{ROWS}",
    )
    text = PIPELINE.format(url=database.url, api=http_api.url, page=PAGE_ROWS, batch=BATCH_ROWS)
    (tmp_path / "p.yaml").write_text(text)
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    kills, ended = 0, False
    while not ended:
        before = len(http_api.requests)
        process = start(tmp_path)
        wanted = before + chance.randrange(1, 40)
        while process.poll() is None and len(http_api.requests) < wanted and kills < 12:
            time.sleep(0.002)
        if kills < 12 and process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        _, err = process.communicate(timeout=60)
        ended = process.returncode == 0
        assert ended or process.returncode == -signal.SIGKILL, err
    sent = Counter(int(order["id"]) for request in http_api.requests for order in request.json())
    assert sorted(sent) == list(range(1, ROWS + 1, 2)), f"seed {seed}"
    # What is sent again lies between the checkpoint and what was read: full queues, the batches in two nodes' hands.
    in_flight = 2 * QUEUE_ROWS + 2 * 1000 + PAGE_ROWS
    assert sum(sent.values()) - len(sent) <= kills * in_flight
    assert read_state(tmp_path / "state").finished
