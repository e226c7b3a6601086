"""A run as spans of OpenTelemetry: one of the run, and one of each node. Needs the extra ``nanotyped[otel]``.

The spans are made at the end, of what is counted anyway, so that a traced run is as fast as any other. Nothing in them
is out of a row.
"""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from nanotyped.errors import MissingExtraError, NanotypedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SpanExporter

    from nanotyped.engine.run import Run
    from nanotyped.engine.worker import Worker

SERVICE_NAME = "nanotyped"
NANOSECONDS_PER_S = 1_000_000_000
_PROTOCOL = "http/protobuf"
_EXPORTERS = ("otlp", "console", "none")
_COUNTS = ("emitted", "received", "processed", "filtered", "sent", "rejected", "skipped", "dead", "retried")


class TracingError(NanotypedError):
    """The environment asks for a way of exporting spans that there is not."""


def make_provider(environment: Mapping[str, str] | None = None) -> TracerProvider:
    """Return what exports spans as the standard variables ``OTEL_*`` say: by OTLP over HTTP, unless they say otherwise.

    Args:
        environment: By default that of the process, which the exporter itself reads in any case.

    Raises:
        MissingExtraError: If the extra is not installed.
        TracingError: If the variables ask for an exporter that is none of otlp, console and none, or for gRPC.
    """
    given = os.environ if environment is None else environment
    try:
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - of an extra, which few need
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - as above
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - as above

        exporter = _make_exporter(given)
    except ImportError as error:
        raise MissingExtraError("opentelemetry-sdk", "otel") from error
    named = given.get("OTEL_SERVICE_NAME") or "service.name=" in given.get("OTEL_RESOURCE_ATTRIBUTES", "")
    provider = TracerProvider(
        resource=Resource.create({} if named else {"service.name": SERVICE_NAME}), shutdown_on_exit=False
    )
    if exporter is not None:
        provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def _make_exporter(environment: Mapping[str, str]) -> SpanExporter | None:
    name = environment.get("OTEL_TRACES_EXPORTER") or "otlp"
    if name == "none":
        return None
    if name == "console":
        from opentelemetry.sdk.trace.export import ConsoleSpanExporter  # noqa: PLC0415 - of an extra

        return ConsoleSpanExporter(out=sys.stderr)  # stdout belongs to the nodes
    if name != "otlp":
        raise TracingError(f"OTEL_TRACES_EXPORTER is `{name}`, and may be one of {', '.join(_EXPORTERS)}")
    names = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
    protocol = next(filter(None, map(environment.get, names)), _PROTOCOL)
    if protocol != _PROTOCOL:
        raise TracingError(f"OTEL_EXPORTER_OTLP_PROTOCOL is `{protocol}`, and spans are sent by `{_PROTOCOL}` alone")
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - of an extra

    return OTLPSpanExporter()


def trace_run(run: Run, provider: TracerProvider, failure: BaseException | None = None) -> None:
    """Make the spans of a run that has ended. ``TRACEPARENT``, where it is set, is what it was a part of.

    Args:
        run: The run.
        provider: Exports them.
        failure: What ended it before its time; its class is told, and no text of it.
    """
    from opentelemetry import trace  # noqa: PLC0415 - of an extra
    from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415 - as above
    from opentelemetry.trace.propagation.tracecontext import (  # noqa: PLC0415 - as above
        TraceContextTextMapPropagator,
    )

    tracer = provider.get_tracer("nanotyped")
    around = TraceContextTextMapPropagator().extract(
        {name.lower(): os.environ[name] for name in ("TRACEPARENT", "TRACESTATE") if name in os.environ}
    )
    report = run.report()
    began = _nanoseconds(run.began_at)
    attributes = {"nanotyped.run": run.run_id, "nanotyped.pipeline": run.pipeline_name or ""}
    root = tracer.start_span(f"run {run.pipeline_name or 'pipeline'}", around, attributes=attributes, start_time=began)
    if failure is not None:
        root.set_attribute("error.type", type(failure).__name__)
        root.set_status(Status(StatusCode.ERROR, type(failure).__name__))
    inside = trace.set_span_in_context(root)
    for worker in run.workers:
        start, end = _times(run, worker, began)
        span = tracer.start_span(worker.node.label, inside, attributes=_attributes(worker), start_time=start)
        if worker.statistics.status == "error":
            span.set_status(Status(StatusCode.ERROR))
        span.end(end)
    root.end(began + round(report.seconds * NANOSECONDS_PER_S))


def _times(run: Run, worker: Worker, began: int) -> tuple[int, int]:
    """Return when a node began and ended; of one that never began, or was left behind, the bounds of its run."""
    counted = worker.statistics
    offset_s = 0.0 if counted.started_at is None else max(0.0, counted.started_at - run.started_at)
    start = began + round(offset_s * NANOSECONDS_PER_S)
    return start, start + round((counted.seconds or 0.0) * NANOSECONDS_PER_S)


def _attributes(worker: Worker) -> dict[str, Any]:
    told = worker.report()
    counts = {f"nanotyped.rows.{name}": getattr(told, name) for name in _COUNTS}
    return {
        "nanotyped.node": told.name,
        "nanotyped.node.class": told.class_name,
        "nanotyped.status": told.status,
        **counts,
    }


def _nanoseconds(moment: datetime) -> int:
    past = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (past.days * 86_400 + past.seconds) * NANOSECONDS_PER_S + past.microseconds * 1000
