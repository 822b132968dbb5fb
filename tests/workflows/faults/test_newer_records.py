"""A newer release works beside this one: what it has written is left alone, and nothing is lost for it."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from functions.storage.containers import BlobInfo
from functions.storage.ledger_store import LEDGERS
from functions.storage.record_format import VERSION
from functions.storage.record_store import REFUSED, refusal_key
from tests.support.world import World, letter

NEWER = VERSION + 1
MINUTE = timedelta(minutes=1)


class NewerRelease:
    """Writes records as a newer release would, and as this one would again."""

    def __init__(self, world: World) -> None:
        self._state = world.state

    def write(self, name: str, version: int = NEWER, **changes: Any) -> BlobInfo:
        """Write a record anew with another version and what this release does not know; return what a look shows."""
        blob = self._state.read(name)
        record = json.loads(blob.data) | {"version": version, "unknown": [1]} | changes
        metadata = {**blob.info.metadata, "version": str(version)}
        metadata |= {key: value for key, value in changes.items() if key in metadata}
        self._state.write(name, json.dumps(record).encode(), metadata=metadata)
        return self._state.get_properties(name)

    def hand_over(self, name: str) -> None:
        """Write a record so that this release may go on with it."""
        self.write(name, VERSION)


@pytest.fixture
def newer(world: World) -> NewerRelease:
    return NewerRelease(world)


def job_of(world: World) -> str:
    """Return the name of the only job's record."""
    (info,) = world.state.list("jobs/")
    return str(info.name)


def submitted(world: World, *names: str) -> str:
    """Drop documents that share a job, submit them, and return the name of the job's record."""
    for name in names:
        world.drop(name, letter(len(name)), announce=False)
    world.deliver_together(*names)
    return job_of(world)


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [vars(line) for line in caplog.records if getattr(line, "action", "") == "newer_record"]


def actions(caplog: pytest.LogCaptureFixture) -> set[str]:
    return {str(getattr(line, "action", "")) for line in caplog.records}


