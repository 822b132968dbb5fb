"""The clock for waits, and the stand-in's windows reckoned with it, on a machine whose clock is set."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from local.clock import ForwardClock
from local.language_service.limits import rules_for
from local.language_service.service import LanguageService
from local.stand_in.messages import Request

START = datetime(2026, 11, 23, 10, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Machine:
    """A machine's two clocks: `set` moves the time of day, `pass_` lets true time pass on both."""

    def __init__(self) -> None:
        self.time = START
        self.seconds = 1000.0
        self.clock = ForwardClock(lambda: self.time, lambda: self.seconds)

    def set(self, step: timedelta) -> None:
        self.time += step

    def pass_(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)
        self.seconds += seconds


def test_clock_is_time_of_day() -> None:
    machine = Machine()
    assert machine.clock() == START
    machine.pass_(90)
    assert machine.clock() == START + timedelta(seconds=90)


def test_clock_set_back_keeps_pace() -> None:
    machine = Machine()
    machine.pass_(60)
    machine.set(-HOUR)
    assert machine.clock() == START + timedelta(seconds=60)
    machine.pass_(60)
    assert machine.clock() == START + timedelta(seconds=120)


def test_clock_set_forward_is_followed() -> None:
    """As after the sleep of a machine, which the monotonic clock does not count."""
    machine = Machine()
    machine.set(HOUR)
    assert machine.clock() == START + HOUR


@given(st.lists(st.one_of(st.timedeltas(-HOUR, HOUR), st.floats(0, 600)), max_size=30))
def test_clock_always_advances(events: list[timedelta | float]) -> None:
    machine = Machine()
    before = machine.clock()
    for event in events:
        passed = timedelta(0)
        if isinstance(event, float):
            machine.pass_(event)
            passed = timedelta(seconds=event)
        else:
            machine.set(event)
        now = machine.clock()
        assert now - before >= passed - timedelta(microseconds=1)
        assert now >= machine.time
        before = now


def poll(service: LanguageService) -> tuple[int, str | None]:
    path, query = "/language/analyze-text/jobs/1", "api-version=2023-04-01"
    headers = {"ocp-apim-subscription-key": "local"}
    response = service.handle(Request("GET", "http://127.0.0.1", path, query, headers))
    return response.status, response.headers.get("Retry-After")


def test_request_window_survives_clock_step() -> None:
    """With the time of day a step back of an hour would throttle for an hour."""
    machine = Machine()
    service = LanguageService([], rate_rules=rules_for(2), clock=machine.clock)
    assert [poll(service)[0] for _ in range(2)] == [404, 404]
    machine.pass_(20)
    machine.set(-HOUR)
    assert poll(service) == (429, "40")
    machine.pass_(39)
    assert poll(service) == (429, "1")
    machine.pass_(1)
    assert poll(service) == (404, None)


def test_service_uses_monotonic_clock() -> None:
    assert isinstance(LanguageService([])._clock, ForwardClock)
