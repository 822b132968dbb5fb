"""Event Grid requests as values: handshake, events in both shapes, and what is not looked at."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.functions_host.blob_queue import BlobMessage
from local.functions_host.event_grid import Answer, answer, split_blob_url

ACCOUNT = "https://shop.blob.core.windows.net"


def event(**data: Any) -> dict[str, Any]:
    return {"eventType": "Microsoft.Storage.BlobCreated", "subject": "not looked at", "data": data}


def asked(kind: str, content: Any) -> Answer:
    return answer(kind, "Host.Functions.submit", json.dumps(content).encode(), ACCOUNT)


def test_handshake_returns_code() -> None:
    assert asked("SubscriptionValidation", [{"data": {"validationCode": "512d38b6"}}]) == Answer(
        200, {"validationResponse": "512d38b6"}
    )


def test_cloud_event_data_is_json_text() -> None:
    assert asked("subscriptionvalidation", {"data": json.dumps({"validationCode": "42"})}).body == {
        "validationResponse": "42"
    }


def test_each_event_becomes_message() -> None:
    created = event(url=f"{ACCOUNT}/docs/a%20b/%C3%BC%23.txt", eTag="0x8D", blobType="BlockBlob", api="CreateFile")
    appended = {"eventType": "Microsoft.Storage.BlobDeleted", **event(url=f"{ACCOUNT}/other/x", blobType="AppendBlob")}

    assert asked("Notification", [created, appended]) == Answer(
        202,
        messages=(
            BlobMessage("Host.Functions.submit", "docs", "a b/ü#.txt", '"0x8D"'),
            BlobMessage("Host.Functions.submit", "other", "x", None, "AppendBlob"),
        ),
    )


def test_single_event_needs_no_array() -> None:
    assert len(asked("Notification", event(url=f"{ACCOUNT}/docs/x", eTag='"0x1"')).messages) == 1


def test_unreadable_event_refuses_request() -> None:
    """So that all of its events are delivered again."""
    with pytest.raises(ValueError, match="does not name a container and a blob"):
        asked("Notification", [event(url=f"{ACCOUNT}/docs/x"), event(url=ACCOUNT)])


@pytest.mark.parametrize(("kind", "status"), [("Unsubscribe", 202), ("", 400), ("Other", 400)])
def test_other_requests_add_no_messages(kind: str, status: int) -> None:
    assert asked(kind, []) == Answer(status)


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b'[{"data": 5}]', b'[{"data": {}}]'])
def test_handshake_without_code_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"JSON|data"):
        answer("SubscriptionValidation", "f", body, ACCOUNT)


def test_emulator_account_is_not_container() -> None:
    emulator = "http://127.0.0.1:10000/devstoreaccount1"

    assert split_blob_url(f"{emulator}/docs/a.txt", emulator) == ("docs", "a.txt")
    assert split_blob_url(f"{ACCOUNT}/docs/a.txt", emulator) == ("docs", "a.txt")
