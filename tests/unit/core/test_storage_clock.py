from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from functions.core.storage_clock import StorageClock, observed
from tests.support.material import NOW, after


def whole(moment: datetime) -> datetime:
    """Return the time as a reply tells it."""
    return moment.replace(microsecond=0)


def error_s(clock: StorageClock, monotonic: float, now: datetime) -> float:
    return abs((clock.now(monotonic) - now).total_seconds())


def test_one_reply_tells_to_half_a_second() -> None:
    clock = observed(None, NOW, 100.0, 100.0)
    assert clock.now(100.0) == after(0.5)
    assert (clock.now(160.0) - clock.now(100.0)).total_seconds() == 60


@given(st.floats(-1e6, 1e6), st.lists(st.tuples(st.floats(0.05, 5), st.floats(0, 0.1), st.floats(0, 0.1)), max_size=60))
def test_clock_is_within_bounds(offset: float, replies: list[tuple[float, float, float]]) -> None:
    """Whatever an instance's own clock says; each reply is a pause, the way there and the way back."""
    clock, elapsed = None, 0.0
    for pause, there, back in replies:
        elapsed += pause
        told = whole(after(elapsed + there))
        clock = observed(clock, told, offset + elapsed, offset + elapsed + there + back)
        elapsed += there + back
        assert error_s(clock, offset + elapsed, after(elapsed)) <= (clock.high - clock.low) / 2 + 1e-3
        assert clock.high - clock.low <= 1.21


def test_many_replies_tell_to_a_tenth() -> None:
    clock = None
    for number in range(200):
        elapsed = 0.37 * number
        clock = observed(clock, whole(after(elapsed + 0.01)), elapsed, elapsed + 0.02)
    assert clock is not None
    assert error_s(clock, 74.0, after(74.0)) < 0.1


def test_clock_that_was_set_is_followed() -> None:
    clock = observed(None, NOW, 0.0, 0.0)
    clock = observed(clock, NOW + timedelta(hours=1), 1.0, 1.0)
    assert error_s(clock, 1.0, after(3_600)) <= 0.5


def test_bounds_widen_with_drift() -> None:
    clock = observed(None, NOW, 0.0, 0.0)
    for number in range(60):
        clock = observed(clock, whole(after(number / 60)), number / 60, number / 60)
    narrow = clock.high - clock.low
    later = observed(clock, whole(after(3_600)), 3_600.0, 3_600.0)
    assert later.high - later.low > narrow
    assert later.now(3_600.0).tzinfo is UTC
