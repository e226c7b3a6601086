"""What a source's own `split()` may get wrong: all of it is told at the node, before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

from nanotyped import BatchMessages, Part, Split
from nanotyped.cluster import plan_graph
from nanotyped.errors import GraphTypeError, MissingExtraError
from nanotyped.graph import build_graph
from nanotyped.node import Retry, link_nodes
from nanotyped.testing import KeptRows
from tests.support.cluster_nodes import Double, Numbers

SAME, WHOLE = Part([0, 5], "the first"), Part(None, "all")


class Wrong(Numbers):
    """Gives what it was made with for its parts."""

    def __init__(self, found: Any, **options: Any) -> None:
        super().__init__(10, **options)
        self.found = found

    def split(self, *_: object, **__: object) -> Any:
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (None, "its split() gave None, which is no Split"),
        ([SAME], "its split() gave [Part(bounds=[0, 5], name='the first', rows=None)], which is no Split"),
        (ZeroDivisionError("division by zero"), "its split() failed: ZeroDivisionError: division by zero"),
        (Split((SAME, (5, 9)), "ranges"), "its split() gave (5, 9) among the parts, which is no Part"),  # type: ignore[arg-type]
        (
            Split((Part({1, 2}, "a set"),), "sets"),
            "the bounds of its part a set are nothing that JSON holds: Object of type set is not JSON serializable",
        ),
        (
            Split((Part((0, 5), "a tuple"),), "tuples"),
            "the bounds of its part a tuple come back from JSON as [0, 5]; use lists and texts",
        ),
        (
            Split((SAME, WHOLE, Part([0, 5], "the last")), "ranges"),
            "its parts the first and the last have the same bounds: their rows would come twice",
        ),
    ],
)
def test_parts_that_are_none_are_refused(found: Any, reason: str) -> None:
    """The message names the node and the part."""
    source = Wrong(found, name="numbers")
    source.add_edge(KeptRows())
    with pytest.raises(GraphTypeError) as caught:
        plan_graph(build_graph(source), 2)
    assert str(caught.value.problems[0]) == f"node `numbers` cannot be split: {reason}"


def test_parts_may_be_a_list() -> None:
    """What is no tuple is made one."""
    source = Wrong(Split([Part(at, str(at)) for at in range(3)], "numbers"))  # type: ignore[arg-type]  # a list
    source.add_edge(KeptRows())
    assert [part.bounds for part in plan_graph(build_graph(source), 2).segments[0].split.parts] == [0, 1, 2]


def test_lists_over_groups_are_others_than_in_one_process() -> None:
    """A window takes what comes, whatever `partition_by` promises, and the plan says so."""
    source, batches = Numbers(100), BatchMessages(name="lists", batch_size=3, partition_by=["g"])
    for node, target in ((source, Double()), (source, batches), (batches, KeptRows())):
        link_nodes(node, target)
    assert plan_graph(build_graph(source), 2).notices == (
        "`lists` gathers rows of all groups that come to a copy of it: its lists are others than in one process",
    )


@pytest.mark.parametrize("package", ["distributed", "cloudpickle", "pyarrow"])
def test_what_is_not_installed_is_told_with_the_extra(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything else, and one extra brings all of it."""
    monkeypatch.setattr("nanotyped.cluster.connection.find_spec", lambda name: None if name == package else object())
    source = Numbers(10)
    source.add_edge(KeptRows())
    with pytest.raises(MissingExtraError) as caught:
        source.run(engine="dask")
    assert str(caught.value) == f"{package} is not installed; `pip install nanotyped[dask]` brings it"


def test_a_mapping_is_no_retry() -> None:
    """In Python it is a `Retry`: a mapping would fail at the first row that is tried again."""
    with pytest.raises(TypeError, match=r"^retry must be of class Retry, not \{'attempts': 3\}$"):
        Double(retry={"attempts": 3})  # type: ignore[arg-type]  # as a file has it
    assert Double(retry=Retry(attempts=3)).error_policy.retry == Retry(attempts=3)
