"""The command line, as argparse reads it; what is misspelt gets the nearest name."""

from __future__ import annotations

import argparse
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any, NoReturn

from nanotyped.cli.words import READ_WORDS
from nanotyped.errors import NanotypedError, nearest_hint
from nanotyped.node.running import DEFAULT_GRACE_S

LOOPBACK = "127.0.0.1"
DRAW_FORMATS = ("dot", "mermaid", "svg")
PIPELINE_COMMANDS = ("run", "check", "plan", "draw", "export")
ENGINES = ("threads", "dask")
CONTRACT_FORMATS = ("python", "yaml", "sql")
LOG_FORMATS = ("text", "json")
PROGRESS = ("auto", "table", "lines", "none")
LOG_LEVELS = ("debug", "info", "warning", "error")
EXPLAIN_FORMATS = ("text", "json")  # of `contract diff` too


class UsageError(NanotypedError):
    """A command line that cannot be followed.

    Attributes:
        usage: How the command is used.
        reason: What is wrong.
    """

    def __init__(self, usage: str, reason: str) -> None:
        self.usage = usage
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Arguments:
    """What the user asked for; ``words`` are types, tables of ``discover``, or sides of ``contract``."""

    command: str
    config: str = ""
    target: str = ""
    traceback: bool = False
    strict: bool = False
    connect: bool = False
    modules: Sequence[str] = field(default_factory=tuple)
    composites: Sequence[str] = field(default_factory=list)
    format: str = "dot"
    output: str | None = None
    words: Sequence[str] = field(default_factory=tuple)
    json: bool = False
    url: str | None = None
    url_env: str | None = None
    state: str | None = None
    reset_state: bool = False
    breaking: bool = False
    check: bool = False
    no_types: bool = False
    log_format: str = "text"
    log_level: str = "info"
    metrics: tuple[str, int] | None = None
    grace: float = DEFAULT_GRACE_S
    report: str | None = None
    trace: bool = False
    progress: str = "auto"
    engine: str = "threads"
    scheduler: str | None = None
    workers: int | None = None
    part_rows: int | None = None


class _Parser(argparse.ArgumentParser):
    """Raises where argparse would print and exit; knows its own options."""

    def __init__(self, **settings: Any) -> None:
        self.options: list[str] = []
        super().__init__(allow_abbrev=False, **settings)

    def add_argument(self, *names: Any, **settings: Any) -> argparse.Action:
        self.options += [name for name in names if name.startswith("-")]
        return super().add_argument(*names, **settings)

    def error(self, message: str) -> NoReturn:
        raise UsageError(self.format_usage().strip(), message)


def parse_arguments(words: Sequence[str]) -> Arguments:
    """Return what the words of a command line ask for.

    Raises:
        UsageError: If they cannot be followed.
        SystemExit: After ``--help`` and ``--version``, which print.
    """
    parser, commands = _make_parser()
    command = next((word for word in words if not word.startswith("-")), None)
    if command is not None and command not in commands:
        parser.error(f"unknown command `{command}`{_hint(command, list(commands))}")
    found, rest = parser.parse_known_args(words)
    own = commands.get(found.command, parser)
    unknown = [word for word in rest if word.startswith("-")]
    if unknown:
        option = unknown[0].partition("=")[0]
        own.error(f"unknown option `{option}`{_hint(option, own.options)}")
    if found.command is None:
        parser.error("a command is missing")
    settings = vars(found)
    if "words" in settings:
        # Of words on both sides of an option argparse takes the first ones only.
        return _arguments_of_words(own, [*found.words, *rest], settings)
    if getattr(found, "reset_state", False) and found.state is None:
        own.error("--reset-state needs --state DIR")
    if found.command == "run" and found.engine == "threads":
        for option in ("scheduler", "workers", "part_rows"):
            if getattr(found, option) is not None:
                own.error(f"--{option.replace('_', '-')} needs --engine dask")
    if getattr(found, "log_format", "text") == "json" and found.progress in {"table", "lines"}:
        own.error(f"--progress {found.progress} is for people: with --log-format json the status is a record")
    if rest:
        reason = ": one configuration file at a time" if found.command in PIPELINE_COMMANDS else ""
        own.error(f"unexpected `{rest[0]}`{reason}")
    return Arguments(**_with_config(own, settings) if found.command in PIPELINE_COMMANDS else settings)


