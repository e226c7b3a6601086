"""``NanoNode[In, Out]``: what a node is, how nodes are linked, and what a run asks of them.

Nothing here starts a thread: ``run()`` and its like go to a runner that the engine installs when the package is put
together (``install_runner``), so that the engine may know nodes and nodes need not know the engine.
"""

from __future__ import annotations

import inspect
import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, Protocol, TypeVar, overload

from nanotyped.errors import GraphProblem, NanotypedError, PipelineStateError, nearest_hint
from nanotyped.row import Row, Schema, parse_schema
from nanotyped.row.declared import schema_of_type, type_arguments

if TYPE_CHECKING:
    from nanotyped.message import Batch
    from nanotyped.row.schema import SchemaDeclaration

In_contra = TypeVar("In_contra", contravariant=True)
Out_co = TypeVar("Out_co", covariant=True)
Next = TypeVar("Next")

DEFAULT_QUEUE_ROWS = 4000
DEFAULT_BATCH_ROWS = 1000
Status = Literal["stopped", "running", "success", "error"]
logger = logging.getLogger("nanotyped.node")


# -- what the engine gives -----------------------------------------------------


class RunHandle(Protocol):
    """A started run, as nodes see it."""

    def wait(self, timeout_s: float | None = None) -> RunReport: ...  # noqa: D102 - documented on the node
    def drain(self) -> None: ...  # noqa: D102
    def terminate(self) -> None: ...  # noqa: D102
    def kill(self) -> None: ...  # noqa: D102
    @property
    def running(self) -> bool: ...  # noqa: D102
    @property
    def failed(self) -> bool: ...  # noqa: D102
    def rows_waiting(self, node: NanoNode[Any, Any]) -> int: ...  # noqa: D102


class Runner(Protocol):
    """What starts and draws pipelines; the engine installs one."""

    def start(self, node: NanoNode[Any, Any], pipeline_name: str | None) -> RunHandle: ...  # noqa: D102
    def run(self, node: NanoNode[Any, Any], pipeline_name: str | None) -> RunReport: ...  # noqa: D102
    def draw(self, node: NanoNode[Any, Any]) -> str: ...  # noqa: D102


_runner: list[Runner] = []


def install_runner(runner: Runner) -> None:
    """Make ``runner`` what starts pipelines from now on."""
    _runner[:] = [runner]


@dataclass(slots=True)
class NodeStatistics:
    """What a node has done in its run; written by the thread of the node alone.

    Attributes:
        received: Rows taken in.
        sent: Rows sent on; once, over however many edges.
        rejected: Rows that the node, or its contract, did not take.
        started_at: ``time.monotonic()`` of the start, ``None`` before.
        ended_at: The same of the end.
        status: ``stopped``, ``running``, ``success`` or ``error``.
    """

    received: int = 0
    sent: int = 0
    rejected: int = 0
    started_at: float | None = None
    ended_at: float | None = None
    status: Status = "stopped"

    @property
    def seconds(self) -> float | None:
        """Seconds from the start until the end or now; ``None`` before the start."""
        if self.started_at is None:
            return None
        return (self.ended_at or time.monotonic()) - self.started_at


