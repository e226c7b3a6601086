"""``ClusterRun``: a pipeline on workers and here: it submits parts, gathers rows, and keeps limits and the state."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nanotyped.cluster.connection import given_up
from nanotyped.cluster.dispatch import Dispatch, RunFacts, recipe_of
from nanotyped.cluster.events import Ended, Events
from nanotyped.cluster.inner import InnerRun
from nanotyped.cluster.part_checkpoints import PartCheckpoints
from nanotyped.cluster.part_state import done_of
from nanotyped.cluster.recipe import module_sources
from nanotyped.cluster.shuffle import Spool
from nanotyped.cluster.tally import Tally
from nanotyped.cluster.tasks import forget_run, stop_parts, try_worker
from nanotyped.cluster.watch import ClusterWatch
from nanotyped.engine.checkpoint import StateError
from nanotyped.engine.dead_letters import DeadLetterFiles, letters_of
from nanotyped.engine.fingerprint import part_names
from nanotyped.engine.monitor import Monitor
from nanotyped.errors import ClusterError, ConservationError, DeadLetterError, NodeFailedError, PipelineStateError
from nanotyped.node import NodeReport, RunReport
from nanotyped.node.running import DEFAULT_GRACE_S

if TYPE_CHECKING:
    from nanotyped.cluster.connection import Cluster
    from nanotyped.cluster.plan import ClusterPlan
    from nanotyped.cluster.tasks import Outcome
    from nanotyped.engine.checkpoint import StateFile
    from nanotyped.graph.flows import Node
    from nanotyped.node import Status

LOST_AFTER_S = 10.0
SIGNAL_SLICE_S = 0.25


class ClusterRun:
    """One run of a pipeline on a cluster. Its methods may be called from any thread, as those of ``Run``.

    Args:
        plan: What runs where.
        cluster: The cluster; let go of at the end.
        pipeline_name: Stands in the report, and is an attribute of every node.
        grace_s: How long, in seconds, parts and nodes may take to end after a failure, a stop or a signal.
        state: Where it goes on from and keeps its checkpoints; let go of at the end.
        modules: Modules that travel to the workers.

    Attributes:
        graph: The pipeline.
        run_id: What tells this run from every other.

    Raises:
        ClusterError: If a worker is not as it must be.
    """

    def __init__(
        self,
        plan: ClusterPlan,
        cluster: Cluster,
        *,
        pipeline_name: str | None = None,
        grace_s: float = DEFAULT_GRACE_S,
        state: StateFile | None = None,
        modules: Sequence[str] = (),
    ) -> None:
        self.plan = plan
        self.graph = plan.graph
        self.cluster = cluster
        self.pipeline_name = pipeline_name
        self.grace_s = grace_s
        self.run_id = uuid.uuid4().hex if state is None else state.run_id
        self._state = state
        self._earlier_runs = () if state is None else tuple(state.earlier_runs)
        self._names = part_names(plan.graph)
        self._letters = DeadLetterFiles()
        self._spools = {shuffle: Spool(shuffle.buckets) for shuffle in plan.shuffles}
        self._lock = threading.Lock()
        self._failure: NodeFailedError | ClusterError | None = None
        self._stopping_since: float | None = None
        self._drained = False
        self._killed = False
        self._done = threading.Event()
        self._ended_at: float | None = None
        self._lost_since: float | None = None
        self.started_at = time.monotonic()
        self.began_at = datetime.now(UTC)
        self.tally = Tally.of(node for node in self.graph.nodes if plan.placements[node].where == "workers")
        self.inner = InnerRun(
            plan,
            run_id=self.run_id,
            earlier_runs=self._earlier_runs,
            cursors=self._local_cursors(),
            pipeline_name=pipeline_name,
            grace_s=grace_s,
        )
        try:
            facts = RunFacts(self.run_id, pipeline_name, grace_s, module_sources(modules))
            self.dispatches = [self._dispatch(at, facts) for at in range(len(plan.segments))]
            self._check_workers()
        except BaseException:
            self.inner.restore()
            raise
        self._take_nodes()
        self._checkpoints = PartCheckpoints(state, self._names, self.dispatches, self.inner)
        self._events = Events(cluster, self.dispatches, self.tally)
        self._monitor = Monitor(self)
        self._supervisor = threading.Thread(target=self._supervise, name="nanotyped-cluster")

    def _take_nodes(self) -> None:
        """Let the nodes that run on workers know their run; those here know the part of it that they are in."""
        for node in self.graph.nodes:
            if self.plan.placements[node].where == "workers":
                node._run = self

    def _local_cursors(self) -> dict[Node, Any]:
        kept = {} if self._state is None else self._state.cursors
        return {node: kept[name] for node, name in self._names.items() if node.is_source and name in kept}

    def _dispatch(self, at: int, facts: RunFacts) -> Dispatch:
        segment = self.plan.segments[at]
        kept = None if self._state is None else self._state.cursors.get(self._names.get(segment.source, ""))
        return Dispatch(
            at,
            segment,
            recipe_of(self.plan, at, facts),
            sources={node.label: self.inner.sources[node] for node in segment.returning},
            spools=self._spools,
            done=done_of(kept, len(segment.split.parts)),
        )

    def _check_workers(self) -> None:
        """Let every worker make each segment once, before anything is read."""
        told = [self.cluster.client.run(try_worker, dispatch.recipe) for dispatch in self.dispatches]
        found = sorted({f"worker {address}: {reason}" for one in told for address, reason in one.items() if reason})
        if found:
            raise ClusterError("; ".join(found))

    # -- seen from outside ----------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether the run was started and has not ended."""
        return self._supervisor.ident is not None and not self._done.is_set()

    @property
    def failed(self) -> bool:
        """Whether something has failed."""
        return self._failure is not None

    @property
    def is_resumed(self) -> bool:
        """Whether it goes on with a run before it."""
        return self._state is not None and bool(self._state.cursors)

    @property
    def share_done(self) -> float | None:
        """How much of what there is went through the workers, by parts and by what is told of those in work."""
        _, count = self.parts
        if not count:
            return None
        begun = 0.0
        for (segment, place), nodes in list(self.tally.live.items()):
            rows = self.dispatches[segment].segment.split.parts[place].rows
            told = nodes.get(self.dispatches[segment].segment.source.label)
            begun += min(0.99, told.emitted / rows) if rows and told is not None else 0.0
        return (self.parts[0] + begun) / count

    @property
    def parts(self) -> tuple[int, int]:
        """How many parts have ended, in earlier runs too, and how many there are."""
        ended = sum(len(one.earlier) + len(one.ended) for one in self.dispatches)
        return ended, sum(len(one.segment.split.parts) for one in self.dispatches)

    def rows_waiting(self, node: Node) -> int:
        """Return how many rows wait on the inputs of a node, if it runs here."""
        return self.inner.rows_waiting(node)

    def earlier_dead_letters(self) -> dict[Path, int]:
        """Return how many letters of the runs that this one goes on with are in its files of dead letters."""
        return letters_of(self.graph.nodes, self._earlier_runs)

    def oldest_s(self, node: Node) -> float | None:
        """Return for how long rows of a source here have been on their way at most; ``None`` of all other nodes."""
        return self.inner.oldest_s(node)

    @property
    def checkpoint_lag_s(self) -> float | None:
        """For how long, in seconds, no state was written; ``None`` without one."""
        return self._checkpoints.lag_s

    def watch(self) -> ClusterWatch:
        """Return what looks at the run."""
        return ClusterWatch(self)

    def report(self) -> RunReport:
        """Return what each node has done so far, on all workers and here."""
        seconds = (self._ended_at or time.monotonic()) - self.started_at
        here = self.inner.report()
        nodes = tuple(self._told_of(node, here, seconds) for node in self.graph.nodes)
        return RunReport(nodes, round(seconds, 3), self.pipeline_name, self.run_id)

    def _told_of(self, node: Node, here: Mapping[str, NodeReport], seconds: float) -> NodeReport:
        if node.label in here:
            told = here[node.label]
            cut_short = self._ended_at is not None and not self._is_whole
            return replace(told, status="stopped") if cut_short and told.status == "success" else told
        return self.tally.report(node.label, seconds, self._status_of(node))

    @property
    def _is_whole(self) -> bool:
        """Whether all rows of all sources were dealt with."""
        return self._failure is None and all(one.is_through for one in self.dispatches) and self.inner.is_whole

    def _status_of(self, node: Node) -> Status:
        failure = self._failure
        if isinstance(failure, NodeFailedError) and failure.node == node.label:
            return "error"
        if self._supervisor.ident is None:
            return "stopped"
        own = [one for one in self.dispatches if node in one.segment.nodes]
        if all(one.is_through for one in own):
            return "success"
        return "running" if self._ended_at is None else "stopped"

    def differences(self) -> list[str]:
        """Return where the counts of the run do not add up."""
        found = self.inner.differences()
        reports = {node.name: node for node in self.report().nodes}
        for node, source in self.inner.sources.items():
            sent, given = reports[node.label].sent, self.inner.rows_given(source)
            if sent != given:
                found.append(f"`{node.label}`: {sent} sent on workers, {given} given at the coordinator")
        return found

    def start(self) -> None:
        """Begin. Does not wait."""
        self.started_at = time.monotonic()
        self.began_at = datetime.now(UTC)
        self._events.listen()
        self._supervisor.start()

    def wait(self, timeout_s: float | None = None) -> RunReport:
        """Wait for the end and return the report.

        Raises:
            NodeFailedError: If a node failed, here or on a worker; the report is in its ``report``.
            ClusterError: If the cluster failed.
            TimeoutError: If the run still goes on after ``timeout_s`` seconds.
        """
        ends_at = None if timeout_s is None else time.monotonic() + timeout_s
        while not self._done.wait(SIGNAL_SLICE_S):
            if ends_at is not None and time.monotonic() > ends_at:
                raise TimeoutError(f"the pipeline still runs after {timeout_s} s")
        self._supervisor.join()
        if self._failure is not None:
            raise self._failure
        return self.report()

    def drain(self, *, within_s: float | None = None) -> None:
        """Begin no more parts; those that workers are at are finished, then the run ends.

        Args:
            within_s: How long that may take before the run is ended as by ``kill``; ``None``: for ever.
        """
        self._drained = True
        if within_s is not None:
            self._stopping_since = self._stopping_since or time.monotonic()

    def terminate(self) -> None:
        """End the parts that workers are at; they are begun again by a run that goes on."""
        self.kill()

    def kill(self) -> None:
        """End at once."""
        self._killed = self._drained = True

    def broadcast(self, message: object) -> None:
        """Refuse: markers do not travel.

        Raises:
            PipelineStateError: Always.
        """
        raise PipelineStateError(f"{message!r} cannot be broadcast: the edges of this run are on other machines")

    def work_of(self, thread_name: str) -> tuple[str, int] | None:
        """Return the node of a thread at the coordinator, and the number of its batch; ``None`` of other threads."""
        return self.inner.work_of(thread_name)

    # -- the thread ------------------------------------------------------------------------

    def _supervise(self) -> None:
        try:
            self._open_letters()
            self.inner.start()
            self._work()
        except Exception as error:  # noqa: BLE001 - whatever it is, the run ends with it, and says so
            self._fail(error)
        finally:
            self._finish()
            self._monitor.log()
            self._done.set()

    def _open_letters(self) -> None:
        """Open the files of dead letters, so that one that cannot be written is known before the first row.

        Raises:
            NodeFailedError: If one cannot be.
        """
        for node in self.graph.nodes:
            path = node.error_policy.dead_letter
            if path is not None and self.plan.placements[node].where == "workers":
                try:
                    self._letters.open(path)
                except DeadLetterError as error:
                    raise NodeFailedError(node.label, error) from error

    def _work(self) -> None:
        while not self._is_through:
            if not self._is_stopping:
                self._submit()
            self._take_events()
            self._keep_limits()
            self._checkpoints.write_if_due()
            self._watch_cluster()
            self._watch_inner()
            self._monitor.log_if_due()
            if self._is_out_of_patience:
                return
        self._end_inner()

    @property
    def _is_stopping(self) -> bool:
        return self._drained or self._failure is not None

    @property
    def _is_through(self) -> bool:
        """Whether no worker is at anything, and none is to be."""
        if any(one.running for one in self.dispatches):
            return False
        return self._is_stopping or all(one.is_through for one in self.dispatches)

    @property
    def _is_out_of_patience(self) -> bool:
        since = self._stopping_since
        return self._killed or (since is not None and time.monotonic() - since > self.grace_s)

    def _submit(self) -> None:
        room = self.plan.slots - sum(len(one.running) for one in self.dispatches)
        ready = [one for one in self.dispatches if self._is_ready(one)]
        for number, dispatch in enumerate(ready):
            share = -(-room // (len(ready) - number))
            for place, future in dispatch.submit(self.cluster.client, share):
                self._events.expect(dispatch.at, place, future)
                room -= 1

    def _is_ready(self, dispatch: Dispatch) -> bool:
        """Return whether all that a segment is given of other segments is there."""
        after = dispatch.segment.after
        return after is None or all(one.is_through for one in self.dispatches if after in one.segment.shuffles)

    def _take_events(self) -> None:
        for event in self._events.take():
            if isinstance(event, Ended):
                self._settle(event)
            else:
                self._events.note(event)

    def _settle(self, event: Ended) -> None:
        """Take what became of a part."""
        dispatch, key, outcome = self.dispatches[event.segment], (event.segment, event.place), event.outcome
        if dispatch.running.pop(event.place, None) is None:
            return
        if isinstance(outcome, Exception):
            self.tally.forget(key)
            self._fail(self._lost(dispatch.name_of(event.place), outcome))
            return
        for path, letters in outcome.letters.items():
            if letters:
                self._letters.open(Path(path)).append(letters)
        self.tally.ended(key, outcome.nodes)
        if outcome.failure is not None:
            self._fail_part(outcome)
            return
        dispatch.accept(event.place, outcome)

    def _fail_part(self, outcome: Outcome) -> None:
        failure = outcome.failure
        assert failure is not None  # the caller saw to it
        if not failure.node:
            self._fail(ClusterError(f"worker {outcome.worker}: {failure.error}"))
            return
        if self._is_stopping and isinstance(failure.error, ClusterError):
            return  # it was told to stop
        error = NodeFailedError(failure.node, failure.error, failure.row)
        error.__cause__ = failure.error
        self._fail(error)

    def _lost(self, part: str, error: Exception) -> ClusterError:
        if isinstance(error, OSError | CancelledError):
            return ClusterError(f"{part} is lost: the scheduler at {self.cluster.address} is gone{self._remedy}")
        return given_up(part, error)

    @property
    def _remedy(self) -> str:
        done, count = sum(map(len, self._checkpoints.dealt_with())), self.parts[1]
        told = f"; {done} of {count} parts had been dealt with"
        goes_on = ", and the same command goes on behind them" if self._checkpoints.is_kept else ""
        return f"{told}{goes_on or '; with --state a run goes on where it was stopped'}"

    def _keep_limits(self, *, at_end: bool = False) -> None:
        for node in self.graph.nodes:
            if self.plan.placements[node].where == "workers" and node.error_policy.rejects:
                excess = self.tally.excess(node, at_end=at_end)
                if excess is not None and self._failure is None:
                    error = NodeFailedError(node.label, excess)
                    error.__cause__ = excess
                    self._fail(error)

    def _watch_cluster(self) -> None:
        if self.cluster.is_deserted and self._failure is None:
            statuses = ", ".join(map(str, self.cluster.ended_processes))
            self._give_up(f"all worker processes have ended, with status {statuses}")
        if self.cluster.is_alive:
            self._lost_since = None
            return
        self._lost_since = self._lost_since or time.monotonic()
        if time.monotonic() - self._lost_since > LOST_AFTER_S and self._failure is None:
            self._give_up(f"the scheduler at {self.cluster.address} is gone")

    def _give_up(self, reason: str) -> None:
        """Fail for want of a cluster: of what it has nothing will come back."""
        self._fail(ClusterError(f"{reason}{self._remedy}"))
        for one in self.dispatches:
            one.running.clear()

    def _watch_inner(self) -> None:
        failure = self.inner.failure
        if failure is not None:
            self._fail(failure)

    def _fail(self, error: BaseException) -> None:
        with self._lock:
            if self._failure is None:
                self._failure = _as_failure(error)
                self._stopping_since = time.monotonic()

    def _end_inner(self) -> None:
        """Let the nodes here come to their end, and keep the state meanwhile."""
        if not self._is_stopping:
            self.inner.close_sources()
        while self.inner.running and not self._is_out_of_patience:
            if self._is_stopping and all(dispatch.is_taken for dispatch in self.dispatches):
                self.inner.drain()  # what workers have delivered to it is in flight, too
            self._take_events()
            self._checkpoints.write_if_due()
            self._watch_inner()

    def _finish(self) -> None:
        if self._is_out_of_patience or any(one.running for one in self.dispatches):
            self._stop_workers()
            self.inner.kill()
        for spool in self._spools.values():
            spool.close()
        for step in (self._conclude, self._close_state, self._letters.close, self._forget, self.cluster.close):
            try:
                step()
            except Exception as error:  # noqa: BLE001 - each is tried, and the first that failed is told
                self._fail(error)
        self._ended_at = time.monotonic()
        if isinstance(self._failure, NodeFailedError):
            self._failure.report = self.report()

    def _stop_workers(self) -> None:
        if self.cluster.is_alive:
            with suppress(OSError, TimeoutError, ClusterError):
                self.cluster.client.run(stop_parts, self.run_id, on_error="ignore")

    def _conclude(self) -> None:
        self.inner.wait()
        self._watch_inner()
        if self._failure is None and not self._drained:
            self._keep_limits(at_end=True)
            if found := self.differences():
                self._fail(NodeFailedError("the run", ConservationError(found)))

    def _close_state(self) -> None:
        try:
            self._checkpoints.finish(whole=self._is_whole)
        except StateError as error:
            self._fail(NodeFailedError("checkpoints", error))

    def _forget(self) -> None:
        self.inner.restore()
        if not self.cluster.is_own and self.cluster.is_alive:
            self.cluster.client.run(forget_run, self.run_id, on_error="ignore")


def _as_failure(error: BaseException) -> NodeFailedError | ClusterError:
    if isinstance(error, NodeFailedError | ClusterError):
        return error
    failure = NodeFailedError("the run", error)
    failure.__cause__ = error
    return failure
