"""Nodes that pass rows on as they came: ``Filter`` and ``PrinterOfThings``."""

from __future__ import annotations

import pprint
import sys
import textwrap
import threading
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, TextIO

from nanotyped.errors import GraphProblem, NodeOptionError, RowError, nearest_hint, shown
from nanotyped.node import PassedRow, PassThrough
from nanotyped.registry import register_node
from nanotyped.row.keypaths import MISSING, Keypath
from nanotyped.row.schema import BARE_VALUE, narrow_nulls
from nanotyped.types.intermediate import BOOL, DECIMAL, ENUM, FLOAT, INTEGER, JSON, JSON_NULL, NULL, OBJECT, STRING

if TYPE_CHECKING:
    from nanotyped.message import Batch
    from nanotyped.row import Row, Schema

FilterTest = Literal["key_exists", "value_is_not_none", "value_is_true"]

_WORDS = {
    **dict.fromkeys(("true", "t", "yes", "y", "1", "on"), True),
    **dict.fromkeys(("", "false", "f", "no", "n", "0", "off"), False),
}
# What is, at least for some of its values, true or false.
_TRUTHLIKE = (BOOL, INTEGER, DECIMAL, FLOAT, STRING, ENUM, JSON, OBJECT, NULL)


def _is_not_none(value: Any) -> bool:
    return value is not None and value is not JSON_NULL and value is not MISSING


def _exists(value: Any) -> bool:
    return value is not MISSING


def read_truth(value: Any) -> bool:
    """Return whether a value is true: ``True``, a number above 0, or text that says so in any case.

    Raises:
        ValueError: If it is neither true nor false.
    """
    match value:
        case bool():
            return value
        case int() | float():
            return value > 0
        case Decimal() if not value.is_nan():
            return value > 0
        case str() if (found := _WORDS.get(value.lower())) is not None:
            return found
    if not _is_not_none(value):
        return False
    raise ValueError(f"{shown(value)} is neither true nor false")


_TESTS: dict[str, Callable[[Any], bool]] = {
    "key_exists": _exists,
    "value_is_not_none": _is_not_none,
    "value_is_true": read_truth,
}


@register_node
class Filter(PassThrough[PassedRow, PassedRow]):
    """Passes the messages on, whole and unchanged, for which ``test`` of the value at ``key`` is ``value``.

    Needs: the column of ``key``, except with ``key_exists``. Gives: what it gets; a column that is tested not to be
    null is not null behind the filter.

    Args:
        test: ``key_exists``: the column (or what lies at the path) is there, null or not. ``value_is_not_none``: it is
            there and not null; a JSON null is one. ``value_is_true``: it is true, a number above 0, or the text
            true, t, yes, y, 1 or on, in any case; null, false, a number up to 0, and the text false, f, no, n, 0, off
            or none at all are not; other text is an error of the row.
        key: Name of a column, or a list: a column, then keys and positions inside its JSON.
        value: ``False`` passes what fails the test.

    Raises:
        ValueError: If there is no such test, or ``key`` is no keypath.
    """

    rows_are_independent = True
    stateless = True

    def __init__(self, *, test: FilterTest, key: str | list[str | int], value: bool = True, **kwargs: Any) -> None:
        if test not in _TESTS:
            known = ", ".join(f"`{name}`" for name in _TESTS)
            hint = nearest_hint(str(test), _TESTS)
            raise ValueError(f"there is no test `{test}`; the tests are {known}{'; ' + hint if hint else ''}")
        self.test = test
        self.key = key
        self.value = value
        self._path = Keypath(key)
        super().__init__(**kwargs)

    def check_input(self, given: Schema) -> list[GraphProblem]:
        """Return the column that is missing, or that is never true nor false."""
        if self.test == "key_exists" and self._path.column not in given:
            return []
        problems: list[GraphProblem] = [*self._path.problems(given, self.label)]
        if self.test != "value_is_true" or problems or self._path.steps:
            return problems
        column = given[self._path.column]
        if column.type.intermediate_type.family not in _TRUTHLIKE:
            reason = f"column `{column.name}` is `{column.spelling()}`, which is neither true nor false"
            problems.append(NodeOptionError(f"node `{self.label}`: {reason}", node=self.label))
        return problems

    def output_schema_for(self, given: Schema | None) -> Schema | None:
        """Return the incoming schema, without the nulls that do not pass."""
        drops_nulls = self.value and (self.test != "key_exists" or self._path.steps)
        return narrow_nulls(given, [self._path.column]) if given is not None and drops_nulls else given

    def process_batch(self, batch: Batch[Row]) -> Sequence[Row]:
        """Return the rows that pass."""
        if batch.row_class is None:
            return self._one_by_one(batch)
        read = self._path.reader(batch.row_class)
        if read is None:
            return [] if self.value else batch.rows
        pairs = zip(batch.rows, map(read, batch.rows), strict=True)
        if self.test == "value_is_not_none" and self.value and not self._path.reaches_json(batch.row_class):
            return [row for row, found in pairs if found is not None]  # the commonest of filters: no call a row
        test, value = _TESTS[self.test], self.value
        try:
            return [row for row, found in pairs if test(found) is value]
        except ValueError:
            return self._one_by_one(batch)

    def _one_by_one(self, batch: Batch[Row]) -> list[Row]:
        return [row for number, row in enumerate(batch.rows, self.first_row_number) if self._passes(row, number)]

    def _passes(self, row: Row, number: int) -> bool:
        read = self._path.reader(type(row))
        try:
            return _TESTS[self.test](MISSING if read is None else read(row)) is self.value
        except ValueError as error:
            problem = RowError(f"row {number}, `{self._path}`: {error}", row=number, column=self._path.column)
            problem.row_text = shown(row)
            raise problem from None


