"""``NanoNode[In, Out]``: what a node is, what it needs and gives, and what a run asks of it.

Nothing here starts a thread: that is the engine's.
"""

from __future__ import annotations

import inspect
import logging
import math
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path  # noqa: TC003 - files are read by the annotations of options
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, cast

import typing_extensions

from nanotyped.errors import GraphProblem, RetriableError, RowError, nearest_hint
from nanotyped.message import BatchStart
from nanotyped.node.functions import Function, no_op, resolve_function
from nanotyped.node.links import In_contra, Linkable, Out_co
from nanotyped.node.of_thread import OfThread
from nanotyped.node.parameters import validate_parameter
from nanotyped.node.parts import vouches_for_rows
from nanotyped.node.policies import ErrorPolicy, OnError, Retry
from nanotyped.node.provenance import FarEnd, Origin
from nanotyped.node.running import NO_ROW_VALUES, NodeStatistics, RunHandle, Status
from nanotyped.node.runtime_attributes import RuntimeAttributes
from nanotyped.node.sending import Sending
from nanotyped.node.sight import Sight
from nanotyped.row import Row, Schema, parse_schema
from nanotyped.row.declared import names_columns, schema_of_type, type_arguments

if TYPE_CHECKING:
    from nanotyped.message import Batch, Checkpoint, Marker
    from nanotyped.node.parts import Part, PartSize, Split
    from nanotyped.node.progress import SizeHint
    from nanotyped.row.raw_line import RawLine
    from nanotyped.row.schema import SchemaDeclaration

# Of a node that passes rows on: what it gives, which is not known where nobody says, and the rows of a built-in one.
Passed_co = typing_extensions.TypeVar("Passed_co", covariant=True, default=Any)
PassedRow = typing_extensions.TypeVar("PassedRow", default=Any)
Came = TypeVar("Came")
MYPY = False  # mypy takes it for true, and nothing else does
DEFAULT_QUEUE_ROWS = 4000
DEFAULT_BATCH_ROWS = 1000
MOST_WORKERS = 256
logger = logging.getLogger("nanotyped.node")


class GivenOptions(Mapping[str, object]):
    """The options that a node was made with. What prints them prints their names: a password may be among them."""

    __slots__ = ("_options",)

    def __init__(self, options: Mapping[str, object]) -> None:
        self._options = dict(options)

    def __getitem__(self, name: str) -> object:
        return self._options[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._options)

    def __len__(self) -> int:
        return len(self._options)

    def __repr__(self) -> str:
        return f"GivenOptions({', '.join(self._options)})"


