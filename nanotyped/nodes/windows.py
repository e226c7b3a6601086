"""Nodes that hold rows back for a time: ``BatchMessages``, ``TimeWindowAccumulator`` and ``StreamingJoin``.

They work by the clock too, whether rows come or not. A row that they hold is not acknowledged: what is in a window when
a run is killed comes again when it is resumed.
"""

from __future__ import annotations

import itertools
import json
import time
from collections import deque
from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

from nanotyped.errors import GraphProblem, NodeOptionError, RowError, nearest_hint, shown
from nanotyped.node import NanoNode, Origin
from nanotyped.node.sending import as_document
from nanotyped.node.sight import is_json_column
from nanotyped.registry import register_node
from nanotyped.row import Column, Row, Schema
from nanotyped.row.keypaths import MISSING, Keypath, Step
from nanotyped.row.schema import BARE_VALUE
from nanotyped.types.intermediate import JSON, JSON_NULL, OBJECT


class _Held(NamedTuple):
    """A message that is held, since a moment of the monotonic clock."""

    since: float
    content: Any


class _Window(NanoNode[object, Any]):
    """What gives lists of the messages that it held.

    A list has no one input, so no columns are retained.
    """

    holds_rows_back: bool = True
    rows_held: int | None = 0
    retain_input: bool = False
    mixes_groups: ClassVar[bool] = True
    one_worker_because: ClassVar[str] = "it gathers the rows of all"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if self.retain_input:
            raise ValueError(f"{type(self).__name__} makes one list of many rows, so retain_input can only be false")
        self._held: deque[_Held] = deque()

    def output_schema_for(self, given: Schema | None) -> Schema | None:
        """Return one column: a list of documents, or of Python values where JSON does not hold them as they are."""
        if given is None:
            return None
        kind = JSON if all(map(is_json_column, given)) else OBJECT
        return Schema([Column(BARE_VALUE, kind)])

    def column_origin(self, column: str, given: Schema | None) -> Origin:  # noqa: ARG002 - all are made alike
        """Return that the list is made of many rows."""
        return Origin("made", detail="a list of many rows")

    def spread_problem(self) -> str:
        """Return that it gathers."""
        return super().spread_problem() and "it gathers rows"

    def _hold(self) -> None:
        self._held.append(_Held(time.monotonic(), as_document(self.__message__)))


@register_node
class BatchMessages(_Window):
    """Gathers messages into lists.

    Needs: what ``key`` shows, else the whole message, which becomes an object. Gives: a list, bare or under
    ``output_key``, once ``batch_size`` messages are there, once the oldest of them has waited ``timeout`` seconds, and
    at the end with what is left; never an empty one.

    Args:
        batch_size: Messages of one list; ``None``: any number.
        timeout: Longest wait of a message, in seconds; ``None``: any time.

    Raises:
        ValueError: If a number makes no sense, or ``retain_input`` is asked for.
    """

    def __init__(self, *, batch_size: int | None = None, timeout: float | None = 5.0, **kwargs: Any) -> None:
        if batch_size is not None and batch_size < 1:
            raise ValueError(f"batch_size is a number of messages from 1, not {batch_size}")
        if timeout is not None and not 0 < timeout < float("inf"):
            raise ValueError(f"timeout is a number of seconds above 0, not {timeout}")
        self.batch_size = batch_size
        self.timeout = timeout
        super().__init__(**kwargs)

    def process_item(self) -> Iterator[list[Any]]:
        """Hold the message, and give the list once it is whole."""
        self._hold()
        self.rows_held = len(self._held)
        if self.rows_held == self.batch_size:
            yield self._batch()
        elif self.rows_held > 1:  # rows that come without a pause keep no list waiting
            yield from self.process_due()

    def due_in_s(self) -> float | None:
        """Return when the oldest message will have waited long enough."""
        if self.timeout is None or not self._held:
            return None
        return self._held[0].since + self.timeout - time.monotonic()

    def process_due(self) -> Iterator[list[Any]]:
        """Give the list that has waited long enough."""
        due_in_s = self.due_in_s()
        if due_in_s is not None and due_in_s <= 0:
            yield self._batch()

    def cleanup(self) -> Iterator[list[Any]]:
        """Give what is left."""
        if self._held:
            yield self._batch()

    def _batch(self) -> list[Any]:
        batch = [held.content for held in self._held]
        self._held.clear()
        self.rows_held = 0
        return batch


