"""Timers: schedules, the status that survives restarts, and the loop that runs a timer function.

Rules: azure-webjobs-sdk-extensions `TimerListener`, `ScheduleMonitor`, `StorageScheduleMonitor`, `CronSchedule`
(read October 2024).
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from azure.functions.meta import Datum
from croniter import croniter
from dateutil.tz import tzlocal

from local.clock import ForwardClock
from local.functions_host.app_loader import AppFunction
from local.functions_host.errors import StorageError
from local.functions_host.host_json import parse_time_span
from local.functions_host.storage import Container
from local.functions_host.worker import Worker

logger = logging.getLogger(__name__)

NEVER = datetime.min.replace(tzinfo=UTC)
"""The `Last` of a timer that has not run yet: .NET's smallest time."""

CLOCK_STEP = timedelta(minutes=1)
"""A status that lies farther in the future than this was written before the clock was set back; clocks of several hosts
differ by less."""


class Schedule(Protocol):
    """When a timer fires."""

    def next_after(self, moment: datetime) -> datetime:
        """Return the first time after `moment` (timezone-aware, as is the result)."""


@dataclass(frozen=True, slots=True)
class CronSchedule:
    """Six fields with seconds first, in the time zone of this process, as NCrontab reads them.

    Day of month and day of week must both hold (crontab's "or" is not NCrontab's).
    """

    expression: str

    def next_after(self, moment: datetime) -> datetime:
        """Return the first time after `moment`."""
        local = moment.astimezone(tzlocal())
        found = croniter(self.expression, local, second_at_beginning=True, day_or=False).get_next(datetime)
        return found.astimezone(UTC)


@dataclass(frozen=True, slots=True)
class IntervalSchedule:
    """A fixed time between two runs."""

    interval: timedelta

    def next_after(self, moment: datetime) -> datetime:
        """Return `moment` plus the interval."""
        return moment.astimezone(UTC) + self.interval


def parse_schedule(text: str) -> Schedule:
    """Return the schedule of a timer trigger: six or five fields, or `hh:mm:ss`; raises `ValueError` for others."""
    fields = text.split()
    if len(fields) == 1 and ":" in text:
        interval = timedelta(seconds=parse_time_span(text))
        if not interval:
            raise ValueError(f"'{text}' is no interval; it must be longer than nothing")
        return IntervalSchedule(interval)
    expression = " ".join(["0", *fields] if len(fields) == 5 else fields)
    if len(fields) not in (5, 6) or not croniter.is_valid(expression, second_at_beginning=True):
        raise ValueError(
            f"'{text}' is not a schedule; write '{{second}} {{minute}} {{hour}} {{day}} {{month}} {{weekday}}'"
        )
    return CronSchedule(expression)


@dataclass(frozen=True, slots=True)
class TimerStatus:
    """What storage remembers of a timer. `last` is `NEVER` until the first run."""

    last: datetime
    next: datetime
    updated: datetime

    def to_dict(self) -> dict[str, str]:
        """Return the status as the real host writes it."""
        return {
            "Last": self.last.isoformat(),
            "Next": self.next.isoformat(),
            "LastUpdated": self.updated.isoformat(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, str]) -> TimerStatus:
        """Return the status in the values; raises `ValueError` or `KeyError` for others."""
        last, following, updated = (_parse_time(values[name]) for name in ("Last", "Next", "LastUpdated"))
        return cls(last, following, updated)


def _parse_time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class StartPlan:
    """What a timer does when its listener starts: run at once or not, and when it fires next."""

    status: TimerStatus
    run_now: bool
    past_due: bool


def plan_start(stored: TimerStatus | None, schedule: Schedule, now: datetime, run_on_startup: bool) -> StartPlan:
    """Return what to do at start.

    A missed time means one run at once with `past_due`, however many times were missed. A schedule that changed since
    the status was written is simply taken up from now; so is one whose status lies in the future, because the clock was
    set back since (the real host waits for the time that was written).
    """
    fresh = TimerStatus(stored.last if stored else NEVER, schedule.next_after(now), now)
    if stored is None:
        return StartPlan(fresh, run_on_startup, past_due=False)
    since = stored.updated if stored.last == NEVER else stored.last
    if schedule.next_after(since) != stored.next or since - now > CLOCK_STEP:
        return StartPlan(fresh, run_on_startup, past_due=False)
    past_due = now > stored.next
    return StartPlan(stored, past_due or run_on_startup, past_due)