class NanoNode(Linkable[In_contra, Out_co]):
    """A step of a pipeline: a source (``generator``), a transform or a sink (``process_item``).

    ``class Bill(NanoNode[Customer, Invoice])`` says what the node needs and what it gives. The needed columns may come
    with others; with ``retain_input`` the incoming columns are sent along with the node's own, which win.

    Args:
        name: Name in messages, drawings and YAML; unique in a pipeline. Default: a fresh id.
        summary: Free text for people.
        key: What the node is to see: a column, or the value at a keypath (a list), as a Python value.
        output_key: The one column that each result becomes.
        retain_input: Whether the incoming columns are sent along with the result.
        input_mapping: New names by old ones, under which the node sees columns; or the one column that it sees the
            whole message as.
        input_message_keypath: Where the message lies in what comes.
        throttle: Seconds to wait before each input row, of a source before each row that it gives.
        send_batch_markers: Whether a ``BatchStart`` and a ``BatchEnd`` stand around what is made of each input, of a
            source around all its rows.
        keep_alive: Of sources that poll: whether they go on; ``False``: they look once.
        get_runtime_attrs: Called once, before ``setup``; the items of the mapping that it returns become attributes.
        get_runtime_attrs_args: Its arguments.
        get_runtime_attrs_kwargs: Its keywords.
        runtime_attrs_destinations: Names of attributes by keys of that mapping, where they are others.
        post_process_function: What each result is given to before it is sent: a function, or in Python the name of
            one, ``package__module__function``.
        post_process_keypath: Where in the result the value lies that it is given instead, spelled with dots.
        post_process_function_kwargs: Its keywords.
        validate: Whether what the node's own code gives is checked against its output schema.
        input_schema: What the node needs: a Row class, a ``Schema``, or ``{"id": INTEGER}``.
        output_schema: What its own code gives.
        batch_rows: How many rows it takes and sends at a time at the most.
        workers: How many rows (or batches, where the class works by batches) its code is at side by side, each in a
            thread: for code that waits on a service. The order of the rows is kept. ``setup`` and ``cleanup`` run once,
            and what belongs to a row, as ``self.__message__``, is each thread's own; the other attributes are shared.
        partition_by: Columns of which it says that what the node makes of a row depends on the rows of equal values in
            them alone; then on a cluster such groups may go to copies of it. In one process it changes nothing.
        on_error: What becomes of a row that its code, or a contract, does not take: ``fail`` ends the run, ``skip``
            leaves it out and counts it, ``dead_letter`` writes it to a file too. All that was made of the row is left
            out. Outages, credentials and tables that changed always end the run.
        max_errors: So many rows may be rejected, and the next one ends the run; alone it means ``on_error: skip``.
        max_error_rate: The share of rows that may be, looked at from the 100th row on and at the end.
        dead_letter: The file of dead letters, JSON lines; alone it means ``on_error: dead_letter``.
        retry: How often its code tries again after a ``RetriableError`` (``retriable_errors``).
    """

    input_schema: SchemaDeclaration | None = None
    output_schema: SchemaDeclaration | None = None
    retain_input: bool = True
    send_batch_markers: bool = False
    batch_rows: int = DEFAULT_BATCH_ROWS
    passes_rows_on: ClassVar[bool] = False
    """Whether every row sent is a row received, unchanged (filters, printers)."""

    rows_are_independent: ClassVar[bool] = False
    """Whether ``process_batch`` makes of some rows of a batch what it makes of them in the whole, and nothing else:
    then the rows before a bad one go on."""

    holds_rows_back: bool = False
    """Whether rows that it took in are not dealt with yet, though it is through with them (a file that is written
    whole). Asked after each batch: once it is ``False``, or ``cleanup`` has ended well, all of them count as
    delivered."""

    gathers_rows: bool = False
    """Whether one row that it gives may stand for several that it got: then fewer rows are none that were filtered."""

    rows_held: int | None = None
    """Of a node that holds rows back: how many of the rows that it got last it is not through with; all others count as
    delivered once what it gave has been. ``None``: all that it ever got."""

    rejects_rows: ClassVar[bool] = False
    """In a class with ``generate_batches``: whether it hands wrong rows to ``reject``, so that ``on_error`` holds."""

    retriable_errors: ClassVar[tuple[type[Exception], ...]] = (RetriableError,)
    """What ``process_item`` and ``process_batch`` may raise to be called again, where there is a ``retry``."""

    resume_from: Any = None
    """In a source that yields ``Checkpoint``: the cursor to go on from; ``None`` at the very start."""

    cursor_outlives_run: bool = False
    """In a source: whether its last checkpoint is ``lasting``, so that with a state a run goes on where the last one
    ended."""

    part: Part | None = None
    """In a source that has ``split``: the part that it is to give; ``None``: all of it."""

    stateless: ClassVar[bool] = False
    """Whether what the node makes of a row depends on that row and its options alone: then rows may go to several
    copies of it, in other processes. It holds for the class whose code it stands beside, not for code that a subclass
    puts into its place."""

    copies: int = 1
    """How many copies of the node work at the same time: of what a limit of the whole run allows, this one may take so
    small a share. Whoever runs parts sets it, to 1 too: see ``is_copy``."""

    partition_by: Sequence[str] = ()
    """Columns: what the node makes of a row depends on the rows of equal values in these alone, whatever it keeps of
    them. Then groups of such rows may go to copies of it, each group to one."""

    mixes_groups: ClassVar[bool] = False
    """Whether what it makes of rows is made of those of several groups, whatever ``partition_by`` promises."""

    options_that_may_change: ClassVar[tuple[str, ...]] = ()
    """Options that do not change what a cursor means: a run with others goes on from the state of the last one."""

    workers: int = 1
    """In how many threads ``process_item`` or ``process_batch`` runs at once. The order of the rows is kept."""

    in_order_of: Sequence[str] = ()
    """Columns: no two rows of equal values in all of them are worked on at once, so what several workers do outside
    of the pipeline is done in the order of the rows of each key."""

    batch_wait_s: float = 0.0
    """How many seconds fewer than ``batch_rows`` rows wait for more of them."""

    joins_inputs: ClassVar[bool] = False
    """Whether a row that it gives is made of rows of several inputs: then ``joined_schema`` says of what kind."""

    one_worker_because: ClassVar[str] = ""
    """Why ``workers`` cannot be more than 1 in this class; ``""`` where it can."""

    part_of: NanoNode[Any, Any] | None = None
    """The composite that the node was made for."""

    pipeline_name: str | None = None
    first_row_number: int = cast("int", OfThread(1))
    """In ``process_batch``: the number of the first row of the batch among all that the node got, from 1."""
    ended_regularly: bool = False
    """In ``cleanup``: whether the data came to its end, or was drained, and nothing in the run had failed by then."""
    __message__: Any = OfThread(None)
    """What the node's code sees of the row in hand."""
    message_source: NanoNode[Any, Any] | None = cast("NanoNode[Any, Any] | None", OfThread(None))
    """The node that sent the row in hand."""
    _before_key: Any = OfThread(None)
    _reject: Callable[[Row | RawLine, RowError], None] | None = cast("Any", OfThread(None))

    given_options: Mapping[str, object]
    """The options as they were given to the class, by name; defaults are not among them."""

    given_arguments: tuple[object, ...]
    """What was given to the class by position."""

    @property
    def __orig_class__(self) -> Any:
        """The class with its arguments, where the node was made of one: ``Filter[Vip]``."""
        try:
            return self.__dict__["__orig_class__"]
        except KeyError:
            raise AttributeError("__orig_class__") from None

    @__orig_class__.setter
    def __orig_class__(self, alias: Any) -> None:
        # Python sets it once the node is made: `Filter[Vip](…)` is `Filter(…, input_schema=Vip)`, and told as such.
        self.__dict__["__orig_class__"] = alias
        need = type_arguments(alias, NanoNode)[0]
        if self.input_schema is not None or not names_columns(need):
            return
        # Python passes over what is raised here; a Protocol that is no schema is then told by the graph.
        self.input_schema = cast("SchemaDeclaration", need)
        self.input_schema = _row_class(None, need) or schema_of_type(need)
        if self.input_schema is not None:
            self.given_options = GivenOptions({**self.given_options, "input_schema": self.input_schema})

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        validate_parameter(cls, cls.input_schema if cls.input_schema is not None else type_arguments(cls, NanoNode)[0])

    def __new__(cls, *args: object, **kwargs: object) -> Self:
        """Keep the options as they are given: they are part of what the pipeline is."""
        made = super().__new__(cls)
        made.given_options = GivenOptions(kwargs)
        made.given_arguments = args
        return made

    def __init__(
        self,
        *,
        name: str | None = None,
        summary: str = "",
        key: str | list[str | int] | None = None,
        output_key: str | None = None,
        retain_input: bool | None = None,
        input_mapping: dict[str, str] | str | None = None,
        input_message_keypath: str | list[str | int] | None = None,
        throttle: float = 0,
        send_batch_markers: bool | None = None,
        keep_alive: bool = True,
        get_runtime_attrs: Function | str = no_op,
        get_runtime_attrs_args: Sequence[Any] = (),
        get_runtime_attrs_kwargs: dict[str, Any] | None = None,
        runtime_attrs_destinations: dict[str, str] | None = None,
        post_process_function: Function | str | None = None,
        post_process_keypath: str | None = None,
        post_process_function_kwargs: dict[str, Any] | None = None,
        validate: bool = True,
        input_schema: SchemaDeclaration | None = None,
        output_schema: SchemaDeclaration | None = None,
        batch_rows: int | None = None,
        workers: int | None = None,
        partition_by: Sequence[str] | None = None,
        on_error: OnError | None = None,
        max_errors: int | None = None,
        max_error_rate: float | None = None,
        dead_letter: str | Path | None = None,
        retry: Retry | None = None,
        **unknown: object,
    ) -> None:
        if unknown:
            raise TypeError(_unknown_options(type(self), unknown))
        if batch_rows is not None and batch_rows < 1:
            raise ValueError(f"batch_rows must be at least 1, not {batch_rows}")
        if workers is not None and not 1 <= workers <= MOST_WORKERS:
            raise ValueError(f"workers must be 1 to {MOST_WORKERS}, not {workers}")
        if isinstance(partition_by, str):
            raise TypeError(f"partition_by is a list of columns, not {partition_by!r}")
        if not 0 <= throttle < math.inf:
            raise ValueError(f"throttle is a number of seconds from 0, not {throttle}")
        self.sight = Sight.of_options(key, input_mapping, input_message_keypath)
        self.sending = Sending.of_options(
            post_process_function, post_process_keypath, post_process_function_kwargs, output_key
        )
        self.throttle_s = throttle
        self.keep_alive = keep_alive
        self.runtime_attributes = RuntimeAttributes(
            resolve_function(get_runtime_attrs, "get_runtime_attrs"),
            tuple(get_runtime_attrs_args),
            dict(get_runtime_attrs_kwargs or {}),
            dict(runtime_attrs_destinations or {}),
            frozenset(dir(NanoNode)),
        )
        self.error_policy = ErrorPolicy.of_options(on_error, max_errors, max_error_rate, dead_letter, retry)
        self.name = name if name is not None else uuid.uuid4().hex
        self.has_given_name = name is not None
        self.summary = summary
        self.validate = validate
        self.promises_output = output_schema is not None
        in_place_of_the_class_s = {
            "retain_input": retain_input,
            "send_batch_markers": send_batch_markers,
            "batch_rows": batch_rows,
            "workers": workers,
            "partition_by": partition_by,
            "input_schema": input_schema,
            "output_schema": output_schema,
        }
        for option, value in in_place_of_the_class_s.items():
            if value is not None:
                setattr(self, option, value)
        self.statistics = NodeStatistics()
        self._targets: dict[NanoNode[Any, Any], int] = {}
        self._sources: dict[NanoNode[Any, Any], None] = {}
        self._run: RunHandle | None = None
        self._stop = threading.Event()
        self._of_thread = threading.local()

    # -- to be written by a node ----------------------------------------------------

    def generator(self) -> Iterator[Out_co]:
        """Yield the rows of a source."""
        raise NotImplementedError

    # ``process_item(self)`` and ``process_item(self, row: Customer)`` are both right overrides. mypy compares methods
    # as they are called, and so finds a row of another class; pyright compares them as written, and could not.
    if MYPY:

        @property
        def process_item(
            self,
        ) -> Callable[[In_contra], Iterator[Out_co] | None] | Callable[[], Iterator[Out_co] | None]:
            """Take one row, as the argument or as ``self.__message__``, and yield any number of results."""
            raise NotImplementedError

    else:

        def process_item(self, *args: Any, **kwargs: Any) -> Iterator[Out_co] | None:
            """Take one row, as the argument or as ``self.__message__``, and yield any number of results."""
            raise NotImplementedError

    def generate_batches(self) -> Iterator[Sequence[Row] | Checkpoint]:
        """Yield the rows of a source by the batch, as they are to be sent; for built-in nodes, for speed.

        A ``Checkpoint`` behind a batch says where the source goes on after it.

        Where a class has this, ``generator`` is not called and nothing that it gives is checked again.
        """
        raise NotImplementedError

    def process_batch(self, batch: Batch[Row]) -> Sequence[Row]:
        """Take many rows at once and return the rows to send, as they are; for built-in nodes, for speed.

        Where a class has this, ``process_item`` is not called and nothing that it returns is checked or merged again.
        """
        raise NotImplementedError

    def due_in_s(self) -> float | None:
        """Return in how many seconds ``process_due`` is to be called; ``None``: not before another row has come."""
        return None

    def process_due(self) -> Iterator[Out_co] | None:
        """Do what is due by the clock, whether rows come or not, and yield any number of results.

        Called in the node's own thread, between rows, once the seconds of ``due_in_s`` have gone by.
        """
        raise NotImplementedError

    def process_marker(self, marker: Marker) -> Iterator[Any] | None:
        """Take a marker and yield what is to go on, rows or the marker; nodes without this pass markers on unseen."""
        raise NotImplementedError

    def batch_start(self) -> BatchStart:
        """Return the marker to stand before what is made of an input, or before all that a source gives."""
        return BatchStart()

    def setup(self) -> None:
        """Get ready, in the node's own thread, before the first row."""

    def cleanup(self) -> Iterator[Out_co] | None:
        """Put away, in the node's own thread, after the last row, a failure or a stop. May yield last results."""
        return None

    def resume_problem(self) -> str:
        """Return why a pipeline with this node cannot go on where a run of it was stopped; ``""`` if it can.

        A source can if it reads ``resume_from`` and yields ``Checkpoint``; other nodes unless they hold rows back to
        the end of a run.
        """
        if self.holds_rows_back and self.rows_held is None:
            return "it writes what it got as a whole, at the end of a run"
        if self.is_source and not _reads_resume_from(type(self)):
            return "it does not go on from `self.resume_from`, nor yield Checkpoint(cursor)"
        return ""

    def split(self, size: PartSize, together: Sequence[str] = ()) -> Split:
        """Return the parts of a source, in the order of its rows, once it was looked at (``discover_schema``).

        A copy of the node whose ``part`` is one of them gives that part and nothing else, always the same rows in the
        same order as long as what it reads does not change.

        Args:
            size: How large parts are to be.
            together: Columns: rows of equal values in all of them are to be in one part, if the source can see to that.

        Raises:
            SourceError: If it cannot be looked at.
        """
        raise NotImplementedError

    def split_problem(self) -> str:
        """Return why a source cannot be split; ``""`` if it can."""
        if type(self).split is not NanoNode.split:
            return ""
        return f"{type(self).__name__} has no split(), which says what its parts are"

    def spread_problem(self) -> str:
        """Return why rows cannot go to several copies of the node, in other processes; ``""`` if they can."""
        if not vouches_for_rows(type(self)):
            return f"{type(self).__name__} does not say that it looks at each row alone (`stateless = True`)"
        if self.throttle_s:
            return "throttle is a pace of the whole run"
        if self.send_batch_markers:
            return "it sends markers, which stay in one process"
        if self.runtime_attributes.function is not no_op:
            return "get_runtime_attrs is called once for the whole run"
        return ""

    @property
    def most_copies(self) -> int | None:
        """How many copies of the node may work at the same time; ``None``: any number."""
        return None

    @property
    def is_copy(self) -> bool:
        """Whether the node is run once for each of several parts, as ``copies`` that was set says."""
        return "copies" in vars(self)

    def discover_schema(self) -> None:
        """Look at the live source or service, once, before the run and in ``check --connect``; set what it gives.

        Raises:
            SourceError: If it cannot be reached or read.
        """

    def check_input(self, given: Schema) -> list[GraphProblem]:  # noqa: ARG002 - for the nodes that have options
        """Return what is wrong with the node's options for rows of ``given``, beside its declared need."""
        return []

    def check_flows(self, given: Sequence[tuple[str, Schema]]) -> list[GraphProblem]:  # noqa: ARG002 - see above
        """Return why rows of several schemas, each with the name of its source, do not go together."""
        return []

    def size_hint(self) -> SizeHint | None:
        """Return how much a source gives in this run, ``None`` while, or where, that is not known.

        Asked several times a second, by another thread than the node's own, from before ``setup`` until the end: it
        tells what is known and neither waits nor looks anything up. Where nobody watches it is never called.
        """
        return None

    def size_done(self) -> float | None:
        """Return how much of ``size_hint`` is done, in its unit; ``None``: as many rows as the node gave."""
        return None

    def notices(self) -> list[str]:
        """Return what whoever runs the node should know of its options, though nothing is wrong with them."""
        return []

    def written_files(self) -> tuple[str, ...]:
        """Return the absolute paths of the files that the node writes, links resolved; no other node may write them."""
        return ()

    def replaced_files(self) -> tuple[str, ...]:
        """Return the absolute paths of the files that a run of the node takes the place of, links resolved."""
        return ()

    def read_files(self) -> tuple[str, ...]:
        """Return the absolute paths of the files that the node reads, links resolved, as far as they are known."""
        return ()

    def check_contract(self) -> list[GraphProblem]:
        """Return how the live source or service, once it was looked at, differs from what the node declares."""
        return []

    def live_schema(self) -> Schema | None:
        """Return what a source would give by what is live, once it was looked at, whatever the node declares."""
        return None

    def output_schema_for(self, given: Schema | None) -> Schema | None:
        """Return what the node sends for rows of ``given`` (``None``: not known, or there is no input)."""
        own = self.own_output_for(given)
        if self.passes_rows_on:
            return given
        if own is None or (given is None and not self.is_source and self.retain_input):
            return None
        return own if given is None or not self.retain_input else given.without_bare_value().merge(own)

    def joined_schema(self, given: Mapping[str, Schema]) -> Schema | None:
        """Return what a node that joins its inputs sends for rows of one schema of each, by the input's name."""
        raise NotImplementedError

    def column_origin(self, column: str, given: Schema | None) -> Origin:
        """Return how the node comes by a column that it sends, for rows of ``given`` (``None``: not known).

        A node that gives columns other names or types says so here; of any other the declared output tells enough.
        """
        own = None if self.passes_rows_on else self.own_output()
        comes = not self.is_source and (given is None or column in given)
        if comes and (self.passes_rows_on or (self.retain_input and own is not None and column not in own)):
            return Origin("passed on", (column,))
        if own is not None or self.is_source:
            return Origin("made")
        return Origin("unknown", (column,) if comes and self.retain_input else ())

    def far_end(self, column: str) -> FarEnd | None:  # noqa: ARG002 - for the nodes that have one
        """Return what a column is in the table or file that the node reads, or in what it sends or writes."""
        return None

    def schema_remedy(self) -> str:
        """Return what would let it be known what the node gives, as the hint where it is not."""
        return "declare its output_schema"

    # -- declared schemas -------------------------------------------------------------

    def needed_input(self) -> Schema | None:
        """Return the columns that the node needs, ``None`` where it declares none."""
        if self.input_schema is not None:
            return parse_schema(self.input_schema)
        return schema_of_type(type_arguments(type(self), NanoNode)[0])

    def own_output(self) -> Schema | None:
        """Return the columns that the node's own code gives, ``None`` where it declares none."""
        if self.output_schema is not None:
            return parse_schema(self.output_schema)
        return schema_of_type(type_arguments(type(self), NanoNode)[1])

    def own_output_for(self, seen: Schema | None) -> Schema | None:  # noqa: ARG002 - for the nodes that look at it
        """Return the columns that the node's own code gives for what it sees, as narrow as may be.

        All of it must be what ``own_output`` says.
        """
        return self.own_output()

    def input_row_class(self) -> type[Row] | None:
        """Return the Row class that the node's code sees, where it declares one."""
        return _row_class(self.input_schema, type_arguments(type(self), NanoNode)[0])

    def output_row_class(self) -> type[Row] | None:
        """Return the Row class that the node's code gives, where it declares one."""
        return _row_class(self.output_schema, type_arguments(type(self), NanoNode)[1])

    # -- places in the graph ------------------------------------------------------------

    def entry_nodes(self) -> tuple[NanoNode[Any, Any], ...]:
        """Return this node."""
        return (self,)

    def exit_nodes(self) -> tuple[NanoNode[Any, Any], ...]:
        """Return this node."""
        return (self,)

    def member_nodes(self) -> tuple[NanoNode[Any, Any], ...]:
        """Return this node."""
        return (self,)

    @property
    def label(self) -> str:
        """The name as messages show it: the given one, else the class and a piece of the id."""
        if self.part_of is not None and not self.has_given_name:
            return self.part_of.label + self.name.removeprefix(self.part_of.name)
        return self.name if self.has_given_name else f"{type(self).__name__}-{self.name[:4]}"

    @property
    def is_source(self) -> bool:
        """Whether no edge leads in."""
        return not self._links("_sources")

    @property
    def is_sink(self) -> bool:
        """Whether no edge leads out."""
        return not self._links("_targets")

    @property
    def input_node_list(self) -> list[NanoNode[Any, Any]]:
        """The nodes that send to this one, in order of linking."""
        return list(self._links("_sources"))

    @property
    def output_node_list(self) -> list[NanoNode[Any, Any]]:
        """The nodes that this one sends to, in order of linking."""
        return list(self._links("_targets"))

    def queue_rows(self, target: NanoNode[Any, Any]) -> int:
        """Return how many rows may wait on the edge to ``target``."""
        return self._targets[target]

    def _link_to(self, target: NanoNode[Any, Any], max_queue_size: int | None) -> None:
        if target is self:
            raise TypeError(f"node `{self.label}` cannot be linked to itself")
        targets, sources = self._links("_targets"), target._links("_sources")
        if target not in targets or max_queue_size is not None:
            targets[target] = max_queue_size or DEFAULT_QUEUE_ROWS
        sources[self] = None

    def unlink(self, target: NanoNode[Any, Any]) -> None:
        """Take the link to ``target`` away; without one: nothing."""
        self._links("_targets").pop(target, None)
        target._links("_sources").pop(self, None)

    def _links(self, which: str) -> dict[NanoNode[Any, Any], Any]:
        try:
            found: dict[NanoNode[Any, Any], Any] = self.__dict__[which]
        except KeyError:
            cls = type(self).__name__
            raise TypeError(f"{cls}.__init__ did not call super().__init__(); add the call, with **kwargs") from None
        return found

    # -- while it runs --------------------------------------------------------------------

    @property
    def stop_requested(self) -> bool:
        """Whether the node is to end; for long work of one's own."""
        return self._stop.is_set()

    def sleep(self, seconds: float) -> None:
        """Pause, ending early when the node is to end."""
        self._stop.wait(seconds)

    @property
    def message(self) -> Any:
        """The row in hand as it was before ``key`` was looked up."""
        return self.__message__ if self.sight.key is None else self._before_key

    @property
    def status(self) -> Status:
        """``stopped`` (not started, or stopped from outside), ``running``, ``success`` or ``error``."""
        return self.statistics.status

    @property
    def time_running(self) -> float | None:
        """Seconds since the start, until the end; ``None`` before."""
        return self.statistics.seconds

    @property
    def messages_received_counter(self) -> int:
        """Rows taken in; exact at the end of the run."""
        return self.statistics.received

    @property
    def messages_sent_counter(self) -> int:
        """Rows sent on; exact at the end of the run."""
        return self.statistics.sent

    @property
    def input_queue_size(self) -> int:
        """Rows that wait on all inputs."""
        return self._run.rows_waiting(self) if self._run is not None else 0

    def reject(self, row: Row | RawLine, error: RowError) -> None:
        """Hand over a row that is wrong; without ``on_error`` its error is raised.

        In a source, a row that it read. In ``process_batch``, a row of the batch, with which nothing was done: all
        others count as dealt with once the method returns, and what it returns is not made of that one.

        Args:
            row: The row, whose values need not be of its columns' types; or the line that is none.
            error: What is wrong with it; in ``process_batch`` its ``row`` is the number of the row.

        Raises:
            RowError: ``error``, where the node rejects no rows.
            TooManyErrorsError: If there are more than the node may reject.
        """
        if self._reject is None:
            raise error
        self._reject(row, error)

    def read_again(self, line: RawLine) -> Row | None:
        """Return the row of a line that this source rejected, for a replay; ``None`` where there is none to be given.

        Raises:
            RowError: If it still is no row.
        """
        raise RowError(f"{type(self).__name__} reads no lines, and this is one: {line!r}")

    def log_info(self, text: str) -> None:
        """Log at INFO, with the node's name. The text is shown as it is: what rows hold is better left out of it."""
        logger.info("%s: %s", self.label, text, extra=NO_ROW_VALUES)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.__dict__.get('name', '(not initialised)')}>"


