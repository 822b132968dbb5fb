"""A document that is purged leaves nothing of what trainings have made of it, and other documents lose nothing."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError

from functions.cli.exit_codes import CANNOT_REACH, DONE, NOT_ALL_DONE
from functions.cli.main import run
from functions.cli.problems_told import NoContainer
from functions.core.model_history import ModelHistory
from functions.labels.naming import training_name
from functions.storage.containers import Container
from functions.storage.memory_containers import MemoryContainer
from functions.storage.model_store import ModelStore
from functions.storage.record_format import encode
from functions.workflows.training_erasing import ABANDONED_AFTER
from tests.support.corrections import save
from tests.support.models import CONTAINER, NAMES, GatedAccess, command, copy_of, labelled, review, taught_world, told
from tests.support.world import Call, Crash, World

HOST = "loans.cognitiveservices.azure.com"
NAME, OTHER = f"in/{NAMES[12]}", f"in/{NAMES[13]}"
TRAIN = ("model", "train", "--yes")
PURGE = ("purge", NAME, "--document", "--json")


@pytest.fixture(scope="module")
def model_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def trained_once(model_cache: Path) -> World:
    """Two documents were reviewed, and a model was trained from them and twelve others."""
    world = taught_world(model_cache, last=14)
    review(world, NAMES[12:14])
    assert command(world, *TRAIN) == DONE
    world.clock.advance(3600)
    return world


@pytest.fixture
def trained(trained_once: World) -> World:
    return copy_of(trained_once)


@pytest.fixture
def reviewed(model_cache: Path) -> World:
    """Two documents were reviewed, and nothing was trained yet."""
    world = taught_world(model_cache, last=14)
    review(world, NAMES[12:14])
    world.clock.advance(3600)
    return world


def locations(world: World) -> set[str]:
    return {one["location"] for one in world.service.authoring.state.projects["loans"].assets["documents"]}


def history(world: World) -> ModelHistory:
    return ModelStore(world.state, HOST, "loans").history()


def texts_of(world: World, name: str) -> set[str]:
    return {text for text, document in history(world).names.items() if document == name}


def traces(world: World, name: str = NAME) -> list[str]:
    """Return what names a document, or has its text."""
    world.app.journal.flush()
    quoted, text = json.dumps(name).strip('"').encode(), labelled(name.removeprefix("in/"))[0].encode()
    containers: dict[str, MemoryContainer] = {
        "intake": world.intake, "output": world.output, "state": world.state, "training": world.training,
    }  # fmt: skip
    found = [
        f"{place} {info.name}"
        for place, container in containers.items()
        for info in container.list()
        if name in info.name or quoted in container.read(info.name).data or text in container.read(info.name).data
    ]
    own = training_name(name).removesuffix(".txt")[:-10]
    return found + [f"labels {one}" for one in locations(world) if one.startswith(own)]


def steps(out: str, place: str = "") -> list[str]:
    return [one["name"] for one in told(out) if one.get("place") == place]


def left(out: str) -> list[str]:
    return [one["left"] for one in told(out) if "left" in one]


def killed_at(what: Callable[[Call], bool]) -> Callable[[Call], None]:
    def gate(call: Call) -> None:
        if what(call):
            raise Crash

    return gate


def is_import(call: Call) -> bool:
    return call.action == "POST" and ":import" in call.name and call.moment == "before"


# --- All of it ---


def test_text_and_labels_go(trained: World, capsys: pytest.CaptureFixture[str]) -> None:
    before, (text,) = copy.deepcopy(trained.service.authoring.state.projects["loans"].assets), texts_of(trained, NAME)
    assert trained.training.read(text).data.decode() == labelled(NAMES[12])[0]
    assert command(trained, *PURGE) == NOT_ALL_DONE
    out = capsys.readouterr().out
    assert steps(out, "training") == [f"{text} in container {CONTAINER}"]
    assert steps(out, "labels") == [f"{text} in project 'loans'"]
    assert left(out) == ["models of project 'loans': first, reviewed-20250115-1"]
    assert traces(trained) == []
    after = trained.service.authoring.state.projects["loans"].assets
    kept = [one for one in before["documents"] if one["location"] != text]
    assert after == {**before, "documents": kept}, "nothing else of the labels is changed"
    assert {one.name for one in trained.training.list()} == {one["location"] for one in kept}
    assert command(trained, *PURGE) == NOT_ALL_DONE
    assert capsys.readouterr().out == "", "nothing is kept"
    assert command(trained, "model", "train", "--label", "next", "--yes") == DONE
    assert traces(trained) == []


def test_dry_run_names_all_and_changes_nothing(trained: World, capsys: pytest.CaptureFixture[str]) -> None:
    def state() -> Any:
        blobs = {info.name: info.etag for one in (trained.state, trained.training) for info in one.list()}
        return blobs, locations(trained)

    before = state()
    command(trained, *PURGE, "--dry-run")
    dry = capsys.readouterr().out
    assert state() == before
    command(trained, *PURGE)
    assert sorted(dry.splitlines()) == sorted(capsys.readouterr().out.splitlines())


def test_people_are_told_what_stays(trained: World, capsys: pytest.CaptureFixture[str]) -> None:
    (text,) = texts_of(trained, NAME)
    assert command(trained, "purge", NAME, "--document") == NOT_ALL_DONE
    out = capsys.readouterr().out
    assert f"removed  training   {text} in container {CONTAINER}\n" in out
    assert f"removed  labels     {text} in project 'loans'\n" in out
    assert "keep what they have learnt from it" in out and "model prune" in out


def test_all_versions_go(model_cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reviewed, text = taught_world(model_cache, last=14), labelled(NAMES[12])[0]
    save(reviewed, NAME, labelled(NAMES[12])[1])
    reviewed.clock.advance(60)
    reviewed.drop(NAME, f"New: {text}")
    reviewed.run()
    save(reviewed, NAME)
    assert command(reviewed, *TRAIN, "--replaced") == DONE
    reviewed.clock.advance(3600)
    both = texts_of(reviewed, NAME)
    assert len(both) == 2
    capsys.readouterr()
    command(reviewed, *PURGE)
    out = capsys.readouterr().out
    assert {*steps(out, "training")} == {f"{one} in container {CONTAINER}" for one in both}
    assert len(steps(out, "labels")) == 2
    assert traces(reviewed) == []


def test_nothing_is_asked_without_trainings(reviewed: World, capsys: pytest.CaptureFixture[str]) -> None:
    access = GatedAccess(reviewed)
    reviewed.service.authoring.state.refuse_with = 403
    assert run_on(access, *PURGE) == DONE
    assert not [one for one in access.exchanges if "/authoring/" in one.path]
    assert left(capsys.readouterr().out) == []


def run_on(access: GatedAccess, *arguments: str) -> int:
    access._world.app.journal.flush()
    return run(arguments, access)


def test_document_that_was_not_learnt_needs_no_service(trained: World, capsys: pytest.CaptureFixture[str]) -> None:
    trained.drop("other.txt", "Something else.")
    trained.run()
    trained.clock.advance(3600)
    trained.service.authoring.state.refuse_with = 403
    assert command(trained, "purge", "other.txt", "--document", "--json") == DONE
    assert left(capsys.readouterr().out) == []


# --- Whose text it is ---


def test_lost_history_is_made_up_for_by_digests(trained: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Texts of the document are known by their names; one of that form that is not of it stays."""
    (text,) = texts_of(trained, NAME)
    other = labelled(NAMES[12])[0] + " Later."
    later, foreign = training_name(NAME, other), training_name(NAME, "else")
    trained.training.write(later, other.encode())
    trained.training.write(foreign, b"of somebody")
    store = ModelStore(trained.state, HOST, "loans")
    lost = ModelHistory(resource=HOST, project="loans", containers=(CONTAINER,))
    trained.state.write(f"{store.folder}history.json", encode(lost))
    command(trained, *PURGE)
    found = steps(capsys.readouterr().out, "training")
    assert {*found} == {f"{one} in container {CONTAINER}" for one in (text, later)}
    assert trained.training.read(foreign).data == b"of somebody"
    assert text not in locations(trained)


