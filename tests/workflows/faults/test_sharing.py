"""Documents that share a job: who waits for whom, and what becomes of the others when one of them fails."""

import contextlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from azure.core.exceptions import ServiceResponseError

from functions.core.packing import MAX_REQUEST_DOCUMENTS
from functions.errors import Changed
from functions.workflows.batching import Submitter
from tests.support.world import Call, World, letter

LONG_LINGER = {"BATCH_LINGER_MS": "10000"}
"""No run in these tests takes so long: a request goes because it is full, or because the test says so."""


class AtListing:
    """A gate that raises an error when a job's record is written for the second time, to list who has joined."""

    def __init__(self, moment: str, error: Exception) -> None:
        self._moment, self._error, self._writes = moment, error, 0

    def __call__(self, call: Call) -> None:
        if call.action == "write" and call.name.startswith("jobs/") and call.moment == self._moment:
            self._writes += 1
            if self._writes == 2:
                raise self._error


def drop(world: World, count: int) -> list[str]:
    names = [f"{number}.txt" for number in range(count)]
    for number, name in enumerate(names):
        world.drop(name, letter(number), announce=False)
    return names


def chunks_listed(world: World) -> int:
    (info,) = world.state.list("jobs/")
    return len(json.loads(world.state.read(info.name).data)["pieces"])


def submitted(world: World) -> list[int]:
    return [len(entry.documents) for entry in world.service.counters.ledger]


@pytest.mark.parametrize("runs", [2, 4, 40])
def test_few_runs_fill_request(runs: int) -> None:
    world = World(settings=LONG_LINGER)
    names = drop(world, 2 * MAX_REQUEST_DOCUMENTS)
    with ThreadPoolExecutor(runs) as threads:
        list(threads.map(world.worker.app.submitter.submit, names))
    assert submitted(world) == [MAX_REQUEST_DOCUMENTS, MAX_REQUEST_DOCUMENTS]
    world.run()
    world.check_right(*names)
    world.check_quiet()


def test_followers_do_not_wait() -> None:
    world = World(settings=LONG_LINGER)
    first, second = drop(world, 2)
    boarded: list[object] = []

    class Watched(Submitter):
        def join(self, item):  # type: ignore[no-untyped-def]
            found = super().join(item)
            boarded.append(found[0])
            is_open.set()
            return found

    is_open = threading.Event()
    own = world.app.submitter
    submitter = Watched(own._intake, own._texts, own._submission, own._reports, own._refusals, own._linger_s)
    leader = threading.Thread(target=submitter.submit, args=(first,), daemon=True)
    leader.start()
    is_open.wait()
    submitter.submit(second)
    assert (submitted(world), chunks_listed(world), leader.is_alive()) == ([], 2, True)
    submitter.close(boarded[0])  # type: ignore[arg-type]
    leader.join()
    assert submitted(world) == [2]
    world.run()
    world.check_right(first, second)


@pytest.mark.parametrize("error", [ServiceResponseError("no answer"), Changed("jobs/")], ids=["fault", "taken"])
def test_unlisted_document_comes_again(error: Exception) -> None:
    """The storage failed, or somebody else has the job by now."""
    world = World()
    names = drop(world, 2)
    world.gate = AtListing("before", error)
    with pytest.raises(type(error)):
        world.deliver_together(*names)
    world.settle()
    assert sum(submitted(world)) == len(names)
    world.check_right(*names)
    world.check_quiet()


def test_lost_listing_answer_is_recognised() -> None:
    """The storage client repeats a write that got no answer, and then meets its own."""
    world = World()
    names = drop(world, 2)
    world.gate = AtListing("after", Changed("jobs/"))
    world.deliver_together(*names)
    assert submitted(world) == [2]
    world.run()
    world.check_right(*names)
    world.check_quiet()


@pytest.mark.parametrize("late", [0, 1])
def test_late_claim_gets_own_job(late: int) -> None:
    """So slow was the storage that the job's message came back first, and found a document that nobody had claimed."""
    world = World()
    names = drop(world, 2)
    other = world.start_worker(gate=lambda call: None)
    has_come_back = False

    def come_back_first(call: Call) -> None:
        nonlocal has_come_back
        if (call.action, call.name, call.moment) != ("write", f"documents/{names[late]}", "before") or has_come_back:
            return
        has_come_back = True
        world.clock.advance(61)
        message = world.jobs.receive()
        assert message is not None
        other.app.poller.advance(message.text)
        world.jobs.delete(message)

    world.gate = come_back_first
    with contextlib.suppress(Changed):  # Who would follow in a job that has gone comes again.
        world.deliver_together(*names)
    world.settle()
    assert has_come_back
    world.check_right(*names)
    world.check_quiet()
    assert world.reconcile().submitted == 0
    assert sum(submitted(world)) == len(names)


def test_same_document_has_one_entry() -> None:
    world = World()
    (name,) = drop(world, 1)
    world.deliver_together(name, name)
    assert submitted(world) == [1]
    world.run()
    world.check_right(name)
