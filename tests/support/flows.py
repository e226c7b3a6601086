"""Small ends for pipelines in tests: a source of given rows and a sink that keeps what it gets."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from nanotyped.engine.run import start_run
from nanotyped.errors import NodeFailedError
from nanotyped.node import NanoNode
from nanotyped.testing import KeptRows

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    from nanotyped.message import Marker
    from nanotyped.node import RunReport
    from nanotyped.row import Row
    from nanotyped.row.schema import SchemaDeclaration


class Given(NanoNode[object, Any]):
    """Gives messages; with a schema they are tuples of Python values, or rows, and go out in batches of 1000.

    Where it is to, it waits before some of them: ``gates`` maps the index of a message to the event that lets it go.
    """

    def __init__(
        self,
        messages: Iterable[Any],
        schema: SchemaDeclaration | None = None,
        gates: Mapping[int, threading.Event] | None = None,
        **kwargs: Any,
    ) -> None:
        self.messages = messages
        self.gates = dict(gates or {})
        super().__init__(output_schema=schema, **kwargs)

    def generator(self) -> Iterator[Any]:
        own = self.own_output()
        row_class = self.output_row_class() or (own.row_class() if own is not None else None)
        for index, message in enumerate(self.messages):
            if index in self.gates and not self.gates[index].wait(10):
                raise TimeoutError(f"nobody opened the gate before message {index}")
            yield row_class(*message) if row_class is not None and isinstance(message, tuple) else message


class GivenBatches(NanoNode[object, Any]):
    """Gives batches of rows, each as it is: the sizes of what goes out do not hang on who waits when."""

    def __init__(self, batches: Iterable[Sequence[tuple[Any, ...]]], schema: SchemaDeclaration, **kwargs: Any) -> None:
        self.batches = batches
        super().__init__(output_schema=schema, **kwargs)

    def generate_batches(self) -> Iterator[Sequence[Row]]:
        own = self.own_output()
        assert own is not None
        row_class: Any = self.output_row_class() or own.row_class()
        for batch in self.batches:
            yield [row_class(*values) for values in batch]


class Kept(KeptRows):
    """The product's own, under the name that expected messages have for it."""


def run_through(
    node: NanoNode[Any, Any], messages: Iterable[Any], schema: SchemaDeclaration | None = None, **options: Any
) -> Kept:
    """Run messages through a node in a real pipeline and return the sink with what came out.

    The nodes bear the names ``given``, their own, and ``kept``.
    """
    kept = Kept(name="kept")
    _ = Given(messages, schema, name="given", **options) > node > kept
    start_run(node).wait(30)
    return kept


def run_into(
    node: NanoNode[Any, Any], messages: Iterable[Any], schema: SchemaDeclaration | None = None, **options: Any
) -> RunReport:
    """Run messages into a sink in a real pipeline; the source bears the name ``given``."""
    _ = Given(messages, schema, name="given", **options) > node
    return start_run(node).wait(30)


def run_batch_into(node: NanoNode[Any, Any], rows: Sequence[tuple[Any, ...]], schema: SchemaDeclaration) -> RunReport:
    """Run rows into a sink as one batch, however busy the machine is: for tests that look at what came together."""
    _ = GivenBatches([rows], schema, name="given") > node
    return start_run(node).wait(30)


def run_batch_through(node: NanoNode[Any, Any], rows: Sequence[tuple[Any, ...]], schema: SchemaDeclaration) -> Kept:
    """Run rows through a node as one batch and return the sink with what came out."""
    kept = Kept(name="kept")
    _ = GivenBatches([rows], schema, name="given") > node > kept
    start_run(node).wait(30)
    return kept


def run_source(node: NanoNode[Any, Any]) -> Kept:
    """Run a source to its end and return the sink with what it gave."""
    kept = Kept(name="kept")
    _ = node > kept
    start_run(node).wait(30)
    return kept


class KeepingMarkers(NanoNode[object, Any]):
    """Keeps what it gets in order, markers by the name of their class; ``markers`` has these themselves."""

    def __init__(self, **kwargs: Any) -> None:
        self.seen: list[Any] = []
        self.markers: list[Marker] = []
        super().__init__(**kwargs)

    def process_item(self) -> None:
        self.seen.append(self.__message__)

    def process_marker(self, marker: Marker) -> None:
        self.seen.append(type(marker).__name__)
        self.markers.append(marker)


class Rejected(NamedTuple):
    """What becomes of messages of which one is wrong.

    Attributes:
        failure: What the run fails with, under ``fail``.
        before: What had come out by then.
        others: What comes out under ``skip``, and under ``dead_letter``.
        letters: The rows of the dead letters.
    """

    failure: str
    before: list[dict[str, Any]]
    others: list[dict[str, Any]]
    letters: list[Any]


def reject_one(
    make: Callable[..., NanoNode[Any, Any]],
    messages: Sequence[Any],
    directory: Path,
    schema: SchemaDeclaration | None = None,
) -> Rejected:
    """Run messages, one of which is wrong, through a node under each ``on_error``."""
    kept = Kept()
    node = make(name="node")
    _ = Given(messages, schema) > node > kept
    with pytest.raises(NodeFailedError) as caught:
        start_run(node).wait(30)
    skipping = make(on_error="skip")
    skipped = run_through(skipping, messages, schema).dicts
    assert skipping.statistics.skipped == 1
    file = directory / "dead.jsonl"
    writing = make(dead_letter=str(file))
    assert run_through(writing, messages, schema).dicts == skipped
    letters = [json.loads(line)["row"] for line in file.read_text().splitlines()]
    return Rejected(str(caught.value.__cause__), kept.dicts, skipped, letters)
