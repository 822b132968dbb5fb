"""`check --event-subscription` against a small Azure Resource Manager: each answer has its sentence and fix."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from functions.cli import azure_resources
from functions.cli.azure_resources import NotReached, ResourceManager, own_resource_manager
from functions.cli.exit_codes import DONE, NOT_ALL_DONE
from tests.support.command_line import WorldAccess, run_on
from tests.support.resource_manager import FakeResourceManager, fake_resource_manager
from tests.support.world import World

GROUP = "/subscriptions/0000/resourceGroups/loans"
TOPIC = f"{GROUP}/providers/Microsoft.EventGrid/systemTopics/events"
SUBSCRIPTION = f"{TOPIC}/eventSubscriptions/documents-to-submit"
ACCOUNT = f"{GROUP}/providers/Microsoft.Storage/storageAccounts/account"
BEGINS = "/blobServices/default/containers/documents/blobs/"

AGAIN = "Run the hook postdeploy again ('azd hooks run postdeploy'); it restores what was changed by hand."

Finding = Mapping[str, Any]
Check = Callable[..., Finding]


def properties(**changes: Any) -> dict[str, Any]:
    """Return what the service says of the subscription that is deployed, but for changes."""
    return {
        "topic": TOPIC.replace("Microsoft.EventGrid/systemTopics", "microsoft.eventgrid/systemtopics"),
        "provisioningState": "Succeeded",
        "eventDeliverySchema": "EventGridSchema",
        "destination": {
            "endpointType": "WebHook",
            "properties": {"endpointBaseUrl": "https://app.azurewebsites.net/runtime/webhooks/blobs"},
        },
        "filter": {
            "subjectBeginsWith": BEGINS,
            "subjectEndsWith": "",
            "includedEventTypes": ["Microsoft.Storage.BlobCreated"],
            "isSubjectCaseSensitive": True,
        },
        **changes,
    }


@pytest.fixture
def manager() -> Iterator[FakeResourceManager]:
    with fake_resource_manager() as fake:
        fake.resources = {SUBSCRIPTION: properties(), TOPIC: {"source": ACCOUNT, "provisioningState": "Succeeded"}}
        yield fake


@pytest.fixture
def check(
    world: World, manager: FakeResourceManager, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Check:
    def run(client: ResourceManager | None = None, subscription: str = SUBSCRIPTION) -> Finding:
        monkeypatch.setattr(WorldAccess, "resource_manager", client or manager.client())
        code = run_on(world, "check", "--no-model", "--json", "--event-subscription", subscription)
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        (found,) = [line for line in lines if line["what"] == "event subscription"]
        assert code == (NOT_ALL_DONE if found["level"] == "problem" else DONE)
        return {"fix": "", **found}

    return run


def test_deployed_subscription_is_right(check: Check, manager: FakeResourceManager) -> None:
    found = check()
    assert (found["level"], found["told"]) == ("ok", "announces documents")
    assert [path.lower() for path in manager.asked] == [SUBSCRIPTION.lower(), TOPIC.lower()]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"provisioningState": "Failed"}, "is Failed: events may not be delivered"),
        ({"provisioningState": None}, "is in no known state: events may not be delivered"),
        (
            {"destination": {"endpointType": "StorageQueue", "properties": {"queueName": "x"}}},
            "delivers to StorageQueue, not to the webhook of the app",
        ),
        ({"destination": None}, "delivers to nothing, not to the webhook of the app"),
        (
            {
                "destination": {
                    "endpointType": "WebHook",
                    "properties": {"endpointBaseUrl": "https://elsewhere.example/hook?code=secret"},
                }
            },
            "delivers to 'https://elsewhere.example/hook', not to the blob webhook of the app",
        ),
        (
            {"eventDeliverySchema": "CloudEventSchemaV1_0"},
            "delivers CloudEventSchemaV1_0, which the webhook does not understand",
        ),
        (
            {"filter": {"subjectBeginsWith": "/blobServices/default/containers/other/blobs/"}},
            f"lets events through that begin with '/blobServices/default/containers/other/blobs/', not with '{BEGINS}'",
        ),
        ({"filter": None}, f"lets events through that begin with '', not with '{BEGINS}'"),
        (
            {"filter": {"subjectBeginsWith": BEGINS, "subjectEndsWith": ".pdf"}},
            "lets only documents through that end with '.pdf'",
        ),
        (
            {"filter": {"subjectBeginsWith": BEGINS, "includedEventTypes": ["Microsoft.Storage.BlobDeleted"]}},
            "does not let Microsoft.Storage.BlobCreated through",
        ),
        (
            {"topic": f"{GROUP}/providers/Microsoft.Storage/storageAccounts/other"},
            "is of the storage account 'other', not of 'account'",
        ),
        ({"topic": f"{GROUP}/providers/Microsoft.Web/sites/x"}, f"is of '{GROUP}/providers/Microsoft.Web/sites/x'"
         ", which is no storage account"),
    ],
)  # fmt: skip
def test_wrong_subscription_is_told(
    check: Check, manager: FakeResourceManager, changes: dict[str, Any], told: str
) -> None:
    manager.resources[SUBSCRIPTION] = properties(**changes)
    assert check() == {"what": "event subscription", "level": "problem", "told": told, "fix": AGAIN}


def test_topic_of_other_account_is_told(check: Check, manager: FakeResourceManager) -> None:
    manager.resources[TOPIC]["source"] = ACCOUNT.replace("/account", "/other")
    assert check()["told"] == "is of the storage account 'other', not of 'account'"


def test_every_fault_is_told(check: Check, manager: FakeResourceManager) -> None:
    manager.resources[SUBSCRIPTION] = properties(provisioningState="Updating", filter={}, destination={})
    assert [part.split()[0] for part in check()["told"].split("; ")] == ["is", "delivers", "lets"]


def test_subscription_of_account_itself_is_right(check: Check, manager: FakeResourceManager) -> None:
    """An event subscription may lie below the account, without a topic that is a resource of its own."""
    one = f"{ACCOUNT}/providers/Microsoft.EventGrid/eventSubscriptions/documents"
    manager.resources = {one: properties(topic=ACCOUNT)}
    assert check(subscription=one)["level"] == "ok"
    assert len(manager.asked) == 1


def test_delivery_with_identity_is_right(check: Check, manager: FakeResourceManager) -> None:
    destination = properties()["destination"]
    manager.resources[SUBSCRIPTION] = properties(
        destination=None, deliveryWithResourceIdentity={"destination": destination}
    )
    assert check()["level"] == "ok"


def test_missing_subscription_is_a_problem(check: Check, manager: FakeResourceManager) -> None:
    del manager.resources[SUBSCRIPTION]
    found = check()
    assert (found["level"], found["told"]) == ("problem", "is not there: documents are found at night only")
    assert found["fix"].startswith("Is the resource id right?")


def test_unknown_topic_is_not_judged(check: Check, manager: FakeResourceManager) -> None:
    del manager.resources[TOPIC]
    assert check()["level"] == "ok"


@pytest.mark.parametrize(
    ("status", "told", "fix"),
    [
        (403, "your identity may not see it (HTTP 403)", "Reader"),
        (400, "Azure Resource Manager refuses to show it (HTTP 400)", "id right"),
        (302, "Azure Resource Manager refuses to show it (HTTP 302)", "id right"),
        (429, "Azure Resource Manager fails at the moment (HTTP 429)", "later"),
        (503, "Azure Resource Manager fails at the moment (HTTP 503)", "later"),
    ],
)
def test_refused_question_is_noted(
    check: Check, manager: FakeResourceManager, status: int, told: str, fix: str
) -> None:
    manager.status = status
    found = check()
    assert (found["level"], found["told"]) == ("note", f"was not looked at: {told}")
    assert fix in found["fix"]


def test_wrong_token_is_noted(check: Check, manager: FakeResourceManager) -> None:
    found = check(manager.client(token="other"))
    assert found["told"] == "was not looked at: Azure Resource Manager does not accept your identity (HTTP 401)"
    assert found["fix"] == "Log in with 'az login'."


@pytest.mark.parametrize("body", [b"{", b"", b"[]", b"null", b'{"properties": []}', b"\xff", b"<html>sign in</html>"])
def test_unreadable_answer_is_noted(check: Check, manager: FakeResourceManager, body: bytes) -> None:
    manager.body = body
    assert check()["told"] == "was not looked at: the answer of Azure Resource Manager can not be read"


def test_no_answer_in_time_is_noted(check: Check, manager: FakeResourceManager) -> None:
    manager.is_stuck = True
    found = check(manager.client(timeout_s=0.2))
    assert found["told"] == "was not looked at: Azure Resource Manager can not be reached (ReadTimeout)"
    assert found["fix"] == "Check the network, and try again."


def test_closed_port_is_noted(check: Check) -> None:
    found = check(ResourceManager("http://127.0.0.1:9", lambda: "token"))
    assert found["told"] == "was not looked at: Azure Resource Manager can not be reached (ConnectionError)"


def test_missing_identity_is_noted(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("secret")

    monkeypatch.setattr(azure_resources, "credential", refuse)
    found = check(own_resource_manager())
    assert found["told"] == "was not looked at: no token for Azure Resource Manager could be had (ValueError)"
    assert found["fix"] == "Log in with 'az login'."


@pytest.mark.parametrize("odd", ["", "/", "https://elsewhere.example/x", "../../x?y=1#z", "a b\n\x1b[31m"])
def test_odd_id_goes_nowhere_else(manager: FakeResourceManager, odd: str) -> None:
    try:
        assert manager.client().properties(odd, "2022-06-15") is None
    except NotReached as error:
        pytest.fail(str(error))
    assert len(manager.asked) == 1
