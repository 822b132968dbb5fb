"""A job whose worker dies is taken up by another within 30 seconds, by the one message that it has."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from azure.core.exceptions import HttpResponseError, ServiceRequestError
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.core.jobs import decode_message
from functions.core.time_limits import RENEWAL_S, RESERVATIONS, TAKEOVER_S
from functions.workflows.holding import MAX_DEQUEUE_COUNT
from local.language_service.behaviour import Behaviour
from tests.support.examples import examples
from tests.support.world import HIDDEN_S, Call, Crash, World, advance, letter

SOON = timedelta(seconds=30)
DONE_SOON = Behaviour(job_seconds=(1.0, 1.0))
REQUESTS = "budget/requests/loans.cognitiveservices.azure.com.json"


@dataclass
class Killing:
    """Kills the process at the call with a number, counted from 1; 0 only counts. Notes the most messages of a job."""

    world: World
    number: int = 0
    passed: int = 0
    at: Call | None = None
    killed: datetime | None = None
    most: int = 0

    def __call__(self, call: Call) -> None:
        self.most = max(self.most, *Counter(decode_message(one.text).job for one in self.world.jobs.messages).values())
        self.passed += 1
        if self.passed == self.number:
            self.at, self.killed = call, self.world.clock()
        if self.killed:
            raise Crash(f"killed {call}")


def to_next_message(world: World) -> None:
    """Let time pass until the next message is visible."""
    upcoming = world.next_message_at()
    assert upcoming
    world.clock.advance(max(0.0, (upcoming - world.clock()).total_seconds()))


def running(number: int = 1) -> World:
    """Return a world with a job that is done at the service; its message is visible."""
    world = World(behaviour=DONE_SOON)
    world.drop("a.txt", letter(number))
    assert world.step()
    to_next_message(world)
    return world


def throttled() -> World:
    """Return a world with a job that is to be submitted again; its message is visible."""
    world = World(behaviour=DONE_SOON)
    world.script("throttle-429", method="POST")
    world.drop("a.txt", letter(1))
    assert world.step()
    to_next_message(world)
    return world


def kill_everywhere(start: Callable[[], World]) -> list[tuple[Killing, timedelta]]:
    """Kill the step of the next message at each of its calls; return how long after each the result was there."""
    counting = Killing(start())
    counting.world.gate = counting
    assert counting.world.step()
    took: list[tuple[Killing, timedelta]] = []
    for number in range(1, counting.passed + 1):
        world = start()
        world.gate = killing = Killing(world, number)
        with pytest.raises(Crash):
            world.step()
        world.restart()
        world.gate = None
        while world.entities("a.txt") is None:
            if not world.step():
                to_next_message(world)
        assert killing.killed
        took.append((killing, world.clock() - killing.killed))
        assert killing.most <= 2, f"{killing.at}: {killing.most} messages"
        world.run()
        world.check_right("a.txt")
        world.check_quiet()
    return took


def test_polled_job_is_taken_up_soon() -> None:
    took = kill_everywhere(running)
    assert len(took) > 12
    first, *others = took
    assert first[0].at == Call("queue", "hide", "m1", "before")
    assert first[1] >= timedelta(seconds=HIDDEN_S), "the host alone has it yet"
    for killing, time in others:
        assert time <= SOON, f"{killing.at}: {time}"


def test_reserved_submission_waits_for_its_reservation() -> None:
    """The first wait of the attempt policy; before the reservation is saved the job is taken up as soon as others."""
    took = kill_everywhere(throttled)[1:]
    service_s = timedelta(seconds=6)
    reserved = next(place for place, (killing, _) in enumerate(took) if _saved_reservation(killing.at))
    assert {place < reserved for place in range(len(took))} == {True, False}
    for place, (killing, time) in enumerate(took):
        limit = SOON if place < reserved else RESERVATIONS[0] + timedelta(seconds=2)
        assert time <= limit + service_s, f"{killing.at}: {time}"


def _saved_reservation(call: Call | None) -> bool:
    return call is not None and (call.action, call.moment) == ("write", "after") and call.name.startswith("jobs/")


def test_repeated_death_is_taken_up_each_time() -> None:
    world, seconds = running(), []
    for _ in range(MAX_DEQUEUE_COUNT):
        world.gate = killing = Killing(world, 3)
        with pytest.raises(Crash):
            world.step()
        world.restart()
        assert killing.most == 1
        seconds.append((world.jobs.messages[0].visible - world.clock()).total_seconds())
        world.gate = None
        to_next_message(world)
    # The last one is the host's: so often killed, it may well be the job that kills.
    assert seconds == [TAKEOVER_S] * (MAX_DEQUEUE_COUNT - 1) + [HIDDEN_S]
    world.run()
    world.check_right("a.txt")
    world.check_quiet()


def test_message_is_deleted_with_its_last_receipt() -> None:
    """The host's own deletion has no effect then: what it knows is out of date."""
    world = running()
    message = world.jobs.receive(HIDDEN_S)
    assert message
    advance(world.app, message)
    assert world.jobs.messages == []


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("error", [HttpResponseError, ServiceRequestError, RuntimeError])
@pytest.mark.parametrize("action", ["hide", "discard"])
def test_refused_change_never_harms_step(action: str, error: type[Exception], moment: str) -> None:
    """Also where the storage did it and the answer was lost: the message comes back out of date."""
    world = running()

    def gate(call: Call) -> None:
        if (call.place, call.action, call.moment) == ("queue", action, moment):
            raise error("refused")

    world.gate = gate
    assert world.step()
    world.check_right("a.txt")
    assert len(world.jobs.messages) <= 1
    world.gate = None
    world.run()
    world.check_quiet()


