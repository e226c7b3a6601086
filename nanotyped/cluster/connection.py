"""The cluster of a run: worker processes of its own on this machine, or a scheduler that is there already.

Plain connections are for this machine alone; whoever reaches a scheduler runs code on its workers, and reads the
passwords that travel with the nodes, so one elsewhere is reached by TLS, with both sides showing a certificate.
"""

from __future__ import annotations

import importlib
import ipaddress
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict

from nanotyped.cluster.folders import make_folder
from nanotyped.errors import ClusterError, MissingExtraError
from nanotyped.node.running import NO_ROW_VALUES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

CONNECT_TIMEOUT_S = 10.0
START_TIMEOUT_S = 60.0
END_TIMEOUT_S = 5.0
WAIT_SLICE_S = 0.05
logger = logging.getLogger("nanotyped.cluster")


class ClusterSecurity(BaseModel):
    """How a scheduler on another machine is reached: all three files are PEM.

    Args:
        tls_ca: The certificate authority that both sides trust.
        tls_cert: The certificate of this side.
        tls_key: Its private key.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    tls_ca: str
    tls_cert: str
    tls_key: str


def check_scheduler(address: str, security: ClusterSecurity | None) -> str:
    """Return why a scheduler is not to be reached so; ``""`` if it may be."""
    parts = urlsplit(address)
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme not in ("tcp", "tls") or not parts.hostname or port is None:
        return f"`{address}` is no address of a scheduler, as tcp://127.0.0.1:8786 or tls://HOST:8786 is"
    if parts.scheme == "tls":
        needs = f"{address} needs the files of `security`: tls_ca, tls_cert and tls_key"
        return needs if security is None else ""
    if security is not None:
        return f"{address} is reached without TLS, and `security` is given; its address begins with tls:// then"
    if not _is_here(parts.hostname):
        return (
            f"{address} is on another machine, and what is sent there can be read and changed on the way;"
            " use tls:// with `security`"
        )
    return ""


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    with suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def check_files(security: ClusterSecurity | None) -> str:
    """Return which files of a security are not there; ``""`` if all of them are."""
    missing = [f"{name} `{path}`" for name, path in security or () if not Path(path).is_file()]
    return f"security: there is no file {', '.join(missing)}" if missing else ""


def default_workers() -> int:
    """Return how many worker processes are started here where nobody says: one for each processor."""
    return len(os.sched_getaffinity(0))


def check_extra() -> None:
    """Find out whether what a run on a cluster needs is installed.

    Raises:
        MissingExtraError: If not.
    """
    for package in ("distributed", "cloudpickle", "pyarrow"):
        if find_spec(package) is None:
            raise MissingExtraError(package, "dask")


def load_distributed() -> Any:
    """Return the package ``distributed``.

    Raises:
        MissingExtraError: If it, or what it needs here, is not installed.
    """
    check_extra()
    return importlib.import_module("distributed")


def given_up(part: str, error: BaseException) -> ClusterError:
    """Return that a part, as people know it, was given up with an error of Dask's."""
    if not isinstance(error, load_distributed().KilledWorker):
        return ClusterError(f"{part} is given up: {type(error).__name__}: {error}")
    return ClusterError(
        f"{part} is given up: {error.allowed_failures + 1} workers, one after the other, were gone while they had it,"
        f" the last {error.last_worker.address}; look there for what ends them, such as a lack of memory"
    )


