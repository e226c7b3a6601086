# What the benchmarks use of streamz, which has no types of its own.
from collections.abc import Callable, Iterable
from typing import Any

class Stream:
    def __init__(
        self,
        upstream: Stream | None = None,
        upstreams: Iterable[Stream] | None = None,
        stream_name: str | None = None,
        loop: Any = None,
        asynchronous: bool | None = None,
        ensure_io_loop: bool = False,
    ) -> None: ...
    def emit(self, x: Any, asynchronous: bool = False, metadata: Any = None) -> Any: ...
    # Each of these is a class of its own, whose first argument is called `upstream`.
    def map(upstream, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Stream: ...  # noqa: N805
    def filter(upstream, predicate: Callable[..., Any], *args: Any, **kwargs: Any) -> Stream: ...  # noqa: N805
    def sink(upstream, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Stream: ...  # noqa: N805
