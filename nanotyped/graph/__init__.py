"""The graph: links become an immutable ``Graph``, with the schema of every edge and every problem at once."""

from nanotyped.graph.build import Edge, Graph, Survey, build_graph, survey_graph
from nanotyped.graph.drawing import render_dot, render_mermaid
from nanotyped.graph.flows import Passage

__all__ = ["Edge", "Graph", "Passage", "Survey", "build_graph", "render_dot", "render_mermaid", "survey_graph"]
