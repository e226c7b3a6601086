"""What may happen to the process of a run, and to the files it keeps: the next one loses nothing."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from nanotyped.engine.checkpoint import FILE_NAME, read_state
from nanotyped.testing import Response
from tests.support.resumed import OrdersPipeline, end_of, fill_orders

if TYPE_CHECKING:
    from pathlib import Path

    from nanotyped.testing import HttpApi, Request
    from tests.support.mariadb import Database

ROWS = 16_000
# Full queues, the batches in two nodes' hands, a page.
WINDOW = 4000 + 4000 + 2 * 1000 + 200


@pytest.fixture
def pipeline(database: Database, http_api: HttpApi, tmp_path: Path) -> OrdersPipeline:
    """Return the pipeline over a table on the server of the run."""
    fill_orders(database, ROWS)
    return OrdersPipeline(tmp_path, database.url, http_api)


def nothing_lost(pipeline: OrdersPipeline, again: int = WINDOW) -> None:
    """Run the pipeline to its end: every order is delivered, and at most ``again`` of them once more."""
    ended = pipeline.run()
    assert ended.code == 0, ended.said
    assert sorted(pipeline.delivered) == list(range(1, ROWS + 1))
    assert pipeline.sent_again <= again
    assert read_state(pipeline.state).finished


class Hold:
    """Makes the API hold the answers from one request on, until they are let go."""

    def __init__(self, api: HttpApi, at: int) -> None:
        self.let_go = threading.Event()
        self._left = at
        api.play(self._answer)

    def _answer(self, request: Request) -> Response:
        self._left -= 1
        return Response(hold=self.let_go) if self._left <= 0 else Response()


def test_killed_between_delivery_and_checkpoint(pipeline: OrdersPipeline, http_api: HttpApi) -> None:
    """What the API took and the state does not know is delivered once more; nothing else is lost or doubled."""
    running: list[subprocess.Popen[str]] = []

    def answer(request: Request) -> Response:
        if len(http_api.requests) == 30:
            running[0].kill()
        return Response()

    http_api.play(answer)
    running.append(pipeline.start())
    assert end_of(running[0]).code == -signal.SIGKILL
    assert len(pipeline.delivered) >= 30 * 50
    nothing_lost(pipeline)


@pytest.mark.fault
def test_killed_while_it_writes_a_checkpoint(pipeline: OrdersPipeline) -> None:
    """The state is as it was before, or as it is to be, never between."""
    log = pipeline.state / f"{FILE_NAME}-wal"
    chance = random.Random(4)
    for _ in range(15):
        process = pipeline.start()
        writes = chance.randrange(1, 4)
        size = -1
        while process.poll() is None and writes:
            now = log.stat().st_size if log.exists() else -1
            writes -= now not in (size, 0, -1)
            size = now
        process.kill()
        end_of(process)
        if (pipeline.state / FILE_NAME).exists():
            read_state(pipeline.state)
    nothing_lost(pipeline, 15 * WINDOW)


def test_terminated(pipeline: OrdersPipeline) -> None:
    """SIGTERM drains: what was read is delivered, the checkpoint is behind it, and the next run sends nothing again."""
    process = pipeline.start_and_reach(30)
    process.send_signal(signal.SIGTERM)
    ended = end_of(process)
    assert ended.code == 128 + signal.SIGTERM, ended.said
    assert len(pipeline.delivered) < ROWS
    nothing_lost(pipeline, again=0)


@pytest.mark.fault
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_twice_while_the_sink_hangs(
    pipeline: OrdersPipeline, http_api: HttpApi, number: signal.Signals
) -> None:
    """The first signal waits for the sink, the second one for a second; what was delivered before is known."""
    hold = Hold(http_api, 30)
    process = pipeline.start_and_reach(30)
    process.send_signal(number)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    process.send_signal(number)
    ended = end_of(process)
    hold.let_go.set()
    assert ended.code == 128 + number
    assert ended.seconds < 5
    nothing_lost(pipeline)


@pytest.mark.fault
def test_terminated_while_the_sink_hangs(pipeline: OrdersPipeline, http_api: HttpApi) -> None:
    """One signal is enough: at the end of its grace time the run ends, names the sink, and the next one goes on."""
    hold = Hold(http_api, 30)
    process = pipeline.start_and_reach(30, "--grace", "1")
    process.send_signal(signal.SIGTERM)
    ended = end_of(process)
    hold.let_go.set()
    assert ended.code == 128 + signal.SIGTERM
    assert "nanotyped: not finished after 1 s: node `post` is still at work; stopping now\n" in ended.said
    assert 0.9 < ended.seconds < 10
    nothing_lost(pipeline)


@pytest.mark.fault
def test_foreign_state(pipeline: OrdersPipeline, database: Database, http_api: HttpApi) -> None:
    """The state of another pipeline is refused, nothing is sent, and it stays as it was for the one that it is of."""
    process = pipeline.start_and_reach(100)
    process.kill()
    end_of(process)
    delivered = pipeline.delivered.total()
    other = OrdersPipeline(pipeline.directory, database.url, http_api, wanted="odd").run()
    assert other.code == 2
    assert "it is of another pipeline than this one: `wanted` is another; --reset-state forgets it" in other.said
    assert pipeline.delivered.total() == delivered
    OrdersPipeline(pipeline.directory, database.url, http_api)
    nothing_lost(pipeline)


def test_no_room_for_dead_letters(database: Database, http_api: HttpApi, tmp_path: Path) -> None:
    """The run ends, no row is let go of without its letter, and with room the next one delivers or keeps all."""
    fill_orders(database, ROWS)
    database.execute("UPDATE orders SET note = '' WHERE id % 1000 = 0")  # fills no place in a path

    def pipeline(file: str) -> OrdersPipeline:
        return OrdersPipeline(tmp_path, database.url, http_api, path="/{note}", more=f", dead_letter: {file}")

    ended = pipeline("/dev/full").run()
    assert ended.code == 1
    assert "node `post` failed: DeadLetterError: dead letters `/dev/full`: it cannot be written: No space left" in (
        ended.said
    )
    assert ended.seconds < 30
    whole = pipeline("dead.jsonl")
    ended = whole.run()
    assert ended.code == 3, ended.said
    dead = [int(json.loads(line)["row"]["id"]) for line in (tmp_path / "dead.jsonl").read_text().splitlines()]
    assert dead == list(range(1000, ROWS + 1, 1000))
    assert sorted([*whole.delivered, *dead]) == list(range(1, ROWS + 1))
    assert whole.sent_again <= WINDOW


@pytest.mark.fault
def test_two_runs_of_one_pipeline(database: Database, http_api: HttpApi, tmp_path: Path) -> None:
    """The second one is refused before it sends anything, and the first one does not notice."""
    fill_orders(database, ROWS)
    # An answer is held for as long as the second one takes to start, however busy the machine is.
    pipeline = OrdersPipeline(tmp_path, database.url, http_api, patience=60.0)
    hold = Hold(http_api, 5)
    process = pipeline.start_and_reach(5)
    second = pipeline.run()
    assert second.code == 2
    assert second.said.endswith("another run uses it; wait for its end, or give this one a directory of its own\n")
    hold.let_go.set()
    assert end_of(process).code == 0
    assert sorted(pipeline.delivered) == list(range(1, ROWS + 1))
    assert pipeline.sent_again == 0


@pytest.mark.parametrize("kept_bytes", [0, 5000])
@pytest.mark.fault
def test_truncated_state(pipeline: OrdersPipeline, kept_bytes: int) -> None:
    """It is refused, and nothing is sent; a reset begins anew."""
    process = pipeline.start_and_reach(100)
    process.kill()
    end_of(process)
    delivered = pipeline.delivered.total()
    os.truncate(pipeline.state / FILE_NAME, kept_bytes)
    for name in pipeline.state.glob(f"{FILE_NAME}-*"):
        name.unlink()
    refused = pipeline.run()
    assert refused.code == 2
    assert "it is damaged, or no state of a pipeline" in refused.said
    assert pipeline.delivered.total() == delivered
    assert pipeline.run("--reset-state").code == 0
    assert sorted(pipeline.delivered) == list(range(1, ROWS + 1))


def limit_file_size() -> None:
    """Let this process write no file beyond a few pages, as a disk without room would."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))