class PassThrough(NanoNode[In_contra, Passed_co]):
    """A node that sends rows it received, unchanged: it needs ``In`` and the row keeps all its columns.

    What comes out is told by what came in. The second argument is for checkers, at a link out of the node that they
    see by itself; one that is not given fits anything there.
    """

    passes_rows_on = True

    if TYPE_CHECKING:

        def _gives_for(self, came: Came, /) -> Came: ...  # type: ignore[override]  # more is known than of other nodes

    def own_output(self) -> Schema | None:
        """Return what an option declares, by mistake: no columns are its own."""
        return None if self.output_schema is None else parse_schema(self.output_schema)

    def output_row_class(self) -> type[Row] | None:
        """Return the Row class that an option declares."""
        return _row_class(self.output_schema, None)


def _reads_resume_from(cls: type[NanoNode[Any, Any]]) -> bool:
    """Return whether the code of a source's own methods mentions where to go on from."""
    codes = [
        value.__code__
        for base in cls.__mro__
        if base is not NanoNode
        for value in vars(base).values()
        if inspect.isfunction(value)
    ]
    while codes:
        code = codes.pop()
        if "resume_from" in code.co_names:
            return True
        codes += [constant for constant in code.co_consts if inspect.iscode(constant)]
    return False


def _row_class(declared: object, argument: object) -> type[Row] | None:
    found = declared if declared is not None else argument
    return found if isinstance(found, type) and issubclass(found, Row) and found is not Row else None


