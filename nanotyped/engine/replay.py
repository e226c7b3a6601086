"""Dead letters given again: the rows go into the nodes that rejected them, and on from there, each letter once."""

from __future__ import annotations

import fcntl
import os
import uuid
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nanotyped.engine.checkpoint import EXHAUSTED, StateError
from nanotyped.engine.dead_letters import DeadLetter, read_dead_letters
from nanotyped.errors import DeadLetterError, GraphProblem, GraphStructureError, GraphTypeError, RowError
from nanotyped.graph import survey_graph
from nanotyped.message import Checkpoint
from nanotyped.node import NanoNode
from nanotyped.row.raw_line import RawLine

if TYPE_CHECKING:
    from nanotyped.graph import Graph
    from nanotyped.row import Row

LOG_SUFFIX = ".replayed"
Letters = Callable[[], Iterator[DeadLetter]]


class DeadLetterSource(NanoNode[object, Any]):
    """Gives the rows of dead letters of one node, in the order of the file.

    In the place of a source that rejected them it bears that source's name, contract and error policy: what is still
    wrong is rejected again.

    Attributes:
        given: The ids of the letters that were given and are in no log yet, in order.
    """

    def __init__(self, letters: Letters, rejecter: NanoNode[Any, Any], **options: Any) -> None:
        self.letters = letters
        self.given: deque[str] = deque()
        self._rejecter = rejecter
        super().__init__(**options)

    def generator(self) -> Iterator[Any]:
        """Yield each row, and behind it how many there were."""
        for count, letter in enumerate(self.letters(), 1):
            self.given.append(letter.id)
            yield self._read_again(letter.row, count) if isinstance(letter.row, RawLine) else letter.row
            yield Checkpoint(count)

    def _read_again(self, line: RawLine, number: int) -> Row | None:
        """Return the row of a line; one that still is none is rejected again."""
        try:
            row = self._rejecter.read_again(line)
        except RowError as error:
            error.row = number
            self.reject(line, error)
            return None
        self.statistics.rejected += row is None
        return row


