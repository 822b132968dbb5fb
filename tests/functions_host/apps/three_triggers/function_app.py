"""One function per trigger; each writes what it received to the container `seen`."""

import json
import os
import uuid

import azure.functions as func
import azurefunctions.extensions.bindings.blob as blob
from azure.storage.blob import BlobServiceClient

app = func.FunctionApp()


def note(run: str, **seen: object) -> None:
    """Write one blob per run, in a folder of the given name."""
    service = BlobServiceClient.from_connection_string(os.environ["DocumentStorage"])  # noqa: SIM112
    service.get_blob_client("seen", f"{run}/{uuid.uuid4()}.json").upload_blob(json.dumps(seen))


@app.blob_trigger(arg_name="client", path="%INPUT%/{name}", connection="DocumentStorage")
def on_blob(client: blob.BlobClient) -> None:
    properties = client.get_blob_properties()
    if properties.metadata.get("behaviour") == "fail":
        note("on_blob_failed", name=client.blob_name)
        raise RuntimeError("this blob is meant to fail")
    note("on_blob", name=client.blob_name, etag=properties.etag, content=client.download_blob().readall().decode())


@app.queue_trigger(arg_name="message", queue_name="%JOBS%", connection="DocumentStorage")
def on_message(message: func.QueueMessage) -> None:
    body = message.get_body().decode()
    note("on_message", id=message.id, count=message.dequeue_count, body=body)
    if "fail" in body:
        raise RuntimeError("this message is meant to fail")


@app.queue_trigger(arg_name="message", queue_name="%JOBS%-poison", connection="DocumentStorage")
async def on_poison(message: str, context: func.Context) -> None:
    note("on_poison", body=message, function=context.function_name)


@app.timer_trigger(arg_name="timer", schedule="%SCHEDULE%")
def on_timer(timer: func.TimerRequest) -> None:
    note("on_timer", past_due=timer.past_due, status=timer.schedule_status)
