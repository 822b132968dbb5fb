from datetime import datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from functions.core.daily_count import BLOCK_SHARE, LARGEST_BLOCK, DailyCount, day_of, next_day, take
from tests.support.material import NOW

TODAY = "2026-11-23"


def test_block_is_for_eight_jobs() -> None:
    assert take(DailyCount(), 1_000_000, 50, NOW) == (DailyCount(day=TODAY, records=400), 400)
    assert LARGEST_BLOCK == 8


def test_last_records_are_taken_one_job_at_a_time() -> None:
    assert take(DailyCount(day=TODAY, records=900), 1_000, 50, NOW) == (DailyCount(day=TODAY, records=950), 50)
    assert take(DailyCount(day=TODAY, records=950), 1_000, 50, NOW) == (DailyCount(day=TODAY, records=1_000), 50)
    assert take(DailyCount(day=TODAY, records=951), 1_000, 50, NOW) == (DailyCount(day=TODAY, records=951), 0)


def test_new_day_counts_from_nothing() -> None:
    assert take(DailyCount(day="2026-11-22", records=1_000), 1_000, 50, NOW) == (DailyCount(day=TODAY, records=50), 50)


def test_limit_of_nothing_allows_nothing() -> None:
    assert take(DailyCount(), 0, 1, NOW) == (DailyCount(day=TODAY), 0)


def test_days_are_those_of_utc() -> None:
    late = datetime(2026, 11, 23, 23, 30, tzinfo=timezone(timedelta(hours=-5)))
    assert day_of(late) == "2026-11-24"
    assert next_day(NOW) == datetime.fromisoformat("2026-11-24T00:00:00Z")


@given(st.integers(0, 5_000), st.lists(st.integers(1, 200), max_size=100))
def test_blocks_never_exceed_limit(limit: int, jobs: list[int]) -> None:
    count, taken = DailyCount(), 0
    for needed in jobs:
        left = limit - taken
        count, block = take(count, limit, needed, NOW)
        taken += block
        assert block == 0 or needed <= block <= max(needed, left // BLOCK_SHARE)
        assert (block == 0) == (needed > left)
    assert count.records == taken <= limit
