"""The other way to do it, for comparison: one document a job, and the worker waits until the job is done.

This is what the public samples for the job do: a blob trigger that calls the official client, waits for the poller's
result and writes it. Everything that could be done once is done once (the clients are shared), so that what is
compared is the waiting and not carelessness.
"""

import json
import os
from datetime import UTC, datetime

import azure.functions as func
from azure.ai.textanalytics import TextAnalyticsClient
from azure.core.credentials import AzureKeyCredential
from azure.storage.blob import BlobServiceClient

language = TextAnalyticsClient(os.environ["LANGUAGE_ENDPOINT"], AzureKeyCredential(os.environ["LANGUAGE_KEY"]))
output = BlobServiceClient.from_connection_string(os.environ["DocumentStorage"]).get_container_client(
    os.environ["OUTPUT_CONTAINER"]
)

app = func.FunctionApp()


@app.function_name("extract")
@app.blob_trigger(
    arg_name="document",
    path="%INPUT_CONTAINER%/{name}",
    connection="DocumentStorage",
    source=func.BlobSource(os.environ["BLOB_TRIGGER_SOURCE"]),
)
def extract(document: func.InputStream) -> None:
    """Find the entities of a document and write them beside its name."""
    text = document.read().decode("utf-8")
    poller = language.begin_recognize_custom_entities(
        [text],
        project_name=os.environ["LANGUAGE_PROJECT"],
        deployment_name=os.environ["LANGUAGE_DEPLOYMENT"],
        string_index_type="UnicodeCodePoint",
        language="en",
    )
    (result,) = poller.result()
    if result.is_error:
        raise RuntimeError(f"the service refused the document: {result.error.code}")
    content = {
        "entities": [
            {
                "text": entity.text,
                "category": entity.category,
                "offset": entity.offset,
                "length": entity.length,
                "confidenceScore": entity.confidence_score,
            }
            for entity in result.entities
        ],
        "completedDateTime": datetime.now(UTC).isoformat(),
    }
    name = (document.name or "").partition("/")[2]
    output.upload_blob(f"{name}.entities.json", json.dumps(content, indent=2), overwrite=True)
