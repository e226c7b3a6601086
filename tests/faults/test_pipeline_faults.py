"""Faults within a pipeline: a sink that dies beside others, edges without room, code that raises. Every id counts."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from nanotyped import Checkpoint, HttpPostRequest, IdempotencyKey
from nanotyped.engine.checkpoint import read_state
from nanotyped.engine.run import start_run
from nanotyped.errors import NodeFailedError
from nanotyped.node import NanoNode
from nanotyped.testing import HttpApi, Response
from tests.support.flows import Kept

if TYPE_CHECKING:
    from nanotyped.node import RunReport

ROWS, QUICK_S = 3000, 20.0
BAD = frozenset({700, 701, 1999})


class Orders(NanoNode[object, Any]):
    """Gives the ids from 0 on, and says where it is behind every tenth."""

    output_schema = {"id": "int"}

    def generator(self) -> Iterator[Any]:
        for number in range(self.resume_from or 0, ROWS):
            yield {"id": number}
            if number % 10 == 9:
                yield Checkpoint(number + 1)


class Raise(NanoNode[object, Any]):
    """Passes on what it gets, and raises at some of it."""

    def __init__(self, *, bad: frozenset[int] = BAD, **options: Any) -> None:
        self.bad = bad
        super().__init__(**options)
        self.given_options = {}  # the mended node is the same one

    def process_item(self, row: Any) -> Iterator[Any]:
        if row.id in self.bad:
            raise ValueError(f"{row.id} is bad")
        yield row


@pytest.fixture(autouse=True)
def no_descriptor_outlives_a_test() -> Iterator[None]:
    """Fail a test that leaves a file or a connection open."""
    before = open_files()
    yield
    deadline = time.monotonic() + 2.0
    while (left := open_files() - before) and time.monotonic() < deadline:
        time.sleep(0.01)  # servers of tests close their ends a little later
    assert not left


def open_files() -> Counter[str]:
    """Return what this process has open."""
    found: Counter[str] = Counter()
    for file in Path("/proc/self/fd").iterdir():
        try:
            found[str(file.readlink())] += 1
        except FileNotFoundError:  # the one that looked
            continue
    return found


def ids_of(api: HttpApi) -> Counter[int]:
    """Return how often each id came to an API that took it."""
    return Counter(row["id"] for row in api.rows)


@pytest.fixture
def other_api() -> Iterator[HttpApi]:
    """Return a second API."""
    with HttpApi() as api:
        yield api


def test_one_sink_of_a_fan_out_dies(http_api: HttpApi, other_api: HttpApi, tmp_path: Path) -> None:
    """The run ends and names it, its sibling gets what was sent on; the next run gives both what they lack."""
    other_api.play(lambda request: Response(status=403 if len(other_api.requests) == 9 else 200))

    def finish() -> RunReport:
        source = Orders(name="orders", batch_rows=20)
        posts = [
            HttpPostRequest(url=api.url, name=name, batch_rows=20, idempotency_key=IdempotencyKey(field="key"))
            for name, api in {"alive": http_api, "dead": other_api}.items()
        ]
        _ = source > tuple(posts)
        return start_run(source, "fan", state_dir=tmp_path).wait(QUICK_S)

    with pytest.raises(NodeFailedError, match=r"node `dead` failed: DeliveryError: .* 403 Forbidden"):
        finish()
    assert read_state(tmp_path).cursors["`orders`"] <= 9 * 20  # no further than the one that is behind
    finish()
    for api in (http_api, other_api):
        assert sorted(ids_of(api)) == list(range(ROWS))
        keys: dict[int, set[str]] = {}
        for row in api.rows:
            keys.setdefault(row["id"], set()).add(row["key"])
        assert all(len(found) == 1 for found in keys.values())
    assert read_state(tmp_path).finished


def test_a_diamond_with_room_for_one_row(tmp_path: Path) -> None:
    """Nobody waits for ever where two branches with no room join again, and each row comes over both."""
    source = Orders(name="orders")
    branches = [Raise(name=name, bad=frozenset()) for name in ("left", "right")]
    kept = Kept(name="kept")
    for branch in branches:
        source.add_edge(branch, max_queue_size=1)
        branch.add_edge(kept, max_queue_size=1)
    start_run(source, state_dir=tmp_path).wait(QUICK_S)
    found = Counter(row["id"].to_python() for row in kept.rows)
    assert found == dict.fromkeys(range(ROWS), 2)
    assert read_state(tmp_path).finished


def raising(tmp_path: Path, **options: Any) -> tuple[Kept, RunReport]:
    """Run orders through code that raises, and return the sink and the report; a failure has its report too."""
    source, step, kept = (
        Orders(name="orders", batch_rows=20),
        Raise(name="step", batch_rows=20, **options),
        Kept(name="kept"),
    )
    _ = source > step > kept
    run = start_run(source, state_dir=tmp_path / "state")
    try:
        return kept, run.wait(QUICK_S)
    except NodeFailedError:
        return kept, run.report()


def ids_in(kept: Kept) -> list[int]:
    """Return the ids that a sink kept, in order."""
    return [row["id"].to_python() for row in kept.rows]


def test_code_that_raises_ends_the_run_by_default(tmp_path: Path) -> None:
    """What came before the row is delivered; once the code is mended the next run gives that row and the rest."""
    kept, report = raising(tmp_path)
    assert ids_in(kept) == list(range(700))
    assert (report["step"].status, report["step"].rejected) == ("error", 1)
    rest, _ = raising(tmp_path, bad=frozenset())
    assert sorted({*ids_in(kept), *ids_in(rest)}) == list(range(ROWS))
    assert len(ids_in(rest)) < ROWS


@pytest.mark.parametrize("policy", ["skip", "dead_letter"])
def test_code_that_raises_under_a_policy(tmp_path: Path, policy: str) -> None:
    """Delivered, dead and dropped are what was sent, and the letters name the rows."""
    file = tmp_path / "dead.jsonl"
    options: dict[str, Any] = {"on_error": "skip"} if policy == "skip" else {"dead_letter": file}
    kept, report = raising(tmp_path, **options)
    step = report["step"]
    assert ids_in(kept) == sorted({*range(ROWS)} - BAD)
    assert (step.skipped, step.dead) == ((len(BAD), 0) if policy == "skip" else (0, len(BAD)))
    assert report["orders"].sent == len(kept.rows) + step.skipped + step.dead == ROWS
    letters = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    assert [letter["row"]["id"] for letter in letters] == ([] if policy == "skip" else sorted(BAD))


def test_code_that_raises_once_too_often(tmp_path: Path) -> None:
    """Beyond its cap a policy ends the run, and a higher cap goes on; letters and deliveries are all rows."""
    file = tmp_path / "dead.jsonl"
    kept, report = raising(tmp_path, dead_letter=file, max_errors=2)
    assert report["step"].dead == 2
    rest, _ = raising(tmp_path, dead_letter=file, max_errors=9)
    dead = {json.loads(line)["row"]["id"] for line in file.read_text().splitlines()}
    assert dead == BAD
    assert {*ids_in(kept), *ids_in(rest)} == {*range(ROWS)} - BAD
