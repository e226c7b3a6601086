"""What nodes know of a run: who starts it, what it counts, and what it reports at its end.

The engine installs its runner here (``install_runner``), so that it may know nodes and nodes need not know it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypedDict

from nanotyped.errors import NanotypedError

if TYPE_CHECKING:
    from pathlib import Path

    from nanotyped.node.nano_node import NanoNode

NO_ROW_VALUES: Mapping[str, object] = MappingProxyType({"has_no_row_values": True})
"""What a log call gives as ``extra`` to say that nothing in its message is out of a row: then logs show all of it."""

Status = Literal["stopped", "running", "success", "error"]
DEFAULT_GRACE_S = 30.0
"""How long, in seconds, nodes may take to end after a failure, a stop or a signal."""


class RunHandle(Protocol):
    """A started run, as nodes see it."""

    def wait(self, timeout_s: float | None = None) -> RunReport: ...  # noqa: D102 - documented on the node
    def drain(self) -> None: ...  # noqa: D102
    def terminate(self) -> None: ...  # noqa: D102
    def kill(self) -> None: ...  # noqa: D102
    def broadcast(self, message: object) -> None: ...  # noqa: D102
    @property
    def running(self) -> bool: ...  # noqa: D102
    @property
    def failed(self) -> bool: ...  # noqa: D102
    def rows_waiting(self, node: NanoNode[Any, Any]) -> int: ...  # noqa: D102


class Runner(Protocol):
    """What starts and draws pipelines; the engine installs one."""

    def start(self, node: NanoNode[Any, Any], pipeline_name: str | None) -> RunHandle: ...  # noqa: D102
    def run(self, node: NanoNode[Any, Any], pipeline_name: str | None, grace_s: float) -> RunReport: ...  # noqa: D102
    def draw(self, node: NanoNode[Any, Any]) -> str: ...  # noqa: D102


_runner: list[Runner] = []


def install_runner(runner: Runner) -> None:
    """Make ``runner`` what starts pipelines from now on."""
    _runner[:] = [runner]


class ClusterOptions(TypedDict, total=False):
    """The options of ``run`` that go with ``engine="dask"``."""

    scheduler: str | None
    workers: int | None
    security: Any
    modules: Sequence[str]
    part_rows: int | None
    state_dir: str | Path | None
    reset_state: bool


ClusterRunner: TypeAlias = "Callable[[NanoNode[Any, Any], str | None, float, ClusterOptions], RunReport]"
_cluster_runner: list[ClusterRunner] = []


def install_cluster_runner(runner: ClusterRunner) -> None:
    """Make ``runner`` what runs pipelines on a cluster from now on, with the options of ``run`` that are about that."""
    _cluster_runner[:] = [runner]


def installed_cluster_runner() -> ClusterRunner:
    """Return what runs pipelines on a cluster.

    Raises:
        NanotypedError: If it was not imported.
    """
    if not _cluster_runner:
        raise NanotypedError("no engine for clusters is installed; import nanotyped, not nanotyped.node alone")
    return _cluster_runner[0]


YamlRenderer: TypeAlias = "Callable[[NanoNode[Any, Any], str | None], str]"
_yaml_renderer: list[YamlRenderer] = []


def install_yaml_renderer(renderer: YamlRenderer) -> None:
    """Make ``renderer`` what writes pipelines as files from now on."""
    _yaml_renderer[:] = [renderer]


def installed_yaml_renderer() -> YamlRenderer:
    """Return what writes pipelines as files.

    Raises:
        NanotypedError: If the configuration was not imported.
    """
    if not _yaml_renderer:
        raise NanotypedError("no configuration is installed; import nanotyped, not nanotyped.node alone")
    return _yaml_renderer[0]


@dataclass(slots=True)
class NodeStatistics:
    """What a node has done in its run; written by the thread of the node alone.

    Attributes:
        received: Rows taken in.
        sent: Rows sent on; once, over however many edges.
        processed: Rows taken in that were dealt with; of these
        filtered: of which nothing was made, at a node that sends on.
        emitted: Rows that a source gave.
        skipped: Rows left out by ``on_error: skip``.
        dead: Rows left out by ``on_error: dead_letter``, and written.
        retried: How often rows were tried again, by ``retry`` or by the node itself.
        rejected: Rows that the node, or its contract, did not take: these two, and what ended the run.
        started_at: ``time.monotonic()`` of the start, ``None`` before.
        ended_at: The same of the end.
        status: ``stopped``, ``running``, ``success`` or ``error``.
    """

    received: int = 0
    sent: int = 0
    processed: int = 0
    filtered: int = 0
    emitted: int = 0
    skipped: int = 0
    dead: int = 0
    retried: int = 0
    rejected: int = 0
    started_at: float | None = None
    ended_at: float | None = None
    status: Status = "stopped"

    @property
    def seconds(self) -> float | None:
        """Seconds from the start until the end or now; ``None`` before the start."""
        if self.started_at is None:
            return None
        return (self.ended_at or time.monotonic()) - self.started_at


@dataclass(frozen=True, slots=True)
class NodeReport:
    """What one node did in a run: its rows as ``NodeStatistics`` counts them, ``seconds``, and how it ended."""

    name: str
    class_name: str
    received: int
    sent: int
    rejected: int
    seconds: float
    status: Status
    filtered: int = 0
    skipped: int = 0
    dead: int = 0
    emitted: int = 0
    processed: int = 0
    retried: int = 0


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run did, node by node, sources first. ``run`` is its id, which stands in its dead letters too."""

    nodes: tuple[NodeReport, ...]
    seconds: float
    pipeline_name: str | None = None
    run: str = ""

    @property
    def dead(self) -> int:
        """How many rows became dead letters, at all nodes."""
        return sum(node.dead for node in self.nodes)

    def __getitem__(self, name: str) -> NodeReport:
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)


def installed_runner() -> Runner:
    """Return what starts pipelines.

    Raises:
        NanotypedError: If the engine was not imported.
    """
    if not _runner:
        raise NanotypedError("no engine is installed; import nanotyped, not nanotyped.node alone")
    return _runner[0]
