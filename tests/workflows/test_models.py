"""From reviews to a deployed model, by the commands, against the stand-in's authoring API."""

import copy
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from functions.cli.main import run
from functions.labels.naming import training_name
from functions.labels.values import Span
from functions.storage.model_store import ModelStore
from local.stand_in.in_process import InProcessAdapter
from tests.support.corrections import correct, save
from tests.support.models import NAMES, GatedAccess, command, copy_of, labelled, review, taught_world, told
from tests.support.world import KEY, Call, Crash, World

HOST = "loans.cognitiveservices.azure.com"


@pytest.fixture(scope="session")
def model_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture
def taught(model_cache: Path) -> World:
    return taught_world(model_cache)


def store(world: World) -> ModelStore:
    return ModelStore(world.state, HOST, "loans")


def project(world: World) -> Any:
    return world.service.authoring.state.projects["loans"]


def documents(world: World) -> dict[str, dict[str, Any]]:
    return {one["location"]: one for one in project(world).assets["documents"]}


def answers(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return told(capsys.readouterr().out)


def test_reviews_become_a_model(taught: World, capsys: pytest.CaptureFixture[str]) -> None:
    before = copy.deepcopy(project(taught).assets)
    review(taught, NAMES[12:20])
    assert command(taught, "model", "train", "--json") == 0
    (plan,) = answers(capsys)
    assert (plan["reviewed"], plan["new"], plan["leftOut"]) == (8, 8, {})
    assert project(taught).assets == before, "nothing is done without --yes"
    assert command(taught, "model", "train", "--json", "--yes") == 0
    _, trained = answers(capsys)
    assert (trained["reviewed"], trained["documents"]) == (8, 20)
    assert trained["micro"] > 0.8
    after = documents(taught)
    assert all(after[one["location"]] == one for one in before["documents"]), "existing labels are as they were"
    assert len(after) == 20
    assert all(name.removesuffix(".txt").isalnum() for name in after.keys() - {*NAMES[:12]})
    assert {one["dataset"] for one in after.values()} == {"Train", "Test"}


def test_unreviewed_documents_stay_out(taught: World, capsys: pytest.CaptureFixture[str]) -> None:
    review(taught, NAMES[12:13])
    assert command(taught, "model", "train", "--json", "--unreviewed", f"in/{NAMES[13]}", "--yes") == 0
    plan, trained = answers(capsys)
    assert (plan["reviewed"], plan["predictions"], trained["reviewed"], trained["documents"]) == (1, 1, 1, 14)


def test_nothing_new_trains_nothing(taught: World, capsys: pytest.CaptureFixture[str]) -> None:
    review(taught, NAMES[12:14])
    assert command(taught, "model", "train", "--yes", "--json") == 0
    models = set(project(taught).models)
    capsys.readouterr()
    assert command(taught, "model", "train", "--yes", "--json") == 0
    (plan,) = answers(capsys)
    assert plan["isDone"]
    assert set(project(taught).models) == models
    taught.clock.advance(60)
    review(taught, NAMES[14:15])
    assert command(taught, "model", "train", "--yes", "--json") == 0
    assert set(project(taught).models) - models == {"reviewed-20250115-2"}


def test_corrected_again_replaces_labels(taught: World, capsys: pytest.CaptureFixture[str]) -> None:
    """The same document in its new version leaves the old one's text where it is, and takes its place in the labels."""
    name = NAMES[12]
    review(taught, [name])
    command(taught, "model", "train", "--yes")
    first = set(documents(taught))
    text = labelled(name)[0]
    taught.clock.advance(60)
    taught.drop(f"in/{name}", f"New: {text}")
    taught.run()

    correct(taught, f"in/{name}")
    capsys.readouterr()
    assert command(taught, "model", "train", "--yes", "--json") == 0
    after = documents(taught)
    assert len(after) == len(first)
    (new,) = after.keys() - first
    assert taught.training.read(new).data.decode() == f"New: {text}"
    (old,) = first - after.keys()
    assert taught.training.read(old).data.decode() == text


# --- Versions that were replaced ---


def replaced(world: World, names: list[str]) -> None:
    """Have documents reviewed, and replace them by a longer text."""
    for name in names:
        save(world, f"in/{name}", labelled(name)[1])
    world.clock.advance(60)
    for name in names:
        world.drop(f"in/{name}", f"New: {labelled(name)[0]}")
    world.run()


def texts(world: World) -> dict[str, str]:
    """Return the texts that the project has labels of, by their names."""
    return {name: world.training.read(name).data.decode() for name in documents(world)}


def test_replaced_versions_are_learnt_on_request(taught: World, capsys: pytest.CaptureFixture[str]) -> None:
    name, train = NAMES[12], ("model", "train", "--yes", "--json")
    text = labelled(name)[0]
    replaced(taught, [name])
    assert command(taught, "model", "train", "--json") == 0
    assert answers(capsys)[0]["reviewed"] == 0, "nothing changes without the option"
    assert command(taught, *train, "--replaced") == 0
    plan, first = answers(capsys)
    assert (plan["reviewed"], plan["replaced"], first["reviewed"], first["documents"]) == (1, 1, 1, 13)
    (placed,) = [name for name, content in texts(taught).items() if content == text]
    history = store(taught).history()
    assert (history.names[placed], history.trainings[-1].replaced) == (f"in/{name}", True)
    assert command(taught, *train, "--replaced") == 0
    assert answers(capsys)[0]["isDone"]

    taught.clock.advance(60)
    save(taught, f"in/{name}")
    assert command(taught, *train, "--replaced") == 0
    assert (answers(capsys)[0]["reviewed"], len(documents(taught))) == (2, 14)
    assert texts(taught)[placed] == text
    assert list(texts(taught).values()).count(f"New: {text}") == 1
    taught.clock.advance(60)
    save(taught, f"in/{name}")
    assert command(taught, *train) == 0
    assert placed not in documents(taught), "the newest version takes the place of the others"
    assert len(documents(taught)) == 13


def test_option_asks_for_more_than_was_learnt(taught: World, capsys: pytest.CaptureFixture[str]) -> None:
    """The review of the older version is not newer than the last training."""
    replaced(taught, NAMES[12:13])
    save(taught, f"in/{NAMES[12]}")
    assert command(taught, "model", "train", "--yes", "--json") == 0
    capsys.readouterr()
    assert command(taught, "model", "train", "--json") == 0
    assert answers(capsys)[0]["isDone"]
    assert command(taught, "model", "train", "--yes", "--json", "--replaced") == 0
    assert (answers(capsys)[0]["new"], len(documents(taught))) == (0, 14)


def test_versions_of_a_document_share_a_set(taught: World) -> None:
    """A model would be tested on nearly the text that it has learnt."""
    replaced(taught, NAMES[12:20])
    for name in NAMES[12:20]:
        save(taught, f"in/{name}")
    assert command(taught, "model", "train", "--yes", "--replaced", "--share", "0.5") == 0
    found = {text: documents(taught)[name]["dataset"] for name, text in texts(taught).items()}
    pairs = [(found[labelled(name)[0]], found[f"New: {labelled(name)[0]}"]) for name in NAMES[12:20]]
    assert set(pairs) == {("Train", "Train"), ("Test", "Test")}


@pytest.mark.parametrize("is_newest", [True, False])
def test_same_text_is_learnt_once(taught: World, capsys: pytest.CaptureFixture[str], is_newest: bool) -> None:
    """Two versions with one text: the later review holds, be it of the newest version or of one that was replaced."""
    name, text = NAMES[12], labelled(NAMES[12])[0]
    replaced(taught, [name])
    taught.drop(f"in/{name}", text)
    taught.run()
    save(taught, f"in/{name}", [Span(0, 4, "Greeting")])
    if not is_newest:
        taught.clock.advance(60)
        taught.drop(f"in/{name}", f"Newer: {text}")
        taught.run()
    assert command(taught, "model", "train", "--yes", "--json", "--replaced") == 0
    plan, _ = answers(capsys)
    (reason,) = plan["leftOut"]
    assert (reason, plan["reviewed"]) == ("a later review of the document has the same text", 1)
    (placed,) = [name for name, content in texts(taught).items() if content == text]
    (label,) = documents(taught)[placed]["entities"][0]["labels"]
    assert label == {"category": "Greeting", "offset": 0, "length": 4}


def test_interrupted_training_goes_on_with_replaced_versions(taught: World, capsys: pytest.CaptureFixture[str]) -> None:
    replaced(taught, NAMES[12:14])

    def gate(call: Call) -> None:
        if call.action == "POST" and ":import" in call.name:
            raise Crash

    with pytest.raises(Crash):
        command(taught, "model", "train", "--yes", "--replaced", gate=gate)
    assert command(taught, "model", "train", "--yes") == 1
    assert "--anew" in capsys.readouterr().err
    label = ("--label", "reviewed-20250115-1")  # What it was given.
    assert command(taught, "model", "train", "--yes", "--json", "--replaced", *label) == 0
    plan, trained = answers(capsys)
    assert (plan["isResumed"], plan["replaced"], trained["documents"]) == (True, 2, 14)


def test_training_stored_before_the_option_goes_on(taught: World, capsys: pytest.CaptureFixture[str]) -> None:
    review(taught, NAMES[12:14])

    def gate(call: Call) -> None:
        if call.action == "POST" and ":import" in call.name:
            raise Crash

    with pytest.raises(Crash):
        command(taught, "model", "train", "--yes", gate=gate)
    (stored,) = [info.name for info in taught.state.list("models/") if info.name.endswith("train.json")]
    assert b"replaced" not in taught.state.read(stored).data
    capsys.readouterr()
    assert command(taught, "model", "train", "--yes", "--json") == 0
    assert answers(capsys)[0]["isResumed"]


def test_results_of_other_versions_are_not_compared(taught: World, capsys: pytest.CaptureFixture[str]) -> None:
    replaced(taught, NAMES[12:16])
    for name in NAMES[12:14]:
        save(taught, f"in/{name}")
    options = ("--replaced", "--share", "0.99")
    assert command(taught, "model", "train", "--yes", *options) == 0
    tested = {name for name, one in documents(taught).items() if one["dataset"] == "Test"}
    history = store(taught).history()
    newest = {name for name in tested & history.names.keys()
              if texts(taught)[name].startswith("New: ")}  # fmt: skip
    assert newest and newest < tested & history.names.keys()
    capsys.readouterr()
    assert command(taught, "model", "evaluate", "--json") == 0
    compared = answers(capsys)[0]["comparisons"][-1]
    assert (compared["other"], compared["documents"]) == ("the results in the container", len(newest))


def test_people_are_told_of_replaced_versions(taught: World, capsys: pytest.CaptureFixture[str]) -> None:
    replaced(taught, NAMES[12:14])
    save(taught, f"in/{NAMES[14]}")
    taught.drop(f"in/{NAMES[14]}", "Something else", announce=False)
    assert command(taught, "model", "train") == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "the document was replaced since its review; --replaced takes that version." in told
    assert command(taught, "model", "train", "--replaced") == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "3 of them are versions that were replaced since." in told
    assert "left out" not in told


def test_text_of_others_is_never_written_over(taught: World) -> None:

    usual = training_name(f"in/{NAMES[12]}")
    taught.training.write(usual, b"of somebody else")
    review(taught, NAMES[12:13])
    assert command(taught, "model", "train", "--yes") == 0
    assert taught.training.read(usual).data == b"of somebody else"
    assert usual not in documents(taught)


def test_labels_so_far_are_trained_on_request(taught: World, capsys: pytest.CaptureFixture[str]) -> None:
    """As for a deployment that expires."""
    assert command(taught, "model", "train", "--yes") == 2
    assert command(taught, "model", "train", "--yes", "--label", "2027-01") == 0
    assert len(documents(taught)) == 12


ODD = {
    "in/<img src=x onerror=alert(1)>.txt": "😀 Anna Bell owes $20.\r\nTo Bo.",
    f"in/{'n' * 900}.txt": "\ufeffMark owes 5 €.",
    "in/\u05e9\u05dc\u05d5\u05dd.txt": "\u05e9\u05dc\u05d5\u05dd Anna e\u0301 owes.",
    "in/a b/../c.txt".replace("/../", "-"): "Anna\tBell\u2028owes",
    "in/report.TXT": "A \U0001f469\u200d\U0001f469\u200d\U0001f467 family owes.",
}
"""Documents by their names; the first five signs of each text that are no mark are labelled."""


def test_odd_names_and_texts_are_learnt(taught: World, capsys: pytest.CaptureFixture[str]) -> None:
    for name, text in ODD.items():
        taught.drop(name, text)
    taught.run()
    for name in ODD:
        correct(taught, name, [Span(0, 5, "Sum: (net) / 100 %")])
    assert command(taught, "model", "train", "--yes", "--json") == 0
    assert answers(capsys)[0]["leftOut"] == {}
    names = {original: name for name, original in store(taught).history().names.items()}
    category = project(taught).assets["entities"][-1]["category"]
    assert category == "Sum net 100"
    for name, text in ODD.items():
        placed = names[name]
        assert placed.removesuffix(".txt").isalnum() and placed.isascii() and len(placed) <= 74
        stored = taught.training.read(placed).data.decode()
        assert stored == text.removeprefix("\ufeff")
        (label,) = documents(taught)[placed]["entities"][0]["labels"]
        units = stored.encode("utf-16-le")[2 * label["offset"] : 2 * (label["offset"] + label["length"])]
        assert (units.decode("utf-16-le"), label["category"]) == (stored[:5], category)


def trained(world: World, names: list[str], *options: str) -> None:
    review(world, names)
    assert command(world, "model", "train", "--yes", *options) == 0


def deployed(world: World, name: str = "production") -> str:
    return str(project(world).deployments[name].model.label)


def test_better_model_is_swapped_in(taught: World, capsys: pytest.CaptureFixture[str]) -> None:
    trained(taught, NAMES[12:20])
    project(taught).models["first"].results = unlearnt(project(taught))
    capsys.readouterr()
    assert command(taught, "model", "deploy", "--yes", "--json", "--last", "5") == 0
    (row,) = answers(capsys)
    assert row["isDeployed"] and row["reason"] == "it is better on the test set"
    assert row["last"] == 5
    assert row["agreement"] < 1
    assert row["onReviewed"]["documents"] >= 1
    assert (deployed(taught), deployed(taught, "candidate")) == ("reviewed-20250115-1", "first")
    assert command(taught, "model", "deploy", "--yes", "--json") == 0
    assert answers(capsys)[0]["reason"] == "it answers there already"
    assert command(taught, "model", "rollback", "--yes", "--json") == 0
    assert deployed(taught) == "first"
    assert command(taught, "model", "rollback", "--yes") == 1, "one step only"
    assert deployed(taught) == "first"


def unlearnt(of: Any) -> list[dict[str, Any]]:
    """The test results of the newest model with nothing found: what a model finds that has learnt little."""
    newest = list(of.models.values())[-1]
    results = copy.deepcopy(newest.results)
    for one in results:
        for region in one["customEntityRecognitionResult"]["entities"]:
            region["predictedEntities"] = []
    evaluation = copy.deepcopy(newest.evaluation)
    of.models["first"].evaluation = evaluation
    return results


def test_model_that_is_not_better_stays_candidate(taught: World, capsys: pytest.CaptureFixture[str]) -> None:
    trained(taught, NAMES[12:14])
    newest = list(project(taught).models.values())[-1]
    first = project(taught).models["first"]
    first.results, first.evaluation = newest.results, newest.evaluation
    capsys.readouterr()
    assert command(taught, "model", "deploy", "--yes", "--json", "--last", "0") == 1
    (row,) = answers(capsys)
    assert (row["isDeployed"], row["reason"]) == (False, "it is not better on the test set by the margin")
    assert (deployed(taught), deployed(taught, "candidate")) == ("first", newest.label)
    assert command(taught, "model", "deploy", "--yes", "--even-if-worse", "--last", "4") == 0
    assert deployed(taught) == newest.label
    assert "\N{REPLACEMENT CHARACTER}" not in capsys.readouterr().out


def test_first_deployment_needs_no_comparison(taught: World, capsys: pytest.CaptureFixture[str]) -> None:
    trained(taught, NAMES[12:14])
    assert command(taught, "model", "deploy", "--yes", "--deployment", "other") == 0
    assert deployed(taught, "other") == "reviewed-20250115-1"


def test_model_without_evaluation_is_not_comparable(taught: World, capsys: pytest.CaptureFixture[str]) -> None:
    trained(taught, NAMES[12:14])
    capsys.readouterr()
    assert command(taught, "model", "deploy", "--yes", "--json", "--last", "0") == 1
    assert answers(capsys)[0]["reason"] == "there are no documents in the test sets of both"


def test_evaluation_compares(taught: World, capsys: pytest.CaptureFixture[str]) -> None:
    trained(taught, NAMES[12:20], "--share", "0.5")
    project(taught).models["first"].results = unlearnt(project(taught))
    capsys.readouterr()
    assert command(taught, "model", "evaluate", "--json") == 0
    (row,) = answers(capsys)
    assert row["documents"] >= 4
    assert set(row["categories"]) == {"Amount", "Borrower", "Date", "Lender"}
    against, container = row["comparisons"]
    assert against["other"] == "production (first)"
    assert (against["otherMicro"], against["micro"]) == (0.0, row["micro"]["f1"])
    assert against["changes"][0]["gained"] > 0
    assert container["other"] == "the results in the container"
    assert command(taught, "model", "evaluate") == 0
    out = capsys.readouterr().out
    assert "against production (first)" in out and "\N{REPLACEMENT CHARACTER}" not in out


def test_lists_tell_what_there_is(taught: World, capsys: pytest.CaptureFixture[str]) -> None:
    trained(taught, NAMES[12:14])
    capsys.readouterr()
    assert command(taught, "model", "list", "--json") == 0
    newest, first = answers(capsys)
    assert (newest["model"], newest["deployed"], newest["documents"]) == ("reviewed-20250115-1", [], 14)
    assert (first["model"], first["deployed"], first["documents"]) == ("first", ["production"], None)
    assert command(taught, "model", "list") == 0
    assert "2 models of at most 10." in capsys.readouterr().out


def test_expiry_is_told(taught: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(taught, "model", "expiry", "--json") == 0
    rows = answers(capsys)
    assert [row["what"] for row in rows] == ["deployment production", "model first"]
    day = taught.clock().date() + timedelta(days=7)
    taught.service.authoring.state.expires["loans", "production"] = day
    assert command(taught, "model", "expiry") == 1
    assert "expires in 7 days" in capsys.readouterr().out


def test_only_named_models_are_deleted(taught: World, capsys: pytest.CaptureFixture[str]) -> None:
    for n in range(3):
        assert command(taught, "model", "train", "--yes", "--label", f"m{n}", "--unreviewed", f"in/{NAMES[12]}") == 0
    capsys.readouterr()
    assert command(taught, "model", "prune", "--keep", "1", "--yes") == 0
    assert "m0 m1" in capsys.readouterr().out.replace("m1 m0", "m0 m1")
    assert set(project(taught).models) == {"first", "m0", "m1", "m2"}
    assert command(taught, "model", "prune", "m0", "first", "--yes") == 1, "first is deployed"
    assert set(project(taught).models) == {"first", "m0", "m1", "m2"}
    assert command(taught, "model", "prune", "m0", "gone", "--yes", "--json") == 0
    assert set(project(taught).models) == {"first", "m1", "m2"}


def test_eleventh_model_is_refused_before(taught: World, capsys: pytest.CaptureFixture[str]) -> None:
    first = project(taught).models["first"]
    for n in range(9):
        project(taught).models[f"m{n}"] = replace(first, label=f"m{n}")
    review(taught, NAMES[12:13])
    assert command(taught, "model", "train", "--yes") == 1
    assert "the limit is 10" in capsys.readouterr().err
    assert len(documents(taught)) == 12


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["train", "--project", "none"], 1),
        (["train", "--project", "notes"], 1),
        (["train", "--label", "first", "--yes"], 1),
        (["train", "--resource", "none"], 2),
        (["deploy", "none", "--yes"], 1),
        (["deploy", "--candidate", "production"], 2),
        (["evaluate", "none"], 1),
        (["rollback", "--yes"], 1),
        (["list", "--project", "none"], 1),
    ],
)
def test_wrong_use_is_told(taught: World, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int) -> None:
    assert command(taught, "model", *arguments) == code
    assert capsys.readouterr().err


