"""A scheduler that is reached by TLS: a real one, with workers, and certificates that fit and do not."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from nanotyped import ClusterSecurity
from nanotyped.errors import ClusterError
from nanotyped.testing import KeptRows
from tests.support.certificates import Certificates
from tests.support.cluster import ROOT, until
from tests.support.cluster_nodes import Double, Numbers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def tls_cluster(tmp_path: Path) -> Iterator[tuple[str, ClusterSecurity]]:
    """Start a scheduler and a worker that speak TLS alone; give the address, and what reaches it."""
    made = Certificates.made(tmp_path, "127.0.0.1")
    files = ["--tls-ca-file", str(made.authority), "--tls-cert", str(made.chain), "--tls-key", str(made.key)]
    place = tmp_path / "scheduler.json"
    common: dict[str, Any] = {
        "cwd": tmp_path,
        "env": {**os.environ, "PYTHONPATH": str(ROOT)},
        "stdout": subprocess.DEVNULL,
        "stderr": subprocess.DEVNULL,
    }
    scheduler = ["distributed.cli.dask_scheduler", "--protocol", "tls", "--port", "0", "--scheduler-file", str(place)]
    worker = ["distributed.cli.dask_worker", "--scheduler-file", str(place), "--nthreads", "1", "--no-nanny"]
    with ExitStack() as started:
        for module, *words in (scheduler, worker):
            command = [sys.executable, "-m", module, *words, "--host", "127.0.0.1", "--no-dashboard", *files]
            process = started.enter_context(subprocess.Popen(command, **common))
            started.callback(process.terminate)
            until(place.is_file, "the scheduler")
        address = next(word for word in place.read_text().split('"') if word.startswith("tls://127"))
        yield address, ClusterSecurity(tls_ca=str(made.authority), tls_cert=str(made.chain), tls_key=str(made.key))


def test_a_run_over_tls(tls_cluster: tuple[str, ClusterSecurity], tmp_path: Path) -> None:
    """With the authority, certificate and key it runs; by another authority, or without TLS, it does not begin."""
    address, security = tls_cluster

    def run(scheduler: str, security: ClusterSecurity | None) -> int:
        kept, source = KeptRows(name="kept"), Numbers(100, name="numbers")
        _ = source > Double(name="double") > kept
        source.run(engine="dask", scheduler=scheduler, security=security, part_rows=20)
        return len(kept.rows)

    assert run(address, security) == 100
    (tmp_path / "other").mkdir()
    other = Certificates.made(tmp_path / "other", "127.0.0.1")
    stranger = ClusterSecurity(tls_ca=str(other.authority), tls_cert=str(other.chain), tls_key=str(other.key))
    for scheduler, wrong in ((address, stranger), (address.replace("tls:", "tcp:"), None)):
        with pytest.raises(ClusterError, match=f"^the scheduler at {scheduler} cannot be reached: "):
            run(scheduler, wrong)