class ReplayLog:
    """Which letters of a file were dealt with: their ids, a line each, in a file beside it. Open for one run.

    Args:
        path: The file of dead letters.

    Attributes:
        path: The log.
        done: The ids that it holds.
        cursors: None: every run gives what the log does not hold.
        run_id: Id of the run that it is open for.
        earlier_runs: None: what they rejected is given again.

    Raises:
        StateError: If it cannot be used, or another replay uses it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(path.name + LOG_SUFFIX)
        self.cursors: Mapping[str, Any] = {}
        self.run_id = uuid.uuid4().hex
        self.earlier_runs: Sequence[str] = ()
        self._given: dict[str, deque[str]] = {}
        self._written: dict[str, int] = {}
        try:
            self._file = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StateError(self.path, f"it cannot be opened: {error.strerror}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            raise StateError(self.path, "another replay uses it", "wait for its end") from error
        text = self.path.read_bytes()
        whole, _, torn = text.rpartition(b"\n")
        if torn:  # of a process that was killed while it wrote: that letter is given again
            os.ftruncate(self._file, len(text) - len(torn))
        self.done = frozenset(whole.decode().split())

    def follow(self, given: Mapping[str, deque[str]]) -> None:
        """Say where each source keeps the ids that it gave, by the name that checkpoints have for it."""
        self._given = dict(given)
        self._written = dict.fromkeys(given, 0)

    def write(self, cursors: Mapping[str, tuple[Any, int]], *, finished: bool) -> None:
        """Keep the ids of the letters before each cursor; durable once this returns.

        Raises:
            StateError: If they cannot be kept.
        """
        del finished  # what is done is done, however the run ends
        ids: list[str] = []
        for source, (cursor, _) in cursors.items():
            given = self._given[source]
            count = len(given) if cursor == EXHAUSTED else cursor - self._written[source]
            ids += [given.popleft() for _ in range(count)]
            self._written[source] += count
        try:
            left = memoryview("".join(f"{one}\n" for one in ids).encode())
            while left:
                left = left[os.write(self._file, left) :]
            os.fsync(self._file)
        except OSError as error:
            raise StateError(self.path, f"it cannot be written: {error.strerror}") from error

    def close(self) -> None:
        """Let go of the log."""
        os.close(self._file)


@dataclass(frozen=True, slots=True)
class Replay:
    """What is to be run to give dead letters again.

    Attributes:
        graph: The nodes that rejected, what comes behind them, and a source for each of them.
        log: Where a run of it keeps what is done.
        letters: How many are given.
        done: How many were done before.
    """

    graph: Graph
    log: ReplayLog
    letters: int
    done: int


def plan_replay(nodes: Iterable[NanoNode[Any, Any]], path: Path) -> Replay | None:
    """Return how the dead letters of a file are given again; ``None`` where every one of them was.

    The nodes are cut loose from those before them, so this is the last that is done with their pipeline but to run it.

    Args:
        nodes: The nodes of the pipeline, which was checked.
        path: The file of dead letters.

    Raises:
        DeadLetterError: If the file cannot be read, or names a node that the pipeline does not have.
        StateError: If another replay of the file is under way, or what is done cannot be kept.
        GraphTypeError: If the nodes cannot be run so.
    """
    by_name = {node.label: node for node in nodes}
    end = _end_of(path)
    ids = _ids_of(path, end)
    strangers = sorted({*ids} - {*by_name})
    if strangers:
        names = ", ".join(f"`{name}`" for name in strangers)
        known = ", ".join(f"`{name}`" for name in by_name)
        raise DeadLetterError(str(path), f"it names {names}, and the nodes of this pipeline are {known}")
    log = ReplayLog(path)
    try:
        left = {name: len(own - log.done) for name, own in ids.items()}
        if not any(left.values()):
            log.close()
            return None
        sources = _cut_loose(
            {by_name[name]: partial(_left_of, path, end, log.done, name) for name, count in left.items() if count}
        )
        graph = _graph_of(sources)
        _refuse_to_replace(graph)
        log.follow({f"`{source.name}`": source.given for source in sources})
        count = sum(left.values())
        return Replay(graph, log, count, sum(map(len, ids.values())) - count)
    except BaseException:
        log.close()
        raise


def _end_of(path: Path) -> int:
    """Return up to where the letters stand that are given: a replay writes more behind them."""
    try:
        return path.stat().st_size
    except OSError as error:
        raise DeadLetterError(str(path), f"it cannot be read: {error.strerror}") from error


def _ids_of(path: Path, end: int) -> dict[str, set[str]]:
    """Return the ids of the letters by node; every letter is read, so that one that cannot be is known before a run."""
    found: dict[str, set[str]] = {}
    for letter in read_dead_letters(path, end):
        found.setdefault(letter.node, set()).add(letter.id)
    return found


def _left_of(path: Path, end: int, done: Collection[str], node: str) -> Iterator[DeadLetter]:
    """Yield the letters of a node that are left, each once, as they are read."""
    given: set[str] = set()
    for letter in read_dead_letters(path, end):
        if letter.node == node and letter.id not in done and letter.id not in given:
            given.add(letter.id)
            yield letter


def _graph_of(sources: Iterable[DeadLetterSource]) -> Graph:
    survey = survey_graph(*sources)
    if survey.problems:
        raise GraphTypeError(survey.problems)
    return survey.graph


def _refuse_to_replace(graph: Graph) -> None:
    """Refuse a replay whose few rows would take the place of all that a run wrote.

    Raises:
        GraphTypeError: With each such node.
    """
    problems: list[GraphProblem] = [
        GraphStructureError(
            f"node `{node.label}` would replace {path} by the rows of these dead letters alone",
            node=node.label,
            hint="move the file away first, or write part files with segments: true",
        )
        for node in graph.nodes
        for path in node.replaced_files()
        if Path(path).exists()
    ]
    if problems:
        raise GraphTypeError(problems)


def _cut_loose(letters: Mapping[NanoNode[Any, Any], Letters]) -> list[DeadLetterSource]:
    """Link a source of dead letters to each node that rejected some, and cut off all that is not behind one of them."""
    kept: dict[NanoNode[Any, Any], None] = {}
    waiting = [node for rejecter in letters for node in _takers(rejecter)]
    while waiting:
        node = waiting.pop()
        if node not in kept:
            kept[node] = None
            waiting += node.output_node_list
    sources = [_source_for(node, own) for node, own in letters.items()]
    entries = [_takers(node) for node in letters]
    for node in kept:
        for source in node.input_node_list:
            if source not in kept:
                source.unlink(node)
    for source, targets in zip(sources, entries, strict=True):
        for target in targets:
            source.add_edge(target)
    return sources


def _takers(rejecter: NanoNode[Any, Any]) -> list[NanoNode[Any, Any]]:
    """Return the nodes that a rejected row goes into: the one that rejected it, or those behind a source."""
    return rejecter.output_node_list if rejecter.is_source else [rejecter]


def _source_for(node: NanoNode[Any, Any], letters: Letters) -> DeadLetterSource:
    if not node.is_source:
        return DeadLetterSource(letters, node, name=f"dead letters of {node.label}")
    policy = node.error_policy
    return DeadLetterSource(
        letters,
        node,
        name=node.label,
        output_schema=node.output_schema_for(None),
        on_error=policy.on_error,
        max_errors=policy.max_errors,
        max_error_rate=policy.max_error_rate,
        dead_letter=policy.dead_letter,
    )
