"""Drives `function_app.py` with Microsoft's own Python worker library, which installs on Python 3.13 and later only.

Run by `test_real_worker.py` in a virtual environment of its own, with the app settings in the environment and the
path of the app as the only argument: `python real_worker.py FOLDER`. It plays the host's part in the conversation (the
messages are plain objects: the library is given the message classes from outside), takes what the host would take
from the storage, and prints one JSON object: the functions that were indexed, and what each call came to.
"""

import asyncio
import base64
import contextlib
import json
import os
import sys
import time
import types
import uuid
from typing import Any

import azure_functions_runtime as worker
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueClient

DEADLINE_S = 60
DOCUMENT = "folder/first letter #1.txt"


class Message:
    """Stands for every protobuf message: keeps what it is given, and knows which alternative it carries."""

    Success, Failure = 1, 0

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)

    def WhichOneof(self, _group: str) -> str | None:
        return next((name for name, value in self.__dict__.items() if value is not None), None)


class Parameter(Message):
    """One argument of a call."""

    def WhichOneof(self, _group: str) -> str:
        return "data"


class BindingInfo(Message):
    """The directions of a binding, as the worker looks them up."""

    undefined, inout, out = 0, 2, 1
    Direction = types.SimpleNamespace(Value=lambda name: {"in": 0, "out": 1, "inout": 2}[name])


class Protos:
    """The namespace of message classes."""

    BindingInfo = BindingInfo

    def __getattr__(self, _name: str) -> type[Message]:
        return Message


setattr(BindingInfo, "in", 0)


def request(**fields: Any) -> Any:
    """Return a request envelope."""
    return types.SimpleNamespace(
        request=types.SimpleNamespace(**fields), properties={"host": "127.0.0.1", "protos": Protos()}
    )


def typed(kind: str, value: Any) -> Message:
    """Return one typed value."""
    return Message(**{kind: value})


async def call(function_id: str, parameter: str, data: Message, metadata: dict[str, Message]) -> str:
    """Call a function and return "ok" or its error."""
    invocation = types.SimpleNamespace(
        invocation_id=str(uuid.uuid4()),
        function_id=function_id,
        input_data=[Parameter(name=parameter, data=data)],
        trigger_metadata=metadata,
        trace_context=types.SimpleNamespace(trace_parent="", trace_state="", attributes={}),
        retry_context=types.SimpleNamespace(retry_count=0, max_retry_count=0, exception=None),
    )
    reply = await worker.invocation_request(request(invocation_request=invocation))
    if reply.result.status == Message.Success:
        return "ok"
    return f"{reply.result.exception.message}\n{reply.result.exception.stack_trace}"


def blob_parameter() -> Message:
    """Return what the host sends for a blob client: where the blob is, not what is in it."""
    content = {
        "Connection": "DocumentStorage",
        "ContainerName": os.environ.get("INPUT_CONTAINER", "documents"),
        "BlobName": DOCUMENT,
    }
    reference = types.SimpleNamespace(
        version="1.0",
        source="AzureStorageBlobs",
        content_type="application/json",
        content=json.dumps(content).encode(),
    )
    return typed("model_binding_data", reference)


def queue_metadata(message: Any) -> dict[str, Message]:
    """Return the trigger metadata of a queue message, each value typed as the host types it."""
    moment = typed("json", '"2026-11-23T10:00:00+00:00"')
    return {
        "Id": typed("string", message.id),
        "DequeueCount": typed("json", "1"),
        "PopReceipt": typed("string", message.pop_receipt),
        "InsertionTime": moment,
        "ExpirationTime": moment,
        "NextVisibleTime": moment,
    }


async def main(folder: str) -> None:
    """Index the app, drop a document, and drive it to its result."""
    worker.start_threadpool_executor()
    init = types.SimpleNamespace(capabilities={}, function_app_directory=folder)
    reply = await worker.worker_init_request(request(worker_init_request=init))
    if reply.result.status != Message.Success:
        raise SystemExit(reply.result.exception.message)
    indexed = (await worker.functions_metadata_request(request())).function_metadata_results
    ids = {function.name: function.function_id for function in indexed}

    connection = os.environ["DocumentStorage"]
    with BlobServiceClient.from_connection_string(connection) as blobs:
        intake, output = blobs.get_container_client("documents"), blobs.get_container_client("entities")
        if not intake.exists():
            intake.create_container()
        intake.upload_blob(DOCUMENT, sys.stdin.buffer.read(), overwrite=True)
        calls = {"submit": await call(ids["submit"], "client", blob_parameter(), {})}
        with QueueClient.from_connection_string(connection, "extraction-jobs") as queue:
            deadline = time.monotonic() + DEADLINE_S
            while time.monotonic() < deadline and not list(output.list_blobs()):
                await take_message(queue, ids["advance"], calls)
        if not list(output.list_blobs()):
            raise SystemExit(f"there is no result after {DEADLINE_S} s: {calls}")
        timer = typed("json", json.dumps({"Schedule": {}, "ScheduleStatus": None, "IsPastDue": False}))
        calls["sweep"] = await call(ids["sweep"], "timer", timer, {})
        calls["reconcile"] = await call(ids["reconcile"], "timer", timer, {})
        result = json.loads(output.download_blob(f"{DOCUMENT}.entities.json").readall())
    worker.stop_threadpool_executor()
    print(json.dumps({"functions": sorted(ids), "calls": calls, "entities": len(result["entities"])}))


async def take_message(queue: QueueClient, function_id: str, calls: dict[str, str]) -> None:
    """Give one message of the job queue to `advance`, as the host would."""
    message = queue.receive_message(visibility_timeout=30)
    if message is None:
        await asyncio.sleep(0.1)
        return
    body = base64.b64decode(message.content).decode()
    calls["advance"] = await call(function_id, "message", typed("string", body), queue_metadata(message))
    if calls["advance"] != "ok":
        raise SystemExit(calls["advance"])
    # The host ignores that the app has changed the message, or deleted it.
    with contextlib.suppress(HttpResponseError):
        queue.delete_message(message)


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    asyncio.run(main(sys.argv[1]))
