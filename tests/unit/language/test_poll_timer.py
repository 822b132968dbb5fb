import pytest

from functions.language.poll_timer import ENOUGH_JOBS, MARGIN_S, REMEMBERED_JOBS, PollTimer


def learnt(*durations: float, first: float = 2, ceiling: float = 30) -> float:
    timer = PollTimer(first, ceiling)
    for duration in durations:
        timer.saw(duration)
    return timer.first_poll_s


def test_setting_counts_at_first() -> None:
    assert learnt() == 2
    assert learnt(*[9.0] * (ENOUGH_JOBS - 1)) == 2
    assert learnt(*[9.0] * ENOUGH_JOBS) == 9 + MARGIN_S


def test_first_poll_finds_most_jobs_done() -> None:
    """Nine in ten."""
    durations = [float(n) for n in range(1, 101)]
    delay = learnt(*durations, ceiling=1_000)
    assert sum(duration <= delay for duration in durations) in (90, 91)


@pytest.mark.parametrize(("duration", "delay"), [(0.0, 1), (0.9, 1), (2.0, 2.1), (29.9, 30), (500, 30)])
def test_delay_stays_within_limits(duration: float, delay: float) -> None:
    assert learnt(*[duration] * 10) == delay


def test_only_latest_jobs_are_remembered() -> None:
    assert learnt(*[25.0] * 50, *[4.0] * REMEMBERED_JOBS) == 4 + MARGIN_S


def test_rare_slow_job_changes_little() -> None:
    assert learnt(*[4.0] * 99, 29.0) == 4 + MARGIN_S
