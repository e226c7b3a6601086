"""Fixtures of all tests: the servers, and the rule that no thread outlives a test."""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from nanotyped.testing import HttpApi
from tests.support.cluster import DaskCluster
from tests.support.mariadb import MariaDBServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.mariadb import Database

# How long threads may take to end after a test. Those that were told to end need much less.
THREAD_GRACE_S = 2.0
# Dask's own, one of each for the whole process, from the first time on that it is needed.
THREADS_OF_DASK = ("Dask-Callback-Thread_0", "Dask-Offload_0")
RECURSION_LIMIT = 1000  # of CPython

# No deadline for one example: the time it takes says more about the machine than about the code.
settings.register_profile("local", deadline=None)
# The same examples in each run, so that a red run is about the change and not about luck.
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "local")


@pytest.fixture(autouse=True)
def the_stack_is_as_deep_as_python_has_it() -> None:
    """Undo what a test or a library before did to the recursion limit: what is nested too deep hangs on it."""
    sys.setrecursionlimit(RECURSION_LIMIT)


@pytest.fixture(autouse=True)
def no_thread_outlives_a_test() -> Iterator[None]:
    """Fail a test that leaves a thread behind; threads of wider fixtures were there before it."""
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + THREAD_GRACE_S
    leftovers = [
        thread for thread in threading.enumerate() if thread not in before and thread.name not in THREADS_OF_DASK
    ]
    for thread in leftovers:
        thread.join(max(0.0, deadline - time.monotonic()))
    names = sorted(thread.name for thread in leftovers if thread.is_alive())
    if names:
        pytest.fail(f"the test left threads behind: {', '.join(names)}", pytrace=False)


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDBServer]:
    """One MariaDB server for the whole run; a test that stops or kills a server makes its own."""
    with MariaDBServer() as server:
        yield server


@pytest.fixture
def database(mariadb: MariaDBServer) -> Iterator[Database]:
    """An empty database on the server of the run, dropped after the test."""
    database = mariadb.create_database()
    yield database
    database.drop()


@pytest.fixture
def http_api() -> Iterator[HttpApi]:
    """An HTTP server that answers 200 and `{}` until the test gives it a script with `play`."""
    with HttpApi() as api:
        yield api


@pytest.fixture(scope="session")
def dask_cluster() -> Iterator[DaskCluster]:
    """A scheduler of Dask and two workers, in processes of their own; a test that kills one makes its own."""
    with DaskCluster() as cluster:
        yield cluster
