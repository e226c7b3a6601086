from __future__ import annotations

import io
import sys
import threading
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from nanotyped.engine.run import start_run
from nanotyped.errors import GraphTypeError, NodeFailedError, RowError
from nanotyped.message import Batch
from nanotyped.nodes.flow import Filter, PrinterOfThings
from nanotyped.row import Row, parse_schema
from nanotyped.types import BOOL, JSON_NULL
from tests.support.flows import Given, GivenBatches, Kept, run_through

if TYPE_CHECKING:
    from nanotyped.row.schema import ColumnDeclaration

DOCUMENT = {"n": "int", "doc": "json null"}


def passed(node: Filter, values: Sequence[Any], kind: ColumnDeclaration) -> list[Any]:
    """Run values of one column through a filter and return those that pass."""
    return [row["v"].value for row in run_through(node, [(value,) for value in values], {"v": kind}).rows]


# -- Filter -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "true", "false"),
    [
        (BOOL.nullable(), [True], [False, None]),
        ("int null", [1, 7], [0, -3, None]),
        ("decimal(4,2)", [Decimal("0.01")], [Decimal("0.00"), Decimal("-1.00")]),
        ("double", [0.5], [0.0, -0.5]),
        ("varchar(9) null", ["true", "T", "yes", "Y", "1", "On"], ["", "false", "F", "no", "N", "0", "OFF", None]),
        ("enum('yes','no')", ["yes"], ["no"]),
        ("json null", [True, 1, "yes"], [JSON_NULL, False, 0, "no", None]),
    ],
)
def test_value_is_true(kind: ColumnDeclaration, true: list[Any], false: list[Any]) -> None:
    """True, numbers above 0 and the words for true pass; all else that may be told from them does not."""
    assert passed(Filter(test="value_is_true", key="v"), [*true, *false], kind) == true
    assert passed(Filter(test="value_is_true", key="v", value=False), [*true, *false], kind) == false


def test_other_text_is_an_error_of_its_row() -> None:
    """Text that is neither true nor false fails the run with the number and the text of its row."""
    rows = [(1, "yes"), (2, "no"), (3, "maybe"), (4, "yes")]
    with pytest.raises(NodeFailedError) as caught:
        run_through(Filter(test="value_is_true", key="v", name="keep"), rows, {"n": "int", "v": "varchar(9)"})
    assert str(caught.value) == (
        "node `keep` failed: RowError: row 3, `v`: 'maybe' is neither true nor false - at row Row(n=3, v='maybe')"
    )
    cause = caught.value.__cause__
    assert isinstance(cause, RowError)
    assert (cause.row, cause.column) == (3, "v")


@pytest.mark.parametrize("one_schema", [True, False])
def test_the_number_of_a_row_is_that_in_the_stream(one_schema: bool) -> None:
    """Rows are counted over all batches, also where each has columns of its own."""
    node = Filter(test="value_is_true", key="v")
    rows = [Row.from_dict({"v": "no"}), Row.from_dict({"v": "perhaps"})]
    if not one_schema:
        rows.insert(1, Row.from_dict({"u": 1}))
    node.first_row_number = 12 if one_schema else 11
    with pytest.raises(RowError) as caught:
        node.process_batch(Batch(rows, type(rows[0]) if one_schema else None))
    assert caught.value.row == 13


def test_good_rows_before_a_bad_one_pass() -> None:
    """What passes before the row that fails the run goes on, and nothing behind it does."""
    kept = Kept()
    node = Filter(test="value_is_true", key="v")
    _ = GivenBatches([[("yes",), ("no",), ("y",), ("maybe",), ("yes",)]], {"v": "varchar(9)"}) > node > kept
    with pytest.raises(NodeFailedError):
        start_run(node).wait(10)
    assert kept.dicts == [{"v": "yes"}, {"v": "y"}]


def test_value_is_not_none() -> None:
    """Only nulls fail the test; 0, empty text and false do not; a JSON null is a null too."""
    node = Filter(test="value_is_not_none", key="v")
    assert passed(node, ["", None, "x"], "varchar(9) null") == ["", "x"]
    assert passed(Filter(test="value_is_not_none", key="v"), [0, JSON_NULL, None, False], "json null") == [0, False]
    assert passed(Filter(test="value_is_not_none", key="v", value=False), ["", None], "varchar(9) null") == [None]