@dataclass(frozen=True, slots=True)
class NodeReport:
    """What one node did in a run: rows ``received``, ``sent`` and ``rejected``, ``seconds``, and how it ended."""

    name: str
    class_name: str
    received: int
    sent: int
    rejected: int
    seconds: float
    status: Status


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run did, node by node, sources first."""

    nodes: tuple[NodeReport, ...]
    seconds: float
    pipeline_name: str | None = None

    def __getitem__(self, name: str) -> NodeReport:
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)


# -- links -----------------------------------------------------------------------


class Link:
    """What ``a > b`` gives. Always true: ``a > b > c`` means ``(a > b) and (b > c)``, and keeps every edge."""

    __slots__ = ("source", "target")

    def __init__(self, source: Linkable[Any, Any], target: Linkable[Any, Any]) -> None:
        self.source = source
        self.target = target

    def __bool__(self) -> Literal[True]:
        return True


class Linkable(Generic[In_contra, Out_co]):
    """What can be linked, started and drawn: a node, or a chain of nodes (``Flow``)."""

    def entry_nodes(self) -> tuple[NanoNode[Any, Any], ...]:
        """Return the nodes that a link into this leads to."""
        raise NotImplementedError

    def exit_nodes(self) -> tuple[NanoNode[Any, Any], ...]:
        """Return the nodes that a link out of this starts from."""
        raise NotImplementedError

    def __gt__(self, other: Linkable[Out_co, object] | tuple[Linkable[Out_co, object], ...]) -> Link:
        for target in _ends(other):
            link_nodes(self, target)
        return Link(self, other[-1] if isinstance(other, tuple) else other)

    # ``(a, b) > c`` comes here as ``c < (a, b)``; so does ``a > c`` where c's class is a subclass of a's.
    def __lt__(self, other: Linkable[Any, In_contra] | tuple[Linkable[Any, In_contra], ...]) -> Link:
        sources = _ends(other)
        for source in sources:
            link_nodes(source, self)
        return Link(sources[-1], self)

    @overload
    def __rshift__(self, other: PassThrough[Out_co]) -> Flow[In_contra, Out_co]: ...
    @overload
    def __rshift__(self, other: Linkable[Out_co, Next]) -> Flow[In_contra, Next]: ...
    @overload
    def __rshift__(self, other: tuple[Linkable[Out_co, Next], ...]) -> Flow[In_contra, Next]: ...
    def __rshift__(self, other: Any) -> Flow[In_contra, Any]:
        targets = _ends(other)
        for target in targets:
            link_nodes(self, target)
        return Flow(self.entry_nodes(), tuple(node for target in targets for node in target.exit_nodes()))

    def __rrshift__(self, other: tuple[Linkable[Any, In_contra], ...]) -> Flow[Any, Out_co]:
        if not isinstance(other, tuple):
            return NotImplemented
        for source in _ends(other):
            link_nodes(source, self)
        return Flow(tuple(node for source in other for node in source.entry_nodes()), self.exit_nodes())

    def add_edge(self, target: Linkable[Out_co, object], *, max_queue_size: int | None = None) -> Link:
        """Link this to ``target``; linking the same pair again changes nothing but the bound.

        Args:
            target: The node, or the chain, that takes the rows.
            max_queue_size: How many rows may wait on this edge (default 4000).

        Raises:
            TypeError: If ``target`` is no node, or is this node.
            ValueError: If the bound is below 1.
        """
        link_nodes(self, target, max_queue_size)
        return Link(self, target)

    # -- running -----------------------------------------------------------------

    def _anchor(self) -> NanoNode[Any, Any]:
        return self.entry_nodes()[0]

    def all_connected(self) -> set[NanoNode[Any, Any]]:
        """Return all nodes that can be reached from here in either direction, this one included."""
        found: set[NanoNode[Any, Any]] = set()
        waiting: list[NanoNode[Any, Any]] = [*self.entry_nodes(), *self.exit_nodes()]
        while waiting:
            node = waiting.pop()
            if node not in found:
                found.add(node)
                waiting += [*node.output_node_list, *node.input_node_list]
        return found

    def run(self, pipeline_name: str | None = None) -> RunReport:
        """Check the pipeline, run it to its end and return what each node did.

        SIGINT and SIGTERM, when this is the main thread, drain it: sources stop, what is in flight is delivered.

        Raises:
            GraphTypeError: If the pipeline cannot run; nothing was started then.
            NodeFailedError: If a node failed; its cause is the error's ``__cause__``.
            PipelineInterrupted: After a drain that a signal asked for.
        """
        return _installed_runner().run(self._anchor(), pipeline_name)

    def global_start(self, datadog: bool = False, pipeline_name: str | None = None) -> None:
        """Check the pipeline and start every connected node; does not wait.

        Raises:
            GraphTypeError: If the pipeline cannot run; nothing was started then.
            PipelineStateError: If it runs already.
        """
        if datadog:
            raise PipelineStateError("datadog reporting is gone; run() and the logger nanotyped.monitor tell the same")
        _installed_runner().start(self._anchor(), pipeline_name)

    def wait_for_pipeline_finish(self, timeout_s: float | None = None) -> RunReport:
        """Wait for the end of the run and return what each node did.

        Raises:
            NodeFailedError: If a node failed.
            TimeoutError: If it still runs after ``timeout_s`` seconds.
            PipelineStateError: If it was never started.
        """
        run = self._anchor()._run
        if run is None:
            raise PipelineStateError("the pipeline was not started; call global_start() first")
        return run.wait(timeout_s)

    def drain_pipeline(self) -> None:
        """Stop the sources; what is in flight is delivered, then the run ends. Does not wait."""
        self._tell(lambda run: run.drain())

    def terminate_pipeline(self) -> None:
        """End every node after the row in its hand; queued rows are not processed. Does not wait."""
        self._tell(lambda run: run.terminate())

    def kill_pipeline(self) -> None:
        """End as ``terminate_pipeline`` does, and throw away what ``cleanup`` yields."""
        self._tell(lambda run: run.kill())

    def draw_pipeline(self) -> str:
        """Return the pipeline as DOT text, with every node and edge. Starts and opens nothing."""
        return _installed_runner().draw(self._anchor())

    def _tell(self, what: Callable[[RunHandle], None]) -> None:
        run = self._anchor()._run
        if run is not None:
            what(run)


class Flow(Linkable[In_contra, Out_co]):
    """A chain of linked nodes, as ``a >> b`` and ``pipeline(a, b)`` give it; to be linked on, run or drawn."""

    def __init__(self, first: Sequence[NanoNode[Any, Any]], last: Sequence[NanoNode[Any, Any]]) -> None:
        self._first = tuple(first)
        self._last = tuple(last)

    def entry_nodes(self) -> tuple[NanoNode[Any, Any], ...]:
        """Return the nodes at the head."""
        return self._first

    def exit_nodes(self) -> tuple[NanoNode[Any, Any], ...]:
        """Return the nodes at the tail."""
        return self._last


def _ends(linked: Any) -> tuple[Any, ...]:
    ends = linked if isinstance(linked, tuple) else (linked,)
    if not ends:
        raise TypeError("an empty tuple has no node to link")
    return ends


def link_nodes(source: object, target: object, max_queue_size: int | None = None) -> None:
    """Link every exit of ``source`` to every entry of ``target``.

    Raises:
        TypeError: If one of them is no node, or both are the same.
        ValueError: If the bound is below 1.
    """
    for end in (source, target):
        if not isinstance(end, Linkable):
            raise TypeError(f"only nodes can be linked, not {type(end).__name__} ({end!r})")
    if max_queue_size is not None and max_queue_size < 1:
        raise ValueError(f"max_queue_size must be at least 1, not {max_queue_size}")
    for one in source.exit_nodes():  # type: ignore[attr-defined]  # both are Linkable: checked above
        for other in target.entry_nodes():  # type: ignore[attr-defined]
            one._link_to(other, max_queue_size)


# -- nodes -----------------------------------------------------------------------


class NanoNode(Linkable[In_contra, Out_co]):
    """A step of a pipeline: a source (``generator``), a transform or a sink (``process_item``).

    ``class Bill(NanoNode[Customer, Invoice])`` says what the node needs and what it gives. The needed columns may come
    with others; with ``retain_input`` the incoming columns are sent along with the node's own, which win.

    Args:
        name: Name in messages, drawings and YAML; unique in a pipeline. Default: a fresh id.
        summary: Free text for people.
        retain_input: Whether the incoming columns are sent along with the result.
        validate: Whether what the node's own code gives is checked against its output schema.
        input_schema: What the node needs: a Row class, a ``Schema``, or ``{"id": INTEGER}``.
        output_schema: What its own code gives.
        batch_rows: How many rows it takes and sends at a time at the most.
    """

    input_schema: SchemaDeclaration | None = None
    output_schema: SchemaDeclaration | None = None
    retain_input: bool = True
    batch_rows: int = DEFAULT_BATCH_ROWS
    passes_rows_on: ClassVar[bool] = False
    """Whether every row sent is a row received, unchanged (filters, printers)."""

    rows_are_independent: ClassVar[bool] = False
    """Whether ``process_batch`` makes of some rows of a batch what it makes of them in the whole, and nothing else:
    then the rows before a bad one go on."""

    pipeline_name: str | None = None
    first_row_number: int = 1
    """In ``process_batch``: the number of the first row of the batch among all that the node got, from 1."""
    ended_regularly: bool = False
    """In ``cleanup``: whether the data came to its end, or was drained, and nothing in the run had failed by then."""
    __message__: Any = None

    def __init__(
        self,
        *,
        name: str | None = None,
        summary: str = "",
        retain_input: bool | None = None,
        validate: bool = True,
        input_schema: SchemaDeclaration | None = None,
        output_schema: SchemaDeclaration | None = None,
        batch_rows: int | None = None,
        **unknown: object,
    ) -> None:
        if unknown:
            raise TypeError(_unknown_options(type(self), unknown))
        if batch_rows is not None and batch_rows < 1:
            raise ValueError(f"batch_rows must be at least 1, not {batch_rows}")
        self.name = name if name is not None else uuid.uuid4().hex
        self.has_given_name = name is not None
        self.summary = summary
        self.validate = validate
        if retain_input is not None:
            self.retain_input = retain_input
        if batch_rows is not None:
            self.batch_rows = batch_rows
        if input_schema is not None:
            self.input_schema = input_schema
        if output_schema is not None:
            self.output_schema = output_schema
        self.statistics = NodeStatistics()
        self._targets: dict[NanoNode[Any, Any], int] = {}
        self._sources: dict[NanoNode[Any, Any], None] = {}
        self._run: RunHandle | None = None
        self._stop = threading.Event()

    # -- to be written by a node ----------------------------------------------------

    def generator(self) -> Iterator[Out_co]:
        """Yield the rows of a source."""
        raise NotImplementedError

    # Typed so that ``process_item(self)`` and ``process_item(self, row: Customer)`` are both right overrides.
    def process_item(self, *args: Any, **kwargs: Any) -> Iterator[Out_co] | None:
        """Take one row, as the argument or as ``self.__message__``, and yield any number of results."""
        raise NotImplementedError

    def generate_batches(self) -> Iterator[Sequence[Row]]:
        """Yield the rows of a source by the batch, as they are to be sent; for built-in nodes, for speed.

        Where a class has this, ``generator`` is not called and nothing that it gives is checked again.
        """
        raise NotImplementedError

    def process_batch(self, batch: Batch[Row]) -> Sequence[Row]:
        """Take many rows at once and return the rows to send, as they are; for built-in nodes, for speed.

        Where a class has this, ``process_item`` is not called and nothing that it returns is checked or merged again.
        """
        raise NotImplementedError

    def setup(self) -> None:
        """Get ready, in the node's own thread, before the first row."""

    def cleanup(self) -> Iterator[Out_co] | None:
        """Put away, in the node's own thread, after the last row, a failure or a stop. May yield last results."""
        return None

    def discover_schema(self) -> None:
        """Look at the live source or service, once, before the run and in ``check --connect``; set what it gives.

        Raises:
            SourceError: If it cannot be reached or read.
        """

    def check_input(self, given: Schema) -> list[GraphProblem]:  # noqa: ARG002 - for the nodes that have options
        """Return what is wrong with the node's options for rows of ``given``, beside its declared need."""
        return []

    def check_contract(self) -> list[GraphProblem]:
        """Return how the live source or service, once it was looked at, differs from what the node declares."""
        return []

    def output_schema_for(self, given: Schema | None) -> Schema | None:
        """Return what the node sends for rows of ``given`` (``None``: not known, or there is no input)."""
        own = self.own_output()
        if self.passes_rows_on:
            return given
        if own is None or (given is None and not self.is_source and self.retain_input):
            return None
        return own if given is None or not self.retain_input else given.merge(own)

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

    @property
    def label(self) -> str:
        """The name as messages show it: the given one, else the class and a piece of the id."""
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

    def log_info(self, text: str) -> None:
        """Log at INFO, with the node's name."""
        logger.info("%s: %s", self.label, text)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.__dict__.get('name', '(not initialised)')}>"


