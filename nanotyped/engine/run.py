"""A run of a pipeline: start all nodes, wait, drain or stop, and say what became of it."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nanotyped.engine.checkpoint import StateError
from nanotyped.engine.conservation import check_conservation
from nanotyped.engine.dead_letters import DeadLetterFiles, letters_of
from nanotyped.engine.giving import SourceWorker
from nanotyped.engine.monitor import Monitor
from nanotyped.engine.processing import ProcessingWorker
from nanotyped.engine.rejection import Rejections
from nanotyped.engine.resumption import Checkpoints, CursorStore, open_state, without_state
from nanotyped.engine.shaping import fitted_row, row_of_anything
from nanotyped.engine.watch import Watch
from nanotyped.errors import ConservationError, ContractDriftError, NodeFailedError, PipelineStateError
from nanotyped.graph import Graph, build_graph
from nanotyped.graph.drift import impacts_of
from nanotyped.message import Aside, Marker, PoisonPill
from nanotyped.node import NanoNode, NodeReport, NodeStatistics, RunReport
from nanotyped.node.running import DEFAULT_GRACE_S, NO_ROW_VALUES
from nanotyped.row import Row
from nanotyped.row.schema import BARE_VALUE

if TYPE_CHECKING:
    from nanotyped.channel import Channel
    from nanotyped.engine.dead_letters import LetterFiles
    from nanotyped.engine.rejection import RejectionWatch
    from nanotyped.engine.worker import Worker
    from nanotyped.message import Batch

SIGNAL_SLICE_S = 0.25
logger = logging.getLogger("nanotyped.engine")
# What is said there becomes of the run at a signal, and is shown as the program's own word.
signals_logger = logging.getLogger("nanotyped.signals")


class Run:
    """One run of a graph. All methods may be called from any thread, at any time, repeatedly.

    Args:
        graph: What to run.
        pipeline_name: Becomes an attribute of every node and stands in the report.
        grace_s: How long, in seconds, nodes may take to end after a failure, a stop or a signal.
        state: Where it goes on from and keeps its checkpoints; the run lets go of it at its end.
        watch: Told of each row that a node with an error policy rejects, in the thread of that node.
        letters: Where dead letters go; by default into their files.
        run_id: What tells the run from every other, where it is a part of one; by default that of the state, or a new
            one.
        logs_status: Whether the status of the nodes is logged now and then.

    Attributes:
        run_id: What tells this run from every other, in logs and measurements.
        began_at: When it was started, in UTC, by the clock of the machine.
        started_at: The same as ``time.monotonic()``.
    """

    def __init__(
        self,
        graph: Graph,
        pipeline_name: str | None = None,
        grace_s: float = DEFAULT_GRACE_S,
        state: CursorStore | None = None,
        watch: RejectionWatch | None = None,
        *,
        letters: LetterFiles | None = None,
        run_id: str | None = None,
        logs_status: bool = True,
    ) -> None:
        self.graph = graph
        self._watch = watch
        self.pipeline_name = pipeline_name
        self.run_id = run_id or (uuid.uuid4().hex if state is None else state.run_id)
        self._earlier_runs = () if state is None else tuple(state.earlier_runs)
        self.grace_s = grace_s
        self._dead_letters = DeadLetterFiles() if letters is None else letters
        self._lock = threading.Lock()
        self._failure: NodeFailedError | None = None
        self._stopping_since: float | None = None
        self._drained_by: float | None = None
        self._aborted = False
        self._waiting = 0
        self._done = threading.Event()
        self._wake = threading.Event()
        self.started_at = time.monotonic()
        self.began_at = datetime.now(UTC)
        self._ended_at: float | None = None
        for node in graph.nodes:
            _prepare(node, self, pipeline_name)
        self.workers = [self._new_worker(node) for node in graph.nodes]
        self._busy = set(self.workers)
        self._by_node = {worker.node: worker for worker in self.workers}
        self._channels: dict[Worker, list[Channel[Batch[Row]]]] = {worker: [] for worker in self.workers}
        self._connect()
        ledgers = {worker.node: worker.ledger for worker in self.workers if worker.ledger is not None}
        self._checkpoints = None if state is None else Checkpoints(state, graph, ledgers)
        for node in ledgers:
            if state is None and node.cursor_outlives_run:
                logger.warning("%s", without_state(node), extra=NO_ROW_VALUES)
        self._monitor = Monitor(self, is_silent=not logs_status)
        self._supervisor = threading.Thread(target=self._supervise, name="nanotyped-supervisor")

    def _new_worker(self, node: NanoNode[Any, Any]) -> Worker:
        rejections = self._rejections_of(node)
        if node.is_source:
            return SourceWorker(node, self._on_failure, self._on_end, rejections, self._on_advance)
        return ProcessingWorker(node, self._on_failure, self._on_end, rejections)

    def _rejections_of(self, node: NanoNode[Any, Any]) -> Rejections | None:
        if not node.error_policy.rejects:
            return None
        return Rejections(node, self.run_id, self._dead_letters.open, self._watch)

    def _connect(self) -> None:
        by_node = self._by_node
        for edge in self.graph.edges:
            source, target = by_node[edge.source], by_node[edge.target]
            assert target.inbox is not None  # a target of an edge is no source
            channel = target.inbox.open_channel(edge.queue_rows, source.outbox.pull)
            self._channels[source].append(channel)
            target.senders[channel] = edge.source
            source.outbox.connect(channel)

    # -- seen from outside -----------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether the run was started and has not ended."""
        return self._supervisor.ident is not None and not self._done.is_set()

    @property
    def failed(self) -> bool:
        """Whether a node has failed."""
        return self._failure is not None

    def rows_queued(self, name: str) -> int:
        """Return how many rows wait on the inputs of the node that reports call so."""
        for worker in self.workers:
            if worker.node.label == name:
                return self.rows_waiting(worker.node)
        raise KeyError(name)

    def rows_waiting(self, node: NanoNode[Any, Any]) -> int:
        """Return how many rows wait on the inputs of a node."""
        inbox = self._by_node[node].inbox
        return inbox.rows_waiting if inbox is not None else 0

    def oldest_s(self, node: NanoNode[Any, Any]) -> float | None:
        """Return for how long, in seconds, rows of a source have been on their way at most; ``None`` of no source."""
        ledger = self._by_node[node].ledger
        return None if ledger is None else ledger.oldest_s

    @property
    def checkpoint_lag_s(self) -> float | None:
        """For how long what was dealt with is in no checkpoint, in seconds; ``None`` without a state."""
        checkpoints = self._checkpoints
        return None if checkpoints is None else checkpoints.lag_s

    def earlier_dead_letters(self) -> dict[Path, int]:
        """Return how many letters of the runs that this one goes on with are in its files of dead letters.

        Raises:
            DeadLetterError: If such a file cannot be read.
        """
        return letters_of(self.graph.nodes, self._earlier_runs)

    def work_of(self, thread_name: str) -> tuple[str, int] | None:
        """Return the node of a thread, and the number of the batch that it is at, from 1; ``None`` of other threads.

        A source is at the batch that it will send next, any other node at the one that it took last.
        """
        for worker in self.workers:
            if worker.thread.name != thread_name.rpartition("#")[0] and worker.thread.name != thread_name:
                continue
            if worker.inbox is not None:
                return worker.node.label, worker.inbox.batches_received
            return worker.node.label, 1 + max((channel.batches_sent for channel in self._channels[worker]), default=0)
        return None

    def report(self) -> RunReport:
        """Return what each node has done so far."""
        seconds = (self._ended_at or time.monotonic()) - self.started_at
        nodes: tuple[NodeReport, ...] = tuple(worker.report() for worker in self.workers)
        return RunReport(nodes, round(seconds, 3), self.pipeline_name, self.run_id)

    def differences(self) -> list[str]:
        """Return where the counts of the nodes do not add up, of those that came to a regular end."""
        error = check_conservation(self.graph, self.workers)
        return [] if error is None else list(error.differences)

    def watch(self) -> Watch:
        """Return what looks at the run."""
        return Watch(self)

    def start(self) -> None:
        """Start every node, sinks first, and the supervisor. Does not wait."""
        self.started_at = time.monotonic()
        self.began_at = datetime.now(UTC)
        self._supervisor.start()
        for worker in reversed(self.workers):
            worker.thread.start()

    def wait(self, timeout_s: float | None = None) -> RunReport:
        """Wait for the end and return the report.

        Raises:
            NodeFailedError: If a node failed; the report is in its ``report``.
            TimeoutError: If the run still goes on after ``timeout_s`` seconds.
        """
        with self._lock:
            self._waiting += 1
        if not self._wait_until_done(timeout_s):
            with self._lock:
                self._waiting -= 1
            raise TimeoutError(f"the pipeline still runs after {timeout_s} s")
        self._supervisor.join()
        if self._failure is not None:
            raise self._failure
        return self.report()

    def _wait_until_done(self, timeout_s: float | None) -> bool:
        """Wait in slices: a signal that comes just as a wait begins is handled by Python only when that wait ends."""
        ends_at = None if timeout_s is None else time.monotonic() + timeout_s
        while ends_at is None or time.monotonic() < ends_at:
            left_s = SIGNAL_SLICE_S if ends_at is None else max(0.0, ends_at - time.monotonic())
            if self._done.wait(min(SIGNAL_SLICE_S, left_s)):
                return True
        return self._done.is_set()

    def drain(self, *, within_s: float | None = None) -> None:
        """Stop the sources; what is in flight is delivered, then the nodes end.

        Args:
            within_s: How long that may take, in seconds, before the run is ended as by ``kill``; ``None``: for ever.
        """
        if within_s is not None:
            self._drained_by = time.monotonic() + within_s
        for worker in self.workers:
            worker.drain()
        self._wake.set()

    def terminate(self) -> None:
        """End every node after the row in its hand; queued rows are not processed, what ``cleanup`` yields is sent."""
        self._abort(silent=False)

    def kill(self) -> None:
        """End as ``terminate`` does, without what ``cleanup`` yields, and without nodes that do not end in a second."""
        self.grace_s = min(self.grace_s, 1.0)
        self._abort(silent=True)

    def _abort(self, *, silent: bool) -> None:
        with self._lock:
            was_aborted, self._aborted = self._aborted, True
            self._stopping_since = self._stopping_since or time.monotonic()
        if not was_aborted or silent:
            for worker in self.workers:
                worker.abort(silent=silent)
            for worker in self.workers:
                worker.all_told.set()
        self._wake.set()

    def broadcast(self, message: object) -> None:
        """Put a message into every edge, behind what was sent over it; a ``PoisonPill`` ends the run as a drain does.

        Raises:
            PipelineStateError: If the run was not started, or has ended.
            RowError: If rows of an edge have a known schema and the message is no such row; then it is put nowhere.
        """
        if not self.running:
            raise PipelineStateError("the pipeline is not running; broadcast() reaches the edges of a run")
        if message is None or (isinstance(message, Aside) and not isinstance(message, Marker)):
            return
        senders = [worker for worker in self.workers if worker.outbox.channels]
        if isinstance(message, Marker):
            for worker in senders:
                worker.outbox.put_in(None, message)
            if isinstance(message, PoisonPill):
                self.drain()
            return
        given = message if isinstance(message, Row | Mapping) else {BARE_VALUE: message}
        row = given if isinstance(given, Row) else row_of_anything(given)
        fitting = [fitted_row(row, self.graph.edges_from(worker.node)[0]) for worker in senders]
        for worker, own in zip(senders, fitting, strict=True):
            worker.outbox.put_in(own, None)

    # -- seen from inside ----------------------------------------------------------------------

    def _on_failure(self, worker: Worker, error: BaseException, row: str | None) -> None:
        with self._lock:
            if self._failure is None:
                self._failure = NodeFailedError(worker.node.label, error, row)
                self._failure.__cause__ = error
                self._stopping_since = time.monotonic()
        for other in self.workers:
            other.drain()
        if worker.inbox is not None:
            worker.inbox.cancel()
        self._wake.set()

    def _on_advance(self) -> None:
        """A source's mark has moved: there may be a checkpoint to write."""
        if self._checkpoints is not None:
            self._wake.set()

    def _on_end(self, worker: Worker) -> None:
        with self._lock:
            self._busy.discard(worker)
            finished = not self._busy
        if finished:
            self._wake.set()

    def _supervise(self) -> None:
        while self._busy and not self._out_of_grace():
            self._wake.wait(self._patience())
            self._wake.clear()
            self._monitor.log_if_due()
            self._end_overdue_drain()
            self._keep(lambda checkpoints: checkpoints.write_if_due())
        stuck = [worker.node.label for worker in self.workers if worker in self._busy]
        for worker in self.workers:
            if worker not in self._busy:
                worker.thread.join()
        self._ended_at = time.monotonic()
        self._dead_letters.close()
        self._check_conservation(stuck)
        regular = self._failure is None and not stuck
        self._keep(lambda checkpoints: checkpoints.finish(regular=regular))
        self._conclude(stuck)
        self._monitor.log()
        with self._lock:
            self._done.set()
            nobody_waits = not self._waiting
        if self._failure is not None and nobody_waits:
            logger.error("%s", self._failure, exc_info=self._failure.__cause__)

    def _end_overdue_drain(self) -> None:
        """End a run that was to be drained by now, and say which nodes it waits for."""
        if self._drained_by is None or self._stopping_since is not None or time.monotonic() < self._drained_by:
            return
        busy = [worker for worker in self.workers if worker in self._busy]
        held_up = [worker for worker in busy if worker.is_at_work] or busy
        names = ", ".join(f"`{worker.node.label}`" for worker in held_up)
        one = len(held_up) == 1
        text = "not finished after %g s: %s %s still at work; stopping now"
        what = f"node {names}" if one else f"nodes {names}"
        signals_logger.warning(text, self.grace_s, what, "is" if one else "are", extra=NO_ROW_VALUES)
        self.kill()

    def _check_conservation(self, stuck: list[str]) -> None:
        """Fail a run whose counts do not add up, before anything says that it is done."""
        if self._failure is None and not stuck and (found := self.differences()):
            error = ConservationError(found)
            self._failure = NodeFailedError("the run", error)
            self._failure.__cause__ = error

    def _keep(self, write: Callable[[Checkpoints], None]) -> None:
        """Write a checkpoint; that none can be written ends the run, for it could not be resumed."""
        if self._checkpoints is None:
            return
        try:
            write(self._checkpoints)
        except StateError as error:
            with self._lock:
                if self._failure is None:
                    self._failure = NodeFailedError("checkpoints", error)
                    self._failure.__cause__ = error
                    self._stopping_since = time.monotonic()
            self._checkpoints.close()
            self._checkpoints = None
            self.drain()

    def _judge_drift(self) -> None:
        """Say what a table that was altered does to the nodes downstream; their threads have ended by now."""
        failure = self._failure
        drift = None if failure is None else failure.__cause__
        if failure is None or not isinstance(drift, ContractDriftError) or drift.impacts:
            return  # a sink has said itself what it does not take any more
        node = next(worker.node for worker in self.workers if worker.node.label == failure.node)
        impacts = impacts_of(self.graph.nodes, node, drift.before, drift.after)
        judged = drift.judged({name: str(impact) for name, impact in impacts.items() if str(impact)})
        judged.__cause__ = drift.__cause__
        self._failure = NodeFailedError(failure.node, judged, failure.row)
        self._failure.__cause__ = judged.with_traceback(drift.__traceback__)

    def _conclude(self, stuck: list[str]) -> None:
        self._judge_drift()
        if self._failure is None and stuck:
            cause = TimeoutError(f"still busy {self.grace_s:g} s after the stop")
            self._failure = NodeFailedError(stuck[0], cause, None, stuck)
        elif self._failure is not None and stuck:
            cause_before = self._failure.__cause__
            assert cause_before is not None  # a failure of a node has one
            self._failure = NodeFailedError(self._failure.node, cause_before, self._failure.row, stuck)
            self._failure.__cause__ = cause_before
        if self._failure is not None:
            self._failure.report = self.report()

    def _out_of_grace(self) -> bool:
        return self._stopping_since is not None and time.monotonic() - self._stopping_since > self.grace_s

    def _patience(self) -> float:
        left_s = self._monitor.seconds_left()
        due_s = None if self._checkpoints is None else self._checkpoints.seconds_left
        if due_s is not None:
            left_s = min(left_s, due_s)
        if self._stopping_since is not None:
            left_s = min(left_s, self._stopping_since + self.grace_s - time.monotonic())
        elif self._drained_by is not None:
            left_s = min(left_s, self._drained_by - time.monotonic())
        return max(0.01, left_s)


