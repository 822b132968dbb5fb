"""Every five minutes: jobs that nobody drives get a message, and what the storage refused is tried again."""

import logging
from datetime import timedelta

import pytest

from functions.core.jobs import JobMessage
from functions.core.time_limits import EXTRA_MESSAGE, SWEEP_GRACE
from tests.support.scenarios import accepted, lines, numbered_jobs
from tests.support.world import World, letter
from tests.workflows.faults.test_refused_documents import refuse

DATES = "state read index/deployments.json"
"""When deployments expire, for the metric."""


@pytest.fixture
def world() -> World:
    return World(new_id=numbered_jobs())


def submit_and_lose_the_message(world: World) -> None:
    """Leave a running job that nobody is going to poll."""
    world.drop("a.txt", letter(1))
    world.step()
    (message,) = world.jobs.messages
    world.jobs.delete(message)


def test_an_overdue_job_is_put_back(world: World, caplog: pytest.LogCaptureFixture) -> None:
    submit_and_lose_the_message(world)
    world.clock.advance(600)
    assert world.sweep() == 1
    assert [message.text for message in world.jobs.messages] == [JobMessage("job-1", 1).encode()]
    assert [line.levelno for line in lines(caplog, "job_swept")] == [logging.WARNING]
    world.run()
    world.check_right("a.txt")
    world.check_quiet()
    assert accepted(world) == [1]


def test_a_job_put_back_is_due_later(world: World) -> None:
    """So that the next sweeps leave it alone while its message lives."""
    world.sweep()  # When deployments expire is known then.
    submit_and_lose_the_message(world)
    world.clock.advance(600)
    assert world.calls_of(world.sweep) == [
        "state list jobs/",
        "state read jobs/job-1.json",
        "state write jobs/job-1.json",
        "queue send job-1",
        "state write jobs/job-1.json",
        "state list refused/",
        DATES,
    ]
    job, _ = world.app.parts.records.job("job-1")
    assert (job.step, job.due) == (1, world.clock() + EXTRA_MESSAGE)
    assert world.sweep() == 0


def test_a_job_on_time_is_not_touched(world: World) -> None:
    """Up to its grace, a job's message may be on its way; a listing is enough to see that."""
    world.sweep()
    submit_and_lose_the_message(world)
    job, _ = world.app.parts.records.job("job-1")
    world.clock.advance((job.due + SWEEP_GRACE - world.clock()).total_seconds())
    assert world.calls_of(world.sweep) == ["state list jobs/", "state list refused/", DATES]
    world.clock.advance(0.001)
    assert world.sweep() == 1


def test_a_refused_document_is_tried_again(world: World) -> None:
    """As after a moment without a role: nothing is remembered once it is over."""
    world.gate = refuse("a.txt")
    world.drop("a.txt", letter(1))
    world.run()
    assert [listed.code for listed in world.app.parts.records.list_refusals()] == ["AuthorizationPermissionMismatch"]
    world.sweep()
    assert accepted(world) == []
    world.gate = None
    world.run_for(timedelta(minutes=5))
    world.sweep()
    world.run()
    world.check_right("a.txt")
    assert list(world.app.parts.records.list_refusals()) == []


def test_the_sweep_logs_what_is_under_way(world: World, caplog: pytest.LogCaptureFixture) -> None:
    submit_and_lose_the_message(world)
    world.clock.advance(600)
    world.sweep()
    (line,) = lines(caplog, "sweep")
    counts = {name: getattr(line, name) for name in ("waiting", "overdue", "put_back", "failed", "complete")}
    assert counts == {"waiting": 1, "overdue": 1, "put_back": 1, "failed": 0, "complete": True}