def test_text_of_own_name_is_left_unless_known(trained: World, capsys: pytest.CaptureFixture[str]) -> None:
    """It may be what somebody labelled, and not the document's."""
    name = NAMES[0]
    trained.drop(name, "Something else.")
    trained.run()
    trained.clock.advance(3600)
    assert command(trained, "purge", name, "--document", "--json") == NOT_ALL_DONE
    assert left(capsys.readouterr().out) == [f"{name} in training container {CONTAINER}"]
    assert name in locations(trained)
    trained.training.read(name)


def test_same_text_of_another_document_stays(reviewed: World, capsys: pytest.CaptureFixture[str]) -> None:
    """And so it does where one is called as the text of the other."""
    twin = training_name(NAME)
    for name in (f"in/twin-{NAMES[12]}", twin):
        reviewed.drop(name, labelled(NAMES[12])[0])
        reviewed.run()
        save(reviewed, name, labelled(NAMES[12])[1])
    assert command(reviewed, *TRAIN) == DONE
    reviewed.clock.advance(3600)
    kept = set(history(reviewed).names) - texts_of(reviewed, NAME)
    assert len(kept) == 3
    capsys.readouterr()
    command(reviewed, *PURGE)
    assert len(steps(capsys.readouterr().out, "training")) == 1
    assert {info.name for info in reviewed.training.list()} >= kept
    assert locations(reviewed) >= kept


