"""What a worker does: a part of a source goes through a copy of its segment, run in threads as any pipeline is.

The only code of the cluster that runs on workers, with ``recipe`` and ``returning``. Nothing here decides: what became
of a part is told to the coordinator, which does.
"""

from __future__ import annotations

import logging
import pickle
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, replace
from typing import TYPE_CHECKING, Any

from nanotyped.cluster.recipe import (
    SegmentRecipe,
    Versions,
    install_modules,
    make_nodes,
    spelled_flows,
)
from nanotyped.cluster.returning import Returning
from nanotyped.cluster.shuffle import SortedRows, Sorting
from nanotyped.engine import Run
from nanotyped.errors import ClusterError, GraphTypeError, NanotypedError, NodeFailedError, SourceError
from nanotyped.graph import Graph, build_graph
from nanotyped.node.links import link_nodes

if TYPE_CHECKING:
    from pathlib import Path

    from nanotyped.graph.flows import Node
    from nanotyped.node import NodeReport, Part, RunReport

TELL_S = 0.25
"""How often a worker tells how far a part is."""
FILL_S = 3600.0
"""How long a batch waits until it is full: a part ends before that, and is cut into the same batches each time."""
_lock = threading.Lock()
_idle: dict[str, list[_Segment]] = {}
_running: dict[str, set[Run]] = {}


