"""Runs from their beginning to their end, with signals: what ``node.run()`` and the command line call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nanotyped.engine.run import Run, prepare_run, start_run
from nanotyped.engine.signals import drain_on_signals
from nanotyped.errors import NodeFailedError, PipelineInterrupted
from nanotyped.graph import render_dot, survey_graph

if TYPE_CHECKING:
    from nanotyped.engine.any_run import AnyRun
    from nanotyped.node import NanoNode, RunReport


class ThreadedRunner:
    """What ``node.run()`` and its like reach: starts pipelines in threads of this process."""

    def start(self, node: NanoNode[Any, Any], pipeline_name: str | None) -> Run:
        """Check and start the pipeline of ``node``; does not wait."""
        return start_run(node, pipeline_name)

    def run(self, node: NanoNode[Any, Any], pipeline_name: str | None, grace_s: float) -> RunReport:
        """Check, start and wait; signals drain the run while this is the main thread."""
        return run_to_end(prepare_run(node, pipeline_name, grace_s=grace_s))

    def draw(self, node: NanoNode[Any, Any]) -> str:
        """Return the pipeline of ``node`` as DOT text."""
        return render_dot(survey_graph(node).graph)


def run_to_end(run: AnyRun) -> RunReport:
    """Start a run and wait for its end; SIGINT, SIGTERM and SIGHUP drain it from its first moment.

    A second one ends it, and so does the end of its grace time.

    Raises:
        NodeFailedError: If a node failed.
        PipelineInterrupted: If a signal came; a failure after that is its cause.
    """
    with drain_on_signals(run) as received:
        run.start()
        try:
            report = run.wait()
        except NodeFailedError as error:
            if received:
                raise PipelineInterrupted(received[0], error.report) from error
            raise
    if received:
        raise PipelineInterrupted(received[0], report)
    return report
