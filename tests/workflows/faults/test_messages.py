"""Messages are bounded: at rest at most two for each job, during a step at most four, whatever happens."""

import logging
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

import pytest
from azure.core.exceptions import HttpResponseError, ServiceRequestError

from functions.core.jobs import decode_message
from tests.support.lockstep import take_turns
from tests.support.world import Call, Crash, World, letter

DOCUMENTS = 5
AT_REST, IN_A_STEP = 2, 4


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


class Counting:
    """Counts the messages of each job, on its queue and among the poisoned, at every call of the app."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.most = 0

    def __call__(self, call: Call) -> None:
        self.most = max(self.most, self.now())

    def now(self) -> int:
        texts = [message.text for queue in (self.world.jobs, self.world.poisoned_jobs) for message in queue.messages]
        return max(Counter(decode_message(text).job for text in texts).values(), default=0)


def drop(world: World) -> None:
    for number in range(DOCUMENTS):
        world.drop(f"{number}.txt", letter(number))


def run_with_sweeps(world: World, duration: timedelta, counting: Counting) -> None:
    """Run the world with the sweep's timer, and check what is at rest in between."""
    until = world.clock() + duration
    while world.clock() < until:
        try:
            world.run_for(timedelta(minutes=5))
            world.sweep()
        except Crash:
            world.restart()
        assert counting.now() <= AT_REST
    assert counting.most <= IN_A_STEP


def check_end(world: World, counting: Counting) -> None:
    world.gate = None
    run_with_sweeps(world, timedelta(hours=20), counting)
    world.reconcile()
    world.run()
    world.check_right(*(f"{number}.txt" for number in range(DOCUMENTS)))
    world.check_quiet()


def test_consumer_outage_adds_one_message() -> None:
    """Nobody receives for two hours, while the sweep finds every job overdue each five minutes."""
    world = World()
    drop(world)
    while world.events.messages:
        world.step()
    counting = Counting(world)
    for _ in range(24):
        world.clock.advance(300)
        world.sweep()
        assert counting.now() <= AT_REST
    check_end(world, counting)


@pytest.mark.parametrize(
    ("place", "action", "moment", "error"),
    [
        ("output", "write", "before", HttpResponseError),
        ("output", "write", "after", ServiceRequestError),
        ("state", "write", "before", HttpResponseError),
        ("state", "write", "after", ServiceRequestError),
        ("state", "delete", "before", HttpResponseError),
        ("queue", "resend", "after", ServiceRequestError),
        ("queue", "send", "after", ServiceRequestError),
        ("service", "GET", "before", RuntimeError),
        ("service", "POST", "after", Crash),
        ("service", "GET", "after", Crash),
        ("state", "write", "after", Crash),
        ("output", "write", "after", Crash),
        ("queue", "send", "after", Crash),
    ],
)
def test_lasting_fault_adds_no_messages(place: str, action: str, moment: str, error: type[BaseException]) -> None:
    world = World()
    drop(world)
    while world.events.messages:
        world.step()
    counting = Counting(world)

    def gate(call: Call) -> None:
        counting(call)
        if (call.place, call.action, call.moment) == (place, action, moment):
            raise error("for two hours")

    world.gate = gate
    run_with_sweeps(world, timedelta(hours=2), counting)
    check_end(world, counting)


@pytest.mark.parametrize("copies", [2, 4])
def test_duplicate_workers_leave_one_message(copies: int) -> None:
    """The same message, received by several workers whose calls alternate: who comes too late takes his back."""
    world = World()
    world.drop("a.txt", letter(1))
    world.step()
    world.clock.advance(3)
    message = world.jobs.receive(600)
    assert message is not None
    turn = iter(range(10_000))
    take_turns(
        world, [lambda worker: worker.app.poller.advance(message.text)] * copies, lambda count: next(turn) % count
    )
    world.jobs.delete(message)
    assert len(world.jobs.messages) <= AT_REST
    world.run()
    world.check_right("a.txt")
