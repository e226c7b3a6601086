"""SIGINT, SIGTERM and SIGHUP to a process that runs a pipeline."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

PROGRAM = textwrap.dedent("""
    import sys, threading
    from nanotyped import NanoNode, PipelineInterrupted

    stuck = len(sys.argv) > 1

    class Endless(NanoNode):
        given = 0

        def generator(self):
            while True:
                self.given += 1
                yield {"n": self.given}

        def cleanup(self):
            self.given += 1
            yield {"n": self.given}

    class Sink(NanoNode):
        taken = 0

        def process_item(self, row):
            self.taken = row.n
            if self.taken == 1:
                print("running", flush=True)
                if stuck:
                    while not source.stop_requested:
                        threading.Event().wait(0.005)
                    print("draining", flush=True)
                    threading.Event().wait(60)

    source, sink = Endless(), Sink(name="sink")
    source > sink
    try:
        source.run()
    except PipelineInterrupted as error:
        print(error, error.report.nodes[0].sent == source.given == sink.taken, flush=True)
        sys.exit(128 + error.signal_number)
    except Exception as error:
        print(type(error).__name__, flush=True)
""")


def started(*arguments: str) -> subprocess.Popen[str]:
    """Return a process whose pipeline runs."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "running\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_drains(number: signal.Signals) -> None:
    """After a first signal the source stops, all that it gave is delivered, cleanup too, and run() tells of it."""
    process = started()
    os.kill(process.pid, number)
    out, err = process.communicate(timeout=30)
    assert (out, err) == (f"interrupted by signal {number.value} True\n", "")
    assert process.returncode == 128 + number


def test_a_second_signal_aborts() -> None:
    """A second signal ends the run though a node stands still; the run was interrupted by the first."""
    process = started("stuck")
    os.kill(process.pid, signal.SIGINT)
    assert process.stdout is not None
    assert process.stdout.readline() == "draining\n"
    os.kill(process.pid, signal.SIGTERM)
    out, _ = process.communicate(timeout=30)
    assert out == "interrupted by signal 2 False\n"
    assert process.returncode == 128 + signal.SIGINT


HUNG = textwrap.dedent("""
    import sys, threading
    from nanotyped import NanoNode, PassThrough, PipelineInterrupted

    where = sys.argv[1]

    class Count(NanoNode):
        output_schema = {"n": "int"}

        def generator(self):
            for n in range(100_000):
                yield {"n": n}

    class Hang(NanoNode):
        def process_item(self, row):
            if row.n == 3 and where == self.name:
                print("running", flush=True)
                threading.Event().wait(60)
            yield row

    class Pause(NanoNode):
        def process_item(self, row):
            if row.n == 3 and where == self.name:
                print("running", flush=True)
                self.sleep(60)

    count, step, dead, alive = Count(name="count"), Hang(name="step"), Pause(name="dead"), Pause(name="alive")
    count > step > (dead, alive)
    try:
        count.run(grace_s=float(sys.argv[2]))
    except PipelineInterrupted as error:
        print(error, error.__cause__, flush=True)
        sys.exit(128 + error.signal_number)
""")


STUCK = "node `step` failed: TimeoutError: still busy 0.3 s after the stop (still busy after the grace time: `step`)"


@pytest.mark.parametrize(
    ("number", "where", "cause"),
    [
        (signal.SIGINT, "step", STUCK),
        (signal.SIGHUP, "step", STUCK),
        (signal.SIGTERM, "dead", None),  # its pause ends with the run
    ],
)
def test_a_node_that_hangs_has_the_grace_time(number: signal.Signals, where: str, cause: str | None) -> None:
    """After a first signal the run ends at the end of the grace time, and says which node all the others waited for."""
    process = subprocess.Popen(
        [sys.executable, "-c", HUNG, where, "0.3"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "running\n"
    began = time.monotonic()
    os.kill(process.pid, number)
    out, err = process.communicate(timeout=30)
    assert 0.3 <= time.monotonic() - began < 5
    assert err == f"not finished after 0.3 s: node `{where}` is still at work; stopping now\n"
    assert out == f"interrupted by signal {number.value} {cause}\n"
    assert process.returncode == 128 + number
