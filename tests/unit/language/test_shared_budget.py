"""Several instances send within one limit, whatever becomes of them, and whatever their clocks say."""

import random
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions import problems
from functions.core.request_ledger import CUT, RequestLedger, submission_cost
from functions.language.budget import RequestKind, Wait
from functions.language.poll_timer import ENOUGH_JOBS, MARGIN_S, PollTimer
from functions.language.shared_budget import (
    FALLBACK_REQUESTS_PER_MINUTE,
    FRESH_S,
    HOLD_S,
    NO_FALLBACK_WAIT_S,
    SharedBudget,
)
from functions.storage.memory_containers import MemoryContainer
from functions.storage.shared_record import RETRY_S, SharedRecord
from local.stand_in.in_process import MovableClock

SUBMISSION, FIRST_POLL, POLL, PAGE = (
    RequestKind.SUBMISSION,
    RequestKind.FIRST_POLL,
    RequestKind.POLL,
    RequestKind.PAGE,
)
NAME = "budget/requests/loans.json"


class Storage(MemoryContainer):
    """Counts the requests of all instances, and can be made to fail."""

    def __init__(self, clock: MovableClock) -> None:
        super().__init__(clock)
        self.requests = 0
        self.is_down = False

    def read(self, name: str, **options: Any) -> Any:
        self._count()
        return super().read(name, **options)

    def write(self, name: str, data: bytes, **options: Any) -> str:
        self._count()
        return super().write(name, data, **options)

    def _count(self) -> None:
        self.requests += 1
        if self.is_down:
            raise OSError("no route")


class Stage:
    """A storage, its time, and the instances that share it."""

    def __init__(self, limit: int = 1_000) -> None:
        self.limit = limit
        self.clock = MovableClock()
        self.storage = Storage(self.clock)
        self.numbers = random.Random(1)
        self.timers: list[PollTimer] = []

    def instance(self, *, may_fall_back: bool = True) -> SharedBudget:
        """Start an instance, whose clock is off by up to 30 seconds."""
        offset_s = self.numbers.uniform(-30, 30)
        ledger = SharedRecord(
            self.storage,
            NAME,
            RequestLedger(),
            monotonic=lambda: self.clock().timestamp() + offset_s,
            sleep=self.clock.advance,
            rng=self.numbers,
        )
        self.timers.append(PollTimer(2, 30))
        return SharedBudget(
            ledger,
            self.limit,
            self.timers[-1],
            self.clock(),
            may_fall_back=may_fall_back,
            sleep=self.clock.advance,
        )

    def ledger(self) -> RequestLedger:
        record = SharedRecord(self.storage, NAME, RequestLedger(), monotonic=lambda: self.clock().timestamp())
        return record.read(0)


def book(stage: Stage, budget: SharedBudget, count: int) -> list[datetime | None]:
    """Ask for submissions; return their send times, None where one may go at once."""
    waits = [budget.take(SUBMISSION, stage.clock()) for _ in range(count)]
    return [wait and wait.send_at for wait in waits]


def exhausted(limit: int = 60) -> tuple[Stage, SharedBudget, Wait]:
    """Return a stage whose burst is used up, one of its instances, and the first wait that was longer than a hold."""
    stage = Stage(limit)
    budget = stage.instance()
    while not (wait := budget.take(SUBMISSION, stage.clock())):
        pass
    return stage, budget, wait


# --- What is asked, and when ---


def test_first_poll_asks_nobody() -> None:
    stage = Stage()
    budget = stage.instance()
    assert budget.take(SUBMISSION, stage.clock()) is None
    ledger, requests = stage.ledger(), stage.storage.requests
    assert budget.take(FIRST_POLL, stage.clock()) is None
    assert (stage.storage.requests, stage.ledger()) == (requests, ledger)


def test_repeated_poll_and_page_are_booked() -> None:
    stage = Stage()
    budget = stage.instance()
    assert budget.take(POLL, stage.clock()) is None
    assert budget.take(PAGE, stage.clock()) is None
    assert sum(stage.ledger().counts) == 2


