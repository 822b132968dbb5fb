"""A job's message takes the job one step further: it is submitted while it waits, and asked for while it runs."""

import logging
from datetime import timedelta

import msgspec
import pytest

from functions.core.jobs import Job, JobMessage, JobState
from functions.core.work import FIRST_RELEASE, WorkSpec, work_of
from functions.errors import Missing
from local.language_service.behaviour import Behaviour
from tests.support.scenarios import LONG, accepted, lines, numbered_jobs
from tests.support.world import World, letter

LEDGER = "budget/loans.cognitiveservices.azure.com.json"
REQUESTS = "budget/requests/loans.cognitiveservices.azure.com.json"


@pytest.fixture
def world() -> World:
    return World(new_id=numbered_jobs())


def only_job(world: World) -> Job:
    """Return the only job of the world, as it is recorded."""
    records = world.app.parts.records
    (listed,) = records.list_jobs()
    return records.job(listed.id)[0]


def store(world: World, job: Job) -> None:
    """Record a job over what there is."""
    records = world.app.parts.records
    records.save_job(job, records.job(job.id)[1])


def to_next_message(world: World) -> None:
    """Let time pass until a message is visible, and process it."""
    upcoming = world.next_message_at()
    assert upcoming is not None
    world.clock.advance((upcoming - world.clock()).total_seconds())
    assert world.step()


def advancing(world: World, text: str | bytes) -> list[str]:
    """Let the app process a message, and return the calls that it took."""
    return world.calls_of(lambda: world.app.poller.advance(text))


# --- From the submission to the result ---


def test_a_job_is_polled_until_it_is_done() -> None:
    world = World(behaviour=Behaviour(job_seconds=(4.0, 4.0)))
    world.drop("a.txt", letter(1))
    world.step()
    submitted = only_job(world)
    assert (submitted.state, submitted.step, submitted.polls) == (JobState.RUNNING, 1, 0)

    to_next_message(world)
    polled = only_job(world)
    assert (polled.state, polled.step, polled.polls) == (JobState.RUNNING, 2, 1)
    assert polled.running_since == world.clock()
    assert world.entities("a.txt") is None

    world.run()
    world.check_right("a.txt")
    world.check_quiet()


def test_the_last_poll_writes_the_result(world: World) -> None:
    """Health first, so that other jobs learn of the success, and the job's record last."""
    world.drop("a.txt", letter(1))
    world.step()
    world.clock.advance(60)
    (message,) = world.jobs.messages
    assert advancing(world, message.text) == [
        "state read jobs/job-1.json",
        f"state read {REQUESTS}",
        "service GET /language/analyze-text/jobs/service-job-1",
        f"state write {LEDGER}",
        "output write a.txt.entities.json",
        "state write documents/a.txt",
        "state delete jobs/job-1.json",
    ]
    world.check_right("a.txt")


def test_a_waiting_job_is_reserved_and_submitted(world: World) -> None:
    """As one that was throttled: message and reservation come before the request, and the document counts it."""
    world.script("throttle-429", method="POST")
    world.drop("a.txt", letter(1))
    world.step()
    waiting = only_job(world)
    assert (waiting.state, waiting.submissions) == (JobState.WAITING, 0)

    world.clock.advance(60)
    assert advancing(world, JobMessage(waiting.id, waiting.step).encode()) == [
        "state read jobs/job-1.json",
        f"state read {LEDGER}",
        f"state read {REQUESTS}",
        f"state write {REQUESTS}",
        "state read documents/a.txt",
        "intake read a.txt",
        "queue send job-1",
        "state write jobs/job-1.json",
        "service POST /language/analyze-text/jobs",
        "queue resend job-1",
        "state write jobs/job-1.json",
    ]
    assert (only_job(world).state, only_job(world).submissions) == (JobState.RUNNING, 1)


# --- Messages that ask for nothing ---