def _with_config(parser: _Parser, settings: dict[str, Any]) -> dict[str, Any]:
    by_position, by_option = settings.pop("position"), settings.pop("filename")
    if by_position is not None and by_option is not None:
        parser.error("the configuration file is given twice: CONFIG and --filename")
    if by_position is None and by_option is None:
        parser.error("the configuration file is missing: CONFIG or --filename CONFIG")
    return {**settings, "config": by_position if by_position is not None else by_option}


def _arguments_of_words(parser: _Parser, words: Sequence[str], settings: dict[str, Any]) -> Arguments:
    read = READ_WORDS.get(settings["command"])
    more = {"words": tuple(words)} if read is None else read(parser, words, settings)
    return Arguments(**{**settings, **more})


def _hint(name: str, known: Sequence[str]) -> str:
    hint = nearest_hint(name, known)
    return f"; {hint}" if hint else ""


def _make_parser() -> tuple[_Parser, dict[str, _Parser]]:
    parser = _Parser(
        prog="nanotyped",
        description="Run data pipelines whose every column is checked before a byte of data moves.",
        epilog="Exit status: 0 success; 1 the run failed; 2 usage, configuration or contract;"
        " 3 success with dead letters; 129, 130 or 143 ended by SIGHUP, SIGINT or SIGTERM.",
    )
    parser.add_argument("--version", action="version", version=f"nanotyped {version('nanotyped')}")
    group = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    adders: dict[str, tuple[str, Callable[[_Parser], None]]] = {
        "run": ("check a pipeline, then run it to its end", _add_run),
        "check": ("check a pipeline without running it", _add_check),
        "plan": ("show what of a pipeline would run where on a cluster", _add_plan),
        "lint": ("tell every mistake that files show by themselves", _add_lint),
        "test": ("run the tests that stand in pipeline files", _add_test),
        "schema": ("print the JSON Schema of files, for editors", _add_module),
        "export": ("print a pipeline as a Python program, or in another form", _add_export),
        "stubgen": ("write what mypy and pyright need to check files", _add_stubgen),
        "draw": ("draw a pipeline, with the columns on its edges", _add_draw),
        "explain": ("show where a column comes from, step by step", _add_explain),
        "nodes": ("list the node classes that a pipeline may name", _add_module),
        "types": ("show what column types are in every system", _add_types),
        "discover": ("write the contracts of live tables, or of those of a dump", _add_discover),
        "contract": ("show what became of a contract, and whom it breaks", _add_contract),
        "state": ("show how far the runs of a pipeline got", _add_state_show),
        "new": ("start a project: a pipeline, a contract, a node and a test", _add_new),
        "replay": ("give rows that were rejected to a pipeline again", _add_replay),
    }
    commands: dict[str, _Parser] = {}
    for name, (summary, add) in adders.items():
        command: _Parser = group.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
        if name in PIPELINE_COMMANDS:
            _add_pipeline(command)
        command.add_argument("--traceback", action="store_true", help="show where in the code a failure came from")
        add(command)
        commands[name] = command
    return parser, commands


def _add_pipeline(parser: _Parser) -> None:
    parser.add_argument("position", nargs="?", metavar="CONFIG", help="the YAML file of the pipeline")
    parser.add_argument("--filename", metavar="CONFIG", help="the same, as an option")
    _add_module(parser)


def _add_module(parser: _Parser) -> None:
    parser.add_argument(
        "--module",
        action="append",
        default=[],
        dest="modules",
        metavar="NAME",
        help="import a Python module with nodes of your own; repeatable",
    )
    parser.add_argument(
        "--composite",
        action="append",
        default=[],
        dest="composites",
        metavar="FILE",
        help="make the composite of a YAML file known, under its name; repeatable",
    )