def test_single_requests_book_their_first_poll() -> None:
    """At limits below four a submission books one request."""
    stage = Stage(limit=3)
    budget = stage.instance()
    assert budget.take(SUBMISSION, stage.clock()) is None
    assert budget.take(FIRST_POLL, stage.clock()) is None
    assert sum(stage.ledger().counts) == 2


def test_booked_request_is_sent_at_its_time() -> None:
    stage, budget, wait = exhausted()
    assert wait.send_at is not None
    assert wait.seconds > HOLD_S
    early = budget.take(SUBMISSION, stage.clock(), wait.send_at)
    assert early is not None
    assert early.send_at == wait.send_at
    stage.clock.advance(wait.seconds + 0.5)
    counted = stage.ledger().counts
    assert budget.take(SUBMISSION, stage.clock(), wait.send_at) is None
    assert stage.ledger().counts == counted


def test_another_instance_may_use_a_booking() -> None:
    """A message may come to any of them."""
    stage, _, wait = exhausted()
    stage.clock.advance(wait.seconds + 1)
    assert stage.instance().take(SUBMISSION, stage.clock(), wait.send_at) is None


def test_expired_booking_is_booked_anew() -> None:
    stage, budget, wait = exhausted()
    assert wait.send_at is not None
    stage.clock.advance(wait.seconds + 6)
    budget.take(SUBMISSION, stage.clock(), wait.send_at)
    assert (stage.ledger().next_at or wait.send_at) > wait.send_at


def test_short_wait_is_held() -> None:
    stage = Stage(limit=600)
    budget = stage.instance()
    before = stage.clock()
    for _ in range(60):
        assert budget.take(SUBMISSION, stage.clock()) is None
    assert (stage.clock() - before).total_seconds() > 1


def test_idle_instance_asks_nothing() -> None:
    stage = Stage()
    stage.instance()
    assert stage.storage.requests == 0


# --- What the instances tell each other ---


def test_pause_is_seen_by_all_within_a_second() -> None:
    stage = Stage()
    first, second = stage.instance(), stage.instance()
    assert second.take(SUBMISSION, stage.clock()) is None
    first.pause(7, stage.clock())
    stage.clock.advance(FRESH_S + 0.01)
    for kind in (SUBMISSION, FIRST_POLL, POLL):
        wait = second.take(kind, stage.clock())
        assert wait is not None
        assert wait.seconds == pytest.approx(6, abs=1.1)
    assert stage.ledger().share == CUT


def test_pause_voids_booked_send_times() -> None:
    stage, budget, wait = exhausted()
    budget.pause(60, stage.clock())
    stage.clock.advance(wait.seconds)
    again = budget.take(SUBMISSION, stage.clock(), wait.send_at)
    assert again is not None
    assert again.seconds > 50


def test_learned_poll_delay_reaches_new_instances() -> None:
    stage = Stage()
    first, second = stage.instance(), stage.instance()
    for _ in range(ENOUGH_JOBS):
        stage.timers[0].saw(4.0)
    first.take(SUBMISSION, stage.clock())
    assert stage.timers[1].first_poll_s == 2
    second.take(SUBMISSION, stage.clock())
    assert stage.timers[1].first_poll_s == 4.0 + MARGIN_S


# --- While the ledger can not be reached ---


def in_a_minute(stage: Stage, take: Callable[[], Wait | None]) -> int:
    """Ask ten times a second for a minute; return how many requests may be sent."""
    sent = 0
    for _ in range(600):
        sent += take() is None
        stage.clock.advance(0.1)
    return sent


def test_each_instance_goes_on_slowly() -> None:
    stage = Stage()
    budget = stage.instance()
    stage.storage.is_down = True

    def take() -> Wait | None:
        waits = [budget.take(kind, stage.clock()) for kind in (SUBMISSION, FIRST_POLL, POLL)]
        return None if None in waits else waits[0]

    assert 5 <= in_a_minute(stage, take) <= FALLBACK_REQUESTS_PER_MINUTE + 2
    wait = budget.take(SUBMISSION, stage.clock())
    assert wait is not None
    assert problems.LEDGER_UNREACHABLE.matches(wait.problem)


