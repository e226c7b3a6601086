"""The examples of streams, each run as a user runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WAIT_S = 30.0
RUNNING_SUM = """\
stored 1
emitted 1
emitted -5
stored 3
emitted 2
stored 6
emitted 3
pairs [(1, 3), (3, 6)]
"""
INTO_A_PIPELINE = """\
86.0 °F
104.9 °F
3 readings converted
"""


@pytest.mark.parametrize(
    ("module", "printed"),
    [("examples.streams.running_sum", RUNNING_SUM), ("examples.streams.into_a_pipeline", INTO_A_PIPELINE)],
)
def test_examples_print_what_they_say(module: str, printed: str) -> None:
    """Each example runs to its end and prints its results in order."""
    command = [sys.executable, "-X", "utf8", "-W", "error", "-m", module]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=WAIT_S, check=False)
    assert (done.returncode, done.stdout) == (0, printed), done.stderr
