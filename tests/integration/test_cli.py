"""The real program, in a process of its own."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import IO
from xml.etree import ElementTree as ET

import pytest

NODES = """\
import logging
import os
import sys
from nanotyped.errors import SourceError
from nanotyped.node import NanoNode
from nanotyped.registry import register_node
from pydantic import SecretStr

@register_node
class Count(NanoNode):
    output_schema = {"n": "int"}
    def __init__(self, end: int | None = 3, **kwargs):
        super().__init__(**kwargs)
        self.end = end
    def generator(self):
        n = 0
        while self.end is None or n < self.end:
            yield {"n": n}
            n += 1

@register_node
class Guess(NanoNode):
    def process_item(self):
        yield {"guess": self.__message__.n}

@register_node
class Show(NanoNode):
    def process_item(self):
        sys.stdout.write(f"row {self.__message__.n}\\n")

@register_node
class Divide(NanoNode):
    def process_item(self):
        yield {"m": 1 // (1 - self.__message__.n)}

@register_node
class Login(NanoNode):
    def __init__(self, host: str, password: SecretStr, **kwargs):
        super().__init__(**kwargs)
        self.host, self.password = host, password
    def generator(self):
        yield {"n": 1}
        raise RuntimeError(f"{self.host} refuses {self.password.get_secret_value()}")

@register_node
class Unreachable(NanoNode):
    def discover_schema(self):
        raise SourceError("cannot connect to till:3306")
    def generator(self):
        os.write(2, b"the generator ran")
        yield {}

@register_node
class Wait(NanoNode):
    def generator(self):
        yield {"n": 1}
        while not self.stop_requested:
            self.sleep(60)

@register_node
class Deaf(NanoNode):
    def generator(self):
        import time
        yield {"n": 1}
        while True:
            time.sleep(60)

@register_node
class SlowToConnect(NanoNode):
    def discover_schema(self):
        import time
        print("connecting", flush=True)
        time.sleep(60)
    def generator(self):
        yield {}

@register_node
class Hold(NanoNode):
    batch_rows = 1
    def process_item(self):
        print("holding", flush=True)
        self.sleep(60)

@register_node
class Hang(NanoNode):
    def generator(self):
        import signal
        yield {"n": 1}
        signal.raise_signal(signal.SIGHUP)
        yield {"n": 2}

@register_node
class Tick(NanoNode):
    def generator(self):
        for n in range(20):
            self.sleep(0.05)
            yield {"n": n}

@register_node
class Talk(NanoNode):
    def process_item(self):
        self.log_info("one came")
        logging.getLogger("elsewhere").info("not shown")
        logging.getLogger("elsewhere").warning("mind this")
        print("talked", flush=True)
        yield from ()
"""

PLAIN = """\
nodes:
  count: {class: Count}
  show: {class: Show}
paths: [[count, show]]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a module of nodes, and a pipeline of three rows."""
    (tmp_path / "mill.py").write_text(NODES)
    (tmp_path / "p.yaml").write_text(PLAIN)
    return tmp_path


def environment(**variables: str) -> dict[str, str]:
    """Return the environment of the program: nothing in it colours or widens what is printed."""
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
    return {**kept, "PYTHONDONTWRITEBYTECODE": "1", **variables}


@contextmanager
def start(folder: Path, *words: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """Run the program in a folder for the time of the block; it does not outlive it."""
    with subprocess.Popen(
        [sys.executable, "-m", "nanotyped", *words],
        cwd=folder,
        env=environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def run(folder: Path, *words: str, **variables: str) -> tuple[int, str, str]:
    """Return the exit status of the program, its output and its errors."""
    with start(folder, *words, **variables) as process:
        out, err = process.communicate(timeout=60)
    return process.returncode, out, err


def write(folder: Path, text: str, name: str = "p.yaml") -> None:
    """Write a pipeline."""
    (folder / name).write_text(text)


def source_and_show(source: str) -> str:
    """Return a pipeline of a source and a sink."""
    return f"nodes:\n  source: {source}\n  show: {{class: Show}}\npaths: [[source, show]]\n"


def without_times(text: str) -> str:
    """Return text with every measured time and rate as `#`."""
    return re.sub(r" +\d+\.\d{3}( +[\d,]+$| s)?", " #", text, flags=re.MULTILINE)


# -- usage --------------------------------------------------------------------------------


def test_version_and_help(folder: Path) -> None:
    """Both go to stdout and succeed."""
    assert run(folder, "--version") == (0, f"nanotyped {version('nanotyped')}\n", "")
    status, out, err = run(folder, "--help")
    assert (status, err) == (0, "")
    assert [
        word for word in ("run", "check", "draw", "explain", "nodes", "types", "discover") if f"    {word} " not in out
    ] == []


def test_no_command(folder: Path) -> None:
    """Nothing to do is a usage error, with the usage on stderr."""
    assert run(folder) == (2, "", "nanotyped: a command is missing\nusage: nanotyped [-h] [--version] COMMAND ...\n")


def test_nodes_lists_the_classes_that_a_file_may_name(folder: Path) -> None:
    """Each class by its name with the first sentence of its docstring; those of the operator's modules too."""
    status, out, err = run(folder, "nodes", "--module", "mill")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert "Cast                       Gives columns another type." in lines
    assert [line for line in lines if line in ("Count", "Show")] == ["Count", "Show"]
    assert lines == sorted(lines)
    assert run(folder, "nodes", "p.yaml")[::2] == (
        2,
        "nanotyped: unexpected `p.yaml`\n"
        "usage: nanotyped nodes [-h] [--traceback] [--module NAME] [--composite FILE]\n",
    )


def test_a_mistyped_command(folder: Path) -> None:
    """The nearest command is named."""
    status, out, err = run(folder, "rnu", "p.yaml")
    assert (status, out) == (2, "")
    assert err.splitlines()[0] == "nanotyped: unknown command `rnu`; did you mean `run`?"


def test_the_installed_command_is_the_same(folder: Path) -> None:
    """`nanotyped` finds modules in the working directory, as `python -m nanotyped` does."""
    command = Path(sys.executable).with_name("nanotyped")
    done = subprocess.run(
        [command, "check", "p.yaml", "--module", "mill"],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "p.yaml: ok (2 nodes, 1 edge)\n", "")


# -- files that are none --------------------------------------------------------------------


@pytest.mark.parametrize("command", ["run", "check", "draw"])
def test_a_file_that_is_no_pipeline_is_refused(folder: Path, command: str) -> None:
    """Every command says where the mistakes are and exits with 2; `tests/bad_input` has a case of each mistake."""
    write(folder, PLAIN.replace("class: Show", "class: Shwo, summary: !!python/object/apply:os.system [touch made]"))
    assert run(folder, command, "p.yaml", "--module", "mill") == (
        2,
        "",
        "p.yaml:3:17: no node class is registered as `Shwo`; did you mean `Show`?\n"
        "p.yaml:3:32: a tag (`!!python/object/apply:os.system`); types come from the options of the node\n"
        "2 problems\n",
    )
    assert not (folder / "made").exists()


def test_a_missing_file_and_a_directory(folder: Path) -> None:
    """Each is named for what it is."""
    assert run(folder, "run", "q.yaml") == (2, "", "q.yaml: no such file; did you mean `p.yaml`?\n1 problem\n")
    assert run(folder, "check", "--filename", ".") == (2, "", ".: a directory, and no file\n1 problem\n")


# -- check ------------------------------------------------------------------------------------


def test_check_says_what_it_has_seen(folder: Path) -> None:
    """One line tells nodes, edges, and those that could not be checked."""
    assert run(folder, "check", "p.yaml", "--module", "mill") == (0, "p.yaml: ok (2 nodes, 1 edge)\n", "")
    write(folder, PLAIN.replace("count: {class: Count", "count: {class: Wait"))
    assert run(folder, "check", "--filename", "p.yaml", "--module", "mill") == (
        0,
        "p.yaml: ok (2 nodes, 1 edge, 1 unchecked: count → show)\n",
        "",
    )


def test_check_strict_refuses_unchecked_edges(folder: Path) -> None:
    """Each edge of unknown schema is a problem, with what to do about it."""
    write(folder, source_and_show("{class: Wait}"))
    assert run(folder, "check", "--strict", "p.yaml", "--module", "mill") == (
        2,
        "",
        "p.yaml:2:3: the edge `source → show` is unchecked: what `source` gives is not known."
        " Hint: declare its output_schema\n1 problem\n",
    )


def test_check_connect_names_the_node_that_cannot_be_reached(folder: Path) -> None:
    """Without --connect nothing is reached for; with it a service that is down is a failure, not a refusal."""
    write(folder, source_and_show("{class: Unreachable}"))
    assert run(folder, "check", "p.yaml", "--module", "mill")[0] == 0
    expected = (1, "", "p.yaml:2:3: node `source`: cannot connect to till:3306\n1 problem\n")
    assert run(folder, "check", "p.yaml", "--module", "mill", "--connect") == expected
    assert run(folder, "run", "p.yaml", "--module", "mill") == expected
    assert run(folder, "draw", "p.yaml", "--module", "mill", "--connect") == expected


def test_a_live_table_that_is_not_there_is_a_refusal(folder: Path) -> None:
    """To try again does not help: the commands that look at it exit with 2, before anything runs."""
    cases = (
        ("shop.db", "there is no database file `shop.db`", [("check", "--connect"), ("run",), ("draw", "--connect")]),
        (":memory:", "there is no table `t` of", [("check", "--connect")]),
    )
    for database, place, commands in cases:
        write(folder, source_and_show(f"{{class: StreamTable, options: {{url: 'sqlite:///{database}', table: t}}}}"))
        for words in commands:
            status, out, err = run(folder, *words, "p.yaml", "--module", "mill")
            assert (status, out) == (2, "")
            assert err.startswith(f"p.yaml:2:3: node `source`: {place}")


def test_a_missing_file_of_rows_is_a_refusal(folder: Path) -> None:
    """A file that a node is to read and that is not there is no failure of a run."""
    write(folder, source_and_show("{class: ReadRows, options: {path: no.csv}, output_schema: {n: int}}"))
    expected = (2, "", "p.yaml:2:3: node `source`: cannot read no.csv: No such file or directory\n1 problem\n")
    assert run(folder, "check", "--connect", "p.yaml", "--module", "mill") == expected


def test_a_contract_that_is_broken_is_refused_before_anything_runs(folder: Path) -> None:
    """`run` prints the problems as `check` does, and starts nothing."""
    write(folder, PLAIN.replace("class: Show", 'class: Show, input_schema: {n: "int", m: int}'))
    expected = (
        2,
        "",
        "p.yaml:3:3: Expected `int`, got nothing - at `count → show` $.m. Hint: the columns are `n`\n1 problem\n",
    )
    assert run(folder, "check", "p.yaml", "--module", "mill") == expected
    assert run(folder, "run", "p.yaml", "--module", "mill") == expected


def test_a_module_that_is_not_there(folder: Path) -> None:
    """The module is named; the rest of its message is where it was looked for."""
    status, out, err = run(folder, "run", "p.yaml", "--module", "mil")
    assert (status, out) == (2, "")
    assert err.startswith("nanotyped: module `mil`: there is none; looked in ")


# -- draw ---------------------------------------------------------------------------------------


def test_draw(folder: Path) -> None:
    """DOT by default, Mermaid if asked for, to stdout or whole into a file."""
    status, out, err = run(folder, "draw", "p.yaml", "--module", "mill")
    assert (status, out.splitlines()[0], err) == (0, "digraph pipeline {", "")
    status, mermaid, err = run(folder, "draw", "p.yaml", "--module", "mill", "--format", "mermaid")
    assert (status, mermaid.splitlines()[0], err) == (0, "flowchart LR", "")
    assert run(folder, "draw", "p.yaml", "--module", "mill", "--format", "mermaid", "-o", "p.mmd") == (0, "", "")
    assert (folder / "p.mmd").read_text() == mermaid
    assert run(folder, "draw", "p.yaml", "--module", "mill", "-o", "no/p.dot") == (
        1,
        "",
        "nanotyped: cannot write no/p.dot: No such file or directory\n",
    )


def test_explain_on_a_stdout_that_cannot_show_every_letter(folder: Path) -> None:
    """Text has escapes for what cannot be shown; JSON is UTF-8, as everywhere."""
    write(
        folder, "nodes:\n  a: {class: Count, output_schema: {größe: int}}\n  show: {class: Show}\npaths: [[a, show]]\n"
    )
    words = ("explain", "p.yaml", "a.größe", "--module", "mill")
    status, out, err = run(folder, *words, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert (status, out.splitlines()[0], err) == (0, "`gr\\xf6\\xdfe` as it leaves `a`", "")
    status, out, err = run(folder, *words, "--format", "json", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert (status, json.loads(out)["column"], err) == (0, "größe", "")


def test_draw_connect_draws_the_columns_of_live_tables(folder: Path) -> None:
    """Without --connect the edge of a table without a contract is unchecked; with it, it has the table's columns."""
    with closing(sqlite3.connect(folder / "shop.db")) as shop:
        shop.execute("CREATE TABLE t (n int unsigned NOT NULL)")
    write(folder, source_and_show("{class: StreamTable, options: {url: 'sqlite:///shop.db', table: t}}"))
    words = ("draw", "p.yaml", "--module", "mill", "--format", "mermaid")
    assert '-.->|"unchecked"|' in run(folder, *words)[1]
    assert '-->|"n: int unsigned"|' in run(folder, *words, "--connect")[1]


def test_a_drawing_replaces_what_a_link_leads_to(folder: Path) -> None:
    """As with every file that is written: the link stays, and nothing else is left in the folder."""
    (folder / "drawings").mkdir()
    (folder / "p.mmd").symlink_to("drawings/p.mmd")
    words = ("draw", "p.yaml", "--module", "mill", "--format", "mermaid", "-o", "p.mmd")
    assert run(folder, *words) == (0, "", "")
    assert (folder / "p.mmd").is_symlink()
    assert (folder / "drawings" / "p.mmd").read_text().startswith("flowchart LR")
    assert [path.name for path in (folder / "drawings").iterdir()] == ["p.mmd"]


def test_draw_svg_with_what_is_installed(folder: Path) -> None:
    """Where graphviz is there the picture has every node and the types on its edges; elsewhere its name is told."""
    status, out, err = run(folder, "draw", "p.yaml", "--module", "mill", "--format", "svg")
    if shutil.which("dot") is None:
        assert (status, out) == (1, "")
        assert "the program `dot` of graphviz" in err
    else:
        assert (status, err) == (0, "")
        texts = [element.text for element in ET.fromstring(out).iter("{http://www.w3.org/2000/svg}text")]
        assert {"count", "show", "n: int"} <= set(texts)


def test_draw_svg_goes_through_graphviz(folder: Path) -> None:
    """The graph is piped through `dot -Tsvg`; where that is missing or fails, one sentence says so."""
    words = ("draw", "p.yaml", "--module", "mill", "--format", "svg")
    assert run(folder, *words, PATH=str(folder)) == (
        1,
        "",
        "nanotyped: svg needs the program `dot` of graphviz, which was not found; install graphviz\n",
    )
    dot = folder / "dot"
    dot.write_text('#!/bin/sh\n/bin/echo "<svg> $1"; /bin/cat\n')
    dot.chmod(0o755)
    status, out, err = run(folder, *words, PATH=str(folder))
    assert (status, err) == (0, "")
    assert out.startswith("<svg> -Tsvg\ndigraph pipeline {")
    dot.write_text("#!/bin/sh\necho no fonts >&2; exit 3\n")
    assert run(folder, *words, PATH=str(folder)) == (1, "", "nanotyped: `dot` failed: no fonts\n")


# -- run ----------------------------------------------------------------------------------------


def test_a_closed_stdout_is_no_failure(folder: Path) -> None:
    """Where the caller closed stdout there is nothing to flush, and a run that went well exits with 0."""
    write(folder, "nodes:\n  count: {class: Count}\n  guess: {class: Guess}\npaths: [[count, guess]]\n")
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" -m nanotyped run p.yaml --module mill >&-', sys.executable],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, "success" in done.stderr, "internal error" in done.stderr) == (0, True, False)


def test_a_module_that_exits_is_an_error(folder: Path) -> None:
    """A module that calls sys.exit while it is imported cannot end the command as if it had run."""
    (folder / "leaver.py").write_text("import sys\nsys.exit(0)\n")
    assert run(folder, "run", "p.yaml", "--module", "leaver") == (
        2,
        "",
        "nanotyped: module `leaver`: it failed to import: SystemExit: 0\n",
    )


def test_run_leaves_stdout_to_the_nodes(folder: Path) -> None:
    """Rows go to stdout; what the program has to say, and the summary, to stderr, without colours in a pipe."""
    status, out, err = run(folder, "run", "p.yaml", "--module", "mill")
    assert (status, out) == (0, "row 0\nrow 1\nrow 2\n")
    assert without_times(err) == (
        "p.yaml: running 2 nodes\n"
        "Node   Class  Received  Sent  Filtered  Rejected  Skipped  Dead  Status   Seconds  Rows/s\n"
        "count  Count         0     3         0         0        0     0  success #\n"
        "show   Show          3     0         0         0        0     0  success #\n"
        "p.yaml: success in #\n"
    )


def test_a_failure_names_node_row_and_cause(folder: Path) -> None:
    """One line, at the place of the node, after the summary; a traceback only when it is asked for."""
    write(folder, "nodes:\n  count: {class: Count}\n  half: {class: Divide}\npaths: [[count, half]]\n")
    status, out, err = run(folder, "run", "p.yaml", "--module", "mill")
    line = (
        "nanotyped: p.yaml:3:3: node `half` failed: ZeroDivisionError: integer division or modulo by zero"
        " - at row Row(n=1)"
    )
    assert (status, out) == (1, "")
    assert err.splitlines()[-1] == line
    assert "Traceback" not in err
    status, _, err = run(folder, "run", "p.yaml", "--module", "mill", "--traceback")
    assert status == 1
    assert f"{line}\nnanotyped: Traceback (most recent call last):\n" in err
    assert 'yield {"m": 1 // (1 - self.__message__.n)}' in err


@pytest.mark.parametrize("words", [(), ("--traceback",)])
def test_secrets_are_never_printed(folder: Path, words: tuple[str, ...]) -> None:
    """Not even where a node puts them into its error, and not with a traceback."""
    write(folder, source_and_show("{class: Login, options: {host: '${TILL}', password: 's3same-open'}}"))
    status, _, err = run(folder, "run", "p.yaml", "--module", "mill", *words, TILL="till.internal")
    assert status == 1
    assert "node `source` failed: RuntimeError: ${TILL} refuses *****\n" in err
    assert "s3same" not in err
    assert "internal" not in err


def test_notes_of_nodes_and_warnings_of_others_are_shown(folder: Path) -> None:
    """`log_info` and every warning go to stderr."""
    write(folder, "nodes:\n  a: {class: Count, options: {end: 1}}\n  b: {class: Talk}\npaths: [[a, b]]\n")
    status, out, err = run(folder, "run", "p.yaml", "--module", "mill")
    assert (status, out) == (0, "talked\n")
    assert "INFO nanotyped.node: b: one came\nWARNING elsewhere: mind this\n" in err
    assert "not shown" not in err


def test_a_reader_that_goes_away_is_no_traceback(folder: Path) -> None:
    """As after `| head -1`: the run ends there, and says so in one line."""
    write(folder, source_and_show("{class: Count, options: {end: null}}"))
    with start(folder, "run", "p.yaml", "--module", "mill") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "row 0\n"
        process.stdout.close()
        err = process.stderr.read()
        assert process.wait(60) == 1
    assert err.splitlines()[-1] == "nanotyped: stdout was closed by its reader; the run ended there"
    assert "Traceback" not in err
    assert "Exception" not in err


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.parametrize("source", ["Count, options: {end: null}", "Wait"])
def test_a_signal_ends_a_pipeline_that_has_no_end(
    folder: Path, number: signal.Signals, status: int, source: str
) -> None:
    """What is in flight is delivered, the summary is printed, and the status is 128 and the signal."""
    write(folder, source_and_show(f"{{class: {source}}}"))
    with start(folder, "run", "p.yaml", "--module", "mill") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("row ")
        process.send_signal(number)
        out = process.stdout.read()
        err = process.stderr.read()
        assert process.wait(60) == status
    again = "Ctrl-C again" if number == signal.SIGINT else "a second signal"
    assert err.splitlines()[1] == f"nanotyped: finishing what is in flight; {again} to stop now"
    assert err.splitlines()[-1] == f"nanotyped: ended by {number.name}"
    assert "dropped" not in err
    sent = re.search(r"^source +\w+ +0 +([\d,]+)( +0){4} +stopped", err, re.MULTILINE)
    assert sent
    assert int(sent[1].replace(",", "")) == out.count("row ") + 1


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_the_program_before_the_run(folder: Path, number: signal.Signals, status: int) -> None:
    """While a node still connects there is nothing to deliver: the program ends at once and quietly."""
    write(folder, source_and_show("{class: SlowToConnect}"))
    with start(folder, "run", "p.yaml", "--module", "mill") as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "connecting\n"
        process.send_signal(number)
        assert process.communicate(timeout=60) == ("", "")
    assert process.returncode == status


def test_a_second_signal_ends_a_node_that_does_not_listen(folder: Path) -> None:
    """A node that is deaf to the stop is left behind, and named; that is no failure of its own."""
    write(folder, source_and_show("{class: Deaf}"))
    with start(folder, "run", "p.yaml", "--module", "mill") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "row 1\n"
        process.send_signal(signal.SIGINT)
        assert process.stderr.readline() == "p.yaml: running 2 nodes\n"
        assert process.stderr.readline() == "nanotyped: finishing what is in flight; Ctrl-C again to stop now\n"
        process.send_signal(signal.SIGINT)
        err = process.stderr.read()
        assert process.wait(60) == 130
    assert without_times(err).splitlines() == [
        "nanotyped: stopping now",
        "Node    Class  Received  Sent  Filtered  Rejected  Skipped  Dead  Status   Seconds  Rows/s",
        "source  Deaf          0     1         0         0        0     0  running #",
        "show    Show          1     0         0         0        0     0  stopped #",
        "nanotyped: node `source` was left behind: it did not end within 1 s",
        "nanotyped: ended by SIGINT",
    ]


def test_rows_that_a_second_signal_drops_are_counted(folder: Path) -> None:
    """What was sent on and not taken by the next node is lost to this run, and said so."""
    write(folder, "nodes:\n  count: {class: Count, options: {end: 9}}\n  hold: {class: Hold}\npaths: [[count, hold]]\n")
    with start(folder, "run", "p.yaml", "--module", "mill") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "holding\n"
        process.send_signal(signal.SIGTERM)
        assert process.stderr.readline() == "p.yaml: running 2 nodes\n"
        assert process.stderr.readline() == "nanotyped: finishing what is in flight; a second signal to stop now\n"
        process.send_signal(signal.SIGINT)
        lines = process.stderr.read().splitlines()
        assert process.wait(60) == 143
    assert lines[0] == "nanotyped: stopping now"
    # The source may have been stopped before its last row.
    assert re.fullmatch("nanotyped: (1 row on its|[2-8] rows on their) way to a node (was|were) dropped", lines[-2])
    assert lines[-1] == "nanotyped: ended by SIGTERM"


def test_rows_that_a_node_has_in_hand_at_a_stop_are_counted(folder: Path) -> None:
    """They were received, and stand in no other count."""
    hold = "{class: Hold, options: {workers: 2}}"
    write(folder, f"nodes:\n  count: {{class: Count, options: {{end: 9}}}}\n  hold: {hold}\npaths: [[count, hold]]\n")
    with start(folder, "run", "p.yaml", "--module", "mill") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("holding")  # two workers may print into one line
        process.send_signal(signal.SIGTERM)
        assert process.stderr.readline() == "p.yaml: running 2 nodes\n"
        assert process.stderr.readline() == "nanotyped: finishing what is in flight; a second signal to stop now\n"
        process.send_signal(signal.SIGINT)
        lines = process.stderr.read().splitlines()
        assert process.wait(60) == 143
    said = "node `hold` was not done with (1 row that it had received; it|[2-9] rows that it had received; they)"
    assert re.fullmatch(f"nanotyped: {said} may be sent on or not", lines[-2])


def test_a_node_that_hangs_ends_the_run_after_its_grace_time(folder: Path) -> None:
    """One signal is enough: the node that all wait for is named, and the status is that of the signal."""
    write(folder, "nodes:\n  count: {class: Count, options: {end: 9}}\n  hold: {class: Hold}\npaths: [[count, hold]]\n")
    with start(folder, "run", "p.yaml", "--module", "mill", "--grace", "0.2") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "holding\n"
        process.send_signal(signal.SIGTERM)
        lines = process.stderr.read().splitlines()
        assert process.wait(60) == 143
    assert lines[1:3] == [
        "nanotyped: finishing what is in flight; a second signal to stop now",
        "nanotyped: not finished after 0.2 s: node `hold` is still at work; stopping now",
    ]
    assert lines[-1] == "nanotyped: ended by SIGTERM"


def test_nohup_is_heeded(folder: Path) -> None:
    """A hang-up that is ignored when the program starts stays so."""
    write(folder, source_and_show("{class: Hang}"))
    done = subprocess.run(
        ["sh", "-c", 'trap "" HUP; exec "$0" -m nanotyped run p.yaml --module mill', sys.executable],
        cwd=folder,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "row 1\nrow 2\n")


# -- terminals --------------------------------------------------------------------------------------


def without_codes(text: str) -> str:
    """Return what a terminal shows, without the codes that move and colour it."""
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)


def read_terminal(terminal: int, until: str | None = None) -> str:
    """Return what the program writes to its terminal, to the end or until a pattern is there."""
    found = ""
    deadline = time.monotonic() + 30
    while until is None or not re.search(until, without_codes(found)):
        if time.monotonic() > deadline or not select.select([terminal], [], [], 30)[0]:
            pytest.fail(f"the terminal shows only {found!r}")
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # Linux's way to say that the last writer is gone
            break
        if not piece:
            break
        found += piece.decode()
    return found


def screen_of(text: str) -> list[str]:
    """Return the lines of an endless screen after the codes that `rich` moves and erases with."""
    lines = [""]
    row = 0
    for piece in re.findall(r"\x1b\[[0-9;?]*[a-zA-Z]|[\r\n]|[^\x1b\r\n]+", text):
        if piece == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif piece.endswith("A") and piece.startswith("\x1b"):
            row -= int(piece[2:-1])
        elif piece == "\x1b[2K":
            lines[row] = ""
        elif piece[0] not in "\x1b\r":
            lines[row] += piece
    return lines


def run_on_terminal(folder: Path, source: str = "Wait", stdout: IO[bytes] | None = None, **variables: str) -> str:
    """Return what a run of a pipeline shows on its terminal; one of `Wait` is interrupted."""
    write(folder, source_and_show(f"{{class: {source}}}"))
    terminal, end = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "nanotyped", "run", "p.yaml", "--module", "mill"],
        cwd=folder,
        env=environment(TERM="xterm", **variables),
        stdin=subprocess.DEVNULL,
        stdout=stdout or end,
        stderr=end,
    ) as process:
        os.close(end)
        try:
            shown = read_terminal(terminal, until=rf"source  {source} .*running")
            if source == "Wait":
                process.send_signal(signal.SIGINT)
            shown += read_terminal(terminal)
            assert process.wait(30) == (130 if source == "Wait" else 0)
        finally:
            process.kill()
            os.close(terminal)
    return shown


