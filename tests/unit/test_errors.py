"""The exception tree: texts, attributes, pickling, and what is hidden in them."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest

from nanotyped import errors as e

EDGE = ("read", "bill")
PROBLEMS = [e.CellProblem(3, "id", "int unsigned", "-1", "below 0"), e.CellProblem(4, "note", "varchar(9)", "5")]

EVERY: list[tuple[BaseException, str]] = [
    (e.NanotypedError("plain"), "plain"),
    (e.TypeSyntaxError("intt(3)", 4, "no such type"), "no such type at position 4 of `intt(3)`"),
    (e.TypeCastError("int", "x", "not a whole number"), "'x' is no `int`: not a whole number"),
    (e.IncompatibleTypesException("a does not fit b"), "a does not fit b"),
    (e.RowError("it is wrong", row=3, column="id"), "it is wrong"),
    (
        e.RowValidationError(PROBLEMS),
        "row 3, column `id`: expected `int unsigned`, got -1 (below 0); "
        "row 4, column `note`: expected `varchar(9)`, got 5",
    ),
    (e.SourceError("gone"), "gone"),
    (e.UnfitSourceError("not there"), "not there"),
    (e.DeliveryError("not taken", status=503, attempts=4, rows=(1, 100)), "not taken"),
    (
        e.NodeFailedError("bill", ValueError("no"), "Row(n=1)", ["post", "log"]),
        "node `bill` failed: ValueError: no - at row Row(n=1) (still busy after the grace time: `post`, `log`)",
    ),
    (e.NodeFailedError("bill", ValueError("no")), "node `bill` failed: ValueError: no"),
    (e.PipelineStateError("not now"), "not now"),
    (
        e.CursorError((1, 2), "JSON gives it back as [1, 2]"),
        "Checkpoint((1, 2)) cannot be kept: JSON gives it back as [1, 2]; "
        "a cursor is made of what JSON holds: None, bool, int, float, str, list and dict of str",
    ),
    (e.WrongOptionsError(["port is missing", "user is missing"]), "port is missing; user is missing"),
    (e.ExportError(["a class", "a secret"]), "a class; a secret"),
    (e.PipelineInterrupted(15, "report"), "interrupted by signal 15"),
    (e.GraphProblem("odd", node="a", hint="mend it"), "odd. Hint: mend it"),
    (e.GraphStructureError("a cycle"), "a cycle"),
    (e.NodeOptionError("wrong", node="a"), "wrong"),
    (
        e.Mismatch("int unsigned", "varchar(64)", reason="text", hint="Cast", edge=EDGE, column="id"),
        "Expected `int unsigned`, got `varchar(64)` (text) - at `read → bill` $.id. Hint: Cast",
    ),
    (e.Mismatch("int", "nothing", column="id"), "Expected `int`, got nothing - at $.id"),
    (e.Mismatch("int", "text"), "Expected `int`, got `text`"),
    (
        e.GraphTypeError([e.GraphProblem("one"), e.Mismatch("int", "text")]),
        "this pipeline cannot run: 2 problems\n  1. one\n  2. Expected `int`, got `text`",
    ),
    (e.GraphTypeError([e.GraphProblem("one")]), "this pipeline cannot run: 1 problem\n  1. one"),
    (e.ConfigProblem("p.yaml", 3, 7, "no such key"), "p.yaml:3:7: no such key"),
    (e.ConfigProblem("p.yaml", 0, 0, "no such file"), "p.yaml: no such file"),
    (e.ConfigError([e.ConfigProblem("p.yaml", 1, 2, "x")]), "p.yaml: 1 problem\n  p.yaml:1:2: x"),
    (e.DdlProblem(3, 7, "no such type", "orders"), "line 3, column 7: no such type"),
    (e.DdlProblem(0, 0, "a table has columns"), "a table has columns"),
    (e.DdlError([e.DdlProblem(1, 2, "x")]), "1 problem\n  line 1, column 2: x"),
]


def attributes(error: Any) -> dict[str, str]:
    """Return the attributes of an error as text."""
    return {key: repr(value) for key, value in vars(error).items()} | {"text": str(error)}


@pytest.mark.parametrize(("error", "text"), EVERY)
def test_texts(error: BaseException, text: str) -> None:
    """Each error says what is wrong, where, and what helps."""
    assert str(error) == text


@pytest.mark.parametrize("error", [error for error, _ in EVERY])
def test_pickling_keeps_everything(error: BaseException) -> None:
    """Pickled or copied, an error keeps its class, its text and every attribute."""
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(other) is type(error)
        assert attributes(other) == attributes(error)


@pytest.mark.parametrize(
    ("cls", "base"),
    [
        (e.TypeSyntaxError, ValueError),
        (e.TypeCastError, ValueError),
        (e.IncompatibleTypesException, TypeError),
        (e.RowValidationError, e.RowError),
        (e.RowError, ValueError),
        (e.UnfitSourceError, e.SourceError),
        (e.DeliveryError, e.SourceError),
        (e.WrongOptionsError, ValueError),
        (e.PipelineStateError, RuntimeError),
        (e.PipelineInterrupted, KeyboardInterrupt),
        (e.Mismatch, e.GraphProblem),
        (e.GraphTypeError, ExceptionGroup),
        (e.ConfigError, ExceptionGroup),
    ],
)
def test_the_tree(cls: type, base: type) -> None:
    """Errors stand under what a caller would catch; what is no row error cannot be skipped as one."""
    assert issubclass(cls, base)
    assert issubclass(cls, e.NanotypedError) or cls in (e.PipelineInterrupted, e.GraphTypeError, e.ConfigError)


def test_groups_can_be_taken_apart() -> None:
    """`except*` and `split` give groups of the same kind, with the problems of a kind."""
    group = e.GraphTypeError([e.GraphProblem("one"), e.Mismatch("int", "text")])
    assert [str(problem) for problem in group.problems] == ["one", "Expected `int`, got `text`"]
    found: list[str] = []
    try:
        raise group
    except* e.Mismatch as mismatches:
        found.append(str(mismatches))
    except* e.GraphProblem as others:
        found.append(str(others))
    assert found == [
        "this pipeline cannot run: 1 problem\n  1. Expected `int`, got `text`",
        "this pipeline cannot run: 1 problem\n  1. one",
    ]
    config = e.ConfigError([e.ConfigProblem("p", 1, 1, "x"), e.ConfigProblem("q", 1, 1, "y")])
    part = config.subgroup(lambda problem: isinstance(problem, e.ConfigProblem) and problem.file == "q")
    assert isinstance(part, e.ConfigError)
    assert [str(problem) for problem in part.exceptions] == ["q:1:1: y"]


def test_a_mismatch_can_be_placed() -> None:
    """`at` gives the same mismatch at an edge and a column, and keeps what is not said anew."""
    bare = e.Mismatch("int", "text", verdict="lossy", reason="why", hint="how")
    placed = bare.at(edge=EDGE, column="id")
    assert str(placed) == "Expected `int`, got `text` (why) - at `read → bill` $.id. Hint: how"
    assert (placed.verdict, placed.node) == ("lossy", "bill")
    assert str(placed.at(hint="")) == "Expected `int`, got `text` (why) - at `read → bill` $.id"


def test_many_cells_are_counted() -> None:
    """Ten cells are shown, the others counted; all of them are in `problems`."""
    error = e.RowValidationError([e.CellProblem(number, "c", "int", "'x'") for number in range(1, 14)])
    assert str(error).count("row ") == 10
    assert str(error).endswith("got 'x'; and 3 more")
    assert len(error.problems) == 13


def test_values_are_shown_in_eighty_characters() -> None:
    """Of a value's repr the first 80 characters are shown; one that raises is named by its class."""

    class Mute:
        def __repr__(self) -> str:
            raise ValueError

    assert e.shown("x" * 78) == repr("x" * 78)
    assert e.shown("x" * 79) == "'" + "x" * 79 + "…"
    assert e.shown(Mute()) == "<Mute, whose repr raises ValueError>"


@pytest.mark.parametrize(
    ("wrong", "hint"), [("nmae", "did you mean `name`?"), ("zzz", ""), ("name", "did you mean `name`?")]
)
def test_the_nearest_name(wrong: str, hint: str) -> None:
    """The nearest known name is proposed, none where all are far."""
    assert e.nearest_hint(wrong, ["name", "id"]) == hint