def _add_run(parser: _Parser) -> None:
    _add_strict(parser)
    _add_grace(parser)
    _add_state(parser, "keep checkpoints in this directory, and go on from them where the last run was stopped")
    parser.add_argument("--reset-state", action="store_true", help="forget the state that is there, and begin anew")
    parser.add_argument(
        "--log-format",
        type=_one_of(LOG_FORMATS),
        default="text",
        metavar="FORMAT",
        help="text (the default), for people, or json: a line a record, with run, node and batch and no value of a row",
    )
    parser.add_argument(
        "--log-level",
        type=_one_of(LOG_LEVELS, "level"),
        default="info",
        metavar="LEVEL",
        help="debug, info (the default), warning or error",
    )
    parser.add_argument(
        "--progress",
        type=_one_of(PROGRESS, "way"),
        default="auto",
        metavar="WAY",
        help="how stderr shows the run: table, which redraws itself and needs a terminal, lines, one every few seconds,"
        " or none; auto (the default) is a table where that can be shown, else lines",
    )
    parser.add_argument(
        "--metrics",
        type=_address,
        metavar="[HOST:]PORT",
        help="hand out measurements for Prometheus at /metrics; on this machine alone unless a host is given",
    )
    parser.add_argument(
        "--report",
        type=_file,
        metavar="FILE",
        help="write what became of the run to a file, as JSON with no value of a row, also when it fails",
    )
    parser.add_argument(
        "--trace",
        action="store_true",
        help="send a span of the run and of each node by OpenTelemetry, as the variables OTEL_* say; needs"
        " nanotyped[otel]",
    )

    parser.add_argument(
        "--engine",
        type=_one_of(ENGINES, "engine"),
        default="threads",
        metavar="ENGINE",
        help="threads (the default) of this process, or dask: worker processes; needs nanotyped[dask]",
    )
    parser.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="with --engine dask, the scheduler of a cluster, as tcp://127.0.0.1:8786, or tls://HOST:PORT with"
        " `cluster: security` in the file; without it worker processes are started here",
    )
    _add_parts(parser)


def _add_parts(parser: _Parser) -> None:
    parser.add_argument(
        "--workers",
        type=_count,
        metavar="N",
        help="with --engine dask, how many workers, each at one part; by default as many as there are processors",
    )
    parser.add_argument(
        "--part-rows", type=_count, metavar="N", help="with --engine dask, rows to a part, about; by default fitting"
    )


def _add_plan(parser: _Parser) -> None:
    _add_parts(parser)
    parser.add_argument(
        "--format",
        type=_one_of(EXPLAIN_FORMATS),
        default="text",
        metavar="FORMAT",
        help="text (the default), for people, or json, for programs",
    )


def _add_grace(parser: _Parser) -> None:
    parser.add_argument(
        "--grace",
        type=_seconds,
        default=DEFAULT_GRACE_S,
        metavar="SECONDS",
        help=f"how long the run may take to end after a signal or a failure ({DEFAULT_GRACE_S:g} by default)",
    )


def _add_strict(parser: _Parser) -> None:
    parser.add_argument("--strict", action="store_true", help="refuse edges on which rows of unknown schema pass")


def _add_state(parser: _Parser, text: str) -> None:
    parser.add_argument("--state", metavar="DIR", help=text)


def _add_check(parser: _Parser) -> None:
    _add_strict(parser)
    _add_connect(parser)
    _add_state(parser, "say too whether a run with this state can go on where it was stopped")
    parser.add_argument(
        "--no-types",
        action="store_true",
        help="leave out what mypy says of the modules, which is asked where the project has nanotyped.mypy_plugin on",
    )


def _add_new(parser: _Parser) -> None:
    parser.add_argument(
        "words", nargs="*", metavar="NAME", help="the directory that is made, whose name is the project's"
    )


def _add_lint(parser: _Parser) -> None:
    parser.add_argument(
        "words",
        nargs="*",
        metavar="FILE",
        help="the YAML files of pipelines and composites; each mistake is a line on stdout: file:line:col CODE message",
    )
    _add_module(parser)


def _add_test(parser: _Parser) -> None:
    parser.add_argument(
        "words",
        nargs="*",
        metavar="FILE",
        help="the YAML files of pipelines with `tests`; exit status 1 if one fails, 2 if a file or a test is wrong",
    )
    _add_module(parser)


def _add_state_show(parser: _Parser) -> None:
    parser.add_argument("words", nargs="*", metavar="show DIR", help="the directory that `run --state` was given")


def _add_replay(parser: _Parser) -> None:
    parser.add_argument(
        "words",
        nargs="*",
        metavar="DEAD.jsonl CONFIG",
        help="the file of dead letters, and the YAML file of the pipeline; each letter goes into the node that rejected"
        " it, and is given once: DEAD.jsonl.replayed says which were",
    )
    _add_grace(parser)
    _add_module(parser)


def _add_connect(parser: _Parser) -> None:
    parser.add_argument("--connect", action="store_true", help="look at the live tables and services too")


def _add_draw(parser: _Parser) -> None:
    _add_connect(parser)
    parser.add_argument(
        "--format",
        type=_one_of(DRAW_FORMATS),
        default="dot",
        metavar="FORMAT",
        help="dot (the default), mermaid or svg",
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="write to a file rather than to stdout")


def _add_export(parser: _Parser) -> None:
    forms = parser.add_mutually_exclusive_group(required=True)
    texts = {
        "python": "a Python program of the same fingerprint",
        "yaml": "a file of `nodes` and `edges`, also of the sequence form",
    }
    for form, text in texts.items():
        forms.add_argument(f"--{form}", action="store_const", const=form, dest="format", help=text)
        parser.options.append(f"--{form}")


