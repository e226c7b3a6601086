"""``run_node``: one node in a real run, between a table in memory and a sink that keeps what comes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from nanotyped.engine import start_run
from nanotyped.row import Row, Schema
from nanotyped.testing.tables import InMemoryTable, KeptRows, Messages

if TYPE_CHECKING:
    from nanotyped.node import NanoNode, NodeReport
    from nanotyped.row.raw_line import RawLine
    from nanotyped.row.schema import SchemaDeclaration

In = TypeVar("In")
Out = TypeVar("Out")
TIMEOUT_S = 30.0
GIVEN, KEPT = "given", "kept"


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that a node rejected under its ``on_error``.

    Attributes:
        node: Name of the node.
        row: The row as it came; of a source that reads lines, maybe the line that is no row.
        error: Why.
    """

    node: str
    row: Row | RawLine
    error: Exception


@dataclass(frozen=True, slots=True)
class NodeRun(Generic[Out]):
    """What a node did with some rows.

    Attributes:
        rows: What came out, in order; with ``retain_input`` the rows have the columns that came in beside those of
            the node, so they have the attributes of its output, but are of a class of their own.
        rejected: What the node rejected, in order.
        schema: The columns of what comes out, as the graph knows them before the run; ``None`` where it does not.
        report: The counts of the node.
    """

    rows: Sequence[Out]
    rejected: Sequence[RejectedRow]
    schema: Schema | None
    report: NodeReport

    @property
    def dicts(self) -> list[dict[str, Any]]:
        """What came out as dictionaries of Python values."""
        return [cast("Row", row).to_python() for row in self.rows]


def run_node(
    node: NanoNode[In, Out],
    rows: Iterable[In] | Iterable[Mapping[str, object]] | None = None,
    schema: SchemaDeclaration | None = None,
    *,
    timeout_s: float = TIMEOUT_S,
) -> NodeRun[Out]:
    """Run rows through a node as a pipeline would, and return what became of them.

    The graph is checked first; contracts, error policies and retries hold as in any run.

    Args:
        node: A node that is linked to nothing; it is again afterwards. Its name, where it has none, is a piece of
            its id.
        rows: What it gets: rows of one Row class, or mappings with a ``schema``; or messages of any kind, where the
            columns are not to be known. ``None``: the node is a source, and gets nothing.
        schema: The columns of the rows; by default those of their Row class.
        timeout_s: How long the run may take.

    Raises:
        GraphTypeError: If the node does not take such rows; nothing ran then.
        NodeFailedError: If it failed; its cause is the error's ``__cause__``.
        RowValidationError: If a row is not of the schema.
        TimeoutError: If it was not done in time; the run is ended.
        ValueError: If the node is linked.
    """
    if node.input_node_list or node.output_node_list:
        raise ValueError(f"node `{node.label}` is linked; give run_node() one that is not")
    source = None if rows is None else source_of(rows, schema, GIVEN)
    kept = KeptRows(name=KEPT)
    node.add_edge(kept)
    rejected: list[RejectedRow] = []
    if source is not None:
        source.add_edge(node)
    try:
        run = start_run(node, watch=lambda by, row, error: rejected.append(RejectedRow(by.label, row, error)))
        try:
            report = run.wait(timeout_s)
        except TimeoutError:
            run.kill()
            raise
        flows = {flow for edge in run.graph.edges if edge.target is kept for flow in edge.flows}
    finally:
        for exit_node in node.exit_nodes():
            exit_node.unlink(kept)
        if source is not None:
            for entry_node in node.entry_nodes():
                source.unlink(entry_node)
    given = flows.pop() if len(flows) == 1 else None
    made = cast("list[Out]", kept.rows)
    reports = [own for own in report.nodes if own.name == node.label or own.name.startswith(f"{node.label}.")]
    return NodeRun(made, rejected, given, reports[-1])


def source_of(rows: Iterable[object], schema: SchemaDeclaration | None, name: str) -> NanoNode[object, Any]:
    """Return a source of rows of known columns, where these can be known, else of messages."""
    messages = list(rows)
    if schema is not None or (messages and len(set(map(type, messages))) == 1 and isinstance(messages[0], Row)):
        return InMemoryTable(cast("list[Row]", messages), schema, name=name)
    return Messages(messages, name=name)
