"""Requests of several processes to one real API: keys that come again, and limits of all of them together."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from nanotyped import HttpPostRequest, IdempotencyKey, RateLimit
from nanotyped.cluster import start_cluster_run
from nanotyped.testing import HttpApi, Response
from tests.support.cluster_nodes import Numbers

if TYPE_CHECKING:
    from nanotyped.cluster import ClusterRun
    from nanotyped.testing import Request
    from tests.support.cluster import DaskCluster

WAIT_S = 60.0


def post(cluster: DaskCluster, api: HttpApi, rows: int, part_rows: int, **options: Any) -> ClusterRun:
    """Post numbers to the API from two workers, and return the run, which has ended."""
    source = Numbers(rows, name="numbers")
    source.add_edge(HttpPostRequest(name="post", url=f"{api.url}/numbers", **options))
    run = start_cluster_run(source, "numbers", scheduler=cluster.address, part_rows=part_rows)
    run.wait(WAIT_S)
    return run


def test_a_part_is_cut_into_the_same_requests_each_time(dask_cluster: DaskCluster) -> None:
    """So a request that is sent again, by another worker, has the key that it had; the first waits for a full batch."""
    found = []
    for delay_s in (0.0, 0.01):
        with HttpApi(lambda _, delay_s=delay_s: Response(delay_s=delay_s)) as api:  # type: ignore[misc]  # a default
            post(dask_cluster, api, 1000, 300, batch_rows=70, idempotency_key=IdempotencyKey(header="Key"))
            found.append({request.headers["Key"]: len(request.rows()) for request in api.requests})
    assert found[0] == found[1]
    assert Counter(found[0].values()) == Counter({70: 13, 20: 3, 30: 1})


def test_a_rate_holds_over_all_workers_together(dask_cluster: DaskCluster) -> None:
    """Twenty requests a second are twenty a second, from however many processes."""
    with HttpApi() as api:
        began = time.monotonic()
        post(dask_cluster, api, 30, 5, batch_rows=1, rate_limit=RateLimit(requests_per_s=20))
        moments = sorted(request.received_s for request in api.requests)
    assert len(moments) == 30
    for first in range(30):
        for last in range(first + 1, 30):
            assert last - first <= 20 * (moments[last] - moments[first]) + 2 + 1  # a bucket of each worker holds one
    assert moments[-1] - began >= (30 - 2) / 20


class Gate:
    """Answers once so many requests are out at the same time; after that, at once."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.out = self.most = 0
        self._lock = threading.Lock()
        self._opened = threading.Event()

    def answer(self, _: Request) -> Response:
        with self._lock:
            self.out += 1
            self.most = max(self.most, self.out)
            if self.out == self.size:
                self._opened.set()
        self._opened.wait(WAIT_S)
        with self._lock:
            self.out -= 1
        return Response()


@pytest.mark.parametrize(
    ("limit", "slots", "notices"),
    [(4, 2, ()), (1, 1, ("1 of 2 workers are used at a time: the limits of `post` allow no more",))],
)
def test_so_many_requests_are_out_at_once_over_all_workers(
    dask_cluster: DaskCluster, limit: int, slots: int, notices: tuple[str, ...]
) -> None:
    """Though each of two workers has eight threads; where the limit is lower, fewer parts are worked on at a time."""
    gate = Gate(limit)
    with HttpApi(gate.answer) as api:
        run = post(dask_cluster, api, 60, 15, batch_rows=1, workers=8, max_in_flight=limit)
    assert (gate.most, run.plan.slots, run.plan.notices) == (limit, slots, notices)
