"""Sources of what options say, or the environment: emitters, ``CounterOfThings``, ``GetEnvironmentVariables``."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any, Never

from nanotyped.errors import TypeCastError, WrongOptionsError, nearest_hint, shown
from nanotyped.node import NanoNode, Origin
from nanotyped.node.progress import SizeHint
from nanotyped.nodes.constants import schema_of_things
from nanotyped.nodes.flow import read_truth
from nanotyped.registry import register_node
from nanotyped.row import Column, Schema
from nanotyped.row.compiled import copy_document
from nanotyped.row.schema import BARE_VALUE
from nanotyped.types.intermediate import FLOAT, INTEGER, STRING

if TYPE_CHECKING:
    from collections.abc import Callable


@register_node
class ConstantEmitter(NanoNode[Never, Any]):
    """Gives the same thing for ever, with a pause before each.

    A mapping spreads into columns, anything else is a bare value. A source.

    Needs: nothing. Gives: the columns of ``thing``, or the bare value, as narrow as it is.

    Args:
        thing: What is given. Of ``None`` nothing is sent.
        delay: Seconds before each; a stop ends the pause.

    Raises:
        ValueError: If ``delay`` is below 0 or no number.
    """

    def __init__(self, *, thing: Any = None, delay: float = 2, **kwargs: Any) -> None:
        if not 0 <= delay < math.inf:
            raise ValueError(f"delay must be a number of seconds from 0 on, not {delay}")
        self.thing = thing
        self.delay = delay
        super().__init__(**kwargs)

    def own_output(self) -> Schema | None:
        """Return the columns of the thing; what no type describes has none."""
        return super().own_output() or schema_of_things([self.thing])

    def generator(self) -> Iterator[Any]:
        """Yield the thing; each time a copy, for whoever has it may keep it."""
        self.sleep(self.delay)
        while not self.stop_requested:
            yield _copy(self.thing)
            self.sleep(self.delay)


@register_node
class CounterOfThings(NanoNode[Never, Any]):
    """Gives the integers from ``start`` on, as bare values.

    A source.

    Needs: nothing. Gives: an integer.

    Args:
        start: The first.
        end: The one behind the last; ``None``: there is no last.
    """

    def __init__(self, *, start: int = 0, end: int | None = None, **kwargs: Any) -> None:
        self.start = start
        self.end = end
        super().__init__(**kwargs)

    def own_output(self) -> Schema | None:
        """Return that it is an integer."""
        return super().own_output() or Schema([Column(BARE_VALUE, INTEGER)])

    def size_hint(self) -> SizeHint | None:
        """Return how many integers there are."""
        return None if self.end is None else SizeHint(max(0, self.end - self.start))

    def generator(self) -> Iterator[Any]:
        """Yield the integers."""
        yield from count(self.start) if self.end is None else range(self.start, self.end)


# -- SequenceEmitter ---------------------------------------------------------------------

_CASTS: dict[str, Callable[[Any], Any]] = {
    "int": INTEGER.python_cast_function,
    "integer": INTEGER.python_cast_function,
    "float": FLOAT.python_cast_function,
    "str": STRING.python_cast_function,
    "string": STRING.python_cast_function,
    "bool": read_truth,
}


@register_node
class SequenceEmitter(NanoNode[object, Any]):
    """Gives each item of a sequence in turn; as a worker all of them for each row that comes.

    Mappings spread into columns, other items are bare values. ``{value: "12", type: int}``, a mapping of exactly these
    two keys, is the bare value, cast.

    Needs: nothing. Gives: the columns that the items have, if they all have the same, or a bare value.

    Args:
        sequence: The items; may be given by position. Of ``None`` nothing is sent.
        max_sequences: How often all of them are given; ``None``: for ever, which a worker cannot.

    Raises:
        WrongOptionsError: If an item cannot be cast; names all such items.
        TypeError: If it is no sequence of items.
    """

    stateless = True

    def __init__(self, sequence: Sequence[Any], *, max_sequences: int | None = 1, **kwargs: Any) -> None:
        if isinstance(sequence, str | bytes | Mapping) or not isinstance(sequence, Iterable):
            raise TypeError(f"sequence must be a list of items, not {shown(sequence)}")
        if max_sequences is not None and max_sequences < 0:
            raise ValueError(f"max_sequences must not be below 0, not {max_sequences}")
        self.sequence = _cast_items(list(sequence))
        self.max_sequences = max_sequences
        super().__init__(**kwargs)

    def own_output(self) -> Schema | None:
        """Return the columns of the items, where one schema describes all of them.

        Raises:
            ValueError: If a worker is to give them for ever.
        """
        if self.max_sequences is None and not self.is_source:
            raise ValueError("max_sequences is null, and a worker would never get to its second row; give a number")
        return super().own_output() or schema_of_things(self.sequence)

    def size_hint(self) -> SizeHint | None:
        """Return how many items a source gives."""
        if self.max_sequences is None:
            return None
        return SizeHint(self.max_sequences * sum(item is not None for item in self.sequence))

    def generator(self) -> Iterator[Any]:
        """Yield the items."""
        yield from self._items()

    def process_item(self) -> Iterator[Any]:
        """Yield the items, whatever came."""
        yield from self._items()

    def _items(self) -> Iterator[Any]:
        if all(item is None for item in self.sequence):
            return  # for ever nothing is nothing
        for _ in count() if self.max_sequences is None else range(self.max_sequences):
            yield from map(_copy, self.sequence)


def _cast_items(items: list[Any]) -> list[Any]:
    problems = []
    for number, item in enumerate(items):
        if not isinstance(item, Mapping) or set(item) != {"value", "type"}:
            continue
        kind, value = str(item["type"]), item["value"]
        if kind not in _CASTS:
            hint = nearest_hint(kind, _CASTS)
            known = ", ".join(_CASTS)
            problems.append(
                f"sequence, item {number + 1}: there is no type `{kind}`, the types are {known}"
                + (f"; {hint}" if hint else "")
            )
            continue
        try:
            items[number] = _cast(kind, value)
        except TypeCastError as error:
            problems.append(f"sequence, item {number + 1}: {error}")
        except ValueError as error:
            problems.append(f"sequence, item {number + 1}: {shown(value)} is no `{kind}`: {error}")
    if problems:
        raise WrongOptionsError(problems)
    return items


def _cast(kind: str, value: Any) -> Any:
    if value is None:
        raise ValueError("a null has no value to cast")
    return _CASTS[kind](value)


def _copy(thing: Any) -> Any:
    """Return a thing of which nobody else has the objects and lists; others are opaque, and stay the same."""
    return copy_document(thing) if isinstance(thing, Mapping | list) else thing


# -- GetEnvironmentVariables ---------------------------------------------------------------


@register_node
class GetEnvironmentVariables(NanoNode[object, Any]):
    """Gives environment variables as columns of one message, or, as a worker, of each message.

    Needs: nothing. Gives: a text for each variable, null where it is not set.

    Args:
        environment_variables: Names of the variables.
        mappings: Variable to column, for those whose column is to bear another name.

    Raises:
        WrongOptionsError: If ``mappings`` names another variable, or two variables are to be one column.
    """

    def __init__(
        self,
        *,
        environment_variables: list[str] | None = None,
        mappings: dict[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        self.environment_variables = list(dict.fromkeys(environment_variables or ()))
        self.mappings = dict(mappings or {})
        self._columns: dict[str, str] = {}
        problems = []
        for name in self.mappings:
            if name not in self.environment_variables:
                hint = nearest_hint(name, self.environment_variables)
                problems.append(
                    f"mappings: `{name}` is not one of environment_variables" + (f"; {hint}" if hint else "")
                )
        for name in self.environment_variables:
            column = self.mappings.get(name, name)
            if column in self._columns:
                problems.append(f"`{self._columns[column]}` and `{name}` would both be column `{column}`")
            self._columns.setdefault(column, name)
        if problems:
            raise WrongOptionsError(problems)
        super().__init__(**kwargs)

    def own_output(self) -> Schema | None:
        """Return a column of text for each variable."""
        return super().own_output() or Schema(Column(name, STRING, nullable=True) for name in self._columns)

    def spread_problem(self) -> str:
        """Return that other processes have other variables."""
        return super().spread_problem() and "it reads the environment of this process"

    def column_origin(self, column: str, given: Schema | None) -> Origin:
        """Return the variable that the column holds."""
        if column in self._columns:
            return Origin("made", (), f"environment variable {self._columns[column]}")
        return super().column_origin(column, given)

    def generator(self) -> Iterator[Any]:
        """Yield the variables, once."""
        yield self._read()

    def process_item(self) -> Iterator[Any]:
        """Yield the variables."""
        yield self._read()

    def _read(self) -> dict[str, str | None]:
        return {column: os.environ.get(name) for column, name in self._columns.items()}
