"""Timer rules as values: schedules, what happens at a start, and the next time after a run."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from azure.functions.meta import get_binding_registry

from local.functions_host.timer_trigger import (
    NEVER,
    StartPlan,
    TimerStatus,
    is_monitored,
    parse_schedule,
    plan_start,
    status_after_run,
    timer_datum,
)


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    # Schedules are read in the time zone of the process.
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-11-{text}+00:00")


HOURLY = parse_schedule("0 0 * * * *")


@pytest.mark.parametrize(
    ("schedule", "moment", "following"),
    [
        ("0 */5 * * * *", "23T10:00:00", "23T10:05:00"),
        ("*/10 * * * * *", "23T10:00:01", "23T10:00:10"),
        ("*/5 * * * *", "23T10:00:01", "23T10:05:00"),
        ("0 30 2 * * *", "23T10:00:00", "24T02:30:00"),
        ("0 0 0 * * 1-5", "27T00:00:00", "30T00:00:00"),
        ("0 0 0 * * Sun", "23T00:00:00", "29T00:00:00"),
        ("01:30:00", "23T10:00:00", "23T11:30:00"),
    ],
)
def test_schedule_gives_next_time(schedule: str, moment: str, following: str) -> None:
    assert parse_schedule(schedule).next_after(at(moment)) == at(following)


def test_day_of_month_and_week_combine() -> None:
    # 1 December 2026 is a Tuesday; crontab's "or" would take the next Friday.
    assert parse_schedule("0 0 0 1 * 5").next_after(at("23T00:00:00")) == datetime(2027, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "* * *", "a b c d e f", "0 61 * * * *", "00:00:00", "* * * * * * *"])
def test_other_texts_are_not_schedules(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a schedule|is no interval"):
        parse_schedule(text)


def test_first_start_waits_for_schedule() -> None:
    now = at("23T10:20:00")

    assert plan_start(None, HOURLY, now, run_on_startup=False) == StartPlan(
        TimerStatus(NEVER, at("23T11:00:00"), now), run_now=False, past_due=False
    )


def test_start_waits_for_stored_time() -> None:
    stored = TimerStatus(at("23T10:00:00"), at("23T11:00:00"), at("23T10:00:00"))

    assert plan_start(stored, HOURLY, at("23T11:00:00"), run_on_startup=False) == StartPlan(stored, False, False)


def test_missed_times_give_one_run() -> None:
    stored = TimerStatus(at("23T10:00:00"), at("23T11:00:00"), at("23T10:00:00"))

    assert plan_start(stored, HOURLY, at("23T15:30:00"), run_on_startup=True) == StartPlan(stored, True, past_due=True)


def test_time_missed_before_first_run_counts() -> None:
    stored = TimerStatus(NEVER, at("23T11:00:00"), at("23T10:20:00"))

    assert plan_start(stored, HOURLY, at("23T11:00:01"), run_on_startup=False).past_due


def test_changed_schedule_is_not_past_due() -> None:
    """It counts from now."""
    stored = TimerStatus(at("23T10:00:00"), at("23T10:05:00"), at("23T10:00:00"))
    now = at("23T12:20:00")

    assert plan_start(stored, HOURLY, now, run_on_startup=False) == StartPlan(
        TimerStatus(at("23T10:00:00"), at("23T13:00:00"), now), run_now=False, past_due=False
    )


def test_status_from_future_is_rewritten() -> None:
    """The clock was set back by a day while the host was down."""
    stored = TimerStatus(at("24T10:00:00"), at("24T11:00:00"), at("24T10:00:00"))
    now = at("23T10:20:00")

    assert plan_start(stored, HOURLY, now, run_on_startup=False) == StartPlan(
        TimerStatus(at("24T10:00:00"), at("23T11:00:00"), now), run_now=False, past_due=False
    )
    assert plan_start(
        TimerStatus(NEVER, at("24T11:00:00"), at("24T10:20:00")), HOURLY, now, run_on_startup=False
    ).status.next == at("23T11:00:00")


@pytest.mark.parametrize("ahead_s", [0, 60])
def test_host_clocks_may_differ(ahead_s: int) -> None:
    last = at("23T11:00:00")
    stored = TimerStatus(last, at("23T12:00:00"), last)

    plan = plan_start(stored, HOURLY, last - timedelta(seconds=ahead_s), run_on_startup=False)

    assert plan == StartPlan(stored, run_now=False, past_due=False)


def test_startup_run_is_not_past_due() -> None:
    plan = plan_start(None, HOURLY, at("23T10:20:00"), run_on_startup=True)

    assert (plan.run_now, plan.past_due) == (True, False)


def test_next_time_counts_from_run_start() -> None:
    assert status_after_run(HOURLY, at("23T10:59:59")) == TimerStatus(
        at("23T10:59:59"), at("23T11:00:00"), at("23T10:59:59")
    )


@pytest.mark.parametrize(("schedule", "kept"), [("0 * * * * *", True), ("*/30 * * * * *", False), ("00:00:59", False)])
def test_minute_timers_keep_status(schedule: str, kept: bool) -> None:
    assert is_monitored(parse_schedule(schedule), wanted=True, now=at("23T10:00:00")) is kept
    assert not is_monitored(parse_schedule(schedule), wanted=False, now=at("23T10:00:00"))


def test_status_round_trips() -> None:
    status = TimerStatus(NEVER, at("23T11:00:00"), at("23T10:20:00") + timedelta(microseconds=1))

    assert TimerStatus.from_dict(json.loads(json.dumps(status.to_dict()))) == status


def test_function_sees_timer_details() -> None:
    status = TimerStatus(at("23T10:00:00"), at("23T11:00:00"), at("23T10:00:00"))
    converter = get_binding_registry().get("timerTrigger")  # type: ignore[no-untyped-call]
    seen = converter.decode(timer_datum(status, past_due=True), trigger_metadata={})
    unmonitored = converter.decode(timer_datum(None, past_due=False), trigger_metadata={})

    assert (seen.past_due, seen.schedule, seen.schedule_status) == (True, {"AdjustForDST": True}, status.to_dict())
    assert (unmonitored.past_due, unmonitored.schedule_status) == (False, {})
