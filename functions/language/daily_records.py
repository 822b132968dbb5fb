"""The setting DAILY_TEXT_RECORDS: what all instances together submit in a day, counted before it is submitted."""

import threading

from .. import problems
from ..core.daily_count import DailyCount, day_of, next_day, take
from ..storage.shared_record import SharedRecord, Unreachable
from .budget import Wait

UNREACHABLE_WAIT_S = 30.0
"""How soon a submission asks again that could not be counted."""


class DailyRecords:
    """Counts text records in the record that all instances share; safe to share between threads."""

    def __init__(self, count: SharedRecord[DailyCount], limit: int) -> None:
        self.limit = limit
        self._count = count
        self._day = ""
        """The day of the block, and of what is known to be used up."""
        self._block = 0
        self._least_refused: int | None = None
        """The fewest records for which the day had too few left."""
        self._lock = threading.Lock()

    def take(self, records: int) -> Wait | None:
        """Take text records out of the day and return None; return how long to wait where too few are left."""
        with self._lock:
            self._begin_day()
            if self._block < records:
                refused = self._refused(records) or self._enlarge(records)
                if refused:
                    return refused
            self._block -= records
            return None

    def give_back(self, records: int) -> None:
        """Give text records back that the service surely did not accept."""
        with self._lock:
            self._block += records

    def used_up(self) -> Wait | None:
        """Return how long to wait where not even one record is known to be left; asks nobody."""
        with self._lock:
            self._begin_day()
            return self._refused(1) if self._block == 0 else None

    def _begin_day(self) -> None:
        today = day_of(self._count.now())
        if self._day != today:
            self._day, self._block, self._least_refused = today, 0, None

    def _enlarge(self, records: int) -> Wait | None:
        """Take a further block out of the day; return how long to wait where that is not possible."""
        needed = records - self._block
        try:
            block = self._count.change(lambda count, now: take(count, self.limit, needed, now))
        except Unreachable:
            problem = problems.RECORDS_NOT_COUNTED.problem(blob=self._count.name)
            return Wait(UNREACHABLE_WAIT_S, problem=problem)
        # The first answer of all may tell that it is another day here than this machine thinks.
        self._begin_day()
        if not block:
            self._least_refused = min(records, self._least_refused or records)
            return self._refused(records)
        self._block += block
        return None

    def _refused(self, records: int) -> Wait | None:
        if self._least_refused is None or records < self._least_refused:
            return None
        now = self._count.now()
        until = next_day(now)
        problem = problems.DAILY_RECORDS_USED.problem(limit=self.limit, until=f"{until:%Y-%m-%d %H:%M} UTC")
        return Wait((until - now).total_seconds(), problem=problem)