def _add_stubgen(parser: _Parser) -> None:
    parser.add_argument(
        "words",
        nargs="*",
        metavar="FILE",
        help="the YAML files: of a composite a stub is written, NAME.pyi, of a pipeline a module with a line an edge,"
        " check_NAME.py",
    )
    parser.add_argument("-o", "--output", metavar="DIR", default="stubs", help="the directory (stubs by default)")
    parser.add_argument(
        "--check",
        action="store_true",
        help="write nothing; exit status 1 if what is there is not what would be written",
    )
    _add_module(parser)


def _add_explain(parser: _Parser) -> None:
    parser.add_argument(
        "words",
        nargs="*",
        metavar="CONFIG NODE[.COLUMN]",
        help="the YAML file, and a column as it leaves a node or arrives at a sink; without a column: all of the node."
        " NODE ends at the first dot before which the name of a node stands, and the rest is the name of the column,"
        " dots and all. In a shell a name with blanks or quotes wants quotes: 'post.unit price'",
    )
    parser.add_argument("--filename", metavar="CONFIG", help="the file, as an option")
    _add_module(parser)
    _add_connect(parser)
    parser.add_argument(
        "--format",
        type=_one_of(EXPLAIN_FORMATS),
        default="text",
        metavar="FORMAT",
        help="text (the default), for people, or json, for programs",
    )


def _add_types(parser: _Parser) -> None:
    parser.add_argument(
        "words", nargs="*", metavar="TYPE", help="a column type of MySQL, such as 'bigint unsigned'; without any: all"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


def _add_discover(parser: _Parser) -> None:
    parser.add_argument(
        "words",
        nargs="*",
        metavar="URL|FILE.sql [TABLE ...]",
        help="where the tables are, as mysql://user:password@host:3306/database or sqlite:///file.db, or a file of"
        " CREATE TABLE statements such as a dump of MySQL, and which ones; without any: all",
    )
    parser.add_argument("--url-env", metavar="NAME", help="the environment variable that holds the URL, in its place")
    parser.add_argument(
        "--format",
        type=_one_of(CONTRACT_FORMATS),
        default="python",
        metavar="FORMAT",
        help="python (the default), Row classes; yaml, nodes of a pipeline; or sql, CREATE TABLE statements of the"
        " columns, their types and nulls and the primary key: defaults, AUTO_INCREMENT, generated expressions,"
        " collations and other keys are not in them. What a format cannot hold of a table is said on stderr, and the"
        " exit status is 2",
    )


def _add_contract(parser: _Parser) -> None:
    parser.add_argument(
        "words",
        nargs="*",
        metavar="diff A B",
        help="what was, and what is: FILE.yaml:NODE, FILE.sql:TABLE, MODULE:CLASS of a --module, URL:TABLE,"
        " '${NAME}:TABLE' with the URL in the environment, :TABLE with --url-env, STATE_DIR:SOURCE of `run --state`, or"
        " the text of a CREATE TABLE",
    )
    parser.add_argument("--url-env", metavar="NAME", help="the environment variable that holds the URL of :TABLE")
    parser.add_argument(
        "--breaking", action="store_true", help="show, and fail on, what breaks readers or writers only"
    )
    _add_module(parser)
    parser.add_argument(
        "--format",
        type=_one_of(EXPLAIN_FORMATS),
        default="text",
        metavar="FORMAT",
        help="text (the default), for people, or json, for programs",
    )


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdigit() and int(port) < 2**16):
        raise argparse.ArgumentTypeError(f"`{text}` is no address: give PORT or HOST:PORT, such as 9100")
    return host or LOOPBACK, int(port)


def _seconds(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = -1.0
    if not 0 <= found < threading.TIMEOUT_MAX:
        raise argparse.ArgumentTypeError(f"`{text}` is no number of seconds")
    return found


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise argparse.ArgumentTypeError(f"`{text}` is no whole number from 1")
    return int(text)


def _file(text: str) -> str:
    if text in {"", "-"}:
        raise argparse.ArgumentTypeError("name a file: stdout is for what nodes print")
    return text


def _one_of(formats: Sequence[str], what: str = "format") -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in formats:
            hint = nearest_hint(text, formats) or f"known are {', '.join(formats)}"
            raise argparse.ArgumentTypeError(f"unknown {what} `{text}`; {hint}")
        return text

    return read
