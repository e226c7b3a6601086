"""What becomes of a row that a node does not take, under each policy, and whether the counts say so."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from nanotyped import GraphTypeError, NanoNode, NodeFailedError, RetriableError, Retry, Row, RowError
from nanotyped.engine import Run, start_run
from nanotyped.graph import build_graph
from nanotyped.message import Batch, Checkpoint
from nanotyped.row.validation import Validator
from nanotyped.types import INTEGER
from tests.unit.engine.nodes import WAIT_S, Counting, Doing, Giving, Keeping, Passing

if TYPE_CHECKING:
    from pathlib import Path

    from nanotyped.node import NodeReport, RunReport


def refuse(*numbers: int, kind: type[Exception] = ValueError) -> Any:
    """Return what passes rows on, and raises at the rows of these ``n`` once it has given something."""

    def make(row: Any) -> Iterator[Any]:
        yield {"twice": 2 * row.n}
        if row.n in numbers:
            raise kind(f"at {row.n}")

    return make


def run(*nodes: NanoNode[Any, Any]) -> RunReport:
    """Run nodes linked in a row."""
    for left, right in pairwise(nodes):
        left.add_edge(right)
    return start_run(nodes[0]).wait(WAIT_S)


def failure(*nodes: NanoNode[Any, Any]) -> NodeFailedError:
    """Run nodes linked in a row that are to fail, and return how."""
    with pytest.raises(NodeFailedError) as caught:
        run(*nodes)
    return caught.value


def counts(node: NodeReport) -> dict[str, int]:
    """Return the counts of a node that are not zero."""
    names = ("received", "sent", "filtered", "rejected", "skipped", "dead")
    return {name: getattr(node, name) for name in names if getattr(node, name)}


def letters(path: Path) -> list[dict[str, Any]]:
    """Return the dead letters of a file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_bad_row_fails_the_run_by_default() -> None:
    """Without a policy the first row that raises ends the run; those before it are delivered."""
    sink = Keeping()
    error = failure(Counting(10), Doing(refuse(3), name="work"), sink)
    assert str(error) == "node `work` failed: ValueError: at 3 - at row Row(n=3)"
    assert [row.n for row in sink.messages] == [0, 1, 2, 3]  # of row 3, what it had given before it raised


def test_skip_leaves_out_the_row_and_all_that_was_made_of_it() -> None:
    """A row that raises is left out whole, the others go on in order, and it is counted."""
    sink = Keeping()
    report = run(Counting(3000), Doing(refuse(0, 3, 4, 2999), name="work", on_error="skip"), sink)
    assert [row.twice for row in sink.messages] == [2 * n for n in range(3000) if n not in (0, 3, 4, 2999)]
    assert counts(report["work"]) == {"received": 3000, "sent": 2996, "rejected": 4, "skipped": 4}
    assert report.dead == 0


def test_the_first_reason_of_a_skipped_row_is_told(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """Once for a node, with the row; of dead letters the file says it."""
    run(Counting(9), Doing(refuse(3, 5, 7), name="work", on_error="skip"), Keeping())
    run(Counting(9), Doing(refuse(3, 5, 7), name="work", dead_letter=tmp_path / "dead"), Keeping())
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        (
            "WARNING",
            "work: row 4 is left out: ValueError: at 3; others are only counted (`dead_letter` keeps each, and why)",
        )
    ]


