"""The request budget: how many requests a worker may send in a minute, POST and GET together."""

import threading
from datetime import datetime, timedelta
from enum import Enum


class RequestKind(Enum):
    """What a request is for; submissions go first when the budget is short."""

    SUBMISSION = "submission"
    POLL = "poll"
    PAGE = "page"
    """A further page of an answer that has begun to come: without it the pages before it are wasted."""


BURST_SECONDS = 10.0
"""How many seconds' worth of the budget may be spent at once, after a quiet time."""

POLL_RESERVE = 0.25
"""Share of the burst that polls leave to submissions, so that polling thousands of jobs never starves them."""

LONGEST_PROMISE = timedelta(hours=1)
"""How far ahead requests that have to come back are spread; beyond that they come together."""

CLOCK_STEP_S = 1.0
"""A clock that is back by more than this was set; the budget then goes on from there, instead of waiting it out."""


class RequestBudget:
    """A token bucket that says how long to wait instead of waiting; safe to share between threads."""

    def __init__(self, requests_per_minute: int, now: datetime) -> None:
        self._per_second = requests_per_minute / 60
        self._capacity = max(1.0, self._per_second * BURST_SECONDS)
        self._tokens = self._capacity
        self._filled = now
        self._paused_until: datetime | None = None
        self._promised_until = now
        self._lock = threading.Lock()

    def take(self, kind: RequestKind, now: datetime) -> float:
        """Take one request out of the budget and return 0.0, or take nothing and return the seconds to wait."""
        with self._lock:
            if self._paused_until and now < self._paused_until:
                return (self._paused_until - now).total_seconds()
            self._fill(now)
            needed = 1.0
            if kind is RequestKind.POLL:
                needed = min(self._capacity, 1.0 + self._capacity * POLL_RESERVE)
            # A further page may overdraw the budget: whoever comes next waits longer for it.
            if self._tokens >= needed or kind is RequestKind.PAGE:
                self._tokens -= 1.0
                return 0.0
            return self._promise(now + timedelta(seconds=(needed - self._tokens) / self._per_second), now)

    def pause(self, seconds: float, now: datetime) -> None:
        """Send nothing for `seconds`: the service has throttled one of us, and the limit is everybody's."""
        with self._lock:
            until = now + timedelta(seconds=seconds)
            self._paused_until = max(self._paused_until, until) if self._paused_until else until

    def _promise(self, earliest: datetime, now: datetime) -> float:
        """Return the wait of one more who has to come back; the time until then is promised to those before it."""
        back = min(max(self._promised_until, earliest), now + LONGEST_PROMISE)
        self._promised_until = back + timedelta(seconds=1 / self._per_second)
        return (back - now).total_seconds()

    def _fill(self, now: datetime) -> None:
        elapsed = (now - self._filled).total_seconds()
        self._tokens = min(self._capacity, self._tokens + max(0.0, elapsed) * self._per_second)
        # Threads read the clock before they come here, so a little earlier is no news.
        if elapsed < -CLOCK_STEP_S:
            self._promised_until = now
        if elapsed > 0 or elapsed < -CLOCK_STEP_S:
            self._filled = now
