"""Pipelines on several processes: the engine of threads, a copy of it on each worker, and Dask in between.

``plan`` says what runs where, ``run`` does it; ``tasks`` is what workers do. Needs ``nanotyped[dask]``.
``docs/reference/cluster.md`` is the page for users.
"""

from nanotyped.cluster.connection import (
    Cluster,
    ClusterSecurity,
    check_extra,
    check_files,
    check_scheduler,
    default_workers,
)
from nanotyped.cluster.part_state import open_part_state
from nanotyped.cluster.plan import ClusterPlan, Placement, Segment, place_nodes, plan_graph, resume_problems_of
from nanotyped.cluster.preparation import prepare_cluster_run, prepare_on, start_cluster_run
from nanotyped.cluster.run import ClusterRun

__all__ = [
    "Cluster",
    "ClusterPlan",
    "ClusterRun",
    "ClusterSecurity",
    "Placement",
    "Segment",
    "check_extra",
    "check_files",
    "check_scheduler",
    "default_workers",
    "open_part_state",
    "place_nodes",
    "plan_graph",
    "prepare_cluster_run",
    "prepare_on",
    "resume_problems_of",
    "start_cluster_run",
]
