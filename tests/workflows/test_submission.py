"""From a document to a job at the service: in which order, and what becomes of it when something comes in between."""

import pytest

from functions.core.jobs import JobMessage, JobState
from functions.core.time_limits import RESERVATIONS
from tests.support.scenarios import LONG, accepted, numbered_jobs
from tests.support.world import Call, World, letter

HIDDEN = RESERVATIONS[0].total_seconds()
LEDGER = "budget/loans.cognitiveservices.azure.com.json"
REQUESTS = "budget/requests/loans.cognitiveservices.azure.com.json"


@pytest.fixture
def world() -> World:
    return World(new_id=numbered_jobs())


def submitting(world: World, name: str) -> list[str]:
    """Submit a document, and return the calls that it took."""
    return world.calls_of(lambda: world.app.submitter.submit(name))


def messages(world: World) -> list[tuple[str, float]]:
    """Return the messages on the job queue, and in how many seconds each becomes visible."""
    return [(message.text, (message.visible - world.clock()).total_seconds()) for message in world.jobs.messages]


# --- The order of a submission ---


def test_a_submission_leaves_something_to_come_back(world: World) -> None:
    """Until the job is recorded the document's event comes again, and from then on the job's message."""
    world.drop("a.txt", letter(1), announce=False)
    assert submitting(world, "a.txt") == [
        "intake read a.txt",
        "queue send job-1",
        "state write jobs/job-1.json",
        "state write documents/a.txt",
        # The first of all has to create the ledger.
        *(f"state {action} {REQUESTS}" for action in ("read", "write", "read", "write")),
        f"state read {LEDGER}",
        "service POST /language/analyze-text/jobs",
        "queue resend job-1",
        "state write jobs/job-1.json",
    ]
    assert messages(world) == [(JobMessage("job-1", 1).encode(), 3.0)]


def test_the_message_is_hidden_meanwhile(world: World) -> None:
    world.drop("a.txt", letter(1), announce=False)
    hidden = []

    def look_before_the_request(call: Call) -> None:
        if (call.action, call.moment) == ("POST", "before"):
            hidden.extend(messages(world))

    world.gate = look_before_the_request
    world.app.submitter.submit("a.txt")
    assert hidden == [(JobMessage("job-1", 0).encode(), HIDDEN)]


def test_a_second_event_submits_nothing(world: World) -> None:
    """The document's record names a job that is under way; the job of the second event ends at once."""
    world.drop("a.txt", letter(1), announce=False)
    world.app.submitter.submit("a.txt")
    world.app.submitter.submit("a.txt")
    assert accepted(world) == [1]
    assert [job.id for job in world.app.parts.records.list_jobs()] == ["job-1"]
    world.run()
    world.check_right("a.txt")
    world.check_quiet()


# --- A long document ---


def test_a_long_document_is_opened_as_several_jobs(world: World) -> None:
    """It is claimed when all of them are there, and sends nothing itself: the job queue's trigger does."""
    world.drop("long.txt", LONG, announce=False)
    assert submitting(world, "long.txt") == [
        "intake read long.txt",
        "state read documents/long.txt",
        "queue send job-1.0",
        "state write jobs/job-1.0.json",
        "queue send job-1.1",
        "state write jobs/job-1.1.json",
        "queue send job-1.2",
        "state write jobs/job-1.2.json",
        "state write documents/long.txt",
        "queue resend job-1.0",
        "queue resend job-1.1",
        "queue resend job-1.2",
    ]
    assert messages(world) == [(JobMessage(f"job-1.{number}", 0).encode(), 0.0) for number in range(3)]


def test_a_long_documents_jobs_share_an_owner(world: World) -> None:
    world.drop("long.txt", LONG, announce=False)
    world.app.submitter.submit("long.txt")
    records = world.app.parts.records
    jobs = [records.job(f"job-1.{number}")[0] for number in range(3)]
    assert [(job.owner, job.state, [chunk.index for chunk in job.chunks]) for job in jobs] == [
        ("job-1", JobState.WAITING, [number]) for number in range(3)
    ]
    world.run()
    world.check_right("long.txt")
    world.check_quiet()


def test_a_long_document_is_opened_once(world: World) -> None:
    world.drop("long.txt", LONG, announce=False)
    world.app.submitter.submit("long.txt")
    again = ["intake read long.txt", "state read documents/long.txt", "state list jobs/job-1"]
    assert submitting(world, "long.txt") == again


# --- What comes in between ---


def test_a_late_claim_gets_its_own_job(world: World) -> None:
    """The job's message may have come back by then, and found a document that nobody had claimed."""
    world.drop("a.txt", letter(1), announce=False)

    def be_slow(call: Call) -> None:
        if (call.action, call.name, call.moment) == ("write", "documents/a.txt", "after"):
            world.gate = None
            world.clock.advance(HIDDEN)

    world.gate = be_slow
    world.app.submitter.submit("a.txt")
    record, _ = world.app.parts.records.document("a.txt")
    assert record is not None
    assert [(entry.event, entry.job) for entry in record.history] == [("claimed", "job-1"), ("claimed", "job-2")]
    assert accepted(world) == [1]
    world.run()
    world.check_right("a.txt")
    world.check_quiet()
    assert accepted(world) == [1]


def test_a_request_is_not_sent_too_late(world: World) -> None:
    """With less than an exchange left of the reservation somebody else may be about to submit the job."""
    world.drop("a.txt", letter(1), announce=False)

    def be_slow(call: Call) -> None:
        if (call.action, call.name, call.moment) == ("write", "documents/a.txt", "after"):
            world.gate = None
            world.clock.advance(HIDDEN - 1)

    world.gate = be_slow
    world.app.submitter.submit("a.txt")
    assert accepted(world) == []
    job, _ = world.app.parts.records.job("job-1")
    assert (job.state, job.submissions, job.reserved_until) == (JobState.WAITING, 0, None)
    world.run()
    world.check_right("a.txt")
    assert accepted(world) == [1]
