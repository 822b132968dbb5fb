"""A blob function that waits for Event Grid's events, reads the blob as a stream and writes what it received."""

import json
import os
import uuid

import azure.functions as func
from azure.storage.blob import BlobServiceClient

app = func.FunctionApp()


@app.blob_trigger(arg_name="stream", path="%INPUT%/{name}", connection="DocumentStorage", source="EventGrid")
def on_event(stream: func.InputStream) -> None:
    service = BlobServiceClient.from_connection_string(os.environ["DocumentStorage"])
    seen = {
        "name": stream.name,
        "length": stream.length,
        "content": stream.read().decode(),
        "metadata": stream.metadata,
    }
    service.get_blob_client(os.environ["SEEN"], f"events/{uuid.uuid4()}.json").upload_blob(json.dumps(seen))
