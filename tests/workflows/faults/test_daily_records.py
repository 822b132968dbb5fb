"""What all instances together submit in a day stays within DAILY_TEXT_RECORDS, whatever becomes of them."""

from datetime import datetime, timedelta

import pytest
from azure.core.exceptions import HttpResponseError

from functions import problems
from functions.core.time_limits import RESERVATIONS
from functions.storage.ledger_store import DAILY
from tests.support.scenarios import accepted, lines
from tests.support.world import Call, Crash, World, letter

DAY = timedelta(days=1)


def limited(records: int, **settings: str) -> World:
    return World(settings={"DAILY_TEXT_RECORDS": str(records), **settings})


def drop(world: World, count: int, begin: int = 0) -> list[str]:
    """Drop letters of one text record each, and return their names."""
    names = [f"{number}.txt" for number in range(begin, begin + count)]
    for number, name in enumerate(names, begin):
        world.drop(name, letter(number))
    return names


def to_midnight(world: World) -> timedelta:
    now: datetime = world.clock()
    return DAY - timedelta(hours=now.hour, minutes=now.minute, seconds=now.second)


def test_documents_beyond_limit_go_on_next_day(caplog: pytest.LogCaptureFixture) -> None:
    """No failure is counted, and log and job say until when they wait."""
    world = limited(5)
    names = drop(world, 8)
    world.run_for(to_midnight(world) - timedelta(minutes=1))
    assert sum(accepted(world)) == 5
    waiting = [world.app.parts.records.job(info.id)[0] for info in world.app.parts.records.list_jobs()]
    assert [job.submissions for job in waiting] == [0] * 3
    assert all(problems.DAILY_RECORDS_USED.matches(job.last_error) for job in waiting)
    assert "00:00 UTC" in (waiting[0].last_error.help if waiting[0].last_error else "")
    assert any("DailyRecordsUsed" in line.getMessage() for line in lines(caplog, "job_deferred"))
    world.run_for(timedelta(hours=2))
    world.check_right(*names)
    assert sum(accepted(world)) == 8


def test_limit_of_nothing_submits_nothing() -> None:
    world = limited(0)
    drop(world, 3)
    world.run_for(2 * DAY)
    assert accepted(world) == []
    assert world.exchanges("POST") == []


def test_waiting_for_day_is_not_giving_up() -> None:
    world = limited(1, GIVE_UP_HOURS="10")
    names = drop(world, 4)
    world.run_for(5 * DAY)
    world.check_right(*names)


def test_instances_share_one_count() -> None:
    world = limited(6)
    workers = [world.start_worker() for _ in range(3)]
    for number in range(12):
        world.drop(f"{number}.txt", letter(number), announce=False)
        workers[number % 3].app.submitter.submit(f"{number}.txt")
    assert sum(accepted(world)) <= 6


def test_killed_worker_loses_no_count() -> None:
    """At worst its job is counted twice."""
    world = limited(5)
    drop(world, 1)

    def kill(call: Call) -> None:
        if (call.action, call.moment) == ("POST", "after"):
            raise Crash("killed")

    world.gate = kill
    with pytest.raises(Crash):
        world.app.submitter.submit("0.txt")
    world.gate = None
    world.restart()
    world.clock.advance(RESERVATIONS[-1].total_seconds())
    drop(world, 10, begin=1)
    world.run_for(to_midnight(world) - timedelta(minutes=1))
    assert 4 <= sum(accepted(world)) <= 5


def test_refused_requests_are_not_counted() -> None:
    world = limited(1)
    world.script("throttle-429", times=3, method="POST")
    (name,) = drop(world, 1)
    world.run_for(timedelta(hours=1))
    world.check_right(name)


def test_job_of_more_than_a_day_is_split() -> None:
    """Twenty-five documents at a limit of ten a day: all of them have their results after three days."""
    world = limited(10)
    names = [f"{number}.txt" for number in range(25)]
    for number, name in enumerate(names):
        world.drop(name, letter(number), announce=False)
    world.deliver_together(*names)
    by_day = []
    for _ in range(4):
        before = sum(accepted(world))
        world.run_for(to_midnight(world) + timedelta(seconds=1))
        by_day.append(sum(accepted(world)) - before)
    assert max(by_day) <= 10
    world.check_right(*names)


def test_uncounted_records_are_not_submitted() -> None:
    """While the count can not be written; polls go on."""
    world = limited(100)
    names = drop(world, 2)
    world.step()
    assert accepted(world) == [1]

    def refuse(call: Call) -> None:
        if call.moment == "before" and call.action in ("read", "write") and call.name == DAILY:
            raise HttpResponseError("There is currently a lease on the blob.")

    world.gate = refuse
    world.restart()
    world.gate = refuse
    world.run_for(timedelta(minutes=5))
    assert accepted(world) == [1]
    assert world.entities(names[0]) is not None
    world.gate = None
    world.run()
    world.check_right(*names)


def test_control_documents_are_counted() -> None:
    world = limited(3)
    world.script("failed", times=50)
    drop(world, 3)
    world.run_for(timedelta(hours=1))
    assert len(world.service.counters.ledger) <= 3