# Lines of several printers, each in a thread of its own, do not mix.
_stdout_lock = threading.Lock()


@register_node
class PrinterOfThings(PassThrough[PassedRow, PassedRow]):
    """Writes every message to the standard output and passes it on unchanged.

    A row prints as the dictionary of its Python values, a bare value as itself. Each message is one write to
    ``sys.stdout`` as it is at that moment, and is flushed before the message is passed on.

    Needs: nothing. Gives: what it gets.

    Args:
        prepend: Text before each message.
        pretty: Whether each column gets a line of its own.
        disable: Pass on only, write nothing.
    """

    stateless = True

    def __init__(
        self, *, prepend: str = "printer: ", pretty: bool = False, disable: bool = False, **kwargs: Any
    ) -> None:
        self.prepend = prepend
        self.pretty = pretty
        self.disable = disable
        super().__init__(**kwargs)

    def spread_problem(self) -> str:
        """Return that what is printed is for the terminal of whoever began the run."""
        return super().spread_problem() or ("" if self.disable else "it prints here")

    def process_batch(self, batch: Batch[Row]) -> Sequence[Row]:
        """Write the rows and return them."""
        if self.disable:
            return batch.rows
        render = _render_pretty if self.pretty else str
        lines = [f"{self.prepend}{render(_content(row))}\n" for row in batch.rows]
        stream = sys.stdout
        if stream is None:  # closed by whoever started the program: what is printed goes nowhere, as of Python's print
            return batch.rows
        with _stdout_lock:
            for line in lines:
                _write(stream, line)
            stream.flush()
        return batch.rows


def _content(row: Row) -> Any:
    content = row.to_python()
    return content[BARE_VALUE] if tuple(content) == (BARE_VALUE,) else content


def _render_pretty(content: Any) -> str:
    if not isinstance(content, dict):
        return pprint.pformat(content, sort_dicts=False) if isinstance(content, list) else str(content)
    cells = [f"{name!r}: {pprint.pformat(value, sort_dicts=False)}," for name, value in content.items()]
    return "\n".join(["{", *(textwrap.indent(cell, "    ") for cell in cells), "}"])


def _write(stream: TextIO, line: str) -> None:
    try:
        stream.write(line)
    except UnicodeEncodeError:  # a terminal that cannot show a letter is no reason to end a run
        encoding = stream.encoding or "ascii"
        stream.write(line.encode(encoding, "backslashreplace").decode(encoding))
