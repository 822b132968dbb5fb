"""What failed five times comes to a poison queue: it goes back to work, or ends in an error report."""

import json

import msgspec
import pytest

from functions.core.jobs import JobMessage
from functions.core.planning import MAX_FAULTS
from tests.support.scenarios import accepted, lines, numbered_jobs
from tests.support.world import Call, World, letter
from tests.workflows.faults.test_refused_documents import refuse


@pytest.fixture
def world() -> World:
    return World(new_id=numbered_jobs())


# --- Documents ---


def test_a_poisoned_document_goes_back_to_work(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.drop("a.txt", letter(1), announce=False)
    world.app.rescue.rescue_document(world.event_text("a.txt"))
    assert [line.document for line in lines(caplog, "document_rescued")] == ["a.txt"]  # type: ignore[attr-defined]
    world.run()
    world.check_right("a.txt")
    world.check_quiet()


def test_a_refused_document_is_remembered(world: World) -> None:
    """The sweep tries it again; no report is written."""
    world.drop("a.txt", letter(1), announce=False)
    world.gate = refuse("a.txt")
    world.app.rescue.rescue_document(world.event_text("a.txt"))
    world.gate = None
    assert [listed.is_reported for listed in world.app.parts.records.list_refusals()] == [False]
    assert world.error("a.txt") is None


def test_a_document_that_breaks_the_app_is_reported(world: World) -> None:
    world.drop("a.txt", letter(1), announce=False)

    def fail(call: Call) -> None:
        if (call.place, call.action) == ("intake", "read"):
            raise ZeroDivisionError

    world.gate = fail
    world.app.rescue.rescue_document(world.event_text("a.txt"))
    world.gate = None
    assert world.check_failed("a.txt", "Unprocessable")["error"]["fault"] == "service"


@pytest.mark.parametrize(
    "text", ["nonsense", "{}", json.dumps({"ContainerName": "invoices", "BlobName": "a.txt"})], ids=str
)
def test_another_apps_message_is_left(world: World, text: str) -> None:
    """The poison queue is shared by all apps with the same storage account."""
    world.app.rescue.rescue_document(text)
    (left,) = world.poisoned_events.messages
    assert left.text == text
    assert left.visible > world.clock()


# --- Jobs ---


def submitted_job(world: World) -> str:
    """Submit a document and return the text of its job's message, which the host has poisoned."""
    world.drop("a.txt", letter(1))
    world.step()
    (message,) = world.jobs.messages
    world.jobs.delete(message)
    return message.text


def test_a_poisoned_job_goes_back_to_work(world: World) -> None:
    """After a wait, at its next step."""
    world.app.rescue.rescue_job(submitted_job(world))
    (message,) = world.jobs.messages
    assert message.text == JobMessage("job-1", 2).encode()
    assert message.visible > world.clock()
    world.run()
    world.check_right("a.txt")
    world.check_quiet()
    assert accepted(world) == [1]


@pytest.mark.parametrize(("faults", "is_reported"), [(MAX_FAULTS - 2, False), (MAX_FAULTS - 1, True)])
def test_a_job_that_always_fails_is_given_up(world: World, faults: int, is_reported: bool) -> None:
    """Where the app itself fails; an outage of the storage has no such limit."""
    text, records = submitted_job(world), world.app.parts.records
    job, etag = records.job("job-1")
    records.save_job(msgspec.structs.replace(job, faults=faults), etag)

    def fail(call: Call) -> None:
        if call.place == "output":
            raise ZeroDivisionError

    world.clock.advance(60)
    world.gate = fail
    with pytest.raises(ZeroDivisionError):
        world.app.poller.advance(text)
    world.gate = None
    world.app.rescue.rescue_job(text)
    assert (world.error("a.txt") is not None) is is_reported
    assert [listed.id for listed in records.list_jobs()] == ([] if is_reported else ["job-1"])


def test_an_outdated_job_message_is_dropped(world: World) -> None:
    text = submitted_job(world)
    world.app.rescue.rescue_job(text)
    assert world.calls_of(lambda: world.app.rescue.rescue_job(text)) == ["state read jobs/job-1.json"]
