"""The fingerprint: it tells pipelines apart by what they do, and does not see names, passwords or processes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from nanotyped.engine.checkpoint import differences
from nanotyped.engine.fingerprint import fingerprint_of
from nanotyped.graph import build_graph
from nanotyped.node import NanoNode


class Optional(NanoNode[object, object]):
    """Takes any option."""

    def __init__(self, *, option: Any = None, password: Any = None, headers: Any = None, **options: Any) -> None:
        super().__init__(**options)

    def generator(self) -> Iterator[object]:
        yield from ()

    def process_item(self, row: object) -> Iterator[object]:
        yield row


class Other(Optional): ...


class Tuning(BaseModel):
    size: int


def prints(cls: type[NanoNode[Any, Any]] = Optional, name: str | None = "read", **options: Any) -> dict[str, str]:
    """Return the fingerprint of a source with these options and a sink."""
    source, sink = cls(name=name, **options), Other(name="sink")
    _ = source > sink
    return fingerprint_of(build_graph(source))


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (1, 2),
        (1, "1"),
        (1, True),
        (None, "None"),
        ("a", b"a"),
        (["a", "b"], ["b", "a"]),
        ({"a": 1}, {"a": 2}),
        (Decimal("1.0"), Decimal("1.00")),
        (date(2024, 5, 6), date(2024, 5, 7)),
        ({"since": date(2024, 5, 6)}, {"since": date(2024, 5, 7)}),
        (Tuning(size=1), Tuning(size=2)),
        (len, max),
        ("mysql://joe:secret@one/shop", "mysql://joe:secret@two/shop"),
        (SecretStr("mysql://joe:secret@one/shop"), SecretStr("mysql://joe:secret@two/shop")),
        ("mysql://joe:secret@one/shop", "mysql://ann:secret@one/shop"),
    ],
)
def test_another_option_is_another_node(one: Any, two: Any) -> None:
    """The node is named, and nothing else is."""
    assert differences(prints(option=one), prints(option=two)) == ["`read` is another"]
    assert prints(option=one) == prints(option=one)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({"option": "mysql://joe:one@host/shop"}, {"option": "mysql://joe:two@host/shop"}),
        ({"option": SecretStr("mysql://joe:one@host/shop")}, {"option": SecretStr("mysql://joe:two@host/shop")}),
        ({"option": SecretStr("one")}, {"option": SecretStr("two")}),
        ({"password": "one"}, {"password": "two"}),
        ({"headers": {"Authorization": "one"}}, {"headers": {"Authorization": "two"}}),
        ({"summary": "one"}, {"summary": "two"}),
    ],
)
def test_passwords_and_remarks_are_no_difference(one: dict[str, Any], two: dict[str, Any]) -> None:
    """A run goes on with the new password."""
    assert prints(**one) == prints(**two)


def test_a_set_has_no_order() -> None:
    """Sets are spelled in one order, in every process."""
    program = (
        "from tests.unit.engine.test_fingerprint import prints\n"
        "print(prints(option={'a', 'b', 'c', 'd'}, name=None)['the graph'], prints(option={'a', 'b', 'c', 'd'}))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", program], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1


def test_class_links_contract_and_name_count() -> None:
    """Each is a difference with a name; a node without one is known by its class and place."""
    assert differences(prints(), prints(Other)) == ["`read` is another"]
    assert differences(prints(), prints(output_schema={"n": "int"})) == ["`read` is another"]
    assert differences(prints(), prints(name="load")) == ["`read` is gone", "`load` is new", "the graph is another"]
    assert list(prints(name=None)) == ["node 1 (Optional)", "`sink`", "the graph"]
    assert prints(name=None) == prints(name=None)


def test_a_class_says_which_options_may_change() -> None:
    """A state is gone on with, whatever they are; of another class they are options like any other."""

    class Patient(Optional):
        options_that_may_change = ("option",)

    def prints(cls: type[Optional]) -> list[dict[str, str]]:
        return [fingerprint_of(build_graph(cls(option=option, name="n"))) for option in (1, 2)]

    one, two = prints(Patient)
    assert one == two
    one, two = prints(Optional)
    assert differences(one, two) == ["`n` is another"]
