"""Traces and metrics, seen by the in-memory exporters of the OpenTelemetry SDK."""

import logging
import re
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from typing import Any
from urllib.parse import unquote

import pytest
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from functions import telemetry
from functions.app import utcnow
from functions.core.jobs import JobMessage
from functions.language.auth import KeyAuth, TokenAuth
from functions.language.budget import RequestBudget
from functions.language.client import LanguageClient, default_session
from functions.redaction import QUIET_LOGGERS
from functions.settings import Settings
from functions.storage.azure_containers import AzureContainer
from functions.storage.azure_queues import AzureJobQueue
from functions.storage.clients import blob_service, queue
from functions.storage.job_queue import Receipt
from local.process import ROOT
from tests.support.world import SETTINGS, World, letter

EXPORTER = InMemorySpanExporter()
READER = InMemoryMetricReader()


@pytest.fixture(scope="module", autouse=True)
def sdk() -> Iterator[None]:
    """The SDK, as `configure` would set it up: once in a process, for metrics.

    Traces are of this module only: every other test of the process would write them, too, and a warning for each.
    """
    tracing = TracerProvider()
    tracing.add_span_processor(SimpleSpanProcessor(EXPORTER))
    measuring = MeterProvider([READER])
    metrics.set_meter_provider(measuring)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(telemetry, "_tracer", tracing.get_tracer("entity-drop"))
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


def test_trace_links_drop_and_result(world: World) -> None:
    """The submission, the requests to the service, each step and the written result are spans of one trace."""
    world.drop("letter.txt", letter(1))
    world.run()
    world.check_right("letter.txt")
    (submitted,) = spans("submit")
    names = ("POST submission", "advance", "GET first poll", "write result")
    assert [name for name in names if not spans(name)] == []
    assert {trace_id(span) for name in names for span in spans(name)} == {trace_id(submitted)}


def test_documents_in_one_job_keep_traces(world: World) -> None:
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


# --- nothing secret, even where everything fails and everything is logged ---

SIGNATURE = "c2VjcmV0U2lnbmF0dXJl%2BabcDEF%3D"
ACCOUNT_KEY = "c2VjcmV0QWNjb3VudEtleQ=="
KEY = "s3cretLanguageKey0123456789abcdef"
TOKEN = "eyJ0eXAiOiJKV1Qi.s3cretToken"
REFUSAL = (
    '<?xml version="1.0"?><Error><Code>AuthenticationFailed</Code><Message>Server failed to authenticate.</Message>'
    "<AuthenticationErrorDetail>The MAC signature found in the HTTP request '{0}' is not the same as any computed "
    "signature. It was sent to {1}.</AuthenticationErrorDetail></Error>"
)


class Refusing(BaseHTTPRequestHandler):
    """Answers every request as a storage account that refuses it would, quoting what it was sent."""

    status = 403

    def do_GET(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        signature = self.headers.get("Authorization", "").rpartition(":")[2]
        body = REFUSAL.format(signature, self.path.replace("&", "&amp;")).encode()
        self.send_response(self.status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("x-ms-error-code", "AuthenticationFailed")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET

    def log_message(self, *_: object) -> None:
        pass


class Failing(Refusing):
    status = 500


class HangingUp(Refusing):
    def do_GET(self) -> None:
        self.close_connection = True

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET


@pytest.fixture
def everything_logged() -> Iterator[StringIO]:
    """The app's logs with every logger at DEBUG, those that the app quietens as well."""
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    factory = logging.getLogRecordFactory()
    telemetry.configure({})
    loggers = [logging.getLogger(), *map(logging.getLogger, [*logging.root.manager.loggerDict, *QUIET_LOGGERS])]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    logging.getLogger().addHandler(handler)
    yield stream
    logging.getLogger().removeHandler(handler)
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    logging.setLogRecordFactory(factory)


@pytest.fixture(params=[None, Refusing, Failing, HangingUp], ids=["down", "refusing", "failing", "hanging up"])
def address(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param is None:
        yield "http://127.0.0.1:9"
        return
    server = ThreadingHTTPServer(("127.0.0.1", 0), request.param)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


CREDENTIALS = {
    "signature": f"SharedAccessSignature=sv=2022-11-02&ss=bq&srt=sco&sp=rwl&se=2030-01-01T00:00:00Z&sig={SIGNATURE}",
    "key": f"AccountName=account;AccountKey={ACCOUNT_KEY}",
}


@pytest.mark.parametrize("credentials", CREDENTIALS.values(), ids=CREDENTIALS.keys())
def test_no_secret_is_logged_or_traced(address: str, credentials: str, everything_logged: StringIO) -> None:
    """Each call of stores, queue and client fails within a span, and its exception is logged with the whole chain."""
    EXPORTER.clear()
    endpoints = f"BlobEndpoint={address}/account;QueueEndpoint={address}/account"
    read = Settings.from_env(
        {**SETTINGS, "DocumentStorage": f"{endpoints};{credentials}", "LANGUAGE_ENDPOINT": address, "LANGUAGE_KEY": KEY}
    )
    blobs, jobs = blob_service(read.storage), queue(read.storage, "jobs")
    for client in (blobs, jobs):
        client._config.retry_policy.total_retries = 0
    container, job_queue = AzureContainer(blobs.get_container_client("documents")), AzureJobQueue(jobs)
    message = JobMessage("j1", 1)
    budget = RequestBudget(1000, utcnow())
    languages = [
        LanguageClient(address, default_session(), auth, budget, utcnow)
        for auth in (KeyAuth(KEY), TokenAuth(lambda: TOKEN))
    ]
    calls: list[Callable[[], object]] = [
        lambda: container.read("a.txt"),
        lambda: container.get_properties("a.txt"),
        lambda: container.write("a.txt", b"x", if_absent=True),
        lambda: container.delete("a.txt", if_match='"0x1"'),
        lambda: list(container.list("a")),
        lambda: job_queue.send(message, 0),
        lambda: job_queue.resend(Receipt("1", "2"), message, 0),
        *(partial(language.submit, "name", ["text"]) for language in languages),
        *(partial(language.progress, f"{address}/language/analyze-text/jobs/1") for language in languages),
    ]
    raised: list[str] = []
    for call in calls:
        try:
            call()
        except Exception as error:
            # As it leaves the store, before a span or a log redacts it too.
            raised += traceback.format_exception(error)
        try:
            with telemetry.span("call"):
                logging.getLogger("functions").info("The outcome is %r.", call())
        except Exception:
            logging.getLogger("functions").exception("The call failed.")
    assert len(raised) >= 7, "every storage call fails"
    seen = (
        "".join(raised)
        + everything_logged.getvalue()
        + "".join(span.to_json() for span in EXPORTER.get_finished_spans())
    )
    assert "Traceback" in seen and "exception.stacktrace" in seen
    for secret in (SIGNATURE, unquote(SIGNATURE), ACCOUNT_KEY, KEY, TOKEN):
        assert secret not in seen
    assert not re.search(r"SharedKey account:|request '[A-Za-z0-9+/=]{20,}'|[?&]sig=(?!\[)", seen)


def test_operational_metrics_are_counted(world: World) -> None:
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


def test_no_connection_string_exports_nothing() -> None:
    """The app imports without the exporter; with no connection string there is nowhere to send anything."""
    code = (
        "import function_app, sys\n"
        "assert not [name for name in sys.modules if name.startswith(('azure.monitor', 'opentelemetry.sdk'))]"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=dict(SETTINGS), check=True)


def test_connection_string_sets_up_exporters() -> None:
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
