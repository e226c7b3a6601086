"""Clusters whose processes are killed, with -9: nothing is lost, and what is done again is said."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from nanotyped.cluster import start_cluster_run
from nanotyped.cluster.part_state import done_of
from nanotyped.engine.checkpoint import read_state
from nanotyped.errors import ClusterError
from nanotyped.testing import KeptRows
from tests.support.cluster import ROOT, DaskCluster, until
from tests.support.cluster_nodes import Append, Kills, Numbers

if TYPE_CHECKING:
    from collections.abc import Iterator

PART, PARTS = 100, 10
WAIT_S = 90.0


@pytest.fixture
def cluster() -> Iterator[DaskCluster]:
    """A cluster of two workers for one test, which hurts it."""
    with DaskCluster() as cluster:
        yield cluster


class Pipeline:
    """Numbers that go through a node that kills, on the workers, into a file, and back.

    Args:
        folder: Where its files are.
        **kills: Options of `Kills`.
    """

    def __init__(self, folder: Path, **kills: Any) -> None:
        self.folder = folder
        self.file = folder / "rows"
        self.kills = {"at": 450, "tally": str(folder / "tally"), **kills}

    def start(self, **options: Any) -> tuple[Any, KeptRows]:
        """Start it; return the run, and the sink at the coordinator."""
        kept = KeptRows(name="kept")
        source = Numbers(PART * PARTS, name="numbers", batch_rows=10)
        _ = source > Append(str(self.file), name="append") > Kills(**self.kills, name="kills") > kept
        return start_cluster_run(source, **{"part_rows": PART, "state_dir": self.folder / "state", **options}), kept

    @property
    def written(self) -> Counter[int]:
        """How often each number was written on the workers."""
        return Counter(map(int, self.file.read_text().split()))


def numbers_of(kept: KeptRows) -> list[int]:
    """Return the numbers that came to the coordinator."""
    return [row["n"].value for row in kept.rows]


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what the cluster warned of, without ports."""
    return [
        re.sub(r":\d{4,5}\b", ":PORT", record.getMessage())
        for record in caplog.records
        if record.name == "nanotyped.cluster"
    ]


