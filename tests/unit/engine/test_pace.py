"""Attributes that a node gets at its start, and the pace of its rows (BEHAVIOUR §2)."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from nanotyped import Checkpoint, NanoNode, NodeFailedError, get_environment_variables, no_op
from nanotyped.engine import start_run
from tests.support.flows import GivenBatches
from tests.unit.engine.nodes import WAIT_S, Counting, Giving, Keeping, Passing
from tests.unit.engine.test_life_cycle import until


class Told(NanoNode[object, Any]):
    """A sink that keeps what `setup` finds under its attributes."""

    def __init__(self, **kwargs: Any) -> None:
        self.found: dict[str, Any] = {}
        super().__init__(**kwargs)

    def setup(self) -> None:
        self.found = {name: getattr(self, name, None) for name in ("token", "region", "thread")}

    def process_item(self, row: Any) -> None: ...


def attributes(*args: Any, **kwargs: Any) -> dict[str, Any]:
    """Return attributes of what this was called with."""
    return {"token": args, "place": kwargs, "thread": threading.current_thread().name}


def test_runtime_attributes_are_there_at_setup() -> None:
    """get_runtime_attrs is called once a run, with its arguments, in the node's thread, before setup."""
    node = Told(
        name="t",
        get_runtime_attrs=attributes,
        get_runtime_attrs_args=[1, 2],
        get_runtime_attrs_kwargs={"a": 3},
        runtime_attrs_destinations={"place": "region"},
    )
    _ = Counting(1) > node
    for _ in range(2):
        start_run(node).wait(WAIT_S)
        assert node.found == {"token": (1, 2), "region": {"a": 3}, "thread": "nanotyped-t"}


def test_there_may_be_none() -> None:
    """Without get_runtime_attrs, and where it returns None, there are none, whatever destinations say."""
    choices: list[dict[str, Any]] = [{}, {"get_runtime_attrs": no_op, "runtime_attrs_destinations": {"never": "token"}}]
    for options in choices:
        node = Told(**options)
        _ = Counting(1) > node
        start_run(node).wait(WAIT_S)
        assert node.found == {"token": None, "region": None, "thread": None}


def test_a_function_may_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """get_runtime_attrs may be a name in Python, and its keys may become other attributes."""
    monkeypatch.setenv("TOKEN", "t1")
    node = Told(
        get_runtime_attrs="nanotyped__get_environment_variables",
        get_runtime_attrs_args=("TOKEN", "NOT_THERE"),
        runtime_attrs_destinations={"TOKEN": "token", "NOT_THERE": "region"},
    )
    _ = Counting(1) > node
    start_run(node).wait(WAIT_S)
    assert node.found == {"token": "t1", "region": None, "thread": None}


@pytest.mark.parametrize(
    ("returned", "cause"),
    [
        ([1], "PipelineStateError: get_runtime_attrs returns a mapping or None; it returned [1]"),
        ({"a b": 1}, "PipelineStateError: get_runtime_attrs: 'a b' is no name of an attribute"),
        ({3: 1}, "PipelineStateError: get_runtime_attrs: 3 is no name of an attribute"),
        (
            {"status": 1},
            "PipelineStateError: get_runtime_attrs: `status` is an attribute of every node; "
            "give it another name with runtime_attrs_destinations",
        ),
    ],
)
def test_what_cannot_be_an_attribute(returned: Any, cause: str) -> None:
    """What is no mapping of free names fails the run before setup."""
    node = Told(get_runtime_attrs=lambda: returned, name="t")
    _ = Counting(1) > node
    with pytest.raises(NodeFailedError) as caught:
        start_run(node).wait(WAIT_S)
    assert caught.value.cause == cause
    assert node.found == {}


def test_an_error_in_the_function_fails_the_run() -> None:
    """What get_runtime_attrs raises fails the run like anything else that the node runs."""

    def broken() -> None:
        raise KeyError("gone")

    source = Counting(1, name="c", get_runtime_attrs=broken)
    _ = source > Keeping()
    with pytest.raises(NodeFailedError) as caught:
        start_run(source).wait(WAIT_S)
    assert str(caught.value) == "node `c` failed: KeyError: 'gone'"


# -- throttle ----------------------------------------------------------------------------------


class Sleepless(Passing):
    """Counts its pauses instead of making them."""

    def __init__(self, **kwargs: Any) -> None:
        self.pauses: list[float] = []
        super().__init__(**kwargs)

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)


@pytest.mark.parametrize("policy", [{}, {"on_error": "skip"}])
def test_a_pause_before_each_row(policy: dict[str, Any]) -> None:
    """A node with throttle pauses before each input row, and only then sees it."""
    node, sink = Sleepless(throttle=0.25, **policy), Keeping()
    _ = Giving([{"n": 1}, 2, {"n": 3}]) > node > sink
    start_run(node).wait(WAIT_S)
    assert node.pauses == [0.25] * 3
    assert len(sink.messages) == 3


def test_a_pause_before_each_row_of_a_source() -> None:
    """A source pauses before each row that it yields, not before what is none; one of batches too."""

    class Rows(Giving):
        pauses = 0

        def sleep(self, seconds: float) -> None:
            self.pauses += 1

    class Batches(GivenBatches):
        pauses = 0

        def sleep(self, seconds: float) -> None:
            self.pauses += 1

    rows = Rows([{"n": 1}, None, Checkpoint(1), {"n": 2}], throttle=1)
    batches = Batches([[(1,), (2,)], [], [(3,)]], {"n": "int"}, throttle=1)
    for source, given in ((rows, 2), (batches, 3)):
        sink = Keeping()
        _ = source > sink
        start_run(source).wait(WAIT_S)
        assert (source.pauses, len(sink.messages)) == (given, given)


