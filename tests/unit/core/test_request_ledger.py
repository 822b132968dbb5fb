from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.core.request_ledger import (
    CUT,
    LANE_SHARE,
    LATE_S,
    LONGEST_SPREAD_S,
    MAX_BURST,
    PACE,
    VALID_S,
    Booking,
    RequestLedger,
    book,
    book_poll,
    book_submission,
    charge,
    horizon_s,
    is_as_booked,
    is_sendable,
    pause_s,
    rate_per_s,
    share_at,
    submission_cost,
    throttled,
)
from tests.support.material import NOW, after

EMPTY = RequestLedger()
LIMITS = [1, 3, 4, 10, 80, 100, 120, 1_000]


def submissions(
    ledger: RequestLedger, limit: int, count: int, now: datetime = NOW
) -> tuple[RequestLedger, list[float]]:
    """Book submissions at the same moment; return the ledger and the seconds from `NOW` to their send times."""
    times = []
    for _ in range(count):
        ledger, send_at, is_booked = book_submission(ledger, limit, now)
        assert is_booked
        times.append((send_at - NOW).total_seconds())
    return ledger, times


def busy(limit: int, now: datetime = NOW) -> RequestLedger:
    """Return a ledger that has lent all it lends."""
    ledger = EMPTY
    while (booking := book_submission(ledger, limit, now)).send_at == now:
        ledger = booking.ledger
    return ledger


def most_in_a_minute(times: Sequence[datetime]) -> int:
    """Return the most send times that lie in any 60 seconds."""
    ordered = sorted(times)
    first = most = 0
    for last, moment in enumerate(ordered):
        while (moment - ordered[first]).total_seconds() >= 60:
            first += 1
        most = max(most, last - first + 1)
    return most


def test_submission_books_its_first_poll() -> None:
    ledger, _ = submissions(EMPTY, 1_000, 3)
    assert sum(ledger.counts) == 6
    assert [submission_cost(limit) for limit in (1, 3, 4, 1_000)] == [1, 1, 2, 2]


def test_quiet_time_lends_five_seconds() -> None:
    """82 requests are 41 submissions: a thousand documents."""
    _, times = submissions(EMPTY, 1_000, 60)
    assert times.count(0.0) == pytest.approx(1_000 / 60 * PACE * 5 / 2, abs=1.5)
    assert all(earlier <= later for earlier, later in pairwise(times))


def test_loan_is_repaid_within_a_minute() -> None:
    """Send times are a tenth further apart, and then as before."""
    ledger = busy(1_000)
    gaps = [round(later - earlier, 4) for earlier, later in pairwise(submissions(ledger, 1_000, 450)[1])]
    usual = 2 / (1_000 / 60 * PACE)
    assert gaps[0] == pytest.approx(1.1 * usual, abs=1e-3)
    assert gaps[-1] == pytest.approx(usual, abs=1e-3)
    assert len([gap for gap in gaps if gap > 1.05 * usual]) * 1.1 * usual == pytest.approx(55, abs=5)


@pytest.mark.parametrize(("limit", "most"), [(10, 10), (40, 39), (80, 78), (120, 118), (1_000, 995)])
def test_submissions_leave_room_for_late_requests(limit: int, most: int) -> None:
    ledger, now, sent = EMPTY, NOW, []
    while now < after(200):
        ledger, now, _ = book_submission(ledger, limit, now)
        sent += [now] * submission_cost(limit)
    assert 0.9 * most <= most_in_a_minute(sent) <= most


@pytest.mark.parametrize("limit", [80, 100, 120, 1_000])
def test_steady_pace_reaches_its_share(limit: int) -> None:
    """What comes too late by less than a burst is caught up on."""
    ledger, now, sent = busy(limit), NOW, []
    while now < after(1_200):
        ledger, send_at, _ = book_submission(ledger, limit, now)
        sent.append(send_at)
        now = max(now, send_at + timedelta(seconds=0.02))
    in_ten_minutes = [moment for moment in sent if after(600) <= moment < after(1_200)]
    assert 2 * len(in_ten_minutes) >= 0.96 * 10 * limit


@pytest.mark.parametrize("limit", LIMITS)
def test_idle_ledger_makes_nobody_wait(limit: int) -> None:
    booking = book_submission(EMPTY, limit, NOW)
    assert booking.send_at == NOW
    later = book_submission(booking.ledger, limit, after(3_600))
    assert later.send_at == after(3_600)