def test_a_worker_that_is_killed_loses_nothing(
    cluster: DaskCluster, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its part is begun again on the other one, which is said; rows of that part alone may come twice."""
    pipeline = Pipeline(tmp_path)
    run, kept = pipeline.start(scheduler=cluster.address)
    report = run.wait(WAIT_S)
    assert numbers_of(kept) == list(range(1000))
    assert set(pipeline.written) == set(range(1000))
    assert {n // PART for n, times in pipeline.written.items() if times > 1} <= {4}
    assert report["numbers"].emitted == report["kept"].received == 1000
    assert cluster.forget_ended() == 1
    assert warnings_of(caplog) == [
        "worker tcp://127.0.0.1:PORT is gone; part 5 of `numbers`, which it had, is begun again on another one"
    ]


@pytest.mark.fault
def test_a_worker_of_its_own_that_is_killed_loses_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where the run started the workers itself, another one is started in its place."""
    pipeline = Pipeline(tmp_path)
    run, kept = pipeline.start(workers=1)
    run.wait(WAIT_S)
    assert numbers_of(kept) == list(range(1000))
    assert {n // PART for n, times in pipeline.written.items() if times > 1} <= {4}
    assert [text for text in warnings_of(caplog) if "no worker" not in text] == [
        "worker tcp://127.0.0.1:PORT is gone; part 5 of `numbers`, which it had, is begun again on another one"
    ]


@pytest.mark.fault
def test_a_run_whose_own_processes_are_all_gone_ends(tmp_path: Path) -> None:
    """They are what starts workers anew, so that there would be nothing to wait for; it says how far it came."""
    pipeline = Pipeline(tmp_path)
    run, _ = pipeline.start(workers=1)
    local: Any = run.cluster._local
    os.killpg(local._processes[0].pid, signal.SIGKILL)
    with pytest.raises(ClusterError, match=r"^all worker processes have ended, with status -9; \d of 10 parts"):
        run.wait(WAIT_S)


@pytest.mark.fault
def test_a_run_waits_for_a_worker_where_none_is_left(
    cluster: DaskCluster, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It says that it waits, and goes on as soon as one is there."""
    pipeline = Pipeline(tmp_path, times=2)
    run, kept = pipeline.start(scheduler=cluster.address)
    until(lambda: all(process.poll() is not None for process in cluster.workers.values()), "the end of both")
    until(lambda: any("no worker is left" in text for text in warnings_of(caplog)), "the word of it")
    assert run.running
    cluster.forget_ended()
    cluster.start_worker(wait=False)
    run.wait(WAIT_S)
    assert numbers_of(kept) == list(range(1000))
    assert set(pipeline.written) == set(range(1000))
    assert warnings_of(caplog)[-1] == "no worker is left at tcp://127.0.0.1:PORT; the run waits for one"


@pytest.mark.fault
def test_a_part_that_kills_each_worker_is_given_up(cluster: DaskCluster, tmp_path: Path) -> None:
    """Dask tries it on four workers; then the run ends and says which part it was, and what its workers met."""
    pipeline = Pipeline(tmp_path, times=100)
    for _ in range(3):
        cluster.start_worker(wait=False)
    cluster.wait_for(5)
    run, _ = pipeline.start(scheduler=cluster.address)
    with pytest.raises(ClusterError) as caught:
        run.wait(WAIT_S)
    assert re.sub(r":\d{4,5}\b", ":PORT", str(caught.value)) == (
        "part 5 of `numbers` is given up: 4 workers, one after the other, were gone while they had it, the last"
        " tcp://127.0.0.1:PORT; look there for what ends them, such as a lack of memory"
    )
    assert cluster.forget_ended() == 4


@pytest.mark.fault
def test_a_run_whose_scheduler_is_killed_goes_on_at_another_one(cluster: DaskCluster, tmp_path: Path) -> None:
    """The error tells how many parts were dealt with; the same pipeline with the same state does the others."""
    pid = tmp_path / "pid"
    pid.write_text(str(cluster.scheduler.pid))
    pipeline = Pipeline(tmp_path, victim=str(pid))
    run, kept = pipeline.start(scheduler=cluster.address)
    with pytest.raises(ClusterError) as caught:
        run.wait(WAIT_S)
    found = re.fullmatch(
        r"(part \d+ of `numbers` is lost: )?the scheduler at tcp://127.0.0.1:\d+ is gone; (\d) of 10 parts had been"
        r" dealt with, and the same command goes on behind them",
        str(caught.value),
    )
    assert found is not None, str(caught.value)
    done = done_of(read_state(tmp_path / "state").cursors["`numbers`"], PARTS)
    assert int(found[2]) <= len(done)
    for process in cluster.workers.values():
        process.wait(WAIT_S)
    assert cluster.forget_ended() == 2
    cluster.scheduler.wait()
    cluster.start_scheduler()
    cluster.start_worker(wait=False)
    cluster.start_worker()
    again, rest = pipeline.start(scheduler=cluster.address)
    report = again.wait(WAIT_S)
    assert report["numbers"].emitted == PART * (PARTS - len(done))
    assert numbers_of(rest) == [n for n in range(1000) if n // PART not in done]
    assert set(numbers_of(kept)) == {n for n in range(1000) if n // PART in done}
    assert set(pipeline.written) == set(range(1000))


COORDINATOR = """
import os, pathlib, sys

from tests.faults.test_cluster_faults import Pipeline

folder = pathlib.Path(sys.argv[1])
(folder / "pid").write_text(str(os.getpid()))
Pipeline(folder, victim=str(folder / "pid")).start(workers=2)[0].wait()
"""


@pytest.mark.fault
def test_a_coordinator_that_is_killed_leaves_no_worker_and_loses_nothing(tmp_path: Path) -> None:
    """Workers that it had started end by themselves; the next run with the state does what was left."""
    mark = f"OF_TEST={tmp_path}"
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OF_TEST": str(tmp_path)}
    command = [sys.executable, "-c", COORDINATOR, str(tmp_path)]
    killed = subprocess.run(command, env=environment, timeout=WAIT_S, check=False)
    assert killed.returncode == -signal.SIGKILL
    until(lambda: not processes_with(mark), "the end of its workers")
    pipeline = Pipeline(tmp_path, victim=str(tmp_path / "pid"))
    done = done_of(read_state(tmp_path / "state").cursors.get("`numbers`"), PARTS)
    run, kept = pipeline.start(workers=2)
    report = run.wait(WAIT_S)
    assert report["numbers"].emitted == PART * (PARTS - len(done))
    assert numbers_of(kept) == [n for n in range(1000) if n // PART not in done]
    assert set(pipeline.written) == set(range(1000))


def processes_with(mark: str) -> list[str]:
    """Return the processes that have a variable in their environment."""
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if mark in environment.read_text(errors="replace").split("\0"):
                found.append(environment.parent.name)
    return found
