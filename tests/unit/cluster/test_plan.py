"""What runs where, and why: nothing here knows of a cluster."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import pytest

from nanotyped import NanoNode
from nanotyped.cluster import ClusterPlan, Placement, place_nodes, plan_graph
from nanotyped.errors import GraphTypeError
from nanotyped.graph import build_graph
from nanotyped.node import Part, PartSize, Split
from nanotyped.testing import KeptRows
from nanotyped.types import OBJECT
from tests.support.cluster_nodes import (
    Append,
    Double,
    Messages,
    Number,
    NumberOfGroup,
    Numbers,
    OnlyMultiples,
    Total,
    Whole,
)

THERE = Placement("workers")
SAYS_NOTHING = "{} does not say that it looks at each row alone (`stateless = True`)"


class Limited(OnlyMultiples):
    """At so many places at once, at the most."""

    @property
    def most_copies(self) -> int | None:
        return 2


class OfOtherCode(Double):
    def process_item(self, row: Any) -> Iterator[Any]:
        yield from super().process_item(row)


class Renamed(NanoNode[Number, Any]):
    """Gives a group of its own making."""

    stateless: ClassVar[bool] = True
    output_schema = Number

    def process_item(self, row: Number) -> Iterator[Number]:
        yield Number(n=row.n, g=row.n % 2)


class InHalves(Numbers):
    """Cannot keep anything together."""

    def split(self, size: PartSize, together: Sequence[str] = ()) -> Split:
        return Split(super().split(size).parts, "halves", notice="there are two halves")


def here(reason: str) -> Placement:
    """Return that a node runs at the coordinator."""
    return Placement("coordinator", reason)


def plan_of(source: Any, workers: int = 4, **options: Any) -> ClusterPlan:
    """Return the plan of a pipeline."""
    return plan_graph(build_graph(source), workers, **options)


def placed(plan: ClusterPlan) -> dict[str, Placement]:
    """Return where the nodes of a plan run, by name."""
    return {node.name: placement for node, placement in plan.placements.items()}


def refused(source: Any) -> str:
    """Return what a pipeline is refused with."""
    with pytest.raises(GraphTypeError) as caught:
        plan_of(source)
    return str(caught.value)


# -- placements ------------------------------------------------------------------------


def test_nodes_that_take_each_row_alone_run_on_workers_and_others_here() -> None:
    """A node behind one at the coordinator is there too, whatever it is."""
    source = Numbers(1000, name="numbers")
    total: Any = Total(name="total")
    _ = source > Double(name="double") > total > OnlyMultiples(2, name="behind") > KeptRows(name="kept")
    plan = plan_of(source)
    assert placed(plan) == {
        "numbers": THERE,
        "double": THERE,
        "total": here(SAYS_NOTHING.format("Total")),
        "behind": here("its rows come from `total`, at the coordinator"),
        "kept": here("its rows come from `behind`, at the coordinator"),
    }
    [segment] = plan.segments
    assert [node.name for node in segment.nodes] == ["numbers", "double"]
    assert [node.name for node in segment.returning] == ["double"]
    assert [node.name for node in plan.at_coordinator] == ["total", "behind", "kept"]


def test_what_a_class_says_of_itself_is_not_said_of_code_that_replaces_its_own() -> None:
    """A subclass with another `process_item` has to say it again."""
    source = Numbers(10)
    _ = source > OfOtherCode(name="other")
    assert placed(plan_of(source))["other"] == here(SAYS_NOTHING.format("OfOtherCode"))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"throttle": 0.1}, "throttle is a pace of the whole run"),
        ({"send_batch_markers": True}, "it sends markers, which stay in one process"),
    ],
)
def test_options_that_are_about_the_whole_run_keep_a_node_here(options: Any, reason: str) -> None:
    """The class says what it says; the option says more."""
    source = Numbers(10, name="numbers")
    _ = source > OnlyMultiples(1, name="passes", **options)
    assert placed(plan_of(source))["passes"] == here(reason)


def test_each_source_that_can_be_split_is_one_segment() -> None:
    """What two of them meet in is made for the parts of both; a third one, which cannot be, keeps others here."""
    source, other, whole = Numbers(10, name="numbers"), Numbers(20, name="other"), Whole(3, name="whole")
    meet, behind, kept = OnlyMultiples(1, name="meet"), Append("x", name="behind"), OnlyMultiples(1, name="kept")
    _ = (source, other) > meet > behind
    _ = (behind, whole) > kept
    plan = plan_of(source)
    assert [[node.name for node in segment.nodes] for segment in plan.segments] == [
        ["numbers", "meet", "behind"],
        ["other", "meet", "behind"],
    ]
    assert [segment.links for segment in plan.segments] == [
        ((source, meet, 4000), (meet, behind, 4000)),
        ((other, meet, 4000), (meet, behind, 4000)),
    ]
    assert placed(plan)["whole"] == here("Whole has no split(), which says what its parts are")
    assert placed(plan)["kept"] == here("its rows come from `whole`, at the coordinator")


def test_a_limit_of_the_whole_run_limits_the_parts_at_a_time() -> None:
    """And whoever has more workers is told."""
    source = Numbers(100_000, name="numbers")
    _ = source > Limited(1, name="limited")
    assert plan_of(source).slots == 2
    assert plan_of(source).notices == ("2 of 4 workers are used at a time: the limits of `limited` allow no more",)
    assert plan_of(source, 2).notices == ()


def test_parts_are_as_large_as_somebody_says_or_as_keeps_all_busy() -> None:
    """Some for each worker, of 1,000 to 100,000 rows."""
    source = Numbers(100_000)
    _ = source > OnlyMultiples(1)

    def sizes(workers: int, **options: Any) -> list[int | None]:
        return [part.rows for part in plan_of(source, workers, **options).segments[0].split.parts]

    assert sizes(4) == [3125] * 32
    assert sizes(1000) == [1000] * 100
    assert sizes(1, part_rows=40_000) == [40_000, 40_000, 20_000]


def test_the_parts_of_a_run_before_are_taken_as_they_are() -> None:
    """A source is not asked again where a state holds them."""
    source = Numbers(10)
    _ = source > OnlyMultiples(1)
    kept = Split((Part([0, 10], "all of them"),), "once")
    assert plan_of(source, kept={source: kept}).segments[0].split is kept


# -- groups ------------------------------------------------------------------------------


def test_groups_run_on_workers_where_a_part_has_whole_groups() -> None:
    """The source is asked to keep them together, by its own name of the column."""
    source = Numbers(1000, name="numbers", group_rows=300)
    _ = source > OnlyMultiples(1) > NumberOfGroup(name="groups") > KeptRows()
    plan = plan_of(source, part_rows=100)
    assert placed(plan)["groups"] == Placement("workers", "by groups of `g`")
    assert plan.segments[0].split.together == ("g",)
    assert [part.rows for part in plan.segments[0].split.parts] == [300, 300, 300, 100]


BROUGHT = Placement("workers", "by groups of `g`, which are brought together before it")


def test_groups_that_a_part_may_not_have_whole_are_brought_together() -> None:
    """What is behind them runs where they do: on workers, over parts that are groups."""
    source = InHalves(1000, name="numbers")
    groups: Any = NumberOfGroup(name="groups")
    behind = OnlyMultiples(2, name="behind")
    _ = source > groups > behind
    plan = plan_of(source, part_rows=500)
    assert placed(plan) == {"numbers": THERE, "groups": BROUGHT, "behind": THERE}
    assert plan.notices == ("`numbers`: there are two halves",)
    before, after = plan.segments
    assert (before.nodes, before.shuffles) == ((source,), (after.after,))
    assert after.nodes[1:] == (groups, behind)
    assert [(shuffle.giver, shuffle.target) for shuffle in plan.shuffles] == [(source, groups)]


def test_groups_by_what_is_made_on_the_way_are_brought_together() -> None:
    """The source cannot see to it, for it does not have the column."""
    source = Numbers(10)
    _ = source > Renamed() > NumberOfGroup(name="groups")
    assert placed(plan_of(source))["groups"] == BROUGHT


def test_groups_of_rows_of_several_nodes_run_here() -> None:
    """Each of them would be brought together alone."""
    source, other = Numbers(10), Numbers(20)
    _ = (source, other) > NumberOfGroup(name="groups")
    assert placed(plan_of(source))["groups"] == here("its groups are of rows of several nodes")


def test_groups_that_have_nothing_in_common_with_the_first_are_brought_together() -> None:
    """A part has whole groups of one of both."""
    source = Numbers(10)
    _ = source > (NumberOfGroup(name="by g"), NumberOfGroup(name="by n", partition_by=["n"]))
    plan = plan_of(source)
    assert placed(plan)["by g"] == Placement("workers", "by groups of `g`")
    assert placed(plan)["by n"] == Placement("workers", "by groups of `n`, which are brought together before it")


# -- refusals -----------------------------------------------------------------------------


def test_a_pipeline_of_which_nothing_can_be_split_is_refused() -> None:
    """With the reason of each source."""
    source, other, kept = Whole(1, name="whole"), Whole(2, name="other"), KeptRows(name="kept")
    _ = (source, other) > kept
    assert refused(source) == (
        "this pipeline cannot run: 1 problem\n"
        "  1. no source can be split, so there is nothing for several workers to do: `whole`: Whole has no split(),"
        " which says what its parts are; `other`: Whole has no split(), which says what its parts are."
        " Hint: run it without --engine dask"
    )


def test_classes_that_no_worker_can_import_are_refused_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the program itself, of a function, and of a name that is another's; nodes at the coordinator are let be."""

    class Local(OnlyMultiples):
        pass

    class AlsoLocal(Total):
        pass

    in_main = type("InMain", (OnlyMultiples,), {"__module__": "__main__"})
    unlike = type("Double", (OnlyMultiples,), {"__module__": Double.__module__})
    source = Numbers(10, name="numbers")
    _ = source > Local(1, name="a") > in_main(1, name="b") > unlike(1, name="c") > AlsoLocal(name="d")
    assert refused(source) == (
        "this pipeline cannot run: 3 problems\n"
        "  1. node `a` cannot be made on a worker: its class Local stands inside of a function, where nothing can be"
        " imported from; move it out\n"
        "  2. node `b` cannot be made on a worker: its class InMain stands in the program itself, which workers do not"
        " import; move it into a module\n"
        "  3. node `c` cannot be made on a worker: `tests.support.cluster_nodes.Double` is not what its class Double"
        " can be imported as"
    )