def status_after_run(schedule: Schedule, started: datetime) -> TimerStatus:
    """Return the status after a run: the next time counts from the run's start.

    When that time is past by the end of a long run, the timer fires once more at once, not once per missed time.
    """
    return TimerStatus(last=started, next=schedule.next_after(started), updated=started)


def is_monitored(schedule: Schedule, wanted: bool, now: datetime) -> bool:
    """Tell whether the status is kept in storage: if wanted, and the timer fires at most once a minute."""
    first = schedule.next_after(now)
    return wanted and schedule.next_after(first) - first >= timedelta(minutes=1)


def timer_datum(status: TimerStatus | None, past_due: bool) -> Datum:
    """Return what the function receives; `status` None when the timer is not monitored."""
    info: dict[str, Any] = {
        "Schedule": {"AdjustForDST": True},
        "ScheduleStatus": status.to_dict() if status else None,
        "IsPastDue": past_due,
    }
    return Datum(json.dumps(info), "json")


class TimerListener:
    """Fires one timer function; runs inside a `Singleton`, so on one host at a time."""

    def __init__(
        self, function: AppFunction, schedule: Schedule, worker: Worker, hosts: Container, host_id: str
    ) -> None:
        self._function = function
        self._schedule = schedule
        self._worker = worker
        self._hosts = hosts
        self._blob = f"timers/{host_id}/{function.id}/status"
        self._run_on_startup = bool(function.trigger.get("runOnStartup"))
        self._use_monitor = function.trigger.get("useMonitor") is not False

    def run(self, stop: threading.Event, clock: Callable[[], datetime] | None = None) -> None:
        """Fire until `stop` is set. `clock` must not go back; without one the time of day is followed forward only."""
        now = clock or ForwardClock()
        monitored = is_monitored(self._schedule, self._use_monitor, now())
        plan = plan_start(self._read() if monitored else None, self._schedule, now(), self._run_on_startup)
        status = plan.status
        if monitored:
            self._write(status)
        due = plan.run_now
        past_due = plan.past_due
        while not stop.is_set():
            if due:
                started = now()
                self._fire(status if monitored else None, past_due, stop)
                status = status_after_run(self._schedule, started)
                if monitored:
                    self._write(status)
            past_due = False
            # The wait may end a little early, and a clock may be set forward: ask it again.
            stop.wait(max(0.0, min(60.0, (status.next - now()).total_seconds())))
            due = now() >= status.next

    def fire_by_hand(self) -> None:
        """Run the function once, outside its schedule."""
        self._worker.run(self._function, timer_datum(None, past_due=False), _metadata())

    def _fire(self, status: TimerStatus | None, past_due: bool, stop: threading.Event) -> None:
        policy = self._function.retry
        retry = 0
        while True:
            try:
                self._worker.run(self._function, timer_datum(status, past_due), _metadata())
            except Exception:
                # Logged by the worker. A timer's failure has no consequence but its retry policy's.
                retry += 1
                if policy is None or 0 <= policy.max_retries < retry or stop.wait(policy.delay_s(retry)):
                    return
            else:
                return

    def _read(self) -> TimerStatus | None:
        try:
            content, _ = self._hosts.read(self._blob)
            return TimerStatus.from_dict(json.loads(content))
        except StorageError as exc:
            if exc.is_missing:
                return None
            raise
        except (ValueError, KeyError) as exc:
            logger.warning("The timer status '%s' cannot be read and is written anew: %s", self._blob, exc)
            return None

    def _write(self, status: TimerStatus) -> None:
        try:
            self._hosts.put(self._blob, json.dumps(status.to_dict()).encode())
        except StorageError as exc:
            logger.warning("The timer status '%s' could not be written: %s", self._blob, exc)


def _metadata() -> dict[str, Datum]:
    return {"TimerTrigger": Datum(datetime.now(tzlocal()).isoformat(), "string")}
