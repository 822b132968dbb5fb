"""What repairs: the sweep for jobs, the comparison for documents, the rescue for poisoned messages."""

import contextlib
import itertools
import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError, ServiceRequestError

from functions.core.listings import side_by_side, sort_key
from functions.core.planning import MAX_FAULTS
from functions.core.results import entities_name, error_name
from functions.core.time_limits import EXTRA_MESSAGE, SWEEP_GRACE
from functions.storage.containers import BlobInfo
from functions.storage.memory_containers import MemoryContainer
from local.stand_in.in_process import MovableClock
from tests.support.examples import examples
from tests.support.scenarios import accepted, lines
from tests.support.world import Call, Crash, World, letter
from tests.workflows.faults.test_refused_documents import refuse


def lose_all_messages(world: World) -> None:
    for message in world.jobs.messages:
        world.jobs.delete(message)


# --- Sweep ---


def test_sweep_restores_lost_message(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.drop("a.txt", letter(1))
    world.step()
    lose_all_messages(world)
    world.clock.advance(600)
    assert world.sweep() == 1
    assert len(world.jobs.messages) == 1
    (line,) = lines(caplog, "job_swept")
    assert line.levelno == logging.WARNING
    world.run()
    world.check_right("a.txt")
    world.check_quiet()
    assert world.submissions_of(letter(1)) == 1


def test_sweep_grace_is_inclusive(world: World) -> None:
    """A job is overdue after its grace, not at its end."""
    world.drop("a.txt", letter(1))
    world.step()
    lose_all_messages(world)
    (job,) = world.app.parts.records.list_jobs()
    world.clock.advance((job.due + SWEEP_GRACE - world.clock()).total_seconds())
    assert world.sweep() == 0
    world.clock.advance(0.001)
    assert world.sweep() == 1


def test_sweep_keeps_job_on_time(world: World) -> None:
    world.faults.rates = {"quota-403@POST": 1.0}
    world.drop("waits.txt", letter(1))
    world.run_for(timedelta(minutes=1))
    world.sweep()
    before = [(info.name, info.etag) for info in world.state.list()]
    messages = world.jobs.messages
    for _ in range(20):
        world.clock.advance(300)
        assert world.sweep() == 0
    assert [(info.name, info.etag) for info in world.state.list()] == before
    assert world.jobs.messages == messages


def test_second_sweep_restores_nothing(world: World) -> None:
    for number in range(5):
        world.drop(f"{number}.txt", letter(number))
    for _ in range(5):
        world.step()
    lose_all_messages(world)
    world.clock.advance(600)
    assert world.sweep() == 5
    assert world.sweep() == 0
    assert len(world.jobs.messages) == 5


def test_two_sweeps_restore_each_job_once(world: World) -> None:
    """The other instance sweeps in the middle of ours, at each of its calls in turn."""
    for number in itertools.count(1):
        world, passed = World(), 0
        for document in range(3):
            world.drop(f"{document}.txt", letter(document))
            world.step()
        lose_all_messages(world)
        world.clock.advance(600)
        other = world.start_worker(gate=lambda call: None)

        def gate(call: Call, number: int = number, world: World = world, other: Any = other) -> None:
            nonlocal passed
            passed += 1
            if passed == number:
                other.app.sweep.run()

        world.gate = gate
        world.sweep()
        assert len(world.jobs.messages) == 3, number
        if passed < number:
            break
    assert number > 6


def test_idle_queue_gains_hourly_message(world: World) -> None:
    """While the queue's consumers are down a job has its own message, and one more that expires within the hour."""
    for number in range(3):
        world.drop(f"{number}.txt", letter(number))
        world.step()
    most = 0
    for _ in range(2 * 12 + 6):
        world.clock.advance(300)
        world.sweep()
        most = max(most, len(world.jobs.messages))
    assert most == 2 * 3
    world.run()
    world.check_right("0.txt", "1.txt", "2.txt")
    world.check_quiet()
    assert [world.submissions_of(letter(number)) for number in range(3)] == [1, 1, 1]


def test_sweep_restores_message_twice(world: World) -> None:
    """The sweep's own message was lost, too."""
    world.drop("a.txt", letter(1))
    world.step()
    lose_all_messages(world)
    world.clock.advance(600)
    assert world.sweep() == 1
    lose_all_messages(world)
    world.clock.advance((EXTRA_MESSAGE + SWEEP_GRACE).total_seconds())
    assert world.sweep() == 0
    world.clock.advance(0.001)
    assert world.sweep() == 1
    world.run()
    world.check_right("a.txt")


@pytest.mark.parametrize("metadata", [{}, {"due": "soon"}, {"due": "2025-01-15T12:00:00"}])
def test_sweep_restores_undated_job(world: World, metadata: dict[str, str]) -> None:
    """A tool has damaged the metadata; the record itself says when the job is due."""
    for name in ("bad.txt", "good.txt"):
        world.drop(name, letter(1 if name == "bad.txt" else 2))
        world.step()
    (bad, _) = sorted(world.state.list("jobs/"), key=lambda info: info.last_modified)
    dated = dict.fromkeys(("due", "created"), "2025-01-15T12:00:00+00:00") | {"pieces": "1"}
    world.state.write(bad.name, world.state.read(bad.name).data, metadata={**dated, **metadata} if metadata else {})
    lose_all_messages(world)
    world.clock.advance(600)
    assert world.sweep() == 2
    world.run()
    world.check_right("bad.txt", "good.txt")


class ListingBreaks(MemoryContainer):
    """A container whose listings fail after some blobs, while it is out of order."""

    after = 0
    is_out_of_order = False

    def list(self, prefix: str = "") -> Iterator[BlobInfo]:
        for number, info in enumerate(super().list(prefix)):
            if self.is_out_of_order and number >= self.after:
                raise ServiceRequestError("connection reset")
            yield info


def test_sweep_uses_partial_listing(caplog: pytest.LogCaptureFixture) -> None:
    clock = MovableClock()
    state = ListingBreaks(clock)
    world = World(clock=clock, state=state)
    for number in range(4):
        world.drop(f"{number}.txt", letter(number))
        world.step()
    lose_all_messages(world)
    clock.advance(600)
    state.is_out_of_order, state.after = True, 2
    assert world.sweep() == 2
    (line,) = lines(caplog, "sweep")
    assert "not complete" in line.getMessage()
    assert lines(caplog, "repair_failed")[0].code == "StorageUnreachable"  # type: ignore[attr-defined]
    state.is_out_of_order = False
    world.settle()
    world.check_right(*(f"{number}.txt" for number in range(4)))


@pytest.mark.parametrize("which", ["intake", "output", "state"])
@pytest.mark.parametrize("after", [0, 1, 3])
def test_reconcile_uses_partial_listing(which: str, after: int) -> None:
    """Half a listing shows the other half as missing: nothing is withdrawn, forgotten or submitted for that."""
    clock = MovableClock()
    stores = {place: ListingBreaks(clock) for place in ("intake", "output", "state")}
    world = World(clock=clock, **stores)  # type: ignore[arg-type]
    done = [f"done-{number}.txt" for number in range(5)]
    for number, name in enumerate(done):
        world.drop(name, letter(number))
    world.run()
    for number in range(5):
        world.drop(f"new-{number}.txt", letter(10 + number), announce=False)
    stores[which].is_out_of_order, stores[which].after = True, after
    before = [(info.name, info.etag) for info in world.output.list()] if which != "output" else []
    tally = world.reconcile()
    assert not tally.is_complete
    assert tally.submitted == (5 if which == "output" else 0)
    stores[which].is_out_of_order = False
    world.run()
    assert [info for info in before if info not in [(info.name, info.etag) for info in world.output.list()]] == []
    world.reconcile()
    world.run()
    world.check_right(*done, *(f"new-{number}.txt" for number in range(5)))
    assert all(world.submissions_of(letter(number)) == 1 for number in range(5))


def test_killed_sweep_is_repeated() -> None:
    """Within minutes."""
    for number in itertools.count(1):
        world, passed = World(), 0
        world.drop("a.txt", letter(1))
        world.step()
        lose_all_messages(world)
        world.clock.advance(600)

        def gate(call: Call, number: int = number) -> None:
            nonlocal passed
            passed += 1
            if passed == number:
                raise Crash(f"killed {call}")

        world.gate = gate
        with contextlib.suppress(Crash):
            world.sweep()
        world.gate = None
        world.run()
        for _ in range(2):
            world.clock.advance(301)
            world.sweep()
            world.run()
        world.check_right("a.txt")
        world.check_quiet()
        assert world.submissions_of(letter(1)) == 1
        if passed < number:
            break
    assert number > 8


def test_failed_sweep_is_repeated(world: World) -> None:
    """What fails at one job is left to the next sweep."""
    for number in range(3):
        world.drop(f"{number}.txt", letter(number))
        world.step()
    lose_all_messages(world)
    world.clock.advance(600)
    failures = 1

    def gate(call: Call) -> None:
        nonlocal failures
        if call.place == "queue" and call.moment == "before" and failures:
            failures -= 1
            raise HttpResponseError("busy")

    world.gate = gate
    assert world.sweep() == 2
    world.settle()
    world.check_right("0.txt", "1.txt", "2.txt")
    world.check_quiet()


# --- Reconcile ---

PREFIX_NAMES = [
    "a",
    "a-1",
    "a.b",
    "a.entities.json",
    "a.entities.json.entities.json",
    "a.error.json",
    "a/b",
    "a b",
    "b",
]


def test_reconcile_finds_lost_events(world: World) -> None:
    for number in range(60):
        world.drop(f"{number}.txt", letter(number), announce=False)
    tally = world.reconcile()
    assert (tally.dropped, tally.pending, tally.submitted) == (60, 60, 60)
    world.run()
    world.check_right(*(f"{number}.txt" for number in range(60)))
    world.check_quiet()
    assert len(world.service.counters.ledger) == 3, "packed as full as they go"
    assert all(world.submissions_of(letter(number)) == 1 for number in range(60))


def test_reconcile_logs_right_sums(world: World, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(4):
        world.drop(f"done-{number}.txt", letter(number))
    world.drop("failed.txt", b"%PDF-1.7")
    world.run()
    world.drop("running.txt", letter(10))
    world.step()
    world.drop("lost.txt", letter(11), announce=False)
    tally = world.reconcile()
    assert (tally.dropped, tally.done, tally.failed, tally.pending, tally.submitted) == (7, 4, 1, 2, 1)
    (line,) = lines(caplog, "reconcile")
    assert line.levelno == logging.INFO
    assert {name: getattr(line, name) for name in ("dropped", "done", "failed", "pending", "submitted", "ignored")} == {
        "dropped": 7,
        "done": 4,
        "failed": 1,
        "pending": 2,
        "submitted": 1,
        "ignored": 0,
    }
    assert "7 dropped = 4 done + 1 failed + 2 pending" in line.getMessage()


@pytest.mark.parametrize("lost", [None, *PREFIX_NAMES])
def test_prefix_names_do_not_confuse_listings(lost: str | None, world: World) -> None:
    """The listings are sorted by different names: "a-1" is behind "a", its result before that of "a"."""
    for number, name in enumerate(PREFIX_NAMES):
        world.drop(name, letter(number) if number % 3 else b"%PDF-1.7")
    world.run()
    results = {name: entities_name(name) if world.entities(name) else error_name(name) for name in PREFIX_NAMES}
    assert sum(result.endswith(".error.json") for result in results.values()) == 3
    if lost:
        world.output.delete(results[lost])
    tally = world.reconcile()
    assert (tally.dropped, tally.submitted) == (len(PREFIX_NAMES), 1 if lost else 0)
    world.run()
    assert {info.name for info in world.output.list()} == set(results.values())
    tally = world.reconcile()
    assert (tally.done, tally.failed, tally.submitted) == (6, 3, 0)


def test_reconcile_finds_replaced_document(world: World) -> None:
    world.drop("a.txt", letter(1))
    world.run()
    world.drop("a.txt", letter(1, version=2), announce=False)
    assert world.reconcile().submitted == 1
    world.run()
    world.check_right("a.txt")


def test_reconcile_keeps_active_jobs(world: World) -> None:
    for number in range(5):
        world.drop(f"{number}.txt", letter(number))
        world.step()
    tally = world.reconcile()
    assert (tally.pending, tally.submitted) == (5, 0)


def test_reconcile_deletes_old_records(world: World) -> None:
    world.drop("a.txt", letter(1))
    world.drop("b.txt", letter(2))
    world.run()
    world.remove("a.txt")
    tally = world.reconcile()
    assert tally.dropped == 1
    assert [info.name for info in world.state.list("documents/")] == ["documents/b.txt"]
    assert world.entities("a.txt") is not None, "the result of a deleted document is its owner's"


def test_documents_before_date_are_ignored() -> None:
    """Unless they have been processed before."""
    world = World()
    world.drop("old.txt", letter(1), announce=False)
    world.drop("old-but-known.txt", letter(2))
    world.run()
    world.output.delete("old-but-known.txt.entities.json")
    world.clock.advance(24 * 3600)
    world.drop("new.txt", letter(3), announce=False)
    cut = world.clock() - timedelta(hours=1)
    world.restart(IGNORE_DOCUMENTS_BEFORE=cut.isoformat())
    tally = world.reconcile()
    assert (tally.dropped, tally.ignored, tally.submitted) == (2, 1, 2)
    world.run()
    world.check_right("new.txt", "old-but-known.txt")
    assert world.entities("old.txt") is None
    tally = world.reconcile()
    assert (tally.dropped, tally.done, tally.ignored, tally.submitted) == (2, 2, 1, 0)
    # An event for it still counts: somebody has asked for it.
    world.announce("old.txt")
    world.run()
    world.check_right("old.txt")


def test_unreadable_document_affects_no_others(world: World) -> None:
    world.gate = refuse("refused.txt")
    for number in range(30):
        world.drop(f"{number:02}.txt", letter(number), announce=False)
    world.drop("refused.txt", letter(100), announce=False)
    tally = world.reconcile()
    assert (tally.dropped, tally.submitted) == (31, 30)
    world.run()
    world.check_right(*(f"{number:02}.txt" for number in range(30)))
    assert accepted(world) == [25, 5], "nobody is submitted by himself because of it"


def test_reconcile_uses_half_the_budget() -> None:
    world = World(settings={"REQUESTS_PER_MINUTE": "60"})
    for number in range(100):
        world.drop(f"{number}.txt", letter(number), announce=False)
    start = world.clock()
    world.reconcile()
    # Four batches of 25, each three requests, at 30 requests a minute.
    assert world.clock() - start == timedelta(seconds=24)


def test_long_run_continues_next_time(caplog: pytest.LogCaptureFixture) -> None:
    world = World(settings={"REQUESTS_PER_MINUTE": "1"})
    for number in range(110):
        world.drop(f"{number:03}.txt", letter(number), announce=False)
    first = world.reconcile()
    assert not first.is_complete
    assert first.submitted == 100
    assert "not complete" in lines(caplog, "reconcile")[0].getMessage()
    second = world.reconcile()
    assert second.is_complete
    assert second.submitted == 10


class Tracked(dict[str, str]):
    """The metadata of a listed blob, which is there as long as somebody holds on to the blob."""

    alive = 0
    most = 0

    def __init__(self, **metadata: str) -> None:
        super().__init__(metadata)
        Tracked.alive += 1
        Tracked.most = max(Tracked.most, Tracked.alive)

    def __del__(self) -> None:
        Tracked.alive -= 1


class LazyContainer(MemoryContainer):
    """A container with very many blobs, each of which exists only while it is listed."""

    def __init__(self, count: int, pattern: str, **metadata: str) -> None:
        super().__init__()
        self._count, self._pattern, self._metadata = count, pattern, metadata
        self.listed = 0

    def list(self, prefix: str = "") -> Iterator[BlobInfo]:
        now = World().clock()
        for number in range(self._count):
            self.listed += 1
            name, etag = self._pattern.format(f"{number:06}"), f'"{number}"'
            yield BlobInfo(name, etag, now, 100, Tracked(source_etag=etag, **self._metadata))


def test_large_comparison_needs_little_memory() -> None:
    """100,000 documents, of which it holds on to a handful."""
    count = examples(100_000)
    intake = LazyContainer(count, "{}")
    state = LazyContainer(count, "documents/{}", state="done", owner="x")
    output = LazyContainer(count, "{}.entities.json")
    Tracked.alive = Tracked.most = 0
    tally = World(intake=intake, output=output, state=state).reconcile()
    assert (tally.dropped, tally.done, tally.submitted) == (count, count, 0)
    assert intake.listed >= count
    assert 1 < Tracked.most < 50


def test_merge_reads_listings_lazily() -> None:
    """It takes no more from a listing than it gives."""
    taken = 0

    def endless() -> Iterator[BlobInfo]:
        nonlocal taken
        for number in itertools.count():
            taken += 1
            yield BlobInfo(f"{number:09}", "", World().clock(), 0, {})

    pairs = side_by_side(endless(), endless())
    for number in range(10):
        left, right = next(pairs)
        assert left and right
        assert left.name == right.name == f"{number:09}"
    assert taken <= 22
    assert sort_key("\uff5e") > sort_key("\U0001f600"), "by UTF-16 units, as the storage sorts"


# --- Rescue ---


def poison(world: World, name: str) -> None:
    world.poisoned_events.put(world.event_text(name))


def test_poisoned_document_is_retried(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.drop("a.txt", letter(1), announce=False)
    poison(world, "a.txt")
    world.run()
    world.check_right("a.txt")
    world.check_quiet()
    assert len(lines(caplog, "document_rescued")) == 1


def test_failing_document_is_reported(world: World, caplog: pytest.LogCaptureFixture) -> None:
    def break_down(call: Call) -> None:
        if (call.place, call.action, call.name) == ("intake", "read", "odd.txt"):
            raise ZeroDivisionError

    world.gate = break_down
    world.drop("odd.txt", letter(1))
    world.drop("good.txt", letter(2))
    world.run()
    report = world.check_failed("odd.txt", "Unprocessable")
    assert "ZeroDivisionError" in report["error"]["message"]
    assert "document_unprocessable" in report["error"]["help"]
    assert lines(caplog, "document_unprocessable")[0].levelno == logging.ERROR
    world.check_right("good.txt")
    world.check_quiet()


def test_deleted_poisoned_document_leaves_nothing(world: World) -> None:
    poison(world, "gone.txt")
    world.run()
    world.check_quiet()
    assert list(world.output.list()) == []
    assert list(world.state.list()) == []


def test_finished_poisoned_document_is_kept(world: World) -> None:
    world.drop("a.txt", letter(1))
    world.run()
    before = world.output.get_properties("a.txt.entities.json").etag
    poison(world, "a.txt")
    world.run()
    assert world.output.get_properties("a.txt.entities.json").etag == before
    assert world.submissions_of(letter(1)) == 1


def test_failing_job_waits_ever_longer(world: World, caplog: pytest.LogCaptureFixture) -> None:
    failures = 12

    def break_down(call: Call) -> None:
        nonlocal failures
        if call.place == "output" and call.moment == "before" and failures:
            failures -= 1
            raise ZeroDivisionError

    world.gate = break_down
    world.drop("a.txt", letter(1))
    world.run()
    assert failures == 0
    world.check_right("a.txt")
    world.check_quiet()
    assert world.submissions_of(letter(1)) == 1
    assert len(lines(caplog, "job_faulted")) == 2
    assert len(lines(caplog, "job_step_failed")) == 12


def test_failing_job_reports_last_cause(world: World) -> None:
    """Its steps always fail; the cause is the last one that was recorded."""

    def break_down(call: Call) -> None:
        if (call.place, call.action) == ("output", "write") and call.name.endswith(".entities.json"):
            raise ZeroDivisionError

    world.gate = break_down
    world.drop("a.txt", letter(1))
    start = world.clock()
    world.run()
    report = world.check_failed("a.txt", "Fault")
    assert "ZeroDivisionError" in report["error"]["message"]
    assert world.submissions_of(letter(1)) == 1
    # Ten rounds of five attempts, half a minute apart, and growing waits between them.
    assert timedelta(minutes=20) < world.clock() - start < timedelta(hours=3)
    assert MAX_FAULTS == 10
    world.check_quiet()


def test_outdated_poison_message_is_dropped(world: World) -> None:
    world.drop("a.txt", letter(1))
    world.step()
    (message,) = world.jobs.messages
    job = json.loads(message.text)["job"]
    (before,) = world.state.list("jobs/")
    world.poisoned_jobs.put(json.dumps({"job": job, "step": 0}))
    while world.poisoned_jobs.messages:
        world.step()
    assert world.state.get_properties(before.name).etag == before.etag
    assert world.jobs.messages == [message]


def test_ended_jobs_poison_message_is_dropped(world: World) -> None:
    world.poisoned_jobs.put('{"job": "ended", "step": 1}')
    world.run()
    world.check_quiet()
    assert list(world.state.list()) == []
