"""What a run has done so far as measurements for Prometheus, and an HTTP endpoint that hands them out."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import fields
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self

from nanotyped.errors import NanotypedError
from nanotyped.node import NodeReport

if TYPE_CHECKING:
    from types import TracebackType

    from nanotyped.engine.any_run import AnyRun

# Text format 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
POLL_S = 0.1
REQUEST_TIMEOUT_S = 5.0
# What a report counts, it counts in rows; a counter that it gets later is a measurement by itself.
_COUNTERS = tuple(field.name for field in fields(NodeReport) if field.type == "int")


class MetricsError(NanotypedError):
    """The endpoint of measurements cannot be opened."""


def render_metrics(run: AnyRun) -> str:
    """Return the measurements of a run in the text format of Prometheus; no value of a row is among them."""
    return "\n".join(_lines(run)) + "\n"


def _lines(run: AnyRun) -> Iterator[str]:
    report = run.report()
    nodes = list(zip(report.nodes, run.graph.nodes, strict=True))
    yield from _head("run_info", "gauge", "The run: its id, and the name of its pipeline.")
    yield _sample("run_info", 1, run=run.run_id, pipeline=run.pipeline_name or "")
    yield from _head("run_seconds", "gauge", "Seconds since the run began, until its end.")
    yield _sample("run_seconds", report.seconds)
    for name in _COUNTERS:
        yield from _head(f"{name}_rows_total", "counter", f"Rows that the node has {name}.")
        for node, _ in nodes:
            yield _sample(f"{name}_rows_total", getattr(node, name), node=node.name, **{"class": node.class_name})
    yield from _head("queue_rows", "gauge", "Rows that wait on the inputs of the node.")
    for node, origin in nodes:
        yield _sample("queue_rows", run.rows_waiting(origin), node=node.name)
    yield from _head("node_status", "gauge", "1 for the status that the node is in.")
    for node, _ in nodes:
        yield _sample("node_status", 1, node=node.name, status=node.status)
    yield from _head(
        "oldest_unacknowledged_seconds",
        "gauge",
        "For how long rows of the source have been on their way, at most, and are not dealt with.",
    )
    for node, origin in nodes:
        oldest_s = run.oldest_s(origin)
        if oldest_s is not None:
            yield _sample("oldest_unacknowledged_seconds", round(oldest_s, 3), node=node.name)
    lag_s = run.checkpoint_lag_s
    if lag_s is not None:
        yield from _head("checkpoint_lag_seconds", "gauge", "For how long what was dealt with is in no checkpoint.")
        yield _sample("checkpoint_lag_seconds", round(lag_s, 3))


def _head(name: str, kind: str, text: str) -> Iterator[str]:
    yield f"# HELP nanotyped_{name} {text}"
    yield f"# TYPE nanotyped_{name} {kind}"


def _sample(name: str, value: float, **labels: str) -> str:
    inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
    return f"nanotyped_{name}{{{inside}}} {value}" if inside else f"nanotyped_{name} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


class MetricsServer:
    """Answers ``GET /metrics`` with the measurements of a run while its block runs. A context manager.

    Args:
        run: The run.
        host: Where it listens; on this machine alone unless another address is given. There is no password.
        port: The port; 0 for a free one.

    Raises:
        MetricsError: If it cannot listen there.
    """

    def __init__(self, run: AnyRun, host: str, port: int) -> None:
        try:
            self._server = _Server((host, port), run)
        except OSError as error:
            raise MetricsError(f"--metrics cannot listen on {host}:{port}: {error.strerror or error}") from error
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(POLL_S,), name="nanotyped-metrics", daemon=True
        )

    @property
    def url(self) -> str:
        """Where the measurements are."""
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}/metrics"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], run: AnyRun) -> None:
        self.run = run
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that goes away is no matter of the run."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = REQUEST_TIMEOUT_S

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != "/metrics":
            self.send_error(404, explain="the measurements are at /metrics")
            return
        body = render_metrics(self.server.run).encode()
        self.send_response(200)
        self.send_header("Content-Type", CONTENT_TYPE)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named by the base class
        """Write nothing: stderr is the run's."""