@pytest.mark.parametrize("text", ["nonsense", b"\xff", '{"job":"j1"}'])
def test_an_unknown_message_is_discarded(world: World, text: str | bytes, caplog: pytest.LogCaptureFixture) -> None:
    assert advancing(world, text) == []
    assert [line.levelno for line in lines(caplog, "message_discarded")] == [logging.ERROR]


def test_the_message_of_an_ended_job_is_dropped(world: World) -> None:
    assert advancing(world, JobMessage("ended", 3).encode()) == ["state read jobs/ended.json"]
    assert world.jobs.messages == []


def test_an_outdated_message_does_nothing(world: World) -> None:
    world.drop("a.txt", letter(1))
    world.step()
    job = only_job(world)
    assert advancing(world, JobMessage(job.id, job.step - 1).encode()) == ["state read jobs/job-1.json"]
    assert only_job(world) == job


def test_an_unreadable_job_is_quarantined(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.state.write("jobs/j1.json", b"damaged")
    world.app.poller.advance(JobMessage("j1", 0).encode())
    assert [info.name for info in world.state.list()] == ["set-aside/jobs/j1.json"]
    assert [line.levelno for line in lines(caplog, "record_quarantined")] == [logging.ERROR]
    with pytest.raises(Missing):
        world.app.parts.records.job("j1")


# --- Which work a job does ---


def work_in(world: World) -> WorkSpec:
    return work_of(world.app.parts.settings)


def test_a_waiting_job_follows_a_correction() -> None:
    """The deployment was misspelt; the documents that wait for it go on with the right one."""
    world = World(
        settings={"LANGUAGE_DEPLOYMENT": "prodution"}, behaviour=Behaviour(deployments=frozenset({"production"}))
    )
    world.drop("a.txt", letter(1))
    world.run_for(timedelta(minutes=5))
    assert (only_job(world).state, only_job(world).work) == (JobState.WAITING, work_in(world))

    world.restart(LANGUAGE_DEPLOYMENT="production")
    world.run()
    world.check_right("a.txt")
    world.check_quiet()
    result = world.entities("a.txt")
    assert result is not None
    assert result["model"]["deployment"] == "production"
    assert accepted(world) == [1]


def test_a_correction_leaves_offsets_in_their_unit() -> None:
    """The places of a long document's chunks were measured when it was read; another unit is for new documents."""
    world = World(
        settings={"LANGUAGE_DEPLOYMENT": "prodution"}, behaviour=Behaviour(deployments=frozenset({"production"}))
    )
    world.drop("long.txt", "\N{GRINNING FACE}" * 10 + LONG)
    world.run_for(timedelta(minutes=5))
    world.restart(LANGUAGE_DEPLOYMENT="production", STRING_INDEX_TYPE="Utf16CodeUnit")
    world.run()
    world.check_right("long.txt")
    assert (world.entities("long.txt") or {})["stringIndexType"] == "UnicodeCodePoint"


def test_a_deferred_job_keeps_its_work(world: World) -> None:
    """Nothing was wrong with it: the settings of now are for documents that are read now."""
    world.script("throttle-429", method="POST")
    world.drop("a.txt", letter(1))
    world.step()
    world.restart(LANGUAGE_DEPLOYMENT="newer")
    world.drop("b.txt", letter(2))
    world.run()
    deployments = [(world.entities(name) or {})["model"]["deployment"] for name in ("a.txt", "b.txt")]
    assert deployments == ["production", "newer"]


@pytest.mark.parametrize("state", JobState)
def test_first_release_jobs_follow_the_settings(world: World, state: JobState) -> None:
    """It does not say what is to be done: that was always what the settings say."""
    if state is JobState.WAITING:
        world.script("throttle-429", method="POST")
    world.drop("a.txt", letter(1))
    world.step()
    job = only_job(world)
    assert job.state is state
    store(world, msgspec.structs.replace(job, work=FIRST_RELEASE))
    world.run()
    world.check_right("a.txt")
    world.check_quiet()
    result = world.entities("a.txt")
    assert result is not None
    assert result["model"] == {"apiVersion": "2023-04-01", "project": "loans", "deployment": "production"}