def declared_row_class(cls: type[NanoNode[Any, Any]], attribute: str, argument: int) -> type[Row] | None:
    """Return the Row class that a node class declares in an attribute, or as an argument of its base."""
    return _row_class(getattr(cls, attribute), type_arguments(cls, NanoNode)[argument])


def options_of(cls: type[NanoNode[Any, Any]]) -> dict[str, inspect.Parameter]:
    """Return every option that a node class takes, its own and those of its bases, by name."""
    found: dict[str, inspect.Parameter] = {}
    for base in cls.__mro__:
        if "__init__" not in base.__dict__ or not issubclass(base, NanoNode):
            continue
        parameters = list(inspect.signature(base.__init__).parameters.values())[1:]
        for parameter in parameters:
            if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                found.setdefault(parameter.name, parameter)
        if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
            break
    return found


def _unknown_options(cls: type[NanoNode[Any, Any]], unknown: Iterable[str]) -> str:
    known = options_of(cls)
    parts = []
    for name in unknown:
        hint = nearest_hint(name, known)
        parts.append(f"`{name}`{' (' + hint + ')' if hint else ''}")
    plural = "s" if len(parts) > 1 else ""
    return f"{cls.__name__} has no option{plural} {', '.join(parts)}; its options are {', '.join(sorted(known))}"
