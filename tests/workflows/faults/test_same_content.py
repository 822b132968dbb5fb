"""A new version with the same content is not billed again, and a document may name its language."""

import json
from typing import Any

import pytest

from functions.core.results import entities_name
from tests.support.scenarios import LONG, Scenario, lines
from tests.support.world import Call, Crash, World, letter
from tests.workflows.faults.test_crash_points import CrashAt


def stamp(world: World, name: str, content: str | bytes, **metadata: str) -> str:
    """Write metadata onto a document, as a scanner does: a new version with the same content."""
    data = content.encode() if isinstance(content, str) else content
    etag: str = world.intake.upload(name, data, metadata={"scan": "clean", **metadata})
    world.versions.setdefault(name, []).append(etag)
    world.announce(name)
    return etag


# --- Same content ---


@pytest.mark.parametrize("text", [letter(1), LONG], ids=["short", "long"])
def test_same_content_keeps_result(world: World, text: str, caplog: pytest.LogCaptureFixture) -> None:
    world.drop("a.txt", text)
    world.run()
    before, billed = world.entities("a.txt"), world.service.counters.documents_accepted
    assert before is not None
    assert "carriedOver" not in before
    etag = stamp(world, "a.txt", text)
    world.run()
    world.check_right("a.txt")
    after = world.entities("a.txt")
    assert after and (after.pop("carriedOver"), after["document"].pop("etag")) == (True, etag)
    for changing in (before["document"], after["document"]):
        changing.pop("lastModified"), changing.pop("etag", None)
    assert after == before
    info = world.output.get_properties(entities_name("a.txt"))
    assert info.metadata["source_etag"] == etag
    assert world.service.counters.documents_accepted == billed
    assert len(lines(caplog, "document_carried_over")) == 1
    world.check_quiet()
    record, _ = world.app.parts.records.document("a.txt")
    assert record and record.document.etag == etag
    assert [entry.event for entry in record.history] == ["claimed", "extracted", "claimed", "extracted"]
    tally = world.reconcile()
    assert (tally.done, tally.submitted) == (1, 0)


def test_result_is_carried_over_twice(world: World) -> None:
    world.drop("a.txt", letter(1))
    world.run()
    for _ in range(3):
        world.clock.advance(60)
        stamp(world, "a.txt", letter(1))
        world.run()
    world.check_right("a.txt")
    assert world.submissions_of(letter(1)) == 1


def test_reconcile_carries_over_result(world: World) -> None:
    world.drop("a.txt", letter(1))
    world.run()
    world.intake.upload("a.txt", letter(1).encode(), metadata={"scan": "clean"})
    world.reconcile()
    world.run()
    world.check_right("a.txt")
    world.check_quiet()
    assert world.submissions_of(letter(1)) == 1


OTHER_WORK = [
    {"LANGUAGE_DEPLOYMENT": "other"},
    {"LANGUAGE_PROJECT": "other"},
    {"DOCUMENT_LANGUAGE": "de"},
    {"STRING_INDEX_TYPE": "Utf16CodeUnit"},
]


@pytest.mark.parametrize("settings", OTHER_WORK, ids=lambda settings: next(iter(settings)))
def test_other_settings_are_submitted_again(world: World, settings: dict[str, str]) -> None:
    world.drop("a.txt", letter(1))
    world.run()
    world.restart(**settings)
    stamp(world, "a.txt", letter(1))
    for _ in range(3):
        world.step()
    assert world.entities("a.txt") is None or "carriedOver" not in (world.entities("a.txt") or {})
    assert world.exchanges("POST"), "submitted by the new worker"


def test_language_change_is_submitted_again(world: World) -> None:
    world.drop("a.txt", letter(1))
    world.run()
    stamp(world, "a.txt", letter(1), language="de")
    world.run()
    assert world.submissions_of(letter(1)) == 2


def test_reports_are_not_carried_over(world: World) -> None:
    world.drop("a.txt", b"%PDF-1.7")
    world.run()
    etag = stamp(world, "a.txt", b"%PDF-1.7")
    world.run()
    assert world.check_failed("a.txt", "NotText")["document"]["etag"] == etag


