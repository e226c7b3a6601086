"""`run --trace`: spans of a run, as the SDK keeps them and as a receiver of OTLP gets them."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from nanotyped.engine.run import prepare_run
from nanotyped.engine.tracing import TracingError, make_provider, trace_run
from nanotyped.errors import NodeFailedError
from tests.support.flows import Given, Kept

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "sesame-4711"
PIPELINE = """\
pipeline_name: mill
nodes:
  read: {class: ReadRows, options: {path: in.csv, on_error: skip}, output_schema: {n: int, name: varchar(12)}}
  write: {class: WriteRows, options: {path: out.csv}}
paths: [[read, write]]
"""


def spans_of(source: Any, *, failure: bool = False) -> dict[str, Any]:
    """Run a pipeline and return its spans by name."""
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    run = prepare_run(source, "mill")
    run.start()
    if failure:
        with pytest.raises(NodeFailedError) as caught:
            run.wait(30)
        trace_run(run, provider, caught.value.__cause__)
    else:
        run.wait(30)
        trace_run(run, provider)
    provider.shutdown()
    found = exporter.get_finished_spans()
    assert SECRET not in "".join(span.to_json() for span in found)
    return {span.name: span for span in found}


def test_a_run_is_a_span_and_each_node_one_inside_it() -> None:
    """They have the counts of the report and the times of the run; a node lies within its run."""
    source, kept = (
        Given([(1, SECRET), (2, SECRET)], {"n": "int", "name": "varchar(20)"}, name="give"),
        Kept(name="keep"),
    )
    _ = source > kept
    found = spans_of(source)
    assert {*found} == {"run mill", "give", "keep"}
    root, give, keep = found["run mill"], found["give"], found["keep"]
    assert root.parent is None
    assert give.parent.span_id == keep.parent.span_id == root.context.span_id
    assert (give.attributes["nanotyped.rows.emitted"], keep.attributes["nanotyped.rows.received"]) == (2, 2)
    assert (keep.attributes["nanotyped.node.class"], keep.attributes["nanotyped.status"]) == ("Kept", "success")
    assert root.attributes["nanotyped.pipeline"] == "mill"
    assert root.status.is_ok or root.status.is_unset
    for span in (give, keep):
        assert root.start_time <= span.start_time <= span.end_time <= root.end_time + 2_000_000


def test_a_failure_is_told_by_its_class_alone() -> None:
    """The text of an error may quote a row: the span has its class."""
    source = Given([(SECRET,)], {"n": "int"}, name="give")
    _ = source > Kept(name="keep")
    found = spans_of(source, failure=True)
    assert not found["run mill"].status.is_ok
    assert found["run mill"].attributes["error.type"] == found["run mill"].status.description == "RowValidationError"
    assert not found["give"].status.is_unset


def test_a_run_is_part_of_what_started_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """`TRACEPARENT`, as schedulers set it, is the parent of the run."""
    monkeypatch.setenv("TRACEPARENT", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    source = Given([(1,)], {"n": "int"}, name="give")
    _ = source > Kept(name="keep")
    root = spans_of(source)["run mill"]
    assert f"{root.context.trace_id:032x}" == "0af7651916cd43dd8448eb211c80319c"
    assert f"{root.parent.span_id:016x}" == "b7ad6b7169203331"


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("OTEL_TRACES_EXPORTER", "zipkin", "is `zipkin`, and may be one of otlp, console, none"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "is `grpc`, and spans are sent by `http/protobuf` alone"),
    ],
)
def test_a_way_that_there_is_not_is_refused(name: str, value: str, problem: str) -> None:
    """What the variables ask for is not silently another."""
    with pytest.raises(TracingError) as caught:
        make_provider({name: value})
    assert str(caught.value) == f"{name} {problem}"


# -- by the program ---------------------------------------------------------------------


@contextmanager
def receiver() -> Iterator[tuple[str, list[ExportTraceServiceRequest]]]:
    """Take spans by OTLP over HTTP while the block runs; give where, and what came."""
    came: list[ExportTraceServiceRequest] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            came.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - named by the base class
            """Write nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", came
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def program(folder: Path, code: str = "pass", **environment: str) -> tuple[int, str]:
    """Return the exit status of a traced run, and what it wrote to stderr."""
    (folder / "in.csv").write_text(f"n,name\n1,{SECRET}\nx,{SECRET}\n")
    (folder / "p.yaml").write_text(PIPELINE)
    start = f"import sys; {code}; from nanotyped.cli import main; sys.exit(main(['run', 'p.yaml', '--trace']))"
    done = subprocess.run(
        [sys.executable, "-c", start],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


def test_spans_reach_a_receiver(tmp_path: Path) -> None:
    """The standard variables say where to, and what the service is called."""
    with receiver() as (url, came):
        status, err = program(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=url)
        assert status == 0, err
        assert program(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=url, OTEL_SERVICE_NAME="shop")[0] == 0
    assert SECRET.encode() not in b"".join(request.SerializeToString() for request in came)
    names = [
        attribute.value.string_value
        for request in came
        for attribute in request.resource_spans[0].resource.attributes
        if attribute.key == "service.name"
    ]
    assert names == ["nanotyped", "shop"]
    spans = {span.name: span for span in came[0].resource_spans[0].scope_spans[0].spans}
    counts = {attribute.key: attribute.value.int_value for attribute in spans["read"].attributes}
    assert {*spans} == {"run mill", "read", "write"}
    assert (counts["nanotyped.rows.sent"], counts["nanotyped.rows.skipped"]) == (1, 1)


def test_a_receiver_that_is_not_there_fails_no_run(tmp_path: Path) -> None:
    """The rows are delivered; that nobody took the spans is a line of the log."""
    status, err = program(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1", OTEL_EXPORTER_OTLP_TIMEOUT="1")
    assert status == 0, err
    assert (tmp_path / "out.csv").exists()
    assert "opentelemetry" in err


def test_without_the_extra_it_is_named(tmp_path: Path) -> None:
    """Nothing runs then."""
    status, err = program(tmp_path, "sys.modules['opentelemetry'] = None")
    reason = "opentelemetry-sdk is not installed; `pip install nanotyped[otel]` brings it"
    assert (status, err) == (2, f"nanotyped: --trace: {reason}\n")
    assert not (tmp_path / "out.csv").exists()
