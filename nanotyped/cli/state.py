"""``state show``: how far the runs of a pipeline got."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nanotyped.cli.output import CommandFailedError
from nanotyped.cluster.part_state import PARTS, SPLIT, done_of
from nanotyped.engine.checkpoint import State, StateError, is_exhausted, lasts, read_state, start_of

if TYPE_CHECKING:
    from nanotyped.cli.arguments import Arguments


def show_state(arguments: Arguments) -> int:
    """Print what the state in a directory holds: the cursor of each source, and whether the last run got to its end."""
    try:
        state = read_state(Path(arguments.words[0]))
    except StateError as error:
        raise CommandFailedError(str(error), 2) from error
    updated = state.updated_at.isoformat(" ", "seconds") if state.updated_at else "never"
    print(f"pipeline  {state.pipeline or '(without a name)'}")
    print(f"updated   {updated}")
    print(f"next run  {_next_run(state)}")
    for source, cursor in state.cursors.items():
        if isinstance(cursor, dict) and SPLIT in cursor:  # what the parts are: thousands of keys, for the engine
            continue
        print(f"{source}  {_cursor(cursor)}")
    return 0


def _cursor(cursor: Any) -> str:
    if isinstance(cursor, dict) and PARTS in cursor:
        return f"{len(done_of(cursor, cursor[PARTS])):,} of {cursor[PARTS]:,} parts were dealt with"
    if not is_exhausted(cursor):
        return json.dumps(cursor, ensure_ascii=False)
    kept = f", at {json.dumps(start_of(cursor), ensure_ascii=False)}" if lasts(cursor) else ""
    return f"came to its end{kept}"


def _next_run(state: State) -> str:
    if len(state.goes_on_from) == len(state.cursors) and (state.cursors or not state.finished):
        return "goes on from the cursors"
    if state.goes_on_from:
        return f"begins anew, but for {', '.join(state.goes_on_from)}, which goes on from its cursor"
    return "begins anew"
