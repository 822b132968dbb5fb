"""Scans and pictures: OCR reads their pages first, then their text is analysed like any other."""

from datetime import timedelta
from typing import Any

import pytest

from functions.core.records import MAX_READING_PAGES
from local.document_intelligence.documents import Page, pdf, picture
from local.stand_in.faults import Scripted
from tests.support.scenarios import LONG, in_process
from tests.support.world import World, letter, pairs_in

PRINTED = Page(letter(1) + "Printed with many letters, so that this page has a text layer.", is_printed=True)
PARTLY = pdf([PRINTED, letter(2), letter(3)])


@pytest.fixture
def world() -> World:
    return World(extract=in_process, has_ocr=True)


def drop(world: World, name: str, data: bytes) -> dict[str, Any]:
    world.drop(name, data)
    world.run()
    result = world.entities(name)
    assert result is not None, (world.error(name), world.describe())
    check_quiet(world)
    return result


def check_quiet(world: World) -> None:
    world.check_quiet()
    assert [info.name for info in world.state.list("extracted/")] == [], "working copies are deleted"


def text_of(world: World, name: str) -> str:
    return str(world.output.read(f"{name}.extracted.txt").data.decode())


def found(result: dict[str, Any]) -> list[tuple[str, int, int, str]]:
    return [(one["category"], one["offset"], one["length"], one["text"]) for one in result["entities"]]


def fail_reading(world: World, kind: str, times: int = 1) -> None:
    world.reading_faults.script.append(Scripted(kind, times, None, 0))


def test_scan_has_entities_of_its_pages(world: World) -> None:
    result = drop(world, "scan.pdf", pdf([letter(1), letter(2)]))
    text = text_of(world, "scan.pdf")
    assert found(result) == pairs_in(text)
    assert [one["location"]["page"] for one in result["entities"]] == [1, 1, 1, 1, 2, 2, 2, 2]
    assert all(0.9 < one["location"]["readConfidence"] <= 1 for one in result["entities"])
    assert (result["text"]["format"], result["text"]["ocr"]) == ("pdf", "prebuilt-read 2024-11-30")
    assert result["document"]["characters"] == len(text)
    assert result["warnings"] == []
    assert (world.reader.counters.jobs_accepted, world.reader.counters.pages) == (1, 2)


def test_picture_has_entities(world: World) -> None:
    result = drop(world, "photo.png", picture(letter(1)))
    assert found(result) == pairs_in(text_of(world, "photo.png"))
    assert result["text"]["format"] == "png"
    assert {one["location"]["page"] for one in result["entities"]} == {1}


def test_only_pages_without_text_are_read(world: World) -> None:
    """Each stands where it does in the file."""
    result = drop(world, "a.pdf", pdf([letter(2), PRINTED, letter(3)]))
    assert found(result) == pairs_in(text_of(world, "a.pdf"))
    places = [one["location"] for one in result["entities"]]
    assert [place["page"] for place in places] == sorted(place["page"] for place in places)
    assert {place["page"] for place in places if "readConfidence" in place} == {1, 3}
    assert world.reader.counters.pages == 2
    assert result["warnings"] == []


def test_many_pages_take_several_requests(world: World) -> None:
    result = drop(
        world, "book.pdf", pdf([f"Paid by Mary Miller on page {n}." for n in range(2 * MAX_READING_PAGES + 5)])
    )
    assert [one["location"]["page"] for one in result["entities"]] == list(range(1, 2 * MAX_READING_PAGES + 6))
    assert world.reader.counters.jobs_accepted == 3


@pytest.mark.long
def test_long_text_is_analysed_in_chunks(world: World) -> None:
    pages = [LONG[start : start + 20_000] for start in range(0, len(LONG), 20_000)]
    result = drop(world, "long.pdf", pdf(pages))
    assert len(result["jobs"]) > 1
    assert found(result) == pairs_in(text_of(world, "long.pdf"))


def test_blank_scan_is_reported(world: World) -> None:
    world.drop("a.pdf", pdf(["", ""]))
    world.run()
    assert "OCR has found none" in world.check_failed("a.pdf", "NoText")["error"]["message"]
    check_quiet(world)
    assert world.service.counters.ledger == []


def test_without_resource_report_says_how(world: World) -> None:
    plain = World(extract=in_process)
    plain.drop("a.pdf", pdf([letter(1)]))
    plain.run()
    assert "DOCUMENT_INTELLIGENCE_ENDPOINT" in plain.check_failed("a.pdf", "NoText")["error"]["help"]


def test_refused_file_is_reported(world: World) -> None:
    fail_reading(world, "failed-content")
    world.drop("a.pdf", pdf([letter(1)]))
    world.run()
    assert world.check_failed("a.pdf", "InvalidContent")["error"]["fault"] == "document"
    check_quiet(world)