@pytest.mark.parametrize("status", [401, 403])
def test_missing_role_is_told(taught: World, capsys: pytest.CaptureFixture[str], status: int) -> None:
    taught.service.authoring.state.refuse_with = status
    assert command(taught, "model", "list") == 3
    assert "role" in capsys.readouterr().err


@pytest.mark.parametrize("status", [429, 500, 503])
def test_service_that_fails_is_given_up(taught: World, capsys: pytest.CaptureFixture[str], status: int) -> None:
    taught.service.authoring.state.refuse_with = status
    began = taught.clock()
    assert command(taught, "model", "list") == 3
    assert timedelta(minutes=5) < taught.clock() - began < timedelta(minutes=15)


# --- Interruptions ---


def state_of(world: World) -> tuple[Any, ...]:
    """What a command has come to: labels, texts, models, deployments and what is remembered."""
    of, history = project(world), store(world).history()
    return (
        documents(world),
        {one.name: world.training.read(one.name).data for one in world.training.list()},
        sorted(of.models),
        {name: one.model.label for name, one in of.deployments.items()},
        [one.label for one in history.trainings],
        [one.label for one in history.measured],
        [(one.label, one.previous) for one in history.deployed],
        [one.name for one in world.state.list("models/")],
    )


def killed_at_each_call(
    start: World, arguments: list[str], code: int = 0
) -> tuple[tuple[Any, ...], list[tuple[str, tuple[Any, ...]]]]:
    """Run a command undisturbed, then killed at each of its calls and started again; return what each came to."""
    calls: list[Call] = []
    undisturbed = copy_of(start)
    assert command(undisturbed, *arguments, gate=calls.append) == code
    ends = []
    for number, at in enumerate(calls):
        if at.action in ("read", "get_properties", "list", "GET") and at.moment == "after":
            continue  # The same as before the next call.
        world, seen = copy_of(start), iter(range(len(calls)))

        def gate(call: Call, seen: Any = seen, number: int = number) -> None:
            if next(seen, None) == number:
                raise Crash

        with pytest.raises(Crash):
            command(world, *arguments, gate=gate)
        assert command(world, *arguments) == code
        ends.append((f"{number} {at}", state_of(world)))
    return state_of(undisturbed), ends


