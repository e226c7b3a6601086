"""Nodes that tests of the engine are made of: sources, workers and sinks that stop where a test says so."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from nanotyped.engine.run import start_run
from nanotyped.errors import NodeFailedError
from nanotyped.node import NanoNode, PassThrough
from nanotyped.row import Row

WAIT_S = 10.0


class Counting(NanoNode[object, Any]):
    """Gives ``{"n": 0}``, ``{"n": 1}``, …; counts what it gave in ``given``."""

    def __init__(self, rows: int | None = None, **kwargs: Any) -> None:
        self.rows = rows
        self.given = 0
        super().__init__(**kwargs)

    def generator(self) -> Iterator[Any]:
        while self.rows is None or self.given < self.rows:
            self.given += 1
            yield {"n": self.given - 1}


class Giving(NanoNode[object, Any]):
    """Gives what it was given, whatever that is."""

    def __init__(self, messages: Iterable[Any], **kwargs: Any) -> None:
        self.messages = messages
        super().__init__(**kwargs)

    def generator(self) -> Iterator[Any]:
        yield from self.messages


class Doing(NanoNode[object, Any]):
    """Yields what a function makes of the message: an iterable of results."""

    def __init__(self, make: Callable[[Any], Iterable[Any]], **kwargs: Any) -> None:
        self.make = make
        super().__init__(**kwargs)

    def process_item(self, row: Any) -> Iterator[Any]:
        yield from self.make(row)


class Passing(PassThrough[object]):
    """Passes every row on."""

    def process_item(self, row: Any) -> Iterator[Any]:
        yield row


class Keeping(NanoNode[object, Any]):
    """A sink that keeps what it sees, row by row; ``seen`` is set with the first."""

    def __init__(self, **kwargs: Any) -> None:
        self.messages: list[Any] = []
        self.seen = threading.Event()
        super().__init__(**kwargs)

    def process_item(self, row: Any) -> None:
        self.messages.append(row)
        self.seen.set()


class Gated(Keeping):
    """A sink that stands still at its first row until ``gate`` is set; ``reached`` tells that it stands there."""

    def __init__(self, **kwargs: Any) -> None:
        self.gate = threading.Event()
        self.reached = threading.Event()
        super().__init__(**kwargs)

    def process_item(self, row: Any) -> None:
        self.reached.set()
        if not self.gate.wait(WAIT_S):
            raise TimeoutError("nobody opened the gate")
        super().process_item(row)


class Boom(Exception):  # noqa: N818 - it is no mistake, it is what a test throws
    """What a failing node raises."""


def fail_at(number: int) -> Callable[[Any], Iterable[Any]]:
    """Return what passes rows on and raises at the row of this ``n``."""

    def make(row: Any) -> Iterator[Any]:
        if row.n == number:
            raise Boom(f"at {number}")
        yield row

    return make


def through(node: NanoNode[Any, Any], *messages: Any, source: dict[str, Any] | None = None) -> list[Any]:
    """Run messages through a node and return what a sink sees; rows as dictionaries of Python values."""
    sink = Keeping(name="sink")
    _ = Giving(messages, name="source", **(source or {})) > node > sink
    start_run(node).wait(WAIT_S)
    return [message.to_python() if isinstance(message, Row) else message for message in sink.messages]


def failure(node: NanoNode[Any, Any], *messages: Any, source: dict[str, Any] | None = None) -> NodeFailedError:
    """Return how a run fails that is to fail."""
    with pytest.raises(NodeFailedError) as caught:
        through(node, *messages, source=source)
    return caught.value
