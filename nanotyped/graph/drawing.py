"""Pictures of a graph as text: DOT for graphviz, Mermaid for documents. Columns stand on the edges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nanotyped.row.schema import BARE_VALUE

if TYPE_CHECKING:
    from nanotyped.graph.build import Edge, Graph
    from nanotyped.graph.flows import Node

MAX_COLUMNS_SHOWN = 12
MAX_FLOWS_SHOWN = 3


def render_dot(graph: Graph) -> str:
    """Return the graph in the DOT language: every node by name and class, every edge with its columns."""
    names = {node: f"n{index}" for index, node in enumerate(graph.nodes)}
    lines = ["digraph pipeline {", "  rankdir=LR;", '  node [shape=box, style=rounded, fontname="sans-serif"];']
    for node, name in names.items():
        lines.append(f"  {name} [label={_dot_text([node.label, type(node).__name__])}];")
    for number, (composite, inside) in enumerate(_composites(graph).items()):
        label = _dot_text([f"{composite.label}: {type(composite).__name__}"])
        members = " ".join(f"{names[node]};" for node in inside)
        lines.append(f"  subgraph cluster_{number} {{ label={label}; {members} }}")
    for edge in graph.edges:
        style = "" if edge.is_checked else ", style=dashed"
        label = _dot_text(_edge_lines(edge))
        lines.append(f"  {names[edge.source]} -> {names[edge.target]} [label={label}{style}, fontsize=10];")
    return "\n".join([*lines, "}"]) + "\n"


def render_mermaid(graph: Graph) -> str:
    """Return the graph as a Mermaid flowchart: every node by name and class, every edge with its columns."""
    names = {node: f"n{index}" for index, node in enumerate(graph.nodes)}
    lines = ["flowchart LR"]
    for node, name in names.items():
        lines.append(f'  {name}["{_mermaid_text([node.label, type(node).__name__])}"]')
    for number, (composite, inside) in enumerate(_composites(graph).items()):
        label = _mermaid_text([f"{composite.label}: {type(composite).__name__}"])
        lines += [f'  subgraph c{number}["{label}"]', *(f"    {names[node]}" for node in inside), "  end"]
    for edge in graph.edges:
        arrow = "-->" if edge.is_checked else "-.->"
        label = _mermaid_text(_edge_lines(edge))
        lines.append(f'  {names[edge.source]} {arrow}|"{label}"| {names[edge.target]}')
    return "\n".join(lines) + "\n"


def _composites(graph: Graph) -> dict[Node, list[Node]]:
    """Return the composites that nodes were made for, each with its nodes; of composites in others the outermost."""
    found: dict[Node, list[Node]] = {}
    for node in graph.nodes:
        whole = node
        while whole.part_of is not None:
            whole = whole.part_of
        if whole is not node:
            found.setdefault(whole, []).append(node)
    return found


def _edge_lines(edge: Edge) -> list[str]:
    lines: list[str] = []
    for flow in edge.flows[:MAX_FLOWS_SHOWN]:
        if lines:
            lines.append("or")
        if flow is None:
            lines.append("unchecked")
            continue
        lines += [
            column.spelling() if column.name == BARE_VALUE else f"{column.name}: {column.spelling()}"
            for column in flow.columns[:MAX_COLUMNS_SHOWN]
        ]
        if len(flow) > MAX_COLUMNS_SHOWN:
            lines.append(f"… {len(flow) - MAX_COLUMNS_SHOWN} more")
    if len(edge.flows) > MAX_FLOWS_SHOWN:
        lines.append(f"or … {len(edge.flows) - MAX_FLOWS_SHOWN} more kinds of rows")
    return lines


def _dot_text(lines: list[str]) -> str:
    escaped = [line.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ") for line in lines]
    return '"' + "\\n".join(escaped) + '"'


def _mermaid_text(lines: list[str]) -> str:
    # Mermaid reads HTML entities, with `#` for `&`.
    escaped = [
        line.replace("#", "#35;").replace('"', "#quot;").replace("<", "#lt;").replace("\n", " ") for line in lines
    ]
    return "<br/>".join(escaped)