def test_text_in_a_container_of_two_projects_stays(trained: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Another project knows it as that of another document."""
    (text,) = texts_of(trained, NAME)
    ModelStore(trained.state, HOST, "other").add_names({text: "elsewhere.txt"}, {}, CONTAINER)
    command(trained, *PURGE)
    out = capsys.readouterr().out
    assert f"{text} in training container {CONTAINER}" in left(out)
    assert steps(out, "labels") == [f"{text} in project 'loans'"]
    trained.training.read(text)


# --- Interruptions, and trainings beside it ---


@pytest.mark.long
def test_killed_purge_comes_to_the_same_end(trained_once: World) -> None:
    calls: list[Call] = []
    undisturbed = copy_of(trained_once)
    command(undisturbed, *PURGE, gate=calls.append)
    expected = locations(undisturbed), {info.name for info in undisturbed.training.list()}, history(undisturbed)
    changing = [
        number
        for number, at in enumerate(calls)
        if at.moment == "before" or at.action not in ("read", "get_properties", "list", "GET")
    ]
    assert len(changing) > 20
    for number in changing:
        world, seen = copy_of(trained_once), iter(range(len(calls)))

        def gate(call: Call, seen: Any = seen, number: int = number) -> None:
            if next(seen, None) == number:
                raise Crash

        with pytest.raises(Crash):
            command(world, *PURGE, gate=gate)
        command(world, *PURGE)
        assert traces(world) == [], calls[number]
        assert (locations(world), {info.name for info in world.training.list()}, history(world)) == expected


@pytest.mark.long
@pytest.mark.parametrize("options", [(), ("--unreviewed", NAME), ("--replaced",)])
def test_purge_at_any_moment_of_training_leaves_nothing(model_cache: Path, options: tuple[str, ...]) -> None:
    """The training goes on, and is not disturbed otherwise."""
    start, train = taught_world(model_cache, last=14), (*TRAIN, *options)
    if options != ("--unreviewed", NAME):
        save(start, NAME, labelled(NAMES[12])[1])
    save(start, OTHER, labelled(NAMES[13])[1])
    if options == ("--replaced",):
        start.clock.advance(60)
        start.drop(NAME, f"New: {labelled(NAMES[12])[0]}")
        start.run()
    start.clock.advance(3600)
    calls: list[Call] = []
    undisturbed = copy_of(start)
    assert command(undisturbed, *train, gate=calls.append) == DONE
    assert len(texts_of(undisturbed, NAME)) == 1
    imported = next(number for number, call in enumerate(calls) if is_import(call))
    looked = next(
        number
        for number, call in enumerate(calls)
        if number > imported and call.action == "read" and "history" in call.name
    )
    for number in range(looked + 12):
        world, seen = copy_of(start), iter(range(len(calls)))

        def gate(call: Call, seen: Any = seen, number: int = number, world: World = world) -> None:
            if next(seen, None) == number:
                command(world, *PURGE)

        assert command(world, *train, gate=gate) == DONE
        if number <= looked:  # Else the purge was told to be repeated.
            assert [one for one in traces(world) if "models/" not in one] == [], (number, calls[number])
        command(world, *PURGE)
        assert traces(world) == [], calls[number]
        (kept,) = texts_of(world, OTHER)
        assert kept in locations(world)
        assert len(world.service.authoring.state.projects["loans"].models) == 2


def test_interrupted_training_goes_on_without_it(reviewed: World, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(Crash):
        command(reviewed, *TRAIN, gate=killed_at(is_import))
    capsys.readouterr()
    assert command(reviewed, *PURGE) == NOT_ALL_DONE
    out = capsys.readouterr().out
    assert left(out) == [f"labels of {NAME} in project 'loans'"]
    assert len(steps(out, "training")) == 1
    assert command(reviewed, *TRAIN) == DONE
    assert not [one for one in traces(reviewed) if not one.startswith("state models/")]
    command(reviewed, *PURGE)
    assert traces(reviewed) == []


@pytest.mark.parametrize("options", [(), ("--unreviewed", NAME)])
def test_abandoned_training_stands_in_no_way(
    reviewed: World, capsys: pytest.CaptureFixture[str], options: tuple[str, ...]
) -> None:
    with pytest.raises(Crash):
        command(reviewed, *TRAIN, *options, gate=killed_at(is_import))
    capsys.readouterr()
    reviewed.clock.advance(ABANDONED_AFTER.total_seconds() + 1)
    command(reviewed, *PURGE)
    assert all("models of project" in one for one in left(capsys.readouterr().out))
    assert traces(reviewed) == []
    assert command(reviewed, *TRAIN) == DONE
    assert traces(reviewed) == []


def test_impossible_training_stands_in_no_way(model_cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world = taught_world(model_cache, first=5, last=7)
    review(world, NAMES[5:7])
    world.clock.advance(3600)
    assert command(world, *TRAIN) != DONE
    assert "training needs at least 10" in capsys.readouterr().err
    command(world, "purge", f"in/{NAMES[5]}", "--document", "--json")
    assert all("models of project" in one for one in left(capsys.readouterr().out))
    assert traces(world, f"in/{NAMES[5]}") == []


def test_document_dropped_again_is_learnt(trained: World) -> None:
    """What is reviewed after the purge is a document of its own, also where the labels could not be taken out."""
    trained.service.authoring.state.refuse_with = 403
    assert command(trained, *PURGE) == CANNOT_REACH
    trained.service.authoring.state.refuse_with = None
    trained.clock.advance(60)
    trained.drop(NAME, labelled(NAMES[12])[0])
    trained.run()
    save(trained, NAME, labelled(NAMES[12])[1])
    assert command(trained, *TRAIN) == DONE
    (text,) = texts_of(trained, NAME)
    assert text in locations(trained)
    assert trained.training.read(text).data.decode() == labelled(NAMES[12])[0]


# --- What can not be reached ---


@pytest.mark.parametrize("status", [401, 403])
def test_missing_role_is_told_and_texts_go(trained: World, capsys: pytest.CaptureFixture[str], status: int) -> None:
    (text,) = texts_of(trained, NAME)
    trained.service.authoring.state.refuse_with = status
    assert command(trained, *PURGE) == CANNOT_REACH
    out, err = capsys.readouterr()
    assert "role Cognitive Services Language Writer" in err and err.count("\n") == 1
    assert left(out) == [f"labels of {NAME} in project 'loans'"]
    assert steps(out, "training") == [f"{text} in container {CONTAINER}"]
    trained.service.authoring.state.refuse_with = None
    assert command(trained, "model", "train", "--label", "next", "--yes") == DONE
    assert text not in locations(trained), "the next training leaves it out"
    capsys.readouterr()
    assert command(trained, *PURGE) == NOT_ALL_DONE
    assert traces(trained) == []


def test_failed_import_is_told_and_texts_go(trained: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Somebody has spoilt the labels: the service does not take them back."""
    (text,) = texts_of(trained, NAME)
    entries = trained.service.authoring.state.projects["loans"].assets["documents"]
    spoilt = next(one for one in entries if one["location"] == NAMES[0])
    spoilt["language"] = "fr"
    assert command(trained, *PURGE) == NOT_ALL_DONE
    out, err = capsys.readouterr()
    assert "The import into project 'loans' has failed" in err and "same language" in err
    assert left(out) == [f"labels of {NAME} in project 'loans'"]
    assert steps(out, "training") == [f"{text} in container {CONTAINER}"]
    assert command(trained, *TRAIN, "--label", "next") == NOT_ALL_DONE
    spoilt["language"] = "en-us"
    command(trained, *PURGE)
    assert traces(trained) == []


class Refusing(GatedAccess):
    """The training container can not be reached, or is not there."""

    def __init__(self, world: World, error: Exception) -> None:
        super().__init__(world)
        self._error = error

    def other_container(self, container: str) -> Container:
        raise self._error


def test_refused_container_is_told_and_labels_go(trained: World, capsys: pytest.CaptureFixture[str]) -> None:
    refused = HttpResponseError("no")
    refused.status_code = 403
    (text,) = texts_of(trained, NAME)
    assert run_on(Refusing(trained, refused), *PURGE) == CANNOT_REACH
    out, err = capsys.readouterr()
    assert "lacks the right" in err and err.count("\n") == 1
    assert f"texts of {NAME} for project 'loans': {text}" in left(out)
    assert text not in locations(trained)
    command(trained, *PURGE)
    assert traces(trained) == []


def test_container_that_is_gone_has_no_texts(trained: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_on(Refusing(trained, NoContainer("gone")), *PURGE) == NOT_ALL_DONE
    assert all("models" in one for one in left(capsys.readouterr().out))
    assert texts_of(trained, NAME) == set()


def test_container_behind_a_signature_is_asked_for(reviewed: World, capsys: pytest.CaptureFixture[str]) -> None:
    address = "https://other.blob.core.windows.net/training"

    class Elsewhere(GatedAccess):
        def other_container(self, container: str) -> Container:
            assert container.partition("?")[0] == address
            return super().container(CONTAINER)

    assert run_on(Elsewhere(reviewed), *TRAIN, "--texts-in", f"{address}?sig=secret") == DONE
    assert history(reviewed).containers == (address,)
    assert not [one for one in reviewed.state.list("models/") if b"secret" in reviewed.state.read(one.name).data]
    reviewed.clock.advance(3600)
    capsys.readouterr()
    assert run_on(Elsewhere(reviewed), *PURGE) == CANNOT_REACH
    assert f"Texts of trainings lie in {address}" in capsys.readouterr().err
    assert len(texts_of(reviewed, NAME)) == 1
    run_on(Elsewhere(reviewed), *PURGE, "--texts-in", f"{address}?sig=secret")
    assert traces(reviewed) == []


# --- Histories of earlier releases ---


def forget_place(world: World, project: str = "loans") -> None:
    """Have the history be as an earlier release has written it."""
    store = ModelStore(world.state, HOST, "loans")
    known = json.loads(world.state.read(f"{store.folder}history.json").data)
    for member in ("resource", "project", "containers"):
        del known[member]
    folder = ModelStore(world.state, HOST, project).folder
    world.state.delete(f"{store.folder}history.json")
    world.state.write(f"{folder}history.json", json.dumps(known).encode())


def test_history_of_the_last_release_is_understood(trained: World) -> None:
    forget_place(trained)
    command(trained, *PURGE)
    assert traces(trained) == []


def test_history_of_an_unknown_project_is_told(trained: World, capsys: pytest.CaptureFixture[str]) -> None:
    forget_place(trained, "other")
    assert command(trained, *PURGE) == NOT_ALL_DONE
    assert left(capsys.readouterr().out) == [f"texts and labels of {NAME} for trainings"]


def test_resource_that_settings_lack_is_told(trained: World, capsys: pytest.CaptureFixture[str]) -> None:
    elsewhere = ModelStore(trained.state, "elsewhere.example.net", "loans")
    elsewhere.add_names({"x0123456789.txt": NAME}, {}, CONTAINER)
    assert command(trained, *PURGE) == NOT_ALL_DONE
    assert f"labels of {NAME} in project 'loans'" in left(capsys.readouterr().out)
    assert "x0123456789.txt" in elsewhere.history().names, "until it is out of the labels"
