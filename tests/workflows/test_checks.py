"""What `check` finds, each with its fix."""

from datetime import UTC, datetime, timedelta

import pytest

from functions.core.journal import Summary
from functions.workflows.checks import (
    Finding,
    Level,
    check_incident,
    check_model,
    check_oldest,
    check_queue,
    check_summary,
)
from functions.workflows.queries import Incident
from tests.support.material import work
from tests.support.world import World

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def model(world: World, **task: str) -> Finding:
    (one,) = world.app.parts.pool
    return check_model(one.service, one.name, work(**task), world.clock, world.clock.advance)


def test_model_answers_a_word(world: World) -> None:
    found = model(world)
    assert (found.level, found.told) == (Level.OK, "answers")
    assert found.what == "CustomEntityRecognition/loans/production at loans.cognitiveservices.azure.com"
    assert len(world.service.counters.ledger) == 1


@pytest.mark.parametrize(
    ("fault", "level", "told"),
    [
        ("throttle-429", Level.NOTE, "Throttled"),
        ("wrong-key-401", Level.PROBLEM, "Misconfigured"),
        ("missing-role-403", Level.PROBLEM, "Misconfigured"),
        ("error-503", Level.PROBLEM, "Unavailable"),
        ("html-502", Level.PROBLEM, "UnrecognizedReply"),
        ("cut-before", Level.PROBLEM, "NoAnswer"),
    ],
)
def test_refused_submission_is_told_with_fix(world: World, fault: str, level: Level, told: str) -> None:
    world.script(fault, method="POST")
    found = model(world)
    assert (found.level, found.told.partition(":")[0]) == (level, told)
    assert found.fix


def test_failed_job_is_a_problem(world: World) -> None:
    world.script("failed")
    assert model(world).level is Level.PROBLEM


def test_stuck_model_is_not_waited_for_ever(world: World) -> None:
    world.script("stuck")
    found = model(world)
    assert (found.level, found.told) == (Level.PROBLEM, "has not answered within 120 s")


@pytest.mark.parametrize(
    ("summary", "level"),
    [
        (None, Level.NOTE),
        (Summary(as_of=NOON - 26 * HOUR, done=1, failed=0), Level.OK),
        (Summary(as_of=NOON - 27 * HOUR, done=1, failed=0), Level.PROBLEM),
    ],
)
def test_late_reconcile_is_a_problem(summary: Summary | None, level: Level) -> None:
    assert check_summary(summary, NOON).level is level


@pytest.mark.parametrize(
    ("oldest", "level"), [(None, Level.OK), (NOON - HOUR, Level.OK), (NOON - 1.1 * HOUR, Level.NOTE)]
)
def test_late_job_is_noted(oldest: datetime | None, level: Level) -> None:
    assert check_oldest(oldest, NOON).level is level


@pytest.mark.parametrize(
    ("length", "is_poison", "level"),
    [
        (7, False, Level.OK),
        (None, False, Level.NOTE),
        (0, True, Level.OK),
        (None, True, Level.OK),
        (2, True, Level.PROBLEM),
    ],
)
def test_poisoned_messages_are_a_problem(length: int | None, is_poison: bool, level: Level) -> None:
    assert check_queue("jobs", length, is_poison=is_poison).level is level


def test_incident_is_told_with_its_code() -> None:
    found = check_incident(Incident(what="host", since=NOON - HOUR, reason="Unavailable"), NOON)
    assert found.told == "fails for 60 minutes (Unavailable)"
