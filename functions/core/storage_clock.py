"""The storage's time, as one instance knows it: all instances agree on it, whatever their own clocks say.

Each reply of the storage says its time in whole seconds. It was sent between the request and the arrival of the reply,
both read from the instance's monotonic clock; so each reply bounds how far the two clocks are apart, and several bound
it better than one.
"""

from datetime import UTC, datetime
from typing import NamedTuple

DRIFT = 1e-4
"""How much two clocks may drift apart; ordinary ones do a tenth of that."""


class StorageClock(NamedTuple):
    """Bounds of the storage's time minus the monotonic clock, in seconds, as of a reading of that clock."""

    low: float
    high: float
    read_at: float

    def now(self, monotonic: float) -> datetime:
        """Return the storage's time at a reading of the monotonic clock."""
        return datetime.fromtimestamp((self.low + self.high) / 2 + monotonic, UTC)


def observed(known: StorageClock | None, told: datetime, sent: float, received: float) -> StorageClock:
    """Return what is known after a reply that told a time, whose request was sent and received at two readings.

    A reply that contradicts the ones before it counts alone: one of the storage's servers, or its clock, was set.
    """
    low, high = told.timestamp() - received, told.timestamp() + 1 - sent
    if known:
        drift = DRIFT * (received - known.read_at)
        narrowed = StorageClock(max(low, known.low - drift), min(high, known.high + drift), received)
        if narrowed.low <= narrowed.high:
            return narrowed
    return StorageClock(low, high, received)
