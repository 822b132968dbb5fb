from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.pipeline.budget import BURST_SECONDS, POLL_RESERVE, RequestBudget, RequestKind
from tests.unit.material import NOW, after

SUBMISSION, POLL = RequestKind.SUBMISSION, RequestKind.POLL


def spend(budget: RequestBudget, kind: RequestKind, now: datetime) -> int:
    """Take requests until one has to wait; return how many there were."""
    taken = 0
    while budget.take(kind, now) == 0:
        taken += 1
    return taken


def test_ten_seconds_worth_may_be_spent_at_once() -> None:
    """1,000 a minute: 166 at once."""
    budget = RequestBudget(1_000, NOW)
    assert spend(budget, SUBMISSION, NOW) == 166


def test_the_wait_is_until_the_next_request_and_waiting_so_long_is_enough() -> None:
    budget = RequestBudget(60, NOW)
    assert [budget.take(SUBMISSION, NOW) for _ in range(11)] == pytest.approx([0.0] * 10 + [1.0])
    assert budget.take(SUBMISSION, after(1.0)) == 0
    assert budget.take(SUBMISSION, after(1.0)) > 0


def test_a_refused_request_takes_nothing() -> None:
    budget = RequestBudget(60, NOW)
    spend(budget, SUBMISSION, NOW)
    for number in range(100):
        assert budget.take(SUBMISSION, NOW) == pytest.approx(2.0 + number)
    assert spend(budget, SUBMISSION, after(3)) == 3


def test_who_has_to_wait_is_sent_back_one_after_the_other_and_an_hour_ahead_at_most() -> None:
    """A thousand jobs that are held off together do not come back together."""
    budget = RequestBudget(60, NOW)
    spend(budget, SUBMISSION, NOW)
    waits = [budget.take(SUBMISSION, NOW) for _ in range(4_000)]
    assert waits[:3] == pytest.approx([2.0, 3.0, 4.0])
    assert max(waits) == 3_600


def test_a_further_page_is_never_refused_and_is_paid_for_later() -> None:
    budget = RequestBudget(60, NOW)
    spend(budget, SUBMISSION, NOW)
    assert budget.take(RequestKind.PAGE, NOW) == 0
    assert budget.take(SUBMISSION, after(1)) > 0
    assert budget.take(SUBMISSION, after(2)) == 0


def test_the_budget_refills_steadily_up_to_the_burst() -> None:
    budget = RequestBudget(60, NOW)
    spend(budget, SUBMISSION, NOW)
    assert spend(budget, SUBMISSION, after(4)) == 4
    assert spend(budget, SUBMISSION, after(10_000)) == 10


def test_polls_leave_a_quarter_of_the_burst_to_submissions() -> None:
    budget = RequestBudget(1_200, NOW)
    assert POLL_RESERVE == 0.25
    assert spend(budget, POLL, NOW) == 150
    assert spend(budget, SUBMISSION, NOW) == 50


def test_the_wait_of_a_poll_reckons_with_the_reserve() -> None:
    budget = RequestBudget(60, NOW)
    first = [budget.take(POLL, NOW) for _ in range(8)]
    assert first == pytest.approx([0, 0, 0, 0, 0, 0, 0, 0.5])
    assert budget.take(POLL, after(0.5)) == 0


def test_the_smallest_budget_still_lets_polls_through() -> None:
    budget = RequestBudget(1, NOW)
    assert budget.take(POLL, NOW) == 0
    assert budget.take(POLL, NOW) == pytest.approx(60)
    assert budget.take(POLL, after(60)) == 0


def test_a_pause_stops_everything_until_it_is_over() -> None:
    budget = RequestBudget(60, NOW)
    budget.pause(5, NOW)
    assert budget.take(SUBMISSION, NOW) == pytest.approx(5)
    assert budget.take(POLL, after(4.5)) == pytest.approx(0.5)
    assert budget.take(SUBMISSION, after(5)) == 0


def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    budget = RequestBudget(60, NOW)
    budget.pause(10, NOW)
    budget.pause(1, NOW)
    assert budget.take(SUBMISSION, after(2)) == pytest.approx(8)


def test_a_clock_that_is_set_back_stops_nothing_and_gives_nothing_away() -> None:
    budget = RequestBudget(60, NOW)
    spend(budget, SUBMISSION, NOW)
    assert budget.take(SUBMISSION, after(-3_600)) == pytest.approx(1.0)
    assert budget.take(SUBMISSION, after(-3_599)) == 0


def test_threads_that_read_the_clock_before_others_give_nothing_away() -> None:
    budget = RequestBudget(60, NOW)
    spend(budget, SUBMISSION, NOW)
    for _ in range(100):
        assert budget.take(SUBMISSION, after(-0.9)) > 0
        assert budget.take(SUBMISSION, after(0)) > 0


@given(
    st.integers(1, 5_000),
    st.lists(st.tuples(st.floats(0, 3), st.sampled_from([SUBMISSION, POLL])), max_size=200),
)
def test_no_stretch_of_time_ever_sees_more_than_the_rate_and_one_burst(
    per_minute: int, requests: list[tuple[float, RequestKind]]
) -> None:
    budget, now = RequestBudget(per_minute, NOW), NOW
    sent: list[datetime] = []
    for pause, kind in requests:
        now += timedelta(seconds=pause)
        wait = budget.take(kind, now)
        if wait == 0:
            sent.append(now)
        else:
            assert wait > 0
    burst = max(1.0, per_minute / 60 * BURST_SECONDS)
    for i, begin in enumerate(sent):
        for j in range(i, len(sent)):
            assert j - i + 1 <= burst + (sent[j] - begin).total_seconds() * per_minute / 60 + 1e-6
