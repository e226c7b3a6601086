"""The examples of the node library, each run as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "nodes"
WAIT_S = 30.0


def test_environment_variables_are_printed(tmp_path: Path) -> None:
    """Variables become columns, a missing one a null, and the printer shows them over several lines."""
    variables = {name: value for name, value in os.environ.items() if name != "SHOP_CITY"} | {"HOME": "/home/ada"}
    command = [sys.executable, "-m", "nanotyped", "run", str(EXAMPLES / "environment.yaml")]
    done = subprocess.run(
        command, cwd=tmp_path, env=variables, capture_output=True, text=True, timeout=WAIT_S, check=False
    )
    assert (done.returncode, done.stdout) == (
        0,
        "environment: {\n    'home': '/home/ada',\n    'city': None,\n}\n",
    ), done.stderr


@pytest.fixture
def incoming(tmp_path: Path) -> Path:
    """Return the directory that the example watches, with an old file."""
    (tmp_path / "incoming").mkdir()
    (tmp_path / "incoming" / "old.csv").write_text("n\n0\n")
    return tmp_path / "incoming"


def test_a_directory_is_watched_and_its_files_are_printed(incoming: Path) -> None:
    """New files come out record by record while it runs; a broken one is kept; Ctrl-C ends it, and a state goes on."""
    command = [sys.executable, "-m", "nanotyped", "run", str(EXAMPLES / "watch_csv.yaml"), "--state", "state"]

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(command, cwd=incoming.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    process = start()
    assert process.stdout is not None
    deadline = time.monotonic() + WAIT_S
    while not (incoming.parent / "state").exists() and time.monotonic() < deadline:
        time.sleep(0.05)  # it stands once the files before the start are noted
    (incoming / "broken.csv").write_text("grain,sacks\nrye\n")
    (incoming / "grain.csv").write_text('grain,sacks\nrye,3\n"oats, rolled",5\n')
    assert process.stdout.readline() == "{'grain': 'rye', 'sacks': '3'}\n"
    assert process.stdout.readline() == "{'grain': 'oats, rolled', 'sacks': '5'}\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=WAIT_S)
    assert (process.returncode, out) == (130, ""), err
    letters = [json.loads(line) for line in (incoming.parent / "broken.jsonl").read_text().splitlines()]
    assert [letter["row"]["file"] for letter in letters] == ["incoming/broken.csv"]

    (incoming / "more.csv").write_text("grain,sacks\nspelt,1\n")
    process = start()
    assert process.stdout is not None
    assert process.stdout.readline() == "{'grain': 'spelt', 'sacks': '1'}\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=WAIT_S)[0] == ""


def test_lengths_are_tested() -> None:
    """A node of one's own stands between an emitter and a printer."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / "lengths.py")], capture_output=True, text=True, timeout=WAIT_S, check=False
    )
    lines = ["short enough: {'word': 'rye', 'length': 3}", "short enough: {'word': 'oats', 'length': 4}"]
    assert (done.returncode, done.stdout.splitlines()) == (0, [*lines * 2, "6 words, 4 of them short enough"]), (
        done.stderr
    )


def test_a_frozen_composite_stands_in_a_pipeline(tmp_path: Path) -> None:
    """Its outer options reach its parts, what is frozen holds, and the status names the parts."""
    (tmp_path / "stock").mkdir()
    (tmp_path / "stock" / "grain.csv").write_text('grain;sacks\nrye;3\n"oats; rolled";5\n')
    (tmp_path / "stock" / "tools.csv").write_text("tool\nscale\n")
    words = ["run", str(EXAMPLES / "composite.yaml"), "--composite", str(EXAMPLES / "csv_records.yaml")]
    command = [sys.executable, "-m", "nanotyped", *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=WAIT_S, check=False)
    assert (done.returncode, done.stdout.splitlines()) == (
        0,
        ["{'grain': 'rye', 'sacks': '3'}", "{'grain': 'oats; rolled', 'sacks': '5'}", "{'tool': 'scale'}"],
    ), done.stderr
    nodes = [line.split()[0] for line in done.stderr.splitlines()[2:-1]]
    assert nodes == ["files", "records.read", "records.parse", "show"]


def test_letters_go_from_the_inbox_to_the_outbox(tmp_path: Path) -> None:
    """Each file that comes is read, worked on and written whole; those from between two runs are taken by a state."""
    inbox, outbox = tmp_path / "inbox", tmp_path / "outbox"
    inbox.mkdir()
    outbox.mkdir()
    (inbox / "old.txt").write_text("of 1066")
    command = [sys.executable, "-m", "nanotyped", "run", str(EXAMPLES / "letters.yaml"), "--state", "state"]

    def run_until_there_are(count: int, letter: str | None = None) -> list[str]:
        process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + WAIT_S
        while not (tmp_path / "state").exists() and time.monotonic() < deadline:
            time.sleep(0.05)  # it stands once the files before the start are noted
        if letter is not None:
            (inbox / "letter.txt").write_text(letter)
        while len(list(outbox.glob("[!.]*"))) < count and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=WAIT_S)
        assert (process.returncode, out) == (130, ""), err
        return sorted(path.read_text() for path in outbox.iterdir())

    assert run_until_there_are(1, "pay 250\nby 12 May\n") == ["pay ###\nby ## May\n"]
    (inbox / "three.txt").write_text("call 555")
    assert run_until_there_are(2) == ["call ###", "pay ###\nby ## May\n"]