def test_poll_overtakes_booked_submissions() -> None:
    ledger, times = submissions(busy(1_000), 1_000, 100)
    assert times[-1] > 10
    assert book_poll(ledger, 1_000, NOW).send_at == NOW


def test_poll_is_taken_out_of_rate() -> None:
    ledger = busy(1_000)
    polled = book_poll(ledger, 1_000, NOW).ledger
    assert ledger.next_at is not None and polled.next_at is not None
    assert (polled.next_at - ledger.next_at).total_seconds() == pytest.approx(
        1 / rate_per_s(ledger, 1_000, NOW), abs=1e-6
    )


def test_polls_take_half_of_rate() -> None:
    ledger, times = busy(1_000), []
    for _ in range(100):
        ledger, send_at, _ = book_poll(ledger, 1_000, NOW)
        times.append((send_at - NOW).total_seconds())
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert times.count(0.0) == pytest.approx(LANE_SHARE * PACE * 1_000 / 60, abs=1.5)
    assert gaps[-1] >= 1 / (LANE_SHARE * PACE * 1_000 / 60) - 1e-5


@pytest.mark.long
def test_waiting_polls_do_not_delay_submissions() -> None:
    """A hundred jobs that are polled again and again take half of the rate, and book little of it ahead."""
    ledger = RequestLedger()
    for second in range(300):
        for _ in range(100):
            ledger = book_poll(ledger, 30, after(second)).ledger
    assert book_submission(ledger, 30, after(300)).send_at <= after(315)


def test_further_page_is_paid_later() -> None:
    ledger = busy(1_000)
    _, before = submissions(ledger, 1_000, 1)
    _, afterwards = submissions(charge(ledger, 1_000, NOW), 1_000, 1)
    assert afterwards[0] > before[0]


def test_nothing_is_booked_beyond_horizon() -> None:
    """A thousand jobs that are told to come back do not come back together."""
    ledger, booked, told = EMPTY, 0, []
    for _ in range(5_000):
        ledger, send_at, is_booked = book_submission(ledger, 60, NOW)
        booked += is_booked
        if not is_booked:
            told.append((send_at - NOW).total_seconds())
    assert booked == pytest.approx((horizon_s(60) + 5) * 0.985 / 2, abs=5)
    assert told[:2] == pytest.approx([told[0], told[0] + 2 / 0.985], abs=1e-3)
    assert told[0] > horizon_s(60)
    assert max(told) == LONGEST_SPREAD_S


def test_pause_moves_send_times() -> None:
    ledger = throttled(EMPTY, 7, NOW)
    assert book_submission(ledger, 1_000, NOW).send_at == after(7)
    assert book_poll(ledger, 1_000, NOW).send_at == after(7)
    assert (pause_s(ledger, after(3)), pause_s(ledger, after(8))) == (4, 0)


def test_longer_pause_wins() -> None:
    assert pause_s(throttled(throttled(EMPTY, 10, NOW), 1, NOW), NOW) == 10


def test_rate_falls_once_in_five_seconds() -> None:
    ledger = EMPTY
    for second in (0, 1, 4.9, 5, 9, 10):
        ledger = throttled(ledger, 1, after(second))
    assert ledger.share == pytest.approx(CUT**3)


def test_rate_returns_step_by_step() -> None:
    ledger = throttled(EMPTY, 1, NOW)
    shares = [share_at(ledger, after(second)) for second in (0, 59.9, 60, 69.9, 70, 100, 3_600)]
    assert shares == pytest.approx([CUT, CUT, CUT * 1.02, CUT * 1.02, CUT * 1.02**2, 1.0, 1.0])


def test_rate_never_falls_to_nothing() -> None:
    ledger = EMPTY
    for number in range(1_000):
        ledger = throttled(ledger, 1, after(10 * number))
    assert rate_per_s(ledger, 60, after(10_000)) == pytest.approx(0.05 * PACE)


def test_booking_is_valid_for_four_seconds() -> None:
    assert is_sendable(EMPTY, NOW, after(VALID_S))
    assert not is_sendable(EMPTY, NOW, after(VALID_S + 0.001))