def test_counted_records_wait_for_ledger() -> None:
    """With a daily limit nothing is submitted that could not be counted; polls go on."""
    stage = Stage()
    budget = stage.instance(may_fall_back=False)
    stage.storage.is_down = True
    assert in_a_minute(stage, lambda: budget.take(SUBMISSION, stage.clock())) == 0
    wait = budget.take(SUBMISSION, stage.clock())
    assert wait is not None
    assert (wait.seconds, wait.send_at) == (NO_FALLBACK_WAIT_S, None)
    assert in_a_minute(stage, lambda: budget.take(POLL, stage.clock())) >= 4


def test_smaller_limit_than_fallback_holds() -> None:
    stage = Stage(limit=2)
    budget = stage.instance()
    stage.storage.is_down = True
    assert in_a_minute(stage, lambda: budget.take(SUBMISSION, stage.clock())) <= 2


def test_ledger_that_is_back_is_used() -> None:
    stage = Stage()
    budget = stage.instance()
    stage.storage.is_down = True
    budget.take(SUBMISSION, stage.clock())
    stage.storage.is_down = False
    stage.clock.advance(RETRY_S)
    assert book(stage, budget, 20) == [None] * 20


@pytest.mark.parametrize(("later_s", "counted"), [(RETRY_S, 3 * submission_cost(1_000) + 1), (61.0, 0)])
def test_requests_without_ledger_are_counted_later(later_s: float, counted: int) -> None:
    """Those of the last minute, a submission with its first poll; once, however often the ledger is changed then."""
    stage = Stage()
    budget = stage.instance()
    budget.take(SUBMISSION, stage.clock())
    stage.clock.advance(1)
    stage.storage.is_down = True
    sent = [budget.take(kind, stage.clock()) for kind in (SUBMISSION, POLL)]
    stage.clock.advance(12)
    sent.append(budget.take(SUBMISSION, stage.clock()))
    assert sent == [None] * 3
    stage.storage.is_down = False
    stage.clock.advance(later_s)
    for requests in (1, 2):
        budget.take(PAGE, stage.clock())
        assert sum(stage.ledger().counts) == counted + requests


def test_pause_holds_without_ledger() -> None:
    stage = Stage()
    budget = stage.instance()
    stage.storage.is_down = True
    budget.pause(60, stage.clock())
    assert in_a_minute(stage, lambda: budget.take(POLL, stage.clock())) == 0


# --- The limit ---

ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["submit", "submit", "submit", "poll", "start", "kill", "pause", "throttled"]),
        st.integers(0, 20),
        st.floats(0, 3),
    ),
    max_size=80,
)


@settings(max_examples=60)
@given(st.sampled_from([10, 80, 100, 120, 1_000]), ACTIONS)
def test_instances_together_keep_to_limit(limit: int, actions: list[tuple[str, int, float]]) -> None:
    """With random starts, stops, kills and pauses, and clocks that are off by 30 seconds."""
    stage = Stage(limit)
    instances = [stage.instance()]
    for action, number, seconds in actions:
        budget = instances[number % len(instances)]
        if action == "start":
            instances.append(stage.instance())
        elif action == "kill" and len(instances) > 1:
            instances.remove(budget)
        elif action == "throttled":
            budget.pause(seconds, stage.clock())
        elif action == "pause":
            stage.clock.advance(20 * seconds)
        counted = sum(stage.ledger().counts)
        sent = 0
        for _ in range(number if action in ("submit", "poll") else 0):
            kind = SUBMISSION if action == "submit" else POLL
            wait = budget.take(kind, stage.clock())
            if wait is None or wait.send_at:
                sent += submission_cost(limit) if kind is SUBMISSION else 1
        counts = stage.ledger().counts
        assert sum(counts) <= counted + sent, "no more is counted than was issued"
        assert all(sum(counts[first : first + 121]) <= limit for first in range(len(counts)))
        stage.clock.advance(seconds)
