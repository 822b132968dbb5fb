from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.core.backoff import (
    DEFER,
    LONGEST_HONOURED_RETRY_AFTER_S,
    LOST_POLL,
    STEP_FAULT,
    Backoff,
    deferral_s,
    next_poll_s,
)
from functions.core.outcomes import DeferReason, Deferred
from tests.support.material import PROBLEM, NoJitter


@pytest.mark.parametrize(
    ("backoff", "waits"),
    [
        (DEFER[DeferReason.BUDGET], [0.5, 1, 2, 4, 8, 10, 10]),
        (DEFER[DeferReason.THROTTLED], [2, 4, 8, 16, 32, 60, 60]),
        (DEFER[DeferReason.QUOTA], [60, 120, 240, 480, 960, 1920, 3600, 3600]),
        (DEFER[DeferReason.UNAVAILABLE], [2, 4, 8, 16, 32, 64, 120, 120]),
        (DEFER[DeferReason.MISCONFIGURED], [15, 30, 60, 120, 240, 300, 300]),
        (LOST_POLL, [5, 10, 20, 40, 80, 160, 250, 250]),
        (STEP_FAULT, [5, 10, 20, 40, 80, 160, 320, 640, 900, 900]),
    ],
)
def test_waits_grow_to_their_ceiling(backoff: Backoff, waits: list[float]) -> None:
    assert [backoff.wait_s(n, NoJitter()) for n in range(len(waits))] == waits


def test_every_reason_to_defer_has_its_waits() -> None:
    assert set(DEFER) == set(DeferReason)


@given(st.integers(-1, 10**9), st.randoms(use_true_random=False))
def test_jitter_stays_within_a_fifth(n: int, rng: Random) -> None:
    """However often a job has waited before: no number of waits overflows."""
    for backoff in DEFER.values():
        assert backoff.wait_s(n, rng) <= backoff.ceiling_s * 1.2
        assert backoff.wait_s(n, rng) >= min(backoff.ceiling_s, backoff.first_s * 2.0 ** min(n, 60)) * 0.8


@given(st.integers(0, 10**6), st.randoms(use_true_random=False))
def test_denied_jobs_are_polled_within_five_minutes(polls: int, rng: Random) -> None:
    assert LOST_POLL.wait_s(polls, rng) <= 300


def test_jobs_deferred_together_come_back_apart() -> None:
    rng = Random(1)
    assert len({DEFER[DeferReason.THROTTLED].wait_s(0, rng) for _ in range(100)}) == 100


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
def test_retry_after_is_honoured(reason: DeferReason, asked: float, wait: float) -> None:
    assert deferral_s(Deferred(reason, PROBLEM, asked), 50, NoJitter()) == pytest.approx(wait)


@given(st.floats(0, LONGEST_HONOURED_RETRY_AFTER_S), st.randoms(use_true_random=False))
def test_no_job_comes_back_before_retry_after(asked: float, rng: Random) -> None:
    assert deferral_s(Deferred(DeferReason.THROTTLED, PROBLEM, asked), 0, rng) >= asked


def test_without_retry_after_waits_grow() -> None:
    deferred = Deferred(DeferReason.UNAVAILABLE, PROBLEM)
    assert [deferral_s(deferred, n, NoJitter()) for n in range(4)] == [2, 4, 8, 16]


@pytest.mark.parametrize(
    ("first", "ceiling", "waits"),
    [
        (2, 30, [1, 1.5, 2.25, 3.375, 5.0625]),
        (0, 30, [0.5, 0.75, 1.125]),
        (8, 6, [4, 6, 6, 6]),
        (0.5, 0.1, [0.1, 0.1]),
    ],
)
def test_polls_start_at_half_first_delay(first: float, ceiling: float, waits: list[float]) -> None:
    assert [next_poll_s(n + 1, first, ceiling, NoJitter()) for n in range(len(waits))] == waits


@given(st.integers(1, 10_000), st.floats(0, 3600), st.floats(0.1, 3600), st.randoms(use_true_random=False))
def test_no_poll_wait_exceeds_its_ceiling(polls: int, first: float, ceiling: float, rng: Random) -> None:
    assert 0 < next_poll_s(polls, first, ceiling, rng) <= ceiling
