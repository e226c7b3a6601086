"""Elements one by one through map, map, filter and a sink: nanotyped beside streamz, both without a loop."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from benchmarks.measure import measure


def _through(source: Any, elements: int) -> int:
    seen = [0]

    def count(_: object) -> None:
        seen[0] += 1

    source.map(lambda x: x + 1).map(lambda x: x * 2).filter(lambda x: x > 0).sink(count)
    emit = source.emit
    for x in range(elements):
        emit(x)
    return seen[0]


def nanotyped(elements: int) -> int:
    from nanotyped import Stream  # noqa: PLC0415 - each peer pays for its own import

    return _through(Stream[int](), elements)


def streamz(elements: int) -> int:
    from streamz import Stream  # noqa: PLC0415 - of the bench extra

    return _through(Stream(), elements)


def calls(elements: int) -> int:
    """The same four functions called by hand: what no library can be faster than."""
    steps: tuple[Callable[[int], Any], ...] = (lambda x: x + 1, lambda x: x * 2, lambda x: x > 0)
    seen = 0
    first, second, third = steps
    for x in range(elements):
        made = second(first(x))
        if third(made):
            seen += 1
    return seen


PEERS = {"nanotyped": nanotyped, "streamz": streamz, "calls": calls}

if __name__ == "__main__":
    peer, count_ = sys.argv[1], int(sys.argv[2])
    PEERS[peer](100)  # first use: imports, caches
    measure(count_, lambda: PEERS[peer](count_))
