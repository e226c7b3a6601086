"""The demo, as ``make demo`` runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_demo_refuses_a_pipeline_runs_another_and_leaves_nothing_running() -> None:
    """A stranger sees a pipeline refused with all its mistakes, then one that delivers every paid order."""
    done = subprocess.run(
        [sys.executable, "-m", "examples.demo.run"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert "$ nanotyped check --connect examples/demo/refused.yaml" in lines
    assert [line.partition(": ")[2] for line in lines if "refused.yaml:" in line] == [
        "node `rename`: there is no column `totl`. Hint: did you mean `total`?",
        "Expected `int unsigned`, got `bigint unsigned` (it may be above 4294967295) - at `rename → post` $.order_id. "
        "Hint: declare it `bigint unsigned`, or put a Cast to `int unsigned` between them that says what may be lost",
        "Expected `timestamp(6)`, got `timestamp(6) null` (it may be null) - at `rename → post` $.paid_at. "
        "Hint: drop the nulls first: Filter(test='value_is_not_none', key='paid_at')",
        "Expected `varchar(100)`, got `varchar(200)` (it may have 200 characters, 100 fit) - at `rename → post` $.note."
        " Hint: declare it `varchar(200)`, or put a Cast to `varchar(100)` between them that says what may be lost",
    ]
    assert "The API took 18,000 orders in" in done.stdout
    assert "899,600,000.00 in total" in done.stdout