def test_refused_pages_leave_text_of_others(world: World) -> None:
    fail_reading(world, "failed-content")
    result = drop(world, "a.pdf", PARTLY)
    (warning,) = result["warnings"]
    assert warning["code"] == "PagesWithoutText" and ": 2-3. " in warning["message"]
    assert found(result) == pairs_in(text_of(world, "a.pdf"))


def test_free_tier_leaves_pages_out() -> None:
    world = World(extract=in_process, has_ocr=True, reading_behaviour={"free_tier": True})
    result = drop(world, "a.pdf", pdf([letter(1), letter(2), letter(3)]))
    assert [one["message"] for one in result["warnings"]] == [
        "Pages that are pictures were asked for and are missing from what OCR has read: 3."
    ]


def test_doubtful_pages_are_for_review(world: World) -> None:
    fail_reading(world, "low-confidence")
    result = drop(world, "a.pdf", pdf([letter(1)]))
    assert [one["code"] for one in result["warnings"]] == ["PagesDoubtful"]


@pytest.mark.parametrize(
    "kind",
    [
        "429",
        "503",
        "html-502",
        "reset",
        "reset-after",
        "failed",
        "vanished",
        "no-result",
        "missing-page",
        "blank",
        "odd-result",
        "odd-page",
        "unknown-status",
        pytest.param("stuck-not-started", marks=pytest.mark.long),
        "long",
    ],
)
def test_fault_of_reading_leaves_right_result(world: World, kind: str) -> None:
    fail_reading(world, kind)
    world.drop("a.pdf", PARTLY)
    world.settle()
    result = world.entities("a.pdf")
    assert result is not None, (world.error("a.pdf"), world.describe())
    assert found(result) == pairs_in(text_of(world, "a.pdf"))
    assert "Printed with many" in text_of(world, "a.pdf")
    check_quiet(world)


def test_outage_ends_in_text_of_other_pages(world: World) -> None:
    """Each of the submissions that may be billed is counted; analysis has its own."""
    fail_reading(world, "failed", times=1000)
    world.drop("a.pdf", PARTLY)
    world.settle()
    result = world.entities("a.pdf")
    assert result is not None
    assert "PagesWithoutText" in [one["code"] for one in result["warnings"]]
    assert world.reader.counters.jobs_accepted <= 6


def test_lasting_fault_is_reported(world: World) -> None:
    fail_reading(world, "failed", times=1000)
    world.drop("a.pdf", pdf([letter(1)]))
    world.settle()
    assert world.error("a.pdf") is not None
    assert world.reader.counters.jobs_accepted <= 6
    check_quiet(world)


def test_wrong_key_is_waited_for(world: World) -> None:
    world.restart(DOCUMENT_INTELLIGENCE_KEY="wrong")
    world.drop("a.pdf", pdf([letter(1)]))
    world.run_for(timedelta(hours=3))
    assert world.output.list is not None and world.error("a.pdf") is None
    world.restart(DOCUMENT_INTELLIGENCE_KEY="local")
    world.settle()
    assert world.entities("a.pdf") is not None
    assert world.reader.counters.jobs_accepted == 1


def test_turned_off_meanwhile_is_reported(world: World) -> None:
    world.drop("a.pdf", pdf([letter(1)]))
    world.drop("b.pdf", PARTLY)
    while world.reader.counters.jobs_accepted < 2:
        world.step() or world.clock.advance(1)
    world.has_ocr = False
    world.restart()
    world.settle()
    world.check_failed("a.pdf", "ReadingTurnedOff")
    result = world.entities("b.pdf")
    assert result is not None and "turned off" in result["warnings"][0]["message"]
    check_quiet(world)


def test_replaced_while_it_is_read(world: World) -> None:
    world.drop("a.pdf", pdf([letter(1)]))
    while world.reader.counters.jobs_accepted < 1:
        world.step() or world.clock.advance(1)
    result = drop(world, "a.pdf", pdf([letter(9)]))
    assert found(result) == pairs_in(text_of(world, "a.pdf"))
    assert "9" in text_of(world, "a.pdf")


def test_same_content_is_not_read_again(world: World) -> None:
    drop(world, "a.pdf", pdf([letter(1)]))
    drop(world, "a.pdf", pdf([letter(1)]))
    assert world.reader.counters.jobs_accepted == 1


def test_same_content_is_read_once_turned_on(world: World) -> None:
    world.has_ocr = False
    world.restart()
    drop(world, "a.pdf", PARTLY)
    world.has_ocr = True
    world.restart()
    result = drop(world, "a.pdf", PARTLY)
    assert result["warnings"] == []


def test_key_goes_to_its_own_endpoint_only(world: World) -> None:
    drop(world, "a.pdf", pdf([letter(1)]))
    assert world.worker.foreign.visits == []