@pytest.fixture(autouse=True)
def _nothing_is_quarantined_or_reported(world: World, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    assert not {"record_quarantined", "document_failed", "document_unprocessable", "job_faulted"} & actions(caplog)
    assert not list(world.state.list("set-aside/"))


# --- Jobs ---


def test_message_of_a_newer_job_comes_back(world: World, newer: NewerRelease, caplog: pytest.LogCaptureFixture) -> None:
    job = submitted(world, "a.txt", "bb.txt")
    left = newer.write(job)
    world.run_for(10 * MINUTE)
    assert world.state.get_properties(job) == left
    assert (len(world.jobs.messages), len(world.poisoned_jobs.messages)) == (1, 0)
    assert 8 <= len(lines(caplog)) <= 10, "once a minute"
    assert lines(caplog)[0]["job"] == job[len("jobs/") : -len(".json")]
    newer.hand_over(job)
    world.settle()
    world.check_right("a.txt", "bb.txt")
    world.check_quiet()


def test_poisoned_message_of_a_newer_job_comes_back(world: World, newer: NewerRelease) -> None:
    job = submitted(world, "a.txt")
    left = newer.write(job)
    (message,) = world.jobs.messages
    world.jobs.delete(message)
    world.poisoned_jobs.put(message.text)
    world.run_for(2 * MINUTE)
    assert world.state.get_properties(job) == left
    assert (len(world.jobs.messages), len(world.poisoned_jobs.messages)) == (1, 0)


def test_sweep_leaves_newer_jobs_alone(world: World, newer: NewerRelease, caplog: pytest.LogCaptureFixture) -> None:
    left = []
    for name in ("a.txt", "b.txt"):
        world.drop(name, letter(len(left)))
        world.run_for(timedelta(seconds=1))
    left = [newer.write(info.name) for info in list(world.state.list("jobs/"))]
    for message in world.jobs.messages:
        world.jobs.delete(message)
    world.clock.advance(600)
    assert world.sweep() == 0
    assert [world.state.get_properties(info.name) for info in left] == left
    assert world.jobs.messages == []
    (line,) = lines(caplog)
    assert (line["run"], line["count"]) == ("sweep", 2)
    assert "repair_failed" not in actions(caplog)


# --- Documents ---


def test_job_with_a_newer_document_record_waits(world: World, newer: NewerRelease) -> None:
    """The newer release has written the record under the same owner: what it knows about it may matter."""
    job = submitted(world, "a.txt", "bb.txt")
    left = newer.write("documents/a.txt")
    world.run_for(10 * MINUTE)
    assert world.state.get_properties("documents/a.txt") == left
    assert json.loads(world.state.read(job).data).get("faults", 0) == 0
    newer.hand_over("documents/a.txt")
    world.settle()
    world.check_right("a.txt", "bb.txt")
    world.check_quiet()


def test_newer_owner_stops_no_neighbours(world: World, newer: NewerRelease) -> None:
    submitted(world, "a.txt", "bb.txt")
    left = newer.write("documents/a.txt", owner="another")
    world.run()
    world.check_right("bb.txt")
    world.check_quiet()
    assert world.state.get_properties("documents/a.txt") == left


def test_waiting_job_leaves_out_newer_owners(world: World, newer: NewerRelease) -> None:
    world.script("throttle-429", method="POST")
    submitted(world, "a.txt", "bb.txt")
    newer.write("documents/a.txt", owner="another")
    world.run()
    world.check_right("bb.txt")
    world.check_quiet()
    assert world.submissions_of(letter(len("a.txt"))) == 0


def test_event_of_newer_record_comes_back(world: World, newer: NewerRelease, caplog: pytest.LogCaptureFixture) -> None:
    """Five failures at once put it on the poison queue, whose message is put back for a minute each time."""
    world.drop("a.txt", letter(1))
    world.settle()
    left = newer.write("documents/a.txt")
    world.drop("a.txt", letter(2))
    world.run_for(30 * MINUTE)
    assert world.state.get_properties("documents/a.txt") == left
    assert (len(world.events.messages), len(world.poisoned_events.messages)) == (0, 1)
    assert len(lines(caplog)) > 20
    newer.hand_over("documents/a.txt")
    world.settle()
    world.check_right("a.txt")
    world.check_quiet()
    assert world.submissions_of(letter(2)) == 1


@pytest.mark.long
def test_chunk_of_a_newer_release_waits(world: World, newer: NewerRelease) -> None:
    text = "\n".join(letter(number) for number in range(4_000))
    world.drop("long.txt", text)
    while not list(world.state.list("pieces/")):
        assert world.step() or world.clock.advance(1) is None
    (first, *_) = world.state.list("pieces/")
    newer.write(first.name)
    world.run_for(20 * MINUTE)
    assert world.entities("long.txt") is None
    newer.hand_over(first.name)
    world.settle()
    world.check_right("long.txt")
    world.check_quiet()


# --- Reconcile, refusals, health ---


def test_reconcile_leaves_newer_records_alone(
    world: World, newer: NewerRelease, caplog: pytest.LogCaptureFixture
) -> None:
    """One without an active owner, one without its result, one whose document was replaced, one without a document."""
    names = ["unowned.txt", "without-result.txt", "replaced.txt", "deleted.txt"]
    for number, name in enumerate(names):
        world.drop(name, letter(number))
    world.settle()
    left = [
        newer.write("documents/unowned.txt", state="pending"),
        *(newer.write(f"documents/{name}") for name in names[1:]),
    ]
    world.output.delete("without-result.txt.entities.json")
    world.drop("replaced.txt", letter(9), announce=False)
    world.remove("deleted.txt")
    submissions = len(world.service.counters.ledger)
    tally = world.reconcile()
    world.run()
    assert [world.state.get_properties(info.name) for info in left] == left
    assert len(world.service.counters.ledger) == submissions
    assert (tally.dropped, tally.is_complete) == (0, True)
    (line,) = lines(caplog)
    assert (line["run"], line["count"]) == ("reconcile", 3)
    assert "repair_failed" not in actions(caplog)


def test_newer_refusal_is_left_alone(world: World, newer: NewerRelease) -> None:
    world.drop("a.txt", letter(1), announce=False)
    world.app.rescue._repairs.refusals.note("a.txt", "AuthorizationFailure")
    left = newer.write(f"{REFUSED}{refusal_key('a.txt')}.json")
    world.clock.advance(600)
    world.sweep()
    assert world.state.get_properties(left.name) == left


@pytest.mark.parametrize("number", [0, 1], ids=["health", "requests"])
def test_newer_ledger_is_not_overwritten(world: World, newer: NewerRelease, number: int) -> None:
    world.drop("a.txt", letter(1))
    world.settle()
    left = newer.write(list(world.state.list(LEDGERS))[number].name)
    world.restart()
    world.drop("b.txt", letter(2))
    world.settle()
    world.check_right("a.txt", "b.txt")
    assert world.state.get_properties(left.name) == left
