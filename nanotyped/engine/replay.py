"""Dead letters given again: the rows go into the nodes that rejected them, and on from there, each letter once."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nanotyped.engine.checkpoint import StateError
from nanotyped.engine.dead_letters import DeadLetter, read_dead_letters
from nanotyped.engine.resumption import EXHAUSTED
from nanotyped.errors import DeadLetterError, GraphTypeError, RowError
from nanotyped.graph import survey_graph
from nanotyped.message import Checkpoint
from nanotyped.node import NanoNode
from nanotyped.row.raw_line import RawLine

if TYPE_CHECKING:
    from pathlib import Path

    from nanotyped.graph import Graph
    from nanotyped.row import Row

LOG_SUFFIX = ".replayed"


class DeadLetterSource(NanoNode[object, Any]):
    """Gives the rows of dead letters of one node, in the order of the file.

    In the place of a source that rejected them it bears that source's name, contract and error policy: what is still
    wrong is rejected again.
    """

    def __init__(self, letters: Sequence[DeadLetter], rejecter: NanoNode[Any, Any], **options: Any) -> None:
        self.letters = letters
        self._rejecter = rejecter
        super().__init__(**options)

    def generator(self) -> Iterator[Any]:
        """Yield each row, and behind it how many there were."""
        for count, letter in enumerate(self.letters, 1):
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

    Raises:
        StateError: If it cannot be used, or another replay uses it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.with_name(path.name + LOG_SUFFIX)
        self.cursors: Mapping[str, Any] = {}
        self._letters: dict[str, Sequence[DeadLetter]] = {}
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

    def follow(self, letters: Mapping[str, Sequence[DeadLetter]]) -> None:
        """Say which letters each source gives, by the name that checkpoints have for it."""
        self._letters = dict(letters)
        self._written = dict.fromkeys(letters, 0)

    def write(self, cursors: Mapping[str, tuple[Any, int]], *, finished: bool) -> None:
        """Keep the ids of the letters before each cursor; durable once this returns.

        Raises:
            StateError: If they cannot be kept.
        """
        del finished  # what is done is done, however the run ends
        ids: list[str] = []
        for source, (cursor, _) in cursors.items():
            letters = self._letters[source]
            count = len(letters) if cursor == EXHAUSTED else cursor
            ids += [letter.id for letter in letters[self._written[source] : count]]
            self._written[source] = max(count, self._written[source])
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
    letters = list({letter.id: letter for letter in read_dead_letters(path)}.values())
    strangers = sorted({letter.node for letter in letters} - {*by_name})
    if strangers:
        names = ", ".join(f"`{name}`" for name in strangers)
        known = ", ".join(f"`{name}`" for name in by_name)
        raise DeadLetterError(str(path), f"it names {names}, and the nodes of this pipeline are {known}")
    log = ReplayLog(path)
    try:
        left: dict[str, list[DeadLetter]] = {}
        for letter in letters:
            if letter.id not in log.done:
                left.setdefault(letter.node, []).append(letter)
        if not left:
            log.close()
            return None
        sources = _cut_loose({by_name[name]: own for name, own in left.items()})
        graph = _graph_of(sources)
        log.follow({f"`{source.name}`": source.letters for source in sources})
        count = sum(map(len, left.values()))
        return Replay(graph, log, count, len(letters) - count)
    except BaseException:
        log.close()
        raise


def _graph_of(sources: Iterable[DeadLetterSource]) -> Graph:
    survey = survey_graph(*sources)
    if survey.problems:
        raise GraphTypeError(survey.problems)
    return survey.graph


def _cut_loose(letters: Mapping[NanoNode[Any, Any], Sequence[DeadLetter]]) -> list[DeadLetterSource]:
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


def _source_for(node: NanoNode[Any, Any], letters: Sequence[DeadLetter]) -> DeadLetterSource:
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
