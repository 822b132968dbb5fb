"""Finds out whether Event Grid announces documents to the app, by what Azure Resource Manager says of a subscription.

Shapes: "Event Subscriptions - Get" and "System Topics - Get" of version 2022-06-15 (read 2026-11). The address of a
webhook is given without its query, which has the key.
"""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from .checks import Finding, Level, ok

WHAT = "event subscription"
WEBHOOK_PATH = "/runtime/webhooks/blobs"
CREATED = "Microsoft.Storage.BlobCreated"

_AGAIN = "Run the hook postdeploy again ('azd hooks run postdeploy'); it restores what was changed by hand."


def topic_of(properties: Mapping[str, Any]) -> str:
    """Return the resource id of a subscription's topic: a system topic, or the account itself; empty if not told."""
    return _text(properties, "topic")


def is_system_topic(topic: str) -> bool:
    """Whether a topic is a resource of its own, whose `source` is what the events are of."""
    return "/microsoft.eventgrid/systemtopics/" in topic.lower()


def check_event_subscription(
    properties: Mapping[str, Any] | None, source: str | None, account: str, input_container: str
) -> Finding:
    """Return whether Event Grid announces documents; None for a subscription that is not there.

    `source` is the resource id of what its events are of, None where that is not known; `account` the name of the
    storage account that the app uses.
    """
    if properties is None:
        return Finding(
            what=WHAT,
            level=Level.PROBLEM,
            told="is not there: documents are found at night only",
            fix="Is the resource id right? Else run the hook again that deploys infra/event-subscription.bicep: "
            "'azd hooks run postdeploy'.",
        )
    faults = [*_state_faults(properties), *_source_faults(source, account)]
    faults += [*_destination_faults(properties), *_filter_faults(properties, input_container)]
    if faults:
        return Finding(what=WHAT, level=Level.PROBLEM, told="; ".join(faults), fix=_AGAIN)
    return ok(WHAT, "announces documents")


def _state_faults(properties: Mapping[str, Any]) -> Iterator[str]:
    state = _text(properties, "provisioningState")
    if state != "Succeeded":
        yield f"is {state or 'in no known state'}: events may not be delivered"


def _source_faults(source: str | None, account: str) -> Iterator[str]:
    if source is None:
        return
    kind, _, name = source.rstrip("/").lower().rpartition("/")
    if not kind.endswith("/storageaccounts"):
        yield f"is of {source!r}, which is no storage account"
    elif name != account.lower():
        yield f"is of the storage account {name!r}, not of {account!r}"


def _destination_faults(properties: Mapping[str, Any]) -> Iterator[str]:
    destination = _part(properties, "destination")
    # With an identity of its own for the delivery it stands one level deeper.
    destination = destination or _part(_part(properties, "deliveryWithResourceIdentity"), "destination")
    kind, schema = _text(destination, "endpointType"), _text(properties, "eventDeliverySchema")
    if kind != "WebHook":
        yield f"delivers to {kind or 'nothing'}, not to the webhook of the app"
        return
    address = _text(_part(destination, "properties"), "endpointBaseUrl")
    if address and urlsplit(address).path.rstrip("/") != WEBHOOK_PATH:
        yield f"delivers to {urlsplit(address)._replace(query='').geturl()!r}, not to the blob webhook of the app"
    if schema and schema != "EventGridSchema":
        yield f"delivers {schema}, which the webhook does not understand"


def _filter_faults(properties: Mapping[str, Any], input_container: str) -> Iterator[str]:
    filters = _part(properties, "filter")
    begins, ends = _text(filters, "subjectBeginsWith"), _text(filters, "subjectEndsWith")
    expected = f"/blobServices/default/containers/{input_container}/blobs/"
    if begins != expected:
        yield f"lets events through that begin with {begins!r}, not with {expected!r}"
    if ends:
        yield f"lets only documents through that end with {ends!r}"
    kinds = filters.get("includedEventTypes")
    if isinstance(kinds, list) and CREATED not in kinds:
        yield f"does not let {CREATED} through"


def _part(properties: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = properties.get(name)
    return value if isinstance(value, dict) else {}


def _text(properties: Mapping[str, Any], name: str) -> str:
    value = properties.get(name)
    return value if isinstance(value, str) else ""
