"""The sample consumer of docs/acting-on-results.md acts on each result once, from a queue and as a webhook."""

import base64
import json
import uuid
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
from azure.storage.blob import ContainerClient
from azure.storage.queue import QueueClient

from docs.samples.results_consumer import Consumer, Result, answer, blob_of, consume
from local.azurite import Azurite
from tests.contracts.test_store_contracts import ODD_NAMES

SECRET = "the secret"


class Setting(NamedTuple):
    """Containers and a queue of a test's own, and what was done with results."""

    entities: ContainerClient
    queue: QueueClient
    consumer: Consumer
    acted: list[Result]


@pytest.fixture
def setting(storage: Azurite) -> Iterator[Setting]:
    own, given = uuid.uuid4().hex[:10], storage.connection_string
    entities = ContainerClient.from_connection_string(given, f"entities-{own}")
    done = ContainerClient.from_connection_string(given, f"done-{own}")
    queue = QueueClient.from_connection_string(given, f"results-{own}")
    acted: list[Result] = []
    with entities, done, queue:
        for one in (entities, done):
            one.create_container()
        queue.create_queue()
        yield Setting(entities, queue, Consumer(entities, done, acted.append), acted)


def write(setting: Setting, name: str, *, etag: str = '"1"', job: str = "j1") -> dict[str, Any]:
    """Write a result as the app does, and return the event of it."""
    metadata = {"source_etag": etag, "job": job}
    setting.entities.upload_blob(name, b'{"entities": []}', overwrite=True, metadata=metadata)
    return {
        "eventType": "Microsoft.Storage.BlobCreated",
        "subject": f"/blobServices/default/containers/{setting.entities.container_name}/blobs/{name}",
        "data": {"url": f"{setting.entities.url}/{quote(name)}"},
    }


def announce(setting: Setting, event: dict[str, Any]) -> None:
    """Put an event on the queue as Event Grid does."""
    setting.queue.send_message(base64.b64encode(json.dumps(event).encode()).decode())


def taken(setting: Setting) -> list[str]:
    return list(consume(setting.queue, setting.consumer))


def test_event_that_comes_twice_acts_once(setting: Setting) -> None:
    event = write(setting, "a.txt.entities.json")
    for _ in range(2):
        announce(setting, event)
    assert sorted(taken(setting)) == ["done", "done before"]
    assert [result.name for result in setting.acted] == ["a.txt.entities.json"]
    assert taken(setting) == []


def test_same_result_written_twice_acts_once(setting: Setting) -> None:
    """A worker died between the result and its record: another ETag of the blob, the same version and job."""
    assert setting.consumer.take(write(setting, "a.txt.entities.json")) == "done"
    assert setting.consumer.take(write(setting, "a.txt.entities.json")) == "done before"


@pytest.mark.parametrize("newer", [{"etag": '"2"'}, {"job": "j2"}])
def test_new_version_and_replay_act_again(setting: Setting, newer: dict[str, str]) -> None:
    assert setting.consumer.take(write(setting, "a.txt.entities.json")) == "done"
    assert setting.consumer.take(write(setting, "a.txt.entities.json", **newer)) == "done"


def test_late_event_of_older_version_acts_not(setting: Setting) -> None:
    older = write(setting, "a.txt.entities.json", etag='"1"')
    assert setting.consumer.take(write(setting, "a.txt.entities.json", etag='"2"')) == "done"
    assert setting.consumer.take(older) == "done before"
    assert '"2"' in setting.acted[0].key


def test_withdrawn_result_acts_not(setting: Setting) -> None:
    event = write(setting, "a.txt.entities.json")
    setting.entities.delete_blob("a.txt.entities.json")
    assert setting.consumer.take(event) == "gone"


def test_failed_action_comes_again(setting: Setting) -> None:
    announce(setting, write(setting, "a.txt.entities.json"))
    attempts = iter([RuntimeError("the target is down")])

    def act(result: Result) -> None:
        error = next(attempts, None)
        if error:
            raise error
        setting.acted.append(result)

    setting.consumer._act = act
    assert taken(setting) == ["failed: RuntimeError"]
    (message,) = setting.queue.peek_messages() or [None]
    assert message is None, "it is hidden until it comes again"
    assert setting.queue.get_queue_properties().approximate_message_count == 1
    assert setting.acted == []


@pytest.mark.parametrize("name", [name for name in ODD_NAMES if len(name) < 500])
def test_awkward_names_are_found(setting: Setting, name: str) -> None:
    event = write(setting, f"{name}.entities.json")
    assert blob_of(event, setting.entities.container_name) == f"{name}.entities.json"
    assert setting.consumer.take(event) == "done"


def test_other_events_are_left(setting: Setting) -> None:
    event = write(setting, "a.txt.entities.json")
    assert setting.consumer.take({**event, "eventType": "Microsoft.Storage.BlobDeleted"}) == "other"
    assert blob_of({**event, "data": {"url": "https://account.blob.core.windows.net/x/a"}}, "entities") is None


# --- The webhook ---


def posted(setting: Setting, *events: Any, code: str = SECRET) -> tuple[int, dict[str, str]]:
    return tuple(answer(f"code={quote(code)}", json.dumps(events).encode(), SECRET, setting.consumer))


def test_webhook_answers_event_grids_question(setting: Setting) -> None:
    question = {"eventType": "Microsoft.EventGrid.SubscriptionValidationEvent", "data": {"validationCode": "512d38b6"}}
    assert posted(setting, question) == (200, {"validationResponse": "512d38b6"})


def test_webhook_acts_once(setting: Setting) -> None:
    event = write(setting, "a.txt.entities.json")
    assert posted(setting, event, event) == posted(setting, event) == (200, {})
    assert len(setting.acted) == 1


def test_webhook_needs_its_secret(setting: Setting) -> None:
    assert posted(setting, write(setting, "a.txt.entities.json"), code="other") == (401, {})
    assert answer("", b"[]", SECRET, setting.consumer).status == 401
    assert setting.acted == []


def test_failed_webhook_is_delivered_again(setting: Setting) -> None:
    event = write(setting, "a.txt.entities.json")

    def fail(result: Result) -> None:
        raise RuntimeError("the target is down")

    setting.consumer._act = fail
    assert posted(setting, event) == (500, {})
    setting.consumer._act = setting.acted.append
    assert posted(setting, event) == (200, {})
    assert len(setting.acted) == 1


def test_malformed_body_is_refused(setting: Setting) -> None:
    assert answer(f"code={quote(SECRET)}", b"<html>", SECRET, setting.consumer).status == 400
