"""Runs functions as the Python worker does: a thread pool for `def`, one event loop for `async def`.

Rules: azure-functions-python-worker 4.34 `dispatcher.py` and azure_functions_runtime 1.3.0 `utils/executor.py`,
`bindings/`: the thread count, the generic binding for `str` and `bytes`, the libraries' own converters for the rest.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import json
import logging
import os
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Any

import azure.functions as func
from azure.functions.meta import Datum, get_binding_registry
from azurefunctions.extensions import base

from local.functions_host.app_loader import AppFunction

logger = logging.getLogger(__name__)

_FUTURES_FOLDER = str(Path(concurrent.futures.__file__).parent)


class FunctionTimeoutError(Exception):
    """A run took longer than `functionTimeout` of host.json; its thread goes on and cannot be stopped."""


@dataclass(slots=True)
class RunCounters:
    """What one function did since the host started. `held_s`: how long its runs held a worker thread, in sum."""

    runs: int = 0
    failures: int = 0
    timeouts: int = 0
    running: int = 0
    held_s: float = 0.0


@dataclass(frozen=True, slots=True)
class BlobReference:
    """A blob as an SDK-type binding gets it: the connection's NAME, not its value, as Python expects."""

    connection: str
    container: str
    blob: str

    def datum(self) -> base.Datum:
        """Return the host's model binding data for this blob."""
        content = {"Connection": self.connection, "ContainerName": self.container, "BlobName": self.blob}
        data = SimpleNamespace(
            version="1.0",
            source="AzureStorageBlobs",
            content_type="application/json",
            content=json.dumps(content).encode(),
        )
        return base.Datum(data, "model_binding_data")


def thread_count(settings: Mapping[str, str]) -> int:
    """Return the threads for `def` functions; raises `ValueError` for a setting that is no number from 1."""
    text = settings.get("PYTHON_THREADPOOL_THREAD_COUNT")
    if text is None:
        return min(32, (os.cpu_count() or 1) + 4)
    if not text.isdigit() or int(text) < 1:
        raise ValueError(f"PYTHON_THREADPOOL_THREAD_COUNT is '{text}'; it must be a whole number of at least 1")
    return int(text)


class Worker:
    """Runs the functions of one app, and counts."""

    def __init__(
        self, functions: Sequence[AppFunction], threads: int, folder: Path, timeout_s: float | None = None
    ) -> None:
        self.counters = {function.name: RunCounters() for function in functions}
        self.threads = threads
        self._folder = folder
        self._timeout_s = timeout_s
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="function")
        self._lock = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._loop_thread = threading.Thread(target=self._loop.run_forever, name="function-loop", daemon=True)
        self._loop_thread.start()

    def run(self, function: AppFunction, value: Datum | BlobReference, metadata: Mapping[str, Datum]) -> None:
        """Run the function once and wait for its end; raises what it raised, or `FunctionTimeoutError`."""
        with self._counted(function):
            future = self._start(function, self._arguments(function, value, metadata))
            if not wait([future], self._timeout_s).done:
                raise self._overdue(function)
            future.result()

    async def call(self, function: AppFunction, value: Datum, metadata: Mapping[str, Datum]) -> Any:
        """Run the function once, hold no thread meanwhile, and return what it returned; raises as `run` does."""
        with self._counted(function):
            future = self._start(function, self._arguments(function, value, metadata))
            waiting = asyncio.wrap_future(future)
            done, _ = await asyncio.wait([waiting], timeout=self._timeout_s)
            if not done:
                waiting.add_done_callback(lambda late: late.cancelled() or late.exception())
                raise self._overdue(function)
            return waiting.result()

    def _overdue(self, function: AppFunction) -> FunctionTimeoutError:
        return FunctionTimeoutError(f"'{function.name}' ran longer than functionTimeout, {self._timeout_s} s")

    @contextlib.contextmanager
    def _counted(self, function: AppFunction) -> Iterator[None]:
        counters = self.counters[function.name]
        with self._lock:
            counters.runs += 1
            counters.running += 1
        try:
            yield
        except FunctionTimeoutError:
            self._count_failure(counters, timeout=True)
            logger.error(
                "Function '%s' ran longer than functionTimeout, %s s. The real host restarts the worker now; here the "
                "run counts as failed and its thread goes on.",
                function.name,
                self._timeout_s,
            )
            raise
        except Exception as exc:
            self._count_failure(counters)
            logger.error("Function '%s' failed.", function.name, exc_info=(type(exc), exc, _app_frames(exc)))
            raise
        finally:
            with self._lock:
                counters.running -= 1

    def close(self) -> bool:
        """Wait for nothing more to run; False when a timed-out run still holds its thread."""
        stuck = any(counters.timeouts for counters in self.counters.values())
        self._pool.shutdown(wait=not stuck)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._loop_thread.join(timeout=5)
        if not self._loop_thread.is_alive():
            self._loop.close()
        return not stuck

    def _start(self, function: AppFunction, arguments: dict[str, Any]) -> Future[Any]:
        if function.is_async:
            return asyncio.run_coroutine_threadsafe(self._await(function, arguments), self._loop)
        return self._pool.submit(self._call, function, arguments)

    def _call(self, function: AppFunction, arguments: dict[str, Any]) -> Any:
        with self._held(function):
            _set_invocation(arguments)
            return function.handler(**arguments)

    async def _await(self, function: AppFunction, arguments: dict[str, Any]) -> Any:
        with self._held(function):
            _set_invocation(arguments)
            return await function.handler(**arguments)

    @contextlib.contextmanager
    def _held(self, function: AppFunction) -> Iterator[None]:
        started = time.monotonic()
        try:
            yield
        finally:
            with self._lock:
                self.counters[function.name].held_s += time.monotonic() - started

    def _count_failure(self, counters: RunCounters, timeout: bool = False) -> None:
        with self._lock:
            counters.failures += 1
            counters.timeouts += timeout

    def _arguments(
        self, function: AppFunction, value: Datum | BlobReference, metadata: Mapping[str, Datum]
    ) -> dict[str, Any]:
        arguments = {function.parameter: _decode(function, value, metadata)}
        if function.wants_context:
            arguments["context"] = InvocationContext(function.name, str(self._folder))
        return arguments


