"""Pipelines on real clusters: a scheduler and two workers, each a process of its own on loopback."""

from __future__ import annotations

import importlib
import json
import os
import re
import socket
import sys
import textwrap
import threading
from collections import Counter
from typing import TYPE_CHECKING, Any, Never

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nanotyped import JSON_NULL, NanoNode
from nanotyped.cluster import connection, prepare_cluster_run, start_cluster_run
from nanotyped.cluster.part_state import done_of
from nanotyped.cluster.recipe import Versions
from nanotyped.engine import start_run
from nanotyped.engine.checkpoint import StateError, read_state
from nanotyped.errors import ClusterError, NodeFailedError, PipelineStateError
from nanotyped.testing import KeptRows
from nanotyped.types.mapping import MAPPED_TYPES
from tests.support.cluster import DaskCluster, until
from tests.support.cluster_nodes import (
    Append,
    Double,
    Doubled,
    Examples,
    FailsAt,
    Messages,
    NumberOfGroup,
    Numbers,
    OnlyMultiples,
    Rejects,
    Total,
    Unmade,
    Whole,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from nanotyped.cluster import ClusterRun
    from nanotyped.message import Batch
    from nanotyped.node import RunReport
    from nanotyped.row import Row

PART = 100
MOST_AHEAD = 4
WAIT_S = 60.0


def run_on(cluster: DaskCluster, node: Any, **options: Any) -> RunReport:
    """Run a pipeline on the cluster, in parts of 100 rows."""
    report: RunReport = node.run(engine="dask", scheduler=cluster.address, **{"part_rows": PART, **options})
    return report


def written(path: Path) -> Counter[int]:
    """Return how often each number was written to a file."""
    return Counter(map(int, path.read_text().split())) if path.exists() else Counter()


def on_both(cluster: DaskCluster) -> list[dict[str, Any]]:
    """Return the options of `run` with each engine."""
    return [{}, {"engine": "dask", "scheduler": cluster.address}]


def names_of(row: Any) -> list[str]:
    """Return the names of a row's columns."""
    return list(row.keys())


def typed(value: Any) -> tuple[Any, ...]:
    """Return a typed value with its type."""
    return type(value), value.value, value.name


def without_addresses(error: BaseException) -> str:
    """Return what an error says, without the ports of workers."""
    return re.sub(r"tcp://127\.0\.0\.1:\d+", "ADDRESS", str(error))


# -- the same rows ---------------------------------------------------------------------


def test_rows_come_back_in_the_order_of_the_source_as_their_declared_class(dask_cluster: DaskCluster) -> None:
    """What two workers did part by part is at the coordinator as one process would have given it."""
    kept = KeptRows(name="kept")
    source = Numbers(1050, name="numbers")
    _ = source > Double(name="double") > kept
    report = run_on(dask_cluster, source)
    assert kept.rows == [Doubled(n=n, g=n // 10, twice=2 * n) for n in range(1050)]
    assert {type(row) for row in kept.rows} == {Doubled}
    told = [(node.name, node.emitted, node.received, node.sent, node.status) for node in report.nodes]
    assert told == [
        ("numbers", 1050, 0, 1050, "success"),
        ("double", 0, 1050, 1050, "success"),
        ("kept", 0, 1050, 0, "success"),
    ]


def test_a_pipeline_runs_on_processes_of_its_own_where_there_is_no_scheduler(tmp_path: Path) -> None:
    """They are started for the run, do all that can be spread, and are gone after it."""
    file = tmp_path / "rows"
    source = Numbers(300)
    _ = source > Append(str(file))
    report = source.run(engine="dask", workers=2, part_rows=50)
    assert written(file) == Counter(range(300))
    assert [node.status for node in report.nodes] == ["success", "success"]


SOURCES = st.lists(st.tuples(st.integers(0, 450), st.booleans(), st.sampled_from([3, 10, 70])), min_size=1, max_size=2)
MIDDLES = st.lists(st.sampled_from(["double", "multiples", "rejects", "group", "branch"]), max_size=3, unique=True)


def graph_of(sources: Sequence[tuple[int, bool, int]], middles: Sequence[str], end: str) -> tuple[Any, KeptRows]:
    """Return a pipeline: sources that meet in one node, some nodes behind it, a branch and its merge, and an end."""
    kept = KeptRows(name="kept")
    made: dict[str, Any] = {
        "double": lambda: Double(name="double"),
        "multiples": lambda: OnlyMultiples(3, name="multiples"),
        "rejects": lambda: Rejects(7, name="rejects", on_error="skip"),
        "group": lambda: NumberOfGroup(name="group"),
        "total": lambda: Total(name="total"),
    }
    starts = [Numbers(count, skew=skew, group_rows=rows, name=f"source {place}")
              for place, (count, skew, rows) in enumerate(sources)]  # fmt: skip
    last: Any = OnlyMultiples(1, name="first")
    for start in starts:
        start.add_edge(last)
    for middle in middles:
        if middle == "branch":
            left, right = OnlyMultiples(2, name="left"), Rejects(2, name="right", on_error="skip")
            after: Any = OnlyMultiples(1, name="after")
            _ = last > (left, right)
            _ = (left, right) > after
        else:
            after = made[middle]()
            last.add_edge(after)
        last = after
    if end == "total":
        last.add_edge(after := made[end]())
        last = after
    last.add_edge(kept)
    return starts[0], kept


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(SOURCES, MIDDLES, st.sampled_from(["kept", "total"]), st.sampled_from([30, 100, 1000]))
def test_both_engines_deliver_the_same_rows(
    dask_cluster: DaskCluster, sources: Any, middles: list[str], end: str, part_rows: int
) -> None:
    """Of any small graph; of one source without branches and groups, where order means something, in the same order."""
    in_order = len(sources) == 1 and not {"branch", "group"} & set(middles)
    if not in_order:  # what numbers rows by their order is another thing in each run of one engine alone
        end = "kept"
    if len(sources) > 1 or "branch" in middles:
        middles = [middle for middle in middles if middle != "group"]
    node, threads = graph_of(sources, middles, end)
    node.run()
    other, workers = graph_of(sources, middles, end)
    report = run_on(dask_cluster, other, part_rows=part_rows)
    ours, theirs = ([tuple(row.to_python().values()) for row in kept.rows] for kept in (workers, threads))
    assert (ours if in_order else sorted(ours)) == (theirs if in_order else sorted(theirs))
    assert report["first"].received == sum(count for count, _, _ in sources)


def test_groups_stay_together_and_are_counted_on_the_workers(dask_cluster: DaskCluster, tmp_path: Path) -> None:
    """A node with `partition_by` runs there, and each of its groups is in one part."""
    kept, file = KeptRows(name="kept"), tmp_path / "rows"
    source = Numbers(700, group_rows=70, name="numbers")
    _ = source > Append(str(file), name="append") > NumberOfGroup(name="group") > kept
    run = start_cluster_run(source, scheduler=dask_cluster.address, part_rows=PART)
    run.wait(WAIT_S)
    assert [part.name for part in run.plan.segments[0].split.parts] == [
        f"`n` up to {end}" for end in range(140, 701, 140)
    ]
    assert [node.name for node in run.plan.at_coordinator] == ["kept"]
    assert [row["nth"].value for row in kept.rows] == [n % 70 + 1 for n in range(700)]
    assert written(file) == Counter(range(700))


def test_a_part_that_holds_nine_tenths_changes_nothing(dask_cluster: DaskCluster) -> None:
    """The others wait for it, so that the order stays."""
    kept = KeptRows()
    source = Numbers(2000, skew=True)
    _ = source > kept
    run_on(dask_cluster, source, part_rows=50)
    assert [row["n"].value for row in kept.rows] == list(range(2000))


def test_a_source_at_the_coordinator_is_merged_with_one_on_the_workers(dask_cluster: DaskCluster) -> None:
    """One that has no parts runs at the coordinator, with what follows it."""
    kept = KeptRows(name="kept")
    source, whole = Numbers(250, name="numbers"), Whole(50, name="whole")
    _ = source > Double(name="double") > kept
    _ = whole > kept
    report = run_on(dask_cluster, source)
    assert sorted(row["n"].value for row in kept.rows) == sorted([*range(250), *range(50)])
    assert (report["numbers"].emitted, report["whole"].emitted, report["kept"].received) == (250, 50, 300)


def test_values_of_every_type_come_back_as_they_are(dask_cluster: DaskCluster) -> None:
    """A row of an example of every type of MySQL, and one of nulls, are the same on both engines, types included."""
    found = []
    for options in on_both(dask_cluster):
        kept = KeptRows()
        source = Examples(list(MAPPED_TYPES), 3)
        _ = source > kept
        source.run(**options)
        found.append([[typed(row[name]) for name in names_of(row)] for row in kept.rows])
    threads, workers = found
    assert len(workers) == 6
    assert workers == threads


def test_messages_of_no_declared_columns_come_back(dask_cluster: DaskCluster) -> None:
    """Bare values and mappings of any columns travel too, each as the row that it is."""
    messages = [1, "a", None, 2.5, {"a": 1, "b": "x"}, {"b": [1, {"c": None}]}, JSON_NULL, True, b"\0\xff"]
    found = []
    for options in on_both(dask_cluster):
        kept = KeptRows()
        source = Messages(messages)
        _ = source > kept
        source.run(**options)
        found.append([[(name, *typed(row[name])) for name in names_of(row)] for row in kept.rows])
    assert found[1] == found[0]


# -- limits, and rows that are rejected --------------------------------------------------


def test_every_row_is_accounted_for_over_all_workers(dask_cluster: DaskCluster, tmp_path: Path) -> None:
    """Received is sent on, filtered, skipped or a dead letter; all dead letters are in one file, and readable."""
    file, letters = tmp_path / "rows", tmp_path / "dead.jsonl"
    source = Numbers(1000, name="numbers")
    skips = Rejects(10, name="skips", on_error="skip")
    writes = Rejects(3, name="writes", dead_letter=str(letters))
    _ = source > skips > writes > OnlyMultiples(2, name="even") > Append(str(file), name="append")
    report = run_on(dask_cluster, source)
    wanted = [n for n in range(1000) if n % 10 and n % 3 and n % 2 == 0]
    assert written(file) == Counter(wanted)
    dead = [n for n in range(1000) if n % 10 and n % 3 == 0]
    found = [json.loads(line) for line in letters.read_text().splitlines()]
    assert sorted(int(letter["row"]["n"]) for letter in found) == dead
    assert {letter["run"] for letter in found} == {report.run}
    assert {letter["node"] for letter in found} == {"writes"}
    assert {letter["reason"] for letter in found} == {f"{n} is not wanted" for n in dead}
    told = {node.name: (node.received, node.sent, node.filtered, node.skipped, node.dead) for node in report.nodes}
    assert told == {
        "numbers": (0, 1000, 0, 0, 0),
        "skips": (1000, 900, 0, 100, 0),
        "writes": (900, 600, 0, 0, 300),
        "even": (600, len(wanted), 600 - len(wanted), 0, 0),
        "append": (len(wanted), 0, 0, 0, 0),
    }


def test_max_errors_holds_over_all_workers_together(dask_cluster: DaskCluster) -> None:
    """Each part rejects one row, and the run ends, at the latest, once four have ended."""
    source = Numbers(1000, name="numbers")
    _ = source > Rejects(100, name="rejects", max_errors=3) > OnlyMultiples(1)
    with pytest.raises(NodeFailedError) as caught:
        run_on(dask_cluster, source)
    assert re.fullmatch(
        r"node `rejects` failed: TooManyErrorsError: \d+ of \d+ rows were rejected, which is above `max_errors: 3` on"
        r" all workers together",
        str(caught.value),
    )


def test_max_error_rate_is_that_of_all_rows(dask_cluster: DaskCluster) -> None:
    """A part may be worse than that, if the others make up for it; not if all of them are."""

    def run(rate: float) -> RunReport:
        source = Numbers(1000, name="numbers")
        _ = source > Rejects(2, name="rejects", max_error_rate=rate) > OnlyMultiples(1)
        return run_on(dask_cluster, source, part_rows=100)

    assert run(0.5)["rejects"].skipped == 500
    with pytest.raises(NodeFailedError) as caught:
        run(0.49)
    assert str(caught.value).endswith(
        " rows were rejected, which is above `max_error_rate: 0.49` on all workers together"
    )


# -- failures ----------------------------------------------------------------------------


class Held(NanoNode[object, Never]):
    """Takes no row before it is let go; then all."""

    def __init__(self, let_go: threading.Event, **options: Any) -> None:
        super().__init__(**options)
        self.let_go = let_go

    def process_item(self, _: Any) -> None:
        assert self.let_go.wait(WAIT_S)


def test_a_pipeline_that_runs_is_not_begun_again(dask_cluster: DaskCluster) -> None:
    """By none of the engines, at whichever of its nodes; once it has ended it may be."""
    let_go = threading.Event()
    source, held = Numbers(300, name="numbers"), Held(let_go, name="held")
    source.add_edge(held)
    run = start_cluster_run(source, scheduler=dask_cluster.address, part_rows=PART)
    for node in (source, held):
        for options in on_both(dask_cluster):
            with pytest.raises(PipelineStateError, match=r"^this pipeline runs already; wait for its end or terminate"):
                node.run(**options)
    let_go.set()
    assert source.wait_for_pipeline_finish(WAIT_S) == run.report()
    assert source.run()["held"].received == 300


def test_a_failure_on_a_worker_comes_back_with_node_row_and_cause(dask_cluster: DaskCluster) -> None:
    """The error is that of the engine of threads; afterwards the same nodes run in threads again, links and all."""
    kept = KeptRows(name="kept")
    source = Numbers(1000, name="numbers")
    _ = source > FailsAt(555, name="fails") > Total(name="total") > kept
    with pytest.raises(NodeFailedError) as caught:
        run_on(dask_cluster, source)
    assert str(caught.value) == "node `fails` failed: OverflowError: 555 is too much - at row Number(n=555, g=55)"
    assert (type(caught.value.__cause__), str(caught.value.__cause__)) == (OverflowError, "555 is too much")
    report: Any = caught.value.report
    assert {node.name: node.status for node in report.nodes} == {
        "numbers": "stopped", "fails": "error", "total": "stopped", "kept": "stopped",
    }  # fmt: skip
    kept.rows.clear()
    with pytest.raises(NodeFailedError) as again:
        source.run()
    assert str(again.value) == str(caught.value)
    assert [row["nth"].value for row in kept.rows] == list(range(1, len(kept.rows) + 1))


def test_a_failure_at_the_coordinator_ends_the_run_everywhere(dask_cluster: DaskCluster) -> None:
    """A node there that fails is told with its row, and no worker goes on."""
    source = Numbers(1000, name="numbers")

    class Full(KeptRows):
        def process_batch(self, batch: Batch[Row]) -> Sequence[Row]:
            raise OverflowError("no room")

    _ = source > Double(name="double") > Full(name="full")
    with pytest.raises(NodeFailedError) as caught:
        run_on(dask_cluster, source)
    assert str(caught.value) == "node `full` failed: OverflowError: no room"


def test_a_node_that_cannot_be_made_on_a_worker_is_told_before_a_row_is_read(
    dask_cluster: DaskCluster, tmp_path: Path
) -> None:
    """Whatever its class raises there, the run is refused with the worker, the node and the reason."""
    source, file = Numbers(300, name="numbers"), tmp_path / "rows"
    _ = source > Append(str(file)) > Unmade(os.getpid(), name="unmade")
    with pytest.raises(ClusterError) as caught:
        run_on(dask_cluster, source)
    reason = "node `unmade` cannot be made here: LookupError: the licence is for another machine"
    assert without_addresses(caught.value) == f"worker ADDRESS: {reason}; worker ADDRESS: {reason}"
    assert not file.exists()


def test_a_value_that_cannot_travel_is_told_at_the_node_that_gave_it(dask_cluster: DaskCluster) -> None:
    """No node is named that is not in the pipeline."""
    source = Messages([2**70], name="messages")
    _ = source > KeptRows(name="kept")
    with pytest.raises(NodeFailedError) as caught:
        run_on(dask_cluster, source)
    assert str(caught.value) == (
        "node `messages` failed: RowValidationError: row 1, column `__value__`: expected `integer`, got"
        " 1180591620717411303424 (Python int too large to convert to C long); on the way to the coordinator"
    )


def test_a_file_of_dead_letters_that_cannot_be_written_is_told_before_the_first_row(
    dask_cluster: DaskCluster, tmp_path: Path
) -> None:
    """It is the coordinator that writes them, wherever the node is."""
    source, file = Numbers(300, name="numbers"), tmp_path / "rows"
    rejects = Rejects(10, name="rejects", dead_letter=str(tmp_path / "none" / "dead.jsonl"))
    _ = source > Append(str(file)) > rejects > OnlyMultiples(1)
    found = []
    for options in on_both(dask_cluster):
        file.unlink(missing_ok=True)
        with pytest.raises(NodeFailedError) as caught:
            source.run(**options)
        found.append(str(caught.value))
    threads, workers = found
    assert workers == threads
    assert not file.exists()


def test_dead_letters_of_the_part_that_failed_are_kept(dask_cluster: DaskCluster, tmp_path: Path) -> None:
    """What the report counts is in the file."""
    letters = tmp_path / "dead.jsonl"
    source = Numbers(100, name="numbers", batch_rows=10)
    _ = source > Rejects(10, name="rejects", dead_letter=str(letters)) > FailsAt(95)
    with pytest.raises(NodeFailedError) as caught:
        run_on(dask_cluster, source)
    report: Any = caught.value.report
    assert report["rejects"].dead == 10
    assert [json.loads(line)["row"]["n"] for line in letters.read_text().splitlines()] == [
        str(n) for n in range(0, 100, 10)
    ]


def test_what_each_part_warns_of_is_said_once(dask_cluster: DaskCluster, caplog: pytest.LogCaptureFixture) -> None:
    """Ten parts leave out rows at the same node; whoever runs them is told of the first."""
    source = Numbers(1000, name="numbers")
    _ = source > Rejects(100, name="rejects", on_error="skip") > OnlyMultiples(1)
    assert run_on(dask_cluster, source)["rejects"].skipped == 10
    [record] = [record for record in caplog.records if record.name == "nanotyped.rejections"]
    assert re.fullmatch(
        r"rejects: row 1 is left out: RowError: \d00 is not wanted; others are only counted \(`dead_letter` keeps"
        r" each, and why\) \(on worker tcp://127.0.0.1:\d+\)|rejects: row 1 is left out: RowError: 0 is not wanted;"
        r" others are only counted \(`dead_letter` keeps each, and why\) \(on worker tcp://127.0.0.1:\d+\)",
        record.getMessage(),
    )


# -- workers that are not as they must be --------------------------------------------------


MODULE = """
from typing import ClassVar

from nanotyped import NanoNode
from tests.support.cluster_nodes import Number


class Passing(NanoNode[Number, Number]):
    stateless: ClassVar[bool] = True

    def process_item(self, row):
        yield row
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A module that this process can import, and the workers cannot; each time with another name."""
    path = tmp_path / f"of_{tmp_path.name}_{os.getpid()}.py"
    path.write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield path
    sys.modules.pop(path.stem, None)


def test_a_node_of_a_module_that_workers_lack_is_refused_until_the_module_is_sent(
    dask_cluster: DaskCluster, module: Path
) -> None:
    """The remedy is told; with the module it runs; and then another one of the same name is refused."""
    source, kept = Numbers(300, name="numbers"), KeptRows()
    passing = __import__(module.stem).Passing(name="passing")
    _ = source > passing > kept
    with pytest.raises(ClusterError) as caught:
        run_on(dask_cluster, source)
    reason = (
        f"node `passing`: its class `{module.stem}.Passing` cannot be imported here: No module named '{module.stem}';"
        f" install it on the workers, or send it with --module {module.stem}"
    )
    assert without_addresses(caught.value) == f"worker ADDRESS: {reason}; worker ADDRESS: {reason}"
    assert run_on(dask_cluster, source, modules=[module.stem])["passing"].received == 300
    assert run_on(dask_cluster, source, modules=[module.stem])["passing"].received == 300
    module.write_text(MODULE + "# another\n")
    with pytest.raises(ClusterError) as caught:
        run_on(dask_cluster, source, modules=[module.stem])
    reason = (
        f"module `{module.stem}` is here already, and is another than the coordinator's;"
        " install the same, or none, and start the workers anew"
    )
    assert without_addresses(caught.value) == f"worker ADDRESS: {reason}; worker ADDRESS: {reason}"
    assert [row["n"].value for row in kept.rows] == [*range(300), *range(300)]


def test_a_package_travels_with_all_of_its_modules(
    dask_cluster: DaskCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is named by a module inside of it is sent as a whole."""
    name = f"package_{os.getpid()}"
    folder = tmp_path / name / "inner"
    folder.mkdir(parents=True)
    (tmp_path / name / "__init__.py").touch()
    (folder / "__init__.py").write_text("from ..base import Passing as Passing\n")
    (tmp_path / name / "base.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    source = Numbers(300, name="numbers")
    _ = source > importlib.import_module(f"{name}.inner").Passing(name="passing") > KeptRows()
    assert run_on(dask_cluster, source, modules=[f"{name}.inner"])["passing"].received == 300


def test_a_worker_of_another_version_is_refused_before_a_row_is_read(dask_cluster: DaskCluster, tmp_path: Path) -> None:
    """One that came with another release would make other rows of the same nodes."""
    older = tmp_path / "older.py"
    older.write_text(
        textwrap.dedent("""
            from nanotyped.cluster.recipe import Versions

            Versions.here = classmethod(lambda cls: cls("3.10", "0.0.9"))
        """)
    )
    here = Versions.here()
    source, file = Numbers(300, name="numbers"), tmp_path / "rows"
    _ = source > Append(str(file))
    worker = dask_cluster.start_worker("--preload", str(older))
    try:
        with pytest.raises(ClusterError) as caught:
            run_on(dask_cluster, source)
    finally:
        dask_cluster.end_worker(worker)
    assert without_addresses(caught.value) == (
        f"worker ADDRESS: it has Python 3.10 where the coordinator has {here.python}, nanotyped 0.0.9 where the"
        f" coordinator has {here.nanotyped}; all processes of a run must have the same"
    )
    assert not file.exists()


def test_a_scheduler_that_is_not_there_is_told(tmp_path: Path) -> None:
    """At once, with its address, and what the connection said."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
    source = Numbers(300)
    _ = source > Append(str(tmp_path / "rows"))
    with pytest.raises(ClusterError) as caught:
        source.run(engine="dask", scheduler=address)
    assert str(caught.value) == f"the scheduler at {address} cannot be reached: [Errno 111] Connection refused"


def test_a_scheduler_without_workers_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing would ever run there; the first one may come a little later than the run."""
    monkeypatch.setattr(connection, "CONNECT_TIMEOUT_S", 1.0)
    source = Numbers(300)
    _ = source > OnlyMultiples(1)
    with DaskCluster(workers=0) as cluster:
        with pytest.raises(ClusterError) as caught:
            run_on(cluster, source)
        assert str(caught.value) == f"the scheduler at {cluster.address} has no workers; start one with `dask worker`"


# -- states ------------------------------------------------------------------------------


def test_a_run_goes_on_with_the_parts_that_are_left(dask_cluster: DaskCluster, tmp_path: Path) -> None:
    """One that failed had done some parts; the next one does the others, the failed one from its beginning."""
    file, flag, state = tmp_path / "rows", tmp_path / "flag", tmp_path / "state"
    flag.touch()

    def run() -> RunReport:
        source = Numbers(1000, name="numbers")
        _ = source > FailsAt(450, while_there=str(flag), name="fails") > Append(str(file), name="append")
        return run_on(dask_cluster, source, state_dir=state)

    with pytest.raises(NodeFailedError):
        run()
    before = written(file)
    flag.unlink()
    kept = read_state(state).cursors
    done = done_of(kept["`numbers`"], 10)
    assert 4 not in done
    assert all(before[n] == 1 for part in done for n in range(part * 100, part * 100 + 100))
    report = run()
    assert report["numbers"].emitted == 1000 - 100 * len(done)
    after = written(file)
    assert set(after) == set(range(1000))
    assert all(after[n] == 1 for n in range(1000) if n // 100 != 4)
    assert read_state(state).finished


def test_a_run_that_goes_on_has_the_parts_of_the_first(dask_cluster: DaskCluster, tmp_path: Path) -> None:
    """Whatever the size of parts would be by now."""
    flag, state = tmp_path / "flag", tmp_path / "state"
    flag.touch()

    def run(part_rows: int) -> ClusterRun:
        source = Numbers(1000, name="numbers")
        _ = source > FailsAt(450, while_there=str(flag), name="fails")
        options: Any = {"scheduler": dask_cluster.address, "state_dir": state, "part_rows": part_rows}
        return start_cluster_run(source, **options)

    with pytest.raises(NodeFailedError):
        run(100).wait(WAIT_S)
    flag.unlink()
    again = run(30)
    again.wait(WAIT_S)
    assert again.parts == (10, 10)
    new = run(250)
    new.wait(WAIT_S)
    assert new.parts == (4, 4)


def test_what_the_coordinator_had_not_dealt_with_is_done_again(dask_cluster: DaskCluster, tmp_path: Path) -> None:
    """Parts whose rows had not come to their end there are not done, though their workers were."""
    state = tmp_path / "state"
    found: list[int] = []

    class Full(NanoNode[Doubled, Never]):
        def process_item(self, row: Doubled) -> None:
            found.append(row.n)
            if found.count(450) == 1 and row.n == 450:
                raise OverflowError("no room")

    def run() -> RunReport:
        source = Numbers(1000, name="numbers")
        _ = source > Double(name="double") > Full(name="full")
        return run_on(dask_cluster, source, state_dir=state)

    with pytest.raises(NodeFailedError):
        run()
    assert done_of(read_state(state).cursors["`numbers`"], 10) <= {0, 1, 2, 3}
    run()
    assert set(found) == set(range(1000))


def test_each_engine_refuses_the_state_of_the_other(dask_cluster: DaskCluster, tmp_path: Path) -> None:
    """The cursors of one mean nothing to the other."""
    flag = tmp_path / "flag"
    flag.touch()

    def pipeline() -> Any:
        source = Numbers(1000, name="numbers")
        _ = source > FailsAt(450, while_there=str(flag), name="fails")
        return source

    with pytest.raises(NodeFailedError):
        run_on(dask_cluster, pipeline(), state_dir=tmp_path / "dask")
    with pytest.raises(NodeFailedError):
        start_run(pipeline(), state_dir=tmp_path / "threads").wait(WAIT_S)
    with pytest.raises(StateError) as caught:
        start_run(pipeline(), state_dir=tmp_path / "dask")
    words = "it is of another pipeline than this one: --engine dask is {}; --reset-state forgets it and begins anew"
    assert str(caught.value) == f"state `{tmp_path}/dask/state.sqlite`: {words.format('gone')}"
    with pytest.raises(StateError) as caught:
        run_on(dask_cluster, pipeline(), state_dir=tmp_path / "threads")
    assert str(caught.value) == f"state `{tmp_path}/threads/state.sqlite`: {words.format('new')}"


def test_a_drained_run_ends_its_parts_and_the_next_one_goes_on(dask_cluster: DaskCluster, tmp_path: Path) -> None:
    """Nothing is done twice, and nothing is left out."""
    file, state = tmp_path / "rows", tmp_path / "state"
    runs: list[ClusterRun] = []

    class Drains(KeptRows):
        def process_batch(self, batch: Batch[Row]) -> Sequence[Row]:
            if runs:
                runs.pop().drain()
            return ()

    def start() -> ClusterRun:
        source = Numbers(3000, name="numbers")
        _ = source > Append(str(file), name="append") > Drains(name="drains")
        options: Any = {"scheduler": dask_cluster.address, "state_dir": state, "part_rows": PART}
        return prepare_cluster_run(source, **options)

    run = start()
    runs.append(run)
    run.start()
    report = run.wait(WAIT_S)
    assert {node.status for node in report.nodes} == {"stopped"}
    ended = run.parts[0]
    assert 0 < ended < 30
    assert len(written(file)) == 100 * ended
    again = start()
    again.start()
    again.wait(WAIT_S)
    assert again.parts == (30, 30)
    assert set(written(file)) == set(range(3000))
    assert max(written(file).values()) <= 2


# -- back-pressure -------------------------------------------------------------------------


def test_parts_ahead_of_a_slow_node_at_the_coordinator_are_bounded(dask_cluster: DaskCluster, tmp_path: Path) -> None:
    """Workers go on to a number of parts before it, and no further, however long it takes."""
    file = tmp_path / "rows"
    ahead: list[int] = []

    class Slow(KeptRows):
        def process_batch(self, batch: Batch[Row]) -> Sequence[Row]:
            part = batch.rows[-1]["n"].value // PART
            most = min(20, part + MOST_AHEAD)
            until(lambda: len(written(file)) >= most * PART, f"{most} parts")
            ahead.append(len({n // PART for n in written(file)}) - part)
            return super().process_batch(batch)

    source, slow = Numbers(20 * PART, name="numbers", batch_rows=PART), Slow(name="slow", batch_rows=PART)
    append = Append(str(file), name="append")
    _ = source > append
    append.add_edge(slow, max_queue_size=1)
    run_on(dask_cluster, source)
    assert [row["n"].value for row in slow.rows] == list(range(20 * PART))
    assert max(ahead) <= MOST_AHEAD + 2
