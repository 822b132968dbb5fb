"""Rules by folder: each document has the files that its rule asks for, whatever happens to the rules meanwhile."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from functions.workflows.rule_book import CHECK_EVERY_S
from tests.support.scenarios import lines, results_of
from tests.support.world import Call, World, letter

PII = {"kind": "PiiEntityRecognition"}
PHRASES = {"kind": "KeyPhraseExtraction"}
CLASSES = {"kind": "CustomSingleLabelClassification", "project": "notes", "deployment": "production"}

FOUR_RULES: list[dict[str, Any]] = [
    {"match": "loans/**", "tasks": [{"kind": "CustomEntityRecognition"}, CLASSES]},
    {"match": "mail/**", "tasks": [PII], "language": "auto"},
    {"match": "notes/**", "tasks": [{"kind": "Healthcare"}, PHRASES, {"kind": "EntityRecognition"}]},
    {"match": "archive/**", "tasks": [PHRASES], "reviewBelow": 0.5},
]
FILES = {
    "loans": ["classes.json", "entities.json"],
    "mail": ["pii.json", "redacted.txt"],
    "notes": ["healthcare.json", "keyphrases.json", "prebuilt-entities.json"],
    "archive": ["keyphrases.json"],
}


def files_of(*names: str) -> list[str]:
    return sorted(f"{name}.{ending}" for name in names for ending in FILES[name.partition("/")[0]])


def submit_at_once(world: World, names: list[str]) -> None:
    """Let many runs submit documents at the same time, as a host does."""
    with ThreadPoolExecutor(100) as host:
        list(host.map(world.app.submitter.submit, names))


@pytest.mark.long
def test_four_folders_follow_four_rules() -> None:
    """And every folder's documents share requests."""
    world = World(settings={"BATCH_LINGER_MS": "300"})
    world.write_rules(*FOUR_RULES)
    names = [f"{folder}/{number}.txt" for number in range(100) for folder in FILES]
    for number, name in enumerate(names):
        world.drop(name, letter(number), announce=False)
    submit_at_once(world, names)
    world.run()
    assert results_of(world) == files_of(*names)
    requests = len(world.exchanges("POST")) + len(world.exchanges("GET"))
    assert requests / len(names) <= 0.16, requests
    world.check_quiet()
    assert world.reconcile().done == 400


def test_rules_change_without_restart(world: World) -> None:
    world.drop("mail/1.txt", letter(1))
    world.run()
    world.write_rules(*FOUR_RULES)
    world.drop("mail/2.txt", letter(2))
    world.run()
    assert results_of(world) == ["mail/1.txt.entities.json", *files_of("mail/2.txt")]


def test_other_worker_learns_within_a_minute(world: World) -> None:
    """While nothing of the rules is read again and again."""
    other = world.start_worker()
    world.drop("mail/1.txt", letter(1), announce=False)
    other.app.submitter.submit("mail/1.txt")
    world.state.write("config/rules.json", json.dumps({"rules": FOUR_RULES}).encode())
    looks: list[Call] = []
    world.gate = lambda call: looks.append(call) if "config/" in call.name and call.moment == "before" else None
    for number in range(2, 12):
        world.drop(f"mail/{number}.txt", letter(number), announce=False)
        other.app.submitter.submit(f"mail/{number}.txt")
        world.clock.advance(6)
    world.gate = None
    assert len([call for call in looks if call.action == "get_properties"]) <= 60 / CHECK_EVERY_S + 1
    world.run()
    found = results_of(world)
    assert "mail/1.txt.entities.json" in found and "mail/11.txt.pii.json" in found


def test_claimed_documents_keep_their_rule(world: World) -> None:
    world.write_rules(*FOUR_RULES)
    world.drop("mail/1.txt", letter(1), announce=False)
    world.app.submitter.submit("mail/1.txt")
    world.write_rules({"match": "**", "tasks": [PHRASES]})
    world.script("failed")
    world.settle()
    assert results_of(world) == files_of("mail/1.txt")


def test_replay_applies_new_rule(world: World) -> None:
    world.write_rules(*FOUR_RULES)
    world.drop("archive/1.txt", letter(1))
    world.run()
    world.write_rules({"match": "**", "tasks": [PII]})
    assert world.reconcile().submitted == 0
    world.output.delete("archive/1.txt.keyphrases.json")
    assert world.reconcile().submitted == 1
    world.run()
    assert results_of(world) == ["archive/1.txt.pii.json", "archive/1.txt.redacted.txt"]


