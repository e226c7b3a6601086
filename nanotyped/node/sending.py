"""What becomes of a result before it is sent: ``post_process_function`` and ``output_key``, in this order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from nanotyped.errors import RowError, shown
from nanotyped.node.functions import Function, resolve_function
from nanotyped.node.sight import is_json_column
from nanotyped.row import Column, Row, Schema
from nanotyped.row.keypaths import Keypath, Step
from nanotyped.row.schema import BARE_VALUE
from nanotyped.types.base import plain
from nanotyped.types.intermediate import JSON


@dataclass(frozen=True, slots=True)
class Sending:
    """What becomes of each result of a node.

    Attributes:
        function: What it is given to; ``None``: nothing.
        place: Where in the result the value lies that ``function`` is given; ``None``: the whole result.
        arguments: Keywords of ``function``.
        output_key: The one column that the result becomes; ``None``: its own columns.
    """

    function: Function | None = None
    place: Keypath | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    output_key: str | None = None

    @classmethod
    def of_options(
        cls, function: Function | str | None, place: str | None, arguments: Mapping[str, Any] | None, key: str | None
    ) -> Sending:
        """Return what the options of a node say.

        Raises:
            ValueError: If a function is not found, or there is none for what is given beside it.
            TypeError: If what is to be called cannot be.
        """
        if function is None and (place is not None or arguments):
            beside = "post_process_keypath" if place is not None else "post_process_function_kwargs"
            raise ValueError(f"{beside} goes with post_process_function")
        if key is not None and (not isinstance(key, str) or not key):
            raise ValueError(f"output_key is the name of a column, not {key!r}")
        return cls(
            None if function is None else resolve_function(function, "post_process_function"),
            None if place is None else Keypath.dotted(place),
            dict(arguments or {}),
            key,
        )

    @property
    def is_plain(self) -> bool:
        """Whether results are sent as they are."""
        return self.function is None and self.output_key is None

    def schema_of(self, results: Schema | None) -> Schema | None:
        """Return what results of a schema become; ``None`` where that is not known, as of what a function returns."""
        if results is None or self.function is not None:
            return None
        if self.output_key is None:
            return results
        if results.names == (BARE_VALUE,):
            bare = results[BARE_VALUE]
            return Schema([Column(self.output_key, bare.type, nullable=bare.nullable)])
        return Schema([Column(self.output_key, JSON)]) if all(map(is_json_column, results)) else None

    def apply(self, result: object) -> object:
        """Return what is sent for a result; ``None`` if the function made nothing of it.

        Raises:
            RowError: If there is nothing at the place of the function.
        """
        if self.function is not None:
            result = self._processed(self.function, result)
        if self.output_key is None or result is None:
            return result
        return {self.output_key: as_document(result)}

    def _processed(self, function: Function, result: object) -> object:
        if self.place is None:
            return function(result, **self.arguments)
        if not isinstance(result, Mapping | Row):
            raise self._nothing_there(result)
        columns = {name: result[name] for name in result}
        if self.place.column not in columns:
            raise self._nothing_there(result)
        old = plain(columns[self.place.column])
        columns[self.place.column] = self._replaced(function, old, self.place.steps, result)
        return columns

    def _replaced(self, function: Function, old: Any, steps: tuple[Step, ...], result: object) -> Any:
        """Return a document with another value at the end of some steps; what was given is not changed."""
        if not steps:
            return function(old, **self.arguments)
        step, rest = steps[0], steps[1:]
        if isinstance(old, Mapping) and step in old:
            return {**old, step: self._replaced(function, old[step], rest, result)}
        if isinstance(old, list | tuple) and str(step).isdecimal() and int(step) < len(old):
            items = list(old)
            items[int(step)] = self._replaced(function, items[int(step)], rest, result)
            return items
        raise self._nothing_there(result)

    def _nothing_there(self, result: object) -> RowError:
        assert self.place is not None  # else nothing was looked for
        reason = f"there is nothing at post_process_keypath `{self.place}` of the result {shown(result)}"
        return RowError(reason, column=self.place.column)


def as_document(result: object) -> object:
    """Return a result as the value of one column: a row or a mapping as an object of Python values."""
    if isinstance(result, Row):
        content = result.to_python()
        return content[BARE_VALUE] if tuple(content) == (BARE_VALUE,) else content
    if isinstance(result, Mapping):
        return {name: plain(value) for name, value in result.items()}
    return result
