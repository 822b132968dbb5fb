from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.pipeline.outcomes import DeferReason, Deferred
from functions.pipeline.retry import (
    HOLD_OFF,
    LONGEST_HONOURED_RETRY_AFTER_S,
    STEP_FAULT,
    SUBMIT_AGAIN,
    Backoff,
    deferral_s,
    next_poll_s,
)
from tests.unit.material import PROBLEM, NoJitter


@pytest.mark.parametrize(
    ("backoff", "waits"),
    [
        (HOLD_OFF[DeferReason.BUDGET], [0.5, 1, 2, 4, 8, 10, 10]),
        (HOLD_OFF[DeferReason.THROTTLED], [2, 4, 8, 16, 32, 60, 60]),
        (HOLD_OFF[DeferReason.QUOTA], [60, 120, 240, 480, 960, 1920, 3600, 3600]),
        (HOLD_OFF[DeferReason.UNAVAILABLE], [2, 4, 8, 16, 32, 64, 120, 120]),
        (HOLD_OFF[DeferReason.MISCONFIGURED], [15, 30, 60, 120, 240, 300, 300]),
        (SUBMIT_AGAIN, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]),
        (STEP_FAULT, [5, 10, 20, 40, 80, 160, 320, 640, 900, 900]),
    ],
)
def test_waits_grow_to_their_ceiling(backoff: Backoff, waits: list[float]) -> None:
    assert [backoff.wait_s(n, NoJitter()) for n in range(len(waits))] == waits


def test_every_reason_to_hold_off_has_its_waits() -> None:
    assert set(HOLD_OFF) == set(DeferReason)


@given(st.integers(-1, 10**9), st.randoms(use_true_random=False))
def test_jitter_stays_within_a_fifth_and_no_number_of_waits_overflows(n: int, rng: Random) -> None:
    for backoff in HOLD_OFF.values():
        assert backoff.wait_s(n, rng) <= backoff.ceiling_s * 1.2
        assert backoff.wait_s(n, rng) >= min(backoff.ceiling_s, backoff.first_s * 2.0 ** min(n, 60)) * 0.8


def test_jobs_held_off_together_do_not_come_back_together() -> None:
    rng = Random(1)
    assert len({HOLD_OFF[DeferReason.THROTTLED].wait_s(0, rng) for _ in range(100)}) == 100


@pytest.mark.parametrize("reason", DeferReason)
@pytest.mark.parametrize(
    ("asked", "wait"),
    [
        (0, 0.25),
        (1, 1.25),
        (2, 2.25),
        (60, 63),
        (LONGEST_HONOURED_RETRY_AFTER_S, LONGEST_HONOURED_RETRY_AFTER_S * 1.05),
        (15 * 86_400, LONGEST_HONOURED_RETRY_AFTER_S * 1.05),
        (float("inf"), LONGEST_HONOURED_RETRY_AFTER_S * 1.05),
    ],
)
def test_the_services_own_wish_wins_up_to_six_hours(reason: DeferReason, asked: float, wait: float) -> None:
    assert deferral_s(Deferred(reason, PROBLEM, asked), 50, NoJitter()) == pytest.approx(wait)


@given(st.floats(0, LONGEST_HONOURED_RETRY_AFTER_S), st.randoms(use_true_random=False))
def test_nobody_comes_back_earlier_than_asked(asked: float, rng: Random) -> None:
    assert deferral_s(Deferred(DeferReason.THROTTLED, PROBLEM, asked), 0, rng) >= asked


def test_without_a_wish_the_wait_grows_with_the_waits_before() -> None:
    hold = Deferred(DeferReason.UNAVAILABLE, PROBLEM)
    assert [deferral_s(hold, n, NoJitter()) for n in range(4)] == [2, 4, 8, 16]


@pytest.mark.parametrize(
    ("first", "ceiling", "waits"),
    [
        (2, 30, [1, 1.5, 2.25, 3.375, 5.0625]),
        (0, 30, [0.5, 0.75, 1.125]),
        (8, 6, [4, 6, 6, 6]),
        (0.5, 0.1, [0.1, 0.1]),
    ],
)
def test_polls_back_off_from_half_the_first_delay(first: float, ceiling: float, waits: list[float]) -> None:
    assert [next_poll_s(n + 1, first, ceiling, NoJitter()) for n in range(len(waits))] == waits


@given(st.integers(1, 10_000), st.floats(0, 3600), st.floats(0.1, 3600), st.randoms(use_true_random=False))
def test_no_poll_delay_is_over_the_ceiling(polls: int, first: float, ceiling: float, rng: Random) -> None:
    assert 0 < next_poll_s(polls, first, ceiling, rng) <= ceiling
