"""Acts on results of Entity Drop, each once as far as that is possible: from a queue, or as a webhook.

Run it beside the queue of infra/samples/results-to-queue.bicep, with `pip install azure-identity azure-storage-blob
azure-storage-queue`:

    python results_consumer.py https://<account>.blob.core.windows.net https://<account>.queue.core.windows.net

An event says that a result was written. It may come twice, late, or after that of a newer result. So the result is read
as it is now, and known by what it is the result of: its name, and the `source_etag` and `job` of its metadata.
"""

import base64
import hashlib
import hmac
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.storage.blob import ContainerClient
from azure.storage.queue import QueueClient

HIDDEN_SECONDS = 300
"""How long a message is hidden while it is worked on; afterwards it comes again."""

MOST_ATTEMPTS = 5


class Result(NamedTuple):
    """A result as it is now."""

    name: str
    key: str
    """The same for the same version of a document and the same job: what a target may store it under."""
    content: dict[str, Any]


Act = Callable[[Result], None]
"""What is done with a result. It may be done twice, where a process dies right after it: let it be the same twice, as
an update under `Result.key` is."""


class Consumer:
    """Acts on the results that events announce. `done` is a container of the consumer's own."""

    def __init__(self, entities: ContainerClient, done: ContainerClient, act: Act) -> None:
        self._entities = entities
        self._done = done
        self._act = act

    def take(self, event: Mapping[str, Any]) -> str:
        """Act on an event; return what became of it: `done`, `done before`, `gone` or `other`."""
        name = blob_of(event, self._entities.container_name)
        if name is None:
            return "other"
        result = self._read(name)
        if result is None:
            return "gone"  # Withdrawn meanwhile, as when the document was replaced or failed.
        mark = hashlib.sha256(result.key.encode()).hexdigest()
        if self._done.get_blob_client(mark).exists():
            return "done before"
        self._act(result)
        try:
            self._done.upload_blob(mark, result.key.encode(), overwrite=False)
        except ResourceExistsError:
            return "done before"  # Somebody else took the same event at the same time: both have acted.
        return "done"

    def _read(self, name: str) -> Result | None:
        try:
            blob = self._entities.download_blob(name)
            content = json.loads(blob.readall())
        except ResourceNotFoundError:
            return None
        metadata = blob.properties.metadata
        return Result(name, f"{name}\n{metadata.get('source_etag')}\n{metadata.get('job')}", content)


def blob_of(event: Mapping[str, Any], container: str) -> str | None:
    """Return the name of the blob that an event says was written; None for any other event."""
    if event.get("eventType") != "Microsoft.Storage.BlobCreated":
        return None
    # The address is escaped; the subject, which filters look at, is not in every program that sends such events.
    _, _, name = urlsplit(str(event["data"]["url"])).path.partition(f"/{container}/")
    return unquote(name) or None


# --- From a queue ---


def consume(queue: QueueClient, consumer: Consumer) -> Iterator[str]:
    """Take the messages that are there, and yield what became of each; a message that fails comes again."""
    for message in queue.receive_messages(visibility_timeout=HIDDEN_SECONDS):
        try:
            outcome = consumer.take(json.loads(base64.b64decode(message.content)))
        except Exception as error:
            # Whatever it is, the others go on. After some attempts somebody has to look.
            outcome = f"failed: {type(error).__name__}"
            if message.dequeue_count < MOST_ATTEMPTS:
                yield outcome
                continue
        queue.delete_message(message)
        yield outcome


# --- As a webhook ---


class Reply(NamedTuple):
    """What the webhook answers."""

    status: int
    body: dict[str, str]


def answer(query: str, body: bytes, secret: str, consumer: Consumer) -> Reply:
    """Answer a POST of Event Grid to an address with `?code=<secret>`.

    Anything but 200 lets Event Grid deliver the same events again, for a day.
    """
    code = parse_qs(query).get("code", [""])[0]
    if not hmac.compare_digest(code.encode(), secret.encode()):
        return Reply(401, {})
    try:
        events = json.loads(body)
    except ValueError:
        return Reply(400, {})
    for event in events:
        if event.get("eventType") == "Microsoft.EventGrid.SubscriptionValidationEvent":
            # Event Grid asks once, when the subscription is made, whether this address wants the events.
            return Reply(200, {"validationResponse": event["data"]["validationCode"]})
    for event in events:
        try:
            consumer.take(event)
        except Exception:
            return Reply(500, {})
    return Reply(200, {})


def main(blob_url: str, queue_url: str) -> None:
    """Print each result of the queue `entity-results`, for ever."""
    from azure.identity import DefaultAzureCredential

    credential = DefaultAzureCredential()
    entities = ContainerClient(blob_url, "entities", credential)
    done = ContainerClient(blob_url, "results-done", credential)
    if not done.exists():
        done.create_container()
    queue = QueueClient(queue_url, "entity-results", credential=credential)
    consumer = Consumer(entities, done, lambda result: print(result.name, len(result.content["entities"])))
    while True:
        for outcome in consume(queue, consumer):
            if outcome != "done":
                print(outcome, file=sys.stderr)
        time.sleep(5)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
