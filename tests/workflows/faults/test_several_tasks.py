"""A document with several tasks: what fails of one task costs the others nothing."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import requests

from tests.support.scenarios import Scenario, long_text, results_of
from tests.support.world import World, letter, pairs_in
from tests.workflows.faults.test_crash_points import crash_everywhere
from tests.workflows.faults.test_same_content import stamp

THREE = {
    "match": "**",
    "tasks": [
        {"kind": "CustomEntityRecognition"},
        {"kind": "PiiEntityRecognition"},
        {"kind": "KeyPhraseExtraction"},
    ],
}
FILES = ("entities.json", "keyphrases.json", "pii.json", "redacted.txt")


def asks_for_three(world: World) -> None:
    world.write_rules(THREE)


def check_three(world: World, *names: str) -> None:
    """Check that documents have all results of three tasks, and right ones."""
    for name in names or world.versions:
        world.check_right(name)
        assert [f"{name}.{ending}" for ending in FILES] == [
            found for found in results_of(world) if found.startswith(f"{name}.")
        ]
        for suffix in (".pii.json", ".keyphrases.json"):
            result = world.result(name, suffix)
            assert result is not None
            assert result["document"]["etag"] == world.intake.get_properties(name).etag
    world.check_quiet()


@pytest.fixture
def asked(world: World) -> list[list[str]]:
    """The tasks of each submission that the service accepts, but for control documents."""
    return note_tasks(world)


def note_tasks(world: World) -> list[list[str]]:
    seen: list[list[str]] = []
    start = world.service._start

    def noting(submission: Any, now: Any) -> Any:
        if submission.display_name != "control":
            seen.append([task.name for task in submission.tasks])
        return start(submission, now)

    world.service._start = noting  # type: ignore[method-assign]
    return seen


ALL = ["entities", "pii", "keyphrases"]


def test_three_tasks_share_one_job(world: World, asked: list[list[str]]) -> None:
    asks_for_three(world)
    world.drop("a.txt", letter(1))
    world.run()
    check_three(world)
    assert asked == [ALL]


@pytest.mark.parametrize("fault", ["partial", "task-missing", "task-unknown-kind"])
def test_failed_task_alone_is_submitted_again(world: World, asked: list[list[str]], fault: str) -> None:
    asks_for_three(world)
    world.script(fault)
    world.drop("a.txt", letter(1))
    world.settle()
    check_three(world)
    assert asked == [ALL, ["keyphrases"]]


def test_reordered_documents_keep_their_results(world: World) -> None:
    asks_for_three(world)
    world.script("documents-reordered")
    names = [f"{number}.txt" for number in range(5)]
    animals = ["aardvark", "buffalo", "cheetah", "dromedary", "elephant"]
    for number, name in enumerate(names):
        world.drop(name, f"{letter(number)}The {animals[number]} clause.", announce=False)
    world.deliver_together(*names)
    world.run()
    check_three(world)
    for number, name in enumerate(names):
        result = world.result(name, ".keyphrases.json")
        assert result is not None
        assert f"{animals[number]} clause" in result["keyPhrases"]


def test_failed_task_of_long_document_is_submitted_again(world: World, asked: list[list[str]]) -> None:
    asks_for_three(world)
    world.script("partial", skip=1)
    world.drop("long.txt", long_text(300_000))
    world.settle()
    check_three(world)
    assert sorted(asked, key=len) == [["keyphrases"], ALL, ALL, ALL]


def rewritten(world: World, change: Callable[[dict[str, Any]], None], *, also_control: bool = False) -> None:
    """Change the states of jobs that the service reports, those of control documents only if that is said."""

    def rewrite(response: requests.Response) -> None:
        body = json.loads(response.content or b"{}")
        if "tasks" in body and (also_control or body.get("displayName") != "control"):
            change(body)
            response._content = json.dumps(body).encode()

    world.rewrite_replies(rewrite)


def results_in(body: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [item for item in body["tasks"].get("items", []) if item["kind"] == f"{kind}LROResults"]


def leaving_out(kind: str, *texts: str) -> Callable[[dict[str, Any]], None]:
    """Take the entries of a kind that name one of some texts out of replies."""

    def change(body: dict[str, Any]) -> None:
        for item in results_in(body, kind):
            documents = item.get("results", {}).get("documents", [])
            item["results"]["documents"] = [one for one in documents if not any(text in str(one) for text in texts)]

    return change


def test_documents_lacking_other_tasks_part_ways(world: World, asked: list[list[str]]) -> None:
    """Each is asked for what it lacks, and for nothing else."""
    asks_for_three(world)
    no_pii, no_phrases = leaving_out("PiiEntityRecognition", "1001"), leaving_out("KeyPhraseExtraction", "Reader 2")
    is_first = [True]

    def change(body: dict[str, Any]) -> None:
        if is_first[0]:
            no_pii(body), no_phrases(body)
        if body["status"] == "succeeded":
            is_first[0] = False

    for number in range(3):
        world.drop(f"{number}.txt", letter(number), announce=False)
    rewritten(world, change)
    world.deliver_together("0.txt", "1.txt", "2.txt")
    world.settle()
    check_three(world)
    assert asked[0] == ALL
    assert all(set(tasks) < set(ALL) for tasks in asked[1:])


def failing(kind: str, code: str = "InternalServerError") -> Callable[[dict[str, Any]], None]:
    """Let the tasks of a kind fail in each reply."""

    def change(body: dict[str, Any]) -> None:
        items = body["tasks"].get("items", [])
        for number, item in enumerate(items):
            if item["kind"] == f"{kind}LROResults":
                item.pop("results", None)
                item["status"] = "failed"
                error = {"code": code, "message": "It broke.", "target": f"#/tasks/items/{number}"}
                body["errors"].append(error)
                if body["status"] == "succeeded":
                    body["status"] = "partiallyCompleted" if len(items) > 1 else "failed"

    return change


def test_task_that_fails_for_good_is_reported(world: World, asked: list[list[str]]) -> None:
    """Beside the results of the others, once six submissions are used up."""
    asks_for_three(world)
    rewritten(world, failing("PiiEntityRecognition"))
    world.drop("a.txt", letter(1))
    world.settle()
    report = world.error("a.txt")
    assert report is not None
    assert results_of(world) == ["a.txt.entities.json", "a.txt.error.json", "a.txt.keyphrases.json"]
    assert (report["partial"], report["attempts"]) == (True, 6)
    assert [(one["task"], one["kind"]) for one in report["tasks"]] == [("pii", "PiiEntityRecognition")]
    assert report["error"] == report["tasks"][0]["error"]
    assert asked == [ALL, *[["pii"]] * 5]
    entities = world.entities("a.txt")
    assert entities is not None
    assert [one["text"] for one in entities["entities"]] == [text for _, _, _, text in pairs_in(letter(1))]
    record, _ = world.app.parts.records.document("a.txt")
    assert record is not None
    assert [(one.task, one.state.value) for one in record.results] == [
        ("entities", "done"),
        ("pii", "failed"),
        ("keyphrases", "done"),
    ]
    world.check_quiet()
    tally = world.reconcile()
    assert (tally.failed + tally.retaken, tally.done) == (1, 0)


def test_document_whose_tasks_all_fail_has_report_only(world: World) -> None:
    asks_for_three(world)
    world.script("document-error")
    world.drop("a.txt", letter(1))
    world.settle()
    report = world.error("a.txt")
    assert report is not None
    assert results_of(world) == ["a.txt.error.json"]
    assert "partial" not in report
    assert [one["task"] for one in report["tasks"]] == ALL
    assert {one["error"]["fault"] for one in report["tasks"]} == {"document"}


def test_misconfigured_task_waits_alone(world: World, asked: list[list[str]]) -> None:
    """Its project is corrected in the rules, and the document goes on."""
    world.service.behaviour = type(world.service.behaviour)(unknown_project="failed-task")
    wrong = {"kind": "CustomSingleLabelClassification", "project": "typo", "deployment": "production"}
    world.write_rules({"match": "**", "tasks": [{"kind": "CustomEntityRecognition"}, wrong]})
    world.drop("a.txt", letter(1))
    world.run_for(timedelta(hours=2))
    assert (world.entities("a.txt"), world.error("a.txt")) == (None, None)
    world.write_rules({"match": "**", "tasks": [{"kind": "CustomEntityRecognition"}, wrong | {"project": "notes"}]})
    world.settle()
    world.check_right("a.txt")
    assert world.result("a.txt", ".classes.json") is not None
    assert asked[0] == ["entities", "classes"]
    assert asked[-1] == ["classes"]


# --- Versions ---


def test_files_of_other_tasks_are_withdrawn(world: World) -> None:
    asks_for_three(world)
    world.drop("a.txt", letter(1))
    world.run()
    world.write_rules({"match": "**", "tasks": [{"kind": "KeyPhraseExtraction", "name": "topics"}]})
    world.drop("a.txt", letter(1, version=2))
    world.run()
    assert results_of(world) == ["a.txt.topics.keyphrases.json"]
    world.write_rules()
    world.drop("a.txt", letter(1, version=3))
    world.run()
    assert results_of(world) == ["a.txt.entities.json"]
    world.check_right("a.txt")


def test_same_content_keeps_all_results(world: World) -> None:
    asks_for_three(world)
    world.drop("a.txt", letter(1))
    world.run()
    redacted = world.output.read("a.txt.redacted.txt").data
    etag = stamp(world, "a.txt", letter(1))
    world.run()
    check_three(world)
    assert world.service.counters.documents_accepted == 1
    assert world.output.read("a.txt.redacted.txt").data == redacted
    assert world.output.get_properties("a.txt.redacted.txt").metadata["source_etag"] == etag


def test_same_content_is_asked_what_new_rules_ask(world: World) -> None:
    world.drop("a.txt", letter(1))
    world.run()
    asks_for_three(world)
    stamp(world, "a.txt", letter(1))
    world.run()
    check_three(world)
    assert world.service.counters.documents_accepted == 2


@pytest.mark.parametrize("ending", ["entities.json", "pii.json", "keyphrases.json"])
def test_deleted_result_is_made_again(world: World, ending: str) -> None:
    asks_for_three(world)
    for number in range(3):
        world.drop(f"{number}.txt", letter(number))
    world.run()
    assert world.reconcile().submitted == 0
    world.output.delete(f"1.txt.{ending}")
    tally = world.reconcile()
    assert (tally.done, tally.pending, tally.submitted) == (2, 1, 1)
    world.run()
    check_three(world)


def test_deleted_results_count_once(world: World) -> None:
    asks_for_three(world)
    world.drop("a.txt", letter(1))
    world.run()
    for ending in FILES:
        world.output.delete(f"a.txt.{ending}")
    tally = world.reconcile()
    assert (tally.done, tally.pending) == (0, 1)
    world.run()
    check_three(world)


# --- Crashes ---


def prepare(world: World) -> None:
    asks_for_three(world)
    world.script("task-missing")
    world.drop("a.txt", letter(1))


def check(world: World) -> None:
    check_three(world, "a.txt")


@pytest.mark.long
def test_partly_answered_document_survives_any_crash() -> None:
    assert crash_everywhere(Scenario(prepare, check=check)) > 30


@pytest.mark.long
def test_partly_answered_long_document_survives_any_crash() -> None:
    def prepare_long(world: World) -> None:
        asks_for_three(world)
        world.script("task-missing")
        world.drop("long.txt", long_text(150_000))

    assert crash_everywhere(Scenario(prepare_long, check=lambda world: check_three(world, "long.txt"), step=2)) > 30
