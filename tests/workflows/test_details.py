"""What there is to know of one document, at each stage of its way."""

from datetime import timedelta
from typing import Any

import pytest

from functions.core.documents import DocumentState
from functions.workflows.details import Details, Standing, TaskDetails
from tests.support.world import World, letter


def find(world: World, name: str = "a.txt") -> Details:
    details = world.app.details.find(name)
    assert details is not None
    return details


def test_unknown_document_is_none(world: World) -> None:
    assert world.app.details.find("a.txt") is None
    assert world.app.details.find("a/../b.txt") is None
    assert world.app.details.result("a.txt", "entities.json") is None


def test_untouched_document_waits(world: World) -> None:
    etag = world.drop("a.txt", letter(1), announce=False)
    details = find(world)
    assert (details.state, details.etag, details.claimed_at, details.files) == (Standing.WAITING, etag, None, ())


def test_document_is_followed_to_its_result(world: World) -> None:
    etag = world.drop("a.txt", letter(1))
    assert world.step()
    running = find(world)
    assert (running.state, running.files) == (Standing.RUNNING, ())
    assert running.tasks == (TaskDetails("entities", "CustomEntityRecognition", None, ""),)
    world.settle()
    done = find(world)
    assert (done.state, done.etag, done.problem) == (Standing.DONE, etag, None)
    assert done.files == ("entities.json",)
    assert done.claimed_at == running.claimed_at
    assert done.updated and running.updated and done.updated > running.updated
    result = world.app.details.result("a.txt", "entities.json")
    assert result and b"Mary Miller" in result.data


def test_failed_document_says_why(world: World) -> None:
    world.drop("a.txt", b"")
    world.settle()
    failed = find(world)
    assert (failed.state, failed.files) == (Standing.FAILED, ("error.json",))
    assert failed.problem and failed.problem.code == "EmptyDocument"


def test_throttled_document_is_deferred(world: World) -> None:
    world.drop("a.txt", letter(1))
    world.script("throttle-429", method="POST")
    assert world.step()
    details = find(world)
    assert details.state is Standing.DEFERRED
    assert details.problem and details.problem.code == "Throttled"


def test_new_version_waits_again(world: World) -> None:
    world.drop("a.txt", letter(1))
    world.settle()
    newer = world.drop("a.txt", letter(2), announce=False)
    assert (find(world).state, find(world).etag) == (Standing.WAITING, newer)


def test_deleted_document_keeps_its_record(world: World) -> None:
    world.drop("a.txt", letter(1))
    world.settle()
    world.remove("a.txt")
    assert (find(world).state, find(world).is_deleted) == (Standing.DONE, True)


@pytest.mark.parametrize("file", ["../a.txt", "error.json", "pii.json", "", ".entities.json", "entities.json/x"])
def test_only_listed_results_are_given(world: World, file: str) -> None:
    world.drop("a.txt", letter(1))
    world.settle()
    assert world.app.details.result("a.txt", file) is None


def test_several_tasks_have_their_files(world: World) -> None:
    tasks: list[dict[str, Any]] = [{"kind": "PiiEntityRecognition"}, {"kind": "KeyPhraseExtraction"}]
    world.write_rules({"match": "**", "tasks": tasks})
    world.drop("a.txt", letter(1))
    world.settle()
    details = find(world)
    assert details.files == ("pii.json", "keyphrases.json", "redacted.txt")
    assert [task.state for task in details.tasks] == [DocumentState.DONE, DocumentState.DONE]
    redacted = world.app.details.result("a.txt", "redacted.txt")
    assert redacted and redacted.data


def test_look_takes_few_requests(world: World) -> None:
    world.drop("a.txt", letter(1))
    assert world.step()
    assert len(world.calls_of(lambda: find(world))) == 4
    world.settle()
    world.clock.advance(timedelta(hours=1).total_seconds())
    assert len(world.calls_of(lambda: find(world))) == 2