class PassThrough(NanoNode[In_contra, Any]):
    """A node that sends rows it received, unchanged: it needs ``In`` and the row keeps all its columns."""

    passes_rows_on = True


def _row_class(declared: object, argument: object) -> type[Row] | None:
    found = declared if declared is not None else argument
    return found if isinstance(found, type) and issubclass(found, Row) and found is not Row else None


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


def _installed_runner() -> Runner:
    if not _runner:
        raise NanotypedError("no engine is installed; import nanotyped, not nanotyped.node alone")
    return _runner[0]


A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
F = TypeVar("F")


@overload
def pipeline(n1: Linkable[A, B], n2: Linkable[B, C], /) -> Flow[A, C]: ...
@overload
def pipeline(n1: Linkable[A, B], n2: Linkable[B, C], n3: Linkable[C, D], /) -> Flow[A, D]: ...
@overload
def pipeline(n1: Linkable[A, B], n2: Linkable[B, C], n3: Linkable[C, D], n4: Linkable[D, E], /) -> Flow[A, E]: ...
@overload
def pipeline(
    n1: Linkable[A, B], n2: Linkable[B, C], n3: Linkable[C, D], n4: Linkable[D, E], n5: Linkable[E, F], /
) -> Flow[A, F]: ...
@overload
def pipeline(
    n1: Linkable[Any, Any],
    n2: Linkable[Any, Any],
    n3: Linkable[Any, Any],
    n4: Linkable[Any, Any],
    n5: Linkable[Any, Any],
    n6: Linkable[Any, Any],
    /,
    *more: Linkable[Any, Any],
) -> Flow[Any, Any]: ...
def pipeline(*nodes: Linkable[Any, Any]) -> Flow[Any, Any]:
    """Link nodes, or chains, in a row and return the whole.

    Raises:
        TypeError: If there are fewer than two, or something is no node.
    """
    if len(nodes) < 2:
        raise TypeError("a pipeline has at least two nodes")
    for left, right in pairwise(nodes):
        link_nodes(left, right)
    return Flow(nodes[0].entry_nodes(), nodes[-1].exit_nodes())
