"""The host: builds the listeners of an app's functions, starts them, and stops them in the order that loses nothing."""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import re
import secrets
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
from azure.functions.meta import Datum
from starlette.types import ASGIApp

from local.functions_host import event_grid
from local.functions_host.app_loader import AppFunction
from local.functions_host.blob_path import BlobPath
from local.functions_host.blob_queue import (
    EVENT_GRID,
    SCAN,
    BlobFunction,
    BlobRunner,
    internal_queue_name,
)
from local.functions_host.blob_trigger import HOSTS_CONTAINER, SCANNER_SCOPE, Announcer, ContainerScanner
from local.functions_host.connections import HOST_CONNECTION, find_connection, resolve
from local.functions_host.easy_auth import EasyAuth, SignIn
from local.functions_host.errors import StartError, StorageError
from local.functions_host.host_json import HostOptions, HttpSection
from local.functions_host.http_face import HttpFace, bind, create_app
from local.functions_host.http_keys import FunctionKeys
from local.functions_host.http_pipeline import AddedHeaders, FrontEnd, Throttle
from local.functions_host.http_trigger import (
    BODY_LIMIT_BYTES,
    RESPONSE_TIMEOUT_S,
    HttpFunction,
    HttpFunctions,
    HttpOptions,
    registered,
)
from local.functions_host.queue_trigger import (
    MESSAGE_LEASE_S,
    QueueListener,
    decode_text,
    is_queue_name,
    poison_queue_name,
    queue_metadata,
)
from local.functions_host.singleton import Singleton
from local.functions_host.storage import BlobProperties, Queue, QueueMessage, StorageAccount
from local.functions_host.timer_trigger import Schedule, TimerListener, parse_schedule
from local.functions_host.worker import Worker, thread_count

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HostSettings:
    """What the command line decides. Times in seconds; `port` 0 takes a free one; `extension_key` empty: make one."""

    app: Path
    port: int = 0
    message_lease_s: float = MESSAGE_LEASE_S
    scan_interval_s: float = 1.0
    master_key: str | None = None
    extension_key: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    keys: FunctionKeys = field(default_factory=FunctionKeys)
    """Keys of the HTTP functions."""
    response_timeout_s: float = RESPONSE_TIMEOUT_S
    sign_in: SignIn | None = None
    """Who signs in through the imitation of App Service Authentication; None where there is none."""
    behind_front_end: bool = False
    """Whether host name and scheme are taken from a front end's headers, as in Azure."""

    @property
    def admin_key(self) -> str | None:
        """The master key, where one is asked for."""
        return self.master_key or (self.keys.master if self.keys.is_enforced else None)


def host_id(app: Path, settings: Mapping[str, str]) -> str:
    """Return the id that hosts of the same app share: the setting, or the machine's name and the folder's hash."""
    given = settings.get("AzureFunctionsWebHost__hostid", "")
    if given:
        return given.lower()
    machine = re.sub(r"[^a-z0-9]", "", platform.node().lower())[:16] or "local"
    digest = int.from_bytes(hashlib.sha256(str(app.resolve()).encode()).digest()[:4])
    return f"{machine}-{digest}"


@dataclass(frozen=True, slots=True)
class _QueueFunction:
    function: AppFunction
    queue: Queue
    poison: Queue | None


class QueueRunner:
    """Runs one queue function for the messages of its queue."""

    def __init__(self, target: _QueueFunction, worker: Worker, base64_encoded: bool) -> None:
        self._target = target
        self._worker = worker
        self._base64 = base64_encoded

    def run(self, message: QueueMessage) -> None:
        """Run the function; a text that cannot be decoded fails like a run, and ends on the poison queue as it came."""
        text = decode_text(message.text, self._base64)
        self.invoke(text, queue_metadata(message, text))

    def invoke(self, text: str, metadata: Mapping[str, Datum]) -> None:
        """Run the function for a decoded text."""
        as_bytes = self._target.function.annotation is bytes
        as_bytes |= str(self._target.function.trigger.get("dataType", "")).lower() == "binary"
        value = Datum(text.encode(), "bytes") if as_bytes else Datum(text, "string")
        self._worker.run(self._target.function, value, metadata)

    def poison_queue(self, message: QueueMessage) -> Queue | None:
        """Return the poison queue, the same for every message."""
        return self._target.poison


