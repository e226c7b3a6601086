"""``explain``: where a column of a pipeline comes from and what becomes of it, for people or for programs."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Any

import msgspec
from rich.text import Text

from nanotyped.cli.loading import load, look_at_live, node_hint
from nanotyped.cli.output import CommandFailedError, print_problems, stdout_console
from nanotyped.cli.provenance import (
    VERDICTS,
    Fact,
    column_data,
    facts_of,
    path_data,
    title_of,
    worst_verdict,
)
from nanotyped.config.contracts import visible
from nanotyped.errors import nearest_hint
from nanotyped.graph import survey_graph
from nanotyped.graph.flows import unknown_since
from nanotyped.graph.provenance import Provenance, flows_of, is_end_of_rows, last_seen, problems_about, trace_column

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from nanotyped.cli.arguments import Arguments
    from nanotyped.config import Pipeline
    from nanotyped.graph import Survey
    from nanotyped.graph.flows import Node
    from nanotyped.row import Column

_HEAD = ("Column", "Type", "Intermediate", "From", "Verdict")
_LONGEST_CELL = 40
# Beside labels and words that leave less than this, text goes below them.
_LEAST_ROOM = 24


def explain(arguments: Arguments) -> int:
    """Print every step of a column, or all columns of a node; 0, 2 if the file has mistakes, else as of the live look.

    Raises:
        CommandFailedError: If there is no such node, or no such column there.
    """
    pipeline = load(arguments, partial=True)
    if pipeline.problems:
        print_problems(pipeline.problems)
    code = look_at_live(pipeline, arguments) if arguments.connect else 0
    node, column = _split_target(arguments.target, pipeline.nodes)
    survey = survey_graph(*pipeline.nodes.values())
    if column is None:
        _explain_node(pipeline, survey, node, arguments.format)
    else:
        _explain_column(pipeline, survey, node, column, arguments.format)
    return 2 if pipeline.problems else code


def _split_target(target: str, nodes: Mapping[str, Node]) -> tuple[Node, str | None]:
    """Return the node and the column that a text names: NODE ends at the first dot before which a name stands."""
    for index, character in enumerate(target):
        if character == "." and target[:index] in nodes:
            return nodes[target[:index]], target[index + 1 :]
    if target in nodes:
        return nodes[target], None
    name = target.partition(".")[0]
    hint = node_hint(name, nodes, target)
    known = ", ".join(f"`{node}`" for node in nodes)
    raise CommandFailedError(f"there is no node `{visible(name)}`; {hint or f'the nodes are {known}'}", 2)


# -- one column ----------------------------------------------------------------------


def _explain_column(pipeline: Pipeline, survey: Survey, node: Node, column: str, form: str) -> None:
    found = trace_column(survey, node, column)
    if not found.paths:
        raise CommandFailedError("\n".join(_redacted(line, pipeline) for line in _missing(survey, node, column)), 2)
    if form == "json":
        data = {"file": pipeline.file, "node": node.label, "column": column, "has_more": found.has_more}
        _print_json({**data, "paths": [path_data(path) for path in found.paths]}, pipeline)
        return
    _print_paths(node, column, found, pipeline)


def _missing(survey: Survey, node: Node, column: str) -> list[str]:
    """Return, in lines, that a node has no such column: the nearest, where it was last, and what the check says."""
    known = list(dict.fromkeys(name for flow in flows_of(survey, node) if flow is not None for name in flow.names))
    verb = "arrives at" if is_end_of_rows(node) else "leaves"
    hint = nearest_hint(column, known) or f"the columns are {', '.join(f'`{name}`' for name in known) or 'none'}"
    lines = [f"no column `{column}` {verb} `{node.label}`; {hint}"]
    last = last_seen(survey, node, column)
    if last is not None:
        given = f"`{last.giver.label}` was the last to give it, as {last.column.spelling()}"
        lines.append(f"{given}; `{last.dropper.label}` does not pass it on")
    return [*lines, *problems_about(survey, node, column)]


def _print_paths(node: Node, column: str, found: Provenance, pipeline: Pipeline) -> None:
    console = stdout_console()
    width = console.width if console.is_terminal else None
    paths = [[(title_of(step), facts_of(step)) for step in path] for path in found.paths]
    facts = [fact for path in paths for _, facts in path for fact in facts]
    labels = max(len(fact.label) for fact in facts)
    words = max(len(fact.word) for fact in facts)
    place = "as it arrives at" if is_end_of_rows(node) else "as it leaves"
    _print(console, Text(_redacted(f"`{column}` {place} `{node.label}`", pipeline), "bold"), "", width)
    for number, path in enumerate(paths, 1):
        if len(paths) > 1:
            way = " → ".join(step.node.label for step in found.paths[number - 1])
            console.print()
            _print(console, Text(_redacted(f"path {number} of {len(paths)}: {way}", pipeline), "bold"), "", width)
        for title, facts in path:
            console.print()
            _print(console, Text(_redacted(title, pipeline)), "", width)
            for fact in facts:
                _print_fact(console, fact, (labels, words), width, pipeline)
    if found.has_more:
        console.print()
        _print(console, Text("there are more paths, which are not told"), "", width)


def _print_fact(console: Console, fact: Fact, widths: tuple[int, int], width: int | None, pipeline: Pipeline) -> None:
    head = Text("  ").append(fact.label.ljust(widths[0]), "dim").append("  ")
    head.append(fact.word.ljust(widths[1]), fact.style).append("  ")
    text = Text(_redacted(fact.text, pipeline), fact.style if not fact.word else "")
    if width is not None and width - len(head) < _LEAST_ROOM:
        head.rstrip()
        _print(console, head, "", width)
        _print(console, text, "    ", width)
        return
    _print(console, text, head, width)


def _print(console: Console, text: Text, head: Text | str, width: int | None) -> None:
    """Print a text behind a head; on a terminal what does not fit goes on below, as far in."""
    first = head if isinstance(head, Text) else Text(head)
    lines = [text] if width is None else list(text.wrap(console, max(1, width - first.cell_len)))
    for number, line in enumerate(lines or [Text()]):
        whole = (first if number == 0 else Text(" " * first.cell_len)) + line
        whole.rstrip()
        console.print(whole)


# -- all columns of a node --------------------------------------------------------------


def _explain_node(pipeline: Pipeline, survey: Survey, node: Node, form: str) -> None:
    names = dict.fromkeys(name for flow in flows_of(survey, node) if flow is not None for name in flow.names)
    if None in flows_of(survey, node):
        names.update(dict.fromkeys(_declared(node)))
    if not names:
        cause = unknown_since(node.input_node_list[0] if is_end_of_rows(node) else node, survey.passages)
        reason = f"the columns of `{node.label}` are not known: of `{cause.label}`, {cause.schema_remedy()}"
        raise CommandFailedError(_redacted(reason, pipeline), 2)
    traced = {name: trace_column(survey, node, name) for name in names}
    problems = dict.fromkeys(
        problem for found in traced.values() for path in found.paths for step in path for problem in step.problems
    )
    if form == "json":
        columns = [_node_column_data(name, found) for name, found in traced.items()]
        data = {"file": pipeline.file, "node": node.label, "columns": columns, "problems": list(problems)}
        _print_json(data, pipeline)
        return
    _print_table([_cells(name, found) for name, found in traced.items()], list(problems), pipeline)


def _declared(node: Node) -> tuple[str, ...]:
    try:
        need = node.needed_input() if is_end_of_rows(node) else node.own_output()
    except Exception:  # noqa: BLE001 - whatever a declaration raises is said by the check
        return ()
    return need.names if need is not None else ()


def _at_end(found: Provenance) -> list[Column | None]:
    """Return what a column is at the end of its paths, each kind once."""
    ends = [path[-1] for path in found.paths]
    columns = [end.leaving.column if end.leaving else end.arrival.column if end.arrival else None for end in ends]
    return list(dict.fromkeys(columns))


def _origins(found: Provenance) -> list[str]:
    origins = [(path[0].node.label, path[0].leaving or path[0].arrival) for path in found.paths]
    return list(dict.fromkeys(f"{label}.{start.name}" for label, start in origins if start is not None))


def _cells(name: str, found: Provenance) -> list[str]:
    columns = _at_end(found)
    types = [column.spelling() if column is not None else "unknown" for column in columns]
    meanings = [column.type.intermediate_type.spelling() if column is not None else "unknown" for column in columns]
    cells = [name, *(" or ".join(dict.fromkeys(texts)) for texts in (types, meanings, _origins(found)))]
    return [*cells, worst_verdict(found.paths)]


def _node_column_data(name: str, found: Provenance) -> dict[str, Any]:
    types = [column_data(column) for column in _at_end(found)]
    return {"column": name, "types": types, "from": _origins(found), "verdict": worst_verdict(found.paths)}


def _print_table(rows: Sequence[Sequence[str]], problems: Sequence[str], pipeline: Pipeline) -> None:
    console = stdout_console()
    room = console.width if console.is_terminal else None
    shown = [_HEAD, *([_shortened(_redacted(cell, pipeline)) for cell in row] for row in rows)]
    widths = [max(Text(row[index]).cell_len for row in shown) for index in range(len(_HEAD))]
    if room is not None and sum(widths) + 2 * (len(_HEAD) - 1) > room:
        _print_stacked(console, rows, room, pipeline)
    else:
        _print_lines(console, shown, widths)
    for problem in problems:
        _print(console, Text(_redacted(problem, pipeline)), Text("refused  ", "bold red"), room)


def _print_lines(console: Console, shown: Sequence[Sequence[str]], widths: Sequence[int]) -> None:
    for number, row in enumerate(shown):
        line = Text()
        for index, (cell, width) in enumerate(zip(row, widths, strict=True)):
            style = "bold" if number == 0 else VERDICTS.get(cell, "") if index == len(_HEAD) - 1 else ""
            line.append("  " if line else "").append(cell, style).append(" " * (width - Text(cell).cell_len))
        line.rstrip()
        console.print(line)


def _print_stacked(console: Console, rows: Sequence[Sequence[str]], room: int, pipeline: Pipeline) -> None:
    """Print each column of a node as lines of their own, where they do not fit beside each other."""
    labels = max(map(len, _HEAD[1:]))
    for row in rows:
        _print(console, Text(_redacted(row[0], pipeline), "bold"), "", room)
        for label, cell in zip(_HEAD[1:], row[1:], strict=True):
            head = Text("  ").append(label.ljust(labels), "dim").append("  ")
            style = VERDICTS.get(cell, "") if label == _HEAD[-1] else ""
            _print(console, Text(_redacted(cell, pipeline), style), head, room)


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_CELL else text[: _LONGEST_CELL - 1] + "…"


# -- both --------------------------------------------------------------------------------


def _redacted(text: str, pipeline: Pipeline) -> str:
    """Return text as it may be printed: without secrets, and with escapes for what cannot be seen."""
    return visible(pipeline.redactor.redact(text))


def _print_json(data: Any, pipeline: Pipeline) -> None:
    def redact(value: Any) -> Any:
        match value:
            case str():
                return pipeline.redactor.redact(value)
            case dict():
                return {key: redact(item) for key, item in value.items()}
            case list():
                return [redact(item) for item in value]
        return value

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8")  # JSON is, whatever the terminal's is
    print(msgspec.json.format(msgspec.json.encode(redact(data))).decode())
