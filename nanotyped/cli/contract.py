"""``contract diff``: what became of a contract, between files, classes, live tables, states and text."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nanotyped.cli.discovery import contracts_of_file, url_of_variable
from nanotyped.cli.loading import load_modules, node_hint
from nanotyped.cli.output import CommandFailedError, print_error
from nanotyped.config import load_pipeline
from nanotyped.engine.checkpoint import FILE_NAME, StateError, read_state
from nanotyped.engine.resumption import contract_in
from nanotyped.errors import DdlError, NanotypedError, nearest_hint
from nanotyped.graph import survey_graph
from nanotyped.graph.drift import impacts_of
from nanotyped.nodes.sql.discovery import describe_tables
from nanotyped.nodes.sql.urls import check_url
from nanotyped.redaction import Redactor
from nanotyped.row import Row, Schema
from nanotyped.row.difference import compare_schemas

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nanotyped.cli.arguments import Arguments
    from nanotyped.graph.drift import Impact
    from nanotyped.node import NanoNode
    from nanotyped.row import Column
    from nanotyped.row.difference import ColumnChange, SchemaDifference
    from nanotyped.types.compat import Judgement

_CLASS = re.compile(r"(?P<module>[^\W\d]\w*(?:\.[^\W\d]\w*)*):(?P<name>[^\W\d]\w*)")
_FILE = re.compile(r"(?P<file>.+\.(?:ya?ml|(?P<sql>sql)))(?::(?P<part>.+))?", re.IGNORECASE | re.DOTALL)
_VARIABLE = re.compile(r"\$\{(?P<name>[^}]*)\}(?::(?P<table>.+))?", re.DOTALL)
_FORMS = (
    "a contract is FILE.yaml:NODE, FILE.sql:TABLE, MODULE:CLASS (with --module MODULE), URL:TABLE, ${NAME}:TABLE,"
    " :TABLE (with --url-env NAME), STATE_DIR:SOURCE, or the text of a CREATE TABLE"
)


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two contracts.

    Attributes:
        place: What it is the contract of, for people.
        schema: Its columns.
        knows_key: Whether it says what its key is: files of pipelines do not.
        refused: By column, why it is of no type that can be compared.
        node: The node of a pipeline that gives it.
        ordered: The nodes of that pipeline, in topological order.
    """

    place: str
    schema: Schema
    knows_key: bool = True
    refused: Mapping[str, str] = field(default_factory=dict)
    node: NanoNode[Any, Any] | None = None
    ordered: Sequence[NanoNode[Any, Any]] = ()


def compare_contracts(arguments: Arguments) -> int:
    """Print what became of a contract: 0 if nothing did (with ``--breaking``: nothing that breaks), else 1."""
    load_modules(arguments)
    sides: list[Side] = []
    errors: list[str] = []
    for text in arguments.words:
        try:
            sides.append(_side_of(text, arguments))
        except CommandFailedError as error:
            errors.append(str(error))
    if errors:
        for text in errors[:-1]:
            print_error(text)
        raise CommandFailedError(errors[-1], 2)
    before, after = sides
    for side in sides:
        for name, reason in side.refused.items():
            print_error(f"{side.place}: column `{name}` is left out: {reason}")
    found = compare_schemas(before.schema, after.schema, keys=before.knows_key and after.knows_key)
    shown = found.breaking if arguments.breaking else found.changes
    reordered = found.reordered and not arguments.breaking
    impacts = _impacts(before, after)
    if arguments.format == "json":
        sys.stdout.write(_as_json(before, after, found, shown, impacts) + "\n")
    else:
        print(f"{before.place} → {after.place}")
        lines = [_line(change, impacts) for change in shown]
        if reordered:
            lines.append("= the columns stand in another order; breaks nobody")
        print("\n".join(lines or ["nothing that breaks" if arguments.breaking else "no difference"]))
    return int(bool(shown) or reordered)


def _impacts(before: Side, after: Side) -> Mapping[str, Impact]:
    """Return what each change does to the nodes behind the one that gives it: of what was, else of what is."""
    side = before if before.node is not None else after
    return {} if side.node is None else impacts_of(side.ordered, side.node, before.schema, after.schema)


# -- the two sides -------------------------------------------------------------------


