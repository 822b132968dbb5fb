"""The timer's loop with a clock that the test moves, and its status in real storage."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import azure.functions as func
import pytest

from local.clock import ForwardClock
from local.functions_host.app_loader import AppFunction, RetryPolicy
from local.functions_host.storage import Container, StorageAccount
from local.functions_host.timer_trigger import TimerListener, parse_schedule
from local.functions_host.worker import Worker

START = datetime(2026, 11, 23, 10, 20, tzinfo=UTC)


class Timer:
    """A timer function of every full hour that runs at its start, too; `act` is its code."""

    def __init__(
        self, hosts: Container, act: Callable[[Timer, func.TimerRequest], None], retry: RetryPolicy | None
    ) -> None:
        self.now = START
        self.stop = threading.Event()
        self.runs: list[tuple[datetime, bool]] = []
        self._act = act
        trigger = {"type": "timerTrigger", "name": "timer", "runOnStartup": True}
        function = AppFunction("tick", trigger, self._run, "timer", func.TimerRequest, False, False, retry)
        self.worker = Worker([function], 1, Path("/app"))
        self._hosts = hosts
        self._host_id = uuid.uuid4().hex
        self._listener = TimerListener(function, parse_schedule("0 0 * * * *"), self.worker, hosts, self._host_id)

    def run(self, clock: Callable[[], datetime] | None = None) -> None:
        self._listener.run(self.stop, clock or (lambda: self.now))

    def status(self) -> dict[str, str]:
        content, _ = self._hosts.read(f"timers/{self._host_id}/Host.Functions.tick/status")
        return json.loads(content)

    def _run(self, timer: func.TimerRequest) -> None:
        self.runs.append((self.now, timer.past_due))
        self._act(self, timer)


MakeTimer = Callable[..., Timer]


@pytest.fixture
def make_timer(account: StorageAccount) -> Iterator[MakeTimer]:
    hosts = account.container("azure-webjobs-hosts")
    hosts.create()
    timers: list[Timer] = []

    def make(act: Callable[[Timer, func.TimerRequest], None], retry: RetryPolicy | None = None) -> Timer:
        timers.append(Timer(hosts, act, retry))
        return timers[-1]

    yield make
    for timer in timers:
        timer.worker.close()


def test_missed_times_mean_one_run(make_timer: MakeTimer) -> None:
    """Times missed during a long run."""

    def take_three_hours_then_stop(timer: Timer, request: func.TimerRequest) -> None:
        timer.now += timedelta(hours=3)
        if len(timer.runs) == 2:
            timer.stop.set()

    timer = make_timer(take_three_hours_then_stop)
    timer.run()

    assert timer.runs == [(START, False), (START + timedelta(hours=3), False)]
    assert timer.status() == {
        "Last": "2026-11-23T13:20:00+00:00",
        "Next": "2026-11-23T14:00:00+00:00",
        "LastUpdated": "2026-11-23T13:20:00+00:00",
    }


def test_crash_makes_next_start_past_due(make_timer: MakeTimer) -> None:
    """It leaves the old status."""
    statuses: list[dict[str, str]] = []

    def look_and_stop(timer: Timer, request: func.TimerRequest) -> None:
        statuses.append(timer.status())
        timer.stop.set()

    make_timer(look_and_stop).run()

    assert statuses[0]["Next"] == "2026-11-23T11:00:00+00:00"
    assert statuses[0]["Last"].startswith("0001-01-01")


def test_failed_run_follows_retry_policy(make_timer: MakeTimer) -> None:
    def fail_twice(timer: Timer, request: func.TimerRequest) -> None:
        if len(timer.runs) < 3:
            raise RuntimeError("meant to fail")
        timer.stop.set()

    timer = make_timer(fail_twice, RetryPolicy("fixed_delay", 5, 0.0, 0.0))
    timer.run()

    assert len(timer.runs) == 3


@pytest.mark.parametrize(("retry", "runs"), [(None, 1), (RetryPolicy("fixed_delay", 2, 0.0, 0.0), 3)])
def test_failing_run_waits_for_schedule(make_timer: MakeTimer, retry: RetryPolicy | None, runs: int) -> None:
    def fail_until_eleven(timer: Timer, request: func.TimerRequest) -> None:
        if timer.now > START:
            timer.stop.set()
            return
        if len(timer.runs) == runs:
            timer.now += timedelta(hours=1)
        raise RuntimeError("meant to fail")

    timer = make_timer(fail_until_eleven, retry)
    timer.run()

    assert [moment for moment, _ in timer.runs] == [*runs * [START], START + timedelta(hours=1)]


def test_clock_change_moves_no_run(make_timer: MakeTimer) -> None:
    """The first run takes 40 minutes, in which the time of day is set back by a day; 11:00 is then due at once."""
    seconds = 0.0

    def take_40_minutes_then_stop(timer: Timer, request: func.TimerRequest) -> None:
        nonlocal seconds
        if len(timer.runs) == 2:
            timer.stop.set()
            return
        seconds += 40 * 60
        timer.now += timedelta(minutes=40) - timedelta(days=1)

    timer = make_timer(take_40_minutes_then_stop)
    timer.run(ForwardClock(lambda: timer.now, lambda: seconds))

    assert [moment for moment, _ in timer.runs] == [START, START + timedelta(minutes=40) - timedelta(days=1)]
    assert timer.status()["Last"] == "2026-11-23T11:00:00+00:00"
