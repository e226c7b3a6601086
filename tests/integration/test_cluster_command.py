"""`nanotyped run --engine dask` and `plan` at a terminal: what is said, and with which exit status."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from nanotyped.cli import main

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.cluster import DaskCluster

ROWS = 3000
FILE = """\
pipeline_name: Orders
nodes:
  orders:
    class: StreamTable
    options: {url: "sqlite:///shop.db", table: orders}
  paid: {class: Filter, options: {test: value_is_not_none, key: paid}}
  archive: {class: WriteRows, options: {path: archive.csv, segments: true}}
paths: [[orders, paid, archive]]
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a working directory with a table and a pipeline."""
    with closing(sqlite3.connect(tmp_path / "shop.db")) as shop, shop:
        shop.execute("CREATE TABLE orders (id integer PRIMARY KEY, total integer NOT NULL, paid integer)")
        shop.executemany("INSERT INTO orders VALUES (?, ?, ?)", ((n, n * 3, n % 3 or None) for n in range(1, ROWS + 1)))
    (tmp_path / "orders.yaml").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def absolute(folder: Path) -> None:
    """Let the file name its table by a whole path: the workers of the cluster are in another directory."""
    (folder / "orders.yaml").write_text(FILE.replace("sqlite:///shop.db", f"sqlite:///{folder}/shop.db"))


def test_a_run_on_a_cluster(dask_cluster: DaskCluster, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It says what the parts are, and ends with the table of all nodes; the report and the state are of all of it."""
    absolute(folder)
    words = ["run", "orders.yaml", "--engine", "dask", "--scheduler", dask_cluster.address, "--part-rows", "500"]
    assert main([*words, "--state", "state", "--report", "report.json"]) == 0
    said = capsys.readouterr().err.splitlines()
    assert said[:4] == [
        f"orders.yaml: looking for workers at {dask_cluster.address}",
        "orders.yaml: `orders`: 6 parts of about 500 rows, by ranges of `id`, 2 at a time",
        f"orders.yaml: Dask's dashboard is at {said[2].rpartition(' ')[2]}",
        "orders.yaml: running 3 nodes",
    ]
    assert said[-1].startswith("orders.yaml: success in ")
    table = {line.split()[0]: line.split()[2:8] for line in said[4:-1]}
    assert table["orders"][1] == table["paid"][0] == f"{ROWS:,}"
    assert table["archive"][0] == f"{ROWS * 2 // 3:,}"
    report = json.loads((folder / "report.json").read_text())
    assert [node["emitted"] + node["processed"] for node in report["nodes"]] == [ROWS, ROWS, ROWS * 2 // 3]
    assert report["conservation"] == {"holds": True, "differences": []}
    assert main(["check", "orders.yaml", "--state", "state"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        "nanotyped: state `state/state.sqlite` is of a run with --engine dask: `nanotyped run` goes on with it with"
        " --engine dask"
    )
    assert main(["state", "show", "state"]) == 0
    assert capsys.readouterr().out.splitlines()[2:] == ["next run  begins anew", "`orders`  came to its end"]


def test_a_plan_for_programs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As JSON it holds every part, and where each node runs and why."""
    assert main(["plan", "orders.yaml", "--workers", "2", "--part-rows", "1000", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(node["node"], node["where"], node["reason"]) for node in found["nodes"]] == [
        ("orders", "workers", None),
        ("paid", "workers", None),
        ("archive", "coordinator", "it numbers its files one after the other"),
    ]
    [segment] = found["segments"]
    assert segment["parts"] == [{"name": f"`id` up to {end}", "rows": 1000} for end in (1000, 2000, 3000)]
    assert (found["resumes"], segment["returning"]) == (True, ["paid"])


def test_what_cannot_be_split_is_refused_at_its_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By `plan` and by `run`, before anything is started, with the reason and what to do."""
    text = "nodes:\n  numbers: {class: CounterOfThings, options: {end: 3}}\n  show: {class: PrinterOfThings}\n"
    (folder / "counts.yaml").write_text(f"{text}paths: [[numbers, show]]\n")
    for words in (["plan", "counts.yaml"], ["run", "counts.yaml", "--engine", "dask"]):
        assert main(words) == 2
        assert capsys.readouterr().err.splitlines()[0] == (
            "counts.yaml:2:3: no source can be split, so there is nothing for several workers to do: `numbers`:"
            " CounterOfThings has no split(), which says what its parts are. Hint: run it without --engine dask"
        )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--workers", "2"], "nanotyped: --workers needs --engine dask"),
        (["--scheduler", "tcp://127.0.0.1:1"], "nanotyped: --scheduler needs --engine dask"),
        (["--engine", "dsak"], "nanotyped: argument --engine: unknown engine `dsak`; did you mean `dask`?"),
        (["--engine", "dask", "--workers", "0"], "nanotyped: argument --workers: `0` is no whole number from 1"),
        (["--engine", "dask", "--trace"], "nanotyped: --trace tells of one process, and goes with --engine threads"),
    ],
)
def test_options_that_do_not_go_together(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    """They are usage errors, told at once."""
    assert main(["run", "orders.yaml", *words]) == 2
    assert capsys.readouterr().err.splitlines()[0] == said


def test_a_scheduler_elsewhere_demands_tls(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whether the command names it or the file, and it says so."""
    reason = (
        "tcp://10.0.0.1:8786 is on another machine, and what is sent there can be read and changed on the way;"
        " use tls:// with `security`"
    )
    assert main(["run", "orders.yaml", "--engine", "dask", "--scheduler", "tcp://10.0.0.1:8786"]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == f"nanotyped: --scheduler: {reason}"
    (folder / "orders.yaml").write_text(FILE + 'cluster: {scheduler: "tcp://10.0.0.1:8786"}\n')
    assert main(["check", "orders.yaml"]) == 2
    assert capsys.readouterr().err.splitlines()[0] == f"orders.yaml:9:22: {reason}"


def test_every_mistake_of_the_section_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With its line, as of all other sections."""
    (folder / "orders.yaml").write_text(FILE + "cluster:\n  worker: 3\n  part_rows: 0\n  security: {tls_ca: a.pem}\n")
    assert main(["check", "orders.yaml"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "orders.yaml:10:3: unknown key `worker`; did you mean `workers`?",
        "orders.yaml:11:14: `part_rows`: it should be greater than or equal to 1",
        "orders.yaml:12:3: `tls_cert` is missing",
        "orders.yaml:12:3: `tls_key` is missing",
        "4 problems",
    ]


def test_a_pipeline_that_cannot_go_on_is_refused_before_a_worker_is_started(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The nodes at the coordinator have a say; parts are begun again."""
    (folder / "orders.yaml").write_text(FILE.replace(", segments: true", ""))
    assert main(["run", "orders.yaml", "--engine", "dask", "--state", "state"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("orders.yaml:7:3: node `archive` cannot be resumed: ")
