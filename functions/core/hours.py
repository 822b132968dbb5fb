"""What happened in each hour, for charts: counted from the journal, and kept when its lines are older than a night."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from .documents import DocumentState
from .journal import JobSubmitted, Line, hour_of
from .records import Moment, Record

DAYS_KEPT = 31
"""As far back as the status page goes, and the day that has begun."""

_MINUTE = timedelta(minutes=1)
_HOUR = timedelta(hours=1)
_MINUTES_OF_AN_HOUR = 60


class HourSums(Record, frozen=True, kw_only=True):
    """What happened in an hour."""

    hour: Moment
    done: int = 0
    failed: int = 0
    text_records: int = 0
    """Submitted ones."""
    deferred_minutes: int = 0
    """In how many of its minutes at least one job was deferred."""


class HourHistory(Record, frozen=True, kw_only=True):
    """What happened in the hours before a time, the earliest first."""

    as_of: Moment
    hours: tuple[HourSums, ...]


@dataclass(slots=True)
class _Counted:
    done: int = 0
    failed: int = 0
    text_records: int = 0
    deferred: int = 0
    """A bit for each minute in which a job was deferred: many jobs wait at the same time."""


class Hours:
    """Counts what happened in each hour; each line is to be added once.

    `known` hours were counted before. Of them only those before `since` count, from where on all lines are added.
    """

    def __init__(self, since: datetime, known: Iterable[HourSums] = ()) -> None:
        first = hour_of(since)
        self._known = {one.hour: one for one in known if one.hour < first}
        self._counted: dict[datetime, _Counted] = {}

    def add(self, line: Line) -> None:
        """Count a line."""
        counted = self._of(line.at)
        if isinstance(line, JobSubmitted):
            counted.text_records += line.text_records
            if line.deferred_since:
                self.add_deferred(line.deferred_since, line.at)
        elif line.state is DocumentState.DONE:
            counted.done += 1
        else:
            counted.failed += 1

    def add_deferred(self, since: datetime, until: datetime) -> None:
        """Count the minutes that a job was deferred; at most `DAYS_KEPT` days of them."""
        for hour, minutes in _minutes_by_hour(max(since, until - timedelta(days=DAYS_KEPT)), until):
            self._of(hour).deferred |= minutes

    def sums(self, until: datetime) -> Iterator[HourSums]:
        """Yield the hours of the last `DAYS_KEPT` days before a time, the earliest first."""
        first = until - timedelta(days=DAYS_KEPT)
        for hour in sorted({*self._known, *self._counted}):
            if first <= hour < until:
                known = self._known.get(hour, HourSums(hour=hour))
                counted = self._counted.get(hour, _Counted())
                yield HourSums(
                    hour=hour,
                    done=known.done + counted.done,
                    failed=known.failed + counted.failed,
                    text_records=known.text_records + counted.text_records,
                    # What a job waited in a known hour may have been counted there, as that of another job.
                    deferred_minutes=max(known.deferred_minutes, counted.deferred.bit_count()),
                )

    def _of(self, at: datetime) -> _Counted:
        return self._counted.setdefault(hour_of(at.astimezone(UTC)), _Counted())


def _minutes_by_hour(since: datetime, until: datetime) -> Iterator[tuple[datetime, int]]:
    """Yield each hour between two times, with a bit for each of its minutes between them."""
    hour = hour_of(since.astimezone(UTC))
    while hour < until:
        first = max(0, (since - hour) // _MINUTE)
        end = min(_MINUTES_OF_AN_HOUR, -((hour - until) // _MINUTE))
        yield hour, (1 << end) - (1 << first)
        hour += _HOUR