def _decode(function: AppFunction, value: Datum | BlobReference, metadata: Mapping[str, Datum]) -> Any:
    if isinstance(value, BlobReference):
        converter = base.get_binding_registry().get(function.type)
        return converter.decode(value.datum(), trigger_metadata=metadata, pytype=function.annotation)
    if function.annotation in (str, bytes):
        return value.value
    converter = get_binding_registry().get(function.type)
    return converter.decode(value, trigger_metadata=metadata)


@dataclass(frozen=True, slots=True)
class TraceContext:
    """The trace of one run; nothing outside this host has begun it."""

    trace_parent: str
    trace_state: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


class InvocationContext(func.Context):
    """What a function sees of its run when it asks for `context`."""

    def __init__(self, function_name: str, function_directory: str) -> None:
        self._invocation_id = str(uuid.uuid4())
        self._function_name = function_name
        self._function_directory = function_directory
        # W3C trace context: version, trace id, parent id, flags (not sampled).
        self._trace = TraceContext(f"00-{uuid.UUID(self._invocation_id).hex}-{uuid.uuid4().hex[:16]}-00")

    @property
    def invocation_id(self) -> str:
        """The run's own id."""
        return self._invocation_id

    @property
    def thread_local_storage(self) -> Any:
        """Where the worker keeps the id of the run that a thread works on."""
        return _thread_local

    @property
    def function_name(self) -> str:
        return self._function_name

    @property
    def function_directory(self) -> str:
        """The app's folder."""
        return self._function_directory

    @property
    def trace_context(self) -> Any:
        """The run's trace, begun here."""
        return self._trace

    @property
    def retry_context(self) -> Any:
        """None: retry policies are not passed on by this host."""
        return None


_thread_local = threading.local()


def _app_frames(exc: BaseException) -> TracebackType | None:
    """Return the traceback from the app's first frame on; the frames of this file and the thread pool are left out."""
    frame = exc.__traceback__
    while frame and frame.tb_next and frame.tb_frame.f_code.co_filename.startswith((__file__, _FUTURES_FOLDER)):
        frame = frame.tb_next
    return frame


def _set_invocation(arguments: Mapping[str, Any]) -> None:
    if context := arguments.get("context"):
        _thread_local.invocation_id = context.invocation_id
