"""``replay``: the rows of dead letters, given again to the nodes that rejected them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nanotyped.cli.loading import load, look_at_live, refuse
from nanotyped.cli.output import CommandFailedError, stderr_console
from nanotyped.cli.running import run_graph
from nanotyped.engine.checkpoint import StateError
from nanotyped.engine.replay import plan_replay
from nanotyped.errors import ConfigError, DeadLetterError, GraphTypeError

if TYPE_CHECKING:
    from nanotyped.cli.arguments import Arguments


def replay(arguments: Arguments) -> int:
    """Check the pipeline and give it the dead letters that it was not given yet; the status is that of ``run``."""
    path = Path(arguments.target)
    pipeline = load(arguments)
    refuse(pipeline, strict=False)
    if code := look_at_live(pipeline, arguments):
        return code
    refuse(pipeline, strict=False)
    try:
        found = plan_replay(pipeline.nodes.values(), path)
    except (DeadLetterError, StateError) as error:
        raise CommandFailedError(str(error), 2) from error
    except GraphTypeError as error:
        raise ConfigError(pipeline.place(error.problems)) from error
    if found is None:
        stderr_console().print(f"{path}: nothing to replay: every letter was given again before")
        return 0
    before = f", {found.done:,} were before" if found.done else ""
    letters = "1 dead letter" if found.letters == 1 else f"{found.letters:,} dead letters"
    stderr_console().print(f"{path}: {letters}{before}")
    return run_graph(pipeline, found.graph, found.log, arguments)
