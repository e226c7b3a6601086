"""``ClusterRun``: a pipeline on workers and here: it submits parts, gathers rows, and keeps limits and the state."""

from __future__ import annotations

import logging
import queue
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from nanotyped.cluster.connection import given_up
from nanotyped.cluster.dispatch import Dispatch
from nanotyped.cluster.inner import InnerRun
from nanotyped.cluster.part_state import done_cursor, done_of, split_cursor, split_name
from nanotyped.cluster.recipe import SegmentRecipe, Versions, module_sources, pack_nodes, spelled_flows
from nanotyped.cluster.shuffle import Spool
from nanotyped.cluster.tally import Tally
from nanotyped.cluster.tasks import forget_run, stop_parts, try_worker
from nanotyped.cluster.watch import ClusterWatch
from nanotyped.engine.checkpoint import StateError
from nanotyped.engine.dead_letters import DeadLetterFiles, count_letters
from nanotyped.engine.fingerprint import fingerprint_of, part_names
from nanotyped.engine.monitor import Monitor
from nanotyped.errors import ClusterError, ConservationError, DeadLetterError, NodeFailedError, PipelineStateError
from nanotyped.node import NodeReport, RunReport
from nanotyped.node.running import DEFAULT_GRACE_S, NO_ROW_VALUES

if TYPE_CHECKING:
    from nanotyped.cluster.connection import Cluster
    from nanotyped.cluster.plan import ClusterPlan, Segment
    from nanotyped.cluster.tasks import Outcome
    from nanotyped.engine.checkpoint import StateFile
    from nanotyped.graph.flows import Node
    from nanotyped.node import Status

POLL_S = 0.05
STATE_INTERVAL_S = 0.1
LOST_AFTER_S = 10.0
SIGNAL_SLICE_S = 0.25
MOST_TOLD = 200
logger = logging.getLogger("nanotyped.cluster")


class _Ended(NamedTuple):
    segment: int
    place: int
    outcome: Outcome | Exception


class _Told(NamedTuple):
    segment: int
    facts: Mapping[str, Any]


