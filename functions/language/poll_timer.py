"""Learns from recent jobs when the next one is likely to be done, so that most jobs need one poll.

An instance that has seen too few jobs goes by what the others have learned.
"""

import threading
from collections import deque

REMEMBERED_JOBS = 100
ENOUGH_JOBS = 3
"""Jobs to have seen before their durations count for more than the setting."""

LEAST_S = 1.0
"""No learnt delay is shorter: the service tells its times in whole seconds (recordings of 2022 and 2023), so a job of
less than a second may seem to take none."""

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
        self._others_s: float | None = None
        self._lock = threading.Lock()

    def saw(self, duration_s: float) -> None:
        """Remember how long a job took, by the service's own clock."""
        with self._lock:
            self._durations.append(duration_s)

    @property
    def first_poll_s(self) -> float:
        """How long to wait before the first poll: what was learnt, up to MAX_POLL_SECONDS, else FIRST_POLL_SECONDS."""
        learned = self.learned_s
        likely = self._others_s if learned is None else learned
        return self._first_s if likely is None else min(self._max_s, max(LEAST_S, likely))

    @property
    def learned_s(self) -> float | None:
        """What this worker has learned; None where it has seen too few jobs."""
        with self._lock:
            known = sorted(self._durations)
        if len(known) < ENOUGH_JOBS:
            return None
        return known[min(len(known) - 1, int(len(known) * QUANTILE))] + MARGIN_S

    def share(self, others_s: float | None) -> float | None:
        """Hear what the other workers have learned, and return what all of them should know from now on."""
        learned = self.learned_s
        self._others_s = others_s
        return others_s if learned is None else round(learned, 2)