def test_dead_letters_hold_the_typed_row_and_why(tmp_path: Path) -> None:
    """A dead letter is a line of JSON with the row, and why, where and when it was rejected; its owner's alone."""
    path = tmp_path / "dead.jsonl"
    report = run(Counting(9), Doing(refuse(3, 7), name="work", dead_letter=path), Keeping())
    found = letters(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {key: value for key, value in found[0].items() if key not in ("id", "at")} == {
        "run": report.run,
        "node": "work",
        "number": 4,
        "attempt": 1,
        "code": "ValueError",
        "column": None,
        "reason": "at 3",
        "columns": {"n": {"system": "intermediate", "type": "integer", "family": "INTEGER"}},
        "row": {"n": "3"},
        "misfits": {},
    }
    assert [letter["number"] for letter in found] == [4, 8]
    assert len({letter["id"] for letter in found}) == 2
    assert counts(report["work"]) == {"received": 9, "sent": 7, "rejected": 2, "dead": 2}
    assert report.dead == 2


def test_letters_come_behind_those_that_are_there(tmp_path: Path) -> None:
    """A file is added to, and a torn end, which a killed run left, is cut off first."""
    path = tmp_path / "dead.jsonl"
    run(Counting(4), Doing(refuse(3), name="work", dead_letter=path), Keeping())
    before = path.read_bytes()
    path.write_bytes(before + b'{"id": "tor')
    path.chmod(0o644)
    run(Counting(4), Doing(refuse(2), name="work", dead_letter=path), Keeping())
    assert path.read_bytes().startswith(before)
    assert [letter["row"]["n"] for letter in letters(path)] == ["3", "2"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_several_nodes_may_share_a_file(tmp_path: Path) -> None:
    """Nodes that name one file write their letters to it, whole."""
    path = tmp_path / "dead.jsonl"
    first, second = (Doing(refuse(n), name=f"w{n}", dead_letter=path) for n in (1, 5))
    run(Counting(9), first, second, Keeping())
    assert sorted((letter["node"], letter["row"]["n"]) for letter in letters(path)) == [("w1", "1"), ("w5", "5")]


@pytest.mark.parametrize(
    ("caps", "message"),
    [
        ({"max_errors": 2}, "3 of 8 rows were rejected, which is above `max_errors: 2`; the last: ValueError: at 7"),
        ({"max_errors": 0}, "1 of 2 rows were rejected, which is above `max_errors: 0`; the last: ValueError: at 1"),
    ],
)
def test_max_errors_is_how_many_are_skipped(caps: dict[str, Any], message: str) -> None:
    """So many are left out, and the next ends the run; what came before it is delivered."""
    sink = Keeping()
    bad = (1, 4, 7)
    error = failure(Counting(200), Doing(refuse(*bad), name="work", **caps), sink)
    assert error.cause == f"TooManyErrorsError: {message}"
    last = bad[caps["max_errors"]]
    assert error.row == f"Row(n={last})"
    assert [row.n for row in sink.messages] == [n for n in range(last) if n not in bad]
    assert isinstance(error.__cause__.__cause__, ValueError)  # type: ignore[union-attr]  # it has one


def test_max_error_rate_looks_at_a_hundred_rows_first() -> None:
    """A share is looked at from the hundredth row on, at each rejected row, and at the end of the data."""
    run(Counting(1000), Doing(refuse(*range(10), 999), max_error_rate=0.1), Keeping())
    error = failure(Counting(1000), Doing(refuse(*range(10), 99), name="work", max_error_rate=0.1), Keeping())
    assert error.cause == (
        "TooManyErrorsError: 11 of 100 rows were rejected, which is above `max_error_rate: 0.1`; "
        "the last: ValueError: at 99"
    )
    error = failure(Counting(8), Doing(refuse(1), name="work", max_error_rate=0.1), Keeping())
    assert error.cause == "TooManyErrorsError: 1 of 8 rows were rejected, which is above `max_error_rate: 0.1`"


@pytest.mark.parametrize("kind", [OSError, ConnectionError, MemoryError, KeyboardInterrupt, RuntimeError])
def test_what_is_no_error_of_a_row_ends_the_run(kind: type[Exception]) -> None:
    """Outages, and whatever else the next row would meet too, end the run under every policy."""
    error = failure(Counting(9), Doing(refuse(3, kind=kind), name="work", on_error="skip"), Keeping())
    assert type(error.__cause__) is kind


def test_a_stranger_s_exception_is_told_how_to_be_an_error_of_a_row() -> None:
    """An exception that says nothing of rows ends the run, and its message tells what would not."""
    error = failure(Counting(9), Doing(refuse(3, kind=RuntimeError), name="work", on_error="skip"), Keeping())
    assert error.cause == "RuntimeError: at 3; on_error is for errors of a row; raise RowError where this is one"


class Needy(Keeping):
    input_schema = {"n": INTEGER.of(bits=8)}


def test_rows_that_break_the_input_contract_are_rejected(tmp_path: Path) -> None:
    """Of a batch, each row that is not what the node needs is rejected with its own cells; it sees the others."""
    path = tmp_path / "dead.jsonl"
    sink = Needy(name="sink", dead_letter=path)
    rows = [{"n": 1}, {"n": 300}, {"n": 2}, {"n": "x"}, {"m": 1}, {"n": 3}]
    report = run(Giving(rows), sink)
    assert [row.n for row in sink.messages] == [1, 2, 3]
    assert counts(report["sink"]) == {"received": 6, "rejected": 3, "dead": 3}
    assert [(letter["number"], letter["code"], letter["column"], letter["reason"]) for letter in letters(path)] == [
        (2, "RowValidationError", "n", "row 2, column `n`: expected `int8`, got 300 (above 127)"),
        (4, "RowValidationError", "n", "row 4, column `n`: expected `int8`, got 'x' (an int is needed, this is str)"),
        (5, "RowError", "n", "the row has no column `n`; the columns are `m`"),
    ]


class Promising(Doing):
    output_schema = {"twice": INTEGER.of(bits=8)}


def test_rows_whose_results_break_the_output_contract_are_rejected_whole() -> None:
    """A row of which one result is wrong is left out with all of its results, the right ones too."""

    def make(row: Any) -> list[Any]:
        last = {"other": 1} if row.n == 7 else {"twice": 200 if row.n == 5 else 0}
        return [{"twice": row.n}, last]

    sink = Keeping()
    report = run(Counting(10), Promising(make, name="work", retain_input=False, on_error="skip"), sink)
    kept = [n for n in range(10) if n not in (5, 7)]
    assert [row.twice for row in sink.messages] == [value for n in kept for value in (n, 0)]
    assert counts(report["work"]) == {"received": 10, "sent": 16, "rejected": 2, "skipped": 2}


def test_a_row_of_many_results_keeps_to_the_bound_of_its_edge() -> None:
    """What is made of one row may be more than an edge holds: it is checked whole, and sent piece by piece."""

    def make(row: Any) -> list[Any]:
        return [{"twice": value} for value in range(50)] + ([{"twice": 999}] if row.n == 1 else [])

    source, sink = Counting(3), Keeping()
    work = Promising(make, name="work", retain_input=False, on_error="skip")
    _ = source > work
    work.add_edge(sink, max_queue_size=7)
    report = start_run(source).wait(WAIT_S)
    assert [row.twice for row in sink.messages] == [*range(50), *range(50)]
    assert counts(report["work"]) == {"received": 3, "sent": 100, "rejected": 1, "skipped": 1}


class ByBatch(NanoNode[object, Any]):
    """Takes batches; refuses rows as it is told to: by the number, all of them at once, or one without a number."""

    def __init__(self, refused: set[int], how: str, **kwargs: Any) -> None:
        self.refused = refused
        self.how = how
        super().__init__(retain_input=False, **kwargs)

    def process_batch(self, batch: Batch[Row]) -> Sequence[Row]:
        for number, row in enumerate(batch.rows, self.first_row_number):
            if row["n"] in self.refused:
                if self.how == "all":
                    Validator(Row(INTEGER.of(bits=8)(0, name="n")).schema).rows(
                        [(300 if one["n"] in self.refused else 0,) for one in batch.rows], self.first_row_number
                    )
                raise RowError(f"row {number} is bad", row=number if self.how == "number" else None)
        return batch.rows


@pytest.mark.parametrize("how", ["number", "all", "silent"])
def test_process_batch_may_refuse_rows(how: str, tmp_path: Path) -> None:
    """Whatever a batch error says of its rows, exactly the bad ones are rejected and the others go on in order."""
    refused = {0, 7, 8, 1500, 2499}
    path, sink = tmp_path / "dead.jsonl", Keeping()
    report = run(Counting(2500), ByBatch(refused, how, name="batch", dead_letter=path), sink)
    assert [row.n for row in sink.messages] == [n for n in range(2500) if n not in refused]
    assert counts(report["batch"]) == {"received": 2500, "sent": 2495, "rejected": 5, "dead": 5}
    assert sorted(letter["number"] for letter in letters(path)) == [n + 1 for n in sorted(refused)]


class GivingChecked(Giving):
    output_schema = {"n": INTEGER.of(bits=8), "note": "varchar(3) null"}


def test_rows_of_a_source_that_break_its_contract_are_rejected(tmp_path: Path) -> None:
    """A source's own rows are held to its contract: what is no row of it is rejected, as it was given."""
    path, sink = tmp_path / "dead.jsonl", Keeping()
    rows = [{"n": 1, "note": None}, {"n": 300, "note": "a"}, {"n": 2}, {"n": 3, "note": "long"}, {"n": 4, "note": "x"}]
    report = run(GivingChecked(rows, name="read", dead_letter=path), sink)
    assert [row.n for row in sink.messages] == [1, 4]
    assert counts(report["read"]) == {"sent": 2, "rejected": 3, "dead": 3}
    found = sorted(letters(path), key=lambda letter: letter["number"])
    assert [(letter["number"], letter["column"]) for letter in found] == [(2, "n"), (3, None), (4, "note")]
    assert found[0]["misfits"]["n"]["value"] == "300"


def test_letters_of_a_source_without_checkpoints_do_not_wait_for_its_end(tmp_path: Path) -> None:
    """However long such a source runs, no more than a few hundred letters are held in memory."""
    path = tmp_path / "dead.jsonl"
    there: list[int] = []

    class Endless(NanoNode[object, Any]):
        output_schema = {"n": "int"}

        def generator(self) -> Iterator[Any]:
            for _ in range(1000):
                yield {"m": 1}
            there.append(len(letters(path)))

    report = run(Endless(name="read", dead_letter=path), Keeping())
    assert there == [1000]
    assert (report["read"].dead, len(letters(path))) == (1000, 1000)


def test_a_full_disk_ends_the_run_and_nothing_is_acknowledged() -> None:
    """Where a dead letter cannot be written the run fails, and the source's mark stays before the row."""

    class Marking(Counting):
        def generator(self) -> Iterator[Any]:
            for row in super().generator():
                yield row
                yield Checkpoint(row["n"] + 1)

    source = Marking(2000)
    _ = source > Doing(refuse(3), name="work", dead_letter="/dev/full") > Keeping()
    started = Run(build_graph(source))
    started.start()
    with pytest.raises(NodeFailedError) as caught:
        started.wait(WAIT_S)
    assert caught.value.cause == (
        "DeadLetterError: dead letters `/dev/full`: it cannot be written: No space left on device"
    )
    ledger = started.workers[0].ledger
    assert ledger is not None
    assert (ledger.mark or 0) <= 3


def test_a_file_that_cannot_be_opened_ends_the_run_before_its_first_row(tmp_path: Path) -> None:
    """The file is opened at the start: a directory that is not there is known before a row is lost."""
    path = tmp_path / "none" / "dead.jsonl"
    sink = Keeping()
    error = failure(Counting(9), Doing(refuse(), name="work", dead_letter=path), sink)
    assert error.cause == f"DeadLetterError: dead letters `{path}`: it cannot be opened: No such file or directory"
    assert sink.messages == []


def flaky(failures: dict[int, int], kind: type[Exception] = RetriableError) -> Any:
    """Return what passes rows on, and before that raises at some of them so many times."""
    left = dict(failures)

    def make(row: Any) -> Iterator[Any]:
        yield row
        if left.get(row.n, 0):
            left[row.n] -= 1
            raise kind(f"at {row.n}")

    return make


FAST = Retry(attempts=3, backoff_s=0.001)


def test_retry_calls_the_code_again_and_gives_nothing_twice() -> None:
    """A row is tried again after a RetriableError; what an attempt had given before it is not sent."""
    sink = Keeping()
    report = run(Counting(9), Doing(flaky({2: 1, 5: 2}), name="work", retry=FAST), sink)
    assert report["work"].retried == 3
    assert [row.n for row in sink.messages] == list(range(9))
    assert counts(report["work"]) == {"received": 9, "sent": 9}


def test_after_the_last_attempt_the_policy_decides(tmp_path: Path) -> None:
    """An error that stays is one of its row: it ends the run, or the row is a dead letter with its attempts."""
    error = failure(Counting(9), Doing(flaky({2: 9}), name="work", retry=FAST), Keeping())
    assert str(error) == "node `work` failed: RetriableError: at 2; after 3 attempts - at row Row(n=2)"
    path = tmp_path / "dead.jsonl"
    run(Counting(9), Doing(flaky({2: 9}), name="work", retry=FAST, dead_letter=path), Keeping())
    assert [(letter["attempt"], letter["reason"]) for letter in letters(path)] == [(3, "at 2; after 3 attempts")]


def test_a_class_says_what_it_may_be_called_again_after() -> None:
    """Errors of `retriable_errors` are tried again; an outage that stays ends the run under every policy."""

    class Reaching(Doing):
        retriable_errors = (ConnectionError,)

    sink = Keeping()
    run(Counting(4), Reaching(flaky({1: 2}, ConnectionError), retry=FAST), sink)
    assert [row.n for row in sink.messages] == [0, 1, 2, 3]
    error = failure(
        Counting(4), Reaching(flaky({1: 9}, ConnectionError), name="r", retry=FAST, max_errors=5), Keeping()
    )
    assert isinstance(error.__cause__, ConnectionError)


def test_a_deadline_ends_the_attempts() -> None:
    """No attempt begins behind the deadline."""
    retry = Retry(attempts=100, backoff_s=5.0, deadline_s=1.0)
    error = failure(Counting(1), Doing(flaky({0: 9}), name="work", retry=retry), Keeping())
    assert error.cause == "RetriableError: at 0; after 1 attempt"


def test_a_stop_ends_the_pause_between_attempts() -> None:
    """A run that is terminated ends at once, also while a node waits to try again."""
    node = Doing(flaky({0: 99}), retry=Retry(attempts=50, backoff_s=60.0, max_backoff_s=60.0))
    _ = Counting(1) > node > Keeping()
    started = start_run(node)
    for _ in range(1000):
        if node.statistics.received:
            break
        node.sleep(0.002)
    started.terminate()
    report = started.wait(2.0)
    assert report[node.label].status == "stopped"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"on_error": "ignore"}, "on_error must be one of fail, skip, dead_letter, not 'ignore'"),
        (
            {"on_error": "fail", "max_errors": 1, "dead_letter": "x"},
            "max_errors goes with `on_error: skip` or `dead_letter`; `fail` ends the run at the first error; "
            "dead_letter goes with `on_error: dead_letter`, not with `fail`",
        ),
        (
            {"max_errors": -1, "max_error_rate": 2},
            "max_errors must not be below 0, not -1; max_error_rate must be above 0 and at most 1, not 2",
        ),
    ],
)
def test_options_that_do_not_go_together_are_refused(options: dict[str, Any], message: str) -> None:
    """What is wrong with the options of a policy is said, all of it, where the node is made."""
    with pytest.raises(ValueError, match=r"must be|goes with") as caught:
        Passing(**options)
    assert str(caught.value) == message


def test_an_error_output_that_leads_nowhere_is_refused() -> None:
    """Before anything starts: dead letters without a file, and policies of sources that would have no effect."""

    class Batches(NanoNode[object, Any]):
        def generate_batches(self) -> Iterator[Sequence[Row]]:
            yield []

    source = Batches(name="read", on_error="skip", retry=FAST)
    _ = source > Keeping(name="keep", on_error="dead_letter")
    with pytest.raises(GraphTypeError) as caught:
        build_graph(source)
    assert [str(problem) for problem in caught.value.problems] == [
        "node `read`: Batches ends the run at a row that is wrong, whatever on_error says. "
        "Hint: leave out on_error and its caps",
        "node `read` is a source, whose code cannot be called again at a row. Hint: leave out retry",
        "node `keep` has no file for its dead letters, and on_error is dead_letter. "
        "Hint: name one with dead_letter: rejected.jsonl",
    ]