def test_options_that_cannot_be_sent_are_refused() -> None:
    """By name, or by place where they were given so; a function without a name can be sent."""
    source = Numbers(10, name="numbers")
    lock: Any = threading.Lock()
    _ = source > OnlyMultiples(lock, name="a") > Append("x", name="b", post_process_function=lambda row: lock or row)
    assert refused(source) == (
        "this pipeline cannot run: 2 problems\n"
        "  1. node `a` cannot be made on a worker: `argument 1` cannot be sent: TypeError: cannot pickle '_thread.lock'"
        " object\n"
        "  2. node `b` cannot be made on a worker: `post_process_function` cannot be sent: TypeError: cannot pickle"
        " '_thread.lock' object"
    )
    fine = Numbers(10)
    _ = fine > OnlyMultiples(1, post_process_function=lambda row: row)
    assert set(placed(plan_of(fine)).values()) == {THERE}


def test_columns_that_cannot_travel_are_refused() -> None:
    """They would have to, where the next node is at the coordinator; and need not, where it is not."""
    source = Messages([1], name="messages", output_schema={"n": OBJECT})
    _ = source > KeptRows(name="kept")
    assert refused(source) == (
        "this pipeline cannot run: 1 problem\n"
        "  1. rows of `messages` cannot travel to `kept`: column `n`: no Arrow type holds `object`:"
        " it may be anything; declare what it is"
    )
    other = Messages([1], name="messages", output_schema={"n": OBJECT})
    _ = other > Append("x")
    assert set(placed(plan_of(other)).values()) == {THERE}


def test_nothing_is_looked_at_to_place_nodes() -> None:
    """A file is placed where no source can be reached."""

    class Unreachable(Numbers):
        def split(self, size: PartSize, together: Sequence[str] = ()) -> Split:
            raise AssertionError("it was asked for its parts")

    source = Unreachable(10, name="numbers")
    _ = source > Total(name="total")
    placements, problems = place_nodes(build_graph(source))
    assert [placement.where for placement in placements.values()] == ["workers", "coordinator"]
    assert [str(problem) for problem in problems] == [
        "node `numbers` cannot be made on a worker: its class Unreachable stands inside of a function, where nothing"
        " can be imported from; move it out"
    ]
