from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.language.budget import BURST_SECONDS, POLL_RESERVE, RequestBudget, RequestKind
from tests.support.material import NOW, after

SUBMISSION, POLL = RequestKind.SUBMISSION, RequestKind.POLL


def take(budget: RequestBudget, kind: RequestKind, now: datetime) -> float:
    """Take a request out of a budget; return the seconds to wait, 0 where it may be sent."""
    wait = budget.take(kind, now)
    return wait.seconds if wait else 0.0


def spend(budget: RequestBudget, kind: RequestKind, now: datetime) -> int:
    """Take requests until one has to wait; return how many there were."""
    taken = 0
    while take(budget, kind, now) == 0:
        taken += 1
    return taken


def test_burst_is_ten_seconds() -> None:
    """1,000 a minute: 166 at once."""
    budget = RequestBudget(1_000, NOW)
    assert spend(budget, SUBMISSION, NOW) == 166


def test_wait_is_exactly_long_enough() -> None:
    budget = RequestBudget(60, NOW)
    assert [take(budget, SUBMISSION, NOW) for _ in range(11)] == pytest.approx([0.0] * 10 + [1.0])
    assert take(budget, SUBMISSION, after(1.0)) == 0
    assert take(budget, SUBMISSION, after(1.0)) > 0


def test_refused_request_takes_nothing() -> None:
    budget = RequestBudget(60, NOW)
    spend(budget, SUBMISSION, NOW)
    for number in range(100):
        assert take(budget, SUBMISSION, NOW) == pytest.approx(2.0 + number)
    assert spend(budget, SUBMISSION, after(3)) == 3


def test_waits_are_spread_within_an_hour() -> None:
    """A thousand jobs that are held off together do not come back together."""
    budget = RequestBudget(60, NOW)
    spend(budget, SUBMISSION, NOW)
    waits = [take(budget, SUBMISSION, NOW) for _ in range(4_000)]
    assert waits[:3] == pytest.approx([2.0, 3.0, 4.0])
    assert max(waits) == 3_600


def test_further_page_is_never_refused() -> None:
    """It is paid for later."""
    budget = RequestBudget(60, NOW)
    spend(budget, SUBMISSION, NOW)
    assert take(budget, RequestKind.PAGE, NOW) == 0
    assert take(budget, SUBMISSION, after(1)) > 0
    assert take(budget, SUBMISSION, after(2)) == 0


def test_budget_refills_up_to_burst() -> None:
    budget = RequestBudget(60, NOW)
    spend(budget, SUBMISSION, NOW)
    assert spend(budget, SUBMISSION, after(4)) == 4
    assert spend(budget, SUBMISSION, after(10_000)) == 10


def test_polls_leave_a_quarter() -> None:
    budget = RequestBudget(1_200, NOW)
    assert POLL_RESERVE == 0.25
    assert spend(budget, POLL, NOW) == 150
    assert spend(budget, SUBMISSION, NOW) == 50


def test_poll_wait_includes_reserve() -> None:
    budget = RequestBudget(60, NOW)
    first = [take(budget, POLL, NOW) for _ in range(8)]
    assert first == pytest.approx([0, 0, 0, 0, 0, 0, 0, 0.5])
    assert take(budget, POLL, after(0.5)) == 0


def test_smallest_budget_allows_polls() -> None:
    budget = RequestBudget(1, NOW)
    assert take(budget, POLL, NOW) == 0
    assert take(budget, POLL, NOW) == pytest.approx(60)
    assert take(budget, POLL, after(60)) == 0


def test_pause_stops_everything() -> None:
    budget = RequestBudget(60, NOW)
    budget.pause(5, NOW)
    assert take(budget, SUBMISSION, NOW) == pytest.approx(5)
    assert take(budget, POLL, after(4.5)) == pytest.approx(0.5)
    assert take(budget, SUBMISSION, after(5)) == 0


def test_longer_pause_wins() -> None:
    budget = RequestBudget(60, NOW)
    budget.pause(10, NOW)
    budget.pause(1, NOW)
    assert take(budget, SUBMISSION, after(2)) == pytest.approx(8)


def test_clock_set_back_keeps_tokens() -> None:
    """Nobody waits for the time of day to come back, and nobody is sent into the second of somebody else."""
    budget = RequestBudget(60, NOW)
    spend(budget, SUBMISSION, NOW)
    assert take(budget, SUBMISSION, after(-3_600)) == pytest.approx(2.0)
    assert take(budget, SUBMISSION, after(-3_599)) == 0


@pytest.mark.parametrize("step", [-2, -60, -3_600, -30 * 86_400])
def test_clock_set_back_keeps_rest_of_pause(step: int) -> None:
    budget = RequestBudget(60, NOW)
    budget.pause(10, NOW)
    assert take(budget, SUBMISSION, after(4)) == pytest.approx(6)
    assert take(budget, SUBMISSION, after(4 + step)) == pytest.approx(6)
    assert take(budget, SUBMISSION, after(9.9 + step)) == pytest.approx(0.1)
    assert take(budget, SUBMISSION, after(10 + step)) == 0


def test_clock_step_keeps_longer_pause() -> None:
    budget = RequestBudget(60, NOW)
    budget.pause(60, NOW)
    budget.pause(5, after(-3_600))
    assert take(budget, SUBMISSION, after(-3_600)) == pytest.approx(60)
    budget.pause(120, after(-3_600))
    assert take(budget, SUBMISSION, after(-3_600)) == pytest.approx(120)


@given(st.floats(0.1, 900), st.lists(st.tuples(st.floats(0, 60), st.floats(-7_200, -1.5)), max_size=20))
def test_pause_ignores_clock_changes(pause_s: float, steps: list[tuple[float, float]]) -> None:
    """Each pair is true time that passes, and a step back right after the clock was read."""
    budget, clock = RequestBudget(60, NOW), NOW
    budget.pause(pause_s, clock)
    left = pause_s
    for passed, step in steps:
        clock += timedelta(seconds=passed)
        left -= passed
        wait = take(budget, RequestKind.PAGE, clock)
        assert wait == pytest.approx(max(0.0, left), abs=1e-3)
        clock += timedelta(seconds=step)
        if wait:
            assert take(budget, RequestKind.PAGE, clock) == pytest.approx(wait, abs=1e-3)


def test_late_threads_gain_nothing() -> None:
    """Threads that read the clock before others."""
    budget = RequestBudget(60, NOW)
    spend(budget, SUBMISSION, NOW)
    for _ in range(100):
        assert take(budget, SUBMISSION, after(-0.9)) > 0
        assert take(budget, SUBMISSION, after(0)) > 0


@given(
    st.integers(1, 5_000),
    st.lists(st.tuples(st.floats(0, 3), st.sampled_from([SUBMISSION, POLL])), max_size=200),
)
def test_rate_plus_burst_is_never_exceeded(per_minute: int, requests: list[tuple[float, RequestKind]]) -> None:
    """In any stretch of time."""
    budget, now = RequestBudget(per_minute, NOW), NOW
    sent: list[datetime] = []
    for pause, kind in requests:
        now += timedelta(seconds=pause)
        wait = take(budget, kind, now)
        if wait == 0:
            sent.append(now)
        else:
            assert wait > 0
    burst = max(1.0, per_minute / 60 * BURST_SECONDS)
    for i, begin in enumerate(sent):
        for j in range(i, len(sent)):
            assert j - i + 1 <= burst + (sent[j] - begin).total_seconds() * per_minute / 60 + 1e-6
