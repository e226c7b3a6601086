"""How fast, in what order and how patiently an HTTP node sends: rates, full batches, order by key, and the circuit."""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanotyped.engine.run import start_run
from nanotyped.errors import GraphTypeError, NodeFailedError
from nanotyped.nodes import CircuitBreaker, HttpPostRequest, RateLimit
from nanotyped.nodes.http.pacing import Circuit, Pace
from nanotyped.testing import HttpApi, Request, Response
from tests.support.flows import Given, GivenBatches, run_into


class Clock:
    """A clock that a test moves on; pausing moves it too."""

    def __init__(self) -> None:
        self.now = 100.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        self.now += seconds
        return True


# -- rates -------------------------------------------------------------------------------------


@given(
    rate=st.floats(0.5, 50),
    burst=st.integers(1, 10),
    steps=st.lists(st.tuples(st.integers(1, 20), st.floats(0, 2)), min_size=1, max_size=30),
)
def test_no_span_of_time_sees_more_than_the_rate_and_the_burst(
    rate: float, burst: int, steps: list[tuple[int, float]]
) -> None:
    """Between any two requests go no more rows than the burst, the first request, and what the rate gives meanwhile."""
    clock = Clock()
    pace = Pace(RateLimit(rows_per_s=rate, burst=burst), clock)
    sent: list[tuple[float, int]] = []
    for rows, idle_s in steps:
        clock.now += idle_s
        assert pace.wait(rows, clock.pause)
        sent.append((clock.now, rows))
    for start in range(len(sent)):
        for end in range(start, len(sent)):
            rows = sum(amount for _, amount in sent[start : end + 1])
            most = rate * (sent[end][0] - sent[start][0]) + max(burst, sent[start][1]) + 1e-6 * rows
            assert rows <= most + max(0, sent[start][1] - burst)


LIVES = st.lists(
    st.tuples(st.floats(0, 5), st.lists(st.floats(0, 3), max_size=8)), min_size=1, max_size=4
)  # of a copy: seconds before it begins, and before each request


@given(
    rate=st.floats(0.5, 50),
    burst=st.one_of(st.none(), st.integers(1, 10)),
    copies=st.lists(LIVES, min_size=1, max_size=6),
)
def test_copies_that_do_not_know_of_each_other_keep_a_rate_together(
    rate: float, burst: int | None, copies: list[list[tuple[float, list[float]]]]
) -> None:
    """Whenever each begins, and however often anew: in no time since the first begin go more than the rate gives.

    In any span in between go no more than the burst, or one of each copy, and what the rate gives meanwhile.
    """
    limit = RateLimit(requests_per_s=rate, burst=burst)
    begun: list[float] = []
    sent: list[float] = []
    for lives in copies:
        clock = Clock()
        for before_s, idle_s in lives:
            clock.now += before_s
            begun.append(clock.now)
            pace = Pace(limit, clock, copies=len(copies))
            for seconds in idle_s:
                clock.now += seconds
                assert pace.wait(1, clock.pause)
                sent.append(clock.now)
    sent.sort()
    at_once = max(len(copies), burst if burst is not None else max(1.0, rate))
    for end, moment in enumerate(sent):
        assert end + 1 <= rate * (moment - min(begun)) + 1e-6 * (end + 1)
        for start in range(end + 1):
            assert end + 1 - start <= at_once + rate * (moment - sent[start]) + 1e-6 * (end + 1)