def _side_of(text: str, arguments: Arguments) -> Side:
    """Return the contract that a word names.

    Raises:
        CommandFailedError: If there is none.
        ConfigError: Of every mistake of its file.
    """
    if text.lstrip().lower().startswith("create "):
        try:
            return Side("the text", Schema.from_ddl(text))
        except DdlError as error:
            raise CommandFailedError(f"the text of CREATE TABLE: {error}", 2) from error
    if found := _VARIABLE.fullmatch(text):
        return _live_side(url_of_variable(found["name"]), found["table"], f"${{{found['name']}}}")
    if text.startswith(":") and arguments.url_env is not None:
        return _live_side(url_of_variable(arguments.url_env), text[1:], arguments.url_env)
    if found_state := _state_of(text):
        return _side_of_state(*found_state)
    if "://" in text:
        url, table = _split_url(text)
        return _live_side(url, table, "URL")
    if found := _FILE.fullmatch(text):
        return _side_of_dump(found["file"], found["part"]) if found["sql"] else _side_of_node(**found.groupdict())
    if found := _CLASS.fullmatch(text):
        return _side_of_class(found["module"], found["name"], arguments)
    raise CommandFailedError(f"`{text}` names no contract; {_FORMS}", 2)


def _state_of(text: str) -> tuple[Path, str] | None:
    """Return the directory of a state, and the source that is named behind it."""
    directory, _, source = text.rpartition(":")
    for path, name in ((text, ""), (directory, source)):
        if path and (Path(path) / FILE_NAME).is_file():
            return Path(path), name
    return None


def _side_of_state(directory: Path, source: str) -> Side:
    """Return what a source gave when the state of a pipeline was written."""
    try:
        state = read_state(directory)
    except StateError as error:
        raise CommandFailedError(str(error), 2) from error
    names = {part.strip("`"): part for part in state.contracts}
    if not names:
        reason = "it holds no contracts: no run of this version has written it yet"
        raise CommandFailedError(f"state `{directory}`: {reason}", 2)
    if not source and len(names) == 1:
        [source] = names
    if source not in names:
        hint = nearest_hint(source, names) if source else f"say which, as in {directory}:{next(iter(names))}"
        hint = hint or f"its sources are {', '.join(names)}"
        reason = f"there is no source `{source}`" if source else f"there are {len(names)} sources: {', '.join(names)}"
        raise CommandFailedError(f"state `{directory}`: {reason}; {hint}", 2)
    try:
        schema = contract_in(state, names[source])
    except NanotypedError as error:
        raise CommandFailedError(f"state `{directory}`: {source}: {error}", 2) from error
    assert schema is not None  # it is one of the names
    return Side(f"state {directory}:{source}", schema, knows_key=bool(schema.key))


def _split_url(text: str) -> tuple[str, str | None]:
    """Return the URL and the table behind it. A path of SQLite may hold colons, a database of a server may not."""
    scheme, _, rest = text.partition("://")
    if scheme.lower().startswith("sqlite"):
        url, colon, table = rest.rpartition(":")
        return (f"{scheme}://{url}", table) if colon else (text, None)
    server, slash, database = rest.partition("/")
    database, colon, table = database.partition(":")
    return f"{scheme}://{server}{slash}{database}", table if colon else None


def _live_side(text: str, table: str | None, name: str) -> Side:
    try:
        url = check_url(text)
    except ValueError as error:
        raise CommandFailedError(f"{name}: {error}", 2) from None
    if not table:
        raise CommandFailedError(f"{name}: say which table, as in {name}:TABLE", 2)
    redactor = Redactor()
    redactor.hide([url.password or ""])
    try:
        found = describe_tables(url, [table])[table]
    except ExceptionGroup as group:
        raise CommandFailedError(redactor.redact("; ".join(map(str, group.exceptions))), 2) from None
    return Side(found.place, found.schema, refused=found.refused)


def _side_of_dump(file: str, table: str | None) -> Side:
    contracts, _ = contracts_of_file(file, [] if table is None else [table])
    if len(contracts) > 1:
        names = ", ".join(f"`{contract.table}`" for contract in contracts)
        raise CommandFailedError(f"{file}: there are {len(contracts)} tables: {names}; say which, as {file}:TABLE", 2)
    return Side(f"{file}:{contracts[0].table}", contracts[0].schema, refused=contracts[0].refused)


