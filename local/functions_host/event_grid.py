"""Event Grid events on the blob trigger's webhook: what a request asks for, and the blob messages in it.

Rules: azure-sdk-for-net `HttpRequestProcessor` and `BlobsExtensionConfigProvider.GetBlobTriggerMessage` (read 2024).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from local.functions_host.blob_queue import BlobMessage
from local.functions_host.storage import quoted

EVENT_TYPE_HEADER = "aeg-event-type"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the webhook does: reply with the status and body, after the messages are on the internal queue."""

    status: int
    body: Mapping[str, str] | None = None
    messages: tuple[BlobMessage, ...] = ()


def answer(event_type: str, function_id: str, body: bytes, blob_url: str) -> Answer:
    """Return what to do with a request of the given `aeg-event-type` for a function.

    `blob_url` is the account's blob endpoint: its path (of an emulator) is not part of a container's name.
    Raises `ValueError` saying what is wrong with the body.
    """
    kind = event_type.lower()
    if kind == "subscriptionvalidation":
        return Answer(200, {"validationResponse": _validation_code(_parse(body))})
    if kind == "notification":
        content = _parse(body)
        events = content if isinstance(content, list) else [content]
        return Answer(202, messages=tuple(_message(event, function_id, blob_url) for event in events))
    return Answer(202 if kind == "unsubscribe" else 400)


def _parse(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError as exc:
        raise ValueError(f"the body is not JSON: {exc}") from exc


def _validation_code(content: Any) -> str:
    event = content[0] if isinstance(content, list) and content else content
    code = _data(event).get("validationCode")
    if not isinstance(code, str):
        raise ValueError("the validation event has no data.validationCode")
    return code


def _data(event: Any) -> Mapping[str, Any]:
    data = event.get("data") if isinstance(event, dict) else None
    if isinstance(data, str):
        # CloudEvents carry their data as JSON inside a text.
        data = _parse(data.encode())
    if not isinstance(data, dict):
        raise ValueError("the event has no 'data' object")
    return data


def _message(event: Any, function_id: str, blob_url: str) -> BlobMessage:
    # Only these three are read; the type of the event, its subject and data.api are not looked at.
    data = _data(event)
    container, blob = split_blob_url(str(data.get("url", "")), blob_url)
    etag = data.get("eTag")
    return BlobMessage(
        function_id=function_id,
        container=container,
        blob=blob,
        etag=quoted(str(etag)) if etag else None,
        blob_type=str(data.get("blobType", "BlockBlob")),
    )


def split_blob_url(url: str, blob_url: str) -> tuple[str, str]:
    """Return the container and the blob's name in a blob's URL; raises `ValueError` for another URL."""
    path = urlsplit(url).path
    # Removed only where it is there: an event of a real account has no account name in its path.
    base = urlsplit(blob_url).path.rstrip("/")
    if base and path.startswith(f"{base}/"):
        path = path[len(base) :]
    container, slash, blob = path.removeprefix("/").partition("/")
    if not (container and slash and blob):
        raise ValueError(f"the event's data.url '{url}' does not name a container and a blob")
    return unquote(container), unquote(blob)
