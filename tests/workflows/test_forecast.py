"""What documents would take is said before anything is submitted, and comes true."""

from pathlib import Path

import pytest

from functions.core.journal import JobSubmitted
from functions.storage.memory_containers import MemoryContainer
from functions.workflows.forecast import Forecast
from functions.workflows.other_documents import FolderDocuments, RenamedDocuments
from local.document_intelligence.documents import pdf, picture
from tests.support.command_line import WorldAccess
from tests.support.scenarios import in_process
from tests.support.world import World, letter

TEXTS = {f"letters/{number:02d}.txt": letter(number) * (1 + number) for number in range(40)}


def of_intake(world: World, sampled: int = 25) -> Forecast:
    return world.app.forecaster(sampled=sampled).forecast(world.intake.list())


def drop(world: World) -> None:
    for name, text in TEXTS.items():
        world.drop(name, text, announce=False)


def test_forecast_of_few_documents_comes_true(world: World) -> None:
    drop(world)
    world.drop("photo.jpg", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", announce=False)
    told = of_intake(world, sampled=1000)
    world.reconcile()
    world.run()
    world.app.journal.flush()
    jobs = [
        one.line
        for one in world.app.parts.journal.entries(world.clock(), world.clock())
        if isinstance(one.line, JobSubmitted)
    ]
    assert (told.documents, told.read, told.unreadable.about) == (41, 41, 1)
    assert told.text_records.about == sum(job.text_records for job in jobs)
    assert told.text_records.error == 0
    assert told.characters.about == sum(map(len, TEXTS.values()))
    assert 0.5 * len(jobs) <= told.requests.about / 3 <= len(jobs)


def test_estimate_says_how_far_off_it_is(world: World) -> None:
    drop(world)
    exact, told = of_intake(world, 1000), of_intake(world, 4)
    assert told.read < told.documents == exact.documents
    assert told.characters.error > 0
    assert abs(told.characters.about - exact.characters.about) <= 2 * told.characters.error


def test_nothing_is_written(world: World) -> None:
    drop(world)
    before = [info.etag for info in world.intake.list()]
    of_intake(world)
    assert [info.etag for info in world.intake.list()] == before
    assert not list(world.state.list())
    assert not list(world.output.list())


def test_rules_decide_tasks_and_documents(world: World) -> None:
    world.write_rules(
        {"match": "old/**", "ignore": True},
        {"match": "two/**", "tasks": [{"kind": "CustomEntityRecognition"}, {"kind": "KeyPhraseExtraction"}]},
    )
    for name in ("old/a.txt", "two/a.txt", "a.txt"):
        world.drop(name, letter(1), announce=False)
    told = of_intake(world)
    assert (told.documents, told.ignored) == (2, 1)
    assert (told.text_records.about, told.prebuilt_text_records.about) == (2, 1)


def test_folders_and_archived_blobs_are_told_apart(world: World) -> None:
    world.intake.upload("folder/", b"")
    world.intake.upload("old.txt", b"text", tier="Archive")
    told = of_intake(world)
    assert (told.documents, told.archived) == (0, 1)
    assert told.requests.about == 0


def test_long_documents_count_what_is_sent(world: World) -> None:
    """Chunks overlap, and each is billed by itself."""
    text = "Mary Miller borrows $1000. " * 12_000
    world.drop("long.txt", text, announce=False)
    told = of_intake(world)
    world.reconcile()
    world.run()
    sent = sum(one.records for entry in world.service.counters.ledger for one in entry.documents)
    assert told.text_records.about == sent
    assert told.characters.about == len(text)


def test_pages_for_ocr_are_counted() -> None:
    world = World(has_ocr=True, extract=in_process)
    world.drop("scan.pdf", pdf([letter(1), letter(2)]), announce=False)
    world.drop("photo.png", picture(letter(3)), announce=False)
    told = of_intake(world)
    assert (told.pages.about, told.text_records.about, told.unreadable.about) == (3, 0, 0)


def test_folder_on_disk_is_read_as_documents(world: World, tmp_path: Path) -> None:
    for name, text in TEXTS.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    drop(world)
    folder = FolderDocuments(tmp_path)
    assert world.app.forecaster(folder).forecast(folder.list()) == of_intake(world)


def test_large_file_on_disk_is_no_document(world: World, tmp_path: Path) -> None:
    (tmp_path / "large.txt").write_bytes(b"text " * 3_000_000)
    folder = FolderDocuments(tmp_path / "large.txt", into="new/")
    told = world.app.forecaster(folder).forecast(folder.list())
    assert (told.documents, told.unreadable.about) == (1, 1)


def test_other_container_is_read_under_new_names(world: World) -> None:
    world.write_rules({"match": "new/old/**", "ignore": True})
    other = MemoryContainer(world.clock)
    for name in ("old/a.txt", "b.txt"):
        other.write(name, letter(1).encode())
    documents = RenamedDocuments(other, "new/")
    listed = [info._replace(name=f"new/{info.name}") for info in other.list()]
    told = world.app.forecaster(documents).forecast(listed)
    assert (told.documents, told.ignored, told.text_records.about) == (1, 1, 1)


@pytest.mark.parametrize(("hours", "most"), [(1, 30), (25, None)])
def test_busiest_minute_is_one_of_a_day(world: World, hours: int, most: int | None) -> None:
    for number in range(30):
        world.drop(f"{number}.txt", letter(number))
    world.run()
    world.app.journal.flush()
    world.clock.advance(120)
    world.drop("alone.txt", letter(99))
    world.run()
    world.app.journal.flush()
    world.clock.advance(3600 * hours)
    assert WorldAccess(world).busiest_minute() == most
