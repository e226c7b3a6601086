"""Time itself as a fault: clocks that jump, servers that are slow for a minute, and lines that are slow all along."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from nanotyped.engine.checkpoint import read_state
from nanotyped.testing import Response
from tests.support.mariadb import MariaDBServer
from tests.support.resumed import OrdersPipeline, end_of, fill_orders
from tests.support.tcp_proxy import TcpProxy

if TYPE_CHECKING:
    from nanotyped.testing import HttpApi, Request
    from tests.support.mariadb import Database

ROWS = 4000


def all_delivered(pipeline: OrdersPipeline, rows: int = ROWS) -> None:
    """Every order came once, and the state says that the run is over."""
    assert sorted(pipeline.delivered) == list(range(1, rows + 1))
    assert pipeline.sent_again == 0
    assert read_state(pipeline.state).finished


class Clock:
    """The wall clock of a process of its own; the clock that only goes on is left alone, as a kernel leaves it.

    Args:
        directory: Where the file is that says what time it is.
    """

    def __init__(self, directory: Path) -> None:
        self._file = directory / "clock"
        self.jump(0)
        spec = find_spec("libfaketime")
        assert spec is not None
        assert spec.origin is not None
        (library,) = Path(spec.origin).parent.rglob("libfaketime.so.1")
        self.variables = {
            "LD_PRELOAD": str(library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }

    def jump(self, hours: int) -> None:
        """Set it to so many hours after the true time."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{hours * 3600:+d}")
        new.replace(self._file)


@pytest.mark.parametrize(
    "hours",
    [
        pytest.param([6], id="on"),
        pytest.param([-6], id="back", marks=pytest.mark.fault),
        pytest.param([9, -9, 400, -400], id="to and fro", marks=pytest.mark.fault),
    ],
)
def test_a_clock_that_jumps(database: Database, http_api: HttpApi, tmp_path: Path, hours: list[int]) -> None:
    """Pauses, deadlines and checkpoints go by the clock that only goes on: nothing is late, early, or sent again."""
    fill_orders(database, ROWS)
    clock = Clock(tmp_path)
    pipeline = OrdersPipeline(tmp_path, database.url, http_api, more=", deadline_s: 20.0")
    left = [None, *hours]

    def answer(request: Request) -> Response:
        # Each jump lies in a pause before another attempt, and the answer that asks for it is no delivery.
        if left and len(http_api.requests) % 10 == 0:
            now = left.pop(0)
            if now is not None:
                clock.jump(now)
                return Response(status=503, delay_s=0.1)
        return Response(delay_s=0.005)

    http_api.play(answer)
    process = pipeline.start(variables=clock.variables)
    ended = end_of(process)
    assert ended.code == 0, ended.said
    assert ended.seconds < 25
    assert pipeline.delivered.total() == ROWS + 50 * len(hours)  # what was refused came again
    assert sorted(pipeline.delivered) == list(range(1, ROWS + 1))
    state = read_state(pipeline.state)
    assert state.finished
    # It did jump, for the process and all that is in it.
    assert state.updated_at is not None
    off = state.updated_at - datetime.now(UTC) - timedelta(hours=hours[-1])
    assert abs(off) < timedelta(minutes=5)


@pytest.mark.fault
def test_a_clock_that_jumps_while_a_run_is_stopped(database: Database, http_api: HttpApi, tmp_path: Path) -> None:
    """The grace time is as long as it is."""
    fill_orders(database, ROWS)
    clock = Clock(tmp_path)
    let_go = threading.Event()
    pipeline = OrdersPipeline(tmp_path, database.url, http_api, patience=60.0)
    http_api.play(lambda request: Response(hold=let_go) if len(http_api.requests) == 9 else Response())
    process = pipeline.start_and_reach(9, "--grace", "1.5", variables=clock.variables)
    process.send_signal(signal.SIGTERM)
    since = time.monotonic()
    for hour in (7, -7):
        clock.jump(hour)
    ended = end_of(process)
    let_go.set()
    assert ended.code == 143, ended.said
    assert 1.4 < time.monotonic() - since < 10
    assert "not finished after 1.5 s: node `post` is still at work; stopping now" in ended.said
    ended = pipeline.run(variables=clock.variables)
    assert ended.code == 0, ended.said
    assert sorted(pipeline.delivered) == list(range(1, ROWS + 1))
    assert all(len(keys) == 1 for keys in pipeline.keys.values())


@pytest.fixture
def impatient_server() -> Iterator[MariaDBServer]:
    """Return a server that closes connections which say nothing for ten seconds."""
    with MariaDBServer() as server:
        database = server.create_database()
        database.execute("SET GLOBAL wait_timeout = 10", "SET GLOBAL net_write_timeout = 10")
        yield server


@pytest.mark.fault
@pytest.mark.timeout(300)
def test_a_sink_that_is_slow_for_a_minute(impatient_server: MariaDBServer, http_api: HttpApi, tmp_path: Path) -> None:
    """One answer takes a minute: the source waits, its server, asked for patience, does not hang up, and it goes on."""
    database = impatient_server.create_database()
    fill_orders(database, 16_000)
    pipeline = OrdersPipeline(tmp_path, database.url, http_api, patience=90.0)
    http_api.play(lambda request: Response(delay_s=60.0 if len(http_api.requests) == 20 else 0.0))
    process = pipeline.start()
    ended = end_of(process, 200)
    assert ended.code == 0, ended.said
    assert ended.seconds > 60
    all_delivered(pipeline, 16_000)
    ((_, hung_up),) = database.execute("SHOW GLOBAL STATUS LIKE 'Aborted_clients'")
    assert int(hung_up) == 0


@pytest.mark.parametrize(
    ("slow", "least_s"),
    [
        pytest.param({"delay_s": 0.2}, 1.0, id="delay", marks=pytest.mark.fault),  # four pages and more
        pytest.param({"bytes_per_s": 50_000.0}, 4.0, id="throttle", marks=pytest.mark.fault),  # some 280 KB
    ],
)
def test_a_line_that_is_slow(
    database: Database, http_api: HttpApi, tmp_path: Path, slow: dict[str, float], least_s: float
) -> None:
    """A server far away is waited for: rows come late, whole and once; nothing takes slow for gone."""
    fill_orders(database, ROWS)
    with TcpProxy(database.server.host, database.server.port) as proxy:
        proxy.slow_down(**slow)
        url = database.url.replace(f":{database.server.port}/", f":{proxy.port}/")
        pipeline = OrdersPipeline(tmp_path, url, http_api, page=1000, late=5.0)
        ended = pipeline.run()
    assert ended.code == 0, ended.said
    assert ended.seconds > least_s
    all_delivered(pipeline)


@pytest.mark.fault
def test_an_api_that_is_down_beyond_the_deadline(database: Database, http_api: HttpApi, tmp_path: Path) -> None:
    """The run ends no later than the deadline of a request; once the API is back, the next run goes on."""
    fill_orders(database, ROWS)
    pipeline = OrdersPipeline(tmp_path, database.url, http_api, more=", deadline_s: 3.0, max_attempts: 99")
    http_api.play(lambda request: Response(status=503) if len(http_api.requests) > 20 else Response())
    ended = pipeline.run()
    assert ended.code == 1
    assert "the next attempt would come after the deadline of 3 s" in ended.said
    assert ended.seconds < 15
    http_api.play(())
    ended = pipeline.run()
    assert ended.code == 0, ended.said
    assert sorted(pipeline.delivered) == list(range(1, ROWS + 1))
    assert all(len(keys) == 1 for keys in pipeline.keys.values())
