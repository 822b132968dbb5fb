"""The worker: threads for `def`, one loop for `async def`, what functions receive, and what is counted."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import azure.functions as func
import azurefunctions.extensions.bindings.blob as blob
import pytest
from azure.functions.meta import Datum

from local.functions_host.app_loader import AppFunction
from local.functions_host.worker import BlobReference, FunctionTimeoutError, Worker, thread_count

TEXT = Datum("hello", "string")


def function(
    handler: Callable[..., Any], annotation: Any = str, kind: str = "queueTrigger", **more: bool
) -> AppFunction:
    options = {"is_async": False, "wants_context": False} | more
    return AppFunction(handler.__name__, {"type": kind, "name": "value"}, handler, "value", annotation, **options)


@pytest.fixture
def make_worker() -> Iterator[Callable[..., Worker]]:
    workers: list[Worker] = []

    def make(*functions: AppFunction, threads: int = 4, timeout_s: float | None = None) -> Worker:
        workers.append(Worker(functions, threads, Path("/app"), timeout_s))
        return workers[-1]

    yield make
    for worker in workers:
        worker.close()


MakeWorker = Callable[..., Worker]


def test_setting_limits_threads() -> None:
    assert thread_count({"PYTHON_THREADPOOL_THREAD_COUNT": "64"}) == 64
    assert 5 <= thread_count({}) <= 32


@pytest.mark.parametrize("text", ["0", "-1", "many", ""])
def test_zero_threads_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        thread_count({"PYTHON_THREADPOOL_THREAD_COUNT": text})


def test_def_functions_use_all_threads(make_worker: MakeWorker) -> None:
    """They run side by side up to the number of threads."""
    # The barrier opens only if all four are inside at once; a fifth would wait for a thread.
    inside = threading.Barrier(4, timeout=60)

    def meet(value: str) -> None:
        inside.wait()

    meeting = function(meet)
    worker = make_worker(meeting, threads=4)
    with ThreadPoolExecutor(8) as callers:
        for run in [callers.submit(worker.run, meeting, TEXT, {}) for _ in range(8)]:
            run.result(timeout=60)

    assert worker.counters["meet"].runs == 8


def test_async_functions_need_no_thread(make_worker: MakeWorker) -> None:
    """They share one loop."""
    import asyncio

    seen: list[tuple[str, int]] = []
    arrived: list[asyncio.Event] = []

    async def meet(value: str) -> None:
        seen.append((value, threading.get_ident()))
        arrived.append(asyncio.Event())
        if len(arrived) == 6:
            for event in arrived:
                event.set()
        await arrived[len(seen) - 1].wait()

    meeting = function(meet, is_async=True)
    worker = make_worker(meeting, threads=1)
    with ThreadPoolExecutor(6) as callers:
        for run in [callers.submit(worker.run, meeting, TEXT, {}) for _ in range(6)]:
            run.result(timeout=60)

    assert len({thread for _, thread in seen}) == 1


def test_str_and_bytes_get_raw_content(make_worker: MakeWorker) -> None:
    seen: list[object] = []

    def take(value: object) -> None:
        seen.append(value)

    as_text, as_bytes = function(take), function(take, bytes)
    worker = make_worker(as_text)
    worker.run(as_text, TEXT, {})
    worker.run(as_bytes, Datum(b"hello", "bytes"), {})

    assert seen == ["hello", b"hello"]


def test_sdk_type_is_built_from_connection(make_worker: MakeWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("Docs", "UseDevelopmentStorage=true")
    seen: list[Any] = []

    def take(value: Any) -> None:
        seen.append(value)

    submit = function(take, blob.BlobClient, "blobTrigger")
    make_worker(submit).run(submit, BlobReference("Docs", "in", "a/b ü.txt"), {})

    assert (seen[0].container_name, seen[0].blob_name) == ("in", "a/b ü.txt")
    assert seen[0].url.startswith("http://127.0.0.1:10000/devstoreaccount1/in/")


def test_missing_connection_fails_run(make_worker: MakeWorker) -> None:
    submit = function(lambda value: None, blob.BlobClient, "blobTrigger")
    worker = make_worker(submit)

    with pytest.raises(ValueError, match="Missing does not exist"):
        worker.run(submit, BlobReference("Missing", "in", "a"), {})
    assert worker.counters[submit.name].failures == 1


def test_each_run_has_its_context(make_worker: MakeWorker) -> None:
    contexts: list[func.Context] = []

    def take(value: str, context: func.Context) -> None:
        contexts.append(context)
        assert context.thread_local_storage.invocation_id == context.invocation_id

    asking = function(take, wants_context=True)
    worker = make_worker(asking)
    worker.run(asking, TEXT, {})
    worker.run(asking, TEXT, {})

    assert [context.function_name for context in contexts] == ["take", "take"]
    assert contexts[0].invocation_id != contexts[1].invocation_id
    assert contexts[0].trace_context.trace_parent.startswith("00-")
    assert contexts[0].function_directory == "/app"


def test_failure_is_raised_and_logged(make_worker: MakeWorker, caplog: pytest.LogCaptureFixture) -> None:
    def fail(value: str) -> None:
        raise RuntimeError("meant to fail")

    failing = function(fail)
    worker = make_worker(failing)
    with pytest.raises(RuntimeError, match="meant to fail"):
        worker.run(failing, TEXT, {})

    counters = worker.counters["fail"]
    assert (counters.runs, counters.failures, counters.running) == (1, 1, 0)
    assert counters.held_s > 0
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "fail" in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[2] is not None
    assert record.exc_info[2].tb_frame.f_code.co_name == "fail"


def test_functions_own_timeout_is_failure(make_worker: MakeWorker) -> None:
    def fail(value: str) -> None:
        raise TimeoutError("the service did not answer")

    failing = function(fail)
    worker = make_worker(failing, timeout_s=60)
    with pytest.raises(TimeoutError, match="did not answer"):
        worker.run(failing, TEXT, {})

    assert (worker.counters["fail"].failures, worker.counters["fail"].timeouts) == (1, 0)


def test_run_beyond_timeout_fails(make_worker: MakeWorker) -> None:
    """Its thread goes on."""
    release, ended = threading.Event(), threading.Event()

    def hang(value: str) -> None:
        release.wait(60)
        ended.set()

    hanging = function(hang)
    worker = make_worker(hanging, timeout_s=0.1)
    with pytest.raises(FunctionTimeoutError, match="'hang' ran longer than functionTimeout"):
        worker.run(hanging, TEXT, {})

    assert (worker.counters["hang"].failures, worker.counters["hang"].timeouts) == (1, 1)
    release.set()
    assert ended.wait(60)
