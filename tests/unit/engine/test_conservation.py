"""The law of the policies: in any pipeline every row is sent, filtered, skipped or dead, in order, and counted so."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanotyped import ConservationError, NanoNode, NodeFailedError, Row, RowError
from nanotyped.engine import Run
from nanotyped.graph import build_graph
from nanotyped.message import Batch, Checkpoint
from nanotyped.types import INTEGER
from tests.unit.engine.nodes import WAIT_S, Counting, Doing, Keeping, Passing

ROWS = 60


@dataclass(frozen=True)
class Step:
    """A node of a pipeline: how it takes rows, which it refuses, and which of the others it filters out."""

    how: str
    refused: frozenset[int]
    filtered: frozenset[int]
    policy: str
    batch_rows: int
    queue_rows: int


steps = st.builds(
    Step,
    how=st.sampled_from(["raise", "output", "batch", "batch without a number"]),
    refused=st.frozensets(st.integers(0, ROWS - 1), max_size=ROWS),
    filtered=st.frozensets(st.integers(0, ROWS - 1), max_size=10),
    policy=st.sampled_from(["skip", "dead_letter"]),
    batch_rows=st.integers(1, 40),
    queue_rows=st.integers(1, 40),
)


class Source(NanoNode[object, Any]):
    """Gives numbers, says behind every few of them where it is, and gives some that break its contract."""

    output_schema = {"n": INTEGER.of(bits=8)}

    def __init__(self, refused: frozenset[int], every: int, **kwargs: Any) -> None:
        self.refused = refused
        self.every = every
        super().__init__(**kwargs)

    def generator(self) -> Iterator[Any]:
        for n in range(ROWS):
            yield {"n": n + 1000 if n in self.refused else n}
            if n % self.every == self.every - 1:
                yield Checkpoint(n + 1)


class Work(NanoNode[object, Any]):
    def __init__(self, step: Step, **kwargs: Any) -> None:
        self.step = step
        super().__init__(retain_input=False, batch_rows=step.batch_rows, **kwargs)

    def refuses(self, row: Any) -> bool:
        return row.n in self.step.refused


class ByRow(Work):
    output_schema = {"n": INTEGER.of(bits=8)}

    def process_item(self, row: Any) -> Iterator[Any]:
        if row.n in self.step.filtered - self.step.refused:
            return
        yield row
        if self.refuses(row):
            if self.step.how == "raise":
                raise KeyError(row.n)
            yield {"n": 1000}


class ByBatch(Work):
    def process_batch(self, batch: Batch[Row]) -> Sequence[Row]:
        rows: Any = batch.rows
        for number, row in enumerate(rows, self.first_row_number):
            if self.refuses(row):
                raise RowError("bad", row=number if self.step.how == "batch" else None)
        return [row for row in rows if row.n not in self.step.filtered]


def node_of(step: Step, place: int, path: Path) -> Work:
    """Return the node of a step."""
    policy: dict[str, Any] = {"dead_letter": path} if step.policy == "dead_letter" else {"on_error": "skip"}
    kind = ByBatch if step.how.startswith("batch") else ByRow
    return kind(step, name=f"w{place}", **policy)


def numbers_of(path: Path, node: str) -> list[int]:
    """Return the rows of a node's dead letters."""
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []  # the last is being written by another node
    found = [letter for letter in map(json.loads, lines) if letter["node"] == node]
    return [int(letter["misfits"]["n"]["value"] if letter["misfits"] else letter["row"]["n"]) for letter in found]


@settings(max_examples=60, deadline=None)
@given(
    refused=st.frozensets(st.integers(0, ROWS - 1), max_size=20),
    every=st.integers(1, 30),
    chain=st.lists(steps, min_size=1, max_size=3),
)
def test_every_row_is_accounted_for_in_any_pipeline(refused: frozenset[int], every: int, chain: list[Step]) -> None:
    """What no node refuses or filters arrives in order; the rest is counted, and on disk before it is acknowledged."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "dead.jsonl"
        source, sink = Source(refused, every, name="read", dead_letter=path), Keeping(name="keep")
        nodes = [node_of(step, place, path) for place, step in enumerate(chain)]
        left: NanoNode[Any, Any] = source
        for node, step in zip(nodes, chain, strict=True):
            left.add_edge(node, max_queue_size=step.queue_rows)
            left = node
        left.add_edge(sink)
        run = Run(build_graph(source))
        ledger = run.workers[0].ledger
        assert ledger is not None
        due = due_letters(refused, chain)
        missing: list[tuple[int, str]] = []

        def look() -> None:
            # By now each row before the mark that became a dead letter is to be in the file.
            mark = ledger.mark if isinstance(ledger.mark, int) else ROWS
            for name, expected in due.items():
                there = set(numbers_of(path, name))
                missing.extend((n, name) for n in expected if n % 1000 < mark and n not in there)

        ledger.on_advance = look
        run.start()
        report = run.wait(WAIT_S)
        assert missing == []
        arrived = [n for n in range(ROWS) if n not in refused]
        for node, step in zip(nodes, chain, strict=True):
            bad = [n for n in arrived if n in step.refused]
            good = [n for n in arrived if n not in step.refused]
            passed = [n for n in good if n not in step.filtered]
            counted = report[node.name]
            assert (counted.received, counted.sent, counted.filtered) == (
                len(arrived),
                len(passed),
                len(good) - len(passed),
            )
            assert (counted.rejected, counted.skipped + counted.dead) == (len(bad), len(bad))
            if step.policy == "dead_letter":
                assert sorted(numbers_of(path, node.name)) == bad
            arrived = passed
        assert [row.n for row in sink.messages] == arrived
        assert sorted(numbers_of(path, "read")) == sorted(n + 1000 for n in refused)


def due_letters(refused: frozenset[int], chain: list[Step]) -> dict[str, set[int]]:
    """Return which rows become dead letters of which node."""
    due = {"read": {n + 1000 for n in refused}}
    arrived = set(range(ROWS)) - refused
    for place, step in enumerate(chain):
        if step.policy == "dead_letter":
            due[f"w{place}"] = arrived & step.refused
        arrived -= step.refused | step.filtered
    return due


def test_counts_that_do_not_add_up_fail_the_run() -> None:
    """A row that is lost on its way is told, by node and edge, and the run does not count as done."""

    class Losing(Doing):
        def cleanup(self) -> None:
            self.statistics.processed -= 1

    source = Counting(5, name="read")
    _ = source > Losing(lambda row: [row], name="work") > Keeping(name="keep")
    with pytest.raises(NodeFailedError) as caught:
        source.run()
    assert str(caught.value) == (
        "node `the run` failed: ConservationError: rows are unaccounted for: "
        "`work`: 5 received, 4 processed + 0 skipped + 0 dead"
    )
    assert isinstance(caught.value.__cause__, ConservationError)


def test_fan_out_and_fan_in_add_up() -> None:
    """Rows over several edges are counted once where they are sent, and each time where they arrive."""
    source, joint = Counting(3000, name="read"), Keeping(name="joint")
    left, right = Passing(name="left"), Doing(lambda row: [row] if row.n % 2 else [], name="right")
    _ = source > (left, right)
    _ = (left, right) > joint
    report = source.run()
    assert [(node.name, node.received, node.sent, node.filtered) for node in report.nodes] == [
        ("read", 0, 3000, 0),
        ("left", 3000, 3000, 0),
        ("right", 3000, 1500, 1500),
        ("joint", 4500, 0, 0),
    ]
