"""A run as whoever starts, shows or reports it sees it: of this process (``Run``), or of many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from nanotyped.engine.watch import Snapshot
    from nanotyped.graph import Graph
    from nanotyped.node import NanoNode, RunReport


class Looking(Protocol):
    """Looks at a run now and then; used by one thread."""

    def look(self) -> Snapshot:
        """Look once more, and return what is to be seen."""


class AnyRun(Protocol):
    """A run. What its methods do stands at ``Run``."""

    graph: Graph
    run_id: str
    pipeline_name: str | None
    grace_s: float
    began_at: datetime

    def start(self) -> None: ...  # noqa: D102 - as the class says
    def wait(self, timeout_s: float | None = None) -> RunReport: ...  # noqa: D102
    def drain(self, *, within_s: float | None = None) -> None: ...  # noqa: D102
    def kill(self) -> None: ...  # noqa: D102
    def report(self) -> RunReport: ...  # noqa: D102
    def watch(self) -> Looking: ...  # noqa: D102
    def rows_waiting(self, node: NanoNode[Any, Any]) -> int: ...  # noqa: D102
    def oldest_s(self, node: NanoNode[Any, Any]) -> float | None: ...  # noqa: D102
    def work_of(self, thread_name: str) -> tuple[str, int] | None: ...  # noqa: D102
    def earlier_dead_letters(self) -> dict[Path, int]: ...  # noqa: D102
    def differences(self) -> list[str]: ...  # noqa: D102
    @property
    def checkpoint_lag_s(self) -> float | None: ...  # noqa: D102
