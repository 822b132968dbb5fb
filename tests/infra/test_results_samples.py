"""The samples that announce results deliver those that are asked for, and with no more rights than that."""

from pathlib import Path
from typing import Any

import pytest

from tests.infra.bicep import Deployment, deploy
from tests.infra.templates import INFRA, provision
from tests.infra.test_event_subscription import delivers

SAMPLES = INFRA / "samples"
SUBSCRIPTION = "Microsoft.EventGrid/systemTopics/eventSubscriptions"


def outputs() -> dict[str, str]:
    return provision().outputs


def to_queue(**more: str) -> Deployment:
    given = {
        "systemTopicName": outputs()["AZURE_SYSTEM_TOPIC_NAME"],
        "storageAccountName": outputs()["AZURE_STORAGE_ACCOUNT_NAME"],
        **more,
    }
    return deploy(SAMPLES / "results-to-queue.bicep", given)


def to_webhook(**more: str) -> Deployment:
    given = {
        "systemTopicName": outputs()["AZURE_SYSTEM_TOPIC_NAME"],
        "webhookUrl": "https://example.org/results?code=secret",
        **more,
    }
    return deploy(SAMPLES / "results-to-webhook.bicep", given)


def properties(deployment: Deployment) -> dict[str, Any]:
    return deployment.one(SUBSCRIPTION).body["properties"]


def written(container: str, blob: str, kind: str = "Microsoft.Storage.BlobCreated") -> dict[str, Any]:
    return {"eventType": kind, "subject": f"/blobServices/default/containers/{container}/blobs/{blob}"}


def is_delivered(deployment: Deployment, event: dict[str, Any]) -> bool:
    """Decide as Event Grid does, which also compares how a subject ends."""
    subscription = properties(deployment)
    ends = event["subject"].endswith(subscription["filter"]["subjectEndsWith"])
    return ends and delivers({"filter": {"advancedFilters": [], **subscription["filter"]}}, event)


@pytest.mark.parametrize("deployed", [to_queue, to_webhook])
def test_results_are_delivered_by_suffix(deployed: Any) -> None:
    assert is_delivered(deployed(), written("entities", "loans/a.txt.entities.json"))
    assert not is_delivered(deployed(), written("entities", "loans/a.txt.error.json"))
    assert is_delivered(deployed(suffix=".error.json"), written("entities", "loans/a.txt.error.json"))


@pytest.mark.parametrize("deployed", [to_queue, to_webhook])
@pytest.mark.parametrize(
    "event",
    [
        written("documents", "a.entities.json"),
        written("entities-archive", "a.txt.entities.json"),
        written("extraction-state", "documents/a.txt.entities.json"),
        written("entities", "a.txt.entities.json", "Microsoft.Storage.BlobDeleted"),
    ],
)
def test_nothing_else_is_delivered(deployed: Any, event: dict[str, Any]) -> None:
    assert not is_delivered(deployed(), event)


@pytest.mark.parametrize("deployed", [to_queue, to_webhook])
def test_filter_follows_output_container(deployed: Any) -> None:
    assert is_delivered(deployed(outputContainer="found"), written("found", "a.txt.entities.json"))


@pytest.mark.parametrize("deployed", [to_queue, to_webhook])
def test_subscription_is_of_apps_topic(deployed: Any) -> None:
    """A storage account has one system topic."""
    subscription = deployed().one(SUBSCRIPTION)
    assert subscription.body["parent"].body["name"] == outputs()["AZURE_SYSTEM_TOPIC_NAME"]
    assert subscription.name != "documents-to-submit"


def test_topic_may_only_send_to_its_queue() -> None:
    deployment = to_queue()
    role = deployment.one("Microsoft.Authorization/roleAssignments").body
    assert role["scope"].body["name"] == "entity-results"
    # "Azure built-in roles", Storage Queue Data Message Sender (read 2026-11).
    assert "c6a89b2d-59bc-44d0-9896-0f6e12d7b80a" in role["properties"]["roleDefinitionId"]
    destination = properties(deployment)["deliveryWithResourceIdentity"]["destination"]
    assert destination["endpointType"] == "StorageQueue"
    assert destination["properties"]["queueName"] == "entity-results"


def test_webhook_address_is_secret() -> None:
    text = (SAMPLES / "results-to-webhook.bicep").read_text()
    assert "@secure()\n" in text.partition("param webhookUrl")[0][-200:]


def test_page_links_every_sample() -> None:
    page = (INFRA.parent / "docs" / "acting-on-results.md").read_text()
    assert {path.name for path in SAMPLES.iterdir()} == {
        Path(part.partition(")")[0]).name for part in page.split("](../infra/samples/")[1:]
    }
