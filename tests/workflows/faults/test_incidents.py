"""Incidents of the service, and documents that make their jobs fail: bounded bills, no report for a wrong cause."""

import logging
from datetime import timedelta

import pytest

from functions.core.health import CONTROL_TEXT
from tests.benchmarks.incidents import KINDS, LIMIT_MINUTES, MINUTES, run
from tests.support.scenarios import lines
from tests.support.world import World, letter

LENGTHS = [pytest.param(minutes, marks=[pytest.mark.long] * (minutes != 10)) for minutes in MINUTES]


@pytest.mark.parametrize("documents", [1, 100])
@pytest.mark.parametrize("minutes", LENGTHS)
@pytest.mark.parametrize("kind", KINDS)
def test_incident_leaves_no_damage(kind: str, minutes: float, documents: int) -> None:
    """Every document has its entities soon after the end, was submitted twice at most, and none was reported."""
    outcome = run(kind, minutes, documents)
    assert (outcome.reports, outcome.missing) == (0, 0)
    assert outcome.most_submissions <= 2
    assert outcome.recovered_s <= LIMIT_MINUTES[minutes] * 60


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", ["failed-internal", "html-200-after@POST", "document-internal", "latency@POST"])
def test_incident_with_dying_workers(kind: str, seed: int) -> None:
    """Workers that die now and then cost one more submission at most."""
    outcome = run(kind, 10, 100, crash_rate=0.002, seed=seed)
    assert (outcome.reports, outcome.missing) == (0, 0)
    assert outcome.most_submissions <= 3


def test_poison_document_costs_neighbours_little(caplog: pytest.LogCaptureFixture) -> None:
    """One of 25 documents makes every job with it fail, in a service that is healthy otherwise and idle."""
    world = World()
    world.faults.poison_texts = (letter(7),)
    names = [f"{number}.txt" for number in range(25)]
    for number, name in enumerate(names):
        world.drop(name, letter(number), announce=False)
    start = world.clock()
    world.deliver_together(*names)
    world.run_for(timedelta(minutes=3.5))
    neighbours = [name for name in names if name != "7.txt"]
    world.check_right(*neighbours)
    assert max(world.submissions_of(letter(number)) for number in range(25) if number != 7) <= 3
    world.run_for(timedelta(minutes=15) - (world.clock() - start))
    alone = lines(caplog, "document_failing_alone")
    assert "of at most 6, the next one at" in alone[-1].getMessage()
    assert alone[-1].levelno == logging.WARNING
    world.run()
    report = world.check_failed("7.txt", "JobFailed")
    assert world.clock() - start <= timedelta(hours=4.5)
    assert world.submissions_of(letter(7)) == 6
    assert report["error"]["fault"] == "document"
    assert report["attempts"] == 6
    world.check_quiet()


def test_lone_poison_document_needs_proof() -> None:
    """Nothing else is submitted: that the service is healthy is known from control documents only."""
    world = World()
    world.faults.poison_texts = (letter(1),)
    world.drop("a.txt", letter(1))
    world.run()
    report = world.check_failed("a.txt", "JobFailed")
    assert world.submissions_of(letter(1)) == 6
    assert report["error"]["fault"] == "document"
    assert world.submissions_of(CONTROL_TEXT) <= 6


def test_control_documents_can_be_switched_off() -> None:
    """Then documents find out, one at a time, and bills stay bounded."""
    world = World(settings={"CONTROL_DOCUMENTS": "false"})
    world.faults.rates = {"failed-internal": 1.0}
    names = [f"{number}.txt" for number in range(10)]
    for number, name in enumerate(names):
        world.drop(name, letter(number))
    world.run_for(timedelta(minutes=10))
    world.faults.rates = {}
    world.run(within=timedelta(hours=1))
    world.check_right(*names)
    assert max(world.submissions_of(letter(number)) for number in range(10)) <= 6
    assert world.submissions_of(CONTROL_TEXT) == 0