@pytest.mark.long
def test_killed_training_comes_to_the_same_end(model_cache: Path) -> None:
    world = taught_world(model_cache, last=14)
    review(world, NAMES[12:14])
    expected, ends = killed_at_each_call(world, ["model", "train", "--yes"])
    assert len(ends) > 20
    for where, end in ends:
        assert end == expected, where


@pytest.fixture
def prepared(model_cache: Path) -> World:
    world = taught_world(model_cache, last=14)
    trained(world, NAMES[12:14])
    project(world).models["first"].results = unlearnt(project(world))
    return world


@pytest.mark.long
def test_killed_deployment_comes_to_the_same_end(prepared: World) -> None:
    expected, ends = killed_at_each_call(prepared, ["model", "deploy", "--yes", "--last", "2"])
    assert expected[3]["production"] == "reviewed-20250115-1"
    for where, end in ends:
        assert end == expected, where


@pytest.mark.long
def test_killed_rollback_comes_to_the_same_end(prepared: World) -> None:
    assert command(prepared, "model", "deploy", "--yes", "--last", "0") == 0
    calls: list[Call] = []
    undisturbed = copy_of(prepared)
    assert command(undisturbed, "model", "rollback", "--yes", gate=calls.append) == 0
    expected = state_of(undisturbed)
    assert expected[3]["production"] == "first"
    for number in range(len(calls)):
        world, seen = copy_of(prepared), iter(range(len(calls)))

        def gate(call: Call, seen: Any = seen, number: int = number) -> None:
            if next(seen, None) == number:
                raise Crash

        with pytest.raises(Crash):
            command(world, "model", "rollback", "--yes", gate=gate)
        command(world, "model", "rollback", "--yes")
        assert state_of(world) == expected, calls[number]


