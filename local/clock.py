"""A clock for waits: it follows the time of day and never goes back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def _wall() -> datetime:
    return datetime.now(UTC)


class ForwardClock:
    """Gives the time of day until that is set back; then it goes on at its own pace, as if nothing had happened.

    Windows, schedules and ages that are reckoned with it are as long as they should be when the machine's clock is set
    back, by hand or by a time service. A clock that is set forward is followed at once: a machine that was asleep has
    no other way to say so. Safe to call from several threads.
    """

    def __init__(self, wall: Callable[[], datetime] = _wall, monotonic: Callable[[], float] = time.monotonic) -> None:
        """``wall`` is the time of day; ``monotonic`` counts seconds and is never set."""
        self._wall = wall
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._time = wall()
        self._read_at = monotonic()

    def __call__(self) -> datetime:
        """Give the time, timezone-aware."""
        with self._lock:
            read_at = self._monotonic()
            self._time += timedelta(seconds=max(0.0, read_at - self._read_at))
            self._read_at = max(self._read_at, read_at)
            # Both clocks are read one after the other, so the wall may be behind by a moment without having been set.
            self._time = max(self._time, self._wall())
            return self._time
