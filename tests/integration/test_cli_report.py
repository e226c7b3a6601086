"""`run --report FILE`, and what programs are told of a pipeline that is refused."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from nanotyped.cli import main
from tests.integration.test_cli import run

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "sesame-4711"
PIPELINE = """\
pipeline_name: mill
nodes:
  read:
    class: ReadRows
    options: {path: in.csv%s}
    output_schema: {n: int, name: varchar(12)}
  write: {class: WriteRows, options: {path: out.jsonl, segments: true}}
paths: [[read, write]]
"""
LETTERS = ", dead_letter: dead.jsonl"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a file of two right rows and a wrong one."""
    (tmp_path / "in.csv").write_text(f"n,name\n1,{SECRET}\nx,{SECRET}\n3,c\n")
    return tmp_path


def report(folder: Path, pipeline: str, *words: str) -> tuple[int, dict[str, Any], str]:
    """Return the exit status of a run, its report, and what it wrote to stderr; no value of a row is in the report."""
    (folder / "p.yaml").write_text(pipeline)
    status, _, err = run(folder, "run", "p.yaml", "--report", "report.json", *words)
    text = (folder / "report.json").read_text()
    assert SECRET not in text
    found: dict[str, Any] = json.loads(text)
    assert found["exit_status"] == status
    assert [path.name for path in folder.iterdir() if path.name.endswith(".part")] == []
    return status, found, err


def test_a_report_says_what_became_of_a_run(folder: Path) -> None:
    """Counters, rates, conservation, dead letters and state, by node; the times are those of the run."""
    status, found, _ = report(folder, PIPELINE % LETTERS, "--state", "state")
    assert (status, found["status"], found["format"], found["signal"]) == (3, "dead_letters", 1, None)
    assert (found["pipeline"], found["file"], len(found["run"])) == ("mill", "p.yaml", 32)
    assert found["conservation"] == {"holds": True, "differences": []}
    assert found["dead_letters"] == {"rows": 1, "files": ["dead.jsonl"]}
    assert found["state"] == {"directory": "state", "resumed": False}
    assert (found["error"], found["problems"]) == (None, [])
    assert [*found["fingerprint"]] == ["`read`", "`write`", "the graph"]
    began, ended = (datetime.fromisoformat(found[name]) for name in ("started_at", "ended_at"))
    assert (ended - began).total_seconds() == pytest.approx(found["seconds"], abs=0.002)
    read, write = found["nodes"]
    names = ("emitted", "received", "sent", "processed", "filtered", "rejected", "skipped", "dead", "retried")
    assert [read[name] for name in names] == [3, 0, 2, 0, 0, 1, 0, 1, 0]
    assert [write[name] for name in names] == [0, 2, 0, 2, 0, 0, 0, 0, 0]
    assert (read["name"], read["class_name"], read["status"], read["queue_rows"]) == ("read", "ReadRows", "success", 0)
    assert read["rows_per_s"] is None or read["rows_per_s"] > 0
    letter = json.loads((folder / "dead.jsonl").read_text())
    assert letter["run"] == found["run"]


def test_a_run_that_fails_has_a_report_too(folder: Path) -> None:
    """It names the node, the error and where, in the words of the log for programs."""
    status, found, _ = report(folder, PIPELINE % "")
    assert (status, found["status"]) == (1, "failed")
    assert found["error"] == {"node": "read", "error": "RowError", "row": 2, "column": "n", "stuck": []}
    assert found["nodes"][0]["status"] == "error"


