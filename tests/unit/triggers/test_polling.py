"""What the job queue's trigger is told of its message."""

from typing import Any

import azure.functions as func
import pytest
from azure.functions.meta import Datum, get_binding_registry

from functions.storage.job_queue import Receipt, Received
from functions.triggers.polling import received

METADATA = {"Id": Datum("m1", "string"), "DequeueCount": Datum("2", "json"), "PopReceipt": Datum("r1", "string")}


def message(**changes: Datum | None) -> func.QueueMessage:
    """Return what the worker's own converter makes of a message."""
    metadata: dict[str, Any] = {name: one for name, one in {**METADATA, **changes}.items() if one}
    converter = get_binding_registry().get("queueTrigger")
    decoded: func.QueueMessage = converter.decode(Datum("{}", "string"), trigger_metadata=metadata)
    return decoded


def test_receipt_and_count_are_passed_on() -> None:
    assert received(message()) == Received(Receipt("m1", "r1"), 2)


@pytest.mark.parametrize("name", METADATA)
def test_incomplete_metadata_is_no_receipt(name: str) -> None:
    assert received(message(**{name: None})) is None


@pytest.mark.parametrize("name", ["Id", "PopReceipt"])
def test_empty_metadata_is_no_receipt(name: str) -> None:
    assert received(message(**{name: Datum("", "string")})) is None