@pytest.mark.parametrize("damage", ["deleted", "not a result", "of another version"])
def test_missing_result_is_submitted_again(world: World, damage: str) -> None:
    world.drop("a.txt", letter(1))
    world.run()
    name = entities_name("a.txt")
    blob = world.output.read(name)
    if damage == "deleted":
        world.output.delete(name)
    elif damage == "not a result":
        world.output.write(name, b"{}", metadata=blob.info.metadata)
    else:
        world.output.write(name, blob.data, metadata={**blob.info.metadata, "source_etag": '"0x0"'})
    stamp(world, "a.txt", letter(1))
    world.run()
    world.check_right("a.txt")
    assert world.submissions_of(letter(1)) == 2


def test_other_content_is_submitted(world: World) -> None:
    world.drop("a.txt", letter(1))
    world.run()
    stamp(world, "a.txt", letter(2))
    world.run()
    world.check_right("a.txt")
    assert world.submissions_of(letter(2)) == 1


def prepare(world: World) -> None:
    world.drop("a.txt", letter(1))
    world.run()
    stamp(world, "a.txt", letter(1))


def test_crash_while_carrying_over_is_free() -> None:
    scenario = Scenario(prepare)
    whole = CrashAt(0)
    scenario.play(scenario.start(whole))
    for number in range(1, whole.passed + 1):
        gate = CrashAt(number)
        world = scenario.start(gate)
        try:
            scenario.play(world)
        except Crash:
            world.gate = None
            world.restart()
            scenario.play(world)
        world.gate = None
        world.settle()
        world.check_right("a.txt")
        world.check_quiet()
        assert world.submissions_of(letter(1)) == 1, (number, gate.at)
        assert world.reconcile().submitted == 0, (number, gate.at)
    assert whole.passed > 12


@pytest.mark.parametrize("other", ["the same event", "a new version", "a report"])
def test_concurrent_change_leaves_one_result(other: str) -> None:
    for number in range(1, 40):
        world = World()
        prepare(world)
        worker, passed = world.start_worker(gate=lambda call: None), 0

        def act(world: World = world, worker: Any = worker) -> None:
            world.gate = None
            if other == "a new version":
                world.drop("a.txt", letter(1, version=2))
            elif other == "a report":
                world.drop("a.txt", b"%PDF-1.7")
            worker.app.submitter.submit("a.txt")

        def gate(call: Call, number: int = number, act: Any = act) -> None:
            nonlocal passed
            passed += 1
            if passed == number:
                act()

        world.gate = gate
        world.step()
        world.gate = None
        world.run()
        if passed < number:
            break
        if other == "a report":
            world.check_failed("a.txt", "NotText")
        else:
            world.check_right("a.txt")
        world.check_quiet()
        assert world.submissions_of(letter(1)) == 1, number
        tally = world.reconcile()
        assert (tally.submitted, len(list(world.output.list()))) == (0, 1), number
    assert number > 12


# --- Language ---


@pytest.mark.parametrize("key", ["language", "Language", "LANGUAGE"])
def test_document_may_name_language(world: World, key: str) -> None:
    world.intake.upload("a.txt", letter(1).encode(), metadata={key: "pt-BR"})
    world.announce("a.txt")
    world.step()
    (listed,) = world.app.parts.records.list_jobs()
    job, _ = world.app.parts.records.job(listed.id)
    assert [chunk.language for chunk in job.chunks] == ["pt-BR"]
    world.run()
    result = world.entities("a.txt")
    assert result and result["document"]["language"] == "pt-BR"


@pytest.mark.parametrize("metadata", [{}, {"language": " "}])
def test_setting_gives_default_language(world: World, metadata: dict[str, str]) -> None:
    world.intake.upload("a.txt", letter(1).encode(), metadata=metadata)
    world.announce("a.txt")
    world.step()
    (listed,) = world.app.parts.records.list_jobs()
    job, _ = world.app.parts.records.job(listed.id)
    assert [chunk.language for chunk in job.chunks] == [None]
    world.run()
    result = world.entities("a.txt")
    assert result and result["document"]["language"] == "en"


@pytest.mark.parametrize("language", ["English (US)", "e", "en_US", "de-", "<en>", "x" * 500])
def test_bad_language_is_documents_fault(world: World, language: str) -> None:
    world.intake.upload("a.txt", letter(1).encode(), metadata={"language": language})
    world.announce("a.txt")
    world.run()
    report = world.check_failed("a.txt", "InvalidLanguage")
    assert report["error"]["fault"] == "document"
    assert language[:20] in json.dumps(report)
    assert world.submissions_of(letter(1)) == 0
