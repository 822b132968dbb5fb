"""Traces and metrics, seen by the in-memory exporters of the OpenTelemetry SDK."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from local.process import ROOT
from tests.world import SETTINGS, World, letter

EXPORTER = InMemorySpanExporter()
READER = InMemoryMetricReader()


@pytest.fixture(scope="module", autouse=True)
def sdk() -> Iterator[None]:
    """The SDK, as `configure` would set it up; it can be set up once in a process."""
    tracing = TracerProvider()
    tracing.add_span_processor(SimpleSpanProcessor(EXPORTER))
    trace.set_tracer_provider(tracing)
    measuring = MeterProvider([READER])
    metrics.set_meter_provider(measuring)
    yield
    tracing.shutdown()
    measuring.shutdown()


@pytest.fixture
def world() -> World:
    EXPORTER.clear()
    return World()


def spans(name: str) -> list[ReadableSpan]:
    return [span for span in EXPORTER.get_finished_spans() if span.name == name]


def trace_id(span: ReadableSpan) -> int:
    return span.get_span_context().trace_id  # type: ignore[union-attr]


def measured() -> dict[str, float]:
    """Return the sum (of a counter) or the last value (of a gauge) of each metric."""
    data: Any = READER.get_metrics_data()
    return {
        metric.name: sum(point.value for point in metric.data.data_points)
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }


def test_one_trace_leads_from_the_drop_to_the_result(world: World) -> None:
    """The submission, the requests to the service, each step and the written result are spans of one trace."""
    world.drop("letter.txt", letter(1))
    world.run()
    world.check_right("letter.txt")
    (submitted,) = spans("submit")
    names = ("POST submission", "advance", "GET poll", "write result")
    assert all(spans(name) for name in names)
    assert {trace_id(span) for name in names for span in spans(name)} == {trace_id(submitted)}


def test_documents_that_share_a_job_keep_their_own_traces(world: World) -> None:
    """Each result belongs to its own document's trace, and links to the step that wrote it."""
    names = [f"{number}.txt" for number in range(3)]
    for number, name in enumerate(names):
        world.drop(name, letter(number), announce=False)
    world.deliver_together(*names)
    world.run()
    world.check_right(*names)
    by_document = {span.attributes["document"]: trace_id(span) for span in spans("submit") if span.attributes}
    written = {span.attributes["document"]: trace_id(span) for span in spans("write result") if span.attributes}
    assert written == by_document
    assert len(set(written.values())) == 3
    steps = {span.get_span_context().span_id for span in spans("advance")}  # type: ignore[union-attr]
    assert all(span.links[0].context.span_id in steps for span in spans("write result"))


def test_no_document_text_is_traced(world: World) -> None:
    """Names and ids are on the spans; not a word of a document, and no key."""
    world.drop("letter.txt", letter(1))
    world.run()
    traced = " ".join(span.to_json() for span in EXPORTER.get_finished_spans())
    assert "letter.txt" in traced
    for secret in ("Miller", "Archer", "Ocp-Apim", "$1001"):
        assert secret not in traced


def test_the_numbers_an_operator_needs_are_counted(world: World) -> None:
    """Documents in, done and failed, requests, throttled requests, text records, and what waits and how long."""
    before = measured() if READER.get_metrics_data() else {}
    world.script("throttle-429", method="POST")
    world.drop("letter.txt", letter(1))
    world.drop("empty.txt", b"")
    world.step()
    world.step()
    world.clock.advance(40)
    world.sweep()
    waiting = measured()
    assert waiting["documents.waiting"] == 1
    assert waiting["documents.oldest_unfinished_seconds"] == 40
    world.run()
    after = measured()
    grown = {name: after[name] - before.get(name, 0) for name in after}
    assert grown["documents.in"] == 2
    assert grown["documents.done"] == 1
    assert grown["documents.failed"] == 1
    assert grown["service.throttled"] == 1
    assert grown["service.text_records"] == 1
    assert grown["service.requests"] == len(world.worker.wire.exchanges)


def test_without_a_connection_string_nothing_is_loaded_or_exported() -> None:
    """The app imports without the exporter; with no connection string there is nowhere to send anything."""
    code = (
        "import function_app, sys\n"
        "assert not [name for name in sys.modules if name.startswith(('azure.monitor', 'opentelemetry.sdk'))]"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=dict(SETTINGS), check=True)


def test_with_a_connection_string_the_exporters_are_set_up() -> None:
    """With a connection string (here of nobody) the app starts with the providers of the SDK in place."""
    code = (
        "import function_app\n"
        "from opentelemetry import metrics, trace\n"
        "for provider in (trace.get_tracer_provider(), metrics.get_meter_provider()):\n"
        "    print(type(provider).__module__, flush=True)\n"
        "import os; os._exit(0)"
    )
    nobody = "InstrumentationKey=00000000-0000-0000-0000-000000000000;IngestionEndpoint=http://127.0.0.1:9/"
    environment = {
        **SETTINGS,
        "APPLICATIONINSIGHTS_CONNECTION_STRING": nobody,
        "APPLICATIONINSIGHTS_AUTHENTICATION_STRING": "Authorization=AAD;ClientId=11111111-1111-1111-1111-111111111111",
        "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true",
    }
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["opentelemetry.sdk.trace", "opentelemetry.sdk.metrics._internal"]
