"""What is counted of each hour."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from functions.core.documents import DocumentState
from functions.core.hours import DAYS_KEPT, Hours, HourSums
from functions.core.journal import DocumentEnded, JobSubmitted

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def ended(at: datetime, state: DocumentState = DocumentState.DONE) -> DocumentEnded:
    return DocumentEnded(at=at, document="a.txt", etag="1", job="j", state=state, claimed=at)


def submitted(at: datetime, since: datetime | None = None) -> JobSubmitted:
    return JobSubmitted(at=at, job="j", submission=1, chunks=1, text_records=3, deferred_since=since)


def sums(hours: Hours, until: datetime = NOON + 10 * HOUR) -> list[HourSums]:
    return list(hours.sums(until))


def test_lines_are_counted_by_hour() -> None:
    hours = Hours(NOON)
    for line in (ended(NOON + MINUTE), ended(NOON + MINUTE, DocumentState.FAILED), submitted(NOON + HOUR)):
        hours.add(line)
    assert sums(hours) == [HourSums(hour=NOON, done=1, failed=1), HourSums(hour=NOON + HOUR, text_records=3)]


def test_known_hours_count_before_the_lines() -> None:
    known = [HourSums(hour=NOON - HOUR, done=5), HourSums(hour=NOON, done=7)]
    hours = Hours(NOON + 5 * MINUTE, known)
    hours.add(ended(NOON + MINUTE))
    assert sums(hours) == [HourSums(hour=NOON - HOUR, done=5), HourSums(hour=NOON, done=1)]


def test_late_line_adds_to_a_known_hour() -> None:
    hours = Hours(NOON, [HourSums(hour=NOON - HOUR, done=5, deferred_minutes=20)])
    hours.add(submitted(NOON, since=NOON - 10 * MINUTE))
    assert sums(hours) == [
        HourSums(hour=NOON - HOUR, done=5, deferred_minutes=20),
        HourSums(hour=NOON, text_records=3),
    ]


def test_old_hours_are_dropped() -> None:
    old = HourSums(hour=NOON - timedelta(days=DAYS_KEPT) - HOUR, done=1)
    assert sums(Hours(NOON, [old]), NOON) == []


times = st.integers(0, 300).map(lambda seconds: NOON + seconds * timedelta(seconds=97))


@given(st.lists(st.tuples(times, times).map(sorted), max_size=8))
def test_minutes_with_a_deferred_job_are_counted_once(waits: list[list[datetime]]) -> None:
    hours = Hours(NOON)
    for since, until in waits:
        hours.add_deferred(since, until)
    minutes = [NOON + n * MINUTE for n in range(600)]
    deferred = [one for one in minutes if any(since < one + MINUTE and one < until for since, until in waits)]
    counted = {one.hour: one.deferred_minutes for one in sums(hours) if one.deferred_minutes}
    expected: dict[datetime, int] = {}
    for one in deferred:
        hour = one.replace(minute=0)
        expected[hour] = expected.get(hour, 0) + 1
    assert counted == expected


def test_endless_wait_is_counted_for_the_days_kept() -> None:
    hours = Hours(NOON)
    hours.add_deferred(NOON - timedelta(days=4000), NOON)
    found = sums(hours, NOON)
    assert len(found) == DAYS_KEPT * 24
    assert {one.deferred_minutes for one in found} == {60}