def test_late_request_is_counted_when_it_is_sent() -> None:
    """A minute after the time that it was booked for, others may be sent; a minute after it was sent, no more."""
    ledger, send_at, _ = book_submission(EMPTY, 4, NOW)
    for late_s, now_s in ((3, 3), (3, 2)):
        moved = book(ledger, 4, after(now_s), send_at, is_poll=False)
        ledger, send_at = moved.ledger, moved.send_at
        assert send_at == after(late_s)
    assert sum(ledger.counts) == 2
    fill = book_submission(ledger, 4, after(4))
    assert book_submission(fill.ledger, 4, after(5)).send_at > after(60 + 3)
    assert is_as_booked(EMPTY, NOW, after(LATE_S))
    assert not is_as_booked(EMPTY, NOW, after(LATE_S + 0.001))


def test_pause_voids_bookings_within_it() -> None:
    paused = throttled(EMPTY, 5, NOW)
    assert not is_sendable(paused, after(3), after(3))
    assert is_sendable(paused, after(3), after(5))
    assert is_sendable(paused, after(6), NOW)


def test_ledger_stays_small() -> None:
    ledger, now = EMPTY, NOW
    for _ in range(3_000):
        ledger, send_at, _ = book_submission(ledger, 1_000, now)
        now = max(now, send_at)
    assert len(ledger.counts) < 300
    assert len(msgspec.json.encode(ledger)) < 1_500


def test_ledger_survives_long_idleness() -> None:
    ledger = book_submission(EMPTY, 1_000, NOW).ledger
    later = book_submission(ledger, 1_000, after(30 * 86_400)).ledger
    assert sum(later.counts) == 2


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 10])
def test_smallest_limits_starve_nothing(limit: int) -> None:
    """Submissions that are always waiting, and each with one poll of its own that has to be booked."""
    ledger, now, sent = EMPTY, NOW, Counter[str]()
    for _ in range(40):
        ledger, at, is_booked = book_submission(ledger, limit, now)
        if is_booked:
            sent["submissions"] += 1
        ledger, polled, is_booked = book_poll(ledger, limit, now)
        sent["polls"] += is_booked
        now = max(now, at, polled)
    assert min(sent["submissions"], sent["polls"]) >= 15


REQUESTS = st.lists(
    st.tuples(
        st.sampled_from(["submission", "submission", "poll", "late", "throttled", "pause"]),
        st.floats(0, 5),
        st.floats(-0.5, 0.5),
        st.integers(1, 60),
    ),
    max_size=60,
)


@settings(max_examples=100)
@given(st.sampled_from(LIMITS), REQUESTS)
def test_no_minute_exceeds_limit(limit: int, requests: list[tuple[str, float, float, int]]) -> None:
    """Whoever books, whatever is kept of it: instances start, stop and die, and know the time to half a second."""
    ledger, now, sent = EMPTY, NOW, list[datetime]()
    last: tuple[datetime, bool] | None = None
    for kind, pause, error, count in requests:
        now += timedelta(seconds=120 if kind == "pause" else pause)
        seen = now + timedelta(seconds=error)
        if kind == "throttled":
            ledger = throttled(ledger, count, seen)
        for _ in range(count if kind in ("submission", "poll") else 0):
            booking: Booking = (book_submission if kind == "submission" else book_poll)(ledger, limit, seen)
            ledger = booking.ledger
            assert booking.send_at >= seen
            if booking.is_booked:
                sent += [booking.send_at] * (submission_cost(limit) if kind == "submission" else 1)
                last = booking.send_at, kind == "poll"
        if kind == "late" and last and is_sendable(ledger, last[0], seen) and not is_as_booked(ledger, last[0], seen):
            # A request that was held up goes now.
            ledger, moved, _ = book(ledger, limit, seen, last[0], is_poll=last[1])
            for _ in range(1 if last[1] else submission_cost(limit)):
                sent.remove(last[0])
                sent.append(moved)
            last = moved, last[1]
    assert most_in_a_minute(sent) <= limit


def test_burst_is_at_most_eight_without_loan() -> None:
    """An instance that comes half a second late to a busy ledger catches up, and no more."""
    ledger = busy(1_000)
    assert ledger.next_at is not None
    late = ledger.next_at + timedelta(seconds=0.5)
    at_once = 0
    while (booking := book_submission(ledger, 1_000, late)).send_at == late:
        ledger, at_once = booking.ledger, at_once + 2
    assert at_once <= MAX_BURST + 2
