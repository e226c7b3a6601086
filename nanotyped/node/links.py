"""Links between nodes: ``>``, ``>>``, ``add_edge``, ``pipeline()``; and chains, which run and draw like a node.

A link only notes both ends; what it means for the rows is the graph's business.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Generic, Literal, Protocol, TypeVar, overload

from nanotyped.errors import PipelineStateError
from nanotyped.node.running import (
    DEFAULT_GRACE_S,
    ClusterOptions,
    RunHandle,
    RunReport,
    installed_cluster_runner,
    installed_runner,
    installed_yaml_renderer,
)

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from nanotyped.node.nano_node import NanoNode

In_contra = TypeVar("In_contra", contravariant=True)
Out_co = TypeVar("Out_co", covariant=True)
Head = TypeVar("Head")
Next = TypeVar("Next")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
E = TypeVar("E")
F = TypeVar("F")
G = TypeVar("G")
H = TypeVar("H")
I = TypeVar("I")  # noqa: E741 - the ninth


class Link:
    """What ``a > b`` gives. Always true: ``a > b > c`` means ``(a > b) and (b > c)``, and keeps every edge."""

    __slots__ = ("source", "target")

    def __init__(self, source: Linkable[Any, Any], target: Linkable[Any, Any]) -> None:
        self.source = source
        self.target = target

    def __bool__(self) -> Literal[True]:
        return True


class _Passage(Protocol[In_contra, Out_co]):
    """A node or a chain, as ``pipeline()`` sees it: what it gives for rows of the class that comes.

    Of a node that passes rows on that is the same class, whatever the node needs. Methods that no object has can say
    so, and type arguments cannot; overloads would have to be one for each place such a node may stand in.
    """

    def _gives_for(self, came: In_contra, /) -> Out_co: ...


class _Step(_Passage[In_contra, Out_co], Protocol[In_contra, Out_co]):
    """The same as ``>>`` sees it: what a node that passes rows on needs is asked for too.

    In ``pipeline()`` it is not: mypy would look for one class that is below two others, of which it finds none.
    """

    def _takes(self, came: In_contra, /) -> object: ...


class Linkable(Generic[In_contra, Out_co]):
    """What can be linked, started and drawn: a node, or a chain of nodes (``Flow``)."""

    if TYPE_CHECKING:

        def _takes(self, came: In_contra, /) -> object: ...
        def _gives_for(self, came: In_contra, /) -> Out_co: ...

    def entry_nodes(self) -> tuple[NanoNode[Any, Any], ...]:
        """Return the nodes that a link into this leads to."""
        raise NotImplementedError

    def exit_nodes(self) -> tuple[NanoNode[Any, Any], ...]:
        """Return the nodes that a link out of this starts from."""
        raise NotImplementedError

    def member_nodes(self) -> tuple[NanoNode[Any, Any], ...]:
        """Return nodes that run for this, from which all of it can be reached."""
        return (*self.entry_nodes(), *self.exit_nodes())

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
    def __rshift__(self, other: _Step[Out_co, Next]) -> Flow[In_contra, Next]: ...
    @overload
    def __rshift__(self, other: tuple[_Step[Out_co, Next], ...]) -> Flow[In_contra, Next]: ...
    def __rshift__(self, other: Any) -> Flow[In_contra, Any]:
        targets = _ends(other)
        for target in targets:
            link_nodes(self, target)
        return Flow(self.entry_nodes(), tuple(node for target in targets for node in target.exit_nodes()))

    def __rrshift__(self, other: tuple[Linkable[Head, In_contra], ...]) -> Flow[Head, Out_co]:
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
        waiting: list[NanoNode[Any, Any]] = list(self.member_nodes())
        while waiting:
            node = waiting.pop()
            if node not in found:
                found.add(node)
                waiting += [*node.output_node_list, *node.input_node_list]
        return found

    def run(
        self,
        pipeline_name: str | None = None,
        *,
        grace_s: float = DEFAULT_GRACE_S,
        engine: Literal["threads", "dask"] = "threads",
        **cluster: Unpack[ClusterOptions],
    ) -> RunReport:
        """Check the pipeline, run it to its end and return what each node did.

        SIGINT, SIGTERM and SIGHUP, when this is the main thread, drain it: sources stop, and what is in flight is
        delivered, if that takes no longer than ``grace_s`` seconds; a second one ends it.

        Args:
            pipeline_name: Becomes an attribute of every node.
            grace_s: How long, in seconds, nodes may take to end after a failure, a stop or a signal.
            engine: ``threads`` of this process; or ``dask``, several processes, here or elsewhere.
            cluster: What goes with ``dask``: ``scheduler``, its address, without which worker processes are started
                here; ``workers``, how many; ``security``, a ``ClusterSecurity``, for a scheduler elsewhere;
                ``modules``, which travel to the workers; ``part_rows``, rows to a part, about; ``state_dir`` and
                ``reset_state``, as of ``start_run``.

        Raises:
            GraphTypeError: If the pipeline cannot run; nothing was started then.
            ClusterError: If the cluster cannot be reached, or fails.
            NodeFailedError: If a node failed; its cause is the error's ``__cause__``.
            PipelineInterrupted: After a drain that a signal asked for.
        """
        if engine == "dask":
            return installed_cluster_runner()(self._anchor(), pipeline_name, grace_s, cluster)
        if engine != "threads":
            raise ValueError(f"engine must be threads or dask, not {engine!r}")
        if cluster:
            raise ValueError(f'{", ".join(cluster)} goes with engine="dask"')
        return installed_runner().run(self._anchor(), pipeline_name, grace_s)

    def global_start(self, datadog: bool = False, pipeline_name: str | None = None) -> None:
        """Check the pipeline and start every connected node; does not wait.

        Raises:
            GraphTypeError: If the pipeline cannot run; nothing was started then.
            PipelineStateError: If it runs already.
        """
        if datadog:
            raise PipelineStateError("datadog reporting is gone; run() and the logger nanotyped.monitor tell the same")
        installed_runner().start(self._anchor(), pipeline_name)

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

    def broadcast(self, message: object) -> None:
        """Put a message into every edge of the running pipeline, behind what was sent over it.

        A ``PoisonPill`` ends every node after the rows sent before it, sources too.

        Raises:
            PipelineStateError: If the pipeline is not running.
            RowError: If the rows of an edge have a known schema and the message is no such row.
        """
        run = self._anchor()._run
        if run is None:
            raise PipelineStateError("the pipeline is not running; broadcast() reaches the edges of a run")
        run.broadcast(message)

    def draw_pipeline(self) -> str:
        """Return the pipeline as DOT text, with every node and edge. Starts and opens nothing."""
        return installed_runner().draw(self._anchor())

    def to_yaml(self, pipeline_name: str | None = None) -> str:
        """Return the pipeline as the text of a file, whose fingerprint is the same where each node has a given name.

        Secrets are not in it: each is ``${NAME}``.

        Raises:
            ExportError: With everything that no file can hold, such as a class that is not registered.
        """
        return installed_yaml_renderer()(self._anchor(), pipeline_name)

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


@overload
def pipeline(n1: Linkable[A, B], n2: _Passage[B, C], /) -> Flow[A, C]: ...
@overload
def pipeline(n1: Linkable[A, B], n2: _Passage[B, C], n3: _Passage[C, D], /) -> Flow[A, D]: ...
@overload
def pipeline(n1: Linkable[A, B], n2: _Passage[B, C], n3: _Passage[C, D], n4: _Passage[D, E], /) -> Flow[A, E]: ...
@overload
def pipeline(
    n1: Linkable[A, B], n2: _Passage[B, C], n3: _Passage[C, D], n4: _Passage[D, E], n5: _Passage[E, F], /
) -> Flow[A, F]: ...
@overload
def pipeline(
    n1: Linkable[A, B],
    n2: _Passage[B, C],
    n3: _Passage[C, D],
    n4: _Passage[D, E],
    n5: _Passage[E, F],
    n6: _Passage[F, G],
    /,
) -> Flow[A, G]: ...
@overload
def pipeline(
    n1: Linkable[A, B],
    n2: _Passage[B, C],
    n3: _Passage[C, D],
    n4: _Passage[D, E],
    n5: _Passage[E, F],
    n6: _Passage[F, G],
    n7: _Passage[G, H],
    /,
) -> Flow[A, H]: ...
@overload
def pipeline(
    n1: Linkable[A, B],
    n2: _Passage[B, C],
    n3: _Passage[C, D],
    n4: _Passage[D, E],
    n5: _Passage[E, F],
    n6: _Passage[F, G],
    n7: _Passage[G, H],
    n8: _Passage[H, I],
    /,
) -> Flow[A, I]: ...
@overload
def pipeline(
    n1: Linkable[A, B],
    n2: _Passage[B, C],
    n3: _Passage[C, D],
    n4: _Passage[D, E],
    n5: _Passage[E, F],
    n6: _Passage[F, G],
    n7: _Passage[G, H],
    n8: _Passage[H, I],
    n9: Linkable[I, Any],
    /,
    *more: Linkable[Any, Any],
) -> Flow[A, Any]: ...
def pipeline(*nodes: Any) -> Flow[Any, Any]:
    """Link nodes, or chains, in a row and return the whole.

    Raises:
        TypeError: If there are fewer than two, or something is no node.
    """
    if len(nodes) < 2:
        raise TypeError("a pipeline has at least two nodes")
    for left, right in pairwise(nodes):
        link_nodes(left, right)
    return Flow(nodes[0].entry_nodes(), nodes[-1].exit_nodes())