def test_message_without_receipt_is_left_alone() -> None:
    world = running()
    message = world.jobs.receive(HIDDEN_S)
    assert message
    calls = world.calls_of(lambda: world.app.poller.advance(message.text))
    assert not [call for call in calls if call.startswith("queue")]
    assert world.jobs.messages == [message]


def test_unknown_receipt_is_left_alone() -> None:
    """One that somebody has changed meanwhile, or that was overwritten by a field of the message."""
    world = running()
    message = world.jobs.receive(HIDDEN_S)
    assert message
    world.jobs.release(message, 5)
    advance(world.app, message)
    world.check_right("a.txt")
    assert len(world.jobs.messages) == 1
    assert world.timers.started == []
    world.run()
    world.check_quiet()


def test_failed_step_comes_back_by_itself() -> None:
    world, at = running(), []

    def gate(call: Call) -> None:
        if (call.place, call.moment) == ("output", "before"):
            at.append(world.clock())
            raise RuntimeError("a fault of our own")

    world.gate = gate
    for _ in range(MAX_DEQUEUE_COUNT):
        assert world.step()
        to_next_message(world)
    # The host could not hide it for the time of host.json; the fifth failure poisons it, once.
    assert [(later - earlier).total_seconds() for earlier, later in pairwise(at)] == [TAKEOVER_S] * 4
    assert world.jobs.messages == []
    assert len(world.poisoned_jobs.messages) == 1
    world.gate = None
    world.run()
    world.check_right("a.txt")
    world.check_quiet()


# --- Long steps ---


@dataclass
class LongPoll:
    """Lets a poll take so long, with the timers of the step going off meanwhile or not."""

    world: World
    seconds: float
    has_timers: bool = True
    received: list[bool] = field(default_factory=list)
    """Whether somebody else could have received the message, every second."""

    def __call__(self, call: Call) -> None:
        if (call.place, call.moment) != ("service", "before"):
            return
        self.world.gate = None
        for second in range(1, round(self.seconds) + 1):
            self.world.clock.advance(1)
            if self.has_timers and second % RENEWAL_S == 0:
                self.world.timers.go_off()
            self.received.append(any(one.visible <= self.world.clock() for one in self.world.jobs.messages))