def test_interrupted_training_with_other_options_is_told(taught: World, capsys: pytest.CaptureFixture[str]) -> None:
    review(taught, NAMES[12:14])

    def gate(call: Call) -> None:
        if call.action == "POST" and ":import" in call.name:
            raise Crash

    with pytest.raises(Crash):
        command(taught, "model", "train", "--yes", gate=gate)
    assert command(taught, "model", "train", "--yes", "--prefix", "in/letter") == 1
    assert "--anew" in capsys.readouterr().err
    assert command(taught, "model", "train", "--json") == 0
    assert answers(capsys)[0]["isResumed"]
    assert command(taught, "model", "train", "--yes", "--prefix", "in/letter", "--anew") == 0


# --- The service ---


def test_rate_of_the_api_is_kept(taught: World) -> None:
    """Of any minute, not of those that a clock shows; the stand-in refuses more than the service takes."""
    review(taught, NAMES[12:14])
    access = GatedAccess(taught)
    for n in range(4):
        assert run(["model", "train", "--yes", "--label", f"m{n}"], access) == 0
        assert run(["model", "evaluate"], access) == 0
        assert run(["model", "deploy", "--yes", "--last", "0", "--even-if-worse"], access) == 0
    sent = [one for one in access.exchanges if "/authoring/" in one.path]
    assert len(sent) > 100
    assert {one.status for one in sent} <= {200, 202, 404}
    for first in sent:
        minute = [one.method for one in sent if timedelta() <= one.at - first.at < timedelta(minutes=1)]
        assert sum(method == "GET" for method in minute) <= 100
        assert sum(method != "GET" for method in minute) <= 10


