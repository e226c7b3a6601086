"""Run all benchmarks, in turn and several rounds over, and write ``benchmarks/RESULTS.md``."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from benchmarks.shop import create_orders
from tests.support.mariadb import MariaDBServer

RESULTS = Path(__file__).with_name("RESULTS.md")
ROOT = Path(__file__).parent.parent
LATENCY_MS = 20


@dataclass(frozen=True)
class Job:
    """One benchmark: a module, its peers, the first of which the others are compared with, and their arguments."""

    title: str
    module: str
    base: str
    peers: Sequence[str]
    arguments: Sequence[str]
    rows: dict[str, int]
    goal: str


def run_once(job: Job, peer: str, rows: int) -> dict[str, float]:
    """Run one peer in a process of its own and return what it measured."""
    command = [sys.executable, "-m", f"benchmarks.{job.module}", peer, *job.arguments, str(rows)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{job.module} {peer} failed:\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def run_job(job: Job, rounds: int) -> list[str]:
    """Run all peers of a job in turn, ``rounds`` times over, and return the lines of its table."""
    got: dict[str, list[dict[str, float]]] = {peer: [] for peer in job.peers}
    for number in range(rounds):
        for peer in job.peers:
            print(f"  {job.title}: {peer}, round {number + 1} of {rounds}", file=sys.stderr, flush=True)
            got[peer].append(run_once(job, peer, job.rows[peer]))
    speed = {peer: [run["rows"] / run["seconds"] for run in runs] for peer, runs in got.items()}
    lines = [
        f"## {job.title}",
        "",
        f"Goal: {job.goal}",
        "",
        "| | rows | rows/s (median) | min - max | times the base | peak MB | grown MB |",
        "|---|---:|---:|---:|---:|---:|---:|",
    ]
    for peer, runs in got.items():
        ratio = statistics.median(a / b for a, b in zip(speed[peer], speed[job.base], strict=True))
        peak = statistics.median(run["peak_mb"] for run in runs)
        grown = statistics.median(run["grown_mb"] for run in runs)
        lines.append(
            f"| {peer} | {job.rows[peer]:,} | {statistics.median(speed[peer]):,.0f} | "
            f"{min(speed[peer]):,.0f} - {max(speed[peer]):,.0f} | {ratio:.2f} | {peak:.0f} | {grown:.0f} |"
        )
    return [*lines, ""]


@contextmanager
def sink_server(latency_ms: int = 0) -> Iterator[str]:
    """Start the API in a process of its own; gives its URL."""
    command = [sys.executable, "-m", "benchmarks.sink_server", str(latency_ms)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield process.stdout.readline().strip()
        process.stdin.close()


def memory_lines(rounds: int) -> list[str]:
    """Return the table of the peak memory of a short and a long run."""
    job = Job("", "passthrough", "nanotyped", ["nanotyped"], [], {}, "")
    peaks = {
        rows: statistics.median(run_once(job, "nanotyped", rows)["peak_mb"] for _ in range(rounds))
        for rows in (10_000, 1_000_000)
    }
    grown = peaks[1_000_000] - peaks[10_000]
    return [
        "## Memory: 4 nodes in 4 threads",
        "",
        "Goal: grows by less than 20 MB from 10,000 rows to a million.",
        "",
        "| rows | peak MB |",
        "|---:|---:|",
        *(f"| {rows:,} | {peak:.1f} |" for rows, peak in peaks.items()),
        f"| grown by | {grown:.1f} |",
        "",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=200_000)
    chosen = parser.parse_args()
    rows = chosen.rows
    lines = [
        "# Results",
        "",
        "Written by `make bench`. Every peer runs in a process of its own, in turn with the others; ratios are the",
        "median of the rounds, each against the base of the same round. Absolute figures are one machine's, one day's.",
        "",
        f"CPython {platform.python_version()}, {os.cpu_count()} cores, {chosen.rounds} rounds; "
        + ", ".join(f"{name} {version(name)}" for name in ("msgspec", "pydantic", "pymysql", "requests", "streamz")),
        "",
    ]
    passing = Job(
        "Pass-through: 8 columns, 4 nodes in 4 threads",
        "passthrough",
        "streamz",
        ["nanotyped", "own", "streamz", "threads"],
        [],
        {"nanotyped": rows * 5, "own": rows * 5, "streamz": rows // 2, "threads": rows // 2},
        "at least 8 times streamz",
    )
    lines += run_job(passing, chosen.rounds)
    goals = {"values": "0.9 M rows/s, or twice pydantic", "text": "0.4 M rows/s, or level with pydantic"}
    for given, goal in goals.items():
        peers = [given, f"pydantic_{given}", f"msgspec_{given}"]
        checking = Job(
            f"Validation of {given}: 12 columns, batches of 1000",
            "validation",
            f"pydantic_{given}",
            peers,
            [],
            dict.fromkeys(peers, rows * 5),
            f"at least {goal}'s `TypeAdapter(list[tuple])`; what each checks is in `benchmarks/validation.py`",
        )
        lines += run_job(checking, chosen.rounds)
    peers = ["nanotyped", "streamz", "calls"]
    pushing = Job(
        "A stream: map, map, filter, sink, one element at a time",
        "streams",
        "streamz",
        peers,
        [],
        {"nanotyped": rows * 5, "streamz": rows, "calls": rows * 5},
        "at least 3 times streamz",
    )
    lines += run_job(pushing, chosen.rounds)
    spreading = Job(
        "50 µs of Python for each row: threads, and worker processes",
        "many_workers",
        "workers_1",
        ["workers_1", "workers_2", "threads"],
        [],
        {"workers_1": rows, "workers_2": rows, "threads": rows},
        "2 workers at least 1.7 times one; one at least 0.8 times threads",
    )
    lines += run_job(spreading, chosen.rounds)
    parting = Job(
        "Parts of no rows, on 2 workers: what it costs to send one out",
        "many_workers",
        "cost",
        ["cost"],
        [],
        {"cost": 500},
        "no goal; a row is a part here",
    )
    lines += run_job(parting, min(3, chosen.rounds))
    with MariaDBServer() as server, sink_server() as api:
        database = server.create_database()
        create_orders(database, rows)
        every = {"nanotyped": rows, "pymysql": rows, "script": rows}
        reading = Job(
            "MySQL to checked rows: 12 columns",
            "mysql_read",
            "pymysql",
            ["nanotyped", "pymysql"],
            [database.url],
            every,
            "at least 2.5 times PyMySQL's SSCursor, which checks nothing",
        )
        sending = Job(
            "MySQL to JSON to HTTP: 12 columns, batches of 500",
            "mysql_to_api",
            "script",
            ["nanotyped", "script"],
            [database.url, api],
            every,
            "at least 3.5 times a script of PyMySQL, json and requests",
        )
        lines += run_job(reading, chosen.rounds)
        lines += run_job(sending, chosen.rounds)
    with sink_server(LATENCY_MS) as api:
        waiting = ["workers_8", "workers_1", "script"]
        slow = Job(
            f"An API that takes {LATENCY_MS} ms: batches of 10",
            "slow_api",
            "workers_1",
            waiting,
            [api],
            dict.fromkeys(waiting, 3000),
            "8 workers at least 6 times one",
        )
        lines += run_job(slow, chosen.rounds)
    lines += memory_lines(min(3, chosen.rounds))
    RESULTS.write_text("\n".join(lines), encoding="utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
