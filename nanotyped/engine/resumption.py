"""Going on where a run was stopped: whether a pipeline can, its state on disk, and the checkpoints of a run."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from nanotyped.engine.checkpoint import Contracts, State, StateFile, is_exhausted, start_of
from nanotyped.engine.fingerprint import fingerprint_of, part_names
from nanotyped.errors import GraphProblem, GraphStructureError, GraphTypeError
from nanotyped.row import Schema
from nanotyped.row.exact import parse_column, render_column

if TYPE_CHECKING:
    from pathlib import Path

    from nanotyped.engine.ledger import SourceLedger
    from nanotyped.graph import Graph
    from nanotyped.node import NanoNode

CHECKPOINT_INTERVAL_S = 0.1


def resume_problems(graph: Graph) -> list[GraphProblem]:
    """Return why a pipeline cannot go on where a run of it was stopped: one problem for each node."""
    return [
        GraphStructureError(f"node `{node.label}` cannot be resumed: {reason}", node=node.label)
        for node in graph.nodes
        if (reason := node.resume_problem())
    ]


def without_state(node: NanoNode[Any, Any]) -> str:
    """Return what is to be said of a source whose cursor outlives a run, where there is no state to keep it."""
    return f"node `{node.label}` has nowhere to keep its cursor, so that a run reads all of it; run it with --state DIR"


def open_state(graph: Graph, directory: Path, pipeline: str | None, *, reset: bool = False) -> StateFile:
    """Return the state of a pipeline, open for a run of it.

    Raises:
        GraphTypeError: If the pipeline cannot be resumed.
        StateError: If the state is in use, damaged, or of another pipeline.
    """
    problems = resume_problems(graph)
    if problems:
        raise GraphTypeError(problems)
    return StateFile(directory, fingerprint_of(graph), pipeline or "", reset=reset, contracts=contracts_of(graph))


def contracts_of(graph: Graph) -> Contracts:
    """Return what each source of a pipeline gives, as far as it is known, as a state keeps it."""
    return {
        name: {column.name: render_column(column) for column in schema}
        for node, name in part_names(graph).items()
        if node.is_source and (schema := node.output_schema_for(None)) is not None
    }


def contract_in(state: State, source: str) -> Schema | None:
    """Return what a source gave when a state was written, ``None`` where that was not kept.

    Raises:
        IncompatibleTypesException: If it is of a type that is not known here.
    """
    found = state.contracts.get(source)
    return None if found is None else Schema(parse_column(name, label) for name, label in found.items())


class CursorStore(Protocol):
    """Where a run keeps how far its sources are, and which it is, as ``StateFile`` does."""

    cursors: Mapping[str, Any]
    run_id: str
    earlier_runs: Sequence[str]

    def write(self, cursors: Mapping[str, tuple[Any, int]], *, finished: bool) -> None:
        """Keep the cursors of the sources, each with the number of its stretches."""

    def close(self) -> None:
        """Let go of it."""


class Checkpoints:
    """Writes how far the sources of a run are, not more often than ten times a second. Used by one thread.

    Args:
        state: Where to.
        graph: The pipeline.
        ledgers: What has been dealt with, by source.
    """

    def __init__(self, state: CursorStore, graph: Graph, ledgers: Mapping[NanoNode[Any, Any], SourceLedger]) -> None:
        names = part_names(graph)
        self._state = state
        self._ledgers = {names[node]: ledger for node, ledger in ledgers.items()}
        for node in ledgers:
            node.resume_from = start_of(state.cursors.get(names[node]))
        self._written = dict.fromkeys(self._ledgers, 0)
        self._next_at = 0.0
        self._written_at = time.monotonic()

    @property
    def seconds_left(self) -> float | None:
        """How long until the next may be written, ``None`` if there is nothing to write."""
        if not self._moved():
            return None
        return max(0.0, self._next_at - time.monotonic())

    @property
    def lag_s(self) -> float:
        """For how long, in seconds, it has been written no more how far the sources are; 0 if nothing is to write."""
        return time.monotonic() - self._written_at if self._moved() else 0.0

    def write_if_due(self) -> None:
        """Write where the sources are, if one has moved and the last time is long enough ago.

        Raises:
            StateError: If it cannot be written.
        """
        if self.seconds_left == 0.0:
            self._write(finished=False)

    def finish(self, *, regular: bool) -> None:
        """Write where the sources are at the end of the run, and let go of the state.

        Args:
            regular: Whether every node came to its end.

        Raises:
            StateError: If it cannot be written.
        """
        try:
            finished = regular and all(is_exhausted(ledger.mark) for ledger in self._ledgers.values())
            if finished or self._moved():
                self._write(finished=finished)
        finally:
            self.close()

    def close(self) -> None:
        """Let go of the state. Again: nothing."""
        self._state.close()

    def _moved(self) -> bool:
        return any(ledger.marked > self._written[name] for name, ledger in self._ledgers.items())

    def _write(self, *, finished: bool) -> None:
        marks = {}
        for name, ledger in self._ledgers.items():
            with ledger.lock:
                marks[name] = (ledger.mark, ledger.marked)
        self._state.write({name: mark for name, mark in marks.items() if mark[1]}, finished=finished)
        self._written = {name: count for name, (_, count) in marks.items()}
        self._written_at = time.monotonic()
        self._next_at = self._written_at + CHECKPOINT_INTERVAL_S