def _side_of_node(file: str, part: str | None, **_: str | None) -> Side:
    """Return what a node of a pipeline gives, or where it is a sink, needs."""
    pipeline = load_pipeline(file)
    if part is None or part not in pipeline.nodes:
        hint = node_hint(part or "", pipeline.nodes) or f"the nodes are {', '.join(pipeline.nodes)}"
        reason = f"there is no node `{part}`" if part is not None else f"say which node, as in {file}:NODE"
        raise CommandFailedError(f"{file}: {reason}; {hint}", 2)
    node = pipeline.nodes[part]
    survey = survey_graph(pipeline.anchor)
    given = {passage.gives for passage in survey.passages.get(node, ())}
    flows = {node.needed_input()} if node.is_sink else given
    schema = next(iter(flows)) if len(flows) == 1 else None
    if schema is None:
        what = "needs" if node.is_sink else "gives"
        remedy = "declare its input_schema" if node.is_sink else node.schema_remedy()
        reason = f"it is not known what `{part}` {what}; {remedy}"
        if len(flows) > 1:
            reason = f"`{part}` gives rows of {len(flows)} different schemas; name a node above it"
        raise CommandFailedError(f"{file}: {reason}", 2)
    if node.is_sink:
        return Side(f"{file}:{part}", schema, knows_key=False)
    return Side(f"{file}:{part}", schema, knows_key=False, node=node, ordered=survey.graph.nodes)


def _side_of_class(module: str, name: str, arguments: Arguments) -> Side:
    if module not in arguments.modules:
        raise CommandFailedError(
            f"`{module}` is not imported: code is imported only where you name it, with --module {module}", 2
        )
    found = getattr(sys.modules[module], name, None)
    if not (isinstance(found, type) and issubclass(found, Row) and found is not Row):
        known = [
            key
            for key, value in vars(sys.modules[module]).items()
            if isinstance(value, type) and issubclass(value, Row) and value is not Row
        ]
        hint = nearest_hint(name, known) or f"its Row classes are {', '.join(known) or 'none'}"
        raise CommandFailedError(f"`{module}` has no Row class `{name}`; {hint}", 2)
    try:
        schema = found.schema
    except (NanotypedError, TypeError) as error:
        raise CommandFailedError(f"{module}:{name}: {error}", 2) from error
    return Side(f"{module}:{name}", schema, knows_key=bool(schema.key))


# -- what is printed -----------------------------------------------------------------


def _line(change: ColumnChange, impacts: Mapping[str, Impact]) -> str:
    mark = "+" if change.before is None else "-" if change.after is None else "~"
    parts = [f"{mark} {change.spelling()}"]
    if change.before is not None and change.after is not None and "key" in change.kinds and len(change.kinds) > 1:
        parts.append(f"{'belongs to the key now' if change.after.key else 'left the key'}")
    if change.forward is not None and change.back is not None and "type" in change.kinds:
        parts.append(f"{_judged(change.forward)} there, {_judged(change.back)} back")
    parts.append(f"breaks {' and '.join(change.breaks) or 'nobody'}")
    told = str(impacts.get(change.name, ""))
    return "; ".join(parts) + (f" - {told}" if told else "")


def _judged(judgement: Judgement) -> str:
    return judgement.verdict.value + (f" ({judgement.reason})" if judgement.reason else "")


def _as_json(
    before: Side, after: Side, found: SchemaDifference, shown: Sequence[ColumnChange], impacts: Mapping[str, Impact]
) -> str:
    breaking = {side: any(side in change.breaks for change in found.changes) for side in ("readers", "writers")}
    document = {
        "before": before.place,
        "after": after.place,
        "equal": not found,
        "breaking": breaking,
        "reordered": found.reordered,
        "changes": [
            {
                "column": change.name,
                "kinds": change.kinds,
                "before": _column(change.before),
                "after": _column(change.after),
                "there": _judgement(change.forward),
                "back": _judgement(change.back),
                "breaks": change.breaks,
                "impact": _impact(impacts.get(change.name)),
            }
            for change in shown
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _column(column: Column | None) -> dict[str, Any] | None:
    if column is None:
        return None
    return {"type": column.type.spelling(), "nullable": column.nullable, "key": column.key}


def _impact(impact: Impact | None) -> dict[str, Any] | None:
    if impact is None:
        return None
    broken = {node.label: reason for node, reason in impact.broken}
    return {"breaks": broken, "harmless": [node.label for node in impact.harmless]}


def _judgement(judgement: Judgement | None) -> dict[str, str] | None:
    return None if judgement is None else {"verdict": judgement.verdict.value, "reason": judgement.reason}
