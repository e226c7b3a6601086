"""Which parts of each source were dealt with, as the state of a pipeline keeps it, and as a run goes on from it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nanotyped.engine.checkpoint import EXHAUSTED, StateFile
from nanotyped.engine.fingerprint import fingerprint_of
from nanotyped.engine.resumption import contracts_of
from nanotyped.node import Part, Split

if TYPE_CHECKING:
    from pathlib import Path

    from nanotyped.graph import Graph

PARTS, SPLIT = "$parts", "$split"
_ENGINE = {"--engine dask": "parts"}
"""What the fingerprint of such a state has more; messages say it as it stands here: ``--engine dask is new``."""


def open_part_state(graph: Graph, directory: Path, pipeline: str | None, *, reset: bool = False) -> StateFile:
    """Return the state of a pipeline, open for a run of it on a cluster.

    Its cursors are sets of parts, which mean nothing to the engine of one process: each refuses the other's.

    Raises:
        StateError: If the state is in use, damaged, of another pipeline or of the other engine.
    """
    fingerprint = {**fingerprint_of(graph), **_ENGINE}
    return StateFile(directory, fingerprint, pipeline or "", reset=reset, contracts=contracts_of(graph))


def is_of_parts(fingerprint: Mapping[str, str]) -> bool:
    """Return whether a state is of a run on a cluster."""
    return _ENGINE.keys() <= fingerprint.keys()


def split_name(source: str) -> str:
    """Return under which name a state keeps the parts of a source."""
    return f"parts of {source}"


def split_cursor(split: Split) -> dict[str, Any]:
    """Return the parts of a source as a state keeps them."""
    parts = [[part.bounds, part.name, part.rows] for part in split.parts]
    return {SPLIT: {"by": split.by, "together": list(split.together), "parts": parts}}


def split_of(cursor: Any) -> Split:
    """Return the parts that ``split_cursor`` kept."""
    kept = cursor[SPLIT]
    return Split(tuple(Part(*part) for part in kept["parts"]), kept["by"], tuple(kept["together"]))


def done_cursor(done: Collection[int], count: int) -> dict[str, Any]:
    """Return which of so many parts were dealt with, as a state keeps it; all: the source is at its end."""
    return dict(EXHAUSTED) if len(done) == count else {PARTS: count, "done": _ranges(sorted(done))}


def done_of(cursor: Any, count: int) -> set[int]:
    """Return the parts that ``done_cursor`` kept."""
    if cursor is None:
        return set()
    if cursor == EXHAUSTED:
        return set(range(count))
    found: set[int] = set()
    for piece in filter(None, cursor["done"].split(",")):
        first, _, last = piece.partition("-")
        found.update(range(int(first), int(last or first) + 1))
    return found


def _ranges(places: Sequence[int]) -> str:
    """Return numbers as text: ``0-57,59``."""
    pieces: list[list[int]] = []
    for place in places:
        if pieces and place == pieces[-1][1] + 1:
            pieces[-1][1] = place
        else:
            pieces.append([place, place])
    return ",".join(f"{first}" if first == last else f"{first}-{last}" for first, last in pieces)


class InnerState:
    """Where the run at the coordinator keeps how far its sources are: passed on to whoever writes the state.

    Args:
        run_id: Id of the run.
        earlier_runs: Ids of those that it goes on with.
        cursors: Of sources at the coordinator, by the name that the run there has for them.
    """

    def __init__(self, run_id: str, earlier_runs: Sequence[str], cursors: Mapping[str, Any]) -> None:
        self.run_id = run_id
        self.earlier_runs = earlier_runs
        self.cursors = cursors
        self.latest: dict[str, tuple[Any, int]] = {}

    def write(self, cursors: Mapping[str, tuple[Any, int]], *, finished: bool) -> None:
        """Take how far the sources are."""
        del finished  # the whole run says so
        self.latest = {**self.latest, **cursors}

    def close(self) -> None:
        """Do nothing: the state is the whole run's."""
