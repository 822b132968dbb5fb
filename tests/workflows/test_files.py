"""Files: their text is extracted when they are read, and their entities say where in the file they stand."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from functions.text.formats.extraction import Extracted
from functions.text.formats.extractors import VERSION
from functions.text.formats.runner import ExtractionUnavailable
from functions.workflows.working_copies import SMALL_TEXT
from local.process import ROOT
from tests.support.scenarios import LONG, in_process
from tests.support.world import World, letter, pairs_in

FILES = ROOT / "tests" / "data" / "formats"
LARGE = "and so on " * (SMALL_TEXT // 10)
PAGE = "<html><body><h1>Offer</h1><p>{}</p></body></html>"


@pytest.fixture
def world() -> World:
    return World(extract=in_process)


def drop(world: World, name: str, data: bytes) -> dict[str, Any]:
    world.drop(name, data)
    world.run()
    result = world.entities(name)
    assert result is not None, (world.error(name), world.describe())
    world.check_quiet()
    assert [info.name for info in world.state.list("extracted/")] == [], "the working copy is deleted"
    return result


def extracted_text(world: World, name: str) -> str:
    return str(world.output.read(f"{name}.extracted.txt").data.decode())


def test_file_has_entities_of_its_text(world: World) -> None:
    result = drop(world, "offer.html", PAGE.format(letter(1)).encode())
    text = extracted_text(world, "offer.html")
    assert [(one["category"], one["offset"], one["length"], one["text"]) for one in result["entities"]] == pairs_in(
        text
    )
    assert result["text"] == {
        "source": "extracted",
        "format": "html",
        "extractor": VERSION,
        "blob": "offer.html.extracted.txt",
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "ocr": None,
    }
    assert {one["location"]["heading"] for one in result["entities"]} == {"Offer"}


def test_same_content_leaves_no_copy(world: World) -> None:
    page = PAGE.format(letter(1)).encode()
    drop(world, "offer.html", page)
    assert drop(world, "offer.html", page)["carriedOver"]


def test_text_is_as_before(world: World) -> None:
    result = drop(world, "a.txt", letter(1).encode())
    assert (result["text"]["source"], result["text"]["format"]) == ("document", "plain")
    assert {result["text"][key] for key in ("extractor", "blob", "sha256", "ocr")} == {None}
    assert not any("location" in one for one in result["entities"])
    assert [info.name for info in world.output.list()] == ["a.txt.entities.json"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("offer.docx", "docx"),
        ("slides.pptx", "pptx"),
        ("loans.xlsx", "xlsx"),
        ("loans.xls", "xls"),
        ("loans.ods", "ods"),
        ("offer.odt", "odt"),
        ("book.epub", "epub"),
        ("letter.pdf", "pdf"),
        ("letter.rtf", "rtf"),
        ("mail.eml", "eml"),
        ("archive.zip", "zip"),
    ],
)
def test_every_format_is_read(world: World, name: str, kind: str) -> None:
    """Whatever its name says."""
    result = drop(world, "any.bin", (FILES / name).read_bytes())
    text = extracted_text(world, "any.bin")
    assert result["text"]["format"] == kind
    assert [one["text"] for one in result["entities"]] == [found for *_, found in pairs_in(text)]


@pytest.mark.parametrize(
    ("name", "code"),
    [("password.pdf", "ProtectedFile"), ("old.doc", "OldFormat"), ("scanned.pdf", "NoText")],
)
def test_unreadable_file_is_reported(world: World, name: str, code: str) -> None:
    world.drop(name, (FILES / name).read_bytes())
    world.run()
    assert world.check_failed(name, code)["error"]["fault"] == "document"
    world.check_quiet()


@pytest.mark.parametrize(("failures", "is_read"), [(3, True), (100, False)])
def test_extraction_unavailable_is_not_the_documents_fault(failures: int, is_read: bool) -> None:
    """As where the child process does not start; `reconcile` tries a reported document again."""
    left = [failures]

    def extract(data: bytes) -> Extracted:
        left[0] -= 1
        if left[0] >= 0:
            raise ExtractionUnavailable("no process")
        return in_process(data)

    world = World(extract=extract)
    world.drop("offer.html", PAGE.format(letter(1)).encode())
    world.settle()
    assert (world.entities("offer.html") is not None) is is_read
    if not is_read:
        assert world.check_failed("offer.html", "Unprocessable")["error"]["fault"] == "service"
        left[0] = 0
        world.clock.advance(86_400)
        world.reconcile()
        world.settle()
        assert world.entities("offer.html") is not None


def test_partly_scanned_pdf_names_other_pages(world: World) -> None:
    result = drop(world, "a.pdf", (FILES / "partly_scanned.pdf").read_bytes())
    assert [one["code"] for one in result["warnings"]] == ["PagesWithoutText"]


def test_long_file_is_located_throughout(world: World) -> None:
    paragraphs = LONG.strip().split("\n")
    page = "".join(f"<h2>Part {number}</h2><p>{line}</p>" for number, line in enumerate(paragraphs) if line)
    result = drop(world, "long.html", f"<html><body>{page}</body></html>".encode())
    text = extracted_text(world, "long.html")
    assert [(one["offset"], one["text"]) for one in result["entities"]] == [
        (offset, found) for _, offset, _, found in pairs_in(text)
    ]
    assert len(result["jobs"]) > 1
    assert all(one["location"]["heading"].startswith("Part") for one in result["entities"])


def test_replaced_file_takes_its_text_with_it(world: World) -> None:
    drop(world, "a", PAGE.format(letter(1)).encode())
    drop(world, "a", letter(2).encode())
    assert [info.name for info in world.output.list()] == ["a.entities.json"]


def test_newer_text_replaces_older(world: World) -> None:
    drop(world, "a", PAGE.format(letter(1)).encode())
    result = drop(world, "a", PAGE.format(letter(2)).encode())
    text = extracted_text(world, "a")
    assert "1002" in text
    assert result["text"]["sha256"] == hashlib.sha256(text.encode()).hexdigest()


def test_replaced_while_running_leaves_no_copy(world: World) -> None:
    world.drop("a", PAGE.format(letter(1)).encode())
    world.step()
    result = drop(world, "a", PAGE.format(letter(2)).encode())
    assert "1002" in extracted_text(world, "a")
    assert result["text"]["sha256"] == hashlib.sha256(extracted_text(world, "a").encode()).hexdigest()


def test_deleted_file_loses_its_text_at_night(world: World) -> None:
    drop(world, "a", PAGE.format(letter(1)).encode())
    world.remove("a")
    world.reconcile()
    assert [info.name for info in world.output.list()] == ["a.entities.json"]


def stored_copies(world: World) -> list[str]:
    return [info.name for info in world.state.list("extracted/")]


def test_small_working_copy_is_extracted_again(world: World) -> None:
    """It is not stored; another instance reads the file again."""
    world.drop("a", PAGE.format(letter(1)).encode())
    world.step()
    assert stored_copies(world) == []
    world.restart()
    world.run()
    result = world.entities("a")
    assert result is not None
    assert {one["location"]["heading"] for one in result["entities"]} == {"Offer"}
    world.check_quiet()


def test_large_working_copy_is_stored(world: World) -> None:
    world.drop("a", PAGE.format(letter(1) + LARGE).encode())
    world.step()
    assert len(stored_copies(world)) == 2
    world.extract = None
    world.restart()
    world.run()
    assert world.entities("a") is not None
    assert stored_copies(world) == []


def test_texts_of_two_extractors_are_not_mixed(world: World) -> None:
    """The second one reads the file anew, from the start."""
    world.drop("a", PAGE.format(letter(1)).encode())
    world.step()
    world.extract = lambda data: in_process(data.replace(b"Offer", b"Our offer"))
    world.restart()
    world.run()
    assert world.entities("a") is None
    world.reconcile()
    world.run()
    result = world.entities("a")
    assert result is not None
    assert result["text"]["sha256"] == hashlib.sha256(extracted_text(world, "a").encode()).hexdigest()
    assert extracted_text(world, "a").startswith("Our offer")
    world.check_quiet()


def test_deleted_small_file_gets_no_result(world: World) -> None:
    world.drop("a", PAGE.format(letter(1)).encode())
    world.step()
    world.remove("a")
    world.restart()
    world.run()
    assert [info.name for info in world.output.list()] == []
    world.check_quiet()


def test_lost_working_copy_is_read_anew(world: World) -> None:
    world.keep_no_texts()
    world.drop("a", PAGE.format(letter(1) + LARGE).encode())
    world.step()
    for name in stored_copies(world):
        world.state.delete(name)
    world.restart()
    world.settle()
    assert world.entities("a") is not None
    world.check_quiet()
    assert not list(world.app.parts.records.list_refusals())


def test_text_of_other_extractors_is_read_anew(world: World) -> None:
    """During a deployment: a small text is extracted again where it is not in memory, and must be the same."""
    world.drop("a", PAGE.format(letter(1)).encode())
    world.step()
    world.extract = lambda data: replace(in_process(data), text=in_process(data).text + "for Paul Porter.")
    world.restart()
    world.settle()
    result = world.entities("a")
    assert result is not None and result["entities"][-1]["text"] == "Paul Porter"
    assert result["text"]["sha256"] == hashlib.sha256(world.output.read("a.extracted.txt").data).hexdigest()
    world.check_quiet()


def test_extraction_can_be_turned_off() -> None:
    world = World()
    world.drop("a.pdf", (FILES / "letter.pdf").read_bytes())
    world.run()
    world.check_failed("a.pdf", "NotText")


@pytest.mark.parametrize(("size", "code"), [(1_300_000, None), (2_500_000, "TooLarge")])
def test_files_have_a_limit_of_their_own(size: int, code: str | None) -> None:
    """Between the two limits the beginning decides."""
    settings = {"MAX_DOCUMENT_BYTES": "1100000", "MAX_FILE_BYTES": "2000000"}
    world = World(extract=in_process, settings=settings)
    padded = (FILES / "letter.rtf").read_bytes().rstrip() + b" " * size
    world.drop("a.rtf", padded)
    world.drop("a.txt", b"a" * size)
    world.run()
    world.check_failed("a.txt", "TooLarge")
    if code:
        world.check_failed("a.rtf", code)
    else:
        assert world.entities("a.rtf") is not None, world.error("a.rtf")
