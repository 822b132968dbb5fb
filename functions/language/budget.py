"""The request budget: how many requests may be sent in a minute, POST and GET together.

`Budget` is the contract. Here is the budget of one worker alone; `shared_budget` has that of all instances together.
"""

import threading
from datetime import datetime, timedelta
from enum import Enum
from typing import NamedTuple, Protocol

from ..errors import Problem


class RequestKind(Enum):
    """What a request is for; submissions go first when the budget is short."""

    SUBMISSION = "submission"
    FIRST_POLL = "first poll"
    """The first poll of a job. Where send times are booked, that was booked with its submission."""
    POLL = "poll"
    PAGE = "page"
    """A further page of an answer that has begun to come: without it the pages before it are wasted."""
    AUTHORING = "authoring"
    """A question about a deployment, which has a limit of its own."""

    @property
    def is_poll(self) -> bool:
        """Whether it asks for the state of a job."""
        return self in (RequestKind.FIRST_POLL, RequestKind.POLL)


BURST_SECONDS = 10.0
"""How many seconds' worth of the budget may be spent at once, after a quiet time."""

POLL_RESERVE = 0.25
"""Share of the burst that polls leave to submissions, so that polling thousands of jobs never starves them."""

LONGEST_PROMISE = timedelta(hours=1)
"""How far ahead requests that have to come back are spread; beyond that they come together."""

CLOCK_STEP = timedelta(seconds=1)
"""A clock that is back by more than this was set. Smaller differences are threads that read the clock before others."""


class Wait(NamedTuple):
    """Why a request may not be sent now.

    `send_at` is the send time that was booked for it, where one was: whoever sends it gives that back to `take`.
    `problem` says what it waits for, where that is not the budget itself.
    """

    seconds: float
    send_at: datetime | None = None
    problem: Problem | None = None


class Budget(Protocol):
    """Says for each request whether it may be sent now; safe to share between threads."""

    requests_per_minute: int

    def take(self, kind: RequestKind, now: datetime, send_at: datetime | None = None) -> Wait | None:
        """Take one request out of the budget and return None, or return how long to wait.

        `send_at` is the send time that was booked for it before.
        """

    def wait_s(self, now: datetime) -> float:
        """Return how many seconds a submission would have to wait; nothing is taken."""

    def pause(self, seconds: float, now: datetime) -> None:
        """Send nothing for `seconds`: the service has throttled one of us, and the limit is everybody's."""


class RequestBudget:
    """A token bucket that says how long to wait instead of waiting; safe to share between threads.

    `now` is the time of day, which may be set back. All that is left to wait, and all that was promised, then lasts as
    long as it would have from the last time the clock was read: nothing is sent early, and nothing waits for the time
    of day to come back.
    """

    def __init__(self, requests_per_minute: int, now: datetime) -> None:
        self.requests_per_minute = requests_per_minute
        self._per_second = requests_per_minute / 60
        self._capacity = max(1.0, self._per_second * BURST_SECONDS)
        self._tokens = self._capacity
        self._latest = now
        """The latest time seen since the clock was last set back; the tokens are counted up to it."""
        self._paused_until: datetime | None = None
        self._promised_until = now
        self._lock = threading.Lock()

    def take(self, kind: RequestKind, now: datetime, send_at: datetime | None = None) -> Wait | None:
        """Take one request out of the budget and return None, or take nothing and return how long to wait.

        Nothing is booked here: `send_at` makes no difference.
        """
        with self._lock:
            self._see(now)
            if self._paused_until and now < self._paused_until:
                return Wait((self._paused_until - now).total_seconds())
            needed = 1.0
            if kind.is_poll:
                needed = min(self._capacity, 1.0 + self._capacity * POLL_RESERVE)
            # A further page may overdraw the budget: whoever comes next waits longer for it.
            if self._tokens >= needed or kind is RequestKind.PAGE:
                self._tokens -= 1.0
                return None
            return Wait(self._promise(now + timedelta(seconds=(needed - self._tokens) / self._per_second), now))

    def wait_s(self, now: datetime) -> float:
        """Return how many seconds a submission would have to wait; nothing is taken."""
        with self._lock:
            self._see(now)
            paused_s = (self._paused_until - now).total_seconds() if self._paused_until else 0.0
            return max(0.0, paused_s, (1.0 - self._tokens) / self._per_second)

    def pause(self, seconds: float, now: datetime) -> None:
        """Send nothing for `seconds`: the service has throttled one of us, and the limit is everybody's."""
        with self._lock:
            self._see(now)
            until = now + timedelta(seconds=seconds)
            self._paused_until = max(self._paused_until, until) if self._paused_until else until

    def _promise(self, earliest: datetime, now: datetime) -> float:
        """Return the wait of one more who has to come back; the time until then is promised to those before it."""
        back = min(max(self._promised_until, earliest), now + LONGEST_PROMISE)
        self._promised_until = back + timedelta(seconds=1 / self._per_second)
        return (back - now).total_seconds()

    def _see(self, now: datetime) -> None:
        """Refill the tokens for the time that has passed; move everything back with a clock that was set back."""
        elapsed = now - self._latest
        if elapsed < -CLOCK_STEP:
            self._promised_until += elapsed
            if self._paused_until:
                self._paused_until += elapsed
            self._latest = now
        elif elapsed > timedelta(0):
            self._tokens = min(self._capacity, self._tokens + elapsed.total_seconds() * self._per_second)
            self._latest = now