@register_node
class TimeWindowAccumulator(_Window):
    """Gives, every few seconds, the list of the messages of the last few seconds.

    Needs: what ``key`` shows, else the whole message, which becomes an object. Gives: a list, bare or under
    ``output_key``, in the order in which they came; never an empty one. A message stands in each list that is given
    while it is in the window; where ``send_interval`` is the longer one, those that left the window before a list was
    due stand in none, and are counted as filtered. At the end comes the list of those that stood in none yet.

    Args:
        time_window: How long a message stays in the window, in seconds.
        send_interval: Seconds between two lists, from the start of the node.

    Raises:
        ValueError: If a number makes no sense, or ``retain_input`` is asked for.
    """

    def __init__(self, *, time_window: float, send_interval: float, **kwargs: Any) -> None:
        for name, seconds in (("time_window", time_window), ("send_interval", send_interval)):
            if not 0 < seconds < float("inf"):
                raise ValueError(f"{name} is a number of seconds above 0, not {seconds}")
        self.time_window = time_window
        self.send_interval = send_interval
        self._next_at = 0.0
        self._unsent = 0
        super().__init__(**kwargs)

    def setup(self) -> None:
        """Begin to count the seconds."""
        self._next_at = time.monotonic() + self.send_interval

    def process_item(self) -> Iterator[list[Any]]:
        """Put the message into the window, and give the list if it is due."""
        yield from self.process_due()
        self._hold()
        self._unsent += 1
        self.rows_held = len(self._held)

    def due_in_s(self) -> float | None:
        """Return when the next list is due; with nothing in the window none is."""
        return self._next_at - time.monotonic() if self._held else None

    def process_due(self) -> Iterator[list[Any]]:
        """Give the list, if it is time."""
        now = time.monotonic()
        if now < self._next_at:
            return
        # Of the moments that went by while nothing was held, nothing is given.
        self._next_at += self.send_interval * (1 + (now - self._next_at) // self.send_interval)
        self._leave(now - self.time_window)
        if self._held:
            yield [held.content for held in self._held]
        self._unsent = 0
        if self.time_window <= self.send_interval:  # before the next list all of them have left
            self._held.clear()
        self.rows_held = len(self._held)

    def cleanup(self) -> Iterator[list[Any]]:
        """Give what stood in no list."""
        if self._unsent:
            yield [held.content for held in list(self._held)[-self._unsent :]]

    def _leave(self, before: float) -> None:
        while self._held and self._held[0].since < before:
            self._held.popleft()
            if len(self._held) < self._unsent:
                self._unsent -= 1
                self.statistics.filtered += 1


class _Arrival(NamedTuple):
    """A row that waits for its partners: its number, since when, whose it is, and its join value."""

    number: int
    since: float
    stream: str
    value: Hashable


@register_node
class StreamingJoin(NanoNode[Row, Any]):
    """Joins the rows of several inputs that have an equal value and come at about the same time.

    Needs: in each input, the value at its keypath. Gives: for each row, one row for each combination with rows of *all*
    other inputs that have the equal value, of the same type, and came in the last ``window`` seconds; its columns are
    those of the inputs in the order of ``streams``. Null matches nothing. Rows that never match are counted as
    filtered. It holds the rows of the last ``window`` seconds.

    Args:
        streams: The keypath of the join value, by the name of each input.
        window: Seconds.

    Raises:
        ValueError: If there are fewer than two streams, one has no keypath, or the window makes no sense.
    """

    holds_rows_back: bool = True
    rows_held: int | None = 0
    retain_input: bool = False
    joins_inputs: ClassVar[bool] = True
    one_worker_because: ClassVar[str] = "it gathers the rows of all"

    def __init__(self, *, streams: Mapping[str, str | Sequence[Step]], window: float = 30.0, **kwargs: Any) -> None:
        if len(streams) < 2:
            raise ValueError(f"streams names two inputs or more, not {len(streams)}")
        if not 0 < window < float("inf"):
            raise ValueError(f"window is a number of seconds above 0, not {window}")
        self.streams = dict(streams)
        self.window = window
        self._paths = {name: Keypath(key) for name, key in streams.items()}
        super().__init__(**kwargs)
        if self.retain_input:
            raise ValueError("StreamingJoin gives the columns of all inputs, so retain_input can only be false")
        if not self.sight.is_whole:
            raise ValueError("StreamingJoin sees whole rows: streams says where the join values are")
        self._waiting: dict[tuple[str, Hashable], deque[tuple[int, Row]]] = {}
        self._arrivals: deque[_Arrival] = deque()
        self._unmatched: set[int] = set()
        self._count = 0

    # -- before the run ---------------------------------------------------------------

    def check_contract(self) -> list[GraphProblem]:
        """Return the streams that are no inputs, and the inputs that are no streams."""
        names = [node.name for node in self.input_node_list]
        problems: list[GraphProblem] = [
            self._problem(f"streams names `{name}`, which is no input of it", nearest_hint(name, names))
            for name in self.streams
            if name not in names
        ]
        problems += [
            self._problem(f"streams does not say where the join value of its input `{name}` is")
            for name in names
            if name not in self.streams
        ]
        return problems

    def check_flows(self, given: Sequence[tuple[str, Schema]]) -> list[GraphProblem]:
        """Return the join values that are not there, and the columns that two inputs have."""
        problems: list[GraphProblem] = []
        owners: dict[str, str] = {}
        for name, schema in given:
            if name not in self._paths:
                continue
            path = self._paths[name]
            problems += path.problems(schema, self.label)
            for column in schema.names:
                other = owners.setdefault(column, name)
                if other != name and not self._is_join_column(column, (other, name)):
                    reason = f"inputs `{other}` and `{name}` both have a column `{column}`"
                    problems.append(self._problem(reason, "give one of them another name with a Remapper before it"))
        return problems

    def _is_join_column(self, column: str, streams: tuple[str, str]) -> bool:
        return all(self._paths[name].column == column and not self._paths[name].steps for name in streams)

    def joined_schema(self, given: Mapping[str, Schema]) -> Schema | None:
        """Return what is sent for rows of one schema of each input, by its name; ``None`` where one is missing."""
        if any(name not in given for name in self.streams):
            return None
        columns: dict[str, Column] = {}
        for name in self.streams:
            for column in given[name]:
                is_joined = self._paths[name].column == column.name and not self._paths[name].steps
                columns[column.name] = Column(column.name, column.type, nullable=column.nullable and not is_joined)
        return Schema(columns.values())

    def spread_problem(self) -> str:
        """Return that the rows that match may be anywhere."""
        return super().spread_problem() and "it joins rows of all its inputs"

    def column_origin(self, column: str, given: Schema | None) -> Origin:
        """Return that a column is passed on, of the input that has it."""
        if given is None or column in given:
            return Origin("passed on", (column,))
        return Origin("made", detail="of another input")

    def _problem(self, reason: str, hint: str = "") -> NodeOptionError:
        return NodeOptionError(f"node `{self.label}`: {reason}", node=self.label, hint=hint)

    # -- the run -----------------------------------------------------------------------

    def process_item(self, row: Row) -> Iterator[Row]:
        """Give what the row makes with those that wait, and let it wait."""
        self._count += 1
        now = time.monotonic()
        self._leave(now - self.window)
        stream, value = self._join_value(row)
        if value is not None:
            yield from self._joined(stream, value, row)
            self._waiting.setdefault((stream, value), deque()).append((self._count, row))
        else:
            self.statistics.filtered += 1
        self._arrivals.append(_Arrival(self._count, now, stream, value))
        self.rows_held = len(self._arrivals)

    def due_in_s(self) -> float | None:
        """Return when the oldest row will leave."""
        return self._arrivals[0].since + self.window - time.monotonic() if self._arrivals else None

    def process_due(self) -> Iterator[Row]:
        """Let rows leave."""
        self._leave(time.monotonic() - self.window)
        self.rows_held = len(self._arrivals)
        yield from ()

    def cleanup(self) -> None:
        """Count what matched nothing, and forget what waits."""
        self.statistics.filtered += len(self._unmatched)
        self._unmatched.clear()
        self._arrivals.clear()
        self._waiting.clear()

    def _join_value(self, row: Row) -> tuple[str, Hashable]:
        source = self.message_source
        stream = source.name if source is not None else ""
        path = self._paths.get(stream)
        if path is None:
            raise RowError(f"there is no stream `{stream}`; {nearest_hint(stream, self._paths)}")
        read = path.reader(type(row))
        value = MISSING if read is None else read(row)
        if value is MISSING:
            raise RowError(f"there is nothing at `{path}` of a row of `{stream}`", column=path.column)
        if value is None or value is JSON_NULL:
            return stream, None
        if isinstance(value, dict | list):
            return stream, (type(value), json.dumps(value, sort_keys=True, default=repr))
        try:
            hash(value)
        except TypeError:
            raise RowError(f"`{path}` holds {shown(value)}, which can't be compared", column=path.column) from None
        return stream, (type(value), value)

    def _joined(self, stream: str, value: Hashable, row: Row) -> Iterator[Row]:
        """Give the row with each combination of the rows of the other streams that have the value."""
        own = [(self._count, row)]
        others = [own if name == stream else self._waiting.get((name, value), ()) for name in self.streams]
        self._unmatched.add(self._count)
        for combination in itertools.product(*others):
            self._unmatched.difference_update(number for number, _ in combination)
            made = combination[0][1]
            for _, other in combination[1:]:
                made = made.concat(other, fail_on_duplicate=False)
            yield made

    def _leave(self, before: float) -> None:
        while self._arrivals and self._arrivals[0].since < before:
            gone = self._arrivals.popleft()
            if gone.number in self._unmatched:
                self._unmatched.discard(gone.number)
                self.statistics.filtered += 1
            waiting = self._waiting.get((gone.stream, gone.value))
            if waiting:
                waiting.popleft()
                if not waiting:
                    del self._waiting[gone.stream, gone.value]
