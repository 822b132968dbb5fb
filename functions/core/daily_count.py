"""How many text records the app has submitted on a day, for all instances and resources together.

A worker takes records out of the day in small blocks, before it submits what they are for, and gives back to its own
block what the service did not accept. So whatever becomes of a worker, what was submitted never exceeds what was taken;
what a worker has not used is lost for the day. A block is the smaller part of what is left, and the last records are
taken one job at a time.
"""

from datetime import UTC, datetime, time, timedelta

from .records import Record

LARGEST_BLOCK = 8
"""A block is for so many jobs at most: then counting costs little, and an instance that dies loses little."""

BLOCK_SHARE = 20
"""A block is at most the twentieth part of what is left of the day, but for the job at hand."""


class DailyCount(Record, frozen=True, kw_only=True):
    """The count of one day (UTC): the text records that were taken."""

    day: str = ""
    records: int = 0


def take(count: DailyCount, limit: int, needed: int, now: datetime) -> tuple[DailyCount, int]:
    """Return the count after a worker has taken a block of at least `needed` records, and the block: 0 where too few
    are left."""
    today = day_of(now)
    taken = count.records if count.day == today else 0
    left = limit - taken
    if needed > left:
        return DailyCount(day=today, records=taken), 0
    block = max(needed, min(LARGEST_BLOCK * needed, left // BLOCK_SHARE))
    return DailyCount(day=today, records=taken + block), block


def day_of(now: datetime) -> str:
    """Return the day of a moment, in UTC."""
    return now.astimezone(UTC).date().isoformat()


def next_day(now: datetime) -> datetime:
    """Return when the next day begins, in UTC."""
    return datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), time(), UTC)
