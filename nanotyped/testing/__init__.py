"""For tests of pipelines and nodes: run one node for real, compare rows, stand in for a table or an HTTP API.

Nothing here needs a test framework; what does not fit is an ``AssertionError``.
"""

from nanotyped.testing.cases import CaseResult, run_case, run_cases
from nanotyped.testing.comparing import assert_rows, compare_rows
from nanotyped.testing.http_api import HttpApi, Request, Response, Script
from nanotyped.testing.running import NodeRun, RejectedRow, run_node
from nanotyped.testing.tables import InMemoryTable, KeptRows

__all__ = [
    "CaseResult",
    "HttpApi",
    "InMemoryTable",
    "KeptRows",
    "NodeRun",
    "RejectedRow",
    "Request",
    "Response",
    "Script",
    "assert_rows",
    "compare_rows",
    "run_case",
    "run_cases",
    "run_node",
]