@pytest.mark.fault
def test_no_room_for_the_state(pipeline: OrdersPipeline) -> None:
    """The run ends at the first checkpoint that finds no room; what was in flight is delivered."""
    ended = pipeline.run(limit=limit_file_size)
    assert ended.code == 1
    assert "node `checkpoints` failed: StateError: state `state/state.sqlite`: it cannot be used: disk" in ended.said
    assert ended.seconds < 30
    nothing_lost(pipeline)


def limit_descriptors() -> None:
    """Let this process open no file more than what it has when it connects."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (8, 8))


@pytest.mark.fault
def test_no_descriptors(pipeline: OrdersPipeline) -> None:
    """The run ends and says so; the next one delivers all."""
    ended = pipeline.run(limit=limit_descriptors)
    assert ended.code in (1, 2)
    assert "Too many open files" in ended.said or "unable to open database file" in ended.said, ended.said
    nothing_lost(pipeline)


@pytest.mark.fault
def test_api_that_takes_and_never_answers(pipeline: OrdersPipeline, http_api: HttpApi) -> None:
    """Each body is sent again after the timeout, or at once where the connection was closed, and counted as such."""
    never = threading.Event()
    odd = {10: Response(hold=never), 20: Response(drop=True), 30: Response(body=b"x" * 99, truncate_at=9)}
    http_api.play(lambda request: odd.get(len(http_api.requests), Response()))
    nothing_lost(pipeline, again=150)
    assert pipeline.sent_again == 150


@pytest.mark.fault
def test_slow_api(pipeline: OrdersPipeline, http_api: HttpApi) -> None:
    """The source waits for as long as it takes; a paused reader is cut by no timeout."""
    http_api.play(lambda request: Response(delay_s=0.05))
    nothing_lost(pipeline, again=0)


@pytest.mark.fault
@pytest.mark.timeout(400)
def test_killed_at_fifty_moments(pipeline: OrdersPipeline, http_api: HttpApi) -> None:
    """Killed anywhere between the start of the process and its end, fifty times."""
    seed = random.randrange(2**32)
    chance = random.Random(seed)
    for _ in range(50):
        requests = len(http_api.requests) + chance.randrange(12)
        process = pipeline.start()
        while process.poll() is None and len(http_api.requests) < requests:
            time.sleep(0.002)
        with suppress(subprocess.TimeoutExpired):
            process.wait(chance.uniform(0.0, 0.1))
        process.kill()
        ended = end_of(process)
        assert ended.code in (0, -signal.SIGKILL), (seed, ended.said)
    ended = pipeline.run()
    assert ended.code == 0, (seed, ended.said)
    assert sorted(pipeline.delivered) == list(range(1, ROWS + 1)), f"seed {seed}"