def test_throttled_command_goes_on(taught: World) -> None:
    review(taught, NAMES[12:14])
    answered = iter([503, 429, 500] * 3)

    def gate(call: Call) -> None:
        taught.service.authoring.state.refuse_with = None
        if call.place == "service" and call.moment == "before" and call.action != "GET":
            taught.service.authoring.state.refuse_with = next(answered, None)

    assert command(taught, "model", "train", "--yes", gate=gate) == 0
    assert len(project(taught).models) == 2


@pytest.mark.parametrize("status", [None, 500])
def test_lost_answers_start_nothing_twice(taught: World, status: int | None) -> None:
    """A request that was carried out, and whose answer did not arrive or was that of a proxy."""
    review(taught, NAMES[12:14])
    lost: set[str] = set()

    def rewrite(response: requests.Response) -> None:
        path = str(response.url).partition("?")[0]
        if response.request.method in ("POST", "PUT") and "/authoring/" in path and path not in lost:
            lost.add(path)
            if status is None:
                raise requests.ConnectionError("lost", request=response.request)
            response.status_code, response.headers["content-type"] = status, "text/html"

    access = GatedAccess(taught)
    access.rewrite(rewrite)
    assert run(["model", "train", "--yes"], access) == 0
    assert run(["model", "deploy", "--yes", "--last", "0", "--even-if-worse"], access) == 0
    assert len(lost) >= 5
    assert sum(one.training is not None for one in project(taught).jobs.values()) == 1
    assert (deployed(taught), deployed(taught, "candidate")) == ("reviewed-20250115-1", "first")


