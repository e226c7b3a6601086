"""Places in messages that are known by the end of their path of names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from nanotyped.row.compiled import copy_document

TailPath = str | Sequence[str]


def parse_tail_path(option: str, path: TailPath) -> tuple[str, ...]:
    """Return the names of a path; a text is one name.

    Raises:
        ValueError: If it is empty, or holds something else.
    """
    names = (path,) if isinstance(path, str) else tuple(path)
    if not names or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{option} must be a name, or a list of names, not {path!r}; positions in lists do not count")
    return names


def values_at(value: Any, tail: tuple[str, ...], above: tuple[str, ...] = ()) -> Iterator[Any]:
    """Yield the values at all places whose path of names ends in ``tail``, in document order.

    Positions in lists do not count. What lies at such a place is yielded before what lies at others inside of it.
    """
    if isinstance(value, Mapping):
        for name, inner in value.items():
            path = (*above, name)
            if path[-len(tail) :] == tail:
                yield inner
            yield from values_at(inner, tail, path)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from values_at(inner, tail, above)


class Replacer:
    """Replaces the values at all places whose path of names ends in ``tail``.

    Args:
        tail: The names.
        start: Only places below this path count.
        function: Makes the new value of the old one.

    Attributes:
        count: How many places were found.
    """

    def __init__(self, tail: tuple[str, ...], start: tuple[str, ...], function: Callable[[Any], Any]) -> None:
        self.count = 0
        self._tail = tail
        self._start = start
        self._function = function

    def matches(self, path: tuple[str, ...]) -> bool:
        """Return whether a path is one of these."""
        below = len(path) > len(self._start) and path[: len(self._start)] == self._start
        return below and path[-len(self._tail) :] == self._tail

    def new(self, value: Any, path: tuple[str, ...]) -> Any:
        """Return what stands at a path in the place of a value: the value itself where nothing in it is replaced.

        A place inside of another is replaced first.
        """
        found = self.inside(value, path)
        if not self.matches(path):
            return found
        self.count += 1
        return self._function(copy_document(found))  # which may change what it gets

    def inside(self, value: Any, path: tuple[str, ...]) -> Any:
        """Return a value with what is replaced inside of it; as it is, not copied, where that is nothing."""
        new: Any = value
        if isinstance(value, Mapping):
            new = {name: self.new(inner, (*path, name)) for name, inner in value.items()}
            changed = any(new[name] is not inner for name, inner in value.items())
        elif isinstance(value, list | tuple):
            new = [self.inside(inner, path) for inner in value]
            changed = any(one is not inner for one, inner in zip(new, value, strict=True))
        else:
            return value
        return new if changed else value
