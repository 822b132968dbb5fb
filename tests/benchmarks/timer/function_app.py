"""What a careful engineer writes today, for comparison: a timer that collects new documents and waits for their jobs.

Every 15 seconds it lists what has no result yet and sends 25 documents at a time with the official client, as many jobs
at once as the worker has threads, reading the results in the same run. Clients are shared and documents are read in
parallel, so that what is compared is the pattern and not carelessness.
"""

import json
import logging
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import azure.functions as func
from azure.ai.textanalytics import TextAnalyticsClient
from azure.core.credentials import AzureKeyCredential
from azure.storage.blob import BlobServiceClient

DOCUMENTS_A_JOB = 25
"""The most that the service takes in one request."""

THREADS = int(os.environ["PYTHON_THREADPOOL_THREAD_COUNT"])
RESULT = ".entities.json"

language = TextAnalyticsClient(os.environ["LANGUAGE_ENDPOINT"], AzureKeyCredential(os.environ["LANGUAGE_KEY"]))
blobs = BlobServiceClient.from_connection_string(os.environ["DocumentStorage"])
intake = blobs.get_container_client(os.environ["INPUT_CONTAINER"])
output = blobs.get_container_client(os.environ["OUTPUT_CONTAINER"])
state = blobs.get_container_client(os.environ["STATE_CONTAINER"])
threads = ThreadPoolExecutor(THREADS)

app = func.FunctionApp()


@app.function_name("collect")
@app.timer_trigger(arg_name="timer", schedule="*/15 * * * * *")
def collect(timer: func.TimerRequest) -> None:
    """Find the entities of all documents that have no result yet."""
    done = {name.removesuffix(RESULT) for name in output.list_blob_names()}
    names = [name for name in intake.list_blob_names() if name not in done]
    held_s = sum(threads.map(_held_by, _groups(names)))
    # For the measurement only: its threads are not those that the host counts.
    if names:
        state.upload_blob(f"{time.time_ns()}.json", json.dumps({"heldSeconds": held_s}))


def _groups(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), DOCUMENTS_A_JOB):
        yield names[start : start + DOCUMENTS_A_JOB]


def _held_by(names: Sequence[str]) -> float:
    """Find the entities of one group, and return how many seconds a thread was held by it."""
    began = time.monotonic()
    try:
        _extract(names)
    except Exception as error:
        logging.warning("A job failed, its documents are taken again by the next run: %s", type(error).__name__)
    return time.monotonic() - began


def _extract(names: Sequence[str]) -> None:
    texts = [intake.download_blob(name).readall().decode("utf-8") for name in names]
    poller = language.begin_recognize_custom_entities(
        texts,
        project_name=os.environ["LANGUAGE_PROJECT"],
        deployment_name=os.environ["LANGUAGE_DEPLOYMENT"],
        string_index_type="UnicodeCodePoint",
        language="en",
    )
    for name, result in zip(names, poller.result(), strict=True):
        if not result.is_error:
            _write(name, result.entities)


def _write(name: str, entities: Sequence[object]) -> None:
    content = {
        "entities": [
            {
                "text": entity.text,
                "category": entity.category,
                "offset": entity.offset,
                "length": entity.length,
                "confidenceScore": entity.confidence_score,
            }
            for entity in entities
        ],
        "completedDateTime": datetime.now(UTC).isoformat(),
    }
    output.upload_blob(name + RESULT, json.dumps(content, indent=2), overwrite=True)
