"""Queue rules as values: pauses, renewals, poison names, encoding and trigger metadata."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from azure.functions.meta import Datum, get_binding_registry

from local.functions_host.queue_trigger import (
    Backoff,
    decode_text,
    encode_text,
    is_queue_name,
    next_renewal_s,
    poison_queue_name,
    queue_metadata,
)
from local.functions_host.storage import QueueMessage


def message(text: str = "hello") -> QueueMessage:
    moment = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
    return QueueMessage("m1", text, "receipt", 3, moment, datetime(9999, 12, 31, tzinfo=UTC), moment)


def delays(backoff: Backoff, count: int) -> list[float]:
    found = []
    for _ in range(count):
        backoff = backoff.after_empty(jitter=1.0)
        found.append(round(backoff.delay_s, 3))
    return found


def test_empty_polls_wait_ever_longer() -> None:
    assert delays(Backoff(maximum_s=2.0), 8) == [0.1, 0.2, 0.3, 0.5, 0.9, 1.7, 2.0, 2.0]


def test_found_message_resets_pauses() -> None:
    waited = Backoff(maximum_s=60.0)
    for _ in range(20):
        waited = waited.after_empty(jitter=1.2)

    assert waited.delay_s == 60.0
    assert waited.after_found().delay_s == 0.0
    assert delays(waited.after_found(), 2) == [0.1, 0.2]


def test_pause_respects_short_maximum() -> None:
    assert delays(Backoff(maximum_s=0.1), 3) == [0.1, 0.1, 0.1]


def test_renewal_comes_at_half_time() -> None:
    """Sooner after failures."""
    after_success = next_renewal_s(600, 300, renewed=True)
    first_failure = next_renewal_s(600, after_success, renewed=False)
    second_failure = next_renewal_s(600, first_failure, renewed=False)
    third_failure = next_renewal_s(600, second_failure, renewed=False)

    assert [after_success, first_failure, second_failure, third_failure] == [300, 150, 75, 60]


@pytest.mark.parametrize(
    ("queue", "poison"),
    [("jobs", "jobs-poison"), ("jobs-poison", None), ("q" * 56, "q" * 56 + "-poison"), ("q" * 57, None)],
)
def test_some_queues_have_no_poison_queue(queue: str, poison: str | None) -> None:
    """Poison queues themselves, and queues whose name would be too long."""
    assert poison_queue_name(queue) == poison


@pytest.mark.parametrize(
    ("name", "valid"), [("abc", True), ("a-b-1", True), ("ab", False), ("a--b", False), ("-ab", False), ("Abc", False)]
)
def test_queue_names_follow_storage_rules(name: str, valid: bool) -> None:
    assert is_queue_name(name) is valid


def test_base64_text_round_trips() -> None:
    assert decode_text(encode_text("grüße 😀"), base64_encoded=True) == "grüße 😀"
    assert decode_text("as it is", base64_encoded=False) == "as it is"


def test_text_without_base64_is_refused() -> None:
    with pytest.raises(ValueError, match=r"not base64.*messageEncoding"):
        decode_text('{"job": 1}', base64_encoded=True)


def decoded(text: str) -> Any:
    converter = get_binding_registry().get("queueTrigger")  # type: ignore[no-untyped-call]
    return converter.decode(Datum(text, "string"), trigger_metadata=queue_metadata(message(), text))


def test_function_sees_message_fields() -> None:
    seen = decoded('{"job": "a", "step": 1}')

    assert (seen.id, seen.dequeue_count, seen.pop_receipt) == ("m1", 3, "receipt")
    assert seen.insertion_time == datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
    assert seen.expiration_time == datetime(9999, 12, 31, tzinfo=UTC)
    assert seen.get_json() == {"job": "a", "step": 1}


def test_json_members_overwrite_message_fields() -> None:
    """Members of a JSON body with the names of fields, as in Azure."""
    seen = decoded('{"ID": "mine", "dequeueCount": 9, "popReceipt": null, "insertionTime": ["not", "taken"]}')

    assert (seen.id, seen.dequeue_count, seen.pop_receipt) == ("mine", 9, "receipt")
    assert seen.insertion_time == datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


def test_unreadable_time_fails_before_function() -> None:
    """A body with an unreadable time, as in Azure."""
    with pytest.raises(ValueError, match="yesterday"):
        decoded('{"insertionTime": "yesterday"}')
