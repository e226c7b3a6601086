"""A run that is killed with -9 goes on from its last checkpoint: no row is lost, and few are sent twice."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from nanotyped.engine.checkpoint import read_state
from tests.support.resumed import TABLE, OrdersPipeline, end_of, fill_orders

if TYPE_CHECKING:
    from pathlib import Path

    from nanotyped.testing import HttpApi
    from tests.support.mariadb import Database

PAGE_ROWS, BATCH_ROWS, QUEUE_ROWS = 200, 100, 4000


@pytest.mark.parametrize(
    "extent",
    [
        pytest.param((20_000, 5), id="few"),
        pytest.param((200_000, 100), id="many", marks=[pytest.mark.fault, pytest.mark.timeout(900)]),
    ],
)
def test_a_killed_run_goes_on_and_loses_nothing(
    database: Database,
    http_api: HttpApi,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
    extent: tuple[int, int],
) -> None:
    """Killed at random moments until it gets to its end, it delivers every row that the filter passes.

    What comes twice has the key that it had, so that an API that knows its keys has every row once.
    """
    rows, most = extent
    fill_orders(database, rows)
    pipeline = OrdersPipeline(tmp_path, database.url, http_api, page=PAGE_ROWS, batch=BATCH_ROWS, wanted="odd")
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    kills, ended = 0, False
    while not ended:
        before = len(http_api.requests)
        process = pipeline.start()
        wanted = before + chance.randrange(1, 40)
        while process.poll() is None and len(http_api.requests) < wanted and kills < most:
            time.sleep(0.002)
        if kills < most and process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        end = end_of(process)
        ended = end.code == 0
        assert ended or end.code == -signal.SIGKILL, (seed, end.said)
    for name, value in {"seed": seed, "kills": kills, "sent again": pipeline.sent_again}.items():
        record_property(name, value)
    assert sorted(pipeline.delivered) == list(range(1, rows + 1, 2)), f"seed {seed}"
    # Sent again is what lies between the checkpoint and what was read: full queues, the batches in two nodes' hands.
    in_flight = 2 * QUEUE_ROWS + 2 * 1000 + PAGE_ROWS
    assert pipeline.sent_again <= kills * in_flight
    keys = pipeline.keys
    assert all(len(found) == 1 for found in keys.values())
    assert len(set().union(*keys.values())) == len(keys) == rows // 2
    assert read_state(pipeline.state).finished


@pytest.mark.parametrize("rows", [3000, pytest.param(60_000, marks=[pytest.mark.fault, pytest.mark.timeout(300)])])
def test_killed_runs_that_follow_a_table_lose_nothing(
    database: Database, http_api: HttpApi, tmp_path: Path, record_property: Callable[[str, object], None], rows: int
) -> None:
    """Killed at random, while rows come late beside new ones; between runs that came to their end, too."""
    lag = 60
    database.execute(TABLE.replace("note", "at int NOT NULL, KEY (at), note"))
    pipeline = OrdersPipeline(
        tmp_path, database.url, http_api, page=PAGE_ROWS, batch=BATCH_ROWS, source=f", cursor_column: at, lag: {lag}"
    )
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    # Ten rows share a cursor, and each comes at most so late that the others are within the lag.
    order = sorted(range(1, rows + 1), key=lambda n: n // 10 + chance.randrange(lag))
    kills = there = 0
    while there < rows:
        more, there = order[there : there + 1500], there + 1500
        values = ", ".join(f"({n}, 1, {n // 10}, 'x')" for n in more)
        database.execute(f"INSERT INTO orders VALUES {values}")
        process = pipeline.start_and_reach(chance.randrange(1, 6))
        if chance.random() < 0.7 or there >= rows:
            process.send_signal(signal.SIGKILL)
        code = end_of(process).code
        assert code in (0, -signal.SIGKILL), seed
        kills += code != 0
    ended = pipeline.run()
    assert ended.code == 0, ended.said
    for name, value in {"seed": seed, "kills": kills, "sent again": pipeline.sent_again}.items():
        record_property(name, value)
    assert sorted(pipeline.delivered) == list(range(1, rows + 1)), f"seed {seed}"
    assert read_state(pipeline.state).finished
