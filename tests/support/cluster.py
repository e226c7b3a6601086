"""A scheduler of Dask and its workers on loopback, each in a process of its own, for tests."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

START_S = 30.0
POLL_S = 0.02
ROOT = Path(__file__).parents[2]


class DaskCluster:
    """A cluster of worker processes of one thread each. A context manager.

    Args:
        workers: How many there are from the beginning.

    Attributes:
        address: Of the scheduler.
        scheduler: Its process.
        workers: Those of the workers, by name.
    """

    def __init__(self, workers: int = 2) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="nanotyped-cluster-")
        self._first = workers
        self._made = 0
        self.address = ""
        self.workers: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        self.folder = Path(self._folder.name)
        self.start_scheduler()
        for _ in range(self._first):
            self.start_worker(wait=False)
        self.wait_for(self._first)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for process in (*self.workers.values(), self.scheduler):
            _end(process)
        self._folder.cleanup()

    def start_scheduler(self) -> None:
        """Start the scheduler, on a port of its own."""
        file = self.folder / "scheduler.json"
        file.unlink(missing_ok=True)
        command = ["dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(file)]
        self.scheduler = self._start([*command, "--dashboard-address", "127.0.0.1:0", "--no-show"], "scheduler")
        until(lambda: self._read(file), "the scheduler")

    def _read(self, file: Path) -> bool:
        with suppress(OSError, ValueError, KeyError):
            self.address = json.loads(file.read_text())["address"]
            return True
        return False

    def start_worker(self, *more: str, wait: bool = True) -> str:
        """Start a worker, with more words of its command line, and return its name."""
        self._made += 1
        name = f"worker-{self._made}"
        command = ["dask_worker", self.address, "--name", name, "--nthreads", "1", "--no-nanny", "--no-dashboard"]
        command += ["--host", "127.0.0.1", "--memory-limit", "0", "--local-directory", str(self.folder), *more]
        self.workers[name] = self._start(command, name)
        if wait:
            self.wait_for(len(self.workers))
        return name

    def _start(self, command: list[str], name: str) -> subprocess.Popen[bytes]:
        module, *arguments = command
        with (self.folder / f"{name}.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.{module}", *arguments],
                cwd=self.folder,
                env=os.environ | {"PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def wait_for(self, workers: int) -> None:
        """Wait until so many workers are there, and no more."""
        # It takes a second to load, and most tests need none of it.
        new_client: Any = importlib.import_module("distributed").Client
        with new_client(self.address, set_as_default=False) as client:
            until(lambda: len(client.nthreads()) == workers, f"{workers} workers")

    def end_worker(self, name: str) -> None:
        """End a worker, and wait until the scheduler knows."""
        _end(self.workers.pop(name))
        self.wait_for(len(self.workers))

    def forget_ended(self) -> int:
        """Let go of the workers whose processes have ended; return how many there were."""
        ended = [name for name, process in self.workers.items() if process.poll() is not None]
        for name in ended:
            del self.workers[name]
        return len(ended)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(START_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def until(is_so: Callable[[], object], what: str) -> None:
    """Wait until something is so.

    Raises:
        TimeoutError: If it is not for long.
    """
    ends_at = time.monotonic() + START_S
    while not is_so():
        if time.monotonic() > ends_at:
            raise TimeoutError(f"{what}: not there after {START_S:g} s")
        time.sleep(POLL_S)
