"""Numbers, their running sum, and a coroutine of asyncio as the sink: whoever emits waits until it is done."""

from __future__ import annotations

import asyncio

from nanotyped import Stream


async def store(total: int) -> None:
    """Stands for what takes its time: a database, a service."""
    await asyncio.sleep(0.01)
    print("stored", total)


async def main() -> None:
    numbers = Stream[int]("numbers", asynchronous=True)
    totals = numbers.filter(lambda n: n >= 0).scan(lambda total, n: total + n)
    totals.sink(store)
    pairs = totals.sliding_window(2, return_partial=False).sink_to_list()
    for n in (1, -5, 2, 3):
        await numbers.emit(n)
        print("emitted", n)
    await numbers.destroy()
    print("pairs", pairs)


if __name__ == "__main__":
    asyncio.run(main())