class Plan:
    """An app's functions with their triggers resolved; problems are collected, not raised one by one."""

    def __init__(self, functions: Sequence[AppFunction], settings: Mapping[str, str], route_prefix: str = "") -> None:
        self._settings = settings
        self._route_prefix = route_prefix
        self._accounts: dict[str, StorageAccount] = {}
        self.problems: list[str] = []
        self.blobs: list[BlobFunction] = []
        self.queues: list[_QueueFunction] = []
        self.timers: list[tuple[AppFunction, Schedule]] = []
        self.http: list[HttpFunction] = []
        readers = {
            "blobTrigger": self._blob,
            "queueTrigger": self._queue,
            "timerTrigger": self._timer,
            "httpTrigger": self._http,
        }
        for function in functions:
            try:
                readers[function.type](function)
            except ValueError as exc:
                self.problems.append(f"Function '{function.name}': {exc}.")

    def account(self, name: str) -> StorageAccount:
        """Return the storage account behind a connection's name; raises `ValueError` when settings are missing."""
        if name not in self._accounts:
            self._accounts[name] = StorageAccount(find_connection(name, self._settings))
        return self._accounts[name]

    def _connection(self, function: AppFunction) -> str:
        return resolve(str(function.trigger.get("connection") or HOST_CONNECTION), self._settings)

    def _blob(self, function: AppFunction) -> None:
        source = str(function.trigger.get("source") or SCAN)
        if source not in (SCAN, EVENT_GRID):
            raise ValueError(f"its source is '{source}'; it must be {SCAN} or {EVENT_GRID}")
        path = BlobPath.parse(resolve(str(function.trigger["path"]), self._settings))
        connection = self._connection(function)
        self.blobs.append(BlobFunction(function, path, connection, source, self.account(connection)))

    def _queue(self, function: AppFunction) -> None:
        name = resolve(str(function.trigger["queueName"]), self._settings).lower()
        if not is_queue_name(name):
            raise ValueError(f"'{name}' is not a queue's name; use 3 to 63 letters, digits and single dashes")
        account = self.account(self._connection(function))
        poison = poison_queue_name(name)
        self.queues.append(_QueueFunction(function, account.queue(name), account.queue(poison) if poison else None))

    def _timer(self, function: AppFunction) -> None:
        schedule = parse_schedule(resolve(str(function.trigger["schedule"]), self._settings))
        self.timers.append((function, schedule))

    def _http(self, function: AppFunction) -> None:
        self.http.append(HttpFunction.read(function, self._route_prefix))