BROKEN: list[tuple[str, Callable[[World], object]]] = [
    ("invalid", lambda world: world.state.write("config/rules.json", b'{"rules": [{"match": "**", "tasks": 7}]}')),
    ("binary", lambda world: world.state.write("config/rules.json", b"\x89PNG\r\n\x1a\n\x00\x00")),
    ("empty", lambda world: world.state.write("config/rules.json", b"")),
    ("huge", lambda world: world.state.write("config/rules.json", b" " * 5_000_000)),
]
EACH = pytest.mark.parametrize("spoil", [spoil for _, spoil in BROKEN], ids=[name for name, _ in BROKEN])


@EACH
def test_broken_rules_never_replace_valid_ones(
    world: World, spoil: Callable[[World], object], caplog: pytest.LogCaptureFixture
) -> None:
    world.write_rules(*FOUR_RULES)
    world.drop("mail/1.txt", letter(1))
    world.run()
    spoil(world)
    world.clock.advance(60)
    world.drop("mail/2.txt", letter(2))
    world.run()
    world.restart()
    world.drop("mail/3.txt", letter(3))
    world.run()
    assert results_of(world) == files_of("mail/1.txt", "mail/2.txt", "mail/3.txt")
    assert "config/rules.json can not be used. " in lines(caplog, "rules_invalid")[0].getMessage()
    assert len(lines(caplog, "rules_invalid")) <= 2, "once for each worker"


@EACH
def test_documents_wait_while_no_rules_can_be_read(world: World, spoil: Callable[[World], object]) -> None:
    """Nothing is submitted or reported, however long it takes."""
    spoil(world)
    for number in range(3):
        world.drop(f"mail/{number}.txt", letter(number))
    for _ in range(10):
        world.run_for(timedelta(hours=20))
        world.sweep()
        world.reconcile()
    assert (results_of(world), world.exchanges("POST")) == ([], [])
    world.write_rules(*FOUR_RULES)
    world.sweep()
    world.run()
    assert results_of(world) == files_of("mail/0.txt", "mail/1.txt", "mail/2.txt")
    world.check_quiet()
    assert world.records() == [
        "config/rules.json",
        "config/rules.valid.json",
        *(f"documents/mail/{number}.txt" for number in range(3)),
    ]


def test_deleted_rules_leave_settings(world: World) -> None:
    world.write_rules(*FOUR_RULES)
    world.drop("mail/1.txt", letter(1))
    world.run()
    world.state.delete("config/rules.json")
    world.clock.advance(60)
    world.drop("mail/2.txt", letter(2))
    world.run()
    # What is written next is wrong: then there are no rules still.
    world.state.write("config/rules.json", b"{")
    world.restart()
    world.drop("mail/3.txt", letter(3))
    world.run()
    assert results_of(world) == [*files_of("mail/1.txt"), "mail/2.txt.entities.json", "mail/3.txt.entities.json"]


def test_rules_change_in_midst_of_burst(world: World) -> None:
    """Valid, then binary, deleted, and ten thousand rules: every document ends by rules that held when it came."""
    changes: list[Callable[[], object]] = [
        lambda: world.write_rules(*FOUR_RULES),
        lambda: world.state.write("config/rules.json", b"\x89PNG\r\n\x1a\n\x00\x00"),
        lambda: world.state.delete("config/rules.json"),
        lambda: world.write_rules(*({"match": f"{n}/**"} for n in range(9_999)), {"match": "**", "tasks": [PHRASES]}),
    ]
    expected: list[str] = []
    by_round = [FILES["mail"], FILES["mail"], ["entities.json"], ["keyphrases.json"]]
    for part, (change, endings) in enumerate(zip(changes, by_round, strict=True)):
        change()
        world.clock.advance(60)
        for number in range(10):
            name = f"mail/{part}-{number}.txt"
            world.drop(name, letter(10 * part + number))
            expected += [f"{name}.{ending}" for ending in endings]
        world.run_for(timedelta(milliseconds=100), max_steps=1_000)
    world.settle()
    assert results_of(world) == sorted(expected)
    world.check_quiet()


@pytest.mark.parametrize("code", [403, 503])
def test_unreachable_rules_go_on_to_hold(world: World, code: int) -> None:
    world.write_rules(*FOUR_RULES)
    world.drop("mail/1.txt", letter(1))
    world.run()

    def fail(call: Call) -> None:
        if call.name == "config/rules.json":
            raise OSError(f"HTTP {code}")

    world.gate = fail
    world.clock.advance(3_600)
    world.drop("mail/2.txt", letter(2))
    world.run()
    assert results_of(world) == files_of("mail/1.txt", "mail/2.txt")


# --- Ignored documents ---


