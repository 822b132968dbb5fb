"""Blob messages: the internal queue between whatever notices a blob and the function that is run for it.

Rules: azure-sdk-for-net `BlobTriggerMessage`, `BlobTriggerQueueWriter`, `BlobQueueTriggerExecutor` and
`SharedBlobQueueListenerFactory` (read 2024).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from azure.functions.meta import Datum

from local.functions_host.app_loader import AppFunction
from local.functions_host.blob_path import BlobPath
from local.functions_host.errors import StorageError
from local.functions_host.queue_trigger import decode_text, encode_text
from local.functions_host.storage import BlobProperties, Queue, QueueMessage, StorageAccount
from local.functions_host.worker import BlobReference, Worker

logger = logging.getLogger(__name__)

POISON_QUEUE = "webjobs-blobtrigger-poison"

SCAN = "LogsAndContainerScan"
EVENT_GRID = "EventGrid"


def internal_queue_name(host_id: str) -> str:
    """Return the name of the queue of all blob functions of a host."""
    return f"azure-webjobs-blobtrigger-{host_id}"


@dataclass(frozen=True, slots=True)
class BlobMessage:
    """One blob for one function; `etag` carries its double quotes. The same body goes to the poison queue."""

    function_id: str
    container: str
    blob: str
    etag: str | None
    blob_type: str = "BlockBlob"

    def to_text(self) -> str:
        """Return the message as the real host writes it: base64 of indented JSON, without members that are null."""
        body = {
            "Type": "BlobTrigger",
            "FunctionId": self.function_id,
            "BlobType": self.blob_type,
            "ContainerName": self.container,
            "BlobName": self.blob,
            "ETag": self.etag,
        }
        return encode_text(
            json.dumps({name: value for name, value in body.items() if value is not None}, indent=2, ensure_ascii=False)
        )

    @classmethod
    def from_text(cls, text: str) -> BlobMessage:
        """Return the message in a queue text; raises `ValueError` when it is not one."""
        body = json.loads(decode_text(text, base64_encoded=True))
        if not isinstance(body, dict) or body.get("Type") != "BlobTrigger":
            raise ValueError("the message is not a blob trigger message")
        try:
            return cls(
                function_id=str(body["FunctionId"]),
                container=str(body["ContainerName"]),
                blob=str(body["BlobName"]),
                etag=body.get("ETag"),
                blob_type=str(body.get("BlobType", "BlockBlob")),
            )
        except KeyError as exc:
            raise ValueError(f"the blob trigger message has no {exc}") from exc


@dataclass(frozen=True, slots=True)
class BlobFunction:
    """A blob function with its trigger's settings resolved: where it listens and over which account."""

    function: AppFunction
    path: BlobPath
    connection: str
    source: str
    account: StorageAccount


class BlobRunner:
    """Runs blob functions: for the messages of the internal queue, and by hand."""

    def __init__(self, functions: Mapping[str, BlobFunction], worker: Worker) -> None:
        self._functions = functions
        self._worker = worker
        self.changed: Callable[[BlobFunction, str, str, BlobProperties], None] = lambda *_: None
        """Called when a blob of a container scan changed after its message was written."""

    def run(self, message: QueueMessage) -> None:
        """Run the function for a message; what is not worth a run any more ends as a success.

        That is a function that is gone, a blob that is gone, and a blob that changed since (then `changed` is told).
        """
        blob_message = BlobMessage.from_text(message.text)
        target = self._functions.get(blob_message.function_id)
        if target is None:
            logger.info("A message for function '%s', which this app has not: dropped.", blob_message.function_id)
            return
        try:
            properties = target.account.container(blob_message.container).head(blob_message.blob)
        except StorageError as exc:
            if exc.is_missing:
                return
            raise
        if target.source == SCAN and properties.etag != blob_message.etag:
            self.changed(target, blob_message.container, blob_message.blob, properties)
            return
        self.invoke(target, blob_message.container, blob_message.blob, properties)

    def invoke(self, target: BlobFunction, container: str, blob: str, properties: BlobProperties) -> None:
        """Run the function for a blob that is there."""
        metadata = blob_metadata(container, blob, properties, target.path.match(container, blob) or {})
        if target.function.takes_sdk_type:
            self._worker.run(target.function, BlobReference(target.connection, container, blob), metadata)
            return
        content, _ = target.account.container(container).read(blob)
        as_text = target.function.annotation is str
        value = Datum(content.decode("utf-8", errors="replace"), "string") if as_text else Datum(content, "bytes")
        self._worker.run(target.function, value, metadata)

    def poison_queue(self, message: QueueMessage) -> Queue | None:
        """Return the poison queue, which lies in the account of the function's trigger."""
        try:
            target = self._functions.get(BlobMessage.from_text(message.text).function_id)
        except ValueError:
            target = None
        account = (target or next(iter(self._functions.values()))).account
        return account.queue(POISON_QUEUE)


def blob_metadata(
    container: str, blob: str, properties: BlobProperties, captures: Mapping[str, str]
) -> dict[str, Datum]:
    """Return the trigger metadata of a blob function, the variables of its path included."""
    described = {
        "LastModified": properties.last_modified.isoformat(),
        "ContentLength": properties.length,
        "ContentType": properties.content_type,
        "BlobType": properties.blob_type,
        "ETag": properties.etag,
    }
    return {
        "BlobTrigger": Datum(f"{container}/{blob}", "string"),
        "Uri": Datum(json.dumps(properties.url), "json"),
        "Properties": Datum(json.dumps(described), "json"),
        "Metadata": Datum(json.dumps(dict(properties.metadata)), "json"),
        **{name: Datum(value, "string") for name, value in captures.items()},
    }
