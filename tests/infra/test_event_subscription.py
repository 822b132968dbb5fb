"""The event subscription lets finished writes to the intake container through, and nothing else."""

from typing import Any

import pytest

from functions.workflows.checks import Level
from functions.workflows.event_checks import check_event_subscription
from tests.infra.templates import event_subscription, provision


def subscription(**environment: str) -> dict[str, Any]:
    return event_subscription(provision(**environment).outputs)


def delivers(properties: dict[str, Any], event: dict[str, Any]) -> bool:
    """Decide as Event Grid does: learn.microsoft.com, "Understand event filtering" (read 2026).

    Event types match exactly; the subject by its beginning; `StringIn` without regard to case, and all advanced
    filters together.
    """
    filters = properties["filter"]
    if event["eventType"] not in filters["includedEventTypes"]:
        return False
    subject, prefix = event["subject"], filters["subjectBeginsWith"]
    if not filters["isSubjectCaseSensitive"]:
        subject, prefix = subject.lower(), prefix.lower()
    if not subject.startswith(prefix):
        return False
    for condition in filters["advancedFilters"]:
        assert condition["operatorType"] == "StringIn"
        part: Any = event
        for key in condition["key"].split("."):
            part = part.get(key, "")
        if part.lower() not in {value.lower() for value in condition["values"]}:
            return False
    return True


def event(
    container: str, blob: str, api: str = "PutBlob", kind: str = "Microsoft.Storage.BlobCreated"
) -> dict[str, Any]:
    """Return a blob event as the storage account publishes it (Event Grid schema), as far as filters look."""
    return {
        "eventType": kind,
        "subject": f"/blobServices/default/containers/{container}/blobs/{blob}",
        "data": {"api": api, "url": f"https://account.blob.core.windows.net/{container}/{blob}"},
    }


def test_check_accepts_what_is_deployed() -> None:
    outputs = provision().outputs
    account = outputs["AZURE_STORAGE_ACCOUNT_NAME"]
    properties = event_subscription(outputs) | {"provisioningState": "Succeeded"}
    # The service tells the address of a webhook without its query.
    webhook = properties["destination"]["properties"]
    webhook["endpointBaseUrl"] = webhook.pop("endpointUrl").partition("?")[0]
    source = f"/subscriptions/0/providers/Microsoft.Storage/storageAccounts/{account}"
    found = check_event_subscription(properties, source, account, outputs["INPUT_CONTAINER"])
    assert (found.level, found.told) == (Level.OK, "announces documents")


@pytest.mark.parametrize("api", ["PutBlob", "PutBlockList", "CopyBlob", "FlushWithClose"])
@pytest.mark.parametrize("blob", ["letter.txt", "2026/november/letter.txt", "Grüße & Küsse.TXT", "a"])
def test_finished_intake_write_is_delivered(api: str, blob: str) -> None:
    assert delivers(subscription(), event("documents", blob, api))


@pytest.mark.parametrize(
    "other",
    ["entities", "extraction-state", "documents-archive", "my-documents", "azure-webjobs-hosts", "document", "$logs"],
)
def test_other_containers_are_not_delivered(other: str) -> None:
    assert not delivers(subscription(), event(other, "documents/letter.txt"))


@pytest.mark.parametrize("api", ["CreateFile", "PutBlock", "AppendFile", "SetBlobTier", "PutBlobMetadata", ""])
def test_unfinished_write_is_not_delivered(api: str) -> None:
    assert not delivers(subscription(), event("documents", "letter.txt", api))


@pytest.mark.parametrize("kind", ["BlobDeleted", "BlobRenamed", "BlobTierChanged", "DirectoryCreated"])
def test_other_events_are_not_delivered(kind: str) -> None:
    assert not delivers(subscription(), event("documents", "letter.txt", kind=f"Microsoft.Storage.{kind}"))


def test_filter_is_exact_container_prefix() -> None:
    prefix = subscription(INPUT_CONTAINER="inbox")["filter"]["subjectBeginsWith"]
    assert prefix == "/blobServices/default/containers/inbox/blobs/"


def test_filter_follows_configured_container() -> None:
    renamed = subscription(INPUT_CONTAINER="inbox")
    assert delivers(renamed, event("inbox", "letter.txt"))
    assert not delivers(renamed, event("documents", "letter.txt"))


def test_events_go_to_submit_webhook() -> None:
    destination = subscription()["destination"]
    address = destination["properties"]["endpointUrl"]
    assert destination["endpointType"] == "WebHook"
    assert "/runtime/webhooks/blobs?functionName=Host.Functions.submit&code=" in address
    # The key is asked for while deploying; no file and no command line holds it.
    assert address.endswith("listKeys().systemKeys.blobs_extension>")


def test_undelivered_events_are_dead_lettered() -> None:
    """After a day of attempts."""
    properties = subscription()
    assert properties["retryPolicy"] == {"maxDeliveryAttempts": 30, "eventTimeToLiveInMinutes": 1440}
    dead_letters = properties["deadLetterWithResourceIdentity"]
    assert dead_letters["identity"] == {"type": "SystemAssigned"}
    assert dead_letters["deadLetterDestination"]["properties"]["blobContainerName"] == "event-dead-letters"