def test_a_run_that_is_refused_has_a_report_too(folder: Path) -> None:
    """Nothing ran; every problem is there with its code, file, line and column, and the report before is replaced."""
    report(folder, PIPELINE % LETTERS)
    status, found, _ = report(folder, PIPELINE.replace("[read, write]", "[read, write, more]") % "")
    assert (status, found["status"], found["run"], found["nodes"]) == (2, "refused", None, [])
    [problem] = found["problems"]
    assert (problem["code"], problem["file"], problem["line"]) == ("NT401", "p.yaml", 8)
    assert "more" in problem["message"]
    (folder / "in.csv").unlink()
    status, found, _ = report(folder, PIPELINE % "")
    assert (status, [problem["code"] for problem in found["problems"]]) == (2, ["NT504"])
    status, found, _ = report(folder, PIPELINE % "", "--module", "absent_module")
    assert (status, found["status"], found["error"]["error"]) == (2, "refused", "ModuleNotFoundError")


def test_a_run_that_a_signal_ends_has_a_report_too(folder: Path) -> None:
    """It names the signal, with what was done until then."""
    (folder / "own.py").write_text(
        "import os, signal\nfrom nanotyped import NanoNode, register_node\n\n@register_node\n"
        "class Stop(NanoNode):\n    output_schema = {'n': 'int'}\n    def generator(self):\n"
        "        yield {'n': 1}\n        os.kill(os.getpid(), signal.SIGTERM)\n"
        "        while not self.stop_requested:\n            self.sleep(0.01)\n"
    )
    pipeline = (
        "nodes:\n  stop: {class: Stop}\n  write: {class: WriteRows, options: {path: out.csv}}\npaths: [[stop, write]]\n"
    )
    status, found, _ = report(folder, pipeline, "--module", "own")
    assert (status, found["status"], found["signal"], found["error"]) == (143, "interrupted", "SIGTERM", None)
    assert [node["sent"] + node["received"] for node in found["nodes"]] == [1, 1]


@pytest.mark.parametrize("place", ["absent/report.json", "/dev/full", "."])
def test_a_report_that_cannot_be_written_is_refused_before_the_run(folder: Path, place: str) -> None:
    """Nothing has run then, and it is told once."""
    (folder / "p.yaml").write_text(PIPELINE % LETTERS)
    status, _, err = run(folder, "run", "p.yaml", "--report", place)
    assert status == 2
    assert err.startswith(f"nanotyped: --report: cannot write {place}: ")
    assert err.count("\n") == 1
    assert not (folder / "dead.jsonl").exists()


@pytest.mark.parametrize(
    ("place", "why"),
    [
        ("p.yaml", "p.yaml is the pipeline's own file"),
        ("state/report.json", "state/report.json is in the state"),
        ("in.csv", "in.csv is a file of node `read`"),
        ("dead.jsonl", "dead.jsonl is a file of node `read`"),
        ("out.jsonl", "out.jsonl is a file of node `write`"),
    ],
)
def test_a_report_takes_the_place_of_no_other_file(folder: Path, place: str, why: str) -> None:
    """It is refused before anything runs, and every file is as it was."""
    (folder / "p.yaml").write_text(PIPELINE % LETTERS)
    before = {path.name: path.read_text() for path in folder.iterdir()}
    status, _, err = run(folder, "run", "p.yaml", "--state", "state", "--report", place)
    assert (status, err) == (2, f"nanotyped: --report: {why}; give the report a file of its own\n")
    assert {path.name: path.read_text() for path in folder.iterdir()} == before


def test_a_report_wants_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    """Stdout belongs to the nodes."""
    assert main(["run", "p.yaml", "--report", "-"]) == 2
    assert "argument --report: name a file: stdout is for what nodes print" in capsys.readouterr().err


def refused(folder: Path, pipeline: str, *words: str) -> tuple[int, list[dict[str, Any]]]:
    """Return the exit status of a run that does not begin, and what programs are told of it."""
    (folder / "p.yaml").write_text(pipeline)
    status, _, err = run(folder, "run", "p.yaml", "--log-format", "json", *words)
    return status, [json.loads(line) for line in err.splitlines()]