def test_key_exists() -> None:
    """A column is there, null or not; on an edge of unknown schema each row has columns of its own."""
    messages = [{"a": None}, {"b": 1}, {"a": 2, "b": 3}]
    assert run_through(Filter(test="key_exists", key="a"), messages).dicts == [{"a": None}, {"a": 2, "b": 3}]
    assert run_through(Filter(test="key_exists", key="a", value=False), messages).dicts == [{"b": 1}]
    assert run_through(Filter(test="key_exists", key="x"), [(1,)], {"a": "int"}).dicts == []
    assert run_through(Filter(test="key_exists", key="x", value=False), [(1,)], {"a": "int"}).dicts == [{"a": 1}]


def test_a_missing_column_is_neither_true_nor_there() -> None:
    """Where the schema is not known, rows without the column fail every test."""
    messages = [{"b": 1}, {"a": 1}, 7]
    for test in ("value_is_true", "value_is_not_none"):
        assert run_through(Filter(test=test, key="a"), messages).dicts == [{"a": 1}]


@pytest.mark.parametrize(
    ("key", "passing"),
    [
        (["doc", "paid"], [1]),
        (["doc", "lines", 0, "paid"], [3]),
        (["doc", "lines", 1], [3]),
        (["doc", "paid", "deeper"], []),
    ],
)
def test_keypaths(key: list[str | int], passing: list[int]) -> None:
    """A list of steps leads from a column into its JSON, by keys and by positions."""
    rows = [
        (1, {"paid": True}),
        (2, {"paid": None}),
        (3, {"lines": [{"paid": 1}, "yes"]}),
        (4, None),
        (5, JSON_NULL),
    ]
    kept = run_through(Filter(test="value_is_true", key=key), rows, DOCUMENT)
    assert [row["n"] for row in kept.rows] == passing


def test_a_dot_in_a_plain_key_is_part_of_the_name() -> None:
    """A plain key is one column, even if it holds a dot."""
    rows = [({"b": 1}, None), ({"b": 1}, 2)]
    assert (
        len(run_through(Filter(test="value_is_not_none", key="a.b"), rows, {"a": "json", "a.b": "int null"}).rows) == 1
    )


def test_rows_pass_as_they_are() -> None:
    """What passes is the very row that came, and a batch of which all pass is not copied."""
    row_class: Any = parse_schema({"a": "int"}).row_class()
    row = row_class(1)
    assert run_through(Filter(test="value_is_true", key="a"), [row], {"a": "int"}).rows[0] is row


def test_no_nulls_behind_a_filter_on_them() -> None:
    """A column that is tested not to be null is not null behind the filter, and a node that needs that may follow."""
    given = parse_schema({"a": "int null", "doc": "json null"})
    for node, narrowed in (
        (Filter(test="value_is_not_none", key="a"), {"a": "int", "doc": "json null"}),
        (Filter(test="value_is_true", key="a"), {"a": "int", "doc": "json null"}),
        (Filter(test="key_exists", key=["doc", "x"]), {"a": "int null", "doc": "json"}),
        (Filter(test="value_is_not_none", key="a", value=False), {"a": "int null", "doc": "json null"}),
        (Filter(test="key_exists", key="a"), {"a": "int null", "doc": "json null"}),
    ):
        assert node.output_schema_for(given) == parse_schema(narrowed)
    sink = Kept(input_schema={"a": "int"})
    node = Filter(test="value_is_not_none", key="a")
    _ = Given([(1,), (None,)], {"a": "int null"}) > node > sink
    start_run(node).wait(10)
    assert sink.dicts == [{"a": 1}]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (
            {"test": "value_is_true", "key": "piad"},
            "node `keep`: there is no column `piad`. Hint: did you mean `paid`?",
        ),
        (
            {"test": "value_is_not_none", "key": ["paid", "x"]},
            "node `keep`: `paid.x` reaches into column `paid`, which is `int` and no JSON",
        ),
        (
            {"test": "value_is_true", "key": "day"},
            "node `keep`: column `day` is `date null`, which is neither true nor false",
        ),
        (
            {"test": "key_exists", "key": ["paid", "x"]},
            "node `keep`: `paid.x` reaches into column `paid`, which is `int` and no JSON",
        ),
    ],
)
def test_refused_before_the_run(options: dict[str, Any], problem: str) -> None:
    """A column that is missing, holds nothing to reach into, or is never true nor false is refused at build."""
    with pytest.raises(GraphTypeError) as caught:
        run_through(Filter(name="keep", **options), [], {"paid": "int", "day": "date null"})
    assert [str(found) for found in caught.value.problems] == [problem]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"test": "value_is_tru", "key": "a"},
            "there is no test `value_is_tru`; the tests are `key_exists`, `value_is_not_none`, `value_is_true`; "
            "did you mean `value_is_true`?",
        ),
        ({"test": "key_exists", "key": []}, "a keypath starts with the name of a column, not with []"),
        ({"test": "key_exists", "key": [0]}, "a keypath starts with the name of a column, not with [0]"),
        ({"test": "key_exists", "key": ["a", 1.5]}, "a step of a keypath is a key or a position in a list, not 1.5"),
    ],
)
def test_wrong_options(options: dict[str, Any], message: str) -> None:
    """An unknown test and a key that is no keypath are refused at construction."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        Filter(**options)
    assert str(caught.value) == message


# -- PrinterOfThings ----------------------------------------------------------------------


class Recorder(io.StringIO):
    """A stream that keeps each write and each flush apart."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []
        self.flushed_after = 0

    def write(self, text: str) -> int:
        self.writes.append(text)
        return super().write(text)

    def flush(self) -> None:
        self.flushed_after = len(self.writes)


