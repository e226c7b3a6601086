"""Dead letters given again: read as they are given, each once, and none of those that the replay itself writes."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from nanotyped.engine import Run
from nanotyped.engine.dead_letters import DeadLetter, count_letters
from nanotyped.engine.replay import plan_replay
from nanotyped.errors import DeadLetterError, RowError
from nanotyped.node import NanoNode
from nanotyped.row import parse_schema
from tests.support.flows import Given

if TYPE_CHECKING:
    from pathlib import Path

ROW: Any = parse_schema({"n": "int", "note": "text"}).row_class()


def letter(number: int, size: int = 1, node: str = "pick", run: str = "run") -> bytes:
    """Return a letter as it stands in a file."""
    row = ROW(number, "x" * size)
    return DeadLetter(f"id-{number}", run, node, number, 1, "ValueError", None, "no", "2026-01-01", row).render()


class Pick(NanoNode[object, Any]):
    """Keeps numbers, and refuses odd ones if it is told to."""

    def __init__(self, *, refuses: bool = False, **options: Any) -> None:
        self.refuses = refuses
        self.kept: list[int] = []
        super().__init__(**options)

    def process_item(self, row: Any) -> None:
        if self.refuses and row.n % 2 == 1:
            raise RowError("odd")
        self.kept.append(row.n)


def replay(path: Path, **options: Any) -> Pick | None:
    """Replay a file into a node and return the node; ``None`` where nothing was left."""
    pick = Pick(name="pick", **options)
    given = Given([], {"n": "int", "note": "text"}, name="given")
    _ = given > pick
    plan = plan_replay([given, pick], path)
    if plan is None:
        return None
    run = Run(plan.graph, state=plan.log)
    run.start()
    run.wait(30)
    return pick


def test_letters_are_read_as_they_are_given(tmp_path: Path) -> None:
    """However long the file is, a few of its rows are in memory."""
    path = tmp_path / "dead.jsonl"
    path.write_bytes(b"".join(letter(number, 10_000) for number in range(3000)))
    tracemalloc.start()
    try:
        pick = replay(path, batch_rows=10)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert pick is not None
    assert pick.kept == list(range(3000))
    assert peak < path.stat().st_size / 2
    assert replay(path) is None


def test_a_letter_that_stands_twice_is_given_once(tmp_path: Path) -> None:
    """A file that was joined of copies gives each letter once, and so does the next replay what the log lacks."""
    path = tmp_path / "dead.jsonl"
    path.write_bytes((letter(1) + letter(2)) * 2)
    first = replay(path)
    path.write_bytes(letter(2) + letter(3) + letter(1))
    second = replay(path)
    assert first is not None
    assert second is not None
    assert (first.kept, second.kept) == ([1, 2], [3])


def test_what_a_replay_rejects_is_for_the_next_one(tmp_path: Path) -> None:
    """Letters that it writes behind those that it reads are not read by it."""
    path = tmp_path / "dead.jsonl"
    path.write_bytes(b"".join(map(letter, range(2000))))
    first = replay(path, refuses=True, dead_letter=path)
    again = replay(path)
    assert first is not None
    assert again is not None
    assert first.kept == list(range(0, 2000, 2))
    assert again.kept == list(range(1, 2000, 2))


def test_a_letter_that_cannot_be_read_is_known_before_the_first_is_given(tmp_path: Path) -> None:
    """The file is gone through once before anything runs, and no log is made for one that is refused."""
    path = tmp_path / "dead.jsonl"
    path.write_bytes(letter(1) + b"{}\n")
    with pytest.raises(DeadLetterError) as caught:
        replay(path)
    assert str(caught.value) == f"dead letters `{path}`: line 2 is no dead letter: KeyError: 'id'"
    assert [file.name for file in tmp_path.iterdir()] == ["dead.jsonl"]


def test_letters_are_counted_by_their_runs(tmp_path: Path) -> None:
    """Those of other runs, lines that are no letters, and files that are not there count as none."""
    path = tmp_path / "dead.jsonl"
    path.write_bytes(letter(1, run="a") + letter(2, run="b") + letter(3, run="c") + b'{"run": 7}\nnone\n\xff\n[1]\n')
    assert count_letters(path, ["a", "c"]) == 2
    assert count_letters(path, ["d"]) == 0
    assert count_letters(tmp_path / "none.jsonl", ["a"]) == 0