class Host:
    """One running host. Several of them on one storage, with the same id, share the work."""

    def __init__(
        self,
        settings: HostSettings,
        options: HostOptions,
        functions: Sequence[AppFunction],
        environ: Mapping[str, str] = os.environ,
        listener: socket.socket | None = None,
    ) -> None:
        """Prepare everything; `listener` is a socket of `http_face.bind`, if the port had to be known before."""
        plan = Plan(functions, environ, options.http.route_prefix)
        try:
            storage = plan.account(HOST_CONNECTION)
            threads = thread_count(environ)
            body_limit = _body_limit(environ)
        except ValueError as exc:
            plan.problems.append(f"{exc}.")
        if plan.problems:
            raise StartError(plan.problems)
        self.id = host_id(settings.app, environ)
        self.settings = settings
        self._started = time.monotonic()
        self._worker = Worker(functions, threads, settings.app, options.function_timeout_s)
        self._blobs = {target.function.id: target for target in plan.blobs}
        self._blob_runner = BlobRunner(self._blobs, self._worker)
        self._blob_queue = storage.queue(internal_queue_name(self.id))
        self._hosts_container = storage.container(HOSTS_CONTAINER)
        self._blob_listener = QueueListener(
            self._blob_queue, options.blobs.queue_options(), self._blob_runner, settings.message_lease_s
        )
        announcer = Announcer(self.id, self._blob_queue, self._blob_listener.notify)
        self._blob_runner.changed = lambda target, container, blob, found: _announce_change(
            announcer, target, container, blob, found
        )
        self._queue_runners = {
            target.function.name: QueueRunner(target, self._worker, options.queues.base64) for target in plan.queues
        }
        self._queue_listeners = [
            QueueListener(
                target.queue, options.queues, self._queue_runners[target.function.name], settings.message_lease_s
            )
            for target in plan.queues
        ]
        self._timers = {
            function.name: TimerListener(function, schedule, self._worker, self._hosts_container, self.id)
            for function, schedule in plan.timers
        }
        self._singletons = [
            self._singleton(f"Host.Functions.{name}", timer.run) for name, timer in self._timers.items()
        ]
        scanned = [target for target in plan.blobs if target.source == SCAN]
        if scanned:
            scanner = ContainerScanner(self.id, scanned, announcer, settings.scan_interval_s)
            self._singletons.append(self._singleton(SCANNER_SCOPE, scanner.run))
        self._by_hand = ThreadPoolExecutor(8, thread_name_prefix="by-hand")
        self._http = HttpFace(self._web(plan.http, options.http, environ, body_limit), listener or bind(settings.port))

    def _web(
        self, functions: Sequence[HttpFunction], section: HttpSection, environ: Mapping[str, str], body_limit: int
    ) -> ASGIApp:
        kept, self._refused = registered(functions)
        for name, reason in self._refused.items():
            logger.error("Function '%s' is in error: %s. The others are served.", name, reason)
        has_homepage = environ.get("AzureWebJobsDisableHomepage", "").lower() not in ("true", "1")
        http_options = HttpOptions(self.settings.keys, body_limit, self.settings.response_timeout_s, has_homepage)
        served = HttpFunctions(kept, self._worker, http_options)
        app: ASGIApp = create_app(self, self.settings.extension_key, self.settings.admin_key, served)
        if self.settings.sign_in:
            app = EasyAuth(app, self.settings.sign_in)
        app = Throttle(AddedHeaders(app, section), section)
        return FrontEnd(app) if self.settings.behind_front_end else app

    @property
    def url(self) -> str:
        """Where the host answers."""
        return self._http.url

    @property
    def event_grid_functions(self) -> list[str]:
        """The ids of the functions that wait for Event Grid's events."""
        return [name for name, target in self._blobs.items() if target.source == EVENT_GRID]

    def start(self) -> None:
        """Start every listener; raises `StartError` when storage does not answer."""
        try:
            self._hosts_container.create()
            if self._blobs:
                self._blob_queue.create()
        except StorageError as exc:
            raise StartError([f"Storage does not answer as it should, is it running? {exc}."]) from exc
        for listener in self._listeners():
            listener.start()
        self._http.start()

    def stop(self) -> bool:
        """Stop listening, let running functions end, release locks; False when a timed-out run still holds a thread."""
        listeners = self._listeners()
        for listener in listeners:
            listener.stop()
        self._by_hand.shutdown()
        for listener in listeners:
            listener.join()
        self._http.stop()
        return self._worker.close()

    def receive_events(self, function_name: str, event_type: str, body: bytes) -> tuple[int, Any]:
        """Put the events of a webhook request on the internal queue; both names of a function are known."""
        target = self._blobs.get(function_name) or self._blobs.get(f"Host.Functions.{function_name}")
        if target is None:
            raise LookupError(f"No blob function is called '{function_name}'; send functionName=Host.Functions.<name>.")
        reply = event_grid.answer(event_type, target.function.id, body, target.account.connection.blob_url)
        for message in reply.messages:
            self._blob_queue.put_creating(message.to_text())
            self._blob_listener.notify()
        return reply.status, reply.body

    def run_by_hand(self, function_name: str, text: str) -> None:
        """Start a run in the background: a timer, a queue function with `text` as body, or `container/blob`."""
        if timer := self._timers.get(function_name):
            self._by_hand.submit(timer.fire_by_hand)
        elif runner := self._queue_runners.get(function_name):
            now = datetime.now(UTC)
            message = QueueMessage("by-hand", "", "", 1, now, now + timedelta(days=7), now)
            self._by_hand.submit(runner.invoke, text, queue_metadata(message, text))
        elif target := self._blobs.get(f"Host.Functions.{function_name}"):
            container, _, blob = text.partition("/")
            if not blob:
                raise ValueError(f"The input of '{function_name}' must be 'container/blob'; it is '{text}'.")
            try:
                properties = target.account.container(container).head(blob)
            except StorageError as exc:
                raise ValueError(f"The blob '{text}' cannot be read: {exc}.") from exc
            self._by_hand.submit(self._blob_runner.invoke, target, container, blob, properties)
        else:
            raise LookupError(f"No function is called '{function_name}'.")

    def status(self) -> dict[str, Any]:
        """Return what the host did and holds: counters per function, messages in work, memory and processor time."""
        counters = self._worker.counters
        in_flight = {listener.queue.name: listener.in_flight for listener in self._queue_listeners}
        if self._blobs:
            in_flight[self._blob_queue.name] = self._blob_listener.in_flight
        return {
            "id": self.id,
            "state": "Running",
            "uptimeSeconds": round(time.monotonic() - self._started, 3),
            "workerThreads": self._worker.threads,
            "functions": {
                name: {
                    "runs": each.runs,
                    "failures": each.failures,
                    "timeouts": each.timeouts,
                    "running": each.running,
                    "heldSeconds": round(each.held_s, 6),
                }
                for name, each in counters.items()
            },
            "functionsInError": dict(self._refused),
            "messagesInFlight": in_flight,
            "peakRssBytes": peak_rss_bytes(),
            "rssBytes": psutil.Process().memory_info().rss,
            "cpuSeconds": round(time.process_time(), 3),
        }

    def _listeners(self) -> list[QueueListener | Singleton]:
        return [*([self._blob_listener] if self._blobs else []), *self._queue_listeners, *self._singletons]

    def _singleton(self, scope: str, body: Any) -> Singleton:
        return Singleton(self._hosts_container, self.id, scope, body)


def _body_limit(environ: Mapping[str, str]) -> int:
    text = environ.get("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT", "")
    if not text:
        return BODY_LIMIT_BYTES
    if not text.isdigit():
        raise ValueError(f"FUNCTIONS_REQUEST_BODY_SIZE_LIMIT is '{text}'; it must be a number of bytes")
    return int(text)


def _announce_change(
    announcer: Announcer, target: BlobFunction, container: str, blob: str, found: BlobProperties
) -> None:
    announcer.announce(target, container, blob, found.etag, found.blob_type)


def peak_rss_bytes() -> int:
    """Return the most memory that this process has held, in bytes."""
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # macOS counts bytes, Linux KiB


def describe_webhooks(host: Host, code: str) -> str:
    """Return the webhook address of each Event Grid function, one a line, with `code` where its key belongs."""
    return "\n".join(
        f"{host.url}/runtime/webhooks/blobs?functionName={name}&code={code}" for name in host.event_grid_functions
    )