@dataclass(frozen=True, slots=True)
class Failure:
    """What ended a part before its time.

    Attributes:
        node: The node that failed; ``""`` where the worker itself is not as it must be.
        error: The cause, or what can be told of it where it cannot travel.
        row: The row in hand, as text.
    """

    node: str
    error: BaseException
    row: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a part.

    Attributes:
        worker: The address of the worker.
        nodes: What each node of the segment did, by its label.
        returned: The rows that go on at the coordinator, encoded, by the label of the node that gave them.
        sorted_rows: The rows that are brought together by groups, encoded, for each shuffle by bucket.
        letters: The dead letters, by the path of their file.
        failure: What ended it; ``None`` of a part that came to its end.
    """

    worker: str
    nodes: Mapping[str, NodeReport]
    returned: Mapping[str, Sequence[bytes]]
    sorted_rows: Sequence[Mapping[int, Sequence[bytes]]]
    letters: Mapping[str, Sequence[bytes]]
    failure: Failure | None = None


class KeptLetters:
    """Dead letters of a part, in memory, until the coordinator writes them."""

    def __init__(self) -> None:
        self.by_path: dict[str, list[bytes]] = {}

    def open(self, path: Path) -> _KeptLetters:
        """Return what keeps those of a path."""
        return _KeptLetters(self.by_path.setdefault(str(path), []))

    def close(self) -> None:
        """Do nothing: they are part of the outcome."""


class _KeptLetters:
    def __init__(self, kept: list[bytes]) -> None:
        self._kept = kept

    def append(self, letters: Sequence[bytes]) -> None:
        self._kept.extend(letters)


class _Segment:
    """Copies of the nodes of a segment, linked, for one part after the other."""

    def __init__(self, recipe: SegmentRecipe) -> None:
        self.recipe = recipe
        nodes = make_nodes(recipe)
        self.source = nodes[0]
        for source, target, queue_rows in recipe.edges:
            link_nodes(nodes[source], nodes[target], queue_rows)
        for node in nodes:
            self._fit(node, recipe.copies)
        try:
            for node in nodes:
                node.discover_schema()
        except SourceError as error:
            raise ClusterError(f"node `{node.label}`: {error}") from error
        try:
            self._check_flows(nodes)
        except GraphTypeError as error:
            raise ClusterError(f"what can run at the coordinator cannot here: {error}") from error
        self.returning = {
            nodes[place].label: Returning(name=f"rows of {nodes[place].label}") for place in recipe.returning
        }
        self._origins = {node.label: origin for origin, node in self.returning.items()}
        for place in recipe.returning:
            link_nodes(nodes[place], self.returning[nodes[place].label])
        self.sorting = [
            Sorting(by=by, buckets=buckets, name=f"groups {number} of {nodes[place].label}")
            for number, (place, by, buckets) in enumerate(recipe.sorting)
        ]
        for node, (place, _, _) in zip(self.sorting, recipe.sorting, strict=True):
            link_nodes(nodes[place], node)
            self._origins[node.label] = nodes[place].label
        self.graph: Graph = build_graph(self.source)

    @staticmethod
    def _fit(node: Node, copies: int) -> None:
        """Let a copy take its share of what the whole run may do; the rest of the limits is the coordinator's."""
        node.copies = copies
        node.error_policy = replace(node.error_policy, max_error_rate=None)
        if node.batch_rows > 1 and (node.is_sink or node.gathers_rows):
            node.batch_wait_s = FILL_S
        if node.is_source:
            node.send_batch_markers = False  # they stand around all rows, not around those of a part

    def _check_flows(self, nodes: Sequence[Node]) -> None:
        edges = [(nodes[source], nodes[target]) for source, target, _ in self.recipe.edges]
        found = spelled_flows(build_graph(self.source), edges) if edges else ()
        for (source, target), here, there in zip(edges, found, self.recipe.schemas, strict=True):
            if here != there:
                raise ClusterError(
                    f"`{source.label} → {target.label}`: the rows are ({'; '.join(here)}) here and"
                    f" ({'; '.join(there)}) at the coordinator; what they are read from has changed, or is another here"
                )

    def run(self, part: Part, place: int, pieces: Sequence[bytes]) -> Outcome:
        """Run a part, the so-many-th of its source, to its end and return what became of it."""
        recipe = self.recipe
        letters = KeptLetters()
        if isinstance(self.source, SortedRows):
            self.source.pieces = pieces
        self.source.part = part
        run = Run(
            self.graph,
            recipe.pipeline_name,
            recipe.grace_s,
            letters=letters,
            run_id=recipe.run_id,
            logs_status=False,
        )
        failure = None
        with _known(recipe.run_id, run), _Telling(run, recipe.topic, place):
            try:
                run.start()
                report = run.wait()
            except NodeFailedError as error:
                failure = self._failure_of(error)
                report = run.report()
        if failure is None and any(node.status != "success" for node in report.nodes):
            failure = Failure(self.source.label, ClusterError("the part was stopped"))
        own = {label: list(node.batches) for label, node in self.returning.items()}
        sorted_rows = [node.pieces for node in self.sorting]
        return Outcome(worker_address(), self._reports(report), own, sorted_rows, letters.by_path, failure)

    def _failure_of(self, error: NodeFailedError) -> Failure:
        cause = error.__cause__ or error
        node = self._origins.get(error.node, error.node)
        if node != error.node:
            cause.add_note("on the way to the coordinator")
        return Failure(node, _travelling(cause), error.row)

    def _reports(self, report: RunReport) -> dict[str, NodeReport]:
        return {told.name: told for told in report.nodes if told.name not in self._origins}


def _travelling(error: BaseException) -> BaseException:
    """Return an error that can be sent: itself, or what there is to say of it."""
    try:
        sent = pickle.loads(pickle.dumps(error))  # noqa: S301 - what this very line made
    except Exception:  # noqa: BLE001 - an error's own code may raise anything, and its text is left
        sent = None
    if type(sent) is type(error) and str(sent) == str(error):
        return error
    told = NanotypedError(f"{type(error).__name__}: {error}")
    for note in getattr(error, "__notes__", ()):
        told.add_note(note)
    return told


def run_part(recipe: SegmentRecipe, part: Part, place: int, pieces: Sequence[bytes]) -> Outcome:
    """Run a part of a source, or a bucket of a shuffle with its rows; the task of a worker."""
    try:
        segment = _take(recipe)
    except ClusterError as error:
        return Outcome(worker_address(), {}, {}, [], {}, Failure("", error))
    outcome = segment.run(part, place, pieces)
    if outcome.failure is None:  # what failed may have left something behind
        _keep(segment)
    return outcome


