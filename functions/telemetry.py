"""Traces and metrics: one trace from the drop of a document to its result, and the numbers an operator needs.

Everything goes through the OpenTelemetry API, which does nothing until an SDK is configured. `configure` does that
where a connection string of Application Insights is set; without one nothing is exported and nothing is loaded.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import context, metrics, trace
from opentelemetry.trace import Link, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from .identity import credential
from .redaction import protect_logs, redacted_errors

_SCOPE = "entity-drop"
_TRACE_PARENT = "traceparent"

_tracer = trace.get_tracer(_SCOPE)
_meter = metrics.get_meter(_SCOPE)
_propagator = TraceContextTextMapPropagator()

documents_in = _meter.create_counter("documents.in", "{document}", "Document versions that a job took on")
documents_done = _meter.create_counter("documents.done", "{document}", "Documents that have their entities")
documents_failed = _meter.create_counter("documents.failed", "{document}", "Documents that ended in an error report")
documents_waiting = _meter.create_gauge(
    "documents.waiting", "{document}", "Documents in active jobs, at the last sweep"
)
oldest_unfinished = _meter.create_gauge(
    "documents.oldest_unfinished_seconds", "s", "Age of the oldest active job, at the last sweep"
)
service_requests = _meter.create_counter("service.requests", "{request}", "Requests sent to the Language service")
service_throttled = _meter.create_counter("service.throttled", "{request}", "Requests that the service throttled")
reading_requests = _meter.create_counter("reading.requests", "{request}", "Requests sent to Document Intelligence")
reading_throttled = _meter.create_counter("reading.throttled", "{request}", "Requests that it throttled")
days_to_expiry = _meter.create_gauge(
    "service.days_to_expiry", "d", "Days until a deployment expires, by deployment and resource"
)
text_records = _meter.create_counter("service.text_records", "{record}", "Text records of finished documents")


def configure(environ: Mapping[str, str]) -> None:
    """Export to Application Insights, if APPLICATIONINSIGHTS_CONNECTION_STRING is set.

    With APPLICATIONINSIGHTS_AUTHENTICATION_STRING (`Authorization=AAD;ClientId=…`) the app's identity is used. Whether
    or not anything is exported, secrets are kept out of this process's logs from now on.
    """
    protect_logs()
    connection_string = environ.get("APPLICATIONINSIGHTS_CONNECTION_STRING", "").strip()
    if not connection_string:
        return
    # Imported here: it takes longer to load than the rest of the app.
    from azure.monitor.opentelemetry import configure_azure_monitor

    authentication = environ.get("APPLICATIONINSIGHTS_AUTHENTICATION_STRING", "")
    parts = dict(part.split("=", 1) for part in authentication.split(";") if "=" in part)
    ingestion = next((part for part in connection_string.split(";") if part.startswith("IngestionEndpoint=")), "")
    uses_identity = parts.get("Authorization") == "AAD"
    configure_azure_monitor(
        connection_string=connection_string,
        credential=credential(parts.get("ClientId"), ingestion.partition("=")[2]) if uses_identity else None,
        logger_name="functions",
        instrumentation_options={
            # The app makes its own spans; a span for each storage call would cost more than it tells.
            name: {"enabled": False}
            for name in ("azure_sdk", "django", "fastapi", "flask", "psycopg2", "requests", "urllib", "urllib3")
        },
    )


@contextmanager
def span(
    name: str,
    *,
    parent: str | None = None,
    links: Iterable[str | None] = (),
    kind: SpanKind = SpanKind.INTERNAL,
    **attributes: str | int,
) -> Iterator[trace.Span]:
    """Record what happens inside as a span: under `parent`, else under the current one; an error is noted on it.

    `parent` and `links` are W3C `traceparent` values, as `trace_parent` returns them.
    """
    linked = [Link(trace.get_current_span(_extract(link)).get_span_context()) for link in links if link]
    under = _extract(parent) if parent else context.get_current()
    # The error is redacted first: the span takes over its text, its chain included, as events and as its status.
    with _tracer.start_as_current_span(name, under, kind, attributes, linked) as current, redacted_errors():
        yield current


def trace_parent() -> str | None:
    """Return the current span as a `traceparent` value, to be kept in a record; None where nothing is traced."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get(_TRACE_PARENT)


def _extract(parent: str) -> context.Context:
    return _propagator.extract({_TRACE_PARENT: parent}, context.Context())
