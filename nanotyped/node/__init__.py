"""Nodes: ``NanoNode`` and what it is linked, counted and reported with."""

from nanotyped.node.functions import get_environment_variables, no_op
from nanotyped.node.links import Flow, Link, Linkable, link_nodes, pipeline
from nanotyped.node.nano_node import (
    DEFAULT_BATCH_ROWS,
    DEFAULT_QUEUE_ROWS,
    NanoNode,
    PassedRow,
    PassThrough,
    declared_row_class,
    options_of,
)
from nanotyped.node.parts import Part, PartSize, Split
from nanotyped.node.policies import ErrorPolicy, OnError, Retry, is_row_error
from nanotyped.node.progress import SizeHint
from nanotyped.node.provenance import FarEnd, FarForm, Origin, OriginKind
from nanotyped.node.running import (
    NodeReport,
    NodeStatistics,
    RunHandle,
    Runner,
    RunReport,
    Status,
    install_cluster_runner,
    install_runner,
    install_yaml_renderer,
)

__all__ = [
    "DEFAULT_BATCH_ROWS",
    "DEFAULT_QUEUE_ROWS",
    "ErrorPolicy",
    "FarEnd",
    "FarForm",
    "Flow",
    "Link",
    "Linkable",
    "NanoNode",
    "NodeReport",
    "NodeStatistics",
    "OnError",
    "Origin",
    "OriginKind",
    "Part",
    "PartSize",
    "PassThrough",
    "PassedRow",
    "Retry",
    "RunHandle",
    "RunReport",
    "Runner",
    "SizeHint",
    "Split",
    "Status",
    "declared_row_class",
    "get_environment_variables",
    "install_cluster_runner",
    "install_runner",
    "install_yaml_renderer",
    "is_row_error",
    "link_nodes",
    "no_op",
    "options_of",
    "pipeline",
]
