"""Documents that come at about the same time share a job, where the service is asked the same about them."""

import json
import threading
from collections.abc import Callable
from datetime import datetime

import pytest

from functions.core.outcomes import DeferReason, Deferred
from functions.core.packing import MAX_REQUEST_DOCUMENTS
from functions.core.time_limits import LONGEST_BATCH_S
from functions.core.work import WorkSpec
from functions.text.chunks import ReadyChunk
from functions.text.splitting import MAX_REQUEST_CHARACTERS
from functions.workflows.batching import BUSY_RUNS, BUSY_S, MAX_WAITING, NEXT_AHEAD_S, Batch
from local.process import ROOT
from tests.support.material import PROBLEM, after, chunk, facts, work
from tests.support.scenarios import accepted
from tests.support.world import World, letter

WORK = work()


def item(name: str, spec: WorkSpec = WORK, text: str = "a letter", etag: str = '"0x1"') -> ReadyChunk:
    return ReadyChunk(chunk(name, etag), text, facts(name, etag), spec)


def joined(world: World, *items: ReadyChunk) -> list[list[str]]:
    """Let items join one after the other, and return the names in each batch that this opened."""
    batches = [batch for batch, _, is_leader in map(world.app.submitter.join, items) if is_leader]
    return [[one.facts.name for one in batch.items()] for batch in batches]


# --- From the document to the request ---


def test_documents_that_come_together_share_a_job(world: World) -> None:
    names = ["0.txt", "1.txt", "2.txt"]
    for number, name in enumerate(names):
        world.drop(name, letter(number), announce=False)
    world.deliver_together(*names)
    assert accepted(world) == [3]
    world.run()
    world.check_right(*names)
    world.check_quiet()


def test_a_lone_document_goes_by_itself(world: World) -> None:
    for number in range(2):
        world.drop(f"{number}.txt", letter(number), announce=False)
        world.app.submitter.submit(f"{number}.txt")
    assert accepted(world) == [1, 1]


# --- Who joins whom ---


def test_the_same_work_shares_a_batch(world: World) -> None:
    assert joined(world, item("a.txt"), item("b.txt"), item("c.txt")) == [["a.txt", "b.txt", "c.txt"]]


def test_different_work_does_not_share(world: World) -> None:
    """Each kind of work has an open batch of its own, which stays open beside the others."""
    german, other = work(DOCUMENT_LANGUAGE="de"), work(LANGUAGE_DEPLOYMENT="other")
    items = [
        item("a.txt"),
        item("b.txt", german),
        item("c.txt", other),
        item("d.txt"),
        item("e.txt", german),
        item("f.txt", other),
    ]
    assert joined(world, *items) == [["a.txt", "d.txt"], ["b.txt", "e.txt"], ["c.txt", "f.txt"]]


def test_a_full_batch_closes(world: World) -> None:
    names = [f"{number:02}.txt" for number in range(MAX_REQUEST_DOCUMENTS + 1)]
    assert joined(world, *map(item, names)) == [names[:-1], names[-1:]]


