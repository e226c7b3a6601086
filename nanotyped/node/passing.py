"""What a node makes of schemas by its code and by the options of every node: what it sees, and what it sends."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nanotyped.errors import GraphProblem, NodeOptionError, nearest_hint
from nanotyped.node.nano_node import NanoNode
from nanotyped.node.provenance import Origin
from nanotyped.row.schema import BARE_VALUE

if TYPE_CHECKING:
    from nanotyped.row import Schema


def takes_batches(node: NanoNode[Any, Any]) -> bool:
    """Return whether a node's code works by the batch, not by the row."""
    method = "generate_batches" if node.is_source else "process_batch"
    return getattr(type(node), method) is not getattr(NanoNode, method)


def sees_all(node: NanoNode[Any, Any]) -> bool:
    """Return whether a node sees messages, and sends results, as they are."""
    return node.sight.is_whole and node.sending.is_plain


def seen_schema(node: NanoNode[Any, Any], given: Schema | None) -> Schema | None:
    """Return what a node's code sees of rows of a schema; ``None`` where that is not known."""
    return node.sight.seen(given, node.label)[0]


def input_problems(node: NanoNode[Any, Any], given: Schema) -> list[GraphProblem]:
    """Return what is wrong with a node's options for rows of a schema."""
    seen, found = node.sight.seen(given, node.label)
    return [*_group_problems(node, given), *found, *([] if seen is None else node.check_input(seen))]


def _group_problems(node: NanoNode[Any, Any], given: Schema) -> list[GraphProblem]:
    """Return the columns of ``partition_by`` that do not come."""
    return [
        NodeOptionError(
            f"node `{node.label}`: partition_by names `{name}`, and no such column comes",
            node=node.label,
            hint=nearest_hint(name, given.names),
        )
        for name in node.partition_by
        if name not in given
    ]


def retention_problems(node: NanoNode[Any, Any], given: Schema | None) -> list[GraphProblem]:
    """Return why what a node gives cannot be sent along with the columns that come."""
    if given is None or (node.sending.is_plain and (node.passes_rows_on or takes_batches(node))):
        return []
    own = sent_output(node, given)
    is_bare = own is not None and own.names == (BARE_VALUE,)
    if not is_bare or not node.retain_input or given.names == (BARE_VALUE,):
        return []
    reason = f"node `{node.label}` gives a bare value for rows of named columns"
    hint = "give output_key, or retain_input: false"
    return [NodeOptionError(reason, node=node.label, hint=hint)]


def sent_output(node: NanoNode[Any, Any], given: Schema | None) -> Schema | None:
    """Return what becomes of a node's own results, without what is retained; ``None`` where that is not known.

    An ``output_schema`` that is an option says what is sent. What a class declares, and whatever is declared of a node
    that works by the batch, says what its code gives, before ``post_process_function`` and ``output_key``.
    """
    if node.sending.is_plain and node.sight.is_whole:
        return node.own_output_for(given)
    if node.promises_output and not takes_batches(node):
        return node.own_output()
    return node.sending.schema_of(_results(node, seen_schema(node, given)))


def sent_schema(node: NanoNode[Any, Any], given: Schema | None) -> Schema | None:
    """Return what a node sends for rows of a schema (``None``: not known, or there is no input)."""
    if sees_all(node):
        return node.output_schema_for(given)
    if node.passes_rows_on and node.sending.is_plain:
        return given
    own = sent_output(node, given)
    if own is None or node.is_source or not node.retain_input:
        return own
    return None if given is None else given.without_bare_value().merge(own)


def sent_origin(node: NanoNode[Any, Any], column: str, given: Schema | None) -> Origin:
    """Return how a node comes by a column that it sends, for rows of a schema; columns as they come to it."""
    if sees_all(node):
        return node.column_origin(column, given)
    comes = not node.is_source and (given is None or column in given)
    if node.passes_rows_on and node.sending.is_plain:
        return Origin("passed on", (column,))
    if column == node.sending.output_key:
        return Origin("made", node.sight.columns_behind(None))
    own = sent_output(node, given)
    if comes and node.retain_input and own is not None and column not in own:
        return Origin("passed on", (column,))
    if node.sending.function is not None:
        return Origin("made") if own is not None else Origin("unknown", (column,) if comes else ())
    origin = node.column_origin(column, seen_schema(node, given))
    behind = tuple(name for seen in origin.columns for name in node.sight.columns_behind(seen))
    is_renamed = origin.kind == "passed on" and behind != (column,)
    return replace(origin, columns=behind, kind="renamed" if is_renamed else origin.kind)


def _results(node: NanoNode[Any, Any], seen: Schema | None) -> Schema | None:
    """Return what a node's code gives for what it sees."""
    if node.passes_rows_on:  # by the row a bare value is seen without its type
        return seen if takes_batches(node) or seen is None or seen.names != (BARE_VALUE,) else None
    if node.is_source:
        return node.output_schema_for(None)
    if type(node).output_schema_for is NanoNode.output_schema_for:
        return node.own_output_for(seen)
    # By the batch all that is given is the code's own; else what is told is mixed with what would be retained.
    return node.output_schema_for(seen) if takes_batches(node) or not node.retain_input else None
