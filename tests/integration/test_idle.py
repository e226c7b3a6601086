"""What a pipeline costs that has nothing to do: under 5 % of a core, with the table on a terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path
from typing import IO

import pytest

MEASURED_S = 1.0
MOST_SHARE = 0.05

NODES = """\
from nanotyped.node import NanoNode
from nanotyped.registry import register_node

@register_node
class Wait(NanoNode):
    output_schema = {"n": "int"}
    def generator(self):
        yield {"n": 1}
        while not self.stop_requested:
            self.sleep(60)

@register_node
class Poll(NanoNode):
    output_schema = {"n": "int"}
    def generator(self):
        yield {"n": 1}
        while not self.stop_requested:
            self.sleep(0.1)

@register_node
class Show(NanoNode):
    def process_item(self):
        print("came", flush=True)

@register_node
class Hold(NanoNode):
    def process_item(self):
        print("came", flush=True)
        while not self.stop_requested:
            self.sleep(60)
"""

MANY = [f"node{place}" for place in range(20)]
PIPELINES = {
    "a source that polls": "wait: {class: Poll}\n  show: {class: Show}\npaths: [[wait, show]]",
    "a directory where nothing comes": (
        "wait: {class: LocalDirectoryWatchdog, options: {directory: inbox}}\n  show: {class: Show}\n"
        "  emit: {class: Poll}\npaths: [[wait, show], [emit, show]]"
    ),
    "a sink that waits": "wait: {class: Wait}\n  hold: {class: Hold}\npaths: [[wait, hold]]",
    "windows, workers and many nodes": (
        "wait: {class: Wait}\n  show: {class: Show, options: {workers: 4}}\n"
        "  window: {class: TimeWindowAccumulator, options: {time_window: 60, send_interval: 0.5, output_key: w}}\n"
        "  gather: {class: BatchMessages, options: {timeout: 60, output_key: b}}\n"
        "  end: {class: PrinterOfThings, options: {disable: true}}\n"
        + "".join(f"  {name}: {{class: PrinterOfThings, options: {{disable: true}}}}\n" for name in MANY)
        + f"paths: [[wait, {', '.join(MANY)}, show], [wait, window, end], [wait, gather, end]]"
    ),
}


def seconds_of_cpu(process: subprocess.Popen[bytes]) -> float:
    """Return what a process, all of its threads, had of the processors so far."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def drained(terminal: int) -> threading.Thread:
    """Read what is written to a terminal, as one does that shows it."""

    def read() -> None:
        try:
            while os.read(terminal, 65536):
                pass
        except OSError:  # Linux's way to say that the last writer is gone
            pass

    thread = threading.Thread(target=read)
    thread.start()
    return thread


def share_of_a_core(process: subprocess.Popen[bytes], stdout: IO[bytes]) -> float:
    """Return what a run takes of one core once its first row has come to its end."""
    assert stdout.readline() == b"came\n"
    threading.Event().wait(0.3)  # for what is done once
    before, began = seconds_of_cpu(process), time.monotonic()
    threading.Event().wait(MEASURED_S)
    return (seconds_of_cpu(process) - before) / (time.monotonic() - began)


@pytest.mark.parametrize("name", PIPELINES)
def test_an_idle_pipeline_takes_next_to_nothing_of_a_core(tmp_path: Path, name: str) -> None:
    """Whoever waits, under 5 % of a core goes into it, the table that redraws itself included."""
    (tmp_path / "mill.py").write_text(NODES)
    (tmp_path / "inbox").mkdir()
    (tmp_path / "p.yaml").write_text(f"nodes:\n  {PIPELINES[name]}\n")
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 100, 0, 0))
    words = ["run", "p.yaml", "--module", "mill", "--progress", "table", "--grace", "5"]
    with subprocess.Popen(
        [sys.executable, "-m", "nanotyped", *words],
        cwd=tmp_path,
        env={**os.environ, "TERM": "xterm"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=end,
    ) as process:
        os.close(end)
        reader = drained(terminal)
        try:
            assert process.stdout is not None
            share = share_of_a_core(process, process.stdout)
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 143
        finally:
            process.kill()
            reader.join()
            os.close(terminal)
    assert share < MOST_SHARE