def test_ignored_documents_are_recorded_nowhere(world: World) -> None:
    world.write_rules({"match": "archive/**", "ignore": True})
    world.drop("archive/1.txt", letter(1))
    world.drop("loans/1.txt", letter(1))
    world.run()
    tally = world.reconcile()
    assert (tally.ignored, tally.done, tally.submitted) == (1, 1, 0)
    assert results_of(world) == ["loans/1.txt.entities.json"]
    assert [name for name in world.records() if "archive" in name] == []


@pytest.mark.parametrize("is_deleted", [False, True], ids=["without the rule", "deleted"])
def test_reconcile_never_takes_formerly_ignored(world: World, is_deleted: bool) -> None:
    world.write_rules({"match": "archive/**", "ignore": True})
    world.drop("archive/1.txt", letter(1))
    world.run()
    if is_deleted:
        world.state.delete("config/rules.json")
    else:
        world.write_rules()
    world.clock.advance(60)
    world.drop("loans/1.txt", letter(3))
    world.drop("archive/2.txt", letter(2), announce=False)
    world.run()
    world.restart()
    tally = world.reconcile()
    assert (tally.ignored, tally.submitted) == (1, 1)
    world.run()
    assert results_of(world) == ["archive/2.txt.entities.json", "loans/1.txt.entities.json"]


def test_newer_version_of_ignored_document_is_left(world: World) -> None:
    """The result of the version before stays as it is."""
    world.drop("archive/1.txt", letter(1))
    world.run()
    world.write_rules({"match": "archive/**", "ignore": True})
    world.drop("archive/1.txt", letter(1, version=2))
    world.run()
    tally = world.reconcile()
    assert (tally.ignored, tally.submitted) == (1, 0)
    assert results_of(world) == ["archive/1.txt.entities.json"]


# --- Several instances, odd names, corrections ---


def test_racing_instances_keep_one_copy(world: World) -> None:
    """Both go by the rules that they have read, and the copy is that of the newest ones."""
    other = world.start_worker()
    for number in range(2):
        world.drop(f"mail/{number}.txt", letter(number), announce=False)
    world.state.write("config/rules.json", json.dumps({"rules": [{"match": "**", "tasks": [PHRASES]}]}).encode())
    newest: list[str] = []

    def overtake(call: Call) -> None:
        if not newest and (call.action, call.name, call.moment) == ("write", "config/rules.valid.json", "before"):
            newest.append(world.state.write("config/rules.json", json.dumps({"rules": FOUR_RULES}).encode()))
            other.app.submitter.submit("mail/1.txt")

    world.gate = overtake
    world.app.submitter.submit("mail/0.txt")
    world.gate = None
    copy = json.loads(world.state.read("config/rules.valid.json").data)
    assert (copy["sourceEtag"], len(copy["rules"])) == (newest[0], len(FOUR_RULES))
    world.run()
    assert results_of(world) == ["mail/0.txt.keyphrases.json", *files_of("mail/1.txt")]


@pytest.mark.parametrize(
    "name", ["mail/[a]{1} %41+&.txt", "mail/ä\U0001f469.txt", "mail/a*b?.txt", "mail/" + "x" * 990, "mail//a.txt"]
)
def test_odd_names_follow_their_rule(world: World, name: str) -> None:
    world.write_rules({"match": "mail/**", "tasks": [PII | {"name": "private"}, PHRASES]})
    world.drop(name, letter(1))
    world.run()
    written = {
        metadata["source_etag"] for metadata in (world.output.get_properties(one).metadata for one in results_of(world))
    }
    assert (len(results_of(world)), written) == (3, {world.versions[name][-1]})
    world.check_quiet()
    tally = world.reconcile()
    assert (tally.done, tally.submitted) == (1, 0)


@pytest.mark.parametrize("answer", ["failed-task", "404"])
def test_corrected_rule_may_ask_other_tasks(world: World, answer: str) -> None:
    """The record follows it, so that nothing seems to be missing afterwards."""
    world.service.behaviour = type(world.service.behaviour)(unknown_project=answer)
    wrong = {"kind": "CustomSingleLabelClassification", "project": "typo", "deployment": "production"}
    world.write_rules({"match": "**", "tasks": [wrong]})
    world.drop("a.txt", letter(1))
    world.run_for(timedelta(hours=1))
    world.write_rules({"match": "**", "tasks": [PHRASES]})
    world.settle()
    assert results_of(world) == ["a.txt.keyphrases.json"]
    tally = world.reconcile()
    assert (tally.done, tally.submitted) == (1, 0)
    world.check_quiet()
