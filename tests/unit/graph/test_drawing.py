"""Drawings of a graph: DOT and Mermaid, with the columns on the edges."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nanotyped import NanoNode
from nanotyped.graph import render_dot, render_mermaid, survey_graph


class Source(NanoNode[object, Any]):
    def generator(self) -> Iterator[Any]:
        yield from ()


class Sink(NanoNode[object, Any]):
    def process_item(self, row: Any) -> None: ...


def test_dot() -> None:
    """DOT names every node with its class and every edge with its columns; an unchecked edge is dashed."""
    source = Source(name="read", output_schema={"id": "int", "note": "varchar(9) null"})
    middle = Sink(name="mid")
    _ = source > middle > Sink(name="end")
    assert source.draw_pipeline() == (
        "digraph pipeline {\n"
        "  rankdir=LR;\n"
        '  node [shape=box, style=rounded, fontname="sans-serif"];\n'
        '  n0 [label="read\\nSource"];\n'
        '  n1 [label="mid\\nSink"];\n'
        '  n2 [label="end\\nSink"];\n'
        '  n0 -> n1 [label="id: int\\nnote: varchar(9) null", fontsize=10];\n'
        '  n1 -> n2 [label="unchecked", style=dashed, fontsize=10];\n'
        "}\n"
    )


def test_mermaid() -> None:
    """Mermaid names the same; an unchecked edge is dotted."""
    source = Source(name="read", output_schema={"id": "int"})
    _ = source > Sink(name="mid") > Sink(name="end")
    assert render_mermaid(survey_graph(source).graph) == (
        "flowchart LR\n"
        '  n0["read<br/>Source"]\n'
        '  n1["mid<br/>Sink"]\n'
        '  n2["end<br/>Sink"]\n'
        '  n0 -->|"id: int"| n1\n'
        '  n1 -.->|"unchecked"| n2\n'
    )


def test_many_columns_are_cut_and_flows_set_apart() -> None:
    """Beyond twelve columns the rest is counted; several kinds of row on one edge are set apart by `or`."""
    wide = Source(name="w", output_schema={f"c{index}": "int" for index in range(14)})
    narrow = Source(name="n", output_schema={"x": "date"})
    join = Sink(name="join", output_schema={"y": "int"})
    _ = (wide, narrow) > join
    _ = join > Sink(name="end")
    dot = render_dot(survey_graph(wide).graph)
    assert "c11: int\\n… 2 more" in dot
    assert "… 3 more\\nor\\nx: date\\ny: int" in dot


def test_many_kinds_of_rows_are_cut() -> None:
    """Beyond three kinds of row on one edge the rest is counted."""
    sources = [Source(name=f"s{place}", output_schema={f"c{place}": "int"}) for place in range(5)]
    join = Sink(name="join", output_schema={"y": "int"})
    for source in sources:
        _ = source > join
    _ = join > Sink(name="end")
    dot = render_dot(survey_graph(join).graph)
    assert "c0: int\\ny: int\\nor\\nc1: int\\ny: int\\nor\\nc2: int\\ny: int\\nor … 2 more kinds of rows" in dot


def test_names_cannot_break_a_drawing() -> None:
    """Quotes, backslashes, line ends and markup in names and columns are escaped."""
    source = Source(name='a"b\\c\n<d>#', output_schema={'"; evil [x=': "int"})
    _ = source > Sink(name="end")
    graph = survey_graph(source).graph
    assert '  n0 [label="a\\"b\\\\c <d>#\\nSource"];' in render_dot(graph).splitlines()
    assert '  n0 -> n1 [label="\\"; evil [x=: int", fontsize=10];' in render_dot(graph).splitlines()
    assert '  n0["a#quot;b\\c #lt;d>#35;<br/>Source"]' in render_mermaid(graph).splitlines()


def test_drawing_needs_no_pipeline_that_could_run() -> None:
    """A pipeline that would be refused, be it for a cycle, is drawn all the same."""
    a, b = Sink(name="a"), Sink(name="b")
    _ = a > b > a
    assert a.draw_pipeline().count("->") == 2
