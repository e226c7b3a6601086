"""The measurements of a run for Prometheus."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from nanotyped.engine.metrics import MetricsError, MetricsServer, render_metrics
from nanotyped.engine.run import prepare_run
from nanotyped.message import Checkpoint
from tests.support.flows import Given, Kept

if TYPE_CHECKING:
    from pathlib import Path


def samples(text: str) -> dict[str, float]:
    """Return the measurements by name and labels."""
    return {name: float(value) for name, _, value in (li.rpartition(" ") for li in text.splitlines() if li[0] != "#")}


def test_every_counter_of_every_node_is_measured_while_it_runs() -> None:
    """Rows by what became of them, queues, the age of what is on its way, and the status, over HTTP."""
    gate, kept = threading.Event(), Kept(name='sink "a"')
    source = Given([(1,), (2,), (3,)], {"n": "int"}, {2: gate}, name="source")
    _ = source > kept
    run = prepare_run(source, "mill")
    with MetricsServer(run, "127.0.0.1", 0) as server:
        run.start()
        assert kept.arrived.wait(10)
        with urlopen(server.url, timeout=10) as answer:
            assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
            text = answer.read().decode()
        found = samples(text)
        assert found[f'nanotyped_run_info{{run="{run.run_id}",pipeline="mill"}}'] == 1
        assert found['nanotyped_received_rows_total{node="sink \\"a\\"",class="Kept"}'] >= 1
        assert found['nanotyped_queue_rows{node="source"}'] == 0
        assert found['nanotyped_node_status{node="source",status="running"}'] == 1
        assert found['nanotyped_oldest_unacknowledged_seconds{node="source"}'] > 0
        assert not any("checkpoint_lag" in name for name in found)
        with pytest.raises(HTTPError, match="404") as caught:
            urlopen(server.url.replace("/metrics", "/"), timeout=10)
        caught.value.close()
        gate.set()
        run.wait(10)
    found = samples(render_metrics(run))
    assert found['nanotyped_sent_rows_total{node="source",class="Given"}'] == 3
    assert found['nanotyped_received_rows_total{node="sink \\"a\\"",class="Kept"}'] == 3
    assert found['nanotyped_rejected_rows_total{node="source",class="Given"}'] == 0
    assert found['nanotyped_oldest_unacknowledged_seconds{node="source"}'] == 0


def test_each_measurement_is_described_once_before_its_samples() -> None:
    """HELP and TYPE stand once, in front, as the text format wants it."""
    source = Given([(1,)], {"n": "int"}, name="source")
    _ = source > Kept(name="kept")
    lines = render_metrics(prepare_run(source)).splitlines()
    names = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(names) == len(set(names))
    current = ""
    for line in lines:
        if line.startswith("# TYPE"):
            current = line.split()[2]
        elif not line.startswith("#"):
            assert line.partition("{")[0].partition(" ")[0] == current


def test_the_lag_of_checkpoints_is_measured_where_there_are_any(tmp_path: Path) -> None:
    """It is 0 once what was dealt with is written."""

    class Resumable(Given):
        def resume_problem(self) -> str:
            return ""

    rows = [(1,), Checkpoint(1)]
    source = Resumable(rows, {"n": "int"}, name="source")
    _ = source > Kept(name="kept")
    run = prepare_run(source, state_dir=tmp_path)
    assert samples(render_metrics(run))["nanotyped_checkpoint_lag_seconds"] == 0
    run.start()
    run.wait(10)
    assert samples(render_metrics(run))["nanotyped_checkpoint_lag_seconds"] == 0


def test_an_address_that_is_not_to_be_had_is_an_error() -> None:
    """The message names the address."""
    source = Given([(1,)], {"n": "int"}, name="source")
    _ = source > Kept(name="kept")
    run = prepare_run(source)
    with (
        MetricsServer(run, "127.0.0.1", 0) as server,
        pytest.raises(MetricsError, match=r"--metrics cannot listen on 127\.0\.0\.1:\d+: Address already in use"),
    ):
        MetricsServer(run, "127.0.0.1", int(server.url.rpartition(":")[2].partition("/")[0]))
