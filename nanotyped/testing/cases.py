"""The tests of pipeline files, run: nodes as the file makes them, between tables in memory and a sink that keeps."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from nanotyped.config.case_rows import Plan, plan_case, read_values
from nanotyped.config.pipeline import load_document
from nanotyped.engine import start_run
from nanotyped.errors import ConfigError, GraphTypeError, NodeFailedError, SourceError, shown
from nanotyped.graph import survey_graph
from nanotyped.row import Row
from nanotyped.testing.comparing import compare_rows
from nanotyped.testing.running import KEPT, RejectedRow
from nanotyped.testing.tables import InMemoryTable, KeptRows

if TYPE_CHECKING:
    from nanotyped.config import Pipeline
    from nanotyped.config.cases import Case
    from nanotyped.config.models import RejectForm
    from nanotyped.config.yaml_reader import Path
    from nanotyped.errors import ConfigProblem
    from nanotyped.row import Schema

TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What became of one test.

    Attributes:
        case: The test.
        differences: What is not as it is expected, a line each; nothing: it passed.
        seconds: How long it took.
    """

    case: Case
    differences: tuple[str, ...]
    seconds: float

    @property
    def passed(self) -> bool:
        """Whether all is as expected."""
        return not self.differences


class _Outcome(NamedTuple):
    """What came of the run of a test: what came out, what was rejected, and why it ended early."""

    rows: Sequence[Row]
    rejected: Sequence[RejectedRow]
    failure: NodeFailedError | TimeoutError | None


def run_cases(pipeline: Pipeline, environment: Mapping[str, str] | None = None) -> Iterator[CaseResult]:
    """Run the tests of a pipeline one by one; each has nodes of its own. Errors are those of ``run_case``."""
    for case in pipeline.cases:
        yield run_case(pipeline, case, environment)


def run_case(
    pipeline: Pipeline, case: Case, environment: Mapping[str, str] | None = None, *, timeout_s: float = TIMEOUT_S
) -> CaseResult:
    """Run one test of a pipeline. Its nodes are not touched: the test makes new ones; it writes no dead letters.

    Args:
        pipeline: The pipeline, out of ``load_pipeline``.
        case: One of ``pipeline.cases``.
        environment: Where ``${NAME}`` is looked up; by default the environment of the process.
        timeout_s: How long the run may take; it fails after that.

    Raises:
        ConfigError: With every mistake in the test.
    """
    began = time.monotonic()
    fresh = load_document(pipeline.document, os.environ if environment is None else environment)
    problems: list[ConfigProblem] = []
    plan = plan_case(case, fresh, survey_graph(*fresh.nodes.values()), problems)
    if plan is None:
        raise ConfigError(problems)
    kept = _assemble(plan, fresh)
    rejected: list[RejectedRow] = []
    try:
        run = start_run(kept, watch=lambda by, row, error: rejected.append(RejectedRow(by.label, row, error)))
    except GraphTypeError as error:
        document, spot = pipeline.document, case.spot
        raise ConfigError([document.problem(spot, f"test `{case.name}`: {one}") for one in error.problems]) from error
    except SourceError as error:
        return CaseResult(case, (fresh.redactor.redact(str(error)),), time.monotonic() - began)
    failure: NodeFailedError | TimeoutError | None = None
    try:
        run.wait(timeout_s)
    except NodeFailedError as error:
        failure = error
    except TimeoutError as error:
        failure = error
        run.kill()
    found = _judge(case, fresh, plan, _Outcome(kept.rows, rejected, failure))
    return CaseResult(case, tuple(map(fresh.redactor.redact, found)), time.monotonic() - began)


def _assemble(plan: Plan, pipeline: Pipeline) -> KeptRows:
    """Cut the nodes of a test out of their pipeline, link them to its tables, and return the sink behind them."""
    owner = {leaf: name for name, node in pipeline.built.nodes.items() for leaf in node.member_nodes()}
    tables = {name: InMemoryTable(rows, schema, name=name) for name, (schema, rows) in plan.inputs.items()}
    for node in plan.leaves:
        if node.error_policy.dead_letter is not None:
            node.error_policy = replace(node.error_policy, on_error="skip", dead_letter=None)
        for target in node.output_node_list:
            if target not in plan.leaves:
                node.unlink(target)
        for source in node.input_node_list:
            if source not in plan.leaves:
                source.unlink(node)
                if (table := tables.get(owner[source])) is not None:
                    table.add_edge(node)
    kept = KeptRows(name=KEPT if KEPT not in pipeline.nodes else f"{KEPT} by the test")
    for node in plan.tail:
        node.add_edge(kept)
    return kept


def _judge(case: Case, pipeline: Pipeline, plan: Plan, outcome: _Outcome) -> list[str]:
    """Return what is not as it is expected."""
    if outcome.failure is not None:
        text = str(outcome.failure)
        if case.error is None:
            return [f"the run failed: {text}"]
        return [] if case.error in text else [f"error: expected {case.error!r} in it, got: {text}"]
    if case.error is not None:
        return [f"error: expected one with {case.error!r} in it, but the run came to its end"]
    lines: list[str] = []
    if case.expect is not None:
        schemas = plan.gives or [type(row).schema for row in outcome.rows[:1]]
        expected = [_expected(pipeline, place, schemas) for place in case.expect]
        lines += compare_rows(outcome.rows, expected, any_order=case.any_order)
    return [*lines, *_rejects(case, pipeline, outcome.rejected)]


def _expected(pipeline: Pipeline, place: Path, schemas: Sequence[Schema]) -> dict[str, Any]:
    """Return an expected row; a column that only the rows show not to be there is kept as it stands."""
    row = pipeline.document.at(place)
    return {**row, **read_values(pipeline.document, place, schemas, [])}


def _rejects(case: Case, pipeline: Pipeline, rejected: Sequence[RejectedRow]) -> list[str]:
    """Return which rejected rows differ from those that were to be; both in order."""
    lines = []
    for number, ((place, wanted), came) in enumerate(zip(case.rejects.items(), rejected, strict=False), 1):
        lines += [f"reject {number}{line}" for line in _reject(pipeline, place, wanted, came)]
    for number, wanted in enumerate(list(case.rejects.values())[len(rejected) :], len(rejected) + 1):
        lines.append(f"reject {number}: missing: {shown(wanted.row if wanted.row is not None else wanted.error)}")
    for number, came in enumerate(rejected[len(case.rejects) :], len(case.rejects) + 1):
        lines.append(f"reject {number}: not expected: `{came.node}` rejected {_text(came)}: {came.error}")
    return lines


def _reject(pipeline: Pipeline, place: Path, wanted: RejectForm, came: RejectedRow) -> list[str]:
    lines = []
    if wanted.node is not None and came.node != wanted.node:
        lines.append(f": expected of `{wanted.node}`, got `{came.node}`")
    if wanted.error is not None and wanted.error not in str(came.error):
        lines.append(f": expected {wanted.error!r} in its error, got: {came.error}")
    if wanted.row is not None and isinstance(came.row, Row):
        expected = _expected(pipeline, (*place, "row"), [type(came.row).schema])
        lines += [line.removeprefix("row 1") for line in compare_rows([came.row], [expected])]
    return lines


def _text(came: RejectedRow) -> str:
    if not isinstance(came.row, Row):
        return shown(came.row)
    return ", ".join(f"{name}={shown(value)}" for name, value in came.row.to_python().items())
