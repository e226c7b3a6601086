"""Groups that parts do not keep whole: brought together by way of the coordinator, on a real cluster."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from nanotyped.cluster import start_cluster_run
from nanotyped.errors import NodeFailedError
from nanotyped.node import link_nodes
from nanotyped.testing import KeptRows
from tests.support.cluster_nodes import Append, Double, FailsAt, NumberOfGroup, Numbers, Regroup

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.cluster import DaskCluster

WAIT_S = 60.0


def rows_of(kept: KeptRows) -> list[tuple[Any, ...]]:
    """Return the values of rows."""
    return [tuple(row.to_python().values()) for row in kept.rows]


def test_groups_of_all_parts_come_to_one_copy_in_the_order_of_the_source(dask_cluster: DaskCluster) -> None:
    """Each group is numbered as in one process, and what follows the node runs on the workers too."""
    found = []
    for options in ({}, {"engine": "dask", "scheduler": dask_cluster.address, "part_rows": 100}):
        kept, source = KeptRows(name="kept"), Numbers(950, name="numbers")
        count, double = NumberOfGroup(name="count"), Double(name="double")
        for node, target in pairwise([source, Regroup(7, name="regroup"), count, double, kept]):
            link_nodes(node, target)
        report = source.run(**options)  # type: ignore[arg-type]  # one of them has no options at all
        assert [report[name].processed for name in ("regroup", "count", "double", "kept")] == [950] * 4
        assert report["numbers"].emitted == 950
        found.append(sorted(rows_of(kept)))
    assert found[0] == found[1]
    assert found[0][8] == (8, 1, 2, 16)


def test_what_moves_is_planned(dask_cluster: DaskCluster) -> None:
    """A segment ends at a shuffle, and another begins behind it; there may be several of them."""
    kept, source = KeptRows(name="kept"), Numbers(300, name="numbers")
    first, second = NumberOfGroup(name="first"), NumberOfGroup(name="second")
    for node, target in pairwise([source, Regroup(3, name="by 3"), first, Regroup(5, name="by 5"), second, kept]):
        link_nodes(node, target)
    run = start_cluster_run(source, scheduler=dask_cluster.address, part_rows=50)
    run.wait(WAIT_S)
    labels = [[node.label for node in segment.nodes] for segment in run.plan.segments]
    assert labels == [["numbers", "by 3"], ["groups for first", "first", "by 5"], ["groups for second", "second"]]
    assert [(shuffle.giver.label, shuffle.target.label) for shuffle in run.plan.shuffles] == [
        ("by 3", "first"),
        ("by 5", "second"),
    ]
    assert run.plan.placements[first].reason == "by groups of `g`, which are brought together before it"
    # Behind a shuffle rows come by the bucket: which of a group is the first is another matter than in one process.
    assert Counter((g, nth) for _, g, nth in rows_of(kept)) == Counter((n % 5, n // 5 + 1) for n in range(300))


def test_two_sources_are_brought_together(dask_cluster: DaskCluster) -> None:
    """Rows of all segments that lead to the node are there before its groups are begun."""
    kept, regroup = KeptRows(name="kept"), Regroup(4, name="regroup")
    one, other = Numbers(120, name="one"), Numbers(80, name="other")
    _ = one > regroup
    _ = other > regroup > NumberOfGroup(name="count") > kept
    one.run(engine="dask", scheduler=dask_cluster.address, part_rows=30)
    assert Counter(nth for _, _, nth in rows_of(kept)) == dict.fromkeys(range(1, 51), 4)


def test_a_run_that_stopped_behind_a_shuffle_begins_before_it(dask_cluster: DaskCluster, tmp_path: Path) -> None:
    """What leads into a shuffle counts as dealt with once all groups were: nothing is lost."""
    stop, written = tmp_path / "stop", tmp_path / "written"
    stop.touch()

    def pipeline() -> Numbers:
        source = Numbers(200, name="numbers")
        fails = FailsAt(123, while_there=str(stop), name="fails")
        count, end = NumberOfGroup(name="count"), Append(str(written), name="end")
        for node, target in pairwise([source, Regroup(6, name="regroup"), count, fails, end]):
            link_nodes(node, target)
        return source

    options: dict[str, Any] = {"scheduler": dask_cluster.address, "part_rows": 50, "state_dir": tmp_path / "state"}
    with pytest.raises(NodeFailedError, match=r"^node `fails` failed: OverflowError: 123 is too much"):
        pipeline().run(engine="dask", **options)
    stop.unlink()
    run = start_cluster_run(pipeline(), **options)
    report = run.wait(WAIT_S)
    assert report["numbers"].emitted == 200
    assert set(map(int, written.read_text().split())) == set(range(200))