def _prepare(node: NanoNode[Any, Any], run: Run, pipeline_name: str | None) -> None:
    node._run = run
    node._stop.clear()
    node.resume_from = None  # a run with a state sets it
    node.ended_regularly = False
    node.statistics = NodeStatistics()
    whole: NanoNode[Any, Any] | None = node
    while pipeline_name is not None and whole is not None:  # and the composites that it is a part of
        whole.pipeline_name = pipeline_name
        whole = whole.part_of


def refuse_second_run(node: NanoNode[Any, Any]) -> None:
    """Refuse to prepare a run of a pipeline that has one.

    Raises:
        PipelineStateError: If anything connected to ``node`` runs.
    """
    if any(other._run is not None and other._run.running for other in node.all_connected()):
        raise PipelineStateError("this pipeline runs already; wait for its end or terminate it first")


def prepare_run(
    node: NanoNode[Any, Any],
    pipeline_name: str | None = None,
    *,
    strict: bool = False,
    grace_s: float = DEFAULT_GRACE_S,
    state_dir: str | Path | None = None,
    reset_state: bool = False,
    watch: RejectionWatch | None = None,
) -> Run:
    """Check everything connected to ``node`` and return its run, not yet started.

    The pipeline is checked twice: as it is declared, before anything connects; and, once sources have looked at what
    they read, with the real schemas.

    Args:
        node: Any node of the pipeline.
        pipeline_name: Becomes an attribute of every node.
        strict: Whether edges of unknown schema are refused.
        grace_s: How long, in seconds, nodes may take to end after a failure, a stop or a signal.
        state_dir: Directory of the state: where the run goes on if the last one was stopped, and keeps its checkpoints.
        reset_state: Whether to forget the state that is there.
        watch: Told of each row that a node with an error policy rejects, in the thread of that node.

    Raises:
        GraphTypeError: If it cannot run, or not be resumed where there is a ``state_dir``.
        StateError: If the state is in use, damaged, or of another pipeline.
        SourceError: If a source cannot be looked at.
        PipelineStateError: If it runs already.
    """
    refuse_second_run(node)
    for other in build_graph(node).nodes:
        other.discover_schema()
    graph = build_graph(node, strict=strict)
    state = None if state_dir is None else open_state(graph, Path(state_dir), pipeline_name, reset=reset_state)
    return Run(graph, pipeline_name, grace_s, state, watch)


def start_run(
    node: NanoNode[Any, Any],
    pipeline_name: str | None = None,
    *,
    strict: bool = False,
    grace_s: float = DEFAULT_GRACE_S,
    state_dir: str | Path | None = None,
    reset_state: bool = False,
    watch: RejectionWatch | None = None,
) -> Run:
    """Check everything connected to ``node`` and start it; arguments and errors are those of ``prepare_run``."""
    run = prepare_run(
        node,
        pipeline_name,
        strict=strict,
        grace_s=grace_s,
        state_dir=state_dir,
        reset_state=reset_state,
        watch=watch,
    )
    run.start()
    return run