def test_text_without_room_opens_another_batch(world: World) -> None:
    """What comes later joins the newest batch: the earlier one is about to go."""
    half = "a" * (MAX_REQUEST_CHARACTERS // 2)
    items = [item("a.txt"), item("b.txt", text=half), item("c.txt", text=half), item("d.txt")]
    assert joined(world, *items) == [["a.txt", "b.txt"], ["c.txt", "d.txt"]]


def test_two_events_of_a_version_are_one_entry(world: World) -> None:
    assert joined(world, item("a.txt"), item("a.txt"), item("a.txt", etag='"0x2"')) == [["a.txt", "a.txt"]]


def test_nobody_joins_a_closed_batch(world: World) -> None:
    batch, _, _ = world.app.submitter.join(item("a.txt"))
    world.app.submitter.close(batch)
    assert joined(world, item("b.txt")) == [["b.txt"]]


# --- How long a batch stays open ---


def test_a_batch_waits_a_linger_after_activity() -> None:
    batch = Batch(opened_at=100.0)
    assert batch.flush_deadline(100.0, linger_s=0.5) == 100.5
    assert batch.flush_deadline(104.0, linger_s=0.5) == 104.5


def test_a_batch_stays_open_ten_lingers_at_most() -> None:
    batch = Batch(opened_at=100.0)
    assert batch.flush_deadline(104.9, linger_s=0.5) == 105.0
    assert batch.flush_deadline(150.0, linger_s=5.0) == 100.0 + LONGEST_BATCH_S


def test_busy_worker_waits_longer() -> None:
    """Two seconds after activity and eight in all, with a linger of 0.2 s."""
    batch = Batch(opened_at=100.0)
    assert batch.flush_deadline(101.0, linger_s=0.2, is_busy=True) == 103.0
    assert batch.flush_deadline(107.0, linger_s=0.2, is_busy=True) == 108.0
    assert batch.flush_deadline(107.0, linger_s=2.0, is_busy=True) == 100.0 + LONGEST_BATCH_S


def test_lone_document_waits_one_linger(world: World) -> None:
    submitter, now = world.app.submitter, 100.0
    submitter._linger_s, submitter._last_activity_at = 0.2, now
    assert submitter._until_flushed_s(Batch(opened_at=now), now) == pytest.approx(0.2)


def test_worker_is_busy_for_a_moment_only(world: World) -> None:
    """A batch goes soon once the worker is not busy any more."""
    submitter, now = world.app.submitter, 100.0
    submitter._linger_s, submitter._busy_at, submitter._last_activity_at = 0.2, now, now
    batch = Batch(opened_at=now)
    assert submitter._until_flushed_s(batch, now) == pytest.approx(BUSY_S), "when it looks again"
    assert submitter._until_flushed_s(batch, now + BUSY_S) == pytest.approx(0.2 - BUSY_S)


def test_batch_waits_for_runs_that_may_join(world: World) -> None:
    """While others read their documents, but no longer than for runs that come and go."""
    submitter, now = world.app.submitter, 100.0
    submitter._linger_s, submitter._last_activity_at = 0.2, now
    batch, _, _ = submitter.join(item("a.txt"))
    batch.opened_at = now
    with submitter._counted_run(), submitter._counted_run():
        assert submitter._until_flushed_s(batch, now + 1) == pytest.approx(0.2)
        assert submitter._until_flushed_s(batch, now + 1.9) == pytest.approx(0.1)
        submitter.join(item("b.txt"))
        submitter._last_activity_at = now + 1
        assert submitter._until_flushed_s(batch, now + 1.3) == pytest.approx(-0.1)


def test_busy_runs_are_those_of_the_host() -> None:
    host = json.loads((ROOT / "host.json").read_text("utf-8"))
    assert host["extensions"]["blobs"]["maxDegreeOfParallelism"] == BUSY_RUNS


# --- While a batch waits for its send time ---

Asked = Callable[[datetime | None], Deferred | None]
"""What the request budget says, given the send time that was booked before."""


def asking(world: World, ask: Asked) -> World:
    """Return the world, in which the request budget is asked by `ask`."""
    world.app.parts.pool[0].service.take_permit = ask  # type: ignore[method-assign]
    return world


def until(seconds: float, send_at: datetime | None = None) -> Deferred:
    """Return the answer of a budget that has booked a send time."""
    return Deferred(DeferReason.BUDGET, PROBLEM, seconds, send_at)


def test_batch_fills_until_its_send_time() -> None:
    """Those who come while it waits are in the request, too, and the send time is asked for no second time."""
    world, booked = World(longest_hold_s=20), []

    def ask(send_at: datetime | None) -> Deferred | None:
        booked.append(send_at)
        if send_at:
            return None
        late = threading.Thread(target=world.app.submitter.submit, args=("b.txt",))
        late.start()
        threads.append(late)
        return until(0.3, after(1))

    threads: list[threading.Thread] = []
    asking(world, ask)
    for number, name in enumerate(("a.txt", "b.txt")):
        world.drop(name, letter(number), announce=False)
    world.app.submitter.submit("a.txt")
    threads[0].join()
    assert booked == [None, after(1)]
    assert accepted(world) == [2]


def test_late_send_time_goes_to_the_queue() -> None:
    """With its job, which is sent then without asking again, by whoever gets its message."""
    world = asking(World(longest_hold_s=20), lambda _: until(25, after(25)))
    world.drop("a.txt", letter(1), announce=False)
    world.app.submitter.submit("a.txt")
    (listed,) = world.app.parts.records.list_jobs()
    job, _ = world.app.parts.records.job(listed.id)
    assert (job.send_at, job.submissions) == (after(25), 0)
    assert (job.due - world.clock()).total_seconds() == 25
    world.restart()
    booked: list[datetime | None] = []
    asking(world, lambda send_at: booked.append(send_at))
    world.run()
    assert booked == [after(25)]
    world.check_right("a.txt")


def test_third_batch_is_not_begun() -> None:
    """Until one of those that wait for their send times has gone."""
    world, may_go = World(longest_hold_s=20), threading.Event()

    def ask(send_at: datetime | None) -> Deferred | None:
        may_go.wait()
        return None

    asking(world, ask)
    names = [f"{number}.txt" for number in range(MAX_WAITING + 1)]
    for number, name in enumerate(names):
        world.drop(name, letter(number), announce=False)
    submitter, runs = world.app.submitter, []
    submitter._linger_s = 0
    full = item("full.txt", text="a" * MAX_REQUEST_CHARACTERS)
    for name in names[:MAX_WAITING]:
        runs.append(threading.Thread(target=submitter.submit, args=(name,)))
        runs[-1].start()
        while len(submitter._waiting) < len(runs):
            may_go.wait(0.005)
        submitter.close(submitter._waiting[-1])
    third = threading.Thread(target=submitter.join, args=(full,))
    third.start()
    third.join(0.05)
    assert third.is_alive()
    may_go.set()
    for run in (*runs, third):
        run.join()
    assert accepted(world) == [1] * MAX_WAITING


def test_no_batch_is_begun_while_full_one_asks(world: World) -> None:
    """It would wait for its send time from its begin on; where nothing had to wait lately it is begun at once."""
    submitter = world.app.submitter
    full, _, _ = submitter.join(item("full.txt", text="a" * MAX_REQUEST_CHARACTERS))
    assert submitter._until_next_s() == 0
    submitter._last_wait_s = 12.0
    assert submitter._until_next_s() == 12 - NEXT_AHEAD_S
    submitter._stop_waiting(full)
    assert submitter._until_next_s() == 0


def test_only_first_batch_asks() -> None:
    """The one behind it books its send time when the first has gone, and neither holds back the other for ever."""
    world, asked = World(longest_hold_s=20), []

    def ask(send_at: datetime | None) -> Deferred | None:
        asked.append(len(world.app.submitter._waiting))
        return None

    asking(world, ask)
    for number in range(4):
        world.drop(f"{number}.txt", letter(number), announce=False)
        world.app.submitter.submit(f"{number}.txt")
    assert asked == [1] * 4
    assert world.app.submitter._waiting == []


@pytest.mark.parametrize(("wait_s", "pause_s"), [(25.0, 20.0), (40.0, 35.0), (70.0, 60.0)])
def test_far_send_time_holds_next_batch_back(wait_s: float, pause_s: float) -> None:
    """Also where its job has gone to the queue: more jobs would follow it than the service takes."""
    world = asking(World(longest_hold_s=20), lambda _: until(wait_s, after(wait_s)))
    world.drop("a.txt", letter(1), announce=False)
    world.app.submitter.submit("a.txt")
    assert world.app.submitter._until_next_s() == pytest.approx(pause_s, abs=2)


@pytest.mark.parametrize("answer", [None, until(40), until(4, after(4))])
def test_no_far_send_time_holds_nothing_back(answer: Deferred | None) -> None:
    """Neither a wait for something else (the day's text records, a pause) nor a send time that is near."""
    world = asking(World(), lambda _: answer)
    world.drop("a.txt", letter(1), announce=False)
    world.app.submitter.submit("a.txt")
    assert world.app.submitter._until_next_s() == 0


def test_batch_is_likely_to_wait_as_long() -> None:
    """While the first one asks, the next is not opened if the one before it was told a far send time."""
    world = World(longest_hold_s=20)
    submitter = world.app.submitter
    submitter._last_wait_s = 12.0
    assert submitter._until_next_s() == 0
    submitter._waiting.append(Batch())
    assert submitter._until_next_s() == pytest.approx(12.0 - NEXT_AHEAD_S)
    submitter._waiting.append(Batch())
    assert submitter._until_next_s() is None


@pytest.mark.parametrize(("last_wait_s", "asks_in_s"), [(1.0, 0.0), (12.0, 20.0)])
def test_near_send_times_are_asked_for_early(last_wait_s: float, asks_in_s: float) -> None:
    """Where the last send time was near, the batch whose turn is next asks for its own before the first has gone."""
    submitter = World(longest_hold_s=20).app.submitter
    first, second = Batch(), Batch()
    second.add(item("b.txt"))
    submitter._waiting += [first, second]
    submitter._last_wait_s = last_wait_s
    assert max(0.0, submitter._until_asked_s(second)) == pytest.approx(asks_in_s, abs=1)
