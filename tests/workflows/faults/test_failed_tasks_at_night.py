"""A document some of whose tasks were reported is taken up again at night: for those tasks, and for no others."""

from datetime import timedelta

import pytest

from tests.support.scenarios import Scenario, long_text, results_of
from tests.support.world import World, letter
from tests.workflows.faults.test_crash_points import crash_everywhere
from tests.workflows.faults.test_several_tasks import (
    ALL,
    THREE,
    asks_for_three,
    check_three,
    failing,
    note_tasks,
    rewritten,
)

SETTINGS = {"GIVE_UP_HOURS": "2"}


@pytest.fixture
def world() -> World:
    return World(settings=SETTINGS)


@pytest.fixture
def asked(world: World) -> list[list[str]]:
    """The tasks of each submission that the service accepts, but for control documents."""
    return note_tasks(world)


def report_of_failed_task(world: World, name: str, text: str) -> None:
    """Let a document end with its results, but for those of one task, whose deployment is missing."""
    asks_for_three(world)
    rewritten(world, failing("PiiEntityRecognition", "DeploymentNotFound"), also_control=True)
    world.drop(name, text)
    world.run_for(timedelta(hours=3))
    world.settle()
    world.rewrite_replies(lambda response: None)
    report = world.error(name)
    assert report is not None
    assert (report["partial"], report["error"]["fault"]) == (True, "configuration")


TEXTS = pytest.mark.parametrize("text", [letter(1), long_text(150_000)], ids=["short", "long"])


@TEXTS
def test_night_asks_failed_task_alone(world: World, asked: list[list[str]], text: str) -> None:
    report_of_failed_task(world, "a.txt", text)
    entities = world.output.read("a.txt.entities.json").data
    asked.clear()
    assert world.reconcile().retaken == 1
    world.settle()
    check_three(world, "a.txt")
    assert {*map(tuple, asked)} == {("pii",)}
    assert world.output.read("a.txt.entities.json").data == entities
    tally = world.reconcile()
    assert (tally.done, tally.submitted) == (1, 0)


@TEXTS
def test_task_fails_again_at_night(world: World, asked: list[list[str]], text: str) -> None:
    report_of_failed_task(world, "a.txt", text)
    before = results_of(world)
    rewritten(world, failing("PiiEntityRecognition"))
    asked.clear()
    assert world.reconcile().retaken == 1
    world.settle()
    assert results_of(world) == before
    report = world.error("a.txt")
    assert report is not None
    assert (report["partial"], [one["task"] for one in report["tasks"]]) == (True, ["pii"])
    assert {*map(tuple, asked)} == {("pii",)}
    world.check_quiet()
    tally = world.reconcile()
    assert (tally.failed, tally.submitted) == (1, 0)


def test_document_that_vanishes_at_night_leaves_nothing(world: World) -> None:
    report_of_failed_task(world, "a.txt", letter(1))
    assert world.reconcile().retaken == 1
    world.intake.delete("a.txt")
    world.settle()
    world.check_quiet()


def test_new_rule_asks_its_changed_tasks_at_night(world: World, asked: list[list[str]]) -> None:
    """What is not asked for any more goes."""
    report_of_failed_task(world, "a.txt", letter(1))
    entities, pii, _ = THREE["tasks"]
    world.write_rules({"match": "**", "tasks": [entities, pii, {"kind": "Healthcare"}]})
    world.clock.advance(60)
    asked.clear()
    assert world.reconcile().retaken == 1
    world.settle()
    endings = ["entities.json", "healthcare.json", "pii.json", "redacted.txt"]
    assert results_of(world) == [f"a.txt.{ending}" for ending in endings]
    assert asked == [["pii", "healthcare"]]
    assert world.reconcile().done == 1


def test_result_deleted_before_night_comes_back(world: World, asked: list[list[str]]) -> None:
    """The failed task first, and then, as after every deletion, everything."""
    report_of_failed_task(world, "a.txt", letter(1))
    world.output.delete("a.txt.entities.json")
    asked.clear()
    for _ in range(2):
        assert world.reconcile().submitted == 1
        world.settle()
    check_three(world, "a.txt")
    assert asked == [["pii"], ALL]


@pytest.mark.long
def test_document_retaken_at_night_survives_any_crash() -> None:
    def prepare_night(world: World) -> None:
        report_of_failed_task(world, "a.txt", letter(1))
        world.reconcile()

    # The crashes begin once the document has its report.
    assert (
        crash_everywhere(
            Scenario(prepare_night, check=lambda world: check_three(world, "a.txt"), settings=SETTINGS, step=2)
        )
        > 5
    )