def test_programs_are_told_every_problem_of_a_file(folder: Path) -> None:
    """One record a problem, with code, file, line, column and message; the exit status is that of the text."""
    text = (PIPELINE % "").replace("int,", "intt,").replace("WriteRows", "WriteRow")
    status, found = refused(folder, text)
    assert status == 2
    assert [(record["level"], record["logger"], record["code"], record["file"]) for record in found] == [
        ("error", "nanotyped.check", "NT205", "p.yaml"),
        ("error", "nanotyped.check", "NT201", "p.yaml"),
    ]
    assert [(record["line"], record["column"]) for record in found] == [(6, 24), (7, 18)]
    assert found[1]["message"].startswith("no node class is registered as `WriteRow`")


def test_programs_are_told_what_the_graph_finds(folder: Path) -> None:
    """The code is the class of the problem; what is live is told alike; a state that does not fit is one record."""
    needs = PIPELINE.replace("segments: true}}", "segments: true}, input_schema: {n: date}}")
    status, found = refused(folder, needs % "")
    assert (status, [record["code"] for record in found]) == (2, ["NT501"])
    assert refused(folder, PIPELINE % LETTERS, "--state", "state")[0] == 3
    status, found = refused(folder, PIPELINE.replace("varchar(12)", "varchar(13)") % LETTERS, "--state", "state")
    assert (status, [record["code"] for record in found]) == (2, ["StateError"])
    (folder / "in.csv").unlink()
    status, found = refused(folder, PIPELINE % "")
    assert (status, [record["code"] for record in found]) == (2, ["NT504"])
    assert found[0]["message"] == "node `read`: cannot read in.csv: No such file or directory"


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_report_that_cannot_be_written_at_the_end_fails_a_success(folder: Path, form: str) -> None:
    """Its directory was removed by the run: who waits for the report must know, people and programs alike."""
    (folder / "own.py").write_text(
        "import os\nfrom nanotyped import NanoNode, register_node\n\n@register_node\n"
        "class Remove(NanoNode):\n    output_schema = {'n': 'int'}\n    def generator(self):\n"
        "        os.rmdir('reports')\n        yield {'n': 1}\n"
    )
    (folder / "reports").mkdir()
    (folder / "p.yaml").write_text(
        "nodes:\n  remove: {class: Remove}\n  write: {class: WriteRows, options: {path: out.csv}}\n"
        "paths: [[remove, write]]\n"
    )
    found, _, err = run(folder, "run", "p.yaml", "--module", "own", "--report", "reports/r.json", "--log-format", form)
    reason = "--report: cannot write reports/r.json: No such file or directory"
    last = err.splitlines()[-1]
    assert (found, (folder / "out.csv").exists()) == (1, True)
    assert (json.loads(last)["message"] if form == "json" else last.removeprefix("nanotyped: ")) == reason


FAULTY = f"""\
from nanotyped.node import NanoNode
from nanotyped.registry import register_node

@register_node
class Faulty(NanoNode):
    def generator(self):
        yield {{"n": 1}}
    def resume_problem(self):
        raise KeyError("{SECRET}")
"""


def test_a_fault_of_the_program_is_told_without_its_text(folder: Path) -> None:
    """Logs and reports for programs have its class and its place in the code; people are told all of it."""
    (folder / "faulty.py").write_text(FAULTY)
    pipeline = "nodes:\n  a: {class: Faulty}\n  b: {class: PrinterOfThings}\npaths: [[a, b]]\n"
    words = ("--state", "state", "--module", "faulty")
    status, found, err = report(folder, pipeline, *words)
    place = "internal error: KeyError at faulty.py:9 in resume_problem"
    assert (status, found["status"], found["error"]) == (
        1,
        "failed",
        {"node": None, "error": "KeyError", "reason": place},
    )
    assert err == f"nanotyped: internal error: KeyError: '{SECRET}'\nnanotyped: with --traceback it shows where\n"
    for more in ((), ("--traceback",)):
        _, _, err = report(folder, pipeline, *words, "--log-format", "json", *more)
        assert SECRET not in err
        assert json.loads(err)["message"] == place