@pytest.mark.parametrize("at", ["source", "node"])
@pytest.mark.parametrize("how", ["drain", "terminate"])
def test_a_pause_ends_with_the_run(at: str, how: str) -> None:
    """A stop ends the pause of a throttle: of a source after a drain, of any node after a terminate."""
    source = Counting(throttle=3600 if at == "source" else 0)
    node = Passing(throttle=3600 if at == "node" and how == "terminate" else 0)
    _ = source > node > Keeping()
    run = start_run(source)
    until(lambda: node.status == "running" and source.given)
    before = time.monotonic()
    getattr(run, how)()
    run.wait(WAIT_S)
    assert time.monotonic() - before < 2


def test_a_source_by_the_batch_ends_its_pause_at_a_checkpoint() -> None:
    """A drain in the pause of a source of batches sends the rest of the batch at once, and takes its checkpoint."""
    asleep = threading.Event()

    class Batches(GivenBatches):
        def sleep(self, seconds: float) -> None:
            asleep.set()
            super().sleep(seconds)

        def generate_batches(self) -> Iterator[Any]:
            yield Checkpoint(0)
            for number, batch in enumerate(super().generate_batches(), 1):
                yield batch
                yield Checkpoint(number)

    source, sink = Batches([[(1,), (2,), (3,)], [(4,)]], {"n": "int"}, throttle=3600), Keeping()
    _ = source > sink
    run = start_run(source)
    assert asleep.wait(WAIT_S)
    run.drain()
    run.wait(WAIT_S)
    assert [row.n for row in sink.messages] == [1, 2, 3]
    [ledger] = [worker.ledger for worker in run.workers if worker.ledger is not None]
    assert ledger.mark == 1


def test_a_throttle_really_waits() -> None:
    """The pause is of that many seconds."""
    source = Counting(3)
    _ = source > (node := Passing(throttle=0.02))
    start_run(source).wait(WAIT_S)
    assert (node.time_running or 0) >= 0.06


@pytest.mark.parametrize("throttle", [-1, float("nan"), float("inf")])
def test_a_throttle_is_a_time(throttle: float) -> None:
    """A throttle below 0, or that is no number of seconds, is refused."""
    with pytest.raises(ValueError, match=r"^throttle is a number of seconds from 0, not"):
        Counting(throttle=throttle)


def test_the_pause_comes_between_the_markers_of_two_inputs() -> None:
    """With both options a row is paused for, and then has its markers."""
    node = Sleepless(throttle=1, send_batch_markers=True)
    sink = Keeping()
    _ = Counting(2) > node > sink
    start_run(node).wait(WAIT_S)
    assert (len(node.pauses), len(sink.messages)) == (2, 2)


# -- the rest ----------------------------------------------------------------------------------


def test_keep_alive_is_for_those_that_poll() -> None:
    """keep_alive is kept for sources that poll; a node with no more input ends in any case."""
    assert Counting().keep_alive is True
    source = Counting(2, keep_alive=True)
    _ = source > Keeping(keep_alive=True)
    start_run(source).wait(WAIT_S)
    assert Counting(keep_alive=False).keep_alive is False


def test_there_is_no_linger() -> None:
    """There is no linger_s: a hungry consumer asks for what is gathered."""
    with pytest.raises(TypeError, match=r"^Counting has no option `linger_s`; its options are"):
        Counting(linger_s=0.05)


def test_environment_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """get_environment_variables gives each by name, None for one that is not set, and nothing for none."""
    monkeypatch.setenv("A", "1")
    monkeypatch.delenv("B", raising=False)
    assert get_environment_variables("A", "B") == {"A": "1", "B": None}
    assert get_environment_variables() == {}
    assert no_op(1, a=2) is None  # type: ignore[func-returns-value]  # what the test is about


def test_attributes_may_be_set_before_the_base_class_is() -> None:
    """Attributes of a node's own may bear the name of an option and be set before `super().__init__()`."""

    class Own(NanoNode[object, Any]):
        def __init__(self, key: list[str], **kwargs: Any) -> None:
            self.key = key
            self.throttle = "mine"
            super().__init__(**kwargs)

        def process_item(self, row: Any) -> Iterator[Any]:
            yield {"m": row.n, "key": self.key, "throttle": self.throttle}

    sink = Keeping()
    _ = Counting(1) > Own(["a"]) > sink
    start_run(sink).wait(WAIT_S)
    assert sink.messages[0].to_python() == {"n": 0, "m": 0, "key": ["a"], "throttle": "mine"}


def test_a_key_is_seen_while_results_are_still_made() -> None:
    """Between two results of one row `message` is still the row's own."""
    seen: list[int] = []

    class Slow(NanoNode[Any, Any]):
        def process_item(self, n: int) -> Iterator[Any]:
            for _ in range(2):
                seen.append(self.message.n - n)
                yield {"m": n}

    source = Counting(50)
    _ = source > Slow(key="n") > Keeping()
    start_run(source).wait(WAIT_S)
    assert seen == [0] * 100
