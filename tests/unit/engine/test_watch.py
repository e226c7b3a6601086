"""What is seen of a run that is watched: the bottleneck, the rates, and how far it is."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from nanotyped.engine import start_run
from nanotyped.engine.watch import Load, Snapshot, Watch, find_bottleneck
from nanotyped.node import NanoNode, SizeHint
from tests.unit.engine.nodes import WAIT_S, Counting, Doing, Gated, Waiting

SLOW_S = 0.002


class Clock:
    """Seconds that go by when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Slow(NanoNode[object, Any]):
    """Passes rows on, or as a source makes them, and takes its time for each."""

    def __init__(self, seconds: float = 0.0, **options: Any) -> None:
        self.seconds = seconds
        super().__init__(**options)

    def generator(self) -> Iterator[Any]:
        n = 0
        while not self.stop_requested:
            if self.seconds:
                self.sleep(self.seconds)
            yield {"n": n}
            n += 1

    def process_item(self, row: Any) -> Iterator[Any]:
        if self.seconds:
            self.sleep(self.seconds)
        yield row


class Sized(Waiting):
    """Gives three rows when it is let, and says what it is told to say of them."""

    def __init__(self, hint: SizeHint | None, done: Callable[[], float | None] = lambda: None, **options: Any) -> None:
        self.hint, self.done = hint, done
        super().__init__(**options)

    def size_hint(self) -> SizeHint | None:
        return self.hint

    def size_done(self) -> float | None:
        return self.done()


def until_seen(watch: Watch, wanted: Callable[[Snapshot], bool]) -> Snapshot:
    """Look at a run until something is to be seen."""
    ends_at = time.monotonic() + WAIT_S
    while not wanted(found := watch.look()):
        assert time.monotonic() < ends_at, f"still {found}"
        threading.Event().wait(0.02)
    return found


def looked_at(watch: Watch) -> Snapshot:
    """Look at a run for a while."""
    for _ in range(20):
        watch.look()
        threading.Event().wait(0.02)
    return watch.look()


# -- the bottleneck --------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("slow", ["read", "first", "second", "post"])
def test_the_one_slow_node_is_the_bottleneck(slow: str, workers: int) -> None:
    """Wherever it stands, as a source, in the middle or as a sink, and with several workers too, it is the one."""
    many = {"workers": workers} if slow != "read" else {}
    nodes = [
        Slow(name=name, **({"seconds": SLOW_S * workers, **many} if name == slow else {}))
        for name in ("read", "first", "second", "post")
    ]
    _ = nodes[0] > nodes[1] > nodes[2] > nodes[3]
    run = start_run(nodes[0])
    watch = Watch(run)
    threading.Event().wait(0.2)  # the queues before it fill
    seen = looked_at(watch)
    run.drain()
    run.terminate()
    run.wait(WAIT_S)
    assert seen.bottleneck == slow


def test_a_slow_branch_is_told_from_a_fast_one() -> None:
    """Where a node sends to two, the one that holds it back is the bottleneck."""
    read, fast, slow = Slow(name="read"), Slow(name="fast"), Slow(SLOW_S, name="slow")
    _ = read > (fast, slow)
    run = start_run(read)
    watch = Watch(run)
    threading.Event().wait(0.2)
    seen = looked_at(watch)
    run.terminate()
    run.wait(WAIT_S)
    assert seen.bottleneck == "slow"


def test_where_nothing_moves_nothing_is_the_bottleneck() -> None:
    """A source that waits for something outside, and what waits for it, hold nobody back."""
    source = Waiting(name="read")
    _ = source > Doing(lambda row: [row], name="work") > Gated(name="post")
    run = start_run(source)
    watch = Watch(run)
    seen = [watch.look().bottleneck for _ in range(10)]
    for _ in range(3):
        source.turns.release()
    run.terminate()
    run.wait(WAIT_S)
    assert seen == [None] * 10


def test_a_sink_at_the_last_rows_is_the_bottleneck() -> None:
    """Though nothing is queued any more: it is what everybody waits for."""
    sink = Gated(name="post")
    source = Counting(5, name="read")
    _ = source > sink
    run = start_run(source)
    assert sink.reached.wait(WAIT_S)
    seen = until_seen(Watch(run), lambda found: found.bottleneck is not None)
    sink.gate.set()
    run.wait(WAIT_S)
    assert seen.bottleneck == "post"


def test_one_worker_of_several_at_work_makes_its_node_the_bottleneck() -> None:
    """Though the node itself could take another row."""
    source, sink = Waiting(name="read"), Gated(name="post", workers=4)
    _ = source > sink
    run = start_run(source)
    source.turns.release()
    assert sink.reached.wait(WAIT_S)
    seen = until_seen(Watch(run), lambda found: found.bottleneck is not None)
    sink.gate.set()
    end(run, source)
    assert seen.bottleneck == "post"