def test_a_copy_of_a_node_has_its_share_of_the_rate(http_api: HttpApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of four has a fourth of rate and burst, and nothing saved up; one that is alone, but made anew, has all."""
    for copies, waits in ((4, [4, 8]), (1, [1, 2])):
        found: list[float] = []
        monkeypatch.setattr(HttpPostRequest, "sleep", lambda self, seconds, found=found: found.append(seconds))
        node = HttpPostRequest(url=http_api.url, batch_rows=1, rate_limit=RateLimit(requests_per_s=1, burst=4))
        node.copies = copies
        run_into(node, [(1,), (2,)], {"n": "int"})
        assert [round(wait) for wait in found] == waits


class Busy:
    """A service that takes its time, and counts how many requests are out at once."""

    def __init__(self, wanted: int) -> None:
        self.most = 0
        self._wanted = wanted
        self._now = self._came = 0
        self._lock = threading.Lock()
        self._full = threading.Event()

    def answer(self, _request: Request) -> Response:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
            if self._now == self._wanted:
                self._full.set()
        self._full.wait(10)  # so that all come together that may
        time.sleep(0.002)  # and one more would be seen
        with self._lock:
            self._now -= 1
            self._came += 1
            first = self._came == 1
        return Response(503, headers={"Retry-After": "0"}) if first else Response()


@pytest.mark.parametrize(("copies", "most"), [(None, 3), (1, 3), (2, 1), (5, 1)])
def test_no_more_requests_are_out_at_once_than_may_be(http_api: HttpApi, copies: int | None, most: int) -> None:
    """Eight workers have three requests out, of a copy its share, second tries among them, and every row arrives."""
    service = Busy(most)
    http_api.play(service.answer)
    node = HttpPostRequest(url=http_api.url, batch_rows=1, workers=8, max_in_flight=3, circuit_breaker=None)
    if copies is not None:
        node.copies = copies
    run_into(node, [(n,) for n in range(24)], {"n": "int"})
    assert service.most == most
    assert {row["n"] for row in http_api.rows} == set(range(24))


def test_a_place_that_a_node_waits_for_is_none_once_it_is_to_end(http_api: HttpApi) -> None:
    """Workers that wait behind a slow request end with the run, and do not send theirs."""
    slow = threading.Event()
    http_api.play(lambda _: Response(hold=slow))
    node = HttpPostRequest(url=http_api.url, batch_rows=1, workers=4, max_in_flight=1)
    _ = Given([(n,) for n in range(4)], {"n": "int"}) > node
    run = start_run(node)
    http_api.wait_for_requests(1)
    run.terminate()
    slow.set()
    run.wait(30)
    assert len(http_api.requests) == 1


def test_a_number_of_requests_below_one_is_refused(http_api: HttpApi) -> None:
    """Nothing would ever be sent; and of more copies than requests, some would send none."""
    with pytest.raises(ValueError, match="max_in_flight must be at least 1, not 0"):
        HttpPostRequest(url=http_api.url, max_in_flight=0)
    assert HttpPostRequest(url=http_api.url).most_copies is None
    assert HttpPostRequest(url=http_api.url, max_in_flight=3).most_copies == 3


def test_requests_and_rows_are_limited_alike(http_api: HttpApi, monkeypatch: pytest.MonkeyPatch) -> None:
    """The slower of both rates counts, attempts too."""
    waits: list[float] = []
    monkeypatch.setattr(HttpPostRequest, "sleep", lambda self, seconds: waits.append(seconds))
    limit = RateLimit(requests_per_s=1000, rows_per_s=1, burst=1)
    node = HttpPostRequest(url=http_api.url, batch_rows=3, rate_limit=limit)
    _ = GivenBatches([[(1,), (2,), (3,)], [(4,)]], {"n": "int"}) > node
    start_run(node).wait(10)
    assert [round(wait) for wait in waits] == [2, 3]


def test_several_workers_share_a_rate(http_api: HttpApi) -> None:
    """Eight workers together keep to what one would."""
    node = HttpPostRequest(url=http_api.url, batch_rows=1, workers=8, rate_limit=RateLimit(requests_per_s=50, burst=1))
    run_into(node, [(n,) for n in range(20)], {"n": "int"})
    moments = sorted(request.received_s for request in http_api.requests)
    assert moments[-1] - moments[0] >= 19 / 50 * 0.9


def test_a_limit_that_limits_nothing_is_refused() -> None:
    """A burst alone is no rate."""
    with pytest.raises(ValueError, match="it limits nothing: give requests_per_s, rows_per_s or both"):
        RateLimit(burst=3)


# -- the circuit -------------------------------------------------------------------------------


def test_the_circuit_opens_and_one_request_tries(caplog: pytest.LogCaptureFixture) -> None:
    """After so many failures in a row nothing goes, then one goes to try, and a success closes it; each is said."""
    clock = Clock()
    circuit = Circuit(CircuitBreaker(failures=3, pause_s=30), clock)
    with caplog.at_level(logging.WARNING, "nanotyped.nodes.http"):
        for failed in (True, True, False, True, True):
            assert circuit.wait_s() == 0
            circuit.tell("http://api", failed=failed)
        circuit.tell("http://api", failed=True)
        assert circuit.wait_s() == 30
        clock.now += 30
        assert (circuit.wait_s(), circuit.wait_s()) == (0, 1.0)  # the first goes, the second waits for what it says
        circuit.tell("http://api", failed=True)
        assert circuit.wait_s() == 30
        clock.now += 30
        assert circuit.wait_s() == 0
        circuit.tell("http://api", failed=False)
        assert (circuit.wait_s(), circuit.wait_s()) == (0, 0)
    assert [record.getMessage() for record in caplog.records] == [
        "http://api: circuit open: 3 attempts in a row failed; nothing is sent for 30 s",
        "http://api: circuit open: 4 attempts in a row failed; nothing is sent for 30 s",
        "http://api: circuit closed: the service answers again",
    ]


def test_workers_leave_a_service_that_is_down_alone(http_api: HttpApi) -> None:
    """Eight workers ask it no more often than the circuit lets them, and every row arrives once it is back."""
    down = threading.Event()
    down.set()
    seen: list[float] = []

    def answer(request: Request) -> Response:
        if down.is_set():
            seen.append(request.received_s)
            if len(seen) == 10:
                down.clear()
            return Response(503)
        return Response()

    http_api.play(answer)
    breaker = CircuitBreaker(failures=3, pause_s=0.05)
    node = HttpPostRequest(
        name="post", url=http_api.url, batch_rows=1, workers=8, max_attempts=50, circuit_breaker=breaker
    )
    report = run_into(node, [(n,) for n in range(30)], {"n": "int"})["post"]
    assert report.processed == 30
    # Of those behind the ones that were on their way when it opened, each came alone, after a pause.
    tries = [later - earlier for earlier, later in pairwise(seen[8:])]
    assert all(gap >= 0.04 for gap in tries)


def test_a_service_that_stays_down_ends_the_run(http_api: HttpApi) -> None:
    """The circuit does not outlast the deadline of a request."""
    http_api.play(lambda _: Response(503))
    node = HttpPostRequest(
        name="post", url=f"{http_api.url}/x", deadline_s=0.2, circuit_breaker=CircuitBreaker(failures=1, pause_s=60)
    )
    with pytest.raises(NodeFailedError) as caught:
        run_into(node, [(1,)], {"n": "int"})
    assert "DeliveryError" in str(caught.value)


# -- full batches -----------------------------------------------------------------------------


def test_rows_wait_for_a_full_request(http_api: HttpApi) -> None:
    """With `batch_wait_s` rows that come one by one share a request."""
    gates = {index: threading.Event() for index in (1, 2)}
    node = HttpPostRequest(url=http_api.url, batch_rows=3, batch_wait_s=10)
    _ = Given([(1,), (2,), (3,), (4,)], {"n": "int"}, gates=gates) > node
    run = start_run(node)
    for gate in gates.values():
        time.sleep(0.02)  # time enough for a node without the option to send what is there
        gate.set()
    run.wait(30)
    assert [[row["n"] for row in request.rows()] for request in http_api.requests] == [[1, 2, 3], [4]]


def test_rows_do_not_wait_for_ever(http_api: HttpApi) -> None:
    """Once the first has waited so long, what is there is sent."""
    gate = threading.Event()
    node = HttpPostRequest(url=http_api.url, batch_rows=3, batch_wait_s=0.05)
    _ = Given([(1,), (2,), (3,)], {"n": "int"}, gates={2: gate}) > node
    run = start_run(node)
    http_api.wait_for_requests(1)
    gate.set()
    run.wait(30)
    assert [row["n"] for row in http_api.rows] == [1, 2, 3]
    assert len(http_api.requests) == 2


# -- order by key -----------------------------------------------------------------------------


def test_rows_of_a_key_are_sent_in_order(http_api: HttpApi) -> None:
    """With `order_by` no two requests of a key are under way at once, and other keys do not wait for them."""
    lock = threading.Lock()
    under_way: dict[int, int] = defaultdict(int)
    came: dict[int, list[int]] = defaultdict(list)
    most = [0]

    def answer(request: Request) -> Response:
        row = request.rows()[0]
        with lock:
            under_way[row["who"]] += 1
            assert under_way[row["who"]] == 1
            most[0] = max(most[0], sum(under_way.values()))
            came[row["who"]].append(row["n"])
        time.sleep(0.002 * (row["n"] % 3))
        with lock:
            under_way[row["who"]] -= 1
        return Response()

    http_api.play(answer)
    node = HttpPostRequest(url=http_api.url, batch_rows=1, workers=6, order_by=["who"])
    run_into(node, [(n % 7, n) for n in range(120)], {"who": "int", "n": "int"})
    assert came == {who: [n for n in range(120) if n % 7 == who] for who in range(7)}
    assert most[0] > 1


def test_the_columns_of_the_order_are_checked(http_api: HttpApi) -> None:
    """A column that is not there, or is a document, is refused at build."""
    node = HttpPostRequest(name="post", url=http_api.url, order_by=["whom", "doc"])
    with pytest.raises(GraphTypeError) as caught:
        run_into(node, [], {"who": "int", "doc": "json"})
    assert [str(one) for one in caught.value.problems] == [
        "node `post`, order_by: there is no column `whom`. Hint: did you mean `who`?",
        "node `post`, order_by: column `doc` is `json`, which has no order",
    ]
