"""The examples of `examples/api`, run as a user does against a service with the rules of public APIs, and killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from examples.api.service import ISSUES, TOKEN, Service, issue, serve

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.mariadb import Database

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "api"
CONTACTS = (
    "CREATE TABLE contacts (id int unsigned PRIMARY KEY, email varchar(80) NOT NULL, name varchar(80),"
    " spent decimal(12,2) NOT NULL)"
)
ISSUES_TABLE = (
    "CREATE TABLE issues (id bigint PRIMARY KEY, number int unsigned NOT NULL, title varchar(256) NOT NULL,"
    " state enum('open','closed') NOT NULL, comments int unsigned NOT NULL, updated_at timestamp NOT NULL,"
    " closed_at timestamp NULL)"
)


def start(file: str, directory: Path, *more: str, **variables: str) -> subprocess.Popen[str]:
    """Start an example with a state, as a user does."""
    command = [sys.executable, "-m", "nanotyped", "run", str(EXAMPLES / file), "--state", "state", *more]
    return subprocess.Popen(
        command,
        cwd=directory,
        env={**os.environ, "API_TOKEN": TOKEN, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def kill_after(process: subprocess.Popen[str], is_time: Callable[[], bool]) -> None:
    """Kill a run with -9 once it is time; it must not have ended before."""
    ends_at = time.monotonic() + 30
    while not is_time():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < ends_at
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Return the exit status of a run, and what it said."""
    _, said = process.communicate(timeout=60)
    return process.returncode, said


def fill_contacts(database: Database) -> None:
    """Make a table of 1,500 contacts, of which the service does not take every hundredth."""
    database.execute(CONTACTS)
    values: list[str] = []
    for n in range(1, 1501):
        email = "nobody" if n % 100 == 50 else f"c{n}@example.com"
        name = "NULL" if n % 9 == 0 else f"'N {n}'"
        values.append(f"({n}, '{email}', {name}, {n}.50)")
    database.execute(f"INSERT INTO contacts VALUES {', '.join(values)}")


def check_contacts(service: Service, directory: Path) -> None:
    """See that each contact arrived under its one key, or is a dead letter."""
    refused = {f"shop-{n}" for n in range(50, 1501, 100)}
    assert set(service.contacts) == {f"shop-{n}" for n in range(1, 1501)} - refused
    assert len(service.keys) == len(service.contacts)
    letters = [json.loads(line) for line in (directory / "refused_contacts.jsonl").read_text().splitlines()]
    assert {f"shop-{letter['row']['id']}" for letter in letters} == refused == service.refused
    assert service.contacts["shop-8"] == {
        "reference": "shop-8",
        "email": "c8@example.com",
        "name": "N 8",
        "spent": "8.50",
        "key": service.contacts["shop-8"]["key"],
    }


@pytest.mark.timeout(180)
def test_contacts_are_pushed_and_a_killed_run_goes_on(database: Database, tmp_path: Path) -> None:
    """Of 1,500 contacts each arrives under its one key or is a dead letter, through a kill, a limit, failed items."""
    fill_contacts(database)
    service = Service()
    with serve(service) as url:
        variables = {"API_URL": url, "SHOP_URL": database.url}
        kill_after(start("contacts_to_api.yaml", tmp_path, **variables), lambda: len(service.contacts) >= 400)
        code, said = end(start("contacts_to_api.yaml", tmp_path, **variables))
    assert code == 3, said  # there are dead letters
    check_contacts(service, tmp_path)


def children_of(process: int) -> list[int]:
    """Return the processes that a process has started, the first one first."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        if int(fields[1]) == process:
            found.append((int(fields[19]), int(status.parent.name)))
    return [number for _, number in sorted(found)]


@pytest.mark.timeout(180)
def test_contacts_are_pushed_by_two_workers_one_of_which_is_killed(database: Database, tmp_path: Path) -> None:
    """The same file on several processes delivers the same: the part of a killed worker is done again."""
    fill_contacts(database)
    service = Service()
    with serve(service) as url:
        more = ("--engine", "dask", "--workers", "2", "--part-rows", "300")
        run = start("contacts_to_api.yaml", tmp_path, *more, API_URL=url, SHOP_URL=database.url)
        ends_at = time.monotonic() + 60
        while len(service.contacts) < 300:
            assert run.poll() is None, run.communicate()
            assert time.monotonic() < ends_at
            time.sleep(0.002)
        nanny, _ = children_of(run.pid)  # it starts a worker in the place of one that is killed
        os.kill(children_of(nanny)[-1], signal.SIGKILL)
        code, said = end(run)
    assert code == 3, said
    assert "is begun again on another one" in said
    check_contacts(service, tmp_path)


@pytest.mark.timeout(180)
def test_issues_are_pulled_and_a_killed_run_goes_on(database: Database, tmp_path: Path) -> None:
    """All issues are in the table, typed, through a kill; the next run asks for what came since, and no more."""
    database.execute(ISSUES_TABLE)
    service = Service()
    service.hold_after = 2
    with serve(service) as url:
        variables = {"API_URL": url, "SHOP_URL": database.url}
        stored = "SELECT count(*) FROM issues"
        kill_after(start("issues_to_mysql.yaml", tmp_path, **variables), service.held.is_set)
        assert database.execute(stored)[0][0] < ISSUES
        service.hold_after = None
        service.held.clear()
        service.let_go.set()
        code, said = end(start("issues_to_mysql.yaml", tmp_path, **variables))
        assert (code, database.execute(stored)) == (0, [(ISSUES,)]), said
        [row] = database.execute("SELECT * FROM issues WHERE number = 6")
        assert row == (
            10_000_000_006,
            6,
            "Issue 6 - näher besehen",
            "closed",
            6,
            datetime(2026, 1, 1, 6),
            datetime(2026, 1, 1, 6),
        )
        asked = service.requests
        service.issues.append(issue(ISSUES + 1))
        service.issues[0] = {**issue(1), "title": "Changed", "updated_at": "2027-01-01T00:00:00Z"}
        code, said = end(start("issues_to_mysql.yaml", tmp_path, **variables))
        assert (code, database.execute(stored)) == (0, [(ISSUES + 1,)]), said
        assert database.execute("SELECT title FROM issues WHERE number = 1") == [("Changed",)]
        assert service.requests == asked + 1
