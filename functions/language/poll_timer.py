"""Learns from recent jobs when the next one is likely to be done, so that most jobs need one poll."""

import threading
from collections import deque

REMEMBERED_JOBS = 100
ENOUGH_JOBS = 5
"""Jobs to have seen before their durations count for more than the setting."""

QUANTILE = 0.9
"""Share of the remembered jobs that the first poll would have found done: one more poll for one job in ten costs
less time than a tenth more waiting for all."""

MARGIN_S = 0.1
"""The service needs a moment to publish a result."""


class PollTimer:
    """The first poll delay, in seconds; safe to share between threads."""

    def __init__(self, first_s: float, max_s: float) -> None:
        self._first_s, self._max_s = first_s, max_s
        self._durations: deque[float] = deque(maxlen=REMEMBERED_JOBS)
        self._lock = threading.Lock()

    def saw(self, duration_s: float) -> None:
        """Remember how long a job took, by the service's own clock."""
        with self._lock:
            self._durations.append(duration_s)

    @property
    def first_poll_s(self) -> float:
        """How long to wait before the first poll, between FIRST_POLL_SECONDS and MAX_POLL_SECONDS."""
        with self._lock:
            known = sorted(self._durations)
        if len(known) < ENOUGH_JOBS:
            return self._first_s
        likely = known[min(len(known) - 1, int(len(known) * QUANTILE))] + MARGIN_S
        return min(self._max_s, max(self._first_s, likely))