class Cluster:
    """A cluster that a run may use, until ``close``.

    Args:
        scheduler: Address of a scheduler; ``None``: worker processes are started here.
        workers: How many workers there are to be, or be used at the most; ``None``: as many as there are processors
            here, or threads of workers there.
        security: How a scheduler elsewhere is reached.

    Attributes:
        client: What submits tasks.
        address: The address of the scheduler.
        is_own: Whether it ends with the run.

    Raises:
        ClusterError: If there is none to be had.
        MissingExtraError: If Dask is not installed.
    """

    def __init__(self, scheduler: str | None, workers: int | None, security: ClusterSecurity | None = None) -> None:
        self._distributed = load_distributed()
        self._local: _LocalCluster | None = None
        self._wanted = workers
        if workers is not None and workers < 1:
            raise ClusterError(f"workers must be at least 1, not {workers}")
        if scheduler is not None and (reason := check_scheduler(scheduler, security)):
            raise ClusterError(reason)
        if reason := check_files(security):
            raise ClusterError(reason)
        self.is_own = scheduler is None
        if scheduler is None:
            self._local = _LocalCluster(self._distributed, workers or default_workers())
            scheduler = self._local.address
        self.address = scheduler
        self.client: Any = None
        try:
            self.client = self._connect(scheduler, security)
            if self._local is not None:
                self._local.wait(self.client)
            else:
                self._wait_for_worker()
        except BaseException:
            self.close()
            raise

    def _connect(self, scheduler: str, security: ClusterSecurity | None) -> Any:
        given = None
        if security is not None:
            given = self._distributed.Security(
                tls_ca_file=security.tls_ca,
                tls_client_cert=security.tls_cert,
                tls_client_key=security.tls_key,
                require_encryption=True,
            )
        try:
            parts = urlsplit(scheduler)
            # Dask tries again and again where nobody listens.
            socket.create_connection((parts.hostname, parts.port), CONNECT_TIMEOUT_S).close()
            return _client_class(self._distributed)(
                scheduler, security=given, timeout=CONNECT_TIMEOUT_S, set_as_default=False, name="nanotyped"
            )
        except (OSError, TimeoutError) as error:
            raise ClusterError(f"the scheduler at {scheduler} cannot be reached: {error}") from error

    def _wait_for_worker(self) -> None:
        """Wait until a scheduler that was started with its workers has the first of them.

        Raises:
            ClusterError: If none comes.
        """
        ends_at = time.monotonic() + CONNECT_TIMEOUT_S
        while not self.client.nthreads():
            if time.monotonic() > ends_at:
                raise ClusterError(f"the scheduler at {self.address} has no workers; start one with `dask worker`")
            time.sleep(WAIT_SLICE_S)

    def hear_of_lost_workers(self, hear: Callable[[str, frozenset[str]], None]) -> None:
        """Call ``hear`` with each worker that is gone from now on, and the keys of what it had; in another thread."""

        def told(event: tuple[float, Mapping[str, Any]]) -> None:
            facts = event[1]
            if facts.get("action") == "remove-worker":
                hear(facts["worker"], frozenset([*facts["processing-tasks"], *facts["lost-computed-tasks"]]))

        self.client.subscribe_topic("all", told)

    @property
    def workers(self) -> list[str]:
        """The addresses of the workers there are now."""
        return list(self.client.nthreads())

    @property
    def slots(self) -> int:
        """How many parts can be worked on at the same time: a thread of a worker each, of as many as are wanted."""
        threads: int = sum(self.client.nthreads().values())
        return threads if self._wanted is None else min(threads, self._wanted)

    @property
    def dashboard(self) -> str:
        """The address of Dask's dashboard; ``""`` where none runs: it needs bokeh where the scheduler is."""
        if self.is_own and find_spec("bokeh") is None:
            return ""
        services = self.client.scheduler_info().get("services", {})
        return str(self.client.dashboard_link) if services.get("dashboard") else ""

    @property
    def ended_processes(self) -> list[int]:
        """The exit statuses of the worker processes that were started here and have ended; they are not replaced."""
        return [] if self._local is None else self._local.ended

    @property
    def is_deserted(self) -> bool:
        """Whether all worker processes that were started here have ended."""
        return self._local is not None and len(self._local.ended) == self._local.workers

    @property
    def is_alive(self) -> bool:
        """Whether the scheduler is there."""
        return bool(self.client.status == "running")

    def close(self) -> None:
        """Let go of the scheduler, and end the processes that were started here."""
        if self.client is not None:
            with suppress(OSError, TimeoutError):
                self.client.close(timeout=END_TIMEOUT_S)
        if self._local is not None:
            self._local.close()


def _client_class(distributed: Any) -> Any:
    """Return a client of Dask that leaves no thread behind where it does not get through."""

    class Client(distributed.Client):  # type: ignore[misc]  # without annotations, and an extra
        def start(self, **how: Any) -> None:
            try:
                super().start(**how)
            except BaseException:
                self._loop_runner.stop()
                raise

    return Client


class _LocalCluster:
    """A scheduler in this process, and workers in processes of their own, which die with it.

    The workers are no children that multiprocessing makes: those would import the program that runs here again, and get
    the Ctrl-C that is meant for it.
    """

    def __init__(self, distributed: Any, workers: int) -> None:
        self.workers = workers
        self._folder = str(make_folder("workers"))
        quiet = {"silence_logs": logging.CRITICAL + 1}  # what it has to say of a run, the run says
        self._cluster = distributed.LocalCluster(
            n_workers=0, processes=False, host="127.0.0.1", protocol="tcp", dashboard_address="127.0.0.1:0", **quiet
        )
        self.address: str = self._cluster.scheduler_address
        self._processes: Sequence[subprocess.Popen[bytes]] = [self._start() for _ in range(workers)]

    def _start(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "distributed.cli.dask_worker", self.address, "--nthreads", "1"]
        command += ["--host", "127.0.0.1", "--no-dashboard", "--memory-limit", "0", "--death-timeout", "20"]
        command += ["--local-directory", self._folder]
        paths = [path for path in sys.path if path]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path.cwd()), *paths])}
        environment |= {"DASK_LOGGING__DISTRIBUTED": "critical"}  # what nodes print is to be seen, and no more
        # A session of its own: a Ctrl-C at the terminal is for the coordinator, which says what becomes of the parts.
        return subprocess.Popen(  # noqa: S603 - a command of ours
            command, env=environment, start_new_session=True, stdin=subprocess.DEVNULL
        )  # fmt: skip

    @property
    def ended(self) -> list[int]:
        """The exit statuses of the processes that have ended."""
        return [process.returncode for process in self._processes if process.poll() is not None]

    def wait(self, client: Any) -> None:
        """Wait until all workers are there.

        Raises:
            ClusterError: If one does not come.
        """
        ends_at = time.monotonic() + START_TIMEOUT_S
        while len(client.nthreads()) < self.workers:
            ended = self.ended
            if ended or time.monotonic() > ends_at:
                why = (
                    f"one ended with status {ended[0]}" if ended else f"they were not there after {START_TIMEOUT_S:g} s"
                )
                raise ClusterError(f"{self.workers} worker processes could not be started here: {why}")
            time.sleep(WAIT_SLICE_S)

    def close(self) -> None:
        """End the processes and the scheduler."""
        for process in self._processes:
            process.terminate()
        ends_at = time.monotonic() + END_TIMEOUT_S
        for process in self._processes:
            try:
                process.wait(max(0.1, ends_at - time.monotonic()))
            except subprocess.TimeoutExpired:
                logger.warning("a worker process did not end, and is killed", extra=NO_ROW_VALUES)
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self._cluster.close()
        shutil.rmtree(self._folder, ignore_errors=True)