def test_long_step_keeps_its_message() -> None:
    world = running()
    world.gate = poll = LongPoll(world, 200)
    assert world.step()
    assert not any(poll.received)
    world.check_right("a.txt")
    assert world.jobs.messages == []
    assert world.timers.started == [], "nothing is renewed after the step"


def test_dead_worker_renews_nothing() -> None:
    world = running()
    world.gate = Killing(world, 3)
    with pytest.raises(Crash):
        world.step()
    assert world.timers.started == []


def test_lost_renewals_end_by_themselves() -> None:
    """The worker stood still for so long that another one has the message: both end, and one counts."""
    world = running()
    other = world.start_worker(gate=lambda call: None)

    def gate(call: Call) -> None:
        if (call.place, call.moment) != ("service", "after"):
            return
        world.gate = None
        world.clock.advance(TAKEOVER_S)
        message = world.jobs.receive(HIDDEN_S)
        assert message
        assert message.dequeue_count == 2
        advance(other.app, message)
        world.timers.go_off()
        assert world.timers.started == []

    world.gate = gate
    assert world.step()
    world.check_right("a.txt")
    world.run()
    world.check_quiet()


def test_failed_renewal_is_tried_again() -> None:
    world = running()
    world.gate = poll = LongPoll(world, 60)
    hides = iter(range(100))

    def failing_once(call: Call) -> None:
        if (call.action, call.moment) == ("hide", "before") and next(hides) == 1:
            raise ServiceRequestError("once")
        poll(call)
        world.gate = failing_once

    world.gate = failing_once
    assert world.step()
    world.check_right("a.txt")
    assert not any(poll.received)


def test_repeated_poll_is_booked() -> None:
    """The first poll was booked with its submission; whether the dead worker had sent it is not known."""
    world = running()
    message = world.jobs.receive(HIDDEN_S)
    assert message
    world.jobs.release(message)
    again = world.jobs.receive(HIDDEN_S)
    assert again
    calls = world.calls_of(lambda: advance(world.app, again))
    assert f"state write {REQUESTS}" in calls
    world.check_right("a.txt")


# --- Anything at once ---


@settings(max_examples=examples(150), deadline=None)
@given(seed=st.integers(0, 2**32))
def test_any_deaths_and_duplicates_end_well(seed: int) -> None:
    """Deaths at any call, messages that come twice, refused changes of messages: no message too many, none lost."""
    rng = random.Random(seed)
    world = World(seed=seed)
    names = [f"{number}.txt" for number in range(3)]
    for number, name in enumerate(names):
        world.drop(name, letter(number))
    most = deaths = 0

    def gate(call: Call) -> None:
        nonlocal most
        texts = [one.text for queue in (world.jobs, world.poisoned_jobs) for one in queue.messages]
        most = max([most, *Counter(decode_message(text).job for text in texts).values()])
        if rng.random() < 0.02:
            raise Crash(f"killed {call}")
        if call.action in ("hide", "discard") and rng.random() < 0.2:
            raise ServiceRequestError("the answer was lost")

    def again() -> None:
        """Bring a message to a second worker that the first one has not done with."""
        message = world.jobs.receive(1)
        if message:
            for worker in (world.start_worker(), world.worker):
                advance(worker.app, message)
            world.jobs.delete(message)

    world.gate = gate
    for _ in range(60):
        try:
            (again if rng.random() < 0.2 else world.step)()
        except Crash:
            deaths += 1
            world.restart()
        except Exception:
            assert world.jobs.messages
        world.clock.advance(rng.choice([0, 1, 10, 30]))
        if rng.random() < 0.05:
            world.gate = None
            world.sweep()
            world.gate = gate
    # A worker that dies between its next message and its record leaves one message, which dies out.
    assert most <= 4 + deaths
    world.gate = None
    world.settle()
    world.reconcile()
    world.run()
    world.check_right(*names)
    world.check_quiet()
