"""`nanotyped run --log-format json` and `--metrics`: what programs see of a run, without a value of a row."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any

import pytest

from nanotyped.cli import main
from tests.integration.test_cli import run

if TYPE_CHECKING:
    from pathlib import Path

    from nanotyped.testing import HttpApi

SECRET = "sesame-4711"
NODES = f"""\
import logging
from nanotyped.errors import RowError
from nanotyped.node import NanoNode
from nanotyped.registry import register_node

@register_node
class Names(NanoNode):
    output_schema = {{"name": "varchar(20)"}}
    def generator(self):
        for _ in range(3):
            yield {{"name": "{SECRET}"}}

@register_node
class Talk(NanoNode):
    def process_item(self):
        name = self.__message__.name
        self.log_info("one came")
        logging.getLogger("elsewhere").warning("cannot take %s", name)
        logging.getLogger("elsewhere").warning(f"cannot take {{name}}")
        yield {{"n": 1}}

@register_node
class Refuse(NanoNode):
    def process_item(self):
        raise RowError(f"{{self.__message__.name}} is no name", row=1, column="name")

@register_node
class Crash(NanoNode):
    def process_item(self):
        raise KeyError(self.__message__.name)

@register_node
class Wrong(NanoNode):
    output_schema = {{"length": "tinyint"}}
    def process_item(self):
        yield {{"length": self.__message__.name}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a module of nodes."""
    (tmp_path / "mill.py").write_text(NODES)
    return tmp_path


def records(folder: Path, nodes: str, *words: str) -> tuple[int, list[dict[str, Any]]]:
    """Return the exit status of a run and its log; no value of a row may be in it."""
    (folder / "p.yaml").write_text(f"pipeline_name: mill\nnodes:\n{nodes}")
    status, _, err = run(folder, "run", "p.yaml", "--module", "mill", "--log-format", "json", *words)
    assert SECRET not in err
    return status, [json.loads(line) for line in err.splitlines()]


def test_a_log_for_programs_says_where_dead_letters_are(folder: Path) -> None:
    """The end of a run with dead letters names their files and their number; the status is 3."""
    refuse = "{class: Refuse, options: {dead_letter: dead.jsonl}}"
    nodes = f"  read: {{class: Names}}\n  refuse: {refuse}\npaths: [[read, refuse]]\n"
    status, found = records(folder, nodes)
    end = found[-1]
    assert (status, end["message"], end["dead"]) == (3, "finished", 3)
    assert [file.endswith("dead.jsonl") for file in end["dead_letters"]] == [True]
    assert [(node["name"], node["dead"], node["rejected"]) for node in end["nodes"]] == [
        ("read", 0, 0),
        ("refuse", 3, 3),
    ]


def test_a_log_for_programs_says_which_row_was_skipped_first(folder: Path) -> None:
    """With node, row, column and kind of error, and without the reason, which may quote the row."""
    nodes = "  read: {class: Names}\n  refuse: {class: Refuse, options: {on_error: skip}}\npaths: [[read, refuse]]\n"
    status, found = records(folder, nodes)
    told = [record for record in found if record["level"] == "warning"]
    assert status == 0
    assert [{key: one[key] for key in ("logger", "node", "row", "column", "error", "message")} for one in told] == [
        {
            "logger": "nanotyped.rejections",
            "node": "refuse",
            "row": 1,
            "column": "name",
            "error": "RowError",
            "message": "…: row 1 is left out: …: …; others are only counted (`dead_letter` keeps each, and why)",
        }
    ]


def test_a_log_for_programs_names_run_node_and_batch(folder: Path) -> None:
    """Each line is JSON with the one id of the run; what nodes say bears the node and its batch."""
    status, found = records(
        folder, "  names: {class: Names}\n  talk: {class: Talk}\n  end: {class: Talk}\npaths: [[names, talk, end]]\n"
    )
    assert status == 0
    assert len({record["run"] for record in found}) == 1
    assert {record["pipeline"] for record in found} == {"mill"}
    assert found[0] | {"time": "", "run": ""} == {
        "time": "",
        "level": "info",
        "logger": "nanotyped.run",
        "message": "started",
        "run": "",
        "pipeline": "mill",
        "file": "p.yaml",
        "resumed": False,
    }
    told = [(record["level"], record["message"]) for record in found if record.get("node") == "talk"]
    place = told[2][1]
    assert told[:3] == [("info", "talk: one came"), ("warning", "cannot take %s"), ("warning", place)]
    assert place.startswith("a message of mill:")
    assert {record["batch"] for record in found if record.get("node") == "talk"} <= {1, 2, 3}
    assert found[-1]["message"] == "finished"
    rows = [(node["name"], node["received"], node["sent"]) for node in found[-1]["nodes"]]
    assert rows == [("names", 0, 3), ("talk", 3, 3), ("end", 3, 0)]


@pytest.mark.parametrize(
    ("cls", "facts"),
    [
        ("Refuse", {"error": "RowError", "row": 1, "column": "name"}),
        ("Crash", {"error": "KeyError"}),
        (
            "Wrong",
            {
                "error": "RowValidationError",
                "cells": [{"row": 1, "column": "length", "expected": "tinyint"}],
                "cells_in_all": 1,
            },
        ),
    ],
)
def test_a_failure_is_told_without_the_row_that_failed(folder: Path, cls: str, facts: dict[str, Any]) -> None:
    """Which node, which kind of error, which row and column: but no value, though the error's own text has it."""
    bad = f"{{class: {cls}, options: {{batch_rows: 1}}}}"
    nodes = f"  names: {{class: Names}}\n  bad: {bad}\n  end: {{class: PrinterOfThings}}\n"
    status, found = records(folder, f"{nodes}paths: [[names, bad, end]]\n", "--traceback")
    assert status == 1
    (failed,) = [record for record in found if record["message"] == "failed"]
    assert failed["level"] == "error"
    assert failed["failed_node"] == "bad"
    assert {key: failed[key] for key in facts} == facts
    assert any(place.endswith(" process_item") or "nanotyped" in place for place in failed["at"])


def test_what_a_service_answers_is_in_no_log_for_programs(folder: Path, http_api: HttpApi) -> None:
    """A service may quote what it was sent: neither its attempts nor its refusal show that."""
    from nanotyped.testing import Response  # noqa: PLC0415

    refusals = [Response(422, body=SECRET.encode())] * 9
    http_api.play([Response(503, body=SECRET.encode(), headers={"Retry-After": "0"}), *refusals])
    nodes = f"  names: {{class: Names}}\n  post: {{class: HttpPostRequest, options: {{url: '{http_api.url}/x'}}}}\n"
    status, found = records(folder, f"{nodes}paths: [[names, post]]\n")
    assert status == 1
    (failed,) = [record for record in found if record["message"] == "failed"]
    assert (failed["error"], failed["status"], failed["row"]) == ("RowRefusedError", 422, 1)
    assert next(record["message"] for record in found if record["level"] == "warning").startswith("…: attempt 1: …")


def test_each_batch_is_logged_where_that_is_asked_for(folder: Path) -> None:
    """At the level debug every batch is a record with its number at its node."""
    nodes = (
        "  names: {class: Names, options: {batch_rows: 1}}\n  end: {class: PrinterOfThings, options: {batch_rows: 1}}\n"
    )
    _, found = records(folder, f"{nodes}paths: [[names, end]]\n", "--log-level", "debug")
    batches = [record for record in found if record["logger"] == "nanotyped.channel"]
    assert [(record["node"], record["batch"], record["message"]) for record in batches] == [
        ("end", number, "took a batch of 1 rows") for number in (1, 2, 3)
    ]
    _, found = records(folder, f"{nodes}paths: [[names, end]]\n", "--log-level", "error")
    assert found == []


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--log-format", "jsn"), "argument --log-format: unknown format `jsn`; did you mean `json`?"),
        (("--log-level", "loud"), "argument --log-level: unknown level `loud`; known are debug, info, warning, error"),
        (("--metrics", "here"), "argument --metrics: `here` is no address: give PORT or HOST:PORT, such as 9100"),
    ],
)
def test_what_is_misspelt_is_a_usage_error(
    words: tuple[str, ...], reason: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The nearest word, or all there are, stand behind it."""
    assert main(["run", "p.yaml", *words]) == 2
    assert capsys.readouterr().err.splitlines()[0] == f"nanotyped: {reason}"


def test_measurements_are_handed_out_while_it_runs_and_a_taken_port_is_refused(folder: Path) -> None:
    """The log says where they are; a port that another uses is a refusal before a row moves."""
    nodes = "  names: {class: Names}\n  end: {class: PrinterOfThings}\npaths: [[names, end]]\n"
    status, found = records(folder, nodes, "--metrics", "0")
    assert status == 0
    assert found[0]["metrics"].startswith("http://127.0.0.1:")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        status, _, err = run(folder, "run", "p.yaml", "--module", "mill", "--metrics", str(port))
    assert status == 2
    assert err == f"nanotyped: --metrics cannot listen on 127.0.0.1:{port}: Address already in use\n"