@pytest.mark.parametrize("body", [b"[]", b'{"value": 5}', b'{"status": 5}', b"<html>"])
@pytest.mark.parametrize("part", ["/loans?", "/train/jobs", "/export/jobs", "/import/jobs", "/summary-result"])
def test_answers_of_another_type_end_in_a_sentence(
    taught: World, capsys: pytest.CaptureFixture[str], body: bytes, part: str
) -> None:
    """And the same command goes on once the answers are as they should be."""
    review(taught, NAMES[12:14])

    def rewrite(response: requests.Response) -> None:
        if response.request.method == "GET" and part in str(response.url):
            response._content = body

    access = GatedAccess(taught)
    access.rewrite(rewrite)
    began = taught.clock()
    assert run(["model", "train", "--yes"], access) in (1, 3)
    assert taught.clock() - began < timedelta(hours=1)
    err = capsys.readouterr().err
    assert err.count("\n") == 1 and "Traceback" not in err
    assert command(taught, "model", "train", "--yes") == 0
    assert set(project(taught).models) == {"first", "reviewed-20250115-1"}


def test_failed_training_says_why(taught: World, capsys: pytest.CaptureFixture[str]) -> None:
    for blob in list(taught.training.list()):
        taught.training.delete(blob.name)
    review(taught, NAMES[12:14])
    assert command(taught, "model", "train", "--yes") == 1
    assert "training needs at least 10" in capsys.readouterr().err
    assert store(taught).load_run("train", type(store(taught).history())) is None