def test_of_nodes_at_work_the_one_before_which_rows_pile_up() -> None:
    """Three that are always at work: the bottleneck is where a full queue is followed by an empty one."""
    looks = [
        [Load(True, 1.0, 0.9, at * 10), Load(True, 0.9, 0.1, at * 9), Load(True, 0.1, 0.0, at * 9)] for at in range(4)
    ]
    assert find_bottleneck(looks, [True] * 3, [True, False, False]) == 1
    assert find_bottleneck(looks[:3], [True] * 3, [True, False, False]) is None
    assert find_bottleneck(looks, [True, False, True], [True, False, False]) == 2


# -- how far it is -------------------------------------------------------------------------------------


def watched(*sources: NanoNode[Any, Any]) -> tuple[Watch, Clock, Any]:
    """Return what watches a run of these sources into one sink, its clock, and the run."""
    sink = Doing(lambda row: [row], name="sink")
    for source in sources:
        _ = source > sink
    run = start_run(sink)
    clock = Clock()
    return Watch(run, clock), clock, run


def end(run: Any, *sources: Waiting) -> None:
    """Let sources come to their end, and wait for the run's."""
    for source in sources:
        source.turns.release(3)
    run.wait(WAIT_S)


def test_how_far_it_is_and_the_time_left() -> None:
    """The share is that of the rows given so far, and the time left is that of the rest at this pace."""
    source = Sized(SizeHint(4), name="read")
    watch, clock, run = watched(source)
    first = watch.look()
    assert (first.share_read, first.exact, first.left_s) == (0.0, True, None)
    source.turns.release()
    clock.now += 2
    seen = until_seen(watch, lambda found: found.share_read == 0.25)
    assert seen.left_s == 6.0
    clock.now += 2
    assert watch.look().left_s == 12.0
    end(run, source)
    assert (watch.look().share_read, watch.look().left_s) == (1.0, None)


def test_a_source_says_itself_what_is_done() -> None:
    """In its own unit, and an estimate makes the whole one."""
    source = Sized(SizeHint(1000, "bytes", exact=False), lambda: 250, name="read")
    watch, _, run = watched(source)
    seen = watch.look()
    end(run, source)
    assert (seen.share_read, seen.exact) == (0.25, False)


def test_what_has_not_ended_is_not_all_read() -> None:
    """Though all that was expected is there: more may come, and the last of it is still on its way."""
    source = Sized(SizeHint(10), lambda: 10, name="read")
    watch, _, run = watched(source)
    seen = watch.look()
    end(run, source)
    assert seen.share_read == 0.9999
    assert watch.look().share_read == 1.0


def test_the_source_that_is_least_far_counts() -> None:
    """Of several sources the run is as far as the last of them."""
    near, far = Sized(SizeHint(10), lambda: 9, name="near"), Sized(SizeHint(10), lambda: 2, name="far")
    watch, _, run = watched(near, far)
    seen = watch.look()
    end(run, near, far)
    assert seen.share_read == 0.2


def test_without_the_size_of_every_source_nothing_is_said() -> None:
    """One that does not know its size could go on for ever; once it has ended, it does not count."""
    known, unknown = Sized(SizeHint(10), lambda: 5, name="known"), Waiting(name="unknown")
    watch, _, run = watched(known, unknown)
    before = watch.look()
    unknown.turns.release(3)
    after = until_seen(watch, lambda found: found.share_read is not None)
    end(run, known)
    assert (before.share_read, after.share_read) == (None, 0.5)


def test_an_estimate_that_was_too_low_is_withdrawn() -> None:
    """Where more came than there was said to be, nobody knows how far it is."""
    source = Sized(SizeHint(2, exact=False), lambda: 3, name="read")
    watch, _, run = watched(source)
    seen = watch.look()
    end(run, source)
    assert (seen.share_read, seen.left_s) == (None, None)


def test_a_size_that_cannot_be_told_ends_no_run(caplog: pytest.LogCaptureFixture) -> None:
    """A node whose own code fails there is said so once, and its size is not known."""
    caplog.set_level(logging.WARNING, "nanotyped.watch")
    source = Sized(SizeHint(10), lambda: 1 // 0, name="read")
    watch, _, run = watched(source)
    seen = [watch.look().share_read for _ in range(3)]
    end(run, source)
    assert seen == [None] * 3
    assert caplog.messages == ["read: how much it gives is not known: ZeroDivisionError"]


def test_rates_are_those_of_the_last_seconds() -> None:
    """Rows a second are counted over three seconds, not from the start."""
    source = Sized(None, name="read")
    watch, clock, run = watched(source)
    watch.look()
    source.turns.release(2)
    clock.now += 1
    until_seen(watch, lambda found: found.nodes[0].rows_per_s == 2.0)
    clock.now += 3.5
    watch.look()
    clock.now += 3.5
    assert [node.rows_per_s for node in watch.look().nodes] == [0.0, 0.0]
    end(run, source)
