import pytest

from functions.language.poll_timer import ENOUGH_JOBS, MARGIN_S, REMEMBERED_JOBS, PollTimer


def learnt(*durations: float, first: float = 2, ceiling: float = 30) -> float:
    timer = PollTimer(first, ceiling)
    for duration in durations:
        timer.saw(duration)
    return timer.first_poll_s


def test_until_enough_jobs_were_seen_the_setting_counts() -> None:
    assert learnt() == 2
    assert learnt(*[9.0] * (ENOUGH_JOBS - 1)) == 2
    assert learnt(*[9.0] * ENOUGH_JOBS) == 9 + MARGIN_S


def test_nine_jobs_in_ten_are_done_at_the_first_poll() -> None:
    durations = [float(n) for n in range(1, 101)]
    delay = learnt(*durations, ceiling=1_000)
    assert sum(duration <= delay for duration in durations) in (90, 91)


@pytest.mark.parametrize(("duration", "delay"), [(0.0, 2), (1.9, 2), (2.0, 2.1), (29.9, 30), (500, 30)])
def test_the_delay_stays_between_first_and_ceiling(duration: float, delay: float) -> None:
    assert learnt(*[duration] * 10) == delay


def test_only_the_latest_jobs_are_remembered() -> None:
    assert learnt(*[25.0] * 50, *[4.0] * REMEMBERED_JOBS) == 4 + MARGIN_S


def test_one_slow_job_in_a_hundred_does_not_slow_the_others_down() -> None:
    assert learnt(*[4.0] * 99, 29.0) == 4 + MARGIN_S