def test_rows_and_table_do_not_overwrite_each_other(folder: Path) -> None:
    """On one terminal every row that a node prints stays, in order; of the table nothing but the summary does."""
    lines = screen_of(run_on_terminal(folder, "Tick"))
    assert lines[:21] == ["p.yaml: running 2 nodes", *(f"row {n}" for n in range(20))]
    assert [line.split()[0] for line in lines[21:] if line] == ["Node", "source", "show", "p.yaml:"]


def test_a_terminal_shows_a_table_and_the_rows_above_it(folder: Path) -> None:
    """The table has colours and a line for each node; what nodes print stands whole above it."""
    shown = run_on_terminal(folder)
    plain = without_codes(shown)
    assert "\x1b[33mrunning" in shown
    assert re.search(r"source  Wait +0 +1 +0  running +\d\.\d", plain)
    assert re.search(r"(^|\n|\r)row 1\r\n", plain)


def test_no_color_is_heeded(folder: Path) -> None:
    """With NO_COLOR the table is there, without colours."""
    shown = run_on_terminal(folder, NO_COLOR="1")
    assert "running" in shown
    assert not re.search(r"\x1b\[3[0-7]m", shown)


def test_a_file_takes_the_rows_and_the_terminal_the_table(folder: Path) -> None:
    """With stdout in a file nothing but the rows of the nodes is in it."""
    with (folder / "out.txt").open("wb") as file:
        shown = run_on_terminal(folder, stdout=file)
    assert (folder / "out.txt").read_text() == "row 1\n"
    assert "row 1" not in shown
