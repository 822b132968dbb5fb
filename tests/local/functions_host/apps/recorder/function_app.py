"""One function per trigger: each writes to the container `SEEN` what it received; blobs say how to act on them."""

import json
import os
import time
import uuid

import azure.functions as func
import azurefunctions.extensions.bindings.blob as blob
from azure.storage.blob import BlobServiceClient

app = func.FunctionApp()


def note(run: str, **seen: object) -> None:
    """Write one blob per run, in a folder of the given name."""
    name = f"{run}/{uuid.uuid4()}.json"
    _seen().get_blob_client(name).upload_blob(json.dumps({"process": os.getpid(), **seen}))


def wait_for(count: int, folder: str) -> None:
    """Hold the thread until the container `SEEN` has that many blobs in the folder."""
    while sum(1 for _ in _seen().list_blob_names(name_starts_with=f"{folder}/")) < count:
        time.sleep(0.05)


def _seen():
    service = BlobServiceClient.from_connection_string(os.environ["DocumentStorage"])
    return service.get_container_client(os.environ["SEEN"])


@app.blob_trigger(arg_name="client", path="%INPUT%/{name}", connection="DocumentStorage")
def on_blob(client: blob.BlobClient) -> None:
    properties = client.get_blob_properties()
    behaviour = properties.metadata.get("behaviour")
    if behaviour == "fail":
        note("failed", name=client.blob_name)
        raise RuntimeError("this blob is meant to fail")
    if behaviour == "hold":
        note("started", name=client.blob_name)
        wait_for(1, "go")
    if behaviour == "meet":
        note("started", name=client.blob_name)
        wait_for(2, "started")
    content = client.download_blob().readall().decode()
    note("blobs", name=client.blob_name, etag=properties.etag, content=content)


@app.queue_trigger(arg_name="message", queue_name="%JOBS%", connection="DocumentStorage")
def on_message(message: func.QueueMessage) -> None:
    body = message.get_body().decode()
    note("messages", id=message.id, count=message.dequeue_count, body=body)
    if "fail" in body:
        raise RuntimeError("this message is meant to fail")


@app.queue_trigger(arg_name="message", queue_name="%JOBS%-poison", connection="DocumentStorage")
async def on_poison(message: str, context: func.Context) -> None:
    note("poison", body=message, function=context.function_name)
    if "twice" in message:
        raise RuntimeError("this poison message is meant to fail again")


@app.timer_trigger(arg_name="timer", schedule="%SCHEDULE%")
def on_timer(timer: func.TimerRequest) -> None:
    note("timers", past_due=timer.past_due, status=timer.schedule_status)