def _take(recipe: SegmentRecipe) -> _Segment:
    with _lock:
        kept = _idle.get(recipe.topic)
        if kept:
            return kept.pop()
    check_worker(recipe)
    return _Segment(recipe)


def _keep(segment: _Segment) -> None:
    """Keep a segment for the next part."""
    with _lock:
        _idle.setdefault(segment.recipe.topic, []).append(segment)


def check_worker(recipe: SegmentRecipe) -> None:
    """Raise if this worker cannot take part in a run, and get its modules.

    Raises:
        ClusterError: If its versions or modules are not the coordinator's.
    """
    if difference := recipe.versions.difference(Versions.here()):
        raise ClusterError(f"it has {difference}; all processes of a run must have the same")
    with _lock:
        install_modules(recipe.modules)


def try_worker(recipe: SegmentRecipe) -> str:
    """Make a segment once, before anything is read, and return why this worker cannot; ``""`` if it can."""
    try:
        segment = _take(recipe)
    except ClusterError as error:
        return str(error)
    _keep(segment)
    return ""


def stop_parts(run_id: str) -> None:
    """End the parts of a run that this worker is at, as ``kill`` does, and forget its segments."""
    forget_run(run_id)
    with _lock:
        runs = list(_running.get(run_id, ()))
    for run in runs:
        run.kill()


def forget_run(run_id: str) -> None:
    """Let go of what was kept for the parts of a run."""
    with _lock:
        for key in [key for key in _idle if key.startswith(f"{run_id}/")]:
            del _idle[key]


@contextmanager
def _known(run_id: str, run: Run) -> Iterator[None]:
    with _lock:
        _running.setdefault(run_id, set()).add(run)
    try:
        yield
    finally:
        with _lock:
            _running[run_id].discard(run)


# -- what is told on the way --------------------------------------------------------


def worker_address() -> str:
    """Return the address of this worker."""
    import distributed  # noqa: PLC0415 - an extra, and on a worker it is there

    return str(distributed.get_worker().address)


class _Telling:
    """Tells the coordinator how far a part is, and what is logged meanwhile, while its block runs."""

    def __init__(self, run: Run, topic: str, place: int) -> None:
        import distributed  # noqa: PLC0415 - as above

        self._run = run
        self._worker = distributed.get_worker()
        self._topic = topic
        self._place = place
        self._handler = _Forwarding(self._tell)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._keep_telling, name="nanotyped-telling", daemon=True)

    def __enter__(self) -> None:
        logging.getLogger("nanotyped").addHandler(self._handler)
        self._thread.start()

    def __exit__(self, *exception: object) -> None:
        self._end.set()
        self._thread.join()
        logging.getLogger("nanotyped").removeHandler(self._handler)

    def _keep_telling(self) -> None:
        while not self._end.wait(TELL_S):
            self._tell({"kind": "progress", "nodes": [astuple(told) for told in self._run.report().nodes]})

    def _tell(self, facts: dict[str, Any]) -> None:
        self._worker.log_event(self._topic, {**facts, "place": self._place, "worker": self._worker.address})


class _Forwarding(logging.Handler):
    """Sends what is logged at WARNING and above to the coordinator."""

    def __init__(self, tell: Any) -> None:
        super().__init__(logging.WARNING)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record as text."""
        if record.name == "nanotyped.engine":  # a failure, which the outcome tells
            return
        text = record.getMessage()
        node = getattr(record, "facts", {}).get("node")  # whose rows each part has others of
        self._tell(
            {
                "kind": "log",
                "logger": record.name,
                "level": record.levelno,
                "text": text,
                "about": text if node is None else f"{node}: {record.msg}",
                "has_no_row_values": getattr(record, "has_no_row_values", False),
            }
        )