def test_prints_rows_and_bare_values(capsys: pytest.CaptureFixture[str]) -> None:
    """A row prints as the dictionary of its values, a bare value as itself, each after the text put before it."""
    messages = [{"n": 1, "who": "é\n"}, "rye", 7, None]
    kept = run_through(PrinterOfThings(), messages)
    assert capsys.readouterr().out == "printer: {'n': 1, 'who': 'é\\n'}\nprinter: rye\nprinter: 7\n"
    assert kept.dicts == [{"n": 1, "who": "é\n"}, {"__value__": "rye"}, {"__value__": 7}]


def test_prints_pretty(capsys: pytest.CaptureFixture[str]) -> None:
    """With `pretty` each column has a line of its own, and a deep document has several."""
    document = {"lines": ["x" * 30, "y" * 30, "z" * 30]}
    run_through(PrinterOfThings(pretty=True, prepend="> "), [{"n": 1, "doc": document}, "rye"])
    assert capsys.readouterr().out == (
        "> {\n"
        "    'n': 1,\n"
        f"    'doc': {{'lines': ['{'x' * 30}',\n"
        f"               '{'y' * 30}',\n"
        f"               '{'z' * 30}']}},\n"
        "}\n"
        "> rye\n"
    )


def test_prints_nothing_when_disabled(capsys: pytest.CaptureFixture[str]) -> None:
    """A disabled printer passes on and writes nothing."""
    assert run_through(PrinterOfThings(disable=True), [{"n": 1}]).dicts == [{"n": 1}]
    assert capsys.readouterr().out == ""


def test_each_message_is_one_write_and_flushed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stream is the standard output of that moment; a message is one write, flushed before it is passed on."""
    node = PrinterOfThings()
    stream = Recorder()
    monkeypatch.setattr(sys, "stdout", stream)
    run_through(node, [(n,) for n in range(3)], {"n": "int"})
    assert stream.writes == [f"printer: {{'n': {n}}}\n" for n in range(3)]
    assert stream.flushed_after == 3


def test_lines_of_several_printers_do_not_mix(monkeypatch: pytest.MonkeyPatch) -> None:
    """Printers in threads of their own write whole lines."""
    stream = Recorder()
    monkeypatch.setattr(sys, "stdout", stream)
    source = Given([(n,) for n in range(500)], {"n": "int"})
    printers = [PrinterOfThings(prepend=f"{name}: ") for name in "abc"]
    _ = source > tuple(printers)
    start_run(source).wait(10)
    assert sorted(stream.getvalue().splitlines()) == sorted(
        f"{name}: {{'n': {n}}}" for name in "abc" for n in range(500)
    )


def test_letters_that_the_terminal_cannot_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream of few letters gets the others as escapes, and the run goes on."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii", newline=""))
    run_through(PrinterOfThings(prepend=""), ["né", "rye"])
    assert raw.getvalue() == b"n\\xe9\nrye\n"


def test_a_slow_stream_is_printed_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A message is printed when it comes, not when a batch is full."""
    printed, gate = threading.Event(), threading.Event()

    class Telling(Recorder):
        def flush(self) -> None:
            super().flush()
            printed.set()

    stream = Telling()
    monkeypatch.setattr(sys, "stdout", stream)
    node = PrinterOfThings(prepend="")
    _ = Given([(1,), (2,)], {"n": "int"}, gates={1: gate}) > node
    run = start_run(node)
    assert printed.wait(10)
    assert stream.writes == ["{'n': 1}\n"]
    gate.set()
    run.wait(10)
    assert stream.writes == ["{'n': 1}\n", "{'n': 2}\n"]