def test_other_training_is_waited_for(taught: World) -> None:
    """The service takes one job at a time while a project trains."""
    review(taught, NAMES[12:14])
    began = []

    def gate(call: Call) -> None:
        if call.action == "POST" and ":import" in call.name and not began:
            began.append(taught.clock())
            reply = train_beside(taught)
            assert reply.status_code == 202

    assert command(taught, "model", "train", "--yes", gate=gate) == 0
    assert set(project(taught).models) == {"first", "other", "reviewed-20250115-1"}
    assert taught.clock() - began[0] > timedelta(seconds=90)


def train_beside(world: World) -> requests.Response:
    session = requests.Session()
    session.mount("https://", InProcessAdapter(world.service))
    address = f"https://{HOST}/language/authoring/analyze-text/projects/loans/:train?api-version=2023-04-01"
    body = {"modelLabel": "other", "evaluationOptions": {"kind": "manual"}}
    return session.post(address, json=body, headers={"Ocp-Apim-Subscription-Key": KEY}, timeout=10)


def test_json_of_the_page_follows(taught: World) -> None:

    trained(taught, NAMES[12:20])
    shown = taught.app.web.model.read()
    assert shown.reviewed_since_training == 0
    assert [one.model for one in shown.quality] == ["reviewed-20250115-1"]
    assert {one.category for one in shown.quality[0].categories} == {"Amount", "Borrower", "Date", "Lender"}
