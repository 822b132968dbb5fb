"""What the chaos run found, made to happen by hand: races of two workers, a worker that dies, the longest name."""

from collections.abc import Callable
from datetime import timedelta

import msgspec

from functions.core.jobs import Job, JobMessage, JobState
from functions.storage.record_store import RecordStore
from tests.support.world import Call, World, letter


def test_lost_end_keeps_message() -> None:
    """One worker has sent the next message and not yet saved its wait; another is woken by it and finds the job done.

    The wait is saved first, so the end may not delete the record; the only message is the one that it consumed.
    """
    world, (job, etag) = running("a.txt")
    waiting = msgspec.structs.replace(job, step=job.step + 1, due=world.clock())
    in_between(world, "delete", lambda: states(world).save_job(waiting, etag))
    world.jobs.put(JobMessage(job.id, waiting.step).encode())
    assert world.step()
    assert [stored.step for stored in jobs(world)] == [waiting.step], "the wait has won"
    # No sweep has a part in this.
    world.run()
    world.check_right("a.txt")
    world.check_quiet()


def test_lost_race_cancels_nothing() -> None:
    """Two workers find a job still running, and only one of them finds that it has run for too long."""
    world, (job, etag) = running("a.txt", fate="stuck")
    world.clock.advance(timedelta(minutes=61).total_seconds())
    goes_on = msgspec.structs.replace(job, step=job.step + 1, due=world.clock() + timedelta(seconds=30))
    in_between(world, "write", lambda: states(world).save_job(goes_on, etag))
    world.jobs.put(JobMessage(job.id, job.step).encode())
    assert world.step()
    assert [stored.operation_url for stored in jobs(world)] == [job.operation_url], "the other worker has won"
    assert not [exchange for exchange in world.exchanges("POST") if exchange.path.partition("?")[0].endswith(":cancel")]


def test_crash_at_opening_leaves_message() -> None:
    """A worker that dies while it opens a job leaves no record without a message."""
    world = World()
    world.drop("a.txt", letter(1), announce=False)
    seen: list[tuple[int, int]] = []
    world.gate = lambda call: seen.append((len(jobs(world)), len(world.jobs.messages)))
    world.deliver_together("a.txt")
    assert max(records for records, _ in seen) == 1
    assert all(messages for records, messages in seen if records)


def test_longest_name_counts_as_done() -> None:
    """Its record's name is shortened, so that no listing tells whose record it is."""
    world = World()
    name = "long-" * 204 + "name"
    world.drop(name, letter(1))
    world.run()
    tally = world.reconcile()
    assert (tally.done, tally.pending, tally.submitted) == (1, 0, 0)
    world.check_right(name)


def running(name: str, fate: str | None = None) -> tuple[World, tuple[Job, str]]:
    """Return a world in which a document's job has been submitted, and the job, whose message nobody has any more."""
    world = World()
    if fate:
        world.script(fate)
    world.drop(name, letter(1), announce=False)
    world.deliver_together(name)
    world.clock.advance(10)
    message = world.jobs.receive()
    assert message
    world.jobs.delete(message)
    (job,) = jobs(world)
    assert job.state is JobState.RUNNING
    return world, states(world).job(job.id)


def states(world: World) -> RecordStore:
    """The records as another worker sees them, past the gate."""
    return RecordStore(world.state)


def jobs(world: World) -> list[Job]:
    return [states(world).job(listed.id)[0] for listed in states(world).list_jobs()]


def in_between(world: World, action: str, act: Callable[[], object]) -> None:
    """Let another worker act once, right before the app does `action` with a job's record."""
    is_over = False

    def gate(call: Call) -> None:
        nonlocal is_over
        is_it = (call.place, call.action, call.moment) == ("state", action, "before") and call.name.startswith("jobs/")
        if is_it and not is_over:
            is_over = True
            act()

    world.gate = gate


def test_lost_wait_keeps_message() -> None:
    """One worker has sent the next message and not yet saved its wait; another is woken by it and loses the race.

    The only message of the wait that was saved is the one which the loser consumes.
    """
    world, (job, etag) = running("a.txt", fate="stuck")
    waiting = msgspec.structs.replace(job, step=job.step + 1, due=world.clock() + timedelta(seconds=1))
    in_between(world, "write", lambda: states(world).save_job(waiting, etag))
    world.jobs.put(JobMessage(job.id, waiting.step).encode())
    assert world.step()
    assert [stored.step for stored in jobs(world)] == [waiting.step], "the other worker has won"
    assert world.jobs.messages, "nobody but the sweep would find the job"