class _Gone(NamedTuple):
    worker: str
    keys: frozenset[str]


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
        self._events: queue.SimpleQueue[_Ended | _Told | _Gone] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._failure: NodeFailedError | ClusterError | None = None
        self._stopping_since: float | None = None
        self._drained = False
        self._killed = False
        self._done = threading.Event()
        self._ended_at: float | None = None
        self._lost_since: float | None = None
        self._told: set[tuple[str, str]] = set()
        self._written_at = 0.0
        self._written: object = None
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
            self.dispatches = [self._dispatch(at, one, modules) for at, one in enumerate(plan.segments)]
            self._check_workers()
        except BaseException:
            self.inner.restore()
            raise
        self._monitor = Monitor(self)
        self._supervisor = threading.Thread(target=self._supervise, name="nanotyped-cluster")

    def _local_cursors(self) -> dict[Node, Any]:
        kept = {} if self._state is None else self._state.cursors
        return {node: kept[name] for node, name in self._names.items() if node.is_source and name in kept}

    def _dispatch(self, at: int, segment: Segment, modules: Sequence[str]) -> Dispatch:
        nodes = segment.nodes
        links = segment.links
        recipe = SegmentRecipe(
            run_id=self.run_id,
            pipeline_name=self.pipeline_name,
            nodes=pack_nodes(nodes),
            edges=tuple((nodes.index(source), nodes.index(target), rows) for source, target, rows in links),
            schemas=spelled_flows(self.graph, [_in_graph(segment, source, target) for source, target, _ in links]),
            returning=tuple(nodes.index(node) for node in segment.returning),
            sorting=tuple(
                (nodes.index(one.giver), tuple(one.target.partition_by), one.buckets) for one in segment.shuffles
            ),
            copies=self.plan.slots,
            grace_s=self.grace_s,
            modules=module_sources(modules),
            versions=Versions.here(),
            topic=f"{self.run_id}/{at}",
        )
        kept = None if self._state is None else self._state.cursors.get(self._names.get(segment.source, ""))
        sources = {node.label: self.inner.sources[node] for node in segment.returning}
        done = done_of(kept, len(segment.split.parts))
        return Dispatch(at, segment, recipe, sources=sources, spools=self._spools, done=done)

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
        paths = {node.error_policy.dead_letter for node in self.graph.nodes} if self._earlier_runs else set()
        found = {path: count_letters(path, self._earlier_runs) for path in paths if path is not None}
        return {path: count for path, count in found.items() if count}

    def oldest_s(self, node: Node) -> float | None:
        """Return for how long rows of a source here have been on their way at most; ``None`` of all other nodes."""
        return self.inner.oldest_s(node)

    @property
    def checkpoint_lag_s(self) -> float | None:
        """For how long, in seconds, no state was written; ``None`` without one."""
        return None if self._state is None or not self._written_at else time.monotonic() - self._written_at

    def fingerprint(self) -> Mapping[str, str]:
        """Return the digests of what the pipeline is, by part."""
        return fingerprint_of(self.graph)

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

    def dead_letter_paths(self) -> list[str]:
        """Return the files that got dead letters."""
        counts = {node.name: node.dead for node in self.report().nodes}
        paths = [node.error_policy.dead_letter for node in self.graph.nodes if counts[node.label]]
        return list(dict.fromkeys(map(str, paths)))

    def start(self) -> None:
        """Begin. Does not wait."""
        self.started_at = time.monotonic()
        self.began_at = datetime.now(UTC)
        self.cluster.hear_of_lost_workers(lambda worker, keys: self._events.put(_Gone(worker, keys)))
        for at, dispatch in enumerate(self.dispatches):
            self.cluster.client.subscribe_topic(dispatch.recipe.topic, self._hearing(at))
        self._supervisor.start()

    def _hearing(self, segment: int) -> Any:
        return lambda event: self._events.put(_Told(segment, event[1]))

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
            self._keep_state(finished=False)
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
            at = dispatch.at
            share = -(-room // (len(ready) - number))
            for place, future in dispatch.submit(self.cluster.client, share):
                self.cluster.client.loop.add_callback(self._fetch, at, place, future)
                room -= 1

    def _is_ready(self, dispatch: Dispatch) -> bool:
        """Return whether all that a segment is given of other segments is there."""
        after = dispatch.segment.after
        return after is None or all(one.is_through for one in self.dispatches if after in one.segment.shuffles)

    async def _fetch(self, segment: int, place: int, future: Any) -> None:
        """Wait for the outcome of a part, in the loop of the client; of one that is gone with its worker, for another.

        Not in the thread that calls back for all futures of the process: whoever waits there when a client is closed
        waits for ever, and so do all that come after it.
        """
        found: Outcome | Exception
        try:
            [found] = await self.cluster.client.gather([future], asynchronous=True)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what became of the part
            found = error
        future.release()
        self._events.put(_Ended(segment, place, found))

    def _take_events(self) -> None:
        with suppress(queue.Empty):
            self._take(self._events.get(timeout=POLL_S))
            while True:
                self._take(self._events.get_nowait())

    def _take(self, event: _Ended | _Told | _Gone) -> None:
        if isinstance(event, _Told):
            self._hear(event)
            return
        if isinstance(event, _Gone):
            self._miss(event)
            return
        dispatch = self.dispatches[event.segment]
        if dispatch.running.pop(event.place, None) is None:
            return
        key = (event.segment, event.place)
        outcome = event.outcome
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
        done, count = sum(map(len, self._dealt_with())), self.parts[1]
        told = f"; {done} of {count} parts had been dealt with"
        goes_on = ", and the same command goes on behind them" if self._state is not None else ""
        return f"{told}{goes_on or '; with --state a run goes on where it was stopped'}"

    def _miss(self, event: _Gone) -> None:
        """Say what becomes of the parts that a worker had which is gone."""
        for segment, dispatch in enumerate(self.dispatches):
            for place in [place for place, future in dispatch.running.items() if future.key in event.keys]:
                self.tally.forget((segment, place))
                text = "worker %s is gone; %s, which it had, is begun again on another one"
                logger.warning(text, event.worker, dispatch.name_of(place), extra=NO_ROW_VALUES)
        if self.cluster.is_alive and not self.cluster.workers:
            text = "no worker is left at %s; the run waits for one"
            logger.warning(text, self.cluster.address, extra=NO_ROW_VALUES)

    def _hear(self, event: _Told) -> None:
        facts, key = event.facts, (event.segment, int(event.facts["place"]))
        match facts["kind"]:
            case "progress" if key[1] in self.dispatches[event.segment].running:
                self.tally.progress(key, (NodeReport(*told) for told in facts["nodes"]))
            case "log":
                self._log(facts)

    def _log(self, facts: Mapping[str, Any]) -> None:
        """Log what a worker logged; what is the same of many parts is said once."""
        told = (facts["logger"], facts["about"])
        if told in self._told or len(self._told) >= MOST_TOLD:
            return
        self._told.add(told)
        extra = NO_ROW_VALUES if facts["has_no_row_values"] else {}
        logging.getLogger(facts["logger"]).log(
            facts["level"], "%s (on worker %s)", facts["text"], facts["worker"], extra=extra
        )

    def _keep_limits(self, *, at_end: bool = False) -> None:
        for node in self.graph.nodes:
            if self.plan.placements[node].where == "workers" and node.error_policy.rejects:
                excess = self.tally.excess(node, at_end=at_end)
                if excess is not None and self._failure is None:
                    error = NodeFailedError(node.label, excess)
                    error.__cause__ = excess
                    self._fail(error)

    def _keep_state(self, *, finished: bool) -> None:
        """Write which parts were dealt with, and where the sources here are, if that has changed."""
        if self._state is None or (not finished and time.monotonic() - self._written_at < STATE_INTERVAL_S):
            return
        dealt = self._dealt_with()
        local = self.inner.cursors()
        if not finished and self._written == (dealt, local):
            return
        cursors: dict[str, tuple[Any, int]] = {self._names[node]: cursor for node, cursor in local.items()}
        for one, done in zip(self.dispatches, dealt, strict=True):
            if one.segment.after is not None:
                continue
            name = self._names[one.segment.source]
            cursors[name] = (done_cursor(done, len(one.segment.split.parts)), len(done))
            if self._written is None:
                cursors[split_name(name)] = (split_cursor(one.segment.split), 0)
        self._state.write(cursors, finished=finished)
        self._written, self._written_at = (dealt, local), time.monotonic()

    def _dealt_with(self) -> list[set[int]]:
        """Return the parts of each segment that are dealt with, in earlier runs too.

        Of one that leads into a shuffle that is none, until all groups were.
        """
        settled = self.inner.settled_parts()
        found = [one.dealt_with(settled) for one in self.dispatches]
        for at in reversed(range(len(found))):  # a shuffle leads from earlier segments to a later one
            behind = [one.at for one in self.dispatches if one.segment.after in self.dispatches[at].segment.shuffles]
            if any(len(found[later]) < len(self.dispatches[later].segment.split.parts) for later in behind):
                found[at] = set(self.dispatches[at].earlier)
        return found

    def _watch_cluster(self) -> None:
        if self.cluster.is_alive:
            self._lost_since = None
            return
        self._lost_since = self._lost_since or time.monotonic()
        if time.monotonic() - self._lost_since > LOST_AFTER_S and self._failure is None:
            self._fail(ClusterError(f"the scheduler at {self.cluster.address} is gone{self._remedy}"))
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
            self._keep_state(finished=False)
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
        if self._state is None:
            return
        try:
            self._written_at = 0.0
            self._keep_state(finished=self._is_whole)
        except StateError as error:
            self._fail(NodeFailedError("checkpoints", error))
        finally:
            self._state.close()

    def _forget(self) -> None:
        self.inner.restore()
        if not self.cluster.is_own and self.cluster.is_alive:
            self.cluster.client.run(forget_run, self.run_id, on_error="ignore")


def _in_graph(segment: Segment, source: Node, target: Node) -> tuple[Node, Node]:
    """Return the link of the graph that a link of a segment is, or stands for behind a shuffle."""
    after = segment.after
    return (after.giver, target) if after is not None and source is segment.source else (source, target)


def _as_failure(error: BaseException) -> NodeFailedError | ClusterError:
    if isinstance(error, NodeFailedError | ClusterError):
        return error
    failure = NodeFailedError("the run", error)
    failure.__cause__ = error
    return failure
